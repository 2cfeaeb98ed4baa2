/* SPDX-License-Identifier: Apache-2.0 */
/* Parse, Bind, Describe, Execute, Close, Sync. */
#include <stdlib.h>

#include "server/pg/session.h"

static bool is_good(struct pg_session *session, const char *wrong)
{
    return wrong == NULL || sql_fail(&session->error, "08P01", 0, "%s", wrong);
}

static void done(struct pg_session *session, bool good, char answer)
{
    if (!good) {
        pg_failed(session);
    } else {
        pg_say(session, answer, (struct pawl_bytes){NULL, 0});
    }
}

/* Parse. */

static bool prepare(struct pg_session *session, const struct pawl_pg_parse *parse)
{
    uint32_t types[SQL_PARAMS_MAX];

    if (parse->type_count > SQL_PARAMS_MAX) {
        return sql_fail(&session->error, "54000", 0, "a statement has at most %d parameters",
                        SQL_PARAMS_MAX);
    }
    for (size_t i = 0; i < parse->type_count; i++) {
        types[i] = pawl_pg_u32(parse->types + 4 * i);
    }
    if (!pg_text_fits(session, parse->text)) return false;
    struct sql_batch *batch =
        sql_cache_get(session->home->plans, parse->text, types, parse->type_count, &session->error);
    if (batch == NULL) return false;
    const struct sql_plan *plan = batch->count == 0 ? NULL : batch->plans;
    bool good = true;
    if (batch->count > 1) {
        good = sql_fail(&session->error, "42601", 0,
                        "cannot insert multiple commands into a prepared statement");
    } else if (plan != NULL && plan->kind == SQL_PLAN_ERROR && !plan->utility &&
               plan->refused == NULL) {
        session->error = plan->error;
        good = false;
    } else if (plan != NULL && plan->kind == SQL_PLAN_SHOW) {
        good = pg_may_prepare(session, plan) && pg_setting_is(session, plan->of.setting.name);
    } else if (plan != NULL) {
        good = pg_may_prepare(session, plan);
    }
    good = good && pg_statement_add(session, parse->name, batch, plan);
    sql_batch_release(batch);
    return good;
}

void pg_parse(struct pg_session *session, struct pawl_bytes body)
{
    struct pawl_pg_parse parse = {0};
    bool good = is_good(session, pawl_pg_read_parse(body, &parse));

    pg_tx_begin(session);
    if (good && parse.name.size == 0 && session->unnamed_statement != NULL) {
        pg_statement_drop(session, session->unnamed_statement);
    }
    done(session, good && prepare(session, &parse), '1');
}

/* Bind. */

static bool counts_fit(struct pg_session *session, const struct pawl_pg_bind *bind,
                       const struct pg_statement *statement)
{
    size_t params = statement->plan == NULL ? 0 : statement->plan->param_count;

    if (bind->format_count > 1 && bind->format_count != bind->value_count) {
        return sql_fail(&session->error, "08P01", 0,
                        "bind message has %zu parameter formats but %zu parameters",
                        bind->format_count, bind->value_count);
    }
    if (bind->value_count != params) {
        return sql_fail(&session->error, "08P01", 0,
                        "bind message supplies %zu parameters, but prepared statement \"%.*s\" "
                        "requires %zu",
                        bind->value_count, (int)statement->name_size, statement->name, params);
    }
    return true;
}

static int format_at(const char *formats, size_t count, size_t i)
{
    if (count == 0) return 0;
    return pawl_pg_u16(formats + 2 * (count == 1 ? 0 : i));
}

static bool value_read(struct pg_session *session, uint32_t type, int format,
                       struct pawl_bytes bytes, struct sql_value *value)
{
    if (format != 0 && format != 1) {
        return sql_fail(&session->error, "22023", 0, "unsupported format code: %d", format);
    }
    bool text = type == SQL_TEXT || type == SQL_VARCHAR || type == SQL_NAME || type == SQL_UNKNOWN;
    if ((format == 0 || text) && !pg_is_utf8(session, bytes)) return false;
    return sql_value_read(type, format == 1, bytes, value, &session->error);
}

/* The values with their texts in one block, since the message goes. */
static bool values_keep(struct pg_session *session, struct pg_portal *portal,
                        const struct sql_value *values)
{
    size_t count = portal->plan->param_count;
    size_t size = count * sizeof *values;

    for (size_t i = 0; i < count; i++) {
        size += values[i].text.size;
    }
    if (!pg_portal_keeps(session, portal, size)) return false;
    struct sql_value *kept = malloc(size);
    if (kept == NULL) return sql_fail(&session->error, "53200", 0, "out of memory");
    char *to = (char *)(kept + count);
    for (size_t i = 0; i < count; i++) {
        kept[i] = values[i];
        if (values[i].text.size == 0) continue;
        memcpy(to, values[i].text.at, values[i].text.size);
        kept[i].text.at = to;
        to += values[i].text.size;
    }
    portal->params = kept;
    return true;
}

