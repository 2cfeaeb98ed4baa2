/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_env.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/guard_text.h"

enum {
    FILE_MODE = 0600,
    DATABASES = 3,
    DROPPED_KEY_BYTES_MAX = 8 + PAWL_NAME_BYTES_MAX,
    FORGET_AT_ONCE = 32768, /* more than a journal can have dropped since the last time */
    FREE_DATABASE = 0,      /* LMDB's own: the pages that are free */
    META_PAGES = 2,         /* are never free */
    PATH_BYTES = PATH_MAX,
};

/* Address space; the file is as large as what is in it. */
#define MAP_BYTES ((size_t)1 << 34)

static const char format_key[] = "format";
static const char head_key[] = "head";
static const char generation_key[] = "generation";

static MDB_val val(const void *at, size_t size)
{
    return (MDB_val){size, (void *)(uintptr_t)at};
}

static int open_databases(struct pawl_guard_env *env, unsigned flags)
{
    int rc = mdb_dbi_open(env->txn, "meta", flags, &env->meta);

    if (rc == 0) rc = mdb_dbi_open(env->txn, "seen", flags, &env->seen);
    if (rc == 0) rc = mdb_dbi_open(env->txn, "dropped", flags, &env->dropped);
    return rc;
}

/* A number of `meta`: behind it stands what checks it, each bit turned. */
static int meta_get(struct pawl_guard_env *env, const char *key, uint64_t *number)
{
    uint64_t both[2];
    MDB_val k = val(key, strlen(key));
    MDB_val v;
    int rc = mdb_get(env->txn, env->meta, &k, &v);

    if (rc != 0) return rc;
    if (v.mv_size != sizeof both) return MDB_CORRUPTED;
    memcpy(both, v.mv_data, sizeof both);
    *number = both[0];
    return both[0] == ~both[1] ? 0 : MDB_CORRUPTED;
}

static int meta_put(struct pawl_guard_env *env, const char *key, uint64_t number)
{
    const uint64_t both[2] = {number, ~number};
    MDB_val k = val(key, strlen(key));
    MDB_val v = val(both, sizeof both);

    return mdb_put(env->txn, env->meta, &k, &v, 0);
}

static int head_put(struct pawl_guard_env *env, const struct pawl_book_head *head)
{
    char bytes[PAWL_HEAD_BYTES];
    MDB_val k = val(head_key, sizeof head_key - 1);
    MDB_val v = val(bytes, sizeof bytes);

    pawl_head_write(head, bytes);
    return mdb_put(env->txn, env->meta, &k, &v, 0);
}

/* Every page that it says to have must be in the file: a map beyond its end kills the process. */
static bool is_whole(struct pawl_guard_env *env)
{
    MDB_envinfo info;
    MDB_stat stat_of;
    struct stat about;
    int fd = -1;

    if (mdb_env_info(env->env, &info) != 0 || mdb_env_stat(env->env, &stat_of) != 0) return false;
    if (mdb_env_get_fd(env->env, &fd) != 0 || fstat(fd, &about) != 0) return false;
    return (uint64_t)about.st_size >= ((uint64_t)info.me_last_pgno + 1) * stat_of.ms_psize;
}

static int check_meta(struct pawl_guard_env *env, struct pawl_book_head *head, const char **why)
{
    uint64_t format = 0;
    MDB_val k = val(head_key, sizeof head_key - 1);
    MDB_val v;

    *why = "it has no format";
    if (meta_get(env, format_key, &format) != 0) return PAWL_GUARD_ENV_DAMAGED;
    if (format > PAWL_GUARD_FORMAT) {
        *why = "was written by a newer pawl: use that";
        return MDB_VERSION_MISMATCH;
    }
    *why = "it is of a pawl before the first release";
    if (format < PAWL_GUARD_FORMAT) return PAWL_GUARD_ENV_DAMAGED;
    *why = "what it knows of the store cannot be read";
    if (meta_get(env, generation_key, &env->generation) != 0 ||
        mdb_get(env->txn, env->meta, &k, &v) != 0 ||
        !pawl_head_read(head, (struct pawl_bytes){v.mv_data, v.mv_size})) {
        return PAWL_GUARD_ENV_DAMAGED;
    }
    return 0;
}

