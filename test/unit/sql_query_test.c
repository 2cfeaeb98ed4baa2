/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries over catalogs, held against what PostgreSQL 15 answered (sql/query.txt, whose path
 * is the argument), and what must not get through.
 */
#include "server/sql/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/sql/tree.h"

enum { TEXT_BYTES = 256 * 1024, ROWS_BYTES = 64 * 1024 };

static const char *setting(void *arg, struct pawl_bytes name)
{
    static const char *const known[][2] = {
        {"search_path", "\"$user\", public"},
        {"server_version", "15.20"},
        {"server_version_num", "150020"},
        {"application_name", ""},
        {"max_index_keys", "32"},
        {"max_identifier_length", "63"},
    };

    (void)arg;
    for (size_t i = 0; i < PAWL_COUNT(known); i++) {
        if (strlen(known[i][0]) == name.size && memcmp(known[i][0], name.at, name.size) == 0) {
            return known[i][1];
        }
    }
    return NULL;
}

static bool may(void *arg, struct pawl_bytes name, const char *privilege)
{
    const char *forbidden = arg;

    (void)name;
    return forbidden == NULL || strcmp(privilege, forbidden) != 0;
}

/* CREATE SEQUENCE s; CREATE SEQUENCE sales.q AS smallint INCREMENT -1 CYCLE CACHE 5; CREATE
 * SEQUENCE "Odd Name"; CREATE SEQUENCE big; SELECT setval('big', 100) */
static const struct {
    const char *name;
    struct pawl_record record;
} sequences[] = {
    {"s", {.start = 1, .increment = 1, .min = 1, .max = INT64_MAX, .next = 1, .origin = 1}},
    {"sales.q",
     {.start = -1,
      .increment = -1,
      .min = -32768,
      .max = -1,
      .next = -1,
      .origin = -1,
      .cycle = true,
      .block = 5,
      .data_type = PAWL_TYPE_SMALLINT}},
    {"Odd Name", {.start = 1, .increment = 1, .min = 1, .max = INT64_MAX, .next = 1, .origin = 1}},
    {"big", {.start = 1, .increment = 1, .min = 1, .max = INT64_MAX, .next = 101, .origin = 1}},
};

static struct sql_sequence sequence(size_t i)
{
    return (struct sql_sequence){.name = {sequences[i].name, strlen(sequences[i].name)},
                                 .record = &sequences[i].record};
}

/* What a test has at hand: the rows of the last query as text, or its error. */
struct world {
    struct sql_catalog *catalog;
    struct sql_facts facts;
    struct sql_plan plan;
    char rows[ROWS_BYTES];
    size_t size;
    struct sql_error error;
};

static int world_open(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    world->catalog = sql_catalog_new();
    assert_non_null(world->catalog);
    world->facts = (struct sql_facts){.user = "postgres",
                                      .database = "postgres",
                                      .pid = 4242,
                                      .now_us = 1700000000123456,
                                      .setting = setting,
                                      .may = may};
    *state = world;
    return 0;
}

static int world_close(void **state)
{
    struct world *world = *state;

    sql_catalog_free(world->catalog);
    free(world);
    return 0;
}

static void put(struct world *world, struct pawl_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        bool line = text.at[i] == '\n';
        bool tab = text.at[i] == '\t';

        assert_true(world->size + 3 < sizeof world->rows);
        if (line || tab) world->rows[world->size++] = '\\';
        world->rows[world->size++] = line ? 'n' : (char)(tab ? 't' : text.at[i]);
    }
    world->rows[world->size] = '\0';
}

static void put_raw(struct world *world, const char *text)
{
    assert_true(world->size + strlen(text) < sizeof world->rows);
    memcpy(world->rows + world->size, text, strlen(text) + 1);
    world->size += strlen(text);
}

static void put_value(struct world *world, const struct sql_value *value)
{
    char number[32];

    switch (value->type) {
    case SQL_BOOL:
        (void)snprintf(number, sizeof number, "%s", value->number != 0 ? "t" : "f");
        break;
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID:
        (void)snprintf(number, sizeof number, "%lld", (long long)value->number);
        break;
    default:
        number[0] = '\0';
        break;
    }
    if (value->null) {
        put_raw(world, "\\N");
    } else if (number[0] != '\0') {
        put_raw(world, number);
    } else {
        put(world, value->text);
    }
}

