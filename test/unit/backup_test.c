/* SPDX-License-Identifier: Apache-2.0 */
/* A backup's text: what is written is read as the same, and what was harmed is not read at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record_fixture.h"
#include "store/backup.h"

enum { RECORDS = 5, BYTES_MAX = 16384 };

struct backup {
    char text[BYTES_MAX];
    size_t size;
    struct pawl_record written[RECORDS];
    struct pawl_record read[RECORDS];
    size_t count;
    pawl_error error;
};

static void name_set(struct pawl_name *name, const char *text)
{
    assert_int_equal(pawl_name_set(name, (struct pawl_bytes){text, strlen(text)}, NULL), PAWL_OK);
}

static void fill(struct backup *backup)
{
    static const char *const names[RECORDS] = {"a", "a\"\\b", "c d", "größe", "z"};

    for (size_t i = 0; i < RECORDS; i++) {
        struct pawl_record *record = &backup->written[i];

        *record = (struct pawl_record){
            .epoch = 5 + i,
            .line = 5,
            .lap = i,
            .version = 9,
            .tag = 77,
            .start = 1,
            .increment = i % 2 == 0 ? 1 : -3,
            .min = INT64_MIN,
            .max = INT64_MAX,
            .next = i == 1 ? INT64_MIN : 541,
            .rate = i == 2 ? 123.5 : 0,
            .created_at = 1700000000,
            .data_type = PAWL_TYPE_BIGINT,
            .order = i == 0 ? PAWL_ORDER_GLOBAL : PAWL_ORDER_CLIENT,
        };
        name_set(&record->name, names[i]);
    }
    backup->written[3].dropped = true;
    name_set(&backup->written[3].moved_to, "new \"name\"");
    backup->written[4].ended = true;
    backup->written[4].branch_size = 3;
    memcpy(backup->written[4].branch, "a#1", 3);
}

static void write_all(struct backup *backup)
{
    uint32_t crc = 0;

    backup->size = pawl_backup_write_head(backup->text, PAWL_BYTES("lmdb:/a"), 1700000000);
    for (size_t i = 0; i < RECORDS; i++) {
        backup->size += pawl_backup_write_record(backup->text + backup->size, &backup->written[i]);
    }
    crc = pawl_bytes_crc32((struct pawl_bytes){backup->text, backup->size});
    backup->size += pawl_backup_write_end(backup->text + backup->size, RECORDS, crc);
    assert_true(backup->size < BYTES_MAX / 2);
    backup->text[backup->size] = '\0';
}

static bool keep(const struct pawl_record *record, void *arg)
{
    struct backup *backup = arg;

    if (backup->count == RECORDS) return false;
    backup->read[backup->count++] = *record;
    return true;
}

static pawl_err read_bytes(struct backup *backup, const char *text, size_t size)
{
    struct pawl_backup_head head;
    char *copy = malloc(size + 1); /* of its own, so that sanitizers know where it ends */

    assert_non_null(copy);
    memcpy(copy, text, size);
    backup->count = 0;
    backup->error = (pawl_error){.code = PAWL_OK};
    pawl_err err =
        pawl_backup_read((struct pawl_bytes){copy, size}, &head, keep, backup, &backup->error);
    free(copy);
    return err;
}

