/* Capacity providers: made, changed, deleted, described, associated with clusters; strategies. */
#include "control/capacity.h"
#include "ecs/capacity_strategy.h"
#include "ecs/names.h"
#include "world.h"

#define GROUP(name)                                                                                \
    "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:1-2-3:autoScalingGroupName/" name
#define IN_PROGRESS "UPDATE_IN_PROGRESS"

/* What a request left wanted is done: control's part, here when the test says. */
static void settle(struct world *world)
{
    capacity_settle_all(world->state);
}

static const char *make(struct world *world, const char *name, const char *managed_scaling)
{
    return world_ok(world, "CreateCapacityProvider",
                    "{'name': '%s', 'autoScalingGroupProvider': {'autoScalingGroupArn': 'g-%s', "
                    "'managedScaling': {'status': '%s'}}}",
                    name, name, managed_scaling);
}

static const char *describe(struct world *world, const char *name)
{
    return world_ok(world, "DescribeCapacityProviders",
                    "{'capacityProviders': ['%s'], 'include': ['TAGS']}", name);
}

static const char *describe_cluster(struct world *world, const char *name)
{
    return world_ok(world, "DescribeClusters", "{'clusters': ['%s'], 'include': ['ATTACHMENTS']}",
                    name);
}

static void expect_text(struct world *world, const char *answer, const char *path,
                        const char *wanted)
{
    const char *found = world_text(world, answer, path);

    if (!found || strcmp(found, wanted) != 0)
        fail_msg("%s is %s, not %s, in %s", path, found, wanted, answer);
}

/* ---- providers ---- */

/* CL-053, CL-054, example W8 */
static void test_create(void **state)
{
    struct world *world = *state;
    const char *answer =
        world_ok(world, "CreateCapacityProvider",
                 "{'name': 'CLItutorial', 'autoScalingGroupProvider': {'autoScalingGroupArn': "
                 "'" GROUP("g") "', 'managedScaling': {'status': 'ENABLED', 'targetCapacity': 100, "
                                "'minimumScalingStepSize': 1, 'maximumScalingStepSize': 100}, "
                                "'managedTerminationProtection': 'ENABLED'}, 'tags': [{'key': 'k', "
                                "'value': 'v'}]}");

#define P "capacityProvider."
#define G P "autoScalingGroupProvider."
    expect_text(world, answer, P "capacityProviderArn", ARN("capacity-provider/CLItutorial"));
    expect_text(world, answer, P "name", "CLItutorial");
    expect_text(world, answer, P "status", "ACTIVE");
    expect_text(world, answer, P "type", "EC2_AUTOSCALING");
    expect_text(world, answer, P "tags.0.key", "k");
    expect_text(world, answer, G "autoScalingGroupArn", GROUP("g"));
    expect_text(world, answer, G "managedScaling.status", "ENABLED");
    assert_int_equal(world_number(world, answer, G "managedScaling.maximumScalingStepSize"), 100);
    expect_text(world, answer, G "managedTerminationProtection", "ENABLED");
    assert_false(world_has(world, answer, P "updateStatus"));
}

/* CL-055, API-084: what is not given. */
static void test_defaults(void **state)
{
    struct world *world = *state;
    const char *answer = world_ok(world, "CreateCapacityProvider",
                                  "{'name': 'p', 'autoScalingGroupProvider': "
                                  "{'autoScalingGroupArn': 'my group'}}");

    expect_text(world, answer, G "managedScaling.status", "DISABLED");
    assert_int_equal(world_number(world, answer, G "managedScaling.targetCapacity"), 100);
    assert_int_equal(world_number(world, answer, G "managedScaling.minimumScalingStepSize"), 1);
    assert_int_equal(world_number(world, answer, G "managedScaling.maximumScalingStepSize"), 10000);
    assert_int_equal(world_number(world, answer, G "managedScaling.instanceWarmupPeriod"), 300);
    expect_text(world, answer, G "managedTerminationProtection", "DISABLED");
    expect_text(world, answer, G "managedDraining", "ENABLED");
    assert_int_equal(world_count(world, answer, P "tags"), 0);
}

#define ASG(rest)     "{'name': 'p', 'autoScalingGroupProvider': {'autoScalingGroupArn': 'g'" rest "}}"
#define SCALING(rest) ASG(", 'managedScaling': {" rest "}")
#define MANAGED(role, rest)                                                                        \
    "{'name': 'p', 'cluster': 'c', 'managedInstancesProvider': {'infrastructureRoleArn': '" role   \
    "', 'instanceLaunchTemplate': {'ec2InstanceProfileArn': "                                      \
    "'arn:aws:iam::1:instance-profile/i', 'networkConfiguration': {'subnets': ['s']}" rest "}}}"
