/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: cuts, order of answers, requests that wait, limits, hang-ups. */
#include "server/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "desk_world.h"
#include "server/resp/resp.h"

enum { CLIENTS = 4 };

struct fixture {
    struct world world;
    struct conn clients[CLIENTS];
};

static void open_all(struct fixture *fixture, const char *auto_create)
{
    world_open(&fixture->world, auto_create);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_true(conn_open(&fixture->clients[i], fixture->world.desk, &resp_wire,
                              fixture->world.now_ns));
    }
}

static void close_all(struct fixture *fixture)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        conn_close(&fixture->clients[i]);
        conn_dispose(&fixture->clients[i]);
    }
    world_close(&fixture->world);
}

static void expect(struct fixture *fixture, size_t client, const char *say, const char *want)
{
    const char *got = world_say(&fixture->world, &fixture->clients[client], say);

    if (strcmp(got, want) != 0) fail_msg("%s\ngot:  %s\nwant: %s", say, got, want);
}

/* want is the beginning of what is answered. */
static void expect_begin(struct fixture *fixture, size_t client, const char *say, const char *want)
{
    const char *got = world_say(&fixture->world, &fixture->clients[client], say);

    if (strncmp(got, want, strlen(want)) != 0) fail_msg("%s\ngot:  %s\nwant: %s", say, got, want);
}

