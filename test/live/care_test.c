/* SPDX-License-Identifier: Apache-2.0 */
/* pawl_store_init, pawl_store_check and pawl_store_copy, as a program calls them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pawl/pawl.h"
#include "pawl/stores.h"

enum { URL_MAX = 128, SEQUENCES = 50 };

struct stores {
    char folder[32];
    char from[URL_MAX], to[URL_MAX];
};

static int set_up(void **state)
{
    struct stores *stores = calloc(1, sizeof *stores);

    if (stores == NULL) return -1;
    (void)snprintf(stores->folder, sizeof stores->folder, "/tmp/pawl-care-XXXXXX");
    if (mkdtemp(stores->folder) == NULL) {
        free(stores);
        return -1;
    }
    (void)snprintf(stores->from, URL_MAX, "lmdb:%s/from", stores->folder);
    (void)snprintf(stores->to, URL_MAX, "lmdb:%s/to", stores->folder);
    pawl_stores_register();
    *state = stores;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const folders[] = {"from", "to"};
    static const char *const files[] = {"data.mdb", "lock.mdb", "owner"};
    struct stores *stores = *state;

    for (size_t i = 0; i < 2; i++) {
        char path[URL_MAX];

        for (size_t k = 0; k < 3; k++) {
            (void)snprintf(path, sizeof path, "%s/%s/%s", stores->folder, folders[i], files[k]);
            (void)unlink(path);
        }
        (void)snprintf(path, sizeof path, "%s/%s", stores->folder, folders[i]);
        (void)rmdir(path);
    }
    (void)rmdir(stores->folder);
    free(stores);
    return 0;
}

/* Creates s0, s1, ... in a store, and takes one id of each. */
static void fill(const char *url, int count)
{
    pawl_client *client = NULL;
    pawl_error error;

    if (pawl_open(url, NULL, &client, &error) != PAWL_OK) fail_msg("%s", error.text);
    for (int i = 0; i < count; i++) {
        static const pawl_definition definition = {.given = 0};
        char name[16];
        pawl_seq *seq = NULL;
        int64_t id = 0;

        (void)snprintf(name, sizeof name, "s%d", i);
        assert_int_equal(pawl_create(client, name, &definition, &error), PAWL_OK);
        assert_int_equal(pawl_seq_open(client, name, &seq, &error), PAWL_OK);
        assert_int_equal(pawl_next(seq, &id), PAWL_OK);
        assert_int_equal(id, 1);
    }
    pawl_close(client);
}

static int64_t next_of(const char *url, const char *name)
{
    pawl_client *client = NULL;
    pawl_seq *seq = NULL;
    pawl_error error;
    int64_t id = 0;

    if (pawl_open(url, NULL, &client, &error) != PAWL_OK) fail_msg("%s", error.text);
    if (pawl_seq_open(client, name, &seq, &error) != PAWL_OK) fail_msg("%s", error.text);
    assert_int_equal(pawl_next(seq, &id), PAWL_OK);
    pawl_close(client);
    return id;
}

struct seen {
    unsigned progress, failed, items, breaks;
    pawl_copied last;
    char name[16];
    pawl_err err;
};

static bool on_progress(const pawl_copied *copied, void *arg)
{
    struct seen *seen = arg;

    seen->progress++;
    seen->last = *copied;
    return true;
}

static void on_failed(const char *name, const pawl_error *error, void *arg)
{
    struct seen *seen = arg;

    seen->failed++;
    seen->err = error->code;
    (void)snprintf(seen->name, sizeof seen->name, "%s", name);
}

static void on_item(const pawl_store_item *item, void *arg)
{
    struct seen *seen = arg;

    assert_non_null(item->what);
    assert_non_null(item->found);
    seen->items++;
    seen->breaks += item->verdict == PAWL_VERDICT_BREAKS;
}

