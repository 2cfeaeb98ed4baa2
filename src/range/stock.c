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
void pawl_stock_want(struct pawl_stock *stock, enum pawl_want want)
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
static bool step(struct pawl_stock *stock, uint64_t number)
{
    if (atomic_load_explicit(&stock->published, memory_order_acquire) == number) {
        /* A late store of an old number costs others a draw in vain, no id. */
        atomic_store_explicit(&stock->drained, number, memory_order_release);
        return false;
    }

    uint64_t word = atomic_load_explicit(&stock->word, memory_order_relaxed);

    /* Compare-and-set: somebody else may have stepped, and others drawn, since. */
    while (word >> PAWL_STOCK_OFFSET_BITS == number &&
           !atomic_compare_exchange_weak_explicit(&stock->word, &word, word_at(number + 1, 0),
                                                  memory_order_acq_rel, memory_order_relaxed)) {
    }
    return true;
}

bool pawl_stock_take_slow(struct pawl_stock *stock, uint64_t count, uint64_t ticket, pawl_ids *ids)
{
    for (;; ticket = PAWL_STOCK_NO_TICKET) {
        if (ticket == PAWL_STOCK_NO_TICKET) {
            if (pawl_stock_dry(stock)) break;
            ticket = atomic_fetch_add_explicit(&stock->word, count, memory_order_seq_cst);
        }

        uint64_t number = ticket >> PAWL_STOCK_OFFSET_BITS;
        uint64_t offset = ticket & PAWL_STOCK_OFFSET_MASK;
        struct pawl_range slot;

        if (!pawl_slot_read(&stock->ring[number % PAWL_STOCK_SLOTS], number, &slot)) {
            /* We slept until the slot was used anew: whose ids these were cannot be known. */
            atomic_fetch_add_explicit(&stock->overrun, count, memory_order_relaxed);
            continue;
        }
        if (offset >= slot.count) {
            (void)step(stock, number);
            continue;
        }

        uint64_t held = slot.count - offset;

        ids->first = pawl_id_at(slot.first, slot.increment, offset);
        ids->increment = slot.increment;
        ids->count = count < held ? count : held;
        if (pawl_stock_low(stock, ticket + count)) pawl_stock_want(stock, PAWL_WANT_MORE);
        return true;
    }
    pawl_stock_want(stock, PAWL_WANT_ANY);
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

    while (!pawl_stock_dry(stock)) {
        uint64_t word = atomic_load_explicit(&stock->word, memory_order_acquire);
        uint64_t number = word >> PAWL_STOCK_OFFSET_BITS;
        uint64_t offset = word & PAWL_STOCK_OFFSET_MASK;
        struct pawl_range slot;

        /* Not there: the word has moved on since we read it. */
        if (!pawl_slot_read(&stock->ring[number % PAWL_STOCK_SLOTS], number, &slot)) continue;
        if (offset >= slot.count) {
            (void)step(stock, number);
            continue;
        }
        if (slot.count - offset < count) return false;
        if (!atomic_compare_exchange_weak_explicit(&stock->word, &word, word + count,
                                                   memory_order_seq_cst, memory_order_relaxed)) {
            continue;
        }

        ids->first = pawl_id_at(slot.first, slot.increment, offset);
        ids->increment = slot.increment;
        ids->count = count;
        if (pawl_stock_low(stock, word + count)) pawl_stock_want(stock, PAWL_WANT_MORE);
        return true;
    }
    pawl_stock_want(stock, PAWL_WANT_ANY);
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

/* The keeper. */

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
    return word < end ? rest_of(stock, word, left) : 0;
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
        pawl_stock_want(stock, wanted == PAWL_WANT_ANY ? PAWL_WANT_ANY : PAWL_WANT_MORE);
    } else if (wanted == PAWL_WANT_ANY && pawl_stock_left(stock) == 0) {
        pawl_stock_want(stock, PAWL_WANT_ANY);
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
