#include "agent/endpoints/introspection.h"

#include <string.h>

#include "agent/docker/docker_detail.h"
#include "agent/endpoints/task_metadata.h"
#include "agent/endpoints/task_route.h"
#include "agent/session/api_client.h"
#include "agent/session/register_request.h"
#include "agent/session/submit_report.h"
#include "base/log.h"
#include "base/mem.h"
#include "gen/agent_types.h"
#include "net/http_server.h"

#define CLOSE_MS       1000
#define SHORT_ID_CHARS 12

struct introspection {
    struct introspection_options options;
    struct http_server *server; /* NULL: the port is taken */
    struct timer retry;
    bool has_complained;
    loop_fn *closed;
    void *closed_data;
};

static const char commands[] =
    "{\"AvailableCommands\":[\"/v1/metadata\",\"/v1/tasks\",\"/license\"]}";
static const char license[] = "berth is licensed under the Apache License, Version 2.0: "
                              "https://www.apache.org/licenses/LICENSE-2.0\n";

/* Left out of a task that stopped without being told to (AG-920). */
static const char *desired_text(const struct engine_task_view *task)
{
    if (task->known == ENGINE_STOPPED && task->desired != ENGINE_STOPPED)
        return NULL;
    return submit_report_status(task->desired == ENGINE_STOPPED ? ENGINE_STOPPED : ENGINE_RUNNING);
}

/* Views are lent for less time than the answer takes to be made. */
static void fill_container(struct arena *arena, const struct engine_container_view *container,
                           struct metadata_introspected_container *out)
{
    struct docker_detail detail = {0};

    (void)docker_detail_read(arena, container->detail, &detail); /* all empty without it */
    *out = (struct metadata_introspected_container){
        .docker_id = arena_dup(arena, container->docker_id),
        .docker_name = container->docker_name ? arena_dup(arena, container->docker_name) : "",
        .name = arena_dup(arena, container->name),
        .image = container->image ? arena_dup(arena, container->image) : "",
        .image_id = container->image_id ? arena_dup(arena, container->image_id) : "",
        .created_at = task_metadata_time(arena, container->created_at_ms, detail.created_at),
        .started_at = task_metadata_time(arena, container->started_at_ms, detail.started_at),
    };
    task_metadata_ports(arena, container, false, &out->ports);
    task_metadata_volumes(arena, &detail, &out->volumes);
    if (container->spec && container->spec->restart_policy &&
        container->spec->restart_policy->enabled)
        SET(out, restart_count, (int32_t)container->restarts);
}

static void fill_task(struct arena *arena, const struct engine_task_view *task,
                      struct metadata_introspected_task *out)
{
    out->arn = arena_dup(arena, task->arn);
    out->desired_status = desired_text(task);
    out->known_status = submit_report_status(task->known);
    out->family = arena_dup(arena, task->family);
    out->version = arena_dup(arena, task->version);
    SET_LIST(arena, &out->containers, task->container_count);
    out->containers.count = 0;
    for (size_t i = 0; i < task->container_count; i++)
        if (task->containers[i].docker_id)
            fill_container(arena, &task->containers[i],
                           &out->containers.items[out->containers.count++]);
}

static void write_metadata(const struct introspection_options *options, struct buf *body)
{
    struct metadata_instance instance = {
        .cluster = register_cluster_name(options->cluster),
        .container_instance_arn = options->instance_arn,
        .version = api_client_agent,
    };

    metadata_encode_instance(body, &instance);
}

struct listing {
    struct arena *arena;
    struct metadata_introspected_task *items;
    size_t count, capacity;
};

static void list_task(const struct engine_task_view *task, void *data)
{
    struct listing *listing = data;

    ARRAY_GROW(listing->items, listing->count, listing->capacity);
    listing->items[listing->count] = (struct metadata_introspected_task){0};
    fill_task(listing->arena, task, &listing->items[listing->count++]);
}

static void write_tasks(const struct introspection_options *options, struct arena *arena,
                        struct buf *body)
{
    struct listing listing = {.arena = arena};
    struct metadata_introspected_tasks tasks = {0};

    engine_each(options->engine, list_task, &listing);
    tasks.tasks = (struct metadata_introspected_task_list){true, listing.count, listing.items};
    metadata_encode_introspected_tasks(body, &tasks);
    free(listing.items);
}

struct search {
    struct arena *arena;
    const char *docker_id;
    struct metadata_introspected_task *task;
    unsigned found; /* containers whose id fits */
};

