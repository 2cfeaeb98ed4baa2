/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/catalog_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sql/catalog_own.h"

#define NUMERIC_END 1e15 /* 10 to the CATALOG_NUMERIC_DIGITS_MAX */

static bool too_long(struct sql_error *error)
{
    return sql_fail(error, "0A000", 0,
                    "a numeric of more than %d digits is not supported in a query over catalogs",
                    CATALOG_NUMERIC_DIGITS_MAX);
}

/* Digits that count: all before the point, and those behind it up to the last that is not zero. */
static size_t digits_of(const struct sql_decimal *decimal)
{
    size_t zeros = 0;

    while (zeros < decimal->count && zeros < decimal->scale && decimal->digits[zeros] == 0) {
        zeros++;
    }
    size_t behind = decimal->scale - (zeros < decimal->scale ? zeros : decimal->scale);
    size_t before = decimal->count > decimal->scale ? decimal->count - decimal->scale : 1;
    return before + (decimal->count == 0 ? 0 : behind);
}

bool catalog_numeric_of(const struct sql_decimal *decimal, struct catalog_numeric *numeric,
                        struct sql_error *error)
{
    struct sql_pool pool = {.bytes = 0};
    struct sql_decimal rounded = *decimal;

    sql_decimal_round(&rounded, 0);
    numeric->whole =
        sql_decimal_order(&rounded, decimal) == 0 && sql_decimal_to_i64(decimal, &numeric->number);
    if (numeric->whole) return true;
    if (digits_of(decimal) > CATALOG_NUMERIC_DIGITS_MAX) return too_long(error);
    struct pawl_bytes text = sql_decimal_text(&pool, decimal);
    char copy[2 * SQL_DECIMAL_DIGITS_MAX + 8] = "";
    if (text.at != NULL && text.size < sizeof copy) memcpy(copy, text.at, text.size);
    bool good = copy[0] != '\0';
    numeric->fraction = strtod(copy, NULL);
    sql_pool_free(&pool);
    return good || sql_fail(error, "53200", 0, "out of memory");
}

bool catalog_numeric_read(struct pawl_bytes text, struct catalog_numeric *numeric,
                          struct sql_error *error)
{
    struct sql_decimal decimal;

    return sql_decimal_read(&decimal, text, error) && catalog_numeric_of(&decimal, numeric, error);
}

bool catalog_numeric_show(double number, char text[CATALOG_NUMERIC_TEXT_BYTES],
                          struct sql_error *error)
{
    double size = fabs(number);
    double end = 10;
    int behind = CATALOG_NUMERIC_DIGITS_MAX - 1;

    if (!(size < NUMERIC_END)) return too_long(error);
    while (size >= end && behind > 0) {
        end *= 10;
        behind--;
    }
    (void)snprintf(text, CATALOG_NUMERIC_TEXT_BYTES, "%.*f", behind, number);
    char *last = text + strlen(text) - 1;
    while (behind > 0 && *last == '0') {
        *last-- = '\0';
    }
    if (*last == '.') *last = '\0';
    if (strcmp(text, "-0") == 0) memcpy(text, "0", 2);
    return true;
}

static bool operand(sqlite3_value *value, struct sql_decimal *decimal, struct sql_error *error)
{
    char text[CATALOG_NUMERIC_TEXT_BYTES];

    if (sqlite3_value_type(value) == SQLITE_INTEGER) {
        sql_decimal_of(decimal, sqlite3_value_int64(value));
        return true;
    }
    return catalog_numeric_show(sqlite3_value_double(value), text, error) &&
           sql_decimal_read(decimal, (struct pawl_bytes){text, strlen(text)}, error);
}

void catalog_numeric_math(sqlite3_context *context, char op, sqlite3_value *left,
                          sqlite3_value *right)
{
    struct sql_decimal a, b, result;
    struct catalog_numeric numeric = {.whole = false};
    struct sql_error error = {.position = 0};

    if (!operand(left, &a, &error) || !operand(right, &b, &error) ||
        !sql_decimal_operate(op, &a, &b, &result, &error) ||
        !catalog_numeric_of(&result, &numeric, &error)) {
        catalog_raise(context, error.sqlstate, "%s", error.message);
    } else if (numeric.whole) {
        sqlite3_result_int64(context, numeric.number);
    } else {
        sqlite3_result_double(context, numeric.fraction);
    }
}
