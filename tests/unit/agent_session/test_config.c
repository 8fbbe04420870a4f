/* What the agent is told: flags, environment, file (AG-030 to AG-035, AG-101 to AG-163). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/config/capabilities.h"
#include "agent/config/config.h"
#include "agent/config/config_keys.h"
#include "agent/config/config_source.h"
#include "base/log.h"
#include "base/str.h"

static const struct config_flags no_flags = {.server_url = "http://127.0.0.1:4566"};

static struct agent_config *load(const struct config_flags *flags, const char *const *env,
                                 const char *file)
{
    struct agent_config *config = NULL;
    struct error *err = config_load(flags, env, &(struct config_files){.settings = file}, &config);

    if (err)
        fail_msg("%s", err->message);
    return config;
}

static void refused(const struct config_flags *flags, const char *file, const char *text)
{
    struct agent_config *config = NULL;
    struct error *err = config_load(flags, NULL, &(struct config_files){.settings = file}, &config);

    assert_non_null(err);
    assert_null(config);
    assert_int_equal(err->code, API_INVALID_PARAMETER);
    if (!strstr(err->message, text))
        fail_msg("'%s' does not name '%s'", err->message, text);
    error_free(err);
}

static void test_everything_is_optional(void **state)
{
    CLEANUP(config_freep) struct agent_config *config = load(&no_flags, NULL, NULL);

    (void)state;
    assert_string_equal(config->cluster, "default");
    assert_false(config->is_cluster_explicit);
    assert_string_equal(config->region, "us-east-1");
    assert_string_equal(config->docker_host, "unix:///var/run/docker.sock");
    assert_int_equal(config->container_stop_timeout_ms, 30000);
    assert_int_equal(config->task_cleanup_wait_ms, 3 * 3600 * 1000);
    assert_int_equal(config->logging_drivers.count, 2);
    assert_true(config->is_checkpointed);
    assert_true(config->excludes_ipv6_bindings);
    assert_int_equal(config->image_pull_behavior, PULL_DEFAULT);
}

static void test_minimal_file_of_the_guide(void **state) /* AG-007, AG-033 */
{
    static const char file[] = "# comment\n"
                               "ECS_DATADIR=/data\n"
                               "ECS_ENABLE_TASK_IAM_ROLE=true\n"
                               "ECS_LOGFILE=/log/ecs-agent.log\n"
                               "ECS_AVAILABLE_LOGGING_DRIVERS=[ \"json-file\", \"awslogs\" ]\n"
                               "ECS_LOGLEVEL=debug\r\n"
                               "ECS_SOMETHING_NEW=1\n"
                               "\n"
                               "ECS_RESERVED_PORTS=[22, 80]\n"
                               "ECS_CLUSTER=web";
    CLEANUP(config_freep) struct agent_config *config = load(&no_flags, NULL, file);

    (void)state;
    assert_string_equal(config->data_dir, "/data");
    assert_true(config->has_task_role);
    assert_false(config->has_task_role_network_host);
    assert_string_equal(config->logging_drivers.items[1], "awslogs");
    assert_string_equal(config->log_level, "debug");
    assert_string_equal(config->reserved_ports.items[1], "80");
    assert_string_equal(config->cluster, "web");
    assert_true(config->is_cluster_explicit);
}

static void test_flag_beats_environment_beats_file(void **state)
{
    static const char *const env[] = {"ECS_CLUSTER=from-env", "ECS_DATADIR=/env",
                                      "AWS_DEFAULT_REGION=eu-west-1", "ECS_RESERVED_MEMORY=", NULL};
    static const char file[] = "ECS_CLUSTER=from-file\nECS_DATADIR=/file\nECS_RESERVED_MEMORY=64\n"
                               "ECS_BACKEND_HOST=file:1\n";
    struct config_flags flags = {.data_dir = "/flag"};
    CLEANUP(config_freep) struct agent_config *config = load(&flags, env, file);

    (void)state;
    assert_string_equal(config->cluster, "from-env");
    assert_string_equal(config->data_dir, "/flag");
    assert_string_equal(config->region, "eu-west-1");
    assert_int_equal(config->reserved_memory_mib, 64);         /* empty counts as not set */
    assert_string_equal(config->server_url, "https://file:1"); /* AP-001 */
}

