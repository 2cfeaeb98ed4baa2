/* SPDX-License-Identifier: Apache-2.0 */
/* A lane's run: ids that one thread took from a stock ahead of need, and hands out alone. */
#ifndef PAWL_LANE_H
#define PAWL_LANE_H

#include "range/stock.h"

enum {
    PAWL_RUN_LEAST = 16,  /* ids in the first run */
    PAWL_RUN_MOST = 1024, /* ids in a run, at most */
};

/* One thread's at a time. {0} is an empty run, and so is one whose pages a fork has wiped. */
struct pawl_run {
    int64_t next;
    uint64_t left;
    int64_t increment;
    uint64_t stamp;   /* the stock's when the run was taken */
    uint64_t size;    /* of the run before; the next is twice as long. Whoever is slow lowers it */
    uint64_t dropped; /* ids burned because the stamp changed: whoever books them sets it to 0 */
};

/* Takes a new run and its first id; books what is left of a stale one. */
bool pawl_run_refill(struct pawl_run *run, struct pawl_stock *stock, int64_t *id)
    __attribute__((cold, noinline));

/* Empties a run; returns how many ids that burns. */
uint64_t pawl_run_drop(struct pawl_run *run);

/* The next id. false: nothing is at hand, in the run or in the stock, whose keeper was woken. */
static inline bool pawl_run_next(struct pawl_run *run, struct pawl_stock *stock, int64_t *id)
{
    uint64_t stamp = atomic_load_explicit(&stock->stamp, memory_order_acquire);

    if (PAWL_UNLIKELY(run->left == 0 || run->stamp != stamp)) {
        return pawl_run_refill(run, stock, id);
    }
    *id = run->next;
    run->next = pawl_id_at(run->next, run->increment, 1);
    run->left--;
    return true;
}

#endif
