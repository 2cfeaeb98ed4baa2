/* SPDX-License-Identifier: Apache-2.0 */
#include "range/stock.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static uint64_t word_at(uint64_t number, uint64_t offset)
{
    return number << PAWL_STOCK_OFFSET_BITS | offset;
}

void pawl_stock_init(struct pawl_stock *stock, void (*wake)(struct pawl_stock *stock))
{
    *stock = (struct pawl_stock){
        .word = word_at(1, 0),
        .low = UINT64_MAX,
        .stamp = 1,
        .posted = PAWL_OK,
        .wake = wake,
    };
}

/* Takers. */

/*
 * A plain look first keeps the line shared among takers while the keeper is at it. Sequentially
 * consistent: who sees it raised saw it before pawl_stock_heed, so the keeper's look, which comes
 * after, sees all that this taker saw.
 */
static void want_raise(struct pawl_stock *stock, enum pawl_want want)
{
    uint32_t wanted = atomic_load_explicit(&stock->wanted, memory_order_seq_cst);

    while (wanted < want) {
        if (!atomic_compare_exchange_weak_explicit(&stock->wanted, &wanted, want,
                                                   memory_order_seq_cst, memory_order_seq_cst)) {
            continue;
        }
        /* A forked child's stock is all zeros: there is nobody to wake. */
        if (stock->wake != NULL) stock->wake(stock);
        return;
    }
}

/* Whoever finds a slot used up moves the word to the next one, if that is published. */
static void step(struct pawl_stock *stock, uint64_t number)
{
    uint64_t newest = atomic_load_explicit(&stock->published, memory_order_acquire);

    if (newest <= number) {
        /* A late store of an old number costs others a draw in vain, no id. */
        if (newest == number) atomic_store_explicit(&stock->drained, number, memory_order_release);
        return;
    }

    uint64_t word = atomic_load_explicit(&stock->word, memory_order_relaxed);

    /* Compare-and-set: somebody else may have stepped, and others drawn, since. */
    while (word >> PAWL_STOCK_OFFSET_BITS == number &&
           !atomic_compare_exchange_weak_explicit(&stock->word, &word, word_at(number + 1, 0),
                                                  memory_order_acq_rel, memory_order_relaxed)) {
    }
}

enum look {
    LOOK_HELD,   /* the slot holds ids from the offset on */
    LOOK_USED,   /* it is there, but has none left */
    LOOK_ABSENT, /* it is used anew, or not published yet */
};

static enum look look(const struct pawl_stock *stock, uint64_t word, struct pawl_range *rest)
{
    uint64_t number = word >> PAWL_STOCK_OFFSET_BITS;
    const struct pawl_slot *slot = &stock->ring[number % PAWL_STOCK_SLOTS];

    if (atomic_load_explicit(&slot->number, memory_order_acquire) != number) return LOOK_ABSENT;
    if (pawl_slot_read(slot, number, word & PAWL_STOCK_OFFSET_MASK, rest)) return LOOK_HELD;
    /* Its number never comes back: if it stands now, it stood all the while. */
    return atomic_load_explicit(&slot->number, memory_order_relaxed) == number ? LOOK_USED
                                                                               : LOOK_ABSENT;
}

static void want_more_beyond_low(struct pawl_stock *stock, uint64_t end)
{
    if (end > atomic_load_explicit(&stock->low, memory_order_seq_cst)) {
        want_raise(stock, PAWL_WANT_MORE);
    }
}

bool pawl_stock_take_slow(struct pawl_stock *stock, uint64_t count, uint64_t ticket, pawl_ids *ids)
{
    struct pawl_range rest;

    for (;; ticket = PAWL_STOCK_NO_TICKET) {
        if (ticket == PAWL_STOCK_NO_TICKET) {
            if (pawl_stock_dry(stock)) break;
            ticket = atomic_fetch_add_explicit(&stock->word, count, memory_order_seq_cst);
        }

        switch (look(stock, ticket, &rest)) {
        case LOOK_HELD:
            *ids = (pawl_ids){rest.first, rest.increment, count < rest.count ? count : rest.count};
            want_more_beyond_low(stock, ticket + count);
            return true;
        case LOOK_USED:
            step(stock, ticket >> PAWL_STOCK_OFFSET_BITS);
            break;
        case LOOK_ABSENT:
            /* We slept for a whole ring: whose ids these were cannot be known any more. */
            atomic_fetch_add_explicit(&stock->overrun, count, memory_order_relaxed);
            break;
        }
    }
    want_raise(stock, PAWL_WANT_ANY);
    return false;
}

