/* Each kind of event as EventBridge has it: the envelope, the detail, and the detail of a change that
 * others have followed since. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/service.h"
#include "core/task.h"
#include "events/filter.h"

/* The events behind `after` that fit, as a list of the world's. */
static const json_t *events_of(struct world *world, int64_t after, const struct filter *filter)
{
    const struct scope *scope = world_scope(world);
    json_t *list = json_array();

    for (int64_t number = after + 1; number <= state_feed_last(world->state, scope); number++) {
        CLEANUP(arena_done) struct arena arena = {0};
        CLEANUP(buf_done) struct buf text = {0};
        const struct event_maker maker = {&world->ecs, scope, &arena};
        struct feed_row *row = state_feed_row(world->state, scope, number);
        uint32_t nth = (uint32_t)(number - row->first);
        json_error_t error;
        json_t *event;

        if (!filter || filter_fits(filter, &maker, &row->entries[nth])) {
            event_write(&maker, row, nth, &text);
            event = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
            if (!event)
                fail_msg("no JSON: %s in %s", error.text, text.data);
            json_array_append_new(list, event);
        }
        feed_row_free(row);
    }
    json_array_append_new(world->answers, list);
    return list;
}

static void stop(const struct error *err, void *data)
{
    assert_null(err);
    loop_stop(data);
}

static void settle(struct world *world)
{
    state_when_durable(world->state, stop, world->loop);
    loop_run(world->loop);
}

static int64_t seen(struct world *world)
{
    settle(world);
    return state_feed_last(world->state, world_scope(world));
}

struct expected {
    const char *path, *value; /* NULL: absent */
};

static void expect_all(struct world *world, const json_t *event, const struct expected *rows,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        world_expect(world, event, rows[i].path, rows[i].value);
}
#define EXPECT(world, event, ...)                                                                  \
    expect_all(world, event, (const struct expected[]){__VA_ARGS__},                               \
               ARRAY_LEN(((const struct expected[]){__VA_ARGS__})))

static const char *run(struct world *world)
{
    world_definition(world, "web", "", "");
    return world_at(world, world_do(world, "RunTask", "{'taskDefinition':'web'}"),
                    "tasks.0.taskArn");
}

static void a_task_starts(void **data) /* MS-055 to MS-058, MS-063, MS-086 to MS-095, T11, T12 */
{
    struct world *world = world_new();
    const char *host = world_instance(world, 2048, 3767);
    const json_t *events;
    int64_t before;
    char *arn;

    (void)data;
    before = seen(world);
    run(world);
    settle(world);
    events = events_of(world, before, NULL);
    assert_int_equal(json_array_size(events), 2);
    EXPECT(world, events, {"0.version", "0"}, {"0.detail-type", "ECS Task State Change"},
           {"0.source", "aws.ecs"}, {"0.account", WORLD_ACCOUNT}, {"0.region", WORLD_REGION},
           {"0.time", "2026-11-20T07:19:09Z"}, {"0.detail.createdAt", "2026-11-20T07:19:09Z"},
           {"0.detail.updatedAt", "2026-11-20T07:19:09Z"}, {"0.detail.version", "1"},
           {"0.detail.lastStatus", "PENDING"}, {"0.detail.desiredStatus", "RUNNING"},
           {"0.detail.cpu", "10"}, {"0.detail.memory", "64"},
           {"0.detail.clusterArn", WORLD_ARN "cluster/default"},
           {"0.detail.taskDefinitionArn", WORLD_ARN "task-definition/web:1"},
           {"0.detail.group", "family:web"}, {"0.detail.availabilityZone", "rack-1"},
           {"0.detail.overrides.containerOverrides", "[{\"name\":\"main\"}]"},
           {"0.detail.attachments", "[]"}, {"0.detail.containers.0.name", "main"},
           {"0.detail.containers.0.image", "busybox"}, {"0.detail.containers.0.cpu", "10"},
           {"0.detail.containers.0.lastStatus", "PENDING"},
           {"1.detail-type", "ECS Container Instance State Change"},
           {"1.detail.agentConnected", "true"}, {"1.detail.status", "ACTIVE"},
           {"1.detail.clusterArn", WORLD_ARN "cluster/default"},
           {"1.detail.updatedAt", "2026-11-20T07:19:09Z"},
           {"1.detail.versionInfo.dockerVersion", "DockerVersion: 20.10"}, /* MS-078 */
           {"1.detail.pendingTasksCount", "1"},
           /* MS-076, MS-077 */
           {"1.detail.registeredResources.0",
            "{\"integerValue\":2048,\"name\":\"CPU\",\"type\":\"INTEGER\"}"},
           {"1.detail.remainingResources.0",
            "{\"integerValue\":2038,\"name\":\"CPU\",\"type\":\"INTEGER\"}"},
           {"1.detail.remainingResources.1",
            "{\"integerValue\":3703,\"name\":\"MEMORY\",\"type\":\"INTEGER\"}"},
           {"1.detail.remainingResources.2",
            "{\"name\":\"PORTS\",\"stringSetValue\":[\"22\",\"2375\",\"2376\",\"51678\"],"
            "\"type\":\"STRINGSET\"}"});
    assert_string_equal(world_at(world, events, "0.resources.0"),
                        world_at(world, events, "0.detail.taskArn"));
    arn = str_printf(WORLD_ARN "container-instance/default/%s", host);
    EXPECT(world, events, {"1.resources.0", arn}, {"1.detail.containerInstanceArn", arn},
           {"0.detail.containerInstanceArn", arn});
    free(arn);
    /* MS-060: sent again, an event is the same to the last byte. */
    assert_true(json_equal(events, events_of(world, before, NULL)));
    assert_int_equal(strlen(world_at(world, events, "0.id")), UUID_SIZE - 1);
    assert_string_not_equal(world_at(world, events, "0.id"), world_at(world, events, "1.id"));
    world_free(world);
}

