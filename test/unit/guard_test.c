/* SPDX-License-Identifier: Apache-2.0 */
/* The guard: what it remembers and when, and what follows from it when the store goes back. */
#include "guard_world.h"

static const struct pawl_mark nothing = {.line = 0};

static int64_t last(const struct deed *deed)
{
    return pawl_range_last(deed->ask.grant.range);
}

/* What was taken, from value on. */
static struct deed give_back(const struct deed *taken, int64_t value)
{
    return (struct deed){.ask = {.kind = PAWL_ASK_RETURN,
                                 .value = value,
                                 .lease = taken->ask.grant.lease,
                                 .epoch = taken->ask.grant.epoch}};
}

static void what_is_granted_is_remembered_before_it_is_answered(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    struct deed taken = world_take(&world, 10, nothing);

    assert_int_equal(taken.ask.grant.range.first, 1);
    assert_int_equal(taken.remembered.id, last(&taken));
    assert_int_equal(taken.remembered.line, taken.ask.grant.line);
    assert_false(world.book.lasted);
    world_end(&world);
}

static void a_store_that_went_back_gives_nothing_again(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    world_keep(&world);
    (void)world_take(&world, 10, nothing);
    (void)world_take(&world, 10, nothing);
    world_back(&world);
    world_restart(&world, 0);
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_int_equal(world.store.floor.id, 20);
    assert_true(taken.ask.grant.range.first >= 21 + PAWL_FENCE_IDS_MIN);
    assert_true(taken.ask.skipped >= PAWL_FENCE_IDS_MIN);
    assert_int_equal(world_view(&world).steps_back, 1);
    assert_string_equal(world_view(&world).last_name, "s");
    world_end(&world);
}

static void the_further_floor_goes_down(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    uint64_t line = world.store.record.line;

    (void)world_take(&world, 10, nothing);
    (void)world_take(&world, 1, (struct pawl_mark){line, 0, 5});
    assert_int_equal(world.store.floor.id, 10);
    (void)world_take(&world, 1, (struct pawl_mark){line, 0, 10});
    assert_int_equal(world.store.floor.id, 11);
    (void)world_take(&world, 1, (struct pawl_mark){line, 0, 500});
    assert_int_equal(world.store.floor.id, 500);
    world_end(&world);
}

