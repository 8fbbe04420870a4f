/* What UpdateService lets be changed, controller by controller and member by member (API-151, SC-211,
 * SC-240); capacity (API-152); the way to the ECS controller. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define INVALID "InvalidParameterException"
#define TARGET                                                                                     \
    "'targetGroupArn':'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/t/1'"
#define BALANCER "'loadBalancers':[{" TARGET ",'containerName':'main','containerPort':80}]"
#define NETWORK  "'networkConfiguration':{'awsvpcConfiguration':{'subnets':['subnet-1']}}"

static const char *const services[] = {
    [CONTROLLER_ECS] = "own",
    [CONTROLLER_CODE_DEPLOY] = "green",
    [CONTROLLER_EXTERNAL] = "sets",
};

static int setup(void **state)
{
    struct world *world = world_new();

    world_definition(world, "web", "'portMappings':[{'containerPort':80,'name':'http'}]",
                     "'memory':'256','taskRoleArn':'arn:aws:iam::123456789012:role/app'");
    world_definition(
        world, "fargate", "'portMappings':[{'containerPort':80,'name':'http'}]",
        "'networkMode':'awsvpc','requiresCompatibilities':['FARGATE','EC2'],"
        "'cpu':'256','memory':'512','taskRoleArn':'arn:aws:iam::123456789012:role/app'");
    world_do(world, "PutClusterCapacityProviders",
             "{'cluster':'default','capacityProviders':['FARGATE','FARGATE_SPOT'],"
             "'defaultCapacityProviderStrategy':[]}");
    world_do(world, "CreateService",
             "{'serviceName':'own','taskDefinition':'web','desiredCount':2," BALANCER "}");
    world_do(world, "CreateService",
             "{'serviceName':'green','taskDefinition':'web','desiredCount':2,"
             "'deploymentController':{'type':'CODE_DEPLOY'}," BALANCER "}");
    world_do(world, "CreateService",
             "{'serviceName':'sets','desiredCount':2,'deploymentController':{'type':'EXTERNAL'}}");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

#define ECS         BIT(CONTROLLER_ECS)
#define CODE_DEPLOY BIT(CONTROLLER_CODE_DEPLOY)
#define EXTERNAL    BIT(CONTROLLER_EXTERNAL)
#define EVERY       (ECS | CODE_DEPLOY | EXTERNAL)

static const struct {
    const char *member;
    unsigned allowed;
} cells[] = {
    {"'desiredCount':3", EVERY},
    {"'healthCheckGracePeriodSeconds':9", EVERY},
    {"'placementConstraints':[{'type':'distinctInstance'}]", EVERY},
    {"'placementConstraints':[]", EVERY},
    {"'placementStrategy':[{'type':'random'}]", EVERY},
    {"'enableECSManagedTags':true", EVERY},
    {"'propagateTags':'SERVICE'", EVERY},
    {"'deploymentConfiguration':{'maximumPercent':150}", ECS | CODE_DEPLOY},
    {"'taskDefinition':'web'", ECS},
    {BALANCER, ECS},
    {"'serviceRegistries':[]", ECS},
    {"'forceNewDeployment':true", ECS},
    {"'enableExecuteCommand':true", ECS},
    {"'availabilityZoneRebalancing':'DISABLED'", ECS},
    {"'serviceConnectConfiguration':{'enabled':false}", ECS},
    {"'vpcLatticeConfigurations':[{'roleArn':'arn:aws:iam::123456789012:role/r','targetGroupArn':"
     "'arn:aws:vpc-lattice:us-east-1:123456789012:targetgroup/tg-1','portName':'http'}]",
     ECS},
    {"'taskDefinition':'fargate','serviceRegistries':[]," NETWORK, ECS},
    {"'taskDefinition':'fargate','capacityProviderStrategy':[{'capacityProvider':'FARGATE'}],"
     "'forceNewDeployment':true," NETWORK ",'placementConstraints':[],'placementStrategy':[]",
     ECS},
    {"'platformVersion':'1.4.0'", ECS}, /* by now on FARGATE */
};

