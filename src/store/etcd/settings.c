/* SPDX-License-Identifier: Apache-2.0 */
/* etcd://[user:password@]host[:port][,host...]/prefix, and etcds:// with its options for TLS. */
#include "store/etcd/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PLAIN  "etcd://"
#define SECURE "etcds://"

#define PREFIX_DEFAULT "pawl"

enum { NAME_HASHED_BYTES = 16 + 1 + 16 + 1 };

_Static_assert((int)NAME_HASHED_BYTES <= (int)PAWL_STORE_NAME_BYTES_MAX, "it is a store's name");

static const char *const plain_keys[] = {NULL};
static const char *const secure_keys[] = {"ca", "cert", "key", "verify", NULL};
static const char *const verify_words[] = {"no", "yes", NULL};

static const struct pawl_url_rules plain_rules = {
    .scheme = PLAIN,
    .secure = SECURE,
    .port = PAWL_ETCD_PORT,
    .keys = plain_keys,
    .example = "etcd://user:password@host1:2379,host2:2379/pawl",
};

static const struct pawl_url_rules secure_rules = {
    .scheme = SECURE,
    .port = PAWL_ETCD_PORT,
    .keys = secure_keys,
    .example = "etcds://user:password@host1:2379,host2:2379/pawl?ca=/etc/etcd/ca.pem",
};

static pawl_err fail(pawl_error *error, const struct pawl_url_rules *rules, const char *wrong)
{
    return pawl_fail(error, PAWL_BAD_REQUEST, "%s: %s; write it like %s", rules->scheme, wrong,
                     rules->example);
}

/* NULL if it was not given; given without a file it cannot be meant. */
static const char *file_of(const struct pawl_url *url, const char *key, bool *empty)
{
    const char *file = pawl_url_option(url, key);

    if (file != NULL && file[0] == '\0') *empty = true;
    return file;
}

static pawl_err read_tls(struct etcd_settings *settings, pawl_error *error)
{
    bool empty = false;
    size_t verify = 1; /* unless it is given */
    pawl_err err = pawl_url_word(&settings->url, "verify", verify_words, &verify, error);

    if (err != PAWL_OK) return err;
    settings->verify = verify == 1;
    settings->ca_file = file_of(&settings->url, "ca", &empty);
    settings->cert_file = file_of(&settings->url, "cert", &empty);
    settings->key_file = file_of(&settings->url, "key", &empty);
    if (empty) return fail(error, &secure_rules, "ca, cert and key must each name a file");
    if ((settings->cert_file == NULL) != (settings->key_file == NULL)) {
        return fail(error, &secure_rules, "cert and key go together");
    }
    if (settings->ca_file != NULL && !settings->verify) {
        return fail(error, &secure_rules, "ca says who is trusted, verify=no that anybody is");
    }
    return PAWL_OK;
}

static pawl_err read_prefix(struct etcd_settings *settings, const struct pawl_url_rules *rules,
                            pawl_error *error)
{
    struct pawl_bytes path = {settings->url.path, strlen(settings->url.path)};

    if (path.size == 0) path = PAWL_BYTES(PREFIX_DEFAULT);
    if (path.at[path.size - 1] == '/') path.size--;
    if (path.size == 0 || path.at[path.size - 1] == '/') {
        return fail(error, rules, "the prefix ends with an empty part");
    }
    if (!pawl_utf8_printable(path)) {
        return fail(error, rules, "the prefix must be UTF-8 without control characters");
    }
    settings->prefix = path;
    return PAWL_OK;
}

pawl_err pawl_etcd_settings_read(struct etcd_settings *settings, const char *url, pawl_error *error)
{
    bool tls = strncmp(url, SECURE, strlen(SECURE)) == 0;
    const struct pawl_url_rules *rules = tls ? &secure_rules : &plain_rules;
    pawl_err err = pawl_url_read(&settings->url, url, rules, error);

    if (err != PAWL_OK) return err;
    settings->tls = tls;
    settings->verify = true;
    settings->ca_file = settings->cert_file = settings->key_file = NULL;
    if (settings->url.has_user && !settings->url.has_password) {
        return fail(error, rules, "the user has no password");
    }
    if (settings->url.has_user && settings->url.user[0] == '\0') {
        return fail(error, rules, "the user has no name");
    }
    if (tls && (err = read_tls(settings, error)) != PAWL_OK) return err;
    return read_prefix(settings, rules, error);
}

size_t pawl_etcd_store_name(char name[PAWL_STORE_NAME_BYTES_MAX], uint64_t cluster_id,
                            struct pawl_bytes prefix)
{
    char text[NAME_HASHED_BYTES];
    size_t size = (size_t)snprintf(text, sizeof text, "%" PRIx64 "/", cluster_id);

    if (size + prefix.size <= PAWL_STORE_NAME_BYTES_MAX) {
        memcpy(name, text, size);
        memcpy(name + size, prefix.at, prefix.size);
        return size + prefix.size;
    }
    size = (size_t)snprintf(text, sizeof text, "%" PRIx64 "#%016" PRIx64, cluster_id,
                            pawl_bytes_hash(prefix, 0));
    memcpy(name, text, size);
    return size;
}