static bool seen_is_sound(struct pawl_guard_env *env, MDB_val k, MDB_val v)
{
    struct pawl_seen seen;

    (void)env;
    return k.mv_size > 0 && k.mv_size <= PAWL_NAME_BYTES_MAX &&
           pawl_seen_read(&seen, (struct pawl_bytes){k.mv_data, k.mv_size},
                          (struct pawl_bytes){v.mv_data, v.mv_size});
}

static bool dropped_is_sound(struct pawl_guard_env *env, MDB_val k, MDB_val v)
{
    (void)env;
    return k.mv_size > 8 && k.mv_size <= DROPPED_KEY_BYTES_MAX && v.mv_size == 0;
}

/*
 * A count, and as many numbers of pages, the highest first. LMDB writes to such pages unasked: one
 * that is wrong would harm what is sound. Room behind the last of them may be left.
 */
static bool free_is_sound(struct pawl_guard_env *env, MDB_val k, MDB_val v)
{
    MDB_envinfo info;
    size_t count = 0;
    size_t before = 0;

    if (k.mv_size != sizeof(size_t) || v.mv_size % sizeof(size_t) != 0) return false;
    if (v.mv_size == 0 || mdb_env_info(env->env, &info) != 0) return false;
    memcpy(&count, v.mv_data, sizeof count);
    if (count > v.mv_size / sizeof(size_t) - 1) return false;
    before = info.me_last_pgno + 1;
    for (size_t i = 1; i <= count; i++) {
        size_t page = 0;

        memcpy(&page, (const char *)v.mv_data + i * sizeof page, sizeof page);
        if (page < META_PAGES || page >= before) return false;
        before = page;
    }
    return true;
}

typedef bool sound_fn(struct pawl_guard_env *env, MDB_val k, MDB_val v);

/*
 * All entries of one database, in order; false: one of them, or the way to it, cannot be read, or
 * they are not those that were written. Pages that point at each other would never end: there are
 * no more entries than the database says.
 */
static bool walk(struct pawl_guard_env *env, MDB_dbi database, sound_fn *is_sound, uint64_t *count)
{
    MDB_cursor *cursor;
    MDB_stat stat_of;
    MDB_val before = {.mv_size = 0};
    MDB_val k;
    MDB_val v;

    *count = 0;
    if (mdb_stat(env->txn, database, &stat_of) != 0) return false;
    if (mdb_cursor_open(env->txn, database, &cursor) != 0) return false;
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);

    while (rc == 0 && is_sound(env, k, v) && *count < stat_of.ms_entries &&
           (*count == 0 || mdb_cmp(env->txn, database, &before, &k) < 0)) {
        before = k;
        ++*count;
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND && *count == stat_of.ms_entries;
}

static int check_all(struct pawl_guard_env *env, bool whole, const char **why)
{
    MDB_stat stat_of;
    uint64_t unused = 0;

    *why = "an entry cannot be read";
    if (mdb_stat(env->txn, env->seen, &stat_of) != 0) return PAWL_GUARD_ENV_DAMAGED;
    env->count = stat_of.ms_entries;
    env->looked = !whole;
    if (!whole && !walk(env, env->seen, seen_is_sound, &unused)) return PAWL_GUARD_ENV_DAMAGED;
    env->worn = !walk(env, env->dropped, dropped_is_sound, &unused) ||
                !walk(env, FREE_DATABASE, free_is_sound, &unused);
    return 0;
}

