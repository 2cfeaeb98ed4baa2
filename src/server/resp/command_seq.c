/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about sequences: definitions and what is known of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/resp/command.h"

enum {
    LIST_COUNT = 10,       /* without COUNT: as Redis's SCAN */
    LIST_COUNT_MAX = 1000, /* COUNT is a hint: pages are no larger */
    LIST_INFO_COUNT_MAX = 250,
};

/* An ask that brings the record. */
static struct call *begin_read(struct conn *conn, struct pawl_bytes name,
                               bool (*answer)(struct conn *conn, struct call *call))
{
    struct pawl_record *record = calloc(1, sizeof *record);

    if (record == NULL) {
        say_fail(conn, PAWL_NO_MEMORY, "pawld has no memory for this request");
        return NULL;
    }
    struct call *call = conn_call(conn, PAWL_ASK_READ, name, answer);
    if (call == NULL) {
        free(record);
        return NULL;
    }
    call->record = record;
    call->sent.ask.record = record;
    return call;
}

/* Changes. */

/* What this server held is gone already; what others hold goes with their next ask. */
static bool answer_changed(struct conn *conn, struct call *call)
{
    uint64_t interval_ns = conn->desk->settings.refill_interval_ns;
    char text[128];

    if (call->sent.ask.error.code != PAWL_OK) {
        say_failure(conn, &call->sent.ask.error);
        return true;
    }
    int size = snprintf(text, sizeof text, "OK every other holder lets its ids go within %g s",
                        (double)interval_ns / (double)PAWL_NS_PER_S);
    say_simple(conn, (struct pawl_bytes){text, (size_t)size});
    return true;
}

static void define(struct conn *conn, const struct pawl_resp_request *request, bool alter)
{
    struct words words = {request, 2};
    pawl_definition definition;
    struct pawl_mark floor = {0, 0, 0};
    pawl_error error = {0};

    if (!alter && words_take(&words, "FLOOR") && !words_take_floor(&words, &floor)) {
        say_error(conn, "ERR syntax: SEQ.CREATE name [FLOOR line lap id] [option value ...]");
        return;
    }
    if (!options_read(&words, alter, &definition, &error)) {
        say_failure(conn, &error);
        return;
    }
    if (alter && definition.given == 0) {
        say_error(conn, "ERR SEQ.ALTER without an option changes nothing");
        return;
    }
    const uint32_t restarts = PAWL_GIVEN_RESTART | PAWL_GIVEN_RESTART_AT_START;
    if (alter && (definition.given & restarts) != 0 &&
        !command_may(conn, request, USER_ADMIN, request->words[1])) {
        return; /* it may go back */
    }
    struct call *call = conn_call(conn, alter ? PAWL_ASK_ALTER : PAWL_ASK_CREATE, request->words[1],
                                  alter ? answer_changed : answer_ok);
    if (call == NULL) return;
    call->definition = definition;
    call->sent.ask.floor = floor;
    call->sent.ask.definition = &call->definition;
    call_submit(call);
}

void run_seq_create(struct conn *conn, const struct pawl_resp_request *request)
{
    define(conn, request, false);
}

void run_seq_alter(struct conn *conn, const struct pawl_resp_request *request)
{
    define(conn, request, true);
}

void run_seq_drop(struct conn *conn, const struct pawl_resp_request *request)
{
    struct words words = {request, 2};
    bool force = words_take(&words, "FORCE");

    if (words_left(&words)) {
        say_error(conn, "ERR syntax: SEQ.DROP name [FORCE]");
        return;
    }
    struct call *call = conn_call(conn, PAWL_ASK_DROP, request->words[1], answer_changed);
    if (call == NULL) return;
    call->sent.ask.force = force;
    call_submit(call);
}

void run_seq_set(struct conn *conn, const struct pawl_resp_request *request)
{
    struct words words = {request, 2};
    int64_t id = 0;

    if (!words_take_i64(&words, &id)) {
        say_error(conn, "ERR value is not an integer or out of range");
        return;
    }
    bool called = words_take(&words, "USED");
    bool force = words_take(&words, "FORCE");
    if (words_left(&words)) {
        say_error(conn, "ERR syntax: SEQ.SET name id [USED] [FORCE]");
        return;
    }
    if (force && !command_may(conn, request, USER_ADMIN, request->words[1])) return;
    struct call *call = conn_call(conn, PAWL_ASK_SET, request->words[1], answer_changed);
    if (call == NULL) return;
    call->sent.ask.value = id;
    call->sent.ask.force = force;
    call->sent.ask.called = called;
    call_submit(call);
}

void run_seq_rename(struct conn *conn, const struct pawl_resp_request *request)
{
    struct pawl_name to;
    pawl_error error = {0};

    if (pawl_name_set(&to, request->words[2], &error) != PAWL_OK) {
        say_failure(conn, &error);
        return;
    }
    if (!command_may(conn, request, USER_ADMIN, request->words[2])) return;
    struct call *call = conn_call(conn, PAWL_ASK_RENAME, request->words[1], answer_changed);
    if (call == NULL) return;
    call->to = to;
    call->sent.ask.to = pawl_name_bytes(&call->to);
    call_submit(call);
}

