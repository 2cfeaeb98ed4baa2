/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences: opening, the hot path, and what happens when nothing is at hand. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/call.h"

static _Atomic(struct pawl_seq *) *bucket_of(pawl_client *client, const struct pawl_name *name)
{
    return &client->seqs[pawl_bytes_hash(pawl_name_bytes(name), 0) % PAWL_SEQ_BUCKETS];
}

static struct pawl_seq *find(pawl_client *client, const struct pawl_name *name)
{
    /* Pairs with the release in add: whoever sees a seq sees it whole. */
    struct pawl_seq *seq = atomic_load_explicit(bucket_of(client, name), memory_order_acquire);

    while (seq != NULL && !pawl_bytes_equal(pawl_name_bytes(&seq->name), pawl_name_bytes(name))) {
        seq = seq->next;
    }
    return seq;
}

void pawl_seq_install(struct pawl_seq *seq, struct pawl_body *body, struct pawl_holding *holding)
{
    atomic_store_explicit(&seq->holding, holding, memory_order_relaxed);
    atomic_store_explicit(&seq->stock, holding->stock, memory_order_release);
    /* Pairs with the acquire in pawl_seq_revive: then holding and stock are that body's. */
    atomic_store_explicit(&seq->body, body, memory_order_release);
}

/* Adds a seq that was just opened, unless another thread was faster. NULL: no memory. */
static struct pawl_seq *add(struct pawl_call *call)
{
    pawl_client *client = call->client;
    _Atomic(struct pawl_seq *) *bucket = bucket_of(client, &call->name);

    (void)pthread_mutex_lock(&call->body->vault->door);
    struct pawl_seq *seq = find(client, &call->name);
    if (seq == NULL) {
        seq = calloc(1, sizeof *seq);
        if (seq != NULL) {
            seq->client = client;
            seq->name = call->name;
            seq->next = atomic_load_explicit(bucket, memory_order_relaxed);
            pawl_seq_install(seq, call->body, call->ask.holding);
            atomic_store_explicit(bucket, seq, memory_order_release);
            call->ask.holding = NULL;
        }
    }
    (void)pthread_mutex_unlock(&call->body->vault->door);
    if (call->ask.holding != NULL) pawl_holding_release(call->ask.holding);
    return seq;
}

/* Asks the keeper for the holding of a seq that has none of this body's. */
static pawl_err open_anew(struct pawl_seq *seq, uint64_t deadline_ns)
{
    pawl_error error = {.code = PAWL_OK};
    struct pawl_call *call = pawl_call_new(seq->client, PAWL_ASK_OPEN, &seq->name, &error);

    if (call == NULL) return error.code;
    if (deadline_ns == 0) {
        struct pawl_body *before = atomic_load_explicit(&seq->opening, memory_order_acquire);

        /* One that nobody waits for is enough. What the parent had begun is not ours. */
        if (before == call->body ||
            !atomic_compare_exchange_strong_explicit(&seq->opening, &before, call->body,
                                                     memory_order_acq_rel, memory_order_relaxed)) {
            pawl_call_end(call);
            return PAWL_EMPTY;
        }
        call->seq = seq;
        pawl_call_start(call);
        return PAWL_EMPTY;
    }
    pawl_err err = pawl_call_run(&call, deadline_ns, NULL);
    if (err == PAWL_OK) {
        (void)pthread_mutex_lock(&call->body->vault->door);
        bool late = atomic_load_explicit(&seq->body, memory_order_relaxed) == call->body;
        if (!late) pawl_seq_install(seq, call->body, call->ask.holding);
        (void)pthread_mutex_unlock(&call->body->vault->door);
        if (late) pawl_holding_release(call->ask.holding);
    }
    pawl_call_end(call);
    return err;
}

