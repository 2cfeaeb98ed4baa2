/* SPDX-License-Identifier: Apache-2.0 */
#include "net/turner.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/descriptor.h"

/* How long to wait for libuv to let go of a name that it resolves. */
enum { LEAVE_MS = 1000 };

enum phase {
    PHASE_NEW,    /* no thread yet */
    PHASE_SERVES, /* the keeper is turned */
    PHASE_DRAINS, /* until drained, or drain_end_ns */
    PHASE_CLOSED, /* what was below is closed; the keeper still answers: that it is closed */
    PHASE_LEAVES, /* the keeper is freed, handles are closing */
};

/* Stands between the keeper and what is below, so that the keeper may outlive that. */
struct door {
    struct pawl_source source;
    struct pawl_source *below; /* NULL: closed */
    struct pawl_asks refused;  /* they came after that */
};

struct pawl_turner {
    uv_loop_t loop;
    struct pawl_mailbox box;
    struct pawl_uv_net net;
    uv_prepare_t prepare;
    uv_timer_t timer;
    pthread_t thread;
    enum phase phase; /* the thread's, once it runs */
    struct pawl_keeper *keeper;
    struct door door;
    _Atomic uint64_t drain_limit_ns; /* written before drain_mail is posted */
    atomic_flag drain_asked;
    uint64_t drain_end_ns;
    bool started; /* there is a thread; its owner's */
    bool drained;
    bool leave_asked;
    bool late;
    bool left; /* the loop is closed: the memory may go */
    struct pawl_mail drain_mail, leave_mail;
};

static void door_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct door *door = PAWL_OWNER(self, struct door, source);

    if (door->below != NULL) {
        pawl_source_ask(door->below, ask);
    } else {
        pawl_asks_add(&door->refused, ask);
    }
}

static uint64_t door_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct door *door = PAWL_OWNER(self, struct door, source);
    struct pawl_ask *ask = NULL;

    if (door->below != NULL) return door->below->ops->turn(door->below, now_ns);
    while ((ask = pawl_asks_pop(&door->refused)) != NULL) {
        pawl_ask_fail(ask, PAWL_CLOSED, "it is being shut down");
    }
    return PAWL_NEVER;
}

static void door_close(struct pawl_source *self)
{
    struct door *door = PAWL_OWNER(self, struct door, source);

    struct pawl_source *below = door->below;

    door->below = NULL; /* whoever is answered may ask again */
    if (below != NULL) below->ops->close(below);
    (void)door_turn(self, 0);
}

static const struct pawl_source_ops door_ops = {
    .scheme = "turner",
    .ask = door_ask,
    .turn = door_turn,
    .close = door_close,
};

static void timer_rang(uv_timer_t *timer)
{
    (void)timer; /* the loop goes round, and with it the pump */
}

static void left_late(uv_timer_t *timer)
{
    struct pawl_turner *turner = timer->data;

    turner->late = true;
}

static void arm(struct pawl_turner *turner, uint64_t next_ns, uint64_t now_ns)
{
    if (next_ns == PAWL_NEVER) {
        (void)uv_timer_stop(&turner->timer);
        return;
    }

    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    uint64_t wait_ms = wait_ns / PAWL_NS_PER_MS + (wait_ns % PAWL_NS_PER_MS != 0);

    uv_update_time(&turner->loop); /* a turn may have taken long */
    (void)uv_timer_start(&turner->timer, timer_rang, wait_ms, 0);
}

static void close_below(struct pawl_turner *turner)
{
    turner->drained = pawl_keeper_drained(turner->keeper);
    door_close(&turner->door.source);
    turner->phase = PHASE_CLOSED;
}

static void leave(struct pawl_turner *turner)
{
    pawl_keeper_free(turner->keeper);
    turner->keeper = NULL;
    turner->phase = PHASE_LEAVES;
    uv_close((uv_handle_t *)&turner->prepare, NULL);
    pawl_mailbox_close(&turner->box, NULL);
    (void)uv_timer_start(&turner->timer, left_late, LEAVE_MS, 0);
}

/* Before the loop sleeps, after all that came: the one place where the keeper is turned. */
static void pump(uv_prepare_t *prepare)
{
    struct pawl_turner *turner = prepare->data;
    uint64_t next_ns = pawl_keeper_turn(turner->keeper, pawl_clock_ns());
    uint64_t now_ns = pawl_clock_ns();

    if (turner->phase == PHASE_DRAINS) {
        if (pawl_keeper_drained(turner->keeper) || now_ns >= turner->drain_end_ns) {
            close_below(turner);
            next_ns = now_ns; /* to pass on how the asks below have ended */
        } else if (next_ns > turner->drain_end_ns) {
            next_ns = turner->drain_end_ns;
        }
    } else if (turner->phase == PHASE_CLOSED && turner->leave_asked) {
        leave(turner);
        return;
    }
    arm(turner, next_ns, now_ns);
}

static void drain_came(struct pawl_mail *mail)
{
    struct pawl_turner *turner = PAWL_OWNER(mail, struct pawl_turner, drain_mail);

    turner->phase = PHASE_DRAINS;
    turner->drain_end_ns = pawl_clock_ns() + atomic_load(&turner->drain_limit_ns);
    pawl_keeper_drain(turner->keeper);
}

