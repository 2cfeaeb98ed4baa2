/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sequence costs, on paper: the formulas of docs/sizing.md. writes_bench holds them against
 * real keepers, and fails if they are further apart than SIZING_* say.
 */
#ifndef PAWL_BENCH_SIZING_H
#define PAWL_BENCH_SIZING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIZING_MONTH_S 2628000.0 /* a twelfth of 365 days */

/* How far what is measured may be from the formulas, as a share of them. */
#define SIZING_WRITES_OVER  0.05 /* a sizing may hardly promise fewer writes than there are */
#define SIZING_WRITES_UNDER 0.25
#define SIZING_HELD         0.20
#define SIZING_NEAR_OVER    1.00 /* writes, where sizing_is_near */

/* For whom the formula is: one holder (a process that asks the store) of one sequence. */
struct sizing {
    double ride_through_s;
    double refill_interval_s;
};

/* A sequence is held ahead from one id in a refill interval on. Near that the formula is a rough
 * bound: where ids come at random some intervals have several, and others none. */
bool sizing_is_steady(const struct sizing *sizing, double rate);
bool sizing_is_near(const struct sizing *sizing, double rate);

/* Writes of the record in a second, by one holder. */
double sizing_writes(const struct sizing *sizing, double rate);
/* Ids that a crash of that holder burns: the mean, and the most. */
double sizing_held_mean(const struct sizing *sizing, double rate);
double sizing_held_most(const struct sizing *sizing, double rate);
/* Seconds that a holder goes on while its source is away: at least, and on average. */
double sizing_ride_least(const struct sizing *sizing, double rate);
double sizing_ride_mean(const struct sizing *sizing, double rate);

/* The same of fixed blocks of n ids, one at a time in each process, as the published systems have
 * them: writes in a second, and ids that the end of a process leaves behind, on average. */
double sizing_block_writes(uint64_t n, double rate);
double sizing_block_held(uint64_t n);

/* Rates of count sequences that are `total` ids a second together. */
void sizing_zipf(double *rates, size_t count, double total); /* the k-th has 1/k of the first */
void sizing_equal(double *rates, size_t count, double total);

#endif
