/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pawl store check: asks what can be seen over the gateway, one call after the other, and says it
 * item by item. A step that is not allowed is an item that could not be seen; only the keys and the
 * status, by which the cluster answers at all, fail the check, a store of a newer pawl, and a right
 * that pawl needs (tries.c).
 */
#include "store/etcd/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 240, KEYS_PER_PAGE = 1000, FULL_PER_CENT = 80 };

#define QUOTA_METRIC "\netcd_server_quota_backend_bytes "

struct check {
    struct etcd *etcd;
    struct pawl_op *op;
    struct etcd_call call;
    size_t step;
    char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    uint64_t db_size, db_used, quota;
    uint64_t keys, leased, unread, others;
    struct etcd_key after; /* the last key looked at */
    char leased_key[PAWL_ETCD_SHOWN_BYTES], others_key[PAWL_ETCD_SHOWN_BYTES];
    pawl_error unread_first;
    pawl_error error; /* with one the check ends */
    char version[32];
};

/* body: writes the request, returns its size. took: what the answer says; true: once more. */
struct step {
    const char *path;
    size_t (*body)(struct check *check);
    bool (*took)(struct check *check);
    const char *what; /* the item if it cannot be seen; NULL: the check fails */
    bool plain;
};

static void say(struct check *check, const char *what, enum pawl_check_verdict verdict,
                const char *found, const char *advice)
{
    check->op->check->item(check->op->check, what, verdict, found, advice);
}

/* A read that cannot be stale, and at the same time leases and what is not this store's: page after
 * page of the keys and their values. */

static size_t keys_body(struct check *check)
{
    struct pawl_name none = {.size = 0};
    struct etcd_key end;

    if (check->after.size == 0) {
        pawl_etcd_key_after(&check->after, &check->etcd->settings, &none);
    }
    pawl_etcd_key_end(&end, &check->etcd->settings);
    struct etcd_range range = {.key = pawl_etcd_key_bytes(&check->after),
                               .end = pawl_etcd_key_bytes(&end),
                               .limit = KEYS_PER_PAGE};

    return pawl_etcd_range_write(check->body, &range);
}

static void say_leases(struct check *check)
{
    char found[PAWL_ETCD_SHOWN_BYTES + TEXT_BYTES];

    if (check->leased == 0) {
        (void)snprintf(found, sizeof found, "none on %" PRIu64 " keys", check->keys);
        say(check, "leases", PAWL_CHECK_KEEPS, found, NULL);
        return;
    }
    (void)snprintf(found, sizeof found,
                   "%" PRIu64 " of %" PRIu64 " keys have one, the key %s first", check->leased,
                   check->keys, check->leased_key);
    say(check, "leases", PAWL_CHECK_BREAKS, found,
        "a record vanishes with its lease, and its ids begin again: put it without one, as it is "
        "(etcdctl put --ignore-value KEY), and let nobody else write below the prefix");
}

static void say_others(struct check *check)
{
    char found[PAWL_ETCD_SHOWN_BYTES + TEXT_BYTES];

    if (check->others == 0) {
        say(check, "prefix", PAWL_CHECK_KEEPS, "no other store's begins with it", NULL);
        return;
    }
    (void)snprintf(found, sizeof found,
                   "%" PRIu64 " of %" PRIu64 " keys below it are another pawl store's, the key %s "
                   "first",
                   check->others, check->keys, check->others_key);
    say(check, "prefix", PAWL_CHECK_BREAKS, found,
        "choose prefixes of which none begins with another, and move one of the stores (pawl store "
        "copy): where they overlap two sequences may have one key");
}

static void say_unread(struct check *check)
{
    char found[sizeof check->unread_first.text + TEXT_BYTES];

    if (check->unread == 0) {
        (void)snprintf(found, sizeof found, "all of %" PRIu64 " keys can be read",
                       check->keys - check->others);
        say(check, "records", PAWL_CHECK_KEEPS, found, NULL);
        return;
    }
    (void)snprintf(found, sizeof found, "%" PRIu64 " of %" PRIu64 " keys: %s", check->unread,
                   check->keys, check->unread_first.text);
    say(check, "records", PAWL_CHECK_WARNS, found,
        "pawl list says so, pawl store copy moves nothing, and who asks for such a sequence is "
        "refused");
}

