/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions and the arithmetic of records, against PostgreSQL's words and a slow reference. */
#include "record_script.h"

#include "range/wide.h"

/* The answers are those of PostgreSQL 15.18, to the same scripts in its own words. */
static const struct {
    const char *script;
    const char *want;
} scripts[] = {
    {"create; next 3", "; 1 2 3;"},
    {"create INCREMENT -1; next 3", "; -1 -2 -3;"},
    {"create INCREMENT 0", " [INCREMENT must not be zero];"},
    {"create MINVALUE 10 MAXVALUE 5", " [MINVALUE (10) must be less than MAXVALUE (5)];"},
    {"create MINVALUE 5 MAXVALUE 5", " [MINVALUE (5) must be less than MAXVALUE (5)];"},
    {"create START 5 MINVALUE 10", " [START value (5) cannot be less than MINVALUE (10)];"},
    {"create START 50 MAXVALUE 10", " [START value (50) cannot be greater than MAXVALUE (10)];"},
    {"create MAXVALUE 100000 smallint",
     " [MAXVALUE (100000) is out of range for sequence data type smallint];"},
    {"create MINVALUE -100000 smallint",
     " [MINVALUE (-100000) is out of range for sequence data type smallint];"},
    {"create MAXVALUE 2147483648 integer",
     " [MAXVALUE (2147483648) is out of range for sequence data type integer];"},
    {"create MINVALUE -2147483649 integer",
     " [MINVALUE (-2147483649) is out of range for sequence data type integer];"},
    {"create INCREMENT -1 MAXVALUE 40000 smallint",
     " [MAXVALUE (40000) is out of range for sequence data type smallint];"},
    {"create NOMIN NOMAX smallint START 32766; next 3",
     "; 32766 32767 [nextval: reached maximum value of sequence \"s\" (32767)];"},
    {"create integer START 2147483647; next 2",
     "; 2147483647 [nextval: reached maximum value of sequence \"s\" (2147483647)];"},
    {"create START 9223372036854775807; next 2; alter INCREMENT -1; next 2",
     "; 9223372036854775807 [nextval: reached maximum value of sequence \"s\" "
     "(9223372036854775807)];; 9223372036854775806 9223372036854775805;"},
    {"create INCREMENT -1 START -9223372036854775808; next 2",
     "; -9223372036854775808 [nextval: reached minimum value of sequence \"s\" "
     "(-9223372036854775808)];"},
    {"create INCREMENT -1 smallint START -32767; next 3",
     "; -32767 -32768 [nextval: reached minimum value of sequence \"s\" (-32768)];"},
    {"create START 5 MINVALUE 1 MAXVALUE 10 INCREMENT 3 CYCLE; next 7", "; 5 8 1 4 7 10 1;"},
    {"create START 5 MINVALUE 1 MAXVALUE 10 INCREMENT -3 CYCLE; next 7", "; 5 2 10 7 4 1 10;"},
    {"create MAXVALUE 3; next 4; set 4; set 0; set 3; next 2",
     "; 1 2 3 [nextval: reached maximum value of sequence \"s\" (3)]; [setval: value 4 is out of "
     "bounds for sequence \"s\" (1..3)]; [setval: value 0 is out of bounds for sequence \"s\" "
     "(1..3)];; 3 [nextval: reached maximum value of sequence \"s\" (3)];"},
    {"create MINVALUE -3 INCREMENT -1; next 4; set -4; set 1",
     "; -1 -2 -3 [nextval: reached minimum value of sequence \"s\" (-3)]; [setval: value -4 is out "
     "of bounds for sequence \"s\" (-3..-1)]; [setval: value 1 is out of bounds for sequence \"s\" "
     "(-3..-1)];"},
    {"create MAXVALUE 3; next 1; alter RESTART 99; alter RESTART 0; next 1",
     "; 1; [RESTART value (99) cannot be greater than MAXVALUE (3)]; [RESTART value (0) cannot be "
     "less than MINVALUE (1)]; 2;"},
    {"create MAXVALUE 10; next 7; alter MAXVALUE 5; alter MAXVALUE 7; next 1; alter NOMAX; next 2",
     "; 1 2 3 4 5 6 7; [RESTART value (7) cannot be greater than MAXVALUE (5)];; [nextval: reached "
     "maximum value of sequence \"s\" (7)];; 8 9;"},
    {"create MAXVALUE 10; next 3; alter MINVALUE 4; alter MINVALUE 3; alter MINVALUE 3 START 3; "
     "next 1",
     "; 1 2 3; [START value (1) cannot be less than MINVALUE (4)]; [START value (1) cannot be less "
     "than MINVALUE (3)];; 4;"},
    {"create; next 5; alter INCREMENT 10; next 2; alter INCREMENT 1; next 2",
     "; 1 2 3 4 5;; 15 25;; 26 27;"},
    {"create; alter INCREMENT 10; next 2", ";; 1 11;"},
    {"create; next 5; alter INCREMENT -1; next 4; next 1",
     "; 1 2 3 4 5;; 4 3 2 1; [nextval: reached minimum value of sequence \"s\" (1)];"},
    {"create CYCLE MAXVALUE 9; next 5; alter INCREMENT -1; next 6", "; 1 2 3 4 5;; 4 3 2 1 9 8;"},
    {"create; next 5; alter INCREMENT -1; alter INCREMENT 1; next 2", "; 1 2 3 4 5;;; 6 7;"},
    {"create; next 5; alter INCREMENT -1 MINVALUE -5 RESTART 3; next 3", "; 1 2 3 4 5;; 3 2 1;"},
    {"create; set 100; alter INCREMENT -10; next 3", ";;; 100 90 80;"},
    {"create; next 3; alter RESTART 50; alter INCREMENT 7; next 2", "; 1 2 3;;; 50 57;"},
    {"create START 7; next 3; alter RESTART_AT_START; next 2; alter START 20; next 1; alter "
     "RESTART_AT_START; next 1",
     "; 7 8 9;; 7 8;; 9;; 20;"},
    {"create integer; next 2; alter smallint; alter RESTART 32767; next 2; alter bigint; next 1",
     "; 1 2;;; 32767 [nextval: reached maximum value of sequence \"s\" (32767)];; 32768;"},
    {"create integer; alter RESTART 40000; next 1; alter smallint; alter smallint RESTART 5; next "
     "1",
     ";; 40000; [RESTART value (40000) cannot be greater than MAXVALUE (32767)];; 5;"},
    {"create integer MAXVALUE 100000; alter smallint; alter smallint MAXVALUE 100; next 1",
     "; [MAXVALUE (100000) is out of range for sequence data type smallint];; 1;"},
    {"create INCREMENT -1 integer; next 2; alter bigint; alter smallint; next 1", "; -1 -2;;; -3;"},
    {"create INCREMENT -1; alter NOMAX NOMIN; next 1; alter INCREMENT 1; next 1; alter NOMAX; "
     "alter NOMIN NOMAX RESTART 1; next 1",
     ";; -1;; [nextval: reached maximum value of sequence \"s\" (-1)];; [START value (-1) cannot "
     "be less than MINVALUE (1)]; 0;"},
    {"create MINVALUE -9223372036854775808 START -9223372036854775808 INCREMENT "
     "9223372036854775807; next 4",
     "; -9223372036854775808 -1 9223372036854775806 [nextval: reached maximum value of sequence "
     "\"s\" (9223372036854775807)];"},
    {"create MINVALUE -9223372036854775808 START -9223372036854775808 INCREMENT "
     "9223372036854775807 CYCLE; next 5",
     "; -9223372036854775808 -1 9223372036854775806 -9223372036854775808 -1;"},
    {"create MAXVALUE 9223372036854775807 INCREMENT -9223372036854775808; next 3",
     "; 9223372036854775807 -1 [nextval: reached minimum value of sequence \"s\" "
     "(-9223372036854775808)];"},
    {"create MAXVALUE 9223372036854775807 INCREMENT -9223372036854775808 CYCLE; next 4",
     "; 9223372036854775807 -1 9223372036854775807 -1;"},
    {"create START 9223372036854775800 INCREMENT 3; next 4; alter INCREMENT 1; next 3; alter "
     "INCREMENT 5 CYCLE; next 2",
     "; 9223372036854775800 9223372036854775803 9223372036854775806 [nextval: reached maximum "
     "value of sequence \"s\" (9223372036854775807)];; 9223372036854775807 [nextval: reached "
     "maximum value of sequence \"s\" (9223372036854775807)];; 1 6;"},
    {"create MAXVALUE 5 CYCLE; next 5; alter MAXVALUE 8; next 4", "; 1 2 3 4 5;; 6 7 8 1;"},
    {"create MAXVALUE 5 CYCLE; next 5; alter NOCYCLE; next 1; alter CYCLE; next 1",
     "; 1 2 3 4 5;; [nextval: reached maximum value of sequence \"s\" (5)];; 1;"},
    {"create; show; next 2; show; use 10; show; next 1; show; set 20; show; next 1; show; alter "
     "RESTART 7; show",
     "; 1|f; 1 2; 2|t;; 10|t; 11; 11|t;; 20|f; 20; 20|t;; 7|f;"},
    {"create MAXVALUE 3; use 3; show; next 1; show; alter MAXVALUE 5; next 1; use 3; alter "
     "INCREMENT -2; next 2",
     ";; 3|t; [nextval: reached maximum value of sequence \"s\" (3)]; 3|t;; 4;;; 1 [nextval: "
     "reached minimum value of sequence \"s\" (1)];"},
    {"create MAXVALUE 3 CYCLE START 2; use 3; show; next 2; show; use 4; use 0",
     ";; 3|t; 1 2; 2|t; [setval: value 4 is out of bounds for sequence \"s\" (1..3)]; [setval: "
     "value 0 is out of bounds for sequence \"s\" (1..3)];"},
    {"create INCREMENT -3 MINVALUE -8; use -8; next 1; use -4; show; next 2",
     ";; [nextval: reached minimum value of sequence \"s\" (-8)];; -4|t; -7 [nextval: reached "
     "minimum value of sequence \"s\" (-8)];"},
    {"create INCREMENT 5; use 9223372036854775805; show; next 1; show; alter INCREMENT 1; show; "
     "next 3; show",
     ";; 9223372036854775805|t; [nextval: reached maximum value of sequence \"s\" "
     "(9223372036854775807)]; 9223372036854775805|t;; 9223372036854775805|t; 9223372036854775806 "
     "9223372036854775807 [nextval: reached maximum value of sequence \"s\" "
     "(9223372036854775807)]; 9223372036854775807|t;"},
    {"create; create; next 1", "; [relation \"s\" already exists]; 1;"},
    {"next 1; alter CYCLE; next 1", " [relation \"s\" does not exist]; [relation \"s\" does not "
                                    "exist]; [relation \"s\" does not exist];"},
};

