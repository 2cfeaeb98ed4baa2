/* SPDX-License-Identifier: Apache-2.0 */
#include "range/lane.h"

uint64_t pawl_run_drop(struct pawl_run *run)
{
    uint64_t left = run->left;

    run->left = 0;
    return left;
}

static uint64_t next_size(uint64_t size)
{
    if (size < PAWL_RUN_LEAST / 2) return PAWL_RUN_LEAST;
    return size < PAWL_RUN_MOST / 2 ? size * 2 : PAWL_RUN_MOST;
}

bool pawl_run_refill(struct pawl_run *run, struct pawl_stock *stock, int64_t *id)
{
    pawl_ids ids;
    uint64_t size = next_size(run->size);

    run->dropped += pawl_run_drop(run);
    /*
     * Before the take: a new epoch is stamped after the old one's ids were retracted and before
     * its own are published, so ids taken under the new stamp cannot be old ones.
     */
    run->stamp = atomic_load_explicit(&stock->stamp, memory_order_acquire);
    if (!pawl_stock_take(stock, size, &ids)) return false;

    *id = ids.first;
    run->size = size;
    run->next = pawl_id_at(ids.first, ids.increment, 1);
    run->increment = ids.increment;
    run->left = ids.count - 1;
    return true;
}
