/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "range/wide.h"
#include "store/fields.h"
#include "wire/resp.h"

enum { NUMBER_BYTES = 24, WAY_PARTS = 3 };

/* EVAL, its text, how many keys, keys; then the fields of a write with two more. */
_Static_assert(PAWL_FIELDS * 8 + sizeof((struct pawl_fields){0}).room < 2048 + 512, "fits");

struct writer {
    char *at;
};

static void put(struct writer *writer, struct pawl_bytes word)
{
    writer->at += pawl_resp_write_bulk(writer->at, word);
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, (struct pawl_bytes){text, strlen(text)});
}

static void put_i64(struct writer *writer, int64_t value)
{
    char text[NUMBER_BYTES];

    (void)snprintf(text, sizeof text, "%" PRId64, value);
    put_text(writer, text);
}

static void put_u64(struct writer *writer, uint64_t value)
{
    char text[NUMBER_BYTES];

    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    put_text(writer, text);
}

/* As the script joins what is there. */
static void put_tag_and_version(struct writer *writer, const struct pawl_record *record)
{
    char text[2 * NUMBER_BYTES];

    (void)snprintf(text, sizeof text, "%" PRIu64 "/%" PRIu64, record->tag, record->version);
    put_text(writer, text);
}

static void put_tail(struct writer *writer, const char *front, struct pawl_bytes tail)
{
    char text[PAWL_REDIS_PREFIX_BYTES_MAX + 1 + PAWL_NAME_BYTES_MAX];
    size_t size = strlen(front);

    memcpy(text, front, size);
    memcpy(text + size, tail.at, tail.size);
    put(writer, (struct pawl_bytes){text, size + tail.size});
}

/* Which no sequence's key is: its name has a control character. */
static void put_meta_key(struct writer *writer, const struct pawl_redis_settings *settings)
{
    put_tail(writer, settings->prefix, PAWL_BYTES("\tstore"));
}

static void put_tag(struct writer *writer, const struct pawl_tag *tag)
{
    char text[PAWL_TAG_BYTES_MAX];
    size_t size = tag->number == 0 ? 0 : pawl_tag_write(tag, text);

    put(writer, (struct pawl_bytes){text, size});
}

/* The words up to the first argument. */
static void put_head(struct writer *writer, const struct pawl_redis_settings *settings,
                     enum pawl_redis_script script, bool whole, const size_t counts[2])
{
    const char *sha = settings->scripts.sha[script];

    writer->at += pawl_resp_write_array(writer->at, 4 + counts[0] + counts[1]);
    if (whole || sha[0] == '\0') {
        put_text(writer, "EVAL");
        put(writer, pawl_redis_script_text(script));
    } else {
        put_text(writer, "EVALSHA");
        put_text(writer, sha);
    }
    put_u64(writer, counts[0]);
}

static void put_read(struct writer *writer, const struct pawl_op *op,
                     const struct pawl_redis_settings *settings, bool whole)
{
    put_head(writer, settings, PAWL_REDIS_READ, whole, (const size_t[]){2, 2});
    put_tail(writer, settings->prefix, pawl_name_bytes(&op->record.name));
    put_meta_key(writer, settings);
}

static void put_write(struct writer *writer, const struct pawl_op *op,
                      const struct pawl_redis_settings *settings, bool whole)
{
    struct pawl_bytes name = pawl_name_bytes(&op->record.name);
    struct pawl_fields fields;

    pawl_fields_write(&op->record, &fields);
    put_head(writer, settings, PAWL_REDIS_WRITE, whole, (const size_t[]){3, 4 + PAWL_FIELDS});
    put_tail(writer, settings->prefix, name);
    put_text(writer, settings->prefix);
    put_meta_key(writer, settings);
    if (op->expected.epoch == 0) {
        put_text(writer, "");
    } else {
        put_tag_and_version(writer, &op->expected);
    }
    put(writer, name);
    for (size_t i = 0; i < PAWL_FIELDS; i++) {
        put(writer, fields.values[i]);
    }
}

/* The way can be longer than the largest int64: each part of it is not. */
static size_t way_parts(const struct pawl_op *op, int64_t parts[WAY_PARTS])
{
    pawl_wide way = (pawl_wide)op->count * op->expected.increment;
    size_t count = 0;

    for (; way != 0 && count < WAY_PARTS; count++) {
        pawl_wide part = way;

        if (part > INT64_MAX) part = INT64_MAX;
        if (part < INT64_MIN) part = INT64_MIN;
        parts[count] = (int64_t)part;
        way -= part;
    }
    PAWL_ASSERT(way == 0);
    return count;
}

