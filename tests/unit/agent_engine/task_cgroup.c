/* The cgroups of tasks (src/agent/engine/task_cgroup.h): what is written, and what systemd is asked. */
#include "agent/engine/task_cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"

#define ARN "arn:aws:ecs:us-east-1:1:task/default/0123456789abcdef0123456789abcdef"
#define ID  "0123456789abcdef0123456789abcdef"

static struct arena arena;

static void weights(void **state)
{
    (void)state;
    assert_int_equal(task_cgroup_weight(2), 1);
    assert_int_equal(task_cgroup_weight(1024), 39);
    assert_int_equal(task_cgroup_weight(262144), 10000);
}

/* A cgroup tree of plain files: directories that the kernel would fill are made beforehand. */
static char root[64];

static void add_file(const char *name)
{
    CLEANUP(str_freep) char *path = str_printf("%s/%s", root, name);
    FILE *file;

    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static void assert_file(const char *name, const char *expected)
{
    CLEANUP(str_freep) char *path = str_printf("%s/%s", root, name);
    char text[128] = "";
    FILE *file = fopen(path, "r");
    size_t n;

    if (!file)
        fail_msg("%s is not there", name);
    n = fread(text, 1, sizeof(text) - 1, file);
    text[n] = '\0';
    fclose(file);
    if (strcmp(text, expected) != 0)
        fail_msg("%s: %s, not %s", name, text, expected);
}

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/berth-cgroup-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int drop_root(void **state)
{
    CLEANUP(str_freep) char *command = str_printf("rm -rf %s", root);

    (void)state;
    arena_done(&arena);
    return system(command);
}

static void v1_is_written(void **state)
{
    static const struct task_cgroup_limits full = {
        .cpu_quota_us = 50000, .cpu_period_us = 100000, .memory_bytes = 1048576, .pids = 9};
    static const struct task_cgroup_limits little = {.cpu_shares = 102};
    struct task_cgroups cgroups;

    (void)state;
    add_file("cpu/ecs/" ID "/cpu.cfs_period_us");
    add_file("cpu/ecs/" ID "/cpu.cfs_quota_us");
    add_file("cpu/ecs/" ID "/cpu.shares");
    add_file("memory/ecs/" ID "/memory.use_hierarchy");
    add_file("memory/ecs/" ID "/memory.limit_in_bytes");
    add_file("pids/ecs/" ID "/pids.max");
    add_file("unified/cgroup.controllers"); /* hybrid: v1 counts */
    assert_null(task_cgroups_open(root, "cgroupfs", &cgroups));
    assert_int_equal(cgroups.kind, TASK_CGROUP_V1);
    assert_string_equal(task_cgroup_parent(&arena, &cgroups, ARN), "/ecs/" ID);
    assert_null(task_cgroup_make(&cgroups, ARN, &full));
    assert_file("cpu/ecs/" ID "/cpu.cfs_period_us", "100000");
    assert_file("cpu/ecs/" ID "/cpu.cfs_quota_us", "50000");
    assert_file("cpu/ecs/" ID "/cpu.shares", "");
    assert_file("memory/ecs/" ID "/memory.use_hierarchy", "1");
    assert_file("memory/ecs/" ID "/memory.limit_in_bytes", "1048576");
    assert_file("pids/ecs/" ID "/pids.max", "9");
    assert_null(task_cgroup_make(&cgroups, ARN, &little)); /* again is fine */
    assert_file("cpu/ecs/" ID "/cpu.shares", "102");
}

static void v2_is_written(void **state)
{
    static const struct task_cgroup_limits full = {
        .cpu_quota_us = 50000, .cpu_period_us = 100000, .memory_bytes = 1048576, .pids = 9};
    static const struct task_cgroup_limits little = {.cpu_shares = 1024};
    struct task_cgroups cgroups;

    (void)state;
    add_file("cgroup.controllers");
    add_file("cgroup.subtree_control");
    add_file("ecs/cgroup.subtree_control");
    add_file("ecs/" ID "/cpu.max");
    add_file("ecs/" ID "/cpu.weight");
    add_file("ecs/" ID "/memory.max");
    add_file("ecs/" ID "/pids.max");
    assert_null(task_cgroups_open(root, "cgroupfs", &cgroups));
    assert_int_equal(cgroups.kind, TASK_CGROUP_V2);
    assert_string_equal(task_cgroup_parent(&arena, &cgroups, ARN), "/ecs/" ID);
    assert_null(task_cgroup_make(&cgroups, ARN, &full));
    assert_file("ecs/" ID "/cpu.max", "50000 100000");
    assert_file("ecs/" ID "/memory.max", "1048576");
    assert_file("ecs/" ID "/pids.max", "9");
    assert_null(task_cgroup_make(&cgroups, ARN, &little));
    assert_file("ecs/" ID "/cpu.weight", "39");
}

/* A controller that is missing is told at the start (AG-152). */
static void missing_controllers(void **state)
{
    struct task_cgroups cgroups = {0};

    (void)state;
    add_file("cpu/tasks");
    CLEANUP(error_freep) struct error *err = task_cgroups_open(root, "cgroupfs", &cgroups);
    assert_non_null(err);
    assert_non_null(strstr(err->message, "memory/ecs"));
    assert_int_equal(cgroups.kind, TASK_CGROUP_OFF);
}

/* Empty cgroups, also those that containers left, go; in every hierarchy. */
/* Whoever is not root may find what an agent of root's made: no limits, rather than tasks that fail. */
static void not_as_root(void **state)
{
    static const char *const drivers[] = {"cgroupfs", "systemd"};
    static const char *const words[] = {"/cpu/ecs cannot be written", "for root alone"};

    (void)state;
    if (geteuid() != 0)
        skip();
    add_file("cpu/ecs/cpu.shares");
    add_file("memory/ecs/memory.limit_in_bytes");
    assert_int_equal(chmod(root, 0755), 0);
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        struct task_cgroups cgroups;
        struct error *err;

        assert_int_equal(seteuid(65534), 0);
        err = task_cgroups_open(root, drivers[i], &cgroups);
        assert_int_equal(seteuid(0), 0);
        assert_non_null(err);
        assert_non_null(strstr(err->message, words[i]));
        error_free(err);
    }
}

