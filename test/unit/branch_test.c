/* SPDX-License-Identifier: Apache-2.0 */
/* Another branch of the store: what it may have lost is passed once, by who next uses a sequence.
 */
#include "record_fixture.h"

static void now_in(struct desk *desk, const char *branch, bool loses)
{
    desk->moment.branch = (struct pawl_branch){.size = (uint8_t)strlen(branch), .loses = loses};
    memcpy(desk->moment.branch.at, branch, desk->moment.branch.size);
}

/* It lies the margin beyond `from`, and luck; ask: what moved it. */
static void assert_jumped(const struct pawl_ask *ask, int64_t from)
{
    assert_int_equal(ask->error.code, PAWL_OK);
    assert_true(ask->skipped >= PAWL_FENCE_IDS_MIN);
    assert_true(ask->skipped < (1 + PAWL_JUMP_REACH) * PAWL_FENCE_IDS_MIN);
    assert_int_equal(ask->grant.range.first, from + (int64_t)ask->skipped);
}

static void assert_bears(const struct desk *desk, const char *branch)
{
    assert_int_equal(desk->record.branch_size, strlen(branch));
    assert_memory_equal(desk->record.branch, branch, strlen(branch));
}

/* A sequence in branch "one" whose ids up to 100 are granted. */
static void desk_in_one(struct desk *desk, pawl_definition definition)
{
    desk_set(desk, "s");
    now_in(desk, "one", true);
    assert_int_equal(desk_create(desk, &definition).error.code, PAWL_OK);
    assert_int_equal(desk_next(desk, 100).error.code, PAWL_OK);
    assert_bears(desk, "one");
}

static void another_branch_moves_a_sequence_once(void **state)
{
    struct desk desk;

    (void)state;
    desk_in_one(&desk, (pawl_definition){.given = 0});
    struct pawl_record before = desk.record;

    now_in(&desk, "two", true);
    struct pawl_ask ask = desk_take(&desk, 1);

    assert_jumped(&ask, 101);
    assert_int_equal(desk.record.line, before.line);
    assert_true(desk.record.epoch > before.epoch);
    assert_bears(&desk, "two");
    uint64_t epoch = desk.record.epoch;
    int64_t first = ask.grant.range.first;

    ask = desk_take(&desk, 1);
    assert_int_equal(ask.grant.range.first, first + 1);
    assert_int_equal(ask.skipped, 0);
    assert_int_equal(desk.record.epoch, epoch);
}

/*
 * The same record comes back twice, each time to somebody who knows nothing of the other and uses
 * USED ids. By chance 2 x USED - 1 of REACH pairs of moves meet: 400 of these, give or take 20.
 */
static void a_backup_put_back_twice_seldom_leads_to_one_place(void **state)
{
    enum { TRIES = 200000, USED = 1000, LEAST = 300, MOST = 500 };
    struct desk desk;
    int met = 0;

    (void)state;
    desk_in_one(&desk, (pawl_definition){.given = 0});
    const struct pawl_record backup = desk.record;

    for (int i = 0; i < TRIES; i++) {
        int64_t firsts[2];

        for (int time = 0; time < 2; time++) {
            desk.record = backup;
            now_in(&desk, "two", true);
            struct pawl_ask ask = desk_take(&desk, USED);

            assert_jumped(&ask, 101);
            firsts[time] = ask.grant.range.first;
        }
        int64_t apart = firsts[0] - firsts[1];

        met += apart > -USED && apart < USED;
    }
    if (met < LEAST || met > MOST) fail_msg("%d of %d pairs of moves met", met, (int)TRIES);
}

/* Where little is left beyond the margin, luck has less room, and none at last. */
static void a_jump_takes_one_percent_of_what_is_left_at_most(void **state)
{
    (void)state;
    for (int64_t left = 1000000; left <= 1000500; left += 100) {
        struct desk desk;

        desk_in_one(&desk, (pawl_definition)UP_TO(100 + left));
        const struct pawl_record backup = desk.record;

        for (int i = 0; i < 50; i++) {
            desk.record = backup;
            now_in(&desk, "two", true);
            struct pawl_ask ask = desk_take(&desk, 1);

            assert_jumped(&ask, 101);
            assert_true(ask.skipped <= (uint64_t)left / 100);
        }
    }
}

static void a_branch_that_lost_nothing_moves_nothing(void **state)
{
    struct desk desk;

    (void)state;
    desk_in_one(&desk, (pawl_definition){.given = 0});
    uint64_t epoch = desk.record.epoch;

    now_in(&desk, "two", false);
    assert_int_equal(desk_take(&desk, 1).grant.range.first, 101);
    assert_int_equal(desk.record.epoch, epoch);
    assert_bears(&desk, "two");
}

