/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One suite over any store: conformance [URL ...], by default memory: and an LMDB store. {tmp} in a
 * URL becomes a folder of its own for each case. Prints a table, case by store.
 */
#include "conformance.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { URL_BYTES_MAX = 512, STORES_MAX = 8, SEED = 20 };

void trial_fail(struct trial *trial, const char *expected, const char *file, int line)
{
    trial->failed = true;
    (void)fprintf(stderr, "%s:%d: on %s, expected: %s\n", file, line, trial->url, expected);
}

static bool trial_open(struct trial *trial)
{
    pawl_error error = {0};

    if (pawl_store_open(trial->url, &trial->options, &trial->store, &error) == PAWL_OK) return true;
    trial->store = NULL;
    trial_fail(trial, error.text, __FILE__, __LINE__);
    return false;
}

bool trial_reopen(struct trial *trial)
{
    trial->store->ops->close(trial->store);
    return trial_open(trial);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

static const char *run_case(const struct conformance_case *test, const char *url)
{
    const char *mark = strstr(url, "{tmp}");
    char folder[] = "/tmp/pawl-conformance-XXXXXX";
    char full[URL_BYTES_MAX];
    struct trial trial = {
        .url = url, .options = drive_options(SEED), .forgets = strcmp(url, "memory:") == 0};

    if (test->remembers && trial.forgets) return "-";
    if (mark != NULL) {
        if (mkdtemp(folder) == NULL) return "no folder";
        (void)snprintf(full, sizeof full, "%.*s%s%s", (int)(mark - url), url, folder,
                       mark + strlen("{tmp}"));
        trial.url = full;
    }
    if (trial_open(&trial)) {
        test->run(&trial);
        if (trial.store != NULL) trial.store->ops->close(trial.store);
    }
    if (mark != NULL) (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return trial.failed ? "FAILED" : "ok";
}

int main(int argc, char **argv)
{
    const char *urls[STORES_MAX] = {"memory:", "lmdb:{tmp}/store"};
    size_t url_count = 2;
    int failures = 0;

    if (argc > 1 && argc <= STORES_MAX) {
        url_count = (size_t)argc - 1;
        for (size_t i = 0; i < url_count; i++) {
            urls[i] = argv[i + 1];
        }
    }

    printf("%-44s", "case");
    for (size_t i = 0; i < url_count; i++) {
        printf(" %-12.*s", (int)strcspn(urls[i], ":"), urls[i]);
    }
    printf("\n");
    for (size_t c = 0; c < conformance_case_count; c++) {
        printf("%-44s", conformance_cases[c].name);
        for (size_t i = 0; i < url_count; i++) {
            const char *result = run_case(&conformance_cases[c], urls[i]);

            printf(" %-12s", result);
            if (strcmp(result, "ok") != 0 && strcmp(result, "-") != 0) failures++;
        }
        printf("\n");
    }
    if (failures > 0) printf("%d failed\n", failures);
    return failures == 0 ? 0 : 1;
}
