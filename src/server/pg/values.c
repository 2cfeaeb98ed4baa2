/* SPDX-License-Identifier: Apache-2.0 */
/* Values in PostgreSQL's binary format, as its types' send functions have it. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/pg/session.h"
#include "server/sql/catalog_types.h"

enum {
    NUMERIC_DIGITS_MAX = 1000, /* decimal, on either side of the point */
    NUMERIC_GROUP = 4,         /* decimal digits in one of base 10000 */
    NUMERIC_NEGATIVE = 0x4000,
    EPOCH_S = 946684800, /* 2000-01-01, where PostgreSQL's time begins */
};

int16_t pg_type_size(uint32_t type)
{
    switch (type) {
    case SQL_BOOL:
    case SQL_CHAR:
        return 1;
    case SQL_INT2:
        return 2;
    case SQL_INT4:
    case SQL_OID:
    case SQL_REGCLASS:
    case SQL_REGTYPE:
    case SQL_VOID:
    case CATALOG_FLOAT4:
    case CATALOG_REGPROC:
    case CATALOG_REGROLE:
    case CATALOG_REGNAMESPACE:
        return 4;
    case SQL_INT8:
    case SQL_FLOAT8:
    case SQL_TIMESTAMPTZ:
        return 8;
    case SQL_NAME:
        return 64;
    case SQL_UNKNOWN:
        return -2;
    default:
        return -1;
    }
}

static bool float_read(struct pawl_bytes text, double *number)
{
    char copy[64];

    if (text.size >= sizeof copy) return false;
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    *number = strtod(copy, NULL);
    return true;
}

static ptrdiff_t float4_binary(struct pawl_bytes text, char *to)
{
    double number = 0;
    uint32_t bits = 0;

    if (!float_read(text, &number) || (isfinite(number) && fabs(number) > FLT_MAX)) return -1;
    float real = (float)number;
    memcpy(&bits, &real, sizeof bits);
    (void)pawl_pg_put_u32(to, bits);
    return 4;
}

static ptrdiff_t float8_binary(struct pawl_bytes text, char *to)
{
    double number = 0;
    uint64_t bits = 0;

    if (!float_read(text, &number)) return -1;
    memcpy(&bits, &number, sizeof bits);
    (void)pawl_pg_put_u64(to, bits);
    return 8;
}

/* The number at the front of text, of at most that many digits; -1: there is none. */
static int number_next(struct pawl_bytes *text, size_t digits)
{
    int number = -1;

    while (digits-- > 0 && text->size > 0 && text->at[0] >= '0' && text->at[0] <= '9') {
        number = (number < 0 ? 0 : number * 10) + (text->at[0] - '0');
        *text = (struct pawl_bytes){text->at + 1, text->size - 1};
    }
    if (text->size > 0) *text = (struct pawl_bytes){text->at + 1, text->size - 1}; /* what parts */
    return number;
}

/* "2026-11-22 09:10:11.5+00": always at UTC here. */
static ptrdiff_t timestamp_binary(struct pawl_bytes text, char *to)
{
    struct tm at = {0};
    int *const fields[] = {&at.tm_year, &at.tm_mon, &at.tm_mday,
                           &at.tm_hour, &at.tm_min, &at.tm_sec};

    for (size_t i = 0; i < PAWL_COUNT(fields); i++) {
        *fields[i] = number_next(&text, i == 0 ? 4 : 2);
        if (*fields[i] < 0) return -1;
    }
    bool fraction = text.size > 0 && text.at[-1] == '.';
    at.tm_year -= 1900;
    at.tm_mon -= 1;
    int64_t us = 0;
    for (size_t i = 0; i < 6; i++) {
        fraction = fraction && i < text.size && text.at[i] >= '0' && text.at[i] <= '9';
        us = us * 10 + (fraction ? text.at[i] - '0' : 0);
    }
    us += ((int64_t)timegm(&at) - EPOCH_S) * 1000000;
    (void)pawl_pg_put_u64(to, (uint64_t)us);
    return 8;
}

/* Digits of base 10000 around the decimal point. */
static ptrdiff_t numeric_binary(struct pawl_bytes text, char *to)
{
    char digits[2 * NUMERIC_DIGITS_MAX + 2 * NUMERIC_GROUP];
    bool negative = text.size > 0 && text.at[0] == '-';
    const char *begin = text.at + (negative ? 1 : 0);
    size_t size = text.size - (negative ? 1 : 0);
    const char *point = memchr(begin, '.', size);
    size_t whole = point == NULL ? size : (size_t)(point - begin);
    size_t scale = point == NULL ? 0 : size - whole - 1;

    if (whole > NUMERIC_DIGITS_MAX || scale > NUMERIC_DIGITS_MAX) return -1;
    size_t pad = (NUMERIC_GROUP - whole % NUMERIC_GROUP) % NUMERIC_GROUP;
    memset(digits, '0', sizeof digits);
    memcpy(digits + pad, begin, whole);
    if (scale > 0) memcpy(digits + pad + whole, point + 1, scale);
    for (size_t i = 0; i < pad + whole + scale; i++) {
        if (digits[i] < '0' || digits[i] > '9') return -1; /* NaN, Infinity */
    }
    size_t before = (pad + whole) / NUMERIC_GROUP;
    size_t groups = before + (scale + NUMERIC_GROUP - 1) / NUMERIC_GROUP;
    size_t first = 0;
    while (first < groups && memcmp(digits + first * NUMERIC_GROUP, "0000", NUMERIC_GROUP) == 0) {
        first++;
    }
    while (groups > first &&
           memcmp(digits + (groups - 1) * NUMERIC_GROUP, "0000", NUMERIC_GROUP) == 0) {
        groups--;
    }
    char *at = pawl_pg_put_u16(to, (uint16_t)(groups - first));
    int weight = groups == first ? 0 : (int)before - (int)first - 1;
    at = pawl_pg_put_u16(at, (uint16_t)weight);
    at = pawl_pg_put_u16(at, negative ? NUMERIC_NEGATIVE : 0);
    at = pawl_pg_put_u16(at, (uint16_t)scale);
    for (size_t i = first; i < groups; i++) {
        const char *group = digits + i * NUMERIC_GROUP;

        at = pawl_pg_put_u16(at, (uint16_t)((group[0] - '0') * 1000 + (group[1] - '0') * 100 +
                                            (group[2] - '0') * 10 + (group[3] - '0')));
    }
    return at - to;
}

