/* service_change.h - what an UpdateService request makes of a service: its configuration before and
 * after, refused if it may not be (API-147 to API-152, SC-152, SC-240). Nothing is changed here.
 *
 * Ownership  Records are lent by the state; all else lives in the call's arena.
 * Errors     What UpdateService declares; most are API_INVALID_PARAMETER.
 */
#ifndef BERTH_ECS_SERVICE_CHANGE_H
#define BERTH_ECS_SERVICE_CHANGE_H

#include "core/task_recipe.h"
#include "ecs/ecs.h"
#include "gen/ecs_types.h"

struct service_change {
    const struct cluster *cluster;
    const struct service *service; /* as it is */
    struct ecs_create_service_request before, after;
    struct task_recipe recipe;
    bool has_recipe;      /* not with the EXTERNAL controller */
    bool is_new_revision; /* another task definition than the PRIMARY's */
    bool takes_over;      /* the ECS controller, from another one */
};

/* Finds the service, the call being authorized first, and reads the change. */
MUST_USE struct error *service_change_read(struct call *call,
                                           const struct ecs_update_service_request *in,
                                           struct service_change *ret);

/* A service may come to the ECS controller; what another one has deployed, only that one knows. */
MUST_USE struct error *
service_change_check_new_controller(const struct service *service,
                                    const struct ecs_update_service_request *in);
bool service_change_takes_over(const struct service *service,
                               const struct ecs_update_service_request *in);
/* The members that the service's controller lets be changed (API-151). Desired count, grace period,
 * placement and tag options may change on all. */
MUST_USE struct error *service_change_check_members(const struct service *service,
                                                    const struct ecs_update_service_request *in);

#endif
