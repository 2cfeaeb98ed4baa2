/* SPDX-License-Identifier: Apache-2.0 */
/* What a SQLSTATE means: what code an operation fails with, and what a person does about it. */
#ifndef PAWL_POSTGRES_STATE_H
#define PAWL_POSTGRES_STATE_H

#include <libpq-fe.h>

#include "base/base.h"

struct pawl_postgres_state {
    const char *begins; /* five letters, or the two of a class; "": any other */
    pawl_err code;
    bool again; /* no fault of the statement's: it may be sent once more at once */
    bool anew;  /* the connection is of no more use: dial again, maybe another server */
    const char *advice;
};

/* sqlstate may be NULL: there was none. */
const struct pawl_postgres_state *pawl_postgres_state_of(const char *sqlstate);

/* The same, where the server's function is known that failed; NULL: it is not. */
const struct pawl_postgres_state *pawl_postgres_state_at(const char *sqlstate,
                                                         const char *function);

/* What an error that came while a batch was under way says about the batch. */
enum pawl_postgres_verdict {
    PAWL_POSTGRES_UNDONE, /* the transaction was rolled back: nothing was written */
    PAWL_POSTGRES_DOUBT,  /* nobody knows */
};

/* severity is the one that is never translated. at_commit: all statements had ended before. */
enum pawl_postgres_verdict pawl_postgres_verdict_of(const char *severity, const char *sqlstate,
                                                    bool at_commit);

/*
 * Whether a notice may say that a commit no longer waited for its synchronous standby, though it
 * is then reported as done. Texts are translated, the server function's name is not.
 */
bool pawl_postgres_unwaited(const char *severity, const char *sqlstate, const char *function);

/* The first SQLSTATE in a verbose text of libpq's ("FATAL:  28P01: ..."); false: there is none. */
bool pawl_postgres_state_find(const char *text, char sqlstate[6]);

/* What it means where it ends a connection that was not open yet: no statement was at fault. */
const char *pawl_postgres_connect_advice(const char *sqlstate);

/*
 * What a person does about libpq's own words of a connection that can never come about as it is
 * asked for: no password, no TLS, a certificate that does not fit. NULL: it says no such thing.
 */
const char *pawl_postgres_refusal_advice(const char *text);

/* text of libpq's in one line, without the places in its source; returns to. */
const char *pawl_postgres_one_line(char *to, size_t size, const char *text);

/* result's error as FAILED would tell it: what happened, where, what to do. */
void pawl_postgres_story(const PGresult *result, const char *table, pawl_error *error);

#endif
