/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences that move to another store: row by row, then two movers that die and come late. */
#include "record_fixture.h"

#include <inttypes.h>
#include <stdlib.h>

static void set_branch(struct pawl_record *record, const char *to)
{
    record->branch_size = (uint8_t)strlen(to);
    memcpy(record->branch, to, strlen(to));
}

/* Leaves for `to`, as `came` then says. */
static struct pawl_ask leave(struct desk *desk, const char *to, uint64_t beyond,
                             struct pawl_record *came)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_LEAVE, .line = beyond, .record = came};

    *came = (struct pawl_record){.epoch = 0};
    set_branch(came, to);
    (void)desk_ask(desk, &ask);
    return ask;
}

static struct pawl_ask arrive(struct desk *desk, const struct pawl_record *came)
{
    struct pawl_record copy = *came;
    struct pawl_ask ask = {.kind = PAWL_ASK_ARRIVE, .record = &copy};

    (void)desk_ask(desk, &ask);
    assert_same_record(&copy, came); /* so that it can be asked again */
    ask.record = NULL;
    return ask;
}

static pawl_err drop(struct desk *desk)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_DROP};

    return desk_ask(desk, &ask);
}

static pawl_err drop_left(struct desk *desk)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_DROP, .force = true};

    return desk_ask(desk, &ask);
}

static struct pawl_record look(struct desk *desk)
{
    struct pawl_record seen = {.epoch = 0};
    struct pawl_ask ask = {.kind = PAWL_ASK_READ, .force = true, .record = &seen};

    (void)desk_ask(desk, &ask);
    return seen;
}

/* As a copy does it: looks there, leaves here, arrives there. */
static pawl_err move(struct desk *from, struct desk *to, const char *where)
{
    struct pawl_record came;
    struct pawl_ask left = leave(from, where, look(to).epoch, &came);

    return left.error.code != PAWL_OK ? left.error.code : arrive(to, &came).error.code;
}

static void pair(struct desk *from, struct desk *to)
{
    desk_open(from, (pawl_definition)UP_TO(1000));
    desk_set(to, "s");
    to->random = 99;
    (void)desk_next(from, 40);
}

static void it_goes_on_where_it_left_off(void **state)
{
    struct desk a;
    struct desk b;
    struct pawl_record came;

    (void)state;
    pair(&a, &b);
    struct pawl_record before = a.record;
    struct pawl_ask left = leave(&a, "lmdb:/b#1", 0, &came);

    assert_int_equal(left.error.code, PAWL_OK);
    assert_true(a.record.dropped && pawl_record_has_left(&a.record));
    assert_true(a.record.epoch > before.epoch && a.record.line == before.line);
    assert_same_record(&came, &a.record);

    b.moment.wall_s += 100;
    struct pawl_ask there = arrive(&b, &came);

    assert_int_equal(there.error.code, PAWL_OK);
    assert_true(there.grant.epoch == b.record.epoch && there.grant.line == before.line);
    assert_int_equal(there.grant.range.count, 0);
    assert_true(b.record.epoch > came.epoch);
    assert_true(b.record.line == before.line && b.record.lap == before.lap);
    assert_int_equal(b.record.next, 41);
    assert_int_equal(b.record.max, 1000);
    assert_int_equal(b.record.version, 1);
    assert_int_equal(b.record.created_at, before.created_at);
    assert_int_equal(b.record.changed_at, 1000100);
    assert_true(b.record.branch_size == 0 && b.record.moved_to.size == 0);
    assert_false(b.record.dropped || pawl_record_has_left(&b.record));
    assert_int_equal(desk_next(&b, 1).grant.range.first, 41);
}

static const enum pawl_ask_kind others[] = {
    PAWL_ASK_TAKE, PAWL_ASK_NEXT, PAWL_ASK_READ, PAWL_ASK_ALTER, PAWL_ASK_SET, PAWL_ASK_FENCE,
};

