/* capacity_provider.h - capacity providers as they are checked and answered (API-083 to API-088,
 * CL-050 to CL-061). The operations are in "gen/ecs_handlers.h".
 */
#ifndef BERTH_ECS_CAPACITY_PROVIDER_H
#define BERTH_ECS_CAPACITY_PROVIDER_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

/* ---- capacity_provider_group.c: providers of Auto Scaling groups ---- */

/* The provider's settings with defaults filled in (CL-055), or the stored ones with what `in`
 * changes. Refuses a group that is none, steps the wrong way round, and termination protection
 * without managed scaling (API-085). In the call's arena. */
MUST_USE struct error *provider_group_new(struct call *call,
                                          const struct ecs_auto_scaling_group_provider *in,
                                          struct ecs_auto_scaling_group_provider *ret);
MUST_USE struct error *
provider_group_update(struct call *call, const struct capacity_provider *provider,
                      const struct ecs_auto_scaling_group_provider_update *in,
                      struct ecs_auto_scaling_group_provider *ret);
/* Stored settings. */
MUST_USE struct error *provider_group_read(struct call *call,
                                           const struct capacity_provider *provider,
                                           struct ecs_auto_scaling_group_provider *ret);
/* What a host says at registration about the group it is of: its name or ARN. */
#define PROVIDER_HOST_GROUP_ATTRIBUTE "berth.host-group"
/* The provider of a group, by the group's name or ARN; NULL if there is none (CL-060, CL-087). */
const struct capacity_provider *provider_of_group(struct call *call, const char *group);
/* Puts them into the record, with what state looks up by. */
void provider_group_keep(struct capacity_provider *provider,
                         const struct ecs_auto_scaling_group_provider *group);

/* ---- capacity_provider_managed.c: providers of managed instances ---- */

/* What is wrong with the configuration, else API_UNSUPPORTED_FEATURE: nothing here starts
 * instances. */
MUST_USE struct error *
provider_managed_refuse(struct call *call, const char *cluster,
                        const struct ecs_create_managed_instances_provider_configuration *in);
MUST_USE struct error *provider_managed_refuse_update(
    const struct ecs_update_managed_instances_provider_configuration *in);

/* ---- capacity_provider_describe.c ---- */

/* In the call's arena; strings may be lent by the record. */
MUST_USE struct error *provider_describe(struct call *call,
                                         const struct capacity_provider *provider, bool with_tags,
                                         struct ecs_capacity_provider *ret);

#endif
