/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

uint64_t pawl_clock_ns(void)
{
    struct timespec now;

    PAWL_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * PAWL_NS_PER_S + (uint64_t)now.tv_nsec;
}

int64_t pawl_clock_wall_s(void)
{
    struct timespec now;

    PAWL_ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec;
}

int64_t pawl_clock_wall_us(void)
{
    struct timespec now;

    PAWL_ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + (int64_t)now.tv_nsec / 1000;
}

void pawl_entropy(void *bytes, size_t size)
{
    char *at = bytes;

    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);

        PAWL_ASSERT(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
}