bool pawl_stock_next_slow(struct pawl_stock *stock, uint64_t ticket, int64_t *id)
{
    pawl_ids ids;

    if (!pawl_stock_take_slow(stock, 1, ticket, &ids)) return false;
    *id = ids.first;
    return true;
}

/* An add would draw what cannot be used: only a compare-and-set leaves a short slot whole. */
bool pawl_stock_take_exact(struct pawl_stock *stock, uint64_t count, pawl_ids *ids)
{
    PAWL_ASSERT(count - 1 < PAWL_STOCK_TAKE_MAX);

    struct pawl_range rest;

    while (!pawl_stock_dry(stock)) {
        uint64_t word = atomic_load_explicit(&stock->word, memory_order_acquire);
        enum look found = look(stock, word, &rest);

        if (found == LOOK_USED) step(stock, word >> PAWL_STOCK_OFFSET_BITS);
        if (found != LOOK_HELD) continue; /* absent: the word has moved on since we read it */
        if (rest.count < count) return false;
        if (atomic_compare_exchange_strong_explicit(&stock->word, &word, word + count,
                                                    memory_order_seq_cst, memory_order_relaxed)) {
            *ids = (pawl_ids){rest.first, rest.increment, count};
            want_more_beyond_low(stock, word + count);
            return true;
        }
    }
    want_raise(stock, PAWL_WANT_ANY);
    return false;
}

static long futex(_Atomic uint32_t *word, int operation, uint32_t value,
                  const struct timespec *until)
{
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, until, NULL,
                   FUTEX_BITSET_MATCH_ANY);
}

pawl_err pawl_stock_wait(struct pawl_stock *stock, uint32_t seen, uint64_t timeout_ns)
{
    uint64_t now_ns = pawl_clock_ns();
    uint64_t until_ns = timeout_ns < INT64_MAX - now_ns ? now_ns + timeout_ns : INT64_MAX;
    struct timespec until = {.tv_sec = (time_t)(until_ns / PAWL_NS_PER_S),
                             .tv_nsec = (long)(until_ns % PAWL_NS_PER_S)};

    /* Pairs with notify: either it sees us waiting or we see its signal. */
    atomic_fetch_add_explicit(&stock->waiting, 1, memory_order_seq_cst);
    while (now_ns < until_ns &&
           atomic_load_explicit(&stock->signal, memory_order_seq_cst) == seen) {
        (void)futex(&stock->signal, FUTEX_WAIT_BITSET, seen, &until);
        now_ns = pawl_clock_ns();
    }
    atomic_fetch_sub_explicit(&stock->waiting, 1, memory_order_relaxed);
    return (pawl_err)atomic_load_explicit(&stock->posted, memory_order_acquire);
}

bool pawl_stock_last(const struct pawl_stock *stock, int64_t *id)
{
    uint64_t word = atomic_load_explicit(&stock->word, memory_order_acquire);
    uint64_t number = word >> PAWL_STOCK_OFFSET_BITS;
    uint64_t offset = word & PAWL_STOCK_OFFSET_MASK;

    if (offset == 0) { /* nothing drawn of this slot yet: then all of the one before */
        number--;
        offset = UINT64_MAX;
    }
    const struct pawl_slot *slot = &stock->ring[number % PAWL_STOCK_SLOTS];
    uint64_t count = atomic_load_explicit(&slot->count, memory_order_acquire);
    struct pawl_range rest;

    if (count == 0) return false;
    if (offset >= count) {
        /* Its end was drawn, or taken back: which, nobody can tell from here. */
        if (atomic_load_explicit(&stock->taken_back, memory_order_relaxed) >= number) return false;
        offset = count;
    }
    if (!pawl_slot_read(slot, number, offset - 1, &rest)) return false;
    *id = rest.first;
    return true;
}

