/* SPDX-License-Identifier: Apache-2.0 */
/* Takes ids at a steady rate, on core 0, and tells how long the calls took. */
#ifndef PAWL_BENCH_PACE_H
#define PAWL_BENCH_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* One id. Ends the program, saying why, if there is none. */
typedef void pace_take(void *state);

/*
 * Calls take at that rate for so many seconds, not counting a warm-up, and prints a JSON object:
 * calls, achieved rate, p50 to max in µs, and how many refills there were, if somebody counts them.
 *
 * Nothing is caught up: a call that lasts makes the rate lower. But who would have called in the
 * meantime would have waited, too, so that a call that lasts longer than a step counts for those
 * as well, with what was left of it.
 */
struct pace {
    const char *subject;
    uint64_t rate; /* ids per second */
    double seconds;
    pace_take *take;
    void *state;
    void (*warm)(void *state);        /* after the warm-up; may be NULL */
    uint64_t (*refills)(void *state); /* since then; may be NULL */
};

void pace_run(const struct pace *pace);
void pace_pin(int core); /* the calling thread, and what it starts */

#endif
