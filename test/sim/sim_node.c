/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_node.h"

#include <inttypes.h>

#include "client/fleet.h"
#include "sim_net.h"

enum {
    TURNS_MAX = 50000,  /* of one node in one run: more means that it spins */
    TURNS_PER_ASK = 8,  /* but for those in which ids come: near an end one by one, for many */
    REFILLS_MAX = 4,    /* in one refill interval */
    PATIENCE_MS = 5000, /* for draining */
};

static uint64_t read_count(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* Ids that left the stock, as the users know it. */
uint64_t sim_node_taken(const struct sim_node *node)
{
    return node->taken + node->unread + sim_users_in_lanes(node);
}

bool sim_burned_here(int cause)
{
    return cause != PAWL_CAUSE_CRASH && cause != PAWL_CAUSE_UNREPORTED &&
           cause != PAWL_CAUSE_UNREAD;
}

/* Ids that came to this keeper are somewhere, and in one place. */
void sim_node_check(struct sim_node *node)
{
    if (node->keeper == NULL) return;
    const struct pawl_counts *counts = pawl_keeper_counts(node->keeper);
    uint64_t came = read_count(&counts->reserved) + read_count(&counts->returned);
    uint64_t went = read_count(&counts->handed) + read_count(&counts->leased) +
                    read_count(&counts->given_back) + read_count(&counts->held);

    for (int cause = 0; cause < PAWL_CAUSE_COUNT; cause++) {
        if (sim_burned_here(cause)) went += read_count(&counts->burned[cause]);
    }
    if (came != went) {
        sim_fail(node->sim, SIM_NO_SEQ, "conserved",
                 "node %d: %" PRIu64 " ids came, %" PRIu64 " are accounted for", node->index, came,
                 went);
    }
    sim_books_check(node);
    uint64_t taken = sim_node_taken(node);

    if (node->role == SIM_SERVER) taken = UINT64_MAX; /* what its clients got travels */
    if (read_count(&counts->reserved) > node->granted || read_count(&counts->handed) > taken) {
        sim_fail(node->sim, SIM_NO_SEQ, "conserved",
                 "node %d books %" PRIu64 " reserved of %" PRIu64 " granted, %" PRIu64
                 " handed of %" PRIu64 " taken",
                 node->index, read_count(&counts->reserved), node->granted,
                 read_count(&counts->handed), taken);
    }
}

void sim_node_grown(struct sim_node *node)
{
    for (int i = 0; i < SIM_SEQS; i++) {
        node->refills_grown[i] = node->refills[i];
    }
}

/*
 * Once blocks have grown a sequence costs few writes (design 4.5): asked for where nothing is wrong
 * and nobody changes anything, of sequences whose end or lap is far.
 */
void sim_node_check_few(struct sim_node *node, uint64_t intervals)
{
    for (int i = 0; i < SIM_SEQS; i++) {
        const struct sim_seq *about = &node->sim->seqs[i];
        uint64_t refills = node->refills[i] - node->refills_grown[i];

        if (about->global || about->small || about->cycle || about->definition.block > 0) continue;
        if (refills <= REFILLS_MAX * intervals) continue;
        sim_fail(node->sim, i, "few writes",
                 "node %d refilled %" PRIu64 " times in %" PRIu64 " refill intervals", node->index,
                 refills, intervals);
    }
}

void sim_nodes_check_links(struct sim *sim, int depth)
{
    uint64_t leased = 0;
    uint64_t came = 0;
    uint64_t returned = 0;
    uint64_t given_back = 0;

    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = sim->nodes[i];

        if (node->depth == depth + 1) {
            came += node->leased;
            given_back += node->given_back;
        } else if (node->depth == depth && node->keeper != NULL) {
            leased += read_count(&pawl_keeper_counts(node->keeper)->leased);
            returned += read_count(&pawl_keeper_counts(node->keeper)->returned);
        }
    }
    if (leased == came && returned == given_back) return;
    sim_fail(sim, SIM_NO_SEQ, "conserved",
             "servers of depth %d leased %" PRIu64 " ids, %" PRIu64 " came; %" PRIu64
             " were given back, they took %" PRIu64,
             depth, leased, came, given_back, returned);
}