static void answers_as_postgresql_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(scripts); i++) {
        struct script_answer answer;

        script_run(scripts[i].script, &answer);
        if (strcmp(answer.text, scripts[i].want) != 0) {
            fail_msg("%s:\ngot  %s\nwant %s", scripts[i].script, answer.text, scripts[i].want);
        }
    }
}

/* What pawl has beyond PostgreSQL, or PostgreSQL refuses while parsing. */
static const struct {
    const char *label;
    pawl_definition definition;
    const char *want;
} refusals[] = {
    {"a minimum and none",
     {.given = PAWL_GIVEN_MIN | PAWL_GIVEN_NO_MIN},
     "conflicting or redundant options"},
    {"a maximum and none",
     {.given = PAWL_GIVEN_MAX | PAWL_GIVEN_NO_MAX},
     "conflicting or redundant options"},
    {"RESTART in a CREATE",
     {.given = PAWL_GIVEN_RESTART, .restart = 5},
     "RESTART is for ALTER; a new sequence begins at its START"},
    {"a part of a later version",
     {.given = 1U << 20},
     "the definition has parts that this version does not know (0x100000)"},
    {"no type",
     {.given = PAWL_GIVEN_TYPE, .data_type = (pawl_type)3},
     "sequence type must be smallint, integer, or bigint"},
    {"no order",
     {.given = PAWL_GIVEN_ORDER, .order = (pawl_order)2},
     "ORDER must be CLIENT or GLOBAL"},
    {"a block too large",
     {.given = PAWL_GIVEN_BLOCK, .block = 1000000001},
     "BLOCK (1000000001) cannot be greater than 1000000000"},
};

