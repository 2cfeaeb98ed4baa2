/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lmdb_env.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FOLDER_SHOWN_MAX = 200,     /* bytes of a path in an error, so that its advice always fits */
    LOCK_FILE_BYTES = 8192,     /* what LMDB makes of lock.mdb for its default of 126 readers */
    DATABASES_MAX = 8,          /* two now */
    PATH_BYTES_MAX = 4096 + 16, /* a folder and a name of LMDB's in it */
    FILE_MODE = 0600,
};

static pawl_err fail(const struct pawl_lmdb_env *env, const char *what, int rc, pawl_error *error)
{
    return pawl_fail(error, PAWL_STORE, "lmdb:%.*s: %s: %s", FOLDER_SHOWN_MAX, env->folder, what,
                     mdb_strerror(rc));
}

/*
 * LMDB maps lock.mdb to write in it; a hole in it on a full disk would end the process by SIGBUS.
 * So it gets its blocks before. Done while the environment is closed: closing any descriptor of
 * the file drops LMDB's own locks on it.
 */
static int fill_lock_file(const struct pawl_lmdb_env *env)
{
    char path[PATH_BYTES_MAX];
    int size = snprintf(path, sizeof path, "%s/lock.mdb", env->folder);

    if (size < 0 || (size_t)size >= sizeof path) return ENAMETOOLONG;

    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);

    if (fd < 0) return errno;

    int failure = posix_fallocate(fd, 0, LOCK_FILE_BYTES);

    (void)close(fd);
    return failure == EINVAL || failure == EOPNOTSUPP ? 0 : failure;
}

/* data.mdb may be new: its name must be as durable as what will be in it. */
static int sync_folder(const struct pawl_lmdb_env *env)
{
    int fd = open(env->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) return errno;

    int failure = fsync(fd) == 0 ? 0 : errno;

    (void)close(fd);
    return failure;
}

static int meta_put(MDB_txn *txn, MDB_dbi meta, const char *key, const char *text, unsigned flags)
{
    char key_bytes[16];
    char text_bytes[PAWL_LMDB_TEXT_BYTES];
    size_t key_size = (size_t)snprintf(key_bytes, sizeof key_bytes, "%s", key);
    size_t text_size = (size_t)snprintf(text_bytes, sizeof text_bytes, "%s", text);
    MDB_val k = {key_size, key_bytes};
    MDB_val v = {text_size, text_bytes};

    return mdb_put(txn, meta, &k, &v, flags);
}

