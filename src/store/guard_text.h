/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guard's files hold, as bytes: pure functions. A journal is a row of frames, each of which
 * has the size and the CRC-32 of what is in it: the generation of data.mdb that it comes after, and
 * entries. A frame that is cut or harmed says nothing.
 */
#ifndef PAWL_STORE_GUARD_TEXT_H
#define PAWL_STORE_GUARD_TEXT_H

#include "store/guard_book.h"

enum {
    PAWL_GUARD_FORMAT = 2,
    PAWL_SEEN_BYTES = 102, /* of one in data.mdb, and in the journal behind its name */
    PAWL_HEAD_BYTES = 1 + 1 + PAWL_BRANCH_BYTES_MAX + 8 + 8 + 4,
    PAWL_FRAME_HEAD_BYTES = 8,
    PAWL_FRAME_ENTRY_BYTES_MAX = 2 + PAWL_NAME_BYTES_MAX + PAWL_SEEN_BYTES,
    PAWL_FRAME_ENTRIES_MAX = 256,
    PAWL_FRAME_BYTES_MAX = PAWL_FRAME_HEAD_BYTES + 8 + 1 + PAWL_HEAD_BYTES +
                           PAWL_FRAME_ENTRIES_MAX * PAWL_FRAME_ENTRY_BYTES_MAX,
    PAWL_GUARD_STORES_MAX = 64, /* lines of `stores` */
    PAWL_GUARD_NAME_BYTES = 3 * PAWL_STORE_NAME_BYTES_MAX + 1,
};

/* Both end in a checksum, what is seen in one of its name as well: no entry passes for another's.
 */
void pawl_seen_write(struct pawl_bytes name, const struct pawl_seen *seen,
                     char bytes[PAWL_SEEN_BYTES]);
bool pawl_seen_read(struct pawl_seen *seen, struct pawl_bytes name, struct pawl_bytes bytes);
void pawl_head_write(const struct pawl_book_head *head, char bytes[PAWL_HEAD_BYTES]);
bool pawl_head_read(struct pawl_book_head *head, struct pawl_bytes bytes);

/* One frame of entries; room: PAWL_FRAME_HEAD_BYTES + 8 + 1 + PAWL_HEAD_BYTES and one
 * PAWL_FRAME_ENTRY_BYTES_MAX for each sight. Returns its size. */
size_t pawl_frame_write(uint64_t generation, const struct pawl_entries *entries, char *bytes);

/* Whoever reads a journal. A head or a sight; names are the journal's bytes. */
struct pawl_frame_reader {
    void (*head)(struct pawl_frame_reader *reader, const struct pawl_book_head *head);
    void (*sight)(struct pawl_frame_reader *reader, const struct pawl_sight *sight);
};
/* Reads all whole frames of that generation, up to the first that is not whole; returns how many
 * bytes those of any are long. */
size_t pawl_frames_read(struct pawl_bytes journal, uint64_t generation,
                        struct pawl_frame_reader *reader);
/* Where, not before from, the next whole frame begins; journal.size: there is none. */
size_t pawl_frames_next(struct pawl_bytes journal, size_t from);
/* The highest generation of a whole frame; 0: there is none. */
uint64_t pawl_frames_newest(struct pawl_bytes journal);

/* A store's name as it stands in `stores` and in its folder's: what is no letter, digit, dash or
 * underscore as %xx. */
void pawl_guard_name_show(const struct pawl_identity *store, char text[PAWL_GUARD_NAME_BYTES]);

/* The name that a text of lines "name url\n" has for url; size 0: none. false: it is damaged. */
bool pawl_guard_stores_find(struct pawl_bytes text, struct pawl_bytes url, struct pawl_bytes *name);

#endif
