/* SPDX-License-Identifier: Apache-2.0 */
/* The gap ledger's file: what was saved is there for the next process, however the last one ended.
 */
#include "store/ledger_file.h"

#include "base/log.h"
#include "pawl/pawl.h"

#include <fcntl.h>
#include <glob.h>
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
    books.stopped = number % 5 == 0;
    books.stops = number * 7;
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
    assert_int_equal(got.stopped, want.stopped);
    assert_int_equal(got.stops, want.stops);
    assert_int_equal(got.step_back_ids, want.step_back_ids);
}

static void save(struct pawl_archive *archive, struct pawl_bytes name, uint64_t number)
{
    struct pawl_books books = books_with(number);
    uint32_t place = 0;

    archive->save(archive, name, &books, &place);
    assert_int_not_equal(place, 0);
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

static void what_was_saved_is_saved_again_where_it_is(void **state)
{
    int64_t since = 3;
    struct pawl_archive *archive = open_at(*state, &since);
    struct pawl_books books = books_with(2);
    uint32_t place = 0;

    save(archive, PAWL_BYTES("a"), 1);
    archive->save(archive, PAWL_BYTES("b"), &books, &place);
    uint32_t first = place;

    books = books_with(3);
    archive->save(archive, PAWL_BYTES("b"), &books, &place);
    assert_int_equal(place, first);
    assert_has(archive, PAWL_BYTES("a"), 1);
    assert_has(archive, PAWL_BYTES("b"), 3);
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

/* Of it only the time is needed, and that is of what is told less. */
static void a_first_page_that_is_damaged_costs_no_other(void **state)
{
    const struct place *place = *state;
    int64_t since = 3;
    struct pawl_archive *archive = open_at(place, &since);
    struct pawl_books books;

    save(archive, PAWL_BYTES("a"), 1);
    save(archive, PAWL_BYTES("b"), 2);
    pawl_ledger_file_close(archive);
    int fd = open(place->path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "?", 1, 100), 1);
    since = 9;
    archive = open_at(place, &since);
    assert_int_equal(since, 9);
    assert_has(archive, PAWL_BYTES("a"), 1);
    assert_has(archive, PAWL_BYTES("b"), 2);
    save(archive, PAWL_BYTES("c"), 3);
    pawl_ledger_file_close(archive);
    since = 11;
    archive = open_at(place, &since);
    assert_int_equal(since, 9);
    assert_has(archive, PAWL_BYTES("b"), 2);
    assert_has(archive, PAWL_BYTES("c"), 3);
    pawl_ledger_file_close(archive);
    assert_int_equal(ftruncate(fd, 100), 0); /* cut as it was begun */
    (void)close(fd);
    archive = open_at(place, &since);
    assert_false(archive->load(archive, PAWL_BYTES("a"), &books));
    save(archive, PAWL_BYTES("a"), 4);
    assert_has(archive, PAWL_BYTES("a"), 4);
    pawl_ledger_file_close(archive);
}

enum { SO_MANY = 5000, INDEX_BYTES_MAX = 1 << 20 }; /* so that the index is kept */

static void index_path(const struct place *place, char path[128])
{
    (void)snprintf(path, 128, "%s.index", place->path);
}

static size_t read_index(const struct place *place, char *bytes)
{
    char path[128];

    index_path(place, path);
    int fd = open(path, O_RDONLY);
    if (fd < 0) return 0;
    ssize_t size = read(fd, bytes, INDEX_BYTES_MAX);

    (void)close(fd);
    assert_true(size > 0 && size < INDEX_BYTES_MAX);
    return (size_t)size;
}

static void write_index(const struct place *place, const char *bytes, size_t size)
{
    char path[128];

    index_path(place, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, size), size);
    (void)close(fd);
}

static void assert_has_all(struct pawl_archive *archive, uint64_t count)
{
    char text[256];
    struct pawl_books books;

    for (uint64_t i = 0; i < count; i++) {
        assert_has(archive, name_of(i, text), i);
    }
    assert_false(archive->load(archive, PAWL_BYTES("another"), &books));
}

/* Saves so many, and ends cleanly. */
static void fill(const struct place *place)
{
    int64_t since = 3;
    struct pawl_archive *archive = open_at(place, &since);
    char text[256];

    for (uint64_t i = 0; i < SO_MANY; i++) {
        save(archive, name_of(i, text), i);
    }
    pawl_ledger_file_close(archive);
}

static void a_clean_end_leaves_the_index_for_one_start(void **state)
{
    static char bytes[INDEX_BYTES_MAX];
    int64_t since = 9;
    char text[256];

    fill(*state);
    assert_true(read_index(*state, bytes) > SO_MANY);
    struct pawl_archive *archive = open_at(*state, &since);

    assert_int_equal(since, 3);
    assert_int_equal(read_index(*state, bytes), 0);
    assert_has_all(archive, SO_MANY);
    save(archive, name_of(SO_MANY, text), SO_MANY); /* behind all others */
    assert_has_all(archive, SO_MANY + 1);
    pawl_ledger_file_close(archive);
    archive = open_at(*state, &since);
    assert_has_all(archive, SO_MANY + 1);
    pawl_ledger_file_close(archive);
    index_path(*state, text);
    (void)unlink(text);
}

