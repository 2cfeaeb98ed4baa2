/* SPDX-License-Identifier: Apache-2.0 */
/* Operators, and what compares with subqueries and arrays. */
#include <string.h>

#include "server/sql/query_own.h"

/* One with operators. op is the last word of the operator's name. */
struct operation {
    struct build *build;
    const char *op;
    uint32_t position;
    struct part left, right;
};

static const char *display(uint32_t type)
{
    const struct catalog_type *found = catalog_type_find(type);

    return found == NULL ? "unknown" : found->display;
}

static bool no_operator(struct build *build, const char *op, const struct part *left,
                        const struct part *right, uint32_t position)
{
    static const char hint[] = "No operator matches the given name and argument types. You might "
                               "need to add explicit type casts.";
    const char *before = left->sql == NULL ? "" : display(left->type);

    (void)sql_fail(build->error, "42883", position, "operator does not exist: %s%s%s %s", before,
                   *before == '\0' ? "" : " ", op, display(right->type));
    memcpy(build->error->hint, hint, sizeof hint);
    return false;
}

/* What a literal becomes beside type: a regclass is compared as the oid that it is. */
static uint32_t beside(uint32_t type)
{
    switch (type) {
    case SQL_REGCLASS:
    case SQL_REGTYPE:
    case CATALOG_REGPROC:
    case CATALOG_REGROLE:
    case CATALOG_REGNAMESPACE:
        return SQL_OID;
    case SQL_UNKNOWN:
        return SQL_TEXT;
    default:
        return type;
    }
}

static bool comparable(uint32_t left, uint32_t right)
{
    return type_category(left) == type_category(right) || left == SQL_UNKNOWN ||
           right == SQL_UNKNOWN;
}

bool build_compare(struct build *build, const char *word, struct part *left, struct part *right,
                   struct part *part)
{
    uint32_t position = part->position != 0 ? part->position : left->position;

    if (!comparable(left->type, right->type)) {
        return no_operator(build, word, left, right, position);
    }
    uint32_t known = left->type == SQL_UNKNOWN ? right->type : left->type;

    if (!build_become(build, left, beside(known)) || !build_become(build, right, beside(known))) {
        return false;
    }
    *part = (struct part){.sql = build_say(build, "(%s %s %s)", left->sql, word, right->sql),
                          .type = SQL_BOOL,
                          .position = position};
    return true;
}

static bool compare(struct operation *operation, const char *word, struct part *part)
{
    part->position = operation->position;
    return build_compare(operation->build, word, &operation->left, &operation->right, part);
}

/* LIKE and regular expressions: functions of two texts, the pattern last. */
static bool match(struct operation *operation, const char *function, struct part *part)
{
    struct build *build = operation->build;
    struct part *sides[2] = {&operation->left, &operation->right};
    bool negated = *function == '!';

    for (size_t i = 0; i < 2; i++) {
        if (!build_become(build, sides[i], SQL_TEXT)) return false;
        if (type_category(sides[i]->type) == 'S') continue;
        return no_operator(build, operation->op, &operation->left, &operation->right,
                           operation->position);
    }
    part->sql = build_say(build, "(%s%s(%s, %s))", negated ? "NOT " : "", function + negated,
                          operation->left.sql, operation->right.sql);
    part->type = SQL_BOOL;
    return true;
}

static bool calculate(struct operation *operation, const char *word, struct part *part)
{
    struct build *build = operation->build;
    struct part *left = &operation->left;
    struct part *right = &operation->right;
    struct part both[2];

    if (left->sql == NULL) *left = (struct part){.sql = "0", .type = right->type};
    if ((left->type != SQL_UNKNOWN && type_category(left->type) != 'N') ||
        (right->type != SQL_UNKNOWN && type_category(right->type) != 'N')) {
        return no_operator(build, operation->op, left, right, operation->position);
    }
    if (!build_become(build, left, right->type == SQL_UNKNOWN ? SQL_INT4 : right->type) ||
        !build_become(build, right, left->type)) {
        return false;
    }
    both[0] = *left;
    both[1] = *right;
    if (!build_unify(build, both, 2, word, &part->type)) return false;
    part->sql =
        build_say(build, "pawl_math('%s', %s, %s, %u)", word, left->sql, right->sql, part->type);
    return true;
}

