/* SPDX-License-Identifier: Apache-2.0 */
#include "one_seq.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char seq_name[] = "orders";

enum { SETTLE_ROUNDS_MAX = 1000, HEALTHY_S = 30 };

/* A process with a keeper: it is turned when somebody woke it, or its time has come. */
struct process {
    struct pawl_keeper *keeper; /* NULL: it does not run, or nobody has asked it yet */
    uint64_t next_ns;
    uint64_t up_ns; /* since when */
    uint64_t life;  /* which one this is */
    bool up;
};

struct server {
    struct process process;
    uint64_t rank;
};

struct client {
    struct process process;
    struct one_seq *seq;
    /* Its source: the server of its choice. One errand is under way at a time. */
    struct pawl_source source;
    struct pawl_ask inner;
    struct pawl_ask *outer;   /* NULL: none */
    struct pawl_ask *refused; /* to be answered: there is no server */
    bool again;               /* inner goes out once more */
    struct server *asked, *leased_of;
    uint64_t asked_life, leased_life;

    struct pawl_holding *holding;
    struct pawl_ask ask; /* OPEN or WAIT */
    bool asking;
    double rate;
    double owed;         /* ids due and not taken */
    uint64_t used_ns;    /* until when use is counted in owed */
    uint64_t arrival_ns; /* of the next id, where they come at random */
    uint64_t dry_ns;     /* since when nothing is at hand; 0: something is */
    uint64_t taken;      /* in this life */
};

struct one_seq {
    struct one_seq_settings settings;
    struct one_seq_counts counts;
    struct meter meter;
    uint64_t now_ns, random;
    struct client clients[ONE_SEQ_CLIENTS_MAX];
    struct server servers[ONE_SEQ_SERVERS_MAX];
    struct server *ranked[ONE_SEQ_SERVERS_MAX];
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "one_seq: %s\n", what);
    exit(1);
}

static void wake(void *arg)
{
    struct process *process = arg;

    process->next_ns = 0;
}

static void process_begin(struct one_seq *seq, struct process *process, struct pawl_source *below,
                          bool is_server)
{
    struct pawl_keeper_settings settings =
        meter_keeper_settings(pawl_random(&seq->random), wake, process);

    settings.pace = seq->settings.pace;
    settings.ledger_since = is_server ? 1 : 0;
    process->keeper = pawl_keeper_new(below, &settings);
    if (process->keeper == NULL) die("no memory");
    process->next_ns = 0;
}

static bool process_turn(struct process *process, uint64_t now_ns)
{
    if (process->keeper == NULL || process->next_ns > now_ns) return false;
    process->next_ns = PAWL_NEVER;
    uint64_t next_ns = pawl_keeper_turn(process->keeper, now_ns);

    if (next_ns < process->next_ns) process->next_ns = next_ns;
    return true;
}

/* Ids that are gone although it lives. What clients never told of is theirs, and in their books. */
static uint64_t process_burned(const struct process *process)
{
    uint64_t burned = 0;

    if (process->keeper == NULL) return 0;
    for (int cause = 0; cause < PAWL_CAUSE_COUNT; cause++) {
        if (cause == PAWL_CAUSE_UNREPORTED) continue;
        burned += pawl_keeper_counts(process->keeper)->burned[cause];
    }
    return burned;
}

/* What it was given, and has neither given on nor back. */
static uint64_t process_held(const struct process *process, uint64_t taken)
{
    if (process->keeper == NULL) return 0;
    const struct pawl_counts *counts = pawl_keeper_counts(process->keeper);

    return counts->reserved + counts->returned - counts->leased - counts->given_back - taken -
           process_burned(process);
}

/* A client's source: servers in order of rank. */

static struct server *best_server(struct one_seq *seq)
{
    struct server *best = NULL;

    for (uint32_t i = 0; i < seq->settings.servers; i++) {
        struct server *server = seq->ranked[i];

        if (!server->process.up) continue;
        if (seq->now_ns - server->process.up_ns >= HEALTHY_S * PAWL_NS_PER_S) return server;
        if (best == NULL) best = server; /* back so lately that it is preferred to none only */
    }
    return best;
}

