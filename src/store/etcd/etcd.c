/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver: what each operation asks of the cluster, and what the answers mean for it.
 *
 * A write is one transaction: put, if the key still has the revision and the bytes that are
 * expected; else the answer brings what is there. What another pawl wrote in other words (the same
 * fields in another order) is compared as it was read, in a second transaction.
 */
#include "store/etcd/etcd.h"

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

/*
 * What an operation is given as its token: the key's revision and, above it, how often the store
 * had been seen to go back by then. After that the same revisions come again.
 */
enum { TOKEN_REVISION_BITS = 56 };

static uint64_t token_of(const struct etcd *etcd, uint64_t revision)
{
    return revision == 0 ? 0 : revision | etcd->meta.backs << TOKEN_REVISION_BITS;
}

static uint64_t revision_of(uint64_t token)
{
    return token & ((UINT64_C(1) << TOKEN_REVISION_BITS) - 1);
}

/* One operation under way. */
struct job {
    struct etcd *etcd;
    struct pawl_op *op;
    struct etcd_call call;
    char *body;
    bool as_read; /* the condition has the value as it was read, not as we would write it */
    pawl_error full;
    struct etcd_look look;
    void (*then)(struct job *job); /* when the branch is known */
    bool met;                      /* PING: a member has answered */
    uint64_t begun_ns;
};

static struct pawl_bytes key_bytes(const struct etcd_key *key)
{
    return (struct pawl_bytes){key->at, key->size};
}

static void job_free(struct job *job)
{
    free(job->body);
    free(job);
}

static void job_end(struct job *job, enum pawl_op_end end)
{
    job->op->end = end;
    job->op->identity = pawl_etcd_identity(job->etcd);
    pawl_op_end(job->op, &job->etcd->driver);
    job_free(job);
}

static void job_fail(struct job *job, enum pawl_op_end end, const pawl_error *error)
{
    pawl_op_fail(job->op, &job->etcd->driver, end, error->code, "%s", error->text);
    job_free(job);
}

/* The call's end is the operation's. */
static void job_fail_as_called(struct job *job)
{
    job_fail(job, job->call.end, &job->call.error);
}

static void job_call(struct job *job, const char *path, struct pawl_bytes body,
                     void (*done)(struct etcd_call *call))
{
    char *copy = realloc(job->body, body.size);

    if (copy == NULL) {
        pawl_error error = {.code = PAWL_NO_MEMORY, .text = "no memory for a request to etcd"};

        job_fail(job, PAWL_OP_FAILED, &error);
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
    struct job *job = PAWL_OWNER(look, struct job, look);

    if (look->error.code == PAWL_OK) {
        job->then(job);
    } else {
        job_fail(job, PAWL_OP_FAILED, &look->error); /* it has written nothing */
    }
}

static void job_look(struct job *job, void (*then)(struct job *job))
{
    job->then = then;
    job->look.done = job_looked;
    pawl_etcd_look(job->etcd, &job->look);
}

/* The same, if the branch is not known already. */
static void job_with_branch(struct job *job, void (*then)(struct job *job))
{
    if (job->etcd->meta.state == ETCD_META_UNSEEN) {
        job_look(job, then);
    } else {
        then(job);
    }
}

static void job_done(struct job *job)
{
    job_end(job, PAWL_OP_DONE);
}

static void job_refused(struct job *job)
{
    job_end(job, PAWL_OP_REFUSED);
}

/* The record that a range over one key answered with, its name being the operation's. */
static pawl_err record_of(const struct job *job, const json_t *range, struct etcd_pair *pair,
                          struct pawl_record *record, pawl_error *error)
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
    if (!pawl_bytes_equal(key_bytes(&key), key_bytes(&pair->key))) {
        return pawl_fail(error, PAWL_STORE, "etcd answered with another key than was asked for");
    }
    return pawl_etcd_value_read(record, (struct pawl_bytes){pair->value, pair->value_size}, error);
}

