/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/print.h"

enum { BAR_CELLS = 30 };

/* A line on progress where there is no terminal. */
#define LINE_EVERY_NS (2 * PAWL_NS_PER_S)

void bar_begin(struct bar *bar, bool quiet)
{
    *bar = (struct bar){
        .quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1, .line_ns = pawl_clock_ns()};
    (void)sigemptyset(&bar->ends);
    (void)sigaddset(&bar->ends, SIGINT);
    (void)sigaddset(&bar->ends, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &bar->ends, NULL);
}

void bar_clear(struct bar *bar)
{
    if (bar->shown) (void)fputs("\r\033[K", stderr);
    bar->shown = false;
}

static void show_cells(uint64_t done, uint64_t total)
{
    char cells[BAR_CELLS + 1];
    size_t full = (size_t)(done * BAR_CELLS / total);

    memset(cells, '.', BAR_CELLS);
    memset(cells, '#', full < BAR_CELLS ? full : BAR_CELLS);
    cells[BAR_CELLS] = '\0';
    (void)fprintf(stderr, "\r[%s] %" PRIu64 " of %" PRIu64 "\033[K", cells, done, total);
}

void bar_show(struct bar *bar, uint64_t done, uint64_t total)
{
    uint64_t now_ns = pawl_clock_ns();

    if (bar->quiet || (done == 0 && total == 0)) return;
    if (bar->terminal) {
        if (total > 0) {
            show_cells(done, total);
        } else {
            (void)fprintf(stderr, "\r%" PRIu64 " looked at\033[K", done);
        }
        bar->shown = true;
    } else if (now_ns - bar->line_ns >= LINE_EVERY_NS) {
        bar->line_ns = now_ns;
        if (total > 0) {
            (void)fprintf(stderr, "%" PRIu64 " of %" PRIu64 "\n", done, total);
        } else {
            (void)fprintf(stderr, "%" PRIu64 " looked at\n", done);
        }
    }
}

void bar_wait(struct bar *bar, const struct args *args, const pawl_error *why, uint64_t at_most_ns)
{
    char hidden[HIDDEN_BYTES_MAX];

    if (bar->quiet || bar->waited) return;
    bar->waited = true;
    bar_clear(bar);
    (void)fprintf(stderr, "pawl: %s; trying again for %.0f s at most\n",
                  hide_in_error(args, why, hidden), (double)at_most_ns / (double)PAWL_NS_PER_S);
}

bool bar_goes_on(struct bar *bar, const char *text)
{
    const struct timespec at_once = {.tv_sec = 0};

    if (!bar->ending && sigtimedwait(&bar->ends, NULL, &at_once) > 0) {
        bar->ending = true;
        (void)sigprocmask(SIG_UNBLOCK, &bar->ends, NULL);
        bar_clear(bar);
        (void)fprintf(stderr, "%s\n", text);
    }
    return !bar->ending;
}
