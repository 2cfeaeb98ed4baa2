/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores of records over a table that several of them share, behind a driver that loses requests
 * and answers, carries writes out late or twice, and refuses. Held: no id twice and none out of
 * bounds, nothing reserved that is neither granted nor burned, every change made exactly as often
 * as told, no answer from memory. Every fifth seed the table goes back in time and lies; then:
 * whoever tells his floor is never given what he had.
 */
#include "records_world.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What the asks bring. */

/* Where the store deceives, each node has only his own floor. */
static uint64_t id_hash(const struct node *node, int seq, const struct pawl_grant *grant,
                        int64_t id)
{
    const struct world *world = node->world;
    struct {
        uint64_t seq, node, line, lap;
        int64_t id;
    } key = {(uint64_t)seq, world->deceives ? (uint64_t)(node - world->nodes) : 0, grant->line,
             grant->lap, id};

    return pawl_bytes_hash((struct pawl_bytes){(const char *)&key, sizeof key}, 1) | 1;
}

static size_t id_slot(const struct world *world, uint64_t hash)
{
    size_t slot = hash % IDS_MAX;

    while (world->ids[slot] != 0 && world->ids[slot] != hash) {
        slot = (slot + 1) % IDS_MAX;
    }
    return slot;
}

static void use_ids(struct node *node, int seq, const struct pawl_grant *grant)
{
    struct world *world = node->world;

    for (uint64_t i = 0; i < grant->range.count; i++) {
        int64_t id = grant->range.first + (int64_t)i * grant->range.increment;
        uint64_t hash = id_hash(node, seq, grant, id);
        size_t slot = id_slot(world, hash);

        if (seq == 1 ? id > -1 : id < 1 || (seq == 2 && id > SHORT_MAX)) {
            fail_msg("seed %" PRIu64 ": %s has no id %" PRId64, world->seed, names[seq], id);
        }
        if (world->ids[slot] == hash) {
            fail_msg("seed %" PRIu64 ": %s: id %" PRId64 " was granted twice", world->seed,
                     names[seq], id);
        }
        world->ids[slot] = hash;
    }
}

/* Being given back: whatever the answer says, they are not used, and may be granted again. The slot
 * stays taken, by another hash. */
static void unuse_ids(const struct node *node, int seq, const struct pawl_grant *grant,
                      int64_t first)
{
    struct world *world = node->world;
    int64_t last = grant->range.first + (int64_t)(grant->range.count - 1) * grant->range.increment;

    for (int64_t id = first;; id += grant->range.increment) {
        size_t slot = id_slot(world, id_hash(node, seq, grant, id));

        assert_int_not_equal(world->ids[slot], 0);
        world->ids[slot] = 2 * slot + 2; /* even: no id's */
        if (id == last) return;
    }
}

static bool is_move(const struct pawl_ask *ask)
{
    return ask->kind == PAWL_ASK_LEAVE || ask->kind == PAWL_ASK_ARRIVE;
}

static bool is_change(const struct pawl_ask *ask)
{
    return ask->kind != PAWL_ASK_TAKE && ask->kind != PAWL_ASK_NEXT && ask->kind != PAWL_ASK_READ &&
           ask->kind != PAWL_ASK_RETURN;
}

/* What was said of the record was so at some moment since it was asked. */
static void hold_truth(const struct deed *deed)
{
    const struct world *world = deed->node->world;
    const struct pawl_ask *ask = &deed->ask;
    bool denied = ask->error.code == PAWL_NO_SEQUENCE && world->absent[deed->seq] < deed->asked;
    bool asserted =
        ask->error.code == PAWL_EXISTS && !is_move(ask) && world->present[deed->seq] < deed->asked;
    bool old = ask->kind == PAWL_ASK_READ && ask->error.code == PAWL_OK &&
               deed->record.version < deed->version;

    if (!world->deceives && (denied || asserted || old)) {
        fail_msg("seed %" PRIu64 ": %s: an answer from memory, kind %d: %s", world->seed,
                 names[deed->seq], (int)ask->kind, ask->error.text);
    }
}

static void take_grant(struct node *node, int seq, const struct pawl_grant *grant)
{
    assert_true(grant->range.count > 0);
    node->world->granted += grant->range.count;
    use_ids(node, seq, grant);
    node->last[seq] = *grant;
    node->floors[seq] = (struct pawl_mark){grant->line, grant->lap, pawl_range_last(grant->range)};
}

