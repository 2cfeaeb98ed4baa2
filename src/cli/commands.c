/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/print.h"

enum { URL_SHOWN_MAX = 512 };

void wait_ns(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / PAWL_NS_PER_S),
                            .tv_nsec = (long)(ns % PAWL_NS_PER_S)};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

pawl_err check_match(const struct args *args, pawl_error *error)
{
    if (args->glob == NULL) return PAWL_OK;
    return pawl_fail(error, PAWL_NO_SEQUENCE, "no sequence of the store matches %s", args->glob);
}

/* Ids are printed as they come: what is on standard output was taken, even if an error follows. */
static uint64_t print_ids(const pawl_ids *ids, const struct args *args, bool first)
{
    int64_t id = ids->first;

    for (uint64_t i = 0; i < ids->count; i++) {
        if (i > 0) id += ids->increment;
        if (args->json) {
            (void)printf("%s%" PRId64, first && i == 0 ? "" : ",", id);
        } else {
            (void)printf("%" PRId64 "\n", id);
        }
    }
    return ids->count;
}

pawl_err run_next(pawl_client *client, const struct args *args, pawl_error *error)
{
    pawl_seq *seq = NULL;
    pawl_err err = pawl_seq_open(client, args->name, &seq, error);
    uint64_t taken = 0;

    if (err != PAWL_OK) return err;
    if (args->json) {
        (void)fputs("{\"name\":", stdout);
        print_json_text(stdout, args->name);
        (void)fputs(",\"ids\":[", stdout);
    }
    while (err == PAWL_OK && taken < args->count) {
        uint64_t left = args->count - taken;
        pawl_ids ids;

        err = pawl_take(seq, left < PAWL_TAKE_MAX ? left : PAWL_TAKE_MAX, args->timeout_ns, &ids);
        if (err == PAWL_OK) taken += print_ids(&ids, args, taken == 0);
    }
    if (args->json) (void)fputs("]}\n", stdout);
    if (err == PAWL_OK) return PAWL_OK;
    return pawl_fail(error, err, "%s: %s, after %" PRIu64 " of %" PRIu64 " ids", args->name,
                     pawl_err_text(err), taken, args->count);
}

static void done_json(const struct args *args, const char *more)
{
    (void)printf("{\"name\":");
    print_json_text(stdout, args->name);
    (void)printf(",\"done\":\"%s\",\"complete\":%s%s}\n", args_command_name(args->command),
                 args->wait ? "true" : "false", more);
}

/* What a change prints when it is made. */
static void done(const struct args *args, const char *text)
{
    if (args->json) {
        done_json(args, "");
    } else {
        (void)printf("%s: %s\n", args->name, text);
    }
}

/*
 * Other holders ask at the latest one refill interval after their last answer whether their ids
 * still stand, layer by layer. Nobody knows all of them, so the time is what can be waited for.
 */
static void settle(const struct args *args, const char *text)
{
    uint64_t until_ns = pawl_clock_ns() + args->layers * args->refill_interval_ns;
    bool shown = isatty(STDERR_FILENO) && !args->json;

    if (!args->wait) {
        char line[160];

        (void)snprintf(line, sizeof line,
                       "%s; other holders let old ids go within one refill interval per layer",
                       text);
        done(args, line);
        return;
    }
    for (uint64_t now_ns = pawl_clock_ns(); now_ns < until_ns; now_ns = pawl_clock_ns()) {
        uint64_t left_ns = until_ns - now_ns;

        if (shown) {
            (void)fprintf(stderr, "\rwaiting for other holders: %" PRIu64 " s \033[K",
                          left_ns / PAWL_NS_PER_S + 1);
        }
        wait_ns(left_ns < PAWL_NS_PER_S ? left_ns : PAWL_NS_PER_S);
    }
    if (shown) (void)fputs("\r\033[K", stderr);
    done(args, text);
}

