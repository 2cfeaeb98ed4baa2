/* SPDX-License-Identifier: Apache-2.0 */
/* Asks that come to a keeper from above: whom each concerns, and where it waits. */
#include "range/kept.h"

static void wait_in(struct kept *kept, struct pawl_asks *asks, struct pawl_ask *ask)
{
    pawl_note_deadline(kept, ask);
    pawl_asks_add(asks, ask);
    pawl_kept_step(kept);
}

/* Before an ask of it waits; false: there is no memory for that, and it is answered. */
static bool may_wait(struct kept *kept, struct pawl_ask *ask)
{
    bool opens = ask->kind == PAWL_ASK_OPEN && !ask->once;

    if (pawl_kept_busy(kept) && (!opens || pawl_kept_shelve(kept))) return true;
    pawl_ask_fail(ask, PAWL_NO_MEMORY, "no memory to wait for \"%.*s\"; ask again later",
                  (int)kept->holding.name.size, kept->holding.name.at);
    pawl_kept_step(kept);
    return false;
}

static void receive_take(struct pawl_keeper *keeper, struct pawl_ask *ask)
{
    uint64_t interval_ns = keeper->settings.pace.refill_interval_ns;
    struct kept *kept = ask->count == 0 ? pawl_kept_find(keeper, ask->name)
                                        : pawl_kept_get(keeper, ask->name, &ask->error);

    if (kept == NULL && ask->count == 0) {
        pawl_source_ask(keeper->below, ask);
        return;
    }
    if (kept == NULL) {
        pawl_ask_answer(ask);
        return;
    }
    if (!may_wait(kept, ask)) return;
    pawl_asker_told(kept, ask);
    if (ask->count > 0 && kept_global(kept)) {
        pawl_kept_calm(kept);
        pawl_ask_fail(ask, PAWL_GLOBAL,
                      "\"%.*s\" is ORDER GLOBAL: nothing of it may be kept, use "
                      "SEQ.NEXT",
                      (int)ask->name.size, ask->name.at);
        return;
    }
    if (ask->count == 0) {
        pawl_error fine = {.code = PAWL_OK};
        /* Ids of NEXT do not tell whether it is ORDER GLOBAL, and nothing of it may be held. */
        bool known = kept->told_epoch != 0 && kept->told_epoch == kept->client_epoch &&
                     !kept_global(kept) && kept->busy->changes.first == NULL &&
                     keeper->now_ns - kept->seen_ns < interval_ns;

        if (!known) kept->busy->check_wanted = true;
        pawl_asks_add(&kept->busy->takes, ask);
        pawl_note_deadline(kept, ask);
        if (known) pawl_kept_serve_checks(kept, &fine);
        pawl_kept_step(kept);
        return;
    }
    /* What comes is for it, not for the stock. */
    if (pawl_kept_lend(kept)) kept->lent->leased_ns = keeper->now_ns;
    wait_in(kept, &kept->busy->takes, ask);
}

static void receive_named(struct pawl_keeper *keeper, struct pawl_ask *ask)
{
    struct kept *kept = pawl_kept_get(keeper, ask->name, &ask->error);

    if (kept == NULL) {
        pawl_ask_answer(ask);
        return;
    }
    if (!may_wait(kept, ask)) return;
    wait_in(kept, ask->kind == PAWL_ASK_OPEN ? &kept->busy->opens : &kept->busy->nexts, ask);
}

static void receive_change(struct pawl_keeper *keeper, struct pawl_ask *ask)
{
    struct kept *kept = pawl_kept_find(keeper, ask->name);
    struct pawl_books books;

    if (ask->kind == PAWL_ASK_RENAME) {
        const struct kept *to = pawl_kept_find(keeper, ask->to);

        if (to != NULL) ask->to_floor = pawl_kept_floor(to, ask->to_floor);
    }
    if (kept == NULL) {
        pawl_keeper_books(keeper, ask->name, &books);
        if (books.stopped) kept = pawl_kept_get(keeper, ask->name, NULL); /* whom it may free */
    }
    if (kept == NULL) {
        pawl_source_ask(keeper->below, ask);
        return;
    }
    if (!may_wait(kept, ask)) return;
    wait_in(kept, &kept->busy->changes, ask);
}

