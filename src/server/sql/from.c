/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in a FROM without tables: functions, VALUES and subqueries. */
#include <string.h>

#include "server/sql/select.h"
#include "server/sql/tree.h"

/* The columns' names: those of the alias, then their own. */
static bool name_columns(struct sql_builder *builder, const json_t *alias, struct sql_from *from)
{
    const json_t *names = sql_tree_get(alias, "colnames");
    size_t count = sql_tree_count(names);

    from->alias = sql_pool_copy(builder->pool, sql_tree_bytes(alias, "aliasname"));
    if (from->alias.at == NULL) return sql_build_no_memory(builder);
    if (count > from->column_count) {
        return sql_fail(builder->error, "42P10", 0,
                        "table \"%.*s\" has %zu columns available but %zu columns specified",
                        (int)from->alias.size, from->alias.at, from->column_count, count);
    }
    for (size_t i = 0; i < count; i++) {
        from->columns[i].name = sql_pool_copy(builder->pool, sql_tree_word(names, i));
        if (from->columns[i].name.at == NULL) return sql_build_no_memory(builder);
    }
    return true;
}

static struct sql_from *new_from(struct sql_builder *builder, enum sql_from_kind kind,
                                 size_t columns)
{
    struct sql_from *from = sql_pool_take(builder->pool, sizeof *from);
    struct sql_column *array = sql_pool_array(builder->pool, columns, sizeof *array);

    if (from == NULL || array == NULL) {
        (void)sql_build_no_memory(builder);
        return NULL;
    }
    *from = (struct sql_from){
        .kind = kind, .columns = array, .column_count = columns, .slot = builder->slot_count};
    builder->slot_count += columns;
    return from;
}

static bool set_series(struct sql_builder *builder, struct sql_from *from, struct sql_expr *call)
{
    struct sql_expr *step = sql_expr_new(builder, SQL_EXPR_VALUE, call->type, 0);

    from->args = sql_pool_array(builder->pool, 3, sizeof(struct sql_expr *));
    if (from->args == NULL || step == NULL) return sql_build_no_memory(builder);
    step->value = (struct sql_value){.type = call->type, .number = 1};
    from->args[0] = call->args[0];
    from->args[1] = call->args[1];
    from->args[2] = call->count == 3 ? call->args[2] : step;
    return true;
}

static bool set_unnest(struct sql_builder *builder, struct sql_from *from, struct sql_expr *call)
{
    const struct sql_type_facts *facts = sql_type_facts(call->args[0]->type);

    if (facts == NULL || facts->element == 0) {
        return sql_fail(builder->error, "42883", call->position,
                        "function unnest(%s) does not exist", sql_type_shown(call->args[0]->type));
    }
    from->args = call->args;
    from->columns[0].type = facts->element;
    return true;
}

static struct sql_from *from_expr(struct sql_builder *builder, json_t *node, bool ordinality)
{
    bool outer = builder->rows_wanted;

    builder->rows_wanted = true;
    struct sql_expr *expr = sql_build_expr(builder, node);
    builder->rows_wanted = outer;
    if (expr == NULL) return NULL;
    expr = sql_coerce_unknown(builder, expr);
    if (expr == NULL) return NULL;
    enum sql_special special = expr->kind == SQL_EXPR_CALL ? expr->function->special : SQL_DO_RUN;
    enum sql_from_kind kind = special == SQL_DO_SERIES   ? SQL_FROM_SERIES
                              : special == SQL_DO_UNNEST ? SQL_FROM_UNNEST
                                                         : SQL_FROM_CALL;
    struct sql_from *from = new_from(builder, kind, ordinality ? 2 : 1);
    if (from == NULL) return NULL;
    from->ordinality = ordinality;
    from->columns[0] = (struct sql_column){sql_target_name(node), expr->type, -1};
    from->columns[0].name = sql_pool_copy(builder->pool, from->columns[0].name);
    if (from->columns[0].name.at == NULL) {
        (void)sql_build_no_memory(builder);
        return NULL;
    }
    from->alias = from->columns[0].name;
    if (ordinality) {
        from->columns[1] = (struct sql_column){PAWL_BYTES("ordinality"), SQL_INT8, -1};
    }
    if (kind == SQL_FROM_SERIES) return set_series(builder, from, expr) ? from : NULL;
    if (kind == SQL_FROM_UNNEST) return set_unnest(builder, from, expr) ? from : NULL;
    from->args = sql_pool_array(builder->pool, 1, sizeof(struct sql_expr *));
    if (from->args == NULL) {
        (void)sql_build_no_memory(builder);
        return NULL;
    }
    from->args[0] = expr;
    return from;
}

struct sql_from *sql_build_rows(struct sql_builder *builder, json_t *call)
{
    return from_expr(builder, call, false);
}

/* A function's alias also names its column. */
static struct sql_from *from_function(struct sql_builder *builder, const json_t *fields)
{
    const json_t *functions = sql_tree_get(fields, "functions");
    const json_t *alias = sql_tree_get(fields, "alias");

    if (sql_tree_count(functions) != 1 || sql_tree_has(fields, "coldeflist")) {
        (void)sql_fail(builder->error, "0A000", 0, "ROWS FROM is not supported by this server");
        return NULL;
    }
    struct sql_from *from = from_expr(builder, sql_tree_item(sql_tree_item(functions, 0), 0),
                                      sql_tree_true(fields, "ordinality"));
    if (from == NULL || alias == NULL) return from;
    from->columns[0].name = sql_pool_copy(builder->pool, sql_tree_bytes(alias, "aliasname"));
    if (from->columns[0].name.at == NULL) {
        (void)sql_build_no_memory(builder);
        return NULL;
    }
    return name_columns(builder, alias, from) ? from : NULL;
}

static struct sql_from *from_select(struct sql_builder *builder, const json_t *fields)
{
    const json_t *tree = sql_tree_of(sql_tree_get(fields, "subquery"), "SelectStmt");
    struct sql_select *select = sql_build_select(builder, tree);

    if (select == NULL) return NULL;
    struct sql_from *from = new_from(builder, SQL_FROM_SELECT, select->column_count);
    if (from == NULL) return NULL;
    from->select = select;
    for (size_t i = 0; i < select->column_count; i++) {
        from->columns[i] = select->columns[i];
    }
    return name_columns(builder, sql_tree_get(fields, "alias"), from) ? from : NULL;
}

struct sql_from *sql_build_from(struct sql_builder *builder, json_t *node)
{
    json_t *fields = NULL;
    const char *kind = sql_tree_kind(node, &fields);

    if (strcmp(kind, "RangeFunction") == 0) return from_function(builder, fields);
    if (strcmp(kind, "RangeSubselect") == 0) return from_select(builder, fields);
    (void)sql_fail(builder->error, "0A000", sql_tree_position(fields),
                   "a FROM of this kind (%s) is not supported by this server", kind);
    return NULL;
}
