/* Families and revisions: RegisterTaskDefinition, Describe, Deregister, the two lists. */
#include "world.h"

static int64_t register_one(struct world *world, const char *family)
{
    const char *answer = world_ok(
        world, "RegisterTaskDefinition",
        "{'family': '%s', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8}]}",
        family);

    return world_number(world, answer, "taskDefinition.revision");
}

/* API-090, API-014; what was asked comes back, what ECS adds is there, tags stand beside. */
static void test_register(void **state)
{
    struct world *world = *state;
    const char *answer = world_ok(world, "RegisterTaskDefinition",
                                  "{'family': 'web', 'cpu': '256', 'executionRoleArn': "
                                  "'arn:aws:iam::0:role/x', 'tags': [{'key': 'k', 'value': "
                                  "'\u00fe\u00fe\u00ff\u00ff'}], 'containerDefinitions': [{'name': "
                                  "'c', 'image': 'nginx', 'memory': 64, "
                                  "'logConfiguration': {'logDriver': 'awslogs', 'options': "
                                  "{'awslogs-group': 'g', 'awslogs-region': 'r'}}}]}");

    assert_string_equal(world_text(world, answer, "taskDefinition.taskDefinitionArn"),
                        ARN("task-definition/web:1"));
    assert_int_equal(world_number(world, answer, "taskDefinition.revision"), 1);
    assert_string_equal(world_text(world, answer, "taskDefinition.status"), "ACTIVE");
    assert_string_equal(world_text(world, answer, "taskDefinition.cpu"), "256");
    assert_string_equal(world_text(world, answer, "taskDefinition.registeredBy"),
                        "arn:aws:iam::" ACCOUNT ":root");
    assert_int_equal(world_number(world, answer, "taskDefinition.registeredAt"),
                     world->now_ms / 1000);
    assert_int_equal(world_count(world, answer, "taskDefinition.requiresAttributes"), 4);
    assert_string_equal(world_text(world, answer, "taskDefinition.requiresAttributes.0.name"),
                        "com.amazonaws.ecs.capability.docker-remote-api.1.18");
    assert_int_equal(world_count(world, answer, "taskDefinition.compatibilities"), 2);
    assert_int_equal(world_number(world, answer, "taskDefinition.containerDefinitions.0.essential"),
                     1);
    assert_int_equal(world_count(world, answer, "taskDefinition.volumes"), 0);
    assert_string_equal(world_text(world, answer, "tags.0.value"),
                        "\u00fe\u00fe\u00ff\u00ff"); /* TD-040 */
    assert_false(world_has(world, answer, "taskDefinition.tags"));
    assert_false(world_has(world, answer, "taskDefinition.requiresCompatibilities"));
    assert_false(world_has(world, answer, "taskDefinition.memory"));
    assert_false(world_has(world, answer, "taskDefinition.networkMode"));
}

