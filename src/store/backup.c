/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/fields.h"

enum { STRING_BYTES_MAX = PAWL_BACKUP_FROM_BYTES_MAX, WHY_BYTES = 200 };

/* A name, a text in two fields, each of them escaped; and all the numbers. */
_Static_assert(2 * (2 * PAWL_NAME_BYTES_MAX + PAWL_BRANCH_BYTES_MAX) + PAWL_FIELDS * (32 + 16) <
                   PAWL_BACKUP_LINE_BYTES_MAX,
               "a record is a line");
_Static_assert(2 * PAWL_BACKUP_FROM_BYTES_MAX + 128 < PAWL_BACKUP_LINE_BYTES_MAX,
               "a head is a line");

/* Writing. */

struct line {
    char *at;
    size_t size;
};

static void put(struct line *line, const char *text)
{
    size_t size = strlen(text);

    memcpy(line->at + line->size, text, size);
    line->size += size;
}

/* Names and the like have no control characters, so two are escaped. */
static void put_string(struct line *line, struct pawl_bytes text)
{
    line->at[line->size++] = '"';
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\') line->at[line->size++] = '\\';
        line->at[line->size++] = text.at[i];
    }
    line->at[line->size++] = '"';
}

size_t pawl_backup_write_head(char line[PAWL_BACKUP_LINE_BYTES_MAX], struct pawl_bytes from,
                              int64_t at)
{
    struct line out = {.at = line};

    if (from.size > PAWL_BACKUP_FROM_BYTES_MAX) {
        from.size = PAWL_BACKUP_FROM_BYTES_MAX;
        while (from.size > 0 && ((unsigned char)from.at[from.size] & 0xc0) == 0x80) {
            from.size--; /* not within a character */
        }
    }
    if (!pawl_utf8_printable(from)) from.size = 0;
    out.size = (size_t)snprintf(
        line, PAWL_BACKUP_LINE_BYTES_MAX,
        "{\"pawl_backup\":%d,\"at\":%" PRId64 ",\"from\":", PAWL_BACKUP_FORMAT, at);
    put_string(&out, from);
    put(&out, "}\n");
    return out.size;
}

size_t pawl_backup_write_record(char line[PAWL_BACKUP_LINE_BYTES_MAX],
                                const struct pawl_record *record)
{
    struct line out = {.at = line};
    struct pawl_fields fields;

    pawl_fields_write(record, &fields);
    put(&out, "{\"name\":");
    put_string(&out, pawl_name_bytes(&record->name));
    for (size_t i = 0; i < PAWL_FIELDS; i++) {
        enum pawl_field field = (enum pawl_field)i;
        struct pawl_bytes value = fields.values[field];

        put(&out, ",\"");
        put(&out, pawl_field_name(field));
        put(&out, "\":");
        if (pawl_field_kind(field) == PAWL_FIELD_TEXT) {
            put_string(&out, value);
        } else {
            memcpy(line + out.size, value.at, value.size);
            out.size += value.size;
        }
    }
    put(&out, "}\n");
    return out.size;
}

size_t pawl_backup_write_end(char line[PAWL_BACKUP_LINE_BYTES_MAX], uint64_t records, uint32_t crc)
{
    return (size_t)snprintf(line, PAWL_BACKUP_LINE_BYTES_MAX,
                            "{\"end\":true,\"records\":%" PRIu64 ",\"crc32\":\"%08" PRIx32 "\"}\n",
                            records, crc);
}

/* Reading: a line's members, one after the other. */

/* A member's value: a string without its escapes, or a number or word as it stands. */
struct value {
    struct pawl_bytes bytes;
    bool is_string;
    char room[STRING_BYTES_MAX];
};

struct scan {
    struct pawl_bytes rest;
    bool bad;
};

static bool take(struct scan *scan, char wanted)
{
    if (scan->bad || scan->rest.size == 0 || scan->rest.at[0] != wanted) {
        scan->bad = true;
        return false;
    }
    scan->rest.at++;
    scan->rest.size--;
    return true;
}

