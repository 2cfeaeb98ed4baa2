/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE, ALTER, DROP and renaming of sequences. They are carried out at once, and stay. */
#include <stdio.h>
#include <string.h>

#include "server/pg/session.h"

enum pg_step pg_change_explained(struct pg_session *session)
{
    session->wait = PG_WAIT_NOTHING;
    pg_explain(session);
    return PG_STEP_FAILED;
}

bool pg_change_missing(const struct pg_session *session)
{
    return session->wait == PG_WAIT_FAILED && session->failure.code == PAWL_NO_SEQUENCE;
}

/* Roles are pawld's, not PostgreSQL's. */
static bool explain_roles(struct pg_session *session, enum user_role role)
{
    (void)snprintf(session->error.hint, sizeof session->error.hint,
                   "That needs role %s or above for this name: see user \"%s\" in pawld's users "
                   "file (--users).",
                   role == USER_ADMIN ? "admin" : "define", session->user);
    return false;
}

bool pg_change_may(struct pg_session *session, enum user_role role)
{
    struct pawl_bytes store = pawl_name_bytes(&session->search.store);
    struct pawl_bytes shown = pg_shown(store);

    if (conn_may(session->conn, role, store)) return true;
    (void)sql_fail(&session->error, "42501", 0, "must be owner of sequence %.*s", (int)shown.size,
                   shown.at);
    return explain_roles(session, role);
}

/* CREATE: nobody owns it yet. */
static bool may_create(struct pg_session *session)
{
    struct pawl_bytes store = pawl_name_bytes(&session->search.store);
    struct pawl_bytes shown = pg_shown(store);

    if (conn_may(session->conn, USER_DEFINE, store)) return true;
    (void)sql_fail(&session->error, "42501", 0, "permission denied to create sequence %.*s",
                   (int)shown.size, shown.at);
    return explain_roles(session, USER_DEFINE);
}

void pg_changed(struct pg_session *session)
{
    session->wait = PG_WAIT_NOTHING;
    pg_search_forget(session);
    pg_tx_changed(session, pg_shown(pawl_name_bytes(&session->search.store)));
}

bool pg_change_under_way(const struct pg_session *session)
{
    const struct pg_portal *portal = session->running;

    if (portal == NULL || session->wait != PG_WAIT_UNDER_WAY) return false;
    if (portal->step != CHANGE_WAITS) return false;
    return portal->plan->kind == SQL_PLAN_CREATE || portal->plan->kind == SQL_PLAN_ALTER ||
           portal->plan->kind == SQL_PLAN_DROP || portal->plan->kind == SQL_PLAN_RENAME;
}

/* Not here any more, but its ids go on: whoever drops it is to know. */
static bool has_left(const struct pg_session *session)
{
    return strstr(session->failure.text, PAWL_LEFT_WORDS) != NULL;
}

void pg_change_skipped(struct pg_session *session, const struct sql_name *name, const char *what)
{
    bool schema = session->search.no_schema && strcmp(what, "sequence") == 0;
    struct pawl_bytes missing = schema ? name->schema : name->relation;

    session->wait = PG_WAIT_NOTHING;
    if (has_left(session)) {
        pg_explain(session);
        pg_say_notice(session, "NOTICE", "00000", "%s, skipping", session->error.message);
        return;
    }
    pg_say_notice(session, "NOTICE", "00000", "%s \"%.*s\" does not exist, skipping",
                  schema ? "schema" : what, (int)missing.size, missing.at);
}

/* CREATE. */

static bool create_begins(struct pg_session *session, const struct sql_change *change)
{
    session->search.name = change->names[0];
    if (!pg_search_target(session, &change->names[0], &session->search.store) ||
        !may_create(session)) {
        return false;
    }
    struct call *call = pg_ask(session, PAWL_ASK_CREATE, pawl_name_bytes(&session->search.store));
    if (call == NULL) return true; /* the wait has ended already */
    call->definition = change->definition;
    call->definition.given &= ~(uint32_t)PAWL_GIVEN_IF_NOT_EXISTS; /* said by a notice */
    call->sent.ask.definition = &call->definition;
    call_submit(call);
    return true;
}

enum pg_step pg_run_create(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_change *change = &portal->plan->of.change;

    if (portal->step == CHANGE_BEGINS) {
        if (!create_begins(session, change)) return PG_STEP_FAILED;
        portal->step = CHANGE_WAITS;
    }
    if (session->wait == PG_WAIT_UNDER_WAY) return PG_STEP_WAITS;
    if (session->wait == PG_WAIT_FAILED) {
        bool exists = session->failure.code == PAWL_EXISTS;

        if (!exists || !change->if_exists) return pg_change_explained(session);
        session->wait = PG_WAIT_NOTHING;
        pg_say_notice(session, "NOTICE", "42P07", "relation \"%.*s\" already exists, skipping",
                      (int)change->names[0].relation.size, change->names[0].relation.at);
        return PG_STEP_DONE;
    }
    pg_changed(session);
    return PG_STEP_DONE;
}

/* ALTER. */

static enum user_role alter_role(const pawl_definition *definition)
{
    const uint32_t restarts = PAWL_GIVEN_RESTART | PAWL_GIVEN_RESTART_AT_START;

