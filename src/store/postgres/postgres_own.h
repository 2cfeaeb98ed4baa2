/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver's files share. Operations wait as rides; what waits between two turns leaves as
 * one group: one pipeline batch, one transaction, one commit.
 *
 *     begin -> driver->waiting -> group (in flight) -> ended, or back to driver->waiting
 *
 * A transaction either commits whole or not at all, and its commit is known only by the answer to
 * its sync. So an operation of a group ends DONE after that; if the connection dies before, all of
 * the group's writes are UNKNOWN. If a statement fails, the server rolls all of them back: that one
 * FAILS, the others are sent once more, each in a transaction of its own, so that one bad record
 * holds up nobody else for long.
 */
#ifndef PAWL_POSTGRES_OWN_H
#define PAWL_POSTGRES_OWN_H

#include "store/postgres/conn.h"
#include "store/postgres/history.h"
#include "store/postgres/sql.h"
#include "store/postgres/state.h"
#include "store/records.h"

enum {
    GROUP_RIDES_MAX = 256, /* in one transaction: they hold their rows until it commits */
    /* The next batch travels while the server carries out the last one. */
    GROUPS_FLYING_MAX = 2,
};

#define CONNECT_NS             (1 * PAWL_NS_PER_S) /* of one attempt to log in */
/* All that comes between the login and the first operation. */
#define OPENING_NS             (5 * PAWL_NS_PER_S / 2)
#define OP_NS                  (5 * PAWL_NS_PER_S / 2)
#define INIT_NS                (30 * PAWL_NS_PER_S)
/* After a connection that did not come about. */
#define COOL_NS                (100 * PAWL_NS_PER_MS)
#define PATIENCE_NS            (10 * PAWL_NS_PER_S) /* least, with a server that owes an answer */
#define PATIENCE_DOUBLINGS_MAX 6

struct pg_driver;
struct pg_group;

/* An operation on its way. */
struct pg_ride {
    struct pawl_op *op;
    struct pg_ride *next;
    uint64_t end_ns; /* to be sent until then; 0: not seen by a turn yet */
    bool alone;      /* a transaction of its own: another operation spoiled the last one */
    bool again;      /* was sent once more already, through no fault of its own */
    bool refused;    /* its condition did not hold: what is there now is being read */
    bool written;    /* the answer has come, if the transaction commits: op->found is set */
    bool unclear;    /* an answer has come that cannot be read; op->error says how */
};

struct pg_rides {
    struct pg_ride *first;
    struct pg_ride **end;
};

struct pg_group_ops {
    void (*result)(struct pg_driver *driver, struct pg_group *group, const PGresult *result);
    /* Its transaction has ended; group->error says if it did so badly. Takes the rides. */
    void (*synced)(struct pg_driver *driver, struct pg_group *group);
};

/* What travels between two syncs. */
struct pg_group {
    const struct pg_group_ops *ops;
    struct pg_group *next;
    struct pg_rides rides;
    struct pg_ride *at; /* whose result comes next */
    size_t skip;        /* results that come before the first ride's */
    size_t left;        /* results that are to come */
    uint64_t end_ns;    /* 0: not seen by a turn yet */
    uint64_t limit_ns;
    bool late;               /* its rides were ended; its answers are waited for, and void */
    bool rolled_back;        /* a statement failed: certainly nothing was written */
    bool doubtful;           /* nobody knows whether it was committed, or lasts */
    bool again;              /* rolled back through nobody's fault */
    pawl_error error;        /* of rolled_back and doubtful */
    struct pg_ride *culprit; /* whose statement failed */
    enum pawl_postgres_statement statement; /* that is prepared */
};

/* What was found out about the server and the table: see enum pawl_postgres_fact. */
struct pg_facts {
    bool known;
    bool direct; /* no pooler stands between: settings and prepared statements last */
    bool has_table;
    bool server_good; /* whatever the table is */
    bool shaped;      /* the table is one of pawl's, by its columns */
    bool usable;      /* for records */
    bool breaks;      /* an id could be given twice, and that is why it is not usable */
    char place[PAWL_POSTGRES_PLACE_BYTES]; /* of the table; empty: there is none */
    pawl_error error;                      /* why not */
};

