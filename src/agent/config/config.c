#include "agent/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/config/capabilities.h"
#include "agent/config/config_source.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define SECOND       1000
#define MINUTE       (60 * SECOND)
#define HOUR         (60 * MINUTE)
#define MEMBER(name) offsetof(struct agent_config, name)

enum kind { TEXT, BOOL, DURATION, NUMBER, NUMBERS, TEXTS, MAP, IMAGES };

/* What to do with a value that cannot be used. */
enum refusal { TAKE_DEFAULT, CLAMP, REFUSE };

/* One row per variable that is one member; those that are two, or depend on others, are below. The
 * defaults are those of the documentation (AG-101 to AG-163, AP-417, AP-418, AP-508). */
static const struct variable {
    const char *name;
    enum kind kind;
    size_t member;
    int64_t fallback, least, most; /* most 0: no bound */
    const char *text_fallback;
    enum refusal refusal;
} variables[] = {
    {"AWS_ACCESS_KEY_ID", TEXT, MEMBER(access_key_id)},
    {"AWS_SECRET_ACCESS_KEY", TEXT, MEMBER(secret_access_key)},
    {"AWS_SESSION_TOKEN", TEXT, MEMBER(session_token)},
    {"AWS_SHARED_CREDENTIALS_FILE", TEXT, MEMBER(shared_credentials_file)},
    {"AWS_PROFILE", TEXT, MEMBER(shared_profile), .text_fallback = "default"},
    {"ECS_ALTERNATE_CREDENTIAL_PROFILE", TEXT, MEMBER(credentials_profile),
     .text_fallback = "default"},
    {"DOCKER_HOST", TEXT, MEMBER(docker_host), .text_fallback = CONFIG_DOCKER_HOST},
    {"HTTP_PROXY", TEXT, MEMBER(proxy)},
    {"NO_PROXY", TEXT, MEMBER(no_proxy)},
    {"SSL_CERT_FILE", TEXT, MEMBER(ca_file)},
    {"ECS_EXTERNAL", BOOL, MEMBER(is_external)},
    {"ECS_RESERVED_MEMORY", NUMBER, MEMBER(reserved_memory_mib), .most = 1 << 30},
    {"ECS_RESERVED_PORTS", NUMBERS, MEMBER(reserved_ports)},
    {"ECS_RESERVED_PORTS_UDP", NUMBERS, MEMBER(reserved_ports_udp)},
    {"ECS_INSTANCE_ATTRIBUTES", MAP, MEMBER(attributes), .refusal = REFUSE},
    {"ECS_CONTAINER_INSTANCE_TAGS", MAP, MEMBER(tags), .refusal = REFUSE},
    {"ECS_AVAILABLE_LOGGING_DRIVERS", TEXTS, MEMBER(logging_drivers),
     .text_fallback = "[\"json-file\",\"none\"]"},
    {"ECS_DISABLE_PRIVILEGED", BOOL, MEMBER(is_privileged_disabled)},
    {"ECS_SELINUX_CAPABLE", BOOL, MEMBER(is_selinux_capable)},
    {"ECS_APPARMOR_CAPABLE", BOOL, MEMBER(is_apparmor_capable)},
    {"ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE", BOOL, MEMBER(has_awslogs_execution_role)},
    {"ECS_ENABLE_TASK_ENI", BOOL, MEMBER(has_task_eni)},
    {"ECS_AWSVPC_BLOCK_IMDS", BOOL, MEMBER(blocks_instance_metadata)},
    {"ECS_CNI_PLUGINS_PATH", TEXT, MEMBER(cni_plugins_path),
     .text_fallback = "/amazon-ecs-cni-plugins"},
    {"ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES", TEXTS, MEMBER(local_routes)},
    {"ECS_DATADIR", TEXT, MEMBER(data_dir), .text_fallback = CONFIG_DATA_DIR},
    {"ECS_CHECKPOINT", BOOL, MEMBER(is_checkpointed), .fallback = true},
    {"ECS_LOGLEVEL", TEXT, MEMBER(log_level), .text_fallback = "info"},
    {"ECS_LOG_OUTPUT_FORMAT", TEXT, MEMBER(log_format), .text_fallback = "logfmt"},
    {"ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS", BOOL, MEMBER(allows_offhost_introspection)},
    {"ECS_DISABLE_METRICS", BOOL, MEMBER(is_metrics_disabled)},
    {"ECS_POLL_METRICS", BOOL, MEMBER(polls_metrics)},
    {"ECS_POLLING_METRICS_WAIT_DURATION", DURATION, MEMBER(metrics_poll_ms), 10 * SECOND,
     5 * SECOND, 20 * SECOND, .refusal = CLAMP},
    {"ECS_DISABLE_DOCKER_HEALTH_CHECK", BOOL, MEMBER(is_health_check_disabled)},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION", DURATION, MEMBER(task_cleanup_wait_ms), 3 * HOUR,
     1 * SECOND},
    {"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER", DURATION, MEMBER(task_cleanup_jitter_ms)},
    {"ECS_CONTAINER_STOP_TIMEOUT", DURATION, MEMBER(container_stop_timeout_ms), 30 * SECOND,
     1 * SECOND, .refusal = REFUSE},
    {"ECS_CONTAINER_START_TIMEOUT", DURATION, MEMBER(container_start_timeout_ms), 3 * MINUTE,
     1 * SECOND, .refusal = REFUSE},
    {"ECS_CONTAINER_CREATE_TIMEOUT", DURATION, MEMBER(container_create_timeout_ms), 4 * MINUTE,
     1 * MINUTE},
    {"ECS_MANIFEST_PULL_TIMEOUT", DURATION, MEMBER(manifest_pull_timeout_ms), 1 * MINUTE,
     1 * SECOND},
    {"ECS_IMAGE_PULL_TIMEOUT", DURATION, MEMBER(image_pull_timeout_ms), 2 * HOUR, 1 * MINUTE},
    {"ECS_IMAGE_PULL_INACTIVITY_TIMEOUT", DURATION, MEMBER(image_pull_inactivity_ms), 1 * MINUTE,
     1 * SECOND},
    {"ECS_DISABLE_IMAGE_CLEANUP", BOOL, MEMBER(is_image_cleanup_disabled)},
    {"ECS_ENABLE_UNTRACKED_IMAGE_CLEANUP", BOOL, MEMBER(cleans_untracked_images)},
    {"ECS_IMAGE_CLEANUP_INTERVAL", DURATION, MEMBER(image_cleanup_interval_ms), 30 * MINUTE,
     10 * MINUTE},
    {"ECS_IMAGE_MINIMUM_CLEANUP_AGE", DURATION, MEMBER(image_cleanup_age_ms), 1 * HOUR},
    {"NON_ECS_IMAGE_MINIMUM_CLEANUP_AGE", DURATION, MEMBER(other_image_cleanup_age_ms), 1 * HOUR},
    {"ECS_NUM_IMAGES_DELETE_PER_CYCLE", NUMBER, MEMBER(images_per_cleanup), 5, 1},
    {"NONECS_NUM_CONTAINERS_DELETE_PER_CYCLE", NUMBER, MEMBER(containers_per_cleanup), 5, 1},
    {"ECS_EXCLUDE_UNTRACKED_IMAGE", IMAGES, MEMBER(images_kept)},
    {"ECS_PULL_DEPENDENT_CONTAINERS_UPFRONT", BOOL, MEMBER(pulls_dependents_upfront)},
    {"ECS_SHARED_VOLUME_MATCH_FULL_CONFIG", BOOL, MEMBER(matches_full_volume_config)},
    {"ECS_VOLUME_PLUGIN_CAPABILITIES", TEXTS, MEMBER(volume_plugin_capabilities)},
    {"BERTH_EFS_FILE_SYSTEMS", MAP, MEMBER(efs_file_systems), .refusal = REFUSE},
    {"ECS_EXCLUDE_IPV6_PORTBINDING", BOOL, MEMBER(excludes_ipv6_bindings), .fallback = true},
    {"ECS_ENABLE_TASK_CPU_MEM_LIMIT", BOOL, MEMBER(limits_task_resources), .fallback = true},
    {"ECS_CGROUP_PATH", TEXT, MEMBER(cgroup_path), .text_fallback = "/sys/fs/cgroup"},
    {"ECS_CGROUP_CPU_PERIOD", DURATION, MEMBER(cgroup_cpu_period_ms), 100, 8, 100},
    {"ECS_TASK_PIDS_LIMIT", NUMBER, MEMBER(task_pids_limit), 0, 1, 4194304},
    {"ECS_ENABLE_CONTAINER_METADATA", BOOL, MEMBER(writes_container_metadata)},
    {"ECS_HOST_DATA_DIR", TEXT, MEMBER(host_data_dir), .text_fallback = "/var/lib/ecs"},
    {"ECS_NVIDIA_RUNTIME", TEXT, MEMBER(nvidia_runtime), .text_fallback = "nvidia"},
    {"ECS_ENGINE_AUTH_TYPE", TEXT, MEMBER(engine_auth_type)},
    {"ECS_ENGINE_AUTH_DATA", TEXT, MEMBER(engine_auth_data)},
    {"BERTH_TASK_ENDPOINT", TEXT, MEMBER(task_endpoint), .text_fallback = CONFIG_TASK_ENDPOINT},
    {"ECS_AUDIT_LOGFILE", TEXT, MEMBER(audit_log_file), .text_fallback = CONFIG_AUDIT_LOG_FILE},
    {"ECS_AUDIT_LOGFILE_DISABLED", BOOL, MEMBER(is_audit_log_disabled)},
    {"ECS_ENABLE_SPOT_INSTANCE_DRAINING", BOOL, MEMBER(drains_on_spot_notice)},
    {"ECS_UPDATES_ENABLED", BOOL, MEMBER(are_updates_enabled)},
    {"ECS_UPDATE_DOWNLOAD_DIR", TEXT, MEMBER(update_download_dir)},
};

