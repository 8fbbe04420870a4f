#include "control/report.h"

#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "control/service_images.h"
#include "core/managed_agents.h"
#include "core/task.h"

enum report_status report_status_parse(const char *text)
{
    if (str_is_empty(text) || strcmp(text, "NONE") == 0)
        return REPORT_NONE;
    if (strcmp(text, "RUNNING") == 0 || strcmp(text, "RESOURCES_PROVISIONED") == 0)
        return REPORT_RUNNING;
    return strcmp(text, "STOPPED") == 0 ? REPORT_STOPPED : REPORT_PENDING;
}

/* ---- containers ---- */

static struct container *find_container(struct task *task, const char *name)
{
    for (uint32_t i = 0; i < task->containers_count; i++)
        if (str_eq(task->containers[i].name, name))
            return &task->containers[i];
    return NULL;
}

static enum task_status container_status(enum report_status status)
{
    switch (status) {
    case REPORT_RUNNING:
        return TASK_RUNNING;
    case REPORT_STOPPED:
        return TASK_STOPPED;
    case REPORT_NONE:
    case REPORT_PENDING:
        break;
    }
    return TASK_PENDING;
}

static bool is_new_text(const char *said, const char *known)
{
    return !str_is_empty(said) && !str_eq(said, known);
}

static bool same_binding(const struct network_binding *a, const struct report_binding *b)
{
    enum protocol protocol =
        b->protocol && str_eq_nocase(b->protocol, "udp") ? PROTOCOL_UDP : PROTOCOL_TCP;

    return a->container_port == b->container_port && a->host_port == b->host_port &&
           a->protocol == protocol && str_eq(a->bind_ip, b->bind_ip) &&
           str_eq(a->rare->container_port_range, b->container_port_range) &&
           str_eq(a->rare->host_port_range, b->host_port_range);
}

/* Agents of 2023 send an empty list when there is nothing to say: what is known stays. */
static bool has_new_bindings(const struct container *container,
                             const struct container_report *report)
{
    if (!report->has_bindings || report->binding_count == 0)
        return false;
    if (report->binding_count != container->network_bindings_count)
        return true;
    for (size_t i = 0; i < report->binding_count; i++)
        if (!same_binding(&container->network_bindings[i], &report->bindings[i]))
            return true;
    return false;
}

static bool container_would_change(const struct container *container,
                                   const struct container_report *report)
{
    return container_status(report->status) > container->last_status ||
           is_new_text(report->runtime_id, container->runtime_id) ||
           is_new_text(report->image_digest, container->image_digest) ||
           is_new_text(report->reason, container->reason) ||
           (report->has_exit_code &&
            (!container->has_exit_code || container->exit_code != report->exit_code)) ||
           has_new_bindings(container, report);
}

static void apply_bindings(struct container *container, const struct container_report *report)
{
    struct network_binding *bindings =
        container_resize_network_bindings(container, (uint32_t)report->binding_count);

    for (size_t i = 0; i < report->binding_count; i++) {
        const struct report_binding *from = &report->bindings[i];

        network_binding_set_bind_ip(&bindings[i], from->bind_ip);
        bindings[i].container_port = from->container_port;
        bindings[i].host_port = from->host_port;
        bindings[i].protocol =
            from->protocol && str_eq_nocase(from->protocol, "udp") ? PROTOCOL_UDP : PROTOCOL_TCP;
        network_binding_set_container_port_range(&bindings[i], from->container_port_range);
        network_binding_set_host_port_range(&bindings[i], from->host_port_range);
    }
}

static void apply_container(struct container *container, const struct container_report *report)
{
    if (container_status(report->status) > container->last_status)
        container->last_status = container_status(report->status);
    if (is_new_text(report->runtime_id, container->runtime_id))
        container_set_runtime_id(container, report->runtime_id);
    if (is_new_text(report->image_digest, container->image_digest))
        container_set_image_digest(container, report->image_digest);
    if (is_new_text(report->reason, container->reason))
        container_set_reason(container, report->reason);
    if (report->has_exit_code) {
        container->has_exit_code = true;
        container->exit_code = report->exit_code;
    }
    if (has_new_bindings(container, report))
        apply_bindings(container, report);
}

/* ---- the task ---- */

/* Docker could not make or start it. An agent may tell an exit code all the same. */
static bool failed_to_start(const struct container *container)
{
    return container->reason &&
           (!container->has_exit_code || str_starts_with(container->reason, "Cannot"));
}

