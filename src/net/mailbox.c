/* SPDX-License-Identifier: Apache-2.0 */
#include "net/mailbox.h"

static void async_came(uv_async_t *async)
{
    (void)pawl_mailbox_empty(PAWL_OWNER(async, struct pawl_mailbox, async));
}

static void async_closed(uv_handle_t *handle)
{
    struct pawl_mailbox *box = PAWL_OWNER(handle, struct pawl_mailbox, async);

    (void)pthread_mutex_destroy(&box->lock);
    if (box->closed != NULL) box->closed(box);
}

int pawl_mailbox_init(struct pawl_mailbox *box, uv_loop_t *loop)
{
    box->oldest = NULL;
    box->end = &box->oldest;
    box->closed = NULL;
    (void)pthread_mutex_init(&box->lock, NULL);
    return uv_async_init(loop, &box->async, async_came);
}

/*
 * The wake is sent under the lock: whoever has seen a mail may then close the box, for its poster
 * no longer touches it.
 */
void pawl_mailbox_post(struct pawl_mailbox *box, struct pawl_mail *mail)
{
    (void)pthread_mutex_lock(&box->lock);
    bool first = box->oldest == NULL;
    mail->next = NULL;
    *box->end = mail;
    box->end = &mail->next;
    if (first) (void)uv_async_send(&box->async);
    (void)pthread_mutex_unlock(&box->lock);
}

void pawl_mailbox_wake(struct pawl_mailbox *box)
{
    (void)uv_async_send(&box->async);
}

size_t pawl_mailbox_empty(struct pawl_mailbox *box)
{
    size_t count = 0;

    (void)pthread_mutex_lock(&box->lock);
    struct pawl_mail *oldest = box->oldest;
    box->oldest = NULL;
    box->end = &box->oldest;
    (void)pthread_mutex_unlock(&box->lock);
    for (; oldest != NULL; count++) {
        struct pawl_mail *mail = oldest;

        oldest = mail->next;
        mail->act(mail);
    }
    return count;
}

void pawl_mailbox_close(struct pawl_mailbox *box, void (*closed)(struct pawl_mailbox *box))
{
    box->closed = closed;
    uv_close((uv_handle_t *)&box->async, async_closed);
}
