/* SPDX-License-Identifier: Apache-2.0 */
/* The driver: operations on items. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/dynamodb/dynamodb_own.h"
#include "store/schemes.h"

enum { SCAN_ITEMS_MAX = 1000 };

static struct pawl_dynamodb *store_of(struct pawl_driver *driver)
{
    return PAWL_OWNER(driver, struct pawl_dynamodb, driver);
}

void pawl_dynamodb_op_fail(struct pawl_dynamodb *store, struct pawl_op *op,
                           const struct pawl_dynamodb_verdict *verdict)
{
    enum pawl_op_end end = verdict->ran == PAWL_DYNAMODB_PERHAPS ? PAWL_OP_UNKNOWN : PAWL_OP_FAILED;

    if (pawl_dynamodb_is(verdict, "ResourceNotFoundException")) {
        store->state = PAWL_DYNAMODB_UNSEEN; /* it was deleted: the next op looks anew */
    }
    pawl_op_fail(op, &store->driver, end, verdict->error.code, "%s", verdict->error.text);
}

static void op_done(struct pawl_dynamodb *store, struct pawl_op *op, enum pawl_op_end end)
{
    store->heard_ns = pawl_clock_ns();
    op->end = end;
    op->found_token = 0;
    op->identity = store->identity;
    pawl_op_end(op, &store->driver);
}

/* Sets op->found from item, or to "there is none". PAWL_DENIED: it is not ours. */
static pawl_err find(struct pawl_op *op, const json_t *item, pawl_error *error)
{
    struct pawl_bytes wanted = pawl_name_bytes(&op->record.name);

    op->found = (struct pawl_record){.name = op->record.name};
    if (item == NULL) return PAWL_OK;
    if (!pawl_bytes_equal(pawl_dynamodb_key(item), wanted)) {
        return pawl_fail(error, PAWL_STORE,
                         "DynamoDB was asked for \"%.*s\" and answered with another item",
                         (int)wanted.size, wanted.at);
    }
    return pawl_dynamodb_item(&op->found, item, error);
}

/* READ, and what a refused write wants to know. */
static void read_answered(struct pawl_dynamodb_call *call)
{
    struct pawl_op *op = call->op;
    pawl_error error;

    if (call->verdict.ran != PAWL_DYNAMODB_RAN) {
        pawl_dynamodb_op_fail(call->store, op, &call->verdict);
    } else if (json_object_get(call->verdict.json, "Attributes") != NULL) {
        pawl_op_fail(op, &call->store->driver, PAWL_OP_FAILED, PAWL_STORE,
                     "DynamoDB answered a read as if it were an update");
    } else if (find(op, json_object_get(call->verdict.json, "Item"), &error) != PAWL_OK) {
        pawl_op_fail(op, &call->store->driver, PAWL_OP_FAILED, error.code, "%s", error.text);
    } else {
        op_done(call->store, op, op->kind == PAWL_OP_READ ? PAWL_OP_DONE : PAWL_OP_REFUSED);
    }
}

static void begin_read(struct pawl_dynamodb *store, struct pawl_op *op)
{
    const struct pawl_dynamodb_call like = {
        .target = "GetItem", .reads = true, .op = op, .done = read_answered};

    pawl_dynamodb_call(store, &like, pawl_dynamodb_get(store->table, &op->record.name));
}

/* The answer holds the item as it was, where there is one: but not every emulator gives it. */
static void write_refused(struct pawl_dynamodb_call *call)
{
    struct pawl_op *op = call->op;
    const json_t *item = json_object_get(call->verdict.json, "Item");
    pawl_error error;

    if (item == NULL) {
        begin_read(call->store, op);
    } else if (find(op, item, &error) != PAWL_OK) {
        pawl_op_fail(op, &call->store->driver, PAWL_OP_FAILED, error.code, "%s", error.text);
    } else {
        op_done(call->store, op, PAWL_OP_REFUSED);
    }
}

