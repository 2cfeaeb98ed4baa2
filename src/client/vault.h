/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a forked child finds wiped: pages under MADV_WIPEONFORK. All that can hand out an id
 * lives here (stocks, lanes' runs, answers on their way), so that a child has none of its parent's
 * ids, whatever the fork cut through. The word `alive` is lost with the rest, and so says "child".
 *
 * A mutex that another thread held at the fork is wiped as well: zeros are a valid unlocked mutex
 * on Linux (PTHREAD_MUTEX_INITIALIZER of glibc and of musl).
 */
#ifndef PAWL_VAULT_H
#define PAWL_VAULT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/base.h"

enum {
    PAWL_VAULT_CELL_MIN = 64,
    PAWL_VAULT_CELL_MAX = 8192,
    PAWL_VAULT_CLASSES = 8, /* 64, 128 ... 8192 */
};

struct pawl_vault_chunk;
struct pawl_vault_cell;

/* Lies at the front of its own first chunk. */
struct pawl_vault {
    _Atomic uint64_t alive; /* 0: this is a child of the process that made it */
    pthread_mutex_t lock;   /* of the fields below */
    struct pawl_vault_chunk *chunks;
    char *room;
    size_t room_size;
    struct pawl_vault_cell *free[PAWL_VAULT_CLASSES];
    pthread_mutex_t door; /* its owner's, for whatever must be done once */
};

/* NULL: no memory, or a kernel that cannot wipe (before Linux 4.14): error says which. */
struct pawl_vault *pawl_vault_new(pawl_error *error);
/* By the process that made it; a child's copy stays until the child ends. */
void pawl_vault_free(struct pawl_vault *vault);

/* Any thread. Zeroed, on a cache line of its own. NULL: no memory. size <= PAWL_VAULT_CELL_MAX. */
void *pawl_vault_take(struct pawl_vault *vault, size_t size);
void pawl_vault_give(struct pawl_vault *vault, void *at, size_t size);

static inline bool pawl_vault_alive(const struct pawl_vault *vault)
{
    return atomic_load_explicit(&vault->alive, memory_order_relaxed) != 0;
}

#endif
