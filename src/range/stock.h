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

#include "base/base.h"
#include "pawl/pawl.h"
#include "range/mark.h"

#define PAWL_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define PAWL_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

enum {
    PAWL_STOCK_SLOTS = 8,
    PAWL_STOCK_TAKE_MAX = 4096,        /* ids in one take; larger ones go through the keeper */
    PAWL_STOCK_SLOT_IDS_MAX = 1 << 23, /* ids in one slot */
    PAWL_STOCK_OFFSET_BITS = 24,       /* of the ticket word; twice a slot, for draws in vain */
};

#define PAWL_STOCK_OFFSET_MASK ((UINT64_C(1) << PAWL_STOCK_OFFSET_BITS) - 1)
#define PAWL_STOCK_NO_TICKET   UINT64_MAX

/* What takers want of the keeper. A taker that raises it wakes the keeper; the keeper clears it. */
enum pawl_want {
    PAWL_WANT_NOTHING,
    PAWL_WANT_MORE, /* the low-water mark was passed */
    PAWL_WANT_ANY,  /* a taker found nothing */
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
    _Atomic uint64_t low;     /* a take that ends beyond this word wants a refill; advice only */
    _Atomic uint64_t stamp;   /* lanes drop their runs when it changes; 0 only in a wiped stock */
    _Atomic uint64_t overrun; /* ids burned, at most, by takers that slept for a whole ring */
    _Atomic uint64_t taken_back; /* newest slot when the keeper last took back what was left */
    _Atomic uint32_t lanes;      /* open on it: their runs are held when the stock is dry, too */
    _Atomic uint32_t wanted;     /* enum pawl_want */
    _Atomic uint32_t signal;     /* futex word: changes with every publish and every posted error */
    _Atomic uint32_t waiting;    /* threads in pawl_stock_wait */
    _Atomic uint32_t posted;     /* pawl_err of the last failed refill; PAWL_OK after a publish */
    void (*wake)(struct pawl_stock *stock); /* called by the taker that raises `wanted` */
    _Alignas(64) struct pawl_slot ring[PAWL_STOCK_SLOTS]; /* no slot lies across two lines */
};

void pawl_stock_init(struct pawl_stock *stock, void (*wake)(struct pawl_stock *stock));

/* Takers, any thread. */

/*
 * Takes 1 to count contiguous ids (count 1 to PAWL_STOCK_TAKE_MAX). false: nothing is at hand; the
 * keeper has been woken if nobody had woken it yet.
 */
static inline bool pawl_stock_take(struct pawl_stock *stock, uint64_t count, pawl_ids *ids);
/* Takes one id: as pawl_stock_take, and a little cheaper. */
static inline bool pawl_stock_next(struct pawl_stock *stock, int64_t *id);
/* Takes count ids or none: false if the current slot holds fewer (then ask the keeper). */
bool pawl_stock_take_exact(struct pawl_stock *stock, uint64_t count, pawl_ids *ids);
/*
 * Waits until something is published or an error posted after `seen` (a value of signal read
 * before the take that failed), or the time is over. Returns what is posted now.
 */
pawl_err pawl_stock_wait(struct pawl_stock *stock, uint32_t seen, uint64_t timeout_ns);

/*
 * The last id that takers have drawn; false: nobody has, or what came last was taken back by the
 * keeper, who then knows more. Any thread; for show.
 */
bool pawl_stock_last(const struct pawl_stock *stock, int64_t *id);
/* The first id that takers have not drawn; false: all are. Keeper only; for show. */
bool pawl_stock_undrawn(const struct pawl_stock *stock, int64_t *id);
/* Of what was drawn so far pawl_stock_last tells nothing any more. Keeper only. */
void pawl_stock_forget_last(struct pawl_stock *stock);

/* The keeper only, one thread. */

/*
 * Says what takers want, and forgets it: whoever wants something from now on wakes the keeper.
 * The keeper begins every look at a stock with it; what it finds then is never older than it.
 */
enum pawl_want pawl_stock_heed(struct pawl_stock *stock);
/*
 * false: the ring is full, its oldest slot still in use. count 1 to PAWL_STOCK_SLOT_IDS_MAX.
 * Forgets the low-water mark and what was wanted: pawl_stock_set_low comes next.
 */
bool pawl_stock_publish(struct pawl_stock *stock, struct pawl_range range);
/*
 * Takes back what nobody has taken: in order, at most PAWL_STOCK_SLOTS ranges, returns how many.
 * Until the next publish the stock is dry. For a new epoch: retract, then stamp, then publish.
 */
size_t pawl_stock_retract(struct pawl_stock *stock, struct pawl_range left[PAWL_STOCK_SLOTS]);
/* Ids published and not yet taken. */
uint64_t pawl_stock_left(const struct pawl_stock *stock);
/*
 * Asks to be woken once fewer than `least` ids are left; 0: only when a taker finds none. Clears
 * wanted first, and wakes at once if the mark is passed already: so not while a refill of this
 * stock is under way, whose publish or post is followed by the next mark.
 */
