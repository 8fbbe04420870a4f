/* Decoding and encoding by the model: absent, null, unknown, wrong types, bounds, patterns, limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "gen/agent_shapes.h"
#include "gen/ecs_shapes.h"

static struct error *decode(struct arena *arena, unsigned shape, unsigned flags, const char *text,
                            void *ret)
{
    return shape_decode_text(&ecs_shapes[shape], flags, arena, text, strlen(text), ret);
}

/* Requests a rule of the model refuses, with the code and a piece of the sentence. */
static const struct {
    const char *why;
    unsigned shape;
    const char *text;
    enum api_error code;
    const char *says;
} refused[] = {
    {"API-003: not JSON", ECS_SHAPE_CREATE_CLUSTER_REQUEST, "{\"clusterName\":", API_SERIALIZATION,
     "not JSON"},
    {"API-003: not an object", ECS_SHAPE_CREATE_CLUSTER_REQUEST, "[]", API_SERIALIZATION,
     "must be an object"},
    {"API-003: a number where a string belongs", ECS_SHAPE_CREATE_CLUSTER_REQUEST,
     "{\"clusterName\":7}", API_SERIALIZATION, "clusterName must be a string, but is a number."},
    {"API-003: a string where a list belongs", ECS_SHAPE_DESCRIBE_TASKS_REQUEST,
     "{\"tasks\":\"a\"}", API_SERIALIZATION, "tasks must be a list, but is a string."},
    {"API-003: a string where a boolean belongs", ECS_SHAPE_RUN_TASK_REQUEST,
     "{\"taskDefinition\":\"a\",\"enableECSManagedTags\":\"true\"}", API_SERIALIZATION,
     "enableECSManagedTags must be true or false"},
    {"API-003: text after the object", ECS_SHAPE_CREATE_CLUSTER_REQUEST, "{} {}", API_SERIALIZATION,
     "not JSON"},
    {"API-003: bytes that are not UTF-8", ECS_SHAPE_CREATE_CLUSTER_REQUEST,
     "{\"clusterName\":\"\xc3\x28\"}", API_SERIALIZATION, "not JSON"},
    {"API-003: an embedded NUL", ECS_SHAPE_CREATE_CLUSTER_REQUEST,
     "{\"clusterName\":\"a\\u0000b\"}", API_SERIALIZATION, "not JSON"},
    {"API-006: a fraction for an Integer", ECS_SHAPE_RUN_TASK_REQUEST,
     "{\"taskDefinition\":\"a\",\"count\":1.5}", API_SERIALIZATION, "count must be a whole number"},
    {"API-006: more than 32 bits for an Integer", ECS_SHAPE_RUN_TASK_REQUEST,
     "{\"taskDefinition\":\"a\",\"count\":2147483648}", API_SERIALIZATION,
     "count must be a whole number of 32 bits"},
    {"API-007: an ISO string for a time", ECS_SHAPE_SUBMIT_TASK_STATE_CHANGE_REQUEST,
     "{\"pullStartedAt\":\"2026-11-20T08:30:00Z\"}", API_SERIALIZATION, "pullStartedAt must be"},
    {"API-030: a required member is missing", ECS_SHAPE_RUN_TASK_REQUEST, "{}",
     API_INVALID_PARAMETER, "taskDefinition is required."},
    {"API-030: a required member is null", ECS_SHAPE_RUN_TASK_REQUEST, "{\"taskDefinition\":null}",
     API_INVALID_PARAMETER, "taskDefinition is required."},
    {"API-030: missing inside a list, with its place", ECS_SHAPE_RUN_TASK_REQUEST,
     "{\"taskDefinition\":\"a\",\"capacityProviderStrategy\":[{\"capacityProvider\":\"x\"},{}]}",
     API_INVALID_PARAMETER, "capacityProviderStrategy[1].capacityProvider is required."},
    {"API-029: RegisterTaskDefinition refuses with ClientException",
     ECS_SHAPE_REGISTER_TASK_DEFINITION_REQUEST, "{\"family\":\"f\"}", API_CLIENT,
     "containerDefinitions is required."},
    {"API-005: enums are case-sensitive", ECS_SHAPE_RUN_TASK_REQUEST,
     "{\"taskDefinition\":\"a\",\"launchType\":\"ec2\"}", API_INVALID_PARAMETER,
     "launchType must be one of [EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES], but is 'ec2'."},
    {"API-045: an unknown include", ECS_SHAPE_DESCRIBE_CLUSTERS_REQUEST,
     "{\"include\":[\"TAGS\",\"NOPE\"]}", API_INVALID_PARAMETER, "include[1] must be one of"},
    {"API-029: over the maximum", ECS_SHAPE_RUN_TASK_REQUEST,
     "{\"taskDefinition\":\"a\",\"count\":11}", API_INVALID_PARAMETER,
     "count must be between 1 and 10, but is 11."},
    {"API-061: maxResults 0", ECS_SHAPE_LIST_CLUSTERS_REQUEST, "{\"maxResults\":0}",
     API_INVALID_PARAMETER, "maxResults must be between 1 and 100, but is 0."},
    {"API-058: ListAccountSettings pages by 10", ECS_SHAPE_LIST_ACCOUNT_SETTINGS_REQUEST,
     "{\"maxResults\":11}", API_INVALID_PARAMETER, "maxResults must be between 1 and 10"},
    {"API-063: eleven services", ECS_SHAPE_DESCRIBE_SERVICES_REQUEST,
     "{\"services\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"]}",
     API_INVALID_PARAMETER, "services must have between 1 and 10 items, but has 11."},
    {"API section 3: the text for no tasks", ECS_SHAPE_DESCRIBE_TASKS_REQUEST, "{\"tasks\":[]}",
     API_INVALID_PARAMETER, "Tasks cannot be empty."},
    {"API section 3: the text for a long startedBy", ECS_SHAPE_LIST_TASKS_REQUEST,
     "{\"startedBy\":\"0123456789012345678901234567890123456\"}", API_INVALID_PARAMETER,
     "ownerId longer than 36."},
    {"API-035: the text for a cluster name", ECS_SHAPE_CREATE_CLUSTER_REQUEST,
     "{\"clusterName\":\"a b\"}", API_INVALID_PARAMETER,
     "Cluster must match ^[a-zA-Z0-9\\-_]{1,255}$, but was a b"},
    {"API-035: an empty cluster name", ECS_SHAPE_CREATE_CLUSTER_REQUEST, "{\"clusterName\":\"\"}",
     API_INVALID_PARAMETER, "Cluster must match"},
    {"API-035: the text for a family", ECS_SHAPE_REGISTER_TASK_DEFINITION_REQUEST,
     "{\"family\":\"a.b\",\"containerDefinitions\":[]}", API_CLIENT,
     "Family contains invalid characters."},
    {"API-039: a tag key of 129 characters", ECS_SHAPE_TAG,
     "{\"key\":\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
     "23456789012345678901234567890123456789012345678\"}",
     API_INVALID_PARAMETER, "key must have between 1 and 128 characters, but has 129."},
    {"API-039: a tag value with a character that is not allowed", ECS_SHAPE_TAG,
     "{\"key\":\"k\",\"value\":\"a;b\"}", API_INVALID_PARAMETER, "value must match"},
    {"API-004: null in a list has no meaning", ECS_SHAPE_DESCRIBE_TASKS_REQUEST,
     "{\"tasks\":[null]}", API_INVALID_PARAMETER, "tasks[0] must not be null."},
};

