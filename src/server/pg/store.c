/* SPDX-License-Identifier: Apache-2.0 */
/* Prepared statements and portals, by name. */
#include <stdlib.h>

#include "server/pg/session.h"

static bool no_memory(struct pg_session *session)
{
    return sql_fail(&session->error, "53200", 0, "out of memory");
}

static bool name_fits(struct pg_session *session, struct pawl_bytes name)
{
    if (!pg_is_utf8(session, name)) return false;
    if (name.size <= PG_NAME_BYTES_MAX) return true;
    return sql_fail(&session->error, "42622", 0,
                    "names of statements and portals have at most %d bytes", PG_NAME_BYTES_MAX);
}

static bool keep(struct pg_session *session, size_t bytes)
{
    if (bytes > PG_KEPT_BYTES_MAX - session->kept_bytes) {
        return sql_fail(&session->error, "53400", 0,
                        "prepared statements and portals of one session take more than %d bytes",
                        PG_KEPT_BYTES_MAX);
    }
    session->kept_bytes += bytes;
    return true;
}

/* Statements. */

static bool same_statement(const void *item, const void *key)
{
    const struct pg_statement *statement = item;

    return pawl_bytes_equal((struct pawl_bytes){statement->name, statement->name_size},
                            *(const struct pawl_bytes *)key);
}

struct pg_statement *pg_statement_find(struct pg_session *session, struct pawl_bytes name)
{
    struct pg_statement *found = session->unnamed_statement;

    if (name.size > 0) {
        found = table_find(&session->statements, pg_hash(session, name), same_statement, &name);
        if (found != NULL || !pg_is_utf8(session, name)) return found;
        (void)sql_fail(&session->error, "26000", 0, "prepared statement \"%.*s\" does not exist",
                       (int)(name.size > PG_NAME_BYTES_MAX ? PG_NAME_BYTES_MAX : name.size),
                       name.at);
        return NULL;
    }
    if (found == NULL) {
        (void)sql_fail(&session->error, "26000", 0, "unnamed prepared statement does not exist");
    }
    return found;
}

static void statement_free(struct pg_session *session, struct pg_statement *statement)
{
    session->kept_bytes -= statement->batch->bytes;
    sql_batch_release(statement->batch);
    free(statement);
}

void pg_statement_drop(struct pg_session *session, struct pg_statement *statement)
{
    if (statement == session->unnamed_statement) {
        session->unnamed_statement = NULL;
    } else {
        table_remove(&session->statements, statement->hash, statement);
    }
    statement_free(session, statement);
}

void pg_statements_drop(struct pg_session *session)
{
    for (size_t i = 0; i < session->statements.capacity; i++) {
        while (session->statements.slots[i].item != NULL) { /* removal shifts the next one here */
            struct pg_statement *statement = session->statements.slots[i].item;

            table_remove(&session->statements, statement->hash, statement);
            statement_free(session, statement);
        }
    }
}

static bool statement_room(struct pg_session *session, struct pawl_bytes name)
{
    if (!name_fits(session, name)) return false;
    if (name.size == 0) {
        if (session->unnamed_statement != NULL) {
            pg_statement_drop(session, session->unnamed_statement);
        }
        return true;
    }
    if (table_find(&session->statements, pg_hash(session, name), same_statement, &name) != NULL) {
        return sql_fail(&session->error, "42P05", 0, "prepared statement \"%.*s\" already exists",
                        (int)name.size, name.at);
    }
    if (session->statements.count < PG_STATEMENTS_MAX) return true;
    return sql_fail(&session->error, "53400", 0, "more than %d prepared statements in one session",
                    PG_STATEMENTS_MAX);
}

bool pg_statement_add(struct pg_session *session, struct pawl_bytes name, struct sql_batch *batch,
                      const struct sql_plan *plan)
{
    if (!statement_room(session, name) || !keep(session, batch->bytes)) return false;
    struct pg_statement *statement = calloc(1, sizeof *statement + name.size);
    if (statement == NULL) {
        session->kept_bytes -= batch->bytes;
        return no_memory(session);
    }
    statement->hash = pg_hash(session, name);
    statement->plan = plan;
    statement->name_size = (uint8_t)name.size;
    if (name.size > 0) memcpy(statement->name, name.at, name.size);
    if (name.size == 0) {
        session->unnamed_statement = statement;
    } else if (!table_add(&session->statements, statement->hash, statement)) {
        free(statement);
        session->kept_bytes -= batch->bytes;
        return no_memory(session);
    }
    statement->batch = sql_batch_hold(batch);
    return true;
}

/* Portals. */

static bool same_portal(const void *item, const void *key)
{
    const struct pg_portal *portal = item;

    return pawl_bytes_equal((struct pawl_bytes){portal->name, portal->name_size},
                            *(const struct pawl_bytes *)key);
}

