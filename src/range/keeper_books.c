/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a keeper's ids: in sums over all sequences, and in the ledger. */
#include "range/kept.h"

static _Atomic uint64_t *sum_of(struct pawl_counts *counts, enum pawl_flow flow)
{
    switch (flow) {
    case PAWL_FLOW_RESERVED:
        return &counts->reserved;
    case PAWL_FLOW_HANDED:
        return &counts->handed;
    case PAWL_FLOW_LEASED:
        return &counts->leased;
    case PAWL_FLOW_RETURNED:
        return &counts->returned;
    case PAWL_FLOW_GIVEN_BACK:
    case PAWL_FLOW_COUNT:
        break;
    }
    return &counts->given_back;
}

void pawl_kept_flow(struct kept *kept, enum pawl_flow flow, uint64_t count)
{
    kept->flows[flow] += count;
    pawl_count_add(sum_of(&kept->keeper->counts, flow), count);
}

void pawl_kept_hold(struct kept *kept, uint64_t count)
{
    pawl_count_add(&kept->keeper->counts.held, count);
}

void pawl_kept_unhold(struct kept *kept, uint64_t count)
{
    pawl_count_sub(&kept->keeper->counts.held, count);
}

/* They were used before. */
static bool was_used(enum pawl_cause cause)
{
    return cause == PAWL_CAUSE_UNREAD || cause == PAWL_CAUSE_UNREPORTED;
}

/* NULL: there is no room for another. */
static struct pawl_row *row_of(struct kept *kept)
{
    if (kept->row == NULL) {
        kept->row = pawl_ledger_get(&kept->keeper->ledger, kept->holding.name);
    }
    return kept->row;
}

void pawl_kept_stepped_back(struct kept *kept, uint64_t skipped)
{
    struct pawl_keeper *keeper = kept->keeper;

    pawl_count_add(&keeper->counts.steps_back, 1);
    pawl_count_add(&keeper->counts.step_back_ids, skipped);
    if (keeper->settings.ledger_since == 0 || row_of(kept) == NULL) return;
    kept->row->books.steps_back++;
    kept->row->books.step_back_ids += skipped;
}

void pawl_kept_stopped(struct kept *kept)
{
    struct pawl_keeper *keeper = kept->keeper;

    if (kept->stopped) return;
    kept->stopped = true;
    pawl_count_add(&keeper->counts.stopped, 1);
    pawl_count_add(&keeper->counts.stops, 1);
    if (keeper->settings.ledger_since == 0 || row_of(kept) == NULL) return;
    kept->row->books.stopped = true;
    kept->row->books.stops++;
}

void pawl_kept_goes_on(struct kept *kept)
{
    if (!kept->stopped) return;
    kept->stopped = false;
    pawl_count_sub(&kept->keeper->counts.stopped, 1);
    if (kept->row == NULL) return;
    kept->row->books.stopped = false;
    pawl_kept_books_save(kept);
}

void pawl_kept_burned(struct kept *kept, uint64_t count, enum pawl_cause cause)
{
    struct pawl_keeper *keeper = kept->keeper;

    if (count == 0) return;
    pawl_count_add(&keeper->counts.burned[cause], count);
    if (keeper->settings.ledger_since == 0) return;
    if (row_of(kept) != NULL) {
        kept->row->books.burned[cause] += count;
    } else if (!was_used(cause)) {
        kept->flows[PAWL_FLOW_RESERVED] -= count; /* no room for a gap: its ids are not booked */
    }
}

void pawl_kept_burn(struct kept *kept, uint64_t count, enum pawl_cause cause)
{
    if (count == 0) return;
    pawl_kept_burned(kept, count, cause);
    pawl_kept_unhold(kept, count);
}

/* Ids that the errand under way may bring: a store gives whole blocks. */
static uint64_t asked(const struct kept *kept)
{
    if (kept->errand != ERRAND_TAKE && kept->errand != ERRAND_NEXT) return 0;
    uint64_t count = kept->busy->ask.count;

    if (kept->block == 0 || kept->errand == ERRAND_NEXT || count == 0) return count;
    return (count + kept->block - 1) / kept->block * kept->block;
}

/* All that is held lies after this one. Others may have been leased what lies between. */
static bool before_held(const struct kept *kept, int64_t *id)
{
    int64_t first = 0;

    if (kept->holding.stock == NULL || !pawl_stock_undrawn(kept->holding.stock, &first)) {
        if (kept->reserve_count == 0) {
            *id = kept->top.id;
            return true;
        }
        first = kept->reserve[0].range.first;
    }
    return !__builtin_sub_overflow(first, kept->increment, id);
}

