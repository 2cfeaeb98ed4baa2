/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that a process with a stock starts: by vfork, posix_spawn, system, and fork with exec.
 * None of them costs the parent an id, and one that takes ids itself is a client like any other.
 *
 * Run as `spawn_test draw URL COUNT FILE` it is such a program.
 */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.h"
#include "pawl/stores.h"

enum { IDS_EACH = 500, PROGRAMS = 4, THREADS = 4, SPAWNS_EACH = 5, COPY_AT = 200 };

static struct heap heap;
static const char *self;

/* The next id follows this one: the stock is as it was. */
static int64_t draw_on(pawl_seq *seq, int64_t last)
{
    for (int i = 0; i < IDS_EACH; i++) {
        int64_t id = 0;

        assert_int_equal(pawl_next(seq, &id), PAWL_OK);
        if (last > 0 && id != last + 1) {
            fail_msg("%lld came after %lld", (long long)id, (long long)last);
        }
        last = id;
    }
    return last;
}

static int64_t hold_many(pawl_seq *seq)
{
    pawl_ids ids;

    /* One take of many is answered from one range, whose rest is the stock. */
    for (int i = 0; i < 40; i++) {
        assert_int_equal(pawl_take(seq, COPY_AT, UINT64_C(5000000000), &ids), PAWL_OK);
    }
    return ids.first + (int64_t)ids.count - 1;
}

static void spawn(char *const words[])
{
    pid_t child = 0;

    assert_int_equal(posix_spawnp(&child, words[0], NULL, NULL, words, environ), 0);
    child_join(child);
}

static void programs_leave_the_stock_as_it_is(void **state)
{
    char *words[] = {(char[]){"true"}, NULL};
    struct site site;
    int status = 0;

    (void)state;
    site_begin(&site, false);
    int64_t last = hold_many(site.seq);
    int64_t id = 0;

    assert_int_equal(pawl_next(site.seq, &id), PAWL_OK);
    assert_true(id > last);
    last = id;
    for (int i = 0; i < 2; i++) {
        pid_t child = vfork();
        if (child == 0) {
            if (i == 0) (void)execlp("true", "true", (char *)NULL);
            _exit(0); /* as a shell does that finds no such program */
        }
        child_join(child);
    }
    assert_int_equal(pawl_next(site.seq, &id), PAWL_OK);
    assert_int_equal(id, last + 1);
    spawn(words);
    assert_int_equal(pawl_next(site.seq, &id), PAWL_OK);
    assert_int_equal(id, last + 2);
    status = system("true"); /* NOLINT(cert-env33-c,concurrency-mt-unsafe): it is the point */
    assert_int_equal(status, 0);
    assert_int_equal(pawl_next(site.seq, &id), PAWL_OK);
    assert_int_equal(id, last + 3);
    site_end(&site);
}

/* On a store of its own the folder stays the parent's, whatever it starts. */
static void programs_leave_the_folder_alone(void **state)
{
    char *words[] = {(char[]){"true"}, NULL};
    struct site site;

    (void)state;
    site_begin(&site, true);
    int64_t last = draw_on(site.seq, 0);
    spawn(words);
    pid_t child = vfork();
    if (child == 0) {
        (void)execlp("true", "true", (char *)NULL);
        _exit(127);
    }
    child_join(child);
    (void)draw_on(site.seq, last);
    site_end(&site);
}

static pid_t start_drawing(const char *url, const char *path)
{
    char count[16];

    (void)snprintf(count, sizeof count, "%d", IDS_EACH);
    pid_t child = fork();
    if (child != 0) return child;
    (void)execl(self, self, "draw", url, count, path, (char *)NULL);
    _exit(127);
}

static void a_program_that_takes_ids_is_a_client(void **state)
{
    pid_t children[PROGRAMS];
    char path[64];
    struct site site;

    (void)state;
    site_begin(&site, false);
    heap_begin(&heap);
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), heap.file);
    for (int i = 0; i < PROGRAMS; i++) {
        assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
        children[i] = start_drawing(site.url, path);
    }
    assert_int_equal(heap_draw(site.seq, heap.file, IDS_EACH), 0);
    for (int i = 0; i < PROGRAMS; i++) {
        child_join(children[i]);
    }
    heap_end(&heap, (size_t)(2 * PROGRAMS + 1) * IDS_EACH);
    site_end(&site);
}

struct starter {
    pthread_t thread;
    struct site *site;
    int failed;
};

static void *draw_and_start(void *arg)
{
    struct starter *starter = arg;
    char *words[] = {(char[]){"true"}, NULL};

    for (int i = 0; i < SPAWNS_EACH && starter->failed == 0; i++) {
        pid_t child = 0;
        int status = 0;

        starter->failed = heap_draw(starter->site->seq, heap.file, IDS_EACH);
        if (posix_spawnp(&child, words[0], NULL, NULL, words, environ) != 0 ||
            waitpid(child, &status, 0) != child || status != 0) {
            starter->failed = 103;
        }
    }
    return NULL;
}

static void threads_may_start_programs(void **state)
{
    struct starter starters[THREADS];
    struct site site;

    (void)state;
    site_begin(&site, false);
    heap_begin(&heap);
    for (size_t i = 0; i < THREADS; i++) {
        starters[i] = (struct starter){.site = &site};
        assert_int_equal(pthread_create(&starters[i].thread, NULL, draw_and_start, &starters[i]),
                         0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(starters[i].thread, NULL), 0);
        assert_int_equal(starters[i].failed, 0);
    }
    heap_end(&heap, (size_t)THREADS * SPAWNS_EACH * IDS_EACH);
    site_end(&site);
}

static int draw_as_program(char **words)
{
    pawl_client *client = NULL;
    pawl_seq *seq = NULL;
    int file = open(words[2], O_WRONLY | O_APPEND | O_CLOEXEC);

    if (file < 0 || pawl_open(words[0], NULL, &client, NULL) != PAWL_OK ||
        pawl_seq_open(client, "s", &seq, NULL) != PAWL_OK) {
        return 102;
    }
    int failed = heap_draw(seq, file, (int)strtol(words[1], NULL, 10));
    pawl_close(client);
    (void)close(file);
    return failed;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_leave_the_stock_as_it_is),
        cmocka_unit_test(programs_leave_the_folder_alone),
        cmocka_unit_test(a_program_that_takes_ids_is_a_client),
        cmocka_unit_test(threads_may_start_programs),
    };

    pawl_stores_register();
    self = argv[0];
    if (argc == 5 && strcmp(argv[1], "draw") == 0) return draw_as_program(argv + 2);
    if (served_binary() == NULL) {
        (void)printf("PAWLD_BIN names no server: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("programs", tests, NULL, NULL);
}