/* An empty text if there is none. */
static int meta_get(MDB_txn *txn, MDB_dbi meta, const char *key, char text[PAWL_LMDB_TEXT_BYTES])
{
    char key_bytes[16];
    size_t key_size = (size_t)snprintf(key_bytes, sizeof key_bytes, "%s", key);
    MDB_val k = {key_size, key_bytes};
    MDB_val v = {0};
    int rc = mdb_get(txn, meta, &k, &v);
    size_t size = rc == 0 && v.mv_size < PAWL_LMDB_TEXT_BYTES ? v.mv_size : 0;

    if (size > 0) memcpy(text, v.mv_data, size);
    text[size] = '\0';
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* A random UUID (version 4, RFC 9562). */
static void uuid_make(char text[PAWL_LMDB_TEXT_BYTES])
{
    uint64_t halves[2];

    pawl_entropy(halves, sizeof halves);
    halves[0] = (halves[0] & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
    halves[1] = (halves[1] & ~(UINT64_C(3) << 62)) | (UINT64_C(2) << 62);
    (void)snprintf(text, PAWL_LMDB_TEXT_BYTES, "%08x-%04x-%04x-%04x-%012llx",
                   (unsigned)(halves[0] >> 32), (unsigned)(halves[0] >> 16 & 0xffff),
                   (unsigned)(halves[0] & 0xffff), (unsigned)(halves[1] >> 48),
                   (unsigned long long)(halves[1] & UINT64_C(0xffffffffffff)));
}

/* Beyond both: one that is none has number 0. */
static void branch_make(const struct pawl_tag *seen, const struct pawl_tag *known,
                        char text[PAWL_LMDB_TEXT_BYTES])
{
    const struct pawl_tag none = {.number = 0};
    uint64_t random = 0;

    pawl_entropy(&random, sizeof random);
    const struct pawl_tag drawn = pawl_tag_draw(seen, known, &none, &random);

    text[pawl_tag_write(&drawn, text)] = '\0';
}

static int fill_new(struct pawl_lmdb_env *env, MDB_txn *txn)
{
    char format[8];
    char created_at[24];
    char uuid[PAWL_LMDB_TEXT_BYTES];
    char branch[PAWL_LMDB_TEXT_BYTES];
    const struct pawl_tag none = {.number = 0};
    MDB_dbi meta;
    int rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &meta);

    (void)snprintf(format, sizeof format, "%d", (int)PAWL_LMDB_FORMAT);
    (void)snprintf(created_at, sizeof created_at, "%lld", (long long)env->wall_s);
    uuid_make(uuid);
    branch_make(&none, &none, branch);
    if (rc == 0) rc = mdb_dbi_open(txn, "seq", MDB_CREATE, &env->seq);
    if (rc == 0) rc = meta_put(txn, meta, "format", format, MDB_NOOVERWRITE);
    if (rc == 0) rc = meta_put(txn, meta, "uuid", uuid, MDB_NOOVERWRITE);
    if (rc == 0) rc = meta_put(txn, meta, "created_at", created_at, MDB_NOOVERWRITE);
    if (rc == 0) rc = meta_put(txn, meta, "branch", branch, MDB_NOOVERWRITE);
    return rc;
}

/* Made by one transaction: it is all there, or none of it. */
static pawl_err make_new(struct pawl_lmdb_env *env, pawl_error *error)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(env->env, NULL, 0, &txn);

    if (rc == 0) {
        rc = fill_new(env, txn);
        if (rc == 0) {
            rc = mdb_txn_commit(txn);
        } else {
            mdb_txn_abort(txn);
        }
    }
    return rc == 0 ? PAWL_OK : fail(env, "cannot make the databases", rc, error);
}

static pawl_err check_format(const struct pawl_lmdb_env *env, const char *text, pawl_error *error)
{
    uint64_t format = 0;

    if (pawl_bytes_to_u64((struct pawl_bytes){text, strlen(text)}, &format)) {
        if (format == PAWL_LMDB_FORMAT) return PAWL_OK;
        if (format > PAWL_LMDB_FORMAT) {
            return pawl_fail(error, PAWL_DENIED,
                             "lmdb:%.*s has format %llu, written by a newer pawl; this one knows "
                             "format %d: use the newer pawl. Nothing was changed",
                             FOLDER_SHOWN_MAX, env->folder, (unsigned long long)format,
                             (int)PAWL_LMDB_FORMAT);
        }
    }
    return pawl_fail(error, PAWL_DENIED,
                     "lmdb:%.*s has a damaged format number (\"%s\"); restore it from a backup and "
                     "fence its sequences. Nothing was changed",
                     FOLDER_SHOWN_MAX, env->folder, text);
}

static pawl_err check_uuid(struct pawl_lmdb_env *env, const char *uuid, pawl_error *error)
{
    if (env->uuid[0] == '\0') {
        (void)snprintf(env->uuid, sizeof env->uuid, "%s", uuid);
    }
    if (strcmp(env->uuid, uuid) == 0) return PAWL_OK;
    return pawl_fail(error, PAWL_STORE,
                     "lmdb:%.*s was exchanged for another store while it was in use; put it back, "
                     "or restart to go on with the new one",
                     FOLDER_SHOWN_MAX, env->folder);
}

