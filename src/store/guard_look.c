/* SPDX-License-Identifier: Apache-2.0 */
/* What a guard knows of the store itself: whose name it bears, which branch, how far it is. */
#include "store/guard_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/tag.h"

/* How long a store that is refused is not asked who it is. */
#define REFUSED_NS PAWL_NS_PER_S

enum { LOG_TEXT_BYTES = 4 * PAWL_BRANCH_BYTES_MAX + 4 };

static struct pawl_bytes name_of(const struct pawl_identity *identity)
{
    return (struct pawl_bytes){identity->name, identity->name_size};
}

static struct pawl_bytes branch_bytes(const struct pawl_branch *branch)
{
    return (struct pawl_bytes){branch->at, branch->size};
}

static bool same_branch(const struct pawl_branch *a, const struct pawl_branch *b)
{
    return pawl_bytes_equal(branch_bytes(a), branch_bytes(b));
}

int64_t pawl_guard_wall_s(const struct pawl_guard *guard)
{
    const struct pawl_guard_settings *settings = &guard->settings;

    return settings->wall_s != NULL ? settings->wall_s(settings->arg) : pawl_clock_wall_s();
}

static void show(struct pawl_guard *guard)
{
    static const char *const states[] = {"looking", "ready", "refused"};
    struct pawl_guard_view *view = &guard->view;

    (void)pthread_mutex_lock(&guard->lock);
    (void)snprintf(view->state, sizeof view->state, "%s", states[guard->state]);
    memcpy(view->store, guard->store.name, guard->store.name_size);
    view->store[guard->store.name_size] = '\0';
    memcpy(view->branch, guard->head.branch.at, guard->head.branch.size);
    view->branch[guard->head.branch.size] = '\0';
    (void)pthread_mutex_unlock(&guard->lock);
}

static void now_in(struct pawl_guard *guard, enum guard_state state)
{
    guard->state = state;
    show(guard);
}

static void put_failed(struct pawl_guard *guard, const pawl_error *error)
{
    char why[sizeof error->text + 16];

    (void)pthread_mutex_lock(&guard->lock);
    bool first = !guard->failing;

    guard->failing = true;
    guard->view.unwritten++;
    (void)pthread_mutex_unlock(&guard->lock);
    pawl_log(
        first ? PAWL_LOG_ERROR : PAWL_LOG_DEBUG, "guard cannot be written", "why=%s",
        pawl_log_quote(why, sizeof why, (struct pawl_bytes){error->text, strlen(error->text)}));
}

bool pawl_guard_put(struct pawl_guard *guard, const struct pawl_entries *entries)
{
    pawl_error error;

    pawl_err err = guard->book->ops->put(guard->book, entries, &error);

    if (err == PAWL_OK && entries->head != NULL) guard->head_changed = false;
    pawl_guard_heed_losses(guard);
    if (err != PAWL_OK) {
        put_failed(guard, &error);
        return false;
    }
    guard->failing = false;
    return true;
}

static void log_branch(struct pawl_guard *guard, const struct pawl_identity *now)
{
    char was[LOG_TEXT_BYTES];
    char is[LOG_TEXT_BYTES];

    pawl_log(now->branch.loses ? PAWL_LOG_WARN : PAWL_LOG_INFO,
             now->branch.loses ? "store has another branch: it may have lost its last writes"
                               : "store has another branch, and lost nothing",
             "branch=%s branch_now=%s",
             pawl_log_quote(was, sizeof was, branch_bytes(&guard->head.branch)),
             pawl_log_quote(is, sizeof is, branch_bytes(&now->branch)));
}

/* Of two tags: the store has had a later one, or another of the same number, and lacks it. */
static bool is_older(const struct pawl_branch *now, const struct pawl_branch *known)
{
    struct pawl_tag now_tag;
    struct pawl_tag known_tag;

    return pawl_tag_read(&now_tag, branch_bytes(now)) &&
           pawl_tag_read(&known_tag, branch_bytes(known)) && now_tag.number <= known_tag.number &&
           !pawl_tag_equal(&now_tag, &known_tag);
}

/* While its name and branch stay its position only rises, and tags only rise: else the store went
 * back in time. */
static bool fell(const struct pawl_branch *branch, uint64_t position,
                 const struct pawl_identity *now)
{
    if (branch->size == 0 || now->branch.size == 0) return false;
    if (!same_branch(branch, &now->branch)) return is_older(&now->branch, branch);
    return now->position != 0 && now->position < position;
}

