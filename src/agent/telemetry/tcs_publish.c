#include "agent/telemetry/tcs_publish.h"

#include "agent/telemetry/tcs.h"
#include "gen/agent_types.h"

/* Tasks gathered for the next frame; a full frame goes out when one more task comes, so that the
 * last one can be marked. */
struct metrics {
    const struct tcs_round *round;
    struct arena arena;
    struct tcs_task_metrics tasks[TCS_TASKS_MAX];
    size_t count, running;
};

struct health {
    const struct tcs_round *round;
    const char *task_arn;
    struct arena arena;
    struct tcs_task_health tasks[TCS_TASKS_MAX];
    size_t count;
};

static void send_metrics(struct metrics *metrics, bool is_last)
{
    const struct tcs_round *round = metrics->round;
    struct tcs_metrics_metadata metadata = {.cluster = round->cluster,
                                            .container_instance = round->instance_arn,
                                            .message_id = round->message_id};
    struct tcs_publish_metrics_request request = {.metadata = &metadata};
    struct buf body = {0};

    SET(&metadata, idle, metrics->running == 0);
    SET(&metadata, fin, is_last);
    SET(&request, timestamp_ms, round->now_ms);
    request.task_metrics =
        (struct tcs_task_metrics_list){metrics->count > 0, metrics->count, metrics->tasks};
    tcs_encode_publish_metrics_request(&body, &request);
    round->sink("PublishMetricsRequest", &body, round->data);
    buf_done(&body);
    arena_reset(&metrics->arena);
    metrics->count = 0;
}

static void fill_container(struct metrics *metrics, const struct engine_container_view *container,
                           const struct tcs_totals *totals, struct tcs_container_metrics *out)
{
    tcs_totals_fill(&metrics->arena, totals, arena_dup(&metrics->arena, container->name), out);
    if (!container->restarts)
        return;
    out->restart_stats_set = ARENA_NEW(&metrics->arena, struct tcs_restart_stats);
    SET(out->restart_stats_set, restart_count, (int64_t)container->restarts);
}

static void fill_containers(struct metrics *metrics, const struct engine_task_view *task,
                            struct tcs_container_metrics_list *ret)
{
    SET_LIST(&metrics->arena, ret, task->container_count);
    ret->count = 0;
    for (size_t i = 0; i < task->container_count; i++) {
        const struct engine_container_view *container = &task->containers[i];
        const struct tcs_totals *totals =
            container->known == ENGINE_RUNNING && container->docker_id
                ? tcs_sampler_find(metrics->round->sampler, container->docker_id)
                : NULL;

        if (totals)
            fill_container(metrics, container, totals, &ret->items[ret->count++]);
    }
}

static bool is_running(const struct engine_task_view *task)
{
    for (size_t i = 0; i < task->container_count; i++)
        if (task->containers[i].known == ENGINE_RUNNING)
            return true;
    return false;
}

static void add_metrics(const struct engine_task_view *task, void *data)
{
    struct metrics *metrics = data;
    struct tcs_container_metrics_list containers = {0};

    if (!is_running(task))
        return;
    metrics->running++;
    if (metrics->count == TCS_TASKS_MAX)
        send_metrics(metrics, false);
    fill_containers(metrics, task, &containers);
    if (!containers.count)
        return;
    metrics->tasks[metrics->count++] = (struct tcs_task_metrics){
        .task_arn = arena_dup(&metrics->arena, task->arn),
        .task_definition_family = arena_dup(&metrics->arena, task->family),
        .task_definition_version = arena_dup(&metrics->arena, task->version),
        .container_metrics = containers,
    };
}

void tcs_publish_metrics(const struct tcs_round *round)
{
    struct metrics metrics = {.round = round};

    engine_each(round->engine, add_metrics, &metrics);
    if (metrics.count || !metrics.running)
        send_metrics(&metrics, true);
    arena_done(&metrics.arena);
}

static void send_health(struct health *health, bool is_last)
{
    const struct tcs_round *round = health->round;
    struct tcs_health_metadata metadata = {.cluster = round->cluster,
                                           .container_instance = round->instance_arn,
                                           .message_id = round->message_id};
    struct tcs_publish_health_request request = {.metadata = &metadata,
                                                 .tasks = {true, health->count, health->tasks}};
    struct buf body = {0};

    SET(&metadata, fin, is_last);
    SET(&request, timestamp_ms, round->now_ms);
    tcs_encode_publish_health_request(&body, &request);
    round->sink("PublishHealthRequest", &body, round->data);
    buf_done(&body);
    arena_reset(&health->arena);
    health->count = 0;
}

static void fill_health(struct health *health, const struct engine_task_view *task,
                        struct tcs_container_health_list *ret)
{
    SET_LIST(&health->arena, ret, task->container_count);
    ret->count = 0;
    for (size_t i = 0; i < task->container_count; i++) {
        const struct engine_container_view *container = &task->containers[i];
        struct tcs_container_health *out = &ret->items[ret->count];

        if (!container->health || container->known != ENGINE_RUNNING)
            continue;
        out->container_name = arena_dup(&health->arena, container->name);
        out->health_status = container->health;
        if (container->health_since_ms)
            SET(out, status_since_ms, container->health_since_ms);
        ret->count++;
    }
}

static void add_health(const struct engine_task_view *task, void *data)
{
    struct health *health = data;
    struct tcs_container_health_list containers = {0};

    if (health->task_arn && !str_eq(health->task_arn, task->arn))
        return;
    if (health->count == TCS_TASKS_MAX)
        send_health(health, false);
    fill_health(health, task, &containers);
    if (!containers.count)
        return;
    health->tasks[health->count++] = (struct tcs_task_health){
        .task_arn = arena_dup(&health->arena, task->arn),
        .task_definition_family = arena_dup(&health->arena, task->family),
        .task_definition_version = arena_dup(&health->arena, task->version),
        .containers = containers,
    };
}

void tcs_publish_health(const struct tcs_round *round, const char *task_arn)
{
    struct health health = {.round = round, .task_arn = task_arn};
    struct engine_task_view task;

    if (!task_arn)
        engine_each(round->engine, add_health, &health);
    else if (engine_view(round->engine, task_arn, &task))
        add_health(&task, &health);
    if (health.count)
        send_health(&health, true);
    arena_done(&health.arena);
}

void tcs_publish_status(const struct tcs_round *round, const struct tcs_runtime_status *status)
{
    struct tcs_instance_status_metadata metadata = {.cluster = round->cluster,
                                                    .container_instance = round->instance_arn,
                                                    .request_id = round->message_id};
    struct tcs_instance_status item = {
        .type = "ContainerRuntime", .status = status->status, .status_reason = status->reason};
    struct tcs_publish_instance_status_request request = {.metadata = &metadata,
                                                          .statuses = {true, 1, &item}};
    struct buf body = {0};

    SET(&item, last_updated_ms, status->updated_ms);
    SET(&item, last_status_change_ms, status->changed_ms);
    SET(&request, timestamp_ms, round->now_ms);
    tcs_encode_publish_instance_status_request(&body, &request);
    round->sink("PublishInstanceStatusRequest", &body, round->data);
    buf_done(&body);
}
