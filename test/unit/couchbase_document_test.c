/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in Couchbase's documents, and under which keys: records and plain counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/couchbase/document.h"
#include "store/couchbase/tokens.h"

static struct pawl_bytes text_bytes(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static struct pawl_kv_settings settings_of(const char *url)
{
    struct pawl_kv_settings settings;
    pawl_error error = {0};

    if (pawl_kv_settings_read(&settings, url, &error) != PAWL_OK) fail_msg("%s", error.text);
    return settings;
}

static struct pawl_name name_of(const char *text)
{
    struct pawl_name name;

    assert_int_equal(pawl_name_set(&name, text_bytes(text), NULL), PAWL_OK);
    return name;
}

static struct pawl_record some_record(const char *name)
{
    return (struct pawl_record){
        .name = name_of(name),
        .epoch = 7,
        .line = 5,
        .lap = 2,
        .version = 41,
        .tag = INT64_MAX,
        .start = 1,
        .increment = -3,
        .min = INT64_MIN,
        .max = INT64_MAX,
        .next = INT64_MIN + 1,
        .origin = 77,
        .block = 500,
        .rate = 0.1,
        .created_at = 1700000000,
        .changed_at = 1700000001,
        .written_at = 1700000002,
        .order = PAWL_ORDER_GLOBAL,
        .data_type = PAWL_TYPE_INTEGER,
        .cycle = true,
    };
}

static void assert_comes_back(const struct pawl_record *record)
{
    struct pawl_record again = {.name = record->name};
    pawl_error error = {0};
    size_t size = 0;
    char *text = pawl_kv_document_write(record, &size);

    assert_non_null(text);
    if (pawl_kv_document_read(&again, (struct pawl_bytes){text, size}, &error) != PAWL_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    assert_true(again.epoch == record->epoch && again.lap == record->lap);
    assert_true(again.tag == record->tag && again.next == record->next);
    assert_true(again.min == record->min && again.max == record->max);
    assert_true(again.dropped == record->dropped && again.ended == record->ended);
    assert_true(again.order == record->order && again.rate == record->rate);
    assert_int_equal(again.moved_to.size, record->moved_to.size);
    free(text);
}

static void writes_records_and_reads_them_again(void **state)
{
    struct pawl_record record = some_record("it's \"quoted\" \xc3\xbc");

    (void)state;
    assert_comes_back(&record);
    record.dropped = true;
    record.moved_to = name_of("elsewhere");
    assert_comes_back(&record);
    record.dropped = false;
    record.ended = true;
    record.next = INT64_MIN;
    assert_comes_back(&record);
}

/* No path of an advance leads to the number of a record from which nothing may be taken. */
static void keeps_what_rests_out_of_reach(void **state)
{
    struct pawl_record record = some_record("orders");
    char path[PAWL_KV_PATH_SIZE];
    size_t size = 0;

    (void)state;
    pawl_kv_path(path, 7, 2);
    assert_string_equal(path, "e7l2.next");
    char *text = pawl_kv_document_write(&record, &size);
    assert_non_null(strstr(text, "\"e7l2\":{\"next\":-9223372036854775807}"));
    free(text);
    record.dropped = true;
    text = pawl_kv_document_write(&record, &size);
    assert_null(strstr(text, "e7l2"));
    assert_non_null(strstr(text, "\"rest\":{\"next\":-9223372036854775807}"));
    free(text);
}

static void refuses_foreign_documents(void **state)
{
    struct pawl_record record = some_record("orders");
    size_t size = 0;
    char *text = pawl_kv_document_write(&record, &size);
    const char *foreign[] = {"", "17", "[]", "{}", "{\"format\":1,\"name\":\"orders\"}", "\xff"};
    pawl_error error;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(foreign); i++) {
        record.name = name_of("orders");
        assert_int_equal(pawl_kv_document_read(&record, text_bytes(foreign[i]), &error),
                         PAWL_DENIED);
    }
    record.name = name_of("others"); /* a document in the wrong place */
    assert_int_equal(pawl_kv_document_read(&record, (struct pawl_bytes){text, size}, &error),
                     PAWL_DENIED);
    assert_non_null(strstr(error.text, "another name"));
    for (size_t cut = 0; cut < size; cut++) {
        record.name = name_of("orders");
        assert_int_equal(pawl_kv_document_read(&record, (struct pawl_bytes){text, cut}, &error),
                         PAWL_DENIED);
    }
    free(text);
    static const char *const uncountable[] = {"\"1\"", "1e1"}; /* the server refuses both */

    for (size_t i = 0; i < PAWL_COUNT(uncountable); i++) {
        record = some_record("orders");
        record.version = 123;
        text = pawl_kv_document_write(&record, &size);
        char *number = strstr(text, ":123");

        assert_non_null(number);
        memcpy(number + 1, uncountable[i], 3);
        assert_int_equal(pawl_kv_document_read(&record, text_bytes(text), &error), PAWL_DENIED);
        free(text);
    }
}

static void reads_plain_counters(void **state)
{
    static const struct {
        const char *document;
        bool good, ended;
        int64_t next;
    } cases[] = {
        {"2000000000", true, false, 2000000000},
        {"0", true, false, 0},
        {" +17 ", true, false, 17},
        {"9223372036854775807", true, false, INT64_MAX},
        {"9223372036854775808", true, true, INT64_MAX},
        {"18446744073709551615", true, true, INT64_MAX},
        {"18446744073709551616", false, false, 0},
        {"-1", false, false, 0},
        {"1.5", false, false, 0},
        {"\"1\"", false, false, 0},
        {"{}", false, false, 0},
        {"", false, false, 0},
    };
    const struct pawl_kv_settings settings = settings_of("couchbase://a/b?counter=plain");

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct pawl_record record = {.name = name_of("c")};
        pawl_error error;
        char text[PAWL_KV_PATH_SIZE];
        pawl_err err =
            pawl_kv_plain_read(&record, &settings, text_bytes(cases[i].document), 9, &error);

        if ((err == PAWL_OK) != cases[i].good) fail_msg("%s", cases[i].document);
        if (err != PAWL_OK) continue;
        assert_true(record.next == cases[i].next && record.ended == cases[i].ended);
        assert_true(record.epoch == 1 && record.line == 1 && record.tag != 0);
        assert_true(pawl_kv_plain_write(&record, text) < sizeof text);
    }
}

