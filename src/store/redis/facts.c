/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/facts.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* A replica that has not spoken for longer is not in line: they speak every second. */
enum { REPLICA_LAG_MAX_S = 3 };

static void keep(char fact[PAWL_REDIS_FACT_BYTES], struct pawl_bytes value)
{
    size_t size = value.size < PAWL_REDIS_FACT_BYTES ? value.size : PAWL_REDIS_FACT_BYTES - 1;

    memcpy(fact, value.at, size);
    fact[size] = '\0';
    if (!pawl_utf8_printable((struct pawl_bytes){fact, size})) fact[0] = '\0';
}

static bool is(const char *fact, const char *value)
{
    return strcmp(fact, value) == 0;
}

void pawl_redis_facts_config(struct pawl_redis_facts *facts, const struct pawl_resp_reply *reply)
{
    const struct {
        const char *name;
        char *fact;
    } rows[] = {
#define PAWL_REDIS_ROW(member, config_name) {config_name, facts->member},
        PAWL_REDIS_CONFIG_MAP(PAWL_REDIS_ROW)
#undef PAWL_REDIS_ROW
    };
    const struct pawl_resp_value *values = reply->values;

    if (values[0].type == PAWL_RESP_ERROR) {
        int shown = values[0].text.size < 100 ? (int)values[0].text.size : 100;

        (void)snprintf(facts->config_error, sizeof facts->config_error, "%.*s", shown,
                       values[0].text.at);
        return;
    }
    if (reply->value_count != 3 || values[1].type != PAWL_RESP_BULK ||
        values[2].type != PAWL_RESP_BULK) {
        return;
    }
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_bytes name = {rows[i].name, strlen(rows[i].name)};

        if (pawl_bytes_equal(values[1].text, name)) keep(rows[i].fact, values[2].text);
    }
}

/* The part of a line "a=1,b=2" that stands behind `key`, "b=". */
static struct pawl_bytes part_of(struct pawl_bytes line, struct pawl_bytes key)
{
    for (size_t i = 0; i + key.size <= line.size; i++) {
        if (memcmp(line.at + i, key.at, key.size) != 0) continue;
        const char *from = line.at + i + key.size;
        size_t left = line.size - i - key.size;
        const char *end = memchr(from, ',', left);

        return (struct pawl_bytes){from, end == NULL ? left : (size_t)(end - from)};
    }
    return (struct pawl_bytes){line.at, 0};
}

/* "slave0:ip=10.0.0.2,port=6379,state=online,offset=1234,lag=0" */
static void note_replica(struct pawl_redis_facts *facts, struct pawl_bytes value)
{
    uint64_t lag_s = 0;
    bool online = pawl_bytes_equal(part_of(value, PAWL_BYTES("state=")), PAWL_BYTES("online"));

    if (online && pawl_bytes_to_u64(part_of(value, PAWL_BYTES("lag=")), &lag_s) &&
        lag_s <= REPLICA_LAG_MAX_S) {
        facts->replicas++;
    } else {
        facts->replicas_behind++;
    }
}

static void note_line(struct pawl_redis_facts *facts, struct pawl_bytes line)
{
    const struct {
        const char *name;
        char *fact;
    } rows[] = {
#define PAWL_REDIS_ROW(member, info_name) {info_name, facts->member},
        PAWL_REDIS_INFO_MAP(PAWL_REDIS_ROW)
#undef PAWL_REDIS_ROW
    };
    const char *colon = memchr(line.at, ':', line.size);

    if (colon == NULL) return;
    struct pawl_bytes name = {line.at, (size_t)(colon - line.at)};
    struct pawl_bytes value = {colon + 1, line.size - name.size - 1};

    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        if (pawl_bytes_equal(name, (struct pawl_bytes){rows[i].name, strlen(rows[i].name)})) {
            keep(rows[i].fact, value);
        }
    }
    if (name.size > 5 && memcmp(name.at, "slave", 5) == 0 && name.at[5] >= '0' &&
        name.at[5] <= '9') {
        note_replica(facts, value);
    }
}

void pawl_redis_facts_info(struct pawl_redis_facts *facts, struct pawl_bytes text)
{
    facts->replicas = facts->replicas_behind = 0;
    while (text.size > 0) {
        const char *end = memchr(text.at, '\n', text.size);
        size_t size = end == NULL ? text.size : (size_t)(end - text.at);
        size_t line = size > 0 && text.at[size - 1] == '\r' ? size - 1 : size;

        note_line(facts, (struct pawl_bytes){text.at, line});
        if (end != NULL) size++;
        text = (struct pawl_bytes){text.at + size, text.size - size};
    }
}

bool pawl_redis_aof_begins(const struct pawl_redis_facts *facts)
{
    return is(facts->aof_base, "0") &&
           (is(facts->aof_begins, "1") || is(facts->aof_will_begin, "1"));
}

bool pawl_redis_evicts(const struct pawl_redis_facts *facts)
{
    return !is(facts->maxmemory, "0") && !is(facts->maxmemory_policy, "noeviction");
}

