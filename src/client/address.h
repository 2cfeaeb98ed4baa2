/* SPDX-License-Identifier: Apache-2.0 */
/* The servers that a URL names: pawl://[user[:password]@]host[:port][,host[:port]...], IPv6
 * addresses in brackets. */
#ifndef PAWL_ADDRESS_H
#define PAWL_ADDRESS_H

#include "client/fleet.h"

struct pawl_address {
    char host[PAWL_REMOTE_HOST_BYTES_MAX + 1];
    uint16_t port;
};

/*
 * PAWL_OK with 1 to PAWL_FLEET_SERVERS_MAX addresses, no two alike, or PAWL_BAD_REQUEST. A user
 * without a password has that of PAWL_PASSWORD in the environment, a password without a user is
 * that of the user `default`. No error shows a password.
 */
pawl_err pawl_addresses_read(const char *url, struct pawl_address addresses[PAWL_FLEET_SERVERS_MAX],
                             size_t *count, struct pawl_login *login, pawl_error *error);

#endif
