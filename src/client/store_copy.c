/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves sequences from store to store: looks at the source's names, and then for many of them at
 * once, each by itself:
 *
 *     look at the target  ->  leave the source  ->  arrive at the target
 *
 * range/move.c says why that is right whoever dies in between; here it is only done, and repeated
 * where a store cannot be used for a moment.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/care.h"
#include "pawl/stores.h"
#include "store/store.h"

enum {
    IN_FLIGHT_USUAL = 128,
    IN_FLIGHT_MAX = 4096,
    PAGE_RECORDS = 1000,
    AWAY_START = 32, /* sequences that have left and not arrived; follows how long that takes */
    AWAY_LEAST = 4,
};

/* A sequence that is unavailable for longer than this is one of too many at once. */
#define AWAY_NS_MAX (100 * PAWL_NS_PER_MS)

#define USUAL_TIMEOUT_NS  (30 * PAWL_NS_PER_S)
#define PROGRESS_EVERY_NS (100 * PAWL_NS_PER_MS)

/* A name at the source, as it was listed. */
struct item {
    struct item *next;
    uint64_t line;
    bool alive; /* it is in use there */
    bool left;  /* it has left for this target before */
    uint8_t name_size;
    char name[];
};

enum stage { STAGE_LOOK, STAGE_LEAVE, STAGE_ARRIVE };

/* One sequence under way. */
struct move {
    struct copy *copy;
    struct item *item;
    struct pawl_ask ask;
    enum stage stage;
    struct pawl_record record; /* the target's, then as it left */
    uint64_t beyond;
    uint64_t left_ns; /* when it was first asked to leave */
    struct pawl_retry retry;
    struct move *next; /* idle or ready */
};

struct copy {
    struct pawl_care *care;
    struct pawl_source *from, *to;
    pawl_copy_options options;
    pawl_copied copied;
    char from_where[PAWL_CARE_WHERE_MAX], to_where[PAWL_CARE_WHERE_MAX];
    struct pawl_identity from_is, to_is;
    struct pawl_record mark; /* its branch says where to */
    struct item *items;      /* not begun yet */
    struct item **items_end;
    bool no_memory;
    struct move *moves, *idle;
    struct pawl_retry *waiting;
    struct move *ready; /* to leave, as soon as fewer are away */
    size_t under_way, away, away_max;
    uint64_t *unavailable; /* of each that was moved */
    size_t unavailable_count;
    uint64_t progress_ns;
    pawl_error first; /* failure */
    bool tried;       /* one has arrived: until then one leaves at a time */
    bool stopped;     /* a store is away, or so we were told: nothing more is begun */
    bool told;
    struct pawl_page page;
};

/* Where they go, for their tombstones: for people, then a mark of all of the URL. A password that
 * stands where none belongs is kept out of it. */
static void set_mark(struct copy *copy)
{
    enum { CUT_SIZE = 3, ROOM = PAWL_BRANCH_BYTES_MAX - PAWL_LEFT_MARK_BYTES };
    const char *where = copy->to_where;
    size_t whole = strlen(where);
    size_t size = whole;
    bool secret = strcasestr(where, "pass") != NULL || strcasestr(where, "secret") != NULL;
    char text[PAWL_BRANCH_BYTES_MAX + 1];

    /* Half a parameter would mislead; without any it is to be completed. */
    if (secret || size > ROOM) size = strcspn(where, "?");
    if (size < whole && size > ROOM - CUT_SIZE) size = ROOM - CUT_SIZE;
    if (size > ROOM) size = ROOM - CUT_SIZE;
    while (size > 0 && ((unsigned char)where[size] & 0xc0) == 0x80) {
        size--; /* not within a character */
    }
    if (!pawl_utf8_printable((struct pawl_bytes){where, size})) size = strcspn(where, ":") + 1;
    /* Dots that every store's encoding has: whoever reads it is to see that more stood there. */
    int written =
        snprintf(text, sizeof text, "%.*s%s#%016" PRIx64, (int)size, where,
                 size < whole ? "..." : "", pawl_bytes_hash((struct pawl_bytes){where, whole}, 0));

    PAWL_ASSERT(written > 0 && (size_t)written < sizeof text);
    memcpy(copy->mark.branch, text, (size_t)written);
    copy->mark.branch_size = (uint8_t)written;
}

