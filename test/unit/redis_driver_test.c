/* SPDX-License-Identifier: Apache-2.0 */
/* The Redis store over a net that the test plays: the greeting, batches, and every kind of end. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_net.h"
#include "store/redis/meta.h"
#include "store/schemes.h"

#define AOF_ALWAYS                                           \
    "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n"               \
    "*2\r\n$11\r\nappendfsync\r\n$6\r\nalways\r\n"           \
    "*2\r\n$25\r\nno-appendfsync-on-rewrite\r\n$2\r\nno\r\n" \
    "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n"                   \
    "*2\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n" \
    "*2\r\n$21\r\nmin-replicas-to-write\r\n$1\r\n0\r\n"
#define INFO "role:master\r\nrun_id:a\r\nslave0:state=online,lag=0\r\n"
#define LOOK AOF_ALWAYS "$50\r\n" INFO "\r\n"
#define LOOK_SENT                                                                           \
    "CONFIG GET appendonly | CONFIG GET appendfsync | CONFIG GET no-appendfsync-on-rewrite" \
    " | CONFIG GET maxmemory | CONFIG GET maxmemory-policy"                                 \
    " | CONFIG GET min-replicas-to-write | INFO"

_Static_assert(sizeof INFO - 1 == 50, "LOOK has its size");

/* The type of the key. */
#define HASH "$4\r\nhash\r\n"

/* What is kept about the server: branch, position and whether replicas were waited for. */
#define META_WITH(branch, position, waited, format) \
    "*8\r\n$18\r\n" branch "\r\n$1\r\n" position    \
    "\r\n$1\r\nn\r\n$1\r\na\r\n$0\r\n\r\n$1\r\n" waited "\r\n" format HASH
#define META_OF(branch, position, waited) META_WITH(branch, position, waited, "$1\r\n1\r\n")
#define BRANCH                            "1-000000000000000a"
#define META                              META_OF(BRANCH, "8", "0")
#define NULLS                             "$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"
#define NONE                              "*8\r\n" NULLS "$4\r\nnone\r\n"

struct world {
    struct fake_net net;
    struct pawl_source *store;
    struct fake_link *link;
    uint64_t now_ns;
    struct pawl_ask ask;
    unsigned answers;
    uint64_t number;    /* of the op that was answered last */
    const char *branch; /* that answers bear */
    unsigned position;  /* likewise; of one digit */
    char text[8192];
};

static void ask_done(struct pawl_ask *ask)
{
    PAWL_OWNER(ask, struct world, ask)->answers++;
}

static void turn(struct world *world)
{
    world->now_ns += PAWL_NS_PER_MS;
    for (int i = 0; i < 4; i++) {
        (void)world->store->ops->turn(world->store, world->now_ns);
    }
}

static void world_begin(struct world *world, const char *url)
{
    uint64_t random = 5;

    *world = (struct world){.now_ns = PAWL_NS_PER_S, .branch = BRANCH, .position = 8};
    world->number = pawl_random(&random);
    fake_net_init(&world->net);
    const struct pawl_store_options options = {
        .net = &world->net.net, .seed = 5, .refill_interval_ns = 30 * PAWL_NS_PER_S};

    assert_int_equal(pawl_redis_open(url, &options, &world->store, NULL), PAWL_OK);
}

static void world_end(struct world *world)
{
    world->store->ops->close(world->store);
}

static void ask(struct world *world, enum pawl_ask_kind kind)
{
    static const pawl_definition defaults = {.given = 0};

    world->answers = 0;
    world->ask = (struct pawl_ask){.kind = kind,
                                   .name = PAWL_BYTES("orders"),
                                   .count = 1,
                                   .definition = &defaults,
                                   .done = ask_done};
    pawl_source_ask(world->store, &world->ask);
    turn(world);
}

static const char *sent(struct world *world)
{
    return fake_sent(world->link, world->text, sizeof world->text);
}

static void answered(struct world *world, pawl_err code, const char *words)
{
    turn(world);
    assert_int_equal(world->answers, 1);
    if (world->ask.error.code != code) {
        fail_msg("%s: %s", pawl_err_name(world->ask.error.code), world->ask.error.text);
    }
    if (code != PAWL_OK && strstr(world->ask.error.text, words) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", world->ask.error.text, words);
    }
}

static void open_link(struct world *world)
{
    world->link = fake_link_to(&world->net, 6379);
    assert_non_null(world->link);
    assert_int_equal(world->link->state, FAKE_DIALLING);
    fake_open(world->link);
    turn(world);
}

