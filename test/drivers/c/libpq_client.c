/* SPDX-License-Identifier: Apache-2.0 */
/* libpq: a program that makes one check and prints a line of JSON, as test_checks.py wants it.
 * The server is the one that libpq's variables name. */
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECTIONS_MAX = 16,
    IDS_MAX = 10000,
    TEXT_SIZE = 512,
};

static const char *const unknown_name = "SELECT nextval('no_such_sequence')";

_Noreturn static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static PGconn *connected(const char *settings)
{
    PGconn *conn = PQconnectdb(settings);
    if (PQstatus(conn) != CONNECTION_OK) fail("connect", PQerrorMessage(conn));
    return conn;
}

/* The first id of a result, in text or binary, which must be a bigint. */
static int64_t id_of(PGconn *conn, PGresult *result)
{
    enum { BIGINT = 20 };
    int64_t id = 0;

    if (PQresultStatus(result) != PGRES_TUPLES_OK) fail("query", PQerrorMessage(conn));
    if (PQntuples(result) < 1 || PQftype(result, 0) != BIGINT) fail("query", "no bigint");
    if (PQfformat(result, 0) == 1) {
        for (int i = 0; i < PQgetlength(result, 0, 0); i++) {
            id = id << 8 | (unsigned char)PQgetvalue(result, 0, 0)[i];
        }
    } else {
        id = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    }
    PQclear(result);
    return id;
}

static int64_t next_id(PGconn *conn, const char *name)
{
    char sql[TEXT_SIZE];

    (void)snprintf(sql, sizeof sql, "SELECT nextval('%s')", name);
    return id_of(conn, PQexec(conn, sql));
}

static int64_t with_values(PGconn *conn, const char *sql, const char *first, const char *second)
{
    const char *const values[] = {first, second};
    int count = (first != NULL) + (second != NULL);

    return id_of(conn, PQexecParams(conn, sql, count, NULL, values, NULL, NULL, 0));
}

/* Runs what must fail, and copies its SQLSTATE. */
static void code_of(PGconn *conn, const char *sql, char code[6])
{
    PGresult *result = PQexec(conn, sql);

    if (PQresultStatus(result) != PGRES_FATAL_ERROR) fail(sql, "no error");
    (void)snprintf(code, 6, "%s", PQresultErrorField(result, PG_DIAG_SQLSTATE));
    PQclear(result);
}

static void print_ids(const int64_t *ids, int count)
{
    (void)printf("[");
    for (int i = 0; i < count; i++) {
        (void)printf("%s%" PRId64, i == 0 ? "" : ", ", ids[i]);
    }
    (void)printf("]");
}

/* Without threads: all connections have a query under way, and poll says which is answered. */
static void check_ids(const char *name, int count, int connections)
{
    static int64_t ids[CONNECTIONS_MAX][IDS_MAX];
    int taken[CONNECTIONS_MAX] = {0};
    PGconn *conns[CONNECTIONS_MAX];
    struct pollfd polled[CONNECTIONS_MAX];
    char sql[TEXT_SIZE];
    int each = count / connections;
    int open = connections;

    (void)snprintf(sql, sizeof sql, "SELECT nextval('%s')", name);
    for (int i = 0; i < connections; i++) {
        conns[i] = connected("");
        if (PQsendQuery(conns[i], sql) != 1) fail("send", PQerrorMessage(conns[i]));
        polled[i] = (struct pollfd){.fd = PQsocket(conns[i]), .events = POLLIN};
    }
    while (open > 0) {
        if (poll(polled, (nfds_t)connections, 10000) <= 0) fail("poll", "no answer in 10 s");
        for (int i = 0; i < connections; i++) {
            if (polled[i].revents == 0) continue;
            if (PQconsumeInput(conns[i]) != 1) fail("read", PQerrorMessage(conns[i]));
            if (PQisBusy(conns[i])) continue;
            PGresult *result = PQgetResult(conns[i]);
            if (result != NULL) {
                ids[i][taken[i]++] = id_of(conns[i], result);
            } else if (taken[i] < each) {
                if (PQsendQuery(conns[i], sql) != 1) fail("send", PQerrorMessage(conns[i]));
            } else {
                polled[i].fd = -1;
                open--;
            }
            /* The end of an answer may be here already, and poll would not say so. */
            if (result != NULL) i--;
        }
    }
    (void)printf("{\"ids\": [");
    for (int i = 0; i < connections; i++) {
        if (i > 0) (void)printf(", ");
        print_ids(ids[i], taken[i]);
    }
    (void)printf("]}\n");
}

static void check_unknown(const char *name)
{
    PGconn *conn = connected("");
    char code[6];

    code_of(conn, unknown_name, code);
    (void)printf("{\"code\": \"%s\", \"error\": \"PGRES_FATAL_ERROR\", \"then\": %" PRId64 "}\n",
                 code, next_id(conn, name));
}

static void check_exhausted(const char *name)
{
    PGconn *conn = connected("");
    int64_t ids[3];
    char sql[TEXT_SIZE];
    char code[6];

    for (int i = 0; i < 3; i++) {
        ids[i] = next_id(conn, name);
    }
    (void)snprintf(sql, sizeof sql, "SELECT nextval('%s')", name);
    code_of(conn, sql, code);
    (void)printf("{\"ids\": ");
    print_ids(ids, 3);
    (void)printf(", \"code\": \"%s\", \"error\": \"PGRES_FATAL_ERROR\"}\n", code);
}

static void say_ids(const int64_t *ids, int count)
{
    (void)printf("{\"ids\": ");
    print_ids(ids, count);
    (void)printf("}\n");
}

