/* SPDX-License-Identifier: Apache-2.0 */
/* From what a statement means to the steps that do it: expressions. SELECTs are in emit_select.c.
 */
#include "server/sql/emit.h"

#include <string.h>

#include "server/sql/tree.h"

uint32_t sql_put(struct sql_emitter *emitter, enum sql_op op, uint32_t a, uint32_t b, uint32_t c)
{
    if (!sql_emit_room(emitter, (void **)&emitter->steps, &emitter->step_room,
                       emitter->program->step_count, sizeof *emitter->steps)) {
        return 0;
    }
    emitter->steps[emitter->program->step_count] = (struct sql_instruction){op, a, b, c};
    return (uint32_t)emitter->program->step_count++;
}

void sql_pushed(struct sql_emitter *emitter, size_t count)
{
    emitter->depth += count;
    if (emitter->depth > emitter->program->stack_size) {
        emitter->program->stack_size = emitter->depth;
    }
}

void sql_popped(struct sql_emitter *emitter, size_t count)
{
    PAWL_ASSERT(emitter->depth >= count);
    emitter->depth -= count;
}

void sql_jump(struct sql_emitter *emitter, enum sql_op op, struct sql_label *label, uint32_t b,
              uint32_t c)
{
    uint32_t at = sql_put(emitter, op, label->bound ? label->at : label->chain, b, c);

    if (!label->bound) label->chain = at;
}

void sql_bind(struct sql_emitter *emitter, struct sql_label *label)
{
    uint32_t at = label->chain;

    label->bound = true;
    label->at = (uint32_t)emitter->program->step_count;
    while (at != SQL_NO_STEP && !emitter->failed) {
        uint32_t next = emitter->steps[at].a;

        emitter->steps[at].a = label->at;
        at = next;
    }
}

bool sql_emit_room(struct sql_emitter *emitter, void **array, size_t *room, size_t count,
                   size_t size)
{
    enum { ROOM_MIN = 8 };

    if (emitter->failed) return false;
    if (count < *room) return true;
    size_t wanted = *room == 0 ? ROOM_MIN : *room * 2;
    void *grown = sql_pool_array(emitter->builder->pool, wanted, size);
    if (grown == NULL) {
        emitter->failed = true;
        return sql_build_no_memory(emitter->builder);
    }
    if (count > 0) memcpy(grown, *array, count * size);
    *array = grown;
    *room = wanted;
    return true;
}

void sql_emit_constant(struct sql_emitter *emitter, struct sql_value value)
{
    struct sql_program *program = emitter->program;

    if (!sql_emit_room(emitter, (void **)&program->values, &emitter->value_room,
                       program->value_count, sizeof *program->values)) {
        return;
    }
    program->values[program->value_count] = value;
    sql_put(emitter, SQL_OP_VALUE, (uint32_t)program->value_count++, 0, 0);
    sql_pushed(emitter, 1);
}

static uint32_t add_function(struct sql_emitter *emitter, const struct sql_function *function)
{
    struct sql_program *program = emitter->program;

    for (size_t i = 0; i < program->function_count; i++) {
        if (program->functions[i] == function) return (uint32_t)i;
    }
    if (!sql_emit_room(emitter, (void **)&program->functions, &emitter->function_room,
                       program->function_count, sizeof(struct sql_function *))) {
        return 0;
    }
    program->functions[program->function_count] = function;
    return (uint32_t)program->function_count++;
}

static bool same_name(const struct sql_name *a, const struct sql_name *b)
{
    return pawl_bytes_equal(a->relation, b->relation) && pawl_bytes_equal(a->schema, b->schema) &&
           pawl_bytes_equal(a->database, b->database);
}

/* In characters: it is told when the program runs. */
static uint32_t position_of(const struct sql_emitter *emitter, const struct sql_expr *expr)
{
    return sql_text_position(emitter->builder->text, expr->position);
}

static uint32_t add_name(struct sql_emitter *emitter, const struct sql_expr *expr)
{
    struct sql_program *program = emitter->program;
    struct pawl_bytes text = expr->value.text;
    char *room = sql_pool_take(emitter->builder->pool, text.size + 1);
    struct sql_program_name name = {.position = position_of(emitter, expr)};

    if (room == NULL || !sql_name_read(text, room, &name.name, emitter->builder->error)) {
        if (room == NULL) (void)sql_build_no_memory(emitter->builder);
        emitter->failed = true;
        return 0;
    }
    for (size_t i = 0; i < program->name_count; i++) {
        if (same_name(&program->names[i].name, &name.name)) return (uint32_t)i;
    }
    if (!sql_emit_room(emitter, (void **)&program->names, &emitter->name_room, program->name_count,
                       sizeof *program->names)) {
        return 0;
    }
    program->names[program->name_count] = name;
    return (uint32_t)program->name_count++;
}

