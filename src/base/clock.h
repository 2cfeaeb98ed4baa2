/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and entropy: read here only (log lines aside). The core is told the time. */
#ifndef PAWL_CLOCK_H
#define PAWL_CLOCK_H

#include "base/base.h"

uint64_t pawl_clock_ns(void);     /* monotonic */
int64_t pawl_clock_wall_s(void);  /* since 1970: for show and for margins, never for uniqueness */
int64_t pawl_clock_wall_us(void); /* likewise, for show */
void pawl_entropy(void *bytes, size_t size);

#endif
