/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements. Every one that writes names its condition in full and answers with the record as
 * it is then, and with the synchronous_commit that its commit will have.
 */
#ifndef PAWL_POSTGRES_SQL_H
#define PAWL_POSTGRES_SQL_H

#include "store/fields.h"

/* What a branch ends with if the commit that wrote it waited for a standby. */
#define PAWL_POSTGRES_WAITS " waits"

enum pawl_postgres_statement {
    PAWL_POSTGRES_READ,    /* name */
    PAWL_POSTGRES_ADVANCE, /* name, epoch, lap, low, high, by, by, tag, rate, written_at */
    PAWL_POSTGRES_WRITE,   /* name, expected tag, expected epoch, fields */
    PAWL_POSTGRES_INSERT,  /* name, fields */
    PAWL_POSTGRES_STATEMENTS,
    /* Never prepared: */
    PAWL_POSTGRES_LIST = PAWL_POSTGRES_STATEMENTS, /* beyond, count */
    PAWL_POSTGRES_FACTS,                           /* table */
    PAWL_POSTGRES_IDENTITY,
    PAWL_POSTGRES_SESSION, /* settings for as long as the connection lasts */
    PAWL_POSTGRES_LOCAL,   /* the same, for this transaction only */
    PAWL_POSTGRES_INIT_LOCK,
    PAWL_POSTGRES_INIT_TABLE,
    PAWL_POSTGRES_INIT_COMMENT,
    PAWL_POSTGRES_CHECK, /* table */
    PAWL_POSTGRES_ALL,
};

/* Columns of what READ, ADVANCE, WRITE, INSERT and LIST answer. */
enum {
    PAWL_POSTGRES_NAME_COLUMN,
    PAWL_POSTGRES_FIELDS_COLUMN,
    PAWL_POSTGRES_COMMIT_COLUMN = PAWL_POSTGRES_FIELDS_COLUMN + PAWL_FIELDS, /* not LIST's */
    PAWL_POSTGRES_WAITS_COLUMN, /* likewise: whether a commit waits for a standby */
    PAWL_POSTGRES_WRITE_COLUMNS,
};

enum pawl_postgres_fact {
    PAWL_POSTGRES_FACT_PID,
    PAWL_POSTGRES_FACT_VERSION,
    PAWL_POSTGRES_FACT_RECOVERY,  /* t or f */
    PAWL_POSTGRES_FACT_READ_ONLY, /* on or off */
    PAWL_POSTGRES_FACT_FSYNC,
    PAWL_POSTGRES_FACT_KIND,         /* of the table: r, p, v ...; NULL: there is none */
    PAWL_POSTGRES_FACT_PERSISTENCE,  /* p, u (unlogged), t */
    PAWL_POSTGRES_FACT_COLUMNS,      /* "name type", one a line */
    PAWL_POSTGRES_FACT_GRANTS,       /* what is missing of SELECT, INSERT, UPDATE; NULL: nothing */
    PAWL_POSTGRES_FACT_PLACE,        /* "DATABASE/TABLE", by their oids; NULL: there is no table */
    PAWL_POSTGRES_FACT_KEYS,         /* how many see to it that a name is there once */
    PAWL_POSTGRES_FACT_USER,         /* whose rights count, quoted */
    PAWL_POSTGRES_FACT_READ_ONLY_BY, /* where default_transaction_read_only is set */
    PAWL_POSTGRES_FACTS_COUNT,
};

struct pawl_postgres_sql {
    char *texts[PAWL_POSTGRES_ALL];
};

/* table is quoted. false: no memory. */
bool pawl_postgres_sql_make(struct pawl_postgres_sql *sql, const char *table);
void pawl_postgres_sql_free(struct pawl_postgres_sql *sql);

/* What is wrong with the columns of FACT_COLUMNS; false: nothing. */
bool pawl_postgres_columns_wrong(const char *columns, char *wrong, size_t size);

#endif
