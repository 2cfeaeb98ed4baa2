/* SPDX-License-Identifier: Apache-2.0 */
#include "range/mark.h"

#include "range/wide.h"

int pawl_mark_order(struct pawl_mark a, struct pawl_mark b, int64_t increment)
{
    if (a.line != b.line) return a.line < b.line ? -1 : 1;
    if (a.line == 0) return 0;
    if (a.lap != b.lap) return a.lap < b.lap ? -1 : 1;
    if (a.id == b.id) return 0;
    return (a.id < b.id) == (increment > 0) ? -1 : 1;
}

struct pawl_mark pawl_mark_further(struct pawl_mark a, struct pawl_mark b, int64_t increment)
{
    return pawl_mark_order(a, b, increment) < 0 ? b : a;
}

int64_t pawl_range_last(struct pawl_range range)
{
    PAWL_ASSERT(range.count > 0);
    pawl_wide last = range.first + (pawl_wide)(range.count - 1) * range.increment;

    PAWL_ASSERT(pawl_wide_is_i64(last));
    return (int64_t)last;
}

struct pawl_range pawl_range_cut(struct pawl_range *range, uint64_t count)
{
    struct pawl_range cut = *range;

    if (count >= range->count) {
        range->count = 0;
        return cut;
    }
    cut.count = count;
    range->first = (int64_t)(range->first + (pawl_wide)count * range->increment);
    range->count -= count;
    return cut;
}

bool pawl_range_adjacent(struct pawl_range a, struct pawl_range b)
{
    if (a.count == 0 || b.count == 0 || a.increment != b.increment) return false;
    return (pawl_wide)pawl_range_last(a) + a.increment == b.first;
}