/* A reader that is behind sees each change as it was. */
static void what_followed_is_not_shown(void **data) /* MS-058, MS-069, MS-084, MS-096 */
{
    struct world *world = world_new();
    const json_t *events;
    const char *arn;
    struct task *task;
    int64_t before;

    (void)data;
    world_instance(world, 2048, 3767);
    before = seen(world);
    arn = run(world);

    world->now_ms += 1230;
    task = world_edit_task(world, arn);
    task->pull_started_at_ms = world->now_ms;
    task->containers[0].last_status = TASK_RUNNING;
    container_set_runtime_id(&task->containers[0], "abc");
    task_set_status(task, TASK_RUNNING, world->now_ms);
    world_commit(world);

    world->now_ms += 1000;
    task = world_edit_task(world, arn);
    task->containers[0].exit_code = 3;
    task->containers[0].has_exit_code = true;
    container_set_reason(&task->containers[0], "gone");
    task_end(task, STOP_CODE_ESSENTIAL_CONTAINER_EXITED, "Essential container in task exited",
             world->now_ms);
    world_commit(world);
    settle(world);

    events = events_of(world, before, NULL);
    EXPECT(
        world, events, {"0.detail.lastStatus", "PENDING"}, {"0.detail.version", "1"},
        {"0.detail.pullStartedAt", NULL}, {"0.detail.startedAt", NULL},
        {"0.detail.stoppedReason", NULL}, {"0.detail.stopCode", NULL},
        {"0.detail.containers.0.lastStatus", "PENDING"}, {"0.detail.containers.0.exitCode", NULL},
        {"1.detail.remainingResources.0.integerValue", "2038"}, {"1.detail.pendingTasksCount", "1"},
        {"2.detail.lastStatus", "RUNNING"}, {"2.detail.desiredStatus", "RUNNING"},
        {"2.detail.version", "2"}, {"2.detail.startedAt", "2026-11-20T07:19:10.23Z"}, /* MS-087 */
        {"2.detail.updatedAt", "2026-11-20T07:19:10.23Z"}, {"2.time", "2026-11-20T07:19:10Z"},
        {"2.detail.stoppedAt", NULL}, {"2.detail.stoppingAt", NULL}, {"2.detail.stopCode", NULL},
        {"2.detail.containers.0.lastStatus", "RUNNING"}, {"2.detail.containers.0.runtimeId", "abc"},
        {"2.detail.containers.0.exitCode", NULL}, {"2.detail.containers.0.reason", NULL});
    assert_string_equal(world_at(world, events, "3.detail-type"), EVENT_OF_TASK);
    EXPECT(world, events, {"3.detail.lastStatus", "STOPPED"},
           {"3.detail.stopCode", "EssentialContainerExited"},
           {"3.detail.stoppedReason", "Essential container in task exited"},
           {"3.detail.stoppedAt", "2026-11-20T07:19:11.23Z"},
           {"3.detail.containers.0.exitCode", "3"}, {"3.detail.containers.0.reason", "gone"},
           {"4.detail-type", EVENT_OF_INSTANCE},
           {"4.detail.remainingResources.0.integerValue", "2048"},
           {"4.detail.pendingTasksCount", "0"}, {"4.detail.runningTasksCount", "0"});
    world_free(world);
}

