/* SPDX-License-Identifier: Apache-2.0 */
#include "range/source.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A source that keeps what it is asked until told, or breaks the contract on purpose. */
struct drawer {
    struct pawl_source source;
    struct pawl_asks asks;
    struct pawl_source *below; /* where asks are handed down to; NULL: kept */
    bool hasty;                /* answers from inside ask */
};

static void drawer_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct drawer *drawer = PAWL_OWNER(self, struct drawer, source);

    if (drawer->below != NULL) {
        pawl_source_ask(drawer->below, ask);
    } else if (drawer->hasty) {
        pawl_ask_answer(ask);
    } else {
        pawl_asks_add(&drawer->asks, ask);
    }
}

static const struct pawl_source_ops drawer_ops = {.scheme = "drawer", .ask = drawer_ask};

/* An ask that counts its answers. */
struct caller {
    struct pawl_ask ask;
    int answers;
};

static void count_answer(struct pawl_ask *ask)
{
    PAWL_OWNER(ask, struct caller, ask)->answers++;
}

static struct caller new_caller(enum pawl_ask_kind kind)
{
    return (struct caller){
        .ask = {.kind = kind, .name = PAWL_BYTES("s"), .count = 1, .done = count_answer},
    };
}

static void lists_keep_their_order(void **state)
{
    struct pawl_ask ask[4] = {{.count = 0}, {.count = 1}, {.count = 2}, {.count = 3}};
    struct pawl_asks asks = {0};

    (void)state;
    assert_null(pawl_asks_pop(&asks));
    for (size_t i = 0; i < 4; i++) {
        pawl_asks_add(&asks, &ask[i]);
    }
    assert_true(pawl_asks_remove(&asks, &ask[3])); /* the last: the end moves back */
    assert_false(pawl_asks_remove(&asks, &ask[3]));
    assert_true(pawl_asks_remove(&asks, &ask[1]));
    pawl_asks_add(&asks, &ask[1]);
    assert_ptr_equal(pawl_asks_pop(&asks), &ask[0]);
    assert_ptr_equal(pawl_asks_pop(&asks), &ask[2]);
    assert_true(pawl_asks_remove(&asks, &ask[1]));
    assert_null(pawl_asks_pop(&asks));
    pawl_asks_add(&asks, &ask[0]); /* emptied lists go on */
    assert_ptr_equal(pawl_asks_pop(&asks), &ask[0]);
    assert_null(pawl_asks_pop(&asks));
}

static void an_ask_is_answered_once_and_can_be_asked_again(void **state)
{
    struct drawer drawer = {.source = {&drawer_ops}};
    struct caller caller = new_caller(PAWL_ASK_TAKE);

    (void)state;
    for (int round = 1; round <= 2; round++) {
        caller.ask.error.code = PAWL_LOST; /* of the time before: must not survive */
        caller.ask.grant.range.count = 9;
        pawl_source_ask(&drawer.source, &caller.ask);
        assert_int_equal(caller.answers, round - 1);
        assert_int_equal(caller.ask.error.code, PAWL_OK);
        assert_int_equal(caller.ask.grant.range.count, 0);
        pawl_ask_answer(pawl_asks_pop(&drawer.asks));
        assert_int_equal(caller.answers, round);
    }
}

static void an_error_carries_its_text_and_no_ids(void **state)
{
    struct drawer drawer = {.source = {&drawer_ops}};
    struct caller caller = new_caller(PAWL_ASK_NEXT);

    (void)state;
    pawl_source_ask(&drawer.source, &caller.ask);
    caller.ask.grant.range = (struct pawl_range){1, 1, 5};
    pawl_ask_fail(&caller.ask, PAWL_STORE, "the disk is %s", "full");
    assert_int_equal(caller.answers, 1);
    assert_int_equal(caller.ask.error.code, PAWL_STORE);
    assert_string_equal(caller.ask.error.text, "the disk is full");
    assert_int_equal(caller.ask.grant.range.count, 0);
}

static void a_layer_may_hand_an_ask_down(void **state)
{
    struct drawer below = {.source = {&drawer_ops}};
    struct drawer above = {.source = {&drawer_ops}, .below = &below.source};
    struct caller caller = new_caller(PAWL_ASK_READ);

    (void)state;
    pawl_source_ask(&above.source, &caller.ask);
    pawl_ask_answer(pawl_asks_pop(&below.asks));
    assert_int_equal(caller.answers, 1);
}

static void answer_twice(void)
{
    struct drawer drawer = {.source = {&drawer_ops}};
    struct caller caller = new_caller(PAWL_ASK_READ);

    pawl_source_ask(&drawer.source, &caller.ask);
    pawl_ask_answer(&caller.ask);
    pawl_ask_answer(&caller.ask);
}

static void answer_from_inside(void)
{
    struct drawer drawer = {.source = {&drawer_ops}, .hasty = true};
    struct caller caller = new_caller(PAWL_ASK_READ);

    pawl_source_ask(&drawer.source, &caller.ask);
}

static void answer_a_read_with_ids(void)
{
    struct drawer drawer = {.source = {&drawer_ops}};
    struct caller caller = new_caller(PAWL_ASK_READ);

    pawl_source_ask(&drawer.source, &caller.ask);
    caller.ask.grant = (struct pawl_grant){.range = {1, 1, 1}, .line = 1};
    pawl_ask_answer(&caller.ask);
}

static void ask_without_a_name(void)
{
    struct drawer drawer = {.source = {&drawer_ops}};
    struct caller caller = new_caller(PAWL_ASK_READ);

    caller.ask.name.size = 0;
    pawl_source_ask(&drawer.source, &caller.ask);
}

static void fail_without_an_error(void)
{
    struct drawer drawer = {.source = {&drawer_ops}};
    struct caller caller = new_caller(PAWL_ASK_READ);

    pawl_source_ask(&drawer.source, &caller.ask);
    pawl_ask_fail(&caller.ask, PAWL_OK, "nothing");
}

/* A child does it, so that the abort is the child's. */
static bool aborts(void (*breach)(void))
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO);
        breach();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status);
}

static void every_breach_of_the_contract_is_caught(void **state)
{
    (void)state;
    assert_true(aborts(answer_twice));
    assert_true(aborts(answer_from_inside));
    assert_true(aborts(answer_a_read_with_ids));
    assert_true(aborts(ask_without_a_name));
    assert_true(aborts(fail_without_an_error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(an_ask_is_answered_once_and_can_be_asked_again),
        cmocka_unit_test(an_error_carries_its_text_and_no_ids),
        cmocka_unit_test(a_layer_may_hand_an_ask_down),
        cmocka_unit_test(every_breach_of_the_contract_is_caught),
    };

    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
