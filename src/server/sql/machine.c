/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's life, and its loop over steps. What each step does is in machine_step.c. */
#include "server/sql/machine.h"

#include <stdlib.h>
#include <string.h>

#include "server/sql/cast.h"
#include "server/sql/machine_own.h"

enum { SPARE_BYTES_MAX = 16 * 1024 };

/* Everything in one piece, in this order: machine, state, values, slots, loops, subs, texts. */
struct layout {
    size_t values, slots, loops, subs, texts, all;
};

static struct layout lay_out(const struct sql_program *program, const struct sql_plan *plan,
                             const struct sql_value *params)
{
    struct layout layout;

    layout.values = sizeof(struct sql_machine) + sizeof(struct sql_machine_state);
    layout.slots =
        layout.values + (plan->param_count + program->stack_size) * sizeof(struct sql_value);
    layout.loops = layout.slots + program->slot_count * sizeof(struct sql_slot);
    layout.subs = layout.loops + program->loop_count * sizeof(struct sql_loop);
    layout.texts = layout.subs + program->sub_depth * sizeof(size_t);
    layout.all = layout.texts;
    for (size_t i = 0; i < plan->param_count; i++) {
        layout.all += params[i].text.size;
    }
    return layout;
}

static void copy_params(struct sql_machine_state *state, size_t count,
                        const struct sql_value *params, char *texts, struct sql_error *error)
{
    for (size_t i = 0; i < count; i++) {
        state->params[i] = params[i];
        if (params[i].text.size > 0) {
            memcpy(texts, params[i].text.at, params[i].text.size);
            state->params[i].text.at = texts;
            texts += params[i].text.size;
        }
        if (state->params[i].number != SQL_VALUE_BINARY || state->failed) continue;
        state->failed = !sql_value_settle(&state->run_pool, &state->params[i], error);
    }
}

/* What malloc would take and give back for every statement; size becomes what there is. */
static void *room_take(struct sql_spare *spare, size_t *size)
{
    if (spare == NULL || spare->at == NULL || spare->size < *size) return malloc(*size);
    void *at = spare->at;

    *size = spare->size;
    spare->at = NULL;
    return at;
}

static void room_give(struct sql_spare *spare, void *at, size_t size)
{
    if (spare == NULL || spare->at != NULL || size > SPARE_BYTES_MAX) {
        free(at);
    } else {
        *spare = (struct sql_spare){at, size};
    }
}

struct sql_machine *sql_machine_new(const struct sql_plan *plan, const struct sql_value *params,
                                    const struct sql_facts *facts)
{
    const struct sql_program *program = plan->of.program;
    struct layout layout = lay_out(program, plan, params);
    size_t size = layout.all;
    char *room = room_take(facts->spare, &size);

    if (room == NULL) return NULL;
    struct sql_machine *machine = (struct sql_machine *)(void *)room;
    struct sql_machine_state *state = (struct sql_machine_state *)(void *)(machine + 1);
    *state = (struct sql_machine_state){
        .program = program,
        .facts = facts,
        .params = (struct sql_value *)(void *)(room + layout.values),
        .slots = (struct sql_slot *)(void *)(room + layout.slots),
        .loops = (struct sql_loop *)(void *)(room + layout.loops),
        .subs = (size_t *)(void *)(room + layout.subs),
        .at = program->start,
        .size = size,
    };
    state->stack = state->params + plan->param_count;
    memset(room + layout.slots, 0, layout.subs - layout.slots);
    machine->state = state;
    machine->row = NULL;
    machine->error.sqlstate[0] = '\0';
    copy_params(state, plan->param_count, params, room + layout.texts, &machine->error);
    return machine;
}

void sql_machine_free(struct sql_machine *machine)
{
    if (machine == NULL) return;
    sql_pool_free(&machine->state->row_pool);
    sql_pool_free(&machine->state->run_pool);
    room_give(machine->state->facts->spare, machine, machine->state->size);
}

static bool within_bounds(struct sql_machine *machine)
{
    const struct sql_machine_state *state = machine->state;

    if (state->row_pool.bytes + state->run_pool.bytes > SQL_MACHINE_BYTES_MAX) {
        return sql_fail(&machine->error, "53200", 0, "the statement's texts are too large");
    }
    return true;
}

static enum sql_want want_turn(struct sql_machine *machine)
{
    if (++machine->state->turns <= SQL_MACHINE_TURNS_MAX) return SQL_WANT_TURN;
    (void)sql_fail(&machine->error, "54000", 0, "the statement goes on for too long without a row");
    return SQL_WANT_ERROR;
}

enum sql_want sql_machine_run(struct sql_machine *machine, int64_t *steps)
{
    struct sql_machine_state *state = machine->state;

    state->steps = steps;
    if (state->row_sent) {
        state->row_sent = false;
        state->turns = 0;
        sql_pool_free(&state->row_pool);
    }
    for (;;) {
        if (--*steps < 0) return want_turn(machine);
        const struct sql_instruction *step = &state->program->steps[state->at++];
        enum sql_want want = SQL_WANT_NOTHING;

        if (!within_bounds(machine)) return SQL_WANT_ERROR;
        if (step->op == SQL_OP_END) {
            state->at--;
            return SQL_WANT_NOTHING;
        }
        if (!sql_machine_step(machine, step, &want)) return SQL_WANT_ERROR;
        if (want != SQL_WANT_NOTHING) return want;
    }
}

/* A text that whoever gives it keeps for himself. */
static bool copy_given(struct sql_machine *machine, struct sql_value *value)
{
    if (value->null || value->text.size == 0) return true;
    value->text = sql_pool_copy(&machine->state->row_pool, value->text);
    return value->text.at != NULL;
}

static void no_class(struct sql_machine *machine, bool no_schema)
{
    const struct sql_name *name = &machine->name;

    if (no_schema) {
        (void)sql_fail(&machine->error, "3F000", machine->position,
                       "schema \"%.*s\" does not exist", (int)name->schema.size, name->schema.at);
        return;
    }
    (void)sql_fail(&machine->error, "42P01", machine->position,
                   "relation \"%.*s%s%.*s\" does not exist", (int)name->schema.size,
                   name->schema.at, name->schema.size > 0 ? "." : "", (int)name->relation.size,
                   name->relation.at);
}

void sql_machine_give(struct sql_machine *machine, const struct sql_value *value)
{
    struct sql_machine_state *state = machine->state;
    struct sql_value given = *value;

    if (!copy_given(machine, &given)) {
        state->failed = sql_fail(&machine->error, "53200", 0, "out of memory") == false;
        return;
    }
    if (given.null && (state->given_to == SQL_GIVEN_CLASS || state->given_to == SQL_GIVEN_CHECK)) {
        no_class(machine, given.number != 0);
        state->failed = true;
        return;
    }
    if (state->given_to != SQL_GIVEN_CHECK) state->stack[state->depth++] = given;
}
