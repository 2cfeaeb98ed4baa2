/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL sessions at their edges: users who may little, what changes under a portal's feet. */
#include "pg_fixture.h"
#include "server/login.h"
#include "users_fixture.h"
#include "wire/pg.h"

static void set_users(struct fixture *fixture, const char *text)
{
    struct users *users = users_of(text, NULL);

    desk_set_users(fixture->world.desk, users);
    users_drop(users);
}

/* A session of a user whose password is "eraser". */
static void log_in_as(struct fixture *fixture, size_t client, const char *name)
{
    const char *const pairs[] = {"user", name, "database", "shop", NULL};
    struct conn *conn = &fixture->clients[client];
    struct talk talk = {0};

    conn_close(conn);
    conn_dispose(conn);
    assert_true(conn_open(conn, fixture->world.desk, &pg_wire, fixture->world.now_ns));
    assert_true(conn_log_in(conn, (struct pawl_bytes){name, strlen(name)}, PAWL_BYTES("eraser")));
    talk_start(&talk, PROTOCOL, pairs);
    (void)send_all(fixture, client, &talk);
}

static void renames_only_to_what_a_user_may(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE shop_a", "C(CREATE SEQUENCE) Z(I)");
    set_users(&fixture, "shop admin shop_*,shop.* " ERASER "\n");
    log_in_as(&fixture, 0, "shop");
    query(&fixture, 0, "ALTER SEQUENCE shop_a RENAME TO other",
          "E(42501 permission denied for sequence other) Z(I)");
    query(&fixture, 0, "ALTER SEQUENCE shop_a SET SCHEMA other",
          "E(42501 permission denied for sequence shop_a) Z(I)");
    query(&fixture, 0, "ALTER SEQUENCE shop_a RENAME TO shop_b", "C(ALTER SEQUENCE) Z(I)");
    query(&fixture, 0, "ALTER SEQUENCE shop_b SET SCHEMA shop", "C(ALTER SEQUENCE) Z(I)");
    close_all(&fixture);
}

/* Sessions outlive their users: without rights, and without anything to look at. */
static void shows_nothing_to_who_is_gone(void **state)
{
    static const char text[] = "SELECT sequencename FROM pg_sequences";
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", "C(CREATE SEQUENCE) Z(I)");
    set_users(&fixture, "shop admin s " ERASER "\nother take * " ERASER "\n");
    log_in_as(&fixture, 0, "shop");
    query(&fixture, 0, text, "T(sequencename:19) D(s) C(SELECT 1) Z(I)");
    set_users(&fixture, "other take * " ERASER "\n");
    query(&fixture, 0, text, "T(sequencename:19) C(SELECT 0) Z(I)");
    query(&fixture, 0, "SELECT nextval('s')",
          "T(nextval:20) E(42501 permission denied for sequence s) Z(I)");
    close_all(&fixture);
}

/* What EXECUTE names may have more columns by now than the portal was bound for. */
static void executes_what_was_prepared_anew(void **state)
{
    /* Two columns in text. */
    static const char bind[] = "B\0\0\0\x12"
                               "e\0e\0"
                               "\0\0"
                               "\0\0"
                               "\0\2\0\0\0\0";
    static const char *const none[] = {NULL};
    static const char prepare[] = "PREPARE p AS SELECT 1";
    char wide[1024] = "";
    struct fixture fixture;
    struct talk talk = {0};

    (void)state;
    memset(wide, '1', sizeof wide - 1);
    memcpy(wide, prepare, sizeof prepare - 1);
    for (size_t i = sizeof prepare; i < 400; i += 2) {
        wide[i] = ',';
    }
    wide[400] = '\0';
    open_all(&fixture);
    query(&fixture, 0, "PREPARE p AS SELECT 1, 2", "C(PREPARE) Z(I)");
    talk_parse(&talk, "e", "EXECUTE p", 0);
    talk_raw(&talk, (struct pawl_bytes){bind, sizeof bind - 1});
    talk_parse(&talk, "", "DEALLOCATE p", 0);
    talk_bind(&talk, "", "", none, -1);
    talk_execute(&talk, "", 0);
    talk_parse(&talk, "", wide, 0);
    talk_bind(&talk, "", "", none, -1);
    talk_execute(&talk, "", 0);
    talk_target(&talk, 'D', 'P', "e");
    talk_execute(&talk, "e", 0);
    talk_plain(&talk, 'S');
    const char *got = send_all(&fixture, 0, &talk);
    if (strstr(got, " E(0A000 cached plan must not change result type) Z(I)") == NULL) {
        fail_msg("%s", got);
    }
    close_all(&fixture);
}

