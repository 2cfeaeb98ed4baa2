/* SPDX-License-Identifier: Apache-2.0 */
/* libpawl: ids from a pawl server or straight from a store, at the price of an atomic add. */
#ifndef PAWL_H
#define PAWL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pawl/err.h"
#include "pawl/gaps.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PAWL_VERSION "0.1.0"

enum {
    PAWL_NAME_BYTES_MAX = 255, /* of a sequence's name, UTF-8 without control characters */
    PAWL_TAKE_MAX = 1000000,   /* ids in one pawl_take */
};

typedef struct pawl_client pawl_client; /* connections and the thread that keeps stocks filled */
typedef struct pawl_seq pawl_seq;       /* one sequence, and the ids held for it here */
typedef struct pawl_lane pawl_lane;     /* one thread's private run of ids */

/* Ids first, first + increment, ...: count of them. */
typedef struct pawl_ids {
    int64_t first;
    int64_t increment;
    uint64_t count;
} pawl_ids;

/* Zero means the default in each field, so `{0}` and NULL are good starts. */
typedef struct pawl_options {
    uint64_t timeout_ns;         /* the deadline of a call that waits; default 5 s */
    uint64_t ride_through_ns;    /* to go on while the source is away; default 60 s */
    uint64_t refill_interval_ns; /* how often a busy sequence asks its source; default 30 s */
    uint64_t takeover_ns;        /* how long to wait for a folder that another holds; default 0 */
} pawl_options;

typedef enum pawl_order { PAWL_ORDER_CLIENT, PAWL_ORDER_GLOBAL } pawl_order;
typedef enum pawl_type { PAWL_TYPE_BIGINT, PAWL_TYPE_INTEGER, PAWL_TYPE_SMALLINT } pawl_type;

/* Which fields of a pawl_definition are meant; the others keep their value, or the default. */
typedef enum pawl_given {
    PAWL_GIVEN_START = 1 << 0,
    PAWL_GIVEN_INCREMENT = 1 << 1,
    PAWL_GIVEN_MIN = 1 << 2,
    PAWL_GIVEN_MAX = 1 << 3,
    PAWL_GIVEN_CYCLE = 1 << 4,
    PAWL_GIVEN_BLOCK = 1 << 5,
    PAWL_GIVEN_ORDER = 1 << 6,
    PAWL_GIVEN_TYPE = 1 << 7,
    PAWL_GIVEN_RESTART = 1 << 8,           /* alter only: the next id becomes `restart` */
    PAWL_GIVEN_NO_MIN = 1 << 9,            /* back to the default minimum */
    PAWL_GIVEN_NO_MAX = 1 << 10,           /* back to the default maximum */
    PAWL_GIVEN_RESTART_AT_START = 1 << 11, /* alter only: the next id becomes START */
    PAWL_GIVEN_IF_NOT_EXISTS = 1 << 12,    /* create only: an existing sequence is no error */
} pawl_given;

/* A sequence's parameters, with SQL's meanings and defaults. {0} is PostgreSQL's default. */
typedef struct pawl_definition {
    uint32_t given; /* pawl_given bits */
    int64_t start;
    int64_t increment;
    int64_t min;
    int64_t max;
    int64_t restart;
    uint64_t block; /* ids reserved at a time; 0 lets pawl decide */
    bool cycle;
    pawl_order order;
    pawl_type data_type;
} pawl_definition;

/* What a store keeps of one sequence, as people look at it. */
typedef struct pawl_info {
    char name[PAWL_NAME_BYTES_MAX + 1];
    uint64_t epoch, line, lap, version;
    int64_t start, increment, min, max;
    int64_t next; /* the next id never reserved */
    uint64_t block;
    double rate;                    /* ids per second, the largest lately */
    int64_t created_at, changed_at; /* seconds since 1970 */
    pawl_order order;
    pawl_type data_type;
    bool cycle;
    bool ended; /* no id is left in this lap */
    /* pawl_show: as the server counts them that was asked, and of what it reserved itself. */
    pawl_gaps gaps;
} pawl_info;

