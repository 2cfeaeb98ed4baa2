/* SPDX-License-Identifier: Apache-2.0 */
#include "server/desk.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/gone.h"
#include "server/users.h"
#include "server/work.h"

/* Settings and small things. */

struct desk *desk_new(const struct desk_settings *settings)
{
    struct desk *desk = calloc(1, sizeof *desk);

    if (desk == NULL) return NULL;
    desk->settings = *settings;
    if (settings->gone == NULL) {
        desk->own_gone = gone_new();
        if (desk->own_gone == NULL) {
            free(desk);
            return NULL;
        }
        desk->settings.gone = desk->own_gone;
    }
    if (settings->request_timeout_ns == 0) desk->settings.request_timeout_ns = 5 * PAWL_NS_PER_S;
    if (settings->refill_interval_ns == 0) desk->settings.refill_interval_ns = 30 * PAWL_NS_PER_S;
    if (settings->max_take == 0) desk->settings.max_take = PAWL_TAKE_MAX;
    if (settings->id_first == 0) desk->settings.id_first = 1;
    if (settings->id_step == 0) desk->settings.id_step = 1;
    desk->next_id = desk->settings.id_first;
    desk->generation = 1;
    if (settings->users != NULL) (void)users_hold(settings->users);
    return desk;
}

void desk_set_users(struct desk *desk, struct users *users)
{
    struct users *before = desk->settings.users;

    desk->settings.users = users_hold(users);
    users_drop(before);
}

const struct desk_counts *desk_counts(const struct desk *desk)
{
    return &desk->counts;
}

size_t desk_under_way(const struct desk *desk)
{
    return desk->under_way;
}

int64_t desk_wall_s(const struct desk *desk)
{
    if (desk->settings.wall_s == NULL) return pawl_clock_wall_s();
    return desk->settings.wall_s(desk->settings.arg);
}

static void line_add(struct conn_line *line, struct conn_link *link)
{
    *link = (struct conn_link){.previous = line->last, .in = true};
    *(line->last == NULL ? &line->first : &line->last->next) = link;
    line->last = link;
}

static void line_remove(struct conn_line *line, struct conn_link *link)
{
    if (!link->in) return;
    link->in = false;
    *(link->previous == NULL ? &line->first : &link->previous->next) = link->next;
    *(link->next == NULL ? &line->last : &link->next->previous) = link->previous;
}

void desk_note_changed(struct desk *desk, struct conn *conn)
{
    if (!conn->changed.in) line_add(&desk->changed, &conn->changed);
}

void desk_forget_changed(struct desk *desk, struct conn *conn)
{
    line_remove(&desk->changed, &conn->changed);
}

/* At the very end of what the carrier called, since it may call back and close connections. */
static void flush_changed(struct desk *desk)
{
    while (desk->changed.first != NULL) {
        struct conn *conn = PAWL_OWNER(desk->changed.first, struct conn, changed);

        desk_forget_changed(desk, conn);
        desk->settings.changed(conn, desk->settings.arg);
    }
}

/* Work in slices. */

void desk_yield(struct desk *desk, struct conn *conn)
{
    PAWL_ASSERT(!conn->yields.in);
    line_add(&desk->yielded, &conn->yields);
}

void desk_forget_yield(struct desk *desk, struct conn *conn)
{
    line_remove(&desk->yielded, &conn->yields);
}

/* One slice, if it is time for one. */
static void turn_yielded(struct desk *desk)
{
    if (desk->yielded.first == NULL || desk->yield_ns > desk->now_ns) return;
    struct conn *conn = PAWL_OWNER(desk->yielded.first, struct conn, yields);
    uint64_t commands = atomic_load_explicit(&desk->counts.commands, memory_order_relaxed);
    bool alone = commands == desk->yield_commands;
    desk_forget_yield(desk, conn);
    conn_go_on(conn);
    desk->yield_commands = atomic_load_explicit(&desk->counts.commands, memory_order_relaxed);
    desk->yield_ns = desk->now_ns + (alone ? 0 : DESK_SHARE_NS);
}

/* Entries. */

