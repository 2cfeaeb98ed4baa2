/* SPDX-License-Identifier: Apache-2.0 */
/* A guard with nothing in it: what it waits for, and what it tells once it knows. */
#include "guard_world.h"

#include <stdio.h>

#include "base/log.h"

static const struct pawl_mark nothing = {.line = 0};

/* Its process starts again with nothing remembered. */
static void lose_guard(struct world *world, uint64_t learn_ns)
{
    world->book.begun = false;
    world->book.count = 0;
    world_restart(world, learn_ns);
}

static void a_new_guard_waits_for_floors(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    uint64_t line = world.store.record.line;

    lose_guard(&world, 60 * PAWL_NS_PER_S);
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_STORE);
    assert_non_null(strstr(taken.ask.error.text, "--learn-for"));
    assert_int_equal(world.store.record.next, 1);
    taken = world_take(&world, 1, (struct pawl_mark){line, 0, 70});
    assert_true(taken.ask.grant.range.first > 70);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    world_end(&world);
}

/* Its disk was harmed, say: the book was begun anew under its hands. */
static void a_guard_that_is_lost_in_use_learns_again(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    uint64_t line = world.store.record.line;

    world_restart(&world, 60 * PAWL_NS_PER_S);
    world.now_ns += 100 * PAWL_NS_PER_S;
    world.wall_s += 100;
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    world.book.book.losses++;
    world.book.count = 0;
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_STORE);
    assert_non_null(strstr(taken.ask.error.text, "--learn-for"));
    world.now_ns += 59 * PAWL_NS_PER_S;
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_STORE);
    taken = world_take(&world, 1, (struct pawl_mark){line, 0, 70});
    assert_true(taken.ask.grant.range.first > 70);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    assert_int_equal(world.book.head.began_s, world.wall_s);
    world.book.count = 0; /* no other sequence was told of; but the time is over */
    world.now_ns += 2 * PAWL_NS_PER_S;
    world_turn(&world);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    world_end(&world);
}

/* Whoever waits for nobody does not begin to. */
static void a_guard_that_is_lost_in_use_goes_on_without_learning(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    world.book.book.losses++;
    world.book.count = 0;
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    world_end(&world);
}

/* A sequence of which ids were used, and that then began a new line; returns the former one. */
static uint64_t begin_again(struct world *world)
{
    struct deed again = {.ask = {.kind = PAWL_ASK_SET, .value = 500, .force = true}};

    world_begin(world);
    uint64_t line = world->store.record.line;

    (void)world_take(world, 600, nothing);
    assert_int_equal(world_ask(world, &again)->ask.error.code, PAWL_OK);
    assert_true(world->store.record.line > line);
    return line;
}

/* Of before a RESTART: how far the sequence has come since, it does not tell. */
static void a_floor_of_an_earlier_line_tells_nothing(void **state)
{
    struct world world;

    (void)state;
    uint64_t line = begin_again(&world);

    lose_guard(&world, 60 * PAWL_NS_PER_S);
    int64_t next = world.store.record.next;
    struct deed taken = world_take(&world, 1, (struct pawl_mark){line, 0, 600});

    assert_int_equal(taken.ask.error.code, PAWL_STORE);
    assert_non_null(strstr(taken.ask.error.text, "--learn-for"));
    assert_int_equal(world.store.record.next, next); /* nothing was burned either */
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_STORE);
    line = world.store.record.line;
    taken = world_take(&world, 1, (struct pawl_mark){line, 0, 700});
    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_true(taken.ask.grant.range.first > 700);
    assert_false(world.book.seen[0].blind);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    world_end(&world);
}

/* Likewise once the time is over: what is then granted is granted blindly. */
static void a_floor_of_an_earlier_line_leaves_it_blind(void **state)
{
    struct world world;

    (void)state;
    uint64_t line = begin_again(&world);

    lose_guard(&world, 0);
    struct deed taken = world_take(&world, 1, (struct pawl_mark){line, 0, 600});

    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_true(world.book.seen[0].blind);
    world_end(&world);
}

static void a_new_guard_waits_no_longer_than_it_is_told(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    lose_guard(&world, 60 * PAWL_NS_PER_S);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_STORE);
    world.wall_s += 40; /* and a restart does not begin it again */
    world_restart(&world, 60 * PAWL_NS_PER_S);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_STORE);
    world.now_ns += 21 * PAWL_NS_PER_S;
    world_turn(&world);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    world_end(&world);
}

static void what_was_made_here_has_no_past(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    assert_int_equal(world_do(&world, PAWL_ASK_DROP).ask.error.code, PAWL_OK);
    lose_guard(&world, 60 * PAWL_NS_PER_S);
    assert_int_equal(world_do(&world, PAWL_ASK_CREATE).ask.error.code, PAWL_OK);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    assert_false(world.book.seen[0].blind);
    world_end(&world);
}

