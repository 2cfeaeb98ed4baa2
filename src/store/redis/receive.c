/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/own.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { LOG_WHY_BYTES = 600 };

static void looked(struct redis *redis)
{
    bool first = redis->state == STATE_GREETS;
    pawl_err before = redis->error.code;

    redis->looking = redis->doubted = false;
    if (redis->restart.event == NULL) {
        redis->restart = pawl_redis_facts_restart(&redis->seen, &redis->facts, &redis->settings);
    }
    redis->seen = redis->facts;
    redis->error = (pawl_error){.code = PAWL_OK};
    (void)pawl_redis_facts_judge(&redis->seen, &redis->settings, &redis->error);
    redis->state = STATE_OPEN;
    redis->failures = 0;
    if (redis->error.code != PAWL_OK) {
        pawl_redis_tell_restart(redis); /* what is kept about it is not looked at */
        if (first || before == PAWL_OK) {
            char why[LOG_WHY_BYTES];

            pawl_log(
                PAWL_LOG_WARN, "store unfit", "store=\"%s\" reason=%s", redis->settings.where,
                pawl_log_quote(why, sizeof why,
                               (struct pawl_bytes){redis->error.text, strlen(redis->error.text)}));
        }
    } else if (first) {
        pawl_log(PAWL_LOG_INFO, "store connected", "store=\"%s\" version=%s run_id=%s",
                 redis->settings.where, redis->seen.version, redis->seen.run_id);
    }
    if (redis->error.code == PAWL_OK) pawl_redis_meta_looked(redis);
}

/* What the op wanted written is there, whether just now or before. */
static bool stands(const struct pawl_op *op)
{
    if (!pawl_redis_writes(op)) return false;
    if (op->end == PAWL_OP_DONE) return true;
    return op->end == PAWL_OP_REFUSED && op->found.tag == op->record.tag;
}

/* What replies mean. Each returns why the connection must end, or NULL. */

static const char *login_answered(struct redis *redis, const struct pawl_resp_value *value)
{
    if (value->type != PAWL_RESP_ERROR) return NULL;
    const struct pawl_redis_trouble *trouble = pawl_redis_trouble_find(value->text);
    char text[REASON_BYTES];
    int shown = value->text.size < 160 ? (int)value->text.size : 160;

    (void)snprintf(text, sizeof text, "%.*s (%s)", shown, value->text.at, trouble->advice);
    /* An error that is not known, in answer to a log-in, is a log-in that is refused. */
    pawl_redis_give_up(redis, trouble->word[0] == '\0' ? PAWL_DENIED : trouble->code, text);
    return NULL;
}

static const char *info_answered(struct redis *redis, const struct pawl_resp_value *value)
{
    if (value->type == PAWL_RESP_ERROR) return login_answered(redis, value);
    if (value->type != PAWL_RESP_BULK) return "its answer to INFO is no text";
    pawl_redis_facts_info(&redis->facts, value->text);
    looked(redis);
    return NULL;
}

static void flush_answered(struct redis *redis, const struct pawl_resp_value *value)
{
    int shown = value->text.size < sizeof redis->flush ? (int)value->text.size : 0;

    if (value->type == PAWL_RESP_ARRAY || value->type == PAWL_RESP_NULL) shown = 0;
    (void)snprintf(redis->flush, sizeof redis->flush, "%.*s", shown,
                   shown == 0 ? "" : value->text.at);
}

static const char *wait_answered(struct redis *redis, const struct pawl_resp_value *value)
{
    bool counts = value->type == PAWL_RESP_INTEGER;
    bool enough = counts && value->integer >= (int64_t)redis->settings.replicas;
    struct pawl_op *op = NULL;

    if (!counts && value->type != PAWL_RESP_ERROR) return "its answer to WAIT is no number";
    redis->waiting = false;
    if (!enough) redis->doubted = true;
    while ((op = ops_pop(&redis->settling)) != NULL) {
        if (enough) {
            pawl_op_end(op, &redis->driver);
            continue;
        }
        pawl_op_fail(op, &redis->driver, PAWL_OP_UNKNOWN, PAWL_STORE,
                     "%s: %" PRId64 " of %" PRIu64 " replicas have the write after %d ms",
                     redis->settings.where, counts ? value->integer : 0, redis->settings.replicas,
                     WAIT_MS);
    }
    return NULL;
}

