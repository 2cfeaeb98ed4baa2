/* SPDX-License-Identifier: Apache-2.0 */
/* Functions over values: casts, arithmetic, patterns, text. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <math.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "server/sql/cast.h"
#include "server/sql/catalog_number.h"
#include "server/sql/catalog_own.h"
#include "server/sql/shortest.h"

enum {
    MATCH_STEPS_MAX = 100000,  /* of one match of a regular expression */
    MATCH_HEAP_KIB_MAX = 1024, /* its memory */
    PATTERN_DEPTH_MAX = 50,    /* its parentheses */
    LIKE_STEPS_MAX = 10000000, /* of one LIKE: characters compared */
};

/* x as type shows it in a cast to text. */
static void call_text(sqlite3_context *context, int count, sqlite3_value **values)
{
    uint32_t type = (uint32_t)sqlite3_value_int64(values[1]);

    (void)count;
    if (catalog_null(values[0])) return;
    if (sqlite3_value_type(values[0]) == SQLITE_TEXT) {
        sqlite3_result_value(context, values[0]);
        return;
    }
    if (sqlite3_value_type(values[0]) == SQLITE_FLOAT) {
        double number = sqlite3_value_double(values[0]);
        if (type == SQL_FLOAT8) {
            char shown[SQL_FLOAT_BYTES];
            size_t size = sql_float_put(number, shown);

            sqlite3_result_text(context, shown, (int)size, SQLITE_TRANSIENT);
            return;
        }
        char *text = sqlite3_mprintf(
            number == floor(number) && fabs(number) < 1e15 ? "%.0f" : "%!.17g", number);

        sqlite3_result_text(context, text, -1, sqlite3_free);
        return;
    }
    if (type == SQL_REGCLASS || type == SQL_REGTYPE || type == CATALOG_REGPROC ||
        type == CATALOG_REGROLE || type == CATALOG_REGNAMESPACE) {
        char *text =
            catalog_reg_text(catalog_scan(context), (uint32_t)sqlite3_value_int64(values[0]), type);

        sqlite3_result_text(context, text, -1, sqlite3_free);
        return;
    }
    sqlite3_result_text(context, (const char *)sqlite3_value_text(values[0]), -1, SQLITE_TRANSIENT);
}

static const char *display(uint32_t type)
{
    const struct catalog_type *found = catalog_type_find(type);

    return found == NULL ? "unknown" : found->display;
}

static void result_integer(sqlite3_context *context, int64_t value, uint32_t type)
{
    bool fits = true;

    if (type == SQL_INT2) fits = value >= INT16_MIN && value <= INT16_MAX;
    if (type == SQL_INT4) fits = value >= INT32_MIN && value <= INT32_MAX;
    if (fits) {
        sqlite3_result_int64(context, value);
    } else {
        catalog_raise(context, "22003", "%s out of range", display(type));
    }
}

static bool cast_name(sqlite3_context *context, struct pawl_bytes text, uint32_t type)
{
    struct sql_error error;
    uint32_t oid = 0;

    if (type == SQL_REGCLASS) {
        if (catalog_class_read(catalog_scan(context), text, &oid, &error)) {
            sqlite3_result_int64(context, oid);
        } else {
            catalog_raise(context, error.sqlstate, "%s", error.message);
        }
        return true;
    }
    if (type != SQL_REGTYPE) return false;
    const struct catalog_type *found = catalog_type_written(text);

    if (found == NULL) {
        catalog_raise(context, "42704", "type \"%.*s\" does not exist", (int)text.size, text.at);
    } else {
        sqlite3_result_int64(context, found->oid);
    }
    return true;
}

static void cast_float(sqlite3_context *context, double number, uint32_t type)
{
    if (number >= (double)INT64_MIN && number < -(double)INT64_MIN) {
        result_integer(context, (int64_t)number, type);
    } else {
        catalog_raise(context, "22003", "%s out of range", display(type));
    }
}

