/* SPDX-License-Identifier: Apache-2.0 */
/* What plans hold beside their tags, parameters in both formats, the cache, and great texts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql_world.h"

static struct pawl_bytes bytes(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static struct sql_batch *planned(const char *text)
{
    struct sql_error error = {.message = ""};
    struct sql_batch *batch = NULL;

    if (!sql_batch_new(bytes(text), NULL, 0, &batch, &error)) {
        fail_msg("%s: %s", text, error.message);
    }
    return batch;
}

static void assert_bytes(struct pawl_bytes have, const char *text)
{
    if (!pawl_bytes_equal(have, bytes(text))) {
        fail_msg("\"%.*s\" is not \"%s\"", (int)have.size, have.at, text);
    }
}

static void definitions_are_read(void **state)
{
    struct sql_batch *batch = planned("CREATE SEQUENCE IF NOT EXISTS a.\"B\" AS smallint START 5"
                                      " INCREMENT BY -3 MINVALUE -9 NO MAXVALUE CYCLE CACHE 20;"
                                      "ALTER SEQUENCE s RESTART NO MINVALUE CACHE 1");
    const struct sql_change *create = &batch->plans[0].of.change;
    const struct sql_change *alter = &batch->plans[1].of.change;
    const pawl_definition *definition = &create->definition;

    (void)state;
    assert_int_equal(batch->plans[0].kind, SQL_PLAN_CREATE);
    assert_true(batch->plans[0].changes && create->if_exists);
    assert_bytes(create->names[0].schema, "a");
    assert_bytes(create->names[0].relation, "B");
    assert_int_equal(definition->given, PAWL_GIVEN_TYPE | PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT |
                                            PAWL_GIVEN_MIN | PAWL_GIVEN_NO_MAX | PAWL_GIVEN_CYCLE |
                                            PAWL_GIVEN_BLOCK);
    assert_int_equal(definition->data_type, PAWL_TYPE_SMALLINT);
    assert_int_equal(definition->start, 5);
    assert_int_equal(definition->increment, -3);
    assert_int_equal(definition->min, -9);
    assert_true(definition->cycle);
    assert_int_equal(definition->block, 20);
    assert_int_equal(alter->definition.given,
                     PAWL_GIVEN_RESTART_AT_START | PAWL_GIVEN_NO_MIN | PAWL_GIVEN_BLOCK);
    assert_int_equal(alter->definition.block, 0); /* CACHE 1 leaves it to pawl */
    sql_batch_release(batch);
}

static void settings_are_written_as_shown(void **state)
{
    static const struct {
        const char *text, *name, *value;
    } cases[] = {
        {"SET search_path TO a, \"B c\", \"$user\"", "search_path", "a, \"B c\", \"$user\""},
        {"SET datestyle TO iso, mdy", "datestyle", "iso, mdy"},
        {"SET extra_float_digits = -3", "extra_float_digits", "-3"},
        {"SET TIME ZONE 'UTC'", "timezone", "UTC"},
        {"SET NAMES 'utf8'", "client_encoding", "utf8"},
        {"SET A.b = 1.5", "a.b", "1.5"},
        {"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; SELECT -5",
         "default_transaction_read_only", "on"},
        {"SET TRANSACTION READ WRITE; SELECT -5", "transaction_read_only", "off"},
        {"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "transaction_isolation", "serializable"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct sql_batch *batch = planned(cases[i].text);

        assert_int_equal(batch->plans[0].kind, SQL_PLAN_SET);
        assert_bytes(batch->plans[0].of.setting.name, cases[i].name);
        assert_bytes(batch->plans[0].of.setting.value, cases[i].value);
        sql_batch_release(batch);
    }
    struct sql_batch *batch = planned("SET TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE");
    assert_non_null(batch->plans[0].of.setting.next);
    assert_bytes(batch->plans[0].of.setting.next->value, "serializable");
    sql_batch_release(batch);
}

static void what_names_a_sequence_is_told_so(void **state)
{
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"INSERT INTO s VALUES (1)", "cannot change sequence \"s\""},
        {"UPDATE s SET x = 1", "cannot change sequence \"s\""},
        {"TRUNCATE s", "\"s\" is not a table"},
        {"DROP TABLE s", "\"s\" is not a table"},
        {"CREATE TABLE s (x int)", "relation \"s\" already exists"},
        {"SELECT last_value FROM s FOR UPDATE", "cannot lock rows in sequence \"s\""},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct sql_batch *batch = planned(cases[i].text);

        assert_int_equal(batch->plans[0].kind, SQL_PLAN_ERROR);
        assert_non_null(batch->plans[0].refused);
        assert_bytes(batch->plans[0].refused->name.relation, "s");
        assert_string_equal(batch->plans[0].refused->error.message, cases[i].told);
        sql_batch_release(batch);
    }
}

