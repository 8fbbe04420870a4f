#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/task_cgroup.h"
#include "base/str.h"

/* systemd owns the tree that Docker's systemd driver works in: a slice is one of its transient
 * units. busctl comes with it. */

#define ARGUMENTS_MAX 40
#define PERCENT_US    10000 /* of a second */

struct command {
    struct arena *arena;
    const char **words;
    size_t count;
};

static void say(struct command *command, const char *word)
{
    command->words[command->count++] = word;
}

static void say_number(struct command *command, const char *property, int64_t number)
{
    say(command, property);
    say(command, "t");
    say(command, arena_printf(command->arena, "%" PRId64, number));
}

static struct command call(struct arena *arena, const char *method)
{
    static const char *const words[] = {
        "busctl",
        "--system",
        "--quiet",
        "--timeout=30",
        "call",
        "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager",
    };
    struct command command = {arena, ARENA_ARRAY(arena, const char *, ARGUMENTS_MAX), 0};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        say(&command, words[i]);
    say(&command, method);
    return command;
}

static const char *slice_name(struct arena *arena, const char *task_arn)
{
    const struct task_cgroups cgroups = {.kind = TASK_CGROUP_SLICE};

    return task_cgroup_parent(arena, &cgroups, task_arn);
}

/* systemd keeps whole percents of a processor; less than the task's share would keep its containers
 * from theirs. */
static int64_t quota_of(const struct task_cgroup_limits *limits)
{
    int64_t per_s = limits->cpu_quota_us * 1000000 / limits->cpu_period_us;

    return (per_s + PERCENT_US - 1) / PERCENT_US * PERCENT_US;
}

static void say_limits(struct command *command, bool is_unified,
                       const struct task_cgroup_limits *limits)
{
    size_t count_at = command->count;
    int count = 0;

    say(command, NULL);
    if (limits->cpu_quota_us) {
        say_number(command, "CPUQuotaPerSecUSec", quota_of(limits));
        say_number(command, "CPUQuotaPeriodUSec", limits->cpu_period_us);
        count += 2;
    } else if (is_unified) {
        say_number(command, "CPUWeight", task_cgroup_weight(limits->cpu_shares));
        count++;
    } else {
        say_number(command, "CPUShares", limits->cpu_shares);
        count++;
    }
    if (limits->memory_bytes) {
        say_number(command, "MemoryMax", limits->memory_bytes);
        count++;
    }
    if (limits->pids) {
        say_number(command, "TasksMax", limits->pids);
        count++;
    }
    command->words[count_at] = arena_printf(command->arena, "%d", count);
}

const char *const *task_cgroup_start_slice(struct arena *arena, const struct task_cgroups *cgroups,
                                           const char *task_arn,
                                           const struct task_cgroup_limits *limits)
{
    struct command command = call(arena, "StartTransientUnit");

    say(&command, "ssa(sv)a(sa(sv))");
    say(&command, slice_name(arena, task_arn));
    say(&command, "fail");
    say_limits(&command, cgroups->is_unified, limits);
    say(&command, "0");
    say(&command, NULL);
    return command.words;
}

const char *const *task_cgroup_stop_slice(struct arena *arena, const char *task_arn)
{
    struct command command = call(arena, "StopUnit");

    say(&command, "ss");
    say(&command, slice_name(arena, task_arn));
    say(&command, "fail");
    say(&command, NULL);
    return command.words;
}

bool task_cgroup_has_slice(const struct task_cgroups *cgroups, const char *task_arn)
{
    struct arena arena = {0};
    const char *path =
        arena_printf(&arena, "%s/%s%s/%s", cgroups->root, cgroups->is_unified ? "" : "memory/",
                     TASK_CGROUP_SLICES ".slice", slice_name(&arena, task_arn));
    bool is_made = access(path, F_OK) == 0;

    arena_done(&arena);
    return is_made;
}
