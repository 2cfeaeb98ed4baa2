/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in FROM, and what names mean because of it. */
#include <string.h>

#include "server/sql/query_own.h"

void scope_open(struct scope *scope, const struct scope *outer)
{
    *scope = (struct scope){.outer = outer};
    scope->ranges_end = &scope->ranges;
}

static bool scope_add(struct build *build, struct scope *scope, struct range *range)
{
    if (scope->range_count++ == SQL_RANGES_MAX) {
        return sql_fail(build->error, "54001", 0, "at most %d tables can be joined",
                        SQL_RANGES_MAX);
    }
    *scope->ranges_end = range;
    scope->ranges_end = &range->next;
    return true;
}

/* alias (x, y): gives a range its names. */
static bool rename_range(struct build *build, const json_t *alias, struct range *range)
{
    const json_t *names = sql_tree_get(alias, "colnames");
    size_t visible = 0;

    if (alias == NULL) return true;
    PAWL_ASSERT(range != NULL);
    if (range->schema != NULL || range->sequence != NULL) range->table = range->alias;
    range->alias = sql_tree_text(alias, "aliasname");
    range->schema = NULL;
    for (size_t i = 0; i < range->column_count; i++) {
        if (!range->columns[i].hidden) visible++;
    }
    if (sql_tree_count(names) > visible) {
        return sql_fail(build->error, "42P10", 0,
                        "table \"%s\" has %zu columns available but %zu columns specified",
                        range->alias, visible, sql_tree_count(names));
    }
    for (size_t i = 0, name = 0; name < sql_tree_count(names); i++) {
        if (range->columns[i].hidden) continue;
        range->columns[i].name = sql_tree_word(names, name++).at;
    }
    return true;
}

static struct range *range_new(struct build *build, const char *alias, size_t column_count)
{
    struct range *range = build_array(build, 1, sizeof *range);
    struct column *columns = build_array(build, column_count + 1, sizeof *columns);

    if (range == NULL || columns == NULL) return NULL;
    range->alias = alias;
    range->columns = columns;
    range->column_count = column_count;
    return range;
}

static const char *new_alias(struct build *build)
{
    return build_say(build, "t%u", ++build->alias_count);
}

/* A range over a SELECT's or WITH's columns, which are called c1, c2 … */
static struct range *range_of(struct build *build, const char *name, const char *alias,
                              const struct column *columns, size_t count)
{
    struct range *range = range_new(build, name, count);

    for (size_t i = 0; range != NULL && i < count; i++) {
        range->columns[i] = (struct column){
            .name = columns[i].name,
            .sql = build_say(build, "%s.c%zu", alias, i + 1),
            .type = columns[i].type == SQL_UNKNOWN ? SQL_TEXT : columns[i].type,
        };
    }
    return range;
}

static bool from_catalog(struct build *build, const struct catalog_relation *relation,
                         struct range **range, const char **sql)
{
    const char *alias = new_alias(build);
    const char *at = relation->columns;
    struct pawl_bytes name;
    uint32_t type = 0;
    size_t count = 0;

    while (catalog_column_next(&at, &name, &type)) {
        count++;
    }
    *range = range_new(build, relation->name, count + 1);
    if (*range == NULL) return false;
    at = relation->columns;
    for (size_t i = 0; catalog_column_next(&at, &name, &type); i++) {
        const char *own = build_say(build, "%.*s", (int)name.size, name.at);

        (*range)->columns[i] = (struct column){
            .name = own, .sql = build_say(build, "%s.\"%s\"", alias, own), .type = type};
    }
    (*range)->columns[count] = (struct column){.name = "tableoid",
                                               .sql = build_say(build, "%u", relation->oid),
                                               .type = SQL_OID,
                                               .hidden = true};
    (*range)->schema = relation->schema == CATALOG_PG_CATALOG ? "pg_catalog" : "information_schema";
    build->query->used[relation - catalog_relations] = true;
    if (catalog_relation_lists(relation)) build->query->wants_list = true;
    *sql = build_say(build, "\"%s.%s\" AS %s", (*range)->schema, relation->name, alias);
    return true;
}