static void call_range(struct job *job, void (*done)(struct etcd_call *call))
{
    char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    struct etcd_key key;

    pawl_etcd_key_of(&key, &job->etcd->settings, &job->op->record.name);
    struct etcd_range range = {.key = key_bytes(&key)};

    job_call(job, PAWL_ETCD_RANGE, (struct pawl_bytes){body, pawl_etcd_range_write(body, &range)},
             done);
}

/* READ. */

static void read_done(struct etcd_call *call)
{
    struct job *job = PAWL_OWNER(call, struct job, call);
    struct etcd_pair pair;
    pawl_error error = {.code = PAWL_OK};

    if (call->end != PAWL_OP_DONE) {
        job_fail_as_called(job);
    } else if (record_of(job, call->answer.root, &pair, &job->op->found, &error) != PAWL_OK) {
        job_fail(job, PAWL_OP_FAILED, &error);
    } else {
        job->op->found_token = token_of(job->etcd, pair.revision);
        job_with_branch(job, job_done);
    }
}

static void begin_read(struct job *job)
{
    call_range(job, read_done);
}

/* WRITE. */

static void written(struct job *job, uint64_t revision)
{
    job->op->found = job->op->record;
    job->op->found_token = token_of(job->etcd, revision);
    job_end(job, PAWL_OP_DONE);
}

static bool is_expected(const struct job *job, const struct pawl_record *found, uint64_t revision)
{
    const struct pawl_op *op = job->op;

    if (op->expected.epoch == 0) return found->epoch == 0;
    return found->epoch != 0 && found->tag == op->expected.tag &&
           (op->token == 0 || revision == revision_of(op->token));
}

/*
 * There was no space, and etcd has said so: whatever it did is done. A put that crosses the quota
 * is answered like that though it was applied, so only the record itself can tell.
 */
static void full_read(struct etcd_call *call)
{
    struct job *job = PAWL_OWNER(call, struct job, call);
    struct pawl_record found;
    struct etcd_pair pair;
    pawl_error error = {.code = PAWL_OK};

    if (call->end != PAWL_OP_DONE ||
        record_of(job, call->answer.root, &pair, &found, &error) != PAWL_OK) {
        job_fail(job, PAWL_OP_UNKNOWN, &job->full);
    } else if (found.epoch != 0 && found.tag == job->op->record.tag) {
        written(job, pair.revision);
    } else {
        job_fail(job, is_expected(job, &found, pair.revision) ? PAWL_OP_FAILED : PAWL_OP_UNKNOWN,
                 &job->full);
    }
}

static void call_put(struct job *job, uint64_t revision, struct pawl_bytes expected);

/* Whether the branch is what it was thought to be, as far as the answer says. */
static void watch_branch(struct job *job, const struct etcd_pair *pair)
{
    struct etcd_meta *meta = &job->etcd->meta;
    const json_t *range = pawl_etcd_refusal(&job->call.answer, 1);
    const json_t *kv = json_array_get(json_object_get(range, "kvs"), 0);
    const struct pawl_bytes known = {meta->value, meta->value_size};
    uint64_t was = revision_of(job->op->token);
    struct etcd_pair now;
    pawl_error error;

    /* A key's revision only rises: here even others' writes do not hide it. */
    if (pair->revision > 0 && pair->revision < was && token_of(job->etcd, was) == job->op->token) {
        pawl_etcd_went_back(job->etcd);
    } else if (range != NULL && meta->state == ETCD_META_KNOWN &&
               (kv == NULL || pawl_etcd_pair_read(&now, kv, &error) != PAWL_OK ||
                !pawl_bytes_equal((struct pawl_bytes){now.value, now.value_size}, known))) {
        meta->state = ETCD_META_UNSEEN;
    }
}

