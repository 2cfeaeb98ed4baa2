/* SPDX-License-Identifier: Apache-2.0 */
/* ALTER SEQUENCE … RENAME TO and SET SCHEMA: to the store both are another name. */
#include "server/pg/session.h"

static bool ask_rename(struct pg_session *session, const struct sql_change *change)
{
    struct pawl_bytes store = pawl_name_bytes(&session->search.store);
    struct sql_name to = sql_name_of_store(store);
    struct pawl_name target;

    if (change->to.relation.size > 0) to.relation = change->to.relation;
    if (change->to.schema.size > 0) to.schema = change->to.schema;
    if (!sql_name_to_store(&to, &target, &session->error) || !pg_change_may(session, USER_ADMIN)) {
        return false;
    }
    if (!conn_may(session->conn, USER_ADMIN, pawl_name_bytes(&target))) {
        return sql_fail(&session->error, "42501", 0, "permission denied for sequence %.*s",
                        (int)to.relation.size, to.relation.at);
    }
    session->target = target;
    if (pawl_bytes_equal(pawl_name_bytes(&target), store)) {
        if (change->to.relation.size == 0) return true; /* SET SCHEMA to where it is */
        return sql_fail(&session->error, "42P07", 0, "relation \"%.*s\" already exists",
                        (int)to.relation.size, to.relation.at);
    }
    struct call *call = pg_ask(session, PAWL_ASK_RENAME, store);
    if (call == NULL) return true;
    call->to = target;
    call->sent.ask.to = pawl_name_bytes(&call->to);
    call_submit(call);
    return true;
}

/* Another sequence has the wished name. */
static enum pg_step taken(struct pg_session *session, const struct sql_change *change)
{
    struct sql_name name = sql_name_of_store(pawl_name_bytes(&session->target));
    bool to_schema = change->to.schema.size > 0;

    (void)sql_fail(&session->error, "42P07", 0, "relation \"%.*s\" already exists%s%.*s%s",
                   (int)name.relation.size, name.relation.at, to_schema ? " in schema \"" : "",
                   to_schema ? (int)name.schema.size : 0, name.schema.at, to_schema ? "\"" : "");
    return PG_STEP_FAILED;
}

enum pg_step pg_run_rename(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_change *change = &portal->plan->of.change;

    if (portal->step != CHANGE_WAITS) {
        enum pg_step step = pg_change_look(session, portal, &change->names[0]);

        if (step == PG_STEP_WAITS) return step;
        if (pg_change_missing(session) && change->if_exists) {
            pg_change_skipped(session, &change->names[0], "relation");
            return PG_STEP_DONE;
        }
        if (session->wait == PG_WAIT_FAILED) return pg_change_explained(session);
        session->wait = PG_WAIT_NOTHING;
        if (step == PG_STEP_FAILED || !ask_rename(session, change)) return PG_STEP_FAILED;
        portal->step = CHANGE_WAITS;
    }
    if (session->wait == PG_WAIT_UNDER_WAY) return PG_STEP_WAITS;
    if (session->wait == PG_WAIT_FAILED) {
        if (session->failure.code != PAWL_EXISTS) return pg_change_explained(session);
        session->wait = PG_WAIT_NOTHING;
        return taken(session, change);
    }
    pg_changed(session);
    return PG_STEP_DONE;
}
