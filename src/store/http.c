/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges as transfers of libcurl's multi interface, which http_loop.c puts on the loop.
 */
#include "store/http_own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    SPARE_TRANSFERS_MAX = 64,
    SPARE_BUFFER_BYTES_MAX = 64 * 1024,
    BUFFER_BYTES_LEAST = 2048,
    IDLE_PROBE_S =
        10, /* a server that vanished in the idle is found out before a request meets it */
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
    const char *why; /* what curl's own error does not tell; NULL: nothing */
    bool stale;      /* the kept connection that it was given cannot be used */
    char error[CURL_ERROR_SIZE];
};

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

/* Undoes what set_request, set_signing and begin_anew have set: the next one may be another kind.
 */
static void forget_request(CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_USERNAME, NULL);
    (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, NULL);
}

/* Keeps the handle for the next exchange; connections are the multi handle's in any case. */
static void transfer_spare(struct transfer *transfer)
{
    struct pawl_http *http = transfer->http;

    if (http->multi == NULL || http->spare_count >= SPARE_TRANSFERS_MAX) {
        transfer_free(transfer);
        return;
    }
    forget_request(transfer->easy);
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    if (transfer->room > SPARE_BUFFER_BYTES_MAX) {
        free(transfer->buffer);
        transfer->buffer = NULL;
        transfer->room = 0;
    }
    transfer->size = 0;
    transfer->why = NULL;
    transfer->stale = false;
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
        transfer->why = "the answer is longer than any that we asked for";
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

/* Most answers bear the second that the one before bore. */
static int64_t date_of(struct pawl_http *http, const char *text)
{
    if (strcmp(http->date_text, text) == 0) return http->date_s;
    time_t date = curl_getdate(text, NULL);

    (void)snprintf(http->date_text, sizeof http->date_text, "%s", text);
    http->date_s = date > 0 ? date : 0;
    return http->date_s;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): curl's type */
static size_t header_came(char *bytes, size_t one, size_t count, void *arg)
{
    struct pawl_http_exchange *exchange = ((struct transfer *)arg)->exchange;
    struct pawl_bytes line = {bytes, one * count};
    char value[64];

    if (header_value(line, "Date:", value, sizeof value)) {
        exchange->answer_date_s = date_of(((struct transfer *)arg)->http, value);
    } else if (header_value(line, "x-amz-crc32:", value, sizeof value)) {
        uint64_t crc = 0;

        exchange->has_crc32 =
            pawl_bytes_to_u64((struct pawl_bytes){value, strlen(value)}, &crc) && crc <= UINT32_MAX;
        exchange->answer_crc32 = (uint32_t)crc;
    }
    return line.size;
}

/* Whether the server can have seen any of the request, on this connection or one before it (curl
 * begins anew where a kept connection turns out dead). */
static bool may_have_been_sent(struct transfer *transfer, CURLcode result)
{
    long sent = 0;

    if (result == CURLE_SEND_ERROR) return true;
    return curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK || sent > 0;
}

/*
 * Called before each try. A kept connection on which something came while nobody waited is not
 * used: libcurl would take it for the answer to what it sends now, or find out too late that the
 * server has hung up. And libcurl begins anew, on its own, where a kept connection dies before the
 * first byte of an answer.
 */
/* NOLINTNEXTLINE(readability-non-const-parameter): curl's type */
static int try_begins(void *arg, char *to, char *from, int to_port, int from_port)
{
    struct transfer *transfer = arg;
    long made = 0;

    (void)to;
    (void)from;
    (void)to_port;
    if (may_have_been_sent(transfer, CURLE_OK)) {
        if (transfer->exchange->resend) return CURL_PREREQFUNC_OK;
        transfer->why = "a kept connection died under the request";
        return CURL_PREREQFUNC_ABORT;
    }
    if (curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &made) != CURLE_OK || made > 0 ||
        !pawl_http_socket_pending(transfer->http, from_port)) {
        return CURL_PREREQFUNC_OK;
    }
    transfer->stale = true;
    return CURL_PREREQFUNC_ABORT;
}

static void describe(struct transfer *transfer, CURLcode result)
{
    struct pawl_http_exchange *exchange = transfer->exchange;
    const char *text = transfer->why;

    if (text == NULL && transfer->error[0] != '\0') text = transfer->error;
    if (text == NULL) text = curl_easy_strerror(result);
    (void)snprintf(exchange->error, sizeof exchange->error, "%s", text);
    exchange->bare = result == CURLE_SSL_CONNECT_ERROR; /* a certificate's has another number */
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

/* Nothing was sent: again, on a connection of its own. */
static bool begin_anew(struct transfer *transfer)
{
    if (!transfer->stale) return false;
    transfer->stale = false;
    transfer->error[0] = '\0';
    if (curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK ||
        curl_multi_add_handle(transfer->http->multi, transfer->easy) != CURLM_OK) {
        return false;
    }
    link_active(transfer);
    return true;
}

/* What done does may be anything, even pawl_http_free: the memory stays until handles close. */
void pawl_http_settle(struct pawl_http *http)
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
        if (!begin_anew(transfer)) transfer_over(transfer, result);
    }
}

/* What is the same for all. */
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
    SET(CURLOPT_OPENSOCKETFUNCTION, pawl_http_socket_open);
    SET(CURLOPT_OPENSOCKETDATA, http);
    SET(CURLOPT_CLOSESOCKETFUNCTION, pawl_http_socket_close);
    SET(CURLOPT_CLOSESOCKETDATA, http);
    SET(CURLOPT_PREREQFUNCTION, try_begins);
    SET(CURLOPT_PREREQDATA, transfer);
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
    if (http->cert_file != NULL) SET(CURLOPT_SSLCERT, http->cert_file);
    if (http->key_file != NULL) SET(CURLOPT_SSLKEY, http->key_file);
    return fine;
}

/* NULL: no memory, or a libcurl that cannot. */
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
    if (transfer->easy != NULL && set_manners(transfer)) return transfer;
    curl_easy_cleanup(transfer->easy);
    free(transfer);
    return NULL;
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
    if (!set_request(transfer) || !set_signing(transfer) ||
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
    http->ca_file = settings->ca_file;
    http->cert_file = settings->cert_file;
    http->key_file = settings->key_file;
    if (http->multi == NULL) {
        curl_global_cleanup();
        free(http);
        (void)pawl_fail(error, PAWL_NO_MEMORY, "no memory for HTTP");
        return NULL;
    }
    (void)uv_timer_init(http->loop, &http->timer);
    (void)uv_timer_init(http->loop, &http->refusals);
    http->timer.data = http->refusals.data = http;
    http->handle_count = 2;
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, pawl_http_socket_wanted);
    (void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    (void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, pawl_http_timer_wanted);
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
    pawl_http_sockets_forget(http);
    uv_close((uv_handle_t *)&http->timer, pawl_http_closed);
    uv_close((uv_handle_t *)&http->refusals, pawl_http_closed);
}