static void put_columns(struct world *world)
{
    for (size_t i = 0; i < world->plan.column_count; i++) {
        char type[32];

        put_raw(world, i == 0 ? "= " : "\t");
        put(world, world->plan.columns[i].name);
        (void)snprintf(type, sizeof type, ":%u", world->plan.columns[i].type);
        put_raw(world, type);
    }
    put_raw(world, world->plan.column_count == 0 ? "= \n" : "\n");
}

/* Does what a session does: finds the relations that the query names. */
static bool resolve(struct world *world, struct sql_scan *scan)
{
    const struct sql_name *names = NULL;
    size_t count = sql_query_relations(world->plan.of.query, &names);

    for (size_t i = 0; i < count; i++) {
        struct sql_name name = names[i];
        struct pawl_name store;
        size_t found = 0;

        if (name.schema.size == 0) name.schema = PAWL_BYTES("public");
        if (!sql_name_to_store(&name, &store, &world->error)) return false;
        while (found < PAWL_COUNT(sequences) &&
               !pawl_bytes_equal(pawl_name_bytes(&store), sequence(found).name)) {
            found++;
        }
        if (found == PAWL_COUNT(sequences)) {
            return sql_fail(&world->error, "42P01", name.position,
                            "relation \"%.*s%s%.*s\" does not exist", (int)names[i].schema.size,
                            names[i].schema.at, names[i].schema.size > 0 ? "." : "",
                            (int)name.relation.size, name.relation.at);
        }
        struct sql_sequence one = sequence(found);

        if (!sql_scan_relation(scan, i, &one, &world->error)) return false;
    }
    return true;
}

static bool give_list(struct world *world, struct sql_scan *scan)
{
    bool good = true;

    if (!sql_query_wants_list(world->plan.of.query)) return true;
    for (size_t i = 0; i < PAWL_COUNT(sequences) && good; i++) {
        struct sql_sequence one = sequence(i);

        good = sql_scan_add(scan, &one, &world->error);
    }
    return good;
}

static bool plan(struct world *world, const char *text)
{
    json_t *root = NULL;

    memset(&world->plan, 0, sizeof world->plan);
    world->rows[0] = '\0';
    world->size = 0;
    if (!sql_tree_parse((struct pawl_bytes){text, strlen(text)}, &root, &world->error)) {
        return false;
    }
    json_t *stmt = sql_tree_get(sql_tree_item(sql_tree_get(root, "stmts"), 0), "stmt");
    json_t *select = sql_tree_of(stmt, "SelectStmt");

    assert_non_null(select);
    bool good = sql_query_new(select, NULL, 0, &world->plan, &world->error);

    json_decref(root); /* nothing of the tree is needed from here on */
    return good;
}

/* params: one for each of the plan's, or NULL for none. */
static bool run(struct world *world, const struct sql_value *params)
{
    struct sql_scan *scan = sql_scan_new(world->catalog, &world->plan, params, &world->facts);
    const struct sql_value *row = NULL;
    enum sql_step step = SQL_STEP_ERROR;
    int64_t steps = INT64_MAX;

    assert_non_null(scan);
    put_columns(world);
    if (give_list(world, scan) && resolve(world, scan)) {
        while ((step = sql_scan_step(scan, &steps, &row, &world->error)) == SQL_STEP_ROW) {
            for (size_t i = 0; i < world->plan.column_count; i++) {
                put_raw(world, i == 0 ? "| " : "\t");
                put_value(world, &row[i]);
            }
            put_raw(world, world->plan.column_count == 0 ? "| \n" : "\n");
        }
    }
    sql_scan_free(scan);
    sql_query_free(world->plan.of.query);
    return step == SQL_STEP_DONE;
}

static bool ask(struct world *world, const char *text)
{
    return plan(world, text) && run(world, NULL);
}

static void check(struct world *world, const char *text, const char *rows)
{
    if (!ask(world, text)) fail_msg("%s\n%s %s", text, world->error.sqlstate, world->error.message);
    if (strcmp(strchr(world->rows, '\n') + 1, rows) != 0) {
        fail_msg("%s\nis\n%sand should be\n%s", text, world->rows, rows);
    }
}

