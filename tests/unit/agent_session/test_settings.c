/* Every setting of the agent with a value that is right and one that is not (AG-034, AG-101 to AG-163,
 * AG-903, AG-923, AG-924), the JSON file, and the page that is written from the same table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "agent/config/config_apply.h"
#include "agent/config/config_table.h"
#include "base/log.h"

#define MEMBER(name) offsetof(struct agent_config, name)

static const struct config_flags no_flags = {.server_url = "http://127.0.0.1:4566"};

static const struct {
    const char *name;
    enum config_kind kind;
    size_t member;
    const char *good;
    int64_t good_number;
    const char *bad;
    int64_t bad_number;
    bool is_refused;
    const char *good_text;
} rows[] = {
    {"ECS_EXTERNAL", CONFIG_BOOL, MEMBER(is_external), "true", .good_number = 1, .bad = "perhaps",
     .bad_number = 0},
    {"AWS_ACCESS_KEY_ID", CONFIG_TEXT, MEMBER(access_key_id), "/some thing=1",
     .good_text = "/some thing=1"},
    {"AWS_SECRET_ACCESS_KEY", CONFIG_TEXT, MEMBER(secret_access_key), "/some thing=1",
     .good_text = "/some thing=1"},
    {"AWS_SESSION_TOKEN", CONFIG_TEXT, MEMBER(session_token), "/some thing=1",
     .good_text = "/some thing=1"},
    {"AWS_SHARED_CREDENTIALS_FILE", CONFIG_TEXT, MEMBER(shared_credentials_file), "/some thing=1",
     .good_text = "/some thing=1"},
    {"AWS_PROFILE", CONFIG_TEXT, MEMBER(shared_profile), "/some thing=1",
     .good_text = "/some thing=1"},
    {"ECS_ALTERNATE_CREDENTIAL_PROFILE", CONFIG_TEXT, MEMBER(credentials_profile), "/some thing=1",
     .good_text = "/some thing=1"},
    {"HTTP_PROXY", CONFIG_TEXT, MEMBER(proxy), "/some thing=1", .good_text = "/some thing=1"},
    {"NO_PROXY", CONFIG_TEXT, MEMBER(no_proxy), "/some thing=1", .good_text = "/some thing=1"},
    {"SSL_CERT_FILE", CONFIG_TEXT, MEMBER(ca_file), "/some thing=1", .good_text = "/some thing=1"},
    {"ECS_INSTANCE_ATTRIBUTES", CONFIG_MAP, MEMBER(attributes.count), "{\"a\": \"1\", \"b\": \"\"}",
     .good_number = 2, .bad = "{a:1}", .bad_number = 0, .is_refused = true},
    {"ECS_CONTAINER_INSTANCE_TAGS", CONFIG_MAP, MEMBER(tags.count), "{\"a\": \"1\", \"b\": \"\"}",
     .good_number = 2, .bad = "{a:1}", .bad_number = 0, .is_refused = true},
    {"ECS_RESERVED_MEMORY", CONFIG_NUMBER, MEMBER(reserved_memory_mib), "7", .good_number = 7,
     .bad = "many", .bad_number = 0},
    {"ECS_RESERVED_MEMORY", CONFIG_NUMBER, MEMBER(reserved_memory_mib), "-1", .good_number = 0,
     .bad = "1073741825", .bad_number = 0},
    {"ECS_RESERVED_PORTS", CONFIG_PORTS, MEMBER(reserved_ports.count), "[7, 8]", .good_number = 2,
     .bad = "7,8", .bad_number = 0},
    {"ECS_RESERVED_PORTS", CONFIG_PORTS, MEMBER(reserved_ports.count), "[0, 65535]",
     .good_number = 2, .bad = "[80, 65536]", .bad_number = 0},
    {"ECS_RESERVED_PORTS", CONFIG_PORTS, MEMBER(reserved_ports.count), "[]", .good_number = 0,
     .bad = "[-1]", .bad_number = 0},
    {"ECS_RESERVED_PORTS_UDP", CONFIG_PORTS, MEMBER(reserved_ports_udp.count), "[7, 8]",
     .good_number = 2, .bad = "7,8", .bad_number = 0},
    {"ECS_AVAILABLE_LOGGING_DRIVERS", CONFIG_TEXTS, MEMBER(logging_drivers.count),
     "[\"json-file\", \"local\"]", .good_number = 2, .bad = "[\"a\"", .bad_number = 2},
    {"ECS_DISABLE_PRIVILEGED", CONFIG_BOOL, MEMBER(is_privileged_disabled), "true",
     .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_SELINUX_CAPABLE", CONFIG_BOOL, MEMBER(is_selinux_capable), "true", .good_number = 1,
     .bad = "perhaps", .bad_number = 0},
    {"ECS_APPARMOR_CAPABLE", CONFIG_BOOL, MEMBER(is_apparmor_capable), "true", .good_number = 1,
     .bad = "perhaps", .bad_number = 0},
    {"ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE", CONFIG_BOOL, MEMBER(has_awslogs_execution_role),
     "true", .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_ENABLE_GPU_SUPPORT", CONFIG_BOOL, MEMBER(has_gpu_support), "true", .good_number = 1,
     .bad = "perhaps", .bad_number = 0},
    {"ECS_NVIDIA_RUNTIME", CONFIG_TEXT, MEMBER(nvidia_runtime), "/some thing=1",
     .good_text = "/some thing=1"},
    {"ECS_VOLUME_PLUGIN_CAPABILITIES", CONFIG_TEXTS, MEMBER(volume_plugin_capabilities.count),
     "[\"json-file\", \"local\"]", .good_number = 2, .bad = "[\"a\"", .bad_number = 0},
    {"BERTH_EFS_FILE_SYSTEMS", CONFIG_MAP, MEMBER(efs_file_systems.count),
     "{\"a\": \"1\", \"b\": \"\"}", .good_number = 2, .bad = "{a:1}", .bad_number = 0,
     .is_refused = true},
    {"ECS_DETAILED_OS_FAMILY", CONFIG_TEXT, MEMBER(os_family_detailed), "/some thing=1",
     .good_text = "/some thing=1"},
    {"ECS_DATADIR", CONFIG_TEXT, MEMBER(data_dir), "/some thing=1", .good_text = "/some thing=1"},
    {"ECS_CHECKPOINT", CONFIG_BOOL, MEMBER(is_checkpointed), "false", .good_number = 0,
     .bad = "perhaps", .bad_number = 1},
    {"ECS_HOST_DATA_DIR", CONFIG_TEXT, MEMBER(host_data_dir), "/some thing=1",
     .good_text = "/some thing=1"},
    {"ECS_LOGFILE", CONFIG_TEXT, MEMBER(log_file), "/some thing=1", .good_text = "/some thing=1"},
    {"ECS_LOG_DRIVER", CONFIG_TEXT, MEMBER(log_driver), "/some thing=1",
     .good_text = "/some thing=1"},
    {"ECS_LOG_MAX_ROLL_COUNT", CONFIG_NUMBER, MEMBER(log_rolls), "7", .good_number = 7,
     .bad = "many", .bad_number = 24},
    {"ECS_LOG_MAX_ROLL_COUNT", CONFIG_NUMBER, MEMBER(log_rolls), "-1", .good_number = 24,
     .bad = "100001", .bad_number = 24},
    {"ECS_AUDIT_LOGFILE", CONFIG_TEXT, MEMBER(audit_log_file), "/some thing=1",
     .good_text = "/some thing=1"},
    {"ECS_AUDIT_LOGFILE_DISABLED", CONFIG_BOOL, MEMBER(is_audit_log_disabled), "true",
     .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS", CONFIG_BOOL, MEMBER(allows_offhost_introspection),
     "true", .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"BERTH_BLOCK_IMDS", CONFIG_BOOL, MEMBER(blocks_machine_metadata), "false", .good_number = 0,
     .bad = "perhaps", .bad_number = 1},
    {"ECS_DISABLE_TASK_METADATA_AZ", CONFIG_BOOL, MEMBER(hides_zone), "true", .good_number = 1,
     .bad = "perhaps", .bad_number = 0},
    {"ECS_DISABLE_METRICS", CONFIG_BOOL, MEMBER(is_metrics_disabled), "true", .good_number = 1,
     .bad = "perhaps", .bad_number = 0},
    {"ECS_POLL_METRICS", CONFIG_BOOL, MEMBER(polls_metrics), "true", .good_number = 1,
     .bad = "perhaps", .bad_number = 0},
    {"ECS_POLLING_METRICS_WAIT_DURATION", CONFIG_DURATION, MEMBER(metrics_poll_ms), "5000ms",
     .good_number = 5000, .bad = "soon", .bad_number = 10000},
    {"ECS_POLLING_METRICS_WAIT_DURATION", CONFIG_DURATION, MEMBER(metrics_poll_ms), "4999ms",
     .good_number = 5000, .bad = "0s", .bad_number = 10000},
    {"ECS_POLLING_METRICS_WAIT_DURATION", CONFIG_DURATION, MEMBER(metrics_poll_ms), "20001ms",
     .good_number = 20000, .bad = "-1s", .bad_number = 10000},
    {"ECS_DISABLE_DOCKER_HEALTH_CHECK", CONFIG_BOOL, MEMBER(is_health_check_disabled), "true",
     .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", CONFIG_DURATION, MEMBER(task_cleanup_wait_ms),
     "5000ms", .good_number = 5000, .bad = "soon", .bad_number = 10800000},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", CONFIG_DURATION, MEMBER(task_cleanup_wait_ms),
     "999ms", .good_number = 10800000, .bad = "0s", .bad_number = 10800000},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER", CONFIG_DURATION,
     MEMBER(task_cleanup_jitter_ms), "5000ms", .good_number = 5000, .bad = "soon", .bad_number = 0},
    {"ECS_CONTAINER_STOP_TIMEOUT", CONFIG_DURATION, MEMBER(container_stop_timeout_ms), "5000ms",
     .good_number = 5000, .bad = "soon", .bad_number = 30000},
    {"ECS_CONTAINER_STOP_TIMEOUT", CONFIG_DURATION, MEMBER(container_stop_timeout_ms), "999ms",
     .good_number = 1000, .bad = "0s", .bad_number = 30000},
    {"ECS_CONTAINER_START_TIMEOUT", CONFIG_DURATION, MEMBER(container_start_timeout_ms), "45000ms",
     .good_number = 45000, .bad = "soon", .bad_number = 180000},
    {"ECS_CONTAINER_START_TIMEOUT", CONFIG_DURATION, MEMBER(container_start_timeout_ms), "44999ms",
     .good_number = 45000, .bad = "0s", .bad_number = 180000},
    {"ECS_CONTAINER_CREATE_TIMEOUT", CONFIG_DURATION, MEMBER(container_create_timeout_ms),
     "60000ms", .good_number = 60000, .bad = "soon", .bad_number = 240000},
    {"ECS_CONTAINER_CREATE_TIMEOUT", CONFIG_DURATION, MEMBER(container_create_timeout_ms),
     "59999ms", .good_number = 60000, .bad = "0s", .bad_number = 240000},
    {"ECS_PAUSE_LABELS", CONFIG_MAP, MEMBER(pause_labels.count), "{\"a\": \"1\"}", .good_number = 1,
     .bad = "{a:1}", .bad_number = 0},
    {"ECS_ENABLE_TASK_CPU_MEM_LIMIT", CONFIG_BOOL, MEMBER(limits_task_resources), "false",
     .good_number = 0, .bad = "perhaps", .bad_number = 1},
    {"ECS_CGROUP_PATH", CONFIG_TEXT, MEMBER(cgroup_path), "/some thing=1",
     .good_text = "/some thing=1"},
    {"ECS_CGROUP_CPU_PERIOD", CONFIG_DURATION, MEMBER(cgroup_cpu_period_ms), "8ms",
     .good_number = 8, .bad = "soon", .bad_number = 100},
    {"ECS_CGROUP_CPU_PERIOD", CONFIG_DURATION, MEMBER(cgroup_cpu_period_ms), "7ms",
     .good_number = 100, .bad = "0s", .bad_number = 100},
    {"ECS_CGROUP_CPU_PERIOD", CONFIG_DURATION, MEMBER(cgroup_cpu_period_ms), "101ms",
     .good_number = 100, .bad = "-1s", .bad_number = 100},
    {"ECS_TASK_PIDS_LIMIT", CONFIG_NUMBER, MEMBER(task_pids_limit), "7", .good_number = 7,
     .bad = "many", .bad_number = 0},
    {"ECS_TASK_PIDS_LIMIT", CONFIG_NUMBER, MEMBER(task_pids_limit), "0", .good_number = 0,
     .bad = "4194305", .bad_number = 0},
    {"ECS_PROPAGATE_TASK_MEMORY_LIMIT_CGROUPV2", CONFIG_BOOL, MEMBER(hands_down_task_memory),
     "true", .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_EXCLUDE_IPV6_PORTBINDING", CONFIG_BOOL, MEMBER(excludes_ipv6_bindings), "false",
     .good_number = 0, .bad = "perhaps", .bad_number = 1},
    {"ECS_SHARED_VOLUME_MATCH_FULL_CONFIG", CONFIG_BOOL, MEMBER(matches_full_volume_config), "true",
     .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_ENABLE_CONTAINER_METADATA", CONFIG_BOOL, MEMBER(writes_container_metadata), "true",
     .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_ENABLE_FIRELENS_ASYNC", CONFIG_BOOL, MEMBER(is_firelens_async), "false", .good_number = 0,
     .bad = "perhaps", .bad_number = 1},
    {"ECS_PULL_DEPENDENT_CONTAINERS_UPFRONT", CONFIG_BOOL, MEMBER(pulls_dependents_upfront), "true",
     .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_MANIFEST_PULL_TIMEOUT", CONFIG_DURATION, MEMBER(manifest_pull_timeout_ms), "30000ms",
     .good_number = 30000, .bad = "soon", .bad_number = 60000},
    {"ECS_MANIFEST_PULL_TIMEOUT", CONFIG_DURATION, MEMBER(manifest_pull_timeout_ms), "29999ms",
     .good_number = 30000, .bad = "0s", .bad_number = 60000},
    {"ECS_IMAGE_PULL_TIMEOUT", CONFIG_DURATION, MEMBER(image_pull_timeout_ms), "5000ms",
     .good_number = 5000, .bad = "soon", .bad_number = 7200000},
    {"ECS_IMAGE_PULL_TIMEOUT", CONFIG_DURATION, MEMBER(image_pull_timeout_ms), "999ms",
     .good_number = 7200000, .bad = "0s", .bad_number = 7200000},
    {"ECS_IMAGE_PULL_INACTIVITY_TIMEOUT", CONFIG_DURATION, MEMBER(image_pull_inactivity_ms),
     "60000ms", .good_number = 60000, .bad = "soon", .bad_number = 60000},
    {"ECS_IMAGE_PULL_INACTIVITY_TIMEOUT", CONFIG_DURATION, MEMBER(image_pull_inactivity_ms),
     "59999ms", .good_number = 60000, .bad = "0s", .bad_number = 60000},
    {"ECS_ENGINE_AUTH_TYPE", CONFIG_TEXT, MEMBER(engine_auth_type), "/some thing=1",
     .good_text = "/some thing=1"},
    {"ECS_ENGINE_AUTH_DATA", CONFIG_TEXT, MEMBER(engine_auth_data), "/some thing=1",
     .good_text = "/some thing=1"},
    {"BERTH_PREFETCH_IMAGES", CONFIG_BOOL, MEMBER(prefetches_images), "true", .good_number = 1,
     .bad = "perhaps", .bad_number = 0},
    {"ECS_DISABLE_IMAGE_CLEANUP", CONFIG_BOOL, MEMBER(is_image_cleanup_disabled), "true",
     .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_IMAGE_CLEANUP_INTERVAL", CONFIG_DURATION, MEMBER(image_cleanup_interval_ms), "600000ms",
     .good_number = 600000, .bad = "soon", .bad_number = 1800000},
    {"ECS_IMAGE_CLEANUP_INTERVAL", CONFIG_DURATION, MEMBER(image_cleanup_interval_ms), "599999ms",
     .good_number = 1800000, .bad = "0s", .bad_number = 1800000},
    {"ECS_IMAGE_MINIMUM_CLEANUP_AGE", CONFIG_DURATION, MEMBER(image_cleanup_age_ms), "5000ms",
     .good_number = 5000, .bad = "soon", .bad_number = 3600000},
    {"ECS_NUM_IMAGES_DELETE_PER_CYCLE", CONFIG_NUMBER, MEMBER(images_per_cleanup), "7",
     .good_number = 7, .bad = "many", .bad_number = 5},
    {"ECS_NUM_IMAGES_DELETE_PER_CYCLE", CONFIG_NUMBER, MEMBER(images_per_cleanup), "0",
     .good_number = 5, .bad = "1.5", .bad_number = 5},
    {"ECS_ENABLE_UNTRACKED_IMAGE_CLEANUP", CONFIG_BOOL, MEMBER(cleans_untracked_images), "true",
     .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_EXCLUDE_UNTRACKED_IMAGE", CONFIG_IMAGES, MEMBER(images_kept.count), "a:1,b:2",
     .good_number = 2, .bad = "{\"a\"", .bad_number = 0},
    {"NON_ECS_IMAGE_MINIMUM_CLEANUP_AGE", CONFIG_DURATION, MEMBER(other_image_cleanup_age_ms),
     "5000ms", .good_number = 5000, .bad = "soon", .bad_number = 3600000},
    {"NONECS_NUM_CONTAINERS_DELETE_PER_CYCLE", CONFIG_NUMBER, MEMBER(containers_per_cleanup), "7",
     .good_number = 7, .bad = "many", .bad_number = 5},
    {"NONECS_NUM_CONTAINERS_DELETE_PER_CYCLE", CONFIG_NUMBER, MEMBER(containers_per_cleanup), "0",
     .good_number = 5, .bad = "1.5", .bad_number = 5},
    {"ECS_ENABLE_TASK_ENI", CONFIG_BOOL, MEMBER(has_task_eni), "true", .good_number = 1,
     .bad = "perhaps", .bad_number = 0},
    {"ECS_CNI_PLUGINS_PATH", CONFIG_TEXT, MEMBER(cni_plugins_path), "/some thing=1",
     .good_text = "/some thing=1"},
    {"ECS_AWSVPC_BLOCK_IMDS", CONFIG_BOOL, MEMBER(blocks_instance_metadata), "true",
     .good_number = 1, .bad = "perhaps", .bad_number = 0},
    {"ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES", CONFIG_TEXTS, MEMBER(local_routes.count),
     "[\"json-file\", \"local\"]", .good_number = 2, .bad = "[\"a\"", .bad_number = 0,
     .is_refused = true},
    {"ECS_UPDATES_ENABLED", CONFIG_BOOL, MEMBER(are_updates_enabled), "true", .good_number = 1,
     .bad = "perhaps", .bad_number = 0},
    {"ECS_UPDATE_DOWNLOAD_DIR", CONFIG_TEXT, MEMBER(update_download_dir), "/some thing=1",
     .good_text = "/some thing=1"},
    {"ECS_ENABLE_SPOT_INSTANCE_DRAINING", CONFIG_BOOL, MEMBER(drains_on_spot_notice), "true",
     .good_number = 1, .bad = "perhaps", .bad_number = 0},
};

static int64_t number_of(const struct agent_config *config, size_t i)
{
    const void *member = (const char *)config + rows[i].member;

    switch (rows[i].kind) {
    case CONFIG_BOOL:
        return *(const bool *)member;
    case CONFIG_DURATION:
    case CONFIG_NUMBER:
        return *(const int64_t *)member;
    default:
        return (int64_t) * (const size_t *)member;
    }
}

static struct error *load(const char *name, const char *value, struct agent_config **ret)
{
    CLEANUP(str_freep) char *text = str_printf("%s=%s\n", name, value);

    return config_load(&no_flags, NULL, &(struct config_files){.settings = text}, ret);
}

static void good_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(config_freep) struct agent_config *config = NULL;
        CLEANUP(error_freep) struct error *err = load(rows[i].name, rows[i].good, &config);

        if (err && strstr(rows[i].name, "EXTERNAL"))
            continue; /* needs a region: tested elsewhere */
        if (err)
            fail_msg("%s=%s: %s", rows[i].name, rows[i].good, err->message);
        if (rows[i].good_text) {
            const char *text = *(const char **)((char *)config + rows[i].member);

            if (!str_eq(text, rows[i].good_text))
                fail_msg("%s is %s", rows[i].name, text);
        } else if (number_of(config, i) != rows[i].good_number) {
            fail_msg("%s=%s gives %lld", rows[i].name, rows[i].good,
                     (long long)number_of(config, i));
        }
    }
}

