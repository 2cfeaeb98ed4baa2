/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ask on its way from an application's thread to the keeper and back. It lives in the vault: a
 * thread whose deadline has passed leaves it behind, and the answer that comes later ends it, with
 * the ids in it booked as burned.
 */
#ifndef PAWL_CALL_H
#define PAWL_CALL_H

#include "client/client.h"

enum { PAWL_CALL_GLOB_BYTES_MAX = 512 }; /* as servers take it */

enum pawl_call_state { PAWL_CALL_ASKED, PAWL_CALL_DONE, PAWL_CALL_LEFT };

struct pawl_call {
    struct pawl_mail mail;
    struct pawl_ask ask;
    struct pawl_client *client;
    struct pawl_body *body;
    struct pawl_seq *seq; /* OPEN: who gets the holding as soon as it is there; NULL: the caller */
    _Atomic uint32_t state; /* futex word */
    struct pawl_name name, to;
    pawl_definition definition;
    struct pawl_record record;
    pawl_gaps gaps;
    struct pawl_page page;
    pawl_info *infos; /* LIST: what the page had */
    size_t info_count, info_room;
    bool info_missed; /* for want of memory */
    char glob[PAWL_CALL_GLOB_BYTES_MAX];
};

/* Of this process's body. NULL: no memory; error says so. */
struct pawl_call *pawl_call_new(struct pawl_client *client, enum pawl_ask_kind kind,
                                const struct pawl_name *name, pawl_error *error);

/*
 * Asks and waits for the answer, whose code it returns. What was refused before anything was taken
 * (PAWL_BUSY) is asked again until the deadline. PAWL_TIMEOUT, or PAWL_UNKNOWN of a change, also
 * says that the call was left behind: then *call is NULL. Else end it with pawl_call_end.
 */
pawl_err pawl_call_run(struct pawl_call **call, uint64_t deadline_ns, pawl_error *error);
/* As pawl_call_run, but asks once. */
pawl_err pawl_call_once(struct pawl_call **call, uint64_t deadline_ns, pawl_error *error);
/* The call's own copy of a pattern. */
struct pawl_bytes pawl_call_keep(struct pawl_call *call, struct pawl_bytes glob);
/* Asks and leaves it behind at once. */
void pawl_call_start(struct pawl_call *call);

void pawl_call_end(struct pawl_call *call); /* NULL is allowed */

#endif
