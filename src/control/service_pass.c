#include "control/service_pass.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/launch.h"
#include "core/service.h"
#include "core/service_config.h"
#include "core/service_events.h"
#include "core/task.h"
#include "core/task_build.h"
#include "scheduler/victims.h"

#define TASKS_PER_TXN 25 /* of some kilobytes each; a transaction takes 512 KiB */

/* Messages that are not repeated while what they tell of lasts (AG-350). */
static const char key_placement[] = "placement";
static const char key_impaired[] = "impaired";
static const char key_stuck[] = "stuck";

struct pass {
    struct control *control;
    struct state *state;
    const struct scope *scope;
    const struct service *service; /* the record: edits show in it */
    struct service_memory *memory;
    struct service_pass_result *result;
    struct arena arena;
    int64_t now_ms;
    struct txn *txn; /* NULL: none open */
    size_t txn_tasks;
    struct rollout rollout;
    struct deployment_counts *counts; /* of each of service->deployments, in order */
    struct deployment_counts unknown; /* of tasks whose deployment has no record any more */
    struct victim *fresh, *old;       /* tasks that stay; data is the record */
    size_t fresh_count, old_count, fresh_capacity, old_capacity;
    const struct task **ailing; /* to be replaced: their checks fail */
    size_t ailing_count, ailing_capacity;
};

/* ---- memory ---- */

static bool is_of_memory(struct service_memory *memory, const struct task *task)
{
    /* Ids of deployments grow: a newer one begins a new count, an older one is of no interest. */
    int order = task->deployment ? strcmp(task->deployment, memory->deployment) : -1;

    if (order > 0) {
        snprintf(memory->deployment, sizeof(memory->deployment), "%s", task->deployment);
        memory->failed = memory->failed_waves = 0;
        memory->has_started = false;
    }
    return order >= 0;
}

void service_memory_failed(struct service_memory *memory, const struct task *task, int64_t now_ms)
{
    if (!is_of_memory(memory, task))
        return;
    memory->failed++;
    /* A hundred tasks launched together that fail are one reason to wait, not a hundred. */
    if (task->created_at_ms <= memory->wave_ms)
        return;
    memory->failed_waves++;
    memory->wave_ms = now_ms;
}

void service_memory_started(struct service_memory *memory, const struct task *task)
{
    if (is_of_memory(memory, task))
        memory->has_started = true;
}

/* ---- transactions ---- */

/* One with room for `keys` more. Each of them is some kilobytes. */
static struct txn *room_for(struct pass *pass, size_t keys)
{
    if (pass->txn && (pass->txn_tasks >= TASKS_PER_TXN || txn_room_keys(pass->txn) < keys)) {
        txn_commit(pass->txn);
        pass->txn = NULL;
    }
    if (!pass->txn) {
        pass->txn = txn_begin(pass->state, pass->scope);
        pass->txn_tasks = 0;
    }
    return pass->txn;
}

static struct service *edit_service(struct pass *pass)
{
    return txn_edit_service(room_for(pass, 8), pass->service);
}

static struct task *edit_task(struct pass *pass, const struct task *task)
{
    struct task *edited = txn_edit_task(room_for(pass, 8), task);

    pass->txn_tasks++;
    return edited;
}

static void due(struct pass *pass, int64_t at_ms)
{
    if (at_ms > pass->now_ms && (!pass->result->due_ms || at_ms < pass->result->due_ms))
        pass->result->due_ms = at_ms;
}

/* ---- events ---- */

static void add_event(struct pass *pass, const char *message)
{
    struct service *service = edit_service(pass);
    struct service_event *event = service_event_new();

    service_event_set_cluster(event, service->cluster);
    service_event_set_service(event, service->name);
    event->number = ++service->next_event;
    event->id = id_new(state_rng(pass->state), pass->now_ms);
    event->created_at_ms = pass->now_ms;
    service_event_set_message(event, message);
    txn_insert_service_event(pass->txn, event);
}

/* service->event_key lists what lasts and when it was told: "placement:1795159149994
 * stuck:1795159200000". */
