/* SPDX-License-Identifier: Apache-2.0 */
/* Never back: what floors do to a record, and the margins and rates behind it. Design 5.5. */
#include "record_fixture.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

#define WIDE (PAWL_JUMP_REACH * PAWL_FENCE_IDS_MIN)
#define LAPS (UINT64_C(1) << 40) /* as many a floor can jump over */

static struct pawl_ask take_beyond(struct desk *desk, uint64_t count, struct pawl_mark floor)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_TAKE, .count = count, .floor = floor, .asker = 9};

    (void)desk_ask(desk, &ask);
    return ask;
}

static void count_errors(enum pawl_log_level level, const char *line, void *arg)
{
    (void)line;
    *(int *)arg += level == PAWL_LOG_ERROR;
}

/*
 * The record stands at 1001 of lap 0, or where `used` brings it; floors are of its line. first is
 * where the move would lead without luck, of which there is as much room as stands there.
 */
static const struct {
    const char *label;
    pawl_definition definition;
    uint64_t used;
    int line; /* the floor's, from the record's */
    uint64_t lap;
    int64_t id;
    pawl_err want;
    int64_t first;
    uint64_t want_lap;
    int errors;
    uint64_t luck;
} floors[] = {
    {"behind next", {.given = 0}, 1000, 0, 0, 1000, PAWL_OK, 1001, 0, 0, 0},
    {"at next", {.given = 0}, 1000, 0, 0, 1001, PAWL_OK, 11002, 0, 1, WIDE},
    {"ahead", {.given = 0}, 1000, 0, 0, 5000, PAWL_OK, 15001, 0, 1, WIDE},
    {"of an earlier line", {.given = 0}, 1000, -1, 7, INT64_MAX, PAWL_OK, 1001, 0, 0, 0},
    {"of a later line", {.given = 0}, 1000, 1, 0, 0, PAWL_FLOOR, 0, 0, 0, 0},
    {"at 1 % of what is left", UP_TO(1001000), 1000, 0, 0, 11000, PAWL_OK, 21001, 0, 1, 0},
    {"beyond it", UP_TO(1001000), 1000, 0, 0, 11001, PAWL_FLOOR, 0, 0, 0, 0},
    {"beyond the maximum", UP_TO(1001000), 1000, 0, 0, INT64_MAX, PAWL_FLOOR, 0, 0, 0, 0},
    {"where the margin does not fit", UP_TO(900000), 1000, 0, 0, 1001, PAWL_ROLLBACK, 0, 0, 1, 0},
    {"of an earlier lap", CYCLE_TO(2000000), 2001000, 0, 0, 2000000, PAWL_OK, 1001, 1, 0, 0},
    {"of a later lap", CYCLE_TO(2000000), 1000, 0, 3, 5, PAWL_OK, 11001, 3, 1, 10000},
    {"of a later lap, ahead", CYCLE_TO(2000000), 1000, 0, 3, 2000, PAWL_OK, 12001, 3, 1, 10000},
    {"near a lap's end", CYCLE_TO(2000000), 1999999, 0, 0, 2000000, PAWL_OK, 10001, 1, 1, 10000},
    {"of a used-up lap", CYCLE_TO(2000000), 2000000, 0, 0, 2000000, PAWL_OK, 1, 1, 0, 0},
    {"of a lap far on", CYCLE_TO(2000000), 1000, 0, LAPS, 5, PAWL_OK, 11001, LAPS, 1, 10000},
    {"of a lap too far on", CYCLE_TO(2000000), 1000, 0, LAPS + 1, 5, PAWL_FLOOR, 0, 0, 0, 0},
    {"of a lap that cannot be", CYCLE_TO(2000000), 1000, 0, UINT64_MAX, 5, PAWL_FLOOR, 0, 0, 0, 0},
    {"descending, behind",
     {.given = PAWL_GIVEN_INCREMENT, .increment = -2},
     1000,
     0,
     0,
     -1999,
     PAWL_OK,
     -2001,
     0,
     0,
     0},
    {"descending, ahead and between ids",
     {.given = PAWL_GIVEN_INCREMENT, .increment = -2},
     1000,
     0,
     0,
     -2006,
     PAWL_OK,
     -22007,
     0,
     1,
     WIDE},
};

