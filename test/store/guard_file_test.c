/* SPDX-License-Identifier: Apache-2.0 */
/* A guard's book on disk: what it keeps through kills, cuts, full disks and damage. */
#include "disk.h"
#include "store/guard_env.h"
#include "store/guard_file.h"
#include "store/guard_text.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 20000, BATCH = 100 };

static const char *url;

static int guard_begin(void **state)
{
    url = "redis://me:secret@host:6379/0?prefix=x";
    return folder_begin(state);
}

static struct pawl_identity store_named(const char *name)
{
    struct pawl_identity store = {.name_size = (uint8_t)strlen(name)};

    memcpy(store.name, name, store.name_size);
    return store;
}

static pawl_err try_open(const char *name, const char *accept, struct pawl_book **book,
                         struct pawl_book_head *head, pawl_error *error)
{
    const struct pawl_guard_place place = {
        .folder = folder,
        .url = url,
        .accept = accept,
        .how = "--accept-store",
        .own = true,
    };
    struct pawl_identity store = store_named(name);
    pawl_err err = pawl_guard_file_open(&place, book, error);

    if (err != PAWL_OK) return err;
    err = (*book)->ops->open(*book, &store, head, error);
    if (err != PAWL_OK) (*book)->ops->close(*book);
    return err;
}

static struct pawl_book *open_book(struct pawl_book_head *head)
{
    struct pawl_book *book = NULL;
    struct pawl_book_head unused;
    pawl_error error = {.code = PAWL_OK};

    if (try_open("store", NULL, &book, head == NULL ? &unused : head, &error) != PAWL_OK) {
        fail_msg("%s", error.text);
    }
    return book;
}

static void close_book(struct pawl_book *book)
{
    book->ops->close(book);
}

static struct pawl_seen seen_at(int64_t id)
{
    return (struct pawl_seen){.mark = {7, 2, id}, .first = {7, 0, 1}, .blind = id % 2 == 0};
}

static pawl_err put(struct pawl_book *book, const char *name, struct pawl_seen seen)
{
    const struct pawl_sight sight = {{name, strlen(name)}, seen};
    const struct pawl_entries entries = {.sights = &sight, .count = 1};
    pawl_error error;

    return book->ops->put(book, &entries, &error);
}

static int64_t id_of(struct pawl_book *book, const char *name)
{
    struct pawl_seen seen;
    pawl_error error = {.code = PAWL_OK};

    if (book->ops->get(book, (struct pawl_bytes){name, strlen(name)}, &seen, &error) != PAWL_OK) {
        fail_msg("%s", error.text);
    }
    return seen.mark.line == 0 ? -1 : seen.mark.id;
}

static void path_of(char path[PATH_MAX], const char *name)
{
    (void)snprintf(path, PATH_MAX, "%s/guard-store/%s", folder, name);
}

static void remembers_across_processes_that_end_well(void **state)
{
    struct pawl_book_head head;
    struct pawl_book *book = open_book(&head);
    struct pawl_seen seen;
    pawl_error error;

    (void)state;
    assert_true(head.fresh);
    assert_int_equal(id_of(book, "a"), -1);
    assert_int_equal(put(book, "a", seen_at(5)), PAWL_OK);
    assert_int_equal(put(book, "b", seen_at(6)), PAWL_OK);
    assert_int_equal(put(book, "a", seen_at(4)), PAWL_OK); /* it can fall: a give-back */
    assert_int_equal(book->ops->count(book), 2);
    close_book(book);
    book = open_book(&head);
    assert_false(head.fresh);
    assert_int_equal(id_of(book, "a"), 4);
    assert_int_equal(book->ops->get(book, PAWL_BYTES("b"), &seen, &error), PAWL_OK);
    assert_true(seen.blind && seen.mark.line == 7 && seen.mark.lap == 2 && seen.first.id == 1);
    assert_int_equal(book->ops->count(book), 2);
    close_book(book);
}

