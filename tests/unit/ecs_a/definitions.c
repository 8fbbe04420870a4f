/* Registering task definitions: what is refused and with which words, what is filled in, what hosts
 * need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ecs/task_definition_parts.h"
#include "gen/ecs_shapes.h"

static struct arena arena;

static int reset(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static int done(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static struct error *read_request(const char *json,
                                  struct ecs_register_task_definition_request *ret)
{
    char *text = arena_dup(&arena, json);

    for (char *at = text; *at; at++)
        if (*at == '\'')
            *at = '"';
        else if (*at == '`')
            *at = '\'';
    memset(ret, 0, sizeof(*ret));
    return shape_decode_text(&ecs_shapes[ECS_SHAPE_REGISTER_TASK_DEFINITION_REQUEST], 0, &arena,
                             text, strlen(text), ret);
}

/* A request in JSON with ' for ", through everything that can refuse it. */
static struct error *try_definition(const char *json, struct ecs_task_definition *ret)
{
    struct ecs_register_task_definition_request in;

    TRY(read_request(json, &in));
    TRY(definition_normalize(&arena, &in, ret));
    return definition_check(&arena, ret, &ret->compatibilities);
}

static struct ecs_task_definition definition_of(const char *json)
{
    CLEANUP(error_freep) struct error *err = NULL;
    struct ecs_task_definition definition;

    err = try_definition(json, &definition);
    if (err)
        fail_msg("%s: %s", json, err->message);
    return definition;
}

#define C(more)         "{'name': 'c', 'image': 'busybox', 'memory': 64" more "}"
#define ONE(more)       "{'family': 'f', 'containerDefinitions': [" C(more) "]}"
#define WITH(top, more) "{'family': 'f', " top ", 'containerDefinitions': [" C(more) "]}"
#define TWO(first, other)                                                                          \
    "{'family': 'f', 'containerDefinitions': [" C(first) ", {'name': 'd', 'image': 'i', "          \
                                                         "'memory': 64" other "}]}"
#define FARGATE(more)                                                                              \
    "{'family': 'f', 'requiresCompatibilities': ['FARGATE'], 'networkMode': 'awsvpc', "            \
    "'cpu': '256', 'memory': '512', 'containerDefinitions': [{'name': 'c', 'image': 'i'" more      \
    "}]}"

