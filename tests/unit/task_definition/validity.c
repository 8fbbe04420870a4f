/* The two tables of validity, a row for each of theirs and a verdict for each cell: what a launch
 * type takes (TD- section 5, CL-165 to CL-179), and what a network mode takes (TD- section 6). */
#include "definition.h"

/* ---- launch types ---- */

#define ROLE ", 'executionRoleArn': 'r'"
#define AWSLOGS(more)                                                                              \
    ", 'logConfiguration': {'logDriver': 'awslogs', 'options': {'awslogs-group': 'g', "            \
    "'awslogs-region': 'r'" more "}}"
#define DRIVER(name) ", 'logConfiguration': {'logDriver': '" name "'}"
#define LINUX(more)  ", 'linuxParameters': {" more "}"
#define VOLUME(more) ", 'volumes': [{'name': 'v'" more "}]"
#define ROUTER(type, value)                                                                        \
    ", 'firelensConfiguration': {'type': 'fluentbit', 'options': {'config-file-type': '" type      \
    "', 'config-file-value': '" value "'}}"

enum { EC2, EXTERNAL, FARGATE, TYPES };

static const struct {
    const char *why, *top, *container;
    bool fits[TYPES];
} launches[] = {
    {"nothing more", "", "", {true, true, true}},
    {"GPU", "", ", 'resourceRequirements': [{'type': 'GPU', 'value': '1'}]", {true, true, false}},
    {"privileged", "", ", 'privileged': true", {true, true, false}},
    {"privileged false", "", ", 'privileged': false", {true, true, true}},
    {"devices", "", LINUX("'devices': [{'hostPath': '/dev/null'}]"), {true, true, false}},
    {"dockerSecurityOptions", "", ", 'dockerSecurityOptions': ['label:x']", {true, true, false}},
    /* An "edition" row, lifted since (TD-095). */
    {"systemControls",
     "",
     ", 'systemControls': [{'namespace': 'net.core.somaxconn', 'value': '1'}]",
     {true, true, true}},
    {"maxSwap", "", LINUX("'maxSwap': 0"), {true, true, false}},
    {"swappiness", "", LINUX("'swappiness': 60"), {true, true, false}},
    {"sharedMemorySize", "", LINUX("'sharedMemorySize': 64"), {true, true, false}},
    {"tmpfs", "", LINUX("'tmpfs': [{'containerPath': '/t', 'size': 1}]"), {true, true, false}},
    {"initProcessEnabled", "", LINUX("'initProcessEnabled': true"), {true, true, true}},
    {"capabilities.add", "", LINUX("'capabilities': {'add': ['KILL']}"), {true, true, false}},
    {"TD-080", "", LINUX("'capabilities': {'add': ['SYS_PTRACE']}"), {true, true, true}},
    {"capabilities.drop", "", LINUX("'capabilities': {'drop': ['ALL']}"), {true, true, true}},
    {"CL-176",
     "",
     ", 'ulimits': [{'name': 'nofile', 'softLimit': 2048, 'hardLimit': 8192}]",
     {true, true, true}},
    {"TD-150: host.sourcePath", VOLUME(", 'host': {'sourcePath': '/x'}"), "", {true, true, false}},
    {"TD-150: empty host", VOLUME(", 'host': {}"), "", {true, true, true}},
    {"TD-146: no kind", VOLUME(""), "", {true, true, true}},
    {"dockerVolumeConfiguration",
     VOLUME(", 'dockerVolumeConfiguration': {'scope': 'task'}"),
     "",
     {true, true, false}},
    {"efsVolumeConfiguration",
     VOLUME(", 'efsVolumeConfiguration': {'fileSystemId': 'fs-1'}"),
     "",
     {true, false, true}},
    {"FSx",
     VOLUME(", 'fsxWindowsFileServerVolumeConfiguration': {'fileSystemId': 'fs-1', "
            "'rootDirectory': '/', 'authorizationConfig': {'credentialsParameter': 'p', 'domain': "
            "'d'}}"),
     "",
     {true, false, false}},
    {"configuredAtLaunch", VOLUME(", 'configuredAtLaunch': true"), "", {true, false, true}},
    {"TD-071 json-file", "", DRIVER("json-file"), {true, true, false}},
    {"TD-071 syslog", "", DRIVER("syslog"), {true, true, false}},
    {"TD-071 journald", "", DRIVER("journald"), {true, true, false}},
    {"TD-071 gelf", "", DRIVER("gelf"), {true, true, false}},
    {"TD-071 fluentd", "", DRIVER("fluentd"), {true, true, false}},
    {"TD-071 splunk", "", DRIVER("splunk"), {true, true, true}},
    {"awslogs without a stream prefix", ROLE, AWSLOGS(""), {true, true, false}},
    {"awslogs with one", ROLE, AWSLOGS(", 'awslogs-stream-prefix': 'p'"), {true, true, true}},
    {"awslogs without a role", "", AWSLOGS(", 'awslogs-stream-prefix': 'p'"), {true, true, false}},
    /* "edition" rows */
    {"TD-059",
     ROLE,
     ", 'environmentFiles': [{'type': 's3', 'value': 'arn:aws:s3:::b/k.env'}]",
     {true, true, true}},
    {"TD-231",
     ROLE,
     ", 'secrets': [{'name': 'A', 'valueFrom': "
     "'arn:aws:secretsmanager:r:1:secret:n-AbCdEf:key::'}]",
     {true, true, true}},
    {"TD-208: file", "", ROUTER("file", "/x.conf"), {true, true, true}},
    {"TD-208: s3", ROLE, ROUTER("s3", "arn:aws:s3:::b/k.conf"), {true, true, false}},
    {"TD-033",
     ", 'placementConstraints': [{'type': 'memberOf', 'expression': 'attribute:a exists'}]",
     "",
     {true, true, false}},
    {"TD-034 host", ", 'pidMode': 'host'", "", {true, true, false}},
    {"TD-034 task, lifted since (TD-095)", ", 'pidMode': 'task'", "", {true, true, true}},
    {"TD-035 host", ", 'ipcMode': 'host'", "", {true, true, false}},
    {"TD-035 task", ", 'ipcMode': 'task'", "", {true, true, false}},
    {"TD-035 none", ", 'ipcMode': 'none'", "", {true, true, false}},
    {"TD-087: 120", "", ", 'stopTimeout': 120", {true, true, true}},
    {"TD-087: 121", "", ", 'stopTimeout': 121", {true, true, false}},
    {"ephemeralStorage", ", 'ephemeralStorage': {'sizeInGiB': 21}", "", {true, true, true}},
    {"TD-022",
     ", 'runtimePlatform': {'operatingSystemFamily': 'LINUX', 'cpuArchitecture': 'ARM64'}",
     "",
     {true, true, true}},
    {"restartPolicy", "", ", 'restartPolicy': {'enabled': true}", {true, true, true}},
    {"versionConsistency", "", ", 'versionConsistency': 'enabled'", {true, true, true}},
    {"healthCheck", "", ", 'healthCheck': {'command': ['CMD', 'x']}", {true, true, true}},
};

