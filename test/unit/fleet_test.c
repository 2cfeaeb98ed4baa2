/* SPDX-License-Identifier: Apache-2.0 */
/* Several servers as one: ranking, failover, the way back, whose lease may be returned. */
#include "client/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/address.h"
#include "fake_net.h"

enum { EXCHANGE_NS = 1000000000, SENT_BYTES = 4096 };

#define REFILL_NS (30 * PAWL_NS_PER_S)

struct bench {
    struct fake_net net;
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

static struct probe probe_of(enum pawl_ask_kind kind, const char *name)
{
    return (struct probe){
        .ask = {.kind = kind, .name = {name, strlen(name)}, .count = 10, .done = probe_done}};
}

static void begin(struct bench *bench, const char *url)
{
    struct pawl_fleet_settings settings = {
        .seed = 1, .exchange_ns = EXCHANGE_NS, .refill_interval_ns = REFILL_NS};
    pawl_error error;

    fake_net_init(&bench->net);
    bench->now_ns = PAWL_NS_PER_S;
    assert_int_equal(pawl_fleet_new(url, &bench->net.net, &settings, &bench->source, &error),
                     PAWL_OK);
}

static uint64_t turn(struct bench *bench)
{
    return bench->source->ops->turn(bench->source, bench->now_ns);
}

static void ask(struct bench *bench, struct probe *probe)
{
    pawl_source_ask(bench->source, &probe->ask);
    (void)turn(bench);
}

/* The one link that dials or has something sent on it; NULL: none. Opens it if it dials. */
static struct fake_link *busy_link(struct bench *bench)
{
    for (size_t i = 0; i < FAKE_LINKS_MAX; i++) {
        struct fake_link *link = &bench->net.links[i];

        if (link->link == NULL) continue;
        if (link->state == FAKE_DIALLING) fake_open(link);
        if (link->state == FAKE_OPEN && link->sent_size > 0) return link;
    }
    return NULL;
}

static const char *sent(struct bench *bench, struct fake_link *link)
{
    return fake_sent(link, bench->sent, sizeof bench->sent);
}

static const char *grant(int lease)
{
    static char text[128];

    (void)snprintf(text, sizeof text, "*8\r\n:1\r\n:1\r\n:10\r\n:5\r\n:5\r\n:0\r\n:%d\r\n:0\r\n",
                   lease);
    return text;
}

/* Takes from whichever server the fleet asks; returns its port. */
static uint16_t take_from(struct bench *bench, struct probe *probe, int lease)
{
    ask(bench, probe);
    struct fake_link *link = busy_link(bench);

    assert_non_null(link);
    (void)sent(bench, link);
    fake_reply(link, grant(lease));
    assert_int_equal(probe->ask.error.code, PAWL_OK);
    return link->port;
}

static const struct {
    const char *url;
    const char *want; /* "host port, ..." or what the error must contain */
    bool good;
} urls[] = {
    {"pawl://a", "a 7379", true},
    {"pawl://a/", "a 7379", true},
    {"pawl://a:1,b-c.d:65535", "a 1, b-c.d 65535", true},
    {"pawl://[::1],[fe80::1%2]:9", "::1 7379, fe80::1%2 9", true},
    {"pawl://10.0.0.1:7,10.0.0.1", "10.0.0.1 7, 10.0.0.1 7379", true},
    {"pawl://", "a host is missing", false},
    {"pawl://a,", "a host is missing", false},
    {"pawl://,a", "a host is missing", false},
    {"pawl://:7379", "a host is missing", false},
    {"pawl://a:0", "port must be", false},
    {"pawl://a:65536", "port must be", false},
    {"pawl://a:", "port must be", false},
    {"pawl://a:x", "port must be", false},
    {"pawl://::1", "a host is missing", false},
    {"pawl://fe80:1:2", "in brackets", false},
    {"pawl://[::1", "no ]", false},
    {"pawl://[]", "a host is missing", false},
    {"pawl://[::1]x", "no host has", false},
    {"pawl://a b", "no host has", false},
    {"pawl://me:secret@a", "me secret a 7379", true},
    {"pawl://me:secret@a:1,b", "me secret a 1, b 7379", true},
    {"pawl://:secret@a", "default secret a 7379", true},
    {"pawl://%6de:a%3a%2F%40:b@a", "me a:/@:b a 7379", true},
    {"pawl://me@a", "me from-the-environment a 7379", true},
    {"pawl://@a", "nothing before the @", false},
    {"pawl://:@a", "password is empty", false},
    {"pawl://me:@a", "password is empty", false},
    {"pawl://me:sec%ret@a", "two hexadecimal digits", false},
    {"pawl://me:sec%2@a", "two hexadecimal digits", false},
    {"pawl://me:secret%00@a", "NUL", false},
    {"pawl://me:sec/ret@a", "as %XX only", false},
    {"pawl://me:sec@ret@a", "as %XX only", false},
    {"pawl://me:secret@a,b:0", "port must be", false},
    {"pawl://me:secret@", "a host is missing", false},
    {"pawl://me:secret@a/db", "nothing can follow", false},
    {"redis://me:secret@a", "no server's URL", false},
    {"pawl://0123456789012345678901234567890123456789012345678901234567890123:x@a",
     "at most 63 bytes", false},
    {"pawl://a,a", "twice", false},
    {"pawl://a:7379,a", "twice", false},
    {"pawl://a/db", "nothing can follow", false},
    {"pawl://a?x=1", "nothing can follow", false},
    {"redis://a", "no server's URL", false},
    {"", "no server's URL", false},
};

static void urls_are_read_or_refused_clearly(void **state)
{
    (void)state;
    assert_int_equal(setenv("PAWL_PASSWORD", "from-the-environment", 1), 0);
    for (size_t i = 0; i < PAWL_COUNT(urls); i++) {
        struct pawl_address addresses[PAWL_FLEET_SERVERS_MAX];
        struct pawl_login login;
        char told[512] = "";
        size_t count = 0;
        size_t at = 0;
        pawl_error error = {.code = PAWL_OK};
        pawl_err err = pawl_addresses_read(urls[i].url, addresses, &count, &login, &error);

        if (err == PAWL_OK && login.user[0] != '\0') {
            at = (size_t)snprintf(told, sizeof told, "%s %s ", login.user, login.password);
        }
        for (size_t n = 0; n < count && err == PAWL_OK; n++) {
            at += (size_t)snprintf(told + at, sizeof told - at, "%s%s %u", n > 0 ? ", " : "",
                                   addresses[n].host, (unsigned)addresses[n].port);
        }
        if (err != (urls[i].good ? PAWL_OK : PAWL_BAD_REQUEST)) {
            fail_msg("\"%s\": %s", urls[i].url, pawl_err_name(err));
        }
        if (strstr(urls[i].good ? told : error.text, urls[i].want) == NULL) {
            fail_msg("\"%s\": %s", urls[i].url, urls[i].good ? told : error.text);
        }
        if (strstr(error.text, "secret") != NULL) fail_msg("%s", error.text);
    }
    assert_int_equal(unsetenv("PAWL_PASSWORD"), 0);
    struct pawl_address addresses[PAWL_FLEET_SERVERS_MAX];
    struct pawl_login login;
    size_t count = 0;
    assert_int_equal(pawl_addresses_read("pawl://me@a", addresses, &count, &login, NULL),
                     PAWL_BAD_REQUEST);
}

static void too_many_servers_and_long_hosts_are_refused(void **state)
{
    struct pawl_address addresses[PAWL_FLEET_SERVERS_MAX];
    struct pawl_login login;
    char url[1024] = "pawl://";
    size_t count = 0;
    size_t at = strlen(url);

    (void)state;
    for (int i = 0; i <= PAWL_FLEET_SERVERS_MAX; i++) {
        at += (size_t)snprintf(url + at, sizeof url - at, "%sa%d", i > 0 ? "," : "", i);
    }
    assert_int_equal(pawl_addresses_read(url, addresses, &count, &login, NULL), PAWL_BAD_REQUEST);
    memset(url + 7, 'a', 256);
    url[7 + 256] = '\0';
    assert_int_equal(pawl_addresses_read(url, addresses, &count, &login, NULL), PAWL_BAD_REQUEST);
    url[7 + 255] = '\0';
    assert_int_equal(pawl_addresses_read(url, addresses, &count, &login, NULL), PAWL_OK);
}

static void sequences_spread_and_each_stays_with_one_server(void **state)
{
    uint32_t by_port[3] = {0};
    struct bench bench;

    (void)state;
    begin(&bench, "pawl://a:1,b:2,c:3");
    for (int i = 0; i < 300; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%d", i);
        struct probe probe = probe_of(PAWL_ASK_TAKE, name);
        uint16_t port = take_from(&bench, &probe, 1);

        assert_int_equal(take_from(&bench, &probe, 2), port);
        by_port[port - 1]++;
    }
    for (size_t i = 0; i < 3; i++) {
        assert_in_range(by_port[i], 70, 130);
    }
    bench.source->ops->close(bench.source);
}

/* The ranking depends on the servers' names only, not on their order or on who asks. */
static void every_client_ranks_alike(void **state)
{
    struct bench one;
    struct bench other;

    (void)state;
    begin(&one, "pawl://a:1,b:2,c:3");
    begin(&other, "pawl://c:3,a:1,b:2");
    for (int i = 0; i < 50; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%d", i);
        struct probe probe = probe_of(PAWL_ASK_TAKE, name);

        assert_int_equal(take_from(&one, &probe, 1), take_from(&other, &probe, 1));
    }
    one.source->ops->close(one.source);
    other.source->ops->close(other.source);
}

static void goes_down_the_ranking_and_comes_back(void **state)
{
    struct probe probe = probe_of(PAWL_ASK_TAKE, "orders");
    struct bench bench;

    (void)state;
    begin(&bench, "pawl://a:1,b:2");
    uint16_t best = take_from(&bench, &probe, 1);
    struct fake_link *link = fake_link_to(&bench.net, best);

    ask(&bench, &probe); /* its answer is lost: that is the asker's to know */
    fake_hang_up(link);
    assert_int_equal(probe.ask.error.code, PAWL_LOST);
    assert_int_equal(probe.ask.burned, 10);
    uint16_t second = take_from(&bench, &probe, 2);
    assert_int_not_equal(second, best);

    /* It is probed, with back-off, until it answers. */
    uint32_t dials = link->dials;
    for (int i = 0; i < 100 && link->dials < dials + 3; i++) {
        uint64_t next_ns = turn(&bench);
        if (link->state == FAKE_DIALLING) {
            fake_hang_up(link);
        } else {
            bench.now_ns = next_ns;
        }
    }
    assert_int_equal(link->dials, dials + 3);
    while (link->state != FAKE_DIALLING) {
        bench.now_ns = turn(&bench);
    }
    fake_open(link);
    assert_string_equal(sent(&bench, link), "PING");
    fake_reply(link, "+PONG\r\n");
    (void)turn(&bench);
    assert_int_equal(take_from(&bench, &probe, 3), second);

    /* Healthy for a refill interval: preferred again. */
    bench.now_ns += REFILL_NS - 1;
    assert_int_equal(take_from(&bench, &probe, 4), second);
    bench.now_ns += 1;
    (void)turn(&bench);
    assert_int_equal(take_from(&bench, &probe, 5), best);
    bench.source->ops->close(bench.source);
}

static void one_that_fails_again_begins_anew(void **state)
{
    struct probe probe = probe_of(PAWL_ASK_TAKE, "orders");
    struct bench bench;

    (void)state;
    begin(&bench, "pawl://a:1,b:2");
    uint16_t best = take_from(&bench, &probe, 1);
    struct fake_link *link = fake_link_to(&bench.net, best);

    ask(&bench, &probe);
    fake_hang_up(link);
    (void)turn(&bench);
    while (link->state != FAKE_DIALLING) {
        bench.now_ns = turn(&bench);
    }
    fake_open(link);
    fake_reply(link, "+PONG\r\n");
    (void)turn(&bench);
    bench.now_ns += REFILL_NS / 2;
    fake_hang_up(link); /* nothing was asked there */
    (void)turn(&bench);
    bench.now_ns += REFILL_NS / 2;
    (void)turn(&bench);
    fake_hang_up(link); /* the probe */
    assert_int_not_equal(take_from(&bench, &probe, 2), best);
    bench.source->ops->close(bench.source);
}

static void an_ask_tries_each_server_once(void **state)
{
    struct probe probe = probe_of(PAWL_ASK_TAKE, "orders");
    struct bench bench;

    (void)state;
    begin(&bench, "pawl://a:1,b:2,c:3");
    ask(&bench, &probe);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(probe.answers, 0);
        for (uint16_t port = 1; port <= 3; port++) {
            struct fake_link *link = fake_link_to(&bench.net, port);
            if (link != NULL && link->state == FAKE_DIALLING) {
                fake_hang_up(link);
                break;
            }
        }
        (void)turn(&bench);
    }
    assert_int_equal(probe.answers, 1);
    assert_int_equal(probe.ask.error.code, PAWL_BUSY);
    assert_int_equal(probe.ask.burned, 0);
    bench.source->ops->close(bench.source);
}

