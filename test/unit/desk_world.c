/* SPDX-License-Identifier: Apache-2.0 */
#include "desk_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/work.h"

static void gate_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    pawl_asks_add(&PAWL_OWNER(self, struct world, gate)->held, ask);
}

/* Passed on as it is, so that the store answers the asker itself. */
static uint64_t gate_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct world *world = PAWL_OWNER(self, struct world, gate);

    while (!world->closed && world->held.first != NULL) {
        struct pawl_ask *ask = pawl_asks_pop(&world->held);

        if (ask->kind == PAWL_ASK_LIST) world->lists++;
        if (world->fail != PAWL_OK) {
            pawl_ask_fail(ask, world->fail, "the gate says no");
        } else if (world->vague && ask->kind == PAWL_ASK_LIST) {
            pawl_ask_answer(ask);
        } else {
            world->store->ops->ask(world->store, ask);
        }
    }
    return world->store->ops->turn(world->store, now_ns);
}

static void gate_close(struct pawl_source *self)
{
    (void)self;
}

static const struct pawl_source_ops gate_ops = {"gate", gate_ask, gate_turn, gate_close};

static int64_t wall_s(void *arg)
{
    (void)arg;
    return WORLD_WALL_S;
}

static void ask_done(struct pawl_ask *ask)
{
    struct world *world = PAWL_OWNER(ask, struct desk_ask, ask)->carrier;

    pawl_asks_add(&world->answered, ask);
}

static void submit(struct pawl_ask *ask, void *arg)
{
    struct world *world = arg;

    PAWL_OWNER(ask, struct desk_ask, ask)->carrier = world;
    ask->done = ask_done;
    pawl_asks_add(&world->submitted, ask);
}

static void forget(struct desk_forget *forget, void *arg)
{
    struct world *world = arg;

    assert_true(world->forget_count < PAWL_COUNT(world->forgets));
    world->forgets[world->forget_count++] = forget;
}

static void changed(struct conn *conn, void *arg)
{
    struct world *world = arg;

    world->changed++;
    while (world->reads && conn_output(conn).size > 0) {
        conn_output_sent(conn, conn_output(conn).size, world->now_ns);
    }
}

static void wake(void *arg)
{
    (void)arg;
}

static void idle(struct pawl_holding *holding, void *arg)
{
    ((struct world *)arg)->idle = holding;
}

void world_open(struct world *world, const char *auto_create)
{
    struct pawl_store_options options = {
        .seed = 1, .refill_interval_ns = WORLD_INTERVAL_S * PAWL_NS_PER_S, .wall_s = wall_s};
    struct pawl_keeper_settings keeping = {
        .pace = {60 * PAWL_NS_PER_S, WORLD_INTERVAL_S * PAWL_NS_PER_S, 1000},
        .retry_least_ns = 10 * PAWL_NS_PER_MS,
        .retry_most_ns = 2 * PAWL_NS_PER_S,
        .seed = 1,
        .wake = wake,
        .idle = idle,
        .arg = world,
    };
    struct desk_settings settings = {
        .seed = 1,
        .facts = &world->facts,
        .wall_s = wall_s,
        .submit = submit,
        .forget = forget,
        .changed = changed,
        .arg = world,
    };
    pawl_error error;

    *world = (struct world){.gate = {&gate_ops}, .now_ns = PAWL_NS_PER_S};
    assert_int_equal(pawl_store_open("memory:", &options, &world->store, &error), PAWL_OK);
    world->keeper = pawl_keeper_new(&world->gate, &keeping);
    assert_non_null(world->keeper);
    if (auto_create != NULL) {
        settings.auto_create = (struct pawl_bytes){auto_create, strlen(auto_create)};
    }
    world->desk = desk_new(&settings);
    assert_non_null(world->desk);
    world->facts.version = PAWL_VERSION;
    world->facts.counts = pawl_keeper_counts(world->keeper);
    world->facts.desks = &world->desk;
    world->facts.desk_count = 1;
}

static bool carry(struct world *world)
{
    bool moved = false;

    while (world->submitted.first != NULL) {
        pawl_source_ask(pawl_keeper_source(world->keeper), pawl_asks_pop(&world->submitted));
        moved = true;
    }
    while (world->forget_count > 0) {
        struct desk_forget *one = world->forgets[--world->forget_count];

        pawl_keeper_forget(world->keeper, one->ask);
        desk_forgotten(world->desk, one);
        moved = true;
    }
    (void)pawl_keeper_turn(world->keeper, world->now_ns);
    while (world->answered.first != NULL) {
        desk_answered(world->desk, pawl_asks_pop(&world->answered), world->now_ns);
        moved = true;
    }
    return moved;
}

void world_settle(struct world *world)
{
    const struct desk *desk = world->desk;
    size_t rounds = 0;

    do {
        assert_true(rounds++ < 100000);
        (void)desk_turn(world->desk, world->now_ns);
        /* Work in slices, whose number depends on the machine: until it is done. */
        if (desk->yielded.first != NULL && desk->yield_ns > world->now_ns) {
            world->now_ns = desk->yield_ns;
        }
    } while (carry(world) || desk->yielded.first != NULL);
}

void world_wait(struct world *world, uint64_t ns)
{
    uint64_t end_ns = world->now_ns + ns;

    while (world->now_ns < end_ns) {
        uint64_t step_ns = 5 * PAWL_NS_PER_MS;

        if (end_ns - world->now_ns < step_ns) step_ns = end_ns - world->now_ns;
        world->now_ns += step_ns;
        world_settle(world);
    }
}

void world_close(struct world *world)
{
    world->closed = false;
    world->fail = PAWL_OK;
    world_settle(world);
    assert_int_equal(desk_under_way(world->desk), 0);
    desk_free(world->desk);
    pawl_keeper_drain(world->keeper);
    for (int i = 0; i < 100 && !pawl_keeper_drained(world->keeper); i++) {
        (void)pawl_keeper_turn(world->keeper, world->now_ns);
    }
    assert_true(pawl_keeper_drained(world->keeper));
    pawl_keeper_free(world->keeper);
    world->store->ops->close(world->store);
}

static size_t hear(struct world *world, struct conn *conn, char *text, size_t size)
{
    struct pawl_bytes bytes = conn_output(conn);

    while (bytes.size > 0) {
        assert_true(size + bytes.size < WORLD_ANSWER_BYTES);
        memcpy(text + size, bytes.at, bytes.size);
        size += bytes.size;
        conn_output_sent(conn, bytes.size, world->now_ns);
        bytes = conn_output(conn);
    }
    return size;
}

const char *world_say_bytes(struct world *world, struct conn *conn, struct pawl_bytes bytes)
{
    static char text[WORLD_ANSWER_BYTES];
    size_t size = 0;
    bool moved = true;

    for (size_t at = 0; at < bytes.size || moved;) {
        struct pawl_bytes rest = {bytes.at + at, bytes.size - at};
        size_t before = size;

        at += conn_received(conn, rest, world->now_ns);
        size = hear(world, conn, text, size);
        world_settle(world);
        size = hear(world, conn, text, size);
        moved = size > before;
        if (!moved && !conn_wants_input(conn)) break;
    }
    text[size] = '\0';
    world->answered_size = size;
    return text;
}

const char *world_say(struct world *world, struct conn *conn, const char *text)
{
    return world_say_bytes(world, conn, (struct pawl_bytes){text, strlen(text)});
}

const char *world_heard(struct world *world, struct conn *conn)
{
    return world_say(world, conn, "");
}
