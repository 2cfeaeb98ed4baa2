/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/cast.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sql/decimal.h"
#include "server/sql/machine.h"
#include "server/sql/shortest.h"
#include "server/sql/types.h"

enum { NAME_BYTES_MAX = 63, HEADER = 4, SCALE_BITS = 11, NUMBER_BYTES = 32 };

static bool no_memory(struct sql_error *error)
{
    return sql_fail(error, "53200", 0, "out of memory");
}

static struct pawl_bytes without_spaces(struct pawl_bytes text)
{
    static const char spaces[] = " \t\n\v\f\r";

    while (text.size > 0 && memchr(spaces, text.at[0], sizeof spaces - 1) != NULL) {
        text.at++;
        text.size--;
    }
    while (text.size > 0 && memchr(spaces, text.at[text.size - 1], sizeof spaces - 1) != NULL) {
        text.size--;
    }
    return text;
}

static bool no_input(struct pawl_bytes text, uint32_t type, struct sql_error *error)
{
    return sql_fail(error, "22P02", 0, "invalid input syntax for type %s: \"%.*s\"",
                    sql_type_shown(type), (int)text.size, text.at);
}

static bool within(uint32_t type, int64_t number)
{
    switch (type) {
    case SQL_INT2:
        return number >= INT16_MIN && number <= INT16_MAX;
    case SQL_INT4:
        return number >= INT32_MIN && number <= INT32_MAX;
    case SQL_OID:
        return number >= INT32_MIN && number <= UINT32_MAX;
    default:
        return true;
    }
}

bool sql_number_fits(uint32_t type, int64_t number, struct sql_error *error)
{
    if (within(type, number)) return true;
    return sql_fail(error, "22003", 0, "%s out of range",
                    type == SQL_OID ? "OID" : sql_type_shown(type));
}

/* Digits and a sign only: what is more than a number may still be one that is too great. */
static bool is_integer(struct pawl_bytes text)
{
    size_t sign = text.size > 0 && (text.at[0] == '-' || text.at[0] == '+') ? 1 : 0;

    for (size_t i = sign; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return false;
    }
    return text.size > sign;
}

static bool input_integer(struct pawl_bytes text, uint32_t type, struct sql_value *value,
                          struct sql_error *error)
{
    struct pawl_bytes digits = without_spaces(text);

    if (!is_integer(digits)) return no_input(text, type, error);
    if (digits.at[0] == '+') digits = (struct pawl_bytes){digits.at + 1, digits.size - 1};
    if (!pawl_bytes_to_i64(digits, &value->number) || !within(type, value->number)) {
        return sql_fail(error, "22003", 0, "value \"%.*s\" is out of range for type %s",
                        (int)text.size, text.at, sql_type_shown(type));
    }
    if (type == SQL_OID) value->number = (uint32_t)value->number;
    return true;
}