void run_seq_fence(struct conn *conn, const struct pawl_resp_request *request)
{
    struct words words = {request, 2};
    int64_t skip = 0;
    int64_t line = 0;
    bool good = true;

    while (good && words_left(&words)) {
        if (words_take(&words, "SKIP")) {
            good = words_take_i64(&words, &skip) && skip >= 1;
        } else if (words_take(&words, "BEYOND")) {
            good = words_take_i64(&words, &line) && line >= 1;
        } else {
            good = false;
        }
    }
    if (!good) {
        say_error(conn, "ERR syntax: SEQ.FENCE name [SKIP n] [BEYOND line], both 1 or more");
        return;
    }
    struct call *call = conn_call(conn, PAWL_ASK_FENCE, request->words[1], answer_changed);
    if (call == NULL) return;
    call->sent.ask.count = (uint64_t)skip;
    call->sent.ask.line = (uint64_t)line;
    call_submit(call);
}

/* What is known. */

static bool answer_info(struct conn *conn, struct call *call)
{
    struct text text = {0};

    if (call->sent.ask.error.code != PAWL_OK) {
        say_failure(conn, &call->sent.ask.error);
        return true;
    }
    info_add(&text, call->record,
             info_settled_in(conn->desk, call->record, desk_wall_s(conn->desk)));
    size_t pairs = SEQUENCE_FIELDS + info_add_gaps(&text, &call->gaps);

    if (text.failed) {
        say_fail(conn, PAWL_NO_MEMORY, "pawld has no memory for this answer");
    } else {
        say_map(conn, pairs);
        say_raw(conn, (struct pawl_bytes){text.at, text.size});
    }
    free(text.at);
    return true;
}

void run_seq_info(struct conn *conn, const struct pawl_resp_request *request)
{
    struct call *call = begin_read(conn, request->words[1], answer_info);

    if (call == NULL) return;
    call->sent.ask.gaps = &call->gaps;
    call_submit(call);
}

static bool answer_type(struct conn *conn, struct call *call)
{
    if (call->sent.ask.error.code == PAWL_OK) {
        say_simple(conn, PAWL_BYTES("string"));
    } else if (call->sent.ask.error.code == PAWL_NO_SEQUENCE) {
        say_simple(conn, PAWL_BYTES("none"));
    } else {
        say_failure(conn, &call->sent.ask.error);
    }
    return true;
}

void run_type(struct conn *conn, const struct pawl_resp_request *request)
{
    struct call *call = begin_read(conn, request->words[1], answer_type);

    if (call != NULL) call_submit(call);
}

/* Names come one after the other: each goes out when the one before is answered. */
static bool answer_exists(struct conn *conn, struct call *call)
{
    pawl_err code = call->sent.ask.error.code;

    if (code != PAWL_OK && code != PAWL_NO_SEQUENCE) {
        say_failure(conn, &call->sent.ask.error);
        return true;
    }
    if (code == PAWL_OK) call->text_count++;
    if (call->text.size == 0) {
        say_unsigned(conn, call->text_count);
        return true;
    }
    size_t size = (unsigned char)call->text.at[0];
    call->name.size = (uint8_t)size;
    memcpy(call->name.at, call->text.at + 1, size);
    call->text.size -= size + 1;
    memmove(call->text.at, call->text.at + 1 + size, call->text.size);
    call->sent.ask.name = pawl_name_bytes(&call->name);
    call->sent.ask.deadline_ns = conn->desk->now_ns + conn->desk->settings.request_timeout_ns;
    call_submit(call);
    return false;
}

void run_exists(struct conn *conn, const struct pawl_resp_request *request)
{
    struct text rest = {0};
    struct pawl_name name;
    pawl_error error = {0};

    for (uint32_t i = 2; i < request->word_count; i++) {
        if (!command_may(conn, request, USER_TAKE, request->words[i])) {
            free(rest.at);
            return;
        }
        if (pawl_name_set(&name, request->words[i], &error) != PAWL_OK) {
            say_failure(conn, &error);
            free(rest.at);
            return;
        }
        char size = (char)name.size;
        text_add(&rest, &size, 1);
        text_add(&rest, name.at, name.size);
    }
    struct call *call = rest.failed ? NULL : begin_read(conn, request->words[1], answer_exists);
    if (call == NULL) {
        if (rest.failed) say_fail(conn, PAWL_NO_MEMORY, "pawld has no memory for this request");
        free(rest.at);
        return;
    }
    call->text = rest;
    call_submit(call);
}

/* GET: the last id handed out here, as far as it is known, else the last reserved. */

