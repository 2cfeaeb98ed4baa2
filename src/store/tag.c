/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LUCK_DIGITS = 16 };

_Static_assert((int)PAWL_TAG_BYTES_MAX <= (int)PAWL_BRANCH_BYTES_MAX, "a tag is a branch");

bool pawl_tag_read(struct pawl_tag *tag, struct pawl_bytes text)
{
    size_t at = text.size > LUCK_DIGITS ? text.size - LUCK_DIGITS - 1 : 0;
    struct pawl_tag read = {.number = 0};

    if (at == 0 || text.at[at] != '-' ||
        !pawl_bytes_to_u64((struct pawl_bytes){text.at, at}, &read.number) || read.number == 0) {
        return false;
    }
    for (size_t i = at + 1; i < text.size; i++) {
        int digit = pawl_hex_digit(text.at[i]);

        if (digit < 0) return false;
        read.luck = read.luck << 4 | (uint64_t)digit;
    }
    *tag = read;
    return true;
}

size_t pawl_tag_write(const struct pawl_tag *tag, char text[PAWL_TAG_BYTES_MAX])
{
    char room[PAWL_TAG_BYTES_MAX + 1];
    int size = snprintf(room, sizeof room, "%" PRIu64 "-%016" PRIx64, tag->number, tag->luck);

    PAWL_ASSERT(size > 0 && size <= PAWL_TAG_BYTES_MAX);
    memcpy(text, room, (size_t)size);
    return (size_t)size;
}

bool pawl_tag_equal(const struct pawl_tag *a, const struct pawl_tag *b)
{
    return a->number == b->number && a->luck == b->luck;
}

struct pawl_tag pawl_tag_draw(const struct pawl_tag *seen, const struct pawl_tag *known,
                              const struct pawl_tag *asked, uint64_t *random)
{
    uint64_t number = seen->number > known->number ? seen->number : known->number;

    if (asked->number > number) number = asked->number;
    return (struct pawl_tag){.number = number < UINT64_MAX ? number + 1 : number,
                             .luck = pawl_random(random)};
}

struct pawl_branch pawl_tag_branch(const struct pawl_tag *tag)
{
    struct pawl_branch branch = {.loses = true};

    if (tag->number > 0) branch.size = (uint8_t)pawl_tag_write(tag, branch.at);
    return branch;
}
