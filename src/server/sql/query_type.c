/* SPDX-License-Identifier: Apache-2.0 */
/* Types: which a literal or a parameter takes, and what casts are made of. */
#include <string.h>
#include <strings.h>

#include "server/sql/query_own.h"

char type_category(uint32_t type)
{
    const struct catalog_type *found = catalog_type_find(type);

    if (type == SQL_UNKNOWN) return 'X';
    if (type == SQL_CHAR) return 'S'; /* PostgreSQL compares it with text, too */
    return found == NULL ? 'U' : found->category[0];
}

static bool is_number(uint32_t type)
{
    return type_category(type) == 'N' && type != SQL_NUMERIC && type != SQL_FLOAT8 &&
           type != CATALOG_FLOAT4;
}

/* information_schema's domains, as the types below them. */
static const struct {
    const char *name;
    uint32_t type;
} domains[] = {
    {"sql_identifier", SQL_NAME}, {"cardinal_number", SQL_INT4},   {"character_data", SQL_VARCHAR},
    {"yes_or_no", SQL_VARCHAR},   {"time_stamp", SQL_TIMESTAMPTZ},
};

static uint32_t type_named(struct pawl_bytes name)
{
    const struct catalog_type *type = catalog_type_named(name);

    if (type != NULL) return type->oid;
    for (size_t i = 0; i < PAWL_COUNT(domains); i++) {
        if (strcmp(domains[i].name, name.at) == 0) return domains[i].type;
    }
    return 0;
}

bool build_type(struct build *build, const json_t *type_name, uint32_t *type)
{
    const json_t *names = sql_tree_get(type_name, "names");
    struct pawl_bytes name = sql_tree_word(names, sql_tree_count(names) - 1);
    bool array = sql_tree_count(sql_tree_get(type_name, "arrayBounds")) > 0;

    *type = name.size == 0 ? 0 : type_named(name);
    const struct catalog_type *found = catalog_type_find(*type);

    if (array) *type = found == NULL ? 0 : found->array;
    if (*type != 0) return true;
    return sql_fail(build->error, "42704", sql_tree_position(type_name),
                    "type \"%s%s\" does not exist", name.size == 0 ? "" : name.at,
                    array ? "[]" : "");
}

static bool bad_literal(struct build *build, const struct part *part, uint32_t type)
{
    const struct catalog_type *found = catalog_type_find(type);

    return sql_fail(build->error, "22P02", part->position,
                    "invalid input syntax for type %s: \"%s\"",
                    found == NULL ? "unknown" : found->display, part->literal);
}

static struct pawl_bytes trimmed(const char *text)
{
    text += strspn(text, " \t\n\r\f\v");
    size_t size = strlen(text);

    while (size > 0 && strchr(" \t\n\r\f\v", text[size - 1]) != NULL) {
        size--;
    }
    if (size > 0 && *text == '+') {
        text++;
        size--;
    }
    return (struct pawl_bytes){text, size};
}

static bool literal_number(struct build *build, struct part *part, uint32_t type)
{
    struct pawl_bytes text = trimmed(part->literal);
    int64_t value = 0;
    int64_t low = type == SQL_INT8 ? INT64_MIN : (type == SQL_INT2 ? INT16_MIN : INT32_MIN);
    int64_t high = type == SQL_INT8 ? INT64_MAX : (type == SQL_INT2 ? INT16_MAX : INT32_MAX);
    bool digits = text.size > 0 && strspn(text.at + (*text.at == '-'), "0123456789") ==
                                       text.size - (*text.at == '-');

    if (type != SQL_INT8 && type != SQL_INT4 && type != SQL_INT2) high = UINT32_MAX;
    if (!digits) return bad_literal(build, part, type);
    if (!pawl_bytes_to_i64(text, &value) || value < low || value > high) {
        const struct catalog_type *found = catalog_type_find(type);

        return sql_fail(build->error, "22003", part->position,
                        "value \"%s\" is out of range for type %s", part->literal,
                        found == NULL ? "oid" : found->display);
    }
    part->sql = build_say(build, "%lld", (long long)value);
    return true;
}

