/* What a container and a task may use, as Docker and the kernel are told: container_limits.c,
 * container_namespaces.c, container_gpu.c, and the limits of task_cgroup.h. */
#include "agent/engine/task_cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/engine/container.h"
#include "agent/engine/container_gpu.h"
#include "base/str.h"

#define ARN "arn:aws:ecs:us-east-1:1:task/default/0123456789abcdef0123456789abcdef"

#define TASK(more) "{\"arn\":\"" ARN "\",\"desiredStatus\":\"RUNNING\"," more "}"
#define A(more)    "{\"name\":\"a\",\"image\":\"i\"" more "}"
#define ONE(more)  TASK("\"containers\":[" A(more) "]")
#define TWO(more)                                                                                  \
    TASK(more "\"containers\":[" A(",\"cpu\":100") ","                                             \
                                                   "{\"name\":\"b\",\"image\":\"i\"}]")
#define GPU(id, container)                                                                         \
    "{\"name\":\"" id "\",\"type\":\"gpu\",\"containers\":[\"" container "\"],"                    \
    "\"content\":{\"encoding\":\"identity\",\"value\":\"" id "\"}}"

static struct arena arena;

static int drop_arena(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static struct acs_task *task_of(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    struct acs_task *task = ARENA_NEW(&arena, struct acs_task);
    struct error *err;

    if (!json)
        fail_msg("not JSON: %s", text);
    err = acs_decode_task(&arena, json, task);
    if (err)
        fail_msg("%s", err->message);
    json_decref(json);
    return task;
}

/* Every member of `part` is in `whole` with an equal value; null: it is not there. */
static bool is_within(const json_t *whole, const json_t *part)
{
    const char *key;
    json_t *value;

    if (json_is_null(part))
        return whole == NULL;
    if (!json_is_object(part))
        return json_equal((json_t *)whole, (json_t *)part);
    json_object_foreach ((json_t *)part, key, value)
        if (!is_within(json_object_get(whole, key), value))
            return false;
    return true;
}

static void check_body(const char *why, const struct container_plan *plan, const char *expected)
{
    CLEANUP(buf_done) struct buf body = {0};
    CLEANUP(json_decrefp) json_t *part = json_loads(expected, 0, NULL);
    CLEANUP(json_decrefp) json_t *whole = NULL;
    struct error *err = container_create_body(plan, &body);

    if (err)
        fail_msg("%s: %s", why, err->message);
    whole = json_loads(body.data, 0, NULL);
    assert_non_null(part);
    if (!is_within(whole, part))
        fail_msg("%s: %s does not say %s", why, body.data, expected);
}

static struct container_plan plan_of(const struct acs_task *task)
{
    static const char *const docker_names[] = {"docker-a", "docker-b"};

    return (struct container_plan){.task = task,
                                   .container = &task->containers.items[0],
                                   .cluster = "default",
                                   .docker_names = docker_names,
                                   .nvidia_runtime = "nvidia"};
}

/* TD-047, TD-043, AP-308 */
static void cpu_and_memory(void **state)
{
    static const struct {
        const char *why, *task, *host;
        bool inherits;
    } cases[] = {
        {"cpu absent", ONE(""), "{\"CpuShares\":2,\"Memory\":null}"},
        {"cpu 0", ONE(",\"cpu\":0"), "{\"CpuShares\":2}"},
        {"cpu 1", ONE(",\"cpu\":1"), "{\"CpuShares\":2}"},
        {"cpu 2", ONE(",\"cpu\":2"), "{\"CpuShares\":2}"},
        {"cpu 3", ONE(",\"cpu\":3"), "{\"CpuShares\":3}"},
        {"cpu of a core", ONE(",\"cpu\":1024"), "{\"CpuShares\":1024,\"NanoCpus\":null}"},
        {"cpu at the kernel's limit", ONE(",\"cpu\":262144"), "{\"CpuShares\":262144}"},
        {"cpu above it", ONE(",\"cpu\":262145"), "{\"CpuShares\":262144}"},
        {"memory 0 is none", ONE(",\"memory\":0"), "{\"Memory\":null}"},
        {"memory below 4 MiB", ONE(",\"memory\":3"), "{\"Memory\":4194304}"},
        {"memory of 4 MiB", ONE(",\"memory\":4"), "{\"Memory\":4194304}"},
        {"memory of 6 MiB", ONE(",\"memory\":6"), "{\"Memory\":6291456}"},
        {"more than 4 GiB", ONE(",\"memory\":8192"), "{\"Memory\":8589934592}"},
        {"reservation only",
         ONE(",\"dockerConfig\":{\"hostConfig\":\"{\\\"MemoryReservation\\\":67108864}\"}"),
         "{\"Memory\":null,\"MemoryReservation\":67108864}"},
        {"both, and swap with swappiness (TD-083)",
         ONE(",\"memory\":64,\"dockerConfig\":{\"hostConfig\":\"{\\\"MemoryReservation\\\":"
             "33554432,"
             "\\\"MemorySwap\\\":100663296,\\\"MemorySwappiness\\\":0,\\\"ShmSize\\\":1048576}\"}"),
         "{\"Memory\":67108864,\"MemoryReservation\":33554432,\"MemorySwap\":100663296,"
         "\"MemorySwappiness\":0,\"ShmSize\":1048576}"},
        {"the task's memory is not the container's",
         TASK("\"memory\":512,\"containers\":[" A("") "]"), "{\"Memory\":null}"},
        {"unless it is handed down", TASK("\"memory\":512,\"containers\":[" A("") "]"),
         "{\"Memory\":536870912}", true},
        {"to those without one", TASK("\"memory\":512,\"containers\":[" A(",\"memory\":64") "]"),
         "{\"Memory\":67108864}", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct container_plan plan = plan_of(task_of(cases[i].task));
        CLEANUP(str_freep) char *expected = str_printf("{\"HostConfig\":%s}", cases[i].host);

        plan.inherits_task_memory = cases[i].inherits;
        check_body(cases[i].why, &plan, expected);
    }
}

/* TD-143, AP-303, AP-431: modes that dockerConfig cannot decide. */
static void namespaces(void **state)
{
    static const struct {
        const char *why, *task, *host;
    } cases[] = {
        {"nothing said", TWO(""),
         "{\"PidMode\":null,\"IpcMode\":null,\"CgroupParent\":\"/ecs/x\"}"},
        {"of the host", TWO("\"pidMode\":\"host\",\"ipcMode\":\"host\","),
         "{\"PidMode\":\"host\",\"IpcMode\":\"host\"}"},
        {"of the task", TWO("\"pidMode\":\"task\",\"ipcMode\":\"task\","),
         "{\"PidMode\":\"container:pause\",\"IpcMode\":\"container:pause\"}"},
        {"each its own", TWO("\"pidMode\":\"task\",\"ipcMode\":\"none\","),
         "{\"PidMode\":\"container:pause\",\"IpcMode\":\"none\"}"},
        {"dockerConfig does not win",
         TASK("\"pidMode\":\"host\",\"containers\":[" A(
             ",\"dockerConfig\":{\"hostConfig\":\"{\\\"PidMode\\\":\\\"x\\\","
             "\\\"CgroupParent\\\":\\\"y\\\"}\"}") "]"),
         "{\"PidMode\":\"host\",\"CgroupParent\":\"/ecs/x\"}"},
        {"sysctls are the container's own (TD-088)",
         ONE(",\"dockerConfig\":{\"hostConfig\":\"{\\\"Sysctls\\\":{\\\"net.core.somaxconn\\\":"
             "\\\"1024\\\"}}\"}"),
         "{\"Sysctls\":{\"net.core.somaxconn\":\"1024\"}}"},
        {"the pause container: it lends its ipc, and has no network",
         TASK("\"ipcMode\":\"task\",\"pidMode\":\"task\",\"networkMode\":\"host\",\"containers\":"
              "[{\"name\":\"" CONTAINER_PAUSE_NAME "\",\"image\":\"p\"}]"),
         "{\"IpcMode\":\"shareable\",\"PidMode\":null,\"NetworkMode\":\"none\",\"CpuShares\":2,"
         "\"CgroupParent\":\"/ecs/x\"}"},
        {"the pause container of shared processes",
         TASK("\"pidMode\":\"task\",\"containers\":[{\"name\":\"" CONTAINER_PAUSE_NAME
              "\",\"image\":\"p\"}]"),
         "{\"IpcMode\":null,\"PidMode\":null}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct container_plan plan = plan_of(task_of(cases[i].task));
        CLEANUP(str_freep) char *expected = str_printf("{\"HostConfig\":%s}", cases[i].host);

        plan.cgroup_parent = "/ecs/x";
        plan.pause_id = "pause";
        check_body(cases[i].why, &plan, expected);
    }
}

/* TD-112 to TD-115, AP-477, AG-129 */
static void gpus(void **state)
{
    static const struct {
        const char *why, *task;
        enum container_gpus how;
        const char *body;
    } cases[] = {
        {"two of them",
         TASK("\"associations\":[" GPU("GPU-1", "a") "," GPU("GPU-2", "b") "," GPU(
             "GPU-3", "a") "],"
                           "\"containers\":[" A(",\"environment\":{\"NVIDIA_VISIBLE_DEVICES\":"
                                                "\"all\"}") ","
                                                            "{\"name\":\"b\",\"image\":\"i\"}]"),
         CONTAINER_GPUS_RUNTIME,
         "{\"Env\":[\"NVIDIA_VISIBLE_DEVICES=GPU-1,GPU-3\"],\"HostConfig\":{\"Runtime\":\"nvidia\"}"
         "}"},
        {"none of its own (TD-115)",
         TASK("\"associations\":[" GPU("GPU-2", "b") "],\"containers\":[" A(
             "") ","
                 "{\"name\":\"b\",\"image\":\"i\"}]"),
         CONTAINER_GPUS_RUNTIME, "{\"Env\":[],\"HostConfig\":{\"Runtime\":null}}"},
        {"none of its own, but it names some",
         TASK("\"associations\":[" GPU("GPU-2", "b") "],\"containers\":[" A(
             ",\"environment\":{\"NVIDIA_VISIBLE_DEVICES\":\"all\"}") ","
                                                                      "{\"name\":\"b\",\"image\":"
                                                                      "\"i\"}]"),
         CONTAINER_GPUS_RUNTIME,
         "{\"Env\":[\"NVIDIA_VISIBLE_DEVICES=all\"],\"HostConfig\":{\"Runtime\":\"nvidia\"}}"},
        {"dockerConfig may name another runtime",
         TASK("\"associations\":[" GPU("GPU-1", "a") "],\"containers\":[" A(
             ",\"dockerConfig\":{\"hostConfig\":\"{\\\"Runtime\\\":\\\"runc\\\"}\"}") "]"),
         CONTAINER_GPUS_RUNTIME, "{\"HostConfig\":{\"Runtime\":\"runc\"}}"},
        {"external instances ask for devices",
         TASK("\"associations\":[" GPU("GPU-1", "a") "],\"containers\":[" A("") "]"),
         CONTAINER_GPUS_REQUESTS,
         "{\"Env\":[],\"HostConfig\":{\"Runtime\":null,\"DeviceRequests\":[{\"Capabilities\":"
         "[[\"gpu\"]],\"DeviceIDs\":[\"GPU-1\"]}]}}"},
        {"and only for those they have", ONE(""), CONTAINER_GPUS_REQUESTS,
         "{\"HostConfig\":{\"DeviceRequests\":null}}"},
        {"support is off",
         TASK("\"associations\":[" GPU("GPU-1", "a") "],\"containers\":[" A("") "]"),
         CONTAINER_GPUS_NONE, "{\"Env\":[],\"HostConfig\":{\"Runtime\":null}}"},
    };
    static const struct {
        const char *task, *refusal;
    } wrong[] = {
        {TASK("\"associations\":[{\"name\":\"GPU-1\",\"type\":\"gpu\",\"containers\":[\"a\",\"b\"]}"
              "],"
              "\"containers\":[" A("") "]"),
         "could not associate multiple containers to GPU GPU-1"},
        {TASK("\"associations\":[" GPU("GPU-1", "z") "],\"containers\":[" A("") "]"),
         "could not find container with name z for associating GPU GPU-1"},
    };
    CLEANUP(buf_done) struct buf body = {0};
    struct container_plan plan;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        plan = plan_of(task_of(cases[i].task));
        plan.gpus = cases[i].how;
        assert_null(container_gpu_check(plan.task));
        check_body(cases[i].why, &plan, cases[i].body);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(error_freep) struct error *err = container_gpu_check(task_of(wrong[i].task));

        assert_non_null(err);
        assert_string_equal(err->message, wrong[i].refusal);
    }
    plan = plan_of(task_of(cases[0].task));
    plan.gpus = CONTAINER_GPUS_RUNTIME;
    plan.nvidia_runtime = "";
    CLEANUP(error_freep) struct error *err = container_create_body(&plan, &body);
    assert_string_equal(err->message, "HostConfigError: Runtime is not set for GPU containers");
}

/* AP-419, AG-152, AG-924 */
static void limits_of_tasks(void **state)
{
    static const struct {
        const char *why, *task;
        int64_t period_ms, pids;
        struct task_cgroup_limits limits;
    } cases[] = {
        {"half a core, 512 MiB",
         TWO("\"cpu\":0.5,\"memory\":512,"),
         100,
         0,
         {.cpu_quota_us = 50000, .cpu_period_us = 100000, .memory_bytes = 536870912}},
        {"ten cores",
         TWO("\"cpu\":10,"),
         100,
         0,
         {.cpu_quota_us = 1000000, .cpu_period_us = 100000}},
        {"a shorter period",
         TWO("\"cpu\":0.25,"),
         8,
         0,
         {.cpu_quota_us = 2000, .cpu_period_us = 8000}},
        {"no cpu: the sum of the shares, none less than 2", TWO(""), 100, 0, {.cpu_shares = 102}},
        {"cpu 0 is none", TWO("\"cpu\":0,\"memory\":0,"), 100, 0, {.cpu_shares = 102}},
        {"processes", TWO(""), 100, 77, {.cpu_shares = 102, .pids = 77}},
        {"more shares than the kernel takes",
         ONE(",\"cpu\":300000"),
         100,
         0,
         {.cpu_shares = 262144}},
        {"a container as large as its task",
         TASK("\"memory\":64,\"containers\":[" A(",\"memory\":64") "]"),
         100,
         0,
         {.cpu_shares = 2, .memory_bytes = 67108864}},
    };
    struct task_cgroup_limits limits;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct task_cgroup_limits *wanted = &cases[i].limits;

        limits = (struct task_cgroup_limits){0};
        assert_null(task_cgroup_limits_of(task_of(cases[i].task), cases[i].period_ms, cases[i].pids,
                                          &limits));
        if (limits.cpu_quota_us != wanted->cpu_quota_us ||
            limits.cpu_period_us != wanted->cpu_period_us ||
            limits.cpu_shares != wanted->cpu_shares ||
            limits.memory_bytes != wanted->memory_bytes || limits.pids != wanted->pids)
            fail_msg("%s: quota %lld of %lld, shares %lld, memory %lld", cases[i].why,
                     (long long)limits.cpu_quota_us, (long long)limits.cpu_period_us,
                     (long long)limits.cpu_shares, (long long)limits.memory_bytes);
    }
    CLEANUP(error_freep)
    struct error *err = task_cgroup_limits_of(
        task_of(TASK("\"memory\":64,\"containers\":[" A(",\"memory\":65") "]")), 100, 0, &limits);
    assert_string_equal(err->message,
                        "task memory spec builder: container memory limit(65) greater "
                        "than task memory limit(64)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(cpu_and_memory, drop_arena),
        cmocka_unit_test_teardown(namespaces, drop_arena),
        cmocka_unit_test_teardown(gpus, drop_arena),
        cmocka_unit_test_teardown(limits_of_tasks, drop_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
