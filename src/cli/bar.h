/* SPDX-License-Identifier: Apache-2.0 */
/* How far long work has come, on standard error: a bar on a terminal, else a line now and then. And
 * Ctrl-C, which is held back so that the work can end where it may. */
#ifndef BAR_H
#define BAR_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/args.h"

struct bar {
    bool quiet, terminal;
    bool shown;  /* it is on the terminal */
    bool waited; /* what is waited for was said */
    bool ending;
    sigset_t ends; /* Ctrl-C and the like: held back, and looked for now and then */
    uint64_t line_ns;
};

void bar_begin(struct bar *bar, bool quiet);
/* total 0: it is not known. */
void bar_show(struct bar *bar, uint64_t done, uint64_t total);
/* Before anything else is printed. */
void bar_clear(struct bar *bar);
/* Once: what is waited for, and how long at most. */
void bar_wait(struct bar *bar, const struct args *args, const pawl_error *why, uint64_t at_most_ns);
/* false after Ctrl-C, which is answered by text once; a second one ends the process at once. */
bool bar_goes_on(struct bar *bar, const char *text);

#endif
