/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB environment of a guard. Databases: `meta`, `seen` (name -> pawl_seen_write's bytes) and
 * `dropped` (when, and the name, of what was dropped: what is forgotten first). */
#ifndef PAWL_STORE_GUARD_ENV_H
#define PAWL_STORE_GUARD_ENV_H

#include <limits.h>
#include <lmdb.h>

#include "store/guard_book.h"

enum {
    PAWL_GUARD_ENV_DAMAGED = -1, /* it cannot be relied on; neither LMDB's nor an errno */
    PAWL_GUARD_DROPPED_MAX = 100000,
};

/* How long a dropped sequence is remembered, should its store go back to before that. */
#define PAWL_GUARD_DROPPED_S (INT64_C(90) * 86400)

struct pawl_guard_env {
    MDB_env *env; /* NULL: not open */
    MDB_dbi meta, seen, dropped;
    MDB_txn *txn;        /* between begin and end */
    uint64_t generation; /* of its last commit */
    uint64_t count;      /* of `seen` */
    bool worn;           /* `seen` and `meta` can be read, and something else cannot */
    bool looked;         /* at all of `seen` */
};

/*
 * Opens it, makes it if it is new, and looks at all that it holds, unless it is known to be whole:
 * not at `seen` then. *head: what is remembered, if it is not new. 0, PAWL_GUARD_ENV_DAMAGED or
 * what LMDB says; *why then says it to people. Where only `dropped`, or what LMDB keeps for itself,
 * cannot be read, it is made anew from the rest.
 *
 * LMDB trusts its pages: damage can end the process here, or later.
 */
int pawl_guard_env_open(struct pawl_guard_env *env, const char *path, bool whole,
                        struct pawl_book_head *head, const char **why);
/* Looks at all of `seen`. 0, PAWL_GUARD_ENV_DAMAGED or what LMDB says. */
int pawl_guard_env_look(struct pawl_guard_env *env);
/* Likewise, and changes nothing: there must be one, and nobody may write to it. */
int pawl_guard_env_glance(struct pawl_guard_env *env, const char *path, const char **why);
void pawl_guard_env_close(struct pawl_guard_env *env);

/* What another one has seen is seen, unless more of it was seen here. */
int pawl_guard_env_merge(struct pawl_guard_env *env, struct pawl_guard_env *other,
                         const struct pawl_book_head *head);

/* What was seen by another store, that this one takes the place of, is remembered of it where
 * nothing was seen here, or less of the same line. Again, it does nothing. */
int pawl_guard_env_inherit(struct pawl_guard_env *env, struct pawl_guard_env *former,
                           const struct pawl_book_head *head);

/* 0, MDB_NOTFOUND, or what else LMDB says: nobody knows. */
int pawl_guard_env_get(struct pawl_guard_env *env, struct pawl_bytes name, struct pawl_seen *seen);

/* One transaction: begin, puts, end. All return 0 or what LMDB says. rc not 0: it is dropped. */
int pawl_guard_env_begin(struct pawl_guard_env *env);
int pawl_guard_env_put(struct pawl_guard_env *env, struct pawl_bytes name,
                       const struct pawl_seen *seen);
/* Some of what was dropped long ago, or is too many. */
int pawl_guard_env_forget_old(struct pawl_guard_env *env, int64_t now_s);
int pawl_guard_env_end(struct pawl_guard_env *env, const struct pawl_book_head *head, int rc);

#endif
