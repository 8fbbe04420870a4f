/* Rules between members of a task definition, one list a concept: what is taken, and what is
 * refused with which words. */
#include "definition.h"

struct row {
    const char *why, *top, *container, *refusal;
};

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        definition_expect(rows[i].why, definition_text(rows[i].top, rows[i].container),
                          rows[i].refusal);
}
#define EXPECT(rows) expect_rows(rows, ARRAY_LEN(rows))

#define ROLE         ", 'executionRoleArn': 'r'"
#define SECRET(from) ", 'secrets': [{'name': 'A', 'valueFrom': '" from "'}]"
#define ASM          "arn:aws:secretsmanager:us-east-1:000000000000:secret:app-AbCdEf"
#define FILES(value) ", 'environmentFiles': [{'type': 's3', 'value': '" value "'}]"
#define SPECS(items) ", 'credentialSpecs': [" items "]"

/* TD-024, TD-025, TD-054, TD-058 to TD-060, TD-223 to TD-234 */
static void test_roles_and_secrets(void **state)
{
    static const struct row rows[] = {
        {"TD-024: a name", ", 'taskRoleArn': 'app', 'executionRoleArn': 'pull'", "", NULL},
        {"TD-024: a path", ", 'taskRoleArn': 'arn:aws:iam::1:role/service/app'", "", NULL},
        {"TD-267: one for both", ", 'taskRoleArn': 'r', 'executionRoleArn': 'r'", "", NULL},
        {"TD-255: a placeholder", ", 'executionRoleArn': '${EXECUTION_ROLE}'", "", NULL},
        {"API-048: no role", ", 'taskRoleArn': 'arn:aws:iam::1:user/app'", "", "Role is not valid"},
        {"API-048: no role", ", 'executionRoleArn': 'arn:aws:s3:::bucket'", "",
         "Role is not valid"},
        {"TD-226: a whole secret", ROLE, SECRET(ASM), NULL},
        {"TD-226: a key", ROLE, SECRET(ASM ":username1::"), NULL},
        {"TD-226: a stage", ROLE, SECRET(ASM "::AWSPREVIOUS:"), NULL},
        {"TD-226: a version", ROLE, SECRET(ASM ":::9d4cb84b"), NULL},
        {"TD-226: key and stage", ROLE, SECRET(ASM ":username1:AWSPREVIOUS:"), NULL},
        {"TD-226: key and version", ROLE, SECRET(ASM ":username1::9d4cb84b"), NULL},
        {"TD-225: stage and version", ROLE, SECRET(ASM "::AWSPREVIOUS:9d4cb84b"),
         "valueFrom `" ASM "::AWSPREVIOUS:9d4cb84b` of the secret `A` is invalid"},
        {"TD-223: a suffix cut short", ROLE, SECRET(ASM ":username1"), "is invalid"},
        {"TD-223: a suffix too long", ROLE, SECRET(ASM ":a:b::d"), "is invalid"},
        {"TD-223: no name", ROLE, SECRET("arn:aws:secretsmanager:r:1:secret:"), "is invalid"},
        {"TD-227", ROLE, SECRET("arn:aws:ssm:us-east-1:1:parameter/hello/SESSION_SECRET"), NULL},
        {"TD-229: a name is a parameter`s", ROLE, SECRET("/hello-world/SESSION_SECRET"), NULL},
        {"another service", ROLE, SECRET("arn:aws:s3:::bucket/key"), "neither a secret"},
        {"TD-058", ROLE, SECRET(""), "should not be empty"},
        {"TD-060: twice", ROLE,
         ", 'secrets': [{'name': 'A', 'valueFrom': 'a'}, {'name': 'A', 'valueFrom': 'b'}]",
         "The secret name must be unique and not shared with any new or existing environment "
         "variables set on the container, such as `A`."},
        {"TD-060: also a variable", ROLE,
         ", 'environment': [{'name': 'A', 'value': ''}]" SECRET("a"), "such as `A`."},
        {"TD-230: options of the driver are named apart", ROLE,
         SECRET("a") ", 'logConfiguration': {'logDriver': 'splunk', 'secretOptions': [{'name': "
                     "'A', 'valueFrom': 'a'}]}",
         NULL},
        {"TD-225 for options", ROLE,
         ", 'logConfiguration': {'logDriver': 'splunk', 'secretOptions': [{'name': 'splunk-token', "
         "'valueFrom': '" ASM ":a:b:c'}]}",
         "is invalid"},
        {"TD-234", "", SECRET("a"),
         "When you are specifying container secrets, you must also specify a value for "
         "`executionRoleArn`."},
        {"TD-234: options", "",
         ", 'logConfiguration': {'logDriver': 'splunk', 'secretOptions': [{'name': 'A', "
         "'valueFrom': 'a'}]}",
         "container secrets"},
        {"TD-025: a registry", "", ", 'repositoryCredentials': {'credentialsParameter': 's'}",
         "container repositoryCredentials, you must also specify a value for `executionRoleArn`."},
        {"TD-054: by name", ROLE, ", 'repositoryCredentials': {'credentialsParameter': 's'}", NULL},
        {"TD-054: empty", ROLE, ", 'repositoryCredentials': {'credentialsParameter': ''}",
         "credentialsParameter should not be empty"},
        {"TD-025: files", "", FILES("arn:aws:s3:::b/k.env"), "container environmentFiles"},
        {"TD-059", ROLE, FILES("arn:aws:s3:::b/dir/k.env"), NULL},
        {"TD-059: GovCloud", ROLE, FILES("arn:aws-us-gov:s3:::b/k.env"), NULL},
        {"TD-059: the extension", ROLE, FILES("arn:aws:s3:::b/k.txt"),
         "must have the extension .env"},
        {"TD-059: no object", ROLE, FILES("s3://b/k.env"), "the ARN of an object in S3"},
        {"TD-059: no bucket", ROLE, FILES("arn:aws:s3:::/k.env"), "the ARN of an object in S3"},
        {"credentialSpecs in S3", "", SPECS("'credentialspec:arn:aws:s3:::b/spec.json'"), NULL},
        {"credentialSpecs in SSM", "",
         SPECS("'credentialspecdomainless:arn:aws:ssm:r:1:parameter/spec'"), NULL},
        {"credentialSpecs: no kind", "", SPECS("'arn:aws:s3:::b/spec.json'"),
         "credentialSpecs must"},
        {"credentialSpecs: no ARN", "", SPECS("'credentialspec:file'"), "credentialSpecs must"},
        {"credentialSpecs: two", "",
         SPECS("'credentialspec:arn:aws:s3:::b/1', 'credentialspec:arn:aws:s3:::b/2'"),
         "at most 1 item"},
    };

    (void)state;
    EXPECT(rows);
}