/* An answer that cannot be meant says nothing of rights: the check itself will meet it. */
static void tries_answered(struct redis *redis, struct expect expect, struct pawl_resp_reply *reply)
{
    struct pawl_op init = {.kind = PAWL_OP_INIT};
    struct pawl_redis_head head;

    redis->tried = (pawl_error){.code = PAWL_OK};
    if (pawl_redis_bears(&init, &head, reply) &&
        (head.number == expect.number || head.number == 0) &&
        pawl_redis_answer(&init, &redis->settings, reply) == PAWL_REDIS_ENDS) {
        redis->tried = init.error;
    } else {
        (void)pawl_fail(&redis->tried, PAWL_STORE,
                        "%s: whether the user may write could not be tried", redis->settings.where);
    }
}

/* Whether it is over; else the next page is asked for. */
static bool check_answered(struct redis *redis, struct pawl_op *op,
                           const struct pawl_resp_reply *reply)
{
    const struct pawl_redis_report report = {
        .facts = &redis->seen,
        .settings = &redis->settings,
        .flush = redis->flush,
        .tried = &redis->tried,
        .census = &redis->census,
    };

    if (pawl_redis_census_add(&redis->census, reply)) {
        op->count = redis->census.names;
        ops_add(&redis->queued, op);
        return false;
    }
    pawl_redis_report(op->check, &report);
    /* Whatever ids it would keep unique, it gives none now: whoever asks must not take it for fit.
     * A setting that breaks the promise is an item's. */
    pawl_err fit = pawl_redis_facts_judge(&redis->seen, &redis->settings, &op->error);

    if (fit == PAWL_STORE || (fit != PAWL_OK && pawl_redis_facts_hidden(&redis->seen))) {
        op->end = PAWL_OP_FAILED;
    } else {
        op->error = (pawl_error){.code = PAWL_OK};
    }
    return true;
}

/* What a write would meet, names the command. */
static void check_tried(const struct redis *redis, struct pawl_op *op)
{
    if (op->kind != PAWL_OP_CHECK || redis->tried.code == PAWL_OK) return;
    if (redis->tried.code != PAWL_DENIED && op->end != PAWL_OP_DONE) return;
    op->end = PAWL_OP_FAILED;
    op->error = redis->tried;
}

/* Over, but in which branch? */
static void hold(struct redis *redis, struct pawl_op *op)
{
    if (!stands(op)) {
        ops_add(&redis->held, op);
        return;
    }
    pawl_op_fail(op, &redis->driver, PAWL_OP_UNKNOWN, PAWL_STORE,
                 "%s: it went back in time while it was written to", redis->settings.where);
}

static const char *op_answered(struct redis *redis, struct expect expect,
                               struct pawl_resp_reply *reply)
{
    struct pawl_op *op = expect.op;
    enum pawl_redis_outcome outcome = PAWL_REDIS_SENSELESS;
    struct pawl_redis_head head;

    if (pawl_redis_bears(op, &head, reply) && (head.number == expect.number || head.number == 0)) {
        outcome = pawl_redis_answer(op, &redis->settings, reply);
    }
    struct pawl_redis_refusal refusal;
    const struct pawl_redis_trouble *trouble = pawl_redis_trouble_of(op, reply, &refusal);