static void leave_came(struct pawl_mail *mail)
{
    PAWL_OWNER(mail, struct pawl_turner, leave_mail)->leave_asked = true;
}

static void end_loop(struct pawl_turner *turner)
{
    uv_close((uv_handle_t *)&turner->timer, NULL);
    (void)uv_run(&turner->loop, turner->late ? UV_RUN_NOWAIT : UV_RUN_DEFAULT);
    turner->left = uv_loop_close(&turner->loop) == 0;
}

static void *run(void *arg)
{
    struct pawl_turner *turner = arg;

    while (turner->phase != PHASE_LEAVES || (turner->net.alive > 0 && !turner->late)) {
        (void)uv_run(&turner->loop, UV_RUN_ONCE);
    }
    end_loop(turner);
    return NULL;
}

struct pawl_turner *pawl_turner_new(pawl_error *error)
{
    struct pawl_turner *turner = calloc(1, sizeof *turner);
    int status = turner == NULL ? UV_ENOMEM : 0;

    if (status == 0 && !pawl_descriptor_fill_standard()) status = uv_translate_sys_error(errno);
    if (status == 0) status = uv_loop_init(&turner->loop);
    if (status == 0) {
        status = pawl_mailbox_init(&turner->box, &turner->loop);
        if (status != 0) (void)uv_loop_close(&turner->loop);
    }
    if (status != 0) {
        free(turner);
        (void)pawl_fail(error, PAWL_BUSY, "cannot make an event loop: %s", uv_strerror(status));
        return NULL;
    }
    (void)uv_prepare_init(&turner->loop, &turner->prepare);
    (void)uv_timer_init(&turner->loop, &turner->timer);
    turner->prepare.data = turner->timer.data = turner;
    pawl_uv_net_init(&turner->net, &turner->loop);
    atomic_flag_clear(&turner->drain_asked);
    turner->drain_mail.act = drain_came;
    turner->leave_mail.act = leave_came;
    return turner;
}

struct pawl_net *pawl_turner_net(struct pawl_turner *turner)
{
    return &turner->net.net;
}

uv_loop_t *pawl_turner_loop(struct pawl_turner *turner)
{
    return &turner->loop;
}

struct pawl_keeper *pawl_turner_keeper(struct pawl_turner *turner)
{
    return turner->keeper;
}

/* The thread takes no signals: they are for threads of whoever has handlers. */
static int start_thread(struct pawl_turner *turner)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&turner->thread, NULL, run, turner);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure == 0) (void)pthread_setname_np(turner->thread, "pawl-keeper");
    return failure;
}

pawl_err pawl_turner_start(struct pawl_turner *turner, struct pawl_source *below,
                           const struct pawl_keeper_settings *settings, pawl_error *error)
{
    PAWL_ASSERT(turner->phase == PHASE_NEW);
    turner->door = (struct door){.source = {&door_ops}, .below = below};
    turner->keeper = pawl_keeper_new(&turner->door.source, settings);
    if (turner->keeper == NULL) {
        door_close(&turner->door.source);
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a keeper");
    }
    turner->phase = PHASE_SERVES;
    turner->started = true;
    (void)uv_prepare_start(&turner->prepare, pump);
    int failure = start_thread(turner);
    if (failure != 0) {
        close_below(turner);
        pawl_keeper_free(turner->keeper);
        turner->keeper = NULL;
        turner->phase = PHASE_NEW;
        turner->started = false;
        return pawl_fail(error, PAWL_BUSY, "cannot start the keeper's thread: %s",
                         uv_strerror(uv_translate_sys_error(failure)));
    }
    return PAWL_OK;
}

void pawl_turner_wake(void *turner)
{
    pawl_mailbox_wake(&((struct pawl_turner *)turner)->box);
}

void pawl_turner_post(struct pawl_turner *turner, struct pawl_mail *mail)
{
    pawl_mailbox_post(&turner->box, mail);
}

void pawl_turner_ask(struct pawl_turner *turner, struct pawl_ask *ask)
{
    pawl_source_ask(pawl_keeper_source(turner->keeper), ask);
}

void pawl_turner_forget(struct pawl_turner *turner, struct pawl_ask *ask)
{
    pawl_keeper_forget(turner->keeper, ask);
}

void pawl_turner_drain(struct pawl_turner *turner, uint64_t limit_ns)
{
    if (atomic_flag_test_and_set(&turner->drain_asked)) return;
    atomic_store(&turner->drain_limit_ns, limit_ns);
    pawl_mailbox_post(&turner->box, &turner->drain_mail);
}

bool pawl_turner_free(struct pawl_turner *turner)
{
    if (turner == NULL) return true;
    if (!turner->started) {
        uv_close((uv_handle_t *)&turner->prepare, NULL);
        pawl_mailbox_close(&turner->box, NULL);
        end_loop(turner);
    } else {
        pawl_turner_drain(turner, 0);
        pawl_mailbox_post(&turner->box, &turner->leave_mail);
        (void)pthread_join(turner->thread, NULL);
    }
    bool drained = turner->drained;
    if (turner->left) free(turner); /* else libuv still resolves a name for it */
    return drained;
}

void pawl_turner_forked(struct pawl_turner *turner)
{
    pawl_uv_net_forked(&turner->net);
}