static void emit(struct sql_emitter *emitter, const struct sql_expr *expr);

/* nextval and others; a sequence that is named by a constant is read now. */
static void emit_sequence(struct sql_emitter *emitter, const struct sql_expr *expr, enum sql_op op)
{
    const struct sql_expr *first = expr->args[0];
    bool named = first->kind == SQL_EXPR_VALUE && !first->value.null;
    uint32_t name = named ? add_name(emitter, first) : SQL_NAME_ON_TOP;

    if (!named) emit(emitter, first);
    for (size_t i = 1; i < expr->count; i++) {
        emit(emitter, expr->args[i]);
    }
    if (op != SQL_OP_CURRVAL) emitter->program->changes = true;
    sql_put(emitter, op, name, (uint32_t)expr->count - 1, 0);
    sql_popped(emitter, expr->count - (named ? 1 : 0));
    sql_pushed(emitter, 1);
}

static void emit_call(struct sql_emitter *emitter, const struct sql_expr *expr)
{
    enum sql_special special = expr->function->special;

    if (special == SQL_DO_NEXTVAL || special == SQL_DO_CURRVAL || special == SQL_DO_SETVAL) {
        emit_sequence(emitter, expr,
                      special == SQL_DO_NEXTVAL   ? SQL_OP_NEXTVAL
                      : special == SQL_DO_CURRVAL ? SQL_OP_CURRVAL
                                                  : SQL_OP_SETVAL);
        return;
    }
    for (size_t i = 0; i < expr->count; i++) {
        sql_emit_value(emitter, expr->args[i]);
    }
    if (special == SQL_DO_LASTVAL) {
        sql_put(emitter, SQL_OP_LASTVAL, 0, 0, 0);
    } else if (special == SQL_DO_CLASS) {
        sql_put(emitter, SQL_OP_CLASS, 0, 1, 0);
    } else if (special == SQL_DO_SET_CONFIG) {
        sql_put(emitter, SQL_OP_SET_CONFIG, 0, 0, 0);
    } else {
        sql_put(emitter, SQL_OP_CALL, add_function(emitter, expr->function), (uint32_t)expr->count,
                expr->type);
    }
    sql_popped(emitter, expr->count);
    sql_pushed(emitter, 1);
}

static void emit_chain(struct sql_emitter *emitter, const struct sql_expr *expr)
{
    bool both = expr->kind == SQL_EXPR_AND;
    struct sql_label end = SQL_LABEL;

    emit(emitter, expr->args[0]);
    for (size_t i = 1; i < expr->count; i++) {
        sql_jump(emitter, both ? SQL_OP_AND_SKIP : SQL_OP_OR_SKIP, &end, 0, 0);
        emit(emitter, expr->args[i]);
        sql_put(emitter, both ? SQL_OP_AND : SQL_OP_OR, 0, 0, 0);
        sql_popped(emitter, 1);
    }
    sql_bind(emitter, &end);
}

static void emit_case(struct sql_emitter *emitter, const struct sql_expr *expr)
{
    struct sql_label end = SQL_LABEL;

    for (size_t i = 0; i + 1 < expr->count; i += 2) {
        struct sql_label next = SQL_LABEL;

        emit(emitter, expr->args[i]);
        sql_jump(emitter, SQL_OP_UNLESS, &next, 0, 0);
        sql_popped(emitter, 1);
        sql_emit_value(emitter, expr->args[i + 1]);
        sql_jump(emitter, SQL_OP_JUMP, &end, 0, 0);
        sql_popped(emitter, 1);
        sql_bind(emitter, &next);
    }
    sql_emit_value(emitter, expr->args[expr->count - 1]);
    sql_bind(emitter, &end);
}

static void emit_set(struct sql_emitter *emitter, const struct sql_expr *expr)
{
    sql_emit_value(emitter, expr->args[0]);
    sql_put(emitter, SQL_OP_STORE, (uint32_t)expr->index, 0, 0);
    sql_popped(emitter, 1);
    emit(emitter, expr->args[1]);
}

static void emit_first(struct sql_emitter *emitter, const struct sql_expr *expr)
{
    struct sql_label end = SQL_LABEL;

    for (size_t i = 0; i < expr->count; i++) {
        sql_emit_value(emitter, expr->args[i]);
        if (i + 1 == expr->count) break;
        sql_jump(emitter, SQL_OP_FIRST, &end, 0, 0);
        sql_popped(emitter, 1);
    }
    sql_bind(emitter, &end);
}