static void link_done(struct pawl_ask *inner)
{
    struct client *client = PAWL_OWNER(inner, struct client, inner);
    struct pawl_ask *outer = client->outer;

    if (inner->error.code == PAWL_CLOSED && inner->kind == PAWL_ASK_TAKE) {
        client->again = true; /* the next one is asked */
        wake(&client->process);
        return;
    }
    if (inner->kind == PAWL_ASK_TAKE && inner->grant.range.count > 0) {
        client->leased_of = client->asked;
        client->leased_life = client->asked_life;
    }
    client->outer = NULL;
    outer->error = inner->error;
    outer->grant = inner->grant;
    outer->burned = inner->burned;
    outer->skipped = inner->skipped;
    pawl_ask_answer(outer);
}

static void link_send(struct client *client)
{
    struct one_seq *seq = client->seq;
    struct pawl_ask *outer = client->outer;
    struct server *server = outer->kind == PAWL_ASK_RETURN ? client->leased_of : best_server(seq);
    bool there = server != NULL && server->process.up;

    if (outer->kind == PAWL_ASK_RETURN && there) {
        there = server->process.life == client->leased_life;
    }
    if (!there) {
        client->outer = NULL;
        client->refused = outer;
        wake(&client->process);
        return;
    }
    if (server->process.keeper == NULL) {
        process_begin(seq, &server->process, &seq->meter.source, true);
    }
    client->inner = *outer;
    client->inner.next = NULL;
    client->inner.pending = false;
    client->inner.asking = 0;
    client->inner.done = link_done;
    client->inner.asker = (client->process.life << 8 | (uint64_t)(client - seq->clients)) + 1;
    client->asked = server;
    client->asked_life = server->process.life;
    seq->counts.leases += outer->kind == PAWL_ASK_TAKE;
    pawl_source_ask(pawl_keeper_source(server->process.keeper), &client->inner);
    wake(&server->process);
}

static void link_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct client *client = PAWL_OWNER(self, struct client, source);

    PAWL_ASSERT(client->outer == NULL);
    client->outer = ask;
    link_send(client);
}

static uint64_t link_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct client *client = PAWL_OWNER(self, struct client, source);
    struct pawl_ask *refused = client->refused;

    (void)now_ns;
    if (client->again) {
        client->again = false;
        link_send(client);
    }
    client->refused = NULL;
    if (refused != NULL) pawl_ask_fail(refused, PAWL_BUSY, "no server is there");
    return PAWL_NEVER;
}

static void link_close(struct pawl_source *self)
{
    (void)self;
}

static const struct pawl_source_ops link_ops = {
    .scheme = "link", .ask = link_ask, .turn = link_turn, .close = link_close};

/* What a client uses. */

static double share(const struct one_seq *seq)
{
    return seq->settings.curve != NULL ? seq->settings.curve(seq->now_ns) : 1;
}

static bool at_random(const struct client *client)
{
    return client->rate <= ONE_SEQ_RANDOM_UP_TO;
}

static void next_arrival(struct client *client)
{
    struct one_seq *seq = client->seq;
    double luck = (double)(pawl_random(&seq->random) >> 11) * 0x1p-53;
    double apart_s = -log1p(-luck) / (client->rate * share(seq));

    client->arrival_ns = seq->now_ns + 1;
    client->arrival_ns += apart_s < 1e9 ? (uint64_t)(apart_s * 1e9) : PAWL_NEVER / 4;
}

static void client_ask(struct client *client, enum pawl_ask_kind kind, uint64_t count);

/* Calls that have waited too long have failed; the rest is served now. */
static void served(struct client *client)
{
    struct one_seq *seq = client->seq;
    double waited_s = (double)(seq->now_ns - client->dry_ns) / 1e9;
    double late = waited_s > ONE_SEQ_DEADLINE_S ? 1 - ONE_SEQ_DEADLINE_S / waited_s : 0;
    double failed = ceil(client->owed * late);

    if (failed > client->owed) failed = floor(client->owed);
    client->dry_ns = 0;
    if (failed <= 0) return;
    client->owed -= failed;
    seq->counts.failed += (uint64_t)failed;
}

