/* service_describe.h - a service as the API shows it (API-185 to API-192). */
#ifndef BERTH_ECS_SERVICE_DESCRIBE_H
#define BERTH_ECS_SERVICE_DESCRIBE_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

/* Fills `*ret`; it lends from the record and the call's arena. Costs nothing by the number of its
 * tasks. */
MUST_USE struct error *service_describe(struct call *call, const struct service *service,
                                        bool with_tags, struct ecs_service *ret);

#endif