/* Whether it was there already is told by a create that does not mind: so the first one does. */
pawl_err run_create(pawl_client *client, const struct args *args, pawl_error *error)
{
    bool may_be_there = (args->definition.given & PAWL_GIVEN_IF_NOT_EXISTS) != 0;
    pawl_definition definition = args->definition;

    definition.given &= ~(uint32_t)PAWL_GIVEN_IF_NOT_EXISTS;
    pawl_err err = pawl_create(client, args->name, &definition, error);
    bool was_there = err == PAWL_EXISTS && may_be_there;

    if (err != PAWL_OK && !was_there) return err;
    if (args->json) {
        (void)printf("{\"name\":");
        print_json_text(stdout, args->name);
        (void)printf(",\"done\":\"create\",\"created\":%s,\"complete\":false}\n",
                     was_there ? "false" : "true");
    } else {
        (void)printf("%s: %s\n", args->name,
                     was_there ? "is there already, and stays as it is" : "created");
    }
    return PAWL_OK;
}

pawl_err run_alter(pawl_client *client, const struct args *args, pawl_error *error)
{
    pawl_err err = pawl_alter(client, args->name, &args->definition, error);

    if (err == PAWL_OK) settle(args, "altered");
    return err;
}

pawl_err run_set(pawl_client *client, const struct args *args, pawl_error *error)
{
    pawl_err err = pawl_set(client, args->name, args->id, args->force, error);

    if (err == PAWL_OK) settle(args, "set");
    return err;
}

pawl_err run_drop(pawl_client *client, const struct args *args, pawl_error *error)
{
    pawl_err err = pawl_drop(client, args->name, args->force, error);

    if (err == PAWL_OK) settle(args, "dropped");
    return err;
}

pawl_err run_rename(pawl_client *client, const struct args *args, pawl_error *error)
{
    pawl_err err = pawl_rename(client, args->name, args->to, error);

    if (err == PAWL_OK) settle(args, "renamed");
    return err;
}

/* Names, one behind the other, each with its zero byte. */
struct names {
    char *at;
    size_t size, room;
    bool failed;
};

static bool keep_name(const pawl_info *info, void *arg)
{
    struct names *names = arg;
    size_t size = strlen(info->name) + 1;

    if (names->size + size > names->room) {
        size_t room = 2 * names->room + 4096;
        char *more = realloc(names->at, room);

        if (more == NULL) {
            names->failed = true;
            return false;
        }
        names->at = more;
        names->room = room;
    }
    memcpy(names->at + names->size, info->name, size);
    names->size += size;
    return true;
}

/* Who fences wants to compare that with what was given out. Others may have taken some since. */
static void fenced_to(pawl_client *client, const struct args *args)
{
    pawl_info info;
    pawl_error why;
    char more[64];

    if (pawl_show(client, args->name, &info, &why) != PAWL_OK) {
        done(args, "fenced; pawl show prints where it goes on");
    } else if (args->json) {
        (void)snprintf(more, sizeof more, ",\"next\":%" PRId64 ",\"ended\":%s", info.next,
                       info.ended ? "true" : "false");
        done_json(args, more);
    } else if (info.ended) {
        done(args, "fenced: no ids are left");
    } else {
        (void)snprintf(more, sizeof more, "fenced: goes on at %" PRId64, info.next);
        done(args, more);
    }
}

/* Each of them, whatever becomes of the others. Sets how many were fenced. */
static pawl_err fence_names(pawl_client *client, const struct args *args, const struct names *names,
                            size_t *done_count, pawl_error *error)
{
    struct args one = *args;
    pawl_error why = {.code = PAWL_OK};
    size_t fenced = 0;
    size_t failed = 0;

    if (args->json) (void)fputs("[", stdout);
    for (size_t at = 0; at < names->size; at += strlen(one.name) + 1) {
        one.name = names->at + at;
        if (pawl_fence(client, one.name, args->skip, 0, &why) != PAWL_OK) {
            char hidden[HIDDEN_BYTES_MAX];

            (void)fprintf(stderr, "pawl: %s: %s\n", one.name, hide_in_error(args, &why, hidden));
            if (failed++ == 0) *error = why;
            continue;
        }
        if (args->json && fenced > 0) (void)fputs(",", stdout);
        fenced_to(client, &one);
        fenced++;
    }
    if (args->json) (void)fputs("]\n", stdout);
    *done_count = fenced;
    if (failed == 0) return PAWL_OK;
    return pawl_fail(error, error->code, "%zu of %zu sequences could not be fenced", failed,
                     fenced + failed);
}

