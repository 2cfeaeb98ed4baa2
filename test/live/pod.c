/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod of an application, led by a test: a command a line on standard input, an answer a line on
 * standard output. Its end is pawl_close. Usage: pod URL TIMEOUT_MS RIDE_MS REFILL_MS
 *   open NAME             ok MICROSECONDS
 *   next NAME             ok ID MICROSECONDS
 *   many PREFIX COUNT     ok MILLISECONDS: creates PREFIX0000000 and so on, THREADS at once
 *   list                  ok COUNT MILLISECONDS
 *   draw NAME PATH        ok: a thread appends binary ids to PATH, in the order drawn
 *   slow MICROSECONDS     ok: how long drawing threads pause after each BATCH
 *   fork NAME PATH        ok PID: the child draws likewise, and only it; ends after CHILD_S
 *   daemon NAME           ok ID: as a child draws it that first lets go of all descriptors and
 *                         opens its own under their numbers, which must stay open
 *   drawn                 ok IDS ERRORS LONGEST_MICROSECONDS, since the last time
 *   rest                  ok: no thread draws
 *   memory                ok KILOBYTES
 * Or: error NAME TEXT.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pawl/pawl.h"
#include "pawl/stores.h"

enum { THREADS = 32, BATCH = 8, CHILD_S = 3, DAEMON_FILES = 64, WORDS = 3, WORD_SIZE = 300 };

struct drawing {
    pawl_seq *seq;
    int file;
    pthread_t thread;
};

struct making {
    const char *prefix;
    int first, end;
    pthread_t thread;
    pawl_error error;
};

static pawl_client *client;
static struct drawing drawings[THREADS];
static size_t drawing_count;
static _Atomic int64_t pause_us = 1000;
static _Atomic int64_t drawn;
static _Atomic int64_t failed;
static _Atomic int64_t longest_us;
static atomic_bool resting;

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void tell_error(const pawl_error *error)
{
    (void)printf("error %s %s\n", pawl_err_name(error->code), error->text);
}

static pawl_seq *find(const char *name)
{
    pawl_error error;
    pawl_seq *seq = NULL;

    if (pawl_seq_open(client, name, &seq, &error) == PAWL_OK) return seq;
    tell_error(&error);
    return NULL;
}

/* Ids are written down once they were handed out: what is killed between burns them. */
static void draw_batch(pawl_seq *seq, int file)
{
    int64_t ids[BATCH];
    size_t count = 0;

    while (count < BATCH) {
        int64_t begun_us = now_us();
        pawl_err err = pawl_next(seq, &ids[count]);
        int64_t took_us = now_us() - begun_us;

        if (took_us > atomic_load(&longest_us)) atomic_store(&longest_us, took_us);
        if (err != PAWL_OK) {
            atomic_fetch_add(&failed, 1);
            (void)fprintf(stderr, "pod: %s\n", pawl_err_name(err));
            break;
        }
        count++;
    }
    size_t size = count * sizeof ids[0];
    if (size > 0 && write(file, ids, size) != (ssize_t)size) abort();
    atomic_fetch_add(&drawn, (int64_t)count);
}

static void wait_us(int64_t us)
{
    struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

    (void)nanosleep(&pause, NULL);
}

static void *draw(void *arg)
{
    struct drawing *drawing = arg;

    while (!atomic_load(&resting)) {
        draw_batch(drawing->seq, drawing->file);
        wait_us(atomic_load(&pause_us));
    }
    (void)close(drawing->file);
    return NULL;
}

static int file_for(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (file < 0) abort();
    return file;
}

static void do_draw(const char *name, const char *path)
{
    struct drawing *drawing = &drawings[drawing_count];
    pawl_seq *seq = find(name);

    if (seq == NULL) return;
    if (drawing_count == THREADS) abort();
    atomic_store(&resting, false);
    *drawing = (struct drawing){.seq = seq, .file = file_for(path)};
    if (pthread_create(&drawing->thread, NULL, draw, drawing) != 0) abort();
    drawing_count++;
    (void)puts("ok");
}

