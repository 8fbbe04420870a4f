/* Values of the ECS API: a line that names the shape (any other text chooses one by chance), then
 * the JSON. What is taken can be written, and reads back as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gen/ecs_shapes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct shape *choose(const uint8_t *name, size_t len)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < ECS_SHAPES_COUNT; i++)
        if (strlen(ecs_shapes[i].name) == len && !memcmp(ecs_shapes[i].name, name, len))
            return &ecs_shapes[i];
    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + name[i];
    return &ecs_shapes[sum % ECS_SHAPES_COUNT];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    const struct shape *shape;
    const char *text;
    struct arena arena = {0};
    struct buf first = {0}, second = {0};
    struct error *err;
    void *value;

    if (!line)
        return 0;
    shape = choose(data, (size_t)(line - data));
    text = (const char *)line + 1;
    value = arena_alloc(&arena, shape->size);
    err = shape_decode_text(shape, 0, &arena, text, size - (size_t)(line + 1 - data), value);
    if (!err) {
        shape_encode(shape, &first, value);
        value = arena_alloc(&arena, shape->size);
        err = shape_decode_text(shape, SHAPE_STRICT, &arena, first.data, first.len, value);
        if (err)
            abort();
        shape_encode(shape, &second, value);
        if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
            abort();
    }
    error_free(err);
    buf_done(&first);
    buf_done(&second);
    arena_done(&arena);
    return 0;
}
