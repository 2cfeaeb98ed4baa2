/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renames by several stores over one table, whose drivers lose requests and answers and carry
 * writes out late or twice. Every sequence begins in ids of its own, so its start tells which one a
 * record is, whatever its name. The laws: an id is granted once, under all names together; a
 * sequence has one name at a time, and is there as long as nobody drops it.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/records.h"

enum {
    NAMES = 4,
    STORES = 4,
    ASKS = 6,
    STEPS = 3000,
    SEEDS = 300,
    CALM_STEPS = 20000,
    LATE_MAX = 32,
    SEQS_MAX = 1000,
    SEQ_IDS = 5000, /* no sequence comes near its end */
};

struct deed {
    struct pawl_ask ask;
    pawl_definition definition;
    struct pawl_record record;
    struct node *node;
    bool busy;
};

struct node {
    struct pawl_driver driver;
    struct world *world;
    struct pawl_source *store;
    struct pawl_op *pending[ASKS];
    size_t pending_count;
    struct deed deeds[ASKS];
};

struct world {
    uint64_t seed, random, now_ns;
    struct pawl_record table[NAMES];
    struct pawl_op late[LATE_MAX];
    size_t late_count;
    struct node nodes[STORES];
    int64_t seqs;
    bool created[SEQS_MAX], dropped[SEQS_MAX];
    bool granted[SEQS_MAX * SEQ_IDS];
    uint64_t renames, pendings, backs, refused, unknown;
    bool calm, advances;
};

static const char letters[NAMES] = {'a', 'b', 'c', 'd'};

static int name_index(struct pawl_bytes name)
{
    assert_int_equal(name.size, 1);
    return name.at[0] - 'a';
}

static bool alive(const struct pawl_record *record)
{
    return record->epoch != 0 && !record->dropped;
}

static int64_t seq_of(const struct pawl_record *record)
{
    return record->start / SEQ_IDS;
}

static void put(struct world *world, int at, const struct pawl_record *record)
{
    struct pawl_record *now = &world->table[at];

    assert_true(now->epoch == 0 || record->version > now->version);
    assert_true(record->epoch >= now->epoch);
    assert_true(pawl_record_sound(record));
    if (alive(record)) world->created[seq_of(record)] = true;
    if (alive(now) && record->dropped && record->moved_to.size == 0) {
        world->dropped[seq_of(now)] = true;
    }
    world->pendings += pawl_record_is_unsettled(record);
    world->backs += pawl_record_is_unsettled(now) && alive(record) && record->line != record->epoch;
    *now = *record;
}

static void carry_out(struct world *world, struct pawl_op *op)
{
    int at = name_index(pawl_name_bytes(&op->record.name));
    struct pawl_record now = world->table[at];
    bool holds = op->kind == PAWL_OP_READ;

    if (op->kind == PAWL_OP_WRITE) {
        holds = op->expected.epoch == 0
                    ? now.epoch == 0
                    : now.tag == op->expected.tag && now.version == op->expected.version;
        if (holds) put(world, at, &op->record);
    } else if (op->kind == PAWL_OP_ADVANCE) {
        holds = now.epoch == op->expected.epoch && now.lap == op->expected.lap && !now.dropped &&
                now.next >= op->low && now.next <= op->high;
        now.next += (int64_t)op->count * now.increment;
        now.version++;
        now.tag = op->record.tag;
        if (holds) put(world, at, &now);
    }
    op->end = holds ? PAWL_OP_DONE : PAWL_OP_REFUSED;
    op->found = world->table[at];
}

static void end_somehow(struct node *node, struct pawl_op *op)
{
    struct world *world = node->world;
    unsigned luck = world->calm ? 99 : (unsigned)(pawl_random(&world->random) % 100);

    if (luck < 10) {
        pawl_op_fail(op, &node->driver, luck < 5 ? PAWL_OP_FAILED : PAWL_OP_UNKNOWN, PAWL_STORE,
                     "the request is lost");
        return;
    }
    if (luck < 20 && op->kind != PAWL_OP_READ && world->late_count < LATE_MAX) {
        world->late[world->late_count++] = *op;
        pawl_op_fail(op, &node->driver, PAWL_OP_UNKNOWN, PAWL_STORE, "it took too long");
        return;
    }
    carry_out(world, op);
    if (luck < 28) {
        pawl_op_fail(op, &node->driver, PAWL_OP_UNKNOWN, PAWL_STORE, "the answer is lost");
        return;
    }
    if (luck < 34 && op->kind == PAWL_OP_WRITE) carry_out(world, op);
    pawl_op_end(op, &node->driver);
}

