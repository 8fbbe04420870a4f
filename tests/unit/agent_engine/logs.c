/* Log drivers and FireLens (src/agent/engine/container_logs.c, firelens.h): AP-475, AP-476, TD-186 to
 * TD-215, TD-230. The configurations are what the official agent writes for the same task, but that it
 * takes containers in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/engine/container.h"
#include "agent/engine/firelens.h"

#define TASK_ID "aa000000000000000000000000000000"
#define ARN     "arn:aws:ecs:us-east-1:1:task/c/" TASK_ID

static struct arena arena;

static int drop_arena(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

/* `members` begins with a comma if it is not empty. */
static struct acs_task *task_of(const char *members, const char *containers)
{
    CLEANUP(str_freep)
    char *text = str_printf("{\"arn\":\"" ARN "\",\"desiredStatus\":\"RUNNING\",\"family\":\"web\","
                            "\"version\":\"3\",\"containers\":[%s]%s}",
                            containers, members);
    struct acs_task *task = ARENA_NEW(&arena, struct acs_task);
    json_t *json = json_loads(text, 0, NULL);
    struct error *err;

    if (!json)
        fail_msg("no JSON: %s", text);
    err = acs_decode_task(&arena, json, task);
    if (err)
        fail_msg("%s", err->message);
    json_decref(json);
    return task;
}

#define HOST(text)      "\"dockerConfig\":{\"hostConfig\":\"" text "\"}"
#define LOG(type, more) HOST("{\\\"LogConfig\\\":{\\\"Type\\\":\\\"" type "\\\"" more "}}")
#define OPTIONS(text)   ",\\\"Config\\\":{" text "}"
#define OPTION(k, v)    "\\\"" k "\\\":\\\"" v "\\\""
#define APP(more)       "{\"name\":\"app\",\"image\":\"i\"," more "}"
#define ROUTER(type, more)                                                                         \
    "{\"name\":\"log_router\",\"image\":\"r\",\"firelensConfiguration\":{\"type\":\"" type         \
    "\"" more "}}"
#define EXECUTION ",\"executionRoleCredentials\":{\"credentialsId\":\"cafe\",\"roleArn\":\"r\"}"

static const struct container_log_secret secrets[] = {
    {"app", "splunk-token", "hush"},
    {"other", "splunk-token", "not this"},
    {"app", "empty", ""},
};

static json_t *body_of(const struct acs_task *task, size_t index, const char *router_address,
                       bool is_docker_old, bool has_secrets, struct error **ret_err)
{
    static const char *const names[4] = {"n", "n", "n", "n"};
    static const int ranges[1];
    const struct container_plan plan = {
        .task = task,
        .container = &task->containers.items[index],
        .cluster = "default",
        .docker_names = names,
        .volume_names = names,
        .range_starts = ranges,
        .awslogs_endpoint = "http://berth:4566",
        .log_secrets = secrets,
        .log_secret_count = has_secrets ? ARRAY_LEN(secrets) : 0,
        .firelens_dir = "/data/firelens/" TASK_ID,
        .router_address = router_address,
        .is_firelens_async = true,
        .is_docker_old = is_docker_old,
    };
    CLEANUP(buf_done) struct buf body = {0};

    *ret_err = container_create_body(&plan, &body);
    return *ret_err ? NULL : json_loads(body.data, 0, NULL);
}

static void expect_json(const char *why, const json_t *found, const char *expected)
{
    json_t *wanted = expected ? json_loads(expected, JSON_DECODE_ANY, NULL) : NULL;

    if (expected)
        assert_non_null(wanted);
    if (expected ? !json_equal((json_t *)found, wanted) : found != NULL)
        fail_msg("%s: %s", why, found ? json_dumps(found, JSON_ENCODE_ANY) : "nothing");
    json_decref(wanted);
}