static void a_task_that_is_gone_is_told_in_short(void **data)
{
    struct world *world = world_new();
    const json_t *events;
    const char *arn;
    struct txn *txn;
    struct task *task;
    int64_t before;
    struct id id;

    (void)data;
    world_instance(world, 2048, 3767);
    before = seen(world);
    arn = run(world);
    task = world_edit_task(world, arn);
    task_end(task, STOP_CODE_USER_INITIATED, "asked", world->now_ms);
    world_commit(world);
    assert_true(id_parse(strrchr(arn, '/') + 1, &id));
    txn = txn_begin(world->state, world_scope(world));
    txn_delete_task(txn, state_task(world->state, world_scope(world), "default", &id));
    txn_commit(txn);
    settle(world);
    events = events_of(world, before, NULL);
    EXPECT(world, events, {"0.resources.0", arn}, {"0.detail.taskArn", arn},
           {"0.detail.version", "1"}, {"0.detail.lastStatus", "PENDING"}, {"2.detail.taskArn", arn},
           {"2.detail.lastStatus", "STOPPED"},
           {"2.detail.clusterArn", WORLD_ARN "cluster/default"});
    world_free(world);
}

static void instances_come_drain_and_go(void **data) /* MS-070, MS-072, MS-075 */
{
    struct world *world = world_new();
    char *request;
    const char *host;
    const json_t *events;

    (void)data;
    host = world_instance(world, 2048, 3767);
    request = str_printf("{'containerInstances':['%s'],'status':'DRAINING'}", host);
    world_do(world, "UpdateContainerInstancesState", request);
    free(request);
    request = str_printf("{'containerInstance':'%s'}", host);
    world_do(world, "DeregisterContainerInstance", request);
    free(request);
    settle(world);
    events = events_of(world, 0, NULL);
    assert_int_equal(json_array_size(events), 3);
    EXPECT(world, events, {"0.detail.status", "ACTIVE"}, {"1.detail.status", "DRAINING"},
           {"2.detail.status", "INACTIVE"}, {"2.detail.agentConnected", "false"});
    assert_true(atoi(world_at(world, events, "0.detail.version")) <
                atoi(world_at(world, events, "1.detail.version")));
    assert_true(atoi(world_at(world, events, "1.detail.version")) <
                atoi(world_at(world, events, "2.detail.version")));
    world_free(world);
}

static void tell(struct world *world, struct txn *txn, enum event_name name, const char *reason,
                 const char *deployment)
{
    const struct service *service =
        state_service(world->state, world_scope(world), "default", "front");
    struct service_event *event = service_event_new();

    service_event_set_cluster(event, "default");
    service_event_set_service(event, "front");
    event->number = ++txn_edit_service(txn, service)->next_event;
    event->name = name;
    service_event_set_reason(event, reason);
    service_event_set_deployment(event, deployment);
    txn_insert_service_event(txn, event);
}

