/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SELECTs as loops. Rows are not kept anywhere: each goes at once to the sink of its SELECT, which
 * sends it, stores it, or runs the SELECT around it as a subroutine.
 */
#include <string.h>

#include "server/sql/emit.h"

enum sink_kind {
    SINK_OUTPUT, /* to the client */
    SINK_PASS,   /* to the sink of the UNION around it */
    SINK_BODY,   /* into slots, then the subroutine of the SELECT around it */
    SINK_VALUE,  /* into a slot; two rows are an error */
    SINK_ROW,    /* a slot becomes true */
    SINK_LIST,   /* into the list in a slot */
};

struct sink {
    enum sink_kind kind;
    struct sink *outer;     /* PASS */
    struct sql_label *body; /* BODY */
    size_t slot;
    bool limited; /* LIMIT, OFFSET: counted by loop */
    uint32_t loop;
    struct sql_label end; /* behind all rows */
};

static void emit_select(struct sql_emitter *emitter, const struct sql_select *select,
                        struct sink *sink);

static uint32_t new_loop(struct sql_emitter *emitter)
{
    return (uint32_t)emitter->program->loop_count++;
}

/* count values lie on the stack: a row. */
static void deliver(struct sql_emitter *emitter, struct sink *sink, size_t count)
{
    struct sql_label skipped = SQL_LABEL;

    if (sink->limited) {
        sql_jump(emitter, SQL_OP_SKIP, &skipped, sink->loop, (uint32_t)count);
    }
    switch (sink->kind) {
    case SINK_OUTPUT:
        sql_put(emitter, SQL_OP_ROW, (uint32_t)count, 0, 0);
        break;
    case SINK_PASS:
        deliver(emitter, sink->outer, count);
        break;
    case SINK_BODY:
        for (size_t i = count; i > 0; i--) {
            sql_put(emitter, SQL_OP_STORE, (uint32_t)(sink->slot + i - 1), 0, 0);
        }
        sql_jump(emitter, SQL_OP_GOSUB, sink->body, 0, 0);
        break;
    case SINK_VALUE:
        sql_put(emitter, SQL_OP_MARK, (uint32_t)sink->slot, 0, 0);
        sql_put(emitter, SQL_OP_STORE, (uint32_t)sink->slot, 0, 0);
        break;
    case SINK_ROW:
        sql_emit_constant(emitter, (struct sql_value){.type = SQL_BOOL, .number = 1});
        sql_put(emitter, SQL_OP_STORE, (uint32_t)sink->slot, 0, 0);
        sql_popped(emitter, 1);
        for (size_t i = 0; i < count; i++) {
            sql_put(emitter, SQL_OP_STORE, (uint32_t)sink->slot + 1, 0, 0);
        }
        break;
    case SINK_LIST:
        sql_put(emitter, SQL_OP_LIST, (uint32_t)sink->slot, 0, 0);
        break;
    }
    if (sink->kind != SINK_PASS) sql_popped(emitter, count);
    if (sink->limited) sql_jump(emitter, SQL_OP_LAST, &sink->end, sink->loop, 0);
    sql_bind(emitter, &skipped);
}

static void emit_row(struct sql_emitter *emitter, struct sql_expr **targets, size_t count,
                     struct sink *sink)
{
    for (size_t i = 0; i < count; i++) {
        sql_emit_value(emitter, targets[i]);
    }
    size_t depth = emitter->depth;
    deliver(emitter, sink, count);
    emitter->depth = depth - count;
}

/* What nobody looks at is passed over; but its names must exist. */
static void emit_unlooked(struct sql_emitter *emitter, const struct sql_select *select,
                          struct sink *sink)
{
    struct sql_label over = SQL_LABEL;
    size_t name_count = emitter->program->name_count;

    sql_jump(emitter, SQL_OP_JUMP, &over, 0, 0);
    for (size_t i = 0; i < select->column_count; i++) {
        sql_emit_value(emitter, select->targets[i]);
        sql_popped(emitter, 1);
    }
    sql_bind(emitter, &over);
    if (emitter->program->name_count > name_count) emitter->checks = true;
    deliver(emitter, sink, 0);
}

