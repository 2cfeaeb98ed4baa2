/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sequence has only while it is needed, beside the little that is kept of each: a shelf
 * while somebody has it open, the busy part while asks wait or one is under way, room in the
 * reserve while ids are there or may come, the lent part once it was leased.
 */
#include "range/kept.h"

#include <stdlib.h>

/*
 * Any thread. `queued` keeps it from being put in twice; the keeper clears it when it takes the
 * list (acquire there pairs with the release here), and looks at the stock only after that.
 */
static void shelf_wake(struct pawl_stock *stock)
{
    struct shelf *shelf = PAWL_OWNER(stock, struct shelf, stock);
    struct pawl_keeper *keeper = shelf->kept->keeper;

    if (atomic_exchange_explicit(&shelf->queued, 1, memory_order_acq_rel) != 0) return;
    struct shelf *head = atomic_load_explicit(&keeper->wanted, memory_order_relaxed);
    do {
        shelf->wanted_next = head;
    } while (!atomic_compare_exchange_weak_explicit(&keeper->wanted, &head, shelf,
                                                    memory_order_release, memory_order_relaxed));
    if (head == NULL && keeper->settings.wake != NULL) keeper->settings.wake(keeper->settings.arg);
}

static struct shelf *shelf_new(const struct pawl_keeper_settings *settings)
{
    if (settings->stock_new != NULL) {
        return settings->stock_new(sizeof(struct shelf), settings->arg);
    }
    return aligned_alloc(_Alignof(struct shelf), sizeof(struct shelf));
}

bool pawl_kept_shelve(struct kept *kept)
{
    if (kept->holding.stock != NULL) return true;
    struct shelf *shelf = shelf_new(&kept->keeper->settings);

    if (shelf == NULL) return false;
    *shelf = (struct shelf){.kept = kept};
    pawl_stock_init(&shelf->stock, shelf_wake);
    kept->holding.stock = &shelf->stock;
    return true;
}

bool pawl_kept_queued(const struct kept *kept)
{
    const struct shelf *shelf = kept_shelf(kept);

    return shelf != NULL && atomic_load_explicit(&shelf->queued, memory_order_acquire) != 0;
}

static void shelf_free(struct kept *kept)
{
    const struct pawl_keeper_settings *settings = &kept->keeper->settings;
    struct shelf *shelf = kept_shelf(kept);

    kept->holding.stock = NULL;
    if (settings->stock_free != NULL && shelf != NULL) {
        settings->stock_free(shelf, sizeof *shelf, settings->arg);
    } else {
        free(shelf);
    }
}

/* Nor is anybody part of what is under way. */
static bool calm(const struct kept *kept)
{
    return !kept_waited_for(kept) && kept->busy->batch.first == NULL;
}

/*
 * Whoever takes from a stock has its sequence open until it is done with that: so with no user left
 * (read first; it pairs with the release of the last one) nobody is inside of it.
 */
void pawl_kept_put_away(struct kept *kept)
{
    const struct pawl_keeper_settings *settings = &kept->keeper->settings;
    uint64_t now_ns = kept->keeper->now_ns;
    struct shelf *shelf = kept_shelf(kept);

    if (shelf == NULL || !kept_seldom(kept) || !calm(kept)) return;
    if (kept_users(kept) == 0 && !pawl_kept_queued(kept)) {
        pawl_kept_take_back(kept);
        shelf_free(kept);
    } else if (settings->idle != NULL && shelf->look_ns <= now_ns &&
               now_ns - kept->used_ns >= settings->pace.refill_interval_ns) {
        settings->idle(&kept->holding, settings->arg);
    }
}

bool pawl_kept_make_reserve(struct kept *kept)
{
    kept->reserve = malloc(KEPT_RESERVE_MAX * sizeof *kept->reserve);
    return kept->reserve != NULL;
}

static void reserve_free(struct kept *kept)
{
    free(kept->reserve);
    kept->reserve = NULL;
}

bool pawl_kept_lend(struct kept *kept)
{
    if (kept->lent == NULL) kept->lent = calloc(1, sizeof *kept->lent);
    return kept->lent != NULL;
}

bool pawl_kept_busy(struct kept *kept)
{
    struct pawl_keeper *keeper = kept->keeper;
    struct busy *spare = keeper->spares;

    if (kept->busy != NULL) return true;
    if (spare != NULL) { /* nothing waits in it */
        keeper->spares = spare->next;
        keeper->spare_count--;
    } else {
        spare = calloc(1, sizeof *spare);
    }
    if (spare == NULL) return false;
    spare->kept = kept;
    spare->wait_count = 0;
    spare->expiry_ns = PAWL_NEVER;
    spare->check_wanted = false;
    kept->busy = spare;
    return true;
}

static void busy_spare(struct kept *kept)
{
    struct pawl_keeper *keeper = kept->keeper;
    struct busy *spare = kept->busy;

    kept->busy = NULL;
    if (keeper->spare_count == KEEPER_SPARES_MAX) {
        free(spare);
        return;
    }
    spare->next = keeper->spares;
    keeper->spares = spare;
    keeper->spare_count++;
}

void pawl_kept_calm(struct kept *kept)
{
    if (kept->errand != ERRAND_NONE) return;
    /* Of an open one it is used so often that it would come and go all the time. */
    if (kept->holding.stock == NULL && kept->reserve_count == 0) reserve_free(kept);
    if (kept->busy != NULL && calm(kept)) busy_spare(kept);
}

void pawl_kept_strip(struct kept *kept)
{
    shelf_free(kept);
    reserve_free(kept);
    free(kept->busy);
    if (kept->lent != NULL) free(kept->lent->askers.at);
    free(kept->lent);
}

void pawl_busy_free_spares(struct pawl_keeper *keeper)
{
    struct busy *spare = NULL;

    while ((spare = keeper->spares) != NULL) {
        keeper->spares = spare->next;
        free(spare);
    }
}
