/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT without tables: serves what the machine wants, ids above all. */
#include "server/gone.h"
#include "server/pg/session.h"

/* Steps of a want. */
enum { WANT_BEGINS, WANT_WAITS };

static enum pg_step give(struct pg_portal *portal, const struct sql_value *value)
{
    sql_machine_give(portal->machine, value);
    portal->want = SQL_WANT_NOTHING;
    portal->step = WANT_BEGINS;
    return PG_STEP_DONE;
}

static enum pg_step give_number(struct pg_portal *portal, int64_t number)
{
    const struct sql_value value = {.type = SQL_INT8, .number = number};

    return give(portal, &value);
}

/* The name that was looked for may be in the next schema of search_path. */
static bool is_elsewhere(struct pg_session *session)
{
    return session->wait == PG_WAIT_FAILED && session->failure.code == PAWL_NO_SEQUENCE &&
           session->search.at < session->search.count && pg_search_next(session);
}

static enum pg_step explained(struct pg_session *session)
{
    session->wait = PG_WAIT_NOTHING;
    pg_explain(session);
    return PG_STEP_FAILED;
}

/* The name that the machine has on its lips, and where it stands. */
static bool search_begins(struct pg_session *session, const struct pg_portal *portal)
{
    struct sql_name name = portal->machine->name;

    name.position = portal->machine->position;
    return pg_search_begin(session, &name);
}

/* nextval. */

static bool nextval_begins(struct pg_session *session, struct pg_portal *portal)
{
    uint64_t most = session->conn->desk->settings.max_take;

    if (!pg_may_write(session, "nextval()")) return false;
    if (portal->taken == most) {
        return sql_fail(&session->error, "54000", 0, SQL_IDS_MAX_WORDS, (unsigned long long)most);
    }
    return search_begins(session, portal) && pg_may_use(session, "USAGE");
}

static enum pg_step serve_nextval(struct pg_session *session, struct pg_portal *portal)
{
    if (portal->step == WANT_BEGINS) {
        if (!nextval_begins(session, portal)) return PG_STEP_FAILED;
        portal->step = WANT_WAITS;
        (void)pg_ask_id(session);
    }
    while (is_elsewhere(session)) {
        if (!pg_may_use(session, "USAGE")) return PG_STEP_FAILED;
        (void)pg_ask_id(session);
    }
    if (session->wait == PG_WAIT_UNDER_WAY) return PG_STEP_WAITS;
    if (session->wait == PG_WAIT_FAILED) return explained(session);
    session->wait = PG_WAIT_NOTHING;
    portal->taken++;
    pg_search_found(session);
    if (!pg_last_set(session, pawl_name_bytes(&session->search.store), session->ids.first, true)) {
        return PG_STEP_FAILED;
    }
    return give_number(portal, session->ids.first);
}

/* Whether a sequence is there, for what asks nothing else of it. */

/*
 * What ids are taken of here is there, unless something was dropped or renamed since that was
 * asked: else no need to ask the store.
 */
static bool is_open_here(struct pg_session *session)
{
    const struct desk *desk = session->conn->desk;
    const struct entry *entry =
        desk_find(session->conn->desk, pawl_name_bytes(&session->search.store));

    return entry != NULL && entry->holding != NULL &&
           entry->gone == gone_count(desk->settings.gone);
}

static void ask_whether(struct pg_session *session)
{
    struct call *call = pg_ask(session, PAWL_ASK_READ, pawl_name_bytes(&session->search.store));

    if (call == NULL) return;
    session->gone_asked = gone_count(session->conn->desk->settings.gone);
    call_submit(call);
}

static void is_there(struct pg_session *session)
{
    struct entry *entry = desk_find(session->conn->desk, pawl_name_bytes(&session->search.store));

    session->wait = PG_WAIT_NOTHING;
    if (entry != NULL) entry->gone = session->gone_asked;
    pg_search_found(session);
}

