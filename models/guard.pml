/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floors, guards and give-backs over a store that may go back in time, with servers that crash and
 * answers that come late. A server asks the store for a block beyond its floor; what it is granted
 * is written to its guard before it is published, and what it gives back is taken out of the guard
 * before the request is sent. The network carries out an ask late, or not to its asker's knowledge,
 * and a give-back up to twice. All within one line and lap, so marks compare as ids.
 */
#ifndef TAKES_A
#define TAKES_A 2
#endif
#ifndef TAKES_B
#define TAKES_B 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef RETURNS
#define RETURNS 1
#endif
#ifndef LATES
#define LATES 1 /* asks that are given up, and answered all the same */
#endif
#ifndef REWINDS
#define REWINDS 1
#endif
#define BLOCK 2
#define MARGIN 1
#define IDS 60

byte next = 1, tag = 0;      /* the record */
byte fresh = 0;              /* the last tag drawn: none is drawn twice */
byte kept_next, kept_tag;    /* the backup */
bit restored = 0;            /* the store went back */
byte reached = 0;            /* the furthest floor that has reached the record as it now is */
bit used[IDS];

byte crashes = CRASHES, returns = RETURNS, lates = LATES;

/* Servers: memory */
byte held[2], end[2]; /* the stock: ids [held, end) */
byte floor[2];        /* the furthest id that it has held, but for what it gave back */
byte mine[2];         /* the tag of its last grant; 0: not known */
/* and disk */
byte seen[2];
/* and, for the law alone: the furthest id that it has handed out */
byte given[2];

/* Asks on their way. State 0: none, 1: asked, 2: answered. Row 1: given up by its asker. */
#define AT(s, row) ((s) * 2 + (row))
byte ask[4], ask_floor[4], got[4], got_tag[4];

#ifdef MUTANT_GUARD_AFTER
bit unsaid[2]; /* published, and not yet in the guard */
#endif

/* Give-backs on their way. */
byte back_from[2], back_end[2], back_tag[2], copies[2];

/* Clients wait: the floor + 1 that they come with; the answer. */
byte want[2], answer[2];

#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* The store carries out one ask. */
inline serve(i)
{
	assert(next > reached);
	if
	:: next > ask_floor[i]
	:: else -> /* the store went back: the record is moved */
		assert(restored); /* a store that never went back is never believed to have */
		reached = MAX(reached, ask_floor[i]);
#ifdef MUTANT_FENCE_TO_FLOOR
		next = ask_floor[i] + 1 + MARGIN
#else
		next = MAX(next, ask_floor[i] + 1) + MARGIN
#endif
	fi;
	fresh++;
	tag = fresh;
	ask_floor[i] = 0;
	got[i] = next;
	got_tag[i] = tag;
	next = next + BLOCK;
	assert(next < IDS);
	ask[i] = 2
}

active proctype store()
{
	byte i;

end_quiet:
	do
	:: atomic { ask[0] == 1 -> i = 0; serve(i); i = 0 }
	:: atomic { ask[1] == 1 -> i = 1; serve(i); i = 0 }
	:: atomic { ask[2] == 1 -> i = 2; serve(i); i = 0 }
	:: atomic { ask[3] == 1 -> i = 3; serve(i); i = 0 }
	:: atomic { copies[0] > 0 || copies[1] > 0 ->
			if
			:: copies[0] > 0 -> i = 0
			:: copies[1] > 0 -> i = 1
			fi;
			copies[i]--;
			if
#ifdef MUTANT_BY_NEXT
			:: next == back_end[i] ->
#else
			:: tag == back_tag[i] ->
#endif
				next = back_from[i];
				fresh++;
				tag = fresh
			:: else
			fi;
			if
			:: copies[i] == 0 -> back_from[i] = 0; back_end[i] = 0; back_tag[i] = 0
			:: else
			fi;
			i = 0
		}
	od
}

/* Its process dies, and begins anew with what its guard knows. */
inline crash(s)
{
	crashes--;
	held[s] = 0; end[s] = 0; mine[s] = 0;
#ifdef MUTANT_NO_GUARD
	floor[s] = 0;
#else
	floor[s] = seen[s];
#endif
	forget(AT(s, 0));
	forget(AT(s, 1))
}

inline forget(i)
{
	ask[i] = 0; ask_floor[i] = 0; got[i] = 0; got_tag[i] = 0
}

