/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's turn: what comes in, what comes back, what is due, and the next step of each. */
#include "range/kept.h"

#include <stdlib.h>

enum { LOOKS_PER_INTERVAL = 8 }; /* at a stock that may not be worth its memory */

#define REST_NS_MAX (12 * UINT64_C(3600) * PAWL_NS_PER_S)

/* Callers that wait on the stock itself (libpawl's threads) show only in `wanted`. */
static bool thirsty(const struct kept *kept)
{
    const struct pawl_stock *stock = kept->holding.stock;

    if (stock == NULL || kept->put > 0 || kept_global(kept)) return false;
    return atomic_load_explicit(&stock->wanted, memory_order_acquire) == PAWL_WANT_ANY;
}

/* Failed refills are tried again at a bounded rate over all sequences: an outage costs no storm. */
static bool retry_allowed(struct kept *kept)
{
    struct pawl_keeper *keeper = kept->keeper;
    double since_s = (double)(keeper->now_ns - keeper->retry_tokens_ns) / 1e9;

    if (kept->failures == 0) return true;
    keeper->retry_tokens += since_s * KEEPER_RETRIES_PER_S;
    if (keeper->retry_tokens > KEEPER_RETRIES_PER_S) keeper->retry_tokens = KEEPER_RETRIES_PER_S;
    keeper->retry_tokens_ns = keeper->now_ns;
    if (keeper->retry_tokens >= 1) {
        keeper->retry_tokens -= 1;
        return true;
    }
    kept->retry_ns = keeper->now_ns + pawl_random(&keeper->random) % PAWL_NS_PER_S;
    return false;
}

/* Asks below for what is missing. What waited is served by now, as far as it could be. */
static void refill(struct kept *kept, uint64_t low)
{
    struct pawl_keeper *keeper = kept->keeper;

    if (kept->failures > 0 && kept->retry_ns > keeper->now_ns) return;
    uint64_t held = pawl_kept_held(kept);
    uint64_t waited = pawl_kept_waited(kept);
    bool asked_for = waited > 0 || (held == 0 && thirsty(kept));

    if (!asked_for && held >= low) return;
    if (!asked_for && kept->retry_ns > keeper->now_ns) return; /* it had ended: no hurry */
    if (!retry_allowed(kept)) return;
    if (kept->reserve_count == KEPT_RESERVE_MAX) {
        if (!asked_for) return;
        /* None of it serves who waits, and what does must have a place. */
        pawl_kept_burn_front(kept);
    }

    struct pawl_need need = {held, asked_for && waited == 0 ? 1 : waited, kept->block};
    uint64_t count = pawl_pace_want(&kept->pace, &keeper->settings.pace, kept->rate, &need);
    if (count == 0 && asked_for) count = 1;
    if (count > 0) pawl_errand_take(kept, count);
}

/* Lanes hold ids that the stock no longer knows of. */
static bool lanes(const struct kept *kept)
{
    const struct pawl_stock *stock = kept->holding.stock;

    return stock != NULL && atomic_load_explicit(&stock->lanes, memory_order_relaxed) > 0;
}

static bool check_due(const struct kept *kept)
{
    const struct pawl_keeper *keeper = kept->keeper;
    uint64_t interval_ns = keeper->settings.pace.refill_interval_ns;

    if (kept->failures > 0 && kept->retry_ns > keeper->now_ns) return false;
    if (kept->busy->check_wanted && kept->busy->takes.first != NULL) return true;
    if (!lanes(kept)) {
        if (kept->resting || (pawl_kept_held(kept) == 0 && !kept_global(kept))) return false;
    }
    if (kept->retry_ns > keeper->now_ns) return false; /* the last one was refused */
    return keeper->now_ns - kept->seen_ns >= interval_ns;
}

static bool idle(const struct kept *kept)
{
    const struct pawl_keeper *keeper = kept->keeper;
    uint64_t idle_ns = PAWL_IDLE_INTERVALS * keeper->settings.pace.refill_interval_ns;

    if (keeper->draining || kept->leaving) return true;
    if (keeper->now_ns - kept->used_ns < idle_ns) return false;
    return !kept_waited_for(kept) && !thirsty(kept);
}

