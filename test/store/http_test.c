/* SPDX-License-Identifier: Apache-2.0 */
#include "store/http.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http_server.h"

enum { MANY = 200, WAIT_MS_MAX = 20000 };

/* A loop with a server and a client on it. */
struct world {
    uv_loop_t loop;
    uv_timer_t guard;
    struct http_server server;
    struct pawl_http *http;
    char url[64];
    size_t over;
};

struct deed {
    struct pawl_http_exchange exchange;
    struct world *world;
    size_t ends;
    char answer[256];
};

static void guard_rang(uv_timer_t *timer)
{
    (void)timer;
    (void)fprintf(stderr, "an exchange gets no end\n");
    abort();
}

static void world_open(struct world *world, void (*asked)(struct http_peer *peer))
{
    *world = (struct world){.over = 0};
    assert_int_equal(uv_loop_init(&world->loop), 0);
    assert_int_equal(uv_timer_init(&world->loop, &world->guard), 0);
    assert_int_equal(uv_timer_start(&world->guard, guard_rang, WAIT_MS_MAX, 0), 0);
    uv_unref((uv_handle_t *)&world->guard);
    world->server.asked = asked;
    http_server_start(&world->server, &world->loop);
    (void)snprintf(world->url, sizeof world->url, "http://127.0.0.1:%d/", world->server.port);
    struct pawl_http_settings settings = {.loop = &world->loop, .verify = true};

    world->http = pawl_http_new(&settings, NULL);
    assert_non_null(world->http);
}

/* The loop runs out only if every handle was closed. */
static void world_close(struct world *world)
{
    pawl_http_free(world->http);
    http_server_stop(&world->server);
    uv_close((uv_handle_t *)&world->guard, NULL);
    while (uv_run(&world->loop, UV_RUN_DEFAULT) != 0) {
    }
    assert_int_equal(uv_loop_close(&world->loop), 0);
}

static void deed_done(struct pawl_http_exchange *exchange)
{
    struct deed *deed = PAWL_OWNER(exchange, struct deed, exchange);

    deed->ends++;
    deed->world->over++;
    uv_stop(&deed->world->loop); /* or it would wait for what comes next */
    (void)snprintf(deed->answer, sizeof deed->answer, "%.*s", (int)exchange->answer.size,
                   exchange->answer.size > 0 ? exchange->answer.at : "");
}

static struct deed deed_of(struct world *world, const char *body)
{
    return (struct deed){.world = world,
                         .exchange = {.method = "POST",
                                      .url = world->url,
                                      .headers = {"Content-Type: application/json"},
                                      .body = {body, strlen(body)},
                                      .timeout_ms = 5000,
                                      .done = deed_done}};
}

static void run_until(struct world *world, size_t over)
{
    while (world->over < over) {
        assert_true(uv_run(&world->loop, UV_RUN_ONCE) != 0 || world->over >= over);
    }
}

static void carry_out(struct deed *deed)
{
    size_t over = deed->world->over;

    pawl_http_send(deed->world->http, &deed->exchange);
    assert_int_equal(deed->ends, 0); /* never from inside */
    run_until(deed->world, over + 1);
    assert_int_equal(deed->ends, 1);
}

static void answer_body(struct http_peer *peer)
{
    http_peer_answer(peer, 200,
                     "Date: Thu, 01 Jan 2026 00:00:10 GMT\r\nX-Amz-Crc32: 2745614147\r\n",
                     http_peer_body(peer));
}

static void answers_come_back_with_what_their_headers_say(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, answer_body);
    struct deed deed = deed_of(&world, "{}");

    carry_out(&deed);
    assert_int_equal(deed.exchange.end, PAWL_HTTP_ANSWERED);
    assert_int_equal(deed.exchange.status, 200);
    assert_string_equal(deed.answer, "{}");
    assert_int_equal(deed.exchange.answer_date_s, 1767225610);
    assert_true(deed.exchange.has_crc32);
    assert_int_equal(deed.exchange.answer_crc32, 2745614147U);
    world_close(&world);
}

