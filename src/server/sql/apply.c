/* SPDX-License-Identifier: Apache-2.0 */
/* Operators and calls in the tree. */
#include <stdio.h>
#include <string.h>

#include "server/sql/expr.h"
#include "server/sql/tree.h"

static bool not_supported(struct sql_builder *builder, uint32_t position, const char *what)
{
    return sql_fail(builder->error, "0A000", position, "%s is not supported by this server", what);
}

static bool both_sides(struct sql_builder *builder, const json_t *fields, struct sql_expr **sides)
{
    sides[0] = sql_build_expr(builder, sql_tree_get(fields, "lexpr"));
    if (sides[0] == NULL) return false;
    sides[1] = sql_build_expr(builder, sql_tree_get(fields, "rexpr"));
    return sides[1] != NULL;
}

static struct sql_expr *negated(struct sql_builder *builder, struct sql_expr *inside)
{
    struct sql_expr model = {.kind = SQL_EXPR_NOT, .type = SQL_BOOL, .modifier = -1};
    struct sql_expr *expr = inside == NULL ? NULL : sql_expr_of(builder, model, 1);

    if (expr != NULL) expr->args[0] = inside;
    return expr;
}

static struct sql_expr *build_operator(struct sql_builder *builder, const json_t *fields)
{
    const json_t *names = sql_tree_get(fields, "name");
    struct pawl_bytes name = sql_tree_word(names, sql_tree_count(names) - 1);
    uint32_t position = sql_tree_position(fields);
    struct sql_expr *sides[2];

    if (sql_tree_has(fields, "lexpr")) {
        if (!both_sides(builder, fields, sides)) return NULL;
        return sql_resolve_operator(builder, name, sides, 2, position);
    }
    sides[0] = sql_build_expr(builder, sql_tree_get(fields, "rexpr"));
    if (sides[0] == NULL) return NULL;
    return sql_resolve_operator(builder, name, sides, 1, position);
}

/* What compares as = does, but is another function of the same two: NULLIF, IS DISTINCT FROM. */
static struct sql_expr *build_like_equal(struct sql_builder *builder, const json_t *fields,
                                         const struct sql_function *function)
{
    struct sql_expr *sides[2];

    if (!both_sides(builder, fields, sides)) return NULL;
    struct sql_expr *expr =
        sql_resolve_operator(builder, PAWL_BYTES("="), sides, 2, sql_tree_position(fields));
    if (expr == NULL) return NULL;
    expr->function = function;
    expr->type = function->result == 0 ? expr->args[0]->type : function->result;
    return expr;
}

/* BETWEEN names its first operand twice, as PostgreSQL does. */
static struct sql_expr *build_between(struct sql_builder *builder, const json_t *fields)
{
    static const char *const operators[] = {">=", "<="};
    const json_t *bounds = sql_tree_get(fields, "rexpr");
    uint32_t position = sql_tree_position(fields);
    struct sql_expr model = {
        .kind = SQL_EXPR_AND, .type = SQL_BOOL, .modifier = -1, .position = position};
    struct sql_expr *expr = sql_expr_of(builder, model, 2);

    for (size_t i = 0; expr != NULL && i < 2; i++) {
        struct pawl_bytes name = {operators[i], 2};
        struct sql_expr *sides[2] = {sql_build_expr(builder, sql_tree_get(fields, "lexpr")), NULL};

        if (sides[0] == NULL) return NULL;
        sides[1] = sql_build_expr(builder, sql_tree_item(bounds, i));
        if (sides[1] == NULL) return NULL;
        expr->args[i] = sql_resolve_operator(builder, name, sides, 2, position);
        if (expr->args[i] == NULL) return NULL;
    }
    return expr;
}

/* What has no common type is compared one by one, and so is not. */
static bool check_comparable(struct sql_builder *builder, const struct sql_expr *in)
{
    char category = sql_type_category(in->args[0]->type);

    for (size_t i = 1; i < in->count; i++) {
        struct sql_expr *sides[2] = {in->args[0], in->args[i]};
        char other = sql_type_category(in->args[i]->type);

        if (category == 'X' || other == 'X' || category == other) continue;
        return sql_resolve_operator(builder, PAWL_BYTES("="), sides, 2, in->position) != NULL;
    }
    return true;
}