static bool literal_bool(struct build *build, struct part *part)
{
    static const char *const words[2][6] = {{"false", "f", "no", "n", "off", "0"},
                                            {"true", "t", "yes", "y", "on", "1"}};
    struct pawl_bytes text = trimmed(part->literal);

    for (size_t i = 0; i < 12; i++) {
        const char *word = words[i / 6][i % 6];

        if (strlen(word) == text.size && strncasecmp(word, text.at, text.size) == 0) {
            part->sql = i / 6 == 1 ? "1" : "0";
            return true;
        }
    }
    return bad_literal(build, part, SQL_BOOL);
}

/* 's'::regclass: a catalog is known here, a sequence is found by the session. */
static bool literal_class(struct build *build, struct part *part)
{
    struct pawl_bytes text = {part->literal, strlen(part->literal)};
    char *room = build_array(build, text.size + 1, 1);
    struct sql_name name = {0};
    int64_t number = 0;
    size_t index = 0;

    if (room == NULL) return false;
    if (pawl_bytes_to_i64(text, &number) && number >= 0) {
        part->sql = build_say(build, "%lld", (long long)number);
        build->query->wants_list = true;
        return true;
    }
    if (strcmp(part->literal, "-") == 0) {
        part->sql = "0";
        return true;
    }
    if (!sql_name_read(text, room, &name, build->error)) {
        build->error->position = part->position;
        return false;
    }
    const struct catalog_relation *relation = catalog_relation_named(name.schema, name.relation);

    if (relation != NULL) {
        part->sql = build_say(build, "%u", relation->oid);
        return true;
    }
    if (!build_relation(build, &name, part->position, &index)) return false;
    part->sql = build_say(build, "pawl_relation_oid(%zu)", index);
    return true;
}

static bool literal_type(struct build *build, struct part *part)
{
    struct pawl_bytes text = trimmed(part->literal);
    const struct catalog_type *type = catalog_type_written(text);
    int64_t number = 0;

    if (type == NULL && !pawl_bytes_to_i64(text, &number)) {
        return sql_fail(build->error, "42704", part->position, "type \"%s\" does not exist",
                        part->literal);
    }
    part->sql = build_say(build, "%lld", type == NULL ? (long long)number : (long long)type->oid);
    return true;
}

static bool literal_become(struct build *build, struct part *part, uint32_t type)
{
    if (type == SQL_REGCLASS) return literal_class(build, part);
    if (type == SQL_REGTYPE) return literal_type(build, part);
    if (type == SQL_BOOL) return literal_bool(build, part);
    if (type == CATALOG_REGNAMESPACE || type == CATALOG_REGROLE || type == CATALOG_REGPROC) {
        part->sql = build_say(build, "pawl_reg(%s, %u)", part->sql, type);
        return true;
    }
    if (is_number(type)) return literal_number(build, part, type);
    if (type_category(type) == 'N') {
        part->sql = build_say(build, "pawl_cast(%s, %u)", part->sql, type);
    }
    return true;
}

bool build_become(struct build *build, struct part *part, uint32_t type)
{
    if (part->type != SQL_UNKNOWN || type == SQL_UNKNOWN) return true;
    if (part->literal != NULL && !literal_become(build, part, type)) return false;
    if (part->param != 0) build->params[part->param - 1] = type;
    part->literal = NULL;
    part->param = 0;
    part->type = type;
    return true;
}

static bool no_cast(struct build *build, const struct part *part, uint32_t type)
{
    const struct catalog_type *from = catalog_type_find(part->type);
    const struct catalog_type *to = catalog_type_find(type);

    return sql_fail(build->error, "42846", part->position, "cannot cast type %s to %s",
                    from == NULL ? "record" : from->display, to == NULL ? "record" : to->display);
}

