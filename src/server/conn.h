/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's connection: requests in, answers out, in order. No I/O: the carrier reads into
 * conn_input_space and writes conn_output.
 *
 *     if (!conn_open(&peer->conn, desk, wire, now)) hang up;
 *     when the socket can be read, and conn_wants_input:
 *         space = conn_input_space(); n = read(space); conn_input_added(n, now);
 *     after that, when the socket can be written, and when `changed` was called:
 *         while ((bytes = conn_output()).size > 0) conn_output_sent(write(bytes), now);
 *         if (conn_wants_close()) hang up;
 *     at hang-up: conn_close();
 *     once no write of conn_output's bytes is under way: conn_dispose();
 *
 * An idle connection holds no buffer.
 */
#ifndef PAWLD_CONN_H
#define PAWLD_CONN_H

#include "server/desk.h"

enum {
    CONN_BUFFER_BYTES = 16 * 1024,       /* a buffer at first; spare ones stay with the desk */
    CONN_OUTPUT_BYTES_PAUSE = 64 * 1024, /* above this no request is begun and nothing read */
    CONN_ANSWER_BYTES_MAX = 1024 * 1024, /* one answer */
    CONN_PENDING_MAX = 256,              /* requests begun and not answered */
    CONN_CLIENT_NAME_BYTES_MAX = 64,     /* CLIENT SETNAME */
    CONN_STEPS_AT_ONCE = 40 * 1000,      /* of work that is counted: some 2 ms at most */
};

struct conn_buffer {
    char *at; /* NULL: none */
    size_t size;
    size_t capacity;
};

struct conn_space {
    char *at;
    size_t size;
};

struct user;
struct users;

enum conn_resume {
    CONN_RESTS,  /* nothing is begun that this wire itself goes on with */
    CONN_YIELDS, /* conn->steps_left is used up: others have their turn before it is called again */
    CONN_GOES_ON, /* a piece was done: to be called again, once there is room for more output */
    CONN_WAITS,   /* for what is in the connection's line */
};

/* A protocol: what it makes of a connection's bytes. Constant; its functions are called by conn.c,
 * desk.c and take.c only. */
struct conn_wire {
    const char *scheme;     /* of --listen */
    struct pawl_bytes full; /* what one client too many is told, at once, where nobody has time */
    const struct conn_wire *crowded; /* how it is served where there is time; NULL: never */
    size_t input_bytes_max; /* more is not read until requests are answered; a whole one fits */
    /* Either may be NULL. open makes conn->session, false: no memory. close frees it. */
    bool (*open)(struct conn *conn);
    void (*close)(struct conn *conn);
    /* Goes on with what was begun: before each request, and when what it waited for is there. NULL:
     * this wire's requests are answered in one go. */
    enum conn_resume (*resume)(struct conn *conn);
    /*
     * Begins the request at the front of rest, which has one byte or more: answers it, or leaves a
     * pending in the line. Returns how many bytes it used. 0: it is not whole yet, or must wait
     * until the line is empty, and nothing was done; or conn->closing was set.
     */
    size_t (*begin)(struct conn *conn, struct pawl_bytes rest);
    /* What the first in the line was parked for; it is gone from the line right after. */
    void (*took)(struct conn *conn, pawl_ids ids);
    /* Instead of that; or a call that cannot begin. name: of the sequence; size 0: none. */
    void (*failed)(struct conn *conn, struct pawl_bytes name, const pawl_error *error);
    /* The server stops: says so to a client with nothing begun. NULL: there is no such word. */
    void (*stop)(struct conn *conn);
};

/* A place in one of the desk's lines of connections. */
struct conn_link {
    struct conn_link *next, *previous;
    bool in;
};

/* Embedded in the carrier's own struct; all fields are private to the server's files. */
struct conn {
    struct desk *desk;
    const struct conn_wire *wire;
    void *session; /* the wire's */
    uint64_t id;   /* unique in this run of the server, never 0: the asker of its leases */
    struct conn_buffer input;
    size_t input_used;          /* bytes at the front of input that are answered or begun */
    struct conn_buffer output;  /* being written */
    struct conn_buffer sending; /* lent to the carrier */
    size_t sent;                /* of sending */
    struct pending *pending_first, *pending_last; /* begun and not answered, in order */
    uint32_t pending_count;
    bool pending_takes;       /* none of them does anything but take ids */
    int protocol;             /* RESP's: 2 or 3 */
    struct users *users;      /* login.c's, with what follows: the reading that user is of */
    const struct user *user;  /* who has logged in; NULL: nobody */
    uint32_t refusals;        /* wrong passwords */
    bool closing;             /* answers nothing more; hangs up when the output is sent */
    bool closed;              /* conn_close was called */
    bool running;             /* requests are being answered */
    bool paused;              /* requests wait for room in the output */
    struct conn_link changed; /* in the desk's line of changed connections */
    struct conn_link yields;  /* in its line of those that have used up their steps */
    int64_t steps_left;  /* for a wire whose requests may be long: until others have their turn */
    struct entry *entry; /* the sequence used last, valid while generation is the desk's */
    uint64_t generation;
    uint8_t name_size; /* RESP's: CLIENT SETNAME */
    char name[CONN_CLIENT_NAME_BYTES_MAX];
};

/* false: there is no memory; conn_close and conn_dispose follow as ever. */
bool conn_open(struct conn *conn, struct desk *desk, const struct conn_wire *wire, uint64_t now_ns);

/* Where to read into. size 0: there is no memory, hang up. Only while conn_wants_input. */
struct conn_space conn_input_space(struct conn *conn);
/* size bytes were read into the space given last: answers what can be answered. size 0 is
 * allowed: nothing was read after all. */
void conn_input_added(struct conn *conn, size_t size, uint64_t now_ns);
/* For carriers that have the bytes already: copies them in; returns how many it took. The rest
 * is to be offered again when conn_wants_input. */
size_t conn_received(struct conn *conn, struct pawl_bytes bytes, uint64_t now_ns);

/* What to send; it stays in its place until it is sent whole, or until conn_dispose. */
struct pawl_bytes conn_output(struct conn *conn);
/* size bytes of that were sent: may begin requests that had waited for room, if conn->paused;
 * now_ns is looked at only then. */
void conn_output_sent(struct conn *conn, size_t size, uint64_t now_ns);

/* A client that does not read its answers is not read from. */
bool conn_wants_input(const struct conn *conn);
/* All is said and sent: hang up. */
bool conn_wants_close(const struct conn *conn);
/* Nothing is begun, nothing is left to send. */
bool conn_quiet(const struct conn *conn);
/* Of a quiet one, since the server stops: tells the client, then wants to be closed. */
void conn_stop(struct conn *conn);

/* The peer is gone, or to be dropped: forgets what it waits for and gives back what it will not
 * read. Nothing but conn_dispose follows. */
void conn_close(struct conn *conn);
/* Frees buffers. */
void conn_dispose(struct conn *conn);

#endif