static struct sql_expr *build_in(struct sql_builder *builder, const json_t *fields)
{
    const json_t *list = sql_tree_get(fields, "rexpr");
    size_t count = sql_tree_count(list);
    struct sql_expr model = {.kind = SQL_EXPR_CALL,
                             .type = SQL_BOOL,
                             .modifier = -1,
                             .function = &sql_in,
                             .position = sql_tree_position(fields)};
    struct sql_expr *expr = sql_expr_of(builder, model, count + 1);

    for (size_t i = 0; expr != NULL && i <= count; i++) {
        json_t *node = i == 0 ? sql_tree_get(fields, "lexpr") : sql_tree_item(list, i - 1);

        expr->args[i] = sql_build_expr(builder, node);
        if (expr->args[i] == NULL) return NULL;
    }
    if (expr == NULL || !check_comparable(builder, expr)) return NULL;
    if (sql_coerce_all(builder, expr->args, expr->count, "IN") == 0) return NULL;
    bool not = sql_tree_word_is(sql_tree_get(fields, "name"), 0, "<>");
    return not ? negated(builder, expr) : expr;
}

static struct sql_expr *build_any(struct sql_builder *builder, const json_t *fields)
{
    uint32_t position = sql_tree_position(fields);
    struct sql_expr model = {.kind = SQL_EXPR_CALL,
                             .type = SQL_BOOL,
                             .modifier = -1,
                             .function = &sql_any,
                             .position = position};
    struct sql_expr *expr = sql_expr_of(builder, model, 2);

    if (expr == NULL || !both_sides(builder, fields, expr->args)) return NULL;
    uint32_t type = expr->args[0]->type == SQL_UNKNOWN ? SQL_TEXT : expr->args[0]->type;
    if (expr->args[1]->type == SQL_UNKNOWN) {
        uint32_t array = sql_type_facts(type)->array;

        expr->args[1] = sql_coerce(builder, expr->args[1], array, -1, SQL_CAST_IMPLICIT);
        if (expr->args[1] == NULL) return NULL;
    }
    const struct sql_type_facts *facts = sql_type_facts(expr->args[1]->type);
    if (facts == NULL || facts->element == 0) {
        (void)sql_fail(builder->error, "42809", position,
                       "op ANY/ALL (array) requires array on right side");
        return NULL;
    }
    if (sql_type_category(type) != sql_type_category(facts->element) ||
        !sql_tree_word_is(sql_tree_get(fields, "name"), 0, "=")) {
        (void)not_supported(builder, position, "this ANY");
        return NULL;
    }
    expr->args[0] = sql_coerce(builder, expr->args[0], facts->element, -1, SQL_CAST_EXPLICIT);
    return expr->args[0] == NULL ? NULL : expr;
}

struct sql_expr *sql_build_a_expr(struct sql_builder *builder, const json_t *fields)
{
    const char *kind = sql_tree_text(fields, "kind");

    if (strcmp(kind, "AEXPR_OP") == 0) return build_operator(builder, fields);
    if (strcmp(kind, "AEXPR_IN") == 0) return build_in(builder, fields);
    if (strcmp(kind, "AEXPR_OP_ANY") == 0) return build_any(builder, fields);
    if (strcmp(kind, "AEXPR_NULLIF") == 0) return build_like_equal(builder, fields, &sql_null_if);
    if (strcmp(kind, "AEXPR_DISTINCT") == 0) {
        return build_like_equal(builder, fields, &sql_distinct);
    }
    if (strcmp(kind, "AEXPR_NOT_DISTINCT") == 0) {
        return negated(builder, build_like_equal(builder, fields, &sql_distinct));
    }
    if (strcmp(kind, "AEXPR_BETWEEN") == 0) return build_between(builder, fields);
    if (strcmp(kind, "AEXPR_NOT_BETWEEN") == 0) {
        return negated(builder, build_between(builder, fields));
    }
    (void)not_supported(builder, sql_tree_position(fields), "this operator");
    return NULL;
}

