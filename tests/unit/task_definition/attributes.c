/* What a definition asks of hosts (TD- section 8, API-111, AP-151 to AP-153): a row for each feature
 * with all the attributes it brings, and no other. */
#include "definition.h"

#define OLD "com.amazonaws.ecs.capability."
#define NEW "ecs.capability."

#define ROLE         ", 'executionRoleArn': 'r'"
#define LOG(driver)  ", 'logConfiguration': {'logDriver': '" driver "'}"
#define OPTIONS      ", 'options': {'awslogs-group': 'g', 'awslogs-region': 'r'}}"
#define VOLUME(more) ", 'volumes': [{'name': 'v', " more "}]"
#define ASM          "arn:aws:secretsmanager:r:1:secret:n"
#define SPEC(kind)   ", 'credentialSpecs': ['" kind ":arn:aws:s3:::b/k']"
#define LINUX(more)  ", 'linuxParameters': {" more "}"
#define PROXY                                                                                      \
    ", 'networkMode': 'awsvpc', 'proxyConfiguration': {'containerName': 'c', 'properties': "       \
    "[{'name': 'IgnoredUID', 'value': '1'}, {'name': 'AppPorts', 'value': '80'}, {'name': "        \
    "'ProxyIngressPort', 'value': '1'}, {'name': 'ProxyEgressPort', 'value': '2'}]}"
#define API(minor) OLD "docker-remote-api.1." minor