/* Of the names that ROLLBACK's warning tells none is cut. */
static void tells_whole_names(void **state)
{
    static const char warning[] = "N(WARNING 01000 changes of sequences are not rolled back: 5 "
                                  "stay, of ééééééééééééééé0, ééééééééééééééé1, …)";
    struct fixture fixture;
    char text[128];

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "BEGIN", "C(BEGIN) Z(T)");
    for (int i = 0; i < 5; i++) {
        (void)snprintf(text, sizeof text, "CREATE SEQUENCE ééééééééééééééé%d", i);
        query(&fixture, 0, text, "C(CREATE SEQUENCE) Z(T)");
    }
    const struct talk nothing = {0};
    struct talk talk = nothing;
    talk_query(&talk, "ROLLBACK");
    const char *got = send_all(&fixture, 0, &talk);
    if (strncmp(got, warning, sizeof warning - 1) != 0) fail_msg("%s", got);
    close_all(&fixture);
}

/* A message with a long value. */
static char *long_message(const char *head, size_t head_size, size_t value_size, const char *tail,
                          size_t tail_size)
{
    size_t size = head_size + value_size + tail_size;
    char *bytes = malloc(size);

    assert_non_null(bytes);
    memcpy(bytes, head, head_size);
    memset(bytes + head_size, 'x', value_size);
    if (tail_size > 0) memcpy(bytes + head_size + value_size, tail, tail_size);
    (void)pawl_pg_put_u32(bytes + 1, (uint32_t)(size - 1));
    return bytes;
}

/* Binds a value of value_size bytes; returns what is answered. */
static const char *bind_long(struct fixture *fixture, const char *head, size_t head_size,
                             size_t value_size)
{
    size_t size = head_size + value_size + 2;
    char *bytes = long_message(head, head_size, value_size, "\0", 2);
    const char *got =
        world_say_bytes(&fixture->world, &fixture->clients[0], (struct pawl_bytes){bytes, size});

    free(bytes);
    return talk_show((struct pawl_bytes){got, fixture->world.answered_size});
}

/* One value of a megabyte may be said often, but not without bounds. */
static void bounds_what_a_session_keeps(void **state)
{
    enum { VALUE_BYTES = 1000000 };
    static const char query_text[] = "SELECT $1::text";
    char many[1024];
    struct fixture fixture;
    struct talk talk = {0};

    (void)state;
    open_all(&fixture);
    size_t size = (size_t)snprintf(many, sizeof many, "%s", query_text);
    for (int i = 1; i < 100; i++) {
        size += (size_t)snprintf(many + size, sizeof many - size, ",$1");
    }
    talk_parse(&talk, "s", many, 25);
    expect(&fixture, 0, &talk, "1");
    int bound = 0;
    for (const char *got = "2"; strcmp(got, "2") == 0; bound++) {
        char head[64] = "B....p..";
        char *at = head + 8;

        assert_true(bound < 256);
        (void)snprintf(head + 5, sizeof head - 5, "%03d", bound);
        at = pawl_pg_put_bytes(at + 1, (struct pawl_bytes){"s\0\0\0\0\1", 6});
        at = pawl_pg_put_u32(at, VALUE_BYTES);
        got = bind_long(&fixture, head, (size_t)(at - head), VALUE_BYTES);
        if (strncmp(got, "2", 1) == 0 || strncmp(got, "E(53400 ", 8) == 0) continue;
        fail_msg("%s", got);
    }
    assert_in_range(bound, 10, 40);
    talk = (struct talk){0};
    talk_plain(&talk, 'S');
    expect(&fixture, 0, &talk, "Z(I)");
    char head[64] = "B....";
    char *at = pawl_pg_put_bytes(head + 5, (struct pawl_bytes){"\0s\0\0\0\0\1", 7});
    at = pawl_pg_put_u32(at, VALUE_BYTES);
    assert_string_equal(bind_long(&fixture, head, (size_t)(at - head), VALUE_BYTES), "2");
    talk = (struct talk){0};
    talk_execute(&talk, "", 0);
    talk_plain(&talk, 'S');
    expect(&fixture, 0, &talk, "E(54000 the texts of a row have at most 16777216 bytes) Z(I)");
    close_all(&fixture);
}

