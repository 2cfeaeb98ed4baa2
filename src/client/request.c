/* SPDX-License-Identifier: Apache-2.0 */
#include "client/request.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/resp.h"

enum { WORDS_MAX = 32, NUMBERS_BYTES = 512 };

/* Words that point to the ask's bytes, to literals, or to numbers written here. */
struct words {
    struct pawl_bytes at[WORDS_MAX];
    size_t count;
    char numbers[NUMBERS_BYTES];
    size_t numbers_size;
    char cursor[1 + PAWL_NAME_BYTES_MAX];
};

static void add(struct words *words, struct pawl_bytes word)
{
    PAWL_ASSERT(words->count < WORDS_MAX);
    words->at[words->count++] = word;
}

static void add_number(struct words *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_number(struct words *words, const char *format, ...)
{
    char *to = words->numbers + words->numbers_size;
    va_list args;

    va_start(args, format);
    int size = vsnprintf(to, NUMBERS_BYTES - words->numbers_size, format, args);
    va_end(args);
    PAWL_ASSERT(size > 0 && (size_t)size < NUMBERS_BYTES - words->numbers_size);
    words->numbers_size += (size_t)size;
    add(words, (struct pawl_bytes){to, (size_t)size});
}

static void add_u64(struct words *words, uint64_t number)
{
    add_number(words, "%" PRIu64, number);
}

static void add_i64(struct words *words, int64_t number)
{
    add_number(words, "%" PRId64, number);
}

static void add_floor(struct words *words, struct pawl_mark floor)
{
    if (floor.line == 0) return;
    add(words, PAWL_BYTES("FLOOR"));
    add_u64(words, floor.line);
    add_u64(words, floor.lap);
    add_i64(words, floor.id);
}

/* Thousandths, written as whole numbers: printf's decimal point is the locale's. */
static void add_rate(struct words *words, double rate)
{
    if (!(rate >= 0.001)) return; /* NaN, too */
    uint64_t thousandths = rate < 1e15 ? (uint64_t)(rate * 1000) : (uint64_t)1e18;

    add(words, PAWL_BYTES("RATE"));
    add_number(words, "%" PRIu64 ".%03u", thousandths / 1000, (unsigned)(thousandths % 1000));
}

static void add_bounds(struct words *words, const pawl_definition *definition)
{
    if (definition->given & PAWL_GIVEN_NO_MIN) add(words, PAWL_BYTES("NOMINVALUE"));
    if (definition->given & PAWL_GIVEN_NO_MAX) add(words, PAWL_BYTES("NOMAXVALUE"));
    if (definition->given & PAWL_GIVEN_MIN) {
        add(words, PAWL_BYTES("MINVALUE"));
        add_i64(words, definition->min);
    }
    if (definition->given & PAWL_GIVEN_MAX) {
        add(words, PAWL_BYTES("MAXVALUE"));
        add_i64(words, definition->max);
    }
}

static void add_manner(struct words *words, const pawl_definition *definition)
{
    if (definition->given & PAWL_GIVEN_CYCLE) {
        add(words, definition->cycle ? PAWL_BYTES("CYCLE") : PAWL_BYTES("NOCYCLE"));
    }
    if (definition->given & PAWL_GIVEN_BLOCK) {
        add(words, PAWL_BYTES("BLOCK"));
        if (definition->block == 0) add(words, PAWL_BYTES("AUTO"));
        if (definition->block != 0) add_u64(words, definition->block);
    }
    if (definition->given & PAWL_GIVEN_ORDER) {
        add(words, PAWL_BYTES("ORDER"));
        add(words,
            definition->order == PAWL_ORDER_GLOBAL ? PAWL_BYTES("GLOBAL") : PAWL_BYTES("CLIENT"));
    }
    if (definition->given & PAWL_GIVEN_TYPE) {
        add(words, PAWL_BYTES("TYPE"));
        add(words, definition->data_type == PAWL_TYPE_SMALLINT  ? PAWL_BYTES("smallint")
                   : definition->data_type == PAWL_TYPE_INTEGER ? PAWL_BYTES("integer")
                                                                : PAWL_BYTES("bigint"));
    }
}

static void add_definition(struct words *words, const pawl_definition *definition)
{
    if (definition == NULL) return;
    if (definition->given & PAWL_GIVEN_START) {
        add(words, PAWL_BYTES("START"));
        add_i64(words, definition->start);
    }
    if (definition->given & PAWL_GIVEN_INCREMENT) {
        add(words, PAWL_BYTES("INCREMENT"));
        add_i64(words, definition->increment);
    }
    add_bounds(words, definition);
    add_manner(words, definition);
    if (definition->given & PAWL_GIVEN_RESTART) {
        add(words, PAWL_BYTES("RESTART"));
        add_i64(words, definition->restart);
    }
    if (definition->given & PAWL_GIVEN_IF_NOT_EXISTS) add(words, PAWL_BYTES("IFNOTEXISTS"));
    if (definition->given & PAWL_GIVEN_RESTART_AT_START) add(words, PAWL_BYTES("RESTART"));
}

static void add_list(struct words *words, const struct pawl_page *page)
{
    add(words, PAWL_BYTES("SEQ.LIST"));
    if (page->after.size > 0) {
        words->cursor[0] = '=';
        memcpy(words->cursor + 1, page->after.at, page->after.size);
        add(words, PAWL_BYTES("CURSOR"));
        add(words, (struct pawl_bytes){words->cursor, 1 + (size_t)page->after.size});
    }
    if (page->glob.size > 0) {
        add(words, PAWL_BYTES("MATCH"));
        add(words, page->glob);
    }
    add(words, PAWL_BYTES("COUNT"));
    add_u64(words,
            page->count_max < PAWL_REQUEST_LIST_MAX ? page->count_max : PAWL_REQUEST_LIST_MAX);
    add(words, PAWL_BYTES("WITHINFO"));
}

static void add_grant(struct words *words, const struct pawl_ask *ask)
{
    if (ask->kind == PAWL_ASK_TAKE) {
        add(words, PAWL_BYTES("SEQ.LEASE"));
        add(words, ask->name);
        add_u64(words, ask->count);
    } else {
        add(words, PAWL_BYTES("SEQ.NEXT"));
        add(words, ask->name);
        add(words, PAWL_BYTES("COUNT"));
        /* Many that share one ask may want more than a server gives at once. */
        add_u64(words, ask->exact || ask->count < PAWL_TAKE_MAX ? ask->count : PAWL_TAKE_MAX);
        if (ask->exact) add(words, PAWL_BYTES("EXACT"));
    }
    add_floor(words, ask->floor);
    if (ask->kind != PAWL_ASK_TAKE) return;
    add_rate(words, ask->rate);
    if (ask->holds == 0) return;
    add(words, PAWL_BYTES("HELD"));
    add_u64(words, ask->holds < INT64_MAX ? ask->holds : INT64_MAX);
    add_i64(words, ask->holds_last);
}

static void add_fence(struct words *words, const struct pawl_ask *ask)
{
    add(words, PAWL_BYTES("SEQ.FENCE"));
    add(words, ask->name);
    if (ask->line != 0) {
        add(words, PAWL_BYTES("BEYOND"));
        add_u64(words, ask->line);
    }
    if (ask->count != 0) {
        add(words, PAWL_BYTES("SKIP"));
        add_u64(words, ask->count);
    }
}

static bool add_ask(struct words *words, const struct pawl_ask *ask)
{
    switch (ask->kind) {
    case PAWL_ASK_TAKE:
    case PAWL_ASK_NEXT:
        add_grant(words, ask);
        return true;
    case PAWL_ASK_RETURN:
        add(words, PAWL_BYTES("SEQ.RETURN"));
        add(words, ask->name);
        add_u64(words, ask->lease);
        add_i64(words, ask->value);
        return true;
    case PAWL_ASK_READ:
        add(words, PAWL_BYTES("SEQ.INFO"));
        add(words, ask->name);
        return true;
    case PAWL_ASK_CREATE:
    case PAWL_ASK_ALTER:
        add(words,
            ask->kind == PAWL_ASK_CREATE ? PAWL_BYTES("SEQ.CREATE") : PAWL_BYTES("SEQ.ALTER"));
        add(words, ask->name);
        if (ask->kind == PAWL_ASK_CREATE) add_floor(words, ask->floor);
        add_definition(words, ask->definition);
        return true;
    case PAWL_ASK_SET:
        add(words, PAWL_BYTES("SEQ.SET"));
        add(words, ask->name);
        add_i64(words, ask->value);
        if (ask->called) add(words, PAWL_BYTES("USED"));
        if (ask->force) add(words, PAWL_BYTES("FORCE"));
        return true;
    case PAWL_ASK_DROP:
        add(words, PAWL_BYTES("SEQ.DROP"));
        add(words, ask->name);
        if (ask->force) add(words, PAWL_BYTES("FORCE"));
        return true;
    case PAWL_ASK_RENAME:
        add(words, PAWL_BYTES("SEQ.RENAME"));
        add(words, ask->name);
        add(words, ask->to);
        return true;
    case PAWL_ASK_FENCE:
        add_fence(words, ask);
        return true;
    case PAWL_ASK_LIST:
        add_list(words, ask->page);
        return ask->page->glob.size <= PAWL_REQUEST_GLOB_BYTES_MAX;
    case PAWL_ASK_PING:
        add(words, PAWL_BYTES("PING"));
        return true;
    case PAWL_ASK_OPEN:
    case PAWL_ASK_WAIT:
    case PAWL_ASK_UNREAD:
    case PAWL_ASK_LEAVE:
    case PAWL_ASK_ARRIVE:
    case PAWL_ASK_RESTORE:
    case PAWL_ASK_INIT:
    case PAWL_ASK_CHECK:
    case PAWL_ASK_REDRAW:
        break;
    }
    return false;
}

size_t pawl_request_write(const struct pawl_ask *ask, char bytes[PAWL_REQUEST_BYTES_MAX])
{
    struct words words = {.count = 0};

    if (ask->name.size > PAWL_NAME_BYTES_MAX || !add_ask(&words, ask)) return 0;
    size_t at = pawl_resp_write_array(bytes, words.count);

    for (size_t i = 0; i < words.count; i++) {
        PAWL_ASSERT(at + words.at[i].size + PAWL_RESP_LINE_BYTES_MAX + 2 < PAWL_REQUEST_BYTES_MAX);
        at += pawl_resp_write_bulk(bytes + at, words.at[i]);
    }
    return at;
}
