/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_ledger.h"

#include <inttypes.h>

#include "sim_node.h"

enum { SPAN_IDS_MAX = 1 << 26, FORGET_EVERY = 8 };

static bool before(int64_t a, int64_t b, int64_t increment)
{
    return increment > 0 ? a < b : a > b;
}

static bool span_of(const struct sim_span *span, uint64_t line, uint64_t lap)
{
    return span->line == line && span->lap == lap && span->range.count > 0;
}

static uint64_t offset_of(const struct sim_span *span, int64_t id)
{
    uint64_t way = span->range.increment > 0 ? (uint64_t)id - (uint64_t)span->range.first
                                             : (uint64_t)span->range.first - (uint64_t)id;
    uint64_t pace = span->range.increment > 0 ? (uint64_t)span->range.increment
                                              : 0 - (uint64_t)span->range.increment;

    return way % pace == 0 ? way / pace : UINT64_MAX;
}

/*
 * Which lap a cycling sequence's id is of is a guess, once its store went back or where servers
 * lease of what they hold themselves. Likewise which line, where a store that went back comes to
 * the same few ids again in a line that a fence began.
 */
static bool guessed(const struct sim *sim, int seq)
{
    if (sim->seqs[seq].small) return sim->era > 0;
    return sim->seqs[seq].cycle && (sim->era > 0 || sim->layers > 1);
}

static bool span_has(const struct sim_span *span, int64_t id)
{
    if (span->range.count == 0 || before(id, span->range.first, span->range.increment)) {
        return false;
    }
    return offset_of(span, id) < span->range.count;
}

static bool span_handed(const struct sim_span *span, int64_t id)
{
    uint64_t offset = offset_of(span, id);

    return span->handed != NULL && (span->handed[offset / 64] >> (offset % 64) & 1) != 0;
}

static void span_hand(struct sim *sim, struct sim_span *span, int64_t id)
{
    uint64_t offset = offset_of(span, id);

    if (span->handed == NULL) {
        if (span->granted > SPAN_IDS_MAX) {
            sim_fail(sim, SIM_NO_SEQ, "simulation", "a grant of %" PRIu64 " ids", span->granted);
        }
        span->handed = sim_alloc(sim, (span->granted + 63) / 64 * 8);
    }
    if (!span_handed(span, id)) span->handed_count++;
    span->handed[offset / 64] |= UINT64_C(1) << (offset % 64);
    if (offset >= span->handed_end) span->handed_end = offset + 1;
}

/* What is handed out whole needs no more looks. It is enough to look for it now and then. */
static void forget_whole(struct sim *sim, struct sim_span *spans)
{
    if (++sim->spans % FORGET_EVERY != 0) return;
    if (sim->plan.faults.rename) return; /* they are looked at under the other name */
    for (struct sim_span *span = spans; span != NULL; span = span->next) {
        while (span->next != NULL && span->next->handed_count == span->next->range.count) {
            span->next = span->next->next;
        }
    }
}

static struct sim_span *span_new(struct sim *sim, struct sim_span **list,
                                 const struct pawl_grant *grant)
{
    struct sim_span *span = sim_alloc(sim, sizeof *span);

    *span = (struct sim_span){.next = *list,
                              .line = grant->line,
                              .lap = grant->lap,
                              .epoch = grant->epoch,
                              .lease = grant->lease,
                              .era = sim->era,
                              .at_ns = sim->now_ns,
                              .range = grant->range,
                              .granted = grant->range.count};
    *list = span;
    forget_whole(sim, span);
    return span;
}

/* Cuts everything from id on off span; true if there was something. */
static bool span_shrink(struct sim *sim, int seq, struct sim_span *span, int64_t id)
{
    int64_t increment = span->range.increment;

    if (before(pawl_range_last(span->range), id, increment)) return false;
    uint64_t keep = before(span->range.first, id, increment) ? offset_of(span, id) : 0;

    if (keep == UINT64_MAX) {
        sim_fail(sim, seq, "once", "%" PRId64 " is given back and was never in its range", id);
    }
    if (span->handed_end > keep) {
        sim_fail(sim, seq, "once", "%" PRId64 " and on are given back, %" PRIu64 " were handed out",
                 id, span->handed_end - keep);
    }
    span->range.count = keep;
    return true;
}