static void grants_lie_beyond_the_floor(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(floors); i++) {
        struct desk desk;
        int errors = 0;

        desk_open(&desk, floors[i].definition);
        for (uint64_t used = 0; used < floors[i].used;) {
            used += desk_next(&desk, floors[i].used - used).grant.range.count;
        }
        struct pawl_record before = desk.record;
        struct pawl_mark floor = {.line = before.line + (uint64_t)(int64_t)floors[i].line,
                                  .lap = floors[i].lap,
                                  .id = floors[i].id};

        pawl_log_set(PAWL_LOG_DEBUG, count_errors, &errors);
        struct pawl_ask ask = take_beyond(&desk, 1, floor);

        pawl_log_set(PAWL_LOG_OFF, NULL, NULL);
        uint64_t apart = (uint64_t)ask.grant.range.first - (uint64_t)floors[i].first;
        uint64_t luck = before.increment < 0 ? (0 - apart) / 2 : apart;

        if (ask.error.code != floors[i].want || luck > floors[i].luck ||
            ask.grant.lap != floors[i].want_lap || errors != floors[i].errors) {
            fail_msg("%s: %s, %" PRId64 " of lap %" PRIu64 ", %d errors logged", floors[i].label,
                     ask.error.text, ask.grant.range.first, ask.grant.lap, errors);
        }
        assert_int_equal(desk.record.line, before.line);
        assert_int_equal(desk.record.epoch > before.epoch,
                         floors[i].errors == 1 && floors[i].want == PAWL_OK);
    }
}

static void refused_floors_name_the_way_out(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition)UP_TO(900000));
    struct pawl_mark later = {.line = 1234567890123456789, .id = 1};
    struct pawl_mark at_next = {.line = desk.record.line, .id = 1};

    assert_non_null(strstr(take_beyond(&desk, 1, later).error.text,
                           "pawl fence s --beyond 1234567890123456789 --skip 1"));
    assert_non_null(strstr(take_beyond(&desk, 1, at_next).error.text, "pawl fence s --skip 1"));
    assert_int_equal(desk_fence(&desk, 1, later.line).error.code, PAWL_OK);
    assert_int_equal(take_beyond(&desk, 1, later).error.code, PAWL_OK);
}

/* No skip leads over laps: a new line does, as ids of these come again anyway. */
static void the_way_out_of_a_later_lap_is_a_line_beyond(void **state)
{
    struct desk desk;
    char way[80];

    (void)state;
    desk_open(&desk, (pawl_definition)CYCLE_TO(100));
    desk.moment.refuse_rollback = true;
    assert_int_equal(desk_next(&desk, 90).error.code, PAWL_OK);
    struct pawl_mark later = {.line = desk.record.line, .lap = 3, .id = 5};

    struct pawl_ask refused = take_beyond(&desk, 1, later);

    (void)snprintf(way, sizeof way, "pawl fence s --beyond %" PRIu64, later.line);
    assert_int_equal(refused.error.code, PAWL_ROLLBACK);
    assert_non_null(strstr(refused.error.text, way));
    assert_int_equal(desk_fence(&desk, 0, later.line).error.code, PAWL_OK);
    assert_int_equal(take_beyond(&desk, 1, later).error.code, PAWL_OK);
}

/* A name may be anything, and who is told a command may paste it. */
static void commands_have_names_that_a_shell_takes_as_they_are(void **state)
{
    static const struct {
        const char *name, *word;
    } rows[] = {
        {"shop.orders-2", "pawl fence shop.orders-2 --skip"},
        {"größe", "pawl fence größe --skip"},
        {"my orders", "pawl fence 'my orders' --skip"},
        {"$(reboot)", "pawl fence '$(reboot)' --skip"},
        {"it's;", "pawl fence 'it'\\''s;' --skip"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct desk desk;

        desk_open(&desk, (pawl_definition)UP_TO(900000));
        struct pawl_mark far = {.line = desk.record.line, .id = 500000};

        assert_int_equal(pawl_name_set(&desk.record.name,
                                       (struct pawl_bytes){rows[i].name, strlen(rows[i].name)},
                                       NULL),
                         PAWL_OK);
        assert_non_null(strstr(take_beyond(&desk, 1, far).error.text, rows[i].word));
    }
}

/* In the same line floors stay in force: only a skip leads beyond what one tells of. */
static void the_way_out_of_a_far_floor_leads_beyond_it(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition)UP_TO(32767));
    struct pawl_mark far = {.line = desk.record.line, .id = 901};

    assert_non_null(strstr(take_beyond(&desk, 1, far).error.text, "pawl fence s --skip 901"));
    assert_int_equal(desk_fence(&desk, 901, 0).error.code, PAWL_OK);
    assert_int_equal(desk.record.line, far.line);
    assert_int_equal(take_beyond(&desk, 1, far).grant.range.first, 902);
}

