/* SPDX-License-Identifier: Apache-2.0 */
/* Users: threads of an application, or of a server, that take ids from a node's keeper. */
#ifndef PAWL_SIM_USER_H
#define PAWL_SIM_USER_H

#include "range/lane.h"
#include "sim_node.h"

enum sim_user_state {
    SIM_USER_THINKS, /* has no call under way */
    SIM_USER_OPENS,
    SIM_USER_WAITS, /* for ids in the stock */
    SIM_USER_ASKED, /* for ids of its own */
};

struct sim_user {
    struct sim *sim;
    struct sim_node *node;
    int seq, index;
    uint64_t life; /* of the node, as far as it knows */
    uint64_t think_ns;
    uint64_t burst; /* ids it takes at a time, about */

    enum sim_user_state state;
    bool unanswered; /* its ask is with the keeper */
    struct pawl_ask ask;
    struct pawl_holding *holding; /* NULL: not open */
    struct sim_call call;
    struct sim_context *context; /* of the call */
    uint64_t left;               /* ids still wished for in this burst */
    uint64_t count;              /* in this call */
    bool exact, by_lane;
    struct pawl_run lane;
    struct sim_context lane_context;

    uint64_t begun_ns;  /* of the call */
    uint64_t served_ns; /* when it last got ids; 0: never */
    pawl_err refused;   /* why not, the last time */
};

struct sim_user *sim_user_new(struct sim_node *node, int seq);
/* Somebody who could have been served since and was not; NULL: nobody. */
const struct sim_user *sim_users_starving(const struct sim *sim, uint64_t since_ns);
/* Fails if somebody who could have been was not served since. */
void sim_users_check_served(struct sim *sim, uint64_t since_ns);

#endif
