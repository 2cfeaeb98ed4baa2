/* SPDX-License-Identifier: Apache-2.0 */
#include "allocations.h"

#include <stdlib.h>

/* What glibc offers to those that replace malloc; its own names, and its parameters'. */
// NOLINTBEGIN
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
// NOLINTEND

static _Thread_local uint64_t count_of_thread;

uint64_t allocations(void)
{
    return count_of_thread;
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
void *malloc(size_t size)
{
    count_of_thread++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    count_of_thread++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    count_of_thread++;
    return __libc_realloc(old, size);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