static const struct {
    const char *why, *members, *container;
    const char *log;     /* LogConfig in Docker's create call; NULL: none */
    const char *refusal; /* NULL: created */
    bool has_secrets;
} drivers[] = {
    {"TD-198: none said", "", APP("\"cpu\":1"), NULL, NULL},
    {"TD-197: options as they are", "", APP(LOG("syslog", OPTIONS(OPTION("tag", "x")))),
     "{\"Type\":\"syslog\",\"Config\":{\"tag\":\"x\"}}", NULL},
    {"no options", "", APP(LOG("none", "")), "{\"Type\":\"none\"}", NULL},
    {"a plugin", "", APP(LOG("sumologic", OPTIONS(OPTION("sumo-url", "u")))),
     "{\"Type\":\"sumologic\",\"Config\":{\"sumo-url\":\"u\"}}", NULL},
    {"TD-191: the server's own logs", "",
     APP(LOG("awslogs", OPTIONS(OPTION("awslogs-group", "g")))),
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-group\":\"g\",\"awslogs-endpoint\":"
     "\"http://berth:4566\"}}",
     NULL},
    {"TD-191: unless the definition says whose", "",
     APP(LOG("awslogs", OPTIONS(OPTION("awslogs-endpoint", "https://logs.example")))),
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-endpoint\":\"https://logs.example\"}}", NULL},
    {"AG-158: with the execution role", EXECUTION,
     APP(LOG("awslogs", "") ",\"logsAuthStrategy\":\"ExecutionRole\""),
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-credentials-endpoint\":\"/v2/credentials/cafe\","
     "\"awslogs-endpoint\":\"http://berth:4566\"}}",
     NULL},
    {"TD-278: without the override it is not asked for", EXECUTION, APP(LOG("awslogs", "")),
     "{\"Type\":\"awslogs\",\"Config\":{\"awslogs-endpoint\":\"http://berth:4566\"}}", NULL},
    {"AG-158: a role that is not there", "",
     APP(LOG("awslogs", "") ",\"logsAuthStrategy\":\"ExecutionRole\""), NULL,
     "HostConfigError: No execution credentials set for the task"},
    {"AP-475: non-blocking has a buffer", "",
     APP(LOG("json-file", OPTIONS(OPTION("mode", "non-blocking")))),
     "{\"Type\":\"json-file\",\"Config\":{\"mode\":\"non-blocking\",\"max-buffer-size\":\"10m\"}}",
     NULL},
    {"AP-475: the definition's", "",
     APP(LOG("json-file",
             OPTIONS(OPTION("mode", "non-blocking") "," OPTION("max-buffer-size", "1m")))),
     "{\"Type\":\"json-file\",\"Config\":{\"mode\":\"non-blocking\",\"max-buffer-size\":\"1m\"}}",
     NULL},
    {"AP-475: blocking has none", "", APP(LOG("json-file", OPTIONS(OPTION("mode", "blocking")))),
     "{\"Type\":\"json-file\",\"Config\":{\"mode\":\"blocking\"}}", NULL},
    {"TD-230: secret options are the driver's", "",
     APP(LOG("splunk", OPTIONS(OPTION("splunk-url", "u")))),
     "{\"Type\":\"splunk\",\"Config\":{\"splunk-url\":\"u\",\"splunk-token\":\"hush\"}}", NULL,
     true},
    {"TD-230: to a driver that had no options", "", APP(LOG("splunk", "")),
     "{\"Type\":\"splunk\",\"Config\":{\"splunk-token\":\"hush\"}}", NULL, true},
    {"TD-230: without a driver there is nobody to give them to", "", APP("\"cpu\":1"), NULL, NULL,
     true},
};

static void drivers_get_their_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        const struct acs_task *task = task_of(drivers[i].members, drivers[i].container);
        CLEANUP(error_freep) struct error *err = NULL;
        json_t *body = body_of(task, 0, NULL, false, drivers[i].has_secrets, &err);
        json_t *log = json_object_get(json_object_get(body, "HostConfig"), "LogConfig");

        if (!str_eq(err ? err->message : NULL, drivers[i].refusal))
            fail_msg("%s: %s", drivers[i].why, err ? err->message : "not refused");
        expect_json(drivers[i].why, log, drivers[i].log);
        json_decref(body);
    }
}

