/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public API on memory:, on lmdb: in a temporary folder, and on a pawld if PAWLD_BIN names one:
 * api_test URL, or without one all stores that need nothing.
 */
#include "pawl/pawl.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "pawl/stores.h"
#include "served.h"

enum { THREADS = 4, IDS_EACH = 20000, IDS_ALL = THREADS * IDS_EACH };

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

/* Which source the tests run on now; each wants a fresh one. */
static const char *kind = "memory";

struct site {
    struct served served; /* pawld, or the folder of an LMDB store */
    char url[256];
    pawl_client *client;
};

static void settle(struct site *site)
{
    if (strcmp(kind, "memory") == 0) {
        (void)snprintf(site->url, sizeof site->url, "memory:");
        return;
    }
    served_folder(&site->served);
    if (strcmp(kind, "lmdb") == 0) {
        (void)snprintf(site->url, sizeof site->url, "lmdb:%s/store", site->served.folder);
    } else {
        served_start(&site->served);
        (void)snprintf(site->url, sizeof site->url, "pawl://127.0.0.1:%d", site->served.port);
    }
}

static void open_with(struct site *site, const pawl_options *options)
{
    pawl_error error = {.code = PAWL_OK};

    if (pawl_open(site->url, options, &site->client, &error) != PAWL_OK) fail_msg("%s", error.text);
}

static void begin(struct site *site)
{
    *site = (struct site){.client = NULL};
    settle(site);
    open_with(site, NULL);
}

static void end(struct site *site)
{
    pawl_close(site->client);
    served_stop(&site->served);
}

static void check(pawl_err err, pawl_err want, const pawl_error *error)
{
    if (err == want) return;
    fail_msg("%s instead of %s: %s", pawl_err_name(err), pawl_err_name(want),
             error == NULL ? "" : error->text);
}

static pawl_seq *seq_of(struct site *site, const char *name, const pawl_definition *definition)
{
    pawl_error error = {.code = PAWL_OK};
    pawl_seq *seq = NULL;

    check(pawl_create(site->client, name, definition, &error), PAWL_OK, &error);
    check(pawl_seq_open(site->client, name, &seq, &error), PAWL_OK, &error);
    return seq;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * S + (uint64_t)now.tv_nsec;
}

static void ids_count_from_one(void **state)
{
    struct site site;
    int64_t id = 0;

    (void)state;
    begin(&site);
    pawl_seq *seq = seq_of(&site, "orders", NULL);
    for (int64_t want = 1; want <= 5000; want++) {
        assert_int_equal(pawl_next(seq, &id), PAWL_OK);
        assert_int_equal(id, want);
    }
    pawl_seq *again = NULL;
    assert_int_equal(pawl_seq_open(site.client, "orders", &again, NULL), PAWL_OK);
    assert_ptr_equal(again, seq);
    end(&site);
}

static void takes_are_contiguous_and_rise(void **state)
{
    static const uint64_t counts[] = {1, 10, 4096, 4097, 100000, 1000000};
    pawl_definition definition = {.given = PAWL_GIVEN_INCREMENT, .increment = 3};
    struct site site;
    pawl_ids ids;
    int64_t last = 0;

    (void)state;
    begin(&site);
    pawl_seq *seq = seq_of(&site, "s", &definition);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        check(pawl_take(seq, counts[i], 5 * S, &ids), PAWL_OK, NULL);
        assert_in_range(ids.count, 1, counts[i]);
        assert_int_equal(ids.increment, 3);
        assert_true(ids.first > last);
        last = ids.first + 3 * (int64_t)(ids.count - 1);
    }
    assert_int_equal(pawl_take(seq, 0, S, &ids), PAWL_BAD_REQUEST);
    assert_int_equal(pawl_take(seq, PAWL_TAKE_MAX + 1, S, &ids), PAWL_LIMIT);
    assert_int_equal(pawl_take(seq, UINT64_MAX, S, &ids), PAWL_LIMIT);
    end(&site);
}