/* By the type's input function, as PostgreSQL does. */
static void cast_text(sqlite3_context *context, struct pawl_bytes text, uint32_t type)
{
    struct sql_pool pool = {.bytes = 0};
    struct catalog_numeric numeric = {.whole = true};
    struct sql_value value = {.type = type};
    struct sql_error error;
    bool real = type == SQL_FLOAT8 || type == CATALOG_FLOAT4;
    bool good = type == SQL_NUMERIC
                    ? catalog_numeric_read(text, &numeric, &error)
                    : sql_input(&pool, text, real ? SQL_FLOAT8 : type, &value, &error);

    if (!good) {
        catalog_raise(context, error.sqlstate, "%s", error.message);
    } else if (real) {
        sqlite3_result_double(context, strtod(text.at, NULL)); /* a zero byte follows */
    } else if (type == SQL_NUMERIC && !numeric.whole) {
        sqlite3_result_double(context, numeric.fraction);
    } else {
        result_integer(context, type == SQL_NUMERIC ? numeric.number : value.number, type);
    }
    sql_pool_free(&pool);
}

/* A cast while the query runs: pawl_cast (x, type). */
static void call_cast(sqlite3_context *context, int count, sqlite3_value **values)
{
    uint32_t type = (uint32_t)sqlite3_value_int64(values[1]);
    const struct catalog_type *found = catalog_type_find(type);
    bool text = sqlite3_value_type(values[0]) == SQLITE_TEXT;

    (void)count;
    if (catalog_null(values[0])) return;
    if (text && cast_name(context, catalog_text(values[0]), type)) return;
    if (sqlite3_value_type(values[0]) == SQLITE_FLOAT) {
        cast_float(context, round(sqlite3_value_double(values[0])), type);
        return;
    }
    if (found == NULL || (*found->category != 'N' && type != SQL_BOOL)) {
        sqlite3_result_value(context, values[0]);
    } else if (text) {
        cast_text(context, catalog_text(values[0]), type);
    } else {
        result_integer(context, sqlite3_value_int64(values[0]), type);
    }
}

static void float_math(sqlite3_context *context, char op, double left, double right)
{
    double result = 0;

    switch (op) {
    case '+':
        result = left + right;
        break;
    case '-':
        result = left - right;
        break;
    case '*':
        result = left * right;
        break;
    default:
        result = op == '/' ? left / right : fmod(left, right);
        break;
    }
    sqlite3_result_double(context, result);
}

/* pawl_math (operator, a, b, type): overflow and division by zero are errors, as in PostgreSQL. */
static void call_math(sqlite3_context *context, int count, sqlite3_value **values)
{
    char op = *catalog_text(values[0]).at;
    uint32_t type = (uint32_t)sqlite3_value_int64(values[3]);
    bool divides = op == '/' || op == '%';
    int64_t left = sqlite3_value_int64(values[1]);
    int64_t right = sqlite3_value_int64(values[2]);
    int64_t result = 0;
    bool over = false;

    (void)count;
    if (catalog_null(values[1]) || catalog_null(values[2])) return;
    if (divides && sqlite3_value_double(values[2]) == 0) {
        catalog_raise(context, "22012", "division by zero");
        return;
    }
    if (type == SQL_NUMERIC) {
        catalog_numeric_math(context, op, values[1], values[2]);
        return;
    }
    if (type == SQL_FLOAT8 || type == CATALOG_FLOAT4) {
        float_math(context, op, sqlite3_value_double(values[1]), sqlite3_value_double(values[2]));
        return;
    }
    if (op == '+') over = __builtin_add_overflow(left, right, &result);
    if (op == '-') over = __builtin_sub_overflow(left, right, &result);
    if (op == '*') over = __builtin_mul_overflow(left, right, &result);
    if (divides && right == -1) {
        over = op == '/' && left == INT64_MIN;
        result = op == '/' && !over ? -left : 0;
    } else if (divides) {
        result = op == '/' ? left / right : left % right;
    }
    if (over) {
        catalog_raise(context, "22003", "%s out of range", display(type));
    } else {
        result_integer(context, result, type);
    }
}

/* The bytes of the character at text. */
static size_t character(struct pawl_bytes text)
{
    size_t size = 1;

    while (size < text.size && ((unsigned char)text.at[size] & 0xc0) == 0x80) {
        size++;
    }
    return size;
}