static void emit_one(struct sql_emitter *emitter, const struct sql_expr *expr, enum sql_op op)
{
    sql_emit_value(emitter, expr->args[0]);
    sql_put(emitter, op, 0, 0, 0);
}

static void emit_array(struct sql_emitter *emitter, const struct sql_expr *expr)
{
    for (size_t i = 0; i < expr->count; i++) {
        sql_emit_value(emitter, expr->args[i]);
    }
    sql_put(emitter, SQL_OP_ARRAY, expr->type, (uint32_t)expr->count, 0);
    sql_popped(emitter, expr->count);
    sql_pushed(emitter, 1);
}

static void emit_index(struct sql_emitter *emitter, const struct sql_expr *expr, enum sql_op op)
{
    sql_put(emitter, op, (uint32_t)expr->index, 0, 0);
    sql_pushed(emitter, 1);
}

static void emit(struct sql_emitter *emitter, const struct sql_expr *expr)
{
    if (emitter->failed) return;
    switch (expr->kind) {
    case SQL_EXPR_VALUE:
        sql_emit_constant(emitter, expr->value);
        break;
    case SQL_EXPR_PARAM:
        emit_index(emitter, expr, SQL_OP_PARAM);
        break;
    case SQL_EXPR_SLOT:
        emit_index(emitter, expr, SQL_OP_LOAD);
        break;
    case SQL_EXPR_CALL:
        emit_call(emitter, expr);
        break;
    case SQL_EXPR_CAST:
        sql_emit_value(emitter, expr->args[0]);
        sql_put(emitter, SQL_OP_CAST, expr->type, (uint32_t)expr->modifier, 0);
        break;
    case SQL_EXPR_AND:
    case SQL_EXPR_OR:
        emit_chain(emitter, expr);
        break;
    case SQL_EXPR_NOT:
        emit_one(emitter, expr, SQL_OP_NOT);
        break;
    case SQL_EXPR_NULL:
        emit_one(emitter, expr, SQL_OP_NULL);
        break;
    case SQL_EXPR_CASE:
        emit_case(emitter, expr);
        break;
    case SQL_EXPR_SET:
        emit_set(emitter, expr);
        break;
    case SQL_EXPR_FIRST:
        emit_first(emitter, expr);
        break;
    case SQL_EXPR_ARRAY:
        emit_array(emitter, expr);
        break;
    case SQL_EXPR_SELECT:
    case SQL_EXPR_EXISTS:
    case SQL_EXPR_LIST:
        sql_emit_sublink(emitter, expr);
        break;
    }
}

/* What is made of text is no more than text until somebody looks at it. */
static bool is_unlooked_class(const struct sql_expr *expr)
{
    return expr->type == SQL_REGCLASS &&
           (expr->kind == SQL_EXPR_VALUE || expr->kind == SQL_EXPR_PARAM ||
            expr->kind == SQL_EXPR_CAST);
}

void sql_emit_value(struct sql_emitter *emitter, const struct sql_expr *expr)
{
    emit(emitter, expr);
    if (!is_unlooked_class(expr)) return;
    sql_put(emitter, SQL_OP_CLASS, 0, 0,
            expr->kind == SQL_EXPR_VALUE ? position_of(emitter, expr) : 0);
}

/* A constant's name must exist before anything is done, as PostgreSQL finds it while it parses. */
static void emit_checks(struct sql_emitter *emitter)
{
    struct sql_program *program = emitter->program;

    if (program->name_count < 2 && !emitter->checks) return;
    program->start = program->step_count;
    for (size_t i = 0; i < program->name_count; i++) {
        sql_put(emitter, SQL_OP_CHECK, (uint32_t)i, 0, 0);
    }
    sql_put(emitter, SQL_OP_JUMP, 0, 0, 0);
}

struct sql_program *sql_emit(struct sql_builder *builder, const struct sql_select *select)
{
    struct sql_program *program = sql_pool_take(builder->pool, sizeof *program);
    struct sql_emitter emitter = {.builder = builder, .program = program};

    if (program == NULL) {
        (void)sql_build_no_memory(builder);
        return NULL;
    }
    sql_emit_output(&emitter, select);
    sql_put(&emitter, SQL_OP_END, 0, 0, 0);
    emit_checks(&emitter);
    program->steps = emitter.steps;
    program->slot_count = builder->slot_count;
    program->column_count = select->column_count;
    return emitter.failed ? NULL : program;
}
