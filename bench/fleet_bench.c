/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A day of fleets of 10, 100 and 1,000 servers, with 100 clients and 1,000 sequences for each. A
 * sample of sequences is simulated exactly, each with all its clients and the servers that may
 * serve it; what they cost is scaled to the fleet. Then one whole server on its own, through an
 * outage of its store: what its sequences share, the sample cannot show. docs/sizing.md tells the
 * results.
 *
 *     fleet_bench [--quick] [--json]
 */
#include "one_seq.h"
#include "options.h"
#include "sizing.h"
#include "whole_server.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE = 10000, /* sequences whose rates are one Zipf spread; a fleet has many such */
    CLIENTS_PER_SERVER = 100,
    SEQUENCES_PER_SERVER = 1000,
    CELL_MAX = 25, /* servers in a client's URL; it takes 32 */
    HOUR_S = 3600,
    WARM_S = HOUR_S, /* before the day */
    DAY_S = 24 * HOUR_S,
    SECONDS = WARM_S + DAY_S,
    BUCKET_S = 10,
    EVENTS_MAX = 256,
};

#define TILE_IDS_PER_S 1000.0 /* at the busiest hour: 0.1 a second for each sequence */
#define CRASHES        0.05   /* share of processes that are killed in the day */

static struct {
    struct bench_options options;
    const char *comma;
} run;

/* The day: its phases, each with one kind of trouble. */

enum phase { NIGHT, CRASHED, SERVERS_ANEW, CLIENTS_ANEW, REGION, STORE, PHASES };

static const struct {
    const char *label;
    uint64_t begin_s; /* of the day */
} phases[PHASES + 1] = {
    {"0:00, nothing happens", 0},
    {"6:00, 5 % of all are killed", 6 * HOUR_S},
    {"10:00, every server anew", 10 * HOUR_S},
    {"14:00, every client anew", 14 * HOUR_S},
    {"18:00, a region is lost for 30 min", 18 * HOUR_S},
    {"20:00, no store for 5 min", 20 * HOUR_S},
    {"24:00", DAY_S},
};

enum event_kind {
    SERVER_STOP,
    SERVER_KILL,
    SERVER_START,
    CLIENT_STOP,
    CLIENT_KILL,
    CLIENT_START,
    STORE_AWAY,
    STORE_BACK
};

struct event {
    uint64_t at_s;
    enum event_kind kind;
    uint32_t who;
};

struct script {
    struct event events[EVENTS_MAX];
    size_t count;
};

/* From a fifth of the busiest hour's use at 4:00 to all of it at 16:00. */
static double curve(uint64_t now_ns)
{
    double hour = ((double)now_ns / 1e9 - WARM_S) / HOUR_S;

    return 0.6 - 0.4 * cos((hour - 4) * M_PI / 12);
}

static void add(struct script *script, uint64_t at_s, enum event_kind kind, uint32_t who)
{
    if (script->count == EVENTS_MAX) exit(1);
    script->events[script->count++] = (struct event){at_s, kind, who};
}

static int by_time(const void *a, const void *b)
{
    const struct event *left = a;
    const struct event *right = b;

    return left->at_s < right->at_s ? -1 : left->at_s > right->at_s;
}

static double uniform(uint64_t *random)
{
    return (double)(pawl_random(random) >> 11) * 0x1p-53;
}

static void killed(struct script *script, uint32_t count, enum event_kind kind, uint64_t *random)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at_s = 6 * HOUR_S + (uint64_t)(uniform(random) * 2 * HOUR_S);

        if (uniform(random) >= CRASHES) continue;
        add(script, at_s, kind, i);
        add(script, at_s + 10, kind == SERVER_KILL ? SERVER_START : CLIENT_START, i);
    }
}

