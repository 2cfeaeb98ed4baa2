/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dynamodb/item.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "range/wide.h"
#include "store/fields.h"

enum {
    NUMBER_BYTES_MAX = 48,
    EXPRESSION_BYTES_MAX = 2048,
    ADVANCE_BYTES_MORE = 12 * NUMBER_BYTES_MAX, /* of the numbers in the form */
};

/* {"N": "1500"}: numbers travel as texts. */
static json_t *number(const char *digits)
{
    return json_pack("{s:s}", "N", digits);
}

static json_t *number_i64(int64_t value)
{
    char digits[NUMBER_BYTES_MAX];

    (void)snprintf(digits, sizeof digits, "%" PRId64, value);
    return number(digits);
}

/* A step over more than half of int64 does not fit it. */
static const char *wide_text(pawl_wide value, char digits[NUMBER_BYTES_MAX])
{
    char *at = digits + NUMBER_BYTES_MAX;
    bool negative = value < 0;

    *--at = '\0';
    do {
        int digit = (int)(value % 10);

        *--at = (char)('0' + (digit < 0 ? -digit : digit));
        value /= 10;
    } while (value != 0);
    if (negative) *--at = '-';
    return at;
}

static json_t *text(struct pawl_bytes bytes)
{
    return json_pack("{s:o}", "S", json_stringn(bytes.at, bytes.size));
}

static json_t *key_of(struct pawl_bytes name)
{
    return json_pack("{s:o}", PAWL_DYNAMODB_KEY, text(name));
}

static json_t *value_of(const struct pawl_fields *fields, enum pawl_field field)
{
    struct pawl_bytes value = fields->values[field];

    if (pawl_field_kind(field) == PAWL_FIELD_TEXT) return text(value);
    return json_pack("{s:o}", "N", json_stringn(value.at, value.size));
}

/* Takes root over. */
static char *dump(json_t *root)
{
    char *body = root != NULL ? json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    json_decref(root);
    return body;
}

char *pawl_dynamodb_get(const char *table, const struct pawl_name *name)
{
    return dump(json_pack("{s:s, s:o, s:b}", "TableName", table, "Key",
                          key_of(pawl_name_bytes(name)), "ConsistentRead", 1));
}

/* An update's parts while it is put together. Names and values of a field f are #f and :f. */
struct update {
    json_t *names, *values;
    char expression[EXPRESSION_BYTES_MAX];
    size_t size;
};

static void add_words(struct update *update, const char *words)
{
    size_t size = strlen(words);

    PAWL_ASSERT(update->size + size < sizeof update->expression);
    memcpy(update->expression + update->size, words, size + 1);
    update->size += size;
}

/* For conditions, which name what the update may not. */
static void bind_name(struct update *update, enum pawl_field field)
{
    const char *name = pawl_field_name(field);
    char place[64];

    (void)snprintf(place, sizeof place, "#%s", name);
    (void)json_object_set_new(update->names, place, json_string(name));
}

static void add_name(struct update *update, enum pawl_field field)
{
    bind_name(update, field);
    add_words(update, "#");
    add_words(update, pawl_field_name(field));
}

/* " SET #f = :f" or ", #f = :f". */
static void add_set(struct update *update, const struct pawl_fields *fields, enum pawl_field field)
{
    char place[64];

    add_words(update, update->size == 0 ? "SET " : ", ");
    add_name(update, field);
    (void)snprintf(place, sizeof place, ":%s", pawl_field_name(field));
    add_words(update, " = ");
    add_words(update, place);
    (void)json_object_set_new(update->values, place, value_of(fields, field));
}

static void add_value(struct update *update, const char *place, json_t *value)
{
    (void)json_object_set_new(update->values, place, value);
}

static char *update_body(struct update *update, const char *table, const struct pawl_name *name,
                         const char *condition)
{
    return dump(json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:s, s:s}", "TableName", table, "Key",
                          key_of(pawl_name_bytes(name)), "UpdateExpression", update->expression,
                          "ConditionExpression", condition, "ExpressionAttributeNames",
                          update->names, "ExpressionAttributeValues", update->values,
                          "ReturnValues", "ALL_NEW", "ReturnValuesOnConditionCheckFailure",
                          "ALL_OLD"));
}

static struct update update_begin(void)
{
    return (struct update){.names = json_object(), .values = json_object()};
}

static void add_remove(struct update *update, enum pawl_field field, bool first)
{
    add_words(update, first ? " REMOVE " : ", ");
    add_name(update, field);
}

char *pawl_dynamodb_write(const char *table, const struct pawl_op *op)
{
    struct update update = update_begin();
    const char *condition = "attribute_not_exists(" PAWL_DYNAMODB_KEY ")";
    struct pawl_fields fields;
    bool removes = false;

    pawl_fields_write(&op->record, &fields);
    for (size_t i = 0; i < PAWL_FIELDS; i++) {
        if (fields.values[i].size > 0) add_set(&update, &fields, (enum pawl_field)i);
    }
    for (size_t i = 0; i < PAWL_FIELDS; i++) {
        if (fields.values[i].size > 0) continue;
        add_remove(&update, (enum pawl_field)i, !removes);
        removes = true;
    }
    if (op->expected.epoch != 0) {
        PAWL_ASSERT(op->expected.tag <= INT64_MAX);
        condition = "#tag = :was AND #version = :before";
        add_value(&update, ":was", number_i64((int64_t)op->expected.tag));
        add_value(&update, ":before", number_i64((int64_t)op->expected.version));
    }
    return update_body(&update, table, &op->record.name, condition);
}

