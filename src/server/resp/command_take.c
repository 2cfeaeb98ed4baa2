/* SPDX-License-Identifier: Apache-2.0 */
/* INCR, INCRBY, SEQ.NEXT, SEQ.LEASE and SEQ.RETURN: ids from stock, as fast as can be. */
#include <stdlib.h>
#include <string.h>

#include "server/resp/command.h"

enum { RATE_BYTES_MAX = 32 };
#define RATE_MAX 1e12 /* ids per second: more is a mistake */

static void take_and_say(struct conn *conn, struct pawl_bytes name, uint64_t count, bool creates)
{
    pawl_ids ids;

    if (take(conn, name, count, creates, &ids)) {
        say_integer(conn, pawl_id_at(ids.first, ids.increment, ids.count - 1));
    }
}

/* The path of nearly every request: the sequence used last, an id at hand, nobody who waits. */
void run_incr(struct conn *conn, const struct pawl_resp_request *request)
{
    const struct pawl_bytes name = request->words[1];
    struct desk *desk = conn->desk;
    struct entry *entry = conn->entry;
    int64_t id = 0;

    if (conn->generation == desk->generation && entry != NULL && entry->name_size == name.size &&
        memcmp(entry->name, name.at, name.size) == 0 && entry->holding != NULL &&
        entry->parked_first == NULL && pawl_stock_next(entry->holding->stock, &id)) {
        pawl_count_add(&desk->counts.ids, 1);
        say_integer(conn, id);
        return;
    }
    take_and_say(conn, name, 1, conn_may(conn, USER_DEFINE, name));
}

void run_incrby(struct conn *conn, const struct pawl_resp_request *request)
{
    int64_t count = 0;

    if (!word_to_i64(request->words[2], &count)) {
        say_error(conn, "ERR value is not an integer or out of range");
    } else if (count < 1) {
        say_error(conn, "ERR a pawl never goes back: INCRBY takes 1 or more ids");
    } else if ((uint64_t)count > conn->desk->settings.max_take) {
        say_fail(conn, PAWL_LIMIT, "%lld ids are more than --max-take %llu", (long long)count,
                 (unsigned long long)conn->desk->settings.max_take);
    } else {
        take_and_say(conn, request->words[1], (uint64_t)count,
                     conn_may(conn, USER_DEFINE, request->words[1]));
    }
}

/* SEQ.NEXT name COUNT n …: which epoch ids are of only the keeper can say, so it is asked. */
static bool answer_next_count(struct conn *conn, struct call *call)
{
    const struct pawl_grant *grant = &call->sent.ask.grant;

    if (call->sent.ask.error.code == PAWL_NO_SEQUENCE) {
        say_no_sequence(conn, call->sent.ask.name, &call->sent.ask.error);
    } else if (call->sent.ask.error.code != PAWL_OK) {
        say_failure(conn, &call->sent.ask.error);
    } else {
        say_array(conn, 6);
        say_integer(conn, grant->range.first);
        say_integer(conn, grant->range.increment);
        say_unsigned(conn, grant->range.count);
        say_unsigned(conn, grant->epoch);
        say_unsigned(conn, grant->line);
        say_unsigned(conn, grant->lap);
    }
    return true;
}

void run_seq_next(struct conn *conn, const struct pawl_resp_request *request)
{
    struct words words = {request, 2};
    struct pawl_mark floor = {0, 0, 0};
    int64_t count = 0;
    bool exact = false;

    if (!words_left(&words)) {
        take_and_say(conn, request->words[1], 1, false);
        return;
    }
    while (words_left(&words)) {
        bool good = true;

        if (words_take(&words, "COUNT")) {
            good = words_take_i64(&words, &count) && count >= 1;
        } else if (words_take(&words, "EXACT")) {
            exact = true;
        } else if (words_take(&words, "FLOOR")) {
            good = words_take_floor(&words, &floor);
        } else {
            good = false;
        }
        if (!good) count = 0;
        if (!good) break;
    }
    if (count < 1) {
        say_error(conn, "ERR syntax: SEQ.NEXT name [COUNT n [EXACT] [FLOOR line lap id]]: 1 to n "
                        "ids that follow each other, n of them with EXACT");
        return;
    }
    const int64_t most = (int64_t)conn->desk->settings.max_take; /* at most PAWL_TAKE_MAX */
    if (count > most && exact) {
        say_fail(conn, PAWL_LIMIT, "%lld ids are more than --max-take %lld", (long long)count,
                 (long long)most);
        return;
    }
    if (count > most) count = most; /* it asks for 1 to count */
    struct call *call = conn_call(conn, PAWL_ASK_NEXT, request->words[1], answer_next_count);
    if (call == NULL) return;
    call->sent.ask.count = (uint64_t)count;
    call->sent.ask.exact = exact;
    call->sent.ask.floor = floor;
    call_hurry(call);
    call_submit(call);
}

