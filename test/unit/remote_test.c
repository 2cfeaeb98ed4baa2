/* SPDX-License-Identifier: Apache-2.0 */
/* One server over a scripted link: every reply, cut anywhere, lost, late, or a lie. */
#include "client/remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/reply.h"
#include "fake_net.h"

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

static struct pawl_ask ask_of(enum pawl_ask_kind kind)
{
    return (struct pawl_ask){.kind = kind, .name = PAWL_BYTES("orders"), .done = probe_done};
}

static void begin(struct bench *bench)
{
    struct pawl_remote_settings settings = {.seed = 1, .exchange_ns = EXCHANGE_NS};

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

static void connect_now(struct bench *bench)
{
    struct probe ping = {ask_of(PAWL_ASK_PING), 0};

    pawl_source_ask(bench->source, &ping.ask);
    (void)turn(bench);
    fake_open(link_of(bench));
    fake_reply(link_of(bench), "+PONG\r\n");
    assert_int_equal(ping.answers, 1);
    assert_int_equal(ping.ask.error.code, PAWL_OK);
    (void)sent(bench);
}

static void end(struct bench *bench)
{
    bench->source->ops->close(bench->source);
}

#define GRANT_1_10 "*8\r\n:1\r\n:1\r\n:10\r\n:5\r\n:5\r\n:0\r\n:77\r\n:0\r\n"
#define INFO_ORDERS                                                                        \
    "*10\r\n$4\r\nname\r\n$6\r\norders\r\n$5\r\nepoch\r\n:9\r\n$9\r\nincrement\r\n:-3\r\n" \
    "$4\r\nrate\r\n$4\r\n12.5\r\n$5\r\norder\r\n$6\r\nglobal\r\n"

static void count_record(struct pawl_page *page, const struct pawl_record *record)
{
    (void)record;
    page->count_max++; /* the test's own count: the page is asked for once */
}

static const pawl_definition whole = {
    .given = PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT | PAWL_GIVEN_MIN | PAWL_GIVEN_MAX |
             PAWL_GIVEN_CYCLE | PAWL_GIVEN_BLOCK | PAWL_GIVEN_ORDER | PAWL_GIVEN_TYPE |
             PAWL_GIVEN_IF_NOT_EXISTS,
    .start = -5,
    .increment = -1,
    .min = INT64_MIN,
    .max = -1,
    .cycle = true,
    .order = PAWL_ORDER_GLOBAL,
};
static const pawl_definition change = {
    .given = PAWL_GIVEN_RESTART | PAWL_GIVEN_BLOCK | PAWL_GIVEN_CYCLE | PAWL_GIVEN_NO_MAX,
    .restart = 7,
    .block = 500,
};
static const pawl_definition anew = {.given = PAWL_GIVEN_RESTART_AT_START};

/* What each ask says on the wire. */
static void says_each_ask(void **state)
{
    struct pawl_page page = {.glob = PAWL_BYTES("a*"), .count_max = 10, .each = count_record};
    struct pawl_page onward = {
        .after = {.size = 1, .at = "p"}, .count_max = 1000, .each = count_record};
    struct pawl_mark floor = {.line = 4, .lap = 1, .id = -9};
    const struct {
        struct pawl_ask ask;
        const char *want;
    } rows[] = {
        {{.kind = PAWL_ASK_TAKE, .count = 10}, "SEQ.LEASE orders 10"},
        {{.kind = PAWL_ASK_TAKE, .count = 0, .floor = floor, .rate = 1.5},
         "SEQ.LEASE orders 0 FLOOR 4 1 -9 RATE 1.500"},
        {{.kind = PAWL_ASK_TAKE, .count = 5, .holds = 12, .holds_last = -3},
         "SEQ.LEASE orders 5 HELD 12 -3"},
        {{.kind = PAWL_ASK_NEXT, .count = 3, .exact = true, .floor = floor},
         "SEQ.NEXT orders COUNT 3 EXACT FLOOR 4 1 -9"},
        {{.kind = PAWL_ASK_RETURN, .lease = 77, .value = -4}, "SEQ.RETURN orders 77 -4"},
        {{.kind = PAWL_ASK_READ}, "SEQ.INFO orders"},
        {{.kind = PAWL_ASK_CREATE}, "SEQ.CREATE orders"},
        {{.kind = PAWL_ASK_CREATE, .definition = &whole},
         "SEQ.CREATE orders START -5 INCREMENT -1 MINVALUE -9223372036854775808 MAXVALUE -1 CYCLE "
         "BLOCK AUTO ORDER GLOBAL TYPE bigint IFNOTEXISTS"},
        {{.kind = PAWL_ASK_ALTER, .definition = &change},
         "SEQ.ALTER orders NOMAXVALUE NOCYCLE BLOCK 500 RESTART 7"},
        {{.kind = PAWL_ASK_SET, .value = 100}, "SEQ.SET orders 100"},
        {{.kind = PAWL_ASK_SET, .value = 1, .force = true}, "SEQ.SET orders 1 FORCE"},
        {{.kind = PAWL_ASK_SET, .value = 1, .called = true}, "SEQ.SET orders 1 USED"},
        {{.kind = PAWL_ASK_SET, .value = 1, .called = true, .force = true},
         "SEQ.SET orders 1 USED FORCE"},
        {{.kind = PAWL_ASK_DROP}, "SEQ.DROP orders"},
        {{.kind = PAWL_ASK_DROP, .force = true}, "SEQ.DROP orders FORCE"},
        {{.kind = PAWL_ASK_RENAME, .to = PAWL_BYTES("bills")}, "SEQ.RENAME orders bills"},
        {{.kind = PAWL_ASK_FENCE}, "SEQ.FENCE orders"},
        {{.kind = PAWL_ASK_FENCE, .count = 5}, "SEQ.FENCE orders SKIP 5"},
        {{.kind = PAWL_ASK_FENCE, .line = 8}, "SEQ.FENCE orders BEYOND 8"},
        {{.kind = PAWL_ASK_FENCE, .line = 8, .count = 5}, "SEQ.FENCE orders BEYOND 8 SKIP 5"},
        {{.kind = PAWL_ASK_CREATE, .floor = {7, 0, -9}}, "SEQ.CREATE orders FLOOR 7 0 -9"},
        {{.kind = PAWL_ASK_LIST, .page = &page}, "SEQ.LIST MATCH a* COUNT 10 WITHINFO"},
        {{.kind = PAWL_ASK_LIST, .page = &onward}, "SEQ.LIST CURSOR =p COUNT 250 WITHINFO"},
        {{.kind = PAWL_ASK_NEXT, .count = UINT32_MAX}, "SEQ.NEXT orders COUNT 1000000"},
        {{.kind = PAWL_ASK_ALTER, .definition = &anew}, "SEQ.ALTER orders RESTART"},
        {{.kind = PAWL_ASK_PING}, "PING"},
    };
    struct bench bench;

    (void)state;
    begin(&bench);
    connect_now(&bench);
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct probe probe = {rows[i].ask, 0};

        probe.ask.name = PAWL_BYTES("orders");
        probe.ask.done = probe_done;
        pawl_source_ask(bench.source, &probe.ask);
        (void)turn(&bench);
        assert_string_equal(sent(&bench), rows[i].want);
        fake_reply(link_of(&bench), "-ERR no\r\n");
        assert_int_equal(probe.answers, 1);
        assert_int_equal(probe.ask.error.code, PAWL_BAD_REQUEST);
        assert_string_equal(probe.ask.error.text, "no");
        assert_int_equal(probe.ask.burned, 0);
    }
    end(&bench);
}

