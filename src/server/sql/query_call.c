/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of functions, by the table in catalog_functions.def. */
#include <stdio.h>
#include <string.h>

#include "server/sql/query_own.h"

enum { SQL_ARGUMENTS_MAX = 32 };

/* Results that depend on the first argument; no type of PostgreSQL's has such a number. */
enum { FUNCTION_SAME = 1, FUNCTION_ARRAY = 2, FUNCTION_SUM = 3 };

struct function {
    const char *name;
    const char *arguments;
    uint32_t result;
    const char *sql;
    bool aggregate;
};

static const struct function functions[] = {
#define FUNCTION(name, arguments, result, sql)  {name, arguments, result, sql, false},
#define AGGREGATE(name, arguments, result, sql) {name, arguments, result, sql, true},
#include "server/sql/catalog_functions.def"
#undef FUNCTION
#undef AGGREGATE
};

/* What would take ids or change something: not in a query over catalogs. */
static const char *const refused[] = {"nextval", "currval", "lastval", "setval", "set_config"};

/* A call while it is translated. */
struct call {
    const json_t *fields;
    const char *name;
    struct part parts[SQL_ARGUMENTS_MAX];
    size_t count;
    const char *mode; /* of array_agg and string_agg: see order_keys */
    const char *keys;
};

static const char *display(const struct part *part)
{
    const struct catalog_type *type = catalog_type_find(part->type);

    return type == NULL ? "unknown" : type->display;
}

static bool unknown_function(struct build *build, const struct call *call, uint32_t position)
{
    static const char hint[] = "No function matches the given name and argument types. You might "
                               "need to add explicit type casts.";
    const char *list = NULL;

    for (size_t i = 0; i < call->count; i++) {
        list = build_join(build, list, ", ", display(&call->parts[i]));
    }
    (void)sql_fail(build->error, "42883", position, "function %s(%s) does not exist", call->name,
                   list == NULL ? "" : list);
    memcpy(build->error->hint, hint, sizeof hint);
    return false;
}

/* Whether a part may be what a letter of catalog_functions.def says. */
static bool fits(const struct part *part, char letter)
{
    char category = type_category(part->type);

    switch (letter) {
    case 't':
        return category == 'S' || category == 'X';
    case 'o':
    case 'i':
    case 'b':
    case 'n':
        return category == 'N' || category == 'X';
    case 'c':
        return category == 'N' || category == 'S' || category == 'X';
    case 'B':
        return category == 'B' || category == 'X';
    case 'A':
        return category == 'A' || category == 'X' || part->type == CATALOG_ANYARRAY;
    case 'v':
        return part->type == CATALOG_INT2VECTOR;
    default:
        return true;
    }
}

/* The letter for argument index; 0: it takes no more. */
static char letter_at(const char *arguments, size_t index)
{
    char last = '\0';

    for (; *arguments != '\0'; arguments++) {
        if (*arguments == '|') continue;
        if (*arguments == '*') return last;
        last = *arguments;
        if (index-- == 0) return last;
    }
    return '\0';
}

static size_t least(const char *arguments)
{
    size_t count = strcspn(arguments, "|");

    return count > 0 && arguments[count - 1] == '*' ? count - 2 : count;
}

static bool matches(const struct function *function, const struct call *call)
{
    if (strcmp(function->name, call->name) != 0) return false;
    if (call->count < least(function->arguments)) return false;
    for (size_t i = 0; i < call->count; i++) {
        char letter = letter_at(function->arguments, i);

        if (letter == '\0' || !fits(&call->parts[i], letter)) return false;
    }
    return true;
}

static bool become(struct build *build, struct part *part, char letter)
{
    switch (letter) {
    case 'o':
        return build_become(build, part, SQL_OID);
    case 'i':
        return build_become(build, part, SQL_INT4);
    case 'b':
    case 'n':
        return build_become(build, part, SQL_INT8);
    case 'B':
        return build_become(build, part, SQL_BOOL);
    case 'A':
        return build_become(build, part, SQL_TEXT_ARRAY);
    case 'c':
        if (part->type == SQL_UNKNOWN || type_category(part->type) == 'S') {
            return build_cast(build, part, SQL_REGCLASS);
        }
        return true;
    default:
        return build_become(build, part, SQL_TEXT);
    }
}

