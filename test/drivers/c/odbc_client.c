/* SPDX-License-Identifier: Apache-2.0 */
/* ODBC with psqlODBC: a program that makes one check and prints a line of JSON, as test_checks.py
 * wants it. The server is the one that libpq's variables name. */
#include <inttypes.h>
#include <sql.h>
#include <sqlext.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECTIONS_MAX = 16,
    IDS_MAX = 10000,
    TEXT_SIZE = 512,
    CODE_SIZE = 6,
};

/* ODBC has no const: what is given is only read. */
static SQLCHAR *given(const char *text)
{
    return (SQLCHAR *)(uintptr_t)text;
}

static const char *const unknown_name = "SELECT nextval('no_such_sequence')";

/* An error of the driver: where it comes from, its SQLSTATE and its words. */
struct trouble {
    char code[CODE_SIZE];
    char text[TEXT_SIZE];
};

_Noreturn static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static struct trouble trouble_of(SQLSMALLINT kind, SQLHANDLE handle)
{
    struct trouble found = {{0}, {0}};
    SQLINTEGER number;
    SQLSMALLINT size;

    SQLGetDiagRec(kind, handle, 1, (SQLCHAR *)found.code, &number, (SQLCHAR *)found.text,
                  sizeof found.text, &size);
    return found;
}

static void check(SQLRETURN outcome, SQLSMALLINT kind, SQLHANDLE handle)
{
    if (!SQL_SUCCEEDED(outcome)) fail("odbc", trouble_of(kind, handle).text);
}

static SQLRETURN connect_with(const char *options, const char *password, SQLHDBC *db)
{
    char words[TEXT_SIZE];
    SQLHENV env;

    SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &env);
    SQLSetEnvAttr(env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)(uintptr_t)SQL_OV_ODBC3, 0);
    check(SQLAllocHandle(SQL_HANDLE_DBC, env, db), SQL_HANDLE_ENV, env);
    (void)snprintf(words, sizeof words,
                   "Driver=PostgreSQL Unicode;Servername=%s;Port=%s;Database=%s;UID=%s;PWD={%s};%s",
                   getenv("PGHOST"), getenv("PGPORT"), getenv("PGDATABASE"), getenv("PGUSER"),
                   password == NULL ? "" : password, options);
    return SQLDriverConnect(*db, NULL, (SQLCHAR *)words, SQL_NTS, NULL, 0, NULL,
                            SQL_DRIVER_NOPROMPT);
}

static SQLHDBC connected(const char *options)
{
    SQLHDBC db;
    SQLRETURN outcome = connect_with(options, getenv("PGPASSWORD"), &db);

    check(outcome, SQL_HANDLE_DBC, db);
    return db;
}

static SQLHSTMT statement(SQLHDBC db)
{
    SQLHSTMT made;

    check(SQLAllocHandle(SQL_HANDLE_STMT, db, &made), SQL_HANDLE_DBC, db);
    return made;
}

static int fetch(SQLHSTMT asked, int64_t *ids, int max)
{
    SQLBIGINT id;
    SQLLEN size;
    int count = 0;

    while (count < max && SQL_SUCCEEDED(SQLFetch(asked))) {
        check(SQLGetData(asked, 1, SQL_C_SBIGINT, &id, sizeof id, &size), SQL_HANDLE_STMT, asked);
        ids[count++] = id;
    }
    SQLCloseCursor(asked);
    return count;
}

static int64_t one(SQLHDBC db, const char *sql)
{
    SQLHSTMT asked = statement(db);
    int64_t id = 0;

    check(SQLExecDirect(asked, given(sql), SQL_NTS), SQL_HANDLE_STMT, asked);
    if (fetch(asked, &id, 1) != 1) fail(sql, "no row");
    SQLFreeHandle(SQL_HANDLE_STMT, asked);
    return id;
}

static int64_t next_id(SQLHDBC db, const char *name)
{
    char sql[TEXT_SIZE];

    (void)snprintf(sql, sizeof sql, "SELECT nextval('%s')", name);
    return one(db, sql);
}

/* A statement with the sequence's name as its parameter. */
static SQLHSTMT prepared(SQLHDBC db, const char *sql, const char *name)
{
    SQLHSTMT made = statement(db);

    check(SQLPrepare(made, given(sql), SQL_NTS), SQL_HANDLE_STMT, made);
    check(SQLBindParameter(made, 1, SQL_PARAM_INPUT, SQL_C_CHAR, SQL_VARCHAR, strlen(name), 0,
                           given(name), 0, NULL),
          SQL_HANDLE_STMT, made);
    return made;
}

static int64_t executed(SQLHSTMT made)
{
    int64_t id = 0;

    check(SQLExecute(made), SQL_HANDLE_STMT, made);
    if (fetch(made, &id, 1) != 1) fail("execute", "no row");
    return id;
}

static struct trouble trouble_with(SQLHDBC db, const char *sql)
{
    SQLHSTMT asked = statement(db);

    if (SQL_SUCCEEDED(SQLExecDirect(asked, given(sql), SQL_NTS))) fail(sql, "no error");
    struct trouble found = trouble_of(SQL_HANDLE_STMT, asked);
    SQLFreeHandle(SQL_HANDLE_STMT, asked);
    return found;
}

static void print_ids(const int64_t *ids, int count)
{
    (void)printf("[");
    for (int i = 0; i < count; i++) {
        (void)printf("%s%" PRId64, i == 0 ? "" : ", ", ids[i]);
    }
    (void)printf("]");
}

