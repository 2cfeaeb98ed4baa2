/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of the table all the time, tried once, for INIT and CHECK: of an item that no
 * sequence has, and written on a condition that cannot hold for it.
 */
#include "store/dynamodb/dynamodb_own.h"

static void end(struct pawl_dynamodb_call *call)
{
    const struct pawl_dynamodb_verdict *verdict = &call->verdict;
    pawl_error error = verdict->error;

    if (verdict->ran == PAWL_DYNAMODB_RAN || verdict->ran == PAWL_DYNAMODB_CONDITION) {
        error = (pawl_error){.code = PAWL_OK};
    } else if (error.code == PAWL_DENIED) {
        (void)pawl_fail(&error, PAWL_DENIED,
                        "table %.100s is there, but the role lacks dynamodb:%s on it: %.300s",
                        call->store->table, call->target, verdict->error.text);
    }
    call->tried(call->store, call->op, &error);
}

static void scanned(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;
    struct pawl_op *op = call->op;
    const struct pawl_dynamodb_call like = {
        .target = "UpdateItem", .op = op, .tried = call->tried, .done = end};

    if (call->verdict.ran != PAWL_DYNAMODB_RAN) {
        end(call);
        return;
    }
    op->record = (struct pawl_record){
        .name = {.size = 1, .at = {'\t'}}, .epoch = 1, .line = 1, .increment = 1};
    op->expected = op->record; /* which is not there */
    pawl_dynamodb_call(store, &like, pawl_dynamodb_write(store->table, op));
}

static void got(struct pawl_dynamodb_call *call)
{
    const struct pawl_bytes first = {NULL, 0};
    const struct pawl_dynamodb_call like = {
        .target = "Scan", .reads = true, .op = call->op, .tried = call->tried, .done = scanned};

    if (call->verdict.ran != PAWL_DYNAMODB_RAN) {
        end(call);
    } else {
        pawl_dynamodb_call(call->store, &like, pawl_dynamodb_scan(call->store->table, first, 1));
    }
}

void pawl_dynamodb_try(struct pawl_dynamodb *store, struct pawl_op *op, pawl_dynamodb_tried *tried)
{
    const struct pawl_name name = {.size = 1, .at = {'\t'}};
    const struct pawl_dynamodb_call like = {
        .target = "GetItem", .reads = true, .op = op, .tried = tried, .done = got};

    pawl_dynamodb_call(store, &like, pawl_dynamodb_get(store->table, &name));
}
