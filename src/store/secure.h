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

#endif
