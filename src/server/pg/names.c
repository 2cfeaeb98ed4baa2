/* SPDX-License-Identifier: Apache-2.0 */
/* Names in SQL and names in the store, by way of search_path. */
#include "server/pg/session.h"

static const char public_schema[] = "public";

static const char *path_at(const struct pg_session *session, size_t index)
{
    const char *at = session->settings.path;

    if (at == NULL) return public_schema;
    while (index-- > 0) {
        at += strlen(at) + 1;
    }
    return at;
}

/* Schemas that hold no sequences, or not under this name. */
static bool is_passed_over(const char *schema)
{
    return strcmp(schema, "$user") == 0 || strncmp(schema, "pg_", 3) == 0 ||
           strcmp(schema, "information_schema") == 0;
}

static bool to_store(struct pg_session *session, const struct sql_name *name, const char *schema,
                     struct pawl_name *store)
{
    struct sql_name whole = *name;

    whole.schema = pg_text(schema);
    if (strcmp(schema, public_schema) == 0 && name->relation.size <= PAWL_NAME_BYTES_MAX &&
        memchr(name->relation.at, '.', name->relation.size) == NULL) {
        store->size = (uint8_t)name->relation.size; /* as most names are */
        memcpy(store->at, name->relation.at, name->relation.size);
        return true;
    }
    return sql_name_to_store(&whole, store, &session->error);
}

static bool is_here(struct pg_session *session, const struct sql_name *name)
{
    if (name->database.size == 0) return true;
    if (pawl_bytes_equal(name->database, pg_text(session->database))) return true;
    return sql_fail(&session->error, "0A000", name->position,
                    "cross-database references are not implemented: \"%.*s.%.*s.%.*s\"",
                    (int)name->database.size, name->database.at, (int)name->schema.size,
                    name->schema.at, (int)name->relation.size, name->relation.at);
}

static bool search_remembered(struct pg_session *session)
{
    const struct pg_resolved *resolved = &session->resolved;

    if (resolved->relation.size == 0 || resolved->until_ns <= session->conn->desk->now_ns ||
        !pawl_bytes_equal(pawl_name_bytes(&resolved->relation), session->search.name.relation)) {
        return false;
    }
    session->search.store = resolved->store;
    session->search.at = session->search.count; /* no other is tried */
    return true;
}

bool pg_search_next(struct pg_session *session)
{
    struct pg_search *search = &session->search;

    while (search->at < search->count) {
        const char *schema = path_at(session, search->at++);

        if (is_passed_over(schema)) continue;
        if (!to_store(session, &search->name, schema, &search->store)) return false;
        /* As PostgreSQL passes over schemas that a user has no rights on. */
        if (search->at == search->count ||
            pg_may(session, pawl_name_bytes(&search->store), "USAGE")) {
            return true;
        }
    }
    (void)pg_no_relation(session, &search->name, "relation");
    return false;
}

bool pg_search_begin(struct pg_session *session, const struct sql_name *name)
{
    struct pg_search *search = &session->search;

    search->name = *name;
    search->at = 0;
    search->no_schema = false;
    search->count = 0;
    if (!is_here(session, name)) return false;
    if (name->schema.size > 0) return sql_name_to_store(name, &search->store, &session->error);
    search->count = session->settings.path == NULL ? 1 : session->settings.path_count;
    return (search->count > 1 && search_remembered(session)) || pg_search_next(session);
}

bool pg_search_target(struct pg_session *session, const struct sql_name *name,
                      struct pawl_name *store)
{
    size_t count = session->settings.path == NULL ? 1 : session->settings.path_count;

    if (!is_here(session, name)) return false;
    if (name->schema.size > 0) return sql_name_to_store(name, store, &session->error);
    for (size_t i = 0; i < count; i++) {
        const char *schema = path_at(session, i);

        if (!is_passed_over(schema)) return to_store(session, name, schema, store);
    }
    return sql_fail(&session->error, "3F000", 0, "no schema has been selected to create in");
}

bool pg_no_relation(struct pg_session *session, const struct sql_name *name, const char *what)
{
    bool qualified = name->schema.size > 0 && strcmp(what, "relation") == 0;

    if (session->search.no_schema && name->schema.size > 0) {
        return sql_fail(&session->error, "3F000", name->position, "schema \"%.*s\" does not exist",
                        (int)name->schema.size, name->schema.at);
    }
    (void)sql_fail(&session->error, "42P01", name->position, "%s \"%.*s%s%.*s\" does not exist",
                   what, qualified ? (int)name->schema.size : 0, name->schema.at,
                   qualified ? "." : "", (int)name->relation.size, name->relation.at);
    return false;
}

void pg_search_found(struct pg_session *session)
{
    struct pg_search *search = &session->search;
    struct pg_resolved *resolved = &session->resolved;

    if (search->count < 2 || search->name.relation.size > PAWL_NAME_BYTES_MAX) return;
    resolved->relation.size = (uint8_t)search->name.relation.size;
    memcpy(resolved->relation.at, search->name.relation.at, search->name.relation.size);
    resolved->store = search->store;
    resolved->until_ns = session->conn->desk->now_ns + PG_RESOLVED_MS * PAWL_NS_PER_MS;
}

void pg_search_forget(struct pg_session *session)
{
    session->resolved.relation.size = 0;
}

struct pawl_bytes pg_shown(struct pawl_bytes store)
{
    return sql_name_of_store(store).relation;
}

bool pg_may(struct pg_session *session, struct pawl_bytes store, const char *privilege)
{
    enum user_role role = strcmp(privilege, "UPDATE") == 0 ? USER_DEFINE : USER_TAKE;

    return conn_may(session->conn, role, store);
}

bool pg_may_use(struct pg_session *session, const char *privilege)
{
    struct pawl_bytes store = pawl_name_bytes(&session->search.store);
    struct pawl_bytes shown = pg_shown(store);

    if (pg_may(session, store, privilege)) return true;
    return sql_fail(&session->error, "42501", 0, "permission denied for sequence %.*s",
                    (int)shown.size, shown.at);
}

static bool is_in_path(const struct pg_session *session, struct pawl_bytes schema)
{
    size_t count = session->settings.path == NULL ? 1 : session->settings.path_count;

    for (size_t i = 0; i < count; i++) {
        if (pawl_bytes_equal(pg_text(path_at(session, i)), schema)) return true;
    }
    return false;
}

size_t pg_class_shown(const struct pg_session *session, char to[PG_CLASS_BYTES_MAX])
{
    struct sql_name name = sql_name_of_store(pawl_name_bytes(&session->search.store));
    char *at = to;

    if (!is_in_path(session, name.schema)) {
        at += sql_put_name(at, name.schema);
        *at++ = '.';
    }
    return (size_t)(at - to) + sql_put_name(at, name.relation);
}

/* One without a schema is in the first of search_path that has it: its oid tells. */
bool pg_class_store(const struct pg_session *session, const struct sql_name *name, uint32_t class,
                    struct pawl_name *store, struct sql_error *error)
{
    struct sql_name whole = *name;
    size_t count = session->settings.path == NULL ? 1 : session->settings.path_count;

    for (size_t i = 0; name->schema.size == 0 && i < count; i++) {
        if (is_passed_over(path_at(session, i))) continue;
        whole.schema = pg_text(path_at(session, i));
        if (!sql_name_to_store(&whole, store, error)) return false;
        if (sql_class_oid(pawl_name_bytes(store)) == class) return true;
    }
    if (whole.schema.size == 0) whole.schema = pg_text(public_schema);
    return sql_name_to_store(&whole, store, error);
}
