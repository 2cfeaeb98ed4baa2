/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REASON_BYTES_MAX = 384, PLAIN_BYTES = 16 * 1024, HOST_BYTES_MAX = 255 };

struct pawl_tls {
    struct pawl_net net;
    struct pawl_net *below;
    SSL_CTX *context;
};

/* One connection, from dial to close. */
struct io {
    struct pawl_link *link; /* NULL: given up; freed when nobody is inside of it any more */
    struct pawl_link below;
    SSL *ssl;
    BIO *in, *out; /* the ssl's: bytes from the peer, and for it */
    bool open;     /* the handshake is over, and the owner was told */
    bool inside;   /* a callback of below is under way */
    char host[HOST_BYTES_MAX + 1];
    char plain[PLAIN_BYTES];
};

static void free_if_over(struct io *io)
{
    if (io->link != NULL || io->inside) return;
    SSL_free(io->ssl);
    free(io);
}

/* Hands on what OpenSSL wants to send. */
static void flush(struct io *io)
{
    char *bytes = NULL;
    long size = BIO_get_mem_data(io->out, &bytes);

    if (size <= 0) return;
    io->below.net->ops->send(&io->below, (struct pawl_bytes){bytes, (size_t)size});
    (void)BIO_reset(io->out);
}

/* The link is free from here on. */
static void give_up(struct io *io)
{
    io->link->io = NULL;
    io->link = NULL;
    io->below.net->ops->close(&io->below);
}

static void failed(struct io *io, const char *reason)
{
    struct pawl_link *link = io->link;

    flush(io); /* an alert that says why, to the peer */
    give_up(io);
    link->events->closed(link, reason);
}

/* What OpenSSL says of the call that failed last; error is SSL_get_error's. */
static void read_reason(const struct io *io, int error, char reason[REASON_BYTES_MAX])
{
    unsigned long code = ERR_peek_error();
    long verdict = SSL_get_verify_result(io->ssl);
    const char *words = ERR_reason_error_string(code);

    if (error == SSL_ERROR_ZERO_RETURN) {
        (void)snprintf(reason, REASON_BYTES_MAX, "closed by the peer");
    } else if (verdict == X509_V_ERR_HOSTNAME_MISMATCH ||
               verdict == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        (void)snprintf(reason, REASON_BYTES_MAX,
                       "TLS: %s: the server's certificate is not for \"%s\"",
                       X509_verify_cert_error_string(verdict), io->host);
    } else if (verdict != X509_V_OK && SSL_get_verify_mode(io->ssl) != SSL_VERIFY_NONE) {
        (void)snprintf(reason, REASON_BYTES_MAX, "TLS: the server's certificate: %s",
                       X509_verify_cert_error_string(verdict));
    } else {
        (void)snprintf(reason, REASON_BYTES_MAX, "TLS: %s",
                       words != NULL ? words : "it failed without a reason");
    }
    ERR_clear_error();
}

/* false: the connection is over, and its owner was told, unless it was he who ended it. */
static bool settle(struct io *io, int result)
{
    char reason[REASON_BYTES_MAX];
    int error = SSL_get_error(io->ssl, result);

    if (error == SSL_ERROR_WANT_READ) {
        flush(io);
        return true;
    }
    read_reason(io, error, reason);
    failed(io, reason);
    return false;
}

/* Goes on with the handshake, then hands on what has come. */
static void go_on(struct io *io)
{
    ERR_clear_error();
    if (!io->open) {
        int result = SSL_do_handshake(io->ssl);
        bool alerted = ERR_GET_REASON(ERR_peek_error()) > SSL_AD_REASON_OFFSET;

        if (alerted || SSL_get_pending_cipher(io->ssl) != NULL) io->link->bare = false;
        if (result != 1) {
            (void)settle(io, result);
            return;
        }
        flush(io);
        io->open = true;
        io->link->bare = false;
        io->link->events->opened(io->link);
    }
    while (io->link != NULL) {
        ERR_clear_error();
        int got = SSL_read(io->ssl, io->plain, sizeof io->plain);

        if (got <= 0) {
            (void)settle(io, got);
            return;
        }
        io->link->events->received(io->link, (struct pawl_bytes){io->plain, (size_t)got});
    }
}

static void below_opened(struct pawl_link *below)
{
    struct io *io = PAWL_OWNER(below, struct io, below);

    io->inside = true;
    io->link->bare = true;
    go_on(io);
    io->inside = false;
    free_if_over(io);
}

static void below_received(struct pawl_link *below, struct pawl_bytes bytes)
{
    struct io *io = PAWL_OWNER(below, struct io, below);

    io->inside = true;
    if (BIO_write(io->in, bytes.at, (int)bytes.size) == (int)bytes.size) {
        go_on(io);
    } else {
        failed(io, "no memory for what the peer sends");
    }
    io->inside = false;
    free_if_over(io);
}

static void below_closed(struct pawl_link *below, const char *reason)
{
    struct io *io = PAWL_OWNER(below, struct io, below);
    struct pawl_link *link = io->link;
    char text[REASON_BYTES_MAX];
    bool shaking = SSL_get_state(io->ssl) != TLS_ST_BEFORE && !io->open;

    (void)snprintf(text, sizeof text, "%s%s", reason, shaking ? " during the TLS handshake" : "");
    link->io = NULL;
    io->link = NULL;
    free_if_over(io);
    link->events->closed(link, text);
}

