/* SPDX-License-Identifier: Apache-2.0 */
/* What each ask does to a record: designs 5.1, 5.2, 5.5 and 5.6, row by row, then laws. */
#include "record_fixture.h"

#include <inttypes.h>

static pawl_err ask_plainly(struct desk *desk, enum pawl_ask_kind kind, pawl_error *error)
{
    struct pawl_ask ask = {.kind = kind, .count = 1, .value = 5};
    pawl_err err = desk_ask(desk, &ask);

    *error = ask.error;
    return err;
}

static const struct {
    enum pawl_ask_kind kind;
    const char *want;
} missing[] = {
    {PAWL_ASK_TAKE, "relation \"s\" does not exist"},
    {PAWL_ASK_NEXT, "relation \"s\" does not exist"},
    {PAWL_ASK_READ, "relation \"s\" does not exist"},
    {PAWL_ASK_ALTER, "relation \"s\" does not exist"},
    {PAWL_ASK_SET, "relation \"s\" does not exist"},
    {PAWL_ASK_FENCE, "relation \"s\" does not exist"},
    {PAWL_ASK_DROP, "sequence \"s\" does not exist"},
};

static void unknown_and_dropped_sequences_do_not_exist(void **state)
{
    struct desk unknown;
    struct desk dropped;
    pawl_error error;

    (void)state;
    desk_set(&unknown, "s");
    desk_open(&dropped, (pawl_definition){.given = 0});
    assert_int_equal(ask_plainly(&dropped, PAWL_ASK_DROP, &error), PAWL_OK);
    for (size_t i = 0; i < PAWL_COUNT(missing); i++) {
        assert_int_equal(ask_plainly(&unknown, missing[i].kind, &error), PAWL_NO_SEQUENCE);
        assert_string_equal(error.text, missing[i].want);
        assert_int_equal(ask_plainly(&dropped, missing[i].kind, &error), PAWL_NO_SEQUENCE);
        assert_string_equal(error.text, missing[i].want);
    }
    assert_int_equal(ask_plainly(&unknown, PAWL_ASK_PING, &error), PAWL_OK);
    assert_int_equal(ask_plainly(&unknown, PAWL_ASK_RETURN, &error), PAWL_NOT_KEPT);
}

static void creating_again_is_an_error_unless_it_is_meant(void **state)
{
    const pawl_definition lenient = {.given = PAWL_GIVEN_IF_NOT_EXISTS};
    struct pawl_record seen = {.epoch = 0};
    struct pawl_ask ask = {.kind = PAWL_ASK_CREATE, .definition = &lenient, .record = &seen};
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition){.given = 0});
    assert_string_equal(desk_create(&desk, NULL).error.text, "relation \"s\" already exists");
    assert_int_equal(desk_ask(&desk, &ask), PAWL_OK);
    assert_int_equal(seen.epoch, desk.record.epoch);
    assert_int_equal(desk.record.version, 1);
}

static void a_tombstone_keeps_the_epoch_and_gives_the_rest_up(void **state)
{
    struct desk desk;
    pawl_error error;

    (void)state;
    desk_open(&desk, (pawl_definition)UP_TO(50));
    (void)desk_take(&desk, 1);
    uint64_t first = desk.record.epoch;

    assert_true(first > 0 && desk.record.line == first);
    assert_int_equal(ask_plainly(&desk, PAWL_ASK_DROP, &error), PAWL_OK);
    uint64_t tombstone = desk.record.epoch;

    assert_true(tombstone > first && desk.record.dropped);
    assert_int_equal(desk.record.max, 50);
    desk.moment.wall_s += 5;
    assert_int_equal(desk_create(&desk, NULL).error.code, PAWL_OK);
    assert_true(desk.record.epoch > tombstone);
    assert_true(desk.record.epoch - tombstone <= PAWL_EPOCH_STEP_MAX);
    assert_int_equal(desk.record.line, desk.record.epoch);
    assert_int_equal(desk.record.version, 4);
    assert_int_equal(desk.record.max, INT64_MAX);
    assert_int_equal(desk.record.next, 1);
    assert_int_equal(desk.record.created_at, 1000005);
    assert_false(desk.record.dropped);
}

