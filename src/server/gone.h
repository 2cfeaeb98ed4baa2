/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that sequences have left: by a drop or a rename, on any wire of this server. A PostgreSQL
 * session knows the last id of each sequence by its name; what it knows of one that is gone must
 * not be told as another one's. The newest GONE_NAMES_MAX are kept, for all desks together; who
 * has not looked for longer is told so, and forgets all.
 */
#ifndef PAWLD_GONE_H
#define PAWLD_GONE_H

#include <pthread.h>
#include <stdatomic.h>

#include "range/record.h"

enum { GONE_NAMES_MAX = 256 };

struct gone_name {
    struct pawl_name from;
    struct pawl_name to; /* size 0: dropped, or nobody knows */
};

struct gone {
    _Atomic uint64_t count; /* of all that there have been */
    pthread_mutex_t lock;   /* held by whoever touches names, and to raise count */
    struct gone_name names[GONE_NAMES_MAX];
};

enum gone_found { GONE_NOTHING, GONE_ONE, GONE_OVERRUN };

struct gone *gone_new(void); /* NULL: no memory */
void gone_free(struct gone *gone);

/* How many there have been. Any thread; whoever was told of a drop finds it counted. */
static inline uint64_t gone_count(const struct gone *gone)
{
    return atomic_load_explicit(&gone->count, memory_order_relaxed);
}

/* Any thread. to may be of size 0. */
void gone_add(struct gone *gone, struct pawl_bytes from, struct pawl_bytes to);
/*
 * The next one after *seen, which moves on, or to the end after GONE_OVERRUN: more have come than
 * are kept. Any thread.
 */
enum gone_found gone_next(struct gone *gone, uint64_t *seen, struct gone_name *name);

#endif