#define ROLE "arn:aws:iam::1:role/r"
#define REQUIRES(rest)                                                                             \
    MANAGED(ROLE,                                                                                  \
            ", 'instanceRequirements': {'vCpuCount': {'min': 1}, 'memoryMiB': {'min': 1}, " rest   \
            "}")

static void test_create_refusals(void **state)
{
    static const struct {
        const char *why, *json;
        enum api_error code;
        const char *text;
    } rows[] = {
        {"API-083: characters",
         "{'name': 'a b', 'autoScalingGroupProvider': "
         "{'autoScalingGroupArn': 'g'}}",
         API_INVALID_PARAMETER, "name"},
        {"API-083: aws",
         "{'name': 'awsome', 'autoScalingGroupProvider': "
         "{'autoScalingGroupArn': 'g'}}",
         API_INVALID_PARAMETER, "cannot begin with aws"},
        {"API-083: ECS",
         "{'name': 'ECS-1', 'autoScalingGroupProvider': "
         "{'autoScalingGroupArn': 'g'}}",
         API_INVALID_PARAMETER, "cannot begin with"},
        {"API-083: Fargate",
         "{'name': 'Fargate2', 'autoScalingGroupProvider': "
         "{'autoScalingGroupArn': 'g'}}",
         API_INVALID_PARAMETER, "cannot begin with"},
        {"CL-051: FARGATE",
         "{'name': 'FARGATE', 'autoScalingGroupProvider': "
         "{'autoScalingGroupArn': 'g'}}",
         API_INVALID_PARAMETER, "cannot begin with"},
        {"neither kind", "{'name': 'p'}", API_INVALID_PARAMETER, "either"},
        {"API-083: group", "{'name': 'p', 'autoScalingGroupProvider': {}}", API_INVALID_PARAMETER,
         "autoScalingGroupArn"},
        {"CL-058: an empty group",
         "{'name': 'p', 'autoScalingGroupProvider': "
         "{'autoScalingGroupArn': ''}}",
         API_INVALID_PARAMETER, "autoScalingGroupArn"},
        {"CL-058: another service",
         "{'name': 'p', 'autoScalingGroupProvider': "
         "{'autoScalingGroupArn': 'arn:aws:ecs:us-east-1:1:cluster/c'}}",
         API_INVALID_PARAMETER, "Auto Scaling group ARN is not valid"},
        {"CL-058: no group in it",
         "{'name': 'p', 'autoScalingGroupProvider': "
         "{'autoScalingGroupArn': 'arn:aws:autoscaling:us-east-1:1:autoScalingGroup:1'}}",
         API_INVALID_PARAMETER, "Auto Scaling group ARN is not valid"},
        {"CL-056: 0", SCALING("'targetCapacity': 0"), API_INVALID_PARAMETER, "targetCapacity"},
        {"CL-056: 101", SCALING("'targetCapacity': 101"), API_INVALID_PARAMETER, "targetCapacity"},
        {"CL-055: step 0", SCALING("'minimumScalingStepSize': 0"), API_INVALID_PARAMETER,
         "minimumScalingStepSize"},
        {"CL-055: step 10001", SCALING("'maximumScalingStepSize': 10001"), API_INVALID_PARAMETER,
         "maximumScalingStepSize"},
        {"CL-055: steps", SCALING("'minimumScalingStepSize': 3, 'maximumScalingStepSize': 2"),
         API_INVALID_PARAMETER, "minimumScalingStepSize (3)"},
        {"CL-055: warm-up", SCALING("'instanceWarmupPeriod': 10001"), API_INVALID_PARAMETER,
         "instanceWarmupPeriod"},
        {"CL-052: status", SCALING("'status': 'MAYBE'"), API_INVALID_PARAMETER, "status"},
        {"API-085: no managed scaling", ASG(", 'managedTerminationProtection': 'ENABLED'"),
         API_INVALID_PARAMETER, "managed scaling must be enabled"},
        {"managed draining", ASG(", 'managedDraining': 'ON'"), API_INVALID_PARAMETER,
         "managedDraining"},
        {"API-039",
         "{'name': 'p', 'autoScalingGroupProvider': {'autoScalingGroupArn': 'g'}, "
         "'tags': [{'key': 'aws:x', 'value': 'v'}]}",
         API_INVALID_PARAMETER, "aws:"},
        {"a cluster for a group",
         "{'name': 'p', 'cluster': 'c', 'autoScalingGroupProvider': "
         "{'autoScalingGroupArn': 'g'}}",
         API_INVALID_PARAMETER, "cluster"},
        {"managed instances", MANAGED(ROLE, ""), API_UNSUPPORTED_FEATURE, "Managed Instances"},
        {"managed instances: role", MANAGED("arn:aws:iam::1:user/r", ""), API_INVALID_PARAMETER,
         "infrastructureRoleArn"},
        {"managed instances: range", REQUIRES("'acceleratorCount': {'min': 2, 'max': 1}"),
         API_INVALID_PARAMETER, "acceleratorCount"},
        {"managed instances: types",
         REQUIRES("'allowedInstanceTypes': ['a'], 'excludedInstanceTypes': ['b']"),
         API_INVALID_PARAMETER, "allowedInstanceTypes"},
        {"managed instances: storage",
         MANAGED(ROLE, ", 'storageConfiguration': {'storageSizeGiB': 0}"), API_INVALID_PARAMETER,
         "storageSizeGiB"},
        {"managed instances: no cluster",
         "{'name': 'p', 'managedInstancesProvider': {'infrastructureRoleArn': '" ROLE "', "
         "'instanceLaunchTemplate': {'ec2InstanceProfileArn': 'arn:aws:iam::1:instance-profile/i', "
         "'networkConfiguration': {'subnets': ['s']}}}}",
         API_INVALID_PARAMETER, "cluster must be specified"},
    };
    struct world *world = *state;

    world_make_cluster(world, "c");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refused(world, "CreateCapacityProvider", rows[i].json, rows[i].code, rows[i].text);
    assert_int_equal(
        world_count(world, world_ok(world, "DescribeCapacityProviders", "{}"), "capacityProviders"),
        2);
}

