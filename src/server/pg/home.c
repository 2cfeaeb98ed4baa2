/* SPDX-License-Identifier: Apache-2.0 */
/* What the sessions of one I/O thread share: plans, who can be cancelled, time limits. */
#include <stdlib.h>

#include "base/clock.h"
#include "server/pg/session.h"

enum { US_PER_S = 1000000 };
enum { PIDS_MAX = INT32_MAX }; /* the protocol's numbers of sessions begin anew beyond it */

struct cancel {
    struct pawl_mail mail;
    struct desk *desk;
    uint32_t pid, secret;
};

/* Lines of sessions: those that have not logged in, and those that wait with a time limit. */

static void starting_leave(struct pg_session *session)
{
    struct pg_desk *home = session->home;
    struct pg_session *next = session->starting_next;
    struct pg_session *previous = session->starting_previous;

    if (!session->in_starting) return;
    session->in_starting = false;
    *(previous == NULL ? &home->starting : &previous->starting_next) = next;
    *(next == NULL ? &home->starting_last : &next->starting_previous) = previous;
}

void pg_time_end(struct pg_session *session)
{
    struct pg_session *next = session->timed_next;
    struct pg_session *previous = session->timed_previous;

    if (session->timeout_ns == 0) return;
    session->timeout_ns = 0;
    *(previous == NULL ? &session->home->timed : &previous->timed_next) = next;
    if (next != NULL) next->timed_previous = previous;
}

void pg_time_begin(struct pg_session *session)
{
    uint64_t limit_ms = session->settings.statement_timeout_ms;

    if (limit_ms == 0 || session->timeout_ns != 0) return;
    session->timeout_ns = session->began_ns + limit_ms * PAWL_NS_PER_MS;
    session->timed_previous = NULL;
    session->timed_next = session->home->timed;
    if (session->timed_next != NULL) session->timed_next->timed_previous = session;
    session->home->timed = session;
}

static uint64_t turn(struct desk_annex *annex)
{
    struct pg_desk *home = PAWL_OWNER(annex, struct pg_desk, annex);
    uint64_t now_ns = home->desk->now_ns;
    uint64_t next_ns = PAWL_NEVER;

    while (home->starting != NULL &&
           home->starting->started_ns + PG_START_S * PAWL_NS_PER_S <= now_ns) {
        struct pg_session *session = home->starting;

        starting_leave(session);
        pg_die(session, "57014", "canceling authentication due to timeout");
        desk_note_changed(home->desk, session->conn);
    }
    if (home->starting != NULL) {
        next_ns = home->starting->started_ns + PG_START_S * PAWL_NS_PER_S;
    }
    for (struct pg_session *session = home->timed; session != NULL;) {
        struct pg_session *next = session->timed_next;

        if (session->timeout_ns <= now_ns) {
            pg_interrupt(session, "canceling statement due to statement timeout");
            next = home->timed; /* others may have come and gone */
            next_ns = home->starting != NULL ? next_ns : PAWL_NEVER;
        } else if (session->timeout_ns < next_ns) {
            next_ns = session->timeout_ns;
        }
        session = next;
    }
    return next_ns;
}

static void home_free(struct desk_annex *annex)
{
    struct pg_desk *home = PAWL_OWNER(annex, struct pg_desk, annex);

    if (home->catalog != NULL) sql_catalog_free(home->catalog);
    if (home->plans != NULL) sql_cache_free(home->plans);
    table_free(&home->by_pid);
    free(home->machine.at);
    free(home->portal);
    free(home);
}

struct pg_desk *pg_desk_of(struct desk *desk)
{
    if (desk->annex != NULL) return PAWL_OWNER(desk->annex, struct pg_desk, annex);
    struct pg_desk *home = calloc(1, sizeof *home);
    if (home == NULL) return NULL;
    home->annex = (struct desk_annex){home_free, turn};
    home->desk = desk;
    pawl_entropy(&home->random, sizeof home->random);
    home->plans = sql_cache_new(pawl_random(&home->random));
    if (home->plans == NULL) {
        free(home);
        return NULL;
    }
    desk->annex = &home->annex;
    return home;
}

