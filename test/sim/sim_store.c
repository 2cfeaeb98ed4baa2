/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one store of a run, and the connections that nodes have to it: records in memory, changed by
 * the product's own pawl_record_apply, behind everything that can go wrong on the way. What becomes
 * of a request is drawn as it is sent. Listings are not simulated.
 */
#include <inttypes.h>
#include <string.h>

#include "sim_node.h"

enum {
    REFUSE_PERCENT = 4,
    LOSE_PERCENT = 3,
    SLOW_PERCENT = 3,
    TWICE_PERCENT = 30,
    BLIND_PERCENT = 30,
    WALL_S = 1700000000,
};

enum fate {
    FATE_SERVED,
    FATE_REFUSED,      /* nothing was taken */
    FATE_REQUEST_LOST, /* nobody hears of it, the asker does not know */
    FATE_ANSWER_LOST,  /* done, and the asker does not know */
};

struct state {
    struct pawl_record records[SIM_SEQS];
    struct pawl_mark reached[SIM_SEQS];
    struct sim_history history; /* of what is kept */
    bool renamed;               /* a sequence has been given another name */
};

struct sim_store {
    struct sim *sim;
    struct pawl_records_within within;
    uint64_t random; /* for epochs */
    struct state now, kept;
    uint64_t away_until_ns, stalled_until_ns;
    struct request *spare;
};

struct request {
    struct request *next;
    struct pawl_ask ask; /* a copy: the asker may be gone when it arrives */
    struct pawl_ask *from;
    struct connection *connection;
    struct sim_node *node;
    uint64_t era; /* of its first execution */
    pawl_definition definition;
    struct pawl_record record;
    struct pawl_identity identity;
    char name[PAWL_NAME_BYTES_MAX];
    enum fate fate;
    bool served;
    bool slow;
    bool blind; /* the store does not look at its floor */
    bool again; /* a second execution, by nobody's wish */
};

struct connection {
    struct pawl_source source;
    struct sim_store *store;
    struct sim_node *node;
    struct request *pending;       /* sent and not answered */
    struct pawl_asks ready;        /* answered in the next turn */
    uint64_t arrive_ns, answer_ns; /* of the last, where order is kept */
    bool open;
};

/* At the store. */

static bool may_take(enum pawl_ask_kind kind)
{
    return kind == PAWL_ASK_TAKE || kind == PAWL_ASK_NEXT;
}

static void note_change(struct sim *sim, int seq, int node, enum pawl_ask_kind kind)
{
    struct sim_seq *about = &sim->seqs[seq];

    about->settled_ns = about->change_ns;
    about->settled_epoch = about->change_epoch;
    about->change_ns = sim->now_ns;
    about->change_epoch = sim->store->now.records[seq].epoch;
    about->gone = sim->store->now.records[seq].dropped;
    if (kind == PAWL_ASK_RENAME) sim->store->now.renamed = true;
    SIM_NOTE(sim, seq, node, .what = "store: kind %lld, epoch %lld, next %lld", .a = kind,
             .b = (long long)about->change_epoch, .c = sim->store->now.records[seq].next);
}

void sim_store_renamed(struct sim_node *node, int seq)
{
    const struct pawl_record *now = &node->sim->store->now.records[seq];

    if (now->epoch == node->sim->seqs[seq].change_epoch) return; /* a step of the same change */
    note_change(node->sim, seq, node->index, PAWL_ASK_RENAME);
}