static void client_take(struct client *client)
{
    struct one_seq *seq = client->seq;

    while (client->owed >= 1 && client->holding != NULL && !client->asking) {
        uint64_t due = (uint64_t)client->owed;
        pawl_ids ids;

        if (due > PAWL_STOCK_TAKE_MAX) due = PAWL_STOCK_TAKE_MAX;
        if (!pawl_stock_take(client->holding->stock, due, &ids)) {
            if (client->dry_ns == 0) client->dry_ns = seq->now_ns;
            seq->counts.waited++;
            client_ask(client, PAWL_ASK_WAIT, (uint64_t)client->owed);
            return;
        }
        client->taken += ids.count;
        seq->counts.taken += ids.count;
        client->owed -= (double)ids.count;
    }
}

static void client_use(struct client *client)
{
    struct one_seq *seq = client->seq;

    if (client->process.keeper == NULL) return;
    if (!at_random(client)) {
        client->owed += client->rate * share(seq) * (double)(seq->now_ns - client->used_ns) / 1e9;
        client->used_ns = seq->now_ns;
    } else if (client->arrival_ns <= seq->now_ns) {
        client->owed += 1;
        next_arrival(client);
    }
    client_take(client);
}

static uint64_t client_next(const struct client *client)
{
    if (client->process.keeper == NULL) return PAWL_NEVER;
    if (at_random(client)) return client->arrival_ns;
    return client->used_ns + client->seq->settings.step_ns;
}

static void answered(struct pawl_ask *ask)
{
    struct client *client = PAWL_OWNER(ask, struct client, ask);

    client->asking = false;
    if (ask->error.code != PAWL_OK) return;
    if (ask->kind == PAWL_ASK_OPEN) client->holding = ask->holding;
    if (client->dry_ns != 0) served(client);
}

static void client_ask(struct client *client, enum pawl_ask_kind kind, uint64_t count)
{
    client->ask = (struct pawl_ask){.kind = kind,
                                    .name = PAWL_BYTES(seq_name),
                                    .count = count,
                                    .holding = client->holding,
                                    .done = answered};
    client->asking = true;
    pawl_source_ask(pawl_keeper_source(client->process.keeper), &client->ask);
    wake(&client->process);
}

/* All that is due now, until nobody has anything to do. */
static void settle(struct one_seq *seq)
{
    bool more = true;

    for (int round = 0; more; round++) {
        if (round == SETTLE_ROUNDS_MAX) die("it does not come to rest");
        more = false;
        for (uint32_t i = 0; i < seq->settings.clients; i++) {
            struct client *client = &seq->clients[i];

            if (process_turn(&client->process, seq->now_ns)) more = true;
            if (client->process.keeper == NULL || client->asking) continue;
            if (client->holding == NULL && client->owed >= 1) {
                client->dry_ns = seq->now_ns;
                client_ask(client, PAWL_ASK_OPEN, 0);
                more = true;
            }
            if (client->owed >= 1) client_take(client);
        }
        for (uint32_t i = 0; i < seq->settings.servers; i++) {
            if (process_turn(&seq->servers[i].process, seq->now_ns)) more = true;
        }
    }
}

static uint64_t next_event(const struct one_seq *seq, uint64_t until_ns)
{
    uint64_t next_ns = until_ns;

    for (uint32_t i = 0; i < seq->settings.clients; i++) {
        uint64_t use_ns = client_next(&seq->clients[i]);

        if (use_ns < next_ns) next_ns = use_ns;
        if (seq->clients[i].process.keeper == NULL) continue;
        if (seq->clients[i].process.next_ns < next_ns) next_ns = seq->clients[i].process.next_ns;
    }
    for (uint32_t i = 0; i < seq->settings.servers; i++) {
        const struct process *process = &seq->servers[i].process;

        if (process->keeper != NULL && process->next_ns < next_ns) next_ns = process->next_ns;
    }
    return next_ns > seq->now_ns ? next_ns : seq->now_ns;
}

