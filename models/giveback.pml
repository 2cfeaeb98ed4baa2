/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving back (design: a range is un-reserved only by a write that is conditional on the record's
 * version being that of our own last grant). Holders take a block, use some of it and send the rest
 * back; the network executes each such request up to COPIES times, whenever it likes.
 */
#ifndef HOLDERS
#define HOLDERS 3
#endif
#ifndef ROUNDS
#define ROUNDS 1 /* blocks that each holder takes */
#endif
#ifndef COPIES
#define COPIES 2
#endif
#define BLOCK 2
#define SLOTS 4 /* at least HOLDERS * ROUNDS */

byte next = 1, version = 1; /* the record */
bit used[SLOTS * BLOCK + 2];

/* Requests on their way: un-reserve [from, to) if the record is as it was at our grant. */
byte from[SLOTS], to[SLOTS], grant[SLOTS], copies[SLOTS];
byte sent = 0; /* copies not executed yet */

proctype holder(byte me)
{
	byte round, first, end, mine;

	do
	:: round == ROUNDS -> break
	:: else ->
		atomic {
			first = next;
			end = next + BLOCK;
			next = end;
			version++;
			mine = version
		};
		do
		:: first < end -> atomic { assert(!used[first]); used[first] = 1; first++ }
		:: break
		od;
		atomic {
			if
			:: first < end ->
				from[me * ROUNDS + round] = first;
				to[me * ROUNDS + round] = end;
				grant[me * ROUNDS + round] = mine;
				copies[me * ROUNDS + round] = COPIES;
				sent = sent + COPIES
			:: true /* a crash, or it does not bother: burned */
			fi;
			first = 0; end = 0; mine = 0;
			round++
		}
	od
}

/* One request executed by the store; one that is refused changes nothing. */
active proctype network()
{
	byte i;

end_quiet:
	do
	:: atomic { sent > 0 ->
			if
			:: copies[0] > 0 -> i = 0
			:: copies[1] > 0 -> i = 1
			:: copies[2] > 0 -> i = 2
			:: copies[3] > 0 -> i = 3
			fi;
			copies[i]--;
			sent--;
			if
#ifdef MUTANT_BY_NEXT
			:: next == to[i] ->
#else
			:: version == grant[i] ->
#endif
				next = from[i];
				version++
			:: else
			fi;
			i = 0
		}
	od
}

init
{
	byte k = 0;

	atomic {
		do
		:: k < HOLDERS -> run holder(k); k++
		:: else -> break
		od
	}
}
