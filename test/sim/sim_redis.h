/* SPDX-License-Identifier: Apache-2.0 */
/* A Redis client: INCR and INCRBY over one connection to one server, pipelined, and again. */
#ifndef PAWL_SIM_REDIS_H
#define PAWL_SIM_REDIS_H

#include "sim_net.h"

struct sim_redis;

struct sim_redis *sim_redis_new(struct sim_node *server, int seq);
const struct sim_redis *sim_redis_starving(const struct sim *sim, uint64_t since_ns);
void sim_redis_check_served(struct sim *sim, uint64_t since_ns);

#endif
