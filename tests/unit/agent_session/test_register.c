/* The host becomes a container instance: AP-101 to AP-108, AP-543. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/store.h"
#include "base/log.h"
#include "world.h"

static const char *const plugins[] = {"local"};
static const struct host_facts host = {.docker_version = "20.10.24+dfsg1",
                                       .docker_api_version = "1.41",
                                       .docker_min_api_version = "1.12",
                                       .volume_plugins = {(const char **)plugins, 1},
                                       .machine = "x86_64",
                                       .cpus = 2,
                                       .memory_mib = 23849};

struct fixture {
    struct world *world;
    struct api_client *client;
    struct registration *registration;
    int done;
    enum api_error code;
    bool failed;
    char cluster[256], arn[256], zone[64], message[512];
};

static void on_done(struct error *err, const struct registered *registered, void *data)
{
    struct fixture *f = data;

    f->done++;
    f->failed = err != NULL;
    if (err) {
        f->code = err->code;
        snprintf(f->message, sizeof(f->message), "%s", err->message);
        error_free(err);
        return;
    }
    snprintf(f->cluster, sizeof(f->cluster), "%s", registered->cluster);
    snprintf(f->arn, sizeof(f->arn), "%s", registered->instance_arn);
    snprintf(f->zone, sizeof(f->zone), "%s", registered->zone ? registered->zone : "");
}

static void register_host(struct fixture *f)
{
    struct register_options options = {f->world->loop,
                                       &f->world->clock,
                                       &f->world->rng,
                                       f->world->config,
                                       &host,
                                       f->client,
                                       f->world->store,
                                       on_done,
                                       f};

    f->done = 0;
    f->registration = register_start(&options);
    world_run(f->world);
}

static struct fixture *start(const char *file)
{
    static struct fixture fixture;
    struct api_client_options client;

    fixture = (struct fixture){.world = world_new(file)};
    client = (struct api_client_options){fixture.world->loop, &fixture.world->clock,
                                         fixture.world->config, fixture.world->keys};
    assert_null(api_client_new(&client, &fixture.client));
    return &fixture;
}

static void finish(struct fixture *f)
{
    api_client_free(f->client);
    world_free(f->world);
}

/* What a server answers that takes everything, with its own attributes added (AP-103, AP-104). */
static void answer_all(size_t call)
{
    json_t *attributes = json_deep_copy(json_object_get(world_call_body(call), "attributes"));
    json_t *answer;
    char *text;

    json_array_append_new(attributes,
                          json_pack("{s:s, s:s}", "name", "ecs.availability-zone", "value", "z1"));
    answer = json_pack("{s:{s:s, s:o}}", "containerInstance", "containerInstanceArn",
                       WORLD_INSTANCE, "attributes", attributes);
    text = json_dumps(answer, 0);
    world_answer(call, 200, text);
    free(text);
    json_decref(answer);
}

static json_t *recorded(const char *name, const char *op)
{
    char path[512], *line = NULL;
    size_t room = 0;
    json_t *found = NULL;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.jsonl", AGENT_WIRE, name);
    file = fopen(path, "r");
    assert_non_null(file);
    while (!found && getline(&line, &room, file) > 0) {
        json_t *item = json_loads(line, 0, NULL);

        if (str_eq(json_string_value(json_object_get(item, "op")), op))
            found = json_incref(json_object_get(item, "body"));
        json_decref(item);
    }
    free(line);
    fclose(file);
    return found;
}

static bool is_listed(const json_t *attributes, const json_t *attribute)
{
    for (size_t i = 0; i < json_array_size(attributes); i++)
        if (json_equal(json_array_get(attributes, i), attribute))
            return true;
    return false;
}

/* The model writes the members of a resource that its type does not use as zeros. */
static json_t *without_zeros(const json_t *resources)
{
    json_t *copy = json_deep_copy(resources);

    for (size_t i = 0; i < json_array_size(copy); i++) {
        json_t *item = json_array_get(copy, i);

        assert_true(json_number_value(json_object_get(item, "doubleValue")) == 0);
        assert_true(json_number_value(json_object_get(item, "longValue")) == 0);
        json_object_del(item, "doubleValue");
        json_object_del(item, "longValue");
        if (json_number_value(json_object_get(item, "integerValue")) == 0)
            json_object_del(item, "integerValue");
    }
    return copy;
}