static void
services_and_their_deployments(void **data) /* MS-059, MS-098 to MS-105, T14, T16, T17 */
{
    static const struct {
        enum event_name name;
        const char *reason, *type, *detail_type;
    } rows[] = {
        {EVENT_SERVICE_STEADY_STATE, NULL, "INFO", EVENT_OF_SERVICE},
        {EVENT_TASKSET_STEADY_STATE, NULL, "INFO", EVENT_OF_SERVICE},
        {EVENT_SERVICE_DESIRED_COUNT_UPDATED, NULL, "INFO", EVENT_OF_SERVICE},
        {EVENT_SERVICE_TASK_START_IMPAIRED, NULL, "WARN", EVENT_OF_SERVICE},
        {EVENT_SERVICE_DISCOVERY_INSTANCE_UNHEALTHY, NULL, "WARN", EVENT_OF_SERVICE},
        {EVENT_SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED, NULL, "ERROR", EVENT_OF_SERVICE},
        {EVENT_SERVICE_TASK_PLACEMENT_FAILURE, "RESOURCE:CPU", "ERROR", EVENT_OF_SERVICE},
        {EVENT_SERVICE_TASK_CONFIGURATION_FAILURE, "why", "ERROR", EVENT_OF_SERVICE},
        {EVENT_SERVICE_DEPLOYMENT_COMPLETED, "done", "INFO", EVENT_OF_DEPLOYMENT},
        {EVENT_SERVICE_DEPLOYMENT_FAILED, "broken", "ERROR", EVENT_OF_DEPLOYMENT},
    };
    struct world *world = world_new();
    const json_t *events;
    const char *deployment;
    struct txn *txn;

    (void)data;
    world_definition(world, "web", "", "");
    deployment =
        world_at(world,
                 world_do(world, "CreateService",
                          "{'serviceName':'front','taskDefinition':'web','desiredCount':1}"),
                 "service.deployments.0.id");
    txn = txn_begin(world->state, world_scope(world));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        tell(world, txn, rows[i].name, rows[i].reason,
             rows[i].detail_type == (const char *)EVENT_OF_DEPLOYMENT ? deployment : NULL);
    txn_commit(txn);
    settle(world);
    events = events_of(world, 0, NULL);
    assert_int_equal(json_array_size(events), 1 + ARRAY_LEN(rows));
    EXPECT(world, events, {"0.detail-type", EVENT_OF_DEPLOYMENT},
           {"0.resources.0", WORLD_ARN "service/default/front"}, {"0.detail.eventType", "INFO"},
           {"0.detail.eventName", "SERVICE_DEPLOYMENT_IN_PROGRESS"},
           {"0.detail.deploymentId", deployment}, {"0.detail.clusterArn", NULL},
           {"0.detail.updatedAt", "2026-11-20T07:19:09Z"}, {"0.detail.version", NULL});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const json_t *event = json_array_get(events, i + 1);
        bool is_deployment = strcmp(rows[i].detail_type, EVENT_OF_DEPLOYMENT) == 0;

        EXPECT(world, event, {"detail-type", rows[i].detail_type},
               {"resources.0", WORLD_ARN "service/default/front"},
               {"detail.eventType", rows[i].type},
               {"detail.eventName", event_name_name(rows[i].name)},
               {"detail.reason", rows[i].reason}, {"detail.version", NULL},
               {"detail.clusterArn", is_deployment ? NULL : WORLD_ARN "cluster/default"},
               {"detail.createdAt", is_deployment ? NULL : "2026-11-20T07:19:09Z"},
               {"detail.updatedAt", is_deployment ? "2026-11-20T07:19:09Z" : NULL},
               {"detail.deploymentId", is_deployment ? deployment : NULL});
    }
    world_free(world);
}

/* A rollback: what ended the deployment before is told first, in whatever order they were changed. */
static void a_deployment_begins_after_the_one_before_it_failed(void **data) /* MS-104, API-191 */
{
    struct world *world = world_new();
    struct deployment *second;
    const json_t *events;
    struct txn *txn;

    (void)data;
    world_definition(world, "web", "", "");
    world_do(world, "CreateService",
             "{'serviceName':'front','taskDefinition':'web','desiredCount':1}");
    txn = txn_begin(world->state, world_scope(world));
    second = service_add_deployment(
        txn_edit_service(txn, state_service(world->state, world_scope(world), "default", "front")),
        0);
    deployment_set_id(second, "ecs-svc/2");
    deployment_set_family(second, "web");
    second->revision = 1;
    second->rollout_state = ROLLOUT_STATE_IN_PROGRESS;
    tell(world, txn, EVENT_SERVICE_DEPLOYMENT_FAILED, "broken", "ecs-svc/1");
    txn_commit(txn);
    settle(world);
    events = events_of(world, 0, NULL);
    assert_int_equal(json_array_size(events), 3);
    EXPECT(world, events, {"1.detail.eventName", "SERVICE_DEPLOYMENT_FAILED"},
           {"2.detail.eventName", "SERVICE_DEPLOYMENT_IN_PROGRESS"},
           {"2.detail.deploymentId", "ecs-svc/2"});
    world_free(world);
}

