#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "control/capacity.h"
#include "control/launch.h"
#include "control/service_work.h"
#include "core/service_events.h"
#include "core/task_build.h"

struct crew crew_of(const struct pass *pass, const struct deployment *deployment)
{
    return (struct crew){
        .id = deployment->id,
        .family = deployment->family,
        .revision = deployment->revision,
        .launch_type = pass->service->launch_type,
        .network = pass->config.network_configuration,
        .providers = &pass->config.capacity_provider_strategy,
    };
}

/* A crew about to be placed. */
struct start {
    struct pass *pass;
    const struct crew *crew;
    const char *zone; /* to balance it; NULL: not so */
    struct task_recipe recipe;
    struct task_order order;
    struct demand demand;
};

static struct error *read_recipe(struct start *start)
{
    struct pass *pass = start->pass;
    const struct crew *crew = start->crew;
    const struct task_definition *definition =
        state_task_definition(pass->state, pass->scope, crew->family, crew->revision);

    if (!definition)
        return error_new(API_CLIENT, "Task definition %s:%" PRId32 " does not exist.", crew->family,
                         crew->revision);
    return task_recipe_read(&pass->arena, definition, &start->recipe);
}

static void fill_order(struct start *start)
{
    struct pass *pass = start->pass;
    const struct service *service = pass->service;
    const struct task_definition *definition = start->recipe.definition;
    struct task_order *order = &start->order;
    const struct tag *tags = NULL;
    size_t tag_count = 0;

    assert(definition);
    *order = (struct task_order){
        .has_old_arn = service->tasks_have_old_arn,
        .cluster = service->cluster,
        .recipe = &start->recipe,
        .launch_type = start->crew->launch_type,
        .service = service->name,
        .deployment = start->crew->id,
        .enable_execute_command = service->enable_execute_command,
    };
    if (start->crew->network) {
        CLEANUP(buf_done) struct buf text = {0};

        ecs_encode_network_configuration(&text, start->crew->network);
        order->network_configuration = arena_dup(&pass->arena, text.data);
    }
    if (service->propagate_tags == PROPAGATE_TAGS_SERVICE) {
        tags = service->tags;
        tag_count = service->tags_count;
    } else if (service->propagate_tags == PROPAGATE_TAGS_TASK_DEFINITION) {
        tags = definition->tags;
        tag_count = definition->tags_count;
    }
    task_order_tags(&pass->arena, tags, tag_count, NULL, service->enable_managed_tags, order);
}

static struct error *start_begin(struct start *start, struct pass *pass, const struct crew *crew)
{
    struct launch_rules rules = {
        .launch_type = crew->launch_type,
        .constraints = &pass->config.placement_constraints,
        .strategies = &pass->config.placement_strategy,
        .is_service = true,
    };

    *start = (struct start){.pass = pass, .crew = crew};
    TRY(read_recipe(start));
    fill_order(start);
    launch_demand(&pass->arena, &start->recipe, task_order_group(&pass->arena, &start->order),
                  &rules, &start->demand);
    return NULL;
}

static void start_done(struct start *start)
{
    launch_demand_done(&start->demand);
}

static struct fleet *fleet_of(const struct pass *pass)
{
    return control_fleet(pass->control, pass->scope, pass->service->cluster);
}

static struct error *plan_for(struct start *start, size_t wanted, struct plan *ret)
{
    struct pass *pass = start->pass;

    pass_done(pass); /* what it has started elsewhere is held from then on */
    return plan_place(&pass->arena, fleet_of(pass), &start->demand, wanted, state_rng(pass->state),
                      ret);
}

/* On these hosts, and `waiting` more that wait for one. */
static void start_planned(struct start *start, const struct id *hosts, size_t count, size_t waiting)
{
    struct pass *pass = start->pass;
    struct id *started = ARENA_ARRAY(&pass->arena, struct id, count + waiting + 1);

    if (!count && !waiting)
        return;
    for (size_t i = 0; i < count + waiting; i++) {
        struct txn *txn = pass_room_for(pass, 8);
        struct task *task = task_build(&start->order, i < count ? &hosts[i] : NULL,
                                       state_rng(pass->state), pass->now_ms);

        started[i] = task->id;
        txn_insert_task(txn, task);
        pass->txn_tasks++;
    }
    pass->control->stats.placements += count;
    count += waiting;
    if (start->zone)
        pass_say(pass, EVENT_TASKS_STARTED,
                 event_started_in_zone(&pass->arena, pass->subject, start->zone, started, count));
    else
        pass_say(pass, EVENT_NONE, event_started(&pass->arena, pass->subject, started, count));
}

/* ---- starting ---- */

/* How many of those without a place may wait for a host of their provider (CL-103, CL-106). */
static size_t waiting_for(struct start *start, const struct plan *plan, size_t missing)
{
    struct pass *pass = start->pass;
    const char *provider = start->order.capacity_provider;
    size_t room;

    if (!missing || !provider || !capacity_is_waited_for(pass->state, pass->scope, provider))
        return 0;
    room = control_waiting_room(pass->control, pass->scope, pass->service->cluster);
    if (room < missing)
        unplaced_tell_limit(pass);
    start->order.placement = launch_placement_text(
        &pass->arena, &pass->config.placement_constraints, &pass->config.placement_strategy);
    start->order.placement_explanation = plan_explain(&pass->arena, plan);
    return room < missing ? room : missing;
}