static void a_new_line_begins_beyond_what_the_fence_was_told_of(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition)UP_TO(900000));
    struct pawl_ask ask = {.kind = PAWL_ASK_FENCE,
                           .count = 5,
                           .line = desk.record.line + 7,
                           .floor = {.line = desk.record.line + 7, .id = 700}};

    (void)desk_ask(&desk, &ask);
    assert_int_equal(ask.error.code, PAWL_OK);
    assert_int_equal(desk_next(&desk, 1).grant.range.first, 701);
}

/* All that is left may have been given: then a new line would give it again. */
static void a_new_line_that_cannot_begin_beyond_is_not_begun(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition)UP_TO(1000));
    for (uint64_t later = 0; later < 2; later++) {
        uint64_t line = desk.record.line + later;
        struct pawl_ask ask = {
            .kind = PAWL_ASK_FENCE, .line = line, .floor = {.line = line, .id = 5000}};

        (void)desk_ask(&desk, &ask);
        assert_int_equal(ask.error.code, PAWL_LIMIT);
        assert_non_null(strstr(ask.error.text, "5000"));
        assert_non_null(strstr(ask.error.text, "pawl alter s --max"));
        assert_int_equal(desk.record.next, 1);
    }
}

static void no_lap_counts_where_none_can_be(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition)UP_TO(9000000));
    struct pawl_mark lap = {.line = desk.record.line, .lap = 1, .id = 5};

    assert_int_equal(take_beyond(&desk, 1, lap).error.code, PAWL_FLOOR);
    assert_int_equal(desk.record.lap, 0);
}

static void the_margin_grows_with_the_lost_time(void **state)
{
    struct desk desk;
    struct pawl_ask ask = {.kind = PAWL_ASK_TAKE, .count = 1, .rate = 100000};

    (void)state;
    desk_open(&desk, (pawl_definition){.given = 0});
    assert_int_equal(desk_ask(&desk, &ask), PAWL_OK);
    desk.moment.wall_s += 3600;
    struct pawl_mark floor = {.line = desk.record.line, .id = 2};
    struct pawl_ask moved = take_beyond(&desk, 1, floor);

    /* next was 2; the floor itself, 2 x 100,000 x 3,600, and the next one; then luck, of which
     * there is as much as 100 times ten refill intervals allow */
    assert_in_range(moved.grant.range.first, 720000003, 720000003 + UINT64_C(3000000000));
}

static const struct {
    const char *label;
    double old, asked;
    int64_t rest_s;
    double want;
} rates[] = {
    {"the larger", 10, 20, 0, 20},
    {"the larger of before", 20, 10, 0, 20},
    {"half after half a day", 20, 0, 43200, 10},
    {"a quarter after a day", 20, 0, 86400, 5},
    {"a clock that went back", 20, 0, -86400, 20},
    {"no rate at all", 20, -5, 0, 20},
    {"one that cannot be", 20, 1e300, 0, 1e12},
};

static void rates_fade_and_grow(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rates); i++) {
        struct pawl_ask ask = {.kind = PAWL_ASK_TAKE, .count = 1, .rate = rates[i].asked};
        struct desk desk;

        desk_open(&desk, (pawl_definition){.given = 0});
        desk.record.rate = rates[i].old;
        desk.moment.wall_s += rates[i].rest_s;
        assert_int_equal(desk_ask(&desk, &ask), PAWL_OK);
        if (desk.record.rate < rates[i].want * 0.999999 ||
            desk.record.rate > rates[i].want * 1.000001) {
            fail_msg("%s: got %f", rates[i].label, desk.record.rate);
        }
        assert_int_equal(desk.record.changed_at, 1000000);
        assert_int_equal(desk.record.written_at, 1000000 + rates[i].rest_s);
    }
}

enum { LAW_STEPS = 80 };

/* What was handed out in one line, and the asker who knows all of it. */
struct law {
    struct desk desk;
    struct pawl_record backup;
    struct pawl_mark floor;
    uint64_t seed;
    uint64_t moves; /* away from a floor */
    struct pawl_ask given[LAW_STEPS];
    size_t given_count;
};

