/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: signed with the keys at hand, and sent again where that cannot do anything twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/dynamodb/dynamodb_own.h"

enum {
    TARGET_BYTES_MAX = 64,
    WHAT_BYTES_MAX = 256,
    RETRY_COST = 5,
    PAUSE_DOUBLINGS_MAX = 5,
};

#define PAUSE_LEAST_NS (50 * PAWL_NS_PER_MS)
#define PAUSE_MOST_NS  PAWL_NS_PER_S

static void call_send(struct pawl_dynamodb_call *call);

static void call_free(struct pawl_dynamodb_call *call)
{
    json_decref(call->verdict.json);
    free(call->body);
    free(call);
}

static void call_end(struct pawl_dynamodb_call *call)
{
    call->done(call);
    call_free(call);
}

/* Nothing ran, and it is not tried again. */
static void call_end_unsent(struct pawl_dynamodb_call *call, const pawl_error *error)
{
    call->verdict.ran = PAWL_DYNAMODB_NOT;
    call->verdict.error = *error;
    call_end(call);
}

/* Waits for its next try, with full jitter; false: there is no time for one, or too many fail. */
static bool call_delay(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;
    unsigned doublings = call->tries < PAUSE_DOUBLINGS_MAX ? call->tries : PAUSE_DOUBLINGS_MAX;
    uint64_t most_ns = PAUSE_LEAST_NS << doublings;

    if (most_ns > PAUSE_MOST_NS) most_ns = PAUSE_MOST_NS;
    uint64_t due_ns = pawl_clock_ns() + pawl_random(&store->random) % most_ns;

    if (store->closing || due_ns >= call->deadline_ns || store->budget < RETRY_COST) return false;
    store->budget -= RETRY_COST;
    json_decref(call->verdict.json);
    call->verdict.json = NULL;
    call->due_ns = due_ns;
    call->next = store->delayed;
    store->delayed = call;
    return true;
}

static bool call_renew(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;

    pawl_aws_refused(store->credentials, call->generation);
    if (call->renewed || store->closing) return false;
    call->renewed = true;
    json_decref(call->verdict.json);
    call->verdict.json = NULL;
    call_send(call);
    return true;
}

/* The call has an end that its maker can read. */
static void call_judged(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb_verdict *verdict = &call->verdict;

    switch (verdict->ran) {
    case PAWL_DYNAMODB_RAN:
        if (call->store->budget < PAWL_DYNAMODB_BUDGET) call->store->budget++;
        break;
    case PAWL_DYNAMODB_AGAIN:
        if (call_delay(call)) return;
        verdict->ran = PAWL_DYNAMODB_NOT;
        break;
    case PAWL_DYNAMODB_EXPIRED:
        if (call_renew(call)) return;
        verdict->ran = PAWL_DYNAMODB_NOT;
        break;
    case PAWL_DYNAMODB_PERHAPS:
        if (!call->reads) break;
        if (call_delay(call)) return;
        verdict->ran = PAWL_DYNAMODB_NOT;
        break;
    case PAWL_DYNAMODB_CONDITION:
    case PAWL_DYNAMODB_NOT:
        break;
    }
    call_end(call);
}

static struct pawl_dynamodb_call *queue_pop(struct pawl_dynamodb *store)
{
    struct pawl_dynamodb_call *call = store->queued;

    if (call != NULL) store->queued = call->next;
    return call;
}

static void queue_fail(struct pawl_dynamodb *store, const pawl_error *error)
{
    struct pawl_dynamodb_call *call = store->queued;

    store->queued = NULL;
    while (call != NULL) {
        struct pawl_dynamodb_call *next = call->next;

        call_end_unsent(call, error);
        call = next;
    }
}

static void exchange_done(struct pawl_http_exchange *exchange)
{
    struct pawl_dynamodb_call *call = PAWL_OWNER(exchange, struct pawl_dynamodb_call, exchange);
    struct pawl_dynamodb *store = call->store;
    int64_t now_s = pawl_clock_wall_s();
    char what[WHAT_BYTES_MAX];

    (void)snprintf(what, sizeof what, "DynamoDB, %s on table %.100s in %s", call->target,
                   store->table, store->region);
    pawl_dynamodb_judge(&call->verdict, exchange, what, now_s);
    call->skew_s = exchange->answer_date_s > 0 ? now_s - exchange->answer_date_s : 0;
    call->tries++;
    store->busy--;
    if (exchange->end == PAWL_HTTP_NOT_SENT && !store->closing) {
        pawl_error error = call->verdict.error; /* whoever waits would hear the same */

        queue_fail(store, &error);
    }
    call_judged(call);
    struct pawl_dynamodb_call *next = store->closing ? NULL : queue_pop(store);

    if (next != NULL) call_send(next);
}

/* The header with the session token, put together once for each set of keys; NULL: they have none.
 */
static const char *token_header(struct pawl_dynamodb *store, const struct pawl_aws_keys *keys)
{
    if (keys->token[0] == '\0') return NULL;
    if (store->token_generation != keys->generation) {
        (void)snprintf(store->token_header, sizeof store->token_header, "X-Amz-Security-Token: %s",
                       keys->token);
        store->token_generation = keys->generation;
    }
    return store->token_header;
}

/* Its time begins when it is sent: here it has cost the service nothing yet. */
static void call_queue(struct pawl_dynamodb_call *call, uint64_t now_ns)
{
    struct pawl_dynamodb *store = call->store;

    if (store->queued == NULL) store->queued_end = &store->queued;
    call->due_ns = now_ns + PAWL_DYNAMODB_QUEUE_MS * PAWL_NS_PER_MS;
    call->next = NULL;
    *store->queued_end = call;
    store->queued_end = &call->next;
}