static void values_of_execute_become_parameters(void **state)
{
    struct sql_batch *batch = planned("EXECUTE p(12, 'x', -3, NULL, 1.5)");
    const struct sql_prepared *prepared = &batch->plans[0].of.prepared;
    struct sql_error error = {.message = ""};
    struct sql_value value = prepared->values[0];

    (void)state;
    assert_int_equal(prepared->value_count, 5);
    assert_true(sql_value_cast(&value, SQL_TEXT, &error));
    assert_bytes(value.text, "12");
    assert_int_equal(value.number, 0); /* a text that is not binary */
    value = prepared->values[1];
    assert_false(sql_value_cast(&value, SQL_INT4, &error));
    assert_string_equal(error.sqlstate, "22P02");
    value = prepared->values[2];
    assert_true(sql_value_cast(&value, SQL_INT8, &error));
    assert_int_equal(value.number, -3);
    value = prepared->values[4];
    assert_true(sql_value_cast(&value, SQL_INT4, &error));
    assert_int_equal(value.number, 2);
    sql_batch_release(batch);
}

static void parameters_are_read(void **state)
{
    const struct {
        const char *select;
        bool binary;
        struct pawl_bytes sent;
        const char *told;
    } cases[] = {
        {"SELECT nextval($1)", false, PAWL_BYTES("s"), "|1"},
        {"SELECT nextval($1)", false, PAWL_BYTES("\"S\""), "|1"},
        {"SELECT nextval($1)", false, PAWL_BYTES("a..b"), "42602@0 invalid name syntax"},
        {"SELECT nextval($1::text::regclass)", true, PAWL_BYTES("public.s"), "|1"},
        {"SELECT $1::int8 + 1", true, PAWL_BYTES("\0\0\0\0\0\0\0\7"), "|8"},
        {"SELECT $1::int4", true, PAWL_BYTES("\xff\xff\xff\xfe"), "|-2"},
        {"SELECT $1::int2", true, PAWL_BYTES("\xff\xfe"), "|-2"},
        {"SELECT $1::bool", true, PAWL_BYTES("\1"), "|t"},
        {"SELECT $1::float8", true, PAWL_BYTES("\x3f\xf8\0\0\0\0\0\0"), "|1.5"},
        {"SELECT $1::float8", true, PAWL_BYTES(""),
         "22P03@0 incorrect binary data format in bind parameter"},
        {"SELECT $1::numeric", true, PAWL_BYTES("\0\2\0\0\0\0\0\2\0\14\x13\x88"), "|12.50"},
        {"SELECT * FROM unnest($1::int4[])", true,
         PAWL_BYTES("\0\0\0\1\0\0\0\1\0\0\0\x17\0\0\0\2\0\0\0\1\0\0\0\4\0\0\0\5\xff\xff\xff\xff"),
         "|5;~"},
        {"SELECT $1::int4[]", false, PAWL_BYTES("{1,2}"), "|{1,2}"},
    };
    static char told[SQL_TOLD_BYTES];

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct sql_batch *batch = planned(cases[i].select);
        const struct sql_plan *plan = batch->plans;
        struct sql_error error = {.message = ""};
        struct sql_value value;

        if (!sql_value_read(plan->param_types[0], cases[i].binary, cases[i].sent, &value, &error)) {
            fail_msg("%s: %s", cases[i].select, error.message);
        }
        sql_run(plan, &value, told);
        assert_string_equal(told, cases[i].told);
        sql_batch_release(batch);
    }
}