static void answered(struct pawl_ask *ask)
{
    struct deed *deed = PAWL_OWNER(ask, struct deed, ask);
    struct node *node = deed->node;
    struct world *world = node->world;

    assert_true(deed->busy);
    deed->busy = false;
    if (ask->kind == PAWL_ASK_TAKE || ask->kind == PAWL_ASK_NEXT) node->taking[deed->seq] = false;
    hold_truth(deed);
    world->outcomes[ask->error.code]++;
    world->burned += ask->burned;
    if (is_move(ask)) {
        world->moves_told += ask->error.code == PAWL_OK;
        world->changes_unknown += ask->error.code == PAWL_UNKNOWN || ask->error.code == PAWL_OK;
        if (ask->kind == PAWL_ASK_LEAVE && ask->error.code == PAWL_OK) {
            if (pawl_record_has_left(&deed->record) &&
                (deed->record.branch_size != 1 || deed->record.branch[0] != 'x')) {
                fail_msg("seed %" PRIu64 ": it left for somewhere else", world->seed);
            }
            node->left[deed->seq] = deed->record;
        }
        return;
    }
    if (is_change(ask)) {
        world->changes_told += ask->error.code == PAWL_OK;
        world->changes_unknown += ask->error.code == PAWL_UNKNOWN;
        return;
    }
    if (ask->error.code != PAWL_OK) return;
    if (ask->kind == PAWL_ASK_RETURN) {
        world->returns_told++;
    } else if (ask->kind != PAWL_ASK_READ && ask->count > 0) {
        take_grant(node, deed->seq, &ask->grant);
    }
}

static void ask_return(struct node *node, struct deed *deed)
{
    struct pawl_grant *last = &node->last[deed->seq];

    if (last->range.count == 0 || node->world->deceives) {
        deed->ask.kind = PAWL_ASK_READ;
        return;
    }
    uint64_t kept = pawl_random(&node->world->random) % last->range.count;

    deed->ask.kind = PAWL_ASK_RETURN;
    deed->ask.value = last->range.first + (int64_t)kept * last->range.increment;
    deed->ask.count = last->range.count - kept;
    deed->ask.lease = last->lease;
    deed->ask.epoch = last->epoch;
    unuse_ids(node, deed->seq, last, deed->ask.value);
    last->range.count = 0;
}

/* It leaves, or comes back as it left some time ago: in this store, where it went. */
static void ask_move(struct world *world, struct deed *deed)
{
    const struct pawl_record *left = &deed->node->left[deed->seq];

    deed->ask.kind = PAWL_ASK_LEAVE;
    deed->record = (struct pawl_record){.branch_size = 1, .branch = "x"};
    if (left->epoch == 0 || !chance(world, 70)) return;
    deed->ask.kind = PAWL_ASK_ARRIVE;
    deed->record = *left;
}

static void ask_change(struct world *world, struct deed *deed)
{
    switch (pawl_random(&world->random) % 7) {
    case 5:
    case 6:
        ask_move(world, deed);
        return;
    case 0:
        deed->ask.kind = PAWL_ASK_CREATE;
        break;
    case 1:
        deed->ask.kind = PAWL_ASK_ALTER;
        deed->definition = (pawl_definition){.given = PAWL_GIVEN_BLOCK, .block = 7};
        return;
    case 2:
        deed->ask.kind = PAWL_ASK_DROP;
        deed->ask.force = chance(world, 50);
        return;
    case 3:
        deed->ask.kind = PAWL_ASK_FENCE;
        deed->ask.count = 3;
        return;
    default:
        deed->ask.kind = PAWL_ASK_SET;
        deed->ask.value = 1 + (int64_t)(pawl_random(&world->random) % 500);
        deed->ask.value *= deed->seq == 1 ? -1 : 1;
        deed->ask.force = chance(world, 50);
        return;
    }
    if (deed->seq == 1) {
        deed->definition = (pawl_definition){.given = PAWL_GIVEN_INCREMENT, .increment = -3};
    }
    if (deed->seq == 2) {
        deed->definition = (pawl_definition){
            .given = PAWL_GIVEN_MAX | PAWL_GIVEN_CYCLE, .max = SHORT_MAX, .cycle = true};
    }
}

static bool ask_ids(struct node *node, struct deed *deed, unsigned luck)
{
    struct world *world = node->world;

    if (world->deceives && node->taking[deed->seq]) return false;
    node->taking[deed->seq] = true;
    deed->ask.kind = luck < 50 ? PAWL_ASK_TAKE : PAWL_ASK_NEXT;
    deed->ask.count = pawl_random(&world->random) % 20;
    deed->ask.exact = luck >= 70;
    if (deed->ask.kind == PAWL_ASK_NEXT) deed->ask.count++;
    if (world->deceives) deed->ask.floor = node->floors[deed->seq];
    return true;
}

