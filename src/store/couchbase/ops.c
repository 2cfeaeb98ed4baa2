/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on one record.
 *
 * A WRITE is ADD, or REPLACE with the CAS that came with the expected record. Where none is known
 * the document is read and its tag compared first, and its CAS is the condition from there on.
 *
 * An ADVANCE is one subdocument mutation without a CAS: several servers may make theirs at the same
 * time. The server checks that the document is there and that epoch and lap are right (the path
 * names them), but cannot compare the number with a bound. Why that is safe:
 *   - It is only sent where the number as last seen is far from the bound, in terms of what is
 * taken now; nearer to it a WRITE does the same.
 *   - The ids come from the server's answer alone. Those beyond the bound were never ids: whoever
 *     asked compares the answer with the bounds of its ask and burns what lies outside. The record
 *     then stands beyond its end, which reads as "nothing is left", as if the last had been taken.
 *   - The server's counter is signed and refuses to overflow.
 *   - A floor that lies beyond the number shows in the answer in the same way.
 */
#include "store/couchbase/driver.h"
#include "store/couchbase/past.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "range/wide.h"

enum {
    FAR = 16, /* an advance by itself leaves room for so many more like it */
    NUMBER_BYTES_MAX = 32,
    ADVANCE_SPECS = 5,
    TOKEN_BYTES = 16, /* uuid and sequence number of a mutation */
};

static void end_op(struct pawl_kv_work *work)
{
    struct pawl_op *op = work->op;
    struct pawl_kv_driver *driver = work->driver;

    op->driver_data = NULL;
    free(work->value);
    free(work);
    pawl_op_end(op, &driver->driver);
}

/* The branch as it was, or could be found out. */
static void identify(struct pawl_kv_work *work)
{
    const struct pawl_kv_router *router = &work->driver->router;
    struct pawl_op *op = work->op;
    const struct pawl_bytes was = {op->found.branch, op->found.branch_size};

    op->identity = pawl_kv_past_identity(router);
    if (!router->no_logs && !work->driver->settings.plain) {
        op->identity.branch = pawl_kv_past_branch(router, work->vbucket, work->uuid, was);
    }
    end_op(work);
}

static void told_past(struct pawl_kv_call *call)
{
    struct pawl_kv_work *work = PAWL_OWNER(call, struct pawl_kv_work, call);
    struct pawl_kv_router *router = &work->driver->router;
    bool answered = call->end == PAWL_KV_ANSWERED;

    if (answered && call->reply.status == PAWL_MCBP_SUCCESS) {
        pawl_kv_past_keep(router, work->vbucket, call->reply.value);
    } else if (answered) {
        router->no_logs = true;
    }
    identify(work);
}

/* The op is over, whichever way: in which history of the vBucket? The log is asked for where that
 * is not the one that was seen before. */
static void end_in_history(struct pawl_kv_work *work)
{
    struct pawl_kv_router *router = &work->driver->router;

    if (work->driver->settings.plain || router->no_logs ||
        pawl_kv_past_known(router, work->vbucket, work->uuid)) {
        identify(work);
        return;
    }
    work->call = (struct pawl_kv_call){
        .opcode = PAWL_MCBP_GET_FAILOVER_LOG,
        .pinned = true,
        .vbucket = work->vbucket,
        .done = told_past,
    };
    pawl_kv_router_begin(router, &work->call);
}

static void fail_op(struct pawl_kv_work *work, enum pawl_op_end end, const pawl_error *error)
{
    work->op->end = end;
    work->op->error = *error;
    end_op(work);
}

void pawl_kv_op_call_failed(struct pawl_kv_driver *driver, struct pawl_op *op,
                            const struct pawl_kv_call *call)
{
    op->end = call->end == PAWL_KV_UNKNOWN ? PAWL_OP_UNKNOWN : PAWL_OP_FAILED;
    op->error = call->error;
    pawl_op_end(op, &driver->driver);
}

/* The call failed, or its answer is none that the operation knows. */
static void fail_call(struct pawl_kv_work *work)
{
    fail_op(work, work->call.end == PAWL_KV_UNKNOWN ? PAWL_OP_UNKNOWN : PAWL_OP_FAILED,
            &work->call.error);
}

static void send(struct pawl_kv_work *work, uint8_t opcode, void (*done)(struct pawl_kv_call *))
{
    work->call.opcode = opcode;
    work->call.done = done;
    pawl_kv_router_begin(&work->driver->router, &work->call);
}

static void store(struct pawl_kv_work *work, uint64_t cas);

