/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan's kind is carried out by, and whether it may be. */
#include <stdio.h>
#include <stdlib.h>

#include "server/pg/session.h"

bool pg_may_prepare(struct pg_session *session, const struct sql_plan *plan)
{
    if (session->tx.block != PG_BLOCK_FAILED || (plan != NULL && plan->in_aborted)) return true;
    return sql_fail(&session->error, "25P02", 0,
                    "current transaction is aborted, commands ignored until end of transaction "
                    "block");
}

bool pg_may_write(struct pg_session *session, const char *what)
{
    if (!session->settings.read_only) return true;
    return sql_fail(&session->error, "25006", 0, "cannot execute %s in a read-only transaction",
                    what);
}

bool pg_may_run(struct pg_session *session, const struct sql_plan *plan)
{
    if (!pg_may_prepare(session, plan)) return false;
    if (!plan->changes || plan->kind == SQL_PLAN_SELECT) return true; /* its functions say it */
    return pg_may_write(session, plan->tag);
}

bool pg_has_rows(const struct sql_plan *plan)
{
    return plan->kind == SQL_PLAN_SELECT || plan->kind == SQL_PLAN_QUERY || plan->column_count > 0;
}

/* EXECUTE. */

static bool give_values(struct pg_session *session, struct pg_portal *portal,
                        const struct sql_prepared *execute, const struct sql_plan *plan)
{
    if (execute->value_count != plan->param_count) {
        (void)sql_fail(&session->error, "42601", 0,
                       "wrong number of parameters for prepared statement \"%.*s\"",
                       (int)execute->name.size, execute->name.at);
        (void)snprintf(session->error.detail, sizeof session->error.detail,
                       "Expected %zu parameters but got %zu.", plan->param_count,
                       execute->value_count);
        return false;
    }
    if (plan->param_count == 0) return true;
    struct sql_value *values = malloc(plan->param_count * sizeof *values);
    if (values == NULL) return sql_fail(&session->error, "53200", 0, "out of memory");
    for (size_t i = 0; i < plan->param_count; i++) {
        values[i] = execute->values[i];
        if (!sql_value_cast(&values[i], plan->param_types[i], &session->error)) {
            free(values);
            return false;
        }
    }
    free(portal->params);
    portal->params = values;
    return true;
}

bool pg_redirect(struct pg_session *session, struct pg_portal *portal)
{
    if (portal->plan == NULL || portal->plan->kind != SQL_PLAN_EXECUTE) return true;
    const struct sql_prepared *execute = &portal->plan->of.prepared;
    const struct pg_statement *statement = pg_statement_find(session, execute->name);

    if (statement == NULL || statement->plan == NULL) return statement != NULL;
    if (!give_values(session, portal, execute, statement->plan)) return false;
    portal->source = portal->batch; /* the values point into it */
    portal->batch = sql_batch_hold(statement->batch);
    portal->plan = statement->plan;
    return pg_may_run(session, portal->plan);
}

/* Plans. */

static bool may(void *arg, struct pawl_bytes name, const char *privilege)
{
    return pg_may(arg, name, privilege);
}

static const char *setting(void *arg, struct pawl_bytes name)
{
    return pg_setting_show(arg, name);
}

static bool store_of(void *arg, const struct sql_name *name, uint32_t class,
                     struct pawl_name *store, struct sql_error *error)
{
    return pg_class_store(arg, name, class, store, error);
}

void pg_facts(struct pg_session *session, struct sql_facts *facts)
{
    const struct server_facts *server = session->conn->desk->settings.facts;

    *facts = (struct sql_facts){
        .user = session->user,
        .database = session->database,
        .pid = session->pid,
        .now_us = session->tx.began_us,
        .server_us = server == NULL ? session->tx.began_us : server->started_us,
        .ids_max = session->conn->desk->settings.max_take,
        .setting = setting,
        .spare = &session->home->machine,
        .may = may,
        .store_of = store_of,
        .arg = session,
    };
}

/* What cannot be done to a table is refused with another word if the name is a sequence's. */
static enum pg_step refuse(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_refusal *refused = portal->plan->refused;
    bool is_sequence = false;

    if (refused != NULL && refused->name.relation.size > 0) {
        enum pg_step step = pg_change_look(session, portal, &refused->name);

        if (step == PG_STEP_WAITS) return step;
        is_sequence = step == PG_STEP_DONE;
        session->wait = PG_WAIT_NOTHING;
    }
    session->error = is_sequence ? refused->error : portal->plan->error;
    return PG_STEP_FAILED;
}

enum pg_step pg_run(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_plan *plan = portal->plan;

    if (!portal->begun && plan->notice.message[0] != '\0') {
        pg_say_notice_of(session, &plan->notice);
    }
    portal->begun = true;
    if (plan->kind == SQL_PLAN_SELECT || plan->kind == SQL_PLAN_QUERY) session->tx.queried = true;
    switch (plan->kind) {
    case SQL_PLAN_ERROR:
        return refuse(session, portal);
    case SQL_PLAN_SELECT:
        return pg_run_select(session, portal);
    case SQL_PLAN_QUERY:
        return pg_run_query(session, portal);
    case SQL_PLAN_CREATE:
        return pg_run_create(session, portal);
    case SQL_PLAN_ALTER:
        return pg_run_alter(session, portal);
    case SQL_PLAN_DROP:
        return pg_run_drop(session, portal);
    case SQL_PLAN_RENAME:
        return pg_run_rename(session, portal);
    case SQL_PLAN_BEGIN:
    case SQL_PLAN_START:
    case SQL_PLAN_COMMIT:
    case SQL_PLAN_ROLLBACK:
    case SQL_PLAN_SAVEPOINT:
    case SQL_PLAN_RELEASE:
    case SQL_PLAN_ROLLBACK_TO:
        return pg_run_transaction(session, portal);
    case SQL_PLAN_NOTHING:
    case SQL_PLAN_SET:
    case SQL_PLAN_RESET:
    case SQL_PLAN_SHOW:
    case SQL_PLAN_DISCARD:
    case SQL_PLAN_PREPARE:
    case SQL_PLAN_EXECUTE:
    case SQL_PLAN_DEALLOCATE:
        break;
    }
    return pg_run_utility(session, portal);
}