/* Large rows fill the output as well as many. */
static void waits_between_large_rows(void **state)
{
    enum { ROWS = 100, ROW_BYTES = 100000 };
    static const char begin[] = "Q....SELECT '";
    static const char end[] = "' FROM generate_series(1, 100)";
    struct fixture fixture;
    struct conn *conn = &fixture.clients[0];
    size_t size = 0;

    (void)state;
    open_all(&fixture);
    char *text = long_message(begin, sizeof begin - 1, ROW_BYTES, end, sizeof end);
    size_t text_size = sizeof begin - 1 + ROW_BYTES + sizeof end;
    (void)conn_received(conn, (struct pawl_bytes){text, text_size}, fixture.world.now_ns);
    free(text);
    assert_in_range(conn->output.size, ROW_BYTES, 3 * ROW_BYTES);
    for (struct pawl_bytes bytes = conn_output(conn); bytes.size > 0; bytes = conn_output(conn)) {
        size += bytes.size;
        conn_output_sent(conn, bytes.size, fixture.world.now_ns);
    }
    assert_true(size > (size_t)ROWS * ROW_BYTES);
    close_all(&fixture);
}

static void passes_over_schemas_that_a_user_may_not_use(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE orders", "C(CREATE SEQUENCE) Z(I)");
    query(&fixture, 0, "CREATE SEQUENCE theirs.orders", "C(CREATE SEQUENCE) Z(I)");
    set_users(&fixture, "shop take orders,mine.* " ERASER "\n");
    log_in_as(&fixture, 0, "shop");
    query(&fixture, 0, "SET search_path = theirs, mine, public", "C(SET) Z(I)");
    query(&fixture, 0, "SELECT nextval('orders')", NEXT("1"));
    query(&fixture, 0, "SELECT currval('orders')", "T(currval:20) D(1) C(SELECT 1) Z(I)");
    query(&fixture, 0, "SET search_path = mine, theirs", "C(SET) Z(I)");
    query(&fixture, 0, "SELECT nextval('orders')",
          "T(nextval:20) E(42501 permission denied for sequence orders) Z(I)");
    close_all(&fixture);
}

static void runs_nothing_again_that_failed(void **state)
{
    static const char *const none[] = {NULL};
    struct fixture fixture;
    struct talk talk = {0};

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "BEGIN", "C(BEGIN) Z(T)");
    talk_parse(&talk, "s", "SELECT lastval()", 0);
    talk_bind(&talk, "p", "s", none, -1);
    talk_plain(&talk, 'S');
    expect(&fixture, 0, &talk, "1 2 Z(T)");
    query(&fixture, 0, "SAVEPOINT a", "C(SAVEPOINT) Z(T)");
    talk = (struct talk){0};
    talk_execute(&talk, "p", 0);
    talk_plain(&talk, 'S');
    expect(&fixture, 0, &talk, "E(55000 lastval is not yet defined in this session) Z(E)");
    query(&fixture, 0, "ROLLBACK TO a", "C(ROLLBACK) Z(T)");
    expect(&fixture, 0, &talk, "E(55000 portal \"p\" cannot be run) Z(E)");
    close_all(&fixture);
}

static void finds_more_ids_than_allowed_before_the_first(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", "C(CREATE SEQUENCE) Z(I)");
    query(&fixture, 0, "SELECT nextval('s') FROM generate_series(1, 1000001)",
          "E(54000 a statement takes at most 1000000 ids (--max-take)) Z(I)");
    query(&fixture, 0, "SELECT nextval('s'), nextval('s') FROM generate_series(0, -1000000, -2)",
          "E(54000 a statement takes at most 1000000 ids (--max-take)) "
          "Z(I)");
    query(&fixture, 0,
          "SELECT nextval('s') FROM generate_series(-9223372036854775808, 9223372036854775807)",
          "E(54000 a statement takes at most 1000000 ids (--max-take)) Z(I)");
    query(&fixture, 0, "SELECT nextval('s') FROM generate_series(1, 10000000) LIMIT 1", NEXT("1"));
    query(&fixture, 0, "SELECT nextval('s') FROM generate_series(1, 10000000, 5000000)",
          "T(nextval:20) D(2) D(3) C(SELECT 2) Z(I)");
    query(&fixture, 0, "SELECT nextval('s') FROM generate_series(5, 1)",
          "T(nextval:20) C(SELECT 0) Z(I)");
    query(&fixture, 0, "SELECT nextval('s'), nextval('nope')",
          "E(42P01 relation \"nope\" does not exist) Z(I)");
    query(&fixture, 0, "SELECT nextval('s')", NEXT("4"));
    close_all(&fixture);
}

