/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMN_BYTES_MAX = 64 };

#define COLUMN_OF(name, kind) ", \"" #name "\""
#define COLUMNS               "name" PAWL_FIELD_MAP(COLUMN_OF)
#define WAITS                 "current_setting('synchronous_standby_names') <> ''"

/*
 * No grant leaves a record behind that says of itself that its commit waited, though it does not:
 * it is refused, and what is read then says so.
 */
#define TRUE_OF(branch) branch " NOT LIKE '%%" PAWL_POSTGRES_WAITS "' OR " WAITS

/* Unique indexes on the name and nothing else; PostgreSQL 10 has no indnkeyatts. */
#define KEYS                                                                                     \
    "(SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND "       \
    "a.attnum = i.indkey[0] WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate "      \
    "AND i.indisvalid AND i.indpred IS NULL AND coalesce((to_jsonb(i) ->> 'indnkeyatts')::int, " \
    "i.indnatts) = 1 AND a.attname = 'name')"

#define HOW     ", current_setting('synchronous_commit'), " WAITS
#define ANSWERS " RETURNING " COLUMNS HOW

/*
 * A commit must be durable before it is answered: what the server, the database or the role says
 * less than `on` is overridden; more (remote_apply) stays. client_min_messages lets the warning
 * through by which a cancelled wait for a standby shows.
 */
#define SETTINGS(local)                                                                        \
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN " \
    "'remote_apply' THEN 'remote_apply' ELSE 'on' END, " local                                 \
    "), set_config('client_min_messages', 'warning', " local                                   \
    "), set_config('lock_timeout', '1000', " local                                             \
    "), set_config('statement_timeout', '2000', " local ")"

static const char *type_of(enum pawl_field field)
{
    switch (pawl_field_kind(field)) {
    case PAWL_FIELD_I64:
        return "bigint";
    case PAWL_FIELD_REAL:
        return "double precision";
    case PAWL_FIELD_TEXT:
        break;
    }
    return "text";
}

static void put_advance(FILE *to, const char *table)
{
    (void)fprintf(
        to,
        "UPDATE %s SET \"next\" = \"next\" + $6::bigint + $7::bigint, \"version\" = "
        "\"version\" + 1, \"tag\" = $8::bigint, \"rate\" = $9::double precision, "
        "\"written_at\" = $10::bigint WHERE name = $1::text AND \"epoch\" = $2::bigint "
        "AND \"lap\" = $3::bigint AND \"dropped\" = 0 AND \"ended\" = 0 AND \"format\" = "
        "%d AND \"next\" BETWEEN $4::bigint AND $5::bigint AND (" TRUE_OF("\"branch\"") ")" ANSWERS,
        table, PAWL_RECORD_FORMAT);
}

static void put_write(FILE *to, const char *table)
{
    (void)fprintf(to, "UPDATE %s SET ", table);
    for (int i = 0; i < PAWL_FIELDS; i++) {
        (void)fprintf(to, "%s\"%s\" = $%d::%s", i > 0 ? ", " : "",
                      pawl_field_name((enum pawl_field)i), i + 4, type_of((enum pawl_field)i));
    }
    /* What changes the epoch grants nothing, and may leave the branch as it found it. */
    (void)fprintf(
        to,
        " WHERE name = $1::text AND \"tag\" = $2::bigint AND \"version\" = $3::bigint "
        "AND \"format\" = %d AND (\"epoch\" <> $%d::bigint OR " TRUE_OF("$%d::text") ")" ANSWERS,
        PAWL_RECORD_FORMAT, PAWL_FIELD_epoch + 4, PAWL_FIELD_branch + 4);
}

static void put_insert(FILE *to, const char *table)
{
    (void)fprintf(to, "INSERT INTO %s (" COLUMNS ") VALUES ($1::text", table);
    for (int i = 0; i < PAWL_FIELDS; i++) {
        (void)fprintf(to, ", $%d::%s", i + 2, type_of((enum pawl_field)i));
    }
    (void)fprintf(to, ") ON CONFLICT (name) DO NOTHING" ANSWERS);
}

/* In the order of enum pawl_postgres_fact. format_type gives the types' own names, whatever the
 * session's. */
