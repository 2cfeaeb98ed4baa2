/* SPDX-License-Identifier: Apache-2.0 */
/* etcd:// over a scripted HTTP: which member is asked what, and what each answer does to an ask. */
#include "store/etcd/etcd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/schemes.h"

enum { BODY_BYTES = 8192, EXCHANGES_MAX = 128 };

/* The HTTP below the driver, all of http.h in its place: one exchange waits for the script. */
struct pawl_http {
    struct pawl_http_exchange *waiting[EXCHANGES_MAX];
    size_t count;
};

struct bench {
    struct pawl_http http;
    struct pawl_source *store;
    uint64_t now_ns;
    unsigned sent;
    char url[512], token[128], body[BODY_BYTES];
    char value[BODY_BYTES]; /* what was put last, in base64 */
};

static struct bench bench;

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

static void end_exchange(enum pawl_http_end end, int status, const char *answer)
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

struct probe {
    struct pawl_ask ask;
    int answers;
};

static void probe_done(struct pawl_ask *ask)
{
    PAWL_OWNER(ask, struct probe, ask)->answers++;
}

static void turns(void)
{
    for (int i = 0; i < 8; i++) {
        (void)bench.store->ops->turn(bench.store, bench.now_ns);
    }
}

static void begin(struct probe *probe, enum pawl_ask_kind kind)
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

