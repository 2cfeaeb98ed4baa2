/* SPDX-License-Identifier: Apache-2.0 */
#include "client/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client/reply.h"
#include "client/request.h"
#include "wire/resp.h"

enum {
    OUTPUT_BYTES = 16 * 1024,
    INPUT_BYTES_MIN = 4 * 1024,
    ADDRESS_BYTES = 272,
    DENIED_BYTES = 400, /* with the address it fits an error's text */
    SAID_SHOWN_MAX = 120,
};

_Static_assert((int)OUTPUT_BYTES >= (int)PAWL_REQUEST_BYTES_MAX, "a request fits the output");

enum remote_state { REMOTE_APART, REMOTE_DIALLING, REMOTE_GREETING, REMOTE_OPEN };

struct pawl_remote {
    struct pawl_source source;
    struct pawl_link link;
    struct pawl_remote_settings settings;
    enum remote_state state;
    uint64_t connection; /* number of the last that was opened */
    uint64_t luck;       /* for jitter */
    uint64_t dialled_ns; /* when the present dialling began, with the login */
    struct pawl_login login;
    char denied[DENIED_BYTES]; /* why the last login was refused; "": it was not */
    uint32_t failures;         /* in a row, since the last reply */
    bool retry_unknown;        /* it failed outside a turn: the next turn sets retry_ns */
    uint64_t retry_ns;         /* not dialled before then */
    struct pawl_asks queued;   /* not sent */
    struct pawl_asks refused;  /* RETURNs that came without a connection */
    struct pawl_asks sent;     /* unanswered, oldest first */
    uint64_t sent_count;       /* of all times: its n-th ask was sent at sent_ns[n % MAX] */
    uint64_t answered_count;
    uint64_t
        sent_ns[PAWL_REMOTE_PIPELINE_MAX]; /* 0: sent outside a turn, which the next one sets */
    uint64_t sent_unknown;                 /* the first of those, as sent_count counts */
    char *input;
    size_t input_size, input_room;
    char address[ADDRESS_BYTES];
    char host[PAWL_REMOTE_HOST_BYTES_MAX + 1];
    uint16_t port;
};

static struct pawl_remote *of_source(struct pawl_source *source)
{
    return PAWL_OWNER(source, struct pawl_remote, source);
}

static struct pawl_asks take_all(struct pawl_asks *asks)
{
    struct pawl_asks all = {.first = NULL};
    struct pawl_ask *ask;

    while ((ask = pawl_asks_pop(asks)) != NULL) {
        pawl_asks_add(&all, ask);
    }
    return all;
}

static void wake(struct pawl_remote *remote)
{
    if (remote->settings.wake != NULL) remote->settings.wake(remote->settings.arg);
}

/* How an ask ends whose request may have reached the server. */
static void end_sent(struct pawl_remote *remote, struct pawl_ask *ask, const char *reason)
{
    switch (ask->kind) {
    case PAWL_ASK_TAKE:
    case PAWL_ASK_NEXT:
        ask->burned = ask->count;
        pawl_ask_fail(ask, PAWL_LOST, "%s: %s before the answer came", remote->address, reason);
        return;
    case PAWL_ASK_CREATE:
    case PAWL_ASK_ALTER:
    case PAWL_ASK_SET:
    case PAWL_ASK_DROP:
    case PAWL_ASK_RENAME:
    case PAWL_ASK_FENCE:
        pawl_ask_fail(ask, PAWL_UNKNOWN,
                      "%s: %s before the answer came: look whether the change was made",
                      remote->address, reason);
        return;
    case PAWL_ASK_RETURN:
        pawl_ask_fail(ask, PAWL_NOT_KEPT, "%s: %s before the answer came", remote->address, reason);
        return;
    case PAWL_ASK_READ:
    case PAWL_ASK_LIST:
    case PAWL_ASK_PING:
    case PAWL_ASK_OPEN:
    case PAWL_ASK_WAIT:
    case PAWL_ASK_UNREAD:
    case PAWL_ASK_LEAVE:
    case PAWL_ASK_ARRIVE:
    case PAWL_ASK_RESTORE:
    case PAWL_ASK_INIT:
    case PAWL_ASK_CHECK:
    case PAWL_ASK_REDRAW:
        break;
    }
    pawl_ask_fail(ask, PAWL_BUSY, "%s: %s before the answer came", remote->address, reason);
}

