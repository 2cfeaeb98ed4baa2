/* SPDX-License-Identifier: Apache-2.0 */
/* The judge of histories: against a naive one on random histories, and each fault by itself. */
#include "cli/history.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TAKERS = 4, IDS_MAX = 400, SEEDS = 400 };

static const struct history_rules plain = {
    .increment = 1, .least = INT64_MIN, .most = INT64_MAX, .threads = 1};

#define TAKER(array)                                               \
    {                                                              \
        .name = #array, .ids = (array), .count = PAWL_COUNT(array) \
    }

static struct history_report judge(struct history_taker *takers, size_t count,
                                   struct history_rules rules)
{
    struct history history = {takers, count};
    struct history_report report;
    pawl_error error = {0};

    if (history_check(&history, &rules, &report, &error) != PAWL_OK) fail_msg("%s", error.text);
    return report;
}

static void gaps_are_no_faults(void **state)
{
    const int64_t a[] = {1, 2, 9}, b[] = {3, 4, 1000000000}, c[] = {20};
    struct history_taker takers[] = {TAKER(a), TAKER(b), TAKER(c)};
    struct history_report report = judge(takers, 3, plain);

    (void)state;
    assert_int_equal(report.ids, 7);
    assert_int_equal(report.distinct, 7);
    assert_int_equal(report.example_count, 0);
    assert_int_equal(report.first, 1);
    assert_int_equal(report.last, 1000000000);
    assert_int_equal(report.missing, 1000000000 - 7);
    assert_int_equal(report.gaps, 3);
    assert_int_equal(report.largest, 1000000000 - 21);
    assert_int_equal(report.largest_first, 21);
}

static void nothing_is_no_fault(void **state)
{
    struct history_taker none = {.name = "none"};
    struct history_report report = judge(&none, 1, plain);

    (void)state;
    assert_int_equal(report.ids + report.distinct + report.missing + report.example_count, 0);
}

static void each_fault_is_named(void **state)
{
    const int64_t a[] = {INT64_MIN, 1, 5}, b[] = {5, INT64_MAX}, falls[] = {3, 2}, same[] = {7, 7};
    struct history_taker takers[] = {TAKER(a), TAKER(b)};
    struct history_report report = judge(takers, 2, plain);

    (void)state;
    assert_int_equal(report.faults[HISTORY_TWICE], 1);
    assert_int_equal(report.examples[0].id, 5);
    assert_int_equal(report.examples[0].taker, 1);
    assert_int_equal(report.examples[0].other_taker, 0);
    assert_int_equal(report.distinct, 4);
    assert_true(report.missing == UINT64_MAX - 3);

    struct history_taker one = TAKER(falls);
    report = judge(&one, 1, plain);
    assert_int_equal(report.faults[HISTORY_FALLS], 1);
    assert_int_equal(report.faults[HISTORY_TWICE], 0);
    assert_int_equal(report.examples[0].id, 2);
    assert_int_equal(report.examples[0].other, 3);

    struct history_taker again = TAKER(same);
    report = judge(&again, 1, plain);
    assert_int_equal(report.faults[HISTORY_TWICE], 1);
    assert_int_equal(report.faults[HISTORY_FALLS], 0);

    struct history_rules narrow = plain;
    narrow.least = 2;
    narrow.most = 6;
    report = judge(takers, 2, narrow);
    assert_int_equal(report.faults[HISTORY_BOUNDS], 3);
}

static void a_grid_is_kept_in_both_directions(void **state)
{
    const int64_t down[] = {7, 4, -2, -3}, up[] = {-9, -3, 1, 6};
    struct history_taker a = TAKER(down), b = TAKER(up);
    struct history_rules rules = plain;

    (void)state;
    rules.increment = -3;
    struct history_report report = judge(&a, 1, rules);
    assert_int_equal(report.faults[HISTORY_GRID], 1);
    assert_int_equal(report.faults[HISTORY_FALLS], 0);
    assert_int_equal(report.examples[0].id, -3);
    assert_int_equal(report.first, 7);
    assert_int_equal(report.last, -2);
    assert_int_equal(report.missing, 1);
    assert_int_equal(report.largest_first, 1);

    rules = (struct history_rules){.increment = 3,
                                   .least = INT64_MIN,
                                   .most = INT64_MAX,
                                   .grid = true,
                                   .start = INT64_MAX - 1,
                                   .threads = 2};
    report = judge(&b, 1, rules); /* INT64_MAX - 1 is a multiple of 3 */
    assert_int_equal(report.faults[HISTORY_GRID], 1);
    assert_int_equal(report.examples[0].id, 1);
    assert_int_equal(report.missing, 3);
}

