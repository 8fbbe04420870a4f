/* What runs on this host: AG-260 to AG-265, AG-918 to AG-920. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/endpoints/introspection.h"
#include "world.h"

#define ID_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_2 "1111111111112222222222222222222222222222222222222222222222222222"
#define TASK "arn:aws:ecs:us-east-1:123456789012:task/default/aaaa"

static struct engine_container_view running[] = {
    {.name = "web",
     .docker_id = ID_1,
     .docker_name = "ecs-fam-3-web-1",
     .image = "web:1",
     .image_id = "sha256:1",
     .created_at_ms = 1468411200000,
     .known = ENGINE_RUNNING},
    {.name = "next", .known = ENGINE_NONE}, /* not shown before it is created */
};
static struct engine_container_view ended[] = {
    {.name = "job", .docker_id = ID_2, .docker_name = "ecs-fam-3-job-1", .known = ENGINE_STOPPED},
};

static struct world *start(struct introspection_options *options)
{
    struct world *world = world_new(NULL);
    struct engine_task_view *task = world_task(world, TASK);

    task->known = task->desired = ENGINE_RUNNING;
    task->containers = running;
    task->container_count = 2;
    task = world_task(world, "arn:other");
    task->known = ENGINE_STOPPED;
    task->desired = ENGINE_RUNNING;
    task->containers = ended;
    task->container_count = 1;
    *options = (struct introspection_options){.cluster = "arn:aws:ecs:r:1:cluster/web",
                                              .instance_arn = WORLD_INSTANCE,
                                              .engine = world->engine};
    return world;
}

static void expect(const struct introspection_options *options, const char *path, const char *query,
                   int status, const char *text)
{
    struct buf body = {0};
    int got = introspection_answer(options, path, query, &body);
    json_t *is, *should;

    if (got != status)
        fail_msg("%s?%s: %d", path, query, got);
    if (!text) {
        assert_int_equal(body.len, 0);
        return;
    }
    is = json_loads(body.data, 0, NULL);
    should = json_loads(text, 0, NULL);
    if (!json_equal(is, should))
        fail_msg("%s?%s: %s", path, query, body.data);
    json_decref(is);
    json_decref(should);
    buf_done(&body);
}

#define RUNNING_TASK                                                                               \
    "{\"Arn\":\"" TASK "\",\"DesiredStatus\":\"RUNNING\",\"KnownStatus\":\"RUNNING\","             \
    "\"Family\":\"fam\",\"Version\":\"3\",\"Containers\":[{\"DockerId\":\"" ID_1                   \
    "\",\"DockerName\":\"ecs-fam-3-web-1\",\"Name\":\"web\",\"Image\":\"web:1\","                  \
    "\"ImageID\":\"sha256:1\",\"CreatedAt\":\"2016-07-13T12:00:00Z\"}]}"
#define ENDED_TASK                                                                                 \
    "{\"Arn\":\"arn:other\",\"KnownStatus\":\"STOPPED\",\"Family\":\"fam\",\"Version\":\"3\","     \
    "\"Containers\":[{\"DockerId\":\"" ID_2 "\",\"DockerName\":\"ecs-fam-3-job-1\","               \
    "\"Name\":\"job\",\"Image\":\"\",\"ImageID\":\"\"}]}"

static void test_answers(void **state)
{
    struct introspection_options options;
    struct world *world = start(&options);

    (void)state;
    expect(&options, "/v1/tasks", "", 200, "{\"Tasks\":[" RUNNING_TASK "," ENDED_TASK "]}");
    expect(&options, "/v1/tasks", "taskarn=" TASK, 200, RUNNING_TASK);
    expect(&options, "/v1/tasks",
           "taskarn=arn%3Aaws%3Aecs%3Aus-east-1%3A123456789012%3Atask%2Fdefault%2Faaaa", 200,
           RUNNING_TASK);
    expect(&options, "/v1/tasks", "x=1&dockerid=" ID_2, 200, ENDED_TASK);
    expect(&options, "/v1/tasks", "dockerid=1111111111112", 200, ENDED_TASK);
    expect(&options, "/v1/tasks", "dockerid=111111111111", 400, NULL); /* two begin so */
    expect(&options, "/v1/tasks", "dockerid=11111", 404, "{\"Containers\":[]}");
    expect(&options, "/v1/tasks", "taskarn=no", 404, "{\"Containers\":[]}");
    expect(&options, "/v1/tasks", "taskarn=%", 404, "{\"Containers\":[]}");
    expect(&options, "/v1/tasks", "taskarn=a&dockerid=b", 400, NULL);
    for (size_t i = 0; i < 2; i++) /* what there is, whatever else is asked for */
        expect(&options, i ? "/no/such" : "/", "", 200,
               "{\"AvailableCommands\":[\"/v1/metadata\",\"/v1/tasks\",\"/license\"]}");
    world_free(world);
}

static void test_metadata(void **state) /* AG-261 */
{
    struct introspection_options options;
    struct world *world = start(&options);
    struct buf body = {0};
    json_t *json;

    (void)state;
    assert_int_equal(introspection_answer(&options, "/v1/metadata", "", &body), 200);
    json = json_loads(body.data, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "Cluster")), "web");
    assert_string_equal(json_string_value(json_object_get(json, "ContainerInstanceArn")),
                        WORLD_INSTANCE);
    assert_true(str_starts_with(json_string_value(json_object_get(json, "Version")),
                                "Amazon ECS Agent - v" BERTH_VERSION " ("));
    assert_int_equal(strlen(strchr(json_string_value(json_object_get(json, "Version")), '(')), 10);
    json_decref(json);
    buf_done(&body);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_metadata),
    };

    return cmocka_run_group_tests_name("agent_introspection", tests, NULL, NULL);
}