static bool same_name(const void *item, const void *key)
{
    return pawl_bytes_equal(entry_name(item), *(const struct pawl_bytes *)key);
}

static bool same_holding(const void *item, const void *key)
{
    return ((const struct entry *)item)->holding == key;
}

static uint64_t holding_hash(const struct pawl_holding *holding)
{
    uint64_t state = (uint64_t)(uintptr_t)holding;

    return pawl_random(&state);
}

struct entry *desk_find(struct desk *desk, struct pawl_bytes name)
{
    uint64_t hash = pawl_bytes_hash(name, desk->settings.seed);

    return table_find(&desk->by_name, hash, same_name, &name);
}

struct entry *desk_entry(struct desk *desk, struct pawl_bytes name)
{
    struct entry *entry = desk_find(desk, name);

    if (entry != NULL) return entry;
    entry = calloc(1, sizeof *entry + name.size);
    if (entry == NULL) return NULL;
    entry->desk = desk;
    entry->hash = pawl_bytes_hash(name, desk->settings.seed);
    entry->name_size = (uint8_t)name.size;
    memcpy(entry->name, name.at, name.size);
    if (!table_add(&desk->by_name, entry->hash, entry)) {
        free(entry);
        return NULL;
    }
    return entry;
}

static void let_go(struct entry *entry)
{
    struct desk *desk = entry->desk;

    if (entry->holding == NULL) return;
    table_remove(&desk->by_holding, holding_hash(entry->holding), entry);
    pawl_holding_release(entry->holding);
    entry->holding = NULL;
    pawl_count_add(&desk->counts.open, UINT64_MAX); /* one less */
}

static void entry_free(struct desk *desk, struct entry *entry)
{
    PAWL_ASSERT(entry->parked_first == NULL && entry->retry_ns == 0);
    let_go(entry);
    if (entry->call != NULL) call_free(entry->call);
    table_remove(&desk->by_name, entry->hash, entry);
    desk->generation++;
    free(entry);
}

/* The line of entries that ask again after a while. The while is the same for all: first in,
 * first out. */

static void retry_later(struct entry *entry)
{
    struct desk *desk = entry->desk;

    PAWL_ASSERT(entry->retry_ns == 0);
    entry->retry_ns = desk->now_ns + DESK_RETRY_NS;
    entry->retry_next = NULL;
    entry->retry_previous = desk->retry_last;
    *(desk->retry_last == NULL ? &desk->retry_first : &desk->retry_last->retry_next) = entry;
    desk->retry_last = entry;
}

static void retry_not(struct desk *desk, struct entry *entry)
{
    struct entry *next = entry->retry_next;
    struct entry *previous = entry->retry_previous;

    if (entry->retry_ns == 0) return;
    entry->retry_ns = 0;
    *(previous == NULL ? &desk->retry_first : &previous->retry_next) = next;
    *(next == NULL ? &desk->retry_last : &next->retry_previous) = previous;
}

/* The first whose time has come, off the line. */
static struct entry *retry_pop(struct desk *desk)
{
    struct entry *entry = desk->retry_first;

    if (entry == NULL || entry->retry_ns > desk->now_ns) return NULL;
    desk->retry_first = entry->retry_next;
    *(entry->retry_next == NULL ? &desk->retry_last : &entry->retry_next->retry_previous) = NULL;
    entry->retry_ns = 0;
    return entry;
}

/* Parked requests. */

static bool entry_asks(const struct entry *entry)
{
    return entry->call != NULL && entry->call->with_keeper;
}

static void entry_ask(struct entry *entry);

/* An entry on which nothing is parked any more. */
static void entry_rest(struct desk *desk, struct entry *entry)
{
    if (entry->parked_first != NULL || entry_asks(entry) || entry->answering) return;
    retry_not(desk, entry);
    if (entry->call != NULL) call_free(entry->call);
    entry->call = NULL;
    if (entry->holding == NULL) entry_free(desk, entry);
}

