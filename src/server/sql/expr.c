/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions of the tree, each kind by a function of its own: the table is at the bottom. */
#include <stdio.h>
#include <string.h>

#include "server/sql/builder.h"
#include "server/sql/cast.h"
#include "server/sql/expr.h"
#include "server/sql/nearest.h"
#include "server/sql/tree.h"

static struct sql_expr *build_number(struct sql_builder *builder, const json_t *fields,
                                     uint32_t position)
{
    int64_t number = sql_tree_int(sql_tree_get(fields, "ival"), "ival", 0);
    struct sql_expr *expr = sql_expr_new(builder, SQL_EXPR_VALUE, SQL_INT4, position);

    if (expr != NULL) expr->value = (struct sql_value){.type = SQL_INT4, .number = number};
    return expr;
}

/* Digits that are no int4: int8 if they fit, else numeric. */
static struct sql_expr *build_float(struct sql_builder *builder, const json_t *fields,
                                    uint32_t position)
{
    struct pawl_bytes text = sql_tree_bytes(sql_tree_get(fields, "fval"), "fval");
    struct sql_expr *expr = sql_expr_new(builder, SQL_EXPR_VALUE, SQL_NUMERIC, position);
    int64_t number = 0;

    if (expr == NULL) return NULL;
    if (pawl_bytes_to_i64(text, &number)) {
        expr->type = number >= INT32_MIN && number <= INT32_MAX ? SQL_INT4 : SQL_INT8;
        expr->value = (struct sql_value){.type = expr->type, .number = number};
        return expr;
    }
    text = sql_pool_copy(builder->pool, text);
    if (text.at == NULL) {
        (void)sql_build_no_memory(builder);
        return NULL;
    }
    if (sql_input(builder->pool, text, SQL_NUMERIC, &expr->value, builder->error)) return expr;
    builder->error->position = position;
    return NULL;
}

static struct sql_expr *build_const(struct sql_builder *builder, const json_t *fields)
{
    uint32_t position = sql_tree_position(fields);

    if (sql_tree_has(fields, "ival")) return build_number(builder, fields, position);
    if (sql_tree_has(fields, "fval")) return build_float(builder, fields, position);
    if (sql_tree_has(fields, "bsval")) {
        (void)sql_fail(builder->error, "0A000", position,
                       "bit strings are not supported by this server");
        return NULL;
    }
    bool truth = sql_tree_has(fields, "boolval");
    struct sql_expr *expr =
        sql_expr_new(builder, SQL_EXPR_VALUE, truth ? SQL_BOOL : SQL_UNKNOWN, position);
    if (expr == NULL) return NULL;
    expr->value.type = expr->type;
    if (truth) {
        expr->value.number = sql_tree_true(sql_tree_get(fields, "boolval"), "boolval");
        return expr;
    }
    expr->value.null = sql_tree_true(fields, "isnull");
    struct pawl_bytes text = sql_tree_bytes(sql_tree_get(fields, "sval"), "sval");
    expr->value.text = sql_pool_copy(builder->pool, text);
    if (expr->value.text.at != NULL) return expr;
    (void)sql_build_no_memory(builder);
    return NULL;
}

static struct sql_expr *build_param(struct sql_builder *builder, const json_t *fields)
{
    int64_t number = sql_tree_int(fields, "number", 0);
    uint32_t position = sql_tree_position(fields);

    if (number < 1 || number > SQL_PARAMS_MAX || builder->no_params) {
        (void)sql_fail(builder->error, "42P02", position, "there is no parameter $%lld",
                       (long long)number);
        return NULL;
    }
    size_t index = (size_t)number - 1;
    if (index >= builder->type_count) builder->type_count = index + 1;
    if (builder->types[index] == 0) builder->types[index] = SQL_UNKNOWN;
    struct sql_expr *expr = sql_expr_new(builder, SQL_EXPR_PARAM, builder->types[index], position);
    if (expr != NULL) expr->index = index;
    return expr;
}

