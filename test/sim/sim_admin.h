/* SPDX-License-Identifier: Apache-2.0 */
/* The people of a run: they create sequences, change them, and help where only they can. */
#ifndef PAWL_SIM_ADMIN_H
#define PAWL_SIM_ADMIN_H

#include "sim_node.h"

struct sim_admin;

/* Draws the sequences of the run; nothing is created yet. */
void sim_seqs_draw(struct sim *sim);
/* Begins the work: creates all sequences first. */
struct sim_admin *sim_admin_new(struct sim *sim);

#endif
