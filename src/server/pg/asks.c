/* SPDX-License-Identifier: Apache-2.0 */
/* What a session asks of stock and keeper, one thing at a time, and what their errors are in SQL.
 */
#include <stdio.h>
#include <stdlib.h>

#include "server/login.h"
#include "server/pg/session.h"

static void wait_begins(struct pg_session *session)
{
    session->wait = PG_WAIT_UNDER_WAY;
    pg_time_begin(session);
}

bool pg_ask_id(struct pg_session *session)
{
    wait_begins(session);
    if (!take(session->conn, pawl_name_bytes(&session->search.store), 1, false, &session->ids)) {
        return false;
    }
    pg_time_end(session);
    session->wait = PG_WAIT_CAME;
    return true;
}

void pg_came(struct pg_session *session, pawl_ids ids)
{
    session->ids = ids;
    session->wait = PG_WAIT_CAME;
    pg_time_end(session);
}

static void wait_failed(struct pg_session *session)
{
    session->wait = PG_WAIT_FAILED;
    pg_time_end(session);
}

/*
 * A schema is there if a sequence is in it: PostgreSQL has another error if it is not. That is
 * asked of the store once what was wanted is not there, and remembered for a while. Only a listing
 * that is known to be in order, and comes to an end beyond the schema's names, tells that it is
 * missing. Who keeps asking for what is not there must not keep the store busy: after a few such
 * questions a desk asks once a second, and whoever comes in between hears that the relation is not
 * there.
 */

static bool begins_with(const struct pawl_name *name, const struct pawl_name *prefix)
{
    return pawl_bytes_begin(pawl_name_bytes(name), pawl_name_bytes(prefix));
}

/* On the keeper's thread: the call is the ask's. */
static void schema_each(struct pawl_page *page, const struct pawl_record *record)
{
    struct call *call = PAWL_OWNER(page, struct call, page);

    if (!begins_with(&record->name, &call->to)) return;
    if (call_shows(call, pawl_name_bytes(&record->name))) call->text_count++;
}

/* Nothing of the schema was seen, but tombstones may have filled the page. */
static bool schema_goes_on(const struct call *call)
{
    const struct pawl_page *page = &call->page;

    return call->text_count == 0 && page->in_order && page->more &&
           begins_with(&page->after, &call->to);
}

static void schema_learnt(struct pg_session *session, const struct call *call)
{
    struct pg_schema *schema = &session->home->schema;
    struct pawl_bytes user = call->user == NULL ? PAWL_BYTES("") : user_name(call->user);

    schema->prefix = call->to;
    schema->user_size = (uint8_t)user.size;
    if (user.size > 0) memcpy(schema->user, user.at, user.size);
    schema->missing = call->text_count == 0 && call->page.in_order && !schema_goes_on(call);
    schema->until_ns = session->conn->desk->now_ns + PG_RESOLVED_MS * PAWL_NS_PER_MS;
    session->search.no_schema = schema->missing;
}

static bool schema_answered(struct conn *conn, struct call *call)
{
    struct pg_session *session = pg_session_of(conn);
    const struct desk *desk = conn->desk;

    if (call->sent.ask.error.code == PAWL_OK) {
        session->search.schema_pages++;
        if (schema_goes_on(call) && session->search.schema_pages < PG_SCHEMA_PAGES) {
            call->sent.ask.deadline_ns = desk->now_ns + desk->settings.request_timeout_ns;
            call_submit(call);
            return false;
        }
        schema_learnt(session, call);
    }
    wait_failed(session);
    return true;
}

/* The names in the store of what is in the schema that was named begin with it. false: it is one
 * that is always there, or none was named. */
static bool schema_prefix(const struct pg_session *session, struct pawl_name *prefix)
{
    struct pawl_bytes schema = session->search.name.schema;
    const struct pg_portal *portal = session->running;

    if (portal == NULL || portal->plan->kind == SQL_PLAN_QUERY || schema.size == 0 ||
        schema.size >= PAWL_NAME_BYTES_MAX || pawl_bytes_equal(schema, PAWL_BYTES("public")) ||
        pawl_bytes_equal(schema, PAWL_BYTES("pg_catalog")) ||
        pawl_bytes_equal(schema, PAWL_BYTES("information_schema"))) {
        return false;
    }
    memcpy(prefix->at, schema.at, schema.size);
    prefix->at[schema.size] = '.';
    prefix->size = (uint8_t)(schema.size + 1);
    return true;
}

