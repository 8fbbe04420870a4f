/* sessions.h - one agent's WebSocket, command channel (ACS) or telemetry (TCS).
 *
 * sessions.c decides who may connect and keeps the register: one session of each kind for an
 * instance, the newest one (AP-204). acs.c and tcs.c speak the two protocols. While a command
 * session is registered its instance counts as connected.
 *
 * Ownership  A session lives from ws_accept() to its on_close, and is freed there.
 */
#ifndef BERTH_CONTROL_SESSIONS_H
#define BERTH_CONTROL_SESSIONS_H

#include <sys/queue.h>

#include "base/tree.h"
#include "control/parts.h"
#include "net/http_server.h"

#define SESSION_HEARTBEAT_MS      30000 /* AP-212: at most 50 s */
#define SESSION_HEARTBEATS_MISSED 3     /* then the session is closed */
#define SESSION_BAD_FRAMES_MAX    16    /* then too */
#define SESSION_EXPIRE_MS                                                                          \
    (60 * 60 * 1000) /* AP-218; with jitter, so that agents do not come at once */
#define SESSION_EXPIRE_JITTER 10

enum { SESSION_CLOSE_REGULAR = 1000, SESSION_CLOSE_GOING = 1001, SESSION_CLOSE_POLICY = 1008 };

struct session;

/* One of the two protocols. */
struct session_kind {
    const char *name; /* "ACS" */
    void (*message)(struct session *session, const char *text, size_t len);
    void (*heartbeat)(struct session *session);
    void (*done)(struct session *session); /* frees what is the protocol's */
};

struct session {
    RB_ENTRY(session) entry; /* in the register, by kind and instance */
    TAILQ_ENTRY(session)
    wait; /* in one of the two queues for durability, if is_waiting or is_asked */
    struct control *control;
    struct ws *ws;
    const struct session_kind *kind;
    bool is_registered; /* false: superseded, or its instance is gone; the socket is closing */
    bool is_waiting, is_asked;
    const struct scope *scope;
    const char *cluster; /* interned, referenced */
    struct id instance;
    struct timer heartbeat, expire;
    struct timer credentials; /* of a command session: when they are renewed */
    unsigned heartbeats_unanswered;
    unsigned bad_frames;
    char update_id[32]; /* of the update's message that is to be answered; "": none */
};

/* What an upgrade request says, checked. Strings are the arena's. */
struct session_hello {
    const struct http_request *req;
    const struct agent_identity *identity;
    const struct container_instance *instance;
    const char *agent_version, *agent_hash, *docker_version;
    bool send_credentials;
    int64_t protocol_version;
};

/* The instance's record; NULL if it is gone. */
const struct container_instance *session_instance(const struct session *session);
/* Its ARN as it was registered. */
char *session_instance_arn(const struct session *session, struct arena *arena);
/* The id in the ARN of a task, in its long form or the short one; false: it is none of the
 * session's account. */
bool session_task_id(const struct session *session, struct arena *arena, const char *text,
                     struct id *ret);
void session_send(struct session *session, const struct buf *frame);
/* Out of the register at once; the socket goes later. */
void session_close(struct session *session, int code, const char *reason);
/* Counts a frame that cannot be understood; the last one allowed closes. Takes `why`. */
void session_bad_frame(struct session *session, struct error *why);
/* Asks that acs_release() is called once all that is staged so far is durable. */
void session_ask_durable(struct session *session);

/* ---- acs.c ---- */
extern const struct session_kind session_acs;
/* Not registered yet, and without a socket. */
struct session *acs_new(const struct session_hello *hello);
/* Tells the agent all it may not know, and records what it said about itself. */
void acs_start(struct session *session, const struct session_hello *hello);
/* The task's desired status changed, or it is new. */
void acs_tell_task(struct session *session, const struct task *task);
/* Nothing is to be told about it any more. */
void acs_forget_task(struct session *session, const struct id *task);
bool acs_has_told(const struct session *session, const struct id *task);
/* Sent when all that is staged so far is durable. Takes the buffer's bytes. */
void acs_tell_frame(struct session *session, struct buf *frame);
/* Before asking for durability, and after: what waited at the time may be sent. */
void acs_hold_back(struct session *session);
void acs_release(struct session *session);

/* ---- acs_credentials.c ---- */
struct payload_source; /* core/payload.h */
struct acs_task;
/* Those of the task's roles. Fails (API_SERVER) only on a damaged record. */
MUST_USE struct error *acs_credentials_fill(struct arena *arena, const struct session *session,
                                            const struct task *task,
                                            const struct payload_source *source,
                                            struct acs_task *ret);
/* From now on they are renewed; at once, if the session was silent when they should have been.
 * `is_told_all`: every task is told anyway. */
void acs_credentials_start(struct session *session, bool is_told_all, int64_t silent_since_ms);

/* ---- tcs.c ---- */
extern const struct session_kind session_tcs;
struct session *tcs_new(const struct session_hello *hello);

#endif