/* What is reserved lies beyond all that is, as long as the store does not go back. */
static void check_free(struct sim *sim, int seq, const struct pawl_grant *grant)
{
    const struct sim_span *span = sim->seqs[seq].spans;

    while (span != NULL && (span->era != sim->era || !span_of(span, grant->line, grant->lap))) {
        span = span->next;
    }
    if (span == NULL ||
        before(pawl_range_last(span->range), grant->range.first, grant->range.increment)) {
        return;
    }
    sim_fail(sim, seq, "once", "the store reserves %" PRId64 " to %" PRId64 " again",
             grant->range.first, pawl_range_last(grant->range));
}

static bool apart(struct pawl_range a, struct pawl_range b)
{
    int64_t a_last = pawl_range_last(a), b_last = pawl_range_last(b);
    int64_t a_least = a.first < a_last ? a.first : a_last;
    int64_t b_least = b.first < b_last ? b.first : b_last;

    return a_least > (b.first > b_last ? b.first : b_last) ||
           b_least > (a.first > a_last ? a.first : a_last);
}

/*
 * A sequence that was renamed gives nothing again under its new name. In a store that went back to
 * before that they are two sequences, of which one may be fenced beyond what it gave as the other.
 */
static void check_free_under_both(struct sim *sim, int seq, const struct pawl_grant *grant)
{
    if (!sim_store_has_renamed(sim) || seq > 1) return;
    for (const struct sim_span *span = sim->seqs[1 - seq].spans; span != NULL; span = span->next) {
        if (span->era != sim->era || span->range.count == 0) continue;
        if (apart(span->range, grant->range)) continue;
        sim_fail(sim, seq, "once", "%" PRId64 " to %" PRId64 " were reserved under the old name",
                 grant->range.first, pawl_range_last(grant->range));
    }
}

void sim_reserved(struct sim *sim, int seq, int node, const struct pawl_ask *ask)
{
    struct sim_seq *about = &sim->seqs[seq];
    const struct pawl_grant *grant = &ask->grant;
    struct pawl_mark first = {grant->line, grant->lap, grant->range.first};
    int64_t increment = grant->range.increment;

    if (ask->floor.line == grant->line) {
        about->reached = pawl_mark_further(about->reached, ask->floor, increment);
    }
    if (about->reached.line == grant->line &&
        pawl_mark_order(first, about->reached, increment) <= 0) {
        sim_fail(sim, seq, "floors",
                 "%" PRId64 " is reserved, a floor of %" PRId64 " had been told", first.id,
                 about->reached.id);
    }
    check_free(sim, seq, grant);
    check_free_under_both(sim, seq, grant);
    (void)span_new(sim, &about->spans, grant);
    about->increment = increment;
    SIM_NOTE(sim, seq, node, .what = "store reserves %lld x %lld, lap %lld, version %lld",
             .a = grant->range.first, .b = (long long)grant->range.count,
             .c = (long long)grant->lap, .d = (long long)grant->lease);
}

