/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's parser behind its bounds: what it reads, what it refuses, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/sql/tree.h"

static struct pawl_bytes bytes(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static json_t *parsed(const char *text)
{
    struct sql_error error = {.position = 0};
    json_t *root = NULL;

    if (!sql_tree_parse(bytes(text), &root, &error)) {
        fail_msg("%.200s: %s %s", text, error.sqlstate, error.message);
    }
    return root;
}

static json_t *statement(const json_t *root, size_t index)
{
    return sql_tree_get(sql_tree_item(sql_tree_get(root, "stmts"), index), "stmt");
}

static json_t *target(const json_t *root, size_t index)
{
    const json_t *select = sql_tree_of(statement(root, 0), "SelectStmt");
    const json_t *list = sql_tree_get(select, "targetList");

    return sql_tree_get(sql_tree_of(sql_tree_item(list, index), "ResTarget"), "val");
}

static void fields_have_defaults(void **state)
{
    json_t *root = parsed("SELECT nextval('s'), 0, 'é' || $2");
    json_t *call = NULL;

    (void)state;
    assert_string_equal(sql_tree_kind(target(root, 0), &call), "FuncCall");
    assert_int_equal(sql_tree_count(sql_tree_get(call, "funcname")), 1);
    assert_true(sql_tree_word_is(sql_tree_get(call, "funcname"), 0, "nextval"));
    assert_int_equal(sql_tree_word(sql_tree_get(call, "funcname"), 1).size, 0);
    assert_int_equal(sql_tree_count(sql_tree_get(call, "args")), 1);
    assert_int_equal(sql_tree_count(sql_tree_get(call, "agg_order")), 0);
    assert_false(sql_tree_true(call, "agg_star"));
    assert_string_equal(sql_tree_text(call, "nothing"), "");
    assert_int_equal(sql_tree_position(call), 8);
    assert_int_equal(sql_tree_int(call, "location", -1), 7);
    assert_null(sql_tree_of(target(root, 0), "A_Const"));
    assert_string_equal(sql_tree_kind(NULL, &call), "");
    json_decref(root);
}

static void integers_below_zero_are_read(void **state)
{
    static const int64_t expected[] = {-5, -6, 0, 7, -8, 2147483647, -2147483647};
    json_t *root = parsed("SELECT -5, - ( /* - 1 */ 6), -0, - -7, '-1', - - -8, 2147483647,"
                          " -2147483647");
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(expected); i++) {
        if (at == 4) at++; /* the text */
        json_t *ival = sql_tree_get(sql_tree_of(target(root, at), "A_Const"), "ival");

        assert_int_equal(sql_tree_int(ival, "ival", 0), expected[i]);
        at++;
    }
    json_decref(root);
    root = parsed("ALTER SEQUENCE s START WITH - 3 INCREMENT BY -9 MINVALUE 0");
    const json_t *options =
        sql_tree_get(sql_tree_of(statement(root, 0), "AlterSeqStmt"), "options");
    static const int64_t values[] = {-3, -9, 0};
    for (size_t i = 0; i < PAWL_COUNT(values); i++) {
        const json_t *option = sql_tree_of(sql_tree_item(options, i), "DefElem");
        const json_t *integer = sql_tree_of(sql_tree_get(option, "arg"), "Integer");

        assert_int_equal(sql_tree_int(integer, "ival", 0), values[i]);
    }
    json_decref(root);
}

