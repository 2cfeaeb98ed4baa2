/* SPDX-License-Identifier: Apache-2.0 */
/* What a postgres:// URL means, what each SQLSTATE does, and the statements' columns. */
#include "store/postgres/history.h"
#include "store/postgres/sql.h"
#include "store/postgres/state.h"
#include "store/postgres/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* URLs. */

static void url_means(const char *url, const char *key, const char *value)
{
    struct pawl_postgres_target target;
    pawl_error error = {0};

    if (pawl_postgres_target_read(&target, url, &error) != PAWL_OK) {
        fail_msg("%s is refused: %s", url, error.text);
    }
    const char *found =
        strcmp(key, "table") == 0 ? target.table : pawl_postgres_target_value(&target, key);

    if (found == NULL || strcmp(found, value) != 0) {
        fail_msg("%s: %s is %s, not %s", url, key, found != NULL ? found : "not there", value);
    }
    pawl_postgres_target_free(&target);
}

static void reads_urls(void **state)
{
    (void)state;
    url_means("postgres://h/db", "table", "\"pawl_sequences\"");
    url_means("postgres://h/db?table=ids", "table", "\"ids\"");
    url_means("postgres://h/db?table=App.Ids", "table", "\"App\".\"Ids\"");
    url_means("postgres://h/db?table=a%22b", "table", "\"a\"\"b\"");
    url_means("postgresql://h/db?sslmode=disable&table=ids&connect_timeout=3", "sslmode",
              "disable");
    url_means("postgresql://h/db?sslmode=disable&table=ids&connect_timeout=3", "connect_timeout",
              "3");
    url_means("postgresql://h/db?table=ids&sslmode=require", "sslmode", "require");
    url_means("postgres://u:p%40ss@h:1,g:2/db", "password", "p@ss");
    url_means("postgres://u:p%40ss@h:1,g:2/db", "host", "h,g");
    url_means("postgres://u:p%40ss@h:1,g:2/db", "port", "1,2");
    url_means("postgres://u:a?table=x@h/db", "table", "\"pawl_sequences\"");
    url_means("postgres://u:a?table=x@h/db", "password", "a?table=x");
    url_means("postgres:///db?host=/run/postgresql", "host", "/run/postgresql");
    url_means("postgres://[::1]:5433/db", "host", "::1");
    url_means("postgres://h/db?user=me@realm&ssl=true", "user", "me@realm");
    url_means("postgres://u:a#b@h/db", "password", "a#b");
    url_means("postgres://h/db?%73slmode=require", "sslmode", "require");
}

static void url_refused(const char *url, const char *names)
{
    struct pawl_postgres_target target;
    pawl_error error = {0};

    assert_int_equal(pawl_postgres_target_read(&target, url, &error), PAWL_BAD_REQUEST);
    if (strstr(error.text, names) == NULL) {
        fail_msg("%s: the error does not name %s: %s", url, names, error.text);
    }
    if (strstr(error.text, "secret") != NULL) {
        fail_msg("%s: the error tells the password: %s", url, error.text);
    }
}

