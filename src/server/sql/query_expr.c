/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: one function for each kind of node. */
#include <string.h>

#include "server/sql/catalog_number.h"
#include "server/sql/query_own.h"

static bool constant(struct build *build, struct scope *scope, const json_t *fields,
                     struct part *part)
{
    const json_t *integer = sql_tree_get(fields, "ival");
    const json_t *number = sql_tree_get(fields, "fval");
    const json_t *text = sql_tree_get(fields, "sval");
    const json_t *truth = sql_tree_get(fields, "boolval");
    struct catalog_numeric numeric;
    int64_t value = 0;

    (void)scope;
    if (integer != NULL) {
        part->type = SQL_INT4;
        part->sql = build_say(build, "%lld", (long long)sql_tree_int(integer, "ival", 0));
    } else if (number != NULL) {
        struct pawl_bytes digits = sql_tree_bytes(number, "fval");
        bool whole = pawl_bytes_to_i64(digits, &value);

        part->type = whole ? SQL_INT8 : SQL_NUMERIC;
        if (!whole && !catalog_numeric_read(digits, &numeric, build->error)) return false;
        part->sql = whole ? build_say(build, "%lld", (long long)value)
                          : build_say(build, "CAST(%s AS REAL)", build_quote(build, digits.at));
    } else if (truth != NULL) {
        part->type = SQL_BOOL;
        part->sql = sql_tree_true(truth, "boolval") ? "1" : "0";
    } else if (text != NULL) {
        part->literal = sql_tree_text(text, "sval");
        part->sql = build_quote(build, part->literal);
    } else if (sql_tree_has(fields, "bsval")) {
        return sql_fail(build->error, "0A000", part->position,
                        "bit strings are not supported by this server");
    } else {
        part->sql = "NULL";
    }
    return true;
}

static bool parameter(struct build *build, struct scope *scope, const json_t *fields,
                      struct part *part)
{
    int64_t number = sql_tree_int(fields, "number", 0);

    (void)scope;
    if (number < 1 || number > SQL_PARAMS_MAX) {
        return sql_fail(build->error, number < 1 ? "42P02" : "54000", part->position,
                        "there is no parameter $%lld", (long long)number);
    }
    size_t index = (size_t)number - 1;

    if (build->param_count < (size_t)number) build->param_count = (size_t)number;
    if (index < build->type_count && build->types[index] != 0) {
        build->params[index] = build->types[index];
    }
    part->sql = build_say(build, "?%lld", (long long)number);
    if (build->params[index] == 0 || build->params[index] == SQL_UNKNOWN) {
        part->param = (uint32_t)number;
    } else {
        part->type = build->params[index];
    }
    return true;
}

static bool type_cast(struct build *build, struct scope *scope, const json_t *fields,
                      struct part *part)
{
    const json_t *constant = sql_tree_of(sql_tree_get(fields, "arg"), "A_Const");
    const json_t *number = sql_tree_get(constant, "fval");
    uint32_t type = 0;
    uint32_t position = part->position;

    if (!build_type(build, sql_tree_get(fields, "typeName"), &type)) return false;
    if (type == SQL_FLOAT8 && number != NULL) { /* never a numeric, which might be too long */
        part->type = type;
        part->sql = build_say(build, "CAST(%s AS REAL)",
                              build_quote(build, sql_tree_bytes(number, "fval").at));
        return true;
    }
    if (!build_expr(build, scope, sql_tree_get(fields, "arg"), part)) {
        return false;
    }
    if (part->position == 0) part->position = position;
    return build_cast(build, part, type);
}

static bool collate(struct build *build, struct scope *scope, const json_t *fields,
                    struct part *part)
{
    return build_expr(build, scope, sql_tree_get(fields, "arg"), part);
}

/* AND, OR, NOT */
static bool boolean(struct build *build, struct scope *scope, const json_t *fields,
                    struct part *part)
{
    const char *op = sql_tree_text(fields, "boolop");
    const json_t *args = sql_tree_get(fields, "args");
    bool and = strcmp(op, "AND_EXPR") == 0;
    bool not = strcmp(op, "NOT_EXPR") == 0;
    const char *list = NULL;