static void set_default(struct agent_config *config, const struct variable *var)
{
    void *member = (char *)config + var->member;

    switch (var->kind) {
    case TEXT:
        *(const char **)member = var->text_fallback;
        break;
    case BOOL:
        *(bool *)member = var->fallback;
        break;
    case DURATION:
    case NUMBER:
        *(int64_t *)member = var->fallback;
        break;
    case TEXTS:
        if (var->text_fallback &&
            !config_parse_string_array(&config->arena, var->text_fallback, member))
            abort(); /* a row above is wrong */
        break;
    case NUMBERS:
    case MAP:
    case IMAGES:
        break; /* empty */
    }
}

/* Sets a number within its bounds; false if it is out of them and not to be clamped. */
static bool set_bounded(const struct variable *var, int64_t value, int64_t *member)
{
    int64_t most = var->most ? var->most : INT64_MAX;
    bool fits = value >= var->least && value <= most;

    if (!fits && var->refusal != CLAMP)
        return false;
    *member = value < var->least ? var->least : value > most ? most : value;
    return true;
}

static bool set_value(struct agent_config *config, const struct variable *var, const char *text)
{
    void *member = (char *)config + var->member;
    int64_t number;

    switch (var->kind) {
    case TEXT:
        *(const char **)member = arena_dup(&config->arena, text);
        return true;
    case BOOL:
        return config_parse_bool(text, member);
    case DURATION:
        return config_parse_duration(text, &number) && set_bounded(var, number, member);
    case NUMBER:
        return str_to_int64(text, &number) && set_bounded(var, number, member);
    case NUMBERS:
        return config_parse_number_array(&config->arena, text, member);
    case TEXTS:
        return config_parse_string_array(&config->arena, text, member);
    case MAP:
        return config_parse_object(&config->arena, text, member);
    case IMAGES:
        return config_parse_images(&config->arena, text, member);
    }
    return false;
}

