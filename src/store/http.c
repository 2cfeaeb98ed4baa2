/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface on a libuv loop: curl names the sockets to watch and the time to wake
 * it, and says which transfers are over.
 */
#include "store/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"

enum {
    SPARE_TRANSFERS_MAX = 64,
    SPARE_BUFFER_BYTES_MAX = 64 * 1024,
    BUFFER_BYTES_LEAST = 2048,
    IDLE_PROBE_S = 10,       /* a connection whose server has vanished is found out in its idle */
    UNACKED_MS_MAX = 10000,  /* time, before a request meets it */
    SIGNING_BYTES_MAX = 160, /* "aws:amz:" region ":" service: 64 characters each, says curl */
};

/* One exchange at curl. */
struct transfer {
    struct pawl_http *http;
    struct pawl_http_exchange *exchange;
    struct transfer *next;  /* of those under way, or spare */
    struct transfer *prior; /* of those under way */
    CURL *easy;
    struct curl_slist *headers;
    char *buffer; /* the answer */
    size_t size, room;
    bool too_long;
    char error[CURL_ERROR_SIZE];
};

/* A socket that curl has open. */
struct open_socket {
    struct pawl_descriptor descriptor;
    struct open_socket *next;
};

/* A socket that curl waits for. */
struct watch {
    uv_poll_t poll;
    struct pawl_http *http;
    curl_socket_t fd;
};

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
    char *ca_file;
};

static void http_closed(uv_handle_t *handle)
{
    struct pawl_http *http = handle->data;

    if (--http->handle_count > 0) return;
    curl_global_cleanup();
    free(http->ca_file);
    free(http);
}

static void watch_closed(uv_handle_t *handle)
{
    struct watch *watch = PAWL_OWNER(handle, struct watch, poll);
    uv_handle_t anchor = {.data = watch->http};

    free(watch);
    http_closed(&anchor);
}

static void link_active(struct transfer *transfer)
{
    struct pawl_http *http = transfer->http;

    transfer->prior = NULL;
    transfer->next = http->active;
    if (http->active != NULL) http->active->prior = transfer;
    http->active = transfer;
}

static void unlink_active(struct transfer *transfer)
{
    *(transfer->prior != NULL ? &transfer->prior->next : &transfer->http->active) = transfer->next;
    if (transfer->next != NULL) transfer->next->prior = transfer->prior;
}

static void transfer_free(struct transfer *transfer)
{
    curl_slist_free_all(transfer->headers);
    curl_easy_cleanup(transfer->easy);
    free(transfer->buffer);
    free(transfer);
}

/* NULL: no memory. */
static struct transfer *transfer_new(struct pawl_http *http)
{
    struct transfer *transfer = http->spare;

    if (transfer != NULL) {
        http->spare = transfer->next;
        http->spare_count--;
        return transfer;
    }
    transfer = calloc(1, sizeof *transfer);
    if (transfer == NULL) return NULL;
    transfer->http = http;
    transfer->easy = curl_easy_init();
    if (transfer->easy != NULL) return transfer;
    free(transfer);
    return NULL;
}

/* Keeps the handle for the next exchange; connections are the multi handle's in any case. */
static void transfer_spare(struct transfer *transfer)
{
    struct pawl_http *http = transfer->http;

    if (http->multi == NULL || http->spare_count >= SPARE_TRANSFERS_MAX) {
        transfer_free(transfer);
        return;
    }
    curl_easy_reset(transfer->easy);
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    if (transfer->room > SPARE_BUFFER_BYTES_MAX) {
        free(transfer->buffer);
        transfer->buffer = NULL;
        transfer->room = 0;
    }
    transfer->size = 0;
    transfer->too_long = false;
    transfer->error[0] = '\0';
    transfer->next = http->spare;
    http->spare = transfer;
    http->spare_count++;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): curl's type */
static size_t body_came(char *bytes, size_t one, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t size = one * count;

    if (size > PAWL_HTTP_BODY_BYTES_MAX - transfer->size) {
        transfer->too_long = true;
        return 0;
    }
    if (transfer->size + size > transfer->room) {
        size_t room = transfer->room > 0 ? transfer->room : BUFFER_BYTES_LEAST;

        while (room < transfer->size + size) {
            room *= 2;
        }
        char *buffer = realloc(transfer->buffer, room);

        if (buffer == NULL) return 0;
        transfer->buffer = buffer;
        transfer->room = room;
    }
    memcpy(transfer->buffer + transfer->size, bytes, size);
    transfer->size += size;
    return size;
}