static void show_head(struct http_peer *peer)
{
    char method[16], length[16];

    (void)snprintf(method, sizeof method, "%.*s", (int)strcspn(peer->text, " "), peer->text);
    http_peer_header(peer, "Content-Length", length, sizeof length);
    char *body = strdup(method);

    assert_non_null(body);
    http_peer_answer(peer, *length != '\0' ? 200 : 404, "", body);
    free(body);
}

static void methods_go_out_as_they_are_meant(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, show_head);
    struct deed get = deed_of(&world, ""), put = get;

    get.exchange.method = "GET";
    put.exchange.method = "PUT";
    carry_out(&get);
    carry_out(&put);
    assert_string_equal(get.answer, "GET");
    assert_int_equal(get.exchange.status, 404); /* a GET has no length */
    assert_string_equal(put.answer, "PUT");
    assert_int_equal(put.exchange.status, 200);
    world_close(&world);
}

static void many_share_few_connections(void **state)
{
    struct world world;
    struct deed *deeds = calloc(MANY, sizeof *deeds);
    char body[32];

    (void)state;
    assert_non_null(deeds);
    world_open(&world, answer_body);
    for (int round = 1; round <= 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            (void)snprintf(body, sizeof body, "%zu", i);
            deeds[i] = deed_of(&world, body);
            pawl_http_send(world.http, &deeds[i].exchange); /* copies body */
        }
        run_until(&world, (size_t)round * MANY);
        for (size_t i = 0; i < MANY; i++) {
            (void)snprintf(body, sizeof body, "%zu", i);
            assert_int_equal(deeds[i].ends, 1);
            assert_string_equal(deeds[i].answer, body);
        }
        assert_true(world.server.connections <= PAWL_HTTP_CONNECTIONS_MAX);
    }
    world_close(&world);
    free(deeds);
}

static void nobody_listens(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, answer_body);
    http_server_deaf(&world.server);
    struct deed deed = deed_of(&world, "{}");

    carry_out(&deed);
    assert_int_equal(deed.exchange.end, PAWL_HTTP_NOT_SENT);
    assert_non_null(strstr(deed.exchange.error, "127.0.0.1"));
    world_close(&world);
}

/* A port that answers no more connections: its queue is full, and further SYNs are dropped. */
static int full_port(int *listener, int *waiting)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    *listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*listener, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(*listener, 0), 0);
    assert_int_equal(getsockname(*listener, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(connect(*waiting, (struct sockaddr *)&at, size), 0);
    return ntohs(at.sin_port);
}

/* curl closes such a socket without a word, and the next one has its number. */
static void who_was_never_connected_is_forgotten(void **state)
{
    int listener = -1;
    int waiting = -1;
    char url[64];
    struct world world;

    (void)state;
    world_open(&world, answer_body);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", full_port(&listener, &waiting));
    struct deed lost = deed_of(&world, "{}");
    struct deed good = deed_of(&world, "{}");

    lost.exchange.url = url;
    carry_out(&lost);
    assert_int_equal(lost.exchange.end, PAWL_HTTP_NOT_SENT);
    carry_out(&good);
    assert_int_equal(good.exchange.end, PAWL_HTTP_ANSWERED);
    (void)close(waiting);
    (void)close(listener);
    world_close(&world);
}

/* What was watched of it must not keep the loop, and with it the process, from ending. */
static void who_was_never_connected_keeps_nobody(void **state)
{
    int listener = -1;
    int waiting = -1;
    char url[64];
    struct world world;

    (void)state;
    world_open(&world, answer_body);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", full_port(&listener, &waiting));
    struct deed lost = deed_of(&world, "{}");

    lost.exchange.url = url;
    carry_out(&lost);
    assert_int_equal(lost.exchange.end, PAWL_HTTP_NOT_SENT);
    (void)close(waiting);
    (void)close(listener);
    world_close(&world);
}

static void what_cannot_be_meant_is_not_sent(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, answer_body);
    struct deed file = deed_of(&world, ""), nobody = file, bare = file;

    file.exchange.url = "file:///etc/passwd";
    nobody.exchange.url = "http://no-such-host.invalid/";
    bare.exchange.sign_service = "dynamodb";
    bare.exchange.sign_region = "us-east-1";
    carry_out(&file);
    carry_out(&nobody);
    carry_out(&bare);
    assert_int_equal(file.exchange.end, PAWL_HTTP_NOT_SENT);
    assert_int_equal(nobody.exchange.end, PAWL_HTTP_NOT_SENT);
    assert_int_equal(bare.exchange.end, PAWL_HTTP_NOT_SENT);
    assert_non_null(strstr(bare.exchange.error, "credentials"));
    assert_int_equal(world.server.connections, 0);
    world_close(&world);
}

