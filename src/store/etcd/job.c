/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct etcd_job *pawl_etcd_job_new(struct etcd *etcd, struct pawl_op *op)
{
    struct etcd_job *job = calloc(1, sizeof *job);

    if (job == NULL) {
        pawl_op_fail(op, &etcd->driver, PAWL_OP_FAILED, PAWL_NO_MEMORY, "no memory to ask etcd");
        return NULL;
    }
    job->etcd = etcd;
    job->op = op;
    return job;
}

static void job_free(struct etcd_job *job)
{
    free(job->body);
    free(job);
}

void pawl_etcd_job_end(struct etcd_job *job, enum pawl_op_end end)
{
    job->op->end = end;
    job->op->identity = pawl_etcd_identity(job->etcd);
    pawl_op_end(job->op, &job->etcd->driver);
    job_free(job);
}

void pawl_etcd_job_fail(struct etcd_job *job, enum pawl_op_end end, const pawl_error *error)
{
    pawl_op_fail(job->op, &job->etcd->driver, end, error->code, "%s", error->text);
    job_free(job);
}

void pawl_etcd_job_fail_as_called(struct etcd_job *job)
{
    pawl_etcd_job_fail(job, job->call.end, &job->call.error);
}

void pawl_etcd_job_call(struct etcd_job *job, const char *path, struct pawl_bytes body,
                        void (*done)(struct etcd_call *call))
{
    char *copy = realloc(job->body, body.size);

    if (copy == NULL) {
        pawl_error error = {.code = PAWL_NO_MEMORY, .text = "no memory for a request to etcd"};

        pawl_etcd_job_fail(job, PAWL_OP_FAILED, &error);
        return;
    }
    memcpy(copy, body.at, body.size);
    job->body = copy;
    job->call.path = path;
    job->call.body = copy;
    job->call.body_size = body.size;
    job->call.writes = strcmp(path, PAWL_ETCD_TXN) == 0;
    job->call.done = done;
    pawl_etcd_call(job->etcd, &job->call);
}

static void job_looked(struct etcd_look *look)
{
    struct etcd_job *job = PAWL_OWNER(look, struct etcd_job, look);

    if (look->error.code == PAWL_OK) {
        job->then(job);
    } else {
        pawl_etcd_job_fail(job, PAWL_OP_FAILED, &look->error); /* it has written nothing */
    }
}

void pawl_etcd_job_look(struct etcd_job *job, void (*then)(struct etcd_job *job))
{
    job->then = then;
    job->look.done = job_looked;
    pawl_etcd_look(job->etcd, &job->look);
}

void pawl_etcd_job_with_branch(struct etcd_job *job, void (*then)(struct etcd_job *job))
{
    const struct etcd_meta *meta = &job->etcd->meta;
    bool again = meta->state == ETCD_META_WITHOUT && pawl_clock_ns() >= meta->again_ns;

    if (meta->state == ETCD_META_UNSEEN || again) {
        pawl_etcd_job_look(job, then);
    } else {
        then(job);
    }
}

void pawl_etcd_job_done(struct etcd_job *job)
{
    pawl_etcd_job_end(job, PAWL_OP_DONE);
}

void pawl_etcd_job_refused(struct etcd_job *job)
{
    pawl_etcd_job_end(job, PAWL_OP_REFUSED);
}

pawl_err pawl_etcd_job_record(const struct etcd_job *job, const json_t *range,
                              struct etcd_pair *pair, struct pawl_record *record, pawl_error *error)
{
    const json_t *kv = json_array_get(json_object_get(range, "kvs"), 0);
    struct etcd_key key;

    *record = (struct pawl_record){.name = job->op->record.name};
    *pair = (struct etcd_pair){.revision = 0};
    if (json_object_get(range, "responses") != NULL ||
        json_object_get(range, "succeeded") != NULL) {
        return pawl_fail(error, PAWL_STORE, "etcd answered a read as if it were a write");
    }
    if (kv == NULL) return PAWL_OK;
    if (pawl_etcd_pair_read(pair, kv, error) != PAWL_OK) return error->code;
    pawl_etcd_key_of(&key, &job->etcd->settings, &record->name);
    if (!pawl_bytes_equal(pawl_etcd_key_bytes(&key), pawl_etcd_key_bytes(&pair->key))) {
        return pawl_fail(error, PAWL_STORE, "etcd answered with another key than was asked for");
    }
    return pawl_etcd_value_read(record, (struct pawl_bytes){pair->value, pair->value_size}, error);
}

void pawl_etcd_job_range(struct etcd_job *job, void (*done)(struct etcd_call *call))
{
    char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    struct etcd_key key;

    pawl_etcd_key_of(&key, &job->etcd->settings, &job->op->record.name);
    struct etcd_range range = {.key = pawl_etcd_key_bytes(&key)};

    pawl_etcd_job_call(job, PAWL_ETCD_RANGE,
                       (struct pawl_bytes){body, pawl_etcd_range_write(body, &range)}, done);
}