#define PORTS(items) ", 'portMappings': [" items "]"
#define RANGE(text)  PORTS("{'containerPortRange': '" text "'}")
#define NAMED(name)  PORTS("{'containerPort': 80, 'name': '" name "'}")
#define LETTERS_64   "a234567890123456789012345678901234567890123456789012345678901234"

/* API-097, API-098 */
static void test_ports(void **state)
{
    static const struct row rows[] = {
        {"the least and the most", "",
         PORTS("{'containerPort': 1, 'hostPort': 65535}, {'containerPort': 65535, 'hostPort': 1}"),
         NULL},
        {"TD-048: 0", "", PORTS("{'containerPort': 0}"),
         "Invalid `containerPort` setting for container `c`."},
        {"TD-048: absent", "", PORTS("{}"), "Invalid `containerPort` setting for container `c`."},
        {"below 0", "", PORTS("{'containerPort': 80, 'hostPort': -1}"), "hostPort"},
        {"API-098", "", RANGE("1-65535"), NULL},
        {"API-098: one port", "", RANGE("80-80"), "containerPortRange"},
        {"API-098: downwards", "", RANGE("81-80"), "containerPortRange"},
        {"API-098: 0", "", RANGE("0-80"), "containerPortRange"},
        {"API-098: above", "", RANGE("80-65536"), "containerPortRange"},
        {"API-098: far above", "", RANGE("80-4294967376"), "containerPortRange"},
        {"API-098: signs", "", RANGE("+80-+90"), "containerPortRange"},
        {"API-098: blanks", "", RANGE(" 80-90"), "containerPortRange"},
        {"API-098: more behind", "", RANGE("80-90,"), "containerPortRange"},
        {"API-098: half", "", RANGE("80-"), "containerPortRange"},
        {"API-098: with a port too", "",
         PORTS("{'containerPortRange': '80-90', 'containerPort': 80}"), "containerPortRange"},
        {"API-098: with a host port", "", PORTS("{'containerPortRange': '80-90', 'hostPort': 80}"),
         "hostPort"},
        {"API-098: ranges that meet", "",
         PORTS("{'containerPortRange': '80-90'}, {'containerPortRange': '90-95'}"),
         "more than once"},
        {"API-098: ranges side by side", "",
         PORTS("{'containerPortRange': '80-90'}, {'containerPortRange': '91-95'}"), NULL},
        {"API-098: a port of a range", "",
         PORTS("{'containerPort': 85}, {'containerPortRange': '80-90'}"), "more than once"},
        {"API-097: a name", "", NAMED("web_1-a"), NULL},
        {"API-097: 64", "", NAMED(LETTERS_64), NULL},
        {"API-097: 65", "", NAMED(LETTERS_64 "5"), "Port mapping name"},
        {"API-097: capitals", "", NAMED("Web"), "Port mapping name"},
        {"API-097: a hyphen first", "", NAMED("-web"), "cannot start with a hyphen"},
        {"TD-016: empty is none", "", NAMED(""), NULL},
        {"API-097: a name twice", "",
         PORTS("{'containerPort': 80, 'name': 'web'}, {'containerPort': 81, 'name': 'web'}"),
         "Port mapping names must be unique: `web` is there twice."},
        {"API-097: protocols of applications", "",
         PORTS("{'containerPort': 80, 'name': 'a', 'appProtocol': 'http'}, {'containerPort': 81, "
               "'name': 'b', 'appProtocol': 'http2'}, {'containerPort': 82, 'name': 'c', "
               "'appProtocol': 'grpc'}"),
         NULL},
        {"API-097: smtp", "", PORTS("{'containerPort': 80, 'appProtocol': 'smtp'}"), "appProtocol"},
        {"API-097: sctp", "", PORTS("{'containerPort': 80, 'protocol': 'sctp'}"), "protocol"},
    };

    (void)state;
    EXPECT(rows);
    definition_expect(
        "API-097: a name of two containers",
        "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8" NAMED(
            "web") "}, {'name': 'd', 'image': 'i', 'memory': 8" NAMED("web") "}]}",
        "Port mapping names must be unique");
}

