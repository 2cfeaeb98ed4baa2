/* SPDX-License-Identifier: Apache-2.0 */
/* currval and lastval: the last id of each sequence in this session. */
#include <stdlib.h>

#include "server/gone.h"
#include "server/pg/session.h"

static struct pawl_bytes name_of(const struct pg_last_id *last)
{
    return (struct pawl_bytes){last->name, last->name_size};
}

static bool same_name(const void *item, const void *key)
{
    return pawl_bytes_equal(name_of(item), *(const struct pawl_bytes *)key);
}

static struct pg_last_id *find(const struct pg_session *session, struct pawl_bytes store)
{
    return table_find(&session->last_ids, pg_hash(session, store), same_name, &store);
}

/* The line of those that are kept, the least recently used one first. */

static void leave(struct pg_session *session, const struct pg_last_id *last)
{
    *(last->previous == NULL ? &session->last_first : &last->previous->next) = last->next;
    *(last->next == NULL ? &session->last_last : &last->next->previous) = last->previous;
}

static void enter(struct pg_session *session, struct pg_last_id *last)
{
    last->next = NULL;
    last->previous = session->last_last;
    *(session->last_last == NULL ? &session->last_first : &session->last_last->next) = last;
    session->last_last = last;
}

static void used(struct pg_session *session, struct pg_last_id *last)
{
    if (last == session->last_last) return;
    leave(session, last);
    enter(session, last);
}

static void drop(struct pg_session *session, struct pg_last_id *last)
{
    table_remove(&session->last_ids, last->hash, last);
    leave(session, last);
    if (session->last == last) session->last = NULL;
    free(last);
}

static void drop_all(struct pg_session *session)
{
    while (session->last_first != NULL) {
        drop(session, session->last_first);
    }
}

static struct pg_last_id *add(struct pg_session *session, struct pawl_bytes store)
{
    if (session->last_ids.count == PG_LAST_IDS_MAX) drop(session, session->last_first);
    struct pg_last_id *last = calloc(1, sizeof *last + store.size);
    if (last == NULL) return NULL;
    last->hash = pg_hash(session, store);
    last->name_size = (uint8_t)store.size;
    memcpy(last->name, store.at, store.size);
    if (!table_add(&session->last_ids, last->hash, last)) {
        free(last);
        return NULL;
    }
    enter(session, last);
    return last;
}

/* What was dropped and renamed since, by whomever. */

static void gone(struct pg_session *session, const struct gone_name *name)
{
    struct pawl_bytes to = pawl_name_bytes(&name->to);
    struct pg_last_id *old = find(session, to); /* of one that had that name before */
    struct pg_last_id *last = find(session, pawl_name_bytes(&name->from));

    if (to.size > 0 && old != NULL) drop(session, old);
    if (last == NULL) return;
    int64_t id = last->id;
    bool was_last = session->last == last;
    drop(session, last);
    last = to.size > 0 ? add(session, to) : NULL; /* no memory: it is forgotten */
    if (last == NULL) return;
    last->id = id;
    if (was_last) session->last = last;
}

static void catch_up(struct pg_session *session)
{
    struct gone *all = session->conn->desk->settings.gone;
    struct gone_name name;
    enum gone_found found = GONE_NOTHING;

    do {
        found = gone_next(all, &session->gone_seen, &name);
        if (found == GONE_ONE) gone(session, &name);
        if (found == GONE_OVERRUN) drop_all(session);
    } while (found != GONE_NOTHING);
}

static inline void look_up_gone(struct pg_session *session)
{
    if (gone_count(session->conn->desk->settings.gone) != session->gone_seen) catch_up(session);
}

/* What the rest of the session asks. */

void pg_last_begin(struct pg_session *session)
{
    session->gone_seen = gone_count(session->conn->desk->settings.gone);
}

struct pg_last_id *pg_last_find(struct pg_session *session, struct pawl_bytes store)
{
    look_up_gone(session);
    struct pg_last_id *last = find(session, store);
    if (last != NULL) used(session, last);
    return last;
}

struct pg_last_id *pg_last_of_all(struct pg_session *session)
{
    look_up_gone(session);
    return session->last;
}

bool pg_last_set(struct pg_session *session, struct pawl_bytes store, int64_t id, bool lastval)
{
    look_up_gone(session);
    struct pg_last_id *last = session->last;
    if (last == NULL || !pawl_bytes_equal(name_of(last), store)) {
        last = find(session, store);
        if (last == NULL) last = add(session, store);
        if (last == NULL) return sql_fail(&session->error, "53200", 0, "out of memory");
        used(session, last);
    }
    last->id = id;
    if (lastval) session->last = last;
    return true;
}

void pg_last_forget_all(struct pg_session *session)
{
    drop_all(session);
    table_free(&session->last_ids);
}