/* The branch is looked at, and told. */
static void meet(struct world *world, const char *meta)
{
    turn(world);
    assert_non_null(strstr(sent(world), "1 pawl:\tstore"));
    fake_reply(world->link, meta);
    turn(world);
}

/* Connected and looked at; what waits has been sent. */
static void greet(struct world *world)
{
    open_link(world);
    (void)sent(world);
    fake_reply(world->link, "+OK\r\n" LOOK);
    meet(world, META);
}

/* A script's answer to the next op. */
static void reply(struct world *world, const char *text)
{
    char bytes[2048];
    char number[24];
    int size = snprintf(number, sizeof number, "%" PRIu64, ++world->number);

    /* All of them are arrays, of at most six, of a record. */
    (void)snprintf(bytes, sizeof bytes, "*%c\r\n$%d\r\n%s\r\n$%zu\r\n%s\r\n$1\r\n%u%s", text[1] + 3,
                   size, number, strlen(world->branch), world->branch, world->position, text + 2);
    fake_reply(world->link, bytes);
}

/* A record's look, with next and tag. */
static const char *look_of(const char *next, const char *tag)
{
    static char text[1024];
    const char *values[] = {"1",      next,     "5",   "5", "0", "1", tag,    "1",
                            "1",      "1",      "100", "1", "0", "0", "0",    "0",
                            "client", "bigint", "0",   "1", "1", "1", BRANCH, ""};
    size_t at = (size_t)snprintf(text, sizeof text, "*3\r\n$5\r\nfound\r\n:-1\r\n*24\r\n");

    for (size_t i = 0; i < PAWL_COUNT(values); i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "$%zu\r\n%s\r\n", strlen(values[i]),
                               values[i]);
    }
    return text;
}

static void it_greets_then_looks_and_then_asks(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world, "redis://u:p@h/3?replicas=1");
    ask(&world, PAWL_ASK_PING);
    open_link(&world);
    assert_string_equal(sent(&world),
                        "AUTH u p | SELECT 3 | WAIT 0 1 | CLIENT SETNAME pawl | " LOOK_SENT);
    fake_reply(world.link, "+OK\r\n+OK\r\n:0\r\n+OK\r\n" LOOK);
    meet(&world, META_OF(BRANCH, "8", "1"));
    assert_string_equal(sent(&world), "PING");
    fake_reply(world.link, "+PONG\r\n");
    answered(&world, PAWL_OK, "");
    world_end(&world);
}

static void an_answer_in_pieces_is_an_answer(void **state)
{
    struct world world;
    static const char text[] = "+OK\r\n" LOOK;

    (void)state;
    world_begin(&world, "redis://h");
    ask(&world, PAWL_ASK_PING);
    open_link(&world);
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        fake_reply(world.link, (const char[]){text[i], '\0'});
    }
    meet(&world, META);
    fake_reply(world.link, "+PONG\r\n");
    answered(&world, PAWL_OK, "");
    world_end(&world);
}

static void a_refused_log_in_fails_what_waits(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world, "redis://u:secret@h");
    ask(&world, PAWL_ASK_PING);
    open_link(&world);
    fake_reply(world.link, "-WRONGPASS invalid username-password pair\r\n");
    answered(&world, PAWL_DENIED, "WRONGPASS");
    assert_null(strstr(world.ask.error.text, "secret"));
    assert_int_equal(world.link->state, FAKE_APART);
    ask(&world, PAWL_ASK_PING); /* a moment later: not dialled again at once */
    answered(&world, PAWL_DENIED, "WRONGPASS");
    assert_int_equal(world.link->dials, 1);
    world_end(&world);
}

static void an_unfit_server_is_looked_at_anew_a_second_later(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world, "redis://h?replicas=2");
    ask(&world, PAWL_ASK_TAKE);
    open_link(&world);
    (void)sent(&world);
    fake_reply(world.link, ":0\r\n+OK\r\n" LOOK);
    answered(&world, PAWL_STORE, "1 of the 2 replicas");
    assert_string_equal(sent(&world), "");
    world.now_ns += 2 * PAWL_NS_PER_S;
    ask(&world, PAWL_ASK_TAKE);
    assert_int_equal(world.link->dials, 2);
    world_end(&world);
}

static void a_script_that_is_missing_is_sent_whole(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world, "redis://h");
    ask(&world, PAWL_ASK_READ);
    greet(&world);
    assert_non_null(strstr(sent(&world), "EVALSHA"));
    fake_reply(world.link, "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    world.number++;
    turn(&world);
    assert_memory_equal(world.link->sent, "*8\r\n$4\r\nEVAL\r\n", 14);
    world.link->sent_size = 0;
    reply(&world, look_of("11", "7"));
    answered(&world, PAWL_OK, "");
    world_end(&world);
}

