/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/folder.h"
#include "store/guard_aside.h"
#include "store/guard_env.h"
#include "store/guard_journal.h"
#include "store/guard_stores.h"
#include "store/guard_text.h"
#include "store/store.h"

/* How long a guard that failed is left alone. */
#define RETRY_NS PAWL_NS_PER_S

enum {
    BUCKETS = 4096,
    FOLD_BYTES = 2 << 20, /* of the journal, when it is put into data.mdb */
    PATH_BYTES = PAWL_GUARD_PATH_BYTES,
    SHOWN_MAX = 200,
};

/* What the journal has and data.mdb has not; or what was just looked up there. */
struct cell {
    struct cell *next;
    struct pawl_name name;
    struct pawl_seen seen;
    bool stored; /* as it is here */
};

struct file_book {
    struct pawl_book book;
    struct pawl_folder lock; /* fd -1: another owns the folder for us */
    struct pawl_guard_stores stores;
    char folder[PATH_MAX];
    char path[PATH_BYTES]; /* of the open store's */
    struct pawl_guard_env env;
    struct pawl_journal journal;
    struct pawl_book_head head;
    struct cell *cells[BUCKETS];
    uint64_t fresh_count; /* of those, that data.mdb has not */
    size_t fold_at;       /* the journal's size at which it is folded next */
    uint64_t generation;  /* of data.mdb's last commit, as far as known */
    uint64_t retry_ns;    /* data.mdb is not opened anew before */
    bool missed;          /* what a failed write left out is in the cells alone */
    struct pawl_frame_reader reader;
    int replay_failure;
    char frame[PAWL_FRAME_BYTES_MAX];
};

static struct file_book *file_of(struct pawl_book *book)
{
    return PAWL_OWNER(book, struct file_book, book);
}

static struct cell **cell_at(struct file_book *file, struct pawl_bytes name)
{
    struct cell **at = &file->cells[pawl_bytes_hash(name, 0) % BUCKETS];

    while (*at != NULL && !pawl_bytes_equal(pawl_name_bytes(&(*at)->name), name)) {
        at = &(*at)->next;
    }
    return at;
}

static void free_cells(struct file_book *file)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (file->cells[i] != NULL) {
            struct cell *next = file->cells[i]->next;

            free(file->cells[i]);
            file->cells[i] = next;
        }
    }
    file->fresh_count = 0;
}

/* NULL: no memory. */
static struct cell *cell_new(struct cell **at, const struct pawl_sight *sight)
{
    struct cell *cell = calloc(1, sizeof *cell);

    if (cell == NULL) return NULL;
    cell->name.size = (uint8_t)sight->name.size;
    memcpy(cell->name.at, sight->name.at, sight->name.size);
    cell->seen = sight->seen;
    *at = cell;
    return cell;
}

/* false: no memory. */
static bool remember(struct file_book *file, const struct pawl_sight *sight)
{
    struct cell **at = cell_at(file, sight->name);
    struct pawl_seen seen;

    if (*at == NULL) {
        if (cell_new(at, sight) == NULL) return false;
        if (pawl_guard_env_get(&file->env, sight->name, &seen) != 0) file->fresh_count++;
    }
    (*at)->seen = sight->seen;
    (*at)->stored = false;
    return true;
}

/* What was there is gone: whatever is known here goes into it with the next fold. */
static void made_anew(struct file_book *file)
{
    file->fresh_count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct cell *cell = file->cells[i]; cell != NULL; cell = cell->next) {
            cell->stored = false;
            file->fresh_count++;
        }
    }
    file->missed = true;
    file->env.generation = file->generation; /* the journal's frames still count */
}

/*
 * After a failure LMDB may refuse everything until it is opened anew. The generation stays that of
 * the last commit that is known, so that what the journal has counts until another one is seen.
 */
