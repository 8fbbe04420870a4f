/* DAEMON: one task on each ACTIVE instance that meets the constraints (SC-127 to SC-136, SC-209).
 *
 * An instance whose agent is silent counts while its task is there: nothing can be placed on it,
 * and nothing is lost yet. Replacing goes host by host: the old task stops, and when it has stopped
 * the new one starts; the minimum healthy percent is one of the instances that count. */
#include <stdlib.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/service_work.h"
#include "core/service_events.h"
#include "core/task.h"

/* An instance and what the service has on it. */
struct post {
    struct id host;
    bool is_eligible;
    bool is_taken; /* by a task that has not stopped yet */
};

struct posts {
    struct post *items; /* in order of their ids */
    size_t count, capacity;
    int64_t eligible;
};

static int post_cmp(const void *a, const void *b)
{
    return id_cmp(&((const struct post *)a)->host, &((const struct post *)b)->host);
}

static struct post *find_post(const struct posts *posts, const struct id *host)
{
    struct post key = {.host = *host};

    return posts->count ? bsearch(&key, posts->items, posts->count, sizeof(key), post_cmp) : NULL;
}

static const struct container_instance *instance_of(const struct pass *pass, const struct id *id)
{
    return state_instance(pass->state, pass->scope, pass->service->cluster, id);
}

/* ---- which instances count ---- */

static void list_active(struct pass *pass, struct posts *posts)
{
    const struct container_instance *instance = NULL;

    while ((instance = state_instance_after(pass->state, pass->scope, pass->service->cluster,
                                            instance ? &instance->id : NULL))) {
        if (instance->status != INSTANCE_ACTIVE)
            continue;
        ARRAY_GROW(posts->items, posts->count, posts->capacity);
        posts->items[posts->count++] = (struct post){.host = instance->id};
    }
}

static void mark_taken(struct pass *pass, struct posts *posts)
{
    struct pass_walk walk = {0};

    while (pass_next_task(pass, &walk)) {
        struct post *post = find_post(posts, &walk.task->instance);

        if (!post)
            continue;
        post->is_taken = true;
        post->is_eligible |= walk.task->desired_status != TASK_STOPPED &&
                             !state_instance_connected(instance_of(pass, &post->host));
    }
}

static void mark_eligible(struct pass *pass, const struct crew *crew, struct posts *posts)
{
    struct id *hosts = ARENA_ARRAY(&pass->arena, struct id, posts->count + 1);
    size_t count = 0;

    for (size_t i = 0; i < posts->count; i++)
        hosts[count++] = posts->items[i].host;
    count = start_eligible(pass, crew, hosts, count);
    for (size_t i = 0; i < count; i++)
        find_post(posts, &hosts[i])->is_eligible = true;
    for (size_t i = 0; i < posts->count; i++)
        posts->eligible += posts->items[i].is_eligible;
}

/* ---- its tasks ---- */

/* SC-129, SC-130: at once, whatever the percents say. */
static void stop_misplaced(struct pass *pass, const struct task *task, struct task_refs *leaving)
{
    const struct container_instance *instance = instance_of(pass, &task->instance);

    if (task->desired_status == TASK_STOPPED)
        return;
    if (instance && instance->status == INSTANCE_ACTIVE)
        pass_say(
            pass, EVENT_SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED,
            event_daemon_misplaced(&pass->arena, pass->service->name, &task->id, &task->instance));
    else
        task_refs_add(leaving, task);
    stop_task(pass, task, stop_reason_scaling(pass, NULL));
}

static void tell_leaving(struct pass *pass, struct task_refs *leaving)
{
    struct id *stopped = ARENA_ARRAY(&pass->arena, struct id, leaving->count + 1);

    for (size_t i = 0; i < leaving->count; i++)
        stopped[i] = leaving->items[i]->id;
    if (leaving->count)
        pass_say(pass, EVENT_NONE,
                 event_stopped(&pass->arena, pass->subject, stopped, leaving->count));
    free(leaving->items);
}

static void count_posted(struct pass *pass, const struct deployment *primary,
                         const struct posts *posts)
{
    struct pass_walk walk = {0};
    struct task_refs leaving = {0};

    pass->of =
        ARENA_ARRAY(&pass->arena, struct deployment_counts, pass->service->deployments_count + 1);
    while (pass_next_task(pass, &walk)) {
        const struct task *task = walk.task;
        const struct post *post = find_post(posts, &task->instance);
        bool is_fresh = str_eq(task->deployment, primary->id);
        bool ails;
        struct deployment_counts one;

        if (!post || !post->is_eligible)
            stop_misplaced(pass, task, &leaving);
        one = count_one(pass, task, &ails);
        pass->result->task_count++;
        counts_add(counts_of(pass, task), &one);
        counts_add(is_fresh ? &pass->rollout.fresh : &pass->rollout.old, &one);
        if (ails)
            task_refs_add(&pass->ailing, task);
        else if (one.staying && task_is_protected(task, pass->now_ms))
            pass_due(pass, task->rare->protected_until_ms); /* API-130 */
        else if (one.staying && !is_fresh)
            victim_list_add(&pass->old, task, pass->now_ms);
    }
    tell_leaving(pass, &leaving);
    pass->result->task_count += posts->count;
    pass->rollout.desired = posts->eligible;
    pass->rollout.bounds = service_bounds(posts->eligible, pass->service->minimum_percent,
                                          pass->service->maximum_percent);
}

static void start_missing(struct pass *pass, const struct crew *crew, const struct posts *posts)
{
    struct id *hosts = ARENA_ARRAY(&pass->arena, struct id, posts->count + 1);
    size_t count = 0;

    for (size_t i = 0; i < posts->count; i++)
        if (posts->items[i].is_eligible && !posts->items[i].is_taken)
            hosts[count++] = posts->items[i].host;
    if (!pass->rollout.is_halted)
        start_on_hosts(pass, crew, hosts, count);
}

static void keep_posts(struct pass *pass, struct posts *posts)
{
    const struct deployment *primary = service_primary(pass->service);
    struct crew crew = crew_of(pass, primary);
    struct rollout_step step;

    list_active(pass, posts);
    mark_taken(pass, posts);
    mark_eligible(pass, &crew, posts);
    count_posted(pass, primary, posts);
    if (pass->service->desired_count != posts->eligible) /* SC-136 */
        pass_edit_service(pass)->desired_count = (int32_t)posts->eligible;
    stop_ailing(pass);
    if (rollout_judge(pass)) {
        pass->result->is_more = true;
        return;
    }
    pass->rollout.is_halted = rollout_is_halted(pass);
    step = rollout_next(&pass->rollout);
    stop_some(pass, &pass->old, (size_t)step.stop_old, stop_reason_scaling(pass, NULL));
    start_missing(pass, &crew, posts);
    pass_tell_stuck(pass, step.is_stuck);
    rollout_follow(pass, &step);
}

void daemon_keep_up(struct pass *pass)
{
    struct posts posts = {0};

    pass->memory->follows_hosts = true;
    rollout_take_in(pass);
    if (service_primary(pass->service))
        keep_posts(pass, &posts);
    free(posts.items);
}
