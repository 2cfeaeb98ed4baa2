/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pg/pg.h"

#include <stdlib.h>

#include "server/pg/session.h"

/* What one client too many is told. */
#define FULL "SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0"
static const char full[] = "E\0\0\0\x3b" FULL;

_Static_assert(sizeof full - 1 == 0x3b, "the length counts itself, but not the type");

/* What goes wrong. */

/* The statement that is carried out, and the text it is of, are over. */
static void let_go(struct pg_session *session)
{
    struct pg_portal *portal = session->running;

    if (session->wait == PG_WAIT_CAME) {
        call_unread(session->conn->desk, pawl_name_bytes(&session->search.store),
                    session->ids.count);
    }
    session->running = NULL;
    if (portal != NULL && portal->loose) {
        pg_portal_free(session, portal);
    } else if (portal != NULL) {
        pg_portal_done(portal);
    }
    if (session->batch != NULL) sql_batch_release(session->batch);
    session->batch = NULL;
    free(session->records.at);
    session->records = (struct text){0};
    session->record_count = 0;
    session->wait = PG_WAIT_NOTHING;
    session->interrupt = NULL;
}

/* Whether PostgreSQL finds it before it runs the statement, and so before it tells the columns. */
static bool is_early(const struct pg_session *session)
{
    const char *state = session->error.sqlstate;

    if (session->running->want == SQL_WANT_ERROR || memcmp(state, "3F", 2) == 0) return true;
    return memcmp(state, "42", 2) == 0 && memcmp(state, "42501", SQL_STATE_BYTES) != 0;
}

void pg_failed(struct pg_session *session)
{
    bool simple = session->simple;

    if (session->running != NULL && session->running->begun && !is_early(session)) {
        pg_say_shape(session, session->running);
    }
    pg_say_error(session, "ERROR", &session->error);
    if (session->running != NULL) session->running->failed = true;
    let_go(session);
    pg_tx_failed(session);
    if (simple) {
        session->simple = false;
        pg_say_ready(session);
    } else {
        session->skipping = true;
    }
}

void pg_interrupt(struct pg_session *session, const char *reason)
{
    if (session->running == NULL && session->batch == NULL) return;
    if (pg_change_under_way(session)) session->tx.unknown++;
    conn_forget_line(session->conn);
    pg_time_end(session);
    if (session->wait == PG_WAIT_UNDER_WAY) session->wait = PG_WAIT_NOTHING;
    session->interrupt = reason;
    conn_go_on(session->conn);
}

void pg_over(struct pg_session *session)
{
    let_go(session);
}

/* Messages. */

/* Of an extended query; an error in it makes the session skip to Sync. */
static void extended(struct pg_session *session, const struct pawl_pg_frame *frame)
{
    session->simple = false;
    switch (frame->type) {
    case 'P':
        pg_parse(session, frame->body);
        break;
    case 'B':
        pg_bind(session, frame->body);
        break;
    case 'D':
        pg_describe(session, frame->body);
        break;
    case 'E':
        pg_execute(session, frame->body);
        break;
    default:
        pg_close(session, frame->body);
    }
}

static void refuse_call(struct pg_session *session)
{
    session->simple = true;
    (void)sql_fail(&session->error, "0A000", 0,
                   "function calls by the fast path are not supported: use SELECT");
    pg_failed(session);
}

static void message(struct pg_session *session, const struct pawl_pg_frame *frame)
{
    switch (frame->type) {
    case 'S':
        session->skipping = false;
        pg_sync(session);
        return;
    case 'X':
        session->conn->closing = true;
        return;
    case 'H': /* what is said is sent as soon as it can be */
    case 'd': /* of a COPY that is none: as PostgreSQL, passed over */
    case 'c':
    case 'f':
        return;
    default:
        break;
    }
    if (session->skipping) return;
    if (frame->type == 'Q') {
        pg_query(session, frame->body);
    } else if (frame->type == 'F') {
        refuse_call(session);
    } else {
        extended(session, frame);
    }
}

static bool is_known(char type)
{
    switch (type) {
    case 'Q':
    case 'P':
    case 'B':
    case 'D':
    case 'E':
    case 'C':
    case 'H':
    case 'S':
    case 'X':
    case 'F':
    case 'd':
    case 'c':
    case 'f':
        return true;
    default:
        return false;
    }
}

/* Larger than is read: refused, and passed over without being kept. */
static size_t too_long(struct pg_session *session, const struct pawl_pg_frame *frame)
{
    bool passed_over = session->skipping || strchr("dcfHSX", frame->type) != NULL;

    session->passing = frame->size;
    if (passed_over) return 0;
    session->simple = frame->type == 'Q' || frame->type == 'F';
    (void)sql_fail(&session->error, "54000", 0, "a message has at most %d bytes",
                   PG_MESSAGE_BYTES_MAX);
    pg_failed(session);
    return 0;
}

