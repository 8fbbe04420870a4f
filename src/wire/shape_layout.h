/* shape_layout.h - how the generated structs lie in memory, for the decoder and the encoder. */
#ifndef BERTH_WIRE_SHAPE_LAYOUT_H
#define BERTH_WIRE_SHAPE_LAYOUT_H

#include <string.h>

#include "wire/shape.h"

/* A generated list or map, whatever its items. */
struct any_list {
    bool is_set;
    size_t count;
    void *items;
};

static inline size_t item_stride(const struct shape *shape)
{
    return shape->type == SHAPE_LIST ? shape->of->size : shape->entry_size;
}

/* Whether a member of a C struct has a value. */
static inline bool is_present(const struct shape_member *member, const char *base)
{
    const char *at = base + member->offset;
    const void *ptr;
    unsigned value;

    switch (member->shape->type) {
    case SHAPE_STRUCTURE:
    case SHAPE_STRING:
    case SHAPE_DOCUMENT:
        memcpy(&ptr, at, sizeof(ptr));
        return ptr != NULL;
    case SHAPE_LIST:
    case SHAPE_MAP:
        return *(const bool *)at;
    case SHAPE_ENUM:
        memcpy(&value, at, sizeof(value));
        return value != 0;
    default:
        return *(const bool *)(base + member->has_offset);
    }
}

#endif
