/* SPDX-License-Identifier: Apache-2.0 */
/* curl names the sockets to watch and the time to wake it: libuv does. */
#include "store/http_own.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"

enum { UNACKED_MS_MAX = 10000 };

/* What the loop watches a socket of curl's by. */
struct watch {
    uv_poll_t poll;
    struct pawl_http *http;
    curl_socket_t fd;
    int events;  /* that the loop looks for; 0: none */
    bool wanted; /* by curl */
};

/*
 * A socket that curl has open for a connection. Its watch stays as long: curl forgets a connection
 * after each answer and wants it again for the next request, which cost eight system calls each
 * time.
 */
struct open_socket {
    struct pawl_descriptor descriptor;
    int local_port; /* 0: not asked for yet */
    struct watch *watch;
    struct open_socket *next;
};

void pawl_http_closed(uv_handle_t *handle)
{
    struct pawl_http *http = handle->data;

    if (--http->handle_count > 0) return;
    curl_global_cleanup();
    free(http);
}

static void watch_closed(uv_handle_t *handle)
{
    struct watch *watch = PAWL_OWNER(handle, struct watch, poll);
    uv_handle_t anchor = {.data = watch->http};

    free(watch);
    pawl_http_closed(&anchor);
}

static void watch_end(struct watch *watch)
{
    (void)uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, watch_closed);
}

/* Forgets the socket of that number, if it is known. */
static void open_forget(struct pawl_http *http, curl_socket_t fd)
{
    for (struct open_socket **at = &http->sockets; *at != NULL; at = &(*at)->next) {
        if ((*at)->descriptor.fd != fd) continue;
        struct open_socket *closed = *at;

        *at = closed->next;
        if (closed->watch != NULL) watch_end(closed->watch);
        free(closed);
        return;
    }
}

/*
 * As curl would open it, known to us: a forked child must be able to close it. A socket that never
 * got connected is closed by curl without a word, so its number may be a known one: libuv would
 * refuse to watch two of them.
 */
curl_socket_t pawl_http_socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct pawl_http *http = arg;
    struct open_socket *opened = calloc(1, sizeof *opened);
    int unacked_ms = UNACKED_MS_MAX;

    (void)purpose;
    if (opened == NULL) return CURL_SOCKET_BAD;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    if (fd < 0) {
        free(opened);
        return CURL_SOCKET_BAD;
    }
    open_forget(http, fd);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof unacked_ms);
    opened->descriptor = pawl_descriptor_of(fd);
    opened->next = http->sockets;
    http->sockets = opened;
    return fd;
}

int pawl_http_socket_close(void *arg, curl_socket_t fd)
{
    open_forget(arg, fd);
    return close(fd);
}

void pawl_http_sockets_forget(struct pawl_http *http)
{
    while (http->sockets != NULL) {
        open_forget(http, http->sockets->descriptor.fd);
    }
}

static int local_port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.any.sa_family = AF_UNSPEC};
    socklen_t size = sizeof address;

    if (getsockname(fd, &address.any, &size) != 0) return 0;
    if (address.any.sa_family == AF_INET) return ntohs(address.v4.sin_port);
    return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : 0;
}

bool pawl_http_socket_pending(struct pawl_http *http, int local_port)
{
    for (struct open_socket *at = http->sockets; at != NULL; at = at->next) {
        struct pollfd look = {.fd = at->descriptor.fd, .events = POLLIN};

        if (at->local_port == 0) at->local_port = local_port_of(look.fd);
        if (at->local_port == local_port && poll(&look, 1, 0) != 0) return true;
    }
    return false;
}

static void timer_rang(uv_timer_t *timer)
{
    struct pawl_http *http = timer->data;
    int running = 0;

    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    pawl_http_settle(http);
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = PAWL_OWNER(poll, struct watch, poll);
    struct pawl_http *http = watch->http;
    int flags = 0, running = 0;

    if (!watch->wanted) { /* the server has hung up, most likely: try_begins will see it */
        (void)uv_poll_stop(&watch->poll);
        watch->events = 0;
        return;
    }
    if (status < 0) {
        flags = CURL_CSELECT_ERR;
        watch->events = 0; /* libuv has stopped looking */
    }
    if ((events & UV_READABLE) != 0) flags |= CURL_CSELECT_IN;
    if ((events & UV_WRITABLE) != 0) flags |= CURL_CSELECT_OUT;
    (void)curl_multi_socket_action(http->multi, watch->fd, flags, &running);
    pawl_http_settle(http);
}

/* curl does not say the same time twice: it must never be woken before it, or it sleeps on. */
int pawl_http_timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
    struct pawl_http *http = arg;

    (void)multi;
    if (timeout_ms < 0) {
        (void)uv_timer_stop(&http->timer);
        return 0;
    }
    uint64_t wait_ms = timeout_ms > 0 ? (uint64_t)timeout_ms + 1 : 0;

    uv_update_time(http->loop);
    return uv_timer_start(&http->timer, timer_rang, wait_ms, 0) == 0 ? 0 : -1;
}

static struct watch *watch_new(struct pawl_http *http, curl_socket_t fd)
{
    struct watch *watch = calloc(1, sizeof *watch);

    if (watch == NULL) return NULL;
    if (uv_poll_init_socket(http->loop, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->http = http;
    watch->fd = fd;
    http->handle_count++;
    return watch;
}

/* NULL: a socket of curl's own, no connection. */
static struct open_socket *open_find(struct pawl_http *http, curl_socket_t fd)
{
    struct open_socket *at = http->sockets;

    while (at != NULL && at->descriptor.fd != fd) {
        at = at->next;
    }
    return at;
}

/* NULL: no memory. */
static struct watch *watch_get(struct pawl_http *http, curl_socket_t fd)
{
    struct open_socket *opened = open_find(http, fd);

    if (opened != NULL && opened->watch != NULL) return opened->watch;
    struct watch *watch = watch_new(http, fd);
    if (opened != NULL) opened->watch = watch;
    return watch;
}

int pawl_http_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct pawl_http *http = arg;
    struct watch *watch = known;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch == NULL) return 0;
        (void)curl_multi_assign(http->multi, fd, NULL);
        watch->wanted = false;
        if (open_find(http, fd) == NULL) watch_end(watch);
        return 0;
    }
    if (watch == NULL) {
        watch = watch_get(http, fd);
        if (watch == NULL) return -1;
        (void)curl_multi_assign(http->multi, fd, watch);
    }
    if ((what & CURL_POLL_IN) != 0) events |= UV_READABLE;
    if ((what & CURL_POLL_OUT) != 0) events |= UV_WRITABLE;
    watch->wanted = true;
    if (watch->events == events) return 0;
    watch->events = events;
    return uv_poll_start(&watch->poll, events, socket_ready) == 0 ? 0 : -1;
}

void pawl_http_forked(struct pawl_http *http)
{
    if (http == NULL) return;
    for (struct open_socket *at = http->sockets; at != NULL; at = at->next) {
        pawl_descriptor_close(at->descriptor);
    }
}
