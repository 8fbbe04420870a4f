#include <string.h>

#include "control/report.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "gen/ecs_handlers.h"

#define REASON_CHARS_MAX 1024 /* AP-121, AP-122 */
#define BINDINGS_MAX     100  /* AP-122 */

/* ---- DiscoverPollEndpoint ---- */

/* "http://host:port" as the agent sees us: what it just called us by. */
static const char *own_address(struct call *call)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";

    if (str_is_empty(call->host) || call->host[strspn(call->host, allowed)])
        return ecs_of(call)->endpoint;
    return arena_printf(call->arena, "%s://%s", call->is_tls ? "https" : "http", call->host);
}

/* DiscoverPollEndpoint: where an agent's sessions go (AP-111, API-177). Whether there is an
 * instance to serve is found out there, in the form agents understand (AP-206). */
struct error *api_discover_poll_endpoint(struct call *call,
                                         const struct ecs_discover_poll_endpoint_request *in,
                                         struct ecs_discover_poll_endpoint_response *out)
{
    const char *address = own_address(call);
    const char *resource;
    const char *cluster;
    struct id id;

    TRY(names_cluster_name(call, in->cluster, &cluster));
    resource = arn_cluster(call->arena, call_scope(call), cluster);
    if (!str_is_empty(in->container_instance)) {
        TRY(names_instance_id(call, cluster, in->container_instance, &id));
        resource = arn_container_instance(call->arena, call_scope(call), cluster, &id);
    }
    TRY(call_authorize(call, "ecs:DiscoverPollEndpoint", resource));
    out->endpoint = arena_printf(call->arena, "%s/acs/", address);
    out->telemetry_endpoint = arena_printf(call->arena, "%s/tcs/", address);
    out->service_connect_endpoint = arena_printf(call->arena, "%s/sc/", address);
    return NULL;
}

/* ---- the Submit calls ---- */

/* A reason as long as the API has them. */
static const char *reason_of(struct call *call, const char *reason)
{
    return reason && strlen(reason) > REASON_CHARS_MAX
               ? arena_dup_n(call->arena, reason, REASON_CHARS_MAX)
               : reason;
}

static struct error *read_bindings(struct call *call, const struct ecs_network_bindings *in,
                                   struct container_report *report)
{
    struct report_binding *bindings = ARENA_ARRAY(call->arena, struct report_binding, in->count);

    if (in->count > BINDINGS_MAX)
        return error_new(API_INVALID_PARAMETER, "networkBindings can have at most %d items.",
                         BINDINGS_MAX);
    for (size_t i = 0; i < in->count; i++)
        bindings[i] = (struct report_binding){
            .bind_ip = in->items[i].bind_ip,
            .container_port = in->items[i].container_port,
            .host_port = in->items[i].host_port,
            .container_port_range = in->items[i].container_port_range,
            .host_port_range = in->items[i].host_port_range,
            .protocol = ecs_transport_protocol_name(in->items[i].protocol),
        };
    report->bindings = bindings;
    report->binding_count = in->count;
    report->has_bindings = in->is_set;
    return NULL;
}

static struct error *read_container(struct call *call, const struct ecs_container_state_change *in,
                                    struct container_report *ret)
{
    *ret = (struct container_report){
        .name = in->container_name,
        .runtime_id = in->runtime_id,
        .image_digest = in->image_digest,
        .reason = reason_of(call, in->reason),
        .status = report_status_parse(in->status),
        .has_exit_code = in->has_exit_code,
        .exit_code = in->exit_code,
    };
    if (str_is_empty(ret->name))
        return error_new(API_INVALID_PARAMETER, "Container name should not be null or empty.");
    return read_bindings(call, &in->network_bindings, ret);
}

static struct ecs_managed_agent_state_changes
read_managed_agents(struct call *call, const struct ecs_managed_agent_state_changes *in)
{
    struct ecs_managed_agent_state_changes out = {0};

    SET_LIST(call->arena, &out, in->count);
    for (size_t i = 0; i < in->count; i++) {
        out.items[i] = in->items[i];
        out.items[i].reason = reason_of(call, in->items[i].reason);
    }
    return out;
}