/* Up to where an advance is under way. */
static void take(struct world *world, const char *url)
{
    world_begin(world, url);
    ask(world, PAWL_ASK_TAKE);
    greet(world);
    assert_non_null(strstr(sent(world), "EVALSHA"));
    reply(world, look_of("11", "7"));
    turn(world);
    assert_non_null(strstr(sent(world), "2 pawl:orders pawl:\tstore 5 0 1 100"));
}

static void what_was_sent_and_not_answered_is_burned(void **state)
{
    struct world world;

    (void)state;
    take(&world, "redis://h");
    fake_hang_up(world.link);
    answered(&world, PAWL_LOST, "hung up before the answer came");
    assert_int_equal(world.ask.burned, 1);
    world_end(&world);
    take(&world, "redis://h");
    world.now_ns += 3 * PAWL_NS_PER_S;
    answered(&world, PAWL_LOST, "no answer within 2.5 s");
    world_end(&world);
    take(&world, "redis://h");
    fake_reply(world.link, "+OK\r\n");
    answered(&world, PAWL_LOST, "makes no sense");
    assert_int_equal(world.link->state, FAKE_APART);
    world_end(&world);
}

static void what_was_refused_or_not_sent_costs_nothing(void **state)
{
    struct world world;

    (void)state;
    take(&world, "redis://h");
    fake_reply(world.link, "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    answered(&world, PAWL_STORE, "raise maxmemory");
    assert_int_equal(world.ask.burned, 0);
    world_end(&world);
    world_begin(&world, "redis://h");
    ask(&world, PAWL_ASK_TAKE);
    world.link = fake_link_to(&world.net, 6379);
    fake_hang_up(world.link);
    answered(&world, PAWL_STORE, "hung up");
    world_end(&world);
    world_begin(&world, "redis://h");
    ask(&world, PAWL_ASK_TAKE);
    world.now_ns += 2 * PAWL_NS_PER_S;
    answered(&world, PAWL_STORE, "no connection within 1 s");
    world_end(&world);
}

static void a_write_that_replicas_do_not_have_is_burned(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world, "redis://h?replicas=1");
    ask(&world, PAWL_ASK_CREATE);
    open_link(&world);
    (void)sent(&world);
    fake_reply(world.link, ":0\r\n+OK\r\n" LOOK);
    meet(&world, META_OF(BRANCH, "8", "1"));
    (void)sent(&world);
    reply(&world, "*1\r\n$6\r\nabsent\r\n");
    turn(&world);
    assert_non_null(strstr(sent(&world), " | WAIT 1 1000"));
    reply(&world, "*1\r\n$4\r\ndone\r\n");
    turn(&world);
    assert_int_equal(world.answers, 0);
    fake_reply(world.link, ":0\r\n");
    turn(&world);
    assert_int_equal(world.answers, 0); /* it is asked again whether the change stands */
    world.now_ns += PAWL_NS_PER_S;
    turn(&world);
    assert_string_equal(sent(&world), LOOK_SENT); /* and first, whether there is a replica */
    fake_reply(world.link, LOOK);
    turn(&world);
    assert_non_null(strstr(sent(&world), " | WAIT 1 1000"));
    reply(&world, "*1\r\n$4\r\ndone\r\n:1\r\n");
    answered(&world, PAWL_OK, "");
    world_end(&world);
}

/* The look that the READ was answered with comes once more, where the CREATE's answer belongs; and
 * the answer that another's CREATE got. */
static void anothers_answer_is_none(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct world world;

        (void)state;
        world_begin(&world, "redis://h");
        ask(&world, PAWL_ASK_CREATE);
        greet(&world);
        (void)sent(&world);
        reply(&world, "*1\r\n$6\r\nabsent\r\n");
        turn(&world);
        assert_non_null(strstr(sent(&world), "EVALSHA"));
        if (i == 1) world.number += 77;
        if (i == 0) world.number -= 1;
        reply(&world, "*1\r\n$4\r\ndone\r\n");
        turn(&world);
        assert_int_equal(world.link->state, FAKE_APART);
        assert_int_equal(world.answers, 0); /* in doubt: it will be looked at */
        world_end(&world);
        assert_int_equal(world.ask.error.code, PAWL_UNKNOWN);
    }
}

