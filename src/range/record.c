/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of a record: exact at both ends of int64, in both directions. */
#include "range/record.h"

#include <string.h>

#include "range/wide.h"

enum {
    SHARE_OF_LEFT = 100,          /* a margin is at most the 100th part of what is left */
    MARGIN_REFILL_INTERVALS = 10, /* a margin covers this many at the sequence's rate */
};

pawl_err pawl_name_set(struct pawl_name *name, struct pawl_bytes bytes, pawl_error *error)
{
    if (bytes.size == 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "a sequence's name cannot be empty");
    }
    if (bytes.size > PAWL_NAME_BYTES_MAX) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "a sequence's name has at most %d bytes, this one has %zu",
                         PAWL_NAME_BYTES_MAX, bytes.size);
    }
    if (!pawl_utf8_printable(bytes)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "a sequence's name is UTF-8 without control characters, this one is not");
    }
    name->size = (uint8_t)bytes.size;
    memcpy(name->at, bytes.at, bytes.size);
    return PAWL_OK;
}

/* How many ids lie from first to the bound last, both included; they may have passed each other. */
static uint64_t count_ids(pawl_wide first, pawl_wide last, int64_t increment)
{
    pawl_wide distance = increment > 0 ? last - first : first - last;

    PAWL_ASSERT(increment != 0);
    if (distance < 0) return 0;
    pawl_wide count = distance / pawl_wide_step(increment) + 1;
    return count > UINT64_MAX ? UINT64_MAX : (uint64_t)count;
}

uint64_t pawl_record_left_in_lap(const struct pawl_record *record)
{
    if (record->ended) return 0;
    return count_ids(record->next, record->increment > 0 ? record->max : record->min,
                     record->increment);
}

uint64_t pawl_record_lap_size(const struct pawl_record *record)
{
    bool up = record->increment > 0;

    return count_ids(up ? record->min : record->max, up ? record->max : record->min,
                     record->increment);
}

uint64_t pawl_record_left(const struct pawl_record *record)
{
    uint64_t left = pawl_record_left_in_lap(record);
    uint64_t lap = record->cycle ? pawl_record_lap_size(record) : 0;

    return left > lap ? left : lap;
}

uint64_t pawl_record_margin(const struct pawl_record *record, const struct pawl_moment *moment,
                            int64_t since_change_s)
{
    double interval_s = (double)moment->refill_interval_ns / (double)PAWL_NS_PER_S;
    double wish = PAWL_FENCE_IDS_MIN;
    double refills = MARGIN_REFILL_INTERVALS * interval_s * record->rate;
    double lost = since_change_s > 0 ? 2 * record->rate * (double)since_change_s : 0;

    if (refills > wish) wish = refills;
    if (lost > wish) wish = lost;

    uint64_t most = pawl_record_left(record) / SHARE_OF_LEFT;
    return wish > (double)most ? 0 : (uint64_t)wish;
}

int64_t pawl_record_last(const struct pawl_record *record)
{
    if (record->ended || !pawl_record_is_called(record)) return record->next;
    return (int64_t)((pawl_wide)record->next - record->increment);
}

bool pawl_record_is_called(const struct pawl_record *record)
{
    return record->ended || record->next != record->origin;
}

bool pawl_record_behind(const struct pawl_record *record, int64_t id)
{
    if (id == record->next) return record->ended;
    return (id < record->next) == (record->increment > 0);
}

void pawl_record_put(struct pawl_record *record, int64_t id)
{
    record->next = id;
    record->origin = id;
    record->ended = false;
}

void pawl_record_put_used(struct pawl_record *record, int64_t id)
{
    pawl_wide next = (pawl_wide)id + record->increment;

    record->ended = !pawl_wide_is_i64(next);
    record->next = record->ended ? id : (int64_t)next;
    record->origin = id; /* which next can never be again: what was used stays used */
}

void pawl_record_advance(struct pawl_record *record, uint64_t count)
{
    PAWL_ASSERT(count <= pawl_record_left_in_lap(record));
    pawl_wide next = record->next + (pawl_wide)count * record->increment;

    record->ended = !pawl_wide_is_i64(next);
    record->next = (int64_t)(record->ended ? next - record->increment : next);
}

bool pawl_record_skip(struct pawl_record *record, uint64_t count)
{
    uint64_t left = pawl_record_left_in_lap(record);

    if (count > left) {
        if (!record->cycle || count - left > pawl_record_lap_size(record)) return false;
        count -= left;
        pawl_record_turn(record);
    }
    pawl_record_advance(record, count);
    return true;
}

void pawl_record_turn(struct pawl_record *record)
{
    PAWL_ASSERT(record->cycle);
    record->lap++;
    pawl_record_put(record, record->increment > 0 ? record->min : record->max);
}

void pawl_record_info(const struct pawl_record *record, pawl_info *info)
{
    *info = (pawl_info){
        .epoch = record->epoch,
        .line = record->line,
        .lap = record->lap,
        .version = record->version,
        .start = record->start,
        .increment = record->increment,
        .min = record->min,
        .max = record->max,
        .next = record->next,
        .block = record->block,
        .rate = record->rate,
        .created_at = record->created_at,
        .changed_at = record->changed_at,
        .order = record->order,
        .data_type = record->data_type,
        .cycle = record->cycle,
        .ended = pawl_record_left_in_lap(record) == 0,
    };
    memcpy(info->name, record->name.at, record->name.size);
}
