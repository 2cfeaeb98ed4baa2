/* SPDX-License-Identifier: Apache-2.0 */
/* Long statements are carried out in slices: counted in steps and turns, no clock is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pg_fixture.h"
#include "server/pg/session.h"

#define CREATED "C(CREATE SEQUENCE) Z(I)"
#define COUNT_TO(n)                                                                           \
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < " n ") SELECT " \
    "count(*) FROM t"
#define COUNTED(n) "T(count:20) D(" n ") C(SELECT 1) Z(I)"

/* Gives a client's bytes to its connection, and no more: nobody else's turn comes. */
static void give(struct fixture *fixture, size_t client, const struct talk *talk)
{
    struct conn *conn = &fixture->clients[client];
    struct pawl_bytes bytes = {talk->bytes, talk->size};

    assert_int_equal(conn_received(conn, bytes, fixture->world.now_ns), bytes.size);
}

static void ask(struct fixture *fixture, size_t client, const char *text)
{
    struct talk talk = {0};

    talk_query(&talk, text);
    give(fixture, client, &talk);
}

/* What has been answered, without anybody's turn. "": nothing. */
static const char *answers(struct fixture *fixture, size_t client)
{
    static char text[64 * 1024];
    struct conn *conn = &fixture->clients[client];
    struct pawl_bytes bytes = conn_output(conn);
    size_t size = 0;

    for (; bytes.size > 0; bytes = conn_output(conn)) {
        assert_true(size + bytes.size < sizeof text);
        memcpy(text + size, bytes.at, bytes.size);
        size += bytes.size;
        conn_output_sent(conn, bytes.size, fixture->world.now_ns);
    }
    return size == 0 ? "" : talk_show((struct pawl_bytes){text, size});
}

/* The next slice; returns whether there is more to do. */
static bool slice(struct fixture *fixture)
{
    struct world *world = &fixture->world;
    uint64_t next_ns = desk_turn(world->desk, world->now_ns);

    if (world->desk->yielded.first == NULL) return false;
    assert_true(next_ns <= world->now_ns + DESK_SHARE_NS);
    if (next_ns > world->now_ns) world->now_ns = next_ns;
    return true;
}

/* Slices until a client has its answer: at least so many. */
static void expect_slices(struct fixture *fixture, size_t client, size_t least, const char *want)
{
    size_t count = 0;

    for (; fixture->clients[client].yields.in; count++) {
        (void)slice(fixture);
        assert_true(count < 1000000);
    }
    const char *got = answers(fixture, client);
    if (strcmp(got, want) != 0) fail_msg("\ngot:  %s\nwant: %s", got, want);
    if (count < least) fail_msg("%zu slices, wanted %zu", count, least);
}

static void lets_others_draw_between_slices(void **state)
{
    static const char *const texts[] = {
        COUNT_TO("100000"),
        "SELECT 1 FROM generate_series(1, 500000) OFFSET 499999",
    };
    static const char *const wants[] = {COUNTED("100000"), "T(?column?:23) D(1) C(SELECT 1) Z(I)"};
    struct fixture fixture;
    struct world *world = &fixture.world;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", CREATED);
    query(&fixture, 1, "SELECT nextval('s') FROM generate_series(1, 1000) OFFSET 1000",
          "T(nextval:20) C(SELECT 0) Z(I)"); /* from now on they are at hand */
    for (size_t i = 0; i < PAWL_COUNT(texts); i++) {
        ask(&fixture, 0, texts[i]);
        for (int j = 0; j < 10; j++) {
            assert_string_equal(answers(&fixture, 0), "");
            assert_false(conn_quiet(&fixture.clients[0]));
            ask(&fixture, 1, "SELECT nextval('s') > 0 AS drawn");
            assert_string_equal(answers(&fixture, 1), "T(drawn:16) D(t) C(SELECT 1) Z(I)");
            assert_true(slice(&fixture));
        }
        expect_slices(&fixture, 0, 10, wants[i]);
    }
    assert_true(world->desk->yielded.first == NULL);
    close_all(&fixture);
}

/* Who goes on only since there is room for more output may use up his steps, too. */
static void goes_on_after_much_output(void **state)
{
    struct fixture fixture;
    char text[2048];

    (void)state;
    open_all(&fixture);
    fixture.world.reads = true;
    (void)snprintf(text, sizeof text,
                   "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 30000)"
                   " SELECT '%01000d' FROM t WHERE n < 80 OR n = 30000",
                   1);
    ask(&fixture, 0, text);
    desk_note_changed(fixture.world.desk, &fixture.clients[0]);
    while (slice(&fixture)) {
    }
    assert_true(conn_quiet(&fixture.clients[0]));
    ask(&fixture, 0, "SELECT 1");
    fixture.world.reads = false;
    assert_string_equal(answers(&fixture, 0), "T(?column?:23) D(1) C(SELECT 1) Z(I)");
    close_all(&fixture);
}

