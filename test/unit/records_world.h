/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of records that several stores share, and drivers to it that lose requests and answers,
 * carry writes out late or twice, and refuse; where it deceives, it goes back in time and lies.
 */
#ifndef RECORDS_WORLD_H
#define RECORDS_WORLD_H

#include "range/wide.h"
#include "store/records.h"

enum {
    SEQS = 3,
    STORES = 4,
    ASKS = 24, /* of each store at once, at most */
    STEPS = 4000,
    SEEDS = 200,
    LATE_MAX = 64,
    IDS_MAX = 1 << 20,
    EPOCHS_MAX = 4096,
    CALM_STEPS = 20000,
    SHORT_MAX = 900,
};

/* What of each store's asks a test remembers. */
struct deed {
    struct pawl_ask ask;
    pawl_definition definition;
    struct pawl_record record;
    struct node *node;
    uint64_t asked; /* the step */
    uint64_t version;
    int seq;
    bool busy;
};

struct node {
    struct pawl_driver driver;
    struct world *world;
    struct pawl_source *store;
    struct pawl_op *pending[ASKS * 2];
    size_t pending_count;
    struct deed deeds[ASKS];
    /* The last grant of each sequence, to give some of it back. */
    struct pawl_grant last[SEQS];
    struct pawl_mark floors[SEQS]; /* of what it was granted */
    bool taking[SEQS];             /* a floor goes out with one ask at a time */
    struct pawl_record left[SEQS]; /* as it left, when last told so; epoch 0: never */
};

struct world {
    uint64_t seed, random, now_ns;
    struct pawl_record table[SEQS];
    uint64_t tokens[SEQS];
    struct pawl_op late[LATE_MAX]; /* writes that are carried out after nobody waits for them */
    size_t late_count;
    struct node nodes[STORES];
    uint64_t ids[IDS_MAX];       /* hashes of (sequence, line, lap, id) that were granted */
    uint64_t epochs[EPOCHS_MAX]; /* that were written */
    size_t epoch_count;
    uint64_t reserved, granted, burned;
    uint64_t changes_told, changes_unknown;
    uint64_t returns_done, returns_told;
    uint64_t moves_told; /* it has left, or arrived; perhaps it had before */
    uint64_t outcomes[64];
    uint64_t step;
    uint64_t absent[SEQS], present[SEQS]; /* the last step in which there was none, or one */
    bool advances, calm;
    bool deceives; /* it goes back in time, and lies */
    struct pawl_record kept[SEQS];
};

extern const char *const names[SEQS];

bool chance(struct world *world, unsigned percent);
/* A driver's operation ends: somehow, or well in calm times. */
void end_somehow(struct node *node, struct pawl_op *op);
/* Carries out one of the writes that came late. */
void one_late(struct world *world);
/* The table may go back, or remember where it will go back to; takes note of what is there. */
void go_back_or_on(struct world *world);

extern const struct pawl_driver_ops advancing; /* drivers that can ADVANCE */
extern const struct pawl_driver_ops comparing; /* and those that cannot */

#endif
