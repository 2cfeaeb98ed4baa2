/* SPDX-License-Identifier: Apache-2.0 */
/* A guard between a test and a store of one sequence that goes where it is told; and a book in
 * memory, which may refuse. */
#ifndef GUARD_WORLD_H
#define GUARD_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "store/guard.h"

enum { BOOK_NAMES = 8, DEEDS = 8 };

struct fake_book {
    struct pawl_book book;
    struct pawl_name names[BOOK_NAMES];
    struct pawl_seen seen[BOOK_NAMES];
    size_t count;
    struct pawl_book_head head;
    bool begun, failing, denied, lasted;
    unsigned opens, puts;
    int64_t began_s;
};

struct fake_store {
    struct pawl_source source;
    struct pawl_record record, kept;
    struct pawl_identity identity;
    uint64_t random;
    struct pawl_asks queue;
    bool blind;    /* overlooks floors */
    bool held;     /* answers nothing */
    bool keeps_no; /* tag: REDRAW is not understood */
    unsigned pings, redraws, returns;
    struct pawl_mark floor, to_floor; /* of the last ask */
    struct fake_book *book;
    struct pawl_mark at_return; /* what the book had when a RETURN came */
};

struct world {
    struct fake_store store;
    struct fake_book book;
    struct pawl_guard *guard;
    uint64_t now_ns;
    int64_t wall_s;
};

struct deed {
    struct pawl_ask ask;
    struct world *world;
    struct pawl_mark remembered; /* by the book when it was answered */
    bool answered;
};

void world_begin(struct world *world);
/* A process ends, however, and another one begins on what the book has. */
void world_restart(struct world *world, uint64_t learn_ns);
/* The same for another server, which has that book. */
void world_become(struct world *world, const struct fake_book *book);
void world_end(struct world *world);
/* The store goes back to where world_keep was called. */
void world_keep(struct world *world);
void world_back(struct world *world);

struct deed *world_ask(struct world *world, struct deed *deed);
struct deed *world_start(struct world *world, struct deed *deed); /* not turned yet */
void world_turn(struct world *world);
/* One ask for count ids, with a floor. */
struct deed world_take(struct world *world, uint64_t count, struct pawl_mark floor);
struct deed world_do(struct world *world, enum pawl_ask_kind kind);
struct pawl_mark world_seen(const struct world *world);
struct pawl_guard_view world_view(struct world *world);

#endif
