/* SPDX-License-Identifier: Apache-2.0 */
/* The driver: what each operation asks of the cluster, and what the answers mean for it. */
#include "store/etcd/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/schemes.h"

/* Of a PING's round: members that do not answer are not waited for longer. */
#define PING_NS_MAX (3 * PAWL_NS_PER_S / 2)

enum { PAGE_RECORDS_MAX = 1000, VERSION_MAJOR_LEAST = 3, VERSION_MINOR_LEAST = 4 };

#define MT_STATUS "/v3/maintenance/status"

/* READ. */

static void read_done(struct etcd_call *call)
{
    struct etcd_job *job = PAWL_OWNER(call, struct etcd_job, call);
    struct etcd_pair pair;
    pawl_error error = {.code = PAWL_OK};

    if (call->end != PAWL_OP_DONE) {
        pawl_etcd_job_fail_as_called(job);
    } else if (pawl_etcd_job_record(job, call->answer.root, &pair, &job->op->found, &error) !=
               PAWL_OK) {
        pawl_etcd_job_fail(job, PAWL_OP_FAILED, &error);
    } else {
        job->op->found_token = pawl_etcd_token(job->etcd, pair.revision);
        pawl_etcd_job_with_branch(job, pawl_etcd_job_done);
    }
}

static void begin_read(struct etcd_job *job)
{
    pawl_etcd_job_range(job, read_done);
}

/* LIST. */

static pawl_err list_one(struct etcd_job *job, const json_t *kv, pawl_error *error)
{
    struct pawl_record record = {.epoch = 0};
    struct etcd_pair pair;

    if (pawl_etcd_pair_read(&pair, kv, error) != PAWL_OK ||
        pawl_etcd_key_name(&record.name, &job->etcd->settings, pawl_etcd_key_bytes(&pair.key),
                           error) != PAWL_OK) {
        return error->code;
    }
    struct pawl_bytes value = {pair.value, pair.value_size};
    struct pawl_name name = record.name;
    pawl_error why;

    if (pawl_etcd_value_read(&record, value, &why) == PAWL_OK) {
        pawl_page_record(job->op->page, &record);
    } else {
        job->op->page->after = name;
        pawl_page_unread(job->op->page, &name, &why);
    }
    return PAWL_OK;
}

static void list_done(struct etcd_call *call)
{
    struct etcd_job *job = PAWL_OWNER(call, struct etcd_job, call);
    const json_t *kvs = json_object_get(call->answer.root, "kvs");
    pawl_error error = {.code = PAWL_OK};

    if (call->end != PAWL_OP_DONE) {
        pawl_etcd_job_fail_as_called(job);
        return;
    }
    for (size_t i = 0; i < json_array_size(kvs); i++) {
        if (list_one(job, json_array_get(kvs, i), &error) == PAWL_OK) continue;
        pawl_etcd_job_fail(job, PAWL_OP_FAILED, &error);
        return;
    }
    job->op->page->more = pawl_etcd_true(call->answer.root, "more");
    pawl_etcd_job_end(job, PAWL_OP_DONE);
}

static void begin_list(struct etcd_job *job)
{
    const struct pawl_page *page = job->op->page;
    char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    struct etcd_key key;
    struct etcd_key end;

    pawl_etcd_key_after(&key, &job->etcd->settings, &page->after);
    pawl_etcd_key_end(&end, &job->etcd->settings);
    struct etcd_range range = {
        .key = pawl_etcd_key_bytes(&key),
        .end = pawl_etcd_key_bytes(&end),
        .limit = page->count_max < PAGE_RECORDS_MAX ? page->count_max : PAGE_RECORDS_MAX,
    };

    if (range.limit == 0) range.limit = 1; /* so that every page goes on */
    pawl_etcd_job_call(job, PAWL_ETCD_RANGE,
                       (struct pawl_bytes){body, pawl_etcd_range_write(body, &range)}, list_done);
}

/*
 * PING: all members, and whether the cluster answers reads that cannot be stale. One of another
 * cluster in the same URL is found out here: another pawl may begin with that one, and be given the
 * same ids.
 */

static bool is_new_enough(const char *version)
{
    char *end = NULL;
    long major = strtol(version, &end, 10);
    long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

    return major > VERSION_MAJOR_LEAST ||
           (major == VERSION_MAJOR_LEAST && minor >= VERSION_MINOR_LEAST);
}

/* Where there are rights, one that is missing is found out at the first PING, not by the first who
 * wants an id. */
static void ping_looked(struct etcd_job *job)
{
    const struct etcd *etcd = job->etcd;

    if (etcd->login.state == ETCD_LOGIN_HELD && !etcd->may_write && !etcd->looks_only) {
        pawl_etcd_job_try(job);
    } else {
        pawl_etcd_job_done(job);
    }
}

static void ping_status(struct etcd_call *call);

static void ping_member(struct etcd_job *job)
{
    job->call.only++;
    pawl_etcd_job_call(job, MT_STATUS, PAWL_BYTES("{}"), ping_status);
}