/* From 1..100, 40 ids used: what keeps the line? */
static const struct {
    const char *label;
    pawl_definition definition;
    bool keeps;
    int64_t next;
} alters[] = {
    {"nothing", {.given = 0}, true, 41},
    {"another maximum", {.given = PAWL_GIVEN_MAX, .max = 90}, true, 41},
    {"a restart ahead", {.given = PAWL_GIVEN_RESTART, .restart = 60}, true, 60},
    {"a restart at next", {.given = PAWL_GIVEN_RESTART, .restart = 41}, true, 41},
    {"a restart behind", {.given = PAWL_GIVEN_RESTART, .restart = 40}, false, 40},
    {"a restart at start", {.given = PAWL_GIVEN_RESTART_AT_START}, false, 1},
    {"another start", {.given = PAWL_GIVEN_START, .start = 9}, true, 41},
    {"larger steps", {.given = PAWL_GIVEN_INCREMENT, .increment = 5}, true, 45},
    {"turning round", {.given = PAWL_GIVEN_INCREMENT, .increment = -5}, false, 35},
    {"turning round ahead",
     {.given = PAWL_GIVEN_INCREMENT | PAWL_GIVEN_RESTART, .increment = -1, .restart = 99},
     false,
     99},
    {"no cycle", {.given = PAWL_GIVEN_CYCLE, .cycle = false}, true, 41},
    {"a block", {.given = PAWL_GIVEN_BLOCK, .block = 7}, true, 41},
};

static void alter_keeps_the_line_unless_ids_begin_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(alters); i++) {
        struct desk desk;

        desk_open(&desk, (pawl_definition)CYCLE_TO(100));
        (void)desk_next(&desk, 100);
        (void)desk_next(&desk, 40);
        struct pawl_record before = desk.record;

        desk.moment.wall_s += 60;
        assert_int_equal(desk_alter(&desk, &alters[i].definition).error.code, PAWL_OK);
        bool kept = desk.record.line == before.line && desk.record.lap == 1;
        bool begun = desk.record.line == desk.record.epoch && desk.record.lap == 0;

        if (desk.record.epoch <= before.epoch || (alters[i].keeps ? !kept : !begun) ||
            desk.record.next != alters[i].next) {
            fail_msg("%s: line %s, next %" PRId64, alters[i].label, kept ? "kept" : "begun",
                     desk.record.next);
        }
        assert_int_equal(desk.record.changed_at, 1000060);
    }
}

static void set_goes_forward_freely_and_back_by_force(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition)UP_TO(1000));
    (void)desk_next(&desk, 50);
    uint64_t line = desk.record.line;
    uint64_t epoch = desk.record.epoch;
    struct pawl_ask ask = desk_put(&desk, 50, false);

    assert_int_equal(ask.error.code, PAWL_BEHIND);
    assert_non_null(strstr(ask.error.text, "next id of \"s\" is 51"));
    assert_non_null(strstr(ask.error.text, "or use force"));
    assert_int_equal(desk_put(&desk, 51, false).error.code, PAWL_OK);
    assert_int_equal(desk_put(&desk, 1000, false).error.code, PAWL_OK);
    assert_true(desk.record.epoch > epoch && desk.record.line == line);
    assert_int_equal(desk_next(&desk, 1).grant.range.first, 1000);
    assert_int_equal(desk_put(&desk, 1000, false).error.code, PAWL_BEHIND);
    assert_int_equal(desk_put(&desk, 1, true).error.code, PAWL_OK);
    assert_true(desk.record.line == desk.record.epoch && desk.record.line > line);
    assert_int_equal(desk_next(&desk, 1).grant.range.first, 1);
}

