/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/clock.h"
#include "store/schemes.h"

#include <string.h>

typedef pawl_err store_open(const char *rest, const struct pawl_store_options *options,
                            struct pawl_source **store, pawl_error *error);

struct scheme {
    const char *name; /* with its colon */
    store_open *open;
};

static const struct scheme schemes[] = {
    {"lmdb:", pawl_lmdb_open},
    {"memory:", pawl_memory_open},
};

pawl_err pawl_store_open(const char *url, const struct pawl_store_options *options,
                         struct pawl_source **store, pawl_error *error)
{
    PAWL_ASSERT(url != NULL && options != NULL && store != NULL);
    for (size_t i = 0; i < PAWL_COUNT(schemes); i++) {
        size_t size = strlen(schemes[i].name);

        if (strncmp(url, schemes[i].name, size) == 0) {
            return schemes[i].open(url + size, options, store, error);
        }
    }
    return pawl_fail(
        error, PAWL_BAD_REQUEST,
        "no store has the URL \"%.200s\"; use pawl://host:port, lmdb:/folder or memory:", url);
}

struct pawl_moment pawl_store_moment(const struct pawl_store_options *options, uint64_t *random)
{
    return (struct pawl_moment){
        .random = random,
        .wall_s = options->wall_s != NULL ? options->wall_s(options->arg) : pawl_clock_wall_s(),
        .refill_interval_ns = options->refill_interval_ns,
        .refuse_rollback = options->refuse_rollback,
    };
}

void pawl_store_forked(struct pawl_source *store)
{
    if (strcmp(store->ops->scheme, "lmdb") == 0) pawl_lmdb_forked(store);
}