    for (size_t i = 0; i < sql_tree_count(args); i++) {
        if (!build_condition(build, scope, sql_tree_item(args, i),
                             not ? "NOT" : (and? "AND" : "OR"), part)) {
            return false;
        }
        list = build_join(build, list, and? " AND " : " OR ", part->sql);
    }
    *part = (struct part){.sql = build_say(build, not ? "(NOT %s)" : "(%s)", list),
                          .type = SQL_BOOL,
                          .position = part->position};
    return true;
}

static bool null_test(struct build *build, struct scope *scope, const json_t *fields,
                      struct part *part)
{
    bool is = strcmp(sql_tree_text(fields, "nulltesttype"), "IS_NOT_NULL") != 0;

    if (!build_expr(build, scope, sql_tree_get(fields, "arg"), part) ||
        !build_become(build, part, SQL_TEXT)) {
        return false;
    }
    part->sql = build_say(build, "(%s IS %sNULL)", part->sql, is ? "" : "NOT ");
    part->type = SQL_BOOL;
    return true;
}

static bool boolean_test(struct build *build, struct scope *scope, const json_t *fields,
                         struct part *part)
{
    static const struct {
        const char *kind, *words;
    } tests[] = {
        {"IS_TRUE", "IS TRUE"},    {"IS_NOT_TRUE", "IS NOT TRUE"},
        {"IS_FALSE", "IS FALSE"},  {"IS_NOT_FALSE", "IS NOT FALSE"},
        {"IS_UNKNOWN", "IS NULL"}, {"IS_NOT_UNKNOWN", "IS NOT NULL"},
    };
    const char *kind = sql_tree_text(fields, "booltesttype");

    if (*kind == '\0') kind = "IS_TRUE";
    for (size_t i = 0; i < PAWL_COUNT(tests); i++) {
        if (strcmp(kind, tests[i].kind) != 0) continue;
        if (!build_condition(build, scope, sql_tree_get(fields, "arg"), tests[i].words, part)) {
            return false;
        }
        part->sql = build_say(build, "(%s %s)", part->sql, tests[i].words);
        return true;
    }
    return sql_fail(build->error, "0A000", part->position, "%s is not supported here", kind);
}

/* Gives the type that all results share, and their text. */
struct branches {
    struct part *conditions;
    struct part *results; /* the last one is ELSE's */
    size_t count;
};

static bool case_branches(struct build *build, struct scope *scope, const json_t *fields,
                          struct branches *branches)
{
    const json_t *whens = sql_tree_get(fields, "args");
    json_t *subject = sql_tree_get(fields, "arg");

    for (size_t i = 0; i < branches->count; i++) {
        const json_t *when = sql_tree_of(sql_tree_item(whens, i), "CaseWhen");
        json_t *test = sql_tree_get(when, "expr");
        struct part *condition = &branches->conditions[i];
        struct part left = {0};

        if (subject == NULL) {
            if (!build_condition(build, scope, test, "CASE/WHEN", condition)) return false;
        } else if (!build_expr(build, scope, subject, &left) ||
                   !build_expr(build, scope, test, condition) ||
                   !build_compare(build, "=", &left, condition, condition)) {
            return false;
        }
        if (!build_expr(build, scope, sql_tree_get(when, "result"), &branches->results[i])) {
            return false;
        }
    }
    json_t *otherwise = sql_tree_get(fields, "defresult");

    branches->results[branches->count] = (struct part){.sql = "NULL", .type = SQL_UNKNOWN};
    return otherwise == NULL ||
           build_expr(build, scope, otherwise, &branches->results[branches->count]);
}

static bool case_when(struct build *build, struct scope *scope, const json_t *fields,
                      struct part *part)
{
    struct branches branches = {.count = sql_tree_count(sql_tree_get(fields, "args"))};
    const char *sql = "CASE";

    branches.conditions = build_array(build, branches.count + 1, sizeof *branches.conditions);
    branches.results = build_array(build, branches.count + 1, sizeof *branches.results);
    if (branches.conditions == NULL || branches.results == NULL) return false;
    if (!case_branches(build, scope, fields, &branches) ||
        !build_unify(build, branches.results, branches.count + 1, "CASE", &part->type)) {
        return false;
    }
    for (size_t i = 0; i < branches.count; i++) {
        sql = build_say(build, "%s WHEN %s THEN %s", sql, branches.conditions[i].sql,
                        branches.results[i].sql);
    }
    part->sql = build_say(build, "%s ELSE %s END", sql, branches.results[branches.count].sql);
    return true;
}

