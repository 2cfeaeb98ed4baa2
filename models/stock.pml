/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stock (src/range/stock.h): takers of N ids, exact takers of M, one keeper that publishes,
 * retracts, gives back, publishes again, begins epochs and serves the exact takers it must.
 * Sequentially consistent. Options and mutants: models/run. What is proved: models/README.md.
 */
#ifndef TAKERS
#define TAKERS 2 /* processes that take N ids, or fewer */
#endif
#ifndef EXACT
#define EXACT 0 /* processes that take M ids or none */
#endif
#ifndef N
#define N 1
#endif
#ifndef M
#define M 2
#endif
#ifndef R
#define R 1 /* takes of each process */
#endif
#ifndef RETRACTS
#define RETRACTS 0 /* retracts that the keeper makes of its own accord, at most */
#endif
#ifndef BUDGET
#define BUDGET 7 /* ids below this one are the store's to give */
#endif
#define RING 2
#ifndef MOST
#define MOST 3 /* ids in a slot */
#endif

byte ts = 1, to = 0; /* the ticket word (slot, offset): one atomic variable */
byte no[RING], cnt[RING], first[RING], ep[RING];
byte pub = 0, drained = 0;
bit wanted = 0;
bit wake = 0; /* the wake-up is on its way to the keeper */
bit ask = 0;  /* an exact taker has asked the keeper; by hand, so never lost */
byte answer = 0;
byte next = 1, epoch = 1; /* the store's record */
byte done = 0;
bit out = 0; /* the store has no more */
bit used[BUDGET + MOST];
byte top_ep = 0, top_id = 0; /* the furthest id that any call has returned */

#define BEYOND(e1, i1, e2, i2) (e1 > e2 || (e1 == e2 && i1 > i2))

/*
 * Ids d + at and on, count of them, go to a call that began when (be, bi) had been returned. That
 * the call returns at once makes the law of rising ids the stricter.
 */
inline hand_out(at, count)
{
	atomic {
		k = 0;
		do
		:: k < count ->
			assert(!used[d + at + k]);
			used[d + at + k] = 1;
			assert(BEYOND(e, d + at + k, be, bi));
			k++
		:: else -> break
		od;
		if
		:: BEYOND(e, d + at + k - 1, top_ep, top_id) -> top_ep = e; top_id = d + at + k - 1
		:: else
		fi
	}
}

inline want()
{
#ifndef MUTANT_SILENT_WAITER
	atomic { w = wanted; wanted = 1 };
	if
	:: w == 0 -> wake = 1
	:: else -> w = 0
	fi
#endif
	skip
}

/*
 * The look at a slot: c (255: not that slot), d, e. The number, read before and after, makes it one
 * look; FINE takes it apart.
 */
#ifdef FINE
#define ONE_LOOK
inline look(s)
{
	c = 255;
	if
	:: no[s % RING] == s ->
		k = cnt[s % RING];
		d = first[s % RING];
		e = ep[s % RING];
		atomic {
			if
#ifdef MUTANT_ONE_NUMBER
			:: true -> c = k
#else
			:: no[s % RING] == s -> c = k
#endif
			:: else
			fi
		}
	:: else
	fi
}
#else
#define ONE_LOOK atomic
inline look(s)
{
	if
#ifdef MUTANT_NO_NUMBER
	:: true
#else
	:: no[s % RING] == s
#endif
	   -> c = cnt[s % RING]; d = first[s % RING]; e = ep[s % RING]
	:: else -> c = 255
	fi
}
#endif

/* Between two steps in which they matter. */
inline forget()
{
	atomic { s = 0; o = 0; c = 0; d = 0; e = 0; k = 0; be = 0; bi = 0 }
}

inline step(s)
{
#ifdef MUTANT_BLIND_STEP
	if
	:: ts == s -> atomic { ts = s + 1; to = 0 }
	:: else
	fi
#else
	atomic {
		if
		:: ts == s -> ts = s + 1; to = 0
		:: else
		fi;
		s = 0; o = 0
	}
#endif
}

proctype taker()
{
	byte s, o, r, be, bi, c, d, e, k, seen;
	bit w;

	do
	:: r == R -> break
	:: else ->
again:
		seen = pub;
		if
		:: drained == seen -> goto dry
		:: else
		fi;
		atomic { be = top_ep; bi = top_id; s = ts; o = to; to = to + N; assert(to < 100) };
		ONE_LOOK {
			look(s);
			if
			:: c == 255 -> /* used anew while asleep: burned. Never a slot yet to come */
				assert(s <= pub);
				forget();
				goto again
			:: c < 255 && o < c && o + N > c -> hand_out(o, c - o); goto taken
			:: c < 255 && o < c && o + N <= c -> hand_out(o, N); goto taken
			:: c < 255 && o >= c -> c = 0; d = 0; e = 0; k = 0
			fi
		};
		if
		:: pub > s -> step(s); forget(); goto again
		:: else -> drained = s
		fi;
dry:
		forget();
		want();
		if
		:: pub != seen -> goto again
		:: out -> break
		fi;
taken:
		atomic { forget(); seen = 0; w = 0; r++ }
	od;
	done++
}