static bool goes_here(const struct copy *copy, const struct pawl_record *record)
{
    return pawl_record_leaves_for_same(record, &copy->mark);
}

static void listed(struct pawl_page *page, const struct pawl_record *record)
{
    struct copy *copy = PAWL_OWNER(page, struct copy, page);
    bool left = pawl_record_has_left(record);

    if (left && !goes_here(copy, record)) {
        copy->copied.elsewhere++;
        return;
    }
    struct item *item = malloc(sizeof *item + record->name.size);

    if (item == NULL) {
        copy->no_memory = true;
        return;
    }
    item->next = NULL;
    item->line = record->line;
    item->alive = !record->dropped;
    item->left = left;
    item->name_size = record->name.size;
    memcpy(item->name, record->name.at, record->name.size);
    *copy->items_end = item;
    copy->items_end = &item->next;
    copy->copied.total++;
}

static void progress(struct copy *copy, bool at_once)
{
    uint64_t now_ns = pawl_clock_ns();

    if (copy->options.progress == NULL) return;
    if (!at_once && now_ns < copy->progress_ns) return;
    copy->progress_ns = now_ns + PROGRESS_EVERY_NS;
    if (copy->options.progress(&copy->copied, copy->options.arg)) return;
    copy->told = true;
    copy->stopped = true;
}

/* One ask of a store, again for as long as it cannot be used. */
static pawl_err insist(struct copy *copy, struct pawl_source *store, struct pawl_ask *ask,
                       pawl_error *error)
{
    return pawl_care_insist(copy->care, store, ask, copy->options.timeout_ns, error);
}

static pawl_err list_all(struct copy *copy, struct pawl_ask *ask, pawl_error *error)
{
    const char *match = copy->options.match;

    copy->page = (struct pawl_page){.count_max = PAGE_RECORDS, .tombstones = true, .each = listed};
    if (match != NULL) copy->page.glob = (struct pawl_bytes){match, strlen(match)};
    ask->kind = PAWL_ASK_LIST;
    ask->page = &copy->page;
    do {
        pawl_err err = insist(copy, copy->from, ask, error);

        if (err != PAWL_OK) return err;
        if (copy->no_memory) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for all names");
        progress(copy, false);
    } while (copy->page.more);
    if (copy->page.unread.code == PAWL_OK) return PAWL_OK;
    /* Who creates it at the target, as nothing of it is there, would begin it at its start. */
    return pawl_fail(error, PAWL_DENIED, "nothing was moved, as not all can be: %s",
                     copy->page.unread.text);
}

static void step(struct move *move)
{
    struct copy *copy = move->copy;
    struct pawl_ask *ask = &move->ask;

    ask->force = false;
    ask->line = 0;
    ask->record = &move->record;
    switch (move->stage) {
    case STAGE_LOOK:
        ask->kind = PAWL_ASK_READ;
        ask->force = true;
        break;
    case STAGE_LEAVE:
        ask->kind = PAWL_ASK_LEAVE;
        ask->line = move->beyond;
        move->record = copy->mark;
        if (move->left_ns == 0) move->left_ns = pawl_clock_ns();
        break;
    case STAGE_ARRIVE:
        ask->kind = PAWL_ASK_ARRIVE;
        break;
    }
    pawl_care_ask(copy->care, move->stage == STAGE_LEAVE ? copy->from : copy->to, ask);
}

static void over(struct move *move)
{
    struct copy *copy = move->copy;

    copy->away -= move->stage != STAGE_LOOK;
    free(move->item);
    move->next = copy->idle;
    copy->idle = move;
    copy->under_way--;
}

static void fail(struct move *move, const pawl_error *error)
{
    struct copy *copy = move->copy;
    char name[PAWL_NAME_BYTES_MAX + 1];

    memcpy(name, move->item->name, move->item->name_size);
    name[move->item->name_size] = '\0';
    if (copy->first.code == PAWL_OK) copy->first = *error;
    copy->copied.failed++;
    if (copy->options.failed != NULL) copy->options.failed(name, error, copy->options.arg);
    over(move);
}

