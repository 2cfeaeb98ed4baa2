/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PostgreSQL session: what one connection has prepared, opened, set and drawn, and the statement
 * that it is at. Statements run one at a time; one that waits leaves something in the connection's
 * line, and goes on in pg_wire's resume.
 *
 *     messages --pg.c--> simple.c, extended.c --portal.c--> run.c: a plan's kind
 *                                                           select.c, change.c, catalog.c,
 * utility.c
 */
#ifndef PAWLD_PG_SESSION_H
#define PAWLD_PG_SESSION_H

#include "server/login.h"
#include "server/pg/settings.h"
#include "server/sql/machine.h"
#include "server/sql/query.h"
#include "server/work.h"
#include "wire/pg.h"

enum {
    PG_MESSAGE_BYTES_MAX = SQL_TEXT_BYTES_MAX + 64 * 1024, /* larger ones are passed over */
    PG_IDENTIFIER_BYTES_MAX = 63,                          /* as in PostgreSQL */
    PG_NAME_BYTES_MAX = 255,                               /* of statements and portals */
    PG_STATEMENTS_MAX = 1024,                              /* prepared in one session */
    PG_PORTALS_MAX = 256,                                  /* open in one session */
    PG_KEPT_BYTES_MAX = 32 * 1024 * 1024,                  /* all of these, with their values */
    PG_ROW_BYTES_MAX = 16 * 1024 * 1024,                   /* texts of one row */
    PG_SAVEPOINTS_MAX = 256,                               /* in one transaction */
    PG_LAST_IDS_MAX = 1024,     /* sequences of which one session knows its last id */
    PG_CANDIDATES_MAX = 16,     /* schemas in search_path that are looked at */
    PG_START_S = 60,            /* for the start-up and the login: as in PostgreSQL */
    PG_ROWS_AT_ONCE = 256,      /* before it is looked whether there is room for more */
    PG_RESOLVED_MS = 1000,      /* how long a name found by a longer search_path is remembered */
    PG_LIST_PAGE = 250,         /* records in one ask */
    PG_SCHEMA_PAGE = 16,        /* likewise, to see whether a schema has any */
    PG_SCHEMA_PAGES = 8,        /* of these, full of tombstones, before it is taken to be there */
    PG_SCHEMA_EVERY_MS = 1000,  /* between two such questions of a desk, in the long run */
    PG_SCHEMA_BURST = 16,       /* that many may come at once */
    PG_UNDONE_SHOWN_BYTES = 96, /* of the changes that a ROLLBACK leaves */
    SQL_TAG_BYTES_MAX = 32,
    PG_NOTICE_PLACE = 6, /* in client_min_messages' choices */
    PG_WARNING_PLACE = 7,
};

/* The schema that was looked for last, and what a user has seen of it. */
struct pg_schema {
    struct pawl_name prefix; /* size 0: none */
    char user[USER_NAME_BYTES_MAX];
    uint8_t user_size;
    bool missing;
    uint64_t until_ns; /* remembered until then */
    uint64_t paid_ns;  /* when all questions so far have had their PG_SCHEMA_EVERY_MS */
};

/* What all sessions of one I/O thread share. */
struct pg_desk {
    struct desk_annex annex;
    struct desk *desk;
    struct sql_cache *plans;
    struct sql_catalog *catalog;                 /* NULL: no query over catalogs yet */
    struct table by_pid;                         /* sessions that can be cancelled */
    struct pg_session *starting, *starting_last; /* in order of arrival */
    struct pg_session *timed;                    /* statements that wait, and have a time limit */
    struct pg_schema schema;
    struct sql_spare machine; /* what the next statement's machine is made of */
    struct pg_portal *portal; /* the next one without a name; NULL: none is kept */
    uint64_t random;
    int64_t wall_us; /* at wall_ns, the desk's time; looked at anew after a second */
    uint64_t wall_ns;
};

/* A statement that was prepared: Parse, or PREPARE. */
struct pg_statement {
    uint64_t hash;
    struct sql_batch *batch;
    const struct sql_plan *plan; /* NULL: an empty text */
    uint8_t name_size;
    char name[];
};

