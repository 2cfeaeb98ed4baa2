/* SPDX-License-Identifier: Apache-2.0 */
/* The gap ledger's file: what was saved is there for the next process, however the last one ended.
 */
#include "store/ledger_file.h"

#include "pawl/pawl.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char folder[64];
    char path[96];
};

static int setup(void **state)
{
    static struct place place;

    (void)snprintf(place.folder, sizeof place.folder, "/tmp/pawl-ledger-XXXXXX");
    assert_non_null(mkdtemp(place.folder));
    (void)snprintf(place.path, sizeof place.path, "%s/gaps", place.folder);
    *state = &place;
    return 0;
}

static int teardown(void **state)
{
    const struct place *place = *state;

    (void)unlink(place->path);
    return rmdir(place->folder);
}

static struct pawl_archive *open_at(const struct place *place, int64_t *since)
{
    struct pawl_archive *archive = NULL;
    pawl_error error = {.code = PAWL_OK};

    assert_int_equal(pawl_ledger_file_open(place->path, since, &archive, &error), PAWL_OK);
    return archive;
}

static struct pawl_books books_with(uint64_t number)
{
    struct pawl_books books = {.asked = number, .after = -(int64_t)number, .top = INT64_MIN};

    for (size_t i = 0; i < PAWL_FLOW_COUNT; i++) {
        books.flows[i] = number + i;
    }
    for (size_t i = 0; i < PAWL_CAUSE_COUNT; i++) {
        books.burned[i] = number * (i + 1);
    }
    books.bounded = number % 2 == 0;
    books.crash_bounded = number % 3 == 0;
    books.crash_after = INT64_MAX;
    books.crash_top = (int64_t)number;
    books.steps_back = number * 3;
    books.step_back_ids = UINT64_MAX - number;
    return books;
}

static struct pawl_bytes name_of(uint64_t number, char text[256])
{
    int size = snprintf(text, 256, "sequence %d", (int)number);

    return (struct pawl_bytes){text, (size_t)size};
}

static void assert_has(struct pawl_archive *archive, struct pawl_bytes name, uint64_t number)
{
    struct pawl_books want = books_with(number);
    struct pawl_books got = {.bounded = false};

    assert_true(archive->load(archive, name, &got));
    assert_memory_equal(got.flows, want.flows, sizeof want.flows);
    assert_memory_equal(got.burned, want.burned, sizeof want.burned);
    assert_int_equal(got.asked, want.asked);
    assert_int_equal(got.bounded, want.bounded);
    assert_int_equal(got.after, want.after);
    assert_int_equal(got.top, want.top);
    assert_int_equal(got.crash_bounded, want.crash_bounded);
    assert_int_equal(got.crash_after, want.crash_after);
    assert_int_equal(got.crash_top, want.crash_top);
    assert_int_equal(got.steps_back, want.steps_back);
    assert_int_equal(got.step_back_ids, want.step_back_ids);
}

static void save(struct pawl_archive *archive, struct pawl_bytes name, uint64_t number)
{
    struct pawl_books books = books_with(number);

    archive->save(archive, name, &books);
}

enum { MANY = 3000 };

static void the_next_process_finds_what_was_saved(void **state)
{
    char text[256];
    char longest[PAWL_NAME_BYTES_MAX];
    int64_t since = 1700000000;
    struct pawl_archive *archive = open_at(*state, &since);
    struct pawl_bytes long_name = {longest, sizeof longest};

    memset(longest, 'x', sizeof longest);
    save(archive, long_name, 5);
    for (uint64_t i = 0; i < MANY; i++) {
        save(archive, name_of(i, text), i);
    }
    save(archive, name_of(7, text), 70); /* in its place */
    pawl_ledger_file_close(archive);
    since = 1800000000;
    archive = open_at(*state, &since);
    assert_int_equal(since, 1700000000); /* when it was begun */
    for (uint64_t i = 0; i < MANY; i++) {
        assert_has(archive, name_of(i, text), i == 7 ? 70 : i);
    }
    assert_has(archive, long_name, 5);
    struct pawl_books books;
    assert_false(archive->load(archive, PAWL_BYTES("another"), &books));
    pawl_ledger_file_close(archive);
}

static void a_process_that_is_killed_leaves_what_it_saved(void **state)
{
    pid_t child = fork();
    int status = 0;
    int64_t since = 3;

    assert_true(child >= 0);
    if (child == 0) {
        struct pawl_archive *archive = open_at(*state, &since);

        save(archive, PAWL_BYTES("s"), 9);
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct pawl_archive *archive = open_at(*state, &since);
    assert_has(archive, PAWL_BYTES("s"), 9);
    pawl_ledger_file_close(archive);
}

/* As a power cut may leave it. */
static void damage_costs_what_is_damaged(void **state)
{
    const struct place *place = *state;
    int64_t since = 3;
    struct pawl_archive *archive = open_at(place, &since);
    struct pawl_books books;

    save(archive, PAWL_BYTES("a"), 1);
    save(archive, PAWL_BYTES("b"), 2);
    save(archive, PAWL_BYTES("c"), 3);
    pawl_ledger_file_close(archive);
    int fd = open(place->path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "?", 1, 2 * PAWL_LEDGER_SLOT_BYTES + 17), 1);
    assert_int_equal(ftruncate(fd, 4 * PAWL_LEDGER_SLOT_BYTES - 100), 0);
    (void)close(fd);
    archive = open_at(place, &since);
    assert_has(archive, PAWL_BYTES("a"), 1);
    assert_false(archive->load(archive, PAWL_BYTES("b"), &books));
    assert_false(archive->load(archive, PAWL_BYTES("c"), &books));
    save(archive, PAWL_BYTES("c"), 4);
    assert_has(archive, PAWL_BYTES("c"), 4);
    pawl_ledger_file_close(archive);
    archive = open_at(place, &since);
    assert_has(archive, PAWL_BYTES("c"), 4);
    assert_has(archive, PAWL_BYTES("a"), 1);
    pawl_ledger_file_close(archive);
}

static void what_is_no_ledger_is_left_alone(void **state)
{
    const struct place *place = *state;
    struct pawl_archive *archive = NULL;
    pawl_error error;
    int64_t since = 3;
    char bytes[32] = {0};
    int fd = open(place->path, O_RDWR | O_CREAT, 0600);

    assert_int_equal(write(fd, "somebody's own words, no ledger", 31), 31);
    assert_int_equal(pawl_ledger_file_open(place->path, &since, &archive, &error), PAWL_STORE);
    assert_non_null(strstr(error.text, "move it away"));
    assert_int_equal(pread(fd, bytes, 31, 0), 31);
    assert_string_equal(bytes, "somebody's own words, no ledger");
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_next_process_finds_what_was_saved, setup, teardown),
        cmocka_unit_test_setup_teardown(a_process_that_is_killed_leaves_what_it_saved, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(damage_costs_what_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_ledger_is_left_alone, setup, teardown),
    };

    return cmocka_run_group_tests_name("ledger_file", tests, NULL, NULL);
}