static void refuses_what_cannot_be_meant(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(refusals); i++) {
        struct desk desk;

        desk_set(&desk, "s");
        struct pawl_ask ask = desk_create(&desk, &refusals[i].definition);

        if (ask.error.code != PAWL_BAD_REQUEST || strcmp(ask.error.text, refusals[i].want) != 0) {
            fail_msg("%s: got %s", refusals[i].label, ask.error.text);
        }
    }
}

static const struct {
    pawl_definition definition;
    int64_t increment, min, max, start;
} defaults[] = {
    {{.given = 0}, 1, 1, INT64_MAX, 1},
    {{.given = PAWL_GIVEN_INCREMENT, .increment = -2}, -2, INT64_MIN, -1, -1},
    {{.given = PAWL_GIVEN_TYPE, .data_type = PAWL_TYPE_INTEGER}, 1, 1, INT32_MAX, 1},
    {{.given = PAWL_GIVEN_TYPE, .data_type = PAWL_TYPE_SMALLINT}, 1, 1, INT16_MAX, 1},
    {{.given = PAWL_GIVEN_TYPE | PAWL_GIVEN_INCREMENT,
      .data_type = PAWL_TYPE_SMALLINT,
      .increment = -1},
     -1,
     INT16_MIN,
     -1,
     -1},
    {{.given = PAWL_GIVEN_TYPE | PAWL_GIVEN_INCREMENT,
      .data_type = PAWL_TYPE_INTEGER,
      .increment = -1},
     -1,
     INT32_MIN,
     -1,
     -1},
    {{.given = PAWL_GIVEN_MIN, .min = 100}, 1, 100, INT64_MAX, 100},
};

