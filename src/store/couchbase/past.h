/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Branches: a record's is the uuid of its vBucket's history in which it was written. A vBucket's
 * log of failovers says which histories the present one came from: of those it has every durable
 * write.
 */
#ifndef PAWL_KV_PAST_H
#define PAWL_KV_PAST_H

#include "range/source.h"
#include "store/couchbase/router.h"

/* Whether the log of the vBucket is at hand, and its newest history is this; uuid 0: whichever. */
bool pawl_kv_past_known(const struct pawl_kv_router *router, uint16_t vbucket, uint64_t uuid);
/* Keeps it, as it was told. */
void pawl_kv_past_keep(struct pawl_kv_router *router, uint16_t vbucket, struct pawl_bytes log);
void pawl_kv_past_forget(struct pawl_kv_router *router);

/* The branch that was last told, as far as it concerns a record that bears `was`. uuid: of the
 * answer to a write; 0: the newest that is known. */
struct pawl_branch pawl_kv_past_branch(const struct pawl_kv_router *router, uint16_t vbucket,
                                       uint64_t uuid, struct pawl_bytes was);
/* Bucket, collection, and whose documents in it; no branch. A collection made anew is another. */
struct pawl_identity pawl_kv_past_identity(const struct pawl_kv_router *router);

#endif
