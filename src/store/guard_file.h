/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guard's book on disk. In its folder lie `stores`, which tells what store was last accepted
 * under which URL, and a folder for each store's name, with
 *
 *   data.mdb  an LMDB environment: what is remembered, synced with every commit
 *   journal   what has come since its last commit: one write for each batch, synced where it must
 * be
 *
 * What was written to the journal outlives the process; the next one puts it into data.mdb. A power
 * cut can take the journal's end, never harm what was there before. A data.mdb that is damaged is
 * set aside, and begun anew with what the journal has.
 *
 *   clean     from a clean end to the next start (guard_clean.h)
 *   opening   while it is opened (guard_aside.h)
 */
#ifndef PAWL_STORE_GUARD_FILE_H
#define PAWL_STORE_GUARD_FILE_H

#include "store/guard_book.h"

struct pawl_guard_place {
    const char *folder; /* exists; nobody else uses it */
    const char *url;    /* of the store, for what is remembered of it; passwords are left out */
    const char *accept; /* the name of the store that may take another's place; "" or NULL: none */
    const char *how;    /* "--accept-store": how one is accepted */
    bool own;           /* the folder must be made, and locked, before it is used */
    uint64_t takeover_ns; /* as pawl_folder_take's, if so */
};

/*
 * Blocks:   takeover_ns at most, and for the disk
 * Errors:   PAWL_STORE      the folder cannot be had
 *           PAWL_NO_MEMORY
 */
pawl_err pawl_guard_file_open(const struct pawl_guard_place *place, struct pawl_book **book,
                              pawl_error *error);

/* What would be opened there. */
struct pawl_guard_glance {
    bool begun;          /* false: nothing is remembered of this store */
    uint64_t sequences;  /* remembered, but for what came after the last write of data.mdb */
    const char *trouble; /* it would be set aside and begun anew: why; or NULL */
};

/*
 * Changes nothing. The folder may be missing; then nothing is remembered.
 *
 * Blocks:   for the disk
 * Errors:   as for opening it: PAWL_DENIED  another store is remembered
 *                              PAWL_STORE   the folder is in use, or cannot be read, or was
 *                                           written by a newer pawl
 */
pawl_err pawl_guard_file_glance(const struct pawl_guard_place *place,
                                const struct pawl_identity *store, struct pawl_guard_glance *glance,
                                pawl_error *error);

#endif