static void a_record_of_no_branch_adopts_one(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition){.given = 0});
    assert_bears(&desk, "");
    now_in(&desk, "one", true);
    assert_int_equal(desk_take(&desk, 1).grant.range.first, 1);
    assert_bears(&desk, "one");
    now_in(&desk, "", false); /* not told: nothing follows */
    assert_int_equal(desk_take(&desk, 1).grant.range.first, 2);
    assert_bears(&desk, "one");
}

static void a_floor_and_a_branch_move_it_once(void **state)
{
    struct desk desk;

    (void)state;
    desk_in_one(&desk, (pawl_definition){.given = 0});
    now_in(&desk, "two", true);
    struct pawl_ask ask = {.kind = PAWL_ASK_TAKE, .count = 1, .floor = {desk.record.line, 0, 5000}};

    assert_int_equal(desk_ask(&desk, &ask), PAWL_OK);
    ask.skipped -= 4900;
    assert_jumped(&ask, 5001);
    assert_bears(&desk, "two");
}

static void looking_moves_nothing(void **state)
{
    struct desk desk;

    (void)state;
    desk_in_one(&desk, (pawl_definition){.given = 0});
    now_in(&desk, "two", true);
    struct pawl_ask check = {.kind = PAWL_ASK_TAKE, .count = 0};

    assert_int_equal(desk_ask(&desk, &check), PAWL_OK);
    assert_bears(&desk, "one");
    assert_int_equal(desk.record.next, 101);
}

static void where_no_margin_fits_it_stops_until_fenced(void **state)
{
    struct desk desk;

    (void)state;
    desk_in_one(&desk, (pawl_definition)UP_TO(900000));
    now_in(&desk, "two", true);
    struct pawl_ask ask = desk_take(&desk, 1);

    assert_int_equal(ask.error.code, PAWL_ROLLBACK);
    assert_non_null(strstr(ask.error.text, "pawl fence s --skip N"));
    assert_bears(&desk, "one");
    assert_int_equal(desk_fence(&desk, 500, 0).error.code, PAWL_OK);
    assert_bears(&desk, "two");
    assert_int_equal(desk_take(&desk, 1).grant.range.first, 601);
}

static void refusing_rollbacks_refuses_lost_branches(void **state)
{
    struct desk desk;

    (void)state;
    desk_in_one(&desk, (pawl_definition){.given = 0});
    desk.moment.refuse_rollback = true;
    now_in(&desk, "two", true);
    assert_int_equal(desk_take(&desk, 1).error.code, PAWL_ROLLBACK);
    now_in(&desk, "three", false);
    assert_int_equal(desk_take(&desk, 1).error.code, PAWL_OK);
}

static void a_new_line_has_lost_nothing(void **state)
{
    struct desk desk;

    (void)state;
    desk_in_one(&desk, (pawl_definition){.given = 0});
    now_in(&desk, "two", true);
    assert_int_equal(desk_put(&desk, 5, true).error.code, PAWL_OK);
    assert_bears(&desk, "two");
    assert_int_equal(desk_take(&desk, 1).grant.range.first, 5);
    now_in(&desk, "three", true);
    assert_int_equal(desk_put(&desk, 5000, false).error.code, PAWL_OK); /* forward: the same line */
    assert_bears(&desk, "two");
    struct pawl_ask ask = desk_take(&desk, 1);

    assert_jumped(&ask, 5000);
}

static void what_leaves_passes_what_may_be_lost(void **state)
{
    struct desk desk;
    struct pawl_record mark = {.branch_size = 4, .branch = "to#m"};
    struct pawl_ask leave = {.kind = PAWL_ASK_LEAVE, .record = &mark};

    (void)state;
    desk_in_one(&desk, (pawl_definition){.given = 0});
    now_in(&desk, "two", true);
    assert_int_equal(desk_ask(&desk, &leave), PAWL_OK);
    assert_true(desk.record.next >= 101 + PAWL_FENCE_IDS_MIN);
    assert_bears(&desk, "to#m");
    now_in(&desk, "three", true);
    assert_false(pawl_record_has_other_branch(&desk.record, &desk.moment.branch)); /* a tombstone */
}

