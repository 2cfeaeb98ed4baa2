/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pump.h"

#include "base/base.h"
#include "base/clock.h"

static void timer_rang(uv_timer_t *timer)
{
    (void)timer; /* the loop goes round, and with it the turn */
}

static void arm(struct pawl_pump *pump, uint64_t next_ns)
{
    uint64_t now_ns = pawl_clock_ns();
    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    uint64_t wait_ms = wait_ns / PAWL_NS_PER_MS + (wait_ns % PAWL_NS_PER_MS != 0);

    uv_update_time(pump->timer.loop); /* a turn may have taken long */
    (void)uv_timer_start(&pump->timer, timer_rang, wait_ms, 0);
}

static void before_sleep(uv_prepare_t *prepare)
{
    struct pawl_pump *pump = prepare->data;
    uint64_t next_ns = pump->turn(pump->arg);

    (void)uv_timer_stop(&pump->timer);
    if (next_ns == PAWL_PUMP_OVER) {
        uv_stop(prepare->loop);
    } else if (next_ns != PAWL_NEVER) {
        arm(pump, next_ns);
    }
}

void pawl_pump_init(struct pawl_pump *pump, uv_loop_t *loop)
{
    (void)uv_prepare_init(loop, &pump->prepare);
    (void)uv_timer_init(loop, &pump->timer);
    pump->prepare.data = pump;
    pump->turn = NULL;
}

void pawl_pump_run(struct pawl_pump *pump, pawl_pump_turn *turn, void *arg)
{
    PAWL_ASSERT(pump->turn == NULL);
    pump->turn = turn;
    pump->arg = arg;
    (void)uv_prepare_start(&pump->prepare, before_sleep);
    (void)uv_run(pump->prepare.loop, UV_RUN_DEFAULT);
    (void)uv_prepare_stop(&pump->prepare);
    (void)uv_timer_stop(&pump->timer);
    pump->turn = NULL;
}

void pawl_pump_close(struct pawl_pump *pump)
{
    uv_close((uv_handle_t *)&pump->prepare, NULL);
    uv_close((uv_handle_t *)&pump->timer, NULL);
}
