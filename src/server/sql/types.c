/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/types.h"

#include <string.h>

#include "server/sql/tree.h"

static const struct sql_type_facts types[] = {
    {SQL_BOOL, "bool", "boolean", 'B', true, 1000, 0},
    {SQL_BYTEA, "bytea", "bytea", 'U', false, 1001, 0},
    {SQL_CHAR, "char", "\"char\"", 'Z', false, 1002, 0},
    {SQL_NAME, "name", "name", 'S', false, SQL_NAME_ARRAY, 0},
    {SQL_INT8, "int8", "bigint", 'N', false, SQL_INT8_ARRAY, 0},
    {SQL_INT2, "int2", "smallint", 'N', false, SQL_INT2_ARRAY, 0},
    {SQL_INT4, "int4", "integer", 'N', false, SQL_INT4_ARRAY, 0},
    {SQL_TEXT, "text", "text", 'S', true, SQL_TEXT_ARRAY, 0},
    {SQL_OID, "oid", "oid", 'N', true, SQL_OID_ARRAY, 0},
    {SQL_FLOAT8, "float8", "double precision", 'N', true, 1022, 0},
    {SQL_UNKNOWN, "unknown", "unknown", 'X', false, 0, 0},
    {SQL_VARCHAR, "varchar", "character varying", 'S', false, 1015, 0},
    {SQL_TIMESTAMPTZ, "timestamptz", "timestamp with time zone", 'D', true, 1185, 0},
    {SQL_NUMERIC, "numeric", "numeric", 'N', false, 1231, 0},
    {SQL_REGCLASS, "regclass", "regclass", 'N', false, 2210, 0},
    {SQL_REGTYPE, "regtype", "regtype", 'N', false, 2211, 0},
    {SQL_RECORD, "record", "record", 'P', false, 0, 0},
    {SQL_VOID, "void", "void", 'P', false, 0, 0},
    {SQL_INT2_ARRAY, "_int2", "smallint[]", 'A', false, 0, SQL_INT2},
    {SQL_INT4_ARRAY, "_int4", "integer[]", 'A', false, 0, SQL_INT4},
    {SQL_TEXT_ARRAY, "_text", "text[]", 'A', false, 0, SQL_TEXT},
    {SQL_INT8_ARRAY, "_int8", "bigint[]", 'A', false, 0, SQL_INT8},
    {SQL_NAME_ARRAY, "_name", "name[]", 'A', false, 0, SQL_NAME},
    {SQL_OID_ARRAY, "_oid", "oid[]", 'A', false, 0, SQL_OID},
    {1000, "_bool", "boolean[]", 'A', false, 0, SQL_BOOL},
    {1015, "_varchar", "character varying[]", 'A', false, 0, SQL_VARCHAR},
    {1022, "_float8", "double precision[]", 'A', false, 0, SQL_FLOAT8},
    {1231, "_numeric", "numeric[]", 'A', false, 0, SQL_NUMERIC},
    {2210, "_regclass", "regclass[]", 'A', false, 0, SQL_REGCLASS},
};

const struct sql_type_facts *sql_type_facts(uint32_t type)
{
    for (size_t i = 0; i < PAWL_COUNT(types); i++) {
        if (types[i].type == type) return &types[i];
    }
    return NULL;
}

const char *sql_type_shown(uint32_t type)
{
    const struct sql_type_facts *facts = sql_type_facts(type);

    return facts == NULL ? "???" : facts->shown;
}

char sql_type_category(uint32_t type)
{
    const struct sql_type_facts *facts = sql_type_facts(type);

    return facts == NULL ? '\0' : facts->category;
}

bool sql_type_is_text(uint32_t type)
{
    return type == SQL_TEXT || type == SQL_VARCHAR || type == SQL_NAME;
}

bool sql_type_is_number(uint32_t type)
{
    return type == SQL_INT4 || type == SQL_INT8 || type == SQL_INT2 || type == SQL_BOOL ||
           type == SQL_OID;
}

uint32_t sql_type_named(struct pawl_bytes name)
{
    for (size_t i = 0; i < PAWL_COUNT(types); i++) {
        if (pawl_bytes_equal(name, (struct pawl_bytes){types[i].name, strlen(types[i].name)})) {
            return types[i].type;
        }
    }
    return 0;
}

