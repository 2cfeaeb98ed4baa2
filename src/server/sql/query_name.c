/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PostgreSQL calls a column that was not given a name (its FigureColname). Some names are
 * weak: that of a cast's type, or "case", gives way to one that is found around or within.
 */
#include <string.h>

#include "server/sql/query_own.h"

static const char *const nameless = "?column?";

struct figured {
    const char *name;
    bool strong;
};

static struct figured figure(json_t *node, uint32_t depth);

static struct figured strong(const char *name)
{
    return (struct figured){name, true};
}

static struct figured value_function_name(const char *op)
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
        if (strcmp(op, names[i].op) == 0) return strong(names[i].name);
    }
    return (struct figured){nameless, false};
}

static struct figured sublink_name(const json_t *fields, uint32_t depth)
{
    const char *kind = sql_tree_text(fields, "subLinkType");
    const json_t *select = sql_tree_of(sql_tree_get(fields, "subselect"), "SelectStmt");
    const json_t *target =
        sql_tree_of(sql_tree_item(sql_tree_get(select, "targetList"), 0), "ResTarget");

    if (strcmp(kind, "EXISTS_SUBLINK") == 0) return strong("exists");
    if (strcmp(kind, "ARRAY_SUBLINK") == 0) return strong("array");
    if (strcmp(kind, "EXPR_SUBLINK") != 0 || target == NULL) {
        return (struct figured){nameless, false};
    }
    if (sql_tree_has(target, "name")) return strong(sql_tree_text(target, "name"));
    struct figured found = figure(sql_tree_get(target, "val"), depth);

    found.strong = strcmp(found.name, nameless) != 0;
    return found;
}

/* The last name in a list of names; stars and indices have none. */
static struct figured last_name(const json_t *words, struct figured otherwise)
{
    for (size_t i = sql_tree_count(words); i > 0; i--) {
        if (sql_tree_word(words, i - 1).size > 0) return strong(sql_tree_word(words, i - 1).at);
    }
    return otherwise;
}

static struct figured cast_name(const json_t *fields, uint32_t depth)
{
    const json_t *type = sql_tree_get(fields, "typeName");
    struct figured found = figure(sql_tree_get(fields, "arg"), depth);

    if (found.strong) return found;
    found = last_name(sql_tree_get(type, "names"), found);
    found.strong = false;
    return found;
}

static struct figured case_name(const json_t *fields, uint32_t depth)
{
    struct figured found = {nameless, false};

    if (sql_tree_has(fields, "defresult")) found = figure(sql_tree_get(fields, "defresult"), depth);
    return found.strong ? found : (struct figured){"case", false};
}

/* Kinds of nodes that are looked into. */
static struct figured figure_deep(const char *kind, const json_t *fields, uint32_t depth)
{
    const struct figured none = {nameless, false};

    if (strcmp(kind, "ColumnRef") == 0) return last_name(sql_tree_get(fields, "fields"), none);
    if (strcmp(kind, "FuncCall") == 0) return last_name(sql_tree_get(fields, "funcname"), none);
    if (strcmp(kind, "TypeCast") == 0) return cast_name(fields, depth);
    if (strcmp(kind, "CaseExpr") == 0) return case_name(fields, depth);
    if (strcmp(kind, "SubLink") == 0) return sublink_name(fields, depth);
    if (strcmp(kind, "CollateClause") == 0) return figure(sql_tree_get(fields, "arg"), depth);
    if (strcmp(kind, "A_Indirection") == 0) {
        return last_name(sql_tree_get(fields, "indirection"),
                         figure(sql_tree_get(fields, "arg"), depth));
    }
    return none;
}

static struct figured figure(json_t *node, uint32_t depth)
{
    static const struct {
        const char *kind, *name;
    } fixed[] = {{"CoalesceExpr", "coalesce"}, {"A_ArrayExpr", "array"}, {"RowExpr", "row"}};
    json_t *fields = NULL;
    const char *kind = sql_tree_kind(node, &fields);

    if (depth > SQL_QUERY_DEPTH_MAX) return (struct figured){nameless, false};
    for (size_t i = 0; i < PAWL_COUNT(fixed); i++) {
        if (strcmp(kind, fixed[i].kind) == 0) return strong(fixed[i].name);
    }
    if (strcmp(kind, "SQLValueFunction") == 0) {
        return value_function_name(sql_tree_text(fields, "op"));
    }
    if (strcmp(kind, "MinMaxExpr") == 0) {
        bool least = strcmp(sql_tree_text(fields, "op"), "IS_LEAST") == 0;

        return strong(least ? "least" : "greatest");
    }
    if (strcmp(kind, "A_Expr") == 0 && strcmp(sql_tree_text(fields, "kind"), "AEXPR_NULLIF") == 0) {
        return strong("nullif");
    }
    return figure_deep(kind, fields, depth + 1);
}

const char *build_name(json_t *node)
{
    return figure(node, 0).name;
}
