/* SPDX-License-Identifier: Apache-2.0 */
/* Logs in logfmt, one line an event, to standard error or to whoever set a sink. */
#ifndef PAWL_LOG_H
#define PAWL_LOG_H

#include "base/base.h"

enum pawl_log_level { PAWL_LOG_DEBUG, PAWL_LOG_INFO, PAWL_LOG_WARN, PAWL_LOG_ERROR, PAWL_LOG_OFF };

/* line has no line end. Called under the log's lock: one line at a time. */
typedef void (*pawl_log_sink)(enum pawl_log_level level, const char *line, void *arg);

/* A program's to say once, before threads start. A library is silent until told: default OFF. */
void pawl_log_set(enum pawl_log_level least, pawl_log_sink sink, void *arg);
bool pawl_log_on(enum pawl_log_level level);

/*
 * pawl_log(PAWL_LOG_WARN, "refill failed", "seq=%s err=%s", quoted, text): the event, then pairs.
 * Formats as printf does. Values that may hold spaces or quotes go through pawl_log_quote.
 */
void pawl_log(enum pawl_log_level level, const char *event, const char *pairs, ...)
    __attribute__((format(printf, 3, 4)));

enum { PAWL_LOG_NAME_BYTES = 600 }; /* room for a sequence's name, quoted */

/* bytes as a logfmt value, quoted where need be, cut at size; returns to. */
const char *pawl_log_quote(char *to, size_t size, struct pawl_bytes bytes);

#endif