static void order_over_all_takers_needs_times(void **state)
{
    const int64_t a[] = {1, 4}, b[] = {2, 3}, begun_a[] = {0, 20}, done_a[] = {10, 30},
                  begun_b[] = {5, 31}, done_b[] = {9, 40};
    struct history_taker takers[] = {TAKER(a), TAKER(b)};
    struct history_rules rules = plain;
    struct history history = {takers, 2};
    struct history_report report;
    pawl_error error;

    (void)state;
    rules.global = true;
    assert_int_equal(history_check(&history, &rules, &report, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "a has no times"));
    takers[0].begun_ns = begun_a;
    takers[0].done_ns = done_a;
    takers[1].begun_ns = begun_b;
    takers[1].done_ns = done_b;
    report = judge(takers, 2, rules);
    assert_int_equal(report.faults[HISTORY_GLOBAL], 1); /* 3 began when 4 had returned */
    assert_int_equal(report.examples[0].id, 3);
    assert_int_equal(report.examples[0].other, 4);
    rules.increment = -1; /* the other way round: 2 was there before 4 and 3 before … */
    report = judge(takers, 2, rules);
    assert_int_equal(report.faults[HISTORY_GLOBAL], 2);
}

/* A naive judge: every id with every other one. */
static struct history_report naive(const struct history_taker *takers, int64_t step)
{
    struct history_report report = {.ids = 0};
    static int64_t all[TAKERS * IDS_MAX];
    size_t count = 0;

    for (size_t t = 0; t < TAKERS; t++) {
        for (size_t i = 0; i < takers[t].count; i++) {
            int64_t id = takers[t].ids[i];
            bool seen = false;

            report.ids++;
            if (i > 0 && (step > 0 ? id < takers[t].ids[i - 1] : id > takers[t].ids[i - 1])) {
                report.faults[HISTORY_FALLS]++;
            }
            if ((id - takers[0].ids[0]) % step != 0) {
                report.faults[HISTORY_GRID]++;
                continue;
            }
            for (size_t j = 0; j < count && !seen; j++) {
                seen = all[j] == id;
            }
            report.faults[HISTORY_TWICE] += seen;
            if (!seen) all[count++] = id;
        }
    }
    report.distinct = count;
    for (size_t i = 0; i < count; i++) {
        bool first = i == 0 || (step > 0 ? all[i] < report.first : all[i] > report.first);
        bool last = i == 0 || (step > 0 ? all[i] > report.last : all[i] < report.last);

        if (first) report.first = all[i];
        if (last) report.last = all[i];
    }
    report.missing = (uint64_t)((report.last - report.first) / step) + 1 - count;
    return report;
}

static void random_histories_are_judged_as_naively(void **state)
{
    static int64_t ids[TAKERS][IDS_MAX];

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        uint64_t random = seed;
        struct history_taker takers[TAKERS];
        int64_t step = (int64_t)(pawl_random(&random) % 4) - 5 * (pawl_random(&random) % 2 == 0);
        int64_t spread = pawl_random(&random) % 2 == 0 ? 5 : 40000000;

        if (step == 0) step = 1;
        for (size_t t = 0; t < TAKERS; t++) {
            int64_t at = (int64_t)(pawl_random(&random) % 7);
            size_t count = 1 + pawl_random(&random) % (IDS_MAX - 1);

            takers[t] = (struct history_taker){.name = "t", .ids = ids[t], .count = count};
            for (size_t i = 0; i < count; i++) {
                bool wild = pawl_random(&random) % 200 == 0;

                at += step * (int64_t)(pawl_random(&random) % (uint64_t)spread + 1);
                ids[t][i] = wild ? at - step * 3 + (step > 1) : at;
            }
        }
        struct history_rules rules = plain;
        rules.increment = step;
        rules.threads = 1 + (unsigned)(seed % 3);
        struct history_report got = judge(takers, TAKERS, rules), want = naive(takers, step);

        if (got.ids != want.ids || got.distinct != want.distinct || got.first != want.first ||
            got.last != want.last || got.missing != want.missing ||
            memcmp(got.faults, want.faults, sizeof got.faults) != 0) {
            fail_msg("seed %" PRIu64 ", step %" PRId64 ": %" PRIu64 " and %" PRIu64
                     " distinct, %" PRIu64 " and %" PRIu64 " missing, %" PRIu64 " and %" PRIu64
                     " twice",
                     seed, step, got.distinct, want.distinct, got.missing, want.missing,
                     got.faults[HISTORY_TWICE], want.faults[HISTORY_TWICE]);
        }
    }
}