    return (definition->given & restarts) != 0 ? USER_ADMIN : USER_DEFINE;
}

static bool ask_alter(struct pg_session *session, const struct sql_change *change)
{
    if (!pg_change_may(session, alter_role(&change->definition))) return false;
    /* OWNED BY NONE and the like change nothing, but want the sequence to be there. */
    bool reads = change->definition.given == 0;
    struct call *call = pg_ask(session, reads ? PAWL_ASK_READ : PAWL_ASK_ALTER,
                               pawl_name_bytes(&session->search.store));

    if (call == NULL) return true;
    call->definition = change->definition;
    if (!reads) call->sent.ask.definition = &call->definition;
    call_submit(call);
    return true;
}

enum pg_step pg_run_alter(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_change *change = &portal->plan->of.change;

    if (portal->step == CHANGE_BEGINS) {
        if (!pg_search_begin(session, &change->names[0]) || !ask_alter(session, change)) {
            return PG_STEP_FAILED;
        }
        portal->step = CHANGE_WAITS;
    }
    while (pg_change_missing(session) && session->search.at < session->search.count) {
        if (!pg_search_next(session)) break;
        if (!ask_alter(session, change)) return PG_STEP_FAILED;
    }
    if (session->wait == PG_WAIT_UNDER_WAY) return PG_STEP_WAITS;
    if (pg_change_missing(session) && change->if_exists) {
        pg_change_skipped(session, &change->names[0], "relation");
        return PG_STEP_DONE;
    }
    if (session->wait == PG_WAIT_FAILED) return pg_change_explained(session);
    pg_changed(session);
    return PG_STEP_DONE;
}

/* What is to be dropped or renamed is looked for first, in every schema of search_path. */

static void look(struct pg_session *session)
{
    struct call *call = pg_ask(session, PAWL_ASK_READ, pawl_name_bytes(&session->search.store));

    if (call != NULL) call_submit(call);
}

enum pg_step pg_change_look(struct pg_session *session, struct pg_portal *portal,
                            const struct sql_name *name)
{
    if (portal->step == CHANGE_BEGINS) {
        if (!pg_search_begin(session, name)) return PG_STEP_FAILED;
        portal->step = CHANGE_LOOKS;
        look(session);
    }
    while (pg_change_missing(session) && session->search.at < session->search.count) {
        if (!pg_search_next(session)) break;
        look(session);
    }
    if (session->wait == PG_WAIT_UNDER_WAY) return PG_STEP_WAITS;
    return session->wait == PG_WAIT_FAILED ? PG_STEP_FAILED : PG_STEP_DONE;
}

/* DROP: all names are looked for before the first goes. portal->item counts both rounds. */

static enum pg_step drop_missing(struct pg_session *session, const struct sql_change *change,
                                 const struct sql_name *name, bool first_round)
{
    if (!pg_change_missing(session)) {
        return session->wait == PG_WAIT_FAILED ? pg_change_explained(session) : PG_STEP_FAILED;
    }
    /* A name that stands there twice is gone the second time. */
    if (change->if_exists || !first_round) {
        if (first_round) pg_change_skipped(session, name, "sequence");
        session->wait = PG_WAIT_NOTHING;
        return PG_STEP_DONE;
    }
    if (has_left(session)) return pg_change_explained(session);
    session->wait = PG_WAIT_NOTHING;
    (void)pg_no_relation(session, name, "sequence");
    session->error.position = 0;
    return PG_STEP_FAILED;
}

static enum pg_step drop_one(struct pg_session *session, struct pg_portal *portal)
{
    struct pawl_bytes store = pawl_name_bytes(&session->search.store);

    if (portal->step == CHANGE_LOOKS) {
        struct call *call = pg_ask(session, PAWL_ASK_DROP, store);

        portal->step = CHANGE_WAITS;
        if (call != NULL) call_submit(call);
    }
    if (session->wait == PG_WAIT_UNDER_WAY) return PG_STEP_WAITS;
    if (session->wait == PG_WAIT_FAILED && !pg_change_missing(session)) {
        return pg_change_explained(session);
    }
    pg_changed(session);
    return PG_STEP_DONE;
}

enum pg_step pg_run_drop(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_change *change = &portal->plan->of.change;

    for (; portal->item < 2 * change->name_count; portal->item++) {
        bool first_round = portal->item < change->name_count;
        const struct sql_name *name = &change->names[portal->item % change->name_count];
        enum pg_step step = PG_STEP_DONE;

        if (portal->step != CHANGE_WAITS) step = pg_change_look(session, portal, name);
        if (step == PG_STEP_WAITS) return step;
        if (step == PG_STEP_FAILED) {
            step = drop_missing(session, change, name, first_round);
        } else if (!pg_change_may(session, USER_ADMIN)) {
            return PG_STEP_FAILED;
        } else if (!first_round) {
            step = drop_one(session, portal);
        }
        if (step != PG_STEP_DONE) return step;
        session->wait = PG_WAIT_NOTHING;
        portal->step = CHANGE_BEGINS;
    }
    return PG_STEP_DONE;
}