/* CL-060 and the texts of API- section 3; a deleted name and its group are free again. */
static void test_create_again(void **state)
{
    struct world *world = *state;
    const char *answer;

    make(world, "p", "DISABLED");
    world_refused(world, "CreateCapacityProvider", ASG(""), API_CLIENT,
                  "The specified capacity provider already exists. To change the configuration of "
                  "an existing capacity provider, update the capacity provider.");
    world_refused(world, "CreateCapacityProvider",
                  "{'name': 'q', 'autoScalingGroupProvider': {'autoScalingGroupArn': 'g-p'}}",
                  API_CLIENT,
                  "The specified Auto Scaling group ARN is already being used by another capacity "
                  "provider. Specify a unique Auto Scaling group ARN and try again.");
    world_ok(world, "DeleteCapacityProvider", "{'capacityProvider': 'p'}");
    settle(world);
    answer = world_ok(world, "CreateCapacityProvider",
                      "{'name': 'q', 'autoScalingGroupProvider': {'autoScalingGroupArn': 'g-p'}}");
    expect_text(world, answer, P "status", "ACTIVE");
    answer = world_ok(world, "CreateCapacityProvider", ASG(""));
    expect_text(world, answer, P "status", "ACTIVE");
    assert_false(world_has(world, answer, P "updateStatus"));
}

/* API-086 */
static void test_update(void **state)
{
    struct world *world = *state;
    const char *answer;

    make(world, "p", "ENABLED");
    answer = world_ok(world, "UpdateCapacityProvider",
                      "{'name': 'p', 'autoScalingGroupProvider': {'managedScaling': "
                      "{'targetCapacity': 90}, 'managedDraining': 'DISABLED'}}");
    expect_text(world, answer, P "status", "ACTIVE");
    expect_text(world, answer, P "updateStatus", IN_PROGRESS);
    expect_text(world, answer, G "managedScaling.status", "ENABLED"); /* what is not given stays */
    assert_int_equal(world_number(world, answer, G "managedScaling.targetCapacity"), 90);
    expect_text(world, answer, G "managedDraining", "DISABLED");
    settle(world);
    answer = describe(world, ARN("capacity-provider/p"));
    expect_text(world, answer, "capacityProviders.0.updateStatus", "UPDATE_COMPLETE");
    assert_int_equal(world_number(world, answer,
                                  "capacityProviders.0.autoScalingGroupProvider.managedScaling."
                                  "targetCapacity"),
                     90);

    world_refused(world, "UpdateCapacityProvider",
                  "{'name': 'p', 'autoScalingGroupProvider': {'managedScaling': {'status': "
                  "'DISABLED'}, 'managedTerminationProtection': 'ENABLED'}}",
                  API_INVALID_PARAMETER, "managed scaling must be enabled");
    world_refused(world, "UpdateCapacityProvider",
                  "{'name': 'p', 'autoScalingGroupProvider': {'managedScaling': "
                  "{'minimumScalingStepSize': 10000, 'maximumScalingStepSize': 9999}}}",
                  API_INVALID_PARAMETER, "minimumScalingStepSize (10000)");
    world_refused(world, "UpdateCapacityProvider", "{'name': 'p'}", API_INVALID_PARAMETER,
                  "autoScalingGroupProvider");
    world_refused(world, "UpdateCapacityProvider",
                  "{'name': 'none', 'autoScalingGroupProvider': {}}", API_INVALID_PARAMETER,
                  "does not exist");
    world_refused(world, "UpdateCapacityProvider",
                  "{'name': 'FARGATE', 'autoScalingGroupProvider': {}}", API_INVALID_PARAMETER,
                  "reserved");
}