/* Every member there is, for container instances (example 1 of TD- section 19). */
#define FULL                                                                                       \
    "{'family': 'full', 'taskRoleArn': 'arn:aws:iam::0:role/t', 'executionRoleArn': "              \
    "'arn:aws:iam::0:role/e', "                                                                    \
    "'networkMode': 'bridge', 'cpu': '1024', 'memory': '2048', 'pidMode': 'task', 'ipcMode': "     \
    "'task', "                                                                                     \
    "'requiresCompatibilities': ['EC2'], 'enableFaultInjection': false, 'placementConstraints': "  \
    "[{'type': 'memberOf', "                                                                       \
    "'expression': 'attribute:ecs.os-type == linux'}], 'runtimePlatform': {'cpuArchitecture': "    \
    "'X86_64', "                                                                                   \
    "'operatingSystemFamily': 'LINUX'}, 'ephemeralStorage': {'sizeInGiB': 30}, "                   \
    "'inferenceAccelerators': [{'deviceName': "                                                    \
    "'device_1', 'deviceType': 'eia1.medium'}], 'volumes': [{'name': 'host', 'host': "             \
    "{'sourcePath': '/data'}}, {'name': "                                                          \
    "'scratch', 'host': {}}, {'name': 'docker', 'dockerVolumeConfiguration': {'scope': 'shared', " \
    "'autoprovision': true, "                                                                      \
    "'driver': 'local', 'driverOpts': {'type': 'tmpfs'}, 'labels': {'a': 'b'}}}, {'name': 'efs', " \
    "'efsVolumeConfiguration': {'fileSystemId': 'fs-1', 'rootDirectory': '/', "                    \
    "'transitEncryption': 'ENABLED', "                                                             \
    "'transitEncryptionPort': 2999, 'authorizationConfig': {'accessPointId': 'fsap-1', 'iam': "    \
    "'ENABLED'}}}], "                                                                              \
    "'containerDefinitions': [{'name': 'app', 'image': 'repo/app:1', 'repositoryCredentials': "    \
    "{'credentialsParameter': "                                                                    \
    "'arn:aws:secretsmanager:us-east-1:0:secret:x'}, 'cpu': 100, 'memory': 512, "                  \
    "'memoryReservation': 256, 'links': "                                                          \
    "['db:database'], 'portMappings': [{'containerPort': 80, 'hostPort': 8080, 'protocol': "       \
    "'tcp', 'name': 'web', "                                                                       \
    "'appProtocol': 'http'}, {'containerPortRange': '9000-9002', 'protocol': 'udp'}], "            \
    "'essential': true, 'restartPolicy': "                                                         \
    "{'enabled': true, 'ignoredExitCodes': [0], 'restartAttemptPeriod': 60}, 'entryPoint': "       \
    "['sh', '-c'], 'command': "                                                                    \
    "['run it'], 'environment': [{'name': 'EMPTY', 'value': ''}], 'environmentFiles': [{'value': " \
    "'arn:aws:s3:::bucket/app.env', 'type': 's3'}], 'mountPoints': [{'sourceVolume': 'host', "     \
    "'containerPath': '/data', "                                                                   \
    "'readOnly': true}], 'volumesFrom': [{'sourceContainer': 'db', 'readOnly': false}], "          \
    "'linuxParameters': "                                                                          \
    "{'capabilities': {'add': ['SYS_PTRACE'], 'drop': ['MKNOD']}, 'devices': [{'hostPath': "       \
    "'/dev/null', 'containerPath': "                                                               \
    "'/dev/x', 'permissions': ['read', 'write']}], 'initProcessEnabled': true, "                   \
    "'sharedMemorySize': 64, 'tmpfs': "                                                            \
    "[{'containerPath': '/tmp', 'size': 10, 'mountOptions': ['noexec']}], 'maxSwap': 0, "          \
    "'swappiness': 60}, 'secrets': "                                                               \
    "[{'name': 'TOKEN', 'valueFrom': 'parameter'}], 'dependsOn': [{'containerName': 'db', "        \
    "'condition': 'HEALTHY'}], "                                                                   \
    "'startTimeout': 30, 'stopTimeout': 45, 'versionConsistency': 'disabled', 'hostname': 'app', " \
    "'user': '1000:1000', "                                                                        \
    "'workingDirectory': '/srv', 'disableNetworking': false, 'privileged': false, "                \
    "'readonlyRootFilesystem': true, "                                                             \
    "'dnsServers': ['10.0.0.2'], 'dnsSearchDomains': ['example.com'], 'extraHosts': "              \
    "[{'hostname': 'h', 'ipAddress': "                                                             \
    "'10.0.0.3'}], 'dockerSecurityOptions': ['no-new-privileges'], 'interactive': true, "          \
    "'pseudoTerminal': true, "                                                                     \
    "'dockerLabels': {'l': 'v'}, 'ulimits': [{'name': 'nofile', 'softLimit': 1024, 'hardLimit': "  \
    "4096}], "                                                                                     \
    "'logConfiguration': {'logDriver': 'splunk', 'options': {'splunk-url': 'u'}, "                 \
    "'secretOptions': [{'name': "                                                                  \
    "'splunk-token', 'valueFrom': 'p'}]}, 'systemControls': [{'namespace': 'net.core.somaxconn', " \
    "'value': '1024'}], "                                                                          \
    "'resourceRequirements': [{'type': 'InferenceAccelerator', 'value': 'device_1'}]}, {'name': "  \
    "'db', 'image': "                                                                              \
    "'db@sha256:00', 'healthCheck': {'command': ['CMD-SHELL', 'true'], 'interval': 10, "           \
    "'timeout': 3, 'retries': 5, "                                                                 \
    "'startPeriod': 1}, 'firelensConfiguration': {'type': 'fluentbit', 'options': "                \
    "{'enable-ecs-log-metadata': "                                                                 \
    "'true'}}}]}"

