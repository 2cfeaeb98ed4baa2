/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a sequence moves to another store: it leaves here, then arrives there. Whoever moves it may
 * die, be slow or be two at any moment between, so all rests on what the two records say:
 *
 *   - A sequence that has left stays left: nothing is given here, nor created under its name. Its
 *     tombstone says where it goes, so that it can arrive nowhere else.
 *   - It leaves in an epoch beyond that of whatever bears its name there, and arrives in one beyond
 *     both. So an older epoch that wants to arrive has been there before, or comes too late.
 */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "range/apply_own.h"

bool pawl_record_has_left(const struct pawl_record *record)
{
    return record->epoch != 0 && record->dropped && record->moved_to.size > 0 &&
           pawl_bytes_equal(pawl_name_bytes(&record->moved_to), pawl_name_bytes(&record->name));
}

/* Without the mark of the whole URL that stands behind what people read. */
static struct pawl_bytes destination(const struct pawl_record *record)
{
    struct pawl_bytes whole = {record->branch, record->branch_size};

    for (size_t size = whole.size; size > 0; size--) {
        if (whole.at[size - 1] == '#') return (struct pawl_bytes){whole.at, size - 1};
    }
    return whole;
}

bool pawl_record_fail_left(const struct pawl_record *record, struct pawl_ask *ask)
{
    struct pawl_bytes to = destination(record);

    if (ask->kind == PAWL_ASK_CREATE) {
        (void)pawl_fail(&ask->error, PAWL_DENIED,
                        "sequence \"%.*s\" " PAWL_LEFT_WORDS " (%.*s): use it there; to begin "
                        "another one of its name here, first drop what is left of it (pawl drop "
                        "--force), and mind that ids before %" PRId64 " were given, and those from "
                        "there on are given there",
                        NAME(record), (int)to.size, to.at, record->next);
    } else {
        (void)pawl_fail(&ask->error, PAWL_NO_SEQUENCE,
                        "sequence \"%.*s\" " PAWL_LEFT_WORDS " (%.*s): use it there; its next id "
                        "was %" PRId64,
                        NAME(record), (int)to.size, to.at, record->next);
    }
    return false;
}

/* The mark of the whole URL, or all where there is none. */
static struct pawl_bytes mark_of(const struct pawl_record *record)
{
    struct pawl_bytes whole = {record->branch, record->branch_size};
    size_t shown = destination(record).size;

    if (whole.size - shown != PAWL_LEFT_MARK_BYTES) return whole;
    return (struct pawl_bytes){whole.at + shown, PAWL_LEFT_MARK_BYTES};
}

bool pawl_record_leaves_for_same(const struct pawl_record *a, const struct pawl_record *b)
{
    return pawl_bytes_equal(mark_of(a), mark_of(b));
}

bool pawl_record_leave(struct pawl_record *record, struct pawl_ask *ask,
                       const struct pawl_moment *moment)
{
    PAWL_ASSERT(ask->record != NULL);
    struct pawl_record next = *record;
    struct pawl_bytes to = destination(record);

    if (record->epoch == 0) {
        (void)pawl_fail(&ask->error, PAWL_NO_SEQUENCE, "relation \"%.*s\" does not exist",
                        NAME(record));
        return false;
    }
    if (pawl_record_has_left(record) && !pawl_record_leaves_for_same(record, ask->record)) {
        (void)pawl_fail(&ask->error, PAWL_DENIED,
                        "sequence \"%.*s\" has left for %.*s: only a copy to that same URL can "
                        "go on",
                        NAME(record), (int)to.size, to.at);
        return false;
    }
    if (record->dropped) { /* it has left already, or there is nothing that could leave */
        *ask->record = *record;
        return false;
    }
    if (!pawl_record_heed_branch(record, &next, ask, moment)) return false;
    if (draw_epoch(&next, ask->line, moment, &ask->error) != PAWL_OK) return false;
    next.dropped = true;
    next.moved_to = next.name;
    next.branch_size = ask->record->branch_size;
    memcpy(next.branch, ask->record->branch, sizeof next.branch);
    return commit_change(record, &next, ask, moment);
}

bool pawl_record_forget_left(struct pawl_record *record, struct pawl_ask *ask,
                             const struct pawl_moment *moment)
{
    struct pawl_record next = *record;
    struct pawl_bytes to = destination(record);

    /* Who tidies up would let --auto-create begin it anew, for a client that still asks here. */
    if (!ask->force) {
        (void)pawl_fail(&ask->error, PAWL_DENIED,
                        "sequence \"%.*s\" " PAWL_LEFT_WORDS " (%.*s) and goes on there: what is "
                        "left of it keeps others from beginning it anew here, with ids that come "
                        "twice; if that is meant, drop it with force (pawl drop --force)",
                        NAME(record), (int)to.size, to.at);
        return false;
    }
    if (draw_epoch(&next, 0, moment, &ask->error) != PAWL_OK) return false;
    next.moved_to.size = 0;
    next.branch_size = 0;
    return commit_change(record, &next, ask, moment);
}