/* All of args, of one type, between commas. */
static bool alike(struct build *build, struct scope *scope, const json_t *args, const char *what,
                  struct part *part)
{
    size_t count = sql_tree_count(args);
    struct part *parts = build_array(build, count + 1, sizeof *parts);
    const char *list = NULL;

    if (parts == NULL || !build_list(build, scope, args, parts) ||
        !build_unify(build, parts, count, what, &part->type)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        list = build_join(build, list, ", ", parts[i].sql);
    }
    part->sql = list == NULL ? "" : list;
    return true;
}

static bool coalesce(struct build *build, struct scope *scope, const json_t *fields,
                     struct part *part)
{
    const json_t *args = sql_tree_get(fields, "args");

    if (!alike(build, scope, args, "COALESCE", part)) return false;
    part->sql = build_say(build, sql_tree_count(args) == 1 ? "(%s)" : "coalesce(%s)", part->sql);
    return true;
}

static bool min_max(struct build *build, struct scope *scope, const json_t *fields,
                    struct part *part)
{
    bool least = strcmp(sql_tree_text(fields, "op"), "IS_LEAST") == 0;

    if (!alike(build, scope, sql_tree_get(fields, "args"), least ? "LEAST" : "GREATEST", part)) {
        return false;
    }
    part->sql = build_say(build, "%s(%s)", least ? "pawl_least" : "pawl_greatest", part->sql);
    return true;
}

/* ARRAY[…] */
static bool array(struct build *build, struct scope *scope, const json_t *fields, struct part *part)
{
    const json_t *elements = sql_tree_get(fields, "elements");
    size_t count = sql_tree_count(elements);
    struct part *parts = build_array(build, count + 1, sizeof *parts);
    const char *list = NULL;
    uint32_t type = SQL_TEXT;

    if (parts == NULL || !build_list(build, scope, elements, parts) ||
        !build_unify(build, parts, count, "ARRAY", &type)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        build_element(build, &parts[i]);
        list = build_join(build, list, ", ", parts[i].sql);
    }
    const struct catalog_type *element = catalog_type_find(type);

    part->sql = build_say(build, "pawl_array(%s)", list == NULL ? "" : list);
    part->type = element == NULL || element->array == 0 ? SQL_TEXT_ARRAY : element->array;
    return true;
}

/* (r).x: rows come from _pg_expandarray only, over indices, which there are none of. */
static bool field(struct build *build, struct scope *scope, const json_t *fields, struct part *part)
{
    const json_t *steps = sql_tree_get(fields, "indirection");

    if (!build_expr(build, scope, sql_tree_get(fields, "arg"), part)) return false;
    if (part->type != SQL_RECORD) {
        return sql_fail(build->error, "42809", part->position,
                        "column notation .%s applied to a value that is not a row",
                        sql_tree_word(steps, 0).at);
    }
    part->sql = "NULL";
    part->type = sql_tree_word_is(steps, 0, "x") ? SQL_INT2 : SQL_INT4;
    return true;
}

/* a[1] */
static bool indirection(struct build *build, struct scope *scope, const json_t *fields,
                        struct part *part)
{
    const json_t *steps = sql_tree_get(fields, "indirection");
    struct part index = {0};
    const json_t *indices = sql_tree_of(sql_tree_item(steps, 0), "A_Indices");

    if (sql_tree_count(steps) == 1 && sql_tree_word(steps, 0).size > 0) {
        return field(build, scope, fields, part);
    }
    if (indices == NULL || sql_tree_count(steps) != 1 || sql_tree_true(indices, "is_slice")) {
        return sql_fail(build->error, "0A000", part->position,
                        "fields of rows and slices of arrays are not supported here");
    }
    if (!build_expr(build, scope, sql_tree_get(fields, "arg"), part) ||
        !build_become(build, part, SQL_TEXT_ARRAY) ||
        !build_expr(build, scope, sql_tree_get(indices, "uidx"), &index) ||
        !build_become(build, &index, SQL_INT4)) {
        return false;
    }
    const struct catalog_type *type = catalog_type_find(part->type);
    uint32_t element = type == NULL ? 0 : type->element;

    if (element == 0) {
        return sql_fail(build->error, "42804", part->position,
                        "cannot subscript type %s because it does not support subscripting",
                        type == NULL ? "unknown" : type->display);
    }
    part->sql = build_say(build, "pawl_element(%s, %s, %u)", part->sql, index.sql, element);
    part->type = element;
    return true;
}

