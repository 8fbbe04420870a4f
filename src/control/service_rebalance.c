/* Availability zone rebalancing: a steady service whose tasks are not even over the zones gets some
 * more where there are too few, as far as its maximum percent allows, and when those are healthy
 * loses as many where there are too many. service->surge is how many it has more in between.
 *
 * What cannot be balanced (no room in a zone, protected tasks) is told once and looked at again
 * when a host changes. */
#include "base/str.h"
#include "control/service_work.h"
#include "core/service_events.h"
#include "core/task.h"
#include "core/zone_balance.h"

#define ZONE_ATTRIBUTE "ecs.availability-zone"
#define ZONES_MAX      32 /* further ones are not looked at */

struct zones {
    struct zone_load items[ZONES_MAX];
    size_t count;
};

/* Tasks on Fargate have no zone that is known here. */
static bool has_zones(const struct pass *pass)
{
    const struct ecs_capacity_provider_strategy *strategy =
        &pass->config.capacity_provider_strategy;

    return !strategy->count || !share_is_fargate(strategy->items[0].capacity_provider);
}

static bool is_wanted(const struct pass *pass)
{
    return pass->config.availability_zone_rebalancing ==
               ECS_AVAILABILITY_ZONE_REBALANCING_ENABLED &&
           !service_config_why_not_rebalanced(&pass->config) && has_zones(pass) &&
           pass->service->desired_count > 1 && pass->service->deployments_count == 1;
}

int64_t rebalance_surge(struct pass *pass)
{
    if (pass->service->surge && !is_wanted(pass))
        pass_edit_service(pass)->surge = 0;
    return pass->service->surge;
}

/* ---- zones ---- */

static const char *zone_of(const struct pass *pass, const struct id *host)
{
    return fleet_host_value(control_fleet(pass->control, pass->scope, pass->service->cluster), host,
                            ZONE_ATTRIBUTE);
}

static struct zone_load *find_zone(struct zones *zones, const char *name)
{
    for (size_t i = 0; i < zones->count; i++)
        if (str_eq(zones->items[i].name, name))
            return &zones->items[i];
    return NULL;
}

static struct zone_load *zone_get(struct zones *zones, const char *name)
{
    struct zone_load *found = find_zone(zones, name);

    if (found || zones->count == ZONES_MAX)
        return found;
    zones->items[zones->count] = (struct zone_load){.name = name};
    return &zones->items[zones->count++];
}

/* Whether the service's tasks may go there at all (CL-107). */
static bool takes_tasks(const struct pass *pass, const struct container_instance *instance)
{
    const struct ecs_capacity_provider_strategy *strategy =
        &pass->config.capacity_provider_strategy;

    if (instance->status != INSTANCE_ACTIVE || !state_instance_connected(instance))
        return false;
    for (size_t i = 0; i < strategy->count; i++)
        if (str_eq(strategy->items[i].capacity_provider, instance->capacity_provider))
            return true;
    return !strategy->count;
}

/* Those that can have tasks, and those that have. */
static void list_zones(const struct pass *pass, struct zones *ret)
{
    const struct container_instance *instance = NULL;
    struct pass_walk walk = {0};

    *ret = (struct zones){0};
    while ((instance = state_instance_after(pass->state, pass->scope, pass->service->cluster,
                                            instance ? &instance->id : NULL))) {
        const char *name = zone_of(pass, &instance->id);

        if (name && takes_tasks(pass, instance))
            zone_get(ret, name);
    }
    while (pass_next_task(pass, &walk)) {
        const char *name = zone_of(pass, &walk.task->instance);
        struct zone_load *zone = name ? zone_get(ret, name) : NULL;

        if (zone && walk.task->desired_status != TASK_STOPPED)
            zone->tasks++;
    }
}

/* "2 tasks in zone-a, and 1 tasks in zone-b" */
static const char *loads_text(struct pass *pass, const struct zones *zones)
{
    CLEANUP(buf_done) struct buf text = {0};

    for (size_t i = 0; i < zones->count; i++)
        buf_printf(&text, "%s%lld tasks in %s",
                   i == 0                  ? ""
                   : i == zones->count - 1 ? ", and "
                                           : ", ",
                   (long long)zones->items[i].tasks, zones->items[i].name);
    return arena_dup_n(&pass->arena, text.data, text.len);
}

static void tell_unbalanced(struct pass *pass, const struct zones *zones)
{
    pass_tell(
        pass, TOLD_UNBALANCED,
        &(struct telling){
            .name = EVENT_SERVICE_REBALANCING_STARTED,
            .message = event_unbalanced(&pass->arena, pass->service->name, loads_text(pass, zones)),
        });
}

static void tell_balanced(struct pass *pass, const struct zones *zones)
{
    pass_resolved(pass, TOLD_UNBALANCED);
    pass_resolved(pass, TOLD_ZONE_FULL);
    pass_say(pass, EVENT_SERVICE_REBALANCING_COMPLETED,
             event_balanced(&pass->arena, pass->service->name, loads_text(pass, zones)));
}

/* ---- the two halves ---- */

