/* SPDX-License-Identifier: Apache-2.0 */
/* An input's first byte chooses; what is behind it goes to a check. */
#ifndef PAWL_FUZZ_COPIED_H
#define PAWL_FUZZ_COPIED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* What is behind the first byte of an input of one or more, in memory of its own, so that the
 * sanitizer knows where it ends; to be freed. at NULL: no memory. */
static inline struct pawl_bytes fuzz_copied(const uint8_t *data, size_t size)
{
    char *copy = malloc(size);

    if (copy != NULL && size > 1) memcpy(copy, data + 1, size - 1);
    return (struct pawl_bytes){copy, size - 1};
}

/* Lets the first byte choose the check of what is behind it. */
static inline void fuzz_choose(void (*const checks[])(struct pawl_bytes), size_t count,
                               const uint8_t *data, size_t size)
{
    if (size == 0) return;
    struct pawl_bytes bytes = fuzz_copied(data, size);

    if (bytes.at == NULL) return;
    checks[data[0] % count](bytes);
    free((void *)(uintptr_t)bytes.at);
}

#endif
