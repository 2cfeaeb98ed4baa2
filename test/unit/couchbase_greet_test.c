/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection to Couchbase begins, over a net that the test plays: what comes twice, or before
 * its time, ends it before any request goes to a bucket or collection that is not meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_net.h"
#include "store/schemes.h"
#include "wire/mcbp.h"

enum { PORT = 11210, REPLY_BYTES_MAX = 512, ASKED_MAX = 256, TURNS = 20, REPLY = 0x81 };

static const char map[] =
    "{\"rev\":1,\"uuid\":\"u\",\"bucketCapabilities\":[\"durableWrite\"],\"vBucketServerMap\":{"
    "\"numReplicas\":0,\"serverList\":[\"h:11210\"],\"vBucketMap\":[[0],[0]]}}";

struct world {
    struct fake_net net;
    struct pawl_source *store;
    struct fake_link *link;
    uint64_t now_ns;
    struct pawl_ask ask;
    unsigned answers;
    uint8_t asked[ASKED_MAX]; /* opcodes, in order */
    uint32_t opaques[ASKED_MAX];
    size_t asked_count;
};

static void ask_done(struct pawl_ask *ask)
{
    PAWL_OWNER(ask, struct world, ask)->answers++;
}

static void turn(struct world *world)
{
    world->now_ns += 200 * PAWL_NS_PER_MS;
    for (int i = 0; i < 4; i++) {
        (void)world->store->ops->turn(world->store, world->now_ns);
    }
}

/* Its first connection is open, and has said HELLO. */
static void world_begin(struct world *world)
{
    *world = (struct world){.now_ns = PAWL_NS_PER_S};
    fake_net_init(&world->net);
    const struct pawl_store_options options = {
        .net = &world->net.net, .seed = 5, .refill_interval_ns = 30 * PAWL_NS_PER_S};

    assert_int_equal(pawl_couchbase_open("couchbase://h/ids/app.seq?durability=none", &options,
                                         &world->store, NULL),
                     PAWL_OK);
    world->ask = (struct pawl_ask){
        .kind = PAWL_ASK_TAKE, .name = PAWL_BYTES("orders"), .count = 1, .done = ask_done};
    pawl_source_ask(world->store, &world->ask);
    turn(world);
    world->link = fake_link_to(&world->net, PORT);
    assert_non_null(world->link);
    fake_open(world->link);
}

static void world_end(struct world *world)
{
    world->store->ops->close(world->store);
    assert_int_equal(world->answers, 1);
}

/* Takes what was sent off the link. */
static void look(struct world *world)
{
    const char *at = world->link->sent;
    size_t left = world->link->sent_size;

    world->asked_count = 0;
    while (left >= PAWL_MCBP_HEADER_BYTES && world->asked_count < ASKED_MAX) {
        size_t size = PAWL_MCBP_HEADER_BYTES + (size_t)pawl_mcbp_get(at + 8, 4);

        world->asked[world->asked_count] = (uint8_t)pawl_mcbp_get(at + 1, 1);
        world->opaques[world->asked_count++] = (uint32_t)pawl_mcbp_get(at + 12, 4);
        assert_true(size <= left);
        at += size;
        left -= size;
    }
    world->link->sent_size = 0;
}

/* There is no such document. */
static void reply_missing(struct world *world, uint32_t opaque)
{
    char bytes[PAWL_MCBP_HEADER_BYTES] = "";

    if (world->link->state != FAKE_OPEN) return;
    pawl_mcbp_put(bytes, REPLY, 1);
    pawl_mcbp_put(bytes + 1, PAWL_MCBP_GET, 1);
    pawl_mcbp_put(bytes + 6, PAWL_MCBP_KEY_ENOENT, 2);
    pawl_mcbp_put(bytes + 12, opaque, 4);
    world->link->link->events->received(world->link->link,
                                        (struct pawl_bytes){bytes, sizeof bytes});
}

static void reply(struct world *world, uint8_t opcode, struct pawl_bytes extras,
                  struct pawl_bytes value)
{
    char bytes[REPLY_BYTES_MAX] = "";

    if (world->link->state != FAKE_OPEN) return;
    pawl_mcbp_put(bytes, REPLY, 1);
    pawl_mcbp_put(bytes + 1, opcode, 1);
    pawl_mcbp_put(bytes + 4, extras.size, 1);
    pawl_mcbp_put(bytes + 8, extras.size + value.size, 4);
    if (extras.size > 0) memcpy(bytes + PAWL_MCBP_HEADER_BYTES, extras.at, extras.size);
    memcpy(bytes + PAWL_MCBP_HEADER_BYTES + extras.size, value.at, value.size);
    world->link->link->events->received(
        world->link->link,
        (struct pawl_bytes){bytes, PAWL_MCBP_HEADER_BYTES + extras.size + value.size});
}

/* As a server that has all that is asked for answers. */
static void answer(struct world *world, uint8_t opcode)
{
    static const char features[] = {0, PAWL_MCBP_COLLECTIONS};
    static const char collection[12] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9};
    struct pawl_bytes extras = {NULL, 0}, value = PAWL_BYTES("");

    if (opcode == PAWL_MCBP_HELLO) value = (struct pawl_bytes){features, sizeof features};
    if (opcode == PAWL_MCBP_SASL_LIST_MECHS) value = PAWL_BYTES("SCRAM-SHA512");
    if (opcode == PAWL_MCBP_GET_CLUSTER_CONFIG) value = (struct pawl_bytes){map, sizeof map - 1};
    if (opcode == PAWL_MCBP_GET_COLLECTION_ID) {
        extras = (struct pawl_bytes){collection, sizeof collection};
    }
    reply(world, opcode, extras, value);
}

