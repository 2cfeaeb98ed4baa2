/* SPDX-License-Identifier: Apache-2.0 */
#include "client/care.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/folder.h"
#include "store/guard_url.h"

/* How long to wait for libuv to let go of what closed stores had. */
enum { LEAVE_MS = 1000 };

enum { DELAY_DOUBLINGS_MAX = 6 };

static const char lmdb_scheme[] = "lmdb:";

enum { LMDB_SCHEME_SIZE = sizeof lmdb_scheme - 1 };

struct pawl_care *pawl_care_new(pawl_error *error)
{
    struct pawl_care *care = calloc(1, sizeof *care);
    int status = care == NULL ? UV_ENOMEM : uv_loop_init(&care->loop);

    if (status != 0) {
        free(care);
        (void)pawl_fail(error, PAWL_BUSY, "cannot make an event loop: %s", uv_strerror(status));
        return NULL;
    }
    pawl_pump_init(&care->pump, &care->loop);
    (void)uv_timer_init(&care->loop, &care->timer);
    pawl_uv_net_init(&care->net, &care->loop);
    return care;
}

static void left_late(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

void pawl_care_free(struct pawl_care *care)
{
    if (care == NULL) return;
    for (size_t i = 0; i < care->store_count; i++) {
        care->stores[i]->ops->close(care->stores[i]);
    }
    pawl_pump_close(&care->pump);
    uv_unref((uv_handle_t *)&care->timer); /* the loop runs for what the stores had only */
    uv_update_time(&care->loop);           /* closing may have taken long */
    (void)uv_timer_start(&care->timer, left_late, LEAVE_MS, 0);
    (void)uv_run(&care->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&care->timer, NULL);
    (void)uv_run(&care->loop, UV_RUN_NOWAIT);
    if (uv_loop_close(&care->loop) == 0) free(care); /* else libuv still resolves a name for it */
}

static bool is_lmdb(const char *url)
{
    return strncmp(url, lmdb_scheme, LMDB_SCHEME_SIZE) == 0;
}

static pawl_err check_exists(const char *url, pawl_error *error)
{
    struct pawl_guard_url guard;
    char path[PATH_MAX];

    if (pawl_guard_url_read(&guard, url, error) != PAWL_OK) return PAWL_BAD_REQUEST;
    if (strchr(guard.store, '?') != NULL) return PAWL_OK;      /* opening it says what is wrong */
    if (guard.store[LMDB_SCHEME_SIZE] == '\0') return PAWL_OK; /* likewise */
    int size = snprintf(path, sizeof path, "%s/data.mdb", guard.store + LMDB_SCHEME_SIZE);

    if (size > 0 && (size_t)size < sizeof path && access(path, F_OK) == 0) return PAWL_OK;
    return pawl_fail(error, errno == EACCES ? PAWL_DENIED : PAWL_MISSING,
                     "%.300s holds no store; give the folder of one, or make "
                     "one: pawl store init %.100s",
                     guard.store, guard.store);
}

static void answered(struct pawl_ask *ask)
{
    (void)ask;
}

static pawl_err open_as(struct pawl_care *care, const char *url, bool looks_only,
                        struct pawl_source **store, pawl_error *error)
{
    PAWL_ASSERT(care->store_count < PAWL_CARE_STORES_MAX);
    struct pawl_store_options options = {
        .loop = &care->loop,
        .net = &care->net.net,
        .refill_interval_ns = 30 * PAWL_NS_PER_S,
        .looks_only = looks_only,
    };

    if (strncmp(url, "pawl:", 5) == 0) {
        char where[PAWL_CARE_WHERE_MAX];

        pawl_care_where(url, where);
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "%.300s names a server: give the URL of its store", where);
    }
    pawl_entropy(&options.seed, sizeof options.seed);
    pawl_err err = pawl_store_open(url, &options, store, error);

    if (err != PAWL_OK) return err;
    pawl_care_where(url, care->wheres[care->store_count]);
    care->stores[care->store_count++] = *store;
    return PAWL_OK;
}

pawl_err pawl_care_open(struct pawl_care *care, const char *url, bool exists,
                        struct pawl_source **store, pawl_error *error)
{
    pawl_err err = PAWL_OK;

    if (exists && is_lmdb(url)) err = check_exists(url, error);

    return err == PAWL_OK ? open_as(care, url, false, store, error) : err;
}

/* A folder that could be made: its parent is there. */
static pawl_err check_parent(const char *folder, pawl_error *error)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s", folder);

    while (size > 1 && path[size - 1] == '/') {
        path[--size] = '\0';
    }
    if (size > 0 && (size_t)size < sizeof path &&
        (access(path, W_OK) == 0 || (errno == ENOENT && access(dirname(path), W_OK) == 0))) {
        return PAWL_OK;
    }
    return pawl_fail(error, pawl_folder_code(errno),
                     "cannot make the folder %.300s: %s; give one whose parent exists and can be "
                     "written",
                     folder, strerrordesc_np(errno));
}