/* Half of the time is of those who ask for something meanwhile; alone it need not wait. */
static void shares_the_time_with_who_is_there(void **state)
{
    struct fixture fixture;
    struct world *world = &fixture.world;

    (void)state;
    open_all(&fixture);
    ask(&fixture, 0, COUNT_TO("100000"));
    (void)desk_turn(world->desk, world->now_ns); /* it was asked itself since the last slice */
    world->now_ns += DESK_SHARE_NS;
    assert_int_equal(desk_turn(world->desk, world->now_ns), world->now_ns);
    assert_int_equal(desk_turn(world->desk, world->now_ns), world->now_ns);
    ask(&fixture, 1, "SELECT 1");
    assert_int_equal(desk_turn(world->desk, world->now_ns), world->now_ns + DESK_SHARE_NS);
    int64_t left = fixture.clients[0].steps_left;
    assert_int_equal(desk_turn(world->desk, world->now_ns), world->now_ns + DESK_SHARE_NS);
    assert_int_equal(fixture.clients[0].steps_left, left); /* nothing was done */
    world->now_ns += DESK_SHARE_NS;
    assert_int_equal(desk_turn(world->desk, world->now_ns), world->now_ns);
    expect_slices(&fixture, 0, 5, COUNTED("100000"));
    close_all(&fixture);
}

/* What a client sends meanwhile gives it no slice out of turn. */
static void gives_no_slice_for_bytes(void **state)
{
    struct fixture fixture;
    struct talk talk = {0};

    (void)state;
    open_all(&fixture);
    ask(&fixture, 0, COUNT_TO("100000"));
    int64_t left = fixture.clients[0].steps_left;
    assert_true(left <= 0);
    talk_query(&talk, "SELECT 1");
    give(&fixture, 0, &talk);
    assert_int_equal(fixture.clients[0].steps_left, left);
    expect_slices(&fixture, 0, 5, COUNTED("100000") " T(?column?:23) D(1) C(SELECT 1) Z(I)");
    close_all(&fixture);
}

static void runs_several_long_queries_at_once(void **state)
{
    struct fixture fixture;
    struct conn more[6];

    (void)state;
    open_all(&fixture);
    ask(&fixture, 0, COUNT_TO("50000"));
    ask(&fixture, 1, COUNT_TO("70000"));
    for (int i = 0; i < 20; i++) {
        assert_true(slice(&fixture));
    }
    ask(&fixture, 0, "SELECT 1"); /* in its line */
    expect_slices(&fixture, 0, 10, COUNTED("50000") " T(?column?:23) D(1) C(SELECT 1) Z(I)");
    expect_slices(&fixture, 1, 1, COUNTED("70000"));

    /* More than there are databases for them. */
    for (size_t i = 0; i < PAWL_COUNT(more); i++) {
        struct talk talk = {0};

        assert_true(conn_open(&more[i], fixture.world.desk, &pg_wire, fixture.world.now_ns));
        talk_start(&talk, PROTOCOL, fixture_pairs);
        talk_query(&talk, COUNT_TO("30000"));
        struct pawl_bytes bytes = {talk.bytes, talk.size};
        assert_int_equal(conn_received(&more[i], bytes, fixture.world.now_ns), bytes.size);
    }
    while (slice(&fixture)) {
    }
    for (size_t i = 0; i < PAWL_COUNT(more); i++) {
        struct pawl_bytes bytes = conn_output(&more[i]);
        const char *got = talk_show(bytes);

        if (strstr(got, COUNTED("30000")) == NULL) fail_msg("%s", got);
        conn_output_sent(&more[i], bytes.size, fixture.world.now_ns);
        conn_close(&more[i]);
        conn_dispose(&more[i]);
    }
    close_all(&fixture);
}

/* In the middle of a step of SQLite's. */
static void ends_in_the_middle(void **state)
{
    struct fixture fixture;
    struct world *world = &fixture.world;
    struct pg_session *session = NULL;

    (void)state;
    open_all(&fixture);
    ask(&fixture, 0, COUNT_TO("10000000"));
    assert_true(slice(&fixture));
    session = pg_session_of(&fixture.clients[0]);
    pg_desk_cancel(world->desk, session->pid, session->secret);
    assert_string_equal(answers(&fixture, 0), ""); /* when its turn comes */
    expect_slices(&fixture, 0, 1,
                  "T(count:20) E(57014 canceling statement due to user request) Z(I)");

    ask(&fixture, 0, COUNT_TO("10000000"));
    assert_true(slice(&fixture));
    ask(&fixture, 1, COUNT_TO("10000"));
    conn_close(&fixture.clients[0]);
    expect_slices(&fixture, 1, 1, COUNTED("10000"));
    assert_true(world->desk->yielded.first == NULL);

    query(&fixture, 1, "SET statement_timeout = 5", "C(SET) Z(I)");
    ask(&fixture, 1, COUNT_TO("10000000"));
    world->now_ns += 6 * PAWL_NS_PER_MS;
    expect_slices(&fixture, 1, 1,
                  "T(count:20) E(57014 canceling statement due to statement timeout) Z(I)");
    close_all(&fixture);
}

