/* SPDX-License-Identifier: Apache-2.0 */
#include "whole_server.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meter.h"

enum {
    NAME_BYTES = 16,
    GROW_S = 300,
    STEADY_S = 120,
    AWAY_S = 180,
    BACK_MAX_S = 3600,
    PARTS = 50, /* of a second: a fiftieth of the sequences is used in each */
};

struct used {
    struct pawl_ask ask;
    struct pawl_holding *holding;
    bool dry;
    char name[NAME_BYTES];
};

struct world {
    struct meter meter;
    struct pawl_keeper *keeper;
    struct used *used;
    uint32_t count, dry;
    uint64_t now_ns;
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "whole_server: %s\n", what);
    exit(1);
}

static void wake(void *arg)
{
    (void)arg; /* it is turned in every part of a second */
}

static void turn(struct world *world)
{
    while (pawl_keeper_turn(world->keeper, world->now_ns) <= world->now_ns) {
    }
}

static void opened(struct pawl_ask *ask)
{
    if (ask->error.code != PAWL_OK) die(ask->error.text);
    if (ask->kind == PAWL_ASK_OPEN) PAWL_OWNER(ask, struct used, ask)->holding = ask->holding;
}

static void ask_each(struct world *world, enum pawl_ask_kind kind)
{
    static const pawl_definition definition = {0};

    for (uint32_t i = 0; i < world->count; i++) {
        struct used *used = &world->used[i];

        (void)snprintf(used->name, sizeof used->name, "seq%" PRIu32, i);
        used->ask = (struct pawl_ask){.kind = kind, .definition = &definition, .done = opened};
        used->ask.name = (struct pawl_bytes){used->name, strlen(used->name)};
        pawl_source_ask(pawl_keeper_source(world->keeper), &used->ask);
    }
    turn(world);
}

/* One id of each sequence whose turn it is. */
static void use_part(struct world *world, uint32_t part)
{
    for (uint32_t i = part; i < world->count; i += PARTS) {
        struct used *used = &world->used[i];
        int64_t id;
        bool dry = !pawl_stock_next(used->holding->stock, &id);

        world->dry += dry;
        world->dry -= used->dry;
        used->dry = dry;
    }
}

static void one_second(struct world *world)
{
    for (uint32_t part = 0; part < PARTS; part++) {
        world->now_ns += PAWL_NS_PER_S / PARTS;
        use_part(world, part);
        turn(world);
    }
}

static uint64_t held(const struct world *world)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < world->count; i++) {
        sum += pawl_stock_left(world->used[i].holding->stock) >= 55;
    }
    return sum;
}

static void go_away(struct world *world, struct whole_server *server)
{
    uint64_t tries = 0;

    world->meter.away = true;
    server->dry_after_s = AWAY_S;
    for (int second = 0; second < AWAY_S; second++) {
        if (second == AWAY_S - 60) tries = world->meter.tries;
        one_second(world);
        if (world->dry > 0 && second < server->dry_after_s) server->dry_after_s = second;
    }
    server->tries = (double)(world->meter.tries - tries) / 60;
    world->meter.away = false;
}

static void come_back(struct world *world, struct whole_server *server)
{
    for (int second = 1; second <= BACK_MAX_S; second++) {
        uint64_t before = world->meter.writes;

        one_second(world);
        double writes = (double)(world->meter.writes - before);

        if (writes > server->most_writes) server->most_writes = writes;
        if (world->dry > 0) server->serve_after_s = second;
        if (held(world) == world->count) {
            server->full_after_s = second;
            return;
        }
    }
    die("it does not fill up again");
}

void whole_server_measure(struct whole_server *server)
{
    struct world world = {.count = server->sequences, .now_ns = PAWL_NS_PER_S};
    struct pawl_keeper_settings settings = meter_keeper_settings(1, wake, NULL);

    settings.ledger_since = 1;
    world.used = calloc(world.count, sizeof *world.used);
    meter_open(&world.meter, 1);
    world.keeper = pawl_keeper_new(&world.meter.source, &settings);
    if (world.used == NULL || world.keeper == NULL) die("no memory");
    ask_each(&world, PAWL_ASK_CREATE);

    size_t before = mallinfo2().uordblks;

    ask_each(&world, PAWL_ASK_OPEN);
    for (int second = 0; second < GROW_S; second++) {
        one_second(&world);
    }
    server->bytes = (double)(mallinfo2().uordblks - before) / world.count;
    uint64_t writes = world.meter.writes;

    for (int second = 0; second < STEADY_S; second++) {
        one_second(&world);
    }
    server->steady_writes = (double)(world.meter.writes - writes) / STEADY_S;
    go_away(&world, server);
    come_back(&world, server);
    pawl_keeper_free(world.keeper);
    meter_close(&world.meter);
    free(world.used);
}