/* All of `asked` is in `got`: members may be added, nothing changes. */
static void assert_within(const json_t *asked, const json_t *got, const char *name)
{
    const char *member;
    json_t *value;
    size_t i;

    if (json_is_object(asked)) {
        json_object_foreach ((json_t *)asked, member, value)
            assert_within(value, json_object_get(got, member), member);
        return;
    }
    if (json_is_array(asked)) {
        if (json_array_size(asked) != json_array_size(got))
            fail_msg("%s has %zu items, of %zu", name, json_array_size(got),
                     json_array_size(asked));
        json_array_foreach (asked, i, value)
            assert_within(value, json_array_get(got, i), name);
        return;
    }
    if (!json_equal(asked, got))
        fail_msg("%s did not come back", name);
}

/* TD-019, TD-002 of section 0: nothing is lost or changed, registered and described. */
static void test_everything_comes_back(void **state)
{
    struct world *world = *state;
    char *text = arena_dup(&world->arena, FULL);
    json_t *asked, *registered, *described;

    for (char *at = text; *at; at++)
        if (*at == '\'')
            *at = '"';
    asked = json_loads(text, 0, NULL);
    assert_non_null(asked);
    registered = json_loads(world_ok(world, "RegisterTaskDefinition", "%s", FULL), 0, NULL);
    assert_within(asked, json_object_get(registered, "taskDefinition"), "taskDefinition");
    described = json_loads(world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': 'full'}"),
                           0, NULL);
    assert_true(json_equal(described, registered));
    json_decref(asked);
    json_decref(registered);
    json_decref(described);
}

/* TD-001, TD-004, TD-276, API-090 */
static void test_revisions(void **state)
{
    struct world *world = *state;
    const char *answer;

    assert_int_equal(register_one(world, "web"), 1);
    assert_int_equal(register_one(world, "web"), 2);
    assert_int_equal(register_one(world, "other"), 1);
    answer = world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': 'web'}");
    assert_int_equal(world_number(world, answer, "taskDefinition.revision"), 2);
    answer = world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': 'web:1'}");
    assert_int_equal(world_number(world, answer, "taskDefinition.revision"), 1);
    answer = world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': '%s'}",
                      ARN("task-definition/web"));
    assert_int_equal(world_number(world, answer, "taskDefinition.revision"), 2);

    answer = world_ok(world, "DeregisterTaskDefinition", "{'taskDefinition': 'web:2'}");
    assert_string_equal(world_text(world, answer, "taskDefinition.status"), "INACTIVE");
    assert_int_equal(world_number(world, answer, "taskDefinition.deregisteredAt"),
                     world->now_ms / 1000);
    answer = world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': 'web'}");
    assert_int_equal(world_number(world, answer, "taskDefinition.revision"), 1);
    answer = world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': 'web:2'}"); /* TD-009 */
    assert_string_equal(world_text(world, answer, "taskDefinition.status"), "INACTIVE");
    world_ok(world, "DeregisterTaskDefinition", "{'taskDefinition': 'web:2'}"); /* API-021 */
    world_ok(world, "DeregisterTaskDefinition", "{'taskDefinition': '%s'}",
             ARN("task-definition/web:1"));
    world_refused(world, "DescribeTaskDefinition", "{'taskDefinition': 'web'}", API_CLIENT,
                  "Unable to describe task definition.");
    assert_int_equal(register_one(world, "web"), 3);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *why, *operation, *json, *text;
        enum api_error code;
    } rows[] = {
        {"API-114", "DescribeTaskDefinition", "{'taskDefinition': 'nope'}",
         "Unable to describe task definition.", API_CLIENT},
        {"API-114", "DescribeTaskDefinition", "{'taskDefinition': 'web:9'}",
         "Unable to describe task definition.", API_CLIENT},
        {"TD- section 21", "DescribeTaskDefinition", "{'taskDefinition': 'web:x'}",
         "Invalid revision number", API_INVALID_PARAMETER},
        {"API-033", "DescribeTaskDefinition",
         "{'taskDefinition': 'arn:aws:ecs:us-east-1:111111111111:task-definition/web:1'}",
         "Identifier is for 111111111111", API_INVALID_PARAMETER},
        {"another kind", "DescribeTaskDefinition",
         "{'taskDefinition': 'arn:aws:ecs:us-east-1:000000000000:cluster/web'}",
         "TaskDefinition Identifier is invalid", API_INVALID_PARAMETER},
        {"API-113", "DeregisterTaskDefinition", "{'taskDefinition': 'web'}", "Revision is missing",
         API_CLIENT},
        {"API-113", "DeregisterTaskDefinition", "{'taskDefinition': 'web:7'}", "does not exist",
         API_CLIENT},
        {"API-030", "DeregisterTaskDefinition", "{}", "taskDefinition", API_INVALID_PARAMETER},
        {"API-089", "RegisterTaskDefinition",
         "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i'}]}",
         "At least one of 'memory' or 'memoryReservation'", API_CLIENT},
        {"API-089", "RegisterTaskDefinition", "{'family': 'f'}", "containerDefinitions",
         API_CLIENT},
        {"API-039", "RegisterTaskDefinition",
         "{'family': 'f', 'tags': [{'key': 'aws:x', 'value': ''}], 'containerDefinitions': "
         "[{'name': 'c', 'image': 'i', "
         "'memory': 8}]}",
         "aws:", API_CLIENT},
        {"API-115", "ListTaskDefinitions", "{'sort': 'UP'}", "sort", API_INVALID_PARAMETER},
    };
    struct world *world = *state;

    register_one(world, "web");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refused(world, rows[i].operation, rows[i].json, rows[i].code, rows[i].text);
    assert_int_equal(register_one(world, "f"), 1); /* what was refused took no number */
}