static bool values_bind(struct pg_session *session, struct pg_portal *portal,
                        const struct pawl_pg_bind *bind)
{
    struct pawl_bytes rest = bind->values;
    size_t count = bind->value_count;
    struct sql_value values[SQL_PARAMS_MAX];

    memset(values, 0, count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        uint32_t type = portal->plan->param_types[i];
        struct pawl_bytes bytes;

        if (!pawl_pg_value_next(&rest, &bytes)) {
            values[i] = (struct sql_value){.type = type, .null = true};
        } else if (!value_read(session, type, format_at(bind->formats, bind->format_count, i),
                               bytes, &values[i])) {
            return false;
        }
    }
    return values_keep(session, portal, values);
}

/* EXECUTE has the columns of what it names, if there is such a statement. */
static const struct sql_plan *plan_of(struct pg_session *session, const struct sql_plan *plan)
{
    if (plan == NULL || plan->kind != SQL_PLAN_EXECUTE) return plan;
    const struct pg_statement *named = pg_statement_find(session, plan->of.prepared.name);

    return named == NULL ? NULL : named->plan;
}

static bool results_bind(struct pg_session *session, struct pg_portal *portal,
                         const struct pawl_pg_bind *bind)
{
    const struct sql_plan *plan = plan_of(session, portal->plan);
    size_t columns = plan == NULL ? 0 : plan->column_count;
    size_t count = bind->result_count;

    if (count > 1 && count != columns) {
        return sql_fail(&session->error, "08P01", 0,
                        "bind message has %zu result formats but query has %zu columns", count,
                        columns);
    }
    if (count == 0 || columns == 0) return true;
    /* One for all is what most clients send. */
    portal->results = count == 1 ? &portal->result : malloc(count * sizeof *portal->results);
    if (portal->results == NULL) return sql_fail(&session->error, "53200", 0, "out of memory");
    portal->result_count = count;
    for (size_t i = 0; i < count; i++) {
        portal->results[i] = (int16_t)format_at(bind->results, count, i);
    }
    return true;
}

static bool bind_all(struct pg_session *session, const struct pawl_pg_bind *bind)
{
    const struct pg_statement *statement = pg_statement_find(session, bind->statement);

    if (statement == NULL || !counts_fit(session, bind, statement) ||
        !pg_may_prepare(session, statement->plan)) {
        return false;
    }
    struct pg_portal *portal =
        pg_portal_new(session, &bind->portal, statement->batch, statement->plan);
    if (portal == NULL) return false;
    if ((bind->value_count == 0 || values_bind(session, portal, bind)) &&
        results_bind(session, portal, bind)) {
        return true;
    }
    pg_portal_drop(session, portal);
    return false;
}

void pg_bind(struct pg_session *session, struct pawl_bytes body)
{
    struct pawl_pg_bind bind = {0};
    bool good = is_good(session, pawl_pg_read_bind(body, &bind));

    pg_tx_begin(session);
    done(session, good && bind_all(session, &bind), '2');
}

/* Describe. */

