/* UpdateService and DeleteService: what starts a deployment, what does not, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/task.h"
#include "world.h"

#define INVALID "InvalidParameterException"

#define TARGET                                                                                     \
    "'targetGroupArn':'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/t/1'"
#define BALANCER "'loadBalancers':[{" TARGET ",'containerName':'main','containerPort':80}]"

static int setup(void **state)
{
    struct world *world = world_new();

    for (int revision = 0; revision < 2; revision++)
        world_definition(world, "web", "'portMappings':[{'containerPort':80,'name':'http'}]",
                         "'memory':'256'");
    world_definition(world, "bare", "", "");
    world_definition(world, "app", "'portMappings':[{'containerPort':80}]",
                     "'taskRoleArn':'arn:aws:iam::123456789012:role/app'");
    world_definition(world, "vpc", "", "'networkMode':'awsvpc'");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static void create(struct world *world, const char *name, const char *members)
{
    char request[2048];

    snprintf(request, sizeof(request), "{'serviceName':'%s',%s}", name, members);
    world_do(world, "CreateService", request);
}

static const json_t *update(struct world *world, const char *members)
{
    char request[2048];

    snprintf(request, sizeof(request), "{'service':'web'%s%s}", *members ? "," : "", members);
    return world_do(world, "UpdateService", request);
}

/* A task of the service's deployment, as the reconciler makes them. */
static struct id add_task(struct world *world, const char *deployment, enum task_status status)
{
    struct txn *txn = txn_begin(world->state, world_scope(world));
    struct task *task = task_new();
    struct id id = id_new(&world->rng, world->now_ms);

    task->id = id;
    task_set_cluster(task, "default");
    task_set_family(task, "web");
    task->revision = 2;
    task_set_service(task, "web");
    task_set_group(task, "service:web");
    task_set_deployment(task, deployment);
    task->last_status = status;
    task->desired_status = TASK_RUNNING;
    task->created_at_ms = world->now_ms;
    txn_insert_task(txn, task);
    txn_commit(txn);
    return id;
}

static void stop_task(struct world *world, const struct id *id)
{
    struct txn *txn = txn_begin(world->state, world_scope(world));
    const struct task *task = state_task(world->state, world_scope(world), "default", id);

    task_want_stopped(txn_edit_task(txn, task), STOP_CODE_SERVICE_SCHEDULER_INITIATED, "scaling",
                      world->now_ms);
    txn_commit(txn);
}

static const struct service *record(struct world *world)
{
    return state_service(world->state, world_scope(world), "default", "web");
}

/* ---- which changes start a deployment (API-149) ---- */