static void scan_string(struct scan *scan, struct value *value)
{
    size_t size = 0;

    (void)take(scan, '"');
    while (!scan->bad && scan->rest.size > 0 && scan->rest.at[0] != '"') {
        char c = scan->rest.at[0];

        if (c == '\\') {
            (void)take(scan, '\\');
            c = scan->rest.size > 0 ? scan->rest.at[0] : '\0';
            if (c != '"' && c != '\\') scan->bad = true;
        }
        if (size == sizeof value->room) scan->bad = true;
        if (scan->bad) return;
        value->room[size++] = c;
        (void)take(scan, c);
    }
    (void)take(scan, '"');
    value->bytes = (struct pawl_bytes){value->room, size};
    value->is_string = true;
    if (!pawl_utf8_printable(value->bytes)) scan->bad = true;
}

static void scan_word(struct scan *scan, struct value *value)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.";
    size_t size = 0;

    while (size < scan->rest.size && scan->rest.at[size] != '\0' &&
           strchr(letters, scan->rest.at[size]) != NULL) {
        size++;
    }
    if (size == 0) scan->bad = true;
    value->bytes = (struct pawl_bytes){scan->rest.at, size};
    value->is_string = false;
    scan->rest.at += size;
    scan->rest.size -= size;
}

/* The next member, which must bear this name. */
static void scan_member(struct scan *scan, char before, const char *name, struct value *value)
{
    (void)take(scan, before);
    (void)take(scan, '"');
    for (const char *at = name; *at != '\0'; at++) {
        (void)take(scan, *at);
    }
    (void)take(scan, '"');
    (void)take(scan, ':');
    if (scan->bad) return;
    if (scan->rest.size > 0 && scan->rest.at[0] == '"') {
        scan_string(scan, value);
    } else {
        scan_word(scan, value);
    }
}

static bool scan_end(struct scan *scan)
{
    return take(scan, '}') && scan->rest.size == 0;
}

static bool to_u64(const struct value *value, uint64_t *number)
{
    return !value->is_string && pawl_bytes_to_u64(value->bytes, number);
}

/* Reading: the lines. */

struct reader {
    struct pawl_bytes rest;
    uint64_t number; /* of the line */
    struct pawl_bytes line;
    uint64_t records;
    uint32_t crc; /* of all before this line */
    uint32_t crc_with;
    struct pawl_name last;
    pawl_error *error;
};

static pawl_err fail(struct reader *reader, const char *what)
{
    return pawl_fail(reader->error, PAWL_BAD_REQUEST, "line %" PRIu64 " of the backup: %s",
                     reader->number, what);
}

static pawl_err fail_cut(struct reader *reader)
{
    return pawl_fail(reader->error, PAWL_BAD_REQUEST,
                     "the backup has no last line: it was cut after line %" PRIu64
                     ", or who wrote it died; nothing of it is used",
                     reader->number);
}

/* The next line, without its end; false: there is no whole one. */
static bool next_line(struct reader *reader)
{
    const char *end =
        reader->rest.size == 0 ? NULL : memchr(reader->rest.at, '\n', reader->rest.size);

    if (end == NULL) return false;
    size_t size = (size_t)(end - reader->rest.at);

    reader->number++;
    reader->line = (struct pawl_bytes){reader->rest.at, size};
    reader->crc = reader->crc_with;
    reader->crc_with =
        pawl_bytes_crc32_more(reader->crc, (struct pawl_bytes){reader->rest.at, size + 1});
    reader->rest.at += size + 1;
    reader->rest.size -= size + 1;
    return true;
}

static pawl_err read_head(struct reader *reader, struct pawl_backup_head *head)
{
    struct value value;
    uint64_t format = 0;

    if (!next_line(reader) || !pawl_bytes_begin(reader->line, PAWL_BYTES("{\"pawl_backup\":"))) {
        return pawl_fail(reader->error, PAWL_BAD_REQUEST,
                         "this is no backup of pawl's: its first line does not say so");
    }
    struct scan scan = {.rest = reader->line};

    scan_member(&scan, '{', "pawl_backup", &value);
    if (scan.bad || !to_u64(&value, &format)) return fail(reader, "it cannot be meant");
    if (format > PAWL_BACKUP_FORMAT) {
        return pawl_fail(reader->error, PAWL_DENIED,
                         "the backup has format %" PRIu64
                         ", a newer pawl wrote it; this one reads format %d: use the newer pawl",
                         format, PAWL_BACKUP_FORMAT);
    }
    scan_member(&scan, ',', "at", &value);
    bool good = !scan.bad && !value.is_string && pawl_bytes_to_i64(value.bytes, &head->at);

    scan_member(&scan, ',', "from", &value);
    if (!scan_end(&scan) || !good || !value.is_string || format == 0) {
        return fail(reader, "it cannot be meant");
    }
    head->from_size = value.bytes.size;
    memcpy(head->from, value.bytes.at, value.bytes.size);
    return PAWL_OK;
}