/* DONE: it is search.store's. */
static enum pg_step read_it(struct pg_session *session, struct pg_portal *portal)
{
    if (portal->step == WANT_BEGINS) {
        if (!search_begins(session, portal)) return PG_STEP_FAILED;
        if (is_open_here(session)) return PG_STEP_DONE;
        portal->step = WANT_WAITS;
        ask_whether(session);
    }
    while (is_elsewhere(session)) {
        ask_whether(session);
    }
    if (session->wait == PG_WAIT_UNDER_WAY) return PG_STEP_WAITS;
    if (session->wait == PG_WAIT_FAILED) return explained(session);
    is_there(session);
    return PG_STEP_DONE;
}

static enum pg_step serve_currval(struct pg_session *session, struct pg_portal *portal)
{
    struct pg_last_id *last = NULL;

    if (portal->step == WANT_BEGINS) {
        if (!search_begins(session, portal)) return PG_STEP_FAILED;
        last = pg_last_find(session, pawl_name_bytes(&session->search.store));
        if (last != NULL && pg_may_use(session, "SELECT")) return give_number(portal, last->id);
        if (last != NULL) return PG_STEP_FAILED;
    }
    enum pg_step step = read_it(session, portal);
    if (step != PG_STEP_DONE) return step;
    struct pawl_bytes store = pawl_name_bytes(&session->search.store);
    struct pawl_bytes shown = pg_shown(store);
    if (!pg_may_use(session, "SELECT")) return PG_STEP_FAILED;
    last = pg_last_find(session, store);
    if (last != NULL) return give_number(portal, last->id);
    (void)sql_fail(&session->error, "55000", 0,
                   "currval of sequence \"%.*s\" is not yet defined in this session",
                   (int)shown.size, shown.at);
    return PG_STEP_FAILED;
}

static enum pg_step serve_lastval(struct pg_session *session, struct pg_portal *portal)
{
    const struct pg_last_id *last = pg_last_of_all(session);

    if (last != NULL) return give_number(portal, last->id);
    (void)sql_fail(&session->error, "55000", 0, "lastval is not yet defined in this session");
    return PG_STEP_FAILED;
}

static enum pg_step serve_class(struct pg_session *session, struct pg_portal *portal)
{
    char text[PG_CLASS_BYTES_MAX];
    enum pg_step step = read_it(session, portal);
    struct sql_value value = {.type = SQL_REGCLASS};

    if (step == PG_STEP_WAITS) return step;
    if (step == PG_STEP_FAILED) {
        const char *state = session->error.sqlstate;

        value.number = memcmp(state, "3F000", SQL_STATE_BYTES) == 0;
        if (value.number == 0 && memcmp(state, "42P01", SQL_STATE_BYTES) != 0) return step;
        value.null = true; /* the machine knows whether that is an error */
        return give(portal, &value);
    }
    value.text.at = text;
    value.text.size = pg_class_shown(session, text);
    value.number = sql_class_oid(pawl_name_bytes(&session->search.store));
    return give(portal, &value);
}

/* setval. */

static void ask_set(struct pg_session *session, const struct sql_machine *machine)
{
    struct call *call = pg_ask(session, PAWL_ASK_SET, pawl_name_bytes(&session->search.store));

    if (call == NULL) return;
    call->sent.ask.value = machine->value;
    call->sent.ask.called = machine->called;
    call->sent.ask.force =
        session->conn->desk->settings.setval_back == DESK_SETVAL_ALLOW &&
        conn_may(session->conn, USER_ADMIN, pawl_name_bytes(&session->search.store));
    call_submit(call);
}

/* The wished id lies behind what may be in use: nothing changes. */
static void set_ignored(struct pg_session *session, const struct sql_machine *machine)
{
    struct pawl_bytes shown = pg_shown(pawl_name_bytes(&session->search.store));
    const struct pawl_record *record = &session->record;

    if (record->ended) {
        pg_say_notice(session, "WARNING", "01000",
                      "sequence \"%.*s\" was not set back to %lld: it is used up", (int)shown.size,
                      shown.at, (long long)machine->value);
        return;
    }
    pg_say_notice(session, "WARNING", "01000",
                  "sequence \"%.*s\" was not set back to %lld: the id that comes next is %lld",
                  (int)shown.size, shown.at, (long long)machine->value, (long long)record->next);
}

