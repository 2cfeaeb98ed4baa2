/* SPDX-License-Identifier: Apache-2.0 */
/* What a keeper keeps of one sequence. For the keeper_*.c files only. */
#ifndef PAWL_KEPT_H
#define PAWL_KEPT_H

#include "base/count.h"
#include "base/log.h"
#include "range/keeper.h"

enum {
    KEPT_RESERVE_MAX = 8,       /* ranges reserved and neither published nor leased */
    KEPT_LEASES_MAX = 8,        /* latest leases that could still be taken back */
    KEPT_MATCHED_MAX = 4096,    /* askers among whom one is looked for that has come back */
    KEEPER_RETRIES_PER_S = 200, /* refills tried again per second, over all sequences */
    KEEPER_SPARES_MAX = 1024,   /* asks kept for errands to come; more are given back to malloc */
    KEEPER_LOG_LINES_MAX = 10,  /* of refills that fail, in a second */
    KEEPER_ROUNDS_MAX = 16,     /* in one turn, so that its owner gets to other work */
};

struct kept;

/*
 * A stock, whose it is, and what the keeper knows of what it put there. All zeros in a forked
 * child. Only a sequence that somebody has open has one.
 */
struct shelf {
    struct pawl_stock stock;
    struct kept *kept;
    struct shelf *wanted_next;
    _Atomic uint32_t queued;             /* 1: it is in the keeper's wanted list */
    uint64_t puts;                       /* how often was published */
    uint64_t put_laps[PAWL_STOCK_SLOTS]; /* laps of what was published, by publish */
    uint64_t overruns;                   /* of the stock, noticed so far */
    uint64_t drawn_ns; /* when somebody was last seen to have drawn from it; 0: never */
    uint64_t look_ns;  /* when to look next whether it is still worth its memory */
};

/* One asker above, as far as its rate counts (design 5.4), or its leases may be lost. */
struct asker {
    uint64_t id; /* 0: free */
    double rate;
    uint64_t told_ns;        /* when it said so */
    uint64_t window_ns;      /* start of its present window of one refill interval */
    uint64_t granted;        /* in that window */
    uint64_t granted_before; /* in the one before */
    uint64_t out;            /* ids leased to it that it may still hold unused, at most */
    int64_t last;            /* the last of them */
};

struct askers {
    struct asker *at; /* open addressing, size a power of two, at most half full */
    size_t size;
    size_t count;
};

/* A range and the lap it belongs to. */
struct held {
    struct pawl_range range;
    uint64_t lap;
};

/* A lease that may be taken back as long as nothing else was cut or published after it. */
struct lease {
    uint64_t number;
    uint64_t asker;
    struct held held;
};

/* What the one ask that may be under way below is for. */
enum errand {
    ERRAND_NONE,
    ERRAND_TAKE,   /* a refill */
    ERRAND_CHECK,  /* does the epoch stand? */
    ERRAND_RETURN, /* gives the tail back */
    ERRAND_CHANGE, /* carries the first of `changes` down */
    ERRAND_NEXT,   /* ids for `batch` (ORDER GLOBAL), or a run that exact takers wait for */
};

/* Who waits for a sequence, and the one ask below: only while there is any of it. */
struct busy {
    struct pawl_ask ask; /* of the errand under way */
    struct kept *kept;
    struct busy *next; /* spare: any sequence's next */
    struct pawl_asks opens, waits, takes, nexts, batch, changes;
    uint64_t wait_count; /* ids that `waits` wait for, about */
    uint64_t expiry_ns;  /* earliest deadline of those who wait */
    uint64_t asked_ns;   /* when the errand went out */
    uint64_t sent_ns;    /* the same by settings.clock, and when the answer came, for latencies */
    uint64_t answered_ns;
    struct pawl_ask *floor_from; /* whose floor went out with it; NULL: our own */
    struct pawl_ask *run_for;    /* NEXT: who waits for the run it asks for */
    bool check_wanted;           /* somebody above asks whether the epoch stands */
};

/* What was leased of a sequence to askers above. */
struct lent {
    struct lease leases[KEPT_LEASES_MAX]; /* the latest, oldest first */
    size_t lease_count;
    struct askers askers;
    uint64_t summed_ns; /* when their rates were last summed */
    uint64_t out;       /* all of theirs */
    uint64_t swept_ns;  /* when it was last looked for those who are no more */
    uint64_t leased_ns; /* when somebody was last leased of it; 0: never */
};

