/* SPDX-License-Identifier: Apache-2.0 */
/* One server that wants a login, over a scripted link. */
#include "client/remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_net.h"

#define GRANT_1_10 "*8\r\n:1\r\n:1\r\n:10\r\n:5\r\n:5\r\n:0\r\n:77\r\n:0\r\n"

enum { PORT = 7379, EXCHANGE_NS = 1000000000, SENT_BYTES = 4096 };

struct bench {
    struct fake_net net;
    struct pawl_remote *remote;
    struct pawl_source *source;
    uint64_t now_ns;
    char sent[SENT_BYTES];
};

struct probe {
    struct pawl_ask ask;
    int answers;
};

static void probe_done(struct pawl_ask *ask)
{
    PAWL_OWNER(ask, struct probe, ask)->answers++;
}

static struct pawl_ask take_of(uint64_t count)
{
    return (struct pawl_ask){
        .kind = PAWL_ASK_TAKE, .name = PAWL_BYTES("orders"), .count = count, .done = probe_done};
}

static void begin(struct bench *bench)
{
    const struct pawl_login login = {.user = "me", .password = "a secret"};
    struct pawl_remote_settings settings = {.login = &login, .seed = 1, .exchange_ns = EXCHANGE_NS};

    fake_net_init(&bench->net);
    bench->now_ns = PAWL_NS_PER_S;
    bench->remote = pawl_remote_new(&bench->net.net, "localhost", PORT, &settings);
    bench->source = pawl_remote_source(bench->remote);
}

static uint64_t turn(struct bench *bench)
{
    return bench->source->ops->turn(bench->source, bench->now_ns);
}

static struct fake_link *link_of(struct bench *bench)
{
    struct fake_link *link = fake_link_to(&bench->net, PORT);

    assert_non_null(link);
    return link;
}

static const char *sent(struct bench *bench)
{
    return fake_sent(link_of(bench), bench->sent, sizeof bench->sent);
}

static void end(struct bench *bench)
{
    bench->source->ops->close(bench->source);
}

/* Nothing goes before the login, and what came meanwhile goes after it. */
static void logs_in_first(void **state)
{
    struct probe take = {take_of(10), 0};
    struct probe late = {take_of(10), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    pawl_source_ask(bench.source, &take.ask);
    (void)turn(&bench);
    fake_open(link_of(&bench));
    (void)turn(&bench);
    assert_string_equal(sent(&bench), "AUTH me a secret");
    pawl_source_ask(bench.source, &late.ask);
    (void)turn(&bench);
    assert_string_equal(sent(&bench), "");
    assert_int_equal(pawl_remote_connection(bench.remote), 0);
    fake_reply(link_of(&bench), "+O");
    fake_reply(link_of(&bench), "K\r\n");
    assert_int_equal(pawl_remote_connection(bench.remote), 1);
    (void)turn(&bench);
    assert_string_equal(sent(&bench), "SEQ.LEASE orders 10 | SEQ.LEASE orders 10");
    fake_reply(link_of(&bench), GRANT_1_10);
    assert_int_equal(take.ask.error.code, PAWL_OK);
    end(&bench);
}

static const struct {
    const char *reply, *text;
    pawl_err want;
} greetings[] = {
    {"-WRONGPASS invalid username-password pair or user is disabled.\r\n",
     "localhost:7379: wrong user or password, for user \"me\": correct", PAWL_DENIED},
    {"-ERR unknown command 'AUTH'\r\n", "it does not let us log in: ERR unknown", PAWL_DENIED},
    {"-ERR max number of clients reached\r\n", "too many clients", PAWL_BUSY},
    {":1\r\n", "no RESP", PAWL_BUSY},
    {"*1\r\n+OK\r\n", "no RESP", PAWL_BUSY},
    {"HTTP/1.1 400\r\n", "no RESP", PAWL_BUSY},
};

/* Refused logins are told to each ask, until another one works. */
static void logins_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(greetings); i++) {
        struct probe first = {take_of(10), 0};
        struct probe second = {take_of(10), 0};
        struct probe third = {take_of(10), 0};
        struct bench bench;

        begin(&bench);
        pawl_source_ask(bench.source, &first.ask);
        (void)turn(&bench);
        fake_open(link_of(&bench));
        fake_reply(link_of(&bench), greetings[i].reply);
        assert_int_equal(first.answers, 1);
        assert_int_equal(first.ask.error.code, greetings[i].want);
        assert_int_equal(first.ask.burned, 0);
        assert_null(strstr(first.ask.error.text, "a secret"));
        if (strstr(first.ask.error.text, greetings[i].text) == NULL) {
            fail_msg("%s: %s", greetings[i].reply, first.ask.error.text);
        }
        (void)turn(&bench);
        pawl_source_ask(bench.source, &second.ask);
        (void)turn(&bench);
        assert_int_equal(second.ask.error.code, greetings[i].want);

        bench.now_ns = pawl_remote_retry_ns(bench.remote);
        pawl_source_ask(bench.source, &third.ask);
        (void)turn(&bench);
        fake_open(link_of(&bench));
        fake_reply(link_of(&bench), "+OK\r\n");
        fake_reply(link_of(&bench), GRANT_1_10);
        assert_int_equal(third.ask.error.code, PAWL_OK);
        end(&bench);
    }
}

/* The server read its users again, and we are not among them any more. */
static void a_login_ends_with_the_connection(void **state)
{
    struct probe first = {take_of(10), 0};
    struct probe second = {take_of(10), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    pawl_source_ask(bench.source, &first.ask);
    pawl_source_ask(bench.source, &second.ask);
    (void)turn(&bench);
    fake_open(link_of(&bench));
    fake_reply(link_of(&bench), "+OK\r\n");
    fake_reply(link_of(&bench), "-NOAUTH Authentication required.\r\n");
    assert_int_equal(first.ask.error.code, PAWL_DENIED);
    assert_int_equal(first.ask.burned, 0);
    assert_int_equal(second.ask.error.code, PAWL_LOST); /* nobody knows */
    assert_int_equal(pawl_remote_connection(bench.remote), 0);
    end(&bench);
}

static void a_login_has_a_deadline(void **state)
{
    struct probe probe = {take_of(10), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    pawl_source_ask(bench.source, &probe.ask);
    (void)turn(&bench);
    fake_open(link_of(&bench));
    assert_int_equal(turn(&bench), bench.now_ns + EXCHANGE_NS);
    bench.now_ns += EXCHANGE_NS;
    (void)turn(&bench);
    assert_int_equal(probe.ask.error.code, PAWL_BUSY);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_in_first),
        cmocka_unit_test(logins_are_refused),
        cmocka_unit_test(a_login_ends_with_the_connection),
        cmocka_unit_test(a_login_has_a_deadline),
    };

    return cmocka_run_group_tests_name("remote_login", tests, NULL, NULL);
}
