/* SPDX-License-Identifier: Apache-2.0 */
/* Operations as RESP requests. Bytes out, no I/O. */
#ifndef PAWL_REDIS_REQUEST_H
#define PAWL_REDIS_REQUEST_H

#include "store/records.h"
#include "store/redis/meta.h"
#include "store/redis/settings.h"

enum {
    PAWL_REDIS_REQUEST_BYTES_MAX = 8 * 1024,
    PAWL_REDIS_LIST_MAX = 128, /* records in one page; whoever wants more gets it in pages */
    PAWL_REDIS_CHECK_NAMES_MAX = 1000, /* in one page of a check, which goes on until the last */
    PAWL_REDIS_WORDS_MAX = 4,
};

/* Whether a script carries it out: PING is a command of Redis's own. */
static inline bool pawl_redis_is_script(const struct pawl_op *op)
{
    return op->kind != PAWL_OP_PING && op->kind != PAWL_OP_REDRAW;
}

/* Whether what is kept about the server has a part in it. */
static inline bool pawl_redis_is_of_record(const struct pawl_op *op)
{
    return op->kind == PAWL_OP_READ || op->kind == PAWL_OP_WRITE || op->kind == PAWL_OP_ADVANCE;
}

/* How it is sent. */
struct pawl_redis_way {
    bool whole;      /* with the script's text, for a server that does not have it yet */
    uint64_t number; /* that the answer must bear: see pawl_redis_bears */
    const struct pawl_redis_meta *meta; /* what is known of the server */
};

size_t pawl_redis_write_op(const struct pawl_op *op, const struct pawl_redis_settings *settings,
                           struct pawl_redis_way way, char to[PAWL_REDIS_REQUEST_BYTES_MAX]);
/* META: reads what is there; if want is given, it replaces what has the branch expected. */
size_t pawl_redis_write_meta(const struct pawl_redis_settings *settings,
                             const struct pawl_tag *expected, const struct pawl_redis_meta *want,
                             char to[PAWL_REDIS_REQUEST_BYTES_MAX]);
/* The words of a short command: at most PAWL_REDIS_WORDS_MAX. */
#define PAWL_REDIS_WORDS(...) ((const char *const[PAWL_REDIS_WORDS_MAX]){__VA_ARGS__})
/* NULL ends words, where they are fewer. */
size_t pawl_redis_write_words(const char *const words[PAWL_REDIS_WORDS_MAX],
                              char to[PAWL_REDIS_REQUEST_BYTES_MAX]);

#endif
