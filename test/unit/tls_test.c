/* SPDX-License-Identifier: Apache-2.0 */
/* Links over TLS against OpenSSL's server side, without sockets: a net that the test pumps. */
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DAY_S = 24 * 3600, HEARD_MAX = 2 << 20, PIECE_MAX = 16 * 1024, PATH_MAX_BYTES = 128 };

struct identity {
    EVP_PKEY *key;
    X509 *cert;
};

struct world {
    struct pawl_net below; /* played by the test */
    struct pawl_link *dialled;
    unsigned dials;
    SSL_CTX *server_context;
    SSL *server;
    BIO *to_server, *from_server;
    size_t piece; /* bytes that reach the client at once */
    char *server_heard;
    size_t server_heard_size;

    struct pawl_tls *tls;
    struct pawl_link link;
    bool opened, close_in_opened, close_in_received, dial_in_closed;
    char *heard;
    size_t heard_size;
    char reason[400];
};

static char folder[] = "/tmp/pawl-tls-XXXXXX";
static struct identity authority, stranger;

static const char *path_of(const char *name)
{
    static char path[16][PATH_MAX_BYTES];
    static unsigned turn;
    char *to = path[turn++ % 16];

    (void)snprintf(to, PATH_MAX_BYTES, "%s/%s", folder, name);
    return to;
}

static void extend(X509 *cert, int what, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, what, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Signed by issuer, or by itself; names as "DNS:a,IP:b", NULL for an authority. */
static struct identity identity_make(const struct identity *issuer, const char *names, long end_s)
{
    struct identity made = {EVP_EC_gen("P-256"), X509_new()};
    X509_NAME *name = X509_get_subject_name(made.cert);
    const unsigned char *common = (const unsigned char *)(names != NULL ? "server" : "authority");

    X509_set_version(made.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.cert), 1 + (long)(names != NULL));
    X509_gmtime_adj(X509_getm_notBefore(made.cert), -10L * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(made.cert), end_s);
    X509_set_pubkey(made.cert, made.key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common, -1, -1, 0);
    X509_set_issuer_name(made.cert, issuer == NULL ? name : X509_get_subject_name(issuer->cert));
    if (names == NULL) {
        extend(made.cert, NID_basic_constraints, "critical,CA:TRUE");
    } else {
        extend(made.cert, NID_subject_alt_name, names);
    }
    assert_true(X509_sign(made.cert, issuer == NULL ? made.key : issuer->key, EVP_sha256()) > 0);
    return made;
}

static void identity_end(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->cert);
}

static void identity_save(const struct identity *identity, const char *cert, const char *key)
{
    FILE *file = fopen(path_of(cert), "w");

    assert_non_null(file);
    PEM_write_X509(file, identity->cert);
    assert_int_equal(fclose(file), 0);
    if (key == NULL) return;
    file = fopen(path_of(key), "w");
    assert_non_null(file);
    PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL);
    assert_int_equal(fclose(file), 0);
}