static void refuses_urls_and_keeps_passwords(void **state)
{
    (void)state;
    url_refused("postgres://127.0.0.1:geheim/db", "port must be a number");
    url_refused("postgres://a:1,b:65536/db", "port must be a number");
    url_refused("postgres://h/db?port=0", "port must be a number");
    url_refused("postgres://h/db?connect_timeout=soon", "connect_timeout=soon");
    url_refused("postgres://h/db?sslmode=perhaps", "sslmode=perhaps");
    url_refused("postgres://u:secret@h/db?colour=red", "colour");
    url_refused("postgres://u:secret@h/db?table=", "table");
    url_refused("postgres://u:secret@h/db?table=a.b.c", "table");
    url_refused("postgres://u:secret@h/db?table=a.", "table");
    url_refused("postgres://u:secret@h/db?table=%zz", "table");
    url_refused("postgres://u:secret@h/db?table=%0a", "table");
    url_refused("postgres://u:secret@h/db?durability=some", "durability=some");
    url_refused("postgres://u:secret%zz@h/db", "password");
    url_refused("postgres://u:x%zzsecret/y@h/db", "password");
    url_refused("postgres://u@h/db?password=secret&colour=red", "colour");
    url_refused("postgres://u:secret@[::1/db", "URL");
    url_refused("postgres://u:secret@h/db?table", "table");
    url_refused("postgres://u:secret@h,g/db?target_session_attrs=standby", "target_session_attrs");
    url_refused("postgres://u:secret@h/db?sslmode", "sslmode lacks its =");
    url_refused("postgres://u:secret@h/db?colour=red", "sslrootcert");
    url_refused("postgres://u:a%secret@h/db", "%25");
    url_refused("postgres://a%secret@h/db", "%25");
    url_refused("postgres://u:a@secret@h/db", "%40");
    url_refused("postgres://u:a/secret@h/db", "%2F");
    url_refused("postgres://u:12/secret@h/db", "%2F");
    url_refused("postgres://u:a@b/secret@h/db", "%40");
    url_refused("postgres://u:a@b#secret@h/db", "%23");
    url_refused("postgres://u:a@b?secret@h/db", "%40");
    url_refused("postgres://u:a/b?secret@h/db", "%40");
    url_refused("postgres://u:a/b?secret=1@h/db", "%40");
}

/* What libpq says only when it connects would be taken for a server that is away. */
static void refuses_values_that_no_server_could_make_right(void **state)
{
    (void)state;
    url_refused("postgres://h/db?connect_timeout=", "connect_timeout=: must be whole seconds");
    url_refused("postgres://h/db?connect_timeout=-1", "connect_timeout=-1");
    url_refused("postgres://h/db?connect_timeout=2147483648", "connect_timeout=2147483648");
    url_refused("postgres://h/db?keepalives=x", "keepalives=x: must be 0 or 1");
    url_refused("postgres://h/db?keepalives_idle=5s", "keepalives_idle=5s");
    url_refused("postgres://h/db?keepalives_interval=x", "keepalives_interval=x");
    url_refused("postgres://h/db?keepalives_count=1.5", "keepalives_count=1.5");
    url_refused("postgres://h/db?tcp_user_timeout=abc", "tcp_user_timeout=abc");
    url_refused("postgres://h/db?tcp_user_timeout=%0a", "tcp_user_timeout=: must be");
    url_refused("postgres://h/db?replication=true", "replication=true: ids come");
    url_refused("postgres://h/db?replication=0", "leave it out");
    url_refused("postgres://h/db?gssencmode=maybe", "disable, prefer and require");
    url_refused("postgres://h/db?channel_binding=yes", "channel_binding=yes");
    url_refused("postgres://h/db?sslcompression=on", "sslcompression=on");
    url_refused("postgres://h/db?sslsni=2", "sslsni=2");
    url_refused("postgres://h/db?sslmode=", "sslmode=");
    url_refused("postgres://h/db?ssl_min_protocol_version=SSLv3", "TLSv1.2");
    url_means("postgres://h/db?ssl_min_protocol_version=tlsv1.2", "ssl_min_protocol_version",
              "tlsv1.2");
    url_means("postgres://h/db?tcp_user_timeout=2147483647", "tcp_user_timeout", "2147483647");
    url_means("postgres://h/db?keepalives=0&sslsni=0&channel_binding=require", "keepalives", "0");
}

static void refuses_what_is_given_twice_or_empty(void **state)
{
    (void)state;
    url_refused("postgres://h/db?table=x&table=y", "table is given twice");
    url_refused("postgres://h/db?table=x&sslmode=disable&table=x", "table is given twice");
    url_refused("postgres://h/db?durability=on&durability=none", "durability is given twice");
    url_refused("postgres://h/db?sslmode=disable&sslmode=require", "sslmode is given twice");
    url_refused("postgres://h/db?sslmode=disable&%73slmode=require", "is given twice");
    url_refused("postgres://u@h/db?password=secret&password=x", "password is given twice");
    url_refused("postgres://h,/db", "one of the hosts is empty");
    url_refused("postgres://,h/db", "one of the hosts is empty");
    url_refused("postgres://a,,b/db", "one of the hosts is empty");
    url_refused("postgres://a:1,:2/db", "one of the hosts is empty");
    url_refused("postgres:///db?host=a,", "one of the hosts is empty");
    url_means("postgres://h/db?table=x&keepalives=1&keepalives_idle=3", "keepalives_idle", "3");
}