/* What happens to one sequence's cell and clients. */
static void write_script(struct script *script, uint32_t cell, uint32_t clients, uint64_t *random)
{
    killed(script, cell, SERVER_KILL, random);
    killed(script, clients, CLIENT_KILL, random);
    for (uint32_t i = 0; i < cell; i++) { /* one after the other */
        add(script, 10 * HOUR_S + 60 * i, SERVER_STOP, i);
        add(script, 10 * HOUR_S + 60 * i + 10, SERVER_START, i);
    }
    for (uint32_t i = 0; i < clients; i++) {
        add(script, 14 * HOUR_S + 60 * i, CLIENT_STOP, i);
        add(script, 14 * HOUR_S + 60 * i + 10, CLIENT_START, i);
    }
    uint32_t region = (uint32_t)(pawl_random(random) % 3);

    for (uint32_t i = region; i < cell; i += 3) {
        add(script, 18 * HOUR_S, SERVER_KILL, i);
        add(script, 18 * HOUR_S + 1800, SERVER_START, i);
    }
    for (uint32_t i = region; i < clients; i += 3) {
        add(script, 18 * HOUR_S, CLIENT_KILL, i);
        add(script, 18 * HOUR_S + 1800, CLIENT_START, i);
    }
    add(script, 20 * HOUR_S, STORE_AWAY, 0);
    add(script, 20 * HOUR_S + 300, STORE_BACK, 0);
    qsort(script->events, script->count, sizeof script->events[0], by_time);
}

static void play(struct one_seq *seq, const struct event *event)
{
    switch (event->kind) {
    case SERVER_STOP:
    case SERVER_KILL:
        one_seq_server_stop(seq, event->who, event->kind == SERVER_STOP);
        break;
    case SERVER_START:
        one_seq_server_start(seq, event->who);
        break;
    case CLIENT_STOP:
    case CLIENT_KILL:
        one_seq_client_stop(seq, event->who, event->kind == CLIENT_STOP);
        break;
    case CLIENT_START:
        one_seq_client_start(seq, event->who);
        break;
    case STORE_AWAY:
    case STORE_BACK:
        one_seq_store(seq, event->kind == STORE_BACK);
        break;
    }
}

/* A fleet. All counts are of the sample until they are scaled. */

struct phase_sums {
    double writes, reads, leases, taken, burned, waited, failed;
};

struct fleet {
    uint32_t servers;
    double scale; /* sequences that one of the sample stands for */
    struct phase_sums phases[PHASES];
    double server_holdings, client_holdings; /* at the busiest hour */
    uint32_t *writes_at;
};

static void sum_up(struct phase_sums *sums, struct one_seq_counts from, struct one_seq_counts to)
{
    sums->writes += (double)(to.writes - from.writes);
    sums->reads += (double)(to.reads - from.reads);
    sums->leases += (double)(to.leases - from.leases);
    sums->taken += (double)(to.taken - from.taken);
    sums->burned += (double)to.burned - (double)from.burned;
    sums->waited += (double)(to.waited - from.waited);
    sums->failed += (double)(to.failed - from.failed);
}

static void until_s(struct one_seq *seq, uint64_t second_of_day)
{
    one_seq_run(seq, (WARM_S + second_of_day) * PAWL_NS_PER_S);
}

static void one_day(struct fleet *fleet, struct one_seq *seq, const struct script *script)
{
    size_t at = 0;

    until_s(seq, 0);
    for (int phase = 0; phase < PHASES; phase++) {
        struct one_seq_counts before = one_seq_counts(seq);

        for (; at < script->count && script->events[at].at_s < phases[phase + 1].begin_s; at++) {
            until_s(seq, script->events[at].at_s);
            play(seq, &script->events[at]);
        }
        if (phase == CLIENTS_ANEW) {
            until_s(seq, 16 * HOUR_S);
            fleet->server_holdings += one_seq_holders(seq, true);
            fleet->client_holdings += one_seq_holders(seq, false);
        }
        until_s(seq, phases[phase + 1].begin_s);
        sum_up(&fleet->phases[phase], before, one_seq_counts(seq));
    }
    one_seq_audit(seq);
}

/* The busiest tenth is used by ten clients each, the next three tenths by two, the rest by one. */
static uint32_t clients_of(size_t rank)
{
    if (rank < TILE / 10) return 10;
    return rank < TILE * 4 / 10 ? 2 : 1;
}

