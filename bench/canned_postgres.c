/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceiling that pawld's PostgreSQL front is held against: a bare libuv server that answers
 * pgbench's `SELECT nextval('s')` with bytes made beforehand, simple or prepared, by the first
 * letter of what it reads. It parses nothing, allocates nothing, and takes each read for one whole
 * request, as pgbench sends them. What it costs is loopback, epoll and libuv. Usage:
 * canned_postgres PORT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { INPUT_BYTES = 16 * 1024, ENCRYPTION_REQUEST_BYTES = 8 };

struct peer {
    uv_tcp_t tcp;
};

#define READY "Z\0\0\0\005I"
#define ROW                                                                      \
    "T\0\0\0\040\0\001nextval\0\0\0\0\0\0\0\0\0\0\024\0\010\377\377\377\377\0\0" \
    "D\0\0\0\021\0\001\0\0\0\0071000000"                                         \
    "C\0\0\0\015SELECT 1\0"

static char input[INPUT_BYTES];
static char refused[] = "N";                         /* to SSLRequest */
static char started[] = "R\0\0\0\010\0\0\0\0" READY; /* to the start-up packet */
static char prepared[] = "1\0\0\0\004" READY;        /* to Parse, Sync */
static char bound[] = "2\0\0\0\004" ROW READY;       /* to Bind, Describe, Execute, Sync */
static char queried[] = ROW READY;

static void give_input(uv_handle_t *handle, size_t wish, uv_buf_t *buf)
{
    (void)handle;
    (void)wish;
    *buf = uv_buf_init(input, sizeof input);
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

static uv_buf_t answer_to(const char *request, ssize_t size)
{
    if (size == ENCRYPTION_REQUEST_BYTES) return uv_buf_init(refused, sizeof refused - 1);
    switch (*request) {
    case 'Q':
        return uv_buf_init(queried, sizeof queried - 1);
    case 'B':
        return uv_buf_init(bound, sizeof bound - 1);
    case 'P':
        return uv_buf_init(prepared, sizeof prepared - 1);
    case '\0':
        return uv_buf_init(started, sizeof started - 1);
    default:
        return uv_buf_init(NULL, 0);
    }
}

static void received(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    if (got == 0) return;
    uv_buf_t answer = got < 0 ? uv_buf_init(NULL, 0) : answer_to(buf->base, got);
    if (answer.len == 0 || uv_try_write(stream, &answer, 1) != (int)answer.len) {
        uv_close((uv_handle_t *)stream, closed);
    }
}

static void connected(uv_stream_t *listener, int status)
{
    struct peer *peer = calloc(1, sizeof *peer);

    if (status < 0 || peer == NULL) abort();
    (void)uv_tcp_init(listener->loop, &peer->tcp);
    peer->tcp.data = peer;
    if (uv_accept(listener, (uv_stream_t *)&peer->tcp) != 0) abort();
    (void)uv_tcp_nodelay(&peer->tcp, 1);
    (void)uv_read_start((uv_stream_t *)&peer->tcp, give_input, received);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: canned_postgres PORT\n");
        return 2;
    }
    uv_tcp_t listener;
    struct sockaddr_in at;
    (void)uv_tcp_init(uv_default_loop(), &listener);
    (void)uv_ip4_addr("127.0.0.1", (int)strtol(argv[1], NULL, 10), &at);
    if (uv_tcp_bind(&listener, (const struct sockaddr *)&at, 0) != 0 ||
        uv_listen((uv_stream_t *)&listener, 128, connected) != 0) {
        (void)fprintf(stderr, "canned_postgres: cannot listen on port %s\n", argv[1]);
        return 1;
    }
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
