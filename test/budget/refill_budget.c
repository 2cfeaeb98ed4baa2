/* SPDX-License-Identifier: Apache-2.0 */
/* A keeper's refill, from the taker that found nothing to the ids that it is given. */
#include "keeper_world.h"

#include "measured.h"

/* Blocks and pauses such that the keeper asks for a few blocks every few pauses. */
enum { BLOCK_IDS = 64, PAUSE_S = 25, WARM_UPS = 20 };

struct refilling {
    struct world *world;
    struct pawl_holding *holding;
};

/* Takes, a block in each pause, until the keeper has refilled the stock once more. */
static void refill(void *state)
{
    struct refilling *refilling = state;
    struct world *world = refilling->world;
    uint64_t writes = world->store.writes;
    pawl_ids ids;

    while (world->store.writes == writes) {
        turn(world, PAUSE_S * PAWL_NS_PER_S);
        (void)next_id(world, refilling->holding);
        (void)pawl_stock_take(refilling->holding->stock, BLOCK_IDS - 1, &ids);
        turn(world, 1000);
    }
}

static const struct budgeted works[] = {{"refill", refill}, {NULL, NULL}};

int main(int argc, char **argv)
{
    pawl_definition definition = {.given = PAWL_GIVEN_BLOCK, .block = BLOCK_IDS};
    uint64_t times;
    const struct budgeted *work = measured_chosen(works, argc, argv, &times);

    if (work == NULL) return 2;
    struct world *world = world_new(&definition);
    struct refilling refilling = {world, open_holding(world)};
    for (int i = 0; i < WARM_UPS; i++) {
        refill(&refilling);
    }
    measured(work, &refilling, times);
    world_free(world);
    return 0;
}