static bool concatenate(struct operation *operation, const char *word, struct part *part)
{
    struct build *build = operation->build;
    struct part *sides[2] = {&operation->left, &operation->right};
    uint32_t array = 0;

    for (size_t i = 0; i < 2; i++) {
        if (type_category(sides[i]->type) == 'A') array = sides[i]->type;
    }
    for (size_t i = 0; i < 2; i++) {
        if (sides[i]->type == SQL_UNKNOWN) {
            if (!build_become(build, sides[i], array == 0 ? SQL_TEXT : array)) return false;
        } else if (array == 0 && !build_cast(build, sides[i], SQL_TEXT)) {
            return false;
        }
    }
    part->type = array == 0 ? SQL_TEXT : array;
    part->sql = build_say(build, array == 0 ? "(%s %s %s)" : "pawl_append(%s, '%s', %s)",
                          sides[0]->sql, word, sides[1]->sql);
    return true;
}

static bool bits(struct operation *operation, const char *word, struct part *part)
{
    struct build *build = operation->build;

    if (!calculate(operation, "+", part)) return false;
    part->sql = build_say(build, "(%s %s %s)", operation->left.sql, word, operation->right.sql);
    return true;
}

static bool contains(struct operation *operation, const char *word, struct part *part)
{
    struct build *build = operation->build;
    struct part *left = &operation->left;
    struct part *right = &operation->right;
    uint32_t type = left->type == SQL_UNKNOWN ? right->type : left->type;

    if (type_category(type) != 'A') {
        return no_operator(build, operation->op, left, right, operation->position);
    }
    if (!build_become(build, left, type) || !build_become(build, right, type)) return false;
    part->sql = build_say(build, "pawl_contains('%s', %s, %s)", word, left->sql, right->sql);
    part->type = SQL_BOOL;
    return true;
}

static const struct {
    const char *op;
    bool (*build)(struct operation *operation, const char *word, struct part *part);
    const char *word;
} operators[] = {
    {"=", compare, "="},
    {"<>", compare, "<>"},
    {"!=", compare, "<>"},
    {"<", compare, "<"},
    {">", compare, ">"},
    {"<=", compare, "<="},
    {">=", compare, ">="},
    {"~~", match, "pawl_like"},
    {"!~~", match, "!pawl_like"},
    {"~~*", match, "pawl_ilike"},
    {"!~~*", match, "!pawl_ilike"},
    {"~", match, "pawl_regex"},
    {"!~", match, "!pawl_regex"},
    {"~*", match, "pawl_iregex"},
    {"!~*", match, "!pawl_iregex"},
    {"||", concatenate, "||"},
    {"+", calculate, "+"},
    {"-", calculate, "-"},
    {"*", calculate, "*"},
    {"/", calculate, "/"},
    {"%", calculate, "%"},
    {"&", bits, "&"},
    {"|", bits, "|"},
    {"@>", contains, "@>"},
    {"<@", contains, "<@"},
    {"&&", contains, "&&"},
};

static bool operate(struct operation *operation, struct part *part)
{
    for (size_t i = 0; i < PAWL_COUNT(operators); i++) {
        if (strcmp(operation->op, operators[i].op) != 0) continue;
        bool sign = operation->op[1] == '\0' && strchr("+-", operation->op[0]) != NULL;

        if (operation->left.sql == NULL && !sign) break;
        return operators[i].build(operation, operators[i].word, part);
    }
    return no_operator(operation->build, operation->op, &operation->left, &operation->right,
                       operation->position);
}

/* x op ANY (ARRAY[a, b]): x op a OR x op b. */
static bool each_element(struct operation *operation, struct scope *scope, const json_t *elements,
                         const char *word, struct part *part)
{
    struct build *build = operation->build;
    const char *list = NULL;

    for (size_t i = 0; i < sql_tree_count(elements); i++) {
        struct operation one = *operation;
        struct part result = {0};

        if (!build_expr(build, scope, sql_tree_item(elements, i), &one.right) ||
            !operate(&one, &result)) {
            return false;
        }
        operation->left = one.left; /* it may have got its type */
        list = build_join(build, list, word, result.sql);
    }
    part->type = SQL_BOOL;
    part->sql =
        list == NULL ? (strcmp(word, " OR ") == 0 ? "0" : "1") : build_say(build, "(%s)", list);
    return true;
}

