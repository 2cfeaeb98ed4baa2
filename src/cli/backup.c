/* SPDX-License-Identifier: Apache-2.0 */
/* pawl backup and pawl restore: the sequences of a store as a file, and back. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/bar.h"
#include "cli/commands.h"
#include "cli/newfile.h"
#include "cli/print.h"
#include "cli/stream.h"
#include "pawl/stores.h"

enum { BUFFER_BYTES = 1 << 16, TIME_TEXT = 32 };

static double seconds_since(uint64_t begun_ns)
{
    return (double)(pawl_clock_ns() - begun_ns) / (double)PAWL_NS_PER_S;
}

/* Backup. */

struct backing {
    struct bar bar;
    const struct args *args;
    struct newfile file; /* fd -1: standard output */
    pawl_error error;    /* why it could not be written */
    size_t size;
    char buffer[BUFFER_BYTES];
};

static bool flush(struct backing *backing)
{
    bool done = true;

    if (backing->file.fd < 0) {
        done = fwrite(backing->buffer, 1, backing->size, stdout) == backing->size;
        if (!done) {
            (void)pawl_fail(&backing->error, PAWL_CLOSED, "standard output cannot be written: %s",
                            strerrordesc_np(errno));
        }
    } else {
        done = newfile_write(&backing->file, backing->buffer, backing->size, &backing->error) ==
               PAWL_OK;
    }
    backing->size = 0;
    return done;
}

static bool write_piece(const char *bytes, size_t size, void *arg)
{
    struct backing *backing = arg;

    PAWL_ASSERT(size <= BUFFER_BYTES);
    if (backing->size + size > BUFFER_BYTES && !flush(backing)) return false;
    memcpy(backing->buffer + backing->size, bytes, size);
    backing->size += size;
    return true;
}

static bool backup_progressed(uint64_t looked_at, void *arg)
{
    struct backing *backing = arg;

    bar_show(&backing->bar, looked_at, 0);
    return bar_goes_on(&backing->bar, "stopping; nothing is written");
}

static bool backup_waits(const pawl_error *why, uint64_t at_most_ns, void *arg)
{
    struct backing *backing = arg;

    bar_wait(&backing->bar, backing->args, why, at_most_ns);
    return bar_goes_on(&backing->bar, "stopping; nothing is written");
}

/* Whole, or not at all. */
static pawl_err back_up(const struct args *args, struct backing *backing, pawl_backed_up *made,
                        pawl_error *error)
{
    const pawl_backup_options options = {
        .write = write_piece,
        .match = args->glob,
        .sql = args->sql,
        .timeout_ns = args->timeout_ns,
        .progress = backup_progressed,
        .waits = backup_waits,
        .arg = backing,
    };
    pawl_err err = PAWL_OK;

    backing->args = args;
    backing->file.fd = -1;
    if (!stream_is_standard(args->file)) err = newfile_begin(&backing->file, args->file, error);
    if (err != PAWL_OK) return err;
    err = pawl_store_backup(args->url, &options, made, error);
    if (err == PAWL_OK && made->sequences + made->tombstones == 0) {
        err = check_match(args, error);
    }
    if (err == PAWL_OK && !flush(backing)) err = backing->error.code;
    if (backing->error.code != PAWL_OK) *error = backing->error;
    if (stream_is_standard(args->file)) return err;
    if (err == PAWL_OK) return newfile_commit(&backing->file, error);
    newfile_abort(&backing->file);
    return err;
}

/* Standard output may be the backup itself. */
static void print_made(const struct args *args, const pawl_backed_up *made, double seconds)
{
    FILE *to = stream_is_standard(args->file) ? stderr : stdout;

    if (args->json) {
        (void)fputs("{\"file\":", to);
        print_json_text(to, args->file);
        (void)fprintf(to,
                      ",\"sequences\":%" PRIu64 ",\"tombstones\":%" PRIu64 ",\"left_out\":%" PRIu64
                      ",\"at\":%" PRId64 ",\"seconds\":%.3f}\n",
                      made->sequences, made->tombstones, made->left_out, made->at, seconds);
        return;
    }
    (void)fprintf(to, "%" PRIu64 " sequences", made->sequences);
    if (made->tombstones > 0) {
        (void)fprintf(to, ", %" PRIu64 " names that none bears now", made->tombstones);
    }
    if (made->left_out > 0) {
        (void)fprintf(to, ", %" PRIu64 " created meanwhile are left out", made->left_out);
    }
    (void)fprintf(to, "; %.1f s\n", seconds);
}