static void put_advance(struct writer *writer, const struct pawl_op *op,
                        const struct pawl_redis_settings *settings, bool whole)
{
    struct pawl_fields fields;
    int64_t parts[WAY_PARTS];
    size_t part_count = way_parts(op, parts);

    pawl_fields_write(&op->record, &fields);
    put_head(writer, settings, PAWL_REDIS_ADVANCE, whole, (const size_t[]){2, 9 + part_count});
    put_tail(writer, settings->prefix, pawl_name_bytes(&op->record.name));
    put_meta_key(writer, settings);
    put_u64(writer, op->expected.epoch);
    put_u64(writer, op->expected.lap);
    put_i64(writer, op->low);
    put_i64(writer, op->high);
    put(writer, fields.values[PAWL_FIELD_tag]);
    put(writer, fields.values[PAWL_FIELD_rate]);
    put(writer, fields.values[PAWL_FIELD_written_at]);
    for (size_t i = 0; i < part_count; i++) {
        put_i64(writer, parts[i]);
    }
}

static void put_list(struct writer *writer, const struct pawl_op *op,
                     const struct pawl_redis_settings *settings, bool whole)
{
    const struct pawl_page *page = op->page;
    uint32_t count = page->count_max < PAWL_REDIS_LIST_MAX ? page->count_max : PAWL_REDIS_LIST_MAX;

    put_head(writer, settings, PAWL_REDIS_LIST, whole, (const size_t[]){1, 3});
    put_text(writer, settings->prefix);
    if (page->after.size == 0) {
        put_text(writer, "-");
    } else {
        put_tail(writer, "(", pawl_name_bytes(&page->after));
    }
    put_u64(writer, count == 0 ? 1 : count); /* so that every page goes on */
    put_text(writer, settings->prefix);
}

size_t pawl_redis_write_op(const struct pawl_op *op, const struct pawl_redis_settings *settings,
                           struct pawl_redis_way way, char to[PAWL_REDIS_REQUEST_BYTES_MAX])
{
    struct writer writer = {to};
    bool whole = way.whole;

    switch (op->kind) {
    case PAWL_OP_READ:
        put_read(&writer, op, settings, whole);
        break;
    case PAWL_OP_WRITE:
        put_write(&writer, op, settings, whole);
        break;
    case PAWL_OP_ADVANCE:
        put_advance(&writer, op, settings, whole);
        break;
    case PAWL_OP_LIST:
        put_list(&writer, op, settings, whole);
        break;
    case PAWL_OP_CHECK:
        put_head(&writer, settings, PAWL_REDIS_CHECK, whole, (const size_t[]){1, 3});
        put_text(&writer, settings->prefix);
        put_u64(&writer, op->count);
        put_u64(&writer, PAWL_REDIS_CHECK_NAMES_MAX);
        put_text(&writer, settings->prefix);
        break;
    case PAWL_OP_INIT:
        put_head(&writer, settings, PAWL_REDIS_INIT, whole, (const size_t[]){3, 0});
        put_tail(&writer, settings->prefix, PAWL_BYTES("\ttry"));
        put_text(&writer, settings->prefix);
        put_meta_key(&writer, settings);
        break;
    case PAWL_OP_PING:
    case PAWL_OP_REDRAW: /* never sent: its work is sight.c's */
        writer.at += pawl_redis_write_words(PAWL_REDIS_WORDS("PING"), writer.at);
        break;
    }
    if (pawl_redis_is_of_record(op)) {
        put_tag(&writer, &way.meta->tag);
        put_u64(&writer, way.meta->position);
    }
    if (pawl_redis_is_script(op)) put_u64(&writer, way.number);
    PAWL_ASSERT((size_t)(writer.at - to) <= PAWL_REDIS_REQUEST_BYTES_MAX);
    return (size_t)(writer.at - to);
}

size_t pawl_redis_write_meta(const struct pawl_redis_settings *settings,
                             const struct pawl_tag *expected, const struct pawl_redis_meta *want,
                             char to[PAWL_REDIS_REQUEST_BYTES_MAX])
{
    struct writer writer = {to};

    writer.at += pawl_resp_write_array(writer.at, want == NULL ? 4 : 10);
    put_text(&writer, "EVAL");
    put(&writer, pawl_redis_script_text(PAWL_REDIS_META));
    put_text(&writer, "1");
    put_meta_key(&writer, settings);
    if (want != NULL) {
        put_tag(&writer, expected);
        put_tag(&writer, &want->tag);
        put_text(&writer, want->name);
        put_text(&writer, want->run_id);
        put_text(&writer, want->replid);
        put_text(&writer, want->waited ? "1" : "0");
    }
    return (size_t)(writer.at - to);
}

size_t pawl_redis_write_words(const char *const words[PAWL_REDIS_WORDS_MAX],
                              char to[PAWL_REDIS_REQUEST_BYTES_MAX])
{
    struct writer writer = {to};
    size_t count = 0;

    while (count < PAWL_REDIS_WORDS_MAX && words[count] != NULL) {
        count++;
    }
    writer.at += pawl_resp_write_array(writer.at, count);
    for (size_t i = 0; i < count; i++) {
        put_text(&writer, words[i]);
    }
    return (size_t)(writer.at - to);
}
