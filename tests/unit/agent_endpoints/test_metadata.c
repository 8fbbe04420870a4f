/* A task as its metadata and its file show it: AG-195, AG-203 to AG-209, AG-224, AG-225, AG-234 to
 * AG-236, AG-905, AG-912, AG-913, AG-915. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/docker/docker_detail.h"
#include "agent/docker/docker_message.h"
#include "agent/endpoints/task_metadata.h"
#include "agent/engine/container.h"
#include "agent/engine/metadata_file.h"
#include "base/mem.h"
#include "base/str.h"

#define TASK "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd49d6b527399fd6414f5c"

static const char inspected[] =
    "{\"Id\":\"abc\",\"Name\":\"/ecs-fam-1-app-00\",\"Image\":\"sha256:1\","
    "\"Created\":\"2026-11-20T08:30:00.120000000Z\","
    "\"State\":{\"Status\":\"running\",\"StartedAt\":\"2026-11-20T08:30:01.123456789Z\","
    "\"FinishedAt\":\"0001-01-01T00:00:00Z\",\"Health\":{\"Status\":\"unhealthy\",\"Log\":["
    "{\"ExitCode\":0,\"Output\":\"old\"},{\"ExitCode\":7,\"Output\":\"bad\"}]}},"
    "\"Config\":{\"Image\":\"web:1\",\"Env\":[\"SECRET=1\"],\"Labels\":{\"team\":\"a\"}},"
    "\"HostConfig\":{\"NetworkMode\":\"default\",\"LogConfig\":{\"Type\":\"splunk\",\"Config\":"
    "{\"splunk-token\":\"hidden\"}}},"
    "\"NetworkSettings\":{\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"32768\"}]},"
    "\"Networks\":{\"bridge\":{\"IPAddress\":\"172.17.0.2\",\"GlobalIPv6Address\":\"\"}}},"
    "\"Mounts\":[{\"Type\":\"volume\",\"Name\":\"v1\",\"Source\":\"/x\",\"Destination\":\"/v\"},"
    "{\"Type\":\"bind\",\"Source\":\"/tmp\",\"Destination\":\"/t\"}]}";

struct world {
    struct arena arena;
    struct docker_container docker;
    struct acs_task task;
    struct engine_container_view containers[3];
    struct engine_binding bindings[2];
    struct engine_task_view view;
    struct task_check checks[3];
};

static void start(struct world *world, const char *spec)
{
    json_t *json = json_loads(spec, 0, NULL);

    memset(world, 0, sizeof(*world));
    assert_null(docker_read_container(&world->arena, inspected, strlen(inspected), &world->docker));
    assert_null(acs_decode_task(&world->arena, json, &world->task));
    json_decref(json);
    world->view = (struct engine_task_view){.arn = TASK,
                                            .family = world->task.family,
                                            .version = world->task.version,
                                            .spec = &world->task,
                                            .known = ENGINE_RUNNING,
                                            .desired = ENGINE_RUNNING,
                                            .containers = world->containers,
                                            .container_count = world->task.containers.count};
    for (size_t i = 0; i < world->task.containers.count; i++)
        world->containers[i] =
            (struct engine_container_view){.name = world->task.containers.items[i].name,
                                           .spec = &world->task.containers.items[i],
                                           .image = world->task.containers.items[i].image,
                                           .known = ENGINE_NONE,
                                           .desired = ENGINE_RUNNING};
}

/* As it runs. */
static void run(struct world *world, size_t i)
{
    struct engine_container_view *view = &world->containers[i];

    view->known = ENGINE_RUNNING;
    view->docker_id = world->docker.id;
    view->docker_name = world->docker.name;
    view->image_id = world->docker.image_id;
    view->detail = world->docker.detail;
    view->created_at_ms = world->docker.created_at_ms;
    view->started_at_ms = world->docker.started_at_ms;
}

static void expect_json(const char *why, const struct buf *got, const char *wanted)
{
    json_t *is = json_loads(got->data, 0, NULL);
    json_t *should = json_loads(wanted, 0, NULL);

    if (!is || !should || !json_equal(is, should))
        fail_msg("%s: %s\nwanted %s", why, got->data, wanted);
    json_decref(is);
    json_decref(should);
}

static void expect_container(struct world *world, size_t i, int version, const char *wanted)
{
    const struct task_metadata_options options = {version, "default", NULL};
    struct metadata_container out;
    struct buf body = {0};

    task_metadata_container(&world->arena, &options, &world->containers[i], &world->checks[i],
                            &out);
    metadata_encode_container(&body, &out);
    expect_json("container", &body, wanted);
    buf_done(&body);
}

