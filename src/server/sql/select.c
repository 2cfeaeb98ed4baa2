/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT, VALUES and UNION ALL without tables. */
#include "server/sql/select.h"

#include <stdio.h>
#include <string.h>

#include "server/sql/tree.h"

static bool add_column(struct sql_builder *builder, struct sql_select *select, size_t index,
                       struct pawl_bytes name)
{
    struct sql_column *column = &select->columns[index];

    column->name = sql_pool_copy(builder->pool, name);
    if (column->name.at == NULL) return sql_build_no_memory(builder);
    column->type = select->targets[index]->type;
    column->modifier = select->targets[index]->modifier;
    return true;
}

static bool is_star(const json_t *target)
{
    const json_t *names =
        sql_tree_get(sql_tree_of(sql_tree_get(target, "val"), "ColumnRef"), "fields");
    size_t count = sql_tree_count(names);

    return count > 0 && sql_tree_of(sql_tree_item(names, count - 1), "A_Star") != NULL;
}

/* How many columns a target gives; SIZE_MAX: an error. */
static size_t target_width(struct sql_builder *builder, const json_t *target,
                           const struct sql_from *from)
{
    const json_t *column = sql_tree_of(sql_tree_get(target, "val"), "ColumnRef");
    const json_t *names = sql_tree_get(column, "fields");
    uint32_t position = sql_tree_position(column);

    if (!is_star(target)) return 1;
    if (sql_tree_count(names) == 1 && from == NULL) {
        (void)sql_fail(builder->error, "42601", position,
                       "SELECT * with no tables specified is not valid");
        return SIZE_MAX;
    }
    if (sql_tree_count(names) > 1) {
        struct pawl_bytes table = sql_tree_word(names, sql_tree_count(names) - 2);

        if (from == NULL || !pawl_bytes_equal(table, from->alias)) {
            (void)sql_fail(builder->error, "42P01", position,
                           "missing FROM-clause entry for table \"%.*s\"", (int)table.size,
                           table.at);
            return SIZE_MAX;
        }
    }
    return from->column_count;
}

static bool make_room(struct sql_builder *builder, struct sql_select *select, const json_t *list)
{
    size_t columns = 0;

    for (size_t i = 0; i < sql_tree_count(list); i++) {
        const json_t *target = sql_tree_of(sql_tree_item(list, i), "ResTarget");
        size_t width = target_width(builder, target, select->from);

        if (width == SIZE_MAX) return false;
        columns += width;
        if (columns > SQL_COLUMNS_MAX) {
            return sql_fail(builder->error, "54011", 0, "target lists can have at most %d entries",
                            SQL_COLUMNS_MAX);
        }
    }
    select->column_count = columns;
    select->columns = sql_pool_array(builder->pool, columns, sizeof *select->columns);
    select->targets = sql_pool_array(builder->pool, columns, sizeof(struct sql_expr *));
    if (select->columns == NULL || select->targets == NULL) return sql_build_no_memory(builder);
    return true;
}

static bool add_star(struct sql_builder *builder, struct sql_select *select, size_t *index)
{
    const struct sql_from *from = select->from;

    for (size_t i = 0; i < from->column_count; i++) {
        struct sql_expr *expr = sql_expr_new(builder, SQL_EXPR_SLOT, from->columns[i].type, 0);

        if (expr == NULL) return false;
        expr->index = from->slot + i;
        expr->modifier = from->columns[i].modifier;
        select->targets[*index] = expr;
        if (!add_column(builder, select, *index, from->columns[i].name)) return false;
        ++*index;
    }
    return true;
}

/* lifted: the target whose rows the FROM gives, or SIZE_MAX. */
static bool build_targets(struct sql_builder *builder, const json_t *list, size_t lifted,
                          struct sql_select *select)
{
    size_t index = 0;

