/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork() in a program that holds a stock: parent and children never get the same id, handles go on
 * working in a child of pawld's clients, and a child of a store's owner is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap.h"
#include "pawl/stores.h"

enum { IDS_EACH = 3000, CHILDREN = 4, FORKS_EACH = 3 };

static int draw_lane(pawl_lane *lane, int to, int count)
{
    for (int i = 0; i < count; i++) {
        int64_t id = 0;
        pawl_err err = pawl_lane_next(lane, &id);

        if (err != PAWL_OK) return (int)err;
        if (write(to, &id, sizeof id) != sizeof id) return 101;
    }
    return 0;
}

static struct heap heap;

static void parent_and_children_share_no_id(void **state)
{
    pid_t children[CHILDREN];
    struct site site;

    (void)state;
    site_begin(&site, false);
    heap_begin(&heap);
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            int failed = heap_draw(site.seq, heap.file, IDS_EACH);

            if (i % 2 == 0) pawl_close(site.client); /* its own ids, never the parent's */
            _exit(failed);
        }
        assert_int_equal(heap_draw(site.seq, heap.file, 100), 0);
    }
    for (int i = 0; i < CHILDREN; i++) {
        child_join(children[i]);
    }
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    heap_end(&heap, (2 + CHILDREN) * IDS_EACH + CHILDREN * 100);
    site_end(&site);
}

static void a_grandchild_is_a_child_too(void **state)
{
    struct site site;

    (void)state;
    site_begin(&site, false);
    heap_begin(&heap);
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    pid_t child = fork();
    if (child == 0) {
        int failed = heap_draw(site.seq, heap.file, IDS_EACH);
        pid_t grandchild = fork();
        int status = 0;

        if (grandchild == 0) _exit(heap_draw(site.seq, heap.file, IDS_EACH));
        if (failed == 0) failed = heap_draw(site.seq, heap.file, IDS_EACH);
        (void)waitpid(grandchild, &status, 0);
        _exit(failed != 0 ? failed : WIFEXITED(status) ? WEXITSTATUS(status) : 102);
    }
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    child_join(child);
    heap_end(&heap, (size_t)5 * IDS_EACH);
    site_end(&site);
}

static void a_lane_is_empty_in_a_child(void **state)
{
    struct site site;
    pawl_lane *lane = NULL;

    (void)state;
    site_begin(&site, false);
    heap_begin(&heap);
    assert_int_equal(pawl_lane_open(site.seq, &lane), PAWL_OK);
    assert_int_equal(draw_lane(lane, heap.file, IDS_EACH), 0);
    pid_t child = fork();
    if (child == 0) {
        int failed = draw_lane(lane, heap.file, IDS_EACH);

        if (failed == 0) failed = heap_draw(site.seq, heap.file, IDS_EACH);
        pawl_lane_close(lane);
        pawl_close(site.client);
        _exit(failed);
    }
    assert_int_equal(draw_lane(lane, heap.file, IDS_EACH), 0);
    child_join(child);
    assert_int_equal(draw_lane(lane, heap.file, IDS_EACH), 0);
    heap_end(&heap, (size_t)5 * IDS_EACH);
    pawl_lane_close(lane);
    site_end(&site);
}

/* try_next never waits in a child either: it starts what is missing, and has it soon. */
static void try_next_comes_to_life_in_a_child(void **state)
{
    struct site site;

    (void)state;
    site_begin(&site, false);
    heap_begin(&heap);
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    pid_t child = fork();
    if (child == 0) {
        pawl_err err = PAWL_EMPTY;
        int64_t id = 0;

        for (int i = 0; i < 5000 && err == PAWL_EMPTY; i++) {
            err = pawl_try_next(site.seq, &id);
            if (err == PAWL_EMPTY) (void)usleep(1000);
        }
        if (err == PAWL_OK && write(heap.file, &id, sizeof id) != sizeof id) _exit(101);
        _exit((int)err);
    }
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    child_join(child);
    heap_end(&heap, 2 * IDS_EACH + 1);
    site_end(&site);
}

struct forker {
    pthread_t thread;
    struct site *site;
    int failed;
};

/* Draws, forks in the midst of what the other threads do, and draws on. */
static void *fork_and_draw(void *arg)
{
    struct forker *forker = arg;

    for (int i = 0; i < FORKS_EACH && forker->failed == 0; i++) {
        forker->failed = heap_draw(forker->site->seq, heap.file, IDS_EACH);
        pid_t child = fork();
        int status = 0;

        if (child == 0) _exit(heap_draw(forker->site->seq, heap.file, IDS_EACH));
        if (waitpid(child, &status, 0) != child || status != 0) forker->failed = 103;
    }
    return NULL;
}

