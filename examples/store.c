/* SPDX-License-Identifier: Apache-2.0 */
/* Takes an id straight from a store, with no server: store lmdb:/tmp/ids orders */
#include <inttypes.h>
#include <stdio.h>

#include <pawl/pawl.h>
#include <pawl/stores.h>

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "lmdb:pawl-data/store";
    const char *name = argc > 2 ? argv[2] : "orders";
    pawl_client *client = NULL;
    pawl_seq *seq = NULL;
    pawl_error error;
    int64_t id;

    pawl_stores_register(); /* libpawl-stores; without it there is pawl:// only */
    pawl_err err = pawl_open(url, NULL, &client, &error);

    if (err == PAWL_OK) err = pawl_create(client, name, NULL, &error);
    if (err == PAWL_OK || err == PAWL_EXISTS) err = pawl_seq_open(client, name, &seq, &error);
    if (err == PAWL_OK) {
        err = pawl_next(seq, &id);
        if (err == PAWL_OK) (void)printf("%" PRId64 "\n", id);
        if (err != PAWL_OK) (void)fprintf(stderr, "%s\n", pawl_err_text(err));
    } else {
        (void)fprintf(stderr, "%s\n", error.text);
    }
    pawl_close(client);
    return err == PAWL_OK ? 0 : 1;
}
