/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { ASIDE_BYTES = PAWL_GUARD_PATH_BYTES + 48 };

static void opening_path(const char *path, char to[ASIDE_BYTES])
{
    (void)snprintf(to, ASIDE_BYTES, "%s/opening", path);
}

uint64_t pawl_guard_openings(const char *path)
{
    char opening[ASIDE_BYTES];
    struct stat about;

    opening_path(path, opening);
    return lstat(opening, &about) == 0 ? (uint64_t)about.st_size : 0;
}

bool pawl_guard_opening_begins(const char *path)
{
    char opening[ASIDE_BYTES];

    opening_path(path, opening);
    int fd = open(opening, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) return false;
    bool written = write(fd, "x", 1) == 1;

    (void)close(fd);
    return written;
}

void pawl_guard_opening_ends(const char *path)
{
    char opening[ASIDE_BYTES];

    opening_path(path, opening);
    (void)unlink(opening);
}

int pawl_guard_set_aside(const char *path, const char *why)
{
    static const char *const names[] = {"data.mdb", "opening"};
    char aside[ASIDE_BYTES];
    char shown[ASIDE_BYTES + 16];
    char from[ASIDE_BYTES];
    char to[ASIDE_BYTES + 16];

    (void)snprintf(aside, sizeof aside, "%s.damaged-%lld", path, (long long)pawl_clock_wall_us());
    pawl_log(PAWL_LOG_ERROR, "guard is damaged, and begun anew", "why=\"%s\" kept_as=%s", why,
             pawl_log_quote(shown, sizeof shown, (struct pawl_bytes){aside, strlen(aside)}));
    if (mkdir(aside, 0700) != 0) return errno;
    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        (void)snprintf(from, sizeof from, "%s/%s", path, names[i]);
        (void)snprintf(to, sizeof to, "%s/%s", aside, names[i]);
        if (rename(from, to) != 0 && errno != ENOENT) return errno;
    }
    return 0;
}