/* WHERE and targets, once the FROM's slots are set; goes to next where WHERE says no. */
static void emit_body(struct sql_emitter *emitter, const struct sql_select *select,
                      struct sink *sink, struct sql_label *next)
{
    if (select->where != NULL) {
        sql_emit_value(emitter, select->where);
        sql_jump(emitter, SQL_OP_UNLESS, next, 0, 0);
        sql_popped(emitter, 1);
    }
    if (select->unlooked) {
        emit_unlooked(emitter, select, sink);
    } else {
        emit_row(emitter, select->targets, select->column_count, sink);
    }
}

static void emit_loop(struct sql_emitter *emitter, const struct sql_select *select,
                      struct sink *sink)
{
    const struct sql_from *from = select->from;
    bool series = from->kind == SQL_FROM_SERIES;
    size_t count = series ? 3 : 1;
    uint32_t loop = new_loop(emitter);
    struct sql_label head = SQL_LABEL;
    struct sql_label end = SQL_LABEL;

    for (size_t i = 0; i < count; i++) {
        sql_emit_value(emitter, from->args[i]);
    }
    sql_put(emitter, series ? SQL_OP_SERIES : SQL_OP_UNNEST, loop, from->columns[0].type, 0);
    sql_popped(emitter, count);
    sql_bind(emitter, &head);
    if (emitter->nested == 0) sql_put(emitter, SQL_OP_FRESH, 0, 0, 0);
    sql_jump(emitter, series ? SQL_OP_SERIES_NEXT : SQL_OP_UNNEST_NEXT, &end, loop,
             (uint32_t)from->slot);
    if (from->ordinality) sql_put(emitter, SQL_OP_COUNT, (uint32_t)from->slot + 1, loop, 0);
    emit_body(emitter, select, sink, &head);
    sql_jump(emitter, SQL_OP_JUMP, &head, 0, 0);
    sql_bind(emitter, &end);
}

static void emit_call_row(struct sql_emitter *emitter, const struct sql_select *select,
                          struct sink *sink)
{
    const struct sql_from *from = select->from;
    struct sql_label end = SQL_LABEL;

    sql_emit_value(emitter, from->args[0]);
    sql_put(emitter, SQL_OP_STORE, (uint32_t)from->slot, 0, 0);
    sql_popped(emitter, 1);
    if (from->ordinality) {
        sql_emit_constant(emitter, (struct sql_value){.type = SQL_INT8, .number = 1});
        sql_put(emitter, SQL_OP_STORE, (uint32_t)from->slot + 1, 0, 0);
        sql_popped(emitter, 1);
    }
    emit_body(emitter, select, sink, &end);
    sql_bind(emitter, &end);
}

static void emit_subselect(struct sql_emitter *emitter, const struct sql_select *select,
                           struct sink *sink)
{
    struct sql_label over = SQL_LABEL;
    struct sql_label body = SQL_LABEL;
    struct sql_label end = SQL_LABEL;
    struct sink inner = {
        .kind = SINK_BODY, .body = &body, .slot = select->from->slot, .end = SQL_LABEL};

    emitter->program->sub_depth++; /* no body runs within itself */
    sql_jump(emitter, SQL_OP_JUMP, &over, 0, 0);
    sql_bind(emitter, &body);
    emit_body(emitter, select, sink, &end);
    sql_bind(emitter, &end);
    sql_put(emitter, SQL_OP_RETURN, 0, 0, 0);
    sql_bind(emitter, &over);
    emit_select(emitter, select->from->select, &inner);
}

static void emit_plain(struct sql_emitter *emitter, const struct sql_select *select,
                       struct sink *sink)
{
    struct sql_label end = SQL_LABEL;

