#include <string.h>

#include "agent/engine/container.h"
#include "agent/engine/engine_reason.h"
#include "agent/engine/engine_task.h"
#include "base/log.h"

#define EXIT_DEPENDENCY 143 /* AP-407 */

/* Makes the task be looked at again no later than in `after_ms`. */
static void wake_within(int64_t *soonest_ms, int64_t after_ms)
{
    if (after_ms < 1)
        after_ms = 1;
    if (*soonest_ms == 0 || after_ms < *soonest_ms)
        *soonest_ms = after_ms;
}

/* The wall clock is asked once: it may be set while others wait. */
static int64_t started_mono_ms(struct engine_container *container)
{
    struct engine *engine = container->task->engine;
    int64_t since_ms = engine_now_ms(engine) - container->started_at_ms;

    if (!container->started_at_ms)
        return 0;
    if (!container->started_mono_ms)
        container->started_mono_ms = engine_mono_ms(engine) - (since_ms > 0 ? since_ms : 0);
    return container->started_mono_ms;
}

static enum depend_answer check_dependencies(struct engine_container *container,
                                             int64_t *soonest_ms, struct arena *arena,
                                             const char **ret_why)
{
    struct engine_task *task = container->task;
    size_t index = (size_t)(container - task->containers);
    int64_t now_ms = engine_mono_ms(task->engine);
    enum depend_answer worst = DEPEND_READY;

    for (size_t i = 0; i < task->graph.count; i++) {
        const struct depend_edge *edge = &task->graph.edges[i];
        struct engine_container *target = &task->containers[edge->target];
        const struct depend_target view = {
            .name = target->spec->name,
            .known = target->known,
            .has_run = target->started_at_ms > 0 && !engine_firelens_lacks_address(target),
            .has_exit_code = target->has_exit_code,
            .exit_code = target->exit_code,
            .health = target->health,
            .started_mono_ms = started_mono_ms(target),
            .start_timeout_ms = target->spec->start_timeout * 1000LL,
        };
        enum depend_answer answer;
        int64_t deadline_ms;

        if (edge->waiter != index)
            continue;
        answer = depend_check(arena, &view, edge->condition, now_ms, &deadline_ms, ret_why);
        if (deadline_ms > 0)
            wake_within(soonest_ms, deadline_ms - now_ms);
        if (answer > worst)
            worst = answer;
        if (worst == DEPEND_NEVER)
            break;
    }
    return worst;
}

/* True if nothing holds the container back. */
static bool may_begin(struct engine_container *container, int64_t *soonest_ms)
{
    struct arena arena = {0};
    const char *why;
    enum depend_answer answer = check_dependencies(container, soonest_ms, &arena, &why);

    arena_done(&arena);
    return answer == DEPEND_READY;
}

static bool is_waiting(const struct engine_container *container)
{
    enum engine_status latest =
        container->task->engine->config->pulls_dependents_upfront ? ENGINE_PULLED : ENGINE_NONE;

    return container->doing == ENGINE_IDLE && !container->is_unsure &&
           container->desired == ENGINE_RUNNING && container->known <= latest;
}

/* Ends the containers that can never start: all of them, before the first one ends the task. */
static void end_impossible(struct engine_task *task)
{
    struct arena arena = {0};
    const char **whys = ARENA_ARRAY(&arena, const char *, task->container_count);
    int64_t soonest_ms = 0;

    for (size_t i = 0; i < task->container_count; i++)
        if (is_waiting(&task->containers[i]))
            (void)check_dependencies(&task->containers[i], &soonest_ms, &arena, &whys[i]);
    for (size_t i = 0; i < task->container_count; i++)
        if (whys[i])
            engine_container_end(
                &task->containers[i], EXIT_DEPENDENCY,
                str_printf("CannotStartContainerError: dependency graph: container "
                           "%s cannot be started: %s",
                           task->containers[i].spec->name, whys[i]));
    arena_done(&arena);
}

static bool are_volumes_ready(const struct engine_task *task)
{
    for (size_t i = 0; i < task->volume_count; i++)
        if (task->volumes[i].state != VOLUME_READY)
            return false;
    return true;
}

static void step_up(struct engine_container *container, int64_t *soonest_ms)
{
    struct engine_task *task = container->task;
    struct engine *engine = task->engine;
    bool pulls_ahead = engine->config->pulls_dependents_upfront;
    const char *image_id = NULL, *digest = NULL;

    if (container->known == ENGINE_NONE) {
        if (!pulls_ahead && !may_begin(container, soonest_ms))
            return;
        if (container_is_internal(container->spec->name) && !engine_pause_is_there(container))
            return;
        container->is_image_assumed =
            container_is_internal(container->spec->name) ||
            images_is_assumed(engine->images, engine_container_image(container), &image_id,
                              &digest);
        if (!container->is_image_assumed) {
            if (engine_values_may_pull(container))
                engine_container_pull(container);
            return;
        }
        engine_container_set_image(container, image_id, digest);
        engine_container_advance(container, ENGINE_PULLED);
    }
    if (container->known == ENGINE_PULLED) {
        if ((pulls_ahead && !may_begin(container, soonest_ms)) || !are_volumes_ready(task) ||
            !engine_values_are_there(task) || !engine_cgroup_make(task))
            return;
        if (!container->is_in_gate && !engine_gate_enter(task, ENGINE_GATE_START))
            return;
        container->is_in_gate = true;
        engine_container_create(container);
    } else if (container->known == ENGINE_CREATED) {
        bool was_sent = container->is_start_sent && !container->is_start_wanted;

        if (!engine_cgroup_make(task))
            return;
        if (was_sent && !container->started_at_ms && !engine_container_may_start_again(container))
            return;
        container->is_start_wanted = true;
        engine_task_touch(task);
        engine->is_flush_wanted = true;
    }
}