/* To a type of strings: what the value looks like. */
static void cast_to_text(struct build *build, struct part *part)
{
    switch (type_category(part->type)) {
    case 'S':
    case 'A':
        return;
    case 'B':
        part->sql =
            build_say(build, "CASE %s WHEN 1 THEN 'true' WHEN 0 THEN 'false' END", part->sql);
        return;
    default:
        part->sql = build_say(build, "pawl_text(%s, %u)", part->sql, part->type);
        return;
    }
}

void build_element(struct build *build, struct part *part)
{
    if (part->type == SQL_BOOL) {
        part->sql = build_say(build, "CASE %s WHEN 1 THEN 't' WHEN 0 THEN 'f' END", part->sql);
    } else if (type_category(part->type) == 'N') {
        part->sql = build_say(build, "pawl_text(%s, %u)", part->sql, part->type);
    }
}

bool build_cast(struct build *build, struct part *part, uint32_t type)
{
    char from = type_category(part->type);
    char to = type_category(type);

    /* Catalogs have columns of it; nothing here rounds to it. */
    if (type == CATALOG_FLOAT4 && part->type != type) {
        return sql_fail(build->error, "0A000", part->position,
                        "type float4 is not supported by this server");
    }
    if (part->type == SQL_UNKNOWN) return build_become(build, part, type);
    if (part->type == type) return true;
    if (to == 'S') {
        cast_to_text(build, part);
    } else if (from == 'S' && to != 'A') {
        if (type == SQL_REGCLASS) build->query->wants_list = true;
        part->sql = build_say(build, "pawl_cast(%s, %u)", part->sql, type);
    } else if (from == 'N' && to == 'B') {
        part->sql = build_say(build, "(%s <> 0)", part->sql);
    } else if (from == 'N' && to == 'N') {
        if (type == SQL_INT2 || type == SQL_INT4 || (is_number(type) && !is_number(part->type))) {
            part->sql = build_say(build, "pawl_cast(%s, %u)", part->sql, type);
        }
    } else if (from != to && !(from == 'S' && to == 'A') && !(from == 'B' && type == SQL_INT4)) {
        return no_cast(build, part, type);
    }
    if (type == SQL_REGCLASS) build->query->wants_list = true;
    part->type = type;
    return true;
}

/* The wider of two types of one category, as far as it shows. */
static uint32_t wider(uint32_t a, uint32_t b)
{
    static const uint32_t numbers[] = {SQL_INT2, SQL_INT4, SQL_INT8, SQL_NUMERIC, SQL_FLOAT8};
    size_t places[2] = {0, 0};

    if (a == b) return a;
    if (type_category(a) == 'S') {
        if (a == SQL_TEXT || b == SQL_TEXT) return SQL_TEXT;
        return a == SQL_CHAR || b == SQL_CHAR ? SQL_TEXT : a;
    }
    if (a == CATALOG_FLOAT4 || b == CATALOG_FLOAT4) return SQL_FLOAT8;
    for (size_t i = 0; i < PAWL_COUNT(numbers); i++) {
        if (numbers[i] == a) places[0] = i + 1;
        if (numbers[i] == b) places[1] = i + 1;
    }
    if (places[0] == 0 || places[1] == 0) return places[0] == 0 ? a : b;
    return numbers[(places[0] > places[1] ? places[0] : places[1]) - 1];
}

bool build_unify(struct build *build, struct part *parts, size_t count, const char *what,
                 uint32_t *type)
{
    *type = SQL_UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].type == SQL_UNKNOWN) continue;
        if (*type == SQL_UNKNOWN) *type = parts[i].type;
        if (type_category(*type) != type_category(parts[i].type)) {
            return sql_fail(
                build->error, "42804", parts[i].position, "%s types %s and %s cannot be matched",
                what, catalog_type_find(*type)->display, catalog_type_find(parts[i].type)->display);
        }
        *type = wider(*type, parts[i].type);
    }
    if (*type == SQL_UNKNOWN) {
        for (size_t i = 0; i < count; i++) {
            if (parts[i].literal != NULL || parts[i].param != 0) *type = SQL_TEXT;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!build_become(build, &parts[i], *type)) return false;
    }
    return true;
}
