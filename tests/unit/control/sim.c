#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/launch.h"
#include "core/service.h"
#include "core/task.h"
#include "core/task_build.h"
#include "core/task_set.h"

/* ---- a store that is only lent ---- */

struct lent_store {
    struct store store;
    struct store *kept;
};

static struct store *kept_by(struct store *store)
{
    return ((struct lent_store *)store)->kept;
}

static struct error *lent_commit(struct store *store, const struct store_txn *txns, size_t count)
{
    return store_commit(kept_by(store), txns, count);
}

static struct error *lent_scan(struct store *store, const void *prefix, size_t prefix_len,
                               store_each_fn *each, void *data)
{
    return store_scan(kept_by(store), prefix, prefix_len, each, data);
}

static void lent_close(struct store *store)
{
    free(store);
}

static const struct store_backend lent_backend = {
    .name = "lent", .commit = lent_commit, .scan = lent_scan, .close = lent_close};

/* ---- the server's life ---- */

static void must(struct error *err)
{
    if (err)
        fail_msg("%s", err->message);
}

static int64_t wall_ms(void *data)
{
    return 1700000000000 + sim_loop_now_ms(((struct world *)data)->loop);
}

static int64_t mono_ms(void *data)
{
    return sim_loop_now_ms(((struct world *)data)->loop);
}

static bool is_busy(void *data)
{
    struct world *world = data;
    struct state_stats stats;

    if (!world->state)
        return false;
    state_stats(world->state, &stats);
    return stats.queue_depth > 0;
}

static void on_durable(const struct change *change, void *data)
{
    struct world *world = data;
    const struct task *task = change->record;

    if (change->kind != CHANGE_TASK || !task || !change->is_new)
        return;
    ARRAY_GROW(world->durable, world->durable_count, world->durable_capacity);
    world->durable[world->durable_count++] = task->id;
}

static void on_staged(const struct change *change, void *data);

static void server_start(struct world *world)
{
    struct lent_store *lent = xcalloc(1, sizeof(*lent));

    lent->store.backend = &lent_backend;
    lent->kept = world->kept;
    must(state_open(world->loop, &lent->store, &world->clock, &world->state_rng, &world->state));
    world->scope = state_scope(world->state, "us-east-1", "000000000000");
    state_observe(world->state,
                  &(struct observer){.staged = on_staged, .durable = on_durable, .data = world});
    must(control_new(world->loop, world->state, &world->options, &world->control));
}

static void on_control_closed(void *data)
{
    *(bool *)data = true;
}

static void server_stop(struct world *world)
{
    struct control *control = world->control;
    struct state *state = world->state;
    bool is_closed = false;

    world->control = NULL;
    control_close(control, on_control_closed, &is_closed);
    world_settle(world);
    WORLD_CHECK(world, is_closed);
    world->state = NULL;
    state_close(state);
    world_settle(world);
}

void world_restart(struct world *world)
{
    server_stop(world);
    server_start(world);
}

void world_fail_store_write(struct world *world, long nth)
{
    store_fail_commit(world->kept, nth);
}

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
                             task_counts_healthy(task, wall_ms(world), &ignored);
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
    int64_t ignored;

    if (task->stop_code != STOP_CODE_SERVICE_SCHEDULER_INITIATED || is_misplaced ||
        !task_counts_healthy(task, wall_ms(world), &ignored))
        return;
    WORLD_CHECK(world, count_service(world, service).healthy >= bounds.lower);
}

static void on_staged(const struct change *change, void *data)
{
    struct world *world = data;
    const struct task *task = change->record;
    const struct service *service;

    if (change->kind != CHANGE_TASK || !task->service || change->is_removed)
        return;
    service = world_service(world, task->service);
    if (!service || service->status != SERVICE_ACTIVE || service->controller != CONTROLLER_ECS)
        return;
    if (change->is_new && service->strategy == STRATEGY_DAEMON)
        check_daemon_start(world, service, task);
    else if (change->is_new)
        check_start(world, service);
    else if (change->task_desired_before != TASK_STOPPED && task->desired_status == TASK_STOPPED)
        check_stop(world, service, task);
}

static void after_each_step(void *data)
{
    struct world *world = data;

    if (!world->control)
        return;
    check_capacity(world);
    check_fleet(world);
}

void world_pass(struct world *world, int64_t ms)
{
    sim_loop_pass(world->loop, ms, is_busy, after_each_step, world);
}

void world_settle(struct world *world)
{
    sim_loop_settle(world->loop, is_busy, world);
}

/* ---- the API's part ---- */

void world_define(struct world *world, const char *family, int32_t cpu, bool has_health_check)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct task_definition *definition = task_definition_new();
    CLEANUP(str_freep)
    char *document = str_printf(
        "{\"family\":\"%s\",\"containerDefinitions\":[{\"name\":\"app\",\"image\":\"busybox\","
        "\"cpu\":%" PRId32 ",\"memory\":16,\"essential\":true%s}]}",
        family, cpu, has_health_check ? ",\"healthCheck\":{\"command\":[\"CMD\",\"true\"]}" : "");

    task_definition_set_family(definition, family);
    definition->status = DEFINITION_ACTIVE;
    definition->network_mode = NETWORK_MODE_BRIDGE;
    definition->cpu = cpu;
    definition->memory = 16;
    task_definition_set_document(definition, document);
    txn_insert_task_definition(txn, definition);
    txn_commit(txn);
    world_settle(world);
}