static int look(struct pawl_guard_env *env, bool whole, struct pawl_book_head *head,
                const char **why)
{
    int rc = mdb_txn_begin(env->env, NULL, MDB_RDONLY, &env->txn);

    *why = "cannot be read";
    if (rc != 0) return rc;
    *why = "it has not what a guard has";
    rc = open_databases(env, 0) == 0 ? check_meta(env, head, why) : PAWL_GUARD_ENV_DAMAGED;
    if (rc == 0) rc = check_all(env, whole, why);
    if (rc == 0) {
        rc = mdb_txn_commit(env->txn); /* so that the handles last */
    } else {
        mdb_txn_abort(env->txn);
    }
    env->txn = NULL;
    return rc;
}

static int make(struct pawl_guard_env *env, const struct pawl_book_head *head)
{
    int rc = mdb_txn_begin(env->env, NULL, 0, &env->txn);

    if (rc != 0) return rc;
    rc = open_databases(env, MDB_CREATE);
    if (rc == 0) rc = meta_put(env, format_key, PAWL_GUARD_FORMAT);
    return pawl_guard_env_end(env, head, rc);
}

static bool says_damaged(int rc)
{
    return rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_PANIC ||
           rc == MDB_VERSION_MISMATCH || rc == EINVAL;
}

/* LMDB's last words: it ends the process next. */
static void asserted(MDB_env *env, const char *why)
{
    (void)env;
    pawl_log(PAWL_LOG_ERROR, "guard is damaged, and LMDB ends this process",
             "why=\"%s\" then=\"start again: it is set aside then\"", why);
}

static int open_files(struct pawl_guard_env *env, const char *path, unsigned flags,
                      const char **why)
{
    int rc = mdb_env_create(&env->env);

    *why = "cannot be opened";
    if (rc != 0) {
        env->env = NULL;
        return rc;
    }
    /* Who only looks may be a process that must not log. */
    if ((flags & MDB_RDONLY) == 0) (void)mdb_env_set_assert(env->env, asserted);
    rc = mdb_env_set_mapsize(env->env, MAP_BYTES);
    if (rc == 0) rc = mdb_env_set_maxdbs(env->env, DATABASES);
    /* The folder has one owner, and that one thread: no lock file, which a full disk could harm. */
    if (rc == 0) {
        rc =
            mdb_env_open(env->env, path, flags | MDB_NOTLS | MDB_NOLOCK | MDB_NORDAHEAD, FILE_MODE);
    }
    if (rc == 0) return 0;
    return says_damaged(rc) ? PAWL_GUARD_ENV_DAMAGED : rc;
}

/* What it holds, if it is not new. */
static int open_read(struct pawl_guard_env *env, bool whole, struct pawl_book_head *head,
                     const char **why)
{
    struct pawl_book_head found;

    if (!is_whole(env)) {
        *why = "its file is cut";
        return PAWL_GUARD_ENV_DAMAGED;
    }
    int rc = look(env, whole, &found, why);

    if (rc == 0) *head = found;
    return rc;
}

static int open_write(struct pawl_guard_env *env, const char *path, bool whole,
                      struct pawl_book_head *head, const char **why)
{
    MDB_stat stat_of;

    *env = (struct pawl_guard_env){.env = NULL};
    int rc = open_files(env, path, 0, why);

    if (rc == 0) rc = mdb_env_stat(env->env, &stat_of);
    if (rc == 0 && stat_of.ms_entries == 0) {
        *why = "cannot be written";
        rc = make(env, head);
        env->looked = true;
    } else if (rc == 0) {
        rc = open_read(env, whole, head, why);
    }
    if (rc != 0) pawl_guard_env_close(env);
    return rc;
}

/* What is seen can be read, the rest cannot: into an environment of its own, which takes its
 * place. Its generation stays, so that the journal goes on counting. */