static void every_cell_of_the_matrix(void **state)
{
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        for (size_t k = 0; k < ARRAY_LEN(services); k++) {
            char request[1024];

            snprintf(request, sizeof(request), "{'service':'%s',%s}", services[k], cells[i].member);
            print_message("  %s\n", request);
            if (cells[i].allowed & BIT(k))
                world_do(world, "UpdateService", request);
            else
                world_refuse(world, "API-151", "UpdateService", request, INVALID, NULL);
        }
        world->now_ms += 10;
    }
}

/* API-152 */
static void capacity_changes_by_force(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *members, *message; /* NULL: accepted */
        const char *path, *value;
    } steps[] = {
        {"an empty strategy says nothing to one without", "'capacityProviderStrategy':[]", NULL,
         "service.launchType", "EC2"},
        {"from a launch type, without force",
         "'capacityProviderStrategy':[{'capacityProvider':'FARGATE'}]",
         "When switching from launch type to capacity provider strategy on an existing service, or "
         "making a change to a capacity provider strategy on a service that is already using one, "
         "you must force a new deployment.",
         NULL, NULL},
        {"with force",
         "'taskDefinition':'fargate','loadBalancers':[],'forceNewDeployment':true," NETWORK
         ",'capacityProviderStrategy':[{'capacityProvider':'FARGATE','weight':1}]",
         NULL, "service.capacityProviderStrategy.0.capacityProvider", "FARGATE"},
        {"a launch type no more", "'desiredCount':2", NULL, "service.launchType", NULL},
        {"FARGATE's platform comes with it", "'desiredCount':2", NULL, "service.platformVersion",
         "LATEST"},
        {"the deployment has it, too", "'desiredCount':2", NULL,
         "service.deployments.0.capacityProviderStrategy.0.weight", "1"},
        {"the same again needs no force",
         "'capacityProviderStrategy':[{'capacityProvider':'FARGATE','weight':1}]", NULL,
         "service.platformFamily", "Linux"},
        {"another one does",
         "'capacityProviderStrategy':[{'capacityProvider':'FARGATE','weight':2}]",
         "When switching from launch type to capacity provider strategy on an existing service, or "
         "making a change to a capacity provider strategy on a service that is already using one, "
         "you must force a new deployment.",
         NULL, NULL},
        {"no way back to the cluster's", "'capacityProviderStrategy':[],'forceNewDeployment':true",
         "A service that uses a capacity provider strategy cannot go back to the default strategy "
         "of the cluster; capacityProviderStrategy cannot be empty.",
         NULL, NULL},
        {"CL-206: spot needs a later platform",
         "'forceNewDeployment':true,'platformVersion':'1.2.0','capacityProviderStrategy':"
         "[{'capacityProvider':'FARGATE_SPOT','weight':1}]",
         "The capacity provider FARGATE_SPOT needs platform version 1.3.0 or later, but "
         "platformVersion was 1.2.0.",
         NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        char request[1024];

        print_message("  %s\n", steps[i].why);
        snprintf(request, sizeof(request), "{'service':'own',%s}", steps[i].members);
        if (steps[i].message)
            world_refuse(world, steps[i].why, "UpdateService", request, INVALID, steps[i].message);
        else
            world_expect(world, world_do(world, "UpdateService", request), steps[i].path,
                         steps[i].value);
        world->now_ms += 10;
    }
}

