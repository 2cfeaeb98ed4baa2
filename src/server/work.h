/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What desk, connections and commands share: requests that wait, and asks that are under way.
 *
 * A request that cannot be answered at once becomes a pending in its connection's line. It is
 * either parked on an entry, until that sequence has ids at hand, or it has a call, an ask that is
 * with the keeper. Answers are written in the order of the line. A parked one is always the first
 * of its line, since only leases are begun behind others.
 */
#ifndef PAWLD_WORK_H
#define PAWLD_WORK_H

#include "base/count.h"
#include "server/conn.h"
#include "server/table.h"

enum {
    CALL_GLOB_BYTES_MAX = 512,
    DESK_SPARE_BUFFERS_MAX = 32,
    DESK_RETRY_NS = 10 * 1000 * 1000, /* before a wait that failed is tried again */
    DESK_GRACE_NS = 20 * 1000 * 1000, /* beyond a deadline, for the keeper's word on why */
    DESK_SHARE_NS = 4 * 1000 * 1000,  /* from slice to slice, if others have work: half is theirs */
};

struct entry;
struct call;

/* A request that was begun and is not answered. */
struct pending {
    struct conn *conn;
    struct pending *next;                          /* in its connection's line */
    struct pending *parked_next, *parked_previous; /* on its entry */
    struct pending *due_next, *due_previous;       /* in the desk's line of deadlines */
    struct entry *entry;                           /* parked on it; NULL: not parked */
    struct call *call;                             /* NULL: parked */
    uint64_t count;                                /* parked: how many ids, contiguous */
    uint64_t deadline_ns;
    bool creates; /* parked: may create the sequence, as --auto-create says */
};

/* Text that grows; `failed` once there was no memory. */
struct text {
    char *at;
    size_t size;
    size_t capacity;
    bool failed;
};

/* One ask, with all that it points to. It outlives a connection that hangs up. */
struct call {
    struct desk_ask sent; /* call->sent.ask */
    struct desk_forget forget;
    struct desk *desk;
    struct pending *pending; /* who waits for it, or */
    struct entry *entry;     /* which sequence is opened or waited for, or neither: nobody cares */
    bool (*answer)(struct conn *conn, struct call *call); /* false: it asked once more */
    bool with_keeper;                                     /* from submit to desk_answered */
    bool forgetting;                                      /* from forget to desk_forgotten */
    struct pawl_name name;
    struct pawl_name to; /* RENAME */
    pawl_error failure;  /* of an entry's call: why the one before was in vain */
    struct pawl_record *record;
    pawl_gaps gaps; /* READ for SEQ.INFO */
    pawl_definition definition;
    struct pawl_page page;
    struct text text;               /* LIST: elements so far; EXISTS: names still to look at */
    uint64_t text_count;            /* LIST: how many elements; EXISTS: how many were found */
    bool with_info;                 /* LIST */
    int protocol;                   /* LIST: of the connection */
    int64_t wall_s;                 /* LIST: when it was asked */
    char glob[CALL_GLOB_BYTES_MAX]; /* LIST */
    struct users *users;            /* login.c's: whose eyes a listing is for */
    const struct user *user;
};

/* A sequence that this desk has open, or is about to. */
struct entry {
    struct desk *desk;
    uint64_t hash;
    struct pawl_holding *holding; /* NULL: not open yet */
    struct pending *parked_first, *parked_last;
    uint64_t parked_count;
    struct call *call; /* opens it or waits for ids; kept while anything is parked */
    struct entry *retry_next, *retry_previous;
    uint64_t retry_ns; /* when to ask again; 0: not in that line */
    bool answering;    /* entry_answered is at work, and will ask again itself */
    uint64_t gone;     /* how many names were gone when it was looked for in the store */
    uint8_t name_size;
    char name[];
};

/* What a wire keeps for all of its connections at a desk: made by the first of them. */
struct desk_annex {
    void (*free)(struct desk_annex *annex);
    /* Does what is due; returns when it wants its next turn, or PAWL_NEVER. */
    uint64_t (*turn)(struct desk_annex *annex);
};

struct conn_line {
    struct conn_link *first, *last;
};

struct desk {
    struct desk_settings settings;
    struct desk_annex *annex; /* NULL: none */
    struct gone *own_gone;    /* NULL: it is the server's */
    struct desk_counts counts;
    struct table by_name;    /* entries */
    struct table by_holding; /* those that are open */
    uint64_t generation;     /* rises when an entry goes: connections remember their last one */
    uint64_t now_ns;         /* as told last */
    uint64_t next_id;
    size_t under_way;
    struct pending *due_first, *due_last;
    struct entry *retry_first, *retry_last;
    struct conn_line changed;
    struct conn_line yielded; /* each turn one of them goes on */
    uint64_t yield_ns;        /* when the next one does */
    uint64_t yield_commands;  /* counts.commands when the last one did */
    char *spare[DESK_SPARE_BUFFERS_MAX];
    size_t spare_count;
    uint64_t refused_said_ns; /* login.c's: when the log heard of a wrong password */
    uint64_t refused_unsaid;  /* those since */
};