static bool from_sequence(struct build *build, const json_t *fields, struct range **range,
                          const char **sql)
{
    static const struct column columns[] = {
        {"last_value", NULL, SQL_INT8, false, false},
        {"log_cnt", NULL, SQL_INT8, false, false},
        {"is_called", NULL, SQL_BOOL, false, false},
    };
    struct sql_name name = sql_tree_range(fields);
    const char *alias = new_alias(build);
    size_t index = 0;

    if (!build_relation(build, &name, sql_tree_position(fields), &index)) return false;
    build->query->reads[index] = true;
    *range = range_new(build, sql_tree_text(fields, "relname"), PAWL_COUNT(columns) + 1);
    if (*range == NULL) return false;
    (*range)->sequence = (*range)->alias;
    for (size_t i = 0; i < PAWL_COUNT(columns); i++) {
        (*range)->columns[i] = columns[i];
        (*range)->columns[i].sql = build_say(build, "%s.%s", alias, columns[i].name);
    }
    (*range)->columns[PAWL_COUNT(columns)] =
        (struct column){.name = "tableoid",
                        .sql = build_say(build, "pawl_relation_oid(%zu)", index),
                        .type = SQL_OID,
                        .hidden = true};
    *sql = build_say(build, "pawl_relation(%zu) AS %s", index, alias);
    return true;
}

static const struct common *common_named(const struct scope *scope, const char *name)
{
    for (; scope != NULL; scope = scope->outer) {
        for (const struct common *one = scope->commons; one != NULL; one = one->next) {
            if (strcmp(one->name, name) == 0) return one;
        }
    }
    return NULL;
}

static bool from_table(struct build *build, struct scope *scope, const json_t *fields,
                       struct range **range, const char **sql)
{
    struct sql_name name = sql_tree_range(fields);
    const struct common *common =
        name.schema.size > 0 ? NULL : common_named(scope, sql_tree_text(fields, "relname"));
    const struct catalog_relation *relation = catalog_relation_named(name.schema, name.relation);

    if (common != NULL) {
        const char *alias = new_alias(build);

        if (!build_tables(build, common->table_count)) return false;
        *range = range_of(build, common->name, alias, common->columns, common->column_count);
        *sql = build_say(build, "%s AS %s", common->alias, alias);
        return *range != NULL;
    }
    if (relation != NULL) return from_catalog(build, relation, range, sql);
    if (pawl_bytes_equal(name.schema, PAWL_BYTES("pg_catalog")) ||
        pawl_bytes_equal(name.schema, PAWL_BYTES("information_schema"))) {
        return sql_fail(build->error, "42P01", sql_tree_position(fields),
                        "relation \"%.*s.%.*s\" does not exist", (int)name.schema.size,
                        name.schema.at, (int)name.relation.size, name.relation.at);
    }
    return from_sequence(build, fields, range, sql);
}

static bool from_select(struct build *build, struct scope *scope, const json_t *fields,
                        struct range **range, const char **sql)
{
    const json_t *select = sql_tree_of(sql_tree_get(fields, "subquery"), "SelectStmt");
    struct scope outside = {.outer = scope->outer, .commons = scope->commons};
    const char *alias = new_alias(build);
    struct output output = {0};

    outside.ranges_end = &outside.ranges;
    if (sql_tree_true(fields, "lateral")) {
        return sql_fail(build->error, "0A000", 0, "LATERAL subqueries are not supported here");
    }
    if (!build_select(build, select, &outside, &output)) return false;
    *range = range_of(build, "", alias, output.columns, output.count);
    *sql = build_say(build, "(%s) AS %s", output.sql, alias);
    return *range != NULL;
}

/* Functions that give rows, as tables of ours with arguments. */
static const struct row_function {
    const char *name;
    const char *table;
    size_t least, most;
} row_functions[] = {
    {"generate_series", "pawl_series", 2, 3},
    {"generate_subscripts", "pawl_subscripts", 2, 3},
    {"unnest", "pawl_unnest", 1, 2},
};

enum { ROW_ARGUMENTS_MAX = 3 };