static bool same(char a, char b, bool fold)
{
    if (fold && a >= 'A' && a <= 'Z') a = (char)(a + 32);
    if (fold && b >= 'A' && b <= 'Z') b = (char)(b + 32);
    return a == b;
}

/*
 * LIKE, without recursion: after a mismatch it goes on one character behind the last %. That can
 * cost the product of their sizes, so steps are counted: -1, too many.
 */
static int like(struct pawl_bytes text, struct pawl_bytes pattern, bool fold)
{
    size_t steps = 0;
    size_t at = 0;
    size_t p = 0;
    size_t star = SIZE_MAX;
    size_t again = 0;

    while (at < text.size) {
        struct pawl_bytes rest = {text.at + at, text.size - at};
        bool escaped = p + 1 < pattern.size && pattern.at[p] == '\\';

        if (++steps > LIKE_STEPS_MAX) return -1;
        if (p < pattern.size && pattern.at[p] == '%') {
            star = ++p;
            again = at;
        } else if (p < pattern.size && pattern.at[p] == '_') {
            at += character(rest);
            p++;
        } else if (p < pattern.size && same(pattern.at[p + escaped], text.at[at], fold)) {
            at++;
            p += 1 + (size_t)escaped;
        } else if (star != SIZE_MAX) {
            again += character((struct pawl_bytes){text.at + again, text.size - again});
            at = again;
            p = star;
        } else {
            return 0;
        }
    }
    while (p < pattern.size && pattern.at[p] == '%') {
        p++;
    }
    return p == pattern.size;
}

static void result_like(sqlite3_context *context, sqlite3_value **values, bool fold)
{
    if (catalog_null(values[0]) || catalog_null(values[1])) return;
    int like_it = like(catalog_text(values[0]), catalog_text(values[1]), fold);

    if (like_it >= 0) {
        sqlite3_result_int(context, like_it);
    } else {
        catalog_raise(context, "54001", "pattern is too complex: LIKE took more than %d steps",
                      LIKE_STEPS_MAX);
    }
}

static void call_like(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    result_like(context, values, false);
}

static void call_ilike(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    result_like(context, values, true);
}

/* LIKE x ESCAPE 'c': the pattern with a backslash in c's place. */
static void call_like_escape(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct pawl_bytes pattern = catalog_text(values[0]);
    struct pawl_bytes escape = catalog_text(values[1]);
    sqlite3_str *text = sqlite3_str_new(NULL);

    (void)count;
    for (size_t i = 0; i < pattern.size; i++) {
        char c = pattern.at[i];

        if (escape.size == 1 && c == *escape.at && i + 1 < pattern.size) {
            c = pattern.at[++i];
            sqlite3_str_appendchar(text, 1, '\\');
        } else if (c == '\\') {
            sqlite3_str_appendchar(text, 1, '\\');
        }
        sqlite3_str_appendchar(text, 1, c);
    }
    sqlite3_result_text(context, sqlite3_str_finish(text), -1, sqlite3_free);
}

static void free_code(void *code)
{
    pcre2_code_free(code);
}

static pcre2_code *compile(sqlite3_context *context, struct pawl_bytes pattern, uint32_t how)
{
    pcre2_compile_context *limits = pcre2_compile_context_create(NULL);
    pcre2_code *code = NULL;
    int problem = 0;
    size_t at = 0;

    if (limits == NULL) {
        sqlite3_result_error_nomem(context);
        return NULL;
    }
    (void)pcre2_set_max_pattern_length(limits, SQL_PATTERN_BYTES_MAX);
    (void)pcre2_set_parens_nest_limit(limits, PATTERN_DEPTH_MAX);
    code = pcre2_compile((PCRE2_SPTR)pattern.at, pattern.size, how, &problem, &at, limits);
    pcre2_compile_context_free(limits);
    if (code == NULL) {
        char text[128];

        (void)pcre2_get_error_message(problem, (PCRE2_UCHAR *)text, sizeof text);
        catalog_raise(context, "2201B", "invalid regular expression: %s", text);
    }
    return code;
}

