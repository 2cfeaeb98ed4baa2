/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: a cache of ranges over a source, and so a source itself. It fills the stocks that
 * threads take from, cuts leases for askers above, carries changes down after it has let its own
 * ids go, and gives back what nobody used. One thread calls it, all but the functions that say
 * otherwise. It has no I/O, clock or luck of its own: whoever owns it turns it.
 */
#ifndef PAWL_KEEPER_H
#define PAWL_KEEPER_H

#include "range/ledger.h"
#include "range/pace.h"
#include "range/source.h"
#include "range/stock.h"

enum { PAWL_LATENCY_BUCKETS = 40 }; /* bucket i: below 2^i us */

/* Only the keeper's thread writes; others may read for display. */
struct pawl_counts {
    _Atomic uint64_t asks;     /* sent below, of any kind */
    _Atomic uint64_t failures; /* of those, ended by an error other than the caller's fault */
    _Atomic uint64_t writes;   /* of those, that may have written the record */
    _Atomic uint64_t reserved; /* ids granted from below */
    _Atomic uint64_t handed;   /* ids taken from stocks or handed out by NEXT, as far as noticed */
    _Atomic uint64_t leased;   /* ids leased to askers above */
    _Atomic uint64_t returned; /* ids given back by askers above */
    _Atomic uint64_t given_back; /* ids given back below */
    _Atomic uint64_t held;       /* ids reserved and not handed out */
    _Atomic uint64_t stopped;    /* sequences in memory that are refused until a person acts */
    _Atomic uint64_t stops;      /* how often one was */
    _Atomic uint64_t rollbacks;  /* grants discarded because they did not lie beyond our floor */
    _Atomic uint64_t steps_back; /* moves of records, as their store had gone back, or may have */
    _Atomic uint64_t step_back_ids; /* over so many ids */
    _Atomic uint64_t holdings;      /* sequences in memory */
    _Atomic uint64_t let_go;        /* those that left because there were more than cache_max */
    _Atomic uint64_t burned[PAWL_CAUSE_COUNT]; /* the sum of all ledgers; crash: of lives before */
    _Atomic uint64_t latency[PAWL_LATENCY_BUCKETS]; /* of refills */
};

struct pawl_keeper_settings {
    struct pawl_pace_settings pace;
    /* Sequences in memory beyond which one that nobody has open or waits for leaves, as an idle one
     * does: of a few that are looked at, the one that was not used for longest. 0: no limit. */
    uint64_t cache_max;
    uint64_t retry_least_ns, retry_most_ns; /* back-off after a failed refill; 10 ms, 2 s */
    uint64_t seed;                          /* for jitter */
    bool refuse_rollback; /* a grant that is not beyond our floor stops the sequence */
    /* Called from any thread when the keeper has something to do: makes its owner turn it. */
    void (*wake)(void *arg);
    uint64_t (*clock)(void); /* for refill latencies; NULL: as coarse as the keeper's turns */
    /* On the keeper's thread: a holding has gone idle; whoever has it open may release it. */
    void (*idle)(struct pawl_holding *holding, void *arg);
    /* On the keeper's thread: there are far fewer sequences in memory than there were: what they
     * took may go back to the system. */
    void (*shrank)(void *arg);
    /* Where stocks live, 64-byte aligned; NULL: the heap. A client's are in pages that a fork
     * wipes. */
    void *(*stock_new)(size_t size, void *arg);
    void (*stock_free)(void *stock, size_t size, void *arg);
    void *arg;
    /* Counts gaps by sequence, too, and says so to those who ask: servers. since: seconds since
     * 1970, from when on; 0: it does not. */
    int64_t ledger_since;
    struct pawl_archive *archive; /* NULL: a ledger lives as long as its keeper */
};

struct pawl_keeper;

/* What takers see of a sequence that is in memory. */
struct pawl_holding {
    struct pawl_stock *stock;
    struct pawl_bytes name;
    _Atomic bool global;    /* ORDER GLOBAL: nothing is ever in stock, send PAWL_ASK_NEXT */
    _Atomic uint32_t users; /* raised by the keeper as it answers an OPEN */
};

/* below must outlive the keeper, or be closed first. NULL: no memory. */
struct pawl_keeper *pawl_keeper_new(struct pawl_source *below,
                                    const struct pawl_keeper_settings *settings);
struct pawl_source *pawl_keeper_source(struct pawl_keeper *keeper);
const struct pawl_counts *pawl_keeper_counts(const struct pawl_keeper *keeper); /* any thread */
/* What became of a sequence's ids here, as far as noticed. All zero: nothing is known of it. */
void pawl_keeper_books(struct pawl_keeper *keeper, struct pawl_bytes name,
                       struct pawl_books *books);

/* Does all that is due, below too; returns when it wants to be turned next. */
uint64_t pawl_keeper_turn(struct pawl_keeper *keeper, uint64_t now_ns);

/* Forgets an ask that still waits here: answers it PAWL_BUSY, nothing taken. If it is no longer
 * here, or already asked below, it is answered in its own time. */
void pawl_keeper_forget(struct pawl_keeper *keeper, struct pawl_ask *ask);

/*
 * Begins to let everything go: answers what waits with PAWL_CLOSED, takes stocks back and gives
 * them back below. Turn it until pawl_keeper_drained or your patience ends.
 */
void pawl_keeper_drain(struct pawl_keeper *keeper);
bool pawl_keeper_drained(const struct pawl_keeper *keeper);

/* Frees it. Ids still held are burned. Nothing may be pending below: close that first. */
void pawl_keeper_free(struct pawl_keeper *keeper);

/* Any thread. Ends what an OPEN began. */
void pawl_holding_release(struct pawl_holding *holding);

#endif
