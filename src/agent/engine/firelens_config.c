#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/container_parts.h"
#include "agent/engine/firelens.h"

/* The router's configuration: inputs, filters, the user's own file, outputs. Fluentd and Fluent Bit
 * say the same things in two languages. Options stand in the order of their names, containers in
 * that of the task. */

#define SOCKET             "/var/run/fluent.sock"
#define HEALTH_PORT        "8877"
#define HEALTH_TAG         "firelens-healthcheck"
#define BUFFER_DEFAULT_MIB 25
#define INCLUDE            "include-pattern"
#define EXCLUDE            "exclude-pattern"

struct pair {
    const char *name, *value;
};

struct writer {
    struct arena arena;
    const struct acs_task *task;
    const struct acs_container *router;
    const char *network_mode;
    bool is_fluentd;
    struct buf *out;
};

/* ---- sections ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

static void pairs(struct buf *out, const char *prefix, const struct pair *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s%s %s\n", prefix, items[i].name, items[i].value);
}

/* `tag` may be NULL. */
static void input(struct writer *writer, const char *name, const char *tag,
                  const struct pair *options, size_t count)
{
    buf_printf(writer->out,
               writer->is_fluentd ? "\n<source>\n    @type %s\n" : "\n[INPUT]\n    Name %s\n",
               name);
    if (tag)
        buf_printf(writer->out, writer->is_fluentd ? "    tag %s\n" : "    Tag %s\n", tag);
    pairs(writer->out, "    ", options, count);
    if (writer->is_fluentd)
        buf_add_str(writer->out, "</source>\n");
}

static void output(struct writer *writer, const char *name, const char *tag,
                   const struct pair *options, size_t count)
{
    if (writer->is_fluentd)
        buf_printf(writer->out, "\n<match %s>\n    @type %s\n", tag, name);
    else
        buf_printf(writer->out, "\n[OUTPUT]\n    Name %s\n    Match %s\n", name, tag);
    pairs(writer->out, "    ", options, count);
    if (writer->is_fluentd)
        buf_add_str(writer->out, "</match>\n");
}

/* Of the lines of `tag`, those that match `pattern` only, or all but those. */
static void filter(struct writer *writer, const char *tag, const char *pattern, bool is_exclude)
{
    const char *element = is_exclude ? "exclude" : "regexp";

    if (writer->is_fluentd)
        buf_printf(writer->out,
                   "\n<filter %s>\n    @type  grep\n    <%s>\n        key log\n        pattern %s\n"
                   "    </%s>\n</filter>\n",
                   tag, element, pattern, element);
    else
        buf_printf(writer->out, "\n[FILTER]\n    Name   grep\n    Match %s\n    %s log %s\n", tag,
                   is_exclude ? "Exclude" : "Regex ", pattern);
}

static void fields(struct writer *writer, const struct pair *items, size_t count)
{
    if (writer->is_fluentd)
        buf_add_str(writer->out, "\n<filter **>\n    @type record_transformer\n    <record>\n");
    else
        buf_add_str(writer->out, "\n[FILTER]\n    Name record_modifier\n    Match *\n");
    pairs(writer->out, writer->is_fluentd ? "        " : "    Record ", items, count);
    if (writer->is_fluentd)
        buf_add_str(writer->out, "    </record>\n</filter>\n");
}

/* ---- what they are for ---- */

/* The options of a container's log driver, those whose values are secret too, sorted. */
static size_t log_options(struct writer *writer, const struct acs_container *container,
                          struct pair **ret_items)
{
    CLEANUP(json_decrefp) json_t *host = container_load_host_config(container);
    json_t *config = json_object_get(json_object_get(host, "LogConfig"), "Config");
    const struct acs_secrets *secrets = &container->secrets;
    struct pair *items =
        ARENA_ARRAY(&writer->arena, struct pair, json_object_size(config) + secrets->count + 1);
    size_t count = 0;
    const char *key;
    json_t *value;

    json_object_foreach (config, key, value)
        if (json_is_string(value) && strcmp(key, FIRELENS_BUFFER_LIMIT) != 0)
            items[count++] = (struct pair){arena_dup(&writer->arena, key),
                                           arena_dup(&writer->arena, json_string_value(value))};
    for (size_t i = 0; i < secrets->count; i++) {
        const char *variable;

        if (!str_eq(secrets->items[i].target, "LOG_DRIVER"))
            continue;
        variable =
            firelens_variable(&writer->arena, writer->task, container, secrets->items[i].name);
        items[count++] = (struct pair){
            secrets->items[i].name,
            arena_printf(&writer->arena, writer->is_fluentd ? "\"#{ENV['%s']}\"" : "${%s}",
                         variable)};
    }
    qsort(items, count, sizeof(*items), by_name);
    *ret_items = items;
    return count;
}

static const char *tag_of(struct writer *writer, const struct acs_container *container)
{
    return arena_printf(&writer->arena, "%s-firelens%s", container->name,
                        writer->is_fluentd ? "**" : "*");
}

