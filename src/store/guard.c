/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes through a guard. The order of things is its whole point:
 *
 *   ids:       floor raised to what was seen -> store -> seen is written -> answered
 *   give-back: seen lowered is written -> store -> answered
 *
 * So whatever dies where, seen never lies beyond what was granted and not given back (or a restart
 * would believe that the store went back), nor behind what anybody above can have.
 */
#include "store/guard_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define LOOK_GOOD_NS PAWL_NS_PER_S /* before a change */

static struct pawl_guard *guard_of(struct pawl_source *self)
{
    return PAWL_OWNER(self, struct pawl_guard, source);
}

static bool is_for_ids(const struct pawl_ask *ask)
{
    return (ask->kind == PAWL_ASK_TAKE || ask->kind == PAWL_ASK_NEXT) && ask->count > 0;
}

/* These neither grant nor change anything, or are not for one that is in use. */
static bool passes_freely(const struct pawl_guard *guard, const struct pawl_ask *ask)
{
    switch ((int)ask->kind) {
    case PAWL_ASK_READ: /* of a store that is known, its answer is looked at */
        return guard->state != GUARD_READY;
    case PAWL_ASK_LIST:
    case PAWL_ASK_INIT:
    case PAWL_ASK_CHECK:
    case PAWL_ASK_REDRAW:
        return true;
    default:
        return false;
    }
}

/* Answered in the next turn: never from inside an ask. */
void pawl_guard_answer_later(struct pawl_guard *guard, struct pawl_ask *ask, pawl_err code,
                             const char *text)
{
    (void)pawl_fail(&ask->error, code, "%s", text);
    pawl_asks_add(&guard->answered, ask);
}

/* Who is asked after its turn needs another one. */
void pawl_guard_ask_below(struct pawl_guard *guard, struct pawl_ask *ask)
{
    guard->asked = true;
    pawl_source_ask(guard->below, ask);
}

static void passed_done(struct pawl_ask *ask)
{
    struct passed *passed = PAWL_OWNER(ask, struct passed, ask);
    struct pawl_guard *guard = passed->guard;

    if (guard->ended == NULL) guard->ended_end = &guard->ended;
    passed->next = NULL;
    *guard->ended_end = passed;
    guard->ended_end = &passed->next;
}

struct passed *pawl_guard_passed_new(struct pawl_guard *guard, struct pawl_ask *from)
{
    struct passed *passed = calloc(1, sizeof *passed);

    if (passed == NULL) {
        pawl_guard_answer_later(guard, from, PAWL_NO_MEMORY, "no memory to ask the store");
        return NULL;
    }
    passed->guard = guard;
    passed->from = from;
    passed->ask = *from;
    passed->ask.pending = false;
    passed->ask.asking = 0;
    passed->ask.done = passed_done;
    passed->ask.identity = &passed->identity;
    passed->branch = guard->head.branch;
    passed->position = guard->head.position;
    return passed;
}

bool pawl_guard_recall(struct pawl_guard *guard, struct pawl_ask *from, struct pawl_bytes name,
                       struct pawl_seen *seen)
{
    pawl_error error;
    pawl_err err = guard->book->ops->get(guard->book, name, seen, &error);

    pawl_guard_heed_losses(guard);
    if (err == PAWL_OK) return true;
    pawl_guard_answer_later(guard, from, err, error.text);
    return false;
}

static void pass_seen(struct pawl_guard *guard, struct pawl_ask *from, const struct pawl_seen *seen)
{
    struct passed *passed = pawl_guard_passed_new(guard, from);

    if (passed == NULL) return;
    passed->seen = *seen;
    if (pawl_mark_order(seen->mark, from->floor, pawl_guard_direction(seen)) > 0) {
        passed->ask.floor = seen->mark;
        passed->ours = true;
    }
    passed->floor = passed->ask.floor;
    pawl_guard_ask_below(guard, &passed->ask);
}

