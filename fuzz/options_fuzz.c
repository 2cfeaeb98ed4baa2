/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on what people configure: command lines, the environment, URLs. The first byte chooses
 * the parser; words are the input's lines. Laws, beyond "no byte outside is touched":
 *   - an error has a text that says what is wrong, and a success has none
 *   - numbers lie within the bounds that their errors name
 *   - no error of a URL shows its password
 */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "client/address.h"
#include "server/config.h"
#include "server/wires.h"
#include "store/couchbase/settings.h"
#include "store/dynamodb/dynamodb_own.h"
#include "store/etcd/words.h"
#include "store/guard_url.h"
#include "store/postgres/target.h"
#include "store/redis/settings.h"

enum { WORDS_MAX = 16 };

#define SECRET "s3cret"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of pawld's wires only the names count here. */
const struct conn_wire *wires_find(struct pawl_bytes scheme)
{
    static const char wire;
    bool known = pawl_bytes_equal(scheme, PAWL_BYTES("resp")) ||
                 pawl_bytes_equal(scheme, PAWL_BYTES("postgres"));

    return known ? (const void *)&wire : NULL;
}

/* Cuts text, which ends in a zero byte, into its lines; NULL ends them. */
static size_t cut_words(char *text, char *words[WORDS_MAX + 1])
{
    size_t count = 0;

    for (char *at = text; at != NULL && count < WORDS_MAX; count++) {
        char *end = strchr(at, '\n');

        words[count] = at;
        if (end != NULL) *end++ = '\0';
        at = end;
    }
    words[count] = NULL;
    return count;
}

static void check_error(pawl_err err, const pawl_error *error)
{
    PAWL_ASSERT((err == PAWL_OK) == (error->text[0] == '\0'));
    PAWL_ASSERT(memchr(error->text, '\0', sizeof error->text) != NULL);
}

/* The line "PAWLD_NAME=value", if it is there. */
static char *const *environment;

static char *variable_of(const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, size) == 0 && environment[i][size] == '=') {
            return environment[i] + size + 1;
        }
    }
    return NULL;
}

static void check_config(char *text)
{
    char *words[WORDS_MAX + 1];
    struct config config;
    struct config_listen listen;
    pawl_error error = {.text = ""};
    size_t count = cut_words(text, words);
    size_t flags = 0;

    while (flags < count && words[flags][0] == '-') {
        flags++;
    }
    environment = words + flags;
    pawl_err err = config_read(&config, words, flags, variable_of, &error);

    if (err == PAWL_OK && (config.help || config.version)) return;
    check_error(err, &error);
    if (err != PAWL_OK) return;
    PAWL_ASSERT(config.store[0] != '\0' && config.listen.count > 0);
    for (size_t i = 0; i < config.listen.count; i++) {
        struct pawl_bytes at = {config.listen.parts[i], config.listen.sizes[i]};

        if (config_listen_read(at, &listen, NULL) == PAWL_OK) PAWL_ASSERT(listen.host[0] != '\0');
    }
}

static void check_args(char *text)
{
    char *words[WORDS_MAX + 1];
    struct args args;
    pawl_error error = {.text = ""};

    (void)cut_words(text, words);
    pawl_err err = args_parse(&args, words, NULL, &error);

    check_error(err, &error);
    if (err != PAWL_OK) return;
    PAWL_ASSERT(args.command != COMMAND_NONE || args.help || args.version);
    PAWL_ASSERT(args.threads <= ARGS_THREADS_MAX && args.url != NULL);
}

/* A password does not get out of its place; where the text is no URL at all nobody can tell. */
static void check_hidden(const char *text, pawl_err err, const pawl_error *error)
{
    const char *at = strstr(text, ":" SECRET "@");
    const char *begin = strstr(text, "://");
    bool proper = at != NULL && begin != NULL &&
                  strcspn(begin + 3, "/?#@,:") + 3 == (size_t)(at - begin) &&
                  strchr(at + 1, '@') == strrchr(text, '@') && strstr(at + 2, SECRET) == NULL;

    check_error(err, error);
    if (proper && strstr(text, SECRET) == at + 1) PAWL_ASSERT(strstr(error->text, SECRET) == NULL);
}

static void check_servers(char *text)
{
    struct pawl_address addresses[PAWL_FLEET_SERVERS_MAX];
    struct pawl_login login;
    pawl_error error = {.text = ""};
    size_t count = 0;
    pawl_err err = pawl_addresses_read(text, addresses, &count, &login, &error);

    check_hidden(text, err, &error);
    if (err != PAWL_OK) return;
    PAWL_ASSERT(count >= 1 && count <= PAWL_FLEET_SERVERS_MAX);
    for (size_t i = 0; i < count; i++) {
        PAWL_ASSERT(addresses[i].host[0] != '\0' && addresses[i].port > 0);
    }
}