static bool answer_get(struct conn *conn, struct call *call)
{
    const struct pawl_record *record = call->record;
    char text[PAWL_RESP_NUMBER_BYTES_MAX + 1];

    if (call->sent.ask.error.code == PAWL_NO_SEQUENCE) {
        say_null(conn);
        return true;
    }
    if (call->sent.ask.error.code != PAWL_OK) {
        say_failure(conn, &call->sent.ask.error);
        return true;
    }
    if (!pawl_record_is_called(record)) {
        say_null(conn);
        return true;
    }
    int size = snprintf(text, sizeof text, "%lld", (long long)pawl_record_last(record));
    say_bulk(conn, (struct pawl_bytes){text, (size_t)size});
    return true;
}

void run_get(struct conn *conn, const struct pawl_resp_request *request)
{
    struct call *call = begin_read(conn, request->words[1], answer_get);

    if (call == NULL) return;
    call->sent.ask.used = true;
    call_submit(call);
}

/* SEQ.LIST. */

/* On the keeper's thread: the call is the ask's. */
static void list_each(struct pawl_page *page, const struct pawl_record *record)
{
    struct call *call = PAWL_OWNER(page, struct call, page);
    char head[PAWL_RESP_LINE_BYTES_MAX + PAWL_NAME_BYTES_MAX + 2];

    if (!call_shows(call, pawl_name_bytes(&record->name))) return;
    if (call->with_info) {
        text_add(&call->text, head, pawl_resp_write_map(head, SEQUENCE_FIELDS, call->protocol));
        info_add(&call->text, record, info_settled_in(call->desk, record, call->wall_s));
    } else {
        text_add(&call->text, head, pawl_resp_write_bulk(head, pawl_name_bytes(&record->name)));
    }
    call->text_count++;
}

static bool answer_list(struct conn *conn, struct call *call)
{
    char cursor[PAWL_NAME_BYTES_MAX + 1] = "0";
    size_t cursor_size = 1;

    if (call->sent.ask.error.code != PAWL_OK) {
        say_failure(conn, &call->sent.ask.error);
        return true;
    }
    if (call->text.failed) {
        say_fail(conn, PAWL_NO_MEMORY, "pawld has no memory for this answer");
        return true;
    }
    if (call->page.unread.code != PAWL_OK) { /* who wants all must not take this for all */
        say_failure(conn, &call->page.unread);
        return true;
    }
    if (call->page.more) {
        cursor[0] = '=';
        memcpy(cursor + 1, call->page.after.at, call->page.after.size);
        cursor_size = 1 + (size_t)call->page.after.size;
    }
    say_array(conn, 2);
    say_bulk(conn, (struct pawl_bytes){cursor, cursor_size});
    say_array(conn, call->text_count);
    say_raw(conn, (struct pawl_bytes){call->text.at, call->text.size});
    return true;
}

struct listing {
    struct pawl_bytes glob;
    struct pawl_name after;
    int64_t count;
    bool with_info;
};

static bool list_read_cursor(struct words *words, struct listing *listing)
{
    if (!words_left(words)) return false;
    struct pawl_bytes cursor = words->request->words[words->at++];

    if (word_is(cursor, "0")) return true;
    if (cursor.size < 2 || cursor.at[0] != '=') return false;
    cursor = (struct pawl_bytes){cursor.at + 1, cursor.size - 1};
    return pawl_name_set(&listing->after, cursor, NULL) == PAWL_OK;
}

static bool list_read(const struct pawl_resp_request *request, struct listing *listing)
{
    struct words words = {request, 1};

    while (words_left(&words)) {
        if (words_take(&words, "CURSOR")) {
            if (!list_read_cursor(&words, listing)) return false;
        } else if (words_take(&words, "MATCH")) {
            if (!words_left(&words)) return false;
            listing->glob = request->words[words.at++];
        } else if (words_take(&words, "COUNT")) {
            if (!words_take_i64(&words, &listing->count) || listing->count < 1) return false;
        } else if (words_take(&words, "WITHINFO")) {
            listing->with_info = true;
        } else {
            return false;
        }
    }
    return true;
}

void run_seq_list(struct conn *conn, const struct pawl_resp_request *request)
{
    struct listing listing = {.count = LIST_COUNT};

    if (!list_read(request, &listing)) {
        say_error(conn,
                  "ERR syntax: SEQ.LIST [CURSOR c] [MATCH glob] [COUNT n] [WITHINFO], c \"0\" "
                  "or as the answer before said, n 1 or more");
        return;
    }
    struct call *call = conn_call(conn, PAWL_ASK_LIST, (struct pawl_bytes){NULL, 0}, answer_list);
    if (call == NULL) return;
    int64_t most = listing.with_info ? LIST_INFO_COUNT_MAX : LIST_COUNT_MAX;
    if (listing.count > most) listing.count = most;
    if (listing.glob.size > 0) memcpy(call->glob, listing.glob.at, listing.glob.size);
    call->with_info = listing.with_info;
    call->protocol = conn->protocol;
    call->wall_s = desk_wall_s(conn->desk);
    call->page = (struct pawl_page){
        .after = listing.after,
        .glob = {call->glob, listing.glob.size},
        .count_max = (uint32_t)listing.count,
        .each = list_each,
    };
    call_is_for(call, conn);
    call->sent.ask.page = &call->page;
    call_submit(call);
}