/* What a GET brought, as a record. */
static pawl_err read_found(struct pawl_kv_work *work, pawl_error *error)
{
    struct pawl_op *op = work->op;
    const struct pawl_mcbp_reply *reply = &work->call.reply;
    struct pawl_record found = {.name = op->record.name};
    pawl_err err = PAWL_OK;

    op->found_token = 0;
    if (reply->status == PAWL_MCBP_SUCCESS) {
        op->found_token = reply->cas;
        err = work->driver->settings.plain ? pawl_kv_plain_read(&found, &work->driver->settings,
                                                                reply->value, reply->cas, error)
                                           : pawl_kv_document_read(&found, reply->value, error);
    }
    op->found = found;
    return err;
}

static void looked(struct pawl_kv_call *call)
{
    struct pawl_kv_work *work = PAWL_OWNER(call, struct pawl_kv_work, call);
    struct pawl_op *op = work->op;
    pawl_error error;

    if (call->end != PAWL_KV_ANSWERED ||
        (call->reply.status != PAWL_MCBP_SUCCESS && call->reply.status != PAWL_MCBP_KEY_ENOENT)) {
        fail_call(work);
        return;
    }
    if (read_found(work, &error) != PAWL_OK) {
        fail_op(work, PAWL_OP_FAILED, &error);
        return;
    }
    if (op->kind != PAWL_OP_READ && !work->refused && op->found.epoch != 0 &&
        op->found.epoch == op->expected.epoch && op->found.tag == op->expected.tag &&
        op->found.version == op->expected.version) {
        store(work, op->found_token);
        return;
    }
    op->end = op->kind == PAWL_OP_READ ? PAWL_OP_DONE : PAWL_OP_REFUSED;
    work->vbucket = call->sent_vbucket;
    end_in_history(work);
}

static void look(struct pawl_kv_work *work)
{
    work->call.mutates = false;
    work->call.cas = 0;
    work->call.extras_size = 0;
    work->call.value = (struct pawl_bytes){NULL, 0};
    send(work, PAWL_MCBP_GET, looked);
}

static void refuse(struct pawl_kv_work *work)
{
    work->refused = true;
    look(work);
}

static void done(struct pawl_kv_work *work, const struct pawl_record *found)
{
    struct pawl_bytes token = work->call.reply.extras;

    work->op->found = *found;
    work->op->found_token = work->call.reply.cas;
    work->op->end = PAWL_OP_DONE;
    work->vbucket = work->call.sent_vbucket;
    if (token.size == TOKEN_BYTES) work->uuid = pawl_mcbp_get(token.at, TOKEN_BYTES / 2);
    end_in_history(work);
}

static void stored(struct pawl_kv_call *call)
{
    struct pawl_kv_work *work = PAWL_OWNER(call, struct pawl_kv_work, call);
    struct pawl_record found = work->op->record;

    if (call->end != PAWL_KV_ANSWERED) {
        fail_call(work);
        return;
    }
    switch (call->reply.status) {
    case PAWL_MCBP_SUCCESS:
        if (work->driver->settings.plain) {
            pawl_kv_plain_shape(&work->driver->settings, &found);
        }
        done(work, &found);
        return;
    case PAWL_MCBP_KEY_EEXISTS:
    case PAWL_MCBP_KEY_ENOENT:
    case PAWL_MCBP_NOT_STORED:
        refuse(work);
        return;
    default:
        fail_call(work);
        return;
    }
}

static bool make_value(struct pawl_kv_work *work)
{
    struct pawl_record record = work->op->record;
    size_t size = 0;

    free(work->value);
    if (work->driver->settings.plain) {
        work->value = malloc(PAWL_KV_PATH_SIZE);
        pawl_kv_plain_shape(&work->driver->settings, &record);
        if (work->value != NULL) size = pawl_kv_plain_write(&record, work->value);
    } else {
        work->value = pawl_kv_document_write(&record, &size);
    }
    work->call.value = (struct pawl_bytes){work->value, size};
    return work->value != NULL;
}

/* The whole document. cas 0: there must be none. */
static void store(struct pawl_kv_work *work, uint64_t cas)
{
    static const pawl_error no_memory = {PAWL_NO_MEMORY, "no memory to write a record"};

    if (!make_value(work)) {
        fail_op(work, PAWL_OP_FAILED, &no_memory);
        return;
    }
    work->call.mutates = true;
    work->call.cas = cas;
    work->call.extras_size = 8; /* flags, and when it expires: never */
    pawl_mcbp_put(work->call.extras, PAWL_MCBP_JSON_FLAGS, 4);
    pawl_mcbp_put(work->call.extras + 4, 0, 4);
    send(work, cas == 0 ? PAWL_MCBP_ADD : PAWL_MCBP_REPLACE, stored);
}

void pawl_kv_op_listed(struct pawl_kv_work *work, const pawl_error *error)
{
    if (error->code != PAWL_OK) {
        fail_op(work, PAWL_OP_FAILED, error);
    } else {
        store(work, 0);
    }
}

