/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine is made of: private to machine.c and machine_step.c. */
#ifndef PAWLD_SQL_MACHINE_OWN_H
#define PAWLD_SQL_MACHINE_OWN_H

#include "server/sql/cast.h"
#include "server/sql/machine.h"
#include "server/sql/program.h"

struct sql_slot {
    struct sql_value value;
    bool marked;
    char *list;  /* the text of a list that grows */
    size_t room; /* of it */
};

/* A series, an array's elements, or a LIMIT. */
struct sql_loop {
    uint32_t type;
    bool ended;
    int64_t next, last, step;
    struct sql_elements elements;
    int64_t count;      /* of rows, for ordinality */
    int64_t skip, left; /* OFFSET, LIMIT; left < 0: no limit */
    size_t depth, subs; /* where LIMIT began */
};

enum sql_given { SQL_GIVEN_VALUE, SQL_GIVEN_CLASS, SQL_GIVEN_CHECK };

struct sql_machine_state {
    const struct sql_program *program;
    const struct sql_facts *facts;
    struct sql_value *params;
    struct sql_value *stack;
    size_t depth;
    struct sql_slot *slots;
    struct sql_loop *loops;
    size_t *subs; /* where RETURNs lead */
    size_t sub_count;
    size_t at;      /* the next step */
    size_t size;    /* of the piece that all this is in */
    size_t turns;   /* since the last row */
    int64_t *steps; /* that are left, while it runs */
    bool row_sent, failed;
    enum sql_given given_to;
    struct sql_pool row_pool; /* texts of this row */
    struct sql_pool run_pool; /* those that stay */
};

/* Carries out one; false: machine->error. want: what must be had before the next one. */
bool sql_machine_step(struct sql_machine *machine, const struct sql_instruction *step,
                      enum sql_want *want);
/* machine_loop.c: the steps of loops, lists and LIMIT. */
bool sql_machine_loop(struct sql_machine *machine, const struct sql_instruction *step);
/* machine_want.c: the steps that want something of the session. */
bool sql_machine_want(struct sql_machine *machine, const struct sql_instruction *step,
                      enum sql_want *want);

#endif
