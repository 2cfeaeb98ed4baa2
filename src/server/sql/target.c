/* SPDX-License-Identifier: Apache-2.0 */
/* What a SELECT's tree shows before it is built: columns' names, and whose it is. */
#include <string.h>

#include "server/sql/builder.h"
#include "server/sql/tree.h"

/* How good a name is: one that a cast only lends gives way to what is inside. */
enum strength { NO_NAME, WEAK_NAME, NAME };

static enum strength figure(json_t *node, struct pawl_bytes *name);

static enum strength last_word(const json_t *list, struct pawl_bytes *name)
{
    for (size_t i = sql_tree_count(list); i > 0; i--) {
        struct pawl_bytes word = sql_tree_word(list, i - 1);

        if (word.size == 0) continue;
        *name = word;
        return NAME;
    }
    return NO_NAME;
}

static enum strength figure_cast(const json_t *fields, struct pawl_bytes *name)
{
    enum strength strength = figure(sql_tree_get(fields, "arg"), name);

    if (strength == NAME) return NAME;
    return last_word(sql_tree_get(sql_tree_get(fields, "typeName"), "names"), name) == NAME
               ? WEAK_NAME
               : strength;
}

static enum strength figure_case(const json_t *fields, struct pawl_bytes *name)
{
    enum strength strength = figure(sql_tree_get(fields, "defresult"), name);

    if (strength == NAME) return NAME;
    *name = PAWL_BYTES("case");
    return WEAK_NAME;
}

static enum strength figure_sublink(const json_t *fields, struct pawl_bytes *name)
{
    const char *link = sql_tree_text(fields, "subLinkType");

    if (strcmp(link, "EXISTS_SUBLINK") == 0) *name = PAWL_BYTES("exists");
    if (strcmp(link, "ARRAY_SUBLINK") == 0) *name = PAWL_BYTES("array");
    if (strcmp(link, "EXPR_SUBLINK") != 0) {
        return strcmp(link, "ANY_SUBLINK") == 0 ? NO_NAME : NAME;
    }
    const json_t *select = sql_tree_of(sql_tree_get(fields, "subselect"), "SelectStmt");
    if (sql_tree_has(select, "valuesLists")) {
        *name = PAWL_BYTES("column1");
        return NAME;
    }
    const json_t *target =
        sql_tree_of(sql_tree_item(sql_tree_get(select, "targetList"), 0), "ResTarget");

    if (!sql_tree_has(target, "name")) return figure(sql_tree_get(target, "val"), name);
    *name = sql_tree_bytes(target, "name");
    return NAME;
}

static enum strength figure_value(const json_t *fields, struct pawl_bytes *name)
{
    static const struct {
        const char *op, *name;
    } names[] = {
        {"SVFOP_CURRENT_DATE", "current_date"},
        {"SVFOP_CURRENT_TIME", "current_time"},
        {"SVFOP_CURRENT_TIMESTAMP", "current_timestamp"},
        {"SVFOP_LOCALTIMESTAMP", "localtimestamp"},
        {"SVFOP_LOCALTIME", "localtime"},
        {"SVFOP_CURRENT_ROLE", "current_role"},
        {"SVFOP_CURRENT_USER", "current_user"},
        {"SVFOP_USER", "user"},
        {"SVFOP_SESSION_USER", "session_user"},
        {"SVFOP_CURRENT_CATALOG", "current_catalog"},
        {"SVFOP_CURRENT_SCHEMA", "current_schema"},
    };
    const char *op = sql_tree_text(fields, "op");

    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        size_t size = strlen(names[i].op);

        if (strncmp(op, names[i].op, size) != 0) continue;
        if (op[size] != '\0' && strcmp(op + size, "_N") != 0) continue;
        *name = (struct pawl_bytes){names[i].name, strlen(names[i].name)};
        return NAME;
    }
    return NO_NAME;
}

static enum strength figure(json_t *node, struct pawl_bytes *name)
{
    json_t *fields = NULL;
    const char *kind = sql_tree_kind(node, &fields);