enum exit_code run_backup(const struct args *args)
{
    struct backing *backing = calloc(1, sizeof *backing);
    uint64_t begun_ns = pawl_clock_ns();
    pawl_backed_up made = {.at = 0};
    pawl_error error = {.code = PAWL_OK};

    if (backing == NULL) {
        (void)pawl_fail(&error, PAWL_NO_MEMORY, "no memory for a backup");
        return print_failure(args, &error);
    }
    bar_begin(&backing->bar, args->json);
    error.code = back_up(args, backing, &made, &error);
    bar_clear(&backing->bar);
    free(backing);
    if (error.code != PAWL_OK) return print_failure(args, &error);
    print_made(args, &made, seconds_since(begun_ns));
    return EXIT_DONE;
}

/* Restore. */

struct restoring {
    struct bar bar;
    const struct args *args;
    uint64_t ones;
};

static const char *const how_words[] = {
    [PAWL_RESTORED_NEW] = "new",       [PAWL_RESTORED_BACK] = "back",
    [PAWL_RESTORED_KEPT] = "kept",     [PAWL_RESTORED_LINE] = "line",
    [PAWL_RESTORED_STAYED] = "stayed", [PAWL_RESTORED_TOMBSTONE] = "tombstone",
    [PAWL_RESTORED_FAILED] = "failed",
};
static const char *const how_texts[] = {
    [PAWL_RESTORED_NEW] = "it was not there",
    [PAWL_RESTORED_BACK] = "the backup was further",
    [PAWL_RESTORED_KEPT] = "the store was as far or further",
    [PAWL_RESTORED_LINE] = "a new line, beyond the store's and the backup's",
    [PAWL_RESTORED_STAYED] = "stays as it is",
    [PAWL_RESTORED_TOMBSTONE] = "no sequence, as in the backup",
    [PAWL_RESTORED_FAILED] = "stays as it is",
};
static const char *const why_words[] = {
    [PAWL_SKIP_NONE] = "none",
    [PAWL_SKIP_GIVEN] = "given",
    [PAWL_SKIP_RATE] = "rate",
    [PAWL_SKIP_MARGIN] = "margin",
};

static void print_one_json(struct restoring *restoring, const pawl_restored_one *one)
{
    char hidden[HIDDEN_BYTES_MAX];

    (void)fputs(restoring->ones == 0 ? "{\"name\":" : ",\n{\"name\":", stdout);
    print_json_text(stdout, one->name);
    (void)printf(",\"how\":\"%s\"", how_words[one->how]);
    if (one->error != NULL) {
        (void)printf(",\"error\":\"%s\",\"text\":", pawl_err_word(one->error->code));
        print_json_text(stdout, hide_in_error(restoring->args, one->error, hidden));
    } else {
        (void)printf(",\"from\":%" PRId64 ",\"next\":%" PRId64 ",\"skipped\":%" PRIu64
                     ",\"why\":\"%s\",\"rate\":%.3f",
                     one->from, one->next, one->skipped, why_words[one->why], one->rate);
    }
    (void)fputs("}", stdout);
}

static void print_one_text(const struct restoring *restoring, const pawl_restored_one *one)
{
    char hidden[HIDDEN_BYTES_MAX];

    if (one->error != NULL) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "not restored: %s: %s\n", one->name,
                      hide_in_error(restoring->args, one->error, hidden));
        return;
    }
    if (one->how == PAWL_RESTORED_TOMBSTONE || one->how == PAWL_RESTORED_STAYED) {
        (void)printf("%s: %s\n", one->name, how_texts[one->how]);
        return;
    }
    (void)printf("%s: next %" PRId64 ", from %" PRId64 " (%s), %" PRIu64 " skipped", one->name,
                 one->next, one->from, how_texts[one->how], one->skipped);
    if (one->why == PAWL_SKIP_RATE) (void)printf(" at %.1f ids/s", one->rate);
    if (one->why == PAWL_SKIP_MARGIN) {
        (void)printf(", the least; its rate was %.1f ids/s", one->rate);
    }
    if (one->why == PAWL_SKIP_NONE) (void)printf(": it is used up");
    (void)fputs("\n", stdout);
}

static void restored_one(const pawl_restored_one *one, void *arg)
{
    struct restoring *restoring = arg;

    bar_clear(&restoring->bar);
    if (restoring->args->json) {
        print_one_json(restoring, one);
    } else {
        print_one_text(restoring, one);
    }
    restoring->ones++;
}