static void put_refused(struct job *job, const json_t *range)
{
    struct pawl_op *op = job->op;
    struct etcd_pair pair;
    pawl_error error = {.code = PAWL_OK};

    if (record_of(job, range, &pair, &op->found, &error) != PAWL_OK) {
        job_fail(job, PAWL_OP_FAILED, &error);
        return;
    }
    op->found_token = token_of(job->etcd, pair.revision);
    watch_branch(job, &pair);
    if (job->etcd->meta.state == ETCD_META_UNSEEN) {
        job_look(job, job_refused);
        return;
    }
    if (op->expected.epoch != 0 && !job->as_read && is_expected(job, &op->found, pair.revision)) {
        job->as_read = true;
        call_put(job, pair.revision, (struct pawl_bytes){pair.value, pair.value_size});
        return;
    }
    job_end(job, PAWL_OP_REFUSED);
}

static void put_done(struct etcd_call *call)
{
    struct job *job = PAWL_OWNER(call, struct job, call);
    const json_t *range = pawl_etcd_refusal(&call->answer, 0);

    if (call->end != PAWL_OP_DONE && call->full) {
        job->full = call->error;
        call_range(job, full_read);
    } else if (call->end != PAWL_OP_DONE) {
        job_fail_as_called(job);
    } else if (range == NULL && call->behind) {
        (void)pawl_fail(&call->error, PAWL_STORE,
                        "etcd went back in time (was a backup restored?): what it grants may have "
                        "been granted before");
        job_fail(job, PAWL_OP_UNKNOWN, &call->error);
    } else if (pawl_etcd_true(call->answer.root, "succeeded") &&
               call->answer.revision > revision_of(job->op->token)) {
        written(job, call->answer.revision);
    } else if (range != NULL) {
        put_refused(job, range);
    } else {
        (void)pawl_fail(&call->error, PAWL_STORE, "etcd's answer to a write cannot be meant");
        job_fail(job, PAWL_OP_UNKNOWN, &call->error);
    }
}

/* revision 0: if there is no such key. */
static void call_put(struct job *job, uint64_t revision, struct pawl_bytes expected)
{
    const struct etcd_meta *meta = &job->etcd->meta;
    struct etcd_condition condition = {.revision = revision, .value = expected};
    char value[PAWL_ETCD_VALUE_BYTES_MAX];
    char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    struct etcd_key key;
    struct etcd_key meta_key;

    if (meta->state == ETCD_META_KNOWN) {
        pawl_etcd_key_meta(&meta_key, &job->etcd->settings);
        condition.meta_key = key_bytes(&meta_key);
        condition.meta_value = (struct pawl_bytes){meta->value, meta->value_size};
    }

    pawl_etcd_key_of(&key, &job->etcd->settings, &job->op->record.name);
    size_t size = pawl_etcd_value_write(&job->op->record, value);

    size = pawl_etcd_put_write(body, key_bytes(&key), &condition, (struct pawl_bytes){value, size});
    job_call(job, PAWL_ETCD_TXN, (struct pawl_bytes){body, size}, put_done);
}

/* What is expected, but at which revision is not known. */
static void sought(struct etcd_call *call)
{
    struct job *job = PAWL_OWNER(call, struct job, call);

    if (call->end == PAWL_OP_DONE) {
        put_refused(job, call->answer.root);
    } else {
        job_fail_as_called(job);
    }
}

static void begin_write(struct job *job)
{
    const struct pawl_op *op = job->op;
    char expected[PAWL_ETCD_VALUE_BYTES_MAX];

    if (op->expected.epoch == 0) {
        call_put(job, 0, (struct pawl_bytes){NULL, 0});
    } else if (op->token == 0) {
        call_range(job, sought);
    } else {
        size_t size = pawl_etcd_value_write(&op->expected, expected);

        call_put(job, revision_of(op->token), (struct pawl_bytes){expected, size});
    }
}

/* LIST. */

static pawl_err list_one(struct job *job, const json_t *kv, pawl_error *error)
{
    struct pawl_record record = {.epoch = 0};
    struct etcd_pair pair;

    if (pawl_etcd_pair_read(&pair, kv, error) != PAWL_OK ||
        pawl_etcd_key_name(&record.name, &job->etcd->settings, key_bytes(&pair.key), error) !=
            PAWL_OK) {
        return error->code;
    }
    job->op->page->after = record.name;
    struct pawl_bytes value = {pair.value, pair.value_size};
    pawl_err err = pawl_etcd_value_read(&record, value, error);

    if (err == PAWL_OK) pawl_page_record(job->op->page, &record);
    return err;
}