static const struct {
    const char *why, *top, *container;
    const char *wanted; /* sorted */
} rows[] = {
    {"nothing", "", "", ""},
    {"task cpu and memory are resources", ", 'cpu': '256', 'memory': '512'", "", ""},
    {"logConfiguration: API 1.18 and the driver", "", LOG("gelf"),
     API("18") " " OLD "logging-driver.gelf"},
    {"logConfiguration.options: API 1.19", "",
     ", 'logConfiguration': {'logDriver': 'json-file', 'options': {'max-size': '1m'}}",
     API("18") " " API("19") " " OLD "logging-driver.json-file"},
    {"awslogs by the instance`s role", "", ", 'logConfiguration': {'logDriver': 'awslogs'" OPTIONS,
     API("18") " " API("19") " " OLD "logging-driver.awslogs"},
    {"awslogs by the execution role", ROLE, ", 'logConfiguration': {'logDriver': 'awslogs'" OPTIONS,
     API("18") " " API("19") " " OLD "logging-driver.awslogs " NEW "execution-role-awslogs"},
    {"secretOptions from SSM", ROLE,
     ", 'logConfiguration': {'logDriver': 'splunk', 'secretOptions': [{'name': 't', 'valueFrom': "
     "'p'}]}",
     API("18") " " OLD "logging-driver.splunk " NEW "secrets.ssm.bootstrap.log-driver"},
    {"secretOptions from Secrets Manager", ROLE,
     ", 'logConfiguration': {'logDriver': 'splunk', 'secretOptions': [{'name': 't', 'valueFrom': "
     "'" ASM "'}]}",
     API("18") " " OLD "logging-driver.splunk " NEW "secrets.asm.bootstrap.log-driver"},
    {"ulimits", "", ", 'ulimits': [{'name': 'core', 'softLimit': 0, 'hardLimit': 0}]", API("18")},
    {"dockerLabels", "", ", 'dockerLabels': {'a': 'b'}", API("18")},
    {"initProcessEnabled", "", LINUX("'initProcessEnabled': true"), API("25")},
    {"initProcessEnabled false", "", LINUX("'initProcessEnabled': false"), ""},
    {"sharedMemorySize", "", LINUX("'sharedMemorySize': 64"), API("22")},
    {"tmpfs", "", LINUX("'tmpfs': [{'containerPath': '/t', 'size': 1}]"), API("22")},
    {"memoryReservation", "", ", 'memoryReservation': 32", API("21")},
    {"privileged", "", ", 'privileged': true", OLD "privileged-container"},
    {"dockerSecurityOptions: SELinux", "", ", 'dockerSecurityOptions': ['label:type:x']",
     OLD "selinux"},
    {"dockerSecurityOptions: AppArmor", "", ", 'dockerSecurityOptions': ['apparmor:x']",
     OLD "apparmor"},
    {"dockerSecurityOptions: neither", "", ", 'dockerSecurityOptions': ['no-new-privileges']", ""},
    {"healthCheck", "", ", 'healthCheck': {'command': ['CMD', 'x']}",
     API("24") " " NEW "container-health-check"},
    {"awsvpc", ", 'networkMode': 'awsvpc'", "", API("18") " " NEW "task-eni"},
    {"proxyConfiguration", PROXY, "", API("18") " " NEW "aws-appmesh " NEW "task-eni"},
    {"repositoryCredentials", ROLE, ", 'repositoryCredentials': {'credentialsParameter': 's'}",
     NEW "private-registry-authentication.secretsmanager"},
    {"secrets from SSM", ROLE, ", 'secrets': [{'name': 'A', 'valueFrom': 'p'}]",
     NEW "secrets.ssm.environment-variables"},
    {"secrets from Secrets Manager", ROLE, ", 'secrets': [{'name': 'A', 'valueFrom': '" ASM "'}]",
     NEW "secrets.asm.environment-variables"},
    {"startTimeout", "", ", 'startTimeout': 30", NEW "container-ordering"},
    {"stopTimeout", "", ", 'stopTimeout': 30", NEW "container-ordering"},
    {"EFS", VOLUME("'efsVolumeConfiguration': {'fileSystemId': 'f'}"), "", NEW "efs"},
    {"EFS with an access point",
     VOLUME("'efsVolumeConfiguration': {'fileSystemId': 'f', 'transitEncryption': 'ENABLED', "
            "'authorizationConfig': {'accessPointId': 'a'}}"),
     "", NEW "efs " NEW "efsAuth"},
    {"S3 Files",
     ", 'taskRoleArn': 'r'" VOLUME("'s3filesVolumeConfiguration': {'fileSystemArn': 'a'}"), "",
     OLD "task-iam-role " NEW "storage.s3-files"},
    {"FSx",
     VOLUME("'fsxWindowsFileServerVolumeConfiguration': {'fileSystemId': 'f', 'rootDirectory': "
            "'d', 'authorizationConfig': {'credentialsParameter': 'p', 'domain': 'd'}}"),
     "", NEW "fsxWindowsFileServer"},
    {"configuredAtLaunch", VOLUME("'configuredAtLaunch': true"), "",
     NEW "storage.ebs-task-volume-attach"},
    {"TD-111: a driver by its name",
     VOLUME("'dockerVolumeConfiguration': {'driver': 'rexray/ebs'}"), "",
     NEW "docker-plugin.rexray/ebs"},
    {"TD-111: no driver is local", VOLUME("'dockerVolumeConfiguration': {}"), "",
     NEW "docker-plugin.local"},
    {"a host's directory", VOLUME("'host': {'sourcePath': '/x'}"), "", ""},
    {"environmentFiles", ROLE,
     ", 'environmentFiles': [{'type': 's3', 'value': 'arn:aws:s3:::b/k.env'}]", NEW "env-files.s3"},
    {"taskRoleArn", ", 'taskRoleArn': 'r'", "", OLD "task-iam-role"},
    {"taskRoleArn in host mode", ", 'networkMode': 'host', 'taskRoleArn': 'r'", "",
     OLD "task-iam-role-network-host"},
    {"ECR by the instance`s role", "", ", 'image': '1.dkr.ecr.r.amazonaws.com/a'", OLD "ecr-auth"},
    {"ECR by the execution role", ROLE, ", 'image': '1.dkr.ecr.r.amazonaws.com/a'",
     OLD "ecr-auth " NEW "execution-role-ecr-pull"},
    {"no ECR", ROLE, ", 'image': 'example.com/1.dkr.ecr.r/a'", ""},
    {"pidMode", ", 'pidMode': 'task'", "", NEW "pid-ipc-namespace-sharing"},
    {"ipcMode", ", 'ipcMode': 'none'", "", NEW "pid-ipc-namespace-sharing"},
    {"FireLens", "", ", 'firelensConfiguration': {'type': 'fluentd'}", NEW "firelens.fluentd"},
    {"FireLens with a file", "",
     ", 'firelensConfiguration': {'type': 'fluentbit', 'options': {'config-file-type': 'file', "
     "'config-file-value': '/c'}}",
     NEW "firelens.fluentbit " NEW "firelens.options.config.file"},
    {"a range of ports", "", ", 'portMappings': [{'containerPortRange': '80-90'}]",
     NEW "network.container-port-range"},
    {"restartPolicy", "", ", 'restartPolicy': {'enabled': true}", NEW "container-restart-policy"},
    {"restartPolicy disabled", "", ", 'restartPolicy': {'enabled': false}", ""},
    {"enableFaultInjection", ", 'networkMode': 'host', 'enableFaultInjection': true", "",
     NEW "fault-injection"},
    {"credentialSpecs", "", SPEC("credentialspec"), NEW "gmsa"},
    {"credentialSpecs without a domain", "", SPEC("credentialspecdomainless"),
     NEW "gmsa-domainless"},
    {"TD-022",
     ", 'runtimePlatform': {'cpuArchitecture': 'X86_64', 'operatingSystemFamily': 'LINUX'}", "",
     "ecs.cpu-architecture=x86_64 ecs.os-type=linux"},
    {"TD-022: Windows is nowhere",
     ", 'runtimePlatform': {'operatingSystemFamily': 'WINDOWS_SERVER_2022_FULL'}", "",
     "ecs.os-type=windows"},
};

