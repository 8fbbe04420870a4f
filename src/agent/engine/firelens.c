#include "agent/engine/firelens.h"

#include <jansson.h>
#include <string.h>

#include "agent/engine/container_parts.h"

#define TYPE_OPTION  "config-file-type"
#define VALUE_OPTION "config-file-value"

const struct acs_container *firelens_router(const struct acs_task *task)
{
    const struct acs_container *router = NULL;

    for (size_t i = 0; i < task->containers.count; i++)
        if (task->containers.items[i].firelens_configuration)
            router = &task->containers.items[i];
    return router;
}

bool firelens_is_used_by(const struct acs_container *container)
{
    CLEANUP(json_decrefp) json_t *host = container_load_host_config(container);
    const json_t *log = json_object_get(host, "LogConfig");

    return str_eq(json_string_value(json_object_get(log, "Type")), FIRELENS_DRIVER);
}

static const char *option(const struct acs_container *router, const char *name)
{
    const struct acs_string_map *options = &router->firelens_configuration->options;

    for (size_t i = 0; i < options->count; i++)
        if (strcmp(options->items[i].key, name) == 0)
            return options->items[i].value ? options->items[i].value : "";
    return NULL;
}

struct error *firelens_check(const struct acs_task *task)
{
    const struct acs_container *router = firelens_router(task);
    const char *type = router ? option(router, TYPE_OPTION) : NULL;

    if (router && !firelens_config_path(router))
        return error_new(API_CLIENT,
                         "unable to initialize firelens resource: unsupported firelens config "
                         "type %s",
                         router->firelens_configuration->type ? router->firelens_configuration->type
                                                              : "");
    if (type && strcmp(type, "s3") != 0 && strcmp(type, "file") != 0)
        return error_new(API_CLIENT,
                         "unable to initialize firelens resource: error parsing firelens options: "
                         "invalid value %s is specified for option " TYPE_OPTION,
                         type);
    if (type && !option(router, VALUE_OPTION))
        return error_new(API_CLIENT,
                         "unable to initialize firelens resource: error parsing firelens options: "
                         "option " TYPE_OPTION " is specified but " VALUE_OPTION
                         " is not specified");
    return NULL;
}

bool firelens_needs_s3(const struct acs_container *router)
{
    return str_eq(option(router, TYPE_OPTION), "s3");
}

const char *firelens_user(struct arena *arena, const struct acs_container *router)
{
    CLEANUP(json_decrefp)
    json_t *config =
        container_load_config(router->docker_config ? router->docker_config->config : NULL);
    const char *user = json_string_value(json_object_get(config, "User"));

    return user ? arena_dup(arena, user) : "";
}

const char *firelens_config_path(const struct acs_container *router)
{
    if (str_eq(router->firelens_configuration->type, "fluentd"))
        return "/fluentd/etc/fluent.conf";
    if (str_eq(router->firelens_configuration->type, "fluentbit"))
        return "/fluent-bit/etc/fluent-bit.conf";
    return NULL;
}

const char *firelens_external_path(const struct acs_container *router)
{
    if (str_eq(router->firelens_configuration->type, "fluentd"))
        return "/fluentd/etc/external.conf";
    if (str_eq(router->firelens_configuration->type, "fluentbit"))
        return "/fluent-bit/etc/external.conf";
    return NULL;
}

const char *firelens_variable(struct arena *arena, const struct acs_task *task,
                              const struct acs_container *container, const char *name)
{
    int index = 0;

    for (size_t i = 0; i < task->containers.count; i++) {
        if (&task->containers.items[i] == container)
            break;
        if (!container_is_internal(task->containers.items[i].name))
            index++;
    }
    return arena_printf(arena, "%s_%d", name, index);
}
