/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL sessions that wait: time limits, cancel requests, hang-ups, who does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pg_fixture.h"

static void waits(struct fixture *fixture, size_t client)
{
    query(fixture, client, "SELECT nextval('s')", "");
}

static uint64_t count_of(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* The connection of a client that comes once more. */
static void again(struct fixture *fixture, size_t client)
{
    conn_close(&fixture->clients[client]);
    conn_dispose(&fixture->clients[client]);
    assert_true(
        conn_open(&fixture->clients[client], fixture->world.desk, &pg_wire, fixture->world.now_ns));
}

/* Logs in once more, to hear what can cancel it. */
static void key_of(struct fixture *fixture, size_t client, uint32_t *pid, uint32_t *secret)
{
    struct talk talk = {0};

    again(fixture, client);
    talk_start(&talk, PROTOCOL, fixture_pairs);
    struct pawl_bytes bytes = {talk.bytes, talk.size};
    const char *got = world_say_bytes(&fixture->world, &fixture->clients[client], bytes);
    talk_key((struct pawl_bytes){got, fixture->world.answered_size}, pid, secret);
}

/* The desk's clock stands still while nobody says anything. */
static void greets_who_comes_after_a_long_silence(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    fixture.world.now_ns += 3600 * PAWL_NS_PER_S;
    again(&fixture, 0);
    world_settle(&fixture.world);
    assert_string_equal(heard(&fixture, 0), "");
    assert_false(conn_wants_close(&fixture.clients[0]));
    close_all(&fixture);
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

/* Reads all that a client is answered; returns how its last bytes are shown. */
static const char *read_to_the_end(struct fixture *fixture, struct conn *conn)
{
    struct pawl_bytes bytes = conn_output(conn);
    static char last[TALK_BYTES_MAX];
    size_t size = 0;

    for (; bytes.size > 0; bytes = conn_output(conn)) {
        size = bytes.size < sizeof last - 1 ? bytes.size : sizeof last - 1;
        memcpy(last, bytes.at + bytes.size - size, size);
        conn_output_sent(conn, bytes.size, fixture->world.now_ns);
        world_settle(&fixture->world);
    }
    for (size_t i = 0; i < size; i++) {
        if (last[i] == '\0') last[i] = ' ';
    }
    last[size] = '\0';
    return last;
}

/* Neither its output's reader nor the store is waited for: it is at work, and has much to say. */
static void ends_what_has_no_end(void **state)
{
    struct fixture fixture;
    struct talk talk = {0};
    struct talk cancel = {0};
    struct conn *conn = &fixture.clients[0];
    uint32_t pid = 0;
    uint32_t secret = 0;

    (void)state;
    open_all(&fixture);
    key_of(&fixture, 0, &pid, &secret);
    talk_query(&talk, "SELECT generate_series(1, 1000000000000)");
    (void)conn_received(conn, (struct pawl_bytes){talk.bytes, talk.size}, fixture.world.now_ns);
    assert_false(conn_wants_input(conn));
    talk_cancel(&cancel, pid, secret);
    expect(&fixture, 2, &cancel, "");
    assert_non_null(strstr(read_to_the_end(&fixture, conn), "due to user request"));

    query(&fixture, 0, "SET statement_timeout = 1000", "C(SET) Z(I)");
    (void)conn_received(conn, (struct pawl_bytes){talk.bytes, talk.size}, fixture.world.now_ns);
    world_wait(&fixture.world, PAWL_NS_PER_S);
    assert_non_null(strstr(read_to_the_end(&fixture, conn), "due to statement timeout"));
    query(&fixture, 0, "SELECT 1", "T(?column?:23) D(1) C(SELECT 1) Z(I)");
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
        cmocka_unit_test(greets_who_comes_after_a_long_silence),
        cmocka_unit_test(ends_what_takes_too_long),
        cmocka_unit_test(cancels_what_waits),
        cmocka_unit_test(survives_hang_ups),
        cmocka_unit_test(waits_for_who_does_not_read),
        cmocka_unit_test(ends_what_has_no_end),
        cmocka_unit_test(says_goodbye),
    };

    return cmocka_run_group_tests_name("pg_wait", tests, NULL, NULL);
}