static const struct {
    const char *why;
    const char *json;
    const char *refusal; /* NULL: accepted */
} rows[] = {
    {"TD-001: the least there is", ONE(""), NULL},
    {"TD-018: null is absent, empty lists are fine",
     WITH("'pidMode': null, 'ipcMode': null, 'cpu': null, 'requiresCompatibilities': [], "
          "'volumes': [], "
          "'inferenceAccelerators': []",
          ", 'volumesFrom': [], 'logConfiguration': null"),
     NULL},
    {"TD-016: an empty family", "{'family': '', 'containerDefinitions': [" C("") "]}", "amily"},
    {"TD-002", "{'family': 'a b', 'containerDefinitions': [" C("") "]}",
     "Family contains invalid characters."},
    {"no containers", "{'family': 'f', 'containerDefinitions': []}",
     "Container list cannot be empty."},
    {"TD-011",
     "{'family': 'f', 'containerDefinitions': [" C("") "," C("") "," C("") "," C("") "," C(
         "") "," C("") "," C("") "," C("") "," C("") "," C("") "," C("") "]}",
     "at most 10 containers"},
    {"API-096", "{'family': 'f', 'containerDefinitions': [" C("") "," C("") "]}",
     "names must be unique"},
    {"API-096", "{'family': 'f', 'containerDefinitions': [{'image': 'i', 'memory': 4}]}",
     "Container.name should not be null or empty"},
    {"TD-041",
     "{'family': 'f', 'containerDefinitions': [{'name': 'a/b', 'image': 'i', 'memory': 4}]}",
     "Container.name contains invalid characters"},
    {"TD-016: an empty image",
     "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': '', 'memory': 4}]}",
     "Container.image should not be null or empty"},
    {"TD-042: a digest",
     "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'memory': 4, 'image': "
     "'reg.example.com:5000/a/b_c@sha256:0123'}]}",
     NULL},
    {"TD-042",
     "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'memory': 4, 'image': 'a b'}]}",
     "Container.image contains invalid characters"},
    {"TD-013", ONE(", 'essential': false"), "At least one container must be marked as essential."},

    {"TD-043", "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i'}]}",
     "Invalid setting for container `c`. At least one of `memory` or `memoryReservation` must be "
     "specified."},
    {"TD-043: zeros are none",
     "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 0}]}",
     "At least one of `memory`"},
    {"TD-028: a task's memory will do",
     "{'family': 'f', 'memory': '512', 'containerDefinitions': [{'name': 'c', 'image': 'i'}]}",
     NULL},
    {"TD-044", ONE(", 'memoryReservation': 65"), "`memoryReservation`"},
    {"TD-044: equal is accepted in practice", ONE(", 'memoryReservation': 64"), NULL},
    {"TD-046",
     "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 3}]}",
     "Invalid `memory` setting for container `c`."},
    {"TD-047: 0 and 1 are fine", ONE(", 'cpu': 1"), NULL},
    {"TD-032", WITH("'cpu': '128'", ", 'cpu': 129"),
     "The sum of all container `cpu` values cannot be greater than the value of the task `cpu`."},
    {"TD-032: equal is fine", WITH("'cpu': '128', 'memory': '64'", ", 'cpu': 128"), NULL},
    {"TD-032", WITH("'memory': '63'", ""), "The sum of all container `memory`"},
    {"TD-029", WITH("'cpu': 'lots'", ""),
     "Invalid `cpu` setting for task. For more information, see the Troubleshooting section of the "
     "Amazon ECS "
     "Developer Guide."},
    {"TD-029", WITH("'memory': '-5'", ""), "Invalid `memory` setting for task."},
    {"API-092: too little for EC2", WITH("'cpu': '127'", ""), "Invalid `cpu` setting for task."},
    {"API-092: too much for EC2", WITH("'cpu': '11 vCPU'", ""), "Invalid `cpu` setting for task."},
    {"TD-016: empty sizes are absent", WITH("'cpu': '', 'memory': '', 'taskRoleArn': ''", ""),
     NULL},

    {"TD-057: an empty value", ONE(", 'environment': [{'name': 'A', 'value': ''}]"), NULL},
    {"TD-057", ONE(", 'environment': [{'name': 'A'}]"), "has no value"},
    {"TD-057", ONE(", 'environment': [{'name': '', 'value': 'x'}]"), "environment.name"},
    {"TD-060",
     WITH("'executionRoleArn': 'r'",
          ", 'environment': [{'name': 'A', 'value': 'x'}], 'secrets': [{'name': 'A', "
          "'valueFrom': 's'}]"),
     "The secret name must be unique"},
    {"TD-234", ONE(", 'secrets': [{'name': 'A', 'valueFrom': 's'}]"), "`executionRoleArn`"},
    {"TD-059", ONE(", 'environmentFiles': [{'value': 'arn:aws:s3:::b/k.txt', 'type': 's3'}]"),
     ".env"},
    {"TD-059",
     WITH("'executionRoleArn': 'r'",
          ", 'environmentFiles': [{'value': 'arn:aws:s3:::b/k.env', 'type': 's3'}]"),
     NULL},
    {"TD-074: root", ONE(", 'user': '0:0'"), NULL},
    {"TD-074", ONE(", 'user': 'app:staff'"), NULL},
    {"TD-074", ONE(", 'user': '-1'"), "`user`"},
    {"TD-074", ONE(", 'user': '1:-1'"), "`user`"},

    {"TD-062", ONE(", 'healthCheck': {'command': ['CMD-SHELL', 'true'], 'interval': 4}"),
     "interval"},
    {"TD-062", ONE(", 'healthCheck': {'command': ['CMD-SHELL', 'true'], 'timeout': 61}"),
     "timeout"},
    {"TD-062", ONE(", 'healthCheck': {'command': ['CMD-SHELL', 'true'], 'retries': 11}"),
     "retries"},
    {"TD-062", ONE(", 'healthCheck': {'command': ['CMD-SHELL', 'true'], 'startPeriod': 301}"),
     "startPeriod"},
    {"TD-061: no CMD is CMD", ONE(", 'healthCheck': {'command': ['true']}"), NULL},
    {"TD-061", ONE(", 'healthCheck': {'command': []}"), "should not be empty"},

    {"TD-048", ONE(", 'portMappings': [{'containerPort': 80}]"), NULL},
    {"TD-051: dynamic", ONE(", 'portMappings': [{'containerPort': 80, 'hostPort': 0}]"), NULL},
    {"API-048", ONE(", 'portMappings': [{'hostPort': 80}]"),
     "Invalid `containerPort` setting for container `c`."},
    {"API-048", ONE(", 'portMappings': [{'containerPort': 70000}]"), "containerPort"},
    {"hostPort", ONE(", 'portMappings': [{'containerPort': 80, 'hostPort': 65536}]"), "hostPort"},
    {"TD-105: gelf, tcp and udp together",
     ONE(", 'portMappings': [{'containerPort': 5000, 'hostPort': 5000, 'protocol': "
         "'udp'}, {'containerPort': 5000, 'hostPort': 5000, 'protocol': 'tcp'}]"),
     NULL},
    {"API-097",
     WITH("'networkMode': 'host'", ", 'portMappings': [{'containerPort': 53, 'protocol': 'udp'}, "
                                   "{'containerPort': 53}]"),
     "same container port"},
    {"TD-049", WITH("'networkMode': 'none'", ", 'portMappings': [{'containerPort': 80}]"),
     "networkMode=none"},
    {"TD-050",
     WITH("'networkMode': 'host'", ", 'portMappings': [{'containerPort': 80, 'hostPort': 80}]"),
     NULL},
    {"TD-050",
     WITH("'networkMode': 'awsvpc'", ", 'portMappings': [{'containerPort': 80, 'hostPort': 81}]"),
     "When networkMode=awsvpc, the host ports and container ports in port mappings must match."},
    {"API-097", ONE(", 'portMappings': [{'containerPort': 80, 'protocol': 'sctp'}]"), "protocol"},
    {"API-097: names", ONE(", 'portMappings': [{'containerPort': 80, 'name': '-web'}]"),
     "Port mapping name"},
    {"API-098", ONE(", 'portMappings': [{'containerPortRange': '8000-8010'}]"), NULL},
    {"API-098", ONE(", 'portMappings': [{'containerPortRange': '8010-8000'}]"),
     "containerPortRange"},
    {"API-098", ONE(", 'portMappings': [{'containerPortRange': '8000-8010', 'hostPort': 1}]"),
     "hostPort"},
    {"API-098",
     ONE(", 'portMappings': [{'containerPortRange': '8000-8010'}, {'containerPort': 8005}]"),
     "more than once"},
    {"API-098",
     WITH("'networkMode': 'host'", ", 'portMappings': [{'containerPortRange': '8000-8010'}]"),
     "containerPortRange"},

    {"TD-065", TWO("", ", 'links': ['c:db', 'c']"), NULL},
    {"TD-065", TWO("", ", 'links': ['nobody']"), "Link"},
    {"TD- section 6",
     "{'family': 'f', 'networkMode': 'host', 'containerDefinitions': [" C(", 'links': ['c']") "]}",
     "Links are not supported"},
    {"TD-066", WITH("'networkMode': 'awsvpc'", ", 'hostname': 'h'"),
     "Hostname is not supported on container when networkMode=awsvpc."},
    {"TD-067",
     WITH("'networkMode': 'awsvpc'", ", 'extraHosts': [{'hostname': 'h', 'ipAddress': '1.2.3.4'}]"),
     "ExtraHosts"},
    {"TD-067", ONE(", 'dnsSearchDomains': ['example.com']"), NULL},
    {"TD-067", ONE(", 'dnsSearchDomains': ['a_b']"), "dnsSearchDomains"},
    {"TD-064", WITH("'networkMode': 'awsvpc'", ", 'disableNetworking': true"), "DisableNetworking"},

    {"TD-069",
     WITH("'volumes': [{'name': 'v'}]",
          ", 'mountPoints': [{'sourceVolume': 'v', 'containerPath': '/v'}]"),
     NULL},
    {"TD-069", ONE(", 'mountPoints': [{'sourceVolume': 'v', 'containerPath': '/v'}]"),
     "Unknown volume `v`."},
    {"TD-145", WITH("'volumes': [{'name': 'a b'}]", ""),
     "Volume.name contains invalid characters: `a b`."},
    {"TD-145", WITH("'volumes': [{'name': 'v'}, {'name': 'v'}]", ""), "unique"},
    {"TD-147", WITH("'volumes': [{'name': 'v', 'host': {}, 'dockerVolumeConfiguration': {}}]", ""),
     "only one kind"},
    {"TD-153",
     WITH("'volumes': [{'name': 'v', 'dockerVolumeConfiguration': {'scope': 'task', "
          "'autoprovision': true}}]",
          ""),
     "autoprovision"},
    {"TD-160",
     WITH("'volumes': [{'name': 'v', 'efsVolumeConfiguration': {'fileSystemId': 'fs-1', "
          "'authorizationConfig': "
          "{'iam': 'ENABLED'}}}]",
          ""),
     "transitEncryption"},
    {"TD-160",
     WITH("'volumes': [{'name': 'v', 'efsVolumeConfiguration': {'fileSystemId': 'fs-1', "
          "'rootDirectory': '/x', "
          "'transitEncryption': 'ENABLED', 'authorizationConfig': {'accessPointId': 'a'}}}]",
          ""),
     "rootDirectory"},
    {"TD-070", TWO("", ", 'volumesFrom': [{'sourceContainer': 'c'}]"), NULL},
    {"TD-070", ONE(", 'volumesFrom': [{'sourceContainer': 'x'}]"), "unknown container"},

    {"TD-086",
     TWO(", 'essential': false", ", 'dependsOn': [{'containerName': 'c', 'condition': 'SUCCESS'}]"),
     NULL},
    {"API-048", TWO("", ", 'dependsOn': [{'containerName': 'c', 'condition': 'COMPLETE'}]"),
     "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"},
    {"API-048", ONE(", 'dependsOn': [{'containerName': 'x', 'condition': 'START'}]"),
     "Cannot depend on container + `x` because it does not exist"},
    {"TD-086", TWO("", ", 'dependsOn': [{'containerName': 'c', 'condition': 'HEALTHY'}]"),
     "no health check"},
    {"TD-086: a cycle",
     TWO(", 'dependsOn': [{'containerName': 'd', 'condition': 'START'}]",
         ", 'dependsOn': [{'containerName': 'c', 'condition': 'START'}]"),
     "cycle"},
    {"TD-130: a cycle with a link",
     TWO(", 'dependsOn': [{'containerName': 'd', 'condition': 'START'}]", ", 'links': ['c']"),
     "cycle"},

    {"TD-079",
     ONE(", 'linuxParameters': {'capabilities': {'add': ['SYS_PTRACE', 'SETFCAP'], 'drop': ['ALL', "
         "'AUDIT_READ']}}"),
     NULL},
    {"TD-079", ONE(", 'linuxParameters': {'capabilities': {'add': ['CAP_CHOWN']}}"), "capability"},
    {"TD-085",
     ONE(", 'linuxParameters': {'tmpfs': [{'containerPath': '/t', 'size': 1, 'mountOptions': "
         "['mode=1777', 'ro']}]}"),
     NULL},
    {"TD-085",
     ONE(", 'linuxParameters': {'tmpfs': [{'containerPath': '/t', 'size': 1, 'mountOptions': "
         "['fast']}]}"),
     "tmpfs"},
    {"TD-085", ONE(", 'linuxParameters': {'tmpfs': [{'containerPath': 't', 'size': 1}]}"),
     "absolute"},
    {"TD-083", ONE(", 'linuxParameters': {'maxSwap': -1}"), "maxSwap"},
    {"TD-083", ONE(", 'linuxParameters': {'swappiness': 101}"), "swappiness"},
    {"TD-076", ONE(", 'ulimits': [{'name': 'nofile', 'softLimit': 5, 'hardLimit': 4}]"),
     "soft limit"},
    {"TD-076", ONE(", 'ulimits': [{'name': 'fsiz', 'softLimit': 5, 'hardLimit': 6}]"), "name"},
    {"TD-088", ONE(", 'systemControls': [{'namespace': 'net.core.somaxconn', 'value': '1'}]"),
     NULL},
    {"TD-088", ONE(", 'systemControls': [{'namespace': 'vm.swappiness', 'value': '1'}]"),
     "kernel parameter"},
    {"TD-126",
     WITH("'networkMode': 'host'",
          ", 'systemControls': [{'namespace': 'net.core.somaxconn', 'value': '1'}]"),
     "networkMode=host"},
    {"TD-126",
     WITH("'ipcMode': 'host'",
          ", 'systemControls': [{'namespace': 'kernel.shmmax', 'value': '1'}]"),
     "ipcMode=host"},

    {"TD-186", ONE(", 'logConfiguration': {'logDriver': 'awslogs', 'options': {}}"),
     "Log driver awslogs requires options: awslogs-region, awslogs-group"},
    {"TD-186",
     ONE(", 'logConfiguration': {'logDriver': 'awslogs', 'options': {'awslogs-group': 'g', "
         "'awslogs-region': 'r'}}"),
     NULL},
    {"TD-071", ONE(", 'logConfiguration': {'logDriver': 'logentries'}"), "logDriver"},
    {"TD-201", ONE(", 'logConfiguration': {'logDriver': 'awsfirelens'}"), "awsfirelens"},
    {"TD-201",
     TWO(", 'logConfiguration': {'logDriver': 'awsfirelens'}",
         ", 'firelensConfiguration': {'type': 'fluentbit', "
         "'options': {'enable-ecs-log-metadata': 'true'}}"),
     NULL},
    {"API-107",
     ONE(", 'firelensConfiguration': {'type': 'fluentbit', 'options': {'config-file-type': "
         "'web'}}"),
     "config-file-type"},

    {"TD-052", ONE(", 'resourceRequirements': [{'type': 'GPU', 'value': '2'}]"), NULL},
    {"TD-052", ONE(", 'resourceRequirements': [{'type': 'GPU', 'value': 'all'}]"), "GPUs"},
    {"API-106", ONE(", 'resourceRequirements': [{'type': 'InferenceAccelerator', 'value': 'x'}]"),
     "not defined"},
    {"API-106", WITH("'inferenceAccelerators': [{'deviceName': 'x', 'deviceType': 'eia1'}]", ""),
     "not used"},
    {"TD-033",
     WITH("'placementConstraints': [{'type': 'memberOf', 'expression': 'attribute:ecs.os-type == "
          "linux'}]",
          ""),
     NULL},
    {"TD-033", WITH("'placementConstraints': [{'type': 'distinctInstance'}]", ""), "type"},
    {"TD-033", WITH("'placementConstraints': [{'type': 'memberOf'}]", ""), "expression"},
    {"TD-037", WITH("'proxyConfiguration': {'containerName': 'c'}", ""), "networkMode=awsvpc"},

    {"TD-091: EXTERNAL has no awsvpc",
     WITH("'networkMode': 'awsvpc', 'requiresCompatibilities': ['EXTERNAL']", ""), "EXTERNAL"},
    {"Fargate", FARGATE(""), NULL},
    {"TD-026", WITH("'requiresCompatibilities': ['FARGATE']", ""),
     "Fargate only supports network mode \u2018awsvpc\u2019."},
    {"API-048", WITH("'requiresCompatibilities': ['FARGATE'], 'networkMode': 'awsvpc'", ""),
     "Fargate requires that `cpu` be defined at the task level."},
    {"API-093",
     WITH("'requiresCompatibilities': ['FARGATE'], 'networkMode': 'awsvpc', 'cpu': '1 vCPU', "
          "'memory': '1GB'",
          ""),
     "No Fargate configuration exists for given values: 1024 CPU, 1024 memory."},
    {"TD- section 5", FARGATE(", 'privileged': true"), "privileged"},
    {"TD- section 5", FARGATE(", 'stopTimeout': 121"), "stopTimeout"},
    {"TD-080",
     FARGATE(", 'linuxParameters': {'capabilities': {'add': ['SYS_PTRACE'], 'drop': ['ALL']}}"),
     NULL},
    {"TD-080", FARGATE(", 'linuxParameters': {'capabilities': {'add': ['NET_ADMIN']}}"),
     "SYS_PTRACE"},
    {"TD-071", FARGATE(", 'logConfiguration': {'logDriver': 'syslog'}"), "log driver syslog"},
};

