/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, prepared statements, and what a pool's reset query says. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/sql/builder.h"
#include "server/sql/cast.h"
#include "server/sql/planner.h"
#include "server/sql/tree.h"

static bool read_modes(struct sql_planner *planner, const json_t *fields,
                       struct sql_transaction *transaction)
{
    const json_t *modes = sql_tree_get(fields, "options");

    for (size_t i = 0; i < sql_tree_count(modes); i++) {
        const json_t *mode = sql_tree_of(sql_tree_item(modes, i), "DefElem");
        const json_t *constant = sql_tree_of(sql_tree_get(mode, "arg"), "A_Const");
        const char *name = sql_tree_text(mode, "defname");

        if (strcmp(name, "transaction_isolation") == 0) {
            struct pawl_bytes text = sql_tree_bytes(sql_tree_get(constant, "sval"), "sval");

            if (!sql_plan_copy(planner, text, &transaction->isolation)) return false;
        } else if (strcmp(name, "transaction_read_only") == 0) {
            transaction->read_only_given = true;
            transaction->read_only = sql_tree_int(sql_tree_get(constant, "ival"), "ival", 0) != 0;
        }
    }
    return true;
}

bool sql_plan_transaction(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    static const struct {
        const char *name;
        enum sql_kind kind;
        const char *tag;
        bool in_aborted;
    } kinds[] = {
        {"TRANS_STMT_BEGIN", SQL_PLAN_BEGIN, "BEGIN", false},
        {"TRANS_STMT_START", SQL_PLAN_START, "START TRANSACTION", false},
        {"TRANS_STMT_COMMIT", SQL_PLAN_COMMIT, "COMMIT", true},
        {"TRANS_STMT_ROLLBACK", SQL_PLAN_ROLLBACK, "ROLLBACK", true},
        {"TRANS_STMT_SAVEPOINT", SQL_PLAN_SAVEPOINT, "SAVEPOINT", false},
        {"TRANS_STMT_RELEASE", SQL_PLAN_RELEASE, "RELEASE", false},
        {"TRANS_STMT_ROLLBACK_TO", SQL_PLAN_ROLLBACK_TO, "ROLLBACK", true},
    };
    const char *kind = sql_tree_text(fields, "kind");
    struct sql_transaction *transaction = &plan->of.transaction;

    for (size_t i = 0; i < PAWL_COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, kind) != 0) continue;
        plan->kind = kinds[i].kind;
        plan->tag = kinds[i].tag;
        plan->in_aborted = kinds[i].in_aborted;
        *transaction =
            (struct sql_transaction){.isolation = {"", 0}, .chain = sql_tree_true(fields, "chain")};
        return sql_plan_copy(planner, sql_tree_bytes(fields, "savepoint_name"),
                             &transaction->savepoint) &&
               read_modes(planner, fields, transaction);
    }
    return sql_plan_refuse(planner, "two-phase commit");
}

bool sql_plan_discard(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    static const struct {
        const char *name, *tag;
        enum sql_discard what;
    } targets[] = {
        {"DISCARD_ALL", "DISCARD ALL", SQL_DISCARD_ALL},
        {"DISCARD_PLANS", "DISCARD PLANS", SQL_DISCARD_PLANS},
        {"DISCARD_SEQUENCES", "DISCARD SEQUENCES", SQL_DISCARD_SEQUENCES},
        {"DISCARD_TEMP", "DISCARD TEMP", SQL_DISCARD_TEMP},
    };
    const char *target = sql_tree_text(fields, "target");

    plan->kind = SQL_PLAN_DISCARD;
    for (size_t i = 0; i < PAWL_COUNT(targets); i++) {
        if (strcmp(targets[i].name, target) != 0) continue;
        plan->tag = targets[i].tag;
        plan->of.discard = targets[i].what;
        return true;
    }
    return sql_plan_refuse(planner, "this DISCARD");
}