static void test_values_out_of_range_give_the_default(void **state) /* AG-034 */
{
    static const char file[] = "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=0\n"
                               "ECS_IMAGE_CLEANUP_INTERVAL=1m\n"
                               "ECS_NUM_IMAGES_DELETE_PER_CYCLE=0\n"
                               "ECS_POLLING_METRICS_WAIT_DURATION=30s\n"
                               "ECS_DISABLE_PRIVILEGED=perhaps\n"
                               "ECS_TASK_METADATA_RPS_LIMIT=60,40\n"
                               "ECS_IMAGE_PULL_BEHAVIOR=never\n"
                               "ECS_DYNAMIC_HOST_PORT_RANGE=9-5\n"
                               "ECS_RESERVED_PORTS=22\n";
    CLEANUP(config_freep) struct agent_config *config = load(&no_flags, NULL, file);

    (void)state;
    assert_int_equal(config->task_cleanup_wait_ms, 3 * 3600 * 1000);
    assert_int_equal(config->image_cleanup_interval_ms, 30 * 60 * 1000);
    assert_int_equal(config->images_per_cleanup, 5);
    assert_int_equal(config->metrics_poll_ms, 20000); /* AG-924: clamped */
    assert_false(config->is_privileged_disabled);
    assert_int_equal(config->metadata_rps_steady, 40);
    assert_int_equal(config->image_pull_behavior, PULL_DEFAULT);
    assert_int_equal(config->dynamic_port_first, 0);
    assert_int_equal(config->reserved_ports.count, 0);
}

static void test_what_the_agent_refuses_to_start_with(void **state)
{
    static const struct config_flags empty = {0};
    static const struct config_flags bad_docker = {.server_url = "http://h",
                                                   .docker_host = "npipe://docker"};
    static const struct config_flags bad_scheme = {.server_url = "ftp://h"};

    (void)state;
    refused(&no_flags, "ECS_INSTANCE_ATTRIBUTES={rack: 1}\n",
            "ECS_INSTANCE_ATTRIBUTES is {rack: 1}: it has to be a JSON object of texts");
    refused(&no_flags, "ECS_AVAILABLE_LOGGING_DRIVERS=[\"papertrail\"]\n", "papertrail");
    refused(&no_flags, "ECS_EXTERNAL=true\n", "AWS_DEFAULT_REGION");
    refused(&no_flags, "ECS_CONTAINER_INSTANCE_TAGS={\"a\": 1}\n", "ECS_CONTAINER_INSTANCE_TAGS");
    refused(&no_flags, "ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES=10.0.0.0/8\n",
            "10.0.0.0/8: it has to be a JSON list of texts");
    refused(&no_flags, "BERTH_EFS_FILE_SYSTEMS=[]\n", "BERTH_EFS_FILE_SYSTEMS");
    refused(&no_flags, "DOCKER_HOST=/var/run/docker.sock\n", "neither unix:///path nor tcp://");
    refused(&no_flags, "BERTH_TASK_ENDPOINT=here\n", "BERTH_TASK_ENDPOINT is here");
    refused(&no_flags, "BERTH_TASK_ENDPOINT=:80\n", "BERTH_TASK_ENDPOINT");
    refused(&no_flags, "BERTH_TASK_ENDPOINT=10.0.0.1:65536\n", "BERTH_TASK_ENDPOINT");
    refused(&empty, NULL, "ECS_BACKEND_HOST");
    refused(&bad_docker, NULL, "npipe://");
    refused(&bad_scheme, NULL, "ftp://");
}

static void test_lists_and_maps(void **state)
{
    static const char file[] = "ECS_INSTANCE_ATTRIBUTES={\"rack\":\"r1\",\"gone\":\"\"}\n"
                               "ECS_CONTAINER_INSTANCE_TAGS={\"environment\": \"Outpost\"}\n"
                               "ECS_EXCLUDE_UNTRACKED_IMAGE={\"alpine\":\"latest\"}\n"
                               "ECS_DYNAMIC_HOST_PORT_RANGE=40000-40010\n"
                               "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached\n";
    static const char *const env[] = {"ECS_EXCLUDE_UNTRACKED_IMAGE=a:1, b", NULL};
    CLEANUP(config_freep) struct agent_config *config = load(&no_flags, NULL, file);
    CLEANUP(config_freep) struct agent_config *other = load(&no_flags, env, file);

    (void)state;
    assert_int_equal(config->attributes.count, 2);
    assert_string_equal(config->attributes.items[0].name, "rack");
    assert_string_equal(config->tags.items[0].value, "Outpost");
    assert_string_equal(config->images_kept.items[0], "alpine:latest");
    assert_string_equal(other->images_kept.items[1], "b");
    assert_int_equal(config->dynamic_port_last, 40010);
    assert_int_equal(config->image_pull_behavior, PULL_PREFER_CACHED);
}