/* DeleteTaskDefinitions (API- section 11): INACTIVE ones only, each for itself, by name or ARN. */
static void test_delete(void **state)
{
    struct world *world = *state;
    const char *answer;

    register_one(world, "web");
    register_one(world, "web");
    register_one(world, "web");
    world_ok(world, "DeregisterTaskDefinition", "{'taskDefinition': 'web:1'}");
    world_ok(world, "DeregisterTaskDefinition", "{'taskDefinition': 'web:3'}");
    answer =
        world_ok(world, "DeleteTaskDefinitions",
                 "{'taskDefinitions': ['web:1', 'web:2', 'web:9', 'web', 'a b', 'web:x', '%s']}",
                 ARN("task-definition/web:3"));
    assert_int_equal(world_count(world, answer, "taskDefinitions"), 2);
    assert_int_equal(world_number(world, answer, "taskDefinitions.0.revision"), 1);
    assert_string_equal(world_text(world, answer, "taskDefinitions.0.status"),
                        "DELETE_IN_PROGRESS");
    assert_int_equal(world_number(world, answer, "taskDefinitions.0.deleteRequestedAt"),
                     world->now_ms / 1000);
    assert_true(world_has(world, answer, "taskDefinitions.0.deregisteredAt"));
    assert_int_equal(world_number(world, answer, "taskDefinitions.1.revision"), 3);
    assert_int_equal(world_count(world, answer, "failures"), 5);
    assert_string_equal(world_text(world, answer, "failures.0.arn"), "web:2");
    assert_string_equal(world_text(world, answer, "failures.0.reason"),
                        "The specified task definition is still in ACTIVE status. Please "
                        "deregister the target and try again.");
    assert_string_equal(world_text(world, answer, "failures.1.reason"),
                        "The specified task definition does not exist. Specify a valid account, "
                        "family, revision and try again.");
    for (int i = 2; i < 5; i++)
        assert_string_equal(
            world_text(world, answer, arena_printf(&world->arena, "failures.%d.reason", i)),
            "The specified task definition identifier is invalid. Specify a valid name or ARN and "
            "try again.");

    /* Described and listed; not for anything new, and no more ACTIVE. */
    answer = world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': 'web:1'}");
    assert_string_equal(world_text(world, answer, "taskDefinition.status"), "DELETE_IN_PROGRESS");
    answer = world_ok(world, "ListTaskDefinitions", "{'status': 'DELETE_IN_PROGRESS'}");
    assert_int_equal(world_count(world, answer, "taskDefinitionArns"), 2);
    answer = world_ok(world, "ListTaskDefinitions", "{'status': 'INACTIVE'}");
    assert_int_equal(world_count(world, answer, "taskDefinitionArns"), 0);
    world_make_cluster(world, "default");
    world_refused(world, "RunTask", "{'taskDefinition': 'web:1'}", API_INVALID_PARAMETER,
                  "TaskDefinition is inactive");

    /* Repeating it changes nothing (API-021). */
    world->now_ms += 60000;
    answer = world_ok(world, "DeleteTaskDefinitions", "{'taskDefinitions': ['web:1']}");
    assert_int_equal(world_number(world, answer, "taskDefinitions.0.deleteRequestedAt"),
                     world->now_ms / 1000 - 60);
    answer = world_ok(world, "DeregisterTaskDefinition", "{'taskDefinition': 'web:1'}");
    assert_string_equal(world_text(world, answer, "taskDefinition.status"), "DELETE_IN_PROGRESS");
    assert_int_equal(register_one(world, "web"), 4);
}

