/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_file_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/guard_clean.h"

/* How long a guard that failed is left alone. */
#define RETRY_NS PAWL_NS_PER_S

static struct pawl_guard_file *file_of(struct pawl_book *book)
{
    return PAWL_OWNER(book, struct pawl_guard_file, book);
}

static struct pawl_guard_cell **cell_at(struct pawl_guard_file *file, struct pawl_bytes name)
{
    struct pawl_guard_cell **at = &file->cells[pawl_bytes_hash(name, 0) % PAWL_GUARD_BUCKETS];

    while (*at != NULL && !pawl_bytes_equal(pawl_name_bytes(&(*at)->name), name)) {
        at = &(*at)->next;
    }
    return at;
}

static void free_cells(struct pawl_guard_file *file)
{
    for (size_t i = 0; i < PAWL_GUARD_BUCKETS; i++) {
        while (file->cells[i] != NULL) {
            struct pawl_guard_cell *next = file->cells[i]->next;

            free(file->cells[i]);
            file->cells[i] = next;
        }
    }
    file->fresh_count = 0;
}

/* NULL: no memory. */
static struct pawl_guard_cell *cell_new(struct pawl_guard_cell **at, const struct pawl_sight *sight)
{
    struct pawl_guard_cell *cell = calloc(1, sizeof *cell);

    if (cell == NULL) return NULL;
    cell->name.size = (uint8_t)sight->name.size;
    memcpy(cell->name.at, sight->name.at, sight->name.size);
    cell->seen = sight->seen;
    *at = cell;
    return cell;
}

