#include "agent/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/config/capabilities.h"
#include "agent/config/config_source.h"
#include "agent/config/config_table.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

static void set_default(struct agent_config *config, const struct config_setting *setting)
{
    void *member = (char *)config + setting->member;

    switch (setting->kind) {
    case CONFIG_TEXT:
        *(const char **)member = setting->text_fallback;
        break;
    case CONFIG_BOOL:
        *(bool *)member = setting->fallback;
        break;
    case CONFIG_DURATION:
    case CONFIG_NUMBER:
        *(int64_t *)member = setting->fallback;
        break;
    case CONFIG_TEXTS:
        if (setting->text_fallback &&
            !config_parse_string_array(&config->arena, setting->text_fallback, member))
            abort(); /* a row of the table is wrong */
        break;
    case CONFIG_PORTS:
    case CONFIG_MAP:
    case CONFIG_IMAGES:
    case CONFIG_OWN:
    case CONFIG_UNUSED:
        break; /* empty, or no member */
    }
}

/* AG-034; what is read as a number is no secret. */
static void say_out_of_bounds(const struct config_setting *setting, const char *text,
                              bool is_clamped)
{
    log_warning(is_clamped ? "Invalid value, the bound is taken"
                           : "Invalid value, will be overridden with the default value",
                "variable", setting->name, "value", text);
}

/* Sets a number within its bounds; false if it cannot be used and the agent must not start. */
static bool set_bounded(const struct config_setting *setting, const char *text, int64_t value,
                        int64_t *member)
{
    int64_t most = setting->most ? setting->most : INT64_MAX;

    if (value >= setting->least && value <= most) {
        *member = value;
        return true;
    }
    if (setting->refusal == CONFIG_REFUSE)
        return false;
    /* Nothing, as "0s", is no wish for the least. */
    if (setting->refusal == CONFIG_CLAMP && value > 0)
        *member = value < setting->least ? setting->least : most;
    say_out_of_bounds(setting, text, setting->refusal == CONFIG_CLAMP && value > 0);
    return true;
}

/* False: the text makes no sense. */
static bool set_value(struct agent_config *config, const struct config_setting *setting,
                      const char *text)
{
    void *member = (char *)config + setting->member;
    int64_t number;

    switch (setting->kind) {
    case CONFIG_TEXT:
        *(const char **)member = arena_dup(&config->arena, text);
        return true;
    case CONFIG_BOOL:
        return config_parse_bool(text, member);
    case CONFIG_DURATION:
        return config_parse_duration(text, &number) && set_bounded(setting, text, number, member);
    case CONFIG_NUMBER:
        return str_to_int64(text, &number) && set_bounded(setting, text, number, member);
    case CONFIG_PORTS:
        return config_parse_ports(&config->arena, text, member);
    case CONFIG_TEXTS:
        return config_parse_string_array(&config->arena, text, member);
    case CONFIG_MAP:
        return config_parse_object(&config->arena, text, member);
    case CONFIG_IMAGES:
        return config_parse_images(&config->arena, text, member);
    case CONFIG_OWN:
    case CONFIG_UNUSED:
        return true;
    }
    return false;
}

/* What a value of the kind is. */
static const char *kind_words(enum config_kind kind)
{
    switch (kind) {
    case CONFIG_BOOL:
        return "true or false";
    case CONFIG_DURATION:
        return "a duration like 1m30s";
    case CONFIG_NUMBER:
        return "a number";
    case CONFIG_PORTS:
        return "a JSON list of ports";
    case CONFIG_TEXTS:
        return "a JSON list of texts";
    case CONFIG_MAP:
        return "a JSON object of texts";
    case CONFIG_IMAGES:
        return "a list of images";
    case CONFIG_TEXT:
    case CONFIG_OWN:
    case CONFIG_UNUSED:
        break;
    }
    return "as docs/agent-configuration.md has it";
}

/* No setting that is read by these rules is a secret. */
static void say_ignored(const char *name, const char *text)
{
    log_warning("setting ignored, the default is taken", "variable", name, "value", text, "wanted",
                kind_words(config_setting_find(name)->kind));
}

static struct error *load_variables(struct agent_config *config, const struct config_source *source)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct config_setting *setting = &config_settings[i];
        const char *text = config_source_get(source, setting->name);

        set_default(config, setting);
        if (!text || set_value(config, setting, text))
            continue;
        if (setting->refusal == CONFIG_REFUSE)
            return error_new(API_INVALID_PARAMETER, "%s is %s: it has to be %s", setting->name,
                             text, kind_words(setting->kind));
        say_ignored(setting->name, text);
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

