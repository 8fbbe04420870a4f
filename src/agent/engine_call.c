#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "agent/container.h"
#include "agent/container_port.h"
#include "agent/engine_leftover.h"
#include "agent/engine_reason.h"
#include "agent/engine_task.h"
#include "base/failpoint.h"
#include "base/log.h"

#define PROC             "/proc"
#define PORT_RANGE_FILE  PROC "/sys/net/ipv4/ip_local_port_range"
#define PORT_RANGE_FIRST 32768
#define PORT_RANGE_LAST  60999

void engine_call_begun(struct engine_task *task)
{
    task->calls++;
    task->engine->calls++;
}

bool engine_call_ended(struct engine *engine, struct engine_task *task)
{
    if (task)
        task->calls--;
    engine->calls--;
    if (!engine->is_closing)
        return true;
    engine_turn_soon(engine); /* the last one out closes */
    return false;
}

/* Ends a container's call; false if nothing is to follow because the engine is closing. */
static bool finish(struct engine_container *container)
{
    container->call = NULL;
    container->doing = ENGINE_IDLE;
    if (!engine_call_ended(container->task->engine, container->task))
        return false;
    engine_task_wake(container->task);
    return true;
}

static void begin(struct engine_container *container, enum engine_doing doing)
{
    container->doing = doing;
    engine_call_begun(container->task);
}

void engine_container_retry(struct engine_container *container)
{
    struct engine *engine = container->task->engine;
    int64_t pause_ms = ENGINE_RETRY_FIRST_MS;

    for (unsigned i = 0; i < container->tries && pause_ms < ENGINE_RETRY_MAX_MS; i++)
        pause_ms *= 2;
    if (pause_ms > ENGINE_RETRY_MAX_MS)
        pause_ms = ENGINE_RETRY_MAX_MS;
    container->tries++;
    container->retry_at_mono_ms =
        engine_mono_ms(engine) + rng_jitter_ms(&engine->rng, pause_ms, 20);
}

/* Docker's answer was lost on the way: what it did has to be looked up. */
static void doubt(struct engine_container *container)
{
    container->is_unsure = container->known != ENGINE_STOPPED;
    engine_container_retry(container);
}

static bool is_answer(const struct docker_failure *failure)
{
    return failure->fault == DOCKER_REFUSED || failure->fault == DOCKER_NOT_FOUND ||
           failure->fault == DOCKER_CONFLICT;
}

static const char *docker_handle(const struct engine_container *container)
{
    return container->docker_id ? container->docker_id : container->docker_name;
}

/* Pull */

static void on_image(const struct image_result *result, void *data)
{
    struct engine_container *container = data;
    struct engine_task *task = container->task;

    container->image_request = NULL;
    if (!finish(container))
        return;
    if (result->is_lost) {
        engine_container_retry(container);
        return;
    }
    if (!task->pull_started_at_ms)
        task->pull_started_at_ms = result->started_at_ms;
    task->pull_stopped_at_ms = result->stopped_at_ms;
    engine_task_touch(task);
    if (result->reason) {
        engine_container_end(container, -1, str_dup(result->reason));
        return;
    }
    free(container->image_digest);
    container->image_digest = str_dup(result->digest);
    container->is_image_assumed = false;
    engine_container_advance(container, ENGINE_PULLED);
}

void engine_container_pull(struct engine_container *container)
{
    const char *image = container->spec->image ? container->spec->image : "";

    begin(container, ENGINE_PULLING);
    container->image_request =
        images_get(container->task->engine->images, image, on_image, container);
}

/* Create */

static bool is_port_free(int port, const char *protocol, void *data)
{
    bool is_udp = strcmp(protocol, "udp") == 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    bool is_free;

    (void)data;
    if (fd < 0)
        return false;
    is_free = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return is_free;
}

struct port_search {
    const struct engine *engine;
};