static void defaults_are_postgresqls(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(defaults); i++) {
        struct desk desk;

        desk_set(&desk, "s");
        assert_int_equal(desk_create(&desk, &defaults[i].definition).error.code, PAWL_OK);
        assert_int_equal(desk.record.increment, defaults[i].increment);
        assert_int_equal(desk.record.min, defaults[i].min);
        assert_int_equal(desk.record.max, defaults[i].max);
        assert_int_equal(desk.record.start, defaults[i].start);
        assert_int_equal(desk.record.next, defaults[i].start);
        assert_int_equal(desk.record.block, 0);
        assert_int_equal(desk.record.order, PAWL_ORDER_CLIENT);
        assert_false(desk.record.cycle);
    }
}

static const struct {
    const char *label;
    struct pawl_bytes bytes;
    bool good;
} names[] = {
    {"one byte", {"s", 1}, true},
    {"spaces and quotes", {"a \"b\" c", 7}, true},
    {"beyond ASCII", {"h\xc3\xa9", 3}, true},
    {"empty", {"", 0}, false},
    {"a control character", {"a\nb", 3}, false},
    {"NUL", {"a\0b", 3}, false},
    {"not UTF-8", {"a\xff", 2}, false},
    {"cut UTF-8", {"h\xc3", 2}, false},
};

static void names_are_checked(void **state)
{
    char most[PAWL_NAME_BYTES_MAX + 1];
    struct pawl_name name;
    pawl_error error;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        if ((pawl_name_set(&name, names[i].bytes, &error) == PAWL_OK) != names[i].good) {
            fail_msg("%s: should %sbe a name", names[i].label, names[i].good ? "" : "not ");
        }
    }
    memset(most, 'x', sizeof most);
    assert_int_equal(pawl_name_set(&name, (struct pawl_bytes){most, 255}, &error), PAWL_OK);
    assert_int_equal(name.size, 255);
    assert_int_equal(pawl_name_set(&name, (struct pawl_bytes){most, 256}, &error),
                     PAWL_BAD_REQUEST);
    assert_string_equal(error.text, "a sequence's name has at most 255 bytes, this one has 256");
}

/* PostgreSQL's nextval, one id at a time, in numbers that cannot overflow. */
struct reference {
    pawl_wide last;
    bool called;
    uint64_t lap;
};

static bool reference_next(struct reference *reference, const struct pawl_record *record)
{
    pawl_wide next = reference->called ? reference->last + record->increment : reference->last;

    if (record->increment > 0 ? next > record->max : next < record->min) {
        if (!record->cycle) return false;
        next = record->increment > 0 ? record->min : record->max;
        reference->lap++;
    }
    reference->last = next;
    reference->called = true;
    return true;
}

