/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store's URL: scheme://[user[:password]@]host[:port][,host[:port]...][/path][?key=value&...].
 * Parts are percent-decoded (RFC 3986); IPv6 addresses stand in brackets. What cannot be meant is
 * an error that names the part. Passwords are never part of an error or a log line.
 */
#ifndef PAWL_STORE_URL_H
#define PAWL_STORE_URL_H

#include "base/base.h"

enum {
    PAWL_URL_HOSTS_MAX = 16,
    PAWL_URL_OPTIONS_MAX = 16,
    PAWL_URL_HOST_BYTES_MAX = 255,
    PAWL_URL_TEXT_MAX = 511, /* bytes of a user, password, path or value */
};

struct pawl_url_host {
    char name[PAWL_URL_HOST_BYTES_MAX + 1];
    uint16_t port; /* the rules' default if the URL has none */
    bool port_given;
};

/* An option's place and what it says: NULL if it was not given. */
struct pawl_url_option {
    const char *key;
    const char *value;
};

struct pawl_url_rules {
    const char *scheme;      /* "redis://": what the URL begins with */
    const char *secure;      /* "rediss://": the same over TLS; NULL: it is, or there is none */
    uint16_t port;           /* default */
    const char *const *keys; /* options that exist; NULL ends */
    const char *example;     /* for errors: a whole URL */
    bool one_host;           /* a list of hosts cannot be meant */
    bool no_user;            /* nor a user */
    bool lone_password;      /* a password may stand without a user: ":password@" */
};

struct pawl_url {
    char user[PAWL_URL_TEXT_MAX + 1], password[PAWL_URL_TEXT_MAX + 1];
    bool has_user, has_password;
    struct pawl_url_host hosts[PAWL_URL_HOSTS_MAX];
    size_t host_count;
    char path[PAWL_URL_TEXT_MAX + 1]; /* without its first slash */
    struct pawl_url_option options[PAWL_URL_OPTIONS_MAX];
    size_t option_count;
    char room[4096]; /* of the options' texts */
};

/* PAWL_BAD_REQUEST: error names the part that cannot be meant. text is whole, scheme included. */
pawl_err pawl_url_read(struct pawl_url *url, const char *text, const struct pawl_url_rules *rules,
                       pawl_error *error);
/* NULL: it was not given. */
const char *pawl_url_option(const struct pawl_url *url, const char *key);
/* One of words (NULL ends) as its index. *index stays as it is if the option was not given. */
pawl_err pawl_url_word(const struct pawl_url *url, const char *key, const char *const *words,
                       size_t *index, pawl_error *error);
/* A whole number from bounds[0] to bounds[1], likewise. */
pawl_err pawl_url_number(const struct pawl_url *url, const char *key, const uint64_t bounds[2],
                         uint64_t *value, pawl_error *error);

#endif
