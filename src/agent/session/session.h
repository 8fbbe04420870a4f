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

#include "agent/session/api_client_discover.h"
#include "agent/session/session_backoff.h"

#define SESSION_CONNECT_MS     30000
#define SESSION_SILENCE_MS     60000            /* and up to as much again */
#define SESSION_EXPIRY_MS      (30 * 60 * 1000) /* and up to the next: */
#define SESSION_EXPIRY_MORE_MS (5 * 60 * 1000)
#define SESSION_INACTIVE_MS    (3600 * 1000)
#define SESSION_SETTLED_MS     60000 /* and up to as much again: then the back-off starts over */
#define SESSION_SHORT_MS       1000

struct agent_session_param {
    const char *name, *value;
};

struct agent_session_options {
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

struct agent_session;

struct agent_session *agent_session_new(const struct agent_session_options *options);
void agent_session_start(struct agent_session *session);
/* Closes for good; `closed` runs once, later. */
void agent_session_close(struct agent_session *session, loop_fn *closed, void *data);

bool agent_session_is_open(const struct agent_session *session);
void agent_session_send(struct agent_session *session, const char *text,
                        size_t len); /* nothing unless open */
const char *
agent_session_url(const struct agent_session *session); /* of the last connection; NULL: none yet */
/* The server is there: a session that waits for its next try makes it now. Not one that was paused.
 */
void agent_session_hurry(struct agent_session *session);
/* Ends the connection, if any, and stays away for so long. */
void agent_session_pause(struct agent_session *session, int64_t pause_ms);

/* "a=1&b=x%2Fy" of `params`, which are sorted by name. */
char *agent_session_query(struct arena *arena, const struct agent_session_param *params,
                          size_t count);

#endif
