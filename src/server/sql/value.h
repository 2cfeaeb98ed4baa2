/* SPDX-License-Identifier: Apache-2.0 */
/* Words that statements, sessions and catalogs share: types, values, names, columns, errors. */
#ifndef PAWLD_SQL_VALUE_H
#define PAWLD_SQL_VALUE_H

#include "base/base.h"

/* PostgreSQL's own numbers of types (pg_type.dat): they are seen by clients. */
enum sql_type {
    SQL_BOOL = 16,
    SQL_BYTEA = 17,
    SQL_CHAR = 18, /* "char" */
    SQL_NAME = 19,
    SQL_INT8 = 20,
    SQL_INT2 = 21,
    SQL_INT4 = 23,
    SQL_TEXT = 25,
    SQL_OID = 26,
    SQL_FLOAT8 = 701,
    SQL_UNKNOWN = 705,
    SQL_VARCHAR = 1043,
    SQL_TIMESTAMPTZ = 1184,
    SQL_NUMERIC = 1700,
    SQL_REGCLASS = 2205,
    SQL_REGTYPE = 2206,
    SQL_RECORD = 2249,
    SQL_VOID = 2278,
    SQL_INT2_ARRAY = 1005,
    SQL_INT4_ARRAY = 1007,
    SQL_TEXT_ARRAY = 1009,
    SQL_INT8_ARRAY = 1016,
    SQL_NAME_ARRAY = 1003,
    SQL_OID_ARRAY = 1028,
};

/* Whose SQL it is, and what clients take it for. */
#define SQL_POSTGRES_VERSION "15.20"
#define SQL_IDS_MAX_WORDS    "a statement takes at most %llu ids (--max-take)"
#define SQL_NO_TABLES_HINT   "This server, pawl, keeps sequences only; it has no tables."

/* One value. text belongs to whoever gave the value, and says how long it lives. */
struct sql_value {
    uint32_t type; /* enum sql_type */
    bool null;
    int64_t number;         /* of bool, int2, int4, int8 and oid; of others 0 or as below */
    struct pawl_bytes text; /* of all others: as PostgreSQL writes the type in text format */
};

/* As number of a parameter of another type: text holds PostgreSQL's binary format of it. */
enum { SQL_VALUE_BINARY = 1 };

struct sql_column {
    struct pawl_bytes name;
    uint32_t type;
    int32_t modifier; /* -1: none */
};

/* A name as SQL says it, each part folded or unquoted; a part that is not given has size 0. */
struct sql_name {
    struct pawl_bytes database, schema, relation;
    uint32_t position; /* in the text, as in sql_error, for an error about it; 0: none */
};

enum {
    SQL_STATE_BYTES = 5,
    SQL_MESSAGE_BYTES_MAX = 512,
    SQL_HINT_BYTES_MAX = 320,
};

/* What an ErrorResponse or a NoticeResponse says. */
struct sql_error {
    char sqlstate[SQL_STATE_BYTES + 1];
    uint32_t position; /* in characters of the text that was sent, from 1; 0: none */
    char message[SQL_MESSAGE_BYTES_MAX];
    char detail[SQL_HINT_BYTES_MAX]; /* empty: none */
    char hint[SQL_HINT_BYTES_MAX];   /* empty: none */
};

/* Fills error, without detail and hint; returns false, so that a failing function can end in it. */
bool sql_fail(struct sql_error *error, const char sqlstate[SQL_STATE_BYTES + 1], uint32_t position,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Writes a name, in quotes if it is no plain word, to where 2 * text.size + 2 bytes fit; returns
 * its size. */
size_t sql_put_name(char *to, struct pawl_bytes text);

/* What a statement may look up of the session that runs it. Constant for one statement. */
struct pawl_name;

/* A piece of memory that the next one who needs that much takes: of one thread. */
struct sql_spare {
    void *at; /* NULL: none */
    size_t size;
};

struct sql_facts {
    const char *user;
    const char *database;
    uint32_t pid;      /* pg_backend_pid() */
    int64_t now_us;    /* the transaction's start, microseconds since 1970 */
    int64_t server_us; /* likewise, the server's */
    uint64_t ids_max;  /* in one statement; 0: no limit */
    /* The value that SHOW would show; NULL: there is no such setting. Names in lower case. */
    const char *(*setting)(void *arg, struct pawl_bytes name);
    /* Whether the user may do that with a sequence, by its name in the store: "USAGE", "SELECT" or
     * "UPDATE". */
    bool (*may)(void *arg, struct pawl_bytes name, const char *privilege);
    /* The name in the store of what regclass shows as name, whose oid is class. false: error. NULL:
     * it is in public. */
    bool (*store_of)(void *arg, const struct sql_name *name, uint32_t class,
                     struct pawl_name *store, struct sql_error *error);
    void *arg;
    struct sql_spare *spare; /* machines are made of; outlives them; NULL: none */
};

#endif
