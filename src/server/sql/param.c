/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters as clients send them, and constants that stand for them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/sql/cast.h"
#include "server/sql/machine.h"
#include "server/sql/types.h"

static uint64_t big_endian(struct pawl_bytes bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        number = (number << 8) | (unsigned char)bytes.at[i];
    }
    return number;
}

static bool wrong_format(struct sql_error *error)
{
    return sql_fail(error, "22P03", 0, "incorrect binary data format in bind parameter");
}

static bool read_number(struct pawl_bytes bytes, struct sql_value *value, struct sql_error *error)
{
    static const struct {
        uint32_t type;
        size_t size;
    } sizes[] = {{SQL_BOOL, 1}, {SQL_INT2, 2}, {SQL_INT4, 4}, {SQL_INT8, 8}, {SQL_OID, 4}};
    uint64_t number = big_endian(bytes);

    for (size_t i = 0; i < PAWL_COUNT(sizes); i++) {
        if (sizes[i].type != value->type || sizes[i].size == bytes.size) continue;
        return bytes.size < sizes[i].size
                   ? sql_fail(error, "08P01", 0, "insufficient data left in message")
                   : wrong_format(error);
    }
    switch (value->type) {
    case SQL_BOOL:
        value->number = number != 0;
        break;
    case SQL_INT2:
        value->number = (int16_t)number;
        break;
    case SQL_INT4:
        value->number = (int32_t)number;
        break;
    default:
        value->number = (int64_t)number;
        break;
    }
    return true;
}

bool sql_value_read(uint32_t type, bool binary, struct pawl_bytes bytes, struct sql_value *value,
                    struct sql_error *error)
{
    const struct sql_type_facts *facts = sql_type_facts(type);
    struct sql_pool pool = {.bytes = 0};
    struct sql_value checked;

    *value = (struct sql_value){.type = type, .text = bytes};
    if (!binary && sql_type_is_number(type)) return sql_input(&pool, bytes, type, value, error);
    if (sql_type_is_text(type) || type == SQL_UNKNOWN) return true;
    if (!binary) {
        /* The text is looked at, and kept as it came: it needs no room of its own. */
        bool good =
            type == SQL_REGCLASS || facts == NULL || sql_input(&pool, bytes, type, &checked, error);

        sql_pool_free(&pool);
        return good;
    }
    if (sql_type_is_number(type)) return read_number(bytes, value, error);
    if (type == SQL_FLOAT8 || type == SQL_NUMERIC || (facts != NULL && facts->element != 0)) {
        value->number = SQL_VALUE_BINARY;
        return true;
    }
    return sql_fail(error, "0A000", 0, "binary values of type %s are not supported by this server",
                    sql_type_shown(type));
}

bool sql_value_cast(struct sql_value *value, uint32_t type, struct sql_error *error)
{
    struct sql_pool pool = {.bytes = 0};
    struct pawl_bytes text = value->text;
    uint32_t from = value->type;
    bool number = sql_type_is_number(from);

    if (value->null || from == type) {
        value->type = type;
        return true;
    }
    if (sql_type_cast(from, type) < SQL_CAST_ASSIGNMENT) {
        return sql_fail(error, "42804", 0, "parameter is of type %s but expression is of type %s",
                        sql_type_shown(type), sql_type_shown(from));
    }
    bool done = sql_cast_value(&pool, value, type, -1, error);
    /* A text is the one that came, of which it may be a part. */
    if (done && !sql_type_is_number(type) && (number || type == SQL_NUMERIC)) value->text = text;
    if (done && !sql_type_is_number(type)) value->number = 0; /* or it would say SQL_VALUE_BINARY */
    sql_pool_free(&pool);
    return done;
}