/* A grant has come: it is written to the guard, then published. */
inline receive(s)
{
	if
#ifdef MUTANT_LATE_PUBLISHED
	:: true ->
#else
	:: first > floor[s] ->
#endif
#ifdef MUTANT_GUARD_AFTER
		held[s] = first; end[s] = first + BLOCK; floor[s] = first + BLOCK - 1;
		unsaid[s] = 1
#else
		seen[s] = first + BLOCK - 1;
		if
		:: held[s] = first; end[s] = first + BLOCK; floor[s] = first + BLOCK - 1
		:: crashes > 0 -> crash(s)
		fi
#endif
	:: else -> /* it lies below what was published since: late, and burned */
#ifdef MUTANT_LATE_IS_ROLLBACK
		assert(restored);
#endif
		mine[s] = 0
	fi;
	first = 0
}

/* The rest of the stock is taken out of the guard, then sent back. */
inline give_back(s)
{
	first = held[s];
	held[s] = end[s];
	floor[s] = first - 1;
#ifndef MUTANT_LOWER_AFTER
	seen[s] = first - 1;
#endif
	if
	:: true ->
		back_from[s] = first; back_end[s] = end[s]; back_tag[s] = mine[s];
		copies[s] = 2;
		mine[s] = 0;
#ifdef MUTANT_LOWER_AFTER
		if
		:: seen[s] = first - 1
		:: crashes > 0 -> crash(s)
		fi
#endif
	:: crashes > 0 -> crash(s)
	fi;
	first = 0
}

proctype server(byte s)
{
	byte first;

end_quiet:
	do
	:: atomic { want[s] != 0 && held[s] == end[s] && ask[AT(s, 0)] == 0 ->
			ask_floor[AT(s, 0)] = MAX(floor[s], want[s] - 1);
			ask[AT(s, 0)] = 1
		}
	/* A time limit: it is asked anew. */
	:: atomic { lates > 0 && ask[AT(s, 0)] != 0 && ask[AT(s, 1)] == 0 ->
			lates--;
			ask[AT(s, 1)] = ask[AT(s, 0)];
			ask_floor[AT(s, 1)] = ask_floor[AT(s, 0)];
			got[AT(s, 1)] = got[AT(s, 0)];
			got_tag[AT(s, 1)] = got_tag[AT(s, 0)];
			forget(AT(s, 0))
		}
	:: atomic { ask[AT(s, 0)] == 2 && held[s] == end[s] ->
			first = got[AT(s, 0)];
			mine[s] = got_tag[AT(s, 0)];
			forget(AT(s, 0));
			receive(s)
		}
	:: atomic { ask[AT(s, 1)] == 2 && held[s] == end[s] ->
			first = got[AT(s, 1)];
			mine[s] = 0;
			forget(AT(s, 1));
			receive(s)
		}
	:: atomic { want[s] != 0 && held[s] < end[s] && answer[s] == 0 ->
			if
			:: held[s] <= want[s] - 1 -> held[s]++ /* not beyond its client's floor: burned */
			:: else ->
				assert(!used[held[s]] || restored);
				used[held[s]] = !restored;
				assert(held[s] > given[s]); /* nor has it handed out anything beyond */
				given[s] = held[s];
				answer[s] = held[s];
				held[s]++
			fi
		}
	:: atomic { returns > 0 && held[s] < end[s] && mine[s] != 0 && copies[s] == 0 ->
			returns--;
			give_back(s)
		}
	:: atomic { crashes > 0 && (floor[s] > 0 || want[s] != 0) -> crash(s) }
#ifdef MUTANT_GUARD_AFTER
	:: atomic { unsaid[s] -> unsaid[s] = 0; seen[s] = MAX(seen[s], floor[s]) }
#endif
	od
}

proctype client(byte takes)
{
	byte f, s;

	do
	:: takes == 0 -> break
	:: else ->
		if
		:: s = 0
		:: s = 1
		fi;
		atomic { want[s] == 0 && answer[s] == 0 -> want[s] = f + 1 };
		atomic { answer[s] != 0 ->
			assert(answer[s] > f); /* what a client gets rises */
			f = answer[s];
			answer[s] = 0;
			want[s] = 0;
			s = 0;
			takes--
		}
	od
}

active proctype operator()
{
#if REWINDS
	atomic { kept_next = next; kept_tag = tag };
	atomic {
		next = kept_next; tag = kept_tag;
		kept_next = 0; kept_tag = 0;
		restored = 1;
		reached = 0
	}
#endif
	skip
}

init
{
	atomic { run server(0); run server(1); run client(TAKES_A); run client(TAKES_B) }
}
