/* config.h - what the agent is told: flags, environment, /etc/ecs/ecs.config, the JSON file of the
 * official agent (AG-903), and the defaults of whoever starts it, in that order.
 *
 * Everything is optional and unknown variables are no error (AG-030, AG-031). What there is, with
 * what a bad value does, is one table (config_table.h, docs/agent-configuration.md): mostly it is
 * logged and the default is taken (AG-034); custom attributes that are not JSON (AG-112), unknown
 * logging drivers (AG-923) and a JSON file that is none end the agent.
 *
 * Ownership  A config owns everything it points to and does not change after config_load().
 * Errors     API_INVALID_PARAMETER: starting again cannot help (exit code 5).
 * Units      As the names end; durations are milliseconds.
 */
#ifndef BERTH_AGENT_CONFIG_H
#define BERTH_AGENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define CONFIG_FILE                  "/etc/ecs/ecs.config"
#define CONFIG_JSON_FILE             "/etc/ecs_container_agent/config.json"
#define CONFIG_LOG_BYTES             (10 * 1000 * 1000)
#define CONFIG_FILE_BYTES_MAX        (1024 * 1024)
#define CONFIG_DATA_DIR              "/var/lib/ecs/data"
#define CONFIG_DOCKER_HOST           "unix:///var/run/docker.sock"
#define CONFIG_REGION                "us-east-1"
#define CONFIG_AWSLOGS_AWS           "aws"
#define CONFIG_INTROSPECTION         "127.0.0.1:51678"
#define CONFIG_INTROSPECTION_OFFHOST "0.0.0.0:51678"
#define CONFIG_TASK_ENDPOINT         "169.254.170.2:80"
#define CONFIG_TASK_ENDPOINT_NONE    "none"
#define CONFIG_AUDIT_LOG_FILE        "/var/log/ecs/audit.log"

/* The services of AWS that the agent asks in the name of a task. */
enum config_aws_service {
    CONFIG_AWS_SSM,
    CONFIG_AWS_SECRETS_MANAGER,
    CONFIG_AWS_S3,
    CONFIG_AWS_ECR,
    CONFIG_AWS_COUNT
};

enum image_pull_behavior { PULL_DEFAULT, PULL_ALWAYS, PULL_ONCE, PULL_PREFER_CACHED };

struct config_list {
    const char **items;
    size_t count;
};

struct config_pair {
    const char *name, *value;
};

struct config_map {
    struct config_pair *items;
    size_t count;
};

struct agent_config {
    struct arena arena; /* holds every string and list */

    /* Identity and connectivity */
    const char *cluster; /* name or ARN as configured; "default" */
    bool is_cluster_explicit;
    const char *server_url;                      /* the API endpoint, without a trailing slash */
    const char *aws_endpoints[CONFIG_AWS_COUNT]; /* the same for each service */
    const char *region;
    const char *docker_host; /* unix:///... */
    const char *proxy, *no_proxy;
    const char *ca_file;
    bool is_insecure; /* no certificate is checked (AP-007) */
    bool is_external;
    const char *introspection_listen; /* host:port */
    bool allows_offhost_introspection;

    /* Keys of the agent, if given here; else config_keys.h looks for them */
    const char *access_key_id, *secret_access_key, *session_token;
    const char *credentials_profile; /* of the rotating file */
    const char *shared_credentials_file, *shared_profile;

    /* What is registered */
    int64_t reserved_memory_mib;
    struct config_list reserved_ports, reserved_ports_udp; /* numbers as text */
    struct config_map attributes, tags;
    struct config_list logging_drivers;
    bool is_privileged_disabled, is_selinux_capable, is_apparmor_capable;
    bool has_task_role, has_task_role_network_host, has_awslogs_execution_role;
    bool has_task_eni, blocks_instance_metadata;
    const char *cni_plugins_path;
    struct config_list local_routes;

