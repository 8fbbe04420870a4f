#include "core/stored_json.h"

#include <string.h>

struct error *stored_json_read(struct arena *arena, int shape, const char *text, const char *what,
                               const char *whose, void *ret)
{
    struct error *err;

    if (!text)
        text = "{}";
    err = shape_decode_text(&ecs_shapes[shape], 0, arena, text, strlen(text), ret);
    if (!err)
        return NULL;
    /* The shape has a code for requests; this is a fault of our own. */
    err->code = API_SERVER;
    return error_wrap(err, "stored %s of %s", what, whose);
}