static void judge_value(struct check *check, const struct etcd_pair *pair)
{
    const struct pawl_bytes value = {pair->value, pair->value_size};
    struct pawl_record record = {.epoch = 0};
    pawl_error error = {.code = PAWL_OK};

    if (pawl_etcd_key_name(&record.name, &check->etcd->settings, pawl_etcd_key_bytes(&pair->key),
                           &error) == PAWL_OK) {
        const struct pawl_name name = record.name;

        if (pawl_etcd_value_read(&record, value, &error) == PAWL_OK) return;
        if (pawl_etcd_value_overlaps(&name, value)) {
            if (check->others++ == 0) {
                (void)pawl_etcd_key_show(check->others_key, pawl_etcd_key_bytes(&pair->key));
            }
            return;
        }
    }
    if (check->unread++ == 0) check->unread_first = error;
}

/* A key that is longer than any of pawl's cannot be gone on from. */
static bool judge_key(struct check *check, const json_t *kv, struct etcd_pair *pair)
{
    pawl_error error = {.code = PAWL_OK};

    check->keys++;
    *pair = (struct etcd_pair){.revision = 0};
    if (pawl_etcd_pair_read(pair, kv, &error) != PAWL_OK) {
        if (check->unread++ == 0) check->unread_first = error;
        return pair->key.size > 0 && pair->key.size <= sizeof pair->key.at;
    }
    judge_value(check, pair);
    if (pair->leased && check->leased++ == 0) {
        (void)pawl_etcd_key_show(check->leased_key, pawl_etcd_key_bytes(&pair->key));
    }
    return true;
}

static bool keys_took(struct check *check)
{
    const json_t *kvs = json_object_get(check->call.answer.root, "kvs");
    struct etcd_pair pair = {.revision = 0};
    bool good = true;

    for (size_t i = 0; i < json_array_size(kvs); i++) {
        good = judge_key(check, json_array_get(kvs, i), &pair);
    }
    if (pawl_etcd_true(check->call.answer.root, "more") && json_array_size(kvs) > 0 && good) {
        check->after = pair.key;
        check->after.at[check->after.size++] = '\0';
        return true;
    }
    say_leases(check);
    say_others(check);
    say_unread(check);
    return false;
}

/* What the store says of itself. */

static size_t format_body(struct check *check)
{
    struct etcd_key key;

    pawl_etcd_key_meta(&key, &check->etcd->settings);
    const struct etcd_range range = {.key = pawl_etcd_key_bytes(&key)};

    return pawl_etcd_range_write(check->body, &range);
}

static bool format_took(struct check *check)
{
    const json_t *kv = json_array_get(json_object_get(check->call.answer.root, "kvs"), 0);
    struct etcd_pair pair = {.revision = 0};
    struct pawl_tag tag;
    uint64_t cluster_id = 0;
    pawl_error error;

    if (kv == NULL) {
        say(check, "format", PAWL_CHECK_KEEPS, "nothing was written yet", NULL);
        return false;
    }
    bool whole = pawl_etcd_pair_read(&pair, kv, &error) == PAWL_OK;
    const struct pawl_bytes value = {pair.value, pair.value_size};

    if (whole && pawl_etcd_meta_format(value, &check->error) != PAWL_OK) return false;
    if (whole && pawl_etcd_meta_read(&tag, &cluster_id, value)) {
        say(check, "format", PAWL_CHECK_KEEPS, "1", NULL);
        return false;
    }
    (void)pawl_etcd_meta_foreign(check->etcd, &check->error);
    return false;
}

/* Status: version, size, and what is wrong with the member. */

static size_t empty_body(struct check *check)
{
    memcpy(check->body, "{}", 2);
    return 2;
}