static bool input_bool(struct pawl_bytes text, struct sql_value *value, struct sql_error *error)
{
    static const struct {
        const char *word;
        size_t least; /* letters that tell it from others */
        bool truth;
    } words[] = {{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
                 {"on", 2, true},   {"off", 2, false},   {"1", 1, true},   {"0", 1, false}};
    struct pawl_bytes word = without_spaces(text);

    for (size_t i = 0; i < PAWL_COUNT(words); i++) {
        struct pawl_bytes whole = {words[i].word, word.size};

        if (word.size < words[i].least || word.size > strlen(words[i].word)) continue;
        if (!pawl_bytes_equal_nocase(whole, word)) continue;
        value->number = words[i].truth;
        return true;
    }
    return no_input(text, SQL_BOOL, error);
}

static bool read_double(struct pawl_bytes text, double *number, struct sql_error *error)
{
    struct pawl_bytes word = without_spaces(text);
    char copy[SQL_DECIMAL_DIGITS_MAX + 128]; /* a numeric's text fits */
    char *end = NULL;

    if (word.size == 0 || word.size >= sizeof copy) return no_input(text, SQL_FLOAT8, error);
    memcpy(copy, word.at, word.size);
    copy[word.size] = '\0';
    errno = 0;
    *number = strtod(copy, &end);
    if (*end != '\0' || strpbrk(copy, "xX(") != NULL) return no_input(text, SQL_FLOAT8, error);
    if (errno == ERANGE && (*number == 0 || isinf(*number))) {
        return sql_fail(error, "22003", 0, "\"%.*s\" is out of range for type double precision",
                        (int)text.size, text.at);
    }
    return true;
}

struct pawl_bytes sql_float_text(struct sql_pool *pool, double number)
{
    char text[SQL_FLOAT_BYTES];
    size_t size = sql_float_put(number, text);

    return sql_pool_copy(pool, (struct pawl_bytes){text, size});
}

bool sql_float_of(const struct sql_value *value, double *number, struct sql_error *error)
{
    return read_double(value->text, number, error);
}

static bool set_text(struct sql_value *value, struct pawl_bytes text, struct sql_error *error)
{
    value->text = text;
    return text.at == NULL ? no_memory(error) : true;
}

static bool input_numeric(struct sql_pool *pool, struct pawl_bytes text, struct sql_value *value,
                          struct sql_error *error)
{
    struct sql_decimal decimal;

    if (!sql_decimal_read(&decimal, text, error)) return false;
    return set_text(value, sql_decimal_text(pool, &decimal), error);
}

static bool input_array(struct sql_pool *pool, struct pawl_bytes text, struct sql_value *value,
                        struct sql_error *error)
{
    uint32_t element_type = sql_type_facts(value->type)->element;
    struct sql_elements elements;
    struct pawl_bytes element;
    struct sql_value *values = NULL;
    size_t room = 0;
    size_t count = 0;
    bool null = false;
    int more = 0;

    if (!sql_elements_begin(&elements, text, error)) return false;
    while ((more = sql_elements_next(&elements, pool, &element, &null, error)) > 0) {
        if (count == room) {
            struct sql_value *grown = sql_pool_array(pool, room = room * 2 + 8, sizeof *grown);

            if (grown == NULL) return no_memory(error);
            if (count > 0) memcpy(grown, values, count * sizeof *grown);
            values = grown;
        }
        values[count] = (struct sql_value){.type = element_type, .null = null};
        if (!null && !sql_input(pool, element, element_type, &values[count], error)) return false;
        count++;
    }
    return more == 0 && set_text(value, sql_array_text(pool, values, count), error);
}

/* At most size bytes of text, cut between characters. */
static struct pawl_bytes cut(struct pawl_bytes text, size_t size)
{
    if (text.size <= size) return text;
    while (size > 0 && ((unsigned char)text.at[size] & 0xc0) == 0x80) {
        size--;
    }
    return (struct pawl_bytes){text.at, size};
}

bool sql_input(struct sql_pool *pool, struct pawl_bytes text, uint32_t type,
               struct sql_value *value, struct sql_error *error)
{
    double number = 0;

    *value = (struct sql_value){.type = type, .text = text};
    switch (type) {
    case SQL_BOOL:
        return input_bool(text, value, error);
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID:
        return input_integer(text, type, value, error);
    case SQL_NUMERIC:
        return input_numeric(pool, text, value, error);
    case SQL_FLOAT8:
        return read_double(text, &number, error) &&
               set_text(value, sql_float_text(pool, number), error);
    case SQL_NAME:
        value->text = cut(text, NAME_BYTES_MAX);
        return true;
    case SQL_TEXT:
    case SQL_VARCHAR:
    case SQL_UNKNOWN:
    case SQL_REGCLASS:
        return true;
    case SQL_REGTYPE: {
        uint32_t known = sql_type_named(text);

        if (known == 0) {
            return sql_fail(error, "42704", 0, "type \"%.*s\" does not exist", (int)text.size,
                            text.at);
        }
        const char *shown = sql_type_shown(known);
        value->text = (struct pawl_bytes){shown, strlen(shown)};
        return true;
    }
    default:
        if (sql_type_facts(type) != NULL && sql_type_facts(type)->element != 0) {
            return input_array(pool, text, value, error);
        }
        return sql_fail(error, "0A000", 0, "values of type %s are not supported by this server",
                        sql_type_shown(type));
    }
}

struct pawl_bytes sql_output(struct sql_pool *pool, const struct sql_value *value)
{
    char text[NUMBER_BYTES];

    if (value->type == SQL_BOOL) return value->number ? PAWL_BYTES("true") : PAWL_BYTES("false");
    if (!sql_type_is_number(value->type)) return value->text;
    int size = snprintf(text, sizeof text, "%" PRId64, value->number);
    return sql_pool_copy(pool, (struct pawl_bytes){text, (size_t)size});
}

/* varchar(n): an explicit cast cuts. numeric(p, s): rounds, and may not fit. */
static bool apply_modifier(struct sql_pool *pool, struct sql_value *value, int32_t modifier,
                           struct sql_error *error)
{
    if (modifier < HEADER) return true;
    if (value->type == SQL_VARCHAR) {
        size_t characters = (size_t)(modifier - HEADER);
        size_t at = 0;

        for (; at < value->text.size; at++) {
            bool begins = ((unsigned char)value->text.at[at] & 0xc0) != 0x80;

            if (begins && characters-- == 0) break;
        }
        value->text.size = at;
        return true;
    }
    struct sql_decimal decimal;
    int32_t packed = modifier - HEADER;
    int32_t precision = packed >> 16;
    int32_t scale =
        ((packed & ((1 << SCALE_BITS) - 1)) ^ (1 << (SCALE_BITS - 1))) - (1 << (SCALE_BITS - 1));
    if (value->type != SQL_NUMERIC) return true;
    if (scale < 0 || scale > precision || precision > SQL_DECIMAL_DIGITS_MAX) {
        return sql_fail(error, "0A000", 0, "numeric(%d,%d) is not supported by this server",
                        precision, scale);
    }
    if (!sql_decimal_read(&decimal, value->text, error)) return false;
    sql_decimal_round(&decimal, (size_t)scale);
    if (decimal.count <= (size_t)precision) {
        return set_text(value, sql_decimal_text(pool, &decimal), error);
    }
    (void)sql_fail(error, "22003", 0, "numeric field overflow");
    (void)snprintf(error->detail, sizeof error->detail,
                   "A field with precision %d, scale %d must round to an absolute value less than"
                   " %s%d.",
                   precision, scale, precision == scale ? "" : "10^",
                   precision == scale ? 1 : precision - scale);
    return false;
}

static bool number_to(struct sql_pool *pool, struct sql_value *value, uint32_t type,
                      struct sql_error *error)
{
    if (type == SQL_BOOL) {
        value->number = value->number != 0;
    } else if (type == SQL_OID && value->type != SQL_INT8) {
        value->number = (uint32_t)value->number; /* as the bits of an int4 are */
    } else if (type == SQL_OID && value->number < 0) {
        return sql_fail(error, "22003", 0, "OID out of range");
    } else if (sql_type_is_number(type)) {
        if (value->type == SQL_OID && type == SQL_INT4) value->number = (int32_t)value->number;
        if (!sql_number_fits(type, value->number, error)) return false;
    } else if (type == SQL_FLOAT8) {
        if (!set_text(value, sql_float_text(pool, (double)value->number), error)) return false;
    } else if (!set_text(value, sql_output(pool, value), error)) {
        return false;
    }
    value->type = type;
    return true;
}

static bool decimal_to(struct sql_pool *pool, struct sql_value *value, uint32_t type,
                       struct sql_error *error)
{
    struct sql_decimal decimal;
    double number = 0;

    if (type == SQL_FLOAT8) return sql_input(pool, value->text, type, value, error);
    if (value->type == SQL_FLOAT8 && sql_type_is_number(type)) {
        if (!read_double(value->text, &number, error)) return false;
        number = rint(number);
        bool fits = number >= (double)INT64_MIN && number < -(double)INT64_MIN;
        value->number = fits ? (int64_t)number : INT64_MIN;
        value->type = type;
        if (fits && within(type, value->number)) return true;
        return sql_fail(error, "22003", 0, "%s out of range", sql_type_shown(type));
    }
    if (type == SQL_NUMERIC) return sql_input(pool, value->text, type, value, error);
    if (!sql_decimal_read(&decimal, value->text, error)) return false;
    value->type = type;
    if (sql_decimal_to_i64(&decimal, &value->number) && within(type, value->number)) return true;
    return sql_fail(error, "22003", 0, "%s out of range", sql_type_shown(type));
}

bool sql_cast_value(struct sql_pool *pool, struct sql_value *value, uint32_t type, int32_t modifier,
                    struct sql_error *error)
{
    uint32_t from = value->type;
    bool done = true;

    if (value->null || from == type) {
        value->type = type;
    } else if (sql_type_is_text(type)) {
        done = set_text(value, sql_output(pool, value), error);
        if (type == SQL_NAME) value->text = cut(value->text, NAME_BYTES_MAX);
        value->type = type;
    } else if (sql_type_is_text(from) || from == SQL_UNKNOWN || sql_type_category(type) == 'A') {
        done = sql_input(pool, value->text, type, value, error);
    } else if (sql_type_is_number(from)) {
        done = number_to(pool, value, type, error);
    } else if (from == SQL_NUMERIC || from == SQL_FLOAT8) {
        done = decimal_to(pool, value, type, error);
    } else {
        value->type = type; /* regclass and oid: the number comes with the text */
    }
    if (!done) return false;
    return value->null || apply_modifier(pool, value, modifier, error);
}

int sql_compare(const struct sql_value *a, const struct sql_value *b)
{
    struct sql_error ignored;

    if (sql_type_is_number(a->type)) return (a->number > b->number) - (a->number < b->number);
    if (a->type == SQL_NUMERIC) {
        struct sql_decimal left;
        struct sql_decimal right;

        if (!sql_decimal_read(&left, a->text, &ignored)) return 0;
        if (!sql_decimal_read(&right, b->text, &ignored)) return 0;
        return sql_decimal_order(&left, &right);
    }
    if (a->type == SQL_FLOAT8) {
        double left = 0;
        double right = 0;

        (void)read_double(a->text, &left, &ignored);
        (void)read_double(b->text, &right, &ignored);
        /* NaN is equal to itself and greater than all else. */
        if (isnan(left) || isnan(right)) return (isnan(left) != 0) - (isnan(right) != 0);
        return (left > right) - (left < right);
    }
    return pawl_bytes_order(a->text, b->text);
}