static void bad_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(config_freep) struct agent_config *config = NULL;
        CLEANUP(error_freep) struct error *err = NULL;

        if (!rows[i].bad)
            continue;
        err = load(rows[i].name, rows[i].bad, &config);
        if (rows[i].is_refused != (err != NULL))
            fail_msg("%s=%s: %s", rows[i].name, rows[i].bad, err ? err->message : "accepted");
        if (err) {
            assert_int_equal(err->code, API_INVALID_PARAMETER);
            assert_non_null(strstr(err->message, rows[i].name));
        } else if (number_of(config, i) != rows[i].bad_number) {
            fail_msg("%s=%s gives %lld", rows[i].name, rows[i].bad,
                     (long long)number_of(config, i));
        }
    }
}

/* Those that are one of a few words, or read by a function of their own. */
static void words(void **state)
{
    static const struct {
        const char *name, *value;
        size_t member;
        const char *text;
    } cases[] = {
        {"ECS_LOGLEVEL", "WARN", MEMBER(log_level), "warn"},
        {"ECS_LOGLEVEL", "loud", MEMBER(log_level), "info"},
        {"ECS_LOGLEVEL_ON_INSTANCE", "none", MEMBER(log_level_file), "none"},
        {"ECS_LOGLEVEL_ON_INSTANCE", "loud", MEMBER(log_level_file), "info"},
        {"ECS_LOG_DRIVER", "journald", MEMBER(log_level_file), "none"},
        {"ECS_LOG_OUTPUT_FORMAT", "json", MEMBER(log_format), "json"},
        {"ECS_LOG_OUTPUT_FORMAT", "xml", MEMBER(log_format), "logfmt"},
        {"ECS_LOG_ROLLOVER_TYPE", "size", MEMBER(log_rollover), "size"},
        {"ECS_LOG_ROLLOVER_TYPE", "weekly", MEMBER(log_rollover), "hourly"},
        {"DOCKER_HOST", "tcp://10.0.0.1:2375", MEMBER(docker_host), "tcp://10.0.0.1:2375"},
        {"ECS_CLUSTER", "web", MEMBER(cluster), "web"},
        {"AWS_DEFAULT_REGION", "eu-west-1", MEMBER(region), "eu-west-1"},
        {"ECS_DATADIR", "/d", MEMBER(update_download_dir), "/d/updates"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(config_freep) struct agent_config *config = NULL;
        const char *text;

        assert_null(load(cases[i].name, cases[i].value, &config));
        text = *(const char **)((char *)config + cases[i].member);
        if (!str_eq(text, cases[i].text))
            fail_msg("%s=%s gives %s", cases[i].name, cases[i].value, text);
    }
}

static void log_sizes(void **state)
{
    static const struct {
        const char *value;
        int64_t bytes;
    } cases[] = {
        {"0.5", 500000}, {"20", 20000000}, {"0", 10000000}, {"-1", 10000000}, {"x", 10000000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(config_freep) struct agent_config *config = NULL;

        assert_null(load("ECS_LOG_MAX_FILE_SIZE_MB", cases[i].value, &config));
        assert_int_equal(config->log_max_bytes, cases[i].bytes);
    }
}

/* AG-903: below everything but the defaults; durations are nanoseconds, names of any case. */
static void json_file(void **state)
{
    static const char *const env[] = {"ECS_RESERVED_MEMORY=7", NULL};
    static const struct config_files files = {
        .settings = "ECS_DATADIR=/settings\n",
        .json = "{\"Cluster\":\"web\",\"apiendpoint\":\"http://ignored\",\"DataDir\":\"/json\","
                "\"ReservedMemory\":9,\"ReservedPorts\":[8080],\"DockerStopTimeout\":5000000000,"
                "\"DisableMetrics\":true,\"ImagePullBehavior\":2,"
                "\"InstanceAttributes\":{\"rack\":\"r1\"},\"TaskMetadataSteadyStateRate\":5,"
                "\"TaskMetadataBurstRate\":6,\"EngineAuthType\":\"docker\","
                "\"EngineAuthData\":{\"r\":{\"username\":\"u\"}},\"Checkpoint\":null,\"New\":1}"};
    CLEANUP(config_freep) struct agent_config *config = NULL;

    (void)state;
    assert_null(config_load(&no_flags, env, &files, &config));
    assert_string_equal(config->cluster, "web");
    assert_string_equal(config->server_url, "http://127.0.0.1:4566");
    assert_string_equal(config->data_dir, "/settings");
    assert_int_equal(config->reserved_memory_mib, 7);
    assert_string_equal(config->reserved_ports.items[0], "8080");
    assert_int_equal(config->container_stop_timeout_ms, 5000);
    assert_true(config->is_metrics_disabled);
    assert_true(config->is_checkpointed);
    assert_int_equal(config->image_pull_behavior, PULL_ONCE);
    assert_string_equal(config->attributes.items[0].value, "r1");
    assert_int_equal(config->metadata_rps_steady, 5);
    assert_int_equal(config->metadata_rps_burst, 6);
    assert_string_equal(config->engine_auth_data, "{\"r\":{\"username\":\"u\"}}");
}

/* Of who starts the agent: below everything but the table's own (AP-522). */
static void defaults_of_the_unit(void **state)
{
    static const char *const env[] = {"ECS_LOGLEVEL=warn", NULL};
    static const struct config_files files = {
        .settings = "ECS_ENABLE_TASK_IAM_ROLE=false\nECS_LOGFILE=\n",
        .json = "{\"ReservedMemory\":9,\"DataDir\":null}",
        .defaults = "# as a unit has it\nECS_LOGLEVEL=debug\nECS_ENABLE_TASK_IAM_ROLE=true\n"
                    "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true\nECS_RESERVED_MEMORY=7\n"
                    "ECS_LOGFILE=/log\nECS_DATADIR=/data\nECS_CLUSTER=\n"};
    CLEANUP(config_freep) struct agent_config *config = NULL;

    (void)state;
    assert_null(config_load(&no_flags, env, &files, &config));
    assert_string_equal(config->log_level, "warn");
    assert_false(config->has_task_role);
    assert_true(config->has_task_role_network_host);
    assert_int_equal(config->reserved_memory_mib, 9);
    assert_string_equal(config->log_file, "/log");
    assert_string_equal(config->data_dir, "/data");
    assert_false(config->is_cluster_explicit);
}

/* A file that is there and is none of ours ends the agent, whatever it is. */
static void hostile_files(void **state)
{
    static const char dir[] = "/tmp/berth-settings-XXXXXX";
    char base[sizeof(dir)], path[sizeof(dir) + 16];
    static const char binary[] = "ECS_CLUSTER=a\0b\n";
    struct {
        const char *name, *words;
    } files[] = {{"loop", "cannot be opened"},
                 {"dir", "cannot be read"},
                 {"binary", "is no text"},
                 {"huge", "is longer than"}};
    CLEANUP(str_freep) char *text = NULL;
    CLEANUP(buf_done) struct buf huge = {0};
    FILE *file;

    (void)state;
    strcpy(base, dir);
    assert_non_null(mkdtemp(base));
    assert_int_equal(chdir(base), 0);
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_int_equal(mkdir("dir", 0700), 0);
    file = fopen("binary", "w");
    assert_int_equal(fwrite(binary, 1, sizeof(binary) - 1, file), sizeof(binary) - 1);
    assert_int_equal(fclose(file), 0);
    while (huge.len <= CONFIG_FILE_BYTES_MAX)
        buf_add_str(&huge, "ECS_CLUSTER=a\n");
    file = fopen("huge", "w");
    assert_int_equal(fwrite(huge.data, 1, huge.len, file), huge.len);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CLEANUP(error_freep) struct error *err = NULL;

        snprintf(path, sizeof(path), "%s/%s", base, files[i].name);
        err = config_read_file(path, &text);
        assert_non_null(err);
        assert_int_equal(err->code, API_INVALID_PARAMETER); /* exit code 5 */
        assert_non_null(strstr(err->message, files[i].words));
        assert_null(text);
        assert_int_equal(remove(files[i].name), 0);
    }
    assert_null(config_read_file("missing", &text)); /* AG-006 */
    assert_string_equal(text, "");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(base), 0);
}

