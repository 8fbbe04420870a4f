/* Placement against a model that looks at every host: on generated fleets and demands, a plan never
 * goes over capacity, never to a host that does not fit, is as well spread as the model's, and
 * places a task whenever some host fits. BERTH_SEED repeats one run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/str.h"
#include "fleet_check.h"
#include "scheduler/plan.h"

#define HOSTS_MAX 40
#define OWNERS    4
#define TASKS_MAX 400
#define SEEDS     1500
#define STEPS     100
#define ZONE      "ecs.availability-zone"

static const char *owners[OWNERS]; /* interned; [0] is no owner */
static const char *zones[] = {"a", "b", "c", NULL};
static const char *versions[] = {"1.9.0", "1.14.5", NULL};
static const char *providers[] = {"blue", "green", NULL};
static const char *racks[] = {"r1", "r2", "r3", "r4", "r5", NULL};

struct model_host {
    struct id id;
    bool is_there, is_placeable;
    int32_t cpu, memory;
    int zone, rack, os;
    int version, provider, enis; /* enis -1: no limit */
    bool has_reserved;
    struct fleet_port reserved;
};

struct model_task {
    unsigned host;
    struct claim claim;
    struct fleet_port port;
    int owner;
};

struct model {
    uint64_t seed;
    struct rng rng;
    struct fleet *fleet;
    struct arena arena;
    struct model_host hosts[HOSTS_MAX];
    struct model_task tasks[TASKS_MAX];
    size_t task_count;
};

#define CHECK(model, condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %" PRIu64 ": %s", (model)->seed, #condition);                           \
    } while (0)

static uint64_t below(struct model *model, uint64_t bound)
{
    return rng_below(&model->rng, bound);
}

static void put_host(struct model *model, unsigned n)
{
    struct model_host *host = &model->hosts[n];
    struct host_attribute attributes[3];
    size_t count = 0;

    host->is_there = true;
    host->is_placeable = below(model, 8) > 0;
    host->cpu = (int32_t)below(model, 8) * 512;
    host->memory = (int32_t)below(model, 8) * 512;
    host->zone = (int)below(model, 4);
    host->rack = (int)below(model, 6);
    host->os = (int)below(model, 4);
    host->version = (int)below(model, 3);
    host->provider = (int)below(model, 3);
    host->enis = (int)below(model, 5) - 1;
    host->has_reserved = below(model, 3) == 0;
    host->reserved = (struct fleet_port){.number = (uint16_t)(80 + below(model, 3))};
    if (zones[host->zone])
        attributes[count++] = (struct host_attribute){ZONE, zones[host->zone]};
    if (racks[host->rack])
        attributes[count++] = (struct host_attribute){"rack", racks[host->rack]};
    if (host->os)
        attributes[count++] = (struct host_attribute){"os", host->os == 1 ? "linux" : NULL};
    fleet_put_host(model->fleet, &(struct host_facts){
                                     .id = host->id,
                                     .is_placeable = host->is_placeable,
                                     .cpu = host->cpu,
                                     .memory = host->memory,
                                     .reserved_ports = &host->reserved,
                                     .reserved_port_count = host->has_reserved,
                                     .attributes = attributes,
                                     .attribute_count = count,
                                     .agent_version = versions[host->version],
                                     .capacity_provider = providers[host->provider],
                                     .has_eni_slots = host->enis >= 0,
                                     .eni_slots = host->enis >= 0 ? host->enis : 0,
                                 });
}

static bool same_port(const struct fleet_port *a, const struct fleet_port *b)
{
    return a->number == b->number && a->is_udp == b->is_udp;
}

struct wish {
    struct demand demand;
    struct fleet_port port;
    int owner;
    int os; /* 0: any; 1: os=linux; 2: the name is enough */
    const char *required[1];
    struct placement_strategy strategies[3];
    bool is_distinct;
    const struct expression *member_of; /* NULL: none */
    int provider;                       /* -1: any */
    bool no_os;                         /* the attribute is forbidden */
    struct placement_constraint constraints[2];
};

static int owner_tasks(const struct model *model, int owner, unsigned host)
{
    int count = 0;

    for (size_t i = 0; i < model->task_count; i++)
        count += model->tasks[i].host == host && model->tasks[i].owner == owner;
    return count;
}

static int host_tasks(const struct model *model, unsigned host)
{
    int count = 0;

    for (size_t i = 0; i < model->task_count; i++)
        count += model->tasks[i].host == host;
    return count;
}

