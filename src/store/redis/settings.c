/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/settings.h"

#include <stdio.h>
#include <string.h>

#include "store/secure.h"

static const char *const plain_keys[] = {"prefix", "replicas", "durability", NULL};
static const char *const tls_keys[] = {"prefix", "replicas", "durability", PAWL_SECURE_KEYS, NULL};

static const struct pawl_url_rules plain_rules = {
    .scheme = "redis://",
    .secure = "rediss://",
    .port = PAWL_REDIS_PORT,
    .keys = plain_keys,
    .example = "redis://user:password@host:6379/0?prefix=pawl:",
    .one_host = true,
    .lone_password = true,
};

static const struct pawl_url_rules tls_rules = {
    .scheme = "rediss://",
    .port = PAWL_REDIS_PORT,
    .keys = tls_keys,
    .example = "rediss://user:password@host:6379/0?prefix=pawl:",
    .one_host = true,
    .lone_password = true,
};

static pawl_err read_database(struct pawl_redis_settings *settings, const char *path,
                              const char *example, pawl_error *error)
{
    struct pawl_bytes text = {path, strlen(path)};

    if (text.size == 0) return PAWL_OK;
    if (pawl_bytes_to_u64(text, &settings->database) &&
        settings->database <= PAWL_REDIS_DATABASE_MAX) {
        return PAWL_OK;
    }
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "redis: the path \"%.60s\" must be a database's number, 0 or more; write it "
                     "like %s",
                     path, example);
}

static pawl_err read_prefix(struct pawl_redis_settings *settings, const struct pawl_url *url,
                            pawl_error *error)
{
    const char *prefix = pawl_url_option(url, "prefix");
    struct pawl_bytes text = PAWL_BYTES("pawl:");

    if (prefix != NULL) text = (struct pawl_bytes){prefix, strlen(prefix)};
    if (text.size == 0 || text.size > PAWL_REDIS_PREFIX_BYTES_MAX || !pawl_utf8_printable(text)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "redis: the prefix must be 1 to %d bytes of UTF-8 without control "
                         "characters: it is the key of the list of names, and every sequence's "
                         "key begins with it",
                         PAWL_REDIS_PREFIX_BYTES_MAX);
    }
    memcpy(settings->prefix, text.at, text.size);
    settings->prefix[text.size] = '\0';
    return PAWL_OK;
}

static pawl_err read_login(struct pawl_redis_settings *settings, const struct pawl_url *url,
                           pawl_error *error)
{
    if (url->has_user && !url->has_password) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "redis: the user lacks a password: write user:password@, or :password@ "
                         "for a password alone");
    }
    memcpy(settings->user, url->user, sizeof settings->user);
    memcpy(settings->password, url->password, sizeof settings->password);
    return PAWL_OK;
}

pawl_err pawl_redis_settings_read(struct pawl_redis_settings *settings, struct pawl_url *url,
                                  const char *text, pawl_error *error)
{
    static const char *const durabilities[] = {"aof", "none", NULL};
    static const uint64_t replicas[2] = {0, PAWL_REDIS_REPLICAS_MAX};
    bool tls = strncmp(text, tls_rules.scheme, strlen(tls_rules.scheme)) == 0;
    const struct pawl_url_rules *rules = tls ? &tls_rules : &plain_rules;
    size_t durability = 0;
    pawl_err err = pawl_url_read(url, text, rules, error);

    if (err != PAWL_OK) return err;
    *settings = (struct pawl_redis_settings){.tls = tls, .port = url->hosts[0].port};
    (void)snprintf(settings->host, sizeof settings->host, "%s", url->hosts[0].name);
    (void)snprintf(settings->where, sizeof settings->where, "redis %.48s:%u", settings->host,
                   settings->port);
    if (err == PAWL_OK) err = read_login(settings, url, error);
    if (err == PAWL_OK) err = read_database(settings, url->path, rules->example, error);
    if (err == PAWL_OK) err = read_prefix(settings, url, error);
    if (err == PAWL_OK) err = pawl_url_word(url, "durability", durabilities, &durability, error);
    if (err == PAWL_OK) {
        err = pawl_url_number(url, "replicas", replicas, &settings->replicas, error);
    }
    settings->forgets = durability == 1;
    pawl_redis_scripts_make(&settings->scripts);
    return err;
}
