/* SPDX-License-Identifier: Apache-2.0 */
/* A desk with users: what can be said before a login, and roles by commands after one. */
#include "users_fixture.h"

#include "desk_world.h"
#include "server/login.h"
#include "server/resp/resp.h"

#define USERS                                                           \
    "taker take a*,shared " ERASER "\ndefiner define a*,shared " ERASER \
    "\nadmin admin a*,shared " ERASER "\ndefault take * " ERASER "\n"

#define NOAUTH "-NOAUTH Authentication required.\r\n"
#define WRONG  "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
#define NOKEY                                                                 \
    "-NOPERM this user has no permissions to access one of the keys used as " \
    "arguments\r\n"

static void open_world(struct world *world, const char *text)
{
    struct users *users = users_of(text, NULL);

    world_open(world, "a*");
    desk_set_users(world->desk, users);
    users_drop(users);
}

static void assert_like(const char *what, const char *heard, const char *want)
{
    size_t size = strlen(want);
    bool open_end = size >= 3 && strcmp(want + size - 3, "...") == 0;

    if (open_end ? strncmp(heard, want, size - 3) == 0 : strcmp(heard, want) == 0) return;
    fail_msg("%s\nheard  %s\nwanted %s", what, heard, want);
}

static const struct {
    const char *label, *say, *want;
} before[] = {
    {"nothing is done", "PING\r\n", NOAUTH},
    {NULL, "INCR a\r\n", NOAUTH},
    {NULL, "SEQ.LEASE a 1\r\n", NOAUTH},
    {NULL, "SEQ.LIST\r\n", NOAUTH},
    {NULL, "INFO\r\n", NOAUTH},
    {NULL, "COMMAND\r\n", NOAUTH},
    {NULL, "foo\r\n", "-ERR unknown command 'foo', with args beginning with: \r\n"},
    {NULL, "HELLO 3\r\n",
     "-NOAUTH HELLO must be called with the client already authenticated, ..."},
    {NULL, "RESET\r\n", "+RESET\r\n"},
    {NULL, "QUIT\r\n", "+OK\r\n"},
    {"auth", "AUTH admin eraser\r\nPING\r\n", "+OK\r\n+PONG\r\n"},
    {"auth of the default user", "AUTH eraser\r\nINCR zebra\r\n", "+OK\r\n-NOSEQ ..."},
    {"a wrong password", "AUTH admin pencil\r\nPING\r\n", WRONG NOAUTH},
    {"an unknown user", "AUTH nobody eraser\r\nPING\r\n", WRONG NOAUTH},
    {"three wrong ones", "AUTH a b\r\nAUTH eraser\r\nAUTH a b\r\nAUTH a b\r\nPING\r\n",
     WRONG "+OK\r\n" WRONG WRONG},
    {"a wrong one changes nothing", "AUTH eraser\r\nAUTH a b\r\nPING\r\n",
     "+OK\r\n" WRONG "+PONG\r\n"},
    {"hello", "HELLO 2 AUTH admin eraser SETNAME me\r\nPING\r\n", "*14\r\n$6\r\nserver\r\n..."},
    {"hello in vain", "HELLO 2 AUTH admin pencil\r\nPING\r\n", WRONG NOAUTH},
    {"another user",
     "AUTH taker eraser\r\nSEQ.CREATE a1\r\nAUTH definer eraser\r\nSEQ.CREATE a1\r\n",
     "+OK\r\n-NOPERM this user has no permissions to run the 'seq.create' "
     "command\r\n+OK\r\n+OK\r\n"},
    {"reset logs out", "AUTH eraser\r\nRESET\r\nPING\r\n", "+OK\r\n+RESET\r\n" NOAUTH},
    {"too many words", "AUTH a b c\r\n", "-ERR syntax error\r\n"},
};

static void test_logins(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(before); i++) {
        static struct world world;
        struct conn conn;

        open_world(&world, USERS);
        assert_true(conn_open(&conn, world.desk, &resp_wire, world.now_ns));
        assert_like(before[i].say, world_say(&world, &conn, before[i].say), before[i].want);
        conn_dispose(&conn);
        world_close(&world);
    }
}

