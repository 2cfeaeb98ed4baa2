/* SPDX-License-Identifier: Apache-2.0 */
/* A relation's name in a text, as regclass reads it. */
#include <string.h>

#include "server/sql/plan.h"

enum { PARTS_MAX = 3 };

struct reading {
    struct pawl_bytes text;
    size_t at;
    char *to; /* the parts read so far, with dots between */
    size_t size;
    struct pawl_bytes parts[PARTS_MAX];
    size_t count;
};

static char letter(const struct reading *reading)
{
    return reading->at < reading->text.size ? reading->text.at[reading->at] : '\0';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void skip_spaces(struct reading *reading)
{
    while (is_space(letter(reading))) {
        reading->at++;
    }
}

/* Two quotes within quotes are one. */
static bool read_quoted(struct reading *reading)
{
    reading->at++;
    while (reading->at < reading->text.size) {
        char c = letter(reading);

        reading->at++;
        if (c == '"' && letter(reading) != '"') return true;
        if (c == '"') reading->at++;
        reading->to[reading->size++] = c;
    }
    return false;
}

static void read_folded(struct reading *reading)
{
    while (reading->at < reading->text.size) {
        char c = letter(reading);

        if (c == '.' || c == '"' || is_space(c)) break;
        reading->to[reading->size++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        reading->at++;
    }
}

static bool read_part(struct reading *reading)
{
    size_t begin = reading->size;

    skip_spaces(reading);
    if (letter(reading) == '"') {
        if (!read_quoted(reading)) return false;
    } else {
        read_folded(reading);
    }
    skip_spaces(reading);
    if (reading->count < PARTS_MAX) {
        reading->parts[reading->count] =
            (struct pawl_bytes){reading->to + begin, reading->size - begin};
    }
    reading->count++;
    return reading->size > begin;
}

bool sql_name_read(struct pawl_bytes text, char *room, struct sql_name *name,
                   struct sql_error *error)
{
    struct reading reading = {.text = text, .to = room};
    struct pawl_bytes none = {"", 0};

    do {
        if (reading.count > 0) {
            reading.at++;
            reading.to[reading.size++] = '.';
        }
        if (!read_part(&reading)) return sql_fail(error, "42602", 0, "invalid name syntax");
    } while (letter(&reading) == '.');
    if (reading.at != text.size) return sql_fail(error, "42602", 0, "invalid name syntax");
    if (reading.count > PARTS_MAX) {
        return sql_fail(error, "42601", 0, "improper relation name (too many dotted names): %.*s",
                        (int)reading.size, room);
    }
    name->relation = reading.parts[reading.count - 1];
    name->schema = reading.count > 1 ? reading.parts[reading.count - 2] : none;
    name->database = reading.count > 2 ? reading.parts[0] : none;
    return true;
}
