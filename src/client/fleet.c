/* SPDX-License-Identifier: Apache-2.0 */
#include "client/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client/address.h"
#include "client/leases.h"

enum { ROUNDS_MAX = 2 * PAWL_FLEET_SERVERS_MAX };

enum health {
    HEALTH_WELL,       /* nothing speaks against it */
    HEALTH_RECOVERING, /* it answers again, since `well_since_ns` */
    HEALTH_AWAY,       /* the last exchange failed: it is probed */
};

struct server {
    struct pawl_remote *remote;
    uint64_t hash; /* of its address: half of each rank */
    enum health health;
    uint64_t well_since_ns;
    uint64_t well_connection; /* the one that recovered: another means that it failed again */
    uint32_t failures;        /* of probes, in a row */
    bool probe_unknown;       /* it failed outside a turn: the next turn sets probe_ns */
    uint64_t probe_ns;
    bool probing;
    struct pawl_ask probe;
    struct fleet *fleet;
};

/* One ask from above on its way round the servers. */
struct errand {
    struct pawl_ask ask; /* as a server gets it */
    struct pawl_ask *above;
    struct fleet *fleet;
    struct pawl_lease *lease; /* TAKE, NEXT: counts us as unanswered */
    uint32_t server;          /* the last tried */
    uint32_t tried;           /* bit i: server i was */
    pawl_error error;         /* the best story of why none would so far */
    struct errand *next_free;
};

struct fleet {
    struct pawl_source source;
    struct pawl_fleet_settings settings;
    struct pawl_asks incoming; /* from above, not looked at yet */
    struct pawl_asks fresh;    /* errands' asks, to be sent on to another server */
    bool closing;
    struct pawl_leases leases;
    struct errand *free;
    uint64_t luck;
    uint64_t now_ns; /* of the last turn */
    uint32_t server_count;
    struct server servers[PAWL_FLEET_SERVERS_MAX];
};

_Static_assert(PAWL_FLEET_SERVERS_MAX <= 32, "a bit each in errand.tried");

static struct fleet *of_source(struct pawl_source *source)
{
    return PAWL_OWNER(source, struct fleet, source);
}

static void wake(struct fleet *fleet)
{
    if (fleet->settings.wake != NULL) fleet->settings.wake(fleet->settings.arg);
}

static void mark_away(struct server *server)
{
    if (server->health == HEALTH_AWAY) return;
    server->health = HEALTH_AWAY;
    server->failures = 0;
    server->probe_unknown = true;
    wake(server->fleet);
}

/* The best server that was not tried: the healthiest, then the highest rank. */
static struct server *best_server(struct fleet *fleet, const struct errand *errand)
{
    struct server *best = NULL;
    uint64_t best_rank = 0;

    for (uint32_t i = 0; i < fleet->server_count; i++) {
        struct server *server = &fleet->servers[i];
        uint64_t rank = pawl_bytes_hash(errand->ask.name, server->hash);

        if (errand->tried & (UINT32_C(1) << i)) continue;
        if (best != NULL && server->health > best->health) continue;
        if (best != NULL && server->health == best->health && rank <= best_rank) continue;
        best = server;
        best_rank = rank;
    }
    return best;
}

static struct errand *errand_new(struct fleet *fleet)
{
    struct errand *errand = fleet->free;

    if (errand == NULL) return calloc(1, sizeof *errand);
    fleet->free = errand->next_free;
    return errand;
}

/* Ends an errand as its ask says. */
static void errand_end(struct errand *errand)
{
    struct pawl_ask *above = errand->above;
    struct fleet *fleet = errand->fleet;

    if (errand->lease != NULL) errand->lease->unanswered--;
    above->error = errand->ask.error;
    above->grant = errand->ask.grant;
    above->burned = errand->ask.burned;
    errand->next_free = fleet->free;
    fleet->free = errand;
    pawl_ask_answer(above);
}

/* Another server may have the new password already. */
static bool login_refused(const struct errand *errand)
{
    const struct server *server = &errand->fleet->servers[errand->server];

    return errand->ask.error.code == PAWL_DENIED && pawl_remote_connection(server->remote) == 0;
}