static const struct {
    const char *label;
    const char *reply;
    pawl_err want;
    const char *text; /* of the error must contain it */
} replies[] = {
    {"a grant", GRANT_1_10, PAWL_OK, NULL},
    {"a grant in bulks",
     "*8\r\n$1\r\n1\r\n$1\r\n1\r\n$2\r\n10\r\n$20\r\n18446744073709551615\r\n:5\r\n:0\r\n:1\r\n:"
     "0\r\n",
     PAWL_OK, NULL},
    {"a grant at the end of int64",
     "*8\r\n:9223372036854775800\r\n:7\r\n:2\r\n:5\r\n:5\r\n:0\r\n:1\r\n:0\r\n", PAWL_OK, NULL},
    {"no such sequence", "-NOSEQ no sequence\r\n", PAWL_NO_SEQUENCE, "no sequence"},
    {"the end", "-END used up\r\n", PAWL_END, "used up"},
    {"a word alone", "-END\r\n", PAWL_END, "used up"},
    {"lost below the server", "-LOST below\r\n", PAWL_LOST, "below"},
    {"a closing server", "-CLOSED bye\r\n", PAWL_BUSY, "bye"},
    {"a crowded server", "-ERR max number of clients reached\r\n", PAWL_BUSY, "clients"},
    {"a Redis", "-ERR unknown command 'SEQ.LEASE', with args\r\n", PAWL_BAD_REQUEST,
     "is this a pawl server?"},
    {"a Redis with a password", "-NOAUTH Authentication required.\r\n", PAWL_DENIED,
     "user:password@"},
    {"an error that says OK", "-OK\r\n", PAWL_BAD_REQUEST, "is this a pawl server?"},
    {"an error that says nothing", "-\r\n", PAWL_BAD_REQUEST, "is this a pawl server?"},
    {"more than asked", "*8\r\n:1\r\n:1\r\n:11\r\n:5\r\n:5\r\n:0\r\n:7\r\n:0\r\n", PAWL_LOST,
     "more than was asked"},
    {"nothing", "*8\r\n:1\r\n:1\r\n:0\r\n:5\r\n:5\r\n:0\r\n:7\r\n:0\r\n", PAWL_LOST, "nothing"},
    {"beyond int64", "*8\r\n:9223372036854775801\r\n:7\r\n:2\r\n:5\r\n:5\r\n:0\r\n:1\r\n:0\r\n",
     PAWL_LOST, "no range"},
    {"before int64", "*8\r\n:-9223372036854775807\r\n:-1\r\n:3\r\n:5\r\n:5\r\n:0\r\n:1\r\n:0\r\n",
     PAWL_LOST, "no range"},
    {"an increment of 0", "*8\r\n:1\r\n:0\r\n:2\r\n:5\r\n:5\r\n:0\r\n:1\r\n:0\r\n", PAWL_LOST,
     "no range"},
    {"a negative count", "*8\r\n:1\r\n:1\r\n:-1\r\n:5\r\n:5\r\n:0\r\n:7\r\n:0\r\n", PAWL_LOST,
     "not made of numbers"},
    {"no epoch", "*8\r\n:1\r\n:1\r\n:1\r\n:0\r\n:0\r\n:0\r\n:7\r\n:0\r\n", PAWL_LOST, "epoch"},
    {"a line after the epoch", "*8\r\n:1\r\n:1\r\n:1\r\n:5\r\n:6\r\n:0\r\n:7\r\n:0\r\n", PAWL_LOST,
     "line"},
    {"too short", "*6\r\n:1\r\n:1\r\n:1\r\n:5\r\n:5\r\n:0\r\n", PAWL_LOST, "wrong shape"},
    {"words", "*8\r\n+a\r\n:1\r\n:1\r\n:5\r\n:5\r\n:0\r\n:1\r\n:0\r\n", PAWL_LOST, "numbers"},
    {"arrays", "*8\r\n*0\r\n*0\r\n*0\r\n*0\r\n*0\r\n*0\r\n*0\r\n*0\r\n", PAWL_LOST, "numbers"},
    {"an OK", "+OK\r\n", PAWL_LOST, "wrong shape"},
    {"null", "$-1\r\n", PAWL_LOST, "wrong shape"},
    {"HTTP", "HTTP/1.1 400 Bad Request\r\n", PAWL_LOST, "not RESP"},
};