/* Bounded in steps and memory, so that no pattern can hold up the thread. */
static void match(sqlite3_context *context, const pcre2_code *code, struct pawl_bytes text)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);

    if (limits == NULL || data == NULL) {
        sqlite3_result_error_nomem(context);
    } else {
        (void)pcre2_set_match_limit(limits, MATCH_STEPS_MAX);
        (void)pcre2_set_heap_limit(limits, MATCH_HEAP_KIB_MAX);
        int end = pcre2_match(code, (PCRE2_SPTR)text.at, text.size, 0, 0, data, limits);

        if (end >= 0 || end == PCRE2_ERROR_NOMATCH) {
            sqlite3_result_int(context, end >= 0);
        } else {
            catalog_raise(context, "54001",
                          "regular expression is too complex: a match took more "
                          "than %d steps",
                          MATCH_STEPS_MAX);
        }
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
}

static void regex(sqlite3_context *context, sqlite3_value **values, uint32_t more)
{
    pcre2_code *code = sqlite3_get_auxdata(context, 1);

    if (catalog_null(values[0]) || catalog_null(values[1])) return;
    if (code == NULL) {
        code = compile(context, catalog_text(values[1]),
                       PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C | more);
        if (code == NULL) return;
        match(context, code, catalog_text(values[0]));
        sqlite3_set_auxdata(context, 1, code, free_code);
        return;
    }
    match(context, code, catalog_text(values[0]));
}

static void call_regex(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    regex(context, values, 0);
}

static void call_iregex(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    regex(context, values, PCRE2_CASELESS);
}

/* LIMIT and OFFSET: NULL is none. */
static void call_limit(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct pawl_bytes word = catalog_text(values[1]);
    bool limit = *word.at == 'L';
    sqlite3_int64 value = sqlite3_value_int64(values[0]);

    (void)count;
    if (catalog_null(values[0])) {
        sqlite3_result_int(context, limit ? -1 : 0);
    } else if (value < 0) {
        catalog_raise(context, limit ? "2201W" : "2201X", "%.*s must not be negative",
                      (int)word.size, word.at);
    } else {
        sqlite3_result_int64(context, value);
    }
}

static int order(sqlite3_value *a, sqlite3_value *b)
{
    if (sqlite3_value_type(a) == SQLITE_TEXT && sqlite3_value_type(b) == SQLITE_TEXT) {
        return pawl_bytes_order(catalog_text(a), catalog_text(b));
    }
    double left = sqlite3_value_double(a);
    double right = sqlite3_value_double(b);

    return (left > right) - (left < right);
}

static void furthest(sqlite3_context *context, int count, sqlite3_value **values, int sign)
{
    sqlite3_value *best = NULL;

    for (int i = 0; i < count; i++) {
        if (catalog_null(values[i])) continue;
        if (best == NULL || order(values[i], best) * sign > 0) best = values[i];
    }
    if (best != NULL) sqlite3_result_value(context, best);
}

static void call_least(sqlite3_context *context, int count, sqlite3_value **values)
{
    furthest(context, count, values, -1);
}

static void call_greatest(sqlite3_context *context, int count, sqlite3_value **values)
{
    furthest(context, count, values, 1);
}

static void call_quote_ident(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    if (catalog_null(values[0])) return;
    sqlite3_result_text(context, catalog_quote_ident(catalog_text(values[0])), -1, sqlite3_free);
}

static void call_quote_literal(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    if (catalog_null(values[0])) return;
    sqlite3_result_text(context, sqlite3_mprintf("%Q", (const char *)sqlite3_value_text(values[0])),
                        -1, sqlite3_free);
}

