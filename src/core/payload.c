#include "core/payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "core/docker_config.h"
#include "core/image_pins.h"
#include "core/shown_arn.h"
#include "core/stored_json.h"
#include "core/task_gpus.h"
#include "core/task_size.h"
#include "gen/ecs_shapes.h"

#define DOCKER_API_VERSION     "1.21" /* what the service itself names (AP-224) */
#define RESTART_PERIOD_DEFAULT 60     /* AP-411 */
#define CPU_UNITS_PER_CORE     1024.0

static const struct ecs_container_override *override_of(const struct ecs_task_override *overrides,
                                                        const char *container)
{
    for (size_t i = 0; i < overrides->container_overrides.count; i++)
        if (str_eq(overrides->container_overrides.items[i].name, container))
            return &overrides->container_overrides.items[i];
    return NULL;
}

static void copy_strings(struct arena *arena, const struct ecs_string_list *from,
                         struct acs_string_list *to)
{
    if (!from->count)
        return;
    SET_LIST(arena, to, from->count);
    memcpy(to->items, from->items, from->count * sizeof(from->items[0]));
}

/* ---- environment and secrets ---- */

static void put_variable(struct acs_string_map *map, const char *name, const char *value)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->items[i].key, name) == 0) {
            map->items[i].value = value;
            return;
        }
    }
    map->items[map->count++] = (struct acs_string_map_entry){name, value};
}

static void put_variables(struct acs_string_map *map, const struct ecs_environment_variables *from)
{
    for (size_t i = 0; i < from->count; i++)
        if (from->items[i].name)
            put_variable(map, from->items[i].name,
                         from->items[i].value ? from->items[i].value : "");
}

/* The variable of the control plane first, so that a definition may set its own (AP-310). */
static void build_environment(struct arena *arena, const struct ecs_container_definition *from,
                              const struct ecs_container_override *over, struct acs_container *to)
{
    SET_LIST(arena, &to->environment,
             1 + from->environment.count + (over ? over->environment.count : 0));
    to->environment.count = 0;
    put_variable(&to->environment, "AWS_EXECUTION_ENV", "AWS_ECS_EC2");
    put_variables(&to->environment, &from->environment);
    if (over)
        put_variables(&to->environment, &over->environment);
}

static void build_environment_files(struct arena *arena, const struct ecs_environment_files *from,
                                    struct acs_container *to)
{
    if (!from->count)
        return;
    SET_LIST(arena, &to->environment_files, from->count);
    for (size_t i = 0; i < from->count; i++) {
        to->environment_files.items[i].value = from->items[i].value;
        to->environment_files.items[i].type = "s3";
    }
}

static void add_secret(struct arena *arena, const struct scope *scope,
                       const struct ecs_secret *from, bool is_of_log, struct acs_secret *to)
{
    struct arn arn;
    bool is_arn = arn_looks_like(from->value_from) && arn_parse(arena, from->value_from, &arn);

    *to = (struct acs_secret){
        .name = from->name,
        .value_from = from->value_from,
        .region = is_arn ? arn.region : scope->region,
        .provider = is_arn && strcmp(arn.service, "secretsmanager") == 0 ? "asm" : "ssm",
        /* An agent makes a variable of what is one, whatever its target. */
        .type = is_of_log ? "BOOTSTRAP" : "ENVIRONMENT_VARIABLE",
        .target = is_of_log ? "LOG_DRIVER" : "CONTAINER",
    };
}

static void build_secrets(struct arena *arena, const struct scope *scope,
                          const struct ecs_container_definition *from, struct acs_container *to)
{
    const struct ecs_log_configuration *log = from->log_configuration;
    size_t count = from->secrets.count + (log ? log->secret_options.count : 0);
    size_t n = 0;

    if (!count)
        return;
    SET_LIST(arena, &to->secrets, count);
    for (size_t i = 0; i < from->secrets.count; i++)
        add_secret(arena, scope, &from->secrets.items[i], false, &to->secrets.items[n++]);
    for (size_t i = 0; log && i < log->secret_options.count; i++)
        add_secret(arena, scope, &log->secret_options.items[i], true, &to->secrets.items[n++]);
}