    /* State, log, telemetry */
    const char *data_dir;
    bool is_checkpointed; /* false: state is kept in memory only */
    const char *log_level, *log_format;
    const char *log_file; /* NULL: none */
    const char *log_level_file, *log_driver, *log_rollover;
    int64_t log_max_bytes, log_rolls;
    const char *os_family_detailed;
    bool hides_zone, is_firelens_async;
    bool is_metrics_disabled, polls_metrics;
    int64_t metrics_poll_ms;

    /* Task engine */
    bool is_health_check_disabled;
    int64_t task_cleanup_wait_ms, task_cleanup_jitter_ms;
    int64_t container_stop_timeout_ms, container_start_timeout_ms, container_create_timeout_ms;
    int64_t manifest_pull_timeout_ms, image_pull_timeout_ms, image_pull_inactivity_ms;
    enum image_pull_behavior image_pull_behavior;
    bool is_image_cleanup_disabled, cleans_untracked_images, prefetches_images;
    int64_t image_cleanup_interval_ms, image_cleanup_age_ms, other_image_cleanup_age_ms;
    int64_t images_per_cleanup, containers_per_cleanup;
    struct config_map pause_labels;
    const char *awslogs_endpoint; /* where awslogs sends to; NULL: to AWS */
    struct config_list volume_plugin_capabilities;
    struct config_map efs_file_systems; /* where they are, by id (volume_efs.h) */
    struct config_list images_kept;
    bool pulls_dependents_upfront, matches_full_volume_config, excludes_ipv6_bindings;
    bool limits_task_resources;
    bool must_limit_task_resources; /* said so: without cgroups the agent does not start */
    bool hands_down_task_memory;    /* on v2, where containers do not see their task's cgroup */
    const char *cgroup_path;
    int64_t cgroup_cpu_period_ms, task_pids_limit; /* 0: no limit */
    int dynamic_port_first, dynamic_port_last;     /* 0: the kernel's range */
    bool writes_container_metadata;
    const char *host_data_dir;
    const char *data_dir_on_host; /* data_dir as Docker sees it */
    bool has_gpu_support;
    const char *nvidia_runtime;
    const char *engine_auth_type, *engine_auth_data; /* never logged */
    int64_t metadata_rps_steady, metadata_rps_burst;
    const char *task_endpoint;     /* host:port, or CONFIG_TASK_ENDPOINT_NONE */
    const char *task_endpoint_url; /* as containers are told; NULL: it is not served */
    const char *audit_log_file;
    bool is_audit_log_disabled;
    bool blocks_machine_metadata;
    bool drains_on_spot_notice;
    bool are_updates_enabled;
    const char *update_download_dir;
};

/* Flags of the command line; NULL or false: not given. */
struct config_flags {
    const char *server_url, *cluster, *data_dir, *docker_host, *config_file, *defaults_file;
    const char *log_level, *log_format, *introspection_listen;
    bool is_insecure;
};

/* The texts of the configuration files; NULL: there is none. */
struct config_files {
    const char *settings; /* NAME=VALUE lines */
    const char *json;
    const char *defaults; /* NAME=VALUE lines */
};

/* Reads flags, `env` (NULL-terminated "NAME=VALUE", as environ) and files. Pure: files are read by
 * config_read_file(). */
MUST_USE struct error *config_load(const struct config_flags *flags, const char *const *env,
                                   const struct config_files *files,
                                   struct agent_config **ret_config);
void config_free(struct agent_config *config);
DEFINE_FREEP(struct agent_config, config_free)

/* Where the JSON file is, by the environment or the other file; the caller's. */
char *config_json_path(const char *const *env, const char *settings);
/* The text of the configuration file; "" if there is none (AG-006). API_INVALID_PARAMETER if it
 * cannot be read or is no text. */
MUST_USE struct error *config_read_file(const char *path, char **ret_text);

/* "1h30m", "250ms": Go's syntax (AG-032). False, and *ret untouched, if it is anything else. */
bool config_parse_duration(const char *text, int64_t *ret_ms);

#endif
