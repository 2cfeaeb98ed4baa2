/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's thread: a loop that owns a keeper and what is below it, carries mail to it and turns
 * it. The keeper is turned once after everything that has come meanwhile, so that a store which
 * commits in its turn commits all of that at once.
 *
 *     turner = pawl_turner_new(&error);
 *     source = a store, or pawl_fleet_new(url, pawl_turner_net(turner), ...);
 *     pawl_turner_start(turner, source, &settings, &error);
 *     pawl_turner_post(turner, &mail); in its act: pawl_turner_ask(turner, &ask);
 *     pawl_turner_drain(turner, limit_ns); all that was asked is answered before long
 *     pawl_turner_free(turner); once nobody posts, wakes or holds a holding any more
 */
#ifndef PAWL_TURNER_H
#define PAWL_TURNER_H

#include "net/mailbox.h"
#include "net/uv_net.h"
#include "range/keeper.h"

struct pawl_turner;

/* NULL: error says why there is no loop. */
struct pawl_turner *pawl_turner_new(pawl_error *error);

/* For remotes and stores that will be below the keeper. */
struct pawl_net *pawl_turner_net(struct pawl_turner *turner);
uv_loop_t *pawl_turner_loop(struct pawl_turner *turner);

/*
 * Starts the thread. below is the turner's from here on: it closes it. settings->wake must end in
 * pawl_turner_wake of this turner. Signals stay with the other threads.
 *
 * Errors:   PAWL_NO_MEMORY, PAWL_BUSY (no thread): below is closed, the turner still to be freed
 */
pawl_err pawl_turner_start(struct pawl_turner *turner, struct pawl_source *below,
                           const struct pawl_keeper_settings *settings, pawl_error *error);

/* NULL before pawl_turner_start. */
struct pawl_keeper *pawl_turner_keeper(struct pawl_turner *turner);

/* Any thread, until pawl_turner_free. Takes a turner; void, so that it can be a settings' wake. */
void pawl_turner_wake(void *turner);
/* Any thread, until pawl_turner_free: mail->act is called on the keeper's thread. */
void pawl_turner_post(struct pawl_turner *turner, struct pawl_mail *mail);

/* The keeper's thread only, from an act: asks the keeper. */
void pawl_turner_ask(struct pawl_turner *turner, struct pawl_ask *ask);
/* The keeper's thread only, from an act: pawl_keeper_forget. */
void pawl_turner_forget(struct pawl_turner *turner, struct pawl_ask *ask);

/*
 * Any thread, returns at once. The keeper drains, for at most limit_ns; then what is below is
 * closed, by which every ask is answered. The keeper and its holdings stay until pawl_turner_free.
 */
void pawl_turner_drain(struct pawl_turner *turner, uint64_t limit_ns);

/*
 * Waits for the end of a drain (and begins one without patience if none was), ends the thread and
 * frees everything. true: the keeper had drained, nothing that it held is burned. NULL is allowed.
 */
bool pawl_turner_free(struct pawl_turner *turner);

/* In a forked child, which has no such thread: closes the connections' descriptors, which are the
 * parent's, unread. The turner's memory stays as it is, and nothing else may be called. */
void pawl_turner_forked(struct pawl_turner *turner);

#endif