static void rest(void)
{
    atomic_store(&resting, true);
    for (; drawing_count > 0; drawing_count--) {
        (void)pthread_join(drawings[drawing_count - 1].thread, NULL);
    }
}

/* A child of a process with threads: it may only use what pawl lets it. */
static void draw_as_child(pawl_seq *seq, const char *path)
{
    int64_t until_us = now_us() + (int64_t)CHILD_S * 1000000;
    int file = file_for(path);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (now_us() < until_us) {
        draw_batch(seq, file);
        wait_us(atomic_load(&pause_us));
    }
    pawl_close(client);
    _exit(atomic_load(&failed) > 0 ? 1 : 0);
}

static void do_fork(const char *name, const char *path)
{
    pawl_seq *seq = find(name);

    if (seq == NULL) return;
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        atomic_store(&failed, 0);
        draw_as_child(seq, path);
    }
    if (child < 0) abort();
    (void)printf("ok %d\n", (int)child);
}

static int64_t draw_as_daemon(pawl_seq *seq)
{
    int own[DAEMON_FILES];
    struct stat about;
    int64_t id = 0;

    if (close_range(STDERR_FILENO + 1, ~0U, 0) != 0) return -1;
    for (int i = 0; i < DAEMON_FILES; i++) {
        own[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    pawl_err err = pawl_next(seq, &id);
    pawl_close(client);
    for (int i = 0; i < DAEMON_FILES; i++) {
        if (fstat(own[i], &about) != 0 || !S_ISCHR(about.st_mode)) return -2;
    }
    return err == PAWL_OK ? id : -3 - (int64_t)err;
}

static void do_daemon(const char *name)
{
    pawl_seq *seq = find(name);
    int64_t *id = mmap(NULL, sizeof *id, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (seq == NULL) return;
    if (id == MAP_FAILED) abort();
    pid_t child = fork();
    if (child == 0) {
        *id = draw_as_daemon(seq);
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    if (*id > 0) {
        (void)printf("ok %lld\n", (long long)*id);
    } else {
        (void)printf("error ? the child says %lld\n", (long long)*id);
    }
    (void)munmap(id, sizeof *id);
}

static void do_next(const char *name)
{
    int64_t begun_us = now_us();
    pawl_seq *seq = find(name);
    int64_t id = 0;

    if (seq == NULL) return;
    pawl_err err = pawl_next(seq, &id);
    if (err == PAWL_OK) {
        (void)printf("ok %lld %lld\n", (long long)id, (long long)(now_us() - begun_us));
    } else {
        (void)printf("error %s\n", pawl_err_name(err));
    }
}

static void *make(void *arg)
{
    struct making *making = arg;
    pawl_definition definition = {.given = PAWL_GIVEN_IF_NOT_EXISTS};

    for (int i = making->first; i < making->end; i++) {
        char name[WORD_SIZE + 16];

        (void)snprintf(name, sizeof name, "%s%07d", making->prefix, i);
        if (pawl_create(client, name, &definition, &making->error) != PAWL_OK) return NULL;
    }
    return NULL;
}

static void do_many(const char *prefix, int count)
{
    struct making all[THREADS];
    int64_t begun_us = now_us();
    const pawl_error *error = NULL;

    for (int i = 0; i < THREADS; i++) {
        all[i] = (struct making){
            .prefix = prefix, .first = count / THREADS * i, .end = count / THREADS * (i + 1)};
        if (i == THREADS - 1) all[i].end = count;
        if (pthread_create(&all[i].thread, NULL, make, &all[i]) != 0) abort();
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(all[i].thread, NULL);
        if (all[i].error.code != PAWL_OK) error = &all[i].error;
    }
    if (error != NULL) {
        tell_error(error);
    } else {
        (void)printf("ok %lld\n", (long long)(now_us() - begun_us) / 1000);
    }
}

static bool count_one(const pawl_info *info, void *arg)
{
    int *count = arg;

    (void)info;
    (*count)++;
    return true;
}

static void do_list(void)
{
    int64_t begun_us = now_us();
    pawl_error error;
    int count = 0;

    if (pawl_list(client, NULL, count_one, &count, &error) != PAWL_OK) {
        tell_error(&error);
    } else {
        (void)printf("ok %d %lld\n", count, (long long)(now_us() - begun_us) / 1000);
    }
}

static void do_memory(void)
{
    FILE *statm = fopen("/proc/self/statm", "re");
    char line[128];

    if (statm == NULL || fgets(line, sizeof line, statm) == NULL) abort();
    (void)fclose(statm);
    const char *resident = strchr(line, ' '); /* the second number */
    if (resident == NULL) abort();
    long pages = strtol(resident, NULL, 10);

    (void)printf("ok %ld\n", pages * (sysconf(_SC_PAGESIZE) / 1024));
}

static void do_open(const char *name)
{
    int64_t begun_us = now_us();

    if (find(name) != NULL) (void)printf("ok %lld\n", (long long)(now_us() - begun_us));
}

static void obey(const char *line)
{
    char words[WORDS][WORD_SIZE] = {"", "", ""};

    (void)sscanf(line, "%299s %299s %299s", words[0], words[1], words[2]);
    if (strcmp(words[0], "open") == 0) {
        do_open(words[1]);
    } else if (strcmp(words[0], "next") == 0) {
        do_next(words[1]);
    } else if (strcmp(words[0], "many") == 0) {
        do_many(words[1], (int)strtol(words[2], NULL, 10));
    } else if (strcmp(words[0], "list") == 0) {
        do_list();
    } else if (strcmp(words[0], "draw") == 0) {
        do_draw(words[1], words[2]);
    } else if (strcmp(words[0], "slow") == 0) {
        atomic_store(&pause_us, strtoll(words[1], NULL, 10));
        (void)puts("ok");
    } else if (strcmp(words[0], "fork") == 0) {
        do_fork(words[1], words[2]);
    } else if (strcmp(words[0], "drawn") == 0) {
        (void)printf("ok %lld %lld %lld\n", (long long)atomic_exchange(&drawn, 0),
                     (long long)atomic_exchange(&failed, 0),
                     (long long)atomic_exchange(&longest_us, 0));
    } else if (strcmp(words[0], "rest") == 0) {
        rest();
        (void)puts("ok");
    } else if (strcmp(words[0], "memory") == 0) {
        do_memory();
    } else if (strcmp(words[0], "daemon") == 0) {
        do_daemon(words[1]);
    } else {
        (void)printf("error ? no such command: %s", line);
    }
    (void)fflush(stdout);
}

static uint64_t ns_of(const char *ms)
{
    return strtoull(ms, NULL, 10) * UINT64_C(1000000);
}

int main(int argc, char **argv)
{
    char line[WORDS * WORD_SIZE];
    pawl_error error;

    if (argc != 5) {
        (void)fprintf(stderr, "usage: pod URL TIMEOUT_MS RIDE_MS REFILL_MS\n");
        return 2;
    }
    pawl_options options = {.timeout_ns = ns_of(argv[2]),
                            .ride_through_ns = ns_of(argv[3]),
                            .refill_interval_ns = ns_of(argv[4])};
    int64_t begun_us = now_us();

    pawl_stores_register();
    pawl_err err = pawl_open(argv[1], &options, &client, &error);
    if (err != PAWL_OK) {
        tell_error(&error);
        return 1;
    }
    (void)printf("ok %lld\n", (long long)(now_us() - begun_us));
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        obey(line);
    }
    rest();
    pawl_close(client);
    return 0;
}
