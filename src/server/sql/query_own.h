/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the translation of a SelectStmt into SQLite's words: query_select.c (clauses),
 * query_from.c (what stands in FROM), query_name.c (columns' names), query_expr.c,
 * query_operator.c, query_call.c (expressions), query_type.c (types and casts).
 *
 * Nothing of the client's text is copied as it stands: names become names of ours (t1, c1) or those
 * of catalogs, literals are quoted here, numbers are printed by us. Every range variable gets an
 * alias of its own, so that SQLite resolves nothing: we did.
 */
#ifndef PAWLD_SQL_QUERY_OWN_H
#define PAWLD_SQL_QUERY_OWN_H

#include "server/sql/catalog_types.h"
#include "server/sql/pool.h"
#include "server/sql/query.h"
#include "server/sql/tree.h"

enum {
    SQL_QUERY_BYTES_MAX = 8 * 1024 * 1024, /* memory of one translation */
    SQL_QUERY_DEPTH_MAX = 64,              /* expressions and subqueries in each other */
    SQL_RANGES_MAX = 64,                   /* in one FROM: as many as SQLite joins */
    SQL_TABLES_MAX = 512,                  /* in all of a query, WITH's where they are used */
    SQL_PREPARED_BYTES_MAX = 512 * 1024,   /* of what SQLite is given */
};

struct sql_query {
    struct sql_pool pool; /* everything below, and the plan's columns and parameters */
    const char *sql;
    struct sql_name relations[SQL_RELATIONS_MAX];
    bool reads[SQL_RELATIONS_MAX]; /* it stands in FROM: its user must be allowed to SELECT */
    size_t relation_count;
    bool wants_list;
    bool used[CATALOG_RELATION_COUNT]; /* catalogs, by their place in catalog_relations */
};

/* One translation. */
struct build {
    struct sql_query *query;
    const uint32_t *types; /* of parameters, as Parse gave them */
    size_t type_count;
    uint32_t params[SQL_PARAMS_MAX]; /* 0: not known yet */
    size_t param_count;
    uint32_t alias_count;
    uint32_t depth;
    uint32_t table_count; /* SQLite looks at what a name of WITH stands for wherever it is used */
    bool failed;          /* no memory, or too much: found at the end */
    struct sql_error *error;
};

/* An expression that was translated. */
struct part {
    const char *sql;
    uint32_t type;       /* SQL_UNKNOWN: NULL, a literal, or a parameter, and nobody said which */
    const char *literal; /* a quoted literal's text, while its type is not known */
    uint32_t param;      /* a parameter's number, while its type is not known */
    uint32_t position;
};

/* A column that an expression may name. */
struct column {
    const char *name; /* PostgreSQL's */
    const char *sql;
    uint32_t type;
    bool hidden; /* not of `*`: tableoid */
    bool merged; /* USING made it one with another: it needs its table's name before it */
};

/* One range variable. */
struct range {
    const char *alias;    /* "": cannot be named */
    const char *schema;   /* of a catalog without an alias */
    const char *sequence; /* its name, if it is one */
    const char *table;    /* of a relation with an alias: its own name; NULL: it has none */
    bool joined;          /* what USING made one of two */
    struct column *columns;
    size_t column_count;
    struct range *next;
};

/* WITH: what each name stands for. */
struct common {
    const char *name;
    const char *alias;
    struct column *columns;
    size_t column_count;
    uint32_t table_count;
    struct common *next;
};

/* What names mean at one place. */
struct scope {
    struct range *ranges; /* in order */
    struct range **ranges_end;
    size_t range_count;
    struct common *commons;
    const struct scope *outer;
    const struct output *outputs; /* ORDER BY and GROUP BY may name them; else NULL */
};

/* A SELECT that was translated: its columns are c1, c2 … */
struct output {
    const char *sql;
    struct column *columns; /* sql is not set */
    size_t count;
    bool plain; /* without ORDER BY, LIMIT, WITH or set operation: may stand in a compound */
    bool compound;
};

/* --- query.c: text and errors */
/* Never NULL: without memory it is "" and build->failed is set. */
const char *build_say(struct build *build, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *build_join(struct build *build, const char *before, const char *between,
                       const char *after);                         /* before is NULL: after alone */
const char *build_quote(struct build *build, const char *text);    /* as a literal of SQLite */
void *build_array(struct build *build, size_t count, size_t size); /* NULL: build->failed */
bool build_deeper(struct build *build);                            /* each is followed by one: */
void build_higher(struct build *build);
bool build_tables(struct build *build, uint32_t count); /* so many more: 54001 */
/* A relation, or a regclass, that the session must find; index says which. */
bool build_relation(struct build *build, const struct sql_name *name, uint32_t position,
                    size_t *index);

/* --- query_select.c */
bool build_select(struct build *build, const json_t *select, const struct scope *outer,
                  struct output *output);
/* " ORDER BY …", or "" without; of a window, an aggregate or a query. */
bool build_order(struct build *build, struct scope *scope, const json_t *clause, const char **sql);

/* --- query_name.c */
const char *build_name(json_t *node);

/* --- query_from.c */
bool build_from(struct build *build, struct scope *scope, const json_t *list, const char **sql);
bool build_column(struct build *build, struct scope *scope, const json_t *fields,
                  struct part *part);
void scope_open(struct scope *scope, const struct scope *outer);

/* --- query_keywords.c: what stands for pg_get_keywords() in FROM; columns are c1, c2 … */
const char *build_keywords(struct build *build);

/* --- query_expr.c */
bool build_expr(struct build *build, struct scope *scope, json_t *node, struct part *part);
/* The same, which must be a bool: argument of WHERE, AND … */
bool build_condition(struct build *build, struct scope *scope, json_t *node, const char *what,
                     struct part *part);
bool build_list(struct build *build, struct scope *scope, const json_t *list, struct part *parts);

/* --- query_operator.c */
bool build_operator(struct build *build, struct scope *scope, const json_t *fields,
                    struct part *part);
bool build_compare(struct build *build, const char *word, struct part *left, struct part *right,
                   struct part *part);
bool build_sublink(struct build *build, struct scope *scope, const json_t *fields,
                   struct part *part);

/* --- query_call.c */
bool build_call(struct build *build, struct scope *scope, const json_t *fields, struct part *part);

/* --- query_type.c */
/* 'N' numbers, 'S' strings, 'B' bool, 'A' arrays, 'D' times, 'X' unknown … as pg_type has them. */
char type_category(uint32_t type);
/* A TypeName. 42704 */
bool build_type(struct build *build, const json_t *type_name, uint32_t *type);
/* Gives a part of unknown type this one; others stay. 22P02 */
bool build_become(struct build *build, struct part *part, uint32_t type);
/* A value as an array holds it: t, not 1. */
void build_element(struct build *build, struct part *part);
bool build_cast(struct build *build, struct part *part, uint32_t type);
/* One type for all of them. what: CASE, UNION … for the error. */
bool build_unify(struct build *build, struct part *parts, size_t count, const char *what,
                 uint32_t *type);

#endif
