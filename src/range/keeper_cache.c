/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many sequences a keeper has in memory. Beyond its limit those leave that nobody uses: which
 * was used longest ago is known of a few that are looked at, so that no order of all need be kept.
 */
#include "range/kept.h"

enum {
    SAMPLE = 16,         /* looked at, of whom one leaves */
    LEAVES_MAX = 1024,   /* in one turn */
    SHRANK_LEAST = 16384 /* fewer: that is no memory to speak of */
};

/* Nobody would miss it: what it holds can be given back, and who asks for it next, asks below. */
static bool may_leave(const struct kept *kept)
{
    if (kept->busy != NULL || kept->errand != ERRAND_NONE || kept->leaving) return false;
    if (kept_users(kept) != 0 || pawl_kept_queued(kept)) return false;
    /* Askers may come back with what they were leased; where it stopped, nobody else knows. */
    return kept_out(kept) == 0 && kept->stop.line == 0 && !kept->stopped;
}

/* NULL: none of those that were looked at may leave. */
static struct kept *choose(struct pawl_keeper *keeper)
{
    struct kept *chosen = NULL;

    for (int i = 0; i < SAMPLE && keeper->heap_count > 0; i++) {
        struct kept *kept = keeper->heap[pawl_random(&keeper->random) % keeper->heap_count];

        if (!may_leave(kept)) continue;
        if (chosen == NULL || kept->used_ns < chosen->used_ns) chosen = kept;
    }
    return chosen;
}

void pawl_kept_leave(struct kept *kept, bool leaving)
{
    if (kept->leaving == leaving) return;
    kept->leaving = leaving;
    kept->keeper->leaving += leaving ? 1 : SIZE_MAX; /* one less */
}

static void tell_shrunk(struct pawl_keeper *keeper)
{
    if (keeper->count > keeper->most) keeper->most = keeper->count;
    if (keeper->most - keeper->count < SHRANK_LEAST || keeper->count > keeper->most / 2) return;
    keeper->most = keeper->count;
    if (keeper->settings.shrank != NULL) keeper->settings.shrank(keeper->settings.arg);
}

void pawl_keeper_make_room(struct pawl_keeper *keeper)
{
    uint64_t most = keeper->settings.cache_max;

    for (int i = 0; most > 0 && keeper->count - keeper->leaving > most && i < LEAVES_MAX; i++) {
        struct kept *kept = choose(keeper);

        if (kept == NULL) break;
        pawl_kept_leave(kept, true);
        pawl_count_add(&keeper->counts.let_go, 1);
        pawl_kept_step(kept);
    }
    tell_shrunk(keeper);
    keeper->looked = most > 0 && keeper->count > most ? SIZE_MAX : keeper->count;
}