/* The one request that is sent for every block: a form that is filled in, as putting it together
 * from parts took a tenth of the time that a client spends on it. */
#define ADVANCE                                                                              \
    "{\"TableName\":%s,\"Key\":{\"" PAWL_DYNAMODB_KEY "\":{\"S\":%s}},"                      \
    "\"UpdateExpression\":\"SET #tag = :tag, #rate = :rate, #written_at = :written_at "      \
    "ADD #next :n, #version :one\","                                                         \
    "\"ConditionExpression\":\"#format = :format AND #epoch = :epoch AND #lap = :lap AND "   \
    "#dropped = :zero AND #ended = :zero AND #next BETWEEN :low AND :high\","                \
    "\"ExpressionAttributeNames\":{\"#tag\":\"tag\",\"#rate\":\"rate\","                     \
    "\"#written_at\":\"written_at\",\"#next\":\"next\",\"#version\":\"version\","            \
    "\"#format\":\"format\",\"#epoch\":\"epoch\",\"#lap\":\"lap\",\"#dropped\":\"dropped\"," \
    "\"#ended\":\"ended\"},"                                                                 \
    "\"ExpressionAttributeValues\":{\":tag\":{\"N\":\"%.*s\"},\":rate\":{\"N\":\"%.*s\"},"   \
    "\":written_at\":{\"N\":\"%.*s\"},\":n\":{\"N\":\"%s\"},\":one\":{\"N\":\"1\"},"         \
    "\":zero\":{\"N\":\"0\"},\":format\":{\"N\":\"%d\"},\":epoch\":{\"N\":\"%" PRIu64 "\"}," \
    "\":lap\":{\"N\":\"%" PRIu64 "\"},\":low\":{\"N\":\"%" PRId64                            \
    "\"},\":high\":{\"N\":\"%" PRId64 "\"}},"                                                \
    "\"ReturnValues\":\"ALL_NEW\",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}"

#define VALUE(field) (int)fields.values[field].size, fields.values[field].at

char *pawl_dynamodb_advance(const char *table, const struct pawl_op *op)
{
    char digits[NUMBER_BYTES_MAX];
    struct pawl_fields fields;
    char *table_text = dump(json_string(table));
    char *name_text = dump(json_stringn(op->record.name.at, op->record.name.size));
    char *body = NULL;

    pawl_fields_write(&op->record, &fields);
    const char *step = wide_text((pawl_wide)op->count * op->expected.increment, digits);

    if (table_text != NULL && name_text != NULL) {
        size_t room = sizeof ADVANCE + strlen(table_text) + strlen(name_text) + ADVANCE_BYTES_MORE;

        body = malloc(room);
        int size = body == NULL ? 0
                                : snprintf(body, room, ADVANCE, table_text, name_text,
                                           VALUE(PAWL_FIELD_tag), VALUE(PAWL_FIELD_rate),
                                           VALUE(PAWL_FIELD_written_at), step, PAWL_RECORD_FORMAT,
                                           op->expected.epoch, op->expected.lap, op->low, op->high);
        PAWL_ASSERT(size >= 0 && (size_t)size < room);
    }
    free(table_text);
    free(name_text);
    return body;
}

char *pawl_dynamodb_scan(const char *table, struct pawl_bytes after, uint32_t count)
{
    json_t *root = json_pack("{s:s, s:I, s:b}", "TableName", table, "Limit", (json_int_t)count,
                             "ConsistentRead", 1);

    if (after.size > 0) (void)json_object_set_new(root, "ExclusiveStartKey", key_of(after));
    return dump(root);
}

char *pawl_dynamodb_about(const char *table)
{
    return dump(json_pack("{s:s}", "TableName", table));
}

char *pawl_dynamodb_create_table(const char *table, bool protect)
{
    json_t *root = json_pack("{s:s, s:[{s:s, s:s}], s:[{s:s, s:s}], s:s}", "TableName", table,
                             "AttributeDefinitions", "AttributeName", PAWL_DYNAMODB_KEY,
                             "AttributeType", "S", "KeySchema", "AttributeName", PAWL_DYNAMODB_KEY,
                             "KeyType", "HASH", "BillingMode", "PAY_PER_REQUEST");

    if (protect) (void)json_object_set_new(root, "DeletionProtectionEnabled", json_true());
    return dump(root);
}

static struct pawl_bytes value_text(const json_t *attribute, const char *type)
{
    const json_t *value = json_object_get(attribute, type);

    if (!json_is_string(value)) return (struct pawl_bytes){NULL, 0};
    return (struct pawl_bytes){json_string_value(value), json_string_length(value)};
}

struct pawl_bytes pawl_dynamodb_key(const json_t *item)
{
    return value_text(json_object_get(item, PAWL_DYNAMODB_KEY), "S");
}

pawl_err pawl_dynamodb_item(struct pawl_record *record, const json_t *item, pawl_error *error)
{
    struct pawl_fields fields;

    for (size_t i = 0; i < PAWL_FIELDS; i++) {
        enum pawl_field field = (enum pawl_field)i;
        bool is_text = pawl_field_kind(field) == PAWL_FIELD_TEXT;
        const json_t *attribute = json_object_get(item, pawl_field_name(field));

        fields.values[i] = value_text(attribute, is_text ? "S" : "N");
        if (is_text && attribute == NULL) fields.values[i] = PAWL_BYTES("");
    }
    return pawl_fields_read(record, &fields, error);
}
