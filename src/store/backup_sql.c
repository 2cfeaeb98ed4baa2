/* SPDX-License-Identifier: Apache-2.0 */
/* The way back: a record as what PostgreSQL's pg_dump says of a sequence. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/backup.h"

enum {
    IDENTIFIER_BYTES_MAX = 63, /* PostgreSQL's, for each part of a name */
    QUOTED_BYTES = 4 * PAWL_NAME_BYTES_MAX + 8,
};

_Static_assert(4 * QUOTED_BYTES + 512 < PAWL_BACKUP_SQL_BYTES_MAX, "statements of one name fit");

static const char *const types[] = {
    [PAWL_TYPE_SMALLINT] = "smallint",
    [PAWL_TYPE_INTEGER] = "integer",
    [PAWL_TYPE_BIGINT] = "bigint",
};

/* Between quotes, each quote in it twice. */
static size_t quote(char *to, struct pawl_bytes text, char quote)
{
    size_t size = 0;

    to[size++] = quote;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] == quote) to[size++] = quote;
        to[size++] = text.at[i];
    }
    to[size++] = quote;
    to[size] = '\0';
    return size;
}

/* Up to the first dot stands the schema, as pawld's own SQL has it. false: too long for PostgreSQL.
 */
static bool split(struct pawl_bytes name, struct pawl_bytes *schema, struct pawl_bytes *rest)
{
    const char *dot = memchr(name.at, '.', name.size);

    *schema = (struct pawl_bytes){name.at, 0};
    *rest = name;
    if (dot != NULL && dot != name.at && dot + 1 < name.at + name.size) {
        schema->size = (size_t)(dot - name.at);
        *rest = (struct pawl_bytes){dot + 1, name.size - schema->size - 1};
    }
    return schema->size <= IDENTIFIER_BYTES_MAX && rest->size <= IDENTIFIER_BYTES_MAX;
}

/* setval's two arguments: the next id, or the last one where none is left. */
static void set_place(const struct pawl_record *record, int64_t *value, const char **called)
{
    bool none = pawl_record_left_in_lap(record) == 0;

    *value = none ? pawl_record_last(record) : record->next;
    *called = none ? "true" : "false";
}

static size_t write_sequence(char text[PAWL_BACKUP_SQL_BYTES_MAX], const struct pawl_record *record)
{
    char identifier[QUOTED_BYTES];
    char literal[2 * QUOTED_BYTES];
    char schema_line[QUOTED_BYTES + 64] = "";
    struct pawl_bytes schema;
    struct pawl_bytes rest;
    const char *called = NULL;
    int64_t value = 0;
    size_t size = 0;

    if (!split(pawl_name_bytes(&record->name), &schema, &rest)) {
        return (size_t)snprintf(text, PAWL_BACKUP_SQL_BYTES_MAX,
                                "-- %.*s: its name is too long for PostgreSQL; next: %" PRId64
                                "\n\n",
                                (int)record->name.size, record->name.at, record->next);
    }
    if (schema.size > 0) {
        size = quote(identifier, schema, '"');
        (void)snprintf(schema_line, sizeof schema_line, "CREATE SCHEMA IF NOT EXISTS %s;\n",
                       identifier);
        identifier[size++] = '.';
    }
    size += quote(identifier + size, rest, '"');
    (void)quote(literal, (struct pawl_bytes){identifier, size}, '\'');
    set_place(record, &value, &called);
    return (size_t)snprintf(
        text, PAWL_BACKUP_SQL_BYTES_MAX,
        "%sCREATE SEQUENCE %s AS %s START WITH %" PRId64 " INCREMENT BY %" PRId64
        " MINVALUE %" PRId64 " MAXVALUE %" PRId64 " CACHE 1%s;\n"
        "SELECT pg_catalog.setval(%s, %" PRId64 ", %s);\n\n",
        schema_line, identifier, types[record->data_type], record->start, record->increment,
        record->min, record->max, record->cycle ? " CYCLE" : "", literal, value, called);
}

size_t pawl_backup_write_sql(char text[PAWL_BACKUP_SQL_BYTES_MAX], const struct pawl_record *record)
{
    const char *what = "was dropped";

    if (!record->dropped) return write_sequence(text, record);
    if (pawl_record_has_left(record)) {
        what = PAWL_LEFT_WORDS;
    } else if (record->moved_to.size > 0) {
        return (size_t)snprintf(text, PAWL_BACKUP_SQL_BYTES_MAX,
                                "-- %.*s: " PAWL_RENAMED_WORDS " %.*s\n\n", (int)record->name.size,
                                record->name.at, (int)record->moved_to.size, record->moved_to.at);
    }
    return (size_t)snprintf(text, PAWL_BACKUP_SQL_BYTES_MAX, "-- %.*s: %s\n\n",
                            (int)record->name.size, record->name.at, what);
}
