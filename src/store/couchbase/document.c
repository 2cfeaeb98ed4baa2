/* SPDX-License-Identifier: Apache-2.0 */
#include "store/couchbase/document.h"

#include "store/fields.h"

#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WHOLE_BYTES_MAX = 200, /* keys up to here hold the whole name; longer ones have a digest */
    CUT_BYTES = 190,       /* of a longer key, before its digest */
    DIGEST_BYTES = 24,     /* of SHA-256's 32: names do not collide by luck */
    NUMBER_BYTES_MAX = 32,
};

_Static_assert(CUT_BYTES - 3 + 1 + 2 * DIGEST_BYTES > WHOLE_BYTES_MAX,
               "a key with a digest is never the key of a shorter name");
_Static_assert(CUT_BYTES + 1 + 2 * DIGEST_BYTES <= PAWL_MCBP_KEY_BYTES_MAX,
               "a key with a digest fits");

static void key_add(struct pawl_kv_key *key, const char *text, size_t size)
{
    PAWL_ASSERT(key->size + size <= sizeof key->at);
    memcpy(key->at + key->size, text, size);
    key->size = (uint8_t)(key->size + size);
}

static void add_digest(struct pawl_kv_key *key, const struct pawl_name *name)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    PAWL_ASSERT(EVP_Digest(name->at, name->size, digest, &size, EVP_sha256(), NULL) == 1);
    PAWL_ASSERT(size >= DIGEST_BYTES);
    key_add(key, "~", 1);
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        key_add(key, &digits[digest[i] >> 4], 1);
        key_add(key, &digits[digest[i] & 15], 1);
    }
}

size_t pawl_kv_plain_name_max(const struct pawl_kv_settings *settings)
{
    bool named = settings->collection[0] != '\0';

    return named ? PAWL_MCBP_NAMED_KEY_BYTES_MAX : PAWL_MCBP_KEY_BYTES_MAX;
}

bool pawl_kv_key_record(struct pawl_kv_key *key, const struct pawl_kv_settings *settings,
                        const struct pawl_name *name)
{
    key->size = 0;
    if (settings->plain) {
        if (name->size > pawl_kv_plain_name_max(settings)) return false;
        key_add(key, name->at, name->size);
        return true;
    }
    key_add(key, settings->prefix, strlen(settings->prefix));
    key_add(key, ":", 1);
    if (key->size + name->size <= WHOLE_BYTES_MAX) {
        key_add(key, name->at, name->size);
        return true;
    }
    size_t cut = (size_t)(CUT_BYTES - key->size);

    while (((unsigned char)name->at[cut] & 0xc0) == 0x80) {
        cut--; /* not in the middle of a character */
    }
    key_add(key, name->at, cut);
    add_digest(key, name);
    return true;
}

void pawl_kv_key_index(struct pawl_kv_key *key, const struct pawl_kv_settings *settings,
                       unsigned shard)
{
    char text[NUMBER_BYTES_MAX];
    int size = snprintf(text, sizeof text, "#index:%02u", shard);

    key->size = 0;
    key_add(key, settings->prefix, strlen(settings->prefix));
    key_add(key, text, (size_t)size);
}

unsigned pawl_kv_shard(const struct pawl_name *name)
{
    return pawl_bytes_crc32(pawl_name_bytes(name)) % PAWL_KV_INDEX_SHARDS;
}

static void parent_of(char parent[PAWL_KV_PATH_SIZE], uint64_t epoch, uint64_t lap)
{
    (void)snprintf(parent, PAWL_KV_PATH_SIZE, "e%" PRIu64 "l%" PRIu64, epoch, lap);
}

void pawl_kv_path(char path[PAWL_KV_PATH_SIZE], uint64_t epoch, uint64_t lap)
{
    (void)snprintf(path, PAWL_KV_PATH_SIZE, "e%" PRIu64 "l%" PRIu64 ".next", epoch, lap);
}

/* Writing. */

static json_t *json_of(enum pawl_field field, struct pawl_bytes value)
{
    int64_t number = 0;

    switch (pawl_field_kind(field)) {
    case PAWL_FIELD_I64:
        PAWL_ASSERT(pawl_bytes_to_i64(value, &number));
        return json_integer(number);
    case PAWL_FIELD_REAL:
        return json_real(strtod(value.at, NULL));
    case PAWL_FIELD_TEXT:
        return json_stringn_nocheck(value.at, value.size);
    }
    return NULL;
}

static bool add_next(json_t *root, const struct pawl_record *record)
{
    char parent[PAWL_KV_PATH_SIZE] = "rest";

    if (!record->dropped && !record->ended) parent_of(parent, record->epoch, record->lap);
    json_t *holder = json_pack("{s:I}", "next", (json_int_t)record->next);

    return holder != NULL && json_object_set_new(root, parent, holder) == 0;
}

static bool add_fields(json_t *root, const struct pawl_record *record)
{
    struct pawl_fields fields;
    char text[NUMBER_BYTES_MAX];

    pawl_fields_write(record, &fields);
    for (int i = 0; i < PAWL_FIELDS; i++) {
        enum pawl_field field = (enum pawl_field)i;
        struct pawl_bytes value = fields.values[field];

        if (field == PAWL_FIELD_next) {
            if (!add_next(root, record)) return false;
            continue;
        }
        if (pawl_field_kind(field) == PAWL_FIELD_REAL) { /* it must end for strtod */
            (void)snprintf(text, sizeof text, "%.*s", (int)value.size, value.at);
            value.at = text;
        }
        if (json_object_set_new(root, pawl_field_name(field), json_of(field, value)) != 0) {
            return false;
        }
        /* The name behind the format: what a person looks for first. */
        if (field == PAWL_FIELD_format &&
            json_object_set_new(root, "name",
                                json_stringn_nocheck(record->name.at, record->name.size)) != 0) {
            return false;
        }
    }
    return true;
}

