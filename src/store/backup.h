/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup of a store, as text: one JSON object a line, each as it is written here and no other
 * way.
 *
 *     {"pawl_backup":1,"at":1700000000,"from":"lmdb:/var/lib/ids"}
 *     {"name":"orders","format":1,"next":541,...}
 *     {"end":true,"records":1,"crc32":"89abcdef"}
 *
 * Records are whole (fields.h), in the order of their names, tombstones among them. The checksum is
 * that of all bytes before the last line: what was cut, edited or damaged is no backup.
 */
#ifndef PAWL_BACKUP_H
#define PAWL_BACKUP_H

#include "range/record.h"

enum {
    PAWL_BACKUP_FORMAT = 1,
    PAWL_BACKUP_LINE_BYTES_MAX = 4096, /* with its end; written ones are shorter */
    PAWL_BACKUP_FROM_BYTES_MAX = 400,
};

struct pawl_backup_head {
    int64_t at; /* when it was begun: seconds since 1970 */
    size_t from_size;
    char from[PAWL_BACKUP_FROM_BYTES_MAX]; /* the store, for people */
};

/* Each writes one line, returns its size. from is cut where it is too long. */
size_t pawl_backup_write_head(char line[PAWL_BACKUP_LINE_BYTES_MAX], struct pawl_bytes from,
                              int64_t at);
size_t pawl_backup_write_record(char line[PAWL_BACKUP_LINE_BYTES_MAX],
                                const struct pawl_record *record);
size_t pawl_backup_write_end(char line[PAWL_BACKUP_LINE_BYTES_MAX], uint64_t records, uint32_t crc);

/*
 * Reads a whole backup. each is called for one record after the other, and returns whether it wants
 * more. It is called before the last line is seen: what it is told may be undone by an error.
 *
 * Errors:   PAWL_BAD_REQUEST  it is no whole backup; error names the line
 *           PAWL_DENIED       a newer pawl wrote it, or a record in it cannot be meant
 *           PAWL_NO_MEMORY    each wanted no more
 */
pawl_err pawl_backup_read(struct pawl_bytes bytes, struct pawl_backup_head *head,
                          bool (*each)(const struct pawl_record *record, void *arg), void *arg,
                          pawl_error *error);

/*
 * As statements for PostgreSQL: the sequence, beyond all that is reserved of it. What is dropped is
 * a comment, as is what PostgreSQL cannot have.
 */
enum { PAWL_BACKUP_SQL_BYTES_MAX = 8192 };
size_t pawl_backup_write_sql(char text[PAWL_BACKUP_SQL_BYTES_MAX],
                             const struct pawl_record *record);

#endif
