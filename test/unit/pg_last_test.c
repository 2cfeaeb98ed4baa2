/* SPDX-License-Identifier: Apache-2.0 */
/* currval and lastval of sequences that others drop and rename, and of very many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pg_fixture.h"
#include "server/gone.h"
#include "server/pg/session.h"

#define NO_LAST       "E(55000 lastval is not yet defined in this session) Z(I)"
#define NO_CURR(name) "E(55000 currval of sequence \"" name "\" is not yet defined in this session)"
#define CREATED       "C(CREATE SEQUENCE) Z(I)"

static void say(struct fixture *fixture, const char *text)
{
    const char *got = world_say(&fixture->world, &fixture->resp, text);

    if (got[0] == '-') fail_msg("%s: %s", text, got);
}

static void forgets_what_is_dropped_on_another_wire(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s; CREATE SEQUENCE t", "C(CREATE SEQUENCE) " CREATED);
    query(&fixture, 0, "SELECT nextval('t'), nextval('s')",
          "T(nextval:20,nextval:20) D(1,1) C(SELECT 1) Z(I)");
    say(&fixture, "SEQ.DROP s\r\n");
    query(&fixture, 0, "SELECT lastval()", "T(lastval:20) " NO_LAST);
    query(&fixture, 0, "SELECT currval('s')", "E(42P01 relation \"s\" does not exist) Z(I)");
    say(&fixture, "SEQ.CREATE s START 7\r\n");
    query(&fixture, 0, "SELECT currval('s')", "T(currval:20) " NO_CURR("s") " Z(I)");
    query(&fixture, 0, "SELECT currval('t')", "T(currval:20) D(1) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT nextval('s')", NEXT("7"));
    query(&fixture, 0, "SELECT lastval()", "T(lastval:20) D(7) C(SELECT 1) Z(I)");
    close_all(&fixture);
}

/* The first thing that it asks after the drop is an id of the new one. */
static void knows_the_new_one_after_a_drop_that_it_did_not_see(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", CREATED);
    query(&fixture, 0, "SELECT nextval('s')", NEXT("1"));
    say(&fixture, "SEQ.DROP s\r\n");
    say(&fixture, "SEQ.CREATE s START 7\r\n");
    query(&fixture, 0, "SELECT nextval('s')", NEXT("7"));
    query(&fixture, 0, "SELECT lastval(), currval('s')",
          "T(lastval:20,currval:20) D(7,7) C(SELECT 1) Z(I)");
    close_all(&fixture);
}

static void follows_a_renaming_on_another_wire(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s; CREATE SEQUENCE t START 50",
          "C(CREATE SEQUENCE) " CREATED);
    query(&fixture, 0, "SELECT nextval('t'), nextval('s')",
          "T(nextval:20,nextval:20) D(50,1) C(SELECT 1) Z(I)");
    say(&fixture, "SEQ.RENAME s u\r\n");
    say(&fixture, "SEQ.RENAME t s\r\n");
    query(&fixture, 0, "SELECT lastval(), currval('s'), currval('u')",
          "T(lastval:20,currval:20,currval:20) D(1,50,1) C(SELECT 1) Z(I)");
    say(&fixture, "SEQ.DROP u\r\n");
    say(&fixture, "SEQ.RENAME s u\r\n");
    query(&fixture, 0, "SELECT currval('u')", "T(currval:20) D(50) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT lastval()", "T(lastval:20) " NO_LAST);
    close_all(&fixture);
}

/* A change that fails leaves all as it was; one of which nobody knows how it ended does not. */
static void minds_only_what_may_have_happened(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s; CREATE SEQUENCE t", "C(CREATE SEQUENCE) " CREATED);
    query(&fixture, 0, "SELECT nextval('s')", NEXT("1"));
    (void)world_say(&fixture.world, &fixture.resp, "SEQ.RENAME s t\r\n");
    (void)world_say(&fixture.world, &fixture.resp, "SEQ.DROP nope\r\n");
    query(&fixture, 0, "SELECT lastval()", "T(lastval:20) D(1) C(SELECT 1) Z(I)");
    fixture.world.fail = PAWL_UNKNOWN;
    const char *got = world_say(&fixture.world, &fixture.resp, "SEQ.DROP s\r\n");
    assert_memory_equal(got, "-UNKNOWN", 8);
    fixture.world.fail = PAWL_OK;
    query(&fixture, 0, "SELECT lastval()", "T(lastval:20) " NO_LAST);
    close_all(&fixture);
}

