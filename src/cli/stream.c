/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stream.h"

#include "cli/args.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM_LEAST = 65536 };

#define STREAM_BYTES_MAX ((size_t)16 << 30)

bool stream_is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* Returns the larger piece; NULL: errno says why, and the old one stays. */
static char *grow(char *bytes, size_t *room)
{
    if (*room == STREAM_BYTES_MAX) {
        errno = EFBIG;
        return NULL;
    }
    *room = *room == 0 ? ROOM_LEAST : *room * 2;
    return realloc(bytes, *room);
}

/* What has no size before its end: a pipe, a terminal. */
static bool read_on(int fd, struct stream *stream)
{
    size_t room = 0;
    char *bytes = grow(NULL, &room);

    while (bytes != NULL) {
        stream->bytes = bytes;
        ssize_t got = read(fd, bytes + stream->size, room - stream->size);

        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got == 0;
        stream->size += (size_t)got;
        if (stream->size == room) bytes = grow(bytes, &room);
    }
    return false;
}

/* The one way that is left: who reads on would read it again. */
static void cut_short(int number)
{
    static const char text[] = "pawl: a file was cut short, or its disk failed, while it was read: "
                               "copy it while nobody writes, and name the copy\n";

    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(EXIT_FAILED);
}

static bool map(int fd, size_t size, struct stream *stream)
{
    const struct sigaction action = {.sa_handler = cut_short};

    if (size == 0) return true;
    (void)sigaction(SIGBUS, &action, NULL);
    void *mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

    if (mapped == MAP_FAILED) return false;
    stream->bytes = mapped;
    stream->size = size;
    stream->mapped = true;
    return true;
}

/* Standard input may stand behind its beginning already, and so is read from there. */
static bool hold(int fd, bool standard, struct stream *stream)
{
    struct stat facts;

    if (fd < 0 || fstat(fd, &facts) != 0) return false;
    if (S_ISDIR(facts.st_mode)) {
        errno = EISDIR;
        return false;
    }
    stream->device = facts.st_dev;
    stream->inode = facts.st_ino;
    if (standard || !S_ISREG(facts.st_mode)) return read_on(fd, stream);
    return map(fd, (size_t)facts.st_size, stream);
}

pawl_err stream_hold(const char *path, struct stream *stream, pawl_error *error)
{
    bool standard = stream_is_standard(path);
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

    *stream = (struct stream){.bytes = NULL};
    bool done = hold(fd, standard, stream);
    int why = errno;

    if (fd >= 0 && !standard) (void)close(fd);
    if (done) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST, "%s: cannot be read: %s",
                     standard ? "standard input" : path, strerrordesc_np(why));
}

void stream_let_go(struct stream *stream)
{
    if (stream->bytes == NULL) return;
    if (stream->mapped) {
        (void)munmap((void *)(uintptr_t)stream->bytes, stream->size);
    } else {
        free((void *)(uintptr_t)stream->bytes);
    }
    stream->bytes = NULL;
}
