/* SPDX-License-Identifier: Apache-2.0 */
/* Those who wait at a keeper, and how they are served from what it holds. */
#include "range/kept.h"

#include <stdlib.h>
#include <string.h>

#include "range/wide.h"

static void answer_ok(struct pawl_ask *ask)
{
    ask->error.code = PAWL_OK;
    pawl_ask_answer(ask);
}

/* One for all that open it, and one for each that would have one id instead. */
static uint64_t opens_waited(const struct kept *kept)
{
    uint64_t onces = 0;
    uint64_t others = 0;

    for (const struct pawl_ask *ask = kept->busy->opens.first; ask != NULL; ask = ask->next) {
        if (ask->once) {
            onces++;
        } else {
            others = 1;
        }
    }
    return onces + others;
}

uint64_t pawl_kept_waited(const struct kept *kept)
{
    uint64_t sum = kept->busy->wait_count + opens_waited(kept);

    for (const struct pawl_ask *ask = kept->busy->takes.first; ask != NULL; ask = ask->next) {
        if (ask->count > PAWL_BLOCK_IDS_MAX - sum) return PAWL_BLOCK_IDS_MAX;
        sum += ask->count;
    }
    return sum;
}

void pawl_note_deadline(struct kept *kept, const struct pawl_ask *ask)
{
    if (ask->deadline_ns != 0 && ask->deadline_ns < kept->busy->expiry_ns) {
        kept->busy->expiry_ns = ask->deadline_ns;
    }
}

/* Its memory may be another ask's from now on, whom the errand's answer must not be taken for. */
void pawl_note_left(struct kept *kept, const struct pawl_ask *ask)
{
    if (kept->busy->floor_from == ask) kept->busy->floor_from = NULL;
    if (kept->busy->run_for == ask) kept->busy->run_for = NULL;
}

void pawl_kept_serve_waits(struct kept *kept)
{
    if (kept->holding.stock == NULL || pawl_stock_left(kept->holding.stock) == 0) return;
    kept->busy->wait_count = 0;
    while (kept->busy->waits.first != NULL) {
        answer_ok(pawl_asks_pop(&kept->busy->waits));
    }
}

/* How many whole increments lie between two ids, `to` not being behind `from`. Never overflows. */
static uint64_t steps(int64_t from, int64_t to, int64_t increment)
{
    PAWL_ASSERT(increment != 0);
    uint64_t apart = increment > 0 ? (uint64_t)to - (uint64_t)from : (uint64_t)from - (uint64_t)to;
    return apart / pawl_wide_step(increment);
}

/* Where in the reserve a lease for this asker may begin: beyond its floor. */
static bool find_beyond(const struct kept *kept, const struct pawl_ask *ask, size_t *at,
                        uint64_t *skip)
{
    const struct pawl_mark *floor = &ask->floor;

    if (floor->line > kept->top.line) return false; /* only the source can tell what that means */
    for (*at = 0; *at < kept->reserve_count; (*at)++) {
        const struct held *held = &kept->reserve[*at];
        struct pawl_mark first = {kept->top.line, held->lap, held->range.first};
        struct pawl_mark last = {kept->top.line, held->lap, pawl_range_last(held->range)};

        *skip = 0;
        if (floor->line < kept->top.line) return true;
        if (pawl_mark_order(first, *floor, kept->increment) > 0) return true;
        if (pawl_mark_order(last, *floor, kept->increment) <= 0) continue;
        *skip = steps(first.id, floor->id, kept->increment) + 1;
        return true;
    }
    return false;
}

/* Without memory for it, it is one that cannot be taken back. */
static void lease_remember(struct kept *kept, const struct pawl_ask *ask, struct held held)
{
    struct lent *lent = kept->lent;

    if (lent == NULL) return;
    if (lent->lease_count == KEPT_LEASES_MAX) {
        for (size_t i = 1; i < KEPT_LEASES_MAX; i++) {
            lent->leases[i - 1] = lent->leases[i];
        }
        lent->lease_count--;
    }
    lent->leases[lent->lease_count++] = (struct lease){ask->grant.lease, ask->asker, held};
}