/* API-087, CL-061 */
static void test_delete(void **state)
{
    struct world *world = *state;
    const char *answer;

    make(world, "p", "DISABLED");
    world_ok(world, "CreateCluster", "{'clusterName': 'c', 'capacityProviders': ['p']}");
    answer = world_ok(world, "DeleteCapacityProvider", "{'capacityProvider': 'p'}");
    expect_text(world, answer, P "status", "ACTIVE");
    expect_text(world, answer, P "updateStatus", "DELETE_FAILED");
    expect_text(world, answer, P "updateStatusReason",
                "The capacity provider cannot be deleted because it is associated with cluster: c. "
                "Remove the capacity provider from the cluster and try again.");

    world_ok(world, "PutClusterCapacityProviders",
             "{'cluster': 'c', 'capacityProviders': [], 'defaultCapacityProviderStrategy': []}");
    settle(world);
    answer = world_ok(world, "DeleteCapacityProvider", "{'capacityProvider': '%s'}",
                      ARN("capacity-provider/p/0123-4567")); /* CL-054: the old form */
    expect_text(world, answer, P "status", "ACTIVE");
    expect_text(world, answer, P "updateStatus", "DELETE_IN_PROGRESS");
    assert_false(world_has(world, answer, P "updateStatusReason"));
    world_refused(world, "DeleteCapacityProvider", "{'capacityProvider': 'p'}",
                  API_UPDATE_IN_PROGRESS, "in progress");
    world_refused(world, "UpdateCapacityProvider", "{'name': 'p', 'autoScalingGroupProvider': {}}",
                  API_CLIENT, "being deleted");
    world_refused(world, "PutClusterCapacityProviders",
                  "{'cluster': 'c', 'capacityProviders': ['p'], "
                  "'defaultCapacityProviderStrategy': []}",
                  API_INVALID_PARAMETER, "'p' is not in an ACTIVE state");
    settle(world);
    answer = describe(world, "p");
    expect_text(world, answer, "capacityProviders.0.status", "INACTIVE");
    expect_text(world, answer, "capacityProviders.0.updateStatus", "DELETE_COMPLETE");
    answer = world_ok(world, "DescribeCapacityProviders", "{}");
    assert_int_equal(world_count(world, answer, "capacityProviders"), 2);

    world_refused(world, "DeleteCapacityProvider", "{'capacityProvider': 'p'}",
                  API_INVALID_PARAMETER, "does not exist");
    world_refused(world, "DeleteCapacityProvider", "{'capacityProvider': 'FARGATE_SPOT'}",
                  API_INVALID_PARAMETER, "reserved");
    world_refused(world, "DeleteCapacityProvider",
                  "{'capacityProvider': "
                  "'arn:aws:ecs:us-east-1:111111111111:capacity-provider/p'}",
                  API_INVALID_PARAMETER, "Identifier is for 111111111111");
    world_refused(world, "DeleteCapacityProvider", "{'capacityProvider': '" ARN("cluster/c") "'}",
                  API_INVALID_PARAMETER, "Capacity Provider Identifier is invalid");
}

