/* CreateService, DescribeServices, ListServices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define INVALID "InvalidParameterException"

static int setup(void **state)
{
    struct world *world = world_new();

    world_definition(world, "web",
                     "'portMappings':[{'containerPort':80,'name':'http','appProtocol':'http'},"
                     "{'containerPort':81}]",
                     "'memory':'256'");
    world_definition(world, "app", "'portMappings':[{'containerPort':80}]",
                     "'taskRoleArn':'arn:aws:iam::123456789012:role/app'");
    world_definition(world, "vpc", "'portMappings':[{'containerPort':80,'name':'http'}]",
                     "'networkMode':'awsvpc'");
    world_definition(world, "host", "'portMappings':[{'containerPort':80,'name':'http'}]",
                     "'networkMode':'host','memory':'256'");
    world_definition(world, "none", "", "'networkMode':'none'");
    world_definition(world, "old", "", "");
    world_definition(world, "ebs", "'mountPoints':[{'sourceVolume':'data','containerPath':'/d'}]",
                     "'volumes':[{'name':'data','configuredAtLaunch':true}]");
    world_definition(world, "fargate", "",
                     "'networkMode':'awsvpc','requiresCompatibilities':['FARGATE'],'cpu':'256',"
                     "'memory':'512'");
    world_definition(world, "efs", "",
                     "'networkMode':'awsvpc','requiresCompatibilities':['FARGATE'],'cpu':'256',"
                     "'memory':'512','ephemeralStorage':{'sizeInGiB':30}");
    world_do(world, "DeregisterTaskDefinition", "{'taskDefinition':'old:1'}");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

/* The members of a request behind the name. */
static const json_t *create(struct world *world, const char *name, const char *members)
{
    char request[4096];

    snprintf(request, sizeof(request), "{'serviceName':'%s'%s%s}", name, *members ? "," : "",
             members);
    return world_do(world, "CreateService", request);
}

#define WEB     "'taskDefinition':'web','desiredCount':2"
#define VPC_NET "'networkConfiguration':{'awsvpcConfiguration':{'subnets':['subnet-1']}}"
#define TARGET                                                                                     \
    "'targetGroupArn':'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/t/1'"
#define FARGATE  "'taskDefinition':'fargate','desiredCount':1,'launchType':'FARGATE'," VPC_NET
#define BALANCER "'loadBalancers':[{" TARGET ",'containerName':'main','containerPort':80}]"
#define REGISTRY "'registryArn':'arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1'"

/* API-185 to API-188, API-013, API-014. */
static void shows_the_new_service(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *path, *value;
    } rows[] = {
        {"service.serviceArn", WORLD_ARN "service/default/web"},
        {"service.serviceName", "web"},
        {"service.clusterArn", WORLD_ARN "cluster/default"},
        {"service.status", "ACTIVE"},
        {"service.desiredCount", "2"},
        {"service.runningCount", "0"},
        {"service.pendingCount", "0"},
        {"service.launchType", "EC2"},
        {"service.taskDefinition", WORLD_ARN "task-definition/web:1"},
        {"service.deploymentConfiguration.maximumPercent", "200"},
        {"service.deploymentConfiguration.minimumHealthyPercent", "100"},
        {"service.deploymentConfiguration.deploymentCircuitBreaker",
         "{\"enable\":false,\"rollback\":false}"},
        {"service.loadBalancers", "[]"},
        {"service.serviceRegistries", "[]"},
        {"service.events", "[]"},
        {"service.placementConstraints", "[]"},
        {"service.placementStrategy", "[]"},
        {"service.createdAt", "1795159149.0"},
        {"service.createdBy", "arn:aws:iam::123456789012:root"},
        {"service.schedulingStrategy", "REPLICA"},
        {"service.enableECSManagedTags", "false"},
        {"service.enableExecuteCommand", "false"},
        {"service.propagateTags", "NONE"},
        {"service.healthCheckGracePeriodSeconds", NULL},
        {"service.roleArn", NULL},
        {"service.deploymentController", NULL}, /* API-186 */
        {"service.taskSets", NULL},
        {"service.capacityProviderStrategy", NULL},
        {"service.platformVersion", NULL},
        {"service.deployments.0.status", "PRIMARY"},
        {"service.deployments.0.taskDefinition", WORLD_ARN "task-definition/web:1"},
        {"service.deployments.0.desiredCount", "2"},
        {"service.deployments.0.runningCount", "0"},
        {"service.deployments.0.pendingCount", "0"},
        {"service.deployments.0.failedTasks", "0"},
        {"service.deployments.0.launchType", "EC2"},
        {"service.deployments.0.createdAt", "1795159149.0"},
        {"service.deployments.0.updatedAt", "1795159149.0"},
        {"service.deployments.0.rolloutState", "IN_PROGRESS"},
        {"service.deployments.1", NULL},
        {"service.currentServiceRevisions.0.requestedTaskCount", "2"},
    };
    const json_t *answer = create(world, "web", WEB);
    const char *id = world_at(world, answer, "service.deployments.0.id");
    char reason[128];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_expect(world, answer, rows[i].path, rows[i].value);
    assert_memory_equal(id, "ecs-svc/", 8);
    assert_int_equal(strlen(id), 27);
    snprintf(reason, sizeof(reason), "ECS deployment %s in progress.", id);
    world_expect(world, answer, "service.deployments.0.rolloutStateReason", reason);
    answer = world_do(world, "DescribeServices", "{'services':['web']}");
    world_expect(world, answer, "services.0.deployments.0.id", id);
    world_expect(world, answer, "failures", "[]");
}

