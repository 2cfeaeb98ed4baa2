/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/report.h"

#include <stdio.h>
#include <string.h>

enum { FOUND_BYTES = 500, ADVICE_BYTES = 200 };

static bool is(const char *fact, const char *value)
{
    return strcmp(fact, value) == 0;
}

/* A setting that must have one value. */
static void item_setting(struct pawl_check *check, const char *what, const char *found,
                         const char *wanted)
{
    char advice[ADVICE_BYTES];

    (void)snprintf(advice, sizeof advice, "CONFIG SET %s %s, then CONFIG REWRITE%s", what, wanted,
                   /* Set now, it would write what is in memory over a file that has more. */
                   is(what, "appendonly")
                       ? "; but if it was restarted without, and had data before, "
                         "restart it with appendonly yes"
                       : "");
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

bool pawl_redis_census_add(struct pawl_redis_census *census, const struct pawl_resp_reply *page)
{
    const struct pawl_resp_value *values = page->values;

    /* "checked", names; mortal, one of them; lost, one; unread, one */
    if (page->value_count != 9 || values[7].type != PAWL_RESP_INTEGER || values[7].integer < 0 ||
        values[2].type != PAWL_RESP_INTEGER || values[3].type != PAWL_RESP_INTEGER ||
        values[5].type != PAWL_RESP_INTEGER || values[2].integer < 0 || values[3].integer < 0 ||
        values[5].integer < 0) {
        census->foreign = true;
        return false;
    }
    census->names += (uint64_t)values[2].integer;
    census->mortal += (uint64_t)values[3].integer;
    census->lost += (uint64_t)values[5].integer;
    census->unread += (uint64_t)values[7].integer;
    if (values[7].integer > 0) (void)pawl_name_set(&census->third, values[8].text, NULL);
    if (values[3].integer > 0) (void)pawl_name_set(&census->one, values[4].text, NULL);
    if (values[5].integer > 0) (void)pawl_name_set(&census->other, values[6].text, NULL);
    return values[2].integer == PAWL_REDIS_CHECK_NAMES_MAX;
}

/* How many there are, and the name of one of them; 0 of them is as it should be. */
static void item_names(struct pawl_check *check, const char *what, uint64_t count,
                       const struct pawl_name *one, const char *advice)
{
    char found[FOUND_BYTES];

    if (count == 0) {
        check->item(check, what, PAWL_CHECK_KEEPS, "none", NULL);
        return;
    }
    (void)snprintf(found, sizeof found, "%llu sequences, among them \"%.*s\"",
                   (unsigned long long)count, (int)one->size, one->at);
    check->item(check, what, PAWL_CHECK_BREAKS, found, advice);
}

static void item_unread(struct pawl_check *check, const struct pawl_redis_census *census)
{
    char found[FOUND_BYTES];

    if (census->unread == 0) {
        (void)snprintf(found, sizeof found, "all of %llu are pawl's",
                       (unsigned long long)census->names);
        check->item(check, "records", PAWL_CHECK_KEEPS, found, NULL);
        return;
    }
    (void)snprintf(found, sizeof found,
                   "%llu of %llu cannot be read, among them \"%.*s\": they are not pawl's, or of a "
                   "newer pawl",
                   (unsigned long long)census->unread, (unsigned long long)census->names,
                   (int)census->third.size, census->third.at);
    check->item(
        check, "records", PAWL_CHECK_WARNS, found,
        "pawl list says why; pawl backup and store copy fail with it, and who asks for such "
        "a sequence is refused: move its key away (RENAME)");
}

static void item_records(struct pawl_check *check, const struct pawl_redis_census *census)
{
    if (census->foreign) {
        check->item(check, "names", PAWL_CHECK_BREAKS, "the key of the prefix is no sorted set",
                    "another program uses it: choose another prefix");
        return;
    }
    item_names(check, "times to live", census->mortal, &census->one,
               "PERSIST their keys, and find out who set EXPIRE on them");
    item_names(check, "lost records", census->lost, &census->other,
               "their keys were deleted: create them anew above every id in use");
    item_unread(check, census);
}

/* A right that is missing ends the check, too. */
static void item_rights(struct pawl_check *check, const pawl_error *tried)
{
    if (tried->code == PAWL_OK) {
        check->item(check, "rights", PAWL_CHECK_KEEPS, "the user may read and write", NULL);
    } else {
        check->item(check, "rights", PAWL_CHECK_WARNS, tried->text, NULL);
    }
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
    if (report->settings->forgets) {
        check->item(check, "durability", PAWL_CHECK_BREAKS, "none, by the URL",
                    "it gives up the promise: leave durability=none out, and put right what is "
                    "refused then");
    }
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
    item_records(check, report->census);
    item_rights(check, report->tried);
    item_privileges(check, report->flush);
}