static void reads_each_reply_cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(replies); i++) {
        size_t size = strlen(replies[i].reply);

        for (size_t cut = 0; cut <= size; cut++) {
            struct probe probe = {take_of(10), 0};
            char front[256] = {0};
            struct bench bench;

            begin(&bench);
            connect_now(&bench);
            pawl_source_ask(bench.source, &probe.ask);
            (void)turn(&bench);
            memcpy(front, replies[i].reply, cut);
            if (cut > 0) fake_reply(link_of(&bench), front);
            if (link_of(&bench)->state == FAKE_OPEN && cut < size) {
                fake_reply(link_of(&bench), replies[i].reply + cut);
            }
            if (probe.answers != 1 || probe.ask.error.code != replies[i].want) {
                fail_msg("%s, cut at %zu: %d answers, %s", replies[i].label, cut, probe.answers,
                         pawl_err_name(probe.ask.error.code));
            }
            if (replies[i].text != NULL && strstr(probe.ask.error.text, replies[i].text) == NULL) {
                fail_msg("%s: says \"%s\"", replies[i].label, probe.ask.error.text);
            }
            bool lied = replies[i].want == PAWL_LOST && replies[i].reply[0] != '-';
            assert_int_equal(link_of(&bench)->state, lied ? FAKE_APART : FAKE_OPEN);
            assert_int_equal(probe.ask.burned, lied ? 10 : 0);
            end(&bench);
        }
    }
}

