/* SPDX-License-Identifier: Apache-2.0 */
/* A guard whose files are not those that it wrote, or are gone. */
#include "store/guard_env.h"
#include "store/guard_text.h"
#include "torn.h"

#include <fcntl.h>
#include <inttypes.h>
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

/* Finds every place of what in data.mdb, old pages as well, and lets change do it. */
static void change_all(const char *what, size_t size, const char *to)
{
    char path[PATH_MAX];
    static char bytes[TORN_FILE_BYTES_MAX];
    int found = 0;

    (void)snprintf(path, sizeof path, "%s/guard-store/data.mdb", folder);
    size_t all = torn_read_file(path, bytes);

    for (size_t at = 0; at + size <= all; at++) {
        if (memcmp(bytes + at, what, size) != 0) continue;
        memcpy(bytes + at, to, size);
        found++;
    }
    assert_true(found > 0);
    torn_write_file(path, bytes, all);
}

static void an_entry_does_not_pass_for_anothers(void **state)
{
    struct pawl_book_head head;

    (void)state;
    torn_fill();
    change_all("sequence-17", 11, "sequence-1~");
    struct pawl_book *book = torn_book_open(&head);

    assert_non_null(book);
    assert_true(head.fresh);
    book->ops->close(book);
}

/* The index of what was dropped cannot be read: it is made anew, and nothing is forgotten. */
static void an_index_that_cannot_be_read_is_made_anew(void **state)
{
    static const char key[] = {0, 0, 0, 0, 0x77, 0x35, (char)0x94, 0};
    char was[16], now[16];
    struct pawl_book_head head;
    struct pawl_guard_env env;
    struct pawl_seen seen;
    const char *why = NULL;
    char path[PATH_MAX];

    (void)state;
    torn_fill();
    /* A node of LMDB: the size of its value, flags, the size of its key, and the key. */
    memcpy(was, "\x00\x00\x00\x00\x00\x00\x12\x00", 8);
    memcpy(was + 8, key, 8);
    memcpy(now, was, sizeof was);
    now[6] = 3;
    change_all(was, sizeof was, now);
    struct pawl_book *book = torn_book_open(&head);
    pawl_error error;

    assert_non_null(book);
    assert_false(head.fresh);
    assert_int_equal(book->ops->get(book, PAWL_BYTES("sequence-5"), &seen, &error), PAWL_OK);
    assert_int_equal(seen.mark.id, 1005);
    assert_int_equal(book->ops->count(book), TORN_SEQUENCES);
    assert_int_equal(torn_put(book, PAWL_BYTES("sequence-5"), torn_seen(5)), PAWL_OK);
    book->ops->close(book);
    (void)snprintf(path, sizeof path, "%s/guard-store", folder);
    assert_int_equal(pawl_guard_env_glance(&env, path, &why), 0);
    assert_false(env.worn);
    pawl_guard_env_close(&env);
}

/* A list of free pages that names one in use: LMDB would write to it. */
static void a_list_of_free_pages_that_cannot_be_is_made_anew(void **state)
{
    char path[PATH_MAX];
    static char bytes[TORN_FILE_BYTES_MAX];
    struct pawl_book_head head;
    struct pawl_guard_env env;
    const char *why = NULL;
    int found = 0;

    (void)state;
    torn_fill();
    (void)snprintf(path, sizeof path, "%s/guard-store/data.mdb", folder);
    size_t all = torn_read_file(path, bytes);

    /* A node: the size of its value, flags, the size of its key, and the key; a count, pages. */
    for (size_t at = 0; at + 32 <= all; at += 2) {
        uint64_t number[3];

        memcpy(number, bytes + at + 8, sizeof number);
        if (bytes[at + 6] != 8 || memcmp(bytes + at + 1, "\0\0\0\0\0", 5) != 0) continue;
        if (number[1] == 0 || (unsigned char)bytes[at] != 8 * (1 + number[1])) continue;
        if (number[0] > 100 || number[2] < 2 || number[2] > 100) continue;
        memcpy(bytes + at + 24, &(uint64_t){1}, 8);
        found++;
    }
    assert_true(found > 0);
    torn_write_file(path, bytes, all);
    (void)snprintf(path, sizeof path, "%s/guard-store", folder);
    assert_int_equal(pawl_guard_env_glance(&env, path, &why), 0);
    assert_true(env.worn);
    pawl_guard_env_close(&env);
    struct pawl_book *book = torn_book_open(&head);

    assert_non_null(book);
    assert_false(head.fresh);
    book->ops->close(book);
    assert_int_equal(pawl_guard_env_glance(&env, path, &why), 0);
    assert_false(env.worn);
    pawl_guard_env_close(&env);
}

