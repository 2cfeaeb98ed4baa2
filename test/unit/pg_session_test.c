/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL sessions on a desk: the protocol's course, cuts, errors, transactions, settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pg_fixture.h"

#define ABORTED \
    "E(25P02 current transaction is aborted, commands ignored until end of transaction block)"

/* The start. */

static void tells_what_drivers_want(void **state)
{
    struct fixture fixture;
    struct talk talk = {0};
    static const char *const wanted[] = {
        "S(server_version=15.20)",
        "S(server_encoding=UTF8)",
        "S(client_encoding=UTF8)",
        "S(DateStyle=ISO, DMY)",
        "S(TimeZone=UTC)",
        "S(integer_datetimes=on)",
        "S(application_name=test)",
        "S(standard_conforming_strings=on)",
        "S(IntervalStyle=postgres)",
        "S(is_superuser=off)",
        "S(session_authorization=me)",
        "S(in_hot_standby=off)",
        "S(default_transaction_read_only=off)",
    };
    static const char *const given[] = {"user",     "me",      "application_name",
                                        "test",     "options", "-c datestyle=DMY --a.b=1\\ 2",
                                        "database", "shop",    NULL};

    (void)state;
    open_all(&fixture);
    talk_start(&talk, PROTOCOL, given);
    const char *got = send_all(&fixture, 2, &talk);
    for (size_t i = 0; i < PAWL_COUNT(wanted); i++) {
        if (strstr(got, wanted[i]) == NULL) fail_msg("%s: %s", wanted[i], got);
    }
    query(&fixture, 2, "SHOW a.b", "T(a.b:25) D(1 2) C(SHOW) Z(I)");
    close_all(&fixture);
}

static void first_packet(const struct talk *talk, const char *want)
{
    struct fixture fixture;

    open_all(&fixture);
    const char *got = send_all(&fixture, 2, talk);
    if (strncmp(got, want, strlen(want)) != 0) fail_msg("\ngot:  %s\nwant: %s", got, want);
    close_all(&fixture);
}

static void begins_in_many_ways(void **state)
{
    static const char *const nobody[] = {"database", "shop", NULL};
    static const char *const copy[] = {"user", "me", "replication", "database", NULL};
    static const char *const strange[] = {"user", "me", "no_such_setting", "1", NULL};
    static const char *const options[] = {"user", "me", "_pq_.new", "1", NULL};
    struct talk talk = {0};

    (void)state;
    talk_code(&talk, 80877103);
    first_packet(&talk, "'N'");
    talk_start(&talk, PROTOCOL, fixture_pairs);
    first_packet(&talk, "E(FATAL 08P01 received unencrypted data after SSL request)");
    talk = (struct talk){0};
    talk_code(&talk, 80877104);
    first_packet(&talk, "'N'");
    talk = (struct talk){0};
    talk_start(&talk, 2 << 16, fixture_pairs);
    first_packet(&talk, "E(FATAL 0A000 unsupported frontend protocol 2.0");
    talk = (struct talk){0};
    talk_start(&talk, PROTOCOL + 2, fixture_pairs);
    first_packet(&talk, "v R(0) ");
    talk = (struct talk){0};
    talk_start(&talk, PROTOCOL, options);
    first_packet(&talk, "v R(0) ");
    talk = (struct talk){0};
    talk_start(&talk, PROTOCOL, nobody);
    first_packet(&talk, "E(FATAL 28000 no PostgreSQL user name specified in startup packet)");
    talk = (struct talk){0};
    talk_start(&talk, PROTOCOL, copy);
    first_packet(&talk, "E(FATAL 0A000 replication connections are not supported");
    talk = (struct talk){0};
    talk_start(&talk, PROTOCOL, strange);
    first_packet(&talk, "E(FATAL 42704 unrecognized configuration parameter \"no_such_setting\")");
    talk = (struct talk){0};
    talk_raw(&talk, PAWL_BYTES("GET / HTTP/1.1\r\n\r\n"));
    first_packet(&talk, "E(FATAL 08P01 invalid length of startup packet)");
}

