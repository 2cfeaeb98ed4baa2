/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS over another net: what is dialled through it is a link like any other, which has opened when
 * the handshake is over and the certificate is the host's. Time limits are the dialler's: the net
 * below limits connecting only, and a handshake may hang.
 */
#ifndef PAWL_TLS_H
#define PAWL_TLS_H

#include "net/link.h"

/* Files are read when the net is made. */
struct pawl_tls_options {
    const char *ca_file;   /* whom to trust; NULL: whom the system trusts */
    const char *cert_file; /* the client's own certificate and its chain, as PEM; NULL: none */
    const char *key_file;  /* its key, without a passphrase; NULL: it is in cert_file */
    bool no_verify;        /* any certificate will do: whoever is in between can read and write */
};

struct pawl_tls;

/*
 * A net over below, at least TLS 1.2. Links are dialled by host name or IP address, which the
 * certificate must bear. A link's closed(reason) has OpenSSL's words: "certificate has expired".
 *
 * Blocks:   while it reads the files
 * Threads:  the loop's only; links too
 * Memory:   *tls is ended by pawl_tls_free; options are not kept, below is
 * Errors:   PAWL_BAD_REQUEST  a file cannot be read, or does not hold what it should
 *           PAWL_NO_MEMORY
 */
pawl_err pawl_tls_new(struct pawl_net *below, const struct pawl_tls_options *options,
                      struct pawl_tls **tls, pawl_error *error);
struct pawl_net *pawl_tls_net(struct pawl_tls *tls);
/* Every link of its net must be closed. NULL is allowed. A forked child must not call it. */
void pawl_tls_free(struct pawl_tls *tls);

#endif