static struct sql_expr *slot_expr(struct sql_builder *builder, const struct sql_from *from,
                                  size_t column, uint32_t position)
{
    struct sql_expr *expr =
        sql_expr_new(builder, SQL_EXPR_SLOT, from->columns[column].type, position);

    if (expr == NULL) return NULL;
    expr->index = from->slot + column;
    expr->modifier = from->columns[column].modifier;
    return expr;
}

static void hint_column(struct sql_builder *builder, struct pawl_bytes table,
                        struct pawl_bytes column)
{
    struct sql_nearest nearest;

    sql_nearest_begin(&nearest, table, column);
    for (const struct sql_scope *scope = builder->scope; scope != NULL; scope = scope->up) {
        const struct sql_from *from = scope->from;

        if (from == NULL) continue;
        sql_nearest_table(&nearest, from->alias);
        for (size_t i = 0; i < from->column_count; i++) {
            sql_nearest_column(&nearest, from->columns[i].name);
        }
    }
    sql_nearest_hint(&nearest, builder->error);
}

/* From the inside out; every scope that is left on the way looked outside. */
static struct sql_expr *find_column(struct sql_builder *builder, struct pawl_bytes table,
                                    struct pawl_bytes column, uint32_t position)
{
    bool table_found = table.size == 0;

    for (struct sql_scope *scope = builder->scope; scope != NULL; scope = scope->up) {
        const struct sql_from *from = scope->from;
        bool named = from != NULL && (table.size == 0 || pawl_bytes_equal(table, from->alias));

        if (named) table_found = true;
        for (size_t i = 0; named && i < from->column_count; i++) {
            if (!pawl_bytes_equal(column, from->columns[i].name)) continue;
            for (struct sql_scope *inner = builder->scope; inner != scope; inner = inner->up) {
                inner->looked_up = true;
            }
            return slot_expr(builder, from, i, position);
        }
        if (named && table.size > 0) break;
    }
    if (!table_found) {
        (void)sql_fail(builder->error, "42P01", position,
                       "missing FROM-clause entry for table \"%.*s\"", (int)table.size, table.at);
    } else if (table.size > 0) {
        (void)sql_fail(builder->error, "42703", position, "column %.*s.%.*s does not exist",
                       (int)table.size, table.at, (int)column.size, column.at);
    } else {
        (void)sql_fail(builder->error, "42703", position, "column \"%.*s\" does not exist",
                       (int)column.size, column.at);
    }
    if (table_found) hint_column(builder, table, column);
    return NULL;
}

static struct sql_expr *build_column(struct sql_builder *builder, const json_t *fields)
{
    const json_t *names = sql_tree_get(fields, "fields");
    uint32_t position = sql_tree_position(fields);
    size_t count = sql_tree_count(names);
    struct pawl_bytes none = {"", 0};

    if (count == 1) return find_column(builder, none, sql_tree_word(names, 0), position);
    return find_column(builder, sql_tree_word(names, count - 2), sql_tree_word(names, count - 1),
                       position);
}

/* An array's elements take its type before they are read. */
static struct sql_expr *build_array(struct sql_builder *builder, const json_t *fields,
                                    uint32_t wanted)
{
    const json_t *list = sql_tree_get(fields, "elements");
    struct sql_expr model = {
        .kind = SQL_EXPR_ARRAY, .modifier = -1, .position = sql_tree_position(fields)};
    struct sql_expr *array = sql_expr_of(builder, model, sql_tree_count(list));

    if (array == NULL) return NULL;
    for (size_t i = 0; i < array->count; i++) {
        array->args[i] = sql_build_expr(builder, sql_tree_item(list, i));
        if (array->args[i] == NULL) return NULL;
        if (wanted == 0) continue;
        array->args[i] = sql_coerce(builder, array->args[i], wanted, -1, SQL_CAST_EXPLICIT);
        if (array->args[i] == NULL) return NULL;
    }
    if (array->count == 0 && wanted == 0) {
        (void)sql_fail(builder->error, "42P18", array->position,
                       "cannot determine type of empty array");
        (void)snprintf(builder->error->hint, sizeof builder->error->hint,
                       "Explicitly cast to the desired type, for example ARRAY[]::integer[].");
        return NULL;
    }
    if (wanted == 0) wanted = sql_coerce_all(builder, array->args, array->count, "ARRAY");
    if (wanted == 0) return NULL;
    const struct sql_type_facts *facts = sql_type_facts(wanted);
    if (sql_type_facts(facts->array) == NULL) {
        (void)sql_fail(builder->error, "0A000", array->position,
                       "arrays of type %s are not supported by this server", facts->shown);
        return NULL;
    }
    array->type = facts->array;
    return array;
}

