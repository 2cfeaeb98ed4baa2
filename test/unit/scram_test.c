/* SPDX-License-Identifier: Apache-2.0 */
/* Logins by RFC 7677's example, by GNU SASL's client, and by clients that say it wrong. */
#include "wire/scram.h"

#include <gsasl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SALT   "W22ZaJ0SNY7soEsUEjb6gQ=="
#define STORED "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define SERVER "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define PENCIL "SCRAM-SHA-256$4096:" SALT "$" STORED ":" SERVER

static const unsigned char nonce[PAWL_SCRAM_NONCE_BYTES] = "0123456789abcdefg";

static struct pawl_bytes bytes_of(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static struct pawl_scram_verifier verifier_of(const char *text)
{
    struct pawl_scram_verifier verifier;

    assert_null(pawl_scram_verifier_read(&verifier, bytes_of(text)));
    return verifier;
}

static void assert_said(struct pawl_bytes said, const char *want)
{
    if (pawl_bytes_equal(said, bytes_of(want))) return;
    fail_msg("said %.*s, wanted %s", (int)said.size, said.at, want);
}

static void test_of_the_rfc(void **state)
{
    struct pawl_scram_verifier verifier = verifier_of(PENCIL);
    struct pawl_scram scram;
    struct pawl_bytes answer;

    (void)state;
    assert_true(pawl_scram_password_fits(&verifier, PAWL_BYTES("pencil")));
    assert_false(pawl_scram_password_fits(&verifier, PAWL_BYTES("pencils")));
    pawl_scram_begin(&scram, &verifier, nonce);
    (void)snprintf(scram.nonce, sizeof scram.nonce, "%s", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    assert_int_equal(
        pawl_scram_step(&scram, PAWL_BYTES("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), &answer),
        PAWL_SCRAM_MORE);
    assert_said(answer, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=" SALT ",i=4096");
    assert_int_equal(
        pawl_scram_step(&scram,
                        PAWL_BYTES("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                   "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
                        &answer),
        PAWL_SCRAM_RIGHT);
    assert_said(answer, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

/* GNU SASL's client against our server; the last line of ours is checked by the client. */
static enum pawl_scram_end log_in(const struct pawl_scram_verifier *verifier, const char *password)
{
    enum pawl_scram_end end = PAWL_SCRAM_MORE;
    struct pawl_scram scram;
    struct pawl_bytes answer = {"", 0};
    Gsasl_session *session = NULL;
    Gsasl *gsasl = NULL;

    assert_int_equal(gsasl_init(&gsasl), GSASL_OK);
    assert_int_equal(gsasl_client_start(gsasl, PAWL_SCRAM_MECHANISM, &session), GSASL_OK);
    assert_int_equal(gsasl_property_set(session, GSASL_AUTHID, "user"), GSASL_OK);
    assert_int_equal(gsasl_property_set(session, GSASL_PASSWORD, password), GSASL_OK);
    pawl_scram_begin(&scram, verifier, nonce);
    for (int step = 0; end == PAWL_SCRAM_MORE; step++) {
        char *said = NULL;
        size_t size = 0;

        assert_int_equal(gsasl_step(session, answer.at, answer.size, &said, &size),
                         GSASL_NEEDS_MORE);
        end = pawl_scram_step(&scram, (struct pawl_bytes){said, size}, &answer);
        gsasl_free(said);
        assert_int_not_equal(end, PAWL_SCRAM_MALFORMED);
        assert_in_range(step, 0, 1);
    }
    if (end == PAWL_SCRAM_RIGHT) {
        char *said = NULL;
        size_t size = 0;

        assert_int_equal(gsasl_step(session, answer.at, answer.size, &said, &size), GSASL_OK);
        gsasl_free(said);
    }
    gsasl_finish(session);
    gsasl_done(gsasl);
    return end;
}

static void test_logins(void **state)
{
    static const struct {
        const char *password, *given;
        enum pawl_scram_end end;
    } rows[] = {
        {"pencil", "pencil", PAWL_SCRAM_RIGHT},
        {"pencil", "Pencil", PAWL_SCRAM_WRONG},
        {"a b c", "a b c", PAWL_SCRAM_RIGHT},
        {"I\xc2\xadX", "IX", PAWL_SCRAM_RIGHT},   /* a soft hyphen is mapped to nothing */
        {"\xe2\x85\xa8", "IX", PAWL_SCRAM_RIGHT}, /* the Roman numeral nine */
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", PAWL_SCRAM_RIGHT},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_scram_verifier verifier = {
            .iterations = 100, .salt_size = PAWL_SCRAM_SALT_BYTES, .salt = "123456789abcdef"};

        assert_true(pawl_scram_verifier_make(&verifier, bytes_of(rows[i].password)));
        if (log_in(&verifier, rows[i].given) != rows[i].end) {
            fail_msg("row %zu: %s given for %s", i, rows[i].given, rows[i].password);
        }
    }
}

/* What SASLprep refuses is taken as it is. */
static void test_raw_passwords(void **state)
{
    static const char *const passwords[] = {"\xff\xfe", "a\x01z", "\xd9\xa1z"};
    struct pawl_scram_verifier verifier = {.iterations = 10, .salt_size = 1};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(passwords); i++) {
        assert_true(pawl_scram_verifier_make(&verifier, bytes_of(passwords[i])));
        assert_true(pawl_scram_password_fits(&verifier, bytes_of(passwords[i])));
        assert_false(pawl_scram_password_fits(&verifier, PAWL_BYTES("z")));
    }
    assert_false(pawl_scram_verifier_make(&verifier, PAWL_BYTES("")));
    assert_false(pawl_scram_verifier_make(&verifier, PAWL_BYTES("a\0b")));
    char large[PAWL_SCRAM_PASSWORD_BYTES_MAX + 1];
    memset(large, 'x', sizeof large);
    assert_false(pawl_scram_verifier_make(&verifier, (struct pawl_bytes){large, sizeof large}));
    assert_true(pawl_scram_verifier_make(&verifier, (struct pawl_bytes){large, sizeof large - 1}));
}

static void test_verifiers(void **state)
{
    static const char *const wrong[] = {
        "",
        "md5d41d8cd98f00b204e9800998ecf8427e",
        "SCRAM-SHA-256",
        "SCRAM-SHA-256$",
        "SCRAM-SHA-1$4096:" SALT "$" STORED ":" SERVER,
        "SCRAM-SHA-256$:" SALT "$" STORED ":" SERVER,
        "SCRAM-SHA-256$0:" SALT "$" STORED ":" SERVER,
        "SCRAM-SHA-256$-1:" SALT "$" STORED ":" SERVER,
        "SCRAM-SHA-256$100001:" SALT "$" STORED ":" SERVER,
        "SCRAM-SHA-256$99999999999999999999:" SALT "$" STORED ":" SERVER,
        "SCRAM-SHA-256$4096:$" STORED ":" SERVER,
        "SCRAM-SHA-256$4096:" SALT "$" STORED,
        "SCRAM-SHA-256$4096:" SALT "$" STORED ":",
        "SCRAM-SHA-256$4096:" SALT "$" SALT ":" SERVER,
        "SCRAM-SHA-256$4096:" SALT "$" STORED ":" SALT,
        "SCRAM-SHA-256$4096:" SALT "$" STORED ":" SERVER "AAAA",
        "SCRAM-SHA-256$4096:W22 aJ0SNY7soEsUEjb6gQ==$" STORED ":" SERVER,
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=$" STORED ":" SERVER,
        "SCRAM-SHA-256$4096:W=2ZaJ0SNY7soEsUEjb6gQ==$" STORED ":" SERVER,
        "SCRAM-SHA-256$4096:" STORED STORED STORED "$" STORED ":" SERVER,
    };
    struct pawl_scram_verifier verifier = verifier_of(PENCIL);
    char text[PAWL_SCRAM_VERIFIER_BYTES_MAX];

    (void)state;
    assert_int_equal(pawl_scram_verifier_write(&verifier, text), sizeof PENCIL - 1);
    assert_string_equal(text, PENCIL);
    for (size_t i = 0; i < PAWL_COUNT(wrong); i++) {
        if (pawl_scram_verifier_read(&verifier, bytes_of(wrong[i])) == NULL) {
            fail_msg("%s", wrong[i]);
        }
    }
}

static void test_largest_verifier(void **state)
{
    struct pawl_scram_verifier verifier = {.iterations = PAWL_SCRAM_ITERATIONS_MAX,
                                           .salt_size = PAWL_SCRAM_SALT_BYTES_MAX};
    struct pawl_scram_verifier again;
    char text[PAWL_SCRAM_VERIFIER_BYTES_MAX];

    (void)state;
    memset(verifier.salt, 0xff, sizeof verifier.salt);
    size_t size = pawl_scram_verifier_write(&verifier, text);
    assert_null(pawl_scram_verifier_read(&again, (struct pawl_bytes){text, size}));
    assert_true(pawl_scram_verifier_equal(&verifier, &again));
}

static void test_users_that_are_none(void **state)
{
    static const unsigned char secret[PAWL_SCRAM_KEY_BYTES] = "a secret";
    static const unsigned char other[PAWL_SCRAM_KEY_BYTES] = "another";
    struct pawl_scram_verifier like = verifier_of(PENCIL);
    struct pawl_scram_verifier a;
    struct pawl_scram_verifier b;

    (void)state;
    pawl_scram_verifier_mock(&a, &like, secret, PAWL_BYTES("me"));
    pawl_scram_verifier_mock(&b, &like, secret, PAWL_BYTES("me"));
    assert_true(pawl_scram_verifier_equal(&a, &b));
    assert_int_equal(a.iterations, like.iterations);
    assert_int_equal(a.salt_size, like.salt_size);
    assert_int_equal(log_in(&a, "pencil"), PAWL_SCRAM_WRONG);
    pawl_scram_verifier_mock(&b, &like, secret, PAWL_BYTES("you"));
    assert_memory_not_equal(a.salt, b.salt, a.salt_size);
    pawl_scram_verifier_mock(&b, &like, other, PAWL_BYTES("me"));
    assert_memory_not_equal(a.salt, b.salt, a.salt_size);
}

static void test_malformed_messages(void **state)
{
    static const char *const firsts[] = {
        "",
        "n",
        "n,",
        "n,,",
        "x,,n=,r=abc",
        "p=tls-server-end-point,,n=,r=abc",
        "n,a=admin,n=,r=abc",
        "nn,n=,r=abc",
        "n,,r=abc",
        "n,,n=",
        "n,,n=,",
        "n,,n=,r=",
        "n,,n=,r=a c",
        "n,,n=,r=a\x7f",
        "n,,m=,n=,r=abc",
        "n,,n=,r=abc,m=1",
        "n,,n=,r=abc,x",
    };
    static const char *const finals[] = {
        "",
        "c=biws",
        "c=biws,r=abc",
        "c=eSws,r=abcMDEyMzQ1Njc4OWFiY2RlZmcA,p=" STORED,
        "c=biw,r=abcMDEyMzQ1Njc4OWFiY2RlZmcA,p=" STORED,
        "c=biwsbiws,r=abcMDEyMzQ1Njc4OWFiY2RlZmcA,p=" STORED,
        "c=biws,r=abcMDEyMzQ1Njc4OWFiY2RlZmcB,p=" STORED,
        "c=biws,r=abc,p=" STORED,
        "c=biws,r=abcMDEyMzQ1Njc4OWFiY2RlZmcA",
        "c=biws,r=abcMDEyMzQ1Njc4OWFiY2RlZmcA,p=",
        "c=biws,r=abcMDEyMzQ1Njc4OWFiY2RlZmcA,p=" SALT,
        "c=biws,r=abcMDEyMzQ1Njc4OWFiY2RlZmcA,p=" STORED ",x=1",
        "c=biws,r=abcMDEyMzQ1Njc4OWFiY2RlZmcA,m=1,p=" STORED,
        "r=abcMDEyMzQ1Njc4OWFiY2RlZmcA,c=biws,p=" STORED,
    };
    struct pawl_scram_verifier verifier = verifier_of(PENCIL);
    struct pawl_scram scram;
    struct pawl_bytes answer;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(firsts); i++) {
        pawl_scram_begin(&scram, &verifier, nonce);
        if (pawl_scram_step(&scram, bytes_of(firsts[i]), &answer) != PAWL_SCRAM_MALFORMED) {
            fail_msg("%s", firsts[i]);
        }
        assert_true(strlen(scram.why) > 0);
    }
    for (size_t i = 0; i < PAWL_COUNT(finals); i++) {
        pawl_scram_begin(&scram, &verifier, nonce);
        assert_int_equal(pawl_scram_step(&scram, PAWL_BYTES("n,,n=,r=abc"), &answer),
                         PAWL_SCRAM_MORE);
        if (pawl_scram_step(&scram, bytes_of(finals[i]), &answer) != PAWL_SCRAM_MALFORMED) {
            fail_msg("%s", finals[i]);
        }
        assert_true(strlen(scram.why) > 0);
    }
}

/* Both messages as long as they may be, and extensions, which are passed over. */
static void test_longest_messages(void **state)
{
    struct pawl_scram_verifier verifier = verifier_of(PENCIL);
    char first[PAWL_SCRAM_MESSAGE_BYTES_MAX + 1];
    char final[PAWL_SCRAM_MESSAGE_BYTES_MAX];
    struct pawl_scram scram;
    struct pawl_bytes answer;

    (void)state;
    memset(first, 'x', sizeof first);
    memcpy(first, "y,,n=,r=", 8);
    pawl_scram_begin(&scram, &verifier, nonce);
    assert_int_equal(pawl_scram_step(&scram, (struct pawl_bytes){first, sizeof first}, &answer),
                     PAWL_SCRAM_MALFORMED);
    pawl_scram_begin(&scram, &verifier, nonce);
    assert_int_equal(pawl_scram_step(&scram, (struct pawl_bytes){first, sizeof first - 1}, &answer),
                     PAWL_SCRAM_MORE);

    memset(final, 'x', sizeof final);
    static const char begin[] = "c=eSws,r=abcMDEyMzQ1Njc4OWFiY2RlZmcA,x=";
    static const char end[] = ",p=" STORED;
    memcpy(final, begin, sizeof begin - 1);
    memcpy(final + sizeof final - (sizeof end - 1), end, sizeof end - 1);
    pawl_scram_begin(&scram, &verifier, nonce);
    assert_int_equal(pawl_scram_step(&scram, PAWL_BYTES("y,,n=u,r=abc,q=1"), &answer),
                     PAWL_SCRAM_MORE);
    assert_int_equal(pawl_scram_step(&scram, (struct pawl_bytes){final, sizeof final}, &answer),
                     PAWL_SCRAM_WRONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_the_rfc),         cmocka_unit_test(test_logins),
        cmocka_unit_test(test_raw_passwords),      cmocka_unit_test(test_verifiers),
        cmocka_unit_test(test_largest_verifier),   cmocka_unit_test(test_users_that_are_none),
        cmocka_unit_test(test_malformed_messages), cmocka_unit_test(test_longest_messages),
    };

    return cmocka_run_group_tests_name("scram", tests, NULL, NULL);
}
