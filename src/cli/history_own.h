/* SPDX-License-Identifier: Apache-2.0 */
/* What the ways of reading and judging share. */
#ifndef HISTORY_OWN_H
#define HISTORY_OWN_H

#include "cli/history.h"

/*
 * What a file holds whose name is taker->name. Of numbers, bytes are aligned and outlive taker.
 * Errors as history_read's.
 */
pawl_err history_parse(struct pawl_bytes bytes, struct history_taker *taker, pawl_error *error);

/* Counts a fault, and keeps it if it is one of the first. */
void history_note(struct history_report *report, const struct history_example *example);

/* ORDER GLOBAL: an id whose call began after another's had returned lies beyond it. */
pawl_err history_check_global(const struct history *history, const struct history_rules *rules,
                              struct history_report *report, pawl_error *error);

#endif
