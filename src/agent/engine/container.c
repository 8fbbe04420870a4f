#include "agent/engine/container.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "agent/engine/container_parts.h"

#define LABEL(name) "com.amazonaws.ecs." name

char *container_docker_name(const char *family, const char *version, const char *name,
                            struct rng *rng)
{
    unsigned char random[CONTAINER_NAME_HEX / 2];
    char hex[CONTAINER_NAME_HEX + 1];
    struct buf out = {0};

    rng_bytes(rng, random, sizeof(random));
    hex_encode(random, sizeof(random), hex);
    buf_printf(&out, "ecs-%s-%s-", family ? family : "", version ? version : "");
    for (; *name; name++)
        if (isalnum((unsigned char)*name) || *name == '-')
            buf_add_char(&out, *name);
    buf_printf(&out, "-%s", hex);
    return buf_take(&out);
}

struct error *container_override(struct arena *arena, const struct acs_container *container,
                                 struct acs_string_list *ret_command)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct acs_string_list command = {0};
    json_error_t where;
    const char *key;
    json_t *value, *word;
    size_t i;

    if (str_is_empty(container->overrides))
        return NULL;
    root = json_loads(container->overrides, 0, &where);
    if (!json_is_object(root))
        return error_new(API_CLIENT, "overrides of container %s are not an object",
                         container->name);
    json_object_foreach (root, key, value) {
        if (strcmp(key, "command") != 0)
            return error_new(API_CLIENT, "Unrecognized key: %s", key);
        if (json_is_null(value))
            continue;
        if (!json_is_array(value))
            return error_new(API_CLIENT, "overrides of container %s: command is not a list",
                             container->name);
        command.is_set = true;
        command.items = ARENA_ARRAY(arena, const char *, json_array_size(value));
        json_array_foreach (value, i, word) {
            if (!json_is_string(word))
                return error_new(API_CLIENT,
                                 "overrides of container %s: command is not a list "
                                 "of strings",
                                 container->name);
            command.items[command.count++] = arena_dup(arena, json_string_value(word));
        }
    }
    if (command.is_set)
        *ret_command = command;
    return NULL;
}

/* Lays `over` on `base` as Docker's own decoder would: objects merge, everything else replaces,
 * null empties what can be empty and leaves scalars alone. */
static void lay_over(json_t *base, json_t *over)
{
    const char *key;
    json_t *value;

    json_object_foreach (over, key, value) {
        json_t *old = json_object_get(base, key);

        if (json_is_object(old) && json_is_object(value))
            lay_over(old, value);
        else if (!json_is_null(value))
            json_object_set(base, key, value);
        else if (json_is_object(old) || json_is_array(old))
            json_object_del(base, key);
    }
}

void container_set_string(json_t *object, const char *name, const char *value)
{
    json_object_set_new(object, name, json_string(value));
}

json_t *container_load_config(const char *text)
{
    if (!text || !*text || strcmp(text, "null") == 0)
        return json_object();
    return json_loads(text, 0, NULL);
}

json_t *container_load_host_config(const struct acs_container *container)
{
    return container_load_config(container->docker_config ? container->docker_config->host_config
                                                          : NULL);
}

bool container_is_internal(const char *name)
{
    return str_starts_with(name, "~internal~");
}

bool container_has_health_check(const struct acs_container *container)
{
    return container->health_check_type && str_eq_nocase(container->health_check_type, "docker");
}

const char *container_docker_name_of(const struct container_plan *plan, const char *name,
                                     size_t len)
{
    const struct acs_containers *all = &plan->task->containers;

    for (size_t i = 0; i < all->count; i++)
        if (strlen(all->items[i].name) == len && memcmp(all->items[i].name, name, len) == 0)
            return plan->docker_names[i];
    return NULL;
}

static json_t *string_array(const struct acs_string_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i] ? list->items[i] : ""));
    return array;
}

