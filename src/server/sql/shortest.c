/* SPDX-License-Identifier: Apache-2.0 */
/*
 * float8 as a text: the fewest digits that lie nearer to it than to any other, and of those the
 * nearest. What lies exactly in the middle of two does not count, as in PostgreSQL (and unlike
 * strtod, which rounds it to even).
 */
#include "server/sql/shortest.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIGITS_MAX = 17,
    POINT_MIN = -4, /* exponents that are shown without one */
    POINT_MAX = 15,
    EXACT_DIGITS = 800, /* of any middle between two float8 */
};

_Static_assert(LDBL_MANT_DIG > DBL_MANT_DIG, "the middle between two float8 is a long double");

/* 1.25e3: digits 125, count 3, exponent 3. */
struct shape {
    char digits[DIGITS_MAX + 1];
    int count;
    int exponent;
};

static void shape_text(const struct shape *shape, char to[SQL_FLOAT_BYTES])
{
    (void)snprintf(to, SQL_FLOAT_BYTES, "%c.%se%d", shape->digits[0], shape->digits + 1,
                   shape->exponent);
}

static void shape_of(double number, int count, struct shape *shape)
{
    char text[SQL_FLOAT_BYTES];

    (void)snprintf(text, sizeof text, "%.*e", count - 1, number);
    char *e = strchr(text, 'e');
    shape->count = count;
    shape->exponent = (int)strtol(e + 1, NULL, 10);
    *e = '\0';
    shape->digits[0] = text[0];
    shape->digits[1] = '\0';
    if (count > 1) memcpy(shape->digits + 1, text + 2, (size_t)count);
}

/* The next of as many digits. false: it has more, or fewer. */
static bool step(struct shape *shape, bool up)
{
    for (int i = shape->count - 1; i >= 0; i--) {
        if (shape->digits[i] != (up ? '9' : '0')) {
            shape->digits[i] = (char)(shape->digits[i] + (up ? 1 : -1));
            return shape->digits[0] != '0';
        }
        shape->digits[i] = up ? '0' : '9';
    }
    return false;
}

static bool is_exactly(const struct shape *shape, long double middle)
{
    char text[EXACT_DIGITS + SQL_FLOAT_BYTES];

    (void)snprintf(text, sizeof text, "%.*Le", EXACT_DIGITS, middle);
    if (text[0] != shape->digits[0]) return false;
    if (strncmp(text + 2, shape->digits + 1, (size_t)shape->count - 1) != 0) return false;
    const char *rest = text + 1 + shape->count;
    rest += strspn(rest, "0");
    return *rest == 'e' && strtol(rest + 1, NULL, 10) == shape->exponent;
}

static bool is_nearest(const struct shape *shape, double number)
{
    char text[SQL_FLOAT_BYTES];

    shape_text(shape, text);
    if (strtod(text, NULL) != number) return false;
    for (int i = 0; i < 2; i++) {
        double other = nextafter(number, i == 0 ? -INFINITY : INFINITY);
        long double middle = ((long double)number + (long double)other) / 2;

        if (isinf(other) || strtold(text, NULL) != middle) continue;
        if (is_exactly(shape, middle)) return false;
    }
    return true;
}

static void shortest(double number, struct shape *shape)
{
    for (int count = 1; count <= DIGITS_MAX; count++) {
        shape_of(number, count, shape);
        if (is_nearest(shape, number)) return;
        struct shape above = *shape;
        struct shape below = *shape;
        if (step(&above, true) && is_nearest(&above, number)) {
            *shape = above;
            return;
        }
        if (step(&below, false) && is_nearest(&below, number)) {
            *shape = below;
            return;
        }
    }
}

static size_t with_point(const struct shape *shape, char *to)
{
    char *at = to;

    for (int i = shape->exponent < 0 ? shape->exponent : 0;
         i < shape->count || i <= shape->exponent; i++) {
        *at++ = i < 0 || i >= shape->count ? '0' : shape->digits[i];
        bool last = i + 1 >= shape->count && i >= shape->exponent;
        if (i == shape->exponent && !last) *at++ = '.';
    }
    return (size_t)(at - to);
}

size_t sql_float_put(double number, char to[SQL_FLOAT_BYTES])
{
    struct shape shape;
    char *at = to;

    if (isnan(number)) return (size_t)snprintf(to, SQL_FLOAT_BYTES, "NaN");
    if (signbit(number)) *at++ = '-';
    if (isinf(number)) return (size_t)(at - to) + (size_t)snprintf(at, 16, "Infinity");
    if (number == 0) {
        *at++ = '0';
        return (size_t)(at - to);
    }
    shortest(fabs(number), &shape);
    if (shape.exponent >= POINT_MIN && shape.exponent < POINT_MAX) {
        return (size_t)(at - to) + with_point(&shape, at);
    }
    *at++ = shape.digits[0];
    if (shape.count > 1) *at++ = '.';
    memcpy(at, shape.digits + 1, (size_t)shape.count - 1);
    at += shape.count - 1;
    return (size_t)(at - to) + (size_t)snprintf(at, 8, "e%+03d", shape.exponent);
}
