/* SPDX-License-Identifier: Apache-2.0 */
/* Between keepers and the store that they share: counts what is asked of it, and can cut it off. */
#ifndef PAWL_BENCH_METER_H
#define PAWL_BENCH_METER_H

#include "range/keeper.h"

struct meter {
    struct pawl_source source;
    struct pawl_source *store;
    struct pawl_asks refused; /* as it is away */
    bool away;
    uint64_t writes, reads; /* that reached the store */
    uint64_t tries;         /* that would have, but it is away */
    const uint64_t *now_ns; /* for what follows */
    uint32_t *writes_at;    /* by second, `seconds` of them; NULL: not counted */
    size_t seconds;
};

/* Opens a memory store behind it; ends the program if that fails. */
void meter_open(struct meter *meter, uint64_t seed);
void meter_close(struct meter *meter);

/* As pawld and libpawl have them by default. */
struct pawl_keeper_settings meter_keeper_settings(uint64_t seed, void (*wake)(void *), void *arg);

#endif
