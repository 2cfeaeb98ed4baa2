/* SPDX-License-Identifier: Apache-2.0 */
/* How the book of a store is opened: where it is, what the journal has besides, and what is done
 * with one that cannot be relied on. */
#include "store/guard_file_own.h"

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
#include "store/guard_aside.h"
#include "store/guard_clean.h"
#include "store/store.h"

enum { PATH_BYTES = PAWL_GUARD_PATH_BYTES };

static void replay_head(struct pawl_frame_reader *reader, const struct pawl_book_head *head)
{
    struct pawl_guard_file *file = PAWL_OWNER(reader, struct pawl_guard_file, reader);
    struct pawl_book_head before = file->head;

    file->head = *head;
    /* One that was begun anew since has less than it had: clients may tell it more. */
    file->head.fresh = before.fresh;
    if (before.began_s > head->began_s) file->head.began_s = before.began_s;
}

static void replay_sight(struct pawl_frame_reader *reader, const struct pawl_sight *sight)
{
    struct pawl_guard_file *file = PAWL_OWNER(reader, struct pawl_guard_file, reader);

    if (!pawl_guard_file_remember(file, sight)) file->replay_failure = ENOMEM;
}

/*
 * Answers are given only after their frame is written: a process that was killed while it wrote one
 * had not, and a power cut may have taken more of the end. What has whole frames behind it is
 * damage; they count all the same.
 */
static void read_frames(struct pawl_guard_file *file, struct pawl_bytes bytes)
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
                 "bytes=%zu of=%zu " PAWL_GUARD_LOST_ADVICE, harmed, bytes.size);
    }
    if (at < bytes.size) {
        pawl_log(PAWL_LOG_WARN, "guard's journal ends in bytes that are no entry",
                 "bytes=%zu of=%zu advice=\"after a kill or a power cut: nothing; else see to the "
                 "disk\"",
                 bytes.size - at, bytes.size);
    }
}

/* What came since data.mdb's last commit goes into it now. */
static pawl_err replay(struct pawl_guard_file *file, pawl_error *error)
{
    char path[PATH_BYTES + 16];
    struct pawl_bytes bytes = {.size = 0};

    (void)snprintf(path, sizeof path, "%s/journal", file->path);
    int failure = pawl_journal_open(&file->journal, path, &bytes);

    if (failure != 0) return pawl_guard_file_fail(file, "cannot read its journal", failure, error);
    file->replay_failure = 0;
    read_frames(file, bytes);
    bool empty = bytes.size == 0;

    free((void *)(uintptr_t)bytes.at);
    if (file->replay_failure != 0) {
        return pawl_guard_file_fail(file, "cannot be read", file->replay_failure, error);
    }
    if (empty) return PAWL_OK;
    failure = pawl_guard_file_fold(file);
    return failure == 0 ? PAWL_OK : pawl_guard_file_fail(file, "cannot be written", failure, error);
}

/* The names of what may be new must be as durable as what will be in it. 0 or an errno. */
static int sync_folders(const struct pawl_guard_file *file)
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
static int open_parts(struct pawl_guard_file *file, const char **why, pawl_err *err,
                      pawl_error *error)
{
    const struct pawl_guard_openings before = pawl_guard_openings(file->path);
    bool whole = pawl_guard_clean_take(file->path) && before.all == 0;

    *err = PAWL_OK;
    /* On a full disk nobody counts: what can be read is read all the same. */
    if (pawl_guard_opening_begins(file->path) && pawl_guard_is_deadly(file->path, &before)) {
        *why = "it ends the process that opens it";
        return PAWL_GUARD_ENV_DAMAGED;
    }
    int rc = pawl_guard_env_open(&file->env, file->path, whole, &file->head, why);

    if (rc == 0) {
        pawl_guard_opening_writes(file->path);
        *err = replay(file, error);
    }
    pawl_guard_opening_ends(file->path);
    return rc;
}

static pawl_err open_env(struct pawl_guard_file *file, pawl_error *error)
{
    const struct pawl_book_head begun = file->head;
    const char *why = NULL;

    for (int tries = 0; tries < 2; tries++) {
        pawl_err err = PAWL_OK;

        file->head = begun; /* not what was read of one that was then set aside */

        if (mkdir(file->path, 0700) != 0 && errno != EEXIST) {
            return pawl_guard_file_fail(file, "cannot be made", errno, error);
        }
        int rc = open_parts(file, &why, &err, error);

        if (rc == 0) {
            int failure = err == PAWL_OK ? sync_folders(file) : 0;

            return failure == 0 ? err
                                : pawl_guard_file_fail(file, "cannot be synced", failure, error);
        }
        pawl_guard_env_close(&file->env);
        if (rc != PAWL_GUARD_ENV_DAMAGED) {
            return pawl_guard_file_fail(file, why == NULL ? "cannot be used" : why, rc, error);
        }
        rc = pawl_guard_set_aside(file->path, why);
        if (rc != 0) {
            return pawl_guard_file_fail(file, "is damaged and cannot be set aside", rc, error);
        }
    }
    return pawl_guard_file_fail(file, "is damaged again as soon as it is made", EIO, error);
}

/* Where its book was, before it told its name. */
static void former_path(const struct pawl_guard_file *file, char path[PATH_BYTES])
{
    char name[PAWL_GUARD_NAME_BYTES];

    pawl_guard_stores_url_book(&file->stores, name);
    (void)snprintf(path, PATH_BYTES, "%s/guard-%s", file->folder, name);
}