static struct sql_expr *build_array_expr(struct sql_builder *builder, const json_t *fields)
{
    return build_array(builder, fields, 0);
}

static struct sql_expr *build_cast(struct sql_builder *builder, const json_t *fields)
{
    json_t *inside = sql_tree_get(fields, "arg");
    uint32_t position = sql_tree_position(fields);
    uint32_t type = 0;
    int32_t modifier = -1;

    if (!sql_type_read(sql_tree_get(fields, "typeName"), &type, &modifier, builder->error)) {
        return NULL;
    }
    const json_t *array = sql_tree_of(inside, "A_ArrayExpr");
    uint32_t element = sql_type_facts(type)->element;
    struct sql_expr *expr = array != NULL && element != 0 ? build_array(builder, array, element)
                                                          : sql_build_expr(builder, inside);
    if (expr == NULL) return NULL;
    if (sql_type_cast(expr->type, type) < SQL_CAST_EXPLICIT) {
        (void)sql_fail(builder->error, "42846", position, "cannot cast type %s to %s",
                       sql_type_shown(expr->type), sql_type_shown(type));
        return NULL;
    }
    return sql_coerce(builder, expr, type, modifier, SQL_CAST_EXPLICIT);
}

static struct sql_expr *build_bool_expr(struct sql_builder *builder, const json_t *fields)
{
    const char *op = sql_tree_text(fields, "boolop");
    const json_t *list = sql_tree_get(fields, "args");
    bool both = strcmp(op, "AND_EXPR") == 0;
    bool either = strcmp(op, "OR_EXPR") == 0;
    const char *what = both ? "argument of AND" : either ? "argument of OR" : "argument of NOT";
    struct sql_expr model = {
        .kind = both     ? SQL_EXPR_AND
                : either ? SQL_EXPR_OR
                         : SQL_EXPR_NOT,
        .type = SQL_BOOL,
        .modifier = -1,
        .position = sql_tree_position(fields),
    };
    struct sql_expr *expr = sql_expr_of(builder, model, sql_tree_count(list));

    for (size_t i = 0; expr != NULL && i < expr->count; i++) {
        expr->args[i] = sql_build_bool(builder, sql_tree_item(list, i), what);
        if (expr->args[i] == NULL) return NULL;
    }
    return expr;
}

static struct sql_expr *negated(struct sql_builder *builder, struct sql_expr *inside)
{
    struct sql_expr model = {
        .kind = SQL_EXPR_NOT, .type = SQL_BOOL, .modifier = -1, .position = inside->position};
    struct sql_expr *expr = sql_expr_of(builder, model, 1);

    if (expr != NULL) expr->args[0] = inside;
    return expr;
}

static struct sql_expr *build_null_test(struct sql_builder *builder, const json_t *fields)
{
    struct sql_expr model = {.kind = SQL_EXPR_NULL,
                             .type = SQL_BOOL,
                             .modifier = -1,
                             .position = sql_tree_position(fields)};
    struct sql_expr *expr = sql_expr_of(builder, model, 1);
    struct sql_expr *inside = sql_build_expr(builder, sql_tree_get(fields, "arg"));

