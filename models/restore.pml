/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup, a store that is lost or is not, and a person who restores the backup, once or twice,
 * while two servers go on handing out what they hold to two clients, and give back what they do not
 * need. The person says how many ids were reserved since the backup, at most: then no id is ever
 * handed out twice, and nobody is believed to have seen a store go back.
 */
#ifndef TAKES_A
#define TAKES_A 2
#endif
#ifndef TAKES_B
#define TAKES_B 2
#endif
#ifndef RESTORES
#define RESTORES 2
#endif
#ifndef RETURNS
#define RETURNS 1
#endif
#define BLOCK 2
#define IDS 100

bit there = 1;          /* the store has a record: */
byte next = 1, tag = 1;
byte fresh = 1;         /* the last tag drawn */
byte most = 1;          /* the furthest that next has ever been */
byte file_next, file_tag; /* the backup; 0: there is none */
bit used[IDS];

byte returns = RETURNS;
byte held[2], end[2], floor[2], mine[2]; /* as in guard.pml */
byte back_from[2], back_tag[2], copies[2];

#define MAX(a, b) ((a) > (b) -> (a) : (b))

inline write_tag()
{
	fresh++;
	tag = fresh
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
		if
		:: atomic { held[s] < end[s] && held[s] > f ->
				assert(!used[held[s]]);
				used[held[s]] = 1;
				f = held[s];
				held[s]++;
				takes--
			}
		:: atomic { held[s] < end[s] && held[s] <= f -> held[s]++ }
		/* A refill; without a record there is none. */
		:: atomic { held[s] == end[s] && there ->
				assert(next > floor[s] && next > f); /* no store went back, as far as is seen */
				held[s] = next;
				end[s] = next + BLOCK;
				floor[s] = end[s] - 1;
				next = next + BLOCK;
				most = MAX(most, next);
				assert(next < IDS);
				write_tag();
				mine[s] = tag
			}
		/* It gives back. */
		:: atomic { returns > 0 && held[s] < end[s] && mine[s] != 0 && copies[s] == 0 ->
				returns--;
				back_from[s] = held[s]; back_tag[s] = mine[s];
				copies[s] = 2;
				floor[s] = held[s] - 1;
				held[s] = end[s];
				mine[s] = 0
			}
		fi;
		s = 0
	od
}

active proctype network()
{
	byte i;

end_quiet:
	do
	:: atomic { copies[0] > 0 || copies[1] > 0 ->
			if
			:: copies[0] > 0 -> i = 0
			:: copies[1] > 0 -> i = 1
			fi;
			copies[i]--;
			if
			:: there && tag == back_tag[i] -> next = back_from[i]; write_tag()
			:: else
			fi;
			if
			:: copies[i] == 0 -> back_from[i] = 0; back_tag[i] = 0
			:: else
			fi;
			i = 0
		}
	od
}

active proctype person()
{
	byte count = RESTORES, skip_ids;

	atomic { file_next = next; file_tag = tag };
	if
	:: atomic { there = 0; next = 0; tag = 0 } /* all of it is lost */
	:: skip
	fi;
	/* As much as was reserved since the backup, of which what was given is a part. */
	atomic { skip_ids = most - file_next };
	do
	:: atomic { count > 0 ->
			count--;
#ifdef MUTANT_NO_SKIP
			skip_ids = 0;
#endif
#ifdef MUTANT_FROM_THE_FILE
			next = file_next + skip_ids;
#else
			next = MAX(next, file_next) + skip_ids;
#endif
			assert(next < IDS);
			most = MAX(most, next);
#ifdef MUTANT_KEEP_TAG
			tag = file_tag;
#else
			write_tag();
#endif
			there = 1
		}
	:: count == 0 || there -> break
	od;
	atomic { file_next = 0; file_tag = 0; skip_ids = 0; count = 0 }
}

init
{
	atomic { run client(TAKES_A); run client(TAKES_B) }
}