static void say_alarms(struct check *check, const json_t *errors)
{
    char found[TEXT_BYTES] = "none";
    size_t size = 0;

    for (size_t i = 0; i < json_array_size(errors) && size < sizeof found; i++) {
        const char *text = json_string_value(json_array_get(errors, i));

        size += (size_t)snprintf(found + size, sizeof found - size, "%s%s", i > 0 ? "; " : "",
                                 text != NULL ? text : "?");
    }
    if (size == 0) {
        say(check, "alarms", PAWL_CHECK_KEEPS, found, NULL);
    } else if (strstr(found, "CORRUPT") != NULL) {
        say(check, "alarms", PAWL_CHECK_BREAKS, found,
            "a member's data differs from the others': replace that member");
    } else if (strstr(found, "NOSPACE") != NULL) {
        say(check, "alarms", PAWL_CHECK_WARNS, found,
            "nothing can be written: compact, defragment, then etcdctl alarm disarm");
    } else {
        say(check, "alarms", PAWL_CHECK_WARNS, found, "see etcdctl endpoint status");
    }
}

static bool status_took(struct check *check)
{
    const json_t *root = check->call.answer.root;

    (void)snprintf(check->version, sizeof check->version, "%s", pawl_etcd_text(root, "version"));
    check->db_size = pawl_etcd_u64(root, "dbSize");
    check->db_used = pawl_etcd_u64(root, "dbSizeInUse");
    check->quota = pawl_etcd_u64(root, "dbSizeQuota");
    say(check, "version", PAWL_CHECK_KEEPS, check->version, NULL);
    say_alarms(check, json_object_get(root, "errors"));
    return false;
}

/* Members: how many may be lost. */

static bool members_took(struct check *check)
{
    const json_t *members = json_object_get(check->call.answer.root, "members");
    uint64_t voters = 0;
    char found[TEXT_BYTES];

    for (size_t i = 0; i < json_array_size(members); i++) {
        voters += !pawl_etcd_true(json_array_get(members, i), "isLearner");
    }
    (void)snprintf(found, sizeof found, "%" PRIu64 " vote, %" PRIu64 " may be away", voters,
                   voters > 0 ? (voters - 1) / 2 : 0);
    if (voters <= 2) {
        say(check, "members", PAWL_CHECK_WARNS, found,
            "without one of them nothing is granted, and a lost disk is a lost cluster: run three");
    } else if (check->etcd->member_count == 1) {
        say(check, "members", PAWL_CHECK_WARNS, found,
            "the URL names one of them only: name them all, so that any may be away");
    } else {
        say(check, "members", PAWL_CHECK_KEEPS, found, NULL);
    }
    return false;
}

/* The quota is only among the metrics. */

static bool metrics_took(struct check *check)
{
    struct pawl_bytes text = check->call.answer.body;
    const char *at = memmem(text.at, text.size, QUOTA_METRIC, strlen(QUOTA_METRIC));
    char number[32] = "";

    if (at != NULL) {
        at += strlen(QUOTA_METRIC);
        size_t left = text.size - (size_t)(at - text.at);

        (void)snprintf(number, sizeof number, "%.*s", (int)(left < 30 ? left : 30), at);
        double quota = strtod(number, NULL);

        if (quota >= 1 && quota < 1e18) check->quota = (uint64_t)quota;
    }
    return false;
}

static void say_size(struct check *check)
{
    char found[TEXT_BYTES];
    const char *advice = NULL;

    if (check->quota == 0) {
        (void)snprintf(found, sizeof found,
                       "%" PRIu64 " bytes, %" PRIu64 " used; its quota is not "
                       "to be seen",
                       check->db_size, check->db_used);
        say(check, "database size", PAWL_CHECK_WARNS, found,
            "compare it with --quota-backend-bytes (2 GiB by default)");
        return;
    }
    (void)snprintf(found, sizeof found, "%" PRIu64 " bytes, %" PRIu64 " used, of %" PRIu64,
                   check->db_size, check->db_used, check->quota);
    if (check->db_size / FULL_PER_CENT >= check->quota / 100) {
        advice = "at the quota nothing can be written: set --auto-compaction-retention, defragment";
    }
    say(check, "database size", advice != NULL ? PAWL_CHECK_WARNS : PAWL_CHECK_KEEPS, found,
        advice);
}