static int renew(struct pawl_guard_env *env, const char *path, const struct pawl_book_head *head)
{
    struct pawl_guard_env fresh;
    struct pawl_book_head unused = *head;
    const char *why = NULL;
    char folder[PATH_BYTES];
    char from[PATH_BYTES + 16];
    char to[PATH_BYTES + 16];
    uint64_t generation = env->generation;

    int size = snprintf(folder, sizeof folder, "%s/new", path);
    if (size < 0 || (size_t)size >= sizeof folder) return ENAMETOOLONG;
    (void)snprintf(from, sizeof from, "%s/data.mdb", folder);
    (void)snprintf(to, sizeof to, "%s/data.mdb", path);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) return errno;
    if (unlink(from) != 0 && errno != ENOENT) return errno;
    int rc = open_write(&fresh, folder, false, &unused, &why);

    if (rc == 0) {
        fresh.generation = generation - 1;
        rc = pawl_guard_env_merge(&fresh, env, head);
        pawl_guard_env_close(&fresh);
    }
    if (rc == 0 && rename(from, to) != 0) rc = errno;
    (void)rmdir(folder);
    return rc;
}

int pawl_guard_env_open(struct pawl_guard_env *env, const char *path, bool whole,
                        struct pawl_book_head *head, const char **why)
{
    int rc = open_write(env, path, whole, head, why);

    if (rc != 0 || !env->worn) return rc;
    if (whole) { /* it is not: all of it must be looked at before it is copied */
        pawl_guard_env_close(env);
        rc = open_write(env, path, false, head, why);
        if (rc != 0 || !env->worn) return rc;
    }
    *why = "its index cannot be made anew";
    rc = renew(env, path, head);
    pawl_guard_env_close(env);
    if (rc == 0) rc = open_write(env, path, false, head, why);
    return rc == 0 && env->worn ? PAWL_GUARD_ENV_DAMAGED : rc;
}

int pawl_guard_env_glance(struct pawl_guard_env *env, const char *path, const char **why)
{
    struct pawl_book_head unused;

    *env = (struct pawl_guard_env){.env = NULL};
    int rc = open_files(env, path, MDB_RDONLY, why);

    if (rc == 0) rc = open_read(env, false, &unused, why);
    if (rc != 0) pawl_guard_env_close(env);
    return rc;
}

int pawl_guard_env_look(struct pawl_guard_env *env)
{
    uint64_t unused = 0;
    int rc = env->env == NULL ? MDB_PANIC : mdb_txn_begin(env->env, NULL, MDB_RDONLY, &env->txn);

    if (rc != 0) return rc;
    env->looked = walk(env, env->seen, seen_is_sound, &unused);
    mdb_txn_abort(env->txn);
    env->txn = NULL;
    return env->looked ? 0 : PAWL_GUARD_ENV_DAMAGED;
}

void pawl_guard_env_close(struct pawl_guard_env *env)
{
    if (env->env != NULL) mdb_env_close(env->env);
    env->env = NULL;
    env->count = 0;
}

int pawl_guard_env_get(struct pawl_guard_env *env, struct pawl_bytes name, struct pawl_seen *seen)
{
    MDB_val k = val(name.at, name.size);
    MDB_val v;
    MDB_txn *txn = NULL;
    int rc = env->env == NULL ? MDB_PANIC : mdb_txn_begin(env->env, NULL, MDB_RDONLY, &txn);

    if (rc != 0) return rc;
    rc = mdb_get(txn, env->seen, &k, &v);
    if (rc == 0 && !pawl_seen_read(seen, name, (struct pawl_bytes){v.mv_data, v.mv_size})) {
        rc = MDB_CORRUPTED;
    }
    mdb_txn_abort(txn);
    return rc;
}

int pawl_guard_env_begin(struct pawl_guard_env *env)
{
    return env->env == NULL ? MDB_PANIC : mdb_txn_begin(env->env, NULL, 0, &env->txn);
}