static void a_copy_counts_and_tells(void **state)
{
    const struct stores *stores = *state;
    struct seen seen = {.progress = 0};
    pawl_copy_options options = {.in_flight = 1,
                                 .dry_run = true,
                                 .progress = on_progress,
                                 .failed = on_failed,
                                 .arg = &seen};
    pawl_copied copied;
    pawl_error error;

    fill(stores->from, SEQUENCES);
    assert_int_equal(pawl_store_copy(stores->from, stores->to, &options, &copied, &error), PAWL_OK);
    assert_int_equal(copied.moved, SEQUENCES);
    assert_int_equal(next_of(stores->from, "s7"), 2);

    fill(stores->to, 1); /* s0 */
    options.dry_run = false;
    assert_int_equal(pawl_store_copy(stores->from, stores->to, &options, &copied, &error),
                     PAWL_EXISTS);
    assert_non_null(strstr(error.text, "1 of 50 not moved"));
    assert_int_equal(seen.failed, 1);
    assert_string_equal(seen.name, "s0");
    assert_int_equal(seen.err, PAWL_EXISTS);
    assert_int_equal(copied.total, SEQUENCES);
    assert_int_equal(copied.moved, SEQUENCES - 1);
    assert_int_equal(copied.failed, 1);
    assert_true(copied.unavailable_median_ns > 0);
    assert_true(copied.unavailable_max_ns >= copied.unavailable_median_ns);
    assert_true(seen.progress >= 2);
    assert_int_equal(seen.last.moved, SEQUENCES - 1);
    assert_int_equal(next_of(stores->to, "s7"), 3);
    assert_int_equal(next_of(stores->from, "s0"), 2);

    options = (pawl_copy_options){.match = "s1*", .in_flight = 4096};
    assert_int_equal(pawl_store_copy(stores->to, stores->from, &options, NULL, NULL), PAWL_OK);
    assert_int_equal(next_of(stores->from, "s11"), 2);
    assert_int_equal(next_of(stores->to, "s2"), 2);
}

static void a_store_is_made_and_looked_at(void **state)
{
    const struct stores *stores = *state;
    struct seen seen = {.items = 0};
    pawl_error error;

    assert_int_equal(pawl_store_check(stores->to, 0, on_item, &seen, &error), PAWL_MISSING);
    assert_int_equal(pawl_store_init(stores->to, 0, &error), PAWL_OK);
    assert_int_equal(pawl_store_init(stores->to, 0, NULL), PAWL_OK);
    assert_int_equal(pawl_store_check(stores->to, 0, on_item, &seen, &error), PAWL_OK);
    assert_true(seen.items >= 4);
    seen = (struct seen){.items = 0};
    assert_int_equal(pawl_store_check("memory:", 0, on_item, &seen, NULL), PAWL_OK);
    assert_int_equal(seen.breaks, 1);
}

static void what_cannot_be_meant_is_refused(void **state)
{
    const struct stores *stores = *state;
    const pawl_copy_options many = {.in_flight = 5000};
    struct seen seen;
    pawl_copied copied;
    pawl_error error;

    assert_int_equal(pawl_store_init(NULL, 0, &error), PAWL_BAD_REQUEST);
    assert_int_equal(pawl_store_init("redis:", 0, &error), PAWL_BAD_REQUEST);
    assert_int_equal(pawl_store_check(stores->to, 0, NULL, &seen, &error), PAWL_BAD_REQUEST);
    assert_int_equal(pawl_store_copy(NULL, stores->to, NULL, &copied, &error), PAWL_BAD_REQUEST);
    assert_int_equal(pawl_store_copy(stores->from, NULL, NULL, NULL, NULL), PAWL_BAD_REQUEST);
    assert_int_equal(pawl_store_copy(stores->from, stores->to, &many, &copied, &error),
                     PAWL_BAD_REQUEST);
    assert_int_equal(pawl_store_copy(stores->from, "memory:", NULL, &copied, &error),
                     PAWL_BAD_REQUEST);
    assert_int_equal(pawl_store_copy("pawl://a", stores->to, NULL, &copied, &error),
                     PAWL_BAD_REQUEST);
    assert_int_equal(pawl_store_copy(stores->from, stores->to, NULL, &copied, &error),
                     PAWL_MISSING);
    assert_int_equal(copied.total, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_counts_and_tells, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_is_made_and_looked_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_meant_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("care", tests, NULL, NULL);
}