static int reopen(struct file_book *file)
{
    struct pawl_book_head head = file->head;
    const char *why = NULL;

    head.fresh = true;
    file->retry_ns = pawl_clock_ns() + RETRY_NS;
    pawl_guard_env_close(&file->env);
    int rc = pawl_guard_env_open(&file->env, file->path, &head, &why);

    if (rc == PAWL_GUARD_ENV_DAMAGED) {
        rc = pawl_guard_set_aside(file->path, why);
        if (rc == 0) rc = pawl_guard_env_open(&file->env, file->path, &head, &why);
    } else if (rc == 0 && head.fresh) {
        pawl_log(PAWL_LOG_ERROR, "guard is lost, and begun anew: it forgets what is not in use",
                 "folder=%s", file->path);
    }
    if (rc == 0 && head.fresh) made_anew(file);
    if (rc != 0 || file->env.generation == file->generation) return rc;
    /* The commit that was thought to have failed had not: the frames are in it. */
    file->generation = file->env.generation;
    return pawl_journal_empty(&file->journal);
}

/* Puts all cells into data.mdb, and empties the journal. */
static int fold(struct file_book *file)
{
    int rc = file->env.env == NULL ? reopen(file) : 0;

    if (rc == 0) rc = pawl_guard_env_begin(&file->env);

    for (size_t i = 0; rc == 0 && i < BUCKETS; i++) {
        for (const struct cell *cell = file->cells[i]; rc == 0 && cell != NULL; cell = cell->next) {
            if (cell->stored) continue;
            rc = pawl_guard_env_put(&file->env, pawl_name_bytes(&cell->name), &cell->seen);
        }
    }
    if (rc == 0) rc = pawl_guard_env_forget_old(&file->env, pawl_clock_wall_s());
    rc = pawl_guard_env_end(&file->env, &file->head, rc);
    if (rc == 0) {
        file->generation = file->env.generation;
        file->missed = false;
        free_cells(file);
        /* Frames of an older generation say nothing: it does no harm if they stay. */
        rc = pawl_journal_empty(&file->journal);
    } else {
        (void)reopen(file);
    }
    file->fold_at = file->journal.size + FOLD_BYTES;
    return rc;
}

static void shut(struct file_book *file)
{
    if (file->env.env != NULL) (void)fold(file);
    pawl_journal_close(&file->journal);
    pawl_guard_env_close(&file->env);
    free_cells(file);
}

static void replay_head(struct pawl_frame_reader *reader, const struct pawl_book_head *head)
{
    struct file_book *file = PAWL_OWNER(reader, struct file_book, reader);
    struct pawl_book_head before = file->head;

    file->head = *head;
    /* One that was begun anew since has less than it had: clients may tell it more. */
    file->head.fresh = before.fresh;
    if (before.began_s > head->began_s) file->head.began_s = before.began_s;
}

static void replay_sight(struct pawl_frame_reader *reader, const struct pawl_sight *sight)
{
    struct file_book *file = PAWL_OWNER(reader, struct file_book, reader);

    if (!remember(file, sight)) file->replay_failure = ENOMEM;
}

static pawl_err fail(const struct file_book *file, const char *what, int failure, pawl_error *error)
{
    return pawl_fail(error, PAWL_STORE, "the guard in %.*s %s: %s", SHOWN_MAX, file->path, what,
                     mdb_strerror(failure));
}

/*
 * Answers are given only after their frame is written: a process that was killed while it wrote one
 * had not, and a power cut may have taken more of the end. What has whole frames behind it is
 * damage; they count all the same.
 */
static void read_frames(struct file_book *file, struct pawl_bytes bytes)
{
    uint64_t newest = pawl_frames_newest(bytes);
    size_t harmed = 0;
    size_t at = 0;

    file->reader = (struct pawl_frame_reader){replay_head, replay_sight};
    /* One that is older than its journal was lost, or made anew, since. */
    if (newest > file->env.generation) file->env.generation = newest;
    file->generation = file->env.generation;
    for (size_t next = 0;; at = next) {
        struct pawl_bytes rest = {bytes.at + at, bytes.size - at};

        at += pawl_frames_read(rest, file->generation, &file->reader);
        next = pawl_frames_next(bytes, at);
        if (next == bytes.size) break;
        harmed += next - at;
    }
    if (harmed > 0) {
        pawl_log(PAWL_LOG_ERROR, "guard's journal is damaged: some ids that were granted are lost",
                 "bytes=%zu of=%zu", harmed, bytes.size);
    }
    if (at < bytes.size) {
        pawl_log(PAWL_LOG_WARN, "guard's journal ends in bytes that are no entry",
                 "bytes=%zu of=%zu", bytes.size - at, bytes.size);
    }
}