/* Reads what is there, in a transaction whose commit makes the handles last. */
static pawl_err check_meta(struct pawl_lmdb_env *env, MDB_txn *txn, MDB_dbi meta, pawl_error *error)
{
    char format[PAWL_LMDB_TEXT_BYTES];
    char uuid[PAWL_LMDB_TEXT_BYTES];
    int rc = meta_get(txn, meta, "format", format);

    if (rc != 0) return fail(env, "cannot read its format", rc, error);

    pawl_err err = check_format(env, format, error);

    if (err != PAWL_OK) return err;
    rc = meta_get(txn, meta, "uuid", uuid);
    if (rc != 0) return fail(env, "cannot read its uuid", rc, error);
    rc = meta_get(txn, meta, "branch", env->branch);
    if (rc != 0) return fail(env, "cannot read its branch", rc, error);
    rc = mdb_dbi_open(txn, "seq", 0, &env->seq);
    if (rc != 0) return fail(env, "cannot open its sequences", rc, error);
    return check_uuid(env, uuid, error);
}

static int count_entries(MDB_txn *txn, size_t *count)
{
    MDB_dbi main_db;
    MDB_stat stat = {0};
    int rc = mdb_dbi_open(txn, NULL, 0, &main_db);

    if (rc == 0) rc = mdb_stat(txn, main_db, &stat);
    *count = stat.ms_entries;
    return rc;
}

static pawl_err ensure_databases(struct pawl_lmdb_env *env, pawl_error *error)
{
    MDB_txn *txn;
    size_t count = 0;
    int rc = mdb_txn_begin(env->env, NULL, MDB_RDONLY, &txn);

    if (rc == 0) {
        rc = count_entries(txn, &count);
        mdb_txn_abort(txn);
    }
    if (rc != 0) return fail(env, "cannot read", rc, error);
    return count == 0 ? make_new(env, error) : PAWL_OK;
}