static void receive_wait(struct pawl_ask *ask)
{
    struct kept *kept = PAWL_OWNER(ask->holding, struct kept, holding);

    if (kept_global(kept)) {
        pawl_ask_fail(ask, PAWL_GLOBAL, "it is ORDER GLOBAL now");
        return;
    }
    if (!may_wait(kept, ask)) return;
    kept->busy->wait_count += ask->count;
    wait_in(kept, &kept->busy->waits, ask);
}

/* Nothing waits for it, and it changes nothing but the books. */
static void receive_unread(struct pawl_keeper *keeper, struct pawl_ask *ask)
{
    struct kept *kept = pawl_kept_get(keeper, ask->name, &ask->error);

    if (kept != NULL) {
        pawl_kept_unread(kept, ask->count);
        ask->error.code = PAWL_OK;
        pawl_kept_step(kept);
    }
    pawl_ask_answer(ask);
}

/* Begun again, if the store has lost even that there was one, it begins beyond all that is known
 * of it here: nobody else may tell. */
static void receive_create(struct pawl_keeper *keeper, struct pawl_ask *ask)
{
    const struct kept *kept = pawl_kept_find(keeper, ask->name);

    if (kept != NULL) ask->floor = pawl_kept_floor(kept, ask->floor);
    pawl_source_ask(keeper->below, ask);
}

void pawl_keeper_receive(struct pawl_keeper *keeper, struct pawl_ask *ask)
{
    struct kept *kept = NULL;

    if (ask->kind == PAWL_ASK_UNREAD) {
        receive_unread(keeper, ask);
        return;
    }
    if (keeper->draining) {
        pawl_ask_fail(ask, PAWL_CLOSED, "the server is stopping: ask another one, or later");
        return;
    }
    ask->burned = 0;
    switch (ask->kind) {
    case PAWL_ASK_TAKE:
        receive_take(keeper, ask);
        break;
    case PAWL_ASK_OPEN:
    case PAWL_ASK_NEXT:
        receive_named(keeper, ask);
        break;
    case PAWL_ASK_WAIT:
        receive_wait(ask);
        break;
    case PAWL_ASK_RETURN:
        kept = pawl_kept_find(keeper, ask->name);
        if (kept == NULL) {
            pawl_ask_fail(ask, PAWL_NOT_KEPT, "lease %llu is not known here",
                          (unsigned long long)ask->lease);
        } else {
            pawl_kept_serve_return(kept, ask);
            pawl_kept_step(kept);
        }
        break;
    case PAWL_ASK_ALTER:
    case PAWL_ASK_SET:
    case PAWL_ASK_DROP:
    case PAWL_ASK_RENAME:
    case PAWL_ASK_FENCE:
        receive_change(keeper, ask);
        break;
    case PAWL_ASK_READ:
    case PAWL_ASK_LIST:
        pawl_keeper_tell_gaps(keeper, ask);
        if (ask->used) {
            pawl_keeper_read(keeper, ask);
        } else {
            pawl_source_ask(keeper->below, ask);
        }
        break;
    case PAWL_ASK_CREATE: /* makes nothing void that anybody could hold */
        receive_create(keeper, ask);
        break;
    case PAWL_ASK_PING:
        pawl_source_ask(keeper->below, ask);
        break;
    case PAWL_ASK_UNREAD: /* above */
    case PAWL_ASK_LEAVE:
    case PAWL_ASK_ARRIVE:
    case PAWL_ASK_RESTORE:
    case PAWL_ASK_INIT:
    case PAWL_ASK_CHECK:
    case PAWL_ASK_REDRAW:
        pawl_ask_fail(ask, PAWL_BAD_REQUEST, "only a store can be asked that, not a cache");
        break;
    }
}