static const char *const type_names[TYPES] = {"EC2", "EXTERNAL", "FARGATE"};

static bool lists(const struct ecs_compatibility_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(ecs_compatibility_name(list->items[i]), name) == 0)
            return true;
    return false;
}

/* TD-094, TD-096: what is asked for is refused, what is not is left out of `compatibilities`. */
static void test_launch_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(launches); i++)
        for (int type = 0; type < TYPES; type++) {
            const char *top = arena_printf(
                &definition_arena, "%s%s", launches[i].top,
                type == FARGATE ? ", 'networkMode': 'awsvpc', 'cpu': '256', 'memory': '512'" : "");
            const char *asking = arena_printf(
                &definition_arena, "%s, 'requiresCompatibilities': ['%s']", top, type_names[type]);
            const char *why =
                arena_printf(&definition_arena, "%s on %s", launches[i].why, type_names[type]);
            struct ecs_task_definition definition;

            definition_expect(why, definition_text(asking, launches[i].container),
                              launches[i].fits[type] ? NULL : "");
            definition = definition_of(definition_text(top, launches[i].container));
            if (lists(&definition.compatibilities, type_names[type]) != launches[i].fits[type])
                fail_msg("%s: not asked for, it is%s in compatibilities", why,
                         launches[i].fits[type] ? " not" : "");
        }
}