/* It shows what it wrote: an answer that shows anything else is not the answer to this request. */
static void write_answered(struct pawl_dynamodb_call *call)
{
    struct pawl_op *op = call->op;
    const json_t *item = json_object_get(call->verdict.json, "Attributes");
    pawl_error error;

    if (call->verdict.ran == PAWL_DYNAMODB_CONDITION) {
        write_refused(call);
    } else if (call->verdict.ran != PAWL_DYNAMODB_RAN) {
        pawl_dynamodb_op_fail(call->store, op, &call->verdict);
    } else if (item != NULL && find(op, item, &error) != PAWL_OK) {
        pawl_op_fail(op, &call->store->driver, PAWL_OP_UNKNOWN, error.code, "%s", error.text);
    } else if (item == NULL || op->found.tag != op->record.tag) {
        pawl_op_fail(op, &call->store->driver, PAWL_OP_UNKNOWN, PAWL_STORE,
                     "DynamoDB's answer to an update does not show the item as it was written");
    } else {
        op_done(call->store, op, PAWL_OP_DONE);
    }
}

static void begin_write(struct pawl_dynamodb *store, struct pawl_op *op)
{
    const struct pawl_dynamodb_call like = {
        .target = "UpdateItem", .op = op, .done = write_answered};

    pawl_dynamodb_call(store, &like, pawl_dynamodb_write(store->table, op));
}

static void begin_advance(struct pawl_dynamodb *store, struct pawl_op *op)
{
    const struct pawl_dynamodb_call like = {
        .target = "UpdateItem", .op = op, .done = write_answered};

    pawl_dynamodb_call(store, &like, pawl_dynamodb_advance(store->table, op));
}

static void scan(struct pawl_dynamodb *store, struct pawl_op *op, struct pawl_bytes after);

static void list_items(struct pawl_page *page, const json_t *items)
{
    size_t index = 0;
    json_t *item = NULL;

    json_array_foreach(items, index, item)
    {
        struct pawl_record record = {.epoch = 0};
        pawl_error error;

        if (pawl_name_set(&record.name, pawl_dynamodb_key(item), NULL) != PAWL_OK) continue;
        if (pawl_dynamodb_item(&record, item, &error) == PAWL_OK) {
            pawl_page_record(page, &record);
        } else {
            page->after = record.name;
            pawl_page_unread(page, &record.name, &error);
        }
    }
}

/* Only the absence of LastEvaluatedKey is the end. */
static void list_answered(struct pawl_dynamodb_call *call)
{
    struct pawl_op *op = call->op;
    const json_t *items = json_object_get(call->verdict.json, "Items");
    const json_t *last = json_object_get(call->verdict.json, "LastEvaluatedKey");

    if (call->verdict.ran != PAWL_DYNAMODB_RAN) {
        pawl_dynamodb_op_fail(call->store, op, &call->verdict);
        return;
    }
    if (!json_is_array(items)) {
        pawl_op_fail(op, &call->store->driver, PAWL_OP_FAILED, PAWL_STORE,
                     "DynamoDB's answer to a scan has no items");
        return;
    }
    list_items(op->page, items);
    op->page->more = last != NULL;
    /* A key that is no name cannot be gone on from later: so we go on from it now. */
    if (last != NULL && pawl_name_set(&op->page->after, pawl_dynamodb_key(last), NULL) != PAWL_OK) {
        scan(call->store, op, pawl_dynamodb_key(last));
        return;
    }
    op_done(call->store, op, PAWL_OP_DONE);
}

static void scan(struct pawl_dynamodb *store, struct pawl_op *op, struct pawl_bytes after)
{
    const struct pawl_dynamodb_call like = {
        .target = "Scan", .reads = true, .op = op, .done = list_answered};
    uint32_t count = op->page->count_max;

    if (count == 0 || count > SCAN_ITEMS_MAX) count = SCAN_ITEMS_MAX;
    pawl_dynamodb_call(store, &like, pawl_dynamodb_scan(store->table, after, count));
}

