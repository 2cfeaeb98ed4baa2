/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ride-through with the settings that everybody has: clients draw at steady rates through a server;
 * once blocks have grown the store is away for 60 s, and then the server for 30 s. No call waits
 * and none fails: each id is at hand in the moment that it is wished for.
 *
 *     PAWL_SEED=n    replays one run; PAWL_TRACE=1 tells everything that happens in it
 *     PAWL_SEEDS=n   so many runs instead of 60
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim_admin.h"

enum {
    SEEDS = 60,
    CLIENTS = 3,
    DRAWERS_MAX = 2 * CLIENTS,
    RETRY_MS = 50,
    REFILL_S = 30,
    RIDE_S = 60,
    GROWN_INTERVALS = 5, /* refill intervals until blocks have grown */
    STORE_AWAY_S = 60,
    SERVER_AWAY_S = 30,
    AFTERWARDS_S = 90,
};

/* A thread that takes one id after each period, by pawl_next. */
struct drawer {
    struct sim_node *node;
    int seq, index;
    uint64_t period_ns, drawn;
    struct pawl_ask ask;
    struct pawl_holding *holding;
    struct sim_context context;
    bool asked;
};

struct ride {
    struct sim sim;
    struct sim_node *server;
    struct drawer drawers[DRAWERS_MAX];
    uint64_t steady_ns; /* from here on no call may wait */
    uint64_t ids;
};

static struct ride ride;

static void draws(void *object, uint64_t arg);

static void draw_again(struct drawer *drawer, uint64_t ns)
{
    sim_after(&ride.sim, ns, draws, drawer, 0);
}

static void answered(struct pawl_ask *ask)
{
    struct drawer *drawer = PAWL_OWNER(ask, struct drawer, ask);

    drawer->asked = false;
    if (ask->kind == PAWL_ASK_OPEN && ask->error.code == PAWL_OK) drawer->holding = ask->holding;
}

/* As pawl_seq_open does, or pawl_next when nothing is at hand. */
static void ask_keeper(struct drawer *drawer, enum pawl_ask_kind kind)
{
    if (drawer->asked) return;
    drawer->ask = (struct pawl_ask){
        .kind = kind,
        .name = sim_seq_name(&ride.sim, drawer->seq),
        .count = kind == PAWL_ASK_OPEN ? 0 : 1,
        .holding = drawer->holding,
        .deadline_ns = ride.sim.now_ns + 5 * PAWL_NS_PER_S,
        .done = answered,
    };
    drawer->asked = true;
    pawl_source_ask(drawer->node->source, &drawer->ask);
    sim_node_wake(drawer->node);
}

static void draws(void *object, uint64_t arg)
{
    struct drawer *drawer = object;
    struct sim *sim = &ride.sim;
    pawl_ids ids = {.increment = 1, .count = 1};

    (void)arg;
    if (sim->quiet) return;
    if (!sim->made || drawer->holding == NULL) {
        if (sim->made) ask_keeper(drawer, PAWL_ASK_OPEN);
        draw_again(drawer, RETRY_MS * PAWL_NS_PER_MS);
        return;
    }
    struct sim_call call = sim_call_begin(sim, drawer->seq, &drawer->context);
    if (pawl_stock_next(drawer->holding->stock, &ids.first)) {
        drawer->node->taken++;
        drawer->drawn++;
        sim_call_end(drawer->node, drawer->seq, call, ids, &drawer->context);
    } else if (sim->now_ns >= ride.steady_ns) {
        sim_fail(sim, drawer->seq, "ride-through",
                 "drawer %d, an id each %" PRIu64 " us, has to wait %.3f s after the store left",
                 drawer->index, drawer->period_ns / PAWL_NS_PER_US,
                 (double)(sim->now_ns - ride.steady_ns) / 1e9);
    } else {
        ask_keeper(drawer, PAWL_ASK_WAIT);
    }
    draw_again(drawer, drawer->period_ns);
}

