/* container_instance.h - a container instance as it is answered. The operations are in
 * "gen/ecs_handlers.h".
 */
#ifndef BERTH_ECS_CONTAINER_INSTANCE_H
#define BERTH_ECS_CONTAINER_INSTANCE_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

/* What is shown only when asked for (API-045). */
enum {
    INSTANCE_WITH_TAGS = 1,
    INSTANCE_WITH_HEALTH = 2,
};

/* In the call's arena; strings may be lent by the record. */
void container_instance_describe(struct call *call, const struct container_instance *instance,
                                 unsigned with, struct ecs_container_instance *ret);

#endif