void pawl_stock_set_low(struct pawl_stock *stock, uint64_t least);
/* Tells waiters that a refill failed; they decide by advice and deadline. Clears wanted first. */
void pawl_stock_post(struct pawl_stock *stock, pawl_err err);
/* Lanes drop what they hold: the epoch changed. */
void pawl_stock_stamp(struct pawl_stock *stock);

/* The hot path, inline, and what it calls when it is not hot. */

/* ticket: drawn and not yet served, or PAWL_STOCK_NO_TICKET. */
bool pawl_stock_take_slow(struct pawl_stock *stock, uint64_t count, uint64_t ticket, pawl_ids *ids)
    __attribute__((noinline));
bool pawl_stock_next_slow(struct pawl_stock *stock, uint64_t ticket, int64_t *id)
    __attribute__((noinline));

/* The id at an offset; exact at both ends of int64, where a signed product would overflow. */
static inline int64_t pawl_id_at(int64_t first, int64_t increment, uint64_t offset)
{
    return (int64_t)((uint64_t)first + offset * (uint64_t)increment);
}

/*
 * What a slot holds from offset on, read in one look. false: nothing, or it is not that slot (any
 * more). The fields' acquire loads pair with the release stores of pawl_stock_publish: whoever sees
 * a field of a later use sees, in the second look at the number, that the number went to 0 before.
 * Each field is compared as soon as it is read, so that few are live: the caller needs no frame.
 */
static inline bool pawl_slot_read(const struct pawl_slot *slot, uint64_t number, uint64_t offset,
                                  struct pawl_range *rest)
{
    if (atomic_load_explicit(&slot->number, memory_order_acquire) != number) return false;

    uint64_t count = atomic_load_explicit(&slot->count, memory_order_acquire);

    if (count <= offset) return false;
    rest->count = count - offset;
    rest->increment = atomic_load_explicit(&slot->increment, memory_order_acquire);
    rest->first = pawl_id_at(atomic_load_explicit(&slot->first, memory_order_acquire),
                             rest->increment, offset);
    return atomic_load_explicit(&slot->number, memory_order_relaxed) == number;
}

/* Nothing was published since a taker found nothing: a draw would be in vain. */
static inline bool pawl_stock_dry(const struct pawl_stock *stock)
{
    uint64_t newest = atomic_load_explicit(&stock->published, memory_order_acquire);

    return atomic_load_explicit(&stock->drained, memory_order_acquire) == newest;
}

/*
 * Draws count offsets of the current slot and looks what is there. false: the slow path has to
 * serve the ticket, or to draw one if it is PAWL_STOCK_NO_TICKET.
 */
static inline bool pawl_stock_draw(struct pawl_stock *stock, uint64_t count, uint64_t *ticket,
                                   struct pawl_range *rest)
{
    *ticket = PAWL_STOCK_NO_TICKET;
    if (PAWL_UNLIKELY(pawl_stock_dry(stock))) return false;

    /* Pairs with pawl_stock_set_low: the draw of one who misses the new mark is seen there. */
    *ticket = atomic_fetch_add_explicit(&stock->word, count, memory_order_seq_cst);

    uint64_t number = *ticket >> PAWL_STOCK_OFFSET_BITS;
    uint64_t offset = *ticket & PAWL_STOCK_OFFSET_MASK;
    const struct pawl_slot *slot = &stock->ring[number % PAWL_STOCK_SLOTS];

    if (PAWL_UNLIKELY(!pawl_slot_read(slot, number, offset, rest))) return false;
    return PAWL_LIKELY(*ticket + count <= atomic_load_explicit(&stock->low, memory_order_seq_cst));
}

/*
 * As pawl_stock_next, with the slow path left to the caller, so that he can end in it: false, and
 * the ticket is for pawl_stock_next_slow.
 */
static inline bool pawl_stock_next_hot(struct pawl_stock *stock, uint64_t *ticket, int64_t *id)
{
    struct pawl_range rest;

    if (!pawl_stock_draw(stock, 1, ticket, &rest)) return false;
    *id = rest.first;
    return true;
}

static inline bool pawl_stock_next(struct pawl_stock *stock, int64_t *id)
{
    uint64_t ticket;

    if (PAWL_LIKELY(pawl_stock_next_hot(stock, &ticket, id))) return true;
    return pawl_stock_next_slow(stock, ticket, id);
}

static inline bool pawl_stock_take(struct pawl_stock *stock, uint64_t count, pawl_ids *ids)
{
    uint64_t ticket;
    struct pawl_range rest;

    PAWL_ASSERT(count - 1 < PAWL_STOCK_TAKE_MAX);
    if (!pawl_stock_draw(stock, count, &ticket, &rest)) {
        return pawl_stock_take_slow(stock, count, ticket, ids);
    }
    *ids = (pawl_ids){rest.first, rest.increment, count < rest.count ? count : rest.count};
    return true;
}

#endif
