/* RunTask and StartTask: what is accepted, what is refused, where tasks go and what is left for
 * others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static int setup(void **state)
{
    *state = world_new();
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static char *format(const char *fmt, const char *value)
{
    static char text[4096];

    snprintf(text, sizeof(text), fmt, value);
    return text;
}

/* API-120, API-121, API-195, API-200: what the answer to the simplest call shows. */
static void shows_the_new_task(void **state)
{
    struct world *world = *state;
    const char *instance = world_instance(world, 1024, 1024);
    static const struct {
        const char *path, *value;
    } rows[] = {
        {"failures", "[]"},
        {"tasks.0.lastStatus", "PENDING"},
        {"tasks.0.desiredStatus", "RUNNING"},
        {"tasks.0.clusterArn", WORLD_ARN "cluster/default"},
        {"tasks.0.taskDefinitionArn", WORLD_ARN "task-definition/web:1"},
        {"tasks.0.group", "family:web"},
        {"tasks.0.launchType", "EC2"},
        {"tasks.0.version", "1"},
        {"tasks.0.cpu", "10"},
        {"tasks.0.memory", "64"},
        {"tasks.0.createdAt", "1795159149.0"},
        {"tasks.0.startedAt", NULL},
        {"tasks.0.startedBy", NULL},
        {"tasks.0.stopCode", NULL},
        {"tasks.0.connectivity", "CONNECTED"},
        {"tasks.0.healthStatus", "UNKNOWN"},
        {"tasks.0.availabilityZone", "rack-1"},
        {"tasks.0.attributes", "[{\"name\":\"ecs.cpu-architecture\",\"value\":\"x86_64\"}]"},
        {"tasks.0.attachments", "[]"},
        {"tasks.0.tags", "[]"},
        {"tasks.0.enableExecuteCommand", "false"},
        {"tasks.0.overrides",
         "{\"containerOverrides\":[{\"name\":\"main\"}],\"inferenceAcceleratorOverrides\":[]}"},
        {"tasks.0.containers.0.name", "main"},
        {"tasks.0.containers.0.image", "busybox"},
        {"tasks.0.containers.0.lastStatus", "PENDING"},
        {"tasks.0.containers.0.cpu", "10"},
        {"tasks.0.containers.0.memory", "64"},
        {"tasks.0.containers.0.memoryReservation", NULL},
        {"tasks.0.containers.0.exitCode", NULL},
        {"tasks.0.containers.0.networkInterfaces", "[]"},
        {"tasks.0.containers.0.networkBindings", NULL},
        {"tasks.0.containers.1", NULL},
        {"tasks.1", NULL},
    };
    const json_t *answer;

    world_definition(world, "web", "", "");
    answer = world_do(world, "RunTask", "{'taskDefinition':'web'}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_expect(world, answer, rows[i].path, rows[i].value);
    assert_string_equal(strrchr(world_at(world, answer, "tasks.0.containerInstanceArn"), '/') + 1,
                        instance);
    assert_string_equal(world_at(world, answer, "tasks.0.taskArn"),
                        world_at(world, answer, "tasks.0.containers.0.taskArn"));
}

/* Requests and what comes of them. */
static void accepts(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *request, *path, *value;
    } rows[] = {
        {"SC-002: family and revision", "{'taskDefinition':'web:1'}", "tasks.0.lastStatus",
         "PENDING"},
        {"SC-002: an ARN", "{'taskDefinition':'" WORLD_ARN "task-definition/web:1'}",
         "tasks.0.lastStatus", "PENDING"},
        {"API-033: the cluster's ARN",
         "{'taskDefinition':'web','cluster':'" WORLD_ARN "cluster/default'}", "tasks.0.clusterArn",
         WORLD_ARN "cluster/default"},
        {"SC-003: ten at once", "{'taskDefinition':'web','count':10}", "tasks.9.lastStatus",
         "PENDING"},
        {"SC-007: a group", "{'taskDefinition':'web','group':'databases'}", "tasks.0.group",
         "databases"},
        {"SC-092: the own family's group", "{'taskDefinition':'web','group':'family:web'}",
         "tasks.0.group", "family:web"},
        {"API-119: startedBy", "{'taskDefinition':'web','startedBy':'ci/job.7'}",
         "tasks.0.startedBy", "ci/job.7"},
        {"API-013: null is absent", "{'taskDefinition':'web','group':null,'count':null}",
         "tasks.0.group", "family:web"},
        {"API-120: an empty override overrides nothing",
         "{'taskDefinition':'web','overrides':{'containerOverrides':[]}}",
         "tasks.0.overrides.containerOverrides", "[{\"name\":\"main\"}]"},
        {"SC-014: command and environment",
         "{'taskDefinition':'web','overrides':{'containerOverrides':[{'name':'main',"
         "'command':['sh','-c','echo $DATE'],'environment':[{'name':'A','value':'a b'}]}]}}",
         "tasks.0.overrides.containerOverrides",
         "[{\"command\":[\"sh\",\"-c\",\"echo $DATE\"],\"environment\":[{\"name\":\"A\",\"value\":"
         "\"a b\"}],\"name\":\"main\"}]"},
        {"API-120: container sizes change what the task holds",
         "{'taskDefinition':'web','overrides':{'containerOverrides':[{'name':'main','cpu':20,"
         "'memory':100,'memoryReservation':80}]}}",
         "tasks.0.memory", "80"},
        {"API-120: the container shows them",
         "{'taskDefinition':'web','overrides':{'containerOverrides':[{'name':'main','cpu':20}]}}",
         "tasks.0.containers.0.cpu", "20"},
        {"API-120: task sizes win over containers'",
         "{'taskDefinition':'web','overrides':{'cpu':'.25 vCPU','memory':'128'}}", "tasks.0.cpu",
         "256"},
        {"SC-013: a task role makes exec possible",
         "{'taskDefinition':'web','enableExecuteCommand':true,"
         "'overrides':{'taskRoleArn':'arn:aws:iam::123456789012:role/app'}}",
         "tasks.0.enableExecuteCommand", "true"},
        {"SC-019: tags", "{'taskDefinition':'web','tags':[{'key':'team','value':'blue'}]}",
         "tasks.0.tags", "[{\"key\":\"team\",\"value\":\"blue\"}]"},
        {"SC-358: an own tag wins over a propagated one",
         "{'taskDefinition':'tagged','propagateTags':'TASK_DEFINITION',"
         "'tags':[{'key':'team','value':'blue'}]}",
         "tasks.0.tags",
         "[{\"key\":\"env\",\"value\":\"prod\"},{\"key\":\"team\",\"value\":\"blue\"}]"},
        {"SC-018: none without asking", "{'taskDefinition':'tagged','propagateTags':'NONE'}",
         "tasks.0.tags", "[]"},
        {"SC-360: managed tags", "{'taskDefinition':'web','enableECSManagedTags':true}",
         "tasks.0.tags", "[{\"key\":\"aws:ecs:clusterName\",\"value\":\"default\"}]"},
        {"SC-010: strategies",
         "{'taskDefinition':'web','placementStrategy':[{'type':'spread',"
         "'field':'attribute:ecs.availability-zone'},{'type':'binpack','field':'MEMORY'}]}",
         "tasks.0.lastStatus", "PENDING"},
        {"SC-053: distinctInstance",
         "{'taskDefinition':'web','placementConstraints':[{'type':'distinctInstance'}],"
         "'group':'apart'}",
         "tasks.0.group", "apart"},
        {"API-117: referenceId", "{'taskDefinition':'web','referenceId':'r-1'}",
         "tasks.0.lastStatus", "PENDING"},
    };

    world_instance(world, 4096, 16384);
    world_definition(world, "web", "", "");
    world_definition(world, "tagged", "",
                     "'tags':[{'key':'team','value':'red'},{'key':'env','value':'prod'}]");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("  %s\n", rows[i].why);
        world_expect(world, world_do(world, "RunTask", rows[i].request), rows[i].path,
                     rows[i].value);
    }
}

