/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a guard's data.mdb ends the process that opens it: seen in a process that may die. */
#ifndef PAWL_STORE_GUARD_TRIAL_H
#define PAWL_STORE_GUARD_TRIAL_H

enum pawl_guard_trial {
    PAWL_GUARD_TRIAL_LIVED, /* it can be looked at, whatever is found then */
    PAWL_GUARD_TRIAL_DIED,
    PAWL_GUARD_TRIAL_NONE, /* there can be no such process here */
};

/* Changes nothing in it. One that takes too long has not died. Blocks: for the disk. */
enum pawl_guard_trial pawl_guard_try(const char *path);

#endif