static void starts_deployments(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *members;
        bool deploys;
        const char *path, *value;
    } rows[] = {
        {"nothing", "", false, "service.desiredCount", "2"},
        {"SC-176: the count", "'desiredCount':4", false, "service.desiredCount", "4"},
        {"the PRIMARY follows", "'desiredCount':5", false, "service.deployments.0.desiredCount",
         "5"},
        {"the definition in force", "'taskDefinition':'web:2'", false, "service.taskDefinition",
         WORLD_ARN "task-definition/web:2"},
        {"API-150: the family is the newest revision", "'taskDefinition':'web'", false,
         "service.taskDefinition", WORLD_ARN "task-definition/web:2"},
        {"SC-176: another definition", "'taskDefinition':'web:1'", true, "service.taskDefinition",
         WORLD_ARN "task-definition/web:1"},
        {"API-150: back to the newest", "'taskDefinition':'web'", true, "service.taskDefinition",
         WORLD_ARN "task-definition/web:2"},
        {"SC-121: force", "'forceNewDeployment':true", true, "service.deployments.0.status",
         "PRIMARY"},
        {"SC-121: no force", "'forceNewDeployment':false", false, "service.deployments.0.status",
         "PRIMARY"},
        {"percents", "'deploymentConfiguration':{'maximumPercent':150}", false,
         "service.deploymentConfiguration.maximumPercent", "150"},
        {"the percent not given stays", "'deploymentConfiguration':{'minimumHealthyPercent':50}",
         false, "service.deploymentConfiguration.maximumPercent", "150"},
        {"placement", "'placementStrategy':[{'type':'random'}]", false,
         "service.placementStrategy.0.type", "random"},
        {"API-148: an empty list clears", "'placementStrategy':[]", false,
         "service.placementStrategy", "[]"},
        {"tag options", "'propagateTags':'SERVICE','enableECSManagedTags':true", false,
         "service.propagateTags", "SERVICE"},
        {"what is not given stays", "'desiredCount':3", false, "service.enableECSManagedTags",
         "true"},
        {"load balancers", BALANCER, true, "service.loadBalancers.0.containerPort", "80"},
        {"the same again", BALANCER, false, "service.loadBalancers.0.containerPort", "80"},
        {"the grace period", "'healthCheckGracePeriodSeconds':60", false,
         "service.healthCheckGracePeriodSeconds", "60"},
        {"API-148: no balancers", "'loadBalancers':[]", true, "service.loadBalancers", "[]"},
        {"registries",
         "'serviceRegistries':[{'registryArn':'arn:aws:servicediscovery:us-east-1:123456789012:"
         "service/srv-1','containerName':'main','containerPort':80}]",
         true, "service.serviceRegistries.0.containerName", "main"},
        {"no registries", "'serviceRegistries':[]", true, "service.serviceRegistries", "[]"},
        {"API-230: Service Connect",
         "'serviceConnectConfiguration':{'enabled':true,'namespace':'n','services':"
         "[{'portName':'http'}]}",
         true, "service.deployments.0.serviceConnectConfiguration.enabled", "true"},
        {"API-217: without it again", "'serviceConnectConfiguration':{'enabled':false}", true,
         "service.deployments.0.serviceConnectConfiguration.enabled", "false"},
        {"exec, with a definition that has a role",
         "'taskDefinition':'app','enableExecuteCommand':true", true, "service.enableExecuteCommand",
         "true"},
        {"no exec", "'enableExecuteCommand':false", true, "service.enableExecuteCommand", "false"},
        {"to awsvpc",
         "'taskDefinition':'vpc','networkConfiguration':{'awsvpcConfiguration':{'subnets':"
         "['subnet-1']}}",
         true, "service.networkConfiguration.awsvpcConfiguration.subnets", "[\"subnet-1\"]"},
        {"another network",
         "'networkConfiguration':{'awsvpcConfiguration':{'subnets':['subnet-2']}}", true,
         "service.deployments.0.networkConfiguration.awsvpcConfiguration.subnets",
         "[\"subnet-2\"]"},
    };

    create(world, "web", "'taskDefinition':'web','desiredCount':2");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *before = record(world)->deployments[0].id;
        const json_t *answer = update(world, rows[i].members);
        bool deploys = strcmp(world_at(world, answer, "service.deployments.0.id"), before) != 0;

        print_message("  %s\n", rows[i].why);
        if (deploys != rows[i].deploys)
            fail_msg("%s: %s a deployment", rows[i].why, deploys ? "started" : "did not start");
        world_expect(world, answer, rows[i].path, rows[i].value);
        world->now_ms += 10;
    }
}

/* API-188, API-192, SC-207: the old deployment stays, with its own settings, until the reconciler
 * ends it. */
static void keeps_the_old_deployment(void **state)
{
    struct world *world = *state;
    const json_t *answer;
    static const struct {
        const char *path, *value;
    } rows[] = {
        {"service.deployments.0.status", "PRIMARY"},
        {"service.deployments.0.taskDefinition", WORLD_ARN "task-definition/web:1"},
        {"service.deployments.0.desiredCount", "3"},
        {"service.deployments.0.pendingCount", "1"},
        {"service.deployments.0.runningCount", "0"},
        {"service.deployments.0.createdAt", "1795159150.0"},
        {"service.deployments.1.status", "ACTIVE"},
        {"service.deployments.1.taskDefinition", WORLD_ARN "task-definition/web:2"},
        {"service.deployments.1.runningCount", "2"},
        {"service.deployments.1.createdAt", "1795159149.0"},
        {"service.deployments.2", NULL},
        {"service.runningCount", "2"},
        {"service.pendingCount", "1"},
        {"service.desiredCount", "3"},
        {"service.currentServiceRevisions.0.pendingTaskCount", "1"},
        {"service.currentServiceRevisions.1.runningTaskCount", "2"},
    };
    const char *old;
    struct id stopping;

    create(world, "web", "'taskDefinition':'web','desiredCount':2");
    old = record(world)->deployments[0].id;
    add_task(world, old, TASK_RUNNING);
    stopping = add_task(world, old, TASK_RUNNING);
    world->now_ms += 1000;
    update(world, "'taskDefinition':'web:1','desiredCount':3");
    add_task(world, record(world)->deployments[0].id, TASK_PENDING);
    stop_task(world, &stopping); /* still RUNNING: still counted */
    answer = update(world, "");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_expect(world, answer, rows[i].path, rows[i].value);
}