static void say_types(struct pg_session *session, const struct sql_plan *plan)
{
    size_t count = plan == NULL ? 0 : plan->param_count;
    char *to = conn_room(session->conn, PAWL_PG_HEAD_BYTES + 2 + 4 * count);

    if (to == NULL) return;
    char *at = pawl_pg_put_u16(pawl_pg_put_head(to, 't', 2 + 4 * count), (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        at = pawl_pg_put_u32(at, plan->param_types[i]);
    }
    session->conn->output.size += PAWL_PG_HEAD_BYTES + 2 + 4 * count;
}

static void say_shape(struct pg_session *session, const struct pg_portal *portal,
                      const struct sql_plan *plan)
{
    if (plan == NULL || !pg_has_rows(plan)) {
        pg_say(session, 'n', (struct pawl_bytes){NULL, 0});
    } else {
        pg_say_columns(session, portal, plan);
    }
}

static bool may_describe(struct pg_session *session, const struct sql_plan *plan)
{
    return plan == NULL || !pg_has_rows(plan) || pg_may_prepare(session, plan);
}

static bool describe(struct pg_session *session, const struct pawl_pg_target *target)
{
    if (target->kind == 'S') {
        const struct pg_statement *statement = pg_statement_find(session, target->name);

        if (statement == NULL || !may_describe(session, statement->plan)) return false;
        say_types(session, statement->plan);
        say_shape(session, NULL, plan_of(session, statement->plan));
        return true;
    }
    if (target->kind == 'P') {
        const struct pg_portal *portal = pg_portal_find(session, target->name);

        if (portal == NULL || !may_describe(session, portal->plan)) return false;
        say_shape(session, portal, plan_of(session, portal->plan));
        return true;
    }
    return sql_fail(&session->error, "08P01", 0, "invalid DESCRIBE message subtype %d",
                    (unsigned char)target->kind);
}

void pg_describe(struct pg_session *session, struct pawl_bytes body)
{
    struct pawl_pg_target target = {0};
    bool good = is_good(session, pawl_pg_read_target(body, &target));

    pg_tx_begin(session);
    if (!good || !describe(session, &target)) pg_failed(session);
}

/* Close. */

void pg_close(struct pg_session *session, struct pawl_bytes body)
{
    struct pawl_pg_target target = {0};
    bool good = is_good(session, pawl_pg_read_target(body, &target));

    if (good && target.kind == 'S') {
        struct pg_statement *statement = pg_statement_find(session, target.name);

        if (statement != NULL) pg_statement_drop(session, statement);
    } else if (good && target.kind == 'P') {
        struct pg_portal *portal = pg_portal_find(session, target.name);

        if (portal != NULL) pg_portal_drop(session, portal);
    } else if (good) {
        good = sql_fail(&session->error, "08P01", 0, "invalid CLOSE message subtype %d",
                        (unsigned char)target.kind);
    }
    done(session, good, '3');
}

/* Execute. */

static bool run_again(struct pg_session *session, struct pg_portal *portal)
{
    bool selects = portal->plan->kind == SQL_PLAN_SELECT || portal->plan->kind == SQL_PLAN_QUERY;

    if (portal->failed || !selects) {
        return sql_fail(&session->error, "55000", 0, "portal \"%.*s\" cannot be run",
                        (int)portal->name_size, portal->name);
    }
    portal->rows = 0;
    pg_say_complete(session, portal);
    return true;
}

static bool formats_fit(struct pg_session *session, const struct pg_portal *portal)
{
    for (size_t i = 0; i < portal->result_count; i++) {
        if (portal->results[i] == 0 || portal->results[i] == 1) continue;
        return sql_fail(&session->error, "22023", 0, "unsupported format code: %d",
                        portal->results[i]);
    }
    return true;
}

static bool execute(struct pg_session *session, const struct pawl_pg_execute *execute)
{
    struct pg_portal *portal = pg_portal_find(session, execute->portal);

    if (portal == NULL) return false;
    if (portal->plan == NULL) {
        pg_say(session, 'I', (struct pawl_bytes){NULL, 0});
        return true;
    }
    if (!pg_may_run(session, portal->plan) || !formats_fit(session, portal)) return false;
    if (portal->done) return run_again(session, portal);
    if (!pg_redirect(session, portal)) return false;
    if (portal->result_count > 1 && portal->result_count != portal->plan->column_count) {
        return sql_fail(&session->error, "0A000", 0, "cached plan must not change result type");
    }
    portal->rows = 0;
    session->began_ns = session->conn->desk->now_ns;
    session->rows_left = execute->rows_max == 0 ? UINT64_MAX : execute->rows_max;
    session->running = portal;
    return true;
}

void pg_execute(struct pg_session *session, struct pawl_bytes body)
{
    struct pawl_pg_execute what = {0};
    bool good = is_good(session, pawl_pg_read_execute(body, &what));

    pg_tx_begin(session);
    if (!good || !execute(session, &what)) pg_failed(session);
}

static enum conn_resume rests(const struct pg_session *session)
{
    return session->conn->steps_left > 0 ? CONN_RESTS : CONN_YIELDS;
}

enum conn_resume pg_execute_goes_on(struct pg_session *session)
{
    struct pg_portal *portal = session->running;

    switch (pg_run(session, portal)) {
    case PG_STEP_WAITS:
        return CONN_WAITS;
    case PG_STEP_GOES_ON:
        return CONN_GOES_ON;
    case PG_STEP_YIELDS:
        return CONN_YIELDS;
    case PG_STEP_FAILED:
        pg_failed(session);
        return CONN_GOES_ON;
    case PG_STEP_SUSPENDED:
        pg_say(session, 's', (struct pawl_bytes){NULL, 0});
        session->running = NULL;
        return rests(session);
    case PG_STEP_DONE:
        break;
    }
    pg_say_complete(session, portal);
    pg_over(session);
    return rests(session);
}

void pg_sync(struct pg_session *session)
{
    pg_tx_end(session, true);
    pg_say_ready(session);
}
