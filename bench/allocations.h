/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what each thread of a bench takes from the heap: linked in, it stands before malloc. */
#ifndef PAWL_BENCH_ALLOCATIONS_H
#define PAWL_BENCH_ALLOCATIONS_H

#include <stdint.h>

/* By the calling thread, since it began. */
uint64_t allocations(void);

#endif