/* Section 11: a service revision and a service deployment for each. */
static void records_revisions(void **state)
{
    struct world *world = *state;
    const struct service_deployment *first;
    const struct service_deployment *second;
    const struct service_revision *revision;

    create(world, "web", "'taskDefinition':'web','desiredCount':2");
    first =
        state_service_deployment_before(world->state, world_scope(world), "default", "web", NULL);
    assert_non_null(first);
    assert_int_equal(first->status, SERVICE_DEPLOYMENT_IN_PROGRESS);
    assert_int_equal(first->source_revisions_count, 0);
    world->now_ms += 10;
    update(world, "'taskDefinition':'web:1'");
    second =
        state_service_deployment_before(world->state, world_scope(world), "default", "web", NULL);
    first = state_service_deployment_before(world->state, world_scope(world), "default", "web",
                                            second->id);
    assert_int_equal(first->status, SERVICE_DEPLOYMENT_STOPPED);
    assert_int_equal(second->status, SERVICE_DEPLOYMENT_IN_PROGRESS);
    assert_int_equal(second->source_revisions_count, 1);
    assert_string_equal(second->source_revisions[0], first->target_revision);
    assert_string_equal(second->id, record(world)->deployments[0].service_deployment);
    revision = state_service_revision(world->state, world_scope(world), "default", "web",
                                      second->target_revision);
    assert_non_null(revision);
    assert_non_null(strstr(revision->document, "task-definition/web:1"));
    assert_non_null(strstr(revision->document, "\"containerImages\":[{\"containerName\":\"main\""));
}

/* SC-183: an update clears the back-off. */
static void clears_throttling(void **state)
{
    struct world *world = *state;
    struct service *service;

    create(world, "web", "'taskDefinition':'web','desiredCount':2");
    service = world_edit_service(world, "web");
    service->failures_in_row = 9;
    service->launch_after_ms = world->now_ms + 900000;
    service_set_event_key(service, "impaired");
    world_commit(world);
    update(world, "'desiredCount':2");
    assert_int_equal(record(world)->failures_in_row, 0);
    assert_int_equal(record(world)->launch_after_ms, 0);
    assert_null(record(world)->event_key);
}

/* TD-006: a service goes on with a definition that was deregistered, and may be scaled. */
static void scales_an_inactive_definition(void **state)
{
    struct world *world = *state;
    const json_t *answer;

    create(world, "web", "'taskDefinition':'web','desiredCount':2");
    world_do(world, "DeregisterTaskDefinition", "{'taskDefinition':'web:2'}");
    answer = update(world, "'desiredCount':4");
    world_expect(world, answer, "service.desiredCount", "4");
    world_expect(world, answer, "service.taskDefinition", WORLD_ARN "task-definition/web:2");
    answer = update(world, "'taskDefinition':'web'");
    world_expect(world, answer, "service.taskDefinition", WORLD_ARN "task-definition/web:1");
}