static void simulate(struct fleet *fleet)
{
    static double rates[TILE];
    size_t sample = run.options.quick ? 50 : 400;
    size_t stratum = TILE / sample;
    uint32_t cell = fleet->servers < CELL_MAX ? fleet->servers : CELL_MAX;
    uint64_t random = fleet->servers;

    sizing_zipf(rates, TILE, TILE_IDS_PER_S);
    fleet->scale = (double)fleet->servers * SEQUENCES_PER_SERVER / (double)sample;
    for (size_t at = 0; at < TILE; at += stratum) {
        struct script script = {.count = 0};
        double sum = 0;

        for (size_t i = at; i < at + stratum; i++) {
            sum += rates[i];
        }
        const struct one_seq_settings settings = {
            .pace = {60 * PAWL_NS_PER_S, 30 * PAWL_NS_PER_S, 1000},
            .clients = clients_of(at),
            .servers = cell,
            .rate = sum / (double)stratum,
            .curve = curve,
            .step_ns = PAWL_NS_PER_S,
            .seed = pawl_random(&random),
            .writes_at = fleet->writes_at,
            .seconds = SECONDS,
        };
        struct one_seq *seq = one_seq_new(&settings);

        write_script(&script, cell, settings.clients, &random);
        one_day(fleet, seq, &script);
        one_seq_free(seq);
    }
}

/* Of all writes in 10 s, the most; in a second. */
static double busiest(const struct fleet *fleet, uint64_t from_s, uint64_t to_s)
{
    double most = 0;

    for (uint64_t at = WARM_S + from_s; at + BUCKET_S <= WARM_S + to_s; at += BUCKET_S) {
        double sum = 0;

        for (uint64_t i = at; i < at + BUCKET_S; i++) {
            sum += fleet->writes_at[i];
        }
        if (sum > most) most = sum;
    }
    return most * fleet->scale / BUCKET_S;
}

static double day(const struct fleet *fleet, size_t field)
{
    double sum = 0;

    for (int i = 0; i < PHASES; i++) {
        sum += *(const double *)(const void *)((const char *)&fleet->phases[i] + field);
    }
    return sum * fleet->scale;
}

/* Servers to which a client of 22 sequences has a connection, and clients that a server has. */
static double dialled(const struct fleet *fleet)
{
    double cell = fleet->servers < CELL_MAX ? fleet->servers : CELL_MAX;
    double sequences = SEQUENCES_PER_SERVER * 2.2 / CLIENTS_PER_SERVER;

    return cell * (1 - pow(1 - 1 / cell, sequences));
}

static void print_phase(const struct fleet *fleet, int phase)
{
    const struct phase_sums *sums = &fleet->phases[phase];
    double hours = (double)(phases[phase + 1].begin_s - phases[phase].begin_s) / HOUR_S;
    double scale = fleet->scale;

    if (run.options.json) {
        printf("%s\n      {\"phase\": \"%s\", \"hours\": %g, \"writes\": %.5g, \"reads\": %.5g, "
               "\"leases\": %.5g, \"ids\": %.5g, \"burned\": %.5g, \"failed\": %.5g}",
               phase > 0 ? "," : "", phases[phase].label, hours, sums->writes * scale,
               sums->reads * scale, sums->leases * scale, sums->taken * scale, sums->burned * scale,
               sums->failed * scale);
        return;
    }
    printf("  %-36s %10.4g %10.4g %10.4g %12.5g %10.4g %10.4g\n", phases[phase].label,
           sums->writes * scale / hours / HOUR_S, sums->reads * scale / hours / HOUR_S,
           sums->leases * scale / hours / HOUR_S, sums->taken * scale, sums->burned * scale,
           sums->failed * scale);
}

