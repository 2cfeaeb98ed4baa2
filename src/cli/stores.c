/* SPDX-License-Identifier: Apache-2.0 */
/* What a person does with stores: makes them, looks at them, moves all sequences to another one. */
#include "pawl/stores.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/bar.h"
#include "cli/commands.h"
#include "cli/print.h"

enum { URL_SHOWN_MAX = 512 };

#define USUAL_TIMEOUT_NS (60 * PAWL_NS_PER_S)
#define TRY_AGAIN_NS     (200 * PAWL_NS_PER_MS)
#define SILENT_NS        PAWL_NS_PER_S

static void json_member(const char *name, const char *text)
{
    (void)printf("\"%s\":", name);
    print_json_text(stdout, text);
}

/* One that is away may come back: asked again for as long as --timeout says. */
struct patience {
    const struct args *args;
    struct bar bar; /* which only says what is waited for */
    uint64_t begun_ns, until_ns;
};

static struct patience patience_begin(const struct args *args)
{
    uint64_t wait_ns = args->timeout_ns != 0 ? args->timeout_ns : USUAL_TIMEOUT_NS;

    uint64_t now_ns = pawl_clock_ns();

    return (struct patience){
        .args = args, .bar.quiet = args->json, .begun_ns = now_ns, .until_ns = now_ns + wait_ns};
}

static uint64_t left_ns(const struct patience *patience)
{
    uint64_t now_ns = pawl_clock_ns();

    return patience->until_ns > now_ns ? patience->until_ns - now_ns : 1;
}

/* Whether to ask once more, after a pause. */
static bool waits_on(struct patience *patience, const pawl_error *error)
{
    pawl_advice advice = pawl_err_advice(error->code);

    if (advice != PAWL_ADVICE_AGAIN && advice != PAWL_ADVICE_WAIT) return false;
    if (error->code == PAWL_MISSING || error->code == PAWL_TIMEOUT) return false;
    if (left_ns(patience) <= 2 * TRY_AGAIN_NS) return false;
    if (pawl_clock_ns() - patience->begun_ns >= SILENT_NS) {
        bar_wait(&patience->bar, patience->args, error, left_ns(patience));
    }
    wait_ns(TRY_AGAIN_NS);
    return true;
}

enum exit_code run_store_init(const struct args *args)
{
    struct patience patience = patience_begin(args);
    char url[URL_SHOWN_MAX];
    pawl_error error = {.code = PAWL_OK};

    do {
        error.code = pawl_store_init(args->url, left_ns(&patience), &error);
    } while (error.code != PAWL_OK && waits_on(&patience, &error));
    if (error.code != PAWL_OK) return print_failure(args, &error);
    (void)pawl_url_show(url, sizeof url, args->url);
    if (args->json) {
        (void)fputs("{", stdout);
        json_member("url", url);
        (void)fputs(",\"done\":\"init\"}\n", stdout);
    } else {
        (void)printf("%s: ready for sequences\n", url);
    }
    return EXIT_DONE;
}

struct finding {
    bool json;
    unsigned count, warns, breaks;
};

static void print_item(const pawl_store_item *item, void *arg)
{
    static const char *const words[] = {
        [PAWL_VERDICT_KEEPS] = "ok",
        [PAWL_VERDICT_WARNS] = "warn",
        [PAWL_VERDICT_BREAKS] = "BREAKS",
    };
    static const char *const json_words[] = {
        [PAWL_VERDICT_KEEPS] = "ok",
        [PAWL_VERDICT_WARNS] = "warn",
        [PAWL_VERDICT_BREAKS] = "breaks",
    };
    struct finding *finding = arg;

    if (finding->json) {
        (void)fputs(finding->count == 0 ? "{" : ",\n{", stdout);
        json_member("what", item->what);
        (void)fputs(",", stdout);
        json_member("verdict", json_words[item->verdict]);
        (void)fputs(",", stdout);
        json_member("found", item->found);
        if (item->advice != NULL) {
            (void)fputs(",", stdout);
            json_member("advice", item->advice);
        }
        (void)fputs("}", stdout);
    } else {
        (void)printf("%-6s  %s: %s%s%s\n", words[item->verdict], item->what, item->found,
                     item->advice != NULL ? "; " : "", item->advice != NULL ? item->advice : "");
    }
    finding->count++;
    finding->warns += item->verdict == PAWL_VERDICT_WARNS;
    finding->breaks += item->verdict == PAWL_VERDICT_BREAKS;
}

enum exit_code run_store_check(const struct args *args)
{
    struct finding finding = {.json = args->json};
    struct patience patience = patience_begin(args);
    char url[URL_SHOWN_MAX];
    pawl_error error = {.code = PAWL_OK};

    (void)pawl_url_show(url, sizeof url, args->url);
    if (args->json) {
        (void)fputs("{", stdout);
        json_member("url", url);
        (void)fputs(",\"items\":[", stdout);
    }
    do {
        error.code = pawl_store_check(args->url, left_ns(&patience), print_item, &finding, &error);
    } while (error.code != PAWL_OK && finding.count == 0 && waits_on(&patience, &error));
    if (args->json) {
        bool keeps = error.code == PAWL_OK && finding.breaks == 0;

        (void)printf("],\"keeps\":%s}\n", keeps ? "true" : "false");
    }
    if (error.code != PAWL_OK) {
        (void)fflush(stdout);
        enum exit_code code = print_failure(args, &error);

        return finding.breaks > 0 ? EXIT_BREAKS : code;
    }
    if (!args->json && finding.breaks > 0) {
        (void)printf("%s: an id can be handed out twice, see %s\n", url,
                     finding.breaks == 1 ? "the line with BREAKS" : "the lines with BREAKS");
    } else if (!args->json) {
        (void)printf("%s: can keep ids unique%s\n", url, finding.warns > 0 ? ", see warn" : "");
    }
    return finding.breaks > 0 ? EXIT_BREAKS : EXIT_DONE;
}

