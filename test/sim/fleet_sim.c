/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole fleets of the real code on a clock, a network and a store of our own, driven by a seed.
 * The laws stand in sim_ledger.h (ids), sim_guard.h (across lives), sim_books.h (gaps), sim_tap.c
 * (asks), sim_node.c (counts) and below.
 *
 *     PAWL_SEED=n    replays one run; PAWL_TRACE=1 tells everything that happens in it
 *     PAWL_SEEDS=n   so many runs instead of 2,000: tools/sim runs more, several at a time
 *     PAWL_SEED_FIRST=n  from this seed on
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim_admin.h"
#include "sim_redis.h"
#include "sim_user.h"

enum {
    SEEDS = 2000,
    CHAOS_INTERVALS = 11, /* refill intervals in which things go wrong */
    LIVE_S = 12,          /* in which everybody must be served afterwards */
    END_S = 30,           /* in which everything ends */
};

static bool drawn(struct sim *sim, uint64_t percent)
{
    return sim_luck(sim, percent);
}

static void draw_faults(struct sim *sim)
{
    struct sim_faults *faults = &sim->plan.faults;

    faults->change = drawn(sim, 50);
    faults->recreate = faults->change && drawn(sim, 40);
    faults->rename = faults->recreate && sim->seed % 3 != 0;
    faults->restart = drawn(sim, 50);
    faults->deploy = faults->restart && drawn(sim, 50);
    faults->night = drawn(sim, 25);
    faults->clock = drawn(sim, 30);
    sim->plan.faultless = drawn(sim, 30);
    if (sim->plan.faultless) return;
    faults->refuse = drawn(sim, 50);
    faults->lose = drawn(sim, 50);
    faults->slow = drawn(sim, 40);
    faults->outage = drawn(sim, 40);
    faults->rewind = drawn(sim, 30);
    faults->blind = faults->rewind && drawn(sim, 30);
    faults->twice = drawn(sim, 30);
    faults->crash = drawn(sim, 50);
    faults->cut = drawn(sim, 50);
    faults->partition = drawn(sim, 40);
    faults->stall = drawn(sim, 30);
    faults->lag = drawn(sim, 30);
}

/* Some intervals to a day, before the hours in which refills are counted. */
static void draw_night(struct sim *sim)
{
    struct sim_plan *plan = &sim->plan;
    uint64_t interval_ns = plan->refill_interval_ns;
    uint64_t most_ns = sim_luck(sim, 50) ? 10 * interval_ns : 24 * 3600 * PAWL_NS_PER_S;
    uint64_t length_ns = interval_ns + sim_dice(sim, most_ns);

    plan->night_ns = 2 * PAWL_NS_PER_S + sim_dice(sim, CHAOS_INTERVALS / 3 * interval_ns);
    plan->morning_ns = plan->night_ns + length_ns;
    plan->chaos_until_ns += length_ns;
}

static void draw_plan(struct sim *sim)
{
    static const uint64_t latencies_us[] = {1, 100, 2000, 20000};
    struct sim_plan *plan = &sim->plan;

    draw_faults(sim);
    plan->in_order = drawn(sim, 50);
    plan->turning = drawn(sim, 40);
    plan->records = drawn(sim, 50);
    plan->advances = drawn(sim, 60);
    plan->identity = (enum sim_identity)sim_dice(sim, SIM_IDENTITIES);
    sim->history = (struct sim_history){.branch = ++sim->branches, .position = 1, .number = 1};
    plan->store_latency_ns = latencies_us[sim_dice(sim, 4)] * PAWL_NS_PER_US;
    plan->net_latency_ns = latencies_us[sim_dice(sim, 4)] * PAWL_NS_PER_US;
    plan->wake_latency_ns = latencies_us[sim_dice(sim, 3)] * PAWL_NS_PER_US;
    plan->refill_interval_ns = (400 + sim_dice(sim, 1200)) * PAWL_NS_PER_MS;
    plan->ride_through_ns = (400 + sim_dice(sim, 3000)) * PAWL_NS_PER_MS;
    plan->chaos_until_ns = 2 * PAWL_NS_PER_S + (uint64_t)CHAOS_INTERVALS * plan->refill_interval_ns;
    if (plan->faults.night) draw_night(sim);
    plan->live_until_ns = plan->chaos_until_ns + (uint64_t)LIVE_S * PAWL_NS_PER_S;
}

/* Servers on the store or on each other; some of what they serve is taken by Redis clients. */
static size_t draw_servers(struct sim *sim, char *url, size_t room)
{
    size_t servers = 1 + sim_dice(sim, 3);
    bool chain = sim_luck(sim, 30);
    const char *comma = "";
    int size = snprintf(url, room, "pawl://");

    if (chain) sim_node_start(sim_node_new(sim, SIM_SERVER, 1, NULL));
    for (size_t i = 0; i < servers; i++) {
        struct sim_node *node =
            sim_node_new(sim, SIM_SERVER, chain ? 2 : 1, chain ? "pawl://n0" : NULL);

        sim_node_start(node);
        size += snprintf(url + size, room - (size_t)size, "%sn%d", comma, node->index);
        comma = ",";
    }
    for (uint64_t redises = sim_dice(sim, 4); redises > 0; redises--) {
        struct sim_node *node = sim->nodes[sim_dice(sim, sim->node_count)];

        (void)sim_redis_new(node, (int)sim_dice(sim, SIM_SEQS));
    }
    return sim->node_count;
}

