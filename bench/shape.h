/* SPDX-License-Identifier: Apache-2.0 */
/* What the hot path bench calls: one function a way to get an id, all in one shared library. */
#ifndef PAWL_BENCH_SHAPE_H
#define PAWL_BENCH_SHAPE_H

#include "range/lane.h"

/* As small as a counter gets. */
struct shape_word {
    _Alignas(64) _Atomic int64_t next;
};

/* One thread's: on a line of its own, as are lanes. */
struct shape_plain {
    _Alignas(64) int64_t next;
    int64_t end;
};

/* A sequence has its stock behind a pointer: it lives in pages of its own. */
struct shape_seq {
    struct pawl_stock *stock;
};

struct shape_lane {
    _Alignas(64) struct pawl_run run;
    struct shape_seq *seq;
};

PAWL_API pawl_err shape_word_next(struct shape_word *word, int64_t *id);
PAWL_API pawl_err shape_plain_next(struct shape_plain *plain, int64_t *id);
PAWL_API pawl_err shape_seq_next(struct shape_seq *seq, int64_t *id);
PAWL_API pawl_err shape_lane_next(struct shape_lane *lane, int64_t *id);

/* The keeper's side: an empty stock, and one that holds count ids more. */
PAWL_API void shape_seq_init(struct shape_seq *seq, struct pawl_stock *stock);
PAWL_API void shape_seq_fill(struct shape_seq *seq, uint64_t count);

#endif
