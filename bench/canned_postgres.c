/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceiling that pawld's PostgreSQL front is held against: a bare libuv server that answers
 * pgbench's `SELECT nextval('s')` with bytes made beforehand, simple or prepared, by the first
 * letter of what it reads. It parses nothing, allocates nothing, and takes each read for one whole
 * request, as pgbench sends them. What it costs is loopback, epoll and libuv. Usage:
 * canned_postgres PORT
 */
#include <stdio.h>

#include "bare_server.h"

enum { ENCRYPTION_REQUEST_BYTES = 8 };

#define READY "Z\0\0\0\005I"
#define ROW                                                                      \
    "T\0\0\0\040\0\001nextval\0\0\0\0\0\0\0\0\0\0\024\0\010\377\377\377\377\0\0" \
    "D\0\0\0\021\0\001\0\0\0\0071000000"                                         \
    "C\0\0\0\015SELECT 1\0"

static char refused[] = "N";                         /* to SSLRequest */
static char started[] = "R\0\0\0\010\0\0\0\0" READY; /* to the start-up packet */
static char prepared[] = "1\0\0\0\004" READY;        /* to Parse, Sync */
static char bound[] = "2\0\0\0\004" ROW READY;       /* to Bind, Describe, Execute, Sync */
static char queried[] = ROW READY;

static uv_buf_t answer_to(const char *request, size_t size)
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

static bool answer(struct bare_peer *peer, const uv_buf_t *buf, size_t got)
{
    uv_buf_t bytes = answer_to(buf->base, got);

    return bytes.len > 0 && uv_try_write((uv_stream_t *)&peer->tcp, &bytes, 1) == (int)bytes.len;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: canned_postgres PORT\n");
        return 2;
    }
    return bare_serve("canned_postgres", argv[1], answer, false);
}
