/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a store and turning it until it has answered. */
#ifndef PAWL_TEST_DRIVE_H
#define PAWL_TEST_DRIVE_H

#include "net/pump.h"
#include "store/store.h"

/* An ask, and how often it was answered. */
struct deed {
    struct pawl_ask ask;
    unsigned answers;
};

/* Options for tests: a seed, a clock on the wall that stands, and a loop that drive_all runs. */
struct pawl_store_options drive_options(uint64_t seed);
/* Runs that loop until what a closed store left on it is gone. */
void drive_settle(void);

struct deed drive_deed(enum pawl_ask_kind kind, const char *name);

/* Asks all of them, then turns the store until each is answered. Ends the program if they never
 * are, or if one is answered twice. */
void drive_all(struct pawl_source *store, struct deed *deeds, size_t count);

/* The same of several stores: deed i is asked of store i % store_count. */
void drive_many(struct pawl_source **stores, size_t store_count, struct deed *deeds, size_t count);

/* Runs the loop, and turn before each of its sleeps, until that returns PAWL_PUMP_OVER. */
void drive_until(pawl_pump_turn *turn, void *arg);

/* One ask; returns how it ended, and its story in deed->ask.error. */
pawl_err drive(struct pawl_source *store, struct deed *deed);

/* The commonest. definition may be NULL. */
pawl_err drive_create(struct pawl_source *store, const char *name,
                      const pawl_definition *definition);
pawl_err drive_take(struct pawl_source *store, const char *name, uint64_t count,
                    struct pawl_grant *grant);
/* Fewer than count, if fewer are left: no share of the rest is kept back, as it is from a TAKE. */
pawl_err drive_next(struct pawl_source *store, const char *name, uint64_t count,
                    struct pawl_grant *grant);
pawl_err drive_read(struct pawl_source *store, const char *name, struct pawl_record *record);

#endif