static void a_server_without_its_store_is_passed_over(void **state)
{
    struct probe probe = probe_of(PAWL_ASK_TAKE, "orders");
    struct bench bench;

    (void)state;
    begin(&bench, "pawl://a:1,b:2");
    ask(&bench, &probe);
    struct fake_link *first = busy_link(&bench);
    (void)sent(&bench, first);
    fake_reply(first, "-STORE it is away\r\n");
    (void)turn(&bench);
    struct fake_link *second = busy_link(&bench);
    assert_ptr_not_equal(first, second);
    (void)sent(&bench, second);
    fake_reply(second, "-BUSY closing\r\n");
    (void)turn(&bench);
    assert_int_equal(probe.answers, 1);
    assert_int_equal(probe.ask.error.code, PAWL_STORE); /* the story that tells more */
    assert_string_equal(probe.ask.error.text, "it is away");
    bench.source->ops->close(bench.source);
}

static void what_may_have_happened_is_not_asked_elsewhere(void **state)
{
    static const enum pawl_ask_kind kinds[] = {PAWL_ASK_TAKE, PAWL_ASK_NEXT, PAWL_ASK_CREATE,
                                               PAWL_ASK_SET};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(kinds); i++) {
        struct probe probe = probe_of(kinds[i], "orders");
        struct bench bench;

        begin(&bench, "pawl://a:1,b:2");
        ask(&bench, &probe);
        struct fake_link *link = busy_link(&bench);
        fake_hang_up(link);
        assert_int_equal(probe.answers, 1);
        assert_true(probe.ask.error.code == PAWL_LOST || probe.ask.error.code == PAWL_UNKNOWN);
        bench.source->ops->close(bench.source);
    }
}

