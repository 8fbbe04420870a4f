#include "ecs/names_enter.h"

#include "ecs/auth.h"

static struct error *authorize_cluster(struct call *call, const char *action, const char *text)
{
    const char *name = NULL;

    TRY(names_cluster_name(call, text, &name));
    return call_authorize(call, action, arn_cluster(call->arena, call_scope(call), name));
}

struct error *names_enter_cluster(struct call *call, const char *action, const char *text,
                                  const struct cluster **ret_cluster)
{
    TRY(authorize_cluster(call, action, text));
    return names_find_cluster(call, text, ret_cluster);
}

struct error *names_look_cluster(struct call *call, const char *action, const char *text,
                                 const struct cluster **ret_cluster)
{
    TRY(authorize_cluster(call, action, text));
    return names_find_any_cluster(call, text, ret_cluster);
}

struct error *names_enter_instance(struct call *call, const char *action, const char *cluster,
                                   const char *text, const struct container_instance **ret_instance)
{
    const struct cluster *found;
    const char *name = NULL;
    struct id id;

    TRY(names_cluster_name(call, cluster, &name));
    TRY(names_instance_id(call, name, text, &id));
    TRY(call_authorize(call, action,
                       arn_container_instance(call->arena, call_scope(call), name, &id)));
    TRY(names_find_cluster(call, name, &found));
    return names_find_instance(call, name, text, ret_instance);
}

struct error *names_enter_task(struct call *call, const char *action, const char *cluster,
                               const char *text, const struct task **ret_task)
{
    const struct cluster *found;
    const char *name = NULL;
    struct id id;

    TRY(names_cluster_name(call, cluster, &name));
    TRY(names_task_id(call, name, text, &id));
    TRY(call_authorize(call, action, arn_task(call->arena, call_scope(call), name, &id)));
    TRY(names_find_cluster(call, name, &found));
    return names_find_task(call, name, text, ret_task);
}

struct error *names_enter_tasks(struct call *call, const char *action, const char *cluster,
                                const struct ecs_string_list *tasks,
                                const struct cluster **ret_cluster, struct id **ret_ids)
{
    struct id *ids = ARENA_ARRAY(call->arena, struct id, tasks->count + 1);
    const char *name = NULL;

    TRY(names_cluster_name(call, cluster, &name));
    for (size_t i = 0; i < tasks->count; i++) {
        TRY(names_task_id(call, name, tasks->items[i], &ids[i]));
        TRY(call_authorize(call, action, arn_task(call->arena, call_scope(call), name, &ids[i])));
    }
    TRY(names_find_cluster(call, name, ret_cluster));
    *ret_ids = ids;
    return NULL;
}

static struct error *enter_service_cluster(struct call *call, const char *action,
                                           const char *cluster, const char *text,
                                           const struct cluster **ret_cluster)
{
    const char *name = NULL;
    const char *service = NULL;

    TRY(names_cluster_name(call, cluster, &name));
    TRY(names_service_name(call, name, text, &service));
    TRY(call_authorize(call, action, arn_service(call->arena, call_scope(call), name, service)));
    return names_find_cluster(call, name, ret_cluster);
}

struct error *names_enter_service(struct call *call, const char *action, const char *cluster,
                                  const char *text, const struct cluster **ret_cluster,
                                  const struct service **ret_service)
{
    TRY(enter_service_cluster(call, action, cluster, text, ret_cluster));
    return names_find_service(call, (*ret_cluster)->name, text, ret_service);
}

struct error *names_enter_active_service(struct call *call, const char *action, const char *cluster,
                                         const char *text, const struct cluster **ret_cluster,
                                         const struct service **ret_service)
{
    TRY(enter_service_cluster(call, action, cluster, text, ret_cluster));
    return names_find_active_service(call, (*ret_cluster)->name, text, ret_service);
}