static void what_is_renamed_passes_what_may_be_lost(void **state)
{
    struct desk desk;
    struct pawl_record target = {.epoch = 0};
    pawl_error error = {.code = PAWL_OK};

    (void)state;
    desk_in_one(&desk, (pawl_definition){.given = 0});
    assert_int_equal(pawl_name_set(&target.name, (struct pawl_bytes){"t", 1}, &error), PAWL_OK);
    now_in(&desk, "two", true);
    struct pawl_ask ask = {.kind = PAWL_ASK_RENAME, .to = {"t", 1}};

    assert_true(pawl_record_rename(&desk.record, &target, &ask, &desk.moment));
    int64_t next = desk.record.next;

    assert_true(next >= 101 + PAWL_FENCE_IDS_MIN);
    while (pawl_record_settle(&desk.record, &target, &desk.moment, &error) != PAWL_SETTLE_DONE) {
    }
    assert_false(target.dropped);
    assert_int_equal(target.branch_size, 3); /* or what is granted of it next would go unnoticed */
    assert_memory_equal(target.branch, "two", 3);
    assert_int_equal(target.next, next);
}

static void a_sequence_that_has_ended_goes_on_being_ended(void **state)
{
    struct desk desk;

    (void)state;
    desk_in_one(&desk, (pawl_definition)UP_TO(100));
    now_in(&desk, "two", true);
    assert_int_equal(desk_take(&desk, 1).error.code, PAWL_END);
}

static struct pawl_ask create_behind(struct desk *desk, const pawl_definition *definition,
                                     struct pawl_mark floor)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_CREATE, .definition = definition, .floor = floor};

    (void)desk_ask(desk, &ask);
    return ask;
}

static void what_a_store_has_lost_begins_beyond_what_was_given(void **state)
{
    const pawl_definition down = {.given = PAWL_GIVEN_INCREMENT, .increment = -2};
    struct desk desk;

    (void)state;
    desk_set(&desk, "s");
    struct pawl_ask ask = create_behind(&desk, &down, (struct pawl_mark){900, 0, -101});

    assert_int_equal(ask.error.code, PAWL_OK);
    assert_true(desk.record.line > 900);
    assert_int_equal(ask.grant.epoch, desk.record.epoch);
    uint64_t least = 51 + PAWL_FENCE_IDS_MIN;
    assert_in_range(ask.skipped, least, least + PAWL_JUMP_REACH * PAWL_FENCE_IDS_MIN - 1);
    assert_int_equal(desk_take(&desk, 1).grant.range.first, -1 - 2 * (int64_t)ask.skipped);
}

/* Epochs of two stores say nothing of each other: a tombstone here hides nothing given there. */
static void what_the_store_before_gave_holds_over_any_tombstone(void **state)
{
    const pawl_definition plain = {.given = 0};
    struct desk desk;
    struct pawl_ask drop = {.kind = PAWL_ASK_DROP};

    (void)state;
    desk_in_one(&desk, plain);
    assert_int_equal(desk_ask(&desk, &drop), PAWL_OK);
    const struct pawl_record tombstone = desk.record;
    const struct pawl_mark floor = {.line = 1, .id = 700};

    assert_true(tombstone.epoch > floor.line);
    assert_int_equal(create_behind(&desk, &plain, floor).skipped, 0); /* of the same store */
    desk.record = tombstone;
    struct pawl_ask ask = {
        .kind = PAWL_ASK_CREATE, .definition = &plain, .floor = floor, .floor_former = true};

    assert_int_equal(desk_ask(&desk, &ask), PAWL_OK);
    assert_true(desk.record.next > 700 + PAWL_FENCE_IDS_MIN);
    assert_true(desk.record.line > tombstone.epoch);
}

static void what_was_lost_twice_seldom_begins_at_one_place(void **state)
{
    const pawl_definition plain = {.given = 0};
    const pawl_definition narrow = {.given = PAWL_GIVEN_MAX, .max = 2000000};
    uint64_t first = 0;
    struct desk desk;

    (void)state;
    desk_set(&desk, "s");
    for (int i = 0; i < 2; i++) {
        struct pawl_record lost = desk.record;
        struct pawl_ask ask = create_behind(&desk, &plain, (struct pawl_mark){900, 0, 500});

        assert_int_equal(ask.error.code, PAWL_OK);
        assert_int_not_equal(ask.skipped, first);
        first = ask.skipped;
        desk.record = lost;
    }
    /* Never to its end, however little is left. */
    struct pawl_ask ask = create_behind(&desk, &narrow, (struct pawl_mark){900, 0, 1989000});
    assert_int_equal(ask.error.code, PAWL_OK);
    assert_in_range(ask.skipped, 1989000 + PAWL_FENCE_IDS_MIN, 1999999);
}