    for (size_t i = 0; i < sql_tree_count(list); i++) {
        const json_t *target = sql_tree_of(sql_tree_item(list, i), "ResTarget");
        json_t *value = sql_tree_get(target, "val");
        struct pawl_bytes name = sql_tree_bytes(target, "name");

        if (is_star(target)) {
            if (!add_star(builder, select, &index)) return false;
            continue;
        }
        if (name.size == 0) name = sql_target_name(value);
        if (i == lifted) {
            struct sql_expr *expr =
                sql_expr_new(builder, SQL_EXPR_SLOT, select->from->columns[0].type, 0);

            if (expr == NULL) return false;
            expr->index = select->from->slot;
            select->targets[index] = expr;
        } else {
            select->targets[index] = sql_build_expr(builder, value);
            if (select->targets[index] == NULL) return false;
        }
        if (!add_column(builder, select, index, name)) return false;
        index++;
    }
    return true;
}

/* generate_series as a target is as if it stood in a FROM, where there is none. */
static size_t target_of_rows(const json_t *list)
{
    for (size_t i = 0; i < sql_tree_count(list); i++) {
        const json_t *target = sql_tree_of(sql_tree_item(list, i), "ResTarget");
        const json_t *names =
            sql_tree_get(sql_tree_of(sql_tree_get(target, "val"), "FuncCall"), "funcname");
        size_t count = sql_tree_count(names);

        if (count == 0) continue;
        if (sql_tree_word_is(names, count - 1, "generate_series") ||
            sql_tree_word_is(names, count - 1, "unnest")) {
            return i;
        }
    }
    return SIZE_MAX;
}

static struct sql_expr *build_bound(struct sql_builder *builder, json_t *node, const char *what)
{
    struct sql_expr *expr = sql_build_expr(builder, node);

    if (expr == NULL) return NULL;
    if (sql_type_cast(expr->type, SQL_INT8) < SQL_CAST_ASSIGNMENT) {
        (void)sql_fail(builder->error, "42804", expr->position,
                       "argument of %s must be type bigint, not type %s", what,
                       sql_type_shown(expr->type));
        return NULL;
    }
    return sql_coerce(builder, expr, SQL_INT8, -1, SQL_CAST_ASSIGNMENT);
}

static bool build_bounds(struct sql_builder *builder, const json_t *fields,
                         struct sql_select *select)
{
    json_t *offset = sql_tree_get(fields, "limitOffset");
    json_t *limit = sql_tree_get(fields, "limitCount");

    if (offset != NULL) {
        select->offset = build_bound(builder, offset, "OFFSET");
        if (select->offset == NULL) return false;
    }
    if (limit == NULL) return true;
    select->limit = build_bound(builder, limit, "LIMIT");
    return select->limit != NULL;
}

static bool build_plain(struct sql_builder *builder, const json_t *fields,
                        struct sql_select *select)
{
    json_t *from = sql_tree_get(fields, "fromClause");
    const json_t *list = sql_tree_get(fields, "targetList");
    json_t *where = sql_tree_get(fields, "whereClause");
    size_t lifted = from == NULL ? target_of_rows(list) : SIZE_MAX;

    if (sql_tree_has(fields, "intoClause")) {
        return sql_fail(builder->error, "0A000", 0,
                        "SELECT INTO makes a table: this server, pawl, keeps sequences only");
    }
    if (from != NULL) {
        select->from = sql_build_from(builder, sql_tree_item(from, 0));
        if (select->from == NULL) return false;
    } else if (lifted != SIZE_MAX) {
        json_t *value = sql_tree_get(sql_tree_of(sql_tree_item(list, lifted), "ResTarget"), "val");

        select->from = sql_build_rows(builder, value);
        if (select->from == NULL) return false;
    }
    struct sql_scope scope = {.up = builder->scope, .from = select->from};
    builder->scope = &scope;
    bool done = make_room(builder, select, list) && build_targets(builder, list, lifted, select);
    if (done && where != NULL) {
        select->where = sql_build_bool(builder, where, "argument of WHERE");
        done = select->where != NULL;
    }
    builder->scope = scope.up;
    return done;
}