static void refused(struct world *world, const char *text, const char *sqlstate)
{
    if (ask(world, text)) fail_msg("%s\nis answered:\n%s", text, world->rows);
    if (strcmp(world->error.sqlstate, sqlstate) != 0) {
        fail_msg("%s\nfails with %s %s, should with %s", text, world->error.sqlstate,
                 world->error.message, sqlstate);
    }
}

/* --- What PostgreSQL answered */
static void one_case(struct world *world, const char *query, const char *expected)
{
    bool good = ask(world, query);

    if (*expected == '!') {
        char is[SQL_MESSAGE_BYTES_MAX + 16];
        size_t size = strcspn(expected, "\n");

        (void)snprintf(is, sizeof is, "! %s %s", world->error.sqlstate, world->error.message);
        if (!good && strncmp(is, expected, size) == 0) return;
        fail_msg("%s\nshould fail with\n%s\nand gives\n%s", query, expected,
                 good ? world->rows : is);
    }
    if (!good) fail_msg("%s\n%s %s", query, world->error.sqlstate, world->error.message);
    if (strcmp(world->rows, expected) != 0) {
        fail_msg("%s\nis\n%sand should be\n%s", query, world->rows, expected);
    }
}

static bool is_answer(const char *line)
{
    return strncmp(line, "= ", 2) == 0 || strncmp(line, "! ", 2) == 0;
}

static char *next_line(char *line)
{
    char *end = strchr(line, '\n');

    return end == NULL ? line + strlen(line) : end + 1;
}

static const char *cases_path;

static void test_tools_get_what_postgresql_answers(void **state)
{
    struct world *world = *state;
    char *text = calloc(1, TEXT_BYTES);
    FILE *file = fopen(cases_path, "r");
    size_t count = 0;

    assert_non_null(text);
    assert_non_null(file);
    assert_true(fread(text, 1, TEXT_BYTES - 1, file) < TEXT_BYTES - 1);
    (void)fclose(file);
    for (char *at = text; *at != '\0';) {
        if (*at == '#' || *at == '\n') {
            at = next_line(at);
            continue;
        }
        char *answer = at;

        while (*answer != '\0' && !is_answer(answer)) {
            answer = next_line(answer);
        }
        char *end = strstr(answer, "\n\n");

        assert_non_null(end);
        answer[-1] = '\0';
        end[1] = '\0';
        one_case(world, at, answer);
        at = end + 2;
        count++;
    }
    assert_true(count > 100);
    free(text);
}

/* --- What must not get through, and what is bounded */
static void test_what_is_not_supported_says_so(void **state)
{
    struct world *world = *state;

    refused(world, "select nextval('s') from pg_class", "0A000");
    refused(world, "select setval('s', 1) from s", "0A000");
    refused(world, "select distinct on (relkind) relkind from pg_class", "0A000");
    refused(world, "select * from pg_class natural join pg_namespace", "0A000");
    refused(world, "select c from pg_class c", "42703");
    refused(world, "select load_extension('x') from pg_class", "42883");
    refused(world, "select pawl_user() from pg_class", "42883");
    refused(world, "select * from pawl_sequence, pg_class", "42P01");
    refused(world, "select * from sqlite_master, pg_class", "42P01");
    refused(world, "select * from \"pg_catalog.pg_class\"", "0A000");
}

static void test_names_and_literals_are_quoted(void **state)
{
    struct world *world = *state;

    check(world, "select 'it''s' || '\"' from s", "| it's\"\n");
    check(world, "select last_value as \"a\"\"b';--\" from s as \"x\"\" y\"", "| 1\n");
    check(world, "select E'a\\nb\\\\' from s", "| a\\nb\\\n");
    check(world, "select x.\"c1\" from (select 5 as \"c1\", 6 as c2) x where \"c1\" = 5", "| 5\n");
    check(world, "select quote_ident('a\"b'), quote_ident('ab') from s", "| \"a\"\"b\"\tab\n");
}

static void test_a_long_query_is_cut_off(void **state)
{
    struct world *world = *state;

    refused(
        world,
        "with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r",
        "57014");
    check(world, "select last_value from s", "| 1\n");
}