static void answer(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void answer(int status, const char *format, ...)
{
    static char text[2 * BODY_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    end_exchange(PAWL_HTTP_ANSWERED, status, text);
    turns();
}

static void answer_error(int status, int code, const char *message)
{
    answer(status, "{\"error\":\"%s\",\"message\":\"%s\",\"code\":%d}", message, message, code);
}

#define HEADER(revision) "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"" #revision "\"}"
#define FOUND(revision) \
    "\"kvs\":[{\"key\":\"cGF3bC9vcmRlcnM=\",\"mod_revision\":\"" #revision "\",\"value\":\"%s\"}]"

/* {"format":1,"branch":"1-000000000000000a","cluster":"7"} at the key "pawl/" */
#define BRANCH_1                                                                                   \
    "\"kvs\":[{\"key\":\"cGF3bC8=\",\"mod_revision\":\"2\",\"value\":\"eyJmb3JtYXQiOjEsImJyYW5jaC" \
    "I6IjEtMDAwMDAwMDAwMDAwMDAwYSIsImNsdXN0ZXIiOiI3In0=\"}]"
/* {"format":1,"branch":"2-00000000000000ff","cluster":"7"} */
#define BRANCH_2                                                                                   \
    "\"kvs\":[{\"key\":\"cGF3bC8=\",\"mod_revision\":\"3\",\"value\":\"eyJmb3JtYXQiOjEsImJyYW5jaC" \
    "I6IjItMDAwMDAwMDAwMDAwMDBmZiIsImNsdXN0ZXIiOiI3In0=\"}]"

static void open_store(const char *url)
{
    static uv_loop_t loop;
    struct pawl_store_options options = {.loop = &loop, .seed = 3, .refill_interval_ns = 1};
    pawl_error error = {.text = ""};

    bench = (struct bench){.now_ns = 1000};
    if (pawl_etcd_open(url, &options, &bench.store, &error) != PAWL_OK) fail_msg("%s", error.text);
}

/* A store that remembers orders at revision 10. */
static void open_with_record(const char *url)
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

static void close_store(void)
{
    bench.store->ops->close(bench.store);
}

static void expect(const struct probe *probe, pawl_err code, uint64_t burned)
{
    assert_int_equal(probe->answers, 1);
    if (probe->ask.error.code != code) fail_msg("%s", probe->ask.error.text);
    assert_int_equal(probe->ask.burned, burned);
}

static void a_warm_take_is_one_round_trip(void **state)
{
    struct probe probe;

    (void)state;
    open_with_record("etcd://a");
    for (int i = 0; i < 3; i++) {
        begin(&probe, PAWL_ASK_TAKE);
        assert_string_equal(bench.url, "http://a:2379/v3/kv/txn");
        assert_non_null(
            strstr(bench.body, i == 0 ? "\"mod_revision\":\"10\"" : "\"mod_revision\":\"11\""));
        answer(200, HEADER(11) ",\"succeeded\":true}");
        if (i == 1) break; /* which answers what cannot be: a revision that is no later */
        expect(&probe, PAWL_OK, 0);
        assert_int_equal(probe.ask.grant.range.first, 1);
    }
    expect(&probe, PAWL_LOST, 10);
    assert_int_equal(bench.sent, 2);
    close_store();
}

static void a_lost_race_costs_no_read(void **state)
{
    char other[BODY_BYTES];
    struct probe probe;

    (void)state;
    open_with_record("etcd://a");
    begin(&probe, PAWL_ASK_TAKE);
    (void)snprintf(other, sizeof other, "%s", bench.value); /* as if another had put that */
    answer(200, HEADER(11) ",\"succeeded\":true}");
    begin(&probe, PAWL_ASK_TAKE);
    answer(200, HEADER(15) ",\"responses\":[{\"response_range\":{" FOUND(15) "}}]}", other);
    assert_non_null(strstr(bench.body, "\"mod_revision\":\"15\""));
    answer(200, HEADER(16) ",\"succeeded\":true}");
    expect(&probe, PAWL_OK, 0);
    assert_int_equal(probe.ask.grant.range.first, 11);
    assert_int_equal(bench.sent, 3);
    close_store();
}

/* How a put ends that one member answers with an error. */
static void ends_of_a_put(void **state)
{
    static const struct {
        int status, code;
        const char *message;
        pawl_err err;
        uint64_t burned;
    } rows[] = {
        {503, 14, "etcdserver: request timed out", PAWL_LOST, 10},
        {503, 14, "etcdserver: no leader", PAWL_LOST, 10},
        {500, 2, "context deadline exceeded", PAWL_LOST, 10},
        {429, 8, "etcdserver: too many requests", PAWL_BUSY, 0},
        {403, 7, "etcdserver: permission denied", PAWL_DENIED, 0},
        {400, 3, "etcdserver: user name is empty", PAWL_DENIED, 0},
        {400, 3, "etcdserver: request is too large", PAWL_BAD_REQUEST, 0},
        {503, 14, "etcdserver: not capable", PAWL_STORE, 0},
        {500, 15, "etcdserver: corrupt cluster", PAWL_STORE, 0},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct probe probe;

        open_with_record("etcd://a");
        begin(&probe, PAWL_ASK_TAKE);
        answer_error(rows[i].status, rows[i].code, rows[i].message);
        expect(&probe, rows[i].err, rows[i].burned);
        assert_int_equal(bench.sent, 1);
        close_store();
    }
}

static void answers_that_cannot_be_meant_burn(void **state)
{
    static const char *const texts[] = {"", "{}", "<html>", HEADER(11) "}",
                                        HEADER(11) ",\"responses\":[{}]}"};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(texts); i++) {
        struct probe probe;

        open_with_record("etcd://a,b");
        begin(&probe, PAWL_ASK_TAKE);
        answer(200, "%s", texts[i]);
        expect(&probe, PAWL_LOST, 10);
        assert_int_equal(bench.sent, 1);
        close_store();
    }
}

static void only_what_was_not_sent_goes_elsewhere(void **state)
{
    char first[sizeof bench.url];
    struct probe probe;

    (void)state;
    open_with_record("etcd://a,b");
    begin(&probe, PAWL_ASK_TAKE);
    (void)snprintf(first, sizeof first, "%s", bench.url);
    end_exchange(PAWL_HTTP_NOT_SENT, 0, "");
    turns();
    assert_string_not_equal(bench.url, first);
    answer(200, HEADER(11) ",\"succeeded\":true}");
    expect(&probe, PAWL_OK, 0);
    (void)snprintf(first, sizeof first, "%s", bench.url);
    begin(&probe, PAWL_ASK_TAKE);
    assert_string_equal(bench.url, first); /* which is preferred now */
    end_exchange(PAWL_HTTP_CUT, 0, "");
    turns();
    expect(&probe, PAWL_LOST, 10);
    begin(&probe, PAWL_ASK_TAKE);
    end_exchange(PAWL_HTTP_CUT, 0, ""); /* a read: it may go elsewhere */
    turns();
    end_exchange(PAWL_HTTP_NOT_SENT, 0, "");
    turns();
    expect(&probe, PAWL_STORE, 0);
    assert_int_equal(bench.sent, 5);
    close_store();
}

static void without_space_the_record_tells(void **state)
{
    char before[BODY_BYTES];
    struct probe probe;

    (void)state;
    for (int way = 0; way < 3; way++) {
        open_with_record("etcd://a");
        (void)snprintf(before, sizeof before, "%s", bench.value);
        begin(&probe, PAWL_ASK_TAKE);
        answer_error(429, 8, "etcdserver: mvcc: database space exceeded");
        assert_int_equal(probe.answers, 0);
        if (way == 0) {
            answer(200, HEADER(11) "," FOUND(11) "}", bench.value);
            expect(&probe, PAWL_OK, 0);
        } else if (way == 1) {
            answer(200, HEADER(10) "," FOUND(10) "}", before);
            expect(&probe, PAWL_STORE, 0);
        } else {
            answer(200, HEADER(12) "}");
            expect(&probe, PAWL_LOST, 10);
        }
        close_store();
    }
}

static void another_cluster_is_asked_nothing(void **state)
{
    struct probe probe;

    (void)state;
    open_with_record("etcd://a");
    begin(&probe, PAWL_ASK_TAKE);
    answer(200, "{\"header\":{\"cluster_id\":\"8\",\"revision\":\"11\"},\"succeeded\":true}");
    expect(&probe, PAWL_LOST, 10);
    begin(&probe, PAWL_ASK_TAKE);
    expect(&probe, PAWL_STORE, 0);
    assert_non_null(strstr(probe.ask.error.text, "another etcd cluster"));
    assert_int_equal(bench.sent, 1);
    close_store();
}

#define STATUS(cluster) "{\"header\":{\"cluster_id\":\"" #cluster "\"},\"version\":\"3.5.1\"}"

static void a_ping_meets_every_member(void **state)
{
    char first[sizeof bench.url];
    struct probe probe;

    (void)state;
    open_store("etcd://a,b,c");
    begin(&probe, PAWL_ASK_PING);
    (void)snprintf(first, sizeof first, "%s", bench.url);
    answer(200, STATUS(7));
    assert_string_not_equal(bench.url, first);
    end_exchange(PAWL_HTTP_NOT_SENT, 0, ""); /* one may be away */
    turns();
    answer(200, STATUS(7));
    answer(200, HEADER(9) "," BRANCH_1 "}");
    expect(&probe, PAWL_OK, 0);
    assert_int_equal(bench.sent, 4);
    begin(&probe, PAWL_ASK_PING);
    answer(200, STATUS(7));
    answer(200, STATUS(8));
    expect(&probe, PAWL_STORE, 0);
    assert_non_null(strstr(probe.ask.error.text, "another etcd cluster"));
    close_store();
}

#define TOKEN(token) HEADER(9) ",\"token\":\"" token "\"}"

static void tokens_are_renewed_once(void **state)
{
    struct probe probe;

    (void)state;
    open_store("etcd://u:p@a");
    begin(&probe, PAWL_ASK_CREATE);
    assert_string_equal(bench.url, "http://a:2379/v3/auth/authenticate");
    assert_string_equal(bench.token, "");
    answer(200, TOKEN("one"));
    assert_string_equal(bench.token, "Authorization: one");
    answer(200, HEADER(9) "," BRANCH_1 "}");
    answer(200, HEADER(9) "}");
    answer_error(401, 16, "etcdserver: invalid auth token");
    answer(200, TOKEN("two"));
    assert_string_equal(bench.url, "http://a:2379/v3/kv/txn");
    assert_string_equal(bench.token, "Authorization: two");
    answer(200, HEADER(10) ",\"succeeded\":true}");
    expect(&probe, PAWL_OK, 0);
    begin(&probe, PAWL_ASK_TAKE);
    answer_error(401, 16, "etcdserver: invalid auth token");
    answer(200, TOKEN("three"));
    answer_error(401, 16, "etcdserver: invalid auth token");
    expect(&probe, PAWL_DENIED, 0);
    begin(&probe, PAWL_ASK_TAKE);
    answer_error(401, 16, "etcdserver: invalid auth token");
    answer_error(400, 3, "etcdserver: authentication failed, invalid user ID or password");
    expect(&probe, PAWL_DENIED, 0);
    begin(&probe, PAWL_ASK_TAKE);
    answer_error(412, 9, "etcdserver: authentication is not enabled");
    assert_string_equal(bench.token, "");
    answer(200, HEADER(12) ",\"succeeded\":true}");
    expect(&probe, PAWL_OK, 0);
    close_store();
}

static void closing_ends_what_waits(void **state)
{
    struct probe probes[2];

    (void)state;
    open_with_record("etcd://a,b");
    begin(&probes[0], PAWL_ASK_TAKE);
    close_store();
    expect(&probes[0], PAWL_LOST, 10);
    open_store("etcd://u:p@a,b");
    begin(&probes[0], PAWL_ASK_TAKE);
    begin(&probes[1], PAWL_ASK_PING);
    close_store();
    assert_int_equal(probes[0].answers, 1);
    assert_int_equal(probes[1].answers, 1);
    assert_int_equal(probes[0].ask.error.code, PAWL_CLOSED);
    assert_int_equal(probes[1].ask.error.code, PAWL_CLOSED);
}

static void ping(struct probe *probe, struct pawl_identity *identity)
{
    begin(probe, PAWL_ASK_PING);
    probe->ask.identity = identity;
    answer(200, STATUS(7));
}

/* Two who come at once: one draws, the other finds it. */
static void a_branch_is_drawn_where_there_is_none(void **state)
{
    struct pawl_identity identity = {.name_size = 0};
    struct probe probe;

    (void)state;
    for (int second = 0; second < 2; second++) {
        open_store("etcd://a");
        ping(&probe, &identity);
        answer(200, HEADER(9) "}");
        assert_non_null(strstr(bench.body, "\"key\":\"cGF3bC8=\",\"target\":\"CREATE\""));
        if (second) {
            answer(200, HEADER(9) ",\"responses\":[{\"response_range\":{" BRANCH_2 "}}]}");
            assert_memory_equal(identity.branch.at, "2-", 2);
        } else {
            answer(200, HEADER(10) ",\"succeeded\":true}");
            assert_memory_equal(identity.branch.at, "1-", 2);
        }
        expect(&probe, PAWL_OK, 0);
        assert_memory_equal(identity.name, "7/pawl", 7); /* and nothing behind it */
        assert_true(identity.branch.loses);
        close_store();
    }
}

static void a_branch_that_is_denied_is_done_without(void **state)
{
    struct pawl_identity identity = {.name_size = 0};
    struct probe probe;

    (void)state;
    open_store("etcd://u:p@a");
    begin(&probe, PAWL_ASK_PING);
    probe.ask.identity = &identity;
    answer(200, TOKEN("one"));
    answer(200, STATUS(7));
    answer_error(403, 7, "etcdserver: permission denied");
    expect(&probe, PAWL_OK, 0);
    assert_int_equal(identity.branch.size, 0);
    assert_int_equal(identity.name_size, strlen("7/pawl"));
    close_store();
}

/* An answer shows a revision that is older than one seen: nothing of it is granted, and the branch
 * is drawn anew before anything else is. */
static void a_store_that_went_back_gets_another_branch(void **state)
{
    static char old[BODY_BYTES];
    struct probe probe;

    (void)state;
    open_with_record("etcd://a");
    memcpy(old, bench.value, sizeof old);
    begin(&probe, PAWL_ASK_TAKE);
    assert_non_null(strstr(bench.body, "\"key\":\"cGF3bC8=\",\"target\":\"VALUE\""));
    answer(200, HEADER(8) ",\"succeeded\":true}");
    expect(&probe, PAWL_LOST, 10);
    begin(&probe, PAWL_ASK_TAKE);
    assert_null(strstr(bench.body, "success")); /* the branch is looked at */
    answer(200, HEADER(8) "," BRANCH_1 "}");
    assert_non_null(strstr(bench.body, "\"mod_revision\":\"2\""));
    answer(200, HEADER(9) ",\"succeeded\":true}");
    answer(200, HEADER(9) "," FOUND(7) "}", old);
    /* The record bears the old branch, and may be behind: it is moved on. */
    answer(200, HEADER(10) ",\"succeeded\":true}");
    expect(&probe, PAWL_OK, 0);
    assert_true(probe.ask.grant.range.first > 10000);
    assert_true(probe.ask.skipped >= 10000);
    close_store();
}

/*
 * A refused put shows which branch there is: another, as somebody else has seen the store go back;
 * or the same, though the record's own revision is lower than it was.
 */
static void a_refused_put_shows_that_the_store_went_back(void **state)
{
#define REFUSED(revision, branch)                                                                  \
    HEADER(20)                                                                                     \
    ",\"responses\":[{\"response_range\":{" FOUND(revision) "}},{\"response_range\":{" branch "}}" \
                                                            "]}"
    (void)state;
    for (int drawn = 0; drawn < 2; drawn++) {
        char old[BODY_BYTES];
        struct probe probe;

        open_with_record("etcd://a");
        (void)snprintf(old, sizeof old, "%s", bench.value);
        begin(&probe, PAWL_ASK_TAKE);
        if (drawn) {
            answer(200, REFUSED(10, BRANCH_2), old);
            answer(200, HEADER(20) "," BRANCH_2 "}");
        } else {
            answer(200, REFUSED(5, BRANCH_1), old);
            answer(200, HEADER(20) "," BRANCH_1 "}");
            answer(200, HEADER(21) ",\"succeeded\":true}");
        }
        answer(200, HEADER(22) ",\"succeeded\":true}");
        expect(&probe, PAWL_OK, 0);
        assert_true(probe.ask.skipped >= 10000);
        close_store();
    }
}

/* As a guard asks that remembers more than the store: once, for all who ask. */
static void a_redraw_draws_what_is_known_or_older(void **state)
{
    static const struct {
        const char *branch;
        bool draws;
    } rows[] = {
        {"2-000000000000000a", true}, {"1-000000000000000b", true}, {"0123456789abcdef", false}};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_identity identity = {.name_size = 0};
        struct probe probe = {.ask = {.kind = PAWL_ASK_REDRAW, .done = probe_done}};

        open_store("etcd://a");
        identity.branch.size = (uint8_t)strlen(rows[i].branch);
        memcpy(identity.branch.at, rows[i].branch, identity.branch.size);
        probe.ask.identity = &identity;
        pawl_source_ask(bench.store, &probe.ask);
        turns();
        answer(200, HEADER(9) "," BRANCH_1 "}");
        if (rows[i].draws) answer(200, HEADER(10) ",\"succeeded\":true}");
        expect(&probe, PAWL_OK, 0);
        assert_int_equal(identity.branch.at[0] != '1', rows[i].draws);
        close_store();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_warm_take_is_one_round_trip),
        cmocka_unit_test(a_lost_race_costs_no_read),
        cmocka_unit_test(ends_of_a_put),
        cmocka_unit_test(answers_that_cannot_be_meant_burn),
        cmocka_unit_test(only_what_was_not_sent_goes_elsewhere),
        cmocka_unit_test(without_space_the_record_tells),
        cmocka_unit_test(another_cluster_is_asked_nothing),
        cmocka_unit_test(a_ping_meets_every_member),
        cmocka_unit_test(tokens_are_renewed_once),
        cmocka_unit_test(closing_ends_what_waits),
        cmocka_unit_test(a_branch_is_drawn_where_there_is_none),
        cmocka_unit_test(a_branch_that_is_denied_is_done_without),
        cmocka_unit_test(a_store_that_went_back_gets_another_branch),
        cmocka_unit_test(a_refused_put_shows_that_the_store_went_back),
        cmocka_unit_test(a_redraw_draws_what_is_known_or_older),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
