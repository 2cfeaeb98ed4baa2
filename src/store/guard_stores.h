/* SPDX-License-Identifier: Apache-2.0 */
/* A guard's file `stores`: the name of the store that was last accepted under each URL. */
#ifndef PAWL_STORE_GUARD_STORES_H
#define PAWL_STORE_GUARD_STORES_H

#include <limits.h>

#include "store/guard_file.h"
#include "store/guard_text.h"

enum { PAWL_GUARD_URL_BYTES = 512 };

struct pawl_guard_stores {
    char path[PATH_MAX + 16];
    char url[PAWL_GUARD_URL_BYTES]; /* without user, password and options */
    char accept[PAWL_STORE_NAME_BYTES_MAX + 1];
    char how[32];
    char former[PAWL_GUARD_NAME_BYTES]; /* whose place the accepted one takes; "": nobody's */
    char name[PAWL_GUARD_NAME_BYTES];   /* of the one accepted; "": it has never told one */
    bool looks;                         /* nothing is written: who would be accepted? */
};

pawl_err pawl_guard_stores_open(struct pawl_guard_stores *stores, const char *folder,
                                const struct pawl_guard_place *place, pawl_error *error);
/*
 * PAWL_OK: it is the one known, or the first, and is known from now on; or it is accepted, and will
 * be known once it has replaced the former one. *known: it
 * was before. One that does not tell its name is taken for the one known: nothing can be compared.
 * PAWL_DENIED: another is known. PAWL_STORE: the file cannot be used.
 */
pawl_err pawl_guard_stores_accept(struct pawl_guard_stores *stores,
                                  const struct pawl_identity *store, bool *known,
                                  pawl_error *error);

/* After an accept that set former: the file says so from here on. */
pawl_err pawl_guard_stores_replace(struct pawl_guard_stores *stores, pawl_error *error);

/* What its book is called: by its name, or by the URL if nobody has ever heard one. The latter has
 * a dot, which no shown name has. Both after accept. */
void pawl_guard_stores_book(const struct pawl_guard_stores *stores,
                            char text[PAWL_GUARD_NAME_BYTES]);
void pawl_guard_stores_url_book(const struct pawl_guard_stores *stores,
                                char text[PAWL_GUARD_NAME_BYTES]);

#endif