char *pawl_kv_document_write(const struct pawl_record *record, size_t *size)
{
    json_t *root = json_object();
    char *text = NULL;

    if (root != NULL && add_fields(root, record)) text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (text != NULL) *size = strlen(text);
    return text;
}

/* Reading. */

struct reading {
    struct pawl_fields fields;
    char room[PAWL_FIELDS][NUMBER_BYTES_MAX];
};

/* A number that stands there as text, or with a fraction, is none that the server counts on. */
static void read_value(struct reading *reading, enum pawl_field field, const json_t *value)
{
    enum pawl_field_kind kind = pawl_field_kind(field);
    char *room = reading->room[field];
    int size = -1;

    if (kind == PAWL_FIELD_TEXT) {
        if (!json_is_string(value)) return;
        reading->fields.values[field] =
            (struct pawl_bytes){json_string_value(value), json_string_length(value)};
        return;
    }
    if (json_is_integer(value)) {
        size = snprintf(room, NUMBER_BYTES_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value) && kind == PAWL_FIELD_REAL) {
        size = snprintf(room, NUMBER_BYTES_MAX, "%.17g", json_real_value(value));
    }
    if (size > 0) reading->fields.values[field] = (struct pawl_bytes){room, (size_t)size};
}

static const json_t *next_of(const json_t *root)
{
    const json_t *epoch = json_object_get(root, "epoch");
    const json_t *lap = json_object_get(root, "lap");
    bool rests = json_integer_value(json_object_get(root, "dropped")) != 0 ||
                 json_integer_value(json_object_get(root, "ended")) != 0;
    char parent[PAWL_KV_PATH_SIZE] = "rest";

    if (!rests) {
        parent_of(parent, (uint64_t)json_integer_value(epoch), (uint64_t)json_integer_value(lap));
    }
    return json_object_get(json_object_get(root, parent), "next");
}

static pawl_err fail_foreign(const struct pawl_record *record, const char *what, pawl_error *error)
{
    return pawl_fail(error, PAWL_DENIED, "the record of \"%.*s\" is not pawl's, or damaged: %s",
                     (int)record->name.size, record->name.at, what);
}

static pawl_err read_root(struct pawl_record *record, const json_t *root, pawl_error *error)
{
    const json_t *name = json_object_get(root, "name");
    struct pawl_bytes text = {json_string_value(name), json_string_length(name)};
    struct reading reading = {.fields = {.values = {{NULL, 0}}}};

    if (!json_is_object(root)) return fail_foreign(record, "it is no JSON object", error);
    for (int i = 0; i < PAWL_FIELDS; i++) {
        enum pawl_field field = (enum pawl_field)i;
        const json_t *value = field == PAWL_FIELD_next
                                  ? next_of(root)
                                  : json_object_get(root, pawl_field_name(field));

        read_value(&reading, field, value);
    }
    pawl_err err = pawl_fields_read(record, &reading.fields, error);

    if (err != PAWL_OK) return err;
    if (!pawl_bytes_equal(text, pawl_name_bytes(&record->name))) {
        return fail_foreign(record, "it bears another name", error);
    }
    return PAWL_OK;
}

pawl_err pawl_kv_document_read(struct pawl_record *record, struct pawl_bytes document,
                               pawl_error *error)
{
    json_t *root = json_loadb(document.at, document.size, JSON_REJECT_DUPLICATES, NULL);
    pawl_err err = read_root(record, root, error);

    json_decref(root);
    return err;
}

size_t pawl_kv_plain_write(const struct pawl_record *record, char text[PAWL_KV_PATH_SIZE])
{
    int64_t next = record->next;
    int size = snprintf(text, PAWL_KV_PATH_SIZE, "%" PRIu64,
                        (uint64_t)next + (record->ended ? (uint64_t)record->increment : 0));

    return (size_t)size;
}

/* As the server reads it: blanks around it and one plus are tolerated. */
static bool plain_number(struct pawl_bytes text, uint64_t *number)
{
    while (text.size > 0 && (text.at[text.size - 1] == ' ' || text.at[text.size - 1] == '\n')) {
        text.size--;
    }
    while (text.size > 0 && (text.at[0] == ' ' || text.at[0] == '\n')) {
        text.at++;
        text.size--;
    }
    if (text.size > 1 && text.at[0] == '+') {
        text.at++;
        text.size--;
    }
    return pawl_bytes_to_u64(text, number);
}

pawl_err pawl_kv_plain_read(struct pawl_record *record, const struct pawl_kv_settings *settings,
                            struct pawl_bytes document, uint64_t cas, pawl_error *error)
{
    struct pawl_name name = record->name;
    uint64_t next = 0;

    if (!plain_number(document, &next)) {
        return pawl_fail(error, PAWL_DENIED,
                         "the document \"%.*s\" is no unsigned whole number: it is not a plain "
                         "counter, or damaged",
                         (int)name.size, name.at);
    }
    *record = settings->counter;
    record->name = name;
    record->version = cas >> 1;
    record->tag = cas >> 1 | 1;
    /* Beyond int64 no id is left, whatever the document says. */
    record->ended = next > (uint64_t)INT64_MAX;
    record->next = record->ended ? INT64_MAX : (int64_t)next;
    record->origin = record->next;
    return PAWL_OK;
}
