/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/report.h"

#include <stdio.h>
#include <string.h>

enum { FOUND_BYTES = 400 };

static bool is(const char *fact, const char *value)
{
    return strcmp(fact, value) == 0;
}

/* A setting that must have one value. */
static void item_setting(struct pawl_check *check, const char *what, const char *found,
                         const char *wanted)
{
    char advice[128];

    (void)snprintf(advice, sizeof advice, "CONFIG SET %s %s, then CONFIG REWRITE", what, wanted);
    if (found[0] == '\0') {
        check->item(check, what, PAWL_CHECK_WARNS, "it cannot be read",
                    "allow the user +config|get");
    } else if (is(found, wanted)) {
        check->item(check, what, PAWL_CHECK_KEEPS, found, NULL);
    } else {
        check->item(check, what, PAWL_CHECK_BREAKS, found, advice);
    }
}

static void item_eviction(struct pawl_check *check, const struct pawl_redis_facts *facts)
{
    char found[FOUND_BYTES];

    if (facts->maxmemory[0] == '\0' || facts->maxmemory_policy[0] == '\0') {
        check->item(check, "eviction", PAWL_CHECK_WARNS, "it cannot be read",
                    "allow the user +config|get");
        return;
    }
    (void)snprintf(found, sizeof found, "maxmemory %s, maxmemory-policy %s", facts->maxmemory,
                   facts->maxmemory_policy);
    if (pawl_redis_evicts(facts)) {
        check->item(check, "eviction", PAWL_CHECK_BREAKS, found,
                    "CONFIG SET maxmemory-policy noeviction, then CONFIG REWRITE");
    } else {
        check->item(check, "eviction", PAWL_CHECK_KEEPS, found, NULL);
    }
}

static void item_status(struct pawl_check *check, const char *what, const char *found)
{
    if (found[0] == '\0' || is(found, "ok")) {
        check->item(check, what, PAWL_CHECK_KEEPS, found[0] == '\0' ? "none" : found, NULL);
    } else {
        check->item(check, what, PAWL_CHECK_WARNS, found,
                    "the server refuses writes while this lasts: look at its log and its disk");
    }
}

static void item_server(struct pawl_check *check, const struct pawl_redis_facts *facts)
{
    bool known = facts->version[0] != '\0';

    check->item(check, "version", known ? PAWL_CHECK_KEEPS : PAWL_CHECK_WARNS,
                known ? facts->version : "it cannot be read", known ? NULL : "allow +info");
    if (is(facts->role, "master")) {
        check->item(check, "role", PAWL_CHECK_KEEPS, "master", NULL);
    } else {
        check->item(check, "role", PAWL_CHECK_WARNS, facts->role,
                    "nothing can be taken from a replica: name the master in the URL");
    }
    if (is(facts->cluster, "1")) {
        check->item(check, "cluster", PAWL_CHECK_BREAKS, "cluster_enabled is 1",
                    "use a server that is not part of a Redis Cluster");
    } else {
        check->item(check, "cluster", PAWL_CHECK_KEEPS, "none", NULL);
    }
}

static void item_replicas(struct pawl_check *check, const struct pawl_redis_facts *facts,
                          const struct pawl_redis_settings *settings)
{
    uint64_t all = facts->replicas + facts->replicas_behind;
    char found[FOUND_BYTES];

    (void)snprintf(found, sizeof found, "%llu in line, %llu behind; replicas=%llu",
                   (unsigned long long)facts->replicas, (unsigned long long)facts->replicas_behind,
                   (unsigned long long)settings->replicas);
    if (facts->replicas < settings->replicas) {
        check->item(check, "replicas", PAWL_CHECK_WARNS, found,
                    "nothing can be taken until as many are in line");
    } else if (all > settings->replicas) {
        check->item(check, "replicas", PAWL_CHECK_BREAKS, found,
                    "a replica without the latest writes could become master: give the URL "
                    "replicas= for all of them, or never fail over by machine");
    } else {
        check->item(check, "replicas", PAWL_CHECK_KEEPS, found, NULL);
    }
    if (settings->replicas == 0) return;
    if (facts->min_replicas[0] == '\0' || is(facts->min_replicas, "0")) {
        check->item(check, "min-replicas-to-write", PAWL_CHECK_WARNS,
                    facts->min_replicas[0] == '\0' ? "it cannot be read" : "0",
                    "CONFIG SET min-replicas-to-write, so that ids are refused, not burned, "
                    "while replicas are away");
    } else {
        check->item(check, "min-replicas-to-write", PAWL_CHECK_KEEPS, facts->min_replicas, NULL);
    }
}

/* "one of them is ..." of a count; 0 of them is as it should be. */
static void item_names(struct pawl_check *check, const char *what,
                       const struct pawl_resp_value values[2], const char *advice)
{
    char found[FOUND_BYTES];

    if (values[0].integer == 0) {
        check->item(check, what, PAWL_CHECK_KEEPS, "none", NULL);
        return;
    }
    (void)snprintf(found, sizeof found, "%lld sequences, among them \"%.*s\"",
                   (long long)values[0].integer, (int)values[1].text.size, values[1].text.at);
    check->item(check, what, PAWL_CHECK_BREAKS, found, advice);
}

static void item_records(struct pawl_check *check, const struct pawl_resp_reply *names)
{
    const struct pawl_resp_value *values = names->values;

    if (names->value_count != 7 || values[2].type != PAWL_RESP_INTEGER ||
        values[3].type != PAWL_RESP_INTEGER || values[5].type != PAWL_RESP_INTEGER) {
        check->item(check, "names", PAWL_CHECK_BREAKS, "the key of the prefix is no sorted set",
                    "another program uses it: choose another prefix");
        return;
    }
    item_names(check, "times to live", &values[3],
               "PERSIST their keys, and find out who set EXPIRE on them");
    item_names(check, "lost records", &values[5],
               "their keys were deleted: create them anew above every id in use");
}

static void item_privileges(struct pawl_check *check, const char *flush)
{
    if (is(flush, "OK")) {
        check->item(check, "privileges", PAWL_CHECK_WARNS, "the user may run FLUSHALL",
                    "give pawl a user of its own: see docs/stores.md");
    } else if (strstr(flush, "no permissions to run the 'flushall'") != NULL) {
        check->item(check, "privileges", PAWL_CHECK_KEEPS, "the user may not run FLUSHALL", NULL);
    } else {
        check->item(check, "privileges", PAWL_CHECK_WARNS,
                    "whether the user may run FLUSHALL cannot be seen",
                    "allow +acl|dryrun, or look at ACL LIST");
    }
}

void pawl_redis_report(struct pawl_check *check, const struct pawl_redis_report *report)
{
    const struct pawl_redis_facts *facts = report->facts;

    item_server(check, facts);
    item_setting(check, "appendonly", facts->appendonly, "yes");
    if (pawl_redis_aof_begins(facts)) {
        check->item(check, "append-only file", PAWL_CHECK_WARNS,
                    "it is being written for the first time",
                    "nothing can be taken until that is done: see INFO persistence");
    }
    item_setting(check, "appendfsync", facts->appendfsync, "always");
    item_setting(check, "no-appendfsync-on-rewrite", facts->no_appendfsync, "no");
    item_eviction(check, facts);
    item_replicas(check, facts, report->settings);
    item_status(check, "last write of the AOF", facts->aof_status);
    item_status(check, "last RDB file", facts->rdb_status);
    item_records(check, report->names);
    item_privileges(check, report->flush);
}
