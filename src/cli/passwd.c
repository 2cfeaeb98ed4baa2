/* SPDX-License-Identifier: Apache-2.0 */
/* pawl passwd: adds, changes and removes users of pawld --users. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/newfile.h"
#include "cli/print.h"
#include "server/users_edit.h"

enum { PASSWORD_ROOM = PAWL_SCRAM_PASSWORD_BYTES_MAX + 2 };

/* The file as it was found, and where it is. */
struct users_file {
    char path[PATH_MAX];   /* of the file itself, no link */
    char folder[PATH_MAX]; /* that it lies in */
    int folder_fd;         /* locked */
    bool there;
    struct stat was;
    char *text;
    size_t size;
};

static struct pawl_bytes bytes_of(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static pawl_err system_fail(pawl_error *error, const char *path, const char *what)
{
    return pawl_fail(error, PAWL_CLOSED, "%s: %s: %s", path, what, strerrordesc_np(errno));
}

/* Reading. */

static pawl_err read_text(struct users_file *file, pawl_error *error)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) return PAWL_OK;
    if (fd < 0) return system_fail(error, file->path, "cannot be opened");
    file->there = true;
    bool good = fstat(fd, &file->was) == 0 && S_ISREG(file->was.st_mode) &&
                file->was.st_size <= USERS_FILE_BYTES_MAX;
    file->text = good ? malloc((size_t)file->was.st_size + 1) : NULL;
    while (file->text != NULL && file->size < (size_t)file->was.st_size) {
        ssize_t got = read(fd, file->text + file->size, (size_t)file->was.st_size - file->size);

        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) good = false;
        if (got <= 0) break;
        file->size += (size_t)got;
    }
    (void)close(fd);
    if (good && file->text != NULL) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST, "%s: it is no file of users", file->path);
}

/* Two who change users at the same time do so one after the other. */
static pawl_err open_file(struct users_file *file, const char *given, pawl_error *error)
{
    char copy[PATH_MAX];

    file->folder_fd = -1;
    if (realpath(given, file->path) == NULL) {
        if (errno != ENOENT || strlen(given) >= sizeof file->path) {
            return system_fail(error, given, "cannot be opened");
        }
        (void)snprintf(file->path, sizeof file->path, "%s", given);
    }
    (void)snprintf(copy, sizeof copy, "%s", file->path);
    (void)snprintf(file->folder, sizeof file->folder, "%s", dirname(copy));
    file->folder_fd = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->folder_fd < 0 || flock(file->folder_fd, LOCK_EX) != 0) {
        return system_fail(error, file->folder, "cannot be opened");
    }
    return read_text(file, error);
}

static void close_file(struct users_file *file)
{
    if (file->folder_fd >= 0) (void)close(file->folder_fd);
    free(file->text);
}

/* Writing. */

/* It stays whose it was, and its group may go on reading it: pawld may run as one of that. */
static bool keep_owner(const struct users_file *file, int fd)
{
    if (!file->there) return fchmod(fd, 0600) == 0;
    return fchown(fd, file->was.st_uid, file->was.st_gid) == 0 &&
           fchmod(fd, (file->was.st_mode & S_IRGRP) | S_IRUSR | S_IWUSR) == 0;
}

static pawl_err write_file(struct users_file *file, const char *text, size_t size,
                           pawl_error *error)
{
    struct newfile new = {.fd = -1};
    pawl_err err = newfile_begin(&new, file->path, error);

    if (err != PAWL_OK) return err;
    if (!keep_owner(file, new.fd)) err = system_fail(error, file->path, "cannot be written");
    if (err == PAWL_OK) err = newfile_write(&new, text, size, error);
    if (err == PAWL_OK) return newfile_commit(&new, error);
    newfile_abort(&new);
    return err;
}

/* Passwords. */

static void interrupted(int number)
{
    (void)number; /* the read that waits ends with EINTR */
}

/* One line of standard input, without its end. Returns what is wrong, or NULL. */
static const char *read_password(char password[PASSWORD_ROOM])
{
    size_t size = 0;

    for (;;) {
        char c = 0;
        ssize_t got = read(STDIN_FILENO, &c, 1);

        if (got < 0) return errno == EINTR ? "interrupted" : "standard input cannot be read";
        if (got == 0 || c == '\n') break;
        if (c == '\0') return "a password has no NUL";
        if (size == PAWL_SCRAM_PASSWORD_BYTES_MAX) return "a password has at most 512 bytes";
        password[size++] = c;
    }
    if (size > 0 && password[size - 1] == '\r') size--;
    password[size] = '\0';
    return size == 0 ? "the password is empty" : NULL;
}

static const char *ask_password(const char *prompt, char password[PASSWORD_ROOM])
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction before[PAWL_COUNT(ends)];
    struct sigaction action = {.sa_handler = interrupted}; /* without SA_RESTART */
    struct termios shown;

    if (tcgetattr(STDIN_FILENO, &shown) != 0) return "the terminal cannot be asked";
    struct termios hidden = shown;

    hidden.c_lflag &= ~(tcflag_t)ECHO;
    for (size_t i = 0; i < PAWL_COUNT(ends); i++) {
        (void)sigaction(ends[i], &action, &before[i]);
    }
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden); /* drops what was typed before */
    (void)fputs(prompt, stderr);
    const char *wrong = read_password(password);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    (void)fputc('\n', stderr);
    for (size_t i = 0; i < PAWL_COUNT(ends); i++) {
        (void)sigaction(ends[i], &before[i], NULL);
    }
    return wrong;
}