static pawl_err give_back(struct bench *bench, uint64_t lease, const char **said)
{
    struct probe give = probe_of(PAWL_ASK_RETURN, "orders");

    give.ask.lease = lease;
    give.ask.value = 5;
    *said = NULL;
    ask(bench, &give);
    struct fake_link *link = busy_link(bench);
    if (give.answers == 0) {
        assert_non_null(link);
        *said = sent(bench, link);
        fake_reply(link, "+OK\r\n");
    }
    assert_int_equal(give.answers, 1);
    return give.ask.error.code;
}

static void only_the_latest_lease_is_returned_and_once(void **state)
{
    struct probe probe = probe_of(PAWL_ASK_TAKE, "orders");
    struct bench bench;
    const char *said = NULL;

    (void)state;
    begin(&bench, "pawl://a:1,b:2");
    (void)take_from(&bench, &probe, 77);
    uint64_t first = probe.ask.grant.lease;
    (void)take_from(&bench, &probe, 78);
    uint64_t second = probe.ask.grant.lease;
    assert_int_not_equal(first, second);

    assert_int_equal(give_back(&bench, 0, &said), PAWL_NOT_KEPT);
    assert_int_equal(give_back(&bench, first, &said), PAWL_NOT_KEPT);
    assert_null(said);
    assert_int_equal(give_back(&bench, second, &said), PAWL_OK);
    assert_string_equal(said, "SEQ.RETURN orders 78 5");
    assert_int_equal(give_back(&bench, second, &said), PAWL_NOT_KEPT);
    bench.source->ops->close(bench.source);
}