proctype exact_taker()
{
	byte s, o, r, be, bi, c, d, e, k, seen;
	bit w;

	do
	:: r == R -> break
	:: else ->
again:
		seen = pub;
		if
		:: drained == seen -> goto dry
		:: else
		fi;
		atomic { s = ts; o = to };
		ONE_LOOK {
			look(s);
			if
			:: c == 255 -> forget(); goto again /* the word has moved on */
			:: c < 255 && o >= c -> c = 0; d = 0; e = 0; k = 0; goto used_up
			:: c < 255 && o < c && c - o < M -> forget(); goto keepers
			:: c < 255 && o < c && c - o >= M -> c = 0; k = 0
			fi
		};
#ifdef MUTANT_EXACT_ADD
		/* Draws what the look had not seen: offsets of the slot that are taken by now, or none. */
		atomic { be = top_ep; bi = top_id; s = ts; o = to; to = to + M; hand_out(o, M) };
#else
		atomic {
			if
			:: ts == s && to == o -> be = top_ep; bi = top_id; to = to + M; hand_out(o, M)
			:: else -> forget(); goto again
			fi
		};
#endif
		goto taken;
used_up:
		if
		:: pub > s -> step(s); forget(); goto again
		:: else -> drained = s; goto dry
		fi;
keepers:
		if
		:: atomic { !ask && answer == 0 -> be = top_ep; bi = top_id; ask = 1 }
		:: out -> break
		fi;
		if
		:: atomic { answer > 0 -> d = answer; e = epoch; answer = 0; hand_out(0, M) }
		:: out -> break
		fi;
		goto taken;
dry:
		forget();
		want();
		if
		:: pub != seen -> goto again
		:: out -> break
		fi;
taken:
		atomic { forget(); seen = 0; w = 0; r++ }
	od;
	done++
}

/* Slot pub + 1: ids of epoch e from f on, n of them. no_room is set if the ring has no room. */
inline publish(f, n, e)
{
	s = pub + 1;
	if
#ifndef MUTANT_EARLY_REUSE
	:: s > RING && ts <= s - RING -> no_room = 1
	:: else ->
#else
	:: true ->
#endif
		no_room = 0;
#ifdef FINE
		no[s % RING] = 0;
		cnt[s % RING] = n;
		first[s % RING] = f;
		ep[s % RING] = e;
		no[s % RING] = s;
#else
		d_step {
			cnt[s % RING] = n;
			first[s % RING] = f;
			ep[s % RING] = e;
			no[s % RING] = s
		};
#endif
		wanted = 0;
		pub = s
	fi;
	s = 0
}

/* Moves the word to the end of the newest slot. Leaves in rf, rn, re what is the keeper's now. */
inline retract()
{
	do
	:: atomic { cs = ts; co = to };
#ifdef MUTANT_BLIND_RETRACT
		atomic { ts = pub; to = cnt[pub % RING] };
		break
#else
		atomic {
			if
			:: ts == cs && to == co ->
				if
				:: cs < pub || (cs == pub && co < cnt[pub % RING]) ->
					ts = pub; to = cnt[pub % RING]
				:: else
				fi;
				break
			:: else
			fi
		}
#endif
	od;
	skip;
	d_step {
		rn = 0; rf = 0; re = 0;
		if
		:: cs == pub && co < cnt[pub % RING] ->
			rf = first[pub % RING] + co; rn = cnt[pub % RING] - co; re = ep[pub % RING]
		:: cs < pub ->
			rf = first[pub % RING]; rn = cnt[pub % RING]; re = ep[pub % RING];
			if
			:: co < cnt[cs % RING] && ep[cs % RING] == re &&
			   first[cs % RING] + cnt[cs % RING] == rf ->
				rf = first[cs % RING] + co; rn = rn + cnt[cs % RING] - co
			:: else /* not adjacent: burned */
			fi
		:: else
		fi;
		cs = 0; co = 0
	}
}

active proctype keeper()
{
	byte s, cs, co, rf, rn, re, n, acts;
	bit no_room;

	do
	:: atomic { wake -> wake = 0 };
#ifndef MUTANT_LATE_HEED
		wanted = 0;
#endif
		atomic { cs = ts; co = to };
		if
		:: pub > 0 && (cs < pub || (cs == pub && co < cnt[pub % RING])) -> n = 0 /* enough */
		:: n = 1
		:: n = 2
		:: n = MOST
		fi;
		cs = 0; co = 0;
#ifdef MUTANT_LATE_HEED
		wanted = 0;
#endif
		if
		:: n == 0
		:: n > 0 && next + n > BUDGET -> out = 1; break
		:: else ->
			publish(next, n, epoch);
			if
			:: no_room
			:: else -> next = next + n
			fi
		fi;
		n = 0
	:: acts < RETRACTS && pub > 0 ->
		acts++;
		retract();
		if
		:: rn > 0 && re == epoch && rf + rn == next -> next = rf; epoch++ /* given back */
		:: rn > 0 && re == epoch && rf + rn == next -> next = rf
		:: rn > 0 && re == epoch -> publish(rf, rn, re); assert(!no_room)
		:: rn == 0 -> epoch++
		fi;
		rf = 0; rn = 0; re = 0
#if EXACT > 0
	:: ask ->
		retract();
		if
		:: rn > 0 && rn < M && re == epoch && rf + rn == next -> /* go on in one piece */
			if
			:: next + M - rn > BUDGET -> out = 1; break
			:: else -> next = next + M - rn; rn = M
			fi
		:: rn < M && !(rn > 0 && re == epoch && rf + rn == next) -> /* exact-tail, burned */
			if
			:: next + M > BUDGET -> out = 1; break
			:: else -> rf = next; next = next + M; rn = M
			fi
		:: else
		fi;
		atomic { ask = 0; answer = rf };
		if
		:: rn > M -> publish(rf + M, rn - M, epoch); assert(!no_room)
		:: else
		fi;
		rf = 0; rn = 0; re = 0
#endif
	:: done == TAKERS + EXACT -> break
	od
}

init
{
	byte k = 0;

	atomic {
		do
		:: k < TAKERS -> run taker(); k++
		:: else -> break
		od;
		k = 0;
		do
		:: k < EXACT -> run exact_taker(); k++
		:: else -> break
		od
	}
}