static struct error *place_some(struct start *start, size_t wanted)
{
    struct pass *pass = start->pass;
    size_t waiting;
    struct plan plan;

    TRY(plan_for(start, wanted, &plan));
    waiting = waiting_for(start, &plan, wanted - plan.placed_count);
    start_planned(start, plan.hosts, plan.placed_count, waiting);
    if (plan.placed_count + waiting == wanted)
        return NULL;
    pass->memory->waits_for_room = true;
    unplaced_tell(pass, &plan);
    shortage_note(pass, &(struct shortage_note){
                            .of = start->crew->id,
                            .provider = start->order.capacity_provider,
                            .tasks = wanted - plan.placed_count - waiting,
                            .plan = &plan,
                        });
    return NULL;
}

/* CL-107: each provider's tasks on its own instances. */
static void choose_provider(struct start *start, const char *provider)
{
    start->demand.capacity_provider = provider;
    start->order.capacity_provider = provider;
    start->order.launch_type = LAUNCH_TYPE_EC2;
}

static struct error *place_shares(struct start *start, size_t wanted)
{
    const struct ecs_capacity_provider_strategy *providers = start->crew->providers;
    size_t *shares = shares_of_start(start->pass, start->crew, wanted);

    for (size_t i = 0; i < providers->count; i++) {
        const char *provider = providers->items[i].capacity_provider;

        if (!shares[i])
            continue;
        if (share_is_fargate(provider)) {
            unplaced_tell_fargate(start->pass);
            start->pass->memory->waits_for_room = true;
            continue;
        }
        choose_provider(start, provider);
        TRY(place_some(start, shares[i]));
    }
    return NULL;
}

static struct error *place_anywhere(struct pass *pass, const struct crew *crew, size_t wanted)
{
    CLEANUP(start_done) struct start start = {0};

    TRY(start_begin(&start, pass, crew));
    TRY(crew->providers && crew->providers->count ? place_shares(&start, wanted)
                                                  : place_some(&start, wanted));
    if (!pass->memory->waits_for_room)
        pass_resolved(pass, TOLD_PLACEMENT);
    return NULL;
}

static struct error *place_on(struct pass *pass, const struct crew *crew, const struct id *hosts,
                              size_t count)
{
    CLEANUP(start_done) struct start start = {0};
    struct id *placed = ARENA_ARRAY(&pass->arena, struct id, count);
    size_t placed_count = 0;
    struct plan refused;

    TRY(start_begin(&start, pass, crew));
    for (size_t i = 0; i < count; i++) {
        struct plan plan;

        start.demand.only_host = &hosts[i];
        TRY(plan_for(&start, 1, &plan));
        if (plan.placed_count)
            placed[placed_count++] = hosts[i];
        else if (!pass->memory->waits_for_room)
            refused = plan;
        pass->memory->waits_for_room |= !plan.placed_count;
    }
    start_planned(&start, placed, placed_count, 0);
    if (!pass->memory->waits_for_room) {
        pass_resolved(pass, TOLD_PLACEMENT);
        return NULL;
    }
    unplaced_tell(pass, &refused);
    shortage_note(pass, &(struct shortage_note){
                            .of = crew->id, .tasks = count - placed_count, .plan = &refused});
    return NULL;
}

/* How many may start in this pass; 0 while back-off lasts (SC-341). */
static size_t launches_allowed(struct pass *pass, size_t wanted)
{
    if (wanted && pass->service->launch_after_ms > pass->now_ms) {
        pass_due(pass, pass->service->launch_after_ms);
        return 0;
    }
    if (wanted <= SERVICE_STARTS_PER_PASS)
        return wanted;
    pass->result->is_more = true;
    return SERVICE_STARTS_PER_PASS;
}

static void finish(struct pass *pass, struct error *err)
{
    if (err)
        unplaced_failed(pass, err);
    if (pass->memory->waits_for_room)
        pass->result->is_more = false;
}

void start_tasks(struct pass *pass, const struct crew *crew, int64_t wanted)
{
    size_t count = launches_allowed(pass, wanted > 0 ? (size_t)wanted : 0);

    pass->memory->waits_for_room = false;
    pass->is_judged |= count || wanted <= 0;
    if (!count)
        return;
    if (crew->launch_type == LAUNCH_TYPE_FARGATE) {
        unplaced_tell_fargate(pass);
        pass->result->is_more = false;
        return;
    }
    finish(pass, place_anywhere(pass, crew, count));
}

void start_on_hosts(struct pass *pass, const struct crew *crew, const struct id *hosts,
                    size_t count)
{
    size_t allowed = launches_allowed(pass, count);

    pass->memory->waits_for_room = false;
    pass->is_judged |= allowed || !count;
    if (allowed)
        finish(pass, place_on(pass, crew, hosts, allowed));
}

