/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much to hold of one sequence, and what to ask for: design 5.4. Pure arithmetic over times
 * that it is told. Ids used are counted in windows of one refill interval; the rate is the larger
 * of the last whole window's and the present one's.
 */
#ifndef PAWL_PACE_H
#define PAWL_PACE_H

#include "base/base.h"

enum {
    PAWL_BLOCK_IDS_MAX = 1000000000, /* most ids in one ask */
    PAWL_IDLE_INTERVALS = 4,         /* nothing is idle before this many refill intervals */
};

struct pawl_pace_settings {
    uint64_t ride_through_ns;    /* default 60 s */
    uint64_t refill_interval_ns; /* default 30 s */
    uint64_t max_blocks;         /* fixed blocks in one ask; default 1,000 */
};

struct pawl_pace {
    uint64_t window_ns;   /* when the present window began; 0: none has */
    uint64_t counted_ns;  /* when use was counted last */
    uint64_t used;        /* in the present window */
    double last_rate;     /* of the window before */
    double asked_rate;    /* what askers above reported, summed; the keeper sets it */
    uint64_t granted;     /* the last grant's ids */
    uint64_t since_grant; /* used or asked for since then */
};

/* What is at hand and what is missing, when it is decided what to ask for. */
struct pawl_need {
    uint64_t held;   /* ids at hand */
    uint64_t waited; /* ids that callers wait for beyond those */
    uint64_t block;  /* the sequence's fixed block; 0: auto */
};

/* So many ids were used since the last call, 0 included; at most one refill interval ago. */
void pawl_pace_used(struct pawl_pace *pace, const struct pawl_pace_settings *settings,
                    uint64_t now_ns, uint64_t ids);
void pawl_pace_granted(struct pawl_pace *pace, uint64_t ids);
/* Ids per second, own use and askers' together. */
double pawl_pace_rate(const struct pawl_pace *pace, const struct pawl_pace_settings *settings,
                      uint64_t now_ns);
/* Less than once per refill interval: of such a sequence nothing is held ahead. */
bool pawl_pace_seldom(double rate, const struct pawl_pace_settings *settings);
/* Ask for more once fewer than this many are held; 0: only when nothing is. */
uint64_t pawl_pace_low(double rate, const struct pawl_pace_settings *settings);
/* How many ids to ask for; 0: none. At most PAWL_BLOCK_IDS_MAX; a source gives what it will. */
uint64_t pawl_pace_want(const struct pawl_pace *pace, const struct pawl_pace_settings *settings,
                        double rate, const struct pawl_need *need);

#endif
