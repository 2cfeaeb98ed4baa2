/* SPDX-License-Identifier: Apache-2.0 */
/* Queries over catalogs, and over a sequence as a relation: brings the records that they need. */
#include <stdio.h>
#include <stdlib.h>

#include "server/pg/session.h"

/* Steps of a query. */
enum { QUERY_BEGINS, QUERY_LISTS, QUERY_READS, QUERY_COMES, QUERY_RUNS };

static enum pg_step explained(struct pg_session *session)
{
    session->wait = PG_WAIT_NOTHING;
    pg_explain(session);
    /* Who asks for a table is most often connected to the wrong server. */
    if (memcmp(session->error.sqlstate, "42P01", SQL_STATE_BYTES) == 0) {
        (void)snprintf(session->error.hint, sizeof session->error.hint, "%s", SQL_NO_TABLES_HINT);
    }
    return PG_STEP_FAILED;
}

static bool begin(struct pg_session *session, struct pg_portal *portal)
{
    struct pg_desk *home = session->home;

    if (home->catalog == NULL) home->catalog = sql_catalog_new();
    if (home->catalog != NULL) {
        pg_facts(session, &portal->facts);
        portal->scan = sql_scan_new(home->catalog, portal->plan, portal->params, &portal->facts);
    }
    if (portal->scan == NULL) return sql_fail(&session->error, "53200", 0, "out of memory");
    portal->step = QUERY_READS;
    portal->item = 0;
    if (!sql_query_wants_list(portal->plan->of.query)) return true;
    portal->step = QUERY_LISTS;
    session->page_after.size = 0;
    pg_ask_page(session);
    return true;
}

/* The page that came goes into the scan. */
static bool add_page(struct pg_session *session, struct pg_portal *portal)
{
    const struct pawl_record *records = (const void *)session->records.at;

    for (size_t i = 0; i < session->record_count; i++) {
        struct sql_sequence sequence = {.name = pawl_name_bytes(&records[i].name),
                                        .record = &records[i]};

        if (!sql_scan_add(portal->scan, &sequence, &session->error)) return false;
    }
    session->record_count = 0;
    session->records.size = 0;
    return true;
}

static enum pg_step list(struct pg_session *session, struct pg_portal *portal)
{
    if (session->wait == PG_WAIT_UNDER_WAY) return PG_STEP_WAITS;
    if (session->wait == PG_WAIT_FAILED) return explained(session);
    session->wait = PG_WAIT_NOTHING;
    if (!add_page(session, portal)) return PG_STEP_FAILED;
    if (session->page_more) {
        pg_ask_page(session);
        return PG_STEP_DONE;
    }
    portal->step = QUERY_READS;
    return PG_STEP_DONE;
}

/* The sequences that stand in FROM, one after the other. */

static void ask_read(struct pg_session *session)
{
    struct call *call = pg_ask(session, PAWL_ASK_READ, pawl_name_bytes(&session->search.store));

    if (call != NULL) call_submit(call);
}

/* One of them is there, and goes into the scan. */
static bool relation_came(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_sequence sequence = {.name = pawl_name_bytes(&session->search.store),
                                          .record = &session->record};

    session->wait = PG_WAIT_NOTHING;
    pg_search_found(session);
    if (!pg_may_use(session, "SELECT")) return false;
    return sql_scan_relation(portal->scan, portal->item, &sequence, &session->error);
}

static enum pg_step read_relations(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_name *names = NULL;
    size_t count = sql_query_relations(portal->plan->of.query, &names);

    while (portal->item < count) {
        if (!portal->looking) {
            if (!pg_search_begin(session, &names[portal->item])) return PG_STEP_FAILED;
            portal->looking = true;
            ask_read(session);
        }
        while (session->wait == PG_WAIT_FAILED && session->failure.code == PAWL_NO_SEQUENCE &&
               session->search.at < session->search.count && pg_search_next(session)) {
            ask_read(session);
        }
        if (session->wait == PG_WAIT_UNDER_WAY) return PG_STEP_WAITS;
        if (session->wait == PG_WAIT_FAILED) return explained(session);
        if (!relation_came(session, portal)) return PG_STEP_FAILED;
        portal->looking = false;
        portal->item++;
    }
    portal->step = QUERY_COMES;
    return PG_STEP_DONE;
}

/* What a suspended portal keeps in memory is its session's. */
static enum pg_step suspended(struct pg_session *session, struct pg_portal *portal)
{
    size_t bytes = sql_scan_bytes(portal->scan);

    if (bytes <= portal->scan_bytes) return PG_STEP_SUSPENDED;
    if (!pg_portal_keeps(session, portal, bytes - portal->scan_bytes)) return PG_STEP_FAILED;
    portal->scan_bytes = bytes;
    return PG_STEP_SUSPENDED;
}

static enum pg_step rows(struct pg_session *session, struct pg_portal *portal)
{
    /* Others came first. */
    if (portal->step == QUERY_COMES && session->conn->desk->yielded.first != NULL) {
        portal->step = QUERY_RUNS;
        return PG_STEP_YIELDS;
    }
    portal->step = QUERY_RUNS;
    for (size_t i = 0; i < PG_ROWS_AT_ONCE && pg_has_room(session); i++) {
        const struct sql_value *row = NULL;

        if (session->rows_left == 0) return suspended(session, portal);
        switch (sql_scan_step(portal->scan, &session->conn->steps_left, &row, &session->error)) {
        case SQL_STEP_AGAIN:
            return PG_STEP_YIELDS;
        case SQL_STEP_DONE:
            return PG_STEP_DONE;
        case SQL_STEP_ERROR:
            return PG_STEP_FAILED;
        case SQL_STEP_ROW:
            break;
        }
        if (!pg_say_row(session, portal, row)) return PG_STEP_FAILED;
        portal->rows++;
        session->rows_left--;
    }
    return PG_STEP_GOES_ON;
}

enum pg_step pg_run_query(struct pg_session *session, struct pg_portal *portal)
{
    if (portal->step == QUERY_BEGINS && !begin(session, portal)) return PG_STEP_FAILED;
    while (portal->step == QUERY_LISTS || portal->step == QUERY_READS) {
        enum pg_step step =
            portal->step == QUERY_LISTS ? list(session, portal) : read_relations(session, portal);

        if (step != PG_STEP_DONE) return step;
    }
    return rows(session, portal);
}