/* Of the tasks that may go, those in one zone, of one share of the crew. */
static struct victim_list victims_in(struct pass *pass, const struct crew *crew, const char *zone,
                                     size_t share)
{
    struct victim_list of = {
        .items = ARENA_ARRAY(&pass->arena, struct victim, pass->fresh.count + 1),
        .zone = zone,
    };

    for (size_t i = 0; i < pass->fresh.count; i++)
        if (str_eq(zone_of(pass, &pass->fresh.items[i].host), zone) &&
            share_of_task(crew, pass->fresh.items[i].data) == share)
            of.items[of.count++] = pass->fresh.items[i];
    return of;
}

/* A task moves within its provider, so that shares stay what they are (CL-102): of each how many
 * there are to move. */
static size_t *count_movable(struct pass *pass, const struct crew *crew, struct zones *zones)
{
    size_t *movable = ARENA_ARRAY(&pass->arena, size_t, crew->providers->count + 1);

    for (size_t share = 0; share <= crew->providers->count; share++)
        for (size_t i = 0; i < zones->count; i++) {
            const struct zone_load *zone = &zones->items[i];
            size_t count = victims_in(pass, crew, zone->name, share).count;
            size_t surplus = zone->tasks > zone->wanted ? (size_t)(zone->tasks - zone->wanted) : 0;

            movable[share] += count < surplus ? count : surplus;
        }
    if (crew->providers->count)
        movable[crew->providers->count] = 0; /* of a provider that is no more in the strategy */
    return movable;
}

/* Starts what is missing in one zone. */
static int64_t begin_in(struct pass *pass, const struct crew *crew, const char *zone,
                        int64_t wanted, size_t *movable)
{
    int64_t started = 0;

    for (size_t share = 0; share <= crew->providers->count && started < wanted; share++) {
        size_t count = (size_t)(wanted - started);

        if (count > movable[share])
            count = movable[share];
        if (count)
            count = start_in_zone(pass, crew, zone, share, count);
        movable[share] -= count;
        started += (int64_t)count;
    }
    return started;
}

static void begin(struct pass *pass, const struct crew *crew, struct zones *zones, int64_t room)
{
    size_t *movable = count_movable(pass, crew, zones);
    int64_t started = 0;

    tell_unbalanced(pass, zones);
    for (size_t i = 0; i < zones->count && started < room; i++) {
        const struct zone_load *zone = &zones->items[i];
        int64_t wanted = zone->wanted - zone->tasks;

        if (wanted > room - started)
            wanted = room - started;
        if (wanted > 0)
            started += begin_in(pass, crew, zone->name, wanted, movable);
    }
    pass->memory->is_rebalance_blocked = !started;
    if (started)
        pass_edit_service(pass)->surge = (int32_t)started;
}

/* As many of the zone's tasks, of the providers that have more than their share (CL-102). Returns
 * how many; the others are protected, or of other providers. */
static int64_t stop_in_zone(struct pass *pass, const struct crew *crew, const char *zone,
                            int64_t count)
{
    size_t *shares = shares_of_stop(pass, crew, (size_t)count);
    int64_t stopped = 0;

    for (size_t share = 0; share <= crew->providers->count; share++) {
        struct victim_list of = victims_in(pass, crew, zone, share);
        size_t some = crew->providers->count ? shares[share] : (size_t)count;

        if (some > of.count)
            some = of.count;
        stop_some(pass, &of, some, stop_reason_scaling(pass, NULL));
        stopped += (int64_t)some;
    }
    return stopped;
}

/* Stops as many as were started, where there are too many. */
static void finish(struct pass *pass, const struct crew *crew, struct zones *zones)
{
    int64_t left = pass->service->surge;

    pass_edit_service(pass)->surge = 0;
    for (size_t i = 0; i < zones->count && left > 0; i++) {
        struct zone_load *zone = &zones->items[i];
        int64_t surplus = zone->tasks - zone->wanted;

        if (surplus > left)
            surplus = left;
        if (surplus <= 0)
            continue;
        surplus = stop_in_zone(pass, crew, zone->name, surplus);
        zone->tasks -= surplus;
        left -= surplus;
    }
    pass->memory->is_rebalance_blocked = left > 0;
    if (!zone_balance(zones->items, zones->count, pass->service->desired_count))
        tell_balanced(pass, zones);
}

/* All are there and healthy, and nothing is on its way. */
static bool is_calm(const struct pass *pass)
{
    const struct rollout *rollout = &pass->rollout;
    const struct deployment *primary = service_primary(pass->service);

    return primary->rollout_state == ROLLOUT_STATE_COMPLETED &&
           (pass->service->is_steady || pass->service->surge) &&
           rollout->fresh.staying == rollout->desired &&
           rollout->fresh.healthy == rollout->desired && !rollout->fresh.stopping &&
           !rollout->old.staying && !rollout->old.stopping;
}

void rebalance(struct pass *pass, const struct crew *crew)
{
    int64_t surge = pass->service->surge;
    int64_t room = pass->rollout.bounds.upper - pass->rollout.desired;
    struct zones zones;

    if (!is_wanted(pass) || !is_calm(pass) ||
        (!surge && (room <= 0 || pass->memory->is_balanced || pass->memory->is_rebalance_blocked)))
        return;
    pass->memory->follows_zones = true;
    list_zones(pass, &zones);
    if (surge) {
        zone_balance(zones.items, zones.count, pass->service->desired_count);
        finish(pass, crew, &zones);
    } else if (zone_balance(zones.items, zones.count, pass->service->desired_count) > 0) {
        begin(pass, crew, &zones, room);
    } else {
        pass->memory->is_balanced = true;
    }
}
