/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_world.h"

#include "store/schemes.h"

struct bench bench;

struct pawl_http *pawl_http_new(const struct pawl_http_settings *settings, pawl_error *error)
{
    (void)settings;
    (void)error;
    return &bench.http;
}

void pawl_http_send(struct pawl_http *http, struct pawl_http_exchange *exchange)
{
    const char *put = NULL;

    assert_true(http->count < EXCHANGES_MAX);
    http->waiting[http->count++] = exchange;
    bench.sent++;
    (void)snprintf(bench.url, sizeof bench.url, "%s", exchange->url);
    (void)snprintf(bench.token, sizeof bench.token, "%s",
                   exchange->headers[1] != NULL ? exchange->headers[1] : "");
    (void)snprintf(bench.body, sizeof bench.body, "%.*s", (int)exchange->body.size,
                   exchange->body.at);
    put = strstr(bench.body, "request_put");
    if (put != NULL) {
        (void)sscanf(strstr(put, "\"value\":\""), "\"value\":\"%8000[^\"]", bench.value);
    }
}

void end_exchange(enum pawl_http_end end, int status, const char *answer)
{
    assert_int_equal(bench.http.count, 1);
    struct pawl_http_exchange *exchange = bench.http.waiting[--bench.http.count];

    exchange->end = end;
    exchange->status = status;
    exchange->answer = (struct pawl_bytes){answer, strlen(answer)};
    exchange->done(exchange);
}

void pawl_http_free(struct pawl_http *http)
{
    while (http != NULL && http->count > 0) {
        struct pawl_http_exchange *exchange = http->waiting[--http->count];

        exchange->end = PAWL_HTTP_CUT;
        exchange->done(exchange);
    }
}

bool pawl_http_closing(const struct pawl_http *http)
{
    (void)http;
    return false;
}

void pawl_http_forked(struct pawl_http *http)
{
    (void)http;
}

/* Asks. */

void probe_done(struct pawl_ask *ask)
{
    PAWL_OWNER(ask, struct probe, ask)->answers++;
}

void turns(void)
{
    for (int i = 0; i < 8; i++) {
        (void)bench.store->ops->turn(bench.store, bench.now_ns);
    }
}

void begin(struct probe *probe, enum pawl_ask_kind kind)
{
    static const pawl_definition defaults = {0};

    *probe = (struct probe){.ask = {.kind = kind,
                                    .name = PAWL_BYTES("orders"),
                                    .count = 10,
                                    .definition = &defaults,
                                    .done = probe_done}};
    pawl_source_ask(bench.store, &probe->ask);
    turns();
}

void answer(int status, const char *format, ...)
{
    static char text[2 * BODY_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    end_exchange(PAWL_HTTP_ANSWERED, status, text);
    turns();
}

void answer_error(int status, int code, const char *message)
{
    answer(status, "{\"error\":\"%s\",\"message\":\"%s\",\"code\":%d}", message, message, code);
}

void open_store(const char *url)
{
    static uv_loop_t loop;
    struct pawl_store_options options = {.loop = &loop, .seed = 3, .refill_interval_ns = 1};
    pawl_error error = {.text = ""};

    bench = (struct bench){.now_ns = 1000};
    if (pawl_etcd_open(url, &options, &bench.store, &error) != PAWL_OK) fail_msg("%s", error.text);
}

/* A store that remembers orders at revision 10. */
void open_with_record(const char *url)
{
    struct probe probe;

    open_store(url);
    begin(&probe, PAWL_ASK_CREATE);
    answer(200, HEADER(9) "," BRANCH_1 "}");
    answer(200, HEADER(9) "}");
    answer(200, HEADER(10) ",\"succeeded\":true}");
    assert_int_equal(probe.answers, 1);
    assert_int_equal(probe.ask.error.code, PAWL_OK);
    bench.sent = 0;
}

void close_store(void)
{
    bench.store->ops->close(bench.store);
}

void expect(const struct probe *probe, pawl_err code, uint64_t burned)
{
    assert_int_equal(probe->answers, 1);
    if (probe->ask.error.code != code) fail_msg("%s", probe->ask.error.text);
    assert_int_equal(probe->ask.burned, burned);
}