static pawl_err merge_with(struct pawl_guard_file *file, struct pawl_guard_file *former,
                           pawl_error *error)
{
    char path[PATH_BYTES + 32];

    former_path(file, former->path);
    memcpy(former->folder, file->folder, sizeof former->folder);
    pawl_err err = open_env(former, error);
    if (err != PAWL_OK) return err;
    int rc = pawl_guard_env_merge(&file->env, &former->env, &file->head);

    file->generation = file->env.generation;
    if (rc != 0) {
        return pawl_guard_file_fail(file, "cannot take up what it was before it had a name", rc,
                                    error);
    }
    (void)snprintf(path, sizeof path, "%s.merged-%lld", former->path,
                   (long long)pawl_clock_wall_us());
    pawl_log(PAWL_LOG_INFO, "guards of one store are one now", "sequences=%" PRIu64,
             file->env.count);
    if (rename(former->path, path) == 0) return PAWL_OK;
    return pawl_guard_file_fail(former, "cannot be set aside", errno, error);
}

/* A store that was used without its name, and is known by it from elsewhere: both count. */
static pawl_err merge_former(struct pawl_guard_file *file, pawl_error *error)
{
    char path[PATH_BYTES];

    former_path(file, path);
    if (strcmp(path, file->path) == 0 || access(path, F_OK) != 0) return PAWL_OK;
    struct pawl_guard_file *former = calloc(1, sizeof *former);

    if (former == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a guard");
    former->journal.fd = -1;
    pawl_err err = merge_with(file, former, error);

    pawl_guard_file_let_go(former);
    free(former);
    return err;
}

static pawl_err inherit_from(struct pawl_guard_file *file, struct pawl_guard_file *former,
                             pawl_error *error)
{
    pawl_err err = open_env(former, error);
    if (err != PAWL_OK) return err;
    uint64_t before = file->env.count;
    int rc = pawl_guard_env_inherit(&file->env, &former->env, &file->head);

    file->generation = file->env.generation;
    if (rc != 0) {
        return pawl_guard_file_fail(file, "cannot take up what the store before it had seen", rc,
                                    error);
    }
    pawl_log(PAWL_LOG_WARN,
             "another store is accepted: what was seen in the one before counts only where a "
             "sequence gets its name, or goes on in its line",
             "was=%s now=%s sequences=%" PRIu64, file->stores.former, file->stores.name,
             file->env.count - before);
    return PAWL_OK;
}

/* A store that was accepted in the place of another: a name of that one must not begin again with
 * ids that are handed out. Its book stays as it is. */
static pawl_err inherit(struct pawl_guard_file *file, pawl_error *error)
{
    struct pawl_guard_file *former = calloc(1, sizeof *former);
    pawl_err err = PAWL_OK;

    if (former == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a guard");
    former->journal.fd = -1;
    (void)snprintf(former->path, sizeof former->path, "%s/guard-%s", file->folder,
                   file->stores.former);
    memcpy(former->folder, file->folder, sizeof former->folder);
    if (access(former->path, F_OK) == 0) err = inherit_from(file, former, error);
    pawl_guard_file_let_go(former);
    free(former);
    return err == PAWL_OK ? pawl_guard_stores_replace(&file->stores, error) : err;
}

/* What was remembered of it before it told its name is remembered of it still. */
static pawl_err take_over(const struct pawl_guard_file *file, pawl_error *error)
{
    char path[PATH_BYTES];

    former_path(file, path);
    if (access(file->path, F_OK) == 0 || access(path, F_OK) != 0) return PAWL_OK;
    if (rename(path, file->path) == 0) return PAWL_OK;
    return pawl_guard_file_fail(file, "cannot take its former name's place", errno, error);
}

/* A store that forgets is another one each time: so is its book, and there is one at most. */
static void begin_anew(const struct pawl_guard_file *file)
{
    static const char *const names[] = {"data.mdb", "journal", "opening", "clean"};
    char path[PATH_BYTES + 16];

    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", file->path, names[i]);
        (void)unlink(path);
    }
    pawl_log(PAWL_LOG_WARN, "a memory store forgets: its sequences are gone when this process ends",
             "guard=\"begun anew each time\"");
}

pawl_err pawl_guard_file_begin(struct pawl_guard_file *file, const struct pawl_identity *store,
                               struct pawl_book_head *head, pawl_error *error)
{
    char name[PAWL_GUARD_NAME_BYTES];
    bool known = false;
    bool passing = pawl_store_forgets(file->stores.url);
    pawl_err err =
        passing ? PAWL_OK : pawl_guard_stores_accept(&file->stores, store, &known, error);

    if (err != PAWL_OK) return err;
    pawl_guard_stores_book(&file->stores, name);
    pawl_guard_file_shut(file);
    (void)snprintf(file->path, sizeof file->path, "%s/guard-%s", file->folder, name);
    if (passing) begin_anew(file);
    file->head = (struct pawl_book_head){.began_s = pawl_clock_wall_s(), .fresh = true};
    err = take_over(file, error);
    if (err == PAWL_OK) err = open_env(file, error);
    if (err == PAWL_OK && !passing) err = merge_former(file, error);
    if (err == PAWL_OK && file->stores.former[0] != '\0') err = inherit(file, error);
    if (err != PAWL_OK) {
        pawl_guard_file_let_go(file);
        return err;
    }
    file->fold_at = PAWL_GUARD_FOLD_BYTES;
    if (known && file->head.fresh) {
        pawl_log(PAWL_LOG_ERROR, "guard is lost, and begun anew: ids granted before are not known",
                 "store=%s " PAWL_GUARD_LOST_ADVICE, name);
    }
    *head = file->head;
    file->head.fresh = false;
    return PAWL_OK;
}