static void removal(void **state)
{
    struct task_cgroups cgroups;

    (void)state;
    add_file("cpu/ecs/" ID "/left/inner/x");
    add_file("memory/ecs/" ID "/x");
    add_file("freezer/ecs/" ID "/x");
    for (const char *const *one =
             (const char *const[]){"cpu/ecs/" ID "/left/inner/x", "memory/ecs/" ID "/x",
                                   "freezer/ecs/" ID "/x", NULL};
         *one; one++) {
        CLEANUP(str_freep) char *path = str_printf("%s/%s", root, *one);

        assert_int_equal(unlink(path), 0); /* files of the kernel's go with their directory */
    }
    assert_null(task_cgroups_open(root, "cgroupfs", &cgroups));
    assert_null(task_cgroup_remove(&cgroups, ARN));
    for (const char *const *one = (const char *const[]){"cpu", "memory", "freezer", NULL}; *one;
         one++) {
        CLEANUP(str_freep) char *path = str_printf("%s/%s/ecs/" ID, root, *one);

        assert_int_not_equal(access(path, F_OK), 0);
    }
    assert_null(task_cgroup_remove(&cgroups, ARN)); /* again is fine */
    add_file("memory/ecs/" ID "/process");
    CLEANUP(error_freep) struct error *err = task_cgroup_remove(&cgroups, ARN);
    assert_non_null(err); /* one that is in use stays */
}

static void assert_command(const char *const *words, const char *expected)
{
    CLEANUP(buf_done) struct buf line = {0};

    for (; *words; words++)
        buf_printf(&line, "%s%s", line.len ? " " : "", *words);
    assert_string_equal(line.data, expected);
}

#define BUSCTL                                                                                     \
    "busctl --system --quiet --timeout=30 call org.freedesktop.systemd1 "                          \
    "/org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "

static void slices(void **state)
{
    static const struct task_cgroup_limits full = {
        .cpu_quota_us = 50000, .cpu_period_us = 100000, .memory_bytes = 1048576, .pids = 9};
    static const struct task_cgroup_limits odd = {.cpu_quota_us = 12695, .cpu_period_us = 100000};
    static const struct task_cgroup_limits little = {.cpu_shares = 1024};
    struct task_cgroups cgroups;

    (void)state;
    assert_null(task_cgroups_open(root, "systemd", &cgroups));
    assert_int_equal(cgroups.kind, TASK_CGROUP_SLICE);
    assert_string_equal(task_cgroup_parent(&arena, &cgroups, ARN), "ecstasks-" ID ".slice");
    assert_command(task_cgroup_start_slice(&arena, &cgroups, ARN, &full),
                   BUSCTL "StartTransientUnit ssa(sv)a(sa(sv)) ecstasks-" ID
                          ".slice fail 4 CPUQuotaPerSecUSec t 500000 CPUQuotaPeriodUSec t 100000 "
                          "MemoryMax t 1048576 TasksMax t 9 0");
    /* Whole percents of a processor, and not less than asked for. */
    assert_command(task_cgroup_start_slice(&arena, &cgroups, ARN, &odd),
                   BUSCTL "StartTransientUnit ssa(sv)a(sa(sv)) ecstasks-" ID
                          ".slice fail 2 CPUQuotaPerSecUSec t 130000 CPUQuotaPeriodUSec t 100000 "
                          "0");
    assert_command(task_cgroup_start_slice(&arena, &cgroups, ARN, &little),
                   BUSCTL "StartTransientUnit ssa(sv)a(sa(sv)) ecstasks-" ID
                          ".slice fail 1 CPUShares t 1024 0");
    assert_command(task_cgroup_stop_slice(&arena, ARN),
                   BUSCTL "StopUnit ss ecstasks-" ID ".slice fail");
    assert_false(task_cgroup_has_slice(&cgroups, ARN));
    add_file("memory/ecstasks.slice/ecstasks-" ID ".slice/x");
    assert_true(task_cgroup_has_slice(&cgroups, ARN));
    add_file("cgroup.controllers");
    assert_null(task_cgroups_open(root, "systemd", &cgroups));
    assert_command(task_cgroup_start_slice(&arena, &cgroups, ARN, &little),
                   BUSCTL "StartTransientUnit ssa(sv)a(sa(sv)) ecstasks-" ID
                          ".slice fail 1 CPUWeight t 39 0");
    assert_false(task_cgroup_has_slice(&cgroups, ARN));
    add_file("ecstasks.slice/ecstasks-" ID ".slice/x");
    assert_true(task_cgroup_has_slice(&cgroups, ARN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights),
        cmocka_unit_test_setup_teardown(v1_is_written, make_root, drop_root),
        cmocka_unit_test_setup_teardown(v2_is_written, make_root, drop_root),
        cmocka_unit_test_setup_teardown(missing_controllers, make_root, drop_root),
        cmocka_unit_test_setup_teardown(not_as_root, make_root, drop_root),
        cmocka_unit_test_setup_teardown(removal, make_root, drop_root),
        cmocka_unit_test_setup_teardown(slices, make_root, drop_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
