/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres/conn.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres/state.h"

enum { LINE_MAX_BYTES = 400, NAME_SHOWN_MAX = 200 };

/* A name that is being looked up; outlives a connection that was closed meanwhile. */
struct pawl_postgres_resolve {
    uv_getaddrinfo_t request;
    struct pawl_postgres_conn *conn; /* NULL: nobody waits for it */
    size_t index;                    /* of the host in the URL's list */
    struct pawl_postgres_place place;
    char failure[LINE_MAX_BYTES]; /* of the last host that was not found */
};

static void poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void unwatch(struct pawl_postgres_conn *conn)
{
    if (conn->poll == NULL) return;
    (void)uv_poll_stop(conn->poll);
    uv_close((uv_handle_t *)conn->poll, poll_closed);
    conn->poll = NULL;
}

void pawl_postgres_conn_close(struct pawl_postgres_conn *conn)
{
    if (conn->resolve != NULL) {
        conn->resolve->conn = NULL;
        (void)uv_cancel((uv_req_t *)&conn->resolve->request);
        conn->resolve = NULL;
    }
    unwatch(conn);
    atomic_store(&conn->noted, false);
    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->syncs = 0;
    conn->state = PAWL_POSTGRES_CLOSED;
}

static void fail(struct pawl_postgres_conn *conn, pawl_err code, const char *text)
{
    pawl_error error;

    pawl_postgres_conn_close(conn);
    (void)pawl_fail(&error, code, "%s", text);
    conn->events->failed(conn, &error);
}

/* Whether libpq did not even try. */
static bool is_misused(const char *message)
{
    return strncmp(message, "invalid ", strlen("invalid ")) == 0 ||
           strncmp(message, "could not match ", strlen("could not match ")) == 0;
}

/* libpq's own words of a connection that did not come about. They name host, port and user. */
static void fail_connect(struct pawl_postgres_conn *conn)
{
    char line[LINE_MAX_BYTES];
    char text[sizeof line + 128];
    char sqlstate[6] = "57P03";
    const char *message = conn->pg != NULL ? PQerrorMessage(conn->pg) : "no memory";
    bool told = pawl_postgres_state_find(message, sqlstate);
    const char *refusal = told ? NULL : pawl_postgres_refusal_advice(message);
    const char *advice = told ? pawl_postgres_connect_advice(sqlstate) : refusal;
    pawl_err code = pawl_postgres_state_of(sqlstate)->code;

    (void)pawl_postgres_one_line(line, sizeof line, message);
    (void)snprintf(text, sizeof text, "cannot connect to postgres: %s%s%s", line,
                   advice != NULL ? "; " : "", advice != NULL ? advice : "");
    if (refusal != NULL) code = PAWL_DENIED;
    if (!told && is_misused(line)) code = PAWL_BAD_REQUEST;
    fail(conn, code, text);
}

static void lose(struct pawl_postgres_conn *conn)
{
    char line[LINE_MAX_BYTES];

    (void)pawl_postgres_one_line(line, sizeof line, PQerrorMessage(conn->pg));
    pawl_postgres_conn_close(conn);
    conn->events->lost(conn, line[0] != '\0' ? line : "the connection broke");
}

/*
 * Hands on all results that are whole. Each command gives one result and a NULL after it; a sync
 * gives one without.
 */
static void take_results(struct pawl_postgres_conn *conn)
{
    unsigned nothing = 0;

    while (conn->state == PAWL_POSTGRES_OPEN && conn->syncs > 0 && nothing < 2 &&
           PQisBusy(conn->pg) == 0) {
        PGresult *result = PQgetResult(conn->pg);

        if (result == NULL) {
            nothing++;
            continue;
        }
        nothing = 0;
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            conn->syncs--;
            conn->events->synced(conn);
        } else {
            conn->events->result(conn, result);
        }
        PQclear(result);
    }
}

static void polled(uv_poll_t *poll, int status, int events);

/* Watches the socket, which may be another one than before. */
static bool watch(struct pawl_postgres_conn *conn, int events)
{
    int fd = PQsocket(conn->pg);

    if (fd < 0) return false;
    if (conn->poll != NULL && conn->fd != fd) unwatch(conn);
    if (conn->poll == NULL) {
        uv_poll_t *poll = calloc(1, sizeof *poll);

        if (poll == NULL) return false;
        if (uv_poll_init(conn->loop, poll, fd) != 0) {
            free(poll);
            return false;
        }
        poll->data = conn;
        conn->poll = poll;
        conn->fd = fd;
        atomic_store(&conn->noted, false);
        conn->socket = pawl_descriptor_of(fd);
        atomic_store(&conn->noted, true);
    }
    return uv_poll_start(conn->poll, events, polled) == 0;
}