static int set_up(void **state)
{
    struct backup *backup = calloc(1, sizeof *backup);

    if (backup == NULL) return -1;
    fill(backup);
    write_all(backup);
    *state = backup;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void what_is_written_is_read_as_the_same(void **state)
{
    struct backup *backup = *state;
    struct pawl_backup_head head;

    assert_int_equal(read_bytes(backup, backup->text, backup->size), PAWL_OK);
    assert_int_equal(backup->count, RECORDS);
    for (size_t i = 0; i < RECORDS; i++) {
        assert_same_record(&backup->read[i], &backup->written[i]);
    }
    assert_int_equal(
        pawl_backup_read((struct pawl_bytes){backup->text, backup->size}, &head, NULL, NULL, NULL),
        PAWL_OK);
    assert_int_equal(head.at, 1700000000);
    assert_int_equal(head.from_size, 7);
    assert_memory_equal(head.from, "lmdb:/a", 7);
}

static void people_can_read_it(void **state)
{
    static const char begin[] =
        "{\"pawl_backup\":1,\"at\":1700000000,\"from\":\"lmdb:/a\"}\n"
        "{\"name\":\"a\",\"format\":1,\"next\":541,\"epoch\":5,\"line\":5,\"lap\":0,";
    struct backup *backup = *state;

    assert_memory_equal(backup->text, begin, sizeof begin - 1);
    assert_non_null(strstr(backup->text, "{\"name\":\"a\\\"\\\\b\",\"format\":1,"));
    assert_non_null(strstr(backup->text, "\"moved_to\":\"new \\\"name\\\"\"}"));
    assert_non_null(strstr(backup->text, "\n{\"end\":true,\"records\":5,\"crc32\":\""));
}

static void every_prefix_is_refused(void **state)
{
    struct backup *backup = *state;

    for (size_t size = 0; size < backup->size; size++) {
        assert_int_equal(read_bytes(backup, backup->text, size), PAWL_BAD_REQUEST);
    }
    assert_int_equal(read_bytes(backup, backup->text, backup->size - 1), PAWL_BAD_REQUEST);
    assert_non_null(strstr(backup->error.text, "it was cut after line 6"));
}

static void every_changed_byte_is_refused(void **state)
{
    static const char others[] = {'0', '9', 'a', '"', '\n', ' ', '\0', (char)0xff};
    struct backup *backup = *state;

    for (size_t at = 0; at < backup->size; at++) {
        char was = backup->text[at];

        for (size_t i = 0; i < sizeof others; i++) {
            if (others[i] == was) continue;
            backup->text[at] = others[i];
            assert_int_not_equal(read_bytes(backup, backup->text, backup->size), PAWL_OK);
        }
        backup->text[at] = was;
    }
}

static void a_line_left_out_or_twice_is_refused(void **state)
{
    struct backup *backup = *state;
    char *second = strstr(backup->text, "{\"name\":\"c d\"");
    char *third = strchr(second, '\n') + 1;
    size_t line = (size_t)(third - second);
    size_t behind = backup->size - (size_t)(third - backup->text);
    char copy[BYTES_MAX];

    memcpy(copy, backup->text, backup->size);
    memmove(copy + (second - backup->text), third, behind);
    assert_int_equal(read_bytes(backup, copy, backup->size - line), PAWL_BAD_REQUEST);
    assert_non_null(strstr(backup->error.text, "has 4 records, its last line says 5"));
    memcpy(copy, backup->text, backup->size);
    memmove(copy + (third - backup->text) + line, third, behind);
    memcpy(copy + (third - backup->text), second, line);
    assert_int_equal(read_bytes(backup, copy, backup->size + line), PAWL_BAD_REQUEST);
    assert_non_null(strstr(backup->error.text, "names are not in their order"));
}

static void others_texts_say_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        pawl_err code;
        const char *said;
    } rows[] = {
        {"", PAWL_BAD_REQUEST, "this is no backup of pawl's"},
        {"CREATE SEQUENCE s;\n", PAWL_BAD_REQUEST, "this is no backup of pawl's"},
        {"{\"pawl_backup\":2,\"more\":1}\n", PAWL_DENIED, "format 2, a newer pawl wrote it"},
        {"{\"pawl_backup\":0,\"at\":1,\"from\":\"\"}\n", PAWL_BAD_REQUEST, "line 1 of the backup"},
        {"{\"pawl_backup\":1,\"at\":1,\"from\":\"\"}\n", PAWL_BAD_REQUEST, "cut after line 1"},
        {"{\"pawl_backup\":1,\"at\":1,\"from\":\"\"}\n{\"name\":\"\",\"format\":1",
         PAWL_BAD_REQUEST, "cut after line 1"},
        {"{\"pawl_backup\":1,\"at\":1,\"from\":\"\"}\n{\"name\":\"\",\"format\":1}\n",
         PAWL_BAD_REQUEST, "line 2 of the backup: a sequence cannot have that name"},
        {"{\"pawl_backup\":1,\"at\":1,\"from\":\"\"}\n{\"name\":\"s\",\"format\":1}\n",
         PAWL_BAD_REQUEST, "line 2 of the backup: next is missing"},
        {"{\"pawl_backup\":1,\"at\":1,\"from\":\"\"}\n"
         "{\"end\":true,\"records\":0,\"crc32\":\"00000000\"}\n",
         PAWL_BAD_REQUEST, "checksum is wrong"},
    };
    struct backup *backup = *state;

    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        assert_int_equal(read_bytes(backup, rows[i].text, strlen(rows[i].text)), rows[i].code);
        assert_non_null(strstr(backup->error.text, rows[i].said));
    }
}

static void a_record_of_a_newer_pawl_is_refused(void **state)
{
    struct backup *backup = *state;
    char *format = strstr(backup->text, "\"format\":1");

    format[9] = '2';
    assert_int_equal(read_bytes(backup, backup->text, backup->size), PAWL_DENIED);
    assert_non_null(strstr(backup->error.text, "line 2 of the backup"));
    assert_non_null(strstr(backup->error.text, "a newer pawl wrote it"));
}

