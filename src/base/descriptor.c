/* SPDX-License-Identifier: Apache-2.0 */
#include "base/descriptor.h"

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
