/* SPDX-License-Identifier: Apache-2.0 */
/* The table as a whole: whether it can be used, and making it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/dynamodb/dynamodb_own.h"

enum { REGIONS_SHOWN_MAX = 160, INIT_LOOK_MS_MAX = 2000, INIT_LOOK_MS_LEAST = 50 };

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* "arn:aws:dynamodb:eu-central-1:1234:table/pawl": the fourth part; size 0: it has none. */
static struct pawl_bytes own_region(const json_t *table)
{
    const char *at = text_of(table, "TableArn");

    for (int i = 0; i < 3; i++) {
        at = strchr(at, ':');
        if (at == NULL) return (struct pawl_bytes){NULL, 0};
        at++;
    }
    return (struct pawl_bytes){at, strcspn(at, ":")};
}

size_t pawl_dynamodb_regions(const json_t *table, bool *strong)
{
    const json_t *replicas = json_object_get(table, "Replicas");
    struct pawl_bytes own = own_region(table);
    bool listed = false;
    size_t index = 0;
    json_t *replica = NULL;

    *strong = strcmp(text_of(table, "MultiRegionConsistency"), "STRONG") == 0;
    json_array_foreach(replicas, index, replica)
    {
        const char *name = text_of(replica, "RegionName");

        listed = listed || pawl_bytes_equal(own, (struct pawl_bytes){name, strlen(name)});
    }
    return json_array_size(replicas) + (listed ? 0 : 1);
}

/* One attribute k, as text, and nothing else. */
static bool key_is_ours(const json_t *table)
{
    const json_t *schema = json_object_get(table, "KeySchema");
    const json_t *definitions = json_object_get(table, "AttributeDefinitions");
    size_t index = 0;
    json_t *definition = NULL;

    if (json_array_size(schema) != 1) return false;
    if (strcmp(text_of(json_array_get(schema, 0), "AttributeName"), PAWL_DYNAMODB_KEY) != 0) {
        return false;
    }
    json_array_foreach(definitions, index, definition)
    {
        if (strcmp(text_of(definition, "AttributeName"), PAWL_DYNAMODB_KEY) == 0) {
            return strcmp(text_of(definition, "AttributeType"), "S") == 0;
        }
    }
    return false;
}

/* "id (N) HASH, at (S) RANGE". */
static void describe_key(const json_t *table, char *to, size_t size)
{
    const json_t *definitions = json_object_get(table, "AttributeDefinitions");
    size_t index = 0, at = 0, i = 0;
    json_t *part = NULL, *definition = NULL;

    to[0] = '\0';
    json_array_foreach(json_object_get(table, "KeySchema"), index, part)
    {
        const char *name = text_of(part, "AttributeName");
        const char *type = "?";

        json_array_foreach(definitions, i, definition)
        {
            if (strcmp(text_of(definition, "AttributeName"), name) == 0) {
                type = text_of(definition, "AttributeType");
            }
        }
        int more = snprintf(to + at, size - at, "%s%.60s (%.8s) %.8s", at > 0 ? ", " : "", name,
                            type, text_of(part, "KeyType"));

        if (more > 0 && at + (size_t)more < size) at += (size_t)more;
    }
}

static void list_regions(const json_t *table, char *to, size_t size)
{
    struct pawl_bytes own = own_region(table);
    size_t index = 0, at = 0;
    json_t *replica = NULL;
    int more = snprintf(to, size, "%.*s", (int)own.size, own.size > 0 ? own.at : "");

    if (more > 0 && (size_t)more < size) at = (size_t)more;
    json_array_foreach(json_object_get(table, "Replicas"), index, replica)
    {
        const char *name = text_of(replica, "RegionName");

        if (pawl_bytes_equal(own, (struct pawl_bytes){name, strlen(name)})) continue;
        more = snprintf(to + at, size - at, "%s%.40s", at > 0 ? ", " : "", name);
        if (more > 0 && at + (size_t)more < size) at += (size_t)more;
    }
}