/* The value of the header line if it is called name (with its colon), trimmed and cut at size. */
static bool header_value(struct pawl_bytes line, const char *name, char *value, size_t size)
{
    size_t name_size = strlen(name);

    if (line.size < name_size || strncasecmp(line.at, name, name_size) != 0) return false;
    const char *at = line.at + name_size;
    const char *end = line.at + line.size;

    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    while (end > at && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ')) {
        end--;
    }
    (void)snprintf(value, size, "%.*s", (int)(end - at), at);
    return true;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): curl's type */
static size_t header_came(char *bytes, size_t one, size_t count, void *arg)
{
    struct pawl_http_exchange *exchange = ((struct transfer *)arg)->exchange;
    struct pawl_bytes line = {bytes, one * count};
    char value[64];

    if (header_value(line, "Date:", value, sizeof value)) {
        time_t date = curl_getdate(value, NULL);

        exchange->answer_date_s = date > 0 ? date : 0;
    } else if (header_value(line, "x-amz-crc32:", value, sizeof value)) {
        uint64_t crc = 0;

        exchange->has_crc32 =
            pawl_bytes_to_u64((struct pawl_bytes){value, strlen(value)}, &crc) && crc <= UINT32_MAX;
        exchange->answer_crc32 = (uint32_t)crc;
    }
    return line.size;
}

/* As curl would open it, known to us: a forked child must be able to close it. */
static curl_socket_t socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
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
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof unacked_ms);
    opened->descriptor = pawl_descriptor_of(fd);
    opened->next = http->sockets;
    http->sockets = opened;
    return fd;
}

static int socket_close(void *arg, curl_socket_t fd)
{
    struct pawl_http *http = arg;

    for (struct open_socket **at = &http->sockets; *at != NULL; at = &(*at)->next) {
        if ((*at)->descriptor.fd != fd) continue;
        struct open_socket *closed = *at;

        *at = closed->next;
        free(closed);
        break;
    }
    return close(fd);
}

/* Whether the server can have seen any of the request, on this connection or one before it (curl
 * begins anew where a kept connection turns out dead). */
static bool may_have_been_sent(struct transfer *transfer, CURLcode result)
{
    long sent = 0;

    if (result == CURLE_SEND_ERROR) return true;
    return curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK || sent > 0;
}

static void describe(struct transfer *transfer, CURLcode result)
{
    struct pawl_http_exchange *exchange = transfer->exchange;
    const char *text = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(result);

    if (transfer->too_long) {
        (void)snprintf(exchange->error, sizeof exchange->error,
                       "the answer is longer than %d bytes", PAWL_HTTP_BODY_BYTES_MAX);
    } else {
        (void)snprintf(exchange->error, sizeof exchange->error, "%s", text);
    }
}

/* It is in no list and not at curl any more. */
static void transfer_over(struct transfer *transfer, CURLcode result)
{
    struct pawl_http_exchange *exchange = transfer->exchange;
    long status = 0;

    if (result == CURLE_OK &&
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK) {
        exchange->end = PAWL_HTTP_ANSWERED;
        exchange->status = (int)status;
        exchange->answer = (struct pawl_bytes){transfer->buffer, transfer->size};
    } else {
        exchange->end = may_have_been_sent(transfer, result) ? PAWL_HTTP_CUT : PAWL_HTTP_NOT_SENT;
        describe(transfer, result);
    }
    exchange->io = NULL;
    exchange->done(exchange);
    transfer_spare(transfer);
}

/* What done does may be anything, even pawl_http_free: the memory stays until handles close. */
static void end_all_over(struct pawl_http *http)
{
    int left = 0;

    while (http->multi != NULL) {
        CURLMsg *message = curl_multi_info_read(http->multi, &left);
        struct transfer *transfer = NULL;

        if (message == NULL) return;
        CURLcode result = message->data.result;

        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        (void)curl_multi_remove_handle(http->multi, transfer->easy);
        unlink_active(transfer);
        transfer_over(transfer, result);
    }
}