/* A whole id, or the beginning of one as `docker ps` shows it (AG-265). */
static void search_task(const struct engine_task_view *task, void *data)
{
    struct search *search = data;
    bool is_short = strlen(search->docker_id) >= SHORT_ID_CHARS;

    for (size_t i = 0; i < task->container_count; i++) {
        const char *id = task->containers[i].docker_id;

        if (!id || !(str_eq(id, search->docker_id) ||
                     (is_short && str_starts_with(id, search->docker_id))))
            continue;
        search->found++;
        fill_task(search->arena, task, search->task);
    }
}

static int answer_task(const struct introspection_options *options, struct arena *arena,
                       const char *task_arn, const char *docker_id, struct buf *body)
{
    struct metadata_introspected_task task = {0};
    struct search search = {arena, docker_id, &task, 0};
    struct engine_task_view view;

    if (task_arn && docker_id)
        return 400; /* AG-919 */
    if (docker_id) {
        engine_each(options->engine, search_task, &search);
    } else if (engine_view(options->engine, task_arn, &view)) {
        search.found = 1;
        fill_task(arena, &view, &task);
    }
    if (search.found > 1)
        return 400; /* the short id is not unique */
    metadata_encode_introspected_task(body, &task);
    return search.found ? 200 : 404;
}

static int answer_tasks(const struct introspection_options *options, const char *query,
                        struct buf *body)
{
    struct arena arena = {0};
    const char *task_arn = task_route_parameter(&arena, query, "taskarn");
    const char *docker_id = task_route_parameter(&arena, query, "dockerid");
    int status = 200;

    if (task_arn || docker_id)
        status = answer_task(options, &arena, task_arn, docker_id, body);
    else
        write_tasks(options, &arena, body);
    arena_done(&arena);
    return status;
}

int introspection_answer(const struct introspection_options *options, const char *path,
                         const char *query, struct buf *body)
{
    if (str_eq(path, "/v1/metadata")) {
        write_metadata(options, body);
        return 200;
    }
    if (str_eq(path, "/v1/tasks"))
        return answer_tasks(options, query, body);
    buf_add_str(body, str_eq(path, "/license") ? license : commands);
    return 200; /* what there is, to who asks for something else */
}

static void on_request(struct http_exchange *ex, const struct http_request *req, void *data)
{
    struct introspection *introspection = data;
    struct http_header type = {"content-type",
                               str_eq(req->path, "/license") ? "text/plain" : "application/json"};
    struct buf body = {0};
    int status = 405;

    if (str_eq(req->method, "GET"))
        status = introspection_answer(&introspection->options, req->path, req->query, &body);
    http_respond(ex, status, &type, 1, body.data ? body.data : "", body.len);
    buf_done(&body);
}

/* The port is not worth ending for: another agent's may be the one people look at. */
static void try_listen(void *data)
{
    struct introspection *introspection = data;
    struct http_server_options options = {.listen = introspection->options.listen,
                                          .connections_max = INTROSPECTION_CONNECTIONS_MAX,
                                          .on_request = on_request,
                                          .data = introspection};
    struct error *err =
        http_server_new(introspection->options.loop, &options, &introspection->server);

    if (!err) {
        log_info("introspection answers", "address", introspection->options.listen);
        return;
    }
    if (!introspection->has_complained)
        log_warning("introspection does not answer, trying every minute", "address",
                    introspection->options.listen, "error", err->message);
    introspection->has_complained = true;
    error_free(err); /* said above */
    timer_start(&introspection->retry, introspection->options.loop, INTROSPECTION_RETRY_MS,
                try_listen, introspection);
}

struct introspection *introspection_new(const struct introspection_options *options)
{
    struct introspection *introspection = xcalloc(1, sizeof(*introspection));

    introspection->options = *options;
    try_listen(introspection);
    return introspection;
}

static void on_closed(void *data)
{
    struct introspection *introspection = data;
    loop_fn *closed = introspection->closed;
    void *closed_data = introspection->closed_data;

    free(introspection);
    closed(closed_data);
}

void introspection_close(struct introspection *introspection, loop_fn *closed, void *data)
{
    timer_stop(&introspection->retry);
    introspection->closed = closed;
    introspection->closed_data = data;
    if (introspection->server)
        http_server_close(introspection->server, CLOSE_MS, on_closed, introspection);
    else
        loop_defer(introspection->options.loop, on_closed, introspection);
}
