#include "agent/endpoints/task_metadata.h"

#include <jansson.h>
#include <string.h>

#include "agent/docker/docker_detail.h"
#include "agent/docker/docker_message.h"
#include "agent/engine/container.h"
#include "agent/engine/container_port.h"
#include "base/clock.h"
#include "base/str.h"

const char *task_metadata_status(enum engine_status status)
{
    static const char *const names[] = {[ENGINE_NONE] = "NONE",
                                        [ENGINE_PULLED] = "PULLED",
                                        [ENGINE_CREATED] = "CREATED",
                                        [ENGINE_RUNNING] = "RUNNING",
                                        [ENGINE_STOPPED] = "STOPPED"};

    return names[status];
}

/* "2026-11-20T08:30:00.120Z" without the zeros at the end of its fraction. */
static const char *trimmed_time(struct arena *arena, const char *text)
{
    size_t len = strlen(text);
    char *out = arena_dup(arena, text);

    if (!len || out[len - 1] != 'Z' || !strchr(out, '.'))
        return out;
    for (len--; out[len - 1] == '0'; len--)
        ;
    if (out[len - 1] == '.')
        len--;
    out[len] = 'Z';
    out[len + 1] = '\0';
    return out;
}

const char *task_metadata_time(struct arena *arena, int64_t wall_ms, const char *docker_time)
{
    char iso[CLOCK_ISO_SIZE];

    if (!wall_ms)
        return NULL;
    if (docker_time && str_ends_with(docker_time, "Z") &&
        docker_read_time_ms(docker_time) == wall_ms)
        return trimmed_time(arena, docker_time);
    clock_format_iso(wall_ms, iso);
    return trimmed_time(arena, iso);
}

static void add_port(const struct engine_binding *binding, int container_port, int host_port,
                     bool with_address, struct metadata_ports *out)
{
    struct metadata_port *port = &out->items[out->count++];

    if (container_port)
        SET(port, container_port, container_port);
    port->protocol = binding->protocol;
    if (host_port)
        SET(port, host_port, host_port);
    if (with_address && !str_is_empty(binding->bind_ip))
        port->host_ip = binding->bind_ip;
}

static size_t width_of(const struct engine_binding *binding, int *ret_first, int *ret_host_first)
{
    int last, host_last;

    *ret_first = binding->container_port;
    *ret_host_first = binding->host_port;
    if (!container_port_range_parse(binding->container_port_range, ret_first, &last))
        return 1;
    if (!container_port_range_parse(binding->host_port_range, ret_host_first, &host_last))
        *ret_host_first = 0;
    return (size_t)(last - *ret_first + 1);
}

/* Ranges are shown port by port. */
void task_metadata_ports(struct arena *arena, const struct engine_container_view *container,
                         bool with_address, struct metadata_ports *ret)
{
    int first, host_first;
    size_t count = 0;

    for (size_t i = 0; i < container->binding_count; i++)
        count += width_of(&container->bindings[i], &first, &host_first);
    if (!count)
        return;
    SET_LIST(arena, ret, count);
    ret->count = 0;
    for (size_t i = 0; i < container->binding_count; i++) {
        const struct engine_binding *binding = &container->bindings[i];
        int width = (int)width_of(binding, &first, &host_first);

        for (int k = 0; k < width; k++)
            add_port(binding, first + k, host_first ? host_first + k : 0, with_address, ret);
    }
}

static void fill_labels(struct arena *arena, const struct docker_detail *detail,
                        struct metadata_string_map *ret)
{
    if (!detail->label_count)
        return;
    SET_LIST(arena, ret, detail->label_count);
    for (size_t i = 0; i < detail->label_count; i++)
        ret->items[i] =
            (struct metadata_string_map_entry){detail->labels[i].name, detail->labels[i].value};
}

static const char *unless_empty(const char *text)
{
    return str_is_empty(text) ? NULL : text;
}

void task_metadata_volumes(struct arena *arena, const struct docker_detail *detail,
                           struct metadata_volumes *ret)
{
    if (!detail->mount_count)
        return;
    SET_LIST(arena, ret, detail->mount_count);
    for (size_t i = 0; i < detail->mount_count; i++)
        ret->items[i] = (struct metadata_volume){
            .docker_name = unless_empty(detail->mounts[i].name),
            .source = unless_empty(detail->mounts[i].source),
            .destination = unless_empty(detail->mounts[i].destination),
        };
}