void pawl_guard_pass_ids(struct pawl_guard *guard, struct pawl_ask *from)
{
    struct pawl_seen seen = {.dropped_s = 0};

    if (!pawl_guard_recall(guard, from, from->name, &seen)) return;
    if (seen.former) seen = (struct pawl_seen){.dropped_s = 0}; /* it was another one, elsewhere */
    pass_seen(guard, from, &seen);
}

void pawl_guard_pass_with(struct pawl_guard *guard, struct pawl_ask *from,
                          const struct pawl_seen *seen)
{
    if (pawl_guard_learns(guard, seen)) {
        pawl_guard_learn(guard, from);
    } else {
        pass_seen(guard, from, seen);
    }
}

static void pass_for_ids(struct pawl_guard *guard, struct pawl_ask *from)
{
    struct pawl_seen seen = {.dropped_s = 0};

    if (!pawl_guard_recall(guard, from, from->name, &seen)) return;
    if (seen.former) {
        pawl_guard_compare(guard, from, &seen);
    } else {
        pawl_guard_pass_with(guard, from, &seen);
    }
}

static void pass(struct pawl_guard *guard, struct pawl_ask *from)
{
    if (is_for_ids(from)) {
        pass_for_ids(guard, from);
        return;
    }
    if (from->kind == PAWL_ASK_RETURN) {
        pawl_asks_add(&guard->returns, from);
        return;
    }
    pawl_guard_pass_change(guard, from);
}

static void guard_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct pawl_guard *guard = guard_of(self);

    if (passes_freely(guard, ask)) {
        pawl_guard_ask_below(guard, ask);
    } else if (ask->kind == PAWL_ASK_PING) {
        pawl_asks_add(&guard->pings, ask);
    } else if (pawl_ask_is_change(ask->kind) && guard->state == GUARD_READY) {
        /* Not in a store that has just taken another's place: it is looked at first. */
        pawl_asks_add(&guard->changes, ask);
    } else if (guard->state == GUARD_READY) {
        pass(guard, ask);
    } else {
        pawl_asks_add(&guard->waiting, ask);
    }
}

/* Answers from below. */

static void note_step_back(struct pawl_guard *guard, const struct passed *passed)
{
    struct pawl_guard_view *view = &guard->view;
    struct pawl_bytes name = passed->ask.name;

    (void)pthread_mutex_lock(&guard->lock);
    view->steps_back++;
    view->last_s = pawl_guard_wall_s(guard);
    view->last_skipped = passed->ask.skipped;
    memcpy(view->last_name, name.at, name.size);
    view->last_name[name.size] = '\0';
    (void)pthread_mutex_unlock(&guard->lock);
}

static struct pawl_mark first_of(const struct pawl_grant *grant)
{
    return (struct pawl_mark){grant->line, grant->lap, grant->range.first};
}

/* What does not lie beyond what was seen, or comes from a store that we do not know, is burned. */
static bool grant_good(struct pawl_guard *guard, struct passed *passed)
{
    const struct pawl_ask *ask = &passed->ask;
    const struct pawl_grant *grant = &ask->grant;
    struct pawl_ask *from = passed->from;
    char name[PAWL_LOG_NAME_BYTES];

    if (!pawl_guard_known(guard, passed)) {
        (void)pawl_fail(&from->error, PAWL_LOST,
                        "the store is another one, or went back in time: what it granted is "
                        "burned");
        from->burned = grant->range.count + ask->burned;
        return false;
    }
    bool back = grant->line < passed->floor.line ||
                (grant->line == passed->floor.line &&
                 pawl_mark_order(first_of(grant), passed->floor, grant->range.increment) <= 0);

    if (!back) return true;
    (void)pthread_mutex_lock(&guard->lock);
    guard->view.discarded++;
    (void)pthread_mutex_unlock(&guard->lock);
    pawl_log(PAWL_LOG_ERROR, "discarded a grant behind what the guard has seen",
             "seq=%s line=%" PRIu64 " first=%" PRIu64 "/%" PRId64 " seen=%" PRIu64 "/%" PRId64,
             pawl_log_quote(name, sizeof name, ask->name), grant->line, grant->lap,
             grant->range.first, passed->floor.lap, passed->floor.id);
    (void)pawl_fail(&from->error, guard->settings.refuse_rollback ? PAWL_ROLLBACK : PAWL_BUSY,
                    "the store of \"%.*s\" went back in time: restore it, or move the sequence on "
                    "with: pawl fence NAME",
                    (int)ask->name.size, ask->name.at);
    from->burned = grant->range.count + ask->burned;
    return false;
}

