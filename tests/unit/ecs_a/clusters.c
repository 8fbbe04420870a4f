/* Clusters: CreateCluster, DescribeClusters, ListClusters, DeleteCluster, settings, tags. */
#include "world.h"

/* API-072, API-181, CL-029, CL-030; example 17 of API- section 13. */
static void test_create(void **state)
{
    struct world *world = *state;
    const char *answer = world_ok(world, "CreateCluster", "{'clusterName': 'MyCluster'}");

    assert_string_equal(world_text(world, answer, "cluster.clusterArn"), ARN("cluster/MyCluster"));
    assert_string_equal(world_text(world, answer, "cluster.clusterName"), "MyCluster");
    assert_string_equal(world_text(world, answer, "cluster.status"), "ACTIVE");
    assert_int_equal(world_number(world, answer, "cluster.registeredContainerInstancesCount"), 0);
    assert_int_equal(world_number(world, answer, "cluster.runningTasksCount"), 0);
    assert_int_equal(world_number(world, answer, "cluster.pendingTasksCount"), 0);
    assert_int_equal(world_number(world, answer, "cluster.activeServicesCount"), 0);
    assert_int_equal(world_count(world, answer, "cluster.statistics"), 0);
    assert_int_equal(world_count(world, answer, "cluster.tags"), 0);
    assert_int_equal(world_count(world, answer, "cluster.capacityProviders"), 0);
    assert_int_equal(world_count(world, answer, "cluster.defaultCapacityProviderStrategy"), 0);
    assert_string_equal(world_text(world, answer, "cluster.settings.0.name"), "containerInsights");
    assert_string_equal(world_text(world, answer, "cluster.settings.0.value"), "disabled");
}

/* CL-027, API-065: no name is "default"; asking again gives the same cluster, with its tags. */
static void test_create_again(void **state)
{
    struct world *world = *state;
    const char *answer;

    answer = world_ok(world, "CreateCluster", "{'tags': [{'key': 'k', 'value': 'v'}]}");
    assert_string_equal(world_text(world, answer, "cluster.clusterName"), "default");
    answer = world_ok(world, "CreateCluster", "{'clusterName': 'default', 'tags': []}");
    assert_string_equal(world_text(world, answer, "cluster.tags.0.value"), "v");
    answer = world_ok(world, "ListClusters", "{}");
    assert_int_equal(world_count(world, answer, "clusterArns"), 1);
}