pawl_err pawl_care_open_dry(struct pawl_care *care, const char *url, struct pawl_source **store,
                            pawl_error *error)
{
    struct pawl_guard_url guard;
    pawl_err err = pawl_guard_url_read(&guard, url, error); /* whose folder is made as well */

    if (err != PAWL_OK) return err;
    const char *folder = guard.store + LMDB_SCHEME_SIZE;

    if (!is_lmdb(guard.store) || check_exists(guard.store, NULL) != PAWL_MISSING ||
        *folder == '\0' || strncmp(folder, "//", 2) == 0) {
        return open_as(care, guard.store, true, store, error);
    }
    err = check_parent(folder, error);
    return err == PAWL_OK ? open_as(care, "memory:", true, store, error) : err;
}

void pawl_care_ask(struct pawl_care *care, struct pawl_source *store, struct pawl_ask *ask)
{
    care->asked = true;
    pawl_source_ask(store, ask);
}

static uint64_t turn(void *arg)
{
    struct pawl_care *care = arg;
    uint64_t next_ns = PAWL_NEVER;

    care->asked = false;
    for (size_t i = 0; i < care->store_count; i++) {
        struct pawl_source *store = care->stores[i];

        PAWL_ASSERT(store != NULL);
        uint64_t wish_ns = store->ops->turn(store, pawl_clock_ns());

        if (wish_ns < next_ns) next_ns = wish_ns;
    }
    uint64_t step_ns = care->step(care->arg);

    if (step_ns == PAWL_PUMP_OVER) return PAWL_PUMP_OVER;
    if (care->asked) return pawl_clock_ns();
    return step_ns < next_ns ? step_ns : next_ns;
}

void pawl_care_loop(struct pawl_care *care, pawl_pump_turn *step, void *arg)
{
    care->step = step;
    care->arg = arg;
    pawl_pump_run(&care->pump, turn, care);
}

struct one_ask {
    const struct pawl_ask *ask;
    uint64_t until_ns;
};

static uint64_t until_answered(void *arg)
{
    const struct one_ask *one = arg;

    if (!one->ask->pending || pawl_clock_ns() >= one->until_ns) return PAWL_PUMP_OVER;
    return one->until_ns;
}

pawl_err pawl_care_run(struct pawl_care *care, struct pawl_source *store, struct pawl_ask *ask,
                       uint64_t timeout_ns)
{
    struct one_ask one = {.ask = ask, .until_ns = pawl_clock_ns() + timeout_ns};

    ask->done = answered;
    pawl_care_ask(care, store, ask);
    pawl_care_loop(care, until_answered, &one);
    return ask->pending ? PAWL_TIMEOUT : ask->error.code;
}

bool pawl_care_is_passing(pawl_err err)
{
    pawl_advice advice = pawl_err_advice(err);

    if (err == PAWL_MISSING) return false; /* until a person makes it */
    return advice == PAWL_ADVICE_AGAIN || advice == PAWL_ADVICE_WAIT;
}

bool pawl_retry_later(struct pawl_retry **waiting, struct pawl_retry *retry, uint64_t timeout_ns)
{
    uint64_t now_ns = pawl_clock_ns();
    unsigned doublings = retry->tries < DELAY_DOUBLINGS_MAX ? retry->tries : DELAY_DOUBLINGS_MAX;

    if (now_ns - retry->begun_ns >= timeout_ns) return false;
    retry->tries++;
    retry->due_ns = now_ns + (PAWL_CARE_DELAY_NS << doublings);
    retry->next = *waiting;
    *waiting = retry;
    return true;
}

uint64_t pawl_retry_due(struct pawl_retry **waiting, void (*again)(struct pawl_retry *retry))
{
    struct pawl_retry *retry = *waiting;
    uint64_t now_ns = pawl_clock_ns();
    uint64_t next_ns = PAWL_NEVER;

    *waiting = NULL;
    while (retry != NULL) {
        struct pawl_retry *next = retry->next;

        if (retry->due_ns <= now_ns) {
            again(retry);
        } else {
            if (retry->due_ns < next_ns) next_ns = retry->due_ns;
            retry->next = *waiting;
            *waiting = retry;
        }
        retry = next;
    }
    return next_ns;
}

bool pawl_retry_tell(const struct pawl_care *care, const struct pawl_retry *retry,
                     uint64_t timeout_ns, const pawl_error *error)
{
    uint64_t waited_ns = pawl_clock_ns() - retry->begun_ns;

    if (care->waits == NULL || waited_ns < PAWL_CARE_SILENT_NS || waited_ns > timeout_ns) {
        return true;
    }
    return care->waits(error, timeout_ns - waited_ns, care->waits_arg);
}

