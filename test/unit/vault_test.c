/* SPDX-License-Identifier: Apache-2.0 */
/* The vault: memory that a forked child finds wiped, whatever the fork cut through. */
#include "client/vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CELLS = 300, CELL_BYTES = 1000 }; /* more than fit into a chunk */

static struct pawl_vault *open_vault(void)
{
    pawl_error error;
    struct pawl_vault *vault = pawl_vault_new(&error);

    assert_non_null(vault);
    assert_true(pawl_vault_alive(vault));
    return vault;
}

static bool is_zero(const char *at, size_t size)
{
    return at[0] == 0 && memcmp(at, at + 1, size - 1) == 0;
}

/* What a child says in its status of 7 bits. */
static int child_says(int (*look)(void *arg), void *arg)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) _exit(look(arg));
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct room {
    struct pawl_vault *vault;
    char *cells[CELLS];
};

static int child_finds_nothing(void *arg)
{
    const struct room *room = arg;

    if (pawl_vault_alive(room->vault)) return 1;
    for (int i = 0; i < CELLS; i++) {
        if (!is_zero(room->cells[i], CELL_BYTES)) return 2;
    }
    return 0;
}

static void a_child_finds_all_of_it_wiped(void **state)
{
    struct room room = {.vault = open_vault()};

    (void)state;
    for (int i = 0; i < CELLS; i++) {
        room.cells[i] = pawl_vault_take(room.vault, CELL_BYTES);
        assert_non_null(room.cells[i]);
        memset(room.cells[i], 'x', CELL_BYTES);
    }
    assert_int_equal(child_says(child_finds_nothing, &room), 0);
    assert_true(pawl_vault_alive(room.vault));
    assert_int_equal(room.cells[CELLS - 1][CELL_BYTES - 1], 'x');
    pawl_vault_free(room.vault);
}

static int child_can_lock(void *arg)
{
    struct pawl_vault *vault = arg;

    return pthread_mutex_trylock(&vault->door);
}

static void a_child_finds_no_lock_held(void **state)
{
    struct pawl_vault *vault = open_vault();

    (void)state;
    assert_int_equal(pthread_mutex_lock(&vault->door), 0);
    assert_int_equal(child_says(child_can_lock, vault), 0);
    assert_int_equal(pthread_mutex_unlock(&vault->door), 0);
    pawl_vault_free(vault);
}

static void what_was_given_back_is_taken_again_zeroed(void **state)
{
    struct pawl_vault *vault = open_vault();
    char *first = pawl_vault_take(vault, CELL_BYTES);
    const char *other = pawl_vault_take(vault, PAWL_VAULT_CELL_MAX);

    (void)state;
    assert_non_null(first);
    assert_non_null(other);
    assert_int_equal((uintptr_t)first % PAWL_VAULT_CELL_MIN, 0);
    memset(first, 'x', CELL_BYTES);
    pawl_vault_give(vault, first, CELL_BYTES);
    assert_ptr_equal(pawl_vault_take(vault, CELL_BYTES), first);
    assert_true(is_zero(first, CELL_BYTES));
    assert_true(is_zero(other, PAWL_VAULT_CELL_MAX));
    pawl_vault_free(vault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_finds_all_of_it_wiped),
        cmocka_unit_test(a_child_finds_no_lock_held),
        cmocka_unit_test(what_was_given_back_is_taken_again_zeroed),
    };

    return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