/* The keeper. */

bool pawl_stock_undrawn(const struct pawl_stock *stock, int64_t *id)
{
    uint64_t word = atomic_load_explicit(&stock->word, memory_order_acquire);
    uint64_t number = word >> PAWL_STOCK_OFFSET_BITS;
    uint64_t newest = atomic_load_explicit(&stock->published, memory_order_relaxed);
    struct pawl_range rest;

    if (look(stock, word, &rest) != LOOK_HELD &&
        (number >= newest || look(stock, word_at(number + 1, 0), &rest) != LOOK_HELD)) {
        return false;
    }
    *id = rest.first;
    return true;
}

void pawl_stock_forget_last(struct pawl_stock *stock)
{
    uint64_t newest = atomic_load_explicit(&stock->published, memory_order_relaxed);

    atomic_store_explicit(&stock->taken_back, newest, memory_order_relaxed);
}

static void notify(struct pawl_stock *stock, pawl_err posted)
{
    atomic_store_explicit(&stock->posted, (uint32_t)posted, memory_order_release);
    atomic_fetch_add_explicit(&stock->signal, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&stock->waiting, memory_order_seq_cst) != 0) {
        (void)futex(&stock->signal, FUTEX_WAKE_BITSET, INT_MAX, NULL);
    }
}

static struct pawl_slot *slot_of(struct pawl_stock *stock, uint64_t number)
{
    return &stock->ring[number % PAWL_STOCK_SLOTS];
}

/* The slots are the keeper's own: its loads of them are relaxed. */
static struct pawl_range slot_rest(const struct pawl_stock *stock, uint64_t number, uint64_t offset)
{
    const struct pawl_slot *slot = &stock->ring[number % PAWL_STOCK_SLOTS];
    struct pawl_range rest = {.count = 0};
    uint64_t count = atomic_load_explicit(&slot->count, memory_order_relaxed);

    if (atomic_load_explicit(&slot->number, memory_order_relaxed) != number) return rest;
    if (offset >= count) return rest;
    rest.increment = atomic_load_explicit(&slot->increment, memory_order_relaxed);
    rest.first = pawl_id_at(atomic_load_explicit(&slot->first, memory_order_relaxed),
                            rest.increment, offset);
    rest.count = count - offset;
    return rest;
}

/* What lies at and behind a word: at most PAWL_STOCK_SLOTS slots, in order. Returns how many. */
static size_t rest_of(const struct pawl_stock *stock, uint64_t word,
                      struct pawl_range left[PAWL_STOCK_SLOTS])
{
    uint64_t newest = atomic_load_explicit(&stock->published, memory_order_relaxed);
    uint64_t offset = word & PAWL_STOCK_OFFSET_MASK;
    size_t used = 0;

    for (uint64_t s = word >> PAWL_STOCK_OFFSET_BITS; s <= newest; s++) {
        struct pawl_range rest = slot_rest(stock, s, offset);

        if (rest.count > 0) {
            PAWL_ASSERT(used < PAWL_STOCK_SLOTS);
            left[used++] = rest;
        }
        offset = 0;
    }
    return used;
}

enum pawl_want pawl_stock_heed(struct pawl_stock *stock)
{
    return (enum pawl_want)atomic_exchange_explicit(&stock->wanted, PAWL_WANT_NOTHING,
                                                    memory_order_seq_cst);
}

/*
 * It need not stop the word: nobody can hold a ticket of a slot that is not published, and a slot
 * is used anew only when the word has left it, so a late reader finds another number in it.
 */
