/* What agents call: DiscoverPollEndpoint, the Submit calls, ListTagsForResource; and tags of
 * resources. */
#include "world.h"

/* AP-111, API-177: where the agent called us is where it will find us. */
static void test_endpoints(void **state)
{
    struct world *world = *state;
    const char *answer;

    answer = world_ok(world, "DiscoverPollEndpoint",
                      "{'cluster': 'default', 'containerInstance': '%s', 'zoneId': ''}",
                      ARN("container-instance/default/0123456789abcdef0123456789abcdef"));
    assert_string_equal(world_text(world, answer, "endpoint"), "http://127.0.0.1:4566/acs/");
    assert_string_equal(world_text(world, answer, "telemetryEndpoint"),
                        "http://127.0.0.1:4566/tcs/");
    world->is_tls = true;
    world->host = "ecs.example.com";
    answer = world_ok(world, "DiscoverPollEndpoint", "{}");
    assert_string_equal(world_text(world, answer, "endpoint"), "https://ecs.example.com/acs/");
    world->host = "evil/path@";
    answer = world_ok(world, "DiscoverPollEndpoint", "{}");
    assert_string_equal(world_text(world, answer, "endpoint"), "http://fallback:1/acs/");
    world->host = NULL;
    answer = world_ok(world, "DiscoverPollEndpoint", "{}");
    assert_string_equal(world_text(world, answer, "endpoint"), "http://fallback:1/acs/");
}

/* The recorded run of AP-125: running, then stopped; repeats and regressions change nothing
 * (AP-129). */
static void test_task_reports(void **state)
{
    struct world *world = *state;
    const char *instance, *arn, *running, *answer;
    int64_t version;

    world_make_cluster(world, "default");
    instance = world_register_instance(world, "default");
    arn = world_make_task(world, "default", instance, "db");
    running = arena_printf(
        &world->arena,
        "{'cluster': 'default', 'task': '%s', 'status': 'RUNNING', 'reason': '', 'pullStartedAt': "
        "1795159200.5, 'containers': [{'containerName': 'db', 'runtimeId': '2053', 'status': "
        "'RUNNING', "
        "'networkBindings': [{'bindIP': '0.0.0.0', 'containerPort': 80, 'hostPort': 32768, "
        "'protocol': "
        "'tcp'}]}]}",
        arn);
    answer = world_ok(world, "SubmitTaskStateChange", "%s", running);
    assert_non_null(world_text(world, answer, "acknowledgment"));
    assert_int_equal(world_task(world, arn)->last_status, TASK_RUNNING);
    assert_int_equal(world_task(world, arn)->pull_started_at_ms, 1795159200500);
    assert_string_equal(world_task(world, arn)->containers[0].runtime_id, "2053");
    assert_int_equal(world_task(world, arn)->containers[0].network_bindings[0].host_port, 32768);
    version = world_task(world, arn)->version;
    world_ok(world, "SubmitTaskStateChange", "%s", running);
    assert_int_equal(world_task(world, arn)->version, version);

    world_ok(world, "SubmitTaskStateChange",
             "{'cluster': 'default', 'task': '%s', 'status': 'STOPPED', 'reason': '', "
             "'executionStoppedAt': 1795159228.152, "
             "'containers': [{'containerName': 'db', 'runtimeId': '2053', 'exitCode': 137, "
             "'status': 'STOPPED'}]}",
             arn);
    assert_int_equal(world_task(world, arn)->last_status, TASK_STOPPED);
    assert_true(world_task(world, arn)->containers[0].has_exit_code);
    assert_int_equal(world_task(world, arn)->containers[0].exit_code, 137);
    world_ok(world, "SubmitTaskStateChange", "%s", running);
    assert_int_equal(world_task(world, arn)->last_status, TASK_STOPPED);
}

