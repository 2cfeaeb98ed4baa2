/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's, a row of his table at a time. */
size_t pawl_letters_apart(struct pawl_bytes a, struct pawl_bytes b)
{
    size_t row[PAWL_NEAREST_BYTES_MAX + 1];

    if (a.size > PAWL_NEAREST_BYTES_MAX || b.size > PAWL_NEAREST_BYTES_MAX) return SIZE_MAX;
    for (size_t i = 0; i <= b.size; i++) {
        row[i] = i;
    }
    for (size_t i = 0; i < a.size; i++) {
        size_t corner = row[0]; /* of the row above, one to the left */

        row[0] = i + 1;
        for (size_t j = 0; j < b.size; j++) {
            size_t exchanged = corner + (a.at[i] != b.at[j]);

            corner = row[j + 1];
            row[j + 1] = least_of(exchanged, least_of(row[j], corner) + 1);
        }
    }
    return row[b.size];
}