/* Which roles may, from the least; every command that is about a sequence. */
static const struct {
    const char *say;
    enum user_role least;
} commands[] = {
    {"INCR a", USER_TAKE},
    {"INCRBY a 2", USER_TAKE},
    {"SEQ.NEXT a", USER_TAKE},
    {"SEQ.NEXT a COUNT 2", USER_TAKE},
    {"SEQ.LEASE a 1", USER_TAKE},
    {"SEQ.RETURN a 1 1", USER_TAKE},
    {"SEQ.INFO a", USER_TAKE},
    {"GET a", USER_TAKE},
    {"EXISTS a", USER_TAKE},
    {"TYPE a", USER_TAKE},
    {"SEQ.CREATE a IFNOTEXISTS", USER_DEFINE},
    {"SEQ.ALTER a BLOCK 5", USER_DEFINE},
    {"SEQ.SET a 1000000", USER_DEFINE},
    {"SEQ.SET a 5 FORCE", USER_ADMIN},
    {"SEQ.ALTER a RESTART", USER_ADMIN},
    {"SEQ.ALTER a RESTART 7", USER_ADMIN},
    {"SEQ.FENCE a", USER_ADMIN},
    {"SEQ.RENAME a a2", USER_ADMIN},
    {"SEQ.DROP a", USER_ADMIN},
};

static void test_roles(void **state)
{
    static const char *const users[] = {"taker", "definer", "admin"};
    static struct world world;
    struct conn conn;
    char say[128];

    (void)state;
    open_world(&world, USERS);
    for (size_t u = 0; u < PAWL_COUNT(users); u++) {
        assert_true(conn_open(&conn, world.desk, &resp_wire, world.now_ns));
        (void)world_say(&world, &conn, "AUTH admin eraser\r\nSEQ.CREATE a\r\n");
        (void)snprintf(say, sizeof say, "AUTH %s eraser\r\n", users[u]);
        assert_like(say, world_say(&world, &conn, say), "+OK\r\n");
        for (size_t i = 0; i < PAWL_COUNT(commands); i++) {
            (void)snprintf(say, sizeof say, "%s\r\n", commands[i].say);
            const char *heard = world_say(&world, &conn, say);
            bool refused = strncmp(heard, "-NOPERM", 7) == 0;

            if (refused != (u < (size_t)commands[i].least)) {
                fail_msg("%s: %s -> %s", users[u], say, heard);
            }
            if (refused) assert_non_null(strstr(heard, "no permissions to run the '"));
            if (u < USER_ADMIN && strncmp(commands[i].say, "SEQ.CREATE", 10) == 0) continue;

            char *name = strstr(say, " a");

            name[1] = 'x'; /* a sequence of somebody else */
            heard = world_say(&world, &conn, say);
            if (u >= (size_t)commands[i].least) assert_like(say, heard, NOKEY);
        }
        conn_dispose(&conn);
    }
    world_close(&world);
}

static void test_listings(void **state)
{
    static struct world world;
    struct conn conn;

    (void)state;
    open_world(&world, USERS "root admin * " ERASER "\n");
    assert_true(conn_open(&conn, world.desk, &resp_wire, world.now_ns));
    (void)world_say(&world, &conn,
                    "AUTH root eraser\r\nSEQ.CREATE b1\r\nSEQ.CREATE a1\r\nSEQ.CREATE shared\r\n"
                    "SEQ.CREATE z\r\n");
    assert_like("all", world_say(&world, &conn, "SEQ.LIST\r\n"),
                "*2\r\n$1\r\n0\r\n*4\r\n$2\r\na1\r\n$2\r\nb1\r\n$6\r\nshared\r\n$1\r\nz\r\n");
    (void)world_say(&world, &conn, "AUTH taker eraser\r\n");
    assert_like("some", world_say(&world, &conn, "SEQ.LIST\r\n"),
                "*2\r\n$1\r\n0\r\n*2\r\n$2\r\na1\r\n$6\r\nshared\r\n");
    assert_like("a page without any", world_say(&world, &conn, "SEQ.LIST CURSOR =a1 COUNT 1\r\n"),
                "*2\r\n$3\r\n=b1\r\n*0\r\n");
    assert_like("several", world_say(&world, &conn, "EXISTS a1 b1\r\n"), NOKEY);
    assert_like("several", world_say(&world, &conn, "EXISTS a1 shared a2\r\n"), ":2\r\n");
    conn_dispose(&conn);
    world_close(&world);
}