static void ping_status(struct etcd_call *call)
{
    struct etcd_job *job = PAWL_OWNER(call, struct etcd_job, call);
    const struct etcd *etcd = job->etcd;
    bool away = call->end != PAWL_OP_DONE && call->error.code == PAWL_STORE &&
                etcd->stranger == 0 && !etcd->closing;

    if (call->end != PAWL_OP_DONE && !away) {
        pawl_etcd_job_fail_as_called(job);
        return;
    }
    const char *version = away ? "" : pawl_etcd_text(call->answer.root, "version");

    if (!away && !is_new_enough(version)) {
        (void)pawl_fail(&call->error, PAWL_DENIED, "this is etcd %.20s: pawl needs 3.4 or newer",
                        version);
        pawl_etcd_job_fail(job, PAWL_OP_FAILED, &call->error);
        return;
    }
    job->met = job->met || !away;
    if (call->only < etcd->member_count && pawl_clock_ns() - job->begun_ns < PING_NS_MAX) {
        ping_member(job);
    } else if (job->met) {
        job->call.only = 0;
        pawl_etcd_job_look(job, job->op->kind == PAWL_OP_INIT ? pawl_etcd_job_try : ping_looked);
    } else {
        pawl_etcd_job_fail_as_called(job);
    }
}

/* The driver. */

static void etcd_begin(struct pawl_driver *driver, struct pawl_op *op)
{
    struct etcd *etcd = PAWL_OWNER(driver, struct etcd, driver);

    if (op->kind == PAWL_OP_CHECK) {
        pawl_etcd_check(etcd, op);
        return;
    }
    struct etcd_job *job = pawl_etcd_job_new(etcd, op);

    if (job == NULL) return;
    switch (op->kind) {
    case PAWL_OP_READ:
        pawl_etcd_job_with_branch(job, begin_read);
        return;
    case PAWL_OP_WRITE:
        pawl_etcd_job_with_branch(job, pawl_etcd_job_write);
        return;
    case PAWL_OP_REDRAW:
        (void)pawl_tag_read(&job->look.redraw,
                            (struct pawl_bytes){op->identity.branch.at, op->identity.branch.size});
        pawl_etcd_job_look(job, pawl_etcd_job_done);
        return;
    case PAWL_OP_LIST:
        begin_list(job);
        return;
    case PAWL_OP_PING:
    case PAWL_OP_INIT:
        job->begun_ns = pawl_clock_ns();
        ping_member(job);
        return;
    case PAWL_OP_ADVANCE: /* both: records.c asks only whoever can */
    case PAWL_OP_CHECK:
        break;
    }
    PAWL_ASSERT(false);
}

static uint64_t etcd_turn(struct pawl_driver *driver, uint64_t now_ns)
{
    (void)now_ns;
    return pawl_etcd_calls_turn(PAWL_OWNER(driver, struct etcd, driver));
}

static void etcd_close(struct pawl_driver *driver)
{
    struct etcd *etcd = PAWL_OWNER(driver, struct etcd, driver);

    pawl_etcd_calls_end(etcd);
    free(etcd);
}

static void etcd_forked(struct pawl_driver *driver)
{
    pawl_http_forked(PAWL_OWNER(driver, struct etcd, driver)->http);
}

static const struct pawl_driver_ops etcd_ops = {
    .scheme = "etcd",
    .advances = false,
    .redraws = true,
    .in_order = true,
    .begin = etcd_begin,
    .turn = etcd_turn,
    .close = etcd_close,
    .forked = etcd_forked,
};

static void name_members(struct etcd *etcd)
{
    const char *scheme = etcd->settings.tls ? "https://" : "http://";

    etcd->member_count = etcd->settings.url.host_count;
    for (size_t i = 0; i < etcd->member_count; i++) {
        const struct pawl_url_host *host = &etcd->settings.url.hosts[i];
        struct etcd_member *member = &etcd->members[i];
        bool ipv6 = strchr(host->name, ':') != NULL;

        (void)snprintf(member->base, sizeof member->base, "%s%s%s%s:%u", scheme, ipv6 ? "[" : "",
                       host->name, ipv6 ? "]" : "", host->port);
        member->shown = member->base + strlen(scheme);
    }
    PAWL_ASSERT(etcd->member_count > 0);
    etcd->preferred = pawl_random(&etcd->random) % etcd->member_count;
}

static pawl_err check_file(const char *key, const char *file, pawl_error *error)
{
    if (file == NULL || access(file, R_OK) == 0) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST, "etcds://: %s=%.200s cannot be read", key, file);
}

pawl_err pawl_etcd_open(const char *url, const struct pawl_store_options *options,
                        struct pawl_source **store, pawl_error *error)
{
    struct etcd *etcd = calloc(1, sizeof *etcd);

    if (etcd == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a store");
    pawl_err err = pawl_etcd_settings_read(&etcd->settings, url, error);

    if (err == PAWL_OK) err = check_file("ca", etcd->settings.ca_file, error);
    if (err == PAWL_OK) err = check_file("cert", etcd->settings.cert_file, error);
    if (err == PAWL_OK) err = check_file("key", etcd->settings.key_file, error);
    if (err != PAWL_OK) {
        free(etcd);
        return err;
    }
    etcd->driver.ops = &etcd_ops;
    etcd->loop = options->loop;
    etcd->random = options->seed;
    etcd->looks_only = options->looks_only;
    name_members(etcd);
    return pawl_records_new(&etcd->driver, options, store, error);
}