static bool type_missing(const json_t *fields, struct pawl_bytes name, struct sql_error *error)
{
    static const char *const known[] = {
        "bpchar",   "float4",       "date",    "time", "timetz",  "timestamp",
        "interval", "json",         "jsonb",   "uuid", "bit",     "varbit",
        "inet",     "cidr",         "money",   "xml",  "regproc", "regprocedure",
        "regoper",  "regnamespace", "regrole", "xid",  "tid",     "point",
    };
    const json_t *names = sql_tree_get(fields, "names");
    uint32_t position = sql_tree_position(fields);

    for (size_t i = 0; i < PAWL_COUNT(known); i++) {
        if (!pawl_bytes_equal(name, (struct pawl_bytes){known[i], strlen(known[i])})) continue;
        return sql_fail(error, "0A000", position, "type %s is not supported by this server",
                        known[i]);
    }
    if (sql_tree_count(names) > 1) {
        struct pawl_bytes schema = sql_tree_word(names, 0);

        if (!sql_tree_word_is(names, 0, "pg_catalog") && !sql_tree_word_is(names, 0, "public") &&
            !sql_tree_word_is(names, 0, "information_schema")) {
            return sql_fail(error, "3F000", position, "schema \"%.*s\" does not exist",
                            (int)schema.size, schema.at);
        }
        return sql_fail(error, "42704", position, "type \"%.*s.%.*s\" does not exist",
                        (int)schema.size, schema.at, (int)name.size, name.at);
    }
    return sql_fail(error, "42704", position, "type \"%.*s\" does not exist", (int)name.size,
                    name.at);
}

/* varchar(n): n and PostgreSQL's header of 4; numeric(p, s): both in one number. */
static bool read_modifier(const json_t *fields, uint32_t type, int32_t *modifier,
                          struct sql_error *error)
{
    enum { HEADER = 4, VARCHAR_MAX = 10485760, PRECISION_MAX = 1000, SCALE_MASK = 0x7ff };
    const json_t *list = sql_tree_get(fields, "typmods");
    size_t count = sql_tree_count(list);
    uint32_t position = sql_tree_position(fields);
    int64_t numbers[2] = {0, 0};

    *modifier = -1;
    if (count == 0) return true;
    if ((type != SQL_VARCHAR || count > 1) && (type != SQL_NUMERIC || count > 2)) {
        return sql_fail(error, "42601", position, "type modifier is not allowed for type \"%s\"",
                        sql_type_facts(type)->name);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *constant = sql_tree_of(sql_tree_item(list, i), "A_Const");

        numbers[i] = sql_tree_int(sql_tree_get(constant, "ival"), "ival", 0);
    }
    if (type == SQL_VARCHAR && numbers[0] < 1) {
        return sql_fail(error, "22023", position, "length for type varchar must be at least 1");
    }
    if (type == SQL_VARCHAR && numbers[0] > VARCHAR_MAX) {
        return sql_fail(error, "22023", position, "length for type varchar cannot exceed %d",
                        VARCHAR_MAX);
    }
    if (type == SQL_NUMERIC && (numbers[0] < 1 || numbers[0] > PRECISION_MAX)) {
        return sql_fail(error, "22023", position, "NUMERIC precision %lld must be between 1 and %d",
                        (long long)numbers[0], PRECISION_MAX);
    }
    if (type == SQL_NUMERIC && (numbers[1] < -PRECISION_MAX || numbers[1] > PRECISION_MAX)) {
        return sql_fail(error, "22023", position, "NUMERIC scale %lld must be between -%d and %d",
                        (long long)numbers[1], PRECISION_MAX, PRECISION_MAX);
    }
    *modifier =
        (int32_t)(type == SQL_VARCHAR ? numbers[0] + HEADER
                                      : ((numbers[0] << 16) | (numbers[1] & SCALE_MASK)) + HEADER);
    return true;
}

bool sql_type_read(const json_t *fields, uint32_t *type, int32_t *modifier, struct sql_error *error)
{
    const json_t *names = sql_tree_get(fields, "names");
    size_t count = sql_tree_count(names);
    struct pawl_bytes name = sql_tree_word(names, count == 0 ? 0 : count - 1);

    *type = sql_type_named(name);
    if (count > 1 && !sql_tree_word_is(names, 0, "pg_catalog")) *type = 0;
    if (*type == 0) return type_missing(fields, name, error);
    if (!read_modifier(fields, *type, modifier, error)) return false;
    if (sql_tree_count(sql_tree_get(fields, "arrayBounds")) == 0) return true;
    uint32_t array = sql_type_facts(*type)->array;
    if (sql_type_facts(array) == NULL) return type_missing(fields, name, error);
    *type = array;
    return true;
}