/* The scheme is https where none is given (AP-001). Without the slashes at the end. */
static struct error *read_url(struct agent_config *config, const char *given, const char **ret_url)
{
    char *url = strstr(given, "://") ? arena_dup(&config->arena, given)
                                     : arena_printf(&config->arena, "https://%s", given);

    if (!str_starts_with(url, "http://") && !str_starts_with(url, "https://"))
        return error_new(API_INVALID_PARAMETER, "the server %s is neither http nor https", url);
    for (size_t len = strlen(url); len && url[len - 1] == '/'; len--)
        url[len - 1] = '\0';
    *ret_url = url;
    return NULL;
}

/* AWS_ENDPOINT_URL is what `berth env` exports. */
static struct error *load_server(struct agent_config *config, const struct config_flags *flags,
                                 const struct config_source *source)
{
    static const char *const names[] = {"ECS_BACKEND_HOST", "AWS_ENDPOINT_URL_ECS",
                                        "AWS_ENDPOINT_URL", NULL};
    const char *given = flags->server_url ? flags->server_url : first_of(source, names);

    if (!given)
        return error_new(API_INVALID_PARAMETER,
                         "no server to register with: give --server URL or set ECS_BACKEND_HOST");
    return read_url(config, given, &config->server_url);
}

/* The server answers for every service that is not said to be elsewhere. */
static struct error *load_aws_endpoints(struct agent_config *config,
                                        const struct config_source *source)
{
    static const char *const names[CONFIG_AWS_COUNT][3] = {
        [CONFIG_AWS_SSM] = {"AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL"},
        [CONFIG_AWS_SECRETS_MANAGER] = {"AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"},
        [CONFIG_AWS_S3] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"},
        [CONFIG_AWS_ECR] = {"AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL"},
    };

    for (size_t i = 0; i < CONFIG_AWS_COUNT; i++) {
        const char *given = first_of(source, names[i]);

        config->aws_endpoints[i] = config->server_url;
        if (given)
            TRY(read_url(config, given, &config->aws_endpoints[i]));
    }
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
    TRY(load_aws_endpoints(config, source));
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
        say_ignored("ECS_ENABLE_TASK_IAM_ROLE", bridge);
    if (host && !config_parse_bool(host, &config->has_task_role_network_host))
        say_ignored("ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST", host);
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
        const char digit[] = {(char)('0' + i), '\0'}; /* as the JSON file has it */

        if (str_eq(text, names[i]) || str_eq(text, digit)) {
            config->image_pull_behavior = (enum image_pull_behavior)i;
            return;
        }
    }
    if (text)
        say_ignored("ECS_IMAGE_PULL_BEHAVIOR", text);
}

/* "40,60" requests a second and at once (AG-148); nonsense falls back (AG-923). */
static void load_rates(struct agent_config *config, const struct config_source *source)
{
    const char *text = config_source_get(source, "ECS_TASK_METADATA_RPS_LIMIT");
    const char *rest = config_source_json(source, "TaskMetadataBurstRate");
    int64_t steady, burst;

    if (text && rest && !strchr(text, ','))
        text = arena_printf(&config->arena, "%s,%s", text, rest);
    config->metadata_rps_steady = 40;
    config->metadata_rps_burst = 60;
    if (!text)
        return;
    if (config_parse_pair(text, ',', &steady, &burst) && steady > 0 && burst >= steady) {
        config->metadata_rps_steady = steady;
        config->metadata_rps_burst = burst;
        return;
    }
    say_ignored("ECS_TASK_METADATA_RPS_LIMIT", text);
}

/* On unless it is turned off; only where it was turned on is it worth not starting (AG-152). */
static void load_task_limits(struct agent_config *config, const struct config_source *source)
{
    config->must_limit_task_resources =
        config->limits_task_resources && config_source_get(source, "ECS_ENABLE_TASK_CPU_MEM_LIMIT");
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
    say_ignored("ECS_DYNAMIC_HOST_PORT_RANGE", text);
}

/* Logs go to the server unless an operator says where, or "aws" (TD-191). */
static void load_awslogs_endpoint(struct agent_config *config)
{
    if (!config->awslogs_endpoint)
        config->awslogs_endpoint = config->server_url;
    else if (str_eq(config->awslogs_endpoint, CONFIG_AWSLOGS_AWS))
        config->awslogs_endpoint = NULL;
}

