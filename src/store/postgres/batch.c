/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on records as statements, and rows as records. */
#include "store/postgres/postgres_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "range/wide.h"

enum {
    VALUES_MAX = 3 + PAWL_FIELDS,
    NUMBER_BYTES = 32,
    PAGE_ROWS_MAX = 4096, /* of a listing, in one answer */
};

/* Parameters of one command: texts that end. */
struct values {
    const char *at[VALUES_MAX];
    int count;
    size_t used;
    char room[VALUES_MAX * NUMBER_BYTES + PAWL_BRANCH_BYTES_MAX + 2 * PAWL_NAME_BYTES_MAX];
};

static void put(struct values *values, struct pawl_bytes text)
{
    char *to = values->room + values->used;

    PAWL_ASSERT(values->count < VALUES_MAX && values->used + text.size < sizeof values->room);
    memcpy(to, text.at, text.size);
    to[text.size] = '\0';
    values->used += text.size + 1;
    values->at[values->count++] = to;
}

static void put_i64(struct values *values, int64_t value)
{
    char text[NUMBER_BYTES];
    int size = snprintf(text, sizeof text, "%" PRId64, value);

    put(values, (struct pawl_bytes){text, (size_t)size});
}

static void put_fields(struct values *values, const struct pawl_record *record)
{
    struct pawl_fields fields;

    pawl_fields_write(record, &fields);
    for (size_t i = 0; i < PAWL_FIELDS; i++) {
        put(values, fields.values[i]);
    }
}

/* count x increment may not fit 64 bits though every sum does: it goes as two halves. */
static void put_advance(struct values *values, const struct pawl_op *op)
{
    pawl_wide by = (pawl_wide)op->count * op->expected.increment;
    pawl_wide half = by / 2;
    struct pawl_fields fields;

    PAWL_ASSERT(pawl_wide_is_i64(half) && pawl_wide_is_i64(by - half));
    put_i64(values, (int64_t)op->expected.epoch);
    put_i64(values, (int64_t)op->expected.lap);
    put_i64(values, op->low);
    put_i64(values, op->high);
    put_i64(values, (int64_t)half);
    put_i64(values, (int64_t)(by - half));
    pawl_fields_write(&op->record, &fields);
    put(values, fields.values[PAWL_FIELD_tag]);
    put(values, fields.values[PAWL_FIELD_rate]);
    put(values, fields.values[PAWL_FIELD_written_at]);
}

static enum pawl_postgres_statement put_op(struct values *values, const struct pg_ride *ride)
{
    const struct pawl_op *op = ride->op;

    put(values, pawl_name_bytes(&op->record.name));
    if (ride->refused || op->kind == PAWL_OP_READ) return PAWL_POSTGRES_READ;
    if (op->kind == PAWL_OP_ADVANCE) {
        put_advance(values, op);
        return PAWL_POSTGRES_ADVANCE;
    }
    if (op->expected.epoch == 0) {
        put_fields(values, &op->record);
        return PAWL_POSTGRES_INSERT;
    }
    put_i64(values, (int64_t)op->expected.tag);
    put_i64(values, (int64_t)op->expected.version);
    put_fields(values, &op->record);
    return PAWL_POSTGRES_WRITE;
}

static void add_ride(struct pg_driver *driver, struct pg_group *group, const struct pg_ride *ride)
{
    struct values values = {.count = 0};
    enum pawl_postgres_statement statement = put_op(&values, ride);
    bool prepared = driver->prepared[statement];
    const struct pawl_postgres_command command = {
        .text = prepared ? pawl_pg_statement_name(statement) : driver->sql.texts[statement],
        .prepared = prepared,
        .count = values.count,
        .values = values.at,
    };

    pawl_pg_group_add(driver, group, &command);
}

static struct pawl_bytes cell(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column) != 0) return (struct pawl_bytes){NULL, 0};
    return (struct pawl_bytes){PQgetvalue(result, row, column),
                               (size_t)PQgetlength(result, row, column)};
}

