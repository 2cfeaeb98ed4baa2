/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other threads want done on a loop's thread, in the order in which they posted it. A system
 * call wakes the loop only if nothing was waiting yet.
 */
#ifndef PAWL_MAILBOX_H
#define PAWL_MAILBOX_H

#include <pthread.h>
#include <uv.h>

#include "net/mail.h"

struct pawl_mailbox {
    pthread_mutex_t lock;
    struct pawl_mail *oldest;
    struct pawl_mail **end;
    uv_async_t async;
    void (*closed)(struct pawl_mailbox *box);
};

/* Loop's thread, or before it runs. 0, or libuv's error. */
int pawl_mailbox_init(struct pawl_mailbox *box, uv_loop_t *loop);
/* Any thread. */
void pawl_mailbox_post(struct pawl_mailbox *box, struct pawl_mail *mail);
/* Any thread: makes the loop go round once, even with no mail. */
void pawl_mailbox_wake(struct pawl_mailbox *box);
/* Loop's thread: does what is there now, without waiting for the loop; returns how many. */
size_t pawl_mailbox_empty(struct pawl_mailbox *box);
/* Loop's thread. Nobody posts or wakes any more; what is there is not done. closed may be NULL. */
void pawl_mailbox_close(struct pawl_mailbox *box, void (*closed)(struct pawl_mailbox *box));

#endif
