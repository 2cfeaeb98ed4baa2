/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's frames: first packets, messages and their bodies, cut anywhere. */
#include "wire/pg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BYTES(literal) ((struct pawl_bytes){(literal), sizeof(literal) - 1})

static void equals(struct pawl_bytes got, const char *want)
{
    assert_int_equal(got.size, strlen(want));
    assert_memory_equal(got.at, want, got.size);
}

/* No prefix of bytes is a packet, nor is it wrong. */
static void whole_only(struct pawl_bytes bytes)
{
    struct pawl_pg_first first;

    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(pawl_pg_read_first((struct pawl_bytes){bytes.at, size}, &first), 0);
    }
    assert_int_equal(pawl_pg_read_first(bytes, &first), bytes.size);
}

static void reads_first_packets(void **state)
{
    const struct pawl_bytes start = BYTES("\0\0\0\x21\0\3\0\2user\0me\0database\0orders\0\0");
    const struct pawl_bytes cancel = BYTES("\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\7\1\2\3\4");
    struct pawl_pg_first first;
    struct pawl_bytes name, value;

    (void)state;
    whole_only(start);
    assert_int_equal(pawl_pg_read_first(start, &first), start.size);
    assert_int_equal(first.kind, PAWL_PG_START);
    assert_int_equal(first.major, 3);
    assert_int_equal(first.minor, 2);
    assert_int_equal(pawl_pg_setting_next(&first.settings, &name, &value), 1);
    equals(name, "user");
    equals(value, "me");
    assert_int_equal(pawl_pg_setting_next(&first.settings, &name, &value), 1);
    equals(name, "database");
    equals(value, "orders");
    assert_int_equal(pawl_pg_setting_next(&first.settings, &name, &value), 0);

    whole_only(cancel);
    (void)pawl_pg_read_first(cancel, &first);
    assert_int_equal(first.kind, PAWL_PG_CANCEL);
    assert_int_equal(first.pid, 7);
    assert_int_equal(first.secret, 0x01020304);

    whole_only(BYTES("\0\0\0\x08\x04\xd2\x16\x2f"));
    (void)pawl_pg_read_first(BYTES("\0\0\0\x08\x04\xd2\x16\x2f"), &first);
    assert_int_equal(first.kind, PAWL_PG_SSL);
    (void)pawl_pg_read_first(BYTES("\0\0\0\x08\x04\xd2\x16\x30"), &first);
    assert_int_equal(first.kind, PAWL_PG_GSSENC);
}

static void refuses_first_packets(void **state)
{
    struct pawl_pg_first first;
    struct pawl_bytes name, value;

    (void)state;
    assert_int_equal(pawl_pg_read_first(BYTES("\0\0\0\7\0\3\0"), &first), -1);
    assert_int_equal(pawl_pg_read_first(BYTES("\0\0\x27\x11"), &first), -1);
    assert_int_equal(pawl_pg_read_first(BYTES("GET / HTTP/1.1\r\n"), &first), -1);
    assert_int_equal(pawl_pg_read_first(BYTES("\0\0\0\x0c\x04\xd2\x16\x2e\0\0\0\7"), &first), -1);

    struct pawl_bytes no_end = BYTES("user\0me\0");
    assert_int_equal(pawl_pg_setting_next(&no_end, &name, &value), 1);
    assert_int_equal(pawl_pg_setting_next(&no_end, &name, &value), -1);
    struct pawl_bytes no_value = BYTES("user\0");
    assert_int_equal(pawl_pg_setting_next(&no_value, &name, &value), -1);
    struct pawl_bytes more = BYTES("\0x");
    assert_int_equal(pawl_pg_setting_next(&more, &name, &value), -1);
}

static void cuts_messages(void **state)
{
    const struct pawl_bytes bytes = BYTES("Q\0\0\0\x0dSELECT 1\0S");
    struct pawl_pg_frame frame;
    struct pawl_bytes text;

    (void)state;
    for (size_t size = 0; size < 14; size++) {
        assert_int_equal(pawl_pg_cut((struct pawl_bytes){bytes.at, size}, &frame), 0);
        assert_int_equal(frame.size, size < PAWL_PG_HEAD_BYTES ? 0 : 14);
    }
    assert_int_equal(pawl_pg_cut(bytes, &frame), 14);
    assert_int_equal(frame.type, 'Q');
    assert_null(pawl_pg_read_query(frame.body, &text));
    equals(text, "SELECT 1");
    assert_int_equal(pawl_pg_cut(BYTES("S\0\0\0\4"), &frame), 5);
    assert_int_equal(frame.body.size, 0);
    assert_int_equal(pawl_pg_cut(BYTES("S\0\0\0\3"), &frame), -1);
    assert_int_equal(pawl_pg_cut(BYTES("Q\x7f\0\0\0"), &frame), -1);
}

