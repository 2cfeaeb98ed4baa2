/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on the way of a statement: text, plans, the machine, and SQLite for queries over
 * catalogs, with a session that gives what is wanted by the luck of a seed. Laws, beyond "no byte
 * outside is touched":
 *   - an error has a state, and stands within the text or nowhere
 *   - a row has its plan's types, and every run comes to an end
 *   - a batch from the cache is the one that was put there
 */
#include <stdlib.h>
#include <string.h>

#include "server/sql/cast.h"
#include "server/sql/machine.h"
#include "server/sql/query.h"
#include "server/sql/types.h"

enum { WANTS_MAX = 100, STEPS_AT_ONCE = 1000, TURNS_MAX = 3, SEQUENCES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    uint64_t random;
    struct pawl_bytes text;
};

static void check_error(const struct world *world, const struct sql_error *error)
{
    PAWL_ASSERT(strlen(error->sqlstate) == SQL_STATE_BYTES);
    PAWL_ASSERT(error->message[0] != '\0');
    PAWL_ASSERT(error->position <= world->text.size + 1);
}

/* Bytes of any kind become UTF-8 without zeros. */
static char *to_utf8(const uint8_t *data, size_t size, size_t *to_size)
{
    char *to = malloc(2 * size + 1);
    size_t at = 0;

    for (size_t i = 0; to != NULL && i < size; i++) {
        bool ascii = data[i] != 0 && data[i] < 0x80;

        if (!ascii) to[at++] = (char)0xc3;
        to[at++] = (char)(ascii ? data[i] : 0x80 | (data[i] & 0x3f));
    }
    *to_size = at;
    return to;
}

static struct sql_value some_value(struct world *world, uint32_t type)
{
    static const char *const texts[] = {"s", "1", "-5", "{1,2}", "\"S\".x", "é", "", "true"};
    struct sql_value value = {.type = type, .null = pawl_random(&world->random) % 8 == 0};
    const char *text = texts[pawl_random(&world->random) % PAWL_COUNT(texts)];
    struct sql_error error = {.sqlstate = "", .message = ""};

    value.text = (struct pawl_bytes){text, strlen(text)};
    value.number = (int64_t)(pawl_random(&world->random) % 100) - 2;
    if (type == SQL_BOOL) value.number &= 1;
    if (sql_type_is_number(type) || value.null) return value;
    bool binary = pawl_random(&world->random) % 4 == 0;
    if (!sql_value_read(type, binary, value.text, &value, &error)) {
        check_error(world, &error);
        value.null = true;
    }
    return value;
}

static void give(struct world *world, struct sql_machine *machine, enum sql_want want)
{
    uint32_t type = want == SQL_WANT_CLASS        ? SQL_REGCLASS
                    : want == SQL_WANT_SET_CONFIG ? SQL_TEXT
                                                  : SQL_INT8;
    struct sql_value value = some_value(world, type);

    if (want != SQL_WANT_CLASS && want != SQL_WANT_SET_CONFIG) value.null = false;
    if (want != SQL_WANT_SET_CONFIG && want != SQL_WANT_LASTVAL) {
        PAWL_ASSERT(machine->name.relation.size > 0);
    }
    sql_machine_give(machine, &value);
}

static const char *setting(void *arg, struct pawl_bytes name)
{
    (void)arg;
    return name.size % 2 == 0 ? NULL : "\"$user\", public";
}

static bool may(void *arg, struct pawl_bytes name, const char *privilege)
{
    (void)arg;
    PAWL_ASSERT(privilege[0] != '\0');
    return name.size != 3;
}

static const struct sql_facts facts = {
    .user = "u", .database = "d", .now_us = 1, .setting = setting, .may = may};

static void check_row(const struct sql_plan *plan, const struct sql_value *row)
{
    for (size_t i = 0; i < plan->column_count; i++) {
        PAWL_ASSERT(row[i].null || row[i].type == plan->columns[i].type);
    }
}

static void run(struct world *world, const struct sql_plan *plan, const struct sql_value *params)
{
    struct sql_machine *machine = sql_machine_new(plan, params, &facts);
    size_t turns = 0;

    for (size_t wants = 0; machine != NULL && wants < WANTS_MAX; wants++) {
        int64_t steps = STEPS_AT_ONCE;
        enum sql_want want = sql_machine_run(machine, &steps);

        if (want == SQL_WANT_TURN) turns++;
        if (turns == TURNS_MAX) break;
        if (want == SQL_WANT_TURN) continue;
        if (want == SQL_WANT_ERROR) check_error(world, &machine->error);
        if (want == SQL_WANT_ERROR || want == SQL_WANT_NOTHING) break;
        if (want != SQL_WANT_ROW) {
            give(world, machine, want);
            continue;
        }
        check_row(plan, machine->row);
    }
    sql_machine_free(machine);
}

/* The sequences that there are, and those that stand in FROM. */
static bool add_sequences(struct sql_scan *scan, const struct sql_query *query,
                          struct sql_error *error)
{
    static const struct pawl_record records[SEQUENCES] = {
        {.name = {1, "s"},
         .epoch = 1,
         .line = 1,
         .increment = 1,
         .min = 1,
         .max = INT64_MAX,
         .start = 1,
         .next = 8},
        {.name = {3, "o.S"},
         .epoch = 2,
         .line = 2,
         .increment = -3,
         .min = INT64_MIN,
         .max = -1,
         .start = -1,
         .next = -1,
         .cycle = true,
         .data_type = PAWL_TYPE_BIGINT},
        {.name = {2, "\xc3\xa9"},
         .epoch = 3,
         .line = 3,
         .increment = 1,
         .min = 1,
         .max = 9,
         .start = 1,
         .next = 9,
         .ended = true,
         .data_type = PAWL_TYPE_SMALLINT},
    };
    const struct sql_name *names = NULL;
    size_t relations = sql_query_relations(query, &names);
    size_t listed = sql_query_wants_list(query) ? SEQUENCES : 0;
    bool whole = true;