static bool serve_take(struct kept *kept, struct pawl_ask *ask)
{
    struct pawl_keeper *keeper = kept->keeper;
    size_t at = 0;
    uint64_t skip = 0;

    if (kept->epoch == 0 || !find_beyond(kept, ask, &at, &skip)) return false;
    struct held cut = pawl_kept_cut(kept, at, skip, ask->count);
    if (cut.range.count == 0) return false;

    ask->grant = (struct pawl_grant){
        .range = cut.range,
        .epoch = kept->epoch,
        .line = kept->top.line,
        .lap = cut.lap,
        .lease = ++keeper->lease_number,
    };
    if (at > 0 || skip > 0) kept_forget_leases(kept);
    if (pawl_kept_lend(kept)) kept->lent->leased_ns = keeper->now_ns;
    if (at == 0 && skip == 0) lease_remember(kept, ask, cut);
    pawl_kept_handed(kept, pawl_range_last(cut.range));
    kept->used_ns = keeper->now_ns;
    kept->pace.since_grant += ask->count;
    pawl_note_left(kept, ask);
    pawl_asker_granted(kept, ask->asker, cut.range);
    pawl_kept_flow(kept, PAWL_FLOW_LEASED, cut.range.count);
    pawl_kept_unhold(kept, cut.range.count);
    answer_ok(ask);
    return true;
}

void pawl_kept_serve_takes(struct kept *kept)
{
    struct pawl_asks all = {NULL, NULL};

    if (kept->reserve_count == 0) return;
    while (kept->busy->takes.first != NULL) {
        pawl_asks_add(&all, pawl_asks_pop(&kept->busy->takes));
    }
    while (all.first != NULL) {
        struct pawl_ask *ask = pawl_asks_pop(&all);

        if (ask->count == 0 || !serve_take(kept, ask)) pawl_asks_add(&kept->busy->takes, ask);
    }
}

/* Those that only ask whether the epoch stands. error: what the source said when we asked it. */
void pawl_kept_serve_checks(struct kept *kept, const pawl_error *error)
{
    struct pawl_asks all = {NULL, NULL};
    pawl_error copy = *error;

    kept->busy->check_wanted = false;
    while (kept->busy->takes.first != NULL) {
        pawl_asks_add(&all, pawl_asks_pop(&kept->busy->takes));
    }
    while (all.first != NULL) {
        struct pawl_ask *ask = pawl_asks_pop(&all);

        if (ask->count > 0) {
            pawl_asks_add(&kept->busy->takes, ask);
            continue;
        }
        pawl_note_left(kept, ask);
        ask->error = copy;
        ask->grant = (struct pawl_grant){
            .range = {0, 1, 0},
            .epoch = kept->told_epoch,
            .line = kept->told_line,
            .lap = kept->told_lap,
        };
        pawl_ask_answer(ask);
    }
}

/* Where in a range an id lies; false: it is none of the range's. */
static bool range_index(struct pawl_range range, int64_t id, uint64_t *index)
{
    bool ahead = range.increment > 0 ? id >= range.first : id <= range.first;

    if (!ahead) return false;
    *index = steps(range.first, id, range.increment);
    return *index < range.count &&
           (uint64_t)range.first + *index * (uint64_t)range.increment == (uint64_t)id;
}

/*
 * What a RETURN gives back: from its value to the end of the asker's latest lease, over leases
 * that it had one right after the other. *keep: how many leases stay. count 0: not to be taken
 * back.
 */
static struct held returned_tail(const struct kept *kept, const struct pawl_ask *ask, size_t *keep)
{
    const struct held none = {{0, 1, 0}, 0};
    const struct lent *lent = kept->lent;
    uint64_t behind = 0;

    if (lent == NULL) return none;
    for (size_t i = lent->lease_count; i > 0; i--) {
        const struct lease *lease = &lent->leases[i - 1];
        struct held tail = lease->held;
        uint64_t index = 0;

        if (lease->asker != ask->asker) return none;
        if (i == lent->lease_count && lease->number != ask->lease) return none;
        if (i < lent->lease_count && !pawl_kept_adjacent(lease->held, lent->leases[i].held)) {
            return none;
        }
        if (range_index(lease->held.range, ask->value, &index)) {
            (void)pawl_range_cut(&tail.range, index);
            tail.range.count += behind;
            *keep = index == 0 ? i - 1 : 0;
            return tail;
        }
        behind += lease->held.range.count;
    }
    return none;
}