/* What came since data.mdb's last commit goes into it now. */
static pawl_err replay(struct file_book *file, pawl_error *error)
{
    char path[PATH_BYTES + 16];
    struct pawl_bytes bytes = {.size = 0};

    (void)snprintf(path, sizeof path, "%s/journal", file->path);
    int failure = pawl_journal_open(&file->journal, path, &bytes);

    if (failure != 0) return fail(file, "cannot read its journal", failure, error);
    file->replay_failure = 0;
    read_frames(file, bytes);
    bool empty = bytes.size == 0;

    free((void *)(uintptr_t)bytes.at);
    if (file->replay_failure != 0) {
        return fail(file, "cannot be read", file->replay_failure, error);
    }
    if (empty) return PAWL_OK;
    failure = fold(file);
    return failure == 0 ? PAWL_OK : fail(file, "cannot be written", failure, error);
}

/* The names of what may be new must be as durable as what will be in it. 0 or an errno. */
static int sync_folders(const struct file_book *file)
{
    const char *const paths[] = {file->path, file->folder};

    for (size_t i = 0; i < PAWL_COUNT(paths); i++) {
        int fd = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int failure = fd < 0 || fsync(fd) != 0 ? errno : 0;

        if (fd >= 0) (void)close(fd);
        if (failure != 0) return failure;
    }
    return 0;
}

/* data.mdb, and what the journal has besides. */
static int open_parts(struct file_book *file, const char **why, pawl_err *err, pawl_error *error)
{
    uint64_t died = pawl_guard_openings(file->path);

    *err = PAWL_OK;
    /* On a full disk nobody counts: what can be read is read all the same. */
    if (pawl_guard_opening_begins(file->path) && died >= PAWL_GUARD_OPENINGS_MAX) {
        *why = "this process died each time that it was opened";
        return PAWL_GUARD_ENV_DAMAGED;
    }
    int rc = pawl_guard_env_open(&file->env, file->path, &file->head, why);

    if (rc == 0) *err = replay(file, error);
    pawl_guard_opening_ends(file->path);
    return rc;
}

static pawl_err open_env(struct file_book *file, pawl_error *error)
{
    const char *why = NULL;

    for (int tries = 0; tries < 2; tries++) {
        pawl_err err = PAWL_OK;

        if (mkdir(file->path, 0700) != 0 && errno != EEXIST) {
            return fail(file, "cannot be made", errno, error);
        }
        int rc = open_parts(file, &why, &err, error);

        if (rc == 0) {
            int failure = err == PAWL_OK ? sync_folders(file) : 0;

            return failure == 0 ? err : fail(file, "cannot be synced", failure, error);
        }
        pawl_guard_env_close(&file->env);
        if (rc != PAWL_GUARD_ENV_DAMAGED) {
            return fail(file, why == NULL ? "cannot be used" : why, rc, error);
        }
        rc = pawl_guard_set_aside(file->path, why);
        if (rc != 0) return fail(file, "is damaged and cannot be set aside", rc, error);
    }
    return fail(file, "is damaged again as soon as it is made", EIO, error);
}

static void let_go(struct file_book *file)
{
    pawl_journal_close(&file->journal);
    pawl_guard_env_close(&file->env);
    free_cells(file);
}

/* Where its book was, before it told its name. */
static void former_path(const struct file_book *file, char path[PATH_BYTES])
{
    char name[PAWL_GUARD_NAME_BYTES];

    pawl_guard_stores_url_book(&file->stores, name);
    (void)snprintf(path, PATH_BYTES, "%s/guard-%s", file->folder, name);
}

static pawl_err merge_with(struct file_book *file, struct file_book *former, pawl_error *error)
{
    char path[PATH_BYTES + 32];

    former_path(file, former->path);
    memcpy(former->folder, file->folder, sizeof former->folder);
    pawl_err err = open_env(former, error);
    if (err != PAWL_OK) return err;
    int rc = pawl_guard_env_merge(&file->env, &former->env, &file->head);

    file->generation = file->env.generation;
    if (rc != 0) return fail(file, "cannot take up what it was before it had a name", rc, error);
    (void)snprintf(path, sizeof path, "%s.merged-%lld", former->path,
                   (long long)pawl_clock_wall_us());
    pawl_log(PAWL_LOG_INFO, "guards of one store are one now", "sequences=%" PRIu64,
             file->env.count);
    if (rename(former->path, path) == 0) return PAWL_OK;
    return fail(former, "cannot be set aside", errno, error);
}

