/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL sessions on a desk: the protocol's course, cuts, errors, transactions, waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pg_talk.h"
#include "server/pg/pg.h"
#include "server/resp/resp.h"

enum { CLIENTS = 3, PROTOCOL = 196608 };

struct fixture {
    struct world world;
    struct conn clients[CLIENTS]; /* of the PostgreSQL wire */
    struct conn resp;
};

static const char *const pairs[] = {"user", "me", "database", "shop", NULL};

static const char *send_all(struct fixture *fixture, size_t client, const struct talk *talk)
{
    struct pawl_bytes bytes = {talk->bytes, talk->size};
    const char *got = world_say_bytes(&fixture->world, &fixture->clients[client], bytes);

    return talk_show((struct pawl_bytes){got, fixture->world.answered_size});
}

static void log_in(struct fixture *fixture, size_t client)
{
    struct talk talk = {0};

    talk_start(&talk, PROTOCOL, pairs);
    const char *got = send_all(fixture, client, &talk);
    if (strncmp(got, "R(0) S(", 7) != 0 || strstr(got, " K Z(I)") == NULL) fail_msg("%s", got);
}

static void open_all(struct fixture *fixture)
{
    world_open(&fixture->world, NULL);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_true(conn_open(&fixture->clients[i], fixture->world.desk, &pg_wire));
    }
    assert_true(conn_open(&fixture->resp, fixture->world.desk, &resp_wire));
    log_in(fixture, 0);
    log_in(fixture, 1);
}

static void close_all(struct fixture *fixture)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        conn_close(&fixture->clients[i]);
        conn_dispose(&fixture->clients[i]);
    }
    conn_close(&fixture->resp);
    conn_dispose(&fixture->resp);
    world_close(&fixture->world);
}

static void expect(struct fixture *fixture, size_t client, const struct talk *talk,
                   const char *want)
{
    const char *got = send_all(fixture, client, talk);

    if (strcmp(got, want) != 0) fail_msg("\ngot:  %s\nwant: %s", got, want);
}

static void query(struct fixture *fixture, size_t client, const char *text, const char *want)
{
    struct talk talk = {0};

    talk_query(&talk, text);
    const char *got = send_all(fixture, client, &talk);
    if (strcmp(got, want) != 0) fail_msg("%s\ngot:  %s\nwant: %s", text, got, want);
}

/* An id is asked for, and does not come yet. */
static void waits(struct fixture *fixture, size_t client)
{
    query(fixture, client, "SELECT nextval('s')", "");
}

static const char *heard(struct fixture *fixture, size_t client)
{
    const struct talk nothing = {0};

    return send_all(fixture, client, &nothing);
}

#define NEXT(id) "T(nextval:20) D(" id ") C(SELECT 1) Z(I)"
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
    talk_start(&talk, PROTOCOL, pairs);
    first_packet(&talk, "E(FATAL 08P01 received unencrypted data after SSL request)");
    talk = (struct talk){0};
    talk_code(&talk, 80877104);
    first_packet(&talk, "'N'");
    talk = (struct talk){0};
    talk_start(&talk, 2 << 16, pairs);
    first_packet(&talk, "E(FATAL 0A000 unsupported frontend protocol 2.0");
    talk = (struct talk){0};
    talk_start(&talk, PROTOCOL + 2, pairs);
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

/* Waits. */

