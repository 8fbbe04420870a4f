#include "agent/engine/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "agent/engine/engine_task.h"
#include "base/log.h"
#include "base/mem.h"

#define CPU_UNITS_PER_CORE 1024
#define FLUSH_RETRY_MAX_MS 5000

static void turn(void *data);

void engine_turn_soon(struct engine *engine)
{
    if (engine->is_turn_deferred)
        return;
    engine->is_turn_deferred = true;
    loop_defer(engine->loop, turn, engine);
}

static void report(struct engine_task *task)
{
    struct engine *engine = task->engine;
    struct engine_task_view view;

    task->is_to_be_reported = false;
    engine_task_fill_view(task, &view);
    engine->on_report(&view, engine->report_data);
    if (task->known == ENGINE_STOPPED)
        engine_cleanup_schedule(task);
}

static bool is_certain(const struct engine *engine)
{
    const struct engine_task *task;

    TAILQ_FOREACH(task, &engine->order, in_order)
    for (size_t i = 0; i < task->container_count; i++)
        if (task->containers[i].is_unsure || task->containers[i].doing == ENGINE_LOOKING)
            return false;
    return true;
}

/* Tells that the state of every task is known; what was held back until then is reported. */
static void tell_ready(struct engine *engine)
{
    engine_ready_fn *ready = engine->ready;
    struct engine_task *task;

    if (!ready || !engine->is_linked || !is_certain(engine))
        return;
    engine->ready = NULL;
    ready(NULL, engine->ready_data);
    TAILQ_FOREACH(task, &engine->order, in_order)
    if (task->is_to_be_reported)
        report(task);
}

static void on_flush_due(void *data)
{
    struct engine *engine = data;
    struct engine_task *task;

    engine->is_flush_wanted = true;
    TAILQ_FOREACH(task, &engine->dirty, in_dirty)
    engine_task_wake(task);
    engine_turn_soon(engine);
}

/* Writes now if a start waits for it, else shortly, together with what comes until then. */
static bool flush(struct engine *engine)
{
    struct error *err;
    int64_t pause_ms = ENGINE_FLUSH_MS;

    if (TAILQ_EMPTY(&engine->dirty)) {
        engine->is_flush_wanted = false;
        return true;
    }
    if (!engine->is_flush_wanted) {
        if (!engine->flush_timer.is_running)
            timer_start(&engine->flush_timer, engine->loop, pause_ms, on_flush_due, engine);
        return false;
    }
    engine->is_flush_wanted = false;
    err = engine_flush(engine);
    if (!err) {
        engine->flush_failures = 0;
        timer_stop(&engine->flush_timer);
        return true;
    }
    for (unsigned i = 0; i < engine->flush_failures && pause_ms < FLUSH_RETRY_MAX_MS; i++)
        pause_ms *= 2;
    if (engine->flush_failures++ == 0)
        log_error("state cannot be written, no container is started", "error", err->message);
    error_free(err); /* logged once; tried until it works */
    timer_start(&engine->flush_timer, engine->loop, pause_ms, on_flush_due, engine);
    return false;
}

/* One round over the tasks that something happened to: the next thing for each, then the
 * checkpoint, then what had to wait for it, then the reports. */
static void turn(void *data)
{
    struct engine *engine = data;
    struct engine_task *task;
    bool is_written;

    engine->is_turn_deferred = false;
    if (engine->is_closing) {
        engine_close_step(engine);
        return;
    }
    if (engine->start_error) {
        engine->ready(TAKE(engine->start_error), engine->ready_data);
        return;
    }
    do {
        while ((task = TAILQ_FIRST(&engine->woken))) {
            TAILQ_REMOVE(&engine->woken, task, in_woken);
            task->is_woken = false;
            engine_task_step(task);
            engine_task_settle(task);
            if (!task->is_looked) {
                task->is_looked = true;
                TAILQ_INSERT_TAIL(&engine->looked, task, in_looked);
            }
        }
        if (engine->is_admission_due)
            engine_admit(engine);
    } while (!TAILQ_EMPTY(&engine->woken));

    is_written = flush(engine);
    while ((task = TAILQ_FIRST(&engine->looked))) {
        TAILQ_REMOVE(&engine->looked, task, in_looked);
        task->is_looked = false;
        if (is_written)
            engine_start_wanted(task);
        if (task->is_to_be_reported && !engine->ready)
            report(task);
        if (task->is_health_changed && engine->on_health)
            engine->on_health(task->arn, engine->health_data);
        task->is_health_changed = false;
    }
    tell_ready(engine);
}

/* Opening and closing */

