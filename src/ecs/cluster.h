/* cluster.h - a cluster as it is checked and answered. The operations are in "gen/ecs_handlers.h".
 *
 * Ownership  What is returned lives in the call's arena; strings may be lent by the record.
 */
#ifndef BERTH_ECS_CLUSTER_H
#define BERTH_ECS_CLUSTER_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

/* ---- cluster_describe.c ---- */

/* What is shown only when asked for (API-074). */
enum {
    CLUSTER_WITH_SETTINGS = 1,
    CLUSTER_WITH_TAGS = 2,
    CLUSTER_WITH_STATISTICS = 4,
    CLUSTER_WITH_CONFIGURATION = 8,
    CLUSTER_WITH_ATTACHMENTS = 16,
    CLUSTER_WITH_ALL = 31,
    CLUSTER_AS_CHANGED = CLUSTER_WITH_ALL & ~CLUSTER_WITH_STATISTICS, /* what a change answers */
};

/* Fails (API_SERVER) only on a damaged record. */
MUST_USE struct error *cluster_describe(struct call *call, const struct cluster *cluster,
                                        unsigned with, struct ecs_cluster *ret);

/* ---- cluster_settings.c ---- */

/* The one setting there is, checked (CL-040), or as the account has it. Its list is replaced whole.
 */
MUST_USE struct error *cluster_check_settings(struct call *call,
                                              const struct ecs_cluster_settings *in,
                                              const char **ret_json);
/* API-068. `stored` (NULL: none) keeps what `in` does not name. */
MUST_USE struct error *cluster_check_configuration(struct call *call, const char *stored,
                                                   const struct ecs_cluster_configuration *in,
                                                   const char **ret_json /* NULL: none */);
/* The default namespace of Service Connect. */
struct cluster_connect {
    bool is_given;
    const char *name, *arn; /* NULL: is to be taken away (API-075); name NULL: given as an ARN */
};
/* An ARN that nothing is known of is API_NAMESPACE_NOT_FOUND (API-214). */
MUST_USE struct error *
cluster_check_connect(struct call *call,
                      const struct ecs_cluster_service_connect_defaults_request *in,
                      struct cluster_connect *ret);
/* Puts it into a record open for editing; a new name makes its namespace. */
void cluster_keep_connect(struct call *call, struct cluster *cluster,
                          const struct cluster_connect *connect);

/* ---- cluster_capacity.c ---- */

/* Providers and default strategy of a cluster, checked. */
struct cluster_capacity {
    struct ecs_string_list providers; /* names */
    const char *strategy;             /* JSON; NULL: none */
};
MUST_USE struct error *cluster_check_capacity(struct call *call, const char *cluster,
                                              const struct ecs_string_list *providers,
                                              const struct ecs_capacity_provider_strategy *strategy,
                                              struct cluster_capacity *ret);
/* Puts them into a record open for editing; its attachments follow. */
void cluster_keep_capacity(struct call *call, struct cluster *cluster,
                           const struct cluster_capacity *capacity);
/* The attachments alone: a provider of the cluster has changed its managed scaling. */
void cluster_follow_providers(struct call *call, struct cluster *cluster);

#endif
