#include "agent/docker/docker_detail.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static json_t *text_or_empty(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return json_string(text ? text : "");
}

/* {"bridge": {"IPAddress": "172.17.0.2", "GlobalIPv6Address": ""}} */
static json_t *pick_networks(const json_t *networks)
{
    json_t *out = json_object();
    const char *name;
    json_t *network;

    json_object_foreach ((json_t *)networks, name, network)
        json_object_set_new(out, name,
                            json_pack("[oo]", text_or_empty(network, "IPAddress"),
                                      text_or_empty(network, "GlobalIPv6Address")));
    return out;
}

/* What an older engine says where it has no list of networks. */
static json_t *pick_network(const json_t *settings, const json_t *host_config)
{
    const char *mode = json_string_value(json_object_get(host_config, "NetworkMode"));
    json_t *out = json_object();

    if (!str_is_empty(mode))
        json_object_set_new(out, mode,
                            json_pack("[oo]", text_or_empty(settings, "IPAddress"),
                                      text_or_empty(settings, "GlobalIPv6Address")));
    return out;
}

static json_t *pick_mounts(const json_t *mounts)
{
    json_t *out = json_array();
    const json_t *mount;
    size_t i;

    json_array_foreach (mounts, i, mount)
        json_array_append_new(out, json_pack("[ooo]", text_or_empty(mount, "Name"),
                                             text_or_empty(mount, "Source"),
                                             text_or_empty(mount, "Destination")));
    return out;
}

char *docker_detail_write(struct arena *arena, const struct json_t *container)
{
    const json_t *config = json_object_get(container, "Config");
    const json_t *state = json_object_get(container, "State");
    const json_t *settings = json_object_get(container, "NetworkSettings");
    const json_t *networks = json_object_get(settings, "Networks");
    json_t *labels = json_object_get(config, "Labels");
    json_t *out =
        json_pack("{so so so so sO* so so}", "image", text_or_empty(config, "Image"), "created",
                  text_or_empty(container, "Created"), "started", text_or_empty(state, "StartedAt"),
                  "finished", text_or_empty(state, "FinishedAt"), "labels",
                  json_is_object(labels) ? labels : NULL, "networks",
                  json_object_size(networks)
                      ? pick_networks(networks)
                      : pick_network(settings, json_object_get(container, "HostConfig")),
                  "mounts", pick_mounts(json_object_get(container, "Mounts")));
    char *text = json_dumps(out, JSON_COMPACT);
    char *kept = arena_dup(arena, text);

    free(text);
    json_decref(out);
    return kept;
}

static const char *text_at(struct arena *arena, const json_t *array, size_t index)
{
    const char *text = json_string_value(json_array_get(array, index));

    return text ? arena_dup(arena, text) : "";
}

static const char *text_of(struct arena *arena, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? arena_dup(arena, text) : "";
}

static void read_labels(struct arena *arena, json_t *labels, struct docker_detail *out)
{
    struct docker_label *items = ARENA_ARRAY(arena, struct docker_label, json_object_size(labels));
    const char *name;
    json_t *value;

    json_object_foreach (labels, name, value)
        items[out->label_count++] =
            (struct docker_label){arena_dup(arena, name), text_of(arena, labels, name)};
    out->labels = items;
}

static void read_networks(struct arena *arena, json_t *networks, struct docker_detail *out)
{
    struct docker_network *items =
        ARENA_ARRAY(arena, struct docker_network, json_object_size(networks));
    const char *name;
    json_t *pair;

    json_object_foreach (networks, name, pair)
        items[out->network_count++] = (struct docker_network){
            arena_dup(arena, name), text_at(arena, pair, 0), text_at(arena, pair, 1)};
    out->networks = items;
}

static void read_mounts(struct arena *arena, const json_t *mounts, struct docker_detail *out)
{
    struct docker_mount *items = ARENA_ARRAY(arena, struct docker_mount, json_array_size(mounts));
    const json_t *mount;
    size_t i;

    json_array_foreach (mounts, i, mount)
        items[out->mount_count++] = (struct docker_mount){
            text_at(arena, mount, 0), text_at(arena, mount, 1), text_at(arena, mount, 2)};
    out->mounts = items;
}

bool docker_detail_read(struct arena *arena, const char *text, struct docker_detail *ret)
{
    CLEANUP(json_decrefp) json_t *root = text ? json_loads(text, 0, NULL) : NULL;
    struct docker_detail out = {0};

    if (!json_is_object(root))
        return false;
    out.image = text_of(arena, root, "image");
    out.created_at = text_of(arena, root, "created");
    out.started_at = text_of(arena, root, "started");
    out.finished_at = text_of(arena, root, "finished");
    read_labels(arena, json_object_get(root, "labels"), &out);
    read_networks(arena, json_object_get(root, "networks"), &out);
    read_mounts(arena, json_object_get(root, "mounts"), &out);
    *ret = out;
    return true;
}

bool docker_detail_has_address(const char *text, const char *address)
{
    CLEANUP(str_freep) char *quoted = str_printf("\"%s\"", address);
    struct arena arena = {0};
    struct docker_detail detail;
    bool has = false;

    if (!text || !*address || !strstr(text, quoted) || !docker_detail_read(&arena, text, &detail)) {
        arena_done(&arena);
        return false;
    }
    for (size_t i = 0; i < detail.network_count; i++)
        has |= str_eq(detail.networks[i].address, address) ||
               str_eq(detail.networks[i].address_v6, address);
    arena_done(&arena);
    return has;
}