#define VOLUMES(items) ", 'volumes': [" items "]"
#define EFS(more)                                                                                  \
    VOLUMES("{'name': 'v', 'efsVolumeConfiguration': {'fileSystemId': 'fs-1'" more "}}")
#define S3(more)                                                                                   \
    VOLUMES("{'name': 'v', 's3filesVolumeConfiguration': {'fileSystemArn': "                       \
            "'arn:aws:s3files:r:1:file-system/fs-1'" more "}}")
#define DOCKER(members) VOLUMES("{'name': 'v', 'dockerVolumeConfiguration': {" members "}}")
#define MOUNT(volume)   ", 'mountPoints': [{'sourceVolume': '" volume "', 'containerPath': '/v'}]"
#define FSX(id, domain)                                                                            \
    VOLUMES("{'name': 'v', 'fsxWindowsFileServerVolumeConfiguration': {'fileSystemId': '" id       \
            "', 'rootDirectory': 'share', 'authorizationConfig': {'credentialsParameter': 'p', "   \
            "'domain': '" domain "'}}}")

/* TD-039, TD-069, TD-145 to TD-160, API-108 */
static void test_volumes(void **state)
{
    static const struct row rows[] = {
        {"TD-145: several mounts of one", VOLUMES("{'name': 'v'}"),
         ", 'mountPoints': [{'sourceVolume': 'v', 'containerPath': '/a'}, {'sourceVolume': 'v', "
         "'containerPath': '/b', 'readOnly': true}]",
         NULL},
        {"TD-069", VOLUMES("{'name': 'v'}"), MOUNT("w"), "Unknown volume `w`."},
        {"TD-145", VOLUMES("{'name': ''}"), "", "Volume.name should not be null or empty."},
        {"TD-145", VOLUMES("{}"), "", "Volume.name should not be null or empty."},
        {"TD-145", VOLUMES("{'name': 'a/b'}"), "", "invalid characters: `a/b`"},
        {"TD-145", VOLUMES("{'name': 'v'}, {'name': 'v'}"), "", "unique"},
        {"TD-147: host and EFS",
         VOLUMES("{'name': 'v', 'host': {}, 'efsVolumeConfiguration': {'fileSystemId': 'fs'}}"), "",
         "only one kind"},
        {"TD-147: host and at launch",
         VOLUMES("{'name': 'v', 'host': {}, 'configuredAtLaunch': true}"), "", "only one kind"},
        {"TD-147: at launch false",
         VOLUMES("{'name': 'v', 'host': {}, 'configuredAtLaunch': false}"), "", NULL},
        {"at launch", VOLUMES("{'name': 'v', 'configuredAtLaunch': true}"), MOUNT("v"), NULL},
        {"two at launch",
         VOLUMES("{'name': 'v', 'configuredAtLaunch': true}, {'name': 'w', 'configuredAtLaunch': "
                 "true}"),
         "", "Only one volume can be configured at launch: `v` and `w` are."},
        {"TD-153: task", DOCKER("'scope': 'task', 'autoprovision': false"), "", NULL},
        {"TD-153", DOCKER("'scope': 'task', 'autoprovision': true"), "", "autoprovision"},
        {"TD-152: task is the default", DOCKER("'autoprovision': true"), "", "autoprovision"},
        {"TD-154", DOCKER("'scope': 'shared', 'autoprovision': true"), "", NULL},
        {"TD-152", DOCKER("'scope': 'host'"), "", "scope"},
        {"TD-159: all of it",
         EFS(", 'rootDirectory': '/', 'transitEncryption': 'ENABLED', 'transitEncryptionPort': "
             "2049, 'authorizationConfig': {'accessPointId': 'fsap-1', 'iam': 'ENABLED'}"),
         "", NULL},
        {"TD-159", VOLUMES("{'name': 'v', 'efsVolumeConfiguration': {'fileSystemId': ''}}"), "",
         "fileSystemId"},
        {"TD-159", EFS(", 'transitEncryption': 'on'"), "", "transitEncryption"},
        {"TD-159", EFS(", 'transitEncryptionPort': 65536"), "", "transitEncryptionPort must be"},
        {"TD-160: IAM in the clear", EFS(", 'authorizationConfig': {'iam': 'ENABLED'}"), "",
         "transitEncryption must be ENABLED"},
        {"TD-160: IAM disabled", EFS(", 'authorizationConfig': {'iam': 'DISABLED'}"), "", NULL},
        {"TD-160: an access point in the clear",
         EFS(", 'authorizationConfig': {'accessPointId': 'fsap-1'}"), "",
         "transitEncryption must be ENABLED"},
        {"TD-160: an access point and a root",
         EFS(", 'rootDirectory': '/x', 'transitEncryption': 'ENABLED', 'authorizationConfig': "
             "{'accessPointId': 'fsap-1'}"),
         "", "rootDirectory must be /"},
        {"a root", EFS(", 'rootDirectory': '/x'"), "", NULL},
        {"S3 Files", ", 'taskRoleArn': 'r'" S3(""), "", NULL},
        {"S3 Files without a role", S3(""), "", "`taskRoleArn`"},
        {"S3 Files: an access point and a root",
         ", 'taskRoleArn': 'r'" S3(", 'rootDirectory': '/x', 'accessPointArn': 'a'"), "",
         "rootDirectory must be /"},
        {"S3 Files: an access point and /",
         ", 'taskRoleArn': 'r'" S3(", 'rootDirectory': '/', 'accessPointArn': 'a'"), "", NULL},
        {"S3 Files: a port", ", 'taskRoleArn': 'r'" S3(", 'transitEncryptionPort': -1"), "",
         "transitEncryptionPort"},
        {"API-108: FSx", FSX("fs-1", "d"), "", NULL},
        {"API-108: FSx", FSX("", "d"), "", "fileSystemId"},
        {"API-108: FSx", FSX("fs-1", ""), "", "domain"},
    };

    (void)state;
    EXPECT(rows);
}