/*
 * A sequence in memory. This much is kept of one that is seldom used; the rest comes when it is
 * asked for and goes when it is not needed any more: keeper_form.c.
 */
struct kept {
    struct pawl_holding holding; /* its stock is NULL where there is no shelf */
    struct pawl_keeper *keeper;
    struct kept *hash_next;
    uint32_t place;   /* in the archive */
    uint32_t heap_at; /* its place in the keeper's heap of times, UINT32_MAX: not in it */
    uint64_t due_ns;
    struct busy *busy;    /* NULL: nothing waits, and no errand is under way */
    struct lent *lent;    /* NULL: nothing was leased yet */
    struct held *reserve; /* room for KEPT_RESERVE_MAX, or NULL */

    uint64_t epoch, lap;         /* of what is held; epoch 0: not known */
    uint64_t client_epoch;       /* the last one of which we know that its ids may be held */
    int64_t run_first;           /* where the grants begin that hang together up to the top */
    struct pawl_mark run_before; /* the top before them */
    bool run_turned;             /* its line went the other way */
    struct pawl_mark top;        /* the furthest we have handed out or hold: our floor */
    struct pawl_mark stop;       /* a floor beyond which only a person moves the record, so far */
    int64_t increment;           /* 0: not known */
    uint64_t shown_epoch;        /* for show, with what follows: of the last grant; 0: none yet */
    int64_t shown_first;         /* the first id granted in it */
    int64_t handed;              /* the last one handed out, where pawl_stock_last knows none */
    uint64_t block;              /* fixed block, 0: auto */
    uint64_t grant_lease;        /* of the last grant, for giving back; 0: not to be given back */
    uint64_t told_epoch, told_line, told_lap; /* as the source last told them; epoch 0: void */

    uint64_t flows[PAWL_FLOW_COUNT];
    struct pawl_row *row; /* NULL: no gaps */

    uint64_t put; /* ids published and not yet noticed as taken */
    struct pawl_pace pace;
    double rate;       /* as of the last look */
    uint64_t used_ns;  /* when somebody last used it */
    uint64_t seen_ns;  /* when the source last said that the epoch stands; 0: never */
    uint64_t retry_ns; /* no refill before; 0: none failed */
    uint64_t rest_ns;  /* how long it rests before it is looked at, and until when */
    uint64_t rest_until_ns;
    pawl_error *trouble;   /* why the last refill failed; NULL: it did not */
    uint32_t failures;     /* in a row */
    uint8_t reserve_count; /* ranges in it */
    enum errand errand : 8;
    bool stopped;      /* its last ask for ids was refused, as its store went back */
    bool handed_known; /* else none was */
    bool leases_first; /* whose turn it is, where leases and takers wait for the same ids */
    bool resting;      /* has nothing, waits to be used or released */
    bool leaving;      /* there are too many, and nobody used it since it was chosen to go */
    char name[];       /* of the holding */
};

struct pawl_keeper {
    struct pawl_source source;
    struct pawl_source *below;
    struct pawl_keeper_settings settings;
    struct pawl_counts counts;
    uint64_t now_ns;
    uint64_t random;
    uint64_t lease_number;
    double retry_tokens;
    uint64_t retry_tokens_ns;
    bool draining;
    bool turning;
    uint64_t log_ns; /* when the second began in which log_lines were logged of failures */
    uint32_t log_lines;
    uint64_t unlogged; /* failures beyond those, and why the last one failed */
    pawl_error unlogged_why;
    struct pawl_ledger ledger;
    struct pawl_asks inbox;
    struct pawl_asks answered; /* errands that have come back */
    struct busy *spares;
    size_t spare_count;
    _Atomic(struct shelf *) wanted;
    struct kept **table; /* chains, size a power of two */
    size_t table_size;
    size_t count;
    size_t leaving;     /* of those, chosen to go and not gone yet */
    size_t most;        /* it was, since memory last went back to the system */
    size_t looked;      /* it was, when room was last made; SIZE_MAX: and that was not enough */
    struct kept **heap; /* room for `table_size` */
    size_t heap_count;
};

static inline bool kept_global(const struct kept *kept)
{
    return atomic_load_explicit(&kept->holding.global, memory_order_relaxed);
}

static inline bool kept_waited_for(const struct kept *kept)
{
    const struct busy *busy = kept->busy;

    if (busy == NULL) return false;
    return busy->opens.first != NULL || busy->waits.first != NULL || busy->takes.first != NULL ||
           busy->nexts.first != NULL || busy->changes.first != NULL;
}

