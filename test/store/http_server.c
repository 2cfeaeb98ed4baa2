/* SPDX-License-Identifier: Apache-2.0 */
#include "http_server.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void must(bool fine, const char *what)
{
    if (fine) return;
    (void)fprintf(stderr, "http server: %s\n", what);
    abort();
}

static void peer_closed(uv_handle_t *handle)
{
    free(PAWL_OWNER(handle, struct http_peer, tcp));
}

void http_peer_cut(struct http_peer *peer)
{
    if (uv_is_closing((uv_handle_t *)&peer->tcp)) return;
    peer->server->peers[peer->place] = NULL;
    uv_close((uv_handle_t *)&peer->tcp, peer_closed);
}

static void room_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct http_peer *peer = PAWL_OWNER(handle, struct http_peer, tcp);

    (void)suggested;
    *room = uv_buf_init(peer->text + peer->size, (unsigned)(HTTP_REQUEST_BYTES_MAX - peer->size));
}

const char *http_peer_body(const struct http_peer *peer)
{
    const char *end = strstr(peer->text, "\r\n\r\n");

    return end != NULL ? end + 4 : "";
}

void http_peer_header(const struct http_peer *peer, const char *name, char *value, size_t size)
{
    const char *body = http_peer_body(peer);

    value[0] = '\0';
    for (const char *line = strstr(peer->text, "\r\n"); line != NULL && line + 2 < body;
         line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        size_t name_size = strlen(name);

        if (strncasecmp(at, name, name_size) != 0 || at[name_size] != ':') continue;
        at += name_size + 1 + strspn(at + name_size + 1, " ");
        (void)snprintf(value, size, "%.*s", (int)strcspn(at, "\r"), at);
        return;
    }
}

/* Whole requests only, one after the other: nobody here pipelines. */
static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *room)
{
    struct http_peer *peer = PAWL_OWNER(stream, struct http_peer, tcp);
    char length[32];

    (void)room;
    if (count < 0) {
        http_peer_cut(peer);
        return;
    }
    peer->size += (size_t)count;
    peer->text[peer->size] = '\0';
    const char *body = http_peer_body(peer);

    if (*peer->text == '\0' || strstr(peer->text, "\r\n\r\n") == NULL) return;
    http_peer_header(peer, "Content-Length", length, sizeof length);
    if ((size_t)(peer->text + peer->size - body) < strtoul(length, NULL, 10)) return;
    peer->requests++;
    peer->server->requests++;
    peer->size = 0;
    peer->server->asked(peer);
}

static void connected(uv_stream_t *stream, int status)
{
    struct http_server *server = PAWL_OWNER(stream, struct http_server, tcp);
    struct http_peer *peer = calloc(1, sizeof *peer);

    must(status == 0 && peer != NULL, "connection");
    peer->server = server;
    must(uv_tcp_init(server->loop, &peer->tcp) == 0, "init");
    must(uv_accept(stream, (uv_stream_t *)&peer->tcp) == 0, "accept");
    while (peer->place < HTTP_PEERS_MAX && server->peers[peer->place] != NULL) {
        peer->place++;
    }
    if (peer->place == HTTP_PEERS_MAX) abort();
    server->peers[peer->place] = peer;
    server->connections++;
    must(uv_read_start((uv_stream_t *)&peer->tcp, room_wanted, received) == 0, "read");
}

void http_server_start(struct http_server *server, uv_loop_t *loop)
{
    struct sockaddr_in address;
    int size = sizeof address;

    server->loop = loop;
    must(uv_ip4_addr("127.0.0.1", 0, &address) == 0, "address");
    must(uv_tcp_init(loop, &server->tcp) == 0, "init");
    must(uv_tcp_bind(&server->tcp, (struct sockaddr *)&address, 0) == 0, "bind");
    must(uv_listen((uv_stream_t *)&server->tcp, 128, connected) == 0, "listen");
    must(uv_tcp_getsockname(&server->tcp, (struct sockaddr *)&address, &size) == 0, "port");
    server->port = ntohs(address.sin_port);
    server->open = true;
}

void http_server_deaf(struct http_server *server)
{
    if (server->open) uv_close((uv_handle_t *)&server->tcp, NULL);
    server->open = false;
}

void http_server_stop(struct http_server *server)
{
    http_server_deaf(server);
    for (size_t i = 0; i < HTTP_PEERS_MAX; i++) {
        if (server->peers[i] != NULL) http_peer_cut(server->peers[i]);
    }
}

struct sending {
    uv_write_t request;
    char *bytes;
};

static void sent(uv_write_t *request, int status)
{
    struct sending *sending = PAWL_OWNER(request, struct sending, request);

    (void)status;
    free(sending->bytes);
    free(sending);
}

void http_peer_send(struct http_peer *peer, const char *bytes)
{
    struct sending *sending = calloc(1, sizeof *sending);

    must(sending != NULL, "memory");
    sending->bytes = strdup(bytes);
    must(sending->bytes != NULL, "memory");
    uv_buf_t buffer = uv_buf_init(sending->bytes, (unsigned)strlen(bytes));

    must(uv_write(&sending->request, (uv_stream_t *)&peer->tcp, &buffer, 1, sent) == 0, "write");
}

void http_peer_answer(struct http_peer *peer, int status, const char *more, const char *body)
{
    size_t size = strlen(more) + strlen(body) + 128;
    char *text = malloc(size);

    must(text != NULL, "memory");
    (void)snprintf(text, size, "HTTP/1.1 %d Whatever\r\n%sContent-Length: %zu\r\n\r\n%s", status,
                   more, strlen(body), body);
    http_peer_send(peer, text);
    free(text);
}