static void call_split_part(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct pawl_bytes text = catalog_text(values[0]);
    struct pawl_bytes between = catalog_text(values[1]);
    int wanted = sqlite3_value_int(values[2]);

    (void)count;
    if (catalog_null(values[0]) || catalog_null(values[1]) || catalog_null(values[2])) return;
    if (wanted < 1) {
        catalog_raise(context, wanted == 0 ? "22023" : "0A000",
                      wanted == 0 ? "field position must not be zero"
                                  : "fields from the end are not supported here");
        return;
    }
    for (;;) {
        const char *found =
            between.size == 0 ? NULL : memmem(text.at, text.size, between.at, between.size);
        size_t size = found == NULL ? text.size : (size_t)(found - text.at);

        if (--wanted == 0) {
            sqlite3_result_text(context, text.at, (int)size, SQLITE_TRANSIENT);
            return;
        }
        if (found == NULL) break;
        text.at = found + between.size;
        text.size -= size + between.size;
    }
    sqlite3_result_text(context, "", 0, SQLITE_STATIC);
}

/* pawl_concat (between, …): NULLs are left out. */
static void call_concat(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct pawl_bytes between = catalog_text(values[0]);
    sqlite3_str *text = sqlite3_str_new(sqlite3_context_db_handle(context));
    bool first = true;

    for (int i = 1; i < count; i++) {
        struct pawl_bytes piece = catalog_text(values[i]);

        if (catalog_null(values[i])) continue;
        if (!first) sqlite3_str_append(text, between.at, (int)between.size);
        sqlite3_str_append(text, piece.at, (int)piece.size);
        first = false;
    }
    if (sqlite3_str_length(text) == 0) {
        sqlite3_free(sqlite3_str_finish(text));
        sqlite3_result_text(context, "", 0, SQLITE_STATIC);
        return;
    }
    sqlite3_result_text(context, sqlite3_str_finish(text), -1, sqlite3_free);
}

/* format (text, …): %s, %I, %L and %% */
static void call_format(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *at = catalog_text(values[0]).at;
    sqlite3_str *text = sqlite3_str_new(sqlite3_context_db_handle(context));
    int next = 1;

    for (; *at != '\0' && !catalog_null(values[0]); at++) {
        struct pawl_bytes piece = {"", 0};

        if (*at != '%') {
            sqlite3_str_appendchar(text, 1, *at);
            continue;
        }
        at++;
        if (*at == '%') {
            sqlite3_str_appendchar(text, 1, '%');
            continue;
        }
        if (strchr("sIL", *at) == NULL || *at == '\0' || next >= count) {
            sqlite3_free(sqlite3_str_finish(text));
            catalog_raise(context, "22023",
                          "format() knows %%s, %%I and %%L here, one for each "
                          "argument");
            return;
        }
        piece = catalog_text(values[next++]);
        if (*at == 's') sqlite3_str_append(text, piece.at, (int)piece.size);
        if (*at == 'L') sqlite3_str_appendf(text, "'%.*q'", (int)piece.size, piece.at);
        if (*at == 'I') {
            char *name = catalog_quote_ident(piece);

            sqlite3_str_appendall(text, name == NULL ? "" : name);
            sqlite3_free(name);
        }
    }
    char *all = sqlite3_str_finish(text);

    if (!catalog_null(values[0])) {
        sqlite3_result_text(context, all == NULL ? "" : all, -1, SQLITE_TRANSIENT);
    }
    sqlite3_free(all);
}

int catalog_text_add(struct sql_catalog *catalog)
{
    static const struct catalog_function functions[] = {
        {"pawl_text", 2, call_text, NULL},
        {"pawl_cast", 2, call_cast, NULL},
        {"pawl_math", 4, call_math, NULL},
        {"pawl_like", 2, call_like, NULL},
        {"pawl_ilike", 2, call_ilike, NULL},
        {"pawl_like_escape", 2, call_like_escape, NULL},
        {"pawl_regex", 2, call_regex, NULL},
        {"pawl_iregex", 2, call_iregex, NULL},
        {"pawl_limit", 2, call_limit, NULL},
        {"pawl_least", -1, call_least, NULL},
        {"pawl_greatest", -1, call_greatest, NULL},
        {"pawl_quote_ident", 1, call_quote_ident, NULL},
        {"pawl_quote_literal", 1, call_quote_literal, NULL},
        {"pawl_split_part", 3, call_split_part, NULL},
        {"pawl_concat", -1, call_concat, NULL},
        {"pawl_format", -1, call_format, NULL},
    };

    return catalog_add(catalog, functions, PAWL_COUNT(functions));
}