/* ---- memberOf, by hand ---- */

static bool has_rack(const struct model *model, unsigned n)
{
    return racks[model->hosts[n].rack] != NULL;
}

static bool is_linux_or_near(const struct model *model, unsigned n)
{
    return model->hosts[n].os == 1 || model->hosts[n].rack < 2;
}

static bool is_new(const struct model *model, unsigned n)
{
    return model->hosts[n].version == 1;
}

static bool has_first(const struct model *model, unsigned n)
{
    return owner_tasks(model, 1, n) > 0;
}

static bool lacks_second(const struct model *model, unsigned n)
{
    return owner_tasks(model, 2, n) == 0;
}

static bool lacks_any_service(const struct model *model, unsigned n)
{
    for (int owner = 1; owner < OWNERS; owner++)
        if (owner_tasks(model, owner, n))
            return false;
    return true;
}

static bool has_few(const struct model *model, unsigned n)
{
    return host_tasks(model, n) < 3;
}

struct expression {
    const char *text;
    bool (*holds)(const struct model *model, unsigned n);
};
static const struct expression expressions[] = {
    {"attribute:rack exists", has_rack},
    {"attribute:os == linux || attribute:rack in [r1, r2]", is_linux_or_near},
    {"agentVersion >= 1.10 and agentConnected == true", is_new},
    {"task:group == service:1", has_first},
    {"not(task:group == service:2)", lacks_second},
    {"task:group !~ service:.*", lacks_any_service},
    {"runningTasksCount < 3", has_few},
};

static bool model_fits(const struct model *model, const struct wish *wish, unsigned n)
{
    const struct model_host *host = &model->hosts[n];
    const struct claim *claim = &wish->demand.claim;
    int32_t cpu = host->cpu, memory = host->memory, enis = host->enis;

    if (!host->is_there || !host->is_placeable)
        return false;
    if ((wish->os == 1 && host->os != 1) || (wish->os == 2 && !host->os))
        return false;
    if (wish->no_os && host->os)
        return false;
    if (wish->provider >= 0 && host->provider != wish->provider)
        return false;
    if (wish->member_of && !wish->member_of->holds(model, n))
        return false;
    if (claim->port_count && host->has_reserved && same_port(&wish->port, &host->reserved))
        return false;
    for (size_t i = 0; i < model->task_count; i++) {
        const struct model_task *task = &model->tasks[i];

        if (task->host != n)
            continue;
        cpu -= task->claim.cpu;
        memory -= task->claim.memory;
        enis -= task->claim.eni_count;
        if (claim->port_count && task->claim.port_count && same_port(&wish->port, &task->port))
            return false;
    }
    if (wish->is_distinct && wish->owner && owner_tasks(model, wish->owner, n))
        return false;
    if (claim->eni_count && host->enis >= 0 && enis < claim->eni_count)
        return false;
    return cpu >= claim->cpu && memory >= claim->memory;
}

/* What a rule sorts a host by, given the values of the spread rules before it. */
static int64_t model_key(const struct model *model, const struct wish *wish, size_t rule,
                         unsigned n)
{
    const struct placement_strategy *strategy = &wish->strategies[rule];
    int64_t key = 0;
    bool is_zone;

    if (strategy->kind == STRATEGY_BINPACK) {
        int32_t cpu = model->hosts[n].cpu, memory = model->hosts[n].memory;

        for (size_t i = 0; i < model->task_count; i++)
            if (model->tasks[i].host == n)
                cpu -= model->tasks[i].claim.cpu, memory -= model->tasks[i].claim.memory;
        return strcmp(strategy->field, "cpu") == 0 ? cpu : memory;
    }
    if (strategy->kind == STRATEGY_SPREAD && !str_starts_with(strategy->field, "attribute:"))
        return wish->owner ? owner_tasks(model, wish->owner, n) : 0;
    is_zone = str_ends_with(strategy->field, ZONE);
    if (!is_zone && !racks[model->hosts[n].rack])
        return INT64_MAX;
    for (unsigned h = 0; h < HOSTS_MAX; h++) {
        bool is_same = model->hosts[h].is_there;

        for (size_t r = 0; r <= rule && is_same; r++) {
            if (wish->strategies[r].kind != STRATEGY_SPREAD ||
                !str_starts_with(wish->strategies[r].field, "attribute:"))
                continue;
            if (str_ends_with(wish->strategies[r].field, ZONE))
                is_same = model->hosts[h].zone == model->hosts[n].zone;
            else
                is_same = model->hosts[h].rack == model->hosts[n].rack;
        }
        if (is_same && wish->owner)
            key += owner_tasks(model, wish->owner, h);
    }
    return key;
}

