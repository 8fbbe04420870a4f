/* Requests gone wrong at random: whatever comes, a call is answered or refused with an error it
 * declares, changes nothing when refused, and what was registered can be described (world_call()
 * checks the first two).
 */
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

#define CALLS 6000

static const struct {
    const char *operation, *json;
} seeds[] = {
    {"RegisterTaskDefinition",
     "{'family': 'f', 'cpu': '1024', 'memory': '2048', 'volumes': [{'name': 'v', 'host': "
     "{'sourcePath': '/x'}}, "
     "{'name': 'w'}, {'name': 'e', 'efsVolumeConfiguration': {'fileSystemId': 'fs', "
     "'transitEncryption': 'ENABLED', "
     "'authorizationConfig': {'iam': 'ENABLED'}}}], 'executionRoleArn': 'r', "
     "'placementConstraints': [{'type': "
     "'memberOf', 'expression': 'x'}], 'runtimePlatform': {'cpuArchitecture': 'ARM64'}, 'tags': "
     "[{'key': 'k', 'value': "
     "'v'}], 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 64, 'environment': "
     "[{'name': 'a', 'value': "
     "'b'}], 'secrets': [{'name': 's', 'valueFrom': 'x'}], 'links': ['d'], 'command': ['x'], "
     "'portMappings': "
     "[{'containerPort': 80, 'hostPort': 8080, 'name': 'web'}, {'containerPortRange': "
     "'8000-8010'}], 'mountPoints': "
     "[{'sourceVolume': 'v', 'containerPath': '/v'}], 'volumesFrom': [{'sourceContainer': 'd'}], "
     "'linuxParameters': "
     "{'capabilities': {'add': ['ALL']}, 'tmpfs': [{'containerPath': '/x', 'size': 1, "
     "'mountOptions': ['ro']}], "
     "'devices': [{'hostPath': 'x'}], 'initProcessEnabled': true}, 'dependsOn': [{'containerName': "
     "'d', 'condition': "
     "'START'}], 'logConfiguration': {'logDriver': 'awslogs', 'options': {'awslogs-group': 'g', "
     "'awslogs-region': "
     "'r'}, 'secretOptions': [{'name': 'a', 'valueFrom': 'b'}]}, 'healthCheck': {'command': "
     "['CMD', 'x']}, "
     "'systemControls': [{'namespace': 'net.x', 'value': '1'}], 'resourceRequirements': [{'type': "
     "'GPU', 'value': "
     "'1'}], 'dockerSecurityOptions': ['label:x'], 'dnsSearchDomains': ['a'], 'extraHosts': "
     "[{'hostname': 'a', "
     "'ipAddress': 'b'}], 'ulimits': [{'name': 'cpu', 'softLimit': 1, 'hardLimit': 2}], 'user': "
     "'a:b'}, {'name': 'd', "
     "'image': 'i', 'essential': false, 'firelensConfiguration': null}]}"},
    {"RegisterContainerInstance", "{'cluster': 'default', 'clientToken': 'x', "
                                  "'instanceIdentityDocument': '{}', 'attributes': [{'name': 'a', "
                                  "'value': 'b'}, {'name': 'ecs.x'}], 'totalResources': [{'name': "
                                  "'CPU', 'integerValue': 1}, {'name': 'PORTS', "
                                  "'stringSetValue': ['22']}], 'platformDevices': [{'id': 'g', "
                                  "'type': 'GPU'}], 'tags': [{'key': 'k', 'value': "
                                  "'v'}], 'versionInfo': {'agentVersion': '1'}}"},
    {"SubmitTaskStateChange", "{'cluster': 'default', 'task': '0123456789abcdef0123456789abcdef', "
                              "'status': 'RUNNING', 'containers': "
                              "[{'containerName': 'c', 'networkBindings': [{'bindIP': '0.0.0.0', "
                              "'protocol': 'tcp'}]}], 'pullStartedAt': 1.5}"},
    {"CreateCluster", "{'clusterName': 'z', 'tags': [{'key': 'k', 'value': 'v'}], 'settings': "
                      "[{'name': 'containerInsights', 'value': "
                      "'enabled'}], 'capacityProviders': ['FARGATE'], "
                      "'defaultCapacityProviderStrategy': [{'capacityProvider': "
                      "'FARGATE', 'weight': 1}], 'configuration': {'executeCommandConfiguration': "
                      "{'logging': 'NONE'}}}"},
    {"DescribeClusters", "{'clusters': ['default', 'x'], 'include': ['TAGS', 'SETTINGS']}"},
    {"TagResource",
     "{'resourceArn': '" ARN("cluster/default") "', 'tags': [{'key': 'a', 'value': 'b'}]}"},
    {"UntagResource", "{'resourceArn': '" ARN("cluster/default") "', 'tagKeys': ['a']}"},
    {"ListTaskDefinitions",
     "{'familyPrefix': 'f', 'nextToken': '1a', 'sort': 'DESC', 'maxResults': 5}"},
    {"ListContainerInstances", "{'status': 'ACTIVE', 'maxResults': 5}"},
    {"DescribeContainerInstances",
     "{'containerInstances': ['0123456789abcdef0123456789abcdef'], 'include': ['TAGS']}"},
};