static void refuses_what_the_model_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct arena arena = {0};
        void *ret = arena_alloc(&arena, ecs_shapes[refused[i].shape].size);
        struct error *err = decode(&arena, refused[i].shape, 0, refused[i].text, ret);

        if (!err)
            fail_msg("%s: was taken", refused[i].why);
        if (err->code != refused[i].code)
            fail_msg("%s: is %s, not %s", refused[i].why, api_error_name(err->code),
                     api_error_name(refused[i].code));
        if (!strstr(err->message, refused[i].says))
            fail_msg("%s: says '%s'", refused[i].why, err->message);
        error_free(err);
        arena_done(&arena);
    }
}

static const struct {
    const char *why;
    unsigned shape;
    const char *text;
} taken[] = {
    {"API-004: unknown members are ignored", ECS_SHAPE_CREATE_CLUSTER_REQUEST,
     "{\"fromTheFuture\":{\"deep\":[1,{\"x\":null}]}}"},
    {"API-004: null is absent", ECS_SHAPE_UPDATE_SERVICE_REQUEST,
     "{\"service\":\"s\",\"enableExecuteCommand\":null,\"networkConfiguration\":null}"},
    {"API-006: a whole number written with a fraction", ECS_SHAPE_RUN_TASK_REQUEST,
     "{\"taskDefinition\":\"a\",\"count\":1e0}"},
    {"API-034: a cluster may be anything here, resolving it is the handler's",
     ECS_SHAPE_RUN_TASK_REQUEST,
     "{\"taskDefinition\":\"a\",\"cluster\":\"arn:aws:ecs:x:1:cluster/c\"}"},
    {"API-039: letters of any script, spaces and the signs", ECS_SHAPE_TAG,
     "{\"key\":\"Gr\xc3\xb6\xc3\x9f"
     "e \xe6\x97\xa5\xe6\x9c\xac _.:/=+-@\",\"value\":\"\"}"},
    {"API-039: length counts characters, not bytes", ECS_SHAPE_TAG,
     "{\"key\":"
     "\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
     "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3"
     "\xa4\xc3"
     "\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
     "\xc3\xa4"
     "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3"
     "\xa4\xc3"
     "\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
     "\xc3\xa4"
     "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"}"},
};

