/* Container instances: registration, agents' keys, describe, list, draining, deregistration. */
#include "world.h"

#define RESOURCES                                                                                  \
    "'totalResources': [{'name': 'CPU', 'type': 'INTEGER', 'integerValue': 2048}, {'name': "       \
    "'MEMORY', 'type': "                                                                           \
    "'INTEGER', 'integerValue': 3955}, {'name': 'PORTS', 'type': 'STRINGSET', 'stringSetValue': "  \
    "['22', '2376', "                                                                              \
    "'2375']}, {'name': 'PORTS_UDP', 'type': 'STRINGSET', 'stringSetValue': ['53']}]"

static const char *register_with(struct world *world, const char *more)
{
    return world_ok(world, "RegisterContainerInstance", "{'cluster': 'default', " RESOURCES "%s}",
                    more);
}

static const char *value_of(struct world *world, const char *answer, const char *attribute)
{
    size_t count = world_count(world, answer, "containerInstance.attributes");

    for (size_t i = 0; i < count; i++)
        if (strcmp(
                world_text(world, answer,
                           arena_printf(&world->arena, "containerInstance.attributes.%zu.name", i)),
                attribute) == 0) {
            const char *value = world_text(
                world, answer,
                arena_printf(&world->arena, "containerInstance.attributes.%zu.value", i));

            return value ? value : "";
        }
    return NULL;
}

/* API-048, AP-108: by code and text the agent knows that it may create "default". */
static void test_register_without_cluster(void **state)
{
    struct world *world = *state;

    world_refused(world, "RegisterContainerInstance", "{'cluster': 'default'}", API_CLIENT,
                  "Cluster not found.");
    world_make_cluster(world, "default");
    world_ok(world, "DeleteCluster", "{'cluster': 'default'}");
    world_refused(world, "RegisterContainerInstance", "{'cluster': 'default'}", API_CLIENT,
                  "Cluster not found.");
}

/* API-165, API-166, AP-102, AP-104, AP-154, CL-251, CL-260 */
static void test_register(void **state)
{
    struct world *world = *state;
    const char *answer;

    world_make_cluster(world, "default");
    answer = register_with(
        world,
        ", 'clientToken': '61f6e312-be42-4a89-8e6f-38c02716f91d', 'instanceIdentityDocument': '', "
        "'instanceIdentityDocumentSignature': '', 'tags': [{'key': 'k', 'value': 'v'}], "
        "'attributes': [{'name': 'rack', 'value': 'r1'}, {'name': 'ecs.capability.external'}, "
        "{'name': 'ecs.os-type', 'value': 'linux'}]");
    assert_string_equal(world_text(world, answer, "containerInstance.status"), "ACTIVE");
    assert_int_equal(world_number(world, answer, "containerInstance.agentConnected"), 1);
    assert_int_equal(world_number(world, answer, "containerInstance.version"), 1);
    assert_int_equal(world_number(world, answer, "containerInstance.registeredAt"),
                     world->now_ms / 1000);
    assert_string_equal(value_of(world, answer, "rack"), "r1");
    assert_string_equal(value_of(world, answer, "ecs.capability.external"), "");
    assert_string_equal(value_of(world, answer, "ecs.os-type"), "linux");
    assert_string_equal(value_of(world, answer, "ecs.availability-zone"), "us-east-1a");
    assert_null(value_of(world, answer, "ecs.ami-id"));
    assert_memory_equal(world_text(world, answer, "containerInstance.ec2InstanceId"), "mi-",
                        3); /* API-202 */
    assert_string_equal(world_text(world, answer, "containerInstance.tags.0.value"), "v");
    assert_int_equal(world_count(world, answer, "containerInstance.registeredResources"), 4);
    assert_string_equal(world_text(world, answer, "containerInstance.registeredResources.0.name"),
                        "CPU");
    assert_string_equal(world_text(world, answer, "containerInstance.registeredResources.0.type"),
                        "INTEGER");
    assert_int_equal(
        world_number(world, answer, "containerInstance.registeredResources.0.integerValue"), 2048);
    assert_int_equal(
        world_number(world, answer, "containerInstance.registeredResources.0.longValue"), 0);
    assert_int_equal(
        world_number(world, answer, "containerInstance.registeredResources.0.doubleValue"), 0);
    assert_int_equal(
        world_number(world, answer, "containerInstance.registeredResources.1.integerValue"), 3955);
    assert_string_equal(world_text(world, answer, "containerInstance.registeredResources.2.name"),
                        "PORTS");
    assert_string_equal(
        world_text(world, answer, "containerInstance.registeredResources.2.stringSetValue.2"),
        "2375");
    assert_string_equal(
        world_text(world, answer, "containerInstance.registeredResources.3.stringSetValue.0"),
        "53");
    assert_int_equal(
        world_number(world, answer, "containerInstance.remainingResources.1.integerValue"), 3955);
}

