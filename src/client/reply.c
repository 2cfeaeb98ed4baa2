/* SPDX-License-Identifier: Apache-2.0 */
#include "client/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/request.h"
#include "range/ledger.h"
#include "wire/resp.h"

enum {
    VALUES_MAX = 128,    /* in a reply that is no listing */
    RECORD_VALUES = 128, /* in one record of a listing, at most */
    GRANT_VALUES = 8,    /* first increment count epoch line lap lease block */
};

/* A reply's values, read one after another. */
struct cursor {
    const struct pawl_resp_value *at;
    const struct pawl_resp_value *end;
};

static const struct pawl_resp_value *take(struct cursor *cursor)
{
    return cursor->at == cursor->end ? NULL : cursor->at++;
}

static bool to_u64(const struct pawl_resp_value *value, uint64_t *number)
{
    if (value->type == PAWL_RESP_INTEGER) {
        *number = (uint64_t)value->integer;
        return value->integer >= 0;
    }
    return value->type == PAWL_RESP_BULK && pawl_bytes_to_u64(value->text, number);
}

static bool to_i64(const struct pawl_resp_value *value, int64_t *number)
{
    *number = value->integer;
    return value->type == PAWL_RESP_INTEGER ||
           (value->type == PAWL_RESP_BULK && pawl_bytes_to_i64(value->text, number));
}

/* A decimal as people write it; what is none is 0. The C library's depend on the locale. */
static double to_double(struct pawl_bytes text)
{
    double number = 0;
    double place = 0; /* of the next digit behind the point; 0: before it */

    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];

        if (c == '.' && place == 0) {
            place = 0.1;
        } else if (c < '0' || c > '9') {
            return 0;
        } else if (place == 0) {
            number = number * 10 + (c - '0');
        } else {
            number += place * (c - '0');
            place /= 10;
        }
    }
    return number;
}

static bool to_bool(const struct pawl_resp_value *value)
{
    return (value->type == PAWL_RESP_INTEGER && value->integer != 0) ||
           pawl_bytes_equal(value->text, PAWL_BYTES("1")) ||
           pawl_bytes_equal_nocase(value->text, PAWL_BYTES("yes")) ||
           pawl_bytes_equal_nocase(value->text, PAWL_BYTES("true"));
}

/* How each field of a record is told. */
enum field_kind {
    FIELD_U64,
    FIELD_I64,
    FIELD_BLOCK,
    FIELD_BOOL,
    FIELD_RATE,
    FIELD_ORDER,
    FIELD_TYPE
};

#define FIELD(label, kind, member)                                           \
    {                                                                        \
        label, sizeof(label) - 1, kind, offsetof(struct pawl_record, member) \
    }

static const struct {
    const char *label;
    size_t label_size;
    enum field_kind kind;
    size_t offset;
} fields[] = {
    FIELD("epoch", FIELD_U64, epoch),
    FIELD("line", FIELD_U64, line),
    FIELD("lap", FIELD_U64, lap),
    FIELD("version", FIELD_U64, version),
    FIELD("start", FIELD_I64, start),
    FIELD("increment", FIELD_I64, increment),
    FIELD("min", FIELD_I64, min),
    FIELD("max", FIELD_I64, max),
    FIELD("next", FIELD_I64, next),
    FIELD("origin", FIELD_I64, origin),
    FIELD("block", FIELD_BLOCK, block),
    FIELD("cycle", FIELD_BOOL, cycle),
    FIELD("ended", FIELD_BOOL, ended),
    FIELD("rate", FIELD_RATE, rate),
    FIELD("order", FIELD_ORDER, order),
    FIELD("type", FIELD_TYPE, data_type),
    FIELD("created_at", FIELD_I64, created_at),
    FIELD("changed_at", FIELD_I64, changed_at),
};