struct pg_portal *pg_portal_find(struct pg_session *session, struct pawl_bytes name)
{
    struct pg_portal *found = session->unnamed_portal;

    if (name.size > 0) {
        found = table_find(&session->portals, pg_hash(session, name), same_portal, &name);
    }
    if (found == NULL && pg_is_utf8(session, name)) {
        (void)sql_fail(&session->error, "34000", 0, "portal \"%.*s\" does not exist",
                       (int)(name.size > PG_NAME_BYTES_MAX ? PG_NAME_BYTES_MAX : name.size),
                       name.at);
    }
    return found;
}

bool pg_portal_keeps(struct pg_session *session, struct pg_portal *portal, size_t bytes)
{
    if (!keep(session, bytes)) return false;
    portal->kept_bytes += bytes;
    return true;
}

void pg_portal_done(struct pg_portal *portal)
{
    portal->done = true;
    sql_machine_free(portal->machine);
    portal->machine = NULL;
    sql_scan_free(portal->scan);
    portal->scan = NULL;
}

void pg_portal_free(struct pg_session *session, struct pg_portal *portal)
{
    if (portal == NULL) return;
    session->kept_bytes -= portal->kept_bytes;
    pg_portal_done(portal);
    if (portal->batch != NULL) sql_batch_release(portal->batch);
    if (portal->source != NULL) sql_batch_release(portal->source);
    free(portal->params);
    if (portal->results != &portal->result) free(portal->results);
    if (session->home->portal == NULL && portal->name_size == 0) {
        session->home->portal = portal;
    } else {
        free(portal);
    }
}

/* Memory for one, and for its name: most have none, and come as fast as they go. */
static struct pg_portal *portal_room_take(struct pg_session *session, size_t name_size)
{
    struct pg_portal *portal = session->home->portal;

    if (name_size > 0 || portal == NULL) return calloc(1, sizeof *portal + name_size);
    session->home->portal = NULL;
    *portal = (struct pg_portal){0};
    return portal;
}

/* It is in no table any more. The one that runs ends with its statement. */
static void portal_end(struct pg_session *session, struct pg_portal *portal)
{
    if (portal == session->running) {
        portal->loose = true;
    } else {
        pg_portal_free(session, portal);
    }
}

void pg_portal_drop(struct pg_session *session, struct pg_portal *portal)
{
    if (portal == session->unnamed_portal) {
        session->unnamed_portal = NULL;
    } else {
        table_remove(&session->portals, portal->hash, portal);
    }
    portal_end(session, portal);
}

void pg_portals_drop(struct pg_session *session)
{
    if (session->unnamed_portal != NULL) pg_portal_drop(session, session->unnamed_portal);
    for (size_t i = 0; session->portals.count > 0 && i < session->portals.capacity; i++) {
        while (session->portals.slots[i].item != NULL) {
            struct pg_portal *portal = session->portals.slots[i].item;

            table_remove(&session->portals, portal->hash, portal);
            portal_end(session, portal);
        }
    }
}

static bool portal_room(struct pg_session *session, struct pawl_bytes name)
{
    if (!name_fits(session, name)) return false;
    if (name.size == 0) {
        if (session->unnamed_portal != NULL) pg_portal_drop(session, session->unnamed_portal);
        return true;
    }
    if (table_find(&session->portals, pg_hash(session, name), same_portal, &name) != NULL) {
        return sql_fail(&session->error, "42P03", 0, "cursor \"%.*s\" already exists",
                        (int)name.size, name.at);
    }
    if (session->portals.count < PG_PORTALS_MAX) return true;
    return sql_fail(&session->error, "53400", 0, "more than %d portals in one session",
                    PG_PORTALS_MAX);
}

struct pg_portal *pg_portal_new(struct pg_session *session, const struct pawl_bytes *name,
                                struct sql_batch *batch, const struct sql_plan *plan)
{
    struct pawl_bytes called = name == NULL ? (struct pawl_bytes){NULL, 0} : *name;

    if (name != NULL && !portal_room(session, called)) return NULL;
    struct pg_portal *portal = portal_room_take(session, called.size);
    if (portal == NULL) {
        (void)no_memory(session);
        return NULL;
    }
    portal->plan = plan;
    portal->loose = name == NULL;
    portal->name_size = (uint8_t)called.size;
    if (called.size > 0) memcpy(portal->name, called.at, called.size);
    portal->hash = called.size > 0 ? pg_hash(session, called) : 0;
    if (name != NULL && called.size == 0) {
        session->unnamed_portal = portal;
    } else if (name != NULL && !table_add(&session->portals, portal->hash, portal)) {
        free(portal);
        (void)no_memory(session);
        return NULL;
    }
    portal->batch = sql_batch_hold(batch);
    if (name != NULL && !pg_portal_keeps(session, portal, batch->bytes)) {
        pg_portal_drop(session, portal);
        return NULL;
    }
    return portal;
}
