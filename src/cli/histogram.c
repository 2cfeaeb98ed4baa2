/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/histogram.h"

enum { SUB_BITS = 6, SUB_COUNT = 1 << SUB_BITS };

static size_t bucket_of(uint64_t ns)
{
    if (ns < SUB_COUNT) return (size_t)ns;

    unsigned top = 63U - (unsigned)__builtin_clzll(ns);
    unsigned shift = top - SUB_BITS;
    return ((size_t)shift + 1) * SUB_COUNT + (size_t)((ns >> shift) & (SUB_COUNT - 1));
}

/* The greatest duration that falls into a bucket. */
static uint64_t bucket_end(size_t bucket)
{
    if (bucket < SUB_COUNT) return bucket;

    size_t shift = bucket / SUB_COUNT - 1;
    uint64_t least = (SUB_COUNT + (uint64_t)(bucket % SUB_COUNT)) << shift;
    return least + ((UINT64_C(1) << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->count++;
    histogram->buckets[bucket_of(ns)]++;
    if (ns > histogram->most) histogram->most = ns;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    to->count += from->count;
    if (from->most > to->most) to->most = from->most;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        to->buckets[i] += from->buckets[i];
    }
}

uint64_t histogram_share(const struct histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen == 0 || (double)seen < wanted) continue;
        return bucket_end(i) < histogram->most ? bucket_end(i) : histogram->most;
    }
    return histogram->most;
}
