/* SPDX-License-Identifier: Apache-2.0 */
#include "server/login.h"

#include "base/log.h"
#include "server/address.h"

/* Between lines in the log about wrong passwords: somebody who guesses must not fill the disk. */
#define SAY_EVERY_NS PAWL_NS_PER_S

enum { NAME_SHOWN_BYTES = 4 * USER_NAME_BYTES_MAX + 8 };

static struct users *users_of(const struct conn *conn)
{
    return conn->desk->settings.users;
}

static void set_user(struct conn *conn, const struct user *user)
{
    struct users *before = conn->users;

    conn->user = user;
    conn->users = user == NULL ? NULL : users_hold(users_of(conn));
    users_drop(before);
}

/* NULL: nobody is logged in, or there are no users. */
static const struct user *user_of(struct conn *conn)
{
    if (conn->users == users_of(conn) || conn->user == NULL) return conn->user;
    set_user(conn, users_again(users_of(conn), conn->user));
    return conn->user;
}

bool conn_is_in(struct conn *conn)
{
    return users_of(conn) == NULL || user_of(conn) != NULL;
}

bool conn_may(struct conn *conn, enum user_role role, struct pawl_bytes name)
{
    if (users_of(conn) == NULL) return true;
    const struct user *user = user_of(conn);

    return user != NULL && users_may(user, role, name);
}

struct pawl_bytes conn_user_name(struct conn *conn)
{
    const struct user *user = users_of(conn) == NULL ? NULL : user_of(conn);

    return user == NULL ? PAWL_BYTES("") : user_name(user);
}

void conn_refused(struct conn *conn, struct pawl_bytes name)
{
    struct desk *desk = conn->desk;
    char shown[NAME_SHOWN_BYTES];
    char address[ADDRESS_SHOW_BYTES_MAX] = "";

    pawl_count_add(&desk->counts.refused, 1);
    if (++conn->refusals >= LOGIN_REFUSALS_MAX) conn->closing = true;
    desk->refused_unsaid++;
    if (desk->refused_said_ns != 0 && desk->now_ns - desk->refused_said_ns < SAY_EVERY_NS) return;
    if (name.size > USER_NAME_BYTES_MAX) name.size = USER_NAME_BYTES_MAX;
    if (desk->settings.address != NULL) {
        desk->settings.address(conn, address, sizeof address, desk->settings.arg);
    }
    pawl_log(PAWL_LOG_WARN, "login refused", "user=%s address=%s client=%llu count=%llu",
             pawl_log_quote(shown, sizeof shown, name), address, (unsigned long long)conn->id,
             (unsigned long long)desk->refused_unsaid);
    desk->refused_said_ns = desk->now_ns;
    desk->refused_unsaid = 0;
}

bool conn_log_in(struct conn *conn, struct pawl_bytes name, struct pawl_bytes password)
{
    const struct user *user = users_check(users_of(conn), name, password);

    if (user == NULL) {
        conn_refused(conn, name);
        return false;
    }
    set_user(conn, user);
    return true;
}

void conn_verifier(const struct conn *conn, struct pawl_bytes name,
                   struct pawl_scram_verifier *verifier)
{
    users_verifier(users_of(conn), name, verifier);
}

bool conn_proved(struct conn *conn, struct pawl_bytes name,
                 const struct pawl_scram_verifier *verifier)
{
    const struct user *user = users_find(users_of(conn), name);
    struct pawl_scram_verifier now;

    if (user == NULL) return false;
    users_verifier(users_of(conn), name, &now);
    if (!pawl_scram_verifier_equal(&now, verifier)) return false;
    set_user(conn, user);
    return true;
}

void conn_log_out(struct conn *conn)
{
    set_user(conn, NULL);
}

void call_is_for(struct call *call, struct conn *conn)
{
    if (users_of(conn) == NULL) return;
    call->user = user_of(conn); /* NULL: he is gone, and sees nothing */
    call->users = users_hold(users_of(conn));
}

bool call_shows(const struct call *call, struct pawl_bytes name)
{
    if (call->users == NULL) return true;
    return call->user != NULL && users_may(call->user, USER_TAKE, name);
}