/* API-049, API-058, API-062, API-088 */
static void test_describe(void **state)
{
    struct world *world = *state;
    const char *answer, *token;

    for (int i = 0; i < 20; i++)
        make(world, arena_printf(&world->arena, "p%02d", i), "DISABLED");
    answer = world_ok(world, "DescribeCapacityProviders", "{}");
    assert_int_equal(world_count(world, answer, "capacityProviders"), 10);
    expect_text(world, answer, "capacityProviders.0.capacityProviderArn",
                ARN("capacity-provider/FARGATE"));
    expect_text(world, answer, "capacityProviders.0.type", "FARGATE");
    expect_text(world, answer, "capacityProviders.1.name", "FARGATE_SPOT");
    expect_text(world, answer, "capacityProviders.9.name", "p07");
    token = world_text(world, answer, "nextToken");
    world_ok(world, "DeleteCapacityProvider", "{'capacityProvider': 'p07'}");
    world_ok(world, "DeleteCapacityProvider", "{'capacityProvider': 'p08'}");
    settle(world);
    answer = world_ok(world, "DescribeCapacityProviders", "{'nextToken': '%s'}", token);
    assert_int_equal(world_count(world, answer, "capacityProviders"), 10);
    expect_text(world, answer, "capacityProviders.0.name", "p09");
    answer = world_ok(world, "DescribeCapacityProviders", "{'nextToken': '%s'}",
                      world_text(world, answer, "nextToken"));
    assert_int_equal(world_count(world, answer, "capacityProviders"), 1);
    assert_false(world_has(world, answer, "nextToken"));

    answer = world_ok(world, "DescribeCapacityProviders",
                      "{'capacityProviders': ['p01', 'none', 'FARGATE'], 'maxResults': 2}");
    expect_text(world, answer, "capacityProviders.0.name", "p01");
    expect_text(world, answer, "failures.0.arn", ARN("capacity-provider/none"));
    expect_text(world, answer, "failures.0.reason", "MISSING");
    token = world_text(world, answer, "nextToken");
    world_refused(world, "DescribeCapacityProviders",
                  arena_printf(&world->arena, "{'nextToken': '%s'}", token), API_INVALID_PARAMETER,
                  "token");
    answer =
        world_ok(world, "DescribeCapacityProviders",
                 "{'capacityProviders': ['p01', 'none', 'FARGATE'], 'nextToken': '%s'}", token);
    expect_text(world, answer, "capacityProviders.0.name", "FARGATE");
    assert_int_equal(world_count(world, answer, "failures"), 0);
    world_refused(world, "DescribeCapacityProviders", "{'maxResults': 11}", API_INVALID_PARAMETER,
                  "maxResults");
    world_refused(world, "DescribeCapacityProviders", "{'include': ['ALL']}", API_INVALID_PARAMETER,
                  "include");

    world_ok(world, "CreateCluster", "{'clusterName': 'c', 'capacityProviders': ['p01']}");
    answer = world_ok(world, "DescribeCapacityProviders", "{'cluster': 'c'}");
    assert_int_equal(world_count(world, answer, "capacityProviders"), 1);
    answer = world_ok(world, "DescribeCapacityProviders",
                      "{'cluster': 'c', 'capacityProviders': ['p02']}");
    expect_text(world, answer, "failures.0.reason", "MISSING");
}

/* ---- clusters ---- */

/* API-072, CL-024, CL-036, examples W9 and W10; example W15: it ends through DEPROVISIONING. */
static void test_a_cluster_with_managed_scaling(void **state)
{
    struct world *world = *state;
    const char *answer;

    make(world, "one", "ENABLED");
    make(world, "two", "ENABLED");
    make(world, "three", "DISABLED");
    answer = world_ok(world, "CreateCluster",
                      "{'clusterName': 'c', 'capacityProviders': ['one', '%s', 'three', "
                      "'FARGATE'], 'defaultCapacityProviderStrategy': [{'capacityProvider': "
                      "'one', 'weight': 1, 'base': 1}, {'capacityProvider': 'two', 'weight': 1}]}",
                      ARN("capacity-provider/two"));
    expect_text(world, answer, "cluster.status", "PROVISIONING");
    expect_text(world, answer, "cluster.attachmentsStatus", IN_PROGRESS);
    assert_int_equal(world_count(world, answer, "cluster.attachments"), 2);
    expect_text(world, answer, "cluster.attachments.0.type", "asp");
    expect_text(world, answer, "cluster.attachments.0.status", "PRECREATED");
    assert_int_equal(strlen(world_text(world, answer, "cluster.attachments.0.id")), 36);
    expect_text(world, answer, "cluster.attachments.1.details.0.name", "capacityProviderName");
    expect_text(world, answer, "cluster.attachments.1.details.0.value", "two");
    expect_text(world, answer, "cluster.attachments.1.details.1.name", "scalingPlanName");
    assert_int_equal(strncmp(world_text(world, answer, "cluster.attachments.1.details.1.value"),
                             "ECSManagedAutoScalingPlan-", 26),
                     0);
    expect_text(world, answer, "cluster.capacityProviders.1", "two");
    assert_int_equal(world_number(world, answer, "cluster.defaultCapacityProviderStrategy.0.base"),
                     1);
    assert_int_equal(world_number(world, answer, "cluster.defaultCapacityProviderStrategy.1.base"),
                     0);
    world_refused(
        world, "PutClusterCapacityProviders",
        "{'cluster': 'c', 'capacityProviders': [], 'defaultCapacityProviderStrategy': []}",
        API_CLIENT, "Cluster was not ACTIVE.");
    world_refused(world, "DeleteCluster", "{'cluster': 'c'}", API_UPDATE_IN_PROGRESS,
                  "in progress");

    settle(world);
    answer = describe_cluster(world, "c");
    expect_text(world, answer, "clusters.0.status", "ACTIVE");
    expect_text(world, answer, "clusters.0.attachmentsStatus", "UPDATE_COMPLETE");
    expect_text(world, answer, "clusters.0.attachments.0.status", "CREATED");
    answer = world_ok(world, "DescribeClusters", "{'clusters': ['c']}");
    assert_false(world_has(world, answer, "clusters.0.attachments"));
    assert_false(world_has(world, answer, "clusters.0.attachmentsStatus"));

    answer = world_ok(world, "DeleteCluster", "{'cluster': 'c'}");
    expect_text(world, answer, "cluster.status", "DEPROVISIONING");
    world_refused(world, "UpdateCluster", "{'cluster': 'c'}", API_CLUSTER_NOT_FOUND,
                  "The referenced cluster was inactive.");
    settle(world);
    answer = describe_cluster(world, "c");
    expect_text(world, answer, "clusters.0.status", "INACTIVE");
    assert_false(world_has(world, answer, "clusters.0.attachments"));
    world_ok(world, "DeleteCapacityProvider", "{'capacityProvider': 'one'}"); /* API-082 */
    settle(world);
    expect_text(world, describe(world, "one"), "capacityProviders.0.status", "INACTIVE");
}

