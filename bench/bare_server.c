/* SPDX-License-Identifier: Apache-2.0 */
#include "bare_server.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUFFER_BYTES = 64 * 1024, BACKLOG = 512 };

static char input[BUFFER_BYTES];
static bare_answer *answer_of_server;

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
    if (got == 0) return;
    if (got < 0 || !answer_of_server(stream->data, buf, (size_t)got)) {
        uv_close((uv_handle_t *)stream, closed);
    }
}

static void connected(uv_stream_t *listener, int status)
{
    struct bare_peer *peer = calloc(1, sizeof *peer);

    if (status < 0 || peer == NULL) abort();
    (void)uv_tcp_init(listener->loop, &peer->tcp);
    peer->tcp.data = peer;
    if (uv_accept(listener, (uv_stream_t *)&peer->tcp) != 0) abort();
    (void)uv_tcp_nodelay(&peer->tcp, 1);
    (void)uv_read_start((uv_stream_t *)&peer->tcp, give_input, received);
}

int bare_serve(const char *name, const char *port, bare_answer *answer, bool spin)
{
    struct sockaddr_in at;
    uv_tcp_t listener;
    uv_loop_t *loop = uv_default_loop();

    answer_of_server = answer;
    (void)uv_ip4_addr("127.0.0.1", (int)strtoul(port, NULL, 10), &at);
    (void)uv_tcp_init(loop, &listener);
    if (uv_tcp_bind(&listener, (const struct sockaddr *)&at, 0) != 0 ||
        uv_listen((uv_stream_t *)&listener, BACKLOG, connected) != 0) {
        (void)fprintf(stderr, "%s: cannot listen on port %s\n", name, port);
        return 1;
    }
    while (uv_run(loop, spin ? UV_RUN_NOWAIT : UV_RUN_DEFAULT) != 0) {
    }
    return 0;
}