/* Whether another server may be asked the same after this: surely nothing was taken or changed. */
static bool may_go_on(const struct errand *errand)
{
    const struct pawl_ask *ask = &errand->ask;

    if (ask->kind == PAWL_ASK_RETURN || errand->fleet->closing) return false;
    if (ask->deadline_ns != 0 && ask->deadline_ns <= errand->fleet->now_ns) return false;
    return ask->error.code == PAWL_BUSY || ask->error.code == PAWL_STORE ||
           ask->error.code == PAWL_MISSING || ask->error.code == PAWL_NO_MEMORY ||
           login_refused(errand) ||
           (ask->error.code == PAWL_TIMEOUT && !pawl_ask_is_change(ask->kind));
}

/* Books a lease under a ticket of our own: two servers may number theirs alike. */
static void book_lease(struct errand *errand, const struct server *server)
{
    struct pawl_grant *grant = &errand->ask.grant;
    struct pawl_lease *lease = errand->lease;
    uint64_t number = grant->lease;

    grant->lease = 0;
    if (grant->range.count == 0 || errand->ask.kind != PAWL_ASK_TAKE) return;
    lease->ticket = ++errand->fleet->leases.last_ticket;
    lease->lease = number;
    lease->server = errand->server;
    lease->connection = pawl_remote_connection(server->remote);
    grant->lease = lease->ticket;
}

static void errand_done(struct pawl_ask *ask)
{
    struct errand *errand = PAWL_OWNER(ask, struct errand, ask);
    struct server *server = &errand->fleet->servers[errand->server];
    pawl_err code = ask->error.code;

    if (code == PAWL_BUSY || pawl_remote_connection(server->remote) == 0) mark_away(server);
    if (code == PAWL_OK && errand->lease != NULL) book_lease(errand, server);
    if (may_go_on(errand)) {
        if (errand->error.code == PAWL_OK || code != PAWL_BUSY) errand->error = ask->error;
        pawl_asks_add(&errand->fleet->fresh, ask);
        wake(errand->fleet);
        return;
    }
    errand_end(errand);
}

/* RETURN goes to the one connection that leased, if everything else is as it must be. */
static void send_return(struct errand *errand)
{
    struct fleet *fleet = errand->fleet;
    uint64_t key = pawl_bytes_hash(errand->ask.name, 0);
    struct pawl_lease *lease = pawl_leases_find(&fleet->leases, key);
    const char *why = NULL;

    if (lease == NULL || lease->ticket == 0 || lease->ticket != errand->above->lease) {
        why = "it is not the latest lease";
    } else if (lease->unanswered > 0) {
        why = "an ask for the same sequence is unanswered";
    } else if (pawl_remote_connection(fleet->servers[lease->server].remote) != lease->connection) {
        why = "the connection that leased is gone";
    }
    if (why != NULL) {
        (void)pawl_fail(&errand->ask.error, PAWL_NOT_KEPT, "not given back: %s", why);
        errand_end(errand);
        return;
    }
    errand->server = lease->server;
    errand->ask.lease = lease->lease;
    lease->ticket = 0; /* at most once, whatever comes of it */
    pawl_source_ask(pawl_remote_source(fleet->servers[lease->server].remote), &errand->ask);
}

static void send_errand(struct errand *errand)
{
    struct fleet *fleet = errand->fleet;
    struct server *server = best_server(fleet, errand);

    if (errand->ask.kind == PAWL_ASK_RETURN) {
        send_return(errand);
        return;
    }
    if (server == NULL) {
        errand->ask.error = errand->error;
        errand_end(errand);
        return;
    }
    errand->server = (uint32_t)(server - fleet->servers);
    errand->tried |= UINT32_C(1) << errand->server;
    errand->ask.burned = 0;
    errand->ask.error = (pawl_error){.code = PAWL_OK};
    pawl_source_ask(pawl_remote_source(server->remote), &errand->ask);
}

/* Takes an ask over, or ends it for want of memory. */
static void errand_begin(struct fleet *fleet, struct pawl_ask *above)
{
    bool takes = above->kind == PAWL_ASK_TAKE || above->kind == PAWL_ASK_NEXT;
    uint64_t key = pawl_bytes_hash(above->name, 0);
    struct pawl_lease *lease = takes ? pawl_leases_add(&fleet->leases, key) : NULL;
    struct errand *errand = takes && lease == NULL ? NULL : errand_new(fleet);

    if (errand == NULL) {
        pawl_ask_fail(above, PAWL_NO_MEMORY, "no memory to ask a server");
        return;
    }
    *errand = (struct errand){.ask = *above, .above = above, .fleet = fleet, .lease = lease};
    errand->ask.done = errand_done;
    errand->ask.next = NULL;
    if (lease != NULL) lease->unanswered++;
    send_errand(errand);
}