/* ---- the other members of a container ---- */

/* AP-307: none for awsvpc, where Docker refuses to publish. Host port 0 is left to the agent
 * (AP-302). */
static void build_ports(struct arena *arena, const struct ecs_container_definition *from,
                        enum network_mode mode, struct acs_container *to)
{
    if (!from->port_mappings.count || mode == NETWORK_MODE_AWSVPC || mode == NETWORK_MODE_NONE)
        return;
    SET_LIST(arena, &to->port_mappings, from->port_mappings.count);
    for (size_t i = 0; i < from->port_mappings.count; i++) {
        const struct ecs_port_mapping *port = &from->port_mappings.items[i];
        struct acs_port_mapping *out = &to->port_mappings.items[i];

        out->protocol = port->protocol == ECS_TRANSPORT_PROTOCOL_UDP ? "udp" : "tcp";
        if (port->container_port_range) {
            out->container_port_range = port->container_port_range;
            continue;
        }
        SET(out, container_port, port->container_port);
        SET(out, host_port, mode == NETWORK_MODE_HOST ? port->container_port : port->host_port);
    }
}

static void build_mounts(struct arena *arena, const struct ecs_container_definition *from,
                         struct acs_container *to)
{
    if (from->mount_points.count)
        SET_LIST(arena, &to->mount_points, from->mount_points.count);
    for (size_t i = 0; i < from->mount_points.count; i++) {
        to->mount_points.items[i].source_volume = from->mount_points.items[i].source_volume;
        to->mount_points.items[i].container_path = from->mount_points.items[i].container_path;
        SET(&to->mount_points.items[i], read_only, from->mount_points.items[i].read_only);
    }
    if (from->volumes_from.count)
        SET_LIST(arena, &to->volumes_from, from->volumes_from.count);
    for (size_t i = 0; i < from->volumes_from.count; i++) {
        to->volumes_from.items[i].source_container = from->volumes_from.items[i].source_container;
        SET(&to->volumes_from.items[i], read_only, from->volumes_from.items[i].read_only);
    }
}

static void build_order(struct arena *arena, const struct ecs_container_definition *from,
                        struct acs_container *to)
{
    if (from->depends_on.count)
        SET_LIST(arena, &to->depends_on, from->depends_on.count);
    for (size_t i = 0; i < from->depends_on.count; i++) {
        to->depends_on.items[i].container_name = from->depends_on.items[i].container_name;
        to->depends_on.items[i].condition =
            ecs_container_condition_name(from->depends_on.items[i].condition);
    }
    if (from->has_start_timeout)
        SET(to, start_timeout, from->start_timeout);
    if (from->has_stop_timeout)
        SET(to, stop_timeout, from->stop_timeout);
    if (from->restart_policy) {
        const struct ecs_container_restart_policy *policy = from->restart_policy;

        to->restart_policy = ARENA_NEW(arena, struct acs_restart_policy);
        SET(to->restart_policy, enabled, policy->enabled);
        SET(to->restart_policy, restart_attempt_period,
            policy->has_restart_attempt_period ? policy->restart_attempt_period
                                               : RESTART_PERIOD_DEFAULT);
        if (policy->ignored_exit_codes.count) {
            SET_LIST(arena, &to->restart_policy->ignored_exit_codes,
                     policy->ignored_exit_codes.count);
            memcpy(to->restart_policy->ignored_exit_codes.items, policy->ignored_exit_codes.items,
                   policy->ignored_exit_codes.count * sizeof(int32_t));
        }
    }
}

/* "123456789012.dkr.ecr.eu-west-1.amazonaws.com/name": the registry's account and region. Nobody
 * else's host may look like it: whoever is there is told a password. */
