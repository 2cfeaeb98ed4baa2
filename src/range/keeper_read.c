/* SPDX-License-Identifier: Apache-2.0 */
/* What people want to read of a sequence: how far it was used, not how far it is reserved. */
#include "range/kept.h"

#include <stdlib.h>

/* One ask on its way below and back. */
struct reading {
    struct pawl_keeper *keeper;
    struct pawl_ask *above;
    struct pawl_ask below;
    struct pawl_page page;
};

/* Where nothing of the record's epoch was granted to us, it says all that we know. */
static void see_used(struct pawl_keeper *keeper, struct pawl_record *record)
{
    struct kept *kept = pawl_kept_find(keeper, pawl_name_bytes(&record->name));
    int64_t last = 0;

    if (kept == NULL || kept->shown_epoch != record->epoch) return;
    if (kept->holding.stock != NULL && pawl_stock_last(kept->holding.stock, &last)) {
        pawl_record_put_used(record, last);
    } else if (kept->handed_known) {
        pawl_record_put_used(record, kept->handed);
    } else {
        record->next = kept->shown_first; /* the origin, if nothing was used before */
        record->ended = false;
    }
}

static void each_used(struct pawl_page *page, const struct pawl_record *record)
{
    struct reading *reading = PAWL_OWNER(page, struct reading, page);
    struct pawl_page *above = reading->above->page;
    struct pawl_record copy = *record;

    see_used(reading->keeper, &copy);
    above->each(above, &copy);
}

static void reading_done(struct pawl_ask *ask)
{
    struct reading *reading = PAWL_OWNER(ask, struct reading, below);
    struct pawl_ask *above = reading->above;

    above->error = ask->error;
    if (above->page != NULL) {
        above->page->after = reading->page.after;
        above->page->more = reading->page.more;
        above->page->in_order = reading->page.in_order;
    } else if (ask->error.code == PAWL_OK && ask->record != NULL) {
        see_used(reading->keeper, ask->record);
    }
    free(reading);
    pawl_ask_answer(above);
}

void pawl_keeper_read(struct pawl_keeper *keeper, struct pawl_ask *ask)
{
    struct reading *reading = calloc(1, sizeof *reading);

    if (reading == NULL) {
        pawl_ask_fail(ask, PAWL_NO_MEMORY, "no memory to read a record");
        return;
    }
    reading->keeper = keeper;
    reading->above = ask;
    reading->below = *ask;
    reading->below.done = reading_done;
    if (ask->page != NULL) {
        reading->page = *ask->page;
        reading->page.each = each_used;
        reading->below.page = &reading->page;
    }
    pawl_source_ask(keeper->below, &reading->below);
}