static bool set_field(enum field_kind kind, void *to, const struct pawl_resp_value *value)
{
    bool automatic = pawl_bytes_equal_nocase(value->text, PAWL_BYTES("auto"));

    switch (kind) {
    case FIELD_U64:
        return to_u64(value, to);
    case FIELD_I64:
        return to_i64(value, to);
    case FIELD_BLOCK:
        *(uint64_t *)to = 0;
        return automatic || to_u64(value, to);
    case FIELD_BOOL:
        *(bool *)to = to_bool(value);
        return true;
    case FIELD_RATE:
        *(double *)to =
            value->type == PAWL_RESP_INTEGER ? (double)value->integer : to_double(value->text);
        return true;
    case FIELD_ORDER:
        *(pawl_order *)to = pawl_bytes_equal_nocase(value->text, PAWL_BYTES("global"))
                                ? PAWL_ORDER_GLOBAL
                                : PAWL_ORDER_CLIENT;
        return true;
    case FIELD_TYPE:
        *(pawl_type *)to =
            pawl_bytes_equal_nocase(value->text, PAWL_BYTES("smallint"))  ? PAWL_TYPE_SMALLINT
            : pawl_bytes_equal_nocase(value->text, PAWL_BYTES("integer")) ? PAWL_TYPE_INTEGER
                                                                          : PAWL_TYPE_BIGINT;
        return true;
    }
    return false;
}

/* One name and its value. What we do not know, a newer server does. */
static bool set_named(struct pawl_record *record, struct pawl_bytes label,
                      const struct pawl_resp_value *value)
{
    if (pawl_bytes_equal(label, PAWL_BYTES("name"))) {
        return pawl_name_set(&record->name, value->text, NULL) == PAWL_OK;
    }
    for (size_t i = 0; i < PAWL_COUNT(fields); i++) {
        struct pawl_bytes known = {fields[i].label, fields[i].label_size};

        if (pawl_bytes_equal(label, known)) {
            return set_field(fields[i].kind, (char *)record + fields[i].offset, value);
        }
    }
    return true;
}

/* Passes over what an array of values of unknown meaning holds. */
static void skip_inside(struct cursor *cursor, const struct pawl_resp_value *value)
{
    uint64_t left = value->type == PAWL_RESP_ARRAY ? value->count : 0;

    for (; left > 0 && cursor->at < cursor->end; left--) {
        if (cursor->at->type == PAWL_RESP_ARRAY) left += cursor->at->count;
        cursor->at++;
    }
}

static bool set_gap(pawl_gaps *gaps, struct pawl_bytes label, const struct pawl_resp_value *value)
{
    const struct pawl_bytes prefix = PAWL_BYTES("burned_");

    if (pawl_bytes_equal(label, PAWL_BYTES("gaps_since"))) return to_i64(value, &gaps->since);
    if (pawl_bytes_equal(label, PAWL_BYTES("reserved"))) return to_u64(value, &gaps->reserved);
    if (pawl_bytes_equal(label, PAWL_BYTES("stops"))) return to_u64(value, &gaps->stops);
    if (pawl_bytes_equal(label, PAWL_BYTES("stopped"))) {
        uint64_t stopped = 0;

        if (!to_u64(value, &stopped)) return false;
        gaps->stopped = stopped != 0;
        return true;
    }
    if (pawl_bytes_equal(label, PAWL_BYTES("crash_after"))) {
        return to_i64(value, &gaps->crash_after);
    }
    if (pawl_bytes_equal(label, PAWL_BYTES("crash_to"))) {
        gaps->crash_bounded = true;
        return to_i64(value, &gaps->crash_to);
    }
    if (pawl_bytes_equal(label, PAWL_BYTES("steps_back"))) return to_u64(value, &gaps->steps_back);
    if (pawl_bytes_equal(label, PAWL_BYTES("step_back_ids"))) {
        return to_u64(value, &gaps->step_back_ids);
    }
    if (!pawl_bytes_begin(label, prefix)) return true;
    label = (struct pawl_bytes){label.at + prefix.size, label.size - prefix.size};
    for (int cause = 0; cause < PAWL_CAUSE_COUNT; cause++) {
        const char *word = pawl_cause_name((enum pawl_cause)cause);

        if (!pawl_bytes_equal(label, (struct pawl_bytes){word, strlen(word)})) continue;
        return to_u64(value, &gaps->burned[cause]);
    }
    return true;
}