    if (expr == NULL || inside == NULL) return NULL;
    expr->args[0] = inside;
    return strcmp(sql_tree_text(fields, "nulltesttype"), "IS_NOT_NULL") == 0
               ? negated(builder, expr)
               : expr;
}

/* IS [NOT] TRUE, FALSE, UNKNOWN. */
static struct sql_expr *build_bool_test(struct sql_builder *builder, const json_t *fields)
{
    const char *test = sql_tree_text(fields, "booltesttype");
    bool not = strstr(test, "_NOT_") != NULL;
    const char *word = test + (not ? strlen("IS_NOT_") : strlen("IS_"));
    char what[40];

    (void)snprintf(what, sizeof what, "argument of IS %s%s", not ? "NOT " : "", word);
    struct sql_expr *inside = sql_build_bool(builder, sql_tree_get(fields, "arg"), what);
    if (inside == NULL) return NULL;
    if (strcmp(word, "FALSE") == 0) inside = negated(builder, inside);
    bool unknown = strcmp(word, "UNKNOWN") == 0;
    struct sql_expr model = {.kind = unknown ? SQL_EXPR_NULL : SQL_EXPR_FIRST,
                             .type = SQL_BOOL,
                             .modifier = -1,
                             .position = sql_tree_position(fields)};
    struct sql_expr *expr = sql_expr_of(builder, model, unknown ? 1 : 2);
    struct sql_expr *otherwise = sql_expr_new(builder, SQL_EXPR_VALUE, SQL_BOOL, 0);
    if (expr == NULL || otherwise == NULL || inside == NULL) return NULL;
    otherwise->value.type = SQL_BOOL;
    expr->args[0] = inside;
    if (!unknown) expr->args[1] = otherwise;
    return not ? negated(builder, expr) : expr;
}

/* What x of CASE x WHEN y has become lies in its slot, so that it is worked out once. */
static struct sql_expr *case_subject(struct sql_builder *builder, json_t *node)
{
    struct sql_expr *subject = sql_build_expr(builder, node);

    if (subject != NULL) subject = sql_coerce_unknown(builder, subject);
    if (subject == NULL) return NULL;
    struct sql_expr model = {.kind = SQL_EXPR_SET,
                             .modifier = -1,
                             .position = subject->position,
                             .index = builder->slot_count++};
    struct sql_expr *set = sql_expr_of(builder, model, 2);
    if (set != NULL) set->args[0] = subject;
    return set;
}

/* CASE x WHEN y is CASE WHEN x = y; the last value is ELSE's. */
static bool build_when(struct sql_builder *builder, const json_t *fields,
                       const struct sql_expr *subject, struct sql_expr **pair)
{
    json_t *condition = sql_tree_get(fields, "expr");

    if (subject == NULL) {
        pair[0] = sql_build_bool(builder, condition, "argument of CASE/WHEN");
    } else {
        struct sql_expr *sides[2] = {
            sql_expr_new(builder, SQL_EXPR_SLOT, subject->args[0]->type, subject->position),
            sql_build_expr(builder, condition)};

        if (sides[0] == NULL || sides[1] == NULL) return false;
        sides[0]->index = subject->index;
        pair[0] = sql_resolve_operator(builder, PAWL_BYTES("="), sides, 2, sides[1]->position);
    }
    if (pair[0] == NULL) return false;
    pair[1] = sql_build_expr(builder, sql_tree_get(fields, "result"));
    return pair[1] != NULL;
}

static struct sql_expr *build_case(struct sql_builder *builder, const json_t *fields)
{
    const json_t *whens = sql_tree_get(fields, "args");
    json_t *otherwise = sql_tree_get(fields, "defresult");
    size_t count = sql_tree_count(whens);
    struct sql_expr model = {
        .kind = SQL_EXPR_CASE, .modifier = -1, .position = sql_tree_position(fields)};
    struct sql_expr *expr = sql_expr_of(builder, model, 2 * count + 1);
    struct sql_expr **values = sql_pool_array(builder->pool, count + 1, sizeof *values);
    struct sql_expr *set = NULL;