static pawl_err read_row(const PGresult *result, int row, struct pawl_record *record,
                         pawl_error *error)
{
    struct pawl_fields fields;

    *record = (struct pawl_record){.epoch = 0};
    if (PQnfields(result) < PAWL_POSTGRES_COMMIT_COLUMN) {
        return pawl_fail(error, PAWL_STORE, "postgres answers what was not asked");
    }
    if (pawl_name_set(&record->name, cell(result, row, PAWL_POSTGRES_NAME_COLUMN), error) !=
        PAWL_OK) {
        return pawl_fail(error, PAWL_DENIED, "a row's name is no name of a sequence");
    }
    for (int i = 0; i < PAWL_FIELDS; i++) {
        fields.values[i] = cell(result, row, PAWL_POSTGRES_FIELDS_COLUMN + i);
    }
    return pawl_fields_read(record, &fields, error);
}

/* The row that a statement on one name answered with, if any, becomes op->found. */
static bool take_row(const PGresult *result, struct pg_ride *ride)
{
    struct pawl_op *op = ride->op;

    op->found = (struct pawl_record){.name = op->record.name};
    op->found_token = 0;
    if (PQntuples(result) == 0) return false;
    if (PQntuples(result) > 1) {
        ride->unclear = true;
        (void)pawl_fail(&op->error, PAWL_DENIED,
                        "postgres has %d rows of that name: keep the one that has come furthest, "
                        "and let a unique index see to it",
                        PQntuples(result));
    } else if (read_row(result, 0, &op->found, &op->error) != PAWL_OK) {
        ride->unclear = true;
    } else if (!pawl_bytes_equal(pawl_name_bytes(&op->found.name),
                                 pawl_name_bytes(&op->record.name))) {
        ride->unclear = true;
        (void)pawl_fail(&op->error, PAWL_STORE, "postgres answers with another sequence's row");
    }
    return true;
}

/* Nothing was written for these: once more, if that may help, or the end. */
static void again_or_fail(struct pg_driver *driver, const struct pg_group *group,
                          struct pg_ride *ride, bool innocent)
{
    if (!innocent && (!group->again || ride->again)) {
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED, &group->error);
        return;
    }
    ride->again = ride->again || !innocent;
    ride->alone = true;
    ride->written = ride->unclear = false;
    pawl_pg_rides_add(&driver->waiting, ride);
}

/*
 * Behind a pooler each transaction may meet another server, so each begins with asking which one it
 * is. A direct connection stays with one, whose timeline cannot change under it.
 */
static void ask_where(struct pg_driver *driver, struct pg_group *group)
{
    const struct pawl_postgres_command command = {.text =
                                                      driver->sql.texts[PAWL_POSTGRES_IDENTITY]};

    if (driver->facts.direct || driver->history.system[0] == '\0') return;
    pawl_pg_group_add(driver, group, &command);
    group->skip++;
}

static void look_before(struct pg_driver *driver, struct pg_group *group, const PGresult *result)
{
    if (pawl_pg_history_seen(driver, result)) return;
    group->doubtful = true;
    driver->anew = true;
    group->error = driver->facts.error;
}

static void heed_waits(struct pg_driver *driver, const PGresult *result)
{
    driver->history.waits = *PQgetvalue(result, 0, PAWL_POSTGRES_WAITS_COLUMN) == 't';
}

/* Writes. */

/* Whether the row is what this statement wrote, and not what another one answered. */
static bool is_own_row(const PGresult *result, const struct pg_ride *ride)
{
    return PQnfields(result) == PAWL_POSTGRES_WRITE_COLUMNS &&
           ride->op->found.tag == ride->op->record.tag;
}

static void write_result(struct pg_driver *driver, struct pg_group *group, const PGresult *result)
{
    struct pg_ride *ride = group->at;

    if (group->skip > 0) {
        look_before(driver, group, result);
        return;
    }
    ride->written = take_row(result, ride);
    if (!ride->written || group->doubtful || ride->unclear) return;
    if (!is_own_row(result, ride)) {
        group->doubtful = true;
        driver->anew = true;
        (void)pawl_fail(&group->error, PAWL_STORE, "postgres answers what was not asked");
        return;
    }
    const char *commit = PQgetvalue(result, 0, PAWL_POSTGRES_COMMIT_COLUMN);

    heed_waits(driver, result);
    if (!driver->target.lasting || strcmp(commit, "on") == 0 ||
        strcmp(commit, "remote_apply") == 0) {
        return;
    }
    group->doubtful = true;
    driver->anew = true;
    (void)pawl_fail(&group->error, PAWL_STORE,
                    "postgres commits with synchronous_commit = %.20s though pawl set it to on; "
                    "does a pooler change it?",
                    commit);
    pawl_log(PAWL_LOG_ERROR, "store does not commit durably",
             "store=postgres synchronous_commit=%.20s", commit);
}