static bool setval_begins(struct pg_session *session, struct pg_portal *portal)
{
    return pg_may_write(session, "setval()") && search_begins(session, portal) &&
           pg_may_use(session, "UPDATE");
}

static enum pg_step serve_setval(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_machine *machine = portal->machine;
    enum desk_setval back = session->conn->desk->settings.setval_back;

    if (portal->step == WANT_BEGINS) {
        if (!setval_begins(session, portal)) return PG_STEP_FAILED;
        portal->step = WANT_WAITS;
        ask_set(session, machine);
    }
    while (is_elsewhere(session)) {
        if (!pg_may_use(session, "UPDATE")) return PG_STEP_FAILED;
        ask_set(session, machine);
    }
    if (session->wait == PG_WAIT_UNDER_WAY) return PG_STEP_WAITS;
    if (session->wait == PG_WAIT_FAILED) {
        if (session->failure.code != PAWL_BEHIND || back != DESK_SETVAL_IGNORE) {
            return explained(session);
        }
        pg_say_shape(session, portal);
        set_ignored(session, machine);
    }
    session->wait = PG_WAIT_NOTHING;
    pg_search_found(session);
    struct pawl_bytes store = pawl_name_bytes(&session->search.store);
    if (machine->called && !pg_last_set(session, store, machine->value, false)) {
        return PG_STEP_FAILED;
    }
    return give_number(portal, machine->value);
}

static enum pg_step serve_config(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_setting *set = &portal->machine->setting;

    struct pawl_bytes wished = set->to_default ? (struct pawl_bytes){NULL, 0} : set->value;
    if (!pg_setting_set(session, set->name, wished, set->local)) return PG_STEP_FAILED;
    const char *shown = pg_setting_show(session, set->name);
    const struct sql_value value = {.type = SQL_TEXT, .text = pg_text(shown == NULL ? "" : shown)};
    return give(portal, &value);
}

static enum pg_step serve(struct pg_session *session, struct pg_portal *portal)
{
    switch (portal->want) {
    case SQL_WANT_NEXTVAL:
        return serve_nextval(session, portal);
    case SQL_WANT_CURRVAL:
        return serve_currval(session, portal);
    case SQL_WANT_LASTVAL:
        return serve_lastval(session, portal);
    case SQL_WANT_SETVAL:
        return serve_setval(session, portal);
    case SQL_WANT_CLASS:
        return serve_class(session, portal);
    case SQL_WANT_SET_CONFIG:
        return serve_config(session, portal);
    case SQL_WANT_ERROR:
        session->error = portal->machine->error;
        return PG_STEP_FAILED;
    case SQL_WANT_NOTHING:
    case SQL_WANT_TURN:
    case SQL_WANT_ROW:
        break;
    }
    return PG_STEP_DONE;
}

static bool make_machine(struct pg_session *session, struct pg_portal *portal)
{
    pg_facts(session, &portal->facts);
    portal->machine = sql_machine_new(portal->plan, portal->params, &portal->facts);
    return portal->machine != NULL || sql_fail(&session->error, "53200", 0, "out of memory");
}

enum pg_step pg_run_select(struct pg_session *session, struct pg_portal *portal)
{
    if (portal->machine == NULL && !make_machine(session, portal)) return PG_STEP_FAILED;
    for (size_t rows = 0; rows < PG_ROWS_AT_ONCE && pg_has_room(session);) {
        enum pg_step step = serve(session, portal); /* what it still waits for, if anything */

        if (step != PG_STEP_DONE) return step;
        if (session->rows_left == 0) return PG_STEP_SUSPENDED;
        portal->want = sql_machine_run(portal->machine, &session->conn->steps_left);
        if (portal->want == SQL_WANT_NOTHING) return PG_STEP_DONE;
        if (portal->want == SQL_WANT_TURN) return PG_STEP_YIELDS;
        if (portal->want != SQL_WANT_ROW) continue;
        portal->want = SQL_WANT_NOTHING;
        if (!pg_say_row(session, portal, portal->machine->row)) return PG_STEP_FAILED;
        portal->rows++;
        session->rows_left--;
        rows++;
    }
    return PG_STEP_GOES_ON;
}
