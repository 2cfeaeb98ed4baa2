/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/shell.h"
#include "cli/hide.h"

void print_json_text(FILE *to, const char *text)
{
    (void)fputc('"', to);
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;

        if (c == '"' || c == '\\') {
            (void)fprintf(to, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            (void)fprintf(to, "\\u%04x", c);
        } else {
            (void)fputc(c, to);
        }
    }
    (void)fputc('"', to);
}

static const struct {
    const char *word;
    bool bound;
    const char *text;
} causes[] = {
#define CAUSE(constant, word, bound, text) {word, bound, text},
    PAWL_CAUSE_MAP(CAUSE)
#undef CAUSE
};

static void gaps_json(FILE *to, const pawl_gaps *gaps)
{
    (void)fprintf(to, ",\"gaps\":{\"since\":%" PRId64 ",\"reserved\":%" PRIu64, gaps->since,
                  gaps->reserved);
    for (size_t i = 0; i < PAWL_COUNT(causes); i++) {
        (void)fprintf(to, ",\"%s\":%" PRIu64, causes[i].word, gaps->burned[i]);
    }
    (void)fprintf(to, ",\"steps_back\":%" PRIu64 ",\"step_back_ids\":%" PRIu64, gaps->steps_back,
                  gaps->step_back_ids);
    (void)fprintf(to, ",\"stopped\":%s,\"stops\":%" PRIu64, gaps->stopped ? "true" : "false",
                  gaps->stops);
    if (gaps->crash_bounded) {
        (void)fprintf(to, ",\"crash_after\":%" PRId64 ",\"crash_to\":%" PRId64, gaps->crash_after,
                      gaps->crash_to);
    }
    (void)fputc('}', to);
}

static void record_json(FILE *to, const pawl_info *info)
{
    (void)fputs("{\"name\":", to);
    print_json_text(to, info->name);
    (void)fprintf(to,
                  ",\"next\":%" PRId64 ",\"ended\":%s,\"start\":%" PRId64 ",\"increment\":%" PRId64
                  ",\"min\":%" PRId64 ",\"max\":%" PRId64 ",\"cycle\":%s",
                  info->next, info->ended ? "true" : "false", info->start, info->increment,
                  info->min, info->max, info->cycle ? "true" : "false");
    (void)fprintf(to, ",\"block\":%" PRIu64 ",\"order\":\"%s\",\"type\":\"%s\"", info->block,
                  args_order_name(info->order), args_type_name(info->data_type));
    (void)fprintf(to,
                  ",\"epoch\":%" PRIu64 ",\"line\":%" PRIu64 ",\"lap\":%" PRIu64
                  ",\"version\":%" PRIu64 ",\"rate\":%.3f,\"created_at\":%" PRId64
                  ",\"changed_at\":%" PRId64,
                  info->epoch, info->line, info->lap, info->version, info->rate, info->created_at,
                  info->changed_at);
    if (info->gaps.since != 0) gaps_json(to, &info->gaps);
    (void)fputc('}', to);
}

enum { TIME_BYTES = 32 };

static const char *time_text(char text[TIME_BYTES], int64_t seconds)
{
    struct tm utc;
    time_t at = (time_t)seconds;

    (void)snprintf(text, TIME_BYTES, "?");
    if (gmtime_r(&at, &utc) != NULL) (void)strftime(text, TIME_BYTES, "%Y-%m-%d %H:%M:%S", &utc);
    return text;
}

static void time_line(FILE *to, const char *what, int64_t seconds)
{
    char text[TIME_BYTES];

    (void)fprintf(to, "%-11s %s UTC\n", what, time_text(text, seconds));
}

/* How often its store went back, as far as the server that was asked had to move it on. */
static void steps_back_text(FILE *to, const pawl_gaps *gaps)
{
    if (gaps->steps_back == 0) return;
    (void)fprintf(
        to, "%-11s %" PRIu64 " %s its store went back, or may have: moved on by %" PRIu64 " ids\n",
        "steps back", gaps->steps_back, gaps->steps_back == 1 ? "time" : "times",
        gaps->step_back_ids);
}

static void stopped_text(FILE *to, const pawl_info *info)
{
    const pawl_gaps *gaps = &info->gaps;

    if (gaps->stops == 0) return;
    (void)fprintf(to, "%-11s %" PRIu64 " %s its store went back, or may have", "stopped",
                  gaps->stops, gaps->stops == 1 ? "time" : "times");
    if (gaps->stopped) {
        char word[PAWL_SHELL_BYTES(PAWL_NAME_BYTES_MAX)];
        const struct pawl_bytes name = {info->name, strlen(info->name)};

        (void)fprintf(to, ", and still: no ids until pawl fence %s\n",
                      pawl_shell_word(word, sizeof word, name));
    } else {
        (void)fputs("; it goes on\n", to);
    }
}