bool pawl_guard_file_remember(struct pawl_guard_file *file, const struct pawl_sight *sight)
{
    struct pawl_guard_cell **at = cell_at(file, sight->name);
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
static void made_anew(struct pawl_guard_file *file)
{
    file->fresh_count = 0;
    for (size_t i = 0; i < PAWL_GUARD_BUCKETS; i++) {
        for (struct pawl_guard_cell *cell = file->cells[i]; cell != NULL; cell = cell->next) {
            cell->stored = false;
            file->fresh_count++;
        }
    }
    file->missed = true;
    file->env.generation = file->generation; /* the journal's frames still count */
    file->book.losses++;
}

/*
 * After a failure LMDB may refuse everything until it is opened anew. The generation stays that of
 * the last commit that is known, so that what the journal has counts until another one is seen.
 */
static int reopen(struct pawl_guard_file *file)
{
    struct pawl_book_head head = file->head;
    const char *why = NULL;

    head.fresh = true;
    head.began_s = pawl_clock_wall_s(); /* if it is begun anew */
    file->retry_ns = pawl_clock_ns() + RETRY_NS;
    pawl_guard_env_close(&file->env);
    int rc = pawl_guard_env_open(&file->env, file->path, false, &head, &why);

    if (rc == PAWL_GUARD_ENV_DAMAGED) {
        rc = pawl_guard_set_aside(file->path, why);
        if (rc == 0) rc = pawl_guard_env_open(&file->env, file->path, false, &head, &why);
    } else if (rc == 0 && head.fresh) {
        pawl_log(PAWL_LOG_ERROR, "guard is lost, and begun anew: it forgets what is not in use",
                 "folder=%s " PAWL_GUARD_LOST_ADVICE, file->path);
    }
    if (rc == 0 && head.fresh) {
        file->head.began_s = head.began_s;
        made_anew(file);
    }
    if (rc != 0 || file->env.generation == file->generation) return rc;
    /* The commit that was thought to have failed had not: the frames are in it. */
    file->generation = file->env.generation;
    return pawl_journal_empty(&file->journal);
}

int pawl_guard_file_fold(struct pawl_guard_file *file)
{
    int rc = file->env.env == NULL ? reopen(file) : 0;

    if (rc == 0) rc = pawl_guard_env_begin(&file->env);

    for (size_t i = 0; rc == 0 && i < PAWL_GUARD_BUCKETS; i++) {
        for (const struct pawl_guard_cell *cell = file->cells[i]; rc == 0 && cell != NULL;
             cell = cell->next) {
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
    file->fold_at = file->journal.size + PAWL_GUARD_FOLD_BYTES;
    return rc;
}

void pawl_guard_file_shut(struct pawl_guard_file *file)
{
    bool clean = file->env.env != NULL && pawl_guard_file_fold(file) == 0;

    pawl_journal_close(&file->journal);
    pawl_guard_env_close(&file->env);
    if (clean) pawl_guard_clean_leave(file->path);
    free_cells(file);
}

pawl_err pawl_guard_file_fail(const struct pawl_guard_file *file, const char *what, int failure,
                              pawl_error *error)
{
    return pawl_fail(error, PAWL_STORE,
                     "the guard in %.*s %s: %s; see to its disk and rights, or move it away: then "
                     "it is begun anew, and has forgotten what was seen",
                     PAWL_GUARD_SHOWN_MAX, file->path, what, mdb_strerror(failure));
}

void pawl_guard_file_let_go(struct pawl_guard_file *file)
{
    pawl_journal_close(&file->journal);
    pawl_guard_env_close(&file->env);
    free_cells(file);
}

static pawl_err file_open(struct pawl_book *book, const struct pawl_identity *store,
                          struct pawl_book_head *head, pawl_error *error)
{
    return pawl_guard_file_begin(file_of(book), store, head, error);
}

/* Where it cannot be read, it is opened anew: what is damaged is set aside then. */
static int look_up(struct pawl_guard_file *file, struct pawl_bytes name, struct pawl_seen *seen)
{
    int rc = pawl_guard_env_get(&file->env, name, seen);

    /* What is not found may be where damage hides it. */
    if (rc == MDB_NOTFOUND && !file->env.looked) {
        rc = pawl_guard_env_look(&file->env);
        if (rc == 0) return MDB_NOTFOUND;
    }
    if (rc == 0 || rc == MDB_NOTFOUND || pawl_clock_ns() < file->retry_ns) return rc;
    rc = reopen(file);
    return rc == 0 ? pawl_guard_env_get(&file->env, name, seen) : rc;
}

static pawl_err file_get(struct pawl_book *book, struct pawl_bytes name, struct pawl_seen *seen,
                         pawl_error *error)
{
    struct pawl_guard_file *file = file_of(book);
    struct pawl_guard_cell **at = cell_at(file, name);

    *seen = (struct pawl_seen){.dropped_s = 0};
    if (*at != NULL) {
        *seen = (*at)->seen;
        return PAWL_OK;
    }
    int rc = look_up(file, name, seen);

    if (rc == 0) {
        /* Most who ask are granted something: what was seen is looked up only once for it. */
        struct pawl_guard_cell *cell = cell_new(at, &(struct pawl_sight){name, *seen});

        if (cell != NULL) cell->stored = true;
    }
    if (rc == 0 || rc == MDB_NOTFOUND) return PAWL_OK;
    return pawl_guard_file_fail(file, "cannot be read", rc, error);
}

static pawl_err file_put(struct pawl_book *book, const struct pawl_entries *entries,
                         pawl_error *error)
{
    struct pawl_guard_file *file = file_of(book);
    bool kept = true;

    PAWL_ASSERT(entries->count <= PAWL_FRAME_ENTRIES_MAX);
    if (entries->head != NULL) file->head = *entries->head;
    for (size_t i = 0; i < entries->count; i++) {
        kept = pawl_guard_file_remember(file, &entries->sights[i]) && kept;
    }
    if (!kept) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for the guard");

    /* What a failed write left out is in the cells: it goes with the next fold. */
    bool missed = file->missed && pawl_clock_ns() >= file->retry_ns;
    bool folds = file->journal.size >= file->fold_at || file->journal.harmed || missed;
    int failure = folds ? pawl_guard_file_fold(file) : 0;

    if (!folds || failure != 0) {
        size_t size = pawl_frame_write(file->generation, entries, file->frame);

        failure = pawl_journal_add(&file->journal, (struct pawl_bytes){file->frame, size},
                                   entries->lasts);
    }
    if (failure == 0) return PAWL_OK;
    if (!file->missed) file->retry_ns = pawl_clock_ns() + RETRY_NS;
    file->missed = true;
    return pawl_guard_file_fail(file, "cannot be written", failure, error);
}

static uint64_t file_count(const struct pawl_book *book)
{
    const struct pawl_guard_file *file = PAWL_OWNER((uintptr_t)book, struct pawl_guard_file, book);

    return file->env.count + file->fresh_count;
}

static void file_close(struct pawl_book *book)
{
    struct pawl_guard_file *file = file_of(book);

    pawl_guard_file_shut(file);
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
static pawl_err check_apart(const struct pawl_guard_file *file,
                            const struct pawl_guard_place *place, pawl_error *error)
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
    struct pawl_guard_file *file = calloc(1, sizeof *file);
    pawl_err err = PAWL_OK;

    if (file == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a guard");
    file->book.ops = &file_ops;
    file->lock.owner.fd = -1;
    file->journal.fd = -1;
    if (place->own) {
        err = pawl_folder_take(&file->lock, place->folder, place->takeover_ns, error);
        if (err == PAWL_OK) (void)snprintf(file->folder, PATH_MAX, "%s", file->lock.path);
    } else if (realpath(place->folder, file->folder) == NULL) {
        err = pawl_fail(error, PAWL_STORE, "cannot find the folder %.*s: %s", PAWL_GUARD_SHOWN_MAX,
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