/* The grant begins where what was granted here last ends, and not all of that was given back. */
static bool continues(const struct pawl_seen *seen, const struct pawl_grant *grant)
{
    int64_t before = 0;

    return seen->mark.line == grant->line && seen->mark.lap == grant->lap &&
           pawl_mark_order(seen->mark, seen->run_before, pawl_guard_direction(seen)) > 0 &&
           !__builtin_sub_overflow(grant->range.first, grant->range.increment, &before) &&
           before == seen->mark.id;
}

/* Ids were granted: what is seen by now. */
static void judge_grant(struct pawl_guard *guard, struct passed *passed, struct pawl_sight *sight)
{
    const struct pawl_grant *grant = &passed->ask.grant;
    struct pawl_ask *from = passed->from;

    if (!grant_good(guard, passed)) return;
    if (passed->ask.skipped > 0) {
        note_step_back(guard, passed);
        pawl_guard_log_bounds(passed);
    }
    pawl_guard_tell_blind(guard, passed);
    from->grant = *grant;
    from->burned = passed->ask.burned;
    from->skipped = passed->ask.skipped;
    bool goes_on = continues(&passed->seen, grant);

    sight->name = passed->ask.name;
    sight->seen = (struct pawl_seen){
        .run_first = goes_on ? passed->seen.run_first : grant->range.first,
        .run_before = goes_on ? passed->seen.run_before : passed->seen.mark,
        .mark = {grant->line, grant->lap, pawl_range_last(grant->range)},
        .first = passed->seen.first.line == grant->line ? passed->seen.first : first_of(grant),
        .increment = grant->range.increment,
        .blind = pawl_guard_is_blind(passed),
    };
    bool turned = pawl_guard_direction(&passed->seen) != pawl_guard_direction(&sight->seen);

    sight->seen.turned = goes_on ? passed->seen.turned : turned;
}

static void judge_refusal(struct pawl_guard *guard, struct passed *passed, struct pawl_sight *sight)
{
    struct pawl_ask *from = passed->from;

    from->error = passed->ask.error;
    from->burned = passed->ask.burned;
    from->grant.range.increment = passed->ask.grant.range.increment;
    if (from->error.code == PAWL_FLOOR && passed->ours) {
        /* Not the asker's fault: without this guard he would have been given what was given. */
        from->error.code = PAWL_ROLLBACK;
    } else if (from->error.code == PAWL_ROLLBACK && !passed->ours && passed->floor.line != 0) {
        /* It stops until a person moves it on: not only until this process ends. */
        sight->name = passed->ask.name;
        sight->seen = passed->seen;
        sight->seen.mark = sight->seen.run_before = passed->floor;
        sight->seen.run_first = passed->floor.id;
        sight->seen.turned = false;
        if (sight->seen.increment == 0) sight->seen.increment = from->grant.range.increment;
    }
    if (from->error.code == PAWL_NO_SEQUENCE && passed->ask.grant.epoch != 0 &&
        passed->seen.mark.line != 0 && passed->seen.dropped_s == 0) {
        sight->name = passed->ask.name;
        sight->seen = passed->seen;
        sight->seen.dropped_s = pawl_guard_wall_s(guard);
    }
}