/* Reads a record: an array of names and values; and, unless NULL, what goes with it. */
static bool take_record(struct cursor *cursor, struct pawl_record *record, pawl_gaps *gaps)
{
    const struct pawl_resp_value *array = take(cursor);

    *record = (struct pawl_record){.epoch = 0};
    if (array == NULL || array->type != PAWL_RESP_ARRAY || array->count % 2 != 0) return false;
    for (uint32_t i = 0; i < array->count; i += 2) {
        const struct pawl_resp_value *label = take(cursor);
        const struct pawl_resp_value *value = take(cursor);

        if (label == NULL || value == NULL || label->type == PAWL_RESP_ARRAY) return false;
        if (!set_named(record, label->text, value)) return false;
        if (gaps != NULL && !set_gap(gaps, label->text, value)) return false;
        skip_inside(cursor, value);
    }
    return record->name.size > 0 && record->epoch > 0 && record->increment != 0;
}

/* Exact at both ends of int64. */
static bool stays_in_int64(const struct pawl_range *range)
{
    uint64_t first = (uint64_t)range->first;
    uint64_t room =
        range->increment > 0 ? (uint64_t)INT64_MAX - first : first - (uint64_t)INT64_MIN;
    uint64_t step =
        range->increment > 0 ? (uint64_t)range->increment : 0 - (uint64_t)range->increment;

    return step != 0 && range->count - 1 <= room / step;
}

/* Returns what is wrong with the grant, or NULL. */
static const char *read_grant(struct cursor cursor, struct pawl_ask *ask)
{
    uint32_t want = ask->kind == PAWL_ASK_TAKE ? GRANT_VALUES : GRANT_VALUES - 2;
    const struct pawl_resp_value *array = take(&cursor);
    struct pawl_grant grant = {.epoch = 0};

    if (array->type != PAWL_RESP_ARRAY || array->count < want) return "its grant has a wrong shape";
    const struct pawl_resp_value *value = cursor.at;
    bool whole = to_i64(&value[0], &grant.range.first) &&
                 to_i64(&value[1], &grant.range.increment) &&
                 to_u64(&value[2], &grant.range.count) && to_u64(&value[3], &grant.epoch) &&
                 to_u64(&value[4], &grant.line) && to_u64(&value[5], &grant.lap);

    if (whole && ask->kind == PAWL_ASK_TAKE) {
        whole = to_u64(&value[6], &grant.lease) && to_u64(&value[7], &grant.block);
    }
    if (!whole) return "its grant is not made of numbers";
    if (grant.epoch == 0 || grant.line == 0 || grant.line > grant.epoch) {
        return "its grant has an impossible epoch or line";
    }
    if (grant.range.count > ask->count) return "it granted more than was asked for";
    if (grant.range.count == 0 && ask->count > 0) return "it granted nothing";
    if (ask->exact && grant.range.count != ask->count) return "it granted less than exactly asked";
    if (grant.range.count > 0 && !stays_in_int64(&grant.range)) {
        return "its grant is no range of 64-bit ids";
    }
    ask->grant = grant;
    return NULL;
}

/* Where a listing goes on: "0" for nowhere, or "=" and a name. */
static bool read_end(const struct pawl_resp_value *cursor, struct pawl_name *end)
{
    struct pawl_bytes name = {cursor->text.at + 1, cursor->text.size - 1};

    end->size = 0;
    if (cursor->type != PAWL_RESP_BULK || cursor->text.size == 0) return false;
    if (pawl_bytes_equal(cursor->text, PAWL_BYTES("0"))) return true;
    return cursor->text.at[0] == '=' && pawl_name_set(end, name, NULL) == PAWL_OK;
}