void desk_park(struct desk *desk, struct entry *entry, struct pending *pending)
{
    pending->entry = entry;
    pending->deadline_ns = desk->now_ns + desk->settings.request_timeout_ns;
    pending->parked_next = NULL;
    pending->parked_previous = entry->parked_last;
    *(entry->parked_last == NULL ? &entry->parked_first : &entry->parked_last->parked_next) =
        pending;
    entry->parked_last = pending;
    entry->parked_count++;
    pending->due_next = NULL;
    pending->due_previous = desk->due_last;
    *(desk->due_last == NULL ? &desk->due_first : &desk->due_last->due_next) = pending;
    desk->due_last = pending;
    pawl_count_add(&desk->counts.parked, 1);
    if (entry->retry_ns == 0 && !entry->answering) entry_ask(entry);
}

static void unpark(struct desk *desk, struct pending *pending)
{
    struct entry *entry = pending->entry;

    *(pending->parked_previous == NULL ? &entry->parked_first
                                       : &pending->parked_previous->parked_next) =
        pending->parked_next;
    *(pending->parked_next == NULL ? &entry->parked_last : &pending->parked_next->parked_previous) =
        pending->parked_previous;
    *(pending->due_previous == NULL ? &desk->due_first : &pending->due_previous->due_next) =
        pending->due_next;
    *(pending->due_next == NULL ? &desk->due_last : &pending->due_next->due_previous) =
        pending->due_previous;
    pending->entry = NULL;
    entry->parked_count--;
    pawl_count_add(&desk->counts.parked, UINT64_MAX);
}

void desk_unpark(struct desk *desk, struct pending *pending)
{
    struct entry *entry = pending->entry;

    unpark(desk, pending);
    entry_rest(entry->desk, entry);
}

/* Answering may begin the next request and so the next ask. */
static void fail_one(struct pending *pending, const pawl_error *error)
{
    struct conn *conn = pending->conn;

    conn->wire->failed(conn, entry_name(pending->entry), error);
    unpark(conn->desk, pending);
    conn_answered(conn, pending);
}

static void fail_parked(struct entry *entry, const pawl_error *error)
{
    while (entry->parked_first != NULL) {
        fail_one(entry->parked_first, error);
    }
}

/* Without memory there is no later: what is parked is told so at once. */
static void entry_ask(struct entry *entry)
{
    static const pawl_error no_memory = {PAWL_NO_MEMORY, "pawld has no memory for this request"};

    if (entry->parked_first == NULL || entry_asks(entry)) return;
    if (entry->call == NULL) {
        entry->call = call_new(entry->desk, PAWL_ASK_OPEN, entry_name(entry));
        if (entry->call == NULL) {
            entry->answering = true;
            fail_parked(entry, &no_memory);
            entry->answering = false;
            entry_rest(entry->desk, entry);
            return;
        }
        entry->call->entry = entry;
    }
    struct call *call = entry->call;
    call->sent.ask.kind = entry->holding == NULL ? PAWL_ASK_OPEN : PAWL_ASK_WAIT;
    call->sent.ask.holding = entry->holding;
    call->sent.ask.once =
        entry->holding == NULL && entry->parked_count == 1 && entry->parked_first->count == 1;
    call->sent.ask.count = entry->parked_count;
    call->sent.ask.deadline_ns = entry->parked_first->deadline_ns;
    call_submit(call);
}

/* What became of the entry's call. */

/* One id, of a sequence that is seldom used, for the one who wanted one. */
static void given_once(struct entry *entry, struct pawl_range range)
{
    struct pending *pending = entry->parked_first;

    while (pending != NULL && pending->count != 1) {
        pending = pending->parked_next;
    }
    if (pending == NULL) { /* he has hung up */
        call_unread(entry->desk, entry_name(entry), range.count);
        return;
    }
    struct conn *conn = pending->conn;

    unpark(entry->desk, pending);
    pawl_count_add(&entry->desk->counts.ids, 1);
    conn->wire->took(conn, (pawl_ids){range.first, range.increment, 1});
    conn_answered(conn, pending);
}

static void opened(struct entry *entry)
{
    struct desk *desk = entry->desk;
    struct pawl_holding *holding = entry->call->sent.ask.holding;

    if (holding == NULL) {
        given_once(entry, entry->call->sent.ask.grant.range);
        return;
    }
    if (!table_add(&desk->by_holding, holding_hash(holding), entry)) {
        pawl_holding_release(holding); /* to be opened again */
        return;
    }
    entry->holding = holding;
    pawl_count_add(&desk->counts.open, 1);
}