static void draw_fleet(struct sim *sim)
{
    static char url[128];
    bool serving = sim_luck(sim, 70);
    size_t servers = serving ? draw_servers(sim, url, sizeof url) : 0;
    int depth = serving ? sim->nodes[servers - 1]->depth + 1 : 1;
    size_t clients = serving ? 1 + sim_dice(sim, 3) : 2 + sim_dice(sim, 4);
    size_t users = clients + 2 + sim_dice(sim, 8);

    sim->layers = depth;
    for (size_t i = 0; i < clients; i++) {
        sim_node_start(sim_node_new(sim, SIM_CLIENT, depth, serving ? url : NULL));
    }
    for (size_t i = 0; i < users; i++) {
        struct sim_node *node = sim->nodes[servers + sim_dice(sim, clients)];

        (void)sim_user_new(node, (int)sim_dice(sim, SIM_SEQS));
    }
}

/* What goes wrong, one thing at a time. */

static struct sim_node *draw_up(struct sim *sim)
{
    struct sim_node *node = sim->nodes[sim_dice(sim, sim->node_count)];

    return node->up ? node : NULL;
}

/* By seconds, or by years. */
static void jump_clocks(struct sim *sim)
{
    int64_t most_s = sim_luck(sim, 50) ? 100 : 100000000;

    sim->wall_shift_s = (int64_t)sim_dice(sim, 2 * (uint64_t)most_s) - most_s;
    SIM_NOTE(sim, SIM_NO_SEQ, -1, .what = "wall clocks jump: %lld s off", .a = sim->wall_shift_s);
}

static void go_wrong(struct sim *sim)
{
    const struct sim_faults *faults = &sim->plan.faults;
    struct sim_node *node = draw_up(sim);

    switch (sim_dice(sim, 11)) {
    case 0:
        if (faults->outage) {
            sim_store_away(sim, sim->now_ns + sim_dice(sim, 3 * sim->plan.refill_interval_ns));
        }
        break;
    case 1:
        if (faults->rewind && sim_luck(sim, 50)) sim_store_rewind(sim);
        break;
    case 2:
        if (faults->rewind) sim_store_keep(sim);
        break;
    case 3:
        if (faults->crash && node != NULL) sim_node_crash(node, true);
        break;
    case 4:
        if (faults->restart && node != NULL) sim_node_stop(node, true);
        break;
    case 5:
        if (faults->cut) sim_net_cut(sim);
        break;
    case 6:
        if (faults->partition) sim_net_part(sim);
        break;
    case 7:
        sim_fail_over(sim);
        break;
    case 8:
        if (faults->stall) {
            sim_store_stall(sim, sim->now_ns + sim_dice(sim, sim->plan.refill_interval_ns));
        }
        break;
    case 9:
        if (faults->clock) jump_clocks(sim);
        break;
    default:
        if (faults->partition) sim_net_heal(sim);
        break;
    }
}

/* Nobody calls, but servers are restarted and stores restored all the same. */
static void goes_wrong_at_night(void *object, uint64_t arg)
{
    const struct sim_faults *faults = &((struct sim *)object)->plan.faults;
    struct sim *sim = object;
    struct sim_node *node = draw_up(sim);

    (void)arg;
    if (!sim->made) return;
    if (faults->rewind && sim_luck(sim, 30)) sim_store_rewind(sim);
    if (faults->clock) jump_clocks(sim);
    if (node == NULL) return;
    if (faults->crash && sim_luck(sim, 50)) {
        sim_node_crash(node, true);
    } else if (faults->restart) {
        sim_node_stop(node, true);
    }
}

/* What is broken is mended first: hours of attempts to reach each other show nothing new. */
static void night_falls(struct sim *sim)
{
    uint64_t length_ns = sim->plan.morning_ns - sim->plan.night_ns;

    sim_net_heal(sim);
    sim_store_away(sim, sim->now_ns);
    for (uint64_t events = sim_dice(sim, 3); events > 0; events--) {
        sim_after(sim, sim_dice(sim, length_ns), goes_wrong_at_night, sim, 0);
    }
}

static void goes_wrong(void *object, uint64_t arg)
{
    struct sim *sim = object;
    uint64_t soon_ns = 1 + sim_dice(sim, sim->plan.refill_interval_ns);
    uint64_t after_ns = sim_awake(sim, soon_ns);

    (void)arg;
    if (sim->now_ns >= sim->plan.chaos_until_ns) return;
    if (sim->made) go_wrong(sim);
    if (after_ns != soon_ns) night_falls(sim);
    sim_after(sim, after_ns, goes_wrong, sim, 0);
}

