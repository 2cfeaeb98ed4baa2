/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store etcd://: a cluster that is asked over HTTP, one call after the other for each
 * operation.
 *
 *     operation -> job (etcd.c, write.c, check.c)
 *               -> call (call.c): which member, which token -> exchange
 */
#ifndef PAWL_ETCD_H
#define PAWL_ETCD_H

#include "store/etcd/words.h"
#include "store/http.h"
#include "store/records.h"

enum {
    PAWL_ETCD_CALLS_MAX = PAWL_HTTP_CONNECTIONS_MAX, /* at once; the others wait */
    PAWL_ETCD_CALL_MS = 2500, /* etcd gives up after 7 s: ours is over before */
    PAWL_ETCD_READ_MS = 1000, /* of one member, where another can be asked as well */
    PAWL_ETCD_TOKEN_BYTES_MAX = 4096,
};

#define PAWL_ETCD_RANGE "/v3/kv/range"
#define PAWL_ETCD_TXN   "/v3/kv/txn"

struct etcd;

/* One request, and its answer from whichever member gives it. Lives inside whoever calls. */
struct etcd_call {
    const char *path; /* "/v3/kv/range" */
    const char *body; /* the caller's until done */
    size_t body_size;
    bool writes; /* it is not asked of another member if this one may have carried it out */
    bool bare;   /* call.c's own: a login */
    bool plain;  /* a GET, whose answer is no JSON */
    size_t only; /* this member, the first being 1, and no other; 0: whichever */
    void (*done)(struct etcd_call *call);

    enum pawl_op_end end; /* DONE: answer, until done returns; else error */
    bool full;            /* FAILED or UNKNOWN for want of space, and answered: it will not run */
    struct etcd_answer answer;
    pawl_error error;

    /* call.c's */
    struct etcd *etcd;
    struct pawl_http_exchange exchange;
    uint64_t queued_ns, deadline_ns;
    uint64_t revision; /* the furthest seen before it was sent */
    uint64_t backs;    /* how often the store had been seen to go back when it was called */
    bool behind;    /* the answer is from before what was seen then, or the store went back since */
    uint32_t tried; /* a bit for each member */
    size_t member;
    uint64_t token_number;
    bool logged_in; /* anew, for this call */
    struct etcd_call *next;
};

/* Oldest first. A call is in one list at most. */
struct etcd_calls {
    struct etcd_call *first;
    struct etcd_call **end;
};

struct etcd_member {
    char base[PAWL_URL_TEXT_MAX + 32]; /* "http://host:port" */
    const char *shown;                 /* "host:port", in base */
    unsigned failures;                 /* in a row */
    uint64_t rests_until_ns;           /* others are asked first */
};

enum etcd_login_state {
    ETCD_LOGIN_NEEDED,
    ETCD_LOGIN_ASKED,
    ETCD_LOGIN_HELD,
    ETCD_LOGIN_OFF, /* the cluster wants none */
};

struct etcd_login {
    enum etcd_login_state state;
    uint64_t number; /* of the token, to know whether a refused one is the latest */
    char header[PAWL_ETCD_TOKEN_BYTES_MAX + 32];
    struct etcd_call call;
    char *body;
    struct etcd_calls waiting;
};

enum etcd_meta_state {
    ETCD_META_UNSEEN,
    ETCD_META_KNOWN,
    ETCD_META_WITHOUT, /* it cannot be had, and never was by this process */
};

/* The store's branch, as last seen. */
struct etcd_meta {
    enum etcd_meta_state state;
    struct pawl_tag tag; /* also while it is unseen again: what it was */
    char value[PAWL_ETCD_META_BYTES_MAX];
    size_t value_size;
    bool back;      /* the store was seen to go back, and no other branch since */
    uint64_t backs; /* how often it was */
    bool was_without;
    uint64_t again_ns; /* WITHOUT: when it is looked for again */
};

/* A look at the branch. Lives inside whoever looks. */
struct etcd_look {
    struct pawl_tag redraw; /* in: if it is still this one, or an older one, it is drawn anew */
    void (*done)(struct etcd_look *look);
    pawl_error error; /* out: PAWL_OK: the branch is known, or never was and cannot be; PAWL_DENIED:
                       * the store is of a newer pawl, or it was known and cannot be any more */

    /* meta.c's */
    struct etcd *etcd;
    struct etcd_call call;
    char *body;
    uint64_t backs;
    unsigned draws;
    struct pawl_tag seen, drawn;
    char value[PAWL_ETCD_META_BYTES_MAX];
    size_t value_size;
};

struct etcd {
    struct pawl_driver driver;
    struct etcd_settings settings;
    uv_loop_t *loop;
    struct pawl_http *http; /* NULL before the first call */
    uint64_t random;
    bool closing, looks_only;
    bool may_write;                 /* below the prefix: a PING has found that out */
    struct etcd_calls queue;        /* not begun */
    struct etcd_calls ready, ended; /* calls_run's: to be tried, to be told */
    size_t under_way;               /* begun, and not told yet */
    bool running;                   /* calls_run is */
    uint64_t answered_ns;           /* when a member last did */
    struct etcd_member members[PAWL_URL_HOSTS_MAX];
    size_t member_count, preferred;
    struct etcd_login login;
    struct etcd_meta meta;
    uint64_t cluster_id; /* 0: none answered yet */
    uint64_t revision;   /* the furthest seen in an answer that cannot be stale */
    uint64_t stranger;   /* the id of another cluster that answered: nothing is asked any more */
};

/*
 * Sends the call to a member of the cluster when its turn comes; path, body, writes, plain and done
 * are set. done is called once, perhaps at once; the call may be sent again from it.
 */
void pawl_etcd_call(struct etcd *etcd, struct etcd_call *call);

/* Gives up what waits for a cluster that is away; when to be called next. */
uint64_t pawl_etcd_calls_turn(struct etcd *etcd);

/* Ends all calls; none may be sent from then on. */
void pawl_etcd_calls_end(struct etcd *etcd);

/* meta.c: finds out the store's branch, which it draws if there is none or a past one. done is
 * called once, perhaps at once. */
void pawl_etcd_look(struct etcd *etcd, struct etcd_look *look);
/* An answer shows that the store went back: whoever goes on looks first. */
void pawl_etcd_went_back(struct etcd *etcd);
/* PAWL_DENIED: the branch's key has what is another program's. */
pawl_err pawl_etcd_meta_foreign(const struct etcd *etcd, pawl_error *error);
struct pawl_identity pawl_etcd_identity(const struct etcd *etcd);

/* check.c: pawl store check. */
void pawl_etcd_check(struct etcd *etcd, struct pawl_op *op);

#endif
