/* SPDX-License-Identifier: Apache-2.0 */
/* A tiny HTTP server on the test's own loop: it answers what the test tells it to. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <uv.h>

#include "base/base.h"

enum { HTTP_REQUEST_BYTES_MAX = 64 * 1024, HTTP_PEERS_MAX = 256 };

struct http_server;

/* A connection to it. */
struct http_peer {
    uv_tcp_t tcp;
    struct http_server *server;
    size_t place;
    size_t requests;
    size_t size;
    char text[HTTP_REQUEST_BYTES_MAX + 1]; /* the request as it came, ended by NUL */
};

struct http_server {
    uv_loop_t *loop;
    uv_tcp_t tcp;
    int port;
    bool open;
    size_t connections, requests; /* so far */
    struct http_peer *peers[HTTP_PEERS_MAX];
    /* A whole request has come: answers it, now or later, or not at all. */
    void (*asked)(struct http_peer *peer);
    void *arg;
};

/* On a free port of loopback. */
void http_server_start(struct http_server *server, uv_loop_t *loop);
/* Nobody is let in any more; those that are there stay. */
void http_server_deaf(struct http_server *server);
/* Closes all; its memory is free once the loop has run out. */
void http_server_stop(struct http_server *server);

/* Bytes, as they are. */
void http_peer_send(struct http_peer *peer, const char *bytes);
/* A whole answer: more is header lines, each with its line end. */
void http_peer_answer(struct http_peer *peer, int status, const char *more, const char *body);
void http_peer_cut(struct http_peer *peer);

/* The value of a header line of the request, copied; "" if there is none. */
void http_peer_header(const struct http_peer *peer, const char *name, char *value, size_t size);
const char *http_peer_body(const struct http_peer *peer);

#endif