/* desk.c */

static inline struct pawl_bytes entry_name(const struct entry *entry)
{
    return (struct pawl_bytes){entry->name, entry->name_size};
}

int64_t desk_wall_s(const struct desk *desk);
struct entry *desk_find(struct desk *desk, struct pawl_bytes name); /* NULL: not open here */
/* The entry of a valid name, new if need be. NULL: no memory. */
struct entry *desk_entry(struct desk *desk, struct pawl_bytes name);
/*
 * Parks pending, which has count ids of entry to get, at the end of the entry's line, and sees to
 * it that it will be served, or answered with an error at its deadline. Neither may be touched
 * afterwards: without memory pending has been answered already.
 */
void desk_park(struct desk *desk, struct entry *entry, struct pending *pending);
void desk_unpark(struct desk *desk, struct pending *pending);
/* Opens, or serves, or fails what is parked, after the entry's call was answered. */
void entry_answered(struct entry *entry);
/* A change that the carrier must look at, outside of its own calls. */
void desk_note_changed(struct desk *desk, struct conn *conn);
void desk_forget_changed(struct desk *desk, struct conn *conn);
/*
 * It has used up its steps: conn_go_on when its turn comes. There is one in each desk_turn, and
 * where others have asked for something since the last one, half of the time is theirs.
 */
void desk_yield(struct desk *desk, struct conn *conn);
void desk_forget_yield(struct desk *desk, struct conn *conn);

/* call.c */

/* A call about a name, with nobody who waits for it yet. NULL: no memory. */
struct call *call_new(struct desk *desk, enum pawl_ask_kind kind, struct pawl_bytes name);
/* The keeper books count ids of name, which somebody who has hung up was to be told. */
void call_unread(struct desk *desk, struct pawl_bytes name, uint64_t count);
/* Its asker is a cache, whose patience with us is short: answered in 2 s, if with PAWL_TIMEOUT. */
void call_hurry(struct call *call);
void call_submit(struct call *call);
/* Nobody waits for it any more: frees it, now or when it is back; gives back what it took. */
void call_abandon(struct call *call);
void call_free(struct call *call);
/* Carries on with a call that is back, all of it. */
void call_settle(struct call *call);
void text_add(struct text *text, const char *bytes, size_t size);

/* take.c: ids from stock. */

enum take { TAKE_DONE, TAKE_PARK, TAKE_ASK };
/* Takes count ids from an open entry: done, or to be parked, or to be asked of the keeper. */
enum take entry_take(struct entry *entry, uint64_t count, pawl_ids *ids);
/* Makes a NEXT ask for exactly count ids of pending, which is parked no more. */
void take_ask(struct pending *pending, struct pawl_bytes name, uint64_t count);
/*
 * Takes count contiguous ids of name for conn. true: here they are. false: they come by the wire's
 * `took`, or an error by its `failed`, now or later. creates: as --auto-create says.
 */
bool take(struct conn *conn, struct pawl_bytes name, uint64_t count, bool creates, pawl_ids *ids);

/* conn.c */

void conn_no_memory(struct conn *conn); /* answers that error */
/* A place at the end of the line. NULL: no memory, the error is answered. */
struct pending *conn_pend(struct conn *conn);
/* Begins a call about name, which must be valid else the error is answered: NULL then. The ask's
 * other fields are the caller's to set before call_submit. */
struct call *conn_call(struct conn *conn, enum pawl_ask_kind kind, struct pawl_bytes name,
                       bool (*answer)(struct conn *conn, struct call *call));
/* The first in line, which is not parked any more, is answered. */
void conn_answered(struct conn *conn, struct pending *pending);
/* Lets go of all that waits in the line: it is not answered any more, and gives back what it took.
 */
void conn_forget_line(struct conn *conn);
/* Answers all that can be answered and begins what may begin, outside of the carrier's calls. */
void conn_go_on(struct conn *conn);

/* Where answers are written. Without memory the connection is closed. */
char *conn_room_grow(struct conn *conn, size_t size);

/* Where size bytes of an answer go; NULL: no memory. */
static inline char *conn_room(struct conn *conn, size_t size)
{
    struct conn_buffer *output = &conn->output;

    if (output->capacity - output->size < size) return conn_room_grow(conn, size);
    return output->at + output->size;
}

#endif
