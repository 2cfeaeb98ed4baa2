/* SPDX-License-Identifier: Apache-2.0 */
/* The memory store's tree against a plain array, and what pawl_store_open refuses. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NAMES_MAX = 300, SEEDS = 20, STEPS = 600 };

static const pawl_definition defaults = {0};

/* What the store should hold: a sorted array of names that are numbers. */
struct model {
    uint64_t random;
    struct pawl_source *store;
    bool exists[NAMES_MAX];
    bool dropped[NAMES_MAX];
    uint64_t epoch[NAMES_MAX];
    size_t seen;   /* of a listing */
    size_t listed; /* the name that the listing saw last, plus 1 */
};

static void name_of(size_t number, char name[8])
{
    (void)snprintf(name, 8, "s%03zu", number);
}

static void answered(struct pawl_ask *ask)
{
    (void)ask;
}

static pawl_err do_ask(struct model *model, struct pawl_ask *ask)
{
    ask->done = answered;
    pawl_source_ask(model->store, ask);
    assert_true(ask->pending);
    assert_true(model->store->ops->turn(model->store, 1) == PAWL_NEVER);
    assert_false(ask->pending);
    return ask->error.code;
}

static void change_one(struct model *model, uint64_t seed)
{
    size_t number = pawl_random(&model->random) % NAMES_MAX;
    bool drop = pawl_random(&model->random) % 3 == 0;
    bool live = model->exists[number] && !model->dropped[number];
    struct pawl_record record = {0};
    char name[8];
    struct pawl_ask ask = {
        .kind = drop ? PAWL_ASK_DROP : PAWL_ASK_CREATE, .definition = &defaults, .record = &record};

    name_of(number, name);
    ask.name = (struct pawl_bytes){name, strlen(name)};
    pawl_err err = do_ask(model, &ask);
    pawl_err expected = drop ? (live ? PAWL_OK : PAWL_NO_SEQUENCE) : live ? PAWL_EXISTS : PAWL_OK;

    if (err != expected) {
        fail_msg("seed %llu: %s of %s gave %s", (unsigned long long)seed, drop ? "drop" : "create",
                 name, pawl_err_name(err));
    }
    if (err != PAWL_OK) return;
    assert_true(record.epoch > model->epoch[number]);
    model->epoch[number] = record.epoch;
    model->exists[number] = true;
    model->dropped[number] = drop;
}

static struct model *listing;

static void each(struct pawl_page *page, const struct pawl_record *record)
{
    char name[8];
    struct model *model = listing;

    (void)page;
    while (model->listed < NAMES_MAX &&
           (!model->exists[model->listed] || model->dropped[model->listed])) {
        model->listed++;
    }
    assert_true(model->listed < NAMES_MAX);
    name_of(model->listed++, name);
    assert_true(
        pawl_bytes_equal(pawl_name_bytes(&record->name), (struct pawl_bytes){name, strlen(name)}));
    model->seen++;
}

static void list_all(struct model *model)
{
    struct pawl_page page = {.count_max = 1 + (uint32_t)(pawl_random(&model->random) % 50),
                             .each = each};
    struct pawl_ask ask = {.kind = PAWL_ASK_LIST, .page = &page};
    size_t expected = 0;

    for (size_t i = 0; i < NAMES_MAX; i++) {
        expected += model->exists[i] && !model->dropped[i];
    }
    model->seen = 0;
    model->listed = 0;
    listing = model;
    do {
        assert_true(do_ask(model, &ask) == PAWL_OK);
    } while (page.more);
    assert_true(model->seen == expected);
}

static void holds_what_an_array_holds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pawl_store_options options = {.seed = seed};
        struct model model = {.random = seed};

        assert_true(pawl_store_open("memory:", &options, &model.store, NULL) == PAWL_OK);
        for (int i = 0; i < STEPS; i++) {
            change_one(&model, seed);
            if (i % 100 == 0) list_all(&model);
        }
        list_all(&model);
        model.store->ops->close(model.store);
    }
}

static void lists_at_least_one_of_none_wanted(void **state)
{
    struct pawl_store_options options = {.seed = 1};
    struct model model = {.random = 1};

    (void)state;
    assert_true(pawl_store_open("memory:", &options, &model.store, NULL) == PAWL_OK);
    change_one(&model, 1);
    change_one(&model, 1);

    struct pawl_page page = {.count_max = 0, .each = each};
    struct pawl_ask ask = {.kind = PAWL_ASK_LIST, .page = &page};
    int pages = 0;

    listing = &model;
    do {
        assert_true(do_ask(&model, &ask) == PAWL_OK && pages++ < 3);
    } while (page.more);
    model.store->ops->close(model.store);
}

static void is_the_same_for_the_same_seed(void **state)
{
    uint64_t epochs[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pawl_store_options options = {.seed = 77};
        struct model model = {0};
        struct pawl_record record = {0};
        struct pawl_ask ask = {.kind = PAWL_ASK_CREATE,
                               .name = PAWL_BYTES("orders"),
                               .definition = &defaults,
                               .record = &record};

        assert_true(pawl_store_open("memory:", &options, &model.store, NULL) == PAWL_OK);
        assert_true(do_ask(&model, &ask) == PAWL_OK);
        epochs[i] = record.epoch;
        model.store->ops->close(model.store);
    }
    assert_true(epochs[0] == epochs[1]);
}

static void refuses_urls_that_cannot_be_meant(void **state)
{
    static const char *const urls[] = {
        "", "memory", "memory:x", "lmdb:", "lmdb://h/x", "MEMORY:", "mysql://", "pawl://a"};
    struct pawl_store_options options = {.seed = 1};
    struct pawl_source *store;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(urls); i++) {
        pawl_error error = {0};

        assert_true(pawl_store_open(urls[i], &options, &store, &error) == PAWL_BAD_REQUEST);
        assert_true(error.code == PAWL_BAD_REQUEST);
        assert_true(strstr(error.text, "lmdb:/folder") != NULL ||
                    strstr(error.text, "memory:") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_an_array_holds),
        cmocka_unit_test(lists_at_least_one_of_none_wanted),
        cmocka_unit_test(is_the_same_for_the_same_seed),
        cmocka_unit_test(refuses_urls_that_cannot_be_meant),
    };

    return cmocka_run_group_tests_name("memory_store", tests, NULL, NULL);
}