static const char *get_password(char password[PASSWORD_ROOM])
{
    char again[PASSWORD_ROOM];

    if (isatty(STDIN_FILENO) == 0) return read_password(password);
    const char *wrong = ask_password("Password: ", password);
    if (wrong == NULL) wrong = ask_password("Once more: ", again);
    if (wrong == NULL && strcmp(password, again) != 0) wrong = "these are two passwords";
    explicit_bzero(again, sizeof again);
    return wrong;
}

static pawl_err make_verifier(struct pawl_scram_verifier *verifier, pawl_error *error)
{
    char password[PASSWORD_ROOM];
    const char *wrong = get_password(password);

    *verifier = (struct pawl_scram_verifier){.iterations = PAWL_SCRAM_ITERATIONS,
                                             .salt_size = PAWL_SCRAM_SALT_BYTES};
    pawl_entropy(verifier->salt, PAWL_SCRAM_SALT_BYTES);
    if (wrong == NULL && !pawl_scram_verifier_make(verifier, bytes_of(password))) {
        wrong = "no memory for its verifier";
    }
    explicit_bzero(password, sizeof password);
    return wrong == NULL ? PAWL_OK : pawl_fail(error, PAWL_BAD_REQUEST, "password: %s", wrong);
}

/* The command. */

static pawl_err check_words(const struct args *args, pawl_error *error)
{
    const char *wrong = user_name_check(bytes_of(args->name));
    enum user_role role;

    if (args->role != NULL && !user_role_read(bytes_of(args->role), &role)) {
        wrong = "--role takes take, define or admin";
    }
    if (wrong == NULL && args->globs != NULL) wrong = user_globs_check(bytes_of(args->globs));
    if (wrong == NULL && args->remove &&
        (args->role != NULL || args->globs != NULL || args->keep_password)) {
        wrong = "--remove goes with no other option";
    }
    return wrong == NULL ? PAWL_OK : pawl_fail(error, PAWL_BAD_REQUEST, "%s", wrong);
}

/* line: as it was found, name of size 0 if it was not; then as it is. */
static pawl_err change(struct users_file *file, const struct args *args, struct user_line *line,
                       const struct pawl_scram_verifier *verifier, pawl_error *error)
{
    struct pawl_bytes name = bytes_of(args->name);
    bool is_new = line->name.size == 0;
    size_t size = 0;

    if (is_new && (args->remove || args->keep_password)) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "%s: there is no user %s", file->path,
                         args->name);
    }
    if (is_new) line->globs = PAWL_BYTES("*");
    if (args->globs != NULL) line->globs = bytes_of(args->globs);
    if (args->role != NULL) (void)user_role_read(bytes_of(args->role), &line->role);
    if (!args->keep_password) line->verifier = *verifier;
    line->name = name;

    char *edited = users_edit_put((struct pawl_bytes){file->text, file->size}, name,
                                  args->remove ? NULL : line, &size);

    if (edited == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for users");
    pawl_err err = write_file(file, edited, size, error);
    free(edited);
    return err;
}

static void print_done(const struct args *args, const struct user_line *line, bool is_new)
{
    const char *done = args->remove ? "removed" : is_new ? "added" : "changed";

    if (args->json) {
        (void)fputs("{\"user\":", stdout);
        print_json_text(stdout, args->name);
        (void)printf(",\"done\":\"%s\"}\n", done);
        return;
    }
    (void)printf("%s: %s", args->name, done);
    if (!args->remove) {
        (void)printf(", may %s %.*s", user_role_name(line->role), (int)line->globs.size,
                     line->globs.at);
    }
    (void)puts("; a pawld that runs reads it at SIGHUP");
}

/* The password first: nobody waits for the file meanwhile. */
enum exit_code run_passwd(const struct args *args)
{
    struct users_file file = {.folder_fd = -1};
    struct user_line line = {.role = USER_TAKE};
    struct pawl_scram_verifier verifier = {.iterations = 0};
    pawl_error error = {.code = PAWL_OK};
    bool is_new = false;
    pawl_err err = check_words(args, &error);

    if (err == PAWL_OK && !args->remove && !args->keep_password) {
        err = make_verifier(&verifier, &error);
    }
    if (err == PAWL_OK) err = open_file(&file, args->file, &error);
    if (err == PAWL_OK) {
        err = users_edit_find((struct pawl_bytes){file.text, file.size}, file.path,
                              bytes_of(args->name), &line, &error);
        is_new = line.name.size == 0;
    }
    if (err == PAWL_OK) err = change(&file, args, &line, &verifier, &error);
    if (err == PAWL_OK) print_done(args, &line, is_new);
    close_file(&file);
    error.code = err;
    return err == PAWL_OK ? EXIT_DONE : print_failure(args, &error);
}