/* A statement with its values, being carried out. */
struct pg_portal {
    uint64_t hash;
    struct sql_batch *batch;
    const struct sql_plan *plan; /* NULL: an empty text */
    struct sql_value *params;    /* with their texts, one block */
    int16_t *results;            /* formats; NULL: all are text; may be result */
    int16_t result;
    size_t result_count;
    struct sql_machine *machine;
    struct sql_scan *scan;
    size_t step;   /* of a plan that is carried out in steps: see its file */
    uint64_t rows; /* sent so far */
    bool begun, done;
    bool failed;              /* done, in vain */
    enum sql_want want;       /* of the machine, being served */
    bool described;           /* simple: its columns were sent */
    const char *tag;          /* another than the plan's; NULL: the plan's */
    struct sql_facts facts;   /* of its machine or scan */
    struct sql_batch *source; /* EXECUTE's own; NULL: it is none */
    size_t item;              /* of what a step does one by one */
    uint64_t taken;           /* ids */
    size_t kept_bytes;        /* of its session's */
    size_t scan_bytes;        /* of these: the scan's, when it was suspended last */
    bool looking;             /* for what stands in FROM */
    bool loose;               /* in no table: freed when it has run */
    uint8_t name_size;
    char name[];
};

/* What a session waits for, and how that ended. */
enum pg_wait {
    PG_WAIT_NOTHING,
    PG_WAIT_UNDER_WAY,
    PG_WAIT_CAME,   /* session->ids, or what the call brought */
    PG_WAIT_FAILED, /* session->failure */
};

/* How far a statement came. */
enum pg_step {
    PG_STEP_DONE,
    PG_STEP_GOES_ON,
    PG_STEP_YIELDS,    /* likewise, but others have their turn before */
    PG_STEP_SUSPENDED, /* its row limit */
    PG_STEP_WAITS,
    PG_STEP_FAILED, /* the error is in session->error */
};

struct pg_last_id {
    struct pg_last_id *next, *previous; /* the least recently used one is the first */
    uint64_t hash;
    int64_t id;
    uint8_t name_size;
    char name[];
};

struct pg_savepoint {
    char name[PG_IDENTIFIER_BYTES_MAX + 1];
};

enum pg_block { PG_BLOCK_NONE, PG_BLOCK_OPEN, PG_BLOCK_FAILED };

struct pg_transaction {
    bool begun; /* a statement ran in it, or BEGIN */
    enum pg_block block;
    bool queried; /* a SELECT ran in it */
    int64_t began_us;
    struct pg_savepoint *savepoints;
    size_t savepoint_count, savepoint_capacity;
    uint32_t changes; /* of sequences: they stay */
    char changed[PG_UNDONE_SHOWN_BYTES];
    uint32_t unknown; /* changes that were interrupted: nobody knows yet whether they stay */
};

/* Looks for a relation in the schemas of search_path. */
struct pg_search {
    struct sql_name name; /* points into what outlives the statement */
    size_t count, at;
    struct pawl_name store; /* the candidate that is looked at */
    bool no_schema;         /* nothing is in the schema that name has */
    uint8_t schema_pages;   /* that were looked at for it */
};

struct pg_resolved {
    struct pawl_name relation, store; /* relation.size 0: nothing is remembered */
    uint64_t until_ns;
};

enum pg_phase { PG_STARTING, PG_AUTHENTICATING, PG_SERVING };

struct pg_login; /* start.c */

struct pg_session {
    struct conn *conn;
    struct pg_desk *home;
    enum pg_phase phase;
    uint32_t pid, secret;
    uint64_t started_ns;
    struct pg_session *starting_next, *starting_previous;
    struct pg_session *timed_next, *timed_previous;
    uint64_t timeout_ns; /* when the statement that waits ends; 0: not in that line */
    bool in_starting, registered;
    uint8_t encrypted_asked; /* SSLRequest and GSSENCRequest so far */
    struct pg_login *login;  /* NULL: none is under way */
    char user[PG_IDENTIFIER_BYTES_MAX + 1];
    char database[PG_IDENTIFIER_BYTES_MAX + 1];
    struct pg_settings settings;
    struct pg_transaction tx;
    struct table statements, portals;
    size_t kept_bytes; /* of these: a batch counts for each that holds it */
    struct pg_statement *unnamed_statement;
    struct pg_portal *unnamed_portal;
    struct table last_ids;
    struct pg_last_id *last_first, *last_last;
    struct pg_last_id *last; /* lastval's */
    uint64_t gone_seen;      /* of server/gone.h: what last_ids know of */
    uint64_t gone_asked;     /* likewise, when it was last asked whether a sequence is there */
    struct pg_resolved resolved;

