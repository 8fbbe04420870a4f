/* tcs.c - the telemetry channel: health and metrics of containers, status of instances (AP-501 to
 * AP-513).
 *
 * Frames are signed one by one. Every frame is acknowledged, whatever becomes of it: the answers
 * are what keeps the agent's connection alive (AP-504). */
#include "control/sessions.h"
#include "control/telemetry.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/task.h"
#include "gen/agent_types.h"
#include "net/sigv4.h"

#define HEALTH_TASKS_MAX  10 /* of one frame (AP-510) */
#define STATUS_REASON_MAX 255

struct tcs {
    struct session session;
    char *path, *query; /* of the connection: what frames are signed for */
    char *secret;       /* NULL: frames need no signature */
};

static struct tcs *tcs_of(struct session *session)
{
    return CONTAINER_OF(session, struct tcs, session);
}

/* ---- health ---- */

static const struct task *find_task(struct arena *arena, const struct session *session,
                                    const char *text)
{
    const struct task *task = NULL;
    struct id id;

    if (session_task_id(session, arena, text, &id))
        task = state_task(session->control->state, session->scope, session->cluster, &id);
    /* A task of another instance is none of this agent's business. */
    return task && id_cmp(&task->instance, &session->instance) == 0 ? task : NULL;
}

static bool health_parse(const char *text, enum health_status *ret)
{
    return text && health_status_parse(text, ret);
}

static bool would_change(const struct task *task, const struct tcs_task_health *health)
{
    enum health_status status;

    if (task->last_status == TASK_STOPPED)
        return false;
    for (size_t i = 0; i < health->containers.count; i++)
        for (uint32_t c = 0; c < task->containers_count; c++)
            if (str_eq(task->containers[c].name, health->containers.items[i].container_name) &&
                task->containers[c].has_health_check &&
                health_parse(health->containers.items[i].health_status, &status) &&
                status != task->containers[c].health)
                return true;
    return false;
}

static void apply_health(struct task *task, const struct tcs_task_health *health)
{
    for (size_t i = 0; i < health->containers.count; i++)
        for (uint32_t c = 0; c < task->containers_count; c++)
            if (str_eq(task->containers[c].name, health->containers.items[i].container_name) &&
                task->containers[c].has_health_check)
                health_parse(health->containers.items[i].health_status,
                             &task->containers[c].health);
    task->health = task_health_of_containers(task);
    task->version++;
}

static void on_health(struct session *session, struct arena *arena,
                      const struct tcs_publish_health_request *in)
{
    struct txn *txn;

    if (state_is_full(session->control->state))
        return; /* it comes again in 20 s */
    txn = txn_begin(session->control->state, session->scope);
    for (size_t i = 0; i < in->tasks.count && i < HEALTH_TASKS_MAX; i++) {
        const struct tcs_task_health *health = &in->tasks.items[i];
        const struct task *task = find_task(arena, session, health->task_arn);

        if (task && would_change(task, health))
            apply_health(txn_edit_task(txn, task), health);
    }
    txn_commit(txn);
}

/* ---- metrics (AP-505 to AP-509): one small total a task, in memory ---- */

static void on_metrics(struct session *session, struct arena *arena,
                       const struct metric_frame *frame)
{
    struct control *control = session->control;
    const struct container_instance *instance = session_instance(session);
    int64_t now_ms = control_wall_ms(control);

    for (size_t i = 0; i < frame->count && instance; i++) {
        const struct task_metrics *metrics = &frame->tasks[i];
        const struct task *task = find_task(arena, session, metrics->task_arn);

        /* One sample of each RUNNING task (MS-015, MS-029). */
        if (task && metrics->containers && task->last_status == TASK_RUNNING)
            telemetry_add(
                control->telemetry,
                &(struct telemetry_owner){session->scope, session->cluster, task->service},
                &task->id, metrics, instance->cpu, task->cpu, task->memory, now_ms);
    }
}

/* ---- status of the instance (AP-511): kept in memory, it is said again every half minute ---- */

static const struct {
    const char *type;
    enum instance_part part;
} parts[] = {
    {"ContainerRuntime", INSTANCE_RUNTIME},
    {"ACCELERATED_COMPUTE", INSTANCE_ACCELERATORS},
    {"EBSDaemon", INSTANCE_DAEMON},
};

static const struct {
    const char *status;
    enum instance_health health;
} healths[] = {
    {"OK", INSTANCE_OK},
    {"IMPAIRED", INSTANCE_IMPAIRED},
    {"INSUFFICIENT_DATA", INSTANCE_UNKNOWN},
    {"INITIALIZING", INSTANCE_INITIALIZING},
};

static bool read_check(struct arena *arena, const struct tcs_instance_status *in, int64_t now_ms,
                       struct instance_check *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(healths); i++)
        if (str_eq(healths[i].status, in->status)) {
            *ret = (struct instance_check){
                .health = healths[i].health,
                .reason = in->status_reason && strlen(in->status_reason) > STATUS_REASON_MAX
                              ? arena_dup_n(arena, in->status_reason, STATUS_REASON_MAX)
                              : in->status_reason,
                .updated_at_ms = in->has_last_updated_ms ? in->last_updated_ms : now_ms,
                .changed_at_ms = in->has_last_status_change_ms ? in->last_status_change_ms : now_ms,
            };
            return true;
        }
    return false;
}

