/* SPDX-License-Identifier: Apache-2.0 */
/* What a guard's environment takes over of another one. */
#include "store/guard_env.h"
#include "store/guard_text.h"

/* Of two lines only numbers can be compared, and those of the first lap alone. */
static bool have_numbers(const struct pawl_seen *seen, const struct pawl_seen *other)
{
    if (seen->mark.lap != 0 || other->mark.lap != 0) return false;
    return pawl_guard_direction(other) == pawl_guard_direction(seen);
}

/* Whether other lies beyond what this store has given. */
static bool is_further(const struct pawl_seen *seen, const struct pawl_seen *other)
{
    int64_t direction = pawl_guard_direction(other);

    if (seen->mark.line == other->mark.line) {
        return pawl_mark_order(other->mark, seen->mark, direction) > 0;
    }
    if (!have_numbers(seen, other)) return false;
    return direction > 0 ? other->mark.id > seen->mark.id : other->mark.id < seen->mark.id;
}

/* What this one has given itself stays, beyond what the other gave. */
static void go_beyond(struct pawl_seen *seen, const struct pawl_seen *other)
{
    seen->mark.lap = other->mark.lap;
    seen->mark.id = other->mark.id;
    seen->run_before = seen->mark; /* none of that is given back here */
    seen->run_first = seen->mark.id;
    seen->turned = false;
}

/*
 * Two before this one, one after the other, gave ids under the name, and this one did not: of which
 * of the two it may be a copy nobody knows. So the further number counts, whatever its line is.
 */
static bool take_over_both(struct pawl_seen *seen, const struct pawl_seen *other)
{
    bool further = is_further(seen, other);
    bool later = other->mark.line > seen->mark.line;

    if (seen->any_line && !further && !later) return false;
    if (further) go_beyond(seen, other);
    if (later) seen->mark.line = seen->run_before.line = other->mark.line;
    seen->any_line = true;
    return true;
}

/*
 * Of a store that was exchanged. What this one has given itself stays; but if the other went
 * further under the same name, this one goes on beyond that: often one is a copy, of which a fence
 * or a restore has made another line. What it gave before that is told anew. false: nothing
 * changes.
 */
static bool take_over(struct pawl_seen *seen, const struct pawl_seen *other)
{
    bool same_line = seen->mark.line == other->mark.line;

    if (other->mark.line == 0) return false;
    if (seen->mark.line == 0 || seen->former) {
        bool both = seen->mark.line != 0 && (!same_line || seen->any_line || other->any_line);

        if (both && have_numbers(seen, other)) return take_over_both(seen, other);
        if (same_line && !is_further(seen, other)) return false;
        *seen = *other;
        seen->former = true;
        return true;
    }
    if (!is_further(seen, other)) return false;
    go_beyond(seen, other);
    return true;
}

static bool merge(struct pawl_seen *seen, const struct pawl_seen *other)
{
    bool further = seen->mark.line == 0 ||
                   pawl_mark_order(other->mark, seen->mark, pawl_guard_direction(other)) > 0;

    if (further) *seen = *other;
    return further;
}

/* One that was seen there, into to. 0, or what LMDB says. */
static int copy_one(struct pawl_guard_env *to, MDB_val k, const struct pawl_seen *seen, bool former)
{
    struct pawl_bytes name = {k.mv_data, k.mv_size};
    struct pawl_seen own = {.dropped_s = 0};
    MDB_val known;

    if (mdb_get(to->txn, to->seen, &k, &known) != 0 ||
        !pawl_seen_read(&own, name, (struct pawl_bytes){known.mv_data, known.mv_size})) {
        own = (struct pawl_seen){.dropped_s = 0};
    }
    bool changes = former ? take_over(&own, seen) : merge(&own, seen);

    return changes ? pawl_guard_env_put(to, name, &own) : 0;
}

/* Puts all that is seen in from into to, where a transaction is under way. */
static int copy_seen(struct pawl_guard_env *to, struct pawl_guard_env *from, bool former)
{
    MDB_cursor *cursor = NULL;
    MDB_val k;
    MDB_val v;
    int rc = mdb_txn_begin(from->env, NULL, MDB_RDONLY, &from->txn);

    if (rc != 0) return rc;
    rc = mdb_cursor_open(from->txn, from->seen, &cursor);
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        struct pawl_bytes name = {k.mv_data, k.mv_size};
        struct pawl_seen seen;
        bool whole = pawl_seen_read(&seen, name, (struct pawl_bytes){v.mv_data, v.mv_size});

        rc = whole ? copy_one(to, k, &seen, former) : MDB_CORRUPTED;
    }
    mdb_cursor_close(cursor); /* what only reads does not free it; NULL: nothing */
    mdb_txn_abort(from->txn);
    from->txn = NULL;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int pawl_guard_env_merge(struct pawl_guard_env *env, struct pawl_guard_env *other,
                         const struct pawl_book_head *head)
{
    int rc = pawl_guard_env_begin(env);

    if (rc == 0) rc = copy_seen(env, other, false);
    return pawl_guard_env_end(env, head, rc);
}

int pawl_guard_env_inherit(struct pawl_guard_env *env, struct pawl_guard_env *former,
                           const struct pawl_book_head *head)
{
    int rc = pawl_guard_env_begin(env);

    if (rc == 0) rc = copy_seen(env, former, true);
    return pawl_guard_env_end(env, head, rc);
}
