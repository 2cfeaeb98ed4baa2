/* SPDX-License-Identifier: Apache-2.0 */
/* Judges histories: what clients wrote down of the ids that they were given. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/history.h"
#include "cli/print.h"

static const struct {
    const char *one, *many;
} words[HISTORY_FAULTS] = {
    [HISTORY_TWICE] = {"id was given twice", "ids were given twice"},
    [HISTORY_FALLS] = {"id came after a later one", "ids came after a later one"},
    [HISTORY_BOUNDS] = {"id lies beyond the bounds", "ids lie beyond the bounds"},
    [HISTORY_GRID] = {"id is no start plus multiple of the increment",
                      "ids are no start plus multiple of the increment"},
    [HISTORY_GLOBAL] = {"id was taken after a later one had been given",
                        "ids were taken after a later one had been given"},
};

static bool is_good(const struct history_report *report)
{
    return report->example_count == 0;
}

static size_t cut_count(const struct history *history)
{
    size_t count = 0;

    for (size_t i = 0; i < history->count; i++) {
        count += history->takers[i].cut;
    }
    return count;
}

static void print_example(const struct history *history, const struct history_example *example)
{
    const char *name = history->takers[example->taker].name;
    const char *other = history->takers[example->other_taker].name;

    switch (example->fault) {
    case HISTORY_TWICE:
        (void)printf("  %" PRId64 " was given to %s and to %s\n", example->id, other, name);
        break;
    case HISTORY_FALLS:
        (void)printf("  %s: %" PRId64 " came after %" PRId64 "\n", name, example->id,
                     example->other);
        break;
    case HISTORY_GLOBAL:
        (void)printf("  %s: %" PRId64 " was taken after %s had %" PRId64 "\n", name, example->id,
                     other, example->other);
        break;
    case HISTORY_BOUNDS:
    case HISTORY_GRID:
    case HISTORY_FAULTS:
        (void)printf("  %s: %" PRId64 "\n", name, example->id);
        break;
    }
}

/* What nobody was given, held against what is known to be burned. */
static void print_gaps(const struct args *args, const struct history_report *report)
{
    if (report->missing == 0) {
        (void)puts("no gaps");
        return;
    }
    (void)printf("%" PRIu64 " missing in %" PRIu64 " %s, the longest %" PRIu64 " from %" PRId64
                 " on",
                 report->missing, report->gaps, report->gaps == 1 ? "gap" : "gaps", report->largest,
                 report->largest_first);
    if (args->burned > 0) {
        bool more = report->missing > args->burned;

        (void)printf("; %" PRIu64 " are known to be burned: %" PRIu64 " %s", args->burned,
                     more ? report->missing - args->burned : 0, "unexplained");
    }
    (void)fputc('\n', stdout);
}

static void print_text(const struct args *args, const struct history *history,
                       const struct history_report *report, double seconds)
{
    (void)printf("%" PRIu64 " ids of %zu takers", report->ids, history->count);
    if (report->distinct > 0) {
        (void)printf(", %" PRId64 " to %" PRId64, report->first, report->last);
    }
    (void)printf("; %.1f s\n", seconds);
    if (cut_count(history) > 0) {
        (void)printf("%zu last ids left out: their lines or numbers are cut\n", cut_count(history));
    }
    print_gaps(args, report);
    for (size_t i = 0; i < HISTORY_FAULTS; i++) {
        if (report->faults[i] == 0) continue;
        (void)printf("%" PRIu64 " %s\n", report->faults[i],
                     report->faults[i] == 1 ? words[i].one : words[i].many);
    }
    for (size_t i = 0; i < report->example_count; i++) {
        print_example(history, &report->examples[i]);
    }
    (void)puts(is_good(report) ? "good: each id once, in order" : "BAD");
}