static void list_done(struct etcd_call *call)
{
    struct job *job = PAWL_OWNER(call, struct job, call);
    const json_t *kvs = json_object_get(call->answer.root, "kvs");
    pawl_error error = {.code = PAWL_OK};

    if (call->end != PAWL_OP_DONE) {
        job_fail_as_called(job);
        return;
    }
    for (size_t i = 0; i < json_array_size(kvs); i++) {
        if (list_one(job, json_array_get(kvs, i), &error) == PAWL_OK) continue;
        job_fail(job, PAWL_OP_FAILED, &error);
        return;
    }
    job->op->page->more = pawl_etcd_true(call->answer.root, "more");
    job_end(job, PAWL_OP_DONE);
}

static void begin_list(struct job *job)
{
    const struct pawl_page *page = job->op->page;
    char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    struct etcd_key key;
    struct etcd_key end;

    pawl_etcd_key_after(&key, &job->etcd->settings, &page->after);
    pawl_etcd_key_end(&end, &job->etcd->settings);
    struct etcd_range range = {
        .key = key_bytes(&key),
        .end = key_bytes(&end),
        .limit = page->count_max < PAGE_RECORDS_MAX ? page->count_max : PAGE_RECORDS_MAX,
    };

    if (range.limit == 0) range.limit = 1; /* so that every page goes on */
    job_call(job, PAWL_ETCD_RANGE, (struct pawl_bytes){body, pawl_etcd_range_write(body, &range)},
             list_done);
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

static void ping_status(struct etcd_call *call);

static void ping_member(struct job *job)
{
    job->call.only++;
    job_call(job, MT_STATUS, PAWL_BYTES("{}"), ping_status);
}

static void ping_status(struct etcd_call *call)
{
    struct job *job = PAWL_OWNER(call, struct job, call);
    const struct etcd *etcd = job->etcd;
    bool away = call->end != PAWL_OP_DONE && call->error.code == PAWL_STORE &&
                etcd->stranger == 0 && !etcd->closing;

    if (call->end != PAWL_OP_DONE && !away) {
        job_fail_as_called(job);
        return;
    }
    const char *version = away ? "" : pawl_etcd_text(call->answer.root, "version");

    if (!away && !is_new_enough(version)) {
        (void)pawl_fail(&call->error, PAWL_BAD_REQUEST,
                        "this is etcd %.20s: pawl needs 3.4 or newer", version);
        job_fail(job, PAWL_OP_FAILED, &call->error);
        return;
    }
    job->met = job->met || !away;
    if (call->only < etcd->member_count && pawl_clock_ns() - job->begun_ns < PING_NS_MAX) {
        ping_member(job);
    } else if (job->met) {
        job->call.only = 0;
        job_look(job, job_done);
    } else {
        job_fail_as_called(job);
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
    struct job *job = calloc(1, sizeof *job);

    if (job == NULL) {
        pawl_op_fail(op, driver, PAWL_OP_FAILED, PAWL_NO_MEMORY, "no memory to ask etcd");
        return;
    }
    job->etcd = etcd;
    job->op = op;
    switch (op->kind) {
    case PAWL_OP_READ:
        job_with_branch(job, begin_read);
        return;
    case PAWL_OP_WRITE:
        job_with_branch(job, begin_write);
        return;
    case PAWL_OP_REDRAW:
        (void)pawl_tag_read(&job->look.redraw,
                            (struct pawl_bytes){op->identity.branch.at, op->identity.branch.size});
        job_look(job, job_done);
        return;
    case PAWL_OP_LIST:
        begin_list(job);
        return;
    case PAWL_OP_PING:
    case PAWL_OP_INIT: /* nothing has to be made: whether it is there */
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
    name_members(etcd);
    return pawl_records_new(&etcd->driver, options, store, error);
}