/* Serves in order of arrival as long as ids are at hand. */
static void serve(struct entry *entry)
{
    while (entry->parked_first != NULL && entry->holding != NULL) {
        struct pending *pending = entry->parked_first;
        struct conn *conn = pending->conn;
        pawl_ids ids = {0, 0, 0};
        enum take take = entry_take(entry, pending->count, &ids);

        if (take == TAKE_PARK) return;
        unpark(entry->desk, pending);
        if (take == TAKE_DONE) {
            conn->wire->took(conn, ids);
            conn_answered(conn, pending);
        } else {
            take_ask(pending, entry_name(entry), pending->count);
        }
    }
}

/* There is no such sequence: INCR may make it, as --auto-create says, others are told. One that
 * goes on elsewhere is never made anew that way: its ids would come again. */
static void missing(struct entry *entry, const pawl_error *error)
{
    struct pending *pending = entry->parked_first;
    bool elsewhere = pawl_error_says_elsewhere(error);
    bool creates = false;

    let_go(entry);
    while (pending != NULL) {
        struct pending *next = pending->parked_next;

        if (pending->creates && !elsewhere) {
            creates = true;
        } else {
            fail_one(pending, error);
        }
        pending = next;
    }
    if (!creates) return;
    struct call *call = entry->call;
    call->definition = (pawl_definition){.given = PAWL_GIVEN_IF_NOT_EXISTS};
    call->sent.ask.kind = PAWL_ASK_CREATE;
    call->sent.ask.definition = &call->definition;
    call->sent.ask.count = 0;
    call->sent.ask.deadline_ns = entry->parked_first->deadline_ns;
    call_submit(call);
}

static void expire(struct pending *pending)
{
    struct entry *entry = pending->entry;
    struct call *call = entry->call;
    struct desk *desk = entry->desk;
    pawl_err posted = PAWL_OK;
    pawl_error error;
    const char *reason = "no answer yet";

    if (entry->holding != NULL) {
        posted =
            (pawl_err)atomic_load_explicit(&entry->holding->stock->posted, memory_order_relaxed);
    }
    if (posted != PAWL_OK) reason = pawl_err_text(posted);
    if (call != NULL && call->failure.code != PAWL_OK) reason = call->failure.text;
    (void)pawl_fail(&error, PAWL_TIMEOUT, "no id came within %llu ms; the last refill: %s",
                    (unsigned long long)(desk->settings.request_timeout_ns / PAWL_NS_PER_MS),
                    reason);
    pawl_count_add(&desk->counts.timeouts, 1);
    fail_one(pending, &error);
}

/* Returns whether to ask again at once. */
static bool work_off(struct entry *entry, const pawl_error *error)
{
    struct call *call = entry->call;
    enum pawl_ask_kind kind = call->sent.ask.kind;
    pawl_advice advice = pawl_err_advice(error->code);

    if (error->code == PAWL_OK || (kind == PAWL_ASK_CREATE && error->code == PAWL_EXISTS) ||
        (kind == PAWL_ASK_WAIT && error->code == PAWL_GLOBAL)) {
        if (kind == PAWL_ASK_OPEN) opened(entry);
        call->failure.code = PAWL_OK;
        serve(entry);
        return true;
    }
    if (error->code == PAWL_NO_SEQUENCE) {
        missing(entry, error);
        return true;
    }
    if (advice == PAWL_ADVICE_FIX || advice == PAWL_ADVICE_STOP) {
        fail_parked(entry, error);
        return true;
    }
    call->failure = *error;
    while (entry->parked_first != NULL && entry->parked_first->deadline_ns <= entry->desk->now_ns) {
        expire(entry->parked_first);
    }
    return false;
}

void entry_answered(struct entry *entry)
{
    const pawl_error error = entry->call->sent.ask.error;

    entry->answering = true;
    bool at_once = work_off(entry, &error);
    entry->answering = false;
    if (entry->parked_first == NULL) {
        entry_rest(entry->desk, entry);
    } else if (at_once) {
        entry_ask(entry);
    } else {
        retry_later(entry);
    }
}

