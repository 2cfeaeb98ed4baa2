/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of one sequence never share an id here, so that an id tells its line: each new start lies
 * in a slot of ids of its own.
 */
#include "sim_admin.h"

#include <inttypes.h>
#include <stdio.h>

#define SLOT_IDS     INT64_C(100000000000)
#define SLOTS_OF_SEQ INT64_C(10000) /* a sequence that is renamed brings its ids along */

enum {
    WORK_MS = 700, /* between two changes, about */
    HELP_MS = 60,
};

struct sim_admin {
    struct sim *sim;
    struct pawl_ask ask;
    pawl_definition definition;
    int seq;
    int node;
    uint64_t life;
    bool busy;
    bool created[SIM_SEQS];
};

/* A start that no other line of the sequence comes near: 0, 1, -1, 2, -2 ... slots away. */
static int64_t new_start(struct sim *sim, int seq)
{
    int64_t line = (int64_t)sim->seqs[seq].line_count++;
    int64_t slot = line % 2 == 1 ? (line + 1) / 2 : -(line / 2);

    if (sim->plan.faults.rename) slot += seq * SLOTS_OF_SEQ;
    return slot * SLOT_IDS + (int64_t)sim_dice(sim, 1000);
}

static void draw_plain(struct sim *sim, struct sim_seq *about, int seq)
{
    static const int64_t increments[] = {1, 1, 1, 3, -1, -7, 10};
    pawl_definition *definition = &about->definition;

    definition->given = PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT | PAWL_GIVEN_MIN | PAWL_GIVEN_MAX;
    definition->increment = increments[sim_dice(sim, PAWL_COUNT(increments))];
    definition->min = INT64_MIN + 1;
    definition->max = INT64_MAX;
    definition->start = new_start(sim, seq);
    if (!sim_luck(sim, 30)) return;
    definition->given |= PAWL_GIVEN_BLOCK;
    definition->block = 1 + sim_dice(sim, 60);
}

static void draw_cycle(struct sim *sim, struct sim_seq *about)
{
    bool up = sim_luck(sim, 70);
    int64_t size = 200 + (int64_t)sim_dice(sim, 4000);

    about->cycle = true;
    about->definition = (pawl_definition){
        .given = PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT | PAWL_GIVEN_MIN | PAWL_GIVEN_MAX |
                 PAWL_GIVEN_CYCLE,
        .increment = up ? 1 + (int64_t)sim_dice(sim, 3) : -1,
        .min = up ? 1 : -size,
        .max = up ? size : -1,
        .start = up ? 5 : -5,
        .cycle = true,
    };
}

static void draw_small(struct sim *sim, struct sim_seq *about)
{
    bool up = sim_luck(sim, 50);

    about->small = true;
    about->definition = (pawl_definition){
        .given = PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT | PAWL_GIVEN_MIN | PAWL_GIVEN_MAX,
        .increment = up ? 1 : -1,
        .start = up ? INT64_MAX - 400 : INT64_MIN + 400,
        .max = up ? INT64_MAX : 0,
        .min = up ? 0 : INT64_MIN,
    };
}

void sim_seqs_draw(struct sim *sim)
{
    static const char *const names[SIM_SEQS] = {"orders", "bills", "turns", "ticks", "few"};

    for (int i = 0; i < SIM_SEQS; i++) {
        struct sim_seq *about = &sim->seqs[i];

        (void)snprintf(about->name, sizeof about->name, "%s", names[i]);
        if (i == 2) {
            draw_cycle(sim, about);
        } else if (i == 4) {
            draw_small(sim, about);
        } else {
            draw_plain(sim, about, i);
        }
        if (i != 3) continue;
        about->global = true;
        about->definition.given &= ~(uint32_t)PAWL_GIVEN_BLOCK;
        about->definition.given |= PAWL_GIVEN_ORDER;
        about->definition.order = PAWL_ORDER_GLOBAL;
    }
}

static void works(void *object, uint64_t arg);

static void plan_work(struct sim_admin *admin, uint64_t ms)
{
    uint64_t after_ns = (1 + sim_dice(admin->sim, 2 * ms)) * PAWL_NS_PER_MS;

    sim_after(admin->sim, sim_awake(admin->sim, after_ns), works, admin, 0);
}