static void refuses(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *request, *code, *message;
    } rows[] = {
        {"API-154: an unknown service", "{'service':'nothing'}", "ServiceNotFoundException",
         "Service not found."},
        {"API-154: one that is going", "{'service':'going'}", "ServiceNotActiveException",
         "Service was not ACTIVE."},
        {"API-050", "{'service':'web','cluster':'away'}", "ClusterNotFoundException",
         "Cluster not found."},
        {"an unknown definition", "{'service':'web','taskDefinition':'nothing'}", "ClientException",
         "TaskDefinition not found."},
        {"a negative count", "{'service':'web','desiredCount':-1}", INVALID, NULL},
        {"API-141: awsvpc without network", "{'service':'web','taskDefinition':'vpc'}", INVALID,
         "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
        {"AG-366: the balancer's port is gone", "{'service':'balanced','taskDefinition':'bare'}",
         INVALID,
         "Unable to update the service balanced: Load balancer container name or port changed in "
         "task definition"},
        {"SC-163: both change, to what is not there",
         "{'service':'balanced','taskDefinition':'bare'," BALANCER "}", INVALID,
         "The container main did not have a container port 80 defined."},
        {"SC-160: a grace period without balancer",
         "{'service':'web','healthCheckGracePeriodSeconds':5}", INVALID,
         "Health check grace period is only valid for services configured to use load balancers"},
        {"API-145: exec without a role", "{'service':'web','enableExecuteCommand':true}", INVALID,
         "The service couldn't be updated because a valid taskRoleArn is not being used. Specify a "
         "valid task role in your task definition and try again."},
        {"API-152: a strategy without force",
         "{'service':'web','capacityProviderStrategy':[{'capacityProvider':'FARGATE'}]}", INVALID,
         "When switching from launch type to capacity provider strategy on an existing service, or "
         "making a change to a capacity provider strategy on a service that is already using one, "
         "you must force a new deployment."},
        {"API-152: a strategy of a provider that is not there",
         "{'service':'web','forceNewDeployment':true,'capacityProviderStrategy':"
         "[{'capacityProvider':'mine'}]}",
         INVALID, NULL},
        {"a platform version on EC2", "{'service':'web','platformVersion':'LATEST'}", INVALID,
         "The platform version must be null when specifying an EC2 launch type."},
        {"SC-135: a count for DAEMON", "{'service':'every','desiredCount':2}", INVALID,
         "The daemon scheduling strategy does not support a desired count for services. Remove the "
         "desired count value and try again"},
        {"SC-046: spread by nothing",
         "{'service':'web','placementStrategy':[{'type':'spread','field':'rack'}]}", INVALID, NULL},
        {"API-151: CODE_DEPLOY and a definition, even the same",
         "{'service':'green','taskDefinition':'web'}", INVALID,
         "Unable to update task definition on services with a CODE_DEPLOY deployment controller. "
         "Use AWS CodeDeploy to trigger a new deployment."},
        {"API-151: CODE_DEPLOY and a network",
         "{'service':'green','networkConfiguration':{'awsvpcConfiguration':{'subnets':['a']}}}",
         INVALID,
         "Unable to update network parameters on services with a CODE_DEPLOY deployment "
         "controller. Use AWS CodeDeploy to trigger a new deployment."},
        {"API-151: EXTERNAL and a definition", "{'service':'sets','taskDefinition':'web'}", INVALID,
         NULL},
        {"API-151: EXTERNAL and percents",
         "{'service':'sets','deploymentConfiguration':{'maximumPercent':150}}", INVALID, NULL},
        {"another controller", "{'service':'web','deploymentController':{'type':'EXTERNAL'}}",
         INVALID,
         "The deployment controller of a service can only be changed to ECS, but was EXTERNAL."},
    };

    create(world, "web", "'taskDefinition':'web','desiredCount':2");
    create(world, "balanced", "'taskDefinition':'web','desiredCount':2," BALANCER);
    create(world, "every", "'taskDefinition':'web','schedulingStrategy':'DAEMON'");
    create(world, "green",
           "'taskDefinition':'web','desiredCount':2,'deploymentController':{'type':"
           "'CODE_DEPLOY'}," BALANCER);
    create(world, "sets", "'deploymentController':{'type':'EXTERNAL'},'desiredCount':1");
    create(world, "going", "'taskDefinition':'web','desiredCount':2");
    world_do(world, "DeleteService", "{'service':'going','force':true}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refuse(world, rows[i].why, "UpdateService", rows[i].request, rows[i].code,
                     rows[i].message);
    /* What they do allow. */
    world_expect(world, world_do(world, "UpdateService", "{'service':'green','desiredCount':3}"),
                 "service.taskDefinition", WORLD_ARN "task-definition/web:2");
    world_do(world, "UpdateService",
             "{'service':'sets','desiredCount':3,'propagateTags':'SERVICE'}");
    world_do(world, "UpdateService", "{'service':'every','forceNewDeployment':true}");
}

/* ---- DeleteService (API-155, SC-185 to SC-187) ---- */