struct pg_driver {
    struct pawl_driver driver;
    struct pawl_postgres_target target;
    struct pawl_postgres_sql sql;
    struct pawl_postgres_conn conn;
    uint64_t now_ns; /* of the last turn */

    uint64_t moved_ns; /* when a group was last over */

    struct pg_rides waiting;
    struct pg_group *flying, **flying_end; /* oldest first */
    size_t flying_count;

    bool opening;            /* connected, but not all is known and set */
    uint64_t opening_end_ns; /* of what is under way before the first operation; 0: begins */
    uint64_t attempt_end_ns;
    bool cooling; /* the last connection failed: wait a moment before the next */
    uint64_t cool_end_ns;
    size_t timeouts; /* attempts in a row that nobody answered */
    bool anew;       /* the connection goes when nothing is in flight any more */
    bool broken;     /* something did not go out: the connection goes in the next turn */
    unsigned patience;

    struct pg_facts facts;
    bool prepared[PAWL_POSTGRES_STATEMENTS];
    struct pawl_postgres_history history; /* as last seen, on this connection if it is open */
    char system[24];                      /* as first seen; empty: not yet */
    bool is_foreign;                      /* another database cluster answers than at first */
};

/* postgres.c: rides and groups. */
void pawl_pg_rides_add(struct pg_rides *rides, struct pg_ride *ride);
struct pg_ride *pawl_pg_rides_pop(struct pg_rides *rides);             /* NULL: empty */
void pawl_pg_ride_end(struct pg_driver *driver, struct pg_ride *ride); /* op->end is set */
void pawl_pg_ride_fail(struct pg_driver *driver, struct pg_ride *ride, enum pawl_op_end end,
                       const pawl_error *error);
/*
 * Begins a group, in flight from now on; commands are added, then it is sent. NULL: no memory.
 * What does not go out breaks the connection in the next turn; the group then ends as any other.
 */
struct pg_group *pawl_pg_group_begin(struct pg_driver *driver, const struct pg_group_ops *ops,
                                     uint64_t limit_ns);
/* One that one ride waits for, which fails if there is no memory. */
struct pg_group *pawl_pg_group_with(struct pg_driver *driver, const struct pg_group_ops *ops,
                                    uint64_t limit_ns, struct pg_ride *ride);
void pawl_pg_group_add(struct pg_driver *driver, struct pg_group *group,
                       const struct pawl_postgres_command *command);
void pawl_pg_group_prepare(struct pg_driver *driver, struct pg_group *group, const char *text);
void pawl_pg_group_send(struct pg_driver *driver, struct pg_group *group);
/* What waits fails; all: what is about the store itself as well. */
void pawl_pg_fail_waiting(struct pg_driver *driver, const pawl_error *error, bool all);

/* opening.c: finds out what there is, and sets what the session needs. */
void pawl_pg_opening_begin(struct pg_driver *driver);
const char *pawl_pg_statement_name(enum pawl_postgres_statement statement);
/*
 * An answer to IDENTITY: keeps it, if that is what it is. false: it is another cluster's than at
 * first, which is another store under the same URL; facts.error says so.
 */
bool pawl_pg_history_seen(struct pg_driver *driver, const PGresult *result);
/* postgres.c: that is over. What waits fails if it cannot be used. */
void pawl_pg_opening_end(struct pg_driver *driver);
/* Looks at the server's facts once more for a PING. */
void pawl_pg_ping(struct pg_driver *driver, struct pg_ride *ride);

/* batch.c: operations on records, all of rides together. */
void pawl_pg_batch_writes(struct pg_driver *driver, struct pg_rides *rides);
void pawl_pg_batch_reads(struct pg_driver *driver, struct pg_rides *rides);
void pawl_pg_list(struct pg_driver *driver, struct pg_ride *ride);

/* check.c */
void pawl_pg_init(struct pg_driver *driver, struct pg_ride *ride);
void pawl_pg_check(struct pg_driver *driver, struct pg_ride *ride);

#endif
