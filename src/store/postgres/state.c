/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres/state.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { SQLSTATE_SIZE = 5, STORY_BYTES_MAX = 300 };

#define INIT_ADVICE    "make the table with: pawl store init URL"
#define OTHER_ADVICE   "another program's table? name another one in the URL: ?table=NAME"
#define TRIGGER_ADVICE "drop the trigger on the table"

/* The first that fits counts. */
static const struct pawl_postgres_state states[] = {
    {"40001", PAWL_BUSY, true, false, "others write the same rows"},
    {"40P01", PAWL_BUSY, true, false, "others lock the same rows"},
    {"40", PAWL_BUSY, false, false, "it was rolled back"},
    {"55P03", PAWL_BUSY, false, false, "somebody holds a lock on it: see pg_stat_activity"},
    {"55", PAWL_STORE, false, false, "look into the server's log"},
    {"57014", PAWL_BUSY, false, false, "it was cancelled, or took too long"},
    {"57", PAWL_STORE, false, true, "the server stops, starts or ended the connection"},
    {"25006", PAWL_STORE, false, true,
     "the server is a standby or read-only: name the primary, or all hosts, in the URL"},
    {"25", PAWL_STORE, false, true, "look into the server's log"},
    {"53300", PAWL_STORE, false, true, "raise max_connections, or put a pooler between"},
    {"53", PAWL_STORE, false, false, "the server has no room: look into its log"},
    {"58", PAWL_STORE, false, false, "the server's disk fails: look into its log"},
    {"XX", PAWL_STORE, false, true, "the server is broken: look into its log"},
    {"08", PAWL_STORE, false, true, "the connection is lost"},
    {"28", PAWL_DENIED, false, true, "check user and password in the URL, and pg_hba.conf"},
    {"42501", PAWL_DENIED, false, true,
     "grant USAGE on the schema and SELECT, INSERT, UPDATE on "
     "the table (CREATE on the schema for pawl store init)"},
    {"3D000", PAWL_DENIED, false, true, "create the database, or name another in the URL"},
    {"3F000", PAWL_MISSING, false, true, "create the schema first: CREATE SCHEMA"},
    {"42P01", PAWL_MISSING, false, true, INIT_ADVICE},
    {"428C9", PAWL_DENIED, false, true,
     "pawl writes all columns of its own: make none of them GENERATED"},
    {"42703", PAWL_DENIED, false, true, OTHER_ADVICE},
    {"42P10", PAWL_DENIED, false, true, OTHER_ADVICE},
    {"42", PAWL_DENIED, false, true, OTHER_ADVICE},
    {"0A000", PAWL_DENIED, false, true, "drop the rules on the table"},
    {"26", PAWL_BUSY, false, true, "a pooler stands between and changed the connection"},
    {"22021", PAWL_BAD_REQUEST, false, false, "the database should be made with ENCODING 'UTF8'"},
    {"22P05", PAWL_BAD_REQUEST, false, false, "the database should be made with ENCODING 'UTF8'"},
    {"22003", PAWL_DENIED, false, false, "a column is narrower than pawl made it"},
    {"22", PAWL_DENIED, false, false, OTHER_ADVICE},
    {"23", PAWL_DENIED, false, false, "drop what was added to the table that pawl made"},
    {"27", PAWL_DENIED, false, false, TRIGGER_ADVICE},
    {"P0", PAWL_DENIED, false, false, TRIGGER_ADVICE},
    {"", PAWL_STORE, false, true, "look into the server's log"},
};

const struct pawl_postgres_state *pawl_postgres_state_of(const char *sqlstate)
{
    const struct pawl_postgres_state *state = states;

    if (sqlstate == NULL) sqlstate = "08";
    while (strncmp(sqlstate, state->begins, strlen(state->begins)) != 0) {
        state++;
    }
    return state;
}

/* A statement that was prepared is told in the same words what no table of that kind can do. */
const struct pawl_postgres_state *pawl_postgres_state_at(const char *sqlstate, const char *function)
{
    static const struct pawl_postgres_state changed = {"0A000", PAWL_BUSY, false, true,
                                                       "the table has changed"};

    if (sqlstate != NULL && strcmp(sqlstate, changed.begins) == 0 &&
        (function == NULL || strcmp(function, "RevalidateCachedQuery") == 0)) {
        return &changed;
    }
    return pawl_postgres_state_of(sqlstate);
}

const char *pawl_postgres_connect_advice(const char *sqlstate)
{
    if (strcmp(sqlstate, "42501") == 0) return "GRANT CONNECT ON DATABASE to the user";
    if (strncmp(sqlstate, "42", 2) == 0 || strncmp(sqlstate, "22", 2) == 0) {
        return "the server refuses a setting: correct the URL's parameters (options=)";
    }
    return pawl_postgres_state_of(sqlstate)->advice;
}

