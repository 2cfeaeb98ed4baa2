/* SPDX-License-Identifier: Apache-2.0 */
/* One sequence and the asks that tests put to it. */
#ifndef RECORD_FIXTURE_H
#define RECORD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "range/source.h"

/* Definitions by their maximum. */
#define UP_TO(n)                            \
    {                                       \
        .given = PAWL_GIVEN_MAX, .max = (n) \
    }
#define CYCLE_TO(n)                                                           \
    {                                                                         \
        .given = PAWL_GIVEN_MAX | PAWL_GIVEN_CYCLE, .max = (n), .cycle = true \
    }

/* A record, and the moment at which asks come to it. Tests move wall_s. */
struct desk {
    struct pawl_record record;
    uint64_t random;
    struct pawl_moment moment;
};

static inline void desk_set(struct desk *desk, const char *name)
{
    *desk = (struct desk){.random = 7};
    desk->moment = (struct pawl_moment){
        .random = &desk->random,
        .wall_s = 1000000,
        .refill_interval_ns = 30 * PAWL_NS_PER_S,
    };
    assert_int_equal(
        pawl_name_set(&desk->record.name, (struct pawl_bytes){name, strlen(name)}, NULL), PAWL_OK);
}

/* All that is kept of a record. Copies may differ in the bytes between its fields. */
static inline void assert_same_record(const struct pawl_record *a, const struct pawl_record *b)
{
    char bytes_a[PAWL_RECORD_BYTES_MAX], bytes_b[PAWL_RECORD_BYTES_MAX];
    size_t size = pawl_record_write(a, bytes_a);

    assert_int_equal(pawl_record_write(b, bytes_b), size);
    assert_memory_equal(bytes_a, bytes_b, size);
    assert_int_equal(a->name.size, b->name.size);
    assert_memory_equal(a->name.at, b->name.at, a->name.size);
}

/* Puts ask, and holds what is true of every ask: see pawl_record_apply. */
static inline pawl_err desk_ask(struct desk *desk, struct pawl_ask *ask)
{
    struct pawl_record before = desk->record;
    bool changed = pawl_record_apply(&desk->record, ask, &desk->moment);

    if (changed) {
        assert_int_equal(ask->error.code, PAWL_OK);
        assert_int_equal(desk->record.version, before.version + 1);
    } else {
        assert_same_record(&desk->record, &before);
    }
    return ask->error.code;
}

static inline struct pawl_ask desk_create(struct desk *desk, const pawl_definition *definition)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_CREATE, .definition = definition};

    (void)desk_ask(desk, &ask);
    return ask;
}

static inline struct pawl_ask desk_alter(struct desk *desk, const pawl_definition *definition)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_ALTER, .definition = definition};

    (void)desk_ask(desk, &ask);
    return ask;
}

static inline struct pawl_ask desk_next(struct desk *desk, uint64_t count)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_NEXT, .count = count};

    (void)desk_ask(desk, &ask);
    return ask;
}

static inline struct pawl_ask desk_take(struct desk *desk, uint64_t count)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_TAKE, .count = count};

    (void)desk_ask(desk, &ask);
    return ask;
}

static inline struct pawl_ask desk_put(struct desk *desk, int64_t value, bool force)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_SET, .value = value, .force = force};

    (void)desk_ask(desk, &ask);
    return ask;
}

/* As PostgreSQL's setval(s, value). */
static inline struct pawl_ask desk_put_used(struct desk *desk, int64_t value, bool force)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_SET, .value = value, .called = true, .force = force};

    (void)desk_ask(desk, &ask);
    return ask;
}

/* The last id of a grant as a floor. */
static inline struct pawl_mark desk_floor(const struct pawl_ask *ask)
{
    return (struct pawl_mark){ask->grant.line, ask->grant.lap, pawl_range_last(ask->grant.range)};
}

static inline void desk_open(struct desk *desk, pawl_definition definition)
{
    desk_set(desk, "s");
    assert_int_equal(desk_create(desk, &definition).error.code, PAWL_OK);
}

static inline struct pawl_ask desk_fence(struct desk *desk, uint64_t count, uint64_t line)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_FENCE, .count = count, .line = line};

    (void)desk_ask(desk, &ask);
    return ask;
}

static inline struct pawl_ask desk_return(struct desk *desk, const struct pawl_ask *taken,
                                          int64_t value)
{
    struct pawl_ask ask = {
        .kind = PAWL_ASK_RETURN,
        .value = value,
        .lease = taken->grant.lease,
        .epoch = taken->grant.epoch,
    };

    (void)desk_ask(desk, &ask);
    return ask;
}

#endif
