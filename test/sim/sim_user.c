/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pawl_next, pawl_take and lanes do in libpawl, and INCR in a server, with the product's stock
 * and keeper, one step at a time: take from the stock, wait when it is dry, take again.
 */
#include "sim_user.h"

#include <inttypes.h>

enum {
    DEADLINE_MS = 5000,
    RETRY_MS = 40,
    EXACT_PERCENT = 6,
    RUN_PERCENT = 10,
    LANE_PERCENT = 8,
    CLOSE_LANE_PERCENT = 2,
    LARGE_PERCENT = 1, /* of exact calls: more than the stock gives at once */
};

static void acts(void *object, uint64_t life);

static void close_lane(struct sim_user *user)
{
    user->node->unread += user->lane.dropped + pawl_run_drop(&user->lane);
    user->lane = (struct pawl_run){.left = 0};
    user->lane_context = (struct sim_context){.forgets = 0}; /* the next one is another lane */
}

/* Whoever goes to sleep keeps nothing: a lane's holder is asked for all night. */
static void think(struct sim_user *user, uint64_t ns)
{
    uint64_t after_ns = 1 + ns / 2 + sim_dice(user->sim, ns);
    uint64_t awake_ns = sim_awake(user->sim, after_ns);

    if (awake_ns != after_ns && user->holding != NULL) close_lane(user);
    user->state = SIM_USER_THINKS;
    sim_after(user->sim, awake_ns, acts, user, user->life);
}

/* As a libpawl client does only when it closes. */
static void let_go(struct sim_user *user)
{
    if (user->holding == NULL) return;
    close_lane(user);
    pawl_holding_release(user->holding);
    user->holding = NULL;
}

static void served(struct sim_user *user, pawl_ids ids)
{
    sim_call_end(user->node, user->seq, user->call, ids, user->context);
    user->served_ns = user->sim->now_ns;
    user->left -= ids.count < user->left ? ids.count : user->left;
}

/* In a faultless run nobody is refused, but by what people did. */
static void check_refusal(const struct sim_user *user, const pawl_error *error)
{
    struct sim *sim = user->sim;
    const struct sim_seq *about = &sim->seqs[user->seq];

    if (!sim->plan.faultless || error->code == PAWL_CLOSED || !user->node->up) return;
    if (sim->plan.faults.restart && user->node->depth > 1) return; /* servers were away */
    if (error->code == PAWL_END && about->small) return;
    if (error->code == PAWL_NO_SEQUENCE && about->dropped_once) return;
    if (error->code == PAWL_GLOBAL && about->changed) return;
    if (error->code == PAWL_TIMEOUT && about->dropped_once) return;
    sim_fail(sim, user->seq, "ready", "user %d of node %d is refused, nothing is wrong: %s: %s",
             user->index, user->node->index, pawl_err_name(error->code), error->text);
}

static void refused(struct sim_user *user, const pawl_error *error)
{
    SIM_NOTE(user->sim, user->seq, user->node->index, .what = "user %lld is refused: error %lld",
             .a = user->index, .b = error->code);
    check_refusal(user, error);
    user->refused = error->code;
    if (error->code == PAWL_FLOOR || error->code == PAWL_ROLLBACK) {
        user->sim->seqs[user->seq].stuck = true;
    }
    think(user, pawl_err_advice(error->code) == PAWL_ADVICE_STOP ? 40 * RETRY_MS * PAWL_NS_PER_MS
                                                                 : RETRY_MS * PAWL_NS_PER_MS);
}

static void resumes(void *object, uint64_t life);

/* On the keeper's thread: what comes of it happens in the user's own time. */
static void answered(struct pawl_ask *ask)
{
    struct sim_user *user = PAWL_OWNER(ask, struct sim_user, ask);

    if (!user->unanswered) sim_fail(user->sim, user->seq, "asks", "answered twice");
    user->unanswered = false;
    if (user->node->dead) return;
    if (ask->kind == PAWL_ASK_OPEN && ask->error.code == PAWL_OK) user->holding = ask->holding;
    if (ask->kind == PAWL_ASK_NEXT && ask->error.code == PAWL_OK) {
        user->node->taken += ask->grant.range.count;
    }
    sim_after(user->sim, 1 + sim_dice(user->sim, user->sim->plan.wake_latency_ns), resumes, user,
              user->life);
}

