/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sequence's record, its arithmetic, and what each ask does to it. Pure functions: no I/O, no
 * clock, no luck of their own. Stores that can run them in a transaction of their own (memory,
 * LMDB) do nothing else; others say the same in their own words and are tested against these.
 */
#ifndef PAWL_RECORD_H
#define PAWL_RECORD_H

#include "pawl/pawl.h"
#include "range/mark.h"

enum {
    PAWL_BRANCH_BYTES_MAX = 63,
    PAWL_EPOCH_STEP_MAX = INT32_MAX, /* a new epoch lies 1 to this many beyond the last */
    PAWL_FENCE_IDS_MIN = 10000,      /* least margin of a move beyond a floor */
    PAWL_JUMP_REACH = 100,           /* such a move is drawn within so many margins beyond it */
};

struct pawl_name {
    uint8_t size;
    char at[PAWL_NAME_BYTES_MAX];
};

/*
 * Which of a store's histories something was written in: it changes where the store may have begun
 * to go on from an earlier point (a timeline, a vbucket's uuid, a random tag). Design 5.5.
 */
struct pawl_branch {
    uint8_t size; /* 0: not told; nothing follows from it */
    bool loses;   /* a change to this branch can have lost acknowledged writes */
    char at[PAWL_BRANCH_BYTES_MAX];
};

struct pawl_record {
    struct pawl_name name;
    struct pawl_name moved_to; /* of a tombstone: what it was renamed to; its own name: it has left
                                  for another store; size 0: neither */
    uint64_t epoch;            /* of the definition; 0: there is no record */
    uint64_t line;             /* epoch in which ids last began again or turned round */
    uint64_t lap;              /* how often it has turned since */
    uint64_t version;          /* every write raises it */
    uint64_t tag;              /* random, drawn anew by every write: a version can come again */
    int64_t start, increment, min, max;
    int64_t next;   /* the next id never reserved, or the last one if ended */
    int64_t origin; /* where next was last put or turned to: if next is there, nothing was used */
    uint64_t block; /* ids; 0: auto */
    double rate;    /* ids per second, largest lately */
    int64_t created_at,
        changed_at;     /* seconds since 1970; changed: the definition or next, by hand */
    int64_t written_at; /* likewise; advances count too: for the rate and for margins */
    pawl_order order;
    pawl_type data_type;
    bool cycle;
    bool ended;   /* next cannot hold "one beyond the last": no id is left in this lap */
    bool dropped; /* a tombstone: recreating goes on from its epoch */
    uint8_t branch_size;
    /* In which it was last known to have lost nothing; size 0: in none yet. Of a tombstone that
     * bears moved_to something else: where it has left to, or how far its rename is. */
    char branch[PAWL_BRANCH_BYTES_MAX];
};

/* What the functions below need from outside. */
struct pawl_moment {
    uint64_t *random;            /* for epochs, tags and jumps */
    int64_t wall_s;              /* seconds since 1970 */
    uint64_t refill_interval_ns; /* for margins */
    bool refuse_rollback;        /* a floor that shows a step back stops the sequence */
    struct pawl_branch branch;   /* the store's, as far as it concerns this record */
};

struct pawl_ask;

static inline struct pawl_bytes pawl_name_bytes(const struct pawl_name *name)
{
    return (struct pawl_bytes){name->at, name->size};
}

/* PAWL_OK, or PAWL_BAD_REQUEST with what is wrong: 1 to 255 bytes, UTF-8, no control characters. */
pawl_err pawl_name_set(struct pawl_name *name, struct pawl_bytes bytes, pawl_error *error);

/* How many ids are left in this lap, from next on; saturates at UINT64_MAX. */
uint64_t pawl_record_left_in_lap(const struct pawl_record *record);
/* The same, a cycling sequence counting at least a whole lap: what shares and limits refer to. */
uint64_t pawl_record_left(const struct pawl_record *record);
/* Ids in one whole lap from its turning bound on. */
uint64_t pawl_record_lap_size(const struct pawl_record *record);
/*
 * Ids that a move beyond a lost past should skip: design 5.5. since_change_s 0: not proven.
 * 0: it would be more than 1 % of the ids left, so only a person can say how far to move.
 */
uint64_t pawl_record_margin(const struct pawl_record *record, const struct pawl_moment *moment,
                            int64_t since_change_s);

/* The id handed out last in this lap, or next itself where none was: PostgreSQL's last_value. */
int64_t pawl_record_last(const struct pawl_record *record);
/* Whether any was used since next was last put: PostgreSQL's is_called. */
bool pawl_record_is_called(const struct pawl_record *record);
/* Whether id lies behind next: an id like it may have been handed out in this lap. */
bool pawl_record_behind(const struct pawl_record *record, int64_t id);
/* Puts next where it is told; nothing counts as used there. */
void pawl_record_put(struct pawl_record *record, int64_t id);
/* Puts next one increment beyond id, which counts as used: PostgreSQL's setval(s, id). */
void pawl_record_put_used(struct pawl_record *record, int64_t id);
/* Moves next on by count ids, at most what is left in this lap. */
void pawl_record_advance(struct pawl_record *record, uint64_t count);
/* The same across a cycling sequence's turn; false: fewer are left, nothing changed. */
bool pawl_record_skip(struct pawl_record *record, uint64_t count);
/* A cycling sequence's next lap, from its turning bound on. */
void pawl_record_turn(struct pawl_record *record);

