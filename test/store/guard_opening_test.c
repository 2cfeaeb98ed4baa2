/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guard whose opening ends its process: because of pages that nobody wrote, which LMDB trusts, or
 * because somebody ended it. Each opening is a process of its own: however it ends, a few of them
 * later there is a guard that can be used.
 *
 * PAWL_SEED  one seed, instead of all
 */
#include "store/guard_aside.h"
#include "torn.h"

#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEEDS = 60, OPENINGS = 5 /* some may die; the one after them sets it aside */ };

/* Returns how many processes it took. */
static int open_until_well(uint64_t seed)
{
    int status = 0;

    for (int opening = 1; opening <= OPENINGS; opening++) {
        status = torn_try();
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
    static char whole[TORN_FILE_BYTES_MAX];
    int died = 0;

    (void)state;
    torn_fill();
    (void)snprintf(path, sizeof path, "%s/guard-store/data.mdb", folder);
    size_t size = torn_read_file(path, whole);

    for (uint64_t seed = first; seed <= last; seed++) {
        torn_write_file(path, whole, size);
        torn_tear(path, seed);
        died += open_until_well(seed) > 1;
    }
    print_message("%" PRIu64 " torn files, %d of which end the process that opens them\n",
                  last - first + 1, died);
}

/* A server that is killed, or told to end, while it opens its guard has no other one next time. */
static void what_was_cut_short_often_is_kept_if_it_is_sound(void **state)
{
    static const char *const left[] = {"x", "xxx", "wwx", "xxxxxxxxxxxxxxxxxxxx", "wwxww"};
    struct pawl_book_head head;

    (void)state;
    torn_fill();
    for (size_t i = 0; i < PAWL_COUNT(left); i++) {
        torn_write_opening(left[i]);
        struct pawl_book *book = torn_book_open(&head);
        struct pawl_seen seen;
        pawl_error error;

        assert_non_null(book);
        assert_false(head.fresh);
        assert_int_equal(book->ops->get(book, PAWL_BYTES("sequence-7"), &seen, &error), PAWL_OK);
        assert_int_equal(seen.mark.id, 1007);
        book->ops->close(book);
    }
}

/* Killed at any moment, by who does not wait for it. */
static void a_killed_opening_loses_nothing(void **state)
{
    struct pawl_book_head head;

    (void)state;
    torn_fill();
    for (int tries = 0; tries < 12; tries++) {
        pid_t child = fork();

        if (child == 0) {
            struct itimerval soon = {.it_value = {.tv_usec = 50 + 150 * tries}};

            (void)signal(SIGALRM, SIG_DFL);
            (void)setitimer(ITIMER_REAL, &soon, NULL);
            (void)torn_book_open(&head);
            (void)pause();
        }
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    assert_int_equal(torn_use(), 0);
    struct pawl_book *book = torn_book_open(&head);

    assert_false(head.fresh);
    book->ops->close(book);
}

static void what_ends_a_process_after_it_was_looked_at_is_set_aside(void **state)
{
    struct pawl_book_head head;

    (void)state;
    torn_fill();
    torn_write_opening("xwww");
    struct pawl_book *book = torn_book_open(&head);

    assert_non_null(book);
    assert_true(head.fresh);
    book->ops->close(book);
    book = torn_book_open(&head); /* what went well does not count */
    assert_false(head.fresh);
    book->ops->close(book);
}

/* One process dies of it; the next one, and a look, tries it first. */
static void what_ends_its_process_is_set_aside_at_the_next_opening(void **state)
{
    static char whole[TORN_FILE_BYTES_MAX];
    struct pawl_guard_glance seen;
    struct pawl_book_head head;
    pawl_error error = {.code = PAWL_OK};
    char path[PATH_MAX];
    char guard[PATH_MAX];
    bool died = false;

    (void)state;
    torn_fill();
    (void)snprintf(guard, sizeof guard, "%s/guard-store", folder);
    (void)snprintf(path, sizeof path, "%s/guard-store/data.mdb", folder);
    size_t size = torn_read_file(path, whole);

    for (uint64_t seed = 1; seed <= SEEDS && !died; seed++) {
        torn_write_file(path, whole, size);
        torn_tear(path, seed);
        torn_write_opening("");
        died = WIFSIGNALED(torn_try()) && pawl_guard_openings(guard).all > 0;
    }
    assert_true(died); /* or there is nothing to be seen here */
    assert_int_equal(torn_glance(&seen, &error), PAWL_OK);
    assert_non_null(strstr(seen.trouble, "ends the process"));
    struct pawl_book *book = torn_book_open(&head);

    assert_non_null(book);
    assert_true(head.fresh);
    book->ops->close(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(torn_pages_end_in_a_guard_that_works),
        IN_FOLDER(what_was_cut_short_often_is_kept_if_it_is_sound),
        IN_FOLDER(a_killed_opening_loses_nothing),
        IN_FOLDER(what_ends_a_process_after_it_was_looked_at_is_set_aside),
        IN_FOLDER(what_ends_its_process_is_set_aside_at_the_next_opening),
    };

    return cmocka_run_group_tests_name("guard_opening", tests, NULL, NULL);
}