static struct acs_ecr_auth_data *ecr_of_image(struct arena *arena, const char *image,
                                              bool has_execution_role)
{
    char account[16], region[32], domain[64];
    struct acs_ecr_auth_data *ecr;

    if (!image ||
        sscanf(image, "%12[0-9].dkr.ecr.%31[a-z0-9-].%63[^/]", account, region, domain) != 3 ||
        (!str_eq(domain, "amazonaws.com") && !str_eq(domain, "amazonaws.com.cn")))
        return NULL;
    ecr = ARENA_NEW(arena, struct acs_ecr_auth_data);
    ecr->registry_id = arena_dup(arena, account);
    ecr->region = arena_dup(arena, region);
    SET(ecr, use_execution_role, has_execution_role);
    return ecr;
}

static void build_registry(struct arena *arena, const struct scope *scope,
                           const struct ecs_container_definition *from, bool has_execution_role,
                           struct acs_container *to)
{
    const struct ecs_repository_credentials *credentials = from->repository_credentials;
    struct acs_registry_authentication auth = {0};
    struct arn arn;

    if (credentials && credentials->credentials_parameter) {
        const char *parameter = credentials->credentials_parameter;

        auth.type = "asm";
        auth.asm_auth_data = ARENA_NEW(arena, struct acs_asm_auth_data);
        auth.asm_auth_data->credentials_parameter = parameter;
        auth.asm_auth_data->region = arn_looks_like(parameter) && arn_parse(arena, parameter, &arn)
                                         ? arn.region
                                         : scope->region;
    } else {
        auth.ecr_auth_data = ecr_of_image(arena, from->image, has_execution_role);
        auth.type = auth.ecr_auth_data ? "ecr" : NULL;
    }
    if (!auth.type)
        return;
    to->registry_authentication = ARENA_NEW(arena, struct acs_registry_authentication);
    *to->registry_authentication = auth;
}

static void build_firelens(struct arena *arena, const struct ecs_firelens_configuration *from,
                           struct acs_container *to)
{
    if (!from)
        return;
    to->firelens_configuration = ARENA_NEW(arena, struct acs_firelens_configuration);
    to->firelens_configuration->type = ecs_firelens_configuration_type_name(from->type);
    if (!from->options.count)
        return;
    SET_LIST(arena, &to->firelens_configuration->options, from->options.count);
    for (size_t i = 0; i < from->options.count; i++) {
        to->firelens_configuration->options.items[i].key = from->options.items[i].key;
        to->firelens_configuration->options.items[i].value = from->options.items[i].value;
    }
}

static const struct container *container_of_task(const struct task *task, const char *name)
{
    for (uint32_t i = 0; i < task->containers_count; i++)
        if (str_eq(task->containers[i].name, name))
            return &task->containers[i];
    return NULL;
}

/* What HostConfig says of the network: agents of 2023 read the task's networkMode for awsvpc only.
 */
static const char *docker_network_mode(enum network_mode mode)
{
    if (mode == NETWORK_MODE_HOST)
        return "host";
    return mode == NETWORK_MODE_NONE ? "none" : NULL;
}

/* `log_stream`: NULL, or what a container of one task logs to. */
static void build_docker_config(struct arena *arena, const struct payload_source *source,
                                const struct ecs_container_definition *from,
                                const struct ecs_container_override *over, const char *log_stream,
                                struct acs_container *to)
{
    int32_t memory = over && over->has_memory ? over->memory : from->memory;
    int32_t reservation =
        over && over->has_memory_reservation ? over->memory_reservation : from->memory_reservation;

    to->docker_config = ARENA_NEW(arena, struct acs_docker_config);
    to->docker_config->version = DOCKER_API_VERSION;
    to->docker_config->config = docker_config_text(arena, from);
    to->docker_config->host_config =
        docker_host_config_text(arena, from, docker_network_mode(source->network_mode), memory,
                                reservation, log_stream, source->log_mode);
}

