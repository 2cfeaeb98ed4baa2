/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A branch for a store that tells none of its own: kept in the store beside the records, drawn when
 * pawl first comes, and drawn anew by the first that sees the store go back. It has a number, which
 * rises with each draw, and luck: "2-9f86d081884c7d65". So whoever knows a later one sees that one
 * from a restored backup is old, though the backup has it in all its records. Pure functions.
 */
#ifndef PAWL_TAG_H
#define PAWL_TAG_H

#include "range/record.h"

enum { PAWL_TAG_BYTES_MAX = 20 + 1 + 16 };

struct pawl_tag {
    uint64_t number; /* 0: there is none */
    uint64_t luck;
};

/* false: the text is none; tag is as it was. */
bool pawl_tag_read(struct pawl_tag *tag, struct pawl_bytes text);
/* Returns its size; not ended. */
size_t pawl_tag_write(const struct pawl_tag *tag, char text[PAWL_TAG_BYTES_MAX]);
bool pawl_tag_equal(const struct pawl_tag *a, const struct pawl_tag *b);
/* A new one, beyond all of these, each of which may be none. */
struct pawl_tag pawl_tag_draw(const struct pawl_tag *seen, const struct pawl_tag *known,
                              const struct pawl_tag *asked, uint64_t *random);
/* It is only ever drawn where acknowledged writes may be lost. */
struct pawl_branch pawl_tag_branch(const struct pawl_tag *tag);

#endif