struct run_answer {
    struct world *world;
    struct id ids[16];
    size_t count;
};

static void on_run_answered(const struct error *err, void *data)
{
    struct run_answer *answer = data;
    struct world *world = answer->world;

    for (size_t i = 0; i < answer->count && !err && world->acked_count < SIM_ACKED_MAX; i++)
        world->acked[world->acked_count++] = answer->ids[i];
    free(answer);
}

size_t world_run_task(struct world *world, const char *family, int revision, size_t count)
{
    struct arena arena = {0};
    struct task_recipe recipe = {0};
    struct demand demand = {0};
    struct task_order order;
    struct plan plan;
    struct run_answer *answer = xcalloc(1, sizeof(*answer));
    const struct task_definition *definition =
        state_task_definition(world->state, world->scope, family, revision);
    struct txn *txn;

    WORLD_CHECK(world, definition);
    must(task_recipe_read(&arena, definition, &recipe));
    order = (struct task_order){
        .cluster = SIM_CLUSTER, .recipe = &recipe, .launch_type = LAUNCH_TYPE_EC2};
    launch_demand(&arena, &recipe, task_order_group(&arena, &order),
                  &(struct launch_rules){.launch_type = LAUNCH_TYPE_EC2}, &demand);
    must(plan_place(&arena, control_fleet(world->control, world->scope, SIM_CLUSTER), &demand,
                    count, &world->rng, &plan));
    answer->world = world;
    txn = txn_begin(world->state, world->scope);
    for (size_t i = 0; i < plan.placed_count && i < ARRAY_LEN(answer->ids); i++) {
        struct task *task = task_build(&order, &plan.hosts[i], &world->state_rng, wall_ms(world));

        answer->ids[answer->count++] = task->id;
        txn_insert_task(txn, task);
    }
    txn_commit(txn);
    count = plan.placed_count;
    launch_demand_done(&demand);
    arena_done(&arena);
    state_when_durable(world->state, on_run_answered, answer);
    return count;
}

void world_stop_task(struct world *world, const struct id *id)
{
    const struct task *task = world_task(world, id);
    struct txn *txn;

    if (!task || task->desired_status == TASK_STOPPED)
        return;
    txn = txn_begin(world->state, world->scope);
    task_want_stopped(txn_edit_task(txn, task), STOP_CODE_USER_INITIATED, STOPPED_BY_USER,
                      wall_ms(world));
    txn_commit(txn);
}

/* The 19 digits of a new id, as of a service revision or service deployment. */
static void new_number(struct world *world, char *ret, size_t size)
{
    char id[ECS_SVC_ID_SIZE];

    ecs_svc_id_new(&world->state_rng, wall_ms(world), id);
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
    record->created_at_ms = wall_ms(world);
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
    record->created_at_ms = wall_ms(world);
    service_deployment_set_target_revision(record, deployment->service_revision);
    txn_insert_service_deployment(txn, record);
    deployment_set_service_deployment(deployment, id);
}

static void add_deployment(struct world *world, struct txn *txn, struct service *service,
                           const char *family, int revision)
{
    struct deployment *fresh = service_add_deployment(service, wall_ms(world));
    char id[ECS_SVC_ID_SIZE];

    ecs_svc_id_new(&world->state_rng, wall_ms(world), id);
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
    service->created_at_ms = wall_ms(world);
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
    struct txn *txn = txn_begin(world->state, world->scope);
    struct service *service = service_new();

    service_set_cluster(service, SIM_CLUSTER);
    service_set_name(service, name);
    service->status = SERVICE_ACTIVE;
    service->desired_count = desired;
    service->minimum_percent = 100;
    service->maximum_percent = 200;
    service->controller = CONTROLLER_EXTERNAL;
    service->created_at_ms = wall_ms(world);
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

    ecs_svc_id_new(&world->state_rng, wall_ms(world), id);
    task_set_set_cluster(set, SIM_CLUSTER);
    task_set_set_service(set, name);
    task_set_set_id(set, id);
    set->created_at_ms = wall_ms(world);
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

void world_set_health(struct world *world, const struct id *task, enum health_status health)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct task *edited = txn_edit_task(txn, world_task(world, task));

    for (uint32_t i = 0; i < edited->containers_count; i++)
        edited->containers[i].health = health;
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

void world_set_instance(struct world *world, int agent, enum instance_status status)
{
    const struct container_instance *instance =
        state_instance(world->state, world->scope, SIM_CLUSTER, &world->agents[agent].instance);
    struct container_instance *edited;
    struct txn *txn;

    if (!instance || instance->status == INSTANCE_INACTIVE || instance->status == status)
        return;
    txn = txn_begin(world->state, world->scope);
    edited = txn_edit_instance(txn, instance);
    edited->status = status;
    edited->version++;
    if (status == INSTANCE_INACTIVE) {
        edited->deregistered_at_ms = wall_ms(world);
        control_disconnect_instance(world->control, edited);
    }
    txn_commit(txn);
}

void world_set_provider(struct world *world, int agent, const char *provider)
{
    struct txn *txn = txn_begin(world->state, world->scope);

    container_instance_set_capacity_provider(
        txn_edit_instance(txn, state_instance(world->state, world->scope, SIM_CLUSTER,
                                              &world->agents[agent].instance)),
        provider);
    txn_commit(txn);
}

void world_set_attribute(struct world *world, int agent, const char *name, const char *value)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct container_instance *edited =
        txn_edit_instance(txn, state_instance(world->state, world->scope, SIM_CLUSTER,
                                              &world->agents[agent].instance));
    struct attribute *found = NULL;

    for (uint32_t i = 0; i < edited->attributes_count; i++)
        if (str_eq(edited->attributes[i].name, name))
            found = &edited->attributes[i];
    if (!found)
        found = container_instance_append_attributes(edited);
    attribute_set_name(found, name);
    attribute_set_value(found, value);
    txn_commit(txn);
}