void sim_store_served(struct sim_node *node, int seq, const struct pawl_ask *ask, bool wrote)
{
    struct sim *sim = node->sim;

    if (wrote && ask->kind == PAWL_ASK_TAKE) node->refills[seq]++;
    switch (ask->kind) {
    case PAWL_ASK_TAKE:
    case PAWL_ASK_NEXT:
        if (ask->grant.range.count > 0) sim_reserved(sim, seq, node->index, ask);
        sim->account.reserved += ask->grant.range.count + ask->burned;
        return;
    case PAWL_ASK_RETURN:
        sim_taken_back(sim, seq, &sim->store->now.records[seq]);
        return;
    case PAWL_ASK_CREATE:
    case PAWL_ASK_ALTER:
    case PAWL_ASK_SET:
    case PAWL_ASK_DROP:
    case PAWL_ASK_FENCE:
        if (wrote) note_change(sim, seq, node->index, ask->kind);
        return;
    case PAWL_ASK_READ:
    case PAWL_ASK_RENAME:
    case PAWL_ASK_LEAVE:
    case PAWL_ASK_ARRIVE:
    case PAWL_ASK_RESTORE:
    case PAWL_ASK_LIST:
    case PAWL_ASK_PING:
    case PAWL_ASK_INIT:
    case PAWL_ASK_CHECK:
    case PAWL_ASK_REDRAW:
    case PAWL_ASK_OPEN:
    case PAWL_ASK_WAIT:
    case PAWL_ASK_UNREAD:
        return;
    }
}

/* Honest floors never lie beyond a record that did not go back. */
static void check_floor(struct sim_store *store, const struct request *request, int seq,
                        const struct pawl_record *before)
{
    const struct pawl_ask *ask = &request->ask;
    bool moved = store->now.records[seq].epoch != before->epoch;
    bool refused = ask->error.code == PAWL_FLOOR || ask->error.code == PAWL_ROLLBACK;

    if (store->sim->era > 0 || !may_take(ask->kind) || (!moved && !refused)) return;
    sim_fail(store->sim, seq, "floors",
             "node %d tells a floor of %" PRId64 " (line %" PRIu64 "), the next id was %" PRId64
             " (line %" PRIu64 ")",
             request->node->index, ask->floor.id, ask->floor.line, before->next, before->line);
}

static int within_get(struct pawl_records_within *within, struct pawl_bytes name,
                      struct pawl_record *record, pawl_error *error)
{
    const struct sim_store *store = PAWL_OWNER(within, struct sim_store, within);
    int seq = sim_seq_find(store->sim, name);

    (void)error;
    if (seq < 0) sim_fail(store->sim, SIM_NO_SEQ, "simulation", "a rename to an unknown name");
    *record = store->now.records[seq];
    return 0;
}

static int within_put(struct pawl_records_within *within, const struct pawl_record *record,
                      pawl_error *error)
{
    struct sim_store *store = PAWL_OWNER(within, struct sim_store, within);

    (void)error;
    store->now.records[sim_seq_find(store->sim, pawl_name_bytes(&record->name))] = *record;
    return 0;
}

static void serve_rename(struct sim_store *store, struct request *request,
                         const struct pawl_moment *moment)
{
    struct pawl_ask *ask = &request->ask;

    (void)pawl_records_ask(&store->within, ask, moment);
    store->sim->history.position++;
    if (ask->error.code != PAWL_OK) return;
    sim_store_renamed(request->node, sim_seq_find(store->sim, ask->name));
    sim_store_renamed(request->node, sim_seq_find(store->sim, ask->to));
}

static void serve(struct sim_store *store, struct request *request)
{
    struct sim *sim = store->sim;
    struct pawl_ask *ask = &request->ask;
    int seq = sim_seq_find(sim, ask->name);
    struct pawl_moment moment = {
        .random = &store->random,
        .wall_s = sim_store_wall_s(sim),
        .refill_interval_ns = sim->plan.refill_interval_ns,
        .branch = sim_branch(sim),
    };

    ask->identity = &request->identity;
    if (ask->kind == PAWL_ASK_REDRAW) {
        sim_redraw(sim, ask);
        return;
    }
    sim_identity(sim, &request->identity);
    if (ask->kind == PAWL_ASK_PING) return;
    if (seq < 0 || ask->kind == PAWL_ASK_LIST) {
        (void)pawl_fail(&ask->error, PAWL_NO_SEQUENCE, "the simulated store has no such sequence");
        return;
    }
    if (ask->kind == PAWL_ASK_RENAME) {
        serve_rename(store, request, &moment);
        return;
    }
    struct pawl_record before = store->now.records[seq];

    if (request->blind) ask->floor = (struct pawl_mark){0, 0, 0};
    bool wrote = pawl_record_apply(&store->now.records[seq], ask, &moment);

    if (wrote && before.epoch != 0 && store->now.records[seq].version <= before.version) {
        sim_fail(sim, seq, "version", "a write of kind %d did not raise it", (int)ask->kind);
    }
    if (wrote) request->identity.position = ++sim->history.position;
    check_floor(store, request, seq, &before);
    if (ask->error.code == PAWL_OK) {
        if (ask->kind == PAWL_ASK_RETURN && request->again && request->era == sim->era) {
            sim_fail(sim, seq, "once", "a RETURN was executed twice");
        }
        sim_store_served(request->node, seq, ask, wrote);
        if (wrote && may_take(ask->kind)) sim_jumped(sim, seq, &before, ask);
    }
    sim_store_reached(sim, seq);
}

