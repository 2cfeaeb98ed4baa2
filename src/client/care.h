/* SPDX-License-Identifier: Apache-2.0 */
/* Stores in the hands of a person: opened on a loop of their own, asked by the calling thread. */
#ifndef PAWL_CARE_H
#define PAWL_CARE_H

#include "net/pump.h"
#include "net/uv_net.h"
#include "pawl/stores.h"
#include "store/store.h"

enum { PAWL_CARE_STORES_MAX = 2, PAWL_CARE_WHERE_MAX = 600 };

/* What is waited for is told after so long, and then as often. */
#define PAWL_CARE_SILENT_NS (1 * PAWL_NS_PER_S)
#define PAWL_CARE_TELL_NS   (200 * PAWL_NS_PER_MS)

/* Before a store that could not be used is asked again: so long at first. */
#define PAWL_CARE_DELAY_NS (20 * PAWL_NS_PER_MS)

struct pawl_care {
    uv_loop_t loop;
    struct pawl_pump pump;
    uv_timer_t timer; /* what closes may take so long */
    struct pawl_uv_net net;
    struct pawl_source *stores[PAWL_CARE_STORES_MAX];
    char wheres[PAWL_CARE_STORES_MAX][PAWL_CARE_WHERE_MAX]; /* which they are, for people */
    size_t store_count;
    pawl_waits *waits; /* may be NULL */
    void *waits_arg;
    bool asked; /* since the last turn: another one is due at once */
    pawl_pump_turn *step;
    void *arg;
};

/* NULL: error says why. */
struct pawl_care *pawl_care_new(pawl_error *error);
/* Closes its stores: what is still asked of them is answered, by an error. */
void pawl_care_free(struct pawl_care *care);

/*
 * Opens a store. exists: it must be there, so a folder that is not is
 * no new store.
 *
 * Errors:   PAWL_BAD_REQUEST  the URL cannot be meant
 *           any other         it cannot be used; error says why and what to do
 */
pawl_err pawl_care_open(struct pawl_care *care, const char *url, bool exists,
                        struct pawl_source **store, pawl_error *error);

/*
 * Opens a store that shall stay as it is, whatever is asked of it; one that may be made stands as
 * an empty one.
 */
pawl_err pawl_care_open_dry(struct pawl_care *care, const char *url, struct pawl_source **store,
                            pawl_error *error);

/* As pawl_source_ask. The ask is answered from inside pawl_care_loop or pawl_care_free. */
void pawl_care_ask(struct pawl_care *care, struct pawl_source *store, struct pawl_ask *ask);
/*
 * Turns all stores whenever something came or is due, and calls step after each turn. step returns
 * when it wants to be called at the latest, or PAWL_PUMP_OVER: then this returns.
 */
void pawl_care_loop(struct pawl_care *care, pawl_pump_turn *step, void *arg);
/* One ask that has no done, until it is answered or timeout_ns has passed: PAWL_TIMEOUT, and it
 * must stay until pawl_care_free. */
pawl_err pawl_care_run(struct pawl_care *care, struct pawl_source *store, struct pawl_ask *ask,
                       uint64_t timeout_ns);

/* Whether what went wrong may be right a moment later. */
bool pawl_care_is_passing(pawl_err err);

/* One of many asks that are under way at once, and are asked again where that may help. */
struct pawl_retry {
    uint64_t begun_ns;
    uint64_t due_ns; /* when to ask again, while it waits */
    unsigned tries;
    struct pawl_retry *next;
};
/* Lets it wait for its next try, later each time. false: its timeout_ns are over. */
bool pawl_retry_later(struct pawl_retry **waiting, struct pawl_retry *retry, uint64_t timeout_ns);
/* Tells waits of one that has waited for long, because of error. false: it says no. */
bool pawl_retry_tell(const struct pawl_care *care, const struct pawl_retry *retry,
                     uint64_t timeout_ns, const pawl_error *error);
/* Calls again for those whose time has come; returns when the next one's does. */
uint64_t pawl_retry_due(struct pawl_retry **waiting, void (*again)(struct pawl_retry *retry));

/*
 * As pawl_care_run, asked again for as long as the store cannot be used, timeout_ns at most, or
 * until waits says no (PAWL_CLOSED). error has what went wrong; an ask that is still pending must
 * stay until pawl_care_free.
 */
pawl_err pawl_care_insist(struct pawl_care *care, struct pawl_source *store, struct pawl_ask *ask,
                          uint64_t timeout_ns, pawl_error *error);

/*
 * Which store a URL means, whoever uses it with whichever password: for people, and to tell whether
 * two mean the same. The folder of an LMDB store is there by then.
 */
void pawl_care_where(const char *url, char where[PAWL_CARE_WHERE_MAX]);

#endif