/* A container in host mode has a network with an empty address, as everywhere in ECS. */
void task_metadata_networks(struct arena *arena, const struct docker_detail *detail,
                            struct metadata_networks *ret)
{
    if (!detail->network_count)
        return;
    SET_LIST(arena, ret, detail->network_count);
    for (size_t i = 0; i < detail->network_count; i++) {
        struct metadata_network *network = &ret->items[i];

        network->network_mode = detail->networks[i].name;
        SET_LIST(arena, &network->ipv4_addresses, 1);
        network->ipv4_addresses.items[0] = detail->networks[i].address;
    }
}

static struct metadata_container_limits *limits_of(struct arena *arena,
                                                   const struct acs_container *spec)
{
    struct metadata_container_limits *limits = ARENA_NEW(arena, struct metadata_container_limits);

    SET(limits, cpu,
        spec->has_cpu && spec->cpu >= CONTAINER_CPU_MIN ? spec->cpu : CONTAINER_CPU_MIN);
    SET(limits, memory, spec->has_memory ? spec->memory : 0);
    return limits;
}

static struct metadata_health *health_of(struct arena *arena,
                                         const struct engine_container_view *container,
                                         const struct task_check *check)
{
    struct metadata_health *health;

    if (!container->health || !container_has_health_check(container->spec))
        return NULL;
    health = ARENA_NEW(arena, struct metadata_health);
    if (strcmp(container->health, "UNKNOWN") != 0)
        health->status = container->health;
    if (container->health_since_ms)
        SET(health, status_since_ms, container->health_since_ms);
    if (check && check->exit_code)
        SET(health, exit_code, check->exit_code);
    if (check && !str_is_empty(check->output))
        health->output = check->output;
    return health;
}

/* As the task definition has them; options that are secrets are not among those (AG-912). */
static void fill_log(struct arena *arena, const struct acs_container *spec,
                     struct metadata_container *ret)
{
    CLEANUP(json_decrefp)
    json_t *host = spec->docker_config && spec->docker_config->host_config
                       ? json_loads(spec->docker_config->host_config, 0, NULL)
                       : NULL;
    const json_t *log = json_object_get(host, "LogConfig");
    json_t *options = json_object_get(log, "Config");
    const char *name;
    json_t *value;

    ret->log_driver =
        unless_empty(arena_dup(arena, json_string_value(json_object_get(log, "Type"))));
    if (!json_object_size(options))
        return;
    SET_LIST(arena, &ret->log_options, json_object_size(options));
    ret->log_options.count = 0;
    json_object_foreach (options, name, value)
        if (json_is_string(value))
            ret->log_options.items[ret->log_options.count++] = (struct metadata_string_map_entry){
                arena_dup(arena, name), arena_dup(arena, json_string_value(value))};
}

static void fill_later_members(struct arena *arena, const struct engine_container_view *container,
                               struct metadata_container *ret)
{
    const struct acs_restart_policy *policy = container->spec->restart_policy;

    fill_log(arena, container->spec, ret);
    ret->container_arn = unless_empty(container->spec->container_arn);
    if (policy && policy->enabled)
        SET(ret, restart_count, (int32_t)container->restarts);
}

