#include "agent/engine/container.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent/engine/container_port.h"
#include "agent/engine/volume.h"

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

static json_t *load_config(const char *text)
{
    if (!text || !*text || strcmp(text, "null") == 0)
        return json_object();
    return json_loads(text, 0, NULL);
}

/* hostConfig of the task definition as an object; NULL if it is not one. */
static json_t *load_host_config(const struct acs_container *container)
{
    return load_config(container->docker_config ? container->docker_config->host_config : NULL);
}

const char *container_network_mode(struct arena *arena, const struct acs_task *task,
                                   const struct acs_container *container)
{
    const char *mode = task->network_mode;

    if (str_is_empty(mode)) {
        CLEANUP(json_decrefp) json_t *host = load_host_config(container);

        mode = arena_dup(arena, json_string_value(json_object_get(host, "NetworkMode")));
    }
    return str_is_empty(mode) || strcmp(mode, "default") == 0 ? "bridge" : mode;
}

int64_t container_memory_mib(const struct acs_container *container)
{
    CLEANUP(json_decrefp) json_t *host = load_host_config(container);
    json_int_t reservation = json_integer_value(json_object_get(host, "MemoryReservation"));

    if (reservation > 0)
        return reservation / CONTAINER_MIB;
    return container->has_memory && container->memory > 0 ? container->memory : 0;
}

bool container_has_health_check(const struct acs_container *container)
{
    return container->health_check_type && str_eq_nocase(container->health_check_type, "docker");
}

static json_t *string_array(const struct acs_string_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i] ? list->items[i] : ""));
    return array;
}

static void set_string(json_t *object, const char *name, const char *value)
{
    json_object_set_new(object, name, json_string(value));
}

static bool has_variable(const struct acs_string_map *map, const char *name)
{
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->items[i].key, name) == 0)
            return true;
    return false;
}

static void add_variable(json_t *env, const char *name, const char *value)
{
    CLEANUP(str_freep) char *text = str_printf("%s=%s", name, value ? value : "");

    json_array_append_new(env, json_string(text));
}

/* AP-310, as far as there is something behind a variable. */
static json_t *environment(const struct container_plan *plan)
{
    const struct acs_string_map *map = &plan->container->environment;
    static const char *const region_names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    json_t *env = json_array();

    for (size_t i = 0; i < map->count; i++)
        add_variable(env, map->items[i].key, map->items[i].value);
    for (size_t i = 0; plan->region && i < ARRAY_LEN(region_names); i++)
        if (!has_variable(map, region_names[i]))
            add_variable(env, region_names[i], plan->region);
    return env;
}

/* "80/tcp" */
static void port_key(char *text, size_t size, int port, const char *protocol)
{
    snprintf(text, size, "%d/%s", port, protocol);
}

static void publish(json_t *exposed, json_t *bindings, int container_port, int host_port,
                    const char *protocol)
{
    char key[32], port[16];
    json_t *list;

    port_key(key, sizeof(key), container_port, protocol);
    snprintf(port, sizeof(port), "%d", host_port);
    json_object_set_new(exposed, key, json_object());
    list = json_object_get(bindings, key);
    if (!list) {
        list = json_array();
        json_object_set_new(bindings, key, list);
    }
    json_array_append_new(list, json_pack("{ss}", "HostPort", port));
}

static void publish_ports(const struct container_plan *plan, json_t *config, json_t *host)
{
    const struct acs_port_mappings *mappings = &plan->container->port_mappings;
    json_t *exposed, *bindings;

    if (mappings->count == 0)
        return;
    exposed = json_object();
    bindings = json_object();
    for (size_t i = 0; i < mappings->count; i++) {
        const struct acs_port_mapping *mapping = &mappings->items[i];
        const char *protocol = container_port_protocol(mapping);
        int first, last;

        if (container_port_range_parse(mapping->container_port_range, &first, &last)) {
            for (int port = first; port <= last; port++)
                publish(exposed, bindings, port, plan->range_starts[i] + port - first, protocol);
        } else {
            publish(exposed, bindings, mapping->container_port, mapping->host_port, protocol);
        }
    }
    json_object_set_new(config, "ExposedPorts", exposed);
    json_object_set_new(host, "PortBindings", bindings);
}

/* The name in Docker of a container of the task; NULL if the task has none of that name. */
static const char *docker_name_of(const struct container_plan *plan, const char *name, size_t len)
{
    const struct acs_containers *all = &plan->task->containers;

    for (size_t i = 0; i < all->count; i++)
        if (strlen(all->items[i].name) == len && memcmp(all->items[i].name, name, len) == 0)
            return plan->docker_names[i];
    return NULL;
}

/* "db:database" becomes "<name of db in Docker>:database"; "db" keeps its name as alias. */
static struct error *links(const struct container_plan *plan, json_t *host)
{
    const struct acs_string_list *list = &plan->container->links;
    json_t *array;

    if (list->count == 0)
        return NULL;
    array = json_array();
    json_object_set_new(host, "Links", array);
    for (size_t i = 0; i < list->count; i++) {
        const char *link = list->items[i] ? list->items[i] : "";
        size_t len = strcspn(link, ":");
        const char *target = docker_name_of(plan, link, len);
        CLEANUP(str_freep) char *text = NULL;

        if (!target)
            return error_new(API_CLIENT,
                             "HostConfigError: Link Error: container %.*s does not exist", (int)len,
                             link);
        text = str_printf("%s:%s", target, link[len] ? link + len + 1 : link);
        json_array_append_new(array, json_string(text));
    }
    return NULL;
}