/* A store that was used without its name, and is known by it from elsewhere: both count. */
static pawl_err merge_former(struct file_book *file, pawl_error *error)
{
    char path[PATH_BYTES];

    former_path(file, path);
    if (strcmp(path, file->path) == 0 || access(path, F_OK) != 0) return PAWL_OK;
    struct file_book *former = calloc(1, sizeof *former);

    if (former == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a guard");
    former->journal.fd = -1;
    pawl_err err = merge_with(file, former, error);

    let_go(former);
    free(former);
    return err;
}

/* What was remembered of it before it told its name is remembered of it still. */
static pawl_err take_over(const struct file_book *file, pawl_error *error)
{
    char path[PATH_BYTES];

    former_path(file, path);
    if (access(file->path, F_OK) == 0 || access(path, F_OK) != 0) return PAWL_OK;
    if (rename(path, file->path) == 0) return PAWL_OK;
    return fail(file, "cannot take its former name's place", errno, error);
}

/* A store that forgets is another one each time: so is its book, and there is one at most. */
static void begin_anew(const struct file_book *file)
{
    static const char *const names[] = {"data.mdb", "journal", "opening"};
    char path[PATH_BYTES + 16];

    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", file->path, names[i]);
        (void)unlink(path);
    }
    pawl_log(PAWL_LOG_WARN, "a memory store forgets: its sequences are gone when this process ends",
             "guard=\"begun anew each time\"");
}

static pawl_err file_open(struct pawl_book *book, const struct pawl_identity *store,
                          struct pawl_book_head *head, pawl_error *error)
{
    struct file_book *file = file_of(book);
    char name[PAWL_GUARD_NAME_BYTES];
    bool known = false;
    bool passing = pawl_store_forgets(file->stores.url);
    pawl_err err =
        passing ? PAWL_OK : pawl_guard_stores_accept(&file->stores, store, &known, error);

    if (err != PAWL_OK) return err;
    pawl_guard_stores_book(&file->stores, name);
    shut(file);
    (void)snprintf(file->path, sizeof file->path, "%s/guard-%s", file->folder, name);
    if (passing) begin_anew(file);
    file->head = (struct pawl_book_head){.began_s = pawl_clock_wall_s(), .fresh = true};
    err = take_over(file, error);
    if (err == PAWL_OK) err = open_env(file, error);
    if (err == PAWL_OK && !passing) err = merge_former(file, error);
    if (err != PAWL_OK) {
        let_go(file);
        return err;
    }
    file->fold_at = FOLD_BYTES;
    if (known && file->head.fresh) {
        pawl_log(PAWL_LOG_ERROR, "guard is lost, and begun anew: ids granted before are not known",
                 "store=%s", name);
    }
    *head = file->head;
    file->head.fresh = false;
    return PAWL_OK;
}

/* Where it cannot be read, it is opened anew: what is damaged is set aside then. */
static int look_up(struct file_book *file, struct pawl_bytes name, struct pawl_seen *seen)
{
    int rc = pawl_guard_env_get(&file->env, name, seen);

    if (rc == 0 || rc == MDB_NOTFOUND || pawl_clock_ns() < file->retry_ns) return rc;
    rc = reopen(file);
    return rc == 0 ? pawl_guard_env_get(&file->env, name, seen) : rc;
}

static pawl_err file_get(struct pawl_book *book, struct pawl_bytes name, struct pawl_seen *seen,
                         pawl_error *error)
{
    struct file_book *file = file_of(book);
    struct cell **at = cell_at(file, name);

    *seen = (struct pawl_seen){.dropped_s = 0};
    if (*at != NULL) {
        *seen = (*at)->seen;
        return PAWL_OK;
    }
    int rc = look_up(file, name, seen);

    if (rc == 0) {
        /* Most who ask are granted something: what was seen is looked up only once for it. */
        struct cell *cell = cell_new(at, &(struct pawl_sight){name, *seen});

        if (cell != NULL) cell->stored = true;
    }
    if (rc == 0 || rc == MDB_NOTFOUND) return PAWL_OK;
    return fail(file, "cannot be read", rc, error);
}