static const char *param(const struct pawl_postgres_params *params, const char *key)
{
    const char *value = NULL;

    for (size_t i = 0; i < params->count; i++) {
        if (strcmp(params->keys[i], key) == 0) value = params->values[i];
    }
    return value;
}

static void dials_places_around(void **state)
{
    const struct pawl_postgres_place places[] = {
        {"a", "1", "10.0.0.1"}, {"a", "1", "10.0.0.2"}, {"/run", "2", ""}};
    struct pawl_postgres_target target;
    struct pawl_postgres_params params;

    (void)state;
    assert_int_equal(
        pawl_postgres_target_read(&target, "postgres://u@a:1,b:2/db?client_encoding=LATIN1", NULL),
        PAWL_OK);
    assert_true(pawl_postgres_params_make(&params, &target, places, PAWL_COUNT(places), 4));
    assert_string_equal(param(&params, "host"), "a,/run,a");
    assert_string_equal(param(&params, "hostaddr"), "10.0.0.2,,10.0.0.1");
    assert_string_equal(param(&params, "port"), "1,2,1");
    assert_string_equal(param(&params, "target_session_attrs"), "read-write");
    assert_string_equal(param(&params, "client_encoding"), "UTF8");
    pawl_postgres_params_free(&params);
    assert_true(pawl_postgres_params_make(&params, &target, NULL, 0, 0));
    assert_string_equal(param(&params, "host"), "a,b");
    pawl_postgres_params_free(&params);
    pawl_postgres_target_free(&target);
}

static void takes_lists_apart(void **state)
{
    char item[4];

    (void)state;
    assert_true(pawl_postgres_list_item("a,,c", 0, item, sizeof item));
    assert_string_equal(item, "a");
    assert_true(pawl_postgres_list_item("a,,c", 1, item, sizeof item));
    assert_string_equal(item, "");
    assert_true(pawl_postgres_list_item("a,,c", 2, item, sizeof item));
    assert_string_equal(item, "c");
    assert_false(pawl_postgres_list_item("a,,c", 3, item, sizeof item));
    assert_false(pawl_postgres_list_item("long", 0, item, sizeof item));
}

/* Errors. */

static const struct {
    const char *sqlstate;
    pawl_err code;
    bool again, anew;
} codes[] = {
    {"40001", PAWL_BUSY, true, false},         {"40P01", PAWL_BUSY, true, false},
    {"40003", PAWL_BUSY, false, false},        {"55P03", PAWL_BUSY, false, false},
    {"55006", PAWL_STORE, false, false},       {"57014", PAWL_BUSY, false, false},
    {"57P01", PAWL_STORE, false, true},        {"57P03", PAWL_STORE, false, true},
    {"25006", PAWL_STORE, false, true},        {"25P02", PAWL_STORE, false, true},
    {"53300", PAWL_STORE, false, true},        {"53100", PAWL_STORE, false, false},
    {"58030", PAWL_STORE, false, false},       {"XX001", PAWL_STORE, false, true},
    {"08006", PAWL_STORE, false, true},        {"08P01", PAWL_STORE, false, true},
    {"28P01", PAWL_DENIED, false, true},       {"28000", PAWL_DENIED, false, true},
    {"42501", PAWL_DENIED, false, true},       {"3D000", PAWL_DENIED, false, true},
    {"3F000", PAWL_MISSING, false, true},      {"42P01", PAWL_MISSING, false, true},
    {"42703", PAWL_DENIED, false, true},       {"42P10", PAWL_DENIED, false, true},
    {"42804", PAWL_DENIED, false, true},       {"0A000", PAWL_DENIED, false, true},
    {"26000", PAWL_BUSY, false, true},         {"22003", PAWL_DENIED, false, false},
    {"22021", PAWL_BAD_REQUEST, false, false}, {"22P05", PAWL_BAD_REQUEST, false, false},
    {"22001", PAWL_DENIED, false, false},      {"23505", PAWL_DENIED, false, false},
    {"23514", PAWL_DENIED, false, false},      {"27000", PAWL_DENIED, false, false},
    {"P0001", PAWL_DENIED, false, false},      {"428C9", PAWL_DENIED, false, true},
    {NULL, PAWL_STORE, false, true},
};

