/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guard's data.mdb with pages that nobody wrote. LMDB trusts its pages, so each opening is a
 * process of its own: however it ends, a few of them later there is a guard that can be used.
 *
 * PAWL_SEED  one seed, instead of all
 */
#include "disk.h"
#include "store/guard_env.h"
#include "store/guard_file.h"
#include "store/guard_text.h"

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

enum {
    SEEDS = 60,
    SEQUENCES = 400,
    OPENINGS = 5, /* three may die; the one after them sets it aside */
    OPENING_S = 20,
    PAGE_BYTES = 4096,
    PAGES_TORN_MAX = 4,
    FILE_BYTES_MAX = 1 << 20,
};

static struct pawl_book *book_open(struct pawl_book_head *head)
{
    const struct pawl_guard_place place = {
        .folder = folder, .url = "etcd://host/p", .how = "--accept-store", .own = true};
    const struct pawl_identity store = {.name_size = 5, .name = "store"};
    struct pawl_book *book = NULL;
    pawl_error error;

    if (pawl_guard_file_open(&place, &book, &error) != PAWL_OK) return NULL;
    if (book->ops->open(book, &store, head, &error) == PAWL_OK) return book;
    book->ops->close(book);
    return NULL;
}

static struct pawl_bytes name_of(char text[32], int i)
{
    int size = snprintf(text, 32, "sequence-%d", i);

    return (struct pawl_bytes){text, (size_t)size};
}

static struct pawl_seen seen_of(int i)
{
    return (struct pawl_seen){.mark = {7, 0, 1000 + i}, .dropped_s = i % 5 == 0 ? 2000000000 : 0};
}

static pawl_err put(struct pawl_book *book, struct pawl_bytes name, struct pawl_seen seen)
{
    const struct pawl_sight sight = {name, seen};
    pawl_error error;

    return book->ops->put(book, &(struct pawl_entries){.sights = &sight, .count = 1}, &error);
}

static void fill(void)
{
    struct pawl_book_head head;
    struct pawl_book *book = book_open(&head);
    char text[32];

    assert_non_null(book);
    for (int round = 0; round < 2; round++) { /* the second one leaves free pages */
        for (int i = 0; i < SEQUENCES; i++) {
            assert_int_equal(put(book, name_of(text, i), seen_of(i)), PAWL_OK);
        }
        book->ops->close(book);
        book = book_open(&head);
        assert_non_null(book);
    }
    book->ops->close(book);
}

/* 0: it was opened, holds what it held or nothing, and takes more. */
static int use_it(void)
{
    struct pawl_book_head head;
    struct pawl_book *book = book_open(&head);
    struct pawl_seen seen;
    pawl_error error;
    char text[32];

    if (book == NULL) return 2;
    for (int i = 0; i < SEQUENCES; i++) {
        struct pawl_bytes name = name_of(text, i);

        if (book->ops->get(book, name, &seen, &error) != PAWL_OK) return 3;
        /* What was begun anew has what the journal had. */
        if (head.fresh && seen.mark.line == 0) continue;
        if (seen.mark.id != 1000 + i) return 4;
    }
    for (int i = 0; i < SEQUENCES; i++) {
        if (put(book, name_of(text, i), seen_of(i)) != PAWL_OK) return 5;
    }
    book->ops->close(book);
    return 0;
}

/* In a process of its own. 0: it went well; else how it ended, as waitpid says. */
static int try_it(void)
{
    static const int deaths[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {.rlim_cur = 0};
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

        for (size_t i = 0; i < PAWL_COUNT(deaths); i++) { /* cmocka would go on from there */
            (void)signal(deaths[i], SIG_DFL);
        }
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)dup2(quiet, STDERR_FILENO);
        (void)alarm(OPENING_S);
        _exit(use_it());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static uint64_t draw(uint64_t *dice)
{
    *dice = *dice * 6364136223846793005U + 1442695040888963407U;
    return *dice >> 33;
}

/* Pages of luck, of zeros, of other pages, or with a bit that turned. */
static void tear(int fd, uint64_t *dice)
{
    struct stat about;
    char page[PAGE_BYTES];

    assert_int_equal(fstat(fd, &about), 0);
    uint64_t pages = (uint64_t)about.st_size / PAGE_BYTES;
    off_t at = (off_t)(draw(dice) % pages) * PAGE_BYTES;
    off_t other = (off_t)(draw(dice) % pages) * PAGE_BYTES;
    size_t size = 1 + draw(dice) % PAGE_BYTES;
    uint64_t how = draw(dice) % 4;

    assert_int_equal(pread(fd, page, sizeof page, how == 2 ? other : at), sizeof page);
    for (size_t i = 0; i < size && how < 2; i++) {
        page[i] = how == 0 ? (char)(unsigned char)draw(dice) : 0;
    }
    if (how == 3) page[size % PAGE_BYTES] ^= (char)(1U << draw(dice) % 7);
    assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
}

static void tear_some(const char *path, uint64_t seed)
{
    uint64_t dice = seed * 2654435761U + 1;
    uint64_t count = 1 + draw(&dice) % PAGES_TORN_MAX;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    for (uint64_t i = 0; i < count; i++) {
        tear(fd, &dice);
    }
    (void)close(fd);
}

static size_t read_file(const char *path, char *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, bytes, FILE_BYTES_MAX);

    assert_true(size > 0 && size < FILE_BYTES_MAX);
    (void)close(fd);
    return (size_t)size;
}

