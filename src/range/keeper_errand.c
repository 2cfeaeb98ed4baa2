/* SPDX-License-Identifier: Apache-2.0 */
/* A keeper's asks of its source, one at a time for each sequence, and how the answers are judged.
 */
#include "range/kept.h"

#include <stdlib.h>

/* From below, at any time: the answer is judged on the keeper's turn, when it knows the time. */
static void errand_done(struct pawl_ask *ask)
{
    struct kept *kept = PAWL_OWNER(ask, struct busy, ask)->kept;
    struct pawl_keeper *keeper = kept->keeper;
    bool idle = keeper->answered.first == NULL && !keeper->turning;

    if (keeper->settings.clock != NULL) kept->busy->answered_ns = keeper->settings.clock();
    pawl_asks_add(&keeper->answered, ask);
    if (idle && keeper->settings.wake != NULL) keeper->settings.wake(keeper->settings.arg);
}

static struct pawl_ask *errand_new(struct kept *kept, enum errand errand, enum pawl_ask_kind kind)
{
    struct pawl_ask *ask = &kept->busy->ask;

    PAWL_ASSERT(kept->errand == ERRAND_NONE);
    kept->errand = errand;
    kept->busy->asked_ns = kept->keeper->now_ns;
    kept->busy->floor_from = NULL;
    kept->busy->run_for = NULL;
    *ask = (struct pawl_ask){
        .kind = kind,
        .name = kept->holding.name,
        .done = errand_done,
    };
    return ask;
}

static void errand_send(struct kept *kept)
{
    struct pawl_ask *ask = &kept->busy->ask;
    struct pawl_counts *counts = &kept->keeper->counts;
    bool reads = ask->kind == PAWL_ASK_TAKE && ask->count == 0;

    pawl_count_add(&counts->asks, 1);
    if (!reads) pawl_count_add(&counts->writes, 1);
    if (!reads) pawl_kept_books_save(kept);
    kept->busy->answered_ns = 0;
    kept->busy->sent_ns = kept->keeper->settings.clock != NULL ? kept->keeper->settings.clock()
                                                               : kept->busy->asked_ns;
    pawl_source_ask(kept->keeper->below, ask);
}

/* Whether a lies beyond b; while the direction is unknown, only what is there beyond what is not.
 */
static bool further(const struct kept *kept, struct pawl_mark a, struct pawl_mark b)
{
    if (a.line == 0) return false;
    if (b.line == 0) return true;
    return kept->increment != 0 && pawl_mark_order(a, b, kept->increment) > 0;
}

struct pawl_mark pawl_kept_floor(const struct kept *kept, struct pawl_mark floor)
{
    if (further(kept, kept->top, floor)) floor = kept->top;
    return further(kept, kept->stop, floor) ? kept->stop : floor;
}

/* The furthest of our own and of those that wait; while the direction is unknown, one's. */
static void set_floor(struct kept *kept, const struct pawl_asks *asks)
{
    struct pawl_mark floor = pawl_kept_floor(kept, (struct pawl_mark){0, 0, 0});

    for (struct pawl_ask *ask = asks->first; ask != NULL; ask = ask->next) {
        if (!further(kept, ask->floor, floor)) continue;
        floor = ask->floor;
        kept->busy->floor_from = ask;
    }
    kept->busy->ask.floor = floor;
}

static void set_holds(const struct kept *kept, struct pawl_ask *ask)
{
    ask->holds = pawl_kept_held(kept) + kept_out(kept);
    ask->holds_last = kept->top.id;
}

void pawl_errand_take(struct kept *kept, uint64_t count)
{
    struct pawl_ask *ask = errand_new(kept, ERRAND_TAKE, PAWL_ASK_TAKE);

    ask->count = count;
    ask->rate = kept->rate;
    set_holds(kept, ask);
    set_floor(kept, &kept->busy->takes);
    errand_send(kept);
}

