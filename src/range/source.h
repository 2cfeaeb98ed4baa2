/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source gives ranges of a sequence's ids, each id once. Stores, keepers (caches) and remotes
 * are sources; a keeper over a source is one again. An ask is one request and its one answer.
 */
#ifndef PAWL_SOURCE_H
#define PAWL_SOURCE_H

#include "range/mark.h"
#include "range/record.h"

enum { PAWL_STORE_NAME_BYTES_MAX = 63 };

enum pawl_ask_kind {
    PAWL_ASK_TAKE,   /* a range to keep: 1 to count ids. count 0: only whether the epoch stands */
    PAWL_ASK_NEXT,   /* count contiguous ids to hand out at once, fewer only if !exact */
    PAWL_ASK_RETURN, /* un-reserves a grant's tail: value its first id, count its length if known */
    PAWL_ASK_READ,   /* the record */
    PAWL_ASK_CREATE, /* grant.epoch: of what was made, 0 if it was there. floor: as for TAKE */
    PAWL_ASK_ALTER,
    PAWL_ASK_SET, /* value: the next id; called: the last id used. record also with PAWL_BEHIND */
    PAWL_ASK_DROP,
    /*
     * to: the name that it goes on under. record: as it is there. PAWL_EXISTS: that name has a
     * sequence. An error other than PAWL_UNKNOWN changed nothing that lasts.
     */
    PAWL_ASK_RENAME,
    PAWL_ASK_FENCE, /* count: ids to skip, 0 for the margin; line: the one to go beyond, or 0 */
    /*
     * Stores only. LEAVE: the sequence moves to another store, and its record becomes a tombstone
     * that says so. record: in: branch says where to; out: as it left. line: its epoch is drawn
     * beyond this one, of what bears its name there. Again, it changes nothing; and of a sequence
     * that was dropped: record says so.
     * ARRIVE: record, as it left there (or was dropped there), goes on here; once, however often it
     * is asked. grant: epoch, line and lap of what is there now, 0 if that is a tombstone.
     */
    PAWL_ASK_LEAVE,
    PAWL_ASK_ARRIVE,
    /*
     * Stores only. record: as a backup has it. The sequence goes on, in a new epoch, beyond the
     * further of that and of what is there, by count ids. grant: as ARRIVE's, first the next id;
     * burned: how many ids lie between. Again, it moves on again.
     */
    PAWL_ASK_RESTORE,
    PAWL_ASK_LIST,
    PAWL_ASK_PING,
    PAWL_ASK_INIT,  /* stores only: makes what the store needs before its first record */
    PAWL_ASK_CHECK, /* stores only: whether its settings can keep the promise */
    /*
     * Stores only. identity: in: a branch that the asker has seen, and must not meet again: the
     * store went back in time, or may have. Draws another one, unless the present one was drawn
     * after that; so once, however often and by how many it is asked. identity: out: as it is now.
     * PAWL_BAD_REQUEST: it keeps no branch that could be drawn.
     */
    PAWL_ASK_REDRAW,
    PAWL_ASK_OPEN,   /* keepers only: the holding of a name, with its first ids at hand */
    PAWL_ASK_WAIT,   /* keepers only: answers when ids are at hand in the holding's stock */
    PAWL_ASK_UNREAD, /* keepers only: count ids of answers that nobody reads any more are burned */
};

/* What a person wants changed: whose answer is lost must look whether it was made. */
static inline bool pawl_ask_is_change(enum pawl_ask_kind kind)
{
    return kind == PAWL_ASK_CREATE || kind == PAWL_ASK_ALTER || kind == PAWL_ASK_SET ||
           kind == PAWL_ASK_DROP || kind == PAWL_ASK_RENAME || kind == PAWL_ASK_FENCE ||
           kind == PAWL_ASK_LEAVE || kind == PAWL_ASK_ARRIVE || kind == PAWL_ASK_RESTORE;
}

/*
 * What a store is known by. Another name is another store. While name and branch stay, position
 * only rises: where it fell, the store went back in time.
 */
struct pawl_identity {
    uint8_t name_size; /* 0: not told */
    char name[PAWL_STORE_NAME_BYTES_MAX];
    struct pawl_branch branch;
    uint64_t position; /* of the last write; 0: not told */
};

struct pawl_grant {
    struct pawl_range range; /* count 0: nothing was granted (an ask for 0) */
    uint64_t epoch, line, lap;
    uint64_t lease; /* what a RETURN must name: a store's record's tag, a server's lease */
    uint64_t block; /* the sequence's fixed block, 0: auto */
};

struct pawl_holding;

/* One page of a listing. Names come in one order that does not change; where the store can,
 * pawl_bytes_order's. */
struct pawl_page {
    struct pawl_name
        after; /* in: begin beyond this name (size 0: at the first); out: where it ended */
    struct pawl_bytes glob; /* in: size 0: all */
    uint32_t count_max;     /* in: records looked at in this page, at most */
    bool tombstones;        /* in: those as well */
    bool more;              /* out: there may be more beyond `after` */
    bool in_order;          /* out: it is pawl_bytes_order's; false: nobody knows */
    /* Out: why the first record that could not be read could not; all others are listed. Stays over
     * pages: whoever moves or counts what was listed must not take it for all that is there. */
    pawl_error unread;
    void (*each)(struct pawl_page *page, const struct pawl_record *record);
};

enum pawl_check_verdict {
    PAWL_CHECK_KEEPS,  /* as it should be */
    PAWL_CHECK_WARNS,  /* ids stay unique; something else suffers, or it could not be seen */
    PAWL_CHECK_BREAKS, /* with this setting an id can be handed out twice */
};

