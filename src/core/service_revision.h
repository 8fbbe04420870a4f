/* service_revision.h - a service revision read again: what a rollback goes back to (API-191).
 *
 * A revision is what tasks of a deployment see: task definition, network, balancers, registries,
 * capacity. Counts, percents, placement and tags are the service's and stay as they are.
 *
 * Ownership  What is read lives in the arena.
 * Errors     A document that cannot be read is API_SERVER.
 */
#ifndef BERTH_CORE_SERVICE_REVISION_H
#define BERTH_CORE_SERVICE_REVISION_H

#include "base/arena.h"
#include "base/error.h"
#include "gen/ecs_types.h"
#include "gen/records.h"

struct service_revision_target {
    const char *family;
    int32_t revision;
    struct ecs_service_revision shown;
};
MUST_USE struct error *service_revision_read(struct arena *arena,
                                             const struct service_revision *revision,
                                             struct service_revision_target *ret);

/* Puts what tasks see into the configuration of a service; lends from the target. */
void service_revision_restore(const struct service_revision_target *target,
                              struct ecs_create_service_request *config);

#endif
