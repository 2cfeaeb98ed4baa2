/* SPDX-License-Identifier: Apache-2.0 */
/* Statements about the session itself: settings, prepared statements, what DISCARD lets go of. */
#include "server/pg/session.h"

static enum pg_step ended(bool good)
{
    return good ? PG_STEP_DONE : PG_STEP_FAILED;
}

static bool is_all(const struct sql_setting *setting)
{
    return pawl_bytes_equal(setting->name, PAWL_BYTES("all"));
}

/* SHOW. */

static bool say_setting(struct pg_session *session, struct pg_portal *portal, const char *name,
                        const char *description)
{
    const char *value = pg_setting_show(session, pg_text(name));
    const struct sql_value row[] = {
        {.type = SQL_TEXT, .text = pg_text(name)},
        {.type = SQL_TEXT, .text = pg_text(value == NULL ? "" : value)},
        {.type = SQL_TEXT, .text = pg_text(description)},
    };

    PAWL_ASSERT(portal->plan->column_count == PAWL_COUNT(row));
    return pg_say_row(session, portal, row);
}

static bool show_all(struct pg_session *session, struct pg_portal *portal)
{
    for (size_t i = 0; i < pg_known_count(); i++) {
        const struct pg_known *known = pg_known_at(i);

        if (!say_setting(session, portal, known->name, known->description)) return false;
    }
    for (const struct pg_setting *setting = session->settings.first; setting != NULL;
         setting = setting->next) {
        if (setting->known != NULL || pg_setting_show(session, pg_text(setting->name)) == NULL) {
            continue;
        }
        if (!say_setting(session, portal, setting->name, "")) return false;
    }
    return true;
}

bool pg_setting_is(struct pg_session *session, struct pawl_bytes name)
{
    if (pawl_bytes_equal(name, PAWL_BYTES("all")) || pg_setting_show(session, name) != NULL) {
        return true;
    }
    return sql_fail(
        &session->error, "42704", 0, "unrecognized configuration parameter \"%.*s\"",
        (int)(name.size > PG_SETTING_NAME_BYTES_MAX ? PG_SETTING_NAME_BYTES_MAX : name.size),
        name.at);
}

static bool show(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_setting *setting = &portal->plan->of.setting;

    if (is_all(setting)) return show_all(session, portal);
    if (!pg_setting_is(session, setting->name)) return false;
    const char *value = pg_setting_show(session, setting->name);
    const struct sql_value row = {.type = SQL_TEXT, .text = pg_text(value)};
    PAWL_ASSERT(portal->plan->column_count == 1);
    return pg_say_row(session, portal, &row);
}

/* SET and RESET. */

static bool in_block(const struct pg_session *session)
{
    return session->tx.block != PG_BLOCK_NONE ||
           (session->batch != NULL && session->batch->count > 1);
}

static bool set(struct pg_session *session, const struct sql_plan *plan)
{
    const struct sql_setting *setting = &plan->of.setting;
    struct pawl_bytes value = setting->value;

    if (plan->kind == SQL_PLAN_RESET && is_all(setting)) return pg_settings_reset_all(session);
    if (setting->local && !in_block(session)) {
        bool of_tx = setting->name.size > 12 && memcmp(setting->name.at, "transaction_", 12) == 0;

        pg_say_notice(session, "WARNING", "25P01", "%s can only be used in transaction blocks",
                      of_tx ? "SET TRANSACTION" : "SET LOCAL");
    }
    if (plan->kind == SQL_PLAN_RESET || setting->to_default) {
        value = (struct pawl_bytes){NULL, 0};
    } else if (value.at == NULL) {
        value.at = "";
    }
    return pg_setting_set(session, setting->name, value, setting->local);
}

/* DISCARD. */

static bool discard(struct pg_session *session, enum sql_discard what)
{
    if (what == SQL_DISCARD_SEQUENCES) pg_last_forget_all(session);
    if (what != SQL_DISCARD_ALL) return true;
    if (in_block(session)) {
        return sql_fail(&session->error, "25001", 0,
                        "DISCARD ALL cannot run inside a transaction block");
    }
    pg_portals_drop(session);
    if (!pg_settings_reset_all(session)) return false;
    pg_statements_drop(session);
    pg_last_forget_all(session);
    pg_search_forget(session);
    return true;
}

/* Prepared statements. */

static bool prepare(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_prepared *prepared = &portal->plan->of.prepared;
    const struct sql_plan *plan = prepared->statement;

    if (plan->kind == SQL_PLAN_ERROR) {
        session->error = plan->error;
        return false;
    }
    return pg_statement_add(session, prepared->name, portal->batch, plan);
}

static bool deallocate(struct pg_session *session, struct pg_portal *portal)
{
    struct pawl_bytes name = portal->plan->of.prepared.name;

    if (name.size == 0) {
        portal->tag = "DEALLOCATE ALL";
        pg_statements_drop(session);
        return true;
    }
    struct pg_statement *statement = pg_statement_find(session, name);
    if (statement != NULL) pg_statement_drop(session, statement);
    return statement != NULL;
}

static const char *discard_tag(enum sql_discard what)
{
    switch (what) {
    case SQL_DISCARD_ALL:
        return "DISCARD ALL";
    case SQL_DISCARD_PLANS:
        return "DISCARD PLANS";
    case SQL_DISCARD_SEQUENCES:
        return "DISCARD SEQUENCES";
    case SQL_DISCARD_TEMP:
        break;
    }
    return "DISCARD TEMP";
}

enum pg_step pg_run_utility(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_plan *plan = portal->plan;

    switch ((int)plan->kind) {
    case SQL_PLAN_SET:
    case SQL_PLAN_RESET:
        return ended(set(session, plan));
    case SQL_PLAN_SHOW:
        portal->rows = 1;
        return ended(show(session, portal));
    case SQL_PLAN_DISCARD:
        portal->tag = discard_tag(plan->of.discard);
        return ended(discard(session, plan->of.discard));
    case SQL_PLAN_PREPARE:
        return ended(prepare(session, portal));
    case SQL_PLAN_DEALLOCATE:
        return ended(deallocate(session, portal));
    default:
        return PG_STEP_DONE;
    }
}