/* Answers. */

static void spare(struct sim_store *store, struct request *request)
{
    request->next = store->spare;
    store->spare = request;
}

static bool pending_remove(struct connection *connection, const struct request *request)
{
    struct request **at = &connection->pending;

    while (*at != NULL && *at != request) {
        at = &(*at)->next;
    }
    if (*at == NULL) return false;
    *at = request->next;
    return true;
}

static bool only_reads(const struct pawl_ask *ask)
{
    return ask->kind == PAWL_ASK_READ || ask->kind == PAWL_ASK_PING ||
           (ask->kind == PAWL_ASK_TAKE && ask->count == 0);
}

/* The asker never hears what became of it. */
static void set_lost(struct pawl_ask *ask)
{
    if (may_take(ask->kind)) {
        ask->burned = ask->count;
        (void)pawl_fail(&ask->error, PAWL_LOST, "the simulated store lost the answer");
    } else if (only_reads(ask)) {
        (void)pawl_fail(&ask->error, PAWL_BUSY, "the simulated store lost the answer");
    } else {
        pawl_err code = ask->kind == PAWL_ASK_RETURN ? PAWL_LOST : PAWL_UNKNOWN;
        (void)pawl_fail(&ask->error, code, "the simulated store lost the answer");
    }
}

static void copy_answer(struct pawl_ask *to, const struct request *request)
{
    to->error = request->ask.error;
    to->grant = request->ask.grant;
    to->burned = request->ask.burned;
    to->skipped = request->ask.skipped;
    if (to->identity != NULL && to->error.code == PAWL_OK) *to->identity = request->identity;
    if (to->record != NULL && to->error.code == PAWL_OK) *to->record = request->record;
}

static void answered(void *object, uint64_t arg)
{
    struct request *request = object;
    struct connection *connection = request->connection;

    (void)arg;
    if (!connection->open || !pending_remove(connection, request)) {
        if (request->served) sim_account_unheard(connection->store->sim, &request->ask, true);
        spare(connection->store, request);
        return;
    }
    struct pawl_ask *from = request->from;
    struct sim_node *node = request->node;

    if (request->fate == FATE_REQUEST_LOST || request->fate == FATE_ANSWER_LOST) {
        if (request->served) sim_account_unheard(connection->store->sim, &request->ask, false);
        set_lost(&request->ask);
    }
    copy_answer(from, request);
    spare(connection->store, request);
    if (connection->store->sim->plan.turning) {
        pawl_asks_add(&connection->ready, from);
    } else {
        pawl_ask_answer(from);
    }
    sim_node_wake(node);
}

static uint64_t latency(struct sim_store *store, const struct request *request)
{
    struct sim *sim = store->sim;
    uint64_t ns = 1 + sim_dice(sim, sim->plan.store_latency_ns) + sim_store_stalled_ns(sim);

    return request->slow ? ns + sim_dice(sim, 8 * sim->plan.refill_interval_ns / 4) : ns;
}

static void again(void *object, uint64_t arg)
{
    struct request *request = object;

    (void)arg;
    serve(request->connection->store, request);
    spare(request->connection->store, request);
}

/* A RETURN that the store executes a second time, later: only its version can stop it. */
static void plan_again(struct sim_store *store, const struct request *request)
{
    struct request *second = sim_alloc(store->sim, sizeof *second);

    *second = *request;
    second->again = true;
    second->era = store->sim->era;
    second->ask.name.at = second->name;
    second->ask.record = &second->record;
    sim_after(store->sim, sim_dice(store->sim, 2 * PAWL_NS_PER_S), again, second, 0);
}

