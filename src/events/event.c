#include "events/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "base/log.h"
#include "core/event_names.h"
#include "core/managed_agents.h"
#include "ecs/container_instance.h"
#include "ecs/task_describe.h"
#include "gen/ecs_shapes.h"
#include "wire/shape.h"

/* ---- what it is about ---- */

const char *event_detail_type(const struct feed_entry *entry)
{
    switch (entry->kind) {
    case FEED_TASK:
        return EVENT_OF_TASK;
    case FEED_INSTANCE:
        return EVENT_OF_INSTANCE;
    case FEED_SERVICE:
        return event_facts(entry->name).is_deployment ? EVENT_OF_DEPLOYMENT : EVENT_OF_SERVICE;
    case FEED_NONE:
    case FEED_COUNT:
        break;
    }
    return "";
}

const char *event_resource(const struct event_maker *maker, const struct feed_entry *entry)
{
    struct arena *arena = maker->arena;
    const struct scope *scope = maker->scope;

    switch (entry->kind) {
    case FEED_TASK:
        return entry->has_old_arn ? arn_old_of_id(arena, scope, "task", &entry->id)
                                  : arn_task(arena, scope, entry->cluster, &entry->id);
    case FEED_INSTANCE:
        return entry->has_old_arn
                   ? arn_old_of_id(arena, scope, "container-instance", &entry->id)
                   : arn_container_instance(arena, scope, entry->cluster, &entry->id);
    case FEED_SERVICE:
        return entry->has_old_arn ? arn_old(arena, scope, "service", entry->service)
                                  : arn_service(arena, scope, entry->cluster, entry->service);
    case FEED_NONE:
    case FEED_COUNT:
        break;
    }
    return "";
}

/* ---- JSON ---- */

static void add_text(struct buf *out, const char *name, const char *value)
{
    json_text_add_name(out, name);
    json_text_add_string(out, value);
}

static void add_time(struct buf *out, const char *name, int64_t at_ms)
{
    json_text_add_name(out, name);
    json_text_add_iso(out, at_ms);
}

/* The members of a shape, for more to follow. */
static void add_open_shape(struct buf *out, int shape, const void *value)
{
    shape_encode_event(&ecs_shapes[shape], out, value);
    out->data[--out->len] = '\0';
}

static struct call call_for(const struct event_maker *maker)
{
    return (struct call){
        .region = maker->scope->region,
        .account = maker->scope->account,
        .arena = maker->arena,
        .service = maker->ecs,
    };
}

/* ---- tasks ---- */

/* What the describer says of health, by name: the letter of a container has the record's. */
static const enum ecs_health_status healths[HEALTH_COUNT] = {
    [HEALTH_UNKNOWN] = ECS_HEALTH_STATUS_UNKNOWN,
    [HEALTH_HEALTHY] = ECS_HEALTH_STATUS_HEALTHY,
    [HEALTH_UNHEALTHY] = ECS_HEALTH_STATUS_UNHEALTHY,
};

/* CL-104 */
static void take_back_place(struct ecs_task *task)
{
    task->containers.count = 0;
    task->overrides->container_overrides.count = 0;
    task->container_instance_arn = task->availability_zone = NULL;
    task->connectivity = ECS_CONNECTIVITY_UNSET;
    task->has_connectivity_at_ms = false;
    task->attributes.is_set = false;
}

static void take_back_container(char letter, struct ecs_container *container)
{
    unsigned value = (unsigned)(letter - 'A');
    enum task_status status = value / HEALTH_COUNT;

    if (status >= TASK_COUNT)
        return;
    container->last_status = task_status_name(status);
    container->health_status = healths[value % HEALTH_COUNT];
    managed_agents_take_back(status, &container->managed_agents);
    if (status < TASK_RUNNING)
        memset(&container->network_bindings, 0, sizeof(container->network_bindings));
    if (status < TASK_STOPPED) {
        container->has_exit_code = false;
        container->reason = NULL;
    }
}