/*
 * Gives record what definition says, as CREATE (all else gets its default) or as ALTER (all else
 * stays, next included unless a RESTART or another increment moves it). Neither epoch, line, lap,
 * version nor times change. NULL: nothing is given. PAWL_BAD_REQUEST with PostgreSQL's text, and
 * record may then be half changed.
 */
enum pawl_define { PAWL_DEFINE_CREATE, PAWL_DEFINE_ALTER };
pawl_err pawl_record_define(struct pawl_record *record, enum pawl_define how,
                            const pawl_definition *definition, pawl_error *error);
/* What of that shows without a record: parts and words that do not exist, or exclude each other. */
pawl_err pawl_definition_check(enum pawl_define how, const pawl_definition *definition,
                               pawl_error *error);

/*
 * Carries out one ask of any kind but LIST on record, exactly as design 5.1, 5.2, 5.5 and 5.6 say,
 * and sets the ask's results and error. record->epoch 0 means that the name has none yet; record
 * then must still bear the name. Returns whether record changed and must be written before the
 * ask may be answered. An ask that fails changes nothing.
 */
bool pawl_record_apply(struct pawl_record *record, struct pawl_ask *ask,
                       const struct pawl_moment *moment);

/* Whether it is what a sequence leaves behind that moves to another store: see PAWL_ASK_LEAVE. */
bool pawl_record_has_left(const struct pawl_record *record);
/* Whether both say that they go to one store: by the mark behind what people read of its URL, "#"
 * and sixteen digits, as that text may be cut, and otherwise from version to version. */
bool pawl_record_leaves_for_same(const struct pawl_record *a, const struct pawl_record *b);
enum { PAWL_LEFT_MARK_BYTES = 17 };
/* In the text of every error about one, and about a name that has another one now. */
#define PAWL_LEFT_WORDS    "was moved to another store"
#define PAWL_RENAMED_WORDS "was renamed to"
/* A PAWL_NO_SEQUENCE of a name whose sequence goes on elsewhere: to create it anew would give its
 * ids again. */
bool pawl_error_says_elsewhere(const pawl_error *error);
/* In the text of a PAWL_NO_SEQUENCE of which a guard remembers ids. */
#define PAWL_LOST_WORDS "the store has lost it"

/*
 * Renaming takes two records, and five writes where each write is of one: see rename.c. A record
 * that stands in the middle of it is unsettled: whoever finds it settles it before anything else.
 */
bool pawl_record_is_unsettled(const struct pawl_record *record);
/* Of a RENAME's tombstone: it cannot come back. */
bool pawl_record_is_decided(const struct pawl_record *record);
/* RENAME: record becomes an unsettled tombstone; target: what is there now. As apply. */
bool pawl_record_rename(struct pawl_record *record, const struct pawl_record *target,
                        struct pawl_ask *ask, const struct pawl_moment *moment);

enum pawl_settle {
    PAWL_SETTLE_DONE,   /* it is settled */
    PAWL_SETTLE_TARGET, /* target changed: write it if it is still what it was, and look again */
    PAWL_SETTLE_RECORD, /* likewise record */
    PAWL_SETTLE_FIRST,  /* target is unsettled itself, by another rename: settle it first */
    PAWL_SETTLE_FAILED, /* error */
};
/* The next step for record, whose moved_to target bears. A step refused does no harm. */
enum pawl_settle pawl_record_settle(struct pawl_record *record, struct pawl_record *target,
                                    const struct pawl_moment *moment, pawl_error *error);

/* Whether an ask that finds an unsettled record has to have it settled first. */
bool pawl_ask_settles(const struct pawl_ask *ask);

/* A store whose asks are transactions: reads and writes within one. Both return 0, or what ends the
 * whole transaction; an error of this ask alone they set in its error. */
struct pawl_records_within {
    int (*get)(struct pawl_records_within *within, struct pawl_bytes name,
               struct pawl_record *record, pawl_error *error);
    int (*put)(struct pawl_records_within *within, const struct pawl_record *record,
               pawl_error *error); /* NULL: none of the asks may write */
};
/* Carries out one ask as pawl_record_apply would, settling what it finds. */
int pawl_records_ask(struct pawl_records_within *within, struct pawl_ask *ask,
                     const struct pawl_moment *moment);

/*
 * Whether record was last written in another branch, in which ids may have been granted of which it
 * knows nothing: what is granted of it must be moved on first.
 */
bool pawl_record_is_astray(const struct pawl_record *record, const struct pawl_branch *now);
/* Whether it bears another one than is told now, or none: what is granted next writes that. */
bool pawl_record_has_other_branch(const struct pawl_record *record, const struct pawl_branch *now);

void pawl_record_info(const struct pawl_record *record, pawl_info *info);

/*
 * The record as bytes: little-endian, a format byte first and a CRC-32 last. The one format of
 * stores that keep bytes (LMDB now, etcd later). pawl_record_read fails on anything else.
 */
enum { PAWL_RECORD_BYTES_MAX = 1024, PAWL_RECORD_FORMAT = 1 };
/* What arithmetic relies on. What was written by us and not harmed always holds it. */
bool pawl_record_sound(const struct pawl_record *record);
size_t pawl_record_write(const struct pawl_record *record, char bytes[PAWL_RECORD_BYTES_MAX]);
pawl_err pawl_record_read(struct pawl_record *record, struct pawl_bytes bytes, pawl_error *error);

#endif
