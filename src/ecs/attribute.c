#include "ecs/attribute.h"

#include <string.h>

#define NAME_CHARS_MAX  128
#define VALUE_CHARS_MAX 128
#define LETTERS         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define NAME_CHARS      LETTERS "-_./\\"
#define VALUE_CHARS     NAME_CHARS "@: "

bool attribute_is_reserved(const char *name)
{
    return str_starts_with(name, "ecs.") || str_starts_with(name, "com.amazonaws.");
}

struct error *attribute_check(const char *name, const char *value)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_CHARS_MAX || name[strspn(name, NAME_CHARS)])
        return error_new(API_INVALID_PARAMETER,
                         "The name of an attribute is 1 to %d letters, digits and characters of "
                         "-_./\\, not '%.256s'.",
                         NAME_CHARS_MAX, name);
    if (attribute_is_reserved(name))
        return error_new(
            API_INVALID_PARAMETER,
            "The attribute '%.256s' cannot be changed: names that begin with 'ecs.' or "
            "'com.amazonaws.' belong to the agent.",
            name);
    if (!value)
        return NULL;
    len = strlen(value);
    if (len == 0 || len > VALUE_CHARS_MAX || value[strspn(value, VALUE_CHARS)])
        return error_new(API_INVALID_PARAMETER,
                         "The value of attribute '%s' is 1 to %d letters, digits, spaces and "
                         "characters of -_./\\@:, not '%.256s'.",
                         name, VALUE_CHARS_MAX, value);
    if (value[0] == ' ' || value[len - 1] == ' ')
        return error_new(API_INVALID_PARAMETER,
                         "The value of attribute '%s' cannot begin or end with a space.", name);
    return NULL;
}

static struct attribute *find(const struct container_instance *instance, const char *name)
{
    for (uint32_t i = 0; i < instance->attributes_count; i++)
        if (strcmp(instance->attributes[i].name, name) == 0)
            return &instance->attributes[i];
    return NULL;
}

const struct attribute *attribute_find(const struct container_instance *instance, const char *name)
{
    return find(instance, name);
}

void attribute_put(struct container_instance *instance, const char *name, const char *value)
{
    struct attribute *attribute = find(instance, name);

    if (!attribute) {
        attribute = container_instance_append_attributes(instance);
        attribute_set_name(attribute, name);
        attribute->is_custom = !attribute_is_reserved(name);
    }
    attribute_set_value(attribute, value);
}

void attributes_drop(struct container_instance *instance,
                     bool (*is_dropped)(const struct attribute *attribute, const void *data),
                     const void *data)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < instance->attributes_count; i++) {
        const struct attribute *from = &instance->attributes[i];
        struct attribute *to = &instance->attributes[kept];

        if (is_dropped(from, data))
            continue;
        if (kept++ == i)
            continue;
        attribute_set_name(to, from->name);
        attribute_set_value(to, from->value);
        to->is_custom = from->is_custom;
    }
    container_instance_resize_attributes(instance, kept);
}

size_t attributes_count_custom(const struct container_instance *instance)
{
    size_t count = 0;

    for (uint32_t i = 0; i < instance->attributes_count; i++)
        count += instance->attributes[i].is_custom;
    return count;
}