/* Only the latest lease, only while nothing was cut or published after it, only once. */
void pawl_kept_serve_return(struct kept *kept, struct pawl_ask *ask)
{
    size_t keep = 0;
    struct held tail = returned_tail(kept, ask, &keep);
    bool changes = kept->busy != NULL && kept->busy->changes.first != NULL;
    bool open = kept->epoch != 0 && kept->errand != ERRAND_RETURN && !changes;

    if (tail.range.count == 0 || !open || !pawl_kept_add_front(kept, tail)) {
        pawl_ask_fail(ask, PAWL_NOT_KEPT, "lease %llu can no longer be taken back",
                      (unsigned long long)ask->lease);
        return;
    }
    kept->lent->lease_count = keep;
    pawl_asker_returned(kept, ask->asker, tail.range.count);
    pawl_kept_flow(kept, PAWL_FLOW_RETURNED, tail.range.count);
    pawl_kept_hold(kept, tail.range.count);
    pawl_kept_books_save(kept); /* or a crash would burn more than they say it can have */
    answer_ok(ask);
}

static void hand_out(struct kept *kept, struct pawl_ask *ask, struct held held)
{
    ask->grant = (struct pawl_grant){
        .range = held.range,
        .epoch = kept->epoch,
        .line = kept->top.line,
        .lap = held.lap,
    };
    kept->used_ns = kept->keeper->now_ns;
    pawl_kept_handed(kept, pawl_range_last(held.range));
    pawl_kept_flow(kept, PAWL_FLOW_HANDED, held.range.count);
    pawl_kept_unhold(kept, held.range.count);
    pawl_pace_used(&kept->pace, &kept->keeper->settings.pace, kept->keeper->now_ns,
                   held.range.count);
    pawl_note_left(kept, ask);
    answer_ok(ask);
}

/* Of a sequence that nobody has open and that is seldom used: then no stock is made for it. */
void pawl_kept_serve_onces(struct kept *kept)
{
    struct pawl_asks all = kept->busy->opens;

    if (kept->holding.stock != NULL || kept_global(kept) || !kept_seldom(kept)) return;
    kept->busy->opens = (struct pawl_asks){NULL, NULL};
    while (all.first != NULL) {
        struct pawl_ask *ask = pawl_asks_pop(&all);

        if (ask->once && kept->reserve_count > 0) {
            kept_forget_leases(kept); /* what came back of them would be handed out after it */
            ask->holding = NULL;
            hand_out(kept, ask, pawl_kept_cut(kept, 0, 0, 1));
        } else {
            pawl_asks_add(&kept->busy->opens, ask);
        }
    }
}

/* Whoever would have had one id instead opens it, too, if it is used often; or waits for that id.
 */
static bool opens_now(const struct kept *kept)
{
    if (kept_global(kept)) return true;
    return pawl_kept_held(kept) > 0 && (kept->holding.stock != NULL || !kept_seldom(kept));
}

void pawl_kept_serve_opens(struct kept *kept)
{
    pawl_error no_memory;

    if (!opens_now(kept)) return;
    if (!pawl_kept_shelve(kept)) {
        (void)pawl_fail(&no_memory, PAWL_NO_MEMORY, "no memory to open another sequence");
        pawl_asks_fail(&kept->busy->opens, &no_memory);
        return;
    }
    pawl_kept_publish(kept);
    while (kept->busy->opens.first != NULL) {
        struct pawl_ask *ask = pawl_asks_pop(&kept->busy->opens);

        ask->holding = &kept->holding;
        atomic_fetch_add_explicit(&kept->holding.users, 1, memory_order_relaxed);
        answer_ok(ask);
    }
}

/*
 * The ids of one ORDER GLOBAL ask, in order of arrival. What is left over is burned, never kept:
 * an id kept would be handed out after higher ones (design 4.3).
 */
void pawl_kept_serve_batch(struct kept *kept, struct pawl_range range)
{
    struct held rest = {range, kept->lap};

    while (kept->busy->batch.first != NULL && rest.range.count > 0) {
        struct pawl_ask *ask = kept->busy->batch.first;
        struct held cut = rest;

        if (ask->exact && ask->count > rest.range.count) break;
        (void)pawl_asks_pop(&kept->busy->batch);
        cut.range = pawl_range_cut(&rest.range, ask->count);
        hand_out(kept, ask, cut);
    }
    pawl_kept_burn(kept, rest.range.count, PAWL_CAUSE_EXACT);
}