static void write_record(struct pawl_kv_work *work)
{
    struct pawl_op *op = work->op;

    if (op->expected.epoch != 0 && op->token != 0) {
        store(work, op->token);
    } else if (op->expected.epoch != 0) {
        look(work);
    } else if (work->driver->settings.plain) {
        store(work, 0);
    } else {
        pawl_kv_index_add(work);
    }
}

/* The record as it is after the advance that was answered. false: the answer is none. */
static bool read_results(const struct pawl_kv_work *work, struct pawl_record *found)
{
    struct pawl_bytes rest = work->call.reply.value;
    struct pawl_mcbp_result result;
    int64_t numbers[2] = {0, 0};
    unsigned seen = 0;

    while (pawl_mcbp_result_next(&rest, &result)) {
        if (result.status != PAWL_MCBP_SUCCESS || result.index > 1) continue;
        if (!pawl_bytes_to_i64(result.value, &numbers[result.index])) return false;
        seen |= 1U << result.index;
    }
    if (seen != 3 || numbers[1] < 0) return false;
    *found = work->op->expected;
    found->next = numbers[0];
    found->version = (uint64_t)numbers[1];
    found->tag = work->op->record.tag;
    found->rate = work->op->record.rate;
    found->written_at = work->op->record.written_at;
    return true;
}

static void advanced(struct pawl_kv_call *call)
{
    struct pawl_kv_work *work = PAWL_OWNER(call, struct pawl_kv_work, call);
    struct pawl_record found;

    if (call->end != PAWL_KV_ANSWERED) {
        fail_call(work);
        return;
    }
    switch (call->reply.status) {
    case PAWL_MCBP_SUCCESS:
        if (read_results(work, &found)) {
            done(work, &found);
        } else {
            (void)pawl_fail(&call->error, PAWL_STORE,
                            "couchbase: the server's answer to an advance cannot be read");
            fail_op(work, PAWL_OP_UNKNOWN, &call->error);
        }
        return;
    case PAWL_MCBP_UNKNOWN_COMMAND:
    case PAWL_MCBP_NOT_SUPPORTED:
        work->driver->no_multi_mutation = true;
        write_record(work);
        return;
    case PAWL_MCBP_KEY_ENOENT:
    case PAWL_MCBP_KEY_EEXISTS:
    case PAWL_MCBP_SUBDOC_PATH_ENOENT:
    case PAWL_MCBP_SUBDOC_PATH_MISMATCH:
    case PAWL_MCBP_SUBDOC_VALUE_CANTINSERT:
    case PAWL_MCBP_SUBDOC_DOC_NOTJSON:
    case PAWL_MCBP_SUBDOC_NUM_ERANGE:
    case PAWL_MCBP_SUBDOC_DELTA_EINVAL:
    case PAWL_MCBP_SUBDOC_MULTI_PATH_FAILURE:
        refuse(work); /* what is there says why */
        return;
    default:
        fail_call(work);
        return;
    }
}