/* What the identity document tells (AP-005), and that the same host is one instance (CL-255). */
static void test_identity_document(void **state)
{
#define IDENTITY                                                                                   \
    ", 'instanceIdentityDocument': '{\\\"instanceId\\\": \\\"i-0abc\\\", \\\"instanceType\\\": "   \
    "\\\"t3.large\\\", "                                                                           \
    "\\\"availabilityZone\\\": \\\"us-east-1c\\\", \\\"architecture\\\": \\\"x86_64\\\", "         \
    "\\\"imageId\\\": "                                                                            \
    "\\\"ami-1\\\"}', 'instanceIdentityDocumentSignature': 'c2ln'"
    struct world *world = *state;
    const char *first, *again;

    world_make_cluster(world, "default");
    first = register_with(world, IDENTITY);
    assert_string_equal(world_text(world, first, "containerInstance.ec2InstanceId"), "i-0abc");
    assert_string_equal(value_of(world, first, "ecs.availability-zone"), "us-east-1c");
    assert_string_equal(value_of(world, first, "ecs.instance-type"), "t3.large");
    assert_string_equal(value_of(world, first, "ecs.ami-id"), "ami-1");
    assert_string_equal(value_of(world, first, "ecs.cpu-architecture"), "x86_64");
    again = register_with(world, IDENTITY);
    assert_string_equal(world_text(world, again, "containerInstance.containerInstanceArn"),
                        world_text(world, first, "containerInstance.containerInstanceArn"));
}

/* AP-105, API-165: the same ARN; people's attributes stay, the agent's are replaced; resources may
 * change. */
static void test_register_again(void **state)
{
    struct world *world = *state;
    const char *answer, *arn;

    world_make_cluster(world, "default");
    answer = register_with(world, ", 'attributes': [{'name': 'rack', 'value': 'r1'}, {'name': "
                                  "'ecs.capability.old'}, {'name': "
                                  "'ecs.os-type', 'value': 'linux'}]");
    arn = world_text(world, answer, "containerInstance.containerInstanceArn");
    world_ok(world, "TagResource", "{'resourceArn': '%s', 'tags': [{'key': 'mine', 'value': '1'}]}",
             arn);
    answer = world_ok(
        world, "RegisterContainerInstance",
        "{'cluster': 'default', 'containerInstanceArn': '%s', 'totalResources': [{'name': 'CPU', "
        "'integerValue': "
        "1024}, {'name': 'MEMORY', 'integerValue': 8000}], 'attributes': [{'name': "
        "'ecs.capability.new'}, "
        "{'name': 'ecs.os-type', 'value': 'linux'}], 'tags': [{'key': 'k', 'value': 'v'}]}",
        arn);
    assert_string_equal(world_text(world, answer, "containerInstance.containerInstanceArn"), arn);
    assert_string_equal(value_of(world, answer, "rack"), "r1");
    assert_string_equal(value_of(world, answer, "ecs.capability.new"), "");
    assert_null(value_of(world, answer, "ecs.capability.old"));
    assert_int_equal(
        world_number(world, answer, "containerInstance.registeredResources.0.integerValue"), 1024);
    assert_int_equal(world_count(world, answer, "containerInstance.tags"), 2);
    assert_int_equal(world_number(world, answer, "containerInstance.registeredAt"),
                     world->now_ms / 1000);
    answer = world_ok(world, "ListContainerInstances", "{}");
    assert_int_equal(world_count(world, answer, "containerInstanceArns"), 1);
}