void sim_taken_back(struct sim *sim, int seq, const struct pawl_record *after)
{
    struct pawl_mark *reached = &sim->seqs[seq].reached;
    struct pawl_mark next = {after->line, after->lap, after->next};

    /* Whoever gives back is the only one who can have told a floor that far: his falls with it. */
    if (reached->line == next.line && pawl_mark_order(*reached, next, after->increment) >= 0) {
        *reached = (struct pawl_mark){0, 0, 0};
    }
    for (struct sim_span *span = sim->seqs[seq].spans; span != NULL; span = span->next) {
        if (span->era != sim->era || !span_of(span, after->line, after->lap)) continue;
        /* Once the store went back, two may hold one id, and it is not known whose was struck. */
        if (sim->era > 0) span->handed_end = 0;
        (void)span_shrink(sim, seq, span, after->next);
    }
    for (size_t i = 0; i < sim->node_count && sim->era == 0; i++) {
        const struct sim_node *node = sim->nodes[i];

        if (!node->up) continue;
        for (struct sim_span *span = node->books[seq].spans; span != NULL; span = span->next) {
            if (!span_of(span, after->line, after->lap)) continue;
            if (before(pawl_range_last(span->range), after->next, span->range.increment)) continue;
            sim_fail(sim, seq, "once", "%" PRId64 " and on are taken back, node %zu holds them",
                     after->next, i);
        }
    }
}

void sim_rewound(struct sim *sim, int seq, struct pawl_mark reached)
{
    sim->seqs[seq].reached = reached;
    sim->seqs[seq].rewinds++;
}

/* Nodes. */

/*
 * A server lets go of a sequence that is idle or gone; it leaves the keeper's memory, and its floor
 * with it: until there is a guard, that is all that a server remembers. A client never lets go.
 */
static bool may_forget(const struct sim_node *node, int seq)
{
    const struct sim_book *book = &node->books[seq];
    uint64_t idle_ns = PAWL_IDLE_INTERVALS * node->sim->plan.refill_interval_ns;

    if (node->role == SIM_CLIENT) return !sim_users_have_open(node, seq);
    return node->sim->now_ns - book->last_ns >= idle_ns;
}

static void forget(struct sim_node *node, int seq)
{
    node->books[seq].last = (struct pawl_mark){0, 0, 0};
    node->books[seq].forgets++;
}

void sim_floor_sent(struct sim_node *node, int seq, const struct pawl_ask *ask)
{
    const struct sim_book *book = &node->books[seq];

    if (book->last.line == 0 || pawl_mark_order(ask->floor, book->last, book->increment) >= 0) {
        return;
    }
    if (may_forget(node, seq)) {
        forget(node, seq);
        return;
    }
    if (guessed(node->sim, seq)) return;
    sim_fail(node->sim, seq, "floors",
             "node %d asks with a floor of %" PRId64 " (line %" PRIu64 "), it handed out %" PRId64,
             node->index, ask->floor.id, ask->floor.line, book->last.id);
}

void sim_granted(struct sim_node *node, int seq, const struct pawl_ask *ask)
{
    const struct pawl_grant *grant = &ask->grant;
    struct pawl_mark first = {grant->line, grant->lap, grant->range.first};

    bool blind = node->sim->plan.faults.blind && node->depth == 1; /* then the node must see it */

    if (!blind && ask->floor.line == grant->line &&
        pawl_mark_order(first, ask->floor, grant->range.increment) <= 0) {
        sim_fail(node->sim, seq, "floors",
                 "node %d is granted %" PRId64 " (lap %" PRIu64 "), its floor was %" PRId64
                 " (lap %" PRIu64 ")",
                 node->index, first.id, first.lap, ask->floor.id, ask->floor.lap);
    }
    (void)span_new(node->sim, &node->books[seq].spans, grant);
    SIM_NOTE(node->sim, seq, node->index, .what = "is granted %lld x %lld, lap %lld, lease %lld",
             .a = grant->range.first, .b = (long long)grant->range.count,
             .c = (long long)grant->lap, .d = (long long)grant->lease);
}

void sim_returning(struct sim_node *node, int seq, const struct pawl_ask *ask)
{
    struct sim_span *tail = node->books[seq].spans;

    while (tail != NULL && !(tail->epoch == ask->epoch && span_has(tail, ask->value))) {
        tail = tail->next;
    }
    SIM_NOTE(node->sim, seq, node->index, .what = "gives back from %lld on, lease %lld",
             .a = ask->value, .b = (long long)ask->lease);
    if (tail == NULL) {
        sim_fail(node->sim, seq, "once", "node %d gives back %" PRId64 " and does not hold it",
                 node->index, ask->value);
    }
    for (struct sim_span *span = node->books[seq].spans; span != NULL; span = span->next) {
        if (!span_of(span, tail->line, tail->lap) || span->epoch != tail->epoch) continue;
        if (span->era != tail->era) continue;
        if (guessed(node->sim, seq)) span->handed_end = 0;
        (void)span_shrink(node->sim, seq, span, ask->value);
    }
}

