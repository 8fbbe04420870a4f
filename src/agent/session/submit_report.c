#include "agent/session/submit_report.h"

#include <string.h>

#include "agent/session/submit.h"
#include "gen/ecs_types.h"

/* Did every container start? Then the task was RUNNING at some time. */
static bool ran(const struct engine_task_view *task)
{
    for (size_t i = 0; i < task->container_count; i++)
        if (!task->containers[i].started_at_ms)
            return false;
    return task->container_count > 0;
}

static bool tells_something(const struct engine_container_view *container)
{
    return container->is_changed && (container->known >= ENGINE_RUNNING || container->image_digest);
}

enum submit_report submit_report_next(const struct engine_task_view *task, bool told_running)
{
    if (task->known == ENGINE_STOPPED && task->reported < ENGINE_RUNNING && !told_running &&
        ran(task))
        return SUBMIT_REPORT_RUNNING;
    if (task->known >= ENGINE_RUNNING)
        return SUBMIT_REPORT_NEWEST;
    for (size_t i = 0; i < task->container_count; i++)
        if (tells_something(&task->containers[i]))
            return SUBMIT_REPORT_NEWEST;
    return SUBMIT_REPORT_NONE;
}

const char *submit_report_status(enum engine_status status)
{
    switch (status) {
    case ENGINE_STOPPED:
        return "STOPPED";
    case ENGINE_RUNNING:
        return "RUNNING";
    default:
        return "PENDING";
    }
}

/* At most SUBMIT_REASON_MAX bytes, not cutting a character of UTF-8 in two. */
static const char *bounded_reason(struct arena *arena, const char *reason)
{
    size_t len = strlen(reason);

    if (len <= SUBMIT_REASON_MAX)
        return reason;
    for (len = SUBMIT_REASON_MAX; len && ((unsigned char)reason[len] & 0xc0) == 0x80;)
        len--;
    return arena_dup_n(arena, reason, len);
}

/* Docker lists a port once for each address family; the second says nothing new (AP-122). */
static bool is_left_out(const struct agent_config *config, const struct engine_binding *binding)
{
    return config->excludes_ipv6_bindings && binding->bind_ip && strchr(binding->bind_ip, ':');
}

static void fill_bindings(struct arena *arena, const struct agent_config *config,
                          const struct engine_container_view *container,
                          struct ecs_network_bindings *ret)
{
    if (!container->binding_count)
        return;
    SET_LIST(arena, ret, container->binding_count);
    ret->count = 0;
    for (size_t i = 0; i < container->binding_count && ret->count < SUBMIT_BINDINGS_MAX; i++) {
        const struct engine_binding *binding = &container->bindings[i];
        struct ecs_network_binding *out = &ret->items[ret->count];

        if (is_left_out(config, binding))
            continue;
        out->bind_ip = binding->bind_ip;
        out->container_port_range = binding->container_port_range;
        out->host_port_range = binding->host_port_range;
        if (!binding->container_port_range) {
            SET(out, container_port, binding->container_port);
            SET(out, host_port, binding->host_port);
        }
        if (!ecs_transport_protocol_parse(binding->protocol, &out->protocol))
            out->protocol = ECS_TRANSPORT_PROTOCOL_TCP;
        ret->count++;
    }
    ret->is_set = ret->count > 0;
}

static void fill_container(struct arena *arena, const struct agent_config *config,
                           const struct engine_container_view *container, enum engine_status status,
                           struct ecs_container_state_change *out)
{
    out->container_name = container->name;
    out->runtime_id = container->docker_id;
    out->image_digest = container->image_digest;
    out->status = submit_report_status(status);
    fill_bindings(arena, config, container, &out->network_bindings);
    if (status != ENGINE_STOPPED)
        return;
    if (container->has_exit_code)
        SET(out, exit_code, container->exit_code);
    if (!str_is_empty(container->reason))
        out->reason = bounded_reason(arena, container->reason);
}

static void fill_containers(struct arena *arena, const struct agent_config *config,
                            const struct engine_task_view *task, enum submit_report report,
                            struct ecs_container_state_changes *ret)
{
    bool is_past = report == SUBMIT_REPORT_RUNNING;

    SET_LIST(arena, ret, task->container_count);
    ret->count = 0;
    for (size_t i = 0; i < task->container_count; i++) {
        const struct engine_container_view *container = &task->containers[i];

        if (is_past || tells_something(container))
            fill_container(arena, config, container, is_past ? ENGINE_RUNNING : container->known,
                           &ret->items[ret->count++]);
    }
    ret->is_set = ret->count > 0;
}

static void set_times(const struct engine_task_view *task, bool is_past,
                      struct ecs_submit_task_state_change_request *out)
{
    if (task->pull_started_at_ms)
        SET(out, pull_started_at_ms, task->pull_started_at_ms);
    if (task->pull_stopped_at_ms)
        SET(out, pull_stopped_at_ms, task->pull_stopped_at_ms);
    if (task->execution_stopped_at_ms && !is_past)
        SET(out, execution_stopped_at_ms, task->execution_stopped_at_ms);
}

void submit_report_write(struct buf *body, const struct agent_config *config, const char *cluster,
                         const struct engine_task_view *task, enum submit_report report)
{
    bool is_past = report == SUBMIT_REPORT_RUNNING;
    struct ecs_submit_task_state_change_request request = {
        .cluster = cluster,
        .task = task->arn,
        .status = submit_report_status(is_past ? ENGINE_RUNNING : task->known),
    };
    struct arena arena = {0};

    request.reason = is_past || !task->reason ? "" : bounded_reason(&arena, task->reason);
    fill_containers(&arena, config, task, report, &request.containers);
    set_times(task, is_past, &request);
    ecs_encode_submit_task_state_change_request(body, &request);
    arena_done(&arena);
}