#define NETWORK "{'awsvpcConfiguration':{'subnets':['a'],'assignPublicIp':'ENABLED'}}"
#define SERVERLESS                                                                                 \
    "'networkMode':'awsvpc','requiresCompatibilities':['FARGATE'],'cpu':'256','memory':'512'"

static void refuses(void **state)
{
    struct world *world = *state;
#define INVALID    "InvalidParameterException"
#define LETTERS_64 "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
    static const struct {
        const char *why, *request, *code, *message;
    } rows[] = {
        {"API-030: the definition is required", "{}", INVALID, NULL},
        {"an unknown definition", "{'taskDefinition':'nothing'}", "ClientException",
         "TaskDefinition not found."},
        {"an unknown revision", "{'taskDefinition':'web:7'}", "ClientException",
         "TaskDefinition not found."},
        {"TD-007: an inactive revision", "{'taskDefinition':'old:1'}", INVALID,
         "TaskDefinition is inactive"},
        {"API-050: an unknown cluster", "{'taskDefinition':'web','cluster':'away'}",
         "ClusterNotFoundException", "Cluster not found."},
        {"SC-003: none", "{'taskDefinition':'web','count':0}", INVALID, NULL},
        {"SC-003: more than ten", "{'taskDefinition':'web','count':11}", INVALID, NULL},
        {"API-118: launch type and strategy",
         "{'taskDefinition':'web','launchType':'EC2','capacityProviderStrategy':"
         "[{'capacityProvider':'FARGATE'}]}",
         INVALID,
         "Specifying both a launch type and capacity provider strategy is not supported. Remove "
         "one and try again."},
        {"API-069: a provider of another cluster",
         "{'taskDefinition':'web','capacityProviderStrategy':[{'capacityProvider':'mine'}]}",
         INVALID,
         "The specified capacity provider strategy cannot contain a capacity provider that is not "
         "associated with the cluster. Associate the capacity provider with the cluster and try "
         "again."},
        {"API-056: no Fargate capacity",
         "{'taskDefinition':'serverless','launchType':'FARGATE','networkConfiguration':" NETWORK
         "}",
         "ClientException",
         "Capacity is unavailable at this time. Please try again later or in a different "
         "availability zone"},
        {"API-056: a platform version there is",
         "{'taskDefinition':'serverless','launchType':'FARGATE','platformVersion':'1.4.0',"
         "'networkConfiguration':" NETWORK "}",
         "ClientException", NULL},
        {"API-123: one there is not",
         "{'taskDefinition':'serverless','launchType':'FARGATE','platformVersion':'9.9.9',"
         "'networkConfiguration':" NETWORK "}",
         "PlatformUnknownException", NULL},
        {"API-123: one that is too old for the storage",
         "{'taskDefinition':'storage','launchType':'FARGATE','platformVersion':'1.3.0',"
         "'networkConfiguration':" NETWORK "}",
         "PlatformTaskDefinitionIncompatibilityException", NULL},
        {"SC-011: awsvpc on FARGATE", "{'taskDefinition':'serverless','launchType':'FARGATE'}",
         INVALID, "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
        {"SC-005: constraints on FARGATE",
         "{'taskDefinition':'serverless','launchType':'FARGATE','networkConfiguration':" NETWORK
         ",'placementConstraints':[{'type':'distinctInstance'}]}",
         INVALID, "Placement constraints are not supported with FARGATE launch type."},
        {"SC-009: strategies on FARGATE",
         "{'taskDefinition':'serverless','launchType':'FARGATE','networkConfiguration':" NETWORK
         ",'placementStrategy':[{'type':'random'}]}",
         INVALID, "Placement strategies are not supported with FARGATE launch type."},
        {"a definition that is not for it", "{'taskDefinition':'web','launchType':'FARGATE'}",
         INVALID, "Task definition does not support launch_type FARGATE."},
        {"Managed Instances are not there",
         "{'taskDefinition':'web','launchType':'MANAGED_INSTANCES'}", "UnsupportedFeatureException",
         NULL},
        {"an unknown launch type", "{'taskDefinition':'web','launchType':'VM'}", INVALID, NULL},
        {"SC-006: a platform version on EC2",
         "{'taskDefinition':'web','launchType':'EC2','platformVersion':'LATEST'}", INVALID,
         "The platform version must be null when specifying an EC2 launch type."},
        {"API-118: network configuration for bridge",
         "{'taskDefinition':'web','networkConfiguration':{'awsvpcConfiguration':{'subnets':['a']}}"
         "}",
         INVALID,
         "Network Configuration is not valid for the given networkMode of this task definition."},
        {"API-118: none for awsvpc", "{'taskDefinition':'vpc'}", INVALID,
         "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
        {"API-131: too many security groups",
         "{'taskDefinition':'vpc','networkConfiguration':{'awsvpcConfiguration':{'subnets':['a'],"
         "'securityGroups':['1','2','3','4','5','6']}}}",
         INVALID, NULL},
        {"SC-012: public addresses are not for EC2",
         "{'taskDefinition':'vpc','networkConfiguration':{'awsvpcConfiguration':{'subnets':['a'],"
         "'assignPublicIp':'ENABLED'}}}",
         INVALID, "Assign public IP is not supported for this launch type."},
        {"API-118: tags of a service", "{'taskDefinition':'web','propagateTags':'SERVICE'}",
         INVALID, NULL},
        {"API-039: reserved tags", "{'taskDefinition':'web','tags':[{'key':'aws:x','value':'1'}]}",
         INVALID, NULL},
        {"API-039: a key twice",
         "{'taskDefinition':'web','tags':[{'key':'x','value':'1'},{'key':'x','value':'2'}]}",
         INVALID, NULL},
        {"SC-092: a service's group", "{'taskDefinition':'web','group':'service:web'}", INVALID,
         NULL},
        {"SC-092: another family's group", "{'taskDefinition':'web','group':'family:db'}", INVALID,
         NULL},
        {"SC-089: a group of 256 characters",
         "{'taskDefinition':'web','group':'" LETTERS_64 LETTERS_64 LETTERS_64 LETTERS_64 "'}",
         INVALID, "group must have at most 255 characters, but has 256."},
        {"API-119: a long startedBy",
         "{'taskDefinition':'web','startedBy':'0123456789012345678901234567890123456'}", INVALID,
         NULL},
        {"API-118: exec without a role", "{'taskDefinition':'web','enableExecuteCommand':true}",
         INVALID,
         "The task couldn't be started because a valid taskRoleArn is not being used. Specify a "
         "valid task role in your task definition and try again."},
        {"API-120: no such container",
         "{'taskDefinition':'web','overrides':{'containerOverrides':[{'name':'side','cpu':1}]}}",
         INVALID, "Override for container named side is not a container in the TaskDefinition."},
        {"API-120: a container without name",
         "{'taskDefinition':'web','overrides':{'containerOverrides':[{'cpu':1}]}}", INVALID, NULL},
        {"a container twice",
         "{'taskDefinition':'web','overrides':{'containerOverrides':[{'name':'main','cpu':1},"
         "{'name':'main','cpu':2}]}}",
         INVALID, "There is more than one override for container named main."},
        {"TD-046: less memory than the engine takes",
         "{'taskDefinition':'web','overrides':{'containerOverrides':[{'name':'main','memory':3}]}}",
         INVALID, NULL},
        {"API-094: reservation above the limit",
         "{'taskDefinition':'web','overrides':{'containerOverrides':[{'name':'main',"
         "'memory':100,'memoryReservation':200}]}}",
         INVALID, NULL},
        {"AG-360: a task cpu that is none", "{'taskDefinition':'web','overrides':{'cpu':'much'}}",
         INVALID,
         "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of "
         "the Amazon ECS Developer Guide."},
        {"API-094: containers larger than the task",
         "{'taskDefinition':'web','overrides':{'memory':'32'}}", INVALID, NULL},
        {"API-120: only GPUs",
         "{'taskDefinition':'web','overrides':{'containerOverrides':[{'name':'main',"
         "'resourceRequirements':[{'type':'InferenceAccelerator','value':'d'}]}]}}",
         INVALID, NULL},
        {"API-120: an unknown device",
         "{'taskDefinition':'web','overrides':{'inferenceAcceleratorOverrides':"
         "[{'deviceName':'d','deviceType':'t'}]}}",
         INVALID, NULL},
        {"SC-045: an unknown strategy",
         "{'taskDefinition':'web','placementStrategy':[{'type':'even'}]}", INVALID, NULL},
        {"SC-046: spread by nothing",
         "{'taskDefinition':'web','placementStrategy':[{'type':'spread'}]}", INVALID, NULL},
        {"SC-046: binpack by disk",
         "{'taskDefinition':'web','placementStrategy':[{'type':'binpack','field':'disk'}]}",
         INVALID, NULL},
        {"SC-033: six strategies",
         "{'taskDefinition':'web','placementStrategy':[{'type':'random'},{'type':'random'},"
         "{'type':'random'},{'type':'random'},{'type':'random'},{'type':'random'}]}",
         INVALID, NULL},
        {"SC-055: distinctInstance with an expression",
         "{'taskDefinition':'web','placementConstraints':[{'type':'distinctInstance',"
         "'expression':''}]}",
         INVALID, "distinctInstance expression should not be specified."},
        {"SC-058: memberOf without one",
         "{'taskDefinition':'web','placementConstraints':[{'type':'memberOf'}]}", INVALID, NULL},
        {"API-042: an empty token", "{'taskDefinition':'web','clientToken':''}", INVALID, NULL},
    };

    world_instance(world, 4096, 16384);
    world_definition(world, "web", "", "");
    world_definition(world, "vpc", "", "'networkMode':'awsvpc'");
    world_definition(world, "old", "", "");
    world_do(world, "DeregisterTaskDefinition", "{'taskDefinition':'old:1'}");
    world_definition(world, "serverless", "", SERVERLESS);
    world_definition(world, "storage", "", SERVERLESS ",'ephemeralStorage':{'sizeInGiB':30}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refuse(world, rows[i].why, "RunTask", rows[i].request, rows[i].code, rows[i].message);
}

/* The limits of volumes that are configured at launch. */
static void volumes_at_launch(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *definition, *volumes, *message; /* NULL: it passes */
    } rows[] = {
        {"a size", "data", "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':10}}", NULL},
        {"a snapshot", "data", "{'name':'v','managedEBSVolume':{'roleArn':'r','snapshotId':'s'}}",
         NULL},
        {"all there is", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':10,'snapshotId':'s',"
         "'volumeType':'gp3','iops':3000,'throughput':125,'encrypted':true,'kmsKeyId':'k',"
         "'volumeInitializationRate':100,'filesystemType':'xfs','terminationPolicy':"
         "{'deleteOnTermination':false},'tagSpecifications':[{'resourceType':'volume',"
         "'tags':[{'key':'a','value':'b'}]}]}}",
         NULL},
        {"io1 with its iops", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':4,'volumeType':'io1',"
         "'iops':100}}",
         NULL},
        {"neither size nor snapshot", "data", "{'name':'v','managedEBSVolume':{'roleArn':'r'}}",
         "Volume v: sizeInGiB or snapshotId must be specified."},
        {"too small for its type", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':124,'volumeType':'st1'}}",
         "Volume v: sizeInGiB must be between 125 and 16384 for a volume of type st1, but was "
         "124."},
        {"too large", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':1025,'volumeType':"
         "'standard'}}",
         "Volume v: sizeInGiB must be between 1 and 1024 for a volume of type standard, but was "
         "1025."},
        {"an unknown type", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':9,'volumeType':'gp9'}}",
         "Volume v: volumeType must be gp2, gp3, io1, io2, sc1, st1 or standard, but was gp9."},
        {"io2 without iops", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':9,'volumeType':'io2'}}",
         "Volume v: iops must be specified for a volume of type io2."},
        {"gp2 with iops", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':9,'volumeType':'gp2',"
         "'iops':3000}}",
         "Volume v: iops cannot be specified for a volume of type gp2."},
        {"too few iops", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':9,'iops':2999}}",
         "Volume v: iops must be between 3000 and 16000 for a volume of type gp3, but was 2999."},
        {"throughput of another type", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':9,'volumeType':'io1',"
         "'iops':100,'throughput':125}}",
         "Volume v: throughput cannot be specified for a volume of type io1."},
        {"a rate without snapshot", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':9,"
         "'volumeInitializationRate':100}}",
         "Volume v: volumeInitializationRate needs a snapshotId."},
        {"nothing to make it of", "data", "{'name':'v'}",
         "Volume v: managedEBSVolume must be specified."},
        {"another volume", "data", "{'name':'w','managedEBSVolume':{'roleArn':'r','sizeInGiB':9}}",
         "Volume w is not a volume of the TaskDefinition with configuredAtLaunch."},
        {"none for one that needs it", "data", "",
         "Volume v is configured at launch, and volumeConfigurations has no configuration for it."},
        {"a definition without", "web", "{'name':'v','managedEBSVolume':{'roleArn':'r'}}",
         "Volume v is not a volume of the TaskDefinition with configuredAtLaunch."},
        {"two", "data",
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':9}},"
         "{'name':'v','managedEBSVolume':{'roleArn':'r','sizeInGiB':9}}",
         "volumeConfigurations can have at most 1 item: a task takes one Amazon EBS volume."},
    };

    world_instance(world, 4096, 16384);
    world_definition(world, "web", "", "");
    world_definition(world, "data", "'mountPoints':[{'sourceVolume':'v','containerPath':'/v'}]",
                     "'volumes':[{'name':'v','configuredAtLaunch':true}]");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char request[2048];

        snprintf(request, sizeof(request), "{'taskDefinition':'%s','volumeConfigurations':[%s]}",
                 rows[i].definition, rows[i].volumes);
        if (rows[i].message)
            world_refuse(world, rows[i].why, "RunTask", request, "InvalidParameterException",
                         rows[i].message);
        else /* no host attaches volumes: none runs without its data */
            world_expect(world, world_do(world, "RunTask", request), "failures.0.reason",
                         "ATTRIBUTE");
    }
}

/* API-118: characters are counted, not bytes. */
static void refuses_overrides_that_are_too_long(void **state)
{
    struct world *world = *state;
    struct buf text = {0};

    world_instance(world, 1024, 1024);
    world_definition(world, "web", "", "");
    buf_add_str(&text, "{'taskDefinition':'web','overrides':{'containerOverrides':[{'name':'main',"
                       "'environment':[{'name':'A','value':'");
    for (int i = 0; i < 8000; i++)
        buf_add_str(&text, "\u00e9");
    buf_add_str(&text, "'}]}]}}");
    world_do(world, "RunTask", text.data);
    text.len -= strlen("'}]}]}}");
    for (int i = 0; i < 200; i++)
        buf_add_str(&text, "\u00e9");
    buf_add_str(&text, "'}]}]}}");
    world_refuse(world, "API-118", "RunTask", text.data, "InvalidParameterException",
                 "Container Overrides length must be at most 8192.");
    buf_done(&text);
}

static void refuses_a_cluster_without_instances(void **state)
{
    struct world *world = *state;

    world_definition(world, "web", "", "");
    world_refuse(world, "API-053", "RunTask", "{'taskDefinition':'web'}",
                 "InvalidParameterException", "No Container Instances were found in your cluster.");
}

/* API-051, API-053, SC-024: what does not fit is said host by host; what fits, runs. */
static void places_as_many_as_fit(void **state)
{
    struct world *world = *state;
    const char *instance = world_instance(world, 1024, 256);
    const json_t *answer;

    world_definition(world, "web", "'memory':100", "");
    answer = world_do(world, "RunTask", "{'taskDefinition':'web','count':3}");
    world_expect(world, answer, "tasks.1.lastStatus", "PENDING");
    world_expect(world, answer, "tasks.2", NULL);
    world_expect(world, answer, "failures.0.reason", "RESOURCE:MEMORY");
    assert_string_equal(strrchr(world_at(world, answer, "failures.0.arn"), '/') + 1, instance);
    world_expect(world, answer, "failures.1", NULL);

    answer = world_do(world, "RunTask", "{'taskDefinition':'web'}");
    world_expect(world, answer, "tasks", "[]");
    world_expect(world, answer, "failures.0.reason", "RESOURCE:MEMORY");
}

static void gives_each_reason(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *family, *reason;
    } rows[] = {
        {"API-051: cpu", "cpu", "RESOURCE:CPU"},
        {"API-051: memory", "memory", "RESOURCE:MEMORY"},
        {"API-051: a reserved port", "ssh", "RESOURCE:PORTS"},
        {"SC-036: a port held by a task", "port", "RESOURCE:PORTS"},
        {"API-051: an attribute", "logs", "ATTRIBUTE"},
    };
    const char *instance = world_instance(world, 1024, 1024);
    const json_t *answer;

    world_definition(world, "cpu", "'cpu':2048", "");
    world_definition(world, "memory", "'memory':4096", "");
    world_definition(world, "ssh", "'portMappings':[{'containerPort':22,'hostPort':22}]", "");
    world_definition(world, "port", "'portMappings':[{'containerPort':80,'hostPort':8080}]", "");
    world_definition(world, "logs", "'logConfiguration':{'logDriver':'splunk'}", "");
    answer = world_do(world, "RunTask", "{'taskDefinition':'port'}");
    world_expect(world, answer, "failures", "[]");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        answer = world_do(world, "RunTask", format("{'taskDefinition':'%s'}", rows[i].family));
        world_expect(world, answer, "tasks", "[]");
        world_expect(world, answer, "failures.0.reason", rows[i].reason);
    }
    world_set_connected(world, instance, false);
    answer = world_do(world, "RunTask", "{'taskDefinition':'port'}");
    world_expect(world, answer, "failures.0.reason", "AGENT"); /* SC-035 */
}

