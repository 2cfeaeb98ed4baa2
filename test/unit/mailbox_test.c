/* SPDX-License-Identifier: Apache-2.0 */
#include "net/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the three above */
#include <cmocka.h>

enum { POSTERS = 4, MAILS = 2000 };

struct letter {
    struct pawl_mail mail;
    struct desk *desk;
    int poster, number;
};

struct desk {
    uv_loop_t loop;
    struct pawl_mailbox box;
    int next[POSTERS]; /* the number expected from each */
    int came;
    bool closed;
};

static void letter_came(struct pawl_mail *mail)
{
    struct letter *letter = PAWL_OWNER(mail, struct letter, mail);
    struct desk *desk = letter->desk;

    assert_int_equal(letter->number, desk->next[letter->poster]);
    desk->next[letter->poster]++;
    desk->came++;
    if (desk->came == POSTERS * MAILS) pawl_mailbox_close(&desk->box, NULL);
}

static void box_closed(struct pawl_mailbox *box)
{
    PAWL_OWNER(box, struct desk, box)->closed = true;
}

static void *post_all(void *arg)
{
    struct letter *letters = arg;

    for (int i = 0; i < MAILS; i++) {
        pawl_mailbox_post(&letters[i].desk->box, &letters[i].mail);
    }
    return NULL;
}

static void keeps_the_order_of_each_of_many_posters(void **state)
{
    static struct letter letters[POSTERS][MAILS];
    struct desk desk = {.came = 0};
    pthread_t threads[POSTERS];

    (void)state;
    assert_int_equal(uv_loop_init(&desk.loop), 0);
    assert_int_equal(pawl_mailbox_init(&desk.box, &desk.loop), 0);
    for (int p = 0; p < POSTERS; p++) {
        for (int i = 0; i < MAILS; i++) {
            letters[p][i] = (struct letter){{NULL, letter_came}, &desk, p, i};
        }
        assert_int_equal(pthread_create(&threads[p], NULL, post_all, letters[p]), 0);
    }
    assert_int_equal(uv_run(&desk.loop, UV_RUN_DEFAULT), 0);
    for (int p = 0; p < POSTERS; p++) {
        assert_int_equal(pthread_join(threads[p], NULL), 0);
        assert_int_equal(desk.next[p], MAILS);
    }
    assert_int_equal(uv_loop_close(&desk.loop), 0);
}

static void post_again(struct pawl_mail *mail)
{
    struct letter *letter = PAWL_OWNER(mail, struct letter, mail);

    letter->desk->came++;
    if (letter->desk->came < 3) pawl_mailbox_post(&letter->desk->box, mail);
}

static void mail_may_post_itself_again(void **state)
{
    struct desk desk = {.came = 0};
    struct letter letter = {.mail = {.act = post_again}, .desk = &desk};

    (void)state;
    assert_int_equal(uv_loop_init(&desk.loop), 0);
    assert_int_equal(pawl_mailbox_init(&desk.box, &desk.loop), 0);
    pawl_mailbox_post(&desk.box, &letter.mail);
    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(pawl_mailbox_empty(&desk.box), 1);
        assert_int_equal(desk.came, i);
    }
    assert_int_equal(pawl_mailbox_empty(&desk.box), 0);
    pawl_mailbox_close(&desk.box, box_closed);
    (void)uv_run(&desk.loop, UV_RUN_DEFAULT);
    assert_true(desk.closed);
    assert_int_equal(uv_loop_close(&desk.loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_of_each_of_many_posters),
        cmocka_unit_test(mail_may_post_itself_again),
    };

    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