#define SPEC                                                                                       \
    "{\"arn\":\"" TASK "\",\"desiredStatus\":\"RUNNING\",\"family\":\"fam\",\"version\":\"1\","    \
    "\"cpu\":0.25,\"memory\":512,\"launchType\":\"EC2\",\"serviceName\":\"web\","                  \
    "\"enableFaultInjection\":true,\"containers\":["                                               \
    "{\"name\":\"app\",\"image\":\"web:1\",\"cpu\":1,\"memory\":64,\"healthCheckType\":\"docker\"" \
    ",\"containerArn\":\"arn:container\",\"restartPolicy\":{\"enabled\":true},"                    \
    "\"dockerConfig\":{\"hostConfig\":\"{\\\"LogConfig\\\":{\\\"Type\\\":\\\"json-file\\\","       \
    "\\\"Config\\\":{\\\"max-size\\\":\\\"1m\\\"}}}\"}},"                                          \
    "{\"name\":\"next\",\"image\":\"next:1\"}]}"
#define COMMON                                                                                     \
    "\"DockerId\":\"abc\",\"Name\":\"app\",\"DockerName\":\"ecs-fam-1-app-00\","                   \
    "\"Image\":\"web:1\",\"ImageID\":\"sha256:1\",\"Labels\":{\"team\":\"a\"},"                    \
    "\"DesiredStatus\":\"RUNNING\",\"KnownStatus\":\"RUNNING\","                                   \
    "\"Limits\":{\"CPU\":2,\"Memory\":64},\"CreatedAt\":\"2026-11-20T08:30:00.12Z\","              \
    "\"StartedAt\":\"2026-11-20T08:30:01.123456789Z\",\"Type\":\"NORMAL\","                        \
    "\"Health\":{\"status\":\"UNHEALTHY\",\"statusSince\":\"2026-11-20T08:31:00Z\","               \
    "\"exitCode\":7,\"output\":\"bad\"},"                                                          \
    "\"Volumes\":[{\"DockerName\":\"v1\",\"Source\":\"/x\",\"Destination\":\"/v\"},"               \
    "{\"Source\":\"/tmp\",\"Destination\":\"/t\"}]"
#define PORTS(address)                                                                             \
    ",\"Ports\":[{\"ContainerPort\":80,\"Protocol\":\"tcp\",\"HostPort\":32768" address "},"       \
    "{\"ContainerPort\":90,\"Protocol\":\"tcp\",\"HostPort\":9090" address "},"                    \
    "{\"ContainerPort\":91,\"Protocol\":\"tcp\",\"HostPort\":9091" address "}]"
#define NETWORKS ",\"Networks\":[{\"NetworkMode\":\"bridge\",\"IPv4Addresses\":[\"172.17.0.2\"]}]"

static void prepare(struct world *world)
{
    start(world, SPEC);
    run(world, 0);
    world->bindings[0] = (struct engine_binding){
        .bind_ip = "0.0.0.0", .container_port = 80, .host_port = 32768, .protocol = "tcp"};
    world->bindings[1] = (struct engine_binding){.bind_ip = "0.0.0.0",
                                                 .container_port_range = "90-91",
                                                 .host_port_range = "9090-9091",
                                                 .protocol = "tcp"};
    world->containers[0].bindings = world->bindings;
    world->containers[0].binding_count = 2;
    world->containers[0].health = "UNHEALTHY";
    world->containers[0].health_since_ms = world->docker.created_at_ms - 120 + 60000;
    world->containers[0].restarts = 3;
    world->checks[0] =
        (struct task_check){world->docker.check_exit_code, world->docker.check_output};
}

static void test_a_container_in_each_version(void **state)
{
    struct world world;

    (void)state;
    prepare(&world);
    assert_null(strstr(world.docker.detail, "SECRET"));
    assert_null(strstr(world.docker.detail, "hidden"));
    expect_container(&world, 0, 2, "{" COMMON PORTS("") "}");
    expect_container(&world, 0, 3, "{" COMMON PORTS("") NETWORKS "}");
    expect_container(&world, 0, 4,
                     "{" COMMON PORTS(",\"HostIp\":\"0.0.0.0\"") NETWORKS
                     ",\"LogDriver\":\"json-file\",\"LogOptions\":{\"max-size\":\"1m\"},"
                     "\"ContainerARN\":\"arn:container\",\"RestartCount\":3}");
    /* One of which Docker has said nothing yet, and whose check has not spoken. */
    expect_container(&world, 1, 4,
                     "{\"DockerId\":\"\",\"Name\":\"next\",\"DockerName\":\"\","
                     "\"Image\":\"next:1\",\"ImageID\":\"\",\"DesiredStatus\":\"RUNNING\","
                     "\"KnownStatus\":\"NONE\",\"Limits\":{\"CPU\":2,\"Memory\":0},"
                     "\"Type\":\"NORMAL\"}");
    arena_done(&world.arena);
}