static int64_t told_at(const struct pass *pass, const char *key)
{
    const char *at = pass->service->event_key;
    size_t len = strlen(key);

    for (; at && *at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
        if (strncmp(at, key, len) == 0 && at[len] == ':')
            return strtoll(at + len + 1, NULL, 10);
    return 0;
}

static void set_told_at(struct pass *pass, const char *key, int64_t at_ms)
{
    static const char *const keys[] = {key_placement, key_impaired, key_stuck};
    CLEANUP(buf_done) struct buf text = {0};

    if (told_at(pass, key) == at_ms)
        return;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        int64_t when = strcmp(keys[i], key) == 0 ? at_ms : told_at(pass, keys[i]);

        if (when)
            buf_printf(&text, "%s%s:%" PRId64, text.len ? " " : "", keys[i], when);
    }
    service_set_event_key(edit_service(pass), text.data);
}

/* Tells it unless it was told less than six hours ago and still lasts. True if it was news. */
static bool tell(struct pass *pass, const char *key, const char *message)
{
    int64_t last_ms = told_at(pass, key);
    bool is_news = !last_ms || pass->now_ms - last_ms >= SERVICE_EVENT_REPEAT_MS;

    if (is_news) {
        add_event(pass, message);
        set_told_at(pass, key, pass->now_ms);
        last_ms = pass->now_ms;
    }
    due(pass, last_ms + SERVICE_EVENT_REPEAT_MS);
    return is_news;
}

static void resolved(struct pass *pass, const char *key)
{
    set_told_at(pass, key, 0);
}

/* ---- counting ---- */

static bool is_leaving(const struct pass *pass, const struct task *task)
{
    const struct container_instance *instance =
        state_instance(pass->state, pass->scope, task->cluster, &task->instance);

    return instance && instance->status != INSTANCE_ACTIVE;
}

/* SC-377: within the grace period failing checks do not count. */
static bool is_in_grace(struct pass *pass, const struct task *task)
{
    int64_t until_ms = task->started_at_ms + (int64_t)pass->service->health_grace_s * 1000;

    if (!pass->service->has_health_grace_s || pass->now_ms >= until_ms)
        return false;
    due(pass, until_ms);
    return true;
}

static bool is_ailing(struct pass *pass, const struct task *task)
{
    return task->last_status == TASK_RUNNING && task->desired_status != TASK_STOPPED &&
           task_health_of_containers(task) == HEALTH_UNHEALTHY && !is_in_grace(pass, task);
}

static void add_victim(struct victim **list, size_t *count, size_t *capacity,
                       const struct task *task, int64_t now_ms)
{
    int64_t ignored;
    int rank = 0;

    if (task->last_status == TASK_RUNNING && task_health_of_containers(task) != HEALTH_UNHEALTHY)
        rank = task_counts_healthy(task, now_ms, &ignored) ? 2 : 1;
    ARRAY_GROW(*list, *count, *capacity);
    (*list)[(*count)++] = (struct victim){
        .task = task->id,
        .host = task->instance,
        .rank = rank,
        .cpu = task->cpu,
        .memory = task->memory,
        .data = (void *)(uintptr_t)task,
    };
}

static struct deployment_counts *counts_of(struct pass *pass, const struct task *task)
{
    for (uint32_t i = 0; i < pass->service->deployments_count; i++)
        if (str_eq(pass->service->deployments[i].id, task->deployment))
            return &pass->counts[i];
    return &pass->unknown;
}

static void add_up(struct deployment_counts *to, const struct deployment_counts *one)
{
    to->pending += one->pending;
    to->running += one->running;
    to->staying += one->staying;
    to->starting += one->starting;
    to->unhealthy += one->unhealthy;
    to->healthy += one->healthy;
    to->stopping += one->stopping;
}

static void count_task(struct pass *pass, const struct deployment *primary, const struct task *task)
{
    struct deployment_counts one = {0};
    int64_t healthy_at_ms = 0;
    bool is_fresh = primary && str_eq(task->deployment, primary->id) && !is_leaving(pass, task);

    pass->result->task_count++;
    deployment_counts_add(&one, task, pass->now_ms, &healthy_at_ms);
    due(pass, healthy_at_ms);
    if (is_ailing(pass, task)) {
        one = (struct deployment_counts){.running = one.running, .stopping = 1};
        ARRAY_GROW(pass->ailing, pass->ailing_count, pass->ailing_capacity);
        pass->ailing[pass->ailing_count++] = task;
    } else if (one.staying) {
        if (one.unhealthy)
            one.unhealthy = 0; /* in its grace period */
        if (task_is_protected(task, pass->now_ms)) /* API-130: it counts, but does not go */
            due(pass, task->rare->protected_until_ms);
        else if (is_fresh)
            add_victim(&pass->fresh, &pass->fresh_count, &pass->fresh_capacity, task, pass->now_ms);
        else
            add_victim(&pass->old, &pass->old_count, &pass->old_capacity, task, pass->now_ms);
    }
    add_up(counts_of(pass, task), &one);
    add_up(is_fresh ? &pass->rollout.fresh : &pass->rollout.old, &one);
}

