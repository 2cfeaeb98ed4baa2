/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of a connection, and what he may do. Without --users it is somebody who
 * may do everything. A connection's user is looked up anew when the users file was read again: one
 * that is gone, or whose password is another, has to log in once more.
 */
#ifndef PAWLD_LOGIN_H
#define PAWLD_LOGIN_H

#include "server/users.h"
#include "server/work.h"

enum { LOGIN_REFUSALS_MAX = 3 /* wrong passwords on a connection, before it is hung up */ };

/* Whether it may do anything at all: it has logged in, or needs not. */
bool conn_is_in(struct conn *conn);
/* Whether it may do role's work on the sequence name; size 0: on no certain one. */
bool conn_may(struct conn *conn, enum user_role role, struct pawl_bytes name);
/* "" without --users, or before the login. */
struct pawl_bytes conn_user_name(struct conn *conn);

/* Logs in by a password. false: it is wrong, the refusal is counted and said in the log. */
bool conn_log_in(struct conn *conn, struct pawl_bytes name, struct pawl_bytes password);
/*
 * By SCRAM, where there are users: what to prove the password against; nobody's if there is no user
 * of that name. Then the outcome: conn_proved is false if he is gone by now.
 */
void conn_verifier(const struct conn *conn, struct pawl_bytes name,
                   struct pawl_scram_verifier *verifier);
bool conn_proved(struct conn *conn, struct pawl_bytes name,
                 const struct pawl_scram_verifier *verifier);
/* Counts a wrong password and says it in the log. After LOGIN_REFUSALS_MAX sets conn->closing. */
void conn_refused(struct conn *conn, struct pawl_bytes name);
void conn_log_out(struct conn *conn);

/* A listing for the eyes of conn's user: call_shows is asked on the keeper's thread. */
void call_is_for(struct call *call, struct conn *conn);
bool call_shows(const struct call *call, struct pawl_bytes name);

#endif