static void retry_or_fail(struct move *move, const pawl_error *error)
{
    struct copy *copy = move->copy;

    if (!pawl_care_is_passing(error->code) && move->stage == STAGE_ARRIVE) {
        pawl_error left;

        /* As it would go with the others, unless it is about this one's name. */
        copy->stopped = copy->stopped || error->code != PAWL_EXISTS;
        (void)pawl_fail(&left, error->code, "it has left, and has not arrived: %s", error->text);
        fail(move, &left);
    } else if (!pawl_care_is_passing(error->code)) {
        fail(move, error);
    } else if (!pawl_retry_later(&copy->waiting, &move->retry, copy->options.timeout_ns)) {
        copy->stopped = true;
        fail(move, error);
    } else if (!pawl_retry_tell(copy->care, &move->retry, copy->options.timeout_ns, error)) {
        copy->told = true;
        copy->stopped = true;
    }
}

/* What bears its name at the target; epoch 0: nothing. */
static void looked(struct move *move, const struct pawl_record *there)
{
    struct copy *copy = move->copy;
    const struct item *item = move->item;

    if (item->alive && there->epoch != 0 && !there->dropped && there->line != item->line) {
        pawl_error error;

        (void)pawl_fail(&error, PAWL_EXISTS,
                        "another sequence of its name is at the target, so it stays where it is: "
                        "drop one of them");
        fail(move, &error);
        return;
    }
    if (copy->options.dry_run) {
        copy->copied.moved += item->alive;
        copy->copied.moved_before += item->left;
        copy->copied.dropped += !item->alive && !item->left;
        over(move);
        return;
    }
    move->beyond = there->epoch;
    move->stage = STAGE_LEAVE;
    move->next = copy->ready;
    copy->ready = move;
}

static void leave_more(struct copy *copy)
{
    while (copy->ready != NULL && copy->away < copy->away_max) {
        struct move *move = copy->ready;

        copy->ready = move->next;
        if (copy->stopped) {
            move->stage = STAGE_LOOK; /* it stays where it is */
            over(move);
            continue;
        }
        copy->away++;
        step(move);
    }
}

/* Fewer at once when they take long, more when they do not. */
static void adapt(struct copy *copy, uint64_t took_ns)
{
    if (took_ns <= AWAY_NS_MAX) {
        copy->away_max += copy->away_max < copy->options.in_flight;
    } else if (copy->away_max > AWAY_LEAST) {
        copy->away_max--;
    }
}

static void arrived(struct move *move)
{
    struct copy *copy = move->copy;
    uint64_t took_ns = pawl_clock_ns() - move->left_ns;

    adapt(copy, took_ns);
    if (!copy->tried) copy->away_max = AWAY_START;
    copy->tried = true;
    if (move->item->left) {
        copy->copied.moved_before++;
    } else if (!pawl_record_has_left(&move->record)) {
        copy->copied.dropped++;
    } else {
        copy->copied.moved++;
        copy->unavailable[copy->unavailable_count++] = took_ns;
        if (took_ns > copy->copied.unavailable_max_ns) copy->copied.unavailable_max_ns = took_ns;
    }
    over(move);
}

static void answered(struct pawl_ask *ask)
{
    static const struct pawl_record nothing = {.epoch = 0};
    struct move *move = PAWL_OWNER(ask, struct move, ask);
    const pawl_error error = ask->error;
    bool missing = error.code == PAWL_NO_SEQUENCE;

    if (move->stage == STAGE_LOOK && (error.code == PAWL_OK || missing)) {
        looked(move, missing ? &nothing : &move->record);
    } else if (error.code != PAWL_OK) {
        retry_or_fail(move, &error);
    } else if (move->stage == STAGE_LEAVE) {
        move->stage = STAGE_ARRIVE;
        step(move);
    } else {
        arrived(move);
    }
}