void one_seq_run(struct one_seq *seq, uint64_t until_ns)
{
    while (seq->now_ns < until_ns) {
        uint64_t next_ns = next_event(seq, until_ns);

        seq->now_ns = next_ns > seq->now_ns ? next_ns : seq->now_ns + 1;
        for (uint32_t i = 0; i < seq->settings.clients; i++) {
            if (client_next(&seq->clients[i]) <= seq->now_ns) client_use(&seq->clients[i]);
        }
        settle(seq);
    }
}

/* Lets a process end, with what it held. */
static void process_end(struct one_seq *seq, struct process *process, bool clean, uint64_t taken)
{
    if (process->keeper == NULL) return;
    if (clean) {
        pawl_keeper_drain(process->keeper);
        wake(process);
        settle(seq);
    }
    seq->counts.burned += process_held(process, taken) + process_burned(process);
    struct pawl_keeper *keeper = process->keeper;

    if (!clean) (void)seq->meter.source.ops->turn(&seq->meter.source, seq->now_ns);
    process->keeper = NULL;
    pawl_keeper_free(keeper);
}

/* An ask that its server has not answered is forgotten there, as when a connection ends. */
static void forget_errand(struct client *client)
{
    if (client->outer == NULL) return;
    if (!client->again && client->asked->process.keeper != NULL) {
        pawl_keeper_forget(client->asked->process.keeper, &client->inner);
    }
    if (client->outer == NULL) return;
    client->refused = client->outer;
    client->outer = NULL;
    client->again = false;
}

void one_seq_client_stop(struct one_seq *seq, uint32_t at, bool clean)
{
    struct client *client = &seq->clients[at];

    if (client->process.keeper == NULL) return;
    client->holding = NULL;
    client->owed = 0;
    client->dry_ns = 0;
    forget_errand(client);
    (void)link_turn(&client->source, seq->now_ns);
    process_end(seq, &client->process, clean, client->taken);
    client->process.up = false;
    client->asking = false;
    client->taken = 0;
    settle(seq);
}

void one_seq_client_start(struct one_seq *seq, uint32_t at)
{
    struct client *client = &seq->clients[at];
    bool straight = seq->settings.servers == 0;

    if (client->process.keeper != NULL) return;
    process_begin(seq, &client->process, straight ? &seq->meter.source : &client->source, false);
    client->process.up = true;
    client->process.life++;
    client->used_ns = seq->now_ns;
    next_arrival(client);
}

void one_seq_server_stop(struct one_seq *seq, uint32_t at, bool clean)
{
    struct process *process = &seq->servers[at].process;

    process->up = false;
    process_end(seq, process, clean, 0);
    settle(seq);
}

void one_seq_server_start(struct one_seq *seq, uint32_t at)
{
    struct process *process = &seq->servers[at].process;

    if (process->up) return;
    process->up = true;
    process->up_ns = seq->now_ns;
    process->life++;
}

void one_seq_store(struct one_seq *seq, bool there)
{
    seq->meter.away = !there;
}

static void store_answered(struct pawl_ask *ask)
{
    if (ask->error.code != PAWL_OK) die(ask->error.text);
}

/* Asks the store itself, which is not counted. */
static void store_ask(struct one_seq *seq, struct pawl_ask *ask)
{
    ask->name = PAWL_BYTES(seq_name);
    ask->done = store_answered;
    pawl_source_ask(seq->meter.store, ask);
    (void)seq->meter.store->ops->turn(seq->meter.store, seq->now_ns);
}

struct one_seq_counts one_seq_counts(const struct one_seq *seq)
{
    struct one_seq_counts counts = seq->counts;

