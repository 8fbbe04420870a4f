/* conn.h - the simulator's loop: connections to one server on this machine, and timers.
 *
 * One thread, one epoll. Output is gathered while events are handled and sent once after them.
 * Connections are never freed: their owners keep them in arrays.
 */
#ifndef BERTH_BENCH_FLEET_CONN_H
#define BERTH_BENCH_FLEET_CONN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct conn {
    int fd; /* -1: none */
    struct buf in, out;
    void (*on_input)(struct conn *conn);  /* `in` has grown */
    void (*on_closed)(struct conn *conn); /* the server closed it, or is away */
    bool is_dirty, waits_for_room;
    struct conn *next_dirty;
};

/* Before anything else: where the server is. */
void conns_begin(const struct sockaddr_in *address);
bool conn_dial(struct conn *conn);  /* false: nobody listens */
void conn_send(struct conn *conn);  /* what is in `out`, soon */
void conn_close(struct conn *conn); /* without on_closed */

/* ---- time ---- */

int64_t now_us(void);

/* A timer, in its owner; one wait at a time. */
struct due {
    struct due *next;
    int64_t at_ms;
    void (*fn)(struct due *due);
};
void due_in(struct due *due, int64_t ms, void (*fn)(struct due *due));

/* Runs until `is_over` says so; it is asked after each round of events. */
void conns_run(bool (*is_over)(void));

#endif