static void run_child(void (*act)(void))
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        act();
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void write_and_die(void)
{
    struct pawl_book *book = open_book(NULL);
    const struct pawl_book_head head = {.branch = {.size = 2, .at = "br"}, .position = 77};
    const struct pawl_entries entries = {.head = &head};
    pawl_error error;

    if (put(book, "a", seen_at(9)) != PAWL_OK) _exit(1);
    if (book->ops->put(book, &entries, &error) != PAWL_OK) _exit(1);
}

static void remembers_what_a_killed_process_wrote(void **state)
{
    struct pawl_book_head head;

    (void)state;
    run_child(write_and_die);
    struct pawl_book *book = open_book(&head);

    assert_int_equal(id_of(book, "a"), 9);
    assert_int_equal(head.position, 77);
    assert_memory_equal(head.branch.at, "br", 2);
    close_book(book);
}

static void write_twice_and_die(void)
{
    struct pawl_book *book = open_book(NULL);

    if (put(book, "a", seen_at(1)) != PAWL_OK) _exit(1);
    if (put(book, "a", seen_at(3)) != PAWL_OK) _exit(1);
}

/* Wherever the last write was cut, what came before it counts. */
static void a_journal_cut_anywhere_is_read_up_to_there(void **state)
{
    char path[PATH_MAX];
    struct stat about;

    (void)state;
    path_of(path, "journal");
    close_book(open_book(NULL));
    run_child(write_twice_and_die);
    assert_int_equal(stat(path, &about), 0);
    off_t whole = about.st_size;

    assert_int_equal(whole % 2, 0);
    for (off_t size = whole / 2; size < whole; size += 7) {
        run_child(write_twice_and_die);
        assert_int_equal(truncate(path, size), 0);
        struct pawl_book *book = open_book(NULL);

        assert_int_equal(id_of(book, "a"), 1);
        assert_int_equal(put(book, "b", seen_at(2)), PAWL_OK);
        close_book(book);
    }
}

static void damage(const char *name, long at, const char *bytes, size_t size)
{
    char path[PATH_MAX];

    path_of(path, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, at), size);
    (void)close(fd);
}

static void write_thrice_and_die(void)
{
    struct pawl_book *book = open_book(NULL);

    if (put(book, "a", seen_at(1)) != PAWL_OK) _exit(1);
    if (put(book, "b", seen_at(2)) != PAWL_OK) _exit(1);
    if (put(book, "c", seen_at(3)) != PAWL_OK) _exit(1);
}

static void frames_behind_a_harmed_one_count(void **state)
{
    char path[PATH_MAX];
    struct stat about;

    (void)state;
    run_child(write_thrice_and_die);
    path_of(path, "journal");
    assert_int_equal(stat(path, &about), 0);
    damage("journal", about.st_size / 2, "\xff\xff", 2);
    struct pawl_book *book = open_book(NULL);

    assert_int_equal(id_of(book, "a"), 1);
    assert_int_equal(id_of(book, "b"), -1);
    assert_int_equal(id_of(book, "c"), 3);
    close_book(book);
}

static void a_full_journal_goes_into_the_environment(void **state)
{
    char name[32];
    struct pawl_book *book = open_book(NULL);

    (void)state;
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "sequence %d", i);
        assert_int_equal(put(book, name, seen_at(i)), PAWL_OK);
    }
    assert_int_equal(book->ops->count(book), MANY);
    char path[PATH_MAX];
    struct stat about;

    path_of(path, "journal");
    assert_int_equal(stat(path, &about), 0);
    assert_true(about.st_size < 2100 << 10);
    close_book(book);
    book = open_book(NULL);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "sequence %d", i);
        assert_int_equal(id_of(book, name), i);
    }
    close_book(book);
}

static size_t set_aside(void)
{
    char pattern[PATH_MAX];
    glob_t found;

    (void)snprintf(pattern, sizeof pattern, "%s/guard-store.damaged-*", folder);
    size_t count = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;

    if (count > 0) globfree(&found);
    return count;
}