static pawl_err file_put(struct pawl_book *book, const struct pawl_entries *entries,
                         pawl_error *error)
{
    struct file_book *file = file_of(book);
    bool kept = true;

    PAWL_ASSERT(entries->count <= PAWL_FRAME_ENTRIES_MAX);
    if (entries->head != NULL) file->head = *entries->head;
    for (size_t i = 0; i < entries->count; i++) {
        kept = remember(file, &entries->sights[i]) && kept;
    }
    if (!kept) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for the guard");

    /* What a failed write left out is in the cells: it goes with the next fold. */
    bool missed = file->missed && pawl_clock_ns() >= file->retry_ns;
    bool folds = file->journal.size >= file->fold_at || file->journal.harmed || missed;
    int failure = folds ? fold(file) : 0;

    if (!folds || failure != 0) {
        size_t size = pawl_frame_write(file->generation, entries, file->frame);

        failure = pawl_journal_add(&file->journal, (struct pawl_bytes){file->frame, size},
                                   entries->lasts);
    }
    if (failure == 0) return PAWL_OK;
    if (!file->missed) file->retry_ns = pawl_clock_ns() + RETRY_NS;
    file->missed = true;
    return fail(file, "cannot be written", failure, error);
}

static uint64_t file_count(const struct pawl_book *book)
{
    const struct file_book *file = PAWL_OWNER((uintptr_t)book, struct file_book, book);

    return file->env.count + file->fresh_count;
}

static void file_close(struct pawl_book *book)
{
    struct file_book *file = file_of(book);

    shut(file);
    pawl_folder_leave(&file->lock);
    free(file);
}

static void file_forked(struct pawl_book *book)
{
    pawl_folder_leave(&file_of(book)->lock);
}

static const struct pawl_book_ops file_ops = {
    .open = file_open,
    .get = file_get,
    .put = file_put,
    .count = file_count,
    .close = file_close,
    .forked = file_forked,
};

/* Who copies a store's folder back would take the guard back with it. */
static pawl_err check_apart(const struct file_book *file, const struct pawl_guard_place *place,
                            pawl_error *error)
{
    static const char scheme[] = "lmdb:";
    char store[PATH_MAX];

    if (strncmp(place->url, scheme, sizeof scheme - 1) != 0) return PAWL_OK;
    if (realpath(place->url + sizeof scheme - 1, store) == NULL) return PAWL_OK;
    size_t size = strlen(store);

    if (strncmp(file->folder, store, size) != 0) return PAWL_OK;
    if (file->folder[size] != '/' && file->folder[size] != '\0') return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "%.150s lies in the store's folder: give one beside it, since it must not go "
                     "back in time together with the store",
                     file->folder);
}

pawl_err pawl_guard_file_open(const struct pawl_guard_place *place, struct pawl_book **book,
                              pawl_error *error)
{
    struct file_book *file = calloc(1, sizeof *file);
    pawl_err err = PAWL_OK;

    if (file == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a guard");
    file->book.ops = &file_ops;
    file->lock.owner.fd = -1;
    file->journal.fd = -1;
    if (place->own) {
        err = pawl_folder_take(&file->lock, place->folder, place->takeover_ns, error);
        if (err == PAWL_OK) (void)snprintf(file->folder, PATH_MAX, "%s", file->lock.path);
    } else if (realpath(place->folder, file->folder) == NULL) {
        err = pawl_fail(error, PAWL_STORE, "cannot find the folder %.*s: %s", SHOWN_MAX,
                        place->folder, strerror(errno));
    }
    if (err == PAWL_OK) err = check_apart(file, place, error);
    if (err == PAWL_OK) err = pawl_guard_stores_open(&file->stores, file->folder, place, error);
    if (err != PAWL_OK) {
        pawl_folder_leave(&file->lock);
        free(file);
        return err;
    }
    *book = &file->book;
    return PAWL_OK;
}
