/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/variables.h"

#include <string.h>

#include "base/nearest.h"

enum { LETTERS_PER_SLIP = 4 }; /* of a name, for each letter that may be wrong */

static const char *const known[] = {"PAWL_PASSWORD", "PAWL_URL"};

static struct pawl_bytes text_bytes(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

/* pawld's have a letter more: PAWLD_URL. */
static const char *without_d(struct pawl_bytes name)
{
    const struct pawl_bytes rest = {name.at + 6, name.size - 6};

    for (size_t i = 0; i < PAWL_COUNT(known); i++) {
        if (pawl_bytes_equal(rest, text_bytes(known[i] + 5))) return known[i];
    }
    return NULL;
}

const char *variables_meant(const char *entry, struct pawl_bytes *name)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;

    *name = (struct pawl_bytes){entry, strcspn(entry, "=")};
    if (pawl_bytes_begin(*name, PAWL_BYTES("PAWLD_"))) return without_d(*name);
    if (!pawl_bytes_begin(*name, PAWL_BYTES("PAWL_"))) return NULL;
    for (size_t i = 0; i < PAWL_COUNT(known); i++) {
        size_t apart = pawl_letters_apart(*name, text_bytes(known[i]));

        if (apart >= least) continue;
        least = apart;
        nearest = known[i];
    }
    return least > 0 && least <= name->size / LETTERS_PER_SLIP ? nearest : NULL;
}