/* A container that was made and could not start has not finished; one that ran, or of which Docker
 * told no more than its exit, has. */
static void test_when_it_finished(void **state)
{
    static const struct {
        int64_t started_ms;
        bool has_exit_code, is_shown;
    } rows[] = {{0, false, false}, {1, false, true}, {0, true, true}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct task_metadata_options options = {4, "default", NULL};
        struct metadata_container out;
        struct world world;

        prepare(&world);
        world.containers[0].known = ENGINE_STOPPED;
        world.containers[0].finished_at_ms = world.docker.created_at_ms;
        world.containers[0].started_at_ms = rows[i].started_ms;
        world.containers[0].has_exit_code = rows[i].has_exit_code;
        task_metadata_container(&world.arena, &options, &world.containers[0], &world.checks[0],
                                &out);
        if ((out.finished_at != NULL) != rows[i].is_shown)
            fail_msg("row %zu: %s", i, out.finished_at ? out.finished_at : "none");
        arena_done(&world.arena);
    }
}

static void expect_task(struct world *world, int version, const char *zone, const char *wanted)
{
    const struct task_metadata_options options = {version, "default", zone};
    struct metadata_task out;
    struct buf body = {0};

    task_metadata_task(&world->arena, &options, &world->view, world->checks, &out);
    out.containers.is_set = false; /* shown by the test above */
    metadata_encode_task(&body, &out);
    expect_json("task", &body, wanted);
    buf_done(&body);
}

static void test_a_task(void **state)
{
    const struct task_metadata_options options = {4, "default", NULL};
    struct metadata_task out;
    struct world world;

    (void)state;
    prepare(&world);
    world.view.pull_started_at_ms = world.docker.created_at_ms;
    expect_task(&world, 3, NULL,
                "{\"Cluster\":\"default\",\"TaskARN\":\"" TASK "\",\"Family\":\"fam\","
                "\"Revision\":\"1\",\"DesiredStatus\":\"RUNNING\",\"KnownStatus\":\"NONE\","
                "\"Limits\":{\"CPU\":0.25,\"Memory\":512},"
                "\"PullStartedAt\":\"2026-11-20T08:30:00.12Z\"}");
    world.containers[1].known = ENGINE_PULLED;
    world.view.execution_stopped_at_ms = world.docker.created_at_ms;
    world.view.desired = ENGINE_STOPPED;
    expect_task(&world, 4, "us-west-2a",
                "{\"Cluster\":\"default\",\"TaskARN\":\"" TASK "\",\"Family\":\"fam\","
                "\"Revision\":\"1\",\"DesiredStatus\":\"STOPPED\",\"KnownStatus\":\"PULLED\","
                "\"Limits\":{\"CPU\":0.25,\"Memory\":512},"
                "\"PullStartedAt\":\"2026-11-20T08:30:00.12Z\","
                "\"ExecutionStoppedAt\":\"2026-11-20T08:30:00.12Z\","
                "\"AvailabilityZone\":\"us-west-2a\",\"LaunchType\":\"EC2\","
                "\"ServiceName\":\"web\",\"FaultInjectionEnabled\":true}");
    /* One that is pulled and not created is shown by version 4 alone. */
    task_metadata_task(&world.arena, &options, &world.view, world.checks, &out);
    assert_int_equal(out.containers.count, 2);
    task_metadata_task(&world.arena, &(struct task_metadata_options){3, "default", NULL},
                       &world.view, world.checks, &out);
    assert_int_equal(out.containers.count, 1);
    /* The pause container is behind those that are reported. */
    run(&world, 1);
    world.containers[1].name = CONTAINER_PAUSE_NAME;
    world.view.container_count = world.view.internal_count = 1;
    task_metadata_task(&world.arena, &options, &world.view, world.checks, &out);
    assert_int_equal(out.containers.count, 2);
    assert_string_equal(out.containers.items[1].type, "NAMESPACE_PAUSE");
    assert_string_equal(out.containers.items[1].image_id, "");
    arena_done(&world.arena);
}

