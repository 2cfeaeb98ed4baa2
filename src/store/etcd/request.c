/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the gateway: JSON, keys and values in base64, 64-bit numbers in strings. */
#include "store/etcd/words.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BASE64_BYTES(size) (((size) + 2) / 3 * 4)

/* The longest: four times a key, twice the branch's, twice a value, and the words around them. */
_Static_assert(6 * BASE64_BYTES(PAWL_ETCD_KEY_BYTES_MAX + 1) +
                       2 * BASE64_BYTES(PAWL_ETCD_VALUE_BYTES_MAX) +
                       BASE64_BYTES(PAWL_ETCD_META_BYTES_MAX) + 1024 <
                   PAWL_ETCD_REQUEST_BYTES_MAX,
               "every request fits");

struct writer {
    char *at;
    size_t size;
};

static void put(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct writer *writer, const char *format, ...)
{
    size_t room = PAWL_ETCD_REQUEST_BYTES_MAX - writer->size;
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(writer->at + writer->size, room, format, arguments);
    va_end(arguments);
    PAWL_ASSERT(size >= 0 && (size_t)size < room);
    writer->size += (size_t)size;
}

/* A member: its name and bytes in base64. */
static void put_bytes(struct writer *writer, const char *name, struct pawl_bytes bytes)
{
    put(writer, "\"%s\":\"", name);
    PAWL_ASSERT(PAWL_ETCD_REQUEST_BYTES_MAX - writer->size > BASE64_BYTES(bytes.size));
    writer->size += (size_t)EVP_EncodeBlock((unsigned char *)writer->at + writer->size,
                                            (const unsigned char *)bytes.at, (int)bytes.size);
    put(writer, "\"");
}

size_t pawl_etcd_range_write(char body[PAWL_ETCD_REQUEST_BYTES_MAX], const struct etcd_range *range)
{
    struct writer writer = {.size = 0};

    writer.at = body;
    put(&writer, "{");
    put_bytes(&writer, "key", range->key);
    if (range->end.size > 0) {
        put(&writer, ",");
        put_bytes(&writer, "range_end", range->end);
    }
    if (range->limit > 0) put(&writer, ",\"limit\":\"%" PRIu32 "\"", range->limit);
    if (range->keys_only) put(&writer, ",\"keys_only\":true");
    put(&writer, "}");
    return writer.size;
}

static void put_range_of(struct writer *writer, struct pawl_bytes key)
{
    put(writer, "{\"request_range\":{");
    put_bytes(writer, "key", key);
    put(writer, "}}");
}

/* What follows the conditions. */
static void put_branches(struct writer *writer, struct pawl_bytes key, struct pawl_bytes value,
                         struct pawl_bytes meta_key)
{
    put(writer, "],\"success\":[{\"request_put\":{");
    put_bytes(writer, "key", key);
    put(writer, ",");
    put_bytes(writer, "value", value);
    put(writer, "}}],\"failure\":[");
    put_range_of(writer, key);
    if (meta_key.size > 0) {
        put(writer, ",");
        put_range_of(writer, meta_key);
    }
    put(writer, "]}");
}

static void put_has_value(struct writer *writer, struct pawl_bytes key, struct pawl_bytes value)
{
    put(writer, ",{");
    put_bytes(writer, "key", key);
    put(writer, ",\"target\":\"VALUE\",\"result\":\"EQUAL\",");
    put_bytes(writer, "value", value);
    put(writer, "}");
}

size_t pawl_etcd_put_write(char body[PAWL_ETCD_REQUEST_BYTES_MAX], struct pawl_bytes key,
                           const struct etcd_condition *condition, struct pawl_bytes value)
{
    struct writer writer = {.size = 0};

    writer.at = body;
    put(&writer, "{\"compare\":[{");
    put_bytes(&writer, "key", key);
    if (condition->revision == 0) {
        put(&writer, ",\"target\":\"CREATE\",\"result\":\"EQUAL\",\"create_revision\":\"0\"}");
    } else {
        put(&writer, ",\"target\":\"MOD\",\"result\":\"EQUAL\",\"mod_revision\":\"%" PRIu64 "\"}",
            condition->revision);
        put_has_value(&writer, key, condition->value);
    }
    if (condition->meta_key.size > 0) {
        put_has_value(&writer, condition->meta_key, condition->meta_value);
    }
    put_branches(&writer, key, value, condition->meta_key);
    return writer.size;
}

size_t pawl_etcd_probe_write(char body[PAWL_ETCD_REQUEST_BYTES_MAX], struct pawl_bytes key)
{
    struct writer writer = {.size = 0};

    writer.at = body;
    put(&writer, "{\"compare\":[{");
    put_bytes(&writer, "key", key);
    put(&writer, ",\"target\":\"VERSION\",\"result\":\"LESS\",\"version\":\"0\"}");
    put_branches(&writer, key, PAWL_BYTES("never written"), (struct pawl_bytes){NULL, 0});
    return writer.size;
}

size_t pawl_etcd_login_write(char body[PAWL_ETCD_REQUEST_BYTES_MAX],
                             const struct etcd_settings *settings)
{
    json_t *login =
        json_pack("{s:s,s:s}", "name", settings->url.user, "password", settings->url.password);
    size_t size =
        login == NULL ? 0 : json_dumpb(login, body, PAWL_ETCD_REQUEST_BYTES_MAX, JSON_COMPACT);

    json_decref(login);
    return size <= PAWL_ETCD_REQUEST_BYTES_MAX ? size : 0;
}
