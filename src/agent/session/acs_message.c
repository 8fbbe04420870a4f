#include "agent/session/acs_message.h"

#include <jansson.h>

#include "base/json_text.h"
#include "base/log.h"

void agent_acs_send(struct agent_acs *acs, const char *type, const struct buf *body)
{
    struct buf frame = {0};

    buf_add_str(&frame, "{\"type\":");
    json_text_add_string(&frame, type);
    buf_add_str(&frame, ",\"message\":");
    buf_add(&frame, body->data, body->len);
    buf_add_char(&frame, '}');
    agent_session_send(acs->session, frame.data, frame.len);
    buf_done(&frame);
}

void agent_acs_send_ack(struct agent_acs *acs, const char *cluster, const char *instance,
                        const char *message_id)
{
    struct acs_ack_request ack = {cluster, instance, message_id};
    struct buf body = {0};

    acs_encode_ack_request(&body, &ack);
    agent_acs_send(acs, "AckRequest", &body);
    buf_done(&body);
}

static void send_nack(struct agent_acs *acs, const char *cluster, const char *instance,
                      const char *message_id, const char *reason)
{
    struct acs_nack_request nack = {cluster, instance, message_id, reason};
    struct buf body = {0};

    acs_encode_nack_request(&body, &nack);
    agent_acs_send(acs, "NackRequest", &body);
    buf_done(&body);
}

void agent_acs_keep_credentials(struct agent_acs *acs, const char *message_id, const char *task_arn,
                                const char *role_type,
                                const struct acs_role_credentials *credentials)
{
    struct acs_iam_role_credentials_ack_request ack = {
        .message_id = message_id,
        .credentials_id = credentials->credentials_id,
        .expiration = credentials->expiration,
    };
    struct buf body = {0};

    if (!acs_credentials_put(acs->options.credentials, task_arn, role_type, credentials)) {
        log_error("credentials not kept", "task", task_arn, "role", role_type);
        return;
    }
    engine_credentials_came(acs->options.engine, task_arn);
    acs_encode_iam_role_credentials_ack_request(&body, &ack);
    agent_acs_send(acs, "IAMRoleCredentialsAckRequest", &body);
    buf_done(&body);
}

bool agent_acs_advance(struct agent_acs *acs, int64_t number)
{
    if (number <= acs->manifest_number)
        return false;
    acs->manifest_number = number;
    return true;
}

static void on_heartbeat(struct agent_acs *acs, const json_t *message)
{
    struct acs_heartbeat_ack_request ack = {
        json_string_value(json_object_get(message, "messageId"))};
    struct buf body = {0};

    acs_encode_heartbeat_ack_request(&body, &ack);
    agent_acs_send(acs, "HeartbeatAckRequest", &body);
    buf_done(&body);
    acs->options.on_heartbeat(acs->options.data);
}

/* Rotation: the same id with new values (AP-232). */
static struct error *take_credentials(struct agent_acs *acs, struct arena *arena,
                                      const json_t *message)
{
    struct acs_iam_role_credentials_message in = {0};
    struct engine_task_view task;

    TRY(acs_decode_iam_role_credentials_message(arena, message, &in));
    if (!engine_view(acs->options.engine, in.task_arn, &task))
        return error_new(API_CLIENT, "credentials for unknown task %s", in.task_arn);
    agent_acs_keep_credentials(acs, in.message_id, in.task_arn, in.role_type, in.role_credentials);
    return NULL;
}

static void ignore(const char *what, struct error *err)
{
    if (err)
        log_warning("message ignored", "type", what, "error", err->message);
    error_free(err); /* said above; the server sends again what it must have acknowledged */
}

static void on_credentials(struct agent_acs *acs, const json_t *message)
{
    struct arena arena = {0};

    ignore("IAMRoleCredentialsMessage", take_credentials(acs, &arena, message));
    arena_done(&arena);
}

/* The interface data a task needs is in the task itself (AP-251), so there is nothing to wait for.
 */
