/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store of records on a Redis server: one connection, on which everything travels in order and is
 * answered in order. What comes between two turns goes out together.
 *
 * A connection begins with a greeting, which ends with a look at the server's settings; nothing is
 * written before they were found fit. With replicas, each batch ends with a WAIT, its writes end
 * with that one's answer, and the next batch goes out behind it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/link.h"
#include "store/redis/answer.h"
#include "store/redis/report.h"
#include "store/schemes.h"
#include "store/secure.h"

enum {
    EXPECTS_MAX = 1024, /* replies that are waited for */
    OUTPUT_BYTES = 64 * 1024,
    INPUT_BYTES_MIN = 16 * 1024,
    INPUT_BYTES_MAX = 4 * 1024 * 1024,
    REASON_BYTES = 400,
    LOG_TEXT_BYTES = 600,
    WAIT_MS = 1000, /* for replicas */
};

_Static_assert((int)OUTPUT_BYTES >= (int)PAWL_REDIS_REQUEST_BYTES_MAX, "a request fits the output");

#define CONNECT_NS     PAWL_NS_PER_S
#define ANSWER_NS      (2500 * PAWL_NS_PER_MS)
#define LOOK_NS        (30 * PAWL_NS_PER_S) /* a look is good for */
#define UNFIT_NS       PAWL_NS_PER_S        /* an unfit server is not asked again for */
#define RETRY_LEAST_NS (20 * PAWL_NS_PER_MS)
#define RETRY_MOST_NS  (2 * PAWL_NS_PER_S)

enum state {
    STATE_APART,
    STATE_DIALLING,
    STATE_GREETS, /* open; the first look is not over */
    STATE_OPEN,   /* looked at: error says whether it is fit */
};

/* What the next reply is about. */
enum expected {
    EXPECT_OP,
    EXPECT_LOGIN,  /* AUTH, SELECT, WAIT 0: an error ends the connection */
    EXPECT_NAME,   /* CLIENT SETNAME: whatever it is */
    EXPECT_CONFIG, /* one of the look's */
    EXPECT_INFO,   /* the last of a look */
    EXPECT_FLUSH,  /* ACL DRYRUN, for CHECK */
    EXPECT_WAIT,
};

struct expect {
    enum expected what;
    struct pawl_op *op;
    uint64_t sent_ns;
};

struct ops {
    struct pawl_op *first;
    struct pawl_op **end;
};

struct redis {
    struct pawl_driver driver;
    struct pawl_redis_settings settings;
    struct pawl_tls *tls; /* NULL: plain */
    struct pawl_link link;
    enum state state;
    uint64_t now_ns; /* of the present or the last turn */
    uint64_t random;
    uint64_t dialled_ns, looked_ns, retry_ns;
    bool retry_unknown; /* it failed outside a turn: the next one sets retry_ns */
    bool greet_due;     /* it opened outside a turn */
    bool looking;
    bool doubted;      /* look before anything else is sent */
    bool waiting;      /* a WAIT is under way */
    unsigned failures; /* in a row */
    pawl_error error;  /* APART: the last failure; OPEN: why it is unfit, or PAWL_OK */
    struct pawl_redis_facts facts, seen; /* of the look under way; of the last one */
    char flush[128];                     /* what ACL DRYRUN said last */
    struct ops queued;                   /* not sent */
    struct ops settling;                 /* written, their WAIT is not answered */
    struct expect expects[EXPECTS_MAX];
    size_t expect_first, expect_count;
    char *input;
    size_t input_size, input_room;
    size_t output_size;
    char output[OUTPUT_BYTES];
    struct pawl_resp_value values[PAWL_REDIS_VALUES_MAX];
};

static struct redis *of_driver(struct pawl_driver *driver)
{
    return PAWL_OWNER(driver, struct redis, driver);
}

static void ops_add(struct ops *ops, struct pawl_op *op)
{
    if (ops->first == NULL) ops->end = &ops->first;
    op->next = NULL;
    *ops->end = op;
    ops->end = &op->next;
}

static struct pawl_op *ops_pop(struct ops *ops)
{
    struct pawl_op *op = ops->first;

    if (op != NULL) ops->first = op->next;
    return op;
}

static bool writes(const struct pawl_op *op)
{
    return op->kind == PAWL_OP_WRITE || op->kind == PAWL_OP_ADVANCE;
}

/* What the op wanted written is there, whether just now or before. */
static bool stands(const struct pawl_op *op)
{
    if (!writes(op)) return false;
    if (op->end == PAWL_OP_DONE) return true;
    return op->end == PAWL_OP_REFUSED && op->found.tag == op->record.tag;
}

/* The connection and what was sent on it. */

static void flush_output(struct redis *redis)
{
    if (redis->output_size == 0) return;
    redis->link.net->ops->send(&redis->link,
                               (struct pawl_bytes){redis->output, redis->output_size});
    redis->output_size = 0;
}

/* Where the next request is written to, with room for any. */
static char *output_front(struct redis *redis)
{
    if (OUTPUT_BYTES - redis->output_size < PAWL_REDIS_REQUEST_BYTES_MAX) flush_output(redis);
    return redis->output + redis->output_size;
}