/* From each type to others, by the first letter of each context. Within a text: from, to. */
static const struct {
    uint32_t from, to;
    enum sql_cast how;
} casts[] = {
    {SQL_INT2, SQL_INT4, SQL_CAST_IMPLICIT},       {SQL_INT2, SQL_INT8, SQL_CAST_IMPLICIT},
    {SQL_INT2, SQL_NUMERIC, SQL_CAST_IMPLICIT},    {SQL_INT2, SQL_FLOAT8, SQL_CAST_IMPLICIT},
    {SQL_INT2, SQL_OID, SQL_CAST_IMPLICIT},        {SQL_INT2, SQL_REGCLASS, SQL_CAST_IMPLICIT},
    {SQL_INT4, SQL_INT8, SQL_CAST_IMPLICIT},       {SQL_INT4, SQL_NUMERIC, SQL_CAST_IMPLICIT},
    {SQL_INT4, SQL_FLOAT8, SQL_CAST_IMPLICIT},     {SQL_INT4, SQL_OID, SQL_CAST_IMPLICIT},
    {SQL_INT4, SQL_REGCLASS, SQL_CAST_IMPLICIT},   {SQL_INT4, SQL_INT2, SQL_CAST_ASSIGNMENT},
    {SQL_INT4, SQL_BOOL, SQL_CAST_EXPLICIT},       {SQL_BOOL, SQL_INT4, SQL_CAST_EXPLICIT},
    {SQL_INT8, SQL_INT4, SQL_CAST_ASSIGNMENT},     {SQL_INT8, SQL_INT2, SQL_CAST_ASSIGNMENT},
    {SQL_INT8, SQL_NUMERIC, SQL_CAST_IMPLICIT},    {SQL_INT8, SQL_FLOAT8, SQL_CAST_IMPLICIT},
    {SQL_INT8, SQL_OID, SQL_CAST_IMPLICIT},        {SQL_INT8, SQL_REGCLASS, SQL_CAST_IMPLICIT},
    {SQL_NUMERIC, SQL_INT2, SQL_CAST_ASSIGNMENT},  {SQL_NUMERIC, SQL_INT4, SQL_CAST_ASSIGNMENT},
    {SQL_NUMERIC, SQL_INT8, SQL_CAST_ASSIGNMENT},  {SQL_NUMERIC, SQL_FLOAT8, SQL_CAST_IMPLICIT},
    {SQL_FLOAT8, SQL_INT2, SQL_CAST_ASSIGNMENT},   {SQL_FLOAT8, SQL_INT4, SQL_CAST_ASSIGNMENT},
    {SQL_FLOAT8, SQL_INT8, SQL_CAST_ASSIGNMENT},   {SQL_FLOAT8, SQL_NUMERIC, SQL_CAST_ASSIGNMENT},
    {SQL_OID, SQL_INT8, SQL_CAST_ASSIGNMENT},      {SQL_OID, SQL_INT4, SQL_CAST_ASSIGNMENT},
    {SQL_OID, SQL_REGCLASS, SQL_CAST_IMPLICIT},    {SQL_OID, SQL_REGTYPE, SQL_CAST_IMPLICIT},
    {SQL_REGCLASS, SQL_OID, SQL_CAST_IMPLICIT},    {SQL_REGCLASS, SQL_INT8, SQL_CAST_ASSIGNMENT},
    {SQL_REGCLASS, SQL_INT4, SQL_CAST_ASSIGNMENT}, {SQL_REGTYPE, SQL_OID, SQL_CAST_IMPLICIT},
    {SQL_TEXT, SQL_REGCLASS, SQL_CAST_IMPLICIT},   {SQL_VARCHAR, SQL_REGCLASS, SQL_CAST_IMPLICIT},
    {SQL_TEXT, SQL_VARCHAR, SQL_CAST_IMPLICIT},    {SQL_VARCHAR, SQL_TEXT, SQL_CAST_IMPLICIT},
    {SQL_NAME, SQL_TEXT, SQL_CAST_IMPLICIT},       {SQL_NAME, SQL_VARCHAR, SQL_CAST_ASSIGNMENT},
    {SQL_TEXT, SQL_NAME, SQL_CAST_IMPLICIT},       {SQL_VARCHAR, SQL_NAME, SQL_CAST_IMPLICIT},
};

enum sql_cast sql_type_cast(uint32_t from, uint32_t to)
{
    if (from == to || from == SQL_UNKNOWN) return SQL_CAST_IMPLICIT;
    for (size_t i = 0; i < PAWL_COUNT(casts); i++) {
        if (casts[i].from == from && casts[i].to == to) return casts[i].how;
    }
    const struct sql_type_facts *source = sql_type_facts(from);
    const struct sql_type_facts *target = sql_type_facts(to);

    if (source == NULL || target == NULL) return SQL_CAST_NONE;
    if (source->element != 0 && target->element != 0) {
        return sql_type_cast(source->element, target->element);
    }
    /* By way of text, as input and output functions do it. */
    if (source->category == 'P' || target->category == 'P') return SQL_CAST_NONE;
    if (target->category == 'S') return SQL_CAST_ASSIGNMENT;
    return source->category == 'S' ? SQL_CAST_EXPLICIT : SQL_CAST_NONE;
}