static void takes_what_the_model_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        struct arena arena = {0};
        void *ret = arena_alloc(&arena, ecs_shapes[taken[i].shape].size);
        struct error *err = decode(&arena, taken[i].shape, 0, taken[i].text, ret);

        if (err)
            fail_msg("%s: %s", taken[i].why, err->message);
        arena_done(&arena);
    }
}

/* API-148: an empty list clears, an absent one leaves alone. */
static void tells_absent_from_empty_and_zero(void **state)
{
    struct arena arena = {0};
    struct ecs_update_service_request in = {0};

    (void)state;
    assert_null(decode(&arena, ECS_SHAPE_UPDATE_SERVICE_REQUEST, 0,
                       "{\"service\":\"\",\"desiredCount\":0,\"loadBalancers\":[]}", &in));
    assert_string_equal(in.service, "");
    assert_true(in.has_desired_count);
    assert_int_equal(in.desired_count, 0);
    assert_true(in.load_balancers.is_set);
    assert_int_equal(in.load_balancers.count, 0);
    assert_false(in.placement_constraints.is_set);
    assert_null(in.task_definition);
    assert_null(in.network_configuration);
    assert_false(in.has_enable_execute_command);
    arena_done(&arena);
}

static void fills_every_kind_of_member(void **state)
{
    static const char text[] =
        "{\"family\":\"f\",\"networkMode\":\"bridge\",\"cpu\":\"256\",\"containerDefinitions\":[{"
        "\"name\":\"c\",\"cpu\":10,\"essential\":true,\"command\":[\"a\",\"b\"],"
        "\"dockerLabels\":{\"k\":\"v\",\"gone\":null},"
        "\"healthCheck\":{\"command\":[\"CMD\",\"x\"],\"interval\":30},"
        "\"portMappings\":[{\"containerPort\":80,\"protocol\":\"udp\"}]}]}";
    struct arena arena = {0};
    struct ecs_register_task_definition_request in = {0};
    const struct ecs_container_definition *container;
    json_t *json = json_loads(text, 0, NULL);

    (void)state;
    assert_null(ecs_decode_register_task_definition_request(&arena, json, &in));
    json_decref(json); /* what was decoded does not need it */
    assert_int_equal(in.network_mode, ECS_NETWORK_MODE_BRIDGE);
    assert_int_equal(in.container_definitions.count, 1);
    container = &in.container_definitions.items[0];
    assert_true(container->has_cpu && container->cpu == 10);
    assert_true(container->has_essential && container->essential);
    assert_false(container->has_memory);
    assert_int_equal(container->command.count, 2);
    assert_string_equal(container->command.items[1], "b");
    assert_int_equal(container->docker_labels.count, 1);
    assert_string_equal(container->docker_labels.items[0].key, "k");
    assert_string_equal(container->docker_labels.items[0].value, "v");
    assert_string_equal(container->health_check->command.items[0], "CMD");
    assert_int_equal(container->port_mappings.items[0].protocol, ECS_TRANSPORT_PROTOCOL_UDP);
    arena_done(&arena);
}