#define NEEDS(top) ", 'requiresCompatibilities': ['FARGATE']" top

/* Words that tools look for, and the sizes each needs (TD-030, CL-169, CL-170). */
static void test_fargate_words(void **state)
{
    static const struct {
        const char *why, *top, *container, *refusal;
    } rows[] = {
        {"CL-169", NEEDS(", 'cpu': '256', 'memory': '512'"), "",
         "Fargate only supports network mode \u2018awsvpc\u2019."},
        {"CL-169 host", NEEDS(", 'networkMode': 'host', 'cpu': '256', 'memory': '512'"), "",
         "Fargate only supports network mode \u2018awsvpc\u2019."},
        {"CL-170 cpu", NEEDS(", 'networkMode': 'awsvpc', 'memory': '512'"), "",
         "Fargate requires that `cpu` be defined at the task level."},
        {"CL-170 memory", NEEDS(", 'networkMode': 'awsvpc', 'cpu': '256'"), "",
         "Fargate requires that `memory` be defined at the task level."},
        {"CL-171", NEEDS(", 'networkMode': 'awsvpc', 'cpu': '1 vCPU', 'memory': '1 GB'"), "",
         "No Fargate configuration exists for given values: 1024 CPU, 1024 memory. See the Amazon "
         "ECS documentation for the valid values."},
        {"CL-173", NEEDS(", 'networkMode': 'awsvpc', 'cpu': '1 vCPU', 'memory': '2 GB'"), "", NULL},
        {"TD- section 21: ECR", NEEDS(", 'networkMode': 'awsvpc', 'cpu': '256', 'memory': '512'"),
         ", 'image': '1.dkr.ecr.us-east-1.amazonaws.com/a:1'",
         "Fargate requires task definition to have execution role ARN to support ECR images."},
        {"TD- section 21: awslogs",
         NEEDS(", 'networkMode': 'awsvpc', 'cpu': '256', 'memory': '512'"),
         AWSLOGS(", 'awslogs-stream-prefix': 'p'"),
         "Fargate requires task definition to have execution role ARN to support log driver "
         "awslogs."},
        {"TD-096: nobody asked, and none but Fargate fits",
         ", 'networkMode': 'awsvpc', 'cpu': '16384', 'memory': '32768'", "", NULL},
        {"TD-096: none fits", ", 'cpu': '16384', 'memory': '32768'", "",
         "Invalid `cpu` setting for task."},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        definition_expect(rows[i].why, definition_text(rows[i].top, rows[i].container),
                          rows[i].refusal);
}

/* ---- network modes ---- */

enum { NONE, BRIDGE, HOST, AWSVPC, MODES };
static const char *const mode_names[MODES] = {"none", "bridge", "host", "awsvpc"};

#define PORT(more) ", 'portMappings': [{'containerPort': 80" more "}]"

static const struct {
    const char *why, *top, *container;
    bool fits[MODES];
} networks[] = {
    {"TD-048: container port alone", "", PORT(""), {false, true, true, true}},
    {"TD-051: host port 0", "", PORT(", 'hostPort': 0"), {false, true, true, true}},
    {"TD-050: the same", "", PORT(", 'hostPort': 80"), {false, true, true, true}},
    {"TD-050: another", "", PORT(", 'hostPort': 81"), {false, true, false, false}},
    {"TD-049: no mapping at all", "", ", 'portMappings': []", {true, true, true, true}},
    {"API-098",
     "",
     ", 'portMappings': [{'containerPortRange': '80-90'}]",
     {false, true, false, true}},
    {"API-097: a port for two protocols",
     "",
     ", 'portMappings': [{'containerPort': 53}, {'containerPort': 53, 'protocol': 'udp'}]",
     {false, true, false, false}},
    {"TD-065", "", ", 'links': ['d']", {false, true, false, false}},
    {"TD-065: none", "", ", 'links': []", {true, true, true, true}},
    {"TD-066", "", ", 'hostname': 'h'", {true, true, true, false}},
    {"TD-067 dnsServers", "", ", 'dnsServers': ['10.0.0.2']", {true, true, true, false}},
    {"TD-067 dnsSearchDomains",
     "",
     ", 'dnsSearchDomains': ['example.com']",
     {true, true, true, false}},
    {"TD-067 extraHosts",
     "",
     ", 'extraHosts': [{'hostname': 'h', 'ipAddress': '10.0.0.3'}]",
     {true, true, true, false}},
    {"TD-064", "", ", 'disableNetworking': true", {true, true, true, false}},
    {"TD-064: false", "", ", 'disableNetworking': false", {true, true, true, true}},
    {"TD-126: net.*",
     "",
     ", 'systemControls': [{'namespace': 'net.ipv4.ip_forward', 'value': '1'}]",
     {true, true, false, true}},
    {"TD-088: IPC settings are of no network",
     "",
     ", 'systemControls': [{'namespace': 'kernel.msgmax', 'value': '1'}]",
     {true, true, true, true}},
    {"TD-037",
     ", 'proxyConfiguration': {'containerName': 'd', 'properties': [{'name': 'IgnoredUID', "
     "'value': '1'}, {'name': 'AppPorts', 'value': '80'}, {'name': 'ProxyIngressPort', 'value': "
     "'1'}, {'name': 'ProxyEgressPort', 'value': '2'}]}",
     "",
     {false, false, false, true}},
    {"enableFaultInjection", ", 'enableFaultInjection': true", "", {false, false, true, true}},
    {"enableFaultInjection false", ", 'enableFaultInjection': false", "", {true, true, true, true}},
};

static void test_network_modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(networks); i++)
        for (int mode = 0; mode < MODES; mode++)
            definition_expect(
                arena_printf(&definition_arena, "%s in %s", networks[i].why, mode_names[mode]),
                arena_printf(&definition_arena,
                             "{'family': 'f', 'networkMode': '%s'%s, 'containerDefinitions': "
                             "[{'name': 'c', 'image': 'i', 'memory': 8%s}, {'name': 'd', 'image': "
                             "'i', 'memory': 8}]}",
                             mode_names[mode], networks[i].top, networks[i].container),
                networks[i].fits[mode] ? NULL : "");
}

/* TD-026, TD-099: left unset it is bridge, and stays unset. */
static void test_no_network_mode(void **state)
{
    struct ecs_task_definition definition;

    (void)state;
    definition = definition_of(definition_text("", PORT(", 'hostPort': 8080")));
    assert_int_equal(definition.network_mode, ECS_NETWORK_MODE_UNSET);
    definition = definition_of(definition_text(
        ", 'runtimePlatform': {'operatingSystemFamily': 'WINDOWS_SERVER_2022_CORE'}", PORT("")));
    assert_int_equal(definition.network_mode, ECS_NETWORK_MODE_UNSET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_launch_types, definition_reset),
        cmocka_unit_test_setup(test_fargate_words, definition_reset),
        cmocka_unit_test_setup(test_network_modes, definition_reset),
        cmocka_unit_test_setup(test_no_network_mode, definition_reset),
    };

    return cmocka_run_group_tests(tests, NULL, definition_done);
}