static void end_queued(struct pawl_remote *remote, struct pawl_ask *ask, const char *reason)
{
    bool returns = ask->kind == PAWL_ASK_RETURN;

    if (remote->denied[0] != '\0' && !returns) {
        pawl_ask_fail(ask, PAWL_DENIED, "%s", remote->denied);
        return;
    }
    pawl_ask_fail(ask, returns ? PAWL_NOT_KEPT : PAWL_BUSY, "%s: %s", remote->address, reason);
}

/* Half to the whole of a time that doubles with each failure. */
static uint64_t back_off_ns(struct pawl_remote *remote)
{
    uint64_t most = remote->settings.retry_most_ns;
    uint64_t pause = remote->settings.retry_least_ns;

    for (uint32_t i = 1; i < remote->failures && pause < most; i++) {
        pause *= 2;
    }
    if (pause > most) pause = most;
    return pause - pawl_random(&remote->luck) % (pause / 2 + 1);
}

/* The connection, or the attempt at one, is over: the one way there. Ends all that hangs on it. */
static void go_apart(struct pawl_remote *remote, const char *reason)
{
    struct pawl_asks sent = take_all(&remote->sent);
    struct pawl_asks queued = take_all(&remote->queued);
    struct pawl_ask *ask;

    /* Once is news, and a failed try every two seconds is not. */
    pawl_log(remote->failures == 0 ? PAWL_LOG_WARN : PAWL_LOG_DEBUG, "server away",
             "server=%s reason=\"%s\"", remote->address, reason);
    remote->state = REMOTE_APART;
    remote->failures += remote->failures < UINT32_MAX;
    remote->retry_unknown = true;
    remote->input_size = 0;
    remote->answered_count = remote->sent_count;
    remote->sent_unknown = remote->sent_count;
    while ((ask = pawl_asks_pop(&sent)) != NULL) {
        end_sent(remote, ask, reason);
    }
    while ((ask = pawl_asks_pop(&queued)) != NULL) {
        end_queued(remote, ask, reason);
    }
    wake(remote);
}

static void give_up(struct pawl_remote *remote, const char *reason)
{
    remote->link.net->ops->close(&remote->link);
    go_apart(remote, reason);
}

static void flush(struct pawl_remote *remote, const char *output, size_t *size)
{
    if (*size == 0) return;
    remote->link.net->ops->send(&remote->link, (struct pawl_bytes){output, *size});
    *size = 0;
}

/* Sends what is queued, many in one go. now_ns 0: outside a turn, the time is not known. */
static void send_queued(struct pawl_remote *remote, uint64_t now_ns)
{
    char output[OUTPUT_BYTES];
    size_t size = 0;

    while (remote->queued.first != NULL &&
           remote->sent_count - remote->answered_count < PAWL_REMOTE_PIPELINE_MAX) {
        struct pawl_ask *ask = pawl_asks_pop(&remote->queued);
        if (OUTPUT_BYTES - size < PAWL_REQUEST_BYTES_MAX) flush(remote, output, &size);
        size_t wrote = pawl_request_write(ask, output + size);

        if (wrote == 0) {
            pawl_ask_fail(ask, PAWL_LIMIT, "%s: a name or pattern in the request is too long",
                          remote->address);
            continue;
        }
        size += wrote;
        pawl_asks_add(&remote->sent, ask);
        remote->sent_ns[remote->sent_count++ % PAWL_REMOTE_PIPELINE_MAX] = now_ns;
        if (now_ns != 0) remote->sent_unknown = remote->sent_count;
    }
    flush(remote, output, &size);
}

static void open_up(struct pawl_remote *remote)
{
    remote->state = REMOTE_OPEN;
    remote->connection++;
    pawl_log(PAWL_LOG_INFO, "server connected", "server=%s", remote->address);
    send_queued(remote, 0);
    wake(remote);
}

