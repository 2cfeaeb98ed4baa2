/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences whose document is a bare number that other programs go on incrementing. There is no
 * room in it for a definition (the URL has it), an epoch (always 1), a line or a tag: ids come from
 * INCREMENT's own answer alone, and everything that needs more than a number is refused by name.
 */
#include "store/couchbase/driver.h"

void pawl_kv_plain_shape(const struct pawl_kv_settings *settings, struct pawl_record *record)
{
    const struct pawl_record given = *record;

    *record = settings->counter;
    record->name = given.name;
    record->version = given.version;
    record->tag = given.tag;
    record->rate = given.rate;
    record->written_at = given.written_at;
    record->next = given.next;
    record->origin = given.next;
    record->ended = given.ended;
    /* Only one that is being made bears the time of it: unused, it begins where the URL says. */
    if (given.created_at != 0 && given.next == given.start) {
        record->next = record->origin = settings->counter.start;
    }
}

static pawl_err refuse(pawl_error *error, const char *what, const char *instead)
{
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "a plain counter (couchbase counter=plain) cannot %s: its document is no more "
                     "than a number; %s",
                     what, instead);
}

/* What CREATE asks for beyond the defaults must be what the URL says. */
static pawl_err judge_create(const struct pawl_kv_settings *settings,
                             const struct pawl_record *record, pawl_error *error)
{
    const struct pawl_record *url = &settings->counter;

    if (record->increment != 1) return refuse(error, "step by more than 1", "leave INCREMENT out");
    if (record->cycle) return refuse(error, "cycle", "leave CYCLE out");
    if (record->order == PAWL_ORDER_GLOBAL) {
        return refuse(error, "say ORDER GLOBAL", "leave it out");
    }
    if (record->data_type != PAWL_TYPE_BIGINT) {
        return refuse(error, "have a TYPE", "give max= in the URL");
    }
    if ((record->start != 1 && record->start != url->start) ||
        (record->min != 1 && record->min != url->min) ||
        (record->max != INT64_MAX && record->max != url->max) ||
        (record->block != 0 && record->block != url->block)) {
        return refuse(error, "keep a definition",
                      "give start=, min=, max= and block= in the URL of the store, not here");
    }
    return PAWL_OK;
}

static bool same_definition(const struct pawl_record *a, const struct pawl_record *b)
{
    return a->increment == b->increment && a->min == b->min && a->max == b->max &&
           a->start == b->start && a->cycle == b->cycle && a->block == b->block &&
           a->order == b->order && a->data_type == b->data_type;
}

pawl_err pawl_kv_plain_judge(const struct pawl_kv_settings *settings, const struct pawl_op *op,
                             pawl_error *error)
{
    const struct pawl_record *record = &op->record;
    const struct pawl_record *expected = &op->expected;

    if (op->kind != PAWL_OP_WRITE) return PAWL_OK;
    if (record->moved_to.size > 0) {
        return refuse(error, "be renamed", "others increment the document under its key");
    }
    if (record->dropped) {
        return refuse(error, "be dropped", "delete the document once nobody increments it");
    }
    if (expected->epoch == 0) return judge_create(settings, record, error);
    if (!same_definition(record, expected)) {
        return refuse(error, "be altered", "change the URL of the store");
    }
    if (record->epoch == expected->epoch && pawl_record_behind(expected, record->next)) {
        return pawl_fail(error, PAWL_NOT_KEPT,
                         "a plain counter takes no ids back: others increment it");
    }
    if (record->line != expected->line || pawl_record_behind(expected, record->next)) {
        return refuse(error, "go back or begin a new line",
                      "stop whoever increments it and write the document by hand");
    }
    if (record->changed_at != expected->changed_at && record->origin != record->next) {
        return refuse(error, "be fenced by an epoch", "move it forward instead (pawl set)");
    }
    return PAWL_OK;
}
