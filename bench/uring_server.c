/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_server by io_uring instead of libuv: what another loop below pawld could bring. A receive
 * and a send are under way in turn for each connection; completions are taken when the loop waits
 * (DEFER_TASKRUN). Usage: uring_server PORT REQUEST_BYTES ANSWER
 */
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENTRIES = 4096, BACKLOG = 512, INPUT_BYTES = 16 * 1024, ANSWERS_BYTES = 64 * 1024 };

struct peer {
    int fd;
    size_t rest; /* bytes of a request not yet whole */
    size_t left; /* bytes to send; 0: it is received */
    char input[INPUT_BYTES];
};

struct server {
    struct io_uring ring;
    int listener;
    size_t request_bytes, answer_bytes;
    char answers[ANSWERS_BYTES];
};

static struct io_uring_sqe *entry(struct server *server)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&server->ring);

    if (sqe != NULL) return sqe;
    (void)io_uring_submit(&server->ring);
    return io_uring_get_sqe(&server->ring);
}

static void receive(struct server *server, struct peer *peer)
{
    struct io_uring_sqe *sqe = entry(server);

    io_uring_prep_recv(sqe, peer->fd, peer->input, sizeof peer->input, 0);
    io_uring_sqe_set_data(sqe, peer);
}

static void answer(struct server *server, struct peer *peer)
{
    struct io_uring_sqe *sqe = entry(server);
    size_t most = sizeof server->answers / server->answer_bytes * server->answer_bytes;
    /* What is left ends with a whole answer, so it begins within one. */
    size_t at = (server->answer_bytes - peer->left % server->answer_bytes) % server->answer_bytes;

    if (peer->left < most - at) most = at + peer->left;
    io_uring_prep_send(sqe, peer->fd, server->answers + at, most - at, MSG_NOSIGNAL);
    io_uring_sqe_set_data(sqe, peer);
}

static void accept_next(struct server *server)
{
    struct io_uring_sqe *sqe = entry(server);

    io_uring_prep_accept(sqe, server->listener, NULL, NULL, 0);
    io_uring_sqe_set_data(sqe, NULL);
}

static void accepted(struct server *server, int fd)
{
    struct peer *peer = fd >= 0 ? calloc(1, sizeof *peer) : NULL;
    int on = 1;

    accept_next(server);
    if (peer == NULL) return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peer->fd = fd;
    receive(server, peer);
}

static void went_on(struct server *server, struct peer *peer, int result)
{
    if (result <= 0) {
        (void)close(peer->fd);
        free(peer);
        return;
    }
    if (peer->left > 0) {
        peer->left -= (size_t)result;
    } else {
        peer->rest += (size_t)result;
        peer->left = peer->rest / server->request_bytes * server->answer_bytes;
        peer->rest %= server->request_bytes;
    }
    if (peer->left > 0) {
        answer(server, peer);
    } else {
        receive(server, peer);
    }
}

static int open_listener(const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, BACKLOG) != 0) {
        perror("uring_server");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    static struct server server;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: uring_server PORT REQUEST_BYTES ANSWER\n");
        return 2;
    }
    server.request_bytes = strtoul(argv[2], NULL, 10);
    server.answer_bytes = strlen(argv[3]);
    if (server.request_bytes == 0 || server.answer_bytes == 0) return 2;
    for (size_t i = 0; i + server.answer_bytes <= ANSWERS_BYTES; i += server.answer_bytes) {
        memcpy(server.answers + i, argv[3], server.answer_bytes);
    }
    server.listener = open_listener(argv[1]);
    if (io_uring_queue_init(ENTRIES, &server.ring,
                            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) != 0) {
        (void)fprintf(stderr, "uring_server: this kernel has no io_uring, or not all of it\n");
        return 1;
    }
    accept_next(&server);
    while (io_uring_submit_and_wait(&server.ring, 1) >= 0) {
        struct io_uring_cqe *cqe = NULL;
        unsigned head;
        unsigned count = 0;

        io_uring_for_each_cqe(&server.ring, head, cqe)
        {
            struct peer *peer = io_uring_cqe_get_data(cqe);

            count++;
            if (peer == NULL) {
                accepted(&server, cqe->res);
            } else {
                went_on(&server, peer, cqe->res);
            }
        }
        io_uring_cq_advance(&server.ring, count);
    }
    return 1;
}
