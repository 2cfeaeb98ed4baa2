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

/*
 * A window is over. What was counted now was used since the count before, evenly as far as anybody
 * knows: so it belongs to both windows. A keeper counts when it is turned, and if all of it fell
 * into the present window, a steady use would look like none and twice as much by turns.
 */
static void pace_roll(struct pawl_pace *pace, const struct pawl_pace_settings *settings,
                      uint64_t now_ns, uint64_t ids)
{
    uint64_t interval_ns = settings->refill_interval_ns;
    uint64_t windows = whole_windows(pace, settings, now_ns);
    uint64_t start_ns = pace->window_ns + windows * interval_ns;
    uint64_t from_ns =
        now_ns - pace->counted_ns > interval_ns ? now_ns - interval_ns : pace->counted_ns;
    uint64_t present = ids;

    if (now_ns > from_ns) {
        present = count_of((double)ids * seconds(now_ns - start_ns) / seconds(now_ns - from_ns));
    }
    if (present > ids) present = ids; /* of one alone: all, as it was wished for just now */
    pace->last_rate = window_rate(add(windows == 1 ? pace->used : 0, ids - present), settings);
    pace->window_ns = start_ns;
    pace->used = present;
}

void pawl_pace_used(struct pawl_pace *pace, const struct pawl_pace_settings *settings,
                    uint64_t now_ns, uint64_t ids)
{
    if (pace->window_ns == 0) {
        if (ids == 0) return;
        pace->window_ns = now_ns > 0 ? now_ns : 1;
        pace->used = ids;
    } else if (whole_windows(pace, settings, now_ns) > 0) {
        pace_roll(pace, settings, now_ns, ids);
    } else {
        pace->used = add(pace->used, ids);
    }
    pace->counted_ns = now_ns;
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

bool pawl_pace_seldom(double rate, const struct pawl_pace_settings *settings)
{
    return rate * seconds(settings->refill_interval_ns) < 1;
}

static uint64_t ids_for(double rate, uint64_t time_ns, const struct pawl_pace_settings *settings)
{
    if (pawl_pace_seldom(rate, settings)) return 0;
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
