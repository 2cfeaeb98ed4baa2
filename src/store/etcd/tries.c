/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the user may read and write, for INIT, which has nothing to make, for the first PING, and
 * at the end of CHECK: a page of one, and a write whose condition cannot hold, of the last key: a
 * right to the prefix's own key is not enough. Neither leaves a trace.
 */
#include "store/etcd/job.h"

#include <stdio.h>

static void say(struct etcd_job *job, enum pawl_check_verdict verdict, const char *found)
{
    struct pawl_check *check = job->op->check;

    if (job->op->kind == PAWL_OP_CHECK) check->item(check, "rights", verdict, found, NULL);
}

/* A check goes on where it is no right that is missing: full or half away is another item's. */
static void fails(struct etcd_job *job, const char *right)
{
    const struct etcd_settings *settings = &job->etcd->settings;
    struct etcd_call *call = &job->call;
    char why[sizeof call->error.text];
    bool denied = call->error.code == PAWL_DENIED;

    if (denied) {
        (void)snprintf(why, sizeof why, "%s", call->error.text);
        (void)pawl_fail(&call->error, PAWL_DENIED, "the user may not %s keys below %.*s/: %.400s",
                        right, (int)settings->prefix.size, settings->prefix.at, why);
    }
    say(job, PAWL_CHECK_WARNS, call->error.text);
    if (job->op->kind == PAWL_OP_CHECK && !denied && !job->etcd->closing) {
        pawl_etcd_job_done(job);
    } else {
        pawl_etcd_job_fail_as_called(job);
    }
}

static void wrote(struct etcd_call *call)
{
    struct etcd_job *job = PAWL_OWNER(call, struct etcd_job, call);

    if (call->end != PAWL_OP_DONE) {
        fails(job, "write");
        return;
    }
    job->etcd->may_write = true;
    say(job, PAWL_CHECK_KEEPS, "the user may read and write below the prefix");
    pawl_etcd_job_done(job);
}

static void paged(struct etcd_call *call)
{
    struct etcd_job *job = PAWL_OWNER(call, struct etcd_job, call);
    const struct pawl_name last = {.size = 1, .at = {'\xff'}};
    char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    struct etcd_key key;

    if (call->end != PAWL_OP_DONE) {
        fails(job, "read");
        return;
    }
    pawl_etcd_key_of(&key, &job->etcd->settings, &last);
    size_t size = pawl_etcd_probe_write(body, pawl_etcd_key_bytes(&key));

    pawl_etcd_job_call(job, PAWL_ETCD_TXN, (struct pawl_bytes){body, size}, wrote);
}

void pawl_etcd_job_try(struct etcd_job *job)
{
    const struct pawl_name none = {.size = 0};
    char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    struct etcd_key key;
    struct etcd_key end;

    pawl_etcd_key_after(&key, &job->etcd->settings, &none);
    pawl_etcd_key_end(&end, &job->etcd->settings);
    const struct etcd_range range = {.key = pawl_etcd_key_bytes(&key),
                                     .end = pawl_etcd_key_bytes(&end),
                                     .limit = 1,
                                     .keys_only = true};

    pawl_etcd_job_call(job, PAWL_ETCD_RANGE,
                       (struct pawl_bytes){body, pawl_etcd_range_write(body, &range)}, paged);
}