int64_t pg_desk_wall_us(struct pg_desk *home)
{
    const struct desk *desk = home->desk;

    if (desk->settings.wall_s != NULL) return desk_wall_s(desk) * US_PER_S;
    if (home->wall_ns == 0 || desk->now_ns - home->wall_ns >= PAWL_NS_PER_S) {
        home->wall_us = pawl_clock_wall_us();
        home->wall_ns = desk->now_ns;
    }
    return home->wall_us + (int64_t)((desk->now_ns - home->wall_ns) / PAWL_NS_PER_US);
}

void pg_desk_add(struct pg_session *session)
{
    struct pg_desk *home = session->home;

    session->started_ns = home->desk->now_ns;
    session->in_starting = true;
    session->starting_next = NULL;
    session->starting_previous = home->starting_last;
    *(home->starting_last == NULL ? &home->starting : &home->starting_last->starting_next) =
        session;
    home->starting_last = session;
}

static uint64_t pid_hash(uint32_t pid)
{
    uint64_t state = pid;

    return pawl_random(&state);
}

static bool same_pid(const void *item, const void *key)
{
    return ((const struct pg_session *)item)->pid == *(const uint32_t *)key;
}

/* A pid tells which desk it is of: as the connection's id does, but within 31 bits. */
void pg_desk_ready(struct pg_session *session)
{
    const struct desk_settings *settings = &session->home->desk->settings;
    uint64_t turns = PIDS_MAX / settings->id_step - 1;
    uint64_t number = (session->conn->id - settings->id_first) / settings->id_step % turns;
    uint64_t random = 0;

    starting_leave(session);
    session->pid = (uint32_t)(settings->id_first + number * settings->id_step);
    pawl_entropy(&random, sizeof random);
    session->secret = (uint32_t)(random >> 32);
    /* Without memory it just cannot be cancelled. */
    session->registered = table_add(&session->home->by_pid, pid_hash(session->pid), session);
}

void pg_desk_leave(struct pg_session *session)
{
    starting_leave(session);
    pg_time_end(session);
    if (session->registered) {
        table_remove(&session->home->by_pid, pid_hash(session->pid), session);
    }
    session->registered = false;
}

/* On the thread of the session's desk. */
static void cancel_here(struct desk *desk, uint32_t pid, uint32_t secret)
{
    if (desk->annex == NULL) return;
    struct pg_desk *home = pg_desk_of(desk);
    struct pg_session *session = table_find(&home->by_pid, pid_hash(pid), same_pid, &pid);

    /* One comparison of numbers: it takes as long whatever they are. */
    if (session == NULL || (session->secret ^ secret) != 0) return;
    pg_interrupt(session, "canceling statement due to user request");
}

static void cancel_came(struct pawl_mail *mail)
{
    struct cancel *cancel = PAWL_OWNER(mail, struct cancel, mail);

    cancel_here(cancel->desk, cancel->pid, cancel->secret);
    free(cancel);
}

void pg_desk_cancel(struct desk *desk, uint32_t pid, uint32_t secret)
{
    const struct server_facts *facts = desk->settings.facts;
    size_t index = pid == 0 ? 0 : (size_t)((pid - 1) % desk->settings.id_step);

    if (index == desk->settings.id_first - 1 || desk->settings.post == NULL) {
        cancel_here(desk, pid, secret);
        return;
    }
    if (facts == NULL || index >= facts->desk_count) return;
    struct cancel *cancel = malloc(sizeof *cancel);
    if (cancel == NULL) return;
    *cancel = (struct cancel){{.act = cancel_came}, facts->desks[index], pid, secret};
    desk->settings.post(index, &cancel->mail, desk->settings.arg);
}