static void send_login(struct pawl_remote *remote)
{
    const struct pawl_bytes words[] = {
        PAWL_BYTES("AUTH"),
        {remote->login.user, strlen(remote->login.user)},
        {remote->login.password, strlen(remote->login.password)},
    };
    char request[sizeof remote->login + (PAWL_COUNT(words) + 1) * (PAWL_RESP_LINE_BYTES_MAX + 2)];
    size_t size = pawl_resp_write_array(request, PAWL_COUNT(words));

    for (size_t i = 0; i < PAWL_COUNT(words); i++) {
        size += pawl_resp_write_bulk(request + size, words[i]);
    }
    flush(remote, request, &size);
    explicit_bzero(request, sizeof request);
}

static void link_opened(struct pawl_link *link)
{
    struct pawl_remote *remote = PAWL_OWNER(link, struct pawl_remote, link);

    PAWL_ASSERT(remote->state == REMOTE_DIALLING);
    if (remote->login.user[0] == '\0') {
        open_up(remote);
        return;
    }
    remote->state = REMOTE_GREETING;
    send_login(remote);
}

static const char *refuse_login(struct pawl_remote *remote, struct pawl_bytes said)
{
    if (pawl_bytes_begin(said, PAWL_BYTES("ERR max number of clients"))) {
        return "it has too many clients";
    }
    if (pawl_bytes_begin(said, PAWL_BYTES("WRONGPASS"))) {
        (void)snprintf(remote->denied, sizeof remote->denied,
                       "%.200s: wrong user or password, for user \"%s\": correct them in the URL "
                       "(pawl://user:password@host) or in PAWL_PASSWORD",
                       remote->address, remote->login.user);
    } else {
        (void)snprintf(remote->denied, sizeof remote->denied,
                       "%.200s: it does not let us log in: %.*s", remote->address,
                       said.size < SAID_SHOWN_MAX ? (int)said.size : SAID_SHOWN_MAX, said.at);
    }
    return "it refuses the login";
}

/* The answer to the login. Returns why the connection must end, or NULL. */
static const char *read_greeting(struct pawl_remote *remote)
{
    struct pawl_resp_value value = {.type = PAWL_RESP_NULL};
    struct pawl_resp_reply reply = {.values = &value, .value_max = 1};
    struct pawl_bytes bytes = {remote->input, remote->input_size};
    ptrdiff_t took = pawl_resp_parse_reply(bytes, &reply);

    if (took == 0 && remote->input_size <= PAWL_RESP_REPLY_LINE_BYTES_MAX) return NULL;
    if (took > 0 && value.type == PAWL_RESP_ERROR) return refuse_login(remote, value.text);
    if (took <= 0 || value.type != PAWL_RESP_SIMPLE) return "it answered the login with no RESP";
    remote->input_size -= (size_t)took;
    memmove(remote->input, remote->input + took, remote->input_size);
    open_up(remote);
    return NULL;
}

static bool keep_input(struct pawl_remote *remote, struct pawl_bytes bytes)
{
    size_t need = remote->input_size + bytes.size;

    if (need > remote->input_room) {
        size_t room = remote->input_room < INPUT_BYTES_MIN ? INPUT_BYTES_MIN : remote->input_room;

        while (room < need) {
            room *= 2;
        }
        char *input = room > PAWL_REMOTE_INPUT_BYTES_MAX ? NULL : realloc(remote->input, room);
        if (input == NULL) return false;
        remote->input = input;
        remote->input_room = room;
    }
    memcpy(remote->input + remote->input_size, bytes.at, bytes.size);
    remote->input_size = need;
    return true;
}

/* Answers what whole replies there are. Returns why the connection must end, or NULL. */
static const char *read_replies(struct pawl_remote *remote)
{
    const char *why = NULL;
    size_t used = 0;

    while (used < remote->input_size) {
        struct pawl_bytes rest = {remote->input + used, remote->input_size - used};
        struct pawl_ask *ask = remote->sent.first;

        if (ask == NULL) {
            why = "it sent a reply that nobody had asked for";
            break;
        }
        ptrdiff_t took = pawl_reply_read(rest, ask, &why);
        if (took <= 0) break;
        used += (size_t)took;
        (void)pawl_asks_pop(&remote->sent);
        remote->answered_count++;
        if (remote->sent_unknown < remote->answered_count) {
            remote->sent_unknown = remote->answered_count;
        }
        remote->failures = 0;
        bool forgotten =
            remote->login.user[0] != '\0' && pawl_bytes_begin(rest, PAWL_BYTES("-NOAUTH"));
        pawl_ask_answer(ask);
        if (forgotten) {
            why = "it wants another login";
            break;
        }
    }
    remote->input_size -= used;
    if (used > 0) memmove(remote->input, remote->input + used, remote->input_size);
    if (why == NULL && remote->input_size > PAWL_REMOTE_REPLY_BYTES_MAX) {
        why = "its reply is endless";
    }
    return why;
}

