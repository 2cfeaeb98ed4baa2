/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ids held for one sequence and not yet handed out: many threads take, one keeper fills.
 * A 64-bit ticket word (slot number << 24 | offset) over a ring of slots; a take is one fetch_add.
 * Protocol and proof: models/stock.pml, docs/architecture.md. A stock of zeros is an empty stock
 * (a forked child's pages are wiped to that), which hands out nothing and wakes its owner.
 */
#ifndef PAWL_STOCK_H
#define PAWL_STOCK_H

#include <stdatomic.h>

#include "pawl/pawl.h"
#include "range/mark.h"

enum {
    PAWL_STOCK_SLOTS = 8,
    PAWL_STOCK_TAKE_MAX = 4096,        /* ids in one take; larger ones go through the keeper */
    PAWL_STOCK_SLOT_IDS_MAX = 1 << 23, /* ids in one slot */
};

struct pawl_slot {
    _Atomic uint64_t number;
    _Atomic uint64_t count;
    _Atomic int64_t first;
    _Atomic int64_t increment;
};

struct pawl_stock {
    _Alignas(64) _Atomic uint64_t word;      /* takers write it */
    _Alignas(64) _Atomic uint64_t published; /* from here on takers only read, but for `drained` */
    _Atomic uint64_t drained;
    _Atomic uint64_t low;     /* a ticket at or beyond this word wants a refill; advice only */
    _Atomic uint64_t stamp;   /* lanes drop their runs when it changes */
    _Atomic uint64_t overrun; /* ids burned by takers that slept for a whole ring */
    _Atomic uint32_t wanted;
    _Atomic uint32_t signal;  /* futex word: changes with every publish and every posted error */
    _Atomic uint32_t waiting; /* threads in pawl_stock_wait */
    _Atomic uint32_t posted;  /* pawl_err of the last failed refill; PAWL_OK after a publish */
    void (*wake)(struct pawl_stock *stock); /* called by the taker that sets `wanted` */
    struct pawl_slot ring[PAWL_STOCK_SLOTS];
};

void pawl_stock_init(struct pawl_stock *stock, void (*wake)(struct pawl_stock *stock));

/* Takers, any thread. */

/*
 * Takes 1 to count contiguous ids (count 1 to PAWL_STOCK_TAKE_MAX). false: nothing is at hand; the
 * keeper has been woken if nobody had woken it yet.
 */
bool pawl_stock_take(struct pawl_stock *stock, uint64_t count, pawl_ids *ids);
/* Takes count ids or none: false if the current slot holds fewer (then ask the keeper). */
bool pawl_stock_take_exact(struct pawl_stock *stock, uint64_t count, pawl_ids *ids);
/*
 * Waits until something is published or an error posted after `seen` (a value of signal read
 * before the take that failed), or the time is over. Returns what is posted now.
 */
pawl_err pawl_stock_wait(struct pawl_stock *stock, uint32_t seen, uint64_t timeout_ns);

/* The keeper only, one thread. */

/* false: the ring is full, its oldest slot still in use. count 1 to PAWL_STOCK_SLOT_IDS_MAX. */
bool pawl_stock_publish(struct pawl_stock *stock, struct pawl_range range);
/*
 * Takes back what nobody has taken: in order, at most PAWL_STOCK_SLOTS ranges, returns how many.
 * Until the next publish the stock is dry.
 */
size_t pawl_stock_retract(struct pawl_stock *stock, struct pawl_range left[PAWL_STOCK_SLOTS]);
/* Ids published and not yet taken. */
uint64_t pawl_stock_left(const struct pawl_stock *stock);
/* Asks to be woken once fewer than `least` ids are left; 0: only when dry. Clears wanted first. */
void pawl_stock_set_low(struct pawl_stock *stock, uint64_t least);
/* Tells waiters that a refill failed; they decide by advice and deadline. */
void pawl_stock_post(struct pawl_stock *stock, pawl_err err);
/* Lanes drop what they hold: the epoch changed. */
void pawl_stock_stamp(struct pawl_stock *stock);

#endif