/* What stands for one of them: SQLite's words, and its columns' types. */
struct rows {
    const char *sql;
    uint32_t types[2];
    size_t column_count;
};

static bool series_rows(struct build *build, struct part *parts, size_t count, struct rows *rows)
{
    const char *list = NULL;

    for (size_t i = 0; i < count; i++) {
        if (!build_become(build, &parts[i], SQL_INT4)) return false;
        if (type_category(parts[i].type) != 'N') {
            return sql_fail(build->error, "0A000", parts[i].position,
                            "generate_series is supported for whole numbers only");
        }
        list = build_join(build, list, ", ", parts[i].sql);
    }
    rows->types[0] = parts[1].type == SQL_INT8 ? SQL_INT8 : parts[0].type;
    rows->sql = list;
    return true;
}

static bool array_rows(struct build *build, struct part *parts, size_t count, struct rows *rows)
{
    const char *list = NULL;

    for (size_t i = 0; i < count; i++) {
        if (!build_become(build, &parts[i], SQL_TEXT_ARRAY)) return false;
        const struct catalog_type *type = catalog_type_find(parts[i].type);

        rows->types[i] = type == NULL || type->element == 0 ? SQL_TEXT : type->element;
        list =
            build_join(build, list, ", ", build_say(build, "%s, %u", parts[i].sql, rows->types[i]));
    }
    rows->sql = list;
    rows->column_count = count;
    return true;
}

static bool from_rows(struct build *build, struct scope *scope, const json_t *call,
                      const struct row_function *function, struct rows *rows)
{
    const json_t *args = sql_tree_get(call, "args");
    size_t count = sql_tree_count(args);
    struct part parts[ROW_ARGUMENTS_MAX] = {0};
    bool good = false;

    if (count < function->least || count > function->most) {
        return sql_fail(build->error, "42883", sql_tree_position(call),
                        "function %s with %zu arguments does not exist", function->name, count);
    }
    if (!build_list(build, scope, args, parts)) return false;
    rows->column_count = 1;
    if (strcmp(function->name, "unnest") == 0) {
        good = array_rows(build, parts, count, rows);
    } else if (strcmp(function->name, "generate_series") == 0) {
        good = series_rows(build, parts, count, rows);
    } else {
        rows->types[0] = SQL_INT4;
        good = build_become(build, &parts[0], SQL_TEXT_ARRAY) &&
               build_become(build, &parts[1], SQL_INT4);
        rows->sql = build_say(build, "%s, %s", parts[0].sql, parts[1].sql);
    }
    rows->sql = build_say(build, "%s(%s)", function->table, rows->sql == NULL ? "" : rows->sql);
    return good;
}

/* A function of one value is a table of one row. */
static bool from_value(struct build *build, struct scope *scope, json_t *node, struct rows *rows)
{
    struct part part = {0};

    if (!build_expr(build, scope, node, &part) || !build_become(build, &part, SQL_TEXT)) {
        return false;
    }
    rows->sql = build_say(build, "(SELECT %s AS value, 1 AS ordinal)", part.sql);
    rows->types[0] = part.type;
    rows->column_count = 1;
    return true;
}

static bool from_keywords(struct build *build, struct range **range, const char **sql)
{
    static const struct column columns[] = {
        {"word", NULL, SQL_TEXT, false, false},      {"catcode", NULL, SQL_CHAR, false, false},
        {"barelabel", NULL, SQL_BOOL, false, false}, {"catdesc", NULL, SQL_TEXT, false, false},
        {"baredesc", NULL, SQL_TEXT, false, false},
    };
    const char *alias = new_alias(build);

    *range = range_of(build, "pg_get_keywords", alias, columns, PAWL_COUNT(columns));
    *sql = build_say(build, "%s AS %s", build_keywords(build), alias);
    return *range != NULL;
}