void pawl_dynamodb_op_begin(struct pawl_dynamodb *store, struct pawl_op *op)
{
    switch (op->kind) {
    case PAWL_OP_READ:
        begin_read(store, op);
        return;
    case PAWL_OP_WRITE:
        begin_write(store, op);
        return;
    case PAWL_OP_ADVANCE:
        begin_advance(store, op);
        return;
    case PAWL_OP_LIST:
        scan(store, op, pawl_name_bytes(&op->page->after));
        return;
    case PAWL_OP_PING:
        pawl_dynamodb_look(store, op);
        return;
    case PAWL_OP_INIT:
        pawl_dynamodb_init(store, op);
        return;
    case PAWL_OP_CHECK:
        pawl_dynamodb_check(store, op);
        return;
    case PAWL_OP_REDRAW: /* records.c asks only whoever can */
        break;
    }
    PAWL_ASSERT(false);
}

static void driver_begin(struct pawl_driver *driver, struct pawl_op *op)
{
    struct pawl_dynamodb *store = store_of(driver);
    bool about_table = op->kind == PAWL_OP_INIT || op->kind == PAWL_OP_CHECK;
    bool known = store->state == PAWL_DYNAMODB_READY &&
                 pawl_clock_ns() - store->heard_ns < PAWL_DYNAMODB_LOOK_NS;

    if (about_table || known) {
        pawl_dynamodb_op_begin(store, op);
    } else {
        pawl_dynamodb_look(store, op);
    }
}

static uint64_t driver_turn(struct pawl_driver *driver, uint64_t now_ns)
{
    struct pawl_dynamodb *store = store_of(driver);
    uint64_t calls_ns = pawl_dynamodb_calls_turn(store, now_ns);
    uint64_t init_ns = pawl_dynamodb_init_turn(store, now_ns);

    return calls_ns < init_ns ? calls_ns : init_ns;
}

/* Exchanges end first, then who waits for keys or a pause: nothing is begun any more. */
static void driver_close(struct pawl_driver *driver)
{
    struct pawl_dynamodb *store = store_of(driver);

    store->closing = true;
    pawl_http_free(store->http);
    pawl_dynamodb_calls_close(store);
    pawl_aws_credentials_free(store->credentials);
    (void)pawl_dynamodb_init_turn(store, pawl_clock_ns());
    explicit_bzero(store->token_header, sizeof store->token_header);
    free(store);
}

static void driver_forked(struct pawl_driver *driver)
{
    pawl_http_forked(store_of(driver)->http);
}

static const struct pawl_driver_ops driver_ops = {
    .scheme = "dynamodb",
    .advances = true,
    .begin = driver_begin,
    .turn = driver_turn,
    .close = driver_close,
    .forked = driver_forked,
};

pawl_err pawl_dynamodb_open(const char *url, const struct pawl_store_options *options,
                            struct pawl_source **store, pawl_error *error)
{
    struct pawl_dynamodb *opened = calloc(1, sizeof *opened);

    if (opened == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a store");
    opened->driver.ops = &driver_ops;
    opened->random = options->seed;
    opened->budget = PAWL_DYNAMODB_BUDGET;
    opened->init_due_ns = PAWL_NEVER;
    pawl_err err = pawl_dynamodb_configure(opened, url, NULL, NULL, error);

    if (err != PAWL_OK) {
        free(opened);
        return err;
    }
    const char *ca_file = getenv("AWS_CA_BUNDLE");
    const struct pawl_http_settings http = {
        .loop = options->loop,
        .verify = true,
        .ca_file = ca_file != NULL && *ca_file != '\0' ? ca_file : NULL,
    };

    opened->http = pawl_http_new(&http, error);
    const struct pawl_aws_settings aws = {
        .loop = options->loop,
        .http = opened->http,
        .profile = opened->profile[0] != '\0' ? opened->profile : NULL,
        .region = opened->region,
        .seed = options->seed,
    };

    if (opened->http != NULL) opened->credentials = pawl_aws_credentials_new(&aws);
    if (opened->credentials == NULL) {
        pawl_http_free(opened->http);
        free(opened);
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a store");
    }
    return pawl_records_new(&opened->driver, options, store, error);
}