/* API-048, AP-106 */
static void test_register_a_gone_one(void **state)
{
    struct world *world = *state;
    const char *arn;

    world_make_cluster(world, "default");
    arn = world_register_instance(world, "default");
    world_ok(world, "DeregisterContainerInstance", "{'containerInstance': '%s'}", arn);
    world_refused(
        world, "RegisterContainerInstance",
        arena_printf(&world->arena, "{'cluster': 'default', 'containerInstanceArn': '%s'}", arn),
        API_CLIENT,
        arena_printf(&world->arena, "Container instance %s is inactive.", strrchr(arn, '/') + 1));
    world_make_cluster(world, "other");
    world_refused(
        world, "RegisterContainerInstance", /* CL-257 */
        arena_printf(&world->arena, "{'cluster': 'other', 'containerInstanceArn': '%s'}", arn),
        API_INVALID_PARAMETER, "Identifier is for cluster default. Your cluster is other");
}

/* AP-101: a repeated call is one registration. */
static void test_client_token(void **state)
{
    struct world *world = *state;
    const char *first, *again;

    world_make_cluster(world, "default");
    first = register_with(world, ", 'clientToken': 'aaa'");
    again = register_with(world, ", 'clientToken': 'aaa'");
    assert_string_equal(world_text(world, first, "containerInstance.containerInstanceArn"),
                        world_text(world, again, "containerInstance.containerInstanceArn"));
    again = register_with(world, ", 'clientToken': 'bbb'");
    assert_string_not_equal(world_text(world, first, "containerInstance.containerInstanceArn"),
                            world_text(world, again, "containerInstance.containerInstanceArn"));
}

static void test_register_refusals(void **state)
{
    static const struct {
        const char *why, *json, *text;
    } rows[] = {
        {"a port that is none",
         "{'totalResources': [{'name': 'PORTS', 'stringSetValue': ['http']}]}", "port"},
        {"AP-102", "{'totalResources': [{'name': 'CPU', 'integerValue': -1}]}", "negative"},
        {"no name", "{'attributes': [{'name': ''}]}", "attribute"},
        {"API-039", "{'tags': [{'key': 'aws:x', 'value': 'y'}]}", "aws:"},
        {"API-037",
         "{'containerInstanceArn': "
         "'arn:aws:ecs:us-east-1:000000000000:container-instance/default/zz'}",
         "length should be one of [32,36]"},
    };
    struct world *world = *state;

    world_make_cluster(world, "default");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refused(world, "RegisterContainerInstance", rows[i].json, API_INVALID_PARAMETER,
                      rows[i].text);
    assert_int_equal(world_count(world, world_ok(world, "ListContainerInstances", "{}"),
                                 "containerInstanceArns"),
                     0);
}

/* ---- agents' keys (API-180, CL-268, API-023) ---- */

static void test_agent_key(void **state)
{
    struct world *world = *state;
    const char *arn, *other, *answer;

    world_make_cluster(world, "default");
    world_make_cluster(world, "other");
    other = world_register_instance(world, "default");
    world_become_agent(world, "AKIAAGENT", "default");
    world_refused(world, "RegisterContainerInstance", "{'cluster': 'other'}", API_ACCESS_DENIED,
                  "User: arn:aws:iam::000000000000:user/host is not authorized to perform: "
                  "ecs:RegisterContainerInstance on "
                  "resource: " ARN("cluster/other"));
    arn = world_register_instance(world, "default");
    world_become_agent(world, "AKIAAGENT", "default");
    assert_false(id_is_zero(&world->principal.agent_instance));

    /* A host that lost its state is the same instance (CL-255). */
    assert_string_equal(world_register_instance(world, "default"), arn);
    /* Unless that is at work: then the key is in two places. */
    state_set_instance_connected(world->state, world_instance(world, arn), true);
    world_refused(world, "RegisterContainerInstance", "{'cluster': 'default'}", API_ACCESS_DENIED,
                  "agent is connected");
    world_ok(world, "RegisterContainerInstance",
             "{'cluster': 'default', 'containerInstanceArn': '%s'}", arn);

    world_refused(
        world, "RegisterContainerInstance",
        arena_printf(&world->arena, "{'cluster': 'default', 'containerInstanceArn': '%s'}", other),
        API_ACCESS_DENIED, "not authorized");
    world_refused(
        world, "UpdateContainerInstancesState",
        arena_printf(&world->arena, "{'containerInstances': ['%s'], 'status': 'DRAINING'}", other),
        API_ACCESS_DENIED, "ecs:UpdateContainerInstancesState");
    answer = world_ok(world, "UpdateContainerInstancesState",
                      "{'containerInstances': ['%s'], 'status': 'DRAINING'}", arn);
    assert_string_equal(world_text(world, answer, "containerInstances.0.status"),
                        "DRAINING"); /* AP-141 */

    world_become_account(world);
    world_ok(world, "DeregisterContainerInstance", "{'containerInstance': '%s', 'force': true}",
             arn);
    world_become_agent(world, "AKIAAGENT", "default");
    assert_string_not_equal(world_register_instance(world, "default"),
                            arn); /* the gone one stays gone */
}