/* What was used last is no step back. */
static void set_to_what_was_used_goes_forward(void **state)
{
    struct desk desk;
    struct pawl_record record = {.epoch = 0};
    struct pawl_ask behind = {.kind = PAWL_ASK_SET, .value = 49, .called = true, .record = &record};

    (void)state;
    desk_open(&desk, (pawl_definition)UP_TO(1000));
    (void)desk_next(&desk, 50);
    uint64_t line = desk.record.line;
    uint64_t epoch = desk.record.epoch;

    assert_int_equal(desk_ask(&desk, &behind), PAWL_BEHIND);
    assert_same_record(&record, &desk.record);
    assert_int_equal(desk_put_used(&desk, 50, false).error.code, PAWL_OK);
    assert_int_equal(desk.record.next, 51);
    assert_int_equal(desk_put_used(&desk, 60, false).error.code, PAWL_OK);
    assert_true(desk.record.epoch > epoch && desk.record.line == line);
    assert_int_equal(desk_next(&desk, 1).grant.range.first, 61);
    assert_int_equal(desk_put_used(&desk, 1000, false).error.code, PAWL_OK);
    assert_int_equal(desk_next(&desk, 1).error.code, PAWL_END);
    assert_int_equal(desk_put_used(&desk, 1001, true).error.code, PAWL_RANGE);
    assert_int_equal(desk_put_used(&desk, 999, false).error.code, PAWL_BEHIND);
    assert_int_equal(desk_put_used(&desk, 999, true).error.code, PAWL_OK);
    assert_true(desk.record.line == desk.record.epoch && desk.record.line > line);
    assert_int_equal(desk_next(&desk, 1).grant.range.first, 1000);
}

static void set_to_what_was_used_at_the_very_end(void **state)
{
    const pawl_definition tens = {.given = PAWL_GIVEN_INCREMENT, .increment = 10};
    struct desk desk;

    (void)state;
    desk_open(&desk, tens);
    assert_int_equal(desk_put(&desk, INT64_MAX - 5, false).error.code, PAWL_OK);
    assert_int_equal(desk_put_used(&desk, INT64_MAX - 15, false).error.code, PAWL_OK);
    assert_int_equal(desk_put_used(&desk, INT64_MAX - 16, false).error.code, PAWL_BEHIND);
    assert_int_equal(desk_put_used(&desk, INT64_MAX - 6, false).error.code, PAWL_OK);
    assert_true(desk.record.ended);
    assert_int_equal(desk_put_used(&desk, INT64_MAX - 6, false).error.code, PAWL_OK);
    assert_int_equal(desk_put_used(&desk, INT64_MAX - 7, false).error.code, PAWL_BEHIND);
    assert_int_equal(desk_put_used(&desk, INT64_MAX, false).error.code, PAWL_OK);
    assert_int_equal(desk_next(&desk, 1).error.code, PAWL_END);
}

static void set_at_the_very_end_is_behind(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition){.given = PAWL_GIVEN_START, .start = INT64_MAX});
    assert_int_equal(desk_next(&desk, 1).grant.range.first, INT64_MAX);
    assert_true(desk.record.ended);
    assert_int_equal(desk_put(&desk, INT64_MAX, false).error.code, PAWL_BEHIND);
    assert_int_equal(desk_put(&desk, INT64_MAX, true).error.code, PAWL_OK);
    assert_false(desk.record.ended);
    assert_int_equal(desk_next(&desk, 1).grant.range.first, INT64_MAX);
}

static const struct {
    const char *label;
    pawl_definition definition;
    uint64_t used, asked, want;
} takes[] = {
    {"as asked", {.given = 0}, 0, 500, 500},
    {"at most 1e9", {.given = 0}, 0, UINT64_MAX, 1000000000},
    {"1 % of what is left", UP_TO(1000000), 0, 1000000, 10000},
    {"1 % of what is left later", UP_TO(1000000), 900000, 1000000, 1000},
    {"at least 1", UP_TO(10), 0, 5, 1},
    {"0.1 % of an integer's",
     {.given = PAWL_GIVEN_TYPE | PAWL_GIVEN_MAX, .data_type = PAWL_TYPE_INTEGER, .max = 1000000},
     0,
     1000000,
     1000},
    {"0.1 % of a smallint's",
     {.given = PAWL_GIVEN_TYPE, .data_type = PAWL_TYPE_SMALLINT},
     0,
     1000000,
     32},
    {"one lap of a cycling sequence", CYCLE_TO(100), 0, 1000, 100},
    {"the rest of its lap", CYCLE_TO(100), 70, 1000, 30},
    {"a fixed block for one id", {.given = PAWL_GIVEN_BLOCK, .block = 500}, 0, 1, 500},
    {"whole fixed blocks", {.given = PAWL_GIVEN_BLOCK, .block = 500}, 0, 501, 1000},
    {"a fixed block is not cut to 1 %",
     {.given = PAWL_GIVEN_BLOCK | PAWL_GIVEN_MAX, .block = 500, .max = 1000},
     0,
     501,
     1000},
    {"but at the lap's end",
     {.given = PAWL_GIVEN_BLOCK | PAWL_GIVEN_MAX, .block = 500, .max = 1000},
     700,
     1,
     300},
    {"as many fixed blocks as 1e9 holds",
     {.given = PAWL_GIVEN_BLOCK, .block = 300000000},
     0,
     UINT64_MAX,
     900000000},
};