static void put_facts(FILE *to)
{
    (void)fprintf(
        to, "SELECT pg_backend_pid(), current_setting('server_version_num'), pg_is_in_recovery(), "
            "current_setting('transaction_read_only'), current_setting('fsync'), c.relkind, "
            "c.relpersistence, (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, "
            "a.atttypmod), E'\\n') FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 "
            "AND NOT a.attisdropped), (SELECT string_agg(p, ', ') FROM unnest(ARRAY['SELECT', "
            "'INSERT', 'UPDATE']) p WHERE NOT has_table_privilege(c.oid, p)), (SELECT d.oid FROM "
            "pg_database d WHERE d.datname = current_database()) || '/' || c.oid, " KEYS
            ", quote_ident(current_user), (SELECT source FROM pg_settings WHERE name = "
            "'default_transaction_read_only') FROM (SELECT to_regclass($1::text)::oid AS oid) t "
            "LEFT JOIN pg_class c ON c.oid = "
            "t.oid");
}

/* In the order of enum pawl_postgres_history_column. Everybody may ask that by default. */
static void put_identity(FILE *to)
{
    static const char *const targets[] = {"", "_lsn", "_name", "_time", "_xid"};

    (void)fprintf(
        to,
        "SELECT system_identifier, CASE WHEN NOT pg_is_in_recovery() THEN "
        "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END, CASE WHEN NOT "
        "pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0') END, " WAITS
        ", concat(''");
    for (size_t i = 0; i < PAWL_COUNT(targets); i++) { /* settings since PostgreSQL 12 */
        (void)fprintf(to, ", current_setting('recovery_target%s', true)", targets[i]);
    }
    (void)fprintf(to, ") <> '' FROM pg_control_system()");
}

/* Many updates of few rows: room for them on each page, and vacuum that does not wait. */
static void put_table(FILE *to, const char *table)
{
    (void)fprintf(to,
                  "CREATE TABLE IF NOT EXISTS %s (name text COLLATE \"C\" PRIMARY KEY CHECK "
                  "(octet_length(name) BETWEEN 1 AND 255)",
                  table);
    for (int i = 0; i < PAWL_FIELDS; i++) {
        (void)fprintf(to, ", \"%s\" %s NOT NULL", pawl_field_name((enum pawl_field)i),
                      type_of((enum pawl_field)i));
    }
    (void)fprintf(to,
                  ", CHECK (\"format\" > 0), CHECK (\"epoch\" > 0), CHECK (\"lap\" >= 0), CHECK "
                  "(\"increment\" <> 0), CHECK (\"min\" <= \"max\"), CHECK (\"cycle\" IN (0, "
                  "1)), CHECK (\"ended\" IN (0, 1)), CHECK (\"dropped\" IN (0, 1))) WITH "
                  "(fillfactor = 50, autovacuum_vacuum_scale_factor = 0, "
                  "autovacuum_vacuum_threshold = 1000)");
}

/* In the order of enum item in check.c. */
static void put_check(FILE *to)
{
    (void)fprintf(
        to,
        "SELECT current_setting('server_version'), pg_is_in_recovery(), "
        "current_setting('default_transaction_read_only'), current_setting('fsync'), "
        "current_setting('full_page_writes'), (SELECT reset_val FROM pg_settings WHERE name = "
        "'synchronous_commit'), current_setting('synchronous_standby_names'), (SELECT count(*) "
        "FROM pg_stat_replication), (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN "
        "('sync', 'quorum')), (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname "
        "= current_database()), c.relpersistence, (SELECT count(*) FROM pg_trigger g WHERE "
        "g.tgrelid = c.oid AND NOT g.tgisinternal), c.relrowsecurity, c.relhasrules, (SELECT "
        "l.collname FROM pg_attribute a JOIN pg_collation l ON l.oid = a.attcollation WHERE "
        "a.attrelid = c.oid AND a.attname = 'name'), " KEYS
        ", has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, "
        "'TRUNCATE') FROM (SELECT to_regclass($1::text)::oid AS oid) t LEFT JOIN pg_class c ON "
        "c.oid "
        "= t.oid");
}