void pawl_errand_check(struct kept *kept)
{
    struct pawl_ask *ask = errand_new(kept, ERRAND_CHECK, PAWL_ASK_TAKE);

    ask->rate = kept->rate;
    set_holds(kept, ask);
    ask->floor = kept->top;
    errand_send(kept);
}

/* The mark just before an id; none, if that would leave int64: then the floor says nothing. */
static struct pawl_mark mark_before(struct pawl_mark top, int64_t id, int64_t increment)
{
    int64_t before = 0;

    if (__builtin_sub_overflow(id, increment, &before)) return (struct pawl_mark){0, 0, 0};
    return (struct pawl_mark){top.line, top.lap, before};
}

/*
 * Gives back what hangs together with the end of our last grant. The ids leave us before it is
 * sent, and it is sent once: whatever the answer, they are never ours again.
 */
bool pawl_errand_return(struct kept *kept)
{
    pawl_kept_take_back(kept);
    size_t at = kept->reserve_count;
    uint64_t lease = kept->grant_lease;
    bool tail = at > 0 && lease != 0 && kept->reserve[at - 1].lap == kept->top.lap &&
                pawl_range_last(kept->reserve[at - 1].range) == kept->top.id;

    if (!tail) {
        pawl_kept_burn_all(kept, PAWL_CAUSE_NOT_KEPT);
        return false;
    }
    at--;
    while (at > 0 && pawl_kept_adjacent(kept->reserve[at - 1], kept->reserve[at])) {
        at--;
    }

    uint64_t count = 0;
    for (size_t i = at; i < kept->reserve_count; i++) {
        count += kept->reserve[i].range.count;
    }
    int64_t first = kept->reserve[at].range.first;
    kept->reserve_count = (uint8_t)at; /* what lies before the tail has a hole behind it */
    pawl_kept_burn_all(kept, PAWL_CAUSE_NOT_KEPT);
    /* Nothing before the run's first id need be ours: a floor is never beyond what was handed out,
     * or whoever gives back later would make the store believe that it went back. */
    if (first == kept->run_first) {
        kept->top = kept->run_before;
        if (kept->run_turned) kept->increment = kept->increment < 0 ? 1 : -1;
        kept->run_turned = false;
    } else {
        kept->top = mark_before(kept->top, first, kept->increment);
    }

    struct pawl_ask *ask = errand_new(kept, ERRAND_RETURN, PAWL_ASK_RETURN);
    ask->value = first;
    ask->lease = lease;
    ask->epoch = kept->epoch;
    ask->count = count;
    errand_send(kept);
    return true;
}

/* A rename, and a fence beyond a line, end that line and everybody's floors: what is known here of
 * ids that the store may have lost goes with them. */
void pawl_errand_change(struct kept *kept)
{
    const struct pawl_ask *wish = kept->busy->changes.first;
    struct pawl_ask *ask = errand_new(kept, ERRAND_CHANGE, wish->kind);
    bool ends = wish->kind == PAWL_ASK_RENAME || (wish->kind == PAWL_ASK_FENCE && wish->line != 0);

    ask->floor = ends ? pawl_kept_floor(kept, wish->floor) : wish->floor;
    ask->to_floor = wish->to_floor;
    ask->to = wish->to;
    ask->count = wish->count;
    ask->force = wish->force;
    ask->called = wish->called;
    ask->value = wish->value;
    ask->line = wish->line;
    ask->definition = wish->definition;
    ask->record = wish->record;
    errand_send(kept);
}

