/* SPDX-License-Identifier: Apache-2.0 */
/* Takes ids of a sequence: next pawl://127.0.0.1:7379 orders [count] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <pawl/pawl.h>

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "pawl://127.0.0.1:7379";
    const char *name = argc > 2 ? argv[2] : "orders";
    long count = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
    pawl_client *client = NULL;
    pawl_seq *seq = NULL;
    pawl_error error;

    if (pawl_open(url, NULL, &client, &error) != PAWL_OK ||
        pawl_seq_open(client, name, &seq, &error) != PAWL_OK) {
        (void)fprintf(stderr, "%s\n", error.text);
        pawl_close(client);
        return 1;
    }
    for (long i = 0; i < count; i++) {
        int64_t id;
        pawl_err err = pawl_next(seq, &id);

        if (err != PAWL_OK) {
            (void)fprintf(stderr, "%s\n", pawl_err_text(err));
            break;
        }
        (void)printf("%" PRId64 "\n", id);
    }
    pawl_close(client);
    return 0;
}