/* What is in a file is text, and no more is made of it than there are lines. */
static void hostile_lines(void **state)
{
    static const char *const texts[] = {
        "=",
        "\n\n=x\n==\n",
        "ECS_CLUSTER",
        "ECS_CLUSTER=\nECS_CLUSTER",
        "\xff\xfe=\x80\n",
        "ECS_RESERVED_PORTS=[[[[[[[[\n",
        "ECS_RESERVED_MEMORY=99999999999999999999999\n",
        "ECS_RESERVED_PORTS=[1e999]\nECS_INSTANCE_TAGS={\"a\":{\"a\":1}}\n",
        "ECS_CONTAINER_STOP_TIMEOUT=1e9s\nECS_CONTAINER_START_TIMEOUT=99999999999999999999h\n",
        "ECS_TASK_METADATA_RPS_LIMIT=,\nECS_DYNAMIC_HOST_PORT_RANGE=-\nECS_LOG_MAX_FILE_SIZE_MB="
        "nan\n"};
    struct buf many = {0};

    (void)state;
    for (size_t i = 0; i <= ARRAY_LEN(texts); i++) {
        CLEANUP(config_freep) struct agent_config *config = NULL;

        for (size_t k = 0; i == ARRAY_LEN(texts) && k < 50000; k++)
            buf_add_str(&many, "ECS_X=1\n");
        assert_null(config_load(
            &no_flags, NULL,
            &(struct config_files){.settings = i < ARRAY_LEN(texts) ? texts[i] : many.data},
            &config));
        assert_string_equal(config->cluster, "default");
        assert_int_equal(config->container_stop_timeout_ms, 30000);
        assert_int_equal(config->container_start_timeout_ms, 180000);
        assert_int_equal(config->metadata_rps_steady, 40);
        assert_int_equal(config->dynamic_port_first, 0);
        assert_int_equal(config->log_max_bytes, CONFIG_LOG_BYTES);
        assert_int_equal(config->reserved_memory_mib, 0);
    }
    buf_done(&many);
}

