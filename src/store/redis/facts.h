/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says of itself, and whether it can keep the promise. No I/O. */
#ifndef PAWL_REDIS_FACTS_H
#define PAWL_REDIS_FACTS_H

#include "store/redis/settings.h"
#include "wire/resp.h"

enum { PAWL_REDIS_FACT_BYTES = 64 };

/* CONFIG GET's parameters that the promise hangs on, in struct pawl_redis_facts. */
#define PAWL_REDIS_CONFIG_MAP(X)                   \
    X(appendonly, "appendonly")                    \
    X(appendfsync, "appendfsync")                  \
    X(no_appendfsync, "no-appendfsync-on-rewrite") \
    X(maxmemory, "maxmemory")                      \
    X(maxmemory_policy, "maxmemory-policy")        \
    X(min_replicas, "min-replicas-to-write")

/* Lines of INFO, likewise. */
#define PAWL_REDIS_INFO_MAP(X)                 \
    X(version, "redis_version")                \
    X(run_id, "run_id")                        \
    X(role, "role")                            \
    X(replid, "master_replid")                 \
    X(replid_before, "master_replid2")         \
    X(loading, "loading")                      \
    X(cluster, "cluster_enabled")              \
    X(aof_status, "aof_last_write_status")     \
    X(aof_base, "aof_base_size")               \
    X(aof_begins, "aof_rewrite_in_progress")   \
    X(aof_will_begin, "aof_rewrite_scheduled") \
    X(rdb_status, "rdb_last_bgsave_status")

/* Texts are empty until they are known. */
struct pawl_redis_facts {
#define PAWL_REDIS_FACT(member, name) char member[PAWL_REDIS_FACT_BYTES];
    PAWL_REDIS_CONFIG_MAP(PAWL_REDIS_FACT)
    PAWL_REDIS_INFO_MAP(PAWL_REDIS_FACT)
#undef PAWL_REDIS_FACT
    char config_error[128];   /* why CONFIG GET was refused; empty: it was not */
    uint64_t replicas;        /* that are in line */
    uint64_t replicas_behind; /* others */
};

/* The reply to a CONFIG GET of one parameter. */
void pawl_redis_facts_config(struct pawl_redis_facts *facts, const struct pawl_resp_reply *reply);
/* The text of INFO. */
void pawl_redis_facts_info(struct pawl_redis_facts *facts, struct pawl_bytes text);

/* It does not let the settings be read that its writes hang on. */
bool pawl_redis_facts_hidden(const struct pawl_redis_facts *facts);

/*
 * PAWL_OK: sequences may live there.
 * Errors:   PAWL_DENIED  a setting loses what was acknowledged; error names it and its remedy
 *           PAWL_STORE        not now: it is a replica, or reads its data, or lacks replicas
 */
pawl_err pawl_redis_facts_judge(const struct pawl_redis_facts *facts,
                                const struct pawl_redis_settings *settings, pawl_error *error);

/* Its AOF was turned on and is being made: a crash before it is there loses all that is in memory.
 * (Of one that was empty at first, its first rewrite looks like that, too.) */
bool pawl_redis_aof_begins(const struct pawl_redis_facts *facts);

/* maxmemory is set, and what is over it is not refused but makes room. */
bool pawl_redis_evicts(const struct pawl_redis_facts *facts);

enum { PAWL_REDIS_LOST_BYTES = 160 };

/* That the server of one name is not the process that it was, and what that can have cost. */
struct pawl_redis_restart {
    const char *event; /* NULL: there was none */
    bool lossy;        /* acknowledged writes may be gone */
    char lost[PAWL_REDIS_LOST_BYTES];
};

/* Between two looks at the server. What the worse of both settings can have lost counts: those from
 * before say what was written, those from after what was read again. */
struct pawl_redis_restart pawl_redis_facts_restart(const struct pawl_redis_facts *before,
                                                   const struct pawl_redis_facts *now,
                                                   const struct pawl_redis_settings *settings);
/* What is kept about it has shown that its data went back, whatever the settings say. */
void pawl_redis_restart_went_back(struct pawl_redis_restart *restart);

#endif