/* The names of fields stand in their order, so a line can be read in one way only. */
static pawl_err read_fields(struct reader *reader, struct scan *scan, struct pawl_record *record)
{
    struct value values[PAWL_FIELDS];
    struct pawl_fields fields = {.room = ""};
    pawl_error why = {.code = PAWL_OK};

    for (size_t i = 0; i < PAWL_FIELDS; i++) {
        enum pawl_field field = (enum pawl_field)i;

        scan_member(scan, ',', pawl_field_name(field), &values[i]);
        if (scan->bad || values[i].is_string != (pawl_field_kind(field) == PAWL_FIELD_TEXT)) {
            char text[WHY_BYTES];

            (void)snprintf(text, sizeof text, "%s is missing or cannot be meant",
                           pawl_field_name(field));
            return fail(reader, text);
        }
        fields.values[i] = values[i].bytes;
    }
    if (!scan_end(scan)) return fail(reader, "there is more than a record");
    if (pawl_fields_read(record, &fields, &why) == PAWL_OK) return PAWL_OK;
    return pawl_fail(reader->error, why.code, "line %" PRIu64 " of the backup: %s", reader->number,
                     why.text);
}

static pawl_err read_record(struct reader *reader, struct pawl_record *record)
{
    struct scan scan = {.rest = reader->line};
    struct value value;

    scan_member(&scan, '{', "name", &value);
    if (scan.bad || !value.is_string) return fail(reader, "a name is missing");
    if (pawl_name_set(&record->name, value.bytes, NULL) != PAWL_OK) {
        return fail(reader, "a sequence cannot have that name");
    }
    if (reader->records > 0 &&
        pawl_bytes_order(pawl_name_bytes(&record->name), pawl_name_bytes(&reader->last)) <= 0) {
        return fail(reader, "names are not in their order");
    }
    reader->last = record->name;
    reader->records++;
    return read_fields(reader, &scan, record);
}

static pawl_err read_end(struct reader *reader)
{
    struct scan scan = {.rest = reader->line};
    struct value value;
    uint64_t records = 0;
    char crc[9];

    scan_member(&scan, '{', "end", &value);
    bool good = !scan.bad && !value.is_string && pawl_bytes_equal(value.bytes, PAWL_BYTES("true"));

    scan_member(&scan, ',', "records", &value);
    good = good && !scan.bad && to_u64(&value, &records);
    scan_member(&scan, ',', "crc32", &value);
    if (!scan_end(&scan) || !good || !value.is_string) return fail(reader, "it cannot be meant");
    (void)snprintf(crc, sizeof crc, "%08" PRIx32, reader->crc);
    if (records != reader->records) {
        return pawl_fail(reader->error, PAWL_BAD_REQUEST,
                         "the backup has %" PRIu64 " records, its last line says %" PRIu64
                         ": it was edited or damaged; nothing of it is used",
                         reader->records, records);
    }
    if (!pawl_bytes_equal(value.bytes, (struct pawl_bytes){crc, 8})) {
        return pawl_fail(reader->error, PAWL_BAD_REQUEST,
                         "the backup's checksum is wrong: it was edited or damaged; nothing of it "
                         "is used");
    }
    if (reader->rest.size > 0) return fail(reader, "there is more behind the last line");
    return PAWL_OK;
}

pawl_err pawl_backup_read(struct pawl_bytes bytes, struct pawl_backup_head *head,
                          bool (*each)(const struct pawl_record *record, void *arg), void *arg,
                          pawl_error *error)
{
    struct reader reader = {.rest = bytes, .error = error};
    struct pawl_record record = {.epoch = 0};
    pawl_err err = read_head(&reader, head);

    if (err != PAWL_OK) return err;
    while (next_line(&reader)) {
        if (pawl_bytes_begin(reader.line, PAWL_BYTES("{\"end\":"))) return read_end(&reader);
        err = read_record(&reader, &record);
        if (err != PAWL_OK) return err;
        if (each != NULL && !each(&record, arg)) {
            return pawl_fail(error, PAWL_NO_MEMORY, "no memory for all records of the backup");
        }
    }
    return fail_cut(&reader);
}