/* (a, b): for comparisons only. */
static bool row(struct build *build, struct scope *scope, const json_t *fields, struct part *part)
{
    const json_t *args = sql_tree_get(fields, "args");
    size_t count = sql_tree_count(args);
    struct part *parts = build_array(build, count + 1, sizeof *parts);
    const char *list = NULL;

    if (parts == NULL || !build_list(build, scope, args, parts)) return false;
    for (size_t i = 0; i < count; i++) {
        if (!build_become(build, &parts[i], SQL_TEXT)) return false;
        list = build_join(build, list, ", ", parts[i].sql);
    }
    part->sql = build_say(build, "(%s)", list == NULL ? "NULL" : list);
    part->type = SQL_RECORD;
    return true;
}

/* current_user and its like, which are words, not calls. */
static bool word(struct build *build, struct scope *scope, const json_t *fields, struct part *part)
{
    static const struct {
        const char *op, *sql;
        uint32_t type;
    } words[] = {
        {"SVFOP_CURRENT_USER", "pawl_user()", SQL_NAME},
        {"SVFOP_USER", "pawl_user()", SQL_NAME},
        {"SVFOP_SESSION_USER", "pawl_user()", SQL_NAME},
        {"SVFOP_CURRENT_ROLE", "pawl_user()", SQL_NAME},
        {"SVFOP_CURRENT_CATALOG", "pawl_database()", SQL_NAME},
        {"SVFOP_CURRENT_SCHEMA", "pawl_schema()", SQL_NAME},
        {"SVFOP_CURRENT_TIMESTAMP", "pawl_now()", SQL_TIMESTAMPTZ},
    };
    const char *op = sql_tree_text(fields, "op");

    (void)scope;
    for (size_t i = 0; i < PAWL_COUNT(words); i++) {
        if (strcmp(op, words[i].op) != 0) continue;
        part->sql = words[i].sql;
        part->type = words[i].type;
        return true;
    }
    return sql_fail(build->error, "0A000", part->position, "%s is not supported here", op + 6);
}

static const struct {
    const char *kind;
    bool (*build)(struct build *build, struct scope *scope, const json_t *fields,
                  struct part *part);
} kinds[] = {
    {"ColumnRef", build_column},    {"A_Const", constant},
    {"ParamRef", parameter},        {"TypeCast", type_cast},
    {"A_Expr", build_operator},     {"BoolExpr", boolean},
    {"NullTest", null_test},        {"BooleanTest", boolean_test},
    {"FuncCall", build_call},       {"SubLink", build_sublink},
    {"CaseExpr", case_when},        {"CoalesceExpr", coalesce},
    {"MinMaxExpr", min_max},        {"A_ArrayExpr", array},
    {"A_Indirection", indirection}, {"RowExpr", row},
    {"SQLValueFunction", word},     {"CollateClause", collate},
};

bool build_expr(struct build *build, struct scope *scope, json_t *node, struct part *part)
{
    json_t *fields = NULL;
    const char *kind = sql_tree_kind(node, &fields);

    *part = (struct part){.type = SQL_UNKNOWN, .position = sql_tree_position(fields)};
    for (size_t i = 0; i < PAWL_COUNT(kinds); i++) {
        if (strcmp(kind, kinds[i].kind) != 0) continue;
        uint32_t position = part->position;

        if (!build_deeper(build)) return false;
        bool good = kinds[i].build(build, scope, fields, part);

        build_higher(build);
        if (position != 0) part->position = position;
        return good;
    }
    return sql_fail(build->error, "0A000", part->position, "%s is not supported here",
                    *kind == '\0' ? "this expression" : kind);
}

bool build_condition(struct build *build, struct scope *scope, json_t *node, const char *what,
                     struct part *part)
{
    if (!build_expr(build, scope, node, part) || !build_become(build, part, SQL_BOOL)) {
        return false;
    }
    if (part->type == SQL_BOOL) return true;
    const struct catalog_type *type = catalog_type_find(part->type);

    return sql_fail(build->error, "42804", part->position,
                    "argument of %s must be type boolean, not type %s", what,
                    type == NULL ? "record" : type->display);
}

bool build_list(struct build *build, struct scope *scope, const json_t *list, struct part *parts)
{
    for (size_t i = 0; i < sql_tree_count(list); i++) {
        if (!build_expr(build, scope, sql_tree_item(list, i), &parts[i])) return false;
    }
    return true;
}