static void ask_keeper(struct sim_user *user, enum pawl_ask_kind kind, enum sim_user_state state)
{
    user->ask = (struct pawl_ask){
        .kind = kind,
        .name = sim_seq_name(user->sim, user->seq),
        .count = user->count,
        .exact = user->exact,
        .holding = user->holding,
        .deadline_ns = user->begun_ns + DEADLINE_MS * PAWL_NS_PER_MS,
        .done = answered,
    };
    user->state = state;
    user->unanswered = true;
    pawl_source_ask(user->node->source, &user->ask);
    sim_node_wake(user->node);
}

static bool lane_next(struct sim_user *user, int64_t *id)
{
    struct pawl_run *lane = &user->lane;
    uint64_t left = lane->left;
    bool got = pawl_run_next(lane, user->holding->stock, id);

    user->node->unread += lane->dropped;
    if (got && (lane->dropped > 0 || left == 0)) {
        struct pawl_range run = {*id, lane->increment, lane->left + 1};

        sim_lane_draws(user->node, user->seq, run, &user->lane_context);
    }
    lane->dropped = 0;
    return got;
}

static bool take(struct sim_user *user, pawl_ids *ids)
{
    struct pawl_stock *stock = user->holding->stock;

    if (user->count > PAWL_STOCK_TAKE_MAX) return false;
    if (user->exact) return pawl_stock_take_exact(stock, user->count, ids);
    if (user->count > 1) return pawl_stock_take(stock, user->count, ids);
    ids->count = 1;
    ids->increment = 1;
    if (!user->by_lane) return pawl_stock_next(stock, &ids->first);

    return lane_next(user, &ids->first);
}

static uint64_t run_count(struct sim_user *user)
{
    uint64_t count = 1 + sim_dice(user->sim, 2 * user->burst);

    if (user->sim->seqs[user->seq].small) return 1 + sim_dice(user->sim, 4);
    if (user->sim->seqs[user->seq].cycle) return count;
    if (user->exact && sim_luck(user->sim, LARGE_PERCENT)) {
        return PAWL_STOCK_TAKE_MAX + sim_dice(user->sim, 200);
    }
    return count;
}

static void begin(struct sim_user *user)
{
    struct sim *sim = user->sim;

    user->exact = sim_luck(sim, EXACT_PERCENT);
    user->count = user->exact || sim_luck(sim, RUN_PERCENT) ? run_count(user) : 1;
    user->by_lane = user->count == 1 && !user->exact && sim_luck(sim, LANE_PERCENT);
    user->context = user->by_lane ? &user->lane_context : &user->node->contexts[user->seq];
    user->call = sim_call_begin(sim, user->seq, user->context);
    user->begun_ns = sim->now_ns;
}

/* false: nothing was at hand, and the user waits for it. */
static bool try_take(struct sim_user *user)
{
    pawl_ids ids;

    if (atomic_load_explicit(&user->holding->global, memory_order_acquire)) {
        ask_keeper(user, PAWL_ASK_NEXT, SIM_USER_ASKED);
        return false;
    }
    if (take(user, &ids)) {
        user->node->taken += ids.count;
        served(user, ids);
        return true;
    }
    if (user->exact && user->count > 1) {
        ask_keeper(user, PAWL_ASK_NEXT, SIM_USER_ASKED);
    } else {
        ask_keeper(user, PAWL_ASK_WAIT, SIM_USER_WAITS);
    }
    return false;
}

static void go_on(struct sim_user *user)
{
    while (user->left > 0 && user->holding != NULL) {
        begin(user);
        if (!try_take(user)) return;
    }
    if (sim_luck(user->sim, CLOSE_LANE_PERCENT)) close_lane(user);
    think(user, user->think_ns);
}

static void resumes(void *object, uint64_t life)
{
    struct sim_user *user = object;
    const struct pawl_ask *ask = &user->ask;

    if (life != user->life || life != user->node->life || user->node->dead) return;
    if (ask->error.code != PAWL_OK) {
        refused(user, &ask->error);
        return;
    }
    switch (user->state) {
    case SIM_USER_ASKED:
        if (ask->exact && ask->grant.range.count != ask->count) {
            sim_fail(user->sim, user->seq, "asks", "an exact run of %" PRIu64 " has %" PRIu64,
                     ask->count, ask->grant.range.count);
        }
        served(user, (pawl_ids){ask->grant.range.first, ask->grant.range.increment,
                                ask->grant.range.count});
        break;
    case SIM_USER_WAITS:
        if (user->holding == NULL || !try_take(user)) return;
        break;
    case SIM_USER_OPENS:
    case SIM_USER_THINKS:
        break;
    }
    go_on(user);
}