static struct pawl_bytes printed(char *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static struct pawl_bytes printed(char *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(text, PAWL_KV_PATH_SIZE, format, arguments);
    va_end(arguments);
    return (struct pawl_bytes){text, (size_t)size};
}

/* next and version first: their new values are the answer's results 0 and 1. */
static void advance_record(struct pawl_kv_work *work)
{
    const struct pawl_op *op = work->op;
    int64_t delta = (int64_t)((pawl_wide)op->count * op->expected.increment);
    char path[PAWL_KV_PATH_SIZE];
    char texts[4][PAWL_KV_PATH_SIZE];

    pawl_kv_path(path, op->expected.epoch, op->expected.lap);
    const struct pawl_mcbp_spec specs[ADVANCE_SPECS] = {
        {PAWL_MCBP_SUBDOC_COUNTER, {path, strlen(path)}, printed(texts[0], "%" PRId64, delta)},
        {PAWL_MCBP_SUBDOC_COUNTER, PAWL_BYTES("version"), PAWL_BYTES("1")},
        {PAWL_MCBP_SUBDOC_DICT_UPSERT, PAWL_BYTES("tag"),
         printed(texts[1], "%" PRIu64, op->record.tag)},
        {PAWL_MCBP_SUBDOC_DICT_UPSERT, PAWL_BYTES("rate"),
         printed(texts[2], "%.9e", op->record.rate)},
        {PAWL_MCBP_SUBDOC_DICT_UPSERT, PAWL_BYTES("written_at"),
         printed(texts[3], "%" PRId64, op->record.written_at)},
    };
    size_t size = pawl_mcbp_specs_size(specs, ADVANCE_SPECS);

    work->value = malloc(size);
    if (work->value == NULL) {
        static const pawl_error no_memory = {PAWL_NO_MEMORY, "no memory to advance a record"};

        fail_op(work, PAWL_OP_FAILED, &no_memory);
        return;
    }
    pawl_mcbp_specs_write(specs, ADVANCE_SPECS, work->value);
    work->call.value = (struct pawl_bytes){work->value, size};
    work->call.mutates = true;
    send(work, PAWL_MCBP_SUBDOC_MULTI_MUTATION, advanced);
}

static void incremented(struct pawl_kv_call *call)
{
    struct pawl_kv_work *work = PAWL_OWNER(call, struct pawl_kv_work, call);
    struct pawl_op *op = work->op;
    struct pawl_record found = op->record;

    if (call->end != PAWL_KV_ANSWERED) {
        fail_call(work);
        return;
    }
    if (call->reply.status == PAWL_MCBP_KEY_ENOENT) {
        refuse(work);
        return;
    }
    if (call->reply.status != PAWL_MCBP_SUCCESS) {
        fail_call(work);
        return;
    }
    uint64_t value = call->reply.value.size == 8 ? pawl_mcbp_get(call->reply.value.at, 8) : 0;

    /* The answer is the only source of ids: a number that wrapped, or that no id can be, is none.
     */
    if (value < op->count || value > (uint64_t)INT64_MAX) {
        (void)pawl_fail(&call->error, PAWL_STORE,
                        "couchbase: the plain counter \"%.*s\" has wrapped or left the range of "
                        "ids (%" PRIu64 "): set it right before anything uses it again",
                        (int)op->record.name.size, op->record.name.at, value);
        fail_op(work, PAWL_OP_UNKNOWN, &call->error);
        return;
    }
    found.next = (int64_t)value;
    found.ended = false;
    pawl_kv_plain_shape(&work->driver->settings, &found);
    done(work, &found);
}

/* Ids [v - count, v) of the answer v: the number is the next id that nobody has. */
static void increment_counter(struct pawl_kv_work *work)
{
    work->call.mutates = true;
    work->call.extras_size = 20;
    pawl_mcbp_put(work->call.extras, work->op->count, 8);
    pawl_mcbp_put(work->call.extras + 8, 0, 8);
    pawl_mcbp_put(work->call.extras + 16, UINT32_MAX, 4); /* a missing one is not created */
    send(work, PAWL_MCBP_INCREMENT, incremented);
}

/* Whether the record as last seen fulfils the condition: with its CAS, so does what is there. */
static bool is_between(const struct pawl_op *op)
{
    return op->expected.next >= op->low && op->expected.next <= op->high;
}

/* Whether the bound lies so far away that the server need not compare. */
static bool is_far(const struct pawl_op *op)
{
    pawl_wide whole = (pawl_wide)op->count * op->expected.increment;
    pawl_wide reach = op->expected.next + FAR * whole;

    if (!pawl_wide_is_i64(whole) || op->expected.ended) return false;
    return whole > 0 ? reach <= op->high : reach >= op->low;
}

static void advance(struct pawl_kv_work *work)
{
    const struct pawl_kv_driver *driver = work->driver;

    if (!is_between(work->op)) {
        refuse(work);
    } else if (is_far(work->op) && driver->settings.plain) {
        increment_counter(work);
    } else if (is_far(work->op) && !driver->no_multi_mutation) {
        advance_record(work);
    } else {
        write_record(work);
    }
}

static void begin_work(struct pawl_kv_work *work)
{
    if (work->op->kind == PAWL_OP_READ) {
        look(work);
    } else if (work->op->kind == PAWL_OP_ADVANCE) {
        advance(work);
    } else {
        write_record(work);
    }
}

void pawl_kv_op_begin(struct pawl_kv_driver *driver, struct pawl_op *op)
{
    struct pawl_kv_work *work = calloc(1, sizeof *work);

    if (work == NULL) {
        pawl_op_fail(op, &driver->driver, PAWL_OP_FAILED, PAWL_NO_MEMORY,
                     "no memory to ask the store");
        return;
    }
    work->driver = driver;
    work->op = op;
    op->driver_data = work;
    pawl_error error;

    if (!pawl_kv_key_record(&work->call.key, &driver->settings, &op->record.name)) {
        (void)pawl_fail(&error, PAWL_BAD_REQUEST,
                        "the name of a plain counter is its document's key, which has at most %zu "
                        "bytes here",
                        pawl_kv_plain_name_max(&driver->settings));
        fail_op(work, PAWL_OP_FAILED, &error);
        return;
    }
    if (driver->settings.plain && pawl_kv_plain_judge(&driver->settings, op, &error) != PAWL_OK) {
        fail_op(work, PAWL_OP_FAILED, &error);
        return;
    }
    begin_work(work);
}
