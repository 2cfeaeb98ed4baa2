/* SPDX-License-Identifier: Apache-2.0 */
/* Which function or operator is meant, as PostgreSQL's parse_func.c has the rules. */
#include <stdio.h>
#include <string.h>

#include "server/sql/builder.h"

enum { CANDIDATES_MAX = 64, SIGNATURE_BYTES = 300 };

struct search {
    struct sql_builder *builder;
    struct pawl_bytes name;
    struct sql_expr **args;
    size_t count;
    const struct sql_function *found[CANDIDATES_MAX];
    size_t found_count;
};

static uint32_t wanted(const struct sql_function *function, size_t index)
{
    return function->args[0] == SQL_VARIADIC_ANY ? SQL_ANY : function->args[index];
}

static bool is_exact(const struct sql_function *function, size_t index, uint32_t type)
{
    return wanted(function, index) == type;
}

static bool fits(const struct search *search, const struct sql_function *function)
{
    for (size_t i = 0; i < search->count; i++) {
        uint32_t type = search->args[i]->type;

        if (wanted(function, i) == SQL_ANY) continue;
        if (sql_type_cast(type, wanted(function, i)) != SQL_CAST_IMPLICIT) return false;
    }
    return true;
}

static void collect(struct search *search, const struct sql_function *table, size_t count)
{
    for (size_t i = 0; i < count && search->found_count < CANDIDATES_MAX; i++) {
        bool any = table[i].args[0] == SQL_VARIADIC_ANY && search->count > 0;

        if (!any && table[i].count != search->count) continue;
        if (strlen(table[i].name) != search->name.size) continue;
        if (memcmp(table[i].name, search->name.at, search->name.size) != 0) continue;
        search->found[search->found_count++] = &table[i];
    }
}

/* The one that has exactly these types; a literal beside one operand is of that one's type. */
static const struct sql_function *exact(const struct search *search, bool operand)
{
    for (size_t i = 0; i < search->found_count; i++) {
        size_t same = 0;

        for (size_t k = 0; k < search->count; k++) {
            uint32_t type = search->args[k]->type;

            if (operand && search->count == 2 && type == SQL_UNKNOWN) {
                type = search->args[1 - k]->type;
            }
            if (type != SQL_UNKNOWN && is_exact(search->found[i], k, type)) same++;
        }
        if (same == search->count) return search->found[i];
    }
    return NULL;
}

/* Leaves those whose score is the highest. */
static void keep_best(struct search *search,
                      size_t (*score)(const struct search *, const struct sql_function *))
{
    size_t best = 0;
    size_t kept = 0;

    for (size_t i = 0; i < search->found_count; i++) {
        size_t points = score(search, search->found[i]);

        if (points > best) {
            best = points;
            kept = 0;
        }
        if (points == best) search->found[kept++] = search->found[i];
    }
    search->found_count = kept;
}

static size_t score_fits(const struct search *search, const struct sql_function *function)
{
    return fits(search, function) ? 1 : 0;
}

/* PostgreSQL takes varchar for text here. */
static uint32_t base_type(uint32_t type)
{
    return type == SQL_VARCHAR ? SQL_TEXT : type;
}

static size_t score_exact(const struct search *search, const struct sql_function *function)
{
    size_t points = 0;

    for (size_t i = 0; i < search->count; i++) {
        uint32_t type = base_type(search->args[i]->type);

        if (type != SQL_UNKNOWN && is_exact(function, i, type)) points++;
    }
    return points;
}

static size_t score_preferred(const struct search *search, const struct sql_function *function)
{
    size_t points = 0;

    for (size_t i = 0; i < search->count; i++) {
        uint32_t type = base_type(search->args[i]->type);
        const struct sql_type_facts *want = sql_type_facts(wanted(function, i));

        if (type == SQL_UNKNOWN) continue;
        if (is_exact(function, i, type) ||
            (want != NULL && want->preferred && want->category == sql_type_category(type))) {
            points++;
        }
    }
    return points;
}

/* What a literal at index may be: text where any candidate takes it, else what all agree on. */
static char category_at(const struct search *search, size_t index)
{
    char category = sql_type_category(wanted(search->found[0], index));

    for (size_t i = 0; i < search->found_count; i++) {
        char other = sql_type_category(wanted(search->found[i], index));

        if (other == 'S') return other;
        if (other != category) category = '\0';
    }
    return category;
}

static void keep_by_literals(struct search *search)
{
    for (size_t k = 0; k < search->count; k++) {
        size_t kept = 0;
        bool preferred = false;

        if (search->args[k]->type != SQL_UNKNOWN) continue;
        char category = category_at(search, k);
        if (category == '\0') return;
        for (size_t i = 0; i < search->found_count; i++) {
            const struct sql_type_facts *want = sql_type_facts(wanted(search->found[i], k));

            if (want == NULL || want->category != category) continue;
            if (want->preferred && !preferred) kept = 0;
            if (preferred && !want->preferred) continue;
            preferred = want->preferred;
            search->found[kept++] = search->found[i];
        }
        if (kept > 0) search->found_count = kept;
    }
}

/* A last attempt: literals are of the type that all others have. */
static void keep_like_others(struct search *search)
{
    uint32_t type = SQL_UNKNOWN;
    size_t kept = 0;

    for (size_t k = 0; k < search->count; k++) {
        uint32_t one = base_type(search->args[k]->type);

        if (one == SQL_UNKNOWN) continue;
        if (type != SQL_UNKNOWN && type != one) return;
        type = one;
    }
    if (type == SQL_UNKNOWN) return;
    for (size_t i = 0; i < search->found_count; i++) {
        bool all = true;

        for (size_t k = 0; k < search->count; k++) {
            if (sql_type_cast(type, wanted(search->found[i], k)) != SQL_CAST_IMPLICIT) all = false;
        }
        if (all) search->found[kept++] = search->found[i];
    }
    if (kept == 1) search->found_count = kept;
}

