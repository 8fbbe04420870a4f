/* sim_check.c - what must hold at every step, and what at the end. */
#include <string.h>

#include "base/str.h"
#include "core/service.h"
#include "core/task.h"
#include "core/task_set.h"
#include "sim.h"
#include "sim_world.h"

/* ---- what must always hold ---- */

static void check_capacity(struct world *world)
{
    for (int i = 0; i < world->agent_count; i++) {
        char hex[ID_HEX_SIZE];
        int64_t cpu = 0;

        id_format(&world->agents[i].instance, hex);
        for (int stopped = 0; stopped <= 1; stopped++) {
            const struct task *task = NULL;

            while (
                (task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_INSTANCE,
                                         hex, stopped, task ? &task->id : NULL)))
                cpu += task->last_status == TASK_STOPPED ? 0 : task->cpu;
        }
        WORLD_CHECK(world, cpu <= SIM_HOST_CPU);
    }
}

/* Placement's figures are those of the tables. */
static void check_fleet(struct world *world)
{
    const struct fleet *fleet = control_fleet(world->control, world->scope, SIM_CLUSTER);

    for (int i = 0; i < world->agent_count; i++) {
        const struct container_instance *instance =
            state_instance(world->state, world->scope, SIM_CLUSTER, &world->agents[i].instance);
        struct instance_counts counts;
        struct host_free host_free;

        if (!instance || instance->status == INSTANCE_INACTIVE)
            continue;
        state_instance_counts(instance, &counts);
        WORLD_CHECK(world, fleet_host_free(fleet, &instance->id, &host_free));
        WORLD_CHECK(world, host_free.cpu == instance->cpu - counts.cpu_held);
    }
}

/* ---- what every step of a service's way must keep ---- */

struct headcount {
    int64_t there, healthy; /* not STOPPED; wanted, RUNNING and healthy */
};

static struct headcount count_service(struct world *world, const struct service *service)
{
    struct headcount count = {0};

    for (int stopped = 0; stopped <= 1; stopped++) {
        const struct task *task = NULL;
        int64_t ignored;

        while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                        service->name, stopped, task ? &task->id : NULL))) {
            count.there += task->last_status != TASK_STOPPED;
            count.healthy += task->desired_status != TASK_STOPPED &&
                             task_counts_healthy(task, world_wall_ms(world), &ignored);
        }
    }
    return count;
}

/* SC-127: never two on an instance, not even while the old one stops. */
static void check_daemon_start(struct world *world, const struct service *service,
                               const struct task *fresh)
{
    for (int stopped = 0; stopped <= 1; stopped++) {
        const struct task *task = NULL;

        while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                        service->name, stopped, task ? &task->id : NULL)))
            WORLD_CHECK(world, task == fresh || task->last_status == TASK_STOPPED ||
                                   id_cmp(&task->instance, &fresh->instance) != 0);
    }
}

/* SC-191: what is started stays within the maximum. */
static void check_start(struct world *world, const struct service *service)
{
    struct service_bounds bounds =
        service_bounds(service->desired_count, service->minimum_percent, service->maximum_percent);

    WORLD_CHECK(world, count_service(world, service).there <= bounds.upper);
}

/* SC-192: what is stopped leaves the minimum, unless it serves nobody or its host is not fit for it
 * any more. */
static void check_stop(struct world *world, const struct service *service, const struct task *task)
{
    struct service_bounds bounds =
        service_bounds(service->desired_count, service->minimum_percent, service->maximum_percent);
    const struct container_instance *instance =
        state_instance(world->state, world->scope, SIM_CLUSTER, &task->instance);
    bool is_misplaced = service->strategy == STRATEGY_DAEMON &&
                        (!instance || instance->status != INSTANCE_ACTIVE ||
                         (service->document && strstr(service->document, "placementConstraints")));
    int64_t ignored, healthy;

    if (task->stop_code != STOP_CODE_SERVICE_SCHEDULER_INITIATED || is_misplaced ||
        !task_counts_healthy(task, world_wall_ms(world), &ignored))
        return;
    healthy = count_service(world, service).healthy;
    if (healthy < bounds.lower)
        fail_msg("seed %llu: %s has %lld healthy tasks left of %d, %d%% are to stay: %s",
                 (unsigned long long)world->seed, service->name, (long long)healthy,
                 (int)service->desired_count, (int)service->minimum_percent,
                 task->rare->stopped_reason);
}

