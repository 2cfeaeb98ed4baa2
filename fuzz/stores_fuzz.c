/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on what stores answer and people type. The first byte chooses the parser. Laws, beyond
 * "no byte outside is touched":
 *   - a record that is read is sound: the arithmetic can rely on it
 *   - what was read and is written again is read as the same
 *   - no prefix of a whole reply is a reply; texts lie within it
 *   - a map that is read names only nodes that it has
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "range/record.h"
#include "store/couchbase/map.h"
#include "store/dynamodb/item.h"
#include "store/etcd/words.h"
#include "store/fields.h"
#include "store/url.h"
#include "wire/mcbp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pawl_name name = {.size = 6, .at = "orders"};

static void check_url(struct pawl_bytes bytes)
{
    static const char *const keys[] = {"ca", "prefix", NULL};
    static const struct pawl_url_rules rules = {
        .scheme = "redis://", .port = 6379, .keys = keys, .example = "redis://host"};
    struct pawl_url url;
    char *text = malloc(bytes.size + 9);

    if (text == NULL) return;
    memcpy(text, "redis://", 8);
    memcpy(text + 8, bytes.at, bytes.size);
    text[8 + bytes.size] = '\0';
    if (pawl_url_read(&url, text, &rules, NULL) == PAWL_OK) {
        PAWL_ASSERT(url.host_count >= 1 && url.host_count <= PAWL_URL_HOSTS_MAX);
        PAWL_ASSERT(url.option_count <= PAWL_COUNT(keys));
    }
    free(text);
}

static void check_sound(const struct pawl_record *record)
{
    struct pawl_fields fields;
    struct pawl_record again = {.name = record->name};

    PAWL_ASSERT(pawl_record_sound(record));
    pawl_fields_write(record, &fields);
    PAWL_ASSERT(pawl_fields_read(&again, &fields, NULL) == PAWL_OK);
    PAWL_ASSERT(again.next == record->next && again.tag == record->tag);
}

/* Texts parted by line ends, one for each field. */
static void check_fields(struct pawl_bytes bytes)
{
    struct pawl_fields fields = {.room = ""};
    struct pawl_record record = {.name = name};

    for (size_t field = 0; field < PAWL_FIELDS && bytes.size > 0; field++) {
        const char *end = memchr(bytes.at, '\n', bytes.size);
        size_t size = end == NULL ? bytes.size : (size_t)(end - bytes.at);

        fields.values[field] = (struct pawl_bytes){bytes.at, size};
        size += end != NULL;
        bytes.at += size;
        bytes.size -= size;
    }
    if (pawl_fields_read(&record, &fields, NULL) == PAWL_OK) check_sound(&record);
}

static void check_record(struct pawl_bytes bytes)
{
    struct pawl_record record;

    if (pawl_record_read(&record, bytes, NULL) == PAWL_OK) {
        PAWL_ASSERT(pawl_record_sound(&record));
    }
}

static bool within(struct pawl_bytes part, struct pawl_bytes whole)
{
    return part.size == 0 || (part.at >= whole.at && part.at + part.size <= whole.at + whole.size);
}

static void check_mcbp(struct pawl_bytes bytes)
{
    struct pawl_mcbp_reply reply;
    struct pawl_mcbp_result result;
    size_t size = 0;

    if (pawl_mcbp_reply_read(bytes, &reply, &size) != PAWL_MCBP_READ_REPLY) return;
    PAWL_ASSERT(size > 0 && size <= bytes.size);
    PAWL_ASSERT(within(reply.extras, bytes) && within(reply.key, bytes));
    PAWL_ASSERT(within(reply.value, bytes));

    struct pawl_bytes rest = reply.value;

    while (pawl_mcbp_result_next(&rest, &result)) {
        PAWL_ASSERT(within(result.value, reply.value));
    }
    for (size_t part = 0; part < size && part < 64; part++) {
        PAWL_ASSERT(pawl_mcbp_reply_read((struct pawl_bytes){bytes.at, part}, &reply, &size) ==
                    PAWL_MCBP_READ_MORE);
    }
}

static void check_map(struct pawl_bytes bytes)
{
    struct pawl_kv_settings settings = {.tls = false};
    struct pawl_kv_map map = {.node_count = 0};

    if (pawl_kv_map_read(&map, bytes, "127.0.0.1", &settings, NULL) != PAWL_OK) return;
    PAWL_ASSERT(map.node_count <= PAWL_KV_NODES_MAX && map.vbucket_count <= PAWL_KV_VBUCKETS_MAX);
    for (size_t i = 0; i < map.vbucket_count; i++) {
        PAWL_ASSERT(map.active[i] >= -1 && map.active[i] < (int)map.node_count);
    }
    pawl_kv_map_clear(&map);
}

static void check_etcd(struct pawl_bytes bytes)
{
    struct etcd_answer answer;
    struct pawl_record record = {.name = name};

    if (pawl_etcd_value_read(&record, bytes, NULL) == PAWL_OK) check_sound(&record);
    pawl_etcd_answer_read(&answer, bytes);
    (void)pawl_etcd_refusal(&answer, 0);
    pawl_etcd_answer_free(&answer);
}

static void check_item(struct pawl_bytes bytes)
{
    struct pawl_record record = {.name = name};
    json_t *item = json_loadb(bytes.at, bytes.size, 0, NULL);

    if (item == NULL) return;
    (void)pawl_dynamodb_key(item);
    if (pawl_dynamodb_item(&record, item, NULL) == PAWL_OK) check_sound(&record);
    json_decref(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct pawl_bytes) = {
        check_url, check_fields, check_record, check_mcbp, check_map, check_etcd, check_item,
    };
    if (size == 0) return 0;
    char *copy = malloc(size); /* of its own, so that the sanitizer knows where it ends */

    if (copy == NULL) return 0;
    if (size > 1) memcpy(copy, data + 1, size - 1);
    checks[data[0] % PAWL_COUNT(checks)]((struct pawl_bytes){copy, size - 1});
    free(copy);
    return 0;
}