static void maps_every_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(codes); i++) {
        const struct pawl_postgres_state *found = pawl_postgres_state_of(codes[i].sqlstate);

        if (found->code != codes[i].code || found->again != codes[i].again ||
            found->anew != codes[i].anew) {
            fail_msg("%s: %s", codes[i].sqlstate, pawl_err_name(found->code));
        }
        assert_true(found->advice[0] != '\0');
    }
    assert_non_null(strstr(pawl_postgres_state_of("42P01")->advice, "pawl store init"));
}

/* One state for what passes by itself, and for what no table of that kind can do. */
static void tells_a_changed_table_by_the_server_function(void **state)
{
    (void)state;
    assert_int_equal(pawl_postgres_state_at("0A000", "RevalidateCachedQuery")->code, PAWL_BUSY);
    assert_int_equal(pawl_postgres_state_at("0A000", NULL)->code, PAWL_BUSY);
    assert_int_equal(pawl_postgres_state_at("0A000", "RewriteQuery")->code, PAWL_DENIED);
    assert_int_equal(pawl_postgres_state_at("23514", "RevalidateCachedQuery")->code, PAWL_DENIED);
    assert_int_equal(pawl_postgres_state_at(NULL, NULL)->code, PAWL_STORE);
}

static const struct {
    const char *severity, *sqlstate;
    bool at_commit;
    enum pawl_postgres_verdict verdict;
} verdicts[] = {
    {"ERROR", "55P03", false, PAWL_POSTGRES_UNDONE},
    {"ERROR", "40001", false, PAWL_POSTGRES_UNDONE},
    {"ERROR", "40001", true, PAWL_POSTGRES_UNDONE},
    {"ERROR", "23514", true, PAWL_POSTGRES_UNDONE},
    {"ERROR", "40003", true, PAWL_POSTGRES_DOUBT}, /* statement completion unknown */
    {"ERROR", "58030", true, PAWL_POSTGRES_DOUBT},
    {"ERROR", "08P01", false, PAWL_POSTGRES_DOUBT},
    {"FATAL", "57P01", false, PAWL_POSTGRES_DOUBT}, /* a pooler's may come at any moment */
    {"PANIC", "XX000", true, PAWL_POSTGRES_DOUBT},
    {NULL, NULL, false, PAWL_POSTGRES_DOUBT}, /* libpq's own: the connection is gone */
};

static void knows_what_is_certain(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(verdicts); i++) {
        if (pawl_postgres_verdict_of(verdicts[i].severity, verdicts[i].sqlstate,
                                     verdicts[i].at_commit) != verdicts[i].verdict) {
            fail_msg("row %zu of verdicts", i);
        }
    }
}

static void notices_a_cancelled_wait(void **state)
{
    (void)state;
    assert_true(pawl_postgres_unwaited("WARNING", "01000", "SyncRepWaitForLSN"));
    assert_true(pawl_postgres_unwaited("WARNING", "01000", NULL));
    assert_true(pawl_postgres_unwaited(NULL, "01000", NULL));
    assert_false(pawl_postgres_unwaited("WARNING", "01000", "exec_stmt_raise"));
    assert_false(pawl_postgres_unwaited("NOTICE", "42P07", "transformCreateStmt"));
    assert_false(pawl_postgres_unwaited("WARNING", "25P01", "UserAbortTransactionBlock"));
}