static const struct pawl_link_events below_events = {
    .opened = below_opened,
    .received = below_received,
    .closed = below_closed,
};

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* Whom the certificate must name, and whom the server is told that we mean. */
static bool set_host(struct io *io)
{
    X509_VERIFY_PARAM *verify = SSL_get0_param(io->ssl);

    if (is_address(io->host)) return X509_VERIFY_PARAM_set1_ip_asc(verify, io->host) == 1;
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(verify, io->host, 0) == 1 &&
           SSL_set_tlsext_host_name(io->ssl, io->host) == 1;
}

static void tls_dial(struct pawl_link *link, const char *host, uint16_t port)
{
    struct pawl_tls *tls = PAWL_OWNER(link->net, struct pawl_tls, net);
    struct io *io = calloc(1, sizeof *io);

    PAWL_ASSERT(link->io == NULL);
    PAWL_ASSERT(strlen(host) <= HOST_BYTES_MAX);
    PAWL_ASSERT(io != NULL); /* a connection's memory is small beside what it serves */
    io->ssl = SSL_new(tls->context);
    io->in = BIO_new(BIO_s_mem());
    io->out = BIO_new(BIO_s_mem());
    PAWL_ASSERT(io->ssl != NULL && io->in != NULL && io->out != NULL);
    (void)BIO_set_mem_eof_return(io->in, -1);
    (void)BIO_set_mem_eof_return(io->out, -1);
    SSL_set_bio(io->ssl, io->in, io->out);
    SSL_set_connect_state(io->ssl);
    memcpy(io->host, host, strlen(host) + 1);
    PAWL_ASSERT(set_host(io));
    io->link = link;
    link->bare = false;
    io->below = (struct pawl_link){.net = tls->below, .events = &below_events};
    link->io = io;
    io->below.net->ops->dial(&io->below, host, port);
}

static void tls_send(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct io *io = link->io;

    PAWL_ASSERT(io != NULL && io->open);
    if (bytes.size == 0) return;
    ERR_clear_error();
    /* It writes to memory, and to a peer that may not renegotiate: without memory it fails, the
     * connection says nothing more, and the owner's time limit ends it. */
    size_t wrote = 0;

    (void)SSL_write_ex(io->ssl, bytes.at, bytes.size, &wrote);
    flush(io);
}

static void tls_close(struct pawl_link *link)
{
    struct io *io = link->io;

    if (io == NULL) return;
    if (io->open) {
        ERR_clear_error();
        (void)SSL_shutdown(io->ssl); /* tells the peer that nothing was cut off */
        flush(io);
    }
    give_up(io);
    free_if_over(io);
}

static const struct pawl_net_ops tls_net_ops = {
    .dial = tls_dial,
    .send = tls_send,
    .close = tls_close,
};

/* A program that serves has no terminal to ask for a passphrase at. */
static int no_passphrase(char *to, int size, int writes, void *arg)
{
    (void)writes;
    (void)arg;
    if (size > 0) to[0] = '\0';
    return -1;
}

static pawl_err file_failed(const char *what, const char *file, pawl_error *error)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());

    if (access(file, R_OK) != 0) words = strerror(errno); /* OpenSSL says "system lib" */
    (void)pawl_fail(error, PAWL_BAD_REQUEST, "TLS: %s \"%s\": %s", what, file,
                    words != NULL ? words : "it cannot be read");
    ERR_clear_error();
    return PAWL_BAD_REQUEST;
}

static pawl_err load_files(SSL_CTX *context, const struct pawl_tls_options *options,
                           pawl_error *error)
{
    const char *key_file = options->key_file != NULL ? options->key_file : options->cert_file;

    ERR_clear_error();
    if (options->ca_file != NULL && SSL_CTX_load_verify_file(context, options->ca_file) != 1) {
        return file_failed("cannot take certificates to trust from", options->ca_file, error);
    }
    if (options->ca_file == NULL && !options->no_verify) {
        (void)SSL_CTX_set_default_verify_paths(context); /* none: no certificate will do */
    }
    if (options->cert_file == NULL) {
        if (key_file == NULL) return PAWL_OK;
        return pawl_fail(error, PAWL_BAD_REQUEST, "TLS: the key \"%s\" lacks its certificate",
                         key_file);
    }
    if (SSL_CTX_use_certificate_chain_file(context, options->cert_file) != 1) {
        return file_failed("cannot take our certificate from", options->cert_file, error);
    }
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1) {
        return file_failed("cannot take our certificate's key from", key_file, error);
    }
    return PAWL_OK;
}

pawl_err pawl_tls_new(struct pawl_net *below, const struct pawl_tls_options *options,
                      struct pawl_tls **tls, pawl_error *error)
{
    PAWL_ASSERT(below != NULL && options != NULL && tls != NULL);
    /* An application's other threads may still be here while it exits. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    struct pawl_tls *made = calloc(1, sizeof *made);

    if (made != NULL) made->context = SSL_CTX_new(TLS_client_method());
    if (made == NULL || made->context == NULL) {
        free(made);
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for TLS");
    }
    made->net.ops = &tls_net_ops;
    made->below = below;
    (void)SSL_CTX_set_min_proto_version(made->context, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(made->context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_default_passwd_cb(made->context, no_passphrase);
    SSL_CTX_set_verify(made->context, options->no_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    pawl_err err = load_files(made->context, options, error);

    if (err != PAWL_OK) {
        pawl_tls_free(made);
        return err;
    }
    *tls = made;
    return PAWL_OK;
}

struct pawl_net *pawl_tls_net(struct pawl_tls *tls)
{
    return &tls->net;
}

void pawl_tls_free(struct pawl_tls *tls)
{
    if (tls == NULL) return;
    SSL_CTX_free(tls->context);
    free(tls);
}