static void what_was_there_is_not_made_here(void **state)
{
    const pawl_definition unless = {.given = PAWL_GIVEN_IF_NOT_EXISTS};
    struct deed made = {.ask = {.kind = PAWL_ASK_CREATE, .definition = &unless}};
    struct world world;

    (void)state;
    world_begin(&world);
    lose_guard(&world, 60 * PAWL_NS_PER_S);
    assert_int_equal(world_ask(&world, &made)->ask.error.code, PAWL_OK);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_STORE);
    world_end(&world);
}

static void a_sequence_that_its_store_lost_is_not_begun_again(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    uint64_t line = world.store.record.line;

    world.store.record = (struct pawl_record){.name = world.store.record.name};
    world_restart(&world, 0);
    struct deed made = world_do(&world, PAWL_ASK_CREATE);

    assert_int_equal(made.ask.error.code, PAWL_OK);
    assert_true(made.ask.skipped > 0);
    assert_true(world.store.record.line > line);
    assert_int_equal(world_view(&world).steps_back, 1);
    int64_t first = world_take(&world, 1, nothing).ask.grant.range.first;
    assert_in_range(first, 11 + PAWL_FENCE_IDS_MIN,
                    10 + (1 + PAWL_JUMP_REACH) * PAWL_FENCE_IDS_MIN);
    world_end(&world);
}

static void keep_bounds(enum pawl_log_level level, const char *line, void *arg)
{
    (void)level;
    if (strstr(line, "before it was known") != NULL) (void)snprintf(arg, 400, "%s", line);
}

static void what_was_granted_blindly_is_told_with_its_bounds(void **state)
{
    struct world world;
    char line[400] = "";

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 7, nothing);
    world.book.count = 0;
    world.book.begun = false;
    world_restart(&world, 0);
    (void)world_take(&world, 4, nothing); /* 8 to 11, which others were given */
    pawl_log_set(PAWL_LOG_ERROR, keep_bounds, line);
    (void)world_take(&world, 1, (struct pawl_mark){world.store.record.line, 0, 500});
    pawl_log_set(PAWL_LOG_OFF, NULL, NULL);
    assert_non_null(strstr(line, "from=0/8 to=0/11"));
    assert_false(world.book.seen[0].blind);
    world_end(&world);
}

struct warnings {
    unsigned count;
    char last[600];
};

static void keep_warning(enum pawl_log_level level, const char *line, void *arg)
{
    struct warnings *warnings = arg;

    (void)level;
    if (strstr(line, "guard was just begun") == NULL) return;
    warnings->count++;
    (void)snprintf(warnings->last, sizeof warnings->last, "%s", line);
}

/* It may be new, or lost, with the folder that it was in. */
static void a_guard_that_was_just_begun_says_what_it_never_saw(void **state)
{
    struct world world;
    struct warnings warnings = {.count = 0};

    (void)state;
    pawl_log_set(PAWL_LOG_WARN, keep_warning, &warnings);
    world_begin(&world); /* which makes the sequence */
    (void)world_take(&world, 10, nothing);
    assert_int_equal(warnings.count, 0);
    world.book.count = 0;
    world_restart(&world, 0); /* one that is not new forgets by itself what was dropped */
    (void)world_take(&world, 1, nothing);
    assert_int_equal(warnings.count, 0);
    lose_guard(&world, 0);
    (void)world_take(&world, 1, (struct pawl_mark){world.store.record.line, 0, 11});
    assert_int_equal(warnings.count, 0); /* somebody knew */
    lose_guard(&world, 0);
    for (int i = 0; i < 2; i++) { /* one of them is enough */
        (void)world_take(&world, 1, nothing);
        assert_int_equal(warnings.count, 1);
        world.book.count = 0;
    }
    pawl_log_set(PAWL_LOG_OFF, NULL, NULL);
    assert_non_null(strstr(warnings.last, "level=warn"));
    assert_non_null(strstr(warnings.last, "pawl fence --all"));
    world_end(&world);
}

/* Downward as well: the further of two floors is the lower one, also where no grant has told so. */
static void a_descending_sequence_that_stopped_heeds_the_further_floor(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    world.store.record.increment = -1;
    world.store.record.min = -5000; /* no room for a margin */
    world.store.record.max = -1;
    world.store.record.next = world.store.record.start = -1;
    struct pawl_mark floor = {world.store.record.line, 0, -20};

    assert_int_equal(world_take(&world, 1, floor).ask.error.code, PAWL_ROLLBACK);
    floor.id = -30;
    assert_int_equal(world_take(&world, 1, floor).ask.error.code, PAWL_ROLLBACK);
    assert_int_equal(world.store.floor.id, -30);
    assert_int_equal(world_seen(&world).id, -30);
    world_restart(&world, 0);
    struct deed fence = {.ask = {.kind = PAWL_ASK_FENCE, .count = 25}};

    assert_int_equal(world_ask(&world, &fence)->ask.error.code, PAWL_OK);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_ROLLBACK);
    world_end(&world);
}

