/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is leased of a keeper's sequence: at what rate, and how much of it may be out there. An asker
 * says with each ask what it still holds; the rest of its leases it has used, or books itself.
 */
#include "range/kept.h"

#include <stdlib.h>

enum { SUMS_PER_INTERVAL = 64 };

static struct asker *asker_slot(const struct askers *askers, uint64_t id)
{
    size_t at = (size_t)(id * 0x9e3779b97f4a7c15U >> 32) & (askers->size - 1);

    while (askers->at[at].id != 0 && askers->at[at].id != id) {
        at = (at + 1) & (askers->size - 1);
    }
    return &askers->at[at];
}

static void asker_roll(struct asker *asker, uint64_t interval_ns, uint64_t now_ns)
{
    uint64_t windows = (now_ns - asker->window_ns) / interval_ns;

    if (windows == 0) return;
    asker->granted_before = windows == 1 ? asker->granted : 0;
    asker->granted = 0;
    asker->window_ns += windows * interval_ns;
}

/* It counts no more: it did not ask in the last two refill intervals, and holds nothing. */
static bool stale(const struct kept *kept, const struct asker *asker)
{
    uint64_t two_ns = 2 * kept->keeper->settings.pace.refill_interval_ns;

    return asker->out == 0 && kept->keeper->now_ns - asker->told_ns >= two_ns;
}

/* Copies those that count into a table of `size`. */
static bool askers_move(struct kept *kept, size_t size)
{
    struct askers moved = {.size = size, .at = calloc(size, sizeof *moved.at)};

    if (moved.at == NULL) return false;
    for (size_t i = 0; i < kept->lent->askers.size; i++) {
        const struct asker *asker = &kept->lent->askers.at[i];

        if (asker->id == 0 || stale(kept, asker)) continue;
        *asker_slot(&moved, asker->id) = *asker;
        moved.count++;
    }
    free(kept->lent->askers.at);
    kept->lent->askers = moved;
    return true;
}

static void settle(struct kept *kept, struct asker *asker, uint64_t left)
{
    if (asker->out <= left) return;
    kept->lent->out -= asker->out - left;
    asker->out = left;
}

/*
 * One who asks for the first time, and holds what ends where another's latest lease did, is that
 * one, on another connection.
 */
static void take_over(struct kept *kept, struct asker *asker, const struct pawl_ask *ask)
{
    if (kept->lent->out == 0 || ask->holds == 0 || kept->lent->askers.size > KEPT_MATCHED_MAX) {
        return;
    }
    for (size_t i = 0; i < kept->lent->askers.size; i++) {
        struct asker *before = &kept->lent->askers.at[i];

        if (before->out == 0 || before == asker || before->last != ask->holds_last) continue;
        asker->out = before->out;
        asker->last = before->last;
        before->out = 0;
        return;
    }
}

/* Without memory an asker does not count: it is served all the same. */
void pawl_asker_told(struct kept *kept, const struct pawl_ask *ask)
{
    if (ask->asker == 0 || !pawl_kept_lend(kept)) return;
    struct askers *askers = &kept->lent->askers;

    if (askers->count * 2 >= askers->size) {
        size_t size = askers->size == 0 ? 8 : askers->size * 2;

        if (!askers_move(kept, size)) return;
    }
    struct asker *asker = asker_slot(askers, ask->asker);
    if (asker->id == 0) {
        *asker = (struct asker){.id = ask->asker, .window_ns = kept->keeper->now_ns};
        askers->count++;
        take_over(kept, asker, ask);
    }
    asker_roll(asker, kept->keeper->settings.pace.refill_interval_ns, kept->keeper->now_ns);
    asker->told_ns = kept->keeper->now_ns;
    asker->rate = ask->rate > 0 ? ask->rate : 0; /* a NaN is none */
    settle(kept, asker, ask->holds);
}

static struct asker *asker_find(const struct kept *kept, uint64_t id)
{
    if (id == 0 || kept->lent == NULL || kept->lent->askers.size == 0) return NULL;
    struct asker *asker = asker_slot(&kept->lent->askers, id);

    return asker->id == id ? asker : NULL;
}

void pawl_asker_granted(struct kept *kept, uint64_t id, struct pawl_range range)
{
    struct asker *asker = asker_find(kept, id);

    if (asker == NULL) return;
    asker->granted += range.count;
    if (kept->keeper->settings.ledger_since == 0) return;
    if (kept->lent->out == 0) kept->lent->swept_ns = kept->keeper->now_ns;
    asker->last = pawl_range_last(range);
    asker->out += range.count;
    kept->lent->out += range.count;
}

void pawl_asker_returned(struct kept *kept, uint64_t id, uint64_t count)
{
    struct asker *asker = asker_find(kept, id);

    if (asker != NULL) settle(kept, asker, asker->out > count ? asker->out - count : 0);
}

static void never_came_back(struct kept *kept, struct asker *asker)
{
    uint64_t lost = asker->out;

    settle(kept, asker, 0);
    pawl_kept_burned(kept, lost, PAWL_CAUSE_UNREPORTED);
    for (size_t i = 0; i < kept->lent->lease_count; i++) {
        if (kept->lent->leases[i].asker == asker->id) kept_forget_leases(kept);
    }
}

void pawl_asker_sweep(struct kept *kept)
{
    uint64_t now_ns = kept->keeper->now_ns;
    uint64_t interval_ns = kept->keeper->settings.pace.refill_interval_ns;

    if (kept_out(kept) == 0 || now_ns - kept->lent->swept_ns < interval_ns) return;
    kept->lent->swept_ns = now_ns;
    for (size_t i = 0; i < kept->lent->askers.size; i++) {
        struct asker *asker = &kept->lent->askers.at[i];

        if (asker->out == 0) continue;
        if (now_ns - asker->told_ns >= PAWL_IDLE_INTERVALS * interval_ns) {
            never_came_back(kept, asker);
        }
    }
}

/*
 * A rate counts at most twice what its asker was granted in the last two refill intervals. Summed
 * often enough to follow growth, not at every lease: there may be many askers.
 */
void pawl_asker_sum(struct kept *kept)
{
    uint64_t now_ns = kept->keeper->now_ns;
    uint64_t interval_ns = kept->keeper->settings.pace.refill_interval_ns;
    double sum = 0;
    size_t stale_count = 0;

    if (kept->lent == NULL || kept->lent->askers.count == 0) return;
    if (now_ns - kept->lent->summed_ns < interval_ns / SUMS_PER_INTERVAL) return;
    kept->lent->summed_ns = now_ns;
    for (size_t i = 0; i < kept->lent->askers.size; i++) {
        struct asker *asker = &kept->lent->askers.at[i];

        if (asker->id == 0) continue;
        if (now_ns - asker->told_ns >= 2 * interval_ns) {
            stale_count += stale(kept, asker);
            continue;
        }
        asker_roll(asker, interval_ns, now_ns);
        double granted = (double)(asker->granted + asker->granted_before);
        double most = granted / ((double)interval_ns / 1e9);
        sum += asker->rate < most ? asker->rate : most;
    }
    if (stale_count * 2 > kept->lent->askers.count) {
        (void)askers_move(kept, kept->lent->askers.size);
    }
    kept->pace.asked_rate = sum;
}