static void hangs_up_on_who_does_not_begin(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    world_wait(&fixture.world, 59 * PAWL_NS_PER_S);
    assert_false(conn_wants_close(&fixture.clients[2]));
    world_wait(&fixture.world, 2 * PAWL_NS_PER_S);
    assert_string_equal(heard(&fixture, 2),
                        "E(FATAL 57014 canceling authentication due to timeout)");
    assert_true(conn_wants_close(&fixture.clients[2]));
    assert_false(conn_wants_close(&fixture.clients[0]));
    close_all(&fixture);
}

/* Simple queries. */

static void answers_queries(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", "C(CREATE SEQUENCE) Z(I)");
    query(&fixture, 0, "SELECT nextval('s')", NEXT("1"));
    query(&fixture, 1, "SELECT nextval('public.s')", NEXT("2"));
    query(&fixture, 0, "SELECT nextval('s'), currval('s'), lastval()",
          "T(nextval:20,currval:20,lastval:20) D(3,3,3) C(SELECT 1) Z(I)");
    query(&fixture, 1, "SELECT currval('s')", "T(currval:20) D(2) C(SELECT 1) Z(I)");
    query(&fixture, 0, "", "I Z(I)");
    query(&fixture, 0, "SELECT 1; SELECT nextval('s')",
          "T(?column?:23) D(1) C(SELECT 1) T(nextval:20) D(4) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT nextval('none'); SELECT nextval('s')",
          "E(42P01 relation \"none\" does not exist) Z(I)");
    query(&fixture, 0, "SELECT nextval('s') FROM generate_series(1, 3)",
          "T(nextval:20) D(5) D(6) D(7) C(SELECT 3) Z(I)");
    assert_string_equal(world_say(&fixture.world, &fixture.resp, "INCR s\r\n"), ":8\r\n");
    close_all(&fixture);
}

static void fill_course(struct talk *talk)
{
    static const char *const values[] = {"s", NULL};
    static const char *const none[] = {"none", NULL};

    talk_parse(talk, "", "CREATE SEQUENCE s", 0);
    talk_bind(talk, "", "", NULL, -1);
    talk_target(talk, 'D', 'P', "");
    talk_execute(talk, "", 0);
    talk_plain(talk, 'S');
    talk_parse(talk, "one", "SELECT nextval($1)", 25);
    talk_target(talk, 'D', 'S', "one");
    talk_bind(talk, "p", "one", values, 0);
    talk_execute(talk, "p", 0);
    talk_target(talk, 'C', 'P', "p");
    talk_plain(talk, 'S');
    talk_bind(talk, "p", "one", none, 0);
    talk_plain(talk, 'H');
}

static void runs_pipelines_cut_anywhere(void **state)
{
    struct talk talk = {0};

    (void)state;
    fill_course(&talk);
    talk_execute(&talk, "p", 0);
    talk_execute(&talk, "p", 0); /* passed over */
    talk_plain(&talk, 'S');
    talk_query(&talk, "SELECT nextval('s')");
    for (size_t cut = 0; cut <= talk.size; cut++) {
        struct fixture fixture;
        char all[2048];
        struct talk front = talk;
        struct talk rest = {0};

        front.size = cut;
        talk_raw(&rest, (struct pawl_bytes){talk.bytes + cut, talk.size - cut});
        open_all(&fixture);
        int size = snprintf(all, sizeof all, "%s", send_all(&fixture, 0, &front));
        const char *more = send_all(&fixture, 0, &rest);
        (void)snprintf(all + size, sizeof all - (size_t)size, "%s%s",
                       size > 0 && *more != '\0' ? " " : "", more);
        if (strcmp(all, "1 2 n C(CREATE SEQUENCE) Z(I) 1 t(25) T(nextval:20) 2 D(1) C(SELECT 1) 3 "
                        "Z(I) 2 E(42P01 relation \"none\" does not exist) Z(I) T(nextval:20) D(2) "
                        "C(SELECT 1) Z(I)") != 0) {
            fail_msg("cut at %zu: %s", cut, all);
        }
        close_all(&fixture);
    }
}