/* f(…) AS alias, perhaps WITH ORDINALITY. */
static bool from_call(struct build *build, struct scope *scope, const json_t *fields,
                      struct range **range, const char **sql)
{
    static const char *const own[] = {"value", "other"};
    const json_t *functions = sql_tree_get(fields, "functions");
    json_t *node = sql_tree_item(sql_tree_item(functions, 0), 0);
    const json_t *call = sql_tree_of(node, "FuncCall");
    const char *name = build_name(node);
    const char *given = sql_tree_text(sql_tree_get(fields, "alias"), "aliasname");
    const char *alias = new_alias(build);
    struct rows rows = {0};
    bool good = false;
    size_t which = 0;

    if (sql_tree_count(functions) > 1 || sql_tree_has(fields, "coldeflist")) {
        return sql_fail(build->error, "0A000", 0, "ROWS FROM is not supported here");
    }
    if (strcmp(name, "pg_get_keywords") == 0 && call != NULL && !sql_tree_has(call, "args")) {
        return from_keywords(build, range, sql);
    }
    while (which < PAWL_COUNT(row_functions) && strcmp(name, row_functions[which].name) != 0) {
        which++;
    }
    if (call != NULL && which < PAWL_COUNT(row_functions)) {
        good = from_rows(build, scope, call, &row_functions[which], &rows);
    } else {
        good = from_value(build, scope, node, &rows);
    }
    bool ordinality = sql_tree_true(fields, "ordinality");

    if (good) *range = range_new(build, name, rows.column_count + ordinality);
    if (!good || *range == NULL) return false;
    for (size_t i = 0; i < rows.column_count && i < PAWL_COUNT(own); i++) {
        (*range)->columns[i] = (struct column){
            .name = *given == '\0' || rows.column_count > 1 ? name : given,
            .sql = build_say(build, "%s.%s", alias, own[i]),
            .type = rows.types[i],
        };
    }
    if (ordinality) {
        (*range)->columns[rows.column_count] = (struct column){
            .name = "ordinality", .sql = build_say(build, "%s.ordinal", alias), .type = SQL_INT8};
    }
    *sql = build_say(build, "%s AS %s", rows.sql, alias);
    return true;
}

static bool from_item(struct build *build, struct scope *scope, json_t *node, const char **sql);

/* The first column of that name from begin on; NULL: there is none before end. */
static struct column *side_column(struct range *begin, const struct range *end, const char *name)
{
    for (struct range *range = begin; range != end; range = range->next) {
        for (size_t i = 0; i < range->column_count; i++) {
            struct column *column = &range->columns[i];

            if (!column->merged && strcmp(column->name, name) == 0) return column;
        }
    }
    return NULL;
}

/* One column of USING: both sides' become one, which needs no table's name. */
static bool merge(struct build *build, const char *name, struct range *begin[2],
                  struct column *merged, const char **condition)
{
    struct column *left = side_column(begin[0], begin[1], name);
    struct column *right = side_column(begin[1], NULL, name);
    struct part equal = {0};

    if (left == NULL || right == NULL) {
        return sql_fail(build->error, "42703", 0,
                        "column \"%s\" specified in USING clause does not exist in %s table", name,
                        left == NULL ? "left" : "right");
    }
    struct part parts[2] = {{.sql = left->sql, .type = left->type},
                            {.sql = right->sql, .type = right->type}};

    if (!build_compare(build, "=", &parts[0], &parts[1], &equal)) return false;
    left->merged = true;
    right->merged = true;
    *merged =
        (struct column){.name = name,
                        .sql = build_say(build, "coalesce(%s, %s)", parts[0].sql, parts[1].sql),
                        .type = parts[0].type};
    *condition = build_join(build, *condition, " AND ", equal.sql);
    return true;
}

static bool join_using(struct build *build, struct scope *scope, const json_t *names,
                       struct range *begin[2], const char **condition)
{
    size_t count = sql_tree_count(names);
    struct range *joined = range_new(build, "", count);

    if (joined == NULL) return false;
    joined->joined = true;
    for (size_t i = 0; i < count; i++) {
        const char *name = sql_tree_word(names, i).at;

        if (name == NULL || !merge(build, name, begin, &joined->columns[i], condition)) {
            return false;
        }
    }
    return scope_add(build, scope, joined);
}