static void on_instance_status(struct session *session, struct arena *arena,
                               const struct tcs_publish_instance_status_request *in)
{
    const struct container_instance *instance = session_instance(session);
    int64_t now_ms = control_wall_ms(session->control);
    struct instance_check check;

    for (size_t i = 0; i < in->statuses.count && instance; i++)
        for (size_t part = 0; part < ARRAY_LEN(parts); part++)
            if (str_eq(parts[part].type, in->statuses.items[i].type) &&
                read_check(arena, &in->statuses.items[i], now_ms, &check))
                state_set_instance_check(session->control->state, instance, parts[part].part,
                                         &check);
}

/* ---- frames ---- */

static struct error *open_frame(struct tcs *tcs, struct arena *arena, const char *text, size_t len,
                                const char **ret_json, size_t *ret_len)
{
    const char *end;

    if (tcs->secret)
        return sigv4_verify_frame(arena, tcs->session.control->signatures, text, len, tcs->path,
                                  tcs->query, tcs->secret, control_wall_ms(tcs->session.control),
                                  ret_json, ret_len);
    /* Nobody is asked for a signature, but the header block is there all the same. */
    end = len && text[0] == '{' ? text : memmem(text, len, "\r\n\r\n", 4);
    if (!end)
        return error_new(API_INVALID_PARAMETER, "The frame has no header block.");
    *ret_json = end == text ? text : end + 4;
    *ret_len = len - (size_t)(*ret_json - text);
    return NULL;
}

/* Nine frames of ten are metrics, and most of what they say is not summed: they are not decoded
 * whole. */
static struct error *read_frame(struct arena *arena, const char *json, size_t len,
                                struct tcs_message *ret, struct metric_frame *ret_metrics)
{
    bool is_metrics = metric_frame_is_one(json, len);

    *ret = (struct tcs_message){.type = TCS_MESSAGE_PUBLISH_METRICS_REQUEST};
    if (!is_metrics)
        TRY(tcs_decode_message(arena, json, len, ret));
    if (ret->type == TCS_MESSAGE_PUBLISH_METRICS_REQUEST)
        TRY(metric_frame_read(arena, json, len, ret_metrics));
    return NULL;
}

static void tcs_message(struct session *session, const char *text, size_t len)
{
    struct tcs *tcs = tcs_of(session);
    CLEANUP(buf_done) struct buf answer = {0};
    struct arena arena = {0};
    struct tcs_message message;
    struct metric_frame metrics;
    const char *json;
    size_t json_len;
    struct error *err = open_frame(tcs, &arena, text, len, &json, &json_len);

    if (!err)
        err = read_frame(&arena, json, json_len, &message, &metrics);
    if (err) {
        struct tcs_invalid_parameter_exception refused = {arena_dup(&arena, err->message)};

        tcs_frame_invalid_parameter_exception(&answer, &refused);
        session_send(session, &answer);
        session_bad_frame(session, err);
        arena_done(&arena);
        return;
    }
    session->heartbeats_unanswered = 0;
    switch (message.type) {
    case TCS_MESSAGE_PUBLISH_METRICS_REQUEST:
        on_metrics(session, &arena, &metrics);
        tcs_frame_ack_publish_metric(&answer, &(struct tcs_ack_publish_metric){0});
        break;
    case TCS_MESSAGE_PUBLISH_HEALTH_REQUEST:
        on_health(session, &arena, message.publish_health_request);
        tcs_frame_ack_publish_health(&answer, &(struct tcs_ack_publish_health){0});
        break;
    case TCS_MESSAGE_PUBLISH_INSTANCE_STATUS_REQUEST:
        on_instance_status(session, &arena, message.publish_instance_status_request);
        tcs_frame_ack_publish_instance_status(&answer,
                                              &(struct tcs_ack_publish_instance_status){0});
        break;
    default:
        log_debug("telemetry passed over", "type", message.type_name);
        break;
    }
    if (answer.len)
        session_send(session, &answer);
    arena_done(&arena);
}

/* Not answered by the agent (AP-504): that the socket lives is for its pings to find out. */
static void tcs_heartbeat(struct session *session)
{
    struct tcs_heartbeat_message message = {.has_healthy = true, .healthy = true};
    CLEANUP(buf_done) struct buf frame = {0};

    tcs_frame_heartbeat_message(&frame, &message);
    session_send(session, &frame);
}

/* ---- life ---- */

struct session *tcs_new(const struct session_hello *hello)
{
    struct tcs *tcs = xcalloc(1, sizeof(*tcs));

    tcs->path = str_dup(hello->req->path);
    tcs->query = str_dup(hello->req->query);
    tcs->secret = str_dup(hello->identity->secret_access_key);
    return &tcs->session;
}

static void tcs_done(struct session *session)
{
    struct tcs *tcs = tcs_of(session);

    free(tcs->path);
    free(tcs->query);
    if (tcs->secret)
        explicit_bzero(tcs->secret, strlen(tcs->secret));
    free(tcs->secret);
}

const struct session_kind session_tcs = {"TCS", tcs_message, tcs_heartbeat, tcs_done};
