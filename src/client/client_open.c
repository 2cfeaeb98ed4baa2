/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a client, and the new life of one in a forked child. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/call.h"
#include "client/fleet.h"
#include "store/store.h"

/* Within the second that pawl_close may take; the rest is for threads to end. */
#define CLOSE_NS (900 * PAWL_NS_PER_MS)

/* How many exchanges with a server fit into a call's deadline: the second may be another's. */
enum { EXCHANGES = 2, URL_SHOWN_MAX = 300 };

/* A server without ids answers caches within 2 s. To give it up before would burn what it finds. */
#define EXCHANGE_LEAST_NS (2500 * PAWL_NS_PER_MS)

#define DAY_NS (UINT64_C(86400) * PAWL_NS_PER_S)

/* Each option, its default and what makes sense. */
static const struct {
    const char *name;
    size_t offset;
    uint64_t usual, least, most;
} option_rows[] = {
    {"timeout_ns", offsetof(pawl_options, timeout_ns), 5 * PAWL_NS_PER_S, PAWL_NS_PER_MS, DAY_NS},
    {"ride_through_ns", offsetof(pawl_options, ride_through_ns), 60 * PAWL_NS_PER_S, PAWL_NS_PER_MS,
     DAY_NS},
    {"refill_interval_ns", offsetof(pawl_options, refill_interval_ns), 30 * PAWL_NS_PER_S,
     10 * PAWL_NS_PER_MS, DAY_NS},
    {"takeover_ns", offsetof(pawl_options, takeover_ns), 0, 0, DAY_NS},
};

static pawl_err read_options(const pawl_options *given, pawl_options *options, pawl_error *error)
{
    if (given != NULL) *options = *given;
    for (size_t i = 0; i < PAWL_COUNT(option_rows); i++) {
        uint64_t *value = (uint64_t *)(void *)((char *)options + option_rows[i].offset);

        if (*value == 0) *value = option_rows[i].usual;
        if (*value >= option_rows[i].least && *value <= option_rows[i].most) continue;
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "options: %s is %llu, it must be from %llu to %llu", option_rows[i].name,
                         (unsigned long long)*value, (unsigned long long)option_rows[i].least,
                         (unsigned long long)option_rows[i].most);
    }
    return PAWL_OK;
}

uint64_t pawl_deadline_ns(uint64_t timeout_ns)
{
    uint64_t now_ns = pawl_clock_ns();

    /* Well within what the kernel takes as a time: 200 years. */
    return timeout_ns < INT64_MAX / 2 ? now_ns + timeout_ns : INT64_MAX / 2;
}

static void *stock_new(size_t size, void *arg)
{
    struct pawl_body *body = arg;

    return pawl_vault_take(body->vault, size);
}

static void stock_free(void *stock, size_t size, void *arg)
{
    struct pawl_body *body = arg;

    pawl_vault_give(body->vault, stock, size);
}

static void wake(void *arg)
{
    struct pawl_body *body = arg;

    pawl_turner_wake(body->turner);
}

static uint64_t seed_new(void)
{
    uint64_t seed;

    pawl_entropy(&seed, sizeof seed);
    return seed;
}

static pawl_err open_source(struct pawl_client *client, struct pawl_body *body,
                            struct pawl_source **source, pawl_error *error)
{
    const pawl_options *options = &client->options;

    if (client->stores != NULL) {
        const struct pawl_store_options settings = {
            .loop = pawl_turner_loop(body->turner),
            .net = pawl_turner_net(body->turner),
            .seed = seed_new(),
            .refill_interval_ns = options->refill_interval_ns,
            .takeover_ns = options->takeover_ns,
        };
        pawl_err err = client->stores->open(client->url, &settings, source, error);

        if (err == PAWL_OK) body->below = *source;
        return err;
    }
    uint64_t exchange_ns = options->timeout_ns / EXCHANGES;
    const struct pawl_fleet_settings settings = {
        .seed = seed_new(),
        .exchange_ns = exchange_ns > EXCHANGE_LEAST_NS ? exchange_ns : EXCHANGE_LEAST_NS,
        .refill_interval_ns = options->refill_interval_ns,
    };
    return pawl_fleet_new(client->url, pawl_turner_net(body->turner), &settings, source, error);
}

static pawl_err start(struct pawl_client *client, struct pawl_body *body, pawl_error *error)
{
    const struct pawl_keeper_settings settings = {
        .pace = {.ride_through_ns = client->options.ride_through_ns,
                 .refill_interval_ns = client->options.refill_interval_ns,
                 .max_blocks = 1000},
        .retry_least_ns = 10 * PAWL_NS_PER_MS,
        .retry_most_ns = 2 * PAWL_NS_PER_S,
        .seed = seed_new(),
        .wake = wake,
        .stock_new = stock_new,
        .stock_free = stock_free,
        .arg = body,
    };
    struct pawl_source *source = NULL;
    pawl_err err = open_source(client, body, &source, error);

    return err != PAWL_OK ? err : pawl_turner_start(body->turner, source, &settings, error);
}

static void body_free(struct pawl_body *body)
{
    (void)pawl_turner_free(body->turner);
    pawl_vault_free(body->vault);
    free(body);
}

