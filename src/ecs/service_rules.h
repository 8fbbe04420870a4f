/* service_rules.h - what CreateService and UpdateService refuse: the matrix of controllers,
 * strategies, network modes and options (API-131 to API-145, SC-131 to SC-169, SC-370, SC-371).
 *
 * Both operations check the whole configuration that would be in force, so an update cannot reach
 * what a creation refuses.
 */
#ifndef BERTH_ECS_SERVICE_RULES_H
#define BERTH_ECS_SERVICE_RULES_H

#include "core/service_config.h"
#include "core/task_recipe.h"
#include "ecs/ecs.h"

#define SERVICE_REGISTRIES_MAX  1
#define SERVICE_ALARM_NAMES_MAX 10

/* Which members go together, before defaults are filled in and the task definition is looked up. */
MUST_USE struct error *service_rules_check_shape(const struct ecs_create_service_request *config);

/* The rest, with defaults filled in. `recipe` is the task definition's; NULL with the EXTERNAL
 * controller. `verb` is what the call does to the service: "created", "updated". */
MUST_USE struct error *service_rules_check(struct call *call, const struct cluster *cluster,
                                           const struct ecs_create_service_request *config,
                                           const struct task_recipe *recipe, const char *verb);

/* Whether every load balancer's container and port are in the task definition (SC-163). */
bool service_rules_targets_exist(const struct ecs_create_service_request *config,
                                 const struct task_recipe *recipe);

/* API-213: Service Connect without a namespace is in the cluster's default one from now on. */
MUST_USE struct error *service_rules_fill_namespace(struct call *call,
                                                    const struct cluster *cluster,
                                                    struct ecs_create_service_request *config);

/* A task definition, where its tasks are to run: compatibilities and network (API-141). */
MUST_USE struct error *
service_rules_check_definition(const struct task_recipe *recipe, enum ecs_launch_type runs_on,
                               const struct ecs_network_configuration *network);

/* Registries against the task definition: for services and task sets (API-139). */
MUST_USE struct error *service_rules_check_registries(const struct ecs_service_registries *in,
                                                      const struct task_recipe *recipe);
/* SC-163: the container and its port are in the task definition. */
MUST_USE struct error *service_rules_check_target(const struct task_recipe *recipe,
                                                  const char *container_name,
                                                  int32_t container_port);

/* Parts of it, in files of their own. */
MUST_USE struct error *
service_rules_check_deployment(const struct ecs_create_service_request *config);
MUST_USE struct error *service_rules_check_routing(struct call *call,
                                                   const struct ecs_create_service_request *config,
                                                   const struct task_recipe *recipe);
MUST_USE struct error *service_rules_check_connect(struct call *call,
                                                   const struct ecs_create_service_request *config,
                                                   const struct task_recipe *recipe);
MUST_USE struct error *service_rules_check_volumes(const struct ecs_create_service_request *config,
                                                   const struct task_recipe *recipe);

#endif
