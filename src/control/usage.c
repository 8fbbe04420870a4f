#include "control/usage.h"

#include "control/parts.h"
#include "scheduler/fleet.h"

#define LET_GO_SLICE 1000 /* a few milliseconds */

static void set(struct usage *usage, enum usage_metric metric, double part, double whole)
{
    usage->has[metric] = whole > 0;
    if (whole > 0)
        usage->percent[metric] = 100 * part / whole;
}

/* ---- clusters ---- */

struct capacity {
    double cpu, memory, gpus;
};

static void add_instance(struct control *control, const struct scope *scope,
                         const struct container_instance *instance, struct capacity *registered,
                         struct capacity *reserved)
{
    struct instance_counts counts;
    struct host_free left;

    state_instance_counts(instance, &counts);
    registered->cpu += instance->cpu;
    registered->memory += instance->memory;
    reserved->cpu += counts.cpu_held;
    reserved->memory += counts.memory_held;
    if (instance->gpu_ids_count &&
        fleet_host_free(control_fleet(control, scope, instance->cluster), &instance->id, &left)) {
        registered->gpus += instance->gpu_ids_count;
        reserved->gpus += instance->gpu_ids_count - (double)left.gpus;
    }
}

/* MS-016 to MS-019, MS-022 to MS-025: of what ACTIVE and DRAINING instances registered. */
static void measure_cluster(struct control *control, const struct scope *scope,
                            const struct cluster *cluster, struct usage *ret)
{
    const struct container_instance *instance = NULL;
    struct capacity registered = {0}, reserved = {0};
    struct telemetry_total total = {0};

    *ret = (struct usage){.owner = {.scope = scope, .cluster = cluster->name}};
    while ((instance = state_instance_after(control->state, scope, cluster->name,
                                            instance ? &instance->id : NULL)))
        if (instance->status == INSTANCE_ACTIVE || instance->status == INSTANCE_DRAINING)
            add_instance(control, scope, instance, &registered, &reserved);
    set(ret, USAGE_CPU_RESERVATION, reserved.cpu, registered.cpu);
    set(ret, USAGE_MEMORY_RESERVATION, reserved.memory, registered.memory);
    set(ret, USAGE_GPU_RESERVATION, reserved.gpus, registered.gpus);
    if (!telemetry_total(control->telemetry, &ret->owner, &total))
        return;
    ret->tasks = total.tasks;
    set(ret, USAGE_CPU_UTILIZATION, total.cpu_units, registered.cpu);
    set(ret, USAGE_MEMORY_UTILIZATION, total.memory_mib, registered.memory);
}

/* ---- services ---- */

struct walk {
    usage_fn *fn;
    void *data;
};

/* MS-020, MS-021: of what its tasks reserve. */
static void measure_service(const struct telemetry_total *total, void *data)
{
    const struct walk *walk = data;
    struct usage usage = {.owner = total->owner, .tasks = total->tasks};

    if (!total->owner.service)
        return;
    set(&usage, USAGE_CPU_UTILIZATION, total->cpu_units, total->cpu_reserved);
    set(&usage, USAGE_MEMORY_UTILIZATION, total->memory_mib, total->memory_reserved_mib);
    walk->fn(&usage, walk->data);
}

/* Many may have fallen silent at once: slice by slice, and what is left counts this once. */
static void let_silent_ones_go(void *data)
{
    struct control *control = data;

    if (telemetry_let_go(control->telemetry, control_wall_ms(control), LET_GO_SLICE))
        timer_start(&control->let_go_timer, control->loop, 1, let_silent_ones_go, control);
}

void control_each_usage(struct control *control, usage_fn *fn, void *data)
{
    struct walk walk = {fn, data};
    const struct scope *scope = NULL;

    let_silent_ones_go(control);
    while ((scope = state_scope_after(control->state, scope))) {
        const struct cluster *cluster = NULL;

        while ((cluster =
                    state_cluster_after(control->state, scope, cluster ? cluster->name : NULL))) {
            struct cluster_counts counts;
            struct usage usage;

            state_cluster_counts(cluster, &counts);
            if (!counts.tasks_running)
                continue;
            measure_cluster(control, scope, cluster, &usage);
            fn(&usage, data);
        }
    }
    telemetry_each_total(control->telemetry, measure_service, &walk);
}