/* What needs no call. */

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           strncmp(host, "127.", 4) == 0;
}

static void say_tls(struct check *check)
{
    const struct etcd_settings *settings = &check->etcd->settings;
    bool local = true;

    for (size_t i = 0; i < settings->url.host_count; i++) {
        local = local && is_loopback(settings->url.hosts[i].name);
    }
    if (settings->tls && settings->verify) {
        say(check, "encryption", PAWL_CHECK_KEEPS, "TLS, certificates are verified", NULL);
    } else if (settings->tls) {
        say(check, "encryption", PAWL_CHECK_WARNS, "TLS, anybody's certificate is taken",
            "leave verify=no out, and name the authority with ca=FILE");
    } else if (local) {
        say(check, "encryption", PAWL_CHECK_KEEPS, "none, on this machine only", NULL);
    } else {
        say(check, "encryption", PAWL_CHECK_WARNS, "none",
            "others on the way can read and change what is written: use etcds://");
    }
}

static void say_login(struct check *check)
{
    if (check->etcd->login.state == ETCD_LOGIN_HELD) {
        say(check, "authentication", PAWL_CHECK_KEEPS, "on", NULL);
    } else {
        say(check, "authentication", PAWL_CHECK_WARNS, "off",
            "whoever reaches the cluster can change records: etcdctl auth enable, with a user of "
            "pawl's own that may read and write below the prefix only");
    }
}

static const struct step steps[] = {
    {"/v3/kv/range", keys_body, keys_took, NULL, false},
    {"/v3/kv/range", format_body, format_took, "format", false},
    {"/v3/maintenance/status", empty_body, status_took, NULL, false},
    {"/v3/cluster/member/list", empty_body, members_took, "members", false},
    {"/metrics", NULL, metrics_took, "quota", true},
};

static void check_end(struct check *check)
{
    struct etcd *etcd = check->etcd;
    struct pawl_op *op = check->op;

    say_size(check);
    say_tls(check);
    say_login(check);
    free(check);
    struct etcd_job *job = pawl_etcd_job_new(etcd, op);

    if (job != NULL) pawl_etcd_job_try(job);
}

static void check_done(struct etcd_call *call);

static void check_call(struct check *check)
{
    const struct step *step = &steps[check->step];

    check->call.path = step->path;
    check->call.body = check->body;
    check->call.body_size = step->body != NULL ? step->body(check) : 0;
    check->call.plain = step->plain;
    check->call.done = check_done;
    pawl_etcd_call(check->etcd, &check->call);
}

static void check_fail(struct check *check, const pawl_error *error)
{
    pawl_op_fail(check->op, &check->etcd->driver, PAWL_OP_FAILED, error->code, "%s", error->text);
    free(check);
}

static void check_done(struct etcd_call *call)
{
    struct check *check = PAWL_OWNER(call, struct check, call);
    const struct step *step = &steps[check->step];

    bool again = false;

    if (call->end != PAWL_OP_DONE && (step->what == NULL || check->etcd->closing)) {
        check_fail(check, &call->error);
        return;
    }

    if (call->end == PAWL_OP_DONE) {
        again = step->took(check);
    } else {
        say(check, step->what, PAWL_CHECK_WARNS, call->error.text, NULL);
    }
    if (check->error.code != PAWL_OK) {
        check_fail(check, &check->error);
        return;
    }
    if (!again) check->step++;
    if (check->step < PAWL_COUNT(steps)) {
        check_call(check);
    } else {
        check_end(check);
    }
}

void pawl_etcd_check(struct etcd *etcd, struct pawl_op *op)
{
    struct check *check = calloc(1, sizeof *check);

    if (check == NULL) {
        pawl_op_fail(op, &etcd->driver, PAWL_OP_FAILED, PAWL_NO_MEMORY, "no memory to ask etcd");
        return;
    }
    check->etcd = etcd;
    check->op = op;
    check_call(check);
}