pawl_err pawl_seq_revive(struct pawl_seq *seq, uint64_t deadline_ns)
{
    struct pawl_body *body = NULL;
    pawl_err err = pawl_client_body(seq->client, &body, NULL);

    if (err != PAWL_OK) return err;
    if (atomic_load_explicit(&seq->body, memory_order_acquire) == body) return PAWL_OK;
    return open_anew(seq, deadline_ns);
}

pawl_err pawl_seq_open(pawl_client *client, const char *name, pawl_seq **seq, pawl_error *error)
{
    struct pawl_name named;
    uint64_t deadline_ns = pawl_deadline_ns(client->options.timeout_ns);
    pawl_error why = {.code = PAWL_OK};

    if (name == NULL) return pawl_fail(error, PAWL_BAD_REQUEST, "a sequence needs a name");
    pawl_err err = pawl_name_set(&named, (struct pawl_bytes){name, strlen(name)}, error);
    if (err != PAWL_OK) return err;
    struct pawl_seq *known = find(client, &named);
    struct pawl_body *body = NULL;
    if (known != NULL) {
        err = pawl_client_body(client, &body, error);
        if (err != PAWL_OK) return err;
        if (atomic_load_explicit(&known->body, memory_order_acquire) == body) {
            *seq = known;
            return PAWL_OK;
        }
    }
    struct pawl_call *call = pawl_call_new(client, PAWL_ASK_OPEN, &named, &why);
    if (call == NULL) return pawl_fail(error, why.code, "%s", why.text);
    err = pawl_call_run(&call, deadline_ns, error);
    if (err == PAWL_OK) {
        known = add(call);
        if (known == NULL) err = pawl_fail(error, PAWL_NO_MEMORY, "no memory for a sequence");
    }
    pawl_call_end(call);
    if (err == PAWL_OK) *seq = known;
    return err;
}

/* Ids that no stock may hold, or more than it gives at once: from the keeper, by an ask. */
static pawl_err ask_next(struct pawl_seq *seq, uint64_t count, uint64_t deadline_ns, pawl_ids *ids)
{
    pawl_error error = {.code = PAWL_OK};
    struct pawl_call *call = pawl_call_new(seq->client, PAWL_ASK_NEXT, &seq->name, &error);

    if (call == NULL) return error.code;
    call->ask.count = count;
    pawl_err err = pawl_call_run(&call, deadline_ns, NULL);
    if (err == PAWL_OK) {
        const struct pawl_range *range = &call->ask.grant.range;

        *ids = (pawl_ids){range->first, range->increment, range->count};
    }
    pawl_call_end(call);
    return err;
}

static bool is_final(pawl_err err)
{
    pawl_advice advice = pawl_err_advice(err);

    return advice == PAWL_ADVICE_FIX || advice == PAWL_ADVICE_STOP;
}

/* Takes from stock, waiting for what the keeper publishes. PAWL_GLOBAL: the stock is not the way.
 */
static pawl_err wait_for_stock(struct pawl_seq *seq, uint64_t count, uint64_t deadline_ns,
                               pawl_ids *ids)
{
    for (;;) {
        struct pawl_stock *stock = atomic_load_explicit(&seq->stock, memory_order_acquire);
        struct pawl_holding *holding = atomic_load_explicit(&seq->holding, memory_order_relaxed);
        uint32_t seen = atomic_load_explicit(&stock->signal, memory_order_acquire);

        if (atomic_load_explicit(&holding->global, memory_order_acquire)) return PAWL_GLOBAL;
        if (pawl_stock_take(stock, count, ids)) return PAWL_OK;
        uint64_t now_ns = pawl_clock_ns();
        if (now_ns >= deadline_ns) return PAWL_TIMEOUT;
        pawl_err posted = pawl_stock_wait(stock, seen, deadline_ns - now_ns);
        if (atomic_load_explicit(&stock->signal, memory_order_acquire) == seen) continue;
        if (pawl_stock_take(stock, count, ids)) return PAWL_OK;
        if (is_final(posted)) return posted;
    }
}

