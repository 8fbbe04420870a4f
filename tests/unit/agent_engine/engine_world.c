#include "engine_world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/mem.h"

static const char *const status_names[] = {"NONE", "PULLED", "CREATED", "RUNNING", "STOPPED"};

static void on_report(const struct engine_task_view *task, void *data)
{
    struct world *world = data;
    CLEANUP(str_freep) char *arn = str_dup(task->arn);
    uint64_t revision = task->revision;

    buf_printf(&world->told, "%s %s", status_names[task->known], task->arn + strlen(ARN));
    for (size_t i = 0; i < task->container_count; i++) {
        const struct engine_container_view *container = &task->containers[i];

        if (!container->is_changed)
            continue;
        buf_printf(&world->told, " %s", container->name);
        if (container->known != ENGINE_STOPPED)
            continue;
        if (container->has_exit_code)
            buf_printf(&world->told, "=%d", container->exit_code);
        else
            buf_add_str(&world->told, "=-");
    }
    buf_add_str(&world->told, "; ");
    if (world->takes_reports)
        engine_reported(world->engine, arn, revision);
}

void world_on_health(const char *task_arn, void *data)
{
    struct world *world = data;

    buf_printf(&world->told, "health %s; ", task_arn + strlen(ARN));
}

static void on_ready(struct error *err, void *data)
{
    struct world *world = data;

    assert_null(err);
    world->is_ready = true;
}

static void on_closed(void *data)
{
    ((struct world *)data)->is_closed = true;
}

/* An image that was seen before: containers of it are created without asking for it. */
static void note_image(struct agent_store *store)
{
    const struct agent_store_image image = {.reference = "i", .id = "sha256:1"};

    assert_null(agent_store_begin(store));
    assert_null(agent_store_put_image(store, &image));
    assert_null(agent_store_commit(store));
}

static bool get_keys(const char *credentials_id, struct sigv4_keys *ret, void *data)
{
    const struct world *world = data;

    *ret = (struct sigv4_keys){credentials_id ? world->role_key : "AGENT", "secret", NULL};
    return ret->access_key_id != NULL;
}

void world_open(struct world *world)
{
    assert_null(agent_store_open(world->file, &world->store));
    note_image(world->store);
    assert_null(engine_new(world->loop, &world->config, world->store, world->docker, on_report,
                           world, &world->engine));
    engine_set_clock(world->engine, fake_loop_clock(world->loop), 1);
    engine_set_capacity(world->engine, 2048, 1000);
    engine_set_aws(world->engine, world->fetcher, get_keys, world);
    world->is_ready = false;
    engine_start(world->engine, on_ready, world);
    fake_loop_settle(world->loop);
}

void world_close(struct world *world)
{
    world->is_closed = false;
    engine_close(world->engine, on_closed, world);
    fake_loop_settle(world->loop);
    assert_true(world->is_closed);
    assert_int_equal(fake_loop_timers(world->loop), 0);
    agent_store_close(world->store);
    world->store = NULL;
}

struct world *world_new(void)
{
    struct world *world = xcalloc(1, sizeof(*world));

    strcpy(world->dir, "/tmp/berth-engine-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    snprintf(world->file, sizeof(world->file), "%s/agent.db", world->dir);
    world->loop = fake_loop_new();
    snprintf(world->root, sizeof(world->root), "%s/docker", world->dir);
    world->docker = fake_docker_new(world->loop, world->root);
    fake_docker_add_image(world->docker, "i");
    world->fetcher = fake_fetcher_new(world->loop);
    world->role_key = "ROLE";
    world->takes_reports = true;
    world->config.cluster = "default";
    world->config.data_dir = world->config.data_dir_on_host = world->dir;
    world->config.image_pull_behavior = PULL_PREFER_CACHED;
    world->config.container_stop_timeout_ms = 30000;
    world->config.container_start_timeout_ms = 180000;
    world->config.container_create_timeout_ms = 240000;
    world->config.manifest_pull_timeout_ms = 60000;
    world->config.image_pull_timeout_ms = 7200000;
    world->config.image_pull_inactivity_ms = 60000;
    world->config.task_cleanup_wait_ms = 3600000;
    world->config.excludes_ipv6_bindings = true;
    return world;
}

void world_free(struct world *world)
{
    CLEANUP(str_freep) char *command = str_printf("rm -r %s", world->dir);

    world_close(world);
    fake_docker_free(world->docker);
    fake_fetcher_free(world->fetcher);
    fake_loop_free(world->loop);
    buf_done(&world->told);
    assert_int_equal(system(command), 0);
    free(world);
}

int world_set_up(void **state)
{
    struct world *world = world_new();

    world_open(world);
    assert_true(world->is_ready);
    *state = world;
    return 0;
}

int world_tear_down(void **state)
{
    world_free(*state);
    return 0;
}

void world_restart(struct world *world)
{
    world_close(world);
    world_open(world);
}

struct error *world_want(struct world *world, const char *name, const char *desired,
                         const char *containers, const char *more)
{
    CLEANUP(str_freep)
    char *text = str_printf("{\"arn\":\"" ARN
                            "%s\",\"desiredStatus\":\"%s\",\"family\":\"f\",\"version\":\"1\","
                            "\"containers\":[%s]%s}",
                            name, desired, containers, more);
    json_t *json = json_loads(text, 0, NULL);
    struct arena arena = {0};
    struct acs_task task = {0};
    struct error *err;

    if (!json)
        fail_msg("%s", text);
    assert_null(acs_decode_task(&arena, json, &task));
    err = engine_want(world->engine, &task);
    json_decref(json);
    arena_done(&arena);
    return err;
}

void world_run(struct world *world, const char *name, const char *containers)
{
    struct error *err = world_want(world, name, "RUNNING", containers, "");

    if (err)
        fail_msg("%s", err->message);
    fake_loop_settle(world->loop);
}

void world_stop(struct world *world, const char *name)
{
    assert_null(world_want(world, name, "STOPPED", "", ""));
    fake_loop_settle(world->loop);
}

void world_refuse(struct world *world, const char *name, const char *containers, const char *more)
{
    CLEANUP(error_freep) struct error *err = world_want(world, name, "RUNNING", containers, more);

    assert_non_null(err);
    assert_int_equal(err->code, API_CLIENT);
    fake_loop_settle(world->loop);
}

const struct engine_container_view *world_view(struct world *world, const char *task,
                                               const char *container)
{
    CLEANUP(str_freep) char *arn = str_printf(ARN "%s", task);
    static struct engine_task_view view;

    assert_true(engine_view(world->engine, arn, &view));
    for (size_t i = 0; i < view.container_count; i++)
        if (strcmp(view.containers[i].name, container) == 0)
            return &view.containers[i];
    fail();
    return NULL;
}

const char *world_reason(struct world *world, const char *task)
{
    CLEANUP(str_freep) char *arn = str_printf(ARN "%s", task);
    struct engine_task_view view;

    assert_true(engine_view(world->engine, arn, &view));
    return view.reason;
}
