/* SPDX-License-Identifier: Apache-2.0 */
#include "record_fixture.h"

#include <inttypes.h>

static int64_t any_i64(uint64_t *random)
{
    return (int64_t)pawl_random(random);
}

static void any_text(char *at, size_t size, uint64_t *random)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (char)('a' + pawl_random(random) % 26);
    }
}

/* Any record that may be: every field drawn. Bytes that are not in use are zero. */
static struct pawl_record any_record(uint64_t seed)
{
    uint64_t random = seed;
    struct pawl_record record = {
        .epoch = pawl_random(&random) >> 1 | 1,
        .line = 1,
        .lap = pawl_random(&random) >> 2,
        .version = pawl_random(&random) >> 2,
        .tag = pawl_random(&random),
        .start = any_i64(&random),
        .increment = any_i64(&random) | 1,
        .min = any_i64(&random) / 2 - INT64_MAX / 2,
        .max = any_i64(&random) / 2 + INT64_MAX / 2 + 1,
        .next = any_i64(&random),
        .origin = any_i64(&random),
        .block = pawl_random(&random) % 1000000001,
        .rate = (double)(pawl_random(&random) % 1000000) / 7,
        .created_at = any_i64(&random),
        .changed_at = any_i64(&random),
        .written_at = any_i64(&random),
        .order = (pawl_order)(pawl_random(&random) % 2),
        .data_type = (pawl_type)(pawl_random(&random) % 3),
        .cycle = pawl_random(&random) % 2 == 0,
        .ended = pawl_random(&random) % 2 == 0,
        .dropped = pawl_random(&random) % 2 == 0,
    };

    record.name.size = (uint8_t)(1 + pawl_random(&random) % 255);
    any_text(record.name.at, record.name.size, &random);
    record.moved_to.size = (uint8_t)(pawl_random(&random) % 256);
    any_text(record.moved_to.at, record.moved_to.size, &random);
    record.branch_size = (uint8_t)(pawl_random(&random) % 64);
    any_text(record.branch, record.branch_size, &random);
    return record;
}

static bool names_equal(const struct pawl_name *a, const struct pawl_name *b)
{
    return pawl_bytes_equal(pawl_name_bytes(a), pawl_name_bytes(b));
}

static bool same(const struct pawl_record *a, const struct pawl_record *b)
{
    return names_equal(&a->name, &b->name) && names_equal(&a->moved_to, &b->moved_to) &&
           a->epoch == b->epoch && a->line == b->line && a->lap == b->lap &&
           a->version == b->version && a->tag == b->tag && a->start == b->start &&
           a->increment == b->increment && a->min == b->min && a->max == b->max &&
           a->next == b->next && a->origin == b->origin && a->block == b->block &&
           !(a->rate < b->rate) && !(a->rate > b->rate) && a->created_at == b->created_at &&
           a->changed_at == b->changed_at && a->written_at == b->written_at &&
           a->order == b->order && a->data_type == b->data_type && a->cycle == b->cycle &&
           a->ended == b->ended && a->dropped == b->dropped && a->branch_size == b->branch_size &&
           memcmp(a->branch, b->branch, a->branch_size) == 0;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        char bytes[PAWL_RECORD_BYTES_MAX];
        struct pawl_record record = any_record(seed);
        struct pawl_record back;
        pawl_error error = {.code = PAWL_OK};
        size_t size = pawl_record_write(&record, bytes);

        if (pawl_record_read(&back, (struct pawl_bytes){bytes, size}, &error) != PAWL_OK ||
            !same(&record, &back)) {
            fail_msg("seed %" PRIu64 ": %s", seed, error.text);
        }
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    char bytes[PAWL_RECORD_BYTES_MAX];
    struct pawl_record record = any_record(1);
    struct pawl_record back;
    size_t size = pawl_record_write(&record, bytes);

    (void)state;
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << (bit % 8)));
        if (pawl_record_read(&back, (struct pawl_bytes){bytes, size}, NULL) != PAWL_DENIED) {
            fail_msg("bit %zu of %zu went unnoticed", bit, size * 8);
        }
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << (bit % 8)));
    }
}

