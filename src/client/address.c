/* SPDX-License-Identifier: Apache-2.0 */
#include "client/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "pawl://"

enum { URL_SHOWN_MAX = 160, HOST_SHOWN_MAX = 80 };

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

static bool is_literal_char(char c)
{
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
           c == '.' || c == '%';
}

/* Cuts the host off the front of text. Returns what is wrong with it, or NULL. */
static const char *cut_host(struct pawl_bytes *text, struct pawl_address *address)
{
    bool literal = text->size > 0 && text->at[0] == '[';
    const char *at = text->at + literal;
    const char *end = text->at + text->size;
    size_t size = 0;

    while (at + size < end && (literal ? is_literal_char(at[size]) : is_host_char(at[size]))) {
        size++;
    }
    if (literal && (at + size == end || at[size] != ']')) return "its [ has no ]";
    if (size == 0) return "a host is missing";
    if (size > PAWL_REMOTE_HOST_BYTES_MAX) return "the host is longer than 255 bytes";
    (void)snprintf(address->host, sizeof address->host, "%.*s", (int)size, at);
    text->size -= size + 2 * (size_t)literal;
    text->at = at + size + literal;
    return NULL;
}

/* Reads what is left behind a host: nothing, or a colon and a port. */
static const char *read_port(struct pawl_bytes text, struct pawl_address *address)
{
    uint64_t port = 0;

    address->port = PAWL_FLEET_PORT;
    if (text.size == 0) return NULL;
    if (text.at[0] != ':') return "it has a character that no host has";
    if (memchr(text.at + 1, ':', text.size - 1) != NULL) {
        return "an IPv6 address must stand in brackets";
    }
    text = (struct pawl_bytes){text.at + 1, text.size - 1};
    if (!pawl_bytes_to_u64(text, &port) || port == 0 || port > UINT16_MAX) {
        return "the port must be a number from 1 to 65535";
    }
    address->port = (uint16_t)port;
    return NULL;
}

static const char *read_one(struct pawl_bytes text, struct pawl_address *address)
{
    const char *wrong = cut_host(&text, address);

    return wrong != NULL ? wrong : read_port(text, address);
}

static bool is_known(const struct pawl_address *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (addresses[i].port == addresses[count].port &&
            strcmp(addresses[i].host, addresses[count].host) == 0) {
            return true;
        }
    }
    return false;
}

/* Percent-decoding (RFC 3986, 2.1). Returns what is wrong, or NULL. */
static const char *decode(struct pawl_bytes part, char *text, size_t room)
{
    size_t size = 0;

    for (size_t i = 0; i < part.size; i++) {
        char c = part.at[i];

        if (strchr("/?#@", c) != NULL) return "a user or a password has / ? # and @ as %XX only";
        if (c == '%') {
            int high = i + 2 < part.size ? pawl_hex_digit(part.at[i + 1]) : -1;
            int low = i + 2 < part.size ? pawl_hex_digit(part.at[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return "a % in a user or a password lacks its two hexadecimal digits";
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0') return "a user or a password has a NUL in it";
        if (size + 1 >= room) return "a user has at most 63 bytes, and a password 512";
        text[size++] = c;
    }
    text[size] = '\0';
    return NULL;
}

/* Reads what stands before the last @. Returns what is wrong, or NULL. */
static const char *read_login(struct pawl_bytes text, struct pawl_login *login)
{
    const char *colon = memchr(text.at, ':', text.size);
    struct pawl_bytes user = {text.at, colon == NULL ? text.size : (size_t)(colon - text.at)};
    const char *wrong = decode(user, login->user, sizeof login->user);
    const char *given = getenv("PAWL_PASSWORD");

    if (colon == NULL) {
        if (wrong == NULL && user.size == 0) wrong = "there is nothing before the @";
        if (wrong == NULL && (given == NULL || given[0] == '\0')) {
            wrong = "the password is missing: say user:password@, or set PAWL_PASSWORD";
        }
        if (wrong != NULL) return wrong;
        if (strlen(given) >= sizeof login->password) return "PAWL_PASSWORD has over 512 bytes";
        memcpy(login->password, given, strlen(given) + 1);
        return NULL;
    }
    struct pawl_bytes password = {colon + 1, text.size - user.size - 1};

    if (user.size == 0) (void)snprintf(login->user, sizeof login->user, "default");
    if (wrong == NULL) wrong = decode(password, login->password, sizeof login->password);
    if (wrong == NULL && password.size == 0) wrong = "the password is empty";
    return wrong;
}

pawl_err pawl_addresses_read(const char *url, struct pawl_address addresses[PAWL_FLEET_SERVERS_MAX],
                             size_t *count, struct pawl_login *login, pawl_error *error)
{
    static const char form[] = "pawl://[user:password@]host[:port][,host[:port]...]";
    char shown[URL_SHOWN_MAX];

    *count = 0;
    *login = (struct pawl_login){.user = ""};
    (void)pawl_url_show(shown, sizeof shown, url);
    if (strncmp(url, SCHEME, sizeof SCHEME - 1) != 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "\"%s\" is no server's URL: say %s", shown, form);
    }
    const char *at = url + sizeof SCHEME - 1;
    const char *hosts = strrchr(at, '@');

    if (hosts != NULL) {
        const char *why = read_login((struct pawl_bytes){at, (size_t)(hosts - at)}, login);

        if (why != NULL) { /* nothing of it is shown: it may be a password */
            return pawl_fail(error, PAWL_BAD_REQUEST, "in a server's URL, %s: say %s", why, form);
        }
        at = hosts + 1;
    }
    for (;;) {
        size_t size = strcspn(at, ",/?#");
        size_t colon = strcspn(at, ":,/?#"); /* what follows one may be a password */
        const char *wrong;

        if (*count == PAWL_FLEET_SERVERS_MAX) {
            return pawl_fail(error, PAWL_BAD_REQUEST, "\"%s\" names more than %d servers", shown,
                             (int)PAWL_FLEET_SERVERS_MAX);
        }
        wrong = read_one((struct pawl_bytes){at, size}, &addresses[*count]);
        if (wrong == NULL && is_known(addresses, *count)) wrong = "the server is named twice";
        if (wrong != NULL) {
            return pawl_fail(error, PAWL_BAD_REQUEST, "in \"%s\", at \"%.*s\": %s: say %s", shown,
                             colon < HOST_SHOWN_MAX ? (int)colon : HOST_SHOWN_MAX, at, wrong, form);
        }
        (*count)++;
        at += size;
        if (*at == '\0' || strcmp(at, "/") == 0) return PAWL_OK;
        if (*at != ',') {
            return pawl_fail(error, PAWL_BAD_REQUEST,
                             "in \"%s\", nothing can follow the servers, and \"%.*s\" does: say %s",
                             shown, HOST_SHOWN_MAX, at, form);
        }
        at++;
    }
}