static void check_refusal(const struct sim_admin *admin)
{
    struct sim *sim = admin->sim;
    const struct pawl_ask *ask = &admin->ask;
    pawl_err code = ask->error.code;

    if (!sim->plan.faultless || sim->plan.faults.restart || code == PAWL_OK ||
        code == PAWL_CLOSED || code == PAWL_BEHIND || code == PAWL_LIMIT ||
        code == PAWL_NO_SEQUENCE || code == PAWL_EXISTS) {
        return;
    }
    sim_fail(sim, admin->seq, "ready", "a change of kind %d is refused, nothing is wrong: %s: %s",
             (int)ask->kind, pawl_err_name(code), ask->error.text);
}

static void worked(struct pawl_ask *ask)
{
    struct sim_admin *admin = PAWL_OWNER(ask, struct sim_admin, ask);
    struct sim *sim = admin->sim;
    struct sim_seq *about = &sim->seqs[admin->seq];

    if (!admin->busy) sim_fail(sim, admin->seq, "asks", "a change is answered twice");
    admin->busy = false;
    SIM_NOTE(sim, admin->seq, admin->node, .what = "a change of kind %lld ends with error %lld",
             .a = ask->kind, .b = ask->error.code);
    check_refusal(admin);
    if (ask->kind == PAWL_ASK_CREATE &&
        (ask->error.code == PAWL_OK || ask->error.code == PAWL_EXISTS)) {
        admin->created[admin->seq] = true;
    }
    if (ask->kind == PAWL_ASK_FENCE && ask->error.code == PAWL_OK) about->stuck = false;
}

/* A node to ask; NULL: none is up. */
static struct sim_node *draw_node(struct sim *sim)
{
    size_t first = sim_dice(sim, sim->node_count);

    for (size_t i = 0; i < sim->node_count; i++) {
        struct sim_node *node = sim->nodes[(first + i) % sim->node_count];

        if (node->up) return node;
    }
    return NULL;
}

static struct pawl_ask *ask_new(struct sim_admin *admin, int seq, enum pawl_ask_kind kind)
{
    admin->seq = seq;
    admin->ask = (struct pawl_ask){
        .kind = kind,
        .name = sim_seq_name(admin->sim, seq),
        .deadline_ns = admin->sim->now_ns + 5 * PAWL_NS_PER_S,
        .done = worked,
    };
    return &admin->ask;
}

static void send(struct sim_admin *admin)
{
    struct sim_node *node = draw_node(admin->sim);

    if (node == NULL) return;
    admin->busy = true;
    admin->node = node->index;
    admin->life = node->life;
    SIM_NOTE(admin->sim, admin->seq, node->index,
             .what = "is asked a change of kind %lld, value %lld", .a = admin->ask.kind,
             .b = admin->ask.value);
    pawl_source_ask(node->source, &admin->ask);
    sim_node_wake(node);
}

static void create(struct sim_admin *admin, int seq)
{
    struct pawl_ask *ask = ask_new(admin, seq, PAWL_ASK_CREATE);

    admin->definition = admin->sim->seqs[seq].definition;
    ask->definition = &admin->definition;
}

static void alter(struct sim_admin *admin, int seq)
{
    struct sim *sim = admin->sim;
    struct pawl_ask *ask = ask_new(admin, seq, PAWL_ASK_ALTER);
    const struct pawl_record *record = sim_store_record(sim, seq);
    pawl_definition *definition = &admin->definition;
    bool down = record->increment < 0;

    *definition = (pawl_definition){.given = PAWL_GIVEN_BLOCK, .block = sim_dice(sim, 40)};
    ask->definition = definition;
    if (sim_luck(sim, 30)) return;
    definition->increment = (int64_t)(1 + sim_dice(sim, 9)) * (down ? -1 : 1);
    definition->given = PAWL_GIVEN_INCREMENT;
    if (sim_luck(sim, 50)) return;
    definition->given = PAWL_GIVEN_RESTART;
    definition->restart = new_start(sim, seq);
    if (sim_luck(sim, 50)) return;
    definition->given |= PAWL_GIVEN_INCREMENT;
    definition->increment = -definition->increment;
}

static void set(struct sim_admin *admin, int seq)
{
    struct sim *sim = admin->sim;
    struct pawl_ask *ask = ask_new(admin, seq, PAWL_ASK_SET);
    const struct pawl_record *record = sim_store_record(sim, seq);

    if (sim_luck(sim, 50)) {
        ask->force = true;
        ask->value = new_start(sim, seq);
    } else {
        ask->value = record->next + (int64_t)sim_dice(sim, 2000) * record->increment;
    }
}