static void names_are_text(void **state)
{
    static const char *const none[] = {NULL};
    struct fixture fixture;
    struct talk talk = {0};

    (void)state;
    open_all(&fixture);
    talk_parse(&talk, "\xff", "SELECT 1", 0);
    talk_plain(&talk, 'S');
    talk_bind(&talk, "", "a\xc3", none, -1);
    talk_plain(&talk, 'S');
    talk_execute(&talk, "\x80", 0);
    talk_plain(&talk, 'S');
    expect(&fixture, 0, &talk,
           "E(22021 invalid byte sequence for encoding \"UTF8\": 0xff) Z(I) "
           "E(22021 invalid byte sequence for encoding \"UTF8\": 0xc3) Z(I) "
           "E(22021 invalid byte sequence for encoding \"UTF8\": 0x80) Z(I)");
    close_all(&fixture);
}

/* Behind a pool one session lives through those of many. */
static void forgets_custom_settings_that_were_reset(void **state)
{
    struct fixture fixture;
    char text[64];

    (void)state;
    open_all(&fixture);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(text, sizeof text, "SET my.setting%d = 'x'", i);
        query(&fixture, 0, text, "C(SET) Z(I)");
        if (i % 50 == 49) query(&fixture, 0, "DISCARD ALL", "C(DISCARD ALL) Z(I)");
    }
    query(&fixture, 0, "SET my.last = 'x'", "C(SET) Z(I)");
    query(&fixture, 0, "SHOW my.last", "T(my.last:25) D(x) C(SHOW) Z(I)");
    close_all(&fixture);
}

static void says_which_role_is_wanted(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    set_users(&fixture, "shop take * " ERASER "\n");
    log_in_as(&fixture, 0, "shop");
    query(&fixture, 0, "CREATE SEQUENCE s", "E(42501 permission denied to create sequence s) Z(I)");
    close_all(&fixture);
}

#define NO_RELATION(name) "E(42P01 relation \"" name "\" does not exist) Z(I)"
#define NO_SCHEMA(name)   "E(3F000 schema \"" name "\" does not exist) Z(I)"

static void make_and_drop(struct fixture *fixture, const char *schema, int count)
{
    char text[128];

    for (int i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, "CREATE SEQUENCE %s.s%03d", schema, i);
        query(fixture, 0, text, "C(CREATE SEQUENCE) Z(I)");
        (void)snprintf(text, sizeof text, "DROP SEQUENCE %s.s%03d", schema, i);
        query(fixture, 0, text, "C(DROP SEQUENCE) Z(I)");
    }
}

/* As a page is full of tombstones. */
static void sees_schemas_behind_dropped_names(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    make_and_drop(&fixture, "billing", 40);
    query(&fixture, 0, "CREATE SEQUENCE billing.z", "C(CREATE SEQUENCE) Z(I)");
    query(&fixture, 0, "CREATE SEQUENCE books.a", "C(CREATE SEQUENCE) Z(I)");
    query(&fixture, 0, "SELECT nextval('billing.typo')", NO_RELATION("billing.typo"));
    assert_int_equal(fixture.world.lists, 3);
    query(&fixture, 0, "DROP SEQUENCE billing.z", "C(DROP SEQUENCE) Z(I)");
    world_wait(&fixture.world, PAWL_NS_PER_S);
    query(&fixture, 0, "SELECT nextval('billing.typo')", NO_SCHEMA("billing"));
    assert_int_equal(fixture.world.lists, 6);
    /* Beyond what is looked at it is taken to be there. */
    make_and_drop(&fixture, "many", 140);
    world_wait(&fixture.world, PAWL_NS_PER_S);
    query(&fixture, 0, "SELECT nextval('many.typo')", NO_RELATION("many.typo"));
    assert_int_equal(fixture.world.lists, 14);
    close_all(&fixture);
}

static void misses_no_schema_in_a_listing_without_order(void **state)
{
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    fixture.world.vague = true;
    query(&fixture, 0, "SELECT nextval('billing.typo')", NO_RELATION("billing.typo"));
    assert_int_equal(fixture.world.lists, 1);
    close_all(&fixture);
}

static void lists_for_schemas_once_a_second(void **state)
{
    struct fixture fixture;
    char text[64];
    char want[128];

    (void)state;
    open_all(&fixture);
    for (int i = 0; i < 16; i++) {
        (void)snprintf(text, sizeof text, "SELECT nextval('n%d.s')", i);
        (void)snprintf(want, sizeof want, NO_SCHEMA("n%d"), i);
        query(&fixture, 0, text, want);
    }
    query(&fixture, 1, "SELECT nextval('two.s')", NO_RELATION("two.s"));
    query(&fixture, 1, "SELECT nextval('n15.s')", NO_SCHEMA("n15"));
    assert_int_equal(fixture.world.lists, 16);
    world_wait(&fixture.world, PAWL_NS_PER_S);
    query(&fixture, 1, "SELECT nextval('two.s')", NO_SCHEMA("two"));
    query(&fixture, 1, "SELECT nextval('three.s')", NO_RELATION("three.s"));
    assert_int_equal(fixture.world.lists, 17);
    close_all(&fixture);
}