/* Free on the host, and not promised to a container that has yet to start. */
static bool is_port_available(int port, const char *protocol, void *data)
{
    const struct port_search *search = data;
    const struct engine_task *task;

    TAILQ_FOREACH(task, &search->engine->order, in_order)
    {
        if (!task->holds_resources)
            continue;
        for (size_t i = 0; i < task->container_count; i++) {
            const struct engine_container *container = &task->containers[i];

            for (size_t k = 0; k < container->spec->port_mappings.count; k++) {
                const struct acs_port_mapping *mapping = &container->spec->port_mappings.items[k];
                int first, last, start = container->range_starts[k];

                if (start && str_eq(container_port_protocol(mapping), protocol) &&
                    container_port_range_parse(mapping->container_port_range, &first, &last) &&
                    port >= start && port <= start + last - first)
                    return false;
            }
        }
    }
    return is_port_free(port, protocol, NULL);
}

static void port_limits(const struct agent_config *config, int *ret_first, int *ret_last)
{
    FILE *file;

    *ret_first = PORT_RANGE_FIRST;
    *ret_last = PORT_RANGE_LAST;
    if (config->dynamic_port_first > 0) {
        *ret_first = config->dynamic_port_first;
        *ret_last = config->dynamic_port_last;
        return;
    }
    file = fopen(PORT_RANGE_FILE, "re");
    if (!file)
        return;
    if (fscanf(file, "%d %d", ret_first, ret_last) != 2 || *ret_first < 1 ||
        *ret_last < *ret_first || *ret_last > 65535) {
        *ret_first = PORT_RANGE_FIRST;
        *ret_last = PORT_RANGE_LAST;
    }
    fclose(file);
}

/* AP-430: one block of host ports for each range. */
static struct error *choose_ranges(struct engine_container *container)
{
    struct engine *engine = container->task->engine;
    struct port_search search = {engine};
    int lowest, highest;

    port_limits(engine->config, &lowest, &highest);
    for (size_t i = 0; i < container->spec->port_mappings.count; i++) {
        const struct acs_port_mapping *mapping = &container->spec->port_mappings.items[i];
        const char *protocol = container_port_protocol(mapping);
        int first, last;

        if (container->range_starts[i] ||
            !container_port_range_parse(mapping->container_port_range, &first, &last))
            continue;
        container->range_starts[i] = container_port_find_block(
            lowest, highest, lowest, last - first + 1, protocol, is_port_available, &search);
        if (!container->range_starts[i])
            return error_new(API_CLIENT,
                             "HostConfigError: no %d free host ports in a row for %s/%s",
                             last - first + 1, mapping->container_port_range, protocol);
    }
    return NULL;
}

static struct error *create_body(struct engine_container *container, struct buf *ret_body)
{
    struct engine_task *task = container->task;
    const struct agent_config *config = task->engine->config;
    struct arena arena = {0};
    const char **docker_names = ARENA_ARRAY(&arena, const char *, task->container_count);
    const char **volume_names = ARENA_ARRAY(&arena, const char *, task->volume_count);
    const struct container_plan plan = {
        .task = task->spec,
        .container = container->spec,
        .cluster = config->cluster ? config->cluster : "default",
        .region = config->region,
        .is_privileged_disabled = config->is_privileged_disabled,
        .docker_names = docker_names,
        .volume_names = volume_names,
        .range_starts = container->range_starts,
    };
    struct error *err;

    for (size_t i = 0; i < task->container_count; i++)
        docker_names[i] = task->containers[i].docker_name;
    for (size_t i = 0; i < task->volume_count; i++)
        volume_names[i] = task->volumes[i].docker_name;
    err = choose_ranges(container);
    if (!err)
        err = container_create_body(&plan, ret_body);
    arena_done(&arena);
    return err;
}

static void on_create_failed(struct engine_container *container,
                             const struct docker_failure *failure)
{
    if (failure->fault == DOCKER_NOT_FOUND && container->is_image_assumed &&
        strcasestr(failure->message, "no such image")) {
        container->is_image_assumed = false;
        container->is_image_missing = true;
        container->known = ENGINE_NONE; /* back to the pull that was skipped */
        return;
    }
    /* The name is ours alone: somebody who has it is the container that an earlier call made. */
    if (failure->fault == DOCKER_CONFLICT && container->tries < ENGINE_CONFLICT_TRIES_MAX) {
        doubt(container);
        container->retry_at_mono_ms = 0;
        return;
    }
    if (failure->fault == DOCKER_UNREACHABLE || failure->fault == DOCKER_MALFORMED) {
        doubt(container);
        return;
    }
    engine_container_end(container, -1,
                         engine_reason("CannotCreateContainerError", "created", failure));
}