/* Section 11: the deployment controller can be updated. */
static void comes_to_the_ecs_controller(void **state)
{
    struct world *world = *state;
    const json_t *answer;

    answer = world_do(world, "UpdateService",
                      "{'service':'green','deploymentController':{'type':'ECS'},"
                      "'deploymentConfiguration':{'deploymentCircuitBreaker':{'enable':true,"
                      "'rollback':true}}}");
    world_expect(world, answer, "service.deploymentController", NULL);
    world_expect(world, answer, "service.taskSets", NULL);
    world_expect(world, answer, "service.deployments.0.status", "PRIMARY");
    world_expect(world, answer, "service.deployments.0.taskDefinition",
                 WORLD_ARN "task-definition/web:1");
    world_expect(world, answer, "service.deploymentConfiguration.strategy", "ROLLING");

    world_refuse(world, "an EXTERNAL one has no definition of its own", "UpdateService",
                 "{'service':'sets','deploymentController':{'type':'ECS'}}", INVALID,
                 "TaskDefinition can not be blank.");
    world_do(world, "CreateTaskSet",
             "{'cluster':'default','service':'sets','taskDefinition':'web'}");
    world_refuse(world, "nor may it have task sets", "UpdateService",
                 "{'service':'sets','deploymentController':{'type':'ECS'},'taskDefinition':'web'}",
                 INVALID,
                 "The deployment controller cannot be changed while the service has task sets.");
    answer = world_do(world, "DescribeTaskSets", "{'cluster':'default','service':'sets'}");
    {
        char request[256];

        snprintf(request, sizeof(request), "{'cluster':'default','service':'sets','taskSet':'%s'}",
                 world_at(world, answer, "taskSets.0.id"));
        world_do(world, "DeleteTaskSet", request);
    }
    answer = world_do(world, "UpdateService",
                      "{'service':'sets','deploymentController':{'type':'ECS'},"
                      "'taskDefinition':'web'}");
    world_expect(world, answer, "service.launchType", "EC2");
    world_expect(world, answer, "service.deployments.0.desiredCount", "2");
    world_refuse(world, "there is no way from it", "UpdateService",
                 "{'service':'own','deploymentController':{'type':'CODE_DEPLOY'}}", INVALID, NULL);
}

/* Section 11: what another strategy shifted by goes with it; rebalancing stays where it can be. */
static void settings_follow_what_they_are_for(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *members, *path, *value;
    } steps[] = {
        {"'loadBalancers':[],'deploymentConfiguration':{'strategy':'CANARY','canaryConfiguration':"
         "{'canaryPercent':10}}",
         "service.deploymentConfiguration.canaryConfiguration.canaryBakeTimeInMinutes", "10"},
        {"'deploymentConfiguration':{'strategy':'LINEAR'}",
         "service.deploymentConfiguration.canaryConfiguration", NULL},
        {"'deploymentConfiguration':{'bakeTimeInMinutes':7}",
         "service.deploymentConfiguration.linearConfiguration.stepPercent", "10.0"},
        {"'deploymentConfiguration':{'strategy':'ROLLING'}",
         "service.deploymentConfiguration.linearConfiguration", NULL},
        {"'desiredCount':2", "service.availabilityZoneRebalancing", "ENABLED"},
        {"'placementStrategy':[{'type':'random'}]", "service.availabilityZoneRebalancing",
         "DISABLED"},
        {"'placementStrategy':[]", "service.availabilityZoneRebalancing", "DISABLED"},
        {"'availabilityZoneRebalancing':'ENABLED'", "service.availabilityZoneRebalancing",
         "ENABLED"},
        {"'deploymentConfiguration':{'maximumPercent':100}", "service.availabilityZoneRebalancing",
         "DISABLED"},
    };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        char request[512];

        snprintf(request, sizeof(request), "{'service':'own',%s}", steps[i].members);
        print_message("  %s\n", request);
        world_expect(world, world_do(world, "UpdateService", request), steps[i].path,
                     steps[i].value);
        world->now_ms += 10;
    }
    world_refuse(world, "asked for where it cannot be", "UpdateService",
                 "{'service':'own','availabilityZoneRebalancing':'ENABLED'}", INVALID,
                 "Availability Zone rebalancing does not support maximumPercent <= 100.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_cell_of_the_matrix, setup, teardown),
        cmocka_unit_test_setup_teardown(capacity_changes_by_force, setup, teardown),
        cmocka_unit_test_setup_teardown(comes_to_the_ecs_controller, setup, teardown),
        cmocka_unit_test_setup_teardown(settings_follow_what_they_are_for, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