/* A change: of what it leaves behind nothing is granted, unless the store goes back. */
static void judge_change(struct pawl_guard *guard, struct passed *passed, struct pawl_sight *sight)
{
    struct pawl_ask *from = passed->from;
    bool gone = passed->ask.kind == PAWL_ASK_DROP || passed->ask.kind == PAWL_ASK_RENAME;
    bool made = passed->ask.kind == PAWL_ASK_CREATE && passed->ask.grant.epoch != 0;
    pawl_error error;

    from->error = passed->ask.error;
    from->grant = passed->ask.grant;
    from->burned = passed->ask.burned;
    from->skipped = passed->ask.skipped;
    if (from->error.code == PAWL_FLOOR) from->error.code = PAWL_ROLLBACK; /* it was ours */
    if (from->error.code != PAWL_OK || !(gone || made)) return;
    if (from->skipped > 0) note_step_back(guard, passed);
    if (guard->book->ops->get(guard->book, passed->ask.name, &passed->seen, &error) != PAWL_OK) {
        return;
    }
    bool former = made && passed->seen.former;

    /* What the store before this one gave has been heeded. */
    if (former) passed->seen = (struct pawl_seen){.dropped_s = 0};
    /* One that was made here has no past to be learned: as if it had been dropped. */
    if (gone ? passed->seen.mark.line == 0 || passed->seen.dropped_s != 0
             : !former && !guard->blind && !pawl_guard_learns(guard, &passed->seen)) {
        return;
    }
    sight->name = passed->ask.name;
    sight->seen = passed->seen;
    sight->seen.dropped_s = pawl_guard_wall_s(guard);
}

static void judge(struct pawl_guard *guard, struct passed *passed, struct pawl_sight *sight)
{
    if (is_for_ids(&passed->ask) && passed->ask.error.code == PAWL_OK) {
        judge_grant(guard, passed, sight);
    } else if (is_for_ids(&passed->ask)) {
        judge_refusal(guard, passed, sight);
    } else {
        judge_change(guard, passed, sight);
    }
    pawl_guard_tell_lost(guard, passed);
    if (passed->from->identity != NULL) *passed->from->identity = passed->identity;
}

/* Remembers what a batch of answers shows, and hands them on. */
static void settle_batch(struct pawl_guard *guard)
{
    size_t count = 0;
    size_t seen = 0;

    while (guard->ended != NULL && count < PAWL_GUARD_BATCH_MAX) {
        struct passed *passed = guard->ended;

        guard->ended = passed->next;
        if (pawl_guard_asks_again(guard, passed)) {
            free(passed);
            continue;
        }
        guard->batch[count++] = passed;
        guard->sights[seen].name.size = 0;
        judge(guard, passed, &guard->sights[seen]);
        if (guard->sights[seen].name.size > 0) seen++;
    }
    if (seen > 0) {
        const struct pawl_entries entries = {
            .head = guard->head_changed ? &guard->head : NULL,
            .sights = guard->sights,
            .count = seen,
        };

        /* Where it cannot be written, ids are unique all the same unless the process ends and the
         * store then goes back: to refuse them would make of two rare events one certain one. */
        (void)pawl_guard_put(guard, &entries);
    }
    for (size_t i = 0; i < count; i++) {
        pawl_asks_add(&guard->answered, guard->batch[i]->from);
        free(guard->batch[i]);
    }
}

static void answer(struct pawl_guard *guard)
{
    struct pawl_asks asks = guard->answered;
    struct pawl_ask *ask = NULL;

    guard->answered = (struct pawl_asks){.first = NULL};
    while ((ask = pawl_asks_pop(&asks)) != NULL) {
        pawl_ask_answer(ask);
    }
}

static void turn_waiting(struct pawl_guard *guard)
{
    struct pawl_ask *ask = NULL;

    while (guard->state == GUARD_READY && (ask = pawl_asks_pop(&guard->waiting)) != NULL) {
        pass(guard, ask);
    }
}