static void what_has_left_says_where_to(void **state)
{
    struct desk a;
    struct desk b;
    struct pawl_record came;

    (void)state;
    pair(&a, &b);
    struct pawl_ask taken = desk_take(&a, 5);

    (void)leave(&a, "lmdb:/b#1", 0, &came);
    for (size_t i = 0; i < PAWL_COUNT(others); i++) {
        struct pawl_ask ask = {.kind = others[i], .count = 1, .value = 700};

        assert_int_equal(desk_ask(&a, &ask), PAWL_NO_SEQUENCE);
        assert_string_equal(ask.error.text, "sequence \"s\" was moved to another store (lmdb:/b): "
                                            "use it there; its next id was 46");
    }
    assert_int_equal(desk_return(&a, &taken, 43).error.code, PAWL_NOT_KEPT);
    const pawl_definition lenient = {.given = PAWL_GIVEN_IF_NOT_EXISTS};
    struct pawl_ask created = desk_create(&a, &lenient);

    assert_int_equal(created.error.code, PAWL_DENIED);
    assert_non_null(strstr(created.error.text, PAWL_LEFT_WORDS));
    assert_non_null(strstr(created.error.text, "pawl drop"));
    assert_int_equal(pawl_err_advice(PAWL_DENIED), PAWL_ADVICE_FIX);
}

/* Whoever tidies up does not let others begin it anew, with ids that its new store gives. */
static void what_is_left_stays_unless_by_force(void **state)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_DROP};
    struct desk a;
    struct desk b;

    (void)state;
    pair(&a, &b);
    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    const struct pawl_record left = a.record;

    assert_int_equal(desk_ask(&a, &ask), PAWL_DENIED);
    assert_non_null(strstr(ask.error.text, PAWL_LEFT_WORDS));
    assert_non_null(strstr(ask.error.text, "pawl drop --force"));
    assert_same_record(&a.record, &left);
    const pawl_definition lenient = {.given = PAWL_GIVEN_IF_NOT_EXISTS};

    assert_int_equal(desk_create(&a, &lenient).error.code, PAWL_DENIED);
}

static void what_is_left_can_be_dropped_and_its_name_used(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    pair(&a, &b);
    uint64_t line = a.record.line;

    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_int_equal(drop_left(&a), PAWL_OK);
    assert_true(a.record.dropped && !pawl_record_has_left(&a.record));
    assert_int_equal(drop_left(&a), PAWL_NO_SEQUENCE);
    /* The copy once more: a tombstone does not harm what arrived. */
    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_false(b.record.dropped);
    assert_int_equal(desk_create(&a, NULL).error.code, PAWL_OK);
    assert_true(a.record.line > line);
}

static void leaving_again_changes_nothing(void **state)
{
    struct desk a;
    struct desk b;
    struct pawl_record once;
    struct pawl_record twice;

    (void)state;
    pair(&a, &b);
    (void)leave(&a, "etcd://b:23#0123456789abcdef", 0, &once);
    /* Another version cuts what people read of the URL otherwise: the mark counts. */
    assert_int_equal(leave(&a, "etcd://b...#0123456789abcdef", 9, &twice).error.code, PAWL_OK);
    assert_same_record(&once, &twice);
}

static void it_leaves_for_one_store_only(void **state)
{
    struct desk a;
    struct desk b;
    struct pawl_record came;

    (void)state;
    pair(&a, &b);
    (void)leave(&a, "lmdb:/b#1", 0, &came);
    struct pawl_ask other = leave(&a, "lmdb:/b#2", 0, &came);

    assert_int_equal(other.error.code, PAWL_DENIED);
    assert_non_null(strstr(other.error.text, "has left for lmdb:/b:"));
}

static void it_leaves_in_an_epoch_beyond_what_is_there(void **state)
{
    struct desk a;
    struct desk b;
    struct pawl_record came;

    (void)state;
    pair(&a, &b);
    (void)leave(&a, "b", UINT64_C(1) << 50, &came);
    assert_true(came.epoch > UINT64_C(1) << 50);
    pair(&a, &b);
    assert_int_equal(leave(&a, "b", INT64_MAX, &came).error.code, PAWL_LIMIT);
    assert_false(a.record.dropped);
}

