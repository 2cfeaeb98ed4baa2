/* SPDX-License-Identifier: Apache-2.0 */
/* What PostgreSQL calls a column that was not given a name (its FigureColname). */
#include <string.h>

#include "server/sql/query_own.h"

static const char *call_name(const json_t *fields)
{
    const json_t *words = sql_tree_get(fields, "funcname");
    size_t count = sql_tree_count(words);

    return count == 0 ? "?column?" : sql_tree_word(words, count - 1).at;
}

static const char *value_function_name(const char *op)
{
    static const struct {
        const char *op, *name;
    } names[] = {
        {"SVFOP_CURRENT_USER", "current_user"},
        {"SVFOP_USER", "user"},
        {"SVFOP_SESSION_USER", "session_user"},
        {"SVFOP_CURRENT_ROLE", "current_role"},
        {"SVFOP_CURRENT_CATALOG", "current_catalog"},
        {"SVFOP_CURRENT_SCHEMA", "current_schema"},
        {"SVFOP_CURRENT_DATE", "current_date"},
        {"SVFOP_CURRENT_TIMESTAMP", "current_timestamp"},
    };

    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        if (strcmp(op, names[i].op) == 0) return names[i].name;
    }
    return "?column?";
}

static const char *sublink_name(const json_t *fields, uint32_t depth)
{
    const char *kind = sql_tree_text(fields, "subLinkType");
    const json_t *select = sql_tree_of(sql_tree_get(fields, "subselect"), "SelectStmt");
    const json_t *target =
        sql_tree_of(sql_tree_item(sql_tree_get(select, "targetList"), 0), "ResTarget");

    if (strcmp(kind, "EXISTS_SUBLINK") == 0) return "exists";
    if (strcmp(kind, "ARRAY_SUBLINK") == 0) return "array";
    if (strcmp(kind, "EXPR_SUBLINK") != 0) return "?column?";
    if (sql_tree_has(target, "name")) return sql_tree_text(target, "name");
    return target == NULL ? "?column?" : build_name(sql_tree_get(target, "val"), depth);
}

/* The last name in a list of names; stars and indices have none. */
static const char *last_name(const json_t *words, const char *otherwise)
{
    for (size_t i = sql_tree_count(words); i > 0; i--) {
        if (sql_tree_word(words, i - 1).size > 0) return sql_tree_word(words, i - 1).at;
    }
    return otherwise;
}

static const char *cast_name(const json_t *fields, uint32_t depth)
{
    const json_t *type = sql_tree_get(fields, "typeName");
    const char *name = build_name(sql_tree_get(fields, "arg"), depth);

    if (strcmp(name, "?column?") != 0) return name;
    return last_name(sql_tree_get(type, "names"), name);
}

const char *build_name(json_t *node, uint32_t depth)
{
    static const struct {
        const char *kind, *name;
    } fixed[] = {{"CaseExpr", "case"},
                 {"CoalesceExpr", "coalesce"},
                 {"A_ArrayExpr", "array"},
                 {"RowExpr", "row"}};
    json_t *fields = NULL;
    const char *kind = sql_tree_kind(node, &fields);

    if (depth > SQL_QUERY_DEPTH_MAX) return "?column?";
    if (strcmp(kind, "ColumnRef") == 0) {
        return last_name(sql_tree_get(fields, "fields"), "?column?");
    }
    if (strcmp(kind, "A_Indirection") == 0) {
        return last_name(sql_tree_get(fields, "indirection"),
                         build_name(sql_tree_get(fields, "arg"), depth + 1));
    }
    if (strcmp(kind, "FuncCall") == 0) return call_name(fields);
    if (strcmp(kind, "TypeCast") == 0) return cast_name(fields, depth + 1);
    if (strcmp(kind, "CollateClause") == 0) {
        return build_name(sql_tree_get(fields, "arg"), depth + 1);
    }
    if (strcmp(kind, "SubLink") == 0) return sublink_name(fields, depth + 1);
    if (strcmp(kind, "SQLValueFunction") == 0) {
        return value_function_name(sql_tree_text(fields, "op"));
    }
    if (strcmp(kind, "MinMaxExpr") == 0) {
        return strcmp(sql_tree_text(fields, "op"), "IS_LEAST") == 0 ? "least" : "greatest";
    }
    if (strcmp(kind, "A_Expr") == 0 && strcmp(sql_tree_text(fields, "kind"), "AEXPR_NULLIF") == 0) {
        return "nullif";
    }
    for (size_t i = 0; i < PAWL_COUNT(fixed); i++) {
        if (strcmp(kind, fixed[i].kind) == 0) return fixed[i].name;
    }
    return "?column?";
}
