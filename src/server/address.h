/* SPDX-License-Identifier: Apache-2.0 */
/* Where somebody is or listens, for people. */
#ifndef PAWLD_ADDRESS_H
#define PAWLD_ADDRESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { ADDRESS_SHOW_BYTES_MAX = 64 }; /* "[IPv6]:port" */

/* Of IPv4 or IPv6. */
uint16_t address_port(const struct sockaddr_storage *at);
/* "host:port", an IPv6 host in brackets; cut at size. */
void address_show(const struct sockaddr_storage *at, char *to, size_t size);

#endif