/* As a book has it for a store that was accepted in another's place. */
static void now_former(struct world *world, uint64_t line, int64_t id)
{
    world->book.seen[0].former = true;
    world->book.seen[0].mark = (struct pawl_mark){line, 0, id};
    world->book.seen[0].first = (struct pawl_mark){line, 0, 1};
    world_restart(world, 0);
}

/* It is the one before, put back under another name. */
static void what_the_store_before_gave_counts_in_the_same_line(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    now_former(&world, world.store.record.line, 4000000);
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_true(taken.ask.grant.range.first > 4000000 + PAWL_FENCE_IDS_MIN);
    assert_false(world.book.seen[0].former);
    world_end(&world);
}

/* It is a store of its own: nothing of the one before stops it. */
static void what_the_store_before_gave_is_void_in_another_line(void **state)
{
    const int64_t lines[] = {-1, 1};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(lines); i++) {
        struct world world;

        world_begin(&world);
        (void)world_take(&world, 10, nothing);
        now_former(&world, world.store.record.line + (uint64_t)lines[i], 4000000);
        struct deed taken = world_take(&world, 1, nothing);

        assert_int_equal(taken.ask.error.code, PAWL_OK);
        assert_int_equal(taken.ask.grant.range.first, 11);
        assert_int_equal(taken.remembered.id, 11);
        assert_false(world.book.seen[0].former);
        world_end(&world);
    }
}

/* Which of them this one is a copy of nobody knows: its record goes on beyond all of them. */
static void what_several_stores_before_gave_counts_in_any_line(void **state)
{
    static const struct {
        int line; /* of what was seen, beyond the record's */
        int64_t increment;
        enum pawl_ask_kind kind;
        int64_t beyond;
    } rows[] = {
        {-1, 1, PAWL_ASK_TAKE, 4000000}, {1, 1, PAWL_ASK_TAKE, 4000000},
        {1, 1, PAWL_ASK_FENCE, 4000000}, {1, 1, PAWL_ASK_RENAME, 4000000},
        {1, -1, PAWL_ASK_TAKE, 10}, /* it goes the other way: it is another one */
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct world world;
        struct deed change = {.ask = {.kind = rows[i].kind, .count = 1, .to = {"t", 1}}};

        world_begin(&world);
        (void)world_take(&world, 10, nothing);
        uint64_t line = world.store.record.line;

        world.book.seen[0].any_line = true;
        world.book.seen[0].increment = rows[i].increment;
        now_former(&world, line + (uint64_t)rows[i].line, 4000000);
        if (rows[i].kind == PAWL_ASK_FENCE) change.ask.line = line;
        (void)world_ask(&world, &change);
        assert_int_equal(world.store.floor.line, rows[i].increment > 0 ? line : 0);
        if (rows[i].kind == PAWL_ASK_TAKE) {
            assert_int_equal(change.ask.error.code, PAWL_OK);
            assert_true(change.ask.grant.range.first > rows[i].beyond);
            assert_false(world.book.seen[0].former || world.book.seen[0].any_line);
        }
        world_end(&world);
    }
}

/* Whoever knows how far this one had come lets it pass: what the other gave does not stop that. */
static void a_floor_passes_where_the_store_before_was_another_one(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    uint64_t line = world.store.record.line;

    world.book.head.began_s = world.wall_s;
    now_former(&world, line + 1, 4000000);
    world_restart(&world, 60 * PAWL_NS_PER_S);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_STORE);
    struct deed taken = world_take(&world, 1, (struct pawl_mark){line, 0, 10});

    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_int_equal(taken.ask.grant.range.first, 11);
    world_end(&world);
}

