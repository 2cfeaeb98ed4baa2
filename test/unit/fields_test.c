/* SPDX-License-Identifier: Apache-2.0 */
/* Records as named texts: there and back, and every field that cannot be meant. */
#include "record_fixture.h"

#include <inttypes.h>

#include "store/fields.h"

static struct pawl_record sample(uint64_t seed)
{
    uint64_t random = seed;
    struct pawl_record record = {
        .epoch = (pawl_random(&random) >> 1) | 1,
        .line = 1,
        .lap = pawl_random(&random) >> 2,
        .version = pawl_random(&random) >> 2,
        .tag = (pawl_random(&random) >> 1) | 1,
        .start = (int64_t)pawl_random(&random),
        .increment = (int64_t)(pawl_random(&random) | 1),
        .min = INT64_MIN,
        .max = INT64_MAX,
        .next = (int64_t)pawl_random(&random),
        .origin = (int64_t)pawl_random(&random),
        .block = pawl_random(&random) % 1000000000,
        .rate = (double)(pawl_random(&random) % 1000000) / 8,
        .created_at = (int64_t)pawl_random(&random),
        .changed_at = (int64_t)pawl_random(&random),
        .written_at = (int64_t)pawl_random(&random),
        .order = (pawl_order)(pawl_random(&random) % 2),
        .data_type = (pawl_type)(pawl_random(&random) % 3),
        .cycle = pawl_random(&random) % 2 == 0,
        .ended = pawl_random(&random) % 2 == 0,
        .dropped = pawl_random(&random) % 2 == 0,
        .branch = "replid",
        .branch_size = 6,
        .name = {.at = "orders", .size = 6},
        .moved_to = {.at = "other \"one\"", .size = 11},
    };

    return record;
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct pawl_record record = sample(seed);
        struct pawl_record read = {.name = record.name};
        struct pawl_fields fields;
        pawl_error error = {0};

        pawl_fields_write(&record, &fields);
        if (pawl_fields_read(&read, &fields, &error) != PAWL_OK) {
            fail_msg("seed %" PRIu64 ": %s", seed, error.text);
        }
        assert_same_record(&read, &record);
    }
}

static void longest_texts_fit(void **state)
{
    (void)state;
    struct pawl_record record = sample(1);
    struct pawl_record read = {.name = record.name};
    struct pawl_fields fields;

    memset(record.branch, 'b', sizeof record.branch);
    record.branch_size = sizeof record.branch;
    memset(record.moved_to.at, 'm', sizeof record.moved_to.at);
    record.moved_to.size = sizeof record.moved_to.at;
    record.next = record.start = record.origin = record.created_at = INT64_MIN;
    pawl_fields_write(&record, &fields);
    assert_int_equal(pawl_fields_read(&read, &fields, NULL), PAWL_OK);
    assert_same_record(&read, &record);
}

static void says_which_field_is_wrong(void **state)
{
    static const struct {
        enum pawl_field field;
        struct pawl_bytes value;
        const char *says;
    } rows[] = {
        {PAWL_FIELD_next, {NULL, 0}, "has no next"},
        {PAWL_FIELD_next, {"12x", 3}, "next is \"12x\""},
        {PAWL_FIELD_next, {"9223372036854775808", 19}, "a whole number"},
        {PAWL_FIELD_epoch, {"-1", 2}, "epoch is \"-1\""},
        {PAWL_FIELD_epoch, {"0", 1}, "do not fit each other"},
        {PAWL_FIELD_tag, {"0", 1}, "do not fit each other"},
        {PAWL_FIELD_version, {"9223372036854775807", 19}, "do not fit each other"},
        {PAWL_FIELD_lap, {"9223372036854775807", 19}, "do not fit each other"},
        {PAWL_FIELD_increment, {"0", 1}, "do not fit each other"},
        {PAWL_FIELD_cycle, {"2", 1}, "it must be 0 or 1"},
        {PAWL_FIELD_rate, {"nan", 3}, "rate is \"nan\""},
        {PAWL_FIELD_rate, {"-1", 2}, "rate is \"-1\""},
        {PAWL_FIELD_rate, {"", 0}, "rate is"},
        {PAWL_FIELD_seq_order, {"any", 3}, "seq_order is \"any\""},
        {PAWL_FIELD_data_type, {"\x01\x02", 2}, "data_type is \"\""},
        {PAWL_FIELD_format, {"2", 1}, "a newer pawl wrote it"},
        {PAWL_FIELD_format, {"0", 1}, "it must be 1"},
        {PAWL_FIELD_format, {NULL, 0}, "has no format"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_record record = sample(i);
        struct pawl_record read = {.name = record.name};
        struct pawl_record before = read;
        struct pawl_fields fields;
        pawl_error error = {0};

        pawl_fields_write(&record, &fields);
        fields.values[rows[i].field] = rows[i].value;
        assert_int_equal(pawl_fields_read(&read, &fields, &error), PAWL_DENIED);
        if (strstr(error.text, rows[i].says) == NULL || strstr(error.text, "orders") == NULL) {
            fail_msg("row %zu: %s", i, error.text);
        }
        assert_same_record(&read, &before);
    }
}

static void fields_are_found_by_name(void **state)
{
    (void)state;
    for (size_t field = 0; field < PAWL_FIELDS; field++) {
        const char *name = pawl_field_name((enum pawl_field)field);

        assert_int_equal(pawl_field_find((struct pawl_bytes){name, strlen(name)}), field);
    }
    assert_int_equal(pawl_field_find(PAWL_BYTES("nex")), PAWL_FIELDS);
    assert_int_equal(pawl_field_kind(PAWL_FIELD_rate), PAWL_FIELD_REAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(longest_texts_fit),
        cmocka_unit_test(says_which_field_is_wrong),
        cmocka_unit_test(fields_are_found_by_name),
    };

    return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