/* Arrays of one dimension. */

static uint32_t element_of(uint32_t type)
{
    switch (type) {
    case SQL_INT2_ARRAY:
        return SQL_INT2;
    case SQL_INT4_ARRAY:
        return SQL_INT4;
    case SQL_INT8_ARRAY:
        return SQL_INT8;
    case SQL_OID_ARRAY:
        return SQL_OID;
    case SQL_TEXT_ARRAY:
        return SQL_TEXT;
    case SQL_NAME_ARRAY:
        return SQL_NAME;
    default:
        return 0;
    }
}

/* One element off the front of "a,"b c",NULL}", unquoted into to. Returns its size. */
static size_t element_next(struct pawl_bytes *rest, char *to, bool *null)
{
    size_t size = 0;
    bool quoted = false;
    bool inside = false;

    while (rest->size > 0 && (inside || (*rest->at != ',' && *rest->at != '}'))) {
        char letter = *rest->at;

        rest->at++;
        rest->size--;
        if (letter == '"') {
            inside = !inside;
            quoted = true;
            continue;
        }
        if (letter == '\\' && rest->size > 0) {
            letter = *rest->at++;
            rest->size--;
        }
        to[size++] = letter;
    }
    *null = !quoted && size == 4 && memcmp(to, "NULL", 4) == 0;
    return size;
}

static char *put_element(char *to, uint32_t type, size_t size)
{
    char digits[PAWL_PG_WORST_NUMBER_BYTES + 1];
    int16_t width = pg_type_size(type);
    int64_t number = 0;

    if (type == SQL_TEXT || type == SQL_NAME) return pawl_pg_put_u32(to, (uint32_t)size) + size;
    if (size >= sizeof digits) return NULL;
    memcpy(digits, to + 4, size);
    if (!pawl_bytes_to_i64((struct pawl_bytes){digits, size}, &number)) return NULL;
    to = pawl_pg_put_u32(to, (uint32_t)width);
    if (width == 2) return pawl_pg_put_u16(to, (uint16_t)number);
    if (width == 4) return pawl_pg_put_u32(to, (uint32_t)number);
    return pawl_pg_put_u64(to, (uint64_t)number);
}

static ptrdiff_t array_binary(const struct sql_value *value, char *to)
{
    struct pawl_bytes rest = value->text;
    uint32_t type = element_of(value->type);
    uint32_t count = 0;
    uint32_t nulls = 0;

    if (rest.size < 2 || rest.at[0] != '{') return -1;
    rest = (struct pawl_bytes){rest.at + 1, rest.size - 1};
    bool empty = rest.at[0] == '}';
    char *at = to + (empty ? 12 : 20);
    while (!empty && rest.size > 0) {
        bool null = false;
        size_t size = element_next(&rest, at + 4, &null);

        if (null) {
            nulls = 1;
            at = pawl_pg_put_u32(at, UINT32_MAX);
        } else {
            at = put_element(at, type, size);
            if (at == NULL) return -1;
        }
        count++;
        if (rest.size == 0 || *rest.at == '}') break;
        rest = (struct pawl_bytes){rest.at + 1, rest.size - 1};
    }
    char *head = pawl_pg_put_u32(to, empty ? 0 : 1);
    head = pawl_pg_put_u32(head, nulls);
    head = pawl_pg_put_u32(head, type);
    if (!empty) (void)pawl_pg_put_u32(pawl_pg_put_u32(head, count), 1);
    return at - to;
}

ptrdiff_t pg_value_binary(const struct sql_value *value, char *to)
{
    switch (value->type) {
    case SQL_BOOL:
        *to = value->number != 0;
        return 1;
    case SQL_INT2:
        (void)pawl_pg_put_u16(to, (uint16_t)value->number);
        return 2;
    case SQL_INT4:
    case SQL_OID:
    case SQL_REGCLASS:
    case SQL_REGTYPE:
    case CATALOG_REGPROC:
    case CATALOG_REGROLE:
    case CATALOG_REGNAMESPACE:
        (void)pawl_pg_put_u32(to, (uint32_t)value->number);
        return 4;
    case SQL_INT8:
        (void)pawl_pg_put_u64(to, (uint64_t)value->number);
        return 8;
    case SQL_FLOAT8:
        return float8_binary(value->text, to);
    case CATALOG_FLOAT4:
        return float4_binary(value->text, to);
    case SQL_NUMERIC:
        return numeric_binary(value->text, to);
    case SQL_TIMESTAMPTZ:
        return timestamp_binary(value->text, to);
    case SQL_VOID:
        return 0;
    case SQL_BYTEA:
    case SQL_RECORD:
        return -1;
    default:
        if (element_of(value->type) != 0) return array_binary(value, to);
        (void)pawl_pg_put_bytes(to, value->text);
        return (ptrdiff_t)value->text.size;
    }
}