/* Lets everything go; false: an errand is under way first. */
static bool leave(struct kept *kept)
{
    if (pawl_kept_held(kept) > 0 && pawl_errand_return(kept)) return false;
    if (!kept->resting) {
        kept->resting = true;
        if (kept->keeper->settings.idle != NULL) {
            kept->keeper->settings.idle(&kept->holding, kept->keeper->settings.arg);
        }
    }
    return true;
}

/* A change first takes back all that is not handed out, gives it back, and only then goes down. */
static void change(struct kept *kept)
{
    if (pawl_kept_held(kept) > 0 && pawl_errand_return(kept)) return;
    /* With nothing left in stock: a lane that takes under the new stamp has no older ids. */
    pawl_kept_stamp(kept);
    pawl_errand_change(kept);
}

static void serve(struct kept *kept)
{
    /* While the source is away, leases share what threads would take; where none do, always. */
    if (kept->busy->takes.first != NULL && kept->reserve_count == 0 && kept->put > 0 &&
        (kept->failures > 0 || !pawl_kept_is_drawn(kept))) {
        pawl_kept_take_back(kept);
    }
    if (!kept_global(kept)) pawl_kept_serve_nexts(kept);
    if (kept->busy->takes.first != NULL && kept->busy->waits.first != NULL &&
        kept->reserve_count > 0) {
        kept->leases_first = !kept->leases_first; /* neither starves where ids come one by one */
        if (kept->leases_first) pawl_kept_serve_takes(kept);
    }
    if (kept->busy->opens.first != NULL) pawl_kept_serve_onces(kept);
    pawl_kept_publish(kept);
    if (kept->busy->opens.first != NULL) pawl_kept_serve_opens(kept);
    pawl_kept_serve_waits(kept);
    pawl_kept_serve_takes(kept);
}

