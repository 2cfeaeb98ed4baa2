/* SPDX-License-Identifier: Apache-2.0 */
#include "server/conn.h"

#include <stdlib.h>
#include <string.h>

#include "server/login.h"
#include "server/work.h"

enum { LEFTOVER_BYTES_MAX = 1024 }; /* a half request of at most this goes to a small buffer */

/* Buffers. */

static bool buffer_grow(struct desk *desk, struct conn_buffer *buffer, size_t capacity)
{
    char *at = NULL;

    if (capacity == CONN_BUFFER_BYTES && desk->spare_count > 0) {
        at = desk->spare[--desk->spare_count];
    } else {
        at = malloc(capacity);
    }
    if (at == NULL) return false;
    PAWL_ASSERT(buffer->size <= capacity);
    if (buffer->size > 0) memcpy(at, buffer->at, buffer->size);
    size_t size = buffer->size;
    char *old = buffer->at;
    size_t old_capacity = buffer->capacity;
    *buffer = (struct conn_buffer){at, size, capacity};
    if (old_capacity == CONN_BUFFER_BYTES && desk->spare_count < DESK_SPARE_BUFFERS_MAX) {
        desk->spare[desk->spare_count++] = old;
    } else {
        free(old);
    }
    return true;
}

static void buffer_free(struct desk *desk, struct conn_buffer *buffer)
{
    if (buffer->capacity == CONN_BUFFER_BYTES && desk->spare_count < DESK_SPARE_BUFFERS_MAX) {
        desk->spare[desk->spare_count++] = buffer->at;
    } else {
        free(buffer->at);
    }
    *buffer = (struct conn_buffer){NULL, 0, 0};
}

static size_t output_backlog(const struct conn *conn)
{
    return conn->output.size + conn->sending.size - conn->sent;
}

char *conn_room_grow(struct conn *conn, size_t size)
{
    struct conn_buffer *output = &conn->output;
    size_t capacity = output->capacity == 0 ? CONN_BUFFER_BYTES : output->capacity * 2;

    while (capacity - output->size < size) {
        capacity *= 2;
    }
    if (!buffer_grow(conn->desk, output, capacity)) {
        conn->closing = true;
        return NULL;
    }
    return output->at + output->size;
}

/* What was answered leaves the input; a little that is left leaves the large buffer. */
static void tidy_input(struct conn *conn)
{
    struct conn_buffer *input = &conn->input;
    size_t left = input->size - conn->input_used;

    if (left == 0 || conn->closing) {
        input->size = 0;
        conn->input_used = 0;
        buffer_free(conn->desk, input);
        return;
    }
    if (conn->input_used > 0) memmove(input->at, input->at + conn->input_used, left);
    input->size = left;
    conn->input_used = 0;
    if (left <= LEFTOVER_BYTES_MAX && input->capacity > LEFTOVER_BYTES_MAX) {
        (void)buffer_grow(conn->desk, input, LEFTOVER_BYTES_MAX); /* else it stays as it is */
    }
}

/* Requests. */

/* Begins what can be begun. The bytes of a request are used once it is begun. */
static void run(struct conn *conn)
{
    const struct conn_wire *wire = conn->wire;

    if (conn->yields.in) return; /* it goes on when its turn comes */
    conn->running = true;
    conn->paused = false;
    conn->steps_left = CONN_STEPS_AT_ONCE;
    while (!conn->closing) {
        if (output_backlog(conn) >= CONN_OUTPUT_BYTES_PAUSE) {
            conn->paused = true;
            break;
        }
        enum conn_resume resumed = wire->resume == NULL ? CONN_RESTS : wire->resume(conn);
        if (resumed == CONN_GOES_ON) continue;
        if (resumed == CONN_YIELDS) {
            desk_yield(conn->desk, conn);
            break;
        }
        size_t left = conn->input.size - conn->input_used;
        if (resumed == CONN_WAITS || left == 0) break;
        struct pawl_bytes rest = {conn->input.at + conn->input_used, left};
        size_t used = wire->begin(conn, rest);
        if (used == 0) break;
        conn->input_used += used;
    }
    tidy_input(conn);
    conn->running = false;
}