static void test_times(void **state)
{
    static const struct {
        int64_t wall_ms;
        const char *docker, *shown;
    } rows[] = {
        {0, "2026-11-20T08:30:00Z", NULL},
        {1585260743628, "2020-03-26T22:12:23.628313130Z", "2020-03-26T22:12:23.62831313Z"},
        {1585260743628, "2020-03-26T22:12:24.628313130Z", "2020-03-26T22:12:23.628Z"},
        {1585260743000, NULL, "2020-03-26T22:12:23Z"},
        {1585260743000, "2020-03-26T23:12:23+01:00", "2020-03-26T22:12:23Z"},
        {1585260743100, "", "2020-03-26T22:12:23.1Z"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        const char *got = task_metadata_time(&arena, rows[i].wall_ms, rows[i].docker);

        if (!str_eq(got, rows[i].shown))
            fail_msg("row %zu: %s", i, got ? got : "none");
        arena_done(&arena);
    }
}

static void test_addresses(void **state)
{
    struct world world;

    (void)state;
    prepare(&world);
    assert_true(docker_detail_has_address(world.docker.detail, "172.17.0.2"));
    assert_false(docker_detail_has_address(world.docker.detail, "172.17.0.20"));
    assert_false(docker_detail_has_address(world.docker.detail, "web:1")); /* another member's */
    assert_false(docker_detail_has_address(world.docker.detail, ""));
    assert_false(docker_detail_has_address(NULL, "172.17.0.2"));
    assert_false(docker_detail_has_address("\"1.2.3.4\"", "1.2.3.4"));
    arena_done(&world.arena);
}

static void test_the_file(void **state) /* AG-194, AG-195, AG-915 */
{
    struct world world;
    struct buf text = {0};
    struct metadata_file file;
    char *dir;

    (void)state;
    prepare(&world);
    file = (struct metadata_file){.cluster = "arn:aws:ecs:us-east-1:1:cluster/default",
                                  .instance_arn = "arn:instance",
                                  .task = &world.task,
                                  .container_name = "app"};
    metadata_file_write(&file, &text);
    assert_string_equal(text.data,
                        "{\n\t\"Cluster\": \"default\",\n\t\"ContainerInstanceARN\": "
                        "\"arn:instance\",\n\t\"TaskARN\": \"" TASK "\",\n\t"
                        "\"TaskDefinitionFamily\": \"fam\",\n\t\"TaskDefinitionRevision\": \"1\","
                        "\n\t\"ContainerName\": \"app\"\n}");
    buf_clear(&text);
    file.docker = &world.docker;
    file.zone = "us-west-2a";
    file.host_address = "10.0.0.1";
    metadata_file_write(&file, &text);
    expect_json(
        "file", &text,
        "{\"Cluster\":\"default\",\"ContainerInstanceARN\":\"arn:instance\",\"TaskARN\":\"" TASK
        "\",\"TaskDefinitionFamily\":\"fam\",\"TaskDefinitionRevision\":\"1\","
        "\"ContainerID\":\"abc\",\"ContainerName\":\"app\","
        "\"DockerContainerName\":\"/ecs-fam-1-app-00\",\"ImageID\":\"sha256:1\","
        "\"ImageName\":\"web:1\",\"PortMappings\":[{\"ContainerPort\":80,"
        "\"HostPort\":32768,\"BindIp\":\"0.0.0.0\",\"Protocol\":\"tcp\"}],"
        "\"Networks\":[{\"NetworkMode\":\"bridge\",\"IPv4Addresses\":[\"172.17.0.2\"]}],"
        "\"MetadataFileStatus\":\"READY\",\"AvailabilityZone\":\"us-west-2a\","
        "\"HostPrivateIPv4Address\":\"10.0.0.1\"}");
    assert_non_null(strstr(text.data, "\n\t\"PortMappings\": [\n\t\t{\n\t\t\t\"ContainerPort\""));
    buf_done(&text);
    dir = metadata_file_task_dir(TASK);
    assert_string_equal(dir, "metadata/default/158d1c8083dd49d6b527399fd6414f5c");
    free(dir);
    assert_null(metadata_file_task_dir("arn:aws:ecs:r:1:service/x"));
    assert_null(metadata_file_task_dir("arn:aws:ecs:r:1:task/../x"));
    assert_null(metadata_file_task_dir("arn:aws:ecs:r:1:task/x/../.."));
    arena_done(&world.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_container_in_each_version),
        cmocka_unit_test(test_when_it_finished),
        cmocka_unit_test(test_a_task),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_the_file),
    };

    return cmocka_run_group_tests_name("agent_metadata", tests, NULL, NULL);
}