static void a_long_origin_is_cut_between_characters(void **state)
{
    char from[2 * PAWL_BACKUP_FROM_BYTES_MAX];
    char line[PAWL_BACKUP_LINE_BYTES_MAX];
    struct pawl_backup_head head;
    char text[2 * PAWL_BACKUP_LINE_BYTES_MAX];

    (void)state;
    memset(from, 'x', sizeof from);
    memcpy(from + PAWL_BACKUP_FROM_BYTES_MAX - 1, "ß", 2);
    size_t size = pawl_backup_write_head(line, (struct pawl_bytes){from, sizeof from}, 1);

    memcpy(text, line, size);
    size +=
        pawl_backup_write_end(text + size, 0, pawl_bytes_crc32((struct pawl_bytes){text, size}));
    assert_int_equal(pawl_backup_read((struct pawl_bytes){text, size}, &head, NULL, NULL, NULL),
                     PAWL_OK);
    assert_int_equal(head.from_size, PAWL_BACKUP_FROM_BYTES_MAX - 1);
    size = pawl_backup_write_head(line, PAWL_BYTES("a\nb"), 1);
    assert_memory_equal(line + size - 5, ":\"\"}\n", 5);
}

static void the_longest_record_is_a_line(void **state)
{
    struct backup *backup = *state;
    struct pawl_record *record = &backup->written[0];
    char line[PAWL_BACKUP_LINE_BYTES_MAX];
    char sql[PAWL_BACKUP_SQL_BYTES_MAX];

    record->name.size = PAWL_NAME_BYTES_MAX;
    memset(record->name.at, '"', PAWL_NAME_BYTES_MAX);
    record->moved_to = record->name;
    record->branch_size = PAWL_BRANCH_BYTES_MAX;
    memset(record->branch, '\\', PAWL_BRANCH_BYTES_MAX);
    record->start = record->next = record->origin = INT64_MIN;
    record->epoch = record->line = record->tag = INT64_MAX;
    record->lap = record->version = UINT64_MAX >> 2;
    record->created_at = record->changed_at = record->written_at = INT64_MIN;
    record->rate = 1.23456789e-300;
    assert_true(pawl_backup_write_record(line, record) < sizeof line);
    assert_true(pawl_backup_write_sql(sql, record) < sizeof sql);
    record->dropped = true;
    assert_true(pawl_backup_write_sql(sql, record) < sizeof sql);
}

static const char *sql_of(const struct pawl_record *record, char text[PAWL_BACKUP_SQL_BYTES_MAX])
{
    text[pawl_backup_write_sql(text, record)] = '\0';
    return text;
}

static void as_sql_a_sequence_is_two_statements(void **state)
{
    char sql[PAWL_BACKUP_SQL_BYTES_MAX];
    struct desk desk;

    (void)state;
    desk_open(&desk, (pawl_definition)CYCLE_TO(100));
    (void)desk_next(&desk, 40);
    assert_string_equal(
        sql_of(&desk.record, sql),
        "CREATE SEQUENCE \"s\" AS bigint START WITH 1 INCREMENT BY 1 MINVALUE 1 MAXVALUE 100"
        " CACHE 1 CYCLE;\nSELECT pg_catalog.setval('\"s\"', 41, false);\n\n");
    (void)desk_next(&desk, 60);
    assert_non_null(strstr(sql_of(&desk.record, sql), "setval('\"s\"', 100, true)"));
    name_set(&desk.record.name, "bil'l.o\"x");
    assert_non_null(strstr(sql_of(&desk.record, sql), "CREATE SCHEMA IF NOT EXISTS \"bil'l\";\n"));
    assert_non_null(strstr(sql, "CREATE SEQUENCE \"bil'l\".\"o\"\"x\" AS"));
    assert_non_null(strstr(sql, "setval('\"bil''l\".\"o\"\"x\"', 100, true)"));
    name_set(&desk.record.name,
             "a-name-of-sixty-four-bytes-is-one-more-than-an-identifier-can-have");
    assert_memory_equal(sql_of(&desk.record, sql), "-- a-name", 9);
    desk_open(&desk, (pawl_definition){.given = 0});
    (void)desk_put_used(&desk, INT64_MAX, false);
    assert_non_null(
        strstr(sql_of(&desk.record, sql), "setval('\"s\"', 9223372036854775807, true)"));
    desk.record.dropped = true;
    assert_string_equal(sql_of(&desk.record, sql), "-- s: was dropped\n\n");
    name_set(&desk.record.moved_to, "t");
    assert_string_equal(sql_of(&desk.record, sql), "-- s: was renamed to t\n\n");
    name_set(&desk.record.moved_to, "s");
    assert_string_equal(sql_of(&desk.record, sql), "-- s: was moved to another store\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_as_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(people_can_read_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_prefix_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_changed_byte_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_left_out_or_twice_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_texts_say_what_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_of_a_newer_pawl_is_refused, set_up, tear_down),
        cmocka_unit_test(a_long_origin_is_cut_between_characters),
        cmocka_unit_test_setup_teardown(the_longest_record_is_a_line, set_up, tear_down),
        cmocka_unit_test(as_sql_a_sequence_is_two_statements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