void pawl_kept_books(const struct kept *kept, struct pawl_books *books)
{
    int64_t before = 0;
    bool known = before_held(kept, &before);

    *books = kept->row != NULL ? kept->row->books : (struct pawl_books){.bounded = false};
    for (size_t i = 0; i < PAWL_FLOW_COUNT; i++) {
        books->flows[i] = kept->flows[i];
    }
    books->bounded = kept->epoch != 0 && known;
    books->top = kept->top.id;
    books->asked = asked(kept);
    books->after = before;
}

void pawl_kept_unread(struct kept *kept, uint64_t count)
{
    uint64_t handed = kept->flows[PAWL_FLOW_HANDED];
    uint64_t before = kept->row != NULL ? kept->row->books.burned[PAWL_CAUSE_UNREAD] : 0;

    if (handed < before + count) { /* it was let go, with its flows, before this came */
        kept->flows[PAWL_FLOW_RESERVED] += before + count - handed;
        kept->flows[PAWL_FLOW_HANDED] += before + count - handed;
    }
    pawl_kept_burned(kept, count, PAWL_CAUSE_UNREAD);
}

/* What an archive has of a keeper before us. */
static bool load(struct pawl_keeper *keeper, struct pawl_bytes name, struct pawl_books *books)
{
    struct pawl_archive *archive = keeper->settings.archive;

    return archive != NULL && archive->load(archive, name, books);
}

void pawl_kept_books_open(struct kept *kept)
{
    struct pawl_keeper *keeper = kept->keeper;
    struct pawl_bytes name = kept->holding.name;
    struct pawl_books books;

    if (keeper->settings.ledger_since == 0) return;
    kept->row = pawl_ledger_find(&keeper->ledger, name);
    if (kept->row != NULL) {
        books = kept->row->books;
    } else if (load(keeper, name, &books)) {
        pawl_count_add(&keeper->counts.burned[PAWL_CAUSE_CRASH], pawl_books_recover(&books));
    } else {
        return;
    }
    for (size_t i = 0; i < PAWL_FLOW_COUNT; i++) {
        kept->flows[i] = books.flows[i];
    }
    kept->stopped = books.stopped;
    if (kept->stopped) pawl_count_add(&keeper->counts.stopped, 1);
    if (kept->row != NULL || !pawl_books_tell(&books)) return;
    kept->row = pawl_ledger_get(&keeper->ledger, name);
    if (kept->row != NULL) {
        kept->row->books = books;
    } else {
        kept->flows[PAWL_FLOW_RESERVED] -= pawl_books_burned(&books) -
                                           books.burned[PAWL_CAUSE_UNREAD] -
                                           books.burned[PAWL_CAUSE_UNREPORTED];
    }
}

void pawl_kept_books_save(struct kept *kept)
{
    struct pawl_archive *archive = kept->keeper->settings.archive;
    struct pawl_books books;

    if (archive == NULL || kept->keeper->settings.ledger_since == 0) return;
    pawl_kept_books(kept, &books);
    archive->save(archive, kept->holding.name, &books, &kept->place);
}

void pawl_kept_books_close(struct kept *kept)
{
    struct pawl_keeper *keeper = kept->keeper;
    struct pawl_books books;

    if (kept->stopped) pawl_count_sub(&keeper->counts.stopped, 1);
    if (keeper->settings.archive != NULL) {
        pawl_kept_books_save(kept);
        if (kept->row != NULL) pawl_ledger_drop(&keeper->ledger, kept->row);
    } else if (kept->row != NULL) {
        pawl_kept_books(kept, &books);
        kept->row->books = books;
    }
    kept->row = NULL;
}

void pawl_keeper_books(struct pawl_keeper *keeper, struct pawl_bytes name, struct pawl_books *books)
{
    const struct kept *kept = pawl_kept_find(keeper, name);
    const struct pawl_row *row = NULL;

    *books = (struct pawl_books){.bounded = false};
    if (kept != NULL) {
        pawl_kept_books(kept, books);
    } else if ((row = pawl_ledger_find(&keeper->ledger, name)) != NULL) {
        *books = row->books;
    } else if (load(keeper, name, books)) {
        (void)pawl_books_recover(books);
    } else {
        *books = (struct pawl_books){.bounded = false};
    }
}

void pawl_keeper_tell_gaps(struct pawl_keeper *keeper, struct pawl_ask *ask)
{
    struct pawl_books books;

    if (ask->gaps == NULL || keeper->settings.ledger_since == 0) return;
    pawl_keeper_books(keeper, ask->name, &books);
    pawl_books_gaps(&books, keeper->settings.ledger_since, ask->gaps);
    ask->gaps = NULL; /* nobody below says it otherwise */
}
