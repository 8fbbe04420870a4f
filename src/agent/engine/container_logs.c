#include "agent/engine/container_parts.h"

#include <string.h>

#include "agent/engine/firelens.h"

#define BUFFER_DEFAULT "10m"

/* What the agent adds to the log driver that dockerConfig names (AP-475, AP-476). */

static json_t *object_in(json_t *parent, const char *name)
{
    json_t *object = json_object_get(parent, name);

    if (json_is_object(object))
        return object;
    object = json_object();
    json_object_set_new(parent, name, object);
    return object;
}

static const char *driver_of(const json_t *log)
{
    const char *driver = json_string_value(json_object_get(log, "Type"));

    return driver ? driver : "";
}

/* In Env, in place of one that is there. */
static void set_variable(json_t *config, const char *name, const char *value)
{
    CLEANUP(str_freep) char *text = str_printf("%s=%s", name, value);
    json_t *env = json_object_get(config, "Env");
    size_t len = strlen(name) + 1, i;
    json_t *entry;

    json_array_foreach (env, i, entry) {
        if (strncmp(json_string_value(entry), text, len) == 0) {
            json_array_set_new(env, i, json_string(text));
            return;
        }
    }
    json_array_append_new(env, json_string(text));
}

static void add_bind(json_t *host, const char *bind)
{
    json_t *binds = json_object_get(host, "Binds");

    if (!json_is_array(binds)) {
        binds = json_array();
        json_object_set_new(host, "Binds", binds);
    }
    json_array_append_new(binds, json_string(bind));
}

/* ---- secret options ---- */

static bool is_of(const struct container_log_secret *secret, const struct acs_container *container)
{
    return strcmp(secret->container, container->name) == 0;
}

static void add_secrets(const struct container_plan *plan, json_t *log)
{
    for (size_t i = 0; i < plan->log_secret_count; i++) {
        const struct container_log_secret *secret = &plan->log_secrets[i];

        if (is_of(secret, plan->container) && *secret->value && *driver_of(log))
            container_set_string(object_in(log, "Config"), secret->option, secret->value);
    }
}

/* Those of the containers that use the router: its configuration names the variables. */
static void give_secrets(const struct container_plan *plan, json_t *config)
{
    const struct acs_containers *all = &plan->task->containers;
    struct arena arena = {0};

    for (size_t i = 0; i < all->count; i++) {
        if (!firelens_is_used_by(&all->items[i]))
            continue;
        for (size_t k = 0; k < plan->log_secret_count; k++)
            if (is_of(&plan->log_secrets[k], &all->items[i]))
                set_variable(config,
                             firelens_variable(&arena, plan->task, &all->items[i],
                                               plan->log_secrets[k].option),
                             plan->log_secrets[k].value);
    }
    arena_done(&arena);
}

/* ---- FireLens ---- */

static struct error *make_router(const struct container_plan *plan, json_t *config, json_t *host)
{
    const struct acs_container *router = plan->container;
    CLEANUP(str_freep) char *file = NULL;
    CLEANUP(str_freep) char *socket = NULL;
    CLEANUP(str_freep) char *external = NULL;

    if (!firelens_config_path(router))
        return error_new(
            API_CLIENT, "HostConfigError: encounter invalid firelens configuration type %s",
            router->firelens_configuration->type ? router->firelens_configuration->type : "");
    file =
        str_printf("%s/" FIRELENS_CONFIG ":%s", plan->firelens_dir, firelens_config_path(router));
    socket = str_printf("%s/" FIRELENS_SOCKET_DIR "/:/var/run/", plan->firelens_dir);
    add_bind(host, file);
    add_bind(host, socket);
    if (firelens_needs_s3(router)) {
        external = str_printf("%s/" FIRELENS_EXTERNAL ":%s", plan->firelens_dir,
                              firelens_external_path(router));
        add_bind(host, external);
    }
    give_secrets(plan, config);
    if (str_eq(router->firelens_configuration->type, "fluentd"))
        set_variable(config, "FLUENT_UID", "0"); /* or it may not use the socket */
    return NULL;
}