struct drawer {
    pthread_t thread;
    pawl_seq *seq;
    int64_t *ids;
    size_t way; /* 0: next, 1: lane, 2: take, 3: try */
    bool rises;
};

static void *draw(void *arg)
{
    struct drawer *drawer = arg;
    pawl_lane *lane = NULL;
    pawl_err err = drawer->way == 1 ? pawl_lane_open(drawer->seq, &lane) : PAWL_OK;
    int64_t last = 0;

    drawer->rises = err == PAWL_OK;
    for (size_t i = 0; i < IDS_EACH && err == PAWL_OK; i++) {
        pawl_ids ids = {0, 1, 1};

        if (drawer->way == 0) err = pawl_next(drawer->seq, &ids.first);
        if (drawer->way == 1) err = pawl_lane_next(lane, &ids.first);
        if (drawer->way == 2) err = pawl_take(drawer->seq, 1, 5 * S, &ids);
        if (drawer->way == 3) {
            while ((err = pawl_try_next(drawer->seq, &ids.first)) == PAWL_EMPTY) {
                (void)sched_yield();
            }
        }
        if (ids.first <= last) drawer->rises = false;
        last = ids.first;
        drawer->ids[i] = ids.first;
    }
    if (err != PAWL_OK) drawer->rises = false;
    pawl_lane_close(lane);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void threads_get_each_id_once(void **state)
{
    struct drawer drawers[THREADS];
    struct site site;
    int64_t *ids = calloc(IDS_ALL, sizeof *ids);

    (void)state;
    assert_non_null(ids);
    begin(&site);
    pawl_seq *seq = seq_of(&site, "orders", NULL);
    for (size_t i = 0; i < THREADS; i++) {
        drawers[i] = (struct drawer){.seq = seq, .ids = &ids[i * IDS_EACH], .way = i};
        assert_int_equal(pthread_create(&drawers[i].thread, NULL, draw, &drawers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(drawers[i].thread, NULL), 0);
        assert_true(drawers[i].rises);
    }
    qsort(ids, IDS_ALL, sizeof *ids, by_value);
    for (size_t i = 1; i < IDS_ALL; i++) {
        assert_true(ids[i] > ids[i - 1]);
    }
    free(ids);
    end(&site);
}

static void global_order_goes_round_trip(void **state)
{
    pawl_definition definition = {.given = PAWL_GIVEN_ORDER, .order = PAWL_ORDER_GLOBAL};
    struct site site;
    pawl_lane *lane = NULL;
    pawl_ids ids;
    int64_t id = 0;
    int64_t last = 0;

    (void)state;
    begin(&site);
    pawl_seq *seq = seq_of(&site, "g", &definition);
    assert_int_equal(pawl_try_next(seq, &id), PAWL_GLOBAL);
    assert_int_equal(pawl_lane_open(seq, &lane), PAWL_GLOBAL);
    for (int i = 0; i < 50; i++) {
        check(pawl_next(seq, &id), PAWL_OK, NULL);
        assert_true(id > last);
        last = id;
    }
    check(pawl_take(seq, 10000, 5 * S, &ids), PAWL_OK, NULL);
    assert_int_equal(ids.first, last + 1);
    end(&site);
}

static void mistakes_are_told(void **state)
{
    static const struct {
        const char *name;
        const char *text;
    } names[] = {{"", "empty"}, {"a\nb", "control"}, {"\xff", "UTF-8"}};
    struct site site;
    pawl_error error = {.code = PAWL_OK};
    pawl_definition wrong = {.given = PAWL_GIVEN_MIN | PAWL_GIVEN_MAX, .min = 10, .max = 5};
    pawl_info info;
    pawl_seq *seq = NULL;
    char longest[PAWL_NAME_BYTES_MAX + 2];

    (void)state;
    begin(&site);
    check(pawl_seq_open(site.client, "nobody", &seq, &error), PAWL_NO_SEQUENCE, &error);
    assert_non_null(strstr(error.text, "nobody"));
    check(pawl_show(site.client, "nobody", &info, &error), PAWL_NO_SEQUENCE, &error);
    check(pawl_drop(site.client, "nobody", false, &error), PAWL_NO_SEQUENCE, &error);
    check(pawl_create(site.client, "s", &wrong, &error), PAWL_BAD_REQUEST, &error);
    assert_non_null(strstr(error.text, "MINVALUE (10) must be less than MAXVALUE (5)"));
    wrong = (pawl_definition){.given = PAWL_GIVEN_ORDER, .order = (pawl_order)9};
    check(pawl_create(site.client, "s", &wrong, &error), PAWL_BAD_REQUEST, &error);
    wrong = (pawl_definition){.given = PAWL_GIVEN_TYPE, .data_type = (pawl_type)9};
    check(pawl_create(site.client, "s", &wrong, &error), PAWL_BAD_REQUEST, &error);
    wrong = (pawl_definition){.given = 1U << 31};
    check(pawl_create(site.client, "s", &wrong, &error), PAWL_BAD_REQUEST, &error);
    check(pawl_create(site.client, "s", NULL, &error), PAWL_OK, &error);
    check(pawl_alter(site.client, "s", &wrong, &error), PAWL_BAD_REQUEST, &error);
    check(pawl_create(site.client, "s", NULL, &error), PAWL_EXISTS, &error);
    check(pawl_set(site.client, "s", 100, false, &error), PAWL_OK, &error);
    check(pawl_set(site.client, "s", 1, false, &error), PAWL_BEHIND, &error);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        check(pawl_create(site.client, names[i].name, NULL, &error), PAWL_BAD_REQUEST, &error);
        check(pawl_seq_open(site.client, names[i].name, &seq, NULL), PAWL_BAD_REQUEST, NULL);
    }
    memset(longest, 'x', sizeof longest);
    longest[PAWL_NAME_BYTES_MAX + 1] = '\0';
    check(pawl_create(site.client, longest, NULL, &error), PAWL_BAD_REQUEST, &error);
    longest[PAWL_NAME_BYTES_MAX] = '\0';
    check(pawl_create(site.client, longest, NULL, &error), PAWL_OK, &error);
    check(pawl_create(site.client, NULL, NULL, &error), PAWL_BAD_REQUEST, &error);
    end(&site);
}

static void opening_wrongly_is_told(void **state)
{
    static const struct {
        const char *url;
        pawl_options options;
        pawl_err want;
        const char *text;
    } rows[] = {
        {"nonsense", {0}, PAWL_BAD_REQUEST, "nonsense"},
        {"pawl://", {0}, PAWL_BAD_REQUEST, "host"},
        {"pawl://127.0.0.1:1", {0}, PAWL_BUSY, "127.0.0.1:1"},
        {"memory:x", {0}, PAWL_BAD_REQUEST, ""},
        {"lmdb:/proc/nowhere/store", {0}, PAWL_DENIED, "/proc/nowhere"},
        {"memory:", {.timeout_ns = 1}, PAWL_BAD_REQUEST, "timeout_ns"},
        {"memory:", {.refill_interval_ns = UINT64_MAX}, PAWL_BAD_REQUEST, "refill_interval_ns"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pawl_client *client = NULL;
        pawl_error error = {.code = PAWL_OK};

        check(pawl_open(rows[i].url, &rows[i].options, &client, &error), rows[i].want, &error);
        if (strstr(error.text, rows[i].text) == NULL) fail_msg("%s: %s", rows[i].url, error.text);
        assert_null(client);
    }
    assert_int_equal(pawl_open(NULL, NULL, NULL, NULL), PAWL_BAD_REQUEST);
    pawl_close(NULL);
    pawl_lane_close(NULL);
}

static void the_end_is_told_and_survived(void **state)
{
    pawl_definition short_one = {.given = PAWL_GIVEN_MAX, .max = 3};
    pawl_definition longer = {.given = PAWL_GIVEN_MAX, .max = 5};
    struct site site;
    pawl_error error = {.code = PAWL_OK};
    int64_t id = 0;

    (void)state;
    begin(&site);
    pawl_seq *seq = seq_of(&site, "s", &short_one);
    for (int64_t want = 1; want <= 3; want++) {
        check(pawl_next(seq, &id), PAWL_OK, NULL);
        assert_int_equal(id, want);
    }
    uint64_t began_ns = now_ns();
    check(pawl_next(seq, &id), PAWL_END, NULL);
    check(pawl_next(seq, &id), PAWL_END, NULL);
    assert_true(now_ns() - began_ns < 2 * S);
    check(pawl_alter(site.client, "s", &longer, &error), PAWL_OK, &error);
    check(pawl_next(seq, &id), PAWL_OK, NULL);
    assert_int_equal(id, 4);
    end(&site);
}

static void a_dropped_one_is_told(void **state)
{
    struct site site;
    pawl_error error = {.code = PAWL_OK};
    pawl_lane *lane = NULL;
    int64_t id = 0;
    pawl_err err = PAWL_OK;

    (void)state;
    begin(&site);
    pawl_seq *seq = seq_of(&site, "s", NULL);
    check(pawl_lane_open(seq, &lane), PAWL_OK, NULL);
    for (int i = 0; i < 1000; i++) {
        check(pawl_lane_next(lane, &id), PAWL_OK, NULL);
    }
    check(pawl_drop(site.client, "s", true, &error), PAWL_OK, &error);
    for (int i = 0; i < 100000 && err == PAWL_OK; i++) {
        err = pawl_next(seq, &id);
    }
    check(err, PAWL_NO_SEQUENCE, NULL);
    check(pawl_lane_next(lane, &id), PAWL_NO_SEQUENCE, NULL);
    pawl_lane_close(lane);
    end(&site);
}

static void a_restart_reaches_the_holder_at_once(void **state)
{
    pawl_definition restart = {.given = PAWL_GIVEN_RESTART, .restart = 10};
    struct site site;
    pawl_error error = {.code = PAWL_OK};
    pawl_lane *lane = NULL;
    int64_t id = 0;

    (void)state;
    begin(&site);
    pawl_seq *seq = seq_of(&site, "s", NULL);
    check(pawl_lane_open(seq, &lane), PAWL_OK, NULL);
    for (int i = 0; i < 1000; i++) {
        check(pawl_lane_next(lane, &id), PAWL_OK, NULL);
    }
    check(pawl_alter(site.client, "s", &restart, &error), PAWL_OK, &error);
    check(pawl_next(seq, &id), PAWL_OK, NULL);
    assert_int_equal(id, 10);
    check(pawl_lane_next(lane, &id), PAWL_OK, NULL);
    assert_int_equal(id, 11);
    pawl_lane_close(lane);
    end(&site);
}

static bool count_them(const pawl_info *info, void *arg)
{
    int *count = arg;
    char want[16];

    (void)snprintf(want, sizeof want, "a%03d", *count);
    assert_string_equal(info->name, want);
    return ++*count < 1000;
}

static bool stop_at_three(const pawl_info *info, void *arg)
{
    int *count = arg;

    (void)info;
    return ++*count < 3;
}

static void listings_go_over_pages(void **state)
{
    struct site site;
    pawl_error error = {.code = PAWL_OK};
    pawl_info info;
    int count = 0;

    (void)state;
    begin(&site);
    for (int i = 0; i < 250; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "a%03d", i);
        check(pawl_create(site.client, name, NULL, &error), PAWL_OK, &error);
    }
    check(pawl_create(site.client, "b", NULL, &error), PAWL_OK, &error);
    check(pawl_list(site.client, "a*", count_them, &count, &error), PAWL_OK, &error);
    assert_int_equal(count, 250);
    count = 0;
    check(pawl_list(site.client, NULL, stop_at_three, &count, &error), PAWL_OK, &error);
    assert_int_equal(count, 3);
    check(pawl_show(site.client, "b", &info, &error), PAWL_OK, &error);
    assert_string_equal(info.name, "b");
    assert_int_equal(info.next, 1);
    assert_int_equal(info.max, INT64_MAX);
    assert_true(info.created_at > 1600000000);
    check(pawl_ping(site.client, &error), PAWL_OK, &error);
    end(&site);
}

/* A call with a deadline returns by then, whatever the source does. */
static void deadlines_hold(void **state)
{
    struct site site;
    int64_t id = 0;

    (void)state;
    if (strcmp(kind, "pawld") != 0) return;
    begin(&site);
    pawl_seq *seq = seq_of(&site, "s", NULL);
    check(pawl_next(seq, &id), PAWL_OK, NULL);
    served_pause(&site.served, true);
    pawl_err err = PAWL_OK;
    uint64_t began_ns = 0;
    while (err == PAWL_OK) {
        began_ns = now_ns();
        err = pawl_next_within(seq, 300 * MS, &id);
    }
    check(err, PAWL_TIMEOUT, NULL);
    assert_in_range(now_ns() - began_ns, 290 * MS, 600 * MS);
    served_pause(&site.served, false);
    check(pawl_next(seq, &id), PAWL_OK, NULL);
    end(&site);
}

static void a_server_that_comes_back_serves_on(void **state)
{
    struct site site;
    int64_t id = 0;
    int64_t last = 0;

    (void)state;
    if (strcmp(kind, "pawld") != 0) return;
    begin(&site);
    pawl_seq *seq = seq_of(&site, "s", NULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            check(pawl_next(seq, &id), PAWL_OK, NULL);
            assert_true(id > last);
            last = id;
        }
        served_restart(&site.served);
    }
    end(&site);
}