static void write_file(const char *path, const char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, bytes, size), size);
    (void)close(fd);
}

/* Returns how many processes it took. */
static int open_until_well(uint64_t seed)
{
    int status = 0;

    for (int opening = 1; opening <= OPENINGS; opening++) {
        status = try_it();
        if (status == 0) return opening;
        /* An entry that reads as another's, or as less, must never pass for what was seen. */
        if (WIFEXITED(status) && WEXITSTATUS(status) == 4) break;
    }
    fail_msg("PAWL_SEED=%" PRIu64 ": wait status %d", seed, status);
    return 0;
}

static void torn_pages_end_in_a_guard_that_works(void **state)
{
    const char *only = getenv("PAWL_SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    uint64_t last = only != NULL ? first : SEEDS;
    char path[PATH_MAX];
    static char whole[FILE_BYTES_MAX];
    int died = 0;

    (void)state;
    fill();
    (void)snprintf(path, sizeof path, "%s/guard-store/data.mdb", folder);
    size_t size = read_file(path, whole);

    for (uint64_t seed = first; seed <= last; seed++) {
        write_file(path, whole, size);
        tear_some(path, seed);
        died += open_until_well(seed) > 1;
    }
    print_message("%" PRIu64 " torn files, %d of which end the process that opens them\n",
                  last - first + 1, died);
}

static void write_opening(const char *bytes)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/guard-store/opening", folder);
    write_file(path, bytes, strlen(bytes));
}

/* Two that were killed say nothing; three say that it is the guard. */
static void what_ends_its_process_again_and_again_is_set_aside(void **state)
{
    struct pawl_book_head head;

    (void)state;
    fill();
    write_opening("xx");
    struct pawl_book *book = book_open(&head);

    assert_non_null(book);
    assert_false(head.fresh);
    book->ops->close(book);
    write_opening("xx"); /* what went well does not count */
    book = book_open(&head);
    assert_false(head.fresh);
    book->ops->close(book);
    write_opening("xxx");
    book = book_open(&head);
    assert_non_null(book);
    assert_true(head.fresh);
    book->ops->close(book);
}

/* Finds every place of what in data.mdb, old pages as well, and lets change do it. */
static void change_all(const char *what, size_t size, const char *to)
{
    char path[PATH_MAX];
    static char bytes[FILE_BYTES_MAX];
    int found = 0;

    (void)snprintf(path, sizeof path, "%s/guard-store/data.mdb", folder);
    size_t all = read_file(path, bytes);

    for (size_t at = 0; at + size <= all; at++) {
        if (memcmp(bytes + at, what, size) != 0) continue;
        memcpy(bytes + at, to, size);
        found++;
    }
    assert_true(found > 0);
    write_file(path, bytes, all);
}

static void an_entry_does_not_pass_for_anothers(void **state)
{
    struct pawl_book_head head;

    (void)state;
    fill();
    change_all("sequence-17", 11, "sequence-1~");
    struct pawl_book *book = book_open(&head);

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
    fill();
    /* A node of LMDB: the size of its value, flags, the size of its key, and the key. */
    memcpy(was, "\x00\x00\x00\x00\x00\x00\x12\x00", 8);
    memcpy(was + 8, key, 8);
    memcpy(now, was, sizeof was);
    now[6] = 3;
    change_all(was, sizeof was, now);
    struct pawl_book *book = book_open(&head);
    pawl_error error;

    assert_non_null(book);
    assert_false(head.fresh);
    assert_int_equal(book->ops->get(book, PAWL_BYTES("sequence-5"), &seen, &error), PAWL_OK);
    assert_int_equal(seen.mark.id, 1005);
    assert_int_equal(book->ops->count(book), SEQUENCES);
    assert_int_equal(put(book, PAWL_BYTES("sequence-5"), seen_of(5)), PAWL_OK);
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
    static char bytes[FILE_BYTES_MAX];
    struct pawl_book_head head;
    struct pawl_guard_env env;
    const char *why = NULL;
    int found = 0;

    (void)state;
    fill();
    (void)snprintf(path, sizeof path, "%s/guard-store/data.mdb", folder);
    size_t all = read_file(path, bytes);

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
    write_file(path, bytes, all);
    (void)snprintf(path, sizeof path, "%s/guard-store", folder);
    assert_int_equal(pawl_guard_env_glance(&env, path, &why), 0);
    assert_true(env.worn);
    pawl_guard_env_close(&env);
    struct pawl_book *book = book_open(&head);

    assert_non_null(book);
    assert_false(head.fresh);
    book->ops->close(book);
    assert_int_equal(pawl_guard_env_glance(&env, path, &why), 0);
    assert_false(env.worn);
    pawl_guard_env_close(&env);
}