/* API-007 */
static void reads_times_in_every_form(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {
        {"1795159228", 1795159228000},
        {"1795159228.152", 1795159228152},
        {"1.795159228152E9", 1795159228152},
        {"0", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct arena arena = {0};
        struct ecs_submit_task_state_change_request in = {0};
        char *text = arena_printf(&arena, "{\"executionStoppedAt\":%s}", times[i].text);

        assert_null(decode(&arena, ECS_SHAPE_SUBMIT_TASK_STATE_CHANGE_REQUEST, 0, text, &in));
        assert_true(in.has_execution_stopped_at_ms);
        assert_int_equal(in.execution_stopped_at_ms, times[i].ms);
        arena_done(&arena);
    }
}

static void refuses_unknown_members_when_strict(void **state)
{
    struct arena arena = {0};
    struct ecs_create_cluster_request in = {0};
    struct error *err = decode(&arena, ECS_SHAPE_CREATE_CLUSTER_REQUEST, SHAPE_STRICT,
                               "{\"tags\":[{\"key\":\"a\",\"valve\":\"b\"}]}", &in);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, API_SERIALIZATION);
    assert_string_equal(err->message, "tags[0].valve is not a member of Tag.");
    error_free(err);
    arena_done(&arena);
}

static void refuses_what_is_too_deep(void **state)
{
    struct arena arena = {0};
    struct ecs_create_cluster_request in = {0};
    struct buf text = {0};
    struct error *err;

    (void)state;
    buf_add_str(&text, "{\"x\":");
    for (int i = 0; i < 100000; i++)
        buf_add_char(&text, '[');
    err = decode(&arena, ECS_SHAPE_CREATE_CLUSTER_REQUEST, 0, text.data, &in);
    assert_non_null(err);
    assert_int_equal(err->code, API_SERIALIZATION);
    error_free(err);
    buf_done(&text);

    /* Brackets inside strings are no depth, escaped quotes do not end them. */
    buf_add_str(&text, "{\"clusterName\":\"x\",\"y\":\"");
    for (int i = 0; i < 100; i++)
        buf_add_str(&text, "[{\\\"");
    buf_add_str(&text, "\"}");
    assert_null(decode(&arena, ECS_SHAPE_CREATE_CLUSTER_REQUEST, 0, text.data, &in));
    buf_done(&text);
    arena_done(&arena);
}

/* A small body must not become a big memory: a list of empty containers. */
static void refuses_what_would_take_too_much_memory(void **state)
{
    struct arena arena = {0};
    struct ecs_register_task_definition_request in = {0};
    struct buf text = {0};
    struct error *err;

    (void)state;
    buf_add_str(&text, "{\"family\":\"f\",\"containerDefinitions\":[{}");
    for (int i = 0; i < 300000; i++)
        buf_add_str(&text, ",{}");
    buf_add_str(&text, "]}");
    err = decode(&arena, ECS_SHAPE_REGISTER_TASK_DEFINITION_REQUEST, 0, text.data, &in);
    assert_non_null(err);
    assert_int_equal(err->code, API_REQUEST_ENTITY_TOO_LARGE);
    error_free(err);
    buf_done(&text);
    arena_done(&arena);
}

/* API-012 to API-014: what is unset is left out, but for what ECS always shows. */
static void writes_what_is_always_there(void **state)
{
    struct buf buf = {0};
    struct ecs_cluster cluster = {.cluster_name = "c"};
    struct ecs_cluster *shown = &cluster;
    struct ecs_create_cluster_response out = {.cluster = shown};
    struct ecs_container_definition container = {.name = "c"};
    struct ecs_list_clusters_response none = {0};

    (void)state;
    ecs_encode_create_cluster_response(&buf, &out);
    assert_string_equal(
        buf.data, "{\"cluster\":{\"clusterName\":\"c\",\"registeredContainerInstancesCount\":0,"
                  "\"runningTasksCount\":0,\"pendingTasksCount\":0,"
                  "\"activeServicesCount\":0,\"statistics\":[],\"tags\":[]}}");
    buf_clear(&buf);
    ecs_encode_container_definition(&buf, &container);
    assert_string_equal(buf.data,
                        "{\"name\":\"c\",\"cpu\":0,\"portMappings\":[],\"environment\":[],"
                        "\"mountPoints\":[],\"volumesFrom\":[]}");
    buf_clear(&buf);
    ecs_encode_list_clusters_response(&buf, &none);
    assert_string_equal(buf.data, "{\"clusterArns\":[]}");
    buf_done(&buf);
}