/* AP-408: what depends on it has to be gone first. */
static bool may_stop(const struct engine_container *container)
{
    const struct engine_task *task = container->task;
    size_t index = (size_t)(container - task->containers);

    for (size_t i = 0; i < task->graph.count; i++) {
        const struct depend_edge *edge = &task->graph.edges[i];

        if (edge->target == index && task->containers[edge->waiter].known != ENGINE_STOPPED)
            return false;
    }
    return true;
}

static void step_down(struct engine_container *container)
{
    /* Started or not: what was never started needs no stopping, and goes with the clean-up. */
    if (container->known < ENGINE_RUNNING)
        engine_container_end(container, -1, NULL);
    else if (may_stop(container))
        engine_container_halt(container);
}

static void cancel_pull(struct engine_container *container)
{
    image_cancel(TAKE(container->image_request));
    container->doing = ENGINE_IDLE;
    if (!engine_call_ended(container->task->engine, container->task))
        return;
    engine_container_end(container, -1, NULL);
}

static void step_container(struct engine_container *container, int64_t *soonest_ms)
{
    struct engine *engine = container->task->engine;
    int64_t wait_ms = container->retry_at_mono_ms - engine_mono_ms(engine);

    if (container->image_request && container->desired == ENGINE_STOPPED) {
        cancel_pull(container);
        return;
    }
    if (container->doing != ENGINE_IDLE)
        return;
    if (container->known == ENGINE_STOPPED && !container->is_to_be_stopped && !container->is_unsure)
        return;
    if (container->retry_at_mono_ms && wait_ms > 0) {
        wake_within(soonest_ms, wait_ms);
        return;
    }
    if (container->is_to_be_stopped)
        engine_container_halt(container);
    else if (container->is_unsure)
        engine_container_look(container);
    else if (container->desired == ENGINE_STOPPED)
        step_down(container);
    else
        step_up(container, soonest_ms);
}

static void step_volume(struct engine_volume *volume, int64_t *soonest_ms)
{
    int64_t wait_ms = volume->retry_at_mono_ms - engine_mono_ms(volume->task->engine);

    if (volume->state != VOLUME_WANTED)
        return;
    if (volume->retry_at_mono_ms && wait_ms > 0)
        wake_within(soonest_ms, wait_ms);
    else
        engine_volume_make(volume);
}

static void on_wake(void *data)
{
    engine_task_wake(data);
}

/* A task that never had a turn has nothing in Docker that could run. */
static void end_unadmitted(struct engine_task *task)
{
    for (size_t i = 0; i < task->container_count; i++)
        engine_container_end(&task->containers[i], -1, NULL);
}

void engine_task_step(struct engine_task *task)
{
    struct engine *engine = task->engine;
    int64_t soonest_ms = 0;

    if (task->is_being_removed)
        return;
    if (!task->is_admitted) {
        if (task->desired == ENGINE_STOPPED)
            end_unadmitted(task);
        return;
    }
    if (!engine->is_linked)
        return;
    engine_values_step(task, &soonest_ms);
    for (size_t i = 0; i < task->volume_count && task->desired == ENGINE_RUNNING; i++)
        step_volume(&task->volumes[i], &soonest_ms);
    end_impossible(task);
    for (size_t i = 0; i < task->container_count; i++)
        step_container(&task->containers[i], &soonest_ms);
    if (soonest_ms > 0)
        timer_start(&task->wake_timer, engine->loop, soonest_ms, on_wake, task);
    else
        timer_stop(&task->wake_timer);
}

void engine_start_wanted(struct engine_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        struct engine_container *container = &task->containers[i];

        if (!container->is_start_wanted)
            continue;
        container->is_start_wanted = false;
        if (container->known == ENGINE_CREATED && container->desired == ENGINE_RUNNING &&
            container->doing == ENGINE_IDLE)
            engine_container_start(container);
    }
}

void engine_task_admit(struct engine_task *task)
{
    admission_take(&task->engine->admission, &task->need);
    task->is_admitted = task->holds_resources = true;
    engine_task_touch(task);
    engine_task_wake(task);
}

void engine_admit(struct engine *engine)
{
    int64_t now_ms = engine_mono_ms(engine);
    struct engine_task *task;
    bool is_closed = false; /* somebody has been passed for long enough */

    engine->is_admission_due = false;
    TAILQ_FOREACH(task, &engine->order, in_order)
    {
        if (task->is_admitted || task->desired != ENGINE_RUNNING)
            continue;
        if (!admission_is_possible(&engine->admission, &task->need)) {
            engine_task_fail(task, "ResourceInitializationError: the task needs more CPU or memory "
                                   "than this instance has");
        } else if (!is_closed && admission_fits(&engine->admission, &task->need)) {
            engine_task_admit(task);
        } else if (now_ms - task->waiting_since_mono_ms >= ADMISSION_PASS_MS) {
            is_closed = true;
        }
    }
}