static void reads_libpq_texts(void **state)
{
    const char *verbose = "connection to server at \"h\" (::1), port 5432 failed: FATAL:  28P01: "
                          "password authentication failed for user \"u\"\n"
                          "LOCATION:  auth_failed, auth.c:326\n";
    char sqlstate[6];
    char line[200];

    (void)state;
    assert_true(pawl_postgres_state_find(verbose, sqlstate));
    assert_string_equal(sqlstate, "28P01");
    assert_false(pawl_postgres_state_find("connection refused\n\tIs the server", sqlstate));
    assert_non_null(strstr(pawl_postgres_connect_advice("42601"), "options="));
    assert_non_null(strstr(pawl_postgres_connect_advice("42501"), "GRANT CONNECT"));
    assert_non_null(strstr(pawl_postgres_connect_advice("28P01"), "password"));
    assert_non_null(pawl_postgres_refusal_advice("x failed: fe_sendauth: no password supplied\n"));
    assert_non_null(pawl_postgres_refusal_advice("server does not support SSL, but SSL was "));
    assert_non_null(pawl_postgres_refusal_advice("SSL error: certificate verify failed"));
    assert_null(pawl_postgres_refusal_advice("connection refused\n\tIs the server running"));
    assert_null(pawl_postgres_refusal_advice("server closed the connection unexpectedly"));
    assert_null(strchr(pawl_postgres_one_line(line, sizeof line, verbose), '\n'));
    assert_null(strstr(line, "LOCATION"));
    assert_string_equal(pawl_postgres_one_line(line, sizeof line, "a\n\tb\n"), "a; b");
    assert_string_equal(pawl_postgres_one_line(line, sizeof line, ""), "");
    assert_string_equal(pawl_postgres_one_line(line, 4, "abcdef"), "abc");
}

/* Statements. */

static char *good_columns(void)
{
    static char columns[2000];
    size_t used = (size_t)snprintf(columns, sizeof columns, "name text");

    for (int i = 0; i < PAWL_FIELDS; i++) {
        enum pawl_field_kind kind = pawl_field_kind((enum pawl_field)i);
        const char *type = kind == PAWL_FIELD_I64    ? "bigint"
                           : kind == PAWL_FIELD_REAL ? "double precision"
                                                     : "text";

        used += (size_t)snprintf(columns + used, sizeof columns - used, "\n%s %s",
                                 pawl_field_name((enum pawl_field)i), type);
    }
    return columns;
}

static void judges_columns(void **state)
{
    char wrong[200];
    char *columns = good_columns();

    (void)state;
    assert_false(pawl_postgres_columns_wrong(columns, wrong, sizeof wrong));
    assert_true(pawl_postgres_columns_wrong("id bigint\nname text", wrong, sizeof wrong));
    assert_string_equal(wrong, "it has no column format");
    memcpy(strstr(columns, "next bigint"), "next jsonbb", strlen("next bigint"));
    assert_true(pawl_postgres_columns_wrong(columns, wrong, sizeof wrong));
    assert_string_equal(wrong, "its column next is jsonbb, not bigint");
}

static void names_every_condition(void **state)
{
    struct pawl_postgres_sql sql;

    (void)state;
    assert_true(pawl_postgres_sql_make(&sql, "\"a\".\"b\""));
    for (size_t i = 0; i < PAWL_POSTGRES_ALL; i++) {
        assert_true(sql.texts[i] != NULL && sql.texts[i][0] != '\0');
    }
    const char *advance = sql.texts[PAWL_POSTGRES_ADVANCE];

    assert_non_null(strstr(advance, "UPDATE \"a\".\"b\" SET"));
    assert_non_null(strstr(advance, "\"epoch\" = $2"));
    assert_non_null(strstr(advance, "\"lap\" = $3"));
    assert_non_null(strstr(advance, "\"dropped\" = 0"));
    assert_non_null(strstr(advance, "\"next\" BETWEEN $4::bigint AND $5::bigint"));
    assert_non_null(strstr(advance, "(\"branch\" NOT LIKE '% waits' OR current_setting"));
    assert_non_null(
        strstr(sql.texts[PAWL_POSTGRES_WRITE], "::text NOT LIKE '% waits' OR current_"));
    assert_non_null(strstr(sql.texts[PAWL_POSTGRES_WRITE], "\"tag\" = $2"));
    assert_non_null(strstr(sql.texts[PAWL_POSTGRES_INSERT], "ON CONFLICT (name) DO NOTHING"));
    pawl_postgres_sql_free(&sql);
}