/* What the agent makes of the task before dockerConfig has its say. */
static struct error *derive(const struct container_plan *plan, const char *network_mode,
                            json_t *config, json_t *host)
{
    const struct acs_container *container = plan->container;
    struct acs_string_list command = container->command;
    struct arena arena = {0};
    struct error *err = container_override(&arena, container, &command);

    if (!err) {
        container_set_string(config, "Image", container->image ? container->image : "");
        if (command.is_set && command.count)
            json_object_set_new(config, "Cmd", string_array(&command));
        if (container->entry_point.is_set && container->entry_point.count)
            json_object_set_new(config, "Entrypoint", string_array(&container->entry_point));
        json_object_set_new(config, "Env", container_environment(plan));
    }
    arena_done(&arena);
    TRY(err);
    TRY(container_limit(plan, host));
    json_object_set_new(host, "PortBindings", json_object());
    if (strcmp(network_mode, "bridge") == 0)
        container_publish_ports(plan, config, host);
    TRY(container_link(plan, host));
    return container_mount(plan, host);
}

static void set_labels(const struct container_plan *plan, json_t *config)
{
    const struct acs_task *task = plan->task;
    json_t *labels = json_object_get(config, "Labels");

    if (!json_is_object(labels)) {
        labels = json_object();
        json_object_set_new(config, "Labels", labels);
    }
    container_set_string(labels, LABEL("cluster"), plan->cluster);
    container_set_string(labels, LABEL("container-name"), plan->container->name);
    container_set_string(labels, CONTAINER_LABEL_TASK, task->arn);
    container_set_string(labels, LABEL("task-definition-family"), task->family ? task->family : "");
    container_set_string(labels, LABEL("task-definition-version"),
                         task->version ? task->version : "");
}

static struct error *overlay(const struct container_plan *plan, json_t *config, json_t *host)
{
    const struct acs_docker_config *given = plan->container->docker_config;
    CLEANUP(json_decrefp) json_t *over_config = container_load_config(given ? given->config : NULL);
    CLEANUP(json_decrefp)
    json_t *over_host = container_load_config(given ? given->host_config : NULL);

    if (!json_is_object(over_config))
        return error_new(API_CLIENT,
                         "DockerClientConfigError: Unable to read the docker config of "
                         "container %s",
                         plan->container->name);
    if (!json_is_object(over_host))
        return error_new(API_CLIENT,
                         "HostConfigError: Unable to read the host config of container %s",
                         plan->container->name);
    lay_over(config, over_config);
    lay_over(host, over_host);
    return NULL;
}

static struct error *check(const struct container_plan *plan, json_t *config, json_t *host)
{
    if (container_has_health_check(plan->container) &&
        !json_is_object(json_object_get(config, "Healthcheck")))
        return error_new(API_CLIENT, "DockerClientConfigError: docker health check is nil while "
                                     "container health check type is DOCKER");
    if (plan->has_no_health_checks && container_has_health_check(plan->container))
        return error_new(API_CLIENT, "DockerClientConfigError: this engine runs no health checks "
                                     "on a host without systemd");
    if (plan->is_privileged_disabled && json_is_true(json_object_get(host, "Privileged")))
        return error_new(API_CLIENT,
                         "HostConfigError: privileged containers are disabled on this instance");
    return NULL;
}

struct error *container_create_body(const struct container_plan *plan, struct buf *ret_body)
{
    CLEANUP(json_decrefp) json_t *config = json_object();
    CLEANUP(json_decrefp) json_t *host = json_object();
    struct arena arena = {0};
    const char *network_mode = container_network_mode(&arena, plan->task, plan->container);
    struct error *err = derive(plan, network_mode, config, host);
    char *text;

    arena_done(&arena);
    TRY(err);
    TRY(overlay(plan, config, host));
    set_labels(plan, config);
    container_set_namespaces(plan, host);
    TRY(container_log(plan, config, host));
    TRY(check(plan, config, host));
    json_object_set(config, "HostConfig", host);
    text = json_dumps(config, JSON_COMPACT);
    if (!text)
        return error_new(API_CLIENT, "DockerClientConfigError: container %s cannot be described",
                         plan->container->name);
    buf_add_str(ret_body, text);
    free(text);
    return NULL;
}