static void timer_rang(uv_timer_t *timer)
{
    struct pawl_http *http = timer->data;
    int running = 0;

    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    end_all_over(http);
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = PAWL_OWNER(poll, struct watch, poll);
    struct pawl_http *http = watch->http;
    int flags = 0, running = 0;

    if (status < 0) flags = CURL_CSELECT_ERR;
    if ((events & UV_READABLE) != 0) flags |= CURL_CSELECT_IN;
    if ((events & UV_WRITABLE) != 0) flags |= CURL_CSELECT_OUT;
    (void)curl_multi_socket_action(http->multi, watch->fd, flags, &running);
    end_all_over(http);
}

/* curl does not say the same time twice: it must never be woken before it, or it sleeps on. */
static int timer_wanted(CURLM *multi, long timeout_ms, void *arg)
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

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct pawl_http *http = arg;
    struct watch *watch = known;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            (void)uv_poll_stop(&watch->poll);
            uv_close((uv_handle_t *)&watch->poll, watch_closed);
            (void)curl_multi_assign(http->multi, fd, NULL);
        }
        return 0;
    }
    if (watch == NULL) {
        watch = watch_new(http, fd);
        if (watch == NULL) return -1;
        (void)curl_multi_assign(http->multi, fd, watch);
    }
    if ((what & CURL_POLL_IN) != 0) events |= UV_READABLE;
    if ((what & CURL_POLL_OUT) != 0) events |= UV_WRITABLE;
    return uv_poll_start(&watch->poll, events, socket_ready) == 0 ? 0 : -1;
}

/* What is the same for all. false: this libcurl cannot. */
static bool set_manners(struct transfer *transfer)
{
    struct pawl_http *http = transfer->http;
    CURL *easy = transfer->easy;
    bool fine = true;

#define SET(option, value) fine = curl_easy_setopt(easy, option, value) == CURLE_OK && fine
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->error);
    SET(CURLOPT_WRITEFUNCTION, body_came);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, header_came);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_OPENSOCKETFUNCTION, socket_open);
    SET(CURLOPT_OPENSOCKETDATA, http);
    SET(CURLOPT_CLOSESOCKETFUNCTION, socket_close);
    SET(CURLOPT_CLOSESOCKETDATA, http);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, (long)IDLE_PROBE_S);
    SET(CURLOPT_TCP_KEEPINTVL, (long)IDLE_PROBE_S / 2);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)PAWL_HTTP_CONNECT_MS);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a name still being looked up does not hold up the close */
    SET(CURLOPT_SSL_VERIFYPEER, http->verify ? 1L : 0L);
    SET(CURLOPT_SSL_VERIFYHOST, http->verify ? 2L : 0L);
    if (http->ca_file != NULL) SET(CURLOPT_CAINFO, http->ca_file);
    return fine;
}

static bool set_request(struct transfer *transfer)
{
    const struct pawl_http_exchange *exchange = transfer->exchange;
    CURL *easy = transfer->easy;
    bool fine = true;

    for (size_t i = 0; i < PAWL_HTTP_HEADERS_MAX && exchange->headers[i] != NULL; i++) {
        struct curl_slist *longer = curl_slist_append(transfer->headers, exchange->headers[i]);

        if (longer == NULL) return false;
        transfer->headers = longer;
    }
    SET(CURLOPT_URL, exchange->url);
    SET(CURLOPT_HTTPHEADER, transfer->headers);
    SET(CURLOPT_TIMEOUT_MS, (long)exchange->timeout_ms);
    if (strcmp(exchange->method, "GET") == 0) {
        SET(CURLOPT_HTTPGET, 1L);
        return fine;
    }
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body.size);
    SET(CURLOPT_COPYPOSTFIELDS, exchange->body.size > 0 ? exchange->body.at : "");
    SET(CURLOPT_CUSTOMREQUEST, exchange->method);
    return fine;
}

/* Without a user name curl would send the request unsigned. */
static bool set_signing(struct transfer *transfer)
{
    const struct pawl_http_exchange *exchange = transfer->exchange;
    CURL *easy = transfer->easy;
    char provider[SIGNING_BYTES_MAX];
    bool fine = true;

    if (exchange->sign_service == NULL) return true;
    if (exchange->sign_key_id == NULL || exchange->sign_key_id[0] == '\0' ||
        exchange->sign_secret == NULL || exchange->sign_secret[0] == '\0') {
        (void)snprintf(transfer->error, sizeof transfer->error, "no credentials to sign with");
        return false;
    }
    (void)snprintf(provider, sizeof provider, "aws:amz:%s:%s", exchange->sign_region,
                   exchange->sign_service);
    SET(CURLOPT_AWS_SIGV4, provider);
    SET(CURLOPT_USERNAME, exchange->sign_key_id);
    SET(CURLOPT_PASSWORD, exchange->sign_secret);
#undef SET
    return fine;
}