static void arriving_again_changes_nothing(void **state)
{
    struct desk a;
    struct desk b;
    struct pawl_record came;

    (void)state;
    pair(&a, &b);
    (void)leave(&a, "b", 0, &came);
    (void)arrive(&b, &came);
    struct pawl_record first = b.record;

    assert_true(arrive(&b, &came).grant.epoch == first.epoch);
    assert_same_record(&b.record, &first);
    (void)desk_next(&b, 100);
    const pawl_definition wider = UP_TO(5000);

    assert_int_equal(desk_alter(&b, &wider).error.code, PAWL_OK);
    struct pawl_record used = b.record;

    assert_int_equal(arrive(&b, &came).error.code, PAWL_OK);
    assert_same_record(&b.record, &used);
}

static void a_later_drop_is_not_undone(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    pair(&a, &b);
    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_int_equal(drop(&b), PAWL_OK);
    struct pawl_record dropped = b.record;
    struct pawl_record came;

    (void)leave(&a, "b", look(&b).epoch, &came);
    struct pawl_ask again = arrive(&b, &came);

    assert_int_equal(again.error.code, PAWL_OK);
    assert_int_equal(again.grant.epoch, 0); /* nothing is alive there, and it says so */
    assert_same_record(&b.record, &dropped);
}

static void a_dropped_one_is_copied_as_that(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    pair(&a, &b);
    assert_int_equal(drop(&a), PAWL_OK);
    struct pawl_record tombstone = a.record;

    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_same_record(&a.record, &tombstone);
    assert_true(b.record.dropped && !pawl_record_has_left(&b.record));
    assert_true(b.record.epoch > tombstone.epoch);
    assert_int_equal(desk_create(&b, NULL).error.code, PAWL_OK);
    assert_true(b.record.line > tombstone.epoch);
    /* And does not harm what was created there by itself. */
    assert_int_equal(drop(&b), PAWL_OK);
    assert_int_equal(desk_create(&b, NULL).error.code, PAWL_OK);
    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_false(b.record.dropped);
}

static void another_sequence_of_its_name_is_left_alone(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    pair(&a, &b);
    assert_int_equal(desk_create(&b, NULL).error.code, PAWL_OK);
    struct pawl_record theirs = b.record;

    assert_int_equal(move(&a, &b, "b"), PAWL_EXISTS);
    assert_same_record(&b.record, &theirs);
    assert_int_equal(drop(&b), PAWL_OK);
    /* It left before that drop, so nobody knows which came first. */
    assert_int_equal(move(&a, &b, "b"), look(&a).epoch > b.record.epoch ? PAWL_OK : PAWL_EXISTS);
}

static void an_old_tombstone_makes_room(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    pair(&a, &b);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(desk_create(&b, NULL).error.code, PAWL_OK);
        assert_int_equal(drop(&b), PAWL_OK);
    }
    assert_true(b.record.epoch > a.record.epoch);
    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_false(b.record.dropped);
    assert_int_equal(b.record.next, 41);
}

static void it_can_come_back(void **state)
{
    struct desk a;
    struct desk b;
    struct pawl_record late;

    (void)state;
    pair(&a, &b);
    uint64_t line = a.record.line;

    for (int64_t turn = 0; turn < 8; turn++) {
        struct desk *from = turn % 2 == 0 ? &a : &b;
        struct desk *to = turn % 2 == 0 ? &b : &a;

        if (turn == 4) assert_int_equal(drop_left(to), PAWL_OK); /* what was left of it there */
        assert_int_equal(move(from, to, turn % 2 == 0 ? "b" : "a"), PAWL_OK);
        if (turn == 0) late = a.record;
        assert_true(pawl_record_has_left(&from->record) && !to->record.dropped);
        assert_true(to->record.line == line);
        assert_int_equal(desk_next(to, 1).grant.range.first, 41 + turn);
    }
    /* The first mover was stopped before it asked: it is back at a, and stays there. */
    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_int_equal(move(&b, &a, "a"), PAWL_OK);
    assert_int_equal(drop_left(&b), PAWL_OK);
    assert_int_equal(arrive(&b, &late).error.code, PAWL_OK);
    assert_true(b.record.dropped && !a.record.dropped);
}