static void what_is_damaged_is_set_aside(void **state)
{
    static const char zeros[8192];
    struct pawl_book_head head;
    struct pawl_book *book = open_book(NULL);
    char path[PATH_MAX];

    (void)state;
    assert_int_equal(put(book, "a", seen_at(5)), PAWL_OK);
    close_book(book);
    damage("data.mdb", 0, zeros, sizeof zeros);
    book = open_book(&head);
    assert_true(head.fresh);
    assert_int_equal(set_aside(), 1);
    assert_int_equal(put(book, "a", seen_at(6)), PAWL_OK);
    close_book(book);

    path_of(path, "data.mdb");
    assert_int_equal(truncate(path, 3 * 4096), 0);
    book = open_book(&head);
    assert_true(head.fresh);
    assert_int_equal(set_aside(), 2);
    close_book(book);
}

static void an_entry_that_is_harmed_is_damage(void **state)
{
    struct pawl_book_head head;
    char path[PATH_MAX];
    char bytes[PAWL_SEEN_BYTES];
    struct pawl_seen seen = seen_at(123456789);

    (void)state;
    struct pawl_book *book = open_book(NULL);

    assert_int_equal(put(book, "a", seen), PAWL_OK);
    close_book(book);
    path_of(path, "data.mdb");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char file[64 << 10];
    ssize_t size = pread(fd, file, sizeof file, 0);

    pawl_seen_write(PAWL_BYTES("a"), &seen, bytes);
    int found = 0;

    for (ssize_t at = 0; at + (ssize_t)sizeof bytes <= size; at++) { /* pages of before, too */
        if (memcmp(file + at, bytes, sizeof bytes) != 0) continue;
        assert_int_equal(pwrite(fd, "\xff", 1, at + 20), 1);
        found++;
    }
    assert_true(found > 0);
    (void)close(fd);
    book = open_book(&head);
    assert_true(head.fresh);
    assert_int_equal(set_aside(), 1);
    close_book(book);
}

static void another_store_must_be_accepted(void **state)
{
    struct pawl_book *book = NULL;
    struct pawl_book_head head;
    pawl_error error;

    (void)state;
    book = open_book(NULL);
    assert_int_equal(put(book, "a", seen_at(5)), PAWL_OK);
    close_book(book);
    assert_int_equal(try_open("other/1", NULL, &book, &head, &error), PAWL_DENIED);
    assert_non_null(strstr(error.text, "--accept-store other/1"));
    assert_non_null(strstr(error.text, "redis://host:6379/0 "));
    assert_null(strstr(error.text, "secret"));
    assert_int_equal(try_open("other/1", "another", &book, &head, &error), PAWL_DENIED);
    assert_int_equal(try_open("other/1", "other/1", &book, &head, &error), PAWL_OK);
    assert_true(head.fresh);
    assert_int_equal(id_of(book, "a"), 5); /* as of the store before */
    assert_int_equal(put(book, "b", seen_at(9)), PAWL_OK);
    close_book(book);
    assert_int_equal(try_open("other/1", "other/1", &book, &head, &error), PAWL_OK);
    assert_int_equal(put(book, "a", seen_at(2)), PAWL_OK);
    close_book(book);
    assert_int_equal(try_open("store", NULL, &book, &head, &error), PAWL_DENIED);
    assert_int_equal(try_open("store", "store", &book, &head, &error), PAWL_OK);
    assert_int_equal(id_of(book, "a"), 5); /* what is known of it is known still */
    close_book(book);
}

static struct pawl_book *open_named(const char *name, struct pawl_book_head *head)
{
    struct pawl_book *book = NULL;
    pawl_error error = {.code = PAWL_OK};

    if (try_open(name, NULL, &book, head, &error) != PAWL_OK) fail_msg("%s", error.text);
    return book;
}

/* Each by its URL; who asks, and how, says nothing of that. */
static void stores_without_a_name_have_books_of_their_own(void **state)
{
    struct pawl_book_head head;
    struct pawl_book *book = open_named("", &head);

    (void)state;
    assert_int_equal(put(book, "a", seen_at(5)), PAWL_OK);
    close_book(book);
    url = "redis://me:secret@other:6379/0";
    book = open_named("", &head);
    assert_true(head.fresh);
    assert_int_equal(id_of(book, "a"), -1);
    assert_int_equal(put(book, "a", seen_at(6)), PAWL_OK);
    close_book(book);
    url = "redis://you:another@host:6379/0";
    book = open_named("", &head);
    assert_false(head.fresh);
    assert_int_equal(id_of(book, "a"), 5);
    close_book(book);
    book = open_named("told", &head); /* by and by */
    assert_false(head.fresh);
    assert_int_equal(id_of(book, "a"), 5);
    close_book(book);
}

