/* session.h - one of the agent's two WebSockets kept open: found, signed, opened, watched, opened
 * again.
 *
 *            start                    on_open
 *   IDLE ------------> DISCOVERING -> CONNECTING -> OPEN
 *                           ^    |        |          |  silence, expiry, pause: CLOSING
 *                           |    +--------+          |
 *                           +-- WAITING <------------+
 *
 * The endpoint is asked for before every connect (AP-112). A connection without a message for one
 * to two minutes is closed (AP-212), and every connection after 30 to 35 (AP-213). A regular end is
 * followed by a new connection at once, anything else by the back-off (AP-216), "InactiveInstance"
 * by an hour of peace (AP-217). One that opens and ends within a second counts as an error however
 * it ended, so that a confused server is not asked in a tight loop.
 *
 * Ownership  The session lends everything in its options and copies what it sends.
 */
#ifndef BERTH_AGENT_SESSION_H
#define BERTH_AGENT_SESSION_H

#include "agent/api_client_discover.h"
#include "agent/session_backoff.h"

#define SESSION_CONNECT_MS     30000
#define SESSION_SILENCE_MS     60000            /* and up to as much again */
#define SESSION_EXPIRY_MS      (30 * 60 * 1000) /* and up to the next: */
#define SESSION_EXPIRY_MORE_MS (5 * 60 * 1000)
#define SESSION_INACTIVE_MS    (3600 * 1000)
#define SESSION_SETTLED_MS     60000 /* and up to as much again: then the back-off starts over */
#define SESSION_SHORT_MS       1000

struct session_param {
    const char *name, *value;
};

struct session_options {
    const char *name; /* "acs" or "tcs": for the log */
    struct loop *loop;
    const struct clock *clock;
    struct rng *rng;
    const struct agent_config *config;
    struct config_keys *keys;
    struct discover *discover;
    struct backoff backoff;

    const char *(*endpoint)(const struct endpoints *endpoints);
    /* The query of the upgrade, sorted by name; made again for each connection. */
    char *(*query)(struct arena *arena, void *data);
    void (*on_open)(void *data);
    /* True if `type` is one that shows the server is there. */
    bool (*on_message)(const char *type, const struct json_t *message, void *data);
    void (*on_close)(void *data);    /* an open connection ended */
    void (*on_inactive)(void *data); /* NULL: nobody minds */
    void *data;
};

struct session;

struct session *session_new(const struct session_options *options);
void session_start(struct session *session);
/* Closes for good; `closed` runs once, later. */
void session_close(struct session *session, loop_fn *closed, void *data);

bool session_is_open(const struct session *session);
void session_send(struct session *session, const char *text, size_t len); /* nothing unless open */
const char *session_url(const struct session *session); /* of the last connection; NULL: none yet */
/* The server is there: a session that waits for its next try makes it now. Not one that was paused.
 */
void session_hurry(struct session *session);
/* Ends the connection, if any, and stays away for so long. */
void session_pause(struct session *session, int64_t pause_ms);

/* "a=1&b=x%2Fy" of `params`, which are sorted by name. */
char *session_query(struct arena *arena, const struct session_param *params, size_t count);

#endif