static void test_a_pattern_cannot_run_away(void **state)
{
    struct world *world = *state;

    refused(world, "select 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' ~ '^(a+)+$' from s",
            "54001");
    refused(world, "select 'a' ~ '(((' from s", "2201B");
    refused(world, "select relname ~ repeat('a', 10) from pg_class", "42883");
    check(world, "select 'abc' ~ '^a(b|x)c$', 'abc' !~ 'B', 'abc' ~* 'B' from s", "| t\tt\tt\n");
}

static void test_memory_is_bounded(void **state)
{
    struct world *world = *state;

    refused(world,
            "select length(string_agg(a.relname || b.relname, '')) from pg_class a, pg_class b",
            "54000");
    refused(world, "select array_agg(a.relname || b.relname) from pg_class a, pg_class b", "54000");
    check(world, "select count(*) from s", "| 1\n");
}

static void test_deep_nesting_is_refused(void **state)
{
    struct world *world = *state;
    enum { DEPTH = 500 };
    char text[4 * DEPTH + 64];
    size_t size = (size_t)snprintf(text, sizeof text, "select ");

    for (size_t i = 0; i < DEPTH; i++) {
        text[size++] = '-';
        text[size++] = ' ';
    }
    (void)snprintf(text + size, sizeof text - size, "last_value from s");
    refused(world, text, "54001");
}

static void test_parameters_have_the_types_that_they_meet(void **state)
{
    struct world *world = *state;
    struct sql_value params[3] = {
        {.type = SQL_NAME, .text = PAWL_BYTES("big")},
        {.type = SQL_INT8, .number = 100},
        {.type = SQL_TEXT_ARRAY, .text = PAWL_BYTES("{public,\"x y\"}")},
    };

    assert_true(plan(world, "select last_value from pg_sequences where sequencename = $1 and "
                            "last_value = $2 and schemaname = any($3) limit $2"));
    assert_int_equal(world->plan.param_count, 3);
    assert_int_equal(world->plan.param_types[0], SQL_NAME);
    assert_int_equal(world->plan.param_types[1], SQL_INT8);
    assert_int_equal(world->plan.param_types[2], SQL_NAME_ARRAY);
    assert_true(run(world, params));
    assert_string_equal(world->rows, "= last_value:20\n| 100\n");
}

static void test_a_null_parameter_is_null(void **state)
{
    struct world *world = *state;
    struct sql_value params[1] = {{.null = true}};

    assert_true(plan(world, "select relname from pg_class where oid = $1 or $1 is null limit 1"));
    assert_true(run(world, params));
    assert_true(plan(world, "select $1 from s"));
    assert_int_equal(world->plan.param_types[0], SQL_TEXT);
    assert_true(run(world, params));
    assert_string_equal(world->rows, "= ?column?:25\n| \\N\n");
}

static void test_binary_parameters_are_read(void **state)
{
    struct world *world = *state;
    struct sql_value params[1] = {{.type = SQL_INT8_ARRAY, .number = SQL_VALUE_BINARY}};

    assert_true(plan(world, "select last_value from pg_sequences where last_value = any($1)"));
    assert_int_equal(world->plan.param_types[0], SQL_INT8_ARRAY);
    params[0].text = PAWL_BYTES("\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\1\0\0\0\1"
                                "\0\0\0\10\0\0\0\0\0\0\0\x64");
    assert_true(run(world, params));
    assert_string_equal(world->rows, "= last_value:20\n| 100\n");
    params[0].text.size--;
    assert_true(plan(world, "select last_value from pg_sequences where last_value = any($1)"));
    assert_false(run(world, params));
    assert_string_equal(world->error.sqlstate, "22P03");
}

static void test_a_regclass_parameter_is_found_by_its_name(void **state)
{
    struct world *world = *state;
    struct sql_value params[1] = {{.type = SQL_REGCLASS, .text = PAWL_BYTES("sales.q")}};

    assert_true(plan(world, "select relname from pg_class where oid = $1::regclass"));
    assert_int_equal(world->plan.param_types[0], SQL_REGCLASS);
    assert_true(sql_query_wants_list(world->plan.of.query));
    assert_true(run(world, params));
    assert_string_equal(world->rows, "= relname:19\n| q\n");
}