/* The array that a value of that type may be an element of. */
static uint32_t array_of(uint32_t type)
{
    const struct catalog_type *found = catalog_type_find(type == SQL_UNKNOWN ? SQL_TEXT : type);

    return found == NULL || found->array == 0 ? SQL_TEXT_ARRAY : found->array;
}

/* x op ANY (array), x op ALL (array) */
static bool any_array(struct operation *operation, struct scope *scope, const json_t *fields,
                      struct part *part)
{
    struct build *build = operation->build;
    bool any = strcmp(sql_tree_text(fields, "kind"), "AEXPR_OP_ANY") == 0;
    json_t *node = sql_tree_get(fields, "rexpr");
    const json_t *array = sql_tree_of(node, "A_ArrayExpr");
    struct part list = {0};

    if (array != NULL) {
        return each_element(operation, scope, sql_tree_get(array, "elements"),
                            any ? " OR " : " AND ", part);
    }
    if (!build_expr(build, scope, node, &list) ||
        !build_become(build, &list, array_of(operation->left.type))) {
        return false;
    }
    const struct catalog_type *type = catalog_type_find(list.type);

    if (type == NULL || type->element == 0) {
        return sql_fail(build->error, "42809", list.position,
                        "op ANY/ALL (array) requires array on right side");
    }
    const char *alias = build_say(build, "t%u", ++build->alias_count);

    operation->right =
        (struct part){.sql = build_say(build, "%s.value", alias), .type = type->element};
    if (!operate(operation, part)) return false;
    if (any && strcmp(operation->op, "=") == 0) {
        part->sql = build_say(build, "(%s IN (SELECT value FROM pawl_unnest(%s, %u)))",
                              operation->left.sql, list.sql, type->element);
        return true;
    }
    part->sql =
        build_say(build, "(%sEXISTS (SELECT 1 FROM pawl_unnest(%s, %u) AS %s WHERE %s%s))",
                  any ? "" : "NOT ", list.sql, type->element, alias, any ? "" : "NOT ", part->sql);
    return true;
}

/* x IN (a, b), x NOT IN (a, b) */
static bool in_list(struct operation *operation, struct scope *scope, const json_t *fields,
                    struct part *part)
{
    bool not = strcmp(operation->op, "<>") == 0;
    const json_t *items = sql_tree_get(fields, "rexpr");

    return each_element(operation, scope, items, not ? " AND " : " OR ", part);
}

static bool between(struct operation *operation, struct scope *scope, const json_t *fields,
                    struct part *part)
{
    struct build *build = operation->build;
    const char *kind = sql_tree_text(fields, "kind");
    const json_t *bounds = sql_tree_get(fields, "rexpr");
    struct part parts[2] = {0};
    struct part result[2] = {0};

    if (strstr(kind, "SYM") != NULL || sql_tree_count(bounds) != 2) {
        return sql_fail(build->error, "0A000", operation->position,
                        "BETWEEN SYMMETRIC is not supported here");
    }
    if (!build_list(build, scope, bounds, parts)) return false;
    result[0].position = operation->position;
    result[1].position = operation->position;
    if (!build_compare(build, ">=", &operation->left, &parts[0], &result[0]) ||
        !build_compare(build, "<=", &operation->left, &parts[1], &result[1])) {
        return false;
    }
    part->type = SQL_BOOL;
    part->sql =
        build_say(build, "(%s(%s AND %s))", strcmp(kind, "AEXPR_NOT_BETWEEN") == 0 ? "NOT " : "",
                  result[0].sql, result[1].sql);
    return true;
}

static bool distinct(struct operation *operation, const char *kind, struct part *part)
{
    bool same = strcmp(kind, "AEXPR_NOT_DISTINCT") == 0;

    return compare(operation, same ? "IS" : "IS NOT", part);
}

static bool null_if(struct operation *operation, struct part *part)
{
    if (!compare(operation, "=", part)) return false;
    part->sql =
        build_say(operation->build, "nullif(%s, %s)", operation->left.sql, operation->right.sql);
    part->type = operation->left.type;
    return true;
}

bool build_operator(struct build *build, struct scope *scope, const json_t *fields,
                    struct part *part)
{
    const char *kind = sql_tree_text(fields, "kind");
    const json_t *words = sql_tree_get(fields, "name");
    struct pawl_bytes op = sql_tree_word(words, sql_tree_count(words) - 1);
    struct operation operation = {
        .build = build, .op = op.size == 0 ? "" : op.at, .position = sql_tree_position(fields)};