/* API-071, CL-060, CL-143: managed scaling is of one cluster; switched, attachments follow. */
static void test_one_cluster_for_managed_scaling(void **state)
{
    struct world *world = *state;
    const char *answer;

    make(world, "p", "ENABLED");
    world_ok(world, "CreateCluster", "{'clusterName': 'c', 'capacityProviders': ['p']}");
    settle(world);
    world_refused(world, "CreateCluster", "{'clusterName': 'd', 'capacityProviders': ['p']}",
                  API_INVALID_PARAMETER, "already associated with the cluster c");
    world_ok(world, "UpdateCapacityProvider",
             "{'name': 'p', 'autoScalingGroupProvider': {'managedScaling': {'status': "
             "'DISABLED'}}}");
    expect_text(world, describe_cluster(world, "c"), "clusters.0.attachments.0.status", "DELETING");
    settle(world);
    assert_false(world_has(world, describe_cluster(world, "c"), "clusters.0.attachments"));
    answer = world_ok(world, "CreateCluster", "{'clusterName': 'd', 'capacityProviders': ['p']}");
    expect_text(world, answer, "cluster.status", "ACTIVE");
    world_refused(world, "UpdateCapacityProvider",
                  "{'name': 'p', 'autoScalingGroupProvider': {'managedScaling': {'status': "
                  "'ENABLED'}}}",
                  API_INVALID_PARAMETER, "more than one cluster");
    world_ok(world, "DeleteCluster", "{'cluster': 'd'}");
    world_ok(world, "UpdateCapacityProvider",
             "{'name': 'p', 'autoScalingGroupProvider': {'managedScaling': {'status': "
             "'ENABLED'}}}");
    expect_text(world, describe_cluster(world, "c"), "clusters.0.attachments.0.status",
                "PRECREATED");
}

/* API-078, API-080, CL-082 */
static void test_put(void **state)
{
    struct world *world = *state;
    const char *answer;

    make(world, "p", "ENABLED");
    world_make_cluster(world, "c");
    answer = world_ok(world, "PutClusterCapacityProviders",
                      "{'cluster': 'c', 'capacityProviders': ['p', 'FARGATE'], "
                      "'defaultCapacityProviderStrategy': [{'capacityProvider': 'p'}]}");
    expect_text(world, answer, "cluster.status", "ACTIVE");
    expect_text(world, answer, "cluster.attachmentsStatus", IN_PROGRESS);
    expect_text(world, answer, "cluster.attachments.0.status", "PRECREATED");
    expect_text(world, answer, "cluster.defaultCapacityProviderStrategy.0.capacityProvider", "p");
    world_refused(
        world, "PutClusterCapacityProviders",
        "{'cluster': 'c', 'capacityProviders': [], 'defaultCapacityProviderStrategy': []}",
        API_UPDATE_IN_PROGRESS, "busy");
    settle(world);
    answer = world_ok(world, "PutClusterCapacityProviders",
                      "{'cluster': 'c', 'capacityProviders': ['FARGATE'], "
                      "'defaultCapacityProviderStrategy': []}");
    assert_int_equal(world_count(world, answer, "cluster.capacityProviders"), 1);
    assert_int_equal(world_count(world, answer, "cluster.defaultCapacityProviderStrategy"), 0);
    expect_text(world, answer, "cluster.attachments.0.status", "DELETING");
    settle(world);
    answer = describe_cluster(world, "c");
    expect_text(world, answer, "clusters.0.attachmentsStatus", "UPDATE_COMPLETE");
    assert_false(world_has(world, answer, "clusters.0.attachments"));
    /* The same again is no update. */
    answer = world_ok(world, "PutClusterCapacityProviders",
                      "{'cluster': 'c', 'capacityProviders': ['FARGATE'], "
                      "'defaultCapacityProviderStrategy': [{'capacityProvider': 'FARGATE'}]}");
    expect_text(world, answer, "cluster.attachmentsStatus", "UPDATE_COMPLETE");
}

