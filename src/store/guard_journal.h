/* SPDX-License-Identifier: Apache-2.0 */
/* A file that frames are added to: one write each, and cut off again where that failed. */
#ifndef PAWL_STORE_GUARD_JOURNAL_H
#define PAWL_STORE_GUARD_JOURNAL_H

#include "base/base.h"

struct pawl_journal {
    int fd;      /* -1: closed */
    size_t size; /* of what is whole */
    bool harmed; /* behind that there may be more: nothing is added until it is emptied */
};

/* All return 0 or an errno. The bytes of a journal that is opened are malloc's. */
int pawl_journal_open(struct pawl_journal *journal, const char *path, struct pawl_bytes *bytes);
int pawl_journal_add(struct pawl_journal *journal, struct pawl_bytes frame, bool lasts);
int pawl_journal_empty(struct pawl_journal *journal);
void pawl_journal_close(struct pawl_journal *journal);

#endif