/* A number near one of the places where sums go wrong. */
static int64_t odd_number(uint64_t *random)
{
    static const int64_t places[] = {INT64_MIN, INT64_MIN + 40, -40, 0, 40, INT64_MAX - 40};
    uint64_t place = pawl_random(random) % PAWL_COUNT(places);

    return places[place] + (int64_t)(pawl_random(random) % 41);
}

static int64_t odd_increment(uint64_t *random)
{
    static const int64_t odd[] = {INT64_MIN,     INT64_MAX,     INT64_MIN + 1,
                                  INT64_MAX / 2, INT64_MIN / 2, INT64_MAX / 3};
    uint64_t pick = pawl_random(random);

    if (pick % 4 == 0) return odd[pawl_random(random) % PAWL_COUNT(odd)];
    int64_t small = 1 + (int64_t)(pawl_random(random) % 9);
    return (pick & 8) != 0 ? small : -small;
}

static pawl_definition odd_definition(uint64_t *random)
{
    pawl_definition definition = {
        .given = PAWL_GIVEN_MIN | PAWL_GIVEN_MAX | PAWL_GIVEN_INCREMENT | PAWL_GIVEN_START |
                 PAWL_GIVEN_CYCLE,
        .increment = odd_increment(random),
        .min = odd_number(random),
        .max = odd_number(random),
        .cycle = pawl_random(random) % 2 == 0,
    };

    definition.start = (pawl_random(random) & 1) != 0 ? definition.min : definition.max;
    return definition;
}

static void hold_grant_to(const struct pawl_ask *ask, struct reference *reference,
                          const struct pawl_record *record, uint64_t seed)
{
    struct pawl_range range = ask->grant.range;

    while (range.count > 0) {
        struct pawl_range one = pawl_range_cut(&range, 1);

        if (!reference_next(reference, record) || reference->last != one.first ||
            reference->lap != ask->grant.lap) {
            fail_msg("seed %" PRIu64 ": id %" PRId64 " of lap %" PRIu64, seed, one.first,
                     ask->grant.lap);
        }
    }
}

/* Ids taken in pieces of any size are the ids that PostgreSQL gives one by one, and no others. */
static void grants_match_a_slow_reference(void **state)
{
    uint64_t grants = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t random = seed;
        pawl_definition definition = odd_definition(&random);
        struct desk desk;

        desk_set(&desk, "s");
        if (desk_create(&desk, &definition).error.code != PAWL_OK) continue;
        struct reference reference = {.last = desk.record.start};

        for (int step = 0; step < 12; step++) {
            uint64_t count = 1 + pawl_random(&random) % 20;
            struct pawl_ask ask =
                (pawl_random(&random) & 1) != 0 ? desk_take(&desk, count) : desk_next(&desk, count);

            if (ask.error.code == PAWL_END) {
                if (reference_next(&reference, &desk.record)) fail_msg("seed %" PRIu64, seed);
                break;
            }
            assert_int_equal(ask.error.code, PAWL_OK);
            assert_in_range(ask.grant.range.count, 1, count);
            hold_grant_to(&ask, &reference, &desk.record, seed);
            grants++;
        }
    }
    assert_true(grants > 5000); /* the luck above reaches what it should */
}

/* What is left is what can be taken until the lap ends. */
static void what_is_left_is_exact(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t random = seed;
        pawl_definition definition = odd_definition(&random);
        struct desk desk;

        desk_set(&desk, "s");
        if (desk_create(&desk, &definition).error.code != PAWL_OK) continue;
        struct pawl_record *record = &desk.record;
        bool up = record->increment > 0;

        PAWL_ASSERT(record->increment != 0); /* which cmocka's asserts do not tell analysers */
        pawl_wide bound = up ? record->max : record->min;
        pawl_wide distance = up ? bound - record->next : record->next - bound;
        pawl_wide left = distance / pawl_wide_step(record->increment) + 1;
        uint64_t got = pawl_record_left_in_lap(record);

        if ((pawl_wide)got != (left > UINT64_MAX ? UINT64_MAX : left)) {
            fail_msg("seed %" PRIu64, seed);
        }
        pawl_wide last = record->next + (pawl_wide)(got - 1) * record->increment;

        pawl_record_advance(record, got);
        assert_int_equal(pawl_record_left_in_lap(record), left > UINT64_MAX);
        assert_true(left > UINT64_MAX || pawl_record_last(record) == last);
        assert_true(pawl_record_behind(record, (int64_t)last));
    }
}

