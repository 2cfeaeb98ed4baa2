/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "server/sql/machine_own.h"
#include "server/sql/types.h"

static bool no_memory(struct sql_machine *machine)
{
    return sql_fail(&machine->error, "53200", 0, "out of memory");
}

static bool is_true(const struct sql_value *value)
{
    return !value->null && value->number != 0;
}

static bool is_false(const struct sql_value *value)
{
    return !value->null && value->number == 0;
}

static bool call(struct sql_machine *machine, const struct sql_instruction *step)
{
    struct sql_machine_state *state = machine->state;
    const struct sql_function *function = state->program->functions[step->a];
    struct sql_value result = {.type = step->c};

    state->depth -= step->b;
    const struct sql_value *args = &state->stack[state->depth];
    for (size_t i = 0; i < step->b && !function->lenient; i++) {
        if (args[i].null) result.null = true;
        *state->steps -= (int64_t)(args[i].text.size / SQL_TEXT_STEP_BYTES);
    }
    struct sql_call words = {args,         step->b,        &result, &state->row_pool,
                             state->facts, &machine->error};
    if (!result.null && !function->run(&words)) return false;
    *state->steps -= (int64_t)(result.text.size / SQL_TEXT_STEP_BYTES);
    state->stack[state->depth++] = result;
    return true;
}

/* A value whose text outlives the row. */
static bool keep(struct sql_machine *machine, struct sql_value *value)
{
    if (value->null || value->text.size == 0 || sql_type_is_number(value->type)) return true;
    value->text = sql_pool_copy(&machine->state->run_pool, value->text);
    return value->text.at != NULL ? true : no_memory(machine);
}

static bool make_array(struct sql_machine *machine, const struct sql_instruction *step)
{
    struct sql_machine_state *state = machine->state;

    state->depth -= step->b;
    struct pawl_bytes text = sql_array_text(&state->row_pool, &state->stack[state->depth], step->b);
    if (text.at == NULL) return no_memory(machine);
    state->stack[state->depth++] = (struct sql_value){.type = step->a, .text = text};
    return true;
}

/* Three-valued: what is false, or true, whatever the other is, decides. */
static void combine(struct sql_machine_state *state, bool both)
{
    struct sql_value *left = &state->stack[state->depth - 2];
    const struct sql_value *right = &state->stack[state->depth - 1];
    bool decided = both ? is_false(left) || is_false(right) : is_true(left) || is_true(right);
    bool unknown = !decided && (left->null || right->null);

    *left = (struct sql_value){
        .type = SQL_BOOL, .null = unknown, .number = unknown ? 0 : decided != both};
    state->depth--;
}

static void negate(struct sql_value *value)
{
    if (!value->null) value->number = value->number == 0;
}

static bool step_value(struct sql_machine *machine, const struct sql_instruction *step)
{
    struct sql_machine_state *state = machine->state;
    struct sql_value *top = &state->stack[state->depth];

    switch ((int)step->op) {
    case SQL_OP_VALUE:
        *top = state->program->values[step->a];
        state->depth++;
        return true;
    case SQL_OP_PARAM:
        *top = state->params[step->a];
        state->depth++;
        return true;
    case SQL_OP_LOAD:
        *top = state->slots[step->a].value;
        state->depth++;
        return true;
    case SQL_OP_STORE:
        state->slots[step->a].value = top[-1];
        state->depth--;
        return true;
    case SQL_OP_KEEP:
        state->slots[step->a].value = top[-1];
        state->depth--;
        return keep(machine, &state->slots[step->a].value);
    case SQL_OP_CAST:
        return sql_cast_value(&state->row_pool, &top[-1], step->a, (int32_t)step->b,
                              &machine->error);
    case SQL_OP_NULL:
        top[-1] = (struct sql_value){.type = SQL_BOOL, .number = top[-1].null};
        return true;
    case SQL_OP_NOT:
        negate(&top[-1]);
        return true;
    case SQL_OP_AND:
    case SQL_OP_OR:
        combine(state, step->op == SQL_OP_AND);
        return true;
    default:
        return make_array(machine, step);
    }
}

static void step_jump(struct sql_machine_state *state, const struct sql_instruction *step)
{
    const struct sql_value *top = &state->stack[state->depth];
    bool jumps = true;

    if (step->op == SQL_OP_UNLESS) {
        state->depth--;
        jumps = !is_true(&top[-1]);
    } else if (step->op == SQL_OP_AND_SKIP) {
        jumps = is_false(&top[-1]);
    } else if (step->op == SQL_OP_OR_SKIP) {
        jumps = is_true(&top[-1]);
    } else if (step->op == SQL_OP_FIRST) {
        jumps = !top[-1].null;
        if (!jumps) state->depth--;
    } else if (step->op == SQL_OP_DONE) {
        jumps = state->slots[step->b].marked;
        state->slots[step->b].marked = true;
    } else if (step->op == SQL_OP_GOSUB) {
        state->subs[state->sub_count++] = state->at;
    }
    if (jumps) state->at = step->a;
}

bool sql_machine_step(struct sql_machine *machine, const struct sql_instruction *step,
                      enum sql_want *want)
{
    struct sql_machine_state *state = machine->state;

    if (state->failed) return false;
    switch (step->op) {
    case SQL_OP_VALUE:
    case SQL_OP_PARAM:
    case SQL_OP_LOAD:
    case SQL_OP_STORE:
    case SQL_OP_KEEP:
    case SQL_OP_CAST:
    case SQL_OP_NULL:
    case SQL_OP_NOT:
    case SQL_OP_AND:
    case SQL_OP_OR:
    case SQL_OP_ARRAY:
        return step_value(machine, step);
    case SQL_OP_CALL:
        return call(machine, step);
    case SQL_OP_JUMP:
    case SQL_OP_UNLESS:
    case SQL_OP_AND_SKIP:
    case SQL_OP_OR_SKIP:
    case SQL_OP_FIRST:
    case SQL_OP_DONE:
    case SQL_OP_GOSUB:
        step_jump(state, step);
        return true;
    case SQL_OP_RETURN:
        state->at = state->subs[--state->sub_count];
        return true;
    case SQL_OP_ROW:
        state->depth -= step->a;
        machine->row = &state->stack[state->depth];
        state->row_sent = true;
        *want = SQL_WANT_ROW;
        return true;
    case SQL_OP_NEXTVAL:
    case SQL_OP_CURRVAL:
    case SQL_OP_LASTVAL:
    case SQL_OP_SETVAL:
    case SQL_OP_CLASS:
    case SQL_OP_CHECK:
    case SQL_OP_SET_CONFIG:
        return sql_machine_want(machine, step, want);
    case SQL_OP_CLEAR:
    case SQL_OP_MARK:
    case SQL_OP_LIST:
    case SQL_OP_SERIES:
    case SQL_OP_SERIES_NEXT:
    case SQL_OP_UNNEST:
    case SQL_OP_UNNEST_NEXT:
    case SQL_OP_COUNT:
    case SQL_OP_LIMIT:
    case SQL_OP_SKIP:
    case SQL_OP_LAST:
    case SQL_OP_FRESH:
        return sql_machine_loop(machine, step);
    case SQL_OP_END:
        break;
    }
    return true;
}
