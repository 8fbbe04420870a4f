#include "control/sessions.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/agent_updates.h"
#include "control/prefetch.h"
#include "control/query.h"
#include "control/waiting.h"
#include "core/shown_arn.h"

TAILQ_HEAD(session_queue, session);

struct sessions {
    struct control *control;
    RB_HEAD(session_tree, session) registered;
    size_t open_count;            /* sockets that are not closed yet, registered or not */
    struct session_queue waiting; /* have something to send that may not be durable */
    struct session_queue asked;   /* state_when_durable() is under way for these */
    bool is_asking;
    bool is_closing;
    loop_fn *closed;
    void *closed_data;
};

static int session_cmp(const struct session *a, const struct session *b)
{
    uintptr_t x = (uintptr_t)a->kind, y = (uintptr_t)b->kind;

    if (x != y)
        return x < y ? -1 : 1;
    return id_cmp(&a->instance, &b->instance);
}
RB_GENERATE_STATIC(session_tree, session, entry, session_cmp)

static struct session *find(struct sessions *sessions, const struct session_kind *kind,
                            const struct id *instance)
{
    struct session key = {.kind = kind, .instance = *instance};

    return RB_FIND(session_tree, &sessions->registered, &key);
}

const struct container_instance *session_instance(const struct session *session)
{
    return state_instance(session->control->state, session->scope, session->cluster,
                          &session->instance);
}

char *session_instance_arn(const struct session *session, struct arena *arena)
{
    const struct container_instance *instance = session_instance(session);

    return instance ? shown_instance_arn(arena, session->scope, instance)
                    : arn_container_instance(arena, session->scope, session->cluster,
                                             &session->instance);
}

bool session_task_id(const struct session *session, struct arena *arena, const char *text,
                     struct id *ret)
{
    const char *slash;
    struct arn arn;

    if (!text || !arn_parse(arena, text, &arn) || !str_eq(arn.type, "task") ||
        !str_eq(arn.account, session->scope->account))
        return false;
    slash = strrchr(arn.rest, '/');
    return id_parse(slash ? slash + 1 : arn.rest, ret);
}

void session_send(struct session *session, const struct buf *frame)
{
    if (session->is_registered)
        ws_send(session->ws, frame->data, frame->len);
}

/* ---- durability: one question to the state for all that have something to send ---- */

static void finish_close(struct sessions *sessions);
static void ask(struct sessions *sessions);

static void on_durable(const struct error *err, void *data)
{
    struct sessions *sessions = data;
    struct session *session;

    while ((session = TAILQ_FIRST(&sessions->asked))) {
        /* What is lost must not be told; the reset after a failure closes the sessions. */
        if (!err)
            acs_release(session);
        if (session != TAILQ_FIRST(&sessions->asked))
            continue; /* telling it failed, and ended it */
        TAILQ_REMOVE(&sessions->asked, session, wait);
        session->is_asked = false;
        /* It may have got more while it was asked for, and by what was released. */
        if (session->is_waiting)
            TAILQ_INSERT_TAIL(&sessions->waiting, session, wait);
    }
    sessions->is_asking = false;
    ask(sessions);
    finish_close(sessions);
}

static void ask(struct sessions *sessions)
{
    struct session *session;

    if (sessions->is_asking || TAILQ_EMPTY(&sessions->waiting))
        return;
    while ((session = TAILQ_FIRST(&sessions->waiting))) {
        TAILQ_REMOVE(&sessions->waiting, session, wait);
        session->is_waiting = false;
        session->is_asked = true;
        acs_hold_back(session);
        TAILQ_INSERT_TAIL(&sessions->asked, session, wait);
    }
    sessions->is_asking = true;
    state_when_durable(sessions->control->state, on_durable, sessions);
}

void session_ask_durable(struct session *session)
{
    struct sessions *sessions = session->control->sessions;

    if (!session->is_waiting && !session->is_asked)
        TAILQ_INSERT_TAIL(&sessions->waiting, session, wait);
    session->is_waiting = true;
    ask(sessions);
}

/* ---- the register ---- */

static void write_connection(struct session *session, const struct container_instance *instance,
                             bool is_connected)
{
    struct control *control = session->control;

    state_set_instance_connected(control->state, instance, is_connected);
    fleets_follow_instance(control->fleets, instance);
    if (!is_connected) {
        struct txn *txn = txn_begin(control->state, session->scope);

        struct container_instance *edited = txn_edit_instance(txn, instance);

        edited->disconnected_at_ms = control_wall_ms(control);
        edited->version++; /* MS-073 */
        txn_commit(txn);
    }
    task_lives_follow_instance(control->tasks, session->scope, session->cluster,
                               &session->instance);
    if (!is_connected)
        return;
    waiting_follow_host(control->waiting, instance);
    services_follow_hosts(control->services, session->scope, session->cluster);
}

