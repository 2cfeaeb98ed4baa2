/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a store: a source that remembers across restarts. Beyond range/source.h:
 *   - A grant is answered only after it is durable. What cannot be written is refused (PAWL_STORE,
 *     nothing taken), or, if it may have been written, burned (PAWL_LOST) and settled by reading.
 *   - Every write but an advance is conditional on the version read before it.
 *   - A record is never created by an advance, and never forgotten: dropping leaves a tombstone.
 *   - OPEN and WAIT are not for stores.
 */
#ifndef PAWL_STORE_H
#define PAWL_STORE_H

#include "range/source.h"

struct uv_loop_s;
struct pawl_net;

struct pawl_store_options {
    struct uv_loop_s *loop;       /* the keeper's, for stores over a network */
    struct pawl_net *net;         /* on that loop */
    uint64_t seed;                /* for epochs; from the system's entropy in programs */
    uint64_t refill_interval_ns;  /* for margins */
    bool refuse_rollback;         /* a step back that a floor shows waits for pawl fence */
    bool looks_only;              /* nothing is changed, the store's own branch neither */
    uint64_t takeover_ns;         /* how long to wait for a folder that another process holds */
    int64_t (*wall_s)(void *arg); /* NULL: the system's */
    void *arg;
};

/*
 * Opens the store that url names ("memory:", "lmdb:/folder"). *store is a source.
 *
 * Blocks:   takeover_ns at most
 * Threads:  one; the store then belongs to its keeper's thread
 * Memory:   *store is ended by its close
 * Errors:   PAWL_BAD_REQUEST  no such scheme, or the rest of the URL cannot be meant
 *           PAWL_STORE        it cannot be opened; error says why and what to do
 */
pawl_err pawl_store_open(const char *url, const struct pawl_store_options *options,
                         struct pawl_source **store, pawl_error *error);

/* Whether what is in it is gone when this process ends. */
bool pawl_store_forgets(const char *url);

/* Whether its records are bare numbers, which other programs change too, and whose definition is
 * the URL's: nothing can be moved with its own. false: or the URL cannot be meant. */
bool pawl_store_is_plain(const char *url);

/* Whether other processes may use the store as well: a forked child can open it anew. */
bool pawl_store_shared(const char *url);

/* For stores' listings: hands record to page->each if it matches and is no tombstone (or those are
 * wanted), and moves page->after on to it. */
void pawl_page_record(struct pawl_page *page, const struct pawl_record *record);

/* For the same: there is a record of that name (size 0: of none that could be read), and error says
 * why it cannot be read. It does not hide the others. page->after is the caller's to move. */
void pawl_page_unread(struct pawl_page *page, const struct pawl_name *name,
                      const pawl_error *error);

/*
 * In a forked child, whose parent goes on using the store: closes the descriptors by which the
 * child would keep the store from a later owner. Nothing else may be called on it there.
 */
void pawl_store_forked(struct pawl_source *store);

#endif