    counts.writes = seq->meter.writes;
    counts.reads = seq->meter.reads;
    for (uint32_t i = 0; i < seq->settings.clients; i++) {
        counts.burned += process_burned(&seq->clients[i].process);
    }
    for (uint32_t i = 0; i < seq->settings.servers; i++) {
        counts.burned += process_burned(&seq->servers[i].process);
    }
    return counts;
}

uint64_t one_seq_held(const struct one_seq *seq, bool servers)
{
    uint64_t held = 0;

    for (uint32_t i = 0; !servers && i < seq->settings.clients; i++) {
        held += process_held(&seq->clients[i].process, seq->clients[i].taken);
    }
    for (uint32_t i = 0; servers && i < seq->settings.servers; i++) {
        held += process_held(&seq->servers[i].process, 0);
    }
    return held;
}

static bool holds(const struct process *process)
{
    return process->keeper != NULL && pawl_keeper_counts(process->keeper)->holdings > 0;
}

uint32_t one_seq_holders(const struct one_seq *seq, bool servers)
{
    uint32_t holders = 0;

    for (uint32_t i = 0; !servers && i < seq->settings.clients; i++) {
        holders += holds(&seq->clients[i].process);
    }
    for (uint32_t i = 0; servers && i < seq->settings.servers; i++) {
        holders += holds(&seq->servers[i].process);
    }
    return holders;
}

void one_seq_audit(struct one_seq *seq)
{
    struct pawl_record record = {.epoch = 0};
    struct pawl_ask ask = {.kind = PAWL_ASK_READ, .record = &record};

    store_ask(seq, &ask);
    uint64_t known = seq->counts.taken + one_seq_counts(seq).burned + one_seq_held(seq, false) +
                     one_seq_held(seq, true);
    if ((uint64_t)record.next != known + 1) die("ids are missing from the books");
}

uint64_t one_seq_now(const struct one_seq *seq)
{
    return seq->now_ns;
}

/* Every sequence has an order of the servers of its own, as rendezvous hashing gives it. */
static void rank_servers(struct one_seq *seq)
{
    for (uint32_t i = 0; i < seq->settings.servers; i++) {
        uint32_t at = (uint32_t)(pawl_random(&seq->random) % (i + 1));

        seq->ranked[i] = seq->ranked[at];
        seq->ranked[at] = &seq->servers[i];
    }
}

struct one_seq *one_seq_new(const struct one_seq_settings *settings)
{
    struct one_seq *seq = calloc(1, sizeof *seq);
    const pawl_definition definition = {
        .given = settings->block > 0 ? PAWL_GIVEN_BLOCK : 0,
        .block = settings->block,
    };
    struct pawl_ask create = {.kind = PAWL_ASK_CREATE, .definition = &definition};

    if (seq == NULL) die("no memory");
    if (settings->clients > ONE_SEQ_CLIENTS_MAX || settings->servers > ONE_SEQ_SERVERS_MAX) {
        die("too many clients or servers");
    }
    seq->settings = *settings;
    seq->random = settings->seed;
    seq->now_ns = 1;
    meter_open(&seq->meter, pawl_random(&seq->random));
    seq->meter.now_ns = &seq->now_ns;
    seq->meter.writes_at = settings->writes_at;
    seq->meter.seconds = settings->seconds;
    store_ask(seq, &create);
    rank_servers(seq);
    for (uint32_t i = 0; i < settings->servers; i++) {
        one_seq_server_start(seq, i);
        seq->servers[i].process.up_ns = 0;
    }
    for (uint32_t i = 0; i < settings->clients; i++) {
        seq->clients[i].source.ops = &link_ops;
        seq->clients[i].seq = seq;
        seq->clients[i].rate = settings->rate / settings->clients;
        one_seq_client_start(seq, i);
    }
    return seq;
}

void one_seq_free(struct one_seq *seq)
{
    for (uint32_t i = 0; i < seq->settings.clients; i++) {
        one_seq_client_stop(seq, i, false);
    }
    for (uint32_t i = 0; i < seq->settings.servers; i++) {
        one_seq_server_stop(seq, i, false);
    }
    meter_close(&seq->meter);
    free(seq);
}
