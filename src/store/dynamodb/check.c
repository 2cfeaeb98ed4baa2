/* SPDX-License-Identifier: Apache-2.0 */
/* pawl store check: what the table's settings promise, item by item. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/dynamodb/dynamodb_own.h"

enum { FOUND_BYTES_MAX = 200, SKEW_S_SHOWN = 60, ITEMS_MAX = 1000 };

static const char unseen[] = "could not be seen";

static void item(struct pawl_op *op, const char *what, enum pawl_check_verdict verdict,
                 const char *found, const char *advice)
{
    op->check->item(op->check, what, verdict, found, advice);
}

static const char *text_at(const json_t *object, const char *outer, const char *inner)
{
    const char *text = json_string_value(json_object_get(json_object_get(object, outer), inner));

    return text != NULL ? text : "";
}

/* false: the key is not pawl's, which refuses that table: no setting of it matters. */
static bool check_key(struct pawl_dynamodb *store, struct pawl_op *op, const json_t *table)
{
    const char *status = json_string_value(json_object_get(table, "TableStatus"));
    const char *id = json_string_value(json_object_get(table, "TableId"));
    char found[FOUND_BYTES_MAX];
    pawl_error error;

    (void)snprintf(found, sizeof found, "%.40s in %s, id %.64s", status != NULL ? status : "?",
                   store->region, id != NULL ? id : "not told");
    if (pawl_dynamodb_key_judge(store, table, &error) != PAWL_OK) {
        item(op, "table", PAWL_CHECK_WARNS, found, "it is not pawl's");
        pawl_op_fail(op, &store->driver, PAWL_OP_FAILED, error.code, "%s", error.text);
        return false;
    }
    if (id == NULL) {
        item(op, "table", PAWL_CHECK_WARNS, found,
             "an emulator's, perhaps: a restored or copied table is not noticed; after a restore, "
             "fence every sequence");
    } else {
        item(op, "table", PAWL_CHECK_KEEPS, found, NULL);
    }
    return true;
}

static void check_regions(struct pawl_dynamodb *store, struct pawl_op *op, const json_t *table)
{
    bool strong = false;
    size_t count = pawl_dynamodb_regions(table, &strong);
    char found[FOUND_BYTES_MAX];

    if (count == 1) {
        item(op, "replicas", PAWL_CHECK_KEEPS, "in one region only", NULL);
        return;
    }
    (void)snprintf(found, sizeof found, "in %zu regions, %s", count,
                   strong ? "strongly consistent" : "each judging conditions by its own copy");
    if (strong) {
        item(op, "replicas", PAWL_CHECK_KEEPS, found, NULL);
    } else if (store->has_home) {
        item(op, "replicas", PAWL_CHECK_WARNS, found,
             "every pawl on this table must name the same home_region; before another region "
             "becomes home, fence every sequence");
    } else {
        item(op, "replicas", PAWL_CHECK_BREAKS, found,
             "add home_region=... to the URL, the same one everywhere");
    }
}

static void check_protection(struct pawl_op *op, const json_t *table)
{
    const json_t *protects = json_object_get(table, "DeletionProtectionEnabled");

    if (protects == NULL) {
        item(op, "deletion protection", PAWL_CHECK_WARNS, unseen, NULL);
    } else if (json_is_true(protects)) {
        item(op, "deletion protection", PAWL_CHECK_KEEPS, "on", NULL);
    } else {
        item(op, "deletion protection", PAWL_CHECK_WARNS, "off",
             "switch it on: sequences of a table that was deleted and made anew begin again");
    }
}

static void check_billing(struct pawl_op *op, const json_t *table)
{
    const char *mode = text_at(table, "BillingModeSummary", "BillingMode");
    const json_t *provisioned = json_object_get(table, "ProvisionedThroughput");
    json_int_t writes = json_integer_value(json_object_get(provisioned, "WriteCapacityUnits"));
    char found[FOUND_BYTES_MAX];

    if (strcmp(mode, "PAY_PER_REQUEST") == 0) {
        item(op, "billing", PAWL_CHECK_KEEPS, "on demand", NULL);
    } else if (writes > 0) {
        (void)snprintf(found, sizeof found, "provisioned, %" JSON_INTEGER_FORMAT " writes a second",
                       writes);
        item(op, "billing", PAWL_CHECK_WARNS, found,
             "asks beyond that are throttled and wait: let the table bill on demand");
    } else {
        item(op, "billing", PAWL_CHECK_WARNS, unseen, NULL);
    }
}