static uint64_t count_of(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* The connection of a client that comes once more. */
static void again(struct fixture *fixture, size_t client)
{
    conn_close(&fixture->clients[client]);
    conn_dispose(&fixture->clients[client]);
    assert_true(conn_open(&fixture->clients[client], fixture->world.desk, &pg_wire));
}

/* Logs in once more, to hear what can cancel it. */
static void key_of(struct fixture *fixture, size_t client, uint32_t *pid, uint32_t *secret)
{
    struct talk talk = {0};

    again(fixture, client);
    talk_start(&talk, PROTOCOL, pairs);
    struct pawl_bytes bytes = {talk.bytes, talk.size};
    const char *got = world_say_bytes(&fixture->world, &fixture->clients[client], bytes);
    talk_key((struct pawl_bytes){got, fixture->world.answered_size}, pid, secret);
}

static void ends_what_takes_too_long(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", "C(CREATE SEQUENCE) Z(I)");
    query(&fixture, 0, "SET statement_timeout = 1000", "C(SET) Z(I)");
    fixture.world.closed = true;
    waits(&fixture, 0);
    world_wait(&fixture.world, 900 * PAWL_NS_PER_MS);
    assert_string_equal(heard(&fixture, 0), "");
    world_wait(&fixture.world, 200 * PAWL_NS_PER_MS);
    assert_string_equal(heard(&fixture, 0),
                        "T(nextval:20) E(57014 canceling statement due to statement timeout) Z(I)");
    query(&fixture, 0, "SELECT 1", "T(?column?:23) D(1) C(SELECT 1) Z(I)");
    query(&fixture, 0, "RESET statement_timeout", "C(RESET) Z(I)");
    waits(&fixture, 0);
    world_wait(&fixture.world, 6 * PAWL_NS_PER_S); /* the server's own patience */
    const char *got = heard(&fixture, 0);
    if (strstr(got, "E(57014 no id came within 5000 ms") == NULL) fail_msg("%s", got);
    close_all(&fixture);
}

static void cancels_what_waits(void **state)
{
    struct fixture fixture;
    struct talk wrong = {0};
    struct talk right = {0};
    uint32_t pid = 0;
    uint32_t secret = 0;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", "C(CREATE SEQUENCE) Z(I)");
    key_of(&fixture, 0, &pid, &secret);
    fixture.world.closed = true;
    waits(&fixture, 0);
    talk_cancel(&wrong, pid, secret + 1);
    expect(&fixture, 2, &wrong, "");
    assert_true(conn_wants_close(&fixture.clients[2]));
    assert_string_equal(heard(&fixture, 0), "");
    again(&fixture, 2);
    talk_cancel(&right, pid, secret);
    expect(&fixture, 2, &right, "");
    assert_string_equal(heard(&fixture, 0),
                        "T(nextval:20) E(57014 canceling statement due to user request) Z(I)");
    assert_int_equal(count_of(&desk_counts(fixture.world.desk)->parked), 0);
    again(&fixture, 2);
    expect(&fixture, 2, &right, ""); /* nothing to cancel */
    fixture.world.closed = false;
    query(&fixture, 0, "SELECT nextval('s')", NEXT("1"));
    close_all(&fixture);
}

/* At every point of a statement's course; the other sessions go on. */
static void survives_hang_ups(void **state)
{
    static const char *const texts[] = {
        "SELECT nextval('s')",      "SELECT setval('s', 10)",
        "CREATE SEQUENCE t",        "DROP SEQUENCE s",
        "ALTER SEQUENCE s CACHE 5", "SELECT * FROM pg_sequences",
        "SELECT * FROM s",          "SELECT nextval('s') FROM generate_series(1, 100000)",
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(texts); i++) {
        for (int wait = 0; wait < 2; wait++) {
            struct fixture fixture;
            struct talk talk = {0};

            open_all(&fixture);
            query(&fixture, 0, "CREATE SEQUENCE s", "C(CREATE SEQUENCE) Z(I)");
            if (wait == 1) fixture.world.closed = true;
            talk_query(&talk, texts[i]);
            (void)conn_received(&fixture.clients[0], (struct pawl_bytes){talk.bytes, talk.size},
                                fixture.world.now_ns);
            conn_close(&fixture.clients[0]);
            fixture.world.closed = false;
            world_settle(&fixture.world);
            assert_int_equal(count_of(&desk_counts(fixture.world.desk)->parked), 0);
            query(&fixture, 1, "SELECT 1", "T(?column?:23) D(1) C(SELECT 1) Z(I)");
            close_all(&fixture);
        }
    }
}

static void waits_for_who_does_not_read(void **state)
{
    struct fixture fixture;
    struct talk talk = {0};
    struct conn *conn = &fixture.clients[0];

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", "C(CREATE SEQUENCE) Z(I)");
    talk_query(&talk, "SELECT nextval('s') FROM generate_series(1, 100000)");
    (void)conn_received(conn, (struct pawl_bytes){talk.bytes, talk.size}, fixture.world.now_ns);
    world_settle(&fixture.world);
    assert_true(conn->output.size < 2 * CONN_OUTPUT_BYTES_PAUSE);
    assert_false(conn_wants_input(conn));
    size_t size = 0;
    for (struct pawl_bytes bytes = conn_output(conn); bytes.size > 0; bytes = conn_output(conn)) {
        size += bytes.size;
        conn_output_sent(conn, bytes.size, fixture.world.now_ns);
        world_settle(&fixture.world);
    }
    assert_true(size > (size_t)100000 * 12);
    assert_true(conn_wants_input(conn));
    query(&fixture, 0, "SELECT nextval('s')", NEXT("100001"));
    close_all(&fixture);
}

static void says_goodbye(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    conn_stop(&fixture.clients[0]);
    assert_string_equal(heard(&fixture, 0),
                        "E(FATAL 57P01 terminating connection due to administrator command)");
    assert_true(conn_wants_close(&fixture.clients[0]));
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
        cmocka_unit_test(ends_what_takes_too_long),
        cmocka_unit_test(cancels_what_waits),
        cmocka_unit_test(survives_hang_ups),
        cmocka_unit_test(waits_for_who_does_not_read),
        cmocka_unit_test(says_goodbye),
    };

    return cmocka_run_group_tests_name("pg_session", tests, NULL, NULL);
}
