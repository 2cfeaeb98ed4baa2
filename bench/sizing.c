/* SPDX-License-Identifier: Apache-2.0 */
#include "sizing.h"

bool sizing_is_steady(const struct sizing *sizing, double rate)
{
    return rate * sizing->refill_interval_s >= 1;
}

bool sizing_is_near(const struct sizing *sizing, double rate)
{
    double ids = rate * sizing->refill_interval_s;

    return ids > 0.02 && ids < 50;
}

double sizing_writes(const struct sizing *sizing, double rate)
{
    return sizing_is_steady(sizing, rate) ? 1 / sizing->refill_interval_s : rate;
}

double sizing_held_mean(const struct sizing *sizing, double rate)
{
    if (!sizing_is_steady(sizing, rate)) return 0;
    return rate * (sizing->ride_through_s + sizing->refill_interval_s / 2);
}

double sizing_held_most(const struct sizing *sizing, double rate)
{
    if (!sizing_is_steady(sizing, rate)) return 0;
    return rate * (sizing->ride_through_s + sizing->refill_interval_s);
}

double sizing_ride_least(const struct sizing *sizing, double rate)
{
    return sizing_is_steady(sizing, rate) ? sizing->ride_through_s : 0;
}

double sizing_ride_mean(const struct sizing *sizing, double rate)
{
    return rate > 0 ? sizing_held_mean(sizing, rate) / rate : 0;
}

double sizing_block_writes(uint64_t n, double rate)
{
    return rate / (double)n;
}

double sizing_block_held(uint64_t n)
{
    return (double)n / 2;
}

void sizing_zipf(double *rates, size_t count, double total)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += 1 / (double)(i + 1);
    }
    for (size_t i = 0; i < count; i++) {
        rates[i] = total / sum / (double)(i + 1);
    }
}

void sizing_equal(double *rates, size_t count, double total)
{
    for (size_t i = 0; i < count; i++) {
        rates[i] = total / (double)count;
    }
}
