/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the catalog: catalog.c (SQLite, scans), catalog_rows.c (tables of ours), catalog_calls.c,
 * catalog_text.c, catalog_array.c (functions of ours), catalog_names.c (who is called what).
 *
 * SQLite runs statements of many scans in one database, and only inside of a step of one of them:
 * `catalog->scan` is that one. So tables and functions know whose rows they give. A step runs in a
 * fiber, which leaves when the session's steps are used up: until it has ended nobody else uses
 * that database, but others may use the `next` one.
 */
#ifndef PAWLD_SQL_CATALOG_OWN_H
#define PAWLD_SQL_CATALOG_OWN_H

#include <sqlite3.h>

#include "server/sql/catalog_types.h"
#include "server/sql/fiber.h"
#include "server/sql/memory.h"
#include "server/sql/pool.h"
#include "server/sql/query.h"

enum {
    SQL_QUERY_MS_MAX = 2000,                 /* that one query may take of its thread's time */
    SQL_QUERY_HEAP_MAX = 64 * 1024 * 1024,   /* memory of SQLite, of one query */
    SQL_HEAP_MAX = 512 * 1024 * 1024,        /* of all threads together */
    SQL_STEP_NS = 50,                        /* what counts as one step if it is not counted */
    SQL_PROGRESS_STEPS = 250,                /* of SQLite's machine, between two looks */
    SQL_SORT_STEPS = 1000,                   /* comparisons, likewise */
    SQL_CATALOGS_MAX = 4,                    /* queries that stop in the middle of a step */
    SQL_QUERY_VALUE_BYTES_MAX = 1024 * 1024, /* of one text in a query */
    SQL_PATTERN_BYTES_MAX = 4096,            /* of a regular expression */
    SQL_SEARCH_PATH_MAX = 32,                /* schemas */
    CATALOG_OID_FIRST = 16384,               /* of what is not built in, as in PostgreSQL */
    CATALOG_TABLES_MAX = 8,
    CATALOG_OWNER = 10, /* everything is the session's user's */
};

/* A sequence as the catalogs see it. */
struct entry {
    struct sql_name name; /* without database */
    uint32_t oid, schema;
    uint32_t type; /* SQL_INT2, SQL_INT4 or SQL_INT8 */
    int64_t start, increment, min, max, cache, last;
    bool cycle, called;
};

struct sql_catalog {
    sqlite3 *db;           /* NULL until the first query */
    struct sql_scan *scan; /* NULL: none is in a step */
    struct sql_fiber *fiber;
    bool paused;                      /* the fiber has left in the middle of it */
    int code;                         /* what came of it */
    struct sql_catalog *next;         /* of the same thread */
    bool has[CATALOG_RELATION_COUNT]; /* by their place in catalog_relations */
    bool has_table[CATALOG_TABLES_MAX];
};

struct sql_scan {
    struct sql_catalog *first; /* of its thread */
    struct sql_catalog *catalog;
    const struct sql_plan *plan;
    const struct sql_facts *facts;
    sqlite3_stmt *statement;
    struct sql_pool pool; /* names */
    struct entry *entries;
    size_t count, room;
    struct entry **by_oid; /* from the first step on */
    size_t compared;       /* to sort them */
    struct entry relations[SQL_RELATIONS_MAX];
    struct pawl_bytes path[SQL_SEARCH_PATH_MAX]; /* the search path, without pg_catalog */
    size_t path_count;
    struct sql_value *params;
    struct sql_value *row;
    char **texts; /* of the row, where they were made here */
    uint64_t spent_ns, begun_ns;
    int64_t steps, used; /* that it may make before others have their turn; so far */
    bool begun;          /* its first step */
    bool stepping;       /* in the fiber */
    bool ending;         /* nobody waits for it any more */
    struct sql_meter meter;
    struct sql_error error; /* sqlstate empty: none yet */
};

/* --- catalog_names.c */
uint32_t catalog_schema_oid(struct pawl_bytes schema);
void catalog_entry_set(struct entry *entry, const struct sql_sequence *sequence,
                       struct pawl_bytes name);
/* Orders by oid, and sees to it that no two have one. Before the first look; false: no memory. */
bool catalog_sort(struct sql_scan *scan);
const struct entry *catalog_entry_find(const struct sql_scan *scan, uint32_t oid);
const struct entry *catalog_entry_named(const struct sql_scan *scan, struct pawl_bytes schema,
                                        struct pawl_bytes relation);
/* The schemas in search_path that there are. */
void catalog_path_read(struct sql_scan *scan);
bool catalog_visible(const struct sql_scan *scan, uint32_t oid);
/* As regclass, regtype … show an oid: text of sqlite3_malloc; NULL: no memory. */
char *catalog_reg_text(const struct sql_scan *scan, uint32_t oid, uint32_t type);
/* The oid of what such a text names; false: there is none. */
bool catalog_class_read(const struct sql_scan *scan, struct pawl_bytes text, uint32_t *oid,
                        struct sql_error *error);
bool catalog_schema_read(const struct sql_scan *scan, struct pawl_bytes text, uint32_t *oid);
/* In double quotes where it needs them: text of sqlite3_malloc. */
char *catalog_quote_ident(struct pawl_bytes name);

/* --- catalog.c */
bool catalog_open(struct sql_catalog *catalog); /* false: no memory; again, it does nothing */
void catalog_step(void *arg);                   /* the fiber's: a step of the scan of arg */
/* It has made so many steps: others may have their turn. false: it is to end. */
bool catalog_pause(struct sql_scan *scan, int64_t steps);
/* For functions and tables: */
struct sql_scan *catalog_scan(sqlite3_context *context);
/* Ends the query with an error of ours. */
void catalog_raise(sqlite3_context *context, const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What SQLite gives a function. */
static inline struct pawl_bytes catalog_text(sqlite3_value *value)
{
    const char *text = (const char *)sqlite3_value_text(value);

    if (text == NULL) return (struct pawl_bytes){"", 0};
    return (struct pawl_bytes){text, (size_t)sqlite3_value_bytes(value)};
}

static inline bool catalog_null(sqlite3_value *value)
{
    return sqlite3_value_type(value) == SQLITE_NULL;
}

/* --- Each registers its functions or tables: SQLITE_OK or SQLite's error. */
struct catalog_function {
    const char *name;
    int arguments; /* -1: any count */
    void (*call)(sqlite3_context *context, int count, sqlite3_value **values);
    void (*final)(sqlite3_context *context); /* aggregates; call is their step */
};

int catalog_add(struct sql_catalog *catalog, const struct catalog_function *functions,
                size_t count);
int catalog_calls_add(struct sql_catalog *catalog);
int catalog_text_add(struct sql_catalog *catalog);
int catalog_array_add(struct sql_catalog *catalog);
int catalog_aggregates_add(struct sql_catalog *catalog);
int catalog_rows_add(struct sql_catalog *catalog);

/* --- catalog_views.c: makes those that are used and not there yet. */
int catalog_need(struct sql_catalog *catalog, const bool *used);

/* --- catalog_array.c: {a,"b c",NULL}, or "1 2 3" of vectors, element by element */
/* text: of sqlite3_malloc, NULL: the element is NULL. false: no more. */
bool catalog_array_next(const char **at, char **text);
/* An array from its beginning to its end, which becomes the result. */
sqlite3_str *catalog_array_begin(sqlite3_context *context);
void catalog_array_append(sqlite3_str *array, sqlite3_value *value);
void catalog_array_end(sqlite3_context *context, sqlite3_str *array);
/* The result is an element's text as a value of that type. */
void catalog_result_element(sqlite3_context *context, const char *text, uint32_t type);

#endif