static void turn_changes(struct pawl_guard *guard)
{
    struct pawl_ask *ask = NULL;

    if (guard->now_ns - guard->looked_ns >= LOOK_GOOD_NS) return;
    while (guard->state == GUARD_READY && (ask = pawl_asks_pop(&guard->changes)) != NULL) {
        pass(guard, ask);
    }
}

static void show_counts(struct pawl_guard *guard)
{
    (void)pthread_mutex_lock(&guard->lock);
    guard->view.position = guard->head.position;
    guard->view.failing = guard->failing;
    guard->view.sequences = guard->opened ? guard->book->ops->count(guard->book) : 0;
    (void)pthread_mutex_unlock(&guard->lock);
}

static uint64_t guard_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct pawl_guard *guard = guard_of(self);

    guard->now_ns = now_ns;
    turn_waiting(guard);
    turn_changes(guard);
    pawl_guard_turn_returns(guard);
    pawl_guard_look_begin(guard);
    guard->asked = false;
    uint64_t next_ns = guard->below->ops->turn(guard->below, now_ns);

    if (guard->ended != NULL) {
        while (guard->ended != NULL) {
            settle_batch(guard);
        }
        show_counts(guard);
    }
    answer(guard);
    bool looks = guard->pings.first != NULL || guard->look_wanted || guard->waiting.first != NULL ||
                 guard->changes.first != NULL;
    bool more = guard->asked || guard->answered.first != NULL || guard->returns.first != NULL ||
                (looks && !guard->look.pending);

    return more ? now_ns : next_ns;
}

static void fail_list(struct pawl_guard *guard, struct pawl_asks *asks)
{
    struct pawl_ask *ask = NULL;

    while ((ask = pawl_asks_pop(asks)) != NULL) {
        pawl_guard_answer_later(guard, ask, PAWL_CLOSED, "the store is being closed");
    }
}

static void guard_close(struct pawl_source *self)
{
    struct pawl_guard *guard = guard_of(self);

    guard->below->ops->close(guard->below);
    while (guard->ended != NULL) {
        settle_batch(guard);
    }
    fail_list(guard, &guard->waiting);
    fail_list(guard, &guard->pings);
    fail_list(guard, &guard->changes);
    fail_list(guard, &guard->looked_for);
    fail_list(guard, &guard->returns);
    answer(guard);
    guard->book->ops->close(guard->book);
    (void)pthread_mutex_destroy(&guard->lock);
    free(guard);
}

pawl_err pawl_guard_new(struct pawl_source *below, struct pawl_book *book,
                        const struct pawl_guard_settings *settings, struct pawl_guard **guard,
                        pawl_error *error)
{
    struct pawl_guard *made = calloc(1, sizeof *made);

    if (made == NULL || pthread_mutex_init(&made->lock, NULL) != 0) {
        free(made);
        below->ops->close(below);
        book->ops->close(book);
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a guard");
    }
    made->ops = (struct pawl_source_ops){
        .scheme = below->ops->scheme,
        .ask = guard_ask,
        .turn = guard_turn,
        .close = guard_close,
    };
    made->source.ops = &made->ops;
    made->below = below;
    made->book = book;
    made->settings = *settings;
    made->view.state[0] = '-';
    *guard = made;
    return PAWL_OK;
}

struct pawl_source *pawl_guard_source(struct pawl_guard *guard)
{
    return &guard->source;
}

void pawl_guard_look(struct pawl_guard *guard, struct pawl_guard_view *view)
{
    (void)pthread_mutex_lock(&guard->lock);
    *view = guard->view;
    (void)pthread_mutex_unlock(&guard->lock);
    if (view->failing) (void)snprintf(view->state, sizeof view->state, "failing");
}

struct pawl_guard *pawl_guard_of(struct pawl_source *source)
{
    return source->ops->ask == guard_ask ? guard_of(source) : NULL;
}

struct pawl_source *pawl_guard_below(struct pawl_guard *guard)
{
    return guard->below;
}

void pawl_guard_forked(struct pawl_guard *guard)
{
    guard->book->ops->forked(guard->book);
}
