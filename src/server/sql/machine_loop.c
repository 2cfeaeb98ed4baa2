/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "server/sql/machine_own.h"
#include "server/sql/types.h"

/* nextval's calls in each turn of the program's one loop; 0: there are none, or it depends. */
static uint64_t ids_each_turn(const struct sql_program *program)
{
    uint64_t count = 0;

    if (program->loop_count != 1) return 0;
    for (size_t i = 0; i < program->step_count; i++) {
        switch ((int)program->steps[i].op) {
        case SQL_OP_NEXTVAL:
            count++;
            break;
        case SQL_OP_UNLESS:
        case SQL_OP_AND_SKIP:
        case SQL_OP_OR_SKIP:
        case SQL_OP_FIRST:
        case SQL_OP_DONE:
        case SQL_OP_GOSUB:
        case SQL_OP_LIMIT:
            return 0;
        default:
            break;
        }
    }
    return count;
}

/* More ids than one statement takes are refused before the first of them. */
static bool too_many_ids(const struct sql_machine_state *state, const struct sql_loop *loop)
{
    bool up = loop->step > 0;
    uint64_t each = ids_each_turn(state->program);
    uint64_t most = state->facts->ids_max;

    if (each == 0 || most == 0 || loop->ended ||
        (up ? loop->next > loop->last : loop->next < loop->last)) {
        return false;
    }
    uint64_t way = up ? (uint64_t)loop->last - (uint64_t)loop->next
                      : (uint64_t)loop->next - (uint64_t)loop->last;
    uint64_t stride = up ? (uint64_t)loop->step : 0 - (uint64_t)loop->step;
    return way / stride >= most / each; /* it has one turn more */
}

static bool begin_series(struct sql_machine *machine, const struct sql_instruction *step)
{
    struct sql_machine_state *state = machine->state;
    struct sql_loop *loop = &state->loops[step->a];
    const struct sql_value *args = &state->stack[state->depth -= 3];

    *loop = (struct sql_loop){.type = step->b,
                              .ended = args[0].null || args[1].null || args[2].null,
                              .next = args[0].number,
                              .last = args[1].number,
                              .step = args[2].number};
    if (!loop->ended && loop->step == 0) {
        return sql_fail(&machine->error, "22023", 0, "step size cannot equal zero");
    }
    if (!too_many_ids(state, loop)) return true;
    return sql_fail(&machine->error, "54000", 0, SQL_IDS_MAX_WORDS,
                    (unsigned long long)state->facts->ids_max);
}

static void next_of_series(struct sql_machine_state *state, const struct sql_instruction *step)
{
    struct sql_loop *loop = &state->loops[step->b];

    if (loop->ended || (loop->step > 0 ? loop->next > loop->last : loop->next < loop->last)) {
        loop->ended = true;
        state->at = step->a;
        return;
    }
    state->slots[step->c].value = (struct sql_value){.type = loop->type, .number = loop->next};
    if (__builtin_add_overflow(loop->next, loop->step, &loop->next)) loop->ended = true;
}

static bool begin_unnest(struct sql_machine *machine, const struct sql_instruction *step)
{
    struct sql_machine_state *state = machine->state;
    struct sql_loop *loop = &state->loops[step->a];
    const struct sql_value *array = &state->stack[--state->depth];

    *loop = (struct sql_loop){.type = step->b, .ended = array->null};
    if (array->null) return true;
    struct pawl_bytes text = sql_pool_copy(&state->run_pool, array->text);
    if (text.at == NULL) return sql_fail(&machine->error, "53200", 0, "out of memory");
    return sql_elements_begin(&loop->elements, text, &machine->error);
}

static bool next_of_unnest(struct sql_machine *machine, const struct sql_instruction *step)
{
    struct sql_machine_state *state = machine->state;
    struct sql_loop *loop = &state->loops[step->b];
    struct sql_value *value = &state->slots[step->c].value;
    struct pawl_bytes element;
    bool null = false;
    int more = 0;

    if (!loop->ended) {
        more =
            sql_elements_next(&loop->elements, &state->row_pool, &element, &null, &machine->error);
    }
    if (more < 0) return false;
    if (more == 0) {
        loop->ended = true;
        state->at = step->a;
        return true;
    }
    *value = (struct sql_value){.type = loop->type, .null = null};
    return null || sql_input(&state->row_pool, element, loop->type, value, &machine->error);
}