static void test_what_an_agent_may_not(void **state)
{
    static const struct {
        const char *operation, *json;
    } rows[] = {
        {"ListClusters", "{}"},
        {"DescribeClusters", "{}"},
        {"DeleteCluster", "{'cluster': 'default'}"},
        {"CreateCluster", "{'clusterName': 'mine'}"},
        {"RegisterTaskDefinition",
         "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8}]}"},
        {"DescribeTaskDefinition", "{'taskDefinition': 'f'}"},
        {"DeregisterTaskDefinition", "{'taskDefinition': 'f:1'}"},
        {"ListTaskDefinitions", "{}"},
        {"ListTaskDefinitionFamilies", "{}"},
        {"ListContainerInstances", "{}"},
        {"DescribeContainerInstances",
         "{'containerInstances': ['0123456789abcdef0123456789abcdef']}"},
        {"TagResource",
         "{'resourceArn': '" ARN("cluster/default") "', 'tags': [{'key': 'k', 'value': 'v'}]}"},
        {"UntagResource", "{'resourceArn': '" ARN("cluster/default") "', 'tagKeys': ['k']}"},
        {"RunTask", "{'taskDefinition': 'f'}"},
        {"ListTasks", "{}"},
        {"DescribeTasks", "{'tasks': ['0123456789abcdef0123456789abcdef']}"},
        {"ListServices", "{}"},
        {"CreateService", "{'serviceName': 's', 'taskDefinition': 'f', 'desiredCount': 1}"},
    };
    struct world *world = *state;

    world_make_cluster(world, "default");
    world_ok(world, "RegisterTaskDefinition",
             "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8}]}");
    world_become_agent(world, "AKIAAGENT", "default");
    world_register_instance(world, "default");
    world_become_agent(world, "AKIAAGENT", "default");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refused(world, rows[i].operation, rows[i].json, API_ACCESS_DENIED,
                      "is not authorized to perform: ecs:");
    world_ok(world, "CreateCluster", "{'clusterName': 'default'}"); /* AP-108 */
}