/* All but what is the task's own. */
static void build_container(struct arena *arena, const struct scope *scope,
                            const struct payload_source *source,
                            const struct ecs_container_definition *from,
                            const struct ecs_container_override *over, struct acs_container *to)
{
    const struct ecs_task_definition *document = source->document;
    const struct ecs_log_configuration *log = from->log_configuration;
    bool has_cpu = over && over->has_cpu;
    int32_t memory = over && over->has_memory ? over->memory : from->memory;

    to->name = from->name;
    to->image = from->image;
    SET(to, essential, !from->has_essential || from->essential);
    SET(to, cpu, has_cpu ? over->cpu : from->cpu);
    if (memory)
        SET(to, memory, memory);
    copy_strings(arena, over && over->command.is_set ? &over->command : &from->command,
                 &to->command);
    copy_strings(arena, &from->entry_point, &to->entry_point);
    copy_strings(arena, &from->links, &to->links);
    copy_strings(arena, &from->credential_specs, &to->credential_specs);
    build_environment(arena, from, over, to);
    build_environment_files(arena,
                            over && over->environment_files.is_set ? &over->environment_files
                                                                   : &from->environment_files,
                            to);
    build_secrets(arena, scope, from, to);
    build_ports(arena, from, source->network_mode, to);
    build_mounts(arena, from, to);
    build_order(arena, from, to);
    build_registry(arena, scope, from, document->execution_role_arn != NULL, to);
    build_firelens(arena, from->firelens_configuration, to);
    build_docker_config(arena, source, from, over, NULL, to);
    if (from->health_check)
        to->health_check_type = "docker"; /* AP-305: always with Healthcheck in config */
    if (log && log->log_driver == ECS_LOG_DRIVER_AWSLOGS && document->execution_role_arn)
        to->logs_auth_strategy = "ExecutionRole";
}

static void finish_container(struct arena *arena, const struct scope *scope,
                             const struct task *task, const struct payload_source *source,
                             const struct ecs_container_definition *from,
                             const struct ecs_container_override *over, struct acs_container *to)
{
    const struct container *record = container_of_task(task, to->name);
    char task_id[ID_HEX_SIZE];
    const char *log_stream;

    id_format(&task->id, task_id);
    log_stream = docker_log_stream(arena, from, task_id);
    if (log_stream)
        build_docker_config(arena, source, from, over, log_stream, to);
    if (task->enable_execute_command) {
        SET_LIST(arena, &to->managed_agents, 1);
        to->managed_agents.items[0].name = "ExecuteCommandAgent";
    }
    if (record)
        to->container_arn = shown_container_arn(arena, scope, task, &record->id);
}

/* ---- volumes and the task's own members ---- */

static void copy_map(struct arena *arena, const struct ecs_string_map *from,
                     struct acs_string_map *to)
{
    if (!from->count)
        return;
    SET_LIST(arena, to, from->count);
    for (size_t i = 0; i < from->count; i++) {
        to->items[i].key = from->items[i].key;
        to->items[i].value = from->items[i].value;
    }
}