static void errors_have_a_state_and_a_place(void **state)
{
    static const struct {
        const char *text, *sqlstate;
        uint32_t position;
        const char *message;
    } cases[] = {
        {"SELECT 'é' fro m x", "42601", 16, "syntax error at or near \"m\""},
        {"SELECT", NULL, 0, NULL},
        {"", NULL, 0, NULL},
        {" ; -- nothing", NULL, 0, NULL},
        {"SELECT 'abc", "42601", 8, "unterminated quoted string at or near \"'abc\""},
        {"SELEC 1", "42601", 1, "syntax error at or near \"SELEC\""},
        {"SELECT 1 FROM", "42601", 14, "syntax error at end of input"},
        {"SELECT 1 FROM a.b.c.d", "42601", 15,
         "improper qualified name (too many dotted names): a.b.c.d"},
        {"SELECT E'\\u12'", "22025", 10, "invalid Unicode escape"},
        {"CREATE TABLE t (a int) WITH OIDS", "42601", 29, "syntax error at or near \"OIDS\""},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct sql_error error = {.position = 0};
        json_t *root = NULL;
        bool done = sql_tree_parse(bytes(cases[i].text), &root, &error);

        if (done != (cases[i].sqlstate == NULL)) fail_msg("%s: %s", cases[i].text, error.message);
        json_decref(root);
        if (done) continue;
        assert_string_equal(error.message, cases[i].message);
        assert_string_equal(error.sqlstate, cases[i].sqlstate);
        assert_int_equal(error.position, cases[i].position);
    }
}

/* head, then count times part, then tail. */
static char *repeated(const char *head, const char *part, size_t count, const char *tail)
{
    size_t part_size = strlen(part);
    size_t head_size = strlen(head);
    char *text = malloc(head_size + part_size * count + strlen(tail) + 1);

    assert_non_null(text);
    memcpy(text, head, head_size);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + head_size + i * part_size, part, part_size);
    }
    memcpy(text + head_size + part_size * count, tail, strlen(tail) + 1);
    return text;
}

static void great_texts_are_bounded(void **state)
{
    static const struct {
        const char *head, *part, *tail;
        size_t count;
        const char *sqlstate; /* NULL: read */
    } cases[] = {
        {"SELECT ", "(", "1", 100000, "54001"},
        {"SELECT 1", "+1", "", 500000, "54001"},
        {"SELECT 1", "+1", "", 5000, "54001"},
        {"SELECT 1", "+1", "", 500, NULL},
        {"SELECT ", "(", "1", 15000, "42601"},
        {"SELECT '", "x", "'", 1000000, NULL},
        {"SELECT 1", ",1", "", 500000, "54001"},
        {"SELECT 1", " UNION ALL SELECT 1", "", 1000, NULL},
        {"SELECT 1", " ISNULL", "", 16000, "54001"},
        {"SELECT 1", "::int", "", 8000, "54001"},
        {"", "SELECT 1;", "", 4000, NULL},
        {"SELECT '", "x", "", 1000000, "42601"},
        {"SELECT 1 ", "/*", "", 500000, "54001"},
        {"SELECT ", "+", "1", 1000000, "54001"},
        {"SELECT 1 /*", "=", "*/", 4000, NULL},
        {"SELECT -1", ",0", "", 8000, NULL},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        char *text = repeated(cases[i].head, cases[i].part, cases[i].count, cases[i].tail);
        struct sql_error error = {.sqlstate = ""};
        json_t *root = NULL;
        bool done = sql_tree_parse(bytes(text), &root, &error);

        if (done != (cases[i].sqlstate == NULL) ||
            (!done && strcmp(error.sqlstate, cases[i].sqlstate) != 0)) {
            fail_msg("%s %s times %zu: %s %s", cases[i].head, cases[i].part, cases[i].count,
                     error.sqlstate, error.message);
        }
        json_decref(root);
        free(text);
    }
}

static void positions_are_of_characters(void **state)
{
    (void)state;
    assert_int_equal(sql_text_position(bytes("aéb"), 0), 0);
    assert_int_equal(sql_text_position(bytes("aéb"), 1), 1);
    assert_int_equal(sql_text_position(bytes("aéb"), 4), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_have_defaults),
        cmocka_unit_test(integers_below_zero_are_read),
        cmocka_unit_test(errors_have_a_state_and_a_place),
        cmocka_unit_test(great_texts_are_bounded),
        cmocka_unit_test(positions_are_of_characters),
    };

    return cmocka_run_group_tests_name("sql_tree", tests, NULL, NULL);
}