static void begin_more(struct copy *copy)
{
    while (copy->idle != NULL && copy->items != NULL && !copy->stopped) {
        struct move *move = copy->idle;
        struct item *item = copy->items;

        copy->idle = move->next;
        copy->items = item->next;
        copy->under_way++;
        *move = (struct move){.copy = copy, .item = item, .retry.begun_ns = pawl_clock_ns()};
        move->ask.name = (struct pawl_bytes){item->name, item->name_size};
        move->ask.done = answered;
        step(move);
    }
}

static void ask_again(struct pawl_retry *retry)
{
    step(PAWL_OWNER(retry, struct move, retry));
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t move_on(void *arg)
{
    struct copy *copy = arg;
    uint64_t again_ns = pawl_retry_due(&copy->waiting, ask_again);

    begin_more(copy);
    leave_more(copy);
    begin_more(copy); /* in place of those that stay where they are */
    progress(copy, false);
    return copy->under_way > 0 ? again_ns : PAWL_PUMP_OVER;
}

static pawl_err move_all(struct copy *copy, pawl_error *error)
{
    size_t count = copy->options.in_flight;

    copy->away_max = 1;
    copy->moves = calloc(count, sizeof *copy->moves);
    copy->unavailable = calloc(copy->copied.total + 1, sizeof *copy->unavailable);
    if (copy->moves == NULL || copy->unavailable == NULL) {
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for %zu sequences at once", count);
    }
    for (size_t i = 0; i < count; i++) {
        copy->moves[i].next = copy->idle;
        copy->idle = &copy->moves[i];
    }
    pawl_care_loop(copy->care, move_on, copy);
    qsort(copy->unavailable, copy->unavailable_count, sizeof *copy->unavailable, by_size);
    if (copy->unavailable_count > 0) {
        copy->copied.unavailable_median_ns = copy->unavailable[copy->unavailable_count / 2];
    }
    if (copy->told) {
        return pawl_fail(error, PAWL_CLOSED,
                         "stopped as told, with all that had left arrived; run it again to go on");
    }
    const pawl_copied *copied = &copy->copied;

    if (copied->elsewhere > 0 && copied->total == 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "nothing was moved: all %" PRIu64 " sequences left for another store "
                         "before, or for this one under another URL; go on with that URL",
                         copied->elsewhere);
    }
    if (copy->first.code == PAWL_OK) return PAWL_OK;
    if (copy->stopped) {
        return pawl_fail(error, copy->first.code,
                         "stopped, as a store cannot be used: %s; once that is mended, run it "
                         "again to go on",
                         copy->first.text);
    }
    return pawl_fail(error, copy->first.code, "%" PRIu64 " of %" PRIu64 " not moved; the first: %s",
                     copy->copied.failed, copy->copied.total, copy->first.text);
}

static struct pawl_bytes branch_of(const struct pawl_identity *identity)
{
    return (struct pawl_bytes){identity->branch.at, identity->branch.size};
}

/*
 * Whether two URLs mean one store, as that tells of itself: its name says which records of it are
 * meant. A folder's copy has its name as well, so there the folders' paths alone count. Clusters of
 * etcd that were set up alike have one name: they are told apart by what pawl drew in them, if it
 * may read that.
 */
static bool is_one_store(const struct copy *copy)
{
    const struct pawl_identity *from = &copy->from_is;
    const struct pawl_identity *to = &copy->to_is;

    if (from->name_size == 0 || strncmp(copy->to_where, "lmdb:", strlen("lmdb:")) == 0) {
        return false;
    }
    if (strncmp(copy->to_where, "etcd", strlen("etcd")) == 0 && from->branch.size == 0) {
        return false;
    }
    return pawl_bytes_equal((struct pawl_bytes){from->name, from->name_size},
                            (struct pawl_bytes){to->name, to->name_size}) &&
           pawl_bytes_equal(branch_of(from), branch_of(to));
}

/* The target is made, if it is a folder, once the source has answered. */
static pawl_err open_stores(struct copy *copy, const char *from, const char *to,
                            struct pawl_ask *ask, pawl_error *error)
{
    struct pawl_care *care = copy->care;
    pawl_err err = pawl_care_open(care, from, true, &copy->from, error);