static uint32_t result_type(const struct function *function, const struct call *call)
{
    uint32_t first = call->count == 0 ? SQL_UNKNOWN : call->parts[0].type;
    const struct catalog_type *type = catalog_type_find(first);

    switch (function->result) {
    case FUNCTION_SAME:
        return first;
    case FUNCTION_ARRAY:
        return type == NULL || type->array == 0 ? SQL_TEXT_ARRAY : type->array;
    case FUNCTION_SUM:
        return first == SQL_INT2 || first == SQL_INT4 ? SQL_INT8 : SQL_NUMERIC;
    default:
        return function->result;
    }
}

/* The words with the arguments in their places. */
static const char *fill(struct build *build, const struct function *function,
                        const struct call *call)
{
    bool distinct = sql_tree_true(call->fields, "agg_distinct");
    const char *sql = "";
    const char *all = NULL;

    for (size_t i = 0; i < call->count; i++) {
        all = build_join(build, all, ", ", call->parts[i].sql);
    }
    for (const char *at = function->sql; *at != '\0';) {
        size_t plain = strcspn(at, function->aggregate ? "$%#@" : "$");

        sql = build_say(build, "%s%.*s", sql, (int)plain, at);
        at += plain;
        if (*at == '\0') break;
        const char *piece = "";

        if (*at == '$' && at[1] == '*') {
            piece = all == NULL ? "" : all;
        } else if (*at == '$') {
            piece = call->parts[at[1] - '1'].sql;
        } else if (*at == '%') {
            piece = distinct ? "DISTINCT " : "";
        } else {
            piece = *at == '#' ? call->mode : call->keys;
        }
        sql = build_say(build, "%s%s", sql, piece);
        at += *at == '$' ? 2 : 1;
    }
    return sql;
}

/*
 * array_agg (x ORDER BY y DESC): SQLite cannot, so the aggregate is given the keys and sorts. The
 * mode has a letter for DISTINCT and one for each key: a, d; capital: NULLs first.
 */
static bool order_keys(struct build *build, struct scope *scope, struct call *call)
{
    const json_t *order = sql_tree_get(call->fields, "agg_order");
    const char *mode = sql_tree_true(call->fields, "agg_distinct") ? "u" : "-";
    const char *keys = "";

    for (size_t i = 0; i < sql_tree_count(order); i++) {
        const json_t *sort = sql_tree_of(sql_tree_item(order, i), "SortBy");
        const char *nulls = sql_tree_text(sort, "sortby_nulls");
        bool down = strcmp(sql_tree_text(sort, "sortby_dir"), "SORTBY_DESC") == 0;
        bool first = strcmp(nulls, "SORTBY_NULLS_FIRST") == 0 ||
                     (down && strcmp(nulls, "SORTBY_NULLS_LAST") != 0);
        struct part part = {0};

        if (!build_expr(build, scope, sql_tree_get(sort, "node"), &part) ||
            !build_become(build, &part, SQL_TEXT)) {
            return false;
        }
        keys = build_say(build, "%s, %s", keys, part.sql);
        mode = build_say(build, "%s%c", mode, first ? (down ? 'D' : 'A') : (down ? 'd' : 'a'));
    }
    call->mode = build_quote(build, mode);
    call->keys = keys;
    return true;
}

/* OVER (PARTITION BY … ORDER BY …) */
static bool over(struct build *build, struct scope *scope, const json_t *window, const char **sql)
{
    const json_t *partition = sql_tree_get(window, "partitionClause");
    const struct output *outputs = scope->outputs;
    const char *list = NULL;
    const char *order = "";

    if (sql_tree_has(window, "name") || sql_tree_has(window, "refname")) {
        return sql_fail(build->error, "0A000", sql_tree_position(window),
                        "named windows are not supported here");
    }
    for (size_t i = 0; i < sql_tree_count(partition); i++) {
        struct part part = {0};

        if (!build_expr(build, scope, sql_tree_item(partition, i), &part) ||
            !build_become(build, &part, SQL_TEXT)) {
            return false;
        }
        list = build_join(build, list, ", ", part.sql);
    }
    scope->outputs = NULL; /* its ORDER BY knows no columns of the result */
    bool good = build_order(build, scope, sql_tree_get(window, "orderClause"), &order);

    scope->outputs = outputs;
    *sql = build_say(build, " OVER (%s%s%s)", list == NULL ? "" : "PARTITION BY ",
                     list == NULL ? "" : list, order);
    return good;
}

