#include "core/image_pins.h"

#include <string.h>

#include "base/str.h"

#define DIGEST_PREFIX     "sha256:"
#define DIGEST_HEX_DIGITS 64

const char *image_digest_in_name(const char *image)
{
    const char *at = image ? strchr(image, '@') : NULL;

    return at ? at + 1 : NULL;
}

static bool is_pinnable(const struct ecs_container_definition *container)
{
    return container->version_consistency != ECS_VERSION_CONSISTENCY_DISABLED &&
           !str_is_empty(container->image) && !image_digest_in_name(container->image);
}

void image_pins_begin(struct service_revision *revision,
                      const struct ecs_task_definition *definition)
{
    const struct ecs_container_definitions *containers = &definition->container_definitions;

    for (size_t i = 0; i < containers->count; i++)
        if (is_pinnable(&containers->items[i]))
            image_pin_set_container(service_revision_append_image_pins(revision),
                                    containers->items[i].name);
}

const char *image_pins_digest(const struct service_revision *revision, const char *container)
{
    for (uint32_t i = 0; i < revision->image_pins_count; i++)
        if (str_eq(revision->image_pins[i].container, container))
            return revision->image_pins[i].digest;
    return NULL;
}

/* It is told to other hosts: nothing but a digest. */
static bool is_digest(const char *text)
{
    const char *hex =
        text && str_starts_with(text, DIGEST_PREFIX) ? text + strlen(DIGEST_PREFIX) : NULL;

    return hex && strlen(hex) == DIGEST_HEX_DIGITS &&
           strspn(hex, "0123456789abcdef") == DIGEST_HEX_DIGITS;
}

/* What the task tells of a container that has nothing pinned yet; NULL: nothing. */
static const char *told(const struct task *task, const struct image_pin *pin)
{
    for (uint32_t i = 0; i < task->containers_count && !pin->digest; i++)
        if (str_eq(task->containers[i].name, pin->container))
            return is_digest(task->containers[i].image_digest) ? task->containers[i].image_digest
                                                               : NULL;
    return NULL;
}

bool image_pins_are_news(const struct service_revision *revision, const struct task *task)
{
    for (uint32_t i = 0; i < revision->image_pins_count; i++)
        if (told(task, &revision->image_pins[i]))
            return true;
    return false;
}

void image_pins_learn(struct service_revision *edited, const struct task *task)
{
    for (uint32_t i = 0; i < edited->image_pins_count; i++) {
        const char *digest = told(task, &edited->image_pins[i]);

        if (digest)
            image_pin_set_digest(&edited->image_pins[i], digest);
    }
}

const char *image_pinned(struct arena *arena, const char *image, const char *digest)
{
    return arena_printf(arena, "%s@%s", image, digest);
}
