/* SPDX-License-Identifier: Apache-2.0 */
/* A sequence's key, and its record as a JSON object. */
#include "store/etcd/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/fields.h"

enum { REAL_BYTES_MAX = 32, FIELD_NAME_BYTES_MAX = 16, META_FORMAT = 1 };

/* Each byte of a text takes six in JSON at most. */
_Static_assert(PAWL_FIELDS *(FIELD_NAME_BYTES_MAX + 4 + 32) +
                       6 * (PAWL_BRANCH_BYTES_MAX + PAWL_NAME_BYTES_MAX) + 2 <
                   PAWL_ETCD_VALUE_BYTES_MAX,
               "a whole record fits");

/* Keys. */

static void key_begin(struct etcd_key *key, const struct etcd_settings *settings, char beyond)
{
    memcpy(key->at, settings->prefix.at, settings->prefix.size);
    key->at[settings->prefix.size] = beyond;
    key->size = settings->prefix.size + 1;
}

void pawl_etcd_key_of(struct etcd_key *key, const struct etcd_settings *settings,
                      const struct pawl_name *name)
{
    key_begin(key, settings, '/');
    memcpy(key->at + key->size, name->at, name->size);
    key->size += name->size;
}

void pawl_etcd_key_end(struct etcd_key *key, const struct etcd_settings *settings)
{
    key_begin(key, settings, '/' + 1);
}

void pawl_etcd_key_after(struct etcd_key *key, const struct etcd_settings *settings,
                         const struct pawl_name *name)
{
    pawl_etcd_key_of(key, settings, name);
    key->at[key->size++] = '\0';
}

void pawl_etcd_key_meta(struct etcd_key *key, const struct etcd_settings *settings)
{
    key_begin(key, settings, '/');
}

pawl_err pawl_etcd_key_name(struct pawl_name *name, const struct etcd_settings *settings,
                            struct pawl_bytes key, pawl_error *error)
{
    size_t skip = settings->prefix.size + 1;
    pawl_error why = {.code = PAWL_OK};
    char shown[PAWL_ETCD_SHOWN_BYTES];

    if (key.size >= skip && memcmp(key.at, settings->prefix.at, skip - 1) == 0 &&
        key.at[skip - 1] == '/' &&
        pawl_name_set(name, (struct pawl_bytes){key.at + skip, key.size - skip}, &why) == PAWL_OK) {
        return PAWL_OK;
    }
    return pawl_fail(error, PAWL_DENIED,
                     "the key %.300s is not pawl's: move it away, or give pawl a prefix of its own",
                     pawl_etcd_key_show(shown, key));
}

const char *pawl_etcd_key_show(char text[PAWL_ETCD_SHOWN_BYTES], struct pawl_bytes key)
{
    if (key.size < PAWL_ETCD_SHOWN_BYTES / 2 && pawl_utf8_printable(key)) {
        (void)snprintf(text, PAWL_ETCD_SHOWN_BYTES, "\"%.*s\"", (int)key.size, key.at);
        return text;
    }
    (void)snprintf(text, PAWL_ETCD_SHOWN_BYTES, "of %zu bytes", key.size);
    return text;
}

/* Writing values. */

struct writer {
    char *at;
    size_t size;
};

static void put_bytes(struct writer *writer, struct pawl_bytes bytes)
{
    memcpy(writer->at + writer->size, bytes.at, bytes.size);
    writer->size += bytes.size;
}

static void put_string(struct writer *writer, struct pawl_bytes text)
{
    put_bytes(writer, PAWL_BYTES("\""));
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];
        char escape[8];

        if (c < 0x20) {
            (void)snprintf(escape, sizeof escape, "\\u%04x", c);
            put_bytes(writer, (struct pawl_bytes){escape, strlen(escape)});
            continue;
        }
        if (c == '"' || c == '\\') put_bytes(writer, PAWL_BYTES("\\"));
        put_bytes(writer, (struct pawl_bytes){text.at + i, 1});
    }
    put_bytes(writer, PAWL_BYTES("\""));
}

static void put_field(struct writer *writer, const struct pawl_fields *fields,
                      enum pawl_field field)
{
    const char *name = pawl_field_name(field);

    put_bytes(writer, writer->size == 0 ? PAWL_BYTES("{") : PAWL_BYTES(","));
    put_string(writer, (struct pawl_bytes){name, strlen(name)});
    put_bytes(writer, PAWL_BYTES(":"));
    if (pawl_field_kind(field) == PAWL_FIELD_TEXT) {
        put_string(writer, fields->values[field]);
    } else {
        put_bytes(writer, fields->values[field]);
    }
}

size_t pawl_etcd_value_write(const struct pawl_record *record,
                             char value[PAWL_ETCD_VALUE_BYTES_MAX])
{
    struct writer writer = {.size = 0};
    struct pawl_fields fields;

    writer.at = value;
    pawl_fields_write(record, &fields);
    put_field(&writer, &fields, PAWL_FIELD_next);
    for (size_t field = 0; field < PAWL_FIELDS; field++) {
        if (field != PAWL_FIELD_next) put_field(&writer, &fields, (enum pawl_field)field);
    }
    put_bytes(&writer, PAWL_BYTES(",\"name\":"));
    put_string(&writer, pawl_name_bytes(&record->name));
    put_bytes(&writer, PAWL_BYTES("}"));
    return writer.size;
}

/* Reading them. */

/* Where one store's prefix begins with another's, a name of the one may have the key of the other's
 * record. Records of older pawls do not say of which name they are, until they are written. */