static void answer_all(struct world *world)
{
    look(world);
    for (size_t i = 0; i < world->asked_count; i++) {
        answer(world, world->asked[i]);
    }
}

/* Whether a request for a document went out. */
static bool went_on(struct world *world)
{
    turn(world);
    look(world);
    for (size_t i = 0; i < world->asked_count; i++) {
        if (world->asked[i] == PAWL_MCBP_GET) return true;
    }
    return false;
}

static void a_greeting_ends_when_all_is_answered(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    answer_all(&world); /* HELLO and the mechanisms */
    answer_all(&world); /* bucket, map, collection and the rest */
    assert_true(went_on(&world));
    world_end(&world);
}

static void what_comes_twice_does_not_stand_for_what_is_missing(void **state)
{
    static const uint8_t twice[] = {PAWL_MCBP_SELECT_BUCKET, PAWL_MCBP_GET_CLUSTER_CONFIG,
                                    PAWL_MCBP_GET_ERROR_MAP, PAWL_MCBP_STAT};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(twice); i++) {
        struct world world;

        world_begin(&world);
        answer_all(&world);
        look(&world);
        for (size_t j = 0; j < world.asked_count; j++) {
            if (world.asked[j] == PAWL_MCBP_GET_COLLECTION_ID) break;
            answer(&world, world.asked[j]);
        }
        answer(&world, twice[i]); /* and not the collection's id */
        assert_false(went_on(&world));
        assert_int_not_equal(world.link->state, FAKE_OPEN);
        world_end(&world);
    }
}

static void what_comes_before_its_time_ends_the_connection(void **state)
{
    static const uint8_t first[] = {PAWL_MCBP_SASL_LIST_MECHS, PAWL_MCBP_SELECT_BUCKET,
                                    PAWL_MCBP_SASL_AUTH, PAWL_MCBP_GET_COLLECTION_ID};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(first); i++) {
        struct world world;

        world_begin(&world);
        answer(&world, first[i]); /* HELLO has no answer yet */
        assert_int_not_equal(world.link->state, FAKE_OPEN);
        world_end(&world);
    }
}

struct read {
    struct pawl_ask ask;
    char name[8];
};

static void read_done(struct pawl_ask *ask)
{
    (void)ask;
}

static void begin_read(struct world *world, struct read *one, size_t number)
{
    int size = snprintf(one->name, sizeof one->name, "s%zu", number);

    one->ask = (struct pawl_ask){
        .kind = PAWL_ASK_READ, .name = {one->name, (size_t)size}, .done = read_done};
    pawl_source_ask(world->store, &one->ask);
}

/* So many requests whose answers do not come while calls wait, but for one each turn: TURNS are
 * longer than that. */
static void leave_unanswered(struct world *world, struct read *reads, size_t count, size_t first)
{
    for (size_t i = 0; i < count; i++) {
        begin_read(world, &reads[i], first + i);
    }
    world->link->sent_size = 0;
    turn(world);
    look(world);
    assert_true(world->asked_count >= TURNS && world->asked[0] == PAWL_MCBP_GET);
    for (int i = 0; i < TURNS && world->link->state == FAKE_OPEN; i++) {
        turn(world);
        reply_missing(world, world->opaques[i]);
    }
    turn(world);
}

/* They count as requests on the way: with enough of them there would be room for no other. */
static void a_connection_that_swallows_requests_is_begun_anew(void **state)
{
    static struct read reads[400], more;
    struct world world;

    (void)state;
    world_begin(&world);
    answer_all(&world);
    answer_all(&world);
    leave_unanswered(&world, reads, PAWL_COUNT(reads), 0);
    begin_read(&world, &more, PAWL_COUNT(reads));
    turn(&world);
    assert_int_equal(world.link->state, FAKE_DIALLING);
    world.link->sent_size = 0;
    fake_open(world.link);
    answer_all(&world);
    answer_all(&world);
    assert_true(went_on(&world));
    world_end(&world);
}

static void late_answers_end_no_connection(void **state)
{
    static struct read reads[200], others[200], more;
    struct world world;

    (void)state;
    world_begin(&world);
    answer_all(&world);
    answer_all(&world);
    leave_unanswered(&world, reads, PAWL_COUNT(reads), 0);
    for (size_t i = TURNS; i < world.asked_count; i++) {
        reply_missing(&world, world.opaques[i]);
    }
    leave_unanswered(&world, others, PAWL_COUNT(others), PAWL_COUNT(reads));
    assert_int_equal(world.link->state, FAKE_OPEN);
    world.link->sent_size = 0;
    begin_read(&world, &more, PAWL_COUNT(reads) + PAWL_COUNT(others));
    assert_true(went_on(&world));
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_greeting_ends_when_all_is_answered),
        cmocka_unit_test(what_comes_twice_does_not_stand_for_what_is_missing),
        cmocka_unit_test(what_comes_before_its_time_ends_the_connection),
        cmocka_unit_test(a_connection_that_swallows_requests_is_begun_anew),
        cmocka_unit_test(late_answers_end_no_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