static void what_was_dropped_is_created_at_its_start(void **state)
{
    const pawl_definition plain = {.given = 0};
    struct desk desk;

    (void)state;
    desk_open(&desk, plain);
    struct pawl_mark floor = {desk.record.line, 0, 500};
    struct pawl_ask drop = {.kind = PAWL_ASK_DROP};

    (void)desk_ask(&desk, &drop);
    struct pawl_ask ask = create_behind(&desk, &plain, floor);

    assert_int_equal(ask.error.code, PAWL_OK);
    assert_int_equal(ask.skipped, 0);
    assert_int_equal(desk_take(&desk, 1).grant.range.first, 1);
}

static void what_cannot_begin_beyond_is_not_begun(void **state)
{
    const pawl_definition narrow = {.given = PAWL_GIVEN_MAX, .max = 1000};
    const pawl_definition plain = {.given = 0};
    struct desk desk;

    (void)state;
    desk_set(&desk, "s");
    struct pawl_ask ask = create_behind(&desk, &narrow, (struct pawl_mark){900, 0, 10});

    assert_int_equal(ask.error.code, PAWL_ROLLBACK);
    assert_int_equal(desk.record.epoch, 0);
    ask = create_behind(&desk, &plain, (struct pawl_mark){900, 0, INT64_MAX - 5});
    assert_int_equal(ask.error.code, PAWL_ROLLBACK);
    desk.moment.refuse_rollback = true;
    ask = create_behind(&desk, &plain, (struct pawl_mark){900, 0, 10});
    assert_int_equal(ask.error.code, PAWL_ROLLBACK);
    assert_int_equal(desk.record.epoch, 0);
}

/* Renames what is at the desk to "t", of which the record knows as much as target. */
static struct pawl_ask rename_behind(struct desk *desk, struct pawl_record *target,
                                     struct pawl_mark floor, struct pawl_mark to_floor)
{
    struct pawl_ask ask = {
        .kind = PAWL_ASK_RENAME, .to = {"t", 1}, .floor = floor, .to_floor = to_floor};
    pawl_error error = {.code = PAWL_OK};

    assert_int_equal(pawl_name_set(&target->name, ask.to, &error), PAWL_OK);
    if (!pawl_record_rename(&desk->record, target, &ask, &desk->moment)) return ask;
    while (pawl_record_settle(&desk->record, target, &desk->moment, &error) != PAWL_SETTLE_DONE) {
    }
    return ask;
}

static const struct pawl_mark no_mark = {.line = 0};

static void a_new_name_of_the_store_before_holds_over_any_tombstone(void **state)
{
    const pawl_definition plain = {.given = 0};
    struct pawl_ask ask = {.kind = PAWL_ASK_RENAME,
                           .to = {"t", 1},
                           .to_floor = {.line = 1, .id = 700},
                           .to_floor_former = true};
    pawl_error error = {.code = PAWL_OK};
    struct desk desk;

    (void)state;
    desk_in_one(&desk, plain);
    struct pawl_record target = {.epoch = 900, .dropped = true};

    assert_int_equal(pawl_name_set(&target.name, ask.to, &error), PAWL_OK);
    assert_true(pawl_record_rename(&desk.record, &target, &ask, &desk.moment));
    assert_true(desk.record.next > 700 + PAWL_FENCE_IDS_MIN);
}

static void what_was_renamed_before_goes_on_beyond_what_was_given_since(void **state)
{
    struct desk desk;
    struct pawl_record target = {.epoch = 0};

    (void)state;
    desk_open(&desk, (pawl_definition){.given = 0});
    (void)desk_take(&desk, 100);
    struct pawl_mark seen = {desk.record.epoch + 1000, 0, 3000000};
    struct pawl_ask ask = rename_behind(&desk, &target, no_mark, seen);

    assert_int_equal(ask.error.code, PAWL_OK);
    assert_true(ask.skipped >= 3000000 - 100 + PAWL_FENCE_IDS_MIN);
    assert_true(target.line > seen.line);
    assert_true(target.next > 3000000 + PAWL_FENCE_IDS_MIN);
}

static void what_is_renamed_goes_on_beyond_what_was_seen_of_it(void **state)
{
    struct desk desk;
    struct pawl_record target = {.epoch = 0};

    (void)state;
    desk_open(&desk, (pawl_definition){.given = 0});
    (void)desk_take(&desk, 100);
    struct pawl_mark seen = {desk.record.line, 0, 3000000};
    struct pawl_ask ask = rename_behind(&desk, &target, seen, no_mark);

    assert_int_equal(ask.error.code, PAWL_OK);
    assert_true(ask.skipped >= 3000000 - 100 + PAWL_FENCE_IDS_MIN);
    assert_true(target.next > 3000000 + PAWL_FENCE_IDS_MIN);
    desk_open(&desk, (pawl_definition){.given = 0});
    target = (struct pawl_record){.epoch = 0};
    seen.line = desk.record.line + 1;
    ask = rename_behind(&desk, &target, seen, no_mark);
    assert_int_equal(ask.error.code, PAWL_FLOOR);
    assert_int_equal(target.epoch, 0);
}