bool pawl_stock_publish(struct pawl_stock *stock, struct pawl_range range)
{
    uint64_t number = atomic_load_explicit(&stock->published, memory_order_relaxed) + 1;
    uint64_t word = atomic_load_explicit(&stock->word, memory_order_acquire);
    struct pawl_slot *slot = slot_of(stock, number);

    PAWL_ASSERT(range.count - 1 < PAWL_STOCK_SLOT_IDS_MAX);
    if (number >= PAWL_STOCK_SLOTS && word >> PAWL_STOCK_OFFSET_BITS <= number - PAWL_STOCK_SLOTS) {
        return false;
    }

    /* Pairs with pawl_slot_read. */
    atomic_store_explicit(&slot->number, 0, memory_order_release);
    atomic_store_explicit(&slot->first, range.first, memory_order_release);
    atomic_store_explicit(&slot->increment, range.increment, memory_order_release);
    atomic_store_explicit(&slot->count, range.count, memory_order_release);
    atomic_store_explicit(&slot->number, number, memory_order_release);
    /* What is wanted from here on is wanted of a stock that has this slot. */
    atomic_store_explicit(&stock->low, UINT64_MAX, memory_order_relaxed);
    atomic_store_explicit(&stock->wanted, PAWL_WANT_NOTHING, memory_order_seq_cst);
    atomic_store_explicit(&stock->published, number, memory_order_seq_cst);
    notify(stock, PAWL_OK);
    return true;
}

size_t pawl_stock_retract(struct pawl_stock *stock, struct pawl_range left[PAWL_STOCK_SLOTS])
{
    uint64_t newest = atomic_load_explicit(&stock->published, memory_order_relaxed);
    uint64_t count = atomic_load_explicit(&slot_of(stock, newest)->count, memory_order_relaxed);
    uint64_t end = word_at(newest, count);
    uint64_t word = atomic_load_explicit(&stock->word, memory_order_acquire);

    /* Compare-and-set: what was drawn since we looked is not ours. */
    while (word < end &&
           !atomic_compare_exchange_weak_explicit(&stock->word, &word, end, memory_order_seq_cst,
                                                  memory_order_acquire)) {
    }
    atomic_store_explicit(&stock->taken_back, newest, memory_order_relaxed);
    if (word >= end) return 0;
    return rest_of(stock, word, left);
}

uint64_t pawl_stock_left(const struct pawl_stock *stock)
{
    struct pawl_range left[PAWL_STOCK_SLOTS];
    uint64_t word = atomic_load_explicit(&stock->word, memory_order_seq_cst);
    size_t used = rest_of(stock, word, left);
    uint64_t total = 0;

    for (size_t i = 0; i < used; i++) {
        total += left[i].count;
    }
    return total;
}

/* The word at which exactly least ids (1 or more) are left; 0 if never so many were there. */
static uint64_t word_with_left(const struct pawl_stock *stock, uint64_t least)
{
    uint64_t newest = atomic_load_explicit(&stock->published, memory_order_relaxed);

    for (uint64_t s = newest; s > 0 && s + PAWL_STOCK_SLOTS > newest; s--) {
        uint64_t count = slot_rest(stock, s, 0).count;

        if (count >= least) return word_at(s, count - least);
        least -= count;
    }
    return 0;
}

void pawl_stock_set_low(struct pawl_stock *stock, uint64_t least)
{
    enum pawl_want wanted = pawl_stock_heed(stock);
    uint64_t low = least > 0 ? word_with_left(stock, least) : UINT64_MAX;

    atomic_store_explicit(&stock->low, low, memory_order_seq_cst);
    /* Look again: a draw that did not see the mark, or a want that found wanted raised. */
    if (atomic_load_explicit(&stock->word, memory_order_seq_cst) > low) {
        want_raise(stock, wanted == PAWL_WANT_ANY ? PAWL_WANT_ANY : PAWL_WANT_MORE);
    } else if (wanted == PAWL_WANT_ANY && pawl_stock_left(stock) == 0) {
        want_raise(stock, PAWL_WANT_ANY);
    }
}

void pawl_stock_post(struct pawl_stock *stock, pawl_err err)
{
    atomic_store_explicit(&stock->wanted, PAWL_WANT_NOTHING, memory_order_seq_cst);
    notify(stock, err);
}

void pawl_stock_stamp(struct pawl_stock *stock)
{
    atomic_fetch_add_explicit(&stock->stamp, 1, memory_order_seq_cst);
}