bool sql_plan_prepare(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    const json_t *types = sql_tree_get(fields, "argtypes");
    struct sql_planner inner = *planner;
    struct sql_prepared *prepared = &plan->of.prepared;
    size_t count = sql_tree_count(types);
    uint32_t *given = sql_pool_array(planner->pool, count, sizeof *given);
    struct sql_plan *statement = sql_pool_take(planner->pool, sizeof *statement);

    if (given == NULL || statement == NULL) return sql_plan_no_memory(planner);
    if (count > SQL_PARAMS_MAX) {
        return sql_fail(planner->error, "54000", 0, "a statement can have at most %d parameters",
                        SQL_PARAMS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *type = sql_tree_of(sql_tree_item(types, i), "TypeName");
        int32_t modifier = -1;

        if (!sql_type_read(type, &given[i], &modifier, planner->error)) return false;
    }
    inner.types = given;
    inner.type_count = count;
    *prepared = (struct sql_prepared){.statement = statement};
    if (!sql_plan_copy(planner, sql_tree_bytes(fields, "name"), &prepared->name)) return false;
    if (!sql_plan_make(&inner, sql_tree_get(fields, "query"), statement)) {
        return sql_plan_no_memory(planner);
    }
    plan->kind = SQL_PLAN_PREPARE;
    plan->tag = "PREPARE";
    return true;
}

/* A constant, with the text of a number beside it: it may become a text. */
static bool take_constant(struct sql_planner *planner, struct sql_builder *builder, json_t *node,
                          struct sql_value *value)
{
    struct sql_expr *expr = sql_build_expr(builder, node);

    if (expr == NULL) return false;
    if (expr->kind == SQL_EXPR_CAST && expr->args[0]->kind == SQL_EXPR_VALUE) {
        *value = expr->args[0]->value;
        if (!sql_cast_value(planner->pool, value, expr->type, expr->modifier, planner->error)) {
            return false;
        }
    } else if (expr->kind == SQL_EXPR_VALUE) {
        *value = expr->value;
    } else {
        return sql_fail(planner->error, "0A000", expr->position,
                        "EXECUTE takes constants only on this server");
    }
    if (value->null || !sql_type_is_number(value->type)) return true;
    value->text = sql_output(planner->pool, value);
    return value->text.at != NULL ? true : sql_plan_no_memory(planner);
}

bool sql_plan_execute(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    const json_t *list = sql_tree_get(fields, "params");
    struct sql_prepared *prepared = &plan->of.prepared;
    struct sql_builder builder = {
        .pool = planner->pool, .error = planner->error, .no_params = true};
    size_t count = sql_tree_count(list);

    *prepared = (struct sql_prepared){.value_count = count};
    if (!sql_plan_copy(planner, sql_tree_bytes(fields, "name"), &prepared->name)) return false;
    prepared->values = sql_pool_array(planner->pool, count, sizeof *prepared->values);
    if (prepared->values == NULL) return sql_plan_no_memory(planner);
    for (size_t i = 0; i < count; i++) {
        if (!take_constant(planner, &builder, sql_tree_item(list, i), &prepared->values[i])) {
            return false;
        }
    }
    plan->kind = SQL_PLAN_EXECUTE;
    plan->tag = "EXECUTE";
    return true;
}

bool sql_plan_deallocate(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    bool all = !sql_tree_has(fields, "name");

    plan->kind = SQL_PLAN_DEALLOCATE;
    plan->tag = all ? "DEALLOCATE ALL" : "DEALLOCATE";
    plan->of.prepared = (struct sql_prepared){.name = {"", 0}};
    return all || sql_plan_copy(planner, sql_tree_bytes(fields, "name"), &plan->of.prepared.name);
}

/* Nothing is ever notified, so listening would be in vain; not to listen is easy. */
bool sql_plan_listen(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    (void)fields;
    (void)plan;
    return sql_plan_refuse(planner, "LISTEN");
}

bool sql_plan_unlisten(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    (void)planner;
    (void)fields;
    return sql_plan_nothing(plan, "UNLISTEN");
}

bool sql_plan_close(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    struct pawl_bytes name = sql_tree_bytes(fields, "portalname");

    if (name.size == 0) return sql_plan_nothing(plan, "CLOSE CURSOR ALL");
    return sql_fail(planner->error, "34000", 0, "cursor \"%.*s\" does not exist", (int)name.size,
                    name.at);
}

bool sql_plan_constraints(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    (void)planner;
    (void)fields;
    return sql_plan_nothing(plan, "SET CONSTRAINTS");
}