/**
 * Opens a client on servers ("pawl://a,b:7379") or straight on a store ("lmdb:/var/lib/ids", once
 * libpawl-stores is registered, see pawl/stores.h). Servers with users want
 * "pawl://user:password@a" (what is no letter, digit or one of -._~ as %XX), or "pawl://user@a" and
 * PAWL_PASSWORD in the environment.
 *
 * Blocks:   until the source answers, options->timeout_ns at most
 * Threads:  any
 * Memory:   *client is yours, end it with pawl_close; url and options are copied and may go at once
 * Errors:   PAWL_BAD_REQUEST  the url or options cannot be meant; error says which
 *           PAWL_BUSY         no server could be reached
 *           PAWL_DENIED       the server wants a login, or another one
 *           PAWL_STORE        the store cannot be opened; error says why and what to do
 */
PAWL_API pawl_err pawl_open(const char *url, const pawl_options *options, pawl_client **client,
                            pawl_error *error) PAWL_CHECK;

/**
 * Opens a sequence by name. Has waited for the first range. Opening it again gives the same seq.
 *
 * Blocks:   until the first ids are at hand, the client's timeout_ns at most
 * Threads:  any
 * Memory:   *seq is the client's and lives until pawl_close; name is copied
 * Errors:   PAWL_NO_SEQUENCE  no sequence has that name
 *           PAWL_BAD_REQUEST  the name is empty, too long, not UTF-8 or has control characters
 *           PAWL_END          the sequence is used up
 *           PAWL_TIMEOUT      no server or store answered in time
 */
PAWL_API pawl_err pawl_seq_open(pawl_client *client, const char *name, pawl_seq **seq,
                                pawl_error *error) PAWL_CHECK;

/**
 * Takes the next id of a sequence: one atomic add while ids are at hand.
 *
 * Ids taken through one seq only rise, in the direction of its increment (until it cycles or a
 * person sets it back). An id is given once, ever; some are never given.
 *
 * Blocks:   only when nothing is at hand, the client's timeout_ns at most
 * Threads:  any number at once, on the same seq
 * Memory:   allocates nothing while ids are at hand; *id is set only with PAWL_OK
 * Errors:   PAWL_TIMEOUT      the time passed; nothing was taken
 *           PAWL_END          the sequence is used up and does not cycle
 *           PAWL_NO_SEQUENCE  it was dropped meanwhile
 *           PAWL_FORKED       this is a forked child, and the store admits only its parent
 */
PAWL_API pawl_err pawl_next(pawl_seq *seq, int64_t *id) PAWL_CHECK;

/**
 * As pawl_next, with a deadline of its own.
 *
 * Blocks:   only when nothing is at hand, timeout_ns at most
 * Threads:  any number at once, on the same seq
 * Memory:   allocates nothing while ids are at hand; *id is set only with PAWL_OK
 * Errors:   as pawl_next
 */
PAWL_API pawl_err pawl_next_within(pawl_seq *seq, uint64_t timeout_ns, int64_t *id) PAWL_CHECK;

/**
 * As pawl_next, but never waits.
 *
 * Blocks:   never
 * Threads:  any number at once, on the same seq
 * Memory:   allocates nothing; *id is set only with PAWL_OK
 * Errors:   PAWL_EMPTY   nothing at hand; a refill is under way: do other work, do not spin
 *           PAWL_GLOBAL  the sequence is ORDER GLOBAL, whose every id needs a round trip
 *           and as pawl_next
 */
PAWL_API pawl_err pawl_try_next(pawl_seq *seq, int64_t *id) PAWL_CHECK;

