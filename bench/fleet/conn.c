#include "bench/fleet/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/attributes.h"

#define SLOTS 32768 /* of a millisecond; what is due later goes round again */

static struct sockaddr_in server;
static int epoll_fd;
static struct conn *dirty;
static struct due *slots[SLOTS];
static int64_t wheel_ms; /* all before it have run */

/* ---- connections ---- */

void conns_begin(const struct sockaddr_in *address)
{
    server = *address;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    wheel_ms = now_us() / 1000;
}

bool conn_dial(struct conn *conn)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    int one = 1;

    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        perror("fleet: socket");
        exit(1);
    }
    buf_clear(&conn->in);
    buf_clear(&conn->out);
    conn->waits_for_room = false;
    if (connect(conn->fd, (const struct sockaddr *)&server, sizeof(server)) < 0) {
        conn_close(conn);
        return false;
    }
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(conn->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conn->fd, &event);
    return true;
}

void conn_close(struct conn *conn)
{
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
}

void conn_send(struct conn *conn)
{
    if (conn->is_dirty)
        return;
    conn->is_dirty = true;
    conn->next_dirty = dirty;
    dirty = conn;
}

static void watch(struct conn *conn, bool wants_room)
{
    struct epoll_event event = {.events = EPOLLIN | (wants_room ? EPOLLOUT : 0), .data.ptr = conn};

    if (conn->waits_for_room == wants_room)
        return;
    conn->waits_for_room = wants_room;
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

static void flush(struct conn *conn)
{
    size_t sent = 0;

    if (conn->fd < 0)
        return;
    while (sent < conn->out.len) {
        ssize_t n = send(conn->fd, conn->out.data + sent, conn->out.len - sent, MSG_NOSIGNAL);

        if (n < 0)
            break; /* no room: EPOLLOUT tells; broken: EPOLLIN tells */
        sent += (size_t)n;
    }
    buf_consume(&conn->out, sent);
    watch(conn, conn->out.len > 0);
}

static void flush_all(void)
{
    while (dirty) {
        struct conn *conn = dirty;

        dirty = conn->next_dirty;
        conn->is_dirty = false;
        flush(conn);
    }
}

static void read_all(struct conn *conn)
{
    static char piece[262144];
    int fd = conn->fd;
    ssize_t n;

    while (conn->fd == fd && fd >= 0 && (n = recv(fd, piece, sizeof(piece), 0)) != 0) {
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0)
            break;
        buf_add(&conn->in, piece, (size_t)n);
        conn->on_input(conn);
        if ((size_t)n < sizeof(piece))
            return;
    }
    if (conn->fd != fd || fd < 0)
        return; /* its owner closed it */
    conn_close(conn);
    conn->on_closed(conn);
}

/* ---- time ---- */

int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void due_in(struct due *due, int64_t ms, void (*fn)(struct due *due))
{
    int64_t at_ms = now_us() / 1000 + (ms > 0 ? ms : 0);
    size_t slot;

    due->at_ms = at_ms > wheel_ms ? at_ms : wheel_ms;
    due->fn = fn;
    slot = (size_t)due->at_ms % SLOTS;
    due->next = slots[slot];
    slots[slot] = due;
}

static void run_due(void)
{
    int64_t now_ms = now_us() / 1000;

    for (; wheel_ms <= now_ms; wheel_ms++) {
        struct due *due = slots[(size_t)wheel_ms % SLOTS], *later = NULL;

        slots[(size_t)wheel_ms % SLOTS] = NULL;
        while (due) {
            struct due *next = due->next;

            if (due->at_ms > wheel_ms) {
                due->next = later;
                later = due;
            } else {
                due->fn(due);
            }
            due = next;
        }
        while (later) {
            struct due *next = later->next;

            later->next = slots[(size_t)wheel_ms % SLOTS];
            slots[(size_t)wheel_ms % SLOTS] = later;
            later = next;
        }
        if (slots[(size_t)wheel_ms % SLOTS] && wheel_ms == now_ms)
            return; /* something was asked for at once: after the events */
    }
}

void conns_run(bool (*is_over)(void))
{
    struct epoll_event events[512];

    while (!is_over()) {
        int n;

        flush_all();
        n = epoll_wait(epoll_fd, events, ARRAY_LEN(events), 1);
        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;

            if (events[i].events & EPOLLOUT)
                flush(conn);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                read_all(conn);
        }
        run_due();
    }
    flush_all();
}