static void unregister(struct session *session, bool is_told)
{
    struct sessions *sessions = session->control->sessions;
    const struct container_instance *instance = session_instance(session);

    if (!session->is_registered)
        return;
    RB_REMOVE(session_tree, &sessions->registered, session);
    session->is_registered = false;
    timer_stop(&session->heartbeat);
    timer_stop(&session->expire);
    timer_stop(&session->credentials);
    if (session->is_asked)
        TAILQ_REMOVE(&sessions->asked, session, wait);
    else if (session->is_waiting)
        TAILQ_REMOVE(&sessions->waiting, session, wait);
    session->is_asked = session->is_waiting = false;
    if (session->kind == &session_acs)
        session->control->stats.acs_sessions--;
    else
        session->control->stats.tcs_sessions--;
    if (is_told && session->kind == &session_acs && instance)
        write_connection(session, instance, false);
}

void session_close(struct session *session, int code, const char *reason)
{
    bool was_registered = session->is_registered;

    unregister(session, true);
    if (was_registered)
        ws_close(session->ws, code, reason);
}

static void on_expired(void *data)
{
    session_close(data, SESSION_CLOSE_REGULAR, "ConnectionExpired: Reconnect to continue");
}

static void on_heartbeat(void *data)
{
    struct session *session = data;

    if (session->heartbeats_unanswered >= SESSION_HEARTBEATS_MISSED) {
        log_warning("agent does not answer heartbeats", "channel", session->kind->name, "cluster",
                    session->cluster);
        session_close(session, SESSION_CLOSE_GOING, "No answer to heartbeats");
        return;
    }
    session->kind->heartbeat(session);
    timer_start(&session->heartbeat, session->control->loop, SESSION_HEARTBEAT_MS, on_heartbeat,
                session);
}

void session_bad_frame(struct session *session, struct error *why)
{
    log_warning("agent sent a frame that cannot be understood", "channel", session->kind->name,
                "why", why->message);
    error_free(why); /* logged; the agent has no use for it */
    if (++session->bad_frames >= SESSION_BAD_FRAMES_MAX)
        session_close(session, SESSION_CLOSE_POLICY, "Too many frames that cannot be understood");
}

/* ---- the socket ---- */

static void on_message(struct ws *ws, const char *text, size_t len, void *data)
{
    struct session *session = data;

    (void)ws;
    if (session->is_registered)
        session->kind->message(session, text, len);
}

static void on_close(struct ws *ws, void *data)
{
    struct session *session = data;
    struct sessions *sessions = session->control->sessions;

    (void)ws;
    unregister(session, true);
    session->kind->done(session);
    intern_unref(session->cluster);
    free(session);
    sessions->open_count--;
    finish_close(sessions);
}

/* AP-204: the newest session of an instance is the one. */
static void register_session(struct sessions *sessions, struct session *session)
{
    struct session *old = find(sessions, session->kind, &session->instance);

    if (old) {
        unregister(old, false);
        ws_close(old->ws, SESSION_CLOSE_REGULAR, "Superseded by a newer connection");
    }
    RB_INSERT(session_tree, &sessions->registered, session);
    session->is_registered = true;
    timer_start(&session->heartbeat, sessions->control->loop, SESSION_HEARTBEAT_MS, on_heartbeat,
                session);
    timer_start(&session->expire, sessions->control->loop,
                rng_jitter_ms(state_rng(sessions->control->state), SESSION_EXPIRE_MS,
                              SESSION_EXPIRE_JITTER),
                on_expired, session);
    if (session->kind == &session_acs)
        sessions->control->stats.acs_sessions++;
    else
        sessions->control->stats.tcs_sessions++;
}

/* ---- upgrades ---- */

/* AP-206: the exception's name is the only key. */
struct refusal {
    const char *exception;
    const char *message;
};

static void refuse(struct http_exchange *ex, const struct refusal *refusal)
{
    static const struct http_header headers[] = {{"content-type", "application/json"}};
    CLEANUP(buf_done) struct buf body = {0};

    buf_add_char(&body, '{');
    json_text_add_name(&body, refusal->exception);
    json_text_add_string(&body, refusal->message);
    buf_add_char(&body, '}');
    log_info("agent refused", "exception", refusal->exception, "message", refusal->message);
    http_respond(ex, 400, headers, ARRAY_LEN(headers), body.data, body.len);
}