/* An ask that is repeated until it is done. */
struct insisting {
    const struct pawl_care *care;
    const struct pawl_ask *ask;
    uint64_t until_ns, tell_ns;
    uint64_t again_ns; /* when to ask again; 0: it is under way */
    pawl_error why;    /* it is not done yet */
    bool stopped;
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Until it is answered, is due again, or has taken too long. */
static uint64_t until_due(void *arg)
{
    struct insisting *insisting = arg;
    const struct pawl_care *care = insisting->care;
    uint64_t now_ns = pawl_clock_ns();
    uint64_t due_ns = insisting->again_ns != 0 ? insisting->again_ns : insisting->until_ns;

    if (insisting->again_ns == 0 && !insisting->ask->pending) return PAWL_PUMP_OVER;
    if (now_ns >= due_ns) return PAWL_PUMP_OVER;
    if (care->waits == NULL) return due_ns;
    if (now_ns >= insisting->tell_ns) {
        insisting->stopped =
            !care->waits(&insisting->why, insisting->until_ns - now_ns, care->waits_arg);
        if (insisting->stopped) return PAWL_PUMP_OVER;
        insisting->tell_ns = now_ns + PAWL_CARE_TELL_NS;
    }
    return earlier(due_ns, insisting->tell_ns);
}

static const char *where_is(const struct pawl_care *care, const struct pawl_source *store)
{
    for (size_t i = 0; i < care->store_count; i++) {
        if (care->stores[i] == store) return care->wheres[i];
    }
    return "the store";
}

pawl_err pawl_care_insist(struct pawl_care *care, struct pawl_source *store, struct pawl_ask *ask,
                          uint64_t timeout_ns, pawl_error *error)
{
    uint64_t now_ns = pawl_clock_ns();
    const char *where = where_is(care, store);
    struct insisting insisting = {.care = care,
                                  .ask = ask,
                                  .until_ns = now_ns + timeout_ns,
                                  .tell_ns = now_ns + PAWL_CARE_SILENT_NS};

    (void)pawl_fail(&insisting.why, PAWL_TIMEOUT, "%.400s does not answer", where);
    ask->done = answered;
    for (;;) {
        insisting.again_ns = 0;
        pawl_care_ask(care, store, ask);
        pawl_care_loop(care, until_due, &insisting);
        if (insisting.stopped) return pawl_fail(error, PAWL_CLOSED, "stopped as told");
        if (ask->pending && insisting.why.code != PAWL_TIMEOUT) { /* it says more */
            if (error != NULL) *error = insisting.why;
            return insisting.why.code;
        }
        if (ask->pending) {
            return pawl_fail(error, PAWL_TIMEOUT, "%.400s: no answer came in time", where);
        }
        if (ask->error.code == PAWL_OK) return PAWL_OK;
        insisting.why = ask->error;
        insisting.again_ns = pawl_clock_ns() + PAWL_CARE_DELAY_NS;
        if (!pawl_care_is_passing(ask->error.code) || insisting.again_ns > insisting.until_ns) {
            if (error != NULL) *error = ask->error;
            return ask->error.code;
        }
        pawl_care_loop(care, until_due, &insisting);
        if (insisting.stopped) return pawl_fail(error, PAWL_CLOSED, "stopped as told");
    }
}

void pawl_care_where(const char *url, char where[PAWL_CARE_WHERE_MAX])
{
    struct pawl_guard_url guard;
    char path[PATH_MAX];

    /* A store with a guard in front is the same one. */
    if (pawl_guard_url_read(&guard, url, NULL) == PAWL_OK) url = guard.store;
    const char *host = strstr(url, "://");
    const char *rest = host == NULL ? NULL : host + 3;

    if (is_lmdb(url) && realpath(url + LMDB_SCHEME_SIZE, path) != NULL) {
        (void)snprintf(where, PAWL_CARE_WHERE_MAX, "%s%.*s", lmdb_scheme,
                       PAWL_CARE_WHERE_MAX - LMDB_SCHEME_SIZE - 1, path);
        return;
    }
    if (rest == NULL) {
        (void)snprintf(where, PAWL_CARE_WHERE_MAX, "%.*s", PAWL_CARE_WHERE_MAX - 1, url);
        return;
    }
    /* libpq takes a user and a password up to the @, whatever else is in them. */
    const char *stops = strncmp(url, "postgres", strlen("postgres")) == 0 ? "/" : "/?#";
    const char *at = memrchr(rest, '@', strcspn(rest, stops));
    const char *tail = at == NULL ? rest : at + 1;
    size_t room = PAWL_CARE_WHERE_MAX - 1;
    size_t head_size = (size_t)(rest - url) < room ? (size_t)(rest - url) : room;
    size_t tail_size = strnlen(tail, room - head_size);

    memcpy(where, url, head_size);
    memcpy(where + head_size, tail, tail_size);
    where[head_size + tail_size] = '\0';
}
