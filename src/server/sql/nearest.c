/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/nearest.h"

#include <stdio.h>

enum {
    LETTERS_MAX = 64,  /* of a name: longer ones are near nothing */
    DISTANCE_MAX = 3,  /* beyond it a name is another */
    FAR = LETTERS_MAX, /* farther than any */
};

/* The letters of a name, of several bytes or one; 0: there are too many. */
static size_t letters_of(struct pawl_bytes name, struct pawl_bytes letters[LETTERS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < name.size; i++) {
        bool goes_on = count > 0 && ((unsigned char)name.at[i] & 0xc0) == 0x80;

        if (goes_on) {
            letters[count - 1].size++;
            continue;
        }
        if (count == LETTERS_MAX) return 0;
        letters[count++] = (struct pawl_bytes){name.at + i, 1};
    }
    return count;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's: letters put in, taken out, or changed. */
static size_t distance_of(struct pawl_bytes a, struct pawl_bytes b)
{
    struct pawl_bytes from[LETTERS_MAX];
    struct pawl_bytes to[LETTERS_MAX];
    size_t from_count = letters_of(a, from);
    size_t to_count = letters_of(b, to);
    size_t row[LETTERS_MAX + 1];

    if (from_count == 0 || to_count == 0) return FAR;
    for (size_t k = 0; k <= to_count; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= from_count; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t k = 1; k <= to_count; k++) {
            size_t changed = diagonal + (pawl_bytes_equal(from[i - 1], to[k - 1]) ? 0 : 1);

            diagonal = row[k];
            row[k] = least(changed, least(row[k], row[k - 1]) + 1);
        }
    }
    return row[to_count];
}

void sql_nearest_begin(struct sql_nearest *nearest, struct pawl_bytes table,
                       struct pawl_bytes column)
{
    *nearest = (struct sql_nearest){.table = table, .column = column, .distance = DISTANCE_MAX + 1};
}

void sql_nearest_table(struct sql_nearest *nearest, struct pawl_bytes table)
{
    nearest->at = table;
    nearest->penalty = nearest->table.size == 0 ? 0 : distance_of(nearest->table, table);
}

static bool is_found(const struct sql_near *found, const struct sql_near *here)
{
    return pawl_bytes_equal(found->column, here->column) &&
           pawl_bytes_equal(found->table, here->table);
}

/* As updateFuzzyAttrMatchState: a third one as near as two others says that none is meant. */
void sql_nearest_column(struct sql_nearest *nearest, struct pawl_bytes column)
{
    const struct sql_near here = {nearest->at, column};
    struct pawl_bytes letters[LETTERS_MAX];

    /* A JOIN's condition sees its tables twice. */
    if (nearest->penalty > nearest->distance || is_found(&nearest->found[0], &here)) return;
    size_t distance = distance_of(column, nearest->column);
    if (distance > letters_of(nearest->column, letters) / 2) return;
    distance += nearest->penalty;
    if (distance < nearest->distance) {
        nearest->distance = distance;
        nearest->found[0] = here;
        nearest->found[1] = (struct sql_near){0};
    } else if (distance > nearest->distance) {
        return;
    } else if (nearest->found[1].column.size > 0) {
        nearest->found[0] = nearest->found[1] = (struct sql_near){0};
        nearest->distance = distance - 1;
    } else if (nearest->found[0].column.size > 0) {
        nearest->found[1] = here;
    } else if (distance <= DISTANCE_MAX) {
        nearest->found[0] = here;
    }
}

void sql_nearest_hint(const struct sql_nearest *nearest, struct sql_error *error)
{
    const struct sql_near *first = &nearest->found[0];
    const struct sql_near *second = &nearest->found[1];

    if (first->column.size == 0) return;
    if (second->column.size == 0) {
        (void)snprintf(error->hint, sizeof error->hint,
                       "Perhaps you meant to reference the column \"%.*s.%.*s\".",
                       (int)first->table.size, first->table.at, (int)first->column.size,
                       first->column.at);
        return;
    }
    (void)snprintf(error->hint, sizeof error->hint,
                   "Perhaps you meant to reference the column \"%.*s.%.*s\" or the column "
                   "\"%.*s.%.*s\".",
                   (int)first->table.size, first->table.at, (int)first->column.size,
                   first->column.at, (int)second->table.size, second->table.at,
                   (int)second->column.size, second->column.at);
}