static int folder_make(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    authority = identity_make(NULL, NULL, 30L * DAY_S);
    stranger = identity_make(NULL, NULL, 30L * DAY_S);
    identity_save(&authority, "ca.pem", "ca.key");
    return 0;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

static int folder_remove(void **state)
{
    (void)state;
    identity_end(&authority);
    identity_end(&stranger);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void below_dial(struct pawl_link *link, const char *host, uint16_t port)
{
    struct world *world = PAWL_OWNER(link->net, struct world, below);

    assert_non_null(host);
    assert_int_equal(port, 6379);
    world->dialled = link;
    world->dials++;
    link->io = world;
}

static void below_send(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct world *world = link->io;

    if (world->to_server == NULL) return; /* nobody is there */
    assert_int_equal(BIO_write(world->to_server, bytes.at, (int)bytes.size), (int)bytes.size);
}

static void below_close(struct pawl_link *link)
{
    struct world *world = link->io;

    if (world != NULL) world->dialled = NULL;
    link->io = NULL;
}

static const struct pawl_net_ops below_ops = {
    .dial = below_dial, .send = below_send, .close = below_close};

static struct world *world_of(struct pawl_link *link)
{
    return PAWL_OWNER(link, struct world, link);
}

static void link_opened(struct pawl_link *link)
{
    struct world *world = world_of(link);

    assert_false(world->opened);
    world->opened = true;
    if (world->close_in_opened) link->net->ops->close(link);
}

static void link_received(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct world *world = world_of(link);

    assert_true(world->opened);
    assert_true(world->heard_size + bytes.size <= HEARD_MAX);
    memcpy(world->heard + world->heard_size, bytes.at, bytes.size);
    world->heard_size += bytes.size;
    if (world->close_in_received) link->net->ops->close(link);
}

static void link_closed(struct pawl_link *link, const char *reason)
{
    struct world *world = world_of(link);

    (void)snprintf(world->reason, sizeof world->reason, "%s", reason);
    if (world->dial_in_closed) link->net->ops->dial(link, "pawl.test", 6379);
}

static const struct pawl_link_events link_events = {
    .opened = link_opened, .received = link_received, .closed = link_closed};

/* A server that shows an identity of these names, and a client that trusts the authority. */
static struct world *world_make(const struct identity *issuer, const char *names, long end_s)
{
    struct world *world = calloc(1, sizeof *world);
    struct identity identity = identity_make(issuer, names, end_s);
    const struct pawl_tls_options options = {.ca_file = path_of("ca.pem")};

    world->below.ops = &below_ops;
    world->piece = PIECE_MAX;
    world->heard = malloc(HEARD_MAX);
    world->server_heard = malloc(HEARD_MAX);
    world->server_context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(world->server_context, identity.cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(world->server_context, identity.key), 1);
    identity_end(&identity);
    assert_int_equal(pawl_tls_new(&world->below, &options, &world->tls, NULL), PAWL_OK);
    world->link = (struct pawl_link){.net = pawl_tls_net(world->tls), .events = &link_events};
    return world;
}

static struct world *world_usual(void)
{
    return world_make(&authority, "DNS:pawl.test,IP:127.0.0.1,IP:::1", DAY_S);
}

static void world_tls(struct world *world, const struct pawl_tls_options *options)
{
    pawl_tls_free(world->tls);
    assert_int_equal(pawl_tls_new(&world->below, options, &world->tls, NULL), PAWL_OK);
    world->link.net = pawl_tls_net(world->tls);
}

static void world_end(struct world *world)
{
    world->dial_in_closed = false;
    if (world->link.io != NULL) world->link.net->ops->close(&world->link);
    assert_null(world->dialled);
    pawl_tls_free(world->tls);
    SSL_free(world->server);
    SSL_CTX_free(world->server_context);
    free(world->heard);
    free(world->server_heard);
    free(world);
}

static void accept_dialled(struct world *world)
{
    SSL_free(world->server);
    world->server = SSL_new(world->server_context);
    world->to_server = BIO_new(BIO_s_mem());
    world->from_server = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(world->to_server, -1);
    SSL_set_bio(world->server, world->to_server, world->from_server);
    SSL_set_accept_state(world->server);
}

static void server_run(struct world *world)
{
    if (!SSL_is_init_finished(world->server) && SSL_do_handshake(world->server) != 1) return;
    for (;;) {
        int got = SSL_read(world->server, world->server_heard + world->server_heard_size,
                           (int)(HEARD_MAX - world->server_heard_size));
        if (got <= 0) return;
        world->server_heard_size += (size_t)got;
    }
}

/* Until nothing moves any more. */
static void pump(struct world *world)
{
    char piece[PIECE_MAX];

    for (;;) {
        server_run(world);
        int got = BIO_read(world->from_server, piece, (int)world->piece);
        if (got <= 0) return;
        struct pawl_link *link = world->dialled;
        if (link == NULL) return;
        link->events->received(link, (struct pawl_bytes){piece, (size_t)got});
    }
}

static void dial(struct world *world, const char *host)
{
    world->link.net->ops->dial(&world->link, host, 6379);
    assert_false(world->opened);
    accept_dialled(world);
    world->dialled->events->opened(world->dialled);
    pump(world);
}

static void refused(const struct identity *issuer, const char *names, long end_s, const char *words)
{
    struct world *world = world_make(issuer, names, end_s);

    dial(world, "pawl.test");
    assert_false(world->opened);
    assert_null(world->link.io);
    if (strstr(world->reason, words) == NULL) fail_msg("\"%s\" lacks \"%s\"", world->reason, words);
    world_end(world);
}

static void bytes_travel_both_ways_in_pieces_of_any_size(void **state)
{
    static const size_t pieces[] = {1, 2, 7, 333, PIECE_MAX};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(pieces); i++) {
        struct world *world = world_usual();

        world->piece = pieces[i];
        dial(world, "pawl.test");
        assert_true(world->opened);
        assert_string_equal(SSL_get_servername(world->server, TLSEXT_NAMETYPE_host_name),
                            "pawl.test");
        world->link.net->ops->send(&world->link, PAWL_BYTES("PING\r\n"));
        assert_int_equal(SSL_write(world->server, "+PONG\r\n", 7), 7);
        pump(world);
        assert_int_equal(world->server_heard_size, 6);
        assert_memory_equal(world->server_heard, "PING\r\n", 6);
        assert_int_equal(world->heard_size, 7);
        assert_memory_equal(world->heard, "+PONG\r\n", 7);
        world_end(world);
    }
}

static void a_million_bytes_arrive_whole(void **state)
{
    enum { SIZE = 1 << 20 };
    struct world *world = world_usual();
    char *bytes = malloc(SIZE);

    (void)state;
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (char)(i * 31 % 251);
    }
    dial(world, "pawl.test");
    world->link.net->ops->send(&world->link, (struct pawl_bytes){bytes, SIZE});
    assert_int_equal(SSL_write(world->server, bytes, SIZE), SIZE);
    pump(world);
    assert_int_equal(world->server_heard_size, SIZE);
    assert_memory_equal(world->server_heard, bytes, SIZE);
    assert_int_equal(world->heard_size, SIZE);
    assert_memory_equal(world->heard, bytes, SIZE);
    free(bytes);
    world_end(world);
}

