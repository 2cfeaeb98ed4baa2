/* SPDX-License-Identifier: Apache-2.0 */
/* A folder on a local disk that one process owns at a time. */
#ifndef PAWL_STORE_FOLDER_H
#define PAWL_STORE_FOLDER_H

#include "base/descriptor.h"

#include <limits.h>
#include <sys/types.h>

struct pawl_folder {
    char path[PATH_MAX];          /* absolute */
    struct pawl_descriptor owner; /* the file "owner" in it, locked; fd -1: we own nothing */
    pid_t pid;                    /* who took it: a forked child does not own it */
};

/*
 * Makes the folder if it is missing (not its parents), and owns it until pawl_folder_leave. Waits
 * up to takeover_ns for another owner, in this process or elsewhere, to leave.
 *
 * The lock belongs to the open file: it goes when the process ends, however it ends. A child made
 * by fork shares it until it executes another program, ends, or calls pawl_folder_leave: a folder
 * cannot be taken over while such a child of its late owner lives.
 *
 * Blocks:   takeover_ns at most, and for the disk
 * Errors:   PAWL_DENIED its path or a right to it is missing
 *           PAWL_STORE  it cannot be made or written, lies on a network file system, or is owned;
 *                       error says which, by which process, and what to do
 */
pawl_err pawl_folder_take(struct pawl_folder *folder, const char *path, uint64_t takeover_ns,
                          pawl_error *error);

/* PAWL_STORE if another process owns the folder, or it cannot be told. Changes nothing. */
pawl_err pawl_folder_unowned(const char *path, pawl_error *error);

/* In a forked child lets go of what it shares with its parent, who goes on owning the folder. */
void pawl_folder_leave(struct pawl_folder *folder);

/* Whether the process that took the folder has forked, and this is the child. */
bool pawl_folder_forked(const struct pawl_folder *folder);

/* What the errno of a folder that cannot be made or opened means: PAWL_DENIED where it stays so
 * until somebody changes a path or a right, PAWL_STORE where it may go again later. */
pawl_err pawl_folder_code(int failure);

/* The name of a file system (statfs f_type) on which locks or maps cannot be trusted, or NULL. */
const char *pawl_folder_network_name(uint32_t f_type);

#endif