const struct service *world_service(struct world *world, const char *name)
{
    return state_service(world->state, world->scope, SIM_CLUSTER, name);
}

const struct task *world_task(struct world *world, const struct id *id)
{
    return state_task(world->state, world->scope, SIM_CLUSTER, id);
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

static void check_service(struct world *world, const struct service *service)
{
    const struct deployment *primary = service_primary(service);
    const struct task *task = NULL;
    int count = 0;

    if (service->status == SERVICE_INACTIVE)
        return;
    WORLD_CHECK(world, service->status == SERVICE_ACTIVE);
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

/* ---- the world's life ---- */

static void register_agent(struct world *world, struct txn *txn, int number)
{
    struct container_instance *instance = container_instance_new();
    struct attribute *attribute;

    instance->id = id_new(&world->state_rng, wall_ms(world));
    container_instance_set_cluster(instance, SIM_CLUSTER);
    instance->status = INSTANCE_ACTIVE;
    instance->cpu = SIM_HOST_CPU;
    instance->memory = 4096;
    instance->registered_at_ms = wall_ms(world);
    attribute = container_instance_append_attributes(instance);
    attribute_set_name(attribute, "ecs.availability-zone");
    attribute_set_value(attribute, number % 2 ? "zone-b" : "zone-a");
    world->agents[number] = (struct sim_agent){
        .world = world, .number = number, .instance = instance->id, .is_fresh = true};
    txn_insert_instance(txn, instance);
}

void world_add_agent(struct world *world)
{
    struct txn *txn = txn_begin(world->state, world->scope);

    WORLD_CHECK(world, world->agent_count < SIM_AGENTS_MAX);
    register_agent(world, txn, world->agent_count);
    txn_commit(txn);
    world_settle(world);
    agent_start(&world->agents[world->agent_count++]);
}

static void register_agents(struct world *world)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct cluster *cluster = cluster_new();

    cluster_set_name(cluster, SIM_CLUSTER);
    cluster->status = CLUSTER_ACTIVE;
    txn_insert_cluster(txn, cluster);
    for (int i = 0; i < world->agent_count; i++)
        register_agent(world, txn, i);
    txn_commit(txn);
    world_settle(world);
}

struct world *world_new(uint64_t seed, int agents)
{
    struct world *world = xcalloc(1, sizeof(*world));

    world->seed = seed;
    world->rng = rng_seeded(seed);
    world->state_rng = rng_seeded(seed + 1000003);
    world->clock = (struct clock){wall_ms, mono_ms, world};
    world->loop = sim_loop_new();
    world->options = (struct control_options){.instance_lost_after_ms = 2 * MINUTES,
                                              .task_retention_ms = 100 * 60 * MINUTES};
    world->agent_count = agents;
    world->is_calm = true;
    snprintf(world->service_document, sizeof(world->service_document), "{\"serviceName\":\"x\"}");
    must(store_open_memory(&world->kept));
    server_start(world);
    register_agents(world);
    for (int i = 0; i < agents; i++)
        agent_start(&world->agents[i]);
    return world;
}

void world_free(struct world *world)
{
    for (int i = 0; i < world->agent_count; i++)
        agent_kill(&world->agents[i]);
    world_settle(world);
    server_stop(world);
    sim_loop_pass(world->loop, MINUTES, is_busy, NULL, world); /* frames on their way */
    for (int i = 0; i < world->agent_count; i++) {
        struct sim_task *task, *next;

        for (task = world->agents[i].tasks; task; task = next) {
            next = task->next;
            timer_stop(&task->step);
            timer_stop(&task->report);
            free(task);
        }
    }
    store_close(world->kept);
    sim_loop_free(world->loop);
    free(world->durable);
    free(world);
}
