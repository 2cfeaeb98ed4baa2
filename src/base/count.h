/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that one thread writes and any may read for display: no locked instruction is needed. */
#ifndef PAWL_COUNT_H
#define PAWL_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

static inline void pawl_count_add(_Atomic uint64_t *count, uint64_t by)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

static inline void pawl_count_sub(_Atomic uint64_t *count, uint64_t by)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) - by,
                          memory_order_relaxed);
}

#endif