static bool takes_data(const char *status)
{
    return strcmp(status, "ACTIVE") == 0 || strcmp(status, "UPDATING") == 0;
}

pawl_err pawl_dynamodb_key_judge(const struct pawl_dynamodb *store, const json_t *table,
                                 pawl_error *error)
{
    char shown[REGIONS_SHOWN_MAX];

    if (key_is_ours(table)) return PAWL_OK;
    describe_key(table, shown, sizeof shown);
    return pawl_fail(error, PAWL_DENIED,
                     "table %.100s in %s has the key %s; pawl needs a table whose key is "
                     "k (S) HASH alone: name another one, and make it with pawl store init URL",
                     store->table, store->region, shown);
}

pawl_err pawl_dynamodb_status_judge(const struct pawl_dynamodb *store, const json_t *table,
                                    pawl_error *error)
{
    const char *status = text_of(table, "TableStatus");

    if (!json_is_object(table)) {
        return pawl_fail(error, PAWL_STORE, "DynamoDB does not describe table %.100s",
                         store->table);
    }
    if (takes_data(status)) return PAWL_OK;
    return pawl_fail(error, PAWL_STORE, "table %.100s in %s is %.40s, not ACTIVE yet", store->table,
                     store->region, status);
}

pawl_err pawl_dynamodb_table_judge(const struct pawl_dynamodb *store, const json_t *table,
                                   pawl_error *error)
{
    char shown[REGIONS_SHOWN_MAX];
    bool strong = false;

    if (json_is_object(table)) {
        if (pawl_dynamodb_key_judge(store, table, error) != PAWL_OK) return error->code;
        if (pawl_dynamodb_regions(table, &strong) > 1 && !strong && !store->has_home) {
            list_regions(table, shown, sizeof shown);
            return pawl_fail(error, PAWL_DENIED,
                             "table %.100s is replicated to several regions (%s), and each region "
                             "judges conditions by its own copy, so that ids would be handed out "
                             "twice: add home_region=... to the URL, the same one everywhere",
                             store->table, shown);
        }
    }
    return pawl_dynamodb_status_judge(store, table, error);
}

/* All that waited: begun if the table can be used, or failed. */
static void end_waiting(struct pawl_dynamodb *store, const pawl_error *error)
{
    struct pawl_op *op = store->waiting;

    store->waiting = NULL;
    while (op != NULL) {
        struct pawl_op *next = op->next;

        if (error->code != PAWL_OK) {
            pawl_op_fail(op, &store->driver, PAWL_OP_FAILED, error->code, "%s", error->text);
        } else if (op->kind == PAWL_OP_PING) {
            op->end = PAWL_OP_DONE;
            op->identity = store->identity;
            pawl_op_end(op, &store->driver);
        } else {
            pawl_dynamodb_op_begin(store, op);
        }
        op = next;
    }
}

/*
 * A table is one history: what is restored or copied is another table, with an id of its own. So a
 * record that bears another id than its table's was copied, and may lack what was given since. Of a
 * table that several regions write to, each region's may have an id of its own: there it tells
 * nothing of records.
 */
static void identify(struct pawl_dynamodb *store, const json_t *table)
{
    const struct pawl_identity was = store->identity;
    const json_t *json = json_object_get(table, "TableId");
    size_t size = json_string_length(json);
    struct pawl_identity *now = &store->identity;
    bool strong = false;

    *now = (struct pawl_identity){.name_size = 0};
    if (size > 0 && size <= sizeof now->name) {
        now->name_size = (uint8_t)size;
        memcpy(now->name, json_string_value(json), size);
    }
    if (store->has_home || pawl_dynamodb_regions(table, &strong) == 1) {
        now->branch = (struct pawl_branch){.size = now->name_size, .loses = true};
        memcpy(now->branch.at, now->name, now->name_size);
    }
    if (was.name_size > 0 && !pawl_bytes_equal((struct pawl_bytes){was.name, was.name_size},
                                               (struct pawl_bytes){now->name, now->name_size})) {
        pawl_log(PAWL_LOG_ERROR, "another table has the name of the store's",
                 "store=dynamodb table=%s id=%.*s was=%.*s", store->table, (int)now->name_size,
                 now->name, (int)was.name_size, was.name);
    }
}