static void refuse(struct sim_store *store, struct request *request)
{
    pawl_err code = sim_luck(store->sim, 50) ? PAWL_BUSY : PAWL_STORE;

    (void)pawl_fail(&request->ask.error, code, "the simulated store refuses");
}

static void arrived(void *object, uint64_t arg)
{
    struct request *request = object;
    struct connection *connection = request->connection;
    struct sim_store *store = connection->store;
    struct sim *sim = store->sim;

    (void)arg;
    if (sim->now_ns < store->away_until_ns && request->fate == FATE_SERVED) {
        request->fate = sim_luck(sim, 70) ? FATE_REFUSED : FATE_REQUEST_LOST;
    }
    if (request->fate == FATE_REFUSED) {
        refuse(store, request);
    } else if (request->fate != FATE_REQUEST_LOST) {
        if (request->ask.kind == PAWL_ASK_RETURN && sim->plan.faults.twice && !sim->calm &&
            sim_luck(sim, TWICE_PERCENT)) {
            plan_again(store, request);
        }
        serve(store, request);
        request->served = true;
    }
    uint64_t at_ns = sim->now_ns + latency(store, request);

    if (sim->plan.in_order && at_ns < connection->answer_ns) at_ns = connection->answer_ns + 1;
    connection->answer_ns = at_ns;
    sim_at(sim, at_ns, answered, request, 0);
}

/* Asking. */

static enum fate draw_fate(struct sim *sim)
{
    if (sim->calm) return FATE_SERVED;
    if (sim->plan.faults.refuse && sim_luck(sim, REFUSE_PERCENT)) return FATE_REFUSED;
    if (sim->plan.faults.lose && sim_luck(sim, LOSE_PERCENT)) return FATE_REQUEST_LOST;
    if (sim->plan.faults.lose && sim_luck(sim, LOSE_PERCENT)) return FATE_ANSWER_LOST;
    return FATE_SERVED;
}

static struct request *request_new(struct connection *connection, struct pawl_ask *ask)
{
    struct sim_store *store = connection->store;
    struct request *request = store->spare;

    if (request != NULL) store->spare = request->next;
    if (request == NULL) request = sim_alloc(store->sim, sizeof *request);
    request->ask = *ask;
    request->from = ask;
    request->connection = connection;
    request->node = connection->node;
    request->again = request->served = false;
    PAWL_ASSERT(ask->name.size <= sizeof request->name);
    if (ask->name.size > 0) memcpy(request->name, ask->name.at, ask->name.size);
    request->ask.name.at = request->name;
    if (ask->definition != NULL) request->definition = *ask->definition;
    if (ask->definition != NULL) request->ask.definition = &request->definition;
    request->ask.record = &request->record;
    request->identity = (struct pawl_identity){.name_size = 0};
    if (ask->identity != NULL) request->identity = *ask->identity;
    request->ask.error.code = PAWL_OK;
    return request;
}

static void store_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct connection *connection = PAWL_OWNER(self, struct connection, source);
    struct sim *sim = connection->store->sim;
    struct request *request = request_new(connection, ask);

    request->fate = draw_fate(sim);
    request->slow = !sim->calm && sim->plan.faults.slow && sim_luck(sim, SLOW_PERCENT);
    request->blind = !sim->calm && sim->plan.faults.blind && sim_luck(sim, BLIND_PERCENT);
    request->next = connection->pending;
    connection->pending = request;
    uint64_t at_ns = sim->now_ns + latency(connection->store, request);

    if (sim->plan.in_order && at_ns < connection->arrive_ns) at_ns = connection->arrive_ns + 1;
    connection->arrive_ns = at_ns;
    sim_at(sim, at_ns, arrived, request, 0);
}

static uint64_t store_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct connection *connection = PAWL_OWNER(self, struct connection, source);
    struct pawl_ask *ask;

    (void)now_ns;
    while ((ask = pawl_asks_pop(&connection->ready)) != NULL) {
        pawl_ask_answer(ask);
    }
    return PAWL_NEVER;
}

