/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user of libcurl would write: IN_FLIGHT requests always under way over kept connections.
 *
 *     curl_load URL BODIES IN_FLIGHT SECONDS [HEADER ...]
 *
 * POSTs the lines of the file BODIES, one after the other. With CURL_LOAD_SIGV4 in the environment
 * (libcurl's CURLOPT_AWS_SIGV4) and CURL_LOAD_USER (key:secret), each is signed. Any answer but 200
 * ends it. Prints one JSON line: rate (per second), p50_us, p99_us.
 */
#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IN_FLIGHT_MAX = 256, BODIES_MAX = 100000, SAMPLES_MAX = 1 << 22, WAIT_MS = 1000 };

struct lane {
    CURL *easy;
    double asked_s;
};

struct load {
    CURLM *multi;
    char **bodies;
    size_t body_count, next_body;
    struct lane lanes[IN_FLIGHT_MAX];
    int under_way;
    double end_s;
    float *took_us;
    size_t took_count;
};

static _Noreturn void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "curl_load: %s: %s\n", what, why);
    exit(1);
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): curl's type */
static size_t discard(char *at, size_t size, size_t count, void *arg)
{
    (void)at;
    (void)arg;
    return size * count;
}

static void read_bodies(struct load *load, const char *path)
{
    FILE *file = fopen(path, "r");
    size_t room = 0;

    load->bodies = calloc(BODIES_MAX, sizeof *load->bodies);
    if (file == NULL || load->bodies == NULL) fail(path, "cannot be read");
    while (load->body_count < BODIES_MAX) {
        char **body = &load->bodies[load->body_count];
        ssize_t size = getline(body, &room, file);

        room = 0;
        if (size <= 0) break;
        (*body)[size - 1] = '\0';
        load->body_count++;
    }
    (void)fclose(file);
    if (load->body_count == 0) fail(path, "is empty");
}

static void ask(struct load *load, struct lane *lane)
{
    const char *body = load->bodies[load->next_body++ % load->body_count];

    (void)curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDS, body);
    lane->asked_s = now_s();
    if (curl_multi_add_handle(load->multi, lane->easy) != CURLM_OK) fail("curl", "no memory");
    load->under_way++;
}

static void open_lane(struct load *load, struct lane *lane, const char *url,
                      struct curl_slist *headers)
{
    const char *sigv4 = getenv("CURL_LOAD_SIGV4");

    lane->easy = curl_easy_init();
    if (lane->easy == NULL) fail("curl", "no memory");
    (void)curl_easy_setopt(lane->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(lane->easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(lane->easy, CURLOPT_WRITEFUNCTION, discard);
    (void)curl_easy_setopt(lane->easy, CURLOPT_PRIVATE, lane);
    if (sigv4 != NULL) {
        (void)curl_easy_setopt(lane->easy, CURLOPT_AWS_SIGV4, sigv4);
        (void)curl_easy_setopt(lane->easy, CURLOPT_USERPWD, getenv("CURL_LOAD_USER"));
    }
    ask(load, lane);
}

static void answered(struct load *load, const CURLMsg *message)
{
    struct lane *lane = NULL;
    long status = 0;

    (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&lane);
    (void)curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    if (message->data.result != CURLE_OK) {
        fail("request", curl_easy_strerror(message->data.result));
    }
    if (status != 200) fail("request", "was not answered with 200");
    (void)curl_multi_remove_handle(load->multi, lane->easy);
    load->under_way--;

    double done_s = now_s();
    if (load->took_count < SAMPLES_MAX) {
        load->took_us[load->took_count++] = (float)((done_s - lane->asked_s) * 1e6);
    }
    if (done_s < load->end_s) ask(load, lane);
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void go(struct load *load)
{
    int running = 0, left = 0;
    const CURLMsg *message = NULL;

    while (load->under_way > 0) {
        (void)curl_multi_perform(load->multi, &running);
        while ((message = curl_multi_info_read(load->multi, &left)) != NULL) {
            answered(load, message);
        }
        if (load->under_way > 0) (void)curl_multi_poll(load->multi, NULL, 0, WAIT_MS, NULL);
    }
}

int main(int argc, char **argv)
{
    static struct load load;
    struct curl_slist *headers = NULL;

    if (argc < 5) fail("usage", "curl_load URL BODIES IN_FLIGHT SECONDS [HEADER ...]");
    int in_flight = (int)strtol(argv[3], NULL, 10);
    double seconds = strtod(argv[4], NULL);
    if (in_flight < 1 || in_flight > IN_FLIGHT_MAX) fail("IN_FLIGHT", "must be 1 to 256");

    for (int i = 5; i < argc; i++) {
        headers = curl_slist_append(headers, argv[i]);
    }
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    load.multi = curl_multi_init();
    load.took_us = calloc(SAMPLES_MAX, sizeof *load.took_us);
    if (load.multi == NULL || load.took_us == NULL) fail("curl", "no memory");
    (void)curl_multi_setopt(load.multi, CURLMOPT_MAXCONNECTS, (long)in_flight);
    read_bodies(&load, argv[2]);

    double begun_s = now_s();
    load.end_s = begun_s + seconds;
    for (int i = 0; i < in_flight; i++) {
        open_lane(&load, &load.lanes[i], argv[1], headers);
    }
    go(&load);
    double took_s = now_s() - begun_s;
    qsort(load.took_us, load.took_count, sizeof *load.took_us, by_size);
    printf("{\"rate\": %.1f, \"p50_us\": %.0f, \"p99_us\": %.0f}\n",
           (double)load.took_count / took_s, (double)load.took_us[load.took_count / 2],
           (double)load.took_us[load.took_count * 99 / 100]);
    return 0;
}