/* ORDER GLOBAL: all that wait now, in one ask; whoever comes later waits for the next one. */
void pawl_errand_next(struct kept *kept)
{
    struct pawl_ask *ask = errand_new(kept, ERRAND_NEXT, PAWL_ASK_NEXT);

    PAWL_ASSERT(kept->busy->batch.first == NULL && kept->busy->nexts.first != NULL);
    ask->rate = kept->rate;
    if (kept_global(kept)) {
        ask->exact = kept->busy->nexts.first->exact;
        while (kept->busy->nexts.first != NULL) {
            struct pawl_ask *next = kept->busy->nexts.first;

            if (ask->count > 0 && (next->exact || ask->count + next->count > PAWL_BLOCK_IDS_MAX)) {
                break;
            }
            ask->count += next->count;
            pawl_asks_add(&kept->busy->batch, pawl_asks_pop(&kept->busy->nexts));
            if (ask->exact) break; /* a run that must hang together goes alone */
        }
        set_floor(kept, &kept->busy->batch);
    } else {
        ask->exact = kept->busy->nexts.first->exact;
        ask->count = kept->busy->nexts.first->count;
        kept->busy->run_for = kept->busy->nexts.first;
        set_floor(kept, &kept->busy->nexts);
    }
    errand_send(kept);
}

static void note_latency(struct kept *kept)
{
    uint64_t until_ns =
        kept->busy->answered_ns != 0 ? kept->busy->answered_ns : kept->keeper->now_ns;
    uint64_t us = (until_ns - kept->busy->sent_ns) / PAWL_NS_PER_US;
    size_t bucket = 0;

    while (bucket + 1 < PAWL_LATENCY_BUCKETS && us >> bucket != 0) {
        bucket++;
    }
    pawl_count_add(&kept->keeper->counts.latency[bucket], 1);
}

static void trouble_over(struct kept *kept)
{
    free(kept->trouble);
    kept->trouble = NULL;
}

/* Without memory for it, those who wait too long are told less. */
static void trouble_keep(struct kept *kept, const pawl_error *error)
{
    if (kept->trouble == NULL) kept->trouble = malloc(sizeof *kept->trouble);
    if (kept->trouble != NULL) *kept->trouble = *error;
}

/* Again later: twice as late each time, with jitter, so that many do not come at once. */
static void back_off(struct kept *kept, const pawl_error *error)
{
    struct pawl_keeper *keeper = kept->keeper;
    uint64_t delay = keeper->settings.retry_most_ns;

    if (kept->failures < 16) {
        uint64_t doubled = keeper->settings.retry_least_ns << kept->failures;
        if (doubled < delay) delay = doubled;
    }
    kept->failures++;
    kept->retry_ns = keeper->now_ns + delay / 2 + pawl_random(&keeper->random) % (delay / 2 + 1);
    trouble_keep(kept, error);
    pawl_count_add(&keeper->counts.failures, 1);
    pawl_kept_post(kept, error->code);
    if (kept->failures == 1) {
        pawl_kept_log_failure(kept, error);
    } else {
        pawl_kept_log(kept, PAWL_LOG_DEBUG, "refill failed", error->text);
    }
}

/* Nothing of it may be held any more: who waits for a stock learns it, threads and asks alike. */
static void now_global(struct kept *kept, const pawl_error *error)
{
    pawl_error copy = *error;

    if (!kept_global(kept)) {
        pawl_kept_forget_epoch(kept, PAWL_CAUSE_CHANGE);
        atomic_store_explicit(&kept->holding.global, true, memory_order_release);
    }
    kept->seen_ns = kept->busy->asked_ns;
    kept->failures = 0;
    trouble_over(kept);
    pawl_asks_fail(&kept->busy->waits, &copy);
    kept->busy->wait_count = 0;
    pawl_asks_fail(&kept->busy->takes, &copy);
    pawl_kept_post(kept, PAWL_GLOBAL);
}