static void expect(const char *why, const char *json, const char *wanted)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct ecs_task_definition definition = definition_of(json);
    const char *const *names;
    size_t count;

    definition_requires(&definition_arena, &definition, &names, &count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%s", i ? " " : "", names[i]);
    if (strcmp(text.data ? text.data : "", wanted) != 0)
        fail_msg("%s: %s, not %s", why, text.data ? text.data : "nothing", wanted);
}

static void test_features(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect(rows[i].why, definition_text(rows[i].top, rows[i].container), rows[i].wanted);
}

static void test_of_several_containers(void **state)
{
    (void)state;
    expect("dependsOn",
           "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8, "
           "'dependsOn': [{'containerName': 'd', 'condition': 'START'}]}, {'name': 'd', 'image': "
           "'i', 'memory': 8}]}",
           NEW "container-ordering");
    expect("each once, sorted",
           "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8, "
           "'privileged': true" LOG("syslog") "}, {'name': 'd', 'image': 'i', 'memory': 8, "
                                              "'privileged': true" LOG("syslog") "}]}",
           API("18") " " OLD "logging-driver.syslog " OLD "privileged-container");
    expect("awsfirelens and its buffer",
           "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8, "
           "'logConfiguration': {'logDriver': 'awsfirelens', 'options': {'Name': 'stdout', "
           "'log-driver-buffer-limit': '2097152'}}}, {'name': 'd', 'image': 'i', 'memory': 8, "
           "'firelensConfiguration': {'type': 'fluentbit'}}]}",
           API("18") " " API("19") " " OLD "logging-driver.awsfirelens " NEW
                                   "firelens.fluentbit " NEW
                                   "logging-driver.awsfirelens.log-driver-buffer-limit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_features, definition_reset),
        cmocka_unit_test_setup(test_of_several_containers, definition_reset),
    };

    return cmocka_run_group_tests(tests, NULL, definition_done);
}
