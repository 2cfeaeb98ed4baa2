/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on backups. The input is one as it is, and, so that the checksum hides nothing, one
 * whose last line is written here. Laws, beyond "no byte outside is touched":
 *   - what is told of is sound, in the order of its names, and can be restored or is refused
 *   - it can be written again, as a line and as SQL, and is read as the same
 *   - no part of a backup is one
 */
#include <stdlib.h>
#include <string.h>

#include "range/source.h"
#include "store/backup.h"

enum { RECORDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    struct pawl_record records[RECORDS_MAX];
    size_t count;
};

static bool keep(const struct pawl_record *record, void *arg)
{
    struct told *told = arg;

    if (told->count == RECORDS_MAX) return false;
    told->records[told->count++] = *record;
    return true;
}

static void check_restore(const struct pawl_record *record)
{
    uint64_t random = 1;
    const struct pawl_moment moment = {.random = &random, .wall_s = 1700000000};
    struct pawl_record copy = *record;
    struct pawl_record there = {.name = record->name};
    struct pawl_ask ask = {.kind = PAWL_ASK_RESTORE, .record = &copy, .count = 1000};

    for (int i = 0; i < 2; i++) {
        bool wrote = pawl_record_apply(&there, &ask, &moment);

        PAWL_ASSERT(!wrote || ask.error.code == PAWL_OK);
        if (wrote) PAWL_ASSERT(pawl_record_sound(&there) && there.epoch > record->epoch);
    }
}

/* One record as a backup of its own is read as the same. */
static void check_again(const struct pawl_record *record)
{
    static struct told again;
    char text[3 * PAWL_BACKUP_LINE_BYTES_MAX];
    char sql[PAWL_BACKUP_SQL_BYTES_MAX];
    struct pawl_backup_head head;
    size_t size = pawl_backup_write_head(text, PAWL_BYTES("x"), 1);
    size_t sql_size = pawl_backup_write_sql(sql, record);

    PAWL_ASSERT(sql_size > 0 && sql_size < sizeof sql);
    size += pawl_backup_write_record(text + size, record);
    uint32_t crc = pawl_bytes_crc32((struct pawl_bytes){text, size});

    size += pawl_backup_write_end(text + size, 1, crc);
    again.count = 0;
    PAWL_ASSERT(pawl_backup_read((struct pawl_bytes){text, size}, &head, keep, &again, NULL) ==
                PAWL_OK);
    PAWL_ASSERT(again.count == 1 && again.records[0].next == record->next);
    PAWL_ASSERT(again.records[0].tag == record->tag && again.records[0].lap == record->lap);
    PAWL_ASSERT(pawl_backup_read((struct pawl_bytes){text, size - 1}, &head, NULL, NULL, NULL) !=
                PAWL_OK);
}

static void check(struct pawl_bytes bytes)
{
    static struct told told;
    struct pawl_backup_head head;
    pawl_error error = {.text = ""};

    told.count = 0;
    pawl_err err = pawl_backup_read(bytes, &head, keep, &told, &error);

    PAWL_ASSERT((err == PAWL_OK) == (error.text[0] == '\0'));
    for (size_t i = 0; i < told.count; i++) {
        const struct pawl_record *record = &told.records[i];

        PAWL_ASSERT(pawl_record_sound(record));
        PAWL_ASSERT(i == 0 || pawl_bytes_order(pawl_name_bytes(&record[-1].name),
                                               pawl_name_bytes(&record->name)) < 0);
        check_restore(record);
        check_again(record);
    }
    if (err == PAWL_OK) PAWL_ASSERT(head.from_size <= sizeof head.from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + PAWL_BACKUP_LINE_BYTES_MAX);
    uint64_t lines = 0;

    if (copy == NULL) return 0;
    if (size > 0) memcpy(copy, data, size);
    for (size_t i = 0; i < size; i++) {
        lines += copy[i] == '\n';
    }
    char *exact = malloc(size + 1); /* of its own, so that the sanitizer knows where it ends */

    if (exact != NULL) {
        if (size > 0) memcpy(exact + 1, data, size);
        check((struct pawl_bytes){exact + 1, size});
    }
    free(exact);
    uint32_t crc = pawl_bytes_crc32((struct pawl_bytes){copy, size});

    size += pawl_backup_write_end(copy + size, lines > 0 ? lines - 1 : 0, crc);
    check((struct pawl_bytes){copy, size});
    free(copy);
    return 0;
}