    if (expr == NULL || values == NULL) return NULL;
    if (sql_tree_has(fields, "arg")) {
        set = case_subject(builder, sql_tree_get(fields, "arg"));
        if (set == NULL) return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *when = sql_tree_of(sql_tree_item(whens, i), "CaseWhen");

        if (!build_when(builder, when, set, &expr->args[2 * i])) return NULL;
        values[i + 1] = expr->args[2 * i + 1];
    }
    values[0] = otherwise == NULL ? sql_expr_new(builder, SQL_EXPR_VALUE, SQL_UNKNOWN, 0)
                                  : sql_build_expr(builder, otherwise);
    if (values[0] == NULL) return NULL;
    if (otherwise == NULL) values[0]->value.null = true;
    expr->type = sql_coerce_all(builder, values, count + 1, "CASE");
    if (expr->type == 0) return NULL;
    for (size_t i = 0; i < count; i++) {
        expr->args[2 * i + 1] = values[i + 1];
    }
    expr->args[2 * count] = values[0];
    if (set == NULL) return expr;
    set->type = expr->type;
    set->args[1] = expr;
    return set;
}

static struct sql_expr *build_coalesce(struct sql_builder *builder, const json_t *fields)
{
    struct sql_expr model = {
        .kind = SQL_EXPR_FIRST, .modifier = -1, .position = sql_tree_position(fields)};

    return sql_build_common(builder, model, sql_tree_get(fields, "args"), "COALESCE");
}

static struct sql_expr *build_min_max(struct sql_builder *builder, const json_t *fields)
{
    bool greatest = strcmp(sql_tree_text(fields, "op"), "IS_LEAST") != 0;
    struct sql_expr model = {.kind = SQL_EXPR_CALL,
                             .modifier = -1,
                             .function = greatest ? &sql_greatest : &sql_least,
                             .position = sql_tree_position(fields)};

    return sql_build_common(builder, model, sql_tree_get(fields, "args"),
                            greatest ? "GREATEST" : "LEAST");
}

struct sql_expr *sql_build_common(struct sql_builder *builder, struct sql_expr model,
                                  const json_t *list, const char *what)
{
    struct sql_expr *expr = sql_expr_of(builder, model, sql_tree_count(list));

    for (size_t i = 0; expr != NULL && i < expr->count; i++) {
        expr->args[i] = sql_build_expr(builder, sql_tree_item(list, i));
        if (expr->args[i] == NULL) return NULL;
    }
    if (expr != NULL) expr->type = sql_coerce_all(builder, expr->args, expr->count, what);
    return expr == NULL || expr->type == 0 ? NULL : expr;
}

static bool is_limited(const struct sql_select *select)
{
    const struct sql_expr *limit = select->limit;

    if (limit == NULL) return false;
    while (limit->kind == SQL_EXPR_CAST) {
        limit = limit->args[0];
    }
    return limit->kind != SQL_EXPR_VALUE || (!limit->value.null && limit->value.number <= 0);
}

/*
 * EXISTS wants no more than one row, and nothing of what is in it. Whether a SELECT's targets are
 * evaluated all the same is as in PostgreSQL (simplify_EXISTS_query): where OFFSET, an odd LIMIT or
 * rows of a target stand in the way.
 */
static struct sql_expr *until_first(struct sql_builder *builder, const json_t *fields,
                                    struct sql_expr *exists)
{
    struct sql_select *select = exists->select;
    struct sql_expr *one = sql_expr_new(builder, SQL_EXPR_VALUE, SQL_INT8, 0);
    bool rows_of_target = select->from != NULL && !sql_tree_has(fields, "fromClause");

    if (one == NULL) return NULL;
    if (is_limited(select)) return exists;
    one->value = (struct sql_value){.type = SQL_INT8, .number = 1};
    select->limit = one;
    select->unlooked =
        select->kind == SQL_SELECT_PLAIN && select->offset == NULL && !rows_of_target;
    return exists;
}

