/* SPDX-License-Identifier: Apache-2.0 */
/* A store's URL whose options ask for a guard: guard=/folder, and guard-accept=NAME. */
#ifndef PAWL_STORE_GUARD_URL_H
#define PAWL_STORE_GUARD_URL_H

#include <limits.h>

#include "store/guard.h"
#include "store/store.h"

enum { PAWL_STORE_URL_BYTES = 8192 };

struct pawl_guard_url {
    char store[PAWL_STORE_URL_BYTES]; /* the URL without these options */
    char folder[PATH_MAX];            /* "": no guard is asked for */
    char accept[PAWL_STORE_NAME_BYTES_MAX + 1];
};

/* PAWL_BAD_REQUEST: one of them cannot be meant. */
pawl_err pawl_guard_url_read(struct pawl_guard_url *guard, const char *url, pawl_error *error);

/* Puts a guard in front of *store, which is its own from here on, whatever is returned. The folder
 * is made if need be, and owned until the store is closed. */
pawl_err pawl_guard_url_open(const struct pawl_guard_url *guard,
                             const struct pawl_store_options *options, struct pawl_source **store,
                             pawl_error *error);

#endif