/* It was used by its name under another URL before, and without it under this one since. */
static void a_store_known_twice_is_known_once_it_tells_its_name(void **state)
{
    struct pawl_book_head head;
    struct pawl_book *book = open_named("store", &head);

    (void)state;
    assert_int_equal(put(book, "a", seen_at(5)), PAWL_OK);
    assert_int_equal(put(book, "b", seen_at(9)), PAWL_OK);
    close_book(book);
    url = "redis://me:secret@other:6379/0";
    book = open_named("", &head);
    assert_true(head.fresh);
    assert_int_equal(put(book, "a", seen_at(7)), PAWL_OK);
    assert_int_equal(put(book, "b", seen_at(8)), PAWL_OK);
    assert_int_equal(put(book, "c", seen_at(3)), PAWL_OK);
    close_book(book);
    book = open_named("store", &head);
    assert_false(head.fresh);
    assert_int_equal(id_of(book, "a"), 7);
    assert_int_equal(id_of(book, "b"), 9);
    assert_int_equal(id_of(book, "c"), 3);
    assert_int_equal(put(book, "a", seen_at(2)), PAWL_OK); /* a give-back, and its end */
    close_book(book);
    book = open_named("store", &head);
    assert_int_equal(id_of(book, "a"), 2);
    close_book(book);
}

/* Within one process: nameless at first, then with a name, then hidden again. */
static void a_name_that_comes_and_goes_loses_nothing(void **state)
{
    const struct pawl_identity nameless = {.name_size = 0};
    const struct pawl_identity named = store_named("store");
    struct pawl_book_head head;
    struct pawl_book *book = open_named("", &head);
    pawl_error error;

    (void)state;
    assert_int_equal(put(book, "a", seen_at(5)), PAWL_OK);
    assert_int_equal(book->ops->open(book, &named, &head, &error), PAWL_OK);
    assert_int_equal(id_of(book, "a"), 5);
    assert_int_equal(put(book, "a", seen_at(6)), PAWL_OK);
    assert_int_equal(book->ops->open(book, &nameless, &head, &error), PAWL_OK);
    assert_int_equal(id_of(book, "a"), 6);
    assert_int_equal(put(book, "a", seen_at(7)), PAWL_OK);
    assert_int_equal(book->ops->open(book, &named, &head, &error), PAWL_OK);
    assert_int_equal(id_of(book, "a"), 7);
    close_book(book);
}

/* Each time it is another one, whose sequences begin again. */
static void a_memory_store_is_another_one_each_time(void **state)
{
    struct pawl_book_head head;

    (void)state;
    url = "memory:";
    for (int life = 0; life < 3; life++) {
        char name[16];

        (void)snprintf(name, sizeof name, "memory-%d", life);
        struct pawl_book *book = open_named(name, &head);

        assert_true(head.fresh);
        assert_int_equal(id_of(book, "a"), -1);
        assert_int_equal(put(book, "a", seen_at(5)), PAWL_OK);
        assert_int_equal(id_of(book, "a"), 5);
        close_book(book);
    }
}

/* A right was taken away: it is the same store. Within a process, and after it. */
static void a_store_that_hides_its_name_keeps_its_book(void **state)
{
    const struct pawl_identity nameless = {.name_size = 0};
    struct pawl_book_head head;
    struct pawl_book *book = open_named("store", &head);
    pawl_error error;

    (void)state;
    assert_int_equal(put(book, "a", seen_at(5)), PAWL_OK);
    assert_int_equal(book->ops->open(book, &nameless, &head, &error), PAWL_OK);
    assert_int_equal(id_of(book, "a"), 5);
    close_book(book);
    book = open_named("", &head);
    assert_false(head.fresh);
    assert_int_equal(id_of(book, "a"), 5);
    assert_int_equal(put(book, "a", seen_at(7)), PAWL_OK);
    close_book(book);
    book = open_named("store", &head);
    assert_int_equal(id_of(book, "a"), 7);
    close_book(book);
}

