/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the members of a cluster. One member is preferred until it fails; then the next is, and
 * the failed one rests. A call is at one member at a time, and goes to another only while it
 * certainly has done nothing.
 */
#include "store/etcd/etcd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/secure.h"

#define LIMIT_NS      (PAWL_ETCD_CALL_MS * PAWL_NS_PER_MS)
#define REST_LEAST_NS (100 * PAWL_NS_PER_MS)

enum {
    REST_DOUBLINGS_MAX = 6,
    ATTEMPT_MS_LEAST = 10, /* with less time left nothing is begun */
    URL_BYTES_MAX = sizeof((struct etcd_member *)0)->base + 64,
};

static void calls_add(struct etcd_calls *calls, struct etcd_call *call)
{
    if (calls->first == NULL) calls->end = &calls->first;
    call->next = NULL;
    *calls->end = call;
    calls->end = &call->next;
}

/* NULL: empty. */
static struct etcd_call *calls_pop(struct etcd_calls *calls)
{
    struct etcd_call *call = calls->first;

    if (call != NULL) calls->first = call->next;
    return call;
}

/* What becomes of a call is carried out by calls_run: nothing here calls itself. */

static void call_again(struct etcd_call *call)
{
    calls_add(&call->etcd->ready, call);
}

static void call_end(struct etcd_call *call, enum pawl_op_end end)
{
    call->end = end;
    calls_add(&call->etcd->ended, call);
}

/* The error is set. */
static void call_fail(struct etcd_call *call, bool may_have_run)
{
    call_end(call, call->writes && may_have_run ? PAWL_OP_UNKNOWN : PAWL_OP_FAILED);
}

static const char *shown(const struct etcd_call *call)
{
    return call->etcd->members[call->member].shown;
}

/* Members. */

static void member_failed(struct etcd *etcd, size_t index)
{
    struct etcd_member *member = &etcd->members[index];
    uint64_t now_ns = pawl_clock_ns();

    if (now_ns < member->rests_until_ns) return; /* one of several calls that it failed */
    unsigned doublings =
        member->failures < REST_DOUBLINGS_MAX ? member->failures : REST_DOUBLINGS_MAX;
    uint64_t rest_ns = REST_LEAST_NS << doublings;

    member->failures++;
    member->rests_until_ns = now_ns + rest_ns / 2 + pawl_random(&etcd->random) % (rest_ns / 2);
    if (index == etcd->preferred) etcd->preferred = (index + 1) % etcd->member_count;
}

/* The preferred one or the next after it that does not rest; if all do, the one that wakes first.
 * false: all were tried. */
static bool member_choose(struct etcd_call *call)
{
    struct etcd *etcd = call->etcd;
    uint64_t now_ns = pawl_clock_ns();
    uint64_t least_ns = PAWL_NEVER;

    for (size_t i = 0; i < etcd->member_count; i++) {
        size_t index = (etcd->preferred + i) % etcd->member_count;
        uint64_t until_ns = etcd->members[index].rests_until_ns;

        if ((call->tried & UINT32_C(1) << index) != 0) continue;
        if (call->only != 0 && call->only != index + 1) continue;
        if (until_ns < now_ns) until_ns = 0;
        if (until_ns >= least_ns) continue;
        least_ns = until_ns;
        call->member = index;
    }
    return least_ns != PAWL_NEVER;
}

/* What answers say of the cluster. */

/* false: another cluster answered. */
static bool cluster_known(struct etcd *etcd, const struct etcd_call *call)
{
    const struct etcd_answer *answer = &call->answer;

    if (etcd->cluster_id == 0) etcd->cluster_id = answer->cluster_id;
    if (etcd->cluster_id == answer->cluster_id) return true;
    if (etcd->stranger == 0) {
        pawl_log(PAWL_LOG_ERROR, "another cluster answers",
                 "store=etcd member=%s cluster=%" PRIx64 " known=%" PRIx64, shown(call),
                 answer->cluster_id, etcd->cluster_id);
    }
    etcd->stranger = answer->cluster_id;
    return false;
}

/*
 * Puts and reads are answered after all that was answered before they were sent. A lower revision
 * therefore shows a restored backup. What was on its way when that was seen shows nothing new.
 */
