/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sequence costs by the rate at which its ids are used, from one a day to 10 million a
 * second: writes, ids that a crash burns, seconds that it rides through; for clients straight on a
 * store and behind a pawld. Real keepers on a clock of their own. Then what 10,000 sequences cost
 * on DynamoDB, beside fixed blocks. Fails if the formulas of sizing.h do not hold.
 *
 *     writes_bench [--quick] [--json]
 */
#include "one_seq.h"
#include "options.h"
#include "sizing.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_S          86400.0
#define MILLION_WRITES 0.625 /* USD on demand, us-east-1, since November 2024 */
#define MILLION_READS  0.125 /* consistent, of up to 4 KB */

enum {
    FLEET = 10000, /* sequences of the first published system */
    STRATUM = 40,  /* of them stand together, by rate, for their mean */
    SPREAD_GROW_S = 1800,
};

static const struct sizing sizing = {60, 30};

static struct {
    struct bench_options options;
    const char *comma; /* before the next JSON row */
    int misses;        /* formulas that did not hold */
} run;

struct shape {
    const char *label;
    uint32_t clients, servers;
};

struct row {
    double rate;
    double used;          /* ids a second that were used in fact: they come at random */
    double writes, reads; /* a second */
    double per_million, burned_per_million; /* of the ids used; with no process that ends */
    double held_mean[2], held_most[2];      /* clients, servers */
    double ride_least, ride_mean;           /* seconds; 0: it holds nothing ahead */
};

static double uniform(uint64_t *random)
{
    return (double)(pawl_random(random) >> 11) * 0x1p-53;
}

static void run_s(struct one_seq *seq, double seconds)
{
    one_seq_run(seq, one_seq_now(seq) + (uint64_t)(seconds * 1e9));
}

/* Holdings at random moments, while the counted time goes by. */
static void sample(struct one_seq *seq, double seconds, uint64_t *random, struct row *row)
{
    int samples = run.options.quick ? 100 : 1000;

    for (int i = 0; i < samples; i++) {
        run_s(seq, 2 * uniform(random) * seconds / samples);
        double held[2] = {(double)one_seq_held(seq, false), (double)one_seq_held(seq, true)};

        for (int layer = 0; layer < 2; layer++) {
            row->held_mean[layer] += held[layer] / samples;
            if (held[layer] > row->held_most[layer]) row->held_most[layer] = held[layer];
        }
    }
}

/* Ids served between the loss of the store and the first call that finds nothing, as seconds. */
static void ride(struct one_seq *seq, uint64_t *random, struct row *row)
{
    int trials = run.options.quick ? 5 : 20;

    row->ride_least = INFINITY;
    for (int i = 0; i < trials; i++) {
        run_s(seq, 600 + 60 * uniform(random));
        struct one_seq_counts before = one_seq_counts(seq);

        one_seq_store(seq, false);
        while (one_seq_counts(seq).waited == before.waited) {
            run_s(seq, 0.05);
        }
        double served = (double)(one_seq_counts(seq).taken - before.taken) / row->rate;

        row->ride_mean += served / trials;
        if (served < row->ride_least) row->ride_least = served;
        one_seq_store(seq, true);
    }
}

static struct row measure(double rate, const struct shape *shape)
{
    const struct one_seq_settings settings = {
        .pace = {60 * PAWL_NS_PER_S, 30 * PAWL_NS_PER_S, 1000},
        .clients = shape->clients,
        .servers = shape->servers,
        .rate = rate,
        .step_ns = 50 * PAWL_NS_PER_MS,
        .seed = 1,
    };
    double counted_s =
        fmax(run.options.quick ? 600 : 3600, (run.options.quick ? 100 : 1000) / rate);
    struct row row = {.rate = rate};
    struct one_seq *seq = one_seq_new(&settings);
    uint64_t random = 2;

    run_s(seq, fmax(600, 20 / rate));
    struct one_seq_counts before = one_seq_counts(seq);
    uint64_t begun_ns = one_seq_now(seq);

    sample(seq, counted_s, &random, &row);
    struct one_seq_counts after = one_seq_counts(seq);

    counted_s = (double)(one_seq_now(seq) - begun_ns) / 1e9;
    row.writes = (double)(after.writes - before.writes) / counted_s;
    row.reads = (double)(after.reads - before.reads) / counted_s;
    double used = (double)(after.taken - before.taken);

    row.used = used / counted_s;
    row.per_million = 1e6 * (double)(after.writes - before.writes) / used;
    row.burned_per_million = 1e6 * (double)(after.burned - before.burned) / used;
    if (sizing_is_steady(&sizing, rate / shape->clients)) ride(seq, &random, &row);
    one_seq_audit(seq);
    one_seq_free(seq);
    return row;
}

/* Formulas. */

struct claim {
    const char *what;
    double found, said;
    double under, over; /* as shares of what is said */
};

