/* SPDX-License-Identifier: Apache-2.0 */
#include "base/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct pawl_descriptor pawl_descriptor_of(int fd)
{
    struct stat about;

    if (fd < 0 || fstat(fd, &about) != 0) return (struct pawl_descriptor){.fd = -1};
    return (struct pawl_descriptor){fd, about.st_dev, about.st_ino};
}

void pawl_descriptor_close(struct pawl_descriptor descriptor)
{
    const struct pawl_descriptor now = pawl_descriptor_of(descriptor.fd);

    if (now.fd < 0 || now.device != descriptor.device || now.inode != descriptor.inode) return;
    (void)close(descriptor.fd);
}

bool pawl_descriptor_fill_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int way = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY; /* the wrong one */

        if (fcntl(fd, F_GETFD) >= 0) continue;
        int opened = open("/dev/null", way | O_CLOEXEC); /* the lowest that is closed */
        if (opened < 0) return false;
        if (opened != fd) (void)close(opened); /* another thread has opened it just now */
    }
    return true;
}
