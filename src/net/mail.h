/* SPDX-License-Identifier: Apache-2.0 */
/* What a mailbox carries; apart from it, so that those who only write mail need no loop. */
#ifndef PAWL_MAIL_H
#define PAWL_MAIL_H

#include "base/base.h"

/* Lives inside what it is about. From post until act is called it is the mailbox's. */
struct pawl_mail {
    struct pawl_mail *next;
    void (*act)(struct pawl_mail *mail); /* on the loop's thread; may free or post the mail again */
};

#endif
