#include "core/shown_arn.h"

char *shown_service_arn(struct arena *arena, const struct scope *scope,
                        const struct service *service)
{
    return service->has_old_arn ? arn_old(arena, scope, "service", service->name)
                                : arn_service(arena, scope, service->cluster, service->name);
}

char *shown_task_arn(struct arena *arena, const struct scope *scope, const struct task *task)
{
    return task->has_old_arn ? arn_old_of_id(arena, scope, "task", &task->id)
                             : arn_task(arena, scope, task->cluster, &task->id);
}

char *shown_container_arn(struct arena *arena, const struct scope *scope, const struct task *task,
                          const struct id *container)
{
    return task->has_old_arn ? arn_old_of_id(arena, scope, "container", container)
                             : arn_container(arena, scope, task->cluster, &task->id, container);
}

char *shown_instance_arn(struct arena *arena, const struct scope *scope,
                         const struct container_instance *instance)
{
    return instance->has_old_arn
               ? arn_old_of_id(arena, scope, "container-instance", &instance->id)
               : arn_container_instance(arena, scope, instance->cluster, &instance->id);
}