static void a_json_file_that_is_none_ends_the_agent(void **state)
{
    static const char *const texts[] = {"{", "[]", "Cluster=web"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(config_freep) struct agent_config *config = NULL;
        CLEANUP(error_freep)
        struct error *err =
            config_load(&no_flags, NULL, &(struct config_files){.json = texts[i]}, &config);

        assert_non_null(err);
        assert_int_equal(err->code, API_INVALID_PARAMETER);
    }
}

static void where_the_json_file_is(void **state)
{
    static const char *const env[] = {"ECS_AGENT_CONFIG_FILE_PATH=/env.json", NULL};
    CLEANUP(str_freep) char *by_env = config_json_path(env, NULL);
    CLEANUP(str_freep)
    char *by_file = config_json_path(NULL, "ECS_AGENT_CONFIG_FILE_PATH=/file.json\n");
    CLEANUP(str_freep) char *by_default = config_json_path(NULL, NULL);

    (void)state;
    assert_string_equal(by_env, "/env.json");
    assert_string_equal(by_file, "/file.json");
    assert_string_equal(by_default, "/etc/ecs_container_agent/config.json");
}

/* AG-107, AG-108, AG-271 */
static void proxy(void **state)
{
    struct agent_config config = {.proxy = "10.0.0.131:3128/", .no_proxy = "internal"};

    (void)state;
    unsetenv("HTTPS_PROXY");
    config_apply_proxy(&config);
    assert_string_equal(getenv("HTTP_PROXY"), "10.0.0.131:3128");
    assert_string_equal(getenv("HTTPS_PROXY"), "10.0.0.131:3128");
    assert_string_equal(getenv("NO_PROXY"),
                        "internal,169.254.169.254,169.254.170.2,/var/run/docker.sock");
}