static void test_create_refusals(void **state)
{
    static const struct {
        const char *why, *json, *text;
    } rows[] = {
        {"API-035", "{'clusterName': 'a b'}",
         "Cluster must match ^[a-zA-Z0-9\\-_]{1,255}$, but was a b"},
        {"CL-040: value", "{'settings': [{'name': 'containerInsights', 'value': 'maybe'}]}",
         "maybe"},
        {"CL-040: name", "{'settings': [{'name': 'other', 'value': 'enabled'}]}", "name"},
        {"API-039: reserved", "{'tags': [{'key': 'AWS:x', 'value': 'v'}]}", "aws:"},
        {"API-039: twice", "{'tags': [{'key': 'x', 'value': 'v'}, {'key': 'x', 'value': 'w'}]}",
         "Duplicate"},
        {"API-068", "{'configuration': {'executeCommandConfiguration': {'logging': 'OVERRIDE'}}}",
         "logConfiguration"},
        {"CL-075", "{'capacityProviders': ['mine']}",
         "The specified capacity provider 'mine' is not in an ACTIVE state. Specify a valid "
         "capacity provider and try "
         "again."},
        {"CL-075",
         "{'defaultCapacityProviderStrategy': [{'capacityProvider': 'FARGATE', 'weight': 1}]}",
         "not associated"},
        {"CL-072",
         "{'capacityProviders': ['FARGATE', 'FARGATE_SPOT'], 'defaultCapacityProviderStrategy': "
         "[{'capacityProvider': "
         "'FARGATE', 'base': 1, 'weight': 1}, {'capacityProvider': 'FARGATE_SPOT', 'base': 1, "
         "'weight': 1}]}",
         "base"},
        {"CL-073",
         "{'capacityProviders': ['FARGATE', 'FARGATE_SPOT'], 'defaultCapacityProviderStrategy': "
         "[{'capacityProvider': "
         "'FARGATE'}, {'capacityProvider': 'FARGATE_SPOT'}]}",
         "weight"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refused(world, "CreateCluster", rows[i].json, API_INVALID_PARAMETER, rows[i].text);
    assert_int_equal(world_count(world, world_ok(world, "ListClusters", "{}"), "clusterArns"), 0);
}

/* CL-018 (W18), CL-035 */
static void test_create_with_providers(void **state)
{
    struct world *world = *state;
    const char *answer = world_ok(
        world, "CreateCluster",
        "{'capacityProviders': ['FARGATE', 'FARGATE_SPOT'], 'defaultCapacityProviderStrategy': "
        "[{'capacityProvider': 'FARGATE', 'weight': 1}]}");

    assert_string_equal(world_text(world, answer, "cluster.status"), "ACTIVE");
    assert_int_equal(world_count(world, answer, "cluster.capacityProviders"), 2);
    assert_int_equal(world_number(world, answer, "cluster.defaultCapacityProviderStrategy.0.base"),
                     0);
    assert_int_equal(
        world_number(world, answer, "cluster.defaultCapacityProviderStrategy.0.weight"), 1);
}

/* API-049, API-073, API-074, CL-047 */
static void test_describe(void **state)
{
    struct world *world = *state;
    const char *answer;

    answer = world_ok(world, "DescribeClusters", "{}");
    assert_int_equal(world_count(world, answer, "clusters"), 0);
    assert_string_equal(world_text(world, answer, "failures.0.arn"), ARN("cluster/default"));
    assert_string_equal(world_text(world, answer, "failures.0.reason"), "MISSING");

    world_ok(
        world, "CreateCluster",
        "{'clusterName': 'a', 'tags': [{'key': 'k', 'value': 'v'}], 'settings': [{'name': "
        "'containerInsights', 'value': "
        "'enhanced'}], 'configuration': {'executeCommandConfiguration': {'logging': 'NONE'}}}");
    world_register_instance(world, "a");
    answer =
        world_ok(world, "DescribeClusters", "{'clusters': ['a', '%s', 'nope']}", ARN("cluster/a"));
    assert_int_equal(world_count(world, answer, "clusters"), 2);
    assert_int_equal(world_count(world, answer, "failures"), 1);
    assert_int_equal(world_count(world, answer, "clusters.0.tags"), 0);
    assert_int_equal(world_count(world, answer, "clusters.0.settings"), 0);
    assert_int_equal(world_count(world, answer, "clusters.0.statistics"), 0);
    assert_false(world_has(world, answer, "clusters.0.configuration"));
    assert_int_equal(world_number(world, answer, "clusters.0.registeredContainerInstancesCount"),
                     1);

    answer = world_ok(world, "DescribeClusters",
                      "{'clusters': ['a'], 'include': ['TAGS', 'SETTINGS', 'STATISTICS', "
                      "'CONFIGURATIONS', 'ATTACHMENTS']}");
    assert_string_equal(world_text(world, answer, "clusters.0.tags.0.key"), "k");
    assert_string_equal(world_text(world, answer, "clusters.0.settings.0.value"), "enhanced");
    assert_string_equal(
        world_text(world, answer, "clusters.0.configuration.executeCommandConfiguration.logging"),
        "NONE");
    assert_int_equal(world_count(world, answer, "clusters.0.statistics"), 8);
    assert_string_equal(world_text(world, answer, "clusters.0.statistics.0.name"),
                        "runningEC2TasksCount");
    assert_string_equal(world_text(world, answer, "clusters.0.statistics.0.value"), "0");

    world_refused(world, "DescribeClusters", "{'include': ['EVERYTHING']}", API_INVALID_PARAMETER,
                  "include");
    world_refused(
        world, "DescribeClusters", "{'clusters': ['arn:aws:ecs:us-east-1:111111111111:cluster/a']}",
        API_INVALID_PARAMETER, "Identifier is for 111111111111. Your accountId is 000000000000");
}

/* API-081, API-047, CL-042: what is in a cluster keeps it. */
static void test_delete(void **state)
{
    struct world *world = *state;
    const char *instance, *answer;

    world_ok(world, "CreateCluster", "{'clusterName': 'a', 'tags': [{'key': 'k', 'value': 'v'}]}");
    instance = world_register_instance(world, "a");
    world_refused(world, "DeleteCluster", "{'cluster': 'a'}",
                  API_CLUSTER_CONTAINS_CONTAINER_INSTANCES,
                  "Container Instances are active or draining");
    world_make_task(world, "a", instance, "c");
    world_ok(world, "DeregisterContainerInstance",
             "{'cluster': 'a', 'containerInstance': '%s', 'force': true}", instance);
    world_refused(world, "DeleteCluster", "{'cluster': 'a'}", API_CLUSTER_CONTAINS_TASKS,
                  "Tasks are active");
    world_refused(world, "DeleteCluster", "{'cluster': 'b'}", API_CLUSTER_NOT_FOUND,
                  "Cluster not found.");

    world_make_cluster(world, "b");
    answer = world_ok(world, "DeleteCluster", "{'cluster': '%s'}", ARN("cluster/b"));
    assert_string_equal(world_text(world, answer, "cluster.status"), "INACTIVE");
    answer = world_ok(world, "DescribeClusters", "{'clusters': ['b']}");
    assert_string_equal(world_text(world, answer, "clusters.0.status"), "INACTIVE"); /* CL-025 */
    answer = world_ok(world, "ListClusters", "{}");
    assert_int_equal(world_count(world, answer, "clusterArns"), 1);
    world_refused(world, "DeleteCluster", "{'cluster': 'b'}", API_CLUSTER_NOT_FOUND,
                  "The referenced cluster was inactive.");
    world_refused(world, "UpdateContainerInstancesState",
                  "{'cluster': 'b', 'containerInstances': ['0123456789abcdef0123456789abcdef'], "
                  "'status': 'DRAINING'}",
                  API_CLUSTER_NOT_FOUND, "inactive");
}

/* API-065, API-041, CL-044 */
static void test_create_a_deleted_name(void **state)
{
    struct world *world = *state;
    const char *answer;

    world_ok(world, "CreateCluster",
             "{'clusterName': 'a', 'tags': [{'key': 'k', 'value': 'v'}], 'capacityProviders': "
             "['FARGATE']}");
    world_ok(world, "DeleteCluster", "{'cluster': 'a'}");
    answer = world_ok(
        world, "CreateCluster",
        "{'clusterName': 'a', 'settings': [{'name': 'containerInsights', 'value': 'enabled'}]}");
    assert_string_equal(world_text(world, answer, "cluster.status"), "ACTIVE");
    assert_int_equal(world_count(world, answer, "cluster.tags"), 0);
    assert_int_equal(world_count(world, answer, "cluster.capacityProviders"), 0);
    assert_string_equal(world_text(world, answer, "cluster.settings.0.value"), "enabled");
}

/* API-075, API-077 */
static void test_update(void **state)
{
    struct world *world = *state;
    const char *answer;

    world_make_cluster(world, "a");
    answer = world_ok(
        world, "UpdateClusterSettings",
        "{'cluster': 'a', 'settings': [{'name': 'containerInsights', 'value': 'enabled'}]}");
    assert_string_equal(world_text(world, answer, "cluster.settings.0.value"), "enabled");
    answer = world_ok(world, "UpdateCluster",
                      "{'cluster': 'a', 'configuration': {'executeCommandConfiguration': "
                      "{'logging': 'DEFAULT'}}}");
    assert_string_equal(world_text(world, answer, "cluster.settings.0.value"), "enabled");
    assert_string_equal(
        world_text(world, answer, "cluster.configuration.executeCommandConfiguration.logging"),
        "DEFAULT");
    world_refused(world, "UpdateClusterSettings", "{'cluster': 'a', 'settings': []}",
                  API_INVALID_PARAMETER, "ettings");
}

/* API-057 to API-061: what comes and goes between pages neither repeats nor hides what stays. */
static void test_pages(void **state)
{
    struct world *world = *state;
    const char *first, *second, *token;

    for (int i = 0; i < 6; i++)
        world_ok(world, "CreateCluster", "{'clusterName': 'c%d'}", i);
    first = world_ok(world, "ListClusters", "{'maxResults': 3}");
    assert_int_equal(world_count(world, first, "clusterArns"), 3);
    assert_string_equal(world_text(world, first, "clusterArns.2"), ARN("cluster/c2"));
    token = world_text(world, first, "nextToken");
    assert_non_null(token);

    world_ok(world, "DeleteCluster", "{'cluster': 'c2'}"); /* the very place */
    world_ok(world, "DeleteCluster", "{'cluster': 'c3'}");
    world_ok(world, "CreateCluster", "{'clusterName': 'c11'}"); /* before it */
    world_ok(world, "CreateCluster", "{'clusterName': 'c45'}"); /* behind it */
    second = world_ok(world, "ListClusters", "{'maxResults': 3, 'nextToken': '%s'}", token);
    assert_int_equal(world_count(world, second, "clusterArns"), 3);
    assert_string_equal(world_text(world, second, "clusterArns.0"), ARN("cluster/c4"));
    assert_string_equal(world_text(world, second, "clusterArns.1"), ARN("cluster/c45"));
    assert_string_equal(world_text(world, second, "clusterArns.2"), ARN("cluster/c5"));
    assert_false(world_has(world, second, "nextToken"));

    world_refused(world, "ListClusters", "{'maxResults': 0}", API_INVALID_PARAMETER, "maxResults");
    world_refused(world, "ListClusters", "{'maxResults': 101}", API_INVALID_PARAMETER,
                  "maxResults");
    world_refused(world, "ListClusters", "{'nextToken': 'nonsense'}", API_INVALID_PARAMETER,
                  "token");
    world_refused(world, "ListTaskDefinitionFamilies",
                  arena_printf(&world->arena, "{'nextToken': '%s'}", token), API_INVALID_PARAMETER,
                  "token");
    world->region = "eu-west-1"; /* a token is of one region's list */
    world_refused(world, "ListClusters", arena_printf(&world->arena, "{'nextToken': '%s'}", token),
                  API_INVALID_PARAMETER, "token");
    assert_int_equal(world_count(world, world_ok(world, "ListClusters", "{}"), "clusterArns"),
                     0); /* CL-002 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_create_again, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_create_refusals, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_create_with_providers, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_describe, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_delete, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_create_a_deleted_name, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_update, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_pages, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
