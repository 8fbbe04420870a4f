#include "wire/shape.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

const char *shape_enum_name(const struct shape *shape, unsigned value)
{
    return value < shape->value_count ? shape->values[value] : NULL;
}

bool shape_enum_parse(const struct shape *shape, const char *text, unsigned *ret)
{
    for (unsigned i = 1; i < shape->value_count; i++)
        if (shape->values[i][0] == text[0] && !strcmp(shape->values[i], text)) {
            *ret = i;
            return true;
        }
    return false;
}

/* One decoder serves both: a tree goes through its text. Whoever has the text uses
 * shape_decode_text(). */
struct error *shape_decode(const struct shape *shape, unsigned flags, struct arena *arena,
                           const struct json_t *json, void *ret)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    struct error *err;

    if (!text)
        return error_new(API_SERIALIZATION, "The request is not JSON.");
    err = shape_decode_text(shape, flags, arena, text, strlen(text), ret);
    free(text);
    return err;
}

struct error *shape_parse_json(const char *text, size_t len, struct json_t **ret)
{
    json_error_t err;
    json_t *json = json_loadb(text, len, 0, &err);

    if (!json)
        return error_new(API_SERIALIZATION, "The request is not JSON: %s at byte %d.", err.text,
                         err.position);
    *ret = json;
    return NULL;
}
