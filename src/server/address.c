/* SPDX-License-Identifier: Apache-2.0 */
#include "server/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

uint16_t address_port(const struct sockaddr_storage *at)
{
    return at->ss_family == AF_INET ? ntohs(((const struct sockaddr_in *)at)->sin_port)
                                    : ntohs(((const struct sockaddr_in6 *)at)->sin6_port);
}

void address_show(const struct sockaddr_storage *at, char *to, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (at->ss_family == AF_INET) {
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)at)->sin_addr, host, sizeof host);
    } else {
        (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)at)->sin6_addr, host, sizeof host);
    }
    (void)snprintf(to, size, at->ss_family == AF_INET ? "%s:%u" : "[%s]:%u", host,
                   address_port(at));
}
