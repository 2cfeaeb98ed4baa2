/* SPDX-License-Identifier: Apache-2.0 */
#include "guard_world.h"

#include "store/tag.h"

static struct fake_book *book_of(struct pawl_book *book)
{
    return PAWL_OWNER(book, struct fake_book, book);
}

static size_t place_of(const struct fake_book *book, struct pawl_bytes name)
{
    size_t at = 0;

    while (at < book->count && !pawl_bytes_equal(pawl_name_bytes(&book->names[at]), name)) {
        at++;
    }
    return at;
}

static pawl_err book_open(struct pawl_book *base, const struct pawl_identity *store,
                          struct pawl_book_head *head, pawl_error *error)
{
    struct fake_book *book = book_of(base);

    (void)store;
    book->opens++;
    if (book->denied) return pawl_fail(error, PAWL_DENIED, "another store");
    book->head.fresh = !book->begun;
    if (!book->begun) book->head.began_s = book->began_s;
    book->begun = true;
    *head = book->head;
    return PAWL_OK;
}

static pawl_err book_get(struct pawl_book *base, struct pawl_bytes name, struct pawl_seen *seen,
                         pawl_error *error)
{
    struct fake_book *book = book_of(base);
    size_t at = place_of(book, name);

    (void)error;
    *seen = at < book->count ? book->seen[at] : (struct pawl_seen){.dropped_s = 0};
    return PAWL_OK;
}

static pawl_err book_put(struct pawl_book *base, const struct pawl_entries *entries,
                         pawl_error *error)
{
    struct fake_book *book = book_of(base);

    if (book->failing) return pawl_fail(error, PAWL_STORE, "no room");
    book->puts++;
    book->lasted = entries->lasts;
    if (entries->head != NULL) book->head = *entries->head;
    for (size_t i = 0; i < entries->count; i++) {
        size_t at = place_of(book, entries->sights[i].name);

        assert_true(at < BOOK_NAMES);
        if (at == book->count) {
            assert_int_equal(pawl_name_set(&book->names[at], entries->sights[i].name, NULL),
                             PAWL_OK);
            book->count++;
        }
        book->seen[at] = entries->sights[i].seen;
    }
    return PAWL_OK;
}

static uint64_t book_count(const struct pawl_book *base)
{
    return book_of((struct pawl_book *)(uintptr_t)base)->count;
}

static void book_nothing(struct pawl_book *base)
{
    (void)base;
}

static const struct pawl_book_ops book_ops = {
    .open = book_open,
    .get = book_get,
    .put = book_put,
    .count = book_count,
    .close = book_nothing,
    .forked = book_nothing,
};

static struct pawl_mark book_mark(const struct fake_book *book, struct pawl_bytes name)
{
    size_t at = place_of(book, name);

    return at < book->count ? book->seen[at].mark : (struct pawl_mark){.line = 0};
}

static struct fake_store *store_of(struct pawl_source *source)
{
    return PAWL_OWNER(source, struct fake_store, source);
}

static void store_ask(struct pawl_source *source, struct pawl_ask *ask)
{
    struct fake_store *store = store_of(source);

    if (ask->kind == PAWL_ASK_RETURN) {
        store->returns++;
        store->at_return = book_mark(store->book, ask->name);
    }
    pawl_asks_add(&store->queue, ask);
}

/* Of branches that are no tags only the one that is known is drawn anew. */
static void redraw(struct fake_store *store, const struct pawl_branch *known)
{
    struct pawl_branch *now = &store->identity.branch;
    struct pawl_tag known_tag = {.number = 0};
    struct pawl_tag tag = {.number = 0};
    bool tagged = pawl_tag_read(&tag, (struct pawl_bytes){now->at, now->size});

    (void)pawl_tag_read(&known_tag, (struct pawl_bytes){known->at, known->size});
    if (tagged ? tag.number > known_tag.number : now->at[0] != known->at[0]) return;
    store->redraws++;
    store->identity.position++;
    if (tagged) {
        tag = pawl_tag_draw(&tag, &known_tag, &known_tag, &store->random);
        *now = pawl_tag_branch(&tag);
    } else {
        now->at[0]++;
    }
}

static void serve(struct fake_store *store, struct pawl_ask *ask)
{
    struct pawl_moment moment = {.random = &store->random,
                                 .wall_s = 1000,
                                 .refill_interval_ns = 30 * PAWL_NS_PER_S,
                                 .branch = store->identity.branch};

    if (ask->kind == PAWL_ASK_PING) {
        store->pings++;
    } else if (ask->kind == PAWL_ASK_REDRAW && store->keeps_no) {
        (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST, "it keeps none");
    } else if (ask->kind == PAWL_ASK_REDRAW) {
        redraw(store, &ask->identity->branch);
    } else {
        if (store->blind) ask->floor = (struct pawl_mark){.line = 0};
        store->floor = ask->floor;
        store->to_floor = ask->to_floor;
        if (pawl_record_apply(&store->record, ask, &moment)) store->identity.position++;
    }
    if (ask->identity != NULL) *ask->identity = store->identity;
}