static struct error *take_interfaces(struct agent_acs *acs, struct arena *arena,
                                     const json_t *message)
{
    struct acs_attach_task_network_interfaces_message in = {0};

    TRY(acs_decode_attach_task_network_interfaces_message(arena, message, &in));
    if (!in.cluster_arn || !in.container_instance_arn || !in.has_wait_timeout_ms ||
        in.wait_timeout_ms <= 0 || !in.elastic_network_interfaces.count)
        return error_new(API_CLIENT, "interfaces of task %s: ids, time-out or interface missing",
                         in.task_arn);
    agent_acs_send_ack(acs, in.cluster_arn, in.container_instance_arn, in.message_id);
    return NULL;
}

static void on_task_interfaces(struct agent_acs *acs, const json_t *message)
{
    struct arena arena = {0};

    ignore("AttachTaskNetworkInterfacesMessage", take_interfaces(acs, &arena, message));
    arena_done(&arena);
}

void agent_acs_on_update_answer(const char *cluster, const char *instance, const char *message_id,
                                const char *reason, void *data)
{
    if (reason)
        send_nack(data, cluster, instance, message_id, reason);
    else
        agent_acs_send_ack(data, cluster, instance, message_id);
}

static void on_stage_update(struct agent_acs *acs, const json_t *message)
{
    struct acs_stage_update_message in = {0};
    struct arena arena = {0};
    struct error *err = acs_decode_stage_update_message(&arena, message, &in);

    if (!err)
        acs_update_stage(acs->update, &in);
    ignore("StageUpdateMessage", err);
    arena_done(&arena);
}

static void on_perform_update(struct agent_acs *acs, const json_t *message)
{
    struct acs_perform_update_message in = {0};
    struct arena arena = {0};
    struct error *err = acs_decode_perform_update_message(&arena, message, &in);

    if (!err && acs_update_perform(acs->update, &in))
        acs->options.on_update(acs->options.data);
    ignore("PerformUpdateMessage", err);
    arena_done(&arena);
}

/* Ours: images of a definition that was just registered (docs/images.md). */
static void on_prefetch(struct agent_acs *acs, const json_t *message)
{
    struct acs_prefetch_images_message in = {0};
    struct arena arena = {0};
    struct error *err = acs_decode_prefetch_images_message(&arena, message, &in);

    for (size_t i = 0; !err && i < in.images.count; i++)
        engine_prefetch(acs->options.engine, in.images.items[i]);
    ignore("PrefetchImagesMessage", err);
    arena_done(&arena);
}

/* AP-218: said, and nothing done about. */
static void on_notice(struct agent_acs *acs, const json_t *message)
{
    (void)acs;
    log_warning("the control plane says", "message",
                json_string_value(json_object_get(message, "message")));
}

static const struct {
    const char *type;
    void (*handle)(struct agent_acs *acs, const json_t *message);
} handlers[] = {
    {"HeartbeatMessage", on_heartbeat},
    {"PayloadMessage", agent_acs_on_payload},
    {"TaskManifestMessage", agent_acs_on_manifest},
    {"TaskStopVerificationAck", agent_acs_on_stop_verification},
    {"IAMRoleCredentialsMessage", on_credentials},
    {"AttachTaskNetworkInterfacesMessage", on_task_interfaces},
    {"StageUpdateMessage", on_stage_update},
    {"PerformUpdateMessage", on_perform_update},
    {"PrefetchImagesMessage", on_prefetch},
    {"CloseMessage", on_notice},
    {"ErrorMessage", on_notice},
    {"ServerException", on_notice},
    {"BadRequestException", on_notice},
    {"InvalidClusterException", on_notice},
    {"InvalidInstanceException", on_notice},
    {"AccessDeniedException", on_notice},
    {"InactiveInstanceException", on_notice},
};

bool agent_acs_on_message(const char *type, const struct json_t *message, void *data)
{
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        if (str_eq(handlers[i].type, type)) {
            handlers[i].handle(data, message);
            return true;
        }
    }
    return false;
}