/* Sends what libpq has buffered, as far as the socket takes it. */
static bool flush(struct pawl_postgres_conn *conn)
{
    int left = PQflush(conn->pg);

    return left >= 0 && watch(conn, UV_READABLE | (left > 0 ? UV_WRITABLE : 0));
}

static void take_notice(void *arg, const PGresult *notice)
{
    struct pawl_postgres_conn *conn = arg;

    if (conn->state == PAWL_POSTGRES_OPEN) conn->events->noticed(conn, notice);
}

static void connected(struct pawl_postgres_conn *conn)
{
    (void)PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
    if (PQsetnonblocking(conn->pg, 1) != 0 || PQenterPipelineMode(conn->pg) != 1 ||
        !watch(conn, UV_READABLE)) {
        fail_connect(conn);
        return;
    }
    conn->state = PAWL_POSTGRES_OPEN;
    conn->events->opened(conn);
}

/* A step may close the socket and open another, even one with the same number: libuv must have let
 * go of it before. */
static void connect_on(struct pawl_postgres_conn *conn)
{
    if (conn->poll != NULL) (void)uv_poll_stop(conn->poll);
    PostgresPollingStatusType status = PQconnectPoll(conn->pg);

    switch (status) {
    case PGRES_POLLING_OK:
        connected(conn);
        return;
    case PGRES_POLLING_READING:
        if (watch(conn, UV_READABLE)) return;
        break;
    case PGRES_POLLING_WRITING:
    case PGRES_POLLING_ACTIVE:
        if (watch(conn, UV_WRITABLE)) return;
        break;
    case PGRES_POLLING_FAILED:
        break;
    }
    fail_connect(conn);
}

static void polled(uv_poll_t *poll, int status, int events)
{
    struct pawl_postgres_conn *conn = poll->data;

    if (conn->state == PAWL_POSTGRES_CONNECTING) {
        connect_on(conn);
        return;
    }
    if (conn->state != PAWL_POSTGRES_OPEN) return;
    bool alive = true;

    if ((events & UV_READABLE) != 0 || status != 0) alive = PQconsumeInput(conn->pg) == 1;
    take_results(conn); /* of a dead connection too: what came before its end counts */
    if (conn->state != PAWL_POSTGRES_OPEN) return;
    if (!alive || PQstatus(conn->pg) == CONNECTION_BAD || !flush(conn)) lose(conn);
}

static void dial(struct pawl_postgres_conn *conn)
{
    struct pawl_postgres_params params;

    conn->state = PAWL_POSTGRES_CONNECTING;
    if (pawl_postgres_params_make(&params, conn->target, conn->places, conn->place_count,
                                  conn->place_first)) {
        conn->pg = PQconnectStartParams(params.keys, params.values, 0);
    }
    pawl_postgres_params_free(&params);
    if (conn->pg == NULL || PQstatus(conn->pg) == CONNECTION_BAD) {
        fail_connect(conn);
        return;
    }
    /* So that an error says its SQLSTATE: libpq has no other way for a connection's. */
    (void)PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE);
    (void)PQsetNoticeReceiver(conn->pg, take_notice, conn); /* libpq's own prints */
    if (!watch(conn, UV_WRITABLE)) fail_connect(conn);
}

static void resolve_next(struct pawl_postgres_conn *conn);

static void add_place(struct pawl_postgres_conn *conn, const char *address)
{
    struct pawl_postgres_place *place = &conn->places[conn->place_count];

    if (conn->place_count == PAWL_POSTGRES_PLACES_MAX) return;
    *place = conn->resolve->place;
    (void)snprintf(place->address, sizeof place->address, "%.*s", (int)sizeof place->address - 1,
                   address);
    conn->place_count++;
}

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct pawl_postgres_resolve *resolve =
        PAWL_OWNER(request, struct pawl_postgres_resolve, request);
    struct pawl_postgres_conn *conn = resolve->conn;
    char address[64];

    if (conn == NULL) {
        uv_freeaddrinfo(found);
        free(resolve);
        return;
    }
    if (status != 0) {
        (void)snprintf(resolve->failure, sizeof resolve->failure,
                       "cannot connect to postgres: no address of host %.*s is found: %s",
                       NAME_SHOWN_MAX, resolve->place.host, uv_strerror(status));
    }
    for (const struct addrinfo *one = status == 0 ? found : NULL; one != NULL; one = one->ai_next) {
        if (getnameinfo(one->ai_addr, one->ai_addrlen, address, sizeof address, NULL, 0,
                        NI_NUMERICHOST) == 0) {
            add_place(conn, address);
        }
    }
    uv_freeaddrinfo(found);
    resolve_next(conn);
}

