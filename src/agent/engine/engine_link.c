#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/docker/docker_engine.h"
#include "agent/engine/engine_task.h"
#include "base/log.h"
#include "base/mem.h"

/* Docker as a whole: reach it, follow its events, and look at all containers once after events
 * began to flow, so that nothing is missed in between. When the stream ends all that begins anew.
 *
 *   down -> version -> info -> events + list -> linked -> (stream ends) -> down
 */

static void connect_now(void *data);

static void link_call_ended(struct engine *engine, struct docker_call **call)
{
    *call = NULL;
    (void)engine_call_ended(engine, NULL);
}

static void connect_later(struct engine *engine)
{
    int64_t pause_ms = ENGINE_CONNECT_FIRST_MS;

    if (engine->is_closing || engine->version_call || engine->info_call)
        return;
    for (unsigned i = 0; i < engine->connect_tries && pause_ms < ENGINE_CONNECT_MAX_MS; i++)
        pause_ms *= 2;
    if (pause_ms > ENGINE_CONNECT_MAX_MS)
        pause_ms = ENGINE_CONNECT_MAX_MS;
    engine->connect_tries++;
    timer_start(&engine->connect_timer, engine->loop, rng_jitter_ms(&engine->rng, pause_ms, 20),
                connect_now, engine);
}

static void link_down(struct engine *engine, const char *why)
{
    engine_observe_starts(engine);
    if (engine->is_linked || engine->connect_tries == 0)
        log_warning("Docker cannot be reached", "error", why);
    engine->is_linked = false;
    timer_stop(&engine->relist_timer);
    if (engine->list_call)
        docker_cancel(engine->list_call);
    if (engine->events_call)
        docker_cancel(engine->events_call);
    else if (!engine->list_call)
        connect_later(engine);
}

/* Strangers */

void engine_strangers_clear(struct engine *engine)
{
    for (size_t i = 0; i < engine->stranger_count; i++) {
        struct engine_stranger *stranger = &engine->strangers[i];

        free(stranger->docker_id);
        free(stranger->docker_name);
        free(stranger->task_arn);
        free(stranger->container_name);
    }
    free(engine->strangers);
    engine->strangers = NULL;
    engine->stranger_count = 0;
}

static void add_stranger(struct engine *engine, const struct docker_container *item, size_t most)
{
    struct engine_stranger *stranger;

    if (!item->task_arn || !item->container_name)
        return;
    if (!engine->strangers)
        engine->strangers = xcalloc(most, sizeof(*engine->strangers));
    stranger = &engine->strangers[engine->stranger_count++];
    stranger->docker_id = str_dup(item->id);
    stranger->docker_name = str_dup(item->name);
    stranger->task_arn = str_dup(item->task_arn);
    stranger->container_name = str_dup(item->container_name);
}

bool engine_strangers_adopt(struct engine *engine, struct engine_task *task)
{
    bool found = false;

    for (size_t i = 0; i < engine->stranger_count; i++) {
        const struct engine_stranger *stranger = &engine->strangers[i];

        if (strcmp(stranger->task_arn, task->arn) != 0 ||
            engine_container_find(engine, stranger->docker_id, NULL))
            continue;
        for (size_t k = 0; k < task->container_count; k++) {
            struct engine_container *container = &task->containers[k];

            if (container->docker_id ||
                strcmp(stranger->container_name, container->spec->name) != 0)
                continue;
            log_warning("container of a forgotten task taken back", "task", task->arn, "container",
                        container->spec->name);
            engine_container_set_name(container, stranger->docker_name);
            engine_container_set_id(container, stranger->docker_id);
            container->is_unsure = found = true;
            break;
        }
    }
    return found;
}

/* The listing */

static void compare(struct engine_container *container, const struct docker_container *item)
{
    bool is_as_known = item->state == DOCKER_STATE_RUNNING && container->known == ENGINE_RUNNING &&
                       !container->health;

    container->listed = container->task->engine->listings;
    if (container->known == ENGINE_STOPPED) {
        /* The end of a stop that is under way is told by its answer. */
        if (item->state == DOCKER_STATE_RUNNING && container->doing == ENGINE_IDLE)
            container->is_to_be_stopped = true;
    } else if (container->doing == ENGINE_IDLE && !is_as_known) {
        container->is_unsure = true;
    }
}

/* What Docker did not list although it was there once; and, after a time without events, everything
 * that was there: a listing may be older than the last event of the stream before, only a look at
 * the single container waits for what Docker is doing to it. */
static void doubt(struct engine_task *task, bool is_new_link)
{
    for (size_t i = 0; i < task->container_count; i++) {
        struct engine_container *container = &task->containers[i];
        bool was_there =
            container->docker_id || container->is_start_sent || container->known >= ENGINE_CREATED;

        container->tries = 0; /* Docker is there: its refusals count from here */
        container->retry_at_mono_ms = 0;
        if (was_there && container->doing == ENGINE_IDLE && container->known != ENGINE_STOPPED &&
            (is_new_link || container->listed != task->engine->listings))
            container->is_unsure = true;
    }
    for (size_t i = 0; i < task->volume_count; i++)
        task->volumes[i].retry_at_mono_ms = 0;
    engine_task_wake(task);
    engine_cleanup_resume(task);
}

static void relist(void *data);