/* --auto-create is for those who may create. */
static void test_auto_create(void **state)
{
    static struct world world;
    struct conn conn;

    (void)state;
    open_world(&world, USERS);
    assert_true(conn_open(&conn, world.desk, &resp_wire, world.now_ns));
    (void)world_say(&world, &conn, "AUTH taker eraser\r\n");
    assert_like("take", world_say(&world, &conn, "INCR a9\r\n"), "-NOSEQ ...");
    assert_like("take", world_say(&world, &conn, "INCRBY a9 2\r\n"), "-NOSEQ ...");
    (void)world_say(&world, &conn, "AUTH definer eraser\r\n");
    assert_like("define", world_say(&world, &conn, "INCR a9\r\n"), ":1\r\n");
    conn_dispose(&conn);
    world_close(&world);
}

/* The file was read again while they were connected. */
static void test_users_change(void **state)
{
    static struct world world;
    struct conn a;
    struct conn b;
    struct conn c;

    (void)state;
    open_world(&world, "a admin * " ERASER "\nb admin * " ERASER "\nc admin * " ERASER "\n");
    assert_true(conn_open(&a, world.desk, &resp_wire, world.now_ns));
    assert_true(conn_open(&b, world.desk, &resp_wire, world.now_ns));
    assert_true(conn_open(&c, world.desk, &resp_wire, world.now_ns));
    assert_like("a", world_say(&world, &a, "AUTH a eraser\r\nSEQ.CREATE x\r\nINCR x\r\n"),
                "+OK\r\n+OK\r\n:1\r\n");
    assert_like("b", world_say(&world, &b, "AUTH b eraser\r\nINCR x\r\n"), "+OK\r\n:2\r\n");
    assert_like("c", world_say(&world, &c, "AUTH c eraser\r\nINCR x\r\n"), "+OK\r\n:3\r\n");

    struct users *users = users_of("a take y " ERASER "\nb admin * " PENCIL "\n", NULL);
    desk_set_users(world.desk, users);
    users_drop(users);
    assert_like("less", world_say(&world, &a, "INCR x\r\n"), NOKEY);
    assert_like("another password", world_say(&world, &b, "INCR x\r\n"), NOAUTH);
    assert_like("gone", world_say(&world, &c, "INCR x\r\n"), NOAUTH);
    assert_like("again", world_say(&world, &b, "AUTH b pencil\r\nINCR x\r\n"), "+OK\r\n:4\r\n");
    assert_like("the new name", world_say(&world, &a, "INCR y\r\n"), "-NOSEQ ...");
    conn_dispose(&a);
    conn_dispose(&b);
    conn_dispose(&c);
    world_close(&world);
}

/* What the PostgreSQL wire does at its start. */
static void test_proofs(void **state)
{
    static struct world world;
    struct pawl_scram_verifier known;
    struct pawl_scram_verifier unknown;
    struct conn conn;

    (void)state;
    open_world(&world, USERS);
    assert_true(conn_open(&conn, world.desk, &resp_wire, world.now_ns));
    conn_verifier(&conn, PAWL_BYTES("taker"), &known);
    conn_verifier(&conn, PAWL_BYTES("nobody"), &unknown);
    assert_false(conn_proved(&conn, PAWL_BYTES("nobody"), &unknown));
    assert_false(conn_is_in(&conn));
    assert_true(conn_proved(&conn, PAWL_BYTES("taker"), &known));
    assert_true(conn_is_in(&conn));
    assert_true(pawl_bytes_equal(conn_user_name(&conn), PAWL_BYTES("taker")));
    assert_true(conn_may(&conn, USER_TAKE, PAWL_BYTES("a")));
    assert_false(conn_may(&conn, USER_DEFINE, PAWL_BYTES("a")));
    assert_false(conn_may(&conn, USER_TAKE, PAWL_BYTES("b")));
    conn_dispose(&conn);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logins),       cmocka_unit_test(test_roles),
        cmocka_unit_test(test_listings),     cmocka_unit_test(test_auto_create),
        cmocka_unit_test(test_users_change), cmocka_unit_test(test_proofs),
    };

    return cmocka_run_group_tests_name("login", tests, NULL, NULL);
}
