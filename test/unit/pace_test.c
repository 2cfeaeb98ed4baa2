/* SPDX-License-Identifier: Apache-2.0 */
/* How much to hold and to ask for: rows for each rule, then whole days on a virtual clock. */
#include "range/pace.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct pawl_pace_settings settings = {
    .ride_through_ns = 60 * PAWL_NS_PER_S,
    .refill_interval_ns = 30 * PAWL_NS_PER_S,
    .max_blocks = 1000,
};

static const struct {
    double rate;
    uint64_t want;
} lows[] = {
    {0, 0},  {1.0 / 86400, 0}, {0.0333, 0},      {0.034, 3},
    {1, 60}, {1000, 60000},    {1e7, 600000000}, {1e300, UINT64_MAX},
};

static void low_is_what_rides_through(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(lows); i++) {
        uint64_t got = pawl_pace_low(lows[i].rate, &settings);

        if (got != lows[i].want) fail_msg("rate %f: got %" PRIu64, lows[i].rate, got);
    }
}

static const struct {
    const char *label;
    uint64_t granted, since_grant;
    double rate;
    struct pawl_need need;
    uint64_t want;
} wants[] = {
    {"nobody wants any", 0, 0, 0, {0, 0, 0}, 0},
    {"one waits", 0, 0, 0, {0, 1, 0}, 1},
    {"many wait", 0, 0, 0, {0, 500, 0}, 500},
    {"grows by doubling", 10, 3, 100, {50, 0, 0}, 20},
    {"or by what was asked for", 10, 300, 100, {50, 0, 0}, 300},
    {"up to the target", 9000, 300, 100, {6000, 0, 0}, 3000},
    {"never less than is waited for", 10, 0, 100, {0, 77, 0}, 77},
    {"enough is held", 9000, 0, 100, {9000, 0, 0}, 0},
    {"the first ask at a rate", 0, 0, 100, {0, 0, 0}, 1},
    {"at most 1e9", UINT64_MAX, 0, 1e9, {0, 0, 0}, 1000000000},
    {"at most 1e9, whoever waits", 0, 0, 0, {0, UINT64_MAX, 0}, 1000000000},
    {"a fixed block for one", 0, 0, 0, {0, 1, 500}, 500},
    {"whole fixed blocks", 900, 0, 100, {7500, 0, 500}, 1500},
    {"a part makes a block", 900, 0, 100, {7499, 0, 500}, 2000},
    {"no fixed block for nobody", 0, 0, 0, {0, 0, 500}, 0},
    {"at most max_blocks", 900000, 0, 1e5, {0, 0, 10}, 10000},
    {"fixed blocks within 1e9", UINT64_MAX, 0, 1e9, {0, 0, 300000000}, 900000000},
};

static void wants_what_is_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(wants); i++) {
        struct pawl_pace pace = {.granted = wants[i].granted, .since_grant = wants[i].since_grant};
        uint64_t got = pawl_pace_want(&pace, &settings, wants[i].rate, &wants[i].need);

        if (got != wants[i].want) fail_msg("%s: got %" PRIu64, wants[i].label, got);
    }
}

static void the_rate_is_the_larger_windows(void **state)
{
    struct pawl_pace pace = {.used = 0};
    uint64_t second = PAWL_NS_PER_S;

    (void)state;
    pawl_pace_used(&pace, &settings, 100 * second, 300);
    assert_true(pawl_pace_rate(&pace, &settings, 129 * second) == 10);
    pawl_pace_used(&pace, &settings, 130 * second, 0);
    pawl_pace_used(&pace, &settings, 131 * second, 30);
    assert_true(pawl_pace_rate(&pace, &settings, 131 * second) == 10);
    pawl_pace_used(&pace, &settings, 140 * second, 570);
    assert_true(pawl_pace_rate(&pace, &settings, 140 * second) == 20);
    assert_true(pawl_pace_rate(&pace, &settings, 189 * second) == 20);
    assert_true(pawl_pace_rate(&pace, &settings, 190 * second) == 0);
    pace.asked_rate = 5;
    assert_true(pawl_pace_rate(&pace, &settings, 190 * second) == 5);
    pawl_pace_used(&pace, &settings, 250 * second, 60); /* a window of rest between */
    assert_true(pawl_pace_rate(&pace, &settings, 250 * second) == 7);
}

/* A keeper counts when it is turned, and nothing says that it is turned in step with windows. */
static void a_steady_rate_is_found_whenever_it_is_counted(void **state)
{
    static const uint64_t every_s[] = {1, 7, 20, 23, 25, 29, 30};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(every_s); i++) {
        struct pawl_pace pace = {.used = 0};

        for (uint64_t now_s = 100; now_s < 2000; now_s += every_s[i]) {
            pawl_pace_used(&pace, &settings, now_s * PAWL_NS_PER_S, 100 * every_s[i]);
            double rate = pawl_pace_rate(&pace, &settings, now_s * PAWL_NS_PER_S);

            if (now_s < 170 || (rate > 99.9 && rate < 100.2)) continue;
            fail_msg("counted every %" PRIu64 " s: %f at %" PRIu64 " s", every_s[i], rate, now_s);
        }
    }
}

static void one_use_is_no_rate(void **state)
{
    struct pawl_pace pace = {.used = 0};

    (void)state;
    pawl_pace_used(&pace, &settings, 0, 1);
    assert_true(pawl_pace_rate(&pace, &settings, 1) == 0);
    pawl_pace_used(&pace, &settings, 2, 1);
    assert_true(pawl_pace_rate(&pace, &settings, 3) > 0);
}

