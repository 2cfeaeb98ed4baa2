/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on the way of a statement: text, plans, the machine, with a session that gives what is
 * wanted by the luck of a seed. Laws, beyond "no byte outside is touched":
 *   - an error has a state, and stands within the text or nowhere
 *   - a row has its plan's types, and every run comes to an end
 *   - a batch from the cache is the one that was put there
 */
#include <stdlib.h>
#include <string.h>

#include "server/sql/cast.h"
#include "server/sql/machine.h"
#include "server/sql/types.h"

enum { WANTS_MAX = 2000, STEPS_AT_ONCE = 40000, TURNS_MAX = 20 };

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

static void run(struct world *world, const struct sql_plan *plan)
{
    static const struct sql_facts facts = {
        .user = "u", .database = "d", .now_us = 1, .setting = setting};
    struct sql_value params[SQL_PARAMS_MAX];
    size_t turns = 0;

    for (size_t i = 0; i < plan->param_count; i++) {
        params[i] = some_value(world, plan->param_types[i]);
    }
    struct sql_machine *machine = sql_machine_new(plan, params, &facts);
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
        for (size_t i = 0; i < plan->column_count; i++) {
            PAWL_ASSERT(machine->row[i].null || machine->row[i].type == plan->columns[i].type);
        }
    }
    sql_machine_free(machine);
}

static void check_plan(struct world *world, const struct sql_plan *plan)
{
    PAWL_ASSERT(plan->tag != NULL);
    PAWL_ASSERT(plan->param_count <= SQL_PARAMS_MAX && plan->column_count <= SQL_COLUMNS_MAX);
    if (plan->kind == SQL_PLAN_ERROR) check_error(world, &plan->error);
    if (plan->kind == SQL_PLAN_SELECT) run(world, plan);
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
