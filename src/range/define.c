/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions, as PostgreSQL judges them: the same checks in the same order with the same texts,
 * so that whoever moves from there meets nothing new.
 */
#include <inttypes.h>

#include "range/pace.h"
#include "range/record.h"
#include "range/wide.h"

static const struct {
    const char *name;
    int64_t min, max;
} types[] = {
    [PAWL_TYPE_BIGINT] = {"bigint", INT64_MIN, INT64_MAX},
    [PAWL_TYPE_INTEGER] = {"integer", INT32_MIN, INT32_MAX},
    [PAWL_TYPE_SMALLINT] = {"smallint", INT16_MIN, INT16_MAX},
};

/* Pairs of which at most one can be meant. */
static const uint32_t conflicts[] = {
    PAWL_GIVEN_MIN | PAWL_GIVEN_NO_MIN,
    PAWL_GIVEN_MAX | PAWL_GIVEN_NO_MAX,
    PAWL_GIVEN_RESTART | PAWL_GIVEN_RESTART_AT_START,
};

enum { GIVEN_ALL = (PAWL_GIVEN_IF_NOT_EXISTS << 1) - 1 };

/* One change of a definition under way. */
struct change {
    struct pawl_record *record;
    const pawl_definition *definition;
    bool create;
    bool reset_min, reset_max; /* they were the old type's own, and follow the new one's */
    pawl_error *error;
};

static bool given(const struct change *change, uint32_t bits)
{
    return (change->definition->given & bits) != 0;
}

static pawl_err check_given(const struct change *change)
{
    const pawl_definition *definition = change->definition;

    if ((definition->given & ~(uint32_t)GIVEN_ALL) != 0) {
        return pawl_fail(change->error, PAWL_BAD_REQUEST,
                         "the definition has parts that this version does not know (0x%" PRIx32 ")",
                         definition->given & ~(uint32_t)GIVEN_ALL);
    }
    for (size_t i = 0; i < PAWL_COUNT(conflicts); i++) {
        if ((definition->given & conflicts[i]) == conflicts[i]) {
            return pawl_fail(change->error, PAWL_BAD_REQUEST, "conflicting or redundant options");
        }
    }
    if (change->create && given(change, PAWL_GIVEN_RESTART | PAWL_GIVEN_RESTART_AT_START)) {
        return pawl_fail(change->error, PAWL_BAD_REQUEST,
                         "RESTART is for ALTER; a new sequence begins at its START");
    }
    if (given(change, PAWL_GIVEN_TYPE) && (size_t)definition->data_type >= PAWL_COUNT(types)) {
        return pawl_fail(change->error, PAWL_BAD_REQUEST,
                         "sequence type must be smallint, integer, or bigint");
    }
    if (given(change, PAWL_GIVEN_ORDER) && definition->order != PAWL_ORDER_CLIENT &&
        definition->order != PAWL_ORDER_GLOBAL) {
        return pawl_fail(change->error, PAWL_BAD_REQUEST, "ORDER must be CLIENT or GLOBAL");
    }
    return PAWL_OK;
}

pawl_err pawl_definition_check(enum pawl_define how, const pawl_definition *definition,
                               pawl_error *error)
{
    const struct change change = {
        .definition = definition,
        .create = how == PAWL_DEFINE_CREATE,
        .error = error,
    };

    return definition == NULL ? PAWL_OK : check_given(&change);
}

static void set_type(struct change *change)
{
    struct pawl_record *record = change->record;
    pawl_type wished = change->definition->data_type;

    if (!given(change, PAWL_GIVEN_TYPE)) return;
    if (!change->create) {
        change->reset_max = record->max == types[record->data_type].max;
        change->reset_min = record->min == types[record->data_type].min;
    }
    record->data_type = wished;
}

static pawl_err set_increment(const struct change *change)
{
    if (!given(change, PAWL_GIVEN_INCREMENT)) return PAWL_OK;
    if (change->definition->increment == 0) {
        return pawl_fail(change->error, PAWL_BAD_REQUEST, "INCREMENT must not be zero");
    }
    change->record->increment = change->definition->increment;
    return PAWL_OK;
}

static pawl_err check_fits_type(const struct change *change, const char *what, int64_t value)
{
    pawl_type type = change->record->data_type;

    if (value >= types[type].min && value <= types[type].max) return PAWL_OK;
    return pawl_fail(change->error, PAWL_BAD_REQUEST,
                     "%s (%" PRId64 ") is out of range for sequence data type %s", what, value,
                     types[type].name);
}

