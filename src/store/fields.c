/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fields.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_BYTES_MAX = 32, VALUE_SHOWN_MAX = 40 };

static const struct {
    const char *name;
    enum pawl_field_kind kind;
} rows[PAWL_FIELDS] = {
#define PAWL_FIELD_ROW(field_name, field_kind) {#field_name, field_kind},
    PAWL_FIELD_MAP(PAWL_FIELD_ROW)
#undef PAWL_FIELD_ROW
};

static const char *const orders[] = {
    [PAWL_ORDER_CLIENT] = "client", [PAWL_ORDER_GLOBAL] = "global"};
static const char *const types[] = {
    [PAWL_TYPE_SMALLINT] = "smallint",
    [PAWL_TYPE_INTEGER] = "integer",
    [PAWL_TYPE_BIGINT] = "bigint",
};

const char *pawl_field_name(enum pawl_field field)
{
    PAWL_ASSERT(field < PAWL_FIELDS);
    return rows[field].name;
}

enum pawl_field_kind pawl_field_kind(enum pawl_field field)
{
    PAWL_ASSERT(field < PAWL_FIELDS);
    return rows[field].kind;
}

enum pawl_field pawl_field_find(struct pawl_bytes name)
{
    size_t field = 0;

    while (
        field < PAWL_FIELDS &&
        !pawl_bytes_equal(name, (struct pawl_bytes){rows[field].name, strlen(rows[field].name)})) {
        field++;
    }
    return (enum pawl_field)field;
}

/* Writing. */

struct writer {
    struct pawl_fields *fields;
    char *at;
};

static void put_text(struct writer *writer, enum pawl_field field, struct pawl_bytes text)
{
    memcpy(writer->at, text.at, text.size);
    writer->fields->values[field] = (struct pawl_bytes){writer->at, text.size};
    writer->at += text.size;
}

static void put_word(struct writer *writer, enum pawl_field field, const char *word)
{
    put_text(writer, field, (struct pawl_bytes){word, strlen(word)});
}

static void put_i64(struct writer *writer, enum pawl_field field, int64_t value)
{
    char text[FIELD_BYTES_MAX];

    (void)snprintf(text, sizeof text, "%" PRId64, value);
    put_word(writer, field, text);
}

/* Of epochs, tags and counts: all lie below 2^63. */
static void put_u63(struct writer *writer, enum pawl_field field, uint64_t value)
{
    PAWL_ASSERT(value <= INT64_MAX);
    put_i64(writer, field, (int64_t)value);
}

void pawl_fields_write(const struct pawl_record *record, struct pawl_fields *fields)
{
    struct writer writer = {fields, fields->room};
    char rate[FIELD_BYTES_MAX];

    put_i64(&writer, PAWL_FIELD_format, PAWL_RECORD_FORMAT);
    put_i64(&writer, PAWL_FIELD_next, record->next);
    put_u63(&writer, PAWL_FIELD_epoch, record->epoch);
    put_u63(&writer, PAWL_FIELD_line, record->line);
    put_u63(&writer, PAWL_FIELD_lap, record->lap);
    put_u63(&writer, PAWL_FIELD_version, record->version);
    put_u63(&writer, PAWL_FIELD_tag, record->tag);
    put_i64(&writer, PAWL_FIELD_start, record->start);
    put_i64(&writer, PAWL_FIELD_increment, record->increment);
    put_i64(&writer, PAWL_FIELD_min, record->min);
    put_i64(&writer, PAWL_FIELD_max, record->max);
    put_i64(&writer, PAWL_FIELD_origin, record->origin);
    put_u63(&writer, PAWL_FIELD_block, record->block);
    put_i64(&writer, PAWL_FIELD_cycle, record->cycle);
    put_i64(&writer, PAWL_FIELD_ended, record->ended);
    put_i64(&writer, PAWL_FIELD_dropped, record->dropped);
    put_word(&writer, PAWL_FIELD_seq_order, orders[record->order]);
    put_word(&writer, PAWL_FIELD_data_type, types[record->data_type]);
    (void)snprintf(rate, sizeof rate, "%.9g", record->rate);
    put_word(&writer, PAWL_FIELD_rate, rate);
    put_i64(&writer, PAWL_FIELD_created_at, record->created_at);
    put_i64(&writer, PAWL_FIELD_changed_at, record->changed_at);
    put_i64(&writer, PAWL_FIELD_written_at, record->written_at);
    put_text(&writer, PAWL_FIELD_branch, (struct pawl_bytes){record->branch, record->branch_size});
    put_text(&writer, PAWL_FIELD_moved_to, pawl_name_bytes(&record->moved_to));
}

