/* SPDX-License-Identifier: Apache-2.0 */
/* Users files in a folder that goes with the test. */
#ifndef PAWL_TEST_USERS_FIXTURE_H
#define PAWL_TEST_USERS_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/users.h"

/* Of "pencil" and of "eraser". */
#define PENCIL                                                                          \
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmt" \
    "bsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define ERASER                                                               \
    "SCRAM-SHA-256$10:MDEyMzQ1Njc4OWFiY2RlZg==$ukst/4wJ44NFwMACB5RtsBWtjQEs" \
    "XiNA4Gyx82lK92s=:9hUYtKm1Tcb5EQalOVqatx5vEkZHTv++QfVfvnIyCEA="

struct users_folder {
    char path[64];
    char file[80];
};

static inline void users_folder_make(struct users_folder *folder)
{
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/pawl-users-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    (void)snprintf(folder->file, sizeof folder->file, "%s/users", folder->path);
}

static inline void users_folder_remove(struct users_folder *folder)
{
    (void)unlink(folder->file);
    assert_int_equal(rmdir(folder->path), 0);
}

static inline void users_file_write(struct users_folder *folder, struct pawl_bytes text,
                                    mode_t mode)
{
    int file = open(folder->file, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    assert_true(file >= 0);
    assert_int_equal(write(file, text.at, text.size), text.size);
    assert_int_equal(fchmod(file, mode), 0);
    assert_int_equal(close(file), 0);
}

/* The users of a text. */
static inline struct users *users_of(const char *text, const struct users *before)
{
    struct users_folder folder = {.path = ""};
    struct users *users = NULL;
    pawl_error error = {.code = PAWL_OK};

    users_folder_make(&folder);
    users_file_write(&folder, (struct pawl_bytes){text, strlen(text)}, 0600);
    if (users_read(&users, folder.file, before, &error) != PAWL_OK) fail_msg("%s", error.text);
    users_folder_remove(&folder);
    return users;
}

#endif
