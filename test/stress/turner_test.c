/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's thread under many askers, and its end: with a store, and with one that is mute. */
#include "net/turner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants some of them */
#include <cmocka.h>

#include "base/clock.h"
#include "store/store.h"

enum { ASKERS = 4, ROUNDS = 2000 };

struct asker {
    struct pawl_turner *turner;
    struct pawl_ask ask;
    struct pawl_mail mail;
    uv_sem_t answered;
    uint64_t failures;
    int64_t last;
};

static void wake(void *arg)
{
    pawl_turner_wake(*(struct pawl_turner **)arg);
}

static struct pawl_keeper_settings settings_of(struct pawl_turner **turner)
{
    return (struct pawl_keeper_settings){
        .pace = {.ride_through_ns = PAWL_NS_PER_S,
                 .refill_interval_ns = PAWL_NS_PER_S,
                 .max_blocks = 1000},
        .retry_least_ns = 10 * PAWL_NS_PER_MS,
        .retry_most_ns = PAWL_NS_PER_S,
        .seed = 1,
        .wake = wake,
        .arg = turner,
    };
}

static void ask_done(struct pawl_ask *ask)
{
    uv_sem_post(&PAWL_OWNER(ask, struct asker, ask)->answered);
}

static void at_keeper(struct pawl_mail *mail)
{
    struct asker *asker = PAWL_OWNER(mail, struct asker, mail);

    pawl_turner_ask(asker->turner, &asker->ask);
}

static void asker_init(struct asker *asker, struct pawl_turner *turner)
{
    *asker = (struct asker){.turner = turner, .mail = {.act = at_keeper}};
    assert_int_equal(uv_sem_init(&asker->answered, 0), 0);
}

static pawl_err ask(struct asker *asker, enum pawl_ask_kind kind, uint64_t count)
{
    asker->ask =
        (struct pawl_ask){.kind = kind, .name = PAWL_BYTES("s"), .count = count, .done = ask_done};
    pawl_turner_post(asker->turner, &asker->mail);
    uv_sem_wait(&asker->answered);
    return asker->ask.error.code;
}

static void *take_many(void *arg)
{
    struct asker *asker = arg;

    for (int i = 0; i < ROUNDS; i++) {
        int64_t before = asker->last;

        if (ask(asker, PAWL_ASK_NEXT, 1) != PAWL_OK) {
            asker->failures++;
            continue;
        }
        asker->last = asker->ask.grant.range.first;
        if (asker->last <= before) asker->failures++;
    }
    return NULL;
}

static struct pawl_source *memory_store(void)
{
    const struct pawl_store_options options = {.seed = 1, .refill_interval_ns = PAWL_NS_PER_S};
    struct pawl_source *store = NULL;
    pawl_error error;

    assert_int_equal(pawl_store_open("memory:", &options, &store, &error), PAWL_OK);
    return store;
}

static void many_threads_ask_and_are_answered(void **state)
{
    pawl_error error;
    struct pawl_turner *turner = pawl_turner_new(&error);
    const struct pawl_keeper_settings settings = settings_of(&turner);
    static struct asker askers[ASKERS];
    pthread_t threads[ASKERS];
    uint64_t failures = 0;

    (void)state;
    assert_int_equal(pawl_turner_start(turner, memory_store(), &settings, &error), PAWL_OK);
    for (int i = 0; i < ASKERS; i++) {
        asker_init(&askers[i], turner);
    }
    static const pawl_definition definition = {.given = 0};
    askers[0].ask = (struct pawl_ask){.kind = PAWL_ASK_CREATE,
                                      .name = PAWL_BYTES("s"),
                                      .definition = &definition,
                                      .done = ask_done};
    pawl_turner_post(turner, &askers[0].mail);
    uv_sem_wait(&askers[0].answered);
    assert_int_equal(askers[0].ask.error.code, PAWL_OK);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, &askers[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        failures += askers[i].failures;
    }
    assert_int_equal(failures, 0);

    pawl_turner_drain(turner, PAWL_NS_PER_S);
    assert_int_equal(ask(&askers[0], PAWL_ASK_NEXT, 1), PAWL_CLOSED);
    assert_true(pawl_turner_free(turner));
    for (int i = 0; i < ASKERS; i++) {
        uv_sem_destroy(&askers[i].answered);
    }
}

/* Takes asks and never answers, but when it is closed. */
struct mute {
    struct pawl_source source;
    struct pawl_asks asks;
};

static void mute_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    pawl_asks_add(&PAWL_OWNER(self, struct mute, source)->asks, ask);
}

static uint64_t mute_turn(struct pawl_source *self, uint64_t now_ns)
{
    (void)self;
    (void)now_ns;
    return PAWL_NEVER;
}

static void mute_close(struct pawl_source *self)
{
    struct mute *mute = PAWL_OWNER(self, struct mute, source);
    struct pawl_ask *ask = NULL;

    while ((ask = pawl_asks_pop(&mute->asks)) != NULL) {
        pawl_ask_fail(ask, PAWL_LOST, "it is closed");
    }
    free(mute);
}

static const struct pawl_source_ops mute_ops = {
    .scheme = "mute", .ask = mute_ask, .turn = mute_turn, .close = mute_close};

static void *ask_and_wait(void *arg)
{
    struct asker *asker = arg;

    (void)ask(asker, asker->last == 0 ? PAWL_ASK_READ : PAWL_ASK_NEXT, 1);
    return NULL;
}

static void a_mute_source_does_not_keep_the_end_waiting(void **state)
{
    const uint64_t limit_ns = 100 * PAWL_NS_PER_MS;
    pawl_error error;
    struct pawl_turner *turner = pawl_turner_new(&error);
    const struct pawl_keeper_settings settings = settings_of(&turner);
    struct mute *mute = calloc(1, sizeof *mute);
    struct asker askers[2];
    pthread_t threads[2];

    (void)state;
    assert_non_null(mute);
    mute->source.ops = &mute_ops;
    assert_int_equal(pawl_turner_start(turner, &mute->source, &settings, &error), PAWL_OK);
    for (int i = 0; i < 2; i++) {
        asker_init(&askers[i], turner);
        askers[i].last = i;
        assert_int_equal(pthread_create(&threads[i], NULL, ask_and_wait, &askers[i]), 0);
    }
    uint64_t begun_ns = pawl_clock_ns();
    pawl_turner_drain(turner, limit_ns);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_not_equal(askers[i].ask.error.code, PAWL_OK);
        uv_sem_destroy(&askers[i].answered);
    }
    (void)pawl_turner_free(turner);
    assert_true(pawl_clock_ns() - begun_ns < 50 * limit_ns);
}

static void it_may_end_before_it_began(void **state)
{
    pawl_error error;

    (void)state;
    (void)pawl_turner_free(pawl_turner_new(&error));
    assert_true(pawl_turner_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_ask_and_are_answered),
        cmocka_unit_test(a_mute_source_does_not_keep_the_end_waiting),
        cmocka_unit_test(it_may_end_before_it_began),
    };

    return cmocka_run_group_tests_name("turner", tests, NULL, NULL);
}
