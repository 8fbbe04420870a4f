/* stored_json.h - documents that records keep in the API's JSON, read back as the API's types. */
#ifndef BERTH_CORE_STORED_JSON_H
#define BERTH_CORE_STORED_JSON_H

#include "base/arena.h"
#include "base/error.h"
#include "gen/ecs_shapes.h"

/* Fills the zeroed struct of that shape (ECS_SHAPE_...) from `text`; NULL is an empty document.
 * What cannot be read is API_SERVER and names `what` and `whose`: "stored overrides of 0123...". */
MUST_USE struct error *stored_json_read(struct arena *arena, int shape, const char *text,
                                        const char *what, const char *whose, void *ret);

#endif