static void ids_go_on_where_the_guard_cannot_be_written(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    world.book.failing = true;
    struct deed taken = world_take(&world, 10, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_int_equal(world_view(&world).unwritten, 1);
    world_end(&world);
}

static void a_grant_behind_what_was_seen_is_discarded(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    world_keep(&world);
    (void)world_take(&world, 10, nothing);
    world_back(&world);
    world.store.blind = true;
    struct deed taken = world_take(&world, 5, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_BUSY);
    assert_int_equal(taken.ask.burned, 5);
    assert_int_equal(world_seen(&world).id, 10);
    assert_int_equal(world_view(&world).discarded, 1);
    world_end(&world);
}

static void another_store_is_not_used(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    world.store.identity.name[0] = 'm';
    world.book.denied = true;
    struct deed taken = world_take(&world, 5, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_LOST); /* it was asked before it was known */
    assert_int_equal(taken.ask.burned, 5);
    taken = world_take(&world, 5, nothing);
    assert_int_equal(taken.ask.error.code, PAWL_STORE);
    assert_int_equal(world.store.record.next, 6); /* nothing more was asked of it */
    struct deed ping = world_do(&world, PAWL_ASK_PING);

    assert_int_equal(ping.ask.error.code, PAWL_DENIED);
    assert_string_equal(world_view(&world).state, "refused");
    world.store.identity.name[0] = 'n';
    world.now_ns += 2 * PAWL_NS_PER_S;
    taken = world_take(&world, 5, nothing);
    assert_int_equal(taken.ask.grant.range.first, 6);
    world_end(&world);
}

static void a_position_that_fell_draws_another_branch(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    world.store.identity.position = 50;
    world_restart(&world, 0);
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(world.store.redraws, 1);
    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_true(taken.ask.skipped >= PAWL_FENCE_IDS_MIN); /* for what others were given */
    assert_int_equal(world.book.head.branch.at[0], 'b');
    assert_int_equal(world.book.head.position, 52);
    assert_int_equal(world_view(&world).times_back, 1);
    world_restart(&world, 0);
    taken = world_take(&world, 1, nothing);
    assert_int_equal(world.store.redraws, 1);
    assert_int_equal(taken.ask.skipped, 0);
    world_end(&world);
}

static void a_store_without_a_tag_is_judged_by_what_was_seen(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    world_keep(&world);
    (void)world_take(&world, 10, nothing);
    world_back(&world);
    world.store.identity.position = 50;
    world.store.keeps_no = true;
    world_restart(&world, 0);
    struct deed taken = world_take(&world, 1, nothing);

    assert_true(taken.ask.grant.range.first > 10 + PAWL_FENCE_IDS_MIN);
    assert_int_equal(world_view(&world).times_back, 1);
    world_end(&world);
}

/* While it is in use: what it granted is burned, and it is looked at before anything else. */
static void a_position_that_falls_while_in_use_is_noticed(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    world.store.identity.position = 50;
    struct deed taken = world_take(&world, 3, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_LOST);
    assert_int_equal(taken.ask.burned, 3);
    taken = world_take(&world, 3, nothing);
    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_int_equal(world.store.redraws, 1);
    world_end(&world);
}

static void a_look_that_others_overtook_is_no_step_back(void **state)
{
    struct world world;
    struct deed ping = {.ask = {.kind = PAWL_ASK_PING}};

    (void)state;
    world_begin(&world);
    world.store.held = true;
    (void)world_start(&world, &ping);
    world_turn(&world);
    struct pawl_ask *look = pawl_asks_pop(&world.store.queue);

    world.store.held = false;
    struct pawl_identity then = world.store.identity;

    (void)world_take(&world, 1, nothing);
    *look->identity = then;
    pawl_ask_answer(look);
    for (int i = 0; i < 3 && !ping.answered; i++) {
        world_turn(&world);
    }
    assert_true(ping.answered);
    assert_int_equal(world.store.redraws, 0);
    assert_int_equal(world_view(&world).times_back, 0);
    world_end(&world);
}

static void a_failover_that_lost_nothing_is_taken_note_of(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    world.store.identity.branch = (struct pawl_branch){.size = 1, .at = "z"};
    world.store.identity.position = 3;
    world.store.keeps_no = true;
    world_restart(&world, 0);
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(taken.ask.grant.range.first, 11);
    assert_int_equal(taken.ask.skipped, 0);
    assert_int_equal(world.store.redraws, 0);
    assert_int_equal(world.book.head.branch.at[0], 'z');
    assert_int_equal(world_view(&world).times_back, 0);
    world_end(&world);
}

static void a_sequence_begun_anew_is_no_step_back(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    assert_int_equal(world_do(&world, PAWL_ASK_DROP).ask.error.code, PAWL_OK);
    assert_int_equal(world.book.seen[0].dropped_s, 5000);
    assert_int_equal(world_do(&world, PAWL_ASK_CREATE).ask.error.code, PAWL_OK);
    struct deed taken = world_take(&world, 5, nothing);

    assert_int_equal(taken.ask.grant.range.first, 1);
    assert_int_equal(taken.ask.skipped, 0);
    assert_int_equal(world.book.seen[0].dropped_s, 0);
    assert_int_equal(world.book.seen[0].first.id, 1);
    world_end(&world);
}

static void a_store_that_went_back_before_a_drop_gives_nothing_again(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    world_keep(&world);
    (void)world_take(&world, 10, nothing);
    assert_int_equal(world_do(&world, PAWL_ASK_DROP).ask.error.code, PAWL_OK);
    assert_int_equal(world_take(&world, 5, nothing).ask.error.code, PAWL_NO_SEQUENCE);
    world_back(&world);
    world_restart(&world, 0);
    assert_true(world_take(&world, 1, nothing).ask.grant.range.first > 10 + PAWL_FENCE_IDS_MIN);
    world_end(&world);
}

static void a_later_line_than_the_stores_stops_it_until_fenced(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    world_keep(&world);
    assert_int_equal(world_do(&world, PAWL_ASK_DROP).ask.error.code, PAWL_OK);
    assert_int_equal(world_do(&world, PAWL_ASK_CREATE).ask.error.code, PAWL_OK);
    (void)world_take(&world, 10, nothing);
    uint64_t line = world.store.record.line;

    world_back(&world);
    world_restart(&world, 0);
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_ROLLBACK);
    assert_non_null(strstr(taken.ask.error.text, "--beyond"));
    struct deed fence = {.ask = {.kind = PAWL_ASK_FENCE, .line = line, .count = 1}};

    assert_int_equal(world_ask(&world, &fence)->ask.error.code, PAWL_OK);
    assert_int_equal(world_take(&world, 1, nothing).ask.grant.range.first, 11);
    world_end(&world);
}

static void a_sequence_that_stopped_is_stopped_after_a_restart(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    world.store.record.max = 5000; /* no room for a margin */
    struct pawl_mark floor = {world.store.record.line, 0, 40};

    assert_int_equal(world_take(&world, 1, floor).ask.error.code, PAWL_ROLLBACK);
    world_restart(&world, 0);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_ROLLBACK);
    struct deed fence = {.ask = {.kind = PAWL_ASK_FENCE, .count = 40}};

    assert_int_equal(world_ask(&world, &fence)->ask.error.code, PAWL_OK);
    assert_int_equal(world_take(&world, 1, nothing).ask.grant.range.first, 41);
    world_end(&world);
}