static void reads_parse(void **state)
{
    const struct pawl_bytes body = BYTES("one\0SELECT $1\0\0\2\0\0\0\x14\0\0\0\x19");
    struct pawl_pg_parse parse;

    (void)state;
    assert_null(pawl_pg_read_parse(body, &parse));
    equals(parse.name, "one");
    equals(parse.text, "SELECT $1");
    assert_int_equal(parse.type_count, 2);
    assert_int_equal(pawl_pg_u32(parse.types), 20);
    assert_int_equal(pawl_pg_u32(parse.types + 4), 25);
    for (size_t size = 0; size < body.size; size++) {
        assert_non_null(pawl_pg_read_parse((struct pawl_bytes){body.at, size}, &parse));
    }
    assert_string_equal(pawl_pg_read_parse(BYTES("a\0b\0\0\0x"), &parse), "invalid message format");
}

static void reads_bind(void **state)
{
    const struct pawl_bytes body =
        BYTES("p\0s\0\0\1\0\1\0\2\0\0\0\3abc\xff\xff\xff\xff\0\2\0\0\0\1");
    struct pawl_pg_bind bind;
    struct pawl_bytes value;

    (void)state;
    assert_null(pawl_pg_read_bind(body, &bind));
    equals(bind.portal, "p");
    equals(bind.statement, "s");
    assert_int_equal(bind.format_count, 1);
    assert_int_equal(pawl_pg_u16(bind.formats), 1);
    assert_int_equal(bind.value_count, 2);
    assert_true(pawl_pg_value_next(&bind.values, &value));
    equals(value, "abc");
    assert_false(pawl_pg_value_next(&bind.values, &value));
    assert_int_equal(bind.values.size, 0);
    assert_int_equal(bind.result_count, 2);
    assert_int_equal(pawl_pg_u16(bind.results + 2), 1);
    for (size_t size = 0; size < body.size; size++) {
        assert_non_null(pawl_pg_read_bind((struct pawl_bytes){body.at, size}, &bind));
    }
    assert_non_null(pawl_pg_read_bind(BYTES("\0\0\0\0\0\1\x7f\xff\xff\xff\0\0"), &bind));
}

static void reads_targets(void **state)
{
    struct pawl_pg_target target;
    struct pawl_pg_execute execute;

    (void)state;
    assert_null(pawl_pg_read_target(BYTES("Sone\0"), &target));
    assert_int_equal(target.kind, 'S');
    equals(target.name, "one");
    assert_non_null(pawl_pg_read_target(BYTES(""), &target));
    assert_non_null(pawl_pg_read_target(BYTES("Pone"), &target));
    assert_null(pawl_pg_read_execute(BYTES("\0\0\0\0\5"), &execute));
    assert_int_equal(execute.rows_max, 5);
    assert_null(pawl_pg_read_execute(BYTES("\0\xff\xff\xff\xff"), &execute));
    assert_int_equal(execute.rows_max, 0); /* a negative limit is none */
    assert_non_null(pawl_pg_read_execute(BYTES("\0\0\0\0"), &execute));
}

static void number_is(int64_t number, const char *want)
{
    char text[PAWL_PG_WORST_NUMBER_BYTES];
    const char *end = pawl_pg_put_number(text, number);

    equals((struct pawl_bytes){text, (size_t)(end - text)}, want);
}

static void writes_numbers(void **state)
{
    char bytes[8];

    (void)state;
    number_is(0, "0");
    number_is(-1, "-1");
    number_is(INT64_MAX, "9223372036854775807");
    number_is(INT64_MIN, "-9223372036854775808");
    (void)pawl_pg_put_u64(bytes, 0x0102030405060708);
    assert_memory_equal(bytes, "\1\2\3\4\5\6\7\x08", 8);
    assert_ptr_equal(pawl_pg_put_head(bytes, 'Z', 1), bytes + 5);
    assert_memory_equal(bytes, "Z\0\0\0\5", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_first_packets), cmocka_unit_test(refuses_first_packets),
        cmocka_unit_test(cuts_messages),       cmocka_unit_test(reads_parse),
        cmocka_unit_test(reads_bind),          cmocka_unit_test(reads_targets),
        cmocka_unit_test(writes_numbers),
    };

    return cmocka_run_group_tests_name("pg", tests, NULL, NULL);
}