static void say_nothing(struct http_peer *peer)
{
    (void)peer;
}

static void silence_ends_in_time_as_cut(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, say_nothing);
    struct deed deed = deed_of(&world, "{}");
    uint64_t begin_ns = pawl_clock_ns();

    deed.exchange.timeout_ms = 50;
    carry_out(&deed);
    assert_int_equal(deed.exchange.end, PAWL_HTTP_CUT);
    assert_int_equal(world.server.requests, 1);
    assert_true(pawl_clock_ns() - begin_ns < 5 * PAWL_NS_PER_S);
    world_close(&world);
}

static void cut_half_way(struct http_peer *peer)
{
    http_peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":");
    http_peer_cut(peer);
}

static void half_an_answer_is_cut(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, cut_half_way);
    struct deed deed = deed_of(&world, "{}");

    carry_out(&deed);
    assert_int_equal(deed.exchange.end, PAWL_HTTP_CUT);
    assert_int_equal(deed.exchange.answer.size, 0);
    world_close(&world);
}

/* Answers the first request of a connection; the second one is read, and the connection cut. */
static void answer_once(struct http_peer *peer)
{
    if (peer->requests == 1) {
        answer_body(peer);
        return;
    }
    http_server_deaf(peer->server);
    http_peer_cut(peer);
}

/* The kept connection dies under the request; the new one that curl tries then is refused. That
 * looks like a server that is not there, but it has seen the request. */
static void a_request_lost_on_a_kept_connection_is_cut(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, answer_once);
    struct deed first = deed_of(&world, "1"), second = deed_of(&world, "2");

    carry_out(&first);
    assert_int_equal(first.exchange.end, PAWL_HTTP_ANSWERED);
    carry_out(&second);
    assert_int_equal(world.server.requests, 2);
    assert_int_equal(world.server.connections, 1);
    assert_int_equal(second.exchange.end, PAWL_HTTP_CUT);
    world_close(&world);
}

/* As above, but whoever dials again is served. */
static void answer_first_of_each(struct http_peer *peer)
{
    if (peer->requests == 1) {
        answer_body(peer);
    } else {
        http_peer_cut(peer);
    }
}

static void only_what_does_no_harm_twice_is_resent(void **state)
{
    (void)state;
    for (int resend = 0; resend <= 1; resend++) {
        struct world world;

        world_open(&world, answer_first_of_each);
        struct deed first = deed_of(&world, "1"), second = deed_of(&world, "2");

        second.exchange.resend = resend != 0;
        carry_out(&first);
        carry_out(&second);
        assert_int_equal(world.server.requests, resend != 0 ? 3 : 2);
        assert_int_equal(second.exchange.end, resend != 0 ? PAWL_HTTP_ANSWERED : PAWL_HTTP_CUT);
        if (resend == 0) assert_non_null(strstr(second.exchange.error, "kept connection"));
        world_close(&world);
    }
}

static void answer_and_remember(struct http_peer *peer)
{
    peer->server->arg = peer;
    answer_body(peer);
}

