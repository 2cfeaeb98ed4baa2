/* SPDX-License-Identifier: Apache-2.0 */
/* What catalogs are made of: types and relations as PostgreSQL 15 has them. Constant tables. */
#ifndef PAWLD_SQL_CATALOG_TYPES_H
#define PAWLD_SQL_CATALOG_TYPES_H

#include "server/sql/value.h"

/* Types that value.h has no name for, by PostgreSQL's numbers. */
enum {
    CATALOG_INT2VECTOR = 22,
    CATALOG_REGPROC = 24,
    CATALOG_XID = 28,
    CATALOG_OIDVECTOR = 30,
    CATALOG_JSON = 114,
    CATALOG_FLOAT4 = 700,
    CATALOG_CHAR_ARRAY = 1002,
    CATALOG_BPCHAR = 1042,
    CATALOG_TIMESTAMP = 1114,
    CATALOG_INTERVAL = 1186,
    CATALOG_ANYARRAY = 2277,
    CATALOG_REGROLE = 4096,
    CATALOG_REGNAMESPACE = 4089,
};

/* Schemas that are always there. */
enum {
    CATALOG_PG_CATALOG = 11,
    CATALOG_PG_TOAST = 99,
    CATALOG_PUBLIC = 2200,
    CATALOG_INFORMATION_SCHEMA = 13207,
};

struct catalog_type {
    uint32_t oid;
    const char *name;    /* typname */
    const char *display; /* format_type */
    int length;
    bool by_value;
    const char *kind, *category;
    bool preferred;
    const char *delimiter;
    uint32_t element, array;
    const char *align, *storage;
    uint32_t input, output, receive, send, collation, subscript;
};

struct catalog_relation {
    uint32_t schema; /* CATALOG_PG_CATALOG or CATALOG_INFORMATION_SCHEMA */
    const char *name;
    uint32_t oid;
    const char *kind;    /* relkind */
    const char *columns; /* name:type, with spaces between */
};

struct catalog_proc {
    uint32_t oid;
    const char *name;
    uint32_t result;
    int argument_count;
    const char *arguments, *volatility;
};

extern const struct catalog_type catalog_types[];
extern const size_t catalog_type_count;
extern const struct catalog_relation catalog_relations[];
/* As many as there are: a number for arrays beside the table. */
enum {
#define RELATION(...) +1
    CATALOG_RELATION_COUNT = 0
#include "server/sql/catalog_relations.def"
#undef RELATION
};
extern const struct catalog_proc catalog_procs[];
extern const size_t catalog_proc_count;

/* NULL: there is none. */
const struct catalog_type *catalog_type_find(uint32_t oid);
const struct catalog_type *catalog_type_named(struct pawl_bytes name); /* by typname */
/* As people write it: "integer", "bigint[]", "character varying", "pg_catalog.int4". */
const struct catalog_type *catalog_type_written(struct pawl_bytes text);
const struct catalog_relation *catalog_relation_find(uint32_t oid);
/* schema: "pg_catalog", "information_schema", or size 0, which is pg_catalog. */
const struct catalog_relation *catalog_relation_named(struct pawl_bytes schema,
                                                      struct pawl_bytes name);

/* Whether its rows depend on which sequences there are. */
bool catalog_relation_lists(const struct catalog_relation *relation);

/* Column by column: *at is the relation's columns at first; false at the end. */
bool catalog_column_next(const char **at, struct pawl_bytes *name, uint32_t *type);

#endif