static struct error *load_variables(struct agent_config *config, const struct config_source *source)
{
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        const struct variable *var = &variables[i];
        const char *text = config_source_get(source, var->name);

        set_default(config, var);
        if (!text || set_value(config, var, text))
            continue;
        if (var->refusal == REFUSE)
            return error_new(API_INVALID_PARAMETER, "the value of %s cannot be used", var->name);
        log_warning("setting ignored, the default is taken", "variable", var->name);
    }
    return NULL;
}

static const char *first_of(const struct config_source *source, const char *const names[])
{
    for (; *names; names++) {
        const char *value = config_source_get(source, *names);

        if (value)
            return value;
    }
    return NULL;
}

/* The scheme is https where none is given (AP-001); AWS_ENDPOINT_URL is what `berth env` exports.
 */
static struct error *load_server(struct agent_config *config, const struct config_flags *flags,
                                 const struct config_source *source)
{
    static const char *const names[] = {"ECS_BACKEND_HOST", "AWS_ENDPOINT_URL_ECS",
                                        "AWS_ENDPOINT_URL", NULL};
    const char *given = flags->server_url ? flags->server_url : first_of(source, names);
    size_t len;
    char *url;

    if (!given)
        return error_new(API_INVALID_PARAMETER,
                         "no server to register with: give --server URL or set ECS_BACKEND_HOST");
    url = strstr(given, "://") ? arena_dup(&config->arena, given)
                               : arena_printf(&config->arena, "https://%s", given);
    if (!str_starts_with(url, "http://") && !str_starts_with(url, "https://"))
        return error_new(API_INVALID_PARAMETER, "the server %s is neither http nor https", url);
    for (len = strlen(url); len && url[len - 1] == '/'; len--)
        url[len - 1] = '\0';
    config->server_url = url;
    return NULL;
}