static pawl_err body_new(struct pawl_client *client, struct pawl_body **made, pawl_error *error)
{
    struct pawl_body *body = calloc(1, sizeof *body);
    pawl_error why = {.code = PAWL_NO_MEMORY, .text = "no memory for a client"};

    if (body == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "%s", why.text);
    body->vault = pawl_vault_new(&why);
    if (body->vault != NULL) body->turner = pawl_turner_new(&why);
    if (body->turner != NULL) why.code = start(client, body, &why);
    if (body->turner == NULL || why.code != PAWL_OK) {
        if (error != NULL) *error = why;
        body_free(body);
        return why.code;
    }
    *made = body;
    return PAWL_OK;
}

/* In a child, once a body: what it shares with its parent is closed, unread. */
static void let_go(const struct pawl_client *client, struct pawl_body *body)
{
    pawl_turner_forked(body->turner);
    if (body->below != NULL) client->stores->forked(body->below);
}

static pawl_err revive(struct pawl_client *client, struct pawl_body *dead, pawl_error *error)
{
    struct pawl_body *body = NULL;
    char shown[URL_SHOWN_MAX];

    let_go(client, dead);
    (void)pawl_url_show(shown, sizeof shown, client->url);
    if (client->stores != NULL && !client->stores->shared(client->url)) {
        return pawl_fail(error, PAWL_FORKED,
                         "%s belongs to the process that opened it, and this is a forked child: "
                         "open it after the fork, or use a server",
                         shown);
    }
    pawl_err err = body_new(client, &body, error);
    /* Pairs with the acquire in pawl_client_body. The dead one stays: others may look at it. */
    if (err == PAWL_OK) atomic_store_explicit(&client->body, body, memory_order_release);
    return err;
}

pawl_err pawl_client_body(struct pawl_client *client, struct pawl_body **body, pawl_error *error)
{
    for (;;) {
        struct pawl_body *now = atomic_load_explicit(&client->body, memory_order_acquire);
        pawl_err err = PAWL_OK;

        *body = now;
        if (pawl_vault_alive(now->vault)) return PAWL_OK;
        (void)pthread_mutex_lock(&now->vault->door); /* wiped with the rest: nobody's here */
        if (atomic_load_explicit(&client->body, memory_order_relaxed) == now) {
            err = revive(client, now, error);
        }
        (void)pthread_mutex_unlock(&now->vault->door);
        if (err != PAWL_OK) return err;
    }
}

/* Finds out who serves the URL. */
static pawl_err find_stores(struct pawl_client *client, pawl_error *error)
{
    bool wrong = false;
    char shown[URL_SHOWN_MAX];

    if (strncmp(client->url, "pawl:", 5) == 0) return PAWL_OK;
    client->stores = pawl_stores_known(&wrong);
    if (client->stores != NULL) return PAWL_OK;
    if (wrong) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "libpawl and libpawl-stores are of different versions");
    }
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "\"%s\" is no server's URL (pawl://host[:port]); for stores call "
                     "pawl_stores_register of libpawl-stores first",
                     pawl_url_show(shown, sizeof shown, client->url));
}

static void client_free(struct pawl_client *client)
{
    for (size_t i = 0; i < PAWL_SEQ_BUCKETS; i++) {
        struct pawl_seq *seq = atomic_load_explicit(&client->seqs[i], memory_order_relaxed);

        while (seq != NULL) {
            struct pawl_seq *next = seq->next;

            free(seq);
            seq = next;
        }
    }
    free(client->url);
    free(client);
}

/* Until the source answers: once, so that a server that is not there is told at once. */
static pawl_err first_answer(struct pawl_client *client, pawl_error *error)
{
    struct pawl_call *call = pawl_call_new(client, PAWL_ASK_PING, NULL, error);

    if (call == NULL) return PAWL_NO_MEMORY;
    uint64_t deadline_ns = pawl_deadline_ns(client->options.timeout_ns);
    pawl_err err = pawl_call_once(&call, deadline_ns, error);

    pawl_call_end(call);
    if (err == PAWL_TIMEOUT) {
        char shown[URL_SHOWN_MAX];

        return pawl_fail(error, PAWL_BUSY, "%s: no answer came in time",
                         pawl_url_show(shown, sizeof shown, client->url));
    }
    return err;
}

pawl_err pawl_open(const char *url, const pawl_options *options, pawl_client **client,
                   pawl_error *error)
{
    struct pawl_body *body = NULL;

    if (url == NULL || client == NULL) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "pawl_open needs a URL and a place for a client");
    }
    struct pawl_client *made = calloc(1, sizeof *made);
    if (made != NULL) made->url = strdup(url);
    if (made == NULL || made->url == NULL) {
        free(made);
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a client");
    }
    pawl_err err = read_options(options, &made->options, error);
    if (err == PAWL_OK) err = find_stores(made, error);
    if (err == PAWL_OK) err = body_new(made, &body, error);
    if (err != PAWL_OK) {
        client_free(made);
        return err;
    }
    atomic_store_explicit(&made->body, body, memory_order_release);
    err = first_answer(made, error);
    if (err != PAWL_OK) {
        pawl_close(made);
        return err;
    }
    *client = made;
    return PAWL_OK;
}

void pawl_close(pawl_client *client)
{
    if (client == NULL) return;
    struct pawl_body *body = atomic_load_explicit(&client->body, memory_order_acquire);

    if (pawl_vault_alive(body->vault)) {
        pawl_turner_drain(body->turner, CLOSE_NS);
        body_free(body);
    } else {
        let_go(client, body); /* the rest of it is the parent's, who gives its ids back itself */
    }
    client_free(client);
}