static void watch_revision(struct etcd *etcd, struct etcd_call *call)
{
    uint64_t revision = call->answer.revision;
    bool news = call->backs == etcd->meta.backs;

    if (strncmp(call->path, "/v3/kv/", strlen("/v3/kv/")) != 0) return;
    call->behind = revision < call->revision || !news;
    if (!news) return;
    if (call->behind) {
        pawl_log(PAWL_LOG_ERROR, "the store went back",
                 "store=etcd member=%s cluster=%" PRIx64 " revision=%" PRIu64 " seen=%" PRIu64
                 " advice=\"floors and margins keep ids apart; was a backup restored?\"",
                 shown(call), call->answer.cluster_id, revision, call->revision);
        etcd->revision = revision;
        pawl_etcd_went_back(etcd);
    } else if (revision > etcd->revision) {
        etcd->revision = revision;
    }
}

static void fail_stranger(struct etcd_call *call, bool may_have_run)
{
    const struct etcd *etcd = call->etcd;

    (void)pawl_fail(&call->error, PAWL_STORE,
                    "another etcd cluster answers under this URL (%" PRIx64 ", it was %" PRIx64
                    "): nothing more is asked of it; correct the URL, or restart if it was rebuilt "
                    "on purpose and its records are the latest",
                    etcd->stranger, etcd->cluster_id);
    call_fail(call, may_have_run);
}

/* Logging in. */

static void login_resume(struct etcd *etcd)
{
    struct etcd_call *call = NULL;

    while ((call = calls_pop(&etcd->login.waiting)) != NULL) {
        if (etcd->login.state == ETCD_LOGIN_NEEDED) {
            call->error = etcd->login.call.error;
            call_fail(call, false);
        } else {
            call_again(call);
        }
    }
}

static bool token_keep(struct etcd_login *login, const char *token)
{
    size_t size = strlen(token);

    if (size == 0 || size > PAWL_ETCD_TOKEN_BYTES_MAX ||
        !pawl_utf8_printable((struct pawl_bytes){token, size})) {
        (void)pawl_fail(&login->call.error, PAWL_STORE,
                        "etcd at %s answered a login without a token that can be meant",
                        shown(&login->call));
        return false;
    }
    (void)snprintf(login->header, sizeof login->header, "Authorization: %s", token);
    login->number++;
    return true;
}

static void login_done(struct etcd_call *call)
{
    struct etcd *etcd = call->etcd;
    struct etcd_login *login = &etcd->login;

    free(login->body);
    login->body = NULL;
    if (call->end == PAWL_OP_DONE) {
        bool kept = token_keep(login, pawl_etcd_text(call->answer.root, "token"));

        login->state = kept ? ETCD_LOGIN_HELD : ETCD_LOGIN_NEEDED;
    } else if (strstr(call->error.text, "authentication is not enabled") != NULL) {
        login->state = ETCD_LOGIN_OFF;
    } else {
        login->state = ETCD_LOGIN_NEEDED;
    }
    login_resume(etcd);
}

static void login_start(struct etcd *etcd)
{
    struct etcd_login *login = &etcd->login;
    char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    size_t size = pawl_etcd_login_write(body, &etcd->settings);

    login->state = ETCD_LOGIN_ASKED;
    login->call = (struct etcd_call){
        .path = "/v3/auth/authenticate", .body_size = size, .bare = true, .done = login_done};
    login->call.etcd = etcd;
    login->body = size > 0 ? malloc(size) : NULL;
    if (login->body == NULL) {
        (void)pawl_fail(&login->call.error, PAWL_BAD_REQUEST,
                        "etcd: user and password must be UTF-8");
        call_fail(&login->call, false);
        return;
    }
    memcpy(login->body, body, size);
    login->call.body = login->body;
    login->call.deadline_ns = pawl_clock_ns() + LIMIT_NS;
    call_again(&login->call);
}

static void login_wait(struct etcd_call *call)
{
    struct etcd_login *login = &call->etcd->login;

    calls_add(&login->waiting, call);
    if (login->state == ETCD_LOGIN_NEEDED) login_start(call->etcd);
}

/* A token was refused, or there was none: one new one for each call. */
static void login_anew(struct etcd_call *call)
{
    struct etcd_login *login = &call->etcd->login;

    call->logged_in = true;
    call->tried &= ~(UINT32_C(1) << call->member);
    if (login->state != ETCD_LOGIN_ASKED && call->token_number == login->number) {
        login->state = ETCD_LOGIN_NEEDED;
    }
    call_again(call);
}

/* Exchanges. */