/* Before it goes: the books agree to the last id. */
static void check_end(struct sim_node *node)
{
    const struct pawl_counts *counts = pawl_keeper_counts(node->keeper);

    sim_node_check(node);
    if (read_count(&counts->held) == 0 && read_count(&counts->reserved) == node->granted &&
        (node->role == SIM_SERVER || read_count(&counts->handed) == sim_node_taken(node))) {
        return;
    }
    sim_fail(node->sim, SIM_NO_SEQ, "conserved",
             "node %d at its end holds %" PRIu64 ", reserved %" PRIu64 " of %" PRIu64
             " granted, handed %" PRIu64 " of %" PRIu64 " taken and %" PRIu64 " unread",
             node->index, read_count(&counts->held), read_count(&counts->reserved), node->granted,
             read_count(&counts->handed), node->taken, node->unread);
}

static void ended(struct sim_node *node);

static void turn(void *object, uint64_t life)
{
    struct sim_node *node = object;
    struct sim *sim = node->sim;

    if (life != node->life || node->keeper == NULL || node->turn_ns != sim->now_ns) return;
    node->turn_ns = PAWL_NEVER;
    if (++node->turns > TURNS_MAX + TURNS_PER_ASK * node->asked) {
        sim_fail(sim, SIM_NO_SEQ, "polls", "node %d was turned %" PRIu64 " times", node->index,
                 node->turns);
    }
    uint64_t next_ns = pawl_keeper_turn(node->keeper, sim->now_ns);

    sim_node_check(node);
    if (node->closing && (pawl_keeper_drained(node->keeper) || sim->now_ns >= node->patience_ns)) {
        ended(node);
        return;
    }
    if (node->closing && next_ns > node->patience_ns) next_ns = node->patience_ns;
    sim_node_turn_at(node, next_ns);
}

void sim_node_turn_at(struct sim_node *node, uint64_t at_ns)
{
    if (at_ns <= node->sim->now_ns) at_ns = node->sim->now_ns + 1;
    if (at_ns >= node->turn_ns || node->keeper == NULL) return;
    node->turn_ns = at_ns;
    sim_at(node->sim, at_ns, turn, node, node->life);
}

void sim_node_wake(struct sim_node *node)
{
    sim_node_turn_at(node,
                     node->sim->now_ns + 1 + sim_dice(node->sim, node->sim->plan.wake_latency_ns));
}

static void keeper_wakes(void *arg)
{
    struct sim_node *node = arg;

    if (!node->dead) sim_node_wake(node);
}

static void keeper_idle(struct pawl_holding *holding, void *arg)
{
    struct sim_node *node = arg;

    if (node->dead) return;
    if (node->server != NULL) sim_server_idle(node->server, holding);
}

struct sim_node *sim_node_new(struct sim *sim, enum sim_role role, int depth, const char *url)
{
    struct sim_node *node = sim_alloc(sim, sizeof *node);

    PAWL_ASSERT(sim->node_count < SIM_NODES_MAX);
    *node = (struct sim_node){.sim = sim,
                              .index = (int)sim->node_count,
                              .role = role,
                              .depth = depth,
                              .url = url,
                              .turn_ns = PAWL_NEVER};
    sim_books_draw(node);
    sim_guard_draw(node);
    node->net = sim_alloc(sim, sizeof *node->net);
    sim_net_init(node->net, sim, node->index);
    sim->nodes[sim->node_count++] = node;
    return node;
}

static struct pawl_source *fleet_new(struct sim_node *node)
{
    struct sim *sim = node->sim;
    struct pawl_source *fleet = NULL;
    struct pawl_fleet_settings settings = {
        .seed = pawl_random(&sim->random),
        .exchange_ns = 2 * PAWL_NS_PER_S,
        .refill_interval_ns = sim->plan.refill_interval_ns,
        .retry_least_ns = 10 * PAWL_NS_PER_MS,
        .retry_most_ns = 500 * PAWL_NS_PER_MS,
        .wake = keeper_wakes,
        .arg = node,
    };
    pawl_err err = pawl_fleet_new(node->url, &node->net->net, &settings, &fleet, NULL);

    PAWL_ASSERT(err == PAWL_OK);
    return fleet;
}

static struct pawl_source *below_new(struct sim_node *node)
{
    if (node->url != NULL) return fleet_new(node);
    return node->sim->plan.records ? sim_records_connect(node) : sim_store_connect(node);
}