/* AP-129, API-179, API-180 */
static void test_reports_on_others(void **state)
{
    struct world *world = *state;
    const char *other_host, *task, *json, *mine;

    world_make_cluster(world, "default");
    other_host = world_register_instance(world, "default");
    task = world_make_task(world, "default", other_host, "c");
    world_ok(world, "SubmitTaskStateChange",
             "{'cluster': 'default', 'task': '%s', 'status': 'STOPPED'}",
             ARN("task/default/0123456789abcdef0123456789abcdef"));
    world_refused(world, "SubmitTaskStateChange",
                  "{'cluster': 'default', 'task': 'nonsense', 'status': 'STOPPED'}",
                  API_INVALID_PARAMETER, "task");
    world_refused(
        world, "SubmitTaskStateChange",
        "{'task': "
        "'arn:aws:ecs:us-east-1:111111111111:task/default/0123456789abcdef0123456789abcdef'}",
        API_INVALID_PARAMETER, "Identifier is for 111111111111. Your accountId is 000000000000");

    world_become_agent(world, "AKIAAGENT", "default");
    mine = world_register_instance(world, "default");
    world_become_agent(world, "AKIAAGENT", "default");
    json = arena_printf(&world->arena, "{'cluster': 'default', 'task': '%s', 'status': 'STOPPED'}",
                        task);
    world_refused(world, "SubmitTaskStateChange", json, API_ACCESS_DENIED,
                  "ecs:SubmitTaskStateChange");
    json = arena_printf(&world->arena, "{'cluster': 'default', 'task': '%s', 'containerName': 'c'}",
                        task);
    world_refused(world, "SubmitContainerStateChange", json, API_ACCESS_DENIED,
                  "ecs:SubmitContainerStateChange");
    assert_int_equal(world_task(world, task)->last_status, TASK_PENDING);
    world_refused(world, "ListTagsForResource",
                  arena_printf(&world->arena, "{'resourceArn': '%s'}", task), API_ACCESS_DENIED,
                  "ecs:ListTagsForResource");
    world_refused(world, "DiscoverPollEndpoint",
                  arena_printf(&world->arena, "{'containerInstance': '%s'}", other_host),
                  API_ACCESS_DENIED, "ecs:DiscoverPollEndpoint");
    world_ok(world, "DiscoverPollEndpoint", "{'containerInstance': '%s'}", mine);
    world_ok(world, "ListTagsForResource", "{'resourceArn': '%s'}", mine); /* AP-142 */
    task = world_make_task(world, "default", mine, "c");
    world_ok(world, "SubmitTaskStateChange",
             "{'cluster': 'default', 'task': '%s', 'status': 'RUNNING'}", task);
    world_refused(world, "SubmitTaskStateChange",
                  arena_printf(&world->arena,
                               "{'cluster': 'other', 'task': '%s', 'status': 'RUNNING'}",
                               ARN("task/other/0123456789abcdef0123456789abcdef")),
                  API_ACCESS_DENIED, ARN("cluster/other"));
}

/* AP-132, AP-133 */
static void test_lesser_reports(void **state)
{
    struct world *world = *state;
    const char *instance, *arn;

    world_make_cluster(world, "default");
    instance = world_register_instance(world, "default");
    arn = world_make_task(world, "default", instance, "c");
    world_ok(world, "SubmitContainerStateChange",
             "{'cluster': 'default', 'task': '%s', 'containerName': 'c', 'runtimeId': 'abc', "
             "'status': 'RUNNING'}",
             arn);
    assert_string_equal(world_task(world, arn)->containers[0].runtime_id, "abc");
    world_refused(world, "SubmitContainerStateChange",
                  arena_printf(&world->arena, "{'cluster': 'default', 'task': '%s'}", arn),
                  API_INVALID_PARAMETER, "ontainer");
    world_ok(world, "SubmitAttachmentStateChanges",
             "{'cluster': 'default', 'attachments': [{'attachmentArn': '" ARN(
                 "attachment/x") "', 'status': 'ATTACHED'}]}");
}

/* ---- tags (API-174, API-039 to API-041) ---- */