static struct error *load_identity(struct agent_config *config, const struct config_flags *flags,
                                   const struct config_source *source)
{
    static const char *const region_names[] = {"AWS_DEFAULT_REGION", "AWS_REGION", NULL};
    const char *cluster =
        flags->cluster ? flags->cluster : config_source_get(source, "ECS_CLUSTER");
    const char *region = first_of(source, region_names);

    TRY(load_server(config, flags, source));
    config->is_cluster_explicit = cluster != NULL;
    config->cluster = arena_dup(&config->arena, cluster ? cluster : "default");
    if (!region && config->is_external)
        return error_new(API_INVALID_PARAMETER, "ECS_EXTERNAL needs AWS_DEFAULT_REGION");
    config->region = arena_dup(&config->arena, region ? region : CONFIG_REGION);
    return NULL;
}

/* Task roles are on by default in external mode (AP-152). */
static void load_roles(struct agent_config *config, const struct config_source *source)
{
    const char *bridge = config_source_get(source, "ECS_ENABLE_TASK_IAM_ROLE");
    const char *host = config_source_get(source, "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST");

    config->has_task_role = config->has_task_role_network_host = config->is_external;
    if (bridge && !config_parse_bool(bridge, &config->has_task_role))
        log_warning("setting ignored, the default is taken", "variable",
                    "ECS_ENABLE_TASK_IAM_ROLE");
    if (host && !config_parse_bool(host, &config->has_task_role_network_host))
        log_warning("setting ignored, the default is taken", "variable",
                    "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST");
}

static void load_pull_behavior(struct agent_config *config, const struct config_source *source)
{
    static const char *const names[] = {[PULL_DEFAULT] = "default",
                                        [PULL_ALWAYS] = "always",
                                        [PULL_ONCE] = "once",
                                        [PULL_PREFER_CACHED] = "prefer-cached"};
    const char *text = config_source_get(source, "ECS_IMAGE_PULL_BEHAVIOR");

    config->image_pull_behavior = PULL_DEFAULT;
    for (size_t i = 0; text && i < ARRAY_LEN(names); i++) {
        if (str_eq(text, names[i])) {
            config->image_pull_behavior = (enum image_pull_behavior)i;
            return;
        }
    }
    if (text)
        log_warning("setting ignored, the default is taken", "variable", "ECS_IMAGE_PULL_BEHAVIOR");
}

/* "40,60" requests a second and at once (AG-148); nonsense falls back (AG-923). */
static void load_rates(struct agent_config *config, const struct config_source *source)
{
    const char *text = config_source_get(source, "ECS_TASK_METADATA_RPS_LIMIT");
    int64_t steady, burst;

    config->metadata_rps_steady = 40;
    config->metadata_rps_burst = 60;
    if (!text)
        return;
    if (config_parse_pair(text, ',', &steady, &burst) && steady > 0 && burst >= steady) {
        config->metadata_rps_steady = steady;
        config->metadata_rps_burst = burst;
        return;
    }
    log_warning("setting ignored, the default is taken", "variable", "ECS_TASK_METADATA_RPS_LIMIT");
}

static void load_port_range(struct agent_config *config, const struct config_source *source)
{
    const char *text = config_source_get(source, "ECS_DYNAMIC_HOST_PORT_RANGE");
    int64_t first, last;

    if (!text)
        return;
    if (config_parse_pair(text, '-', &first, &last) && first > 0 && first <= last && last < 65536) {
        config->dynamic_port_first = (int)first;
        config->dynamic_port_last = (int)last;
        return;
    }
    log_warning("setting ignored, the default is taken", "variable", "ECS_DYNAMIC_HOST_PORT_RANGE");
}