/* MS-240, MS-241, MS-242: with what the operator allows. */
static void test_quotas(void **state)
{
    struct world *world = *state;
    struct quotas quotas = {0};

    assert_null(quotas_set(&quotas, "revisions-per-family=2"));
    assert_null(quotas_set(&quotas, "containers-per-task-definition=1"));
    assert_null(quotas_set(&quotas, "task-definition-bytes=400"));
    world->ecs.quotas = &quotas;
    register_one(world, "web");
    world_ok(world, "DeregisterTaskDefinition", "{'taskDefinition': 'web:1'}");
    register_one(world, "web");
    world_refused(
        world, "RegisterTaskDefinition",
        "{'family': 'web', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8}]}",
        API_CLIENT, "revisions-per-family");
    world_refused(world, "RegisterTaskDefinition",
                  "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': "
                  "8}, {'name': 'd', 'image': 'i', 'memory': 8}]}",
                  API_CLIENT, "containers-per-task-definition");
    world_refused(
        world, "RegisterTaskDefinition",
        "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8, "
        "'command': ['0123456789012345678901234567890123456789', "
        "'0123456789012345678901234567890123456789', '0123456789012345678901234567890123456789', "
        "'0123456789012345678901234567890123456789', "
        "'0123456789012345678901234567890123456789']}]}",
        API_CLIENT, "Max allowed length is '400' bytes.");
}

/* MS-241 */
static void test_size_limit(void **state)
{
    struct world *world = *state;
    char *value = arena_alloc(&world->arena, 64 * 1024 + 1);

    memset(value, 'x', 64 * 1024);
    world_refused(
        world, "RegisterTaskDefinition",
        arena_printf(
            &world->arena,
            "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8, "
            "'environment': [{'name': 'E', 'value': '%s'}]}]}",
            value),
        API_CLIENT, "Max allowed length is '65536' bytes.");
}

