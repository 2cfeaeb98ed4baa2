/* SPDX-License-Identifier: Apache-2.0 */
/* pawl store check: what the table's settings promise, item by item. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/dynamodb/dynamodb_own.h"

enum { FOUND_BYTES_MAX = 200, SKEW_S_SHOWN = 60 };

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

static void check_key(struct pawl_dynamodb *store, struct pawl_op *op, const json_t *table)
{
    const char *status = json_string_value(json_object_get(table, "TableStatus"));
    const char *id = json_string_value(json_object_get(table, "TableId"));
    char found[FOUND_BYTES_MAX];
    pawl_error error;

    (void)snprintf(found, sizeof found, "%.40s in %s, id %.64s", status != NULL ? status : "?",
                   store->region, id != NULL ? id : "not told");
    if (pawl_dynamodb_table_judge(store, table, &error) == PAWL_OK) {
        item(op, "table", PAWL_CHECK_KEEPS, found, NULL);
    } else {
        item(op, "table", PAWL_CHECK_BREAKS, found, error.text);
    }
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

static const char *unseen_because(const struct pawl_dynamodb_verdict *verdict)
{
    return verdict->error.code == PAWL_DENIED
               ? "the role may not look: allow it this action, or look in the console"
               : "look in the console";
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
    op->end = PAWL_OP_DONE;
    pawl_op_end(op, &call->store->driver);
}

static void ttl_answered(struct pawl_dynamodb_call *call)
{
    struct pawl_op *op = call->op;
    const char *status = text_at(call->verdict.json, "TimeToLiveDescription", "TimeToLiveStatus");
    const struct pawl_dynamodb_call like = {
        .target = "DescribeContinuousBackups", .reads = true, .op = op, .done = backups_answered};

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

static void table_answered(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;
    struct pawl_op *op = call->op;
    const json_t *table = json_object_get(call->verdict.json, "Table");
    const struct pawl_dynamodb_call like = {
        .target = "DescribeTimeToLive", .reads = true, .op = op, .done = ttl_answered};

    if (call->verdict.ran != PAWL_DYNAMODB_RAN) {
        pawl_dynamodb_op_fail(store, op, &call->verdict);
        return;
    }
    check_access(op, call);
    check_key(store, op, table);
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