static void its_own_store_under_another_url_keeps_it(void **state)
{
    struct desk a;

    (void)state;
    desk_open(&a, (pawl_definition)UP_TO(1000));
    (void)desk_next(&a, 40);
    assert_int_equal(move(&a, &a, "a"), PAWL_OK);
    assert_false(a.record.dropped);
    assert_int_equal(desk_next(&a, 1).grant.range.first, 41);
}

static void a_source_that_went_back_pushes_it_on(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    pair(&a, &b);
    struct pawl_record backup = a.record;

    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    a.record = backup;
    (void)desk_next(&a, 60);
    uint64_t epoch = b.record.epoch;

    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_int_equal(b.record.next, 101);
    assert_true(b.record.epoch > epoch);
    assert_true(pawl_record_has_left(&a.record));

    /* Behind what was given there, it says nothing. */
    a.record = backup;
    struct pawl_record before = b.record;

    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_same_record(&b.record, &before);

    /* Dropped there, and alive again here: it goes on, beyond both. */
    (void)desk_next(&b, 200);
    assert_int_equal(drop(&b), PAWL_OK);
    a.record = backup;
    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_false(b.record.dropped);
    assert_int_equal(b.record.next, 301);
}

static void only_what_has_left_arrives(void **state)
{
    struct desk a;
    struct desk b;
    struct pawl_record none = {.epoch = 0};
    struct pawl_record came;

    (void)state;
    pair(&a, &b);
    assert_int_equal(arrive(&b, &a.record).error.code, PAWL_BAD_REQUEST);
    assert_int_equal(arrive(&b, &none).error.code, PAWL_BAD_REQUEST);
    (void)leave(&a, "b", 0, &came);
    came.name.at[0] = 't';
    assert_int_equal(arrive(&b, &came).error.code, PAWL_BAD_REQUEST);
    struct pawl_ask ask = leave(&b, "a", 0, &came);

    assert_int_equal(ask.error.code, PAWL_NO_SEQUENCE);
}

static void one_that_has_left_elsewhere_is_not_lost(void **state)
{
    struct desk a;
    struct desk b;
    struct pawl_record came;

    (void)state;
    pair(&a, &b);
    assert_int_equal(desk_create(&b, NULL).error.code, PAWL_OK);
    (void)leave(&b, "c", 0, &came); /* and whoever moved it died then */
    assert_int_equal(move(&a, &b, "b"), PAWL_EXISTS);
    assert_true(pawl_record_has_left(&b.record));
    assert_int_equal(move(&a, &b, "b"), PAWL_EXISTS);
    assert_true(pawl_record_has_left(&a.record));
}

static void used_up_and_cycling_ones_stay_that(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    desk_open(&a, (pawl_definition){.given = PAWL_GIVEN_START, .start = INT64_MAX});
    desk_set(&b, "s");
    (void)desk_next(&a, 1);
    assert_true(a.record.ended);
    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_int_equal(desk_next(&b, 1).error.code, PAWL_END);

    desk_open(&a, (pawl_definition)CYCLE_TO(10));
    desk_set(&b, "s");
    (void)desk_next(&a, 10);
    (void)desk_next(&a, 4);
    assert_int_equal(move(&a, &b, "b"), PAWL_OK);
    assert_int_equal(b.record.lap, 1);
    assert_int_equal(desk_next(&b, 1).grant.range.first, 5);
}

/*
 * Two stores and four movers, each of which looks, leaves and arrives whenever it likes, or never;
 * people take ids, drop and create in between. No id of one line and lap is given twice.
 */
enum { RUNS = 3000, STEPS = 60, MOVERS = 4, IDS = 4096, LINES = 64 };

struct mover {
    int stage; /* 0: looks, 1: leaves, 2: arrives */
    int from;
    uint64_t beyond;
    struct pawl_record came;
};

struct world {
    uint64_t dice;
    uint64_t seed;
    struct desk stores[2];
    struct mover movers[MOVERS];
    uint64_t lines[LINES];
    size_t line_count;
    bool given[LINES][IDS];
};

