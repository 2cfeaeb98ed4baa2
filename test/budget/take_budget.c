/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application that takes ids. The sequence's blocks are so large that what is counted never
 * waits for the keeper's thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "measured.h"
#include "pawl/pawl.h"
#include "pawl/stores.h"

enum { BLOCK_IDS = 1 << 22 };

struct taking {
    pawl_seq *seq;
    pawl_lane *lane;
};

static void check(pawl_err err)
{
    if (err == PAWL_OK) return;
    (void)fprintf(stderr, "take_budget: %s\n", pawl_err_name(err));
    exit(1);
}

static void take_next(void *state)
{
    int64_t id;

    check(pawl_next(((struct taking *)state)->seq, &id));
}

static void take_lane(void *state)
{
    int64_t id;

    check(pawl_lane_next(((struct taking *)state)->lane, &id));
}

static const struct budgeted works[] = {{"next", take_next}, {"lane", take_lane}, {NULL, NULL}};

int main(int argc, char **argv)
{
    pawl_definition definition = {.given = PAWL_GIVEN_BLOCK, .block = BLOCK_IDS};
    pawl_client *client;
    pawl_error error;
    struct taking taking;
    uint64_t times;
    const struct budgeted *work = measured_chosen(works, argc, argv, &times);

    if (work == NULL) return 2;
    pawl_stores_register();
    check(pawl_open("memory:", NULL, &client, &error));
    check(pawl_create(client, "orders", &definition, &error));
    check(pawl_seq_open(client, "orders", &taking.seq, &error));
    check(pawl_lane_open(taking.seq, &taking.lane));
    take_next(&taking); /* the first block, and the lane's first run */
    take_lane(&taking);
    measured(work, &taking, times);
    pawl_lane_close(taking.lane);
    pawl_close(client);
    return 0;
}