/* The source wants to be asked otherwise, or has no more. It is there, whatever was before. */
static void ids_refused(struct kept *kept, const pawl_error *error)
{
    struct pawl_ask *whose = kept->busy->floor_from; /* NULL: it has left, or the floor was ours */
    struct pawl_mark floor = pawl_kept_floor(kept, (struct pawl_mark){0, 0, 0});
    bool ours = pawl_mark_order(kept->busy->ask.floor, floor, kept->increment) == 0;
    uint64_t later_ns = kept->keeper->now_ns + kept->keeper->settings.pace.refill_interval_ns;

    kept->failures = 0;
    kept->retry_ns = 0;
    if (kept->increment == 0) kept->increment = kept->busy->ask.grant.range.increment;
    if (error->code == PAWL_ROLLBACK && further(kept, kept->busy->ask.floor, kept->stop)) {
        kept->stop = kept->busy->ask.floor;
    }
    if (error->code == PAWL_ROLLBACK || (error->code == PAWL_FLOOR && ours)) {
        pawl_kept_stopped(kept);
    }
    if (error->code == PAWL_NO_SEQUENCE) {
        pawl_kept_goes_on(kept);
        pawl_kept_forget_epoch(kept, PAWL_CAUSE_CHANGE);
        kept->seen_ns = kept->busy->asked_ns;
    } else if (error->code == PAWL_FLOOR && !ours) {
        pawl_kept_log(kept, PAWL_LOG_ERROR, "a floor was refused", error->text);
        if (whose != NULL && (pawl_asks_remove(&kept->busy->takes, whose) ||
                              pawl_asks_remove(&kept->busy->batch, whose) ||
                              pawl_asks_remove(&kept->busy->nexts, whose))) {
            whose->error = *error;
            pawl_ask_answer(whose);
        }
        return;
    } else if (kept->busy->ask.kind == PAWL_ASK_NEXT) { /* too long a run ends nothing else */
        pawl_asks_fail(&kept->busy->batch, error);
        if (kept->busy->run_for != NULL &&
            pawl_asks_remove(&kept->busy->nexts, kept->busy->run_for)) {
            kept->busy->run_for->error = *error;
            pawl_ask_answer(kept->busy->run_for);
        }
        return;
    } else {
        pawl_kept_publish(kept);
        pawl_kept_serve_waits(kept);
        pawl_kept_serve_takes(kept);
    }
    trouble_keep(kept, error);
    kept->retry_ns = later_ns;
    pawl_kept_fail_waiting(kept, error);
    pawl_kept_post(kept, error->code);
}

/* What an ask for ids that failed means. */
static void ids_failed(struct kept *kept, const struct pawl_ask *ask)
{
    const pawl_error *error = &ask->error;
    pawl_advice advice = pawl_err_advice(error->code);

    if (advice == PAWL_ADVICE_AGAIN && ask->burned > 0) {
        pawl_kept_flow(kept, PAWL_FLOW_RESERVED, ask->burned);
        pawl_kept_burned(kept, ask->burned, PAWL_CAUSE_LOST);
    }
    if (error->code == PAWL_GLOBAL) {
        now_global(kept, error);
    } else if (advice == PAWL_ADVICE_AGAIN || advice == PAWL_ADVICE_WAIT) {
        back_off(kept, error);
    } else {
        ids_refused(kept, error);
    }
}

/*
 * Whether what was granted lies beyond the floor that went out with the ask and beyond what we
 * have had since. What does not is discarded unseen: the source went back in time, or this answer
 * comes after a later one (design 5.2, 5.5).
 */
static bool grant_good(struct kept *kept, const struct pawl_ask *ask)
{
    const struct pawl_grant *grant = &ask->grant;
    struct pawl_mark first = {grant->line, grant->lap, grant->range.first};
    bool back = grant->line < ask->floor.line ||
                (grant->line == ask->floor.line &&
                 pawl_mark_order(first, ask->floor, grant->range.increment) <= 0);
    bool late = !back && grant->line == kept->top.line &&
                pawl_mark_order(first, kept->top, grant->range.increment) <= 0;

    pawl_kept_flow(kept, PAWL_FLOW_RESERVED, grant->range.count + ask->burned);
    pawl_kept_burned(kept, ask->burned, PAWL_CAUSE_EXACT); /* left in the lap before */
    if (!back && !late) return true;
    pawl_kept_burned(kept, grant->range.count, back ? PAWL_CAUSE_ROLLBACK : PAWL_CAUSE_LATE);
    if (back) pawl_count_add(&kept->keeper->counts.rollbacks, 1);
    pawl_kept_log(kept, PAWL_LOG_ERROR, "discarded a grant",
                  back ? "it lies behind our floor: the store went back in time" : "it comes late");
    return false;
}

