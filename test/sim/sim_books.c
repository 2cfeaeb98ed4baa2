/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_books.h"

#include <inttypes.h>

#include "range/kept.h"
#include "range/wide.h"
#include "sim_node.h"

enum { DISK_PERCENT = 60 };

static bool load(struct pawl_archive *self, struct pawl_bytes name, struct pawl_books *books)
{
    const struct sim_books *all = PAWL_OWNER(self, struct sim_books, archive);
    int seq = sim_seq_find(sim_now(), name);

    if (seq < 0 || !all->there[seq]) return false;
    *books = all->books[seq];
    return true;
}

static void save(struct pawl_archive *self, struct pawl_bytes name, const struct pawl_books *books,
                 uint32_t *place)
{
    struct sim_books *all = PAWL_OWNER(self, struct sim_books, archive);
    int seq = sim_seq_find(sim_now(), name);

    if (seq < 0 || !all->alive) return;
    all->there[seq] = true;
    all->books[seq] = *books;
    *place = 0;
}

void sim_books_draw(struct sim_node *node)
{
    node->ledger = (struct sim_books){
        .archive = {.load = load, .save = save},
        .kept = sim_luck(node->sim, DISK_PERCENT),
    };
}

void sim_books_start(struct sim_node *node)
{
    struct sim_books *all = &node->ledger;

    all->alive = all->kept;
    for (int seq = 0; seq < SIM_SEQS; seq++) {
        struct pawl_books books = all->books[seq];

        (void)pawl_books_recover(&books);
        all->granted[seq] = 0;
        all->before[seq] = books.flows[PAWL_FLOW_RESERVED];
    }
}

void sim_books_granted(struct sim_node *node, int seq, uint64_t count)
{
    if (seq >= 0) node->ledger.granted[seq] += count;
}

static uint64_t held(const struct sim_node *node, int seq)
{
    const struct kept *kept = pawl_kept_find(node->keeper, sim_seq_name(node->sim, seq));

    if (kept == NULL) return 0;
    return pawl_kept_held(kept) + (kept->errand == ERRAND_RETURN ? kept->busy->ask.count : 0);
}

/*
 * Of what it holds: ids of runs that were too long for a lease (design 5.2) and whose caller had
 * given up when they came. To who gave them they were handed out, as to any other client.
 */
static uint64_t held_of_runs(const struct sim_node *node, int seq)
{
    const struct kept *kept = pawl_kept_find(node->keeper, sim_seq_name(node->sim, seq));
    struct pawl_books books;
    uint64_t sum = 0;

    if (kept == NULL) return 0;
    pawl_keeper_books(node->keeper, sim_seq_name(node->sim, seq), &books);
    for (const struct sim_span *span = node->books[seq].spans; span != NULL; span = span->next) {
        if (span->lease != 0 || span->epoch != kept->epoch || span->range.count == 0) continue;
        pawl_wide way = (pawl_wide)pawl_range_last(span->range) - books.after;
        pawl_wide left = books.bounded ? way / span->range.increment : span->range.count;

        if (left > 0) sum += left < span->range.count ? (uint64_t)left : span->range.count;
    }
    return sum;
}

static void check_one(struct sim_node *node, int seq)
{
    const struct sim_books *all = &node->ledger;
    struct pawl_books books;
    uint64_t holds = held(node, seq);

    pawl_keeper_books(node->keeper, sim_seq_name(node->sim, seq), &books);
    if (pawl_books_held(&books) != holds) {
        sim_fail(node->sim, seq, "ledger",
                 "node %d: reserved %" PRIu64 ", used %" PRIu64 ", given back %" PRIu64
                 ", burned %" PRIu64 ", and holds %" PRIu64,
                 node->index, books.flows[PAWL_FLOW_RESERVED], pawl_books_used(&books),
                 books.flows[PAWL_FLOW_GIVEN_BACK], pawl_books_burned(&books), holds);
    }
    if (!all->kept) return;
    if (books.burned[PAWL_CAUSE_CRASH] < all->lost[seq] ||
        books.flows[PAWL_FLOW_RESERVED] - all->before[seq] > all->granted[seq]) {
        sim_fail(node->sim, seq, "ledger",
                 "node %d: lost %" PRIu64 " ids in crashes and books %" PRIu64
                 "; was granted %" PRIu64 " and books %" PRIu64,
                 node->index, all->lost[seq], books.burned[PAWL_CAUSE_CRASH], all->granted[seq],
                 books.flows[PAWL_FLOW_RESERVED] - all->before[seq]);
    }
}

void sim_books_check(struct sim_node *node)
{
    for (int seq = 0; seq < SIM_SEQS; seq++) {
        check_one(node, seq);
    }
}

void sim_books_close(struct sim_node *node, bool crashed)
{
    struct sim_books *all = &node->ledger;
    struct pawl_books books;

    if (!crashed) return;
    all->alive = false;
    for (int seq = 0; seq < SIM_SEQS; seq++) {
        uint64_t holds = held(node, seq);
        uint64_t of_runs = held_of_runs(node, seq);

        if (holds > of_runs) all->leased[seq] += holds - of_runs;
        if (!all->kept) continue;
        pawl_keeper_books(node->keeper, sim_seq_name(node->sim, seq), &books);
        all->lost[seq] +=
            holds + all->granted[seq] - (books.flows[PAWL_FLOW_RESERVED] - all->before[seq]);
    }
}

/*
 * What clients had when they died is reported by nobody. Of servers that died it can be less: one
 * of their clients may come with the end of its server's lease, and is taken for the server.
 */
void sim_books_check_unreported(struct sim *sim, int depth)
{
    for (int seq = 0; seq < SIM_SEQS; seq++) {
        uint64_t lost = 0;
        uint64_t unreported = 0;

        for (size_t i = 0; i < sim->node_count; i++) {
            struct sim_node *node = sim->nodes[i];
            struct pawl_books books;

            if (node->depth == depth + 1 && node->role != SIM_SERVER) {
                lost += node->ledger.leased[seq];
            }
            if (node->depth != depth || node->role != SIM_SERVER) continue;
            if (node->life > 1 || node->keeper == NULL) return; /* leases of lives that ended */
            pawl_keeper_books(node->keeper, sim_seq_name(sim, seq), &books);
            unreported += books.burned[PAWL_CAUSE_UNREPORTED];
        }
        if (unreported >= lost) continue;
        sim_fail(sim, seq, "ledger",
                 "clients died with %" PRIu64 " ids, their servers say that %" PRIu64
                 " were never reported",
                 lost, unreported);
    }
}
