/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One server with all its sequences, exactly: a keeper over a memory store on a clock of its own,
 * through an outage of the store. Each sequence gives one id a second.
 */
#ifndef PAWL_BENCH_WHOLE_SERVER_H
#define PAWL_BENCH_WHOLE_SERVER_H

#include <stdint.h>

struct whole_server {
    uint32_t sequences;   /* in: how many */
    double bytes;         /* of memory for each, as malloc sees it; its record not included */
    double steady_writes; /* a second, before the outage */
    double tries;         /* a second, in the outage's last minute */
    double dry_after_s;   /* when the first sequence had no id */
    double most_writes;   /* in a second, once the store is back */
    double serve_after_s; /* from then on until each sequence has ids, */
    double full_after_s;  /* and holds enough to ride through */
};

void whole_server_measure(struct whole_server *server); /* ends the program if it cannot */

#endif