/* An ARN's last part, or the text itself; false if the ARN is of another place or type. */
static bool read_name(struct arena *arena, const struct scope *scope, const char *text,
                      const char *type, const char **ret)
{
    struct arn arn;

    if (!arn_looks_like(text)) {
        *ret = text;
        return true;
    }
    if (!arn_parse(arena, text, &arn) || !str_eq(arn.type, type) ||
        !str_eq(arn.region, scope->region) || !str_eq(arn.account, scope->account))
        return false;
    *ret = arn.rest;
    return true;
}

/* "cluster/id" of the long ARN form, or the id alone. */
static bool read_instance_id(const char *rest, const char *cluster, struct id *ret)
{
    const char *slash = strchr(rest, '/');
    size_t len = strlen(cluster);

    if (!slash)
        return id_parse(rest, ret);
    return (size_t)(slash - rest) == len && strncmp(rest, cluster, len) == 0 &&
           id_parse(slash + 1, ret);
}

static bool is_allowed(const struct agent_identity *identity,
                       const struct container_instance *instance)
{
    if (!identity->agent_cluster)
        return true; /* a key of the account, or no authentication */
    return str_eq(identity->agent_cluster, instance->cluster) &&
           id_cmp(&identity->agent_instance, &instance->id) == 0;
}

static bool read_hello(struct sessions *sessions, struct arena *arena,
                       const struct http_request *req, const struct agent_identity *identity,
                       bool is_acs, struct session_hello *ret, struct refusal *ret_refusal)
{
    const char *cluster = query_value(arena, req->query, is_acs ? "clusterArn" : "cluster");
    const char *instance =
        query_value(arena, req->query, is_acs ? "containerInstanceArn" : "containerInstance");
    const char *docker = query_value(arena, req->query, "dockerVersion");
    const char *protocol = query_value(arena, req->query, "protocolVersion");
    const struct container_instance *found;
    struct id id;

    memset(ret, 0, sizeof(*ret));
    if (!req->wants_websocket) {
        *ret_refusal = (struct refusal){"BadRequestException", "A WebSocket is served here."};
        return false;
    }
    if (!read_name(arena, identity->scope, str_is_empty(cluster) ? "default" : cluster, "cluster",
                   &cluster)) {
        *ret_refusal = (struct refusal){"InvalidClusterException", "Cluster not found."};
        return false;
    }
    if (str_is_empty(instance) ||
        !read_name(arena, identity->scope, instance, "container-instance", &instance) ||
        !read_instance_id(instance, cluster, &id)) {
        *ret_refusal = (struct refusal){"InvalidInstanceException",
                                        "The container instance ARN is not valid here."};
        return false;
    }
    found = state_instance(sessions->control->state, identity->scope, cluster, &id);
    if (!found) {
        bool has_cluster = state_cluster(sessions->control->state, identity->scope, cluster);

        *ret_refusal = has_cluster
                           ? (struct refusal){"InvalidInstanceException",
                                              "The container instance is not registered."}
                           : (struct refusal){"InvalidClusterException", "Cluster not found."};
        return false;
    }
    if (!is_allowed(identity, found)) {
        *ret_refusal = (struct refusal){"AccessDeniedException",
                                        "The key is bound to another container instance."};
        return false;
    }
    if (found->status == INSTANCE_INACTIVE) {
        *ret_refusal =
            (struct refusal){"InactiveInstanceException", "Container instance is deregistered."};
        return false;
    }
    if (sessions->control->is_closing || state_is_resting(sessions->control->state)) {
        *ret_refusal = (struct refusal){"ServerException", "The server is busy; try again."};
        return false;
    }
    ret->instance = found;
    ret->agent_version = query_value(arena, req->query, "agentVersion");
    ret->agent_hash = query_value(arena, req->query, "agentHash");
    /* Sent as "DockerVersion: 20.10.24" on one channel and bare on the other (AP-202, AP-501). */
    if (docker && str_starts_with(docker, "DockerVersion: "))
        docker += strlen("DockerVersion: ");
    ret->docker_version = docker;
    ret->send_credentials = str_eq(query_value(arena, req->query, "sendCredentials"), "true");
    if (!protocol || !str_to_int64(protocol, &ret->protocol_version))
        ret->protocol_version = 1;
    ret->req = req;
    ret->identity = identity;
    return true;
}

static void open_session(struct sessions *sessions, struct http_exchange *ex, bool is_acs,
                         const struct session_hello *hello)
{
    struct session *session = is_acs ? acs_new(hello) : tcs_new(hello);
    struct ws_handler handler = {on_message, on_close, session};

    session->control = sessions->control;
    session->kind = is_acs ? &session_acs : &session_tcs;
    session->scope = hello->identity->scope;
    session->cluster = intern(hello->instance->cluster);
    session->instance = hello->instance->id;
    session->ws = ws_accept(ex, &handler);
    assert(session->ws); /* the peer cannot be gone while the request is handled */
    sessions->open_count++;
    register_session(sessions, session);
    if (!is_acs)
        return;
    acs_start(session, hello);
    write_connection(session, hello->instance, true);
}