static void check_prepared(const char *name, int binary)
{
    PGconn *conn = connected("");
    PGresult *result = PQprepare(conn, "one id", "SELECT nextval($1)", 0, NULL);
    int64_t ids[100];

    if (PQresultStatus(result) != PGRES_COMMAND_OK) fail("prepare", PQerrorMessage(conn));
    PQclear(result);
    result = PQdescribePrepared(conn, "one id");
    enum { REGCLASS = 2205 };
    if (PQnparams(result) != 1 || PQparamtype(result, 0) != REGCLASS) fail("describe", "type");
    PQclear(result);
    for (int i = 0; i < 100; i++) {
        ids[i] = id_of(conn, PQexecPrepared(conn, "one id", 1, &name, NULL, NULL, binary));
    }
    say_ids(ids, 100);
}

static void check_pipeline(const char *name)
{
    PGconn *conn = connected("");
    int64_t ids[100];

    if (PQenterPipelineMode(conn) != 1) fail("pipeline", PQerrorMessage(conn));
    for (int i = 0; i < 100; i++) {
        if (PQsendQueryParams(conn, "SELECT nextval($1)", 1, NULL, &name, NULL, NULL, 0) != 1) {
            fail("send", PQerrorMessage(conn));
        }
    }
    if (PQpipelineSync(conn) != 1) fail("sync", PQerrorMessage(conn));
    for (int i = 0; i < 100; i++) {
        ids[i] = id_of(conn, PQgetResult(conn));
        if (PQgetResult(conn) != NULL) fail("pipeline", "more than one result");
    }
    if (PQresultStatus(PQgetResult(conn)) != PGRES_PIPELINE_SYNC) fail("pipeline", "no sync");
    say_ids(ids, 100);
}

static void check_transaction(const char *name)
{
    PGconn *conn = connected("");
    char code[6];

    PQclear(PQexec(conn, "BEGIN"));
    int64_t first = next_id(conn, name);
    code_of(conn, unknown_name, code);
    if (PQtransactionStatus(conn) != PQTRANS_INERROR) fail("transaction", "not failed");
    code_of(conn, "SELECT lastval()", code);
    PQclear(PQexec(conn, "ROLLBACK"));
    if (PQtransactionStatus(conn) != PQTRANS_IDLE) fail("transaction", "not idle");
    (void)printf("{\"first\": %" PRId64 ", \"failed\": \"%s\", \"second\": %" PRId64 "}\n", first,
                 code, next_id(conn, name));
}

static void check_session(const char *name)
{
    PGconn *conn = connected("");
    int64_t values[] = {
        with_values(conn, "SELECT setval($1, $2)", name, "1000"),
        with_values(conn, "SELECT nextval($1)", name, NULL),
        with_values(conn, "SELECT currval($1)", name, NULL),
        with_values(conn, "SELECT lastval()", NULL, NULL),
    };

    (void)printf("{\"values\": ");
    print_ids(values, 4);
    (void)printf("}\n");
}

/* Row by row, as the answer comes. */
static void check_rows(const char *name)
{
    PGconn *conn = connected("");
    char sql[TEXT_SIZE];
    int64_t ids[50];
    int count = 0;

    (void)snprintf(sql, sizeof sql, "SELECT nextval('%s') FROM generate_series(1, 50)", name);
    if (PQsendQuery(conn, sql) != 1) fail("send", PQerrorMessage(conn));
    PQsetSingleRowMode(conn);
    for (PGresult *one = PQgetResult(conn); one != NULL; one = PQgetResult(conn)) {
        if (PQresultStatus(one) == PGRES_SINGLE_TUPLE && count < 50) {
            ids[count++] = strtoll(PQgetvalue(one, 0, 0), NULL, 10);
        }
        PQclear(one);
    }
    say_ids(ids, count);
}

static void check_password(const char *name)
{
    PGconn *conn = connected("");
    PGconn *wrong = PQconnectdb("password=wrong");

    if (PQstatus(wrong) == CONNECTION_OK) fail("wrong password", "connected");
    const char *said = strstr(PQerrorMessage(wrong), "password authentication failed");
    (void)printf("{\"id\": %" PRId64 ", \"error\": \"%s\"}\n", next_id(conn, name),
                 said == NULL ? "" : "password authentication failed");
}

int main(int argc, char **argv)
{
    if (argc < 3) fail(argv[0], "CHECK SEQUENCE [COUNT CONNECTIONS]");
    const char *check = argv[1];
    const char *name = argv[2];
    int count = argc == 5 ? (int)strtol(argv[3], NULL, 10) : 0;
    int connections = argc == 5 ? (int)strtol(argv[4], NULL, 10) : 1;

    if (count > IDS_MAX || connections > CONNECTIONS_MAX) fail(check, "too many");
    if (strcmp(check, "ids") == 0) check_ids(name, count, connections);
    if (strcmp(check, "unknown") == 0) check_unknown(name);
    if (strcmp(check, "exhausted") == 0) check_exhausted(name);
    if (strcmp(check, "prepared") == 0) check_prepared(name, 0);
    if (strcmp(check, "binary") == 0) check_prepared(name, 1);
    if (strcmp(check, "pipeline") == 0) check_pipeline(name);
    if (strcmp(check, "transaction") == 0) check_transaction(name);
    if (strcmp(check, "session") == 0) check_session(name);
    if (strcmp(check, "rows") == 0) check_rows(name);
    if (strcmp(check, "password") == 0) check_password(name);
    return 0;
}