static bool build_row(struct sql_builder *builder, const json_t *row, struct sql_expr **exprs,
                      size_t width)
{
    if (sql_tree_count(row) != width) {
        uint32_t position = sql_tree_node_position(sql_tree_item(row, 0));

        return sql_fail(builder->error, "42601", position,
                        "VALUES lists must all be the same length");
    }
    for (size_t i = 0; i < width; i++) {
        exprs[i] = sql_build_expr(builder, sql_tree_item(row, i));
        if (exprs[i] == NULL) return false;
    }
    return true;
}

/* One column of all rows comes to one type. */
static bool settle_values(struct sql_builder *builder, struct sql_select *select, size_t column)
{
    struct sql_expr **exprs =
        sql_pool_array(builder->pool, select->row_count, sizeof(struct sql_expr *));
    char name[32];

    if (exprs == NULL) return sql_build_no_memory(builder);
    for (size_t i = 0; i < select->row_count; i++) {
        exprs[i] = select->targets[i * select->column_count + column];
    }
    if (sql_coerce_all(builder, exprs, select->row_count, "VALUES") == 0) return false;
    for (size_t i = 0; i < select->row_count; i++) {
        select->targets[i * select->column_count + column] = exprs[i];
    }
    int size = snprintf(name, sizeof name, "column%zu", column + 1);
    return add_column(builder, select, column, (struct pawl_bytes){name, (size_t)size});
}

static bool build_values(struct sql_builder *builder, const json_t *fields,
                         struct sql_select *select)
{
    const json_t *rows = sql_tree_get(fields, "valuesLists");
    size_t width = sql_tree_count(sql_tree_item(rows, 0));

    select->kind = SQL_SELECT_VALUES;
    select->row_count = sql_tree_count(rows);
    select->column_count = width;
    if (width > SQL_COLUMNS_MAX) {
        return sql_fail(builder->error, "54011", 0, "target lists can have at most %d entries",
                        SQL_COLUMNS_MAX);
    }
    select->columns = sql_pool_array(builder->pool, width, sizeof *select->columns);
    select->targets =
        sql_pool_array(builder->pool, width * select->row_count, sizeof(struct sql_expr *));
    if (select->columns == NULL || select->targets == NULL) return sql_build_no_memory(builder);
    for (size_t i = 0; i < select->row_count; i++) {
        if (!build_row(builder, sql_tree_item(rows, i), &select->targets[i * width], width)) {
            return false;
        }
    }
    for (size_t i = 0; i < width; i++) {
        if (!settle_values(builder, select, i)) return false;
    }
    return true;
}

static struct sql_select *build(struct sql_builder *builder, const json_t *fields, bool settle);

static bool is_union(const json_t *fields)
{
    return strcmp(sql_tree_text(fields, "op"), "SETOP_UNION") == 0;
}

static bool bounded(const json_t *fields)
{
    return sql_tree_has(fields, "limitCount") || sql_tree_has(fields, "limitOffset");
}

/* A chain of UNION ALLs leans to the left; its arms, the first one first. */
static bool build_arms(struct sql_builder *builder, const json_t *fields, struct sql_select *select)
{
    size_t count = 1;

    for (const json_t *at = fields; is_union(at) && (at == fields || !bounded(at));
         at = sql_tree_get(at, "larg")) {
        count++;
    }
    select->arms = sql_pool_array(builder->pool, count, sizeof(struct sql_select *));
    const json_t **trees = sql_pool_array(builder->pool, count, sizeof(json_t *));
    if (select->arms == NULL || trees == NULL) return sql_build_no_memory(builder);
    select->arm_count = count;
    for (size_t i = count - 1; i > 0; i--) {
        trees[i] = sql_tree_get(fields, "rarg");
        fields = sql_tree_get(fields, "larg");
    }
    trees[0] = fields;
    for (size_t i = 0; i < count; i++) {
        select->arms[i] = build(builder, trees[i], false);
        if (select->arms[i] == NULL) return false;
        if (select->arms[i]->column_count == select->arms[0]->column_count) continue;
        const struct sql_select *arm = select->arms[i];
        while (arm->kind == SQL_SELECT_UNION) { /* it has no targets of its own */
            arm = arm->arms[0];
        }
        uint32_t position = arm->column_count > 0 ? arm->targets[0]->position : 0;

        return sql_fail(builder->error, "42601", position,
                        "each UNION query must have the same number of columns");
    }
    return true;
}