static void write_over(struct pg_driver *driver, const struct pg_group *group, struct pg_ride *ride)
{
    if (group->doubtful) {
        pawl_pg_ride_fail(driver, ride, PAWL_OP_UNKNOWN, &group->error);
    } else if (group->rolled_back) {
        again_or_fail(driver, group, ride, group->culprit != NULL && ride != group->culprit);
    } else if (ride->unclear) {
        ride->op->end = PAWL_OP_UNKNOWN;
        pawl_pg_ride_end(driver, ride);
    } else if (ride->written) {
        ride->op->end = PAWL_OP_DONE;
        pawl_pg_ride_end(driver, ride);
    } else {
        ride->refused = true;
        ride->alone = false;
        pawl_pg_rides_add(&driver->waiting, ride);
    }
}

static void writes_over(struct pg_driver *driver, struct pg_group *group)
{
    struct pg_ride *ride = NULL;

    while ((ride = pawl_pg_rides_pop(&group->rides)) != NULL) {
        write_over(driver, group, ride);
    }
}

static const struct pg_group_ops write_ops = {.result = write_result, .synced = writes_over};

static int by_name(const void *a, const void *b)
{
    const struct pg_ride *const *left = a;
    const struct pg_ride *const *right = b;

    return pawl_bytes_order(pawl_name_bytes(&(*left)->op->record.name),
                            pawl_name_bytes(&(*right)->op->record.name));
}

/* Everybody locks rows in the order of their names: so nobody waits in a circle. */
static void sort(struct pg_rides *rides)
{
    struct pg_ride *sorted[GROUP_RIDES_MAX] = {NULL};
    struct pg_ride *ride = NULL;
    size_t count = 0;

    while ((ride = pawl_pg_rides_pop(rides)) != NULL) {
        PAWL_ASSERT(count < GROUP_RIDES_MAX);
        sorted[count++] = ride;
    }
    qsort(sorted, count, sizeof sorted[0], by_name);
    for (size_t i = 0; i < count; i++) {
        pawl_pg_rides_add(rides, sorted[i]);
    }
}

static struct pg_group *begin_batch(struct pg_driver *driver, const struct pg_group_ops *ops,
                                    struct pg_rides *rides)
{
    struct pg_group *group = pawl_pg_group_begin(driver, ops, OP_NS);
    struct pg_ride *ride = NULL;

    if (group != NULL) {
        group->rides = *rides;
        return group;
    }
    while ((ride = pawl_pg_rides_pop(rides)) != NULL) {
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED,
                          &(pawl_error){PAWL_NO_MEMORY, "no memory to ask postgres"});
    }
    return NULL;
}

void pawl_pg_batch_writes(struct pg_driver *driver, struct pg_rides *rides)
{
    const struct pawl_postgres_command settings = {.text = driver->sql.texts[PAWL_POSTGRES_LOCAL]};

    sort(rides);
    struct pg_group *group = begin_batch(driver, &write_ops, rides);

    if (group == NULL) return;
    if (!driver->facts.direct) {
        pawl_pg_group_add(driver, group, &settings);
        group->skip++;
    }
    ask_where(driver, group);
    for (const struct pg_ride *ride = group->rides.first; ride != NULL; ride = ride->next) {
        add_ride(driver, group, ride);
    }
    pawl_pg_group_send(driver, group);
}

/* Reads. */

static void read_result(struct pg_driver *driver, struct pg_group *group, const PGresult *result)
{
    if (group->skip > 0) {
        look_before(driver, group, result);
    } else if (!group->doubtful) {
        bool there = take_row(result, group->at);

        group->at->written = true;
        if (there && PQnfields(result) == PAWL_POSTGRES_WRITE_COLUMNS) heed_waits(driver, result);
    }
}

/* See TRUE_OF in sql.c. */
static bool says_untrue(const struct pg_driver *driver, const struct pawl_op *op)
{
    bool advances = op->kind == PAWL_OP_ADVANCE;
    const struct pawl_record *record = advances ? &op->found : &op->record;
    const struct pawl_bytes waits = PAWL_BYTES(PAWL_POSTGRES_WAITS);

    if (!advances && op->found.epoch != op->record.epoch) return false;
    if (driver->history.waits || record->branch_size < waits.size) return false;
    return memcmp(record->branch + record->branch_size - waits.size, waits.at, waits.size) == 0;
}

