/* SPDX-License-Identifier: Apache-2.0 */
/* Which of some words somebody may have meant. */
#ifndef PAWL_BASE_NEAREST_H
#define PAWL_BASE_NEAREST_H

#include "base/base.h"

enum { PAWL_NEAREST_BYTES_MAX = 63 }; /* of a word: longer ones are like no other */

/* How many letters must be put in, taken out or exchanged to make b of a; SIZE_MAX: too long. */
size_t pawl_letters_apart(struct pawl_bytes a, struct pawl_bytes b);

#endif