static void on_created(const struct docker_failure *failure, const char *id, void *data)
{
    struct engine_container *container = data;

    FAIL_POINT("agent_after_create");
    if (!finish(container))
        return;
    if (container->known == ENGINE_STOPPED)
        return;
    if (failure) {
        on_create_failed(container, failure);
        return;
    }
    container->created_at_ms = engine_now_ms(container->task->engine);
    engine_container_set_id(container, id);
    engine_container_advance(container, ENGINE_CREATED);
}

void engine_container_create(struct engine_container *container)
{
    struct engine *engine = container->task->engine;
    CLEANUP(buf_done) struct buf body = {0};
    struct error *err = create_body(container, &body);

    if (err) {
        engine_container_end(container, -1, str_dup(err->message));
        error_free(err); /* it is the container's reason now */
        return;
    }
    FAIL_POINT("agent_before_create");
    begin(container, ENGINE_CREATING);
    container->call =
        docker_create(engine->docker, container->docker_name, body.data,
                      engine->config->container_create_timeout_ms, on_created, container);
}

/* Start */

/* True if only Docker knows which host ports were taken. */
static bool must_look_for_ports(const struct engine_container *container)
{
    const struct acs_container *spec = container->spec;
    const char *host = spec->docker_config ? spec->docker_config->host_config : NULL;
    struct arena arena = {0};
    bool is_bridge =
        strcmp(container_network_mode(&arena, container->task->spec, spec), "bridge") == 0;

    arena_done(&arena);
    if (!is_bridge || spec->port_mappings.count == 0)
        return false;
    if ((host && strstr(host, "Port")) || !container->task->engine->config->excludes_ipv6_bindings)
        return true;
    for (size_t i = 0; i < spec->port_mappings.count; i++) {
        const struct acs_port_mapping *mapping = &spec->port_mappings.items[i];

        if (container_port_is_dynamic(mapping) ||
            (!str_is_empty(mapping->container_port_range) && !container->range_starts[i]))
            return true;
    }
    return false;
}

static void on_removed_anew(const struct docker_failure *failure, void *data)
{
    struct engine_container *container = data;

    if (!finish(container))
        return;
    if (failure && failure->fault != DOCKER_NOT_FOUND) {
        doubt(container);
        return;
    }
    container->known = ENGINE_PULLED;
    container->is_start_sent = false;
    container->created_at_ms = 0;
    engine_container_set_id(container, NULL);
}

static void recreate(struct engine_container *container)
{
    container->recreations++;
    begin(container, ENGINE_REMOVING);
    container->call = docker_remove(container->task->engine->docker, docker_handle(container),
                                    on_removed_anew, container);
}

bool engine_container_may_start_again(struct engine_container *container)
{
    struct engine_task *task = container->task;
    enum engine_leftover found = engine_leftover_find(
        task->engine->docker_root, PROC, docker_handle(container), container->log_driver);

    if (found == LEFTOVER_NOTHING)
        return true;
    engine_leftover_kill(PROC, docker_handle(container));
    if (found == LEFTOVER_HELD && container->recreations < ENGINE_RECREATIONS_MAX) {
        log_warning("Docker lost a container before it began, making it anew", "task", task->arn,
                    "container", container->spec->name);
        recreate(container);
    } else {
        engine_container_end(container, -1, str_dup(REASON_LOST));
    }
    return false;
}

static void on_start_failed(struct engine_container *container,
                            const struct docker_failure *failure)
{
    /* Docker also says 404 of things that the container was to use. */
    if (failure->fault == DOCKER_NOT_FOUND && strstr(failure->message, docker_handle(container))) {
        engine_container_vanished(container);
    } else if (is_answer(failure)) {
        engine_container_end(container, -1,
                             engine_reason("CannotStartContainerError", "started", failure));
    } else if (failure->fault == DOCKER_TIMEOUT) {
        /* It may run yet, now or later. */
        engine_container_end(container, -1,
                             engine_reason("CannotStartContainerError", "started", failure));
        container->is_to_be_stopped = true;
    } else {
        doubt(container);
    }
}