static void test_durations(void **state) /* AG-032 */
{
    static const struct {
        const char *text;
        int64_t ms;
        bool is_one;
    } cases[] = {
        {"1h30m", 5400000, true},
        {"1.5s", 1500, true},
        {"250ms", 250, true},
        {"0", 0, true},
        {"1000us", 1, true},
        {"2000\xc2\xb5s", 2, true},
        {"3000000ns", 3, true},
        {"-1s", -1000, true},
        {".5s", 500, true},
        {"10", 0, false},
        {"", 0, false},
        {"5 s", 0, false},
        {"s", 0, false},
        {".s", 0, false},
        {"1d", 0, false},
        {"-", 0, false},
        {"99999999999999999h", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -7;

        if (config_parse_duration(cases[i].text, &ms) != cases[i].is_one)
            fail_msg("%s", cases[i].text);
        assert_int_equal(ms, cases[i].is_one ? cases[i].ms : -7);
    }
}

static bool has(const struct config_map *list, const char *name, const char *value)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->items[i].name, name))
            return str_eq(list->items[i].value, value);
    return false;
}

static void test_attributes_say_what_is_so(void **state) /* AP-151, AP-152 */
{
    static const char *const plugins[] = {"local"};
    static const char file[] =
        "ECS_INSTANCE_ATTRIBUTES={\"rack\":\"r1\"}\nECS_DISABLE_PRIVILEGED=1\n"
        "ECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\",\"local\"]\n";
    CLEANUP(config_freep) struct agent_config *config = load(&no_flags, NULL, file);
    struct host_facts host = {.docker_api_version = "1.30",
                              .docker_min_api_version = "1.12",
                              .volume_plugins = {(const char **)plugins, 1},
                              .machine = "aarch64"};
    struct arena arena = {0};
    struct config_map list = capabilities_list(&arena, config, &host, true);

    (void)state;
    assert_string_equal(list.items[0].name, "rack");
    assert_true(has(&list, "com.amazonaws.ecs.capability.docker-remote-api.1.30", NULL));
    assert_false(has(&list, "com.amazonaws.ecs.capability.docker-remote-api.1.32", NULL));
    assert_false(has(&list, "com.amazonaws.ecs.capability.docker-remote-api.1.26", NULL));
    assert_true(has(&list, "com.amazonaws.ecs.capability.logging-driver.json-file", NULL));
    assert_false(has(&list, "com.amazonaws.ecs.capability.logging-driver.local", NULL));
    assert_false(has(&list, "com.amazonaws.ecs.capability.privileged-container", NULL));
    assert_true(has(&list, "ecs.capability.container-health-check", NULL));
    assert_true(has(&list, "ecs.capability.docker-plugin.local", NULL));
    assert_true(has(&list, "ecs.cpu-architecture", "arm64"));
    assert_true(has(&list, "ecs.os-type", "linux"));

    host.docker_min_api_version = "1.24"; /* AP-009: old names stay */
    list = capabilities_list(&arena, config, &host, false);
    assert_true(has(&list, "com.amazonaws.ecs.capability.docker-remote-api.1.17", NULL));
    assert_false(has(&list, "rack", "r1")); /* AP-105 */
    host.docker_min_api_version = "1.20";
    list = capabilities_list(&arena, config, &host, false);
    assert_false(has(&list, "com.amazonaws.ecs.capability.docker-remote-api.1.19", NULL));
    arena_done(&arena);
}

