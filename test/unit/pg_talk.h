/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's protocol as readable text: messages to send, and what is answered. */
#ifndef PAWL_TEST_PG_TALK_H
#define PAWL_TEST_PG_TALK_H

#include "desk_world.h"

enum { TALK_BYTES_MAX = 4096, TALK_SHOWN_MAX = 1 << 16 };

/* Messages that are to be sent together. {0} is empty. */
struct talk {
    char bytes[TALK_BYTES_MAX];
    size_t size;
};

void talk_start(struct talk *talk, uint32_t protocol, const char *const *pairs); /* NULL ends */
void talk_code(struct talk *talk, uint32_t code); /* SSLRequest … */
void talk_cancel(struct talk *talk, uint32_t pid, uint32_t secret);
void talk_query(struct talk *talk, const char *text);
void talk_parse(struct talk *talk, const char *name, const char *text, uint32_t type);
/* values: texts, NULL ends. formats: of results, -1: none said. */
void talk_bind(struct talk *talk, const char *portal, const char *statement,
               const char *const *values, int result_format);
void talk_target(struct talk *talk, char type, char kind, const char *name); /* D and C */
void talk_execute(struct talk *talk, const char *portal, uint32_t rows_max);
void talk_plain(struct talk *talk, char type); /* S, H, X … */
void talk_raw(struct talk *talk, struct pawl_bytes bytes);

/*
 * Answers as words with blanks between: T(name:type,…) D(text,NULL,…) C(SELECT 1) Z(I) 1 2 3 n s
 * t(20) E(42P01 text) N(WARNING 01000 text) S(name=value) K R(0). Until the next call.
 */
const char *talk_show(struct pawl_bytes answers);
/* What BackendKeyData among answers says. */
void talk_key(struct pawl_bytes answers, uint32_t *pid, uint32_t *secret);

#endif