void sim_node_start(struct sim_node *node)
{
    struct sim *sim = node->sim;
    struct pawl_keeper_settings settings = {
        .pace = {.ride_through_ns = sim->plan.ride_through_ns,
                 .refill_interval_ns = sim->plan.refill_interval_ns,
                 .max_blocks = 1000},
        .retry_least_ns = 10 * PAWL_NS_PER_MS,
        .retry_most_ns = 2 * PAWL_NS_PER_S,
        .seed = pawl_random(&sim->random),
        .wake = keeper_wakes,
        .idle = keeper_idle,
        .arg = node,
        .ledger_since = 1,
        .archive = node->ledger.kept ? &node->ledger.archive : NULL,
    };

    PAWL_ASSERT(node->keeper == NULL);
    sim_books_start(node);
    node->life++;
    node->dead = node->closing = false;
    node->granted = node->leased = node->given_back = 0;
    node->taken = node->unread = node->turns = node->asked = 0;
    node->turn_ns = PAWL_NEVER;
    for (int i = 0; i < SIM_SEQS; i++) {
        node->books[i] = (struct sim_book){.spans = NULL};
        node->contexts[i] = (struct sim_context){.forgets = 0};
    }
    node->tap = sim_tap_new(node, sim_guard_over(node, below_new(node)));
    node->keeper = pawl_keeper_new(sim_tap_source(node->tap), &settings);
    PAWL_ASSERT(node->keeper != NULL);
    node->source = pawl_keeper_source(node->keeper);
    node->up = true;
    if (node->role == SIM_SERVER) sim_server_start(node);
    SIM_NOTE(sim, SIM_NO_SEQ, node->index, .what = "starts");
    sim_node_wake(node);
}

static void starts_again(void *object, uint64_t life)
{
    struct sim_node *node = object;

    if (life == node->life && node->keeper == NULL && !node->sim->quiet) sim_node_start(node);
}

/* Its memory goes, and the world hears nothing of it: what is below is closed first. */
static void bury(struct sim_node *node, bool crashed)
{
    struct sim *sim = node->sim;
    struct pawl_source *below = sim_tap_source(node->tap);

    sim_node_check(node);
    sim_account_close(node);
    sim_books_close(node, crashed);
    node->up = node->closing = false;
    node->dead = true;
    sim_net_left(node->net);
    below->ops->close(below);
    pawl_keeper_drain(node->keeper);
    while (!pawl_keeper_drained(node->keeper)) {
        (void)pawl_keeper_turn(node->keeper, sim->now_ns);
    }
    if (node->server != NULL) sim_server_bury(node->server);
    node->server = NULL;
    pawl_keeper_free(node->keeper);
    node->keeper = NULL;
    node->source = NULL;
    sim_users_orphaned(node);
    if (node->again) {
        sim_after(sim, sim_dice(sim, 2 * PAWL_NS_PER_S), starts_again, node, node->life);
    }
}

void sim_node_crash(struct sim_node *node, bool again)
{
    if (node->keeper == NULL) return;
    SIM_NOTE(node->sim, SIM_NO_SEQ, node->index, .what = "crashes");
    node->again = again;
    bury(node, true);
}

void sim_node_drain(struct sim_node *node)
{
    node->closing = true;
    node->patience_ns = node->sim->now_ns + PATIENCE_MS * PAWL_NS_PER_MS;
    sim_users_part(node);
    pawl_keeper_drain(node->keeper);
    sim_node_wake(node);
}

void sim_node_stop(struct sim_node *node, bool again)
{
    if (node->keeper == NULL || !node->up) return;
    SIM_NOTE(node->sim, SIM_NO_SEQ, node->index, .what = "closes");
    node->up = false;
    node->again = again;
    if (node->server != NULL) {
        sim_server_drain(node->server);
    } else {
        sim_node_drain(node);
    }
}

/* Nothing that goes wrong, or did lately, can be why it does not. */
static bool must_drain(const struct sim_node *node)
{
    const struct sim_plan *plan = &node->sim->plan;
    uint64_t began_ns = node->patience_ns - PATIENCE_MS * PAWL_NS_PER_MS;

    return began_ns > plan->chaos_until_ns + 4 * plan->refill_interval_ns;
}

static void ended(struct sim_node *node)
{
    if (pawl_keeper_drained(node->keeper)) {
        check_end(node);
        sim_users_check_answered(node);
    } else if (node->sim->plan.faultless || must_drain(node)) {
        sim_fail(node->sim, SIM_NO_SEQ, "live", "node %d does not drain", node->index);
    }
    SIM_NOTE(node->sim, SIM_NO_SEQ, node->index, .what = "ends");
    bury(node, !pawl_keeper_drained(node->keeper));
}
