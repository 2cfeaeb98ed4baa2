/* SPDX-License-Identifier: Apache-2.0 */
/* What a guard's folder holds, without changing any of it: for --check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/folder.h"
#include "store/guard_aside.h"
#include "store/guard_env.h"
#include "store/guard_file.h"
#include "store/guard_stores.h"

static pawl_err look_into(const char *folder, const char *name, struct pawl_guard_glance *glance,
                          pawl_error *error)
{
    char path[PAWL_GUARD_PATH_BYTES];
    struct pawl_guard_env env;
    struct stat about;
    const char *why = NULL;

    (void)snprintf(path, sizeof path, "%s/guard-%s/data.mdb", folder, name);
    glance->begun = stat(path, &about) == 0 && about.st_size > 0;
    if (!glance->begun) return PAWL_OK;
    *strrchr(path, '/') = '\0';
    struct pawl_guard_openings openings = pawl_guard_openings(path);

    if (openings.all == 0) openings.all = 1; /* who looks must not die of it either */
    if (pawl_guard_is_deadly(path, &openings)) {
        glance->trouble = "it ends the process that opens it";
        return PAWL_OK;
    }
    int rc = pawl_guard_env_glance(&env, path, &why);

    if (rc == PAWL_GUARD_ENV_DAMAGED) {
        glance->trouble = why;
        return PAWL_OK;
    }
    if (rc != 0) {
        return pawl_fail(error, PAWL_STORE,
                         "the guard in %.200s %s: %s; see to its disk and rights", path,
                         why == NULL ? "cannot be used" : why, mdb_strerror(rc));
    }
    glance->sequences = env.count;
    pawl_guard_env_close(&env);
    return PAWL_OK;
}

pawl_err pawl_guard_file_glance(const struct pawl_guard_place *place,
                                const struct pawl_identity *store, struct pawl_guard_glance *glance,
                                pawl_error *error)
{
    struct pawl_guard_stores *stores = calloc(1, sizeof *stores);
    char folder[PATH_MAX];
    char name[PAWL_GUARD_NAME_BYTES];
    bool known = false;
    pawl_err err = PAWL_OK;

    *glance = (struct pawl_guard_glance){.begun = false};
    if (stores == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a guard");
    if (realpath(place->folder, folder) != NULL) {
        stores->looks = true;
        err = pawl_folder_unowned(folder, error);
        if (err == PAWL_OK) err = pawl_guard_stores_open(stores, folder, place, error);
        if (err == PAWL_OK) err = pawl_guard_stores_accept(stores, store, &known, error);
        if (err == PAWL_OK) {
            pawl_guard_stores_book(stores, name);
            err = look_into(folder, name, glance, error);
        }
    }
    free(stores);
    return err;
}