    ask->kind = PAWL_ASK_PING;
    ask->identity = &copy->from_is;
    if (err == PAWL_OK) err = insist(copy, copy->from, ask, error);
    if (err != PAWL_OK) return err;
    err = copy->options.dry_run ? pawl_care_open_dry(care, to, &copy->to, error)
                                : pawl_care_open(care, to, false, &copy->to, error);
    pawl_care_where(to, copy->to_where); /* an LMDB folder is there now */
    ask->identity = &copy->to_is;
    if (err == PAWL_OK) err = insist(copy, copy->to, ask, error);
    if (err != PAWL_OK) return err;
    ask->identity = NULL;
    if (!is_one_store(copy)) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "%.200s and %.200s are one store, whose identity is %.*s; or one of them is a "
                     "copy of the other, made by other means: then empty that first",
                     copy->from_where, copy->to_where, (int)copy->to_is.name_size,
                     copy->to_is.name);
}

/* Both must be there, and usable, before anything leaves. */
static pawl_err open_both(struct copy *copy, const char *from, const char *to, struct pawl_ask *ask,
                          pawl_error *error)
{
    if (pawl_store_forgets(from) || pawl_store_forgets(to)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "memory: is empty at first and forgets everything: nothing can be copied "
                         "from or to it");
    }
    if (pawl_store_is_plain(from) || pawl_store_is_plain(to)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "store copy is not possible from or to plain counters (?counter=plain): "
                         "nothing can be moved with its definition");
    }
    pawl_care_where(from, copy->from_where);
    pawl_care_where(to, copy->to_where);
    if (strcmp(copy->from_where, copy->to_where) == 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "%.200s and %.200s are one store",
                         copy->from_where, copy->to_where);
    }
    return open_stores(copy, from, to, ask, error);
}

static pawl_err read_options(struct copy *copy, const pawl_copy_options *options, pawl_error *error)
{
    if (options != NULL) copy->options = *options;
    if (copy->options.in_flight == 0) copy->options.in_flight = IN_FLIGHT_USUAL;
    if (copy->options.timeout_ns == 0) copy->options.timeout_ns = USUAL_TIMEOUT_NS;
    if (copy->options.in_flight <= IN_FLIGHT_MAX) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST, "in_flight is %" PRIu32 ", the most is %d",
                     copy->options.in_flight, IN_FLIGHT_MAX);
}

static void copy_free(struct copy *copy)
{
    while (copy->items != NULL) {
        struct item *next = copy->items->next;

        free(copy->items);
        copy->items = next;
    }
    free(copy->moves);
    free(copy->unavailable);
    free(copy);
}

pawl_err pawl_store_copy(const char *from, const char *to, const pawl_copy_options *options,
                         pawl_copied *copied, pawl_error *error)
{
    struct copy *copy = calloc(1, sizeof *copy);
    struct pawl_ask ask = {.kind = PAWL_ASK_PING};

    if (copied != NULL) *copied = (pawl_copied){.total = 0};
    if (from == NULL || to == NULL || copy == NULL) {
        free(copy);
        return pawl_fail(error, PAWL_BAD_REQUEST, "pawl_store_copy needs two URLs, and memory");
    }
    copy->items_end = &copy->items;
    pawl_err err = read_options(copy, options, error);

    if (err == PAWL_OK) {
        copy->care = pawl_care_new(error);
        if (copy->care != NULL) {
            copy->care->waits = copy->options.waits;
            copy->care->waits_arg = copy->options.arg;
        }
        err = copy->care == NULL ? PAWL_BUSY : open_both(copy, from, to, &ask, error);
    }
    if (err == PAWL_OK) {
        set_mark(copy);
        err = list_all(copy, &ask, error);
    }
    if (err == PAWL_OK) {
        err = move_all(copy, error);
        progress(copy, true);
    }
    pawl_care_free(copy->care);
    if (copied != NULL) *copied = copy->copied;
    copy_free(copy);
    return err;
}