static void draw_plan(struct sim *sim)
{
    static const uint64_t latencies_us[] = {1, 100, 2000, 20000};
    struct sim_plan *plan = &sim->plan;

    plan->in_order = sim_luck(sim, 50);
    plan->turning = sim_luck(sim, 40);
    plan->records = sim_luck(sim, 50);
    plan->advances = sim_luck(sim, 60);
    plan->store_latency_ns = latencies_us[sim_dice(sim, 4)] * PAWL_NS_PER_US;
    plan->net_latency_ns = latencies_us[sim_dice(sim, 4)] * PAWL_NS_PER_US;
    plan->wake_latency_ns = latencies_us[sim_dice(sim, 3)] * PAWL_NS_PER_US;
    plan->refill_interval_ns = REFILL_S * PAWL_NS_PER_S;
    plan->ride_through_ns = RIDE_S * PAWL_NS_PER_S;
    plan->chaos_until_ns = PAWL_NEVER / 2;
    plan->live_until_ns = PAWL_NEVER / 2;
}

static void draw_drawers(struct sim *sim)
{
    static const uint64_t periods_us[] = {700000, 90000, 11000, 4100};

    for (int i = 0; i < DRAWERS_MAX; i++) {
        struct drawer *drawer = &ride.drawers[i];

        *drawer = (struct drawer){.node = sim->nodes[1 + i / 2],
                                  .seq = (int)sim_dice(sim, 2),
                                  .index = i,
                                  .period_ns = periods_us[sim_dice(sim, 4)] * PAWL_NS_PER_US};
        draw_again(drawer, RETRY_MS * PAWL_NS_PER_MS);
    }
}

static void run_for(struct sim *sim, uint64_t ns)
{
    uint64_t until_ns = sim->now_ns + ns;

    while (sim_step(sim, until_ns)) {
    }
}

static void begin(struct sim *sim, uint64_t seed)
{
    sim_begin(sim, seed);
    draw_plan(sim);
    sim_seqs_draw(sim);
    for (int i = 0; i < 2; i++) { /* a fixed block is a limit that people set themselves */
        sim->seqs[i].definition.given &= ~(uint32_t)PAWL_GIVEN_BLOCK;
        sim->seqs[i].definition.block = 0;
    }
    sim_store_new(sim);
    sim->layers = 2;
    ride.server = sim_node_new(sim, SIM_SERVER, 1, NULL);
    sim_node_start(ride.server);
    for (int i = 0; i < CLIENTS; i++) {
        sim_node_start(sim_node_new(sim, SIM_CLIENT, 2, "pawl://n0"));
    }
    (void)sim_admin_new(sim);
    draw_drawers(sim);
}

static void end(struct sim *sim)
{
    sim->quiet = true;
    for (size_t i = sim->node_count; i > 0; i--) {
        sim_node_crash(sim->nodes[i - 1], false);
    }
    run_for(sim, PAWL_NEVER - 1 - sim->now_ns);
    for (int i = 0; i < DRAWERS_MAX; i++) {
        ride.ids += ride.drawers[i].drawn;
    }
    sim_end(sim);
}

/* By kill -9, or by SIGTERM: then it drains and gives back first. */
static void server_leaves(struct sim *sim)
{
    if (sim_luck(sim, 50)) {
        sim_node_crash(ride.server, false);
    } else {
        sim_node_stop(ride.server, false);
    }
}

static void run(uint64_t seed)
{
    struct sim *sim = &ride.sim;

    ride.steady_ns = PAWL_NEVER;
    begin(sim, seed);
    bool both = sim_luck(sim, 50); /* the store comes back no sooner than the server */
    uint64_t away_s = both ? STORE_AWAY_S + SERVER_AWAY_S : STORE_AWAY_S;

    run_for(sim, GROWN_INTERVALS * sim->plan.refill_interval_ns +
                     sim_dice(sim, sim->plan.refill_interval_ns));
    ride.steady_ns = sim->now_ns;
    sim_store_away(sim, sim->now_ns + away_s * PAWL_NS_PER_S);
    run_for(sim, STORE_AWAY_S * PAWL_NS_PER_S);
    server_leaves(sim);
    run_for(sim, SERVER_AWAY_S * PAWL_NS_PER_S);
    sim_node_start(ride.server);
    run_for(sim, AFTERWARDS_S * PAWL_NS_PER_S);
    end(sim);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

int main(void)
{
    bool one = getenv("PAWL_SEED") != NULL;
    uint64_t first = one ? number("PAWL_SEED", 1) : 1;
    uint64_t seeds = one ? 1 : number("PAWL_SEEDS", SEEDS);

    for (uint64_t seed = first; seed < first + seeds; seed++) {
        run(seed);
    }
    (void)printf("%" PRIu64 " seeds, %" PRIu64 " ids: no call waited\n", seeds, ride.ids);
    return 0;
}