/* NULL: it has none. */
static inline struct shelf *kept_shelf(const struct kept *kept)
{
    struct pawl_stock *stock = kept->holding.stock;

    return stock == NULL ? NULL : PAWL_OWNER(stock, struct shelf, stock);
}

/* Who has it open. */
static inline uint32_t kept_users(const struct kept *kept)
{
    return atomic_load_explicit(&kept->holding.users, memory_order_acquire);
}

/* Nothing is held ahead of it, and it needs no stock of its own. */
static inline bool kept_seldom(const struct kept *kept)
{
    return pawl_pace_seldom(kept->rate, &kept->keeper->settings.pace);
}

/* Ids leased to askers above that they may still hold unused. */
static inline uint64_t kept_out(const struct kept *kept)
{
    return kept->lent == NULL ? 0 : kept->lent->out;
}

/* None of the leases can be taken back any more. */
static inline void kept_forget_leases(struct kept *kept)
{
    if (kept->lent != NULL) kept->lent->lease_count = 0;
}

/* keeper_receive.c */
void pawl_keeper_receive(struct pawl_keeper *keeper, struct pawl_ask *ask);

/* keeper_read.c: READ and LIST that ask for what was used */
void pawl_keeper_read(struct pawl_keeper *keeper, struct pawl_ask *ask);

/* keeper_table.c */
struct kept *pawl_kept_find(struct pawl_keeper *keeper, struct pawl_bytes name);
struct kept *pawl_kept_get(struct pawl_keeper *keeper, struct pawl_bytes name, pawl_error *error);
void pawl_kept_free(struct kept *kept);
void pawl_kept_due(struct kept *kept, uint64_t due_ns); /* PAWL_NEVER: out of the heap */

/*
 * keeper_form.c: what a sequence has only while it is needed. Those that return bool say whether it
 * has it now; false: no memory.
 */
bool pawl_kept_shelve(struct kept *kept); /* a stock of its own */
/* Puts its stock away, if that is not used often enough any more and nobody has it open; who has is
 * told that it is idle. What was in it comes back to the reserve. */
void pawl_kept_put_away(struct kept *kept);
bool pawl_kept_queued(const struct kept *kept); /* a taker has called for a look at its stock */
bool pawl_kept_make_reserve(struct kept *kept);
bool pawl_kept_lend(struct kept *kept);
bool pawl_kept_busy(struct kept *kept);
void pawl_kept_calm(struct kept *kept);  /* gives back what it has and does not need */
void pawl_kept_strip(struct kept *kept); /* gives back all of it, as the sequence is forgotten */
void pawl_busy_free_spares(struct pawl_keeper *keeper);

/* Room in the reserve. */
static inline bool pawl_kept_reserve(struct kept *kept)
{
    return kept->reserve != NULL || pawl_kept_make_reserve(kept);
}

/* keeper_cache.c */
void pawl_kept_leave(struct kept *kept, bool leaving);  /* it is chosen to go; or stays after all */
void pawl_keeper_make_room(struct pawl_keeper *keeper); /* sees to cache_max, and says `shrank` */

/* keeper.c */
void pawl_kept_step(
    struct kept *kept); /* does the next thing for it; the way in after every event */

/* keeper_books.c: what became of the ids, in the sums and in the ledger */
void pawl_kept_flow(struct kept *kept, enum pawl_flow flow, uint64_t count);
/* What is held grows or shrinks by it. */
void pawl_kept_hold(struct kept *kept, uint64_t count);
void pawl_kept_unhold(struct kept *kept, uint64_t count);
/* Of ids that are not held, or no more. */
void pawl_kept_burned(struct kept *kept, uint64_t count, enum pawl_cause cause);
/* The record was moved on by so many ids, as its store had gone back, or may have. */
void pawl_kept_stepped_back(struct kept *kept, uint64_t skipped);
/* The source gives none of it until a person moves it on; and gives some again. */
void pawl_kept_stopped(struct kept *kept);
void pawl_kept_goes_on(struct kept *kept);

/* keeper_log.c */
void pawl_kept_log(const struct kept *kept, enum pawl_log_level level, const char *event,
                   const char *text);
/* Its refill failed, for the first time: a line, if there were not KEEPER_LOG_LINES_MAX in this
 * second; those beyond are told together. */
