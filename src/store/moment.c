/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "store/schemes.h"

struct pawl_moment pawl_store_moment(const struct pawl_store_options *options, uint64_t *random)
{
    return (struct pawl_moment){
        .random = random,
        .wall_s = options->wall_s != NULL ? options->wall_s(options->arg) : pawl_clock_wall_s(),
        .refill_interval_ns = options->refill_interval_ns,
        .refuse_rollback = options->refuse_rollback,
    };
}
