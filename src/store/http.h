/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP for stores that speak it: libcurl's multi interface on the keeper's loop. Connections are
 * kept and reused, many exchanges are under way at once, nothing blocks.
 */
#ifndef PAWL_HTTP_H
#define PAWL_HTTP_H

#include <uv.h>

#include "base/base.h"

struct pawl_http;

enum {
    PAWL_HTTP_BODY_BYTES_MAX = 16 * 1024 * 1024, /* of an answer */
    PAWL_HTTP_HEADERS_MAX = 16,
    PAWL_HTTP_CONNECTIONS_MAX = 64, /* to one host */
    PAWL_HTTP_CONNECT_MS = 1000,
};

/* How an exchange ended, as far as the wire knows. */
enum pawl_http_end {
    PAWL_HTTP_ANSWERED,
    PAWL_HTTP_NOT_SENT, /* no connection: the server cannot have seen the request */
    PAWL_HTTP_CUT,      /* it may have: the answer is lost, cut or too late */
};

/* The caller's memory until done; texts are copied when it is sent. */
struct pawl_http_exchange {
    const char *method; /* "GET", "POST", "PUT" */
    const char *url;
    const char *headers[PAWL_HTTP_HEADERS_MAX]; /* "Name: value"; NULL ends */
    struct pawl_bytes body;
    uint64_t timeout_ms;
    /* It does no harm twice: it may be sent anew where a kept connection dies under it. Without
     * this nothing is ever resent by itself. */
    bool resend;
    /* AWS Signature Version 4 by libcurl, where service is set. */
    const char *sign_service, *sign_region, *sign_key_id, *sign_secret;

    enum pawl_http_end end;
    int status;
    struct pawl_bytes answer; /* until done returns */
    int64_t answer_date_s;    /* of its Date header, since 1970; 0: it had none */
    uint32_t answer_crc32;    /* x-amz-crc32 */
    bool has_crc32;
    char error[256]; /* NOT_SENT, CUT: what happened */
    bool bare;       /* NOT_SENT, CUT, of https: TCP stood, and TLS could not be agreed on */

    void (*done)(struct pawl_http_exchange *exchange);
    void *io; /* http.c's */
};

/* The texts stay the owner's, until pawl_http_free. */
struct pawl_http_settings {
    uv_loop_t *loop;
    bool verify;                      /* certificates of https: */
    const char *ca_file;              /* NULL: the system's */
    const char *cert_file, *key_file; /* by which the server knows us; NULL: none */
};

/* NULL: error says why. Threads: the loop's only, as all below. */
struct pawl_http *pawl_http_new(const struct pawl_http_settings *settings, pawl_error *error);
/* done is called later, never from inside. */
void pawl_http_send(struct pawl_http *http, struct pawl_http_exchange *exchange);
/* It is being freed: whoever hears of an end must not send again. */
bool pawl_http_closing(const struct pawl_http *http);
/* Ends every exchange, now: CUT if it may have been sent; their done sends nothing more. Handles of
 * the loop close later. */
void pawl_http_free(struct pawl_http *http);
/* In a forked child: closes the descriptors, which are the parent's, and nothing else. */
void pawl_http_forked(struct pawl_http *http);

#endif