static bool is_of_another(const struct pawl_record *record, const json_t *root)
{
    const json_t *name = json_object_get(root, "name");

    return json_is_string(name) &&
           !pawl_bytes_equal((struct pawl_bytes){json_string_value(name), json_string_length(name)},
                             pawl_name_bytes(&record->name));
}

/* A number's text goes to room, a string's stays in json. NULL: it is neither. */
static struct pawl_bytes text_of(const json_t *json, char room[REAL_BYTES_MAX])
{
    if (json_is_string(json)) {
        return (struct pawl_bytes){json_string_value(json), json_string_length(json)};
    }
    if (json_is_integer(json)) {
        (void)snprintf(room, REAL_BYTES_MAX, "%" PRId64, (int64_t)json_integer_value(json));
    } else if (json_is_real(json)) {
        (void)snprintf(room, REAL_BYTES_MAX, "%.17g", json_real_value(json));
    } else {
        return (struct pawl_bytes){NULL, 0};
    }
    return (struct pawl_bytes){room, strlen(room)};
}

pawl_err pawl_etcd_value_read(struct pawl_record *record, struct pawl_bytes value,
                              pawl_error *error)
{
    json_error_t wrong;
    json_t *root = json_loadb(value.at, value.size, JSON_REJECT_DUPLICATES, &wrong);
    struct pawl_fields fields = {.values = {{NULL, 0}}};
    char numbers[PAWL_FIELDS][REAL_BYTES_MAX];

    if (!json_is_object(root)) {
        json_decref(root);
        return pawl_fail(error, PAWL_DENIED,
                         "the record of \"%.*s\" is not pawl's, or damaged: its value is no JSON "
                         "object; move that key away, or give pawl a prefix of its own",
                         (int)record->name.size, record->name.at);
    }
    if (is_of_another(record, root)) {
        json_decref(root);
        return pawl_fail(
            error, PAWL_DENIED,
            "the key of \"%.*s\" is the record of another sequence, in a store whose "
            "prefix overlaps with this one's: choose prefixes of which none begins with "
            "another",
            (int)record->name.size, record->name.at);
    }
    for (size_t field = 0; field < PAWL_FIELDS; field++) {
        const json_t *json = json_object_get(root, pawl_field_name((enum pawl_field)field));

        fields.values[field] = text_of(json, numbers[field]);
    }
    pawl_err err = pawl_fields_read(record, &fields, error);

    json_decref(root);
    return err;
}

/* The branch. */

size_t pawl_etcd_meta_write(const struct pawl_tag *tag, uint64_t cluster_id,
                            char value[PAWL_ETCD_META_BYTES_MAX])
{
    char text[PAWL_TAG_BYTES_MAX];
    int size = snprintf(value, PAWL_ETCD_META_BYTES_MAX,
                        "{\"format\":%d,\"branch\":\"%.*s\",\"cluster\":\"%" PRIx64 "\"}",
                        META_FORMAT, (int)pawl_tag_write(tag, text), text, cluster_id);

    PAWL_ASSERT(size > 0 && size < PAWL_ETCD_META_BYTES_MAX);
    return (size_t)size;
}

static bool read_hex(const char *text, uint64_t *value)
{
    *value = 0;
    if (text == NULL || text[0] == '\0' || strlen(text) > 16) return false;
    for (; *text != '\0'; text++) {
        int digit = pawl_hex_digit(*text);

        if (digit < 0) return false;
        *value = *value << 4 | (uint64_t)digit;
    }
    return true;
}

bool pawl_etcd_meta_read(struct pawl_tag *tag, uint64_t *cluster_id, struct pawl_bytes value)
{
    json_error_t wrong;
    json_t *root = json_loadb(value.at, value.size, JSON_REJECT_DUPLICATES, &wrong);
    const json_t *branch = json_object_get(root, "branch");
    struct pawl_bytes text = {json_string_value(branch), json_string_length(branch)};
    bool ours = json_integer_value(json_object_get(root, "format")) == META_FORMAT &&
                read_hex(json_string_value(json_object_get(root, "cluster")), cluster_id) &&
                json_is_string(branch) && pawl_tag_read(tag, text);

    json_decref(root);
    return ours;
}

pawl_err pawl_etcd_meta_format(struct pawl_bytes value, pawl_error *error)
{
    json_error_t wrong;
    json_t *root = json_loadb(value.at, value.size, JSON_REJECT_DUPLICATES, &wrong);
    int64_t format = json_integer_value(json_object_get(root, "format"));

    json_decref(root);
    if (format <= META_FORMAT) return PAWL_OK;
    return pawl_fail(error, PAWL_DENIED,
                     "the store has format %" PRId64 ", it is of a newer pawl; this one knows "
                     "format %d: use the newer pawl. Nothing was changed",
                     format, META_FORMAT);
}

bool pawl_etcd_value_overlaps(const struct pawl_name *name, struct pawl_bytes value)
{
    const struct pawl_record record = {.name = *name};
    json_error_t wrong;
    json_t *root = json_loadb(value.at, value.size, JSON_REJECT_DUPLICATES, &wrong);
    bool branch = name->size > 0 && name->at[name->size - 1] == '/' &&
                  json_is_string(json_object_get(root, "branch")) &&
                  json_is_string(json_object_get(root, "cluster"));
    bool overlaps = branch || is_of_another(&record, root);

    json_decref(root);
    return overlaps;
}