static void suspends_portals(void **state)
{
    struct fixture fixture;
    struct talk talk = {0};

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", "C(CREATE SEQUENCE) Z(I)");
    talk_query(&talk, "BEGIN");
    talk_parse(&talk, "", "SELECT nextval('s') FROM generate_series(1, 5)", 0);
    talk_bind(&talk, "p", "", NULL, 1);
    talk_execute(&talk, "p", 2);
    talk_execute(&talk, "p", 2);
    talk_plain(&talk, 'S');
    expect(&fixture, 0, &talk,
           "C(BEGIN) Z(T) 1 2 D(0000000000000001) D(0000000000000002) s D(0000000000000003) "
           "D(0000000000000004) s Z(T)");
    talk = (struct talk){0};
    talk_execute(&talk, "p", 2);
    talk_execute(&talk, "p", 2);
    talk_plain(&talk, 'S');
    expect(&fixture, 0, &talk, "D(0000000000000005) C(SELECT 1) C(SELECT 0) Z(T)");
    query(&fixture, 0, "COMMIT", "C(COMMIT) Z(I)");
    talk = (struct talk){0};
    talk_execute(&talk, "p", 2);
    talk_plain(&talk, 'S');
    expect(&fixture, 0, &talk, "E(34000 portal \"p\" does not exist) Z(I)");
    close_all(&fixture);
}

static void refuses_what_does_not_fit(void **state)
{
    static const char *const two[] = {"1", "2", NULL};
    struct fixture fixture;
    struct talk talk = {0};

    (void)state;
    open_all(&fixture);
    talk_bind(&talk, "", "none", NULL, -1);
    talk_plain(&talk, 'S');
    talk_bind(&talk, "", "", NULL, -1);
    talk_plain(&talk, 'S');
    talk_parse(&talk, "a", "SELECT $1::int", 0);
    talk_parse(&talk, "a", "SELECT 1", 0);
    talk_plain(&talk, 'S');
    talk_bind(&talk, "", "a", two, -1);
    talk_plain(&talk, 'S');
    talk_parse(&talk, "", "SELECT 1; SELECT 2", 0);
    talk_plain(&talk, 'S');
    talk_execute(&talk, "", 0);
    talk_plain(&talk, 'S');
    talk_target(&talk, 'D', 'X', "");
    talk_plain(&talk, 'S');
    talk_target(&talk, 'C', 'S', "none");
    talk_plain(&talk, 'S');
    expect(&fixture, 0, &talk,
           "E(26000 prepared statement \"none\" does not exist) Z(I) "
           "E(26000 unnamed prepared statement does not exist) Z(I) "
           "1 E(42P05 prepared statement \"a\" already exists) Z(I) "
           "E(08P01 bind message supplies 2 parameters, but prepared statement \"a\" requires 1) "
           "Z(I) E(42601 cannot insert multiple commands into a prepared statement) Z(I) "
           "E(34000 portal \"\" does not exist) Z(I) "
           "E(08P01 invalid DESCRIBE message subtype 88) Z(I) 3 Z(I)");
    talk = (struct talk){0};
    talk_plain(&talk, 'c');
    talk_plain(&talk, 'F');
    talk_query(&talk, "SELECT '\xff'");
    expect(&fixture, 0, &talk,
           "E(0A000 function calls by the fast path are not supported: use SELECT) Z(I) "
           "E(22021 invalid byte sequence for encoding \"UTF8\": 0xff) Z(I)");
    talk = (struct talk){0};
    talk_plain(&talk, 'y');
    expect(&fixture, 0, &talk, "E(FATAL 08P01 invalid frontend message type 121)");
    close_all(&fixture);
}

/* Sends a message of that many bytes after its head. */
static const char *say_large(struct fixture *fixture, char type, size_t size)
{
    char *bytes = malloc(size + 5);

    assert_non_null(bytes);
    memset(bytes, ' ', size + 5);
    bytes[0] = type;
    for (size_t i = 0; i < 4; i++) {
        bytes[1 + i] = (char)((size + 4) >> (8 * (3 - i)));
    }
    bytes[size + 4] = '\0';
    const char *got = world_say_bytes(&fixture->world, &fixture->clients[0],
                                      (struct pawl_bytes){bytes, size + 5});
    got = talk_show((struct pawl_bytes){got, fixture->world.answered_size});
    free(bytes);
    return got;
}