/* CURRENT_USER and others that stand without parentheses. */
struct sql_expr *sql_build_value_function(struct sql_builder *builder, const json_t *fields)
{
    static const char *const names[][2] = {
        {"SVFOP_CURRENT_USER", "current_user"},
        {"SVFOP_USER", "current_user"},
        {"SVFOP_CURRENT_ROLE", "current_user"},
        {"SVFOP_SESSION_USER", "session_user"},
        {"SVFOP_CURRENT_CATALOG", "current_database"},
        {"SVFOP_CURRENT_SCHEMA", "current_schema"},
        {"SVFOP_CURRENT_TIMESTAMP", "now"},
        {"SVFOP_CURRENT_TIMESTAMP_N", "now"},
    };
    const char *op = sql_tree_text(fields, "op");
    uint32_t position = sql_tree_position(fields);

    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        if (strcmp(names[i][0], op) != 0) continue;
        struct pawl_bytes name = {names[i][1], strlen(names[i][1])};

        return sql_resolve_call(builder, name, NULL, 0, position);
    }
    (void)not_supported(builder, position, "the type of this value");
    return NULL;
}

static bool check_call(struct sql_builder *builder, const json_t *fields)
{
    static const char *const odd[] = {"agg_within_group", "agg_star",   "agg_distinct", "over",
                                      "agg_order",        "agg_filter", "func_variadic"};
    const json_t *names = sql_tree_get(fields, "funcname");
    uint32_t position = sql_tree_position(fields);
    size_t count = sql_tree_count(names);

    for (size_t i = 0; i < PAWL_COUNT(odd); i++) {
        if (sql_tree_has(fields, odd[i])) {
            return not_supported(builder, position, "a call of this kind");
        }
    }
    if (count < 2 || sql_tree_word_is(names, count - 2, "pg_catalog")) return true;
    struct pawl_bytes schema = sql_tree_word(names, count - 2);
    struct pawl_bytes name = sql_tree_word(names, count - 1);
    if (!sql_tree_word_is(names, count - 2, "public") &&
        !sql_tree_word_is(names, count - 2, "information_schema")) {
        return sql_fail(builder->error, "3F000", position, "schema \"%.*s\" does not exist",
                        (int)schema.size, schema.at);
    }
    return sql_fail(builder->error, "42883", position, "function %.*s.%.*s does not exist",
                    (int)schema.size, schema.at, (int)name.size, name.at);
}

struct sql_expr *sql_build_call(struct sql_builder *builder, const json_t *fields)
{
    const json_t *names = sql_tree_get(fields, "funcname");
    const json_t *list = sql_tree_get(fields, "args");
    size_t count = sql_tree_count(list);
    struct sql_expr **args = sql_pool_array(builder->pool, count, sizeof(struct sql_expr *));
    bool rows_wanted = builder->rows_wanted;

    if (args == NULL) {
        (void)sql_build_no_memory(builder);
        return NULL;
    }
    builder->rows_wanted = false;
    for (size_t i = 0; i < count; i++) {
        args[i] = sql_build_expr(builder, sql_tree_item(list, i));
        if (args[i] == NULL) return NULL;
    }
    if (!check_call(builder, fields)) return NULL;
    struct pawl_bytes name = sql_tree_word(names, sql_tree_count(names) - 1);
    struct sql_expr *call = sql_resolve_call(builder, name, args, count, sql_tree_position(fields));
    bool rows =
        call != NULL && call->kind == SQL_EXPR_CALL &&
        (call->function->special == SQL_DO_SERIES || call->function->special == SQL_DO_UNNEST);
    if (rows && !rows_wanted) {
        (void)not_supported(builder, call->position, "more than one function that gives rows");
        return NULL;
    }
    return call;
}
