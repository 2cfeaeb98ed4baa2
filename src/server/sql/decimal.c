/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/decimal.h"

#include <string.h>

enum { BASE = 10, EXPONENT_MAX = 100000, ALL = SQL_DECIMAL_DIGITS_MAX * 2 };

static void trim(struct sql_decimal *decimal)
{
    while (decimal->count > 0 && decimal->digits[decimal->count - 1] == 0) {
        decimal->count--;
    }
    if (decimal->count == 0) decimal->negative = false;
}

/* Times 10 to the power of places, the scale growing as much: the value stays. */
static void widen(struct sql_decimal *decimal, size_t places)
{
    PAWL_ASSERT(decimal->count + places <= ALL);
    memmove(decimal->digits + places, decimal->digits, decimal->count);
    memset(decimal->digits, 0, places);
    if (decimal->count > 0) decimal->count += places;
    decimal->scale += places;
}

void sql_decimal_round(struct sql_decimal *decimal, size_t scale)
{
    if (scale >= decimal->scale) {
        widen(decimal, scale - decimal->scale);
        return;
    }
    size_t places = decimal->scale - scale;
    bool up = places <= decimal->count && decimal->digits[places - 1] >= BASE / 2;
    decimal->scale = scale;
    if (places >= decimal->count) {
        decimal->count = 0;
    } else {
        decimal->count -= places;
        memmove(decimal->digits, decimal->digits + places, decimal->count);
    }
    size_t i = 0;
    while (up) {
        if (i == decimal->count) decimal->digits[decimal->count++] = 0;
        up = ++decimal->digits[i] == BASE;
        if (up) decimal->digits[i++] = 0;
    }
    trim(decimal);
}

struct reader {
    struct pawl_bytes text;
    size_t at;
};

