/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load that can saturate a server whose answers have a fixed number of lines (one: RESP
 * integers): C connections, each with P requests under way. One thread on epoll; the answers' line
 * ends are counted, nothing parsed. Prints one JSON object: requests, seconds, rate per second, p50
 * and p99 of a batch's round trip, and the CPU that the server's process used in that time, per
 * request.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024, BUCKETS = 64 * 16, EVENTS = 256 };

struct conn {
    int fd;
    size_t awaited; /* line ends still to come */
    uint64_t sent_ns;
};

struct load {
    const char *request; /* pipeline times the same */
    size_t request_size;
    size_t pipeline;
    size_t lines; /* of an answer */
    struct conn *conns;
    size_t conn_count;
    uint64_t line_count;         /* that came */
    uint64_t histogram[BUCKETS]; /* of batches; 16 to each power of two, in ns */
};

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "line_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static size_t bucket_of(uint64_t ns)
{
    if (ns < 16) return (size_t)ns;
    unsigned power = 63U - (unsigned)__builtin_clzll(ns);

    return (size_t)power * 16 + (size_t)((ns >> (power - 4)) & 15);
}

static double bucket_us(size_t bucket)
{
    if (bucket < 64) return (double)bucket / 1e3;
    return (double)((16 + bucket % 16) << (bucket / 16 - 4)) / 1e3;
}

static double quantile_us(const struct load *load, double q)
{
    uint64_t total = 0;
    uint64_t sum = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        total += load->histogram[i];
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        sum += load->histogram[i];
        if ((double)sum >= q * (double)total) return bucket_us(i);
    }
    return 0;
}

static void send_batch(struct load *load, struct conn *conn)
{
    size_t sent = 0;

    conn->awaited = load->pipeline * load->lines;
    conn->sent_ns = now_ns();
    while (sent <
           load->request_size) { /* the server reads while it answers: this never blocks long */
        ssize_t n = send(conn->fd, load->request + sent, load->request_size - sent, MSG_NOSIGNAL);

        if (n < 0) die("send");
        sent += (size_t)n;
    }
}

static void read_answers(struct load *load, struct conn *conn)
{
    static char bytes[READ_BYTES];
    ssize_t got = recv(conn->fd, bytes, sizeof bytes, 0);
    size_t lines = 0;

    if (got <= 0) die("the server closed a connection");
    for (ssize_t i = 0; i < got; i++) {
        lines += bytes[i] == '\n';
    }
    if (bytes[0] == '-') {
        (void)fprintf(stderr, "line_load: the server answered: %.*s", (int)got, bytes);
        exit(1);
    }
    if (lines > conn->awaited) die("more answers than requests");
    conn->awaited -= lines;
    load->line_count += lines;
    if (conn->awaited > 0) return;
    size_t bucket = bucket_of(now_ns() - conn->sent_ns);
    load->histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    send_batch(load, conn);
}

static void dial(struct load *load, const char *host, uint16_t port, int epoll)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;

    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) die("host must be an IPv4 address");
    for (size_t i = 0; i < load->conn_count; i++) {
        struct conn *conn = &load->conns[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

        conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof to) != 0) {
            die("connect");
        }
        (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0) die("epoll_ctl");
    }
}

static void run_until(struct load *load, int epoll, uint64_t until_ns)
{
    struct epoll_event events[EVENTS];

    while (now_ns() < until_ns) {
        int count = epoll_wait(epoll, events, EVENTS, 100);

        for (int i = 0; i < count; i++) {
            read_answers(load, events[i].data.ptr);
        }
    }
}

/* The words as a RESP array, so many times. */
static void make_request(struct load *load, char *words)
{
    char one[1024];
    size_t count = 1;
    char *rest = NULL;

    if (strlen(words) > sizeof one / 16) die("REQUEST is too long");
    for (const char *c = words; *c != '\0'; c++) {
        count += *c == ' ';
    }
    size_t size = (size_t)snprintf(one, sizeof one, "*%zu\r\n", count);
    for (char *w = strtok_r(words, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest)) {
        size += (size_t)snprintf(one + size, sizeof one - size, "$%zu\r\n%s\r\n", strlen(w), w);
    }
    char *all = malloc(size * load->pipeline);
    if (all == NULL) die("memory");
    for (size_t i = 0; i < load->pipeline; i++) {
        memcpy(all + i * size, one, size);
    }
    load->request = all;
    load->request_size = size * load->pipeline;
}

/* What the process has used so far, all threads, in ns; 0: none was named. */
static uint64_t cpu_ns(pid_t pid)
{
    struct timespec used;
    clockid_t clock;

    if (pid == 0) return 0;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        die("the server's CPU clock");
    }
    return (uint64_t)used.tv_sec * 1000000000U + (uint64_t)used.tv_nsec;
}

static void measure(struct load *load, int epoll, double seconds, pid_t pid)
{
    run_until(load, epoll, now_ns() + (uint64_t)(seconds * 2e8)); /* a fifth to warm up */
    memset(load->histogram, 0, sizeof load->histogram);
    load->line_count = 0;
    uint64_t start_ns = now_ns();
    uint64_t used_ns = cpu_ns(pid);
    run_until(load, epoll, start_ns + (uint64_t)(seconds * 1e9));
    used_ns = cpu_ns(pid) - used_ns;
    double took_s = (double)(now_ns() - start_ns) / 1e9;
    uint64_t answered = load->line_count / load->lines;
    printf("{\"requests\": %" PRIu64 ", \"seconds\": %.3f, \"rate\": %.0f, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"cpu_us\": %.4f}\n",
           answered, took_s, (double)answered / took_s, quantile_us(load, 0.5),
           quantile_us(load, 0.99), (double)used_ns / 1e3 / (double)(answered + (answered == 0)));
}

int main(int argc, char **argv)
{
    if (argc < 7 || argc > 9) {
        (void)fprintf(stderr, "usage: line_load HOST PORT CONNECTIONS PIPELINE SECONDS REQUEST "
                              "[LINES [PID]]\n"
                              "REQUEST: words, sent as a RESP array, as in \"INCR orders\"\n"
                              "LINES: of an answer; 1. PID: the server's, for its CPU\n");
        return 2;
    }
    struct load load = {.conn_count = strtoul(argv[3], NULL, 10),
                        .pipeline = strtoul(argv[4], NULL, 10),
                        .lines = argc > 7 ? strtoul(argv[7], NULL, 10) : 1};

    load.conns = calloc(load.conn_count, sizeof *load.conns);
    if (load.conns == NULL || load.lines == 0) die("memory, or no LINES");
    make_request(&load, argv[6]);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    dial(&load, argv[1], (uint16_t)strtoul(argv[2], NULL, 10), epoll);
    for (size_t i = 0; i < load.conn_count; i++) {
        send_batch(&load, &load.conns[i]);
    }
    measure(&load, epoll, strtod(argv[5], NULL), argc > 8 ? (pid_t)strtol(argv[8], NULL, 10) : 0);
    return 0;
}
