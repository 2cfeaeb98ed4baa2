/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_env.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/guard_text.h"

enum {
    FILE_MODE = 0600,
    DATABASES = 3,
    DROPPED_KEY_BYTES_MAX = 8 + PAWL_NAME_BYTES_MAX,
    FORGET_AT_ONCE = 8192, /* more than a journal can have dropped since the last time */
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

/* An eight-byte number of `meta`. */
static int meta_get(struct pawl_guard_env *env, const char *key, uint64_t *number)
{
    MDB_val k = val(key, strlen(key));
    MDB_val v;
    int rc = mdb_get(env->txn, env->meta, &k, &v);

    if (rc == 0 && v.mv_size != sizeof *number) return MDB_CORRUPTED;
    if (rc == 0) memcpy(number, v.mv_data, sizeof *number);
    return rc;
}

static int meta_put(struct pawl_guard_env *env, const char *key, uint64_t number)
{
    MDB_val k = val(key, strlen(key));
    MDB_val v = val(&number, sizeof number);

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
    *why = "what it knows of the store cannot be read";
    if (meta_get(env, generation_key, &env->generation) != 0 ||
        mdb_get(env->txn, env->meta, &k, &v) != 0 ||
        !pawl_head_read(head, (struct pawl_bytes){v.mv_data, v.mv_size})) {
        return PAWL_GUARD_ENV_DAMAGED;
    }
    return 0;
}

static int check_seen(struct pawl_guard_env *env, const char **why)
{
    MDB_cursor *cursor;
    MDB_val k;
    MDB_val v;
    struct pawl_seen seen;
    int rc = mdb_cursor_open(env->txn, env->seen, &cursor);

    *why = "an entry cannot be read";
    if (rc != 0) return PAWL_GUARD_ENV_DAMAGED;
    env->count = 0;
    while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (!pawl_seen_read(&seen, (struct pawl_bytes){v.mv_data, v.mv_size})) break;
        env->count++;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : PAWL_GUARD_ENV_DAMAGED;
}

static int look(struct pawl_guard_env *env, struct pawl_book_head *head, const char **why)
{
    int rc = mdb_txn_begin(env->env, NULL, MDB_RDONLY, &env->txn);

    *why = "cannot be read";
    if (rc != 0) return rc;
    *why = "it has not what a guard has";
    rc = open_databases(env, 0) == 0 ? check_meta(env, head, why) : PAWL_GUARD_ENV_DAMAGED;
    if (rc == 0) rc = check_seen(env, why);
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

static int open_files(struct pawl_guard_env *env, const char *path, const char **why)
{
    int rc = mdb_env_create(&env->env);

    *why = "cannot be opened";
    if (rc != 0) {
        env->env = NULL;
        return rc;
    }
    rc = mdb_env_set_mapsize(env->env, MAP_BYTES);
    if (rc == 0) rc = mdb_env_set_maxdbs(env->env, DATABASES);
    /* The folder has one owner, and that one thread: no lock file, which a full disk could harm. */
    if (rc == 0) {
        rc = mdb_env_open(env->env, path, MDB_NOTLS | MDB_NOLOCK | MDB_NORDAHEAD, FILE_MODE);
    }
    if (rc == 0) return 0;
    return says_damaged(rc) ? PAWL_GUARD_ENV_DAMAGED : rc;
}

int pawl_guard_env_open(struct pawl_guard_env *env, const char *path, struct pawl_book_head *head,
                        const char **why)
{
    MDB_stat stat_of;

    *env = (struct pawl_guard_env){.env = NULL};
    int rc = open_files(env, path, why);

    if (rc == 0) {
        rc = mdb_env_stat(env->env, &stat_of);
        if (rc == 0 && stat_of.ms_entries == 0) {
            *why = "cannot be written";
            rc = make(env, head);
        } else if (rc == 0 && !is_whole(env)) {
            *why = "its file is cut";
            rc = PAWL_GUARD_ENV_DAMAGED;
        } else if (rc == 0) {
            struct pawl_book_head found;

            rc = look(env, &found, why);
            if (rc == 0) *head = found;
        }
    }
    if (rc != 0) pawl_guard_env_close(env);
    return rc;
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
    if (rc == 0 && !pawl_seen_read(seen, (struct pawl_bytes){v.mv_data, v.mv_size})) {
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

    pawl_seen_write(seen, bytes);
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
        !pawl_seen_read(&seen, (struct pawl_bytes){v.mv_data, v.mv_size})) {
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
