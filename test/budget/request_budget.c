/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's request, from the bytes that a client sent to those that it is answered, without the
 * socket. The sequence's block is so large that the stock has what is asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "measured.h"
#include "pg_fixture.h"

struct asking {
    struct fixture fixture;
    struct talk bound;
};

/* As the carrier does: what is read is answered at once. */
static void send(struct asking *asking, struct conn *conn, struct pawl_bytes request)
{
    uint64_t now_ns = asking->fixture.world.now_ns;
    struct conn_space space = conn_input_space(conn);

    assert_true(space.size >= request.size);
    memcpy(space.at, request.at, request.size);
    conn_input_added(conn, request.size, now_ns);
    struct pawl_bytes answer = conn_output(conn);
    assert_true(answer.size > 0);
    conn_output_sent(conn, answer.size, now_ns);
}

static void resp_incr(void *state)
{
    struct asking *asking = state;

    send(asking, &asking->fixture.resp, PAWL_BYTES("*2\r\n$4\r\nINCR\r\n$6\r\norders\r\n"));
}

static void pg_bound(void *state)
{
    struct asking *asking = state;

    send(asking, &asking->fixture.clients[0],
         (struct pawl_bytes){asking->bound.bytes, asking->bound.size});
}

static const struct budgeted works[] = {
    {"resp-incr", resp_incr}, {"pg-prepared", pg_bound}, {NULL, NULL}};

static void prepare(struct asking *asking)
{
    struct talk talk = {0};

    open_all(&asking->fixture);
    query(&asking->fixture, 0, "CREATE SEQUENCE orders CACHE 4194304", "C(CREATE SEQUENCE) Z(I)");
    query(&asking->fixture, 0, "SELECT nextval('orders')", NEXT("1"));
    query(&asking->fixture, 0, "SELECT nextval('orders')", NEXT("2"));
    query(&asking->fixture, 0, "SELECT nextval('orders')", NEXT("3")); /* often: it is open now */
    talk_parse(&talk, "one", "SELECT nextval('orders')", 0);
    talk_plain(&talk, 'S');
    expect(&asking->fixture, 0, &talk, "1 Z(I)");
    talk_bind(&asking->bound, "", "one", (const char *const[]){NULL}, -1);
    talk_execute(&asking->bound, "", 0);
    talk_plain(&asking->bound, 'S');
    expect(&asking->fixture, 0, &asking->bound, "2 D(4) C(SELECT 1) Z(I)");
}

int main(int argc, char **argv)
{
    static struct asking asking;
    uint64_t times;
    const struct budgeted *work = measured_chosen(works, argc, argv, &times);

    if (work == NULL) return 2;
    prepare(&asking);
    work->once(&asking); /* buffers, plans and the sequence are found by now */
    measured(work, &asking, times);
    close_all(&asking.fixture);
    return 0;
}