static void pending_free(struct conn *conn, struct pending *pending)
{
    PAWL_ASSERT(conn->pending_first == pending);
    conn->pending_first = pending->next;
    if (conn->pending_first == NULL) {
        conn->pending_last = NULL;
        conn->pending_takes = true;
    }
    conn->pending_count--;
    free(pending);
}

void conn_no_memory(struct conn *conn)
{
    static const pawl_error error = {PAWL_NO_MEMORY, "pawld has no memory for this request"};

    conn->wire->failed(conn, (struct pawl_bytes){NULL, 0}, &error);
}

struct pending *conn_pend(struct conn *conn)
{
    struct pending *pending = calloc(1, sizeof *pending);

    if (pending == NULL) {
        conn_no_memory(conn);
        return NULL;
    }
    pending->conn = conn;
    *(conn->pending_last == NULL ? &conn->pending_first : &conn->pending_last->next) = pending;
    conn->pending_last = pending;
    conn->pending_count++;
    return pending;
}

struct call *conn_call(struct conn *conn, enum pawl_ask_kind kind, struct pawl_bytes name,
                       bool (*answer)(struct conn *conn, struct call *call))
{
    struct pawl_name checked;
    pawl_error error = {0};

    if (kind == PAWL_ASK_LIST) {
        name.size = 0;
    } else if (pawl_name_set(&checked, name, &error) != PAWL_OK) {
        conn->wire->failed(conn, name, &error);
        return NULL;
    }
    struct call *call = call_new(conn->desk, kind, name);
    if (call == NULL) {
        conn_no_memory(conn);
        return NULL;
    }
    struct pending *pending = conn_pend(conn);
    if (pending == NULL) {
        call_free(call);
        return NULL;
    }
    if (kind != PAWL_ASK_TAKE && kind != PAWL_ASK_NEXT) conn->pending_takes = false;
    call->sent.ask.asker = conn->id;
    call->answer = answer;
    call->pending = pending;
    pending->call = call;
    return call;
}

/* Writes the answers at the front of the line that are there. */
static void answer_line(struct conn *conn)
{
    while (conn->pending_first != NULL && !conn->closing) {
        struct pending *pending = conn->pending_first;
        struct call *call = pending->call;

        if (call == NULL || call->with_keeper) return;
        if (!call->answer(conn, call)) return;
        call_free(call);
        pending_free(conn, pending);
    }
}

void conn_go_on(struct conn *conn)
{
    if (conn->running || conn->closed) return;
    answer_line(conn);
    run(conn);
    desk_note_changed(conn->desk, conn);
}

void conn_answered(struct conn *conn, struct pending *pending)
{
    pending_free(conn, pending);
    conn_go_on(conn);
}

/* What the carrier calls. */

bool conn_open(struct conn *conn, struct desk *desk, const struct conn_wire *wire, uint64_t now_ns)
{
    desk->now_ns = now_ns;
    *conn = (struct conn){
        .desk = desk, .wire = wire, .id = desk->next_id, .protocol = 2, .pending_takes = true};
    desk->next_id += desk->settings.id_step;
    pawl_count_add(&desk->counts.accepted, 1);
    pawl_count_add(&desk->counts.connections, 1);
    return wire->open == NULL || wire->open(conn);
}

struct conn_space conn_input_space(struct conn *conn)
{
    struct conn_buffer *input = &conn->input;

    PAWL_ASSERT(conn_wants_input(conn));
    if (input->capacity - input->size < LEFTOVER_BYTES_MAX) {
        size_t capacity = input->capacity * 2;

        if (capacity < CONN_BUFFER_BYTES) capacity = CONN_BUFFER_BYTES;
        if (capacity > conn->wire->input_bytes_max) capacity = conn->wire->input_bytes_max;
        if (capacity > input->capacity && !buffer_grow(conn->desk, input, capacity)) {
            return (struct conn_space){NULL, 0};
        }
    }
    return (struct conn_space){input->at + input->size, input->capacity - input->size};
}

