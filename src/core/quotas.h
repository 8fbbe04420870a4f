/* quotas.h - how much there may be of what: ECS's service quotas as data (MS-229 to MS-250).
 *
 * One row per quota: a stable name, its code in AWS's Service Quotas where it has one, the
 * documented default and whether AWS adjusts it. Operators override by name (`berth server --quota
 * services-per-cluster=20000`): an adjustable quota may be raised or lowered, a fixed one only
 * lowered. docs/quotas.md is written from the same table.
 *
 * Ownership  A struct quotas is a value; rows and names are constant.
 */
#ifndef BERTH_CORE_QUOTAS_H
#define BERTH_CORE_QUOTAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum quota_name {
    QUOTA_CLUSTERS_PER_REGION,
    QUOTA_INSTANCES_PER_CLUSTER,
    QUOTA_SERVICES_PER_CLUSTER,
    QUOTA_TASKS_PER_SERVICE, /* desiredCount; of a task set's service too */
    QUOTA_CAPACITY_PROVIDERS_PER_CLUSTER,
    QUOTA_ATTRIBUTES_PER_INSTANCE, /* custom ones */
    QUOTA_REVISIONS_PER_FAMILY,    /* deregistered and deleted ones count */
    QUOTA_TASK_DEFINITION_BYTES,
    QUOTA_CONTAINERS_PER_TASK_DEFINITION,
    QUOTA_TASKS_PER_RUN_TASK,       /* count */
    QUOTA_INSTANCES_PER_START_TASK, /* containerInstances */
    QUOTA_SUBNETS_PER_NETWORK_CONFIGURATION,
    QUOTA_SECURITY_GROUPS_PER_NETWORK_CONFIGURATION,
    QUOTA_TAGS_PER_RESOURCE, /* "aws:" ones do not count */
    QUOTA_TARGET_GROUPS_PER_SERVICE,
    QUOTA_CLASSIC_LOAD_BALANCERS_PER_SERVICE,
    QUOTA_CONNECT_SERVICES_PER_SERVICE,   /* serviceConnectConfiguration.services */
    QUOTA_PROVISIONING_TASKS_PER_CLUSTER, /* that wait for a host of their capacity provider */
    QUOTA_COUNT,
};

struct quota_spec {
    const char *name;     /* "services-per-cluster" */
    const char *what;     /* "services per cluster" */
    const char *code;     /* "L-9EF96962"; NULL: has none */
    const char *rests_on; /* IDs of the catalogue */
    int64_t value;        /* the default */
    bool is_adjustable;   /* else the default is the most it may be */
};
const struct quota_spec *quota_spec(enum quota_name name);

struct quotas {
    int64_t values[QUOTA_COUNT]; /* 0: the default; so a zeroed one has all the defaults */
};

/* Overrides one: "name=value". API_INVALID_PARAMETER with a sentence for a name or a value there is
 * not. */
MUST_USE struct error *quotas_set(struct quotas *quotas, const char *assignment);
/* NULL: the default. */
int64_t quota(const struct quotas *quotas, enum quota_name name);
/* What who would exceed it is told: `code` and "At most 5 target groups per service are allowed
 * (quota target-groups-per-service)." */
MUST_USE struct error *quota_error(const struct quotas *quotas, enum quota_name name,
                                   enum api_error code);
/* The table as docs/quotas.md. */
void quotas_write_page(struct buf *page);

#endif