/*
 * The credentials may not describe it. Its id is what a guard and records know it by, so that goes
 * by without only if the URL says so; a table that told its id before is the one that it was.
 */
static void judge_hidden(struct pawl_dynamodb *store, pawl_error *error)
{
    char why[sizeof error->text];

    if (store->may_be_hidden) {
        if (!store->hidden) {
            pawl_log(PAWL_LOG_WARN, "the table may not be described: its id is not known",
                     "store=dynamodb table=%s missing=dynamodb:DescribeTable "
                     "then=\"a restored or copied table is not noticed as such\"",
                     store->table);
        }
        store->hidden = true;
        error->code = PAWL_OK;
        return;
    }
    (void)snprintf(why, sizeof why, "%s", error->text);
    (void)pawl_fail(error, PAWL_DENIED,
                    "add dynamodb:DescribeTable on table %.100s to the role's IAM policy: by the "
                    "table's id pawl notices a restored or copied one; or go on without, by "
                    "describe=optional and home_region=%.40s in the URL. It said: %.200s",
                    store->table, store->region, why);
}

static void looked(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;
    const json_t *table = json_object_get(call->verdict.json, "Table");
    pawl_error error = call->verdict.error;

    if (call->verdict.ran == PAWL_DYNAMODB_RAN) {
        error.code = pawl_dynamodb_table_judge(store, table, &error);
        store->hidden = false;
    } else if (pawl_dynamodb_is(&call->verdict, "AccessDeniedException")) {
        judge_hidden(store, &error);
    }
    store->state = error.code == PAWL_OK ? PAWL_DYNAMODB_READY : PAWL_DYNAMODB_UNSEEN;
    if (error.code == PAWL_OK && !store->hidden) identify(store, table);
    store->heard_ns = pawl_clock_ns();
    end_waiting(store, &error);
}

void pawl_dynamodb_look(struct pawl_dynamodb *store, struct pawl_op *op)
{
    const struct pawl_dynamodb_call like = {
        .target = "DescribeTable", .reads = true, .done = looked};

    if (store->waiting == NULL) store->waiting_end = &store->waiting;
    op->next = NULL;
    *store->waiting_end = op;
    store->waiting_end = &op->next;
    if (store->state == PAWL_DYNAMODB_LOOKING) return;
    store->state = PAWL_DYNAMODB_LOOKING;
    pawl_dynamodb_call(store, &like, pawl_dynamodb_about(store->table));
}

/* Making the table. */

static void init_end(struct pawl_dynamodb *store, struct pawl_op *op, const pawl_error *error)
{

    store->init = NULL;
    store->init_due_ns = PAWL_NEVER;
    if (error->code == PAWL_OK) {
        op->end = PAWL_OP_DONE;
        pawl_op_end(op, &store->driver);
    } else {
        pawl_op_fail(op, &store->driver, PAWL_OP_FAILED, error->code, "%s", error->text);
    }
}

static void init_tries(struct pawl_dynamodb *store)
{
    store->init_due_ns = PAWL_NEVER;
    pawl_dynamodb_try(store, store->init, init_end);
}

static void init_look_later(struct pawl_dynamodb *store)
{
    uint64_t wait_ms = INIT_LOOK_MS_LEAST;

    for (unsigned i = 0; i < store->init_looks && wait_ms < INIT_LOOK_MS_MAX; i++) {
        wait_ms *= 2;
    }
    store->init_looks++;
    store->init_due_ns = pawl_clock_ns() + wait_ms * PAWL_NS_PER_MS;
}