static void on_started(const struct docker_failure *failure, void *data)
{
    struct engine_container *container = data;
    struct engine *engine = container->task->engine;

    FAIL_POINT("agent_after_start");
    if (!finish(container))
        return;
    if (container->known == ENGINE_STOPPED || container->is_unsure)
        return; /* its end was quicker than the answer */
    if (failure) {
        on_start_failed(container, failure);
        return;
    }
    if (!container->started_at_ms || container->restarts)
        container->started_at_ms = engine_now_ms(engine);
    if (container->desired == ENGINE_RUNNING && must_look_for_ports(container)) {
        container->is_unsure = true;
        return;
    }
    engine_container_bind(container, NULL);
    engine_container_advance(container, ENGINE_RUNNING);
}

void engine_container_start(struct engine_container *container)
{
    struct engine *engine = container->task->engine;

    FAIL_POINT("agent_before_start");
    begin(container, ENGINE_STARTING);
    container->call =
        docker_start(engine->docker, docker_handle(container),
                     engine->config->container_start_timeout_ms, on_started, container);
}

/* Look */

static bool is_ours(const struct engine_container *container, const struct docker_container *docker)
{
    return str_eq(docker->task_arn, container->task->arn) &&
           str_eq(docker->container_name, container->spec->name);
}

static void on_look_failed(struct engine_container *container, const struct docker_failure *failure)
{
    bool was_there = container->docker_id || container->is_start_sent;

    if (failure->fault == DOCKER_NOT_FOUND && !was_there && container->tries > 0) {
        /* A name that is taken by nothing: Docker is still at work on an earlier create call. */
        container->is_unsure = false;
        engine_container_retry(container);
    } else if (failure->fault == DOCKER_NOT_FOUND) {
        engine_container_vanished(container);
    } else if (failure->fault == DOCKER_UNREACHABLE || container->tries < ENGINE_TRIES_MAX) {
        engine_container_retry(container);
    } else {
        engine_container_end(container, -1,
                             engine_reason("CannotInspectContainerError", "inspecting", failure));
        container->is_to_be_stopped = true;
    }
}

static void on_looked(const struct docker_failure *failure, const struct docker_container *docker,
                      void *data)
{
    struct engine_container *container = data;

    engine_gate_leave(container->task->engine, ENGINE_GATE_LOOK);
    if (!finish(container))
        return;
    if (failure) {
        on_look_failed(container, failure);
    } else if (!is_ours(container, docker)) {
        container->is_unsure = false;
        engine_container_end(container, -1,
                             str_printf("CannotCreateContainerError: the name %s is in use",
                                        container->docker_name));
    } else {
        engine_container_adopt(container, docker);
    }
}

void engine_container_look(struct engine_container *container)
{
    struct engine_task *task = container->task;
    struct engine *engine = task->engine;

    if (!engine_gate_enter(task, ENGINE_GATE_LOOK))
        return;
    begin(container, ENGINE_LOOKING);
    container->call =
        docker_inspect(engine->docker, docker_handle(container), on_looked, container);
}

/* Stop */

static int grace_s(const struct engine_container *container)
{
    if (container->spec->has_stop_timeout && container->spec->stop_timeout >= 0)
        return container->spec->stop_timeout;
    return (int)(container->task->engine->config->container_stop_timeout_ms / 1000);
}

static void on_halted(const struct docker_failure *failure, void *data)
{
    struct engine_container *container = data;
    struct engine_task *task = container->task;

    FAIL_POINT("agent_after_stop");
    if (!finish(container))
        return;
    if (!failure || failure->fault == DOCKER_NOT_FOUND) {
        container->is_to_be_stopped = false;
        /* Its event, which has the exit code, may still be on the way. */
        container->is_unsure = container->known != ENGINE_STOPPED;
    } else if (failure->fault == DOCKER_UNREACHABLE) {
        doubt(container);
    } else if (container->tries < ENGINE_TRIES_MAX) {
        log_warning("container not stopped, trying again", "task", task->arn, "container",
                    container->spec->name, "error", failure->message);
        engine_container_retry(container);
    } else {
        container->is_to_be_stopped = false;
        if (!task->reason)
            task->reason = str_dup(REASON_STATE);
        engine_container_end(container, -1,
                             engine_reason("CannotStopContainerError", "stopped", failure));
    }
}