static pawl_err set_bounds(const struct change *change)
{
    struct pawl_record *record = change->record;
    bool up = record->increment > 0;
    pawl_err err;

    if (given(change, PAWL_GIVEN_MAX)) {
        record->max = change->definition->max;
    } else if (change->create || change->reset_max || given(change, PAWL_GIVEN_NO_MAX)) {
        record->max = up || change->reset_max ? types[record->data_type].max : -1;
    }
    err = check_fits_type(change, "MAXVALUE", record->max);
    if (err != PAWL_OK) return err;

    if (given(change, PAWL_GIVEN_MIN)) {
        record->min = change->definition->min;
    } else if (change->create || change->reset_min || given(change, PAWL_GIVEN_NO_MIN)) {
        record->min = !up || change->reset_min ? types[record->data_type].min : 1;
    }
    err = check_fits_type(change, "MINVALUE", record->min);
    if (err != PAWL_OK) return err;

    if (record->min >= record->max) {
        return pawl_fail(change->error, PAWL_BAD_REQUEST,
                         "MINVALUE (%" PRId64 ") must be less than MAXVALUE (%" PRId64 ")",
                         record->min, record->max);
    }
    return PAWL_OK;
}

static pawl_err check_within(const struct change *change, const char *what, int64_t value)
{
    const struct pawl_record *record = change->record;

    if (value < record->min) {
        return pawl_fail(change->error, PAWL_BAD_REQUEST,
                         "%s value (%" PRId64 ") cannot be less than MINVALUE (%" PRId64 ")", what,
                         value, record->min);
    }
    if (value > record->max) {
        return pawl_fail(change->error, PAWL_BAD_REQUEST,
                         "%s value (%" PRId64 ") cannot be greater than MAXVALUE (%" PRId64 ")",
                         what, value, record->max);
    }
    return PAWL_OK;
}

static pawl_err set_start(const struct change *change)
{
    struct pawl_record *record = change->record;

    if (given(change, PAWL_GIVEN_START)) {
        record->start = change->definition->start;
    } else if (change->create) {
        record->start = record->increment > 0 ? record->min : record->max;
    }
    return check_within(change, "START", record->start);
}

/*
 * Where the next id comes to lie. PostgreSQL keeps the last id and whether it was handed out; the
 * record keeps the next one, which another increment therefore moves. old: as it was before.
 */
static pawl_err set_next(const struct change *change, const struct pawl_record *old)
{
    struct pawl_record *record = change->record;
    int64_t last = pawl_record_last(old);

    if (change->create || given(change, PAWL_GIVEN_RESTART_AT_START)) {
        pawl_record_put(record, record->start);
    } else if (given(change, PAWL_GIVEN_RESTART)) {
        pawl_record_put(record, change->definition->restart);
    } else {
        bool used = pawl_record_is_called(old);
        pawl_err err = check_within(change, "RESTART", last);

        if (err != PAWL_OK || !used || record->increment == old->increment) return err;
        pawl_record_put_used(record, last);
        return PAWL_OK;
    }
    return check_within(change, "RESTART", record->next);
}

static pawl_err set_rest(const struct change *change)
{
    struct pawl_record *record = change->record;
    const pawl_definition *definition = change->definition;

    if (given(change, PAWL_GIVEN_CYCLE)) record->cycle = definition->cycle;
    if (given(change, PAWL_GIVEN_BLOCK)) {
        if (definition->block > PAWL_BLOCK_IDS_MAX) {
            return pawl_fail(change->error, PAWL_BAD_REQUEST,
                             "BLOCK (%" PRIu64 ") cannot be greater than %d", definition->block,
                             PAWL_BLOCK_IDS_MAX);
        }
        record->block = definition->block;
    }
    if (given(change, PAWL_GIVEN_ORDER)) record->order = definition->order;
    return PAWL_OK;
}

static void set_defaults(struct pawl_record *record)
{
    record->increment = 1;
    record->cycle = false;
    record->block = 0;
    record->order = PAWL_ORDER_CLIENT;
    record->data_type = PAWL_TYPE_BIGINT;
}

pawl_err pawl_record_define(struct pawl_record *record, enum pawl_define how,
                            const pawl_definition *definition, pawl_error *error)
{
    static const pawl_definition nothing = {.given = 0};
    struct pawl_record old = *record;
    struct change change = {
        .record = record,
        .definition = definition == NULL ? &nothing : definition,
        .create = how == PAWL_DEFINE_CREATE,
        .error = error,
    };
    pawl_err err = check_given(&change);

    if (err != PAWL_OK) return err;
    if (change.create) set_defaults(record);
    set_type(&change);
    if ((err = set_increment(&change)) != PAWL_OK) return err;
    if ((err = set_bounds(&change)) != PAWL_OK) return err;
    if ((err = set_start(&change)) != PAWL_OK) return err;
    if ((err = set_next(&change, &old)) != PAWL_OK) return err;
    return set_rest(&change);
}