bool pawl_guard_known(struct pawl_guard *guard, const struct passed *passed)
{
    const struct pawl_identity *now = &passed->identity;
    bool other = now->name_size > 0 && guard->store.name_size > 0 &&
                 !pawl_bytes_equal(name_of(now), name_of(&guard->store));

    if (other || fell(&passed->branch, passed->position, now)) {
        if (guard->state == GUARD_READY) now_in(guard, GUARD_LOOKING);
        guard->look_wanted = true;
        return false;
    }
    if (now->branch.size == 0 || guard->head.branch.size == 0) return true;
    if (!same_branch(&now->branch, &guard->head.branch)) {
        guard->look_wanted = true; /* its records are moved on by whoever is granted of them */
    } else if (now->position > guard->head.position) {
        guard->head.position = now->position;
        guard->head_changed = true;
    }
    return true;
}

static void note_back(struct pawl_guard *guard)
{
    char store[LOG_TEXT_BYTES];
    char was[LOG_TEXT_BYTES];
    char is[LOG_TEXT_BYTES];

    pawl_log(PAWL_LOG_ERROR, "store went back in time",
             "store=%s position=%" PRIu64 " position_now=%" PRIu64 " branch=%s branch_now=%s",
             pawl_log_quote(store, sizeof store, name_of(&guard->store)), guard->head.position,
             guard->pinged.position,
             pawl_log_quote(was, sizeof was, branch_bytes(&guard->head.branch)),
             pawl_log_quote(is, sizeof is, branch_bytes(&guard->pinged.branch)));
    (void)pthread_mutex_lock(&guard->lock);
    guard->view.times_back++;
    (void)pthread_mutex_unlock(&guard->lock);
}

/*
 * The store is told what branch is known here. Whether its own comes after that one only it can
 * say: a backup that is put back a second time brings one that others have replaced since, and all
 * its records bear it.
 */
static void redraw(struct pawl_guard *guard, bool back)
{
    guard->pinged = guard->look_identity;
    guard->back = back;
    if (back) {
        if (guard->state == GUARD_READY) now_in(guard, GUARD_LOOKING);
        note_back(guard);
    }
    guard->look_identity.branch = guard->look_branch;
    guard->look.kind = PAWL_ASK_REDRAW;
    pawl_source_ask(guard->below, &guard->look);
}

/* Nothing is wrong with what was asked: it can be served by others, or later. */
static void refuse(struct pawl_guard *guard, struct pawl_ask *ask, const pawl_error *error)
{
    ask->error = *error;
    if (pawl_err_advice(error->code) == PAWL_ADVICE_FIX) ask->error.code = PAWL_STORE;
    pawl_asks_add(&guard->answered, ask);
}

/* Answers those who asked, and lets the others go on, or fail. */
static void look_over(struct pawl_guard *guard, const pawl_error *error)
{
    struct pawl_ask *ask = NULL;

    guard->looked_ns = guard->now_ns;
    while ((ask = pawl_asks_pop(&guard->changes)) != NULL) {
        if (guard->state == GUARD_READY && error->code == PAWL_OK) {
            pawl_asks_add(&guard->waiting, ask);
        } else {
            refuse(guard, ask, error);
        }
    }
    while ((ask = pawl_asks_pop(&guard->looked_for)) != NULL) {
        ask->error = *error;
        if (ask->identity != NULL) *ask->identity = guard->look_identity;
        pawl_asks_add(&guard->answered, ask);
    }
    if (guard->state == GUARD_READY) return;
    while ((ask = pawl_asks_pop(&guard->waiting)) != NULL) {
        refuse(guard, ask, error);
    }
}

static void refused(struct pawl_guard *guard, const pawl_error *error)
{
    char why[sizeof error->text + 16];

    if (guard->state != GUARD_REFUSED || strcmp(guard->trouble.text, error->text) != 0) {
        pawl_log(
            PAWL_LOG_ERROR, "store is not used", "why=%s",
            pawl_log_quote(why, sizeof why, (struct pawl_bytes){error->text, strlen(error->text)}));
    }
    guard->trouble = *error;
    guard->retry_ns = guard->now_ns + REFUSED_NS;
    now_in(guard, GUARD_REFUSED);
    look_over(guard, error);
}

