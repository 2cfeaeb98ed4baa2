/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's binary formats of parameters whose values are kept as text here. */
#include <stdio.h>
#include <string.h>

#include "server/sql/cast.h"
#include "server/sql/machine.h"
#include "server/sql/types.h"

enum {
    NUMERIC_DIGIT = 10000, /* a group of four */
    NUMERIC_NEGATIVE = 0x4000,
};

static bool wrong(struct sql_error *error)
{
    return sql_fail(error, "22P03", 0, "incorrect binary data format in bind parameter");
}

static bool take(struct pawl_bytes *bytes, size_t size, uint64_t *number)
{
    *number = 0;
    if (bytes->size < size) return false;
    for (size_t i = 0; i < size; i++) {
        *number = (*number << 8) | (unsigned char)bytes->at[i];
    }
    bytes->at += size;
    bytes->size -= size;
    return true;
}

static bool set_text(struct sql_value *value, struct pawl_bytes text, struct sql_error *error)
{
    value->text = text;
    value->number = 0;
    return text.at != NULL ? true : sql_fail(error, "53200", 0, "out of memory");
}

static bool float_text(struct sql_pool *pool, struct sql_value *value, struct sql_error *error)
{
    uint64_t bits = 0;
    double number = 0;

    if (value->text.size != sizeof bits || !take(&value->text, sizeof bits, &bits)) {
        return wrong(error);
    }
    memcpy(&number, &bits, sizeof number);
    return set_text(value, sql_float_text(pool, number), error);
}

/* Groups of four digits, the first one worth 10000 to the power of weight. */
static bool numeric_text(struct sql_pool *pool, struct sql_value *value, struct sql_error *error)
{
    enum { GROUPS_MAX = 100 };
    struct pawl_bytes rest = value->text;
    uint64_t count = 0, weight = 0, sign = 0, scale = 0, group = 0;
    char text[GROUPS_MAX * 8 + 64];
    size_t size = 0;

    if (!take(&rest, 2, &count) || !take(&rest, 2, &weight) || !take(&rest, 2, &sign) ||
        !take(&rest, 2, &scale) || rest.size != 2 * count) {
        return wrong(error);
    }
    int first = (int16_t)weight;
    if ((sign != 0 && sign != NUMERIC_NEGATIVE) || count > GROUPS_MAX || first > GROUPS_MAX ||
        first < -GROUPS_MAX || scale > GROUPS_MAX * 4) {
        return sql_fail(error, "0A000", 0, "this numeric value is not supported by this server");
    }
    if (sign != 0) text[size++] = '-';
    if (first < 0) text[size++] = '0';
    for (int at = first < 0 ? -1 : first; at >= 0 || (-at - 1) * 4 < (int)scale; at--) {
        if (at == -1) text[size++] = '.';
        group = 0;
        if (at <= first && rest.size > 0) (void)take(&rest, 2, &group);
        if (group >= NUMERIC_DIGIT) return wrong(error);
        size += (size_t)snprintf(text + size, sizeof text - size, "%04u", (unsigned)group);
    }
    const char *point = memchr(text, '.', size);
    if (point != NULL) size = (size_t)(point - text) + 1 + scale;
    struct pawl_bytes copy = sql_pool_copy(pool, (struct pawl_bytes){text, size});
    if (copy.at == NULL) return sql_fail(error, "53200", 0, "out of memory");
    return sql_input(pool, copy, SQL_NUMERIC, value, error);
}

static bool array_text(struct sql_pool *pool, struct sql_value *value, struct sql_error *error)
{
    struct pawl_bytes rest = value->text;
    uint32_t element = sql_type_facts(value->type)->element;
    uint64_t dimensions = 0, flags = 0, type = 0, count = 0, lower = 0;

    if (!take(&rest, 4, &dimensions) || !take(&rest, 4, &flags) || !take(&rest, 4, &type)) {
        return wrong(error);
    }
    if (type != element || dimensions > 1) return wrong(error);
    if (dimensions == 1 && (!take(&rest, 4, &count) || !take(&rest, 4, &lower))) {
        return wrong(error);
    }
    if (count > rest.size / 4) return wrong(error);
    struct sql_value *values = sql_pool_array(pool, (size_t)count, sizeof *values);
    if (values == NULL) return sql_fail(error, "53200", 0, "out of memory");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t size = 0;

        if (!take(&rest, 4, &size)) return wrong(error);
        values[i] = (struct sql_value){.type = element, .null = size == UINT32_MAX};
        if (values[i].null) continue;
        if (size > rest.size) return wrong(error);
        struct pawl_bytes bytes = {rest.at, (size_t)size};
        rest.at += size;
        rest.size -= (size_t)size;
        if (!sql_value_read(element, true, bytes, &values[i], error)) return false;
        if (!sql_value_settle(pool, &values[i], error)) return false;
    }
    if (rest.size != 0) return wrong(error);
    return set_text(value, sql_array_text(pool, values, (size_t)count), error);
}

bool sql_value_settle(struct sql_pool *pool, struct sql_value *value, struct sql_error *error)
{
    if (value->null || sql_type_is_number(value->type) || value->number != SQL_VALUE_BINARY) {
        return true;
    }
    if (value->type == SQL_FLOAT8) return float_text(pool, value, error);
    if (value->type == SQL_NUMERIC) return numeric_text(pool, value, error);
    return array_text(pool, value, error);
}