void pawl_kept_log_failure(struct kept *kept, const pawl_error *error);
/* Tells them, if the second is over, or the keeper ends. */
void pawl_keeper_log_failures(struct pawl_keeper *keeper, bool last);
void pawl_kept_unread(struct kept *kept, uint64_t count); /* of NEXT, or taken from the stock */
void pawl_kept_books(const struct kept *kept, struct pawl_books *books);
void pawl_kept_books_open(struct kept *kept);
void pawl_kept_books_save(struct kept *kept); /* where an archive is */
void pawl_kept_books_close(struct kept *kept);
/* READ: the ledger's answer, as far as it is asked for. */
void pawl_keeper_tell_gaps(struct pawl_keeper *keeper, struct pawl_ask *ask);

/* keeper_askers.c: who is leased of it, at what rate, and who is no more */
void pawl_asker_sum(struct kept *kept); /* sets pace.asked_rate */
void pawl_asker_told(struct kept *kept, const struct pawl_ask *ask);
void pawl_asker_granted(struct kept *kept, uint64_t id, struct pawl_range range);
void pawl_asker_returned(struct kept *kept, uint64_t id, uint64_t count);
/* Leases whose holder is not heard of any more are `unreported`: they cannot come back now. */
void pawl_asker_sweep(struct kept *kept);

/* keeper_hold.c: what is held */
void pawl_kept_notice(struct kept *kept); /* counts what takers took since the last look */
uint64_t pawl_kept_held(const struct kept *kept);
uint64_t pawl_kept_reserved(const struct kept *kept); /* in reserve, not in stock */
void pawl_kept_take_back(struct kept *kept);  /* what is in stock goes to the front of reserve */
void pawl_kept_burn_front(struct kept *kept); /* the first range of the reserve */
void pawl_kept_burn_all(struct kept *kept, enum pawl_cause cause);
void pawl_kept_burn(struct kept *kept, uint64_t count, enum pawl_cause cause);
bool pawl_kept_add(struct kept *kept, struct held held); /* behind the reserve; merges */
bool pawl_kept_add_front(struct kept *kept, struct held held);
/* Cuts up to count ids off the reserve, from `skip` ids inside its range `at` on. count 0 of the
 * result: no room to split that range. */
struct held pawl_kept_cut(struct kept *kept, size_t at, uint64_t skip, uint64_t count);
bool pawl_kept_adjacent(struct held a, struct held b);
void pawl_kept_publish(struct kept *kept);
void pawl_kept_post(struct kept *kept, pawl_err err); /* to those who wait on the stock itself */
void pawl_kept_stamp(struct kept *kept);              /* lanes let go of what they hold */
/* Somebody draws from the stock: within the last refill interval. */
bool pawl_kept_is_drawn(const struct kept *kept);
void pawl_kept_handed(struct kept *kept, int64_t id); /* the last id handed out, for show */
void pawl_kept_forget_epoch(struct kept *kept, enum pawl_cause cause); /* all held is void */

/* keeper_errand.c: the one ask below */
/* The furthest of floor and of what we know. */
struct pawl_mark pawl_kept_floor(const struct kept *kept, struct pawl_mark floor);
void pawl_errand_take(struct kept *kept, uint64_t count);
void pawl_errand_check(struct kept *kept);
bool pawl_errand_return(
    struct kept *kept); /* false: nothing that could be given back; all is burned */
void pawl_errand_change(struct kept *kept);
void pawl_errand_next(struct kept *kept);
void pawl_errand_ended(struct kept *kept); /* judges its answer, on the keeper's turn */

/* keeper_serve.c: those who wait here */
void pawl_kept_serve_takes(struct kept *kept);
void pawl_kept_serve_nexts(struct kept *kept);
void pawl_kept_serve_waits(struct kept *kept);
void pawl_kept_serve_onces(struct kept *kept); /* before what is in reserve is published */
void pawl_kept_serve_opens(struct kept *kept);
void pawl_kept_serve_checks(struct kept *kept, const pawl_error *error);
void pawl_kept_serve_return(struct kept *kept, struct pawl_ask *ask);
void pawl_kept_serve_batch(struct kept *kept, struct pawl_range range);
void pawl_kept_fail_waiting(struct kept *kept, const pawl_error *error);
void pawl_asks_fail(struct pawl_asks *asks, const pawl_error *error);
void pawl_kept_fail_expired(struct kept *kept);
uint64_t pawl_kept_waited(const struct kept *kept); /* that callers wait for here */
void pawl_note_deadline(struct kept *kept,
                        const struct pawl_ask *ask);                /* of one that begins to wait */
void pawl_note_left(struct kept *kept, const struct pawl_ask *ask); /* it waits here no longer */

#endif
