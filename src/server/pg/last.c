/* SPDX-License-Identifier: Apache-2.0 */
/* currval and lastval: the last id of each sequence in this session. */
#include <stdlib.h>

#include "server/pg/session.h"

static struct pawl_bytes name_of(const struct pg_last_id *last)
{
    return (struct pawl_bytes){last->name, last->name_size};
}

static bool same_name(const void *item, const void *key)
{
    return pawl_bytes_equal(name_of(item), *(const struct pawl_bytes *)key);
}

struct pg_last_id *pg_last_find(struct pg_session *session, struct pawl_bytes store)
{
    return table_find(&session->last_ids, pg_hash(session, store), same_name, &store);
}

static void drop(struct pg_session *session, struct pg_last_id *last)
{
    table_remove(&session->last_ids, last->hash, last);
    *(last->previous == NULL ? &session->last_first : &last->previous->next) = last->next;
    *(last->next == NULL ? &session->last_last : &last->next->previous) = last->previous;
    if (session->last == last) session->last = NULL;
    free(last);
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
    last->previous = session->last_last;
    *(session->last_last == NULL ? &session->last_first : &session->last_last->next) = last;
    session->last_last = last;
    return last;
}

bool pg_last_set(struct pg_session *session, struct pawl_bytes store, int64_t id, bool lastval)
{
    struct pg_last_id *last = session->last;

    if (last == NULL || !pawl_bytes_equal(name_of(last), store)) {
        last = pg_last_find(session, store);
        if (last == NULL) last = add(session, store);
        if (last == NULL) return sql_fail(&session->error, "53200", 0, "out of memory");
    }
    last->id = id;
    if (lastval) session->last = last;
    return true;
}

void pg_last_forget(struct pg_session *session, struct pawl_bytes store)
{
    struct pg_last_id *last = pg_last_find(session, store);

    if (last != NULL) drop(session, last);
}

void pg_last_rename(struct pg_session *session, struct pawl_bytes from, struct pawl_bytes to)
{
    struct pg_last_id *last = pg_last_find(session, from);
    bool was_last = last != NULL && session->last == last;

    if (last == NULL) return;
    int64_t id = last->id;
    drop(session, last);
    (void)pg_last_set(session, to, id, was_last);
}

void pg_last_forget_all(struct pg_session *session)
{
    while (session->last_first != NULL) {
        drop(session, session->last_first);
    }
    table_free(&session->last_ids);
}
