/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's types as far as they are known here: names, categories, what becomes what. */
#ifndef PAWLD_SQL_TYPES_H
#define PAWLD_SQL_TYPES_H

#include <jansson.h>

#include "server/sql/value.h"

struct sql_type_facts {
    uint32_t type;
    const char *name;  /* as in pg_type */
    const char *shown; /* as format_type shows it */
    char category;     /* typcategory */
    bool preferred;
    uint32_t array;   /* of this type; 0: none */
    uint32_t element; /* of an array; 0: it is none */
};

/* NULL: not known here. */
const struct sql_type_facts *sql_type_facts(uint32_t type);
const char *sql_type_shown(uint32_t type); /* "???" of one that is not known */
char sql_type_category(uint32_t type);     /* '\0' likewise */
bool sql_type_is_text(uint32_t type);      /* text, varchar, name */
/* Whether values of it are in sql_value's number. */
bool sql_type_is_number(uint32_t type);
/* By a name as in pg_type. 0: none. */
uint32_t sql_type_named(struct pawl_bytes name);

/* A TypeName's fields. Errors: 42704, 0A000. */
bool sql_type_read(const json_t *fields, uint32_t *type, int32_t *modifier,
                   struct sql_error *error);

/* How a value becomes one of another type: pg_cast's contexts, in which each allows more. */
enum sql_cast { SQL_CAST_NONE, SQL_CAST_EXPLICIT, SQL_CAST_ASSIGNMENT, SQL_CAST_IMPLICIT };
enum sql_cast sql_type_cast(uint32_t from, uint32_t to);

#endif
