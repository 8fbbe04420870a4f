/* sim_net.h - the loop and the sockets of src/net as a test owns them: virtual time, no
 * descriptors.
 *
 * Defines the functions of net/loop.h and net/http_server.h that the control plane uses, so that it
 * links against these instead. The store's thread is real: a turn that began a batch waits for it,
 * so that every run of the same seed is the same run.
 */
#ifndef BERTH_TESTS_CONTROL_SIM_NET_H
#define BERTH_TESTS_CONTROL_SIM_NET_H

#include "net/http_server.h"
#include "net/loop.h"

struct loop *sim_loop_new(void);
void sim_loop_free(struct loop *loop);
int64_t sim_loop_now_ms(const struct loop *loop); /* monotonic */

/* Tells whether something is under way on another thread that will post. */
typedef bool sim_busy_fn(void *data);
/* Runs all that can run without time passing. */
void sim_loop_settle(struct loop *loop, sim_busy_fn *is_busy, void *data);
/* Lets time pass, timer by timer; `after_each` runs after every step (NULL: nothing). */
void sim_loop_pass(struct loop *loop, int64_t ms, sim_busy_fn *is_busy, loop_fn *after_each,
                   void *data);

/* The far end of a socket. */
struct sim_peer {
    void (*on_frame)(const char *text, size_t len,
                     void *data);            /* as it is sent: delay it yourself */
    void (*on_closed)(int code, void *data); /* by the server */
    void *data;
};
/* An upgrade request under way; hand it to control_upgrade(). */
struct http_exchange *sim_exchange_new(struct loop *loop, const struct sim_peer *peer);
/* What came of it: 101 and a socket, or a status and a body. */
int sim_exchange_status(const struct http_exchange *ex);
const char *sim_exchange_body(const struct http_exchange *ex);
struct ws *sim_exchange_socket(const struct http_exchange *ex);
void sim_exchange_free(struct http_exchange *ex);

/* The peer says something; false if the server has closed the socket. */
bool sim_ws_say(struct ws *ws, const char *text, size_t len);
/* The peer is gone: the server's on_close follows in a later callback. `ws` is not to be used
 * again. */
void sim_ws_drop(struct ws *ws);

#endif