bool pawl_record_is_further(const struct pawl_record *a, const struct pawl_record *b)
{
    int order = pawl_mark_order((struct pawl_mark){a->line, a->lap, a->next},
                                (struct pawl_mark){b->line, b->lap, b->next}, b->increment);

    return order > 0 || (order == 0 && a->ended && !b->ended);
}

void pawl_record_take_place(struct pawl_record *record, const struct pawl_record *from)
{
    record->lap = from->lap;
    record->next = from->next;
    record->origin = from->origin;
    record->ended = from->ended;
}

/* What came, and whether what is there was written. Unlike others' its record is what is asked. */
static bool arrived(struct pawl_record *record, struct pawl_record *next, struct pawl_ask *ask,
                    const struct pawl_moment *moment)
{
    struct pawl_record *came = ask->record;

    if (next != NULL) {
        if (draw_epoch(next, came->epoch, moment, &ask->error) != PAWL_OK) return false;
        ask->record = NULL;
        (void)commit_change(record, next, ask, moment);
        ask->record = came;
    }
    if (exists(record)) {
        ask->grant = (struct pawl_grant){
            .epoch = record->epoch,
            .line = record->line,
            .lap = record->lap,
            .lease = record->tag,
            .range.increment = record->increment,
        };
    }
    return next != NULL;
}

/* A tombstone or nothing stands where it wants to arrive, and it is newer. */
static bool arrive_newly(struct pawl_record *record, struct pawl_ask *ask,
                         const struct pawl_moment *moment)
{
    const struct pawl_record *came = ask->record;
    struct pawl_record next = *came;

    next.dropped = !pawl_record_has_left(came);
    next.moved_to.size = 0;
    next.branch_size = 0;
    if (!next.dropped) pawl_record_adopt_branch(&next, moment);
    next.epoch = record->epoch;
    next.version = record->version;
    if (record->line == came->line && pawl_record_is_further(record, came)) {
        pawl_record_take_place(&next, record);
    }
    return arrived(record, &next, ask, moment);
}

/* The same line is in use there. If more was given where it came from, that store went back. */
static bool arrive_again(struct pawl_record *record, struct pawl_ask *ask,
                         const struct pawl_moment *moment)
{
    struct pawl_record next = *record;
    char name[PAWL_LOG_NAME_BYTES];

    if (!pawl_record_has_left(ask->record) || !pawl_record_is_further(ask->record, record)) {
        return arrived(record, NULL, ask, moment);
    }
    pawl_log(PAWL_LOG_WARN, "a sequence was used where it had left: ids may have been given twice",
             "seq=%s", pawl_log_quote(name, sizeof name, pawl_name_bytes(&record->name)));
    pawl_record_take_place(&next, ask->record);
    return arrived(record, &next, ask, moment);
}

static bool fail_taken(const struct pawl_record *record, struct pawl_ask *ask, const char *what)
{
    (void)pawl_fail(&ask->error, PAWL_EXISTS,
                    "\"%.*s\" cannot arrive: %s. If it came before and was begun anew since, drop "
                    "what is left of it where it came from (pawl drop --force); otherwise drop "
                    "the other one, or create it by hand beyond its last id",
                    NAME(record), what);
    return false;
}

bool pawl_record_arrive(struct pawl_record *record, struct pawl_ask *ask,
                        const struct pawl_moment *moment)
{
    const struct pawl_record *came = ask->record;

    PAWL_ASSERT(came != NULL);
    if (!came->dropped || came->epoch == 0 || came->line == 0 ||
        !pawl_bytes_equal(pawl_name_bytes(&came->name), pawl_name_bytes(&record->name))) {
        (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST,
                        "\"%.*s\" cannot arrive: it has not left where it was", NAME(record));
        return false;
    }
    bool same_line = record->line == came->line;
    bool alive = pawl_record_has_left(came);
    /* The very record that left, under another URL of its own store: it comes back. */
    bool itself = pawl_record_has_left(record) && record->epoch == came->epoch && same_line;

    if (record->epoch == 0) return arrive_newly(record, ask, moment);
    if (exists(record)) {
        if (same_line) return arrive_again(record, ask, moment);
        if (!alive) return arrived(record, NULL, ask, moment);
        return fail_taken(record, ask, "another sequence of its name is there");
    }
    if (came->epoch > record->epoch || itself) {
        if (!same_line && pawl_record_has_left(record)) {
            return fail_taken(record, ask, "another sequence of its name has left from there");
        }
        return arrive_newly(record, ask, moment);
    }
    if (same_line || !alive) return arrived(record, NULL, ask, moment);
    return fail_taken(record, ask, "another sequence of its name was dropped there meanwhile");
}
