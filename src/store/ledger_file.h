/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gap ledger's file, in a server's own folder: books of sequences, so that a crash is explained
 * after the restart. A page with its date, then a slot for each sequence, written in place by one
 * write, which outlives the process however that ends. It is not synced: after a power cut books
 * may be older than they were, and a damaged slot is forgotten. Nothing but what is told of gaps
 * depends on it. A clean end leaves "PATH.index" for the next start, which then need not read all.
 */
#ifndef PAWL_STORE_LEDGER_FILE_H
#define PAWL_STORE_LEDGER_FILE_H

#include "range/ledger.h"

enum {
    PAWL_LEDGER_SLOT_BYTES = 512,
    PAWL_LEDGER_SLOTS_MAX = 1000000, /* sequences: of those beyond, nothing survives */
};

/*
 * Opens, or begins, a ledger that nobody else uses. since: in: now, in seconds since
 * 1970; out: since when it counts. What is no ledger is set aside, as PATH.damaged-*, and one
 * begun.
 *
 * Blocks:   for the disk
 * Threads:  one at a time
 * Memory:   *archive is ended by pawl_ledger_file_close
 * Errors:   PAWL_STORE      it cannot be read or written
 *           PAWL_NO_MEMORY
 */
pawl_err pawl_ledger_file_open(const char *path, int64_t *since, struct pawl_archive **archive,
                               pawl_error *error);

/* What would be opened there. */
struct pawl_ledger_glance {
    bool begun;          /* false: there is none */
    uint64_t sequences;  /* that it has books of */
    uint64_t damaged;    /* entries that would be forgotten */
    const char *trouble; /* it would be set aside, or its first page be made anew: why; or NULL */
};

/*
 * Changes nothing.
 *
 * Blocks:   for the disk
 * Errors:   PAWL_STORE  it cannot be read
 */
pawl_err pawl_ledger_file_glance(const char *path, struct pawl_ledger_glance *glance,
                                 pawl_error *error);
void pawl_ledger_file_close(struct pawl_archive *archive); /* NULL is allowed */

#endif