static char *with_quotes(const char *text)
{
    char *quoted = arena_dup(&arena, text);

    for (char *at = quoted; *at; at++)
        if (*at == '`')
            *at = '\'';
    return quoted;
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(error_freep) struct error *err = NULL;
        struct ecs_task_definition definition;

        err = try_definition(rows[i].json, &definition);
        if (!rows[i].refusal) {
            if (err)
                fail_msg("%s: %s: refused: %s", rows[i].why, rows[i].json, err->message);
            continue;
        }
        if (!err)
            fail_msg("%s: %s: accepted", rows[i].why, rows[i].json);
        if (err->code != API_CLIENT) /* API-089 */
            fail_msg("%s: %s: code %d: %s", rows[i].why, rows[i].json, (int)err->code,
                     err->message);
        if (!strstr(err->message, with_quotes(rows[i].refusal)))
            fail_msg("%s: %s: refused with: %s", rows[i].why, rows[i].json, err->message);
    }
}

/* API-093, TD-030: every pair there is, and those beside it. */
static void test_fargate_sizes(void **state)
{
    static const struct {
        int cpu, memory;
        bool is_legal;
    } sizes[] = {
        {256, 512, true},     {256, 1024, true},     {256, 2048, true},     {256, 1536, false},
        {256, 3072, false},   {512, 1024, true},     {512, 4096, true},     {512, 512, false},
        {512, 5120, false},   {1024, 2048, true},    {1024, 8192, true},    {1024, 1024, false},
        {1024, 2500, false},  {2048, 4096, true},    {2048, 16384, true},   {2048, 3072, false},
        {4096, 8192, true},   {4096, 30720, true},   {4096, 31744, false},  {8192, 16384, true},
        {8192, 20480, true},  {8192, 17408, false},  {8192, 61440, true},   {16384, 32768, true},
        {16384, 40960, true}, {16384, 122880, true}, {16384, 36864, false}, {128, 512, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(error_freep) struct error *err = NULL;
        struct ecs_task_definition definition;

        err = try_definition(
            arena_printf(&arena,
                         "{'family': 'f', 'requiresCompatibilities': ['FARGATE'], 'networkMode': "
                         "'awsvpc', 'cpu': '%d', 'memory': '%d', 'containerDefinitions': [{'name': "
                         "'c', 'image': 'i'}]}",
                         sizes[i].cpu, sizes[i].memory),
            &definition);
        if (!err != sizes[i].is_legal)
            fail_msg("%d CPU, %d MiB: %s", sizes[i].cpu, sizes[i].memory,
                     err ? err->message : "accepted");
    }
}

/* API-092, TD-027, TD-028 */
static void test_sizes_are_normalised(void **state)
{
    static const struct {
        const char *cpu, *memory, *cpu_units, *memory_mib;
    } texts[] = {
        {"1024", "1024", "1024", "1024"},     {"1 vCPU", "1GB", "1024", "1024"},
        {"1vcpu", "1 GB", "1024", "1024"},    {".5 vcpu", "0.5GB", "512", "512"},
        {"0.25 vCPU", "2 gb", "256", "2048"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ecs_task_definition definition = definition_of(arena_printf(
            &arena,
            "{'family': 'f', 'cpu': '%s', 'memory': '%s', 'containerDefinitions': [" C("") "]}",
            texts[i].cpu, texts[i].memory));

        assert_string_equal(definition.cpu, texts[i].cpu_units);
        assert_string_equal(definition.memory, texts[i].memory_mib);
    }
}

static char *answer_of(const char *json)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct ecs_task_definition definition = definition_of(json);

    ecs_encode_task_definition(&text, &definition);
    return arena_dup(&arena, text.data);
}

static void assert_has(const char *text, const char *part)
{
    char *wanted = arena_dup(&arena, part);

    for (char *at = wanted; *at; at++)
        if (*at == '\'')
            *at = '"';
    if (!strstr(text, wanted))
        fail_msg("no %s in %s", wanted, text);
}

/* API-013, API-014, API-103, TD-019, TD-020, TD-026; the shape of example 20 of API- section 13. */
static void test_answers(void **state)
{
    char *text = answer_of(ONE(
        ", 'command': ['sleep', '360'], 'healthCheck': {'command': ['CMD', 'x']}, 'portMappings': "
        "[{'containerPort': 80}]"));

    (void)state;
    assert_has(text, "'cpu':0,'memory':64");
    assert_has(text, "'portMappings':[{'containerPort':80,'protocol':'tcp'}]");
    assert_has(text, "'essential':true");
    assert_has(text, "'environment':[]");
    assert_has(text, "'mountPoints':[]");
    assert_has(text, "'volumesFrom':[]");
    assert_has(text, "'volumes':[]");
    assert_has(text, "'placementConstraints':[]");
    assert_has(text, "'compatibilities':['EXTERNAL','EC2']");
    assert_has(text, "'interval':30,'timeout':5,'retries':3");
    assert_null(strstr(text, "startPeriod"));
    assert_null(strstr(text, "networkMode"));
    assert_null(strstr(text, "hostPort"));
    assert_null(strstr(text, "requiresCompatibilities"));

    text = answer_of(WITH("'networkMode': 'host', 'requiresCompatibilities': []",
                          ", 'portMappings': [{'containerPort': 80, "
                          "'hostPort': 0}]"));
    assert_has(text, "{'containerPort':80,'hostPort':80,'protocol':'tcp'}");
    assert_has(text, "'requiresCompatibilities':[]");
    assert_has(text, "'networkMode':'host'");

    text = answer_of(FARGATE(""));
    assert_has(text, "'compatibilities':['EC2','FARGATE']");
}

/* TD-019: what is described can be registered, and gives the same. */
static void test_register_what_is_described(void **state)
{
    char *first = answer_of(
        "{'family': 'f', 'cpu': '1 vCPU', 'memory': '2GB', 'volumes': [{'name': 'v', 'host': "
        "{'sourcePath': '/x'}}], 'runtimePlatform': {'operatingSystemFamily': 'LINUX'}, "
        "'containerDefinitions': [" C(
            ", 'mountPoints': [{'sourceVolume': 'v', 'containerPath': '/v', "
            "'readOnly': true}], 'environment': [{'name': 'E', 'value': "
            "'\u00fe\u00fe'}], 'dockerLabels': {'a': 'b'}, 'ulimits': "
            "[{'name': 'nofile', 'softLimit': 1, 'hardLimit': 2}]") "]}");

    (void)state;
    assert_string_equal(answer_of(first), first);
}

static void assert_needs(const char *json, const char *wanted)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct ecs_task_definition definition = definition_of(json);
    const char *const *names;
    size_t count;

    definition_requires(&arena, &definition, &names, &count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%s", i ? " " : "", names[i]);
    assert_string_equal(text.data ? text.data : "", wanted);
}

/* TD- section 8, API-111, AP-153 */
static void test_capabilities(void **state)
{
#define OLD "com.amazonaws.ecs.capability."
#define NEW "ecs.capability."
    (void)state;
    assert_needs(ONE(""), "");
    assert_needs(ONE(", 'privileged': true"), OLD "privileged-container");
    assert_needs(WITH("'networkMode': 'awsvpc'", ""), OLD "docker-remote-api.1.18 " NEW "task-eni");
    assert_needs(ONE(", 'logConfiguration': {'logDriver': 'json-file'}"),
                 OLD "docker-remote-api.1.18 " OLD "logging-driver.json-file");
    assert_needs(WITH("'executionRoleArn': 'r'",
                      ", 'logConfiguration': {'logDriver': 'awslogs', 'options': {'awslogs-group': "
                      "'g', 'awslogs-region': 'r'}}"),
                 OLD "docker-remote-api.1.18 " OLD "docker-remote-api.1.19 " OLD
                     "logging-driver.awslogs " NEW "execution-role-awslogs");
    assert_needs(ONE(", 'healthCheck': {'command': ['x']}"),
                 OLD "docker-remote-api.1.24 " NEW "container-health-check");
    assert_needs(WITH("'taskRoleArn': 'r'", ""), OLD "task-iam-role");
    assert_needs(WITH("'taskRoleArn': 'r', 'networkMode': 'host'", ""),
                 OLD "task-iam-role-network-host");
    assert_needs(WITH("'volumes': [{'name': 'v', 'dockerVolumeConfiguration': {}}, {'name': 'w', "
                      "'dockerVolumeConfiguration': {'driver': 'rexray/ebs'}}]",
                      ""),
                 NEW "docker-plugin.local " NEW "docker-plugin.rexray/ebs");
    assert_needs(TWO(", 'essential': false",
                     ", 'dependsOn': [{'containerName': 'c', 'condition': 'START'}]"),
                 NEW "container-ordering");
    assert_needs(WITH("'executionRoleArn': 'r'",
                      ", 'secrets': [{'name': 'A', 'valueFrom': "
                      "'arn:aws:secretsmanager:r:1:secret:x'}, {'name': 'B', 'valueFrom': 'p'}]"),
                 NEW "secrets.asm.environment-variables " NEW "secrets.ssm.environment-variables");
    assert_needs("{'family': 'f', 'executionRoleArn': 'r', 'containerDefinitions': [{'name': 'c', "
                 "'memory': 4, 'image': "
                 "'1.dkr.ecr.us-east-1.amazonaws.com/x'}]}",
                 OLD "ecr-auth " NEW "execution-role-ecr-pull");
    assert_needs(
        WITH("'runtimePlatform': {'cpuArchitecture': 'ARM64', 'operatingSystemFamily': 'LINUX'}",
             ""),
        "ecs.cpu-architecture=arm64 ecs.os-type=linux");
    assert_needs(WITH("'pidMode': 'host'", ", 'dockerLabels': {'a': 'b'}, 'memoryReservation': 32"),
                 OLD "docker-remote-api.1.18 " OLD "docker-remote-api.1.21 " NEW
                     "pid-ipc-namespace-sharing");
    assert_needs(ONE(", 'linuxParameters': {'initProcessEnabled': true, 'sharedMemorySize': 64}"),
                 OLD "docker-remote-api.1.22 " OLD "docker-remote-api.1.25");
}

/* TD-045, TD-101, TD-112 */
static void test_demand(void **state)
{
    struct definition_demand demand;
    struct ecs_task_definition definition = definition_of(TWO(
        ", 'cpu': 10, 'memoryReservation': 32, 'portMappings': [{'containerPort': 80, 'hostPort': "
        "8080}, {'containerPort': 81}]",
        ", 'cpu': 5, 'resourceRequirements': [{'type': 'GPU', 'value': '2'}], 'portMappings': "
        "[{'containerPort': 53, 'hostPort': 53, 'protocol': 'udp'}]"));

    (void)state;
    definition_demand(&arena, &definition, &demand);
    assert_int_equal(demand.cpu, 15);
    assert_int_equal(demand.memory, 32 + 64);
    assert_int_equal(demand.gpu_count, 2);
    assert_int_equal(demand.port_count, 2);
    assert_int_equal(demand.ports[0].number, 8080);
    assert_false(demand.ports[0].is_udp);
    assert_int_equal(demand.ports[1].number, 53);
    assert_true(demand.ports[1].is_udp);

    definition = definition_of(WITH("'networkMode': 'host', 'cpu': '256', 'memory': '1GB'",
                                    ", 'cpu': 10, 'portMappings': [{'containerPort': 80}]"));
    definition_demand(&arena, &definition, &demand);
    assert_int_equal(demand.cpu, 256);
    assert_int_equal(demand.memory, 1024);
    assert_int_equal(demand.port_count, 1);
    assert_int_equal(demand.ports[0].number, 80);

    definition =
        definition_of(WITH("'networkMode': 'awsvpc'", ", 'portMappings': [{'containerPort': 80}]"));
    definition_demand(&arena, &definition, &demand);
    assert_int_equal(demand.port_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_refusals, reset),
        cmocka_unit_test_setup(test_fargate_sizes, reset),
        cmocka_unit_test_setup(test_sizes_are_normalised, reset),
        cmocka_unit_test_setup(test_answers, reset),
        cmocka_unit_test_setup(test_register_what_is_described, reset),
        cmocka_unit_test_setup(test_capabilities, reset),
        cmocka_unit_test_setup(test_demand, reset),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
