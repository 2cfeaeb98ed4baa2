/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_clean.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "store/guard_aside.h"

enum { CLEAN_BYTES = PAWL_GUARD_PATH_BYTES + 16, TEXT_BYTES = 128, NS_PER_US = 1000 };

static int open_data(const char *path, int flags)
{
    char data[CLEAN_BYTES];

    (void)snprintf(data, sizeof data, "%s/data.mdb", path);
    return open(data, flags | O_CLOEXEC | O_NOFOLLOW);
}

static bool tell(int fd, char text[TEXT_BYTES])
{
    struct stat about;

    if (fstat(fd, &about) != 0) return false;
    (void)snprintf(text, TEXT_BYTES, "%ju %jd %jd.%09ld\n", (uintmax_t)about.st_ino,
                   (intmax_t)about.st_size, (intmax_t)about.st_mtim.tv_sec, about.st_mtim.tv_nsec);
    return true;
}

/* The system's clock for files is coarse: no write after this one bears the same time. */
static bool stamp(int fd)
{
    int64_t now_us = pawl_clock_wall_us();
    uint64_t luck = 0;

    pawl_entropy(&luck, sizeof luck);
    const struct timespec now = {
        .tv_sec = (time_t)(now_us / (int64_t)(PAWL_NS_PER_S / NS_PER_US)),
        .tv_nsec = (long)(luck % PAWL_NS_PER_S),
    };

    return futimens(fd, (const struct timespec[2]){now, now}) == 0;
}

void pawl_guard_clean_leave(const char *path)
{
    char clean[CLEAN_BYTES];
    char text[TEXT_BYTES];
    int data = open_data(path, O_RDWR);

    if (data < 0) return;
    bool told = stamp(data) && tell(data, text);

    (void)close(data);
    if (!told) return;
    (void)snprintf(clean, sizeof clean, "%s/clean", path);
    int fd = open(clean, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) return;
    size_t size = strlen(text);
    bool whole = write(fd, text, size) == (ssize_t)size;

    (void)close(fd);
    if (!whole) (void)unlink(clean);
}

bool pawl_guard_clean_take(const char *path)
{
    char clean[CLEAN_BYTES];
    char known[TEXT_BYTES] = {0};
    char text[TEXT_BYTES];

    (void)snprintf(clean, sizeof clean, "%s/clean", path);
    int fd = open(clean, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) return false;
    ssize_t size = read(fd, known, sizeof known - 1);

    (void)close(fd);
    if (unlink(clean) != 0 || size <= 0) return false;
    int data = open_data(path, O_RDONLY);

    if (data < 0) return false;
    bool same = tell(data, text) && strcmp(text, known) == 0;

    (void)close(data);
    return same;
}
