/* SPDX-License-Identifier: Apache-2.0 */
#include "store/url.h"

#include <stdio.h>
#include <string.h>

enum { PART_SHOWN_MAX = 60 };

/* What is being read, and where its error goes. */
struct reading {
    struct pawl_url *url;
    const struct pawl_url_rules *rules;
    pawl_error *error;
    size_t room_used;
    bool hides; /* an @ stands where none belongs: any part may be one of a password */
};

/* part may hold anything: only what can be shown is. */
static pawl_err fail_part(const struct reading *reading, const char *what, struct pawl_bytes part,
                          const char *wrong)
{
    int shown = part.size < PART_SHOWN_MAX ? (int)part.size : PART_SHOWN_MAX;
    bool shows = pawl_utf8_printable((struct pawl_bytes){part.at, (size_t)shown});

    if (reading->hides) {
        return pawl_fail(
            reading->error, PAWL_BAD_REQUEST,
            "%s: the %s %s; in a user and a password / ? # and @ are written %%2F %%3F "
            "%%23 %%40, and an @ behind the host as well",
            reading->rules->scheme, what, wrong);
    }
    return pawl_fail(reading->error, PAWL_BAD_REQUEST, "%s: the %s \"%.*s\" %s; write it like %s",
                     reading->rules->scheme, what, shows ? shown : 0, shows ? part.at : "", wrong,
                     reading->rules->example);
}

/* The same without the part, which is a secret. */
static pawl_err fail_secret(const struct reading *reading, const char *what, const char *wrong)
{
    return pawl_fail(reading->error, PAWL_BAD_REQUEST, "%s: the %s %s; write it like %s",
                     reading->rules->scheme, what, wrong, reading->rules->example);
}