static void require_zone(struct start *start, const char *zone)
{
    struct demand *demand = &start->demand;
    size_t count = demand->required_attribute_count;
    const char **names = ARENA_ARRAY(&start->pass->arena, const char *, count + 1);

    for (size_t i = 0; i < count; i++)
        names[i] = demand->required_attributes[i];
    names[count] = arena_printf(&start->pass->arena, "ecs.availability-zone=%s", zone);
    demand->required_attributes = names;
    demand->required_attribute_count = count + 1;
    start->zone = zone;
}

/* Nobody waits for a host there: the tasks are elsewhere. */
static struct error *place_some_in_zone(struct start *start, size_t wanted, size_t *ret_placed)
{
    struct pass *pass = start->pass;
    struct plan plan;

    TRY(plan_for(start, wanted, &plan));
    start_planned(start, plan.hosts, plan.placed_count, 0);
    if (plan.placed_count < wanted)
        pass_tell(pass, TOLD_ZONE_FULL,
                  &(struct telling){
                      .name = EVENT_SERVICE_TASK_PLACEMENT_FAILURE,
                      .reason = plan.refusal_count ? plan.refusals[0].reason : NULL,
                      .message =
                          event_unplaceable_in_zone(&pass->arena, pass->service->name, start->zone),
                  });
    *ret_placed = plan.placed_count;
    return NULL;
}

static struct error *place_in_zone(struct pass *pass, const struct crew *crew, const char *zone,
                                   size_t share, size_t wanted, size_t *ret_placed)
{
    CLEANUP(start_done) struct start start = {0};

    TRY(start_begin(&start, pass, crew));
    require_zone(&start, zone);
    if (crew->providers->count)
        choose_provider(&start, crew->providers->items[share].capacity_provider);
    return place_some_in_zone(&start, wanted, ret_placed);
}

size_t start_in_zone(struct pass *pass, const struct crew *crew, const char *zone, size_t share,
                     size_t wanted)
{
    size_t placed = 0;
    struct error *err = place_in_zone(pass, crew, zone, share, wanted, &placed);

    if (err)
        unplaced_failed(pass, err);
    return placed;
}

/* A task that asks for nothing but hosts of its launch type finds a place wherever the constraints
 * let it. */
static struct error *keep_eligible(struct start *start, struct id *hosts, size_t count,
                                   size_t *ret_count)
{
    struct placement_constraint *constraints = ARENA_ARRAY(
        &start->pass->arena, struct placement_constraint, start->demand.constraint_count);
    const char *name = start->demand.claim.owner, *family = start->demand.claim.family;
    static const char *const external[] = {LAUNCH_EXTERNAL_ATTRIBUTE};
    struct demand demand = start->demand;

    demand.claim = (struct claim){.owner = name, .family = family};
    demand.required_attributes = external;
    demand.required_attribute_count = start->crew->launch_type == LAUNCH_TYPE_EXTERNAL;
    demand.constraints = constraints;
    demand.constraint_count = 0;
    demand.strategies = NULL;
    demand.strategy_count = 0;
    for (size_t i = 0; i < start->demand.constraint_count; i++)
        if (start->demand.constraints[i].kind != CONSTRAINT_DISTINCT_INSTANCE)
            constraints[demand.constraint_count++] = start->demand.constraints[i];
    *ret_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct plan plan;

        demand.only_host = &hosts[i];
        TRY(plan_place(&start->pass->arena, fleet_of(start->pass), &demand, 1,
                       state_rng(start->pass->state), &plan));
        if (plan.placed_count)
            hosts[(*ret_count)++] = hosts[i];
    }
    return NULL;
}

size_t start_eligible(struct pass *pass, const struct crew *crew, struct id *hosts, size_t count)
{
    CLEANUP(start_done) struct start start = {0};
    struct error *err = start_begin(&start, pass, crew);
    size_t eligible = 0;

    if (!err)
        err = keep_eligible(&start, hosts, count, &eligible);
    if (err)
        unplaced_failed(pass, err);
    return eligible;
}

/* A DAEMON has one task on a host: those with one are no place for another. */
static void require_distinct(struct start *start)
{
    struct demand *demand = &start->demand;
    struct placement_constraint *constraints =
        ARENA_ARRAY(&start->pass->arena, struct placement_constraint, PLAN_CONSTRAINTS_MAX);

    if (demand->constraint_count >= PLAN_CONSTRAINTS_MAX)
        return;
    for (size_t i = 0; i < demand->constraint_count; i++)
        constraints[i] = demand->constraints[i];
    constraints[demand->constraint_count++] =
        (struct placement_constraint){.kind = CONSTRAINT_DISTINCT_INSTANCE};
    demand->constraints = constraints;
}

struct error *start_survey(struct pass *pass, const struct crew *crew, const char *provider,
                           struct plan *ret)
{
    CLEANUP(start_done) struct start start = {0};

    TRY(start_begin(&start, pass, crew));
    if (pass->service->strategy == STRATEGY_DAEMON)
        require_distinct(&start);
    start.demand.capacity_provider = provider;
    return plan_survey(&pass->arena, fleet_of(pass), &start.demand, ret);
}
