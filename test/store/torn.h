/* SPDX-License-Identifier: Apache-2.0 */
/* A guard in `folder` that remembers some sequences, and what can befall its files. */
#ifndef PAWL_TEST_TORN_H
#define PAWL_TEST_TORN_H

#include "disk.h"
#include "store/guard_file.h"

enum { TORN_SEQUENCES = 400, TORN_FILE_BYTES_MAX = 1 << 20 };

/* NULL: it cannot be opened. */
struct pawl_book *torn_book_open(struct pawl_book_head *head);
struct pawl_bytes torn_name(char text[32], int i);
struct pawl_seen torn_seen(int i); /* of the i-th; its id is 1000 + i */
pawl_err torn_put(struct pawl_book *book, struct pawl_bytes name, struct pawl_seen seen);
/* All of them, so often that there are free pages. */
void torn_fill(void);

/* 0: it was opened, holds what it held or nothing, and takes more; 4: it lied. */
int torn_use(void);
/* The same in a process of its own. Returns how it ended, as waitpid says. */
int torn_try(void);

/* Pages of luck, of zeros, of other pages, or with a bit that turned. */
void torn_tear(const char *path, uint64_t seed);
size_t torn_read_file(const char *path, char *bytes); /* room: TORN_FILE_BYTES_MAX */
void torn_write_file(const char *path, const char *bytes, size_t size);
/* The file of openings that did not come to an end. */
void torn_write_opening(const char *bytes);

/* What --check is told. */
pawl_err torn_glance(struct pawl_guard_glance *seen, pawl_error *error);

#endif
