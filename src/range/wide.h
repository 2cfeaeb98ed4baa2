/* SPDX-License-Identifier: Apache-2.0 */
/* Room for any sum or product of an id, an increment and a count: nothing here can overflow it. */
#ifndef PAWL_WIDE_H
#define PAWL_WIDE_H

#include "base/base.h"

__extension__ typedef __int128 pawl_wide;

static inline bool pawl_wide_is_i64(pawl_wide value)
{
    return value >= INT64_MIN && value <= INT64_MAX;
}

/* The distance between neighbouring ids, without its direction. */
static inline uint64_t pawl_wide_step(int64_t increment)
{
    return increment < 0 ? 0 - (uint64_t)increment : (uint64_t)increment;
}

#endif