static void one_late(struct world *world)
{
    if (world->late_count == 0) return;
    size_t which = pawl_random(&world->random) % world->late_count;
    struct pawl_op op = world->late[which];

    world->late[which] = world->late[--world->late_count];
    carry_out(world, &op);
}

static void fake_begin(struct pawl_driver *driver, struct pawl_op *op)
{
    struct node *node = PAWL_OWNER(driver, struct node, driver);

    assert_true(node->pending_count < PAWL_COUNT(node->pending));
    node->pending[node->pending_count++] = op;
}

static uint64_t fake_turn(struct pawl_driver *driver, uint64_t now_ns)
{
    (void)driver;
    (void)now_ns;
    return PAWL_NEVER;
}

static void fake_close(struct pawl_driver *driver)
{
    struct node *node = PAWL_OWNER(driver, struct node, driver);

    while (node->pending_count > 0) {
        pawl_op_fail(node->pending[--node->pending_count], driver, PAWL_OP_UNKNOWN, PAWL_STORE,
                     "closed");
    }
}

static const struct pawl_driver_ops advancing = {.scheme = "fake",
                                                 .advances = true,
                                                 .begin = fake_begin,
                                                 .turn = fake_turn,
                                                 .close = fake_close};
static const struct pawl_driver_ops comparing = {
    .scheme = "fake", .begin = fake_begin, .turn = fake_turn, .close = fake_close};

static void grant(struct world *world, const struct pawl_grant *granted)
{
    for (uint64_t i = 0; i < granted->range.count; i++) {
        int64_t id = granted->range.first + (int64_t)i;

        assert_in_range(id, 0, SEQS_MAX * SEQ_IDS - 1);
        if (world->granted[id]) fail_msg("seed %" PRIu64 ": id %" PRId64 " twice", world->seed, id);
        world->granted[id] = true;
    }
}

static void answered(struct pawl_ask *ask)
{
    struct deed *deed = PAWL_OWNER(ask, struct deed, ask);
    struct world *world = deed->node->world;

    assert_true(deed->busy);
    deed->busy = false;
    if (ask->error.code == PAWL_OK) grant(world, &ask->grant);
    if (ask->kind != PAWL_ASK_RENAME) return;
    world->renames += ask->error.code == PAWL_OK;
    world->refused += ask->error.code == PAWL_EXISTS;
    world->unknown += ask->error.code == PAWL_UNKNOWN;
    if (ask->error.code == PAWL_OK && deed->record.epoch != 0) {
        assert_true(pawl_bytes_equal(pawl_name_bytes(&deed->record.name), ask->to));
    }
}

static void ask_something(struct node *node)
{
    struct world *world = node->world;
    struct deed *deed = &node->deeds[pawl_random(&world->random) % ASKS];
    unsigned luck = (unsigned)(pawl_random(&world->random) % 100);

    if (deed->busy) return;
    *deed = (struct deed){.node = node, .busy = true};
    deed->ask.name = (struct pawl_bytes){&letters[pawl_random(&world->random) % NAMES], 1};
    deed->ask.to = (struct pawl_bytes){&letters[pawl_random(&world->random) % NAMES], 1};
    deed->ask.definition = &deed->definition;
    deed->ask.record = &deed->record;
    deed->ask.done = answered;
    if (luck < 30) {
        deed->ask.kind = luck < 15 ? PAWL_ASK_TAKE : PAWL_ASK_NEXT;
        deed->ask.count = 1 + pawl_random(&world->random) % 5;
    } else if (luck < 65) {
        deed->ask.kind = PAWL_ASK_RENAME;
    } else if (luck < 80 && world->seqs < SEQS_MAX) {
        deed->ask.kind = PAWL_ASK_CREATE;
        deed->definition = (pawl_definition){.given = PAWL_GIVEN_START | PAWL_GIVEN_MIN,
                                             .start = world->seqs++ * SEQ_IDS};
    } else if (luck < 90) {
        deed->ask.kind = PAWL_ASK_DROP;
    } else {
        deed->ask.kind = PAWL_ASK_READ;
    }
    pawl_source_ask(node->store, &deed->ask);
}

