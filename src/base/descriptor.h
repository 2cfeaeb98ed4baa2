/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors that a forked child may have to close. Between fork and our turn there the
 * application may have closed all descriptors and opened its own under the same numbers, as
 * daemons do: a number alone does not say whose it is.
 */
#ifndef PAWL_DESCRIPTOR_H
#define PAWL_DESCRIPTOR_H

#include <sys/types.h>

#include "base/base.h"

/* What an open descriptor stands for. */
struct pawl_descriptor {
    int fd; /* -1: none */
    dev_t device;
    ino_t inode;
};

/* That of an open fd; fd -1 if the system does not tell. */
struct pawl_descriptor pawl_descriptor_of(int fd);
/* Closes it, unless its number is none or stands for something else by now. */
void pawl_descriptor_close(struct pawl_descriptor descriptor);

/*
 * Opens what is closed of 0, 1 and 2, so that no socket or store gets such a number: what a
 * program prints would go there, and libuv ends a process that closes one of them. Reading and
 * writing them fails as it did before. false: they cannot be opened; errno says why.
 */
bool pawl_descriptor_fill_standard(void);

#endif
