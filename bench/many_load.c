/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load over many sequences: C connections, each with D requests under way, every request about
 * another sequence. `create` makes COUNT in order, from the one numbered SPAN on; `touch` takes an
 * id of COUNT of the first SPAN, in an order that jumps over all of them. Prints one JSON object:
 * requests, errors, seconds, rate.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, EVENTS = 256, REQUEST_BYTES = 96, DEPTH_MAX = 1024 };

/* Coprime to every span that is a power of ten, and far from its divisors. */
#define STRIDE UINT64_C(6180339887)

struct conn {
    int fd;
    size_t awaited; /* answers still to come */
    bool at_start;  /* the next byte begins one */
};

struct load {
    struct conn *conns;
    size_t conn_count, depth;
    uint64_t count, span;
    bool creates;
    uint64_t sent, answered, errors;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t request(const struct load *load, uint64_t nth, char *to)
{
    const char *form = load->creates ? "*2\r\n$10\r\nSEQ.CREATE\r\n$16\r\nsequence%08" PRIu64 "\r\n"
                                     : "*2\r\n$4\r\nINCR\r\n$16\r\nsequence%08" PRIu64 "\r\n";
    uint64_t which = load->creates ? load->span + nth : nth % load->span * STRIDE % load->span;
    int size = snprintf(to, REQUEST_BYTES, form, which);

    return (size_t)size;
}

/* As many as may be under way; none if all were sent. */
static void fill(struct load *load, struct conn *conn)
{
    static char bytes[DEPTH_MAX * REQUEST_BYTES];
    size_t size = 0;

    while (conn->awaited < load->depth && load->sent < load->count) {
        size += request(load, load->sent++, bytes + size);
        conn->awaited++;
    }
    for (size_t at = 0; at < size;) {
        ssize_t wrote = send(conn->fd, bytes + at, size - at, MSG_NOSIGNAL);

        if (wrote <= 0) die("send");
        at += (size_t)wrote;
    }
}

static void heed(struct load *load, struct conn *conn)
{
    static char bytes[READ_BYTES];
    ssize_t size = recv(conn->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (size == 0) {
        (void)fprintf(stderr, "many_load: the server hung up\n");
        exit(1);
    }
    for (ssize_t i = 0; i < size; i++) {
        if (conn->at_start && bytes[i] == '-') load->errors++;
        conn->at_start = bytes[i] == '\n';
        if (!conn->at_start) continue;
        conn->awaited--;
        load->answered++;
    }
    if (conn->awaited == 0) fill(load, conn);
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void run(struct load *load, int epoll)
{
    struct epoll_event events[EVENTS];

    for (size_t i = 0; i < load->conn_count; i++) {
        fill(load, &load->conns[i]);
    }
    while (load->answered < load->count) {
        int count = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            heed(load, events[i].data.ptr);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        (void)fprintf(stderr, "usage: many_load PORT create|touch CONNECTIONS DEPTH COUNT SPAN\n");
        return 2;
    }
    struct load load = {.creates = strcmp(argv[2], "create") == 0,
                        .conn_count = strtoull(argv[3], NULL, 10),
                        .depth = strtoull(argv[4], NULL, 10),
                        .count = strtoull(argv[5], NULL, 10),
                        .span = strtoull(argv[6], NULL, 10)};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (load.depth == 0 || load.depth > DEPTH_MAX || epoll < 0) return 2;
    if (!load.creates && load.span == 0) return 2;
    load.conns = calloc(load.conn_count, sizeof *load.conns);
    if (load.conns == NULL) return 1;
    for (size_t i = 0; i < load.conn_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &load.conns[i]};

        load.conns[i] =
            (struct conn){.fd = dial((uint16_t)strtoul(argv[1], NULL, 10)), .at_start = true};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, load.conns[i].fd, &event) != 0) die("epoll_ctl");
    }
    double begun_s = now_s();

    run(&load, epoll);
    double took_s = now_s() - begun_s;

    (void)printf("{\"requests\": %" PRIu64 ", \"errors\": %" PRIu64
                 ", \"seconds\": %.6f, \"per_s\": %.1f}\n",
                 load.answered, load.errors, took_s, (double)load.answered / took_s);
    free(load.conns);
    return 0;
}