static char next(const struct reader *reader)
{
    return reader->at < reader->text.size ? reader->text.at[reader->at] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_spaces(struct reader *reader)
{
    while (next(reader) != '\0' && strchr(" \t\n\v\f\r", next(reader)) != NULL) {
        reader->at++;
    }
}

/* e and a number, if there is one; false: not well formed. */
static bool read_exponent(struct reader *reader, int64_t *exponent)
{
    int64_t sign = 1;

    *exponent = 0;
    if (next(reader) != 'e' && next(reader) != 'E') return true;
    reader->at++;
    if (next(reader) == '-') sign = -1;
    if (next(reader) == '-' || next(reader) == '+') reader->at++;
    if (!is_digit(next(reader))) return false;
    for (; is_digit(next(reader)); reader->at++) {
        if (*exponent < EXPONENT_MAX) *exponent = *exponent * BASE + (next(reader) - '0');
    }
    *exponent *= sign;
    return true;
}

static bool no_number(struct pawl_bytes text, struct sql_error *error)
{
    return sql_fail(error, "22P02", 0, "invalid input syntax for type numeric: \"%.*s\"",
                    (int)text.size, text.at);
}

static bool too_long(struct sql_error *error)
{
    return sql_fail(error, "0A000", 0,
                    "numeric values of more than %d digits are not supported by this server",
                    SQL_DECIMAL_DIGITS_MAX);
}

/* size digits, of which scale lie behind the point, then exponent. */
static bool set_digits(struct sql_decimal *decimal, size_t scale, int64_t exponent,
                       struct sql_error *error)
{
    for (size_t i = 0; i < decimal->count / 2; i++) {
        uint8_t digit = decimal->digits[i];

        decimal->digits[i] = decimal->digits[decimal->count - 1 - i];
        decimal->digits[decimal->count - 1 - i] = digit;
    }
    int64_t left = (int64_t)scale - exponent;
    if (left > SQL_DECIMAL_DIGITS_MAX || left < -SQL_DECIMAL_DIGITS_MAX) return too_long(error);
    decimal->scale = left < 0 ? 0 : (size_t)left;
    if (left < 0) {
        if (decimal->count + (size_t)-left > SQL_DECIMAL_DIGITS_MAX) return too_long(error);
        widen(decimal, (size_t)-left);
        decimal->scale = 0;
    }
    trim(decimal);
    return true;
}

bool sql_decimal_read(struct sql_decimal *decimal, struct pawl_bytes text, struct sql_error *error)
{
    struct reader reader = {.text = text};
    size_t scale = 0;
    size_t seen = 0;
    bool point = false;
    int64_t exponent = 0;

    *decimal = (struct sql_decimal){.negative = false};
    skip_spaces(&reader);
    decimal->negative = next(&reader) == '-';
    if (next(&reader) == '-' || next(&reader) == '+') reader.at++;
    for (; is_digit(next(&reader)) || (next(&reader) == '.' && !point); reader.at++) {
        if (next(&reader) == '.') {
            point = true;
            continue;
        }
        seen++;
        if (point) scale++;
        if (decimal->count == 0 && next(&reader) == '0' && !point) continue;
        if (decimal->count == SQL_DECIMAL_DIGITS_MAX) return too_long(error);
        decimal->digits[decimal->count++] = (uint8_t)(next(&reader) - '0');
    }
    if (seen == 0 || !read_exponent(&reader, &exponent)) return no_number(text, error);
    skip_spaces(&reader);
    if (reader.at != text.size) return no_number(text, error);
    return set_digits(decimal, scale, exponent, error);
}

void sql_decimal_of(struct sql_decimal *decimal, int64_t number)
{
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    *decimal = (struct sql_decimal){.negative = number < 0};
    for (; rest > 0; rest /= BASE) {
        decimal->digits[decimal->count++] = (uint8_t)(rest % BASE);
    }
}

struct pawl_bytes sql_decimal_text(struct sql_pool *pool, const struct sql_decimal *decimal)
{
    size_t whole = decimal->count > decimal->scale ? decimal->count - decimal->scale : 1;
    size_t size = whole + decimal->scale + (decimal->scale > 0) + decimal->negative;
    char *text = sql_pool_take(pool, size + 1);
    char *at = text;

    if (text == NULL) return (struct pawl_bytes){NULL, 0};
    if (decimal->negative) *at++ = '-';
    for (size_t i = whole + decimal->scale; i > 0; i--) {
        if (i == decimal->scale) *at++ = '.';
        *at++ = (char)('0' + (i <= decimal->count ? decimal->digits[i - 1] : 0));
    }
    return (struct pawl_bytes){text, size};
}

/* Of two of one scale, signs aside. */
static int order_digits(const struct sql_decimal *a, const struct sql_decimal *b)
{
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    for (size_t i = a->count; i > 0; i--) {
        if (a->digits[i - 1] != b->digits[i - 1]) {
            return a->digits[i - 1] < b->digits[i - 1] ? -1 : 1;
        }
    }
    return 0;
}

static void to_one_scale(struct sql_decimal *a, struct sql_decimal *b)
{
    if (a->scale < b->scale) widen(a, b->scale - a->scale);
    if (b->scale < a->scale) widen(b, a->scale - b->scale);
}

int sql_decimal_order(const struct sql_decimal *a, const struct sql_decimal *b)
{
    struct sql_decimal left = *a;
    struct sql_decimal right = *b;

    if (a->negative != b->negative) return a->negative ? -1 : 1;
    to_one_scale(&left, &right);
    int order = order_digits(&left, &right);
    return a->negative ? -order : order;
}

bool sql_decimal_to_i64(const struct sql_decimal *decimal, int64_t *number)
{
    struct sql_decimal whole = *decimal;
    uint64_t sum = 0;

    sql_decimal_round(&whole, 0);
    for (size_t i = whole.count; i > 0; i--) {
        if (__builtin_mul_overflow(sum, BASE, &sum)) return false;
        if (__builtin_add_overflow(sum, (uint64_t)whole.digits[i - 1], &sum)) return false;
    }
    if (sum > (uint64_t)INT64_MAX + (whole.negative ? 1 : 0)) return false;
    *number = whole.negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return true;
}

static uint8_t digit(const struct sql_decimal *decimal, size_t index)
{
    return index < decimal->count ? decimal->digits[index] : 0;
}

/* Of one scale, signs aside; a is not less than b where it is taken off. */
static void add_digits(const struct sql_decimal *a, const struct sql_decimal *b, bool minus,
                       struct sql_decimal *result)
{
    size_t count = a->count > b->count ? a->count : b->count;
    int carry = 0;

    for (size_t i = 0; i < count; i++) {
        int sum = digit(a, i) + (minus ? -digit(b, i) : digit(b, i)) + carry;

        carry = sum < 0 ? -1 : sum >= BASE ? 1 : 0;
        result->digits[i] = (uint8_t)(sum - carry * BASE);
    }
    result->count = count;
    if (carry > 0) result->digits[result->count++] = 1;
}

static void add(struct sql_decimal a, struct sql_decimal b, struct sql_decimal *result)
{
    to_one_scale(&a, &b);
    *result = (struct sql_decimal){.scale = a.scale, .negative = a.negative};
    if (a.negative == b.negative) {
        add_digits(&a, &b, false, result);
    } else if (order_digits(&a, &b) >= 0) {
        add_digits(&a, &b, true, result);
    } else {
        result->negative = b.negative;
        add_digits(&b, &a, true, result);
    }
    trim(result);
}

static void multiply(const struct sql_decimal *a, const struct sql_decimal *b,
                     struct sql_decimal *result)
{
    *result = (struct sql_decimal){.scale = a->scale + b->scale,
                                   .negative = a->negative != b->negative,
                                   .count = a->count + b->count};
    for (size_t i = 0; i < a->count; i++) {
        unsigned carry = 0;

        for (size_t k = 0; k < b->count || carry > 0; k++) {
            unsigned sum = result->digits[i + k] + a->digits[i] * (unsigned)digit(b, k) + carry;

            result->digits[i + k] = (uint8_t)(sum % BASE);
            carry = sum / BASE;
        }
    }
    trim(result);
}

/* Of whole numbers: how often b is in a, and what is left over. */
static void divide_digits(const struct sql_decimal *a, const struct sql_decimal *b,
                          struct sql_decimal *quotient, struct sql_decimal *rest)
{
    struct sql_decimal divisor = *b;

    divisor.negative = false;
    divisor.scale = 0;
    *rest = (struct sql_decimal){.scale = 0};
    *quotient = (struct sql_decimal){.count = a->count};
    for (size_t i = a->count; i > 0; i--) {
        widen(rest, 1);
        rest->scale = 0;
        if (rest->count == 0) rest->count = 1;
        rest->digits[0] = a->digits[i - 1];
        trim(rest);
        while (order_digits(rest, &divisor) >= 0) {
            struct sql_decimal less = {.scale = 0};

            add_digits(rest, &divisor, true, &less);
            trim(&less);
            *rest = less;
            quotient->digits[i - 1]++;
        }
    }
    trim(quotient);
}

/* PostgreSQL counts in groups of four digits: where the first one stands, and what it is. */
static int64_t weight(const struct sql_decimal *decimal, int *first)
{
    enum { GROUP = 4 };
    int64_t place = (int64_t)decimal->count - 1 - (int64_t)decimal->scale;
    int64_t group = place >= 0 ? place / GROUP : -((-place + GROUP - 1) / GROUP);

    *first = 0;
    if (decimal->count == 0) return 0;
    for (int64_t i = place; i >= group * GROUP; i--) {
        int64_t index = i + (int64_t)decimal->scale;

        *first = *first * BASE + (index < 0 ? 0 : digit(decimal, (size_t)index));
    }
    return group;
}

/* At least 16 digits that count, and no fewer than either has. */
static size_t quotient_scale(const struct sql_decimal *a, const struct sql_decimal *b)
{
    enum { SIGNIFICANT = 16, GROUP = 4 };
    int first_a = 0;
    int first_b = 0;
    int64_t groups = weight(a, &first_a) - weight(b, &first_b);

    if (first_a <= first_b) groups--;
    int64_t scale = SIGNIFICANT - groups * GROUP;
    if (scale < (int64_t)a->scale) scale = (int64_t)a->scale;
    if (scale < (int64_t)b->scale) scale = (int64_t)b->scale;
    return scale < 0 ? 0 : (size_t)scale;
}

static bool divide(struct sql_decimal a, const struct sql_decimal *b, struct sql_decimal *result,
                   struct sql_error *error)
{
    size_t scale = quotient_scale(&a, b);
    size_t shift = scale + 1 + b->scale;
    struct sql_decimal rest;
    bool negative = a.negative != b->negative;

    if (a.count + shift > ALL) return too_long(error);
    if (shift > a.scale) widen(&a, shift - a.scale);
    divide_digits(&a, b, result, &rest);
    result->scale = a.scale - b->scale;
    result->negative = negative;
    sql_decimal_round(result, scale);
    return true;
}

bool sql_decimal_operate(char operation, const struct sql_decimal *a, const struct sql_decimal *b,
                         struct sql_decimal *result, struct sql_error *error)
{
    struct sql_decimal left = *a;
    struct sql_decimal right = *b;

    if ((operation == '/' || operation == '%') && b->count == 0) {
        return sql_fail(error, "22012", 0, "division by zero");
    }
    if (operation == '-') right.negative = !right.negative;
    if (operation == '+' || operation == '-') {
        add(left, right, result);
    } else if (operation == '*') {
        multiply(&left, &right, result);
    } else if (operation == '/') {
        if (!divide(left, &right, result, error)) return false;
    } else {
        struct sql_decimal quotient;

        to_one_scale(&left, &right);
        divide_digits(&left, &right, &quotient, result);
        result->scale = left.scale;
        result->negative = a->negative;
        trim(result);
    }
    if (result->count > SQL_DECIMAL_DIGITS_MAX || result->scale > SQL_DECIMAL_DIGITS_MAX) {
        return too_long(error);
    }
    return true;
}