static void count_tasks(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);

    pass->counts =
        ARENA_ARRAY(&pass->arena, struct deployment_counts, pass->service->deployments_count + 1);
    for (int stopped = 0; stopped <= 1; stopped++) {
        const struct task *task = NULL;

        while ((task = state_task_after(pass->state, pass->scope, pass->service->cluster,
                                        TASKS_BY_SERVICE, pass->service->name, stopped,
                                        task ? &task->id : NULL)))
            if (task->last_status != TASK_STOPPED)
                count_task(pass, primary, task);
    }
    pass->rollout.desired = pass->service->desired_count;
    pass->rollout.bounds =
        service_bounds(pass->service->desired_count, pass->service->minimum_percent,
                       pass->service->maximum_percent);
}

/* ---- what happened since the last pass ---- */

static struct deployment *edit_primary(struct pass *pass)
{
    struct service *service = edit_service(pass);

    for (uint32_t i = 0; i < service->deployments_count; i++)
        if (service->deployments[i].status == DEPLOYMENT_PRIMARY)
            return &service->deployments[i];
    return NULL;
}

static void note_failures(struct pass *pass)
{
    struct service *service = edit_service(pass);
    struct deployment *primary = edit_primary(pass);
    int64_t wait_ms;

    service->failures_in_row += pass->memory->failed_waves;
    if (primary) {
        primary->failed_tasks += pass->memory->failed;
        primary->updated_at_ms = pass->now_ms;
    }
    wait_ms = service_backoff_ms(service->failures_in_row);
    if (wait_ms && pass->memory->failed_waves)
        service->launch_after_ms = pass->now_ms + wait_ms;
    if (wait_ms)
        tell(pass, key_impaired, event_start_impaired(&pass->arena, service->name)); /* SC-342 */
}

static void note_start(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);

    if (pass->service->failures_in_row || pass->service->launch_after_ms) {
        struct service *service = edit_service(pass);

        service->failures_in_row = 0;
        service->launch_after_ms = 0;
        resolved(pass, key_impaired);
    }
    if (primary && primary->failed_tasks)
        edit_primary(pass)->failed_tasks = 0; /* API-190 */
}

static void take_in_memory(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);
    bool is_current = primary && str_eq(primary->id, pass->memory->deployment);

    if (is_current && pass->memory->has_started)
        note_start(pass);
    else if (is_current && pass->memory->failed)
        note_failures(pass);
    pass->memory->failed = pass->memory->failed_waves = 0;
    pass->memory->has_started = false;
}

/* ---- stopping ---- */

static void stop_task(struct pass *pass, const struct task *task, const char *reason)
{
    task_want_stopped(edit_task(pass, task), STOP_CODE_SERVICE_SCHEDULER_INITIATED, reason,
                      pass->now_ms);
}

/* TD-140: a service's task whose essential containers fail their checks is replaced. */
static void stop_ailing(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);
    char hex[ID_HEX_SIZE];

    for (size_t i = 0; i < pass->ailing_count; i++) {
        const struct task *task = pass->ailing[i];

        id_format(&task->id, hex);
        add_event(pass, arena_printf(&pass->arena,
                                     "(service %s) (task %s) failed container health checks.",
                                     pass->service->name, hex));
        stop_task(pass, task, STOPPED_FAILED_HEALTH_CHECKS);
        if (primary && str_eq(task->deployment, primary->id))
            edit_primary(pass)->failed_tasks++;
    }
}

/* Stops the first `count` of the list, those that leave the rest best placed. */
static void stop_some(struct pass *pass, const struct ecs_create_service_request *config,
                      struct victim *tasks, size_t task_count, size_t count, const char *reason)
{
    struct id *stopped;
    struct demand demand = {0};