/* Who may not ask does not learn what exists: nothing these name is there (API-023). */
static void test_what_an_agent_does_not_learn(void **state)
{
#define ID "0123456789abcdef0123456789abcdef"
    static const struct {
        const char *operation, *json, *resource;
    } rows[] = {
        {"DeleteCluster", "{'cluster': 'none'}", ARN("cluster/none")},
        {"UpdateCluster", "{'cluster': 'none'}", ARN("cluster/none")},
        {"UpdateClusterSettings", "{'cluster': 'none', 'settings': []}", ARN("cluster/none")},
        {"PutClusterCapacityProviders",
         "{'cluster': 'none', 'capacityProviders': [], 'defaultCapacityProviderStrategy': []}",
         ARN("cluster/none")},
        {"DeregisterContainerInstance", "{'cluster': 'none', 'containerInstance': '" ID "'}",
         ARN("container-instance/none/" ID)},
        {"RunTask", "{'cluster': 'none', 'taskDefinition': 'f'}", ARN("task-definition/f")},
        {"RunTask", "{'cluster': 'none', 'taskDefinition': 'f:7'}", ARN("task-definition/f:7")},
        {"StartTask",
         "{'cluster': 'none', 'taskDefinition': 'f', 'containerInstances': ['" ID "']}",
         ARN("task-definition/f")},
        {"StopTask", "{'cluster': 'none', 'task': '" ID "'}", ARN("task/none/" ID)},
        {"DescribeTasks", "{'cluster': 'none', 'tasks': ['" ID "']}", ARN("task/none/" ID)},
        {"ListTasks", "{'cluster': 'none', 'serviceName': 's'}", "*"},
        {"ListTasks", "{'cluster': 'none', 'containerInstance': '" ID "'}",
         ARN("container-instance/none/" ID)},
        {"GetTaskProtection", "{'cluster': 'none', 'tasks': ['" ID "']}", ARN("task/none/" ID)},
        {"UpdateTaskProtection",
         "{'cluster': 'none', 'tasks': ['" ID "'], 'protectionEnabled': true}",
         ARN("task/none/" ID)},
        {"CreateService", "{'cluster': 'none', 'serviceName': 's', 'taskDefinition': 'f'}",
         ARN("service/none/s")},
        {"UpdateService", "{'cluster': 'none', 'service': 's'}", ARN("service/none/s")},
        {"DeleteService", "{'cluster': 'none', 'service': 's'}", ARN("service/none/s")},
        {"DescribeServices", "{'cluster': 'none', 'services': ['s']}", ARN("service/none/s")},
        {"ListServices", "{'cluster': 'none'}", "*"},
        {"ListServiceDeployments", "{'cluster': 'none', 'service': 's'}", ARN("service/none/s")},
        {"CreateTaskSet", "{'cluster': 'none', 'service': 's', 'taskDefinition': 'f'}",
         ARN("task-set/none/s/*")},
        {"DescribeTaskSets", "{'cluster': 'none', 'service': 's'}", ARN("task-set/none/s/*")},
        {"UpdateTaskSet",
         "{'cluster': 'none', 'service': 's', 'taskSet': 'ecs-svc/1', 'scale': {'value': 1}}",
         ARN("task-set/none/s/ecs-svc/1")},
        {"UpdateServicePrimaryTaskSet",
         "{'cluster': 'none', 'service': 's', 'primaryTaskSet': 'ecs-svc/1'}",
         ARN("task-set/none/s/ecs-svc/1")},
        {"DeleteTaskSet", "{'cluster': 'none', 'service': 's', 'taskSet': 'ecs-svc/1'}",
         ARN("task-set/none/s/ecs-svc/1")},
    };
#undef ID
    struct world *world = *state;

    world_make_cluster(world, "default");
    world_become_agent(world, "AKIAAGENT", "default");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refused(world, rows[i].operation, rows[i].json, API_ACCESS_DENIED,
                      arena_printf(&world->arena, "perform: ecs:%s on resource: %s",
                                   rows[i].operation, rows[i].resource));
}

/* ---- looking ---- */

/* API-049, API-050, API-037, CL-234, API-032 */
static void test_describe(void **state)
{
    struct world *world = *state;
    const char *arn, *id, *answer;

    world_refused(world, "DescribeContainerInstances",
                  "{'containerInstances': ['0123456789abcdef0123456789abcdef']}",
                  API_CLUSTER_NOT_FOUND, "Cluster not found.");
    world_make_cluster(world, "default");
    arn = world_register_instance(world, "default");
    id = strrchr(arn, '/') + 1;
    answer =
        world_ok(world, "DescribeContainerInstances",
                 "{'containerInstances': ['%s', '%s', '%s', '0123456789abcdef0123456789abcdef', "
                 "'01234567-89ab-cdef-0123-456789abcdef']}",
                 arn, id, arena_printf(&world->arena, ARN("container-instance/%s"), id));
    assert_int_equal(world_count(world, answer, "containerInstances"), 3);
    assert_int_equal(world_count(world, answer, "failures"), 2);
    assert_string_equal(world_text(world, answer, "failures.0.reason"), "MISSING");
    assert_string_equal(world_text(world, answer, "failures.0.arn"),
                        ARN("container-instance/default/0123456789abcdef0123456789abcdef"));
    assert_int_equal(world_number(world, answer, "containerInstances.0.agentConnected"), 0);
    assert_int_equal(world_count(world, answer, "containerInstances.0.tags"), 0);
    assert_int_equal(world_count(world, answer, "containerInstances.0.attachments"), 0);
    assert_false(world_has(world, answer, "containerInstances.0.healthStatus"));
    assert_false(world_has(world, answer, "containerInstances.0.agentUpdateStatus"));
    answer = world_ok(
        world, "DescribeContainerInstances",
        "{'containerInstances': ['%s'], 'include': ['TAGS', 'CONTAINER_INSTANCE_HEALTH']}", arn);
    assert_string_equal(
        world_text(world, answer, "containerInstances.0.healthStatus.details.0.type"),
        "CONTAINER_RUNTIME");

    world_refused(world, "DescribeContainerInstances", "{'containerInstances': []}",
                  API_INVALID_PARAMETER, "containerInstances");
    world_refused(world, "DescribeContainerInstances", "{'containerInstances': ['abc']}",
                  API_INVALID_PARAMETER, "length should be one of [32,36]");
    world_refused(world, "DescribeContainerInstances",
                  "{'containerInstances': ['0123456789abcdef0123456789abcdef0123456789']}",
                  API_INVALID_PARAMETER, "containerInstanceId longer than 36.");
    world_refused(world, "DescribeContainerInstances", "{'containerInstances': ['arn:aws:ecs:x']}",
                  API_INVALID_PARAMETER, "Container Instance Identifier is invalid");
}

