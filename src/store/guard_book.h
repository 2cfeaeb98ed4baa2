/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a guard keeps what it remembers of a store: guard.c decides, a book remembers. guard_file.c
 * has the one on disk; the simulation has one of its own.
 */
#ifndef PAWL_STORE_GUARD_BOOK_H
#define PAWL_STORE_GUARD_BOOK_H

#include "range/source.h"

/* What is remembered of a sequence. */
struct pawl_seen {
    struct pawl_mark mark;       /* the furthest granted and not given back; line 0: nothing */
    struct pawl_mark first;      /* the first that was granted here in that line */
    int64_t run_first;           /* from here on up to mark all was granted here */
    struct pawl_mark run_before; /* the furthest before that; mark itself: it was all given back */
    int64_t increment;           /* of the grant that ends at mark */
    bool former;       /* by the store before: of a CREATE, or while mark's line is the record's */
    bool turned;       /* the line of run_before goes the other way */
    bool any_line;     /* former: by several before, in lines of their own: it counts in any */
    bool blind;        /* since then nobody above has told that he had come further */
    int64_t dropped_s; /* when it was found to be dropped; 0: it was not. Seconds since 1970 */
};

static inline int64_t pawl_guard_direction(const struct pawl_seen *seen)
{
    return seen->increment < 0 ? -1 : 1;
}

/* One to remember. The name is the caller's. */
struct pawl_sight {
    struct pawl_bytes name;
    struct pawl_seen seen;
};

/* What is remembered of the store itself. */
struct pawl_book_head {
    struct pawl_branch branch;
    uint64_t position;
    int64_t began_s; /* when the book was begun, since 1970 */
    bool fresh;      /* just now: nothing was remembered */
};

/* What is remembered together. */
struct pawl_entries {
    const struct pawl_book_head *head; /* NULL: as it was */
    const struct pawl_sight *sights;
    size_t count;
    bool lasts; /* through a power cut, too, once it is remembered */
};

struct pawl_book {
    const struct pawl_book_ops *ops;
    uint64_t losses; /* how often it was lost in use, and begun anew: only some of it is left */
};

/*
 * open   the book of one store, as it is now; another may be open. head: what is remembered.
 *        PAWL_DENIED: under this URL another store is remembered, and nobody
 *        has accepted this one; error says how, and what was open stays so. PAWL_STORE: it cannot
 *        be opened now, and none is open.
 * get    what is remembered of a sequence; mark.line 0: nothing.
 * put    remembers all of it. Once it returns PAWL_OK that outlives the process, however that ends;
 *        after a failure it is remembered as long as the process lives, and written when it can be.
 * count  sequences that are remembered, about.
 * close  lets go of everything, and frees.
 */
struct pawl_book_ops {
    pawl_err (*open)(struct pawl_book *book, const struct pawl_identity *store,
                     struct pawl_book_head *head, pawl_error *error);
    pawl_err (*get)(struct pawl_book *book, struct pawl_bytes name, struct pawl_seen *seen,
                    pawl_error *error);
    pawl_err (*put)(struct pawl_book *book, const struct pawl_entries *entries, pawl_error *error);
    uint64_t (*count)(const struct pawl_book *book);
    void (*close)(struct pawl_book *book);
    void (*forked)(struct pawl_book *book); /* closes the lock's descriptor, and nothing else */
};

#endif