/* What a store says of its settings, one item after the other. Texts are constant or the call's. */
struct pawl_check {
    void (*item)(struct pawl_check *check, const char *what, enum pawl_check_verdict verdict,
                 const char *found, const char *advice); /* advice: what to change; may be NULL */
};

/* The caller's memory from pawl_source_ask until done is called; all pointers in it as well. */
struct pawl_ask {
    enum pawl_ask_kind kind;
    struct pawl_bytes name;
    struct pawl_bytes to; /* RENAME */
    uint64_t count;
    bool exact;
    bool once;  /* OPEN: of a sequence that is seldom used one id will do: as grant, holding NULL */
    bool force; /* SET: backward is meant; READ: a tombstone, too */
    bool called; /* SET: value counts as used, as PostgreSQL's setval(s, value) has it */
    /*
     * READ, LIST of a keeper: next as if what is held here were given back, so that
     * pawl_record_last and pawl_record_is_called are PostgreSQL's last_value and is_called, with
     * CACHE 1 on one server. What others hold counts as used.
     */
    bool used;
    int64_t value;
    uint64_t line;
    uint64_t lease;         /* RETURN: of the grant that is given back */
    uint64_t epoch;         /* RETURN: likewise */
    struct pawl_mark floor; /* TAKE, NEXT: what is granted must lie beyond it; RENAME, FENCE with a
                               line, CREATE: what is given from then on */
    struct pawl_mark to_floor; /* RENAME: the same of what bore the name `to` before */
    /* CREATE, RENAME: that floor is of a store that this one took the place of. Epochs of two
     * stores say nothing of each other, so it holds whatever is here under that name by now. */
    bool floor_former, to_floor_former;
    double rate;          /* TAKE: the asker's own use, ids per second */
    uint64_t holds;       /* TAKE: ids granted before that the asker may still hold unused */
    int64_t holds_last;   /* TAKE: of those, the last one */
    uint64_t asker;       /* TAKE, RETURN: who asks (a connection), for summing rates; 0: nobody */
    uint64_t deadline_ns; /* whoever may let it wait answers PAWL_TIMEOUT then; 0: never */
    const pawl_definition *definition; /* CREATE, ALTER */
    struct pawl_record *record;        /* READ and changes: where the record goes; may be NULL */
    struct pawl_page *page;            /* LIST */
    struct pawl_check *check;          /* CHECK */
    struct pawl_holding *holding;      /* WAIT: in; OPEN: out; NULL: grant has an id instead */
    /* Out, stores only; may be NULL. PING: all of it. Else as of the ask, as far as it is known
     * without another word to the store, the branch being the one that concerns its record. */
    struct pawl_identity *identity;
    /* READ: what the first that counts them knows; NULL: not asked for */
    pawl_gaps *gaps;

    pawl_error error; /* out: code PAWL_OK, or what happened and what to do */
    /* Out: TAKE, NEXT, OPEN if `once`. With PAWL_NO_SEQUENCE from stores, epoch: of its tombstone;
     * 0: there is not even that. With PAWL_ROLLBACK and PAWL_FLOOR from stores, range.increment: of
     * the record, so that floors can be compared. */
    struct pawl_grant grant;
    uint64_t burned; /* out: ids that an error may have burned, or an exact NEXT left behind */
    /* Out: TAKE, NEXT, FENCE: ids that were jumped over before the grant, as the store had gone
     * back (or for a FENCE). From stores only. */
    uint64_t skipped;

    void (*done)(struct pawl_ask *ask);
    struct pawl_ask *next; /* whoever holds the ask: links it */
    bool pending;          /* asked and not yet answered; source.c's alone, as the next */
    uint8_t asking;        /* how many calls of ask it is inside of */
};

struct pawl_source {
    const struct pawl_source_ops *ops;
};

/*
 * ask     takes the ask over. It is answered exactly once, by done, later: never from inside ask.
 *         done may ask again. What an error's advice says holds (design 5.2): only PAWL_LOST,
 *         PAWL_UNKNOWN and errors that are not ours may have taken or changed something.
 * turn    does what is due and answers what it can: a blocking store carries out all queued asks
 *         as one transaction. Returns when it wants its next turn, PAWL_NEVER if only an ask or an
 *         event of its own gives it work.
 * close   ends every pending ask (PAWL_LOST, or PAWL_CLOSED if it was not begun) and frees self.
 *
 * Threads: a source is called from one thread, its keeper's.
 */
struct pawl_source_ops {
    const char *scheme; /* "lmdb", "pawl", "keeper": for logs and INFO */
    void (*ask)(struct pawl_source *self, struct pawl_ask *ask);
    uint64_t (*turn)(struct pawl_source *self, uint64_t now_ns);
    void (*close)(struct pawl_source *self);
};

/* A list of asks, oldest first. {0} is empty. */
struct pawl_asks {
    struct pawl_ask *first;
    struct pawl_ask **end;
};

void pawl_asks_add(struct pawl_asks *asks, struct pawl_ask *ask);
void pawl_asks_push(struct pawl_asks *asks, struct pawl_ask *ask);   /* becomes the first */
struct pawl_ask *pawl_asks_pop(struct pawl_asks *asks);              /* NULL: empty */
bool pawl_asks_remove(struct pawl_asks *asks, struct pawl_ask *ask); /* false: was not in it */

/* The one way to ask, and the one way to answer. Between them they hold the contract. */
void pawl_source_ask(struct pawl_source *source, struct pawl_ask *ask);
void pawl_ask_answer(struct pawl_ask *ask); /* error and results are set */
void pawl_ask_fail(struct pawl_ask *ask, pawl_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4))); /* sets the error and answers */

#endif
