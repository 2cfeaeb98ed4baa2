/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes: one thread's run of ids, taken from the stock ahead of need. */
#include "range/lane.h"

#include <stdlib.h>

#include "base/clock.h"
#include "client/call.h"

/* The keeper asks whether the epoch stands as long as a lane may hold ids of it. */
static void attach(struct pawl_lane *lane, struct pawl_stock *stock)
{
    if (lane->stock == stock) return; /* the one before was a parent's: nobody keeps it here */
    lane->stock = stock;
    atomic_fetch_add_explicit(&stock->lanes, 1, memory_order_relaxed);
}

pawl_err pawl_lane_open(pawl_seq *seq, pawl_lane **lane)
{
    struct pawl_body *body = NULL;
    struct pawl_holding *holding = atomic_load_explicit(&seq->holding, memory_order_relaxed);
    pawl_err err = pawl_client_body(seq->client, &body, NULL);

    if (err != PAWL_OK) return err;
    /* In a child that has not opened it anew this is what the parent knew, which is as good. */
    if (atomic_load_explicit(&holding->global, memory_order_acquire)) return PAWL_GLOBAL;
    struct pawl_lane *made = malloc(sizeof *made);
    if (made == NULL) return PAWL_NO_MEMORY;
    *made = (struct pawl_lane){
        .run = pawl_vault_take(body->vault, sizeof *made->run),
        .seq = seq,
        .body = body,
    };
    if (made->run == NULL) {
        free(made);
        return PAWL_NO_MEMORY;
    }
    attach(made, atomic_load_explicit(&seq->stock, memory_order_acquire));
    *lane = made;
    return PAWL_OK;
}

static void book(struct pawl_lane *lane, uint64_t burned)
{
    if (burned == 0) return;
    atomic_fetch_add_explicit(&lane->seq->client->burned, burned, memory_order_relaxed);
}

static pawl_err __attribute__((cold, noinline)) lane_slow(struct pawl_lane *lane, int64_t *id)
{
    struct pawl_seq *seq = lane->seq;
    uint64_t deadline_ns = pawl_deadline_ns(seq->client->options.timeout_ns);
    pawl_err err = pawl_seq_revive(seq, deadline_ns);

    if (err != PAWL_OK) return err;
    attach(lane, atomic_load_explicit(&seq->stock, memory_order_acquire));
    for (;;) {
        struct pawl_holding *holding = atomic_load_explicit(&seq->holding, memory_order_relaxed);
        uint32_t seen = atomic_load_explicit(&lane->stock->signal, memory_order_acquire);

        if (atomic_load_explicit(&holding->global, memory_order_acquire)) return PAWL_GLOBAL;
        if (pawl_run_next(lane->run, lane->stock, id)) break;
        uint64_t now_ns = pawl_clock_ns();
        if (now_ns >= deadline_ns) return PAWL_TIMEOUT;
        pawl_err posted = pawl_stock_wait(lane->stock, seen, deadline_ns - now_ns);
        pawl_advice advice = pawl_err_advice(posted);
        if (atomic_load_explicit(&lane->stock->signal, memory_order_acquire) == seen) continue;
        if (pawl_run_next(lane->run, lane->stock, id)) break;
        if (advice == PAWL_ADVICE_FIX || advice == PAWL_ADVICE_STOP) return posted;
    }
    book(lane, lane->run->dropped);
    lane->run->dropped = 0;
    return PAWL_OK;
}

pawl_err pawl_lane_next(pawl_lane *lane, int64_t *id)
{
    if (PAWL_LIKELY(pawl_run_next(lane->run, lane->stock, id))) return PAWL_OK;
    return lane_slow(lane, id);
}

void pawl_lane_close(pawl_lane *lane)
{
    if (lane == NULL) return;
    uint64_t dropped = lane->run->dropped; /* before the drop, which may count there as well */

    book(lane, dropped + pawl_run_drop(lane->run));
    if (pawl_vault_alive(lane->body->vault)) {
        atomic_fetch_sub_explicit(&lane->stock->lanes, 1, memory_order_relaxed);
        pawl_vault_give(lane->body->vault, lane->run, sizeof *lane->run);
    }
    free(lane);
}