static bool is_numeric(const char *host)
{
    char bytes[16];

    return uv_inet_pton(AF_INET, host, bytes) == 0 || uv_inet_pton(AF_INET6, host, bytes) == 0;
}

/* The next host of the list that needs no resolving is a place at once. false: the list is over. */
static bool next_host(struct pawl_postgres_conn *conn)
{
    struct pawl_postgres_resolve *resolve = conn->resolve;
    struct pawl_postgres_place *place = &resolve->place;
    const char *hosts = pawl_postgres_target_value(conn->target, "host");
    const char *ports = pawl_postgres_target_value(conn->target, "port");

    while (pawl_postgres_list_item(hosts, resolve->index, place->host, sizeof place->host)) {
        place->port[0] = '\0';
        if (ports != NULL &&
            !pawl_postgres_list_item(ports, resolve->index, place->port, sizeof place->port)) {
            (void)pawl_postgres_list_item(ports, 0, place->port, sizeof place->port);
        }
        resolve->index++;
        if (place->host[0] == '\0' || place->host[0] == '/' || place->host[0] == '@') {
            add_place(conn, "");
        } else if (is_numeric(place->host)) {
            add_place(conn, place->host);
        } else {
            return true;
        }
    }
    return false;
}

static void resolve_next(struct pawl_postgres_conn *conn)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct pawl_postgres_resolve *resolve = conn->resolve;

    while (next_host(conn)) {
        if (uv_getaddrinfo(conn->loop, &resolve->request, resolved, resolve->place.host, NULL,
                           &hints) == 0) {
            return;
        }
        (void)snprintf(resolve->failure, sizeof resolve->failure,
                       "cannot connect to postgres: host %.*s cannot be looked up", NAME_SHOWN_MAX,
                       resolve->place.host);
    }
    char failure[LINE_MAX_BYTES];

    memcpy(failure, resolve->failure, sizeof failure);
    conn->resolve = NULL;
    free(resolve);
    if (conn->place_count > 0) {
        dial(conn);
    } else {
        fail(conn, PAWL_STORE, failure);
    }
}

void pawl_postgres_conn_rotate(struct pawl_postgres_conn *conn)
{
    conn->place_first++;
}

void pawl_postgres_conn_open(struct pawl_postgres_conn *conn)
{
    PAWL_ASSERT(conn->state == PAWL_POSTGRES_CLOSED);
    conn->place_count = 0;
    /* Who gives addresses knows them; who gives neither is left to the environment. */
    if (pawl_postgres_target_value(conn->target, "host") == NULL ||
        pawl_postgres_target_value(conn->target, "hostaddr") != NULL) {
        dial(conn);
        return;
    }
    conn->state = PAWL_POSTGRES_RESOLVING;
    conn->resolve = calloc(1, sizeof *conn->resolve);
    if (conn->resolve == NULL) {
        fail(conn, PAWL_NO_MEMORY, "no memory to connect to postgres");
        return;
    }
    conn->resolve->conn = conn;
    resolve_next(conn);
}

bool pawl_postgres_conn_send(struct pawl_postgres_conn *conn,
                             const struct pawl_postgres_command *command)
{
    PAWL_ASSERT(conn->state == PAWL_POSTGRES_OPEN);
    if (command->prepared) {
        return PQsendQueryPrepared(conn->pg, command->text, command->count, command->values, NULL,
                                   NULL, 0) == 1;
    }
    return PQsendQueryParams(conn->pg, command->text, command->count, NULL, command->values, NULL,
                             NULL, 0) == 1;
}

bool pawl_postgres_conn_prepare(struct pawl_postgres_conn *conn, const char *name, const char *text)
{
    PAWL_ASSERT(conn->state == PAWL_POSTGRES_OPEN);
    return PQsendPrepare(conn->pg, name, text, 0, NULL) == 1;
}

bool pawl_postgres_conn_sync(struct pawl_postgres_conn *conn)
{
    PAWL_ASSERT(conn->state == PAWL_POSTGRES_OPEN);
    if (PQpipelineSync(conn->pg) != 1) return false;
    conn->syncs++;
    return flush(conn);
}

void pawl_postgres_conn_forked(struct pawl_postgres_conn *conn)
{
    if (atomic_exchange(&conn->noted, false)) pawl_descriptor_close(conn->socket);
}
