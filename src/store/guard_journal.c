/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0600, JOURNAL_BYTES_MAX = 64 << 20 };

static int read_all(int fd, size_t size, char *to)
{
    for (size_t at = 0; at < size;) {
        ssize_t got = pread(fd, to + at, size - at, (off_t)at);

        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got < 0 ? errno : EIO;
        at += (size_t)got;
    }
    return 0;
}

int pawl_journal_open(struct pawl_journal *journal, const char *path, struct pawl_bytes *bytes)
{
    struct stat about;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    int failure = 0;

    *journal = (struct pawl_journal){.fd = fd};
    if (fd < 0) return errno;
    failure = fstat(fd, &about) != 0 ? errno : 0;
    if (failure == 0 && about.st_size > JOURNAL_BYTES_MAX) failure = EFBIG;
    if (failure != 0) return failure;
    size_t size = (size_t)about.st_size;
    char *text = malloc(size + 1);

    if (text == NULL) return ENOMEM;
    failure = read_all(fd, size, text);
    if (failure != 0) {
        free(text);
        return failure;
    }
    journal->size = size;
    *bytes = (struct pawl_bytes){text, size};
    return 0;
}

/* A frame that is not whole must not stand before one that is. */
static int cut(struct pawl_journal *journal, int failure)
{
    journal->harmed = ftruncate(journal->fd, (off_t)journal->size) != 0;
    return failure;
}

int pawl_journal_add(struct pawl_journal *journal, struct pawl_bytes frame, bool lasts)
{
    if (journal->harmed) return EIO;
    if (journal->size + frame.size > JOURNAL_BYTES_MAX) return EFBIG;
    for (size_t at = 0; at < frame.size;) {
        ssize_t put =
            pwrite(journal->fd, frame.at + at, frame.size - at, (off_t)(journal->size + at));

        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return cut(journal, put < 0 ? errno : ENOSPC);
        at += (size_t)put;
    }
    if (lasts && fdatasync(journal->fd) != 0) return cut(journal, errno);
    journal->size += frame.size;
    return 0;
}

int pawl_journal_empty(struct pawl_journal *journal)
{
    if (ftruncate(journal->fd, 0) != 0) return errno;
    journal->size = 0;
    journal->harmed = false;
    return 0;
}

void pawl_journal_close(struct pawl_journal *journal)
{
    if (journal->fd >= 0) (void)close(journal->fd);
    journal->fd = -1;
}