static bool begin_limit(struct sql_machine *machine, const struct sql_instruction *step)
{
    struct sql_machine_state *state = machine->state;
    struct sql_loop *loop = &state->loops[step->b];
    const struct sql_value *args = &state->stack[state->depth -= 2];

    if (!args[1].null && args[1].number < 0) {
        return sql_fail(&machine->error, "2201X", 0, "OFFSET must not be negative");
    }
    if (!args[0].null && args[0].number < 0) {
        return sql_fail(&machine->error, "2201W", 0, "LIMIT must not be negative");
    }
    *loop = (struct sql_loop){.left = args[0].null ? -1 : args[0].number,
                              .skip = args[1].null ? 0 : args[1].number,
                              .depth = state->depth,
                              .subs = state->sub_count};
    if (loop->left == 0) state->at = step->a;
    return true;
}

static void skip_row(struct sql_machine_state *state, const struct sql_instruction *step)
{
    struct sql_loop *loop = &state->loops[step->b];

    if (loop->skip == 0) return;
    loop->skip--;
    state->depth -= step->c;
    state->at = step->a;
}

static void end_at_limit(struct sql_machine_state *state, const struct sql_instruction *step)
{
    struct sql_loop *loop = &state->loops[step->b];

    if (loop->left < 0 || --loop->left > 0) return;
    state->depth = loop->depth;
    state->sub_count = loop->subs;
    state->at = step->a;
}

/* "{a,b}" grows in place: its brace gives way to a comma. */
static bool add_to_list(struct sql_machine *machine, const struct sql_instruction *step)
{
    struct sql_machine_state *state = machine->state;
    struct sql_slot *slot = &state->slots[step->a];
    struct sql_value *value = &state->stack[--state->depth];
    struct pawl_bytes one = sql_array_text(&state->row_pool, value, 1);
    size_t size = slot->value.text.size;
    char *to = NULL;

    if (one.at == NULL) return sql_fail(&machine->error, "53200", 0, "out of memory");
    if (size <= 2) slot->room = 0;
    if (size + one.size <= slot->room) {
        to = slot->list;
    } else {
        slot->room = (size + one.size) * 2;
        to = sql_pool_take(&state->row_pool, slot->room);
        if (to == NULL) return sql_fail(&machine->error, "53200", 0, "out of memory");
        memcpy(to, slot->value.text.at, size);
        slot->list = to;
    }
    /* one is "{x}": without its brace it is what comes behind ours. */
    bool first = size <= 2;
    to[size - 1] = ',';
    memcpy(to + (first ? 1 : size), one.at + 1, one.size - 1);
    slot->value.text = (struct pawl_bytes){to, (first ? 1 : size) + one.size - 1};
    return true;
}

bool sql_machine_loop(struct sql_machine *machine, const struct sql_instruction *step)
{
    struct sql_machine_state *state = machine->state;

    switch ((int)step->op) {
    case SQL_OP_CLEAR:
        state->slots[step->a] =
            (struct sql_slot){.value = {.type = step->b, .null = true, .text = {"", 0}}};
        return true;
    case SQL_OP_MARK:
        if (state->slots[step->a].marked) {
            return sql_fail(&machine->error, "21000", 0,
                            "more than one row returned by a subquery used as an expression");
        }
        state->slots[step->a].marked = true;
        return true;
    case SQL_OP_LIST:
        return add_to_list(machine, step);
    case SQL_OP_SERIES:
        return begin_series(machine, step);
    case SQL_OP_SERIES_NEXT:
        next_of_series(state, step);
        return true;
    case SQL_OP_UNNEST:
        return begin_unnest(machine, step);
    case SQL_OP_UNNEST_NEXT:
        return next_of_unnest(machine, step);
    case SQL_OP_COUNT:
        state->slots[step->a].value =
            (struct sql_value){.type = SQL_INT8, .number = ++state->loops[step->b].count};
        return true;
    case SQL_OP_LIMIT:
        return begin_limit(machine, step);
    case SQL_OP_SKIP:
        skip_row(state, step);
        return true;
    case SQL_OP_LAST:
        end_at_limit(state, step);
        return true;
    default:
        if (state->row_pool.bytes > 0) sql_pool_free(&state->row_pool);
        return true;
    }
}
