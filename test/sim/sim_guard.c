/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim_node.h"
#include "store/tag.h"

enum {
    GUARDED_PERCENT = 60,
    LOST_PERCENT = 10,
    LEARNS_PERCENT = 15,
    ROOM_LEAST = 200000, /* ids that luck has to choose from, for two moves to be compared */
};

/* Its book. */

static struct sim_guard *guard_of(struct pawl_book *book)
{
    return PAWL_OWNER(book, struct sim_guard, book);
}

static struct sim_node *node_of(struct sim_guard *guard)
{
    return PAWL_OWNER(guard, struct sim_node, guard);
}

static pawl_err book_open(struct pawl_book *book, const struct pawl_identity *store,
                          struct pawl_book_head *head, pawl_error *error)
{
    struct sim_guard *guard = guard_of(book);

    (void)store;
    (void)error;
    if (!guard->begun) {
        guard->head = (struct pawl_book_head){.began_s = sim_store_wall_s(node_of(guard)->sim)};
    }
    guard->head.fresh = !guard->begun;
    guard->begun = true;
    *head = guard->head;
    return PAWL_OK;
}

static pawl_err book_get(struct pawl_book *book, struct pawl_bytes name, struct pawl_seen *seen,
                         pawl_error *error)
{
    struct sim_guard *guard = guard_of(book);
    int seq = sim_seq_find(node_of(guard)->sim, name);

    (void)error;
    *seen = (struct pawl_seen){.dropped_s = 0};
    if (seq >= 0) *seen = guard->seen[seq];
    return PAWL_OK;
}

/* A store that keeps a tag is never followed into one that comes before what was known of it. */
static void check_branch(const struct sim_node *node, const struct pawl_branch *now)
{
    const struct pawl_branch *was = &node->guard.head.branch;
    struct pawl_tag was_tag;
    struct pawl_tag now_tag;

    if (!pawl_tag_read(&was_tag, (struct pawl_bytes){was->at, was->size}) ||
        !pawl_tag_read(&now_tag, (struct pawl_bytes){now->at, now->size})) {
        return;
    }
    if (now_tag.number > was_tag.number || pawl_tag_equal(&was_tag, &now_tag)) return;
    sim_fail(node->sim, SIM_NO_SEQ, "branches",
             "node %d's guard follows the store from branch %.*s to %.*s", node->index, was->size,
             was->at, now->size, now->at);
}

/* A process that is killed has written what it wrote, and writes nothing more. */
static pawl_err book_put(struct pawl_book *book, const struct pawl_entries *entries,
                         pawl_error *error)
{
    struct sim_guard *guard = guard_of(book);
    struct sim_node *node = node_of(guard);

    (void)error;
    if (node->dead) return PAWL_OK;
    if (entries->head != NULL) {
        check_branch(node, &entries->head->branch);
        guard->head = *entries->head;
    }
    for (size_t i = 0; i < entries->count; i++) {
        int seq = sim_seq_find(node->sim, entries->sights[i].name);

        if (seq >= 0) guard->seen[seq] = entries->sights[i].seen;
    }
    return PAWL_OK;
}

static uint64_t book_count(const struct pawl_book *book)
{
    (void)book;
    return SIM_SEQS;
}

static void book_nothing(struct pawl_book *book)
{
    (void)book;
}

static const struct pawl_book_ops book_ops = {
    .open = book_open,
    .get = book_get,
    .put = book_put,
    .count = book_count,
    .close = book_nothing,
    .forked = book_nothing,
};

/* The guard. */

void sim_guard_draw(struct sim_node *node)
{
    node->guard.on = node->url == NULL && sim_luck(node->sim, GUARDED_PERCENT);
    node->guard.book.ops = &book_ops;
}

static void lose(struct sim_node *node)
{
    node->guard = (struct sim_guard){.on = true, .book = {.ops = &book_ops}};
    SIM_NOTE(node->sim, SIM_NO_SEQ, node->index, .what = "lost its guard");
}

struct pawl_source *sim_guard_over(struct sim_node *node, struct pawl_source *below)
{
    struct sim *sim = node->sim;
    struct pawl_guard *guard = NULL;
    struct pawl_guard_settings settings = {.wall_s = sim_store_wall_s, .arg = sim};

    if (!node->guard.on) return below;
    if (node->guard.begun && sim_luck(sim, LOST_PERCENT)) lose(node);
    if (!sim->plan.faultless && sim_luck(sim, LEARNS_PERCENT)) settings.learn_ns = PAWL_NS_PER_S;
    pawl_err err = pawl_guard_new(below, &node->guard.book, &settings, &guard, NULL);

    PAWL_ASSERT(err == PAWL_OK);
    return pawl_guard_source(guard);
}

static int64_t least(struct pawl_range range)
{
    return range.increment > 0 ? range.first : pawl_range_last(range);
}

static int64_t most(struct pawl_range range)
{
    return range.increment > 0 ? pawl_range_last(range) : range.first;
}