static const struct sql_function *choose(struct search *search, bool operand)
{
    const struct sql_function *one = exact(search, operand);

    if (one != NULL) return one;
    keep_best(search, score_fits);
    if (search->found_count > 0 && !fits(search, search->found[0])) search->found_count = 0;
    if (search->found_count > 1) keep_best(search, score_exact);
    if (search->found_count > 1) keep_best(search, score_preferred);
    if (search->found_count > 1) keep_by_literals(search);
    if (search->found_count > 1) keep_like_others(search);
    return search->found_count == 1 ? search->found[0] : NULL;
}

static struct sql_expr *call_of(struct search *search, const struct sql_function *function,
                                uint32_t position)
{
    struct sql_builder *builder = search->builder;
    struct sql_expr model = {.kind = SQL_EXPR_CALL,
                             .type = function->result,
                             .modifier = -1,
                             .position = position,
                             .function = function};
    struct sql_expr *call = sql_expr_of(builder, model, search->count);

    for (size_t i = 0; call != NULL && i < search->count; i++) {
        uint32_t want = wanted(function, i);

        if (want != SQL_ANY) {
            call->args[i] = sql_coerce(builder, search->args[i], want, -1, SQL_CAST_IMPLICIT);
        } else if (function->special == SQL_DO_TYPEOF || search->args[i]->kind == SQL_EXPR_PARAM) {
            call->args[i] = search->args[i]; /* an unknown one is just that */
        } else {
            call->args[i] = sql_coerce_unknown(builder, search->args[i]);
        }
        if (call->args[i] == NULL) return NULL;
    }
    return call;
}

static void types_of(const struct search *search, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < search->count && used < size; i++) {
        int wrote = snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ",
                             sql_type_shown(search->args[i]->type));

        used += (size_t)wrote;
    }
}

static void hint(struct sql_builder *builder, const char *text)
{
    (void)snprintf(builder->error->hint, sizeof builder->error->hint, "%s", text);
}

/* int4('5') is a cast. */
static struct sql_expr *call_as_cast(struct search *search)
{
    uint32_t type = search->count == 1 ? sql_type_named(search->name) : 0;

    if (type == 0 || sql_type_cast(search->args[0]->type, type) < SQL_CAST_EXPLICIT) return NULL;
    return sql_coerce(search->builder, search->args[0], type, -1, SQL_CAST_EXPLICIT);
}

struct sql_expr *sql_resolve_call(struct sql_builder *builder, struct pawl_bytes name,
                                  struct sql_expr **args, size_t count, uint32_t position)
{
    struct search search = {.builder = builder, .name = name, .args = args, .count = count};
    char types[SIGNATURE_BYTES];

    collect(&search, sql_functions, sql_function_count);
    const struct sql_function *function = choose(&search, false);
    if (function != NULL) return call_of(&search, function, position);
    types_of(&search, types, sizeof types);
    if (search.found_count > 1) {
        (void)sql_fail(builder->error, "42725", position, "function %.*s(%s) is not unique",
                       (int)name.size, name.at, types);
        hint(builder, "Could not choose a best candidate function. You might need to add explicit"
                      " type casts.");
        return NULL;
    }
    builder->error->sqlstate[0] = '\0';
    struct sql_expr *cast = call_as_cast(&search);
    if (cast != NULL || builder->error->sqlstate[0] != '\0') return cast;
    (void)sql_fail(builder->error, "42883", position, "function %.*s(%s) does not exist",
                   (int)name.size, name.at, types);
    hint(builder, "No function matches the given name and argument types. You might need to add"
                  " explicit type casts.");
    return NULL;
}

/* PostgreSQL has + and others of dates, too, so between literals nothing says which is meant. */
static bool is_vague(const struct search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->args[i]->type != SQL_UNKNOWN) return false;
    }
    return search->found_count > 1 && search->name.size == 1 &&
           memchr("+-*/%", search->name.at[0], 5) != NULL;
}

struct sql_expr *sql_resolve_operator(struct sql_builder *builder, struct pawl_bytes name,
                                      struct sql_expr **args, size_t count, uint32_t position)
{
    struct search search = {.builder = builder, .name = name, .args = args, .count = count};

    collect(&search, sql_operators, sql_operator_count);
    const struct sql_function *function = is_vague(&search) ? NULL : choose(&search, true);
    if (function != NULL) return call_of(&search, function, position);
    const char *what = search.found_count > 1 ? "is not unique" : "does not exist";
    const char *state = search.found_count > 1 ? "42725" : "42883";
    if (count == 1) {
        (void)sql_fail(builder->error, state, position, "operator %s: %.*s %s", what,
                       (int)name.size, name.at, sql_type_shown(args[0]->type));
    } else {
        (void)sql_fail(builder->error, state, position, "operator %s: %s %.*s %s", what,
                       sql_type_shown(args[0]->type), (int)name.size, name.at,
                       sql_type_shown(args[1]->type));
    }
    if (search.found_count > 1) {
        hint(builder, "Could not choose a best candidate operator. You might need to add explicit"
                      " type casts.");
    } else if (count == 1) {
        hint(builder, "No operator matches the given name and argument type. You might need to add"
                      " an explicit type cast.");
    } else {
        hint(builder, "No operator matches the given name and argument types. You might need to"
                      " add explicit type casts.");
    }
    return NULL;
}
