/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One suite over any store.
 *
 *   store_conformance [--json] [--only CASE] [--seed N] [--list] [URL ...]
 *
 * By default memory: and an LMDB store. {tmp} in a URL becomes a folder of its own for each case.
 * What the store needs is made first, as by pawl store init. Prints a table, case by store, or one
 * line of JSON for each; "-" is what a store cannot do, with the reason. Names and times come from
 * the seed, which is printed: on a shared server the same seed works once.
 */
#include "conformance.h"

#include "base/clock.h"
#include "store/records_own.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { URL_BYTES_MAX = 1024, STORES_MAX = 8 };

static const struct conformance_case *const themes[] = {
    conformance_define,  conformance_ids,    conformance_names, conformance_life,
    conformance_writers, conformance_repeat, conformance_moves, conformance_rename};

static const struct {
    enum trial_need need;
    const char *reason;
} reasons[] = {
    {NEEDS_MEMORY, "it forgets everything when it is closed"},
    {NEEDS_SHARING, "one process opens it at a time, once"},
    {NEEDS_DRIVER, "it changes records in transactions of its own, there is no driver"},
    {NEEDS_RECORD, "a bare number has no definition, epoch or tag"},
    {NEEDS_ADVANCE, "it advances by writing the record"},
};

struct run {
    const char *urls[STORES_MAX];
    size_t url_count;
    const char *only;
    uint64_t seed;
    bool json;
    int failures;
    int run;
};

struct result {
    const char *word; /* "ok", "FAILED" or "-" */
    const char *reason;
    uint64_t took_ns;
};

static unsigned abilities(const char *url, struct pawl_source *store)
{
    unsigned can = NEEDS_RECORD;

    if (strstr(url, "counter=plain") != NULL) can = 0;
    if (strcmp(url, "memory:") != 0) can |= NEEDS_MEMORY;
    if (!pawl_store_shared(url)) return can;
    can |= NEEDS_SHARING | NEEDS_DRIVER;
    if (PAWL_OWNER(store, struct pawl_records, source)->driver->ops->advances) can |= NEEDS_ADVANCE;
    return can;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

static void initialize(struct trial *trial)
{
    struct deed deed = drive_deed(PAWL_ASK_INIT, "");

    if (!(trial->can & NEEDS_DRIVER)) return;
    if (drive(trial->store, &deed) != PAWL_OK) {
        trial_fail(trial, deed.ask.error.text, __FILE__, __LINE__);
    }
}

static void carry_out(const struct conformance_case *test, struct trial *trial,
                      struct result *result)
{
    if (!trial_open_more(trial, 1)) return;
    trial->can = abilities(trial->url, trial->store);
    for (size_t i = 0; i < PAWL_COUNT(reasons); i++) {
        if (test->needs & reasons[i].need & ~trial->can) {
            result->word = "-";
            result->reason = reasons[i].reason;
            return;
        }
    }
    initialize(trial);
    if (!trial->failed) test->run(trial);
}

static struct result run_case(const struct conformance_case *test, const char *url,
                              const struct run *run)
{
    const char *mark = strstr(url, "{tmp}");
    char folder[] = "/tmp/pawl-conformance-XXXXXX";
    char full[URL_BYTES_MAX];
    struct result result = {.word = "ok"};
    uint64_t began_ns = pawl_clock_ns();
    struct trial trial = {.url = url, .options = drive_options(0)};

    trial.random = run->seed + (uint64_t)run->run;
    (void)snprintf(trial.prefix, sizeof trial.prefix, "t%08" PRIx64 "-%d-",
                   run->seed & UINT64_C(0xffffffff), run->run);
    if (mark != NULL) {
        if (mkdtemp(folder) == NULL) return (struct result){.word = "FAILED"};
        (void)snprintf(full, sizeof full, "%.*s%s%s", (int)(mark - url), url, folder,
                       mark + strlen("{tmp}"));
        trial.url = full;
    }
    carry_out(test, &trial, &result);
    trial_end(&trial);
    if (mark != NULL) (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (trial.failed) result.word = "FAILED";
    result.took_ns = pawl_clock_ns() - began_ns;
    return result;
}

static void print_json(const struct conformance_case *test, const char *url, struct result result)
{
    printf("{\"case\": \"%s\", \"store\": \"%.*s\", \"result\": \"%s\", \"reason\": \"%s\", "
           "\"ms\": %" PRIu64 "}\n",
           test->name, (int)strcspn(url, ":"), url, result.word,
           result.reason != NULL ? result.reason : "", result.took_ns / PAWL_NS_PER_MS);
}

static void run_row(const struct conformance_case *test, struct run *run)
{
    if (!run->json) printf("%-48s", test->name);
    for (size_t i = 0; i < run->url_count; i++) {
        struct result result = run_case(test, run->urls[i], run);

        if (run->json) {
            print_json(test, run->urls[i], result);
        } else {
            printf(" %-12s", result.word);
        }
        if (strcmp(result.word, "FAILED") == 0) run->failures++;
    }
    if (!run->json) printf("\n");
    (void)fflush(stdout);
}

static void print_head(const struct run *run)
{
    printf("seed %" PRIu64 "\n%-48s", run->seed, "case");
    for (size_t i = 0; i < run->url_count; i++) {
        printf(" %-12.*s", (int)strcspn(run->urls[i], ":"), run->urls[i]);
    }
    printf("\n");
}

static void run_all(struct run *run, bool list)
{
    for (size_t t = 0; t < PAWL_COUNT(themes); t++) {
        for (const struct conformance_case *test = themes[t]; test->name != NULL; test++) {
            run->run++;
            if (run->only != NULL && strcmp(run->only, test->name) != 0) continue;
            if (list) {
                printf("%s\n", test->name);
            } else {
                run_row(test, run);
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct run run = {.seed = 0};
    bool list = false;

    if (getrandom(&run.seed, sizeof run.seed, 0) != sizeof run.seed) return 2;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            run.json = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            list = true;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            run.only = argv[++i];
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            run.seed = strtoull(argv[++i], NULL, 10);
        } else if (argv[i][0] != '-' && run.url_count < STORES_MAX) {
            run.urls[run.url_count++] = argv[i];
        } else {
            (void)fprintf(stderr, "usage: store_conformance [--json] [--only CASE] [--seed N] "
                                  "[--list] [URL ...]\n");
            return 2;
        }
    }
    if (run.url_count == 0) {
        run.urls[run.url_count++] = "memory:";
        run.urls[run.url_count++] = "lmdb:{tmp}/store";
    }
    if (!run.json && !list) print_head(&run);
    run_all(&run, list);
    drive_settle();
    if (run.failures > 0) {
        (void)fprintf(stderr, "%d failed; seed %" PRIu64 "\n", run.failures, run.seed);
    }
    return run.failures == 0 ? 0 : 1;
}