static void link_received(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct pawl_remote *remote = PAWL_OWNER(link, struct pawl_remote, link);
    const char *why = keep_input(remote, bytes) ? NULL : "no memory for its reply";

    if (why == NULL && remote->state == REMOTE_GREETING) why = read_greeting(remote);
    if (why == NULL && remote->state == REMOTE_OPEN) why = read_replies(remote);
    if (why != NULL) {
        give_up(remote, why);
    } else if (remote->queued.first != NULL) {
        wake(remote);
    }
}

static void link_closed(struct pawl_link *link, const char *reason)
{
    go_apart(PAWL_OWNER(link, struct pawl_remote, link), reason);
}

static const struct pawl_link_events link_events = {
    .opened = link_opened,
    .received = link_received,
    .closed = link_closed,
};

static void remote_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct pawl_remote *remote = of_source(self);
    bool adrift = ask->kind == PAWL_ASK_RETURN && remote->state != REMOTE_OPEN;

    pawl_asks_add(adrift ? &remote->refused : &remote->queued, ask);
    wake(remote);
}

/* Gives times to what happened outside of turns. */
static void catch_up(struct pawl_remote *remote, uint64_t now_ns)
{
    for (; remote->sent_unknown < remote->sent_count; remote->sent_unknown++) {
        remote->sent_ns[remote->sent_unknown % PAWL_REMOTE_PIPELINE_MAX] = now_ns;
    }
    if (remote->retry_unknown) {
        remote->retry_unknown = false;
        remote->retry_ns = now_ns + back_off_ns(remote);
    }
}

/* When the present exchange or attempt must have ended. */
static uint64_t deadline_ns(const struct pawl_remote *remote)
{
    if (remote->state == REMOTE_DIALLING || remote->state == REMOTE_GREETING) {
        return remote->dialled_ns + remote->settings.exchange_ns;
    }
    if (remote->sent.first == NULL) return PAWL_NEVER;
    return remote->sent_ns[remote->answered_count % PAWL_REMOTE_PIPELINE_MAX] +
           remote->settings.exchange_ns;
}

/* Ends queued asks whose own time is over; returns when the next one's is. */
static uint64_t expire_queued(struct pawl_remote *remote, uint64_t now_ns)
{
    struct pawl_asks all = take_all(&remote->queued);
    uint64_t next_ns = PAWL_NEVER;
    struct pawl_ask *ask;

    while ((ask = pawl_asks_pop(&all)) != NULL) {
        if (ask->deadline_ns != 0 && ask->deadline_ns <= now_ns) {
            pawl_ask_fail(ask, PAWL_TIMEOUT, "%s: not reached in time", remote->address);
            continue;
        }
        if (ask->deadline_ns != 0 && ask->deadline_ns < next_ns) next_ns = ask->deadline_ns;
        pawl_asks_add(&remote->queued, ask);
    }
    return next_ns;
}

static void refuse_queued(struct pawl_remote *remote)
{
    struct pawl_asks queued = take_all(&remote->queued);
    struct pawl_ask *ask;

    while ((ask = pawl_asks_pop(&queued)) != NULL) {
        end_queued(remote, ask, "it could not be reached a moment ago");
    }
}

static void dial(struct pawl_remote *remote, uint64_t now_ns)
{
    remote->state = REMOTE_DIALLING;
    remote->denied[0] = '\0';
    remote->dialled_ns = now_ns;
    remote->link.net->ops->dial(&remote->link, remote->host, remote->port);
}

