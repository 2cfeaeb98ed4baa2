/* SPDX-License-Identifier: Apache-2.0 */
/* pawld: reads its options, starts, waits for a signal, stops. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "pawl/pawl.h"
#include "server/daemon.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_CANNOT_RUN = 1, /* or could not stop in time */
    EXIT_USAGE = 2,
};

enum { SHOWN_BYTES = 256 }; /* of a variable's name, quoted */

/* Before pawld is ready nothing was handed out, so that nothing is left to be done. */
static void exit_unready(int number)
{
    (void)number;
    _exit(EXIT_DONE);
}

/* From the second signal on nothing is waited for. */
static void exit_at_once(int number)
{
    _exit(128 + number);
}

static void set_handler(int number, void (*handler)(int number))
{
    struct sigaction action = {.sa_handler = handler};

    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

/* Whoever starts pawld may block them until it can answer: then each has one outcome. */
static void take_signals(void (*handler)(int number))
{
    sigset_t ends;

    set_handler(SIGTERM, handler);
    set_handler(SIGINT, handler);
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
}

/* Waits for SIGTERM or SIGINT. A second one, or a stop that takes too long, then ends pawld. */
static const char *wait_for_end(const sigset_t *signals, struct daemon *daemon)
{
    int number = 0;

    for (;;) {
        if (sigwait(signals, &number) != 0) continue;
        if (number != SIGHUP) break;
        daemon_read_users(daemon);
    }
    sigset_t ends = *signals;

    set_handler(SIGTERM, exit_at_once);
    set_handler(SIGINT, exit_at_once);
    (void)sigdelset(&ends, SIGHUP); /* while it stops there is nothing to read again */
    (void)pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
    (void)alarm(DAEMON_STOP_S);
    return number == SIGTERM ? "SIGTERM" : "SIGINT";
}

static int serve(const struct config *config)
{
    pawl_error error;
    sigset_t ends;

    (void)sigemptyset(&ends);
    if (config->users[0] != '\0') {
        /* One that comes while it starts is read after that. */
        (void)sigaddset(&ends, SIGHUP);
        (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    }
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    struct daemon *daemon = daemon_start(config, &ends, &error);
    if (daemon == NULL) {
        (void)fprintf(stderr, "pawld: %s\n", error.text);
        return error.code == PAWL_BAD_REQUEST ? EXIT_USAGE : EXIT_CANNOT_RUN;
    }
    const char *signal_name = wait_for_end(&ends, daemon);
    pawl_log(PAWL_LOG_INFO, "stopping", "signal=%s", signal_name);
    bool drained = daemon_stop(daemon);
    pawl_log(drained ? PAWL_LOG_INFO : PAWL_LOG_WARN, "stopped", "let-go=%s",
             drained ? "all" : "\"not all in time: the rest is burned\"");
    return EXIT_DONE;
}

static int check(const struct config *config)
{
    pawl_error error;

    if (daemon_check(config, stdout, &error) != PAWL_OK) {
        (void)fprintf(stderr, "pawld: %s\n", error.text);
        return error.code == PAWL_BAD_REQUEST ? EXIT_USAGE : EXIT_CANNOT_RUN;
    }
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_CANNOT_RUN;
}

/* Nobody else has said that they do nothing. Values are not shown: one may be a password. */
static void tell_stray_variables(char *const *entries)
{
    for (; *entries != NULL; entries++) {
        struct pawl_bytes name;
        const char *meant = NULL;
        char shown[SHOWN_BYTES];

        if (!config_is_stray(*entries, &name, &meant)) continue;
        pawl_log(PAWL_LOG_WARN, "a variable of the environment means nothing",
                 "name=%s did-you-mean=%s", pawl_log_quote(shown, sizeof shown, name),
                 meant == NULL ? "\"none of pawld --help\"" : meant);
    }
}

int main(int argc, char **argv)
{
    struct config config;
    pawl_error error;
    size_t arg_count = argc > 0 ? (size_t)argc - 1 : 0;

    if (config_read(&config, argv + 1, arg_count, getenv, &error) != PAWL_OK) {
        (void)fprintf(stderr, "pawld: %s\n", error.text);
        return EXIT_USAGE;
    }
    if (config.help) {
        config_help(stdout);
        return fflush(stdout) == 0 ? EXIT_DONE : EXIT_CANNOT_RUN;
    }
    if (config.version) {
        (void)printf("pawld %s\n", PAWL_VERSION);
        return fflush(stdout) == 0 ? EXIT_DONE : EXIT_CANNOT_RUN;
    }
    pawl_log_set((enum pawl_log_level)config.log_level, NULL, NULL);
    tell_stray_variables(environ);
    set_handler(SIGPIPE, SIG_IGN);
    set_handler(SIGALRM, exit_at_once);
    take_signals(config.check ? exit_at_once : exit_unready);
    return config.check ? check(&config) : serve(&config);
}
