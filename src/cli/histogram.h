/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of durations, exact to 1 in 64: 64 buckets for each power of two. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include "base/base.h"

enum { HISTOGRAM_BUCKETS = 59 * 64 };

struct histogram {
    uint64_t count;
    uint64_t most;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_merge(struct histogram *to, const struct histogram *from);
/* The duration that this share (0 to 1) of all does not exceed; 0 if there is none. */
uint64_t histogram_share(const struct histogram *histogram, double share);

#endif
