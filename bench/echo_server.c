/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceiling that pawld is held against: a bare libuv server that parses nothing. For every
 * REQUEST_BYTES that it reads it answers one line of ANSWER_BYTES, with uv_try_write in the read
 * callback. Usage: echo_server PORT REQUEST_BYTES ANSWER_BYTES
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BUFFER_BYTES = 64 * 1024 };

struct peer {
    uv_tcp_t tcp;
    size_t rest; /* bytes of a request not yet whole */
};

static size_t request_bytes;
static size_t answer_bytes;
static char input[BUFFER_BYTES];
static char answers[BUFFER_BYTES];

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

static void received(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct peer *peer = stream->data;

    (void)buf;
    if (got < 0) {
        uv_close((uv_handle_t *)stream, closed);
        return;
    }
    peer->rest += (size_t)got;
    size_t size = peer->rest / request_bytes * answer_bytes;
    peer->rest %= request_bytes;
    for (size_t sent = 0; sent < size;) {
        size_t left = size - sent;
        size_t most = sizeof answers / answer_bytes * answer_bytes;
        size_t at = sent % answer_bytes;
        uv_buf_t out = uv_buf_init(answers + at, (unsigned)(left + at < most ? left : most - at));
        int n = uv_try_write(stream, &out, 1);

        if (n == UV_EAGAIN) continue;
        if (n < 0) {
            uv_close((uv_handle_t *)stream, closed);
            return;
        }
        sent += (size_t)n;
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
    if (argc != 4) {
        (void)fprintf(stderr, "usage: echo_server PORT REQUEST_BYTES ANSWER_BYTES\n");
        return 2;
    }
    struct sockaddr_in at;
    uv_tcp_t listener;
    uv_loop_t *loop = uv_default_loop();

    request_bytes = strtoul(argv[2], NULL, 10);
    answer_bytes = strtoul(argv[3], NULL, 10);
    memset(answers, '0', sizeof answers);
    for (size_t i = 0; i + answer_bytes <= sizeof answers; i += answer_bytes) {
        answers[i] = ':';
        answers[i + answer_bytes - 2] = '\r';
        answers[i + answer_bytes - 1] = '\n';
    }
    (void)uv_ip4_addr("127.0.0.1", (int)strtoul(argv[1], NULL, 10), &at);
    (void)uv_tcp_init(loop, &listener);
    if (uv_tcp_bind(&listener, (const struct sockaddr *)&at, 0) != 0 ||
        uv_listen((uv_stream_t *)&listener, 512, connected) != 0) {
        (void)fprintf(stderr, "echo_server: cannot listen on port %s\n", argv[1]);
        return 1;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
