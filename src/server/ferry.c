/* SPDX-License-Identifier: Apache-2.0 */
#include "server/ferry.h"

#include <stdlib.h>

#include "base/clock.h"

/* Word that a holding is idle, on its way to a desk. */
struct idle_word {
    struct pawl_mail mail;
    struct ferry *ferry;
    const struct pawl_holding *holding;
};

void ferry_init(struct ferry *ferry, struct pawl_turner *turner, struct pawl_mailbox *home)
{
    *ferry = (struct ferry){.turner = turner, .home = home};
    (void)pthread_mutex_init(&ferry->lock, NULL);
}

static void ask_came_home(struct pawl_mail *mail)
{
    struct desk_ask *ask = PAWL_OWNER(mail, struct desk_ask, mail);
    struct ferry *ferry = ask->carrier;

    desk_answered(ferry->desk, &ask->ask, pawl_clock_ns());
}

static void ask_done(struct pawl_ask *ask)
{
    struct desk_ask *of_desk = PAWL_OWNER(ask, struct desk_ask, ask);
    struct ferry *ferry = of_desk->carrier;

    of_desk->mail.act = ask_came_home;
    pawl_mailbox_post(ferry->home, &of_desk->mail);
}

static void ask_at_keeper(struct pawl_mail *mail)
{
    struct desk_ask *ask = PAWL_OWNER(mail, struct desk_ask, mail);
    struct ferry *ferry = ask->carrier;

    ask->ask.done = ask_done;
    pawl_turner_ask(ferry->turner, &ask->ask);
}

void ferry_submit(struct pawl_ask *ask, void *arg)
{
    struct desk_ask *of_desk = PAWL_OWNER(ask, struct desk_ask, ask);
    struct ferry *ferry = arg;

    of_desk->carrier = ferry;
    of_desk->mail.act = ask_at_keeper;
    pawl_turner_post(ferry->turner, &of_desk->mail);
}

static void forget_came_home(struct pawl_mail *mail)
{
    struct desk_forget *forget = PAWL_OWNER(mail, struct desk_forget, mail);
    struct ferry *ferry = forget->carrier;

    desk_forgotten(ferry->desk, forget);
}

static void forget_at_keeper(struct pawl_mail *mail)
{
    struct desk_forget *forget = PAWL_OWNER(mail, struct desk_forget, mail);
    struct ferry *ferry = forget->carrier;

    pawl_turner_forget(ferry->turner, forget->ask);
    mail->act = forget_came_home;
    pawl_mailbox_post(ferry->home, mail);
}

void ferry_forget(struct desk_forget *forget, void *arg)
{
    struct ferry *ferry = arg;

    forget->carrier = ferry;
    forget->mail.act = forget_at_keeper;
    pawl_turner_post(ferry->turner, &forget->mail);
}

static void idle_came_home(struct pawl_mail *mail)
{
    struct idle_word *word = PAWL_OWNER(mail, struct idle_word, mail);

    desk_idle(word->ferry->desk, word->holding);
    free(word);
}

/* Without memory the desk goes on holding it open, which costs no more than memory. */
void ferry_tell_idle(struct ferry *ferry, const struct pawl_holding *holding)
{
    struct idle_word *word = malloc(sizeof *word);

    if (word == NULL) return;
    *word = (struct idle_word){{.act = idle_came_home}, ferry, holding};
    (void)pthread_mutex_lock(&ferry->lock); /* the mailbox must not close meanwhile */
    if (ferry->closed) {
        free(word);
    } else {
        pawl_mailbox_post(ferry->home, &word->mail);
    }
    (void)pthread_mutex_unlock(&ferry->lock);
}

void ferry_close(struct ferry *ferry)
{
    (void)pthread_mutex_lock(&ferry->lock);
    ferry->closed = true;
    (void)pthread_mutex_unlock(&ferry->lock);
    (void)pawl_mailbox_empty(ferry->home); /* idle words that came last */
}