/*
 * Nobody wrote the record since, and what a write of it asks for is there: it was not refused by
 * its condition. Then it is refused however often it is sent.
 */
static bool is_swallowed(const struct pg_driver *driver, const struct pg_ride *ride)
{
    const struct pawl_op *op = ride->op;
    const struct pawl_record *found = &op->found;
    const struct pawl_record *expected = &op->expected;

    if (expected->epoch == 0 || found->epoch == 0) return expected->epoch == found->epoch;
    if (found->tag != expected->tag || found->version != expected->version) return false;
    if (says_untrue(driver, op)) return false;
    if (op->kind != PAWL_OP_ADVANCE) return true;
    return found->epoch == expected->epoch && found->lap == expected->lap && !found->dropped &&
           !found->ended && op->low <= found->next && found->next <= op->high;
}

static void read_over(struct pg_driver *driver, const struct pg_group *group, struct pg_ride *ride)
{
    pawl_error error;

    if (ride->unclear) {
        ride->op->end = PAWL_OP_FAILED;
        pawl_pg_ride_end(driver, ride);
    } else if (ride->written && ride->refused && is_swallowed(driver, ride)) {
        (void)pawl_fail(&error, PAWL_DENIED,
                        "postgres, table %s: a write of this sequence did nothing, though nobody "
                        "else wrote it; drop what swallows it: a trigger, a rule or row security "
                        "(see pawl store check URL)",
                        driver->target.table);
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED, &error);
    } else if (ride->written) {
        ride->op->end = ride->refused ? PAWL_OP_REFUSED : PAWL_OP_DONE;
        pawl_pg_ride_end(driver, ride);
    } else if (group->doubtful && !ride->again) {
        ride->again = true; /* reading twice does no harm */
        pawl_pg_rides_add(&driver->waiting, ride);
    } else if (group->doubtful) {
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED, &group->error);
    } else {
        again_or_fail(driver, group, ride, ride != group->culprit);
    }
}

static void reads_over(struct pg_driver *driver, struct pg_group *group)
{
    struct pg_ride *ride = NULL;

    while ((ride = pawl_pg_rides_pop(&group->rides)) != NULL) {
        read_over(driver, group, ride);
    }
}

static const struct pg_group_ops read_ops = {.result = read_result, .synced = reads_over};

void pawl_pg_batch_reads(struct pg_driver *driver, struct pg_rides *rides)
{
    struct pg_group *group = begin_batch(driver, &read_ops, rides);

    if (group == NULL) return;
    ask_where(driver, group);
    for (const struct pg_ride *ride = group->rides.first; ride != NULL; ride = ride->next) {
        add_ride(driver, group, ride);
    }
    pawl_pg_group_send(driver, group);
}

static uint32_t page_rows(const struct pawl_page *page)
{
    if (page->count_max == 0) return 1;
    return page->count_max < PAGE_ROWS_MAX ? page->count_max : PAGE_ROWS_MAX;
}

static void list_result(struct pg_driver *driver, struct pg_group *group, const PGresult *result)
{
    struct pg_ride *ride = group->at;
    struct pawl_page *page = ride->op->page;
    int rows = PQntuples(result);

    (void)driver;
    ride->written = true;
    page->more = (uint32_t)rows == page_rows(page);
    for (int row = 0; row < rows; row++) {
        struct pawl_record record;
        pawl_error why;

        if (read_row(result, row, &record, &why) == PAWL_OK) {
            pawl_page_record(page, &record);
        } else {
            if (record.name.size > 0) page->after = record.name;
            pawl_page_unread(page, &record.name, &why);
        }
    }
}

static const struct pg_group_ops list_ops = {.result = list_result, .synced = reads_over};

void pawl_pg_list(struct pg_driver *driver, struct pg_ride *ride)
{
    const struct pawl_page *page = ride->op->page;
    struct values values = {.count = 0};
    struct pg_group *group = pawl_pg_group_with(driver, &list_ops, OP_NS, ride);

    if (group == NULL) return;
    put(&values, pawl_name_bytes(&page->after));
    put_i64(&values, page_rows(page));
    pawl_pg_group_add(driver, group,
                      &(struct pawl_postgres_command){
                          .text = driver->sql.texts[PAWL_POSTGRES_LIST],
                          .count = values.count,
                          .values = values.at,
                      });
    pawl_pg_group_send(driver, group);
}
