/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sequence of a fleet, exactly: the real keepers of its clients and of the servers that hold
 * it, over a real memory store, on a clock of its own that goes from event to event. No wire is in
 * between: an ask arrives at once. Sequences share nothing in a fleet but what is said in
 * docs/sizing.md, so that a fleet is as many of these.
 */
#ifndef PAWL_BENCH_ONE_SEQ_H
#define PAWL_BENCH_ONE_SEQ_H

#include "meter.h"

enum {
    ONE_SEQ_CLIENTS_MAX = 16,
    ONE_SEQ_SERVERS_MAX = 32, /* that one client's URL may name */
    ONE_SEQ_DEADLINE_S = 5,   /* of a call: libpawl's default */
    ONE_SEQ_RANDOM_UP_TO = 1, /* ids a second that come at random, one by one; else evenly */
};

struct one_seq_settings {
    struct pawl_pace_settings pace;
    uint64_t block; /* fixed; 0: auto */
    uint32_t clients;
    uint32_t servers;                 /* 0: clients go straight to the store */
    double rate;                      /* of all clients together, ids per second, at its highest */
    double (*curve)(uint64_t now_ns); /* by how much of that is used now; NULL: all, always */
    uint64_t step_ns;                 /* how often even use is taken */
    uint64_t seed;
    uint32_t *writes_at; /* writes by second of the run, seconds long; may be NULL */
    size_t seconds;
};

struct one_seq_counts {
    uint64_t writes; /* of the record: ranges taken and given back */
    uint64_t reads;  /* whether the epoch stands */
    uint64_t leases; /* asks of clients that servers were sent */
    uint64_t taken;  /* ids */
    uint64_t
        burned; /* ids that nobody will take: of processes that ended, or kept by no give-back */
    uint64_t waited; /* calls that found nothing at hand */
    uint64_t failed; /* calls that waited beyond their deadline */
};

struct one_seq;

struct one_seq *one_seq_new(const struct one_seq_settings *settings); /* ends the program if not */
void one_seq_free(struct one_seq *seq);
void one_seq_run(struct one_seq *seq, uint64_t until_ns);
uint64_t one_seq_now(const struct one_seq *seq);
struct one_seq_counts one_seq_counts(const struct one_seq *seq);
/* Ids held now, by clients or by servers. */
uint64_t one_seq_held(const struct one_seq *seq, bool servers);
/* How many clients, or servers, have the sequence in memory now. */
uint32_t one_seq_holders(const struct one_seq *seq, bool servers);
/* Ends the program if an id of the store's is neither taken, nor held, nor burned. */
void one_seq_audit(struct one_seq *seq);

void one_seq_store(struct one_seq *seq, bool there);
/* A process ends, clean or not, or begins; of what is as it should be nothing changes. */
void one_seq_client_stop(struct one_seq *seq, uint32_t at, bool clean);
void one_seq_client_start(struct one_seq *seq, uint32_t at);
void one_seq_server_stop(struct one_seq *seq, uint32_t at, bool clean);
void one_seq_server_start(struct one_seq *seq, uint32_t at);

#endif