static struct error *volumes_from(const struct container_plan *plan, json_t *host)
{
    const struct acs_volumes_from *list = &plan->container->volumes_from;
    json_t *array;

    if (list->count == 0)
        return NULL;
    array = json_array();
    json_object_set_new(host, "VolumesFrom", array);
    for (size_t i = 0; i < list->count; i++) {
        const char *source = list->items[i].source_container ? list->items[i].source_container : "";
        const char *target = docker_name_of(plan, source, strlen(source));
        CLEANUP(str_freep) char *text = NULL;

        if (!target)
            return error_new(API_CLIENT,
                             "HostConfigError: Volume Error: container %s does not exist", source);
        text = str_printf("%s%s", target, list->items[i].read_only ? ":ro" : "");
        json_array_append_new(array, json_string(text));
    }
    return NULL;
}

/* Where the volume `name` is: a path of the host or the name of a volume; NULL if there is none. */
static const char *volume_source(const struct container_plan *plan, const char *name)
{
    const struct acs_volumes *all = &plan->task->volumes;

    for (size_t i = 0; name && i < all->count; i++) {
        if (strcmp(all->items[i].name, name) != 0)
            continue;
        return volume_kind(&all->items[i]) == VOLUME_BIND ? all->items[i].host->source_path
                                                          : plan->volume_names[i];
    }
    return NULL;
}

static struct error *binds(const struct container_plan *plan, json_t *host)
{
    const struct acs_mount_points *points = &plan->container->mount_points;
    json_t *array;

    if (points->count == 0)
        return NULL;
    array = json_array();
    json_object_set_new(host, "Binds", array);
    for (size_t i = 0; i < points->count; i++) {
        const struct acs_mount_point *point = &points->items[i];
        const char *source = volume_source(plan, point->source_volume);
        CLEANUP(str_freep) char *text = NULL;

        if (!source)
            return error_new(API_CLIENT,
                             "HostConfigError: Invalid volume referenced: %s", /* AP-306 */
                             point->source_volume ? point->source_volume : "");
        if (str_is_empty(point->container_path))
            return error_new(API_CLIENT,
                             "HostConfigError: Path does not exist on container: volume %s",
                             point->source_volume);
        text = str_printf("%s:%s%s", source, point->container_path, point->read_only ? ":ro" : "");
        json_array_append_new(array, json_string(text));
    }
    return NULL;
}

static void limits(const struct acs_container *container, json_t *host)
{
    int64_t cpu = container->has_cpu ? container->cpu : 0;

    if (cpu < CONTAINER_CPU_MIN)
        cpu = CONTAINER_CPU_MIN;
    if (cpu > CONTAINER_CPU_MAX)
        cpu = CONTAINER_CPU_MAX;
    json_object_set_new(host, "CpuShares", json_integer(cpu));
    if (container->has_memory && container->memory > 0) {
        int64_t bytes = (int64_t)container->memory * CONTAINER_MIB;

        if (bytes < CONTAINER_MEMORY_MIN)
            bytes = CONTAINER_MEMORY_MIN;
        json_object_set_new(host, "Memory", json_integer(bytes));
    }
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
        set_string(config, "Image", container->image ? container->image : "");
        if (command.is_set && command.count)
            json_object_set_new(config, "Cmd", string_array(&command));
        if (container->entry_point.is_set && container->entry_point.count)
            json_object_set_new(config, "Entrypoint", string_array(&container->entry_point));
        json_object_set_new(config, "Env", environment(plan));
    }
    arena_done(&arena);
    TRY(err);
    limits(container, host);
    if (strcmp(network_mode, "bridge") == 0)
        publish_ports(plan, config, host);
    TRY(links(plan, host));
    TRY(volumes_from(plan, host));
    return binds(plan, host);
}

static void set_labels(const struct container_plan *plan, json_t *config)
{
    const struct acs_task *task = plan->task;
    json_t *labels = json_object_get(config, "Labels");

    if (!json_is_object(labels)) {
        labels = json_object();
        json_object_set_new(config, "Labels", labels);
    }
    set_string(labels, LABEL("cluster"), plan->cluster);
    set_string(labels, LABEL("container-name"), plan->container->name);
    set_string(labels, CONTAINER_LABEL_TASK, task->arn);
    set_string(labels, LABEL("task-definition-family"), task->family ? task->family : "");
    set_string(labels, LABEL("task-definition-version"), task->version ? task->version : "");
}

/* The fields that dockerConfig may not decide (AP-303). */
static void set_modes(const struct container_plan *plan, json_t *host)
{
    const struct acs_task *task = plan->task;

    if (str_eq(task->network_mode, "host") || str_eq(task->network_mode, "none"))
        set_string(host, "NetworkMode", task->network_mode);
    if (!str_is_empty(task->pid_mode))
        set_string(host, "PidMode", task->pid_mode);
    if (!str_is_empty(task->ipc_mode))
        set_string(host, "IpcMode", task->ipc_mode);
}

static struct error *overlay(const struct container_plan *plan, json_t *config, json_t *host)
{
    const struct acs_docker_config *given = plan->container->docker_config;
    CLEANUP(json_decrefp) json_t *over_config = load_config(given ? given->config : NULL);
    CLEANUP(json_decrefp) json_t *over_host = load_config(given ? given->host_config : NULL);

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
    set_modes(plan, host);
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
