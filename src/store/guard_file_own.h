/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a guard's book share: guard_file.c has the book in use, guard_open.c how it is
 * opened for a store. */
#ifndef PAWL_STORE_GUARD_FILE_OWN_H
#define PAWL_STORE_GUARD_FILE_OWN_H

#include <limits.h>

#include "store/folder.h"
#include "store/guard_aside.h"
#include "store/guard_env.h"
#include "store/guard_file.h"
#include "store/guard_journal.h"
#include "store/guard_stores.h"
#include "store/guard_text.h"

enum {
    PAWL_GUARD_BUCKETS = 4096,
    PAWL_GUARD_FOLD_BYTES = 2 << 20, /* of the journal, when it is put into data.mdb */
    PAWL_GUARD_SHOWN_MAX = 200,      /* bytes of a path, in an error */
};

/* What the journal has and data.mdb has not; or what was just looked up there. */
struct pawl_guard_cell {
    struct pawl_guard_cell *next;
    struct pawl_name name;
    struct pawl_seen seen;
    bool stored; /* as it is here */
};

struct pawl_guard_file {
    struct pawl_book book;
    struct pawl_folder lock; /* fd -1: another owns the folder for us */
    struct pawl_guard_stores stores;
    char folder[PATH_MAX];
    char path[PAWL_GUARD_PATH_BYTES]; /* of the open store's */
    struct pawl_guard_env env;
    struct pawl_journal journal;
    struct pawl_book_head head;
    struct pawl_guard_cell *cells[PAWL_GUARD_BUCKETS];
    uint64_t fresh_count; /* of those, that data.mdb has not */
    size_t fold_at;       /* the journal's size at which it is folded next */
    uint64_t generation;  /* of data.mdb's last commit, as far as known */
    uint64_t retry_ns;    /* data.mdb is not opened anew before */
    bool missed;          /* what a failed write left out is in the cells alone */
    struct pawl_frame_reader reader;
    int replay_failure;
    char frame[PAWL_FRAME_BYTES_MAX];
};

/* guard_file.c */
pawl_err pawl_guard_file_fail(const struct pawl_guard_file *file, const char *what, int failure,
                              pawl_error *error);
/* false: no memory. */
bool pawl_guard_file_remember(struct pawl_guard_file *file, const struct pawl_sight *sight);
/* Puts all cells into data.mdb, and empties the journal. 0 or what failed. */
int pawl_guard_file_fold(struct pawl_guard_file *file);
/* The same, if it is open, and closes it. */
void pawl_guard_file_shut(struct pawl_guard_file *file);
/* Closes it as it is. */
void pawl_guard_file_let_go(struct pawl_guard_file *file);

/* guard_open.c: shuts what is open, and opens store's. As pawl_book_ops has it. */
pawl_err pawl_guard_file_begin(struct pawl_guard_file *file, const struct pawl_identity *store,
                               struct pawl_book_head *head, pawl_error *error);

#endif