/* API-011: times are numbers of seconds with milliseconds. */
static void writes_every_kind_of_member(void **state)
{
    struct buf buf = {0};
    struct arena arena = {0};
    struct ecs_task task = {.task_arn = "a\"\n", .health_status = ECS_HEALTH_STATUS_HEALTHY};

    (void)state;
    SET(&task, created_at_ms, 1557119253821);
    SET(&task, version, 3);
    SET(&task, enable_execute_command, true);
    SET_LIST(&arena, &task.containers, 2);
    task.containers.items[0].name = "x";
    SET(&task.containers.items[1], exit_code, 0);
    ecs_encode_task(&buf, &task);
    assert_string_equal(
        buf.data, "{\"attachments\":[],\"containers\":[{\"name\":\"x\",\"networkInterfaces\":[]},"
                  "{\"exitCode\":0,\"networkInterfaces\":[]}],\"createdAt\":1557119253.821,"
                  "\"enableExecuteCommand\":true,\"healthStatus\":\"HEALTHY\",\"tags\":[],"
                  "\"taskArn\":\"a\\\"\\n\",\"version\":3}");
    buf_done(&buf);
    arena_done(&arena);
}

/* A newer server's answer does not stop an older agent. */
static void answers_may_have_values_of_the_future(void **state)
{
    static const char text[] = "{\"containerInstance\":{\"containerInstanceArn\":\"a\","
                               "\"agentUpdateStatus\":\"TELEPORTED\"}}";
    struct arena arena = {0};
    struct ecs_register_container_instance_response out = {0};
    json_t *json = json_loads(text, 0, NULL);

    (void)state;
    assert_null(ecs_decode_register_container_instance_response(&arena, json, &out));
    assert_string_equal(out.container_instance->container_instance_arn, "a");
    assert_int_equal(out.container_instance->agent_update_status, ECS_AGENT_UPDATE_STATUS_UNSET);
    json_decref(json);
    arena_done(&arena);
}

static void enums_have_names(void **state)
{
    enum ecs_launch_type type = ECS_LAUNCH_TYPE_UNSET;

    (void)state;
    assert_true(ecs_launch_type_parse("FARGATE", &type));
    assert_int_equal(type, ECS_LAUNCH_TYPE_FARGATE);
    assert_false(ecs_launch_type_parse("MOON", &type));
    assert_int_equal(type, ECS_LAUNCH_TYPE_FARGATE);
    assert_string_equal(ecs_launch_type_name(ECS_LAUNCH_TYPE_EC2), "EC2");
    assert_null(ecs_launch_type_name(ECS_LAUNCH_TYPE_UNSET));
    assert_null(ecs_launch_type_name((enum ecs_launch_type)99));
}

/* AG-206: no zeros at the end of the fraction, none at all for whole seconds. */
static void writes_metadata_times_as_go_does(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } times[] = {
        {1585260683623, "\"PullStartedAt\":\"2020-03-26T22:11:23.623Z\""},
        {1585260683620, "\"PullStartedAt\":\"2020-03-26T22:11:23.62Z\""},
        {1585260680000, "\"PullStartedAt\":\"2020-03-26T22:11:20Z\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct metadata_task task = {0}, back = {0};
        struct buf buf = {0};
        struct arena arena = {0};
        json_t *json;

        SET(&task, pull_started_at_ms, times[i].ms);
        metadata_encode_task(&buf, &task);
        assert_non_null(strstr(buf.data, times[i].text));
        json = json_loads(buf.data, 0, NULL);
        assert_null(metadata_decode_task(&arena, json, &back));
        assert_int_equal(back.pull_started_at_ms, times[i].ms);
        json_decref(json);
        buf_done(&buf);
        arena_done(&arena);
    }
}

