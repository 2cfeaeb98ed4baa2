/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floors, fences and a store that goes back in time: clients take ids from servers, servers take
 * blocks from a store that is restored once to an earlier state of its own. A grant must lie beyond
 * the floor whatever its epoch; else it is discarded and the record moved beyond both the floor and
 * its own next. All within one line and lap, so marks compare as ids.
 */
#ifndef TAKES_BUSY
#define TAKES_BUSY 4 /* of client 0 */
#endif
#ifndef TAKES_QUIET
#define TAKES_QUIET 2 /* of client 1 */
#endif
#define BLOCK 2
#define MARGIN 1
#define IDS 60

byte next = 1, epoch = 1;           /* the record */
byte fresh = 1;                     /* the last epoch drawn: no epoch is ever drawn twice */
byte kept_next = 1, kept_epoch = 1; /* the backup */
bit restored = 0;
byte reached = 0; /* the furthest floor that has reached the record as it now is */
bit used[IDS];

bit busy[2];                  /* a server does one thing at a time */
byte held[2], end[2];         /* its stock: ids [held, end) */
byte held_epoch[2];           /* of which epoch */
byte floor[2], floor_epoch[2]; /* the furthest id that it has held */
byte given[2];                /* the furthest id that it has handed out */

#ifdef MUTANT_EPOCH_FIRST
#define BEYOND(e1, i1, e2, i2) (e1 > e2 || (e1 == e2 && i1 > i2))
#else
#define BEYOND(e1, i1, e2, i2) (i1 > i2)
#endif

/* One block from the store, and what becomes of it. f, fe: the client's floor and its epoch. */
inline refill(s)
{
	atomic {
		assert(next > reached);
		g = next; ge = epoch;
		next = next + BLOCK;
		assert(next < IDS)
	};
	if
	:: BEYOND(ge, g, floor_epoch[s], floor[s]) && BEYOND(ge, g, fe, f) ->
		atomic {
			held[s] = g; end[s] = g + BLOCK; held_epoch[s] = ge;
			floor[s] = end[s] - 1; floor_epoch[s] = ge
		}
	:: else -> /* the store went back: the grant is discarded unseen */
		atomic {
			g = floor[s];
			if
			:: f > g -> g = f
			:: else
			fi;
			if
			:: g > reached -> reached = g
			:: else
			fi;
#ifdef MUTANT_FENCE_TO_FLOOR
			next = g + 1 + MARGIN;
#else
			if
			:: next > g -> next = next + MARGIN
			:: else -> next = g + 1 + MARGIN
			fi;
#endif
			fresh++; epoch = fresh
		}
	fi;
	g = 0; ge = 0
}

proctype client(byte takes)
{
	byte f, fe; /* the furthest id that we got, and its epoch */
	byte seen;  /* the same, for the law */
	byte s, g, ge, id;

	do
	:: takes == 0 -> break
	:: else ->
		if
		:: s = 0
		:: s = 1
		fi;
		atomic { !busy[s] -> busy[s] = 1 };
		do
		:: held[s] < end[s] && BEYOND(held_epoch[s], held[s], fe, f) -> break
		:: held[s] < end[s] && !BEYOND(held_epoch[s], held[s], fe, f) -> held[s]++
		:: held[s] == end[s] -> refill(s)
		od;
		atomic {
			id = held[s];
			held[s]++;
			assert(!used[id] || restored);
			used[id] = 1;
			assert(id > given[s]); /* the server has not handed it out before, nor beyond it */
			given[s] = id;
			assert(id > seen); /* nor has the client seen it */
			seen = id; f = id; fe = held_epoch[s];
			busy[s] = 0;
			id = 0; s = 0;
			takes--
		}
	od
}

active proctype operator()
{
	atomic { kept_next = next; kept_epoch = epoch };
	atomic {
		next = kept_next; epoch = kept_epoch;
		kept_next = 0; kept_epoch = 0;
		restored = 1;
		reached = 0
	}
}

init
{
	atomic { run client(TAKES_BUSY); run client(TAKES_QUIET) }
}
