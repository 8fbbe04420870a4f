/* sim_services.c - what the API would do to services and task sets, done on the records. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "core/service.h"
#include "core/task_set.h"
#include "sim.h"
#include "sim_world.h"

/* The 19 digits of a new id, as of a service revision or service deployment. */
static void new_number(struct world *world, char *ret, size_t size)
{
    char id[ECS_SVC_ID_SIZE];

    ecs_svc_id_new(&world->state_rng, world_wall_ms(world), id);
    snprintf(ret, size, "%s", strchr(id, '/') + 1);
}

static void add_revision(struct world *world, struct txn *txn, const struct service *service,
                         struct deployment *deployment)
{
    struct service_revision *record = service_revision_new();
    CLEANUP(str_freep)
    char *document = str_printf("{\"taskDefinition\":\"arn:aws:ecs:us-east-1:000000000000:"
                                "task-definition/%s:%d\",\"launchType\":\"EC2\"}",
                                deployment->family, (int)deployment->revision);
    char id[ECS_SVC_ID_SIZE];

    new_number(world, id, sizeof(id));
    service_revision_set_cluster(record, SIM_CLUSTER);
    service_revision_set_service(record, service->name);
    service_revision_set_id(record, id);
    record->created_at_ms = world_wall_ms(world);
    service_revision_set_document(record, document);
    txn_insert_service_revision(txn, record);
    deployment_set_service_revision(deployment, id);
}

static void add_service_deployment(struct world *world, struct txn *txn,
                                   const struct service *service, struct deployment *deployment)
{
    struct service_deployment *record = service_deployment_new();
    char id[ECS_SVC_ID_SIZE];

    new_number(world, id, sizeof(id));
    service_deployment_set_cluster(record, SIM_CLUSTER);
    service_deployment_set_service(record, service->name);
    service_deployment_set_id(record, id);
    record->status = SERVICE_DEPLOYMENT_IN_PROGRESS;
    record->created_at_ms = world_wall_ms(world);
    service_deployment_set_target_revision(record, deployment->service_revision);
    txn_insert_service_deployment(txn, record);
    deployment_set_service_deployment(deployment, id);
}

static void add_deployment(struct world *world, struct txn *txn, struct service *service,
                           const char *family, int revision)
{
    struct deployment *fresh = service_add_deployment(service, world_wall_ms(world));
    char id[ECS_SVC_ID_SIZE];

    ecs_svc_id_new(&world->state_rng, world_wall_ms(world), id);
    deployment_set_id(fresh, id);
    deployment_set_family(fresh, family);
    fresh->revision = revision;
    fresh->desired_count = service->desired_count;
    fresh->rollout_state = ROLLOUT_STATE_IN_PROGRESS;
    add_revision(world, txn, service, fresh);
    add_service_deployment(world, txn, service, fresh);
    service->failures_in_row = 0;
    service->launch_after_ms = 0;
    service->is_steady = false;
    service_set_event_key(service, NULL);
}

static void create_service(struct world *world, const char *name, const char *family, int revision,
                           int32_t desired, struct service *service)
{
    struct txn *txn = txn_begin(world->state, world->scope);

    service_set_cluster(service, SIM_CLUSTER);
    service_set_name(service, name);
    service->status = SERVICE_ACTIVE;
    service->desired_count = desired;
    service->controller = CONTROLLER_ECS;
    service->launch_type = LAUNCH_TYPE_EC2;
    service->created_at_ms = world_wall_ms(world);
    service_set_document(service, world->service_document);
    txn_insert_service(txn, service);
    add_deployment(world, txn, service, family, revision);
    txn_commit(txn);
}

void world_create_service(struct world *world, const char *name, const char *family, int revision,
                          int32_t desired, int32_t minimum, int32_t maximum)
{
    struct service *service;

    if (world_service(world, name))
        return;
    service = service_new();
    service->minimum_percent = minimum;
    service->maximum_percent = maximum;
    service->strategy = STRATEGY_REPLICA;
    create_service(world, name, family, revision, desired, service);
}

void world_create_daemon(struct world *world, const char *name, const char *family, int revision,
                         int32_t minimum)
{
    struct service *service;

    if (world_service(world, name))
        return;
    service = service_new();
    service->minimum_percent = minimum;
    service->maximum_percent = 100;
    service->strategy = STRATEGY_DAEMON;
    create_service(world, name, family, revision, 0, service);
}

void world_update_service(struct world *world, const char *name, int revision)
{
    const struct service *service = world_service(world, name);
    struct txn *txn;
    struct service *edited;

    if (!service || service->status != SERVICE_ACTIVE || service->deployments_count > 5)
        return;
    txn = txn_begin(world->state, world->scope);
    edited = txn_edit_service(txn, service);
    add_deployment(world, txn, edited, service->deployments[0].family, revision);
    txn_commit(txn);
}