/* As if the disk had done it: nothing else about the file changes. */
static void change_unseen(const char *what, size_t size, const char *to)
{
    char path[PATH_MAX];
    struct stat about;

    (void)snprintf(path, sizeof path, "%s/guard-store/data.mdb", folder);
    assert_int_equal(stat(path, &about), 0);
    change_all(what, size, to);
    const struct timespec times[2] = {about.st_atim, about.st_mtim};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void harm_entry(int i)
{
    char was[PAWL_SEEN_BYTES];
    char now[PAWL_SEEN_BYTES];
    struct pawl_seen seen = torn_seen(i);
    char text[32];

    pawl_seen_write(torn_name(text, i), &seen, was);
    memcpy(now, was, sizeof was);
    now[20] ^= 1;
    change_unseen(was, sizeof was, now);
}

static struct pawl_mark mark_of(struct pawl_book *book, int i)
{
    struct pawl_seen seen;
    pawl_error error;
    char text[32];

    assert_int_equal(book->ops->get(book, torn_name(text, i), &seen, &error), PAWL_OK);
    return seen.mark;
}

/* Each entry tells by itself that it is whole. */
static void after_a_clean_end_entries_are_looked_at_as_they_are_asked_for(void **state)
{
    struct pawl_book_head head;

    (void)state;
    torn_fill();
    harm_entry(17);
    struct pawl_book *book = torn_book_open(&head);

    assert_non_null(book);
    assert_false(head.fresh);
    assert_int_equal(book->ops->count(book), TORN_SEQUENCES);
    for (int i = 0; i < TORN_SEQUENCES; i++) {
        if (i != 17) assert_int_equal(mark_of(book, i).id, 1000 + i);
    }
    assert_int_equal(book->losses, 0);
    assert_int_equal(mark_of(book, 17).line, 0);
    assert_int_equal(book->losses, 1);
    assert_int_equal(mark_of(book, 18).id, 1018); /* what is held in memory stays */
    book->ops->close(book);
    book = torn_book_open(&head);
    assert_int_equal(mark_of(book, 18).id, 1018);
    book->ops->close(book);
}

/* Damage may hide what is asked for: then all of it is looked at first. */
static void what_is_not_found_after_a_clean_end_is_looked_for(void **state)
{
    struct pawl_book_head head;

    (void)state;
    torn_fill();
    change_unseen("sequence-399", 12, "sequence-39~");
    struct pawl_book *book = torn_book_open(&head);

    assert_false(head.fresh);
    assert_int_equal(mark_of(book, 5).id, 1005);
    assert_int_equal(book->losses, 0);
    assert_int_equal(mark_of(book, 399).line, 0);
    assert_int_equal(book->losses, 1);
    book->ops->close(book);
}

/* Names in the index of what was dropped are changed as well: so the rest may be. */
static void an_index_that_cannot_be_read_has_all_looked_at(void **state)
{
    struct pawl_book_head head;

    (void)state;
    torn_fill();
    change_unseen("sequence-17", 11, "sequence-1~");
    struct pawl_book *book = torn_book_open(&head);

    assert_true(head.fresh);
    book->ops->close(book);
}

/* Whoever found nothing wrong, and ended cleanly, leaves it so once more; nobody else does. */
static void after_any_other_end_all_of_it_is_looked_at(void **state)
{
    struct pawl_book_head head;
    int status = 0;

    (void)state;
    torn_fill();
    struct pawl_book *book = torn_book_open(&head);

    book->ops->close(book);
    pid_t child = fork();

    if (child == 0) {
        book = torn_book_open(&head);
        _exit(book != NULL && !head.fresh ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    harm_entry(17);
    book = torn_book_open(&head);
    assert_non_null(book);
    assert_true(head.fresh);
    book->ops->close(book);
}

/* Another file under its name, or one that was written to, is another one. */
static void what_was_written_to_since_is_looked_at(void **state)
{
    struct pawl_book_head head;

    (void)state;
    torn_fill();
    change_all("sequence-399", 12, "sequence-39~");
    struct pawl_book *book = torn_book_open(&head);

    assert_true(head.fresh);
    book->ops->close(book);
}

static void a_look_says_what_a_start_would_do(void **state)
{
    const uint64_t format[2] = {PAWL_GUARD_FORMAT, ~(uint64_t)PAWL_GUARD_FORMAT};
    const uint64_t newer[2] = {PAWL_GUARD_FORMAT + 1, ~(uint64_t)(PAWL_GUARD_FORMAT + 1)};
    struct pawl_guard_glance seen;
    pawl_error error = {.code = PAWL_OK};

    (void)state;
    torn_fill();
    torn_write_opening("xx");
    assert_int_equal(torn_glance(&seen, &error), PAWL_OK);
    assert_null(seen.trouble);
    assert_int_equal(seen.sequences, TORN_SEQUENCES);
    torn_write_opening("www");
    assert_int_equal(torn_glance(&seen, &error), PAWL_OK);
    assert_non_null(seen.trouble);
    torn_write_opening("");
    change_all((const char *)format, sizeof format, (const char *)newer);
    assert_int_equal(torn_glance(&seen, &error), PAWL_STORE);
    assert_non_null(strstr(error.text, "newer pawl"));
}

static int64_t id_of(struct pawl_book *book, const char *name)
{
    struct pawl_seen seen;
    pawl_error error;

    if (book->ops->get(book, (struct pawl_bytes){name, strlen(name)}, &seen, &error) != PAWL_OK) {
        fail_msg("%s", error.text);
    }
    return seen.mark.line == 0 ? -1 : seen.mark.id;
}

static void lose_in_use(void (*lose)(const char *path))
{
    struct pawl_book_head head;
    struct pawl_book *book = torn_book_open(&head);
    struct rlimit limit;
    struct rlimit none = {.rlim_cur = 0};
    char path[PATH_MAX];

    assert_non_null(book);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    none.rlim_max = limit.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(torn_put(book, PAWL_BYTES("a"), torn_seen(1)), PAWL_OK);
    (void)snprintf(path, sizeof path, "%s/guard-store/data.mdb", folder);
    lose(path);
    /* What cannot be written is tried again after a second, and opened anew where that fails. */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    pawl_err first = torn_put(book, PAWL_BYTES("a"), torn_seen(2));
    (void)usleep(1100000);
    pawl_err second = torn_put(book, PAWL_BYTES("a"), torn_seen(3));

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(first, PAWL_STORE);
    assert_int_equal(second, PAWL_STORE);
    (void)usleep(1100000);
    assert_int_equal(torn_put(book, PAWL_BYTES("b"), torn_seen(4)), PAWL_OK);
    assert_int_equal(book->ops->count(book), 2);
    assert_int_equal(book->losses, 1);
    book->ops->close(book);
    int64_t began_s = head.began_s;

    book = torn_book_open(&head);
    assert_non_null(book);
    assert_true(head.began_s > began_s);
    assert_int_equal(id_of(book, "a"), 1003);
    assert_int_equal(id_of(book, "b"), 1004);
    book->ops->close(book);
}

static void lose_file(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

/* Another file: what LMDB has mapped stays as it is. */
static void harm_file(const char *path)
{
    static char bytes[TORN_FILE_BYTES_MAX];
    size_t size = torn_read_file(path, bytes);

    lose_file(path);
    memset(bytes, 0, size / 2);
    torn_write_file(path, bytes, size);
}

static void what_is_lost_in_use_is_begun_anew(void **state)
{
    (void)state;
    lose_in_use(lose_file);
}

static void what_is_damaged_in_use_is_begun_anew(void **state)
{
    (void)state;
    lose_in_use(harm_file);
}

static void put_and_die(int count)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        struct pawl_book_head head;
        struct pawl_book *book = torn_book_open(&head);
        char text[32];

        for (int i = 0; book != NULL && i < count; i++) {
            (void)torn_put(book, torn_name(text, i), torn_seen(i));
        }
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
}

static void path_of(char path[PATH_MAX], const char *name)
{
    (void)snprintf(path, PATH_MAX, "%s/guard-store/%s", folder, name);
}

/* data.mdb is damaged; the journal is sound, and counts: cut short as well. */
static void a_journal_outlives_its_environment(void **state)
{
    struct pawl_book_head head;
    char path[PATH_MAX];

    (void)state;
    torn_fill(); /* generations later than that of a new one */
    put_and_die(3);
    path_of(path, "data.mdb");
    harm_file(path);
    struct pawl_book *book = torn_book_open(&head);

    assert_non_null(book);
    assert_true(head.fresh);
    assert_int_equal(id_of(book, "sequence-2"), 1002);
    assert_int_equal(id_of(book, "sequence-3"), -1);
    book->ops->close(book);
    book = torn_book_open(&head);
    assert_non_null(book);
    assert_false(head.fresh);
    assert_int_equal(id_of(book, "sequence-2"), 1002);
    book->ops->close(book);
}

/* A process that ended between the new data.mdb and its first commit with the journal's frames. */
static void a_journal_counts_whoever_made_its_environment(void **state)
{
    static char bytes[TORN_FILE_BYTES_MAX];
    struct pawl_book_head head;
    struct pawl_book *book = torn_book_open(&head);
    char path[PATH_MAX];

    (void)state;
    assert_non_null(book);
    path_of(path, "data.mdb");
    size_t size = torn_read_file(path, bytes); /* just made */
    book->ops->close(book);
    torn_fill();
    put_and_die(3);
    torn_write_file(path, bytes, size);
    book = torn_book_open(&head);
    assert_non_null(book);
    assert_int_equal(id_of(book, "sequence-2"), 1002);
    book->ops->close(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(an_entry_does_not_pass_for_anothers),
        IN_FOLDER(an_index_that_cannot_be_read_is_made_anew),
        IN_FOLDER(a_list_of_free_pages_that_cannot_be_is_made_anew),
        IN_FOLDER(after_a_clean_end_entries_are_looked_at_as_they_are_asked_for),
        IN_FOLDER(what_is_not_found_after_a_clean_end_is_looked_for),
        IN_FOLDER(an_index_that_cannot_be_read_has_all_looked_at),
        IN_FOLDER(after_any_other_end_all_of_it_is_looked_at),
        IN_FOLDER(what_was_written_to_since_is_looked_at),
        IN_FOLDER(a_look_says_what_a_start_would_do),
        IN_FOLDER(what_is_lost_in_use_is_begun_anew),
        IN_FOLDER(what_is_damaged_in_use_is_begun_anew),
        IN_FOLDER(a_journal_outlives_its_environment),
        IN_FOLDER(a_journal_counts_whoever_made_its_environment),
    };

    return cmocka_run_group_tests_name("guard_damage", tests, NULL, NULL);
}