static bool aggregate(struct build *build, struct scope *scope, struct call *call,
                      struct part *part)
{
    json_t *filter = sql_tree_get(call->fields, "agg_filter");
    const json_t *window = sql_tree_get(call->fields, "over");
    struct part condition = {0};
    const char *words = "";

    if (filter != NULL) {
        if (!build_condition(build, scope, filter, "FILTER", &condition)) return false;
        part->sql = build_say(build, "%s FILTER (WHERE %s)", part->sql, condition.sql);
    }
    if (window == NULL) return true;
    if (!over(build, scope, window, &words)) return false;
    part->sql = build_say(build, "%s%s", part->sql, words);
    return true;
}

static bool call_found(struct build *build, struct scope *scope, const struct function *function,
                       struct call *call, struct part *part)
{
    for (size_t i = 0; i < call->count; i++) {
        if (!become(build, &call->parts[i], letter_at(function->arguments, i))) return false;
    }
    part->type = result_type(function, call);
    if (function->result == FUNCTION_ARRAY) build_element(build, &call->parts[0]);
    if (strstr(function->sql, "pawl_concat") != NULL ||
        strstr(function->sql, "pawl_format(") != NULL) {
        for (size_t i = 0; i < call->count; i++) {
            if (!build_cast(build, &call->parts[i], SQL_TEXT)) return false;
        }
    }
    if (strstr(function->sql, "pawl_may") != NULL || strstr(function->sql, "_visible(") != NULL ||
        strstr(function->sql, "pawl_to_reg") != NULL ||
        strstr(function->sql, "pawl_serial") != NULL ||
        strstr(function->sql, "pawl_sequence") != NULL) {
        build->query->wants_list = true;
    }
    if (function->aggregate && !order_keys(build, scope, call)) return false;
    part->sql = fill(build, function, call);
    return !function->aggregate || aggregate(build, scope, call, part);
}

bool build_call(struct build *build, struct scope *scope, const json_t *fields, struct part *part)
{
    const json_t *words = sql_tree_get(fields, "funcname");
    const json_t *args = sql_tree_get(fields, "args");
    struct pawl_bytes name = sql_tree_word(words, sql_tree_count(words) - 1);
    struct call call = {.fields = fields, .name = name.size == 0 ? "" : name.at};

    for (size_t i = 0; i < PAWL_COUNT(refused); i++) {
        if (strcmp(call.name, refused[i]) != 0) continue;
        (void)sql_fail(build->error, "0A000", part->position,
                       "%s is not supported in a query over tables or with subqueries", call.name);
        (void)snprintf(build->error->hint, sizeof build->error->hint,
                       "This server, pawl, has no tables. %s",
                       strcmp(call.name, "setval") == 0
                           ? "Ask your database first, as in SELECT max(id) FROM orders, then say "
                             "what it answered here: SELECT setval('orders_seq', 41213)."
                           : "Call it in a SELECT of its own, for several at once over "
                             "generate_series.");
        return false;
    }
    if (sql_tree_true(fields, "agg_star") && strcmp(call.name, "count") == 0) {
        part->sql = "count(*)";
        part->type = SQL_INT8;
        return aggregate(build, scope, &call, part);
    }
    if (sql_tree_count(args) > SQL_ARGUMENTS_MAX) {
        return sql_fail(build->error, "54023", part->position,
                        "cannot pass more than %d arguments to a function here", SQL_ARGUMENTS_MAX);
    }
    call.count = sql_tree_count(args);
    if (!build_list(build, scope, args, call.parts)) return false;
    for (size_t i = 0; i < PAWL_COUNT(functions); i++) {
        if (matches(&functions[i], &call)) {
            return call_found(build, scope, &functions[i], &call, part);
        }
    }
    return unknown_function(build, &call, part->position);
}