void conn_input_added(struct conn *conn, size_t size, uint64_t now_ns)
{
    PAWL_ASSERT(size <= conn->input.capacity - conn->input.size && !conn->closed);
    conn->desk->now_ns = now_ns;
    conn->input.size += size;
    run(conn);
}

size_t conn_received(struct conn *conn, struct pawl_bytes bytes, uint64_t now_ns)
{
    size_t taken = 0;

    while (taken < bytes.size && conn_wants_input(conn)) {
        struct conn_space space = conn_input_space(conn);
        size_t size = bytes.size - taken < space.size ? bytes.size - taken : space.size;

        if (size == 0) break;
        memcpy(space.at, bytes.at + taken, size);
        taken += size;
        conn_input_added(conn, size, now_ns);
    }
    return taken;
}

struct pawl_bytes conn_output(struct conn *conn)
{
    if (conn->sending.size == 0 && conn->output.size > 0) {
        struct conn_buffer empty = conn->sending;

        conn->sending = conn->output;
        conn->output = empty;
    }
    if (conn->sending.size == 0) return (struct pawl_bytes){NULL, 0};
    return (struct pawl_bytes){conn->sending.at + conn->sent, conn->sending.size - conn->sent};
}

void conn_output_sent(struct conn *conn, size_t size, uint64_t now_ns)
{
    PAWL_ASSERT(size <= conn->sending.size - conn->sent);
    conn->sent += size;
    if (conn->sent == conn->sending.size) {
        conn->sent = 0;
        conn->sending.size = 0;
        buffer_free(conn->desk, &conn->sending);
    }
    if (!conn->paused || conn->closed || output_backlog(conn) >= CONN_OUTPUT_BYTES_PAUSE) return;
    conn->desk->now_ns = now_ns;
    answer_line(conn);
    run(conn);
}

bool conn_wants_input(const struct conn *conn)
{
    return !conn->closing && !conn->closed && conn->input.size < conn->wire->input_bytes_max &&
           output_backlog(conn) < CONN_OUTPUT_BYTES_PAUSE;
}

bool conn_wants_close(const struct conn *conn)
{
    return conn->closing && output_backlog(conn) == 0;
}

bool conn_quiet(const struct conn *conn)
{
    return conn->pending_first == NULL && !conn->yields.in && output_backlog(conn) == 0;
}

void conn_stop(struct conn *conn)
{
    if (conn->closing || conn->closed) return;
    if (conn->wire->stop != NULL) conn->wire->stop(conn);
    conn->closing = true;
}

void conn_forget_line(struct conn *conn)
{
    while (conn->pending_first != NULL) {
        struct pending *pending = conn->pending_first;

        if (pending->entry != NULL) desk_unpark(conn->desk, pending);
        if (pending->call != NULL) call_abandon(pending->call);
        pending_free(conn, pending);
    }
}

void conn_close(struct conn *conn)
{
    struct desk *desk = conn->desk;

    if (conn->closed) return;
    conn->closed = true;
    desk_forget_changed(desk, conn);
    desk_forget_yield(desk, conn);
    conn_forget_line(conn);
    if (conn->wire->close != NULL) conn->wire->close(conn);
    conn_log_out(conn);
    pawl_count_add(&desk->counts.connections, UINT64_MAX);
    conn->input.size = 0;
    conn->input_used = 0;
    buffer_free(desk, &conn->input);
}

void conn_dispose(struct conn *conn)
{
    if (!conn->closed) conn_close(conn);
    buffer_free(conn->desk, &conn->output);
    buffer_free(conn->desk, &conn->sending);
    conn->sent = 0;
}
