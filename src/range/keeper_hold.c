/* SPDX-License-Identifier: Apache-2.0 */
/* What a keeper holds of a sequence: reserve and stock, in order, and the books about both. */
#include "range/kept.h"

#include <string.h>

/* left: of what was published, at most, what nobody has drawn yet. */
static void notice(struct kept *kept, uint64_t left)
{
    struct pawl_keeper *keeper = kept->keeper;
    struct shelf *shelf = kept_shelf(kept);

    PAWL_ASSERT(left <= kept->put);
    uint64_t used = kept->put - left;
    pawl_pace_used(&kept->pace, &keeper->settings.pace, keeper->now_ns, used);
    if (used == 0) return;
    uint64_t overruns =
        atomic_load_explicit(&shelf->stock.overrun, memory_order_relaxed) - shelf->overruns;
    kept->put = left;
    kept->used_ns = shelf->drawn_ns = keeper->now_ns;
    pawl_kept_unhold(kept, used);
    if (overruns > used) overruns = used; /* the rest belongs to takes not yet noticed */
    shelf->overruns += overruns;
    pawl_kept_burned(kept, overruns, PAWL_CAUSE_OVERRUN);
    pawl_kept_flow(kept, PAWL_FLOW_HANDED, used - overruns);
}

void pawl_kept_notice(struct kept *kept)
{
    const struct pawl_stock *stock = kept->holding.stock;

    notice(kept, stock == NULL ? 0 : pawl_stock_left(stock));
}

uint64_t pawl_kept_reserved(const struct kept *kept)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < kept->reserve_count; i++) {
        sum += kept->reserve[i].range.count;
    }
    return sum;
}

uint64_t pawl_kept_held(const struct kept *kept)
{
    return pawl_kept_reserved(kept) + kept->put;
}

static void reserve_remove(struct kept *kept, size_t at)
{
    kept->reserve_count--;
    memmove(&kept->reserve[at], &kept->reserve[at + 1],
            (kept->reserve_count - at) * sizeof kept->reserve[0]);
}

bool pawl_kept_adjacent(struct held a, struct held b)
{
    return a.lap == b.lap && pawl_range_adjacent(a.range, b.range);
}

bool pawl_kept_add(struct kept *kept, struct held held)
{
    if (kept->reserve_count > 0) {
        struct held *last = &kept->reserve[kept->reserve_count - 1];

        if (pawl_kept_adjacent(*last, held)) {
            last->range.count += held.range.count;
            return true;
        }
    }
    if (kept->reserve_count == KEPT_RESERVE_MAX || !pawl_kept_reserve(kept)) return false;
    kept->reserve[kept->reserve_count++] = held;
    return true;
}

static void reserve_open(struct kept *kept, size_t at)
{
    memmove(&kept->reserve[at + 1], &kept->reserve[at],
            (kept->reserve_count - at) * sizeof kept->reserve[0]);
    kept->reserve_count++;
}

bool pawl_kept_add_front(struct kept *kept, struct held held)
{
    if (kept->reserve_count > 0 && pawl_kept_adjacent(held, kept->reserve[0])) {
        held.range.count += kept->reserve[0].range.count;
        kept->reserve[0] = held;
        return true;
    }
    if (kept->reserve_count == KEPT_RESERVE_MAX || !pawl_kept_reserve(kept)) return false;
    reserve_open(kept, 0);
    kept->reserve[0] = held;
    return true;
}

struct held pawl_kept_cut(struct kept *kept, size_t at, uint64_t skip, uint64_t count)
{
    PAWL_ASSERT(at < kept->reserve_count && skip < kept->reserve[at].range.count);
    if (skip > 0) {
        if (kept->reserve_count == KEPT_RESERVE_MAX) return (struct held){{0, 1, 0}, 0};
        reserve_open(kept, at);
        kept->reserve[at].range = pawl_range_cut(&kept->reserve[at + 1].range, skip);
        at++;
    }
    struct held cut = kept->reserve[at];
    cut.range = pawl_range_cut(&kept->reserve[at].range, count);
    if (kept->reserve[at].range.count == 0) reserve_remove(kept, at);
    return cut;
}

void pawl_kept_handed(struct kept *kept, int64_t id)
{
    kept->handed = id;
    kept->handed_known = true;
}