const char *pawl_postgres_refusal_advice(const char *text)
{
    static const struct {
        const char *says, *advice;
    } rows[] = {
        {"no password supplied",
         "write postgres://user:password@host, or give PGPASSWORD or a passfile"},
        {"server does not support SSL",
         "turn TLS on at the server (ssl = on), or do without: ?sslmode=disable"},
        {"root certificate file",
         "name the authority's certificate: ?sslrootcert=FILE, or a weaker sslmode"},
        {"certificate verify failed",
         "name the authority that signed the server's certificate: ?sslrootcert=FILE"},
        {"does not match host name",
         "name the server as its certificate does, or use ?sslmode=verify-ca"},
        {"private key file", "correct sslkey in the URL"},
        {"not load private key", "correct sslkey in the URL"},
        {"not read certificate file", "correct sslcert in the URL"},
        {"certificate required", "the server wants a certificate: ?sslcert=FILE&sslkey=FILE"},
        {"channel binding", "correct channel_binding in the URL, or use TLS"},
        {"authentication method", "the server wants a way to log in that libpq lacks: pg_hba.conf"},
    };

    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        if (strstr(text, rows[i].says) != NULL) return rows[i].advice;
    }
    return NULL;
}

/*
 * A pooler ends a client's connection with a FATAL error of its own, wherever the server was: only
 * an ERROR, of a class that is the server's, says that the server rolled the transaction back.
 */
enum pawl_postgres_verdict pawl_postgres_verdict_of(const char *severity, const char *sqlstate,
                                                    bool at_commit)
{
    if (severity == NULL || sqlstate == NULL) return PAWL_POSTGRES_DOUBT;
    if (strcmp(severity, "ERROR") != 0) return PAWL_POSTGRES_DOUBT;
    if (strncmp(sqlstate, "08", 2) == 0) return PAWL_POSTGRES_DOUBT;
    if (!at_commit) return PAWL_POSTGRES_UNDONE;
    if (strncmp(sqlstate, "40", 2) == 0 && strcmp(sqlstate, "40003") != 0) {
        return PAWL_POSTGRES_UNDONE;
    }
    return strncmp(sqlstate, "23", 2) == 0 ? PAWL_POSTGRES_UNDONE : PAWL_POSTGRES_DOUBT;
}

bool pawl_postgres_unwaited(const char *severity, const char *sqlstate, const char *function)
{
    if (severity != NULL && strcmp(severity, "WARNING") != 0) return false;
    if (sqlstate == NULL || strcmp(sqlstate, "01000") != 0) return false;
    /* A trigger that raises a warning of its own is no reason to burn ids. */
    return function == NULL || strcmp(function, "exec_stmt_raise") != 0;
}

bool pawl_postgres_state_find(const char *text, char sqlstate[6])
{
    for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        const char *state = at + strlen(":  ");
        size_t size = 0;

        while (size < SQLSTATE_SIZE && (isupper((unsigned char)state[size]) != 0 ||
                                        isdigit((unsigned char)state[size]) != 0)) {
            size++;
        }
        if (size < SQLSTATE_SIZE || state[size] != ':') continue;
        memcpy(sqlstate, state, SQLSTATE_SIZE);
        sqlstate[SQLSTATE_SIZE] = '\0';
        return true;
    }
    return false;
}

const char *pawl_postgres_one_line(char *to, size_t size, const char *text)
{
    size_t used = 0;

    while (*text != '\0' && used + 1 < size) {
        size_t line = strcspn(text, "\n");

        while (*text == ' ' || *text == '\t') {
            text++;
            line--;
        }
        if (line > 0 && strncmp(text, "LOCATION:", strlen("LOCATION:")) != 0) {
            int written =
                snprintf(to + used, size - used, "%s%.*s", used > 0 ? "; " : "", (int)line, text);

            used += written > 0 ? (size_t)written : 0;
        }
        text += line + (text[line] == '\n');
    }
    if (used == 0 && size > 0) to[0] = '\0';
    return to;
}

void pawl_postgres_story(const PGresult *result, const char *table, pawl_error *error)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const struct pawl_postgres_state *state =
        pawl_postgres_state_at(sqlstate, PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION));
    char line[STORY_BYTES_MAX];

    if (message == NULL) message = PQresultErrorMessage(result);
    (void)pawl_fail(error, state->code, "postgres, table %s: %s (SQLSTATE %s); %s", table,
                    pawl_postgres_one_line(line, sizeof line, message),
                    sqlstate != NULL ? sqlstate : "none", state->advice);
}
