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
#include "store/guard_trial.h"

enum {
    ASIDE_BYTES = PAWL_GUARD_PATH_BYTES + 48,
    READ_BYTES = 256, /* of "opening": more are no other story */
    WRITING = 'w',
};

static void opening_path(const char *path, char to[ASIDE_BYTES])
{
    (void)snprintf(to, ASIDE_BYTES, "%s/opening", path);
}

struct pawl_guard_openings pawl_guard_openings(const char *path)
{
    struct pawl_guard_openings openings = {.all = 0};
    char opening[ASIDE_BYTES];
    char bytes[READ_BYTES];

    opening_path(path, opening);
    int fd = open(opening, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) return openings;
    ssize_t size = read(fd, bytes, sizeof bytes);

    (void)close(fd);
    for (ssize_t i = 0; i < size; i++) {
        openings.all++;
        openings.written = bytes[i] == WRITING ? openings.written + 1 : 0;
    }
    return openings;
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

void pawl_guard_opening_writes(const char *path)
{
    static const char writing = WRITING;
    char opening[ASIDE_BYTES];
    struct stat about;

    opening_path(path, opening);
    int fd = open(opening, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) return;
    if (fstat(fd, &about) == 0 && about.st_size > 0) {
        (void)!pwrite(fd, &writing, 1, about.st_size - 1);
    }
    (void)close(fd);
}

void pawl_guard_opening_ends(const char *path)
{
    char opening[ASIDE_BYTES];

    opening_path(path, opening);
    (void)unlink(opening);
}

bool pawl_guard_is_deadly(const char *path, const struct pawl_guard_openings *openings)
{
    if (openings->all == 0) return false;
    /* A look at it does not show what ends the process. */
    if (openings->written >= PAWL_GUARD_OPENINGS_MAX) return true;
    switch (pawl_guard_try(path)) {
    case PAWL_GUARD_TRIAL_DIED:
        return true;
    case PAWL_GUARD_TRIAL_LIVED:
        return false;
    case PAWL_GUARD_TRIAL_NONE:
        break;
    }
    return openings->all >= PAWL_GUARD_OPENINGS_MAX;
}

int pawl_guard_set_aside(const char *path, const char *why)
{
    static const char *const names[] = {"data.mdb", "opening"};
    char aside[ASIDE_BYTES];
    char shown[ASIDE_BYTES + 16];
    char from[ASIDE_BYTES];
    char to[ASIDE_BYTES + 16];

    (void)snprintf(aside, sizeof aside, "%s.damaged-%lld", path, (long long)pawl_clock_wall_us());
    pawl_log(PAWL_LOG_ERROR, "guard is damaged, and begun anew",
             "why=\"%s\" kept_as=%s " PAWL_GUARD_LOST_ADVICE, why,
             pawl_log_quote(shown, sizeof shown, (struct pawl_bytes){aside, strlen(aside)}));
    if (mkdir(aside, 0700) != 0) return errno;
    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        (void)snprintf(from, sizeof from, "%s/%s", path, names[i]);
        (void)snprintf(to, sizeof to, "%s/%s", aside, names[i]);
        if (rename(from, to) != 0 && errno != ENOENT) return errno;
    }
    return 0;
}