    if (count > task_count) /* the others are protected */
        count = task_count;
    if (count > SERVICE_STOPS_PER_PASS) {
        count = SERVICE_STOPS_PER_PASS;
        pass->result->is_more = true;
    }
    if (!count)
        return;
    launch_strategies(
        &pass->arena,
        &(struct launch_rules){.strategies = &config->placement_strategy, .is_service = true},
        &demand);
    victims_choose(&pass->arena, control_fleet(pass->control, pass->scope, pass->service->cluster),
                   demand.strategies, demand.strategy_count, state_rng(pass->state), tasks,
                   task_count, count);
    stopped = ARENA_ARRAY(&pass->arena, struct id, count);
    for (size_t i = 0; i < count; i++) {
        stop_task(pass, tasks[i].data, reason);
        stopped[i] = tasks[i].task;
    }
    add_event(pass, event_stopped(&pass->arena, pass->service->name, stopped, count));
}

/* ---- starting ---- */

static struct error *read_recipe(struct pass *pass, const struct deployment *primary,
                                 struct task_recipe *ret)
{
    const struct task_definition *definition =
        state_task_definition(pass->state, pass->scope, primary->family, primary->revision);

    if (!definition)
        return error_new(API_CLIENT, "Task definition %s:%" PRId32 " does not exist.",
                         primary->family, primary->revision);
    return task_recipe_read(&pass->arena, definition, ret);
}

static void fill_order(struct pass *pass, const struct ecs_create_service_request *config,
                       const struct deployment *primary, const struct task_recipe *recipe,
                       struct task_order *order)
{
    const struct service *service = pass->service;
    const struct task_definition *definition = recipe->definition;
    bool is_of_definition = service->propagate_tags == PROPAGATE_TAGS_TASK_DEFINITION;
    bool is_of_service = service->propagate_tags == PROPAGATE_TAGS_SERVICE;

    assert(definition);
    *order = (struct task_order){
        .cluster = service->cluster,
        .recipe = recipe,
        .launch_type = service->launch_type,
        .service = service->name,
        .deployment = primary->id,
        .enable_execute_command = service->enable_execute_command,
    };
    if (config->network_configuration) {
        CLEANUP(buf_done) struct buf text = {0};

        ecs_encode_network_configuration(&text, config->network_configuration);
        order->network_configuration = arena_dup(&pass->arena, text.data);
    }
    task_order_tags(&pass->arena,
                    is_of_service      ? service->tags
                    : is_of_definition ? definition->tags
                                       : NULL,
                    is_of_service      ? service->tags_count
                    : is_of_definition ? definition->tags_count
                                       : 0,
                    NULL, service->enable_managed_tags, order);
}

static void start_planned(struct pass *pass, const struct task_order *order,
                          const struct plan *plan)
{
    struct id *started = ARENA_ARRAY(&pass->arena, struct id, plan->placed_count + 1);

    for (size_t i = 0; i < plan->placed_count; i++) {
        struct txn *txn = room_for(pass, 8);
        struct task *task =
            task_build(order, &plan->hosts[i], state_rng(pass->state), pass->now_ms);

        started[i] = task->id;
        txn_insert_task(txn, task);
        pass->txn_tasks++;
        pass->control->stats.placements++;
    }
    add_event(pass, event_started(&pass->arena, pass->service->name, started, plan->placed_count));
}

static struct error *place(struct pass *pass, const struct ecs_create_service_request *config,
                           const struct deployment *primary, size_t wanted)
{
    struct launch_rules rules = {
        .launch_type = pass->service->launch_type,
        .constraints = &config->placement_constraints,
        .strategies = &config->placement_strategy,
        .is_service = true,
    };
    CLEANUP(launch_demand_done) struct demand demand = {0};
    struct task_recipe recipe = {0};
    struct task_order order;
    struct plan plan;
    bool is_news;

    TRY(read_recipe(pass, primary, &recipe));
    fill_order(pass, config, primary, &recipe, &order);
    launch_demand(&pass->arena, &recipe, task_order_group(&pass->arena, &order), &rules, &demand);
    TRY(plan_place(&pass->arena, control_fleet(pass->control, pass->scope, order.cluster), &demand,
                   wanted, state_rng(pass->state), &plan));
    if (plan.placed_count)
        start_planned(pass, &order, &plan);
    pass->memory->waits_for_room = plan.placed_count < wanted;
    if (!pass->memory->waits_for_room) {
        resolved(pass, key_placement);
        return NULL;
    }
    pass->control->stats.placement_refusals++;
    is_news = tell(pass, key_placement,
                   event_unplaceable(&pass->arena, pass->service->name,
                                     plan.refusal_count ? &plan.refusals[0].host : NULL,
                                     plan.refusal_count ? plan.refusals[0].reason : NULL));
    if (!is_news)
        return NULL;
    log_info("a service's task finds no place", "cluster", order.cluster, "service",
             pass->service->name, "why", plan_explain(&pass->arena, &plan));
    return NULL;
}