static void grant_failed(struct kept *kept)
{
    pawl_error error;

    (void)pawl_fail(&error, kept->keeper->settings.refuse_rollback ? PAWL_ROLLBACK : PAWL_BUSY,
                    "the store of \"%.*s\" went back in time: restore it, or move the sequence "
                    "on with: pawl fence NAME",
                    (int)kept->holding.name.size, kept->holding.name.at);
    back_off(kept, &error);
    if (error.code != PAWL_ROLLBACK) return;
    pawl_kept_stopped(kept);
    pawl_kept_fail_waiting(kept, &error);
}

static void told(struct kept *kept, const struct pawl_grant *grant)
{
    kept->told_epoch = grant->epoch;
    kept->told_line = grant->line;
    kept->told_lap = grant->lap;
}

/* Our floor is now the end of this grant; ranges of an earlier epoch are void. */
static void grant_adopt(struct kept *kept, const struct pawl_grant *grant)
{
    if (kept->epoch != 0 && kept->epoch != grant->epoch) {
        pawl_kept_forget_epoch(kept, PAWL_CAUSE_CHANGE);
    }
    if (kept->shown_epoch != grant->epoch) {
        kept->shown_epoch = grant->epoch;
        kept->shown_first = grant->range.first;
        kept->handed_known = false;
        if (kept->holding.stock != NULL) pawl_stock_forget_last(kept->holding.stock);
    }
    struct pawl_mark first = {grant->line, grant->lap, grant->range.first};
    struct pawl_mark before = mark_before(first, first.id, grant->range.increment);

    /* What goes on where a run began that was given back whole is no part of that. */
    if (before.line == 0 || pawl_mark_order(before, kept->top, grant->range.increment) != 0 ||
        pawl_mark_order(kept->run_before, kept->top, grant->range.increment) == 0) {
        kept->run_first = first.id;
        kept->run_before = kept->top;
        kept->run_turned = (kept->increment < 0) != (grant->range.increment < 0);
    }
    kept->epoch = grant->epoch;
    kept->lap = grant->lap;
    kept->increment = grant->range.increment;
    kept->block = grant->block;
    kept->top = (struct pawl_mark){grant->line, grant->lap, pawl_range_last(grant->range)};
    kept->grant_lease = grant->lease;
    kept->seen_ns = kept->busy->asked_ns;
    told(kept, grant);
    kept->failures = 0;
    kept->retry_ns = 0;
    trouble_over(kept);
}

static void ids_granted(struct kept *kept, const struct pawl_ask *ask)
{
    const struct pawl_grant *grant = &ask->grant;

    if (!grant_good(kept, ask)) {
        grant_failed(kept);
        return;
    }
    grant_adopt(kept, grant);
    kept->stop = (struct pawl_mark){0, 0, 0};
    pawl_kept_goes_on(kept);
    if (ask->skipped > 0) pawl_kept_stepped_back(kept, ask->skipped);
    pawl_kept_hold(kept, grant->range.count);
    if (ask->kind == PAWL_ASK_TAKE) {
        kept->client_epoch = grant->epoch;
    } else if (kept->busy->run_for != NULL && grant->epoch != kept->client_epoch &&
               pawl_asks_remove(&kept->busy->nexts, kept->busy->run_for)) {
        pawl_asks_add(&kept->busy->batch, kept->busy->run_for);
    }
    if (kept->busy->batch.first != NULL ||
        (ask->kind == PAWL_ASK_NEXT && grant->epoch != kept->client_epoch)) {
        pawl_kept_serve_batch(kept, grant->range); /* for all we know it is ORDER GLOBAL */
        return;
    }
    pawl_pace_granted(&kept->pace, grant->range.count);
    struct held held = {grant->range, grant->lap};
    if (pawl_kept_add(kept, held)) return;
    /* What was asked for serves those who wait, what is there does not. */
    pawl_kept_burn_front(kept);
    (void)pawl_kept_add(kept, held);
}

