/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that errors tell people to type, who may paste them. */
#ifndef PAWL_BASE_SHELL_H
#define PAWL_BASE_SHELL_H

#include "base/base.h"

/* Room for any word of so many bytes. */
#define PAWL_SHELL_BYTES(word_bytes) (4 * (word_bytes) + 3)

/* The word as a shell takes it for itself, in quotes if need be, cut at size; returns to. */
const char *pawl_shell_word(char *to, size_t size, struct pawl_bytes word);

#endif