    if (select->from == NULL) {
        emit_body(emitter, select, sink, &end);
        sql_bind(emitter, &end);
        return;
    }
    switch (select->from->kind) {
    case SQL_FROM_SERIES:
    case SQL_FROM_UNNEST:
        emit_loop(emitter, select, sink);
        break;
    case SQL_FROM_CALL:
        emit_call_row(emitter, select, sink);
        break;
    case SQL_FROM_SELECT:
        emit_subselect(emitter, select, sink);
        break;
    }
}

static void emit_bound(struct sql_emitter *emitter, const struct sql_expr *bound)
{
    if (bound == NULL) {
        sql_emit_constant(emitter, (struct sql_value){.type = SQL_INT8, .null = true});
    } else {
        sql_emit_value(emitter, bound);
    }
}

static void emit_arms(struct sql_emitter *emitter, const struct sql_select *select,
                      struct sink *sink)
{
    for (size_t i = 0; i < select->arm_count; i++) {
        struct sink pass = {.kind = SINK_PASS, .outer = sink, .end = SQL_LABEL};

        emit_select(emitter, select->arms[i], &pass);
    }
}

static void emit_select(struct sql_emitter *emitter, const struct sql_select *select,
                        struct sink *sink)
{
    sink->limited = select->limit != NULL || select->offset != NULL;
    if (sink->limited) {
        sink->loop = new_loop(emitter);
        emit_bound(emitter, select->limit);
        emit_bound(emitter, select->offset);
        sql_jump(emitter, SQL_OP_LIMIT, &sink->end, sink->loop, 0);
        sql_popped(emitter, 2);
    }
    switch (select->kind) {
    case SQL_SELECT_PLAIN:
        emit_plain(emitter, select, sink);
        break;
    case SQL_SELECT_VALUES:
        for (size_t i = 0; i < select->row_count; i++) {
            emit_row(emitter, &select->targets[i * select->column_count], select->column_count,
                     sink);
        }
        break;
    case SQL_SELECT_UNION:
        emit_arms(emitter, select, sink);
        break;
    }
    sql_bind(emitter, &sink->end);
}

void sql_emit_output(struct sql_emitter *emitter, const struct sql_select *select)
{
    struct sink sink = {.kind = SINK_OUTPUT, .end = SQL_LABEL};

    emit_select(emitter, select, &sink);
}

/* One that looks at nothing outside is run once, and its value kept. */
void sql_emit_sublink(struct sql_emitter *emitter, const struct sql_expr *expr)
{
    size_t slot = emitter->builder->slot_count;
    struct sql_label known = SQL_LABEL;
    struct sink sink = {.kind = expr->kind == SQL_EXPR_SELECT   ? SINK_VALUE
                                : expr->kind == SQL_EXPR_EXISTS ? SINK_ROW
                                                                : SINK_LIST,
                        .slot = slot,
                        .end = SQL_LABEL};

    emitter->builder->slot_count += 3; /* the value, what is thrown away, whether it is known */
    if (!expr->outer) sql_jump(emitter, SQL_OP_DONE, &known, (uint32_t)slot + 2, 0);
    sql_put(emitter, SQL_OP_CLEAR, (uint32_t)slot, expr->type, 0);
    if (expr->kind != SQL_EXPR_SELECT) {
        struct pawl_bytes empty = PAWL_BYTES("{}");

        sql_emit_constant(emitter, (struct sql_value){.type = expr->type, .text = empty});
        sql_put(emitter, SQL_OP_STORE, (uint32_t)slot, 0, 0);
        sql_popped(emitter, 1);
    }
    emitter->nested++;
    emit_select(emitter, expr->select, &sink);
    emitter->nested--;
    if (!expr->outer) {
        sql_put(emitter, SQL_OP_LOAD, (uint32_t)slot, 0, 0);
        sql_pushed(emitter, 1);
        sql_put(emitter, SQL_OP_KEEP, (uint32_t)slot, 0, 0);
        sql_popped(emitter, 1);
    }
    sql_bind(emitter, &known);
    sql_put(emitter, SQL_OP_LOAD, (uint32_t)slot, 0, 0);
    sql_pushed(emitter, 1);
}
