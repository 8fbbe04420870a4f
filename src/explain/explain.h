/* explain.h - GET /explain: why a service is short of tasks, why a task waits or stopped, and where
 * tasks of a task definition would find room. docs/explain.md describes the answers.
 *
 *     GET /explain?cluster=web&service=shop
 *     GET /explain?cluster=web&task=0123...
 *     GET /explain?cluster=web&taskDefinition=shop:3&count=4&constraint=distinctInstance
 *
 * It is worked out when it is asked, from the records, the deployment rules and the fleet of that
 * moment, and leaves when what it rests on is durable, as every answer does. Nothing is changed and
 * nothing is placed.
 *
 * Errors  As the ECS operations answer them: ClusterNotFoundException, ServiceNotFoundException,
 *         InvalidParameterException...
 */
#ifndef BERTH_EXPLAIN_EXPLAIN_H
#define BERTH_EXPLAIN_EXPLAIN_H

#include "ecs/ecs.h"
#include "net/http_server.h"

/* Answers. `rng` is lent until then. */
void explain_request(struct ecs *ecs, struct rng *rng, const struct scope *scope,
                     struct http_exchange *ex, const struct http_request *req);

#endif
