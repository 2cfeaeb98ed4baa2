/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB store with its inner limits laid open: for its own tests. Others: store/store.h. */
#ifndef PAWL_STORE_LMDB_STORE_H
#define PAWL_STORE_LMDB_STORE_H

#include "store/store.h"

struct pawl_lmdb_settings {
    const char *folder;
    size_t map_bytes; /* address space to begin with */
    const struct pawl_store_options *options;
};

/* As pawl_store_open. */
pawl_err pawl_lmdb_open_with(const struct pawl_lmdb_settings *settings, struct pawl_source **store,
                             pawl_error *error);

#endif