/* Calls. */

struct sim_call sim_call_begin(const struct sim *sim, int seq, const struct sim_context *context)
{
    return (struct sim_call){context->last, sim->seqs[seq].global_last, context->forgets,
                             sim->now_ns};
}

/* What the store reserved and id can be struck off; NULL: nothing. */
static struct sim_span *span_to_strike(const struct sim_node *node, int seq, struct sim_span *held,
                                       int64_t id)
{
    struct sim_span *span = held->under;

    if (span != NULL && span_has(span, id) && !span_handed(span, id)) return span;
    span = node->sim->seqs[seq].spans;
    while (span != NULL && !(span_of(span, held->line, held->lap) && span_has(span, id) &&
                             !span_handed(span, id))) {
        span = span->next;
    }
    held->under = span;
    return span;
}

/* What was not handed out yet; NULL: nothing of id in that lap. */
static struct sim_span *span_left(const struct sim_node *node, int seq, const struct sim_span *lap,
                                  int64_t id)
{
    struct sim_span *span = node->books[seq].spans;

    while (span != NULL &&
           !(span_of(span, lap->line, lap->lap) && span_has(span, id) && !span_handed(span, id))) {
        span = span->next;
    }
    return span;
}

/* Whether all of run is held in the lap of the span that has its first id: a run is of one. */
static bool holds_run(const struct sim_node *node, int seq, struct sim_span *span,
                      struct pawl_range run)
{
    const struct sim_span *lap = span;

    while (run.count > 0) {
        int64_t id = pawl_range_cut(&run, 1).first;

        if (!span_has(span, id) || span_handed(span, id)) span = span_left(node, seq, lap, id);
        if (span == NULL) return false;
        if (!guessed(node->sim, seq) && span_to_strike(node, seq, span, id) == NULL) return false;
    }
    return true;
}

/* The least that id can be of beyond bound, without breaking a law. */
static struct sim_span *least_beyond(const struct sim_node *node, int seq, struct pawl_mark bound,
                                     int64_t id)
{
    struct sim_span *least = NULL;

    for (struct sim_span *span = node->books[seq].spans; span != NULL; span = span->next) {
        struct pawl_mark mark = {span->line, span->lap, id};

        if (!span_has(span, id) || span_handed(span, id)) continue;
        if (pawl_mark_order(mark, bound, span->range.increment) <= 0) continue;
        if (least != NULL && pawl_mark_order(mark, (struct pawl_mark){least->line, least->lap, id},
                                             span->range.increment) >= 0) {
            continue;
        }
        if (guessed(node->sim, seq) || span_to_strike(node, seq, span, id) != NULL) least = span;
    }
    return least;
}

/* Of those that have id the latest; NULL: none has. */
static struct sim_span *any_left(const struct sim_node *node, int seq, int64_t id)
{
    struct sim_span *span = node->books[seq].spans;

    while (span != NULL && !(span_has(span, id) && !span_handed(span, id))) {
        span = span->next;
    }
    return span;
}

/*
 * The node's span that run's first id was handed out from. Lines never share an id here; but laps
 * do, and the lines of a cycling sequence: of those that break no law the least is meant. It never
 * lies beyond the true one, which is always left then: so no guess makes a later one break a law.
 */
static struct sim_span *span_meant(const struct sim_node *node, int seq, struct sim_call call,
                                   struct pawl_range run)
{
    struct sim_span *hint = node->books[seq].hint;
    struct pawl_mark bound = call.begun;
    struct sim_span *first = NULL;
    int64_t id = run.first;

