/* SPDX-License-Identifier: Apache-2.0 */
#include "shape.h"

pawl_err shape_word_next(struct shape_word *word, int64_t *id)
{
    *id = atomic_fetch_add_explicit(&word->next, 1, memory_order_relaxed);
    return PAWL_OK;
}

pawl_err shape_plain_next(struct shape_plain *plain, int64_t *id)
{
    if (plain->next == plain->end) return PAWL_EMPTY;
    *id = plain->next++;
    return PAWL_OK;
}

static __attribute__((noinline)) pawl_err seq_next_slow(struct shape_seq *seq, uint64_t ticket,
                                                        int64_t *id)
{
    return pawl_stock_next_slow(seq->stock, ticket, id) ? PAWL_OK : PAWL_EMPTY;
}

pawl_err shape_seq_next(struct shape_seq *seq, int64_t *id)
{
    uint64_t ticket;

    if (PAWL_LIKELY(pawl_stock_next_hot(seq->stock, &ticket, id))) return PAWL_OK;
    return seq_next_slow(seq, ticket, id);
}

pawl_err shape_lane_next(struct shape_lane *lane, int64_t *id)
{
    return PAWL_LIKELY(pawl_run_next(&lane->run, lane->seq->stock, id)) ? PAWL_OK : PAWL_EMPTY;
}

void shape_seq_init(struct shape_seq *seq, struct pawl_stock *stock)
{
    pawl_stock_init(stock, NULL);
    seq->stock = stock;
}

void shape_seq_fill(struct shape_seq *seq, uint64_t count)
{
    struct pawl_range left[PAWL_STOCK_SLOTS];

    (void)pawl_stock_retract(seq->stock, left);
    while (count > 0) {
        uint64_t piece = count < PAWL_STOCK_SLOT_IDS_MAX ? count : PAWL_STOCK_SLOT_IDS_MAX;

        PAWL_ASSERT(pawl_stock_publish(seq->stock, (struct pawl_range){1, 1, piece}));
        count -= piece;
    }
    pawl_stock_set_low(seq->stock, 1);
}