/* API-130: the scheduler passes over it, unless its host is not fit for it any more. */
static void check_protected(struct world *world, const struct service *service,
                            const struct task *task)
{
    const struct container_instance *instance =
        state_instance(world->state, world->scope, SIM_CLUSTER, &task->instance);

    if (task->stop_code == STOP_CODE_SERVICE_SCHEDULER_INITIATED &&
        service->strategy == STRATEGY_REPLICA && instance && instance->status == INSTANCE_ACTIVE)
        WORLD_CHECK(world, !task_is_protected(task, world_wall_ms(world)));
}

void world_check_change(const struct change *change, void *data)
{
    struct world *world = data;
    const struct task *task = change->record;
    const struct service *service;

    world->is_unchecked = true;
    if (change->kind != CHANGE_TASK || !task->service || change->is_removed)
        return;
    service = world_service(world, task->service);
    if (!service || service->status != SERVICE_ACTIVE || service->controller != CONTROLLER_ECS)
        return;
    if (change->is_new && service->strategy == STRATEGY_DAEMON)
        check_daemon_start(world, service, task);
    else if (change->is_new)
        check_start(world, service);
    else if (change->task_desired_before != TASK_STOPPED && task->desired_status == TASK_STOPPED) {
        check_stop(world, service, task);
        check_protected(world, service, task);
    }
}

void world_check_step(void *data)
{
    struct world *world = data;

    if (!world->control || !world->is_unchecked)
        return;
    world->is_unchecked = false;
    check_capacity(world);
    check_fleet(world);
    if (world->restart_at && ++world->steps == world->restart_at)
        world_restart(world);
}

/* ---- the end ---- */

static const struct task *daemon_task_on(struct world *world, const struct service *service,
                                         const struct id *instance)
{
    const struct task *task = NULL;

    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                    service->name, false, task ? &task->id : NULL)))
        if (id_cmp(&task->instance, instance) == 0)
            return task;
    return NULL;
}

/* One on each instance that is fit for it, unless others have taken all its room. */
static void check_daemon(struct world *world, const struct service *service)
{
    const struct fleet *fleet = control_fleet(world->control, world->scope, SIM_CLUSTER);
    const struct deployment *primary = service_primary(service);
    const struct task_definition *definition =
        state_task_definition(world->state, world->scope, primary->family, primary->revision);
    int eligible = 0, full = 0;

    for (int i = 0; i < world->agent_count; i++) {
        const struct container_instance *instance =
            state_instance(world->state, world->scope, SIM_CLUSTER, &world->agents[i].instance);
        const struct task *task;
        struct host_free host_free;

        if (!instance || instance->status != INSTANCE_ACTIVE)
            continue;
        eligible++;
        task = daemon_task_on(world, service, &instance->id);
        if (task) {
            WORLD_CHECK(world, task->last_status == TASK_RUNNING);
            WORLD_CHECK(world, str_eq(task->deployment, primary->id));
            continue;
        }
        WORLD_CHECK(world, fleet_host_free(fleet, &instance->id, &host_free));
        WORLD_CHECK(world, host_free.cpu < definition->cpu);
        full++;
    }
    WORLD_CHECK(world, service->desired_count == eligible);
    WORLD_CHECK(world, service->is_steady == (full == 0));
}

/* Each task set has its share, and nothing is of none. */
static void check_task_sets(struct world *world, const struct service *service)
{
    const struct task_set *set = NULL;
    struct service_counts counts, all;
    int running = 0;

    while ((set = state_task_set_after(service, set ? set->id : NULL))) {
        struct task_set wanted = *set;

        task_set_follow_service(&wanted, service);
        state_service_counts(service, set->id, &counts);
        WORLD_CHECK(world, set->status != TASK_SET_DRAINING);
        WORLD_CHECK(world, set->desired_count == wanted.desired_count);
        WORLD_CHECK(world, counts.running == set->desired_count && !counts.stopping);
        WORLD_CHECK(world, set->stability == STABILITY_STEADY_STATE);
        running += counts.running;
    }
    state_service_counts(service, NULL, &all);
    WORLD_CHECK(world, all.running == running && !all.pending);
}

