/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store of records on a Redis server: one connection, on which everything travels in order and is
 * answered in order. What comes between two turns goes out together.
 *
 * A connection begins with a greeting, which ends with a look at the server's settings; nothing is
 * written before they were found fit. With replicas, each batch ends with a WAIT, its writes end
 * with that one's answer, and the next batch goes out behind it.
 */
#include "store/redis/own.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/schemes.h"
#include "store/secure.h"

static struct redis *of_driver(struct pawl_driver *driver)
{
    return PAWL_OWNER(driver, struct redis, driver);
}

/* The connection and what was sent on it. */

/* Of what was certainly not carried out. */
static void fail_ops(struct redis *redis, struct ops *list, pawl_err code, const char *text)
{
    struct ops ops = *list;
    struct pawl_op *op = NULL;

    *list = (struct ops){.first = NULL};
    while ((op = ops_pop(&ops)) != NULL) {
        pawl_op_fail(op, &redis->driver, PAWL_OP_FAILED, code, "%s", text);
    }
}

/* What was sent may have been carried out; what was not is tried again by whoever wants it. */
static void end_all(struct redis *redis, pawl_err code, const char *text)
{
    struct pawl_op *op = NULL;

    while ((op = ops_pop(&redis->settling)) != NULL) {
        pawl_op_fail(op, &redis->driver, PAWL_OP_UNKNOWN, code, "%s before replicas had it", text);
    }
    for (; redis->expect_count > 0; redis->expect_count--) {
        op = redis->expects[redis->expect_first].op;
        redis->expect_first = (redis->expect_first + 1) % EXPECTS_MAX;
        if (op == NULL) continue;
        pawl_op_fail(op, &redis->driver, pawl_redis_end_of_sent(op), code,
                     "%s before the answer came", text);
    }
    fail_ops(redis, &redis->held, code, text);
    fail_ops(redis, &redis->queued, code, text);
}

/* The connection, or the attempt at one, is over: the one way there. redis->error says why. */
static void go_apart(struct redis *redis)
{
    bool worked = redis->state == STATE_OPEN && redis->failures == 0;
    char text[LOG_TEXT_BYTES];

    /* Once is news, and a failed try every two seconds is not. */
    pawl_log(redis->failures == 0 ? PAWL_LOG_WARN : PAWL_LOG_DEBUG, "store away",
             "store=\"%s\" reason=%s", redis->settings.where,
             pawl_log_quote(text, sizeof text,
                            (struct pawl_bytes){redis->error.text, strlen(redis->error.text)}));
    redis->state = STATE_APART;
    redis->input_size = redis->output_size = 0;
    redis->greet_due = redis->looking = redis->waiting = redis->doubted = false;
    redis->retry_unknown = true;
    if (redis->failures < UINT16_MAX) redis->failures++;
    if (worked) redis->failures = 1;
    end_all(redis, redis->error.code, redis->error.text);
}

static const char *hint_at_tls(const struct redis *redis)
{
    bool met = redis->seen.run_id[0] != '\0';

    return redis->link.bare && !met ? PAWL_SECURE_HINT("redis://") : "";
}

void pawl_redis_give_up(struct redis *redis, pawl_err code, const char *reason)
{
    redis->link.net->ops->close(&redis->link);
    (void)pawl_fail(&redis->error, code, "%s: %s%s", redis->settings.where, reason,
                    hint_at_tls(redis));
    go_apart(redis);
}

/* Half to the whole of a time that doubles with each failure. */
static uint64_t back_off_ns(struct redis *redis)
{
    uint64_t pause = RETRY_LEAST_NS;

    for (unsigned i = 1; i < redis->failures && pause < RETRY_MOST_NS; i++) {
        pause *= 2;
    }
    if (pause > RETRY_MOST_NS) pause = RETRY_MOST_NS;
    return pause - pawl_random(&redis->random) % (pause / 2 + 1);
}