static void one_process_has_the_folder(void **state)
{
    struct pawl_book *book = open_book(NULL);
    struct pawl_book *second = NULL;
    struct pawl_book_head head;
    pawl_error error;
    char pid[32];

    (void)state;
    (void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_int_equal(try_open("store", NULL, &second, &head, &error), PAWL_STORE);
    assert_non_null(strstr(error.text, pid));
    close_book(book);
}

/* As on a full disk: nothing is lost while the process lives, and nothing once there is room. */
static void what_cannot_be_written_is_written_later(void **state)
{
    struct pawl_book *book = open_book(NULL);
    struct rlimit limit;
    struct rlimit none = {.rlim_cur = 0};

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    none.rlim_max = limit.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(put(book, "a", seen_at(1)), PAWL_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    pawl_err err = put(book, "a", seen_at(3));

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(err, PAWL_STORE);
    assert_int_equal(id_of(book, "a"), 3);
    (void)usleep(1100000); /* it is not tried again before */
    assert_int_equal(put(book, "b", seen_at(5)), PAWL_OK);
    close_book(book);
    book = open_book(NULL);
    assert_int_equal(id_of(book, "a"), 3);
    assert_int_equal(id_of(book, "b"), 5);
    close_book(book);
}

static void what_was_dropped_long_ago_is_forgotten(void **state)
{
    struct pawl_book *book = open_book(NULL);
    struct pawl_seen old = seen_at(5);
    struct pawl_seen again = seen_at(6);

    (void)state;
    old.dropped_s = again.dropped_s = 1000;
    assert_int_equal(put(book, "old", old), PAWL_OK);
    assert_int_equal(put(book, "again", again), PAWL_OK);
    assert_int_equal(put(book, "now", seen_at(7)), PAWL_OK);
    assert_int_equal(put(book, "again", seen_at(8)), PAWL_OK);
    close_book(book);
    book = open_book(NULL);
    assert_int_equal(id_of(book, "old"), -1);
    assert_int_equal(id_of(book, "again"), 8);
    assert_int_equal(id_of(book, "now"), 7);
    assert_int_equal(book->ops->count(book), 2);
    close_book(book);
}

static void a_guard_lies_beside_its_store(void **state)
{
    char lmdb[PATH_MAX];
    struct pawl_book *book = NULL;
    struct pawl_book_head head;
    pawl_error error;

    (void)state;
    (void)snprintf(lmdb, sizeof lmdb, "lmdb:%s", folder);
    url = lmdb;
    assert_int_equal(try_open("store", NULL, &book, &head, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "lies in the store's folder"));
}

int main(void)
{
#define IN_GUARD(test) cmocka_unit_test_setup_teardown(test, guard_begin, folder_end)
    const struct CMUnitTest tests[] = {
        IN_GUARD(remembers_across_processes_that_end_well),
        IN_GUARD(remembers_what_a_killed_process_wrote),
        IN_GUARD(a_journal_cut_anywhere_is_read_up_to_there),
        IN_GUARD(frames_behind_a_harmed_one_count),
        IN_GUARD(a_full_journal_goes_into_the_environment),
        IN_GUARD(what_is_damaged_is_set_aside),
        IN_GUARD(a_guard_lies_beside_its_store),
        IN_GUARD(an_entry_that_is_harmed_is_damage),
        IN_GUARD(another_store_must_be_accepted),
        IN_GUARD(stores_without_a_name_have_books_of_their_own),
        IN_GUARD(a_store_that_hides_its_name_keeps_its_book),
        IN_GUARD(a_store_known_twice_is_known_once_it_tells_its_name),
        IN_GUARD(a_name_that_comes_and_goes_loses_nothing),
        IN_GUARD(a_memory_store_is_another_one_each_time),
        IN_GUARD(one_process_has_the_folder),
        IN_GUARD(what_cannot_be_written_is_written_later),
        IN_GUARD(what_was_dropped_long_ago_is_forgotten),
    };

    return cmocka_run_group_tests_name("guard_file", tests, NULL, NULL);
}
