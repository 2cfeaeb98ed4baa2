/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a guard share: guard.c has what passes through it, guard_return.c what is given
 * back, guard_learn.c what it does while it remembers nothing, guard_look.c what it knows of the
 * store itself. */
#ifndef PAWL_STORE_GUARD_OWN_H
#define PAWL_STORE_GUARD_OWN_H

#include <pthread.h>

#include "store/guard.h"

enum { PAWL_GUARD_BATCH_MAX = 256 }; /* answers that are remembered together */

enum guard_state {
    GUARD_LOOKING, /* asks wait until the store has said who it is */
    GUARD_READY,
    GUARD_REFUSED, /* it is another store, or the book cannot be opened: trouble says */
};

/* An ask on its way through. */
struct passed {
    struct pawl_ask ask;
    struct pawl_identity identity; /* as of its answer */
    struct pawl_guard *guard;
    struct pawl_ask *from;
    struct passed *next;
    struct pawl_seen seen;     /* as it was when it was sent */
    struct pawl_branch branch; /* the store's, likewise */
    uint64_t position;         /* likewise */
    struct pawl_mark floor;    /* that went out with it */
    bool ours;                 /* it is what was seen */
};

struct pawl_guard {
    struct pawl_source source;
    struct pawl_source_ops ops;
    struct pawl_source *below;
    struct pawl_book *book;
    struct pawl_guard_settings settings;
    enum guard_state state;
    bool opened;                /* the book, for the store that bears `store`'s name */
    struct pawl_identity store; /* its name, as the book was opened for */
    struct pawl_book_head head; /* as it is remembered */
    bool blind;                 /* it was begun by this process, and nobody was told what for */
    bool head_changed;          /* since it was last put */
    uint64_t losses;            /* of the book, that are known */
    uint64_t now_ns;
    uint64_t learn_until_ns;   /* 0: not known yet */
    uint64_t retry_ns;         /* no look before */
    uint64_t lost_log_ns;      /* nor a line about what the store has lost */
    pawl_error trouble;        /* REFUSED: why */
    struct pawl_asks waiting;  /* until READY */
    struct pawl_asks pings;    /* from above: each wants a look */
    struct pawl_asks changes;  /* likewise, before it is sent */
    uint64_t looked_ns;        /* when the last look ended; 0: there was none */
    struct pawl_asks returns;  /* to be forgotten before they are sent */
    bool failing;              /* the last write of the book failed */
    bool asked;                /* below, since its last turn */
    struct pawl_asks answered; /* here; their results are set */
    struct passed *ended, **ended_end;
    struct pawl_ask look; /* PING or REDRAW */
    struct pawl_identity look_identity;
    struct pawl_identity pinged;    /* REDRAW: as the PING before it had it */
    bool back;                      /* REDRAW: that showed that the store went back */
    struct pawl_branch look_branch; /* head's, as it was when it was sent: others may overtake it */
    uint64_t look_position;         /* likewise */
    struct pawl_asks looked_for;    /* pings that it answers */
    bool look_wanted;               /* somebody has seen something odd */
    struct pawl_sight sights[PAWL_GUARD_BATCH_MAX];
    struct passed *batch[PAWL_GUARD_BATCH_MAX];
    pthread_mutex_t lock; /* of view */
    struct pawl_guard_view view;
};

/* guard.c */
/* Answered in the next turn: never from inside an ask. */
void pawl_guard_answer_later(struct pawl_guard *guard, struct pawl_ask *ask, pawl_err code,
                             const char *text);
void pawl_guard_ask_below(struct pawl_guard *guard, struct pawl_ask *ask);
/* NULL: no memory, and from is answered. */
struct passed *pawl_guard_passed_new(struct pawl_guard *guard, struct pawl_ask *from);
/* What is remembered of a name, by the store before this one too; false: the ask is answered. */
bool pawl_guard_recall(struct pawl_guard *guard, struct pawl_ask *from, struct pawl_bytes name,
                       struct pawl_seen *seen);
/* An ask for ids, whatever is remembered. */
void pawl_guard_pass_ids(struct pawl_guard *guard, struct pawl_ask *from);
/* The same, of which this is remembered. */
void pawl_guard_pass_with(struct pawl_guard *guard, struct pawl_ask *from,
                          const struct pawl_seen *seen);

/* guard_change.c */
void pawl_guard_pass_change(struct pawl_guard *guard, struct pawl_ask *from);

/* guard_return.c */
void pawl_guard_turn_returns(struct pawl_guard *guard);

/* guard_learn.c */
/* Nothing is remembered of a sequence that was not made here, and --learn-for is not over. */
bool pawl_guard_learns(const struct pawl_guard *guard, const struct pawl_seen *seen);
/* The book may have been lost, and begun anew, when it was last asked: then learning begins anew.
 */
void pawl_guard_heed_losses(struct pawl_guard *guard);
/* An ask for ids meanwhile: only a floor in the record's line lets it pass. */
void pawl_guard_learn(struct pawl_guard *guard, struct pawl_ask *from);

/* An ask that waits until its record was read. */
struct guard_reading {
    struct pawl_ask read;
    struct pawl_record record;
    struct pawl_guard *guard;
    struct pawl_ask *from;
    struct pawl_seen seen; /* of its name */
    struct pawl_seen to;   /* RENAME: of the new one */
};

/* done is given the reading's own ask, and frees the reading. */
void pawl_guard_read_first(struct pawl_guard *guard, struct pawl_ask *from,
                           const struct pawl_seen *seen, const struct pawl_seen *to,
                           void (*done)(struct pawl_ask *read));
/* What is remembered of record: of the store before this one that counts in the record's line (this
 * one is that one put back, or a copy), else nothing is remembered (mark.line 0). */
struct pawl_seen pawl_guard_seen_of(const struct pawl_seen *seen, const struct pawl_record *record);
/* An ask for ids of which what is remembered is of the store before this one: its record is read
 * first. */
void pawl_guard_compare(struct pawl_guard *guard, struct pawl_ask *from,
                        const struct pawl_seen *seen);
/* Whether what was granted before the next one tells may be more than anybody here knows of. */
bool pawl_guard_is_blind(const struct passed *passed);
/* Says so, of the first such grant of a guard that was just begun: it may have been lost. */
void pawl_guard_tell_blind(struct pawl_guard *guard, const struct passed *passed);
/* Somebody above had come further than this guard has seen, and that showed that the store had gone
 * back: what it granted here before he told may have been granted before. Logged. */
void pawl_guard_log_bounds(const struct passed *passed);

/* guard_lost.c */
/* An answer that there is no such sequence: if one was granted from, says so, and the ways out. */
void pawl_guard_tell_lost(struct pawl_guard *guard, const struct passed *passed);
/* What came to nothing in a store that may be another one, or that went back, waits until that is
 * known: passed is over. */
bool pawl_guard_asks_again(struct pawl_guard *guard, const struct passed *passed);

/* guard_look.c */
void pawl_guard_look_begin(struct pawl_guard *guard); /* if one is due and none is under way */
/* What the store said as it carried out something: false: it must not be used, look first. */
bool pawl_guard_known(struct pawl_guard *guard, const struct passed *passed);
/* Puts them into the book. false: it failed, which is counted and told. */
bool pawl_guard_put(struct pawl_guard *guard, const struct pawl_entries *entries);
int64_t pawl_guard_wall_s(const struct pawl_guard *guard);

#endif