static void inputs(struct writer *writer)
{
    const char *mode = writer->network_mode;
    bool is_bridge = strcmp(mode, "bridge") == 0, is_awsvpc = strcmp(mode, "awsvpc") == 0;
    const char *address = is_bridge ? "0.0.0.0" : "127.0.0.1";
    int64_t buffer_mib = container_memory_mib(writer->router) / 2;
    const char *buffer = arena_printf(&writer->arena, "%dMB",
                                      (int)(buffer_mib > 0 ? buffer_mib : BUFFER_DEFAULT_MIB));
    const struct pair fluentd_socket[] = {{"path", SOCKET}};
    const struct pair fluentbit_socket[] = {{"Mem_Buf_Limit", buffer}, {"unix_path", SOCKET}};
    const struct pair fluentd_port[] = {{"bind", address}, {"port", FIRELENS_PORT}};
    const struct pair fluentbit_port[] = {{"Listen", address}, {"Port", FIRELENS_PORT}};
    const struct pair health[] = {{"Listen", "127.0.0.1"}, {"Port", HEALTH_PORT}};

    if (writer->is_fluentd)
        input(writer, "unix", NULL, fluentd_socket, ARRAY_LEN(fluentd_socket));
    else
        input(writer, "forward", NULL, fluentbit_socket, ARRAY_LEN(fluentbit_socket));
    if (!is_bridge && !is_awsvpc)
        return;
    if (writer->is_fluentd) {
        input(writer, "forward", NULL, fluentd_port, ARRAY_LEN(fluentd_port));
    } else {
        input(writer, "forward", NULL, fluentbit_port, ARRAY_LEN(fluentbit_port));
        input(writer, "tcp", HEALTH_TAG, health, ARRAY_LEN(health));
    }
}

static void filters(struct writer *writer, const char *which, bool is_exclude)
{
    for (size_t i = 0; i < writer->task->containers.count; i++) {
        const struct acs_container *container = &writer->task->containers.items[i];
        struct pair *options;
        size_t count;

        if (!firelens_is_used_by(container))
            continue;
        count = log_options(writer, container, &options);
        for (size_t k = 0; k < count; k++)
            if (strcmp(options[k].name, which) == 0)
                filter(writer, tag_of(writer, container), options[k].value, is_exclude);
    }
}

static const char *option_of(const struct acs_container *router, const char *name)
{
    const struct acs_string_map *options = &router->firelens_configuration->options;

    for (size_t i = 0; i < options->count; i++)
        if (strcmp(options->items[i].key, name) == 0)
            return options->items[i].value;
    return NULL;
}

/* On unless it is turned off; a word that is no answer turns it off too, as ECS's agent has it. */
static bool wants_metadata(const struct acs_container *router)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    const char *text = option_of(router, "enable-ecs-log-metadata");

    for (size_t i = 0; text && i < ARRAY_LEN(yes); i++)
        if (strcmp(text, yes[i]) == 0)
            return true;
    return text == NULL;
}

static void metadata(struct writer *writer, const struct firelens_host *host)
{
    const struct acs_task *task = writer->task;
    const char *definition = arena_printf(&writer->arena, "%s:%s", task->family ? task->family : "",
                                          task->version ? task->version : "");
    const struct pair items[] = {
        {"ec2_instance_id", host->instance_id},
        {"ecs_cluster", host->cluster},
        {"ecs_task_arn", task->arn},
        {"ecs_task_definition", definition},
    };

    if (!wants_metadata(writer->router))
        return;
    if (host->instance_id)
        fields(writer, items, ARRAY_LEN(items));
    else
        fields(writer, items + 1, ARRAY_LEN(items) - 1);
}

static void include(struct writer *writer)
{
    const char *path = option_of(writer->router, "config-file-value");

    if (!option_of(writer->router, "config-file-type"))
        return;
    if (firelens_needs_s3(writer->router))
        path = firelens_external_path(writer->router);
    buf_printf(writer->out, writer->is_fluentd ? "\n@include %s\n" : "\n@INCLUDE %s\n", path);
}

static struct error *output_of(struct writer *writer, const struct acs_container *container)
{
    const char *key = writer->is_fluentd ? "@type" : "Name", *name = NULL;
    struct pair *options;
    size_t count = log_options(writer, container, &options), kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].name, key) == 0)
            name = options[i].value;
        else if (strcmp(options[i].name, INCLUDE) != 0 && strcmp(options[i].name, EXCLUDE) != 0)
            options[kept++] = options[i];
    }
    if (name)
        output(writer, name, tag_of(writer, container), options, kept);
    else if (kept > 0) /* without options the user's own file may have the output */
        return error_new(API_CLIENT,
                         "unable to apply log options of container %s to firelens config: missing "
                         "output key %s which is required for firelens configuration of type %s",
                         container->name, key, writer->router->firelens_configuration->type);
    return NULL;
}

static struct error *outputs(struct writer *writer)
{
    bool has_health_input = !writer->is_fluentd && (strcmp(writer->network_mode, "bridge") == 0 ||
                                                    strcmp(writer->network_mode, "awsvpc") == 0);

    if (has_health_input)
        output(writer, "null", HEALTH_TAG, NULL, 0);
    for (size_t i = 0; i < writer->task->containers.count; i++)
        if (firelens_is_used_by(&writer->task->containers.items[i]))
            TRY(output_of(writer, &writer->task->containers.items[i]));
    return NULL;
}

static struct error *write_all(struct writer *writer, const struct firelens_host *host)
{
    inputs(writer);
    filters(writer, INCLUDE, false);
    filters(writer, EXCLUDE, true);
    metadata(writer, host);
    include(writer);
    return outputs(writer);
}

struct error *firelens_config(const struct acs_task *task, const struct firelens_host *host,
                              struct buf *ret_text)
{
    struct writer writer = {.task = task, .router = firelens_router(task), .out = ret_text};
    struct error *err;

    writer.is_fluentd = str_eq(writer.router->firelens_configuration->type, "fluentd");
    writer.network_mode = container_network_mode(&writer.arena, task, writer.router);
    err = write_all(&writer, host);
    arena_done(&writer.arena);
    return err;
}