/* What comes on a connection while nobody waits is in nobody's answer, nor is its end. */
static void a_kept_connection_is_used_only_if_nothing_came_on_it(void **state)
{
    (void)state;
    for (int cut = 0; cut <= 1; cut++) {
        struct world world;

        world_open(&world, answer_and_remember);
        struct deed first = deed_of(&world, "1"), second = deed_of(&world, "2");

        carry_out(&first);
        if (cut != 0) {
            http_peer_cut(world.server.arg);
        } else {
            http_peer_answer(world.server.arg, 200, "", "1"); /* again */
        }
        (void)uv_run(&world.loop, UV_RUN_NOWAIT);
        carry_out(&second);
        assert_int_equal(second.exchange.end, PAWL_HTTP_ANSWERED);
        assert_string_equal(second.answer, "2");
        assert_int_equal(world.server.requests, 2);
        assert_int_equal(world.server.connections, 2);
        world_close(&world);
    }
}

static void answer_endlessly(struct http_peer *peer)
{
    char *body = malloc(PAWL_HTTP_BODY_BYTES_MAX + 2);

    assert_non_null(body);
    memset(body, 'x', PAWL_HTTP_BODY_BYTES_MAX + 1);
    body[PAWL_HTTP_BODY_BYTES_MAX + 1] = '\0';
    http_peer_answer(peer, 200, "", body);
    free(body);
}

static void an_endless_answer_is_cut(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, answer_endlessly);
    struct deed deed = deed_of(&world, "{}");

    carry_out(&deed);
    assert_int_equal(deed.exchange.end, PAWL_HTTP_CUT);
    assert_non_null(strstr(deed.exchange.error, "longer"));
    world_close(&world);
}

static void free_ends_what_is_under_way(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, say_nothing);
    struct deed deeds[3] = {deed_of(&world, "1"), deed_of(&world, "2"), deed_of(&world, "3")};

    pawl_http_send(world.http, &deeds[0].exchange);
    while (world.server.requests == 0) {
        assert_int_not_equal(uv_run(&world.loop, UV_RUN_ONCE), 0);
    }
    pawl_http_send(world.http, &deeds[1].exchange);
    deeds[2].exchange.sign_service = "unsigned";
    pawl_http_send(world.http, &deeds[2].exchange);
    world_close(&world);
    assert_int_equal(deeds[0].ends + deeds[1].ends + deeds[2].ends, 3);
    assert_int_equal(deeds[0].exchange.end, PAWL_HTTP_CUT);
    assert_int_equal(deeds[1].exchange.end, PAWL_HTTP_NOT_SENT);
    assert_int_equal(deeds[2].exchange.end, PAWL_HTTP_NOT_SENT);
}

static void free_inside(struct pawl_http_exchange *exchange)
{
    struct world *world = PAWL_OWNER(exchange, struct deed, exchange)->world;

    deed_done(exchange);
    pawl_http_free(world->http);
    world->http = NULL;
}

static void free_may_be_called_from_done(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, answer_body);
    struct deed deed = deed_of(&world, "{}"), other = deed_of(&world, "{}");

    deed.exchange.done = free_inside;
    pawl_http_send(world.http, &deed.exchange);
    pawl_http_send(world.http, &other.exchange);
    run_until(&world, 2);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_back_with_what_their_headers_say),
        cmocka_unit_test(methods_go_out_as_they_are_meant),
        cmocka_unit_test(many_share_few_connections),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(who_was_never_connected_is_forgotten),
        cmocka_unit_test(who_was_never_connected_keeps_nobody),
        cmocka_unit_test(what_cannot_be_meant_is_not_sent),
        cmocka_unit_test(silence_ends_in_time_as_cut),
        cmocka_unit_test(half_an_answer_is_cut),
        cmocka_unit_test(a_request_lost_on_a_kept_connection_is_cut),
        cmocka_unit_test(only_what_does_no_harm_twice_is_resent),
        cmocka_unit_test(a_kept_connection_is_used_only_if_nothing_came_on_it),
        cmocka_unit_test(an_endless_answer_is_cut),
        cmocka_unit_test(free_ends_what_is_under_way),
        cmocka_unit_test(free_may_be_called_from_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