static void gives_each_name_a_key_of_its_own(void **state)
{
    const struct pawl_kv_settings settings = settings_of("couchbase://a/b");
    struct pawl_kv_key a;
    struct pawl_kv_key b;
    char text[PAWL_NAME_BYTES_MAX + 1];
    struct pawl_name name = name_of("orders");

    (void)state;
    assert_true(pawl_kv_key_record(&a, &settings, &name));
    assert_int_equal(a.size, strlen("pawl:orders"));
    assert_memory_equal(a.at, "pawl:orders", a.size);
    pawl_kv_key_index(&a, &settings, 7);
    assert_memory_equal(a.at, "pawl#index:07", a.size);
    for (size_t size = 1; size <= PAWL_NAME_BYTES_MAX; size++) {
        memset(text, 'x', size);
        text[size] = '\0';
        name = name_of(text);
        assert_true(pawl_kv_key_record(&a, &settings, &name));
        text[size - 1] = 'y';
        name = name_of(text);
        assert_true(pawl_kv_key_record(&b, &settings, &name));
        assert_false(
            pawl_bytes_equal((struct pawl_bytes){a.at, a.size}, (struct pawl_bytes){b.at, b.size}));
    }
    for (size_t i = 0; i + 3 <= PAWL_NAME_BYTES_MAX; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    text[PAWL_NAME_BYTES_MAX] = '\0';
    name = name_of(text);
    assert_true(pawl_kv_key_record(&a, &settings, &name));
    assert_true(pawl_utf8_printable((struct pawl_bytes){a.at, a.size}));
}

/* A key and its collection's id must fit the one byte that a durable request has for their size. */
static void plain_names_fit_where_they_stand(void **state)
{
    const struct pawl_kv_settings there = settings_of("couchbase://a/b?counter=plain"),
                                  named = settings_of("couchbase://a/b/s.c?counter=plain");
    char text[PAWL_NAME_BYTES_MAX + 1] = "", bytes[512];
    struct pawl_kv_key key;

    (void)state;
    memset(text, 'x', 250);
    struct pawl_name name = name_of(text);

    assert_true(pawl_kv_key_record(&key, &there, &name));
    assert_false(pawl_kv_key_record(&key, &named, &name));
    text[246] = '\0';
    name = name_of(text);
    assert_true(pawl_kv_key_record(&key, &named, &name));
    const struct pawl_mcbp_request request = {
        .opcode = PAWL_MCBP_GET,
        .durability = PAWL_MCBP_MAJORITY,
        .collection = {"\xff\xff\xff\xff\x0f", 5},
        .key = {key.at, key.size},
    };

    assert_true(pawl_mcbp_request_size(&request) <= sizeof bytes);
    pawl_mcbp_request_write(&request, bytes);
    assert_int_equal((unsigned char)bytes[3], 251);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_records_and_reads_them_again),
        cmocka_unit_test(keeps_what_rests_out_of_reach),
        cmocka_unit_test(refuses_foreign_documents),
        cmocka_unit_test(reads_plain_counters),
        cmocka_unit_test(plain_names_fit_where_they_stand),
        cmocka_unit_test(gives_each_name_a_key_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