static void link_opened(struct pawl_link *link)
{
    struct redis *redis = PAWL_OWNER(link, struct redis, link);

    PAWL_ASSERT(redis->state == STATE_DIALLING);
    redis->state = STATE_GREETS;
    redis->greet_due = true;
}

static void link_received(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct redis *redis = PAWL_OWNER(link, struct redis, link);
    const char *why = pawl_redis_received(redis, bytes);

    if (why != NULL) pawl_redis_give_up(redis, PAWL_STORE, why);
}

static void link_closed(struct pawl_link *link, const char *reason)
{
    struct redis *redis = PAWL_OWNER(link, struct redis, link);

    (void)pawl_fail(&redis->error, PAWL_STORE, "%s: %s%s", redis->settings.where, reason,
                    hint_at_tls(redis));
    go_apart(redis);
}

static const struct pawl_link_events link_events = {
    .opened = link_opened,
    .received = link_received,
    .closed = link_closed,
};

/* Turns. */

static void send_queued(struct redis *redis)
{
    bool wrote = false;

    if (redis->waiting || redis->meta_state != META_KNOWN) return;
    while (redis->queued.first != NULL && pawl_redis_has_room(redis)) {
        struct pawl_op *op = ops_pop(&redis->queued);

        if (op->kind == PAWL_OP_REDRAW) {
            pawl_redis_meta_redraw(redis, op);
            break;
        }
        wrote = wrote || pawl_redis_writes(op);
        pawl_redis_send_op(redis, op);
    }
    if (wrote && redis->settings.replicas > 0) pawl_redis_send_wait(redis);
}

/* An unfit server is checked, and not used. */
static void refuse_queued(struct redis *redis)
{
    struct ops queued = redis->queued;
    struct pawl_op *op = NULL;

    fail_ops(redis, &redis->held, redis->error.code, redis->error.text);
    redis->queued = (struct ops){.first = NULL};
    while ((op = ops_pop(&queued)) != NULL) {
        if (op->kind == PAWL_OP_CHECK && pawl_redis_has_room(redis)) {
            pawl_redis_send_op(redis, op);
        } else {
            pawl_op_fail(op, &redis->driver, PAWL_OP_FAILED, redis->error.code, "%s",
                         redis->error.text);
        }
    }
}

static void dial(struct redis *redis)
{
    redis->state = STATE_DIALLING;
    redis->meta_state = META_UNSEEN;
    redis->dialled_ns = redis->now_ns;
    redis->link.net->ops->dial(&redis->link, redis->settings.host, redis->settings.port);
}

static void turn_open(struct redis *redis)
{
    uint64_t age_ns = redis->now_ns - redis->looked_ns;

    if (redis->queued.first == NULL && redis->held.first == NULL) return;
    if (redis->error.code != PAWL_OK) {
        if (age_ns < UNFIT_NS || redis->expect_count > 0) {
            refuse_queued(redis);
            return;
        }
        /* Anew from its name on: another server may have that by now. */
        redis->link.net->ops->close(&redis->link);
        redis->input_size = redis->output_size = 0;
        dial(redis);
        return;
    }
    if (!redis->looking && pawl_redis_has_room(redis) && (redis->doubted || age_ns >= LOOK_NS)) {
        pawl_redis_send_look(redis);
    }
    if (redis->meta_state == META_UNSEEN && pawl_redis_has_room(redis)) {
        pawl_redis_send_meta(redis, NULL, NULL);
    }
    if (!redis->doubted) send_queued(redis);
}

/* When the present exchange or attempt must have ended. */
static uint64_t deadline_ns(const struct redis *redis)
{
    if (redis->state == STATE_DIALLING) return redis->dialled_ns + CONNECT_NS;
    if (redis->expect_count == 0) return PAWL_NEVER;
    return redis->expects[redis->expect_first].sent_ns + ANSWER_NS;
}

static void catch_up(struct redis *redis)
{
    if (!redis->retry_unknown) return;
    redis->retry_unknown = false;
    redis->retry_ns = redis->now_ns + back_off_ns(redis);
}

