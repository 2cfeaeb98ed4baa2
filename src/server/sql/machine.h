/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a SELECT without tables: a program for a stack machine, which stops wherever it wants
 * something of its session, an id above all, and goes on when it has it. No I/O.
 *
 *     machine = sql_machine_new(plan, params, facts);
 *     for (;;) switch (sql_machine_run(machine, &steps)) {
 *     case SQL_WANT_ROW: send machine->row; break;
 *     case SQL_WANT_NEXTVAL: take an id of machine->name, now or later; sql_machine_give(…); break;
 *     …
 *     case SQL_WANT_NOTHING: done
 *     case SQL_WANT_ERROR: machine->error
 *     }
 */
#ifndef PAWLD_SQL_MACHINE_H
#define PAWLD_SQL_MACHINE_H

#include "server/sql/plan.h"

enum sql_want {
    SQL_WANT_NOTHING,    /* all rows are out */
    SQL_WANT_TURN,       /* the steps are used up: go on later */
    SQL_WANT_ROW,        /* machine->row: column_count values, until the next run */
    SQL_WANT_ERROR,      /* machine->error */
    SQL_WANT_NEXTVAL,    /* of machine->name: give an int8 */
    SQL_WANT_CURRVAL,    /* likewise */
    SQL_WANT_LASTVAL,    /* give an int8 */
    SQL_WANT_SETVAL,     /* of machine->name, machine->value, machine->called: give an int8 */
    SQL_WANT_CLASS,      /* machine->name: give a regclass, text as to be shown, number its oid,
                            or NULL if there is none; then number 1: not even its schema */
    SQL_WANT_SET_CONFIG, /* machine->setting: give a text */
};

struct sql_machine {
    struct sql_name name;
    uint32_t position; /* where the name stands, for errors about it; 0: nowhere */
    int64_t value;
    bool called;
    struct sql_setting setting;
    struct sql_value *row;
    struct sql_error error;
    /* The rest is private: see machine.c. */
    struct sql_machine_state *state;
};

/* params: plan->param_count values of plan->param_types, copied. NULL: no memory. */
struct sql_machine *sql_machine_new(const struct sql_plan *plan, const struct sql_value *params,
                                    const struct sql_facts *facts);
/* steps: how many it may make before it wants a turn; becomes how many are left. */
enum sql_want sql_machine_run(struct sql_machine *machine, int64_t *steps);
/* What it wanted; text is copied. */
void sql_machine_give(struct sql_machine *machine, const struct sql_value *value);
void sql_machine_free(struct sql_machine *machine); /* NULL is allowed */

/* From text or binary format as a client sends a parameter: 22P02, 22003, 22P03 … */
bool sql_value_read(uint32_t type, bool binary, struct pawl_bytes bytes, struct sql_value *value,
                    struct sql_error *error);
/* A value as type would have it: assignment of EXECUTE's values, setval's arguments. */
bool sql_value_cast(struct sql_value *value, uint32_t type, struct sql_error *error);

#endif