/* Docker mounts by the host's paths, which are not those of an agent that runs in a container
 * (AG-151). */
static void load_host_paths(struct agent_config *config, const struct config_source *source)
{
    config->data_dir_on_host = config_source_get(source, "ECS_HOST_DATA_DIR")
                                   ? arena_printf(&config->arena, "%s/data", config->host_data_dir)
                                   : config->data_dir;
}

static void load_log_size(struct agent_config *config, const struct config_source *source)
{
    const char *text = config_source_get(source, "ECS_LOG_MAX_FILE_SIZE_MB");
    double megabytes;
    char *end;

    config->log_max_bytes = CONFIG_LOG_BYTES;
    if (!text)
        return;
    megabytes = strtod(text, &end);
    if (end != text && !*end && megabytes * 1e6 >= 1 && megabytes < 1e6)
        config->log_max_bytes = (int64_t)(megabytes * 1e6);
    else
        say_ignored("ECS_LOG_MAX_FILE_SIZE_MB", text);
}

/* Words that are one of a few; another gives the default. */
static void check_words(struct agent_config *config)
{
    static const char *const rollovers[] = {"hourly", "size", "none", NULL};
    static const char *const formats[] = {"logfmt", "json", NULL};
    static const char *const levels[] = {"debug", "info", "warn", "error", "crit", NULL};
    static const char *const file_levels[] = {"debug", "info", "warn", "error",
                                              "crit",  "none", NULL};
    const struct {
        const char *name;
        const char **member;
        const char *const *words;
        const char *fallback;
    } rows[] = {
        {"ECS_LOG_ROLLOVER_TYPE", &config->log_rollover, rollovers, "hourly"},
        {"ECS_LOG_OUTPUT_FORMAT", &config->log_format, formats, "logfmt"},
        {"ECS_LOGLEVEL", &config->log_level, levels, "info"},
        {"ECS_LOGLEVEL_ON_INSTANCE", &config->log_level_file, file_levels, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const *word = rows[i].words;

        while (*word && *rows[i].member && strcasecmp(*word, *rows[i].member) != 0)
            word++;
        if (*rows[i].member && !*word)
            say_ignored(rows[i].name, *rows[i].member);
        *rows[i].member = *rows[i].member && *word ? *word : rows[i].fallback;
    }
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
    load_task_limits(config, source);
    load_log_size(config, source);
    check_words(config);
    config->is_insecure = flags->is_insecure;
    config->data_dir = flag_or(config, flags->data_dir, config->data_dir);
    load_awslogs_endpoint(config);
    load_host_paths(config, source);
    config->docker_host = flag_or(config, flags->docker_host, config->docker_host);
    config->log_level = flag_or(config, flags->log_level, config->log_level);
    if (!config->log_level_file)
        config->log_level_file = config->log_driver ? "none" : config->log_level;
    if (!config->update_download_dir)
        config->update_download_dir = arena_printf(&config->arena, "%s/updates", config->data_dir);
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
                          const struct config_files *files, struct agent_config **ret_config)
{
    CLEANUP(config_freep) struct agent_config *config = xcalloc(1, sizeof(*config));
    struct config_source source;

    TRY(config_source_init(&source, &config->arena, env, files));
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

char *config_json_path(const char *const *env, const char *settings)
{
    const struct config_files files = {.settings = settings};
    struct config_source source;
    struct arena arena = {0};
    const char *path;
    char *copy;

    error_free(config_source_init(&source, &arena, env, &files)); /* without a JSON file: none */
    path = config_source_get(&source, "ECS_AGENT_CONFIG_FILE_PATH");
    copy = str_dup(path ? path : CONFIG_JSON_FILE);
    arena_done(&arena);
    return copy;
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
            return error_new(API_INVALID_PARAMETER, "%s cannot be read: %s", path, strerror(errno));
        if (n == 0)
            return NULL;
        if (memchr(text->data + text->len, '\0', (size_t)n))
            return error_new(API_INVALID_PARAMETER, "%s is no text", path);
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
        return error_new(API_INVALID_PARAMETER, "%s cannot be opened: %s", path, strerror(errno));
    if (fd >= 0) {
        err = read_all(fd, path, &text);
        close(fd);
    }
    TRY(err);
    *ret_text = buf_take(&text);
    return NULL;
}
