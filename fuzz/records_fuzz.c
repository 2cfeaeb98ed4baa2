/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on records as each store keeps them. The first byte chooses whose. Laws, beyond "no
 * byte outside is touched":
 *   - a record that is read is sound: the arithmetic can rely on it
 *   - what was read and is written again, the same way, is read as the same
 *   - an answer ends its operation, or is senseless
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "copied.h"
#include "store/couchbase/driver.h"
#include "store/dynamodb/item.h"
#include "store/etcd/words.h"
#include "store/fields.h"
#include "store/redis/answer.h"
#include "store/redis/meta.h"

enum { PLAIN_CAS = 7, NAMES_MAX = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pawl_name name = {.size = 6, .at = "orders"};

static bool is_same(const struct pawl_record *a, const struct pawl_record *b)
{
    return a->epoch == b->epoch && a->line == b->line && a->lap == b->lap && a->next == b->next &&
           a->tag == b->tag && a->version == b->version && a->increment == b->increment &&
           a->min == b->min && a->max == b->max && a->dropped == b->dropped &&
           a->ended == b->ended && a->branch_size == b->branch_size &&
           memcmp(a->branch, b->branch, a->branch_size) == 0;
}

static void check_sound(const struct pawl_record *record)
{
    struct pawl_fields fields;
    struct pawl_record again = {.name = record->name};

    PAWL_ASSERT(pawl_record_sound(record));
    pawl_fields_write(record, &fields);
    PAWL_ASSERT(pawl_fields_read(&again, &fields, NULL) == PAWL_OK);
    PAWL_ASSERT(is_same(record, &again));
}

/* Texts parted by line ends, one for each field: rows of PostgreSQL, hashes of Redis. */
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

/* LMDB's. */
static void check_bytes(struct pawl_bytes bytes)
{
    char room[PAWL_RECORD_BYTES_MAX];
    struct pawl_record record;
    struct pawl_record again;

    if (pawl_record_read(&record, bytes, NULL) != PAWL_OK) return;
    PAWL_ASSERT(pawl_record_sound(&record));
    size_t size = pawl_record_write(&record, room);

    PAWL_ASSERT(pawl_record_read(&again, (struct pawl_bytes){room, size}, NULL) == PAWL_OK);
    PAWL_ASSERT(is_same(&record, &again));
}

static void check_etcd(struct pawl_bytes bytes)
{
    char room[PAWL_ETCD_VALUE_BYTES_MAX];
    struct pawl_record record = {.name = name};
    struct pawl_record again = {.name = name};
    struct pawl_tag tag;
    uint64_t cluster_id = 0;

    if (pawl_etcd_value_read(&record, bytes, NULL) == PAWL_OK) {
        check_sound(&record);
        size_t size = pawl_etcd_value_write(&record, room);

        PAWL_ASSERT(pawl_etcd_value_read(&again, (struct pawl_bytes){room, size}, NULL) == PAWL_OK);
        PAWL_ASSERT(is_same(&record, &again));
    }
    if (pawl_etcd_meta_read(&tag, &cluster_id, bytes)) PAWL_ASSERT(tag.number > 0);
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

static void check_document(struct pawl_bytes bytes)
{
    struct pawl_record record = {.name = name};
    struct pawl_record again = {.name = name};
    size_t size = 0;

    if (pawl_kv_document_read(&record, bytes, NULL) != PAWL_OK) return;
    check_sound(&record);
    char *document = pawl_kv_document_write(&record, &size);

    if (document == NULL) return;
    PAWL_ASSERT(pawl_kv_document_read(&again, (struct pawl_bytes){document, size}, NULL) ==
                PAWL_OK);
    PAWL_ASSERT(is_same(&record, &again));
    free(document);
}

static void check_plain(struct pawl_bytes bytes)
{
    static struct pawl_kv_settings settings;
    struct pawl_record record = {.name = name};
    char text[PAWL_KV_PATH_SIZE];

    if (!settings.plain) {
        PAWL_ASSERT(pawl_kv_settings_read(&settings,
                                          "couchbase://u:p@h/b?counter=plain&start=2000000000",
                                          NULL) == PAWL_OK);
    }
    if (pawl_kv_plain_read(&record, &settings, bytes, PLAIN_CAS, NULL) != PAWL_OK) return;
    PAWL_ASSERT(pawl_record_sound(&record));
    size_t size = pawl_kv_plain_write(&record, text);

    PAWL_ASSERT(pawl_kv_plain_read(&record, &settings, (struct pawl_bytes){text, size}, PLAIN_CAS,
                                   NULL) == PAWL_OK);
}

static void check_index(struct pawl_bytes bytes)
{
    struct pawl_kv_names names = {.count = 0};

    (void)pawl_kv_index_read(&names, bytes, NULL);
    for (size_t i = 0; i < names.count; i++) {
        PAWL_ASSERT(names.at[i].size > 0);
    }
    free(names.at);
}

static void page_record(struct pawl_page *page, const struct pawl_record *record)
{
    (void)page;
    PAWL_ASSERT(pawl_record_sound(record));
}

/* Replies to the scripts: looks at hashes, and the store's own. */
static void check_redis(struct pawl_bytes bytes)
{
    static const enum pawl_op_kind kinds[] = {PAWL_OP_READ, PAWL_OP_WRITE, PAWL_OP_ADVANCE,
                                              PAWL_OP_LIST, PAWL_OP_CHECK, PAWL_OP_PING};
    static const struct pawl_redis_settings settings = {.prefix = "pawl:", .where = "redis h:1"};
    static struct pawl_resp_value values[PAWL_REDIS_VALUES_MAX];
    struct pawl_resp_reply reply = {values, PAWL_REDIS_VALUES_MAX, 0};
    struct pawl_page page = {.count_max = NAMES_MAX, .each = page_record};
    struct pawl_redis_head head;
    struct pawl_redis_meta meta;
    pawl_error error;

    if (bytes.size == 0) return;
    struct pawl_op op = {.kind = kinds[(unsigned char)bytes.at[0] % PAWL_COUNT(kinds)],
                         .record = {.name = name, .epoch = 1},
                         .page = &page};

    bytes = (struct pawl_bytes){bytes.at + 1, bytes.size - 1};
    if (pawl_resp_parse_reply(bytes, &reply) <= 0) return;
    if (pawl_redis_meta_read(&meta, &reply, &error) == PAWL_OK && meta.tag.number > 0) {
        PAWL_ASSERT(meta.name[0] != '\0');
    }
    if (!pawl_redis_bears(&op, &head, &reply)) return;
    if (pawl_redis_answer(&op, &settings, &reply) != PAWL_REDIS_ENDS) return;
    PAWL_ASSERT((op.end == PAWL_OP_FAILED || op.end == PAWL_OP_UNKNOWN) ==
                (op.error.code != PAWL_OK));
    bool found = op.kind == PAWL_OP_READ || op.kind == PAWL_OP_ADVANCE;

    if (found && op.end == PAWL_OP_DONE && op.found.epoch != 0) check_sound(&op.found);
}

static void check_tag(struct pawl_bytes bytes)
{
    char text[PAWL_TAG_BYTES_MAX];
    struct pawl_tag tag;
    struct pawl_tag again;

    if (!pawl_tag_read(&tag, bytes)) return;
    PAWL_ASSERT(pawl_tag_read(&again, (struct pawl_bytes){text, pawl_tag_write(&tag, text)}));
    PAWL_ASSERT(pawl_tag_equal(&tag, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct pawl_bytes) = {
        check_fields, check_bytes, check_etcd,  check_item, check_document,
        check_plain,  check_index, check_redis, check_tag,
    };
    fuzz_choose(checks, PAWL_COUNT(checks), data, size);
    return 0;
}
