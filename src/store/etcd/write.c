/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write is one transaction: put, if the key still has the revision and the bytes that are
 * expected; else the answer brings what is there. What another pawl wrote in other words (the same
 * fields in another order) is compared as it was read, in a second transaction.
 */
#include "store/etcd/job.h"

static void written(struct etcd_job *job, uint64_t revision)
{
    job->op->found = job->op->record;
    job->op->found_token = pawl_etcd_token(job->etcd, revision);
    pawl_etcd_job_end(job, PAWL_OP_DONE);
}

static bool is_expected(const struct etcd_job *job, const struct pawl_record *found,
                        uint64_t revision)
{
    const struct pawl_op *op = job->op;

    if (op->expected.epoch == 0) return found->epoch == 0;
    return found->epoch != 0 && found->tag == op->expected.tag &&
           (op->token == 0 || revision == pawl_etcd_token_revision(op->token));
}

/*
 * There was no space, and etcd has said so: whatever it did is done. A put that crosses the quota
 * is answered like that though it was applied, so only the record itself can tell.
 */
static void full_read(struct etcd_call *call)
{
    struct etcd_job *job = PAWL_OWNER(call, struct etcd_job, call);
    struct pawl_record found;
    struct etcd_pair pair;
    pawl_error error = {.code = PAWL_OK};

    if (call->end != PAWL_OP_DONE ||
        pawl_etcd_job_record(job, call->answer.root, &pair, &found, &error) != PAWL_OK) {
        pawl_etcd_job_fail(job, PAWL_OP_UNKNOWN, &job->full);
    } else if (found.epoch != 0 && found.tag == job->op->record.tag) {
        written(job, pair.revision);
    } else {
        pawl_etcd_job_fail(
            job, is_expected(job, &found, pair.revision) ? PAWL_OP_FAILED : PAWL_OP_UNKNOWN,
            &job->full);
    }
}

static void call_put(struct etcd_job *job, uint64_t revision, struct pawl_bytes expected);

/* Whether the branch is what it was thought to be, as far as the answer says. */
static void watch_branch(struct etcd_job *job, const struct etcd_pair *pair)
{
    struct etcd_meta *meta = &job->etcd->meta;
    const json_t *range = pawl_etcd_refusal(&job->call.answer, 1);
    const json_t *kv = json_array_get(json_object_get(range, "kvs"), 0);
    const struct pawl_bytes known = {meta->value, meta->value_size};
    uint64_t was = pawl_etcd_token_revision(job->op->token);
    struct etcd_pair now;
    pawl_error error;

    /* A key's revision only rises: here even others' writes do not hide it. */
    if (pair->revision > 0 && pair->revision < was &&
        pawl_etcd_token(job->etcd, was) == job->op->token) {
        pawl_etcd_went_back(job->etcd);
    } else if (range != NULL && meta->state == ETCD_META_KNOWN &&
               (kv == NULL || pawl_etcd_pair_read(&now, kv, &error) != PAWL_OK ||
                !pawl_bytes_equal((struct pawl_bytes){now.value, now.value_size}, known))) {
        meta->state = ETCD_META_UNSEEN;
    }
}

static void put_refused(struct etcd_job *job, const json_t *range)
{
    struct pawl_op *op = job->op;
    struct etcd_pair pair;
    pawl_error error = {.code = PAWL_OK};

    if (pawl_etcd_job_record(job, range, &pair, &op->found, &error) != PAWL_OK) {
        pawl_etcd_job_fail(job, PAWL_OP_FAILED, &error);
        return;
    }
    op->found_token = pawl_etcd_token(job->etcd, pair.revision);
    watch_branch(job, &pair);
    if (job->etcd->meta.state == ETCD_META_UNSEEN) {
        pawl_etcd_job_look(job, pawl_etcd_job_refused);
        return;
    }
    if (op->expected.epoch != 0 && !job->as_read && is_expected(job, &op->found, pair.revision)) {
        job->as_read = true;
        call_put(job, pair.revision, (struct pawl_bytes){pair.value, pair.value_size});
        return;
    }
    pawl_etcd_job_end(job, PAWL_OP_REFUSED);
}

static void put_done(struct etcd_call *call)
{
    struct etcd_job *job = PAWL_OWNER(call, struct etcd_job, call);
    const json_t *range = pawl_etcd_refusal(&call->answer, 0);

    if (call->end != PAWL_OP_DONE && call->full) {
        job->full = call->error;
        pawl_etcd_job_range(job, full_read);
    } else if (call->end != PAWL_OP_DONE) {
        pawl_etcd_job_fail_as_called(job);
    } else if (range == NULL && call->behind) {
        (void)pawl_fail(&call->error, PAWL_STORE,
                        "etcd went back in time (was a backup restored?): what it grants may have "
                        "been granted before");
        pawl_etcd_job_fail(job, PAWL_OP_UNKNOWN, &call->error);
    } else if (pawl_etcd_true(call->answer.root, "succeeded") &&
               call->answer.revision > pawl_etcd_token_revision(job->op->token)) {
        written(job, call->answer.revision);
    } else if (range != NULL) {
        put_refused(job, range);
    } else {
        (void)pawl_fail(&call->error, PAWL_STORE, "etcd's answer to a write cannot be meant");
        pawl_etcd_job_fail(job, PAWL_OP_UNKNOWN, &call->error);
    }
}

/* revision 0: if there is no such key. */
static void call_put(struct etcd_job *job, uint64_t revision, struct pawl_bytes expected)
{
    const struct etcd_meta *meta = &job->etcd->meta;
    struct etcd_condition condition = {.revision = revision, .value = expected};
    char value[PAWL_ETCD_VALUE_BYTES_MAX];
    char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    struct etcd_key key;
    struct etcd_key meta_key;

    if (meta->state == ETCD_META_KNOWN) {
        pawl_etcd_key_meta(&meta_key, &job->etcd->settings);
        condition.meta_key = pawl_etcd_key_bytes(&meta_key);
        condition.meta_value = (struct pawl_bytes){meta->value, meta->value_size};
    }

    pawl_etcd_key_of(&key, &job->etcd->settings, &job->op->record.name);
    size_t size = pawl_etcd_value_write(&job->op->record, value);

    size = pawl_etcd_put_write(body, pawl_etcd_key_bytes(&key), &condition,
                               (struct pawl_bytes){value, size});
    pawl_etcd_job_call(job, PAWL_ETCD_TXN, (struct pawl_bytes){body, size}, put_done);
}

/* What is expected, but at which revision is not known. */
static void sought(struct etcd_call *call)
{
    struct etcd_job *job = PAWL_OWNER(call, struct etcd_job, call);

    if (call->end == PAWL_OP_DONE) {
        put_refused(job, call->answer.root);
    } else {
        pawl_etcd_job_fail_as_called(job);
    }
}

void pawl_etcd_job_write(struct etcd_job *job)
{
    const struct pawl_op *op = job->op;
    char expected[PAWL_ETCD_VALUE_BYTES_MAX];

    if (op->expected.epoch == 0) {
        call_put(job, 0, (struct pawl_bytes){NULL, 0});
    } else if (op->token == 0) {
        pawl_etcd_job_range(job, sought);
    } else {
        size_t size = pawl_etcd_value_write(&op->expected, expected);

        call_put(job, pawl_etcd_token_revision(op->token), (struct pawl_bytes){expected, size});
    }
}