static void take_cuts_its_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(takes); i++) {
        struct desk desk;

        desk_open(&desk, takes[i].definition);
        if (takes[i].used > 0) (void)desk_next(&desk, takes[i].used);
        struct pawl_ask ask = desk_take(&desk, takes[i].asked);

        if (ask.error.code != PAWL_OK || ask.grant.range.count != takes[i].want) {
            fail_msg("%s: got %" PRIu64, takes[i].label, ask.grant.range.count);
        }
        assert_int_equal(ask.grant.lease, desk.record.tag);
        assert_int_equal(ask.grant.epoch, desk.record.epoch);
        assert_int_equal(ask.grant.block, desk.record.block);
    }
}

static void an_ask_for_none_tells_the_epoch_and_writes_nothing(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition)UP_TO(2));
    (void)desk_next(&desk, 2);
    struct pawl_ask ask = desk_take(&desk, 0); /* of a used-up sequence, too */

    assert_int_equal(ask.error.code, PAWL_OK);
    assert_int_equal(ask.grant.epoch, desk.record.epoch);
    assert_int_equal(ask.grant.line, desk.record.line);
    assert_int_equal(ask.grant.lease, desk.record.tag);
    assert_int_equal(ask.grant.range.count, 0);
    assert_int_equal(desk_next(&desk, 0).error.code, PAWL_BAD_REQUEST);
}

static void nothing_holds_ids_of_a_global_sequence(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition){.given = PAWL_GIVEN_ORDER, .order = PAWL_ORDER_GLOBAL});
    assert_int_equal(desk_take(&desk, 5).error.code, PAWL_GLOBAL);
    assert_int_equal(desk_take(&desk, 0).error.code, PAWL_GLOBAL);
    assert_int_equal(desk_next(&desk, 5).grant.range.count, 5);
}

/* From a lap of 100 ids with 70 used. */
static const struct {
    const char *label;
    bool cycle, exact;
    uint64_t asked;
    pawl_err want;
    int64_t first;
    uint64_t count, lap, burned;
} nexts[] = {
    {"what is left, if fewer will do", false, false, 40, PAWL_OK, 71, 30, 0, 0},
    {"not cut to 1 %", false, false, 20, PAWL_OK, 71, 20, 0, 0},
    {"all, exactly", false, true, 30, PAWL_OK, 71, 30, 0, 0},
    {"more than are left", false, true, 31, PAWL_END, 0, 0, 0, 0},
    {"a cycling lap's rest", true, false, 40, PAWL_OK, 71, 30, 0, 0},
    {"the next lap's first", true, true, 31, PAWL_OK, 1, 31, 1, 30},
    {"a whole lap", true, true, 100, PAWL_OK, 1, 100, 1, 30},
    {"more than a lap", true, true, 101, PAWL_END, 0, 0, 0, 0},
    {"too many at once", true, true, 1000000001, PAWL_LIMIT, 0, 0, 0, 0},
};

static void next_gives_all_or_says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(nexts); i++) {
        pawl_definition definition = CYCLE_TO(100);
        struct desk desk;

        definition.cycle = nexts[i].cycle;
        desk_open(&desk, definition);
        (void)desk_next(&desk, 70);
        struct pawl_ask ask = {
            .kind = PAWL_ASK_NEXT, .count = nexts[i].asked, .exact = nexts[i].exact};

        if (desk_ask(&desk, &ask) != nexts[i].want || ask.grant.range.count != nexts[i].count ||
            ask.grant.range.first != nexts[i].first || ask.burned != nexts[i].burned ||
            ask.grant.lap != nexts[i].lap) {
            fail_msg("%s: %s, %" PRIu64 " from %" PRId64 ", burned %" PRIu64, nexts[i].label,
                     ask.error.text, ask.grant.range.count, ask.grant.range.first, ask.burned);
        }
    }
}