/* AP-211 */
static void envelopes_say_what_they_carry(void **state)
{
    static const char frame[] = "{\"type\":\"HeartbeatMessage\",\"message\":{\"messageId\":\"m\","
                                "\"healthy\":true,\"new\":1}}";
    static const char unknown[] = "{\"type\":\"BogusMessage\",\"message\":{\"a\":1}}";
    static const char bad[] = "{\"message\":{}}";
    static const char empty[] = "{\"type\":\"PayloadMessage\"}";
    static const char reversed[] = "{\"message\":{\"messageId\":\"r\"},\"type\":\"AckRequest\"}";
    static const char twice[] = "{\"type\":\"CloseMessage\",\"message\":{},\"message\":7}";
    struct arena arena = {0};
    struct acs_message message;
    struct buf buf = {0};
    struct error *err;

    (void)state;
    assert_null(acs_decode_message(&arena, frame, strlen(frame), &message));
    assert_int_equal(message.type, ACS_MESSAGE_HEARTBEAT_MESSAGE);
    assert_string_equal(message.heartbeat_message->message_id, "m");
    assert_true(message.heartbeat_message->healthy);

    assert_null(acs_decode_message(&arena, unknown, strlen(unknown), &message));
    assert_int_equal(message.type, ACS_MESSAGE_UNKNOWN);
    assert_string_equal(message.type_name, "BogusMessage");
    assert_null(message.any);

    err = acs_decode_message(&arena, bad, strlen(bad), &message);
    assert_non_null(err);
    assert_int_equal(err->code, API_SERIALIZATION);
    error_free(err);
    err = acs_decode_message(&arena, empty, strlen(empty), &message); /* AP-221: ids are required */
    assert_non_null(err);
    assert_string_equal(err->message, "PayloadMessage: clusterArn is required.");
    error_free(err);

    assert_null(acs_decode_message(&arena, reversed, strlen(reversed), &message));
    assert_string_equal(message.ack_request->message_id, "r");
    assert_null(acs_decode_message(&arena, twice, strlen(twice), &message)); /* the first counts */

    acs_frame_ack_request(&buf, &(struct acs_ack_request){
                                    .cluster = "c", .container_instance = "i", .message_id = "m"});
    assert_string_equal(buf.data, "{\"type\":\"AckRequest\",\"message\":{\"cluster\":\"c\","
                                  "\"containerInstance\":\"i\",\"messageId\":\"m\"}}");
    buf_done(&buf);
    arena_done(&arena);
}

/* AP-304: overrides come as text or as an object. */
static void documents_are_kept_as_text(void **state)
{
    static const struct {
        const char *sent, *kept;
    } cases[] = {
        {"\"{\\\"command\\\":[\\\"a\\\"]}\"", "{\"command\":[\"a\"]}"},
        {"{\"command\": [\"a\"]}", "{\"command\": [\"a\"]}"},
        {"[1,2]", "[1,2]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = {0};
        struct acs_container container = {0};
        char *text = arena_printf(&arena, "{\"name\":\"c\",\"overrides\":%s}", cases[i].sent);

        assert_null(shape_decode_text(&agent_shapes[AGENT_SHAPE_ACS_CONTAINER], 0, &arena, text,
                                      strlen(text), &container));
        assert_string_equal(container.overrides, cases[i].kept);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_the_model_refuses),
        cmocka_unit_test(takes_what_the_model_takes),
        cmocka_unit_test(tells_absent_from_empty_and_zero),
        cmocka_unit_test(fills_every_kind_of_member),
        cmocka_unit_test(reads_times_in_every_form),
        cmocka_unit_test(refuses_unknown_members_when_strict),
        cmocka_unit_test(refuses_what_is_too_deep),
        cmocka_unit_test(refuses_what_would_take_too_much_memory),
        cmocka_unit_test(writes_what_is_always_there),
        cmocka_unit_test(writes_every_kind_of_member),
        cmocka_unit_test(answers_may_have_values_of_the_future),
        cmocka_unit_test(enums_have_names),
        cmocka_unit_test(writes_metadata_times_as_go_does),
        cmocka_unit_test(envelopes_say_what_they_carry),
        cmocka_unit_test(documents_are_kept_as_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