    if (!node->sim->seqs[seq].cycle && node->sim->era == 0) {
        if (hint != NULL && span_has(hint, id) && !span_handed(hint, id)) return hint;
        return any_left(node, seq, id);
    }
    for (struct sim_span *span = least_beyond(node, seq, bound, id); span != NULL;
         span = least_beyond(node, seq, bound, id)) {
        if (holds_run(node, seq, span, run)) return span;
        if (first == NULL) first = span;
        bound = (struct pawl_mark){span->line, span->lap, id};
    }
    return first != NULL ? first : any_left(node, seq, id);
}

static void check_rising(struct sim_node *node, int seq, struct sim_call call,
                         const struct sim_span *span, int64_t id)
{
    struct sim *sim = node->sim;
    const struct sim_seq *about = &sim->seqs[seq];
    struct pawl_mark mark = {span->line, span->lap, id};

    if (pawl_mark_order(mark, call.begun, span->range.increment) <= 0) {
        sim_fail(sim, seq, "rising",
                 "node %d hands out %" PRId64 " (lap %" PRIu64 ") after %" PRId64 " (lap %" PRIu64
                 ")",
                 node->index, mark.id, mark.lap, call.begun.id, call.begun.lap);
    }
    if (!about->global || about->rewinds > 0) return;
    if (pawl_mark_order(mark, call.global_begun, span->range.increment) <= 0) {
        sim_fail(sim, seq, "order global",
                 "node %d hands out %" PRId64 ", %" PRId64 " had been returned before", node->index,
                 mark.id, call.global_begun.id);
    }
}

/* A change reaches every holder within one refill interval per layer of cache. */
static void check_epoch(struct sim_node *node, int seq, const struct sim_span *span)
{
    struct sim *sim = node->sim;
    const struct sim_seq *about = &sim->seqs[seq];
    uint64_t way_ns =
        2 * (sim->plan.store_latency_ns + sim->plan.net_latency_ns) + 4 * sim->plan.wake_latency_ns;
    uint64_t most_ns = (uint64_t)node->depth * (sim->plan.refill_interval_ns + way_ns);

    if (!sim->plan.faultless || (sim->plan.faults.restart && node->depth > 1)) return;
    uint64_t epoch = about->settled_epoch, since_ns = about->settled_ns;
    if (about->change_ns + most_ns < sim->now_ns) {
        epoch = about->change_epoch;
        since_ns = about->change_ns;
    }
    if (span->epoch >= epoch || since_ns + most_ns >= sim->now_ns) return;
    sim_fail(sim, seq, "changes",
             "node %d hands out ids of epoch %" PRIu64 ", %.3f s after the "
             "change to %" PRIu64,
             node->index, span->epoch, (double)(sim->now_ns - since_ns) / 1e9, epoch);
}

/* Strikes id off what the store reserved. */
static void strike(struct sim_node *node, int seq, struct sim_span *held, int64_t id)
{
    struct sim_span *span = span_to_strike(node, seq, held, id);

    if (span == NULL) {
        if (guessed(node->sim, seq)) return;
        sim_fail(node->sim, seq, "once",
                 "node %d hands out %" PRId64 ", which is not reserved, or was handed out before",
                 node->index, id);
    }
    span_hand(node->sim, span, id);
}

/* The first id of run leaves the node's stock: its span. */
static struct sim_span *draw(struct sim_node *node, int seq, struct sim_call call,
                             struct pawl_range run)
{
    struct sim_span *span = span_meant(node, seq, call, run);

    if (span == NULL) {
        sim_fail(node->sim, seq, "once",
                 "node %d hands out %" PRId64 ", which it was not granted or handed out before",
                 node->index, run.first);
    }
    span_hand(node->sim, span, run.first);
    node->books[seq].hint = span;
    return span;
}

/* Nothing keeps a store that went back from ids that are forgotten. */
static bool forgotten(const struct sim_node *node, int seq, uint64_t forgets)
{
    return node->sim->era > 0 && forgets != node->books[seq].forgets;
}

