/* SPDX-License-Identifier: Apache-2.0 */
/* Places that give keys over HTTP: what a web identity, a container and an instance have alike. */
#ifndef PAWL_DYNAMODB_REMOTE_PLACE_H
#define PAWL_DYNAMODB_REMOTE_PLACE_H

#include "store/dynamodb/credentials_own.h"

enum {
    PAWL_AWS_URL_BYTES_MAX = 2047,
    PAWL_AWS_HEADER_BYTES_MAX = PAWL_AWS_TOKEN_BYTES_MAX + 64,
    PAWL_AWS_SHOWN_BYTES_MAX = 120, /* of what a service answered, in an error */
};

/* One exchange after the other with one place. */
struct pawl_aws_remote {
    struct pawl_http_exchange exchange;
    struct pawl_aws_credentials *credentials;
    /* The answer has come: status 200, or what the place makes of another. */
    void (*answered)(struct pawl_aws_remote *remote);
    unsigned tries;
    char url[PAWL_AWS_URL_BYTES_MAX + 1];
    char header[PAWL_AWS_HEADER_BYTES_MAX + 1]; /* "": none */
    char *body;                                 /* freed with the rest */
};

/* NULL: no memory, and the fetch has failed. */
struct pawl_aws_remote *pawl_aws_remote_new(struct pawl_aws_credentials *credentials);
void pawl_aws_remote_free(struct pawl_aws_remote *remote);
/* Sends method, url, header and body as they are set; answered comes later. */
void pawl_aws_remote_send(struct pawl_aws_remote *remote, const char *method, uint64_t timeout_ms);

/* The three ends of a remote place. Each frees remote. */
void pawl_aws_remote_got(struct pawl_aws_remote *remote);
void pawl_aws_remote_skip(struct pawl_aws_remote *remote);
/* "WHO answered nothing", or what status and text it did answer. */
void pawl_aws_remote_fail(struct pawl_aws_remote *remote, const char *who);

/* A text for a URL or a header: false if it has control characters or does not fit. */
bool pawl_aws_text(char *to, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "2026-01-01T00:00:00Z" (RFC 3339, UTC) as seconds since 1970; 0: it is none. */
int64_t pawl_aws_time(const char *text);
/* AccessKeyId, SecretAccessKey, Token and Expiration of a JSON object into fetched. */
bool pawl_aws_read_json(struct pawl_aws_credentials *credentials, struct pawl_bytes answer);
/* The same of the token service's XML. */
bool pawl_aws_read_xml(struct pawl_aws_credentials *credentials, struct pawl_bytes answer);

extern const struct pawl_aws_place pawl_aws_web_identity;
extern const struct pawl_aws_place pawl_aws_container;
extern const struct pawl_aws_place pawl_aws_instance;

#endif