static size_t dropped_key(int64_t dropped_s, struct pawl_bytes name,
                          char key[DROPPED_KEY_BYTES_MAX])
{
    for (int i = 0; i < 8; i++) {
        key[i] = (char)(unsigned char)((uint64_t)dropped_s >> (56 - 8 * i));
    }
    memcpy(key + 8, name.at, name.size);
    return 8 + name.size;
}

int pawl_guard_env_put(struct pawl_guard_env *env, struct pawl_bytes name,
                       const struct pawl_seen *seen)
{
    char bytes[PAWL_SEEN_BYTES];
    char key[DROPPED_KEY_BYTES_MAX];
    MDB_val k = val(name.at, name.size);
    MDB_val v = val(bytes, sizeof bytes);

    pawl_seen_write(name, seen, bytes);
    int rc = mdb_put(env->txn, env->seen, &k, &v, 0);

    /* LMDB's keys have at most 511 bytes. */
    if (rc != 0 || seen->dropped_s <= 0) return rc;
    k = val(key, dropped_key(seen->dropped_s, name, key));
    v = val("", 0);
    return mdb_put(env->txn, env->dropped, &k, &v, 0);
}

/* The sequence of a key of `dropped`, unless it is in use again or was dropped later once more. */
static int forget(struct pawl_guard_env *env, MDB_val key)
{
    char own[DROPPED_KEY_BYTES_MAX];
    struct pawl_bytes name = {(const char *)key.mv_data + 8, key.mv_size - 8};
    MDB_val k = val(name.at, name.size);
    MDB_val v;
    struct pawl_seen seen;

    if (mdb_get(env->txn, env->seen, &k, &v) != 0 ||
        !pawl_seen_read(&seen, name, (struct pawl_bytes){v.mv_data, v.mv_size})) {
        return 0;
    }
    if (dropped_key(seen.dropped_s, name, own) != key.mv_size ||
        memcmp(own, key.mv_data, key.mv_size) != 0) {
        return 0;
    }
    return mdb_del(env->txn, env->seen, &k, NULL);
}

static int64_t key_time(MDB_val key)
{
    uint64_t number = 0;

    for (size_t i = 0; i < 8; i++) {
        number = number << 8 | ((const unsigned char *)key.mv_data)[i];
    }
    return (int64_t)number;
}

int pawl_guard_env_forget_old(struct pawl_guard_env *env, int64_t now_s)
{
    MDB_cursor *cursor;
    MDB_stat stat_of;
    MDB_val k;
    MDB_val v;
    int rc = mdb_stat(env->txn, env->dropped, &stat_of);

    if (rc == 0) rc = mdb_cursor_open(env->txn, env->dropped, &cursor);
    if (rc != 0) return rc;
    for (int i = 0; i < FORGET_AT_ONCE; i++) {
        rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
        if (rc != 0 || k.mv_size <= 8) break;
        if (key_time(k) >= now_s - PAWL_GUARD_DROPPED_S &&
            stat_of.ms_entries <= PAWL_GUARD_DROPPED_MAX) {
            break;
        }
        rc = forget(env, k);
        if (rc == 0) rc = mdb_cursor_del(cursor, 0);
        if (rc != 0) break;
        stat_of.ms_entries--;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int pawl_guard_env_end(struct pawl_guard_env *env, const struct pawl_book_head *head, int rc)
{
    MDB_stat stat_of = {0};

    if (env->txn == NULL) return rc;
    if (rc == 0) rc = head_put(env, head);
    if (rc == 0) rc = meta_put(env, generation_key, env->generation + 1);
    if (rc == 0) rc = mdb_stat(env->txn, env->seen, &stat_of);
    if (rc != 0) {
        mdb_txn_abort(env->txn);
    } else {
        rc = mdb_txn_commit(env->txn);
    }
    env->txn = NULL;
    if (rc != 0) return rc;
    env->generation++;
    env->count = stat_of.ms_entries;
    return 0;
}
