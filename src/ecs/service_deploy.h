/* service_deploy.h - starting a deployment: the new PRIMARY, its service revision, its service
 * deployment (API-149, API-188, API-192, SC-176, SC-207).
 *
 * The reconciler (control/services) does the rest: it starts and stops tasks and moves the states
 * on.
 */
#ifndef BERTH_ECS_SERVICE_DEPLOY_H
#define BERTH_ECS_SERVICE_DEPLOY_H

#include "core/service_config.h"
#include "core/task_recipe.h"
#include "ecs/ecs.h"

/* Deployments a service may have at once; each update under way adds one, old ones go with their
 * tasks. */
#define SERVICE_ROLLOUTS_MAX 50

/* Puts a new PRIMARY first in the list of a service being edited or made; the one before turns
 * ACTIVE. The service has its name, cluster, counts and document already. */
void service_deploy(struct call *call, struct service *service,
                    const struct ecs_create_service_request *config,
                    const struct task_recipe *recipe, bool force_new);

/* Ends the service deployment under way, if there is one: `reason` is for people. */
void service_deploy_stop(struct call *call, const struct service *service, const char *reason);

#endif