static void on_listed(const struct docker_failure *failure, const struct docker_container *items,
                      size_t count, void *data)
{
    struct engine *engine = data;
    bool is_new_link = !engine->is_linked;
    struct engine_task *task;

    link_call_ended(engine, &engine->list_call);
    if (engine->is_closing)
        return;
    if (failure) {
        link_down(engine, failure->message);
        return;
    }
    engine->listings++;
    if (is_new_link)
        engine_strangers_clear(engine);
    for (size_t i = 0; i < count; i++) {
        struct engine_container *container =
            engine_container_find(engine, items[i].id, items[i].name);

        if (container)
            compare(container, &items[i]);
        else if (is_new_link)
            add_stranger(engine, &items[i], count);
    }
    if (is_new_link)
        log_info("Docker is reached");
    engine->is_linked = true;
    engine->connect_tries = 0;
    TAILQ_FOREACH(task, &engine->order, in_order)
    {
        if (!task->is_admitted && engine_strangers_adopt(engine, task))
            engine_task_admit(task);
        doubt(task, is_new_link);
    }
    timer_start(&engine->relist_timer, engine->loop,
                ENGINE_RELIST_MS + (int64_t)rng_below(&engine->rng, ENGINE_RELIST_JITTER_MS),
                relist, engine);
    engine_turn_soon(engine);
}

static void list(struct engine *engine)
{
    engine->calls++;
    /* Those that had ended before are of interest only once: to find the containers of forgotten
     * tasks. */
    engine->list_call = docker_list(engine->docker, !engine->is_linked, on_listed, engine);
}

static void relist(void *data)
{
    struct engine *engine = data;

    if (engine->is_linked && !engine->list_call)
        list(engine);
}

/* Events */

static void on_start_event(struct engine_container *container, const struct docker_event *event)
{
    if (container->known == ENGINE_STOPPED) {
        container->is_to_be_stopped = true; /* AP-410 */
        engine_task_wake(container->task);
        return;
    }
    container->is_start_sent = true;
    container->started_at_ms = event->at_ms;
    engine_task_touch(container->task);
    if (container->doing == ENGINE_IDLE && container->known != ENGINE_RUNNING) {
        container->is_unsure = true; /* somebody else started it */
        engine_task_wake(container->task);
    }
}

/* The event may come after the end that it explains. */
static void on_oom_event(struct engine_container *container)
{
    container->is_oom = true;
    engine_task_touch(container->task);
    engine_container_explain_oom(container);
}

static void on_event(const struct docker_event *event, void *data)
{
    struct engine *engine = data;
    struct engine_container *container = engine_container_find(engine, event->id, NULL);

    if (!container || container->doing == ENGINE_REMOVING)
        return;
    switch (event->kind) {
    case DOCKER_EVENT_START:
        on_start_event(container, event);
        break;
    case DOCKER_EVENT_DIE:
        engine_container_died(container, event->has_exit_code, event->exit_code, event->at_ms);
        break;
    case DOCKER_EVENT_OOM:
        on_oom_event(container);
        break;
    case DOCKER_EVENT_HEALTH:
        engine_container_set_health(container, event->health, event->at_ms);
        break;
    case DOCKER_EVENT_DESTROY:
        container->is_unsure = container->known != ENGINE_STOPPED;
        engine_task_wake(container->task);
        break;
    case DOCKER_EVENT_OTHER:
        break;
    }
}

static void on_events_ended(const struct docker_failure *failure, void *data)
{
    struct engine *engine = data;

    link_call_ended(engine, &engine->events_call);
    if (!engine->is_closing)
        link_down(engine, failure->message);
}

/* Connecting */

static void on_info(const struct docker_failure *failure, const struct docker_info *info,
                    void *data)
{
    struct engine *engine = data;

    link_call_ended(engine, &engine->info_call);
    if (engine->is_closing)
        return;
    if (failure) {
        link_down(engine, failure->message);
        return;
    }
    free(engine->docker_root);
    engine->docker_root = str_dup(info->root_dir);
    /* Docker replays its last events from `since` on, so what happens between this moment and the
     * beginning of the stream is told; what happened before, the listing tells. */
    engine->calls++;
    engine->events_call =
        docker_events(engine->docker, engine_now_ms(engine), on_event, on_events_ended, engine);
    list(engine);
}

#define DOCKER_20_10 41 /* speaks 1.41 */

static bool is_older(const char *api_version, int minor)
{
    int found;

    return sscanf(api_version, "1.%d", &found) == 1 && found < minor;
}

static void on_version(const struct docker_failure *failure, const struct docker_version *version,
                       void *data)
{
    struct engine *engine = data;

    link_call_ended(engine, &engine->version_call);
    if (engine->is_closing)
        return;
    if (failure) {
        link_down(engine, failure->message);
        return;
    }
    log_debug("Docker answers", "version", version->version);
    engine->is_docker_old = is_older(version->api_version, DOCKER_20_10);
    engine->has_no_health_checks = !docker_engine_checks_health(version->engine);
    engine->calls++;
    engine->info_call = docker_get_info(engine->docker, on_info, engine);
}

static void connect_now(void *data)
{
    struct engine *engine = data;

    engine_observe_starts(engine);
    engine->calls++;
    engine->version_call = docker_get_version(engine->docker, on_version, engine);
}

void engine_link_open(struct engine *engine)
{
    connect_now(engine);
}

void engine_link_close(struct engine *engine)
{
    timer_stop(&engine->connect_timer);
    timer_stop(&engine->relist_timer);
    if (engine->version_call)
        docker_cancel(engine->version_call);
    if (engine->info_call)
        docker_cancel(engine->info_call);
    if (engine->events_call)
        docker_cancel(engine->events_call);
    if (engine->list_call)
        docker_cancel(engine->list_call);
}
