/* service_config.h - the configuration of a service: what CreateService asked for and UpdateService
 * changed.
 *
 * In a record most of it is a document, a CreateService request in the API's JSON; what reconcilers
 * and lists need often has members of its own. Read, it is one request again with both put
 * together: every default filled in, no cluster, client token or tags (those are the record's). The
 * task definition, as family:revision, is here only with the CODE_DEPLOY controller: other services
 * have it in deployments or task sets.
 *
 * Ownership  What is read lives in the arena, and lends from nothing.
 * Errors     A document that cannot be read is API_SERVER.
 */
#ifndef BERTH_CORE_SERVICE_CONFIG_H
#define BERTH_CORE_SERVICE_CONFIG_H

#include "base/arena.h"
#include "base/arn.h"
#include "base/error.h"
#include "gen/ecs_types.h"
#include "gen/records.h"

/* Defaults of what was left out (API-135, API-185, SC-131, SC-132, SC-144). Launch type and tags
 * are the caller's. */
#define SERVICE_REPLICA_MAXIMUM_PERCENT 200
#define SERVICE_REPLICA_MINIMUM_PERCENT 100
#define SERVICE_DAEMON_MAXIMUM_PERCENT  100
#define SERVICE_DAEMON_MINIMUM_PERCENT  0
#define SERVICE_CANARY_PERCENT          5.0
#define SERVICE_CANARY_BAKE_MINUTES     10
#define SERVICE_LINEAR_PERCENT          10.0
#define SERVICE_LINEAR_BAKE_MINUTES     6
void service_config_fill_defaults(struct arena *arena, struct ecs_create_service_request *config);

MUST_USE struct error *service_config_read(struct arena *arena, const struct service *service,
                                           struct ecs_create_service_request *ret);

/* Puts a configuration with its defaults into a record of that scope: document and members. */
void service_config_write(const struct ecs_create_service_request *config,
                          const struct scope *scope, struct service *service);

enum controller_type service_config_controller(const struct ecs_create_service_request *config);
/* Its launch type, or what the providers of its strategy are; never UNSET. */
enum ecs_launch_type service_config_runs_on(const struct ecs_create_service_request *config);
/* What availability zone rebalancing does not support and the service has; NULL: nothing. It is on
 * by default where it can be. */
const char *service_config_why_not_rebalanced(const struct ecs_create_service_request *config);

#endif
