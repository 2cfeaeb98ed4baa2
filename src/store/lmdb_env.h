/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LMDB environment of a store: opened, checked, grown, and opened anew after a failure. It has
 * two named databases: `seq` (name -> pawl_record_write's bytes) and `meta` (format, uuid,
 * created_at and branch, as text that mdb_dump shows to people).
 */
#ifndef PAWL_STORE_LMDB_ENV_H
#define PAWL_STORE_LMDB_ENV_H

#include "range/source.h"
#include "store/tag.h"

#include <lmdb.h>

enum {
    PAWL_LMDB_FORMAT = 1,
    PAWL_LMDB_TEXT_BYTES = PAWL_TAG_BYTES_MAX + 1, /* in `meta`; a UUID is shorter */
};

#define PAWL_LMDB_MAP_BYTES     ((size_t)1 << 30) /* address space at first; the file is smaller */
#define PAWL_LMDB_MAP_BYTES_MAX ((size_t)1 << 46)

struct pawl_lmdb_env {
    const char *folder; /* the owner's; it has locked the folder */
    size_t map_bytes;   /* grows */
    int64_t wall_s;     /* becomes created_at, if the environment is new */
    MDB_env *env;       /* NULL: not open */
    MDB_dbi seq;
    char uuid[PAWL_LMDB_TEXT_BYTES];   /* empty until it was opened once; must stay the same */
    char branch[PAWL_LMDB_TEXT_BYTES]; /* a tag; others may have drawn some other text */
};

/*
 * folder, map_bytes and wall_s are set, and env is NULL. After a failure it can be called again.
 *
 * Errors:   PAWL_DENIED it is damaged, of a newer format, or not pawl's
 *           PAWL_STORE  it cannot be opened
 *           In neither case was anything in it changed.
 */
pawl_err pawl_lmdb_env_open(struct pawl_lmdb_env *env, pawl_error *error);
void pawl_lmdb_env_close(struct pawl_lmdb_env *env);

/* As mdb_txn_begin; goes on when another program (mdb_load) has enlarged the map. */
int pawl_lmdb_env_begin(struct pawl_lmdb_env *env, unsigned flags, MDB_txn **txn);

/* Its uuid, its branch, and the number of its last transaction. */
void pawl_lmdb_env_identity(const struct pawl_lmdb_env *env, struct pawl_identity *identity);

/*
 * Draws another branch, unless the present one was drawn after `was`. No transaction may be open.
 * Returns what LMDB says; after a failure the environment must be closed.
 */
int pawl_lmdb_env_redraw(struct pawl_lmdb_env *env, const struct pawl_branch *was);

/* Doubles the map. No transaction may be open. After a failure the environment must be closed. */
int pawl_lmdb_env_grow(struct pawl_lmdb_env *env);

#endif