static void sent(struct redis *redis, size_t size, enum expected what, struct pawl_op *op)
{
    size_t at = (redis->expect_first + redis->expect_count++) % EXPECTS_MAX;

    PAWL_ASSERT(redis->expect_count <= EXPECTS_MAX);
    redis->output_size += size;
    redis->expects[at] = (struct expect){what, op, redis->now_ns};
}

static void send_words(struct redis *redis, enum expected what,
                       const char *const words[PAWL_REDIS_WORDS_MAX])
{
    sent(redis, pawl_redis_write_words(words, output_front(redis)), what, NULL);
}

static void fail_queued(struct redis *redis, pawl_err code, const char *text)
{
    struct ops queued = redis->queued;
    struct pawl_op *op = NULL;

    redis->queued = (struct ops){.first = NULL};
    while ((op = ops_pop(&queued)) != NULL) {
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
    fail_queued(redis, code, text);
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

static void give_up(struct redis *redis, pawl_err code, const char *reason)
{
    redis->link.net->ops->close(&redis->link);
    (void)pawl_fail(&redis->error, code, "%s: %s", redis->settings.where, reason);
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

/* Looking at the server. */

static void send_look(struct redis *redis)
{
    static const char *const names[] = {
#define PAWL_REDIS_NAME(member, name) name,
        PAWL_REDIS_CONFIG_MAP(PAWL_REDIS_NAME)
#undef PAWL_REDIS_NAME
    };

    redis->facts = (struct pawl_redis_facts){.replicas = 0};
    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        send_words(redis, EXPECT_CONFIG, PAWL_REDIS_WORDS("CONFIG", "GET", names[i]));
    }
    send_words(redis, EXPECT_INFO, PAWL_REDIS_WORDS("INFO"));
    redis->looking = true;
    redis->looked_ns = redis->now_ns;
}

static void send_greeting(struct redis *redis)
{
    const struct pawl_redis_settings *settings = &redis->settings;
    char number[24];

    redis->greet_due = false;
    if (settings->user[0] != '\0') {
        send_words(redis, EXPECT_LOGIN,
                   PAWL_REDIS_WORDS("AUTH", settings->user, settings->password));
    } else if (settings->password[0] != '\0') {
        send_words(redis, EXPECT_LOGIN, PAWL_REDIS_WORDS("AUTH", settings->password));
    }
    if (settings->database != 0) {
        (void)snprintf(number, sizeof number, "%" PRIu64, settings->database);
        send_words(redis, EXPECT_LOGIN, PAWL_REDIS_WORDS("SELECT", number));
    }
    if (settings->replicas > 0) { /* returns at once, or says that it is not allowed */
        send_words(redis, EXPECT_LOGIN, PAWL_REDIS_WORDS("WAIT", "0", "1"));
    }
    send_words(redis, EXPECT_NAME, PAWL_REDIS_WORDS("CLIENT", "SETNAME", "pawl"));
    send_look(redis);
}

static void looked(struct redis *redis)
{
    bool first = redis->state == STATE_GREETS;
    pawl_err before = redis->error.code;

    redis->looking = redis->doubted = false;
    pawl_redis_facts_compare(&redis->seen, &redis->facts, &redis->settings);
    redis->seen = redis->facts;
    redis->error = (pawl_error){.code = PAWL_OK};
    (void)pawl_redis_facts_judge(&redis->seen, &redis->settings, &redis->error);
    redis->state = STATE_OPEN;
    redis->failures = 0;
    if (redis->error.code != PAWL_OK) {
        if (first || before == PAWL_OK) {
            pawl_log(PAWL_LOG_WARN, "store unfit", "store=\"%s\" reason=\"%s\"",
                     redis->settings.where, redis->error.text);
        }
    } else if (first) {
        pawl_log(PAWL_LOG_INFO, "store connected", "store=\"%s\" version=%s run_id=%s",
                 redis->settings.where, redis->seen.version, redis->seen.run_id);
    }
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
    give_up(redis, trouble->word[0] == '\0' ? PAWL_DENIED : trouble->code, text);
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

static void check_answered(struct redis *redis, struct pawl_op *op,
                           const struct pawl_resp_reply *reply)
{
    const struct pawl_redis_report report = {
        .facts = &redis->seen,
        .settings = &redis->settings,
        .flush = redis->flush,
        .names = reply,
    };

    pawl_redis_report(op->check, &report);
}

static const char *op_answered(struct redis *redis, struct pawl_op *op,
                               const struct pawl_resp_reply *reply)
{
    const struct pawl_resp_value *first = &reply->values[0];

    switch (pawl_redis_answer(op, &redis->settings, reply)) {
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
    if (op->kind == PAWL_OP_CHECK && op->end == PAWL_OP_DONE) check_answered(redis, op, reply);
    if (stands(op) && redis->settings.replicas > 0) {
        ops_add(&redis->settling, op);
        return NULL;
    }
    if (first->type == PAWL_RESP_ERROR && pawl_redis_trouble_find(first->text)->doubt) {
        redis->doubted = true;
    }
    pawl_op_end(op, &redis->driver);
    return NULL;
}

static const char *answered(struct redis *redis, struct expect expect,
                            const struct pawl_resp_reply *reply)
{
    switch (expect.what) {
    case EXPECT_OP:
        return op_answered(redis, expect.op, reply);
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

/* Takes whole replies off the input. Returns why the connection must end, or NULL. */
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
    const char *why =
        keep_input(redis, bytes) ? read_replies(redis) : "no memory for what it answers";

    if (why != NULL) give_up(redis, PAWL_STORE, why);
}

static void link_closed(struct pawl_link *link, const char *reason)
{
    struct redis *redis = PAWL_OWNER(link, struct redis, link);

    (void)pawl_fail(&redis->error, PAWL_STORE, "%s: %s", redis->settings.where, reason);
    go_apart(redis);
}

static const struct pawl_link_events link_events = {
    .opened = link_opened,
    .received = link_received,
    .closed = link_closed,
};

/* Turns. */

static void send_check(struct redis *redis)
{
    const char *user = redis->settings.user[0] == '\0' ? "default" : redis->settings.user;

    redis->flush[0] = '\0';
    sent(redis,
         pawl_redis_write_words(PAWL_REDIS_WORDS("ACL", "DRYRUN", user, "FLUSHALL"),
                                output_front(redis)),
         EXPECT_FLUSH, NULL);
    if (!redis->looking) send_look(redis);
}

/* A look and a check besides fit into the pipeline. */
static bool has_room(const struct redis *redis)
{
    return redis->expect_count + 16 < EXPECTS_MAX;
}

static void send_op(struct redis *redis, struct pawl_op *op)
{
    if (op->kind == PAWL_OP_CHECK) send_check(redis);
    size_t size =
        pawl_redis_write_op(op, &redis->settings, op->driver_data != NULL, output_front(redis));

    sent(redis, size, EXPECT_OP, op);
}

static void send_queued(struct redis *redis)
{
    bool wrote = false;

    if (redis->waiting) return;
    while (redis->queued.first != NULL && has_room(redis)) {
        struct pawl_op *op = ops_pop(&redis->queued);

        wrote = wrote || writes(op);
        send_op(redis, op);
    }
    if (wrote && redis->settings.replicas > 0) {
        char count[24], limit[24];

        (void)snprintf(count, sizeof count, "%" PRIu64, redis->settings.replicas);
        (void)snprintf(limit, sizeof limit, "%d", WAIT_MS);
        send_words(redis, EXPECT_WAIT, PAWL_REDIS_WORDS("WAIT", count, limit));
        redis->waiting = true;
    }
}

/* An unfit server is checked, and not used. */
static void refuse_queued(struct redis *redis)
{
    struct ops queued = redis->queued;
    struct pawl_op *op = NULL;

    redis->queued = (struct ops){.first = NULL};
    while ((op = ops_pop(&queued)) != NULL) {
        if (op->kind == PAWL_OP_CHECK && has_room(redis)) {
            send_op(redis, op);
        } else {
            pawl_op_fail(op, &redis->driver, PAWL_OP_FAILED, redis->error.code, "%s",
                         redis->error.text);
        }
    }
}

static void dial(struct redis *redis)
{
    redis->state = STATE_DIALLING;
    redis->dialled_ns = redis->now_ns;
    redis->link.net->ops->dial(&redis->link, redis->settings.host, redis->settings.port);
}

static void turn_open(struct redis *redis)
{
    uint64_t age_ns = redis->now_ns - redis->looked_ns;

    if (redis->queued.first == NULL) return;
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
    if (!redis->looking && has_room(redis) && (redis->doubted || age_ns >= LOOK_NS)) {
        send_look(redis);
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
        fail_queued(redis, redis->error.code, redis->error.text);
    }
}

static uint64_t redis_turn(struct pawl_driver *driver, uint64_t now_ns)
{
    struct redis *redis = of_driver(driver);

    redis->now_ns = now_ns;
    if (redis->state != STATE_APART && now_ns >= deadline_ns(redis)) {
        give_up(redis, PAWL_STORE,
                redis->state == STATE_DIALLING ? "no connection within 1 s"
                                               : "no answer within 2.5 s");
    }
    catch_up(redis);
    switch (redis->state) {
    case STATE_APART:
        turn_apart(redis);
        break;
    case STATE_DIALLING:
        break;
    case STATE_GREETS:
        if (redis->greet_due) send_greeting(redis);
        break;
    case STATE_OPEN:
        turn_open(redis);
        break;
    }
    if (redis->state == STATE_GREETS || redis->state == STATE_OPEN) flush_output(redis);
    return redis->state == STATE_APART ? PAWL_NEVER : deadline_ns(redis);
}

static void redis_begin(struct pawl_driver *driver, struct pawl_op *op)
{
    op->driver_data = NULL;
    ops_add(&of_driver(driver)->queued, op);
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