static void deletes(void **state)
{
    struct world *world = *state;
    const json_t *answer;

    create(world, "web", "'taskDefinition':'web','desiredCount':2");
    world_refuse(world, "scaled above 0", "DeleteService", "{'service':'web'}", INVALID,
                 "The service cannot be stopped while it is scaled above 0.");
    world_refuse(world, "unknown", "DeleteService", "{'service':'nothing'}",
                 "ServiceNotFoundException", "Service not found.");
    update(world, "'desiredCount':0,'taskDefinition':'web:1'");
    world_refuse(world, "two deployments", "DeleteService", "{'service':'web'}", INVALID,
                 "The service cannot be stopped while deployments are active.");
    answer = world_do(world, "DeleteService", "{'service':'web','force':true}");
    world_expect(world, answer, "service.status", "DRAINING");
    world_expect(world, answer, "service.desiredCount", "0");
    world_expect(world, answer, "service.deployments.0.desiredCount", "0");
    assert_int_equal(
        state_service_deployment_before(world->state, world_scope(world), "default", "web", NULL)
            ->status,
        SERVICE_DEPLOYMENT_STOPPED);
    world_expect(world, world_do(world, "ListServices", "{}"), "serviceArns", "[]");
    world_expect(world, world_do(world, "DescribeServices", "{'services':['web']}"),
                 "services.0.status", "DRAINING");
    /* Again succeeds while it drains; once it has ended there is nothing to delete. */
    world_expect(world, world_do(world, "DeleteService", "{'service':'web'}"), "service.status",
                 "DRAINING");
    world_edit_service(world, "web")->status = SERVICE_INACTIVE;
    world_commit(world);
    world_refuse(world, "ended", "DeleteService", "{'service':'web'}", "ServiceNotFoundException",
                 "Service not found.");
}

static void deletes_without_force(void **state)
{
    struct world *world = *state;

    create(world, "web", "'taskDefinition':'web','desiredCount':2");
    update(world, "'desiredCount':0");
    world_expect(world, world_do(world, "DeleteService", "{'service':'web'}"), "service.status",
                 "DRAINING");
    create(world, "every", "'taskDefinition':'web','schedulingStrategy':'DAEMON'");
    world_expect(world, world_do(world, "DeleteService", "{'service':'every'}"), "service.status",
                 "DRAINING"); /* API-155: DAEMON directly */
}

/* API-187: newest first, and none of a service before this one. */
static void shows_events(void **state)
{
    struct world *world = *state;
    const json_t *answer;

    create(world, "web", "'taskDefinition':'web','desiredCount':0");
    for (int i = 0; i < 3; i++) {
        struct txn *txn = txn_begin(world->state, world_scope(world));
        struct service_event *event = service_event_new();
        char message[64];

        world->now_ms += 1000;
        service_event_set_cluster(event, "default");
        service_event_set_service(event, "web");
        event->number = i;
        event->id = id_new(&world->rng, world->now_ms);
        event->created_at_ms = world->now_ms;
        snprintf(message, sizeof(message), "(service web) event %d.", i);
        service_event_set_message(event, message);
        txn_insert_service_event(txn, event);
        txn_commit(txn);
    }
    answer = world_do(world, "DescribeServices", "{'services':['web']}");
    world_expect(world, answer, "services.0.events.0.message", "(service web) event 2.");
    world_expect(world, answer, "services.0.events.0.createdAt", "1795159152.0");
    world_expect(world, answer, "services.0.events.2.message", "(service web) event 0.");
    world_expect(world, answer, "services.0.events.3", NULL);
    assert_int_equal(strlen(world_at(world, answer, "services.0.events.0.id")), 36);

    world_do(world, "DeleteService", "{'service':'web'}");
    world_edit_service(world, "web")->status = SERVICE_INACTIVE;
    world_commit(world);
    world->now_ms += 1000;
    create(world, "web", "'taskDefinition':'web','desiredCount':0");
    answer = world_do(world, "DescribeServices", "{'services':['web']}");
    world_expect(world, answer, "services.0.events", "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(starts_deployments, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_the_old_deployment, setup, teardown),
        cmocka_unit_test_setup_teardown(records_revisions, setup, teardown),
        cmocka_unit_test_setup_teardown(clears_throttling, setup, teardown),
        cmocka_unit_test_setup_teardown(scales_an_inactive_definition, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(deletes, setup, teardown),
        cmocka_unit_test_setup_teardown(deletes_without_force, setup, teardown),
        cmocka_unit_test_setup_teardown(shows_events, setup, teardown),
    };

    return cmocka_run_group_tests_name("UpdateService, DeleteService", tests, NULL, NULL);
}