/* Wakes us when less than low is left in all, or when more of the reserve should be published. */
static void set_low(struct kept *kept, uint64_t low)
{
    if (kept->put == 0) return; /* dry: whoever takes wakes us, and the timer comes back to it */
    uint64_t reserved = pawl_kept_reserved(kept);
    uint64_t least = low > reserved ? low - reserved : 0;

    if (kept->errand != ERRAND_NONE && reserved == 0) return; /* its answer is our wake */
    if (kept->errand != ERRAND_NONE || kept->retry_ns > kept->keeper->now_ns) least = 0;
    if (kept->reserve_count == KEPT_RESERVE_MAX) least = 0; /* no room for a refill's answer */
    if (reserved > 0 && least < kept->put / 2) least = kept->put / 2;
    pawl_stock_set_low(kept->holding.stock, least);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * When to look whether somebody still has it open: nobody says so when he lets go. Half as often
 * each time, so that a sequence that is open and not used costs next to nothing.
 */
static uint64_t rest_until(struct kept *kept)
{
    uint64_t now_ns = kept->keeper->now_ns;

    if (kept->rest_until_ns > now_ns) return kept->rest_until_ns;
    if (kept->rest_ns < REST_NS_MAX) kept->rest_ns *= 2;
    if (kept->rest_ns == 0) {
        kept->rest_ns = PAWL_IDLE_INTERVALS * kept->keeper->settings.pace.refill_interval_ns;
    }
    kept->rest_until_ns = now_ns + kept->rest_ns;
    return kept->rest_until_ns;
}

/* When its stock may not be worth its memory any more. */
static uint64_t look_at(struct kept *kept)
{
    const struct pawl_keeper_settings *settings = &kept->keeper->settings;
    uint64_t interval_ns = settings->pace.refill_interval_ns;
    struct shelf *shelf = kept_shelf(kept);

    if (shelf == NULL || settings->idle == NULL) return PAWL_NEVER;
    uint64_t unused_ns = kept->used_ns + interval_ns;

    if (shelf->look_ns <= kept->keeper->now_ns) {
        shelf->look_ns = kept->keeper->now_ns + interval_ns / LOOKS_PER_INTERVAL;
    }
    return shelf->look_ns > unused_ns ? shelf->look_ns : unused_ns;
}

static void schedule(struct kept *kept, uint64_t low)
{
    uint64_t interval_ns = kept->keeper->settings.pace.refill_interval_ns;
    uint64_t due = kept->busy != NULL ? kept->busy->expiry_ns : PAWL_NEVER;
    uint64_t held = pawl_kept_held(kept);

    if (kept_out(kept) > 0) due = earlier(due, kept->lent->swept_ns + interval_ns);
    if (kept->errand == ERRAND_NONE) {
        if (kept->retry_ns > kept->keeper->now_ns &&
            (held < low || kept_waited_for(kept) || thirsty(kept))) {
            due = earlier(due, kept->retry_ns);
        }
        uint64_t check_ns = kept->seen_ns + interval_ns;

        if (check_ns < kept->retry_ns) check_ns = kept->retry_ns;
        due = earlier(due, kept->resting ? rest_until(kept)
                                         : kept->used_ns + PAWL_IDLE_INTERVALS * interval_ns);
        if (!kept->resting) due = earlier(due, look_at(kept));
        if (lanes(kept) || (!kept->resting && (held > 0 || kept_global(kept)))) {
            due = earlier(due, check_ns);
        }
    }
    pawl_kept_due(kept, due);
}

/* Nobody has it open, nothing is held, nothing waits: it need not be remembered. */
static bool spent(const struct kept *kept)
{
    if (kept_users(kept) != 0 || kept->errand != ERRAND_NONE || kept_waited_for(kept)) return false;
    if (pawl_kept_queued(kept)) return false;
    if (kept_out(kept) > 0 && !kept->keeper->draining) return false; /* they may come back */
    /* Nobody else may know of the floor; and that it is stopped is told until somebody acts. */
    if ((kept->stop.line != 0 || kept->stopped) && !kept->keeper->draining) return false;
    return pawl_kept_held(kept) == 0 && (kept->resting || kept->top.line == 0);
}

static void fail_closed(struct kept *kept)
{
    pawl_error closed;
    struct pawl_ask *under_way = NULL;

    if (kept->busy == NULL) return;
    (void)pawl_fail(&closed, PAWL_CLOSED, "the server is stopping: ask another one, or later");
    if (kept->errand == ERRAND_CHANGE) under_way = pawl_asks_pop(&kept->busy->changes);
    pawl_asks_fail(&kept->busy->changes, &closed);
    if (under_way != NULL) pawl_asks_add(&kept->busy->changes, under_way);
    if (kept->errand == ERRAND_NONE) {
        pawl_kept_fail_waiting(kept, &closed);
    } else {
        struct pawl_asks batch = kept->busy->batch;

        kept->busy->batch = (struct pawl_asks){NULL, NULL};
        pawl_kept_fail_waiting(kept, &closed);
        kept->busy->batch = batch;
    }
}

/* What is asked below next, if anything: one thing at a time. */
static void next_errand(struct kept *kept, uint64_t low)
{
    bool may_retry = kept->retry_ns <= kept->keeper->now_ns || kept->failures == 0;

    if (kept->busy->nexts.first != NULL && may_retry && retry_allowed(kept)) {
        pawl_errand_next(kept);
        return;
    }
    if (!kept_global(kept) || kept->busy->takes.first != NULL || kept->busy->opens.first != NULL) {
        refill(kept, low);
    }
    if (kept->errand == ERRAND_NONE && check_due(kept) && retry_allowed(kept)) {
        pawl_errand_check(kept);
    }
}

void pawl_kept_step(struct kept *kept)
{
    uint64_t low = 0;

    pawl_kept_notice(kept);
    pawl_asker_sweep(kept);
    pawl_kept_fail_expired(kept);
    if (kept->keeper->draining) fail_closed(kept);
    if (kept_waited_for(kept) || thirsty(kept)) {
        kept->resting = false;
        pawl_kept_leave(kept, false);
        kept->rest_ns = kept->rest_until_ns = 0;
        kept->used_ns = kept->keeper->now_ns;
    }
    if (!pawl_kept_busy(kept) || !pawl_kept_reserve(kept)) { /* what follows needs both */
        pawl_kept_due(kept, kept->keeper->now_ns + kept->keeper->settings.retry_least_ns);
        return;
    }
    if (kept->busy->changes.first != NULL) {
        if (kept->errand == ERRAND_NONE) change(kept);
    } else if (kept->errand == ERRAND_NONE && idle(kept)) {
        if (leave(kept) && lanes(kept) && check_due(kept)) pawl_errand_check(kept);
    } else if (kept->errand != ERRAND_RETURN) {
        pawl_asker_sum(kept);
        kept->rate =
            pawl_pace_rate(&kept->pace, &kept->keeper->settings.pace, kept->keeper->now_ns);
        low = pawl_pace_low(kept->rate, &kept->keeper->settings.pace);
        serve(kept);
        if (kept->errand == ERRAND_NONE) next_errand(kept, low);
        if (low == 0 && kept->errand == ERRAND_NONE) pawl_kept_put_away(kept);
        set_low(kept, low);
    }
    pawl_kept_calm(kept);
    if (spent(kept)) {
        pawl_kept_free(kept);
        return;
    }
    schedule(kept, low);
}

/* The turn. */

static bool turn_wanted(struct pawl_keeper *keeper)
{
    struct shelf *shelf = atomic_exchange_explicit(&keeper->wanted, NULL, memory_order_acquire);
    bool any = shelf != NULL;

    while (shelf != NULL) {
        struct shelf *next = shelf->wanted_next; /* before `queued` lets others put it in again */

        atomic_store_explicit(&shelf->queued, 0, memory_order_seq_cst);
        pawl_kept_step(shelf->kept);
        shelf = next;
    }
    return any;
}

static bool turn_list(struct pawl_keeper *keeper)
{
    struct pawl_ask *ask = NULL;
    bool any = false;

    while ((ask = pawl_asks_pop(&keeper->answered)) != NULL) {
        struct kept *kept = PAWL_OWNER(ask, struct busy, ask)->kept;

        pawl_errand_ended(kept);
        pawl_kept_step(kept);
        any = true;
    }
    struct pawl_asks inbox = {NULL, NULL}; /* what comes in meanwhile waits for the next round */
    while ((ask = pawl_asks_pop(&keeper->inbox)) != NULL) {
        pawl_asks_add(&inbox, ask);
    }
    while ((ask = pawl_asks_pop(&inbox)) != NULL) {
        pawl_keeper_receive(keeper, ask);
        any = true;
    }
    return any;
}

static bool turn_due(struct pawl_keeper *keeper)
{
    bool any = false;

    while (keeper->heap_count > 0 && keeper->heap[0]->due_ns <= keeper->now_ns) {
        struct kept *kept = keeper->heap[0];

        pawl_kept_due(kept, PAWL_NEVER); /* its step sets the next one */
        pawl_kept_step(kept);
        any = true;
    }
    return any;
}

uint64_t pawl_keeper_turn(struct pawl_keeper *keeper, uint64_t now_ns)
{
    uint64_t below_ns = PAWL_NEVER;
    bool more = true;

    PAWL_ASSERT(!keeper->turning);
    keeper->turning = true;
    keeper->now_ns = now_ns > keeper->now_ns ? now_ns : keeper->now_ns;
    if (keeper->unlogged > 0) pawl_keeper_log_failures(keeper, false);
    if (keeper->count != keeper->looked) pawl_keeper_make_room(keeper);
    for (int round = 0; more && round < KEEPER_ROUNDS_MAX; round++) {
        more = turn_wanted(keeper);
        if (turn_list(keeper)) more = true;
        if (turn_due(keeper)) more = true;
        below_ns = keeper->below->ops->turn(keeper->below, keeper->now_ns);
        if (keeper->answered.first != NULL || keeper->inbox.first != NULL) more = true;
    }
    keeper->turning = false;
    if (more) return now_ns;
    if (keeper->heap_count > 0) below_ns = earlier(below_ns, keeper->heap[0]->due_ns);
    return keeper->unlogged > 0 ? earlier(below_ns, keeper->log_ns + PAWL_NS_PER_S) : below_ns;
}

static uint64_t keeper_turn(struct pawl_source *self, uint64_t now_ns)
{
    return pawl_keeper_turn(PAWL_OWNER(self, struct pawl_keeper, source), now_ns);
}

static void keeper_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct pawl_keeper *keeper = PAWL_OWNER(self, struct pawl_keeper, source);

    pawl_asks_add(&keeper->inbox, ask);
}

