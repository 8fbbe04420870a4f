/* names.h - finding what a request names: names, ids and ARNs, old and new (API-031 to API-038,
 * CL-234).
 *
 * Everywhere a short name, an id or a full ARN names the same thing. An ARN of another account,
 * region or cluster is refused. The parsing half (..._name, ..._id) asks only whether the text
 * could name something, for operations that answer what is unknown with a failure; the finding half
 * (find_...) wants it to exist.
 *
 * Ownership  Returned names are interned or live in the call's arena; records are lent by the
 * state.
 * Errors     InvalidParameterException for what cannot name anything, the API's own exception for
 * what is unknown.
 */
#ifndef BERTH_ECS_NAMES_H
#define BERTH_ECS_NAMES_H

#include "ecs/ecs.h"
#include "ecs/name_check.h"

/* The region and account a call is for; one pointer per pair. */
const struct scope *call_scope(struct call *call);

/* ---- clusters ---- */

/* NULL and "" are the cluster "default" (API-034). */
MUST_USE struct error *names_cluster_name(struct call *call, const char *text,
                                          const char **ret_name);
/* An ACTIVE cluster; API_CLUSTER_NOT_FOUND "Cluster not found." or "The referenced cluster was
 * inactive." */
MUST_USE struct error *names_find_cluster(struct call *call, const char *text,
                                          const struct cluster **ret_cluster);
/* As above, an INACTIVE one included: for operations that only look. */
MUST_USE struct error *names_find_any_cluster(struct call *call, const char *text,
                                              const struct cluster **ret_cluster);

/* ---- container instances, tasks: ids of 32 hex digits or UUIDs (API-037) ---- */

MUST_USE struct error *names_instance_id(struct call *call, const char *cluster, const char *text,
                                         struct id *ret_id);
/* API_INVALID_PARAMETER "The referenced container instance was not found." */
MUST_USE struct error *names_find_instance(struct call *call, const char *cluster, const char *text,
                                           const struct container_instance **ret_instance);
MUST_USE struct error *names_task_id(struct call *call, const char *cluster, const char *text,
                                     struct id *ret_id);
/* API_INVALID_PARAMETER "The referenced task was not found." */
MUST_USE struct error *names_find_task(struct call *call, const char *cluster, const char *text,
                                       const struct task **ret_task);

/* ---- services ---- */

MUST_USE struct error *names_service_name(struct call *call, const char *cluster, const char *text,
                                          const char **ret_name);
/* API_SERVICE_NOT_FOUND "Service not found."; an INACTIVE service is found. */
MUST_USE struct error *names_find_service(struct call *call, const char *cluster, const char *text,
                                          const struct service **ret_service);
/* API_SERVICE_NOT_ACTIVE "Service was not ACTIVE." for one that is DRAINING or INACTIVE. */
MUST_USE struct error *names_find_active_service(struct call *call, const char *cluster,
                                                 const char *text,
                                                 const struct service **ret_service);

/* What belongs to a service and is named by ARN alone: TYPE/cluster/service/id. The parts live in
 * the call's arena; whether they are there is not asked. `identifier` is for the refusal. */
struct service_part {
    const char *cluster, *service, *id;
};
MUST_USE struct error *names_service_part(struct call *call, const char *type,
                                          const char *identifier, const char *text,
                                          struct service_part *ret);

/* ---- capacity providers: a name, or an ARN with or without the old id at its end (CL-054) ---- */

/* FARGATE and FARGATE_SPOT are names too. Does not ask whether there is such a provider. */
MUST_USE struct error *names_provider_name(struct call *call, const char *text,
                                           const char **ret_name);

/* ---- task definitions: family, family:revision, ARN with or without revision (API-038, TD-004)
 * ---- */

/* `*ret_revision` is 0 when none was given. */
MUST_USE struct error *names_family_revision(struct call *call, const char *text,
                                             const char **ret_family, int *ret_revision);
/* A family alone is its latest ACTIVE revision. API_CLIENT "Unable to describe task definition."
 * (API-114) */
MUST_USE struct error *names_find_task_definition(struct call *call, const char *text,
                                                  const struct task_definition **ret_definition);
/* What RunTask, StartTask, CreateService and UpdateService may start: an ACTIVE one. API_CLIENT
 * "TaskDefinition not found."; API_INVALID_PARAMETER "TaskDefinition is inactive" (TD-007). */
MUST_USE struct error *
names_find_active_task_definition(struct call *call, const char *text,
                                  const struct task_definition **ret_definition);

#endif