/* SC-014, SC-023: ports and sizes are held until the task stops. */
static void holds_and_releases(void **state)
{
    struct world *world = *state;
    const json_t *answer;
    struct task *task;

    world_instance(world, 1024, 1024);
    world_definition(world, "port", "'portMappings':[{'containerPort':80,'hostPort':8080}]", "");
    answer = world_do(world, "RunTask", "{'taskDefinition':'port','count':2}");
    world_expect(world, answer, "tasks.1", NULL);
    world_expect(world, answer, "failures.0.reason", "RESOURCE:PORTS");
    task = world_edit_task(world, world_at(world, answer, "tasks.0.taskArn"));
    assert_int_equal(task->ports_count, 1);
    task->last_status = task->desired_status = TASK_STOPPED;
    world_commit(world);
    answer = world_do(world, "RunTask", "{'taskDefinition':'port'}");
    world_expect(world, answer, "failures", "[]");
}

/* API-042: the same call again makes nothing new; another one with the token is refused. */
static void is_idempotent_by_token(void **state)
{
    struct world *world = *state;
    const char *request = "{'taskDefinition':'web','count':2,'clientToken':'t-1'}";
    const json_t *first;
    const json_t *again;

    world_instance(world, 1024, 1024);
    world_definition(world, "web", "", "");
    first = world_do(world, "RunTask", request);
    again = world_do(world, "RunTask", request);
    world_expect(world, again, "tasks.0.taskArn", world_at(world, first, "tasks.0.taskArn"));
    world_expect(world, again, "tasks.1.taskArn", world_at(world, first, "tasks.1.taskArn"));
    world_expect(world, again, "tasks.2", NULL);
    world_expect(world, again, "failures", "[]");
    world_refuse(world, "another count", "RunTask",
                 "{'taskDefinition':'web','count':3,'clientToken':'t-1'}", "ConflictException",
                 NULL);
    again = world_do(world, "ListTasks", "{}");
    world_expect(world, again, "taskArns.2", NULL);

    world->now_ms += 25 * 3600 * 1000; /* a day later the token is forgotten */
    again = world_do(world, "RunTask", request);
    assert_string_not_equal(world_at(world, again, "tasks.0.taskArn"),
                            world_at(world, first, "tasks.0.taskArn"));
}