static bool join_on(struct build *build, struct scope *scope, json_t *quals, struct range *begin,
                    const char **condition)
{
    struct scope inside = {.ranges = begin, .outer = scope};
    struct part part = {0};

    if (!build_condition(build, &inside, quals, "JOIN/ON", &part)) return false;
    *condition = part.sql;
    return true;
}

static const char *join_word(const char *type)
{
    if (strcmp(type, "JOIN_LEFT") == 0) return "LEFT JOIN";
    if (strcmp(type, "JOIN_RIGHT") == 0) return "RIGHT JOIN";
    return strcmp(type, "JOIN_FULL") == 0 ? "FULL JOIN" : "JOIN";
}

static bool from_join(struct build *build, struct scope *scope, const json_t *fields,
                      const char **sql)
{
    struct range **before = scope->ranges_end;
    const char *left = "";
    const char *right = "";
    const char *condition = NULL;

    if (sql_tree_true(fields, "isNatural") || sql_tree_has(fields, "alias")) {
        return sql_fail(build->error, "0A000", 0, "%s is not supported here",
                        sql_tree_has(fields, "alias") ? "an alias of a join" : "NATURAL JOIN");
    }
    if (!from_item(build, scope, sql_tree_get(fields, "larg"), &left)) return false;
    struct range **between = scope->ranges_end;

    if (!from_item(build, scope, sql_tree_get(fields, "rarg"), &right)) return false;
    PAWL_ASSERT(before != NULL && between != NULL);
    struct range *begin[2] = {*before, *between};
    bool good = true;

    if (sql_tree_has(fields, "usingClause")) {
        good = join_using(build, scope, sql_tree_get(fields, "usingClause"), begin, &condition);
    } else if (sql_tree_has(fields, "quals")) {
        good = join_on(build, scope, sql_tree_get(fields, "quals"), begin[0], &condition);
    }
    if (!good) return false;
    bool nested = sql_tree_of(sql_tree_get(fields, "rarg"), "JoinExpr") != NULL;

    *sql = build_say(build, "%s %s %s%s%s%s%s", left, join_word(sql_tree_text(fields, "jointype")),
                     nested ? "(" : "", right, nested ? ")" : "", condition == NULL ? "" : " ON ",
                     condition == NULL ? "" : condition);
    return true;
}

static bool from_item(struct build *build, struct scope *scope, json_t *node, const char **sql)
{
    static const struct {
        const char *kind;
        bool (*from)(struct build *build, struct scope *scope, const json_t *fields,
                     struct range **range, const char **sql);
    } kinds[] = {
        {"RangeVar", from_table}, {"RangeSubselect", from_select}, {"RangeFunction", from_call}};
    json_t *fields = NULL;
    const char *kind = sql_tree_kind(node, &fields);
    struct range *range = NULL;
    bool good = false;

    if (!build_deeper(build) || !build_tables(build, 1)) return false;
    if (strcmp(kind, "JoinExpr") == 0) {
        good = from_join(build, scope, fields, sql);
        build_higher(build);
        return good;
    }
    for (size_t i = 0; i < PAWL_COUNT(kinds); i++) {
        if (strcmp(kind, kinds[i].kind) != 0) continue;
        good = kinds[i].from(build, scope, fields, &range, sql) &&
               rename_range(build, sql_tree_get(fields, "alias"), range) &&
               scope_add(build, scope, range);
        build_higher(build);
        return good;
    }
    return sql_fail(build->error, "0A000", 0, "%s is not supported in FROM here", kind);
}

bool build_from(struct build *build, struct scope *scope, const json_t *list, const char **sql)
{
    size_t count = sql_tree_count(list);
    const char *items = NULL;

    for (size_t i = 0; i < count; i++) {
        json_t *node = sql_tree_item(list, i);
        const char *item = "";

        if (!from_item(build, scope, node, &item)) return false;
        if (count > 1 && sql_tree_of(node, "JoinExpr") != NULL) {
            item = build_say(build, "(%s)", item);
        }
        items = build_join(build, items, ", ", item);
    }
    *sql = items == NULL ? "" : build_say(build, " FROM %s", items);
    return true;
}
