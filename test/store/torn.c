/* SPDX-License-Identifier: Apache-2.0 */
#include "torn.h"

#include "base/clock.h"

#include <fcntl.h>
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

enum { OPENING_S = 20, PAGE_BYTES = 4096, PAGES_TORN_MAX = 4 };

struct pawl_book *torn_book_open(struct pawl_book_head *head)
{
    /* The one that was killed may have been trying the guard in a child, which ends a moment after
     * it and has its lock until then. */
    const struct pawl_guard_place place = {.folder = folder,
                                           .url = "etcd://host/p",
                                           .how = "--accept-store",
                                           .own = true,
                                           .takeover_ns = OPENING_S * PAWL_NS_PER_S};
    const struct pawl_identity store = {.name_size = 5, .name = "store"};
    struct pawl_book *book = NULL;
    pawl_error error;

    if (pawl_guard_file_open(&place, &book, &error) != PAWL_OK) return NULL;
    if (book->ops->open(book, &store, head, &error) == PAWL_OK) return book;
    book->ops->close(book);
    return NULL;
}

struct pawl_bytes torn_name(char text[32], int i)
{
    int size = snprintf(text, 32, "sequence-%d", i);

    return (struct pawl_bytes){text, (size_t)size};
}

struct pawl_seen torn_seen(int i)
{
    return (struct pawl_seen){.mark = {7, 0, 1000 + i}, .dropped_s = i % 5 == 0 ? 2000000000 : 0};
}

pawl_err torn_put(struct pawl_book *book, struct pawl_bytes name, struct pawl_seen seen)
{
    const struct pawl_sight sight = {name, seen};
    pawl_error error;

    return book->ops->put(book, &(struct pawl_entries){.sights = &sight, .count = 1}, &error);
}

void torn_fill(void)
{
    struct pawl_book_head head;
    struct pawl_book *book = torn_book_open(&head);
    char text[32];

    assert_non_null(book);
    for (int round = 0; round < 2; round++) { /* the second one leaves free pages */
        for (int i = 0; i < TORN_SEQUENCES; i++) {
            assert_int_equal(torn_put(book, torn_name(text, i), torn_seen(i)), PAWL_OK);
        }
        book->ops->close(book);
        book = torn_book_open(&head);
        assert_non_null(book);
    }
    book->ops->close(book);
}

/* 0: it was opened, holds what it held or nothing, and takes more. */
int torn_use(void)
{
    struct pawl_book_head head;
    struct pawl_book *book = torn_book_open(&head);
    struct pawl_seen seen;
    pawl_error error;
    char text[32];

    if (book == NULL) return 2;
    for (int i = 0; i < TORN_SEQUENCES; i++) {
        struct pawl_bytes name = torn_name(text, i);

        if (book->ops->get(book, name, &seen, &error) != PAWL_OK) return 3;
        /* What was begun anew has what the journal had. */
        if (head.fresh && seen.mark.line == 0) continue;
        if (seen.mark.id != 1000 + i) return 4;
    }
    for (int i = 0; i < TORN_SEQUENCES; i++) {
        if (torn_put(book, torn_name(text, i), torn_seen(i)) != PAWL_OK) return 5;
    }
    book->ops->close(book);
    return 0;
}

/* In a process of its own. 0: it went well; else how it ended, as waitpid says. */
int torn_try(void)
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
        _exit(torn_use());
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

void torn_tear(const char *path, uint64_t seed)
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

size_t torn_read_file(const char *path, char *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, bytes, TORN_FILE_BYTES_MAX);

    assert_true(size > 0 && size < TORN_FILE_BYTES_MAX);
    (void)close(fd);
    return (size_t)size;
}

void torn_write_file(const char *path, const char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, bytes, size), size);
    (void)close(fd);
}

void torn_write_opening(const char *bytes)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/guard-store/opening", folder);
    torn_write_file(path, bytes, strlen(bytes));
}

pawl_err torn_glance(struct pawl_guard_glance *seen, pawl_error *error)
{
    const struct pawl_guard_place place = {
        .folder = folder, .url = "etcd://host/p", .how = "--accept-store"};
    const struct pawl_identity store = {.name_size = 5, .name = "store"};

    return pawl_guard_file_glance(&place, &store, seen, error);
}
