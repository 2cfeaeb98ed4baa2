/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries over what PostgreSQL keeps in catalogs, and over a sequence as a relation: SELECT … FROM
 * pg_class, information_schema.sequences, orders_seq. A query is translated once, into the words of
 * SQLite, which joins, filters and sorts; the rows of the catalogs are made from records.
 */
#ifndef PAWLD_SQL_QUERY_H
#define PAWLD_SQL_QUERY_H

#include <jansson.h>

#include "range/record.h"
#include "server/sql/plan.h"

enum {
    SQL_CATALOG_SEQUENCES_MAX = 100000, /* that one query looks at; more is 54000 */
    SQL_RELATIONS_MAX = 16,             /* sequences in one FROM */
};

/*
 * select: a SelectStmt of libpg_query's tree with a FROM, or subqueries. Fills plan's params and
 * columns. types as in sql_batch_new.
 */
bool sql_query_new(const json_t *select, const uint32_t *types, size_t type_count,
                   struct sql_plan *plan, struct sql_error *error);
void sql_query_free(struct sql_query *query);

/* What it needs before it can run: */
bool sql_query_wants_list(const struct sql_query *query); /* the records of all sequences */
size_t sql_query_relations(const struct sql_query *query, const struct sql_name **names);

/* A sequence as its catalog row or relation sees it. */
struct sql_sequence {
    struct pawl_bytes name; /* in the store */
    const struct pawl_record *record;
    bool last_known; /* the last id handed out here; else the record's */
    int64_t last;
};

/* One I/O thread's SQLite: opened with the first query. */
struct sql_catalog;
struct sql_catalog *sql_catalog_new(void); /* NULL: no memory */
void sql_catalog_free(struct sql_catalog *catalog);

/*
 * One run of a query: add what it wants (list: all sequences; relation i: which name that was
 * resolved to), then step. Others may run theirs in the same catalog meanwhile.
 */
struct sql_scan;
struct sql_scan *sql_scan_new(struct sql_catalog *catalog, const struct sql_plan *plan,
                              const struct sql_value *params, const struct sql_facts *facts);
/* false: no memory, or too many: error. */
bool sql_scan_add(struct sql_scan *scan, const struct sql_sequence *sequence,
                  struct sql_error *error);
bool sql_scan_relation(struct sql_scan *scan, size_t index, const struct sql_sequence *sequence,
                       struct sql_error *error);
enum sql_step { SQL_STEP_ROW, SQL_STEP_DONE, SQL_STEP_ERROR, SQL_STEP_AGAIN };
/*
 * row: plan->column_count values, valid until the next step. steps: how many it may make, of
 * SQLite's or 50 ns each; becomes how many are left. AGAIN: they are used up, or another scan of
 * this thread is in the way: to be called again when others have had their turn.
 */
enum sql_step sql_scan_step(struct sql_scan *scan, int64_t *steps, const struct sql_value **row,
                            struct sql_error *error);
size_t sql_scan_bytes(const struct sql_scan *scan); /* of memory */
/* At any time, between two steps or in the middle of one. */
void sql_scan_free(struct sql_scan *scan);

/* How schemas and names lie in the store: public's sequences by their bare names, others as
 * schema.name. */
struct sql_name sql_name_of_store(struct pawl_bytes name);
/* pg_class's oid of a sequence by its name in the store, unless another name has it, too. */
uint32_t sql_class_oid(struct pawl_bytes name);
/* false: 42622, too long; 0A000, a name with a dot in public. schema must be given. */
bool sql_name_to_store(const struct sql_name *name, struct pawl_name *store,
                       struct sql_error *error);

#endif