static pawl_err open_databases(struct pawl_lmdb_env *env, pawl_error *error)
{
    MDB_txn *txn;
    MDB_dbi meta;
    pawl_err err = PAWL_OK;
    int rc = mdb_txn_begin(env->env, NULL, MDB_RDONLY, &txn);

    if (rc != 0) return fail(env, "cannot read", rc, error);
    rc = mdb_dbi_open(txn, "meta", 0, &meta);
    if (rc == MDB_NOTFOUND) {
        err = pawl_fail(error, PAWL_DENIED,
                        "lmdb:%.*s holds an LMDB environment that is not pawl's; give a folder of "
                        "its own. Nothing was changed",
                        FOLDER_SHOWN_MAX, env->folder);
    } else if (rc != 0) {
        err = fail(env, "cannot open its meta data", rc, error);
    } else {
        err = check_meta(env, txn, meta, error);
    }
    if (err != PAWL_OK) {
        mdb_txn_abort(txn);
        return err;
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 ? PAWL_OK : fail(env, "cannot read", rc, error);
}

static pawl_err open_files(struct pawl_lmdb_env *env, pawl_error *error)
{
    int dead_readers = 0;
    int fd = -1;
    MDB_envinfo info;
    int rc = fill_lock_file(env);

    if (rc != 0) return fail(env, "cannot prepare lock.mdb", rc, error);
    rc = mdb_env_create(&env->env);
    if (rc != 0) {
        env->env = NULL;
        return fail(env, "cannot begin", rc, error);
    }
    rc = mdb_env_set_mapsize(env->env, env->map_bytes);
    if (rc == 0) rc = mdb_env_set_maxdbs(env->env, DATABASES_MAX);
    /* Neither MDB_NOSYNC nor MDB_NOMETASYNC, ever: what was answered is on disk. Nor MDB_WRITEMAP:
     * a full disk would end the process by SIGBUS. */
    if (rc == 0) rc = mdb_env_open(env->env, env->folder, MDB_NOTLS | MDB_NORDAHEAD, FILE_MODE);
    if (rc == 0) rc = mdb_env_get_fd(env->env, &fd);
    if (rc == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) rc = errno; /* LMDB does the others */
    if (rc == 0) rc = mdb_reader_check(env->env, &dead_readers);
    if (rc == 0) rc = mdb_env_info(env->env, &info);
    if (rc != 0) return fail(env, "cannot open data.mdb", rc, error);
    env->map_bytes = info.me_mapsize;
    PAWL_ASSERT(mdb_env_get_maxkeysize(env->env) >= 255);
    return PAWL_OK;
}

pawl_err pawl_lmdb_env_open(struct pawl_lmdb_env *env, pawl_error *error)
{
    PAWL_ASSERT(env->env == NULL);

    pawl_err err = open_files(env, error);

    if (err == PAWL_OK) err = ensure_databases(env, error);
    if (err == PAWL_OK) err = open_databases(env, error);
    if (err == PAWL_OK && env->branch[0] == '\0') { /* of a pawl that did not draw one */
        const struct pawl_branch none = {.size = 0};
        int rc = pawl_lmdb_env_redraw(env, &none);

        if (rc != 0) err = fail(env, "cannot draw its branch", rc, error);
    }
    if (err == PAWL_OK) {
        /* After a failed commit the page cache may hold what the disk does not. */
        int rc = mdb_env_sync(env->env, 1);

        if (rc == 0) rc = sync_folder(env);
        if (rc != 0) err = fail(env, "cannot sync to disk", rc, error);
    }
    if (err != PAWL_OK) pawl_lmdb_env_close(env);
    return err;
}

void pawl_lmdb_env_close(struct pawl_lmdb_env *env)
{
    if (env->env != NULL) mdb_env_close(env->env);
    env->env = NULL;
}

int pawl_lmdb_env_begin(struct pawl_lmdb_env *env, unsigned flags, MDB_txn **txn)
{
    int rc = mdb_txn_begin(env->env, NULL, flags, txn);

    if (rc != MDB_MAP_RESIZED) return rc;
    rc = mdb_env_set_mapsize(env->env, 0);
    return rc == 0 ? mdb_txn_begin(env->env, NULL, flags, txn) : rc;
}

static int redraw_in(MDB_txn *txn, const struct pawl_branch *was, char branch[PAWL_LMDB_TEXT_BYTES])
{
    const struct pawl_bytes known = {was->at, was->size};
    struct pawl_tag known_tag = {.number = 0};
    struct pawl_tag now_tag = {.number = 0};
    MDB_dbi meta;
    int rc = mdb_dbi_open(txn, "meta", 0, &meta);

    if (rc == 0) rc = meta_get(txn, meta, "branch", branch);
    if (rc != 0) return rc;
    const struct pawl_bytes now = {branch, strlen(branch)};

    (void)pawl_tag_read(&known_tag, known);
    (void)pawl_tag_read(&now_tag, now);
    bool is_past = known.size > 0 && now_tag.number <= known_tag.number;

    if (!is_past && !pawl_bytes_equal(now, known)) return 0;
    branch_make(&now_tag, &known_tag, branch);
    return meta_put(txn, meta, "branch", branch, 0);
}

int pawl_lmdb_env_redraw(struct pawl_lmdb_env *env, const struct pawl_branch *was)
{
    char branch[PAWL_LMDB_TEXT_BYTES];
    MDB_txn *txn;
    int rc = pawl_lmdb_env_begin(env, 0, &txn);

    if (rc != 0) return rc;
    rc = redraw_in(txn, was, branch);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    rc = mdb_txn_commit(txn);
    if (rc == 0) memcpy(env->branch, branch, sizeof branch);
    return rc;
}

void pawl_lmdb_env_identity(const struct pawl_lmdb_env *env, struct pawl_identity *identity)
{
    MDB_envinfo info;

    *identity = (struct pawl_identity){
        .name_size = (uint8_t)strlen(env->uuid),
        .branch = {.size = (uint8_t)strlen(env->branch), .loses = true},
    };
    memcpy(identity->name, env->uuid, identity->name_size);
    memcpy(identity->branch.at, env->branch, identity->branch.size);
    if (mdb_env_info(env->env, &info) == 0) identity->position = info.me_last_txnid;
}

int pawl_lmdb_env_grow(struct pawl_lmdb_env *env)
{
    if (env->map_bytes > PAWL_LMDB_MAP_BYTES_MAX / 2) return MDB_MAP_FULL;

    int rc = mdb_env_set_mapsize(env->env, env->map_bytes * 2);

    if (rc == 0) env->map_bytes *= 2;
    return rc;
}
