/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "store/guard_env.h"

/* A disk that hangs is no damage. */
#define TRIAL_NS (60 * PAWL_NS_PER_S)

/* Only this thread lives on here: nothing is logged, since another one may have held the log. */
static _Noreturn void try_it(const char *path, int told)
{
    static const int deaths[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    const struct rlimit none = {.rlim_cur = 0};
    struct pawl_guard_env env;
    const char *why = NULL;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < PAWL_COUNT(deaths); i++) { /* the application may have its own */
        (void)signal(deaths[i], SIG_DFL);
    }
    (void)setrlimit(RLIMIT_CORE, &none);
    if (pawl_guard_env_glance(&env, path, &why) == 0) pawl_guard_env_close(&env);
    _exit(write(told, "x", 1) == 1 ? 0 : 1);
}

/* The pipe tells it, not how the process ended: somebody else here may reap every child. */
static enum pawl_guard_trial wait_for(int told, pid_t child)
{
    const uint64_t until_ns = pawl_clock_ns() + TRIAL_NS;
    struct pollfd watched = {.fd = told, .events = POLLIN};
    uint64_t now_ns = 0;
    char byte = 0;

    while ((now_ns = pawl_clock_ns()) < until_ns) {
        int wait_ms = (int)((until_ns - now_ns) / PAWL_NS_PER_MS) + 1;

        if (poll(&watched, 1, wait_ms) > 0) {
            return read(told, &byte, 1) == 1 ? PAWL_GUARD_TRIAL_LIVED : PAWL_GUARD_TRIAL_DIED;
        }
    }
    (void)kill(child, SIGKILL);
    return PAWL_GUARD_TRIAL_LIVED;
}

enum pawl_guard_trial pawl_guard_try(const char *path)
{
    int told[2];

    if (pipe2(told, O_CLOEXEC) != 0) return PAWL_GUARD_TRIAL_NONE;
    pid_t child = fork();

    if (child == 0) try_it(path, told[1]);
    (void)close(told[1]);
    enum pawl_guard_trial trial = PAWL_GUARD_TRIAL_NONE;

    if (child > 0) {
        trial = wait_for(told[0], child);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    (void)close(told[0]);
    return trial;
}
