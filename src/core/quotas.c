#include "core/quotas.h"

#include <inttypes.h>
#include <string.h>

#define VALUE_MAX 1000000000 /* of an adjustable one */

static const struct quota_spec specs[QUOTA_COUNT] = {
    [QUOTA_CLUSTERS_PER_REGION] = {"clusters-per-region", "clusters per region and account",
                                   "L-21C621EB", "MS-229", 10000, true},
    [QUOTA_INSTANCES_PER_CLUSTER] = {"container-instances-per-cluster",
                                     "container instances per cluster", "L-86C34207", "MS-230",
                                     5000, true},
    [QUOTA_SERVICES_PER_CLUSTER] = {"services-per-cluster", "services per cluster", "L-9EF96962",
                                    "MS-231", 5000, true},
    [QUOTA_TASKS_PER_SERVICE] = {"tasks-per-service", "tasks per service", "L-92E49DE3", "MS-232",
                                 5000, true},
    [QUOTA_CAPACITY_PROVIDERS_PER_CLUSTER] = {"capacity-providers-per-cluster",
                                              "capacity providers per cluster", "L-A24B7D58",
                                              "API-079", 10, false},
    [QUOTA_ATTRIBUTES_PER_INSTANCE] = {"attributes-per-container-instance",
                                       "custom attributes per container instance", NULL, "API-172",
                                       10, false},
    [QUOTA_REVISIONS_PER_FAMILY] = {"revisions-per-family", "revisions per task definition family",
                                    "L-B9151B48", "MS-240, TD-010", 1000000, false},
    [QUOTA_TASK_DEFINITION_BYTES] = {"task-definition-bytes", "bytes per task definition", NULL,
                                     "MS-241, TD-012", 64 * 1024, false},
    [QUOTA_CONTAINERS_PER_TASK_DEFINITION] = {"containers-per-task-definition",
                                              "containers per task definition", NULL,
                                              "MS-242, TD-011", 10, false},
    [QUOTA_TASKS_PER_RUN_TASK] = {"tasks-per-run-task", "tasks per RunTask", NULL, "MS-238", 10,
                                  false},
    [QUOTA_INSTANCES_PER_START_TASK] = {"container-instances-per-start-task",
                                        "container instances per StartTask", NULL, "MS-239", 10,
                                        false},
    [QUOTA_SUBNETS_PER_NETWORK_CONFIGURATION] = {"subnets-per-network-configuration",
                                                 "subnets per awsvpcConfiguration", NULL, "MS-243",
                                                 16, false},
    [QUOTA_SECURITY_GROUPS_PER_NETWORK_CONFIGURATION] =
        {"security-groups-per-network-configuration", "security groups per awsvpcConfiguration",
         NULL, "MS-244", 5, false},
    [QUOTA_TAGS_PER_RESOURCE] = {"tags-per-resource", "tags per resource", NULL, "MS-245, API-039",
                                 50, false},
    [QUOTA_TARGET_GROUPS_PER_SERVICE] = {"target-groups-per-service", "target groups per service",
                                         "L-A04A77EF", "MS-237", 5, false},
    [QUOTA_CLASSIC_LOAD_BALANCERS_PER_SERVICE] = {"classic-load-balancers-per-service",
                                                  "classic load balancers per service",
                                                  "L-E4A1E1D7", "MS-236", 1, false},
    [QUOTA_CONNECT_SERVICES_PER_SERVICE] = {"service-connect-services-per-service",
                                            "Service Connect services per service", NULL, "API-212",
                                            30, false},
    [QUOTA_PROVISIONING_TASKS_PER_CLUSTER] = {"provisioning-tasks-per-cluster",
                                              "tasks in PROVISIONING per cluster", NULL, "CL-106",
                                              500, false},
};

const struct quota_spec *quota_spec(enum quota_name name)
{
    return &specs[name];
}

static const struct quota_spec *find(const char *name, size_t len)
{
    for (size_t i = 0; i < QUOTA_COUNT; i++)
        if (strlen(specs[i].name) == len && memcmp(specs[i].name, name, len) == 0)
            return &specs[i];
    return NULL;
}

struct error *quotas_set(struct quotas *quotas, const char *assignment)
{
    size_t len = strcspn(assignment, "=");
    const struct quota_spec *spec = find(assignment, len);
    int64_t most, value;

    if (!assignment[len])
        return error_new(API_INVALID_PARAMETER, "a quota is set as name=value, not '%.128s'",
                         assignment);
    if (!spec)
        return error_new(API_INVALID_PARAMETER, "there is no quota '%.*s'",
                         (int)(len > 128 ? 128 : len), assignment);
    most = spec->is_adjustable ? VALUE_MAX : spec->value;
    if (!str_to_int64(assignment + len + 1, &value) || value < 1 || value > most)
        return error_new(API_INVALID_PARAMETER,
                         "the quota %s is a number from 1 to %" PRId64 "%s, not '%.128s'",
                         spec->name, most,
                         spec->is_adjustable ? "" : " (ECS has it fixed: it may only be lowered)",
                         assignment + len + 1);
    quotas->values[spec - specs] = value;
    return NULL;
}

int64_t quota(const struct quotas *quotas, enum quota_name name)
{
    return quotas && quotas->values[name] ? quotas->values[name] : specs[name].value;
}

struct error *quota_error(const struct quotas *quotas, enum quota_name name, enum api_error code)
{
    return error_new(code, "At most %" PRId64 " %s are allowed (quota %s).", quota(quotas, name),
                     specs[name].what, specs[name].name);
}

void quotas_write_page(struct buf *page)
{
    buf_add_str(
        page,
        "# Quotas\n\n"
        "What there may be at most. `berth server --quota NAME=VALUE` (also of `berth up`; may be "
        "repeated) sets one: an\nadjustable quota may be raised or lowered, the others only "
        "lowered. The code is the quota's in AWS's Service Quotas.\nThis page is written from "
        "`src/core/quotas.c`; a unit test holds the two together.\n\n"
        "| name | what | default | adjustable | code | rests on |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < QUOTA_COUNT; i++)
        buf_printf(page, "| `%s` | %s | %" PRId64 " | %s | %s | %s |\n", specs[i].name,
                   specs[i].what, specs[i].value, specs[i].is_adjustable ? "yes" : "no",
                   specs[i].code ? specs[i].code : "", specs[i].rests_on);
    buf_add_str(page,
                "\nNot here, because nothing can reach them yet: tasks and public addresses on "
                "Fargate (MS-233 to MS-235: no host is\nFargate capacity), sessions of ECS Exec "
                "(MS-246).\n");
}