static void check_access(struct pawl_op *op, const struct pawl_dynamodb_call *call)
{
    char found[FOUND_BYTES_MAX];
    int64_t skew_s = call->skew_s;

    (void)snprintf(found, sizeof found, "from %s", pawl_aws_origin(call->store->credentials));
    item(op, "credentials", PAWL_CHECK_KEEPS, found, NULL);
    if (call->exchange.answer_date_s == 0) {
        item(op, "clock", PAWL_CHECK_WARNS, unseen, NULL);
        return;
    }
    (void)snprintf(found, sizeof found, "%" PRId64 " s %s the service's",
                   skew_s < 0 ? -skew_s : skew_s, skew_s < 0 ? "behind" : "ahead of");
    if (skew_s > SKEW_S_SHOWN || skew_s < -SKEW_S_SHOWN) {
        item(op, "clock", PAWL_CHECK_WARNS, found,
             "set it (NTP): a few minutes off, and no request is let in");
    } else {
        item(op, "clock", PAWL_CHECK_KEEPS, found, NULL);
    }
}

/* describe=optional: nobody may look at the table, and the URL says that this is meant. */
static void check_hidden(struct pawl_op *op)
{
    item(op, "table", PAWL_CHECK_WARNS, "may not be described (describe=optional)",
         "allow dynamodb:DescribeTable, or mind that a restored or copied table is not noticed: "
         "fence every sequence then");
    item(op, "replicas", PAWL_CHECK_WARNS, unseen,
         "every pawl on this table must name the same home_region");
    item(op, "deletion protection", PAWL_CHECK_WARNS, unseen, "look in the console");
    item(op, "billing", PAWL_CHECK_WARNS, unseen, "look in the console");
}

static const char *unseen_because(const struct pawl_dynamodb_verdict *verdict)
{
    return verdict->error.code == PAWL_DENIED
               ? "the role may not look: allow it this action, or look in the console"
               : "look in the console";
}

static void check_done(struct pawl_dynamodb *store, struct pawl_op *op)
{
    op->end = PAWL_OP_DONE;
    pawl_op_end(op, &store->driver);
}

/* Of the table's first items: to look at more costs what reading them costs. */
static void scanned(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;
    struct pawl_op *op = call->op;
    const json_t *items = json_object_get(call->verdict.json, "Items");
    const char *more = json_object_get(call->verdict.json, "LastEvaluatedKey") != NULL
                           ? ", of the first ones; those behind them were not looked at"
                           : "";
    char found[FOUND_BYTES_MAX + sizeof op->error.text];
    size_t index = 0, unread = 0;
    json_t *one = NULL;
    pawl_error first = {.code = PAWL_OK};

    if (call->verdict.ran != PAWL_DYNAMODB_RAN) {
        item(op, "records", PAWL_CHECK_WARNS, "were not looked at", call->verdict.error.text);
        check_done(store, op);
        return;
    }
    json_array_foreach(items, index, one)
    {
        struct pawl_record record = {.epoch = 0};
        pawl_error why;

        /* What has no name for a sequence is in nobody's way. */
        if (pawl_name_set(&record.name, pawl_dynamodb_key(one), NULL) != PAWL_OK ||
            pawl_dynamodb_item(&record, one, &why) == PAWL_OK) {
            continue;
        }
        if (unread++ == 0) first = why;
    }
    if (unread == 0) {
        (void)snprintf(found, sizeof found, "%zu, all can be read%s", index, more);
        item(op, "records", PAWL_CHECK_KEEPS, found, NULL);
    } else {
        (void)snprintf(found, sizeof found, "%zu of %zu cannot be read%s: %s", unread, index, more,
                       first.text);
        item(op, "records", PAWL_CHECK_WARNS, found,
             "pawl list says so, pawl backup and store copy fail with it, and who asks for such a "
             "sequence is refused");
    }
    check_done(store, op);
}

/* What is missing ends the check, too. */
static void tried(struct pawl_dynamodb *store, struct pawl_op *op, const pawl_error *error)
{
    if (error->code == PAWL_OK) {
        const struct pawl_dynamodb_call scan = {
            .target = "Scan", .reads = true, .op = op, .done = scanned};
        const struct pawl_bytes from = {NULL, 0};

        item(op, "rights", PAWL_CHECK_KEEPS, "the role may read, write and list", NULL);
        pawl_dynamodb_call(store, &scan, pawl_dynamodb_scan(store->table, from, ITEMS_MAX));
        return;
    }
    item(op, "rights", PAWL_CHECK_WARNS, error->text, NULL);
    pawl_op_fail(op, &store->driver, PAWL_OP_FAILED, error->code, "%s", error->text);
}