/* All that were listed are fenced; then it is said that those were not all. */
static pawl_err fence_listed(pawl_client *client, const struct args *args,
                             const struct names *names, const pawl_error *unread, pawl_error *error)
{
    char hidden[HIDDEN_BYTES_MAX];
    size_t fenced = 0;
    pawl_err err = fence_names(client, args, names, &fenced, error);

    *args->left_over = fenced > 0;
    if (unread->code == PAWL_OK) return err;
    (void)fflush(stdout);
    if (err != PAWL_OK) {
        (void)fprintf(stderr, "pawl: %s\n", hide_in_error(args, error, hidden));
    }
    return pawl_fail(error, unread->code,
                     "%zu sequences were fenced, and not all: %.400s; what else cannot be read is "
                     "found the same way, once this one is mended or gone; one whose name is known "
                     "is fenced by it: pawl fence NAME",
                     fenced, unread->text);
}

static pawl_err fence_all(pawl_client *client, const struct args *args, pawl_error *error)
{
    struct names names = {.at = NULL};
    pawl_error unread = {.code = PAWL_OK};
    pawl_err err = pawl_list(client, NULL, keep_name, &names, &unread);

    unread.code = err;
    if (names.failed) {
        err = pawl_fail(error, PAWL_NO_MEMORY, "no memory for the names of all sequences");
    } else if (err == PAWL_DENIED && strncmp(args->url, "pawl", 4) == 0) {
        /* It tells nothing of the page that has one, so who knows how many are left out. */
        err = pawl_fail(error, err,
                        "%.400s; nothing was fenced: give the URL of the server's store, where "
                        "--all goes on over it, or fence by name",
                        unread.text);
    } else if (err == PAWL_OK || (err == PAWL_DENIED && names.size > 0)) {
        err = fence_listed(client, args, &names, &unread, error);
    } else {
        *error = unread;
    }
    free(names.at);
    return err;
}

pawl_err run_fence(pawl_client *client, const struct args *args, pawl_error *error)
{
    if (args->all) return fence_all(client, args, error);
    pawl_err err = pawl_fence(client, args->name, args->skip, args->beyond, error);

    if (err == PAWL_OK) fenced_to(client, args);
    return err;
}

pawl_err run_show(pawl_client *client, const struct args *args, pawl_error *error)
{
    pawl_info info;
    pawl_err err = pawl_show(client, args->name, &info, error);

    if (err != PAWL_OK) return err;
    print_record(stdout, &info, args->json);
    if (args->json) (void)fputc('\n', stdout);
    return PAWL_OK;
}

struct listing {
    bool json;
    bool begun;
};

static bool list_one(const pawl_info *info, void *arg)
{
    struct listing *listing = arg;

    if (listing->json) {
        (void)fputs(listing->begun ? ",\n" : "", stdout);
        print_record(stdout, info, true);
    } else {
        (void)puts(info->name);
    }
    listing->begun = true;
    return ferror(stdout) == 0;
}

pawl_err run_list(pawl_client *client, const struct args *args, pawl_error *error)
{
    struct listing listing = {.json = args->json};

    if (args->json) (void)fputs("[", stdout);
    pawl_err err = pawl_list(client, args->glob, list_one, &listing, error);
    if (args->json) (void)fputs("]\n", stdout);
    return err;
}

pawl_err run_ping(pawl_client *client, const struct args *args, pawl_error *error)
{
    uint64_t began_ns = pawl_clock_ns();
    pawl_err err = pawl_ping(client, error);

    if (err != PAWL_OK) return err;
    double took_ms = (double)(pawl_clock_ns() - began_ns) / (double)PAWL_NS_PER_MS;
    char url[URL_SHOWN_MAX];

    (void)pawl_url_show(url, sizeof url, args->url);
    if (args->json) {
        (void)fputs("{\"url\":", stdout);
        print_json_text(stdout, url);
        (void)printf(",\"ms\":%.3f}\n", took_ms);
    } else {
        (void)printf("%s answers, in %.3f ms\n", url, took_ms);
    }
    return PAWL_OK;
}