#define LINUX(members) ", 'linuxParameters': {" members "}"
#define LIMIT(soft, hard)                                                                          \
    ", 'ulimits': [{'name': 'nofile', 'softLimit': " soft ", 'hardLimit': " hard "}]"
#define CONTROL(name) ", 'systemControls': [{'namespace': '" name "', 'value': '1'}]"

/* TD-075, TD-076, TD-079 to TD-088, TD-126, TD-273 */
static void test_linux(void **state)
{
    static const struct row rows[] = {
        {"TD-083: no swap", "", LINUX("'maxSwap': 0"), NULL},
        {"TD-083", "", LINUX("'maxSwap': -1"), "maxSwap"},
        {"TD-083", "", LINUX("'swappiness': 100"), NULL},
        {"TD-083", "", LINUX("'swappiness': 101"), "swappiness"},
        {"TD-273", "", ", 'memory': null, 'memoryReservation': 64" LINUX("'maxSwap': 64"),
         "maxSwap requires that `memory` is specified"},
        {"TD-084", "", LINUX("'sharedMemorySize': -1"), "sharedMemorySize"},
        {"TD-085", "",
         LINUX("'tmpfs': [{'containerPath': '/t', 'size': 1, 'mountOptions': ['mode=755', 'ro']}]"),
         NULL},
        {"TD-085: a relative path", "", LINUX("'tmpfs': [{'containerPath': 't', 'size': 1}]"),
         "absolute containerPath"},
        {"TD-085: no size", "", LINUX("'tmpfs': [{'containerPath': '/t', 'size': 0}]"), "size"},
        {"TD-081", "", LINUX("'devices': [{'hostPath': '/dev/kvm', 'permissions': ['mknod']}]"),
         NULL},
        {"TD-081", "", LINUX("'devices': [{'hostPath': ''}]"), "hostPath"},
        {"TD-079: printed so", "", LINUX("'capabilities': {'add': ['SETCAP']}"), NULL},
        {"TD-079", "", LINUX("'capabilities': {'drop': ['net_admin']}"), "capability"},
        {"TD-076: without limit", "", LIMIT("-1", "-1"), NULL},
        {"TD-076: the same", "", LIMIT("10", "10"), NULL},
        {"TD-076", "", LIMIT("11", "10"), "above its hard limit"},
        {"TD-076: a soft one without limit", "", LIMIT("-1", "10"), "above its hard limit"},
        {"TD-088", "", CONTROL("kernel.shm_rmid_forced"), NULL},
        {"TD-088", "", CONTROL("fs.mqueue.msg_max"), NULL},
        {"TD-088: as misprinted", "", CONTROL("kernel.shmmmax"), "namespaced kernel parameter"},
        {"TD-088", "", CONTROL("vm.swappiness"), "namespaced kernel parameter"},
        {"TD-088: both optional", "", ", 'systemControls': [{}]", NULL},
        {"TD-126: ipcMode host", ", 'ipcMode': 'host'", CONTROL("kernel.msgmax"), "ipcMode=host"},
        {"TD-126: ipcMode task", ", 'ipcMode': 'task'", CONTROL("kernel.msgmax"), NULL},
        {"TD-126: ipcMode none", ", 'ipcMode': 'none'", CONTROL("kernel.msgmax"), NULL},
        {"TD-126: net.* with ipcMode host", ", 'ipcMode': 'host'", CONTROL("net.core.somaxconn"),
         NULL},
        {"TD-075: every kind", "",
         ", 'dockerSecurityOptions': ['no-new-privileges', 'no-new-privileges:true', "
         "'apparmor:docker-default', 'label:type:svirt_t', 'label=disable', "
         "'credentialspec:file://a.json']",
         NULL},
        {"TD-075", "", ", 'dockerSecurityOptions': ['seccomp:unconfined']",
         "`seccomp:unconfined` of dockerSecurityOptions"},
        {"TD-075: no value", "", ", 'dockerSecurityOptions': ['apparmor:']",
         "dockerSecurityOptions"},
        {"TD-075: empty", "", ", 'dockerSecurityOptions': ['']", "dockerSecurityOptions"},
        {"TD-074: named", "", ", 'user': 'app:staff'", NULL},
        {"TD-074: mixed", "", ", 'user': '1000:staff'", NULL},
        {"TD-074: no group", "", ", 'user': 'app:'", "`user`"},
        {"TD-074: three parts", "", ", 'user': 'a:b:c'", "`user`"},
    };

    (void)state;
    EXPECT(rows);
}