static void end_refused(struct pawl_http *http)
{
    while (http->refused != NULL) {
        struct pawl_http_exchange *exchange = http->refused;

        http->refused = exchange->io;
        exchange->io = NULL;
        exchange->end = PAWL_HTTP_NOT_SENT;
        exchange->done(exchange);
    }
}

static void refusals_rang(uv_timer_t *timer)
{
    end_refused(timer->data);
}

/* Ends it in the next turn of the loop. */
static void refuse(struct pawl_http *http, struct pawl_http_exchange *exchange, const char *why)
{
    (void)snprintf(exchange->error, sizeof exchange->error, "%s", why);
    exchange->io = http->refused;
    http->refused = exchange;
    (void)uv_timer_start(&http->refusals, refusals_rang, 0, 0);
}

void pawl_http_send(struct pawl_http *http, struct pawl_http_exchange *exchange)
{
    PAWL_ASSERT(http->multi != NULL && !http->closing && exchange->done != NULL);
    struct transfer *transfer = transfer_new(http);

    exchange->status = 0;
    exchange->answer = (struct pawl_bytes){NULL, 0};
    exchange->answer_date_s = 0;
    exchange->has_crc32 = false;
    exchange->error[0] = '\0';
    if (transfer == NULL) {
        refuse(http, exchange, "no memory for a request");
        return;
    }
    transfer->exchange = exchange;
    exchange->io = transfer;
    if (!set_manners(transfer) || !set_request(transfer) || !set_signing(transfer) ||
        curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK) {
        refuse(http, exchange,
               transfer->error[0] != '\0' ? transfer->error : "libcurl refuses the request");
        transfer_spare(transfer);
        return;
    }
    link_active(transfer);
}

struct pawl_http *pawl_http_new(const struct pawl_http_settings *settings, pawl_error *error)
{
    struct pawl_http *http = calloc(1, sizeof *http);

    if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        (void)pawl_fail(error, PAWL_NO_MEMORY, "no memory for HTTP");
        return NULL;
    }
    http->loop = settings->loop;
    http->verify = settings->verify;
    http->multi = curl_multi_init();
    if (settings->ca_file != NULL) http->ca_file = strdup(settings->ca_file);
    if (http->multi == NULL || (settings->ca_file != NULL && http->ca_file == NULL)) {
        (void)curl_multi_cleanup(http->multi);
        curl_global_cleanup();
        free(http->ca_file);
        free(http);
        (void)pawl_fail(error, PAWL_NO_MEMORY, "no memory for HTTP");
        return NULL;
    }
    (void)uv_timer_init(http->loop, &http->timer);
    (void)uv_timer_init(http->loop, &http->refusals);
    http->timer.data = http->refusals.data = http;
    http->handle_count = 2;
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                            (long)PAWL_HTTP_CONNECTIONS_MAX);
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)PAWL_HTTP_CONNECTIONS_MAX);
    return http;
}

bool pawl_http_closing(const struct pawl_http *http)
{
    return http->closing;
}

void pawl_http_free(struct pawl_http *http)
{
    if (http == NULL) return;
    http->closing = true;
    for (struct transfer *transfer = http->active, *next = NULL; transfer != NULL;
         transfer = next) {
        next = transfer->next;
        (void)curl_multi_remove_handle(http->multi, transfer->easy);
        (void)snprintf(transfer->error, sizeof transfer->error, "the store is being closed");
        transfer_over(transfer, CURLE_ABORTED_BY_CALLBACK);
    }
    end_refused(http);
    for (struct transfer *transfer = http->spare, *next = NULL; transfer != NULL; transfer = next) {
        next = transfer->next;
        transfer_free(transfer);
    }
    (void)curl_multi_cleanup(http->multi);
    http->multi = NULL;
    uv_close((uv_handle_t *)&http->timer, http_closed);
    uv_close((uv_handle_t *)&http->refusals, http_closed);
}

void pawl_http_forked(struct pawl_http *http)
{
    if (http == NULL) return;
    for (struct open_socket *at = http->sockets; at != NULL; at = at->next) {
        pawl_descriptor_close(at->descriptor);
    }
}
