/* SPDX-License-Identifier: Apache-2.0 */
#include "served.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void demand(bool condition, const char *what)
{
    if (condition) return;
    (void)fprintf(stderr, "cannot %s\n", what);
    abort();
}

const char *served_binary(void)
{
    const char *path = getenv("PAWLD_BIN");

    return path != NULL && access(path, X_OK) == 0 ? path : NULL;
}

void served_folder(struct served *served)
{
    (void)snprintf(served->folder, sizeof served->folder, "/tmp/pawl-test-XXXXXX");
    demand(mkdtemp(served->folder) != NULL, "make a temporary folder");
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int free_port(void)
{
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;

    demand(bind(probe, (struct sockaddr *)&at, size) == 0, "bind a free port");
    demand(getsockname(probe, (struct sockaddr *)&at, &size) == 0, "read the port");
    (void)close(probe);
    return ntohs(at.sin_port);
}

static bool accepts(int port)
{
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = loopback(port);
    bool connected = connect(probe, (struct sockaddr *)&at, sizeof at) == 0;

    (void)close(probe);
    return connected;
}

static void execute(const struct served *served)
{
    char store[96];
    char log_path[96];
    char listen_at[64];

    /* Neither outlives the test nor holds the pipe that reads its report. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    demand(freopen("/dev/null", "w", stdout) != NULL, "be silent");
    (void)snprintf(store, sizeof store, "lmdb:%s/store", served->folder);
    (void)snprintf(log_path, sizeof log_path, "%s/pawld.log", served->folder);
    demand(freopen(log_path, "a", stderr) != NULL, "open a log");
    (void)snprintf(listen_at, sizeof listen_at, "resp://127.0.0.1:%d", served->port);
    (void)execl(served_binary(), "pawld", "--store", store, "--listen", listen_at, (char *)NULL);
    _exit(127);
}

static void launch(struct served *served)
{
    struct timespec pause = {.tv_nsec = 10000000};

    served->pid = fork();
    demand(served->pid >= 0, "fork");
    if (served->pid == 0) execute(served);
    for (int i = 0; i < 1000 && !accepts(served->port); i++) {
        demand(waitpid(served->pid, NULL, WNOHANG) == 0, "start pawld");
        (void)nanosleep(&pause, NULL);
    }
    demand(accepts(served->port), "reach pawld");
}

void served_start(struct served *served)
{
    served->port = free_port();
    launch(served);
}

static void halt(struct served *served)
{
    if (served->pid == 0) return;
    (void)kill(served->pid, SIGCONT);
    (void)kill(served->pid, SIGTERM);
    (void)waitpid(served->pid, NULL, 0);
    served->pid = 0;
}

void served_restart(struct served *served)
{
    halt(served);
    launch(served);
}

void served_pause(struct served *served, bool paused)
{
    demand(kill(served->pid, paused ? SIGSTOP : SIGCONT) == 0, "pause pawld");
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *at)
{
    (void)stat;
    (void)type;
    (void)at;
    return remove(path);
}

void served_stop(struct served *served)
{
    halt(served);
    if (served->folder[0] != '\0') (void)nftw(served->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    served->folder[0] = '\0';
}