static void cache_keeps_those_used_last(void **state)
{
    enum { TEXTS = 3000 };
    struct sql_cache *cache = sql_cache_new(7);
    struct sql_error error = {.message = ""};
    uint32_t type = SQL_INT8;
    char text[64];

    (void)state;
    assert_non_null(cache);
    struct sql_batch *first = sql_cache_get(cache, bytes("SELECT $1"), NULL, 0, &error);
    struct sql_batch *typed = sql_cache_get(cache, bytes("SELECT $1"), &type, 1, &error);
    assert_true(first != NULL && typed != NULL && first != typed);
    assert_int_equal(first->plans[0].param_types[0], SQL_TEXT);
    assert_int_equal(typed->plans[0].param_types[0], SQL_INT8);
    sql_batch_release(typed);
    for (int i = 0; i < TEXTS; i++) {
        (void)snprintf(text, sizeof text, "SELECT %d", i);
        sql_batch_release(sql_cache_get(cache, bytes(text), NULL, 0, &error));
        struct sql_batch *again = sql_cache_get(cache, bytes("SELECT $1"), NULL, 0, &error);
        assert_ptr_equal(again, first);
        sql_batch_release(again);
    }
    sql_cache_free(cache);
    assert_int_equal(first->plans[0].param_count, 1); /* it is still held */
    sql_batch_release(first);
}

static void great_statements_are_bounded(void **state)
{
    static const struct {
        const char *head, *part, *tail;
        size_t count;
        const char *sqlstate; /* "": planned */
    } cases[] = {
        {"SELECT 1", " UNION ALL SELECT 1", "", 1000, ""},
        {"SELECT nextval('s')", "+1", "", 900, ""},
        {"SELECT ", "-", "nextval('s')", 900, ""}, /* -- begins a comment */
        {"SELECT 1", ",1", "", 400, "54011"},
        {"SELECT concat(1", ",nextval('s')", ")", 2000, ""},
        {"SELECT '", "x", "'", 1000000, ""},
        {"SELECT 1", ";SELECT 1", "", 2000, "54000"},
        {"VALUES (1)", ",(1)", "", 3000, ""},
        {"SELECT ", "(SELECT ", "1", 400, "42601"},
    };
    static char text[1024 * 1024];

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct sql_error error = {.sqlstate = ""};
        struct sql_batch *batch = NULL;
        size_t size = (size_t)snprintf(text, sizeof text, "%s", cases[i].head);

        for (size_t k = 0; k < cases[i].count; k++) {
            size += (size_t)snprintf(text + size, sizeof text - size, "%s", cases[i].part);
        }
        (void)snprintf(text + size, sizeof text - size, "%s", cases[i].tail);
        if (sql_batch_new(bytes(text), NULL, 0, &batch, &error) &&
            batch->plans[0].kind == SQL_PLAN_ERROR) {
            error = batch->plans[0].error;
        }
        if (strcmp(error.sqlstate, cases[i].sqlstate) != 0) {
            fail_msg("%s %s: %s %s", cases[i].head, cases[i].part, error.sqlstate, error.message);
        }
        sql_batch_release(batch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions_are_read),
        cmocka_unit_test(settings_are_written_as_shown),
        cmocka_unit_test(what_names_a_sequence_is_told_so),
        cmocka_unit_test(values_of_execute_become_parameters),
        cmocka_unit_test(parameters_are_read),
        cmocka_unit_test(cache_keeps_those_used_last),
        cmocka_unit_test(great_statements_are_bounded),
    };

    return cmocka_run_group_tests_name("sql_plan", tests, NULL, NULL);
}