/* Of 1..1000 by 10: the grant gave 11, 21, 31, 41, 51. */
static const struct {
    const char *label;
    int64_t value;
    pawl_err want;
} returns[] = {
    {"the tail", 31, PAWL_OK},
    {"all of it", 11, PAWL_OK},
    {"the last one", 51, PAWL_OK},
    {"none", 61, PAWL_NOT_KEPT},
    {"between ids", 35, PAWL_NOT_KEPT},
    {"ahead", 71, PAWL_NOT_KEPT},
    {"before where it was put", 1, PAWL_NOT_KEPT},
};

static void a_grant_can_be_given_back_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(returns); i++) {
        struct desk desk;

        desk_open(&desk, (pawl_definition){.given = PAWL_GIVEN_MAX | PAWL_GIVEN_INCREMENT,
                                           .max = 10000,
                                           .increment = 10});
        assert_int_equal(desk_put(&desk, 11, false).error.code, PAWL_OK);
        struct pawl_ask taken = desk_take(&desk, 5);
        struct pawl_ask ask = desk_return(&desk, &taken, returns[i].value);

        if (ask.error.code != returns[i].want) {
            fail_msg("%s: %s", returns[i].label, pawl_err_name(ask.error.code));
        }
        if (returns[i].want != PAWL_OK) continue;
        assert_int_equal(desk_return(&desk, &taken, returns[i].value).error.code, PAWL_NOT_KEPT);
        assert_int_equal(desk_next(&desk, 1).grant.range.first, returns[i].value);
    }
}

static void what_was_written_since_is_not_taken_back(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition){.given = 0});
    struct pawl_ask first = desk_take(&desk, 5);
    struct pawl_ask second = desk_take(&desk, 5);

    assert_int_equal(desk_return(&desk, &first, 3).error.code, PAWL_NOT_KEPT);
    assert_int_equal(desk_return(&desk, &second, 6).error.code, PAWL_OK);
    struct pawl_ask third = desk_take(&desk, 5); /* next comes back to where it was: */

    assert_int_equal(third.grant.range.first, second.grant.range.first);
    assert_int_equal(desk_return(&desk, &second, 6).error.code, PAWL_NOT_KEPT);
    third.grant.epoch++;
    assert_int_equal(desk_return(&desk, &third, 6).error.code, PAWL_NOT_KEPT);
}

static void the_last_id_of_all_can_be_given_back(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition){.given = PAWL_GIVEN_INCREMENT | PAWL_GIVEN_START,
                                       .increment = -1,
                                       .start = INT64_MIN});
    struct pawl_ask taken = desk_take(&desk, 1);

    assert_true(desk.record.ended);
    assert_int_equal(desk_return(&desk, &taken, INT64_MIN).error.code, PAWL_OK);
    assert_false(desk.record.ended);
    assert_int_equal(desk_take(&desk, 1).grant.range.first, INT64_MIN);
}

/* Of 100 ids with 70 used, or of very many. */
static const struct {
    const char *label;
    pawl_definition definition;
    uint64_t count;
    uint64_t line; /* 1: the record's own */
    pawl_err want;
    int64_t next;
    uint64_t lap;
} fences[] = {
    {"some ids", UP_TO(100), 10, 0, PAWL_OK, 81, 0},
    {"all that are left", UP_TO(100), 30, 0, PAWL_OK, 101, 0},
    {"more than are left", UP_TO(100), 31, 0, PAWL_LIMIT, 71, 0},
    {"no margin fits", UP_TO(100), 0, 0, PAWL_LIMIT, 71, 0},
    {"the margin", {.given = 0}, 0, 0, PAWL_OK, 10071, 0},
    {"across a turn", CYCLE_TO(100), 40, 0, PAWL_OK, 11, 1},
    {"a whole lap", CYCLE_TO(100), 100, 0, PAWL_OK, 71, 1},
    {"more than a lap", CYCLE_TO(100), 101, 0, PAWL_LIMIT, 71, 0},
    {"a line, by the margin", {.given = 0}, 0, 1, PAWL_OK, 10071, 0},
    {"a line, by what 1 % allows", UP_TO(1070), 0, 1, PAWL_OK, 81, 0},
    {"a line, by a wish", UP_TO(100), 5, 1, PAWL_OK, 76, 0},
    {"a line that cannot be", UP_TO(100), 5, UINT64_MAX, PAWL_LIMIT, 71, 0},
    {"the last line that can be", UP_TO(100), 5, INT64_MAX / 2, PAWL_OK, 76, 0},
    {"a line without one beyond it", UP_TO(100), 5, INT64_MAX, PAWL_LIMIT, 71, 0},
};