static void give(struct world *world, const struct pawl_grant *grant)
{
    size_t at = 0;

    while (at < world->line_count && world->lines[at] != grant->line) {
        at++;
    }
    assert_true(at < LINES);
    if (at == world->line_count) world->lines[world->line_count++] = grant->line;
    for (uint64_t i = 0; i < grant->range.count; i++) {
        size_t id = (size_t)grant->range.first + i;

        assert_true(id < IDS);
        if (world->given[at][id]) {
            fail_msg("seed %" PRIu64 ": %zu was given twice in line %" PRIu64, world->seed, id,
                     grant->line);
        }
        world->given[at][id] = true;
    }
}

static void mover_step(struct world *world, struct mover *mover)
{
    static const char *const names[] = {"a", "b"};
    struct desk *from = &world->stores[mover->from];
    struct desk *to = &world->stores[1 - mover->from];

    if (mover->stage == 0) {
        mover->from = (int)(pawl_random(&world->dice) % 2);
        mover->beyond = look(&world->stores[1 - mover->from]).epoch;
        mover->stage = 1;
    } else if (mover->stage == 1) {
        struct pawl_ask left = leave(from, names[1 - mover->from], mover->beyond, &mover->came);

        mover->stage = left.error.code == PAWL_OK ? 2 : 0;
    } else {
        (void)arrive(to, &mover->came);
        mover->stage = pawl_random(&world->dice) % 3 == 0 ? 2 : 0; /* perhaps once more, later */
    }
}

static void world_step(struct world *world)
{
    struct desk *desk = &world->stores[pawl_random(&world->dice) % 2];
    uint64_t what = pawl_random(&world->dice) % 20;

    if (what < 9) {
        mover_step(world, &world->movers[pawl_random(&world->dice) % MOVERS]);
    } else if (what < 17) {
        struct pawl_ask ask = desk_next(desk, 1 + pawl_random(&world->dice) % 3);

        if (ask.error.code == PAWL_OK) give(world, &ask.grant);
    } else if (what < 18) {
        (void)drop_left(desk);
    } else {
        (void)desk_create(desk, NULL);
    }
}

static void no_id_is_given_twice_whoever_dies_or_comes_late(void **state)
{
    struct world *world = malloc(sizeof *world);

    (void)state;
    assert_non_null(world);
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        memset(world, 0, sizeof *world);
        world->seed = world->dice = seed;
        desk_set(&world->stores[0], "s");
        desk_set(&world->stores[1], "s");
        world->stores[1].random = seed * 31;
        world->stores[0].random = seed * 17;
        (void)desk_create(&world->stores[0], NULL);
        for (int i = 0; i < STEPS; i++) {
            world_step(world);
        }
    }
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_where_it_left_off),
        cmocka_unit_test(what_has_left_says_where_to),
        cmocka_unit_test(what_is_left_stays_unless_by_force),
        cmocka_unit_test(what_is_left_can_be_dropped_and_its_name_used),
        cmocka_unit_test(leaving_again_changes_nothing),
        cmocka_unit_test(it_leaves_for_one_store_only),
        cmocka_unit_test(it_leaves_in_an_epoch_beyond_what_is_there),
        cmocka_unit_test(arriving_again_changes_nothing),
        cmocka_unit_test(a_later_drop_is_not_undone),
        cmocka_unit_test(a_dropped_one_is_copied_as_that),
        cmocka_unit_test(another_sequence_of_its_name_is_left_alone),
        cmocka_unit_test(an_old_tombstone_makes_room),
        cmocka_unit_test(it_can_come_back),
        cmocka_unit_test(its_own_store_under_another_url_keeps_it),
        cmocka_unit_test(a_source_that_went_back_pushes_it_on),
        cmocka_unit_test(only_what_has_left_arrives),
        cmocka_unit_test(one_that_has_left_elsewhere_is_not_lost),
        cmocka_unit_test(used_up_and_cycling_ones_stay_that),
        cmocka_unit_test(no_id_is_given_twice_whoever_dies_or_comes_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
