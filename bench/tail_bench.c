/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a refill costs the one who takes: pawl_next at a steady rate, taker on core 0, keeper on
 * core 1, on a store that answers after some milliseconds, with many refills in the measured time.
 * Usage: tail_bench RATE SECONDS [STORE_MS]; without STORE_MS a bare atomic add is taken, which
 * shows what the machine itself does. Prints what pace.h says.
 */
#include <stdio.h>
#include <stdlib.h>

#include "delayed.h"
#include "pace.h"
#include "pawl/pawl.h"
#include "shape.h"

struct taker {
    struct shape_word word;
    pawl_client *client;
    pawl_seq *seq;
    uint64_t version; /* of the record, when it began */
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "tail_bench: %s\n", what);
    exit(1);
}

static void take_bare(void *state)
{
    struct taker *taker = state;
    int64_t id;

    if (shape_word_next(&taker->word, &id) != PAWL_OK) die("no id");
}

static void take_pawl(void *state)
{
    struct taker *taker = state;
    int64_t id;

    if (pawl_next(taker->seq, &id) != PAWL_OK) die("pawl_next failed");
}

static uint64_t version_of(struct taker *taker)
{
    pawl_info info;
    pawl_error error;

    if (pawl_show(taker->client, "orders", &info, &error) != PAWL_OK) die(error.text);
    return info.version;
}

static void begin(void *state)
{
    struct taker *taker = state;

    taker->version = version_of(taker);
}

static uint64_t refills(void *state)
{
    struct taker *taker = state;

    return version_of(taker) - taker->version;
}

/* Every refill interval brings a refill, so it is short here: ten a second. */
static void open_client(struct taker *taker, const char *store_ms)
{
    const pawl_options options = {.ride_through_ns = UINT64_C(400000000),
                                  .refill_interval_ns = UINT64_C(100000000)};
    char url[32];
    pawl_error error = {.text = ""};

    delayed_register();
    (void)snprintf(url, sizeof url, "delayed:%s", store_ms);
    pace_pin(1); /* the keeper's thread stays there */
    if (pawl_open(url, &options, &taker->client, &error) != PAWL_OK ||
        pawl_create(taker->client, "orders", NULL, &error) != PAWL_OK ||
        pawl_seq_open(taker->client, "orders", &taker->seq, &error) != PAWL_OK) {
        die(error.text);
    }
}

int main(int argc, char **argv)
{
    static struct taker taker;
    struct pace pace = {.subject = "bare add", .take = take_bare, .state = &taker};

    if (argc != 3 && argc != 4) {
        (void)fprintf(stderr, "usage: tail_bench RATE SECONDS [STORE_MS]\n");
        return 2;
    }
    pace.rate = strtoull(argv[1], NULL, 10);
    pace.seconds = strtod(argv[2], NULL);
    if (pace.rate == 0) die("RATE is 0");
    if (argc == 4) {
        open_client(&taker, argv[3]);
        pace.subject = "pawl_next";
        pace.take = take_pawl;
        pace.warm = begin;
        pace.refills = refills;
    }
    pace_pin(0);
    pace_run(&pace);
    pawl_close(taker.client);
    return 0;
}