/* The recorded agent had been given no image for that; ours brings it along. */
static bool has_pause_image(const json_t *attribute)
{
    return str_eq(json_string_value(json_object_get(attribute, "name")),
                  "ecs.capability.pid-ipc-namespace-sharing");
}

/* Ours says the same of the host and, of what it can do, nothing the official agent does not. */
static void test_request_is_the_recorded_one(void **state)
{
    struct fixture *f = start("ECS_INSTANCE_ATTRIBUTES={\"rack\":\"r1\"}\n"
                              "ECS_CONTAINER_INSTANCE_TAGS={\"k\":\"v\"}\n"
                              "ECS_EXTERNAL=true\nAWS_DEFAULT_REGION=us-east-1\n");
    json_t *theirs = recorded("wire", "RegisterContainerInstance");
    json_t *ours, *attributes;

    (void)state;
    register_host(f);
    assert_string_equal(world_call_operation(0), "RegisterContainerInstance");
    ours = json_deep_copy(world_call_body(0));
    attributes = json_object_get(ours, "attributes");
    assert_true(json_array_size(attributes) > 20);
    for (size_t i = 0; i < json_array_size(attributes); i++)
        if (!is_listed(json_object_get(theirs, "attributes"), json_array_get(attributes, i)) &&
            !has_pause_image(json_array_get(attributes, i)))
            fail_msg("%s", json_dumps(json_array_get(attributes, i), 0));
    assert_int_equal(strlen(json_string_value(json_object_get(ours, "clientToken"))), 36);
    json_object_del(ours, "clientToken");
    json_object_del(theirs, "clientToken");
    json_object_del(ours, "attributes");
    json_object_del(theirs, "attributes");
    json_object_set_new(ours, "totalResources",
                        without_zeros(json_object_get(ours, "totalResources")));
    if (!json_equal(ours, theirs))
        fail_msg("ours %s\ntheirs %s", json_dumps(ours, JSON_SORT_KEYS),
                 json_dumps(theirs, JSON_SORT_KEYS));
    answer_all(0);
    assert_int_equal(f->done, 1);
    assert_false(f->failed);
    assert_string_equal(f->arn, WORLD_INSTANCE);
    assert_string_equal(f->cluster, "default");
    assert_string_equal(f->zone, "z1");
    json_decref(ours);
    json_decref(theirs);
    finish(f);
}

static void test_reserved_resources(void **state) /* AP-102 */
{
    struct fixture *f = start("ECS_RESERVED_MEMORY=849\nECS_RESERVED_PORTS=[22,8080]\n"
                              "ECS_RESERVED_PORTS_UDP=[53]\n");
    json_t *expected =
        json_loads("[{\"name\":\"CPU\",\"type\":\"INTEGER\",\"integerValue\":2048},"
                   "{\"name\":\"MEMORY\",\"type\":\"INTEGER\",\"integerValue\":23000},"
                   "{\"name\":\"PORTS\",\"type\":\"STRINGSET\",\"stringSetValue\":"
                   "[\"22\",\"2375\",\"2376\",\"51678\",\"51679\",\"8080\"]},"
                   "{\"name\":\"PORTS_UDP\",\"type\":\"STRINGSET\",\"stringSetValue\":[\"53\"]}]",
                   0, NULL);
    json_t *resources;

    (void)state;
    register_host(f);
    resources = without_zeros(json_object_get(world_call_body(0), "totalResources"));
    assert_true(json_equal(resources, expected));
    json_decref(resources);
    answer_all(0);
    json_decref(expected);
    finish(f);

    f = start("ECS_RESERVED_MEMORY=30000\n");
    register_host(f);
    assert_true(f->failed);
    assert_int_equal(f->code, API_INVALID_PARAMETER);
    finish(f);
}

