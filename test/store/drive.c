/* SPDX-License-Identifier: Apache-2.0 */
#include "drive.h"

#include "base/clock.h"
#include "net/pump.h"
#include "net/uv_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_S_MAX = 60, WALL_S = 1700000000 };

/* For stores over a network. */
static struct {
    bool made;
    uv_loop_t loop;
    struct pawl_pump pump;
    struct pawl_uv_net net;
} drive_loop;

static void loop_make(void)
{
    if (drive_loop.made) return;
    if (uv_loop_init(&drive_loop.loop) != 0) abort();
    pawl_pump_init(&drive_loop.pump, &drive_loop.loop);
    pawl_uv_net_init(&drive_loop.net, &drive_loop.loop);
    drive_loop.made = true;
}

void drive_until(pawl_pump_turn *turn, void *arg)
{
    loop_make();
    pawl_pump_run(&drive_loop.pump, turn, arg);
}

void drive_settle(void)
{
    if (drive_loop.made) (void)uv_run(&drive_loop.loop, UV_RUN_DEFAULT);
}

static int64_t standing_wall_s(void *arg)
{
    (void)arg;
    return WALL_S;
}

struct pawl_store_options drive_options(uint64_t seed)
{
    loop_make();
    return (struct pawl_store_options){
        .loop = &drive_loop.loop,
        .net = &drive_loop.net.net,
        .seed = seed,
        .refill_interval_ns = 30 * PAWL_NS_PER_S,
        .wall_s = standing_wall_s,
    };
}

static void deed_done(struct pawl_ask *ask)
{
    PAWL_OWNER(ask, struct deed, ask)->answers++;
}

struct deed drive_deed(enum pawl_ask_kind kind, const char *name)
{
    return (struct deed){.ask = {.kind = kind, .name = {name, strlen(name)}, .done = deed_done}};
}

static size_t unanswered(const struct deed *deeds, size_t count)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        if (deeds[i].answers > 1) {
            (void)fprintf(stderr, "ask %zu of %zu was answered twice\n", i, count);
            abort();
        }
        left += deeds[i].answers == 0;
    }
    return left;
}

struct many {
    struct pawl_source **stores;
    size_t store_count;
    const struct deed *deeds;
    size_t count;
    uint64_t end_ns;
};

static uint64_t turn_many(void *arg)
{
    const struct many *many = arg;
    uint64_t next_ns = many->end_ns;

    for (size_t i = 0; i < many->store_count; i++) {
        uint64_t its_ns = many->stores[i]->ops->turn(many->stores[i], pawl_clock_ns());

        if (its_ns < next_ns) next_ns = its_ns;
    }
    size_t left = unanswered(many->deeds, many->count);

    if (left == 0) return PAWL_PUMP_OVER;
    if (pawl_clock_ns() > many->end_ns) {
        (void)fprintf(stderr, "%zu of %zu asks get no answer\n", left, many->count);
        abort();
    }
    return next_ns;
}

void drive_many(struct pawl_source **stores, size_t store_count, struct deed *deeds, size_t count)
{
    struct many many = {stores, store_count, deeds, count,
                        pawl_clock_ns() + WAIT_S_MAX * PAWL_NS_PER_S};

    for (size_t i = 0; i < count; i++) {
        deeds[i].answers = 0;
        pawl_source_ask(stores[i % store_count], &deeds[i].ask);
    }
    drive_until(turn_many, &many);
}

void drive_all(struct pawl_source *store, struct deed *deeds, size_t count)
{
    drive_many(&store, 1, deeds, count);
}

pawl_err drive(struct pawl_source *store, struct deed *deed)
{
    drive_all(store, deed, 1);
    return deed->ask.error.code;
}

pawl_err drive_create(struct pawl_source *store, const char *name,
                      const pawl_definition *definition)
{
    static const pawl_definition defaults = {0};
    struct deed deed = drive_deed(PAWL_ASK_CREATE, name);

    deed.ask.definition = definition != NULL ? definition : &defaults;
    return drive(store, &deed);
}

static pawl_err advance(struct pawl_source *store, struct deed deed, uint64_t count,
                        struct pawl_grant *grant)
{
    deed.ask.count = count;
    pawl_err err = drive(store, &deed);
    *grant = deed.ask.grant;
    return err;
}

pawl_err drive_take(struct pawl_source *store, const char *name, uint64_t count,
                    struct pawl_grant *grant)
{
    return advance(store, drive_deed(PAWL_ASK_TAKE, name), count, grant);
}

pawl_err drive_next(struct pawl_source *store, const char *name, uint64_t count,
                    struct pawl_grant *grant)
{
    return advance(store, drive_deed(PAWL_ASK_NEXT, name), count, grant);
}

pawl_err drive_read(struct pawl_source *store, const char *name, struct pawl_record *record)
{
    struct deed deed = drive_deed(PAWL_ASK_READ, name);

    deed.ask.record = record;
    return drive(store, &deed);
}