static void hold(const struct row *row, const struct shape *shape, const struct claim *claim)
{
    bool holds = claim->found >= claim->said * (1 - claim->under) &&
                 claim->found <= claim->said * (1 + claim->over);

    if (holds) return;
    (void)fprintf(stderr, "writes_bench: %s, %g ids/s: %s: %g, and the formula says %g\n",
                  shape->label, row->rate, claim->what, claim->found, claim->said);
    run.misses++;
}

/* Clients lease in large pieces, so a server has its most for long, or seldom: only that is held
 * against the formula. */
static void check(const struct row *row, const struct shape *shape)
{
    uint32_t holders = shape->servers > 0 ? 1 : shape->clients;
    double one = row->used / holders;
    double client = row->used / shape->clients;
    bool near = sizing_is_near(&sizing, client) || sizing_is_near(&sizing, one);
    const struct claim claims[] = {
        {"writes a second", row->writes, holders * sizing_writes(&sizing, one),
         near ? 1 : SIZING_WRITES_UNDER, near ? SIZING_NEAR_OVER : SIZING_WRITES_OVER},
        {"reads a second", row->reads, holders / sizing.refill_interval_s, 1, SIZING_WRITES_OVER},
        {"ids held in clients", row->held_mean[0],
         shape->clients * sizing_held_mean(&sizing, client), SIZING_HELD, SIZING_HELD},
        {"most ids held in clients", row->held_most[0],
         shape->clients * sizing_held_most(&sizing, client), 1, SIZING_HELD},
        {"most ids held in the server", row->held_most[1],
         shape->servers * sizing_held_most(&sizing, row->used), 1, SIZING_HELD},
    };

    for (size_t i = 0; i < (near ? 2 : PAWL_COUNT(claims)); i++) {
        hold(row, shape, &claims[i]);
    }
}

static void print_row(const struct row *row, const struct shape *shape)
{
    if (run.options.json) {
        printf("%s\n    {\"shape\": \"%s\", \"clients\": %u, \"servers\": %u, \"ids_per_s\": %.8g, "
               "\"writes_per_30_s\": %.4g, \"reads_per_30_s\": %.4g, \"writes_per_million\": %.5g, "
               "\"burned_per_million\": %.5g, \"clients_held_mean\": %.5g, "
               "\"clients_held_most\": %.5g, \"servers_held_mean\": %.5g, "
               "\"servers_held_most\": %.5g, \"ride_least_s\": %.4g, \"ride_mean_s\": %.4g}",
               run.comma, shape->label, shape->clients, shape->servers, row->rate, row->writes * 30,
               row->reads * 30, row->per_million, row->burned_per_million, row->held_mean[0],
               row->held_most[0], row->held_mean[1], row->held_most[1], row->ride_least,
               row->ride_mean);
        run.comma = ",";
        return;
    }
    printf("%12.6g %8.3g %8.3g %14.5g %14.5g %12.5g %12.5g %12.5g %12.5g %8.1f %8.1f\n", row->rate,
           row->writes * 30, row->reads * 30, row->per_million, row->burned_per_million,
           row->held_mean[0], row->held_most[0], row->held_mean[1], row->held_most[1],
           row->ride_least, row->ride_mean);
}

static void measure_rates(void)
{
    static const struct shape shapes[] = {
        {"one client on a store", 1, 0},
        {"one client behind pawld", 1, 1},
        {"ten clients on a store", 10, 0},
        {"ten clients behind pawld", 10, 1},
    };
    static const double rates[] = {1 / DAY_S, 10 / DAY_S, 100 / DAY_S, 1000 / DAY_S, 1e4 / DAY_S,
                                   1,         1e1,        1e2,         1e3,          1e4,
                                   1e5,       1e6,        1e7};

    if (run.options.json) printf("  \"rates\": [");
    run.comma = "";
    for (size_t i = 0; i < PAWL_COUNT(shapes); i++) {
        if (!run.options.json) {
            printf("\n== %s ==\n%12s %8s %8s %14s %14s %12s %12s %12s %12s %8s %8s\n",
                   shapes[i].label, "ids/s", "w/30 s", "r/30 s", "writes/million", "burned/million",
                   "clients:mean", "most", "pawld:mean", "most", "ride >=", "mean s");
        }
        for (size_t j = 0; j < PAWL_COUNT(rates); j++) {
            struct row row = measure(rates[j], &shapes[i]);

            check(&row, &shapes[i]);
            print_row(&row, &shapes[i]);
        }
    }
    if (run.options.json) printf("],\n");
}

/* The fleet on DynamoDB. */

struct bill {
    double writes, reads; /* a month */
    double crash, clean;  /* ids burned by the end of the one process that holds all */
};

struct variant {
    const char *label;
    uint64_t interval_s, block;
};