static void no_lease_is_returned_while_an_ask_is_unanswered(void **state)
{
    struct probe probe = probe_of(PAWL_ASK_TAKE, "orders");
    struct bench bench;
    const char *said = NULL;

    (void)state;
    begin(&bench, "pawl://a:1,b:2");
    (void)take_from(&bench, &probe, 77);
    uint64_t lease = probe.ask.grant.lease;
    struct probe next = probe_of(PAWL_ASK_NEXT, "orders");
    ask(&bench, &next);
    assert_int_equal(give_back(&bench, lease, &said), PAWL_NOT_KEPT);
    assert_null(said);
    struct fake_link *link = busy_link(&bench);
    (void)sent(&bench, link);
    fake_reply(link, "*6\r\n:1\r\n:1\r\n:10\r\n:5\r\n:5\r\n:0\r\n");
    assert_int_equal(give_back(&bench, lease, &said), PAWL_OK);
    bench.source->ops->close(bench.source);
}

static void no_lease_is_returned_on_another_connection(void **state)
{
    struct probe probe = probe_of(PAWL_ASK_TAKE, "orders");
    struct probe ping = probe_of(PAWL_ASK_PING, "");
    struct bench bench;
    const char *said = NULL;

    (void)state;
    begin(&bench, "pawl://a:1");
    (void)take_from(&bench, &probe, 77);
    uint64_t lease = probe.ask.grant.lease;
    fake_hang_up(fake_link_to(&bench.net, 1));
    (void)turn(&bench);
    bench.now_ns += PAWL_NS_PER_S;
    ask(&bench, &ping);
    struct fake_link *link = busy_link(&bench);
    (void)sent(&bench, link);
    fake_reply(link, "+PONG\r\n");
    assert_int_equal(give_back(&bench, lease, &said), PAWL_NOT_KEPT);
    assert_null(said);
    bench.source->ops->close(bench.source);
}