/* What the carrier calls. */

/* Told to all sessions of the server before the one who did it has its answer. */
static void note_gone(struct desk *desk, const struct pawl_ask *ask)
{
    bool renames = ask->kind == PAWL_ASK_RENAME;

    if (!renames && ask->kind != PAWL_ASK_DROP) return;
    if (pawl_err_advice(ask->error.code) == PAWL_ADVICE_FIX) return; /* it certainly stays */
    bool renamed = renames && ask->error.code == PAWL_OK;
    gone_add(desk->settings.gone, ask->name, renamed ? ask->to : (struct pawl_bytes){NULL, 0});
}

void desk_answered(struct desk *desk, struct pawl_ask *ask, uint64_t now_ns)
{
    struct call *call = PAWL_OWNER(ask, struct call, sent.ask);

    PAWL_ASSERT(call->with_keeper && call->desk == desk);
    desk->now_ns = now_ns;
    call->with_keeper = false;
    desk->under_way--;
    note_gone(desk, ask);
    call_settle(call);
    flush_changed(desk);
}

void desk_forgotten(struct desk *desk, struct desk_forget *forget)
{
    struct call *call = PAWL_OWNER(forget, struct call, forget);

    PAWL_ASSERT(call->forgetting && call->desk == desk);
    call->forgetting = false;
    desk->under_way--;
    call_settle(call);
}

void desk_idle(struct desk *desk, const struct pawl_holding *holding)
{
    struct entry *entry =
        table_find(&desk->by_holding, holding_hash(holding), same_holding, holding);

    if (entry == NULL || entry->parked_first != NULL || entry_asks(entry)) return;
    entry_free(entry->desk, entry);
}

uint64_t desk_turn(struct desk *desk, uint64_t now_ns)
{
    uint64_t next_ns = PAWL_NEVER;

    desk->now_ns = now_ns;
    while (desk->due_first != NULL && desk->due_first->deadline_ns + DESK_GRACE_NS <= now_ns) {
        struct entry *entry = desk->due_first->entry;

        entry->answering = true; /* what is parked anew meanwhile is asked for below */
        expire(desk->due_first);
        entry->answering = false;
        if (entry->parked_first == NULL) {
            entry_rest(desk, entry);
        } else if (entry->retry_ns == 0) {
            entry_ask(entry);
        }
    }
    for (struct entry *entry = retry_pop(desk); entry != NULL; entry = retry_pop(desk)) {
        entry_ask(entry);
    }
    if (desk->annex != NULL) next_ns = desk->annex->turn(desk->annex);
    turn_yielded(desk);
    flush_changed(desk); /* whoever has sent what he had goes on, and may yield again */
    if (desk->yielded.first != NULL && desk->yield_ns < next_ns) next_ns = desk->yield_ns;
    if (desk->due_first != NULL && desk->due_first->deadline_ns + DESK_GRACE_NS < next_ns) {
        next_ns = desk->due_first->deadline_ns + DESK_GRACE_NS;
    }
    if (desk->retry_first != NULL && desk->retry_first->retry_ns < next_ns) {
        next_ns = desk->retry_first->retry_ns;
    }
    return next_ns;
}

void desk_free(struct desk *desk)
{
    PAWL_ASSERT(desk->under_way == 0);
    PAWL_ASSERT(atomic_load_explicit(&desk->counts.connections, memory_order_relaxed) == 0);
    for (size_t i = 0; i < desk->by_name.capacity; i++) {
        while (desk->by_name.slots[i].item != NULL) { /* removal shifts the next one here */
            entry_free(desk, desk->by_name.slots[i].item);
        }
    }
    while (desk->spare_count > 0) {
        free(desk->spare[--desk->spare_count]);
    }
    if (desk->annex != NULL) desk->annex->free(desk->annex);
    table_free(&desk->by_name);
    table_free(&desk->by_holding);
    users_drop(desk->settings.users);
    gone_free(desk->own_gone);
    free(desk);
}
