/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network that fails as it is told, for hosts that are network namespaces: each has a TUN device
 * in its own, and every packet between two of them passes here. What netem does, on kernels that
 * have no netem, and in one direction as well.
 *
 * Usage: switch DEVICE SEED PATH...: PATH is a namespace's file. The device of the i-th of them,
 * from 1 on, carries packets to and from addresses that end in .i. Commands, a line each, are
 * answered with "ok":
 *   rule FROM TO PERMILLE DELAY_US JITTER_US   loses so many of 1,000 packets, delays the others
 *   alias LAST HOST                            addresses that end in .LAST lie at that host now
 *   count                                      "ok PASSED LOST"
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    HOSTS_MAX = 32,
    ADDRESSES = 256,
    PACKET_BYTES_MAX = 9216,
    WAITING_MAX = 16384, /* packets on their way; more are lost, as in any router */
    PER_TURN = 64,       /* packets of one host before the others have theirs */
    SOURCE_AT = 15,      /* of an IPv4 header: the last byte of each address */
    TARGET_AT = 19,
    HEADER_BYTES = 20,
    PERMILLE = 1000,
    NUMBERS_MAX = 5, /* in a command */
};

struct rule {
    uint32_t permille;
    uint64_t delay_ns, jitter_ns;
};

struct packet {
    uint64_t due_ns, order; /* of one moment: as they came */
    int to;
    size_t size;
    uint8_t bytes[];
};

static struct {
    int files[HOSTS_MAX + 1]; /* from 1 on */
    int count;
    int aliases[ADDRESSES]; /* 0: nobody's */
    struct rule rules[HOSTS_MAX + 1][HOSTS_MAX + 1];
    struct packet *waiting[WAITING_MAX]; /* a heap, the first due at 0 */
    size_t waiting_count;
    uint64_t random, order, passed, lost;
    int timer;
} net;

