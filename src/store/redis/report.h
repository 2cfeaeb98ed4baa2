/* SPDX-License-Identifier: Apache-2.0 */
/* What `pawl store check` says of a Redis server. No I/O. */
#ifndef PAWL_REDIS_REPORT_H
#define PAWL_REDIS_REPORT_H

#include "range/source.h"
#include "store/redis/facts.h"

/* flush: the reply to ACL DRYRUN user FLUSHALL as text; names: that to the script CHECK. */
struct pawl_redis_report {
    const struct pawl_redis_facts *facts;
    const struct pawl_redis_settings *settings;
    const char *flush;
    const struct pawl_resp_reply *names;
};

void pawl_redis_report(struct pawl_check *check, const struct pawl_redis_report *report);

#endif