/* Not answered: by another member then, if it can have done nothing. */
static void call_lost(struct etcd_call *call)
{
    const struct pawl_http_exchange *exchange = &call->exchange;
    struct etcd *etcd = call->etcd;
    bool sent = exchange->end == PAWL_HTTP_CUT;

    member_failed(etcd, call->member);
    const char *hint = "";

    /* A server that wants TLS ends the connection; one that is silent is away. */
    if (etcd->answered_ns == 0 && sent && !etcd->settings.tls &&
        strstr(exchange->error, "timed out") == NULL) {
        hint = "; if it wants TLS, the URL begins with etcds://";
    } else if (etcd->answered_ns == 0 && exchange->bare) {
        hint = PAWL_SECURE_HINT("etcd://");
    }
    (void)pawl_fail(&call->error, PAWL_STORE, "etcd at %s %s: %s%s", shown(call),
                    sent ? "gave no answer" : "cannot be reached", exchange->error, hint);
    if (sent && call->writes) {
        call_fail(call, true);
    } else {
        call_again(call);
    }
}

static void call_refused(struct etcd_call *call)
{
    struct etcd_verdict verdict;

    pawl_etcd_judge(&verdict, call->exchange.status, &call->answer);
    (void)pawl_fail(&call->error, verdict.code, "etcd at %s: %s%s%s", shown(call), verdict.says,
                    verdict.advice != NULL ? "; " : "",
                    verdict.advice != NULL ? verdict.advice : "");
    call->full = verdict.way == PAWL_ETCD_FULL;
    if (verdict.way == PAWL_ETCD_ELSEWHERE) {
        member_failed(call->etcd, call->member);
        if (!verdict.may_have_run || !call->writes) {
            call_again(call);
            return;
        }
    }
    if (verdict.way == PAWL_ETCD_LOGIN && call->etcd->settings.url.has_user && !call->bare &&
        !call->logged_in) {
        login_anew(call);
        return;
    }
    call_fail(call, verdict.may_have_run);
}

static void call_answered(struct etcd_call *call)
{
    struct etcd *etcd = call->etcd;

    if (call->answer.has_header && !cluster_known(etcd, call)) {
        fail_stranger(call, true);
        return;
    }
    if (call->exchange.status != 200) {
        call_refused(call);
        return;
    }
    if (!call->plain && !call->answer.has_header) {
        (void)pawl_fail(&call->error, PAWL_STORE, "%s answers, but not as etcd does", shown(call));
        call_fail(call, true);
        return;
    }
    if (!call->plain) watch_revision(etcd, call);
    etcd->members[call->member].failures = 0;
    etcd->members[call->member].rests_until_ns = 0;
    call_end(call, PAWL_OP_DONE);
}

static void calls_run(struct etcd *etcd);

static void exchange_done(struct pawl_http_exchange *exchange)
{
    struct etcd_call *call = PAWL_OWNER(exchange, struct etcd_call, exchange);

    struct etcd *etcd = call->etcd;
    struct etcd_answer answer = {.body = exchange->answer};

    if (exchange->end == PAWL_HTTP_ANSWERED) {
        etcd->answered_ns = pawl_clock_ns();
        if (!call->plain || exchange->status != 200) {
            pawl_etcd_answer_read(&answer, exchange->answer);
        }
        call->answer = answer;
        call_answered(call);
    } else {
        call_lost(call);
    }
    calls_run(etcd); /* after which the call may be gone; the answer lasts until here */
    pawl_etcd_answer_free(&answer);
}

static void call_send(struct etcd_call *call, uint64_t left_ms)
{
    struct etcd *etcd = call->etcd;
    struct pawl_http_exchange *exchange = &call->exchange;
    bool bare = call->bare || etcd->login.state != ETCD_LOGIN_HELD;
    char url[URL_BYTES_MAX];

    call->tried |= UINT32_C(1) << call->member;
    call->revision = etcd->revision;
    call->token_number = etcd->login.number;
    (void)snprintf(url, sizeof url, "%s%s", etcd->members[call->member].base, call->path);
    if (!call->writes && etcd->member_count > 1 && left_ms > PAWL_ETCD_READ_MS) {
        left_ms = PAWL_ETCD_READ_MS;
    }
    *exchange = (struct pawl_http_exchange){
        .method = call->plain ? "GET" : "POST",
        .url = url,
        .headers = {"Content-Type: application/json", bare ? NULL : etcd->login.header},
        .body = {call->body, call->body_size},
        .timeout_ms = left_ms,
        .resend = !call->writes,
        .done = exchange_done,
    };
    pawl_http_send(etcd->http, exchange);
}