/* The statements of one text have one slice together, as have the messages of a pipeline. */
static void counts_short_statements_together(void **state)
{
    static const char *const none[] = {NULL};
    enum { STATEMENTS = 20 };
    struct fixture fixture;
    struct talk talk = {0};
    char text[STATEMENTS * 128] = "";
    char want[STATEMENTS * 64] = "";

    (void)state;
    open_all(&fixture);
    for (int i = 0; i < STATEMENTS; i++) {
        strncat(text, COUNT_TO("500") ";", sizeof text - strlen(text) - 1);
        strncat(want, "T(count:20) D(500) C(SELECT 1) ", sizeof want - strlen(want) - 1);
    }
    strncat(want, "Z(I)", sizeof want - strlen(want) - 1);
    ask(&fixture, 0, text);
    assert_false(conn_quiet(&fixture.clients[0]));
    while (slice(&fixture)) {
    }
    assert_string_equal(answers(&fixture, 0), want);

    talk_parse(&talk, "q", COUNT_TO("500"), 0);
    want[0] = '\0';
    strncat(want, "1 ", sizeof want - 1);
    for (int i = 0; i < STATEMENTS; i++) {
        talk_bind(&talk, "", "q", none, -1);
        talk_execute(&talk, "", 0);
        strncat(want, "2 D(500) C(SELECT 1) ", sizeof want - strlen(want) - 1);
    }
    talk_plain(&talk, 'S');
    strncat(want, "Z(I)", sizeof want - strlen(want) - 1);
    give(&fixture, 0, &talk);
    assert_false(conn_quiet(&fixture.clients[0]));
    while (slice(&fixture)) {
    }
    assert_string_equal(answers(&fixture, 0), want);
    close_all(&fixture);
}

/* Their scans are of their session, as their texts are. */
static void bounds_what_suspended_portals_keep(void **state)
{
    static const char *const none[] = {NULL};
    enum { SEQUENCES = 3000 };
    struct fixture fixture;
    char text[64];
    size_t portals = 0;
    bool refused = false;

    (void)state;
    open_all(&fixture);
    for (int i = 0; i < SEQUENCES; i++) {
        (void)snprintf(text, sizeof text, "SEQ.CREATE s%d\r\n", i);
        assert_int_equal(world_say(&fixture.world, &fixture.resp, text)[0], '+');
    }
    query(&fixture, 0, "BEGIN", "C(BEGIN) Z(T)");
    for (; portals < PG_PORTALS_MAX && !refused; portals++) {
        struct talk talk = {0};

        talk_parse(&talk, "", "SELECT sequencename FROM pg_sequences", 0);
        (void)snprintf(text, sizeof text, "p%zu", portals);
        talk_bind(&talk, text, "", none, -1);
        talk_execute(&talk, text, 1);
        talk_plain(&talk, 'S');
        const char *got = send_all(&fixture, 0, &talk);
        refused = strstr(got, "E(53400 prepared statements and portals of one session") != NULL;
        if (!refused && strstr(got, " s Z(T)") == NULL) fail_msg("%s", got);
    }
    assert_true(refused);
    assert_true(portals > 8);
    query(&fixture, 0, "ROLLBACK", "C(ROLLBACK) Z(I)");
    assert_int_equal(pg_session_of(&fixture.clients[0])->kept_bytes, 0);
    close_all(&fixture);
}

/* What would take SQLite for ever to look at is refused before. */
static void bounds_what_names_of_with_stand_for(void **state)
{
    struct fixture fixture;
    char text[4096] = "WITH t0 AS (SELECT * FROM pg_class)";

    (void)state;
    open_all(&fixture);
    for (int i = 1; i < 24; i++) {
        size_t used = strlen(text);

        (void)snprintf(text + used, sizeof text - used, ", t%d AS (SELECT a.* FROM t%d a, t%d b)",
                       i, i - 1, i - 1);
    }
    strncat(text, " SELECT count(*) FROM t23", sizeof text - strlen(text) - 1);
    query(&fixture, 0, text,
          "E(54001 statement too complex: it reads more than 512 tables, those in WITH counted "
          "wherever they are used) Z(I)");
    close_all(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_others_draw_between_slices),
        cmocka_unit_test(goes_on_after_much_output),
        cmocka_unit_test(shares_the_time_with_who_is_there),
        cmocka_unit_test(gives_no_slice_for_bytes),
        cmocka_unit_test(runs_several_long_queries_at_once),
        cmocka_unit_test(ends_in_the_middle),
        cmocka_unit_test(counts_short_statements_together),
        cmocka_unit_test(bounds_what_suspended_portals_keep),
        cmocka_unit_test(bounds_what_names_of_with_stand_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