static void print_json(const struct args *args, const struct history *history,
                       const struct history_report *report, double seconds)
{
    (void)printf("{\"good\":%s,\"ids\":%" PRIu64 ",\"takers\":%zu,\"distinct\":%" PRIu64
                 ",\"missing\":%" PRIu64 ",\"gaps\":%" PRIu64,
                 is_good(report) ? "true" : "false", report->ids, history->count, report->distinct,
                 report->missing, report->gaps);
    (void)printf(",\"cut\":%zu", cut_count(history));
    if (args->burned > 0 && report->missing > args->burned) {
        (void)printf(",\"unexplained\":%" PRIu64, report->missing - args->burned);
    } else if (args->burned > 0) {
        (void)fputs(",\"unexplained\":0", stdout);
    }
    if (report->distinct > 0) {
        (void)printf(",\"first\":%" PRId64 ",\"last\":%" PRId64, report->first, report->last);
    }
    if (report->missing > 0) {
        (void)printf(",\"longest_gap\":{\"ids\":%" PRIu64 ",\"first\":%" PRId64 "}",
                     report->largest, report->largest_first);
    }
    for (enum history_fault i = 0; i < HISTORY_FAULTS; i++) {
        (void)printf(",\"%s\":%" PRIu64, history_fault_name(i), report->faults[i]);
    }
    (void)fputs(",\"examples\":[", stdout);
    for (size_t i = 0; i < report->example_count; i++) {
        const struct history_example *example = &report->examples[i];

        (void)printf("%s{\"fault\":\"%s\",\"id\":%" PRId64 ",\"other\":%" PRId64 ",\"taker\":",
                     i > 0 ? "," : "", history_fault_name(example->fault), example->id,
                     example->other);
        print_json_text(stdout, history->takers[example->taker].name);
        (void)fputs(",\"other_taker\":", stdout);
        print_json_text(stdout, history->takers[example->other_taker].name);
        (void)fputs("}", stdout);
    }
    (void)printf("],\"seconds\":%.3f}\n", seconds);
}

static unsigned threads_of(const struct args *args)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t wanted = args->threads > 0 ? args->threads : cores > 0 ? (uint64_t)cores : 1;

    return wanted < HISTORY_THREADS_MAX ? (unsigned)wanted : HISTORY_THREADS_MAX;
}

static struct history_rules rules_of(const struct args *args)
{
    const pawl_definition *definition = &args->definition;
    const uint32_t given = definition->given;

    return (struct history_rules){
        .increment = (given & PAWL_GIVEN_INCREMENT) != 0 ? definition->increment : 1,
        .least = (given & PAWL_GIVEN_MIN) != 0 ? definition->min : INT64_MIN,
        .most = (given & PAWL_GIVEN_MAX) != 0 ? definition->max : INT64_MAX,
        .grid = (given & PAWL_GIVEN_START) != 0,
        .start = definition->start,
        .global = definition->order == PAWL_ORDER_GLOBAL,
        .threads = threads_of(args),
    };
}

enum exit_code run_verify(const struct args *args)
{
    const struct history_rules rules = rules_of(args);
    const uint64_t begun_ns = pawl_clock_ns();
    struct history history;
    struct history_report report;
    pawl_error error = {.code = PAWL_OK};

    error.code = history_read(args->files, args->file_count, &history, &error);
    if (error.code == PAWL_OK) error.code = history_check(&history, &rules, &report, &error);
    if (error.code == PAWL_OK && report.ids == 0) {
        error.code = pawl_fail(&error, PAWL_BAD_REQUEST, "there are no ids in these files");
    }
    if (error.code != PAWL_OK) {
        history_free(&history);
        return print_failure(args, &error);
    }
    double seconds = (double)(pawl_clock_ns() - begun_ns) / (double)PAWL_NS_PER_S;

    if (args->json) {
        print_json(args, &history, &report, seconds);
    } else {
        print_text(args, &history, &report, seconds);
    }
    history_free(&history);
    return is_good(&report) ? EXIT_DONE : EXIT_FAULTS;
}