static void what_the_records_know_of_moves_no_rename(void **state)
{
    struct desk desk;
    struct pawl_record target = {.epoch = 5000, .dropped = true, .version = 3};

    (void)state;
    desk_open(&desk, (pawl_definition){.given = 0});
    (void)desk_take(&desk, 100);
    struct pawl_ask ask =
        rename_behind(&desk, &target, (struct pawl_mark){desk.record.line, 0, 100},
                      (struct pawl_mark){5000, 0, 3000000});

    assert_int_equal(ask.error.code, PAWL_OK);
    assert_int_equal(ask.skipped, 0);
    assert_int_equal(target.next, 101);
}

/* Its last id is its mark, and lies not beyond itself. */
static void what_has_ended_is_renamed_as_it_is(void **state)
{
    const pawl_definition ways[] = {UP_TO(100), CYCLE_TO(100)};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(ways); i++) {
        struct desk desk;
        struct pawl_record target = {.epoch = 0};

        desk_open(&desk, ways[i]);
        desk.record.next = 100;
        desk.record.ended = true;
        struct pawl_mark seen = {desk.record.line, 0, 100};
        struct pawl_ask ask = rename_behind(&desk, &target, seen, no_mark);

        assert_int_equal(ask.error.code, PAWL_OK);
        assert_int_equal(ask.skipped, 0);
        assert_true(target.ended);
    }
}

static void what_cannot_go_on_beyond_is_not_renamed(void **state)
{
    struct desk desk;
    struct pawl_record target = {.epoch = 0};

    (void)state;
    desk_open(&desk, (pawl_definition){.given = 0});
    struct pawl_record before = desk.record;

    desk.moment.refuse_rollback = true;
    struct pawl_ask ask =
        rename_behind(&desk, &target, no_mark, (struct pawl_mark){before.epoch + 1, 0, 7});

    assert_int_equal(ask.error.code, PAWL_ROLLBACK);
    assert_int_equal(target.epoch, 0);
    assert_same_record(&desk.record, &before);
    ask = rename_behind(&desk, &target, (struct pawl_mark){before.line, 0, 7}, no_mark);
    assert_int_equal(ask.error.code, PAWL_ROLLBACK);
    assert_same_record(&desk.record, &before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_branch_moves_a_sequence_once),
        cmocka_unit_test(a_backup_put_back_twice_seldom_leads_to_one_place),
        cmocka_unit_test(a_jump_takes_one_percent_of_what_is_left_at_most),
        cmocka_unit_test(a_branch_that_lost_nothing_moves_nothing),
        cmocka_unit_test(a_record_of_no_branch_adopts_one),
        cmocka_unit_test(a_floor_and_a_branch_move_it_once),
        cmocka_unit_test(looking_moves_nothing),
        cmocka_unit_test(where_no_margin_fits_it_stops_until_fenced),
        cmocka_unit_test(refusing_rollbacks_refuses_lost_branches),
        cmocka_unit_test(a_new_line_has_lost_nothing),
        cmocka_unit_test(what_leaves_passes_what_may_be_lost),
        cmocka_unit_test(what_is_renamed_passes_what_may_be_lost),
        cmocka_unit_test(a_sequence_that_has_ended_goes_on_being_ended),
        cmocka_unit_test(what_a_store_has_lost_begins_beyond_what_was_given),
        cmocka_unit_test(what_was_dropped_is_created_at_its_start),
        cmocka_unit_test(what_cannot_begin_beyond_is_not_begun),
        cmocka_unit_test(what_the_store_before_gave_holds_over_any_tombstone),
        cmocka_unit_test(a_new_name_of_the_store_before_holds_over_any_tombstone),
        cmocka_unit_test(what_was_lost_twice_seldom_begins_at_one_place),
        cmocka_unit_test(what_was_renamed_before_goes_on_beyond_what_was_given_since),
        cmocka_unit_test(what_is_renamed_goes_on_beyond_what_was_seen_of_it),
        cmocka_unit_test(what_the_records_know_of_moves_no_rename),
        cmocka_unit_test(what_has_ended_is_renamed_as_it_is),
        cmocka_unit_test(what_cannot_go_on_beyond_is_not_renamed),
    };

    return cmocka_run_group_tests_name("branch", tests, NULL, NULL);
}