/* It would hide what the ledger has, so that its books were begun again. */
static void an_index_of_another_ledger_is_not_used(void **state)
{
    static char bytes[INDEX_BYTES_MAX];
    static char now[INDEX_BYTES_MAX];
    int64_t since = 9;
    char text[256];

    fill(*state);
    size_t size = read_index(*state, bytes);
    struct pawl_archive *archive = open_at(*state, &since);

    save(archive, name_of(SO_MANY, text), SO_MANY);
    write_index(*state, bytes, size); /* that it was taken away is not yet on disk, say */
    struct pawl_archive *other = open_at(*state, &since);

    assert_has_all(other, SO_MANY + 1);
    pawl_ledger_file_close(other);
    pawl_ledger_file_close(archive);
    size = read_index(*state, now);
    for (size_t at = 8; at < size; at += size / 20) {
        memcpy(bytes, now, size);
        bytes[at] ^= 1;
        write_index(*state, bytes, size);
        archive = open_at(*state, &since);
        assert_has_all(archive, SO_MANY + 1);
        pawl_ledger_file_close(archive);
    }
    write_index(*state, now, size / 2);
    archive = open_at(*state, &since);
    assert_has_all(archive, SO_MANY + 1);
    pawl_ledger_file_close(archive);
    index_path(*state, text);
    (void)unlink(text);
}

/* The one file that was set aside; its bytes are as they were. */
static void assert_set_aside(const struct place *place, const char *bytes, size_t size)
{
    char pattern[128];
    char got[4096 + 1];
    glob_t found;

    (void)snprintf(pattern, sizeof pattern, "%s.damaged-*", place->path);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    int fd = open(found.gl_pathv[0], O_RDONLY);

    assert_int_equal(read(fd, got, sizeof got), (ssize_t)size);
    assert_memory_equal(got, bytes, size);
    (void)close(fd);
    assert_int_equal(unlink(found.gl_pathv[0]), 0);
    globfree(&found);
}

static void fill_with(const struct place *place, const char *bytes, size_t size)
{
    int fd = open(place->path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    (void)close(fd);
}

static struct pawl_ledger_glance glance_of(const struct place *place)
{
    struct pawl_ledger_glance glance;
    pawl_error error;

    assert_int_equal(pawl_ledger_file_glance(place->path, &glance, &error), PAWL_OK);
    return glance;
}

static void what_is_no_ledger_is_set_aside(void **state)
{
    static const size_t sizes[] = {1, 15, 16, 31, 511, 512, 513, 1024, 4096};
    const struct place *place = *state;
    uint64_t random = 77;

    for (size_t i = 0; i < PAWL_COUNT(sizes); i++) {
        char bytes[4096] = {0}; /* zeros: a power cut's */
        int64_t since = 3;

        for (size_t at = 0; i % 2 == 0 && at < sizes[i]; at++) {
            bytes[at] = (char)pawl_random(&random);
        }
        if (bytes[0] == 'p') bytes[0] = '?';
        fill_with(place, bytes, sizes[i]);
        assert_non_null(glance_of(place).trouble);
        struct pawl_archive *archive = open_at(place, &since);

        assert_int_equal(since, 3);
        save(archive, PAWL_BYTES("a"), 1);
        assert_has(archive, PAWL_BYTES("a"), 1);
        pawl_ledger_file_close(archive);
        assert_set_aside(place, bytes, sizes[i]);
        assert_null(glance_of(place).trouble);
        assert_int_equal(glance_of(place).sequences, 1);
        assert_int_equal(unlink(place->path), 0);
    }
}

static void keep_line(enum pawl_log_level level, const char *line, void *arg)
{
    (void)level;
    (void)snprintf(arg, 600, "%s%s", strstr(line, "damaged entries") != NULL ? "! " : "", line);
}

/* Behind a first page that is whole anything may stand: it is told in one line. */
static void entries_of_anything_are_told_together(void **state)
{
    const struct place *place = *state;
    struct pawl_books books;
    char bytes[9 * PAWL_LEDGER_SLOT_BYTES];
    char line[600] = "";
    uint64_t random = 5;
    int64_t since = 3;
    struct pawl_archive *archive = open_at(place, &since);

    save(archive, PAWL_BYTES("a"), 1);
    pawl_ledger_file_close(archive);
    for (size_t at = 0; at < sizeof bytes; at++) {
        bytes[at] = (char)pawl_random(&random);
    }
    int fd = open(place->path, O_RDWR | O_APPEND);

    assert_int_equal(write(fd, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    (void)close(fd);
    struct pawl_ledger_glance glance = glance_of(place);

    assert_true(glance.begun);
    assert_null(glance.trouble);
    assert_int_equal(glance.sequences, 1);
    assert_int_equal(glance.damaged, 9);
    pawl_log_set(PAWL_LOG_WARN, keep_line, line);
    archive = open_at(place, &since);
    pawl_log_set(PAWL_LOG_OFF, NULL, NULL);
    assert_non_null(strstr(line, "! "));
    assert_non_null(strstr(line, "entries=9 of=10"));
    assert_has(archive, PAWL_BYTES("a"), 1);
    assert_false(archive->load(archive, PAWL_BYTES("b"), &books));
    pawl_ledger_file_close(archive);
}

static void a_glance_at_no_ledger_makes_none(void **state)
{
    const struct place *place = *state;
    struct pawl_ledger_glance glance = glance_of(place);
    int64_t since = 3;

    assert_false(glance.begun);
    assert_int_equal(access(place->path, F_OK), -1);
    pawl_ledger_file_close(open_at(place, &since));
    assert_true(glance_of(place).begun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_next_process_finds_what_was_saved, setup, teardown),
        cmocka_unit_test_setup_teardown(a_process_that_is_killed_leaves_what_it_saved, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_saved_is_saved_again_where_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_costs_what_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(a_first_page_that_is_damaged_costs_no_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_clean_end_leaves_the_index_for_one_start, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_index_of_another_ledger_is_not_used, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_ledger_is_set_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(entries_of_anything_are_told_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_glance_at_no_ledger_makes_none, setup, teardown),
    };

    return cmocka_run_group_tests_name("ledger_file", tests, NULL, NULL);
}