#define FIRELENS(options)                                                                          \
    ", 'firelensConfiguration': {'type': 'fluentbit', 'options': {" options "}}"
#define LOG(driver, options)                                                                       \
    ", 'logConfiguration': {'logDriver': '" driver "', 'options': {" options "}}"

/* TD-071, TD-186, TD-192, TD-201 to TD-208, API-104, API-107 */
static void test_logs(void **state)
{
    static const struct row rows[] = {
        {"API-104: neither", "", LOG("awslogs", ""),
         "Log driver awslogs requires options: awslogs-region, awslogs-group"},
        {"API-104: no group", "", LOG("awslogs", "'awslogs-region': 'r'"),
         "Log driver awslogs requires options: awslogs-group"},
        {"API-104: no region", "", LOG("awslogs", "'awslogs-group': 'g'"),
         "Log driver awslogs requires options: awslogs-region"},
        {"TD-192: both patterns", "",
         LOG("awslogs", "'awslogs-group': 'g', 'awslogs-region': 'r', 'awslogs-datetime-format': "
                        "'%Y', 'awslogs-multiline-pattern': '^a'"),
         NULL},
        {"TD-071", "", LOG("logentries", ""), "logDriver"},
        {"TD-071: Docker's none", "", LOG("none", ""), "logDriver"},
        {"TD-201: no router", "", LOG("awsfirelens", "'Name': 'stdout'"), "awsfirelens"},
        {"TD-201: a router alone", "", FIRELENS(""), NULL},
        {"TD-202", "", FIRELENS("'enable-ecs-log-metadata': 'false'"), NULL},
        {"TD-202", "", FIRELENS("'enable-ecs-log-metadata': 'no'"), "enable-ecs-log-metadata=no"},
        {"API-107: another", "", FIRELENS("'buffer': '1'"), "buffer=1"},
        {"TD-208", "", FIRELENS("'config-file-type': 'file', 'config-file-value': '/a.conf'"),
         NULL},
        {"TD-208", "", FIRELENS("'config-file-type': 'ftp', 'config-file-value': '/a'"), "=ftp"},
        {"TD-208: half", "", FIRELENS("'config-file-type': 'file'"), "go together"},
        {"TD-208: the other half", "", FIRELENS("'config-file-value': '/a.conf'"), "go together"},
        {"TD- section 21", ROLE, FIRELENS("'config-file-type': 's3', 'config-file-value': '/a'"),
         "Invalid arn syntax."},
        {"TD-208: S3", ROLE,
         FIRELENS("'config-file-type': 's3', 'config-file-value': 'arn:aws:s3:::b/k.conf'"), NULL},
        {"TD-025: S3", "",
         FIRELENS("'config-file-type': 's3', 'config-file-value': 'arn:aws:s3:::b/k.conf'"),
         "firelensConfiguration from S3, you must also specify a value for `executionRoleArn`."},
    };

    (void)state;
    EXPECT(rows);
    definition_expect(
        "TD-201: not essential",
        "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8}, "
        "{'name': 'router', 'image': 'i', 'memory': 8, 'essential': false" FIRELENS("") "}]}",
        "must be essential");
    definition_expect("TD-201: two routers",
                      "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', "
                      "'memory': 8" FIRELENS("") "}, {'name': 'd', 'image': 'i', 'memory': "
                                                 "8" FIRELENS("") "}]}",
                      "Only one container");
}