void sim_guard_granted(struct sim_node *node, int seq, const struct pawl_ask *ask)
{
    const struct pawl_grant *grant = &ask->grant;
    struct sim_had **list = &node->guard.had[seq];

    if (!node->guard.on) return;
    for (struct sim_had *had = *list; had != NULL; had = had->next) {
        if (had->line != grant->line || had->lap != grant->lap || had->range.count == 0) continue;
        if (most(had->range) < least(grant->range) || least(had->range) > most(grant->range)) {
            continue;
        }
        sim_fail(node->sim, seq, "guard",
                 "node %d is granted %" PRId64 " (line %" PRIu64 ", lap %" PRIu64
                 "), it had been granted %" PRId64 " to %" PRId64 " of that before",
                 node->index, grant->range.first, grant->line, grant->lap, had->range.first,
                 pawl_range_last(had->range));
    }
    struct sim_had *first = *list;

    if (first != NULL && first->range.count > 0 && first->line == grant->line &&
        first->lap == grant->lap && pawl_range_adjacent(first->range, grant->range)) {
        first->range.count += grant->range.count;
        return;
    }
    struct sim_had *had = sim_alloc(node->sim, sizeof *had);

    *had = (struct sim_had){first, grant->line, grant->lap, grant->range};
    *list = had;
}

/* All from the ask's first id on, of the latest grants. */
void sim_guard_returning(struct sim_node *node, int seq, const struct pawl_ask *ask)
{
    struct sim_had *had = node->guard.had[seq];

    if (!node->guard.on || had == NULL) return;
    uint64_t line = had->line;
    uint64_t lap = had->lap;

    for (; had != NULL; had = had->next) {
        struct pawl_range range = had->range;

        if (had->line != line || had->lap != lap || range.count == 0) continue;
        if (range.increment > 0 ? pawl_range_last(range) < ask->value
                                : pawl_range_last(range) > ask->value) {
            continue;
        }
        int64_t way = (ask->value - range.first) / range.increment;

        had->range.count = way > 0 ? (uint64_t)way : 0;
    }
}

void sim_jumped(struct sim *sim, int seq, const struct pawl_record *before,
                const struct pawl_ask *ask)
{
    struct sim_seq *about = &sim->seqs[seq];
    int64_t first = ask->grant.range.first;

    if (ask->skipped == 0 || pawl_record_left(before) / 100 < ROOM_LEAST) return;
    for (const struct sim_jump *jump = about->jumps; jump != NULL; jump = jump->next) {
        if (jump->tag != before->tag || jump->first != first) continue;
        sim_fail(sim, seq, "never back",
                 "is moved from one record to one place again, %" PRId64 ", by %" PRIu64 " ids",
                 first, ask->skipped);
    }
    struct sim_jump *jump = sim_alloc(sim, sizeof *jump);

    *jump = (struct sim_jump){about->jumps, before->tag, first};
    about->jumps = jump;
    SIM_NOTE(sim, seq, -1, .what = "is moved by %lld ids to %lld", .a = (long long)ask->skipped,
             .b = first);
}

/* The store's identity. */

struct pawl_branch sim_branch(const struct sim *sim)
{
    struct pawl_branch branch = {.size = 0};

    if (sim->plan.identity == SIM_TAGGED) {
        branch = pawl_tag_branch(&(struct pawl_tag){sim->history.number, sim->history.branch});
    } else if (sim->plan.identity == SIM_BRANCHED) {
        int size = snprintf(branch.at, sizeof branch.at, "b%" PRIu64, sim->history.branch);

        branch.size = (uint8_t)size;
    } else if (sim->plan.identity == SIM_PLACED) {
        branch.size = 1;
        branch.at[0] = 'b';
    }
    branch.loses = sim->era > 0;
    return branch;
}

void sim_identity(const struct sim *sim, struct pawl_identity *identity)
{
    *identity = (struct pawl_identity){.name_size = 0};
    if (sim->plan.identity == SIM_NAMELESS) return;
    identity->name_size = 3;
    memcpy(identity->name, "sim", 3);
    identity->branch = sim_branch(sim);
    identity->position = sim->history.position;
}

void sim_redraw(struct sim *sim, struct pawl_ask *ask)
{
    const struct pawl_branch *was = &ask->identity->branch;
    struct pawl_tag known = {.number = 0};

    if (sim->plan.identity != SIM_TAGGED) {
        (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST, "the simulated store keeps no tag");
        return;
    }
    (void)pawl_tag_read(&known, (struct pawl_bytes){was->at, was->size});
    if (sim->history.number <= known.number) {
        sim->history.number = known.number + 1;
        sim->history.branch = ++sim->branches;
        sim->history.position++;
        SIM_NOTE(sim, SIM_NO_SEQ, -1, .what = "store's branch is drawn anew: %lld",
                 .a = (long long)sim->history.branch);
    }
    sim_identity(sim, ask->identity);
}

void sim_fail_over(struct sim *sim)
{
    if (sim->plan.identity != SIM_BRANCHED || sim->era > 0) return;
    sim->history.branch = ++sim->branches;
    sim->history.position = sim_dice(sim, 1000);
    SIM_NOTE(sim, SIM_NO_SEQ, -1, .what = "store fails over, and loses nothing: %lld",
             .a = (long long)sim->history.branch);
}

void sim_history_back(struct sim *sim, const struct sim_history *then)
{
    sim->history = *then;
    if (sim->plan.identity == SIM_BRANCHED) sim->history.branch = ++sim->branches;
}
