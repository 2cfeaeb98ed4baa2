/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of HTTP share: http.c has exchanges, http_loop.c what curl wants of the loop.
 */
#ifndef PAWL_HTTP_OWN_H
#define PAWL_HTTP_OWN_H

#include <curl/curl.h>

#include "store/http.h"

struct transfer;
struct open_socket;

struct pawl_http {
    uv_loop_t *loop;
    uv_timer_t timer;    /* curl's */
    uv_timer_t refusals; /* rings when exchanges were refused that curl never saw */
    size_t handle_count; /* of the loop, not yet closed */
    CURLM *multi;        /* NULL: freed, but for its handles */
    struct transfer *active, *spare;
    size_t spare_count;
    struct pawl_http_exchange *refused; /* linked by io */
    struct open_socket *sockets;
    bool verify, closing;
    char date_text[64]; /* the last Date header, and what it means */
    int64_t date_s;
    const char *ca_file, *cert_file, *key_file; /* the owner's */
};

/* http.c: ends what curl says is over. */
void pawl_http_settle(struct pawl_http *http);

/* http_loop.c: curl's callbacks; the last argument but for its own is the pawl_http. */
int pawl_http_timer_wanted(CURLM *multi, long timeout_ms, void *arg);
int pawl_http_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *known);
curl_socket_t pawl_http_socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
int pawl_http_socket_close(void *arg, curl_socket_t fd);
/* Those that curl has closed without a word: their watches would keep the loop alive. */
void pawl_http_sockets_forget(struct pawl_http *http);
/* Whether something, or its end, has come on the socket of that local port. */
bool pawl_http_socket_pending(struct pawl_http *http, int local_port);
/* The loop's: the last of all handles frees http. */
void pawl_http_closed(uv_handle_t *handle);

#endif