static void test_again_under_its_arn(void **state) /* AP-105, AP-543 */
{
    static const char file[] = "ECS_INSTANCE_ATTRIBUTES={\"rack\":\"r1\"}\nECS_CLUSTER=web\n";
    struct fixture *f = start(file);

    (void)state;
    register_host(f);
    assert_null(json_object_get(world_call_body(0), "containerInstanceArn"));
    answer_all(0);
    assert_false(f->failed);

    register_host(f);
    assert_string_equal(
        json_string_value(json_object_get(world_call_body(0), "containerInstanceArn")),
        WORLD_INSTANCE);
    assert_string_not_equal(
        json_string_value(json_object_get(
            json_array_get(json_object_get(world_call_body(0), "attributes"), 0), "name")),
        "rack");
    answer_all(0);
    assert_false(f->failed);

    /* An ARN the server no longer takes is not replaced silently (AP-106). */
    register_host(f);
    world_answer(0, 400, "{\"__type\":\"ClientException\",\"message\":\"gone\"}");
    assert_true(f->failed);
    assert_int_equal(f->code, API_CLIENT);
    assert_int_equal(world_calls(), 0);
    assert_null(strstr(f->message, "joins anew"));
    register_host(f);
    world_answer(0, 400,
                 "{\"__type\":\"ClientException\",\"message\":\"Container instance 1 is "
                 "inactive.\"}");
    assert_int_equal(f->code, API_CLIENT);
    assert_non_null(strstr(f->message, "was deregistered; once "));
    assert_non_null(strstr(f->message, "is inactive."));
    finish(f);
}

static void test_the_cluster_does_not_change(void **state) /* AP-543 */
{
    struct fixture *f = start("ECS_CLUSTER=other\n");

    (void)state;
    assert_null(agent_store_set(f->world->store, REGISTER_STORE_CLUSTER, "web"));
    assert_null(agent_store_set(f->world->store, REGISTER_STORE_INSTANCE, WORLD_INSTANCE));
    register_host(f);
    assert_int_equal(world_calls(), 0);
    assert_true(f->failed);
    assert_int_equal(f->code, API_INVALID_PARAMETER);
    finish(f);

    f = start("ECS_CLUSTER=arn:aws:ecs:us-east-1:1:cluster/web\n"); /* the same by its ARN */
    assert_null(agent_store_set(f->world->store, REGISTER_STORE_CLUSTER, "web"));
    assert_null(agent_store_set(f->world->store, REGISTER_STORE_INSTANCE, WORLD_INSTANCE));
    register_host(f);
    answer_all(0);
    assert_false(f->failed);
    finish(f);

    f = start(NULL); /* none is configured: where it was */
    assert_null(agent_store_set(f->world->store, REGISTER_STORE_CLUSTER, "web"));
    assert_null(agent_store_set(f->world->store, REGISTER_STORE_INSTANCE, WORLD_INSTANCE));
    register_host(f);
    assert_string_equal(json_string_value(json_object_get(world_call_body(0), "cluster")), "web");
    answer_all(0);
    finish(f);
}

static void test_default_cluster_is_made(void **state) /* AP-108 */
{
    static const char missing[] = "{\"__type\":\"ClusterNotFoundException\",\"message\":\"x\"}";
    struct fixture *f = start(NULL);

    (void)state;
    register_host(f);
    world_answer(0, 400, "{\"__type\":\"ClientException\",\"message\":\"Cluster not found.\"}");
    assert_string_equal(world_call_operation(0), "CreateCluster");
    assert_string_equal(json_string_value(json_object_get(world_call_body(0), "clusterName")),
                        "default");
    world_answer(0, 500, "{\"__type\":\"ServerException\",\"message\":\"x\"}");
    assert_int_equal(world_calls(), 0);
    world_advance(f->world, 310);
    assert_string_equal(world_call_operation(0), "RegisterContainerInstance");
    world_answer(0, 400, missing);
    world_answer(0, 200, "{}");
    world_answer(0, 400, missing); /* made and still missing */
    assert_true(f->failed);
    assert_int_equal(f->code, API_CLUSTER_NOT_FOUND);
    finish(f);

    f = start("ECS_CLUSTER=default\n"); /* AG-101: named or not */
    register_host(f);
    world_answer(0, 400, missing);
    assert_string_equal(world_call_operation(0), "CreateCluster");
    world_answer(0, 200, "{}");
    world_answer(0, 400, missing);
    assert_true(f->failed);
    finish(f);

    f = start("ECS_CLUSTER=web\n"); /* one of another name is its owner's to make */
    register_host(f);
    world_answer(0, 400, missing);
    assert_true(f->failed);
    assert_int_equal(f->code, API_CLUSTER_NOT_FOUND);
    assert_non_null(strstr(f->message, "joining cluster web"));
    finish(f);
}