static void close_ends_every_ask(void **state)
{
    struct probe sent_one = probe_of(PAWL_ASK_TAKE, "orders");
    struct probe queued = probe_of(PAWL_ASK_TAKE, "orders");
    struct bench bench;

    (void)state;
    begin(&bench, "pawl://a:1,b:2");
    ask(&bench, &sent_one);
    (void)busy_link(&bench);
    pawl_source_ask(bench.source, &queued.ask);
    bench.source->ops->close(bench.source);
    assert_int_equal(sent_one.ask.error.code, PAWL_LOST);
    assert_int_equal(queued.ask.error.code, PAWL_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_read_or_refused_clearly),
        cmocka_unit_test(too_many_servers_and_long_hosts_are_refused),
        cmocka_unit_test(sequences_spread_and_each_stays_with_one_server),
        cmocka_unit_test(every_client_ranks_alike),
        cmocka_unit_test(goes_down_the_ranking_and_comes_back),
        cmocka_unit_test(one_that_fails_again_begins_anew),
        cmocka_unit_test(an_ask_tries_each_server_once),
        cmocka_unit_test(a_server_without_its_store_is_passed_over),
        cmocka_unit_test(what_may_have_happened_is_not_asked_elsewhere),
        cmocka_unit_test(only_the_latest_lease_is_returned_and_once),
        cmocka_unit_test(no_lease_is_returned_while_an_ask_is_unanswered),
        cmocka_unit_test(no_lease_is_returned_on_another_connection),
        cmocka_unit_test(close_ends_every_ask),
    };

    return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