static void file_with(char path[64], const char *ending, const char *bytes, size_t size)
{
    (void)snprintf(path, 64, "/tmp/history-XXXXXX%s", ending);
    int file = mkstemps(path, (int)strlen(ending));

    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, size), (ssize_t)size);
    (void)close(file);
}

static void files_are_read(void **state)
{
    static const int64_t binary[] = {3, INT64_MAX};
    static const char text[] = "# taken by a\n1\n\n-2\r\n77";
    static const char times[] = "5 100 200\n6 200 300\n";
    char paths[3][64];
    char *const list[] = {paths[0], paths[1], paths[2]};
    struct history history;
    pawl_error error;

    (void)state;
    file_with(paths[0], ".i64", (const char *)binary, sizeof binary - 3); /* the last one is cut */
    file_with(paths[1], "", text, sizeof text - 1);
    file_with(paths[2], ".txt", times, sizeof times - 1);
    assert_int_equal(history_read(list, 3, &history, &error), PAWL_OK);
    assert_int_equal(history.takers[0].count, 1);
    assert_int_equal(history.takers[0].ids[0], 3);
    assert_int_equal(history.takers[1].count, 2);
    assert_int_equal(history.takers[1].ids[1], -2);
    assert_null(history.takers[1].begun_ns);
    assert_int_equal(history.takers[2].ids[1], 6);
    assert_int_equal(history.takers[2].done_ns[0], 200);
    history_free(&history);
    for (size_t i = 0; i < 3; i++) {
        (void)unlink(paths[i]);
    }
}

static void bad_files_are_named(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"1\nx\n", ":2: each line"},     {"1 2\n", ":1: each line"},
        {"1\n2 3 4\n", ":2: each line"}, {"1 2 3 4\n", ":1: each line"},
        {"1 9 8\n", ":1: the call had"}, {"9223372036854775808\n", ":1: each line"},
        {"1  2 3\n", ":1: each line"},   {"\x1f\x8b\b", "zcat FILE | pawl verify -"},
        {"BZh91AY", "is compressed"},
    };
    char path[64];
    char *const list[] = {path};
    struct history history;
    pawl_error error;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        file_with(path, "", rows[i].text, strlen(rows[i].text));
        assert_int_equal(history_read(list, 1, &history, &error), PAWL_BAD_REQUEST);
        if (strstr(error.text, rows[i].says) == NULL) fail_msg("row %zu: %s", i, error.text);
        history_free(&history);
        (void)unlink(path);
    }
    assert_int_equal(history_read(list, 1, &history, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "No such file"));
    history_free(&history);
    (void)snprintf(path, sizeof path, "/tmp");
    assert_int_equal(history_read(list, 1, &history, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "Is a directory"));
    history_free(&history);
}

static void a_file_named_twice_is_no_duplicate(void **state)
{
    char paths[2][64];
    char *const list[] = {paths[0], paths[1], paths[0]};
    struct history history;
    pawl_error error;

    (void)state;
    file_with(paths[0], "", "1\n", 2);
    file_with(paths[1], "", "2\n", 2);
    assert_int_equal(history_read(list, 3, &history, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "are one file"));
    history_free(&history);
    assert_int_equal(history_read(list, 2, &history, &error), PAWL_OK);
    history_free(&history);
    (void)unlink(paths[0]);
    (void)unlink(paths[1]);
}

/* More than a pipe or the first room holds. */
static void a_pipe_is_read_to_its_end(void **state)
{
    enum { IDS = 30000 };
    char path[32];
    char *const list[] = {path};
    int ends[2];
    struct history history;
    pawl_error error;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t writer = fork();

    if (writer == 0) {
        FILE *file = fdopen(ends[1], "w");

        for (int i = 1; file != NULL && i <= IDS; i++) {
            (void)fprintf(file, "%d\n", i);
        }
        _exit(file != NULL && fclose(file) == 0 ? 0 : 1);
    }
    (void)close(ends[1]);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(history_read(list, 1, &history, &error), PAWL_OK);
    assert_int_equal(history.takers[0].count, IDS);
    assert_int_equal(history.takers[0].ids[IDS - 1], IDS);
    history_free(&history);
    (void)close(ends[0]);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_are_no_faults),
        cmocka_unit_test(nothing_is_no_fault),
        cmocka_unit_test(each_fault_is_named),
        cmocka_unit_test(a_grid_is_kept_in_both_directions),
        cmocka_unit_test(order_over_all_takers_needs_times),
        cmocka_unit_test(random_histories_are_judged_as_naively),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(a_file_named_twice_is_no_duplicate),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