/* What containers are told of it; the port of HTTP is left out, as everywhere in ECS. */
static struct error *load_task_endpoint(struct agent_config *config)
{
    const char *text = config->task_endpoint, *colon = strrchr(text, ':');
    int64_t port;

    if (str_eq(text, CONFIG_TASK_ENDPOINT_NONE))
        return NULL;
    if (!colon || colon == text || !str_to_int64(colon + 1, &port) || port < 1 || port > 65535)
        return error_new(API_INVALID_PARAMETER,
                         "BERTH_TASK_ENDPOINT is %s: it is an address and a port, or none", text);
    config->task_endpoint_url =
        port == 80 ? arena_printf(&config->arena, "http://%.*s", (int)(colon - text), text)
                   : arena_printf(&config->arena, "http://%s", text);
    return NULL;
}

static struct error *check_logging_drivers(const struct config_list *drivers)
{
    for (size_t i = 0; i < drivers->count; i++)
        if (!capabilities_knows_logging_driver(drivers->items[i]))
            return error_new(API_INVALID_PARAMETER, "Invalid logging drivers: %s",
                             drivers->items[i]);
    return NULL;
}

static const char *flag_or(struct agent_config *config, const char *flag, const char *otherwise)
{
    return flag ? arena_dup(&config->arena, flag) : otherwise;
}

static struct error *load(struct agent_config *config, const struct config_flags *flags,
                          const struct config_source *source)
{
    TRY(load_variables(config, source));
    TRY(load_identity(config, flags, source));
    TRY(check_logging_drivers(&config->logging_drivers));
    load_roles(config, source);
    TRY(load_task_endpoint(config));
    load_pull_behavior(config, source);
    load_rates(config, source);
    load_port_range(config, source);
    config->is_insecure = flags->is_insecure;
    config->data_dir = flag_or(config, flags->data_dir, config->data_dir);
    config->docker_host = flag_or(config, flags->docker_host, config->docker_host);
    config->log_level = flag_or(config, flags->log_level, config->log_level);
    config->log_format = flag_or(config, flags->log_format, config->log_format);
    config->introspection_listen = flag_or(
        config, flags->introspection_listen,
        config->allows_offhost_introspection ? CONFIG_INTROSPECTION_OFFHOST : CONFIG_INTROSPECTION);
    if (!str_starts_with(config->docker_host, "unix://") &&
        !str_starts_with(config->docker_host, "tcp://"))
        return error_new(API_INVALID_PARAMETER,
                         "the Docker address %s is neither unix:///path nor tcp://host:port",
                         config->docker_host);
    return NULL;
}

struct error *config_load(const struct config_flags *flags, const char *const *env,
                          const char *file_text, struct agent_config **ret_config)
{
    CLEANUP(config_freep) struct agent_config *config = xcalloc(1, sizeof(*config));
    struct config_source source;

    config_source_init(&source, &config->arena, env, file_text);
    TRY(load(config, flags, &source));
    *ret_config = TAKE(config);
    return NULL;
}

void config_free(struct agent_config *config)
{
    if (!config)
        return;
    arena_done(&config->arena);
    free(config);
}

static struct error *read_all(int fd, const char *path, struct buf *text)
{
    for (;;) {
        ssize_t n;

        buf_reserve(text, 4096);
        n = read(fd, text->data + text->len, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(errno, "%s cannot be read", path);
        if (n == 0)
            return NULL;
        text->len += (size_t)n;
        text->data[text->len] = '\0';
        if (text->len > CONFIG_FILE_BYTES_MAX)
            return error_new(API_INVALID_PARAMETER, "%s is longer than %d bytes", path,
                             CONFIG_FILE_BYTES_MAX);
    }
}

struct error *config_read_file(const char *path, char **ret_text)
{
    CLEANUP(buf_done) struct buf text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct error *err = NULL;

    if (fd < 0 && errno != ENOENT)
        return error_errno(errno, "%s cannot be opened", path);
    if (fd >= 0) {
        err = read_all(fd, path, &text);
        close(fd);
    }
    TRY(err);
    *ret_text = buf_take(&text);
    return NULL;
}