/**
 * Takes a run of ids at once: 1 to count of them, contiguous.
 *
 * Blocks:   only when nothing is at hand, timeout_ns at most
 * Threads:  any number at once, on the same seq
 * Memory:   allocates nothing while ids are at hand; *ids is set only with PAWL_OK
 * Errors:   PAWL_BAD_REQUEST  count is 0
 *           PAWL_LIMIT        count is above PAWL_TAKE_MAX
 *           and as pawl_next
 */
PAWL_API pawl_err pawl_take(pawl_seq *seq, uint64_t count, uint64_t timeout_ns, pawl_ids *ids)
    PAWL_CHECK;

/**
 * Opens a lane: a private run of ids for one thread, cheaper still than pawl_next.
 *
 * Blocks:   never
 * Threads:  any; the lane itself belongs to one thread at a time
 * Memory:   *lane is yours, end it with pawl_lane_close before pawl_close
 * Errors:   PAWL_GLOBAL     the sequence is ORDER GLOBAL
 *           PAWL_NO_MEMORY  no memory
 */
PAWL_API pawl_err pawl_lane_open(pawl_seq *seq, pawl_lane **lane) PAWL_CHECK;

/**
 * Takes the next id of a lane.
 *
 * Blocks:   only when nothing is at hand, the client's timeout_ns at most
 * Threads:  one at a time
 * Memory:   allocates nothing while ids are at hand; *id is set only with PAWL_OK
 * Errors:   as pawl_next
 */
PAWL_API pawl_err pawl_lane_next(pawl_lane *lane, int64_t *id) PAWL_CHECK;

/**
 * Ends a lane. What is left of its run is burned. NULL is allowed.
 *
 * Blocks:   never
 * Threads:  one at a time
 * Memory:   frees the lane
 * Errors:   none
 */
PAWL_API void pawl_lane_close(pawl_lane *lane);

/**
 * Creates a sequence. definition NULL means PostgreSQL's defaults: 1, 2, 3 ... as bigint.
 *
 * Blocks:   until the source answers, the client's timeout_ns at most
 * Threads:  any
 * Memory:   name and definition are copied
 * Errors:   PAWL_EXISTS       a sequence has that name
 *           PAWL_BAD_REQUEST  the definition cannot be meant; error has PostgreSQL's text
 *           PAWL_UNKNOWN      the answer was lost; look with pawl_show
 */
PAWL_API pawl_err pawl_create(pawl_client *client, const char *name,
                              const pawl_definition *definition, pawl_error *error) PAWL_CHECK;

/**
 * Changes a sequence: what definition->given names. A restart behind the next id begins a new line.
 *
 * Every other holder of ids lets them go within one refill interval per layer of cache.
 *
 * Blocks:   until the source answers, the client's timeout_ns at most
 * Threads:  any
 * Memory:   name and definition are copied
 * Errors:   PAWL_NO_SEQUENCE  no sequence has that name
 *           PAWL_BAD_REQUEST  the definition cannot be meant; error has PostgreSQL's text
 *           PAWL_UNKNOWN      the answer was lost; look with pawl_show
 */
PAWL_API pawl_err pawl_alter(pawl_client *client, const char *name,
                             const pawl_definition *definition, pawl_error *error) PAWL_CHECK;

/**
 * Sets the next id. Backward only with force: then ids given before may come again, so be sure
 * that every holder of old ones is gone.
 *
 * Blocks:   until the source answers, the client's timeout_ns at most
 * Threads:  any
 * Memory:   name is copied
 * Errors:   PAWL_BEHIND       id lies behind the next one and force is false
 *           PAWL_NO_SEQUENCE  no sequence has that name
 *           PAWL_RANGE        id is out of the sequence's bounds
 *           PAWL_UNKNOWN      the answer was lost; look with pawl_show
 */
PAWL_API pawl_err pawl_set(pawl_client *client, const char *name, int64_t id, bool force,
                           pawl_error *error) PAWL_CHECK;