/* API-079, CL-083, example W19: what a task runs on stays. */
static void test_put_in_use(void **state)
{
    struct world *world = *state;
    struct task *task;
    struct txn *txn;

    world_ok(world, "CreateCluster",
             "{'clusterName': 'c', 'capacityProviders': ['FARGATE', 'FARGATE_SPOT']}");
    txn = txn_begin(world->state, state_scope(world->state, REGION, ACCOUNT));
    task = task_new();
    task->id = id_new(&world->rng, world->now_ms);
    task_set_cluster(task, "c");
    task_set_family(task, "f");
    task->last_status = TASK_RUNNING;
    task->desired_status = TASK_RUNNING;
    task_set_capacity_provider(task, "FARGATE_SPOT");
    task = txn_insert_task(txn, task);
    txn_commit(txn);
    world_refused(world, "PutClusterCapacityProviders",
                  "{'cluster': 'c', 'capacityProviders': ['FARGATE'], "
                  "'defaultCapacityProviderStrategy': []}",
                  API_RESOURCE_IN_USE,
                  "The specified capacity provider is in use and cannot be removed.");
    txn = txn_begin(world->state, state_scope(world->state, REGION, ACCOUNT));
    task = txn_edit_task(txn, task);
    task->desired_status = TASK_STOPPED;
    task->last_status = TASK_STOPPED;
    txn_commit(txn);
    world_ok(world, "PutClusterCapacityProviders",
             "{'cluster': 'c', 'capacityProviders': ['FARGATE'], "
             "'defaultCapacityProviderStrategy': []}");
}

/* ---- strategies ---- */

#define ITEM(name, rest) "{'capacityProvider': '" name "'" rest "}"

static const struct {
    const char *why, *providers, *strategy, *text; /* text NULL: accepted */
} strategies[] = {
    {"API-078: none of either", "", "", NULL},
    {"CL-071: by ARN", "'a'", ITEM(ARN("capacity-provider/a"), ""), NULL},
    {"CL-073: one without weight", "'a'", ITEM("a", ""), NULL},
    {"CL-072: base without weight", "'a'", ITEM("a", ", 'base': 100000"), NULL},
    {"CL-073: weights", "'a', 'b'", ITEM("a", ", 'weight': 1000") ", " ITEM("b", ""), NULL},
    {"CL-074: Fargate alone", "'a', 'FARGATE', 'FARGATE_SPOT'",
     ITEM("FARGATE", ", 'weight': 1") ", " ITEM("FARGATE_SPOT", ", 'weight': 1"), NULL},
    {"CL-070: seven", "'a'",
     ITEM("a", "") ", " ITEM("a", "") ", " ITEM("a", "") ", " ITEM("a", "") ", " ITEM(
         "a", "") ", " ITEM("a", "") ", " ITEM("a", ""),
     "6"},
    {"CL-075: not associated", "'a'", ITEM("b", ""),
     "The specified capacity provider strategy cannot contain a capacity provider that is not "
     "associated with the cluster. Associate the capacity provider with the cluster and try "
     "again."},
    {"CL-072: two bases", "'a', 'b'",
     ITEM("a", ", 'base': 1, 'weight': 1") ", " ITEM("b", ", 'base': 1"), "base"},
    {"CL-072: base too high", "'a'", ITEM("a", ", 'base': 100001"), "base"},
    {"CL-072: negative base", "'a'", ITEM("a", ", 'base': -1"), "base"},
    {"CL-073: weight too high", "'a'", ITEM("a", ", 'weight': 1001"), "weight"},
    {"CL-073: no weight", "'a', 'b'", ITEM("a", ", 'base': 1") ", " ITEM("b", ""), "weight"},
    {"CL-074: mixed", "'a', 'FARGATE'",
     ITEM("a", ", 'weight': 1") ", " ITEM("FARGATE", ", 'weight': 1"),
     "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling "
     "groups and Fargate providers. Specify one or the other and try again."},
    {"twice", "'a'", ITEM("a", ", 'weight': 1") ", " ITEM("a", ""), "twice"},
    {"no name", "'a'", ITEM("", ""), "Capacity provider cannot be empty."},
    {"API-079: unknown provider", "'x'", "",
     "The specified capacity provider 'x' is not in an ACTIVE state. Specify a valid capacity "
     "provider and try again."},
    {"listed twice", "'a', 'a'", "", "listed twice"},
    {"API-079: eleven", "'1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11'", "",
     "The maximum number of capacity providers per cluster has been exceeded."},
};