static void forgets_all_after_more_drops_than_are_kept(void **state)
{
    struct fixture fixture;
    char text[64];

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", CREATED);
    query(&fixture, 0, "SELECT nextval('s')", NEXT("1"));
    for (int i = 0; i <= GONE_NAMES_MAX; i++) {
        if (i == GONE_NAMES_MAX) { /* as many as are kept are no loss to another one */
            query(&fixture, 1, "SELECT nextval('s')", NEXT("2"));
        }
        (void)snprintf(text, sizeof text, "SEQ.CREATE d%d\r\n", i);
        say(&fixture, text);
        (void)snprintf(text, sizeof text, "SEQ.DROP d%d\r\n", i);
        say(&fixture, text);
    }
    query(&fixture, 0, "SELECT lastval()", "T(lastval:20) " NO_LAST);
    query(&fixture, 0, "SELECT currval('s')", "T(currval:20) " NO_CURR("s") " Z(I)");
    query(&fixture, 1, "SELECT lastval()", "T(lastval:20) D(2) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT nextval('s'), currval('s')",
          "T(nextval:20,currval:20) D(3,3) C(SELECT 1) Z(I)");
    close_all(&fixture);
}

static void draw(struct fixture *fixture, int number, bool creates)
{
    char text[64];
    struct talk talk = {0};

    if (creates) {
        (void)snprintf(text, sizeof text, "SEQ.CREATE m%d\r\n", number);
        say(fixture, text);
    }
    (void)snprintf(text, sizeof text, "SELECT nextval('m%d')", number);
    talk_query(&talk, text);
    const char *got = send_all(fixture, 0, &talk);
    if (strstr(got, "C(SELECT 1) Z(I)") == NULL) fail_msg("%s: %s", text, got);
}

/* Of more sequences than a session knows the last id of, it keeps those that it used last. */
static void forgets_what_was_used_least_recently(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    for (int i = 0; i < PG_LAST_IDS_MAX; i++) {
        draw(&fixture, i, true);
    }
    draw(&fixture, 0, false);
    query(&fixture, 0, "SELECT currval('m1')", "T(currval:20) D(1) C(SELECT 1) Z(I)");
    draw(&fixture, PG_LAST_IDS_MAX, true);
    draw(&fixture, PG_LAST_IDS_MAX + 1, true);
    query(&fixture, 0, "SELECT currval('m0'), currval('m1'), currval('m4')",
          "T(currval:20,currval:20,currval:20) D(2,1,1) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT currval('m2')", "T(currval:20) " NO_CURR("m2") " Z(I)");
    query(&fixture, 0, "SELECT currval('m3')", "T(currval:20) " NO_CURR("m3") " Z(I)");
    close_all(&fixture);
}

/* As in PostgreSQL: it makes an id current, but no sequence the last one that was asked. */
static void setval_of_another_sequence_is_no_lastval(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s; CREATE SEQUENCE t", "C(CREATE SEQUENCE) " CREATED);
    query(&fixture, 0, "SELECT setval('t', 70)", "T(setval:20) D(70) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT lastval()", "T(lastval:20) " NO_LAST);
    query(&fixture, 0, "SELECT nextval('s')", NEXT("1"));
    query(&fixture, 0, "SELECT setval('t', 80)", "T(setval:20) D(80) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT lastval(), currval('t')",
          "T(lastval:20,currval:20) D(1,80) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT setval('s', 90)", "T(setval:20) D(90) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SELECT lastval()", "T(lastval:20) D(90) C(SELECT 1) Z(I)");
    close_all(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgets_what_is_dropped_on_another_wire),
        cmocka_unit_test(knows_the_new_one_after_a_drop_that_it_did_not_see),
        cmocka_unit_test(follows_a_renaming_on_another_wire),
        cmocka_unit_test(minds_only_what_may_have_happened),
        cmocka_unit_test(forgets_all_after_more_drops_than_are_kept),
        cmocka_unit_test(forgets_what_was_used_least_recently),
        cmocka_unit_test(setval_of_another_sequence_is_no_lastval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