static void addresses_are_verified_as_addresses(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(hosts); i++) {
        struct world *world = world_usual();

        dial(world, hosts[i]);
        assert_true(world->opened);
        assert_null(SSL_get_servername(world->server, TLSEXT_NAMETYPE_host_name));
        world_end(world);
    }
    struct world *world = world_usual();

    dial(world, "127.0.0.2");
    assert_false(world->opened);
    assert_non_null(strstr(world->reason, "IP address mismatch"));
    assert_non_null(strstr(world->reason, "127.0.0.2"));
    world_end(world);
}

static void certificates_that_prove_nothing_are_refused(void **state)
{
    (void)state;
    refused(&authority, "DNS:pawl.test", -DAY_S, "certificate has expired");
    refused(&authority, "DNS:other.test", DAY_S, "hostname mismatch");
    refused(&authority, "DNS:other.test", DAY_S, "pawl.test");
    refused(&stranger, "DNS:pawl.test", DAY_S, "certificate");
    refused(NULL, "DNS:pawl.test", DAY_S, "self-signed certificate");
}

static void without_verifying_any_certificate_will_do(void **state)
{
    const struct pawl_tls_options options = {.no_verify = true};
    struct world *world = world_make(&stranger, "DNS:other.test", -DAY_S);

    (void)state;
    world_tls(world, &options);
    dial(world, "pawl.test");
    assert_true(world->opened);
    world_end(world);
}

static void a_server_may_ask_for_our_certificate(void **state)
{
    struct identity ours = identity_make(&authority, "DNS:client", DAY_S);

    (void)state;
    identity_save(&ours, "client.pem", "client.key");
    for (int given = 0; given < 2; given++) {
        struct world *world = world_usual();
        const struct pawl_tls_options options = {
            .ca_file = path_of("ca.pem"),
            .cert_file = given ? path_of("client.pem") : NULL,
            .key_file = given ? path_of("client.key") : NULL,
        };

        SSL_CTX_set_verify(world->server_context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                           NULL);
        assert_int_equal(SSL_CTX_load_verify_file(world->server_context, path_of("ca.pem")), 1);
        world_tls(world, &options);
        dial(world, "pawl.test");
        assert_int_equal(SSL_is_init_finished(world->server), given);
        if (!given) assert_non_null(strstr(world->reason, "certificate required"));
        world_end(world);
    }
    identity_end(&ours);
}

static void a_peer_without_tls_is_told_apart(void **state)
{
    struct world *world = world_usual();

    (void)state;
    world->link.net->ops->dial(&world->link, "pawl.test", 6379);
    world->dialled->events->opened(world->dialled);
    world->dialled->events->received(world->dialled, PAWL_BYTES("-ERR unknown command\r\n"));
    assert_null(world->dialled);
    assert_non_null(strstr(world->reason, "TLS: wrong version number"));
    world_end(world);
}

static void hang_up(struct world *world, const char *reason)
{
    struct pawl_link *below = world->dialled;

    world->dialled = NULL;
    below->io = NULL;
    below->events->closed(below, reason);
}

