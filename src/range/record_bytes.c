/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record as bytes. The format is written down once, in `walk`: writing and reading are the
 * same walk over the same fields. Changing it means a new PAWL_RECORD_FORMAT.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "range/pace.h"
#include "range/record.h"

enum {
    CRC_BYTES = 4,
    FLAG_CYCLE = 1 << 0,
    FLAG_ENDED = 1 << 1,
    FLAG_DROPPED = 1 << 2,
    FLAGS_ALL = FLAG_CYCLE | FLAG_ENDED | FLAG_DROPPED,
};

/* No sequence gets there, and what counts on from here stays within an int64. */
#define COUNT_MAX (UINT64_MAX >> 2)

/* 1 format, 2 strings of a byte and at most 255, one of at most 63, 16 numbers, 3 small ones. */
_Static_assert(1 + 2 * (1 + PAWL_NAME_BYTES_MAX) + 1 + PAWL_BRANCH_BYTES_MAX + 16 * 8 + 3 +
                       CRC_BYTES <=
                   PAWL_RECORD_BYTES_MAX,
               "a whole record fits");

/* One pass over the fields: to bytes (`to` set) or from bytes (`from` set). */
struct walk {
    char *to;
    struct pawl_bytes from;
    size_t at;
    bool bad; /* from ended too soon, or holds what cannot be */
};

static void walk_bytes(struct walk *walk, void *field, size_t size)
{
    if (walk->to != NULL) {
        memcpy(walk->to + walk->at, field, size);
    } else if (walk->bad || walk->from.size - walk->at < size) {
        walk->bad = true;
        return;
    } else {
        memcpy(field, walk->from.at + walk->at, size);
    }
    walk->at += size;
}

static void walk_number(struct walk *walk, uint64_t *number, size_t size)
{
    unsigned char bytes[sizeof *number] = {0};
    uint64_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(*number >> (8 * i));
    }
    walk_bytes(walk, bytes, size);
    for (size_t i = 0; i < size; i++) {
        sum |= (uint64_t)bytes[i] << (8 * i);
    }
    *number = sum;
}

static void walk_u64(struct walk *walk, uint64_t *field)
{
    walk_number(walk, field, sizeof *field);
}

static void walk_i64(struct walk *walk, int64_t *field)
{
    uint64_t number = (uint64_t)*field;

    walk_number(walk, &number, sizeof number);
    *field = (int64_t)number;
}

static void walk_double(struct walk *walk, double *field)
{
    uint64_t number;

    memcpy(&number, field, sizeof number);
    walk_number(walk, &number, sizeof number);
    memcpy(field, &number, sizeof number);
}

static uint8_t walk_small(struct walk *walk, uint8_t value, uint8_t most)
{
    uint64_t number = value;

    walk_number(walk, &number, sizeof value);
    if (number <= most) return (uint8_t)number;
    walk->bad = true;
    return 0;
}

static void walk_string(struct walk *walk, uint8_t *size, char *at, uint8_t size_max)
{
    *size = walk_small(walk, *size, size_max);
    walk_bytes(walk, at, *size);
}

static void walk_record(struct walk *walk, struct pawl_record *record)
{
    unsigned flags = (record->cycle ? FLAG_CYCLE : 0U) | (record->ended ? FLAG_ENDED : 0U) |
                     (record->dropped ? FLAG_DROPPED : 0U);

    walk_string(walk, &record->name.size, record->name.at, PAWL_NAME_BYTES_MAX);
    walk_string(walk, &record->moved_to.size, record->moved_to.at, PAWL_NAME_BYTES_MAX);
    walk_u64(walk, &record->epoch);
    walk_u64(walk, &record->line);
    walk_u64(walk, &record->lap);
    walk_u64(walk, &record->version);
    walk_u64(walk, &record->tag);
    walk_i64(walk, &record->start);
    walk_i64(walk, &record->increment);
    walk_i64(walk, &record->min);
    walk_i64(walk, &record->max);
    walk_i64(walk, &record->next);
    walk_i64(walk, &record->origin);
    walk_u64(walk, &record->block);
    walk_double(walk, &record->rate);
    walk_i64(walk, &record->created_at);
    walk_i64(walk, &record->changed_at);
    walk_i64(walk, &record->written_at);
    record->order = walk_small(walk, (uint8_t)record->order, PAWL_ORDER_GLOBAL);
    record->data_type = walk_small(walk, (uint8_t)record->data_type, PAWL_TYPE_SMALLINT);
    flags = walk_small(walk, (uint8_t)flags, FLAGS_ALL);
    record->cycle = (flags & FLAG_CYCLE) != 0;
    record->ended = (flags & FLAG_ENDED) != 0;
    record->dropped = (flags & FLAG_DROPPED) != 0;
    walk_string(walk, &record->branch_size, record->branch, PAWL_BRANCH_BYTES_MAX);
}

size_t pawl_record_write(const struct pawl_record *record, char bytes[PAWL_RECORD_BYTES_MAX])
{
    struct pawl_record copy = *record;
    struct walk walk = {.to = bytes, .at = 1};

    bytes[0] = PAWL_RECORD_FORMAT;
    walk_record(&walk, &copy);
    PAWL_ASSERT(!walk.bad);
    uint64_t crc = pawl_bytes_crc32((struct pawl_bytes){bytes, walk.at});

    walk_number(&walk, &crc, CRC_BYTES);
    return walk.at;
}

bool pawl_record_sound(const struct pawl_record *record)
{
    return record->name.size > 0 && record->epoch > 0 && record->line > 0 &&
           record->line <= record->epoch && record->epoch <= INT64_MAX &&
           record->lap <= COUNT_MAX && record->version <= COUNT_MAX && record->increment != 0 &&
           record->min < record->max && record->block <= PAWL_BLOCK_IDS_MAX &&
           isfinite(record->rate) && record->rate >= 0;
}

pawl_err pawl_record_read(struct pawl_record *record, struct pawl_bytes bytes, pawl_error *error)
{
    struct walk walk = {.from = bytes, .at = 1};
    struct walk tail = {.from = bytes, .at = bytes.size - CRC_BYTES};
    uint64_t crc = 0;

    if (bytes.size < 1 + CRC_BYTES) {
        return pawl_fail(error, PAWL_DENIED, "a record of %zu bytes is no record", bytes.size);
    }
    if ((unsigned char)bytes.at[0] > PAWL_RECORD_FORMAT) {
        return pawl_fail(error, PAWL_DENIED,
                         "a record has a newer format (%d) than this version knows (%d): "
                         "use the newer version of pawl that wrote it",
                         (unsigned char)bytes.at[0], PAWL_RECORD_FORMAT);
    }
    walk.from.size = tail.at;
    walk_number(&tail, &crc, CRC_BYTES);
    if (crc != pawl_bytes_crc32(walk.from)) {
        return pawl_fail(error, PAWL_DENIED,
                         "a record's checksum is wrong: the store is damaged, restore it");
    }
    *record = (struct pawl_record){.epoch = 0};
    walk_record(&walk, record);
    if (bytes.at[0] == PAWL_RECORD_FORMAT && !walk.bad && walk.at == walk.from.size &&
        pawl_record_sound(record)) {
        return PAWL_OK;
    }
    *record = (struct pawl_record){.epoch = 0};
    return pawl_fail(error, PAWL_DENIED, "a record cannot be meant: the store is damaged");
}