static uint64_t remote_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct pawl_remote *remote = of_source(self);
    struct pawl_asks refused = take_all(&remote->refused);
    struct pawl_ask *ask;

    catch_up(remote, now_ns);
    while ((ask = pawl_asks_pop(&refused)) != NULL) {
        end_queued(remote, ask, "not the connection of that lease");
    }
    if (now_ns >= deadline_ns(remote)) {
        give_up(remote, remote->state == REMOTE_OPEN ? "the exchange deadline passed"
                                                     : "no connection within the deadline");
        catch_up(remote, now_ns);
    }
    if (remote->state == REMOTE_OPEN) send_queued(remote, now_ns);
    if (remote->state == REMOTE_APART && remote->queued.first != NULL) {
        if (now_ns >= remote->retry_ns) {
            dial(remote, now_ns);
        } else {
            refuse_queued(remote);
        }
    }
    uint64_t next_ns = expire_queued(remote, now_ns);
    uint64_t end_ns = deadline_ns(remote);

    if (remote->refused.first != NULL) return now_ns;
    if (remote->state == REMOTE_APART && remote->queued.first != NULL) return now_ns;
    return next_ns < end_ns ? next_ns : end_ns;
}

static void remote_close(struct pawl_source *self)
{
    struct pawl_remote *remote = of_source(self);
    struct pawl_asks sent = take_all(&remote->sent);
    struct pawl_asks queued = take_all(&remote->queued);
    struct pawl_asks refused = take_all(&remote->refused);
    struct pawl_ask *ask;

    if (remote->state != REMOTE_APART) remote->link.net->ops->close(&remote->link);
    remote->state = REMOTE_APART;
    while ((ask = pawl_asks_pop(&sent)) != NULL) {
        end_sent(remote, ask, "the client was closed");
    }
    while ((ask = pawl_asks_pop(&queued)) != NULL) {
        pawl_ask_fail(ask, PAWL_CLOSED, "%s: the client was closed", remote->address);
    }
    while ((ask = pawl_asks_pop(&refused)) != NULL) {
        end_queued(remote, ask, "the client was closed");
    }
    explicit_bzero(&remote->login, sizeof remote->login);
    free(remote->input);
    free(remote);
}

static const struct pawl_source_ops remote_ops = {
    .scheme = "pawl",
    .ask = remote_ask,
    .turn = remote_turn,
    .close = remote_close,
};

struct pawl_remote *pawl_remote_new(struct pawl_net *net, const char *host, uint16_t port,
                                    const struct pawl_remote_settings *settings)
{
    struct pawl_remote *remote = calloc(1, sizeof *remote);
    bool literal = strchr(host, ':') != NULL;

    if (remote == NULL) return NULL;
    PAWL_ASSERT(strlen(host) <= PAWL_REMOTE_HOST_BYTES_MAX);
    remote->source.ops = &remote_ops;
    remote->link = (struct pawl_link){.net = net, .events = &link_events};
    remote->settings = *settings;
    remote->settings.login = NULL;
    if (settings->login != NULL) remote->login = *settings->login;
    if (remote->settings.exchange_ns == 0) remote->settings.exchange_ns = 5 * PAWL_NS_PER_S;
    if (remote->settings.retry_least_ns == 0) remote->settings.retry_least_ns = 10 * PAWL_NS_PER_MS;
    if (remote->settings.retry_most_ns == 0) remote->settings.retry_most_ns = 2 * PAWL_NS_PER_S;
    remote->luck = settings->seed;
    (void)snprintf(remote->host, sizeof remote->host, "%s", host);
    (void)snprintf(remote->address, sizeof remote->address, literal ? "[%s]:%u" : "%s:%u", host,
                   (unsigned)port);
    remote->port = port;
    return remote;
}

struct pawl_source *pawl_remote_source(struct pawl_remote *remote)
{
    return &remote->source;
}

uint64_t pawl_remote_connection(const struct pawl_remote *remote)
{
    return remote->state == REMOTE_OPEN ? remote->connection : 0;
}

uint64_t pawl_remote_retry_ns(const struct pawl_remote *remote)
{
    return remote->retry_ns;
}

const char *pawl_remote_address(const struct pawl_remote *remote)
{
    return remote->address;
}