static uint64_t store_turn(struct pawl_source *source, uint64_t now_ns)
{
    struct fake_store *store = store_of(source);
    struct pawl_asks queue = store->queue;
    struct pawl_ask *ask = NULL;

    if (store->held) return PAWL_NEVER;
    store->queue = (struct pawl_asks){.first = NULL};
    while ((ask = pawl_asks_pop(&queue)) != NULL) {
        serve(store, ask);
        pawl_ask_answer(ask);
    }
    return store->queue.first != NULL ? now_ns : PAWL_NEVER;
}

static void store_close(struct pawl_source *source)
{
    struct fake_store *store = store_of(source);
    struct pawl_ask *ask = NULL;

    while ((ask = pawl_asks_pop(&store->queue)) != NULL) {
        pawl_ask_fail(ask, PAWL_LOST, "closed");
    }
}

static const struct pawl_source_ops store_ops = {
    .scheme = "fake", .ask = store_ask, .turn = store_turn, .close = store_close};

static int64_t world_wall_s(void *arg)
{
    return ((struct world *)arg)->wall_s;
}

static void open_guard(struct world *world, uint64_t learn_ns)
{
    const struct pawl_guard_settings settings = {
        .learn_ns = learn_ns, .wall_s = world_wall_s, .arg = world};
    pawl_error error;

    assert_int_equal(
        pawl_guard_new(&world->store.source, &world->book.book, &settings, &world->guard, &error),
        PAWL_OK);
}

void world_begin(struct world *world)
{
    *world = (struct world){.now_ns = PAWL_NS_PER_S, .wall_s = 5000};
    world->store.source.ops = &store_ops;
    world->store.random = 9;
    world->store.book = &world->book;
    world->store.identity = (struct pawl_identity){
        .name_size = 1,
        .name = "n",
        .branch = {.size = 1, .loses = true, .at = "a"},
        .position = 100,
    };
    world->book.book.ops = &book_ops;
    world->book.began_s = 5000;
    assert_int_equal(pawl_name_set(&world->store.record.name, (struct pawl_bytes){"s", 1}, NULL),
                     PAWL_OK);
    open_guard(world, 0);
    struct deed made = world_do(world, PAWL_ASK_CREATE);

    assert_int_equal(made.ask.error.code, PAWL_OK);
}

void world_restart(struct world *world, uint64_t learn_ns)
{
    world_end(world);
    open_guard(world, learn_ns);
}

void world_become(struct world *world, const struct fake_book *book)
{
    world_end(world);
    world->book = *book;
    open_guard(world, 0);
}

void world_end(struct world *world)
{
    struct pawl_source *source = pawl_guard_source(world->guard);

    source->ops->close(source);
}

void world_keep(struct world *world)
{
    world->store.kept = world->store.record;
}

void world_back(struct world *world)
{
    world->store.record = world->store.kept;
}

static void deed_done(struct pawl_ask *ask)
{
    struct deed *deed = PAWL_OWNER(ask, struct deed, ask);

    deed->answered = true;
    deed->remembered = world_seen(deed->world);
}

struct deed *world_start(struct world *world, struct deed *deed)
{
    deed->world = world;
    deed->ask.done = deed_done;
    if (deed->ask.kind != PAWL_ASK_PING) deed->ask.name = (struct pawl_bytes){"s", 1};
    pawl_source_ask(pawl_guard_source(world->guard), &deed->ask);
    return deed;
}

void world_turn(struct world *world)
{
    struct pawl_source *source = pawl_guard_source(world->guard);

    (void)source->ops->turn(source, world->now_ns++);
}

struct deed *world_ask(struct world *world, struct deed *deed)
{
    (void)world_start(world, deed);
    for (int turn = 0; turn < 8 && !deed->answered; turn++) {
        world_turn(world);
    }
    assert_true(deed->answered);
    return deed;
}

struct deed world_take(struct world *world, uint64_t count, struct pawl_mark floor)
{
    struct deed deed = {.ask = {.kind = PAWL_ASK_TAKE, .count = count, .floor = floor}};

    return *world_ask(world, &deed);
}

struct deed world_do(struct world *world, enum pawl_ask_kind kind)
{
    struct deed deed = {.ask = {.kind = kind}};

    return *world_ask(world, &deed);
}

struct pawl_mark world_seen(const struct world *world)
{
    return book_mark(&world->book, (struct pawl_bytes){"s", 1});
}

struct pawl_guard_view world_view(struct world *world)
{
    struct pawl_guard_view view;

    pawl_guard_look(world->guard, &view);
    return view;
}
