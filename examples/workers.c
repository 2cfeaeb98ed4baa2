/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pre-forking server: the master opens the sequence, each worker takes ids of its own.
 * workers pawl://127.0.0.1:7379 orders [workers] [ids of each]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pawl/pawl.h>

/* A child begins with nothing at hand, and the master's handles are valid in it. */
static int work(pawl_client *client, pawl_seq *seq, long count)
{
    pawl_err err = PAWL_OK;

    for (long i = 0; i < count && err == PAWL_OK; i++) {
        int64_t id;

        err = pawl_next(seq, &id);
        if (err == PAWL_OK) (void)printf("%ld %" PRId64 "\n", (long)getpid(), id);
    }
    if (err != PAWL_OK) (void)fprintf(stderr, "%s\n", pawl_err_text(err));
    pawl_close(client); /* what it still held goes back where that is safe */
    return err == PAWL_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "pawl://127.0.0.1:7379";
    const char *name = argc > 2 ? argv[2] : "orders";
    long workers = argc > 3 ? strtol(argv[3], NULL, 10) : 4;
    long count = argc > 4 ? strtol(argv[4], NULL, 10) : 3;
    pawl_client *client = NULL;
    pawl_seq *seq = NULL;
    pawl_error error;
    int failed = 0;

    if (pawl_open(url, NULL, &client, &error) != PAWL_OK ||
        pawl_seq_open(client, name, &seq, &error) != PAWL_OK) {
        (void)fprintf(stderr, "%s\n", error.text);
        pawl_close(client);
        return 1;
    }
    for (long i = 0; i < workers; i++) {
        pid_t pid = fork();

        if (pid == 0) exit(work(client, seq, count)); /* exit, not _exit: it printed */
        if (pid < 0) failed++;
    }
    for (int status; wait(&status) > 0;) {
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    pawl_close(client);
    return failed > 0 ? 1 : 0;
}