/* false: error says why. */
static bool http_ready(struct etcd *etcd, pawl_error *error)
{
    struct pawl_http_settings settings = {
        .loop = etcd->loop,
        .verify = etcd->settings.verify,
        .ca_file = etcd->settings.ca_file,
        .cert_file = etcd->settings.cert_file,
        .key_file = etcd->settings.key_file,
    };

    if (etcd->http == NULL) etcd->http = pawl_http_new(&settings, error);
    return etcd->http != NULL;
}

/* Sends it to the next member, or ends it: its error says what the last one did. */
static void call_try(struct etcd_call *call)
{
    struct etcd *etcd = call->etcd;
    uint64_t now_ns = pawl_clock_ns();
    uint64_t left_ms =
        call->deadline_ns > now_ns ? (call->deadline_ns - now_ns) / PAWL_NS_PER_MS : 0;

    if (etcd->closing) {
        (void)pawl_fail(&call->error, PAWL_CLOSED, "the store is being closed");
        call_fail(call, false);
        return;
    }
    if (etcd->stranger != 0) {
        fail_stranger(call, false);
        return;
    }
    if (!http_ready(etcd, &call->error)) {
        call_fail(call, false);
        return;
    }
    if (!call->bare && etcd->settings.url.has_user && etcd->login.state <= ETCD_LOGIN_ASKED) {
        login_wait(call);
        return;
    }
    if (left_ms < ATTEMPT_MS_LEAST || !member_choose(call)) {
        if (call->error.code == PAWL_OK) {
            (void)pawl_fail(&call->error, PAWL_STORE, "etcd: no time was left to ask");
        }
        call_fail(call, false);
        return;
    }
    call_send(call, left_ms);
}

static void call_over(struct etcd_call *call)
{
    if (!call->bare) call->etcd->under_way--;
    call->done(call); /* after which it may be gone, or waits again */
}

/* Until nothing is left to be done at once. */
static void calls_run(struct etcd *etcd)
{
    if (etcd->running) return;
    etcd->running = true;
    for (;;) {
        struct etcd_call *call = NULL;

        if ((call = calls_pop(&etcd->ended)) != NULL) {
            call_over(call);
        } else if ((call = calls_pop(&etcd->ready)) != NULL) {
            call_try(call);
        } else if (etcd->under_way < PAWL_ETCD_CALLS_MAX &&
                   (call = calls_pop(&etcd->queue)) != NULL) {
            etcd->under_way++;
            call->deadline_ns = pawl_clock_ns() + LIMIT_NS;
            call_try(call);
        } else {
            break;
        }
    }
    etcd->running = false;
}

void pawl_etcd_call(struct etcd *etcd, struct etcd_call *call)
{
    call->etcd = etcd;
    call->tried = 0;
    call->logged_in = false;
    call->full = call->behind = false;
    call->backs = etcd->meta.backs;
    call->answer = (struct etcd_answer){.root = NULL};
    call->error = (pawl_error){.code = PAWL_OK};
    call->queued_ns = pawl_clock_ns();
    calls_add(&etcd->queue, call);
    calls_run(etcd);
}

/* The cluster is away, and this one has waited for longer than a call may take. */
static uint64_t gives_up_ns(const struct etcd *etcd, const struct etcd_call *call)
{
    uint64_t since_ns = call->queued_ns > etcd->answered_ns ? call->queued_ns : etcd->answered_ns;

    return since_ns + LIMIT_NS;
}

uint64_t pawl_etcd_calls_turn(struct etcd *etcd)
{
    uint64_t now_ns = pawl_clock_ns();

    while (etcd->queue.first != NULL && gives_up_ns(etcd, etcd->queue.first) <= now_ns) {
        struct etcd_call *call = calls_pop(&etcd->queue);

        etcd->under_way++;
        (void)pawl_fail(&call->error, PAWL_STORE, "etcd does not answer what was asked before");
        call_fail(call, false);
    }
    calls_run(etcd);
    return etcd->queue.first != NULL ? gives_up_ns(etcd, etcd->queue.first) : PAWL_NEVER;
}

void pawl_etcd_calls_end(struct etcd *etcd)
{
    etcd->closing = true;
    pawl_http_free(etcd->http);
    etcd->http = NULL;
    calls_run(etcd); /* which ends those that waited */
}