/* Who only deletes what was a sequence's, and creates it anew, has ids twice. */
#define MOVE_AWAY                                                                           \
    "; move it away by the store's own tool, and if it was a sequence's, create that anew " \
    "beyond every id in use"

/* Reading: the first field that cannot be meant is remembered, and all that follow are skipped. */

struct reader {
    const struct pawl_fields *fields;
    const struct pawl_name *name;
    pawl_error *error;
    bool failed;
};

static void fail_field(struct reader *reader, enum pawl_field field, const char *wanted)
{
    struct pawl_bytes value = reader->fields->values[field];
    int shown = value.size < VALUE_SHOWN_MAX ? (int)value.size : VALUE_SHOWN_MAX;

    if (reader->failed) return;
    reader->failed = true;
    if (value.at == NULL) {
        (void)pawl_fail(reader->error, PAWL_DENIED,
                        "the record of \"%.*s\" is not pawl's, or damaged: it has no %s" MOVE_AWAY,
                        (int)reader->name->size, reader->name->at, rows[field].name);
        return;
    }
    bool shows = pawl_utf8_printable((struct pawl_bytes){value.at, (size_t)shown});

    (void)pawl_fail(
        reader->error, PAWL_DENIED,
        "the record of \"%.*s\" is not pawl's, or damaged: %s is \"%.*s\", it must be %s" MOVE_AWAY,
        (int)reader->name->size, reader->name->at, rows[field].name, shows ? shown : 0,
        shows ? value.at : "", wanted);
}

static int64_t get_i64(struct reader *reader, enum pawl_field field)
{
    struct pawl_bytes value = reader->fields->values[field];
    int64_t number = 0;

    if (value.at == NULL || !pawl_bytes_to_i64(value, &number)) {
        fail_field(reader, field, "a whole number");
    }
    return number;
}

static uint64_t get_u63(struct reader *reader, enum pawl_field field)
{
    int64_t number = get_i64(reader, field);

    if (number < 0) {
        fail_field(reader, field, "a whole number, 0 or more");
        return 0;
    }
    return (uint64_t)number;
}

static bool get_switch(struct reader *reader, enum pawl_field field)
{
    int64_t number = get_i64(reader, field);

    if (number != 0 && number != 1) fail_field(reader, field, "0 or 1");
    return number == 1;
}

static double get_real(struct reader *reader, enum pawl_field field)
{
    struct pawl_bytes value = reader->fields->values[field];
    char text[FIELD_BYTES_MAX] = "";
    char *end = text;
    double number = 0;

    if (value.at != NULL && value.size > 0 && value.size < sizeof text) {
        memcpy(text, value.at, value.size);
        text[value.size] = '\0';
        number = strtod(text, &end);
    }
    if (end == text || *end != '\0' || !isfinite(number) || number < 0) {
        fail_field(reader, field, "a number, 0 or more");
        return 0;
    }
    return number;
}

static size_t get_word(struct reader *reader, enum pawl_field field, const char *const *words,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pawl_bytes word = {words[i], strlen(words[i])};

        if (reader->fields->values[field].at != NULL &&
            pawl_bytes_equal(reader->fields->values[field], word)) {
            return i;
        }
    }
    fail_field(reader, field, "a word that pawl knows");
    return 0;
}

