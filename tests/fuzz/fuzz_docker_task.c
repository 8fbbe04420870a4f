/* A task object as it comes from the wire, up to the texts that Docker is sent. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/engine/admission.h"
#include "agent/engine/container.h"
#include "agent/engine/container_port.h"
#include "agent/engine/engine_depend.h"
#include "agent/engine/image_ref.h"
#include "agent/engine/volume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_bodies(struct arena *arena, const struct acs_task *task)
{
    const char **docker_names = ARENA_ARRAY(arena, const char *, task->containers.count + 1);
    const char **volume_names = ARENA_ARRAY(arena, const char *, task->volumes.count + 1);
    const struct config_map file_systems = {0};
    const struct volume_efs_host efs = {.region = "us-east-1", .file_systems = &file_systems};

    for (size_t i = 0; i < task->containers.count; i++)
        docker_names[i] = "docker-name";
    for (size_t i = 0; i < task->volumes.count; i++) {
        struct buf body = {0};

        volume_names[i] = volume_kind(&task->volumes.items[i]) == VOLUME_BIND ? NULL : "volume";
        error_free(volume_create_body(&task->volumes.items[i], "volume", &efs, &body));
        buf_done(&body);
    }
    for (size_t i = 0; i < task->containers.count; i++) {
        const struct acs_container *container = &task->containers.items[i];
        int *range_starts = ARENA_ARRAY(arena, int, container->port_mappings.count + 1);
        const struct container_plan plan = {
            .task = task,
            .container = container,
            .cluster = "default",
            .region = "us-east-1",
            .docker_names = docker_names,
            .volume_names = volume_names,
            .range_starts = range_starts,
        };
        struct engine_binding *bindings;
        struct image_ref ref;
        size_t count;
        struct buf body = {0};

        error_free(container_create_body(&plan, &body));
        container_port_bindings(arena, container, container_network_mode(arena, task, container),
                                range_starts, NULL, &bindings, &count);
        (void)image_ref_parse(arena, container->image, &ref);
        buf_done(&body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct acs_task task = {0};
    struct depend_graph graph;
    json_t *json = json_loadb((const char *)data, size, 0, NULL);
    struct error *err = json ? acs_decode_task(&arena, json, &task) : NULL;

    if (json && !err && task.containers.count <= 64) {
        err = depend_read(&arena, &task, &graph);
        (void)admission_need_of(&arena, &task);
        make_bodies(&arena, &task);
    }
    error_free(err);
    json_decref(json);
    arena_done(&arena);
    return 0;
}
