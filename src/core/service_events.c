#include "core/service_events.h"

#include <string.h>

#include "base/attributes.h"
#include "base/str.h"

char *event_steady_state(struct arena *arena, const char *service)
{
    return arena_printf(arena, "(service %s) has reached a steady state.", service);
}

static char *event_with_tasks(struct arena *arena, const char *service, const char *did,
                              const struct id *tasks, size_t count)
{
    CLEANUP(buf_done) struct buf text = {0};
    char hex[ID_HEX_SIZE];

    buf_printf(&text, "(service %s) has %s:", service, did);
    for (size_t i = 0; i < count; i++) {
        id_format(&tasks[i], hex);
        buf_printf(&text, " (task %s)", hex);
    }
    buf_add_char(&text, '.');
    return arena_dup_n(arena, text.data, text.len);
}

char *event_started(struct arena *arena, const char *service, const struct id *tasks, size_t count)
{
    return event_with_tasks(arena, service, arena_printf(arena, "started %zu tasks", count), tasks,
                            count);
}

char *event_stopped(struct arena *arena, const char *service, const struct id *tasks, size_t count)
{
    return event_with_tasks(arena, service, arena_printf(arena, "stopped %zu running tasks", count),
                            tasks, count);
}

char *event_started_in_zone(struct arena *arena, const char *service, const char *zone,
                            const struct id *tasks, size_t count)
{
    return event_with_tasks(
        arena, service, arena_printf(arena, "started %zu tasks in %s to AZ Rebalance", count, zone),
        tasks, count);
}

char *event_stopped_in_zone(struct arena *arena, const char *service, const char *zone,
                            const struct id *tasks, size_t count)
{
    return event_with_tasks(
        arena, service,
        arena_printf(arena, "stopped %zu running tasks in %s due to AZ rebalancing", count, zone),
        tasks, count);
}

char *event_unbalanced(struct arena *arena, const char *service, const char *loads)
{
    return arena_printf(arena,
                        "(service %s) is not AZ balanced with %s. AZ Rebalancing in progress.",
                        service, loads);
}

char *event_balanced(struct arena *arena, const char *service, const char *loads)
{
    return arena_printf(arena, "(service %s) is AZ balanced with %s.", service, loads);
}

char *event_unplaceable_in_zone(struct arena *arena, const char *service, const char *zone)
{
    return arena_printf(arena,
                        "(service %s) is unable to place a task in %s because no container "
                        "instance met all of its requirements.",
                        service, zone);
}

char *event_start_impaired(struct arena *arena, const char *service)
{
    return arena_printf(arena, "(service %s) is unable to consistently start tasks successfully.",
                        service);
}

char *event_deployment_stuck(struct arena *arena, const char *service)
{
    return arena_printf(
        arena,
        "(service %s) was unable to stop or start tasks during a deployment because "
        "of the service deployment configuration. Update the minimumHealthyPercent "
        "or maximumPercent value and try again.",
        service);
}

char *event_deployment_completed(struct arena *arena, const char *service, const char *deployment)
{
    return arena_printf(arena, "(service %s) (deployment %s) deployment completed.", service,
                        deployment);
}

char *event_deployment_failed(struct arena *arena, const char *service, const char *deployment)
{
    return arena_printf(arena,
                        "(service %s) (deployment %s) deployment failed: tasks failed to start.",
                        service, deployment);
}

char *event_deployment_stopped(struct arena *arena, const char *service, const char *deployment)
{
    return arena_printf(arena, "(service %s) (deployment %s) deployment stopped.", service,
                        deployment);
}

char *event_rolling_back(struct arena *arena, const char *service, const char *deployment)
{
    return arena_printf(arena, "(service %s) rolling back to deployment %s.", service, deployment);
}

char *event_scale_in_protected(struct arena *arena, const char *service, const char *deployment)
{
    return arena_printf(arena,
                        "(service %s) was unable to reach steady state because (taskSet %s) was "
                        "unable to scale in. Reason: The number of protected tasks are more than "
                        "the desired count of tasks.",
                        service, deployment);
}

char *event_daemon_misplaced(struct arena *arena, const char *service, const struct id *task,
                             const struct id *instance)
{
    char task_hex[ID_HEX_SIZE], instance_hex[ID_HEX_SIZE];

    id_format(task, task_hex);
    id_format(instance, instance_hex);
    return arena_printf(arena,
                        "(service %s) has stopped (task %s) because (container-instance %s) does "
                        "not meet its placement constraints.",
                        service, task_hex, instance_hex);
}

char *event_unplaceable_because(struct arena *arena, const char *service, const char *why)
{
    return arena_printf(arena, "(service %s) was unable to place a task. Reason: %s", service, why);
}

char *event_unplaceable(struct arena *arena, const char *service, const struct id *closest,
                        const char *reason)
{
    static const struct {
        const char *reason;
        const char *text;
    } texts[] = {
        {"RESOURCE:CPU", "has insufficient CPU units available"},
        {"RESOURCE:MEMORY", "has insufficient memory available"},
        {"RESOURCE:PORTS", "is already using a port required by your task"},
        {"RESOURCE:PORTS_UDP", "is already using a port required by your task"},
        {"ATTRIBUTE", "is missing an attribute required by your task"},
        {"AGENT", "encountered error \"AGENT\""},
    };
    char hex[ID_HEX_SIZE];
    const char *why = NULL;

    if (!closest)
        return arena_printf(arena,
                            "(service %s) was unable to place a task because no container instance "
                            "met all of its requirements.",
                            service);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(texts[i].reason, reason) == 0)
            why = texts[i].text;
    if (!why)
        why = arena_printf(arena, "encountered error \"%s\"", reason);
    id_format(closest, hex);
    return arena_printf(arena,
                        "(service %s) was unable to place a task because no container instance met "
                        "all of its requirements. The closest matching (container-instance %s) %s. "
                        "For more information, see the Troubleshooting section of the Amazon ECS "
                        "Developer Guide.",
                        service, hex, why);
}