static bool restore_progressed(uint64_t done, uint64_t total, void *arg)
{
    struct restoring *restoring = arg;

    bar_show(&restoring->bar, done, total);
    return bar_goes_on(&restoring->bar, "stopping, once what was begun is done");
}

static bool restore_waits(const pawl_error *why, uint64_t at_most_ns, void *arg)
{
    struct restoring *restoring = arg;

    bar_wait(&restoring->bar, restoring->args, why, at_most_ns);
    return bar_goes_on(&restoring->bar, "stopping, once what was begun is done");
}

static void print_restored_json(const struct args *args, const pawl_restored *restored,
                                double seconds)
{
    (void)printf("],\"at\":%" PRId64 ",\"total\":%" PRIu64 ",\"restored\":%" PRIu64
                 ",\"tombstones\":%" PRIu64 ",\"only_there\":%" PRIu64 ",\"failed\":%" PRIu64,
                 restored->at, restored->total, restored->restored, restored->tombstones,
                 restored->only_there, restored->failed);
    (void)printf(",\"skipped\":%" PRIu64 ",\"dry_run\":%s,\"seconds\":%.3f}\n", restored->skipped,
                 args->dry_run ? "true" : "false", seconds);
}

static void print_restored(const struct args *args, const pawl_restored *restored, double seconds)
{
    char at[TIME_TEXT] = "?";
    time_t then = (time_t)restored->at;
    struct tm utc;
    int64_t age_s = pawl_clock_wall_s() - restored->at;

    if (gmtime_r(&then, &utc) != NULL) (void)strftime(at, sizeof at, "%Y-%m-%d %H:%M:%S", &utc);
    (void)printf("%" PRIu64 " of %" PRIu64 " %s, %" PRIu64 " ids skipped", restored->restored,
                 restored->total, args->dry_run ? "would be restored" : "restored",
                 restored->skipped);
    if (restored->tombstones > 0) {
        (void)printf(", %" PRIu64 " names that none bears", restored->tombstones);
    }
    if (restored->failed > 0) (void)printf(", %" PRIu64 " not restored", restored->failed);
    (void)printf("; %.1f s\n", seconds);
    (void)printf("the backup is of %s UTC, %" PRId64 " hours and %" PRId64 " minutes ago\n", at,
                 age_s / 3600, age_s / 60 % 60);
    if (restored->only_there > 0) {
        (void)printf("%" PRIu64 " sequences are not in the backup and stay as they are: if the "
                     "store lost time, fence them\n",
                     restored->only_there);
    }
    if (args->skip_for_ns > 0) {
        (void)printf("the rates are of then: where more was used since, in an import say, go on "
                     "with pawl fence NAME --skip N before its next id is taken\n");
    }
}

static enum exit_code restore(const struct args *args, const struct stream *file)
{
    struct restoring restoring = {.args = args};
    const pawl_restore_options options = {
        .backup = file->size > 0 ? file->bytes : "",
        .backup_size = file->size,
        .skip = args->skip,
        .skip_for_ns = args->skip_for_ns,
        .match = args->glob,
        .dry_run = args->dry_run,
        .timeout_ns = args->timeout_ns,
        .one = restored_one,
        .progress = restore_progressed,
        .waits = restore_waits,
        .arg = &restoring,
    };
    uint64_t begun_ns = pawl_clock_ns();
    pawl_restored restored;
    pawl_error error = {.code = PAWL_OK};

    bar_begin(&restoring.bar, args->json);
    if (args->json) (void)fputs("{\"sequences\":[", stdout);
    error.code = pawl_store_restore(args->url, &options, &restored, &error);
    bar_clear(&restoring.bar);
    if (args->json) {
        print_restored_json(args, &restored, seconds_since(begun_ns));
    } else if (error.code == PAWL_OK || restoring.ones > 0) {
        print_restored(args, &restored, seconds_since(begun_ns));
    }
    if (error.code == PAWL_OK) return EXIT_DONE;
    (void)fflush(stdout);
    enum exit_code code = print_failure(args, &error);

    return restoring.ones > 0 ? EXIT_LEFT_OVER : code;
}

enum exit_code run_restore(const struct args *args)
{
    struct stream file;
    pawl_error error = {.code = PAWL_OK};

    error.code = stream_hold(args->file, &file, &error);
    enum exit_code code =
        error.code == PAWL_OK ? restore(args, &file) : print_failure(args, &error);

    stream_let_go(&file);
    return code;
}