    if (strcmp(kind, "ColumnRef") == 0) return last_word(sql_tree_get(fields, "fields"), name);
    if (strcmp(kind, "FuncCall") == 0) return last_word(sql_tree_get(fields, "funcname"), name);
    if (strcmp(kind, "TypeCast") == 0) return figure_cast(fields, name);
    if (strcmp(kind, "CaseExpr") == 0) return figure_case(fields, name);
    if (strcmp(kind, "SubLink") == 0) return figure_sublink(fields, name);
    if (strcmp(kind, "SQLValueFunction") == 0) return figure_value(fields, name);
    if (strcmp(kind, "CollateClause") == 0) return figure(sql_tree_get(fields, "arg"), name);
    if (strcmp(kind, "A_Expr") == 0) {
        *name = PAWL_BYTES("nullif");
        return strcmp(sql_tree_text(fields, "kind"), "AEXPR_NULLIF") == 0 ? NAME : NO_NAME;
    }
    if (strcmp(kind, "A_ArrayExpr") == 0) *name = PAWL_BYTES("array");
    if (strcmp(kind, "RowExpr") == 0) *name = PAWL_BYTES("row");
    if (strcmp(kind, "CoalesceExpr") == 0) *name = PAWL_BYTES("coalesce");
    if (strcmp(kind, "MinMaxExpr") == 0) {
        bool least = strcmp(sql_tree_text(fields, "op"), "IS_LEAST") == 0;

        *name = least ? PAWL_BYTES("least") : PAWL_BYTES("greatest");
    }
    return name->size > 0 ? NAME : NO_NAME;
}

struct pawl_bytes sql_target_name(json_t *node)
{
    struct pawl_bytes name = {"", 0};

    return figure(node, &name) == NO_NAME ? PAWL_BYTES("?column?") : name;
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) return true;
    }
    return false;
}

static bool member_is_query(const char *key, json_t *value)
{
    static const char *const keys[] = {
        "RangeVar",     "JoinExpr",       "withClause",       "groupClause",  "havingClause",
        "windowClause", "distinctClause", "sortClause",       "over",         "agg_star",
        "agg_filter",   "agg_order",      "agg_within_group", "agg_distinct", "RangeTableFunc",
    };
    static const char *const sets[] = {"SETOP_INTERSECT", "SETOP_EXCEPT"};
    static const char *const links[] = {"ANY_SUBLINK", "ALL_SUBLINK", "ROWCOMPARE_SUBLINK"};
    static const char *const aggregates[] = {
        "count",      "min",      "max",     "sum",   "avg",      "array_agg",
        "string_agg", "bool_and", "bool_or", "every", "json_agg", "jsonb_agg",
    };

    if (is_one_of(key, keys, PAWL_COUNT(keys))) return true;
    if (strcmp(key, "fromClause") == 0) return sql_tree_count(value) > 1;
    if (strcmp(key, "op") == 0 && json_is_string(value)) {
        return is_one_of(json_string_value(value), sets, PAWL_COUNT(sets));
    }
    if (strcmp(key, "subLinkType") == 0) {
        return is_one_of(json_string_value(value), links, PAWL_COUNT(links));
    }
    if (strcmp(key, "funcname") != 0) return false;
    size_t count = sql_tree_count(value);
    return count > 0 &&
           is_one_of(sql_tree_word(value, count - 1).at, aggregates, PAWL_COUNT(aggregates));
}

bool sql_select_is_query(json_t *node)
{
    const char *key = NULL;
    json_t *value = NULL;
    size_t i = 0;

    if (json_is_array(node)) {
        json_array_foreach(node, i, value)
        {
            if (sql_select_is_query(value)) return true;
        }
    } else if (json_is_object(node)) {
        bool distinct =
            strcmp(sql_tree_text(node, "op"), "SETOP_UNION") == 0 && !sql_tree_true(node, "all");

        if (distinct) return true;
        json_object_foreach(node, key, value)
        {
            if (member_is_query(key, value) || sql_select_is_query(value)) return true;
        }
    }
    return false;
}