void world_create_external(struct world *world, const char *name, int32_t desired)
{
    struct service *service;
    struct txn *txn;

    if (world_service(world, name))
        return;
    txn = txn_begin(world->state, world->scope);
    service = service_new();
    service_set_cluster(service, SIM_CLUSTER);
    service_set_name(service, name);
    service->status = SERVICE_ACTIVE;
    service->desired_count = desired;
    service->minimum_percent = 100;
    service->maximum_percent = 200;
    service->controller = CONTROLLER_EXTERNAL;
    service->created_at_ms = world_wall_ms(world);
    service_set_document(service, world->service_document);
    txn_insert_service(txn, service);
    txn_commit(txn);
}

const char *world_add_task_set(struct world *world, const char *name, const char *family,
                               int revision, double percent)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct task_set *set = task_set_new();
    CLEANUP(str_freep)
    char *document =
        str_printf("{\"cluster\":\"%s\",\"service\":\"%s\",\"taskDefinition\":\"%s:%d\"}",
                   SIM_CLUSTER, name, family, revision);
    char id[ECS_SVC_ID_SIZE];

    ecs_svc_id_new(&world->state_rng, world_wall_ms(world), id);
    task_set_set_cluster(set, SIM_CLUSTER);
    task_set_set_service(set, name);
    task_set_set_id(set, id);
    set->created_at_ms = world_wall_ms(world);
    task_set_set_family(set, family);
    set->revision = revision;
    set->launch_type = LAUNCH_TYPE_EC2;
    task_set_set_document(set, document);
    task_set_write_scale(set, percent);
    task_set_follow_service(set, world_service(world, name));
    set = txn_insert_task_set(txn, set);
    txn_commit(txn);
    return set->id;
}

const struct task_set *world_task_set(struct world *world, const char *name, const char *id)
{
    return state_task_set(world_service(world, name), id);
}

void world_scale_task_set(struct world *world, const char *name, const char *id, double percent)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct task_set *set = txn_edit_task_set(txn, world_task_set(world, name, id));

    task_set_write_scale(set, percent);
    task_set_follow_service(set, world_service(world, name));
    txn_commit(txn);
}

void world_delete_task_set(struct world *world, const char *name, const char *id)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct task_set *set = txn_edit_task_set(txn, world_task_set(world, name, id));

    set->status = TASK_SET_DRAINING;
    task_set_follow_service(set, world_service(world, name));
    txn_commit(txn);
}

const struct service_deployment *world_service_deployment(struct world *world, const char *name)
{
    return state_service_deployment_before(world->state, world->scope, SIM_CLUSTER, name, NULL);
}

void world_stop_deployment(struct world *world, const char *name,
                           enum service_deployment_status asked)
{
    const struct service *service = world_service(world, name);
    const struct service_deployment *found = world_service_deployment(world, name);
    struct txn *txn;

    if (!found || !service || found->status != SERVICE_DEPLOYMENT_IN_PROGRESS)
        return;
    txn = txn_begin(world->state, world->scope);
    txn_edit_service_deployment(txn, found)->status = asked;
    txn_edit_service(txn, service); /* who keeps it up looks at it */
    txn_commit(txn);
}

void world_scale_service(struct world *world, const char *name, int32_t desired)
{
    const struct service *service = world_service(world, name);
    struct txn *txn;

    if (!service || service->status != SERVICE_ACTIVE)
        return;
    txn = txn_begin(world->state, world->scope);
    txn_edit_service(txn, service)->desired_count = desired;
    txn_commit(txn);
}

void world_set_percents(struct world *world, const char *name, int32_t minimum, int32_t maximum)
{
    const struct service *service = world_service(world, name);
    struct service *edited;
    struct txn *txn;

    if (!service || service->status != SERVICE_ACTIVE)
        return;
    txn = txn_begin(world->state, world->scope);
    edited = txn_edit_service(txn, service);
    edited->minimum_percent = minimum;
    edited->maximum_percent = maximum;
    txn_commit(txn);
}

void world_delete_service(struct world *world, const char *name)
{
    const struct service *service = world_service(world, name);
    struct service *edited;
    struct txn *txn;

    if (!service || service->status != SERVICE_ACTIVE)
        return;
    txn = txn_begin(world->state, world->scope);
    edited = txn_edit_service(txn, service);
    edited->status = SERVICE_DRAINING;
    edited->desired_count = 0;
    txn_commit(txn);
}

/* ---- looking ---- */

const struct service *world_service(struct world *world, const char *name)
{
    return state_service(world->state, world->scope, SIM_CLUSTER, name);
}

int world_running(struct world *world, const char *service)
{
    const struct task *task = NULL;
    int count = 0;

    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                    service, false, task ? &task->id : NULL)))
        count += task->last_status == TASK_RUNNING;
    return count;
}

int world_events(struct world *world, const char *service, const char *text)
{
    const struct service *record = world_service(world, service);
    const struct service_event *event = NULL;
    int count = 0;

    while (record && (event = state_service_event_before(world->state, record, event)))
        count += strstr(event->message, text) != NULL;
    return count;
}