/* A page: where to go on, and records. */
static const char *read_page(struct cursor cursor, struct pawl_ask *ask)
{
    const struct pawl_resp_value *array = take(&cursor);
    const struct pawl_resp_value *after = take(&cursor);
    const struct pawl_resp_value *list = take(&cursor);
    struct pawl_record record;
    struct pawl_name end;

    if (array->type != PAWL_RESP_ARRAY || array->count != 2 || list == NULL ||
        list->type != PAWL_RESP_ARRAY) {
        return "its listing has a wrong shape";
    }
    if (!read_end(after, &end)) return "its listing goes on at what is no name";
    if (end.size > 0 &&
        pawl_bytes_order(pawl_name_bytes(&end), pawl_name_bytes(&ask->page->after)) <= 0) {
        return "its listing does not come forward";
    }
    struct cursor records = cursor;
    for (uint32_t i = 0; i < list->count; i++) { /* all are looked at before one is told */
        if (!take_record(&cursor, &record, NULL)) {
            return "its listing has a record of a wrong shape";
        }
    }
    for (uint32_t i = 0; i < list->count; i++) {
        PAWL_ASSERT(take_record(&records, &record, NULL));
        ask->page->each(ask->page, &record);
    }
    ask->page->more = end.size > 0;
    if (ask->page->more) ask->page->after = end;
    return NULL;
}

static const char *read_record(struct cursor cursor, struct pawl_ask *ask)
{
    struct pawl_record record;
    pawl_gaps gaps = {.since = 0};

    if (!take_record(&cursor, &record, &gaps)) return "its record has a wrong shape";
    if (!pawl_bytes_equal(pawl_name_bytes(&record.name), ask->name)) {
        return "it told of another sequence";
    }
    if (ask->record != NULL) *ask->record = record;
    if (ask->gaps != NULL) *ask->gaps = gaps;
    return NULL;
}

/* Words of servers that are no pawld get a code that says to look at the URL. */
static pawl_err code_of(struct pawl_bytes word, struct pawl_bytes text)
{
    static const struct {
        const char *word;
        pawl_err code;
    } words[] = {
#define WORD(name, number, advice, word, text) {word, name},
        PAWL_ERR_MAP(WORD)
#undef WORD
    };

    /* Redis's text, and pawld's. */
    if (pawl_bytes_begin(text, PAWL_BYTES("max number of clients"))) return PAWL_BUSY;
    for (size_t i = 1; i < PAWL_COUNT(words); i++) { /* not OK: no error is that */
        struct pawl_bytes known = {words[i].word, strlen(words[i].word)};

        if (pawl_bytes_equal(word, known)) return words[i].code;
    }
    return PAWL_OK;
}

/* An error reply: nothing was taken. */
static void read_error(struct pawl_bytes said, struct pawl_ask *ask)
{
    static const char unknown[] = "unknown command";
    const char *space = memchr(said.at, ' ', said.size);
    size_t word_size = space == NULL ? said.size : (size_t)(space - said.at);
    struct pawl_bytes word = {said.at, word_size};
    struct pawl_bytes text = {said.at + word_size, said.size - word_size};

    if (text.size > 0) text = (struct pawl_bytes){text.at + 1, text.size - 1};
    if (pawl_bytes_equal(word, PAWL_BYTES("NOAUTH"))) {
        ask->burned = 0;
        (void)pawl_fail(&ask->error, PAWL_DENIED,
                        "the server wants a user and a password: say pawl://user:password@host, or "
                        "pawl://user@host and PAWL_PASSWORD in the environment");
        return;
    }
    pawl_err code = code_of(word, text);
    bool foreign =
        code == PAWL_OK || (code == PAWL_BAD_REQUEST && text.size >= sizeof unknown - 1 &&
                            memcmp(text.at, unknown, sizeof unknown - 1) == 0);

    ask->burned = 0;
    if (foreign) {
        (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST, "is this a pawl server? It said: %.*s",
                        (int)said.size, said.at);
        return;
    }
    /* A server that is closing: another, or the next one there, may serve. */
    if (code == PAWL_CLOSED) code = PAWL_BUSY;
    if (text.size == 0 || text.at[0] == '\0') { /* of which nobody would see anything */
        const char *usual = pawl_err_text(code);
        text = (struct pawl_bytes){usual, strlen(usual)};
    }
    (void)pawl_fail(&ask->error, code, "%.*s", (int)text.size, text.at);
}