/* Why ids are missing, as far as the server that was asked reserved them. */
static void gaps_text(FILE *to, const pawl_gaps *gaps)
{
    char since[TIME_BYTES];
    uint64_t sum = 0;

    for (size_t i = 0; i < PAWL_COUNT(causes); i++) {
        sum += gaps->burned[i];
    }
    (void)time_text(since, gaps->since);
    if (sum == 0) {
        (void)fprintf(to,
                      gaps->reserved > 0 ? "%-11s none by this server since %s UTC\n"
                                         : "%-11s nothing known by this server, which counts since "
                                           "%s UTC\n",
                      "gaps", since);
        return;
    }
    (void)fprintf(to, "%-11s %" PRIu64 " ids by this server since %s UTC:\n", "gaps", sum, since);
    for (size_t i = 0; i < PAWL_COUNT(causes); i++) {
        if (gaps->burned[i] == 0) continue;
        (void)fprintf(to, "%-11s %s%" PRIu64 " %s: %s", "", causes[i].bound ? "up to " : "",
                      gaps->burned[i], causes[i].word, causes[i].text);
        if (i == PAWL_CAUSE_CRASH && gaps->crash_bounded) {
            (void)fprintf(to, " (the latest time after %" PRId64 ", up to %" PRId64 ")",
                          gaps->crash_after, gaps->crash_to);
        }
        (void)fputc('\n', to);
    }
}

static void record_text(FILE *to, const pawl_info *info)
{
    (void)fprintf(to, "%-11s %s\n", "name", info->name);
    if (info->ended) {
        (void)fprintf(to, "%-11s none, used up at %" PRId64 "\n", "next", info->next);
    } else {
        (void)fprintf(to, "%-11s %" PRId64 "\n", "next", info->next);
    }
    (void)fprintf(to, "%-11s %" PRId64 "\n", "start", info->start);
    (void)fprintf(to, "%-11s %" PRId64 "\n", "increment", info->increment);
    (void)fprintf(to, "%-11s %" PRId64 "\n", "min", info->min);
    (void)fprintf(to, "%-11s %" PRId64 "\n", "max", info->max);
    (void)fprintf(to, "%-11s %s\n", "cycle", info->cycle ? "yes" : "no");
    if (info->block == 0) {
        (void)fprintf(to, "%-11s auto\n", "block");
    } else {
        (void)fprintf(to, "%-11s %" PRIu64 "\n", "block", info->block);
    }
    (void)fprintf(to, "%-11s %s\n", "order", args_order_name(info->order));
    (void)fprintf(to, "%-11s %s\n", "type", args_type_name(info->data_type));
    (void)fprintf(to, "%-11s %" PRIu64 "\n", "epoch", info->epoch);
    (void)fprintf(to, "%-11s %" PRIu64 "\n", "line", info->line);
    (void)fprintf(to, "%-11s %" PRIu64 "\n", "lap", info->lap);
    (void)fprintf(to, "%-11s %" PRIu64 "\n", "version", info->version);
    (void)fprintf(to, "%-11s %.3f ids/s\n", "rate", info->rate);
    time_line(to, "created", info->created_at);
    time_line(to, "changed", info->changed_at);
    if (info->gaps.since != 0) gaps_text(to, &info->gaps);
    if (info->gaps.since != 0) steps_back_text(to, &info->gaps);
    if (info->gaps.since != 0) stopped_text(to, info);
}

void print_record(FILE *to, const pawl_info *info, bool json)
{
    if (json) {
        record_json(to, info);
    } else {
        record_text(to, info);
    }
}

enum exit_code exit_of(pawl_err err)
{
    switch (err) {
    case PAWL_OK:
        return EXIT_DONE;
    case PAWL_BAD_REQUEST:
    case PAWL_RANGE:
    case PAWL_LIMIT:
        return EXIT_USAGE;
    case PAWL_NO_SEQUENCE:
        return EXIT_NO_SEQUENCE;
    case PAWL_EXISTS:
        return EXIT_EXISTS;
    case PAWL_EMPTY:
    case PAWL_TIMEOUT:
    case PAWL_BUSY:
    case PAWL_LOST:
    case PAWL_STORE:
        return EXIT_AWAY;
    case PAWL_END:
        return EXIT_USED_UP;
    case PAWL_UNKNOWN:
        return EXIT_UNKNOWN;
    case PAWL_GLOBAL:
    case PAWL_FLOOR:
    case PAWL_BEHIND:
    case PAWL_DENIED:
    case PAWL_CHANGED:
    case PAWL_ROLLBACK:
    case PAWL_MISSING:
        return EXIT_REFUSED;
    case PAWL_NO_MEMORY:
    case PAWL_CLOSED:
    case PAWL_FORKED:
    case PAWL_NOT_KEPT:
        return EXIT_FAILED;
    }
    return EXIT_FAILED; /* a newer server sent an error that we do not know */
}

const char *hide_in_error(const struct args *args, const pawl_error *error,
                          char to[HIDDEN_BYTES_MAX])
{
    const char *text = error->text[0] != '\0' ? error->text : pawl_err_text(error->code);

    return hide_passwords(to, HIDDEN_BYTES_MAX, text, args->words, args->default_url);
}

enum exit_code print_failure(const struct args *args, const pawl_error *error)
{
    char hidden[HIDDEN_BYTES_MAX];
    const char *text = hide_in_error(args, error, hidden);

    if (args->json) {
        (void)fprintf(stderr, "{\"error\":\"%s\",\"text\":", pawl_err_word(error->code));
        print_json_text(stderr, text);
        (void)fputs("}\n", stderr);
    } else {
        (void)fprintf(stderr, "pawl: %s\n", text);
    }
    return exit_of(error->code);
}
