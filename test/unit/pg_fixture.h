/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL sessions on a desk, and a Redis client beside them. */
#ifndef PAWL_TEST_PG_FIXTURE_H
#define PAWL_TEST_PG_FIXTURE_H

#include "pg_talk.h"
#include "server/pg/pg.h"
#include "server/resp/resp.h"

enum { CLIENTS = 3, PROTOCOL = 196608 };

struct fixture {
    struct world world;
    struct conn clients[CLIENTS]; /* of the PostgreSQL wire */
    struct conn resp;
};

extern const char *const fixture_pairs[]; /* who logs in */

void open_all(struct fixture *fixture); /* the first two have logged in */
void close_all(struct fixture *fixture);
/* What is answered, as talk_show shows it. */
const char *send_all(struct fixture *fixture, size_t client, const struct talk *talk);
const char *heard(struct fixture *fixture, size_t client);
void expect(struct fixture *fixture, size_t client, const struct talk *talk, const char *want);
void query(struct fixture *fixture, size_t client, const char *text, const char *want);

#define NEXT(id) "T(nextval:20) D(" id ") C(SELECT 1) Z(I)"

#endif