static void keeper_close(struct pawl_source *self)
{
    pawl_keeper_free(PAWL_OWNER(self, struct pawl_keeper, source));
}

static const struct pawl_source_ops keeper_ops = {
    .scheme = "keeper",
    .ask = keeper_ask,
    .turn = keeper_turn,
    .close = keeper_close,
};

struct pawl_keeper *pawl_keeper_new(struct pawl_source *below,
                                    const struct pawl_keeper_settings *settings)
{
    struct pawl_keeper *keeper = calloc(1, sizeof *keeper);

    if (keeper == NULL) return NULL;
    keeper->source.ops = &keeper_ops;
    keeper->below = below;
    keeper->settings = *settings;
    keeper->random = settings->seed;
    keeper->retry_tokens = KEEPER_RETRIES_PER_S;
    return keeper;
}

struct pawl_source *pawl_keeper_source(struct pawl_keeper *keeper)
{
    return &keeper->source;
}

const struct pawl_counts *pawl_keeper_counts(const struct pawl_keeper *keeper)
{
    return &keeper->counts;
}

void pawl_keeper_forget(struct pawl_keeper *keeper, struct pawl_ask *ask)
{
    struct kept *kept = NULL;
    bool here = pawl_asks_remove(&keeper->inbox, ask);

    if (!here && ask->kind == PAWL_ASK_WAIT) {
        kept = PAWL_OWNER(ask->holding, struct kept, holding);
    } else if (!here) {
        kept = pawl_kept_find(keeper, ask->name);
    }
    if (kept == NULL || kept->busy == NULL) {
        if (!here) return;
    } else if (pawl_asks_remove(&kept->busy->waits, ask)) {
        kept->busy->wait_count -= ask->count;
        here = true;
    } else {
        here = pawl_asks_remove(&kept->busy->opens, ask) ||
               pawl_asks_remove(&kept->busy->takes, ask) ||
               pawl_asks_remove(&kept->busy->nexts, ask);
        if (here) pawl_note_left(kept, ask);
    }
    if (here) pawl_ask_fail(ask, PAWL_BUSY, "given up by the one who asked");
}