static void fences_skip_and_begin_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(fences); i++) {
        struct desk desk;

        desk_open(&desk, fences[i].definition);
        (void)desk_next(&desk, 70);
        struct pawl_record before = desk.record;
        uint64_t line = fences[i].line == 1 ? before.epoch + 5000000000 : fences[i].line;
        struct pawl_ask ask = desk_fence(&desk, fences[i].count, line);
        bool ok = fences[i].want == PAWL_OK;

        if (ask.error.code != fences[i].want || desk.record.next != fences[i].next ||
            desk.record.lap != fences[i].lap || (desk.record.epoch > before.epoch) != ok ||
            desk.record.line != (ok && line != 0 ? desk.record.epoch : before.line) ||
            (ok && desk.record.epoch <= line)) {
            fail_msg("%s: %s, next %" PRId64, fences[i].label, ask.error.text, desk.record.next);
        }
    }
}

static void epochs_do_not_overflow(void **state)
{
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition){.given = 0});
    desk.record.epoch = UINT64_MAX;
    assert_int_equal(desk_alter(&desk, NULL).error.code, PAWL_LIMIT);
    assert_int_equal(desk_put(&desk, 100, false).error.code, PAWL_LIMIT);
    assert_int_equal(desk_fence(&desk, 1, 0).error.code, PAWL_LIMIT);
    assert_int_equal(desk_take(&desk, 1).error.code, PAWL_OK);
}

static void asks_not_for_records_are_refused(void **state)
{
    struct desk desk;
    pawl_error error;

    (void)state;
    desk_open(&desk, (pawl_definition){.given = 0});
    assert_int_equal(ask_plainly(&desk, PAWL_ASK_LIST, &error), PAWL_BAD_REQUEST);
    assert_int_equal(ask_plainly(&desk, PAWL_ASK_OPEN, &error), PAWL_BAD_REQUEST);
    assert_int_equal(ask_plainly(&desk, PAWL_ASK_WAIT, &error), PAWL_BAD_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_and_dropped_sequences_do_not_exist),
        cmocka_unit_test(creating_again_is_an_error_unless_it_is_meant),
        cmocka_unit_test(a_tombstone_keeps_the_epoch_and_gives_the_rest_up),
        cmocka_unit_test(alter_keeps_the_line_unless_ids_begin_again),
        cmocka_unit_test(set_goes_forward_freely_and_back_by_force),
        cmocka_unit_test(set_to_what_was_used_goes_forward),
        cmocka_unit_test(set_to_what_was_used_at_the_very_end),
        cmocka_unit_test(set_at_the_very_end_is_behind),
        cmocka_unit_test(take_cuts_its_block),
        cmocka_unit_test(an_ask_for_none_tells_the_epoch_and_writes_nothing),
        cmocka_unit_test(nothing_holds_ids_of_a_global_sequence),
        cmocka_unit_test(next_gives_all_or_says_why_not),
        cmocka_unit_test(a_grant_can_be_given_back_once),
        cmocka_unit_test(what_was_written_since_is_not_taken_back),
        cmocka_unit_test(the_last_id_of_all_can_be_given_back),
        cmocka_unit_test(fences_skip_and_begin_lines),
        cmocka_unit_test(epochs_do_not_overflow),
        cmocka_unit_test(asks_not_for_records_are_refused),
    };

    return cmocka_run_group_tests_name("apply", tests, NULL, NULL);
}