/* Finds the task of a report. Unknown ones are no error, or the agent would repeat itself for a day
 * (AP-129): NULL. A task of another instance is none of the agent's business. */
static struct error *find_reported(struct call *call, const char *action, const char *cluster_text,
                                   const char *task_text, const struct task **ret_task)
{
    const char *cluster;
    const struct task *task;
    struct id id;

    TRY(names_cluster_name(call, cluster_text, &cluster));
    TRY(call_authorize(call, action, arn_cluster(call->arena, call_scope(call), cluster)));
    TRY(names_task_id(call, cluster, task_text, &id));
    task = state_task(ecs_of(call)->state, call_scope(call), cluster, &id);
    if (task)
        TRY(call_authorize_task(call, action, task));
    *ret_task = task;
    return NULL;
}

/* SubmitTaskStateChange: what an agent saw happen to a task (AP-121 to AP-130). Repeats and late
 * reports change nothing. */
struct error *api_submit_task_state_change(struct call *call,
                                           const struct ecs_submit_task_state_change_request *in,
                                           struct ecs_submit_task_state_change_response *out)
{
    struct container_report *containers =
        ARENA_ARRAY(call->arena, struct container_report, in->containers.count);
    struct task_report report = {
        .status = report_status_parse(in->status),
        .reason = reason_of(call, in->reason),
        .pull_started_at_ms = in->pull_started_at_ms,
        .pull_stopped_at_ms = in->pull_stopped_at_ms,
        .execution_stopped_at_ms = in->execution_stopped_at_ms,
        .containers = containers,
        .container_count = in->containers.count,
        .managed_agents = read_managed_agents(call, &in->managed_agents),
    };
    const struct task *task;

    TRY(find_reported(call, "ecs:SubmitTaskStateChange", in->cluster, in->task, &task));
    for (size_t i = 0; i < in->containers.count; i++)
        TRY(read_container(call, &in->containers.items[i], &containers[i]));
    if (task)
        TRY(report_apply(call->txn, task, &report));
    out->acknowledgment = call->request_id;
    return NULL;
}

/* SubmitContainerStateChange: as a task's report about one container (AP-132). */
struct error *
api_submit_container_state_change(struct call *call,
                                  const struct ecs_submit_container_state_change_request *in,
                                  struct ecs_submit_container_state_change_response *out)
{
    const struct ecs_container_state_change change = {
        .container_name = in->container_name,
        .runtime_id = in->runtime_id,
        .status = in->status,
        .has_exit_code = in->has_exit_code,
        .exit_code = in->exit_code,
        .reason = in->reason,
        .network_bindings = in->network_bindings,
    };
    struct container_report container;
    struct task_report report = {
        .status = REPORT_NONE, .containers = &container, .container_count = 1};
    const struct task *task;

    TRY(find_reported(call, "ecs:SubmitContainerStateChange", in->cluster, in->task, &task));
    TRY(read_container(call, &change, &container));
    if (task)
        TRY(report_apply(call->txn, task, &report));
    out->acknowledgment = call->request_id;
    return NULL;
}

/* SubmitAttachmentStateChanges: no instance has attachments so far, so a report about one is as one
 * about an unknown task: understood, and nothing changes (AP-133). */
struct error *
api_submit_attachment_state_changes(struct call *call,
                                    const struct ecs_submit_attachment_state_changes_request *in,
                                    struct ecs_submit_attachment_state_changes_response *out)
{
    const char *cluster;

    TRY(names_cluster_name(call, in->cluster, &cluster));
    TRY(call_authorize(call, "ecs:SubmitAttachmentStateChanges",
                       arn_cluster(call->arena, call_scope(call), cluster)));
    for (size_t i = 0; i < in->attachments.count; i++)
        if (!arn_looks_like(in->attachments.items[i].attachment_arn))
            return error_new(API_INVALID_PARAMETER, "Attachment Identifier is invalid");
    out->acknowledgment = call->request_id;
    return NULL;
}
