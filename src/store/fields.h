/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as named texts: the columns, attributes and fields of stores that people read. Numbers
 * are decimal, switches "0" or "1"; name is left out (it is the key). `format` is 1; a store of a
 * newer pawl has another, and is not read.
 */
#ifndef PAWL_FIELDS_H
#define PAWL_FIELDS_H

#include "range/record.h"

enum pawl_field_kind {
    PAWL_FIELD_I64, /* decimal, fits int64 (epochs, tags and versions included) */
    PAWL_FIELD_REAL,
    PAWL_FIELD_TEXT, /* UTF-8; may be empty */
};

/* X(name in the store, kind). The order is the format's. */
#define PAWL_FIELD_MAP(X)         \
    X(format, PAWL_FIELD_I64)     \
    X(next, PAWL_FIELD_I64)       \
    X(epoch, PAWL_FIELD_I64)      \
    X(line, PAWL_FIELD_I64)       \
    X(lap, PAWL_FIELD_I64)        \
    X(version, PAWL_FIELD_I64)    \
    X(tag, PAWL_FIELD_I64)        \
    X(start, PAWL_FIELD_I64)      \
    X(increment, PAWL_FIELD_I64)  \
    X(min, PAWL_FIELD_I64)        \
    X(max, PAWL_FIELD_I64)        \
    X(origin, PAWL_FIELD_I64)     \
    X(block, PAWL_FIELD_I64)      \
    X(cycle, PAWL_FIELD_I64)      \
    X(ended, PAWL_FIELD_I64)      \
    X(dropped, PAWL_FIELD_I64)    \
    X(seq_order, PAWL_FIELD_TEXT) \
    X(data_type, PAWL_FIELD_TEXT) \
    X(rate, PAWL_FIELD_REAL)      \
    X(created_at, PAWL_FIELD_I64) \
    X(changed_at, PAWL_FIELD_I64) \
    X(written_at, PAWL_FIELD_I64) \
    X(branch, PAWL_FIELD_TEXT)    \
    X(moved_to, PAWL_FIELD_TEXT)

enum pawl_field {
#define PAWL_FIELD_ENUM(name, kind) PAWL_FIELD_##name,
    PAWL_FIELD_MAP(PAWL_FIELD_ENUM)
#undef PAWL_FIELD_ENUM
        PAWL_FIELDS, /* how many */
};

/* values[f] of each field f; size 0 and at NULL: not there. */
struct pawl_fields {
    struct pawl_bytes values[PAWL_FIELDS];
    char room[PAWL_FIELDS * 32 + PAWL_BRANCH_BYTES_MAX + PAWL_NAME_BYTES_MAX]; /* write's */
};

const char *pawl_field_name(enum pawl_field field);
enum pawl_field_kind pawl_field_kind(enum pawl_field field);
/* PAWL_FIELDS: no field has that name. */
enum pawl_field pawl_field_find(struct pawl_bytes name);

void pawl_fields_write(const struct pawl_record *record, struct pawl_fields *fields);
/*
 * record's name must be set, the rest is. PAWL_DENIED with what is wrong, as no waiting mends it:
 * a field that is missing or cannot be meant (a foreign record), a newer format.
 */
pawl_err pawl_fields_read(struct pawl_record *record, const struct pawl_fields *fields,
                          pawl_error *error);

#endif
