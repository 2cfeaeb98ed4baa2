/* SPDX-License-Identifier: Apache-2.0 */
/* TLS for stores that are reached over links: what their URLs say of it. */
#ifndef PAWL_STORE_SECURE_H
#define PAWL_STORE_SECURE_H

#include "net/tls.h"
#include "store/url.h"

/*
 * For the rules' keys of a scheme with TLS, and of no other:
 *   ca=FILE        whom to trust, instead of whom the system trusts
 *   cert=FILE      our own certificate; key=FILE its key, if that is another file
 *   verify=yes|no  no: any certificate will do
 */
#define PAWL_SECURE_KEYS "ca", "cert", "key", "verify"

/* As pawl_tls_new, with the URL's options. verify=no is logged as a warning. */
pawl_err pawl_secure_new(const struct pawl_url *url, struct pawl_net *below, struct pawl_tls **tls,
                         pawl_error *error);

/*
 * What to say, behind the reason, of a connection that ended while its link was bare: not of one
 * that never stood, since a firewall in the way is no reason to send a password in the clear.
 * plain: the scheme without TLS.
 */
#define PAWL_SECURE_HINT(plain)                                                                   \
    "; check the port, or TLS on the server: it may not speak TLS there; only if that is meant, " \
    "and what is sent may be read on the way, use " plain

#endif
