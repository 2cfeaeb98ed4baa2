/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pawl server's reply, judged as the answer to an ask. The server may be anything, or lie: what
 * it says is believed only where it cannot make ids come twice.
 */
#ifndef PAWL_REPLY_H
#define PAWL_REPLY_H

#include "range/source.h"

/*
 * Reads one reply from the front of bytes and sets ask's error and results, ready to be answered.
 *
 * Returns  > 0  how many bytes the reply took
 *          0    it is not all there yet
 *          -1   this is no reply to that ask, and *why says why; ask is as it was
 */
ptrdiff_t pawl_reply_read(struct pawl_bytes bytes, struct pawl_ask *ask, const char **why);

#endif
