/* SPDX-License-Identifier: Apache-2.0 */
/* A program under construction. Once it has failed, nothing more is done; the error is set. */
#ifndef PAWLD_SQL_EMIT_H
#define PAWLD_SQL_EMIT_H

#include "server/sql/builder.h"

struct sql_emitter {
    struct sql_builder *builder;
    struct sql_program *program;
    struct sql_instruction *steps;
    size_t step_room, value_room, function_room, name_room;
    size_t depth;  /* values on the stack by now */
    size_t nested; /* subqueries within expressions */
    bool checks;   /* names that are not looked for when the program runs, but must exist */
    bool failed;
};

/* Where jumps lead that may stand before it: until it is bound, each has the one before in a. */
struct sql_label {
    bool bound;
    uint32_t at, chain;
};
#define SQL_NO_STEP UINT32_MAX
#define SQL_LABEL   ((struct sql_label){.chain = SQL_NO_STEP})

uint32_t sql_put(struct sql_emitter *emitter, enum sql_op op, uint32_t a, uint32_t b, uint32_t c);
void sql_jump(struct sql_emitter *emitter, enum sql_op op, struct sql_label *label, uint32_t b,
              uint32_t c);
void sql_bind(struct sql_emitter *emitter, struct sql_label *label);
void sql_pushed(struct sql_emitter *emitter, size_t count);
void sql_popped(struct sql_emitter *emitter, size_t count);
/* Makes room for one more of count members. */
bool sql_emit_room(struct sql_emitter *emitter, void **array, size_t *room, size_t count,
                   size_t size);
void sql_emit_constant(struct sql_emitter *emitter, struct sql_value value);
/* Pushes one value; a regclass that is made of text has been looked up. */
void sql_emit_value(struct sql_emitter *emitter, const struct sql_expr *expr);

/* emit_select.c */
void sql_emit_output(struct sql_emitter *emitter, const struct sql_select *select);
void sql_emit_sublink(struct sql_emitter *emitter, const struct sql_expr *expr);

#endif