/* A table that was made is not always seen at once. */
static void init_looked(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;
    const json_t *table = json_object_get(call->verdict.json, "Table");
    pawl_error error = call->verdict.error;

    if (call->verdict.ran == PAWL_DYNAMODB_RAN) {
        error.code = pawl_dynamodb_table_judge(store, table, &error);
    }
    if (error.code == PAWL_OK) {
        init_tries(store);
    } else if ((error.code == PAWL_STORE || error.code == PAWL_MISSING) && !store->closing &&
               pawl_clock_ns() < store->init_end_ns) {
        init_look_later(store);
    } else {
        init_end(store, store->init, &error);
    }
}

static void init_look(struct pawl_dynamodb *store)
{
    const struct pawl_dynamodb_call like = {
        .target = "DescribeTable", .reads = true, .done = init_looked};

    store->init_due_ns = PAWL_NEVER;
    pawl_dynamodb_call(store, &like, pawl_dynamodb_about(store->table));
}

static void create_table(struct pawl_dynamodb *store, bool protect);

/* Whatever became of it, the table itself says: one that is there already is fine. An emulator may
 * not know what protects it from being deleted. */
static void created(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;
    const struct pawl_dynamodb_verdict *verdict = &call->verdict;
    bool refused =
        verdict->ran == PAWL_DYNAMODB_NOT && !pawl_dynamodb_is(verdict, "ResourceInUseException");

    if (refused && pawl_dynamodb_is(verdict, "ValidationException") &&
        strstr(call->body, "DeletionProtection") != NULL) {
        create_table(store, false);
    } else if (refused) {
        init_end(store, store->init, &verdict->error);
    } else {
        init_look(store);
    }
}

static void create_table(struct pawl_dynamodb *store, bool protect)
{
    const struct pawl_dynamodb_call like = {.target = "CreateTable", .done = created};

    pawl_dynamodb_call(store, &like, pawl_dynamodb_create_table(store->table, protect));
}

/* A role may be allowed to look and not to create: so what is there is found out first. */
static void init_first_looked(struct pawl_dynamodb_call *call)
{
    struct pawl_dynamodb *store = call->store;

    if (call->verdict.ran != PAWL_DYNAMODB_RAN &&
        pawl_dynamodb_is(&call->verdict, "ResourceNotFoundException")) {
        create_table(store, true);
    } else if (store->may_be_hidden && pawl_dynamodb_is(&call->verdict, "AccessDeniedException")) {
        init_tries(store);
    } else if (call->verdict.ran != PAWL_DYNAMODB_RAN) {
        init_end(store, store->init, &call->verdict.error);
    } else {
        init_looked(call);
    }
}

void pawl_dynamodb_init(struct pawl_dynamodb *store, struct pawl_op *op)
{
    const struct pawl_dynamodb_call like = {
        .target = "DescribeTable", .reads = true, .done = init_first_looked};

    if (store->init != NULL) {
        pawl_op_fail(op, &store->driver, PAWL_OP_FAILED, PAWL_BUSY,
                     "table %.100s is being made already", store->table);
        return;
    }
    store->init = op;
    store->init_looks = 0;
    store->init_due_ns = PAWL_NEVER;
    store->init_end_ns = pawl_clock_ns() + PAWL_DYNAMODB_INIT_MS * PAWL_NS_PER_MS;
    pawl_dynamodb_call(store, &like, pawl_dynamodb_about(store->table));
}

uint64_t pawl_dynamodb_init_turn(struct pawl_dynamodb *store, uint64_t now_ns)
{
    if (store->init == NULL) return PAWL_NEVER;
    if (store->closing) {
        pawl_error error;

        (void)pawl_fail(&error, PAWL_CLOSED, "the store is being closed");
        init_end(store, store->init, &error);
        return PAWL_NEVER;
    }
    if (store->init_due_ns <= now_ns) init_look(store);
    return store->init != NULL ? store->init_due_ns : PAWL_NEVER;
}