/* Whether the task ended after its containers had run; if one of them failed to start, the others
 * were stopped for its sake. */
static bool task_ran(const struct task *task)
{
    bool ran = false;

    if (task->started_at_ms)
        return true;
    for (uint32_t i = 0; i < task->containers_count; i++) {
        if (failed_to_start(&task->containers[i]))
            return false;
        ran = ran || task->containers[i].has_exit_code;
    }
    return ran;
}

/* AP-126: how a stop nobody asked for is called. */
static void name_the_stop(struct task *task, const struct task_report *report)
{
    if (task->stop_code != STOP_CODE_NONE || task->rare->stopped_reason)
        return;
    if (task_ran(task)) {
        task->stop_code = STOP_CODE_ESSENTIAL_CONTAINER_EXITED;
        task_set_stopped_reason(task, STOPPED_ESSENTIAL_EXITED);
    } else {
        task->stop_code = STOP_CODE_TASK_FAILED_TO_START;
        task_set_stopped_reason(task, str_is_empty(report->reason) ? STOPPED_FAILED_TO_START
                                                                   : report->reason);
    }
}

/* The status the task goes to, or the one it has. */
static enum task_status next_status(const struct task *task, const struct task_report *report)
{
    enum task_status to = task->last_status;

    if (report->status == REPORT_RUNNING)
        to = TASK_RUNNING;
    else if (report->status == REPORT_STOPPED)
        to = TASK_STOPPED;
    return task_status_may_follow(task->last_status, to) ? to : task->last_status;
}

static bool is_later_news(int64_t said_ms, int64_t known_ms)
{
    return said_ms && said_ms != known_ms;
}

static bool task_would_change(const struct task *task, const struct task_report *report)
{
    return next_status(task, report) != task->last_status || !task->is_acknowledged ||
           is_later_news(report->pull_started_at_ms, task->pull_started_at_ms) ||
           is_later_news(report->pull_stopped_at_ms, task->pull_stopped_at_ms) ||
           is_later_news(report->execution_stopped_at_ms, task->rare->execution_stopped_at_ms);
}

static bool tells_digests(const struct task_report *report)
{
    for (size_t i = 0; i < report->container_count; i++)
        if (!str_is_empty(report->containers[i].image_digest))
            return true;
    return false;
}

static bool containers_would_change(const struct task *task, const struct task_report *report)
{
    for (size_t i = 0; i < report->container_count; i++) {
        const struct container *container =
            find_container((struct task *)task, report->containers[i].name);

        if (container && container_would_change(container, &report->containers[i]))
            return true;
    }
    return false;
}

/* `managed_agents` NULL: no news. */
static void apply(struct txn *txn, const struct task *task, const struct task_report *report,
                  const char *managed_agents)
{
    enum task_status to = next_status(task, report);
    struct task *edited = txn_edit_task(txn, task);

    edited->is_acknowledged = true;
    if (report->pull_started_at_ms)
        edited->pull_started_at_ms = report->pull_started_at_ms;
    if (report->pull_stopped_at_ms)
        edited->pull_stopped_at_ms = report->pull_stopped_at_ms;
    if (report->execution_stopped_at_ms)
        task_set_execution_stopped_at_ms(edited, report->execution_stopped_at_ms);
    for (size_t i = 0; i < report->container_count; i++) {
        struct container *container = find_container(edited, report->containers[i].name);

        /* Containers of the agent's own are not of the task (AP-123). */
        if (container)
            apply_container(container, &report->containers[i]);
    }
    if (tells_digests(report))
        service_images_learn(txn, edited);
    if (managed_agents)
        task_set_managed_agents(edited, managed_agents);
    if (to == TASK_STOPPED)
        name_the_stop(edited, report);
    if (to != edited->last_status)
        task_set_status(edited, to, clock_wall_ms(state_clock(txn_state(txn))));
    else
        edited->version++;
}

struct error *report_apply(struct txn *txn, const struct task *task,
                           const struct task_report *report)
{
    struct arena arena = {0};
    const char *managed_agents;
    struct error *err;

    if (task->last_status == TASK_STOPPED)
        return NULL;
    err = managed_agents_apply(&arena, task, &report->managed_agents,
                               clock_wall_ms(state_clock(txn_state(txn))), &managed_agents);
    if (!err && (managed_agents || task_would_change(task, report) ||
                 containers_would_change(task, report)))
        apply(txn, task, report, managed_agents);
    arena_done(&arena);
    return err;
}