/* Whether that is the one that was looked for last, with this user's eyes. */
static bool schema_is(struct pg_session *session, const struct pawl_name *prefix)
{
    const struct pg_schema *schema = &session->home->schema;

    return pawl_bytes_equal(pawl_name_bytes(&schema->prefix), pawl_name_bytes(prefix)) &&
           pawl_bytes_equal((struct pawl_bytes){schema->user, schema->user_size},
                            conn_user_name(session->conn));
}

/* false: there is nothing to ask, or not now. */
static bool ask_schema(struct pg_session *session)
{
    struct pg_schema *schema = &session->home->schema;
    const uint64_t every_ns = PG_SCHEMA_EVERY_MS * PAWL_NS_PER_MS;
    uint64_t now_ns = session->conn->desk->now_ns;
    struct pawl_name prefix;

    if (!schema_prefix(session, &prefix)) return false;
    if (schema->until_ns > now_ns && schema_is(session, &prefix)) {
        session->search.no_schema = schema->missing;
        return false;
    }
    if (schema->paid_ns > now_ns + (PG_SCHEMA_BURST - 1) * every_ns) return false;
    schema->paid_ns = (schema->paid_ns > now_ns ? schema->paid_ns : now_ns) + every_ns;
    session->search.schema_pages = 0;
    wait_begins(session);
    struct call *call =
        conn_call(session->conn, PAWL_ASK_LIST, (struct pawl_bytes){NULL, 0}, schema_answered);
    if (call == NULL) return true;
    call->to = prefix;
    call->page =
        (struct pawl_page){.after = prefix, .count_max = PG_SCHEMA_PAGE, .each = schema_each};
    call_is_for(call, session->conn);
    call->sent.ask.page = &call->page;
    call->sent.ask.used = true;
    call_submit(call);
    return true;
}

void pg_in_vain(struct pg_session *session, struct pawl_bytes name, const pawl_error *error)
{
    (void)name;
    session->failure = *error;
    if (error->code == PAWL_NO_SEQUENCE && ask_schema(session)) return;
    wait_failed(session);
}

/* The record comes with some errors too. */
static bool answered(struct conn *conn, struct call *call)
{
    struct pg_session *session = pg_session_of(conn);

    if (call->record != NULL) session->record = *call->record;
    if (call->sent.ask.error.code == PAWL_OK) {
        pg_came(session, (pawl_ids){0, 0, 0});
    } else {
        pg_in_vain(session, call->sent.ask.name, &call->sent.ask.error);
    }
    return true;
}

struct call *pg_ask(struct pg_session *session, enum pawl_ask_kind kind, struct pawl_bytes name)
{
    struct pawl_record *record = calloc(1, sizeof *record);

    wait_begins(session);
    if (record == NULL) {
        conn_no_memory(session->conn);
        return NULL;
    }
    struct call *call = conn_call(session->conn, kind, name, answered);
    if (call == NULL) {
        free(record);
        return NULL;
    }
    call->record = record;
    call->sent.ask.record = record;
    call->sent.ask.used = kind == PAWL_ASK_READ;
    return call;
}

/* On the keeper's thread: the call is the ask's. */
static void page_each(struct pawl_page *page, const struct pawl_record *record)
{
    struct call *call = PAWL_OWNER(page, struct call, page);

    if (!call_shows(call, pawl_name_bytes(&record->name))) return;
    text_add(&call->text, (const char *)record, sizeof *record);
    call->text_count++;
}

static bool page_answered(struct conn *conn, struct call *call)
{
    struct pg_session *session = pg_session_of(conn);

    if (call->sent.ask.error.code != PAWL_OK) {
        pg_in_vain(session, call->sent.ask.name, &call->sent.ask.error);
        return true;
    }
    text_add(&session->records, call->text.at, call->text.size);
    session->record_count += call->text_count;
    if (call->text.failed || session->records.failed) {
        conn_no_memory(conn);
        return true;
    }
    session->page_after = call->page.after;
    session->page_more = call->page.more;
    pg_came(session, (pawl_ids){0, 0, 0});
    return true;
}

void pg_ask_page(struct pg_session *session)
{
    wait_begins(session);
    struct call *call =
        conn_call(session->conn, PAWL_ASK_LIST, (struct pawl_bytes){NULL, 0}, page_answered);
    if (call == NULL) return;
    call->page = (struct pawl_page){
        .after = session->page_after, .count_max = PG_LIST_PAGE, .each = page_each};
    call_is_for(call, session->conn);
    call->sent.ask.page = &call->page;
    call->sent.ask.used = true;
    call_submit(call);
}

/* Errors. */

