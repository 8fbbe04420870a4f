/* attribute.h - attributes of container instances: names with or without a value (SC-063 to
 * SC-068, API-172, API-173). The operations are in "gen/ecs_handlers.h".
 *
 * An attribute is custom (people's, or of the host's configuration: kept when the host registers
 * again) or reserved (the agent's and the server's: replaced by each registration, and no one
 * else's to change).
 */
#ifndef BERTH_ECS_ATTRIBUTE_H
#define BERTH_ECS_ATTRIBUTE_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

/* "ecs." and "com.amazonaws." begin the names of the agent and the server. */
bool attribute_is_reserved(const char *name);
/* What a custom one may be: characters, lengths, spaces. API_INVALID_PARAMETER. */
MUST_USE struct error *attribute_check(const char *name, const char *value);

/* NULL if it has none of that name. */
const struct attribute *attribute_find(const struct container_instance *instance, const char *name);
/* Of an instance being edited; `value` NULL: name only. A custom one stays custom. */
void attribute_put(struct container_instance *instance, const char *name, const char *value);
/* Takes out those that `is_dropped` says; the others keep their order. */
void attributes_drop(struct container_instance *instance,
                     bool (*is_dropped)(const struct attribute *attribute, const void *data),
                     const void *data);
size_t attributes_count_custom(const struct container_instance *instance);

#endif