/* API-045: tags only when asked for. */
static void test_tags(void **state)
{
    struct world *world = *state;
    const char *answer;

    world_ok(world, "RegisterTaskDefinition",
             "{'family': 'f', 'tags': [{'key': 'k', 'value': 'v'}], 'containerDefinitions': "
             "[{'name': 'c', 'image': 'i', "
             "'memory': 8}]}");
    assert_false(world_has(
        world, world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': 'f'}"), "tags"));
    answer =
        world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': 'f', 'include': ['TAGS']}");
    assert_string_equal(world_text(world, answer, "tags.0.key"), "k");
    register_one(world, "g");
    answer =
        world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': 'g', 'include': ['TAGS']}");
    assert_int_equal(world_count(world, answer, "tags"), 0);
}

/* Everything of a list, page by page, in one line. */
static const char *all_of(struct world *world, const char *operation, const char *more,
                          const char *member, int size)
{
    CLEANUP(buf_done) struct buf text = {0};
    const char *token = NULL;

    do {
        const char *answer =
            world_ok(world, operation, "{'maxResults': %d%s%s%s%s}", size, more,
                     token ? ", 'nextToken': '" : "", token ? token : "", token ? "'" : "");
        size_t count = world_count(world, answer, member);

        assert_true(count <= (size_t)size);
        for (size_t i = 0; i < count; i++) {
            const char *item =
                world_text(world, answer, arena_printf(&world->arena, "%s.%zu", member, i));
            const char *slash = strrchr(item, '/');

            buf_printf(&text, "%s%s", text.len ? " " : "", slash ? slash + 1 : item);
        }
        token = world_text(world, answer, "nextToken");
    } while (token);
    return arena_dup(&world->arena, text.data ? text.data : "");
}

/* API-115: lexicographic families, numeric revisions; familyPrefix is a whole name. */
static void test_list(void **state)
{
    static const struct {
        const char *more, *wanted;
    } rows[] = {
        {"", "a:1 a:2 a:3 a:5 a:6 a:7 a:8 a:9 a:10 a:11 ab:1 c:1"},
        {", 'sort': 'DESC'", "c:1 ab:1 a:11 a:10 a:9 a:8 a:7 a:6 a:5 a:3 a:2 a:1"},
        {", 'status': 'INACTIVE'", "a:4 b:1"},
        {", 'status': 'INACTIVE', 'sort': 'DESC'", "b:1 a:4"},
        {", 'familyPrefix': 'a'", "a:1 a:2 a:3 a:5 a:6 a:7 a:8 a:9 a:10 a:11"},
        {", 'familyPrefix': 'a', 'sort': 'DESC'", "a:11 a:10 a:9 a:8 a:7 a:6 a:5 a:3 a:2 a:1"},
        {", 'familyPrefix': 'nope'", ""},
    };
    struct world *world = *state;

    for (int i = 0; i < 11; i++)
        register_one(world, "a");
    register_one(world, "ab");
    register_one(world, "b");
    register_one(world, "c");
    world_ok(world, "DeregisterTaskDefinition", "{'taskDefinition': 'a:4'}");
    world_ok(world, "DeregisterTaskDefinition", "{'taskDefinition': 'b:1'}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int size = 1; size <= 12; size++)
            assert_string_equal(
                all_of(world, "ListTaskDefinitions", rows[i].more, "taskDefinitionArns", size),
                rows[i].wanted);
}

/* API-116: a true prefix; INACTIVE is a family without an ACTIVE revision. */
static void test_families(void **state)
{
    static const struct {
        const char *more, *wanted;
    } rows[] = {
        {"", "a ab abc b"},
        {", 'status': 'ALL'", "a ab abc b"},
        {", 'status': 'ACTIVE'", "a abc b"},
        {", 'status': 'INACTIVE'", "ab"},
        {", 'familyPrefix': 'ab'", "ab abc"},
        {", 'familyPrefix': 'aa'", ""},
        {", 'familyPrefix': 'ab', 'status': 'ACTIVE'", "abc"},
    };
    struct world *world = *state;

    register_one(world, "b");
    register_one(world, "abc");
    register_one(world, "ab");
    register_one(world, "a");
    world_ok(world, "DeregisterTaskDefinition", "{'taskDefinition': 'ab:1'}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int size = 1; size <= 5; size++)
            assert_string_equal(
                all_of(world, "ListTaskDefinitionFamilies", rows[i].more, "families", size),
                rows[i].wanted);
}

/* API-059: a token is of the filters it came with. */
static void test_token_of_other_filters(void **state)
{
    struct world *world = *state;
    const char *token;

    register_one(world, "a");
    register_one(world, "b");
    token =
        world_text(world, world_ok(world, "ListTaskDefinitions", "{'maxResults': 1}"), "nextToken");
    assert_non_null(token);
    world_refused(world, "ListTaskDefinitions",
                  arena_printf(&world->arena, "{'sort': 'DESC', 'nextToken': '%s'}", token),
                  API_INVALID_PARAMETER, "token");
    world_refused(world, "ListTaskDefinitions",
                  arena_printf(&world->arena, "{'status': 'INACTIVE', 'nextToken': '%s'}", token),
                  API_INVALID_PARAMETER, "token");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_register, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_everything_comes_back, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_revisions, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_delete, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_quotas, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_size_limit, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_tags, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_list, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_families, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_token_of_other_filters, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