static void passes_over_what_is_too_large(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    assert_string_equal(say_large(&fixture, 'Q', 1000000), "I Z(I)");
    assert_string_equal(say_large(&fixture, 'Q', 1050000),
                        "E(54000 a statement has at most 1048576 bytes) Z(I)");
    assert_string_equal(say_large(&fixture, 'Q', 5000000),
                        "E(54000 a message has at most 1114112 bytes) Z(I)");
    query(&fixture, 0, "SELECT 1", "T(?column?:23) D(1) C(SELECT 1) Z(I)");
    assert_string_equal(say_large(&fixture, 'd', 5000000), "");
    query(&fixture, 0, "SELECT 1", "T(?column?:23) D(1) C(SELECT 1) Z(I)");
    close_all(&fixture);
}

/* Transactions. */

static void keeps_transactions(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", "C(CREATE SEQUENCE) Z(I)");
    query(&fixture, 0, "BEGIN", "C(BEGIN) Z(T)");
    query(&fixture, 0, "BEGIN",
          "N(WARNING 25001 there is already a transaction in progress) C(BEGIN) Z(T)");
    query(&fixture, 0, "SELECT nextval('s')", "T(nextval:20) D(1) C(SELECT 1) Z(T)");
    query(&fixture, 0, "SAVEPOINT a", "C(SAVEPOINT) Z(T)");
    query(&fixture, 0, "SELECT nextval('none')", "E(42P01 relation \"none\" does not exist) Z(E)");
    query(&fixture, 0, "SELECT 1", ABORTED " Z(E)");
    query(&fixture, 0, "ROLLBACK TO b", "E(3B001 savepoint \"b\" does not exist) Z(E)");
    query(&fixture, 0, "ROLLBACK TO a", "C(ROLLBACK) Z(T)");
    query(&fixture, 0, "SELECT nextval('s')", "T(nextval:20) D(2) C(SELECT 1) Z(T)");
    query(&fixture, 0, "ROLLBACK", "C(ROLLBACK) Z(I)");
    query(&fixture, 0, "SELECT currval('s')", "T(currval:20) D(2) C(SELECT 1) Z(I)");
    query(&fixture, 0, "COMMIT",
          "N(WARNING 25P01 there is no transaction in progress) C(COMMIT) Z(I)");
    query(&fixture, 0, "SAVEPOINT a",
          "E(25P01 SAVEPOINT can only be used in transaction blocks) Z(I)");
    query(&fixture, 0, "BEGIN READ ONLY", "C(BEGIN) Z(T)");
    query(&fixture, 0, "SELECT nextval('s')",
          "T(nextval:20) E(25006 cannot execute nextval() in a read-only transaction) Z(E)");
    query(&fixture, 0, "COMMIT", "C(ROLLBACK) Z(I)");
    query(&fixture, 0, "BEGIN; DROP SEQUENCE s; ROLLBACK",
          "C(BEGIN) C(DROP SEQUENCE) N(WARNING 01000 changes of sequences are not rolled back: 1 "
          "stay, of s) C(ROLLBACK) Z(I)");
    query(&fixture, 0, "SELECT lastval()",
          "T(lastval:20) E(55000 lastval is not yet defined in this session) Z(I)");
    close_all(&fixture);
}