/* A call that placed nothing may be tried again with its token. */
static void forgets_a_token_that_placed_nothing(void **state)
{
    struct world *world = *state;
    const json_t *answer;

    world_instance(world, 1024, 32);
    world_definition(world, "web", "", "");
    answer = world_do(world, "RunTask", "{'taskDefinition':'web','clientToken':'t-1'}");
    world_expect(world, answer, "tasks", "[]");
    world_instance(world, 1024, 1024);
    answer = world_do(world, "RunTask", "{'taskDefinition':'web','clientToken':'t-1'}");
    world_expect(world, answer, "tasks.0.lastStatus", "PENDING");
}

/* SC-095, SC-103: awsvpc tasks are being provisioned first. */
static void provisions_awsvpc_tasks(void **state)
{
    struct world *world = *state;
    const json_t *answer;

    world_do(world, "RegisterContainerInstance",
             "{'totalResources':[{'name':'CPU','type':'INTEGER','integerValue':1024},"
             "{'name':'MEMORY','type':'INTEGER','integerValue':1024}],"
             "'attributes':[{'name':'ecs.capability.task-eni'},"
             "{'name':'com.amazonaws.ecs.capability.docker-remote-api.1.18'}]}");
    answer = world_do(world, "ListContainerInstances", "{}");
    world_set_connected(world, strrchr(world_at(world, answer, "containerInstanceArns.0"), '/') + 1,
                        true);
    world_definition(world, "vpc", "'portMappings':[{'containerPort':80}]",
                     "'networkMode':'awsvpc'");
    answer = world_do(world, "RunTask",
                      "{'taskDefinition':'vpc','count':2,'networkConfiguration':"
                      "{'awsvpcConfiguration':{'subnets':['subnet-1']}}}");
    world_expect(world, answer, "tasks.0.lastStatus", "PROVISIONING");
    world_expect(world, answer, "tasks.1.lastStatus", "PROVISIONING"); /* no host port is held */
}