/* AP-313: a volume says its type and has that member, if only empty. */
static void build_volume(struct arena *arena, const struct ecs_volume *from, struct acs_volume *to)
{
    to->name = from->name;
    if (from->docker_volume_configuration) {
        const struct ecs_docker_volume_configuration *docker = from->docker_volume_configuration;

        to->type = "docker";
        to->docker_volume_configuration = ARENA_NEW(arena, struct acs_docker_volume_configuration);
        to->docker_volume_configuration->scope =
            docker->scope == ECS_SCOPE_SHARED ? "shared" : "task";
        SET(to->docker_volume_configuration, autoprovision, docker->autoprovision);
        to->docker_volume_configuration->driver = docker->driver ? docker->driver : "local";
        copy_map(arena, &docker->driver_opts, &to->docker_volume_configuration->driver_opts);
        copy_map(arena, &docker->labels, &to->docker_volume_configuration->labels);
    } else if (from->efs_volume_configuration) {
        const struct ecs_efs_volume_configuration *efs = from->efs_volume_configuration;
        const struct ecs_efs_authorization_config *auth = efs->authorization_config;

        to->type = "efs";
        to->efs_volume_configuration = ARENA_NEW(arena, struct acs_efs_volume_configuration);
        to->efs_volume_configuration->file_system_id = efs->file_system_id;
        to->efs_volume_configuration->root_directory =
            efs->root_directory ? efs->root_directory : "/";
        to->efs_volume_configuration->transit_encryption =
            ecs_efs_transit_encryption_name(efs->transit_encryption);
        if (efs->has_transit_encryption_port)
            SET(to->efs_volume_configuration, transit_encryption_port,
                efs->transit_encryption_port);
        if (auth) {
            to->efs_volume_configuration->authorization_config =
                ARENA_NEW(arena, struct acs_efs_authorization_config);
            to->efs_volume_configuration->authorization_config->access_point_id =
                auth->access_point_id;
            to->efs_volume_configuration->authorization_config->iam =
                ecs_efs_authorization_config_iam_name(auth->iam);
        }
    } else {
        to->type = "host";
        to->host = ARENA_NEW(arena, struct acs_host_volume);
        to->host->source_path = from->host ? from->host->source_path : NULL;
    }
}

static const char *network_mode_text(enum network_mode mode)
{
    switch (mode) {
    case NETWORK_MODE_HOST:
        return "host";
    case NETWORK_MODE_AWSVPC:
        return "awsvpc";
    case NETWORK_MODE_NONE:
        return "none";
    case NETWORK_MODE_DEFAULT:
    case NETWORK_MODE_BRIDGE:
    case NETWORK_MODE_COUNT:
        break;
    }
    return "bridge";
}

static void build_proxy(struct arena *arena, const struct ecs_proxy_configuration *from,
                        struct acs_task *to)
{
    if (!from)
        return;
    to->proxy_configuration = ARENA_NEW(arena, struct acs_proxy_configuration);
    to->proxy_configuration->type = "APPMESH";
    to->proxy_configuration->container_name = from->container_name;
    if (!from->properties.count)
        return;
    SET_LIST(arena, &to->proxy_configuration->properties, from->properties.count);
    for (size_t i = 0; i < from->properties.count; i++) {
        to->proxy_configuration->properties.items[i].key = from->properties.items[i].name;
        to->proxy_configuration->properties.items[i].value = from->properties.items[i].value;
    }
}

static void build_identity(struct arena *arena, const struct scope *scope, const struct task *task,
                           const char *desired_status, struct acs_task *to)
{
    to->arn = shown_task_arn(arena, scope, task);
    to->task_cluster_arn = arn_cluster(arena, scope, task->cluster);
    to->desired_status = desired_status;
    to->family = task->family;
    to->version = arena_printf(arena, "%" PRId32, task->revision);
}

void payload_build_stop(struct arena *arena, const struct scope *scope, const struct task *task,
                        struct acs_task *ret)
{
    *ret = (struct acs_task){0};
    build_identity(arena, scope, task, "STOPPED", ret);
    ret->containers.is_set = true;
}

struct error *payload_source_read(struct arena *arena, const struct scope *scope,
                                  const struct task_definition *definition, const char *log_mode,
                                  struct payload_source *ret)
{
    struct ecs_task_definition *document = ARENA_NEW(arena, struct ecs_task_definition);
    struct payload_source source = {
        .network_mode = definition->network_mode, .log_mode = log_mode, .document = document};
    struct acs_task *common = &source.common;

