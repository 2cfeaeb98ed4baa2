/* SPDX-License-Identifier: Apache-2.0 */
/* What `pawl store check` says of a Redis server. No I/O. */
#ifndef PAWL_REDIS_REPORT_H
#define PAWL_REDIS_REPORT_H

#include "range/source.h"
#include "store/redis/facts.h"
#include "store/redis/request.h"

/* What the script CHECK found, page after page. */
struct pawl_redis_census {
    uint64_t names;                     /* looked at */
    uint64_t mortal, lost, unread;      /* with a time to live; without a record; not pawl's */
    struct pawl_name one, other, third; /* one of each */
    bool foreign;                       /* the key of the names is something else */
};

/* Adds a page to census. true: there may be another one, after census->names. */
bool pawl_redis_census_add(struct pawl_redis_census *census, const struct pawl_resp_reply *page);

/* flush: the reply to ACL DRYRUN user FLUSHALL as text; tried: what INIT's tries ended with. */
struct pawl_redis_report {
    const struct pawl_redis_facts *facts;
    const struct pawl_redis_settings *settings;
    const char *flush;
    const pawl_error *tried;
    const struct pawl_redis_census *census;
};

void pawl_redis_report(struct pawl_check *check, const struct pawl_redis_report *report);

#endif