/* Whether ids may be lost between what a record bears and where the server is now. */
static void judges_timelines(void **state)
{
    static const struct {
        const char *was;
        struct pawl_postgres_history now;
        const char *branch;
        bool loses;
    } rows[] = {
        {"7/1", {.system = "7", .timeline = 1}, "7/1", false},
        {"7/1", {.system = "7", .timeline = 1, .waits = true}, "7/1 waits", false},
        {"7/1 waits", {.system = "7", .timeline = 1}, "7/1", false},
        {"7/1", {.system = "7", .timeline = 2, .waits = true}, "7/2 waits", true},
        {"7/1 waits", {.system = "7", .timeline = 2}, "7/2", false},
        {"7/1 waits", {.system = "7", .timeline = 16}, "7/16", false},
        {"7/1 waits", {.system = "7", .timeline = 2, .recovered = true}, "7/2", true},
        {"7/1", {.system = "7", .timeline = 1, .recovered = true}, "7/1", false},
        {"7/3 waits", {.system = "7", .timeline = 2}, "7/2", true},
        {"8/1 waits", {.system = "7", .timeline = 2}, "7/2", true},
        {"71/1 waits", {.system = "7", .timeline = 2}, "7/2", true},
        {"7/ waits", {.system = "7", .timeline = 2}, "7/2", true},
        {"", {.system = "7", .timeline = 2}, "7/2", true},
        {"7/1", {.system = "7"}, "", false},
        {"7/1", {.system = "", .timeline = 2}, "", false},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_identity identity = pawl_postgres_history_identity(
            &rows[i].now, "5/16384", (struct pawl_bytes){rows[i].was, strlen(rows[i].was)});

        assert_int_equal(identity.branch.size, strlen(rows[i].branch));
        assert_memory_equal(identity.branch.at, rows[i].branch, identity.branch.size);
        if (identity.branch.loses != rows[i].loses) fail_msg("row %zu: %s", i, rows[i].was);
    }
}

static void names_the_table_and_a_whole_page(void **state)
{
    static const char longest[] = "18446744073709551615/4294967295/4294967295";
    static const struct {
        const char *system, *place, *name;
        uint64_t lsn, position;
    } rows[] = {
        {"7", "5/16384", "7/5/16384", 8192, 8192},
        {"7", "5/16385", "7/5/16385", 8191, 0},
        {"7", "", "", 16383, 8192},
        {"", "5/16384", "", 0, 0},
        {"18446744073709551615", "4294967295/4294967295", longest, 3 * 8192 + 1, 3 * 8192},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_postgres_history now = {.timeline = 1, .lsn = rows[i].lsn};

        (void)snprintf(now.system, sizeof now.system, "%s", rows[i].system);
        struct pawl_identity identity =
            pawl_postgres_history_identity(&now, rows[i].place, PAWL_BYTES(""));

        assert_int_equal(identity.name_size, strlen(rows[i].name));
        assert_memory_equal(identity.name, rows[i].name, identity.name_size);
        if (now.system[0] != '\0') assert_true(identity.position == rows[i].position);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_urls),
        cmocka_unit_test(refuses_urls_and_keeps_passwords),
        cmocka_unit_test(refuses_values_that_no_server_could_make_right),
        cmocka_unit_test(refuses_what_is_given_twice_or_empty),
        cmocka_unit_test(dials_places_around),
        cmocka_unit_test(takes_lists_apart),
        cmocka_unit_test(maps_every_state),
        cmocka_unit_test(tells_a_changed_table_by_the_server_function),
        cmocka_unit_test(knows_what_is_certain),
        cmocka_unit_test(notices_a_cancelled_wait),
        cmocka_unit_test(reads_libpq_texts),
        cmocka_unit_test(judges_columns),
        cmocka_unit_test(names_the_table_and_a_whole_page),
        cmocka_unit_test(names_every_condition),
        cmocka_unit_test(judges_timelines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