/* Of two names: whose line it is decides for the old one, how far it has come for the new one. */
static void a_rename_heeds_what_the_store_before_gave(void **state)
{
    static const struct {
        uint64_t line; /* beyond the record's, of what was seen of the old name */
        int64_t to;    /* seen of the new one; the next id is 11 */
        int64_t floor, to_floor;
    } rows[] = {{0, 500, 4000000, 500}, {1, 500, 0, 500}, {0, 10, 4000000, 0}, {1, 10, 0, 0}};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct deed rename = {.ask = {.kind = PAWL_ASK_RENAME, .to = {"t", 1}}};
        struct world world;

        world_begin(&world);
        (void)world_take(&world, 10, nothing);
        world.book.seen[1] = (struct pawl_seen){
            .mark = {77, 0, rows[i].to}, .first = {77, 0, 1}, .increment = 1, .former = true};
        assert_int_equal(pawl_name_set(&world.book.names[1], rename.ask.to, NULL), PAWL_OK);
        world.book.count = 2;
        now_former(&world, world.store.record.line + rows[i].line, 4000000);
        (void)world_ask(&world, &rename);
        assert_int_equal(world.store.floor.line == 0 ? 0 : world.store.floor.id, rows[i].floor);
        assert_int_equal(world.store.to_floor.line == 0 ? 0 : world.store.to_floor.id,
                         rows[i].to_floor);
        world_end(&world);
    }
}

/* Of a name that nobody bears any more only the new one's past would be left. */
static void a_rename_of_what_is_not_there_fails_as_ever(void **state)
{
    struct deed rename = {.ask = {.kind = PAWL_ASK_RENAME, .to = {"t", 1}}};
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    world.store.record = (struct pawl_record){.name = world.store.record.name};
    now_former(&world, 5, 4000000);
    assert_int_equal(world_ask(&world, &rename)->ask.error.code, PAWL_NO_SEQUENCE);
    world_end(&world);
}

static void a_fence_beyond_a_line_heeds_what_the_store_before_gave_there(void **state)
{
    static const struct {
        int seen, fence; /* lines, beyond the record's */
        int64_t beyond;  /* this is where the next one lies */
    } rows[] = {{0, 0, 4000000}, {0, 5, 4000000}, {3, 3, 4000000}, {3, 5, 4000000},
                {3, 2, 11},      {-1, 0, 11},     {-1, -1, 11}};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct world world;

        world_begin(&world);
        (void)world_take(&world, 10, nothing);
        uint64_t line = world.store.record.line;
        struct deed fence = {.ask = {.kind = PAWL_ASK_FENCE, .count = 1}};

        fence.ask.line = line + (uint64_t)rows[i].fence;
        now_former(&world, line + (uint64_t)rows[i].seen, 4000000);
        assert_int_equal(world_ask(&world, &fence)->ask.error.code, PAWL_OK);
        assert_int_equal(world_take(&world, 1, nothing).ask.grant.range.first, rows[i].beyond + 1);
        world_end(&world);
    }
}

/* Of ids that the store before had given: they are not this one's, which says so. */
static void a_give_back_forgets_nothing_of_the_store_before(void **state)
{
    struct deed back = {.ask = {.kind = PAWL_ASK_RETURN, .value = 6, .count = 5}};
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    now_former(&world, world.store.record.line, 4000000);
    assert_int_equal(world_ask(&world, &back)->ask.error.code, PAWL_NOT_KEPT);
    assert_true(world.book.seen[0].former);
    assert_int_equal(world.book.seen[0].mark.line, world.store.record.line);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_guard_waits_for_floors),
        cmocka_unit_test(a_guard_that_is_lost_in_use_learns_again),
        cmocka_unit_test(a_guard_that_is_lost_in_use_goes_on_without_learning),
        cmocka_unit_test(a_floor_of_an_earlier_line_tells_nothing),
        cmocka_unit_test(a_floor_of_an_earlier_line_leaves_it_blind),
        cmocka_unit_test(a_new_guard_waits_no_longer_than_it_is_told),
        cmocka_unit_test(what_was_made_here_has_no_past),
        cmocka_unit_test(what_was_there_is_not_made_here),
        cmocka_unit_test(a_sequence_that_its_store_lost_is_not_begun_again),
        cmocka_unit_test(what_was_granted_blindly_is_told_with_its_bounds),
        cmocka_unit_test(a_guard_that_was_just_begun_says_what_it_never_saw),
        cmocka_unit_test(a_descending_sequence_that_stopped_heeds_the_further_floor),
        cmocka_unit_test(what_the_store_before_gave_counts_in_the_same_line),
        cmocka_unit_test(what_the_store_before_gave_is_void_in_another_line),
        cmocka_unit_test(what_several_stores_before_gave_counts_in_any_line),
        cmocka_unit_test(a_floor_passes_where_the_store_before_was_another_one),
        cmocka_unit_test(a_rename_heeds_what_the_store_before_gave),
        cmocka_unit_test(a_rename_of_what_is_not_there_fails_as_ever),
        cmocka_unit_test(a_fence_beyond_a_line_heeds_what_the_store_before_gave_there),
        cmocka_unit_test(a_give_back_forgets_nothing_of_the_store_before),
    };

    return cmocka_run_group_tests_name("guard_learn", tests, NULL, NULL);
}