static void turn_apart(struct redis *redis)
{
    if (redis->queued.first == NULL) return;
    if (redis->now_ns >= redis->retry_ns) {
        dial(redis);
    } else {
        fail_ops(redis, &redis->queued, redis->error.code, redis->error.text);
    }
}

static uint64_t redis_turn(struct pawl_driver *driver, uint64_t now_ns)
{
    struct redis *redis = of_driver(driver);

    redis->now_ns = now_ns;
    if (redis->state != STATE_APART && now_ns >= deadline_ns(redis)) {
        pawl_redis_give_up(redis, PAWL_STORE,
                           redis->state != STATE_DIALLING ? "no answer within 2.5 s"
                                                          : "no connection within 1 s");
    }
    catch_up(redis);
    switch (redis->state) {
    case STATE_APART:
        turn_apart(redis);
        break;
    case STATE_DIALLING:
        break;
    case STATE_GREETS:
        if (redis->greet_due) pawl_redis_send_greeting(redis);
        break;
    case STATE_OPEN:
        turn_open(redis);
        break;
    }
    if (redis->state == STATE_GREETS || redis->state == STATE_OPEN) pawl_redis_flush(redis);
    return redis->state == STATE_APART ? PAWL_NEVER : deadline_ns(redis);
}

static void redis_begin(struct pawl_driver *driver, struct pawl_op *op)
{
    struct redis *redis = of_driver(driver);

    op->driver_data = NULL;
    if (op->kind == PAWL_OP_CHECK) { /* one at a time: who checks has a store of his own */
        op->count = 0;
        redis->census = (struct pawl_redis_census){.names = 0};
    }
    ops_add(&redis->queued, op);
}

static void redis_close(struct pawl_driver *driver)
{
    struct redis *redis = of_driver(driver);

    if (redis->state != STATE_APART) redis->link.net->ops->close(&redis->link);
    end_all(redis, PAWL_CLOSED, "the store was closed");
    pawl_tls_free(redis->tls);
    free(redis->input);
    free(redis);
}

/* The net, which closes its own descriptors, is not the driver's. */
static void redis_forked(struct pawl_driver *driver)
{
    (void)driver;
}

static const struct pawl_driver_ops redis_ops = {
    .scheme = "redis",
    .advances = true,
    .redraws = true,
    .in_order = true,
    .begin = redis_begin,
    .turn = redis_turn,
    .close = redis_close,
    .forked = redis_forked,
};

static pawl_err redis_set(struct redis *redis, const char *url_text,
                          const struct pawl_store_options *options, pawl_error *error)
{
    struct pawl_url *url = calloc(1, sizeof *url);

    if (url == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a store");
    pawl_err err = pawl_redis_settings_read(&redis->settings, url, url_text, error);

    if (err == PAWL_OK && redis->settings.tls) {
        err = pawl_secure_new(url, options->net, &redis->tls, error);
    }
    free(url);
    return err;
}

pawl_err pawl_redis_open(const char *url, const struct pawl_store_options *options,
                         struct pawl_source **store, pawl_error *error)
{
    PAWL_ASSERT(options->net != NULL);
    struct redis *redis = calloc(1, sizeof *redis);

    if (redis == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a store");
    pawl_err err = redis_set(redis, url, options, error);

    if (err != PAWL_OK) {
        free(redis);
        return err;
    }
    redis->driver.ops = &redis_ops;
    redis->random = options->seed;
    redis->looks_only = options->looks_only;
    redis->number = pawl_random(&redis->random);
    redis->link = (struct pawl_link){
        .net = redis->tls != NULL ? pawl_tls_net(redis->tls) : options->net,
        .events = &link_events,
    };
    if (redis->settings.forgets) {
        pawl_log(PAWL_LOG_WARN, "store may forget", "store=\"%s\" why=durability=none",
                 redis->settings.where);
    }
    return pawl_records_new(&redis->driver, options, store, error);
}