    /* A Query that is carried out, or the portal of an Execute. */
    struct sql_batch *batch;
    size_t batch_at;
    struct pg_portal *running;
    uint64_t rows_left; /* of this Execute; UINT64_MAX: all */
    uint64_t began_ns;  /* the statement */
    bool simple, skipping;
    size_t passing; /* bytes to come of a message that is too long */

    enum pg_wait wait;
    pawl_ids ids;
    pawl_error failure;
    struct pawl_record record;
    struct text records; /* struct pawl_record, one after the other: of a listing */
    size_t record_count;
    struct pawl_name page_after;
    bool page_more;
    struct pg_search search;
    struct pawl_name target; /* of a renaming */
    const char *interrupt;   /* why what runs is to end; NULL: it is not */
    struct sql_error error;
};

static inline struct pg_session *pg_session_of(const struct conn *conn)
{
    return conn->session;
}

static inline struct pawl_bytes pg_text(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static inline uint64_t pg_hash(const struct pg_session *session, struct pawl_bytes name)
{
    return pawl_bytes_hash(name, session->conn->desk->settings.seed);
}

/* home.c: sessions of an I/O thread. */

/* NULL: no memory. */
struct pg_desk *pg_desk_of(struct desk *desk);
int64_t pg_desk_wall_us(struct pg_desk *home);  /* microseconds since 1970, for show */
void pg_desk_add(struct pg_session *session);   /* it begins */
void pg_desk_ready(struct pg_session *session); /* it has logged in: it has a pid */
void pg_desk_leave(struct pg_session *session);
/* Of another connection, maybe at another desk. */
void pg_desk_cancel(struct desk *desk, uint32_t pid, uint32_t secret);
void pg_time_begin(struct pg_session *session); /* what waits from now on may have a time limit */
void pg_time_end(struct pg_session *session);

/* start.c: until the first ReadyForQuery. */

size_t pg_start(struct pg_session *session, struct pawl_bytes rest);
size_t pg_login(struct pg_session *session, struct pawl_bytes rest);
void pg_welcome(struct pg_session *session); /* who it is, is known */

/* pg.c */

/* What a session is at ends with session->error: says it, and goes on as the protocol has it. */
void pg_failed(struct pg_session *session);
/* What is under way in vain: 57014. */
void pg_over(struct pg_session *session); /* lets go of the statement that ran */
void pg_interrupt(struct pg_session *session, const char *reason);

/* simple.c and extended.c */

bool pg_text_fits(struct pg_session *session, struct pawl_bytes text); /* 54000, 22021 */
void pg_query(struct pg_session *session, struct pawl_bytes body);
enum conn_resume pg_query_goes_on(struct pg_session *session);
void pg_parse(struct pg_session *session, struct pawl_bytes body);
void pg_bind(struct pg_session *session, struct pawl_bytes body);
void pg_describe(struct pg_session *session, struct pawl_bytes body);
void pg_execute(struct pg_session *session, struct pawl_bytes body);
void pg_close(struct pg_session *session, struct pawl_bytes body);
void pg_sync(struct pg_session *session);
enum conn_resume pg_execute_goes_on(struct pg_session *session);

/* store.c: statements and portals by name. */

struct pg_statement *pg_statement_find(struct pg_session *session, struct pawl_bytes name);
/* Holds batch on success. An unnamed one takes the place of the last. */
bool pg_statement_add(struct pg_session *session, struct pawl_bytes name, struct sql_batch *batch,
                      const struct sql_plan *plan);
void pg_statement_drop(struct pg_session *session, struct pg_statement *statement);
void pg_statements_drop(struct pg_session *session);
struct pg_portal *pg_portal_find(struct pg_session *session, struct pawl_bytes name);
/* Holds batch. NULL: session->error. name NULL: it is in no table. */
struct pg_portal *pg_portal_new(struct pg_session *session, const struct pawl_bytes *name,
                                struct sql_batch *batch, const struct sql_plan *plan);
void pg_portal_drop(struct pg_session *session, struct pg_portal *portal);
void pg_portals_drop(struct pg_session *session); /* but the one that runs */
void pg_portal_done(struct pg_portal *portal);    /* it gives no more rows */
void pg_portal_free(struct pg_session *session, struct pg_portal *portal);
/* Its values take so many bytes more: 53400 if that is too much for the session. */
bool pg_portal_keeps(struct pg_session *session, struct pg_portal *portal, size_t bytes);

/* run.c */

/* Of a portal whose statement was checked by pg_may_run. */
enum pg_step pg_run(struct pg_session *session, struct pg_portal *portal);
/* 25P02, 25006. */
bool pg_may_run(struct pg_session *session, const struct sql_plan *plan);
/* plan NULL: an empty text. */
bool pg_may_prepare(struct pg_session *session, const struct sql_plan *plan); /* 25P02 */
bool pg_may_write(struct pg_session *session, const char *what);              /* 25006 */
/* EXECUTE becomes what it names. */
bool pg_redirect(struct pg_session *session, struct pg_portal *portal);
/* It answers with rows, be it of no columns. */
bool pg_has_rows(const struct sql_plan *plan);
bool pg_setting_is(struct pg_session *session, struct pawl_bytes name); /* 42704 */
void pg_facts(struct pg_session *session, struct sql_facts *facts);

/* One for each kind of plans. */
enum pg_step pg_run_select(struct pg_session *session, struct pg_portal *portal);
enum pg_step pg_run_query(struct pg_session *session, struct pg_portal *portal);
enum pg_step pg_run_create(struct pg_session *session, struct pg_portal *portal);
enum pg_step pg_run_alter(struct pg_session *session, struct pg_portal *portal);
enum pg_step pg_run_drop(struct pg_session *session, struct pg_portal *portal);
enum pg_step pg_run_rename(struct pg_session *session, struct pg_portal *portal);
enum pg_step pg_run_transaction(struct pg_session *session, struct pg_portal *portal);
enum pg_step pg_run_utility(struct pg_session *session, struct pg_portal *portal);

/* change.c: what its statements share. */

enum pg_change_step { CHANGE_BEGINS, CHANGE_LOOKS, CHANGE_WAITS };
bool pg_change_missing(const struct pg_session *session);
enum pg_step pg_change_explained(struct pg_session *session);
void pg_change_skipped(struct pg_session *session, const struct sql_name *name, const char *what);
bool pg_change_may(struct pg_session *session, enum user_role role);
/* DONE: search.store is there. FAILED: it is not, or something else: session->wait. */
enum pg_step pg_change_look(struct pg_session *session, struct pg_portal *portal,
                            const struct sql_name *name);
void pg_changed(struct pg_session *session);
/* What is under way is one, which may be carried out all the same. */
bool pg_change_under_way(const struct pg_session *session);

/* transaction.c */

void pg_tx_begin(struct pg_session *session); /* unless one is under way */
/* Ends the one that no BEGIN began. */
void pg_tx_end(struct pg_session *session, bool committed);
void pg_tx_failed(struct pg_session *session);
char pg_tx_status(const struct pg_session *session);
void pg_tx_changed(struct pg_session *session, struct pawl_bytes name); /* for ROLLBACK's warning */

/* names.c */

/* Begins to look for name; candidate 0 is session->search.store. */
bool pg_search_begin(struct pg_session *session, const struct sql_name *name);
/* The next candidate. false: there is none, or session->error. */
bool pg_search_next(struct pg_session *session);
/* Where a sequence of that name is created. */
bool pg_search_target(struct pg_session *session, const struct sql_name *name,
                      struct pawl_name *store);
bool pg_no_relation(struct pg_session *session, const struct sql_name *name, const char *what);
/* search.store is what was looked for: remembered for a while. */
void pg_search_found(struct pg_session *session);
void pg_search_forget(struct pg_session *session);
/* How a name of the store is shown in messages: without its schema. */
struct pawl_bytes pg_shown(struct pawl_bytes store);
bool pg_may(struct pg_session *session, struct pawl_bytes store, const char *privilege);
bool pg_may_use(struct pg_session *session, const char *privilege); /* search.store; 42501 */
/* search.store as regclass shows it, at to, which has room; returns the size. */
enum { PG_CLASS_BYTES_MAX = 2 * PAWL_NAME_BYTES_MAX + 8 };
size_t pg_class_shown(const struct pg_session *session, char to[PG_CLASS_BYTES_MAX]);

/* The name in the store of what regclass shows as name. */
bool pg_class_store(const struct pg_session *session, const struct sql_name *name, uint32_t class,
                    struct pawl_name *store, struct sql_error *error);

/* asks.c: one ask at a time, on the session's behalf. */

/* Takes an id of search.store: true: session->ids has it; false: see session->wait. */
bool pg_ask_id(struct pg_session *session);
/* kind, of name; session->record is brought. NULL: it failed already, session->wait says so. */
struct call *pg_ask(struct pg_session *session, enum pawl_ask_kind kind, struct pawl_bytes name);
void pg_ask_page(struct pg_session *session); /* adds to session->records */
void pg_came(struct pg_session *session, pawl_ids ids);
void pg_in_vain(struct pg_session *session, struct pawl_bytes name, const pawl_error *error);
/* session->failure in PostgreSQL's words, as session->error. */
void pg_explain(struct pg_session *session);

/* utf8.c */

bool pg_is_utf8(struct pg_session *session, struct pawl_bytes text); /* 22021 */

/* last.c: currval and lastval. */

void pg_last_begin(struct pg_session *session);
bool pg_last_set(struct pg_session *session, struct pawl_bytes store, int64_t id, bool lastval);
/* NULL: this session has drawn none, or the sequence is gone. */
struct pg_last_id *pg_last_find(struct pg_session *session, struct pawl_bytes store);
struct pg_last_id *pg_last_of_all(struct pg_session *session); /* lastval's; NULL: as above */
void pg_last_forget_all(struct pg_session *session);

/* say.c */

void pg_say(struct pg_session *session, char type, struct pawl_bytes body);
void pg_say_parameter(struct pg_session *session, const char *name, const char *value);
void pg_say_error(struct pg_session *session, const char *severity, const struct sql_error *error);
/* NOTICE, WARNING …, unless client_min_messages is above it. */
void pg_say_notice(struct pg_session *session, const char *severity, const char *sqlstate,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
void pg_say_notice_of(struct pg_session *session, const struct sql_error *notice);
/* Of a simple query, whose columns are told with the first row, or at its end. */
void pg_say_shape(struct pg_session *session, struct pg_portal *portal);
void pg_say_columns(struct pg_session *session, const struct pg_portal *portal,
                    const struct sql_plan *plan);
/* false: session->error; nothing was said. */
bool pg_say_row(struct pg_session *session, struct pg_portal *portal, const struct sql_value *row);
/* For more rows: else the client is to read first what there is. */
static inline bool pg_has_room(const struct pg_session *session)
{
    return session->conn->output.size < CONN_OUTPUT_BYTES_PAUSE;
}
void pg_say_complete(struct pg_session *session, const struct pg_portal *portal);
void pg_say_ready(struct pg_session *session);
/* FATAL: nothing follows. */
void pg_die(struct pg_session *session, const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* values.c */

/* The binary form of value, which is not NULL, at to; returns its size. -1: it has none here. */
/* Binary forms take at most HEAD bytes and FACTOR times the text: four bytes of "1," in an array.
 */
enum { PG_BINARY_HEAD_BYTES = 64, PG_BINARY_FACTOR = 8 };
ptrdiff_t pg_value_binary(const struct sql_value *value, char *to);
int16_t pg_type_size(uint32_t type);

#endif