static void start_some(struct pass *pass, const struct ecs_create_service_request *config,
                       int64_t wanted)
{
    const struct deployment *primary = service_primary(pass->service);
    struct error *err;

    pass->memory->waits_for_room = false;
    if (!wanted || !primary)
        return;
    if (pass->service->launch_after_ms > pass->now_ms) {
        due(pass, pass->service->launch_after_ms);
        return;
    }
    if (wanted > SERVICE_STARTS_PER_PASS) {
        wanted = SERVICE_STARTS_PER_PASS;
        pass->result->is_more = true;
    }
    err = place(pass, config, primary, (size_t)wanted);
    if (err) {
        /* Nothing here will mend it: the next change of the service or of the hosts looks again. */
        tell(pass, key_placement,
             arena_printf(&pass->arena, "(service %s) was unable to place a task. Reason: %s",
                          pass->service->name, err->message));
        error_free(err);
    }
    if (pass->memory->waits_for_room)
        pass->result->is_more = false;
}

/* ---- records that follow ---- */

/* SC-207: an old deployment goes when its last task is on its way out (as a service does, SC-186);
 * until then it shows how many it still has. */
static void follow_deployments(struct pass *pass)
{
    const struct service *service = pass->service;

    for (uint32_t i = service->deployments_count; i-- > 0;) {
        const struct deployment *deployment = &service->deployments[i];
        const struct deployment_counts *counts = &pass->counts[i];
        struct service *edited;

        if (deployment->status == DEPLOYMENT_PRIMARY) {
            if (deployment->desired_count != service->desired_count) {
                struct deployment *primary = edit_primary(pass);

                primary->desired_count = service->desired_count;
                primary->updated_at_ms = pass->now_ms;
            }
            continue;
        }
        if (!counts->staying && !counts->pending && !counts->running) {
            edited = edit_service(pass);
            deployment_done(&edited->deployments[i]);
            memmove(&edited->deployments[i], &edited->deployments[i + 1],
                    (edited->deployments_count - i - 1) * sizeof(edited->deployments[0]));
            memset(&edited->deployments[edited->deployments_count - 1], 0,
                   sizeof(edited->deployments[0]));
            deployment_init(&edited->deployments[edited->deployments_count - 1]);
            service_resize_deployments(edited, edited->deployments_count - 1);
        } else if (deployment->desired_count != counts->staying) {
            edited = edit_service(pass);
            edited->deployments[i].desired_count = (int32_t)counts->staying;
            edited->deployments[i].updated_at_ms = pass->now_ms;
        }
    }
}

static void complete_service_deployment(struct pass *pass, const struct deployment *primary)
{
    const struct service_deployment *found =
        primary->service_deployment
            ? state_service_deployment(pass->state, pass->scope, pass->service->cluster,
                                       pass->service->name, primary->service_deployment)
            : NULL;
    struct service_deployment *edited;

    if (!found || (found->status != SERVICE_DEPLOYMENT_IN_PROGRESS &&
                   found->status != SERVICE_DEPLOYMENT_PENDING))
        return;
    edited = txn_edit_service_deployment(room_for(pass, 8), found);
    edited->status = SERVICE_DEPLOYMENT_SUCCESSFUL;
    edited->finished_at_ms = pass->now_ms;
    edited->updated_at_ms = pass->now_ms;
}

static void complete_deployment(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);
    struct deployment *edited;

    if (!primary || primary->rollout_state != ROLLOUT_STATE_IN_PROGRESS ||
        pass->service->deployments_count > 1)
        return;
    complete_service_deployment(pass, primary);
    edited = edit_primary(pass);
    edited->rollout_state = ROLLOUT_STATE_COMPLETED;
    deployment_set_rollout_state_reason(
        edited, arena_printf(&pass->arena, "ECS deployment %s completed.", edited->id));
    edited->has_been_steady = true;
    edited->updated_at_ms = pass->now_ms;
    add_event(pass, event_deployment_completed(&pass->arena, pass->service->name, edited->id));
}

