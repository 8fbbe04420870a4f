#include "agent/engine/metadata_file.h"

#include <jansson.h>
#include <string.h>

#include "agent/docker/docker_detail.h"

static void set(json_t *json, const char *name, const char *value)
{
    if (!str_is_empty(value))
        json_object_set_new(json, name, json_string(value));
}

static json_t *ports(const struct docker_container *docker)
{
    json_t *out = json_array();

    for (size_t i = 0; i < docker->binding_count; i++) {
        const struct docker_binding *binding = &docker->bindings[i];

        json_array_append_new(out,
                              json_pack("{si si ss ss}", "ContainerPort", binding->container_port,
                                        "HostPort", binding->host_port, "BindIp", binding->host_ip,
                                        "Protocol", binding->protocol));
    }
    return out;
}

static json_t *networks(const struct docker_detail *detail)
{
    json_t *out = json_array();

    for (size_t i = 0; i < detail->network_count; i++) {
        const struct docker_network *network = &detail->networks[i];
        json_t *one =
            json_pack("{ss s[s]}", "NetworkMode", network->name, "IPv4Addresses", network->address);

        if (!str_is_empty(network->address_v6))
            json_object_set_new(one, "IPv6Addresses", json_pack("[s]", network->address_v6));
        json_array_append_new(out, one);
    }
    return out;
}

static void set_list(json_t *json, const char *name, json_t *list)
{
    if (json_array_size(list))
        json_object_set(json, name, list);
    json_decref(list);
}

static void set_docker(json_t *json, const struct metadata_file *file)
{
    struct arena arena = {0};
    struct docker_detail detail = {0};

    (void)docker_detail_read(&arena, file->docker->detail, &detail); /* all empty without it */
    set(json, "ContainerID", file->docker->id);
    set(json, "ContainerName", file->container_name);
    set(json, "DockerContainerName", arena_printf(&arena, "/%s", file->docker->name));
    set(json, "ImageID", file->docker->image_id);
    set(json, "ImageName", detail.image);
    set_list(json, "PortMappings", ports(file->docker));
    set_list(json, "Networks", networks(&detail));
    set(json, "MetadataFileStatus", "READY");
    arena_done(&arena);
}

/* Each level is a tab, as the official agent writes it. */
static void add_indented(struct buf *out, const char *text)
{
    bool is_at_start = true;

    for (; *text; text++) {
        buf_add_char(out, is_at_start && *text == ' ' ? '\t' : *text);
        is_at_start = *text == '\n' || (is_at_start && *text == ' ');
    }
}

/* AG-195: the cluster's name, also where its ARN was configured. */
static const char *name_of(const char *cluster)
{
    const char *slash = cluster ? strrchr(cluster, '/') : NULL;

    return slash ? slash + 1 : cluster;
}

void metadata_file_write(const struct metadata_file *file, struct buf *ret_text)
{
    CLEANUP(json_decrefp) json_t *json = json_object();
    CLEANUP(str_freep) char *text = NULL;

    set(json, "Cluster", name_of(file->cluster));
    set(json, "ContainerInstanceARN", file->instance_arn);
    set(json, "TaskARN", file->task->arn);
    set(json, "TaskDefinitionFamily", file->task->family);
    set(json, "TaskDefinitionRevision", file->task->version);
    if (file->docker)
        set_docker(json, file);
    else
        set(json, "ContainerName", file->container_name);
    set(json, "AvailabilityZone", file->zone);
    set(json, "HostPrivateIPv4Address", file->host_address);
    text = json_dumps(json, JSON_INDENT(1));
    add_indented(ret_text, text ? text : "{}");
}

char *metadata_file_task_dir(const char *task_arn)
{
    const char *rest = strstr(task_arn, ":task/");

    if (!rest || strstr(rest, "/.") || str_ends_with(rest, "/"))
        return NULL;
    return str_printf(METADATA_FILE_DIR "/%s", rest + strlen(":task/"));
}