/* A server that nobody met gets a name and a branch; two who come at once agree. */
static void a_new_server_is_given_a_branch(void **state)
{
    struct world world;
    struct pawl_identity identity = {.name_size = 0};

    (void)state;
    world_begin(&world, "redis://h");
    ask(&world, PAWL_ASK_PING);
    world.ask.identity = &identity;
    open_link(&world);
    (void)sent(&world);
    fake_reply(world.link, "+OK\r\n" LOOK);
    meet(&world, NONE);
    assert_non_null(strstr(sent(&world), "1 pawl:\tstore  1-"));
    fake_reply(world.link, META); /* another's */
    turn(&world);
    assert_string_equal(sent(&world), "PING");
    fake_reply(world.link, "+PONG\r\n");
    answered(&world, PAWL_OK, "");
    assert_int_equal(identity.name_size, 1);
    assert_int_equal(identity.position, 8);
    assert_int_equal(identity.branch.size, strlen(BRANCH));
    assert_memory_equal(identity.branch.at, BRANCH, strlen(BRANCH));
    assert_true(identity.branch.loses);
    world_end(&world);
}

/* What the store says of itself is looked at before anything else is asked of it. */
static void a_store_that_is_not_this_pawls_is_refused(void **state)
{
    static const struct {
        const char *meta, *says;
    } rows[] = {
        {META_WITH(BRANCH, "8", "0", "$1\r\n2\r\n"), "of a newer pawl"},
        {META_WITH(BRANCH, "8", "0", "$2\r\n17\r\n"), "has format 17"},
        {META_WITH(BRANCH, "8", "0", "$1\r\n0\r\n"), "is not pawl's"},
        {META_WITH(BRANCH, "8", "0", "$1\r\nx\r\n"), "is not pawl's"},
        {"*8\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$1\r\n2\r\n" HASH, "of a newer pawl"},
        {"*8\r\n$1\r\nx\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n" HASH, "is not pawl's"},
        {"*8\r\n" NULLS HASH, "is not pawl's"},
    };
    static const enum pawl_ask_kind kinds[] = {PAWL_ASK_PING, PAWL_ASK_INIT, PAWL_ASK_CREATE};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows) * PAWL_COUNT(kinds); i++) {
        struct world world;
        size_t row = i / PAWL_COUNT(kinds);

        world_begin(&world, "redis://h");
        ask(&world, kinds[i % PAWL_COUNT(kinds)]);
        open_link(&world);
        (void)sent(&world);
        fake_reply(world.link, "+OK\r\n" LOOK);
        meet(&world, rows[row].meta);
        answered(&world, PAWL_DENIED, rows[row].says);
        world_end(&world);
    }
}

/* The next connection meets a server that lacks what was seen before: a new branch is drawn, in
 * which the record, which bears the old one, is moved on. */
static void a_server_that_lacks_what_was_seen_gets_another_branch(void **state)
{
    static const char *const pasts[] = {META_OF(BRANCH, "7", "0"), NONE,
                                        META_OF("1-000000000000000b", "9", "0")};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(pasts); i++) {
        struct world world;

        take(&world, "redis://h");
        fake_hang_up(world.link);
        answered(&world, PAWL_LOST, "hung up");
        world.now_ns += PAWL_NS_PER_S;
        ask(&world, PAWL_ASK_PING);
        open_link(&world);
        (void)sent(&world);
        fake_reply(world.link, "+OK\r\n" LOOK);
        meet(&world, pasts[i]);
        if (i < 2) {
            assert_non_null(strstr(sent(&world), " 2-"));
            fake_reply(world.link, META_OF("2-00000000000000ff", "7", "0"));
            turn(&world);
        }
        assert_string_equal(sent(&world), "PING"); /* i 2: somebody else's of the same number */
        world_end(&world);
    }
}

