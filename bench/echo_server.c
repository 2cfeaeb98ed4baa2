/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceiling that pawld is held against: a bare libuv server that parses nothing. For every
 * REQUEST_BYTES that it reads it answers ANSWER, with uv_try_write in the read callback. "spin": it
 * never sleeps, but looks again and again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare_server.h"

enum { ANSWERS_BYTES = 64 * 1024 };

static size_t request_bytes;
static size_t answer_bytes;
static char answers[ANSWERS_BYTES];

static bool echo(struct bare_peer *peer, const uv_buf_t *buf, size_t got)
{
    (void)buf;
    peer->rest += got;
    size_t size = peer->rest / request_bytes * answer_bytes;
    peer->rest %= request_bytes;
    for (size_t sent = 0; sent < size;) {
        size_t left = size - sent;
        size_t most = sizeof answers / answer_bytes * answer_bytes;
        size_t at = sent % answer_bytes;
        uv_buf_t out = uv_buf_init(answers + at, (unsigned)(left + at < most ? left : most - at));
        int n = uv_try_write((uv_stream_t *)&peer->tcp, &out, 1);

        if (n == UV_EAGAIN) continue;
        if (n < 0) return false;
        sent += (size_t)n;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 5) {
        (void)fprintf(stderr, "usage: echo_server PORT REQUEST_BYTES ANSWER [spin]\n");
        return 2;
    }
    request_bytes = strtoul(argv[2], NULL, 10);
    answer_bytes = strlen(argv[3]);
    if (request_bytes == 0 || answer_bytes == 0) return 2;
    for (size_t i = 0; i + answer_bytes <= sizeof answers; i += answer_bytes) {
        memcpy(answers + i, argv[3], answer_bytes);
    }
    return bare_serve("echo_server", argv[1], echo, argc == 5);
}