/* What one may not see is there for another. */
static void sees_schemas_with_the_eyes_of_each_user(void **state)
{
    static const char text[] = "SELECT nextval('billing.typo')";
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE billing.z", "C(CREATE SEQUENCE) Z(I)");
    set_users(&fixture, "all take * " ERASER "\nfew take billing.typo " ERASER "\n");
    log_in_as(&fixture, 0, "all");
    log_in_as(&fixture, 1, "few");
    query(&fixture, 1, text, NO_SCHEMA("billing"));
    query(&fixture, 0, text, NO_RELATION("billing.typo"));
    world_wait(&fixture.world, PAWL_NS_PER_S);
    query(&fixture, 0, text, NO_RELATION("billing.typo"));
    world_wait(&fixture.world, PAWL_NS_PER_S);
    query(&fixture, 1, text, NO_SCHEMA("billing"));
    close_all(&fixture);
}

/* Types of catalogs as their send functions have them. */
static void sends_binary_what_catalogs_have(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const cases[][2] = {
        {"SELECT typinput, typoutput FROM pg_type WHERE oid = 20", "000001cc,000001cd"},
        {"SELECT typsubscript FROM pg_type WHERE oid = 20", "00000000"},
        {"SELECT procost FROM pg_proc WHERE oid = 460", "3f800000"},
        {"SELECT relnamespace::regnamespace, relowner::regrole FROM pg_class WHERE relname = 's'",
         "00000898,0000000a"},
    };
    struct fixture fixture;
    char want[128];

    (void)state;
    open_all(&fixture);
    query(&fixture, 0, "CREATE SEQUENCE s", "C(CREATE SEQUENCE) Z(I)");
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct talk talk = {0};

        talk_parse(&talk, "", cases[i][0], 0);
        talk_bind(&talk, "", "", none, 1);
        talk_execute(&talk, "", 0);
        talk_plain(&talk, 'S');
        (void)snprintf(want, sizeof want, "1 2 D(%s) C(SELECT 1) Z(I)", cases[i][1]);
        expect(&fixture, 0, &talk, want);
    }
    close_all(&fixture);
}

static void tells_who_is_on_the_wrong_port(void **state)
{
    static const char start[] = {0, 0, 0, 8, 4, (char)0xd2, 0x16, 0x2f};
    static const char ping[] = "*1\r\n$4\r\nPING\r\n";
    struct fixture fixture;

    (void)state;
    open_all(&fixture);
    const char *got =
        world_say_bytes(&fixture.world, &fixture.resp, (struct pawl_bytes){start, sizeof start});
    assert_memory_equal(got, "E", 1);
    assert_non_null(strstr(got + 5 + 7 + 7, "C08P01"));
    assert_true(conn_wants_close(&fixture.resp));
    got = world_say_bytes(&fixture.world, &fixture.clients[2],
                          (struct pawl_bytes){ping, sizeof ping - 1});
    assert_memory_equal(got, "-ERR this port of pawld speaks PostgreSQL", 41);
    assert_true(conn_wants_close(&fixture.clients[2]));
    close_all(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renames_only_to_what_a_user_may),
        cmocka_unit_test(shows_nothing_to_who_is_gone),
        cmocka_unit_test(executes_what_was_prepared_anew),
        cmocka_unit_test(tells_whole_names),
        cmocka_unit_test(bounds_what_a_session_keeps),
        cmocka_unit_test(waits_between_large_rows),
        cmocka_unit_test(passes_over_schemas_that_a_user_may_not_use),
        cmocka_unit_test(runs_nothing_again_that_failed),
        cmocka_unit_test(finds_more_ids_than_allowed_before_the_first),
        cmocka_unit_test(names_are_text),
        cmocka_unit_test(forgets_custom_settings_that_were_reset),
        cmocka_unit_test(says_which_role_is_wanted),
        cmocka_unit_test(sees_schemas_behind_dropped_names),
        cmocka_unit_test(misses_no_schema_in_a_listing_without_order),
        cmocka_unit_test(lists_for_schemas_once_a_second),
        cmocka_unit_test(sees_schemas_with_the_eyes_of_each_user),
        cmocka_unit_test(sends_binary_what_catalogs_have),
        cmocka_unit_test(tells_who_is_on_the_wrong_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