static void ask_something(struct node *node)
{
    struct world *world = node->world;
    struct deed *deed = &node->deeds[pawl_random(&world->random) % ASKS];
    unsigned luck = (unsigned)(pawl_random(&world->random) % 100);

    if (deed->busy) return;
    *deed = (struct deed){.node = node, .seq = (int)(pawl_random(&world->random) % SEQS)};
    deed->asked = world->step;
    deed->version = world->table[deed->seq].version;
    deed->ask.name = (struct pawl_bytes){names[deed->seq], strlen(names[deed->seq])};
    deed->ask.definition = &deed->definition;
    deed->ask.record = &deed->record;
    deed->ask.done = answered;
    if (luck < 80) {
        if (!ask_ids(node, deed, luck)) return;
    } else if (luck < 90) {
        ask_return(node, deed);
    } else if (luck < 94) {
        deed->ask.kind = PAWL_ASK_READ;
    } else {
        ask_change(world, deed);
    }
    deed->busy = true;
    pawl_source_ask(node->store, &deed->ask);
}

static void step(struct world *world)
{
    struct node *node = &world->nodes[pawl_random(&world->random) % STORES];
    unsigned luck = (unsigned)(pawl_random(&world->random) % 100);

    go_back_or_on(world);
    world->now_ns += pawl_random(&world->random) % (3 * PAWL_NS_PER_MS);
    if (luck < 12) {
        if (!world->calm) ask_something(node);
    } else if (luck < 50) {
        if (node->pending_count > 0) {
            size_t which = pawl_random(&world->random) % node->pending_count;
            struct pawl_op *op = node->pending[which];

            node->pending[which] = node->pending[--node->pending_count];
            end_somehow(node, op);
        }
    } else if (luck < 53) {
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
    world->deceives = seed % 5 == 0;
    for (int seq = 0; seq < SEQS; seq++) {
        assert_int_equal(pawl_name_set(&world->table[seq].name,
                                       (struct pawl_bytes){names[seq], strlen(names[seq])}, NULL),
                         PAWL_OK);
    }
    memcpy(world->kept, world->table, sizeof world->kept);
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

static void hold_the_laws(struct world *world)
{
    uint64_t known = world->granted + world->burned;

    if (world->deceives) return;
    if (world->returns_told > world->returns_done) {
        fail_msg("seed %" PRIu64 ": %" PRIu64 " RETURNs told, %" PRIu64 " written", world->seed,
                 world->returns_told, world->returns_done);
    }
    /* A burned id may not have been reserved after all; none is reserved and forgotten. */
    if (world->reserved > known) {
        fail_msg("seed %" PRIu64 ": %" PRIu64 " ids reserved, %" PRIu64 " granted or burned",
                 world->seed, world->reserved, known);
    }
    if (world->changes_told > world->epoch_count ||
        world->epoch_count > world->changes_told + world->changes_unknown) {
        fail_msg("seed %" PRIu64 ": %zu changes written, %" PRIu64 " told, %" PRIu64 " unknown",
                 world->seed, world->epoch_count, world->changes_told, world->changes_unknown);
    }
}

static void faults_cost_gaps_only(void **state)
{
    uint64_t outcomes[64] = {0};
    uint64_t given_back = 0;
    uint64_t moves = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(seed);

        for (int i = 0; i < STEPS; i++) {
            step(world);
        }
        world->calm = true;
        for (int i = 0; !at_rest(world); i++) {
            if (i == CALM_STEPS) fail_msg("seed %" PRIu64 ": asks get no answer", seed);
            step(world);
        }
        while (world->late_count > 0) {
            one_late(world);
        }
        hold_the_laws(world);
        for (size_t n = 0; n < STORES; n++) {
            world->nodes[n].store->ops->close(world->nodes[n].store);
        }
        for (size_t i = 0; i < PAWL_COUNT(outcomes); i++) {
            outcomes[i] += world->outcomes[i];
        }
        given_back += world->returns_told;
        moves += world->moves_told;
        free(world);
    }
    /* All of it was met, or the test proves less than it says. */
    static const pawl_err wanted[] = {PAWL_OK,    PAWL_LOST,     PAWL_UNKNOWN, PAWL_NO_SEQUENCE,
                                      PAWL_STORE, PAWL_NOT_KEPT, PAWL_EXISTS};
    for (size_t i = 0; i < PAWL_COUNT(wanted); i++) {
        if (outcomes[wanted[i]] == 0) fail_msg("%s never came", pawl_err_name(wanted[i]));
    }
    if (moves < 300) fail_msg("only %" PRIu64 " moves were told", moves);
    if (given_back < 100) fail_msg("only %" PRIu64 " RETURNs were taken", given_back);
}

static void closing_answers_everything(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(seed);

        for (int i = 0; i < STEPS / 10; i++) {
            step(world);
        }
        for (size_t n = 0; n < STORES; n++) {
            world->nodes[n].store->ops->close(world->nodes[n].store);
        }
        if (!at_rest(world)) fail_msg("seed %" PRIu64 ": an ask was left without an answer", seed);
        while (world->late_count > 0) {
            one_late(world);
        }
        hold_the_laws(world);
        free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_cost_gaps_only),
        cmocka_unit_test(closing_answers_everything),
    };

    return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