static void acts(void *object, uint64_t life)
{
    struct sim_user *user = object;
    struct sim_node *node = user->node;

    if (life != user->life || user->state != SIM_USER_THINKS) return;
    if (user->sim->quiet) {
        if (node->up) let_go(user);
        return;
    }
    if (!node->up || !user->sim->made) {
        think(user, 2 * RETRY_MS * PAWL_NS_PER_MS);
        return;
    }
    if (user->life != node->life) {
        user->life = node->life;
        user->lane_context = (struct sim_context){.forgets = 0};
    }
    user->left = 1 + sim_dice(user->sim, 2 * user->burst);
    user->begun_ns = user->sim->now_ns;
    if (user->holding == NULL) {
        user->count = 1;
        user->exact = false;
        ask_keeper(user, PAWL_ASK_OPEN, SIM_USER_OPENS);
        return;
    }
    go_on(user);
}

struct sim_user *sim_user_new(struct sim_node *node, int seq)
{
    struct sim *sim = node->sim;
    struct sim_user *user = sim_alloc(sim, sizeof *user);

    PAWL_ASSERT(sim->user_count < SIM_USERS_MAX);
    *user = (struct sim_user){.sim = sim,
                              .node = node,
                              .seq = seq,
                              .index = (int)sim->user_count,
                              .think_ns = (20 + sim_dice(sim, 200)) * PAWL_NS_PER_MS,
                              .burst = 1 + sim_dice(sim, sim->seqs[seq].global ? 2 : 12)};
    sim->users[sim->user_count++] = user;
    think(user, user->think_ns);
    return user;
}

/* What befalls all users of a node. */

bool sim_users_have_open(const struct sim_node *node, int seq)
{
    for (size_t i = 0; i < node->sim->user_count; i++) {
        const struct sim_user *user = node->sim->users[i];

        if (user->node == node && user->seq == seq && user->holding != NULL) return true;
    }
    return false;
}

uint64_t sim_users_in_lanes(const struct sim_node *node)
{
    uint64_t ids = 0;

    for (size_t i = 0; i < node->sim->user_count; i++) {
        const struct sim_user *user = node->sim->users[i];

        if (user->node == node && user->life == node->life) ids += user->lane.left;
    }
    return ids;
}

void sim_users_part(struct sim_node *node)
{
    for (size_t i = 0; i < node->sim->user_count; i++) {
        struct sim_user *user = node->sim->users[i];

        if (user->node == node && !user->unanswered) let_go(user);
    }
}

void sim_users_check_answered(struct sim_node *node)
{
    for (size_t i = 0; i < node->sim->user_count; i++) {
        const struct sim_user *user = node->sim->users[i];

        if (user->node != node || !user->unanswered) continue;
        sim_fail(node->sim, user->seq, "asks", "node %d drained, user %d was never answered",
                 node->index, user->index);
    }
}

void sim_users_orphaned(struct sim_node *node)
{
    for (size_t i = 0; i < node->sim->user_count; i++) {
        struct sim_user *user = node->sim->users[i];

        if (user->node != node) continue;
        user->holding = NULL;
        user->lane = (struct pawl_run){.left = 0};
        user->unanswered = false;
        if (user->state != SIM_USER_THINKS) think(user, user->think_ns);
    }
}

/* An end that a person must lift, or a sequence that is not there, is no fault of the product. */
static bool excused(const struct sim_user *user)
{
    const struct pawl_record *record = sim_store_record(user->sim, user->seq);

    if (!user->node->up || record->dropped || record->epoch == 0) return true;
    return user->sim->seqs[user->seq].small && user->refused == PAWL_END;
}

const struct sim_user *sim_users_starving(const struct sim *sim, uint64_t since_ns)
{
    for (size_t i = 0; i < sim->user_count; i++) {
        const struct sim_user *user = sim->users[i];

        if (user->served_ns <= since_ns && !excused(user)) return user;
    }
    return NULL;
}

void sim_users_check_served(struct sim *sim, uint64_t since_ns)
{
    const struct sim_user *user = sim_users_starving(sim, since_ns);

    if (user == NULL) return;
    sim_fail(sim, user->seq, "live", "user %d of node %d starves, last refused with %s",
             user->index, user->node->index, pawl_err_name(user->refused));
}