/* A name for each row: s0, s1... */
static void accepts(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *members, *path, *value;
    } rows[] = {
        {"SC-153: family and revision", "'taskDefinition':'web:1','desiredCount':0",
         "service.taskDefinition", WORLD_ARN "task-definition/web:1"},
        {"TD-250: empty lists and nulls",
         WEB ",'placementConstraints':[],'placementStrategy':[],"
             "'healthCheckGracePeriodSeconds':null,'loadBalancers':[]",
         "service.placementStrategy", "[]"},
        {"TD-250: tags",
         WEB ",'tags':[{'key':'team','value':'blue'}],'propagateTags':'TASK_DEFINITION'",
         "service.tags", "[{\"key\":\"team\",\"value\":\"blue\"}]"},
        {"SC-374: EXTERNAL", WEB ",'launchType':'EXTERNAL'", "service.launchType", "EXTERNAL"},
        {"SC-125: DAEMON", "'taskDefinition':'web','schedulingStrategy':'DAEMON'",
         "service.deploymentConfiguration.maximumPercent", "100"},
        {"SC-132: DAEMON's minimum", "'taskDefinition':'web','schedulingStrategy':'DAEMON'",
         "service.deploymentConfiguration.minimumHealthyPercent", "0"},
        {"SC-144: percents",
         WEB ",'deploymentConfiguration':{'maximumPercent':150,'minimumHealthyPercent':50}",
         "service.deploymentConfiguration.maximumPercent", "150"},
        {"API-131: the circuit breaker",
         WEB ",'deploymentConfiguration':{'deploymentCircuitBreaker':{'enable':true,"
             "'rollback':true}}",
         "service.deploymentConfiguration.deploymentCircuitBreaker",
         "{\"enable\":true,\"rollback\":true}"},
        {"SC-161: a target group", WEB "," BALANCER, "service.loadBalancers.0.containerPort", "80"},
        {"API-138: a grace period of none", WEB "," BALANCER,
         "service.healthCheckGracePeriodSeconds", "0"},
        {"SC-160: a grace period", WEB "," BALANCER ",'healthCheckGracePeriodSeconds':30",
         "service.healthCheckGracePeriodSeconds", "30"},
        {"SC-166: the linked role", WEB "," BALANCER, "service.roleArn",
         "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"},
        {"T21: a role with a path", WEB "," BALANCER ",'role':'/foo/bar'", "service.roleArn",
         "arn:aws:iam::123456789012:role/foo/bar"},
        {"T21: a plain role", WEB "," BALANCER ",'role':'bar'", "service.roleArn",
         "arn:aws:iam::123456789012:role/bar"},
        {"SC-162: a Classic Load Balancer",
         WEB ",'loadBalancers':[{'loadBalancerName':'lb','containerName':'main',"
             "'containerPort':80}]",
         "service.loadBalancers.0.loadBalancerName", "lb"},
        {"SC-168: a registry",
         WEB ",'serviceRegistries':[{" REGISTRY ",'containerName':'main','containerPort':80}]",
         "service.serviceRegistries.0.containerName", "main"},
        {"TD-260: a registry of awsvpc needs no port",
         "'taskDefinition':'vpc','desiredCount':0," VPC_NET ",'serviceRegistries':[{" REGISTRY "}]",
         "service.networkConfiguration.awsvpcConfiguration.subnets", "[\"subnet-1\"]"},
        {"API-188: the deployment's network", "'taskDefinition':'vpc','desiredCount':0," VPC_NET,
         "service.deployments.0.networkConfiguration.awsvpcConfiguration.subnets",
         "[\"subnet-1\"]"},
        {"SC-034: strategies",
         WEB ",'placementStrategy':[{'type':'spread','field':'attribute:ecs.availability-zone'},"
             "{'type':'binpack','field':'memory'}]",
         "service.placementStrategy.1.field", "memory"},
        {"SC-053: distinctInstance", WEB ",'placementConstraints':[{'type':'distinctInstance'}]",
         "service.placementConstraints", "[{\"type\":\"distinctInstance\"}]"},
        {"API-145: exec with a role",
         "'taskDefinition':'app','desiredCount':0,'enableExecuteCommand':true",
         "service.enableExecuteCommand", "true"},
        {"SC-232: EXTERNAL controller", "'deploymentController':{'type':'EXTERNAL'}",
         "service.deploymentController.type", "EXTERNAL"},
        {"API-186: its task sets", "'deploymentController':{'type':'EXTERNAL'},'desiredCount':1",
         "service.taskSets", "[]"},
        {"API-186: and no deployments", "'deploymentController':{'type':'EXTERNAL'}",
         "service.deployments", "[]"},
        {"API-137: CODE_DEPLOY", WEB "," BALANCER ",'deploymentController':{'type':'CODE_DEPLOY'}",
         "service.deploymentController.type", "CODE_DEPLOY"},
        {"API-186: an ECS controller is not shown", WEB ",'deploymentController':{'type':'ECS'}",
         "service.deploymentController", NULL},
        {"API-207: Service Connect",
         WEB ",'serviceConnectConfiguration':{'enabled':true,'namespace':'n','services':"
             "[{'portName':'http','clientAliases':[{'port':8080,'dnsName':'web.local'}]}]}",
         "service.deployments.0.serviceConnectConfiguration.services.0.portName", "http"},
        {"API-231: its resources",
         WEB ",'serviceConnectConfiguration':{'enabled':true,'namespace':'n','services':"
             "[{'portName':'http','discoveryName':'web'}]}",
         "service.deployments.0.serviceConnectResources.0.discoveryName", "web"},
        {"API-210: a client only",
         WEB ",'serviceConnectConfiguration':{'enabled':true,'namespace':'n'}",
         "service.deployments.0.serviceConnectConfiguration.namespace", "n"},
        {"CL-201: FARGATE keeps LATEST", FARGATE, "service.platformVersion", "LATEST"},
        {"CL-201: its deployment shows the number", FARGATE,
         "service.deployments.0.platformVersion", "1.4.0"},
        {"CL-202: and the one asked for", FARGATE ",'platformVersion':'1.3.0'",
         "service.deployments.0.platformVersion", "1.3.0"},
        {"API-185: the family of FARGATE", FARGATE, "service.platformFamily", "Linux"},
        {"API-185: of its deployment", FARGATE, "service.deployments.0.platformFamily", "Linux"},
        {"API-185: launchType alone", FARGATE, "service.launchType", "FARGATE"},
        {"section 11: CANARY's defaults", WEB ",'deploymentConfiguration':{'strategy':'CANARY'}",
         "service.deploymentConfiguration.canaryConfiguration",
         "{\"canaryBakeTimeInMinutes\":10,\"canaryPercent\":5.0}"},
        {"section 11: LINEAR's defaults",
         WEB ",'deploymentConfiguration':{'strategy':'LINEAR','linearConfiguration':"
             "{'stepPercent':25.5}}",
         "service.deploymentConfiguration.linearConfiguration",
         "{\"stepBakeTimeInMinutes\":6,\"stepPercent\":25.5}"},
        {"section 11: BLUE_GREEN",
         WEB ",'loadBalancers':[{" TARGET ",'containerName':'main','containerPort':80,"
             "'advancedConfiguration':{'alternateTargetGroupArn':'arn:t:2',"
             "'productionListenerRule':'arn:r','roleArn':'arn:aws:iam::123456789012:role/r'}}],"
             "'deploymentConfiguration':{'strategy':'BLUE_GREEN','bakeTimeInMinutes':15}",
         "service.deploymentConfiguration.strategy", "BLUE_GREEN"},
        {"section 11: its hooks",
         WEB ",'deploymentConfiguration':{'strategy':'BLUE_GREEN','lifecycleHooks':[{"
             "'targetType':'PAUSE','lifecycleStages':['PRE_SCALE_UP']}]}",
         "service.deploymentConfiguration.lifecycleHooks",
         "[{\"lifecycleStages\":[\"PRE_SCALE_UP\"],\"targetType\":\"PAUSE\"}]"},
        {"API-143: alarms",
         WEB ",'deploymentConfiguration':{'alarms':{'alarmNames':['a'],'enable':true,"
             "'rollback':true}}",
         "service.deploymentConfiguration.alarms.alarmNames", "[\"a\"]"},
        {"section 11: a volume",
         "'taskDefinition':'ebs','desiredCount':0,'volumeConfigurations':[{'name':'data',"
         "'managedEBSVolume':{'roleArn':'arn:aws:iam::123456789012:role/r','sizeInGiB':5}}]",
         "service.deployments.0.volumeConfigurations.0.name", "data"},
        {"section 11: VPC Lattice",
         WEB ",'vpcLatticeConfigurations':[{'roleArn':'arn:aws:iam::123456789012:role/r',"
             "'targetGroupArn':'arn:aws:vpc-lattice:us-east-1:123456789012:targetgroup/tg-1',"
             "'portName':'http'}]",
         "service.deployments.0.vpcLatticeConfigurations.0.portName", "http"},
        {"section 11: rebalanced where it can be", WEB, "service.availabilityZoneRebalancing",
         "ENABLED"},
        {"section 11: not where it cannot", WEB ",'deploymentConfiguration':{'maximumPercent':100}",
         "service.availabilityZoneRebalancing", "DISABLED"},
        {"section 11: nor if not wanted", WEB ",'availabilityZoneRebalancing':'DISABLED'",
         "service.availabilityZoneRebalancing", "DISABLED"},
        {"section 11: whose it is", WEB, "service.resourceManagementType", "CUSTOMER"},
        {"API-193: the first task set of CODE_DEPLOY (SC-212)",
         WEB "," BALANCER ",'deploymentController':{'type':'CODE_DEPLOY'}",
         "service.taskSets.0.status", "PRIMARY"},
        {"SC-212: it has all of the count",
         WEB "," BALANCER ",'deploymentController':{'type':'CODE_DEPLOY'}",
         "service.taskSets.0.computedDesiredCount", "2"},
        {"API-185: no launch type without task sets", "'deploymentController':{'type':'EXTERNAL'}",
         "service.launchType", NULL},
        {"section 11: what newer clients send",
         WEB ",'availabilityZoneRebalancing':'ENABLED','volumeConfigurations':[],"
             "'deploymentConfiguration':{'strategy':'ROLLING','bakeTimeInMinutes':0}",
         "service.availabilityZoneRebalancing", "ENABLED"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[16];

        print_message("  %s\n", rows[i].why);
        snprintf(name, sizeof(name), "s%zu", i);
        world_expect(world, create(world, name, rows[i].members), rows[i].path, rows[i].value);
    }
}