/* It lies beyond what the node has returned, and beyond what the lane has, which may be further. */
void sim_lane_draws(struct sim_node *node, int seq, struct pawl_range run, struct sim_context *lane)
{
    struct sim_call call = sim_call_begin(node->sim, seq, &node->contexts[seq]);

    if (!forgotten(node, seq, lane->forgets)) {
        call.begun = pawl_mark_further(call.begun, lane->last, run.increment);
    }
    lane->drawn = draw(node, seq, call, run);
    int64_t id = pawl_range_cut(&run, 1).first;
    call.begun = (struct pawl_mark){lane->drawn->line, lane->drawn->lap, id};
    while (run.count > 0) {
        struct pawl_range one = pawl_range_cut(&run, 1);
        const struct sim_span *span = draw(node, seq, call, one);

        call.begun = (struct pawl_mark){span->line, span->lap, one.first};
    }
}

/* So late that the server may have let go of the floor, before its store went back. */
static bool came_late(const struct sim_node *node, const struct sim_call *call)
{
    uint64_t idle_ns = PAWL_IDLE_INTERVALS * node->sim->plan.refill_interval_ns;

    return node->role == SIM_SERVER && node->sim->era > 0 &&
           node->sim->now_ns - call->begun_ns >= idle_ns;
}

/* The first id of run was returned. */
static void returned(struct sim_node *node, int seq, struct sim_call *call, struct pawl_range run,
                     struct sim_context *context)
{
    struct sim_book *book = &node->books[seq];
    struct sim_seq *about = &node->sim->seqs[seq];
    struct sim_span *span = context->drawn;
    int64_t id = run.first;

    if (span == NULL) span = draw(node, seq, *call, run);
    struct pawl_mark mark = {span->line, span->lap, id};
    int64_t increment = span->range.increment;

    check_rising(node, seq, *call, span, id);
    check_epoch(node, seq, span);
    strike(node, seq, span, id);
    node->sim->handed++;
    if (came_late(node, call)) return;
    book->last = pawl_mark_further(book->last, mark, increment);
    /* Not of an answer that comes late, of a line before. */
    if (mark.line == book->last.line) book->increment = increment;
    if (call->begun_ns > book->last_ns) book->last_ns = call->begun_ns;
    context->last = pawl_mark_further(context->last, mark, increment);
    call->begun = pawl_mark_further(call->begun, mark, increment); /* a run rises in itself */
    about->global_last = pawl_mark_further(about->global_last, mark, increment);
}

pawl_ids sim_ids_ending(const struct sim_node *node, int seq, int64_t last, uint64_t count)
{
    const struct sim_span *span = node->books[seq].spans;
    int64_t increment = 1;

    while (span != NULL && !(span_has(span, last) && !span_handed(span, last))) {
        span = span->next;
    }
    if (span != NULL) increment = span->range.increment;
    int64_t first = (int64_t)((uint64_t)last - (count - 1) * (uint64_t)increment);
    return (pawl_ids){first, increment, count};
}

void sim_call_end(struct sim_node *node, int seq, struct sim_call call, pawl_ids ids,
                  struct sim_context *context)
{
    struct sim *sim = node->sim;
    struct pawl_range range = {ids.first, ids.increment, ids.count};

    if (forgotten(node, seq, call.forgets)) call.begun = (struct pawl_mark){0, 0, 0};
    if (forgotten(node, seq, context->forgets)) {
        context->forgets = node->books[seq].forgets;
        context->last = (struct pawl_mark){0, 0, 0};
    }
    SIM_NOTE(sim, seq, node->index, .what = "hands out %lld x %lld", .a = ids.first,
             .b = (long long)ids.count);
    /* The first one tells the lap of all. */
    returned(node, seq, &call, range, context);
    for (uint64_t i = 1; i < ids.count; i++) {
        (void)pawl_range_cut(&range, 1);
        returned(node, seq, &call, (struct pawl_range){range.first, range.increment, 1}, context);
    }
}