static void demand(bool good, const char *what)
{
    if (good) return;
    (void)fprintf(stderr, "switch: cannot %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* SplitMix64. */
static uint64_t dice(uint64_t sides)
{
    uint64_t z = (net.random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % sides;
}

/* A device in the namespace of that file, which this process is in while it makes it. */
static int device_in(const char *path, const char *name)
{
    struct ifreq device = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = open(path, O_RDONLY | O_CLOEXEC);

    demand(home >= 0 && there >= 0, path);
    demand(setns(there, CLONE_NEWNET) == 0, "enter a namespace");
    int file = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    demand(file >= 0, "open /dev/net/tun");
    (void)snprintf(device.ifr_name, sizeof device.ifr_name, "%s", name);
    demand(ioctl(file, TUNSETIFF, &device) == 0, "make a TUN device");
    demand(setns(home, CLONE_NEWNET) == 0, "come back from a namespace");
    (void)close(there);
    (void)close(home);
    return file;
}

/* Packets that wait: a binary heap. */

static bool earlier(const struct packet *a, const struct packet *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void waiting_add(struct packet *packet)
{
    size_t at = net.waiting_count++;

    while (at > 0 && earlier(packet, net.waiting[(at - 1) / 2])) {
        net.waiting[at] = net.waiting[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    net.waiting[at] = packet;
}

static struct packet *waiting_pop(void)
{
    struct packet *first = net.waiting[0];
    struct packet *last = net.waiting[--net.waiting_count];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= net.waiting_count) break;
        if (child + 1 < net.waiting_count && earlier(net.waiting[child + 1], net.waiting[child])) {
            child++;
        }
        if (!earlier(net.waiting[child], last)) break;
        net.waiting[at] = net.waiting[child];
        at = child;
    }
    if (net.waiting_count > 0) net.waiting[at] = last;
    return first;
}

/* A host that does not take it, because it is full or gone, loses it. */
static void deliver(int to, const uint8_t *bytes, size_t size)
{
    if (write(net.files[to], bytes, size) == (ssize_t)size) {
        net.passed++;
    } else {
        net.lost++;
    }
}

static void plan_timer(void)
{
    struct itimerspec next = {.it_value = {0}};

    if (net.waiting_count > 0) {
        uint64_t due_ns = net.waiting[0]->due_ns;

        next.it_value.tv_sec = (time_t)(due_ns / UINT64_C(1000000000));
        next.it_value.tv_nsec = (long)(due_ns % UINT64_C(1000000000));
    }
    (void)timerfd_settime(net.timer, TFD_TIMER_ABSTIME, &next, NULL);
}

static void deliver_due(void)
{
    uint64_t now = now_ns();

    while (net.waiting_count > 0 && net.waiting[0]->due_ns <= now) {
        struct packet *packet = waiting_pop();

        deliver(packet->to, packet->bytes, packet->size);
        free(packet);
    }
    plan_timer();
}

static void delay(int to, const uint8_t *bytes, size_t size, const struct rule *rule)
{
    struct packet *packet = net.waiting_count < WAITING_MAX ? malloc(sizeof *packet + size) : NULL;

    if (packet == NULL) {
        net.lost++;
        return;
    }
    packet->due_ns = now_ns() + rule->delay_ns;
    if (rule->jitter_ns > 0) packet->due_ns += dice(rule->jitter_ns);
    packet->order = net.order++;
    packet->to = to;
    packet->size = size;
    memcpy(packet->bytes, bytes, size);
    waiting_add(packet);
    if (net.waiting[0] == packet) plan_timer();
}

static void pass(int from, const uint8_t *bytes, size_t size)
{
    if (size < HEADER_BYTES || bytes[0] >> 4 != 4) return; /* IPv6 looks for neighbours */
    int to = net.aliases[bytes[TARGET_AT]];
    if (to == 0) return;
    const struct rule *rule = &net.rules[from][to];

    if (rule->permille > 0 && dice(PERMILLE) < rule->permille) {
        net.lost++;
    } else if (rule->delay_ns + rule->jitter_ns > 0) {
        delay(to, bytes, size, rule);
    } else {
        deliver(to, bytes, size);
    }
}

static void receive(int from)
{
    uint8_t bytes[PACKET_BYTES_MAX];

    for (int i = 0; i < PER_TURN; i++) {
        ssize_t size = read(net.files[from], bytes, sizeof bytes);

        if (size <= 0) return;
        pass(from, bytes, (size_t)size);
    }
}

/* Commands. */

/* The numbers behind a command's word; returns how many there are. */
static size_t read_numbers(const char *text, uint64_t *numbers)
{
    size_t count = 0;
    char *end = NULL;

    for (; count < NUMBERS_MAX; count++, text = end) {
        numbers[count] = strtoull(text, &end, 10);
        if (end == text) break;
    }
    return count;
}

static bool is_host(uint64_t host)
{
    return host >= 1 && host <= (uint64_t)net.count;
}

static void obey(const char *line)
{
    uint64_t n[NUMBERS_MAX] = {0};
    size_t word = strcspn(line, " ");
    size_t count = read_numbers(line + word, n);

    if (strncmp(line, "rule ", 5) == 0 && count == 5 && is_host(n[0]) && is_host(n[1])) {
        net.rules[n[0]][n[1]] = (struct rule){(uint32_t)n[2], n[3] * 1000, n[4] * 1000};
        (void)puts("ok");
    } else if (strncmp(line, "alias ", 6) == 0 && count == 2 && n[0] < ADDRESSES && is_host(n[1])) {
        net.aliases[n[0]] = (int)n[1];
        (void)puts("ok");
    } else if (strcmp(line, "count") == 0) {
        (void)printf("ok %" PRIu64 " %" PRIu64 "\n", net.passed, net.lost);
    } else {
        (void)printf("error: no such command: %s\n", line);
    }
    (void)fflush(stdout);
}

/* Who leads it writes whole lines. false: it is gone. */
static bool read_commands(void)
{
    char text[4096];
    char *rest = text;
    ssize_t size = read(STDIN_FILENO, text, sizeof text - 1);

    if (size <= 0) return false;
    text[size] = '\0';
    for (char *end = strchr(rest, '\n'); end != NULL; end = strchr(rest, '\n')) {
        *end = '\0';
        obey(rest);
        rest = end + 1;
    }
    return true;
}

static void watch(int poll, int file, int number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = number};

    demand(epoll_ctl(poll, EPOLL_CTL_ADD, file, &event) == 0, "watch a descriptor");
}

static void run(int poll)
{
    enum { EVENTS = 32 };
    struct epoll_event events[EVENTS];
    bool led = true;

    while (led) {
        int count = epoll_wait(poll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            int number = events[i].data.fd;

            if (number > 0) {
                receive(number);
            } else if (number == 0) {
                led = read_commands();
            } else {
                deliver_due();
            }
        }
    }
}

int main(int argc, char **argv)
{
    int poll = epoll_create1(EPOLL_CLOEXEC);

    if (argc < 4 || argc - 3 > HOSTS_MAX) {
        (void)fprintf(stderr, "usage: switch DEVICE SEED PATH...\n");
        return 2;
    }
    net.random = strtoull(argv[2], NULL, 10);
    net.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    demand(poll >= 0 && net.timer >= 0, "make a timer");
    for (int i = 3; i < argc; i++) {
        int host = ++net.count;

        net.files[host] = device_in(argv[i], argv[1]);
        net.aliases[host] = host;
        watch(poll, net.files[host], host);
    }
    watch(poll, STDIN_FILENO, 0);
    watch(poll, net.timer, -1);
    (void)puts("ok");
    (void)fflush(stdout);
    run(poll);
    return 0;
}