static const char *state_of(pawl_err code)
{
    switch (code) {
    case PAWL_END:
        return "2200H";
    case PAWL_RANGE:
        return "22003";
    case PAWL_NO_SEQUENCE:
        return "42P01";
    case PAWL_EXISTS:
        return "42P07";
    case PAWL_BAD_REQUEST:
        return "22023";
    case PAWL_DENIED:
        return "42501";
    case PAWL_TIMEOUT:
        return "57014";
    case PAWL_NO_MEMORY:
        return "53200";
    case PAWL_LIMIT:
        return "54000";
    case PAWL_CHANGED:
        return "40001";
    case PAWL_UNKNOWN:
        return "08007";
    case PAWL_GLOBAL:
    case PAWL_FLOOR:
    case PAWL_BEHIND:
    case PAWL_NOT_KEPT:
    case PAWL_ROLLBACK:
        return "55000";
    case PAWL_OK:
    case PAWL_EMPTY:
    case PAWL_BUSY:
    case PAWL_LOST:
    case PAWL_STORE:
    case PAWL_MISSING:
    case PAWL_CLOSED:
    case PAWL_FORKED:
        break;
    }
    return "58000";
}

static const char *hint_of(pawl_err code)
{
    switch (pawl_err_advice(code)) {
    case PAWL_ADVICE_AGAIN:
        return code == PAWL_UNKNOWN ? "Look at the sequence before you do it again."
                                    : "Nothing that was handed out is lost: do it again.";
    case PAWL_ADVICE_WAIT:
        return "pawld's store cannot be used now: see pawld's log, and try again later.";
    case PAWL_ADVICE_NONE:
    case PAWL_ADVICE_FIX:
    case PAWL_ADVICE_STOP:
        break;
    }
    return "";
}

/* Above all for who is on the wrong server. */
#define NO_SEQUENCE_HINT \
    "This server, pawl, has no such sequence: CREATE SEQUENCE makes it, pg_sequences lists them."

/* The core speaks of names in the store; PostgreSQL's messages name the relation alone. */
static void without_schema(struct pg_session *session, const char *text)
{
    struct pawl_bytes store = pawl_name_bytes(&session->search.store);
    struct pawl_bytes shown = pg_shown(store);
    char quoted[PAWL_NAME_BYTES_MAX + 3];
    int size = snprintf(quoted, sizeof quoted, "\"%.*s\"", (int)store.size, store.at);
    const char *found = strstr(text, quoted);

    if (found == NULL || shown.size == store.size) {
        (void)snprintf(session->error.message, sizeof session->error.message, "%s", text);
        return;
    }
    (void)snprintf(session->error.message, sizeof session->error.message, "%.*s\"%.*s\"%s",
                   (int)(found - text), text, (int)shown.size, shown.at, found + size);
}

void pg_explain(struct pg_session *session)
{
    const pawl_error *failure = &session->failure;
    const char *text = failure->text[0] == '\0' ? pawl_err_text(failure->code) : failure->text;
    struct pawl_bytes shown = pg_shown(pawl_name_bytes(&session->search.store));

    if (failure->code == PAWL_NO_SEQUENCE && strstr(text, PAWL_LEFT_WORDS) == NULL) {
        (void)pg_no_relation(session, &session->search.name, "relation");
        (void)snprintf(session->error.hint, sizeof session->error.hint, "%s", NO_SEQUENCE_HINT);
        const char *renamed = strstr(text, PAWL_RENAMED_WORDS);
        if (renamed != NULL) {
            (void)snprintf(session->error.hint, sizeof session->error.hint,
                           "This server, pawl, has it under another name: it %s.", renamed);
        }
        const char *lost = strstr(text, PAWL_LOST_WORDS);
        if (lost != NULL) {
            (void)snprintf(session->error.hint, sizeof session->error.hint,
                           "This server, pawl, knows it, but %s.", lost);
        }
        return;
    }
    (void)sql_fail(&session->error, state_of(failure->code), 0, "%s", "");
    if (failure->code == PAWL_NO_SEQUENCE) memcpy(session->error.sqlstate, "55000", 5);
    if (failure->code == PAWL_EXISTS) {
        (void)snprintf(session->error.message, sizeof session->error.message,
                       "relation \"%.*s\" already exists", (int)shown.size, shown.at);
        return;
    }
    without_schema(session, text);
    const char *hint = hint_of(failure->code);
    if (failure->code == PAWL_BEHIND) hint = "To go back all the same: ALTER SEQUENCE … RESTART.";
    (void)snprintf(session->error.hint, sizeof session->error.hint, "%s", hint);
}
