/* SPDX-License-Identifier: Apache-2.0 */
/* RESP answers, written to a connection's output. Without memory the connection is closed. */
#ifndef PAWLD_RESP_SAY_H
#define PAWLD_RESP_SAY_H

#include "server/work.h"

void say_integer(struct conn *conn, int64_t value);
void say_unsigned(struct conn *conn, uint64_t value); /* those beyond int64 as int64's largest */
void say_simple(struct conn *conn, struct pawl_bytes text);
void say_bulk(struct conn *conn, struct pawl_bytes text);
void say_null(struct conn *conn);
void say_array(struct conn *conn, size_t count);
void say_map(struct conn *conn, size_t pairs);
void say_raw(struct conn *conn, struct pawl_bytes bytes);
/* Redis's errors: the text with its first word. */
void say_error(struct conn *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* pawl's: the code's word before the text. */
void say_failure(struct conn *conn, const pawl_error *error);
void say_fail(struct conn *conn, pawl_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* NOSEQ, with both ways out. */
void say_no_sequence(struct conn *conn, struct pawl_bytes name, const pawl_error *error);
/* The answer of calls that only say whether they were carried out. */
bool answer_ok(struct conn *conn, struct call *call);

#endif