#define FIRE(more) LOG(FIRELENS_DRIVER, OPTIONS(OPTION("Name", "http") more))

static void logs_go_to_the_router(void **state)
{
    static const struct {
        const char *why, *members, *container, *router_address;
        bool is_docker_old;
        const char *log, *env, *refusal;
    } rows[] = {
        {"AP-476: bridge mode", "", APP(FIRE("")), "172.17.0.9", false,
         "{\"Type\":\"fluentd\",\"Config\":{\"tag\":\"app-firelens-" TASK_ID "\","
         "\"fluentd-address\":\"unix:///data/firelens/" TASK_ID "/socket/fluent.sock\","
         "\"fluentd-async\":\"true\",\"fluentd-sub-second-precision\":\"true\"}}",
         "[\"FLUENT_HOST=172.17.0.9\",\"FLUENT_PORT=24224\"]", NULL},
        {"TD-210: what the container calls its own gives way", "",
         APP("\"environment\":{\"FLUENT_HOST\":\"h\",\"X\":\"1\"}," FIRE("")), "172.17.0.9", false,
         NULL, "[\"FLUENT_HOST=172.17.0.9\",\"X=1\",\"FLUENT_PORT=24224\"]", NULL},
        {"AP-476: the limit of the buffer", "",
         APP(FIRE("," OPTION("log-driver-buffer-limit", "2"))), "172.17.0.9", true,
         "{\"Type\":\"fluentd\",\"Config\":{\"tag\":\"app-firelens-" TASK_ID "\","
         "\"fluentd-address\":\"unix:///data/firelens/" TASK_ID "/socket/fluent.sock\","
         "\"fluentd-async-connect\":\"true\",\"fluentd-sub-second-precision\":\"true\","
         "\"fluentd-buffer-limit\":\"2\"}}",
         NULL, NULL},
        {"TD-210: awsvpc", ",\"networkMode\":\"awsvpc\"", APP(FIRE("")), NULL, false, NULL,
         "[\"FLUENT_HOST=127.0.0.1\",\"FLUENT_PORT=24224\"]", NULL},
        {"TD-210: host mode has no such variables", ",\"networkMode\":\"host\"", APP(FIRE("")),
         NULL, false, NULL, "[]", NULL},
        {"AP-476: nobody knows where the router is", "", APP(FIRE("")), NULL, false, NULL, NULL,
         "DockerClientConfigError: unable to get BridgeIP for task in bridge mode"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct acs_task *task = task_of(rows[i].members, rows[i].container);
        CLEANUP(error_freep) struct error *err = NULL;
        json_t *body = body_of(task, 0, rows[i].router_address, rows[i].is_docker_old, false, &err);

        if (!str_eq(err ? err->message : NULL, rows[i].refusal))
            fail_msg("%s: %s", rows[i].why, err ? err->message : "not refused");
        if (rows[i].log)
            expect_json(rows[i].why,
                        json_object_get(json_object_get(body, "HostConfig"), "LogConfig"),
                        rows[i].log);
        if (rows[i].env)
            expect_json(rows[i].why, json_object_get(body, "Env"), rows[i].env);
        json_decref(body);
    }
}

static void a_router_has_files_and_secrets(void **state)
{
    static const struct {
        const char *why, *router, *binds, *env;
    } rows[] = {
        {"AP-476: Fluent Bit", ROUTER("fluentbit", ""),
         "[\"/data/firelens/" TASK_ID "/config/fluent.conf:/fluent-bit/etc/fluent-bit.conf\","
         "\"/data/firelens/" TASK_ID "/socket/:/var/run/\"]",
         "[\"splunk-token_0=hush\",\"empty_0=\"]"},
        {"AP-476: Fluentd", ROUTER("fluentd", ""),
         "[\"/data/firelens/" TASK_ID "/config/fluent.conf:/fluentd/etc/fluent.conf\","
         "\"/data/firelens/" TASK_ID "/socket/:/var/run/\"]",
         "[\"splunk-token_0=hush\",\"empty_0=\",\"FLUENT_UID=0\"]"},
        {"TD-208: and a file from S3",
         ROUTER("fluentbit", ",\"options\":{\"config-file-type\":\"s3\",\"config-file-value\":"
                             "\"arn:aws:s3:::b/k\"}"),
         "[\"/data/firelens/" TASK_ID "/config/fluent.conf:/fluent-bit/etc/fluent-bit.conf\","
         "\"/data/firelens/" TASK_ID "/socket/:/var/run/\","
         "\"/data/firelens/" TASK_ID "/config/external.conf:/fluent-bit/etc/external.conf\"]",
         "[\"splunk-token_0=hush\",\"empty_0=\"]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(str_freep) char *containers = str_printf(APP(FIRE("")) ",%s", rows[i].router);
        const struct acs_task *task = task_of("", containers);
        struct error *err;
        json_t *body = body_of(task, 1, NULL, false, true, &err);

        assert_null(err);
        assert_ptr_equal(firelens_router(task), &task->containers.items[1]);
        assert_true(firelens_is_used_by(&task->containers.items[0]));
        assert_false(firelens_is_used_by(&task->containers.items[1]));
        expect_json(rows[i].why, json_object_get(json_object_get(body, "HostConfig"), "Binds"),
                    rows[i].binds);
        expect_json(rows[i].why, json_object_get(body, "Env"), rows[i].env);
        json_decref(body);
    }
}

/* ---- the router's configuration ---- */

#define FIREHOSE(key)                                                                              \
    OPTION(key, "kinesis_firehose")                                                                \
    "," OPTION("region", "us-west-2") "," OPTION("deliver_stream_name", "my-stream")
#define PATTERNS      OPTION("include-pattern", "*failure*") "," OPTION("exclude-pattern", "*success*")
#define USER(options) APP(LOG(FIRELENS_DRIVER, OPTIONS(options)))
#define FILE_OPTION   "\"config-file-type\":\"file\",\"config-file-value\":\"/tmp/dummy.conf\""

static const struct {
    const char *why, *members, *containers;
    const char *instance_id;
    const char *text;    /* NULL: refused */
    const char *refusal; /* NULL: generated */
} configs[] = {
    {"TD-203: Fluentd with all there is", "",
     USER(FIREHOSE("@type") "," PATTERNS) "," ROUTER("fluentd", ",\"options\":{" FILE_OPTION "}"),
     "i-1",
     "\n<source>\n    @type unix\n    path /var/run/fluent.sock\n</source>\n"
     "\n<source>\n    @type forward\n    bind 0.0.0.0\n    port 24224\n</source>\n"
     "\n<filter app-firelens**>\n    @type  grep\n    <regexp>\n        key log\n"
     "        pattern *failure*\n    </regexp>\n</filter>\n"
     "\n<filter app-firelens**>\n    @type  grep\n    <exclude>\n        key log\n"
     "        pattern *success*\n    </exclude>\n</filter>\n"
     "\n<filter **>\n    @type record_transformer\n    <record>\n        ec2_instance_id i-1\n"
     "        ecs_cluster c\n        ecs_task_arn " ARN "\n        ecs_task_definition web:3\n"
     "    </record>\n</filter>\n"
     "\n@include /tmp/dummy.conf\n"
     "\n<match app-firelens**>\n    @type kinesis_firehose\n    deliver_stream_name my-stream\n"
     "    region us-west-2\n</match>\n",
     NULL},
    {"TD-203: Fluent Bit, half of its memory for what waits", "",
     USER(FIREHOSE("Name") "," PATTERNS "," OPTION(
         "log-driver-buffer-limit",
         "536870912")) ","
                       "{\"name\":\"log_router\",\"image\":\"r\",\"memory\":100,"
                       "\"firelensConfiguration\":{\"type\":"
                       "\"fluentbit\",\"options\":{\"enable-ecs-log-metadata\":\"true\",\"config-"
                       "file-type\":\"s3\","
                       "\"config-file-value\":\"arn:aws:s3:::b/k\"}}}",
     "i-1",
     "\n[INPUT]\n    Name forward\n    Mem_Buf_Limit 50MB\n    unix_path /var/run/fluent.sock\n"
     "\n[INPUT]\n    Name forward\n    Listen 0.0.0.0\n    Port 24224\n"
     "\n[INPUT]\n    Name tcp\n    Tag firelens-healthcheck\n    Listen 127.0.0.1\n    Port 8877\n"
     "\n[FILTER]\n    Name   grep\n    Match app-firelens*\n    Regex  log *failure*\n"
     "\n[FILTER]\n    Name   grep\n    Match app-firelens*\n    Exclude log *success*\n"
     "\n[FILTER]\n    Name record_modifier\n    Match *\n    Record ec2_instance_id i-1\n"
     "    Record ecs_cluster c\n    Record ecs_task_arn " ARN "\n"
     "    Record ecs_task_definition web:3\n"
     "\n@INCLUDE /fluent-bit/etc/external.conf\n"
     "\n[OUTPUT]\n    Name null\n    Match firelens-healthcheck\n"
     "\n[OUTPUT]\n    Name kinesis_firehose\n    Match app-firelens*\n"
     "    deliver_stream_name my-stream\n    region us-west-2\n",
     NULL},
    {"TD-206: no metadata; no memory said; an output that is the user's own", "",
     USER(PATTERNS) "," ROUTER("fluentbit", ",\"options\":{\"enable-ecs-log-metadata\":\"false\"}"),
     "i-1",
     "\n[INPUT]\n    Name forward\n    Mem_Buf_Limit 25MB\n    unix_path /var/run/fluent.sock\n"
     "\n[INPUT]\n    Name forward\n    Listen 0.0.0.0\n    Port 24224\n"
     "\n[INPUT]\n    Name tcp\n    Tag firelens-healthcheck\n    Listen 127.0.0.1\n    Port 8877\n"
     "\n[FILTER]\n    Name   grep\n    Match app-firelens*\n    Regex  log *failure*\n"
     "\n[FILTER]\n    Name   grep\n    Match app-firelens*\n    Exclude log *success*\n"
     "\n[OUTPUT]\n    Name null\n    Match firelens-healthcheck\n",
     NULL},
    {"TD-209: awsvpc listens to the task alone; an answer that is none turns metadata off",
     ",\"networkMode\":\"awsvpc\"",
     USER(OPTION("@type", "stdout")) "," ROUTER(
         "fluentd", ",\"options\":{\"enable-ecs-log-metadata\":\"maybe\"}"),
     "i-1",
     "\n<source>\n    @type unix\n    path /var/run/fluent.sock\n</source>\n"
     "\n<source>\n    @type forward\n    bind 127.0.0.1\n    port 24224\n</source>\n"
     "\n<match app-firelens**>\n    @type stdout\n</match>\n",
     NULL},
    {"TD-206: host mode; an instance without a name", ",\"networkMode\":\"host\"",
     USER(OPTION("Name", "stdout")) "," ROUTER("fluentbit", ""), NULL,
     "\n[INPUT]\n    Name forward\n    Mem_Buf_Limit 25MB\n    unix_path /var/run/fluent.sock\n"
     "\n[FILTER]\n    Name record_modifier\n    Match *\n    Record ecs_cluster c\n"
     "    Record ecs_task_arn " ARN "\n    Record ecs_task_definition web:3\n"
     "\n[OUTPUT]\n    Name stdout\n    Match app-firelens*\n",
     NULL},
    {"TD-215: a secret is a variable of the router", ",\"networkMode\":\"host\"",
     APP(LOG(
         FIRELENS_DRIVER,
         OPTIONS(OPTION(
             "Name", "splunk"))) ","
                                 "\"secrets\":[{\"name\":\"splunk_token\",\"valueFrom\":\"/"
                                 "t\",\"target\":\"LOG_DRIVER\"},"
                                 "{\"name\":\"ENV\",\"valueFrom\":\"/"
                                 "e\",\"target\":\"CONTAINER\"}]") "," ROUTER("fluentbit",
                                                                              ",\"options\":{"
                                                                              "\"enable-ecs-log-"
                                                                              "metadata\":\"0\"}"),
     NULL,
     "\n[INPUT]\n    Name forward\n    Mem_Buf_Limit 25MB\n    unix_path /var/run/fluent.sock\n"
     "\n[OUTPUT]\n    Name splunk\n    Match app-firelens*\n    splunk_token ${splunk_token_0}\n",
     NULL},
    {"TD-215: in Fluentd's words, for the second container", ",\"networkMode\":\"host\"",
     ROUTER("fluentd", ",\"options\":{\"enable-ecs-log-metadata\":\"0\"}") "," APP(
         LOG(FIRELENS_DRIVER,
             OPTIONS(OPTION("@type", "s"))) ","
                                            "\"secrets\":[{\"name\":\"token\",\"valueFrom\":\"/"
                                            "t\",\"target\":\"LOG_DRIVER\"}]"),
     NULL,
     "\n<source>\n    @type unix\n    path /var/run/fluent.sock\n</source>\n"
     "\n<match app-firelens**>\n    @type s\n    token \"#{ENV['token_1']}\"\n</match>\n",
     NULL},
    {"TD-205: options without an output, Fluent Bit", "",
     USER(OPTION("region", "r")) "," ROUTER("fluentbit", ""), NULL, NULL,
     "unable to apply log options of container app to firelens config: missing output key Name "
     "which is required for firelens configuration of type fluentbit"},
    {"TD-205: options without an output, Fluentd", "",
     USER(OPTION("Name", "s3")) "," ROUTER("fluentd", ""), NULL, NULL,
     "unable to apply log options of container app to firelens config: missing output key @type "
     "which is required for firelens configuration of type fluentd"},
};

static void configurations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        const struct acs_task *task = task_of(configs[i].members, configs[i].containers);
        const struct firelens_host host = {"c", configs[i].instance_id};
        CLEANUP(buf_done) struct buf text = {0};
        CLEANUP(error_freep) struct error *err = NULL;

        assert_null(firelens_check(task));
        err = firelens_config(task, &host, &text);
        if (!str_eq(err ? err->message : NULL, configs[i].refusal))
            fail_msg("%s: %s", configs[i].why, err ? err->message : "not refused");
        if (!err && strcmp(text.data, configs[i].text) != 0)
            fail_msg("%s:%s", configs[i].why, text.data);
    }
}