    switch (outcome) {
    case PAWL_REDIS_SENSELESS:
        pawl_op_fail(op, &redis->driver, pawl_redis_end_of_sent(op), PAWL_STORE,
                     "%s: its answer makes no sense; is it Redis?", redis->settings.where);
        return "its answer makes no sense";
    case PAWL_REDIS_NO_SCRIPT:
        op->driver_data = redis; /* send it whole */
        ops_add(&redis->queued, op);
        return NULL;
    case PAWL_REDIS_ENDS:
        break;
    }
    if (op->kind == PAWL_OP_CHECK && op->end == PAWL_OP_DONE && !check_answered(redis, op, reply)) {
        return NULL;
    }
    check_tried(redis, op);
    if (head.number != 0 && pawl_redis_is_of_record(op) && op->end != PAWL_OP_FAILED &&
        pawl_redis_meta_doubts(redis, &head)) {
        hold(redis, op);
        return NULL;
    }
    op->identity = pawl_redis_identity(redis);
    if (stands(op) && redis->settings.replicas > 0) {
        ops_add(&redis->settling, op);
        return NULL;
    }
    if (trouble != NULL && trouble->doubt) redis->doubted = true;
    pawl_op_end(op, &redis->driver);
    return NULL;
}

static const char *answered(struct redis *redis, struct expect expect,
                            struct pawl_resp_reply *reply)
{
    switch (expect.what) {
    case EXPECT_OP:
        return op_answered(redis, expect, reply);
    case EXPECT_LOGIN:
        return login_answered(redis, &reply->values[0]);
    case EXPECT_NAME:
        return NULL;
    case EXPECT_CONFIG:
        pawl_redis_facts_config(&redis->facts, reply);
        return NULL;
    case EXPECT_INFO:
        return info_answered(redis, &reply->values[0]);
    case EXPECT_FLUSH:
        flush_answered(redis, &reply->values[0]);
        return NULL;
    case EXPECT_TRIES:
        tries_answered(redis, expect, reply);
        return NULL;
    case EXPECT_META:
        return pawl_redis_meta_answered(redis, reply);
    case EXPECT_WAIT:
        break;
    }
    return wait_answered(redis, &reply->values[0]);
}

static bool keep_input(struct redis *redis, struct pawl_bytes bytes)
{
    size_t need = redis->input_size + bytes.size;

    if (need > redis->input_room) {
        size_t room = redis->input_room < INPUT_BYTES_MIN ? INPUT_BYTES_MIN : redis->input_room;

        while (room < need) {
            room *= 2;
        }
        char *input = room > INPUT_BYTES_MAX ? NULL : realloc(redis->input, room);
        if (input == NULL) return false;
        redis->input = input;
        redis->input_room = room;
    }
    memcpy(redis->input + redis->input_size, bytes.at, bytes.size);
    redis->input_size = need;
    return true;
}

static const char *read_replies(struct redis *redis)
{
    const char *why = NULL;
    size_t used = 0;

    while (why == NULL && used < redis->input_size) {
        struct pawl_bytes rest = {redis->input + used, redis->input_size - used};
        struct pawl_resp_reply reply = {.values = redis->values,
                                        .value_max = PAWL_REDIS_VALUES_MAX};
        ptrdiff_t took = pawl_resp_parse_reply(rest, &reply);

        if (took == 0) break;
        if (took < 0) return "what it sends is not RESP; is it Redis?";
        used += (size_t)took;
        if (redis->expect_count > 0) {
            struct expect expect = redis->expects[redis->expect_first];

            redis->expect_first = (redis->expect_first + 1) % EXPECTS_MAX;
            redis->expect_count--;
            why = answered(redis, expect, &reply);
        } else if (reply.values[0].type == PAWL_RESP_ERROR) {
            why = login_answered(redis, &reply.values[0]); /* it greets us first, with a refusal */
        } else {
            why = "it sent an answer that nobody had asked for";
        }
        if (redis->state == STATE_APART) return NULL;
    }
    redis->input_size -= used;
    if (used > 0) memmove(redis->input, redis->input + used, redis->input_size);
    return why;
}

const char *pawl_redis_received(struct redis *redis, struct pawl_bytes bytes)
{
    return keep_input(redis, bytes) ? read_replies(redis) : "no memory for what it answers";
}