static void set_default_capacity(struct engine *engine)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct sysinfo host;
    int64_t memory_mib = 0;

    if (sysinfo(&host) == 0)
        memory_mib = (int64_t)((uint64_t)host.totalram * host.mem_unit / (1024 * 1024));
    engine_gates_init(engine, cpus > 0 ? (unsigned)cpus : 1);
    engine_set_capacity(engine, (cpus > 0 ? cpus : 1) * CPU_UNITS_PER_CORE,
                        memory_mib - engine->config->reserved_memory_mib);
}

struct error *engine_new(struct loop *loop, const struct agent_config *config,
                         struct agent_store *store, struct docker *docker,
                         engine_report_fn *on_report, void *data, struct engine **ret_engine)
{
    struct engine *engine = xcalloc(1, sizeof(*engine));

    engine->loop = loop;
    engine->config = config;
    engine->store = store;
    engine->docker = docker;
    engine->clock = &clock_system;
    engine->rng = rng_system();
    engine->on_report = on_report;
    engine->report_data = data;
    RB_INIT(&engine->tasks);
    RB_INIT(&engine->names);
    RB_INIT(&engine->ids);
    RB_INIT(&engine->endpoints);
    TAILQ_INIT(&engine->order);
    TAILQ_INIT(&engine->woken);
    TAILQ_INIT(&engine->looked);
    TAILQ_INIT(&engine->dirty);
    registry_tokens_init(&engine->tokens);
    set_default_capacity(engine);
    *ret_engine = engine;
    return NULL;
}

void engine_set_clock(struct engine *engine, const struct clock *clock, uint64_t seed)
{
    engine->clock = clock;
    engine->rng = rng_seeded(seed);
}

void engine_on_health(struct engine *engine, engine_health_fn *fn, void *data)
{
    engine->on_health = fn;
    engine->health_data = data;
}

void engine_set_capacity(struct engine *engine, int64_t cpu_units, int64_t memory_mib)
{
    engine->admission.cpu_total = cpu_units;
    engine->admission.memory_total = memory_mib;
    engine->is_admission_due = true;
}

void engine_prefetch(struct engine *engine, const char *image)
{
    if (engine->config->prefetches_images && !engine->is_closing)
        images_prefetch(engine->images, image);
}

void engine_set_cgroups(struct engine *engine, const struct task_cgroups *cgroups)
{
    engine->cgroups = *cgroups;
}

static bool is_image_used(const char *reference, const char *id, void *data)
{
    const struct engine *engine = data;
    const struct engine_task *task;

    TAILQ_FOREACH(task, &engine->order, in_order)
    for (size_t i = 0; i < task->container_count; i++) {
        const struct engine_container *container = &task->containers[i];

        if (!container->is_removed && (str_eq(engine_container_image(container), reference) ||
                                       (id && str_eq(container->image_id, id))))
            return true;
    }
    return false;
}

void engine_start(struct engine *engine, engine_ready_fn *ready, void *data)
{
    struct engine_task *task;

    engine->images =
        images_new(engine->loop, engine->docker, engine->store, engine->config, engine->clock);
    engine->ready = ready;
    engine->ready_data = data;
    engine_turn_soon(engine);
    engine->start_error = engine_load(engine);
    if (engine->start_error)
        return;
    engine->is_admission_due = true;
    TAILQ_FOREACH(task, &engine->order, in_order)
    if (task->known == ENGINE_STOPPED)
        engine_cleanup_schedule(task);
    engine_link_open(engine);
    images_start_cleanup(engine->images, is_image_used, engine);
}

static void free_engine(struct engine *engine)
{
    struct engine_task *task;

    while ((task = TAILQ_FIRST(&engine->order)))
        engine_task_free(task);
    engine_strangers_clear(engine);
    registry_tokens_done(&engine->tokens);
    error_free(engine->start_error);
    free(engine->docker_root);
    free(engine);
}

static void on_images_closed(void *data)
{
    struct engine *engine = data;
    loop_fn *closed = engine->closed;
    void *closed_data = engine->closed_data;

    free_engine(engine);
    closed(closed_data);
}

/* Once the last call has ended nothing refers to the engine any more. */
void engine_close_step(struct engine *engine)
{
    if (engine->calls > 0 || engine->are_images_closed)
        return;
    engine->are_images_closed = true;
    if (engine->images)
        images_close(engine->images, on_images_closed, engine);
    else
        loop_defer(engine->loop, on_images_closed, engine);
}

void engine_close(struct engine *engine, loop_fn *closed, void *data)
{
    struct engine_task *task;
    struct error *err = engine_flush(engine);

    if (err) {
        log_error("state not written at the end", "error", err->message);
        error_free(err); /* Docker tells most of it again */
    }
    engine->is_closing = true;
    engine->closed = closed;
    engine->closed_data = data;
    timer_stop(&engine->flush_timer);
    engine_link_close(engine);
    TAILQ_FOREACH(task, &engine->order, in_order)
    {
        timer_stop(&task->wake_timer);
        timer_stop(&task->cleanup_timer);
        engine_cancel_calls(task);
    }
    engine_turn_soon(engine);
}

