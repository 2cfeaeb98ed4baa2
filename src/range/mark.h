/* SPDX-License-Identifier: Apache-2.0 */
/* A mark says how far a sequence has come: line, then lap, then id in the increment's direction. */
#ifndef PAWL_MARK_H
#define PAWL_MARK_H

#include "base/base.h"

/* line 0 is no mark: it lies before every other. */
struct pawl_mark {
    uint64_t line;
    uint64_t lap;
    int64_t id;
};

/* < 0 if a lies before b, 0 if they are the same, > 0 if beyond. increment gives the direction. */
int pawl_mark_order(struct pawl_mark a, struct pawl_mark b, int64_t increment);
struct pawl_mark pawl_mark_further(struct pawl_mark a, struct pawl_mark b, int64_t increment);

/* Ids first, first + increment, ... of one epoch and one lap, owned by exactly one holder. */
struct pawl_range {
    int64_t first;
    int64_t increment;
    uint64_t count; /* 0: no range */
};

/* count > 0. Exact: a range never leaves int64. */
int64_t pawl_range_last(struct pawl_range range);
/* Cuts the first count ids, or all if fewer, off range. */
struct pawl_range pawl_range_cut(struct pawl_range *range, uint64_t count);
/* b begins where a ends, with the same increment. */
bool pawl_range_adjacent(struct pawl_range a, struct pawl_range b);

#endif