/* The task as it was: what came later is taken away again. */
static void take_back_task(const struct feed_row *row, const struct feed_entry *entry,
                           struct ecs_task *task)
{
    struct {
        bool *has;
        int64_t at_ms;
    } times[] = {
        {&task->has_pull_started_at_ms, task->pull_started_at_ms},
        {&task->has_pull_stopped_at_ms, task->pull_stopped_at_ms},
        {&task->has_started_at_ms, task->started_at_ms},
        {&task->has_stopping_at_ms, task->stopping_at_ms},
        {&task->has_stopped_at_ms, task->stopped_at_ms},
        {&task->has_execution_stopped_at_ms, task->execution_stopped_at_ms},
    };

    SET(task, version, entry->version);
    task->last_status = task_status_name(entry->last_status);
    task->desired_status = task_status_name(entry->desired_status);
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        *times[i].has = *times[i].has && times[i].at_ms <= row->at_ms;
    if (entry->last_status < TASK_RUNNING)
        task->has_started_at_ms = false;
    if (entry->last_status < TASK_STOPPED)
        task->has_stopped_at_ms = task->has_execution_stopped_at_ms = false;
    if (entry->desired_status != TASK_STOPPED) {
        task->has_stopping_at_ms = false;
        task->stop_code = ECS_TASK_STOP_CODE_UNSET;
        task->stopped_reason = NULL;
    }
    if (str_is_empty(entry->containers) && task->overrides)
        take_back_place(task);
    for (size_t i = 0; entry->containers && entry->containers[i] && i < task->containers.count; i++)
        take_back_container(entry->containers[i], &task->containers.items[i]);
}

static void write_task(const struct event_maker *maker, const struct feed_row *row,
                       const struct feed_entry *entry, struct buf *out)
{
    struct call call = call_for(maker);
    struct task_describer describer = task_describer_for(&call);
    const struct task *task =
        state_task(maker->ecs->state, maker->scope, entry->cluster, &entry->id);
    struct ecs_task shown = {0};
    struct error *err = task ? task_describe(&describer, task, false, &shown) : NULL;

    if (err) {
        log_error("an event shows less of a task than there is", "why", err->message);
        error_free(err);
    }
    if (!task || err) {
        shown = (struct ecs_task){
            .task_arn = event_resource(maker, entry),
            .cluster_arn = arn_cluster(maker->arena, maker->scope, entry->cluster),
        };
    }
    if (!task || task->version != entry->version)
        take_back_task(row, entry, &shown);
    add_open_shape(out, ECS_SHAPE_TASK, &shown);
    add_time(out, "updatedAt", row->at_ms);
    buf_add_char(out, '}');
}

/* ---- container instances ---- */

/* MS-076: of a resource only the value that its type names. */
static void keep_values_of_type(struct ecs_resources *resources)
{
    for (size_t i = 0; i < resources->count; i++) {
        struct ecs_resource *one = &resources->items[i];

        one->has_integer_value = one->has_integer_value && str_eq(one->type, "INTEGER");
        one->has_long_value = one->has_double_value = false;
    }
}

static void set_integer(struct ecs_resources *resources, const char *name, int32_t value)
{
    for (size_t i = 0; i < resources->count; i++)
        if (str_eq(resources->items[i].name, name))
            SET(&resources->items[i], integer_value, value);
}

static void take_back_instance(const struct feed_entry *entry, struct ecs_container_instance *shown)
{
    SET(shown, version, entry->version);
    SET(shown, agent_connected, entry->is_connected);
    SET(shown, running_tasks_count, entry->tasks_running);
    SET(shown, pending_tasks_count, entry->tasks_pending);
    shown->status = instance_status_name(entry->instance_status);
    set_integer(&shown->remaining_resources, "CPU", entry->cpu);
    set_integer(&shown->remaining_resources, "MEMORY", entry->memory);
}