/* Containers a, b, c... with these members. */
static const char *several(const char *const *members, size_t count)
{
    CLEANUP(buf_done) struct buf text = {0};

    buf_add_str(&text, "{'family': 'f', 'containerDefinitions': [");
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s{'name': '%c', 'image': 'i', 'memory': 8%s}", i ? ", " : "",
                   (char)('a' + i), members[i]);
    buf_add_str(&text, "]}");
    return arena_dup(&definition_arena, text.data);
}

#define AFTER(name, condition)                                                                     \
    ", 'dependsOn': [{'containerName': '" name "', 'condition': '" condition "'}]"
#define LINK(text)  ", 'links': ['" text "']"
#define FROM(name)  ", 'volumesFrom': [{'sourceContainer': '" name "'}]"
#define CHECKED     ", 'healthCheck': {'command': ['CMD', 'x']}"
#define UNESSENTIAL ", 'essential': false"

/* TD-065, TD-070, TD-086, TD-130, TD-269, API-102 */
static void test_order(void **state)
{
    static const struct {
        const char *why;
        const char *members[5];
        const char *refusal;
    } rows[] = {
        {"TD-086: all four conditions",
         {", 'dependsOn': [{'containerName': 'b', 'condition': 'START'}, {'containerName': 'c', "
          "'condition': 'COMPLETE'}, {'containerName': 'd', 'condition': 'SUCCESS'}, "
          "{'containerName': 'e', 'condition': 'HEALTHY'}]",
          "", UNESSENTIAL, UNESSENTIAL, CHECKED},
         NULL},
        {"TD-269: START of an essential one", {AFTER("b", "START"), ""}, NULL},
        {"TD-269: HEALTHY of an essential one", {AFTER("b", "HEALTHY"), CHECKED}, NULL},
        {"TD-086: COMPLETE of an essential one",
         {AFTER("b", "COMPLETE"), ""},
         "A dependency container with SUCCESS or COMPLETE condition cannot be an essential "
         "container"},
        {"TD-086: SUCCESS of an essential one",
         {AFTER("b", "SUCCESS"), ""},
         "A dependency container with SUCCESS or COMPLETE condition cannot be an essential "
         "container"},
        {"TD-086: HEALTHY without a check", {AFTER("b", "HEALTHY"), ""}, "no health check"},
        {"TD-086: nobody",
         {AFTER("x", "START"), ""},
         "Cannot depend on container + `x` because it does not exist"},
        {"TD-086: oneself", {AFTER("a", "START"), ""}, "cycle"},
        {"TD-086: in a circle of three",
         {AFTER("b", "START"), AFTER("c", "START"), AFTER("a", "START")},
         "cycle"},
        {"TD-086: two ways to one",
         {AFTER("b", "START"), AFTER("d", "START"), AFTER("d", "START"), ""},
         NULL},
        {"TD-130: a link in the circle", {AFTER("b", "START"), LINK("a")}, "cycle"},
        {"TD-130: links in a circle", {LINK("b"), LINK("a")}, "cycle"},
        {"TD-130: volumes in the circle", {AFTER("b", "START"), FROM("a")}, "cycle"},
        {"TD-070: oneself", {FROM("a"), ""}, "cycle"},
        {"TD-070: nobody", {FROM("x"), ""}, "unknown container `x`"},
        {"TD-065: an alias", {LINK("b:db_1"), ""}, NULL},
        {"TD-065: an empty alias", {LINK("b:"), ""}, "Link `b:`"},
        {"TD-065: a bad alias", {LINK("b:d.b"), ""}, "Link `b:d.b`"},
        {"TD-065: two colons", {LINK("b:c:d"), ""}, "Link `b:c:d`"},
        {"TD-065: nobody", {LINK("x:b"), ""}, "Link `x:b`"},
        {"API-102: another condition", {AFTER("b", "READY"), ""}, "condition"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t count = 0;

        while (count < ARRAY_LEN(rows[i].members) && rows[i].members[count])
            count++;
        definition_expect(rows[i].why, several(rows[i].members, count), rows[i].refusal);
    }
}

#define HEALTH(members)  ", 'healthCheck': {" members "}"
#define RESTART(members) ", 'restartPolicy': {" members "}"
#define PROXY(container, properties)                                                               \
    ", 'networkMode': 'awsvpc', 'proxyConfiguration': {'containerName': '" container               \
    "', 'properties': [" properties "]}"
#define PROPERTY(name, value) "{'name': '" name "', 'value': '" value "'}"
#define PORTS_OF_PROXY                                                                             \
    PROPERTY("AppPorts", "80")                                                                     \
    ", " PROPERTY("ProxyIngressPort", "15000") ", " PROPERTY("ProxyEgressPort", "15001")
#define DEVICES(items) ", 'inferenceAccelerators': [" items "]"
#define DEVICE(name)   "{'deviceName': '" name "', 'deviceType': 'eia1.medium'}"
#define WANTS(name)                                                                                \
    ", 'resourceRequirements': [{'type': 'InferenceAccelerator', 'value': '" name "'}]"
#define GPUS(count) ", 'resourceRequirements': [{'type': 'GPU', 'value': '" count "'}]"

/* TD-036, TD-037, TD-052, TD-061, TD-062, API-103, API-106, API-109; restart policies of 2024 */
static void test_others(void **state)
{
    static const struct row rows[] = {
        {"TD-061", "", HEALTH("'command': ['CMD-SHELL', 'curl -f http://localhost/ || exit 1']"),
         NULL},
        {"API-103: none", "", HEALTH("'command': ['NONE']"), NULL},
        {"TD-061: nothing behind", "", HEALTH("'command': ['CMD-SHELL']"),
         "nothing behind CMD-SHELL"},
        {"TD-062: the least", "",
         HEALTH("'command': ['CMD', 'x'], 'interval': 5, 'timeout': 2, 'retries': 1, "
                "'startPeriod': 0"),
         NULL},
        {"TD-062: the most", "",
         HEALTH("'command': ['CMD', 'x'], 'interval': 300, 'timeout': 60, 'retries': 10, "
                "'startPeriod': 300"),
         NULL},
        {"restartPolicy", "",
         RESTART("'enabled': true, 'ignoredExitCodes': [0, 137], 'restartAttemptPeriod': 60"),
         NULL},
        {"restartPolicy: the most", "", RESTART("'enabled': true, 'restartAttemptPeriod': 1800"),
         NULL},
        {"restartPolicy: too short", "", RESTART("'enabled': true, 'restartAttemptPeriod': 59"),
         "between 60 and 1800"},
        {"restartPolicy: too long", "", RESTART("'enabled': true, 'restartAttemptPeriod': 1801"),
         "between 60 and 1800"},
        {"restartPolicy: enabled is needed", "", RESTART("'restartAttemptPeriod': 60"), "enabled"},
        {"versionConsistency", "", ", 'versionConsistency': 'disabled'", NULL},
        {"versionConsistency", "", ", 'versionConsistency': 'off'", "versionConsistency"},
        {"TD-052", "", GPUS("2"), NULL},
        {"TD-052", "", GPUS("0"), "GPUs `0`"},
        {"TD-052", "", GPUS("all"), "GPUs `all`"},
        {"API-106", DEVICES(DEVICE("d1")), WANTS("d1"), NULL},
        {"API-106: not there", DEVICES(DEVICE("d1")), WANTS("d2"), "`d2` is not defined"},
        {"API-106: not used", DEVICES(DEVICE("d1")), "", "`d1` is not used"},
        {"API-106: twice", DEVICES(DEVICE("d1") ", " DEVICE("d1")), WANTS("d1"),
         "`d1` is there twice"},
        {"TD-038: none", DEVICES(""), "", NULL},
        {"API-089", ", 'ephemeralStorage': {'sizeInGiB': 200}", "", NULL},
        {"API-089", ", 'ephemeralStorage': {'sizeInGiB': 201}", "", "phemeral"},
        {"API-089", ", 'ephemeralStorage': {'sizeInGiB': 20}", "", "phemeral"},
        {"TD-037: by user", PROXY("c", PORTS_OF_PROXY ", " PROPERTY("IgnoredUID", "1337")), "",
         NULL},
        {"TD-037: by group", PROXY("c", PORTS_OF_PROXY ", " PROPERTY("IgnoredGID", "1337")), "",
         NULL},
        {"TD-037: lists may be empty",
         PROXY("c", PORTS_OF_PROXY ", " PROPERTY("IgnoredUID", "1") ", " PROPERTY(
                        "EgressIgnoredPorts", "") ", " PROPERTY("EgressIgnoredIPs", "")),
         "", NULL},
        {"TD-037: neither", PROXY("c", PORTS_OF_PROXY), "", "IgnoredUID or IgnoredGID"},
        {"TD-037: no ports", PROXY("c", PROPERTY("IgnoredUID", "1")), "", "AppPorts"},
        {"TD-036: nobody", PROXY("x", PORTS_OF_PROXY), "", "unknown container `x`"},
        {"TD-255", ", 'taskRoleArn': '${role}'",
         ", 'environment': [{'name': 'A', 'value': '${serviceVariable.x}'}]", NULL},
        {"TD-255: a name left over", "", ", 'name': '${CONTAINER_NAME}'",
         "Container.name contains invalid characters: `${CONTAINER_NAME}`."},
        {"TD-255: an image left over", "", ", 'image': '${DOCKER_IMAGE_NAME}'",
         "Container.image contains invalid characters: `${DOCKER_IMAGE_NAME}`."},
        {"TD-033: no expression",
         ", 'placementConstraints': [{'type': 'memberOf', 'expression': ''}]", "",
         "expression should not be null or empty"},
        {"TD-033: no type", ", 'placementConstraints': [{'expression': 'attribute:a exists'}]", "",
         "type should not be null or empty"},
        {"SC-056",
         ", 'placementConstraints': [{'type': 'memberOf', 'expression': 'attribute:a in [b, c] and "
         "not(task:group == db)'}]",
         "", NULL},
        {"SC-087: a subject there is not",
         ", 'placementConstraints': [{'type': 'memberOf', 'expression': 'memory > 5'}]", "",
         "memory"},
        {"SC-087: half an expression",
         ", 'placementConstraints': [{'type': 'memberOf', 'expression': 'attribute:a =='}]", "",
         ""},
        {"SC-054", ", 'placementConstraints': [{'type': 'distinctInstance'}]", "",
         "constraint.type `distinctInstance` is not supported."},
    };

    (void)state;
    EXPECT(rows);
}

/* TD-036, TD-146: what is filled in, and stays when it is registered again. */
static void test_filled_in(void **state)
{
    struct ecs_task_definition definition = definition_of(
        definition_text(PROXY("c", PORTS_OF_PROXY ", " PROPERTY("IgnoredUID", "1337"))
                            VOLUMES("{'name': 'v'}, {'name': 'w', 'configuredAtLaunch': true}"),
                        ""));

    (void)state;
    assert_int_equal(definition.proxy_configuration->type, ECS_PROXY_CONFIGURATION_TYPE_APPMESH);
    assert_non_null(definition.volumes.items[0].host);
    assert_null(definition.volumes.items[0].host->source_path);
    assert_null(definition.volumes.items[1].host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_roles_and_secrets, definition_reset),
        cmocka_unit_test_setup(test_ports, definition_reset),
        cmocka_unit_test_setup(test_volumes, definition_reset),
        cmocka_unit_test_setup(test_linux, definition_reset),
        cmocka_unit_test_setup(test_logs, definition_reset),
        cmocka_unit_test_setup(test_order, definition_reset),
        cmocka_unit_test_setup(test_others, definition_reset),
        cmocka_unit_test_setup(test_filled_in, definition_reset),
    };

    return cmocka_run_group_tests(tests, NULL, definition_done);
}
