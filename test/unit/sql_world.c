/* SPDX-License-Identifier: Apache-2.0 */
#include "sql_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/sql/plan.h"

enum { STEPS_AT_ONCE = 1000 };

struct sequence {
    const char *name;
    int64_t last; /* 0: none was handed out */
};

struct world {
    struct sequence sequences[3];
    int64_t lastval;
    char *told;
    char text[64]; /* what was given last */
};

static void tell(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(struct world *world, const char *format, ...)
{
    size_t used = strlen(world->told);
    va_list args;

    va_start(args, format);
    int size = vsnprintf(world->told + used, SQL_TOLD_BYTES - used, format, args);
    va_end(args);
    assert_in_range(size, 0, SQL_TOLD_BYTES - used - 1);
}

static void tell_error(struct world *world, const struct sql_error *error)
{
    world->told[0] = '\0';
    tell(world, "%s@%u %s", error->sqlstate, error->position, error->message);
    if (error->detail[0] != '\0') tell(world, " DETAIL %s", error->detail);
    if (error->hint[0] != '\0') tell(world, " HINT %s", error->hint);
}

static void tell_value(struct world *world, const struct sql_value *value)
{
    if (value->null) {
        tell(world, "~");
    } else if (value->type == SQL_BOOL) {
        tell(world, value->number ? "t" : "f");
    } else if (value->type == SQL_INT2 || value->type == SQL_INT4 || value->type == SQL_INT8 ||
               value->type == SQL_OID) {
        tell(world, "%" PRId64, value->number);
    } else {
        tell(world, "%.*s", (int)value->text.size, value->text.at);
    }
}

static struct sequence *find(struct world *world, const struct sql_name *name)
{
    for (size_t i = 0; i < PAWL_COUNT(world->sequences); i++) {
        const char *one = world->sequences[i].name;

        if (!pawl_bytes_equal(name->relation, (struct pawl_bytes){one, strlen(one)})) continue;
        if (name->schema.size > 0 && !pawl_bytes_equal(name->schema, PAWL_BYTES("public"))) {
            continue;
        }
        return &world->sequences[i];
    }
    return NULL;
}

/* false: an error was told. */
static bool give_sequence(struct world *world, struct sql_machine *machine, enum sql_want want)
{
    struct sequence *sequence = find(world, &machine->name);
    struct sql_value value = {.type = SQL_INT8};
    struct sql_error error;

    if (sequence == NULL) {
        (void)sql_fail(&error, "42P01", machine->position, "relation \"%.*s\" does not exist",
                       (int)machine->name.relation.size, machine->name.relation.at);
        tell_error(world, &error);
        return false;
    }
    if (want == SQL_WANT_CURRVAL && sequence->last == 0) {
        (void)sql_fail(&error, "55000", 0,
                       "currval of sequence \"%s\" is not yet defined in this session",
                       sequence->name);
        tell_error(world, &error);
        return false;
    }
    if (want == SQL_WANT_NEXTVAL) world->lastval = ++sequence->last;
    if (want == SQL_WANT_SETVAL) sequence->last = machine->value - (machine->called ? 0 : 1);
    value.number = want == SQL_WANT_SETVAL ? machine->value : sequence->last;
    sql_machine_give(machine, &value);
    return true;
}

static void give_class(struct world *world, struct sql_machine *machine)
{
    const struct sequence *sequence = find(world, &machine->name);
    struct sql_value value = {.type = SQL_REGCLASS, .null = sequence == NULL};

    if (sequence != NULL) {
        bool upper = sequence->name[0] == 'S';
        int size =
            snprintf(world->text, sizeof world->text, upper ? "\"%s\"" : "%s", sequence->name);

        value.text = (struct pawl_bytes){world->text, (size_t)size};
        value.number = 16384 + (sequence - world->sequences);
    }
    sql_machine_give(machine, &value);
    memset(world->text, '!', sizeof world->text); /* it was copied */
}

static bool give(struct world *world, struct sql_machine *machine, enum sql_want want)
{
    struct sql_value value = {.type = SQL_INT8, .number = world->lastval};

    switch (want) {
    case SQL_WANT_LASTVAL:
        sql_machine_give(machine, &value);
        return true;
    case SQL_WANT_CLASS:
        give_class(world, machine);
        return true;
    case SQL_WANT_SET_CONFIG:
        value = (struct sql_value){.type = SQL_TEXT, .text = machine->setting.value};
        sql_machine_give(machine, &value);
        return true;
    case SQL_WANT_NEXTVAL:
    case SQL_WANT_CURRVAL:
    case SQL_WANT_SETVAL:
        return give_sequence(world, machine, want);
    case SQL_WANT_NOTHING:
    case SQL_WANT_TURN:
    case SQL_WANT_ROW:
    case SQL_WANT_ERROR:
        break;
    }
    return false;
}

static const char *setting(void *arg, struct pawl_bytes name)
{
    (void)arg;
    if (pawl_bytes_equal(name, PAWL_BYTES("search_path"))) return "\"$user\", public";
    if (pawl_bytes_equal(name, PAWL_BYTES("timezone"))) return "Etc/UTC";
    return NULL;
}

static bool may(void *arg, struct pawl_bytes name, const char *privilege)
{
    (void)arg;
    return pawl_bytes_equal(name, PAWL_BYTES("s")) || strcmp(privilege, "SELECT") == 0;
}

static const struct sql_facts facts = {
    .user = "postgres",
    .database = "postgres",
    .pid = 42,
    .now_us = 1700000000123400,
    .setting = setting,
    .may = may,
};

static void run(struct world *world, const struct sql_plan *plan, const struct sql_value *params)
{
    struct sql_machine *machine = sql_machine_new(plan, params, &facts);
    enum sql_want want = SQL_WANT_NOTHING;
    bool first = true;

    assert_non_null(machine);
    int64_t steps = STEPS_AT_ONCE;

    while ((want = sql_machine_run(machine, &steps)) != SQL_WANT_NOTHING) {
        if (want == SQL_WANT_TURN) {
            steps = STEPS_AT_ONCE;
            continue;
        }
        if (want == SQL_WANT_ERROR) {
            tell_error(world, &machine->error);
            break;
        }
        if (want != SQL_WANT_ROW) {
            if (!give(world, machine, want)) break;
            continue;
        }
        tell(world, first ? "|" : ";");
        first = false;
        for (size_t i = 0; i < plan->column_count; i++) {
            if (i > 0) tell(world, ",");
            assert_true(machine->row[i].type == plan->columns[i].type || machine->row[i].null);
            tell_value(world, &machine->row[i]);
        }
    }
    sql_machine_free(machine);
}

static void begin(struct world *world, char *told)
{
    *world = (struct world){.sequences = {{"s", 0}, {"t", 0}, {"S", 0}}, .told = told};
    told[0] = '\0';
}

void sql_run(const struct sql_plan *plan, const struct sql_value *params, char told[SQL_TOLD_BYTES])
{
    struct world world;

    begin(&world, told);
    run(&world, plan, params);
}

static void tell_columns(struct world *world, const struct sql_plan *plan)
{
    for (size_t i = 0; i < plan->column_count; i++) {
        const struct sql_column *column = &plan->columns[i];

        tell(world, "%s%.*s:%u", i == 0 ? "" : ",", (int)column->name.size, column->name.at,
             column->type);
    }
}

static void tell_plan(struct world *world, const struct sql_plan *plan)
{
    world->told[0] = '\0';
    if (plan->kind == SQL_PLAN_ERROR) {
        tell_error(world, &plan->error);
        return;
    }
    if (plan->kind != SQL_PLAN_SELECT && plan->kind != SQL_PLAN_QUERY) {
        tell(world, "%s", plan->tag);
        return;
    }
    if (plan->param_count > 0) {
        for (size_t i = 0; i < plan->param_count; i++) {
            tell(world, "%s%u", i == 0 ? "(" : ",", plan->param_types[i]);
        }
        tell(world, ")");
        tell_columns(world, plan);
        return;
    }
    tell_columns(world, plan);
    if (plan->kind == SQL_PLAN_SELECT) run(world, plan, NULL);
}

const char *sql_told(const char *text, char told[SQL_TOLD_BYTES])
{
    struct sql_batch *batch = NULL;
    struct sql_error error;
    struct world world;

    begin(&world, told);
    if (!sql_batch_new((struct pawl_bytes){text, strlen(text)}, NULL, 0, &batch, &error)) {
        tell_error(&world, &error);
        return told;
    }
    for (size_t i = 0; i < batch->count; i++) {
        tell_plan(&world, &batch->plans[i]);
    }
    sql_batch_release(batch);
    return told;
}