static void test_tags(void **state)
{
    struct world *world = *state;
    const char *resources[4], *answer;
    size_t count = 0;

    world_make_cluster(world, "default");
    resources[count++] = ARN("cluster/default");
    resources[count++] = world_register_instance(world, "default");
    resources[count++] = world_make_task(world, "default", resources[1], "c");
    world_ok(world, "RegisterTaskDefinition",
             "{'family': 'f', 'containerDefinitions': [{'name': 'c', 'image': 'i', 'memory': 8}]}");
    resources[count++] = ARN("task-definition/f:1");
    for (size_t i = 0; i < count; i++) {
        world_ok(world, "TagResource",
                 "{'resourceArn': '%s', 'tags': [{'key': 'a', 'value': '1'}, {'key': 'b', 'value': "
                 "''}]}",
                 resources[i]);
        world_ok(world, "TagResource",
                 "{'resourceArn': '%s', 'tags': [{'key': 'c', 'value': '3'}, {'key': 'a', 'value': "
                 "'2'}]}",
                 resources[i]);
        answer = world_ok(world, "ListTagsForResource", "{'resourceArn': '%s'}", resources[i]);
        assert_int_equal(world_count(world, answer, "tags"), 3);
        assert_string_equal(world_text(world, answer, "tags.0.value"), "2");
        assert_string_equal(world_text(world, answer, "tags.1.value"), "");
        assert_string_equal(world_text(world, answer, "tags.2.key"), "c");
        world_ok(world, "UntagResource", "{'resourceArn': '%s', 'tagKeys': ['a', 'nope']}",
                 resources[i]);
        answer = world_ok(world, "ListTagsForResource", "{'resourceArn': '%s'}", resources[i]);
        assert_int_equal(world_count(world, answer, "tags"), 2);
        assert_string_equal(world_text(world, answer, "tags.0.key"), "b");
    }
}

static void test_tag_refusals(void **state)
{
    static const struct {
        const char *why, *operation, *json, *text;
        enum api_error code;
    } rows[] = {
        {"API-040", "TagResource",
         "{'resourceArn': '" ARN(
             "task/0123456789abcdef0123456789abcdef") "', 'tags': [{'key': 'k'}]}",
         "Long arn format must be used for tagging operations", API_INVALID_PARAMETER},
        {"unknown", "TagResource",
         "{'resourceArn': '" ARN("task/default/0123456789abcdef0123456789abcdef") "', 'tags': "
                                                                                  "[{'key': 'k'}]}",
         "not found", API_RESOURCE_NOT_FOUND},
        {"unknown", "UntagResource",
         "{'resourceArn': '" ARN("task-definition/f:1") "', 'tagKeys': ['k']}", "not found",
         API_RESOURCE_NOT_FOUND},
        {"unknown", "ListTagsForResource", "{'resourceArn': '" ARN("service/default/s") "'}",
         "not found", API_INVALID_PARAMETER},
        {"unknown", "ListTagsForResource", "{'resourceArn': '" ARN("cluster/x") "'}",
         "Cluster not found.", API_CLUSTER_NOT_FOUND},
        {"no ARN", "ListTagsForResource", "{'resourceArn': 'default'}", "Invalid resource ARN",
         API_INVALID_PARAMETER},
        {"another account", "ListTagsForResource",
         "{'resourceArn': 'arn:aws:ecs:us-east-1:111111111111:cluster/default'}",
         "Identifier is for 111111111111", API_INVALID_PARAMETER},
        {"API-039", "TagResource",
         "{'resourceArn': '" ARN("cluster/default") "', 'tags': [{'key': 'aws:x'}]}",
         "aws:", API_INVALID_PARAMETER},
        {"API-039", "UntagResource",
         "{'resourceArn': '" ARN("cluster/default") "', 'tagKeys': ['aws:x']}",
         "aws:", API_INVALID_PARAMETER},
    };
    struct world *world = *state;

    world_make_cluster(world, "default");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refused(world, rows[i].operation, rows[i].json, rows[i].code, rows[i].text);
}

/* MS-245 */
static void test_tag_limit(void **state)
{
    CLEANUP(buf_done) struct buf tags = {0};
    struct world *world = *state;

    world_make_cluster(world, "default");
    for (int i = 0; i < 50; i++)
        buf_printf(&tags, "%s{'key': 'k%d', 'value': 'v'}", i ? ", " : "", i);
    world_ok(world, "TagResource", "{'resourceArn': '" ARN("cluster/default") "', 'tags': [%s]}",
             tags.data);
    world_refused(world, "TagResource",
                  "{'resourceArn': '" ARN(
                      "cluster/default") "', 'tags': [{'key': 'one-more', 'value': 'v'}]}",
                  API_INVALID_PARAMETER, "50");
    world_ok(
        world, "TagResource",
        "{'resourceArn': '" ARN("cluster/default") "', 'tags': [{'key': 'k7', 'value': 'other'}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_endpoints, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_task_reports, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_reports_on_others, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_lesser_reports, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_tags, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_tag_refusals, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(test_tag_limit, world_setup, world_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