/* What follows a zero byte is not shown: it would be an error without a word. */
static void an_error_always_says_something(void **state)
{
    static const char reply[] = "-LIMIT \0 too many\r\n";
    struct pawl_ask ask = take_of(10);
    const char *why = NULL;

    (void)state;
    assert_int_equal(pawl_reply_read((struct pawl_bytes){reply, sizeof reply - 1}, &ask, &why),
                     sizeof reply - 1);
    assert_int_equal(ask.error.code, PAWL_LIMIT);
    assert_string_equal(ask.error.text, pawl_err_text(PAWL_LIMIT));
}

static void a_grant_is_told_whole(void **state)
{
    struct probe probe = {take_of(10), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    connect_now(&bench);
    pawl_source_ask(bench.source, &probe.ask);
    (void)turn(&bench);
    fake_reply(link_of(&bench), "*8\r\n:-1\r\n:-2\r\n:9\r\n:6\r\n:5\r\n:3\r\n:77\r\n:500\r\n");
    assert_int_equal(probe.ask.grant.range.first, -1);
    assert_int_equal(probe.ask.grant.range.increment, -2);
    assert_int_equal(probe.ask.grant.range.count, 9);
    assert_int_equal(probe.ask.grant.epoch, 6);
    assert_int_equal(probe.ask.grant.line, 5);
    assert_int_equal(probe.ask.grant.lap, 3);
    assert_int_equal(probe.ask.grant.lease, 77);
    assert_int_equal(probe.ask.grant.block, 500);
    end(&bench);
}

static void an_exact_take_must_be_whole(void **state)
{
    struct probe probe = {ask_of(PAWL_ASK_NEXT), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    connect_now(&bench);
    probe.ask.count = 3;
    probe.ask.exact = true;
    pawl_source_ask(bench.source, &probe.ask);
    (void)turn(&bench);
    fake_reply(link_of(&bench), "*6\r\n:1\r\n:1\r\n:2\r\n:5\r\n:5\r\n:0\r\n");
    assert_int_equal(probe.ask.error.code, PAWL_LOST);
    assert_int_equal(probe.ask.burned, 3);
    end(&bench);
}

static void a_record_is_read(void **state)
{
    struct probe probe = {ask_of(PAWL_ASK_READ), 0};
    struct pawl_record record;
    struct bench bench;

    (void)state;
    begin(&bench);
    connect_now(&bench);
    probe.ask.record = &record;
    pawl_source_ask(bench.source, &probe.ask);
    (void)turn(&bench);
    fake_reply(link_of(&bench), INFO_ORDERS);
    assert_int_equal(probe.ask.error.code, PAWL_OK);
    assert_int_equal(record.epoch, 9);
    assert_int_equal(record.increment, -3);
    assert_int_equal(record.order, PAWL_ORDER_GLOBAL);
    assert_true(record.rate > 12.4 && record.rate < 12.6);

    probe.ask.name = PAWL_BYTES("others");
    pawl_source_ask(bench.source, &probe.ask);
    (void)turn(&bench);
    fake_reply(link_of(&bench), INFO_ORDERS);
    assert_int_equal(probe.ask.error.code, PAWL_BUSY); /* a lie, but nothing was taken */
    assert_int_equal(link_of(&bench)->state, FAKE_APART);
    end(&bench);
}

static void a_page_is_told_whole_or_not_at_all(void **state)
{
    struct pawl_page page = {.count_max = 10, .each = count_record};
    struct probe probe = {ask_of(PAWL_ASK_LIST), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    connect_now(&bench);
    probe.ask.page = &page;
    pawl_source_ask(bench.source, &probe.ask);
    (void)turn(&bench);
    fake_reply(link_of(&bench), "*2\r\n$2\r\n=p\r\n*2\r\n" INFO_ORDERS INFO_ORDERS);
    assert_int_equal(probe.ask.error.code, PAWL_OK);
    assert_int_equal(page.count_max, 12);
    assert_true(page.more);
    assert_int_equal(page.after.size, 1);

    pawl_source_ask(bench.source, &probe.ask);
    (void)turn(&bench);
    fake_reply(link_of(&bench), "*2\r\n$1\r\n0\r\n*2\r\n" INFO_ORDERS "*1\r\n:1\r\n");
    assert_int_equal(probe.ask.error.code, PAWL_BUSY);
    assert_int_equal(page.count_max, 12);
    end(&bench);
}

/* How each kind ends when its answer is lost, and that it ends so at the exchange deadline too. */
static void a_lost_reply_ends_all_that_is_unanswered(void **state)
{
    static const struct {
        enum pawl_ask_kind kind;
        pawl_err want;
        uint64_t burned;
    } rows[] = {
        {PAWL_ASK_TAKE, PAWL_LOST, 6},      {PAWL_ASK_NEXT, PAWL_LOST, 6},
        {PAWL_ASK_CREATE, PAWL_UNKNOWN, 0}, {PAWL_ASK_ALTER, PAWL_UNKNOWN, 0},
        {PAWL_ASK_SET, PAWL_UNKNOWN, 0},    {PAWL_ASK_DROP, PAWL_UNKNOWN, 0},
        {PAWL_ASK_FENCE, PAWL_UNKNOWN, 0},  {PAWL_ASK_READ, PAWL_BUSY, 0},
        {PAWL_ASK_PING, PAWL_BUSY, 0},      {PAWL_ASK_RETURN, PAWL_NOT_KEPT, 0},
    };

    (void)state;
    for (int late = 0; late < 2; late++) {
        struct probe probes[PAWL_COUNT(rows)];
        struct bench bench;

        begin(&bench);
        connect_now(&bench);
        for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
            probes[i] = (struct probe){ask_of(rows[i].kind), 0};
            probes[i].ask.count = 6;
            pawl_source_ask(bench.source, &probes[i].ask);
        }
        assert_int_equal(turn(&bench), bench.now_ns + EXCHANGE_NS);
        if (late) {
            bench.now_ns += EXCHANGE_NS - 1;
            (void)turn(&bench);
            assert_int_equal(probes[0].answers, 0);
            bench.now_ns += 1;
            (void)turn(&bench);
            assert_int_equal(link_of(&bench)->state, FAKE_APART);
        } else {
            fake_hang_up(link_of(&bench));
        }
        for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
            assert_int_equal(probes[i].answers, 1);
            assert_int_equal(probes[i].ask.error.code, rows[i].want);
            assert_int_equal(probes[i].ask.burned, rows[i].burned);
        }
        end(&bench);
    }
}

static void what_was_not_sent_is_refused(void **state)
{
    struct probe first = {take_of(1), 0};
    struct probe second = {take_of(1), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    pawl_source_ask(bench.source, &first.ask);
    (void)turn(&bench);
    fake_hang_up(link_of(&bench)); /* while it dials */
    assert_int_equal(first.answers, 1);
    assert_int_equal(first.ask.error.code, PAWL_BUSY);
    (void)turn(&bench);

    pawl_source_ask(bench.source, &second.ask); /* within the back-off: at once */
    (void)turn(&bench);
    assert_int_equal(second.answers, 1);
    assert_int_equal(second.ask.error.code, PAWL_BUSY);
    assert_int_equal(link_of(&bench)->dials, 1);

    bench.now_ns += 10 * PAWL_NS_PER_MS;
    pawl_source_ask(bench.source, &second.ask);
    (void)turn(&bench);
    assert_int_equal(link_of(&bench)->dials, 2);
    fake_open(link_of(&bench));
    assert_string_equal(sent(&bench), "SEQ.LEASE orders 1");
    bench.now_ns += 100 * PAWL_NS_PER_S; /* sent outside a turn: its time begins with the next */
    assert_int_equal(turn(&bench), bench.now_ns + EXCHANGE_NS);
    assert_int_equal(second.answers, 1);
    end(&bench);
    assert_int_equal(second.answers, 2);
    assert_int_equal(second.ask.error.code, PAWL_LOST);
}

static void dialling_has_a_deadline_and_asks_have_theirs(void **state)
{
    struct probe patient = {take_of(1), 0};
    struct probe hasty = {take_of(1), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    hasty.ask.deadline_ns = bench.now_ns + 5;
    pawl_source_ask(bench.source, &patient.ask);
    pawl_source_ask(bench.source, &hasty.ask);
    assert_int_equal(turn(&bench), bench.now_ns + 5);
    bench.now_ns += 5;
    (void)turn(&bench);
    assert_int_equal(hasty.ask.error.code, PAWL_TIMEOUT);
    assert_int_equal(patient.answers, 0);
    bench.now_ns += EXCHANGE_NS;
    (void)turn(&bench);
    assert_int_equal(patient.answers, 1);
    assert_int_equal(patient.ask.error.code, PAWL_BUSY);
    end(&bench);
}

static void back_off_doubles_up_to_its_most(void **state)
{
    struct bench bench;
    uint64_t pause_ns = 0;

    (void)state;
    begin(&bench);
    for (uint32_t i = 0; i < 20; i += 2) { /* both attempts of a round fail */
        struct probe probe = {take_of(1), 0};
        uint64_t least_ns = (UINT64_C(5) << i) * PAWL_NS_PER_MS;

        pawl_source_ask(bench.source, &probe.ask);
        (void)turn(&bench);
        assert_int_equal(link_of(&bench)->dials, i + 1);
        fake_hang_up(link_of(&bench));
        (void)turn(&bench);
        for (pause_ns = 0; probe.ask.error.code == PAWL_BUSY; pause_ns += PAWL_NS_PER_MS) {
            pawl_source_ask(bench.source, &probe.ask);
            (void)turn(&bench);
            if (link_of(&bench)->state == FAKE_DIALLING) break;
            bench.now_ns += PAWL_NS_PER_MS;
        }
        if (least_ns > PAWL_NS_PER_S) least_ns = PAWL_NS_PER_S;
        assert_in_range(pause_ns, least_ns, 2 * least_ns + PAWL_NS_PER_MS);
        fake_hang_up(link_of(&bench));
        (void)turn(&bench);
        bench.now_ns += 2 * PAWL_NS_PER_S;
    }
    end(&bench);
}

static void replies_come_in_order_and_unasked_ones_end_it(void **state)
{
    struct probe a = {take_of(10), 0};
    struct probe b = {take_of(10), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    connect_now(&bench);
    pawl_source_ask(bench.source, &a.ask);
    pawl_source_ask(bench.source, &b.ask);
    (void)turn(&bench);
    assert_string_equal(sent(&bench), "SEQ.LEASE orders 10 | SEQ.LEASE orders 10");
    fake_reply(link_of(&bench), GRANT_1_10 "-STORE away\r\n:1\r\n");
    assert_int_equal(a.ask.error.code, PAWL_OK);
    assert_int_equal(b.ask.error.code, PAWL_STORE);
    assert_int_equal(link_of(&bench)->state, FAKE_APART);
    end(&bench);
}

static void a_return_needs_the_connection(void **state)
{
    struct probe give = {ask_of(PAWL_ASK_RETURN), 0};
    struct probe take = {take_of(1), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    pawl_source_ask(bench.source, &take.ask);
    (void)turn(&bench);
    pawl_source_ask(bench.source, &give.ask); /* while it dials */
    fake_open(link_of(&bench));
    (void)turn(&bench);
    assert_string_equal(sent(&bench), "SEQ.LEASE orders 1");
    assert_int_equal(give.answers, 1);
    assert_int_equal(give.ask.error.code, PAWL_NOT_KEPT);
    assert_int_equal(pawl_remote_connection(bench.remote), 1);
    end(&bench);
}

static void an_endless_reply_ends_it(void **state)
{
    static char bulk[64 * 1024 + 1];
    struct probe probe = {take_of(1), 0};
    struct bench bench;

    (void)state;
    begin(&bench);
    connect_now(&bench);
    pawl_source_ask(bench.source, &probe.ask);
    (void)turn(&bench);
    memset(bulk, 'x', sizeof bulk - 1);
    fake_reply(link_of(&bench), "*100\r\n");
    for (int i = 0; i < 600 && probe.answers == 0; i++) {
        fake_reply(link_of(&bench), i % 3 == 0 ? "$65536\r\n" : i % 3 == 1 ? bulk : "\r\n");
    }
    assert_int_equal(probe.ask.error.code, PAWL_LOST);
    assert_int_equal(link_of(&bench)->state, FAKE_APART);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_each_ask),
        cmocka_unit_test(reads_each_reply_cut_at_every_byte),
        cmocka_unit_test(an_error_always_says_something),
        cmocka_unit_test(a_grant_is_told_whole),
        cmocka_unit_test(an_exact_take_must_be_whole),
        cmocka_unit_test(a_record_is_read),
        cmocka_unit_test(a_page_is_told_whole_or_not_at_all),
        cmocka_unit_test(a_lost_reply_ends_all_that_is_unanswered),
        cmocka_unit_test(what_was_not_sent_is_refused),
        cmocka_unit_test(dialling_has_a_deadline_and_asks_have_theirs),
        cmocka_unit_test(back_off_doubles_up_to_its_most),
        cmocka_unit_test(replies_come_in_order_and_unasked_ones_end_it),
        cmocka_unit_test(a_return_needs_the_connection),
        cmocka_unit_test(an_endless_reply_ends_it),
    };

    return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