/* API-202, TD-093: what tasks hold is not left; the ports listed are those in use. */
static void test_remaining(void **state)
{
    static const struct fleet_port taken[] = {{8080, false}};
    struct world *world = *state;
    struct host_facts facts = {.is_placeable = true, .cpu = 2048, .memory = 4096};
    const struct claim claim = {.cpu = 100, .memory = 300, .ports = taken, .port_count = 1};
    const char *arn, *answer;

    world_make_cluster(world, "default");
    arn = world_register_instance(world, "default");
    facts.id = world_instance(world, arn)->id;
    fleet_put_host(world->fleet, &facts);
    fleet_hold(world->fleet, &facts.id, &claim);
    world_make_task(world, "default", arn, "c");
    answer = world_ok(world, "DescribeContainerInstances", "{'containerInstances': ['%s']}", arn);
    assert_int_equal(
        world_number(world, answer, "containerInstances.0.remainingResources.0.integerValue"),
        1948);
    assert_int_equal(
        world_number(world, answer, "containerInstances.0.remainingResources.1.integerValue"),
        3796);
    assert_string_equal(
        world_text(world, answer, "containerInstances.0.remainingResources.2.stringSetValue.0"),
        "8080");
    assert_int_equal(
        world_number(world, answer, "containerInstances.0.registeredResources.0.integerValue"),
        2048);
    assert_int_equal(world_number(world, answer, "containerInstances.0.pendingTasksCount"), 1);
    assert_int_equal(world_number(world, answer, "containerInstances.0.runningTasksCount"), 0);
}

/* API-168, CL-269, API-058 */
static void test_list(void **state)
{
    struct world *world = *state;
    const char *arns[5], *answer, *token;

    world_make_cluster(world, "default");
    for (size_t i = 0; i < ARRAY_LEN(arns); i++) {
        world->now_ms++;
        arns[i] = world_register_instance(world, "default");
    }
    world_ok(world, "UpdateContainerInstancesState",
             "{'containerInstances': ['%s'], 'status': 'DRAINING'}", arns[1]);
    world_ok(world, "DeregisterContainerInstance", "{'containerInstance': '%s'}", arns[2]);
    assert_int_equal(world_count(world, world_ok(world, "ListContainerInstances", "{}"),
                                 "containerInstanceArns"),
                     4);
    answer = world_ok(world, "ListContainerInstances", "{'status': 'DRAINING'}");
    assert_int_equal(world_count(world, answer, "containerInstanceArns"), 1);
    assert_string_equal(world_text(world, answer, "containerInstanceArns.0"), arns[1]);
    answer = world_ok(world, "ListContainerInstances", "{'status': 'ACTIVE', 'maxResults': 2}");
    assert_string_equal(world_text(world, answer, "containerInstanceArns.1"), arns[3]);
    token = world_text(world, answer, "nextToken");
    answer = world_ok(world, "ListContainerInstances",
                      "{'status': 'ACTIVE', 'maxResults': 2, 'nextToken': '%s'}", token);
    assert_int_equal(world_count(world, answer, "containerInstanceArns"), 1);
    assert_string_equal(world_text(world, answer, "containerInstanceArns.0"), arns[4]);
    assert_false(world_has(world, answer, "nextToken"));
    world_refused(world, "ListContainerInstances",
                  arena_printf(&world->arena, "{'nextToken': '%s'}", token), API_INVALID_PARAMETER,
                  "token");
    world_refused(world, "ListContainerInstances", "{'status': 'INACTIVE'}", API_INVALID_PARAMETER,
                  "status");
}

