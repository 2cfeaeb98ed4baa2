/* SPDX-License-Identifier: Apache-2.0 */
#include "range/ledger.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_SIZE_LEAST = 64 };

const char *pawl_cause_name(enum pawl_cause cause)
{
    static const char *const names[] = {
#define PAWL_CAUSE_NAME(constant, word, bound, text) word,
        PAWL_CAUSE_MAP(PAWL_CAUSE_NAME)
#undef PAWL_CAUSE_NAME
    };
    _Static_assert((size_t)PAWL_CAUSE_COUNT <= PAWL_CAUSES_MAX, "all causes fit what is shown");

    PAWL_ASSERT(cause < PAWL_CAUSE_COUNT);
    return names[cause];
}

uint64_t pawl_books_burned(const struct pawl_books *books)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < PAWL_CAUSE_COUNT; i++) {
        sum += books->burned[i];
    }
    return sum;
}

bool pawl_books_tell(const struct pawl_books *books)
{
    return pawl_books_burned(books) > 0 || books->steps_back > 0 || books->stops > 0;
}

uint64_t pawl_books_held(const struct pawl_books *books)
{
    return books->flows[PAWL_FLOW_RESERVED] - pawl_books_used(books) -
           books->flows[PAWL_FLOW_GIVEN_BACK] - pawl_books_burned(books);
}

uint64_t pawl_books_recover(struct pawl_books *books)
{
    uint64_t lost = pawl_books_held(books) + books->asked;

    if (lost == 0) return 0;
    books->burned[PAWL_CAUSE_CRASH] += lost;
    books->crash_bounded = books->bounded && books->asked == 0;
    books->flows[PAWL_FLOW_RESERVED] += books->asked;
    books->asked = 0;
    books->crash_after = books->after;
    books->crash_top = books->top;
    return lost;
}

void pawl_books_gaps(const struct pawl_books *books, int64_t since, pawl_gaps *gaps)
{
    *gaps = (pawl_gaps){
        .since = since,
        .reserved = books->flows[PAWL_FLOW_RESERVED],
        .crash_bounded = books->crash_bounded,
        .crash_after = books->crash_after,
        .crash_to = books->crash_top,
        .steps_back = books->steps_back,
        .step_back_ids = books->step_back_ids,
        .stopped = books->stopped,
        .stops = books->stops,
    };
    for (size_t i = 0; i < PAWL_CAUSE_COUNT; i++) {
        gaps->burned[i] = books->burned[i];
    }
}

static struct pawl_row **bucket(struct pawl_row **table, size_t size, struct pawl_bytes name)
{
    return &table[pawl_bytes_hash(name, 0) & (size - 1)];
}

static struct pawl_bytes row_name(const struct pawl_row *row)
{
    return (struct pawl_bytes){row->name, row->name_size};
}

struct pawl_row *pawl_ledger_find(const struct pawl_ledger *ledger, struct pawl_bytes name)
{
    if (ledger->size == 0) return NULL;
    struct pawl_row *row = *bucket(ledger->table, ledger->size, name);

    while (row != NULL && !pawl_bytes_equal(row_name(row), name)) {
        row = row->chain;
    }
    return row;
}

static bool grow(struct pawl_ledger *ledger)
{
    size_t size = ledger->size == 0 ? TABLE_SIZE_LEAST : 2 * ledger->size;
    struct pawl_row **table = calloc(size, sizeof *table);

    if (table == NULL) return false;
    for (size_t i = 0; i < ledger->size; i++) {
        struct pawl_row *next = NULL;

        for (struct pawl_row *row = ledger->table[i]; row != NULL; row = next) {
            struct pawl_row **into = bucket(table, size, row_name(row));

            next = row->chain;
            row->chain = *into;
            *into = row;
        }
    }
    free(ledger->table);
    ledger->table = table;
    ledger->size = size;
    return true;
}

struct pawl_row *pawl_ledger_get(struct pawl_ledger *ledger, struct pawl_bytes name)
{
    struct pawl_row *row = pawl_ledger_find(ledger, name);

    if (row != NULL) return row;
    if (ledger->count == PAWL_LEDGER_ROWS_MAX) return NULL;
    if (ledger->count == ledger->size && !grow(ledger)) return NULL;
    row = calloc(1, sizeof *row + name.size);
    if (row == NULL) return NULL;
    PAWL_ASSERT(name.size <= UINT8_MAX);
    row->name_size = (uint8_t)name.size;
    memcpy(row->name, name.at, name.size);
    struct pawl_row **into = bucket(ledger->table, ledger->size, name);
    row->chain = *into;
    *into = row;
    ledger->count++;
    return row;
}

void pawl_ledger_drop(struct pawl_ledger *ledger, struct pawl_row *row)
{
    struct pawl_row **link = bucket(ledger->table, ledger->size, row_name(row));

    while (*link != row) {
        PAWL_ASSERT(*link != NULL);
        link = &(*link)->chain;
    }
    *link = row->chain;
    ledger->count--;
    free(row);
}

void pawl_ledger_free(struct pawl_ledger *ledger)
{
    for (size_t i = 0; i < ledger->size; i++) {
        struct pawl_row *next = NULL;

        for (struct pawl_row *row = ledger->table[i]; row != NULL; row = next) {
            next = row->chain;
            free(row);
        }
    }
    free(ledger->table);
    *ledger = (struct pawl_ledger){NULL, 0, 0};
}
