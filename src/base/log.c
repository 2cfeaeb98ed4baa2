/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LOG_LINE_BYTES_MAX = 2048 };

/* The one mutable global of the project: a program has one standard error. */
static struct {
    pthread_mutex_t lock;
    _Atomic int least;
    pawl_log_sink sink;
    void *arg;
} log_state = {.lock = PTHREAD_MUTEX_INITIALIZER, .least = PAWL_LOG_OFF};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void pawl_log_set(enum pawl_log_level least, pawl_log_sink sink, void *arg)
{
    (void)pthread_mutex_lock(&log_state.lock);
    log_state.sink = sink;
    log_state.arg = arg;
    atomic_store_explicit(&log_state.least, (int)least, memory_order_relaxed);
    (void)pthread_mutex_unlock(&log_state.lock);
}

bool pawl_log_on(enum pawl_log_level level)
{
    return (int)level >= atomic_load_explicit(&log_state.least, memory_order_relaxed);
}

const char *pawl_log_quote(char *to, size_t size, struct pawl_bytes bytes)
{
    bool plain = bytes.size > 0;
    size_t at = 0;

    PAWL_ASSERT(size >= 8);
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.at[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) plain = false;
    }
    if (!plain) to[at++] = '"';
    for (size_t i = 0; i < bytes.size && at + 6 < size; i++) {
        unsigned char c = (unsigned char)bytes.at[i];

        if (c == '"' || c == '\\') {
            to[at++] = '\\';
            to[at++] = (char)c;
        } else if (c < ' ' || c == 0x7f) {
            at += (size_t)snprintf(to + at, size - at, "\\x%02x", c);
        } else {
            to[at++] = (char)c;
        }
    }
    if (!plain) to[at++] = '"';
    to[at] = '\0';
    return to;
}

static void write_line(enum pawl_log_level level, const char *line)
{
    (void)pthread_mutex_lock(&log_state.lock);
    if (log_state.sink != NULL) {
        log_state.sink(level, line, log_state.arg);
    } else {
        (void)fprintf(stderr, "%s\n", line);
    }
    (void)pthread_mutex_unlock(&log_state.lock);
}

void pawl_log(enum pawl_log_level level, const char *event, const char *pairs, ...)
{
    char line[LOG_LINE_BYTES_MAX];
    struct timespec now;
    struct tm utc;
    va_list args;

    if (!pawl_log_on(level)) return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t at = strftime(line, sizeof line, "time=%Y-%m-%dT%H:%M:%S", &utc);
    at += (size_t)snprintf(line + at, sizeof line - at, ".%03ldZ level=%s msg=\"%s\"",
                           now.tv_nsec / 1000000, level_names[level], event);
    if (pairs != NULL && pairs[0] != '\0' && at + 1 < sizeof line) {
        line[at++] = ' ';
        va_start(args, pairs);
        (void)vsnprintf(line + at, sizeof line - at, pairs, args);
        va_end(args);
    }
    write_line(level, line);
}