/* The hosts a perfect placement may choose from. */
static size_t model_best(const struct model *model, const struct wish *wish, unsigned *ret)
{
    size_t count = 0;

    for (unsigned n = 0; n < HOSTS_MAX; n++)
        if (model_fits(model, wish, n))
            ret[count++] = n;
    for (size_t r = 0; r < wish->demand.strategy_count; r++) {
        int64_t least = INT64_MAX;
        size_t kept = 0;

        if (wish->strategies[r].kind == STRATEGY_RANDOM)
            break;
        for (size_t i = 0; i < count; i++) {
            int64_t key = model_key(model, wish, r, ret[i]);

            if (key < least)
                least = key, kept = 0;
            if (key == least)
                ret[kept++] = ret[i];
        }
        count = kept;
    }
    return count;
}

static void make_wish(struct model *model, struct wish *wish)
{
    static const struct placement_strategy all[] = {
        {STRATEGY_RANDOM, NULL},
        {STRATEGY_SPREAD, "attribute:" ZONE},
        {STRATEGY_SPREAD, "attribute:rack"},
        {STRATEGY_SPREAD, "instanceId"},
        {STRATEGY_BINPACK, "cpu"},
        {STRATEGY_BINPACK, "memory"},
    };

    memset(wish, 0, sizeof(*wish));
    wish->owner = (int)below(model, OWNERS);
    wish->port =
        (struct fleet_port){.number = (uint16_t)(80 + below(model, 3)), .is_udp = below(model, 2)};
    wish->demand.claim = (struct claim){
        .cpu = (int32_t)below(model, 4) * 128,
        .memory = (int32_t)below(model, 4) * 128,
        .ports = &wish->port,
        .port_count = below(model, 3) == 0,
        .owner = owners[wish->owner],
    };
    wish->os = (int)below(model, 3);
    wish->required[0] = wish->os == 1 ? "os=linux" : "os";
    wish->demand.required_attributes = wish->required;
    wish->demand.required_attribute_count = wish->os != 0;
    wish->demand.strategies = wish->strategies;
    wish->demand.strategy_count = below(model, 4);
    for (size_t i = 0; i < wish->demand.strategy_count; i++)
        wish->strategies[i] = all[below(model, 6)];
    wish->is_distinct = below(model, 5) == 0;
    wish->demand.claim.eni_count = below(model, 4) == 0;
    wish->demand.constraints = wish->constraints;
    if (wish->is_distinct)
        wish->constraints[wish->demand.constraint_count++].kind = CONSTRAINT_DISTINCT_INSTANCE;
    /* Only half of the fleets: questions about tasks write down counts that others leave pending. */
    if (model->seed % 2 && below(model, 2)) {
        wish->member_of = &expressions[below(model, ARRAY_LEN(expressions))];
        wish->constraints[wish->demand.constraint_count++] =
            (struct placement_constraint){CONSTRAINT_MEMBER_OF, wish->member_of->text};
    }
    wish->provider = below(model, 4) == 0 ? (int)below(model, 2) : -1;
    wish->demand.capacity_provider = wish->provider >= 0 ? providers[wish->provider] : NULL;
    wish->no_os = !wish->os && below(model, 4) == 0;
    wish->demand.forbidden_attribute = wish->no_os ? "os" : NULL;
}

static unsigned host_of(const struct model *model, const struct id *id)
{
    for (unsigned n = 0; n < HOSTS_MAX; n++)
        if (id_cmp(&model->hosts[n].id, id) == 0)
            return n;
    fail_msg("seed %" PRIu64 ": a host nobody added", model->seed);
    return 0;
}