static void write_instance(const struct event_maker *maker, const struct feed_row *row,
                           const struct feed_entry *entry, struct buf *out)
{
    struct call call = call_for(maker);
    const struct container_instance *instance =
        state_instance(maker->ecs->state, maker->scope, entry->cluster, &entry->id);
    struct ecs_container_instance shown = {0};

    if (instance)
        container_instance_describe(&call, instance, 0, &shown);
    else
        shown.container_instance_arn = event_resource(maker, entry);
    if (!instance || state_instance_version(instance) != entry->version)
        take_back_instance(entry, &shown);
    keep_values_of_type(&shown.registered_resources);
    keep_values_of_type(&shown.remaining_resources);
    add_open_shape(out, ECS_SHAPE_CONTAINER_INSTANCE, &shown);
    add_text(out, "clusterArn", arn_cluster(maker->arena, maker->scope, entry->cluster));
    add_time(out, "updatedAt", row->at_ms);
    buf_add_char(out, '}');
}

/* ---- services ---- */

static void write_service(const struct event_maker *maker, const struct feed_row *row,
                          const struct feed_entry *entry, struct buf *out)
{
    struct event_facts facts = event_facts(entry->name);

    buf_add_char(out, '{');
    add_text(out, "eventType", facts.type);
    add_text(out, "eventName", event_name_name(entry->name));
    if (facts.is_deployment) { /* MS-104 */
        if (entry->deployment)
            add_text(out, "deploymentId", entry->deployment);
        add_time(out, "updatedAt", row->at_ms);
    } else { /* MS-098 */
        add_text(out, "clusterArn", arn_cluster(maker->arena, maker->scope, entry->cluster));
        if (entry->providers_count) {
            json_text_add_name(out, "capacityProviderArns");
            buf_add_char(out, '[');
            for (uint32_t i = 0; i < entry->providers_count; i++) {
                json_text_add_comma(out);
                json_text_add_string(
                    out, arn_capacity_provider(maker->arena, maker->scope, entry->providers[i]));
            }
            buf_add_char(out, ']');
        }
        add_time(out, "createdAt", row->at_ms);
    }
    if (entry->reason)
        add_text(out, "reason", entry->reason);
    buf_add_char(out, '}');
}

/* ---- the envelope ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash ^ hash >> 29;
}

/* The same for an event each time it is sent (MS-060): made of what tells it from all others. */
static void add_id(const struct event_maker *maker, int64_t number, int64_t at_ms, struct buf *out)
{
    uint64_t half[2] = {0xcbf29ce484222325u, 0x9e3779b97f4a7c15u};
    char text[UUID_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(half); i++) {
        half[i] = mix(half[i], maker->scope->account, strlen(maker->scope->account));
        half[i] = mix(half[i], maker->scope->region, strlen(maker->scope->region));
        half[i] = mix(half[i], &number, sizeof(number));
        half[i] = mix(half[i], &at_ms, sizeof(at_ms));
    }
    snprintf(text, sizeof(text), "%08" PRIx32 "-%04x-8%03x-%04x-%012" PRIx64,
             (uint32_t)(half[0] >> 32), (unsigned)(half[0] >> 16 & 0xffff),
             (unsigned)(half[0] & 0xfff), (unsigned)(half[1] >> 48 & 0x3fff) | 0x8000u,
             half[1] & 0xffffffffffffu);
    add_text(out, "id", text);
}

/* MS-055: whole seconds. */
static void add_second(struct buf *out, int64_t at_ms)
{
    json_text_add_name(out, "time");
    json_text_add_iso(out, at_ms - at_ms % 1000);
}

void event_write(const struct event_maker *maker, const struct feed_row *row, uint32_t nth,
                 struct buf *out)
{
    const struct feed_entry *entry = &row->entries[nth];

    buf_add_char(out, '{');
    add_text(out, "version", "0");
    add_id(maker, row->first + nth, row->at_ms, out);
    add_text(out, "detail-type", event_detail_type(entry));
    add_text(out, "source", "aws.ecs");
    add_text(out, "account", maker->scope->account);
    add_second(out, row->at_ms);
    add_text(out, "region", maker->scope->region);
    json_text_add_name(out, "resources");
    buf_add_char(out, '[');
    json_text_add_string(out, event_resource(maker, entry));
    buf_add_char(out, ']');
    json_text_add_name(out, "detail");
    if (entry->kind == FEED_TASK)
        write_task(maker, row, entry, out);
    else if (entry->kind == FEED_INSTANCE)
        write_instance(maker, row, entry, out);
    else
        write_service(maker, row, entry, out);
    buf_add_char(out, '}');
}