static void fence(struct sim_admin *admin, int seq)
{
    struct sim *sim = admin->sim;
    struct pawl_ask *ask = ask_new(admin, seq, PAWL_ASK_FENCE);

    ask->count = sim_luck(sim, 50) ? 0 : 1 + sim_dice(sim, 500);
    if (sim_luck(sim, 30)) ask->line = sim_store_record(sim, seq)->line;
}

/* What is told to ask for it gets: a line beyond every line there was. */
static void help(struct sim_admin *admin, int seq)
{
    struct pawl_ask *ask = ask_new(admin, seq, PAWL_ASK_FENCE);

    ask->line = sim_store_record(admin->sim, seq)->line;
    for (const struct sim_span *span = admin->sim->seqs[seq].spans; span != NULL;
         span = span->next) {
        if (span->line > ask->line) ask->line = span->line;
    }
}

static void change(struct sim_admin *admin, int seq)
{
    struct sim *sim = admin->sim;
    struct sim_seq *about = &sim->seqs[seq];

    about->changed = true;
    if (sim->plan.faults.recreate && sim_luck(sim, sim->plan.faults.rename ? 40 : 25)) {
        about->dropped_once = true;
        (void)ask_new(admin, seq, PAWL_ASK_DROP);
        return;
    }
    switch (sim_dice(sim, 3)) {
    case 0:
        alter(admin, seq);
        break;
    case 1:
        set(admin, seq);
        break;
    default:
        fence(admin, seq);
        break;
    }
}

/* Another one of the plain sequences, that is there, takes the place of one that is not. */
static bool rename_to(struct sim_admin *admin, int seq)
{
    struct sim *sim = admin->sim;
    const struct pawl_record *other = sim_store_record(sim, 1 - seq);

    if (!sim->plan.faults.rename || sim->calm || !sim_luck(sim, 60)) return false;
    if (other->epoch == 0 || other->dropped) return false;
    struct pawl_ask *ask = ask_new(admin, 1 - seq, PAWL_ASK_RENAME);

    ask->to = sim_seq_name(sim, seq);
    for (int i = 0; i < 2; i++) {
        sim->seqs[i].changed = true;
        sim->seqs[i].dropped_once = true;
    }
    return true;
}

/* A recreated sequence begins in a slot of its own. */
static bool recreate(struct sim_admin *admin)
{
    struct sim *sim = admin->sim;

    for (int i = 0; i < SIM_SEQS; i++) {
        const struct pawl_record *record = sim_store_record(sim, i);

        if (admin->created[i] && record->epoch != 0 && !record->dropped) continue;
        if (i < 2 && sim->made && rename_to(admin, i)) return true;
        if (admin->created[i]) sim->seqs[i].definition.start = new_start(sim, i);
        create(admin, i);
        return true;
    }
    return false;
}

static bool rescue(struct sim_admin *admin)
{
    for (int i = 0; i < SIM_SEQS; i++) {
        if (!admin->sim->seqs[i].stuck) continue;
        help(admin, i);
        return true;
    }
    return false;
}

static bool created_all(const struct sim_admin *admin)
{
    for (int i = 0; i < SIM_SEQS; i++) {
        if (!admin->created[i]) return false;
    }
    return true;
}

static void works(void *object, uint64_t arg)
{
    struct sim_admin *admin = object;
    struct sim *sim = admin->sim;

    (void)arg;
    if (sim->quiet) return;
    if (admin->busy &&
        (sim->nodes[admin->node]->keeper == NULL || sim->nodes[admin->node]->life != admin->life)) {
        admin->busy = false; /* whom it was asked is gone, and so is the ask */
    }
    if (!sim->made && created_all(admin)) {
        sim->made = true;
        sim_store_keep(sim);
    }
    plan_work(admin, sim->calm || !sim->made ? HELP_MS : WORK_MS);
    if (admin->busy) return;
    if (recreate(admin) || rescue(admin)) {
        send(admin);
    } else if (sim->made && sim->plan.faults.change && !sim->calm) {
        int seq = (int)sim_dice(sim, 2); /* of the plain ones */

        change(admin, sim_luck(sim, 20) ? 3 : seq);
        send(admin);
    }
}

struct sim_admin *sim_admin_new(struct sim *sim)
{
    struct sim_admin *admin = sim_alloc(sim, sizeof *admin);

    admin->sim = sim;
    plan_work(admin, 1);
    return admin;
}
