/* Tasks as Docker sees them (src/agent/engine/container.h), against what the official agent made of the
 * same payload: tests/data/agent-wire/tm.jsonl and tm.inspect.json. */
#include "agent/engine/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/engine/container_port.h"

static struct arena arena;

static int drop_arena(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static struct acs_task *decode(const json_t *json)
{
    struct acs_task *task = ARENA_NEW(&arena, struct acs_task);
    struct error *err = acs_decode_task(&arena, json, task);

    if (err)
        fail_msg("%s", err->message);
    return task;
}

static struct acs_task *task_of(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    struct acs_task *task;

    assert_non_null(json);
    task = decode(json);
    json_decref(json);
    return task;
}

/* The create body of the task's container `index`, as JSON; NULL with *ret_err. */
static json_t *body_of(const struct acs_task *task, size_t index, const char *const *docker_names,
                       const char *const *volume_names, const int *range_starts,
                       struct error **ret_err)
{
    const struct container_plan plan = {.task = task,
                                        .container = &task->containers.items[index],
                                        .cluster = "default",
                                        .region = "us-east-1",
                                        .docker_names = docker_names,
                                        .volume_names = volume_names,
                                        .range_starts = range_starts};
    CLEANUP(buf_done) struct buf body = {0};
    json_t *json;

    *ret_err = container_create_body(&plan, &body);
    if (*ret_err)
        return NULL;
    json = json_loads(body.data, 0, NULL);
    assert_non_null(json);
    return json;
}

/* Every member of `part` is in `whole`, with an equal value; lists compare whole. */
static void assert_within(const char *path, const json_t *whole, const json_t *part)
{
    const char *key;
    json_t *value;

    if (!json_is_object(part)) {
        if (!json_equal((json_t *)whole, (json_t *)part))
            fail_msg("%s: %s, not %s", path, whole ? json_dumps(whole, JSON_ENCODE_ANY) : "nothing",
                     json_dumps(part, JSON_ENCODE_ANY));
        return;
    }
    json_object_foreach ((json_t *)part, key, value) {
        char at[512];

        snprintf(at, sizeof(at), "%s.%s", path, key);
        assert_within(at, json_object_get(whole, key), value);
    }
}

static void assert_body(json_t *body, const char *expected)
{
    json_t *part = json_loads(expected, 0, NULL);

    assert_non_null(part);
    assert_non_null(body);
    assert_within("body", body, part);
    json_decref(part);
    json_decref(body);
}

static json_t *recorded_task(void)
{
    FILE *file = fopen(TEST_DATA "/agent-wire/tm.jsonl", "r");
    json_t *found = NULL;
    char *line = NULL;
    size_t size = 0;

    assert_non_null(file);
    while (!found && getline(&line, &size, file) > 0) {
        json_t *entry = json_loads(line, 0, NULL);
        const char *type = json_string_value(json_object_get(entry, "type"));

        if (type && strcmp(type, "PayloadMessage") == 0)
            found = json_incref(
                json_array_get(json_object_get(json_object_get(entry, "message"), "tasks"), 0));
        json_decref(entry);
    }
    free(line);
    fclose(file);
    assert_non_null(found);
    return found;
}

/* The members of Docker's description that the agent decides, out of all that Docker adds. Links
 * and HostIp are Docker's own form; the metadata and credentials variables have no endpoint here
 * yet. */
static json_t *decided(const json_t *description)
{
    static const char *const config_members[] = {"Image", "Cmd", "ExposedPorts", "Labels"};
    static const char *const host_members[] = {"Binds", "LogConfig",     "PortBindings", "CapDrop",
                                               "Tmpfs", "ShmSize",       "CpuShares",    "Memory",
                                               "Init",  "ReadonlyRootfs"};
    const json_t *config = json_object_get(description, "Config");
    const json_t *host = json_object_get(description, "HostConfig");
    json_t *out = json_object(), *out_host = json_object(), *hosts;
    const char *key;

    for (size_t i = 0; i < ARRAY_LEN(config_members); i++)
        json_object_set(out, config_members[i], json_object_get(config, config_members[i]));
    for (size_t i = 0; i < ARRAY_LEN(host_members); i++)
        json_object_set(out_host, host_members[i], json_object_get(host, host_members[i]));
    json_object_foreach (json_object_get(out_host, "PortBindings"), key, hosts)
        json_object_del(json_array_get(hosts, 0), "HostIp");
    json_object_set_new(out, "HostConfig", out_host);
    return out;
}

static void same_payload_gives_the_same_container(void **state)
{
    static const char *const docker_names[] = {"ecs-fam-3-app-b09fcaecf8b4eda44d00"};
    static const char *const volume_names[] = {"ecs-fam-3-v-8487e7f098dbf38fb601", NULL,
                                               "ecs-fam-3-dv-849491b18dcfa1b0a501"};
    static const int range_starts[] = {0, 32768};
    json_t *described = json_load_file(TEST_DATA "/agent-wire/tm.inspect.json", 0, NULL);
    json_t *json = recorded_task();
    struct acs_task *task = decode(json);
    struct error *err;
    json_t *body = body_of(task, 0, docker_names, volume_names, range_starts, &err);
    json_t *expected = decided(json_array_get(described, 0));
    json_t *env = json_pack("[s,s]", "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1");

    (void)state;
    assert_null(err);
    assert_within("body", body, expected);
    assert_within("Env", json_object_get(body, "Env"), env);
    assert_null(json_object_get(json_object_get(body, "HostConfig"), "NetworkMode"));
    assert_null(json_object_get(json_object_get(body, "HostConfig"), "RestartPolicy"));
    json_decref(env);
    json_decref(expected);
    json_decref(body);
    json_decref(json);
    json_decref(described);
}

#define TASK(more)                                                                                 \
    "{\"arn\":\"arn:t\",\"desiredStatus\":\"RUNNING\",\"family\":\"f\",\"version\":\"1\"," more "}"
#define ONE(more) TASK("\"containers\":[{\"name\":\"a\",\"image\":\"i\"," more "}]")

/* TD-122: what one member of a task becomes. */
static void members(void **state)
{
    static const struct {
        const char *why, *task, *body;
    } cases[] = {
        {"no cpu is 2 shares", ONE("\"cpu\":0"), "{\"HostConfig\":{\"CpuShares\":2}}"},
        {"cpu above the kernel's limit", ONE("\"cpu\":1000000"),
         "{\"HostConfig\":{\"CpuShares\":262144}}"},
        {"memory in bytes", ONE("\"memory\":300"), "{\"HostConfig\":{\"Memory\":314572800}}"},
        {"least memory", ONE("\"memory\":1"), "{\"HostConfig\":{\"Memory\":4194304}}"},
        {"entry point and command", ONE("\"entryPoint\":[\"e\"],\"command\":[\"c\",\"\"]"),
         "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\",\"\"]}"},
        {"overridden command",
         ONE("\"command\":[\"c\"],\"overrides\":\"{\\\"command\\\":[\\\"o\\\"]}\""),
         "{\"Cmd\":[\"o\"]}"},
        {"override as object", ONE("\"command\":[\"c\"],\"overrides\":{\"command\":[\"o\"]}"),
         "{\"Cmd\":[\"o\"]}"},
        {"override that says nothing",
         ONE("\"command\":[\"c\"],\"overrides\":\"{\\\"command\\\":null}\""), "{\"Cmd\":[\"c\"]}"},
        {"variables; a region of the task's own keeps both of ours out",
         ONE("\"environment\":{\"A\":\"\",\"AWS_REGION\":\"x\"}"),
         "{\"Env\":[\"A=\",\"AWS_REGION=x\"]}"},
        {"dynamic port", ONE("\"portMappings\":[{\"containerPort\":80,\"hostPort\":0}]"),
         "{\"ExposedPorts\":{\"80/tcp\":{}},\"HostConfig\":{\"PortBindings\":{\"80/tcp\":"
         "[{\"HostPort\":\"0\"}]}}}"},
        {"one port twice",
         ONE("\"portMappings\":[{\"containerPort\":53,\"hostPort\":53,\"protocol\":"
             "\"udp\"},{\"containerPort\":53,\"hostPort\":54,\"protocol\":\"udp\"}]"),
         "{\"HostConfig\":{\"PortBindings\":{\"53/udp\":[{\"HostPort\":\"53\"},"
         "{\"HostPort\":\"54\"}]}}}"},
        {"what only dockerConfig can say",
         ONE("\"dockerConfig\":{\"config\":\"{\\\"User\\\":\\\"u\\\",\\\"WorkingDir\\\":\\\"/w\\\","
             "\\\"Hostname\\\":\\\"h\\\"}\",\"hostConfig\":\"{\\\"Dns\\\":[\\\"9.9.9.9\\\"],"
             "\\\"Privileged\\\":true,\\\"Ulimits\\\":[{\\\"Name\\\":\\\"nofile\\\",\\\"Soft\\\":1,"
             "\\\"Hard\\\":2}]}\"}"),
         "{\"User\":\"u\",\"WorkingDir\":\"/w\",\"Hostname\":\"h\",\"HostConfig\":{\"Dns\":"
         "[\"9.9.9.9\"],\"Privileged\":true,\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":1,"
         "\"Hard\":2}]}}"},
        {"dockerConfig wins, labels join, ours stay",
         ONE("\"memory\":8,\"dockerConfig\":{\"config\":\"{\\\"Labels\\\":{\\\"a\\\":\\\"b\\\","
             "\\\"com.amazonaws.ecs.task-arn\\\":\\\"x\\\"}}\","
             "\"hostConfig\":\"{\\\"Memory\\\":9,\\\"Binds\\\":null,\\\"CpuShares\\\":null}\"}"),
         "{\"Labels\":{\"a\":\"b\",\"com.amazonaws.ecs.task-arn\":\"arn:t\","
         "\"com.amazonaws.ecs.cluster\":\"default\"},\"HostConfig\":{\"Memory\":9,\"CpuShares\":2}"
         "}"},
        {"host mode publishes nothing",
         TASK("\"networkMode\":\"host\",\"containers\":[{\"name\":\"a\",\"image\":\"i\","
              "\"portMappings\":[{\"containerPort\":80}]}]"),
         "{\"HostConfig\":{\"NetworkMode\":\"host\",\"CpuShares\":2}}"},
        {"none", TASK("\"networkMode\":\"none\",\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]"),
         "{\"HostConfig\":{\"NetworkMode\":\"none\"}}"},
        {"links and volumesFrom name containers of the task",
         TASK("\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"links\":[\"b:db\",\"b\"],"
              "\"volumesFrom\":[{\"sourceContainer\":\"b\",\"readOnly\":true},"
              "{\"sourceContainer\":\"b\"}]},{\"name\":\"b\",\"image\":\"i\"}]"),
         "{\"HostConfig\":{\"Links\":[\"docker-b:db\",\"docker-b:b\"],\"VolumesFrom\":"
         "[\"docker-b:ro\",\"docker-b\"]}}"},
        {"volumes",
         TASK("\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"mountPoints\":[{\"sourceVolume\":"
              "\"h\","
              "\"containerPath\":\"/"
              "h\",\"readOnly\":true},{\"sourceVolume\":\"s\",\"containerPath\":"
              "\"/s\"}]}],\"volumes\":[{\"name\":\"h\",\"host\":{\"sourcePath\":\"/srv\"}},"
              "{\"name\":\"s\",\"host\":{}}]"),
         "{\"HostConfig\":{\"Binds\":[\"/srv:/h:ro\",\"vol-s:/s\"]}}"},
    };
    static const char *const docker_names[] = {"docker-a", "docker-b"};
    static const char *const volume_names[] = {NULL, "vol-s"};
    static const int range_starts[] = {0, 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error *err;
        json_t *body =
            body_of(task_of(cases[i].task), 0, docker_names, volume_names, range_starts, &err);

        if (err)
            fail_msg("%s: %s", cases[i].why, err->message);
        assert_body(body, cases[i].body);
    }
}

static void host_mode_has_no_bindings(void **state)
{
    static const int range_starts[] = {0};
    static const char *const docker_names[] = {"docker-a"};
    struct error *err;
    json_t *body = body_of(
        task_of(TASK("\"networkMode\":\"host\",\"containers\":[{\"name\":\"a\",\"image\":\"i\","
                     "\"portMappings\":[{\"containerPort\":80}]}]")),
        0, docker_names, NULL, range_starts, &err);

    (void)state;
    assert_null(err);
    assert_null(json_object_get(body, "ExposedPorts"));
    assert_int_equal(
        json_object_size(json_object_get(json_object_get(body, "HostConfig"), "PortBindings")), 0);
    json_decref(body);
}

/* AP-304 to AP-306: refused with the words of the official agent. */
static void refusals(void **state)
{
    static const struct {
        const char *task, *reason;
    } cases[] = {
        {ONE("\"mountPoints\":[{\"sourceVolume\":\"nope\",\"containerPath\":\"/x\"}]"),
         "HostConfigError: Invalid volume referenced: nope"},
        {ONE("\"healthCheckType\":\"docker\""),
         "DockerClientConfigError: docker health check is nil "
         "while container health check type is DOCKER"},
        {ONE("\"overrides\":\"{\\\"environment\\\":[]}\""), "Unrecognized key: environment"},
        {ONE("\"overrides\":\"[\""), "overrides of container a are not an object"},
        {ONE("\"links\":[\"b\"]"), "HostConfigError: Link Error: container b does not exist"},
        {ONE("\"volumesFrom\":[{\"sourceContainer\":\"b\"}]"),
         "HostConfigError: Volume target not available: b"},
        {ONE("\"dockerConfig\":{\"config\":\"{\"}"),
         "DockerClientConfigError: Unable to read the docker config of container a"},
        {ONE("\"dockerConfig\":{\"hostConfig\":\"7\"}"),
         "HostConfigError: Unable to read the host config of container a"},
    };
    static const char *const docker_names[] = {"docker-a"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(error_freep) struct error *err = NULL;
        json_t *body = body_of(task_of(cases[i].task), 0, docker_names, NULL, NULL, &err);

        assert_null(body);
        assert_non_null(err);
        assert_string_equal(err->message, cases[i].reason);
    }
}

static void names(void **state)
{
    struct rng rng = rng_seeded(7);
    CLEANUP(str_freep) char *name = container_docker_name("fam", "3", "my_app.1-x", &rng);
    CLEANUP(str_freep) char *other = container_docker_name("fam", "3", "my_app.1-x", &rng);

    (void)state;
    assert_int_equal(strncmp(name, "ecs-fam-3-myapp1-x-", 19), 0); /* AP-309 */
    assert_int_equal(strspn(name + 19, "0123456789abcdef"), 20);
    assert_int_equal(strlen(name), 39);
    assert_string_not_equal(name, other);
}

static void memory_of_admission(void **state)
{
    (void)state;
    assert_int_equal(container_memory_mib(&task_of(ONE("\"memory\":64"))->containers.items[0]), 64);
    assert_int_equal(
        container_memory_mib(&task_of(ONE("\"memory\":64,\"dockerConfig\":{\"hostConfig\":"
                                          "\"{\\\"MemoryReservation\\\":33554432}\"}"))
                                  ->containers.items[0]),
        32);
}

/* AP-122: ranges are reported whole, each in the address families in which Docker published it. */
static void bindings(void **state)
{
    const struct acs_task *task = task_of(
        ONE("\"portMappings\":[{\"containerPort\":80},{\"containerPortRange\":\"9000-9002\"}]"));
    const struct acs_container *container = &task->containers.items[0];
    static const int range_starts[] = {0, 32768};
    struct docker_binding published[] = {
        {"0.0.0.0", 80, 49153, "tcp"},   {"::", 80, 49154, "tcp"},
        {"0.0.0.0", 9000, 32768, "tcp"}, {"::", 9000, 32768, "udp"}, /* another's */
        {"::", 9000, 32768, "tcp"},
    };
    struct docker_container docker = {.bindings = published, .binding_count = 4};
    struct engine_binding *items, *again;
    size_t count;
    struct buf text = {0};

    (void)state;
    container_port_bindings(&arena, container, "bridge", range_starts, &docker, &items, &count);
    assert_int_equal(count, 3);
    assert_int_equal(items[0].host_port, 49153);
    assert_string_equal(items[0].bind_ip, "0.0.0.0");
    assert_int_equal(items[1].host_port, 49154);
    assert_string_equal(items[1].bind_ip, "::");
    assert_string_equal(items[2].container_port_range, "9000-9002");
    assert_string_equal(items[2].host_port_range, "32768-32770");

    container_port_encode(&text, items, count);
    container_port_decode(&arena, text.data, &again, &count);
    assert_int_equal(count, 3);
    assert_int_equal(again[0].host_port, 49153);
    assert_int_equal(again[0].container_port, 80);
    assert_string_equal(again[2].host_port_range, "32768-32770");
    buf_done(&text);

    docker.binding_count = 5;
    container_port_bindings(&arena, container, "bridge", range_starts, &docker, &items, &count);
    assert_int_equal(count, 4);
    assert_string_equal(items[3].bind_ip, "::");
    assert_string_equal(items[3].host_port_range, "32768-32770");
    container_port_bindings(&arena, container, "host", range_starts, NULL, &items, &count);
    assert_int_equal(count, 2);
    assert_int_equal(items[0].host_port, 80);
    assert_string_equal(items[1].host_port_range, "9000-9002");
    container_port_bindings(&arena, container, "none", range_starts, NULL, &items, &count);
    assert_int_equal(count, 0);
}

/* One port of the container on two of the host: Docker lists both with it, and each is told once. */
static void bindings_of_one_port(void **state)
{
    const struct acs_task *task =
        task_of(ONE("\"portMappings\":[{\"containerPort\":80,\"hostPort\":8006},"
                    "{\"containerPort\":80,\"hostPort\":8007}]"));
    static const int range_starts[] = {0, 0};
    struct docker_binding published[] = {{"0.0.0.0", 80, 8006, "tcp"},
                                         {"0.0.0.0", 80, 8007, "tcp"}};
    const struct docker_container docker = {.bindings = published, .binding_count = 2};
    struct engine_binding *items;
    size_t count;

    (void)state;
    container_port_bindings(&arena, &task->containers.items[0], "bridge", range_starts, &docker,
                            &items, &count);
    assert_int_equal(count, 2);
    assert_int_equal(items[0].host_port, 8006);
    assert_int_equal(items[1].host_port, 8007);
}

static bool is_free(int port, const char *protocol, void *data)
{
    (void)protocol;
    return !strchr(data, 'a' + port - 100); /* a letter for each port in use */
}

static void blocks_of_ports(void **state)
{
    static const struct {
        const char *used;
        int start, count, found;
    } cases[] = {
        {"", 100, 3, 100},      {"b", 100, 3, 102},      {"", 108, 3, 100}, {"", 107, 3, 107},
        {"abdeghj", 100, 2, 0}, {"abdegh", 100, 2, 108}, {"", 100, 11, 0},  {"", 100, 10, 100},
        {"j", 105, 9, 100},     {"e", 104, 5, 105},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(container_port_find_block(100, 109, cases[i].start, cases[i].count, "tcp",
                                                   is_free, (void *)cases[i].used),
                         cases[i].found);
}

static void ranges(void **state)
{
    static const char *const wrong[] = {"",        "9",    "9-",  "9-8", "0-3",
                                        "1-65536", "1-2x", "a-b", NULL};
    int first, last;

    (void)state;
    assert_true(container_port_range_parse("1-65535", &first, &last));
    assert_int_equal(last, 65535);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(container_port_range_parse(wrong[i], &first, &last));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_payload_gives_the_same_container),
        cmocka_unit_test(members),
        cmocka_unit_test(host_mode_has_no_bindings),
        cmocka_unit_test(refusals),
        cmocka_unit_test(names),
        cmocka_unit_test(memory_of_admission),
        cmocka_unit_test(bindings),
        cmocka_unit_test(bindings_of_one_port),
        cmocka_unit_test(blocks_of_ports),
        cmocka_unit_test(ranges),
    };

    return cmocka_run_group_tests(tests, NULL, drop_arena);
}
