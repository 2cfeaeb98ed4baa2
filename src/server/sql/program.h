/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine runs: steps over a stack of values, and the functions that they call. */
#ifndef PAWLD_SQL_PROGRAM_H
#define PAWLD_SQL_PROGRAM_H

#include "server/sql/pool.h"
#include "server/sql/value.h"

enum {
    SQL_RESULT_BYTES_MAX = 1024 * 1024,       /* of one text that a function makes */
    SQL_MACHINE_BYTES_MAX = 16 * 1024 * 1024, /* of all texts of one row */
    SQL_MACHINE_TURNS_MAX = 25 * 1000,        /* of the caller's patience, between two rows */
    SQL_TEXT_STEP_BYTES = 64,                 /* of a function's texts that count as one step */
    SQL_FUNCTION_ARGS_MAX = 4,                /* that a table names; concat takes any number */
};

/* One call of a function. result->type is set before; text of the result: from pool, or an arg's.
 */
struct sql_call {
    const struct sql_value *args;
    size_t count;
    struct sql_value *result;
    struct sql_pool *pool;
    const struct sql_facts *facts;
    struct sql_error *error;
};

/* What the machine does itself. */
enum sql_special {
    SQL_DO_RUN, /* it has a run */
    SQL_DO_NEXTVAL,
    SQL_DO_CURRVAL,
    SQL_DO_LASTVAL,
    SQL_DO_SETVAL,
    SQL_DO_CLASS, /* to_regclass */
    SQL_DO_SET_CONFIG,
    SQL_DO_SERIES, /* gives rows: in a FROM only */
    SQL_DO_UNNEST, /* likewise */
    SQL_DO_TYPEOF, /* known when planned */
};

struct sql_function {
    const char *name;
    enum sql_special special;
    bool lenient; /* is called with NULLs; otherwise NULL gives NULL */
    bool (*run)(struct sql_call *call);
    uint32_t result;
    uint8_t count;
    uint32_t args[SQL_FUNCTION_ARGS_MAX]; /* SQL_ANY, SQL_VARIADIC_ANY: any type, any number */
};

enum { SQL_ANY = 2276, SQL_VARIADIC_ANY = 1 };

/* functions.c, operators.c */
extern const struct sql_function sql_functions[];
extern const size_t sql_function_count;
extern const struct sql_function sql_operators[];
extern const size_t sql_operator_count;

/* Who jumps does so to step a. */
enum sql_op {
    SQL_OP_VALUE,       /* push values[a] */
    SQL_OP_PARAM,       /* push parameter a */
    SQL_OP_LOAD,        /* push slot a */
    SQL_OP_STORE,       /* pop into slot a */
    SQL_OP_KEEP,        /* likewise, its text kept for the whole run */
    SQL_OP_CALL,        /* pop b values, push what functions[a] makes of them, of type c */
    SQL_OP_CAST,        /* the top becomes one of type a, modifier b */
    SQL_OP_JUMP,        /* always */
    SQL_OP_UNLESS,      /* pop; jump unless it was true */
    SQL_OP_AND_SKIP,    /* jump if the top is false */
    SQL_OP_OR_SKIP,     /* jump if the top is true */
    SQL_OP_AND,         /* two become one */
    SQL_OP_OR,          /* likewise */
    SQL_OP_NOT,         /* of the top */
    SQL_OP_NULL,        /* the top becomes whether it is NULL */
    SQL_OP_FIRST,       /* jump if the top is not NULL, else pop it */
    SQL_OP_ARRAY,       /* pop b values, push an array of type a */
    SQL_OP_NEXTVAL,     /* of names[a]; SQL_NAME_ON_TOP: of the regclass popped */
    SQL_OP_CURRVAL,     /* likewise */
    SQL_OP_LASTVAL,     /* push */
    SQL_OP_SETVAL,      /* as NEXTVAL; b values lie over the name */
    SQL_OP_CLASS,       /* the regclass on top as it is shown; b: NULL if there is none;
                           c: where it stands in the text */
    SQL_OP_CHECK,       /* names[a] must exist */
    SQL_OP_SET_CONFIG,  /* pop name, value, whether it is local; push the new value */
    SQL_OP_DONE,        /* jump if slot b is marked, else mark it */
    SQL_OP_CLEAR,       /* slot a becomes NULL of type b, its mark goes */
    SQL_OP_MARK,        /* mark slot a, which has no mark: else there are two rows */
    SQL_OP_LIST,        /* pop into the list that is in slot a */
    SQL_OP_SERIES,      /* pop step, end, first; loop a is of type b */
    SQL_OP_SERIES_NEXT, /* loop b's next value into slot c; jump if there is none */
    SQL_OP_UNNEST,      /* pop an array; loop a is of its elements, of type b */
    SQL_OP_UNNEST_NEXT, /* as SERIES_NEXT */
    SQL_OP_COUNT,       /* slot a is one more than before, from 1, since loop b began */
    SQL_OP_LIMIT,       /* pop offset, limit into loop b; jump if there is nothing to do */
    SQL_OP_SKIP,        /* pop c values and jump while loop b's offset lasts */
    SQL_OP_LAST,        /* jump if loop b's limit is reached, out of the GOSUBs since LIMIT */
    SQL_OP_FRESH,       /* texts of the row before may go */
    SQL_OP_GOSUB,       /* jump; RETURN leads back */
    SQL_OP_RETURN,
    SQL_OP_ROW, /* the top a values are a row */
    SQL_OP_END,
};

#define SQL_NAME_ON_TOP UINT32_MAX

struct sql_instruction {
    enum sql_op op;
    uint32_t a, b, c;
};

struct sql_program_name {
    struct sql_name name;
    uint32_t position;
};

struct sql_program {
    struct sql_instruction *steps;
    size_t step_count;
    struct sql_value *values;
    size_t value_count;
    const struct sql_function **functions;
    size_t function_count;
    struct sql_program_name *names;
    size_t name_count;
    size_t stack_size; /* values */
    size_t slot_count;
    size_t loop_count;
    size_t sub_depth; /* of GOSUBs */
    size_t column_count;
    size_t start; /* the first step */
    bool changes; /* it calls nextval or setval */
};

#endif