/**
 * Drops a sequence. One of the same name that is created later begins a new line: at its own
 * start, so ids that were given before come again. Its name keeps a tombstone, so no epoch does.
 * force also drops what is left of one that was moved to another store, and goes on there.
 *
 * Blocks:   until the source answers, the client's timeout_ns at most
 * Threads:  any
 * Memory:   name is copied
 * Errors:   PAWL_NO_SEQUENCE  no sequence has that name
 *           PAWL_DENIED       it was moved to another store, and force is false
 *           PAWL_UNKNOWN      the answer was lost; look with pawl_show
 */
PAWL_API pawl_err pawl_drop(pawl_client *client, const char *name, bool force, pawl_error *error)
    PAWL_CHECK;

/**
 * Gives a sequence another name. It goes on under that with the next id that nobody holds, in a
 * line of its own; its old name is free. Handles that are open under the old name get
 * PAWL_NO_SEQUENCE, which names the new one; every other holder of ids lets them go within one
 * refill interval per layer of cache.
 *
 * Blocks:   until the source answers, the client's timeout_ns at most
 * Threads:  any
 * Memory:   name and to are copied
 * Errors:   PAWL_NO_SEQUENCE  no sequence has that name
 *           PAWL_EXISTS       a sequence has the other name already
 *           PAWL_BAD_REQUEST  the other name cannot be one
 *           PAWL_UNKNOWN      the answer was lost; look with pawl_show
 */
PAWL_API pawl_err pawl_rename(pawl_client *client, const char *name, const char *to,
                              pawl_error *error) PAWL_CHECK;

/**
 * Moves a sequence beyond what may have been given before its store went back in time: by skip
 * ids (0: by the margin), and, with beyond_line other than 0, into a line after that one.
 *
 * Blocks:   until the source answers, the client's timeout_ns at most
 * Threads:  any
 * Memory:   name is copied
 * Errors:   PAWL_NO_SEQUENCE  no sequence has that name
 *           PAWL_LIMIT        fewer than skip ids are left
 *           PAWL_UNKNOWN      the answer was lost; look with pawl_show
 */
PAWL_API pawl_err pawl_fence(pawl_client *client, const char *name, uint64_t skip,
                             uint64_t beyond_line, pawl_error *error) PAWL_CHECK;

/**
 * Reads a sequence's record.
 *
 * Blocks:   until the source answers, the client's timeout_ns at most
 * Threads:  any
 * Memory:   *info is set only with PAWL_OK
 * Errors:   PAWL_NO_SEQUENCE  no sequence has that name
 */
PAWL_API pawl_err pawl_show(pawl_client *client, const char *name, pawl_info *info,
                            pawl_error *error) PAWL_CHECK;

/**
 * Lists sequences: each calls each() once with the record, until it returns false. In order of
 * their names, but for dynamodb://, whose order is its own. glob may be NULL for all.
 *
 * Blocks:   until the source has answered each page, the client's timeout_ns for each
 * Threads:  any; each() runs in the calling thread
 * Memory:   info is valid during the call of each() only
 * Errors:   PAWL_TIMEOUT  the source did not answer
 */
PAWL_API pawl_err pawl_list(pawl_client *client, const char *glob,
                            bool (*each)(const pawl_info *info, void *arg), void *arg,
                            pawl_error *error) PAWL_CHECK;

/**
 * Asks whether the source answers.
 *
 * Blocks:   until it does, the client's timeout_ns at most
 * Threads:  any
 * Memory:   none
 * Errors:   PAWL_TIMEOUT  it did not
 */
PAWL_API pawl_err pawl_ping(pawl_client *client, pawl_error *error) PAWL_CHECK;

/**
 * Ends a client and every seq opened through it, and gives unused ids back where that is safe.
 * NULL is allowed.
 *
 * Blocks:   until unused ids are given back, 1 s at most
 * Threads:  one; no other call on the client or its seqs may be under way or follow
 * Memory:   frees everything the client handed out, lanes excepted
 * Errors:   none
 */
PAWL_API void pawl_close(pawl_client *client);

#ifdef __cplusplus
}
#endif

#endif