static void print_fleet(const struct fleet *fleet)
{
    double sequences = (double)fleet->servers * SEQUENCES_PER_SERVER;
    double calm = busiest(fleet, 0, 6 * HOUR_S);
    double full = busiest(fleet, 16 * HOUR_S, 18 * HOUR_S);
    double region = busiest(fleet, 18 * HOUR_S, 19 * HOUR_S);
    double back = busiest(fleet, 20 * HOUR_S, 21 * HOUR_S);

    if (run.options.json) {
        printf("%s\n    {\"servers\": %u, \"clients\": %u, \"sequences\": %.0f, "
               "\"simulated_sequences\": %.0f, \"ids\": %.5g, \"store_writes\": %.5g, "
               "\"store_reads\": %.5g, \"client_asks\": %.5g, \"burned\": %.5g, \"failed\": %.5g, "
               "\"writes_per_s_16h\": %.5g, \"writes_per_s_region\": %.5g, "
               "\"writes_per_s_store_back\": %.5g, \"holdings_per_server\": %.5g, "
               "\"holdings_per_client\": %.5g, \"connections_per_server\": %.5g, \"phases\": [",
               run.comma, fleet->servers, fleet->servers * CLIENTS_PER_SERVER, sequences,
               sequences / fleet->scale, day(fleet, offsetof(struct phase_sums, taken)),
               day(fleet, offsetof(struct phase_sums, writes)),
               day(fleet, offsetof(struct phase_sums, reads)),
               day(fleet, offsetof(struct phase_sums, leases)),
               day(fleet, offsetof(struct phase_sums, burned)),
               day(fleet, offsetof(struct phase_sums, failed)), full, region, back,
               fleet->server_holdings * fleet->scale / fleet->servers,
               fleet->client_holdings * fleet->scale / fleet->servers / CLIENTS_PER_SERVER,
               dialled(fleet) * CLIENTS_PER_SERVER);
        run.comma = ",";
    } else {
        printf("\n== %u servers, %u clients, %.0f sequences (%.0f of them simulated) ==\n",
               fleet->servers, fleet->servers * CLIENTS_PER_SERVER, sequences,
               sequences / fleet->scale);
        printf("  %-36s %10s %10s %10s %12s %10s %10s\n", "", "writes/s", "reads/s", "leases/s",
               "ids", "burned", "failed");
    }
    for (int i = 0; i < PHASES; i++) {
        print_phase(fleet, i);
    }
    if (run.options.json) {
        printf("]}");
        return;
    }
    printf("  busiest 10 s, writes/s: at night %.4g, 16:00 %.4g, region %.4g, store back %.4g\n",
           calm, full, region, back);
    printf("  in memory at 16:00: %.4g sequences a server, %.4g a client; connections a server "
           "%.0f\n",
           fleet->server_holdings * fleet->scale / fleet->servers,
           fleet->client_holdings * fleet->scale / fleet->servers / CLIENTS_PER_SERVER,
           dialled(fleet) * CLIENTS_PER_SERVER);
}

static void print_server(const struct whole_server *server)
{
    if (run.options.json) {
        printf("%s\n    {\"sequences\": %u, \"bytes_per_sequence\": %.0f, "
               "\"steady_writes_per_s\": %.5g, \"tries_per_s_away\": %.5g, "
               "\"ran_dry_after_s\": %.3g, \"most_writes_per_s_back\": %.5g, "
               "\"all_serve_after_s\": %.4g, \"all_full_after_s\": %.4g}",
               run.comma, server->sequences, server->bytes, server->steady_writes, server->tries,
               server->dry_after_s, server->most_writes, server->serve_after_s,
               server->full_after_s);
        run.comma = ",";
        return;
    }
    printf("%10u %14.0f %10.4g %10.4g %12.0f %12.4g %14.4g %14.4g\n", server->sequences,
           server->bytes, server->steady_writes, server->tries, server->dry_after_s,
           server->most_writes, server->serve_after_s, server->full_after_s);
}

static void measure_servers(void)
{
    static const uint32_t counts[] = {1000, 3000, 10000};
    size_t sizes = run.options.quick ? 1 : PAWL_COUNT(counts);

    if (run.options.json) {
        printf("  \"whole_servers\": [");
    } else {
        printf("\n== one server, all of its sequences at 1 id/s, no store for 3 min ==\n");
        printf("%10s %14s %10s %10s %12s %12s %14s %14s\n", "sequences", "bytes for each",
               "writes/s", "tries/s", "first dry, s", "back: most/s", "all serve, s",
               "all full, s");
    }
    run.comma = "";
    for (size_t i = 0; i < sizes; i++) {
        struct whole_server server = {.sequences = counts[i]};

        whole_server_measure(&server);
        print_server(&server);
    }
    if (run.options.json) printf("]\n}\n");
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {10, 100, 1000};
    static uint32_t writes_at[SECONDS];

    if (!bench_options_read(&run.options, argc, argv)) return 2;
    run.comma = "";
    if (run.options.json) printf("{\n  \"fleets\": [");
    for (size_t i = 0; i < PAWL_COUNT(sizes); i++) {
        struct fleet fleet = {.servers = sizes[i], .writes_at = writes_at};

        memset(writes_at, 0, sizeof writes_at);
        simulate(&fleet);
        print_fleet(&fleet);
    }
    if (run.options.json) printf("],\n");
    measure_servers();
    return 0;
}