static void backups_answered(struct pawl_dynamodb_call *call)
{
    struct pawl_op *op = call->op;
    const json_t *backups = json_object_get(call->verdict.json, "ContinuousBackupsDescription");
    const char *recovery =
        text_at(backups, "PointInTimeRecoveryDescription", "PointInTimeRecoveryStatus");

    if (call->verdict.ran != PAWL_DYNAMODB_RAN || recovery[0] == '\0') {
        item(op, "point-in-time recovery", PAWL_CHECK_WARNS, unseen,
             unseen_because(&call->verdict));
    } else if (strcmp(recovery, "ENABLED") == 0) {
        item(op, "point-in-time recovery", PAWL_CHECK_KEEPS,
             "on; what is restored is another table, and its positions are old", NULL);
    } else {
        item(op, "point-in-time recovery", PAWL_CHECK_WARNS, "off",
             "switch it on: without it a deleted item is gone, and nobody knows how far its "
             "sequence had come");
    }
    pawl_dynamodb_try(call->store, op, call->tried);
}

static void ttl_answered(struct pawl_dynamodb_call *call)
{
    struct pawl_op *op = call->op;
    const char *status = text_at(call->verdict.json, "TimeToLiveDescription", "TimeToLiveStatus");
    const struct pawl_dynamodb_call like = {.target = "DescribeContinuousBackups",
                                            .reads = true,
                                            .op = op,
                                            .tried = call->tried,
                                            .done = backups_answered};

    if (call->verdict.ran != PAWL_DYNAMODB_RAN || status[0] == '\0') {
        item(op, "time to live", PAWL_CHECK_WARNS, unseen, unseen_because(&call->verdict));
    } else if (strncmp(status, "ENABL", strlen("ENABL")) == 0) {
        item(op, "time to live", PAWL_CHECK_BREAKS, status,
             "switch it off: a sequence whose item expires begins again");
    } else {
        item(op, "time to live", PAWL_CHECK_KEEPS, "off", NULL);
    }
    pawl_dynamodb_call(call->store, &like, pawl_dynamodb_about(call->store->table));
}

/* That there is such a table, with such a key, an item that no sequence has tells. */
static void hidden_answered(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;
    struct pawl_op *op = call->op;
    const struct pawl_dynamodb_call like = {.target = "DescribeTimeToLive",
                                            .reads = true,
                                            .op = op,
                                            .tried = tried,
                                            .done = ttl_answered};

    if (call->verdict.ran != PAWL_DYNAMODB_RAN) {
        pawl_dynamodb_op_fail(store, op, &call->verdict);
        return;
    }
    check_access(op, call);
    check_hidden(op);
    pawl_dynamodb_call(store, &like, pawl_dynamodb_about(store->table));
}

static void table_answered(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;
    struct pawl_op *op = call->op;
    const json_t *table = json_object_get(call->verdict.json, "Table");
    const struct pawl_dynamodb_call like = {.target = "DescribeTimeToLive",
                                            .reads = true,
                                            .op = op,
                                            .tried = tried,
                                            .done = ttl_answered};

    if (store->may_be_hidden && pawl_dynamodb_is(&call->verdict, "AccessDeniedException")) {
        const struct pawl_name nobody = {.size = 1, .at = {'\t'}};
        const struct pawl_dynamodb_call get = {
            .target = "GetItem", .reads = true, .op = op, .done = hidden_answered};

        pawl_dynamodb_call(store, &get, pawl_dynamodb_get(store->table, &nobody));
        return;
    }
    if (call->verdict.ran != PAWL_DYNAMODB_RAN) {
        pawl_dynamodb_op_fail(store, op, &call->verdict);
        return;
    }
    pawl_error error;

    /* Before any item is said: who asked then waits for a table that is being made. */
    if (pawl_dynamodb_status_judge(store, table, &error) != PAWL_OK) {
        pawl_op_fail(op, &store->driver, PAWL_OP_FAILED, error.code, "%s", error.text);
        return;
    }
    check_access(op, call);
    if (!check_key(store, op, table)) return; /* another's table is left alone */
    check_regions(store, op, table);
    check_protection(op, table);
    check_billing(op, table);
    pawl_dynamodb_call(store, &like, pawl_dynamodb_about(store->table));
}

void pawl_dynamodb_check(struct pawl_dynamodb *store, struct pawl_op *op)
{
    const struct pawl_dynamodb_call like = {
        .target = "DescribeTable", .reads = true, .op = op, .done = table_answered};

    pawl_dynamodb_call(store, &like, pawl_dynamodb_about(store->table));
}