static void store_close(struct pawl_source *self)
{
    struct connection *connection = PAWL_OWNER(self, struct connection, source);

    (void)store_turn(self, 0);
    connection->open = false;
    while (connection->pending != NULL) {
        struct request *request = connection->pending;
        struct pawl_ask *from = request->from;
        struct pawl_ask lost = *from;

        connection->pending = request->next; /* the request itself is still under way */
        set_lost(&lost);
        from->error = lost.error;
        from->burned = lost.burned;
        pawl_ask_answer(from);
    }
}

static const struct pawl_source_ops store_ops = {
    .scheme = "sim",
    .ask = store_ask,
    .turn = store_turn,
    .close = store_close,
};

struct pawl_source *sim_store_connect(struct sim_node *node)
{
    struct connection *connection = sim_alloc(node->sim, sizeof *connection);

    *connection = (struct connection){
        .source = {&store_ops}, .store = node->sim->store, .node = node, .open = true};
    return &connection->source;
}

/* What befalls it. */

void sim_store_new(struct sim *sim)
{
    struct sim_store *store = sim_alloc(sim, sizeof *store);

    store->sim = sim;
    store->within = (struct pawl_records_within){within_get, within_put};
    store->random = pawl_random(&sim->random);
    for (int i = 0; i < SIM_SEQS; i++) {
        (void)pawl_name_set(&store->now.records[i].name, sim_seq_name(sim, i), NULL);
    }
    store->kept = store->now;
    sim->store = store;
}

void sim_store_away(struct sim *sim, uint64_t until_ns)
{
    sim->store->away_until_ns = until_ns;
    SIM_NOTE(sim, SIM_NO_SEQ, -1, .what = "store is away for %lld us",
             .a = (long long)((until_ns - sim->now_ns) / 1000));
}

void sim_store_stall(struct sim *sim, uint64_t until_ns)
{
    sim->store->stalled_until_ns = until_ns;
    SIM_NOTE(sim, SIM_NO_SEQ, -1, .what = "store hangs for %lld us",
             .a = (long long)((until_ns - sim->now_ns) / 1000));
}

uint64_t sim_store_stalled_ns(const struct sim *sim)
{
    uint64_t until_ns = sim->store->stalled_until_ns;

    return until_ns > sim->now_ns ? until_ns - sim->now_ns : 0;
}

void sim_store_keep(struct sim *sim)
{
    sim->store->kept = sim->store->now;
    sim->store->kept.history = sim->history;
}

void sim_store_rewind(struct sim *sim)
{
    sim->era++;
    sim->store->now = sim->store->kept;
    sim_history_back(sim, &sim->store->kept.history);
    for (int i = 0; i < SIM_SEQS; i++) {
        sim_rewound(sim, i, sim->store->now.reached[i]);
        SIM_NOTE(sim, i, -1, .what = "store goes back: next %lld, version %lld",
                 .a = sim->store->now.records[i].next,
                 .b = (long long)sim->store->now.records[i].version);
    }
}

bool sim_store_is_away(const struct sim *sim)
{
    return sim->now_ns < sim->store->away_until_ns;
}

int64_t sim_store_wall_s(void *arg)
{
    const struct sim *sim = arg;

    return WALL_S + sim->wall_shift_s + (int64_t)(sim->now_ns / PAWL_NS_PER_S);
}

void sim_store_put(struct sim *sim, int seq, const struct pawl_record *record)
{
    struct pawl_record *now = &sim->store->now.records[seq];

    if (now->epoch != 0 && record->version <= now->version) {
        sim_fail(sim, seq, "version", "a write did not raise it");
    }
    *now = *record;
    sim->history.position++;
}

void sim_store_reached(struct sim *sim, int seq)
{
    sim->store->now.reached[seq] = sim->seqs[seq].reached;
}

bool sim_store_has_renamed(const struct sim *sim)
{
    return sim->store->now.renamed;
}

const struct pawl_record *sim_store_record(const struct sim *sim, int seq)
{
    return &sim->store->now.records[seq];
}