static json_t *something_else(struct rng *rng)
{
    switch (rng_below(rng, 9)) {
    case 0:
        return json_null();
    case 1:
        return json_string("");
    case 2:
        return json_integer(-1);
    case 3:
        return json_integer(70000);
    case 4:
        return json_array();
    case 5:
        return json_object();
    case 6:
        return json_string(ARN("task/default/x"));
    case 7:
        return json_true();
    default:
        return json_string("d");
    }
}

static json_t *mutate(const json_t *json, struct rng *rng)
{
    const char *name;
    json_t *value, *made;
    size_t i;

    if (rng_below(rng, 200) == 0)
        return something_else(rng);
    if (json_is_object(json)) {
        made = json_object();
        json_object_foreach ((json_t *)json, name, value)
            if (rng_below(rng, 40) != 0)
                json_object_set_new(made, name, mutate(value, rng));
        return made;
    }
    if (json_is_array(json)) {
        made = json_array();
        json_array_foreach (json, i, value) {
            if (rng_below(rng, 20) != 0)
                json_array_append_new(made, mutate(value, rng));
            if (rng_below(rng, 20) == 0)
                json_array_append_new(made, mutate(value, rng));
        }
        return made;
    }
    return json_deep_copy(json);
}

static const char *mutated(struct world *world, const char *json, struct rng *rng)
{
    char *text = arena_dup(&world->arena, json);
    json_t *tree, *changed;

    for (char *at = text; *at; at++)
        if (*at == '\'')
            *at = '"';
    tree = json_loads(text, 0, NULL);
    assert_non_null(tree);
    changed = mutate(tree, rng);
    text = json_dumps(changed, JSON_ENCODE_ANY | JSON_COMPACT);
    json_decref(tree);
    json_decref(changed);
    json = arena_dup(&world->arena, text);
    free(text);
    return json;
}

static void test_mutations(void **state)
{
    const char *seed_text = getenv("BERTH_TEST_SEED");
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
    struct rng rng = rng_seeded(seed);
    struct world *world = *state;
    size_t accepted = 0;

    print_message("BERTH_TEST_SEED=%llu\n", (unsigned long long)seed);
    world_make_cluster(world, "default");
    for (int i = 0; i < CALLS; i++) {
        size_t at = rng_below(&rng, 2) ? 0 : rng_below(&rng, ARRAY_LEN(seeds));
        const char *json = mutated(world, seeds[at].json, &rng);
        CLEANUP(error_freep) struct error *err = NULL;
        const char *answer;

        err = world_call_text(world, seeds[at].operation, json, &answer);
        accepted += !err;
        if (!err && at == 0)
            world_ok(world, "DescribeTaskDefinition", "{'taskDefinition': '%s'}",
                     world_text(world, answer, "taskDefinition.taskDefinitionArn"));
        arena_reset(&world->arena);
    }
    assert_true(accepted > CALLS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mutations, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
