/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backs a store up while it is in use. Definitions must be of one moment: who finds a sequence
 * under its old name, since it is renamed a moment later, and then under its new one, has it twice.
 * So the store is listed until nothing but advances happened between two listings: every epoch,
 * which each other change draws anew, is what it was. Then all was so at the moment between the
 * two.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "client/gather.h"
#include "pawl/stores.h"
#include "store/backup.h"

enum { PASSES_MAX = 10 };

#define USUAL_TIMEOUT_NS (30 * PAWL_NS_PER_S)

struct backup {
    pawl_backup_options options;
    struct pawl_gathering gathering;
    pawl_backed_up made;
    struct pawl_ask ask; /* of one record */
    struct pawl_record record;
    char where[PAWL_CARE_WHERE_MAX];
    uint32_t crc;
};

/* Half of a rename cannot be kept: who asks for the name completes it first. */
static pawl_err settle_all(struct backup *backup, uint64_t *settled, pawl_error *error)
{
    struct pawl_gathering *gathering = &backup->gathering;
    struct pawl_record record;

    *settled = 0;
    for (size_t i = 0; i < gathering->gather.sorted; i++) {
        pawl_gather_get(&gathering->gather, i, &record);
        if (!pawl_record_is_unsettled(&record)) continue;
        backup->record = record;
        backup->ask =
            (struct pawl_ask){.kind = PAWL_ASK_READ, .name = pawl_name_bytes(&backup->record.name)};
        pawl_err err = pawl_care_insist(gathering->care, gathering->store, &backup->ask,
                                        gathering->timeout_ns, error);

        if (err != PAWL_OK && err != PAWL_NO_SEQUENCE) return err;
        ++*settled;
    }
    return PAWL_OK;
}

static pawl_err gather_all(struct backup *backup, pawl_error *error)
{
    struct pawl_gather *gather = &backup->gathering.gather;

    for (unsigned pass = 1; pass <= PASSES_MAX; pass++) {
        uint64_t settled = 0;
        pawl_err err = pawl_gather_store(&backup->gathering, error);

        if (err == PAWL_OK) err = settle_all(backup, &settled, error);
        if (err != PAWL_OK) return err;
        if (gather->count == 0) return PAWL_OK;
        if (pass == 1 || settled > 0 || gather->changed > 0) continue;
        if (gather->added == 0) return PAWL_OK;
        if (pass < PASSES_MAX) continue;
        /* Names come all the time. That none of those known changed is enough. */
        backup->made.left_out = pawl_gather_drop_added(gather);
        return PAWL_OK;
    }
    return pawl_fail(error, PAWL_BUSY,
                     "sequences were changed, renamed or dropped all the time while they were "
                     "listed %d times (\"%.*s\" was one of them): try again when it is quieter",
                     PASSES_MAX, (int)gather->change.size, gather->change.at);
}

static pawl_err put(struct backup *backup, struct pawl_bytes text, pawl_error *error)
{
    backup->crc = pawl_bytes_crc32_more(backup->crc, text);
    if (backup->options.write(text.at, text.size, backup->options.arg)) return PAWL_OK;
    return pawl_fail(error, PAWL_CLOSED, "the backup cannot be written");
}

static pawl_err put_head(struct backup *backup, pawl_error *error)
{
    char line[PAWL_BACKUP_LINE_BYTES_MAX];
    struct pawl_bytes where = {backup->where, strcspn(backup->where, "?")};
    size_t size = 0;

    if (backup->options.sql) {
        size = (size_t)snprintf(
            line, sizeof line,
            "-- The sequences of a store of pawl's, beyond all that is reserved of them. Stop who\n"
            "-- takes ids from pawl before ids are taken from these.\n"
            "SET standard_conforming_strings = on;\n\n");
    } else {
        size = pawl_backup_write_head(line, where, backup->made.at);
    }
    return put(backup, (struct pawl_bytes){line, size}, error);
}

static pawl_err put_record(struct backup *backup, const struct pawl_record *record,
                           pawl_error *error)
{
    char text[PAWL_BACKUP_SQL_BYTES_MAX];
    size_t size = backup->options.sql ? pawl_backup_write_sql(text, record)
                                      : pawl_backup_write_record(text, record);

    if (record->dropped) {
        backup->made.tombstones++;
    } else {
        backup->made.sequences++;
    }
    return put(backup, (struct pawl_bytes){text, size}, error);
}

static pawl_err put_all(struct backup *backup, pawl_error *error)
{
    const struct pawl_gather *gather = &backup->gathering.gather;
    char line[PAWL_BACKUP_LINE_BYTES_MAX];
    struct pawl_record record;
    pawl_err err = put_head(backup, error);

    for (size_t i = 0; i < gather->sorted && err == PAWL_OK; i++) {
        pawl_gather_get(gather, i, &record);
        err = put_record(backup, &record, error);
    }
    if (err != PAWL_OK || backup->options.sql) return err;
    size_t size = pawl_backup_write_end(line, gather->sorted, backup->crc);

    return put(backup, (struct pawl_bytes){line, size}, error);
}

static pawl_err open_store(struct backup *backup, const char *url, pawl_error *error)
{
    struct pawl_gathering *gathering = &backup->gathering;

    if (strcmp(url, "memory:") == 0) {
        return pawl_fail(
            error, PAWL_BAD_REQUEST,
            "memory: is empty at first and forgets everything: there is nothing to back up");
    }
    gathering->care = pawl_care_new(error);
    if (gathering->care == NULL) return PAWL_BUSY;
    gathering->care->waits = backup->options.waits;
    gathering->care->waits_arg = backup->options.arg;
    pawl_care_where(url, backup->where);
    return pawl_care_open(gathering->care, url, true, &gathering->store, error);
}

pawl_err pawl_store_backup(const char *url, const pawl_backup_options *options,
                           pawl_backed_up *made, pawl_error *error)
{
    struct backup backup = {.made.at = pawl_clock_wall_s()};

    if (made != NULL) *made = backup.made;
    if (url == NULL || options == NULL || options->write == NULL) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "pawl_store_backup needs a URL and a write");
    }
    backup.options = *options;
    backup.gathering = (struct pawl_gathering){
        .match = options->match,
        .timeout_ns = options->timeout_ns == 0 ? USUAL_TIMEOUT_NS : options->timeout_ns,
        .progress = options->progress,
        .arg = options->arg,
    };
    pawl_err err = open_store(&backup, url, error);

    if (err == PAWL_OK) err = gather_all(&backup, error);
    if (err == PAWL_OK) err = put_all(&backup, error);
    pawl_care_free(backup.gathering.care);
    pawl_gather_free(&backup.gathering.gather);
    if (made != NULL) *made = backup.made;
    return err;
}