static uint64_t count_of(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* Cuts. */

#define PIPELINE                                                                                \
    "*2\r\n$4\r\nINCR\r\n$1\r\ns\r\nPING 'a b'\r\n*1\r\n$4\r\nPING\r\n*3\r\n$6\r\nINCRBY\r\n$1" \
    "\r\ns\r\n$1\r\n3\r\nINCR none\r\n*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\r\n\r\nINCR s\r\n"
#define PIPELINE_ANSWERS                                                                \
    ":1\r\n$3\r\na b\r\n+PONG\r\n:4\r\n-NOSEQ no sequence has the name 'none': create " \
    "it (SEQ.CREATE, pawl create), or start pawld with --auto-create GLOB to let "      \
    "INCR create names that match\r\n$4\r\n\r\n\r\n\r\n:5\r\n"

static void answers_alike_at_every_cut(void **state)
{
    struct fixture fixture;

    (void)state;
    for (size_t cut = 0; cut <= sizeof PIPELINE - 1; cut++) {
        char all[1024];
        struct pawl_bytes front = {PIPELINE, cut};
        struct pawl_bytes rest = {&PIPELINE[cut], sizeof PIPELINE - 1 - cut};

        open_all(&fixture, NULL);
        expect(&fixture, 0, "SEQ.CREATE s\r\n", "+OK\r\n");
        const char *got = world_say_bytes(&fixture.world, &fixture.clients[0], front);
        (void)snprintf(all, sizeof all, "%s", got);
        got = world_say_bytes(&fixture.world, &fixture.clients[0], rest);
        (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s", got);
        if (strcmp(all, PIPELINE_ANSWERS) != 0) fail_msg("cut at %zu: %s", cut, all);
        close_all(&fixture);
    }
}

static void answers_byte_by_byte(void **state)
{
    struct fixture fixture;
    char all[1024] = "";

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\n", "+OK\r\n");
    for (size_t i = 0; i < sizeof PIPELINE - 1; i++) {
        struct pawl_bytes one = {&PIPELINE[i], 1};
        const char *got = world_say_bytes(&fixture.world, &fixture.clients[0], one);

        (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s", got);
    }
    assert_string_equal(all, PIPELINE_ANSWERS);
    close_all(&fixture);
}

/* Waiting. */

static void serves_in_order_of_arrival(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\n", "+OK\r\n");
    fixture.world.closed = true;
    expect(&fixture, 2, "INCR s\r\nINCR s\r\nPING\r\n", "");
    expect(&fixture, 0, "INCR s\r\n", "");
    expect(&fixture, 1, "INCRBY s 10\r\n", "");
    expect(&fixture, 3, "PING\r\n", "+PONG\r\n"); /* others do not wait */
    assert_int_equal(count_of(&desk_counts(fixture.world.desk)->parked), 3);
    fixture.world.closed = false;
    world_settle(&fixture.world);
    assert_true(fixture.world.changed > 0);
    expect(&fixture, 0, "", ":2\r\n");
    expect(&fixture, 1, "", ":12\r\n");
    expect(&fixture, 2, "", ":1\r\n:13\r\n+PONG\r\n");
    assert_int_equal(count_of(&desk_counts(fixture.world.desk)->parked), 0);
    close_all(&fixture);
}

static void waits_for_a_refill(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\nINCR s\r\n", "+OK\r\n:1\r\n");
    fixture.world.closed = true;
    for (int i = 0; i < 1000; i++) {
        if (world_say(&fixture.world, &fixture.clients[0], "INCR s\r\n")[0] == '\0') break;
    }
    expect(&fixture, 0, "PING\r\n", "");
    fixture.world.closed = false;
    expect_begin(&fixture, 0, "", ":");
    expect(&fixture, 0, "PING\r\n", "+PONG\r\n");
    close_all(&fixture);
}

/* Ids are there, and those who wait for them have not heard of it yet. */
static void nobody_overtakes_those_who_wait(void **state)
{
    const struct pawl_bytes incr = PAWL_BYTES("INCR s\r\n");
    struct fixture fixture;
    struct world *world = &fixture.world;
    int64_t id = 1;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\nINCR s\r\n", "+OK\r\n:1\r\n");
    world->closed = true;
    while (world_say(world, &fixture.clients[0], "INCR s\r\n")[0] != '\0') {
        id++;
    }
    world->closed = false;
    for (int i = 0; i < 100 && world->answered.first == NULL; i++) {
        (void)pawl_keeper_turn(world->keeper, ++world->now_ns);
    }
    assert_non_null(world->answered.first);
    assert_int_equal(conn_received(&fixture.clients[1], incr, world->now_ns), incr.size);
    assert_int_equal(conn_output(&fixture.clients[1]).size, 0);
    world_settle(world);
    assert_int_equal(strtoll(world_heard(world, &fixture.clients[0]) + 1, NULL, 10), id + 1);
    assert_int_equal(strtoll(world_heard(world, &fixture.clients[1]) + 1, NULL, 10), id + 2);
    close_all(&fixture);
}

static void a_wait_ends_at_its_deadline(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\n", "+OK\r\n");
    fixture.world.fail = PAWL_STORE;
    expect(&fixture, 0, "INCR s\r\nPING\r\n", "");
    world_wait(&fixture.world, 4 * PAWL_NS_PER_S);
    expect(&fixture, 0, "", "");
    expect(&fixture, 1, "INCR s\r\n", "");
    world_wait(&fixture.world, 2 * PAWL_NS_PER_S);
    const char *got = world_heard(&fixture.world, &fixture.clients[0]);
    assert_int_equal(strncmp(got, "-TIMEOUT no id came within 5000 ms; ", 36), 0);
    assert_non_null(strstr(got, "the gate says no"));
    assert_non_null(strstr(got, "\r\n+PONG\r\n"));
    expect(&fixture, 1, "", "");
    fixture.world.fail = PAWL_OK;
    world_wait(&fixture.world, 3 * PAWL_NS_PER_S);
    expect(&fixture, 1, "", ":1\r\n");
    assert_int_equal(count_of(&desk_counts(fixture.world.desk)->timeouts), 1);
    close_all(&fixture);
}

static void a_silent_store_ends_in_timeouts(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\n", "+OK\r\n");
    fixture.world.closed = true;
    expect(&fixture, 0, "INCR s\r\n", "");
    expect(&fixture, 1, "SEQ.LEASE s 10\r\n", "");
    expect(&fixture, 2, "INCRBY s 10\r\n", "");
    world_wait(&fixture.world, 6 * PAWL_NS_PER_S);
    expect_begin(&fixture, 0, "", "-TIMEOUT ");
    expect_begin(&fixture, 1, "", "-TIMEOUT ");
    expect_begin(&fixture, 2, "", "-TIMEOUT ");
    close_all(&fixture);
}

static void begins_leases_behind_a_request_that_waits(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\nSEQ.CREATE t START 100\r\nINCR t\r\n",
           "+OK\r\n+OK\r\n:100\r\n");
    fixture.world.closed = true;
    expect(&fixture, 0,
           "INCR s\r\nSEQ.LEASE s 1\r\nSEQ.LEASE t 1\r\nSEQ.LEASE t x\r\nPING\r\nSEQ.LEASE t 1\r\n",
           "");
    assert_int_equal(fixture.clients[0].pending_count, 3);
    fixture.world.closed = false;
    const char *got = world_heard(&fixture.world, &fixture.clients[0]);
    assert_int_equal(strncmp(got, ":1\r\n*8\r\n", 8), 0);
    assert_non_null(strstr(got, "-ERR syntax: SEQ.LEASE"));
    assert_true(strstr(got, "-ERR syntax") < strstr(got, "+PONG\r\n*8\r\n"));
    close_all(&fixture);
}

static void what_is_wrong_is_told_in_turn(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\n", "+OK\r\n");
    fixture.world.closed = true;
    expect(&fixture, 0, "INCR s\r\n*x\r\nPING\r\n", "");
    fixture.world.closed = false;
    expect(&fixture, 0, "", ":1\r\n-ERR Protocol error: invalid multibulk length\r\n");
    assert_true(conn_wants_close(&fixture.clients[0]));
    assert_false(conn_wants_input(&fixture.clients[0]));
    fixture.world.closed = true;
    static const char other[] = "SEQ.ALTER s INCREMENT 2\r\n\0\0\0\x10";
    (void)world_say_bytes(&fixture.world, &fixture.clients[1],
                          (struct pawl_bytes){other, sizeof other - 1});
    assert_int_equal(fixture.world.answered_size, 0);
    fixture.world.closed = false;
    const char *got = world_heard(&fixture.world, &fixture.clients[1]);
    const char *end = strstr(got, "\r\n");
    assert_memory_equal(got, "+OK", 3);
    assert_non_null(end);
    assert_int_equal(end[2], 'E'); /* only then: this port speaks RESP */
    assert_true(conn_wants_close(&fixture.clients[1]));
    close_all(&fixture);
}

static void creates_what_the_glob_allows(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, "auto:*");
    expect(&fixture, 0, "INCR auto:a\r\nINCR auto:a\r\nINCRBY auto:b 7\r\n", ":1\r\n:2\r\n:7\r\n");
    expect_begin(&fixture, 0, "INCR other\r\n", "-NOSEQ ");
    expect_begin(&fixture, 0, "SEQ.NEXT auto:c\r\n", "-NOSEQ ");
    expect(&fixture, 0, "SEQ.DROP auto:a\r\n",
           "+OK every other holder lets its ids go within 30 s\r\n");
    expect(&fixture, 0, "INCR auto:a\r\n", ":1\r\n");
    fixture.world.closed = true;
    expect(&fixture, 0, "INCR auto:d\r\n", "");
    expect(&fixture, 1, "SEQ.NEXT auto:d\r\n", "");
    fixture.world.closed = false;
    expect(&fixture, 0, "", ":1\r\n");
    expect_begin(&fixture, 1, "", "-NOSEQ ");
    close_all(&fixture);
}

/* Its ids would come again under the old name. */
static void never_creates_what_was_renamed(void **state)
{
    static const char told[] =
        "-NOSEQ relation \"auto:a\" does not exist: it was renamed to \"b\"\r\n";
    struct fixture fixture;

    (void)state;
    open_all(&fixture, "auto:*");
    expect(&fixture, 0, "INCRBY auto:a 7\r\n", ":7\r\n");
    expect_begin(&fixture, 0, "SEQ.RENAME auto:a b\r\n", "+OK ");
    expect(&fixture, 0, "INCR auto:a\r\n", told);
    expect(&fixture, 1, "SEQ.LEASE auto:a 10\r\n", told);
    expect(&fixture, 1, "INCR b\r\n", ":8\r\n");
    close_all(&fixture);
}

static void lets_idle_sequences_go(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\nINCR s\r\n", "+OK\r\n:1\r\n");
    assert_int_equal(count_of(&desk_counts(fixture.world.desk)->open), 0); /* used once */
    expect(&fixture, 0, "INCR s\r\nINCR s\r\n", ":2\r\n:3\r\n");
    assert_int_equal(count_of(&desk_counts(fixture.world.desk)->open), 1);
    for (int i = 0; i < 100 && fixture.world.idle == NULL; i++) {
        world_wait(&fixture.world, 5 * PAWL_NS_PER_S);
    }
    assert_non_null(fixture.world.idle);
    desk_idle(fixture.world.desk, fixture.world.idle);
    assert_int_equal(count_of(&desk_counts(fixture.world.desk)->open), 0);
    desk_idle(fixture.world.desk, fixture.world.idle); /* a second time it means nothing */
    world_wait(&fixture.world, PAWL_NS_PER_S);
    expect_begin(&fixture, 0, "INCR s\r\n", ":");
    close_all(&fixture);
}

/* Hang-ups. */

static void hang_up(struct fixture *fixture, size_t client)
{
    conn_close(&fixture->clients[client]);
    conn_dispose(&fixture->clients[client]);
}

static void gives_back_a_lease_that_nobody_reads(void **state)
{
    struct fixture fixture;
    const struct pawl_counts *counts = NULL;

    (void)state;
    open_all(&fixture, NULL);
    counts = pawl_keeper_counts(fixture.world.keeper);
    expect(&fixture, 0, "SEQ.CREATE s\r\nSEQ.CREATE t\r\n", "+OK\r\n+OK\r\n");
    fixture.world.closed = true;
    expect(&fixture, 0, "SEQ.LEASE s 10\r\n", "");
    /* Answered while the connection hangs up: the answer is on its way to the desk. */
    fixture.world.closed = false;
    (void)pawl_keeper_turn(fixture.world.keeper, fixture.world.now_ns);
    hang_up(&fixture, 0);
    world_settle(&fixture.world);
    assert_int_equal(count_of(&counts->leased), count_of(&counts->returned));
    assert_true(count_of(&counts->leased) > 0);
    assert_int_equal(desk_under_way(fixture.world.desk), 0);

    /* Still with the keeper: forgotten there, nothing is taken. */
    uint64_t leased = count_of(&counts->leased);
    fixture.world.closed = true;
    expect(&fixture, 1, "SEQ.LEASE t 10\r\n", "");
    hang_up(&fixture, 1);
    world_settle(&fixture.world);
    assert_int_equal(desk_under_way(fixture.world.desk), 0);
    fixture.world.closed = false;
    world_settle(&fixture.world);
    assert_int_equal(count_of(&counts->leased), leased);

    /* In line behind another: begun, answered and never written. */
    expect(&fixture, 2, "INCR s\r\n", ":1\r\n");
    close_all(&fixture);
}

static void burns_ids_that_nobody_reads(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE g ORDER GLOBAL\r\nINCR g\r\n", "+OK\r\n:1\r\n");
    fixture.world.closed = true;
    expect(&fixture, 0, "INCRBY g 7\r\n", "");
    hang_up(&fixture, 0); /* asked below already, so it is answered in its own time */
    fixture.world.closed = false;
    world_settle(&fixture.world);
    const struct pawl_counts *counts = pawl_keeper_counts(fixture.world.keeper);
    assert_int_equal(count_of(&counts->burned[PAWL_CAUSE_UNREAD]), 7);
    expect(&fixture, 1, "INCR g\r\n", ":9\r\n");
    close_all(&fixture);
}

static void forgets_those_who_hang_up_while_they_wait(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\n", "+OK\r\n");
    fixture.world.closed = true;
    expect(&fixture, 0, "INCR s\r\nINCR s\r\n", "");
    expect(&fixture, 1, "INCR s\r\n", "");
    expect(&fixture, 2, "SEQ.INFO s\r\n", "");
    hang_up(&fixture, 0);
    hang_up(&fixture, 2);
    fixture.world.closed = false;
    world_settle(&fixture.world);
    expect(&fixture, 1, "", ":1\r\n");
    expect(&fixture, 3, "INCR s\r\n", ":2\r\n");
    close_all(&fixture);
}

static void forgets_the_last_who_waits(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    fixture.world.closed = true;
    expect(&fixture, 0, "INCR nobody\r\n", "");
    hang_up(&fixture, 0);
    fixture.world.closed = false;
    world_settle(&fixture.world);
    assert_int_equal(desk_under_way(fixture.world.desk), 0);
    close_all(&fixture);
}

/* Limits. */

static void does_not_read_from_one_who_does_not_read(void **state)
{
    static const char request[] = "*2\r\n$4\r\nECHO\r\n$100\r\n"
                                  "01234567890123456789012345678901234567890123456789"
                                  "01234567890123456789012345678901234567890123456789\r\n";
    struct fixture fixture;
    size_t sent = 0;
    size_t answered = 0;

    (void)state;
    open_all(&fixture, NULL);
    struct conn *conn = &fixture.clients[0];
    for (size_t i = 0; i < 10000 && conn_wants_input(conn); i++) {
        struct pawl_bytes bytes = {request, sizeof request - 1};
        size_t took = conn_received(conn, bytes, fixture.world.now_ns);

        sent += took;
        if (took < bytes.size) break;
    }
    assert_false(conn_wants_input(conn));
    assert_true(sent < (size_t)2 * (resp_wire.input_bytes_max + CONN_OUTPUT_BYTES_PAUSE));
    for (struct pawl_bytes out = conn_output(conn); out.size > 0; out = conn_output(conn)) {
        size_t some = out.size < 1000 ? out.size : 1000;

        answered += some;
        conn_output_sent(conn, some, fixture.world.now_ns);
    }
    assert_int_equal(answered, sent / (sizeof request - 1) * (sizeof "$100\r\n\r\n" - 1 + 100));
    assert_true(conn_wants_input(conn));
    close_all(&fixture);
}

static void reads_no_further_than_its_limit_behind_a_wait(void **state)
{
    struct fixture fixture;
    size_t sent = 0;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\n", "+OK\r\n");
    struct conn *conn = &fixture.clients[0];
    fixture.world.closed = true;
    while (conn_wants_input(conn)) {
        sent += conn_received(conn, PAWL_BYTES("INCR s\r\n"), fixture.world.now_ns);
    }
    assert_true(sent <= resp_wire.input_bytes_max + sizeof "INCR s\r\n");
    world_settle(&fixture.world);
    fixture.world.closed = false;
    const char *got = world_heard(&fixture.world, conn);
    size_t answers = 0;
    for (; *got != '\0'; got++) {
        if (*got == ':') answers++;
    }
    assert_int_equal(answers, sent / (sizeof "INCR s\r\n" - 1));
    close_all(&fixture);
}

static void begins_no_more_leases_than_its_limit(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    expect(&fixture, 0, "SEQ.CREATE s\r\n", "+OK\r\n");
    struct conn *conn = &fixture.clients[0];
    fixture.world.closed = true;
    for (size_t i = 0; i < CONN_PENDING_MAX + 10; i++) {
        expect(&fixture, 0, "SEQ.LEASE s 1\r\n", "");
    }
    assert_int_equal(conn->pending_count, CONN_PENDING_MAX);
    fixture.world.closed = false;
    const char *got = world_heard(&fixture.world, conn);
    size_t answers = 0;
    for (got = strstr(got, "*8\r\n"); got != NULL; got = strstr(got + 1, "*8\r\n")) {
        answers++;
    }
    assert_int_equal(answers, CONN_PENDING_MAX + 10);
    close_all(&fixture);
}

static void holds_no_buffer_while_idle(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture, NULL);
    struct conn *conn = &fixture.clients[0];
    expect(&fixture, 0, "PING\r\n", "+PONG\r\n");
    assert_int_equal(conn->input.capacity + conn->output.capacity + conn->sending.capacity, 0);
    expect(&fixture, 0, "PIN", "");
    assert_true(conn->input.capacity <= 1024);
    expect(&fixture, 0, "G\r\n", "+PONG\r\n");
    assert_int_equal(conn->input.capacity, 0);
    close_all(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_alike_at_every_cut),
        cmocka_unit_test(answers_byte_by_byte),
        cmocka_unit_test(serves_in_order_of_arrival),
        cmocka_unit_test(waits_for_a_refill),
        cmocka_unit_test(nobody_overtakes_those_who_wait),
        cmocka_unit_test(a_wait_ends_at_its_deadline),
        cmocka_unit_test(a_silent_store_ends_in_timeouts),
        cmocka_unit_test(begins_leases_behind_a_request_that_waits),
        cmocka_unit_test(what_is_wrong_is_told_in_turn),
        cmocka_unit_test(creates_what_the_glob_allows),
        cmocka_unit_test(never_creates_what_was_renamed),
        cmocka_unit_test(lets_idle_sequences_go),
        cmocka_unit_test(gives_back_a_lease_that_nobody_reads),
        cmocka_unit_test(burns_ids_that_nobody_reads),
        cmocka_unit_test(forgets_those_who_hang_up_while_they_wait),
        cmocka_unit_test(forgets_the_last_who_waits),
        cmocka_unit_test(does_not_read_from_one_who_does_not_read),
        cmocka_unit_test(reads_no_further_than_its_limit_behind_a_wait),
        cmocka_unit_test(begins_no_more_leases_than_its_limit),
        cmocka_unit_test(holds_no_buffer_while_idle),
    };

    return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
