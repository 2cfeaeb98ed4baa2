/* SPDX-License-Identifier: Apache-2.0 */
/* The branch of an etcd: where it is drawn, and what shows that the store went back. */
#include "etcd_world.h"

static void ping(struct probe *probe, struct pawl_identity *identity)
{
    begin(probe, PAWL_ASK_PING);
    probe->ask.identity = identity;
    answer(200, STATUS(7));
}

/* Two who come at once: one draws, the other finds it. */
static void a_branch_is_drawn_where_there_is_none(void **state)
{
    struct pawl_identity identity = {.name_size = 0};
    struct probe probe;

    (void)state;
    for (int second = 0; second < 2; second++) {
        open_store("etcd://a");
        ping(&probe, &identity);
        answer(200, HEADER(9) "}");
        assert_non_null(strstr(bench.body, "\"key\":\"cGF3bC8=\",\"target\":\"CREATE\""));
        if (second) {
            answer(200, HEADER(9) ",\"responses\":[{\"response_range\":{" BRANCH_2 "}}]}");
            assert_memory_equal(identity.branch.at, "2-", 2);
        } else {
            answer(200, HEADER(10) ",\"succeeded\":true}");
            assert_memory_equal(identity.branch.at, "1-", 2);
        }
        expect(&probe, PAWL_OK, 0);
        assert_memory_equal(identity.name, "7/pawl", 7); /* and nothing behind it */
        assert_true(identity.branch.loses);
        close_store();
    }
}

static void a_branch_that_is_denied_is_done_without(void **state)
{
    struct pawl_identity identity = {.name_size = 0};
    struct probe probe;

    (void)state;
    open_store("etcd://u:p@a");
    begin(&probe, PAWL_ASK_PING);
    probe.ask.identity = &identity;
    answer(200, TOKEN("one"));
    answer(200, STATUS(7));
    answer_error(403, 7, "etcdserver: permission denied");
    answer(200, HEADER(9) "}");
    answer(200, HEADER(9) ",\"responses\":[{\"response_range\":{}}]}");
    expect(&probe, PAWL_OK, 0);
    assert_int_equal(identity.branch.size, 0);
    assert_int_equal(identity.name_size, strlen("7/pawl"));
    close_store();
}

/* Whoever has logged in has rights, or lacks them: the first PING finds it out, and writes nothing.
 */
static void a_right_that_is_missing_fails_the_first_ping(void **state)
{
    static const char *const lacks[] = {"read", "write", NULL};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(lacks); i++) {
        struct pawl_identity identity = {.name_size = 0};
        struct probe probe;

        open_store("etcd://u:p@a");
        begin(&probe, PAWL_ASK_PING);
        probe.ask.identity = &identity;
        answer(200, TOKEN("one"));
        answer(200, STATUS(7));
        answer(200, HEADER(9) "," BRANCH_1 "}");
        if (i > 0) answer(200, HEADER(9) "}");
        if (lacks[i] != NULL) {
            char says[64];

            answer_error(403, 7, "etcdserver: permission denied");
            expect(&probe, PAWL_DENIED, 0);
            (void)snprintf(says, sizeof says, "may not %s keys below pawl/", lacks[i]);
            assert_non_null(strstr(probe.ask.error.text, says));
        } else {
            assert_non_null(strstr(bench.body, "\"key\":\"cGF3bC//\",\"target\":\"VERSION\""));
            answer(200, HEADER(9) ",\"responses\":[{\"response_range\":{}}]}");
            expect(&probe, PAWL_OK, 0);
            begin(&probe, PAWL_ASK_PING); /* it stays known */
            probe.ask.identity = &identity;
            answer(200, STATUS(7));
            answer(200, HEADER(9) "," BRANCH_1 "}");
            expect(&probe, PAWL_OK, 0);
        }
        close_store();
    }
}