static void every_cut_and_every_tail_is_refused(void **state)
{
    char bytes[PAWL_RECORD_BYTES_MAX + 1] = {0};
    struct pawl_record record = any_record(2);
    struct pawl_record back;
    size_t size = pawl_record_write(&record, bytes);

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(pawl_record_read(&back, (struct pawl_bytes){bytes, cut}, NULL),
                         PAWL_DENIED);
    }
    assert_int_equal(pawl_record_read(&back, (struct pawl_bytes){bytes, size + 1}, NULL),
                     PAWL_DENIED);
}

/* One byte more than a record has, under a checksum that is right. */
static void a_longer_record_is_refused(void **state)
{
    char bytes[PAWL_RECORD_BYTES_MAX];
    struct pawl_record record = any_record(5);
    struct pawl_record back;
    size_t size = pawl_record_write(&record, bytes) - 4;

    (void)state;
    bytes[size++] = 0;
    uint32_t crc = pawl_bytes_crc32((struct pawl_bytes){bytes, size});

    for (int i = 0; i < 4; i++) {
        bytes[size++] = (char)(crc >> (8 * i));
    }
    assert_int_equal(pawl_record_read(&back, (struct pawl_bytes){bytes, size}, NULL), PAWL_DENIED);
}

static void a_newer_format_is_named(void **state)
{
    char bytes[PAWL_RECORD_BYTES_MAX];
    struct pawl_record record = any_record(3);
    struct pawl_record back;
    pawl_error error;
    size_t size = pawl_record_write(&record, bytes);

    (void)state;
    assert_int_equal(bytes[0], PAWL_RECORD_FORMAT);
    bytes[0] = PAWL_RECORD_FORMAT + 1;
    assert_int_equal(pawl_record_read(&back, (struct pawl_bytes){bytes, size}, &error),
                     PAWL_DENIED);
    assert_non_null(strstr(error.text, "newer format"));
}

/* Bytes with a good checksum that no record of ours can have: arithmetic must not meet them. */
static void what_cannot_be_is_refused(void **state)
{
    struct pawl_record bad[7];

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(bad); i++) {
        bad[i] = any_record(4);
    }
    bad[0].increment = 0;
    bad[1].min = bad[1].max;
    bad[2].epoch = 0;
    bad[3].line = 0;
    bad[4].rate = -1;
    bad[5].block = UINT64_MAX;
    bad[6].name.size = 0;
    for (size_t i = 0; i < PAWL_COUNT(bad); i++) {
        char bytes[PAWL_RECORD_BYTES_MAX];
        struct pawl_record back;
        size_t size = pawl_record_write(&bad[i], bytes);

        if (pawl_record_read(&back, (struct pawl_bytes){bytes, size}, NULL) != PAWL_DENIED) {
            fail_msg("bad record %zu was read", i);
        }
        assert_int_equal(back.epoch, 0);
    }
}

/* The first format's bytes, for ever: what was written by 0.1.0 must be read by all later ones. */
static void the_format_does_not_drift(void **state)
{
    static const unsigned char head[] = {1,    1,    's',  0,    0x08, 0x07,
                                         0x06, 0x05, 0x04, 0x03, 0x02, 0x01};
    struct pawl_record record = {
        .name = {.size = 1, .at = "s"},
        .epoch = 0x0102030405060708,
        .line = 1,
        .increment = 1,
        .min = 1,
        .max = 9,
    };
    char bytes[PAWL_RECORD_BYTES_MAX];
    size_t size = pawl_record_write(&record, bytes);

    (void)state;
    assert_int_equal(size, 4 + 16 * 8 + 3 + 1 + 4);
    assert_memory_equal(bytes, head, sizeof head);
    /* The check value that the catalogue of CRCs gives for "123456789" in CRC-32/ISO-HDLC. */
    assert_int_equal(pawl_bytes_crc32(PAWL_BYTES("123456789")), 0xCBF43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_cut_and_every_tail_is_refused),
        cmocka_unit_test(a_longer_record_is_refused),
        cmocka_unit_test(a_newer_format_is_named),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(the_format_does_not_drift),
    };

    return cmocka_run_group_tests_name("record bytes", tests, NULL, NULL);
}