/* In turn: ODBC's calls wait. */
static void check_ids(const char *name, int count, int connections)
{
    static int64_t ids[CONNECTIONS_MAX][IDS_MAX];
    SQLHDBC dbs[CONNECTIONS_MAX];
    int each = count / connections;

    for (int i = 0; i < connections; i++) {
        dbs[i] = connected("");
    }
    for (int k = 0; k < each; k++) {
        for (int i = 0; i < connections; i++) {
            ids[i][k] = next_id(dbs[i], name);
        }
    }
    (void)printf("{\"ids\": [");
    for (int i = 0; i < connections; i++) {
        if (i > 0) (void)printf(", ");
        print_ids(ids[i], each);
    }
    (void)printf("]}\n");
}

static void check_unknown(const char *name)
{
    SQLHDBC db = connected("");
    struct trouble found = trouble_with(db, unknown_name);

    (void)printf("{\"code\": \"%s\", \"error\": \"SQL_ERROR\", \"then\": %" PRId64 "}\n",
                 found.code, next_id(db, name));
}

static void check_exhausted(const char *name)
{
    SQLHDBC db = connected("");
    char sql[TEXT_SIZE];
    int64_t ids[3];

    for (int i = 0; i < 3; i++) {
        ids[i] = next_id(db, name);
    }
    (void)snprintf(sql, sizeof sql, "SELECT nextval('%s')", name);
    struct trouble found = trouble_with(db, sql);
    (void)printf("{\"ids\": ");
    print_ids(ids, 3);
    (void)printf(", \"code\": \"%s\", \"error\": \"SQL_ERROR\"}\n", found.code);
}

static void check_prepared(const char *name)
{
    SQLHSTMT made = prepared(connected(""), "SELECT nextval(?)", name);
    int64_t ids[100];

    for (int i = 0; i < 100; i++) {
        ids[i] = executed(made);
    }
    (void)printf("{\"ids\": ");
    print_ids(ids, 100);
    (void)printf("}\n");
}

/* By default the driver puts a savepoint around each statement of a block, and an error is undone;
 * with Protocol=7.4-0 it does not. */
static void check_transaction(const char *name)
{
    SQLHDBC strict = connected("Protocol=7.4-0");
    SQLHDBC db = connected("");
    SQLPOINTER off = (SQLPOINTER)(uintptr_t)SQL_AUTOCOMMIT_OFF;

    SQLSetConnectAttr(strict, SQL_ATTR_AUTOCOMMIT, off, 0);
    SQLSetConnectAttr(db, SQL_ATTR_AUTOCOMMIT, off, 0);
    int64_t first = next_id(db, name);
    trouble_with(db, unknown_name);
    if (next_id(db, name) <= first) fail("savepoint", "the id does not rise");
    check(SQLEndTran(SQL_HANDLE_DBC, db, SQL_ROLLBACK), SQL_HANDLE_DBC, db);
    next_id(strict, name);
    trouble_with(strict, unknown_name);
    struct trouble failed = trouble_with(strict, "SELECT lastval()");
    check(SQLEndTran(SQL_HANDLE_DBC, strict, SQL_ROLLBACK), SQL_HANDLE_DBC, strict);
    (void)printf("{\"first\": %" PRId64 ", \"failed\": \"%s\", \"second\": %" PRId64 "}\n", first,
                 failed.code, next_id(strict, name));
}

static void check_session(const char *name)
{
    SQLHDBC db = connected("");
    int64_t values[] = {
        executed(prepared(db, "SELECT setval(?, 1000)", name)),
        executed(prepared(db, "SELECT nextval(?)", name)),
        executed(prepared(db, "SELECT currval(?)", name)),
        one(db, "SELECT lastval()"),
    };

    (void)printf("{\"values\": ");
    print_ids(values, 4);
    (void)printf("}\n");
}

static void check_rows(const char *name)
{
    SQLHSTMT asked = statement(connected(""));
    char sql[TEXT_SIZE];
    int64_t ids[50];

    (void)snprintf(sql, sizeof sql, "SELECT nextval('%s') FROM generate_series(1, 50)", name);
    check(SQLExecDirect(asked, given(sql), SQL_NTS), SQL_HANDLE_STMT, asked);
    int count = fetch(asked, ids, 50);
    (void)printf("{\"ids\": ");
    print_ids(ids, count);
    (void)printf("}\n");
}

static void check_password(const char *name)
{
    SQLHDBC wrong;

    if (SQL_SUCCEEDED(connect_with("", "wrong", &wrong))) fail("wrong password", "connected");
    struct trouble found = trouble_of(SQL_HANDLE_DBC, wrong);
    const char *said = strstr(found.text, "password authentication failed");
    (void)printf("{\"id\": %" PRId64 ", \"error\": \"%s\"}\n", next_id(connected(""), name),
                 said == NULL ? "" : "password authentication failed");
}

int main(int argc, char **argv)
{
    if (argc < 3) fail(argv[0], "CHECK SEQUENCE [COUNT CONNECTIONS]");
    const char *name = argv[2];
    int count = argc == 5 ? (int)strtol(argv[3], NULL, 10) : 0;
    int connections = argc == 5 ? (int)strtol(argv[4], NULL, 10) : 1;

    if (count > IDS_MAX || connections > CONNECTIONS_MAX) fail(argv[1], "too many");
    if (strcmp(argv[1], "ids") == 0) check_ids(name, count, connections);
    if (strcmp(argv[1], "unknown") == 0) check_unknown(name);
    if (strcmp(argv[1], "exhausted") == 0) check_exhausted(name);
    if (strcmp(argv[1], "prepared") == 0) check_prepared(name);
    if (strcmp(argv[1], "transaction") == 0) check_transaction(name);
    if (strcmp(argv[1], "session") == 0) check_session(name);
    if (strcmp(argv[1], "rows") == 0) check_rows(name);
    if (strcmp(argv[1], "password") == 0) check_password(name);
    return 0;
}