static void test_who_may_not_select_is_told(void **state)
{
    struct world *world = *state;
    char forbidden[] = "SELECT";

    world->facts.arg = forbidden;
    refused(world, "select last_value from s", "42501");
    assert_string_equal(world->error.message, "permission denied for sequence s");
    check(world,
          "select has_sequence_privilege('s', 'SELECT'), "
          "has_sequence_privilege('s', 'USAGE, SELECT')",
          "| f\tt\n");
    world->facts.arg = NULL;
}

static void test_errors_have_positions(void **state)
{
    struct world *world = *state;

    refused(world, "select 1, nosuch from pg_class", "42703");
    assert_int_equal(world->error.position, 11);
    refused(world, "select * from pg_class, nosuch", "42P01");
    assert_int_equal(world->error.position, 25);
}

/* Queries in one catalog, step by step; another brings a catalog that was not there before. */
static void test_scans_do_not_meet(void **state)
{
    struct world *world = *state;
    struct sql_scan *scans[2];
    struct sql_plan plans[2];
    const struct sql_value *row = NULL;
    int64_t steps = INT64_MAX;

    for (size_t i = 0; i < 2; i++) {
        assert_true(plan(world, "select last_value from s union all select 7"));
        plans[i] = world->plan;
        scans[i] = sql_scan_new(world->catalog, &plans[i], NULL, &world->facts);
        assert_non_null(scans[i]);
        struct sql_sequence one = sequence(i == 0 ? 0 : 3);

        assert_true(sql_scan_relation(scans[i], 0, &one, &world->error));
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sql_scan_step(scans[i], &steps, &row, &world->error), SQL_STEP_ROW);
        assert_int_equal(row[0].number, i == 0 ? 1 : 100);
    }
    check(world, "select count(*) from pg_depend where refobjid = 2200", "| 3\n");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sql_scan_step(scans[i], &steps, &row, &world->error), SQL_STEP_ROW);
        assert_int_equal(row[0].number, 7);
        assert_int_equal(sql_scan_step(scans[i], &steps, &row, &world->error), SQL_STEP_DONE);
        sql_scan_free(scans[i]);
        sql_query_free(plans[i].of.query);
    }
}

static void test_names_go_to_the_store_and_back(void **state)
{
    struct world *world = *state;
    struct sql_name name = {.schema = PAWL_BYTES("sales"), .relation = PAWL_BYTES("a.b")};
    struct pawl_name store;

    assert_true(sql_name_to_store(&name, &store, &world->error));
    assert_true(pawl_bytes_equal(pawl_name_bytes(&store), PAWL_BYTES("sales.a.b")));
    struct sql_name back = sql_name_of_store(pawl_name_bytes(&store));

    assert_true(pawl_bytes_equal(back.schema, name.schema));
    assert_true(pawl_bytes_equal(back.relation, name.relation));
    name.schema = PAWL_BYTES("public");
    assert_false(sql_name_to_store(&name, &store, &world->error));
    assert_string_equal(world->error.sqlstate, "0A000");
    name.relation = PAWL_BYTES("b");
    assert_true(sql_name_to_store(&name, &store, &world->error));
    assert_true(pawl_bytes_equal(pawl_name_bytes(&store), PAWL_BYTES("b")));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tools_get_what_postgresql_answers),
        cmocka_unit_test(test_what_is_not_supported_says_so),
        cmocka_unit_test(test_names_and_literals_are_quoted),
        cmocka_unit_test(test_a_long_query_is_cut_off),
        cmocka_unit_test(test_a_pattern_cannot_run_away),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_deep_nesting_is_refused),
        cmocka_unit_test(test_parameters_have_the_types_that_they_meet),
        cmocka_unit_test(test_a_null_parameter_is_null),
        cmocka_unit_test(test_binary_parameters_are_read),
        cmocka_unit_test(test_a_regclass_parameter_is_found_by_its_name),
        cmocka_unit_test(test_who_may_not_select_is_told),
        cmocka_unit_test(test_errors_have_positions),
        cmocka_unit_test(test_scans_do_not_meet),
        cmocka_unit_test(test_names_go_to_the_store_and_back),
    };

    if (argc != 2) return 2;
    cases_path = argv[1];
    return cmocka_run_group_tests(tests, world_open, world_close);
}
