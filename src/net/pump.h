/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a loop for whoever turns sources on his own thread. The turn is made before each sleep,
 * after all that came: libuv carries out due timers first, and what ends in one of them (libcurl's
 * exchanges do) would be noticed only after the sleep by a turn made between two runs of the loop.
 */
#ifndef PAWL_PUMP_H
#define PAWL_PUMP_H

#include <stdint.h>

#include <uv.h>

/* What a turn returns when the loop need not run on. */
#define PAWL_PUMP_OVER 0

/* Returns when the next turn is due (PAWL_NEVER: when something came), or PAWL_PUMP_OVER. */
typedef uint64_t pawl_pump_turn(void *arg);

struct pawl_pump {
    uv_prepare_t prepare;
    uv_timer_t timer;
    pawl_pump_turn *turn;
    void *arg;
};

void pawl_pump_init(struct pawl_pump *pump, uv_loop_t *loop);

/* Turns at once, and until a turn says that it is over. A turn may not call this again. */
void pawl_pump_run(struct pawl_pump *pump, pawl_pump_turn *turn, void *arg);

/* Its handles are gone once the loop has run again. */
void pawl_pump_close(struct pawl_pump *pump);

#endif