static struct error *tell_router_address(const struct container_plan *plan, json_t *config)
{
    struct arena arena = {0};
    const char *mode = container_network_mode(&arena, plan->task, plan->container);
    const char *address = strcmp(mode, "awsvpc") == 0 ? "127.0.0.1" : plan->router_address;
    bool is_told = strcmp(mode, "awsvpc") == 0 || strcmp(mode, "bridge") == 0;

    arena_done(&arena);
    if (!is_told)
        return NULL;
    if (!address)
        return error_new(API_CLIENT,
                         "DockerClientConfigError: unable to get BridgeIP for task in bridge mode");
    set_variable(config, "FLUENT_HOST", address);
    set_variable(config, "FLUENT_PORT", FIRELENS_PORT);
    return NULL;
}

/* Docker's fluentd driver, over the socket that the router makes. */
static void log_to_router(const struct container_plan *plan, json_t *log)
{
    const char *task_id = strrchr(plan->task->arn, '/');
    json_t *given = json_object_get(log, "Config");
    json_t *limit = json_incref(json_object_get(given, FIRELENS_BUFFER_LIMIT));
    json_t *options = json_object();
    CLEANUP(str_freep)
    char *tag = str_printf("%s-firelens-%s", plan->container->name,
                           task_id ? task_id + 1 : plan->task->arn);
    CLEANUP(str_freep)
    char *address = str_printf("unix://%s/" FIRELENS_SOCKET_DIR "/fluent.sock", plan->firelens_dir);

    container_set_string(options, "tag", tag);
    container_set_string(options, "fluentd-address", address);
    container_set_string(options, "fluentd-sub-second-precision", "true");
    container_set_string(options, plan->is_docker_old ? "fluentd-async-connect" : "fluentd-async",
                         plan->is_firelens_async ? "true" : "false");
    if (limit)
        json_object_set_new(options, "fluentd-buffer-limit", limit);
    container_set_string(log, "Type", "fluentd");
    json_object_set_new(log, "Config", options);
}

/* ---- Docker's own drivers ---- */

static struct error *use_execution_role(const struct container_plan *plan, json_t *log)
{
    const struct acs_role_credentials *role = plan->task->execution_role_credentials;
    CLEANUP(str_freep) char *path = NULL;

    if (!str_eq(plan->container->logs_auth_strategy, "ExecutionRole"))
        return NULL;
    if (!role || str_is_empty(role->credentials_id))
        return error_new(API_CLIENT, "HostConfigError: No execution credentials set for the task");
    path = str_printf("/v2/credentials/%s", role->credentials_id);
    container_set_string(object_in(log, "Config"), "awslogs-credentials-endpoint", path);
    return NULL;
}

static void set_defaults(const struct container_plan *plan, json_t *log)
{
    json_t *options = json_object_get(log, "Config");

    if (strcmp(driver_of(log), "awslogs") == 0 && plan->awslogs_endpoint &&
        !json_object_get(options, "awslogs-endpoint"))
        container_set_string(object_in(log, "Config"), "awslogs-endpoint", plan->awslogs_endpoint);
    if (str_eq(json_string_value(json_object_get(options, "mode")), "non-blocking") &&
        !json_object_get(options, "max-buffer-size"))
        container_set_string(options, "max-buffer-size", BUFFER_DEFAULT);
}

struct error *container_log(const struct container_plan *plan, json_t *config, json_t *host)
{
    json_t *log = json_object_get(host, "LogConfig");

    if (plan->container->firelens_configuration)
        TRY(make_router(plan, config, host));
    if (!json_is_object(log))
        return NULL; /* the daemon's default (TD-198) */
    TRY(use_execution_role(plan, log));
    if (strcmp(driver_of(log), FIRELENS_DRIVER) == 0) {
        log_to_router(plan, log);
        return tell_router_address(plan, config);
    }
    set_defaults(plan, log);
    add_secrets(plan, log);
    return NULL;
}
