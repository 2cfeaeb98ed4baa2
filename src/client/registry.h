/* SPDX-License-Identifier: Apache-2.0 */
/* How libpawl-stores makes its stores known to libpawl, which has none itself. */
#ifndef PAWL_REGISTRY_H
#define PAWL_REGISTRY_H

#include "range/source.h"

struct pawl_store_options;

/* Both libraries are of one build, or the offer is refused: what they share is no public ABI. */
struct pawl_stores {
    const char *version; /* PAWL_VERSION */
    size_t ask_size;     /* sizeof(struct pawl_ask) */
    pawl_err (*open)(const char *url, const struct pawl_store_options *options,
                     struct pawl_source **store, pawl_error *error);
    bool (*shared)(const char *url); /* a forked child may open it anew */
    /* In a forked child: closes what the store shares with its parent, and touches nothing else. */
    void (*forked)(struct pawl_source *store);
};

/* stores is constant and stays. Any thread, any number of times. */
PAWL_API void pawl_stores_offer(const struct pawl_stores *stores);

/* NULL: none were offered. *wrong: those that were do not fit this library. */
const struct pawl_stores *pawl_stores_known(bool *wrong);

#endif