static void step(struct world *world)
{
    struct node *node = &world->nodes[pawl_random(&world->random) % STORES];
    unsigned luck = (unsigned)(pawl_random(&world->random) % 100);

    world->now_ns += pawl_random(&world->random) % (40 * PAWL_NS_PER_MS);
    if (luck < 15) {
        if (!world->calm) ask_something(node);
    } else if (luck < 50 && node->pending_count > 0) {
        size_t which = pawl_random(&world->random) % node->pending_count;
        struct pawl_op *op = node->pending[which];

        node->pending[which] = node->pending[--node->pending_count];
        end_somehow(node, op);
    } else if (luck < 56) {
        one_late(world);
    } else {
        (void)node->store->ops->turn(node->store, world->now_ns);
    }
}

static bool at_rest(const struct world *world)
{
    for (size_t n = 0; n < STORES; n++) {
        for (size_t i = 0; i < ASKS; i++) {
            if (world->nodes[n].deeds[i].busy) return false;
        }
    }
    return true;
}

static struct world *world_new(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    world->seed = world->random = seed;
    world->advances = seed % 2 == 0;
    for (int i = 0; i < NAMES; i++) {
        world->table[i].name = (struct pawl_name){.size = 1, .at = {letters[i]}};
    }
    for (size_t n = 0; n < STORES; n++) {
        struct node *node = &world->nodes[n];
        const struct pawl_store_options options = {.seed = seed * STORES + n,
                                                   .refill_interval_ns = 30 * PAWL_NS_PER_S};

        node->world = world;
        node->driver.ops = world->advances ? &advancing : &comparing;
        assert_int_equal(pawl_records_new(&node->driver, &options, &node->store, NULL), PAWL_OK);
    }
    return world;
}

static void world_free(struct world *world)
{
    for (size_t n = 0; n < STORES; n++) {
        world->nodes[n].store->ops->close(world->nodes[n].store);
    }
    assert_true(at_rest(world));
    free(world);
}

static void rest(struct world *world)
{
    world->calm = true;
    for (int i = 0; !at_rest(world); i++) {
        if (i == CALM_STEPS) fail_msg("seed %" PRIu64 ": asks get no answer", world->seed);
        step(world);
    }
    while (world->late_count > 0) {
        one_late(world);
    }
}

/* Whoever reads the old name completes what was begun. */
static void read_all(struct world *world)
{
    for (int i = 0; i < NAMES; i++) {
        struct deed *deed = &world->nodes[0].deeds[0];

        *deed = (struct deed){.node = &world->nodes[0], .busy = true};
        deed->ask =
            (struct pawl_ask){.kind = PAWL_ASK_READ, .name = {&letters[i], 1}, .done = answered};
        pawl_source_ask(world->nodes[0].store, &deed->ask);
        rest(world);
        assert_true(deed->ask.error.code == PAWL_OK || deed->ask.error.code == PAWL_NO_SEQUENCE);
    }
}

static void hold_the_laws(const struct world *world)
{
    for (int64_t seq = 0; seq < world->seqs; seq++) {
        int there = 0;

        for (int i = 0; i < NAMES; i++) {
            assert_false(pawl_record_is_unsettled(&world->table[i]));
            there += alive(&world->table[i]) && seq_of(&world->table[i]) == seq;
        }
        if (there > 1) fail_msg("seed %" PRIu64 ": %" PRId64 " has two names", world->seed, seq);
        if (there == 0 && world->created[seq] && !world->dropped[seq]) {
            fail_msg("seed %" PRIu64 ": sequence %" PRId64 " is lost", world->seed, seq);
        }
    }
}

static void a_sequence_has_one_name(void **state)
{
    uint64_t renames = 0, pendings = 0, backs = 0, refused = 0, unknown = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(seed);

        for (int i = 0; i < STEPS; i++) {
            step(world);
        }
        rest(world);
        read_all(world);
        hold_the_laws(world);
        renames += world->renames;
        pendings += world->pendings;
        backs += world->backs;
        refused += world->refused;
        unknown += world->unknown;
        world_free(world);
    }
    /* All of it was met, or the test proves less than it says. */
    if (renames < 1000 || pendings < renames || backs < 20 || refused < 100 || unknown < 50) {
        fail_msg("%" PRIu64 " renames, %" PRIu64 " tombstones, %" PRIu64 " came back, %" PRIu64
                 " refused, %" PRIu64 " unknown",
                 renames, pendings, backs, refused, unknown);
    }
}

static void closing_answers_everything(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(seed);

        for (int i = 0; i < STEPS / 20; i++) {
            step(world);
        }
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_has_one_name),
        cmocka_unit_test(closing_answers_everything),
    };

    return cmocka_run_group_tests_name("records_rename", tests, NULL, NULL);
}
