/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements, from text to plans. PostgreSQL's own parser (libpg_query) reads the text; a plan says
 * what to do, and knows the types of its parameters and columns before it runs. Plans never change,
 * so they are kept by text and run by many sessions of one thread.
 *
 *     text --sql_batch_new--> batch of plans --session--> SELECT: sql_machine (machine.h)
 *                                                         catalogs: sql_query (query.h)
 *                                                         all else: the session itself
 */
#ifndef PAWLD_SQL_PLAN_H
#define PAWLD_SQL_PLAN_H

#include "pawl/pawl.h"
#include "server/sql/value.h"

enum {
    SQL_TEXT_BYTES_MAX = 1024 * 1024, /* of one Query or Parse */
    SQL_PARAMS_MAX = 256,
    SQL_COLUMNS_MAX = 256,
    SQL_STATEMENTS_MAX = 1024, /* in one text */
    SQL_NAMES_MAX = 64,        /* of one DROP */
};

/* X(constant, command tag): SELECT's has the count of rows behind it. */
#define SQL_KIND_MAP(X)                    \
    X(SQL_PLAN_ERROR, "")                  \
    X(SQL_PLAN_SELECT, "SELECT")           \
    X(SQL_PLAN_QUERY, "SELECT")            \
    X(SQL_PLAN_CREATE, "CREATE SEQUENCE")  \
    X(SQL_PLAN_ALTER, "ALTER SEQUENCE")    \
    X(SQL_PLAN_DROP, "DROP SEQUENCE")      \
    X(SQL_PLAN_RENAME, "ALTER SEQUENCE")   \
    X(SQL_PLAN_NOTHING, "")                \
    X(SQL_PLAN_BEGIN, "BEGIN")             \
    X(SQL_PLAN_START, "START TRANSACTION") \
    X(SQL_PLAN_COMMIT, "COMMIT")           \
    X(SQL_PLAN_ROLLBACK, "ROLLBACK")       \
    X(SQL_PLAN_SAVEPOINT, "SAVEPOINT")     \
    X(SQL_PLAN_RELEASE, "RELEASE")         \
    X(SQL_PLAN_ROLLBACK_TO, "ROLLBACK")    \
    X(SQL_PLAN_SET, "SET")                 \
    X(SQL_PLAN_RESET, "RESET")             \
    X(SQL_PLAN_SHOW, "SHOW")               \
    X(SQL_PLAN_DISCARD, "DISCARD")         \
    X(SQL_PLAN_PREPARE, "PREPARE")         \
    X(SQL_PLAN_EXECUTE, "EXECUTE")         \
    X(SQL_PLAN_DEALLOCATE, "DEALLOCATE")

enum sql_kind {
#define SQL_KIND_ENUM(constant, tag) constant,
    SQL_KIND_MAP(SQL_KIND_ENUM)
#undef SQL_KIND_ENUM
};

/* CREATE, ALTER, DROP SEQUENCE, and what renames: of names only the first but for DROP. */
struct sql_change {
    struct sql_name *names;
    size_t name_count;
    bool if_exists; /* CREATE: IF NOT EXISTS */
    pawl_definition definition;
    /* ALTER … RENAME TO gives to.relation, SET SCHEMA to.schema; the other part stays. */
    struct sql_name to;
};

/* BEGIN's modes, SAVEPOINT's name. */
struct sql_transaction {
    struct pawl_bytes savepoint;
    bool read_only_given, read_only;
    bool chain;                  /* COMMIT and ROLLBACK AND CHAIN */
    struct pawl_bytes isolation; /* "serializable" …; size 0: not given */
};

/* SET, RESET and SHOW. name "all" is ALL. */
struct sql_setting {
    struct pawl_bytes name;  /* lower case */
    struct pawl_bytes value; /* as SHOW would show what was written; a list has ", " between */
    bool to_default;
    bool local;               /* SET LOCAL */
    struct sql_setting *next; /* SET TRANSACTION: its further modes; else NULL */
};

/* DISCARD ALL|PLANS|SEQUENCES|TEMP. */
enum sql_discard { SQL_DISCARD_ALL, SQL_DISCARD_PLANS, SQL_DISCARD_SEQUENCES, SQL_DISCARD_TEMP };

/* PREPARE, EXECUTE, DEALLOCATE. */
struct sql_prepared {
    struct pawl_bytes name;     /* size 0: DEALLOCATE ALL */
    struct sql_plan *statement; /* PREPARE: what is prepared */
    struct sql_value *values;   /* EXECUTE: constants, cast by the session to the params' types */
    size_t value_count;
};

/* Of a SQL_PLAN_ERROR that names a relation: if it is a sequence, error is the one to give. */
struct sql_refusal {
    struct sql_name name; /* relation of size 0: it names none */
    struct sql_error error;
};

struct sql_program; /* machine.h */
struct sql_query;   /* query.h */

struct sql_plan {
    enum sql_kind kind;
    const char *tag;
    /* What the extended protocol's Describe tells. Types are those given in Parse, or inferred. */
    uint32_t *param_types;
    size_t param_count;
    struct sql_column *columns; /* none: NoData */
    size_t column_count;
    bool changes;    /* refused with 25006 in a read-only transaction; the session has the text */
    bool in_aborted; /* may run in a failed transaction: COMMIT, ROLLBACK, ROLLBACK TO */
    struct sql_error error;      /* SQL_PLAN_ERROR: of this statement alone; those before it run */
    struct sql_refusal *refused; /* likewise, or NULL */
    bool utility; /* likewise: PostgreSQL finds it when the statement runs, not in Parse */
    /* NOTICE or WARNING that goes with it, such as for SQL_PLAN_NOTHING; message empty: none. */
    struct sql_error notice;
    union {
        struct sql_program *program;
        struct sql_query *query;
        struct sql_change change;
        struct sql_transaction transaction;
        struct sql_setting setting;
        enum sql_discard discard;
        struct sql_prepared prepared;
    } of;
};

/* The statements of one text, in order. */
struct sql_batch {
    struct sql_plan *plans;
    size_t count; /* 0: the text is empty */
    /* Private: who holds it, where it lives. */
    uint32_t users;
    struct sql_batch *newer, *older;
    uint64_t hash;
    size_t bytes;
    struct pawl_bytes text;
};

/*
 * Reads text, which is UTF-8 without zero bytes. types: what Parse gave for the first type_count
 * parameters, 0 where it did not say. With a syntax error there is no batch. A batch is held once
 * and ended by sql_batch_release.
 */
bool sql_batch_new(struct pawl_bytes text, const uint32_t *types, size_t type_count,
                   struct sql_batch **batch, struct sql_error *error);
void sql_batch_release(struct sql_batch *batch);
/* Holds it once more, for a statement that outlives the text which prepared it. */
static inline struct sql_batch *sql_batch_hold(struct sql_batch *batch)
{
    batch->users++;
    return batch;
}

/* Batches by text and types: those used last, within bounds. One per I/O thread. */
struct sql_cache;
struct sql_cache *sql_cache_new(uint64_t seed); /* NULL: no memory */
void sql_cache_free(struct sql_cache *cache);
/* As sql_batch_new, from the cache where it is there. NULL: error. */
struct sql_batch *sql_cache_get(struct sql_cache *cache, struct pawl_bytes text,
                                const uint32_t *types, size_t type_count, struct sql_error *error);

/*
 * Reads a name as regclass does: parts between dots, folded to lower case unless quoted. The parts
 * point into room, which has as many bytes as text. Errors: 42602, 42601.
 */
bool sql_name_read(struct pawl_bytes text, char *room, struct sql_name *name,
                   struct sql_error *error);

#endif