    TRY(stored_json_read(
        arena, ECS_SHAPE_TASK_DEFINITION, definition->document, "task definition",
        arena_printf(arena, "%s:%" PRId32, definition->family, definition->revision), document));
    common->task_definition_account_id = scope->account;
    common->network_mode = network_mode_text(definition->network_mode);
    common->pid_mode = ecs_pid_mode_name(document->pid_mode);
    common->ipc_mode = ecs_ipc_mode_name(document->ipc_mode);
    build_proxy(arena, document->proxy_configuration, common);
    if (document->enable_fault_injection)
        SET(common, enable_fault_injection, true);
    SET_LIST(arena, &common->containers, document->container_definitions.count);
    for (size_t i = 0; i < document->container_definitions.count; i++)
        build_container(arena, scope, &source, &document->container_definitions.items[i], NULL,
                        &common->containers.items[i]);
    if (document->volumes.count)
        SET_LIST(arena, &common->volumes, document->volumes.count);
    for (size_t i = 0; i < document->volumes.count; i++)
        build_volume(arena, &document->volumes.items[i], &common->volumes.items[i]);
    *ret = source;
    return NULL;
}

/* What is overridden is built again; the rest is the same for all tasks. */
static void build_containers(struct arena *arena, const struct scope *scope,
                             const struct task *task, const struct payload_source *source,
                             const struct ecs_task_override *overrides, struct acs_task *to)
{
    const struct acs_containers *common = &source->common.containers;

    SET_LIST(arena, &to->containers, common->count);
    for (size_t i = 0; i < common->count; i++) {
        const struct ecs_container_definition *from =
            &source->document->container_definitions.items[i];
        const struct ecs_container_override *over = override_of(overrides, common->items[i].name);

        if (over)
            build_container(arena, scope, source, from, over, &to->containers.items[i]);
        else
            to->containers.items[i] = common->items[i];
        finish_container(arena, scope, task, source, from, over, &to->containers.items[i]);
    }
}

/* AP-477: one for each GPU, and each for one container. */
static struct error *build_associations(struct arena *arena, const struct task *task,
                                        struct acs_task *to)
{
    struct task_gpu *gpus;
    size_t count;

    TRY(task_gpus_read(arena, task, &gpus, &count));
    if (!count)
        return NULL;
    SET_LIST(arena, &to->associations, count);
    for (size_t i = 0; i < count; i++) {
        struct acs_association *association = &to->associations.items[i];

        association->name = gpus[i].id;
        association->type = "gpu";
        association->content = ARENA_NEW(arena, struct acs_encoded_string);
        association->content->encoding = "identity";
        association->content->value = gpus[i].id;
        SET_LIST(arena, &association->containers, 1);
        association->containers.items[0] = gpus[i].container;
    }
    return NULL;
}

static void pin_images(struct arena *arena, const struct service_revision *revision,
                       struct acs_task *to)
{
    for (size_t i = 0; i < to->containers.count; i++) {
        struct acs_container *container = &to->containers.items[i];
        const char *digest = image_pins_digest(revision, container->name);

        if (digest)
            container->image = image_pinned(arena, container->image, digest);
    }
}

struct error *payload_build(struct arena *arena, const struct scope *scope, const struct task *task,
                            const struct payload_source *source,
                            const struct service_revision *revision, struct acs_task *ret)
{
    struct ecs_task_override overrides = {0};
    struct acs_task out = source->common;
    int32_t size;

    TRY(stored_json_read(arena, ECS_SHAPE_TASK_OVERRIDE, task->rare->overrides, "overrides",
                         task->group, &overrides));
    build_identity(arena, scope, task, "RUNNING", &out);
    out.launch_type =
        task->launch_type == LAUNCH_TYPE_NONE ? "EC2" : launch_type_name(task->launch_type);
    out.service_name = task->service;
    out.group = task->group;
    if (task->task_cpu && task_size_parse_cpu(task->task_cpu, &size))
        SET(&out, cpu, size / CPU_UNITS_PER_CORE);
    if (task->task_memory && task_size_parse_memory(task->task_memory, &size))
        SET(&out, memory, size);
    build_containers(arena, scope, task, source, &overrides, &out);
    if (revision)
        pin_images(arena, revision, &out);
    TRY(build_associations(arena, task, &out));
    *ret = out;
    return NULL;
}