    if (sql_tree_has(fields, "lexpr") &&
        !build_expr(build, scope, sql_tree_get(fields, "lexpr"), &operation.left)) {
        return false;
    }
    if (strcmp(kind, "AEXPR_OP_ANY") == 0 || strcmp(kind, "AEXPR_OP_ALL") == 0) {
        return any_array(&operation, scope, fields, part);
    }
    if (strcmp(kind, "AEXPR_IN") == 0) return in_list(&operation, scope, fields, part);
    if (strstr(kind, "BETWEEN") != NULL) return between(&operation, scope, fields, part);
    if (!build_expr(build, scope, sql_tree_get(fields, "rexpr"), &operation.right)) return false;
    if (strstr(kind, "DISTINCT") != NULL) return distinct(&operation, kind, part);
    if (strcmp(kind, "AEXPR_NULLIF") == 0) return null_if(&operation, part);
    if (strcmp(kind, "AEXPR_SIMILAR") == 0) {
        return sql_fail(build->error, "0A000", operation.position,
                        "SIMILAR TO is not supported here");
    }
    return operate(&operation, part);
}

/* x IN (SELECT …), x = ANY (SELECT …), x <> ALL (SELECT …) */
static bool any_select(struct build *build, struct scope *scope, const json_t *fields,
                       const struct output *output, struct part *part)
{
    const json_t *words = sql_tree_get(fields, "operName");
    struct pawl_bytes op = sql_tree_word(words, sql_tree_count(words) - 1);
    bool any = strcmp(sql_tree_text(fields, "subLinkType"), "ANY_SUBLINK") == 0;
    const char *wanted = any ? "=" : "<>";
    struct part left = {0};
    struct part right = {.sql = "", .type = output->columns[0].type};
    struct part result = {.position = part->position};

    if (op.size > 0 && strcmp(op.at, wanted) != 0) {
        return sql_fail(build->error, "0A000", part->position,
                        "%s %s (SELECT …) is not supported here", op.at, any ? "ANY" : "ALL");
    }
    if (!build_expr(build, scope, sql_tree_get(fields, "testexpr"), &left)) return false;
    if (left.type != SQL_RECORD && !build_compare(build, "=", &left, &right, &result)) {
        return false;
    }
    part->sql = build_say(build, "(%s %sIN (%s))", left.sql, any ? "" : "NOT ", output->sql);
    part->type = SQL_BOOL;
    return true;
}

bool build_sublink(struct build *build, struct scope *scope, const json_t *fields,
                   struct part *part)
{
    const char *kind = sql_tree_text(fields, "subLinkType");
    const json_t *select = sql_tree_of(sql_tree_get(fields, "subselect"), "SelectStmt");
    struct output output = {0};

    if (*kind == '\0') kind = "EXISTS_SUBLINK";
    if (!build_select(build, select, scope, &output)) return false;
    if (strcmp(kind, "EXISTS_SUBLINK") == 0) {
        part->sql = build_say(build, "EXISTS (%s)", output.sql);
        part->type = SQL_BOOL;
        return true;
    }
    if (strcmp(kind, "ANY_SUBLINK") == 0 || strcmp(kind, "ALL_SUBLINK") == 0) {
        return any_select(build, scope, fields, &output, part);
    }
    if (output.count != 1) {
        return sql_fail(build->error, "42601", part->position,
                        "subquery must return only one column");
    }
    uint32_t type = output.columns[0].type == SQL_UNKNOWN ? SQL_TEXT : output.columns[0].type;

    if (strcmp(kind, "ARRAY_SUBLINK") == 0) {
        struct part element = {.sql = "c1", .type = type};

        build_element(build, &element);
        part->sql = build_say(build, "(SELECT coalesce(pawl_array_agg('-', %s), '{}') FROM (%s))",
                              element.sql, output.sql);
        part->type = array_of(type);
        return true;
    }
    part->sql = build_say(build, "(%s)", output.sql);
    part->type = type;
    return strcmp(kind, "EXPR_SUBLINK") == 0 ||
           sql_fail(build->error, "0A000", part->position, "this subquery is not supported here");
}