/* {"format":2,"more":"x"} where the branch would be */
#define BRANCH_NEWER                                                                              \
    "\"kvs\":[{\"key\":\"cGF3bC8=\",\"mod_revision\":\"3\",\"value\":\"eyJmb3JtYXQiOjIsIm1vcmUiO" \
    "iJ4In0=\"}]"

static void a_store_of_a_newer_pawl_is_asked_nothing_else(void **state)
{
    static const enum pawl_ask_kind kinds[] = {PAWL_ASK_PING, PAWL_ASK_INIT, PAWL_ASK_TAKE,
                                               PAWL_ASK_CREATE};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(kinds); i++) {
        struct pawl_identity identity = {.name_size = 0};
        struct probe probe;

        open_store("etcd://a");
        begin(&probe, kinds[i]);
        probe.ask.identity = &identity;
        if (i < 2) answer(200, STATUS(7));
        if (kinds[i] == PAWL_ASK_TAKE || kinds[i] == PAWL_ASK_CREATE) {
            assert_null(strstr(bench.body, "success"));
        }
        answer(200, HEADER(9) "," BRANCH_NEWER "}");
        expect(&probe, PAWL_DENIED, 0);
        assert_non_null(strstr(probe.ask.error.text, "format 2, it is of a newer pawl"));
        close_store();
    }
}

/* An answer shows a revision that is older than one seen: nothing of it is granted, and the branch
 * is drawn anew before anything else is. */
static void a_store_that_went_back_gets_another_branch(void **state)
{
    static char old[BODY_BYTES];
    struct probe probe;

    (void)state;
    open_with_record("etcd://a");
    memcpy(old, bench.value, sizeof old);
    begin(&probe, PAWL_ASK_TAKE);
    assert_non_null(strstr(bench.body, "\"key\":\"cGF3bC8=\",\"target\":\"VALUE\""));
    answer(200, HEADER(8) ",\"succeeded\":true}");
    expect(&probe, PAWL_LOST, 10);
    begin(&probe, PAWL_ASK_TAKE);
    assert_null(strstr(bench.body, "success")); /* the branch is looked at */
    answer(200, HEADER(8) "," BRANCH_1 "}");
    assert_non_null(strstr(bench.body, "\"mod_revision\":\"2\""));
    answer(200, HEADER(9) ",\"succeeded\":true}");
    answer(200, HEADER(9) "," FOUND(7) "}", old);
    /* The record bears the old branch, and may be behind: it is moved on. */
    answer(200, HEADER(10) ",\"succeeded\":true}");
    expect(&probe, PAWL_OK, 0);
    assert_true(probe.ask.grant.range.first > 10000);
    assert_true(probe.ask.skipped >= 10000);
    close_store();
}

/*
 * A refused put shows which branch there is: another, as somebody else has seen the store go back;
 * or the same, though the record's own revision is lower than it was.
 */
static void a_refused_put_shows_that_the_store_went_back(void **state)
{
#define REFUSED(revision, branch)                                                                  \
    HEADER(20)                                                                                     \
    ",\"responses\":[{\"response_range\":{" FOUND(revision) "}},{\"response_range\":{" branch "}}" \
                                                            "]}"
    (void)state;
    for (int drawn = 0; drawn < 2; drawn++) {
        char old[BODY_BYTES];
        struct probe probe;

        open_with_record("etcd://a");
        (void)snprintf(old, sizeof old, "%s", bench.value);
        begin(&probe, PAWL_ASK_TAKE);
        if (drawn) {
            answer(200, REFUSED(10, BRANCH_2), old);
            answer(200, HEADER(20) "," BRANCH_2 "}");
        } else {
            answer(200, REFUSED(5, BRANCH_1), old);
            answer(200, HEADER(20) "," BRANCH_1 "}");
            answer(200, HEADER(21) ",\"succeeded\":true}");
        }
        answer(200, HEADER(22) ",\"succeeded\":true}");
        expect(&probe, PAWL_OK, 0);
        assert_true(probe.ask.skipped >= 10000);
        close_store();
    }
}