static void a_whole_int64_is_one_lap(void **state)
{
    struct desk desk;
    const pawl_definition whole = {
        .given = PAWL_GIVEN_MIN | PAWL_GIVEN_MAX | PAWL_GIVEN_CYCLE,
        .min = INT64_MIN,
        .max = INT64_MAX,
        .cycle = true,
    };

    (void)state;
    desk_set(&desk, "s");
    assert_int_equal(desk_create(&desk, &whole).error.code, PAWL_OK);
    assert_true(pawl_record_left_in_lap(&desk.record) == UINT64_MAX);
    assert_true(pawl_record_lap_size(&desk.record) == UINT64_MAX);
    pawl_record_advance(&desk.record, UINT64_MAX);
    assert_int_equal(desk.record.next, INT64_MAX);
    assert_false(desk.record.ended);
    pawl_record_advance(&desk.record, 1);
    assert_true(desk.record.ended);
    assert_int_equal(desk_next(&desk, 1).grant.range.first, INT64_MIN);
    assert_int_equal(desk.record.lap, 1);
}

static const struct {
    const char *label;
    int64_t max;
    double rate;
    int64_t since_s;
    bool cycle;
    uint64_t want;
} margins[] = {
    {"a quiet sequence", INT64_MAX, 0, 0, false, 10000},
    {"ten refills at its rate", INT64_MAX, 1000, 0, false, 300000},
    {"twice what it may have used since", INT64_MAX, 1000, 1000, false, 2000000},
    {"a clock that went back", INT64_MAX, 1000, -1000, false, 300000},
    {"exactly 1 %", 1000000, 0, 0, false, 10000},
    {"more than 1 %", 999999, 0, 0, false, 0},
    {"more than 1 % by its rate", 1000000000, 100000, 0, false, 0},
    {"a cycling one counts a lap", 1000000, 0, 0, true, 10000},
    {"a rate without measure", INT64_MAX, 1e300, 1, false, 0},
};

static void margins_are_the_designs(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(margins); i++) {
        pawl_definition definition = {.given = PAWL_GIVEN_MAX | PAWL_GIVEN_CYCLE,
                                      .max = margins[i].max,
                                      .cycle = margins[i].cycle};
        struct desk desk;

        desk_set(&desk, "s");
        assert_int_equal(desk_create(&desk, &definition).error.code, PAWL_OK);
        desk.record.rate = margins[i].rate;
        uint64_t got = pawl_record_margin(&desk.record, &desk.moment, margins[i].since_s);

        if (got != margins[i].want) fail_msg("%s: got %" PRIu64, margins[i].label, got);
    }
}

static void info_says_what_the_record_says(void **state)
{
    const pawl_definition definition = {
        .given = PAWL_GIVEN_MAX | PAWL_GIVEN_BLOCK, .max = 3, .block = 2};
    struct desk desk;
    pawl_info info;

    (void)state;
    desk_set(&desk, "orders");
    (void)desk_create(&desk, &definition);
    pawl_record_info(&desk.record, &info);
    assert_string_equal(info.name, "orders");
    assert_int_equal(info.max, 3);
    assert_int_equal(info.block, 2);
    assert_int_equal(info.next, 1);
    assert_int_equal(info.created_at, 1000000);
    assert_false(info.ended);
    (void)desk_next(&desk, 3);
    pawl_record_info(&desk.record, &info);
    assert_true(info.ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_postgresql_does),
        cmocka_unit_test(refuses_what_cannot_be_meant),
        cmocka_unit_test(defaults_are_postgresqls),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(grants_match_a_slow_reference),
        cmocka_unit_test(what_is_left_is_exact),
        cmocka_unit_test(a_whole_int64_is_one_lap),
        cmocka_unit_test(margins_are_the_designs),
        cmocka_unit_test(info_says_what_the_record_says),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
