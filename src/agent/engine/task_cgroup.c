#include "agent/engine/task_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engine/container.h"
#include "base/str.h"

#define PREFIX      "ecs" /* /ecs/<task id> */
#define LEFT_DEPTH  8     /* of what a container may leave behind in its cgroup */
#define WEIGHT_MOST 10000

static const char *task_id(const char *arn)
{
    const char *slash = strrchr(arn, '/');

    return slash ? slash + 1 : arn;
}

/* ---- files ---- */

static struct error *make_dir(const char *path)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return NULL;
    return error_errno(errno, "cgroup %s cannot be made", path);
}

static struct error *write_text(const char *dir, const char *name, const char *text)
{
    CLEANUP(str_freep) char *path = str_printf("%s/%s", dir, name);
    size_t len = strlen(text);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n;
    int failure;

    if (fd < 0)
        return error_errno(errno, "%s cannot be opened", path);
    n = write(fd, text, len);
    failure = errno;
    close(fd);
    return n == (ssize_t)len ? NULL : error_errno(failure, "%s does not take %s", path, text);
}

static struct error *write_number(const char *dir, const char *name, int64_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, number);
    return write_text(dir, name, text);
}

static bool is_there(const char *dir, const char *name)
{
    CLEANUP(str_freep) char *path = str_printf("%s/%s", dir, name);

    return access(path, F_OK) == 0;
}

/* ---- the layout ---- */

static bool is_ours(const char *dir)
{
    return faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) == 0;
}

static struct error *open_v1(const char *root)
{
    static const char *const controllers[] = {"cpu", "memory"};

    for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
        CLEANUP(str_freep) char *path = str_printf("%s/%s/" PREFIX, root, controllers[i]);

        TRY(make_dir(path));
        if (!is_ours(path)) /* of an agent that ran as root */
            return error_errno(errno, "cgroup %s cannot be written", path);
    }
    return NULL;
}

/* Controllers are handed down level by level. That of processes is only needed for a limit. */
static struct error *enable_controllers(const char *dir)
{
    struct error *err;

    TRY(write_text(dir, "cgroup.subtree_control", "+cpu +memory"));
    err = write_text(dir, "cgroup.subtree_control", "+pids");
    error_free(err); /* told when a task is to have such a limit */
    return NULL;
}

static struct error *open_v2(const char *root)
{
    CLEANUP(str_freep) char *path = str_printf("%s/" PREFIX, root);

    TRY(enable_controllers(root));
    TRY(make_dir(path));
    return enable_controllers(path);
}

struct error *task_cgroups_open(const char *root, const char *driver, struct task_cgroups *ret)
{
    struct task_cgroups out = {.root = root, .is_unified = is_there(root, "cgroup.controllers")};

    if (str_eq(driver, "systemd")) {
        if (geteuid() != 0 && !is_ours(root))
            return error_errno(errno, "systemd makes slices for root alone");
        out.kind = TASK_CGROUP_SLICE;
    } else if (out.is_unified) {
        out.kind = TASK_CGROUP_V2;
        TRY(open_v2(root));
    } else {
        out.kind = TASK_CGROUP_V1;
        TRY(open_v1(root));
    }
    *ret = out;
    return NULL;
}

/* ---- limits ---- */

static int64_t shares_of(const struct acs_task *task)
{
    int64_t sum = 0;

    for (size_t i = 0; i < task->containers.count; i++) {
        const struct acs_container *container = &task->containers.items[i];

        if (container_is_internal(container->name))
            continue;
        sum += container->has_cpu && container->cpu >= CONTAINER_CPU_MIN ? container->cpu
                                                                         : CONTAINER_CPU_MIN;
    }
    return sum > CONTAINER_CPU_MAX ? CONTAINER_CPU_MAX : sum;
}

static struct error *memory_of(const struct acs_task *task, int64_t *ret_bytes)
{
    for (size_t i = 0; i < task->containers.count; i++) {
        const struct acs_container *container = &task->containers.items[i];

        if (container->has_memory && container->memory > task->memory)
            return error_new(API_CLIENT,
                             "task memory spec builder: container memory limit(%" PRId32
                             ") greater than task memory limit(%" PRId32 ")",
                             container->memory, task->memory);
    }
    *ret_bytes = (int64_t)task->memory * CONTAINER_MIB;
    return NULL;
}

struct error *task_cgroup_limits_of(const struct acs_task *task, int64_t period_ms, int64_t pids,
                                    struct task_cgroup_limits *ret)
{
    struct task_cgroup_limits out = {.pids = pids};

    if (task->has_cpu && task->cpu > 0) {
        out.cpu_period_us = period_ms * 1000;
        out.cpu_quota_us = (int64_t)(task->cpu * (double)out.cpu_period_us);
    } else {
        out.cpu_shares = shares_of(task);
    }
    if (task->has_memory && task->memory > 0)
        TRY(memory_of(task, &out.memory_bytes));
    *ret = out;
    return NULL;
}

const char *task_cgroup_parent(struct arena *arena, const struct task_cgroups *cgroups,
                               const char *task_arn)
{
    switch (cgroups->kind) {
    case TASK_CGROUP_OFF:
        break;
    case TASK_CGROUP_V1:
    case TASK_CGROUP_V2:
        return arena_printf(arena, "/" PREFIX "/%s", task_id(task_arn));
    case TASK_CGROUP_SLICE:
        return arena_printf(arena, TASK_CGROUP_SLICES "-%s.slice", task_id(task_arn));
    }
    return NULL;
}

