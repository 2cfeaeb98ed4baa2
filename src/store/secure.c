/* SPDX-License-Identifier: Apache-2.0 */
#include "store/secure.h"

#include "base/log.h"

pawl_err pawl_secure_new(const struct pawl_url *url, struct pawl_net *below, struct pawl_tls **tls,
                         pawl_error *error)
{
    static const char *const words[] = {"yes", "no", NULL};
    struct pawl_tls_options options = {
        .ca_file = pawl_url_option(url, "ca"),
        .cert_file = pawl_url_option(url, "cert"),
        .key_file = pawl_url_option(url, "key"),
    };
    size_t word = 0;
    pawl_err err = pawl_url_word(url, "verify", words, &word, error);

    if (err != PAWL_OK) return err;
    options.no_verify = word == 1;
    if (options.no_verify) {
        pawl_log(PAWL_LOG_WARN, "store's certificate is not verified", "host=%s",
                 url->hosts[0].name);
    }
    return pawl_tls_new(below, &options, tls, error);
}