static pawl_err take_slow(struct pawl_seq *seq, uint64_t count, uint64_t timeout_ns, pawl_ids *ids)
{
    uint64_t deadline_ns = pawl_deadline_ns(timeout_ns);
    pawl_err err = pawl_seq_revive(seq, deadline_ns);

    if (err != PAWL_OK) return err;
    if (count <= PAWL_STOCK_TAKE_MAX) err = wait_for_stock(seq, count, deadline_ns, ids);
    if (count > PAWL_STOCK_TAKE_MAX || err == PAWL_GLOBAL) {
        err = ask_next(seq, count, deadline_ns, ids);
    }
    return err;
}

static pawl_err __attribute__((cold, noinline))
next_slow(struct pawl_seq *seq, uint64_t timeout_ns, int64_t *id)
{
    pawl_ids ids;
    pawl_err err = take_slow(seq, 1, timeout_ns, &ids);

    if (err == PAWL_OK) *id = ids.first;
    return err;
}

/* Of its own, so that pawl_next ends in a jump to it and needs no frame. */
static pawl_err __attribute__((noinline)) next_missed(pawl_seq *seq, uint64_t ticket, int64_t *id)
{
    struct pawl_stock *stock = atomic_load_explicit(&seq->stock, memory_order_acquire);

    if (pawl_stock_next_slow(stock, ticket, id)) return PAWL_OK;
    return next_slow(seq, seq->client->options.timeout_ns, id);
}

pawl_err pawl_next(pawl_seq *seq, int64_t *id)
{
    struct pawl_stock *stock = atomic_load_explicit(&seq->stock, memory_order_acquire);
    uint64_t ticket;

    if (PAWL_LIKELY(pawl_stock_next_hot(stock, &ticket, id))) return PAWL_OK;
    return next_missed(seq, ticket, id);
}

pawl_err pawl_next_within(pawl_seq *seq, uint64_t timeout_ns, int64_t *id)
{
    struct pawl_stock *stock = atomic_load_explicit(&seq->stock, memory_order_acquire);

    if (PAWL_LIKELY(pawl_stock_next(stock, id))) return PAWL_OK;
    return next_slow(seq, timeout_ns, id);
}

static pawl_err __attribute__((cold, noinline)) try_slow(struct pawl_seq *seq, int64_t *id)
{
    pawl_err err = pawl_seq_revive(seq, 0);
    struct pawl_holding *holding = atomic_load_explicit(&seq->holding, memory_order_relaxed);
    struct pawl_stock *stock = atomic_load_explicit(&seq->stock, memory_order_acquire);

    if (err != PAWL_OK) return err;
    if (atomic_load_explicit(&holding->global, memory_order_acquire)) return PAWL_GLOBAL;
    if (pawl_stock_next(stock, id)) return PAWL_OK;
    pawl_err posted = (pawl_err)atomic_load_explicit(&stock->posted, memory_order_acquire);
    return is_final(posted) ? posted : PAWL_EMPTY;
}

pawl_err pawl_try_next(pawl_seq *seq, int64_t *id)
{
    struct pawl_stock *stock = atomic_load_explicit(&seq->stock, memory_order_acquire);

    if (PAWL_LIKELY(pawl_stock_next(stock, id))) return PAWL_OK;
    return try_slow(seq, id);
}

pawl_err pawl_take(pawl_seq *seq, uint64_t count, uint64_t timeout_ns, pawl_ids *ids)
{
    struct pawl_stock *stock = atomic_load_explicit(&seq->stock, memory_order_acquire);

    if (count == 0) return PAWL_BAD_REQUEST;
    if (count > PAWL_TAKE_MAX) return PAWL_LIMIT;
    if (count <= PAWL_STOCK_TAKE_MAX && pawl_stock_take(stock, count, ids)) return PAWL_OK;
    return take_slow(seq, count, timeout_ns, ids);
}
