#include "control/prefetch.h"

#include "base/log.h"
#include "base/str.h"
#include "core/stored_json.h"
#include "gen/agent_types.h"

bool prefetch_is_wanted(const struct container_instance *instance)
{
    for (uint32_t i = 0; instance && i < instance->attributes_count; i++)
        if (str_eq(instance->attributes[i].name, PREFETCH_ATTRIBUTE))
            return true;
    return false;
}

static void list_images(struct arena *arena, const struct ecs_task_definition *document,
                        struct acs_string_list *ret)
{
    SET_LIST(arena, ret, document->container_definitions.count);
    ret->count = 0;
    for (size_t i = 0; i < document->container_definitions.count; i++) {
        const struct ecs_container_definition *container =
            &document->container_definitions.items[i];

        if (container->image && !container->repository_credentials)
            ret->items[ret->count++] = container->image;
    }
}

bool prefetch_write(const struct task_definition *definition, struct buf *frame)
{
    struct ecs_task_definition document = {0};
    struct acs_prefetch_images_message message = {0};
    struct arena arena = {0};
    struct error *err = stored_json_read(&arena, ECS_SHAPE_TASK_DEFINITION, definition->document,
                                         "document", definition->family, &document);

    if (err) {
        log_error("task definition cannot be read", "family", definition->family, "error",
                  err->message);
    } else {
        list_images(&arena, &document, &message.images);
        message.message_id =
            arena_printf(&arena, "images-%s:%d", definition->family, definition->revision);
        if (message.images.count)
            acs_frame_prefetch_images_message(frame, &message);
    }
    error_free(err); /* said above; tasks of it will tell */
    arena_done(&arena);
    return frame->len > 0;
}