void engine_container_halt(struct engine_container *container)
{
    FAIL_POINT("agent_before_stop");
    container->is_stop_asked = true;
    begin(container, ENGINE_STOPPING);
    container->call = docker_stop(container->task->engine->docker, docker_handle(container),
                                  grace_s(container), on_halted, container);
}

/* Volumes */

static void fail_volume(struct engine_volume *volume, const char *why)
{
    CLEANUP(str_freep)
    char *reason =
        str_printf("ResourceInitializationError: volume %s: %s", volume->spec->name, why);

    engine_task_fail(volume->task, reason);
}

static void on_volume_failed(struct engine_volume *volume, const struct docker_failure *failure)
{
    if (failure->fault == DOCKER_UNREACHABLE)
        volume->retry_at_mono_ms = engine_mono_ms(volume->task->engine) + ENGINE_RETRY_MAX_MS;
    else
        fail_volume(volume, failure->message);
}

static bool finish_volume(struct engine_volume *volume)
{
    volume->call = NULL;
    volume->state = VOLUME_WANTED;
    if (!engine_call_ended(volume->task->engine, volume->task))
        return false;
    engine_task_wake(volume->task);
    return true;
}

static void on_volume_made(const struct docker_failure *failure, const struct docker_volume *docker,
                           void *data)
{
    struct engine_volume *volume = data;

    (void)docker;
    if (!finish_volume(volume))
        return;
    if (!failure)
        volume->state = VOLUME_READY;
    else
        on_volume_failed(volume, failure);
}

static void create_volume(struct engine_volume *volume)
{
    CLEANUP(buf_done) struct buf body = {0};

    volume_create_body(&body, volume->spec, volume->docker_name);
    volume->state = VOLUME_BUSY;
    engine_call_begun(volume->task);
    volume->call =
        docker_create_volume(volume->task->engine->docker, body.data, on_volume_made, volume);
}

static void on_volume_found(const struct docker_failure *failure,
                            const struct docker_volume *docker, void *data)
{
    struct engine_volume *volume = data;
    const struct agent_config *config = volume->task->engine->config;
    bool is_autoprovisioned = volume->spec->docker_volume_configuration->autoprovision;

    if (!finish_volume(volume))
        return;
    if (!failure && is_autoprovisioned && config->matches_full_volume_config &&
        !volume_matches(volume->spec, docker))
        fail_volume(volume, "one of that name exists with another configuration");
    else if (!failure)
        volume->state = VOLUME_READY;
    else if (failure->fault == DOCKER_NOT_FOUND && is_autoprovisioned)
        create_volume(volume);
    else if (failure->fault == DOCKER_NOT_FOUND)
        fail_volume(volume, "it does not exist on this instance and is not autoprovisioned");
    else
        on_volume_failed(volume, failure);
}

void engine_volume_make(struct engine_volume *volume)
{
    if (volume->kind == VOLUME_TASK) {
        create_volume(volume);
        return;
    }
    volume->state = VOLUME_BUSY;
    engine_call_begun(volume->task);
    volume->call = docker_inspect_volume(volume->task->engine->docker, volume->docker_name,
                                         on_volume_found, volume);
}

/* Ends everything that is under way, because the engine is closing. Completions still run. */
void engine_cancel_calls(struct engine_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        struct engine_container *container = &task->containers[i];

        if (container->call)
            docker_cancel(container->call);
        if (container->image_request) {
            image_cancel(TAKE(container->image_request));
            container->doing = ENGINE_IDLE;
            (void)engine_call_ended(task->engine, task);
        }
    }
    for (size_t i = 0; i < task->volume_count; i++)
        if (task->volumes[i].call)
            docker_cancel(task->volumes[i].call);
}