static pawl_err judge_presence(const struct pawl_redis_facts *facts,
                               const struct pawl_redis_settings *settings, pawl_error *error)
{
    if (is(facts->cluster, "1")) {
        return pawl_fail(error, PAWL_DENIED,
                         "%s: it is part of a Redis Cluster (cluster_enabled:1), which forgets "
                         "acknowledged writes when it fails over: name a server that is not",
                         settings->where);
    }
    if (!is(facts->role, "master")) {
        return pawl_fail(error, PAWL_STORE,
                         "%s: it is a replica (role:%s): name the master in the URL",
                         settings->where, facts->role);
    }
    if (is(facts->loading, "1")) {
        return pawl_fail(error, PAWL_STORE, "%s: it is reading its data after a start: wait",
                         settings->where);
    }
    if (facts->replicas < settings->replicas) {
        return pawl_fail(error, PAWL_STORE,
                         "%s: %llu of the %llu replicas that the URL asks for (replicas=) are in "
                         "line: start the others",
                         settings->where, (unsigned long long)facts->replicas,
                         (unsigned long long)settings->replicas);
    }
    return PAWL_OK;
}

static pawl_err lossy(const struct pawl_redis_settings *settings, const char *what,
                      const char *found, const char *wanted, pawl_error *error)
{
    return pawl_fail(error, PAWL_DENIED,
                     "%s: its %s is \"%s\", so it can forget ids that it gave, and give them "
                     "again: if it had sequences before it was restarted so, restart it with %s %s "
                     "in its redis.conf; else CONFIG SET %s %s (and CONFIG REWRITE); or accept it "
                     "with durability=none in the URL",
                     settings->where, what, found, what, wanted, what, wanted);
}

bool pawl_redis_facts_hidden(const struct pawl_redis_facts *facts)
{
    return facts->appendonly[0] == '\0' || facts->appendfsync[0] == '\0';
}

pawl_err pawl_redis_facts_judge(const struct pawl_redis_facts *facts,
                                const struct pawl_redis_settings *settings, pawl_error *error)
{
    pawl_err err = judge_presence(facts, settings, error);

    if (err != PAWL_OK || settings->forgets) return err;
    if (pawl_redis_facts_hidden(facts)) {
        return pawl_fail(error, PAWL_DENIED,
                         "%s: it does not let its settings be read (CONFIG GET appendonly: %s), so "
                         "nobody knows whether it forgets what it acknowledged: allow +config|get, "
                         "or accept that with durability=none in the URL",
                         settings->where,
                         facts->config_error[0] == '\0' ? "nothing" : facts->config_error);
    }
    if (!is(facts->appendonly, "yes")) {
        return lossy(settings, "appendonly", facts->appendonly, "yes", error);
    }
    if (!is(facts->appendfsync, "always")) {
        return lossy(settings, "appendfsync", facts->appendfsync, "always", error);
    }
    if (pawl_redis_aof_begins(facts)) {
        return pawl_fail(
            error, PAWL_STORE,
            "%s: its append-only file is being written for the first time, and a crash "
            "before that is done loses everything: wait",
            settings->where);
    }
    if (is(facts->no_appendfsync, "yes")) {
        return lossy(settings, "no-appendfsync-on-rewrite", "yes", "no", error);
    }
    if (pawl_redis_evicts(facts)) {
        return lossy(settings, "maxmemory-policy", facts->maxmemory_policy, "noeviction", error);
    }
    return PAWL_OK;
}

/* The first setting with which a crash or a restart loses writes; false: there is none. */
static bool find_lossy(const struct pawl_redis_facts *facts, char text[PAWL_REDIS_LOST_BYTES],
                       const char *when)
{
    const struct {
        const char *name, *value;
        bool loses;
    } rows[] = {
        {"appendonly", facts->appendonly, !is(facts->appendonly, "yes")},
        {"appendfsync", facts->appendfsync, !is(facts->appendfsync, "always")},
        {"no-appendfsync-on-rewrite", facts->no_appendfsync, is(facts->no_appendfsync, "yes")},
    };

    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        if (!rows[i].loses) continue;
        (void)snprintf(text, PAWL_REDIS_LOST_BYTES,
                       "perhaps what it had acknowledged: its %s was \"%s\" %s it", rows[i].name,
                       rows[i].value[0] == '\0' ? "not to be read" : rows[i].value, when);
        return true;
    }
    return false;
}

struct pawl_redis_restart pawl_redis_facts_restart(const struct pawl_redis_facts *before,
                                                   const struct pawl_redis_facts *now,
                                                   const struct pawl_redis_settings *settings)
{
    struct pawl_redis_restart restart = {.event = NULL};

    if (before->run_id[0] == '\0' || is(before->run_id, now->run_id)) return restart;
    if (is(before->replid, now->replid_before) || is(before->replid, now->replid)) {
        restart.event = "store failed over, or began from an RDB file";
        restart.lossy = true;
        (void)snprintf(restart.lost, sizeof restart.lost,
                       "what the new master had not received; clients' floors show it where they "
                       "ask");
        return restart;
    }
    restart.event = "store restarted";
    restart.lossy = true;
    if (settings->forgets) {
        (void)snprintf(restart.lost, sizeof restart.lost, "what it had not saved: durability=none");
    } else if (!find_lossy(now, restart.lost, "after") &&
               !find_lossy(before, restart.lost, "before")) {
        restart.lossy = false;
        (void)snprintf(restart.lost, sizeof restart.lost, "nothing: AOF always, before and after");
    }
    return restart;
}

void pawl_redis_restart_went_back(struct pawl_redis_restart *restart)
{
    restart->lossy = true;
    (void)snprintf(restart->lost, sizeof restart->lost,
                   "what it had acknowledged: it lacks what was seen of it before");
}