static void options_of_the_router(void **state)
{
    static const struct {
        const char *why, *router, *refusal;
    } rows[] = {
        {"none", ROUTER("fluentbit", ""), NULL},
        {"a file", ROUTER("fluentd", ",\"options\":{" FILE_OPTION "}"), NULL},
        {"TD-202: another type of file",
         ROUTER("fluentd",
                ",\"options\":{\"config-file-type\":\"ftp\",\"config-file-value\":\"x\"}"),
         "unable to initialize firelens resource: error parsing firelens options: invalid value "
         "ftp "
         "is specified for option config-file-type"},
        {"TD-202: a file without its place",
         ROUTER("fluentd", ",\"options\":{\"config-file-type\":\"file\"}"),
         "unable to initialize firelens resource: error parsing firelens options: option "
         "config-file-type is specified but config-file-value is not specified"},
        {"another router", ROUTER("logstash", ""),
         "unable to initialize firelens resource: unsupported firelens config type logstash"},
        {"no router", APP("\"cpu\":1"), NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(error_freep) struct error *err = firelens_check(task_of("", rows[i].router));

        if (!str_eq(err ? err->message : NULL, rows[i].refusal))
            fail_msg("%s: %s", rows[i].why, err ? err->message : "not refused");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drivers_get_their_options),      cmocka_unit_test(logs_go_to_the_router),
        cmocka_unit_test(a_router_has_files_and_secrets), cmocka_unit_test(configurations),
        cmocka_unit_test(options_of_the_router),
    };

    return cmocka_run_group_tests(tests, NULL, drop_arena);
}
