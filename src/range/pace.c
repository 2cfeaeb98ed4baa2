/* SPDX-License-Identifier: Apache-2.0 */
#include "range/pace.h"

#include <math.h>

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static double seconds(uint64_t ns)
{
    return (double)ns / (double)PAWL_NS_PER_S;
}

/* As a count, rounded up: what is held must last. */
static uint64_t count_of(double ids)
{
    if (!(ids > 0)) return 0;
    return ids >= 0x1p64 ? UINT64_MAX : (uint64_t)ceil(ids);
}

static uint64_t whole_windows(const struct pawl_pace *pace,
                              const struct pawl_pace_settings *settings, uint64_t now_ns)
{
    if (now_ns <= pace->window_ns) return 0;
    return (now_ns - pace->window_ns) / settings->refill_interval_ns;
}

/* A single id in a window says nothing about how soon the next one comes: it may be a day. */
static double window_rate(uint64_t used, const struct pawl_pace_settings *settings)
{
    return used > 1 ? (double)used / seconds(settings->refill_interval_ns) : 0;
}

void pawl_pace_used(struct pawl_pace *pace, const struct pawl_pace_settings *settings,
                    uint64_t now_ns, uint64_t ids)
{
    uint64_t windows = whole_windows(pace, settings, now_ns);

    if (pace->window_ns == 0) {
        pace->window_ns = now_ns > 0 ? now_ns : 1;
    } else if (windows > 0) {
        pace->last_rate = windows == 1 ? window_rate(pace->used, settings) : 0;
        pace->window_ns += windows * settings->refill_interval_ns;
        pace->used = 0;
    }
    pace->used = add(pace->used, ids);
    pace->since_grant = add(pace->since_grant, ids);
}

void pawl_pace_granted(struct pawl_pace *pace, uint64_t ids)
{
    pace->granted = ids;
    pace->since_grant = 0;
}

double pawl_pace_rate(const struct pawl_pace *pace, const struct pawl_pace_settings *settings,
                      uint64_t now_ns)
{
    uint64_t windows = whole_windows(pace, settings, now_ns);
    double rate = 0;

    if (windows <= 1) rate = window_rate(pace->used, settings);
    if (windows == 0 && pace->last_rate > rate) rate = pace->last_rate;
    return rate + pace->asked_rate;
}

/* Ids for so long at that rate; none for a sequence used less than once per refill interval. */
static uint64_t ids_for(double rate, uint64_t time_ns, const struct pawl_pace_settings *settings)
{
    if (rate * seconds(settings->refill_interval_ns) < 1) return 0;
    return count_of(rate * seconds(time_ns));
}

uint64_t pawl_pace_low(double rate, const struct pawl_pace_settings *settings)
{
    return ids_for(rate, settings->ride_through_ns, settings);
}

uint64_t pawl_pace_want(const struct pawl_pace *pace, const struct pawl_pace_settings *settings,
                        double rate, const struct pawl_need *need)
{
    uint64_t target =
        ids_for(rate, add(settings->ride_through_ns, settings->refill_interval_ns), settings);
    uint64_t grown = add(pace->granted, pace->granted);
    uint64_t want = target > need->held ? target - need->held : 0;

    if (grown < pace->since_grant) grown = pace->since_grant;
    if (grown == 0) grown = 1;
    if (want > grown) want = grown;
    if (want < need->waited) want = need->waited;
    if (want > PAWL_BLOCK_IDS_MAX) want = PAWL_BLOCK_IDS_MAX;
    if (want == 0 || need->block == 0) return want;

    uint64_t blocks = (want - 1) / need->block + 1;
    uint64_t blocks_max = PAWL_BLOCK_IDS_MAX / need->block;

    if (blocks_max > settings->max_blocks) blocks_max = settings->max_blocks;
    if (blocks > blocks_max) blocks = blocks_max;
    return (blocks > 0 ? blocks : 1) * need->block;
}