static struct sql_expr *build_sublink(struct sql_builder *builder, const json_t *fields)
{
    const char *link = sql_tree_text(fields, "subLinkType");
    bool exists = strcmp(link, "EXISTS_SUBLINK") == 0;
    bool list = strcmp(link, "ARRAY_SUBLINK") == 0;
    uint32_t position = sql_tree_position(fields);
    struct sql_scope scope = {.up = builder->scope};
    struct sql_expr *expr = sql_expr_new(builder,
                                         exists ? SQL_EXPR_EXISTS
                                         : list ? SQL_EXPR_LIST
                                                : SQL_EXPR_SELECT,
                                         SQL_BOOL, position);

    if (expr == NULL) return NULL;
    builder->scope = &scope;
    const json_t *select = sql_tree_of(sql_tree_get(fields, "subselect"), "SelectStmt");
    expr->select = sql_build_select(builder, select);
    builder->scope = scope.up;
    expr->outer = scope.looked_up;
    if (expr->select == NULL) return NULL;
    if (exists) return until_first(builder, select, expr);
    if (expr->select->column_count != 1) {
        (void)sql_fail(builder->error, "42601", position, "subquery must return only one column");
        return NULL;
    }
    expr->type = expr->select->columns[0].type;
    expr->modifier = expr->select->columns[0].modifier;
    if (!list) return expr;
    const struct sql_type_facts *facts = sql_type_facts(expr->type);
    if (sql_type_facts(facts->array) != NULL) {
        expr->type = facts->array;
        return expr;
    }
    (void)sql_fail(builder->error, "42704", position, "could not find array type for data type %s",
                   facts->shown);
    return NULL;
}

static const struct {
    const char *kind;
    struct sql_expr *(*build)(struct sql_builder *builder, const json_t *fields);
} kinds[] = {
    {"A_Const", build_const},
    {"FuncCall", sql_build_call},
    {"ParamRef", build_param},
    {"TypeCast", build_cast},
    {"ColumnRef", build_column},
    {"A_Expr", sql_build_a_expr},
    {"BoolExpr", build_bool_expr},
    {"NullTest", build_null_test},
    {"BooleanTest", build_bool_test},
    {"CaseExpr", build_case},
    {"CoalesceExpr", build_coalesce},
    {"MinMaxExpr", build_min_max},
    {"SQLValueFunction", sql_build_value_function},
    {"SubLink", build_sublink},
    {"A_ArrayExpr", build_array_expr},
};

struct sql_expr *sql_build_expr(struct sql_builder *builder, json_t *node)
{
    json_t *fields = NULL;
    const char *kind = sql_tree_kind(node, &fields);

    if (builder->expr_count++ == SQL_EXPRESSIONS_MAX) {
        (void)sql_fail(builder->error, "54001", sql_tree_position(fields),
                       "statements of more than %d expressions are not supported",
                       SQL_EXPRESSIONS_MAX);
        return NULL;
    }
    for (size_t i = 0; i < PAWL_COUNT(kinds); i++) {
        if (strcmp(kinds[i].kind, kind) == 0) return kinds[i].build(builder, fields);
    }
    if (strcmp(kind, "CollateClause") == 0) {
        return sql_build_expr(builder, sql_tree_get(fields, "arg"));
    }
    (void)sql_fail(builder->error, "0A000", sql_tree_position(fields),
                   "expressions of this kind (%s) are not supported by this server", kind);
    return NULL;
}

struct sql_expr *sql_build_bool(struct sql_builder *builder, json_t *node, const char *what)
{
    struct sql_expr *expr = sql_build_expr(builder, node);

    if (expr == NULL) return NULL;
    if (expr->type != SQL_UNKNOWN && expr->type != SQL_BOOL) {
        (void)sql_fail(builder->error, "42804", expr->position,
                       "%s must be type boolean, not type %s", what, sql_type_shown(expr->type));
        return NULL;
    }
    return sql_coerce(builder, expr, SQL_BOOL, -1, SQL_CAST_IMPLICIT);
}