static void threads_may_fork(void **state)
{
    struct forker forkers[CHILDREN];
    struct site site;

    (void)state;
    site_begin(&site, false);
    heap_begin(&heap);
    for (size_t i = 0; i < CHILDREN; i++) {
        forkers[i] = (struct forker){.site = &site};
        assert_int_equal(pthread_create(&forkers[i].thread, NULL, fork_and_draw, &forkers[i]), 0);
    }
    for (size_t i = 0; i < CHILDREN; i++) {
        assert_int_equal(pthread_join(forkers[i].thread, NULL), 0);
        assert_int_equal(forkers[i].failed, 0);
    }
    heap_end(&heap, (size_t)2 * CHILDREN * FORKS_EACH * IDS_EACH);
    site_end(&site);
}

static void a_child_that_execs_leaves_the_parent_alone(void **state)
{
    struct site site;

    (void)state;
    site_begin(&site, false);
    heap_begin(&heap);
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)execlp("true", "true", (char *)NULL);
        _exit(104);
    }
    child_join(child);
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    heap_end(&heap, (size_t)2 * IDS_EACH);
    site_end(&site);
}

/* What a daemon does: lets go of all descriptors and opens its own under the same numbers. */
static void a_child_keeps_what_it_opened(void **state)
{
    enum { OWN = 32 };
    struct site site;

    (void)state;
    site_begin(&site, false);
    heap_begin(&heap);
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    pid_t child = fork();
    if (child == 0) {
        int64_t id = 0;
        int own[OWN];
        struct stat about;
        bool good = close_range(STDERR_FILENO + 1, ~0U, 0) == 0;

        for (int i = 0; i < OWN; i++) {
            own[i] = open("/dev/null", O_RDONLY);
        }
        good = good && pawl_next(site.seq, &id) == PAWL_OK;
        pawl_close(site.client);
        for (int i = 0; i < OWN; i++) {
            good = good && fstat(own[i], &about) == 0 && S_ISCHR(about.st_mode);
        }
        _exit(good ? 0 : 106);
    }
    child_join(child);
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    heap_end(&heap, 2 * IDS_EACH);
    site_end(&site);
}

/* The store is the parent's: a child is told, and keeps nobody from owning it next. */
static void a_child_of_a_stores_owner_is_told(void **state)
{
    struct site site;
    int go[2];
    int told[2];
    char byte = 0;

    (void)state;
    site_begin(&site, true);
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    int64_t id = 0;
    assert_int_equal(pawl_next(site.seq, &id), PAWL_OK);
    pid_t child = fork();
    if (child == 0) {
        pawl_error error = {.code = PAWL_OK};
        pawl_seq *seq = NULL;
        pawl_info info;
        bool good = pawl_next(site.seq, &id) == PAWL_FORKED &&
                    pawl_try_next(site.seq, &id) == PAWL_FORKED &&
                    pawl_seq_open(site.client, "s", &seq, &error) == PAWL_FORKED &&
                    strstr(error.text, "forked child") != NULL &&
                    pawl_show(site.client, "s", &info, NULL) == PAWL_FORKED;

        (void)!write(told[1], &byte, 1);
        (void)!read(go[0], &byte, 1); /* lives on while the parent closes and opens again */
        pawl_close(site.client);
        _exit(good ? 0 : 105);
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_int_equal(pawl_next(site.seq, &id), PAWL_OK);
    assert_int_equal(id, 2);
    pawl_close(site.client);
    pawl_error error = {.code = PAWL_OK};
    if (pawl_open(site.url, NULL, &site.client, &error) != PAWL_OK) fail_msg("%s", error.text);
    assert_int_equal(write(go[1], &byte, 1), 1);
    child_join(child);
    assert_int_equal(pawl_seq_open(site.client, "s", &site.seq, &error), PAWL_OK);
    assert_int_equal(pawl_next(site.seq, &id), PAWL_OK);
    assert_int_equal(id, 3);
    for (int i = 0; i < 2; i++) {
        (void)close(go[i]);
        (void)close(told[i]);
    }
    site_end(&site);
}

int main(void)
{
    const struct CMUnitTest on_pawld[] = {
        cmocka_unit_test(parent_and_children_share_no_id),
        cmocka_unit_test(a_grandchild_is_a_child_too),
        cmocka_unit_test(a_lane_is_empty_in_a_child),
        cmocka_unit_test(try_next_comes_to_life_in_a_child),
        cmocka_unit_test(threads_may_fork),
        cmocka_unit_test(a_child_that_execs_leaves_the_parent_alone),
        cmocka_unit_test(a_child_keeps_what_it_opened),
    };
    const struct CMUnitTest on_store[] = {
        cmocka_unit_test(a_child_of_a_stores_owner_is_told),
    };

    pawl_stores_register();
#ifdef __SANITIZE_THREAD__
    (void)printf("ThreadSanitizer knows no threads in forked children: skipped\n");
    return 77;
#endif
    int failed = cmocka_run_group_tests_name("fork on lmdb", on_store, NULL, NULL);

    if (served_binary() != NULL) {
        failed += cmocka_run_group_tests_name("fork on pawld", on_pawld, NULL, NULL);
    }
    return failed;
}