/* As a guard asks that remembers more than the store: once, for all who ask. */
static void a_redraw_draws_what_is_known_or_older(void **state)
{
    static const struct {
        const char *branch;
        bool draws;
    } rows[] = {
        {"2-000000000000000a", true}, {"1-000000000000000b", true}, {"0123456789abcdef", false}};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_identity identity = {.name_size = 0};
        struct probe probe = {.ask = {.kind = PAWL_ASK_REDRAW, .done = probe_done}};

        open_store("etcd://a");
        identity.branch.size = (uint8_t)strlen(rows[i].branch);
        memcpy(identity.branch.at, rows[i].branch, identity.branch.size);
        probe.ask.identity = &identity;
        pawl_source_ask(bench.store, &probe.ask);
        turns();
        answer(200, HEADER(9) "," BRANCH_1 "}");
        if (rows[i].draws) answer(200, HEADER(10) ",\"succeeded\":true}");
        expect(&probe, PAWL_OK, 0);
        assert_int_equal(identity.branch.at[0] != '1', rows[i].draws);
        close_store();
    }
}

/* Others have drawn a branch since that backup, of which this one was told: it is not gone back to.
 */
static void a_backup_of_before_a_branch_that_is_known_draws_another(void **state)
{
    struct pawl_identity identity = {.name_size = 0};
    struct probe probe;

    (void)state;
    open_store("etcd://a");
    ping(&probe, &identity);
    answer(200, HEADER(9) "," BRANCH_2 "}");
    expect(&probe, PAWL_OK, 0);
    begin(&probe, PAWL_ASK_CREATE);
    answer(200, HEADER(9) "}");
    answer(200, HEADER(10) ",\"succeeded\":true}");
    expect(&probe, PAWL_OK, 0);
    begin(&probe, PAWL_ASK_TAKE);
    answer(200, HEADER(8) ",\"succeeded\":true}");
    expect(&probe, PAWL_LOST, 10);
    ping(&probe, &identity);
    answer(200, HEADER(8) "," BRANCH_1 "}");
    assert_non_null(strstr(bench.body, "\"mod_revision\":\"2\""));
    answer(200, HEADER(9) ",\"succeeded\":true}");
    expect(&probe, PAWL_OK, 0);
    assert_memory_equal(identity.branch.at, "3-", 2); /* beyond both */
    close_store();
}

/* What a snapshot was restored to has the key, and is another cluster. */
static void a_branch_of_another_cluster_is_drawn_anew(void **state)
{
    struct pawl_identity identity = {.name_size = 0};
    struct probe probe;

    (void)state;
    open_store("etcd://a");
    begin(&probe, PAWL_ASK_PING);
    probe.ask.identity = &identity;
    answer(200, STATUS(8));
    answer(200, "{\"header\":{\"cluster_id\":\"8\",\"revision\":\"9\"}," BRANCH_1 "}");
    assert_non_null(strstr(bench.body, "\"mod_revision\":\"2\""));
    answer(200, "{\"header\":{\"cluster_id\":\"8\",\"revision\":\"10\"},\"succeeded\":true}");
    expect(&probe, PAWL_OK, 0);
    assert_memory_equal(identity.branch.at, "2-", 2);
    close_store();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_branch_is_drawn_where_there_is_none),
        cmocka_unit_test(a_branch_that_is_denied_is_done_without),
        cmocka_unit_test(a_right_that_is_missing_fails_the_first_ping),
        cmocka_unit_test(a_store_of_a_newer_pawl_is_asked_nothing_else),
        cmocka_unit_test(a_store_that_went_back_gets_another_branch),
        cmocka_unit_test(a_refused_put_shows_that_the_store_went_back),
        cmocka_unit_test(a_redraw_draws_what_is_known_or_older),
        cmocka_unit_test(a_backup_of_before_a_branch_that_is_known_draws_another),
        cmocka_unit_test(a_branch_of_another_cluster_is_drawn_anew),
    };

    return cmocka_run_group_tests_name("etcd_branch", tests, NULL, NULL);
}
