/* SPDX-License-Identifier: Apache-2.0 */
#include "client/address.h"

#include <stdio.h>
#include <string.h>

#define SCHEME "pawl://"

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

pawl_err pawl_addresses_read(const char *url, struct pawl_address addresses[PAWL_FLEET_SERVERS_MAX],
                             size_t *count, pawl_error *error)
{
    static const char form[] = "pawl://host[:port][,host[:port]...]";

    *count = 0;
    if (strncmp(url, SCHEME, sizeof SCHEME - 1) != 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "\"%s\" is no server's URL: say %s", url, form);
    }
    const char *at = url + sizeof SCHEME - 1;

    if (strchr(at, '@') != NULL) { /* what stands before it is not shown: it may be a password */
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "a server's URL takes no user or password: say %s", form);
    }
    for (;;) {
        size_t size = strcspn(at, ",/?#");
        const char *wrong;

        if (*count == PAWL_FLEET_SERVERS_MAX) {
            return pawl_fail(error, PAWL_BAD_REQUEST, "\"%s\" names more than %d servers", url,
                             (int)PAWL_FLEET_SERVERS_MAX);
        }
        wrong = read_one((struct pawl_bytes){at, size}, &addresses[*count]);
        if (wrong == NULL && is_known(addresses, *count)) wrong = "the server is named twice";
        if (wrong != NULL) {
            return pawl_fail(error, PAWL_BAD_REQUEST, "in \"%s\", at \"%.*s\": %s: say %s", url,
                             (int)size, at, wrong, form);
        }
        (*count)++;
        at += size;
        if (*at == '\0' || strcmp(at, "/") == 0) return PAWL_OK;
        if (*at != ',') {
            return pawl_fail(error, PAWL_BAD_REQUEST,
                             "in \"%s\", nothing can follow the servers, and \"%s\" does: say %s",
                             url, at, form);
        }
        at++;
    }
}
