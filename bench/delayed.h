/* SPDX-License-Identifier: Apache-2.0 */
/* A store in memory that takes its time: each ask is answered so many milliseconds later. */
#ifndef PAWL_BENCH_DELAYED_H
#define PAWL_BENCH_DELAYED_H

/* Makes "delayed:MS" a URL that pawl_open knows, and no other. */
void delayed_register(void);

#endif