/* AP-151, AP-152, TD-117: what a definition may ask of volumes and logs. */
static void test_attributes_of_volumes_and_logs(void **state)
{
    static const struct {
        const char *why, *file, *name;
        bool is_had;
        const char *engine; /* NULL: Docker's */
    } rows[] = {
        {"FireLens is always there", "", "com.amazonaws.ecs.capability.logging-driver.awsfirelens",
         true},
        {"its routers", "", "ecs.capability.firelens.fluentd", true},
        {"its routers", "", "ecs.capability.firelens.fluentbit", true},
        {"its buffer", "", "ecs.capability.logging-driver.awsfirelens.log-driver-buffer-limit",
         true},
        {"its users", "", "ecs.capability.firelens.non-root-user", true},
        {"its files", "", "ecs.capability.firelens.options.config.file", true},
        {"and those in S3", "", "ecs.capability.firelens.options.config.s3", true},
        {"TD-230: secrets", "", "ecs.capability.secrets.ssm.environment-variables", true},
        {"TD-230: secrets", "", "ecs.capability.secrets.asm.environment-variables", true},
        {"TD-230: secret options", "", "ecs.capability.secrets.ssm.bootstrap.log-driver", true},
        {"TD-230: secret options", "", "ecs.capability.secrets.asm.bootstrap.log-driver", true},
        {"TD-241: files of variables", "", "ecs.capability.env-files.s3", true},
        {"TD-216: logins of registries", "",
         "ecs.capability.private-registry-authentication.secretsmanager", true},
        {"TD-218: ECR", "", "com.amazonaws.ecs.capability.ecr-auth", true},
        {"file systems", "", "ecs.capability.efs", true},
        {"access points and IAM need somebody who knows them", "", "ecs.capability.efsAuth", false},
        {"the volume plugin does", "ECS_VOLUME_PLUGIN_CAPABILITIES=[\"efsAuth\"]\n",
         "ecs.capability.efsAuth", true},
        {"another plugin does not", "ECS_VOLUME_PLUGIN_CAPABILITIES=[\"other\"]\n",
         "ecs.capability.efsAuth", false},
        {"the operator's table does", "BERTH_EFS_FILE_SYSTEMS={\"fsap-1\":\"/a\"}\n",
         "ecs.capability.efsAuth", true},
        {"a table without access points does not", "BERTH_EFS_FILE_SYSTEMS={\"fs-1\":\"h\"}\n",
         "ecs.capability.efsAuth", false},
        {"AG-158: awslogs with an execution role", "", "ecs.capability.execution-role-awslogs",
         false},
        {"AG-158: where it is said", "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true\n",
         "ecs.capability.execution-role-awslogs", true},
        {"AG-125: awslogs", "ECS_AVAILABLE_LOGGING_DRIVERS=[\"awslogs\",\"awsfirelens\"]\n",
         "com.amazonaws.ecs.capability.logging-driver.awslogs", true},
        /* docs/engines.md */
        {"Podman has no fluentd driver", "",
         "com.amazonaws.ecs.capability.logging-driver.awsfirelens", false, "Podman Engine"},
        {"so a router gets nothing", "", "ecs.capability.firelens.fluentbit", false,
         "Podman Engine"},
        {"nor is there awslogs", "ECS_AVAILABLE_LOGGING_DRIVERS=[\"awslogs\",\"none\"]\n",
         "com.amazonaws.ecs.capability.logging-driver.awslogs", false, "Podman Engine"},
        {"but none is", "ECS_AVAILABLE_LOGGING_DRIVERS=[\"awslogs\",\"none\"]\n",
         "com.amazonaws.ecs.capability.logging-driver.none", true, "Podman Engine"},
        {"an engine that calls itself otherwise is taken for Docker", "",
         "ecs.capability.container-health-check", true, "Other"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(config_freep) struct agent_config *config = load(&no_flags, NULL, rows[i].file);
        const struct host_facts host = {.docker_api_version = "1.41",
                                        .machine = "x86_64",
                                        .engine = docker_engine_of(rows[i].engine)};
        struct arena arena = {0};
        struct config_map list = capabilities_list(&arena, config, &host, false);
        size_t count = 0;

        for (size_t k = 0; k < list.count; k++)
            count += str_eq(list.items[k].name, rows[i].name);
        if (count != rows[i].is_had)
            fail_msg("%s: %s is told %zu times", rows[i].why, rows[i].name, count);
        arena_done(&arena);
    }
}

/* TD-191, AG-151: where logs go, and which paths Docker is told. */
static void test_places_of_logs_and_data(void **state)
{
    static const struct {
        const char *file, *endpoint, *data_dir;
    } rows[] = {
        {"", "http://127.0.0.1:4566", "/var/lib/ecs/data"},
        {"BERTH_AWSLOGS_ENDPOINT=aws\nECS_DATADIR=/data\n", NULL, "/data"},
        {"BERTH_AWSLOGS_ENDPOINT=https://logs\nECS_DATADIR=/data\nECS_HOST_DATA_DIR=/srv/ecs\n",
         "https://logs", "/srv/ecs/data"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(config_freep) struct agent_config *config = load(&no_flags, NULL, rows[i].file);

        if (!str_eq(config->awslogs_endpoint, rows[i].endpoint) ||
            !str_eq(config->data_dir_on_host, rows[i].data_dir))
            fail_msg("%s: %s %s", rows[i].file, config->awslogs_endpoint, config->data_dir_on_host);
    }
}

/* AP-008: the server, unless an SDK's settings say where the services are. */
static void test_places_of_services(void **state)
{
    static const struct {
        const char *file, *endpoints[CONFIG_AWS_COUNT]; /* SSM, Secrets Manager, S3, ECR */
    } rows[] = {
        {"",
         {"http://127.0.0.1:4566", "http://127.0.0.1:4566", "http://127.0.0.1:4566",
          "http://127.0.0.1:4566"}},
        {"AWS_ENDPOINT_URL=http://aws:1/\nAWS_ENDPOINT_URL_S3=minio:9000\n",
         {"http://aws:1", "http://aws:1", "https://minio:9000", "http://aws:1"}},
        {"AWS_ENDPOINT_URL_SSM=http://a\nAWS_ENDPOINT_URL_SECRETS_MANAGER=http://b\n"
         "AWS_ENDPOINT_URL_ECR=http://c\n",
         {"http://a", "http://b", "http://127.0.0.1:4566", "http://c"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(config_freep) struct agent_config *config = load(&no_flags, NULL, rows[i].file);

        for (size_t k = 0; k < CONFIG_AWS_COUNT; k++)
            if (!str_eq(config->aws_endpoints[k], rows[i].endpoints[k]))
                fail_msg("%s: %zu is at %s", rows[i].file, k, config->aws_endpoints[k]);
    }
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_keys_come_from_the_first_place_that_has_them(void **state) /* AP-010 */
{
    char dir[] = "/tmp/berth-keys-XXXXXX", rotating[64], shared[64], env[96];
    const char *variables[] = {env, "ECS_EXTERNAL=true", "AWS_DEFAULT_REGION=r", NULL};
    struct agent_config *config;
    struct config_keys *keys;
    struct sigv4_keys got;
    struct error *err;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(rotating, sizeof(rotating), "%s/rotating", dir);
    snprintf(shared, sizeof(shared), "%s/shared", dir);
    snprintf(env, sizeof(env), "AWS_SHARED_CREDENTIALS_FILE=%s", shared);
    config = load(&no_flags, variables, NULL);
    keys = config_keys_new(config, rotating, NULL);

    err = config_keys_get(keys, 0, &got);
    assert_non_null(err);
    assert_int_equal(err->code, API_UNRECOGNIZED_CLIENT);
    error_free(err);

    write_file(shared,
               "[other]\naws_access_key_id=no\naws_secret_access_key=no\n"
               "[default]\n# x=y\naws_access_key_id = AKSHARED\naws_secret_access_key=s1\n");
    assert_null(config_keys_get(keys, CONFIG_KEYS_REREAD_MS, &got));
    assert_string_equal(got.access_key_id, "AKSHARED");
    assert_null(got.session_token);

    write_file(rotating, "[default]\naws_access_key_id=AKROT\naws_secret_access_key=s2\n"
                         "aws_session_token=tok=en\n");
    assert_null(config_keys_get(keys, CONFIG_KEYS_REREAD_MS + 1, &got));
    assert_string_equal(got.access_key_id, "AKSHARED"); /* within the minute */
    assert_null(config_keys_get(keys, 2 * CONFIG_KEYS_REREAD_MS, &got));
    assert_string_equal(got.access_key_id, "AKROT");
    assert_string_equal(got.session_token, "tok=en");

    unlink(rotating);
    unlink(shared);
    assert_null(config_keys_get(keys, 3 * CONFIG_KEYS_REREAD_MS, &got)); /* kept meanwhile */
    rmdir(dir);
    config_keys_free(keys);
    config_free(config);
}

static void test_keys_of_the_environment_come_first(void **state)
{
    static const char *const env[] = {"AWS_ACCESS_KEY_ID=AKENV", "AWS_SECRET_ACCESS_KEY=s",
                                      "AWS_SESSION_TOKEN=t", NULL};
    CLEANUP(config_freep) struct agent_config *config = load(&no_flags, env, NULL);
    struct config_keys *keys = config_keys_new(config, "/nonexistent", NULL);
    struct sigv4_keys got;

    (void)state;
    assert_null(config_keys_get(keys, 0, &got));
    assert_string_equal(got.access_key_id, "AKENV");
    assert_string_equal(got.session_token, "t");
    config_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_optional),
        cmocka_unit_test(test_minimal_file_of_the_guide),
        cmocka_unit_test(test_flag_beats_environment_beats_file),
        cmocka_unit_test(test_values_out_of_range_give_the_default),
        cmocka_unit_test(test_what_the_agent_refuses_to_start_with),
        cmocka_unit_test(test_lists_and_maps),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_attributes_say_what_is_so),
        cmocka_unit_test(test_attributes_of_volumes_and_logs),
        cmocka_unit_test(test_places_of_logs_and_data),
        cmocka_unit_test(test_places_of_services),
        cmocka_unit_test(test_keys_come_from_the_first_place_that_has_them),
        cmocka_unit_test(test_keys_of_the_environment_come_first),
    };

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests_name("agent_config", tests, NULL, NULL);
}
