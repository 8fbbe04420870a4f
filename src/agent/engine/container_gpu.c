#include "agent/engine/container_gpu.h"

#include <string.h>

#include "base/str.h"

static bool is_gpu(const struct acs_association *association)
{
    return str_eq(association->type, "gpu") && association->name;
}

static bool is_of(const struct acs_association *association, const char *container)
{
    return is_gpu(association) && association->containers.count == 1 &&
           str_eq(association->containers.items[0], container);
}

static bool has_container(const struct acs_task *task, const char *name)
{
    for (size_t i = 0; i < task->containers.count; i++)
        if (str_eq(task->containers.items[i].name, name))
            return true;
    return false;
}

struct error *container_gpu_check(const struct acs_task *task)
{
    for (size_t i = 0; i < task->associations.count; i++) {
        const struct acs_association *association = &task->associations.items[i];

        if (!is_gpu(association))
            continue;
        if (association->containers.count != 1)
            return error_new(API_CLIENT, "could not associate multiple containers to GPU %s",
                             association->name);
        if (!has_container(task, association->containers.items[0]))
            return error_new(API_CLIENT,
                             "could not find container with name %s for associating GPU %s",
                             association->containers.items[0], association->name);
    }
    return NULL;
}

char *container_gpu_ids(const struct acs_task *task, const char *container)
{
    struct buf ids = {0};

    for (size_t i = 0; i < task->associations.count; i++)
        if (is_of(&task->associations.items[i], container))
            buf_printf(&ids, "%s%s", ids.len ? "," : "", task->associations.items[i].name);
    return ids.len ? buf_take(&ids) : NULL;
}

bool container_wants_gpu_runtime(const struct acs_task *task, const struct acs_container *container)
{
    bool has_gpu = false;

    for (size_t i = 0; i < task->associations.count; i++) {
        if (is_of(&task->associations.items[i], container->name))
            return true;
        has_gpu = has_gpu || is_gpu(&task->associations.items[i]);
    }
    for (size_t i = 0; has_gpu && i < container->environment.count; i++)
        if (str_eq(container->environment.items[i].key, "NVIDIA_VISIBLE_DEVICES"))
            return true;
    return false;
}

void container_gpu_requests(const struct acs_task *task, const char *container, json_t *host)
{
    json_t *ids = json_array();

    for (size_t i = 0; i < task->associations.count; i++)
        if (is_of(&task->associations.items[i], container))
            json_array_append_new(ids, json_string(task->associations.items[i].name));
    if (json_array_size(ids) > 0)
        json_object_set_new(
            host, "DeviceRequests",
            json_pack("[{s[[s]]so}]", "Capabilities", "gpu", "DeviceIDs", json_incref(ids)));
    json_decref(ids);
}