/* A literal becomes what its column has become by then, so it is done arm by arm. */
static bool settle_arm(struct sql_builder *builder, struct sql_select *arm, size_t column,
                       uint32_t type)
{
    size_t rows = arm->kind == SQL_SELECT_VALUES ? arm->row_count : 1;

    for (size_t i = 0; i < rows && arm->kind != SQL_SELECT_UNION; i++) {
        struct sql_expr **target = &arm->targets[i * arm->column_count + column];

        *target = sql_coerce(builder, *target, type, -1, SQL_CAST_IMPLICIT);
        if (*target == NULL) return false;
    }
    for (size_t i = 0; i < arm->arm_count; i++) {
        if (!settle_arm(builder, arm->arms[i], column, type)) return false;
    }
    arm->columns[column].type = type;
    return true;
}

static struct sql_expr *column_expr(struct sql_builder *builder, const struct sql_select *arm,
                                    size_t column)
{
    struct sql_expr *expr = sql_expr_new(builder, SQL_EXPR_SLOT, arm->columns[column].type, 0);

    if (expr != NULL && arm->targets != NULL) expr->position = arm->targets[column]->position;
    return expr;
}

static bool settle_union(struct sql_builder *builder, struct sql_select *select, size_t column)
{
    uint32_t type = select->arms[0]->columns[column].type;

    for (size_t i = 1; i < select->arm_count; i++) {
        struct sql_expr *pair[2] = {column_expr(builder, select->arms[0], column),
                                    column_expr(builder, select->arms[i], column)};

        if (pair[0] == NULL || pair[1] == NULL) return false;
        pair[0]->type = type;
        type = sql_common_type(builder, pair, 2, "UNION");
        if (type == 0) return false;
        for (size_t k = i == 1 ? 0 : i; k <= i; k++) {
            bool unknown = select->arms[k]->columns[column].type == SQL_UNKNOWN;

            if (unknown && !settle_arm(builder, select->arms[k], column, type)) return false;
        }
    }
    for (size_t i = 0; i < select->arm_count; i++) {
        if (!settle_arm(builder, select->arms[i], column, type)) return false;
    }
    select->columns[column] = select->arms[0]->columns[column];
    return true;
}

static bool build_union(struct sql_builder *builder, const json_t *fields,
                        struct sql_select *select)
{
    select->kind = SQL_SELECT_UNION;
    if (!build_arms(builder, fields, select)) return false;
    select->column_count = select->arms[0]->column_count;
    select->columns = sql_pool_array(builder->pool, select->column_count, sizeof *select->columns);
    if (select->columns == NULL) return sql_build_no_memory(builder);
    for (size_t i = 0; i < select->column_count; i++) {
        if (!settle_union(builder, select, i)) return false;
    }
    return true;
}

static struct sql_select *build(struct sql_builder *builder, const json_t *fields, bool settle)
{
    struct sql_select *select = sql_pool_take(builder->pool, sizeof *select);

    if (select == NULL) {
        (void)sql_build_no_memory(builder);
        return NULL;
    }
    bool done = is_union(fields)                      ? build_union(builder, fields, select)
                : sql_tree_has(fields, "valuesLists") ? build_values(builder, fields, select)
                                                      : build_plain(builder, fields, select);
    if (!done || !build_bounds(builder, fields, select)) return NULL;
    for (size_t i = 0; settle && select->kind == SQL_SELECT_PLAIN && i < select->column_count;
         i++) {
        select->targets[i] = sql_coerce_unknown(builder, select->targets[i]);
        if (select->targets[i] == NULL) return NULL;
        select->columns[i].type = select->targets[i]->type;
    }
    return select;
}

struct sql_select *sql_build_select(struct sql_builder *builder, const json_t *fields)
{
    return build(builder, fields, true);
}