/* ---- StartTask ---- */

static void starts_where_it_is_told(void **state)
{
    struct world *world = *state;
    const char *first = world_instance(world, 1024, 1024);
    const char *second = world_instance(world, 1024, 1024);
    const char *away = world_instance(world, 1024, 1024);
    const char *gone = world_instance(world, 1024, 1024);
    char request[1024];
    const json_t *answer;

    world_definition(world, "web", "", "");
    world_set_connected(world, away, false);
    world_do(world, "DeregisterContainerInstance", format("{'containerInstance':'%s'}", gone));
    snprintf(request, sizeof(request),
             "{'taskDefinition':'web','startedBy':'mine','containerInstances':['%s','" WORLD_ARN
             "container-instance/default/%s','%s','%s','%s','00000000000000000000000000000000']}",
             first, second, first, away, gone);
    answer = world_do(world, "StartTask", request);
    assert_string_equal(strrchr(world_at(world, answer, "tasks.0.containerInstanceArn"), '/') + 1,
                        first);
    assert_string_equal(strrchr(world_at(world, answer, "tasks.1.containerInstanceArn"), '/') + 1,
                        second);
    world_expect(world, answer, "tasks.1.startedBy", "mine");
    world_expect(world, answer, "tasks.1.launchType", "EC2");
    world_expect(world, answer, "tasks.2", NULL); /* API-124: one for each instance */
    world_expect(world, answer, "failures.0.reason", "AGENT");
    world_expect(world, answer, "failures.1.reason", "INACTIVE"); /* API-052 */
    world_expect(world, answer, "failures.2.reason", "MISSING");
    world_expect(world, answer, "failures.2.arn",
                 WORLD_ARN "container-instance/default/00000000000000000000000000000000");
}