/* What is wanted */

/* Of credentials, their id: it is in the environment of the containers, too (AP-233). */
static struct acs_role_credentials *without_secrets(const struct acs_role_credentials *from,
                                                    struct acs_role_credentials *kept)
{
    if (!from)
        return NULL;
    *kept = (struct acs_role_credentials){.credentials_id = from->credentials_id,
                                          .role_arn = from->role_arn};
    return kept;
}

/* The task as it is kept: without what is secret in its credentials (AP-542). */
static char *spec_text(const struct acs_task *task)
{
    struct acs_role_credentials application, execution;
    struct acs_task kept = *task;
    struct buf text = {0};

    kept.role_credentials = without_secrets(task->role_credentials, &application);
    kept.execution_role_credentials = without_secrets(task->execution_role_credentials, &execution);
    acs_encode_task(&text, &kept);
    return buf_take(&text);
}

static struct error *want_new(struct engine *engine, const struct acs_task *wanted, bool is_stop)
{
    CLEANUP(str_freep) char *text = spec_text(wanted);
    struct engine_task *task = NULL;
    struct error *refusal = NULL, *err;

    if (engine->task_count - engine->stopped_count >= ENGINE_TASKS_MAX)
        return error_new(API_SERVER, "%d tasks are known already", ENGINE_TASKS_MAX);
    if (!is_stop && wanted->containers.count == 0)
        refusal = error_new(API_CLIENT,
                            "UnrecogniedTaskError: Error loading task - it has no containers");
    else
        refusal = engine_task_new(engine, wanted->arn, text, engine->last_sequence + 1, &task);
    if (refusal)
        task = engine_task_new_refused(engine, wanted->arn, engine->last_sequence + 1,
                                       refusal->message);
    assert(task);
    /* A task that this agent forgot but Docker did not has had its turn. */
    if (!refusal && engine_strangers_adopt(engine, task))
        engine_task_admit(task);
    engine_task_touch(task);
    err = engine_flush(engine);
    if (err) {
        engine_task_free(task);
        error_free(refusal); /* the task will come again */
        return error_wrap(err, "task %s not accepted", wanted->arn);
    }
    log_info("task accepted", "task", task->arn, "desired", is_stop ? "STOPPED" : "RUNNING",
             "refused", refusal ? refusal->message : NULL);
    engine->is_admission_due = true;
    if (is_stop)
        engine_task_stop(task);
    engine_task_wake(task);
    return refusal;
}

struct error *engine_want(struct engine *engine, const struct acs_task *wanted)
{
    bool is_stop = str_eq(wanted->desired_status, "STOPPED");
    struct engine_task *task;

    if (str_is_empty(wanted->arn) || (!is_stop && !str_eq(wanted->desired_status, "RUNNING")))
        return error_new(API_CLIENT, "a task needs an arn and desiredStatus RUNNING or STOPPED");
    task = engine_task_find(engine, wanted->arn);
    if (!task)
        return want_new(engine, wanted, is_stop);
    if (!is_stop && task->reported == ENGINE_STOPPED)
        engine_task_tell_again(task);
    if (!is_stop || task->desired == ENGINE_STOPPED)
        return NULL; /* AP-223: known already, and nothing goes back */
    task->is_stop_wanted = true;
    engine_task_stop(task);
    return engine_flush(engine);
}

void engine_refuse(struct engine *engine, const char *task_arn, const char *reason)
{
    if (engine_task_find(engine, task_arn))
        return;
    (void)engine_task_new_refused(engine, task_arn, engine->last_sequence + 1, reason);
}

void engine_reported(struct engine *engine, const char *task_arn, uint64_t revision)
{
    struct engine_task *task = engine_task_find(engine, task_arn);

    if (!task)
        return;
    if (task->stopped_revision && revision >= task->stopped_revision)
        task->reported = ENGINE_STOPPED;
    else if (task->running_revision && revision >= task->running_revision &&
             task->reported < ENGINE_RUNNING)
        task->reported = ENGINE_RUNNING;
    for (size_t i = 0; i < task->container_count; i++) {
        struct engine_container *container = &task->containers[i];

        /* What is fresh came after the report was written, or is told with its own revision. */
        if (container->changed_revision && container->changed_revision <= revision &&
            !container->is_fresh)
            container->reported = container->known;
    }
    engine_task_touch(task);
    engine_turn_soon(engine);
    if (task->reported == ENGINE_STOPPED)
        engine_cleanup_schedule(task);
}
