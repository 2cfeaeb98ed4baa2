/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the LMDB store can do: durable ranges per second by how many asks are queued, the time to
 * open it by how many sequences it holds, and their size. lmdb_bench [FOLDER]: a folder on the disk
 * to be measured, by default /var/tmp. Prints: name, median, least, most, unit.
 */
#include "base/clock.h"
#include "store/store.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RUNS = 5,
    SEQUENCES = 1000000,
    FEW_SEQUENCES = 1000,
    BATCH = 10000,
    NAME_BYTES = 32,
    SEED = 1,
};

#define RUN_NS (PAWL_NS_PER_S / 2)

struct bench {
    struct pawl_source *store;
    struct pawl_ask asks[BATCH];
    char names[BATCH][NAME_BYTES];
    uint64_t random;
    char url[PATH_MAX];
};

static _Noreturn void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "lmdb_bench: %s: %s\n", what, why);
    exit(1);
}

static void answered(struct pawl_ask *ask)
{
    if (ask->error.code != PAWL_OK) fail("an ask", ask->error.text);
}

static void open_store(struct bench *bench)
{
    struct pawl_store_options options = {.seed = SEED};
    pawl_error error = {0};

    if (pawl_store_open(bench->url, &options, &bench->store, &error) != PAWL_OK ||
        bench->store == NULL) {
        fail("opening", error.text);
    }
}

static void close_store(struct bench *bench)
{
    bench->store->ops->close(bench->store);
}

static void turn_with(struct bench *bench, size_t count, enum pawl_ask_kind kind)
{
    for (size_t i = 0; i < count; i++) {
        struct pawl_ask *ask = &bench->asks[i];

        *ask = (struct pawl_ask){.kind = kind,
                                 .name = {bench->names[i], strlen(bench->names[i])},
                                 .count = 1,
                                 .done = answered};
        pawl_source_ask(bench->store, ask);
    }
    (void)bench->store->ops->turn(bench->store, 1);
}

/* A name such as people give, spread over the tree. */
static void name_set(struct bench *bench, size_t at, size_t number)
{
    (void)snprintf(bench->names[at], NAME_BYTES, "team-%03zu/orders-%06zu", number * 7919 % 997,
                   number);
}

/* Sequences numbered first to end, BATCH at a time. */
static void create(struct bench *bench, size_t first, size_t end)
{
    while (first < end) {
        size_t count = end - first < BATCH ? end - first : BATCH;

        for (size_t i = 0; i < count; i++) {
            name_set(bench, i, first + i);
        }
        turn_with(bench, count, PAWL_ASK_CREATE);
        first += count;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print(const char *name, double runs[RUNS], const char *unit)
{
    qsort(runs, RUNS, sizeof runs[0], by_value);
    printf("%-28s %12.1f %12.1f %12.1f %s\n", name, runs[RUNS / 2], runs[0], runs[RUNS - 1], unit);
    (void)fflush(stdout);
}

static double ranges_per_s(struct bench *bench, size_t queued, size_t sequences)
{
    uint64_t begun_ns = pawl_clock_ns();
    uint64_t took_ns = 0;
    uint64_t ranges = 0;

    while (took_ns < RUN_NS) {
        for (size_t i = 0; i < queued; i++) {
            name_set(bench, i, pawl_random(&bench->random) % sequences);
        }
        turn_with(bench, queued, PAWL_ASK_TAKE);
        ranges += queued;
        took_ns = pawl_clock_ns() - begun_ns;
    }
    return (double)ranges * 1e9 / (double)took_ns;
}

static void measure_ranges(struct bench *bench, size_t queued, size_t sequences)
{
    double runs[RUNS];
    char name[64];

    for (size_t run = 0; run < RUNS; run++) {
        runs[run] = ranges_per_s(bench, queued, sequences);
    }
    (void)snprintf(name, sizeof name, "lmdb_ranges_queued_%zu", queued);
    print(name, runs, "ranges/s");
}

static double resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    char line[128] = "";
    double pages = 0;

    if (file == NULL) return 0;
    if (fgets(line, sizeof line, file) != NULL) {
        char *resident = strchr(line, ' ');

        if (resident != NULL) pages = strtod(resident, NULL);
    }
    (void)fclose(file);
    return pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* Closes the store and opens it again, RUNS times, up to the first answer. */
static void measure_open(struct bench *bench, size_t sequences)
{
    double ms[RUNS];
    double kib[RUNS];
    char name[64];

    for (size_t run = 0; run < RUNS; run++) {
        close_store(bench);
        double before_kib = resident_kib();
        uint64_t begun_ns = pawl_clock_ns();

        open_store(bench);
        name_set(bench, 0, sequences / 2);
        turn_with(bench, 1, PAWL_ASK_READ);
        ms[run] = (double)(pawl_clock_ns() - begun_ns) / 1e6;
        kib[run] = resident_kib() - before_kib;
    }
    (void)snprintf(name, sizeof name, "lmdb_open_%zu_sequences", sequences);
    print(name, ms, "ms");
    (void)snprintf(name, sizeof name, "lmdb_memory_%zu_sequences", sequences);
    print(name, kib, "KiB");
}

static void measure_size(const struct bench *bench)
{
    char path[PATH_MAX + 16];
    struct stat about;

    (void)snprintf(path, sizeof path, "%s/data.mdb", bench->url + strlen("lmdb:"));
    if (stat(path, &about) != 0) fail(path, "cannot be looked at");
    printf("%-28s %12.1f bytes/sequence\n", "lmdb_size", (double)about.st_size / SEQUENCES);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

int main(int argc, char **argv)
{
    static struct bench bench = {.random = SEED};
    char folder[PATH_MAX - 64];

    (void)snprintf(folder, sizeof folder, "%s/pawl-lmdb-bench-XXXXXX",
                   argc > 1 ? argv[1] : "/var/tmp");
    if (mkdtemp(folder) == NULL) fail(folder, "cannot be made");
    (void)snprintf(bench.url, sizeof bench.url, "lmdb:%s", folder);

    open_store(&bench);
    create(&bench, 0, FEW_SEQUENCES);
    measure_open(&bench, FEW_SEQUENCES);
    measure_ranges(&bench, 1, FEW_SEQUENCES);
    measure_ranges(&bench, 100, FEW_SEQUENCES);
    create(&bench, FEW_SEQUENCES, BATCH);
    measure_ranges(&bench, BATCH, BATCH);
    create(&bench, BATCH, SEQUENCES);
    measure_open(&bench, SEQUENCES);
    measure_size(&bench);
    close_store(&bench);
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