static void check_service(struct world *world, const struct service *service)
{
    const struct deployment *primary = service_primary(service);
    const struct task *task = NULL;
    int count = 0;

    if (service->status == SERVICE_INACTIVE)
        return;
    WORLD_CHECK(world, service->status == SERVICE_ACTIVE);
    if (service->controller == CONTROLLER_EXTERNAL) {
        check_task_sets(world, service);
        return;
    }
    WORLD_CHECK(world, service->deployments_count == 1);
    if (service->strategy == STRATEGY_DAEMON) {
        check_daemon(world, service);
        return;
    }
    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                    service->name, false, task ? &task->id : NULL))) {
        WORLD_CHECK(world, task->last_status == TASK_RUNNING);
        WORLD_CHECK(world, str_eq(task->deployment, primary->id));
        WORLD_CHECK(world, task->revision == primary->revision);
        count++;
    }
    WORLD_CHECK(world, count == service->desired_count);
    WORLD_CHECK(world, service->is_steady);
    WORLD_CHECK(world, primary->rollout_state == ROLLOUT_STATE_COMPLETED);
}

static struct sim_agent *agent_of(struct world *world, const struct id *instance)
{
    for (int i = 0; i < world->agent_count; i++)
        if (id_cmp(&world->agents[i].instance, instance) == 0)
            return &world->agents[i];
    return NULL;
}

void world_assert_settled(struct world *world)
{
    const struct service *service = NULL;
    const struct task *task = NULL;
    int running = 0, up = 0;

    while ((service = state_service_after(world->state, world->scope, SIM_CLUSTER,
                                          service ? service->name : NULL)))
        check_service(world, service);
    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_CLUSTER, NULL,
                                    false, task ? &task->id : NULL))) {
        struct sim_agent *agent = agent_of(world, &task->instance);
        struct sim_task *seen = agent ? agent_task(agent, &task->id) : NULL;

        WORLD_CHECK(world, task->last_status == TASK_RUNNING);
        WORLD_CHECK(world, seen && seen->phase == SIM_UP);
        running++;
    }
    task = NULL;
    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_CLUSTER, NULL,
                                    true, task ? &task->id : NULL)))
        WORLD_CHECK(world, task->last_status == TASK_STOPPED && task->rare->stopped_at_ms);
    for (int i = 0; i < world->agent_count; i++) {
        const struct container_instance *instance =
            state_instance(world->state, world->scope, SIM_CLUSTER, &world->agents[i].instance);

        /* Orphans of a deregistered host keep running (CL-300). */
        if (instance && instance->status != INSTANCE_INACTIVE)
            up += agent_running(&world->agents[i]);
    }
    WORLD_CHECK(world, running == up); /* nothing runs that nobody wants */
    for (size_t i = 0; i < world->acked_count; i++)
        WORLD_CHECK(world, world_task(world, &world->acked[i]));
}

/* ---- two ends ---- */

static void add_tasks(struct world *world, const struct service *service, struct buf *text)
{
    static const char *const providers[] = {NULL, "managed", "fixed"};

    for (int revision = 1; revision <= 2; revision++)
        for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
            const struct task *task = NULL;
            int count = 0;

            while (
                (task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                         service->name, false, task ? &task->id : NULL)))
                count += task->last_status == TASK_RUNNING && task->revision == revision &&
                         str_eq(task->rare->capacity_provider, providers[i]);
            if (count)
                buf_printf(text, " %d of %d on %s", count, revision,
                           providers[i] ? providers[i] : "any");
        }
}

char *world_end_state(struct world *world)
{
    const struct service *service = NULL;
    CLEANUP(buf_done) struct buf text = {0};

    while ((service = state_service_after(world->state, world->scope, SIM_CLUSTER,
                                          service ? service->name : NULL))) {
        const struct deployment *primary = service_primary(service);
        const struct service_deployment *record = world_service_deployment(world, service->name);
        const struct task_set *set = NULL;

        buf_printf(&text, "%s %s: %d%s", service->name, service_status_name(service->status),
                   (int)service->desired_count, service->is_steady ? " steady" : "");
        if (primary)
            buf_printf(&text, ", %d %s", (int)primary->revision,
                       rollout_state_name(primary->rollout_state));
        if (record)
            buf_printf(&text, ", %s", service_deployment_status_name(record->status));
        while ((set = state_task_set_after(service, set ? set->id : NULL)))
            buf_printf(&text, ", set of %d: %d %s", (int)set->revision, (int)set->desired_count,
                       stability_status_name(set->stability));
        add_tasks(world, service, &text);
        buf_add_char(&text, '\n');
    }
    return str_dup(text.data ? text.data : "");
}
