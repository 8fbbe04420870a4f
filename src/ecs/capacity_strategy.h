/* capacity_strategy.h - where tasks may run: launch type, capacity provider strategy, or the
 * cluster's default (API-069, API-117, API-133, CL-070 to CL-078, SC-145 to SC-149).
 *
 * One set of rules for CreateCluster, PutClusterCapacityProviders, RunTask, CreateService,
 * UpdateService and CreateTaskSet. A strategy that passes is normal: providers by name (an ARN is
 * resolved), base and weight filled in; so it is stored and answered (CL-035).
 *
 * Ownership  What is returned lives in the call's arena.
 * Errors     InvalidParameterException with ECS's sentence.
 */
#ifndef BERTH_ECS_CAPACITY_STRATEGY_H
#define BERTH_ECS_CAPACITY_STRATEGY_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

#define CAPACITY_STRATEGY_ITEMS_MAX 6 /* CL-070 */

/* A strategy for a cluster: every provider is associated with it and ACTIVE (CL-075). An empty one
 * passes. */
MUST_USE struct error *capacity_strategy_check(struct call *call, const struct cluster *cluster,
                                               const struct ecs_capacity_provider_strategy *in,
                                               struct ecs_capacity_provider_strategy *ret);

/* The same for providers that are about to be associated: names from capacity_providers_check(). */
MUST_USE struct error *
capacity_strategy_check_among(struct call *call, const struct ecs_string_list *providers,
                              const struct ecs_capacity_provider_strategy *in,
                              struct ecs_capacity_provider_strategy *ret);

/* Providers to associate with a cluster, by name or ARN: known, ACTIVE, each once, no more than the
 * quota (API-079); one with managed scaling is of no other cluster (API-071). `ret` are names. */
MUST_USE struct error *capacity_providers_check(struct call *call, const char *cluster,
                                                const struct ecs_string_list *in,
                                                struct ecs_string_list *ret);

/* What a request for tasks comes to. */
struct capacity_choice {
    /* Never UNSET: what was asked for, or what the strategy's providers are: FARGATE or EC2. */
    enum ecs_launch_type launch_type;
    struct ecs_capacity_provider_strategy strategy; /* count 0: by launch type */
    bool is_default;                                /* nothing was asked for */
};

/* Explicit launch type or explicit strategy, never both; else the cluster's default strategy; else
 * EC2 (API-133). `asked` may be ECS_LAUNCH_TYPE_UNSET, `strategy` empty. */
MUST_USE struct error *capacity_resolve(struct call *call, const struct cluster *cluster,
                                        enum ecs_launch_type asked,
                                        const struct ecs_capacity_provider_strategy *strategy,
                                        struct capacity_choice *ret);

/* FARGATE and FARGATE_SPOT, which are there without being made (CL-051). */
bool capacity_is_fargate(const char *provider);

#endif