static void bill_sequence(double rate, double weight, const struct variant *variant, uint64_t seed,
                          struct bill *bill)
{
    const struct one_seq_settings settings = {
        .pace = {60 * PAWL_NS_PER_S, variant->interval_s * PAWL_NS_PER_S, 1000},
        .block = variant->block,
        .clients = 1,
        .rate = rate,
        .step_ns = 200 * PAWL_NS_PER_MS,
        .seed = seed,
    };
    /* Long enough for some blocks, and ended at a random moment. */
    double counted_s = run.options.quick ? 1200 : 7200;
    struct one_seq *seq = one_seq_new(&settings);

    if (variant->block > 0) counted_s = fmin(fmax(counted_s, 20 * 500 / rate), 40 * counted_s);
    run_s(seq, SPREAD_GROW_S + 997 * (double)(seed % 600) / 600);
    struct one_seq_counts before = one_seq_counts(seq);

    run_s(seq, counted_s);
    struct one_seq_counts after = one_seq_counts(seq);
    double scale = weight * SIZING_MONTH_S / counted_s;

    bill->writes += scale * (double)(after.writes - before.writes);
    bill->reads += scale * (double)(after.reads - before.reads);
    bill->crash += weight * (double)one_seq_held(seq, false);
    one_seq_audit(seq);
    one_seq_client_stop(seq, 0, true);
    bill->clean += weight * (double)(one_seq_counts(seq).burned - after.burned);
    one_seq_free(seq);
}

static struct bill bill_fleet(const double *rates, bool equal, const struct variant *variant)
{
    size_t stratum = equal || run.options.quick ? FLEET / 50 : STRATUM;
    struct bill bill = {0, 0, 0, 0};

    for (size_t at = 0; at < FLEET; at += stratum) {
        double sum = 0;

        for (size_t i = at; i < at + stratum; i++) {
            sum += rates[i];
        }
        bill_sequence(sum / (double)stratum, (double)stratum, variant, at + 1, &bill);
    }
    return bill;
}

static void print_bill(const char *spread, double total, const char *label, const struct bill *bill)
{
    double usd = bill->writes / 1e6 * MILLION_WRITES + bill->reads / 1e6 * MILLION_READS;

    if (run.options.json) {
        printf("%s\n    {\"spread\": \"%s\", \"ids_per_s\": %.8g, \"way\": \"%s\", "
               "\"write_units_per_month\": %.5g, \"read_units_per_month\": %.5g, "
               "\"usd_per_month\": %.5g, \"crash_burns\": %.5g, \"clean_stop_burns\": %.5g}",
               run.comma, spread, total, label, bill->writes, bill->reads, usd, bill->crash,
               bill->clean);
        run.comma = ",";
        return;
    }
    printf("%-6s %9.0f  %-26s %12.2f %12.2f %9.2f %12.4g %12.4g\n", spread, total, label,
           bill->writes / 1e6, bill->reads / 1e6, usd, bill->crash, bill->clean);
}

static void bill_spread(const char *name, double total, bool equal)
{
    static const struct variant variants[] = {
        {"pawl", 30, 0},
        {"pawl, interval 10 min", 600, 0},
        {"pawl, BLOCK 500", 30, 500},
        {"pawl, BLOCK 500, 10 min", 600, 500},
    };
    static double rates[FLEET];

    (equal ? sizing_equal : sizing_zipf)(rates, FLEET, total);
    for (size_t i = 0; i < PAWL_COUNT(variants); i++) {
        struct bill bill = bill_fleet(rates, equal, &variants[i]);

        print_bill(name, total, variants[i].label, &bill);
    }
    for (uint64_t n = 500; n <= 1000; n += 500) {
        double burned = FLEET * sizing_block_held(n);
        struct bill bill = {SIZING_MONTH_S * sizing_block_writes(n, total), 0, burned, burned};

        print_bill(name, total, n == 500 ? "fixed blocks of 500" : "fixed blocks of 1,000", &bill);
    }
}

static void bill_all(void)
{
    static const double totals[] = {1e3, 1e4, 1e5, 1e6};

    if (run.options.json) {
        printf("  \"dynamodb\": [");
    } else {
        printf("\n== %d sequences on DynamoDB, a month, one process that holds them ==\n", FLEET);
        printf("%-6s %9s  %-26s %12s %12s %9s %12s %12s\n", "spread", "ids/s", "", "million WRU",
               "million RRU", "USD", "crash burns", "clean burns");
    }
    run.comma = "";
    for (size_t i = 0; i < PAWL_COUNT(totals); i++) {
        bill_spread("Zipf", totals[i], false);
        bill_spread("equal", totals[i], true);
    }
    if (run.options.json) printf("]\n}\n");
}

int main(int argc, char **argv)
{
    if (!bench_options_read(&run.options, argc, argv)) return 2;
    if (run.options.json) printf("{\n");
    measure_rates();
    bill_all();
    return run.misses > 0 ? 1 : 0;
}
