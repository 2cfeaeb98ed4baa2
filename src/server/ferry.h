/* SPDX-License-Identifier: Apache-2.0 */
/* Carries a desk's asks to the keeper's thread and brings them back. */
#ifndef PAWLD_FERRY_H
#define PAWLD_FERRY_H

#include "net/turner.h"
#include "server/desk.h"

struct ferry {
    struct pawl_turner *turner;
    struct pawl_mailbox *home; /* of the desk's thread */
    struct desk *desk;
    pthread_mutex_t lock; /* of closed */
    bool closed;
};

void ferry_init(struct ferry *ferry, struct pawl_turner *turner, struct pawl_mailbox *home);

/* For desk_settings, whose arg is the ferry. */
void ferry_submit(struct pawl_ask *ask, void *arg);
void ferry_forget(struct desk_forget *forget, void *arg);

/* The keeper's thread: its settings' idle, for this desk. */
void ferry_tell_idle(struct ferry *ferry, const struct pawl_holding *holding);

/* The desk's thread, with nothing under way: nothing comes home any more. */
void ferry_close(struct ferry *ferry);

#endif
