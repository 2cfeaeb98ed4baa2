/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary folder, and a pawld in it on a free port of the loopback, if PAWLD_BIN names one. */
#ifndef SERVED_H
#define SERVED_H

#include <stdbool.h>
#include <sys/types.h>

struct served {
    char folder[64]; /* "": none */
    int port;
    pid_t pid; /* 0: no server runs */
};

const char *served_binary(void); /* NULL: there is none */
void served_folder(struct served *served);
/* Starts pawld on an LMDB store in the folder; returns when it accepts connections. */
void served_start(struct served *served);
void served_restart(struct served *served); /* by SIGTERM */
void served_pause(struct served *served, bool paused);
/* Stops the server, if one runs, and removes the folder. {0} is allowed. */
void served_stop(struct served *served);

#endif