struct copying {
    struct bar bar;
    const struct args *args;
    uint64_t failures;
};

static bool copy_progressed(const pawl_copied *copied, void *arg)
{
    struct copying *copying = arg;

    bar_show(&copying->bar, copied->moved + copied->moved_before + copied->dropped + copied->failed,
             copied->total);
    return bar_goes_on(&copying->bar, "stopping, once what has left its store has arrived");
}

static bool copy_waits(const pawl_error *why, uint64_t at_most_ns, void *arg)
{
    struct copying *copying = arg;

    bar_wait(&copying->bar, copying->args, why, at_most_ns);
    return bar_goes_on(&copying->bar, "stopping, once what has left its store has arrived");
}

static void print_failed(const char *name, const pawl_error *error, void *arg)
{
    struct copying *copying = arg;

    char hidden[HIDDEN_BYTES_MAX];
    const char *text = hide_in_error(copying->args, error, hidden);

    bar_clear(&copying->bar);
    if (copying->args->json) {
        (void)fputs(copying->failures == 0 ? "{" : ",\n{", stdout);
        json_member("name", name);
        (void)fputs(",", stdout);
        json_member("error", pawl_err_word(error->code));
        (void)fputs(",", stdout);
        json_member("text", text);
        (void)fputs("}", stdout);
    } else {
        (void)fprintf(stderr, "not moved: %s: %s\n", name, text);
    }
    copying->failures++;
}

static double ms(uint64_t ns)
{
    return (double)ns / (double)PAWL_NS_PER_MS;
}

static void print_copied_json(const struct args *args, const pawl_copied *copied, double seconds)
{
    (void)printf("],\"total\":%" PRIu64 ",\"moved\":%" PRIu64 ",\"moved_before\":%" PRIu64
                 ",\"dropped\":%" PRIu64 ",\"elsewhere\":%" PRIu64 ",\"failed\":%" PRIu64,
                 copied->total, copied->moved, copied->moved_before, copied->dropped,
                 copied->elsewhere, copied->failed);
    (void)printf(",\"dry_run\":%s,\"seconds\":%.3f,\"unavailable_median_ms\":%.3f,"
                 "\"unavailable_max_ms\":%.3f}\n",
                 args->dry_run ? "true" : "false", seconds, ms(copied->unavailable_median_ns),
                 ms(copied->unavailable_max_ns));
}

static void print_copied(const struct args *args, const pawl_copied *copied, double seconds)
{
    (void)printf("%" PRIu64 " %s", copied->moved, args->dry_run ? "would be moved" : "moved");
    if (copied->moved_before > 0) {
        (void)printf(", %" PRIu64 " had left before", copied->moved_before);
    }
    if (copied->dropped > 0) (void)printf(", %" PRIu64 " are dropped ones", copied->dropped);
    if (copied->failed > 0) (void)printf(", %" PRIu64 " not moved", copied->failed);
    (void)printf("; %.1f s\n", seconds);
    if (copied->moved > 0 && !args->dry_run) {
        (void)printf("each unavailable for %.1f ms (median), %.1f ms at most\n",
                     ms(copied->unavailable_median_ns), ms(copied->unavailable_max_ns));
    }
    if (copied->elsewhere > 0) {
        (void)printf("%" PRIu64 " left for another store before, or for this one under another "
                     "URL: a copy that was interrupted goes on under its own URL\n",
                     copied->elsewhere);
    }
}

enum exit_code run_store_copy(const struct args *args)
{
    struct copying copying = {.args = args};
    uint64_t begun_ns = pawl_clock_ns();
    const pawl_copy_options options = {
        .match = args->glob,
        .dry_run = args->dry_run,
        .timeout_ns = args->timeout_ns,
        .progress = copy_progressed,
        .failed = print_failed,
        .waits = copy_waits,
        .arg = &copying,
    };
    pawl_copied copied;
    pawl_error error = {.code = PAWL_OK};

    bar_begin(&copying.bar, args->json);
    if (args->json) (void)fputs("{\"failures\":[", stdout);
    error.code = pawl_store_copy(args->url, args->to, &options, &copied, &error);
    if (error.code == PAWL_OK && copied.total == 0) error.code = check_match(args, &error);
    bar_clear(&copying.bar);
    double seconds = (double)(pawl_clock_ns() - begun_ns) / (double)PAWL_NS_PER_S;

    if (args->json) {
        print_copied_json(args, &copied, seconds);
    } else if (error.code == PAWL_OK || copied.total > 0) {
        print_copied(args, &copied, seconds);
    }
    if (error.code == PAWL_OK) return EXIT_DONE;
    (void)fflush(stdout);
    enum exit_code code = print_failure(args, &error);

    return copied.total > 0 ? EXIT_LEFT_OVER : code;
}