static void an_end_below_is_an_end_above(void **state)
{
    struct world *world = world_usual();

    (void)state;
    world->link.net->ops->dial(&world->link, "pawl.test", 6379);
    assert_false(world->link.bare);
    hang_up(world, "cannot connect: connection refused");
    assert_string_equal(world->reason, "cannot connect: connection refused");
    assert_false(world->link.bare); /* nothing stood */
    world->link.net->ops->dial(&world->link, "pawl.test", 6379);
    world->dialled->events->opened(world->dialled);
    hang_up(world, "closed by the peer");
    assert_string_equal(world->reason, "closed by the peer during the TLS handshake");
    assert_true(world->link.bare); /* it stood, and TLS was not heard */
    dial(world, "pawl.test");
    hang_up(world, "connection reset by peer");
    assert_string_equal(world->reason, "connection reset by peer");
    assert_false(world->link.bare);
    world->opened = false;
    dial(world, "pawl.test");
    SSL_shutdown(world->server);
    pump(world);
    assert_string_equal(world->reason, "closed by the peer");
    assert_null(world->dialled);
    world_end(world);
}

static void a_link_may_be_closed_and_dialled_from_its_own_events(void **state)
{
    struct world *world = world_usual();

    (void)state;
    world->close_in_opened = true;
    dial(world, "pawl.test");
    assert_null(world->dialled);
    world->opened = world->close_in_opened = false;
    world->close_in_received = true;
    dial(world, "pawl.test");
    assert_int_equal(SSL_write(world->server, "a", 1), 1);
    assert_int_equal(SSL_write(world->server, "b", 1), 1);
    pump(world);
    assert_int_equal(world->heard_size, 1);
    assert_null(world->dialled);
    server_run(world); /* and the server was told that this was all */
    assert_true((SSL_get_shutdown(world->server) & SSL_RECEIVED_SHUTDOWN) != 0);
    world->opened = false;
    world->dial_in_closed = true;
    unsigned before = world->dials;

    dial(world, "other.test");
    assert_int_equal(world->dials, before + 2);
    assert_non_null(strstr(world->reason, "hostname mismatch"));
    world_end(world);
}

static void broken(const struct pawl_tls_options *options, const char *words)
{
    struct pawl_tls *tls = NULL;
    pawl_error error = {0};

    struct pawl_net below = {&below_ops};

    assert_int_equal(pawl_tls_new(&below, options, &tls, &error), PAWL_BAD_REQUEST);
    assert_null(tls);
    if (strstr(error.text, words) == NULL) fail_msg("\"%s\" lacks \"%s\"", error.text, words);
}

static void files_that_will_not_do_are_named(void **state)
{
    const struct pawl_tls_options options[] = {
        {.ca_file = "/nowhere/ca.pem"},    {.ca_file = path_of("ca.key")},
        {.cert_file = "/nowhere/own.pem"}, {.key_file = "/nowhere/own.key"},
        {.cert_file = path_of("ca.pem")},
    };
    struct identity other = identity_make(&authority, "DNS:client", DAY_S);
    const struct pawl_tls_options mixed = {.cert_file = path_of("ca.pem"),
                                           .key_file = path_of("other.key")};

    (void)state;
    identity_save(&other, "other.pem", "other.key");
    identity_end(&other);
    broken(&options[0], "/nowhere/ca.pem");
    broken(&options[1], "ca.key");
    broken(&options[2], "/nowhere/own.pem");
    broken(&options[3], "lacks its certificate");
    broken(&options[4], "ca.pem");
    broken(&mixed, "mismatch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_travel_both_ways_in_pieces_of_any_size),
        cmocka_unit_test(a_million_bytes_arrive_whole),
        cmocka_unit_test(addresses_are_verified_as_addresses),
        cmocka_unit_test(certificates_that_prove_nothing_are_refused),
        cmocka_unit_test(without_verifying_any_certificate_will_do),
        cmocka_unit_test(a_server_may_ask_for_our_certificate),
        cmocka_unit_test(a_peer_without_tls_is_told_apart),
        cmocka_unit_test(an_end_below_is_an_end_above),
        cmocka_unit_test(a_link_may_be_closed_and_dialled_from_its_own_events),
        cmocka_unit_test(files_that_will_not_do_are_named),
    };

    return cmocka_run_group_tests_name("tls", tests, folder_make, folder_remove);
}