/* ---- draining and leaving ---- */

/* API-169, API-055, CL-280, CL-289 */
static void test_update_state(void **state)
{
    struct world *world = *state;
    const char *arn, *gone, *answer;

    world_make_cluster(world, "default");
    arn = world_register_instance(world, "default");
    gone = world_register_instance(world, "default");
    world_ok(world, "DeregisterContainerInstance", "{'containerInstance': '%s'}", gone);
    answer = world_ok(world, "UpdateContainerInstancesState",
                      "{'containerInstances': ['%s', '0123456789abcdef0123456789abcdef', '%s'], "
                      "'status': 'DRAINING'}",
                      arn, gone);
    assert_int_equal(world_count(world, answer, "containerInstances"), 1);
    assert_string_equal(world_text(world, answer, "containerInstances.0.status"), "DRAINING");
    assert_int_equal(world_number(world, answer, "containerInstances.0.version"), 2);
    assert_string_equal(world_text(world, answer, "failures.0.reason"), "MISSING");
    assert_string_equal(world_text(world, answer, "failures.1.reason"), "INACTIVE");
    answer = world_ok(world, "DescribeClusters", "{}");
    assert_int_equal(world_number(world, answer, "clusters.0.registeredContainerInstancesCount"),
                     1); /* CL-292 */
    answer = world_ok(world, "UpdateContainerInstancesState",
                      "{'containerInstances': ['%s'], 'status': 'ACTIVE'}", arn);
    assert_string_equal(world_text(world, answer, "containerInstances.0.status"), "ACTIVE");

    world_refused(world, "UpdateContainerInstancesState",
                  arena_printf(&world->arena,
                               "{'containerInstances': ['%s'], 'status': 'DEREGISTERING'}", arn),
                  API_INVALID_PARAMETER, "[ACTIVE, DRAINING]");
    world_refused(world, "UpdateContainerInstancesState",
                  "{'containerInstances': [], 'status': 'ACTIVE'}", API_INVALID_PARAMETER,
                  "containerInstances");
    world_refused(
        world, "UpdateContainerInstancesState",
        "{'containerInstances': ['a','a','a','a','a','a','a','a','a','a','a'], 'status': 'ACTIVE'}",
        API_INVALID_PARAMETER, "10");
}

/* API-167, CL-256, CL-301, CL-304 */
static void test_deregister(void **state)
{
    struct world *world = *state;
    const char *arn, *answer;

    world_make_cluster(world, "default");
    arn = world_register_instance(world, "default");
    world_make_task(world, "default", arn, "c");
    world_refused(world, "DeregisterContainerInstance",
                  arena_printf(&world->arena, "{'containerInstance': '%s'}", arn),
                  API_INVALID_PARAMETER, "Found running tasks on the instance.");
    answer = world_ok(world, "DeregisterContainerInstance",
                      "{'containerInstance': '%s', 'force': true}", arn);
    assert_string_equal(world_text(world, answer, "containerInstance.status"), "INACTIVE");
    assert_int_equal(world->disconnects, 1);
    answer = world_ok(world, "DescribeContainerInstances", "{'containerInstances': ['%s']}", arn);
    assert_string_equal(world_text(world, answer, "containerInstances.0.status"), "INACTIVE");
    assert_int_equal(world_count(world, world_ok(world, "ListContainerInstances", "{}"),
                                 "containerInstanceArns"),
                     0);
    answer = world_ok(world, "DeregisterContainerInstance", "{'containerInstance': '%s'}",
                      arn); /* API-021 */
    assert_string_equal(world_text(world, answer, "containerInstance.status"), "INACTIVE");
    world_refused(world, "DeregisterContainerInstance",
                  "{'containerInstance': '0123456789abcdef0123456789abcdef'}",
                  API_INVALID_PARAMETER, "not found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_register_without_cluster, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_register, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_identity_document, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_register_again, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_register_a_gone_one, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_client_token, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_register_refusals, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_agent_key, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_what_an_agent_may_not, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_what_an_agent_does_not_learn, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(test_describe, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_remaining, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_list, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_update_state, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_deregister, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
