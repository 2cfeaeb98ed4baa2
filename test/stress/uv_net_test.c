/* SPDX-License-Identifier: Apache-2.0 */
/* Links over libuv against a real listener on loopback, which this test plays by hand. */
#include "net/uv_net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants some of them */
#include <cmocka.h>

enum { ROUNDS_MAX = 100000, BULK_BYTES = 1 << 20 };

struct call {
    struct pawl_link link;
    int opened, closed;
    size_t received;
    bool close_when_received;
    char reason[256];
};

struct stage {
    uv_loop_t loop;
    struct pawl_uv_net net;
    struct call call;
    int listener;
    uint16_t port;
};

static void call_opened(struct pawl_link *link)
{
    PAWL_OWNER(link, struct call, link)->opened++;
}

static void call_received(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct call *call = PAWL_OWNER(link, struct call, link);

    call->received += bytes.size;
    if (call->close_when_received) link->net->ops->close(link);
}

static void call_closed(struct pawl_link *link, const char *reason)
{
    struct call *call = PAWL_OWNER(link, struct call, link);

    call->closed++;
    assert_null(link->io);
    (void)snprintf(call->reason, sizeof call->reason, "%s", reason);
}

static const struct pawl_link_events events = {call_opened, call_received, call_closed};

static int begin(void **state)
{
    static struct stage stage;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    stage = (struct stage){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(stage.listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(stage.listener, 8), 0);
    assert_int_equal(getsockname(stage.listener, (struct sockaddr *)&address, &size), 0);
    stage.port = ntohs(address.sin_port);
    assert_int_equal(uv_loop_init(&stage.loop), 0);
    pawl_uv_net_init(&stage.net, &stage.loop);
    stage.call.link = (struct pawl_link){.net = &stage.net.net, .events = &events};
    *state = &stage;
    return 0;
}

static int end(void **state)
{
    struct stage *stage = *state;

    stage->net.net.ops->close(&stage->call.link);
    (void)uv_run(&stage->loop, UV_RUN_DEFAULT);
    assert_int_equal(stage->net.alive, 0);
    (void)close(stage->listener);
    return uv_loop_close(&stage->loop);
}

static void dial(struct stage *stage, const char *host)
{
    stage->net.net.ops->dial(&stage->call.link, host, stage->port);
    assert_int_equal(stage->call.opened + stage->call.closed, 0);
}

static void run_until(struct stage *stage, const int *counted, int wanted)
{
    for (int i = 0; i < ROUNDS_MAX && *counted < wanted; i++) {
        (void)uv_run(&stage->loop, UV_RUN_ONCE);
    }
    assert_int_equal(*counted, wanted);
}

static int accepted(struct stage *stage)
{
    run_until(stage, &stage->call.opened, 1);
    int peer = accept(stage->listener, NULL, NULL);
    assert_true(peer >= 0);
    return peer;
}

static void sends_and_receives(void **state)
{
    struct stage *stage = *state;
    char bytes[16];

    dial(stage, "127.0.0.1");
    int peer = accepted(stage);
    stage->net.net.ops->send(&stage->call.link, PAWL_BYTES("PING"));
    assert_int_equal(recv(peer, bytes, sizeof bytes, 0), 4);
    assert_int_equal(send(peer, "PONG!", 5, 0), 5);
    while (stage->call.received < 5) {
        (void)uv_run(&stage->loop, UV_RUN_ONCE);
    }
    (void)close(peer);
    run_until(stage, &stage->call.closed, 1);
    assert_string_equal(stage->call.reason, "closed by the peer");
}

static void names_are_resolved(void **state)
{
    struct stage *stage = *state;

    dial(stage, "localhost");
    (void)close(accepted(stage));
    run_until(stage, &stage->call.closed, 1);
}

static void nobody_there_is_said(void **state)
{
    struct stage *stage = *state;

    (void)close(stage->listener);
    stage->listener = -1;
    dial(stage, "127.0.0.1");
    run_until(stage, &stage->call.closed, 1);
    assert_string_equal(stage->call.reason, "cannot connect: connection refused");
    assert_int_equal(stage->call.opened, 0);
}

static void a_name_that_is_none_is_said(void **state)
{
    struct stage *stage = *state;

    dial(stage, "no.such.host.invalid");
    run_until(stage, &stage->call.closed, 1);
    assert_memory_equal(stage->call.reason, "cannot resolve its name", 23);
}

/* A full queue of a listener that accepts nobody: connecting gets no answer. */
static void no_answer_is_an_end(void **state)
{
    struct stage *stage = *state;
    static struct call calls[32];
    int closed = 0;

    stage->net.connect_ms = 100;
    assert_int_equal(listen(stage->listener, 0), 0);
    for (size_t i = 0; i < PAWL_COUNT(calls); i++) {
        calls[i].link = stage->call.link;
        stage->net.net.ops->dial(&calls[i].link, "127.0.0.1", stage->port);
    }
    for (int i = 0; i < ROUNDS_MAX && closed == 0; i++) {
        (void)uv_run(&stage->loop, UV_RUN_ONCE);
        for (size_t c = 0; c < PAWL_COUNT(calls); c++) {
            closed += calls[c].closed;
            if (calls[c].closed > 0) {
                assert_string_equal(calls[c].reason, "cannot connect: no answer");
            }
        }
    }
    assert_true(closed > 0);
    for (size_t i = 0; i < PAWL_COUNT(calls); i++) {
        stage->net.net.ops->close(&calls[i].link);
    }
}

static void a_close_is_silent_at_any_time(void **state)
{
    struct stage *stage = *state;

    for (int rounds = 0; rounds < 20; rounds++) {
        stage->net.net.ops->dial(&stage->call.link, rounds % 2 == 0 ? "127.0.0.1" : "localhost",
                                 stage->port);
        for (int i = 0; i < rounds / 2; i++) {
            (void)uv_run(&stage->loop, UV_RUN_NOWAIT);
        }
        stage->net.net.ops->close(&stage->call.link);
        assert_null(stage->call.link.io);
    }
    (void)uv_run(&stage->loop, UV_RUN_DEFAULT);
    assert_int_equal(stage->call.closed, 0);
    assert_int_equal(stage->net.alive, 0);
}

static void it_may_be_closed_while_it_receives(void **state)
{
    struct stage *stage = *state;

    stage->call.close_when_received = true;
    dial(stage, "127.0.0.1");
    int peer = accepted(stage);
    assert_int_equal(send(peer, "x", 1, 0), 1);
    (void)uv_run(&stage->loop, UV_RUN_DEFAULT);
    assert_int_equal(stage->call.received, 1);
    assert_int_equal(stage->call.closed, 0);
    (void)close(peer);
}

static void what_does_not_fit_waits_up_to_a_limit(void **state)
{
    struct stage *stage = *state;
    static char bulk[BULK_BYTES];
    size_t got = 0;

    dial(stage, "127.0.0.1");
    int peer = accepted(stage);
    for (int i = 0; i < 8; i++) {
        stage->net.net.ops->send(&stage->call.link, (struct pawl_bytes){bulk, sizeof bulk});
    }
    while (got < 8 * sizeof bulk) {
        ssize_t part = recv(peer, bulk, sizeof bulk, MSG_DONTWAIT);

        if (part > 0) got += (size_t)part;
        (void)uv_run(&stage->loop, UV_RUN_NOWAIT);
    }
    for (int i = 0; i < 32; i++) {
        stage->net.net.ops->send(&stage->call.link, (struct pawl_bytes){bulk, sizeof bulk});
        assert_int_equal(stage->call.closed, 0); /* never from inside send */
    }
    run_until(stage, &stage->call.closed, 1);
    assert_string_equal(stage->call.reason, "the peer does not read what it is sent");
    (void)close(peer);
}

static void a_forked_child_closes_what_it_shares(void **state)
{
    struct stage *stage = *state;

    dial(stage, "127.0.0.1");
    int peer = accepted(stage);
    assert_true(stage->net.sockets[0].used);
    int own = stage->net.sockets[0].what.fd;
    pawl_uv_net_forked(&stage->net); /* as the child would */
    assert_false(stage->net.sockets[0].used);
    assert_int_equal(fcntl(own, F_GETFD), -1);
    assert_int_equal(dup2(peer, own), own); /* so that the loop closes no stranger's */
    (void)close(peer);
}

/* The child may have closed all it had and opened its own before it calls us. */
static void a_forked_child_closes_nothing_of_its_own(void **state)
{
    struct stage *stage = *state;

    dial(stage, "127.0.0.1");
    int peer = accepted(stage);
    int number = stage->net.sockets[0].what.fd;
    int kept = dup(number);
    assert_int_equal(dup2(STDERR_FILENO, number), number);
    pawl_uv_net_forked(&stage->net);
    assert_int_not_equal(fcntl(number, F_GETFD), -1);
    assert_int_equal(dup2(kept, number), number);
    (void)close(kept);
    (void)close(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sends_and_receives, begin, end),
        cmocka_unit_test_setup_teardown(names_are_resolved, begin, end),
        cmocka_unit_test_setup_teardown(nobody_there_is_said, begin, end),
        cmocka_unit_test_setup_teardown(a_name_that_is_none_is_said, begin, end),
        cmocka_unit_test_setup_teardown(no_answer_is_an_end, begin, end),
        cmocka_unit_test_setup_teardown(a_close_is_silent_at_any_time, begin, end),
        cmocka_unit_test_setup_teardown(it_may_be_closed_while_it_receives, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_fit_waits_up_to_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(a_forked_child_closes_what_it_shares, begin, end),
        cmocka_unit_test_setup_teardown(a_forked_child_closes_nothing_of_its_own, begin, end),
    };

    return cmocka_run_group_tests_name("uv_net", tests, NULL, NULL);
}
