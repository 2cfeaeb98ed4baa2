/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of the simulation: a clock, luck and events of its own, and the laws. Everything that
 * runs in it is driven from here, in one thread; one seed and one commit give back any run.
 */
#ifndef PAWL_SIM_H
#define PAWL_SIM_H

#include "range/mark.h"
#include "range/record.h"
#include "sim_account.h"

enum {
    SIM_SEQS = 5,
    SIM_NODES_MAX = 12,
    SIM_USERS_MAX = 40,
    SIM_NOTES = 4096,       /* kept for the report of a failure; a power of two */
    SIM_NOTES_TOLD = 40,    /* of them, told */
    SIM_EVENTS_MAX = 65536, /* planned at once */
    SIM_NO_SEQ = -1,        /* a note that is about no sequence */
};

struct sim;
struct sim_node;
struct sim_user;
struct sim_store;
struct network;
struct sim_redis;
struct sim_span;
struct sim_jump;

typedef void (*sim_happens)(void *object, uint64_t arg);

struct sim_event {
    uint64_t at_ns;
    uint64_t tie; /* events of one moment happen in an order that the seed draws */
    sim_happens happens;
    void *object;
    uint64_t arg;
};

struct sim_note {
    uint64_t at_ns, step;
    int seq, node;
    const char *what; /* printf format of four long long */
    long long a, b, c, d;
};

/* What may go wrong in this run. All false: the stricter laws hold as well. */
struct sim_faults {
    bool refuse;    /* the store refuses: PAWL_BUSY, PAWL_STORE */
    bool lose;      /* requests and answers are lost */
    bool slow;      /* the store is at times very slow, and answers come late */
    bool outage;    /* the store is away for a while */
    bool rewind;    /* the store goes back to an earlier state */
    bool blind;     /* the store sometimes does not look at floors */
    bool twice;     /* a RETURN is executed again later */
    bool crash;     /* nodes lose their memory */
    bool restart;   /* nodes drain, stop and come back: no fault, but the work of people */
    bool cut;       /* connections break, at any byte */
    bool partition; /* peers do not reach each other, in one direction or both */
    bool change;    /* people alter, set, fence: no fault either */
    bool recreate;  /* people drop, and create again */
    bool rename;    /* people rename what takes the place of something dropped */
    bool stall;     /* the store's disk hangs: nothing is answered for a while */
    bool clock;     /* wall clocks jump, forward and back: it must not matter */
    bool lag;       /* some connections are much slower than others */
    bool deploy;    /* people restart one server after the other: no fault either */
    bool night;     /* nobody wants an id for hours: nor this */
};

/* What the store says it is, and what follows from it when it goes back. */
enum sim_identity {
    SIM_NAMELESS, /* nothing */
    SIM_TAGGED,   /* a tag of its own, which goes back with it, and can be drawn anew */
    SIM_BRANCHED, /* a timeline: another one each time */
    SIM_PLACED,   /* a position, and nothing that could be drawn anew */
    SIM_IDENTITIES,
};

struct sim_history {
    uint64_t branch, position;
    uint64_t number; /* of its tag, if it keeps one */
};

/* What kind of world it is. */
struct sim_plan {
    struct sim_faults faults;
    bool faultless; /* nothing is refused, lost, late or dies */
    bool in_order;  /* the store answers each asker in the order it asked */
    bool turning;   /* the store answers in its turn, as one that blocks does */
    bool records;   /* it is one over a network, with a driver */
    bool advances;  /* which can ADVANCE */
    enum sim_identity identity;
    uint64_t store_latency_ns, net_latency_ns, wake_latency_ns; /* each: at most */
    uint64_t refill_interval_ns, ride_through_ns;
    uint64_t night_ns, morning_ns; /* in between everybody sleeps */
    uint64_t chaos_until_ns;       /* from here on nothing goes wrong any more */
    uint64_t live_until_ns;        /* until here everybody must have been served */
};

/* One sequence, as the laws see it. */
struct sim_seq {
    char name[8];
    pawl_definition definition; /* as created first */
    bool global, cycle, small;
    struct sim_span *spans;       /* what the store reserved, latest first */
    struct pawl_mark reached;     /* furthest floor that reached the record in its present past */
    struct pawl_mark global_last; /* furthest id returned anywhere, for ORDER GLOBAL */
    int64_t increment;            /* of the latest grant */
    uint64_t line_count;          /* lines that people have begun so far */
    uint64_t change_ns, change_epoch;   /* the latest change, and when it was made */
    uint64_t settled_ns, settled_epoch; /* the one before that, which holders must have heard of */
    uint64_t rewinds;
    bool gone;    /* dropped, at the moment */
    bool changed; /* by people, after it was created */
    bool dropped_once;
    bool stuck;             /* an asker was told that a person must help */
    struct sim_jump *jumps; /* latest first */
};

struct sim {
    uint64_t seed, random, now_ns, step;
    struct sim_plan plan;
    bool made;  /* all sequences are there */
    bool calm;  /* the faults are over */
    bool quiet; /* users make no more calls */
    bool tracing;

    struct sim_event *heap; /* SIM_EVENTS_MAX */
    size_t event_count;

    struct sim_seq seqs[SIM_SEQS];
    struct sim_store *store;
    struct network *network;
    struct sim_redis *redises;
    struct sim_node *nodes[SIM_NODES_MAX];
    size_t node_count;
    struct sim_user *users[SIM_USERS_MAX];
    size_t user_count;
    int layers;                 /* of caches, at most */
    uint64_t era;               /* how often the store went back */
    struct sim_history history; /* of the store */
    uint64_t branches;          /* drawn so far */
    int64_t wall_shift_s;       /* how far wall clocks are off by now */
    uint64_t handed;
    uint64_t spans; /* of the ledger, so far */
    struct sim_account account;

    struct sim_note *notes; /* SIM_NOTES */
    uint64_t note_count;

    char *arena;
    size_t arena_size, arena_used;
};

/* sim_world.c */
struct sim *sim_now(void); /* the run under way: failures tell its seed */
void sim_begin(struct sim *sim, uint64_t seed);
void sim_end(struct sim *sim);
void *sim_alloc(struct sim *sim, size_t size); /* zeroed, lives until the run ends */
uint64_t sim_dice(struct sim *sim, uint64_t sides);
bool sim_luck(struct sim *sim, uint64_t percent);
void sim_at(struct sim *sim, uint64_t at_ns, sim_happens happens, void *object, uint64_t arg);
void sim_after(struct sim *sim, uint64_t ns, sim_happens happens, void *object, uint64_t arg);
/* Whoever would do something in ns from now: when, if he does not sleep then. */
uint64_t sim_awake(const struct sim *sim, uint64_t ns);
bool sim_step(struct sim *sim, uint64_t until_ns); /* false: nothing more happens before */
void sim_note(struct sim *sim, const struct sim_note *note);
#define SIM_NOTE(sim, about, on, ...) \
    sim_note((sim), &(struct sim_note){.seq = (about), .node = (on), __VA_ARGS__})
_Noreturn void sim_fail(struct sim *sim, int seq, const char *law, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

int sim_seq_find(const struct sim *sim, struct pawl_bytes name); /* -1: none of ours */
struct pawl_bytes sim_seq_name(const struct sim *sim, int seq);

#endif
