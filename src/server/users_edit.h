/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a users file, with one user's line put in, changed or taken out: pawl passwd's. */
#ifndef PAWLD_USERS_EDIT_H
#define PAWLD_USERS_EDIT_H

#include "server/users.h"

/*
 * Finds name's line; line->name has size 0 if there is none.
 *
 * Errors:   PAWL_BAD_REQUEST  a line of the text is wrong; error names it as one of the file path
 */
pawl_err users_edit_find(struct pawl_bytes text, const char *path, struct pawl_bytes name,
                         struct user_line *line, pawl_error *error);
/*
 * A new text in which line stands for name, in the place of the one that was there, else at the
 * end; NULL: none does. All other lines stay as they are. The caller frees it. NULL: no memory.
 */
char *users_edit_put(struct pawl_bytes text, struct pawl_bytes name, const struct user_line *line,
                     size_t *size);

#endif