/* Leases, for clients that cache. */

static bool rate_read(struct pawl_bytes word, double *rate)
{
    char text[RATE_BYTES_MAX + 1];
    char *end = NULL;

    if (word.size == 0 || word.size > RATE_BYTES_MAX) return false;
    memcpy(text, word.at, word.size);
    text[word.size] = '\0';
    *rate = strtod(text, &end);
    return end == text + word.size && *rate >= 0 && *rate <= RATE_MAX;
}

struct lease {
    int64_t count;
    struct pawl_mark floor;
    double rate;
    int64_t holds, holds_last;
};

static bool lease_read(const struct pawl_resp_request *request, struct lease *lease)
{
    struct words words = {request, 2};

    *lease = (struct lease){.count = 0};
    if (!words_take_i64(&words, &lease->count) || lease->count < 0) return false;
    while (words_left(&words)) {
        if (words_take(&words, "FLOOR")) {
            if (!words_take_floor(&words, &lease->floor)) return false;
        } else if (words_take(&words, "RATE")) {
            if (!words_left(&words)) return false;
            if (!rate_read(request->words[words.at++], &lease->rate)) return false;
        } else if (words_take(&words, "HELD")) {
            if (!words_take_i64(&words, &lease->holds) || lease->holds < 0) return false;
            if (!words_take_i64(&words, &lease->holds_last)) return false;
        } else {
            return false;
        }
    }
    return true;
}

bool command_is_lease(const struct conn *conn, const struct pawl_resp_request *request)
{
    struct pawl_name name;
    struct lease lease;

    (void)conn;
    return word_is(request->words[0], "seq.lease") && request->word_count >= 3 &&
           lease_read(request, &lease) && pawl_name_set(&name, request->words[1], NULL) == PAWL_OK;
}

static bool answer_lease(struct conn *conn, struct call *call)
{
    const struct pawl_grant *grant = &call->sent.ask.grant;

    if (call->sent.ask.error.code == PAWL_NO_SEQUENCE) {
        say_no_sequence(conn, call->sent.ask.name, &call->sent.ask.error);
        return true;
    }
    if (call->sent.ask.error.code != PAWL_OK) {
        say_failure(conn, &call->sent.ask.error);
        return true;
    }
    bool none = grant->range.count == 0;
    say_array(conn, 8);
    say_integer(conn, none ? 0 : grant->range.first);
    say_integer(conn, none ? 0 : grant->range.increment);
    say_unsigned(conn, grant->range.count);
    say_unsigned(conn, grant->epoch);
    say_unsigned(conn, grant->line);
    say_unsigned(conn, grant->lap);
    say_unsigned(conn, grant->lease);
    say_unsigned(conn, grant->block);
    return true;
}

void run_seq_lease(struct conn *conn, const struct pawl_resp_request *request)
{
    struct lease lease;

    if (!lease_read(request, &lease)) {
        say_error(conn,
                  "ERR syntax: SEQ.LEASE name count [FLOOR line lap id] [RATE r] [HELD n last], "
                  "count and n from 0 to 9223372036854775807");
        return;
    }
    struct call *call = conn_call(conn, PAWL_ASK_TAKE, request->words[1], answer_lease);
    if (call == NULL) return;
    /* A lease is 1 to count ids, so the limit is no error here. */
    call->sent.ask.count = (uint64_t)lease.count;
    if (call->sent.ask.count > conn->desk->settings.max_take) {
        call->sent.ask.count = conn->desk->settings.max_take;
    }
    call->sent.ask.floor = lease.floor;
    call->sent.ask.rate = lease.rate;
    call->sent.ask.holds = (uint64_t)lease.holds;
    call->sent.ask.holds_last = lease.holds_last;
    call_hurry(call);
    call_submit(call);
}

void run_seq_return(struct conn *conn, const struct pawl_resp_request *request)
{
    struct words words = {request, 2};
    uint64_t lease = 0;
    int64_t first = 0;

    if (!words_take_u64(&words, &lease) || !words_take_i64(&words, &first)) {
        say_error(conn, "ERR syntax: SEQ.RETURN name lease first, both integers");
        return;
    }
    struct call *call = conn_call(conn, PAWL_ASK_RETURN, request->words[1], answer_ok);
    if (call == NULL) return;
    call->sent.ask.lease = lease;
    call->sent.ask.value = first;
    call_submit(call);
}