/* SC-139: at its count, all healthy, nothing on its way. */
static bool is_steady(const struct pass *pass, const struct rollout_step *step)
{
    const struct deployment_counts *fresh = &pass->rollout.fresh;

    return step->is_done && fresh->healthy == fresh->staying && fresh->stopping == 0 &&
           pass->rollout.old.stopping == 0 && pass->service->deployments_count <= 1;
}

static void follow_steadiness(struct pass *pass, const struct rollout_step *step)
{
    const struct service *service = pass->service;
    bool is_now = is_steady(pass, step);

    if (is_now)
        complete_deployment(pass);
    if (is_now && (!service->is_steady ||
                   pass->now_ms - service->last_steady_event_at_ms >= SERVICE_EVENT_REPEAT_MS)) {
        struct service *edited;

        add_event(pass, event_steady_state(&pass->arena, service->name));
        edited = edit_service(pass);
        edited->is_steady = true;
        edited->last_steady_event_at_ms = pass->now_ms;
    } else if (!is_now && service->is_steady) {
        edit_service(pass)->is_steady = false;
    }
    if (is_now)
        due(pass, service->last_steady_event_at_ms + SERVICE_EVENT_REPEAT_MS);
}

/* ---- the two kinds of pass ---- */

/* SC-186: DRAINING until every task is on its way out. */
static void wind_down(struct pass *pass)
{
    const struct task *task = NULL;
    size_t stopped = 0;
    bool is_over = true;
    struct service *service;

    while (
        (task = state_task_after(pass->state, pass->scope, pass->service->cluster, TASKS_BY_SERVICE,
                                 pass->service->name, false, task ? &task->id : NULL))) {
        is_over = false;
        if (stopped++ == SERVICE_STOPS_PER_PASS) {
            pass->result->is_more = true;
            return;
        }
        stop_task(pass, task,
                  arena_printf(&pass->arena, STOPPED_SERVICE_SCALING_FMT,
                               task->deployment ? task->deployment : pass->service->name));
    }
    while (is_over && (task = state_task_after(pass->state, pass->scope, pass->service->cluster,
                                               TASKS_BY_SERVICE, pass->service->name, true,
                                               task ? &task->id : NULL)))
        is_over = task_is_ending(task);
    if (!is_over)
        return;
    service = edit_service(pass);
    service->status = SERVICE_INACTIVE;
    service->deleted_at_ms = pass->now_ms;
    service_resize_deployments(service, 0);
}

static void keep_up(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);
    struct ecs_create_service_request config;
    struct error *err = service_config_read(&pass->arena, pass->service, &config);
    struct rollout_step step;
    const char *reason;

    if (err) {
        log_error("a service cannot be read", "service", pass->service->name, "why", err->message);
        error_free(err); /* logged; only a change of the service can mend it */
        return;
    }
    take_in_memory(pass);
    count_tasks(pass);
    stop_ailing(pass);
    step = rollout_next(&pass->rollout);
    reason = arena_printf(&pass->arena, STOPPED_SERVICE_SCALING_FMT,
                          primary ? primary->id : pass->service->name);
    stop_some(pass, &config, pass->old, pass->old_count, (size_t)step.stop_old, reason);
    stop_some(pass, &config, pass->fresh, pass->fresh_count, (size_t)step.stop_surplus, reason);
    start_some(pass, &config, step.start);
    if (step.is_stuck)
        tell(pass, key_stuck, event_deployment_stuck(&pass->arena, pass->service->name));
    else
        resolved(pass, key_stuck);
    follow_deployments(pass);
    follow_steadiness(pass, &step);
}

void service_pass(struct control *control, const struct scope *scope, const struct service *service,
                  struct service_memory *memory, struct service_pass_result *ret)
{
    struct pass pass = {
        .control = control,
        .state = control->state,
        .scope = scope,
        .service = service,
        .memory = memory,
        .result = ret,
        .now_ms = control_wall_ms(control),
    };

    if (service->status == SERVICE_DRAINING)
        wind_down(&pass);
    else if (service->controller == CONTROLLER_ECS && service->strategy == STRATEGY_REPLICA)
        keep_up(&pass);
    if (pass.txn)
        txn_commit(pass.txn);
    free(pass.fresh);
    free(pass.old);
    free(pass.ailing);
    arena_done(&pass.arena);
}
