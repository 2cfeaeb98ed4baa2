/* SPDX-License-Identifier: Apache-2.0 */
#include "store/couchbase/settings.h"

#include <string.h>

#include "store/secure.h"

#define EXAMPLE     "couchbase://user:password@host/bucket"
#define TLS_EXAMPLE "couchbases://user:password@host/bucket"

#define KEYS \
    "durability", "prefix", "network", "counter", "start", "min", "max", "block", "increment"

static const char *const keys[] = {KEYS, NULL};
static const char *const tls_keys[] = {KEYS, PAWL_SECURE_KEYS, NULL};
static const char *const counter_keys[] = {"start", "min", "max", "block", "increment"};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* "bucket" or "bucket/scope.collection". */
static pawl_err read_path(struct pawl_kv_settings *settings, pawl_error *error)
{
    const char *path = settings->url.path;
    size_t size = strcspn(path, "/");
    const char *rest = path[size] == '/' ? path + size + 1 : path + size;
    size_t scope_size = strcspn(rest, ".");

    if (size == 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "couchbase: no bucket is named; write it like " EXAMPLE);
    }
    if (size > PAWL_MCBP_KEY_BYTES_MAX || strlen(rest) > PAWL_MCBP_KEY_BYTES_MAX) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "couchbase: the bucket or collection \"%.40s\" is longer than any can be",
                         path);
    }
    if (path[size] == '/' &&
        (scope_size == 0 || rest[scope_size] == '\0' || rest[scope_size + 1] == '\0' ||
         strpbrk(rest, "/") != NULL || strchr(rest + scope_size + 1, '.') != NULL)) {
        return pawl_fail(
            error, PAWL_BAD_REQUEST,
            "couchbase: the collection \"%.60s\" cannot be meant; write it like " EXAMPLE
            "/scope.collection",
            rest);
    }
    memcpy(settings->bucket, path, size);
    settings->bucket[size] = '\0';
    if (strcmp(rest, "_default._default") == 0) rest += strlen(rest);
    memcpy(settings->collection, rest, strlen(rest) + 1);
    return PAWL_OK;
}

/* '#' and ':' stand between a prefix and what follows it: keys of two kinds must not meet. */
static pawl_err read_prefix(struct pawl_kv_settings *settings, pawl_error *error)
{
    const char *prefix = pawl_url_option(&settings->url, "prefix");

    if (prefix != NULL && settings->plain) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "couchbase: prefix means nothing with counter=plain, whose documents have "
                         "the sequences' names as their keys: leave it out");
    }
    if (prefix == NULL) prefix = "pawl";
    struct pawl_bytes bytes = {prefix, strlen(prefix)};

    if (bytes.size == 0 || bytes.size > PAWL_KV_PREFIX_BYTES_MAX || strpbrk(prefix, "#:") != NULL ||
        !pawl_utf8_printable(bytes)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "couchbase: prefix has 1 to %d bytes of UTF-8 without '#' and ':'",
                         PAWL_KV_PREFIX_BYTES_MAX);
    }
    memcpy(settings->prefix, prefix, bytes.size + 1);
    return PAWL_OK;
}

static pawl_err read_words(struct pawl_kv_settings *settings, pawl_error *error)
{
    static const char *const durabilities[] = {"majority", "persistToMajority", "none", NULL};
    static const enum pawl_mcbp_durability levels[] = {
        PAWL_MCBP_MAJORITY, PAWL_MCBP_PERSIST_TO_MAJORITY, PAWL_MCBP_NOT_DURABLE};
    static const char *const networks[] = {"auto", "default", "external", NULL};
    static const char *const counters[] = {"native", "plain", NULL};
    size_t durability = 0;
    size_t network = 0;
    size_t counter = 0;

    if (pawl_url_word(&settings->url, "durability", durabilities, &durability, error) != PAWL_OK ||
        pawl_url_word(&settings->url, "network", networks, &network, error) != PAWL_OK ||
        pawl_url_word(&settings->url, "counter", counters, &counter, error) != PAWL_OK) {
        return PAWL_BAD_REQUEST;
    }
    settings->durability = levels[durability];
    settings->network = (enum pawl_kv_network)network;
    settings->plain = counter == 1;
    return PAWL_OK;
}

/* A plain counter's definition comes from here alone: its document is no more than a number. */
static pawl_err read_counter(struct pawl_kv_settings *settings, pawl_error *error)
{
    static const uint64_t ids[2] = {0, INT64_MAX};
    static const uint64_t one[2] = {1, 1};
    uint64_t start = 1;
    uint64_t min = 0;
    uint64_t max = INT64_MAX;
    uint64_t block = 0;
    uint64_t increment = 1;

    for (size_t i = 0; i < PAWL_COUNT(counter_keys) && !settings->plain; i++) {
        if (pawl_url_option(&settings->url, counter_keys[i]) == NULL) continue;
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "couchbase: %s is for counter=plain only; other sequences have it in "
                         "their records (pawl create)",
                         counter_keys[i]);
    }
    if (pawl_url_number(&settings->url, "start", ids, &start, error) != PAWL_OK ||
        pawl_url_number(&settings->url, "min", ids, &min, error) != PAWL_OK ||
        pawl_url_number(&settings->url, "max", ids, &max, error) != PAWL_OK ||
        pawl_url_number(&settings->url, "block", ids, &block, error) != PAWL_OK ||
        pawl_url_number(&settings->url, "increment", one, &increment, error) != PAWL_OK) {
        return PAWL_BAD_REQUEST;
    }
    if (start < min || start > max) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "couchbase: start lies outside of min and max");
    }
    settings->counter = (struct pawl_record){
        .epoch = 1,
        .line = 1,
        .start = (int64_t)start,
        .increment = (int64_t)increment,
        .min = (int64_t)min,
        .max = (int64_t)max,
        .block = block,
        .order = PAWL_ORDER_CLIENT,
        .data_type = PAWL_TYPE_BIGINT,
    };
    return PAWL_OK;
}

pawl_err pawl_kv_settings_read(struct pawl_kv_settings *settings, const char *url,
                               pawl_error *error)
{
    struct pawl_url_rules rules = {
        .scheme = "couchbase://",
        .secure = "couchbases://",
        .port = PAWL_KV_PORT,
        .keys = keys,
        .example = EXAMPLE,
    };

    *settings = (struct pawl_kv_settings){.tls = begins(url, "couchbases://")};
    if (settings->tls) {
        rules.scheme = "couchbases://";
        rules.secure = NULL;
        rules.port = PAWL_KV_TLS_PORT;
        rules.example = TLS_EXAMPLE;
        rules.keys = tls_keys;
    }
    if (pawl_url_read(&settings->url, url, &rules, error) != PAWL_OK ||
        read_path(settings, error) != PAWL_OK || read_words(settings, error) != PAWL_OK ||
        read_prefix(settings, error) != PAWL_OK || read_counter(settings, error) != PAWL_OK) {
        return PAWL_BAD_REQUEST;
    }
    return PAWL_OK;
}