static void close_gives_back(void **state)
{
    struct site site;
    pawl_error error = {.code = PAWL_OK};
    pawl_info info;
    int64_t id = 0;

    (void)state;
    if (strcmp(kind, "memory") == 0) return; /* it is gone with its client */
    begin(&site);
    pawl_seq *seq = seq_of(&site, "s", NULL);
    for (int i = 0; i < 1000; i++) {
        check(pawl_next(seq, &id), PAWL_OK, NULL);
    }
    uint64_t began_ns = now_ns();
    pawl_close(site.client);
    assert_true(now_ns() - began_ns < S);
    open_with(&site, NULL);
    check(pawl_seq_open(site.client, "s", &seq, &error), PAWL_OK, &error);
    check(pawl_next(seq, &id), PAWL_OK, NULL);
    assert_int_equal(id, 1001);
    check(pawl_show(site.client, "s", &info, &error), PAWL_OK, &error);
    assert_true(info.next >= 1002);
    end(&site);
}

static int run_on(const char *name)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_count_from_one),
        cmocka_unit_test(takes_are_contiguous_and_rise),
        cmocka_unit_test(threads_get_each_id_once),
        cmocka_unit_test(global_order_goes_round_trip),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(opening_wrongly_is_told),
        cmocka_unit_test(the_end_is_told_and_survived),
        cmocka_unit_test(a_dropped_one_is_told),
        cmocka_unit_test(a_restart_reaches_the_holder_at_once),
        cmocka_unit_test(listings_go_over_pages),
        cmocka_unit_test(deadlines_hold),
        cmocka_unit_test(a_server_that_comes_back_serves_on),
        cmocka_unit_test(close_gives_back),
    };

    kind = name;
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    pawl_stores_register();
    pawl_stores_register();
    int failed = run_on("memory") + run_on("lmdb");

    if (served_binary() != NULL) failed += run_on("pawld");
    return failed;
}
