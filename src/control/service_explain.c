#include "control/service_explain.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/str.h"
#include "control/service_work.h"
#include "core/task.h"

struct explaining {
    struct pass pass;
    struct service_explanation *out;
    const char *of;
};

/* NULL: there are too many, or none of those tasks. */
static struct service_wait *add(struct explaining *in, const char *what, int64_t tasks)
{
    struct service_wait *wait;

    if (tasks <= 0 || in->out->count == SERVICE_WAITS_MAX)
        return NULL;
    wait = &in->out->waits[in->out->count++];
    *wait = (struct service_wait){.what = what, .of = in->of, .tasks = tasks};
    return wait;
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static const char *is_or_are(int64_t count)
{
    return count == 1 ? "is" : "are";
}

/* ---- tasks that are there ---- */

enum task_kind {
    KIND_WAITING,
    KIND_STARTING,
    KIND_PROVING,
    KIND_AILING,
    KIND_STOPPING,
    KIND_LEAVING,
    KIND_COUNT
};

struct task_group {
    int64_t count, until_ms;
    struct id samples[WAIT_SAMPLES_MAX];
    size_t sample_count;
};

static bool is_leaving(const struct pass *pass, const struct task *task)
{
    const struct container_instance *instance =
        state_instance(pass->state, pass->scope, task->cluster, &task->instance);

    return instance && instance->status != INSTANCE_ACTIVE;
}

/* KIND_COUNT: it is as it should be. */
static enum task_kind kind_of(struct pass *pass, const struct task *task, int64_t *ret_until_ms)
{
    bool ails;