static void every_setting_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct config_setting *setting = &config_settings[i];
        bool has_member = setting->kind != CONFIG_OWN && setting->kind != CONFIG_UNUSED;
        size_t found = 0;

        assert_ptr_equal(config_setting_find(setting->name), setting); /* no name twice */
        assert_non_null(setting->about);
        for (size_t k = 0; k < ARRAY_LEN(rows); k++)
            found += str_eq(rows[k].name, setting->name);
        if (has_member && !found && setting->kind != CONFIG_TEXT)
            fail_msg("%s is not tried above", setting->name);
    }
}

static void the_page_is_the_table(void **state)
{
    CLEANUP(buf_done) struct buf page = {0}, found = {0};
    char bytes[4096];
    size_t len;
    FILE *file;

    (void)state;
    config_table_write_page(&page);
    if (getenv("BERTH_WRITE_DOCS")) {
        file = fopen(SETTINGS_PAGE, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(page.data, 1, page.len, file), page.len);
        assert_int_equal(fclose(file), 0);
    }
    file = fopen(SETTINGS_PAGE, "r");
    assert_non_null(file);
    while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buf_add(&found, bytes, len);
    fclose(file);
    if (found.len != page.len || memcmp(found.data, page.data, page.len) != 0)
        fail_msg("docs/agent-configuration.md is not what config_table.c says; BERTH_WRITE_DOCS=1 "
                 "writes it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_values),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(words),
        cmocka_unit_test(log_sizes),
        cmocka_unit_test(json_file),
        cmocka_unit_test(defaults_of_the_unit),
        cmocka_unit_test(hostile_files),
        cmocka_unit_test(hostile_lines),
        cmocka_unit_test(a_json_file_that_is_none_ends_the_agent),
        cmocka_unit_test(where_the_json_file_is),
        cmocka_unit_test(proxy),
        cmocka_unit_test(every_setting_is_told),
        cmocka_unit_test(the_page_is_the_table),
    };

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