/* Percent-decoding (RFC 3986, 2.1). NULL, or what is wrong. */
static const char *decode(struct pawl_bytes part, char *text, size_t room)
{
    size_t size = 0;

    for (size_t i = 0; i < part.size; i++) {
        char c = part.at[i];

        if (c == '%') {
            int high = i + 2 < part.size ? pawl_hex_digit(part.at[i + 1]) : -1;
            int low = i + 2 < part.size ? pawl_hex_digit(part.at[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return "has a % without two hexadecimal digits behind it: %25 is a %";
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0') return "has a NUL in it";
        if (size + 1 >= room) return "is too long";
        text[size++] = c;
    }
    text[size] = '\0';
    return NULL;
}

/* Cuts what stands before the first of stops off rest; the stop stays in rest. */
static struct pawl_bytes cut(struct pawl_bytes *rest, const char *stops)
{
    size_t size = 0;

    while (size < rest->size && strchr(stops, rest->at[size]) == NULL) {
        size++;
    }
    struct pawl_bytes part = {rest->at, size};

    rest->at += size;
    rest->size -= size;
    return part;
}

static void skip(struct pawl_bytes *rest, size_t size)
{
    rest->at += size;
    rest->size -= size;
}

/* Everything up to the last @ of what stands before the path. */
static pawl_err read_user(const struct reading *reading, struct pawl_bytes *authority)
{
    struct pawl_url *url = reading->url;
    size_t at = authority->size;

    while (at > 0 && authority->at[at - 1] != '@') {
        at--;
    }
    if (at == 0) return PAWL_OK;

    struct pawl_bytes password = {authority->at, at - 1};
    struct pawl_bytes user = cut(&password, ":");

    skip(authority, at);
    if (reading->rules->no_user) {
        return fail_secret(reading, "user", "cannot be given in this store's URL");
    }
    const char *wrong = decode(user, url->user, sizeof url->user);

    /* Who forgets the colon has written a password there. */
    if (wrong != NULL) return fail_secret(reading, "user", wrong);
    if (user.size == 0 && !(reading->rules->lone_password && password.size > 1)) {
        return fail_secret(reading, "user", "is empty before the @");
    }
    url->has_user = user.size > 0;
    if (password.size == 0) return PAWL_OK;
    skip(&password, 1);
    wrong = decode(password, url->password, sizeof url->password);
    if (wrong != NULL) return fail_secret(reading, "password", wrong);
    url->has_password = true;
    return PAWL_OK;
}

static pawl_err read_port(const struct reading *reading, struct pawl_bytes text,
                          struct pawl_url_host *host)
{
    uint64_t port = 0;

    if (!pawl_bytes_to_u64(text, &port)) { /* perhaps a password, and the host is missing */
        return fail_part(reading, "port of host",
                         (struct pawl_bytes){host->name, strlen(host->name)},
                         "must be a number from 1 to 65535");
    }
    if (port == 0 || port > UINT16_MAX) {
        return fail_part(reading, "port", text, "must be a number from 1 to 65535");
    }
    host->port = (uint16_t)port;
    host->port_given = true;
    return PAWL_OK;
}

static pawl_err read_host(const struct reading *reading, struct pawl_bytes text)
{
    struct pawl_url *url = reading->url;
    struct pawl_url_host *host = &url->hosts[url->host_count];
    struct pawl_bytes rest = text;
    struct pawl_bytes name;

    if (url->host_count == PAWL_URL_HOSTS_MAX) {
        return fail_part(reading, "host", text, "is one too many: at most 16 can be given");
    }
    if (text.size > 0 && text.at[0] == '[') {
        skip(&rest, 1);
        name = cut(&rest, "]");
        if (rest.size == 0) return fail_part(reading, "host", text, "lacks its ]");
        skip(&rest, 1);
    } else {
        name = cut(&rest, ":");
    }
    if (name.size == 0) return fail_part(reading, "host", text, "is empty");

    const char *wrong = decode(name, host->name, sizeof host->name);

    if (wrong != NULL) return fail_part(reading, "host", text, wrong);
    host->port = reading->rules->port;
    host->port_given = false;
    url->host_count++;
    if (rest.size == 0) return PAWL_OK;
    if (rest.at[0] != ':') return fail_part(reading, "host", text, "has something behind its ]");
    skip(&rest, 1);
    return read_port(reading, rest, host);
}

static pawl_err read_hosts(const struct reading *reading, struct pawl_bytes authority)
{
    for (;;) {
        struct pawl_bytes text = cut(&authority, ",");
        pawl_err err = read_host(reading, text);

        if (err != PAWL_OK) return err;
        if (authority.size == 0) break;
        skip(&authority, 1);
    }
    if (reading->rules->one_host && reading->url->host_count > 1) {
        struct pawl_bytes second = {reading->url->hosts[1].name,
                                    strlen(reading->url->hosts[1].name)};

        return fail_part(reading, "second host", second, "cannot be given: this store has one");
    }
    return PAWL_OK;
}

static const char *key_known(const struct pawl_url_rules *rules, struct pawl_bytes key)
{
    for (const char *const *at = rules->keys; at != NULL && *at != NULL; at++) {
        if (pawl_bytes_equal(key, (struct pawl_bytes){*at, strlen(*at)})) return *at;
    }
    return NULL;
}

/* "a, b and c" of the keys that there are. */
static void list_keys(const struct pawl_url_rules *rules, char *text, size_t room)
{
    size_t used = 0;

    (void)snprintf(text, room, "none");
    for (const char *const *at = rules->keys; at != NULL && *at != NULL && used < room; at++) {
        int size = snprintf(text + used, room - used, "%s%s", used > 0 ? ", " : "", *at);

        used += size > 0 ? (size_t)size : 0;
    }
}

/* What people call certificates and keys, here and elsewhere. */
static bool is_about_tls(struct pawl_bytes key)
{
    static const char *const words[] = {"ca",      "cafile", "cacert", "cert", "certfile", "key",
                                        "keyfile", "verify", "tls",    "ssl",  "sslmode",  NULL};

    return key_known(&(struct pawl_url_rules){.keys = words}, key) != NULL;
}

static pawl_err read_option(struct reading *reading, struct pawl_bytes text)
{
    struct pawl_url *url = reading->url;
    struct pawl_bytes value = text;
    struct pawl_bytes key = cut(&value, "=");
    const char *known = key_known(reading->rules, key);

    if (known == NULL && reading->hides) return fail_part(reading, "parameter", key, "is unknown");
    if (known == NULL) {
        char there[256];
        int shown = key.size < PART_SHOWN_MAX ? (int)key.size : PART_SHOWN_MAX;

        list_keys(reading->rules, there, sizeof there);
        if (!pawl_utf8_printable((struct pawl_bytes){key.at, (size_t)shown})) shown = 0;
        if (reading->rules->secure != NULL && is_about_tls(key)) {
            return pawl_fail(reading->error, PAWL_BAD_REQUEST,
                             "%s: the parameter \"%.*s\" is about TLS, which this URL does not ask "
                             "for: begin it with %s; there are ca, cert, key and verify for that",
                             reading->rules->scheme, shown, key.at, reading->rules->secure);
        }
        return pawl_fail(reading->error, PAWL_BAD_REQUEST,
                         "%s: there is no parameter \"%.*s\"; there are: %s",
                         reading->rules->scheme, shown, key.at, there);
    }
    if (pawl_url_option(url, known) != NULL) {
        return fail_part(reading, "parameter", key, "is given twice");
    }
    if (url->option_count == PAWL_URL_OPTIONS_MAX) {
        return fail_part(reading, "parameter", key, "is one too many");
    }
    if (value.size == 0) return fail_part(reading, "parameter", key, "lacks its = and value");
    skip(&value, 1);

    char *at = url->room + reading->room_used;
    const char *wrong = decode(value, at, sizeof url->room - reading->room_used);

    if (wrong != NULL) return fail_part(reading, "value of", key, wrong);
    url->options[url->option_count++] = (struct pawl_url_option){known, at};
    reading->room_used += strlen(at) + 1;
    return PAWL_OK;
}

static pawl_err read_options(struct reading *reading, struct pawl_bytes query)
{
    while (query.size > 0) {
        struct pawl_bytes text = cut(&query, "&");
        pawl_err err = read_option(reading, text);

        if (err != PAWL_OK) return err;
        if (query.size > 0) skip(&query, 1);
    }
    return PAWL_OK;
}

pawl_err pawl_url_read(struct pawl_url *url, const char *text, const struct pawl_url_rules *rules,
                       pawl_error *error)
{
    struct reading reading = {.url = url, .rules = rules, .error = error};
    size_t scheme = strlen(rules->scheme);
    struct pawl_bytes rest = {text, strlen(text)};

    PAWL_ASSERT(strncmp(text, rules->scheme, scheme) == 0);
    *url = (struct pawl_url){.host_count = 0};
    skip(&rest, scheme);

    struct pawl_bytes authority = cut(&rest, "/?#");

    reading.hides = memchr(rest.at, '@', rest.size) != NULL;
    pawl_err err = read_user(&reading, &authority);

    if (err == PAWL_OK) err = read_hosts(&reading, authority);
    if (err != PAWL_OK) return err;
    if (rest.size > 0 && rest.at[0] == '/') {
        skip(&rest, 1);
        struct pawl_bytes path = cut(&rest, "?#");
        const char *wrong = decode(path, url->path, sizeof url->path);

        if (memchr(path.at, '@', path.size) != NULL) wrong = "has an @";

        if (wrong != NULL) return fail_part(&reading, "path", path, wrong);
    }
    if (rest.size > 0 && rest.at[0] == '#') {
        return fail_part(&reading, "fragment", rest, "means nothing here (a # is written %23)");
    }
    if (rest.size > 0) skip(&rest, 1);
    return read_options(&reading, rest);
}

const char *pawl_url_option(const struct pawl_url *url, const char *key)
{
    for (size_t i = 0; i < url->option_count; i++) {
        if (strcmp(url->options[i].key, key) == 0) return url->options[i].value;
    }
    return NULL;
}

pawl_err pawl_url_word(const struct pawl_url *url, const char *key, const char *const *words,
                       size_t *index, pawl_error *error)
{
    const char *value = pawl_url_option(url, key);
    char there[256] = "";
    size_t used = 0;

    if (value == NULL) return PAWL_OK;
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(value, words[i]) == 0) {
            *index = i;
            return PAWL_OK;
        }
        if (used < sizeof there) {
            int size =
                snprintf(there + used, sizeof there - used, "%s%s", used > 0 ? ", " : "", words[i]);

            used += size > 0 ? (size_t)size : 0;
        }
    }
    return pawl_fail(error, PAWL_BAD_REQUEST, "the parameter %s is \"%.*s\"; it can be: %s", key,
                     PART_SHOWN_MAX, value, there);
}

pawl_err pawl_url_number(const struct pawl_url *url, const char *key, const uint64_t bounds[2],
                         uint64_t *value, pawl_error *error)
{
    const char *text = pawl_url_option(url, key);
    uint64_t number = 0;

    if (text == NULL) return PAWL_OK;
    if (!pawl_bytes_to_u64((struct pawl_bytes){text, strlen(text)}, &number) ||
        number < bounds[0] || number > bounds[1]) {
        if (bounds[0] == bounds[1]) {
            return pawl_fail(error, PAWL_BAD_REQUEST,
                             "the parameter %s is \"%.*s\"; it can only be %llu: leave it out", key,
                             PART_SHOWN_MAX, text, (unsigned long long)bounds[0]);
        }
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "the parameter %s is \"%.*s\"; it must be a number from %llu to %llu", key,
                         PART_SHOWN_MAX, text, (unsigned long long)bounds[0],
                         (unsigned long long)bounds[1]);
    }
    *value = number;
    return PAWL_OK;
}