/* The store has said who it is, and has not gone back, or knows it by now. */
static void adopt(struct pawl_guard *guard)
{
    static const pawl_error fine = {.code = PAWL_OK};
    const struct pawl_identity *now = &guard->look_identity;
    bool other = now->branch.size > 0 && !same_branch(&guard->head.branch, &now->branch);
    bool redrawn = guard->look.kind == PAWL_ASK_REDRAW;

    if (other && redrawn && !guard->back) {
        if (same_branch(&guard->pinged.branch, &now->branch)) {
            log_branch(guard, now);
        } else {
            note_back(guard);
        }
    }
    if (other || redrawn || now->position > guard->head.position) {
        if (now->branch.size > 0) guard->head.branch = now->branch;
        if (now->position > 0) guard->head.position = now->position;
        guard->head_changed = true;
    }
    if (guard->head_changed) {
        (void)pawl_guard_put(guard, &(struct pawl_entries){.head = &guard->head});
    }
    now_in(guard, GUARD_READY);
    look_over(guard, &fine);
}

static bool open_book(struct pawl_guard *guard, pawl_error *error)
{
    const struct pawl_identity *now = &guard->look_identity;
    struct pawl_book_head head = {.fresh = false};
    char store[LOG_TEXT_BYTES];

    /* One that does not tell its name any more is the one that it was. */
    if (guard->opened &&
        (now->name_size == 0 || pawl_bytes_equal(name_of(now), name_of(&guard->store)))) {
        return true;
    }
    if (guard->book->ops->open(guard->book, now, &head, error) != PAWL_OK) {
        guard->opened = guard->opened && error->code == PAWL_DENIED;
        return false;
    }
    guard->opened = true;
    guard->store = *now;
    guard->head = head;
    guard->head_changed = false;
    guard->blind = head.fresh;
    guard->losses = guard->book->losses;
    guard->look_branch = head.branch;
    guard->look_position = head.position;
    int64_t since_s = pawl_guard_wall_s(guard) - head.began_s;
    uint64_t since_ns = since_s > 0 ? (uint64_t)since_s * PAWL_NS_PER_S : 0;

    guard->learn_until_ns = guard->settings.learn_ns > since_ns
                                ? guard->now_ns + guard->settings.learn_ns - since_ns
                                : guard->now_ns;
    pawl_log(PAWL_LOG_INFO,
             head.fresh ? "guard begun: nothing is remembered of this store" : "guard opened",
             "store=%s sequences=%" PRIu64 " position=%" PRIu64,
             pawl_log_quote(store, sizeof store, name_of(now)),
             guard->book->ops->count(guard->book), head.position);
    return true;
}

static void looked(struct pawl_guard *guard)
{
    pawl_error error = guard->look.error;
    bool redrawn = guard->look.kind == PAWL_ASK_REDRAW;

    if (redrawn && error.code == PAWL_BAD_REQUEST) { /* it keeps none */
        error.code = PAWL_OK;
        guard->look_identity = guard->pinged;
    }
    if (error.code != PAWL_OK) {
        if (!redrawn && guard->state == GUARD_READY) {
            look_over(guard, &error);
            return;
        }
        now_in(guard, GUARD_LOOKING);
        look_over(guard, &error);
        return;
    }
    if (!redrawn && !open_book(guard, &error)) {
        refused(guard, &error);
        return;
    }
    const struct pawl_identity *now = &guard->look_identity;
    bool back = fell(&guard->look_branch, guard->look_position, now);
    bool other = guard->look_branch.size > 0 && now->branch.size > 0 &&
                 !same_branch(&guard->look_branch, &now->branch);

    if (!redrawn && (back || other)) {
        redraw(guard, back);
    } else {
        adopt(guard);
    }
}

static void look_done(struct pawl_ask *ask)
{
    looked(PAWL_OWNER(ask, struct pawl_guard, look));
}

void pawl_guard_look_begin(struct pawl_guard *guard)
{
    bool waited = guard->state != GUARD_READY && guard->waiting.first != NULL;
    struct pawl_ask *ping = NULL;

    if (guard->look.pending) return;
    if (guard->state == GUARD_REFUSED && guard->now_ns < guard->retry_ns) {
        look_over(guard, &guard->trouble);
        waited = false;
    }
    if (!waited && !guard->look_wanted && guard->pings.first == NULL &&
        guard->changes.first == NULL) {
        return;
    }
    while ((ping = pawl_asks_pop(&guard->pings)) != NULL) {
        pawl_asks_add(&guard->looked_for, ping);
    }
    guard->look_wanted = false;
    guard->look_branch = guard->head.branch;
    guard->look_position = guard->head.position;
    guard->look = (struct pawl_ask){
        .kind = PAWL_ASK_PING, .done = look_done, .identity = &guard->look_identity};
    pawl_source_ask(guard->below, &guard->look);
}