/* A deployment: one server after the other is stopped, and the next once that one is back. */
static void deploys(void *object, uint64_t at)
{
    struct sim *sim = object;

    if (sim->now_ns >= sim->plan.chaos_until_ns) return;
    if (at > 0 && !sim->nodes[at - 1]->up) at--; /* not back yet */
    while (at < sim->node_count && sim->nodes[at]->role != SIM_SERVER) {
        at++;
    }
    if (at == sim->node_count) return;
    if (sim->made && sim->nodes[at]->up) sim_node_stop(sim->nodes[at], true);
    sim_after(sim, PAWL_NS_PER_S / 4, deploys, sim, at + 1);
}

static void run_until(struct sim *sim, uint64_t until_ns)
{
    while (sim_step(sim, until_ns)) {
    }
}

/* Everybody goes; the clients first, as they give back to the servers. */
static void end_fleet(struct sim *sim)
{
    for (int depth = sim->layers; depth > 0; depth--) {
        for (size_t i = 0; i < sim->node_count; i++) {
            if (sim->nodes[i]->depth == depth) sim_node_stop(sim->nodes[i], false);
        }
        run_until(sim, sim->now_ns + (uint64_t)END_S * PAWL_NS_PER_S);
        if (depth > 1) sim_books_check_unreported(sim, depth - 1);
        if (depth > 1 && sim->plan.faultless && !sim->plan.faults.restart) {
            sim_nodes_check_links(sim, depth - 1);
        }
    }
    for (size_t i = 0; i < sim->node_count; i++) {
        if (sim->nodes[i]->keeper == NULL) continue;
        sim_fail(sim, SIM_NO_SEQ, "live", "node %zu does not end", i);
    }
}

static void run_chaos(struct sim *sim)
{
    const struct sim_faults *faults = &sim->plan.faults;
    bool steady = sim->plan.faultless && !faults->change && !faults->restart;
    uint64_t intervals = CHAOS_INTERVALS / 2;

    run_until(sim, sim->plan.chaos_until_ns - intervals * sim->plan.refill_interval_ns);
    for (size_t i = 0; i < sim->node_count; i++) {
        sim_node_grown(sim->nodes[i]);
    }
    run_until(sim, sim->plan.chaos_until_ns);
    for (size_t i = 0; i < sim->node_count && steady; i++) {
        sim_node_check_few(sim->nodes[i], intervals);
    }
}

static bool all_served(const struct sim *sim)
{
    uint64_t since_ns = sim->plan.chaos_until_ns;

    return sim_users_starving(sim, since_ns) == NULL && sim_redis_starving(sim, since_ns) == NULL;
}

static void run(struct sim *sim, uint64_t seed)
{
    sim_begin(sim, seed);
    draw_plan(sim);
    sim_seqs_draw(sim);
    sim_store_new(sim);
    draw_fleet(sim);
    (void)sim_admin_new(sim);
    sim_after(sim, sim->plan.refill_interval_ns, goes_wrong, sim, 0);
    if (sim->plan.faults.deploy) {
        sim_after(sim, sim_dice(sim, sim->plan.chaos_until_ns), deploys, sim, 0);
    }

    run_chaos(sim);
    sim->calm = true;
    sim_store_away(sim, sim->now_ns);
    sim_net_heal(sim);
    while (sim->now_ns < sim->plan.live_until_ns && !all_served(sim)) {
        run_until(sim, sim->now_ns + PAWL_NS_PER_S / 4);
    }
    sim_users_check_served(sim, sim->plan.chaos_until_ns);
    sim_redis_check_served(sim, sim->plan.chaos_until_ns);
    sim->quiet = true;
    run_until(sim, sim->now_ns + PAWL_NS_PER_S);
    end_fleet(sim);
    run_until(sim, PAWL_NEVER - 1); /* what is still on its way to nobody */
    sim_account_check(sim);
    sim_end(sim);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* Seeds that once failed, one a line. */
static void run_file(struct sim *sim, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[128];

    if (file == NULL) {
        (void)fprintf(stderr, "cannot read the seeds in %s\n", path);
        exit(2);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '#' && line[0] != '\n') run(sim, strtoull(line, NULL, 10));
    }
    (void)fclose(file);
}

int main(int argc, char **argv)
{
    static struct sim sim;
    uint64_t first = number("PAWL_SEED_FIRST", 1);
    uint64_t seeds = number("PAWL_SEEDS", SEEDS);
    uint64_t steps = 0;
    uint64_t handed = 0;
    uint64_t crash = 0;

    if (getenv("PAWL_SEED") != NULL) {
        first = number("PAWL_SEED", 1);
        seeds = 1;
    } else if (argc > 1) {
        run_file(&sim, argv[1]);
    }
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        run(&sim, seed);
        steps += sim.step;
        handed += sim.handed;
        crash += sim.account.crash;
    }
    (void)printf("%" PRIu64 " seeds, %" PRIu64 " steps, %" PRIu64 " ids, %" PRIu64
                 " burned by crashes: every law holds\n",
                 seeds, steps, handed, crash);
    return 0;
}