static void takes_back_settings(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "SET application_name = 'one'", "C(SET) S(application_name=one) Z(I)");
    query(&fixture, 0, "SET application_name = 'one'", "C(SET) Z(I)");
    query(&fixture, 0, "BEGIN", "C(BEGIN) Z(T)");
    query(&fixture, 0, "SET LOCAL application_name = 'two'", "C(SET) S(application_name=two) Z(T)");
    query(&fixture, 0, "COMMIT", "C(COMMIT) S(application_name=one) Z(I)");
    query(&fixture, 0, "BEGIN; SET application_name = 'three'; SAVEPOINT a",
          "C(BEGIN) C(SET) C(SAVEPOINT) S(application_name=three) Z(T)");
    query(&fixture, 0, "SET application_name = 'four'", "C(SET) S(application_name=four) Z(T)");
    query(&fixture, 0, "ROLLBACK TO a", "C(ROLLBACK) S(application_name=three) Z(T)");
    query(&fixture, 0, "ROLLBACK", "C(ROLLBACK) S(application_name=one) Z(I)");
    query(&fixture, 0, "RESET ALL", "C(RESET) S(application_name=) Z(I)");
    query(&fixture, 0, "SET statement_timeout = '90s'", "C(SET) Z(I)");
    query(&fixture, 0, "SHOW statement_timeout", "T(statement_timeout:25) D(90s) C(SHOW) Z(I)");
    query(&fixture, 0, "SET statement_timeout = -1",
          "E(22023 -1 ms is outside the valid range for parameter \"statement_timeout\" (0 .. "
          "2147483647)) Z(I)");
    query(&fixture, 0, "SET client_encoding = latin1",
          "E(22023 invalid value for parameter \"client_encoding\": \"latin1\") Z(I)");
    query(&fixture, 0, "SET server_version = '9'",
          "E(55P02 parameter \"server_version\" cannot be changed) Z(I)");
    query(&fixture, 0, "SHOW nothing",
          "E(42704 unrecognized configuration "
          "parameter \"nothing\") Z(I)");
    close_all(&fixture);
}

static void finds_names_by_search_path(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s; CREATE SEQUENCE app.s START 100; CREATE SEQUENCE b",
          "C(CREATE SEQUENCE) C(CREATE SEQUENCE) C(CREATE SEQUENCE) Z(I)");
    query(&fixture, 0, "SET search_path = none, app, public", "C(SET) Z(I)");
    query(&fixture, 0, "SELECT nextval('s')", NEXT("100"));
    query(&fixture, 0, "SELECT nextval('s'), nextval('b')",
          "T(nextval:20,nextval:20) D(101,1) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT currval('b'), currval('public.b')",
          "T(currval:20,currval:20) D(1,1) C(SELECT 1) Z(I)");
    query(&fixture, 0, "DROP SEQUENCE s", "C(DROP SEQUENCE) Z(I)");
    query(&fixture, 0, "SELECT nextval('s')", NEXT("1"));
    assert_string_equal(world_say(&fixture.world, &fixture.resp, "INCR s\r\n"), ":2\r\n");
    query(&fixture, 0, "SET search_path = ''", "C(SET) Z(I)");
    query(&fixture, 0, "SELECT nextval('s')", "E(42P01 relation \"s\" does not exist) Z(I)");
    close_all(&fixture);
}

/* setval. */

static void sets_values(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s MAXVALUE 1000", "C(CREATE SEQUENCE) Z(I)");
    query(&fixture, 0, "SELECT setval('s', 100)", "T(setval:20) D(100) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT currval('s')", "T(currval:20) D(100) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT nextval('s')", NEXT("101"));
    query(&fixture, 0, "SELECT setval('s', 200, false)", "T(setval:20) D(200) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT nextval('s')", NEXT("200"));
    query(&fixture, 0, "SELECT setval('s', 5)",
          "T(setval:20) N(WARNING 01000 sequence \"s\" was not set back to 5: the id that comes "
          "next is 201) D(5) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT nextval('s')", NEXT("201"));
    query(&fixture, 0, "SELECT setval('s', 1001)",
          "T(setval:20) E(22003 setval: value 1001 is out of bounds for sequence \"s\" (1..1000)) "
          "Z(I)");
    query(&fixture, 0, "SELECT setval('s', 1000), nextval('s')",
          "T(setval:20,nextval:20) E(2200H nextval: reached maximum value of sequence \"s\" "
          "(1000)) Z(I)");
    close_all(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_drivers_want),
        cmocka_unit_test(begins_in_many_ways),
        cmocka_unit_test(hangs_up_on_who_does_not_begin),
        cmocka_unit_test(answers_queries),
        cmocka_unit_test(runs_pipelines_cut_anywhere),
        cmocka_unit_test(suspends_portals),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(passes_over_what_is_too_large),
        cmocka_unit_test(keeps_transactions),
        cmocka_unit_test(takes_back_settings),
        cmocka_unit_test(finds_names_by_search_path),
        cmocka_unit_test(sets_values),
    };

    return cmocka_run_group_tests_name("pg_session", tests, NULL, NULL);
}