static void probe_done(struct pawl_ask *ask)
{
    struct server *server = PAWL_OWNER(ask, struct server, probe);

    server->probing = false;
    if (server->health != HEALTH_AWAY) return;
    if (ask->error.code != PAWL_OK) {
        server->failures += server->failures < UINT32_MAX;
        server->probe_unknown = true;
    } else {
        server->health = HEALTH_RECOVERING;
        server->well_since_ns = PAWL_NEVER; /* the next turn knows since when */
        server->well_connection = pawl_remote_connection(server->remote);
    }
    wake(server->fleet);
}

/* Half to the whole of a time that doubles with each failed probe. */
static uint64_t back_off_ns(struct fleet *fleet, uint32_t failures)
{
    uint64_t most = fleet->settings.retry_most_ns;
    uint64_t pause = fleet->settings.retry_least_ns;

    for (uint32_t i = 0; i < failures && pause < most; i++) {
        pause *= 2;
    }
    if (pause > most) pause = most;
    return pause - pawl_random(&fleet->luck) % (pause / 2 + 1);
}

/* Probes and promotes; returns when it wants to look again: now, if the remote has to be turned. */
static uint64_t look_after(struct server *server, uint64_t now_ns)
{
    struct fleet *fleet = server->fleet;

    if (server->health == HEALTH_WELL) return PAWL_NEVER;
    if (server->health == HEALTH_RECOVERING) {
        if (pawl_remote_connection(server->remote) != server->well_connection) {
            mark_away(server);
        } else if (server->well_since_ns == PAWL_NEVER) {
            server->well_since_ns = now_ns;
        } else if (now_ns - server->well_since_ns >= fleet->settings.refill_interval_ns) {
            server->health = HEALTH_WELL;
            return PAWL_NEVER;
        }
    }
    if (server->health == HEALTH_RECOVERING) {
        return server->well_since_ns + fleet->settings.refill_interval_ns;
    }
    if (server->probing) return PAWL_NEVER;
    if (server->probe_unknown) {
        server->probe_unknown = false;
        server->probe_ns = now_ns + back_off_ns(fleet, server->failures);
        uint64_t retry_ns = pawl_remote_retry_ns(server->remote);
        if (server->probe_ns < retry_ns) server->probe_ns = retry_ns;
    }
    if (now_ns < server->probe_ns) return server->probe_ns;
    server->probing = true;
    server->probe = (struct pawl_ask){.kind = PAWL_ASK_PING, .done = probe_done};
    pawl_source_ask(pawl_remote_source(server->remote), &server->probe);
    return now_ns;
}

static void send_all(struct fleet *fleet)
{
    struct pawl_asks incoming = fleet->incoming;
    struct pawl_asks fresh = fleet->fresh;
    struct pawl_ask *ask;

    fleet->incoming = (struct pawl_asks){.first = NULL};
    fleet->fresh = (struct pawl_asks){.first = NULL};
    while ((ask = pawl_asks_pop(&fresh)) != NULL) {
        send_errand(PAWL_OWNER(ask, struct errand, ask));
    }
    while ((ask = pawl_asks_pop(&incoming)) != NULL) {
        errand_begin(fleet, ask);
    }
}

static uint64_t turn_servers(struct fleet *fleet, uint64_t now_ns)
{
    uint64_t next_ns = PAWL_NEVER;

    for (uint32_t i = 0; i < fleet->server_count; i++) {
        struct server *server = &fleet->servers[i];
        struct pawl_source *remote = pawl_remote_source(server->remote);
        uint64_t turn_ns = remote->ops->turn(remote, now_ns);
        /* One server needs no probes: there is nothing to prefer, and every ask is one. */
        uint64_t look_ns = fleet->server_count > 1 ? look_after(server, now_ns) : PAWL_NEVER;

        if (look_ns < next_ns) next_ns = look_ns;
        if (turn_ns < next_ns) next_ns = turn_ns;
    }
    return next_ns;
}