    for (size_t i = 0; whole && i < listed + relations; i++) {
        const struct pawl_record *record = &records[i % SEQUENCES];
        const struct sql_sequence sequence = {.name = pawl_name_bytes(&record->name),
                                              .record = record,
                                              .last_known = i % 2 == 0,
                                              .last = 7};

        whole = i < listed ? sql_scan_add(scan, &sequence, error)
                           : sql_scan_relation(scan, i - listed, &sequence, error);
    }
    return whole;
}

static void run_query(struct world *world, const struct sql_plan *plan,
                      const struct sql_value *params)
{
    static struct sql_catalog *catalog; /* as an I/O thread has one */
    struct sql_error error = {.sqlstate = "", .message = ""};

    if (catalog == NULL) catalog = sql_catalog_new();
    if (catalog == NULL) return;
    struct sql_scan *scan = sql_scan_new(catalog, plan, params, &facts);
    bool goes_on = scan != NULL && add_sequences(scan, plan->of.query, &error);

    if (scan != NULL && !goes_on) check_error(world, &error);
    for (size_t turns = 0; goes_on && turns < TURNS_MAX;) {
        const struct sql_value *row = NULL;
        int64_t steps = STEPS_AT_ONCE;
        enum sql_step step = sql_scan_step(scan, &steps, &row, &error);

        turns += step == SQL_STEP_AGAIN;
        if (step == SQL_STEP_ROW) check_row(plan, row);
        if (step == SQL_STEP_ERROR) check_error(world, &error);
        goes_on = step == SQL_STEP_ROW || step == SQL_STEP_AGAIN;
    }
    sql_scan_free(scan);
}

static void run_select(struct world *world, const struct sql_plan *plan)
{
    struct sql_value params[SQL_PARAMS_MAX];

    for (size_t i = 0; i < plan->param_count; i++) {
        params[i] = some_value(world, plan->param_types[i]);
    }
    if (plan->kind == SQL_PLAN_SELECT) run(world, plan, params);
    if (plan->kind == SQL_PLAN_QUERY) run_query(world, plan, params);
}

static void check_plan(struct world *world, const struct sql_plan *plan)
{
    PAWL_ASSERT(plan->tag != NULL);
    PAWL_ASSERT(plan->param_count <= SQL_PARAMS_MAX && plan->column_count <= SQL_COLUMNS_MAX);
    if (plan->kind == SQL_PLAN_ERROR) check_error(world, &plan->error);
    if (plan->kind == SQL_PLAN_SELECT || plan->kind == SQL_PLAN_QUERY) run_select(world, plan);
    if (plan->kind == SQL_PLAN_PREPARE) check_plan(world, plan->of.prepared.statement);
    if (plan->kind == SQL_PLAN_EXECUTE) {
        for (size_t i = 0; i < plan->of.prepared.value_count; i++) {
            struct sql_value value = plan->of.prepared.values[i];
            struct sql_error error = {.sqlstate = "", .message = ""};
            static const uint32_t types[] = {SQL_TEXT, SQL_INT4, SQL_NUMERIC, SQL_REGCLASS};
            uint32_t type = types[pawl_random(&world->random) % PAWL_COUNT(types)];

            if (!sql_value_cast(&value, type, &error)) check_error(world, &error);
        }
    }
}

static void check_text(struct world *world)
{
    struct sql_cache *cache = sql_cache_new(world->random);
    struct sql_error error = {.sqlstate = "", .message = ""};

    if (cache == NULL) return;
    struct sql_batch *batch = sql_cache_get(cache, world->text, NULL, 0, &error);
    if (batch == NULL) {
        check_error(world, &error);
    } else {
        struct sql_batch *again = sql_cache_get(cache, world->text, NULL, 0, &error);

        PAWL_ASSERT(again == batch);
        for (size_t i = 0; i < batch->count; i++) {
            check_plan(world, &batch->plans[i]);
        }
        sql_batch_release(again);
    }
    sql_cache_free(cache); /* the batch is still held */
    sql_batch_release(batch);
}

static void check_name(struct world *world)
{
    char *room = malloc(world->text.size + 1);
    struct sql_error error = {.sqlstate = "", .message = ""};
    struct sql_name name;

    if (room == NULL) return;
    if (!sql_name_read(world->text, room, &name, &error)) {
        check_error(world, &error);
    } else {
        PAWL_ASSERT(name.relation.size > 0);
    }
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {.random = size};
    char *text = to_utf8(data, size, &world.text.size);

    if (text == NULL) return 0;
    /* Of its own size, so that the sanitizer knows where it ends. */
    char *copy = malloc(world.text.size + 1);
    if (copy != NULL) {
        memcpy(copy + 1, text, world.text.size);
        world.text.at = copy + 1;
        world.random = pawl_bytes_hash(world.text, size);
        check_text(&world);
        check_name(&world);
    }
    free(copy);
    free(text);
    return 0;
}