static void put(enum pawl_postgres_statement statement, FILE *to, const char *table)
{
    switch (statement) {
    case PAWL_POSTGRES_READ:
        (void)fprintf(to, "SELECT " COLUMNS HOW " FROM %s WHERE name = $1::text", table);
        return;
    case PAWL_POSTGRES_ADVANCE:
        put_advance(to, table);
        return;
    case PAWL_POSTGRES_WRITE:
        put_write(to, table);
        return;
    case PAWL_POSTGRES_INSERT:
        put_insert(to, table);
        return;
    case PAWL_POSTGRES_LIST:
        (void)fprintf(to,
                      "SELECT " COLUMNS " FROM %s WHERE name COLLATE \"C\" > $1::text ORDER BY "
                      "name COLLATE \"C\" LIMIT $2::bigint",
                      table);
        return;
    case PAWL_POSTGRES_FACTS:
        put_facts(to);
        return;
    case PAWL_POSTGRES_IDENTITY:
        put_identity(to);
        return;
    case PAWL_POSTGRES_SESSION:
        (void)fprintf(
            to,
            SETTINGS(
                "false") ", set_config('default_transaction_isolation', 'read committed', false)");
        return;
    case PAWL_POSTGRES_LOCAL:
        (void)fprintf(to, SETTINGS("true"));
        return;
    case PAWL_POSTGRES_INIT_LOCK: /* "pawl": two may come at once */
        (void)fprintf(to, "SELECT pg_advisory_xact_lock(1885435756)");
        return;
    case PAWL_POSTGRES_INIT_TABLE:
        put_table(to, table);
        return;
    case PAWL_POSTGRES_INIT_COMMENT:
        (void)fprintf(to,
                      "COMMENT ON TABLE %s IS 'Sequences of pawl. Ids below next (above it where "
                      "increment is negative) may be in use: never lower it by hand, never delete "
                      "a row.'",
                      table);
        return;
    case PAWL_POSTGRES_CHECK:
        put_check(to);
        return;
    case PAWL_POSTGRES_ALL:
        return;
    }
}

bool pawl_postgres_sql_make(struct pawl_postgres_sql *sql, const char *table)
{
    bool made = true;

    *sql = (struct pawl_postgres_sql){{NULL}};
    for (int i = 0; i < PAWL_POSTGRES_ALL; i++) {
        size_t size = 0;
        FILE *stream = open_memstream(&sql->texts[i], &size);

        if (stream == NULL) {
            made = false;
            break;
        }
        put((enum pawl_postgres_statement)i, stream, table);
        made = fclose(stream) == 0 && made;
    }
    if (!made) pawl_postgres_sql_free(sql);
    return made;
}

void pawl_postgres_sql_free(struct pawl_postgres_sql *sql)
{
    for (size_t i = 0; i < PAWL_COUNT(sql->texts); i++) {
        free(sql->texts[i]);
        sql->texts[i] = NULL;
    }
}

/* NULL: no column has that name. */
static const char *type_in(const char *columns, const char *name)
{
    size_t size = strlen(name);

    while (*columns != '\0') {
        if (strncmp(columns, name, size) == 0 && columns[size] == ' ') return columns + size + 1;
        columns += strcspn(columns, "\n");
        columns += *columns == '\n';
    }
    return NULL;
}

bool pawl_postgres_columns_wrong(const char *columns, char *wrong, size_t size)
{
    for (int i = -1; i < PAWL_FIELDS; i++) {
        const char *name = i < 0 ? "name" : pawl_field_name((enum pawl_field)i);
        const char *type = i < 0 ? "text" : type_of((enum pawl_field)i);
        const char *found = type_in(columns, name);

        if (found == NULL) {
            (void)snprintf(wrong, size, "it has no column %s", name);
            return true;
        }
        size_t length = strcspn(found, "\n");

        if (length == strlen(type) && strncmp(found, type, length) == 0) continue;
        (void)snprintf(wrong, size, "its column %s is %.*s, not %s", name,
                       length < COLUMN_BYTES_MAX ? (int)length : COLUMN_BYTES_MAX, found, type);
        return true;
    }
    return false;
}
