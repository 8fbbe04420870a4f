/* cluster.h - a cluster as it is answered. The operations are in "gen/ecs_handlers.h". */
#ifndef BERTH_ECS_CLUSTER_H
#define BERTH_ECS_CLUSTER_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

/* What is shown only when asked for (API-074). */
enum {
    CLUSTER_WITH_SETTINGS = 1,
    CLUSTER_WITH_TAGS = 2,
    CLUSTER_WITH_STATISTICS = 4,
    CLUSTER_WITH_CONFIGURATION = 8,
    CLUSTER_WITH_ALL = 15,
};

/* In the call's arena; strings may be lent by the record. Fails (API_SERVER) only on a damaged
 * record. */
MUST_USE struct error *cluster_describe(struct call *call, const struct cluster *cluster,
                                        unsigned with, struct ecs_cluster *ret);

/* The one setting there is, checked (CL-040), or as the account has it; from the arena. Its list is
 * replaced whole. */
MUST_USE struct error *cluster_check_settings(struct call *call,
                                              const struct ecs_cluster_settings *in,
                                              const char **ret_json);
MUST_USE struct error *cluster_check_configuration(struct call *call,
                                                   const struct ecs_cluster_configuration *in,
                                                   const char **ret_json /* NULL: none */);

#endif