/* API-069, CL-070 to CL-075: the same in CreateCluster and PutClusterCapacityProviders. */
static void test_strategies(void **state)
{
    static const char *const operations[] = {"PutClusterCapacityProviders", "CreateCluster"};
    struct world *world = *state;

    make(world, "a", "DISABLED");
    make(world, "b", "DISABLED");
    world_make_cluster(world, "c");
    for (size_t i = 0; i < 2 * ARRAY_LEN(strategies); i++) {
        size_t row = i / 2;
        CLEANUP(error_freep) struct error *err = NULL;
        const char *answer;
        const char *json = arena_printf(
            &world->arena,
            "{'%s': 'c', 'capacityProviders': [%s], 'defaultCapacityProviderStrategy': [%s]}",
            i % 2 ? "clusterName" : "cluster", strategies[row].providers, strategies[row].strategy);

        err = world_call(world, operations[i % 2], json, &answer);
        if (!err != !strategies[row].text || (err && (err->code != API_INVALID_PARAMETER ||
                                                      !strstr(err->message, strategies[row].text))))
            fail_msg("%s: %s: %s", operations[i % 2], strategies[row].why,
                     err ? err->message : "accepted");
        settle(world);
    }
}

/* API-076, API-117, API-133, CL-077: what a request for tasks comes to. */
static void test_resolve(void **state)
{
    static struct ecs_capacity_provider_strategy_item spot = {.capacity_provider = "FARGATE_SPOT"};
    static const struct {
        const char *why, *cluster;
        enum ecs_launch_type asked;
        bool is_strategy_asked;
        enum ecs_launch_type wanted;
        const char *provider, *text;
    } rows[] = {
        {"neither, no default", "bare", 0, false, ECS_LAUNCH_TYPE_EC2, NULL, NULL},
        {"neither, default of a group", "groups", 0, false, ECS_LAUNCH_TYPE_EC2, "a", NULL},
        {"neither, default of Fargate", "fargate", 0, false, ECS_LAUNCH_TYPE_FARGATE, "FARGATE",
         NULL},
        {"launch type", "fargate", ECS_LAUNCH_TYPE_EXTERNAL, false, ECS_LAUNCH_TYPE_EXTERNAL, NULL,
         NULL},
        {"strategy", "fargate", 0, true, ECS_LAUNCH_TYPE_FARGATE, "FARGATE_SPOT", NULL},
        {"strategy of no provider of the cluster", "bare", 0, true, 0, NULL, "not associated"},
        {"both", "fargate", ECS_LAUNCH_TYPE_FARGATE, true, 0, NULL,
         "Specifying both a launch type and capacity provider strategy is not supported"},
    };
    struct world *world = *state;
    struct call call = {.region = REGION,
                        .account = ACCOUNT,
                        .arena = &world->arena,
                        .rng = &world->rng,
                        .service = &world->ecs};

    make(world, "a", "DISABLED");
    world_make_cluster(world, "bare");
    world_ok(world, "CreateCluster",
             "{'clusterName': 'groups', 'capacityProviders': ['a'], "
             "'defaultCapacityProviderStrategy': [{'capacityProvider': 'a'}]}");
    world_ok(world, "CreateCluster",
             "{'clusterName': 'fargate', 'capacityProviders': ['FARGATE', 'FARGATE_SPOT'], "
             "'defaultCapacityProviderStrategy': [{'capacityProvider': 'FARGATE'}]}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(error_freep) struct error *err = NULL;
        struct ecs_capacity_provider_strategy strategy = {
            .is_set = true, .count = rows[i].is_strategy_asked, .items = &spot};
        struct capacity_choice choice = {0};
        const char *provider;

        err =
            capacity_resolve(&call, state_cluster(world->state, call_scope(&call), rows[i].cluster),
                             rows[i].asked, &strategy, &choice);
        if (err && (!rows[i].text || !strstr(err->message, rows[i].text)))
            fail_msg("%s: %s", rows[i].why, err->message);
        if (!err && rows[i].text)
            fail_msg("%s: accepted", rows[i].why);
        provider = choice.strategy.count ? choice.strategy.items[0].capacity_provider : NULL;
        if (!err && (choice.launch_type != rows[i].wanted || !!provider != !!rows[i].provider ||
                     (provider && strcmp(provider, rows[i].provider) != 0)))
            fail_msg("%s: %d by %s", rows[i].why, (int)choice.launch_type, provider);
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        EACH(test_create),
        EACH(test_defaults),
        EACH(test_create_refusals),
        EACH(test_create_again),
        EACH(test_update),
        EACH(test_delete),
        EACH(test_describe),
        EACH(test_a_cluster_with_managed_scaling),
        EACH(test_one_cluster_for_managed_scaling),
        EACH(test_put),
        EACH(test_put_in_use),
        EACH(test_strategies),
        EACH(test_resolve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