static void a_service_on_providers_tells_of_them(void **data) /* MS-099, T15 */
{
    struct world *world = world_new();
    const json_t *events;
    struct txn *txn;
    int64_t before;

    (void)data;
    world_definition(world, "web", "", "");
    world_do(world, "CreateCapacityProvider",
             "{'name':'racks','autoScalingGroupProvider':{'autoScalingGroupArn':"
             "'arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:"
             "12345678-1234-1234-1234-123456789012:autoScalingGroupName/racks'}}");
    world_do(world, "PutClusterCapacityProviders",
             "{'cluster':'default','capacityProviders':['racks'],"
             "'defaultCapacityProviderStrategy':[]}");
    world_do(world, "CreateService",
             "{'serviceName':'front','taskDefinition':'web','desiredCount':1,"
             "'capacityProviderStrategy':[{'capacityProvider':'racks'}]}");
    before = seen(world);
    txn = txn_begin(world->state, world_scope(world));
    tell(world, txn, EVENT_SERVICE_STEADY_STATE, NULL, NULL);
    txn_commit(txn);
    settle(world);
    events = events_of(world, before, NULL);
    EXPECT(world, events, {"0.detail.eventName", "SERVICE_STEADY_STATE"},
           {"0.detail.capacityProviderArns", NULL},
           {"1.detail.eventName", "CAPACITY_PROVIDER_STEADY_STATE"}, {"1.detail.eventType", "INFO"},
           {"1.detail.capacityProviderArns", "[\"" WORLD_ARN "capacity-provider/racks\"]"});
    world_free(world);
}

static void filters(void **data)
{
    static const struct {
        const char *query;
        int count; /* of the three there are; -1: refused */
        const char *refusal;
    } rows[] = {
        {"", 3, NULL},
        {"cluster=default", 3, NULL},
        {"cluster=arn:aws:ecs:us-east-1:123456789012:cluster%2Fdefault", 3, NULL},
        {"cluster=other", 0, NULL},
        {"cluster=other&cluster=default", 3, NULL},
        {"detail-type=ECS+Task+State+Change", 1, NULL},
        {"detail-type=ECS%20Task%20State%20Change&detail-type=ECS%20Service%20Action", 1, NULL},
        {"detail-type=ECS+Container+Instance+State+Change", 2, NULL},
        {"detail-type=ECS+Task+State+Change&cluster=other", 0, NULL},
        {"resource=HOST", 2, NULL},
        {"resource=nothing", 0, NULL},
        {"after=12&X-Amz-Date=1", 3, NULL},
        {"detail-type=Tasks", -1, "There is no detail-type 'Tasks'"},
        {"cluster=", -1, "cluster is empty."},
        {"after=-1", -1, "after is the number of the last event seen, not '-1'."},
        {"after=1x", -1, "not '1x'"},
        {"clusters=a", -1, "There is no parameter 'clusters'"},
    };
    struct world *world = world_new();
    const char *host = world_instance(world, 2048, 3767);

    (void)data;
    run(world);
    settle(world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(arena_done) struct arena arena = {0};
        const char *query = strcmp(rows[i].query, "resource=HOST") == 0
                                ? arena_printf(&arena, "resource=%s", host)
                                : rows[i].query;
        struct http_request req = {.query = query};
        struct filter filter;
        struct error *err = filter_read(&arena, &req, &filter);

        if (rows[i].count < 0) {
            if (!err || !strstr(err->message, rows[i].refusal))
                fail_msg("%s: %s", query, err ? err->message : "was not refused");
            error_free(err);
            continue;
        }
        if (err)
            fail_msg("%s: %s", query, err->message);
        if (json_array_size(events_of(world, 0, &filter)) != (size_t)rows[i].count)
            fail_msg("%s: lets %zu through", query, json_array_size(events_of(world, 0, &filter)));
    }
    world_free(world);
}

static void the_last_event_id_counts_more_than_the_address(void **data)
{
    CLEANUP(arena_done) struct arena arena = {0};
    const struct http_header headers[] = {{"last-event-id", "12"}};
    struct http_request req = {.query = "after=3", .headers = headers, .header_count = 1};
    struct filter filter;

    (void)data;
    assert_null(filter_read(&arena, &req, &filter));
    assert_true(filter.has_after);
    assert_int_equal(filter.after, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_starts),
        cmocka_unit_test(what_followed_is_not_shown),
        cmocka_unit_test(a_task_that_is_gone_is_told_in_short),
        cmocka_unit_test(instances_come_drain_and_go),
        cmocka_unit_test(services_and_their_deployments),
        cmocka_unit_test(a_deployment_begins_after_the_one_before_it_failed),
        cmocka_unit_test(a_service_on_providers_tells_of_them),
        cmocka_unit_test(filters),
        cmocka_unit_test(the_last_event_id_counts_more_than_the_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