    *ret_until_ms = 0;
    if (task->desired_status == TASK_STOPPED)
        return KIND_STOPPING;
    if (id_is_zero(&task->instance))
        return KIND_WAITING;
    if (is_leaving(pass, task))
        return KIND_LEAVING;
    if (task->last_status != TASK_RUNNING)
        return KIND_STARTING;
    (void)count_one(pass, task, &ails);
    if (ails)
        return KIND_AILING;
    return task_counts_healthy(task, pass->now_ms, ret_until_ms) ? KIND_COUNT : KIND_PROVING;
}

static void sort_tasks(struct pass *pass, const char *of, struct task_group groups[KIND_COUNT])
{
    struct pass_walk walk = {0};

    while (pass_next_task(pass, &walk)) {
        int64_t until_ms;
        enum task_kind kind;
        struct task_group *group;

        if (of && !str_eq(walk.task->deployment, of))
            continue;
        kind = kind_of(pass, walk.task, &until_ms);
        if (kind == KIND_COUNT)
            continue;
        group = &groups[kind];
        group->count++;
        if (until_ms && (!group->until_ms || until_ms < group->until_ms))
            group->until_ms = until_ms;
        if (group->sample_count < WAIT_SAMPLES_MAX)
            group->samples[group->sample_count++] = walk.task->id;
    }
}

static void add_group(struct explaining *in, const char *what, const struct task_group *group,
                      const char *one, const char *many)
{
    struct service_wait *wait = add(in, what, group->count);

    if (!wait)
        return;
    wait->text = arena_printf(&in->pass.arena, "%" PRId64 " task%s %s", group->count,
                              plural(group->count), group->count == 1 ? one : many);
    wait->until_ms = group->until_ms;
    wait->sample_count = group->sample_count;
    for (size_t i = 0; i < group->sample_count; i++)
        wait->samples[i] = group->samples[i];
}

static void explain_tasks(struct explaining *in, const char *of)
{
    struct task_group groups[KIND_COUNT] = {0};

    sort_tasks(&in->pass, of, groups);
    add_group(in, "WAITING_FOR_HOST", &groups[KIND_WAITING],
              "waits in PROVISIONING for a host of its capacity provider.",
              "wait in PROVISIONING for hosts of their capacity providers.");
    add_group(in, "STARTING", &groups[KIND_STARTING], "has a host and does not run yet.",
              "have hosts and do not run yet.");
    add_group(in, "PROVING", &groups[KIND_PROVING],
              "runs and does not count as healthy yet: its containers' checks have not passed, or "
              "it runs for less than 40 s.",
              "run and do not count as healthy yet: their containers' checks have not passed, or "
              "they run for less than 40 s.");
    add_group(in, "UNHEALTHY", &groups[KIND_AILING],
              "fails its containers' health checks and is to be replaced.",
              "fail their containers' health checks and are to be replaced.");
    add_group(in, "DRAINING", &groups[KIND_LEAVING],
              "runs on an instance that is not ACTIVE and is to be replaced elsewhere.",
              "run on instances that are not ACTIVE and are to be replaced elsewhere.");
    add_group(in, "STOPPING", &groups[KIND_STOPPING],
              "is being stopped, and counts against the maximum until it has stopped.",
              "are being stopped, and count against the maximum until they have stopped.");
}

/* ---- tasks that are missing ---- */

static void explain_failure(struct explaining *in, int64_t tasks, struct error *err)
{
    struct service_wait *wait = add(in, "CONFIGURATION", tasks);

    if (wait)
        wait->text = arena_dup(&in->pass.arena, err->message);
    error_free(err); /* told */
}

static void explain_places(struct explaining *in, const struct crew *crew, const char *provider,
                           int64_t tasks)
{
    struct plan *plan = ARENA_NEW(&in->pass.arena, struct plan);
    struct error *err = start_survey(&in->pass, crew, provider, plan);
    struct service_wait *wait;

    if (err) {
        explain_failure(in, tasks, err);
        return;
    }
    wait = add(in, plan->hosts_fitting ? "PLACING" : "NO_HOST", tasks);
    if (!wait)
        return;
    wait->provider = provider;
    wait->plan = plan;
    wait->text =
        plan->hosts_fitting
            ? arena_printf(&in->pass.arena,
                           "%" PRId64 " task%s %s about to be placed: %zu host%s room.", tasks,
                           plural(tasks), is_or_are(tasks), plan->hosts_fitting,
                           plan->hosts_fitting == 1 ? " has" : "s have")
            : arena_printf(&in->pass.arena, "%" PRId64 " task%s no host: %s", tasks,
                           tasks == 1 ? " finds" : "s find", plan_explain(&in->pass.arena, plan));
}

static void explain_fargate(struct explaining *in, const char *provider, int64_t tasks)
{
    struct service_wait *wait = add(in, "NO_FARGATE", tasks);

    if (!wait)
        return;
    wait->provider = provider;
    wait->text = arena_printf(&in->pass.arena,
                              "%" PRId64 " task%s Fargate capacity, and no host serves as Fargate.",
                              tasks, tasks == 1 ? " asks for" : "s ask for");
}

static void explain_start(struct explaining *in, const struct crew *crew, int64_t tasks)
{
    const struct ecs_capacity_provider_strategy *providers = crew->providers;
    size_t *shares;

    if (crew->launch_type == LAUNCH_TYPE_FARGATE) {
        explain_fargate(in, NULL, tasks);
        return;
    }
    if (!providers || !providers->count) {
        explain_places(in, crew, NULL, tasks);
        return;
    }
    shares = shares_of_start(&in->pass, crew, (size_t)tasks);
    for (size_t i = 0; i < providers->count; i++) {
        const char *provider = providers->items[i].capacity_provider;

        if (shares[i] && share_is_fargate(provider))
            explain_fargate(in, provider, (int64_t)shares[i]);
        else if (shares[i])
            explain_places(in, crew, provider, (int64_t)shares[i]);
    }
}

/* SC-341: false if back-off does not last. */
static bool explain_throttle(struct explaining *in, int64_t tasks)
{
    const struct service *service = in->pass.service;
    struct service_wait *wait;

    if (service->launch_after_ms <= in->pass.now_ms)
        return false;
    wait = add(in, "START_THROTTLED", tasks);
    if (!wait)
        return true;
    wait->until_ms = service->launch_after_ms;
    wait->text = arena_printf(&in->pass.arena,
                              "%" PRId32 " start%s in a row failed: the next %s tried only after a "
                              "while, which grows up to 15 minutes.",
                              service->failures_in_row, plural(service->failures_in_row),
                              tasks == 1 ? "is" : "are");
    return true;
}

static void explain_halt(struct explaining *in, int64_t tasks)
{
    const struct deployment *primary = service_primary(in->pass.service);
    struct service_wait *wait = add(in, "DEPLOYMENT_FAILED", tasks);

    if (wait && primary)
        wait->text =
            arena_printf(&in->pass.arena, "Deployment %s has failed and starts no more tasks%s%s",
                         primary->id, primary->rollout_state_reason ? ": " : ".",
                         primary->rollout_state_reason ? primary->rollout_state_reason : "");
}

/* SC-191 */
static void explain_maximum(struct explaining *in, int64_t tasks)
{
    const struct rollout *rollout = &in->pass.rollout;
    int64_t total = rollout->fresh.staying + rollout->fresh.stopping + rollout->old.staying +
                    rollout->old.stopping;
    struct service_wait *wait = add(in, "MAXIMUM_PERCENT", tasks);

    if (wait)
        wait->text =
            arena_printf(&in->pass.arena,
                         "%" PRId64 " task%s not started yet: the maximum percent of %" PRId32
                         " allows %" PRId64 " of %" PRId64 " wanted, and there %s %" PRId64 ".",
                         tasks, tasks == 1 ? " is" : "s are", in->pass.service->maximum_percent,
                         rollout->bounds.upper, rollout->desired, is_or_are(total), total);
}

/* SC-192 */
static void explain_minimum(struct explaining *in, const struct rollout_step *step)
{
    const struct rollout *rollout = &in->pass.rollout;
    int64_t tasks = rollout->old.staying - step->stop_old;
    struct service_wait *wait = add(in, "MINIMUM_HEALTHY_PERCENT", tasks);

    if (wait)
        wait->text = arena_printf(&in->pass.arena,
                                  "%" PRId64 " old task%s: the minimum healthy percent of %" PRId32
                                  " keeps %" PRId64 " of %" PRId64 " healthy, and %" PRId64 " %s.",
                                  tasks, tasks == 1 ? " stays" : "s stay",
                                  in->pass.service->minimum_percent, rollout->bounds.lower,
                                  rollout->desired, rollout->fresh.healthy + rollout->old.healthy,
                                  is_or_are(rollout->fresh.healthy + rollout->old.healthy));
}

/* API-130 */
static void explain_protection(struct explaining *in, int64_t unprotected, int64_t wanted)
{
    struct service_wait *wait = add(in, "TASK_PROTECTION", wanted - unprotected);

    if (wait)
        wait->text =
            arena_printf(&in->pass.arena, "%" PRId64 " task%s to stop and protected from scale-in.",
                         wait->tasks, wait->tasks == 1 ? " is" : "s are");
}

/* What rollout_next() says, in words. */
static void explain_rollout(struct explaining *in, const struct crew *crew)
{
    struct rollout *rollout = &in->pass.rollout;
    struct rollout_step step = rollout_next(rollout);
    int64_t missing = rollout->desired - rollout->fresh.staying;

    if (rollout->is_halted)
        explain_halt(in, missing);
    else if (missing > 0 && !explain_throttle(in, missing)) {
        if (step.start > 0)
            explain_start(in, crew, step.start);
        explain_maximum(in, missing - step.start);
    }
    if (!rollout->is_halted)
        explain_minimum(in, &step);
    explain_protection(in, (int64_t)in->pass.old.count, step.stop_old);
    explain_protection(in, (int64_t)in->pass.fresh.count, step.stop_surplus);
    if (step.is_stuck && in->out->count < SERVICE_WAITS_MAX)
        in->out->waits[in->out->count++] = (struct service_wait){
            .what = "STUCK",
            .of = in->of,
            .text = "The minimum healthy and maximum percents leave no way to stop or start a "
                    "task: change one of them.", /* SC-197 */
        };
}

/* ---- the kinds of service ---- */

static void explain_deployments(struct explaining *in)
{
    struct pass *pass = &in->pass;
    const struct deployment *primary = service_primary(pass->service);
    struct crew crew;

    if (!primary)
        return;
    count_tasks(pass);
    pass->rollout.desired += pass->service->surge;
    pass->rollout.is_halted = rollout_is_halted(pass);
    in->out->bounds = pass->rollout.bounds;
    crew = crew_of(pass, primary);
    in->of = primary->id;
    explain_rollout(in, &crew);
    in->of = NULL;
    explain_tasks(in, NULL);
}

static void explain_task_sets(struct explaining *in)
{
    struct pass *pass = &in->pass;
    const struct task_set *set = NULL;

    while ((set = state_task_set_after(pass->service, set ? set->id : NULL))) {
        struct crew crew;
        struct error *err = task_set_crew(pass, set, &crew);

        in->of = set->id;
        if (err) {
            explain_failure(in, 1, err);
            continue;
        }
        count_task_set(pass, set);
        explain_rollout(in, &crew);
        explain_tasks(in, set->id);
    }
}

static void explain_end(struct explaining *in)
{
    struct service_counts counts;
    struct service_wait *wait;
    int64_t left;

    state_service_counts(in->pass.service, NULL, &counts);
    left = counts.staying + counts.stopping;
    wait = add(in, "DELETED", left);
    if (wait)
        wait->text =
            arena_printf(&in->pass.arena,
                         "The service is deleted: it is INACTIVE once %" PRId64 " task%s stopped.",
                         left, left == 1 ? " has" : "s have");
}

struct error *service_explain(struct control *control, const struct scope *scope,
                              const struct service *service, struct service_explanation *ret)
{
    struct service_pass_result result = {0};
    struct service_memory memory = {0};
    struct explaining in = {
        .pass = {.control = control,
                 .state = control->state,
                 .scope = scope,
                 .service = service,
                 .memory = &memory,
                 .result = &result,
                 .now_ms = control_wall_ms(control),
                 .subject = service->name},
        .out = ret,
    };
    bool is_active = service->status == SERVICE_ACTIVE;
    struct error *err = NULL;

    *ret = (struct service_explanation){
        .waits = ARENA_ARRAY(&in.pass.arena, struct service_wait, SERVICE_WAITS_MAX)};
    if (is_active)
        err = service_config_read(&in.pass.arena, service, &in.pass.config);
    if (!err && is_active && service->controller == CONTROLLER_ECS)
        explain_deployments(&in);
    else if (!err && is_active)
        explain_task_sets(&in);
    else if (service->status == SERVICE_DRAINING)
        explain_end(&in);
    free(in.pass.fresh.items);
    free(in.pass.old.items);
    free(in.pass.ailing.items);
    ret->arena = in.pass.arena;
    return err;
}

void service_explanation_done(struct service_explanation *explanation)
{
    arena_done(&explanation->arena);
    *explanation = (struct service_explanation){0};
}