static void start_task_refuses(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *request, *message;
    } rows[] = {
        {"no instances", "{'taskDefinition':'web','containerInstances':[]}", NULL},
        {"SC-003: eleven",
         "{'taskDefinition':'web','containerInstances':['1','2','3','4','5','6','7','8','9','10',"
         "'11']}",
         NULL},
        {"API-037: no id", "{'taskDefinition':'web','containerInstances':['host']}", NULL},
        {"API-120: no such container",
         "{'taskDefinition':'web','containerInstances':['00000000000000000000000000000000'],"
         "'overrides':{'containerOverrides':[{'name':'side'}]}}",
         "Override for container named side is not a container in the TaskDefinition."},
    };

    world_definition(world, "web", "", "");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refuse(world, rows[i].why, "StartTask", rows[i].request, "InvalidParameterException",
                     rows[i].message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shows_the_new_task, setup, teardown),
        cmocka_unit_test_setup_teardown(accepts, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(volumes_at_launch, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_overrides_that_are_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_cluster_without_instances, setup, teardown),
        cmocka_unit_test_setup_teardown(places_as_many_as_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_each_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(holds_and_releases, setup, teardown),
        cmocka_unit_test_setup_teardown(is_idempotent_by_token, setup, teardown),
        cmocka_unit_test_setup_teardown(forgets_a_token_that_placed_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(provisions_awsvpc_tasks, setup, teardown),
        cmocka_unit_test_setup_teardown(starts_where_it_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(start_task_refuses, setup, teardown),
    };

    return cmocka_run_group_tests_name("RunTask, StartTask", tests, NULL, NULL);
}