static void law_note(struct law *law, const struct pawl_ask *ask)
{
    int64_t increment = ask->grant.range.increment;

    if (law->given_count > 0 && law->given[0].grant.line != ask->grant.line) law->given_count = 0;
    for (size_t i = 0; i < law->given_count; i++) {
        const struct pawl_ask *old = &law->given[i];
        struct pawl_mark first = {ask->grant.line, ask->grant.lap, ask->grant.range.first};

        if (old->grant.range.count > 0 && pawl_mark_order(desk_floor(old), first, increment) >= 0) {
            fail_msg("seed %" PRIu64 ": id %" PRId64 " again", law->seed, first.id);
        }
    }
    law->given[law->given_count++] = *ask;
    law->floor = desk_floor(ask);
}

/* Gives a piece of the latest grant back: those ids may come again, and the floor falls. */
static void law_return(struct law *law, uint64_t *random)
{
    if (law->given_count == 0) return;
    struct pawl_ask *latest = &law->given[law->given_count - 1];
    struct pawl_range range = latest->grant.range;
    struct pawl_range kept = pawl_range_cut(&range, pawl_random(random) % (range.count + 1));

    if (range.count == 0 || kept.count == 0) return;
    if (desk_return(&law->desk, latest, range.first).error.code != PAWL_OK) return;
    latest->grant.range = kept;
    law->floor = desk_floor(latest);
}

static void law_step(struct law *law, uint64_t *random)
{
    pawl_definition turn = {.given = PAWL_GIVEN_INCREMENT,
                            .increment = (int64_t)(pawl_random(random) % 7) - 3};
    int64_t id = 1 + (int64_t)(pawl_random(random) % 190);
    uint64_t epoch = law->desk.record.epoch;
    struct pawl_ask ask = {.kind = (pawl_random(random) & 1) != 0 ? PAWL_ASK_TAKE : PAWL_ASK_NEXT,
                           .count = 1 + pawl_random(random) % 9,
                           .exact = (pawl_random(random) & 1) != 0,
                           .floor = law->floor};

    switch (pawl_random(random) % 16) {
    case 0:
        (void)desk_alter(&law->desk, &turn);
        break;
    case 1:
        (void)desk_put(&law->desk, id, (pawl_random(random) & 3) == 0);
        break;
    case 2:
        (void)desk_fence(&law->desk, 1 + pawl_random(random) % 5, 0);
        break;
    case 3:
        law->backup = law->desk.record;
        break;
    case 4:
        law->desk.record = law->backup; /* the store goes back */
        break;
    case 5:
    case 6:
        law_return(law, random);
        break;
    default:
        if (desk_ask(&law->desk, &ask) != PAWL_OK) break;
        law->moves += law->desk.record.epoch != epoch;
        law_note(law, &ask);
    }
}

/*
 * Whoever tells the furthest floor is never given an id twice, whatever happens to the definition
 * and however often the store goes back. Short sequences stop where long ones move on.
 */
static void no_id_is_given_twice_beyond_a_true_floor(void **state)
{
    static const int64_t sizes[] = {199, 20000000, INT64_MAX};
    uint64_t moves = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct law law = {.seed = seed};
        uint64_t random = seed;
        pawl_definition definition = CYCLE_TO(sizes[seed % PAWL_COUNT(sizes)]);

        definition.cycle = (seed & 1) != 0;
        desk_open(&law.desk, definition);
        law.desk.random = seed;
        law.backup = law.desk.record;
        for (int step = 0; step < LAW_STEPS; step++) {
            law_step(&law, &random);
        }
        moves += law.moves;
    }
    assert_true(moves > 500); /* the luck above reaches what it should */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants_lie_beyond_the_floor),
        cmocka_unit_test(refused_floors_name_the_way_out),
        cmocka_unit_test(the_way_out_of_a_later_lap_is_a_line_beyond),
        cmocka_unit_test(commands_have_names_that_a_shell_takes_as_they_are),
        cmocka_unit_test(the_way_out_of_a_far_floor_leads_beyond_it),
        cmocka_unit_test(a_new_line_begins_beyond_what_the_fence_was_told_of),
        cmocka_unit_test(a_new_line_that_cannot_begin_beyond_is_not_begun),
        cmocka_unit_test(no_lap_counts_where_none_can_be),
        cmocka_unit_test(the_margin_grows_with_the_lost_time),
        cmocka_unit_test(rates_fade_and_grow),
        cmocka_unit_test(no_id_is_given_twice_beyond_a_true_floor),
    };

    return cmocka_run_group_tests_name("floor", tests, NULL, NULL);
}