int64_t task_cgroup_weight(int64_t shares)
{
    return 1 + (shares - CONTAINER_CPU_MIN) * (WEIGHT_MOST - 1) /
                   (CONTAINER_CPU_MAX - CONTAINER_CPU_MIN);
}

/* ---- making ---- */

static struct error *make_v1(const char *root, const char *id,
                             const struct task_cgroup_limits *limits)
{
    CLEANUP(str_freep) char *cpu = str_printf("%s/cpu/" PREFIX "/%s", root, id);
    CLEANUP(str_freep) char *memory = str_printf("%s/memory/" PREFIX "/%s", root, id);
    CLEANUP(str_freep) char *pids_root = str_printf("%s/pids/" PREFIX, root);
    CLEANUP(str_freep) char *pids = str_printf("%s/%s", pids_root, id);

    TRY(open_v1(root)); /* the host may have been started anew */
    TRY(make_dir(cpu));
    if (limits->cpu_quota_us) {
        TRY(write_number(cpu, "cpu.cfs_period_us", limits->cpu_period_us));
        TRY(write_number(cpu, "cpu.cfs_quota_us", limits->cpu_quota_us));
    } else {
        TRY(write_number(cpu, "cpu.shares", limits->cpu_shares));
    }
    TRY(make_dir(memory));
    if (is_there(memory, "memory.use_hierarchy")) /* newer kernels know nothing else */
        TRY(write_number(memory, "memory.use_hierarchy", 1));
    if (limits->memory_bytes)
        TRY(write_number(memory, "memory.limit_in_bytes", limits->memory_bytes));
    if (!limits->pids)
        return NULL;
    TRY(make_dir(pids_root));
    TRY(make_dir(pids));
    return write_number(pids, "pids.max", limits->pids);
}

static struct error *make_v2(const char *root, const char *id,
                             const struct task_cgroup_limits *limits)
{
    CLEANUP(str_freep) char *dir = str_printf("%s/" PREFIX "/%s", root, id);
    char text[64];

    TRY(open_v2(root));
    TRY(make_dir(dir));
    if (limits->cpu_quota_us) {
        snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, limits->cpu_quota_us,
                 limits->cpu_period_us);
        TRY(write_text(dir, "cpu.max", text));
    } else {
        TRY(write_number(dir, "cpu.weight", task_cgroup_weight(limits->cpu_shares)));
    }
    if (limits->memory_bytes)
        TRY(write_number(dir, "memory.max", limits->memory_bytes));
    return limits->pids ? write_number(dir, "pids.max", limits->pids) : NULL;
}

struct error *task_cgroup_make(const struct task_cgroups *cgroups, const char *task_arn,
                               const struct task_cgroup_limits *limits)
{
    switch (cgroups->kind) {
    case TASK_CGROUP_V1:
        return make_v1(cgroups->root, task_id(task_arn), limits);
    case TASK_CGROUP_V2:
        return make_v2(cgroups->root, task_id(task_arn), limits);
    case TASK_CGROUP_OFF:
    case TASK_CGROUP_SLICE:
        break;
    }
    return NULL;
}

/* ---- removing ---- */

static struct error *remove_tree(const char *path, int depth);

/* Only directories can be removed in a cgroup; its files go with it. */
static struct error *remove_children(const char *path, int depth)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    struct error *err = NULL;

    if (!dir)
        return errno == ENOENT ? NULL : error_errno(errno, "cgroup %s cannot be read", path);
    while (!err && (entry = readdir(dir))) {
        CLEANUP(str_freep) char *child = NULL;

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        child = str_printf("%s/%s", path, entry->d_name);
        err = remove_tree(child, depth - 1);
    }
    closedir(dir);
    return err;
}

static struct error *remove_tree(const char *path, int depth)
{
    if (rmdir(path) == 0 || errno == ENOENT || errno == ENOTDIR)
        return NULL;
    if (depth == 0 || (errno != EBUSY && errno != ENOTEMPTY))
        return error_errno(errno, "cgroup %s cannot be removed", path);
    TRY(remove_children(path, depth));
    if (rmdir(path) == 0 || errno == ENOENT)
        return NULL;
    return error_errno(errno, "cgroup %s cannot be removed", path);
}

/* Docker makes the parent in every hierarchy, not only where there are limits. */
static struct error *remove_v1(const char *root, const char *id)
{
    DIR *dir = opendir(root);
    struct dirent *entry;
    struct error *err = NULL;

    if (!dir)
        return error_errno(errno, "%s cannot be read", root);
    while (!err && (entry = readdir(dir))) {
        CLEANUP(str_freep) char *path = NULL;

        if (entry->d_name[0] == '.')
            continue;
        path = str_printf("%s/%s/" PREFIX "/%s", root, entry->d_name, id);
        err = remove_tree(path, LEFT_DEPTH);
    }
    closedir(dir);
    return err;
}

struct error *task_cgroup_remove(const struct task_cgroups *cgroups, const char *task_arn)
{
    CLEANUP(str_freep) char *path = NULL;

    switch (cgroups->kind) {
    case TASK_CGROUP_V1:
        return remove_v1(cgroups->root, task_id(task_arn));
    case TASK_CGROUP_V2:
        path = str_printf("%s/" PREFIX "/%s", cgroups->root, task_id(task_arn));
        return remove_tree(path, LEFT_DEPTH);
    case TASK_CGROUP_OFF:
    case TASK_CGROUP_SLICE:
        break;
    }
    return NULL;
}