static size_t pass(struct pg_session *session, struct pawl_bytes rest)
{
    size_t size = rest.size < session->passing ? rest.size : session->passing;

    session->passing -= size;
    return size;
}

static size_t serve(struct pg_session *session, struct pawl_bytes rest)
{
    struct pawl_pg_frame frame = {0};

    if (session->passing > 0) return pass(session, rest);
    if (!is_known(rest.at[0])) {
        pg_die(session, "08P01", "invalid frontend message type %d", (unsigned char)rest.at[0]);
        return 0;
    }
    ptrdiff_t used = pawl_pg_cut(rest, &frame);
    if (used < 0) {
        session->conn->closing = true; /* without a word, as PostgreSQL */
        return 0;
    }
    if (used == 0) {
        if (frame.size <= PG_MESSAGE_BYTES_MAX) return 0;
        (void)too_long(session, &frame);
        return pass(session, rest);
    }
    if (frame.size > PG_MESSAGE_BYTES_MAX) {
        (void)too_long(session, &frame);
        return pass(session, rest);
    }
    pawl_count_add(&session->conn->desk->counts.commands, 1);
    message(session, &frame);
    return (size_t)used;
}

/* What conn.c and desk.c call. */

static size_t begin(struct conn *conn, struct pawl_bytes rest)
{
    struct pg_session *session = pg_session_of(conn);

    switch (session->phase) {
    case PG_STARTING:
        return pg_start(session, rest);
    case PG_AUTHENTICATING:
        return pg_login(session, rest);
    case PG_SERVING:
        break;
    }
    return serve(session, rest);
}

/* What waits is ended by the desk's turn, what answers with many rows between two of them. */
static bool takes_too_long(const struct pg_session *session)
{
    uint64_t limit_ms = session->settings.statement_timeout_ms;

    if (limit_ms == 0 || session->running == NULL || session->wait != PG_WAIT_NOTHING) return false;
    return session->conn->desk->now_ns - session->began_ns >= limit_ms * PAWL_NS_PER_MS;
}

static enum conn_resume resume(struct conn *conn)
{
    struct pg_session *session = pg_session_of(conn);

    if (session->wait == PG_WAIT_UNDER_WAY) return CONN_WAITS;
    if (session->interrupt == NULL && takes_too_long(session)) {
        session->interrupt = "canceling statement due to statement timeout";
    }
    if (session->interrupt != NULL) {
        (void)sql_fail(&session->error, "57014", 0, "%s", session->interrupt);
        pg_failed(session);
    }
    if (session->batch != NULL) return pg_query_goes_on(session);
    if (session->running != NULL) return pg_execute_goes_on(session);
    return CONN_RESTS;
}

static void took(struct conn *conn, pawl_ids ids)
{
    pg_came(pg_session_of(conn), ids);
}

static void failed(struct conn *conn, struct pawl_bytes name, const pawl_error *error)
{
    pg_in_vain(pg_session_of(conn), name, error);
}

static void stop(struct conn *conn)
{
    pg_die(pg_session_of(conn), "57P01", "terminating connection due to administrator command");
}

static bool open_session(struct conn *conn)
{
    struct pg_desk *home = pg_desk_of(conn->desk);
    struct pg_session *session = home == NULL ? NULL : calloc(1, sizeof *session);

    if (session == NULL) return false;
    session->conn = conn;
    session->home = home;
    session->settings.least_notice = PG_NOTICE_PLACE;
    conn->session = session;
    pg_last_begin(session);
    pg_desk_add(session);
    return true;
}

static void close_session(struct conn *conn)
{
    struct pg_session *session = pg_session_of(conn);

    if (session == NULL) return;
    pg_desk_leave(session);
    let_go(session);
    pg_portals_drop(session);
    pg_statements_drop(session);
    if (session->unnamed_statement != NULL) pg_statement_drop(session, session->unnamed_statement);
    table_free(&session->portals);
    table_free(&session->statements);
    pg_last_forget_all(session);
    pg_settings_free(session);
    free(session->tx.savepoints);
    free(session->login);
    free(session);
    conn->session = NULL;
}

/* Of both wires. A client too many may have asked for TLS first, and cancels are taken from it. */
#define PG_WIRE                                                                                   \
    .scheme = "postgres", .full = {full, sizeof full}, .input_bytes_max = PG_MESSAGE_BYTES_MAX,   \
    .open = open_session, .close = close_session, .resume = resume, .begin = begin, .took = took, \
    .failed = failed, .stop = stop

static const struct conn_wire crowded = {PG_WIRE};
const struct conn_wire pg_wire = {PG_WIRE, .crowded = &crowded};