/* A promoted replica, which had been waited for or had not. */
static void a_promotion_counts_unless_replicas_were_waited_for(void **state)
{
    static const char info[] = "role:master\r\nrun_id:b\r\nmaster_replid:new\r\n"
                               "master_replid2:old\r\n";

    (void)state;
    for (int waited = 0; waited < 2; waited++) {
        struct pawl_redis_facts facts = {.replicas = 0};
        struct pawl_redis_settings settings = {.replicas = 0};
        struct pawl_redis_meta seen = {.tag = {.number = 1}, .replid = "old", .waited = waited};
        struct pawl_redis_past past = {.known = {.tag = {.number = 1}}};
        const char *why = NULL;

        pawl_redis_facts_info(&facts, PAWL_BYTES(info));
        assert_int_equal(pawl_redis_meta_is_past(&seen, &past, &facts, &settings, &why), !waited);
        memcpy(seen.replid, "else", 5); /* a plain restart: a new id every time */
        assert_false(pawl_redis_meta_is_past(&seen, &past, &facts, &settings, &why));
        settings.forgets = true;
        assert_true(pawl_redis_meta_is_past(&seen, &past, &facts, &settings, &why));
        settings.forgets = false;
        past.redraw.number = 1; /* as somebody asks who has seen more */
        assert_true(pawl_redis_meta_is_past(&seen, &past, &facts, &settings, &why));
        past.redraw = (struct pawl_tag){2, 5}; /* and has seen the same number, drawn by another */
        seen.tag = (struct pawl_tag){2, 6};
        assert_true(pawl_redis_meta_is_past(&seen, &past, &facts, &settings, &why));
        seen.tag.number = 3;
        assert_false(pawl_redis_meta_is_past(&seen, &past, &facts, &settings, &why));
    }
}

/* Another has drawn a branch on the same server: the answer bears it, nothing is granted. */
static void an_answer_of_another_branch_is_looked_into(void **state)
{
    struct world world;

    (void)state;
    take(&world, "redis://h");
    world.branch = "2-00000000000000ff";
    char refused[1200];

    (void)snprintf(refused, sizeof refused, "*2\r\n$7\r\nrefused\r\n%s", look_of("11", "7"));
    reply(&world, refused);
    assert_int_equal(world.answers, 0);
    meet(&world, META_OF("2-00000000000000ff", "8", "0"));
    /* The record bears the old one, and has too few ids to be moved on by itself. */
    answered(&world, PAWL_ROLLBACK, "\"orders\"");
    world_end(&world);
}

/* The server has the same branch, and is less far than before: it was put back under the
 * connection. */
static void an_answer_of_an_earlier_position_is_looked_into(void **state)
{
    struct world world;
    char refused[1200];

    (void)state;
    (void)snprintf(refused, sizeof refused, "*2\r\n$7\r\nrefused\r\n%s", look_of("11", "7"));
    take(&world, "redis://h");
    world.position = 7; /* it told 8 when it was met */
    reply(&world, refused);
    assert_int_equal(world.answers, 0);
    meet(&world, META_OF(BRANCH, "7", "0"));
    assert_non_null(strstr(sent(&world), " 2-")); /* so that its records are moved on */
    fake_reply(world.link, META_OF("2-00000000000000ff", "7", "0"));
    answered(&world, PAWL_ROLLBACK, "\"orders\"");
    world_end(&world);
}

/* One that goes on is no step back; and it is what later answers are held against. */
static void a_position_that_rises_is_kept(void **state)
{
    struct world world;
    char refused[1200];

    (void)state;
    (void)snprintf(refused, sizeof refused, "*2\r\n$7\r\nrefused\r\n%s", look_of("11", "7"));
    take(&world, "redis://h");
    world.position = 9;
    reply(&world, refused);
    turn(&world);
    assert_null(strstr(sent(&world), "1 pawl:\tstore"));
    world.position = 8; /* as far as when it was met, and not as since */
    reply(&world, refused);
    turn(&world);
    assert_non_null(strstr(sent(&world), "1 pawl:\tstore"));
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_greets_then_looks_and_then_asks),
        cmocka_unit_test(an_answer_in_pieces_is_an_answer),
        cmocka_unit_test(a_refused_log_in_fails_what_waits),
        cmocka_unit_test(an_unfit_server_is_looked_at_anew_a_second_later),
        cmocka_unit_test(a_script_that_is_missing_is_sent_whole),
        cmocka_unit_test(what_was_sent_and_not_answered_is_burned),
        cmocka_unit_test(what_was_refused_or_not_sent_costs_nothing),
        cmocka_unit_test(a_write_that_replicas_do_not_have_is_burned),
        cmocka_unit_test(anothers_answer_is_none),
        cmocka_unit_test(a_new_server_is_given_a_branch),
        cmocka_unit_test(a_store_that_is_not_this_pawls_is_refused),
        cmocka_unit_test(a_server_that_lacks_what_was_seen_gets_another_branch),
        cmocka_unit_test(a_promotion_counts_unless_replicas_were_waited_for),
        cmocka_unit_test(an_answer_of_another_branch_is_looked_into),
        cmocka_unit_test(an_answer_of_an_earlier_position_is_looked_into),
        cmocka_unit_test(a_position_that_rises_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
