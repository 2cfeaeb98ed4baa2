/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "server/sql/machine_own.h"

/* Of a constant, or of the regclass on top, which goes. */
static bool take_name(struct sql_machine *machine, uint32_t index)
{
    struct sql_machine_state *state = machine->state;

    machine->position = 0;
    if (index != SQL_NAME_ON_TOP) {
        machine->name = state->program->names[index].name;
        machine->position = state->program->names[index].position;
        return true;
    }
    struct pawl_bytes text = state->stack[--state->depth].text;
    char *room = sql_pool_take(&state->row_pool, text.size + 1);
    if (room == NULL) return sql_fail(&machine->error, "53200", 0, "out of memory");
    return sql_name_read(text, room, &machine->name, &machine->error);
}

/* Functions of NULL are NULL. */
static bool any_null(struct sql_machine_state *state, size_t count, uint32_t type)
{
    bool null = false;

    for (size_t i = 0; i < count; i++) {
        if (state->stack[state->depth - 1 - i].null) null = true;
    }
    if (!null) return false;
    state->depth -= count;
    state->stack[state->depth++] = (struct sql_value){.type = type, .null = true};
    return true;
}

static bool want_sequence(struct sql_machine *machine, const struct sql_instruction *step,
                          enum sql_want *want)
{
    bool on_top = step->a == SQL_NAME_ON_TOP;

    if (on_top && any_null(machine->state, 1, SQL_INT8)) return true;
    *want = step->op == SQL_OP_NEXTVAL ? SQL_WANT_NEXTVAL : SQL_WANT_CURRVAL;
    return take_name(machine, step->a);
}

static bool want_setval(struct sql_machine *machine, const struct sql_instruction *step,
                        enum sql_want *want)
{
    struct sql_machine_state *state = machine->state;
    size_t count = step->b + (step->a == SQL_NAME_ON_TOP ? 1U : 0U);

    if (any_null(state, count, SQL_INT8)) return true;
    state->depth -= step->b;
    const struct sql_value *args = &state->stack[state->depth];
    machine->value = args[0].number;
    machine->called = step->b < 2 || args[1].number != 0;
    *want = SQL_WANT_SETVAL;
    return take_name(machine, step->a);
}

static bool want_class(struct sql_machine *machine, const struct sql_instruction *step,
                       enum sql_want *want)
{
    struct sql_machine_state *state = machine->state;

    if (any_null(state, 1, SQL_REGCLASS)) return true;
    state->given_to = step->b ? SQL_GIVEN_VALUE : SQL_GIVEN_CLASS;
    *want = SQL_WANT_CLASS;
    bool named = take_name(machine, SQL_NAME_ON_TOP);
    machine->position = step->c;
    return named;
}

static bool want_set_config(struct sql_machine *machine, enum sql_want *want)
{
    struct sql_machine_state *state = machine->state;
    const struct sql_value *args = &state->stack[state->depth -= 3];

    if (args[0].null) return sql_fail(&machine->error, "22004", 0, "SET requires parameter name");
    char *name = sql_pool_take(&state->row_pool, args[0].text.size + 1);
    if (name == NULL) return sql_fail(&machine->error, "53200", 0, "out of memory");
    for (size_t i = 0; i < args[0].text.size; i++) {
        char c = args[0].text.at[i];

        name[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    machine->setting = (struct sql_setting){
        .name = {name, args[0].text.size},
        .value = args[1].null ? (struct pawl_bytes){"", 0} : args[1].text,
        .to_default = args[1].null,
        .local = !args[2].null && args[2].number != 0,
    };
    *want = SQL_WANT_SET_CONFIG;
    return true;
}

bool sql_machine_want(struct sql_machine *machine, const struct sql_instruction *step,
                      enum sql_want *want)
{
    machine->state->given_to = SQL_GIVEN_VALUE;
    switch ((int)step->op) {
    case SQL_OP_LASTVAL:
        *want = SQL_WANT_LASTVAL;
        return true;
    case SQL_OP_SETVAL:
        return want_setval(machine, step, want);
    case SQL_OP_CLASS:
        return want_class(machine, step, want);
    case SQL_OP_CHECK:
        machine->state->given_to = SQL_GIVEN_CHECK;
        *want = SQL_WANT_CLASS;
        return take_name(machine, step->a);
    case SQL_OP_SET_CONFIG:
        return want_set_config(machine, want);
    default:
        return want_sequence(machine, step, want);
    }
}