/* Nobody's fault: they wait for another answer, before all who came later. */
static void back_to_nexts(struct kept *kept)
{
    for (const struct pawl_ask *ask = kept->busy->batch.first; ask != NULL; ask = ask->next) {
        pawl_note_deadline(kept, ask);
    }
    while (kept->busy->nexts.first != NULL) {
        pawl_asks_add(&kept->busy->batch, pawl_asks_pop(&kept->busy->nexts));
    }
    kept->busy->nexts = kept->busy->batch;
    kept->busy->batch = (struct pawl_asks){NULL, NULL};
}

static void take_ended(struct kept *kept, const struct pawl_ask *ask)
{
    note_latency(kept);
    if (ask->error.code == PAWL_OK) {
        ids_granted(kept, ask);
    } else {
        ids_failed(kept, ask);
    }
    if (kept->busy->batch.first != NULL) back_to_nexts(kept);
    pawl_kept_books_save(kept);
}

static void check_ended(struct kept *kept, const struct pawl_ask *ask)
{
    if (ask->error.code == PAWL_GLOBAL) {
        now_global(kept, &ask->error);
    } else if (ask->error.code != PAWL_OK) {
        ids_failed(kept, ask);
    } else {
        atomic_store_explicit(&kept->holding.global, false, memory_order_release);
        if (kept->epoch != 0 && kept->epoch != ask->grant.epoch) {
            pawl_kept_forget_epoch(kept, PAWL_CAUSE_CHANGE);
        }
        kept->client_epoch = ask->grant.epoch;
        kept->seen_ns = kept->busy->asked_ns;
        told(kept, &ask->grant);
        kept->failures = 0;
        kept->retry_ns = 0;
        trouble_over(kept);
    }
    pawl_kept_serve_checks(kept, &ask->error);
}

static void change_ended(struct kept *kept, const struct pawl_ask *ask)
{
    struct pawl_ask *wish = pawl_asks_pop(&kept->busy->changes);

    kept_forget_leases(kept); /* of the epoch that it ended */
    kept->epoch = 0;
    kept->told_epoch = 0;
    kept->seen_ns = 0;
    kept->retry_ns = 0;
    kept->failures = 0;
    trouble_over(kept);
    atomic_store_explicit(&kept->holding.global, false, memory_order_release);
    if (wish->kind == PAWL_ASK_CREATE && ask->skipped > 0) {
        pawl_kept_stepped_back(kept, ask->skipped);
    }
    /* Until it is refused again; or it is no more, and nobody could fence it. */
    if (ask->error.code == PAWL_OK || ask->error.code == PAWL_NO_SEQUENCE) pawl_kept_goes_on(kept);
    wish->error = ask->error;
    wish->burned = ask->burned;
    pawl_ask_answer(wish);
}

void pawl_errand_ended(struct kept *kept)
{
    const struct pawl_ask *ask = &kept->busy->ask;
    enum errand errand = kept->errand;

    PAWL_ASSERT(errand != ERRAND_NONE);
    kept->errand = ERRAND_NONE;
    switch (errand) {
    case ERRAND_TAKE:
    case ERRAND_NEXT:
        take_ended(kept, ask);
        break;
    case ERRAND_CHECK:
        check_ended(kept, ask);
        break;
    case ERRAND_RETURN:
        if (ask->error.code == PAWL_OK) {
            pawl_kept_flow(kept, PAWL_FLOW_GIVEN_BACK, ask->count);
            pawl_kept_unhold(kept, ask->count);
        } else {
            pawl_kept_burn(kept, ask->count, PAWL_CAUSE_NOT_KEPT);
        }
        pawl_kept_books_save(kept);
        break;
    case ERRAND_CHANGE:
        change_ended(kept, ask);
        break;
    case ERRAND_NONE:
        break;
    }
}