static void test_what_is_tried_again_and_for_how_long(void **state) /* AP-107 */
{
    static const char *const passing[] = {
        "{\"__type\":\"ThrottlingException\",\"message\":\"x\"}",
        "{\"__type\":\"ServerException\",\"message\":\"x\"}",
        "{\"__type\":\"LimitExceededException\",\"message\":\"x\"}", "<html>"};
    struct fixture *f = start(NULL);
    char token[64];
    int tries = 0;

    (void)state;
    register_host(f);
    snprintf(token, sizeof(token), "%s",
             json_string_value(json_object_get(world_call_body(0), "clientToken")));
    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        world_answer(0, i < 3 ? 400 : 502, passing[i]);
        world_advance(f->world, 250 * 12 / 10 << i);
        assert_int_equal(world_calls(), 1);
        assert_string_equal(json_string_value(json_object_get(world_call_body(0), "clientToken")),
                            token); /* the server tells the repetition by it */
    }
    while (!f->done && tries++ < 1000) {
        if (world_calls())
            world_break(0);
        world_advance(f->world, 10000);
    }
    assert_true(f->failed);
    assert_int_equal(f->code, API_SERVICE_UNAVAILABLE);
    assert_in_range(world_now_ms(), REGISTER_LIMIT_MS, REGISTER_LIMIT_MS + 240000);
    finish(f);
}

static void test_attributes_must_come_back(void **state) /* AP-104 */
{
    struct fixture *f = start("ECS_INSTANCE_ATTRIBUTES={\"rack\":\"r1\"}\n");
    char *text;
    json_t *answer, *attributes;

    (void)state;
    register_host(f);
    attributes = json_deep_copy(json_object_get(world_call_body(0), "attributes"));
    json_object_set_new(json_array_get(attributes, 0), "value", json_string("r2"));
    answer = json_pack("{s:{s:s, s:o}}", "containerInstance", "containerInstanceArn",
                       WORLD_INSTANCE, "attributes", attributes);
    text = json_dumps(answer, 0);
    world_answer(0, 200, text);
    assert_true(f->failed);
    assert_int_equal(f->code, API_INVALID_PARAMETER);
    assert_non_null(strstr(f->message, "rack"));
    free(text);
    json_decref(answer);
    finish(f);
}

static void test_cancelled_in_every_state(void **state)
{
    struct fixture *f = start(NULL);
    struct register_options options = {f->world->loop,
                                       &f->world->clock,
                                       &f->world->rng,
                                       f->world->config,
                                       &host,
                                       f->client,
                                       f->world->store,
                                       on_done,
                                       f};

    (void)state;
    register_cancel(register_start(&options));
    world_run(f->world);
    register_host(f);
    world_break(0);
    register_cancel(f->registration); /* waiting */
    register_host(f);
    register_cancel(f->registration); /* asking */
    world_break(0);
    assert_int_equal(f->done, 0);
    finish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_is_the_recorded_one),
        cmocka_unit_test(test_reserved_resources),
        cmocka_unit_test(test_again_under_its_arn),
        cmocka_unit_test(test_the_cluster_does_not_change),
        cmocka_unit_test(test_default_cluster_is_made),
        cmocka_unit_test(test_what_is_tried_again_and_for_how_long),
        cmocka_unit_test(test_attributes_must_come_back),
        cmocka_unit_test(test_cancelled_in_every_state),
    };

    log_configure(LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests_name("agent_register", tests, NULL, NULL);
}
