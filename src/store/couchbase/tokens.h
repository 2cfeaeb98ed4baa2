/* SPDX-License-Identifier: Apache-2.0 */
/* What a vBucket's log of failovers says of a write that was answered before. */
#ifndef PAWL_KV_TOKENS_H
#define PAWL_KV_TOKENS_H

#include "base/base.h"

enum pawl_kv_history {
    PAWL_KV_HISTORY_KEPT,    /* the write is part of what the vBucket has now */
    PAWL_KV_HISTORY_LOST,    /* the present history left its own before it */
    PAWL_KV_HISTORY_UNKNOWN, /* the log does not reach back: to be taken as lost */
};

/* log: entries of uuid and sequence number, newest first. */
enum pawl_kv_history pawl_kv_history_of(struct pawl_bytes log, uint64_t uuid, uint64_t seqno);

#endif