static void refuses(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *members, *code, *message;
    } rows[] = {
        {"API-132: no task definition", "'desiredCount':1", INVALID,
         "TaskDefinition can not be blank."},
        {"API-043: an unknown one", "'taskDefinition':'nothing','desiredCount':1",
         "ClientException", "TaskDefinition not found."},
        {"TD-007: an inactive one", "'taskDefinition':'old:1','desiredCount':1", INVALID,
         "TaskDefinition is inactive"},
        {"SC-158: REPLICA without a count", "'taskDefinition':'web'", INVALID, NULL},
        {"a negative count", "'taskDefinition':'web','desiredCount':-1", INVALID, NULL},
        {"API-050: an unknown cluster", WEB ",'cluster':'away'", "ClusterNotFoundException",
         "Cluster not found."},
        {"SC-145: launch type and strategy",
         WEB ",'launchType':'EC2','capacityProviderStrategy':[{'capacityProvider':'FARGATE'}]",
         INVALID,
         "Specifying both a launch type and capacity provider strategy is not supported. Remove "
         "one and try again."},
        {"API-133: a definition that is none for FARGATE", WEB ",'launchType':'FARGATE'", INVALID,
         "Task definition does not support launch_type FARGATE."},
        {"a platform version on EC2", WEB ",'platformVersion':'1.4.0'", INVALID,
         "The platform version must be null when specifying an EC2 launch type."},

        {"SC-135: a count for DAEMON",
         "'taskDefinition':'web','schedulingStrategy':'DAEMON','desiredCount':1", INVALID,
         "The daemon scheduling strategy does not support a desired count for services. Remove the "
         "desired count value and try again"},
        {"SC-135: a placement strategy for DAEMON",
         "'taskDefinition':'web','schedulingStrategy':'DAEMON','placementStrategy':"
         "[{'type':'random'}]",
         INVALID,
         "The daemon scheduling strategy does not support placement strategies. Remove the "
         "placement strategy and try again"},
        {"SC-135: a capacity provider for DAEMON",
         "'taskDefinition':'web','schedulingStrategy':'DAEMON','capacityProviderStrategy':"
         "[{'capacityProvider':'x'}]",
         INVALID,
         "Specifying a capacity provider strategy is not supported when you create a service using "
         "the DAEMON scheduling strategy."},
        {"SC-131: more than 100% for DAEMON",
         "'taskDefinition':'web','schedulingStrategy':'DAEMON','deploymentConfiguration':"
         "{'maximumPercent':200}",
         INVALID,
         "The daemon scheduling strategy does not support values above 100 for maximumPercent on a "
         "deployment configuration. Change the maximumPercent value to 100, and try again"},
        {"SC-133: DAEMON on FARGATE",
         "'taskDefinition':'web','schedulingStrategy':'DAEMON','launchType':'FARGATE'", INVALID,
         NULL},
        {"SC-133: DAEMON and CODE_DEPLOY",
         "'taskDefinition':'web','schedulingStrategy':'DAEMON','deploymentController':"
         "{'type':'CODE_DEPLOY'}",
         INVALID, NULL},
        {"SC-134: DAEMON behind a Classic Load Balancer",
         "'taskDefinition':'web','schedulingStrategy':'DAEMON','loadBalancers':"
         "[{'loadBalancerName':'lb','containerName':'main','containerPort':80}]",
         INVALID, NULL},

        {"SC-154: a definition with the EXTERNAL controller",
         "'taskDefinition':'web','deploymentController':{'type':'EXTERNAL'}", INVALID, NULL},
        {"SC-233: a launch type with it",
         "'launchType':'EC2','deploymentController':{'type':'EXTERNAL'}", INVALID, NULL},
        {"API-137: CODE_DEPLOY without balancer",
         WEB ",'deploymentController':{'type':'CODE_DEPLOY'}", INVALID, NULL},
        {"API-143: the breaker with CODE_DEPLOY",
         WEB "," BALANCER ",'deploymentController':{'type':'CODE_DEPLOY'},"
             "'deploymentConfiguration':{'deploymentCircuitBreaker':{'enable':true,"
             "'rollback':false}}",
         INVALID, NULL},
        {"API-143: the breaker with a Classic Load Balancer",
         WEB ",'loadBalancers':[{'loadBalancerName':'lb','containerName':'main',"
             "'containerPort':80}],'deploymentConfiguration':{'deploymentCircuitBreaker':"
             "{'enable':true,'rollback':false}}",
         INVALID, NULL},
        {"more to keep than allowed",
         WEB ",'deploymentConfiguration':{'maximumPercent':100,'minimumHealthyPercent':150}",
         INVALID, NULL},
        {"section 11: shifting traffic between nothing",
         WEB "," BALANCER ",'deploymentConfiguration':{'strategy':'BLUE_GREEN'}", INVALID,
         "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING "
         "deployment strategy."},
        {"section 11: a canary of another strategy",
         WEB ",'deploymentConfiguration':{'strategy':'LINEAR','canaryConfiguration':"
             "{'canaryPercent':10}}",
         INVALID, "canaryConfiguration is only valid with the deployment strategy CANARY."},
        {"section 11: steps of another strategy",
         WEB ",'deploymentConfiguration':{'linearConfiguration':{'stepPercent':10}}", INVALID,
         "linearConfiguration is only valid with the deployment strategy LINEAR."},
        {"section 11: too small a step",
         WEB ",'deploymentConfiguration':{'strategy':'LINEAR','linearConfiguration':"
             "{'stepPercent':2.9}}",
         INVALID, "stepPercent must be a multiple of 0.1 between 3.0 and 100.0, but was 2.9."},
        {"section 11: too fine a canary",
         WEB ",'deploymentConfiguration':{'strategy':'CANARY','canaryConfiguration':"
             "{'canaryPercent':1.25}}",
         INVALID, "canaryPercent must be a multiple of 0.1 between 0.1 and 100.0, but was 1.25."},
        {"section 11: too long a canary",
         WEB ",'deploymentConfiguration':{'strategy':'CANARY','canaryConfiguration':"
             "{'canaryBakeTimeInMinutes':1441}}",
         INVALID, "canaryBakeTimeInMinutes must be between 0 and 1440, but was 1441."},
        {"section 11: a negative bake time",
         WEB ",'deploymentConfiguration':{'strategy':'BLUE_GREEN','bakeTimeInMinutes':-1}", INVALID,
         "bakeTimeInMinutes must be between 0 and 1440, but was -1."},
        {"section 11: a hook without stages",
         WEB ",'deploymentConfiguration':{'lifecycleHooks':[{'hookTargetArn':'arn:aws:lambda:"
             "us-east-1:123456789012:function:f','roleArn':'arn:aws:iam::123456789012:role/r'}]}",
         INVALID, "lifecycleStages of a lifecycle hook cannot be empty."},
        {"section 11: a hook without target",
         WEB ",'deploymentConfiguration':{'lifecycleHooks':[{'lifecycleStages':"
             "['PRE_SCALE_UP']}]}",
         INVALID, "A lifecycle hook of type AWS_LAMBDA must have a hookTargetArn and a roleArn."},
        {"section 11: a pause with a target",
         WEB ",'deploymentConfiguration':{'lifecycleHooks':[{'targetType':'PAUSE',"
             "'lifecycleStages':['PRE_SCALE_UP'],'hookTargetArn':'arn:aws:lambda:us-east-1:1:f'}]}",
         INVALID, "A lifecycle hook of type PAUSE has no hookTargetArn and no roleArn."},
        {"section 11: a strategy for DAEMON",
         "'taskDefinition':'web','schedulingStrategy':'DAEMON','deploymentConfiguration':"
         "{'strategy':'CANARY'}",
         INVALID, NULL},
        {"section 11: a strategy with CODE_DEPLOY",
         WEB "," BALANCER ",'deploymentController':{'type':'CODE_DEPLOY'},"
             "'deploymentConfiguration':{'strategy':'CANARY'}",
         INVALID, "Deployment strategies can only be used with the ECS deployment controller."},
        {"API-143: alarms without names",
         WEB ",'deploymentConfiguration':{'alarms':{'alarmNames':[],'enable':true,"
             "'rollback':true}}",
         INVALID, "alarmNames cannot be empty."},
        {"API-143: alarms with CODE_DEPLOY",
         WEB "," BALANCER ",'deploymentController':{'type':'CODE_DEPLOY'},"
             "'deploymentConfiguration':{'alarms':{'alarmNames':['a'],'enable':true,"
             "'rollback':true}}",
         INVALID, "Deployment alarms can only be used with the ECS deployment controller."},
        {"section 11: rebalancing of DAEMON",
         "'taskDefinition':'web','schedulingStrategy':'DAEMON','availabilityZoneRebalancing':"
         "'ENABLED'",
         INVALID, "Availability Zone rebalancing does not support the DAEMON scheduling strategy."},
        {"section 11: rebalancing without room",
         WEB ",'availabilityZoneRebalancing':'ENABLED','deploymentConfiguration':"
             "{'maximumPercent':100}",
         INVALID, "Availability Zone rebalancing does not support maximumPercent <= 100."},
        {"section 11: rebalancing of what is not spread by zone",
         WEB ",'availabilityZoneRebalancing':'ENABLED','placementStrategy':[{'type':'random'}]",
         INVALID, NULL},
        {"section 11: a volume the definition has not",
         WEB ",'volumeConfigurations':[{'name':'data','managedEBSVolume':{'roleArn':"
             "'arn:aws:iam::123456789012:role/r','sizeInGiB':5}}]",
         INVALID,
         "The volume data of volumeConfigurations is no volume of the task definition that is "
         "configuredAtLaunch."},
        {"section 11: a volume nobody configures", "'taskDefinition':'ebs','desiredCount':1",
         INVALID,
         "The volume data of the task definition is configuredAtLaunch: volumeConfigurations must "
         "have a configuration for it."},
        {"section 11: a volume of no size",
         "'taskDefinition':'ebs','desiredCount':1,'volumeConfigurations':[{'name':'data',"
         "'managedEBSVolume':{'roleArn':'arn:aws:iam::123456789012:role/r'}}]",
         INVALID, "Volume data: sizeInGiB or snapshotId must be specified."},
        {"section 11: a volume that is nothing",
         "'taskDefinition':'ebs','desiredCount':1,'volumeConfigurations':[{'name':'data'}]",
         INVALID, "Volume data: managedEBSVolume must be specified."},
        {"section 11: Lattice to no port",
         WEB ",'vpcLatticeConfigurations':[{'roleArn':'arn:aws:iam::123456789012:role/r',"
             "'targetGroupArn':'arn:aws:vpc-lattice:us-east-1:123456789012:targetgroup/tg-1',"
             "'portName':'grpc'}]",
         INVALID,
         "The portName grpc of vpcLatticeConfigurations does not refer to any named PortMapping in "
         "the task definition."},
        {"SC-147: a provider that is not the cluster's",
         WEB ",'capacityProviderStrategy':[{'capacityProvider':'FARGATE','weight':1}]", INVALID,
         "The specified capacity provider strategy cannot contain a capacity provider that is not "
         "associated with the cluster. Associate the capacity provider with the cluster and try "
         "again."},
        {"CL-200: a platform that never was", FARGATE ",'platformVersion':'2.0.0'",
         "PlatformUnknownException", NULL},
        {"CL-194: too old a platform",
         "'taskDefinition':'efs','desiredCount':1,'launchType':'FARGATE'," VPC_NET
         ",'platformVersion':'1.3.0'",
         "PlatformTaskDefinitionIncompatibilityException",
         "The platform version 1.3.0 does not have what the task definition needs: "
         "ephemeralStorage, since 1.4.0."},
        {"API-142: constraints on FARGATE",
         FARGATE ",'placementConstraints':[{'type':'distinctInstance'}]", INVALID, NULL},
        {"API-142: strategies on FARGATE", FARGATE ",'placementStrategy':[{'type':'random'}]",
         INVALID, NULL},
        {"API-141: FARGATE without network",
         "'taskDefinition':'fargate','desiredCount':1,'launchType':'FARGATE'", INVALID,
         "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
        {"MS-: more than a service may have", "'taskDefinition':'web','desiredCount':5001", INVALID,
         NULL},

        {"SC-161: both kinds of balancer in one",
         WEB ",'loadBalancers':[{" TARGET ",'loadBalancerName':'lb','containerName':'main',"
             "'containerPort':80}]",
         INVALID, NULL},
        {"API-137: neither", WEB ",'loadBalancers':[{'containerName':'main','containerPort':80}]",
         INVALID, NULL},
        {"SC-163: no such container",
         WEB ",'loadBalancers':[{" TARGET ",'containerName':'side','containerPort':80}]", INVALID,
         "The container side does not exist in the task definition."},
        {"SC-163: no such port",
         WEB ",'loadBalancers':[{" TARGET ",'containerName':'main','containerPort':99}]", INVALID,
         "The container main did not have a container port 99 defined."},
        {"SC-371: a Classic Load Balancer with awsvpc",
         "'taskDefinition':'vpc','desiredCount':1," VPC_NET ",'loadBalancers':"
         "[{'loadBalancerName':'lb','containerName':'main','containerPort':80}]",
         INVALID, NULL},
        {"SC-371: a balancer without network", "'taskDefinition':'none','desiredCount':1," BALANCER,
         INVALID, NULL},
        {"SC-164: six target groups",
         WEB ",'loadBalancers':[{" TARGET ",'containerName':'main','containerPort':80},"
             "{" TARGET ",'containerName':'main','containerPort':80},"
             "{" TARGET ",'containerName':'main','containerPort':80},"
             "{" TARGET ",'containerName':'main','containerPort':80},"
             "{" TARGET ",'containerName':'main','containerPort':80},"
             "{" TARGET ",'containerName':'main','containerPort':80}]",
         INVALID, NULL},
        {"SC-160: a grace period without balancer", WEB ",'healthCheckGracePeriodSeconds':30",
         INVALID,
         "Health check grace period is only valid for services configured to use load balancers"},
        {"API-140: a role without balancer", WEB ",'role':'bar'", INVALID, NULL},
        {"SC-371: a role with awsvpc",
         "'taskDefinition':'vpc','desiredCount':1," VPC_NET "," BALANCER ",'role':'bar'", INVALID,
         NULL},
        {"SC-168: a registry without port", WEB ",'serviceRegistries':[{" REGISTRY "}]", INVALID,
         "When specifying 'host' or 'bridge' for networkMode, values for 'containerName' and "
         "'containerPort' must be specified from the task definition."},
        {"SC-169: both ports",
         "'taskDefinition':'vpc','desiredCount':1," VPC_NET ",'serviceRegistries':[{" REGISTRY
         ",'port':80,'containerName':'main','containerPort':80}]",
         INVALID, NULL},
        {"API-139: two registries",
         WEB ",'serviceRegistries':[{" REGISTRY ",'containerName':'main','containerPort':80},"
             "{" REGISTRY ",'containerName':'main','containerPort':81}]",
         INVALID, NULL},
        {"API-141: awsvpc without network", "'taskDefinition':'vpc','desiredCount':1", INVALID,
         "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
        {"API-141: a network for bridge", WEB "," VPC_NET, INVALID,
         "Network Configuration is not valid for the given networkMode of this task definition."},
        {"API-145: exec without a role", WEB ",'enableExecuteCommand':true", INVALID,
         "The service couldn't be created because a valid taskRoleArn is not being used. Specify a "
         "valid task role in your task definition and try again."},
        {"API-039: reserved tags", WEB ",'tags':[{'key':'AWS:x','value':'1'}]", INVALID, NULL},
        {"SC-055: distinctInstance with an expression",
         WEB ",'placementConstraints':[{'type':'distinctInstance','expression':'x'}]", INVALID,
         "distinctInstance expression should not be specified."},
        {"SC-046: spread by nothing", WEB ",'placementStrategy':[{'type':'spread'}]", INVALID,
         NULL},

        {"API-222: an empty list of aliases",
         WEB ",'serviceConnectConfiguration':{'enabled':true,'namespace':'n','services':"
             "[{'portName':'http','clientAliases':[]}]}",
         INVALID, "clientAliases must have 1 element."},
        {"API-222: an unknown port",
         WEB ",'serviceConnectConfiguration':{'enabled':true,'namespace':'n','services':"
             "[{'portName':'grpc'}]}",
         INVALID, NULL},
        {"API-222: a name twice",
         WEB ",'serviceConnectConfiguration':{'enabled':true,'namespace':'n','services':"
             "[{'portName':'http'},{'portName':'http'}]}",
         INVALID, NULL},
        {"API-213: no namespace", WEB ",'serviceConnectConfiguration':{'enabled':true}", INVALID,
         NULL},
        {"API-214: a namespace nobody made",
         WEB ",'serviceConnectConfiguration':{'enabled':true,'namespace':'other'}",
         "NamespaceNotFoundException", "The namespace other was not found."},
        {"API-221: Service Connect on the host's network",
         "'taskDefinition':'host','desiredCount':1,'serviceConnectConfiguration':"
         "{'enabled':true,'namespace':'n'}",
         INVALID, NULL},
        {"API-220: Service Connect without task memory",
         "'taskDefinition':'app','desiredCount':1,'serviceConnectConfiguration':"
         "{'enabled':true,'namespace':'n'}",
         INVALID, NULL},
        {"API-042: a long token", WEB ",'clientToken':'0123456789012345678901234567890123456'",
         INVALID, NULL},
    };

    world_refuse(world, "API-030: no name", "CreateService", "{" WEB "}", INVALID, NULL);
    world_refuse(world, "SC-156", "CreateService", "{'serviceName':'a b'," WEB "}", INVALID, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[2048];

        snprintf(request, sizeof(request), "{'serviceName':'web',%s}", rows[i].members);
        world_refuse(world, rows[i].why, "CreateService", request, rows[i].code, rows[i].message);
    }
    world_expect(world, world_do(world, "ListServices", "{}"), "serviceArns", "[]"); /* SC-370 */
}

/* API-042, API-043, SC-157. */
static void is_idempotent(void **state)
{
    struct world *world = *state;
    const json_t *first = create(world, "web", WEB ",'clientToken':'t-1'");
    const char *id = world_at(world, first, "service.deployments.0.id");

    world_expect(world, create(world, "web", WEB ",'clientToken':'t-1'"),
                 "service.deployments.0.id", id);
    world_expect(world, create(world, "web", WEB), "service.deployments.0.id", id);
    world_expect(world,
                 create(world, "web",
                        WEB ",'launchType':'EC2','placementStrategy':[],'propagateTags':'NONE',"
                            "'deploymentConfiguration':{'maximumPercent':200}"),
                 "service.deployments.0.id", id); /* defaults are the same as nothing */
    world_refuse(world, "another count", "CreateService",
                 "{'serviceName':'web','taskDefinition':'web','desiredCount':3}", INVALID,
                 "Creation of service was not idempotent.");
    world_refuse(world, "other tags", "CreateService",
                 "{'serviceName':'web'," WEB ",'tags':[{'key':'a','value':'b'}]}", INVALID,
                 "Creation of service was not idempotent.");
    world_refuse(world, "another request with the token", "CreateService",
                 "{'serviceName':'web2'," WEB ",'clientToken':'t-1'}", INVALID,
                 "Creation of service was not idempotent.");

    /* The first result, even if the service has changed since. */
    world_do(world, "UpdateService", "{'service':'web','desiredCount':5}");
    world_expect(world, create(world, "web", WEB ",'clientToken':'t-1'"), "service.desiredCount",
                 "5");
}

/* API-036: names are unique in their cluster and differ by case. */
static void keeps_names_apart(void **state)
{
    struct world *world = *state;

    world_do(world, "CreateCluster", "{'clusterName':'other'}");
    create(world, "web", WEB);
    create(world, "Web", WEB);
    create(world, "web", WEB ",'cluster':'other'");
    world_expect(world, world_do(world, "ListServices", "{'cluster':'other'}"), "serviceArns",
                 "[\"" WORLD_ARN "service/other/web\"]");
}

/* A service whose name was used before starts afresh (API-155, SC-186). */
static void takes_the_name_of_one_that_ended(void **state)
{
    struct world *world = *state;
    const json_t *answer;
    struct service *service;
    const char *id = world_at(world, create(world, "web", WEB), "service.deployments.0.id");

    world_do(world, "DeleteService", "{'service':'web','force':true}");
    world_refuse(world, "API-043: still draining", "CreateService", "{'serviceName':'web'," WEB "}",
                 INVALID, "Unable to Start a service that is still Draining.");
    service = world_edit_service(world, "web");
    service->status = SERVICE_INACTIVE;
    service->deleted_at_ms = world->now_ms;
    world_commit(world);
    answer = world_do(world, "DescribeServices", "{'services':['web']}");
    world_expect(world, answer, "services.0.status", "INACTIVE");

    world->now_ms += 1000;
    answer = create(world, "web", WEB);
    world_expect(world, answer, "service.status", "ACTIVE");
    world_expect(world, answer, "service.createdAt", "1795159150.0");
    world_expect(world, answer, "service.desiredCount", "2");
    world_expect(world, answer, "service.deployments.1", NULL);
    assert_string_not_equal(world_at(world, answer, "service.deployments.0.id"), id);
}

/* API-049, API-156. */
static void describes(void **state)
{
    struct world *world = *state;
    const json_t *answer;

    create(world, "web", WEB ",'tags':[{'key':'team','value':'blue'}]");
    answer = world_do(world, "DescribeServices",
                      "{'services':['" WORLD_ARN "service/default/web','nothing','" WORLD_ARN
                      "service/web']}");
    world_expect(world, answer, "services.0.serviceName", "web");
    world_expect(world, answer, "services.0.tags", NULL);
    world_expect(world, answer, "services.1.serviceName", "web"); /* API-032 */
    world_expect(world, answer, "failures",
                 "[{\"arn\":\"" WORLD_ARN "service/default/nothing\",\"reason\":\"MISSING\"}]");
    answer = world_do(world, "DescribeServices", "{'services':['web'],'include':['TAGS']}");
    world_expect(world, answer, "services.0.tags", "[{\"key\":\"team\",\"value\":\"blue\"}]");
    world_refuse(world, "none", "DescribeServices", "{'services':[]}", INVALID, NULL);
    world_refuse(world, "eleven", "DescribeServices",
                 "{'services':['1','2','3','4','5','6','7','8','9','a','b']}", INVALID, NULL);
    world_refuse(world, "API-050", "DescribeServices", "{'services':['web'],'cluster':'away'}",
                 "ClusterNotFoundException", "Cluster not found.");
}

/* API-157: ten by default, filters, none that is going. */
static void lists(void **state)
{
    struct world *world = *state;
    const json_t *answer;
    char name[16];
    char request[256];

    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "s%02d", i);
        create(world, name, i == 3 ? WEB ",'launchType':'EXTERNAL'" : WEB);
    }
    create(world, "every", "'taskDefinition':'web','schedulingStrategy':'DAEMON'");
    world_do(world, "DeleteService", "{'service':'s05','force':true}");

    answer = world_do(world, "ListServices", "{}");
    assert_int_equal(json_array_size(json_object_get(answer, "serviceArns")), 10);
    snprintf(request, sizeof(request), "{'nextToken':'%s'}", world_at(world, answer, "nextToken"));
    answer = world_do(world, "ListServices", request);
    world_expect(world, answer, "serviceArns",
                 "[\"" WORLD_ARN "service/default/s10\",\"" WORLD_ARN "service/default/s11\"]");
    world_expect(world, answer, "nextToken", NULL);
    world_expect(world, world_do(world, "ListServices", "{'launchType':'EXTERNAL'}"), "serviceArns",
                 "[\"" WORLD_ARN "service/default/s03\"]");
    world_expect(world, world_do(world, "ListServices", "{'schedulingStrategy':'DAEMON'}"),
                 "serviceArns", "[\"" WORLD_ARN "service/default/every\"]");
    answer = world_do(world, "ListServices", "{'maxResults':100}");
    assert_int_equal(json_array_size(json_object_get(answer, "serviceArns")), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shows_the_new_service, setup, teardown),
        cmocka_unit_test_setup_teardown(accepts, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(is_idempotent, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_names_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_the_name_of_one_that_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(describes, setup, teardown),
        cmocka_unit_test_setup_teardown(lists, setup, teardown),
    };

    return cmocka_run_group_tests_name("CreateService, DescribeServices, ListServices", tests, NULL,
                                       NULL);
}