void sessions_upgrade(struct sessions *sessions, struct http_exchange *ex,
                      const struct http_request *req, const struct agent_identity *identity)
{
    bool is_acs = str_starts_with(req->path, "/acs");
    struct arena arena = {0};
    struct session_hello hello;
    struct refusal refusal;

    if (read_hello(sessions, &arena, req, identity, is_acs, &hello, &refusal))
        open_session(sessions, ex, is_acs, &hello);
    else
        refuse(ex, &refusal);
    arena_done(&arena);
}

/* ---- the part ---- */

struct sessions *sessions_new(struct control *control)
{
    struct sessions *sessions = xcalloc(1, sizeof(*sessions));

    sessions->control = control;
    RB_INIT(&sessions->registered);
    TAILQ_INIT(&sessions->waiting);
    TAILQ_INIT(&sessions->asked);
    return sessions;
}

void sessions_free(struct sessions *sessions)
{
    free(sessions);
}

void sessions_end(struct sessions *sessions, const struct container_instance *instance)
{
    const struct session_kind *kinds[] = {&session_acs, &session_tcs};

    /* Called inside the transaction that made it INACTIVE: nothing of ours is to be written. */
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct session *session = find(sessions, kinds[i], &instance->id);

        if (!session || session->scope != container_instance_scope(instance))
            continue;
        unregister(session, false);
        if (session->kind == &session_acs)
            state_set_instance_connected(sessions->control->state, instance, false);
        ws_close(session->ws, SESSION_CLOSE_REGULAR, "Container instance is deregistered.");
    }
}

bool sessions_has_told(struct sessions *sessions, const struct task *task)
{
    const struct session *session = find(sessions, &session_acs, &task->instance);

    return session && acs_has_told(session, &task->id);
}

/* A definition was registered. It is nobody's turn in particular, and few agents want to know. */
static void tell_images(struct sessions *sessions, const struct change *change)
{
    CLEANUP(buf_done) struct buf frame = {0};
    struct session *session;

    RB_FOREACH (session, session_tree, &sessions->registered) {
        if (session->kind != &session_acs || session->scope != change->scope ||
            !prefetch_is_wanted(session_instance(session)))
            continue;
        if (!frame.len && !prefetch_write(change->record, &frame))
            return;
        session_send(session, &frame);
    }
}

void sessions_durable(struct sessions *sessions, const struct change *change)
{
    const struct task *task = change->record;
    struct session *session;

    if (change->kind == CHANGE_INSTANCE && change->record && !change->is_removed) {
        const struct container_instance *instance = change->record;

        session = find(sessions, &session_acs, &instance->id);
        if (session)
            agent_updates_asked(session, instance);
    }
    if (change->kind == CHANGE_TASK_DEFINITION && change->record && change->is_new)
        tell_images(sessions, change);
    if (change->kind != CHANGE_TASK || !task || id_is_zero(&task->instance))
        return;
    session = find(sessions, &session_acs, &task->instance);
    if (!session)
        return;
    if (change->is_removed || task->last_status == TASK_STOPPED)
        acs_forget_task(session, &task->id);
    else if (change->is_new || task->desired_status != change->task_desired_before ||
             id_cmp(&task->instance, &change->task_instance_before) != 0)
        acs_tell_task(session, task);
    else if (task->desired_status == TASK_RUNNING && task->is_acknowledged)
        acs_forget_task(session, &task->id); /* AP-225: a report is an acknowledgement too */
}

static void close_all(struct sessions *sessions, bool is_told)
{
    struct session *session, *next;

    RB_FOREACH_SAFE (session, session_tree, &sessions->registered, next) {
        unregister(session, is_told);
        ws_close(session->ws, SESSION_CLOSE_GOING, "The server is restarting");
    }
}

/* After a reload nobody is connected; the agents come back at once. */
void sessions_reset(struct sessions *sessions)
{
    close_all(sessions, false);
}

static void finish_close(struct sessions *sessions)
{
    if (!sessions->is_closing || sessions->open_count || sessions->is_asking)
        return;
    sessions->is_closing = false; /* once */
    loop_defer(sessions->control->loop, sessions->closed, sessions->closed_data);
}

void sessions_close(struct sessions *sessions, loop_fn *closed, void *data)
{
    sessions->is_closing = true;
    sessions->closed = closed;
    sessions->closed_data = data;
    close_all(sessions, false);
    finish_close(sessions);
}