/* A refusal sends an errand on to the next server: hence the rounds. */
static uint64_t fleet_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct fleet *fleet = of_source(self);
    uint64_t next_ns = now_ns;

    fleet->now_ns = now_ns;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        send_all(fleet);
        next_ns = turn_servers(fleet, now_ns);
        bool sending = fleet->fresh.first != NULL || fleet->incoming.first != NULL;
        if (!sending && next_ns > now_ns) return next_ns;
    }
    return now_ns;
}

static void fleet_close(struct pawl_source *self)
{
    struct fleet *fleet = of_source(self);
    struct pawl_ask *ask;

    fleet->closing = true;
    for (uint32_t i = 0; i < fleet->server_count; i++) {
        struct pawl_source *remote = pawl_remote_source(fleet->servers[i].remote);
        remote->ops->close(remote);
    }
    while ((ask = pawl_asks_pop(&fleet->fresh)) != NULL) {
        errand_end(PAWL_OWNER(ask, struct errand, ask));
    }
    while ((ask = pawl_asks_pop(&fleet->incoming)) != NULL) {
        pawl_ask_fail(ask, PAWL_CLOSED, "the client was closed");
    }
    while (fleet->free != NULL) {
        struct errand *errand = fleet->free;

        fleet->free = errand->next_free;
        free(errand);
    }
    pawl_leases_free(&fleet->leases);
    free(fleet);
}

static void fleet_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct fleet *fleet = of_source(self);

    pawl_asks_add(&fleet->incoming, ask);
    wake(fleet);
}

static const struct pawl_source_ops fleet_ops = {
    .scheme = "pawl",
    .ask = fleet_ask,
    .turn = fleet_turn,
    .close = fleet_close,
};

static void set_defaults(struct pawl_fleet_settings *settings)
{
    if (settings->refill_interval_ns == 0) settings->refill_interval_ns = 30 * PAWL_NS_PER_S;
    if (settings->retry_least_ns == 0) settings->retry_least_ns = 10 * PAWL_NS_PER_MS;
    if (settings->retry_most_ns == 0) settings->retry_most_ns = 2 * PAWL_NS_PER_S;
}

static bool add_server(struct fleet *fleet, struct pawl_net *net, const struct pawl_address *at,
                       const struct pawl_login *login)
{
    struct server *server = &fleet->servers[fleet->server_count];
    struct pawl_remote_settings settings = {
        .login = login,
        .seed = pawl_random(&fleet->luck),
        .exchange_ns = fleet->settings.exchange_ns,
        .retry_least_ns = fleet->settings.retry_least_ns,
        .retry_most_ns = fleet->settings.retry_most_ns,
        .wake = fleet->settings.wake,
        .arg = fleet->settings.arg,
    };
    const char *address;

    server->remote = pawl_remote_new(net, at->host, at->port, &settings);
    if (server->remote == NULL) return false;
    address = pawl_remote_address(server->remote);
    server->hash = pawl_bytes_hash((struct pawl_bytes){address, strlen(address)}, 0);
    server->fleet = fleet;
    fleet->server_count++;
    return true;
}

/* Takes over what the URL says. */
static pawl_err add_servers(struct fleet *fleet, const char *url, struct pawl_net *net,
                            pawl_error *error)
{
    struct pawl_address addresses[PAWL_FLEET_SERVERS_MAX];
    struct pawl_login login;
    size_t count = 0;
    pawl_err err = pawl_addresses_read(url, addresses, &count, &login, error);

    for (size_t i = 0; i < count && err == PAWL_OK; i++) {
        if (add_server(fleet, net, &addresses[i], &login)) continue;
        err = pawl_fail(error, PAWL_NO_MEMORY, "no memory for a client of %s", addresses[i].host);
    }
    explicit_bzero(&login, sizeof login);
    return err;
}

pawl_err pawl_fleet_new(const char *url, struct pawl_net *net,
                        const struct pawl_fleet_settings *settings, struct pawl_source **source,
                        pawl_error *error)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);

    if (fleet == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a client");
    fleet->source.ops = &fleet_ops;
    fleet->settings = *settings;
    fleet->luck = settings->seed;
    set_defaults(&fleet->settings);
    pawl_err err = add_servers(fleet, url, net, error);
    if (err != PAWL_OK) {
        fleet_close(&fleet->source);
        return err;
    }
    *source = &fleet->source;
    return PAWL_OK;
}