static void check_redis(char *text)
{
    static struct pawl_redis_settings settings;
    static struct pawl_url url;
    pawl_error error = {.text = ""};
    pawl_err err = pawl_redis_settings_read(&settings, &url, text, &error);

    check_hidden(text, err, &error);
    if (err == PAWL_OK) PAWL_ASSERT(settings.host[0] != '\0' && settings.prefix[0] != '\0');
}

static void check_couchbase(char *text)
{
    static struct pawl_kv_settings settings;
    pawl_error error = {.text = ""};
    pawl_err err = pawl_kv_settings_read(&settings, text, &error);

    check_hidden(text, err, &error);
    if (err == PAWL_OK) PAWL_ASSERT(settings.bucket[0] != '\0' && settings.url.host_count > 0);
    if (err == PAWL_OK && settings.plain) PAWL_ASSERT(settings.counter.increment == 1);
}

static void check_etcd(char *text)
{
    static struct etcd_settings settings;
    pawl_error error = {.text = ""};
    pawl_err err = pawl_etcd_settings_read(&settings, text, &error);

    check_hidden(text, err, &error);
    if (err == PAWL_OK) PAWL_ASSERT(settings.prefix.size > 0 && settings.url.host_count > 0);
}

static void check_postgres(char *text)
{
    struct pawl_postgres_target target;
    pawl_error error = {.text = ""};
    pawl_err err = pawl_postgres_target_read(&target, text, &error);

    check_hidden(text, err, &error);
    if (err != PAWL_OK) return;
    PAWL_ASSERT(target.table[0] == '"' && strlen(target.table) < sizeof target.table);
    pawl_postgres_target_free(&target);
}

static const char *no_environment(const char *name, void *arg)
{
    (void)name;
    return arg;
}

static void check_dynamodb(char *text)
{
    static struct pawl_dynamodb store;
    pawl_error error = {.text = ""};
    pawl_err err = pawl_dynamodb_configure(&store, text, no_environment, NULL, &error);

    check_hidden(text, err, &error);
    if (err == PAWL_OK) PAWL_ASSERT(store.table[0] != '\0' && store.endpoint[0] != '\0');
}

static void check_guard(char *text)
{
    static struct pawl_guard_url guard;
    char shown[64];
    pawl_error error = {.text = ""};
    pawl_err err = pawl_guard_url_read(&guard, text, &error);

    check_error(err, &error);
    if (err == PAWL_OK) PAWL_ASSERT(strlen(guard.store) <= strlen(text));
    PAWL_ASSERT(strlen(pawl_url_show(shown, sizeof shown, text)) < sizeof shown);
}

/* Numbers, times, names and patterns, which stand in all of them. */
static void check_words(char *text)
{
    struct pawl_bytes bytes = {text, strlen(text)};
    struct pawl_name name;
    uint64_t number = 0;
    int64_t id = 0;

    if (config_time_read(bytes, &number)) PAWL_ASSERT(number <= UINT64_MAX / 2);
    if (pawl_bytes_to_i64(bytes, &id) && text[0] != '-') {
        PAWL_ASSERT(pawl_bytes_to_u64(bytes, &number) && number == (uint64_t)id);
    }
    if (pawl_name_set(&name, bytes, NULL) == PAWL_OK) {
        PAWL_ASSERT(name.size == bytes.size && pawl_utf8_printable(bytes));
    }
    size_t half = bytes.size / 2;

    (void)pawl_glob_match((struct pawl_bytes){text, half},
                          (struct pawl_bytes){text + half, bytes.size - half});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* What a URL begins with has chosen its parser. */
    static const struct {
        void (*check)(char *text);
        const char *begins;
    } choices[] = {
        {check_config, ""},
        {check_servers, ""},
        {check_args, ""},
        {check_redis, "redis://"},
        {check_couchbase, "couchbase://"},
        {check_etcd, "etcd://"},
        {check_postgres, "postgres://"},
        {check_guard, ""},
        {check_words, ""},
        {check_dynamodb, "dynamodb://"},
        {check_redis, "rediss://"},
        {check_couchbase, "couchbases://"},
        {check_etcd, "etcds://"},
        {check_postgres, "postgresql://"},
    };
    if (size == 0) return 0;
    size_t choice = data[0] % PAWL_COUNT(choices);
    size_t begins = strlen(choices[choice].begins);
    char *text = malloc(begins + size); /* of its own size: the sanitizer knows where it ends */

    if (text == NULL) return 0;
    memcpy(text, choices[choice].begins, begins);
    memcpy(text + begins, data + 1, size - 1);
    text[begins + size - 1] = '\0';
    choices[choice].check(text);
    free(text);
    return 0;
}