/* Returns the text's size; it may be empty. */
static size_t get_text(struct reader *reader, enum pawl_field field, char *room, size_t room_size)
{
    struct pawl_bytes value = reader->fields->values[field];

    if (value.at == NULL || value.size > room_size) {
        fail_field(reader, field, "shorter");
        return 0;
    }
    memcpy(room, value.at, value.size);
    return value.size;
}

static pawl_err check_format(struct reader *reader)
{
    int64_t format = get_i64(reader, PAWL_FIELD_format);

    if (reader->failed || format == PAWL_RECORD_FORMAT) return PAWL_OK;
    if (format < PAWL_RECORD_FORMAT) {
        fail_field(reader, PAWL_FIELD_format, "1");
        return PAWL_OK;
    }
    reader->failed = true;
    return pawl_fail(reader->error, PAWL_DENIED,
                     "the record of \"%.*s\" has format %" PRId64 ", a newer pawl wrote it; this "
                     "one reads format %d: use the newer pawl",
                     (int)reader->name->size, reader->name->at, format, PAWL_RECORD_FORMAT);
}

pawl_err pawl_fields_read(struct pawl_record *record, const struct pawl_fields *fields,
                          pawl_error *error)
{
    pawl_error why = {.code = PAWL_OK};
    struct reader reader = {.fields = fields, .name = &record->name, .error = &why};
    struct pawl_record read = {.name = record->name};

    (void)check_format(&reader);
    read.next = get_i64(&reader, PAWL_FIELD_next);
    read.epoch = get_u63(&reader, PAWL_FIELD_epoch);
    read.line = get_u63(&reader, PAWL_FIELD_line);
    read.lap = get_u63(&reader, PAWL_FIELD_lap);
    read.version = get_u63(&reader, PAWL_FIELD_version);
    read.tag = get_u63(&reader, PAWL_FIELD_tag);
    read.start = get_i64(&reader, PAWL_FIELD_start);
    read.increment = get_i64(&reader, PAWL_FIELD_increment);
    read.min = get_i64(&reader, PAWL_FIELD_min);
    read.max = get_i64(&reader, PAWL_FIELD_max);
    read.origin = get_i64(&reader, PAWL_FIELD_origin);
    read.block = get_u63(&reader, PAWL_FIELD_block);
    read.cycle = get_switch(&reader, PAWL_FIELD_cycle);
    read.ended = get_switch(&reader, PAWL_FIELD_ended);
    read.dropped = get_switch(&reader, PAWL_FIELD_dropped);
    read.order = (pawl_order)get_word(&reader, PAWL_FIELD_seq_order, orders, PAWL_COUNT(orders));
    read.data_type = (pawl_type)get_word(&reader, PAWL_FIELD_data_type, types, PAWL_COUNT(types));
    read.rate = get_real(&reader, PAWL_FIELD_rate);
    read.created_at = get_i64(&reader, PAWL_FIELD_created_at);
    read.changed_at = get_i64(&reader, PAWL_FIELD_changed_at);
    read.written_at = get_i64(&reader, PAWL_FIELD_written_at);
    read.branch_size =
        (uint8_t)get_text(&reader, PAWL_FIELD_branch, read.branch, sizeof read.branch);
    read.moved_to.size =
        (uint8_t)get_text(&reader, PAWL_FIELD_moved_to, read.moved_to.at, sizeof read.moved_to.at);
    if (!reader.failed && (read.tag == 0 || !pawl_record_sound(&read))) {
        reader.failed = true;
        (void)pawl_fail(&why, PAWL_DENIED,
                        "the record of \"%.*s\" is not pawl's, or damaged: its numbers do not fit "
                        "each other" MOVE_AWAY,
                        (int)record->name.size, record->name.at);
    }
    if (reader.failed) {
        if (error != NULL) *error = why;
        return why.code;
    }
    *record = read;
    return PAWL_OK;
}
