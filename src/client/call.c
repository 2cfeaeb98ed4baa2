/* SPDX-License-Identifier: Apache-2.0 */
#include "client/call.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

_Static_assert(sizeof(struct pawl_call) <= PAWL_VAULT_CELL_MAX, "a call fits a cell");

/* The keeper's answer to one that waits too long, with its reason, comes this much before we go. */
#define GRACE_NS (10 * PAWL_NS_PER_MS)

#define PAUSE_LEAST_NS (10 * PAWL_NS_PER_MS)
#define PAUSE_MOST_NS  (200 * PAWL_NS_PER_MS)

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / PAWL_NS_PER_S),
                             .tv_nsec = (long)(ns % PAWL_NS_PER_S)};
}

/* Waits until the call is done, or it is time; whether it is done. */
static bool wait_done(struct pawl_call *call, uint64_t deadline_ns)
{
    struct timespec until = timespec_of(deadline_ns);

    while (atomic_load_explicit(&call->state, memory_order_acquire) == PAWL_CALL_ASKED) {
        if (pawl_clock_ns() >= deadline_ns) return false;
        (void)syscall(SYS_futex, &call->state, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
                      PAWL_CALL_ASKED, &until, NULL, FUTEX_BITSET_MATCH_ANY);
    }
    return true;
}

static void pause_ns(uint64_t ns)
{
    struct timespec left = timespec_of(ns);
    int status = 0;

    do {
        status = nanosleep(&left, &left);
    } while (status != 0 && errno == EINTR);
}

static void keep_info(struct pawl_page *page, const struct pawl_record *record)
{
    struct pawl_call *call = PAWL_OWNER(page, struct pawl_call, page);

    if (call->info_count == call->info_room) {
        size_t room = call->info_room == 0 ? 16 : 2 * call->info_room;
        pawl_info *infos = realloc(call->infos, room * sizeof *infos);

        if (infos == NULL) {
            call->info_missed = true;
            return;
        }
        call->infos = infos;
        call->info_room = room;
    }
    pawl_record_info(record, &call->infos[call->info_count++]);
}

/* The keeper's thread. */
static void call_done(struct pawl_ask *ask)
{
    struct pawl_call *call = PAWL_OWNER(ask, struct pawl_call, ask);
    uint32_t state = PAWL_CALL_ASKED;
    bool opened = ask->kind == PAWL_ASK_OPEN && ask->error.code == PAWL_OK;

    if (call->seq != NULL) {
        if (opened) pawl_seq_install(call->seq, call->body, ask->holding);
        atomic_store_explicit(&call->seq->opening, NULL, memory_order_release);
    }
    /* Pairs with the acquire in wait_done: whoever sees it done sees the answer. */
    if (atomic_compare_exchange_strong_explicit(&call->state, &state, PAWL_CALL_DONE,
                                                memory_order_acq_rel, memory_order_acquire)) {
        /* The waiter may have gone by now; its cell stays mapped for as long as this thread. */
        (void)syscall(SYS_futex, &call->state, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL,
                      0);
        return;
    }
    if (ask->kind == PAWL_ASK_NEXT && ask->error.code == PAWL_OK) {
        atomic_fetch_add_explicit(&call->client->burned, ask->grant.range.count,
                                  memory_order_relaxed);
    }
    if (opened && call->seq == NULL) pawl_holding_release(ask->holding);
    pawl_call_end(call);
}

static void call_came(struct pawl_mail *mail)
{
    struct pawl_call *call = PAWL_OWNER(mail, struct pawl_call, mail);

    pawl_turner_ask(call->body->turner, &call->ask);
}

struct pawl_call *pawl_call_new(struct pawl_client *client, enum pawl_ask_kind kind,
                                const struct pawl_name *name, pawl_error *error)
{
    struct pawl_body *body = NULL;

    if (pawl_client_body(client, &body, error) != PAWL_OK) return NULL;
    struct pawl_call *call = pawl_vault_take(body->vault, sizeof *call);
    if (call == NULL) {
        (void)pawl_fail(error, PAWL_NO_MEMORY, "no memory for a call");
        return NULL;
    }
    call->client = client;
    call->body = body;
    if (name != NULL) call->name = *name;
    call->ask.kind = kind;
    call->ask.name = pawl_name_bytes(&call->name);
    call->ask.record = &call->record;
    call->ask.page = &call->page;
    call->page.each = keep_info;
    call->ask.done = call_done;
    call->mail.act = call_came;
    return call;
}

struct pawl_bytes pawl_call_keep(struct pawl_call *call, struct pawl_bytes glob)
{
    PAWL_ASSERT(glob.size <= sizeof call->glob);
    if (glob.size > 0) memcpy(call->glob, glob.at, glob.size);
    return (struct pawl_bytes){call->glob, glob.size};
}

void pawl_call_end(struct pawl_call *call)
{
    if (call == NULL) return;
    free(call->infos);
    pawl_vault_give(call->body->vault, call, sizeof *call);
}

/* Gives up waiting; whether the answer came just then. */
static bool leave(struct pawl_call **call, pawl_error *error)
{
    enum pawl_ask_kind kind = (*call)->ask.kind;
    uint32_t state = PAWL_CALL_ASKED;

    if (!atomic_compare_exchange_strong_explicit(&(*call)->state, &state, PAWL_CALL_LEFT,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        return true;
    }
    *call = NULL; /* its answer ends it */
    if (pawl_ask_is_change(kind)) {
        (void)pawl_fail(error, PAWL_UNKNOWN,
                        "no answer came in time: look whether the change was made");
    } else {
        (void)pawl_fail(error, PAWL_TIMEOUT, "no answer came in time");
    }
    return false;
}

pawl_err pawl_call_once(struct pawl_call **call, uint64_t deadline_ns, pawl_error *error)
{
    struct pawl_body *body = (*call)->body;
    pawl_error story;

    (*call)->ask.deadline_ns = deadline_ns > GRACE_NS ? deadline_ns - GRACE_NS : 1;
    atomic_store_explicit(&(*call)->state, PAWL_CALL_ASKED, memory_order_relaxed);
    pawl_turner_post(body->turner, &(*call)->mail);
    if (!wait_done(*call, deadline_ns) && !leave(call, &story)) {
        if (error != NULL) *error = story;
        return story.code;
    }
    if ((*call)->ask.error.code != PAWL_OK && error != NULL) *error = (*call)->ask.error;
    return (*call)->ask.error.code;
}

pawl_err pawl_call_run(struct pawl_call **call, uint64_t deadline_ns, pawl_error *error)
{
    uint64_t wait_ns = PAUSE_LEAST_NS;

    for (;;) {
        pawl_err err = pawl_call_once(call, deadline_ns, error);

        if (err != PAWL_BUSY || *call == NULL) return err;
        if (pawl_clock_ns() + wait_ns >= deadline_ns) return err;
        pause_ns(wait_ns);
        wait_ns = wait_ns < PAUSE_MOST_NS ? 2 * wait_ns : PAUSE_MOST_NS;
    }
}

void pawl_call_start(struct pawl_call *call)
{
    struct pawl_body *body = call->body;

    call->ask.deadline_ns = 0;
    atomic_store_explicit(&call->state, PAWL_CALL_LEFT, memory_order_relaxed);
    pawl_turner_post(body->turner, &call->mail);
}