static void place(struct model *model)
{
    size_t wanted = 1 + below(model, 5);
    struct wish wish;
    struct plan plan, again;
    struct rng rng = rng_seeded(below(model, UINT64_MAX));
    struct rng same = rng;
    struct claim claim;

    make_wish(model, &wish);
    assert_null(plan_place(&model->arena, model->fleet, &wish.demand, wanted, &rng, &plan));
    CHECK(model, plan.placed_count <= wanted);
    assert_null(plan_place(&model->arena, model->fleet, &wish.demand, wanted, &same, &again));
    CHECK(model, plan.placed_count == again.placed_count);
    for (size_t i = 0; i < plan.placed_count; i++) {
        unsigned best[HOSTS_MAX];
        size_t count = model_best(model, &wish, best);
        unsigned host = host_of(model, &plan.hosts[i]);
        struct model_task *task = &model->tasks[model->task_count];
        bool is_best = false;

        CHECK(model, model_fits(model, &wish, host));
        for (size_t b = 0; b < count; b++)
            is_best = is_best || best[b] == host;
        CHECK(model, is_best);
        if (model->task_count == TASKS_MAX)
            return;
        *task = (struct model_task){
            .host = host, .claim = wish.demand.claim, .port = wish.port, .owner = wish.owner};
        model->task_count++;
        claim = wish.demand.claim;
        fleet_hold(model->fleet, &plan.hosts[i], &claim);
    }
    if (plan.placed_count < wanted) {
        unsigned best[HOSTS_MAX];

        CHECK(model, model_best(model, &wish, best) == 0);
        CHECK(model, wish.provider >= 0 || plan.hosts_seen == fleet_host_count(model->fleet));
        CHECK(model, plan.refusal_count == plan.hosts_seen);
        for (size_t i = 0; i < plan.refusal_count; i++)
            CHECK(model, plan.refusals[i].reason);
    }
}

static void stop_task(struct model *model)
{
    size_t at = model->task_count ? below(model, model->task_count) : 0;
    struct model_task *task = &model->tasks[at];

    if (!model->task_count)
        return;
    task->claim.ports = &task->port;
    fleet_release(model->fleet, &model->hosts[task->host].id, &task->claim);
    model->tasks[at] = model->tasks[--model->task_count];
}

static void check_figures(struct model *model)
{
    size_t hosts = 0, placeable = 0;

    for (unsigned n = 0; n < HOSTS_MAX; n++) {
        const struct model_host *host = &model->hosts[n];
        int32_t cpu = host->cpu, memory = host->memory;
        struct host_free host_free;

        CHECK(model, fleet_host_free(model->fleet, &host->id, &host_free) == host->is_there);
        if (!host->is_there)
            continue;
        hosts++;
        placeable += host->is_placeable;
        for (size_t i = 0; i < model->task_count; i++)
            if (model->tasks[i].host == n)
                cpu -= model->tasks[i].claim.cpu, memory -= model->tasks[i].claim.memory;
        CHECK(model, host_free.cpu == cpu && host_free.memory == memory);
    }
    CHECK(model, fleet_host_count(model->fleet) == hosts);
    CHECK(model, fleet_placeable_count(model->fleet) == placeable);
}

static void run(uint64_t seed)
{
    static struct model model;

    memset(&model, 0, sizeof(model));
    model.seed = seed;
    model.rng = rng_seeded(seed);
    model.fleet = fleet_new();
    for (unsigned n = 0; n < HOSTS_MAX; n++)
        model.hosts[n].id = id_new(&model.rng, (int64_t)n);
    for (int step = 0; step < STEPS; step++) {
        unsigned host = (unsigned)below(&model, HOSTS_MAX);

        switch (below(&model, 8)) {
        case 0:
        case 1:
            put_host(&model, host);
            break;
        case 2:
            if (below(&model, 4) == 0) {
                fleet_remove_host(model.fleet, &model.hosts[host].id);
                model.hosts[host].is_there = false;
            }
            break;
        case 3:
        case 4:
            stop_task(&model);
            break;
        default:
            place(&model);
            break;
        }
        check_figures(&model);
        fleet_check(model.fleet, seed);
    }
    while (model.task_count)
        stop_task(&model);
    check_figures(&model);
    fleet_check(model.fleet, seed);
    fleet_free(model.fleet);
    arena_done(&model.arena);
}

static void plans_agree_with_the_model(void **state)
{
    const char *one = getenv("BERTH_SEED");

    (void)state;
    for (int i = 1; i < OWNERS; i++) {
        char text[16];

        snprintf(text, sizeof(text), "service:%d", i);
        owners[i] = intern(text);
    }
    if (one)
        run(strtoull(one, NULL, 10));
    for (uint64_t seed = 1; !one && seed <= SEEDS; seed++)
        run(seed);
    for (int i = 1; i < OWNERS; i++)
        intern_unref(owners[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plans_agree_with_the_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
