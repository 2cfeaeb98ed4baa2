/* SPDX-License-Identifier: Apache-2.0 */
/* A keeper over a store of one sequence, on a clock of its own: what tests of keepers stand on. */
#ifndef KEEPER_WORLD_H
#define KEEPER_WORLD_H

#include "range/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { INTERVAL_S = 30 };

/* A store of one sequence: answers on its turn, or fails as it is told. */
struct store {
    struct pawl_source source;
    struct pawl_record record;
    struct pawl_asks asks;
    uint64_t random;
    pawl_err fail; /* every ask fails so */
    uint64_t writes, reads, returns;
    bool held_back;                   /* answers nothing */
    bool shared;                      /* others take an id after each of our grants */
    bool stuck;                       /* forgets what it granted, and no floor moves it */
    bool refuses;                     /* moves beyond no floor by itself */
    struct pawl_mark floor, to_floor; /* of the last RENAME */
    struct pawl_mark taken_beyond;    /* the floor of the last TAKE */
};

struct world {
    struct store store;
    struct pawl_keeper *keeper;
    uint64_t now_ns;
};

static inline void store_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    pawl_asks_add(&PAWL_OWNER(self, struct store, source)->asks, ask);
}

static inline uint64_t store_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct store *store = PAWL_OWNER(self, struct store, source);
    struct pawl_moment moment = {.random = &store->random,
                                 .refill_interval_ns = INTERVAL_S * PAWL_NS_PER_S,
                                 .refuse_rollback = store->refuses};

    (void)now_ns;
    while (!store->held_back && store->asks.first != NULL) {
        struct pawl_ask *ask = pawl_asks_pop(&store->asks);

        if (store->fail != PAWL_OK) {
            ask->burned = store->fail == PAWL_LOST ? ask->count : 0;
            pawl_ask_fail(ask, store->fail, "told to fail");
            continue;
        }
        if (ask->kind == PAWL_ASK_RENAME) { /* it takes two records */
            store->floor = ask->floor;
            store->to_floor = ask->to_floor;
            pawl_ask_fail(ask, PAWL_DENIED, "told to fail");
            continue;
        }
        if (ask->kind == PAWL_ASK_RETURN) store->returns++;
        if (ask->kind == PAWL_ASK_TAKE) store->taken_beyond = ask->floor;
        struct pawl_record before = store->record;
        struct pawl_mark floor = ask->floor;

        if (store->stuck) ask->floor.line = 0;
        if (pawl_record_apply(&store->record, ask, &moment)) {
            store->writes++;
            if (store->shared) {
                pawl_record_advance(&store->record, 1);
                store->record.version++;
            }
        } else {
            store->reads++;
        }
        ask->floor = floor;
        if (store->stuck) store->record = before;
        pawl_ask_answer(ask);
    }
    return PAWL_NEVER;
}

static inline void store_close(struct pawl_source *self)
{
    (void)self;
}

static const struct pawl_source_ops store_ops = {"test", store_ask, store_turn, store_close};

static inline void ask_done(struct pawl_ask *ask)
{
    ask->asker++; /* counts its answers: every ask in these tests begins at 0 */
}

static inline void turn(struct world *world, uint64_t after_ns)
{
    world->now_ns += after_ns;
    (void)pawl_keeper_turn(world->keeper, world->now_ns);
}

static inline void do_ask(struct world *world, struct pawl_ask *ask)
{
    ask->done = ask_done;
    ask->asker = 0;
    if (ask->name.size == 0) ask->name = PAWL_BYTES("s");
    pawl_source_ask(pawl_keeper_source(world->keeper), ask);
    turn(world, 1000);
}

static inline struct world *world_with(const pawl_definition *definition, bool refuse_rollback)
{
    struct world *world = calloc(1, sizeof *world);
    struct pawl_keeper_settings settings = {
        .pace = {60 * PAWL_NS_PER_S, INTERVAL_S * PAWL_NS_PER_S, 1000},
        .retry_least_ns = 10 * PAWL_NS_PER_MS,
        .retry_most_ns = 2 * PAWL_NS_PER_S,
        .seed = 1,
        .refuse_rollback = refuse_rollback,
    };

    world->store.source.ops = &store_ops;
    world->now_ns = PAWL_NS_PER_S;
    assert_int_equal(pawl_name_set(&world->store.record.name, PAWL_BYTES("s"), NULL), PAWL_OK);
    world->keeper = pawl_keeper_new(&world->store.source, &settings);
    struct pawl_ask create = {.kind = PAWL_ASK_CREATE, .definition = definition};
    do_ask(world, &create);
    assert_int_equal(create.error.code, PAWL_OK);
    return world;
}

static inline struct world *world_new(const pawl_definition *definition)
{
    return world_with(definition, false);
}

static inline void world_free(struct world *world)
{
    pawl_keeper_free(world->keeper);
    free(world);
}

static inline struct pawl_holding *open_holding(struct world *world)
{
    struct pawl_ask open = {.kind = PAWL_ASK_OPEN};

    do_ask(world, &open);
    assert_int_equal(open.asker, 1);
    assert_int_equal(open.error.code, PAWL_OK);
    return open.holding;
}

/* One id, as a connection takes it: from the stock, or after a wait. */
static inline int64_t next_id(struct world *world, struct pawl_holding *holding)
{
    pawl_ids ids;

    if (!pawl_stock_take(holding->stock, 1, &ids)) {
        struct pawl_ask wait = {.kind = PAWL_ASK_WAIT, .count = 1, .holding = holding};

        do_ask(world, &wait);
        assert_int_equal(wait.asker, 1);
        assert_int_equal(wait.error.code, PAWL_OK);
        assert_true(pawl_stock_take(holding->stock, 1, &ids));
    }
    return ids.first;
}

static inline uint64_t burned(const struct world *world)
{
    const struct pawl_counts *counts = pawl_keeper_counts(world->keeper);
    uint64_t sum = 0;

    for (size_t i = 0; i < PAWL_CAUSE_COUNT; i++) {
        sum += counts->burned[i];
    }
    return sum;
}

static inline void assert_conserved(const struct world *world)
{
    const struct pawl_counts *counts = pawl_keeper_counts(world->keeper);

    assert_int_equal(counts->reserved + counts->returned, counts->handed + counts->leased +
                                                              counts->given_back + counts->held +
                                                              burned(world));
}

/* What askers of their own ask: do_ask counts answers in the asker's place. */
struct asking {
    struct pawl_ask ask;
    bool answered;
};

static inline void asking_done(struct pawl_ask *ask)
{
    PAWL_OWNER(ask, struct asking, ask)->answered = true;
}

static inline void ask_as(struct world *world, uint64_t asker, struct asking *asking)
{
    asking->answered = false;
    asking->ask.asker = asker;
    asking->ask.name = PAWL_BYTES("s");
    asking->ask.done = asking_done;
    pawl_source_ask(pawl_keeper_source(world->keeper), &asking->ask);
    turn(world, 1000);
    assert_true(asking->answered);
}

#endif
