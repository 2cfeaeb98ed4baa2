/* SPDX-License-Identifier: Apache-2.0 */
/* Query: the statements of one text, one after the other; an error ends them all. */
#include "server/pg/session.h"

static void end(struct pg_session *session)
{
    pg_over(session);
    pg_tx_end(session, true);
    session->simple = false;
    pg_say_ready(session);
}

/* Words about text that no plan is made of. */
bool pg_text_fits(struct pg_session *session, struct pawl_bytes text)
{
    if (text.size > SQL_TEXT_BYTES_MAX) {
        return sql_fail(&session->error, "54000", 0, "a statement has at most %d bytes",
                        SQL_TEXT_BYTES_MAX);
    }
    return pg_is_utf8(session, text);
}

void pg_query(struct pg_session *session, struct pawl_bytes body)
{
    struct pawl_bytes text = {NULL, 0};
    const char *wrong = pawl_pg_read_query(body, &text);

    session->simple = true;
    pg_tx_begin(session);
    if (session->unnamed_statement != NULL) pg_statement_drop(session, session->unnamed_statement);
    if (session->unnamed_portal != NULL) pg_portal_drop(session, session->unnamed_portal);
    if (wrong != NULL) (void)sql_fail(&session->error, "08P01", 0, "%s", wrong);
    session->batch = NULL;
    if (wrong == NULL && pg_text_fits(session, text)) {
        session->batch = sql_cache_get(session->home->plans, text, NULL, 0, &session->error);
    }
    if (session->batch == NULL) {
        pg_failed(session);
        return;
    }
    session->batch_at = 0;
    if (session->batch->count > 0) return;
    pg_say(session, 'I', (struct pawl_bytes){NULL, 0});
    end(session);
}

/* The next statement of the text becomes the one that runs. */
static bool begin(struct pg_session *session)
{
    const struct sql_plan *plan = &session->batch->plans[session->batch_at];

    pg_tx_begin(session);
    session->began_ns = session->conn->desk->now_ns;
    if (!pg_may_run(session, plan)) return false;
    session->running = pg_portal_new(session, NULL, session->batch, plan);
    if (session->running == NULL || !pg_redirect(session, session->running)) return false;
    session->rows_left = UINT64_MAX;
    plan = session->running->plan;
    if (plan->param_count > 0 && session->running->params == NULL) {
        return sql_fail(&session->error, "42P02", 0, "there is no parameter $1");
    }
    if (plan->kind == SQL_PLAN_SHOW && !pg_setting_is(session, plan->of.setting.name)) return false;
    return true;
}

enum conn_resume pg_query_goes_on(struct pg_session *session)
{
    if (session->running == NULL && !begin(session)) {
        pg_failed(session);
        return CONN_GOES_ON;
    }
    switch (pg_run(session, session->running)) {
    case PG_STEP_WAITS:
        return CONN_WAITS;
    case PG_STEP_GOES_ON:
        return CONN_GOES_ON;
    case PG_STEP_YIELDS:
        return CONN_YIELDS;
    case PG_STEP_FAILED:
        pg_failed(session);
        return CONN_GOES_ON;
    case PG_STEP_DONE:
    case PG_STEP_SUSPENDED:
        break;
    }
    pg_say_shape(session, session->running);
    pg_say_complete(session, session->running);
    pg_portal_free(session, session->running);
    session->running = NULL;
    session->batch_at++;
    if (session->batch_at == session->batch->count) end(session);
    return session->conn->steps_left > 0 ? CONN_GOES_ON : CONN_YIELDS;
}