static void call_send_signed(struct pawl_dynamodb_call *call, const struct pawl_aws_keys *keys)
{
    struct pawl_dynamodb *store = call->store;
    uint64_t now_ns = pawl_clock_ns();
    char target[TARGET_BYTES_MAX];

    if (store->busy >= PAWL_HTTP_CONNECTIONS_MAX) {
        call_queue(call, now_ns);
        return;
    }
    if (call->deadline_ns == 0) {
        call->deadline_ns = now_ns + PAWL_DYNAMODB_LIMIT_MS * PAWL_NS_PER_MS;
    }
    if (now_ns >= call->deadline_ns) { /* its pause, or its wait for keys, took too long */
        const pawl_error late = call->verdict.error;

        call_end_unsent(call, &late);
        return;
    }
    uint64_t left_ns = call->deadline_ns - now_ns;

    (void)snprintf(target, sizeof target, "X-Amz-Target: DynamoDB_20120810.%s", call->target);
    call->generation = keys->generation;
    call->exchange = (struct pawl_http_exchange){
        .method = "POST",
        .url = store->endpoint,
        .headers = {"Content-Type: application/x-amz-json-1.0", target, token_header(store, keys)},
        .body = {call->body, strlen(call->body)},
        .timeout_ms = left_ns / PAWL_NS_PER_MS + 1,
        .resend = call->reads,
        .sign_service = "dynamodb",
        .sign_region = store->region,
        .sign_key_id = keys->id,
        .sign_secret = keys->secret,
        .done = exchange_done,
    };
    store->busy++;
    pawl_http_send(store->http, &call->exchange);
}

static void keys_came(struct pawl_aws_wait *wait)
{
    struct pawl_dynamodb_call *call = PAWL_OWNER(wait, struct pawl_dynamodb_call, keys_wait);
    struct pawl_dynamodb *store = call->store;
    pawl_error error = wait->error;

    if (error.code == PAWL_OK && store->closing) {
        (void)pawl_fail(&error, PAWL_CLOSED, "the store is being closed");
    }
    const struct pawl_aws_keys *keys =
        error.code == PAWL_OK ? pawl_aws_keys(store->credentials) : NULL;

    if (error.code == PAWL_OK && keys == NULL) {
        (void)pawl_fail(&error, PAWL_DENIED, "the AWS credentials that were got have run out");
    }
    if (keys != NULL) {
        call_send_signed(call, keys);
    } else {
        call_end_unsent(call, &error);
    }
}

static void call_send(struct pawl_dynamodb_call *call)
{
    pawl_error closed;

    if (call->store->closing) {
        (void)pawl_fail(&closed, PAWL_CLOSED, "the store is being closed");
        call_end_unsent(call, &closed);
        return;
    }
    const struct pawl_aws_keys *keys = pawl_aws_keys(call->store->credentials);

    if (keys != NULL) {
        call_send_signed(call, keys);
        return;
    }
    call->keys_wait = (struct pawl_aws_wait){.done = keys_came};
    pawl_aws_fetch(call->store->credentials, &call->keys_wait);
}

void pawl_dynamodb_call(struct pawl_dynamodb *store, const struct pawl_dynamodb_call *like,
                        char *body)
{
    struct pawl_dynamodb_call *call = calloc(1, sizeof *call);

    if (call == NULL || body == NULL) {
        struct pawl_dynamodb_call failed = *like;

        free(call);
        free(body);
        failed.store = store;
        failed.verdict = (struct pawl_dynamodb_verdict){.ran = PAWL_DYNAMODB_NOT};
        (void)pawl_fail(&failed.verdict.error, PAWL_NO_MEMORY, "no memory to ask DynamoDB");
        failed.done(&failed);
        return;
    }
    *call = *like;
    call->store = store;
    call->body = body;
    call_send(call);
}

static uint64_t delayed_turn(struct pawl_dynamodb *store, uint64_t now_ns)
{
    struct pawl_dynamodb_call *call = store->delayed;
    uint64_t next_ns = PAWL_NEVER;

    store->delayed = NULL;
    while (call != NULL) {
        struct pawl_dynamodb_call *next = call->next;

        if (call->due_ns <= now_ns) {
            call_send(call);
        } else {
            call->next = store->delayed;
            store->delayed = call;
            if (call->due_ns < next_ns) next_ns = call->due_ns;
        }
        call = next;
    }
    return next_ns;
}

uint64_t pawl_dynamodb_calls_turn(struct pawl_dynamodb *store, uint64_t now_ns)
{
    uint64_t next_ns = delayed_turn(store, now_ns);
    pawl_error error;

    (void)pawl_fail(&error, PAWL_STORE,
                    "DynamoDB does not answer fast enough: %d requests are "
                    "under way, and this one found no place among them",
                    PAWL_HTTP_CONNECTIONS_MAX);
    while (store->queued != NULL && store->queued->due_ns <= now_ns) {
        call_end_unsent(queue_pop(store), &error);
    }
    /* Those that were to call them up may have ended for want of keys. */
    while (store->queued != NULL && store->busy < PAWL_HTTP_CONNECTIONS_MAX) {
        call_send(queue_pop(store));
    }
    if (store->queued != NULL && store->queued->due_ns < next_ns) next_ns = store->queued->due_ns;
    return next_ns;
}

void pawl_dynamodb_calls_close(struct pawl_dynamodb *store)
{
    pawl_error error;

    (void)pawl_fail(&error, PAWL_CLOSED, "the store is being closed");
    queue_fail(store, &error);
    while (store->delayed != NULL) {
        struct pawl_dynamodb_call *call = store->delayed;

        store->delayed = call->next;
        call_end_unsent(call, &error);
    }
}