static bool has_run(const struct engine_container_view *container)
{
    return container->started_at_ms || container->has_exit_code;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* A container runs a moment before Docker has said where: until then it is one that was created, as
 * with the official agent, so that who waits for RUNNING finds its networks and ports. */
static enum engine_status shown_status(const struct engine_container_view *container)
{
    return container->known == ENGINE_RUNNING && !container->detail ? ENGINE_CREATED
                                                                    : container->known;
}

void task_metadata_container(struct arena *arena, const struct task_metadata_options *options,
                             const struct engine_container_view *container,
                             const struct task_check *check, struct metadata_container *ret)
{
    bool is_internal = container_is_internal(container->name);
    struct docker_detail detail = {0};

    *ret = (struct metadata_container){
        .docker_id = or_empty(container->docker_id),
        .name = container->name,
        .docker_name = or_empty(container->docker_name),
        .image = or_empty(container->image),
        .image_id = is_internal ? "" : or_empty(container->image_id),
        .desired_status = task_metadata_status(
            container->desired == ENGINE_STOPPED ? ENGINE_STOPPED : ENGINE_RUNNING),
        .known_status = task_metadata_status(shown_status(container)),
        .limits = limits_of(arena, container->spec),
        .type = is_internal ? "NAMESPACE_PAUSE" : "NORMAL",
        .health = health_of(arena, container, check),
    };
    if (container->has_exit_code)
        SET(ret, exit_code, container->exit_code);
    (void)docker_detail_read(arena, container->detail, &detail); /* all empty without it */
    ret->created_at = task_metadata_time(arena, container->created_at_ms, detail.created_at);
    ret->started_at = task_metadata_time(arena, container->started_at_ms, detail.started_at);
    if (has_run(container))
        ret->finished_at = task_metadata_time(arena, container->finished_at_ms, detail.finished_at);
    fill_labels(arena, &detail, &ret->labels);
    task_metadata_ports(arena, container, options->version >= 4, &ret->ports);
    task_metadata_volumes(arena, &detail, &ret->volumes);
    if (options->version >= 3 && has_run(container))
        task_metadata_networks(arena, &detail, &ret->networks);
    if (options->version >= 4)
        fill_later_members(arena, container, ret);
}

/* Its least advanced container's, as the official agent has it. */
static enum engine_status known_of(const struct engine_task_view *task)
{
    enum engine_status least = ENGINE_STOPPED;

    if (task->known == ENGINE_STOPPED || !task->container_count)
        return task->known;
    for (size_t i = 0; i < task->container_count; i++)
        if (shown_status(&task->containers[i]) < least)
            least = shown_status(&task->containers[i]);
    return least;
}

static struct metadata_task_limits *task_limits(struct arena *arena, const struct acs_task *spec)
{
    struct metadata_task_limits *limits;
    bool has_cpu = spec->has_cpu && spec->cpu > 0,
         has_memory = spec->has_memory && spec->memory > 0;

    if (!has_cpu && !has_memory)
        return NULL;
    limits = ARENA_NEW(arena, struct metadata_task_limits);
    if (has_cpu)
        SET(limits, cpu, spec->cpu);
    if (has_memory)
        SET(limits, memory, spec->memory);
    return limits;
}

/* One that has not been created is shown by version 4 alone, once its image is there. */
static bool is_shown(const struct task_metadata_options *options,
                     const struct engine_container_view *container)
{
    return container->docker_id || (options->version >= 4 && container->known == ENGINE_PULLED);
}

static void fill_containers(struct arena *arena, const struct task_metadata_options *options,
                            const struct engine_task_view *task, const struct task_check *checks,
                            struct metadata_task *ret)
{
    size_t all = task->container_count + task->internal_count;

    SET_LIST(arena, &ret->containers, all);
    ret->containers.count = 0;
    for (size_t i = 0; i < all; i++)
        if (is_shown(options, &task->containers[i]))
            task_metadata_container(arena, options, &task->containers[i], &checks[i],
                                    &ret->containers.items[ret->containers.count++]);
    ret->containers.is_set = ret->containers.count > 0;
}

void task_metadata_task(struct arena *arena, const struct task_metadata_options *options,
                        const struct engine_task_view *task, const struct task_check *checks,
                        struct metadata_task *ret)
{
    *ret = (struct metadata_task){
        .cluster = options->cluster,
        .task_arn = task->arn,
        .family = or_empty(task->family),
        .revision = or_empty(task->version),
        .desired_status =
            task_metadata_status(task->desired == ENGINE_STOPPED ? ENGINE_STOPPED : ENGINE_RUNNING),
        .known_status = task_metadata_status(known_of(task)),
        .limits = task_limits(arena, task->spec),
        .availability_zone = unless_empty(options->zone),
    };
    if (task->pull_started_at_ms)
        SET(ret, pull_started_at_ms, task->pull_started_at_ms);
    if (task->pull_stopped_at_ms)
        SET(ret, pull_stopped_at_ms, task->pull_stopped_at_ms);
    if (task->execution_stopped_at_ms)
        SET(ret, execution_stopped_at_ms, task->execution_stopped_at_ms);
    fill_containers(arena, options, task, checks, ret);
    if (options->version < 4)
        return;
    ret->launch_type = unless_empty(task->spec->launch_type);
    ret->service_name = unless_empty(task->spec->service_name);
    SET(ret, fault_injection_enabled, task->spec->enable_fault_injection);
}