static void each_kept(struct pawl_keeper *keeper, void (*visit)(struct kept *kept))
{
    for (size_t i = 0; i < keeper->table_size; i++) {
        struct kept *next = NULL;

        for (struct kept *kept = keeper->table[i]; kept != NULL; kept = next) {
            next = kept->hash_next; /* visit may free it */
            visit(kept);
        }
    }
}

void pawl_keeper_drain(struct pawl_keeper *keeper)
{
    struct pawl_ask *ask = NULL;

    keeper->draining = true;
    while ((ask = pawl_asks_pop(&keeper->inbox)) != NULL) {
        pawl_ask_fail(ask, PAWL_CLOSED, "the server is stopping: ask another one, or later");
    }
    each_kept(keeper, fail_closed);
    each_kept(keeper, pawl_kept_step);
}

bool pawl_keeper_drained(const struct pawl_keeper *keeper)
{
    for (size_t i = 0; i < keeper->table_size; i++) {
        for (const struct kept *kept = keeper->table[i]; kept != NULL; kept = kept->hash_next) {
            if (kept->errand != ERRAND_NONE || pawl_kept_held(kept) > 0) return false;
        }
    }
    return true;
}

static void kept_end(struct kept *kept)
{
    fail_closed(kept);
    pawl_kept_free(kept);
}

void pawl_keeper_free(struct pawl_keeper *keeper)
{
    if (keeper == NULL) return;
    struct pawl_ask *ask = NULL;

    keeper->draining = true;
    pawl_keeper_log_failures(keeper, true);
    while ((ask = pawl_asks_pop(&keeper->answered)) != NULL) {
        pawl_errand_ended(PAWL_OWNER(ask, struct busy, ask)->kept);
    }
    while ((ask = pawl_asks_pop(&keeper->inbox)) != NULL) {
        pawl_ask_fail(ask, PAWL_CLOSED, "the server has stopped");
    }
    each_kept(keeper, kept_end);
    pawl_busy_free_spares(keeper);
    pawl_ledger_free(&keeper->ledger);
    free(keeper->table);
    free(keeper->heap);
    free(keeper);
}

void pawl_holding_release(struct pawl_holding *holding)
{
    uint32_t before = atomic_fetch_sub_explicit(&holding->users, 1, memory_order_release);

    PAWL_ASSERT(before > 0);
}