/* It draws a line of its own, of which nobody will have a floor. */
static void a_rename_is_told_what_was_seen_of_both_names(void **state)
{
    struct world world;
    struct deed rename = {.ask = {.kind = PAWL_ASK_RENAME, .to = {"t", 1}}};

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    world.book.seen[1].mark = (struct pawl_mark){77, 2, 500};
    assert_int_equal(pawl_name_set(&world.book.names[1], (struct pawl_bytes){"t", 1}, NULL),
                     PAWL_OK);
    world.book.count = 2;
    (void)world_ask(&world, &rename);
    assert_int_equal(world.store.floor.line, world.store.record.line);
    assert_int_equal(world.store.floor.id, 10);
    assert_int_equal(world.store.to_floor.line, 77);
    assert_int_equal(world.store.to_floor.lap, 2);
    assert_int_equal(world.store.to_floor.id, 500);
    world_end(&world);
}

static void asks_wait_until_the_store_is_known(void **state)
{
    struct world world;
    struct deed take = {.ask = {.kind = PAWL_ASK_TAKE, .count = 1}};

    (void)state;
    world_begin(&world);
    world_restart(&world, 0);
    world.store.held = true;
    (void)world_start(&world, &take);
    world_turn(&world);
    assert_int_equal(world.store.queue.first->kind, PAWL_ASK_PING);
    assert_null(world.store.queue.first->next);
    world_end(&world); /* and are answered when it ends */
    assert_true(take.answered);
    assert_int_equal(take.ask.error.code, PAWL_LOST);
}

static void ask_again(struct pawl_ask *ask)
{
    struct deed *deed = PAWL_OWNER(ask, struct deed, ask);

    if (deed->answered) return;
    deed->answered = true;
    pawl_source_ask(pawl_guard_source(deed->world->guard), ask);
}

static void who_asks_again_in_done_is_served(void **state)
{
    struct world world;
    struct deed take = {.ask = {.kind = PAWL_ASK_TAKE, .count = 1}};
    uint64_t next_ns = 0;

    (void)state;
    world_begin(&world);
    (void)world_start(&world, &take);
    take.ask.done = ask_again;
    for (int turn = 0; turn < 9 && next_ns != PAWL_NEVER; turn++) {
        struct pawl_source *source = pawl_guard_source(world.guard);

        next_ns = source->ops->turn(source, ++world.now_ns);
    }
    assert_int_equal(world.store.record.next, 3);
    assert_false(take.ask.pending);
    world_end(&world);
}

static void descending_sequences_are_guarded_too(void **state)
{
    struct world world;
    pawl_definition down = {.given = PAWL_GIVEN_INCREMENT, .increment = -3};
    struct deed alter = {.ask = {.kind = PAWL_ASK_ALTER, .definition = &down}};

    (void)state;
    world_begin(&world);
    assert_int_equal(world_do(&world, PAWL_ASK_DROP).ask.error.code, PAWL_OK);
    alter.ask.kind = PAWL_ASK_CREATE;
    assert_int_equal(world_ask(&world, &alter)->ask.error.code, PAWL_OK);
    world_keep(&world);
    struct deed taken = world_take(&world, 10, nothing);
    struct deed back = give_back(&taken, -16);

    assert_int_equal(last(&taken), -28);
    assert_int_equal(world_ask(&world, &back)->ask.error.code, PAWL_OK);
    taken = world_take(&world, 2, nothing);
    assert_int_equal(taken.ask.grant.range.first, -16);
    assert_int_equal(taken.ask.skipped, 0);
    world_back(&world);
    world_restart(&world, 0);
    assert_true(world_take(&world, 1, nothing).ask.grant.range.first <
                -19 - 3 * PAWL_FENCE_IDS_MIN);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_granted_is_remembered_before_it_is_answered),
        cmocka_unit_test(a_store_that_went_back_gives_nothing_again),
        cmocka_unit_test(the_further_floor_goes_down),
        cmocka_unit_test(ids_go_on_where_the_guard_cannot_be_written),
        cmocka_unit_test(a_grant_behind_what_was_seen_is_discarded),
        cmocka_unit_test(another_store_is_not_used),
        cmocka_unit_test(a_position_that_fell_draws_another_branch),
        cmocka_unit_test(a_store_without_a_tag_is_judged_by_what_was_seen),
        cmocka_unit_test(a_position_that_falls_while_in_use_is_noticed),
        cmocka_unit_test(a_look_that_others_overtook_is_no_step_back),
        cmocka_unit_test(a_failover_that_lost_nothing_is_taken_note_of),
        cmocka_unit_test(a_sequence_begun_anew_is_no_step_back),
        cmocka_unit_test(a_store_that_went_back_before_a_drop_gives_nothing_again),
        cmocka_unit_test(a_later_line_than_the_stores_stops_it_until_fenced),
        cmocka_unit_test(a_sequence_that_stopped_is_stopped_after_a_restart),
        cmocka_unit_test(a_rename_is_told_what_was_seen_of_both_names),
        cmocka_unit_test(asks_wait_until_the_store_is_known),
        cmocka_unit_test(who_asks_again_in_done_is_served),
        cmocka_unit_test(descending_sequences_are_guarded_too),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