void pawl_kept_take_back(struct kept *kept)
{
    struct shelf *shelf = kept_shelf(kept);
    struct pawl_range left[PAWL_STOCK_SLOTS];
    uint64_t sum = 0;
    int64_t last = 0;

    kept_forget_leases(kept);
    if (shelf == NULL) return;
    if (pawl_stock_last(&shelf->stock, &last)) pawl_kept_handed(kept, last);
    size_t count = pawl_stock_retract(&shelf->stock, left);

    for (size_t i = 0; i < count; i++) {
        sum += left[i].count;
    }
    notice(kept, sum); /* after the retract nobody takes more */
    kept->put = 0;
    for (size_t i = count; i > 0; i--) { /* the last `count` that were published, newest first */
        uint64_t nth = shelf->puts - (count - i) - 1;
        struct held held = {left[i - 1], shelf->put_laps[nth % PAWL_STOCK_SLOTS]};

        if (!pawl_kept_add_front(kept, held)) {
            pawl_kept_burn(kept, held.range.count, PAWL_CAUSE_EXACT);
        }
    }
}

void pawl_kept_burn_front(struct kept *kept)
{
    pawl_kept_burn(kept, kept->reserve[0].range.count, PAWL_CAUSE_EXACT);
    reserve_remove(kept, 0);
    kept_forget_leases(kept);
}

void pawl_kept_burn_all(struct kept *kept, enum pawl_cause cause)
{
    pawl_kept_take_back(kept);
    pawl_kept_burn(kept, pawl_kept_reserved(kept), cause);
    kept->reserve_count = 0;
    kept_forget_leases(kept);
    kept->grant_lease = 0;
}

void pawl_kept_forget_epoch(struct kept *kept, enum pawl_cause cause)
{
    pawl_kept_burn_all(kept, cause);
    pawl_kept_stamp(kept); /* lanes let go of theirs */
    kept->epoch = 0;
    kept->told_epoch = 0;
    kept->seen_ns = 0;
    kept->block = 0;
}

void pawl_kept_post(struct kept *kept, pawl_err err)
{
    if (kept->holding.stock != NULL) pawl_stock_post(kept->holding.stock, err);
}

void pawl_kept_stamp(struct kept *kept)
{
    if (kept->holding.stock != NULL) pawl_stock_stamp(kept->holding.stock);
}

bool pawl_kept_is_drawn(const struct kept *kept)
{
    const struct shelf *shelf = kept_shelf(kept);

    return shelf != NULL && shelf->drawn_ns != 0 &&
           kept->keeper->now_ns - shelf->drawn_ns < kept->keeper->settings.pace.refill_interval_ns;
}

/*
 * How many ids the stock should have while askers above are leased of the same reserve. Ids ahead
 * of need come after those that somebody waits for.
 */
static uint64_t stock_share(const struct kept *kept)
{
    bool waited = kept->busy->takes.first != NULL || !pawl_kept_is_drawn(kept);
    double own = waited ? 0 : kept->rate - kept->pace.asked_rate;
    double share = own > 0 ? own * (double)kept->keeper->settings.pace.refill_interval_ns / 1e9 : 0;
    uint64_t least = kept->busy->wait_count;

    if (kept->busy->opens.first != NULL && least == 0) least = 1;
    return share > (double)least ? (share < 1e12 ? (uint64_t)share : UINT64_C(1000000000000))
                                 : least;
}

/* Askers above are leased of it, or wait for their first lease: their ids must not go to the stock.
 */
static bool is_leasing(const struct kept *kept)
{
    uint64_t intervals = PAWL_IDLE_INTERVALS * kept->keeper->settings.pace.refill_interval_ns;

    for (const struct pawl_ask *ask = kept->busy->takes.first; ask != NULL; ask = ask->next) {
        if (ask->count > 0) return true;
    }
    return kept->lent != NULL && kept->lent->leased_ns != 0 &&
           kept->keeper->now_ns - kept->lent->leased_ns < intervals;
}

void pawl_kept_publish(struct kept *kept)
{
    struct shelf *shelf = kept_shelf(kept);
    bool published = false;

    /* It stays there, if nobody has it open. */
    if (shelf == NULL || kept->reserve_count == 0) return;
    uint64_t wish = is_leasing(kept) ? stock_share(kept) : UINT64_MAX;

    while (kept->reserve_count > 0 && kept->put < wish) {
        uint64_t room = wish - kept->put;
        uint64_t most = room < PAWL_STOCK_SLOT_IDS_MAX ? room : PAWL_STOCK_SLOT_IDS_MAX;
        struct held piece = kept->reserve[0];

        if (piece.range.count > most) piece.range.count = most;
        if (!pawl_stock_publish(&shelf->stock, piece.range)) break;
        (void)pawl_kept_cut(kept, 0, 0, piece.range.count);
        shelf->put_laps[shelf->puts++ % PAWL_STOCK_SLOTS] = piece.lap;
        kept->put += piece.range.count;
        published = true;
    }
    if (published) kept_forget_leases(kept); /* the stock has moved past what was leased before */
}
