/* SPDX-License-Identifier: Apache-2.0 */
/* etcd:// over a scripted HTTP: which member is asked what, and what each answer does to an ask. */
#include "etcd_world.h"

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
        {400, 3, "etcdserver: request is too large", PAWL_DENIED, 0},
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
    };

    return cmocka_run_group_tests_name("etcd_store", tests, NULL, NULL);
}