static const char *read_plain(const struct pawl_resp_value *value, struct pawl_ask *ask)
{
    bool pong =
        value->type == PAWL_RESP_SIMPLE && pawl_bytes_equal(value->text, PAWL_BYTES("PONG"));
    bool done = value->type == PAWL_RESP_SIMPLE && value->text.size >= 2 &&
                memcmp(value->text.at, "OK", 2) == 0; /* changes say more behind it */

    if (ask->kind == PAWL_ASK_PING) return pong ? NULL : "it answered PING with something else";
    return done ? NULL : "it answered with something else than OK";
}

static const char *read_reply(struct cursor cursor, struct pawl_ask *ask)
{
    const struct pawl_resp_value *value = cursor.at;

    if (value->type == PAWL_RESP_ERROR) {
        read_error(value->text, ask);
        return NULL;
    }
    switch (ask->kind) {
    case PAWL_ASK_TAKE:
    case PAWL_ASK_NEXT:
        return read_grant(cursor, ask);
    case PAWL_ASK_READ:
        return read_record(cursor, ask);
    case PAWL_ASK_LIST:
        return read_page(cursor, ask);
    case PAWL_ASK_CREATE:
    case PAWL_ASK_ALTER:
    case PAWL_ASK_SET:
    case PAWL_ASK_DROP:
    case PAWL_ASK_RENAME:
    case PAWL_ASK_FENCE:
        return value->type == PAWL_RESP_ARRAY ? read_record(cursor, ask) : read_plain(value, ask);
    case PAWL_ASK_LEAVE:
    case PAWL_ASK_ARRIVE:
    case PAWL_ASK_RESTORE:
    case PAWL_ASK_INIT:
    case PAWL_ASK_CHECK:
    case PAWL_ASK_REDRAW:
    case PAWL_ASK_RETURN:
    case PAWL_ASK_PING:
    case PAWL_ASK_OPEN:
    case PAWL_ASK_WAIT:
    case PAWL_ASK_UNREAD:
        break;
    }
    return read_plain(value, ask);
}

/* How many values the reply to ask may have. */
static uint32_t value_max(const struct pawl_ask *ask)
{
    if (ask->kind != PAWL_ASK_LIST) return VALUES_MAX;
    uint32_t records = ask->page->count_max;

    if (records > PAWL_REQUEST_LIST_MAX) records = PAWL_REQUEST_LIST_MAX;
    return (records + 1) * RECORD_VALUES;
}

ptrdiff_t pawl_reply_read(struct pawl_bytes bytes, struct pawl_ask *ask, const char **why)
{
    struct pawl_resp_value few[VALUES_MAX];
    struct pawl_resp_reply reply = {.values = few, .value_max = value_max(ask)};
    struct pawl_resp_value *many = NULL;

    if (reply.value_max > VALUES_MAX) {
        many = malloc(reply.value_max * sizeof *many);
        reply.values = many;
    }
    if (reply.values == NULL) {
        *why = "no memory for its listing";
        return -1;
    }
    const char *wrong = "its reply is not RESP";
    ptrdiff_t took = pawl_resp_parse_reply(bytes, &reply);

    if (took > 0) {
        ask->error = (pawl_error){.code = PAWL_OK};
        wrong = read_reply((struct cursor){reply.values, reply.values + reply.value_count}, ask);
        if (wrong != NULL) took = -1;
    }
    if (took < 0) *why = wrong;
    free(many);
    return took;
}
