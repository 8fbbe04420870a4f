/* arn.h - Amazon resource names: taking them apart and putting ECS's together (API-031, API-032).
 *
 * Ownership  arn_parse() lends: the parts point into the caller's arena. arn_*() makers return
 *            strings allocated in the given arena.
 */
#ifndef BERTH_BASE_ARN_H
#define BERTH_BASE_ARN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/id.h"

/* arn:PARTITION:SERVICE:REGION:ACCOUNT:TYPE/REST */
struct arn {
    const char *partition;
    const char *service;
    const char *region;
    const char *account;
    const char *resource; /* everything after the account: "task/default/0123..." */
    const char *type;     /* the part of `resource` before the first '/' or ':' */
    const char *rest;     /* the part after it; "" if there is none */
};

/* False if `text` does not have the six parts. */
bool arn_parse(struct arena *arena, const char *text, struct arn *ret);
bool arn_looks_like(const char *text); /* starts with "arn:" */

/* Where a resource lives: the start of every ARN and of every stored key. */
struct scope {
    const char *region;
    const char *account;
};

char *arn_cluster(struct arena *arena, const struct scope *scope, const char *cluster);
char *arn_service(struct arena *arena, const struct scope *scope, const char *cluster,
                  const char *service);
char *arn_task(struct arena *arena, const struct scope *scope, const char *cluster,
               const struct id *id);
char *arn_container_instance(struct arena *arena, const struct scope *scope, const char *cluster,
                             const struct id *id);
char *arn_capacity_provider(struct arena *arena, const struct scope *scope, const char *provider);
char *arn_container(struct arena *arena, const struct scope *scope, const char *cluster,
                    const struct id *task, const struct id *container);
/* The forms before 2018: no cluster, ids as UUIDs (CL-232, CL-233). */
char *arn_old(struct arena *arena, const struct scope *scope, const char *type, const char *name);
char *arn_old_of_id(struct arena *arena, const struct scope *scope, const char *type,
                    const struct id *id);
/* Revision 0: the family's, without a revision. */
char *arn_task_definition(struct arena *arena, const struct scope *scope, const char *family,
                          int revision);
/* `id` is ecs-svc/N. */
char *arn_task_set(struct arena *arena, const struct scope *scope, const char *cluster,
                   const char *service, const char *id);
char *arn_service_deployment(struct arena *arena, const struct scope *scope, const char *cluster,
                             const char *service, const char *id);
char *arn_service_revision(struct arena *arena, const struct scope *scope, const char *cluster,
                           const char *service, const char *id);

#endif
