/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/histogram.h"

static const double warm_up_s = 1.5; /* until blocks have grown */

void pace_pin(int core)
{
    cpu_set_t cores;

    CPU_ZERO(&cores);
    CPU_SET((size_t)core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0) perror("sched_setaffinity");
}

static void add(struct histogram *histogram, uint64_t took_ns, uint64_t step_ns)
{
    histogram_add(histogram, took_ns);
    while (took_ns > step_ns) {
        took_ns -= step_ns;
        histogram_add(histogram, took_ns);
    }
}

/* Returns how many calls there were. */
static uint64_t take_for(const struct pace *pace, double seconds, struct histogram *histogram)
{
    const uint64_t step_ns = PAWL_NS_PER_S / pace->rate;
    uint64_t due_ns = pawl_clock_ns();
    uint64_t end_ns = due_ns + (uint64_t)(seconds * 1e9);
    uint64_t count = 0;

    for (; due_ns < end_ns; count++) {
        uint64_t begun_ns = pawl_clock_ns();

        while (begun_ns < due_ns) {
            begun_ns = pawl_clock_ns();
        }
        pace->take(pace->state);
        uint64_t ended_ns = pawl_clock_ns();
        add(histogram, ended_ns - begun_ns, step_ns);
        due_ns = ended_ns > due_ns + step_ns ? ended_ns : due_ns + step_ns;
    }
    return count;
}

void pace_run(const struct pace *pace)
{
    static const struct {
        const char *name;
        double share;
    } shares[] = {
        {"p50_us", 0.5}, {"p99_us", 0.99}, {"p999_us", 0.999}, {"p9999_us", 0.9999}, {"max_us", 1}};
    static struct histogram warming;
    static struct histogram histogram;

    (void)take_for(pace, warm_up_s, &warming);
    if (pace->warm != NULL) pace->warm(pace->state);
    uint64_t begun_ns = pawl_clock_ns();
    uint64_t count = take_for(pace, pace->seconds, &histogram);
    double took_s = (double)(pawl_clock_ns() - begun_ns) / 1e9;
    printf("{\"subject\": \"%s\", \"rate\": %" PRIu64 ", \"calls\": %" PRIu64
           ", \"achieved\": %.0f",
           pace->subject, pace->rate, count, (double)count / took_s);
    for (size_t i = 0; i < PAWL_COUNT(shares); i++) {
        printf(", \"%s\": %.3f", shares[i].name,
               (double)histogram_share(&histogram, shares[i].share) / 1e3);
    }
    if (pace->refills != NULL) printf(", \"refills\": %" PRIu64, pace->refills(pace->state));
    printf("}\n");
}