static pawl_err glance(struct pawl_guard_glance *seen, pawl_error *error)
{
    const struct pawl_guard_place place = {
        .folder = folder, .url = "etcd://host/p", .how = "--accept-store"};
    const struct pawl_identity store = {.name_size = 5, .name = "store"};

    return pawl_guard_file_glance(&place, &store, seen, error);
}

static void a_look_says_what_a_start_would_do(void **state)
{
    const uint64_t format[2] = {PAWL_GUARD_FORMAT, ~(uint64_t)PAWL_GUARD_FORMAT};
    const uint64_t newer[2] = {PAWL_GUARD_FORMAT + 1, ~(uint64_t)(PAWL_GUARD_FORMAT + 1)};
    struct pawl_guard_glance seen;
    pawl_error error = {.code = PAWL_OK};

    (void)state;
    fill();
    write_opening("xx");
    assert_int_equal(glance(&seen, &error), PAWL_OK);
    assert_null(seen.trouble);
    assert_int_equal(seen.sequences, SEQUENCES);
    write_opening("xxx");
    assert_int_equal(glance(&seen, &error), PAWL_OK);
    assert_non_null(seen.trouble);
    write_opening("");
    change_all((const char *)format, sizeof format, (const char *)newer);
    assert_int_equal(glance(&seen, &error), PAWL_STORE);
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
    struct pawl_book *book = book_open(&head);
    struct rlimit limit;
    struct rlimit none = {.rlim_cur = 0};
    char path[PATH_MAX];

    assert_non_null(book);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    none.rlim_max = limit.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(put(book, PAWL_BYTES("a"), seen_of(1)), PAWL_OK);
    (void)snprintf(path, sizeof path, "%s/guard-store/data.mdb", folder);
    lose(path);
    /* What cannot be written is tried again after a second, and opened anew where that fails. */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    pawl_err first = put(book, PAWL_BYTES("a"), seen_of(2));
    (void)usleep(1100000);
    pawl_err second = put(book, PAWL_BYTES("a"), seen_of(3));

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(first, PAWL_STORE);
    assert_int_equal(second, PAWL_STORE);
    (void)usleep(1100000);
    assert_int_equal(put(book, PAWL_BYTES("b"), seen_of(4)), PAWL_OK);
    assert_int_equal(book->ops->count(book), 2);
    book->ops->close(book);
    book = book_open(&head);
    assert_non_null(book);
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
    static char bytes[FILE_BYTES_MAX];
    size_t size = read_file(path, bytes);

    lose_file(path);
    memset(bytes, 0, size / 2);
    write_file(path, bytes, size);
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
        struct pawl_book *book = book_open(&head);
        char text[32];

        for (int i = 0; book != NULL && i < count; i++) {
            (void)put(book, name_of(text, i), seen_of(i));
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
    fill(); /* generations later than that of a new one */
    put_and_die(3);
    path_of(path, "data.mdb");
    harm_file(path);
    struct pawl_book *book = book_open(&head);

    assert_non_null(book);
    assert_true(head.fresh);
    assert_int_equal(id_of(book, "sequence-2"), 1002);
    assert_int_equal(id_of(book, "sequence-3"), -1);
    book->ops->close(book);
    book = book_open(&head);
    assert_non_null(book);
    assert_false(head.fresh);
    assert_int_equal(id_of(book, "sequence-2"), 1002);
    book->ops->close(book);
}

/* A process that ended between the new data.mdb and its first commit with the journal's frames. */
static void a_journal_counts_whoever_made_its_environment(void **state)
{
    static char bytes[FILE_BYTES_MAX];
    struct pawl_book_head head;
    struct pawl_book *book = book_open(&head);
    char path[PATH_MAX];

    (void)state;
    assert_non_null(book);
    path_of(path, "data.mdb");
    size_t size = read_file(path, bytes); /* just made */
    book->ops->close(book);
    fill();
    put_and_die(3);
    write_file(path, bytes, size);
    book = book_open(&head);
    assert_non_null(book);
    assert_int_equal(id_of(book, "sequence-2"), 1002);
    book->ops->close(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(torn_pages_end_in_a_guard_that_works),
        IN_FOLDER(what_ends_its_process_again_and_again_is_set_aside),
        IN_FOLDER(an_entry_does_not_pass_for_anothers),
        IN_FOLDER(an_index_that_cannot_be_read_is_made_anew),
        IN_FOLDER(a_list_of_free_pages_that_cannot_be_is_made_anew),
        IN_FOLDER(a_look_says_what_a_start_would_do),
        IN_FOLDER(what_is_lost_in_use_is_begun_anew),
        IN_FOLDER(what_is_damaged_in_use_is_begun_anew),
        IN_FOLDER(a_journal_outlives_its_environment),
        IN_FOLDER(a_journal_counts_whoever_made_its_environment),
    };

    return cmocka_run_group_tests_name("guard_damage", tests, NULL, NULL);
}