/* The first run of the reserve that holds n ids (its own ranges merged when they came), or none. */
static size_t find_run(const struct kept *kept, const struct pawl_ask *ask, uint64_t n)
{
    for (size_t i = 0; i < kept->reserve_count; i++) {
        const struct held *held = &kept->reserve[i];
        struct pawl_mark first = {kept->top.line, held->lap, held->range.first};
        bool beyond = ask->floor.line < kept->top.line ||
                      pawl_mark_order(first, ask->floor, kept->increment) > 0;

        if (held->range.count >= n && beyond) return i;
    }
    return SIZE_MAX;
}

/*
 * Takes that the stock cannot serve by itself: never around the stock, so that ids only rise. All
 * comes back, the first run that is long enough serves, shorter ones before it are burned, and
 * the rest is published again.
 */
void pawl_kept_serve_nexts(struct kept *kept)
{
    if (kept->busy->nexts.first == NULL || kept->epoch == 0) return;
    pawl_kept_take_back(kept);
    while (kept->busy->nexts.first != NULL && kept->reserve_count > 0) {
        struct pawl_ask *ask = kept->busy->nexts.first;
        size_t at = find_run(kept, ask, ask->exact ? ask->count : 1);

        if (at == SIZE_MAX) break;
        for (; at > 0; at--) {
            pawl_kept_burn_front(kept);
        }
        (void)pawl_asks_pop(&kept->busy->nexts);
        hand_out(kept, ask, pawl_kept_cut(kept, 0, 0, ask->count));
    }
}

void pawl_asks_fail(struct pawl_asks *asks, const pawl_error *error)
{
    pawl_error copy = *error; /* error may lie in what the answers change */
    struct pawl_asks all = *asks;

    *asks = (struct pawl_asks){NULL, NULL};
    if (all.first == NULL) return;
    while (all.first != NULL) {
        struct pawl_ask *ask = pawl_asks_pop(&all);

        ask->error = copy;
        ask->burned = 0;
        pawl_ask_answer(ask);
    }
}

void pawl_kept_fail_waiting(struct kept *kept, const pawl_error *error)
{
    pawl_error copy = *error;

    kept->busy->floor_from = NULL;
    kept->busy->run_for = NULL;
    pawl_asks_fail(&kept->busy->opens, &copy);
    pawl_asks_fail(&kept->busy->waits, &copy);
    pawl_asks_fail(&kept->busy->takes, &copy);
    pawl_asks_fail(&kept->busy->batch, &copy);
    pawl_asks_fail(&kept->busy->nexts, &copy);
    kept->busy->wait_count = 0;
}

/* A source that is a keeper itself has said so much in the same words: they are its story. */
static void fail_expired(const struct kept *kept, struct pawl_ask *ask)
{
    static const char words[] = "came in time: ";
    const char *why = kept->trouble != NULL ? kept->trouble->text : "its source has not answered";
    const char *told = strstr(why, words);

    pawl_ask_fail(ask, PAWL_TIMEOUT, "no id of \"%.*s\" %s%s", (int)kept->holding.name.size,
                  kept->holding.name.at, words, told != NULL ? told + strlen(words) : why);
}

static void fail_expired_in(struct kept *kept, struct pawl_asks *asks)
{
    struct pawl_asks all = {NULL, NULL};

    while (asks->first != NULL) {
        pawl_asks_add(&all, pawl_asks_pop(asks));
    }
    while (all.first != NULL) {
        struct pawl_ask *ask = pawl_asks_pop(&all);

        if (ask->deadline_ns != 0 && ask->deadline_ns <= kept->keeper->now_ns) {
            if (asks == &kept->busy->waits) kept->busy->wait_count -= ask->count;
            pawl_note_left(kept, ask);
            fail_expired(kept, ask);
            continue;
        }
        pawl_note_deadline(kept, ask);
        pawl_asks_add(asks, ask);
    }
}

void pawl_kept_fail_expired(struct kept *kept)
{
    struct pawl_ask *under_way = NULL;

    if (kept->busy == NULL || kept->busy->expiry_ns > kept->keeper->now_ns) return;
    kept->busy->expiry_ns = PAWL_NEVER;
    if (kept->errand == ERRAND_CHANGE) under_way = pawl_asks_pop(&kept->busy->changes);
    fail_expired_in(kept, &kept->busy->changes);
    if (under_way != NULL) pawl_asks_push(&kept->busy->changes, under_way);
    fail_expired_in(kept, &kept->busy->opens);
    fail_expired_in(kept, &kept->busy->waits);
    fail_expired_in(kept, &kept->busy->takes);
    fail_expired_in(kept, &kept->busy->nexts);
}