/* One sequence at a constant rate over a source that takes 5 ms to answer. */
struct course {
    double rate;
    uint64_t period_ns; /* between two uses */
    uint64_t now_ns;
    uint64_t answer_ns; /* when the ask under way is answered */
    uint64_t asked;     /* its ids; 0: none is under way */
    uint64_t held, waited;
    double due; /* ids, a fraction of one included */
    struct pawl_pace pace;
    uint64_t uses, asks, dry, ids_asked;
};

enum { LATENCY_MS = 5 };

static void course_fill(struct course *course, uint64_t block)
{
    struct pawl_need need = {.held = course->held, .waited = course->waited, .block = block};
    double rate = pawl_pace_rate(&course->pace, &settings, course->now_ns);

    if (course->asked > 0) return;
    if (course->waited == 0 && course->held >= pawl_pace_low(rate, &settings)) return;
    course->asked = pawl_pace_want(&course->pace, &settings, rate, &need);
    if (course->asked == 0) return;
    course->answer_ns = course->now_ns + LATENCY_MS * PAWL_NS_PER_MS;
    course->asks++;
    course->ids_asked += course->asked;
}

static void course_answer(struct course *course)
{
    uint64_t served;

    pawl_pace_granted(&course->pace, course->asked);
    course->held += course->asked;
    course->asked = 0;
    served = course->waited < course->held ? course->waited : course->held;
    course->held -= served;
    course->waited -= served;
}

static void course_use(struct course *course)
{
    uint64_t ids;

    course->due += course->rate * (double)course->period_ns / (double)PAWL_NS_PER_S;
    ids = (uint64_t)(course->due + 1e-6);
    course->due -= (double)ids;
    course->uses++;
    pawl_pace_used(&course->pace, &settings, course->now_ns, ids);
    if (ids > course->held) {
        course->dry++;
        course->waited += ids - course->held;
        ids = course->held;
    }
    course->held -= ids;
}

static void course_run(struct course *course, uint64_t until_ns, uint64_t block)
{
    uint64_t use_ns = course->now_ns + course->period_ns;

    course->uses = course->asks = course->dry = course->ids_asked = 0;
    while (course->now_ns < until_ns) {
        if (course->asked > 0 && course->answer_ns <= use_ns) {
            course->now_ns = course->answer_ns;
            course_answer(course);
        } else {
            course->now_ns = use_ns;
            use_ns += course->period_ns;
            course_use(course);
        }
        course_fill(course, block);
    }
}

static struct course new_course(double rate)
{
    uint64_t period_ns = (uint64_t)((double)PAWL_NS_PER_S / rate);

    if (period_ns < PAWL_NS_PER_MS) period_ns = PAWL_NS_PER_MS;
    return (struct course){.rate = rate, .period_ns = period_ns};
}

static void a_steady_sequence_asks_once_per_interval(void **state)
{
    static const double rates[] = {0.5, 1, 7, 100, 3000, 1e5, 1e6, 1e7};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rates); i++) {
        struct course course = new_course(rates[i]);

        course_run(&course, 150 * PAWL_NS_PER_S, 0); /* it grows */
        uint64_t growth = course.asks;

        course_run(&course, 1350 * PAWL_NS_PER_S, 0); /* 40 intervals */
        if (course.dry > 0 || course.asks < 36 || course.asks > 48 || growth > 160) {
            fail_msg("%g a second: %" PRIu64 " asks to grow, then %" PRIu64
                     " in 40 intervals, %" PRIu64 " times dry",
                     rates[i], growth, course.asks, course.dry);
        }
        if (course.held + 1 < (uint64_t)(rates[i] * 59)) {
            fail_msg("%g a second: only %" PRIu64 " held", rates[i], course.held);
        }
    }
}

static void a_rare_sequence_takes_blocks_of_one(void **state)
{
    static const double rates[] = {1.0 / 86400, 1.0 / 3600, 1.0 / 61, 1.0 / 31};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rates); i++) {
        struct course course = new_course(rates[i]);

        course_run(&course, 50 * course.period_ns, 0);
        if (course.ids_asked != course.asks || course.asks != course.uses || course.held != 0) {
            fail_msg("%g a second: %" PRIu64 " ids in %" PRIu64 " asks for %" PRIu64 " uses",
                     rates[i], course.ids_asked, course.asks, course.uses);
        }
    }
}

static void fixed_blocks_ride_through_too(void **state)
{
    struct course course = new_course(1000);

    (void)state;
    course_run(&course, 150 * PAWL_NS_PER_S, 500);
    course_run(&course, 1350 * PAWL_NS_PER_S, 500);
    assert_int_equal(course.dry, 0);
    assert_in_range(course.asks, 36, 48);
    assert_int_equal(course.ids_asked % 500, 0);
}

/* Ten times the use from one moment to the next: dry for a short while at most, then steady. */
static void a_jump_is_caught_up_with(void **state)
{
    struct course course = new_course(1000);

    (void)state;
    course_run(&course, 300 * PAWL_NS_PER_S, 0);
    course.rate = 10000;
    course_run(&course, 450 * PAWL_NS_PER_S, 0);
    assert_int_equal(course.dry, 0);
    course_run(&course, 1650 * PAWL_NS_PER_S, 0);
    assert_int_equal(course.dry, 0);
    assert_in_range(course.asks, 36, 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(low_is_what_rides_through),
        cmocka_unit_test(wants_what_is_missing),
        cmocka_unit_test(the_rate_is_the_larger_windows),
        cmocka_unit_test(a_steady_rate_is_found_whenever_it_is_counted),
        cmocka_unit_test(one_use_is_no_rate),
        cmocka_unit_test(a_steady_sequence_asks_once_per_interval),
        cmocka_unit_test(a_rare_sequence_takes_blocks_of_one),
        cmocka_unit_test(fixed_blocks_ride_through_too),
        cmocka_unit_test(a_jump_is_caught_up_with),
    };

    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
