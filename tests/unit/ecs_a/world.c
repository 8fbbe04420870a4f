#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "control/report.h"
#include "store/store.h"

/* ---- what the operations ask of the control plane ---- */

struct control {
    struct world *world;
};

struct fleet *control_fleet(struct control *control, const struct scope *scope, const char *cluster)
{
    (void)scope;
    (void)cluster;
    return control->world->fleet;
}

void control_disconnect_instance(struct control *control, const struct container_instance *instance)
{
    (void)instance;
    control->world->disconnects++;
}

size_t control_waiting_room(struct control *control, const struct scope *scope, const char *cluster)
{
    (void)control;
    (void)scope;
    (void)cluster;
    return 0; /* nobody waits: what finds no place is answered */
}

/* ---- the world ---- */

static int64_t world_now(void *data)
{
    return ((struct world *)data)->now_ms;
}

static void must(struct error *err)
{
    if (err)
        fail_msg("%s", err->message);
}

int world_setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct store *store;

    world->now_ms = 1795159228152;
    world->clock = (struct clock){world_now, world_now, world};
    world->rng = rng_seeded(7);
    must(loop_new(&world->loop));
    must(store_open_memory(&store));
    must(state_open(world->loop, store, &world->clock, &world->rng, &world->state));
    world->fleet = fleet_new();
    world->region = REGION;
    world->account = ACCOUNT;
    world->host = "127.0.0.1:4566";
    world->ecs =
        (struct ecs){.loop = world->loop, .state = world->state, .endpoint = "http://fallback:1"};
    world->ecs.control = xcalloc(1, sizeof(*world->ecs.control));
    world->ecs.control->world = world;
    world_become_account(world);
    *state = world;
    return 0;
}

static void stop_loop(void *data)
{
    loop_stop(data);
}

int world_teardown(void **state)
{
    struct world *world = *state;

    state_close(world->state);
    loop_defer(world->loop, stop_loop, world->loop);
    loop_run(world->loop);
    loop_free(world->loop);
    fleet_free(world->fleet);
    arena_done(&world->arena);
    free(world->ecs.control);
    free(world);
    return 0;
}

/* ---- calls ---- */

static char *unquote(struct world *world, const char *json)
{
    char *text = arena_dup(&world->arena, json);

    for (char *at = text; *at; at++)
        if (*at == '\'')
            *at = '"';
    return text;
}

struct error *world_call(struct world *world, const char *name, const char *json,
                         const char **ret_answer)
{
    return world_call_text(world, name, unquote(world, json), ret_answer);
}

struct error *world_call_text(struct world *world, const char *name, const char *body,
                              const char **ret_answer)
{
    const struct operation *operation = operation_find(&ecs_operations, name);
    CLEANUP(buf_done) struct buf text = {0};
    struct call call = {
        .request_id = "11111111-2222-3333-4444-555555555555",
        .operation = operation,
        .region = world->region,
        .account = world->account,
        .principal = world->principal,
        .host = world->host,
        .is_tls = world->is_tls,
        .now_ms = world->now_ms,
        .arena = &world->arena,
        .rng = &world->rng,
        .service = &world->ecs,
    };
    struct flow *flow = NULL;
    struct error *err;
    void *in, *out;

    if (!operation || (!operation->now && !operation->flow))
        fail_msg("%s is not built", name);
    in = arena_alloc(&world->arena, operation->in->size);
    out = arena_alloc(&world->arena, operation->out->size);
    TRY(shape_decode_text(operation->in, SHAPE_STRICT, &world->arena, body, strlen(body), in));
    call.txn = txn_begin(world->state, state_scope(world->state, world->region, world->account));
    err = operation->now ? operation->now(&call, in, out) : operation->flow(&call, in, out, &flow);
    assert_null(flow); /* there is nothing to wait for here */
    if (err && !txn_is_empty(call.txn))
        fail_msg("%s refused after a change: %s", name, err->message);
    if (!err)
        shape_encode(operation->out, &text, out);
    txn_commit(call.txn);
    if (err && !operation_may_fail(operation, err->code))
        fail_msg("%s fails with an error it does not declare: %d %s", name, (int)err->code,
                 err->message);
    TRY(err);
    *ret_answer = arena_dup(&world->arena, text.data);
    return NULL;
}

const char *world_ok(struct world *world, const char *operation, const char *fmt, ...)
{
    CLEANUP(error_freep) struct error *err = NULL;
    CLEANUP(str_freep) char *json = NULL;
    const char *answer = NULL;
    va_list ap;

    va_start(ap, fmt);
    json = str_vprintf(fmt, ap);
    va_end(ap);
    err = world_call(world, operation, json, &answer);
    if (err)
        fail_msg("%s %s: %s", operation, json, err->message);
    return answer;
}

void world_refused(struct world *world, const char *operation, const char *json,
                   enum api_error code, const char *text)
{
    CLEANUP(error_freep) struct error *err = NULL;
    const char *answer;

    err = world_call(world, operation, json, &answer);
    if (!err)
        fail_msg("%s %s: accepted", operation, json);
    if (err->code != code || !strstr(err->message, text))
        fail_msg("%s %s: refused with %d: %s", operation, json, (int)err->code, err->message);
}

/* ---- answers ---- */

static json_t *at_path(json_t *json, const char *path)
{
    char name[128];

    while (json && *path) {
        size_t len = strcspn(path, ".");

        snprintf(name, sizeof(name), "%.*s", (int)len, path);
        json = json_is_array(json) ? json_array_get(json, strtoul(name, NULL, 10))
                                   : json_object_get(json, name);
        path += len + (path[len] == '.');
    }
    return json;
}

const char *world_text(struct world *world, const char *answer, const char *path)
{
    json_t *json = json_loads(answer, 0, NULL);
    const char *text = arena_dup(&world->arena, json_string_value(at_path(json, path)));

    json_decref(json);
    return text;
}

int64_t world_number(struct world *world, const char *answer, const char *path)
{
    json_t *json = json_loads(answer, 0, NULL);
    json_t *found = at_path(json, path);
    int64_t number =
        json_is_boolean(found) ? json_is_true(found) : (int64_t)json_number_value(found);

    (void)world;
    if (!json_is_number(found) && !json_is_boolean(found))
        fail_msg("no number %s in %s", path, answer);
    json_decref(json);
    return number;
}

size_t world_count(struct world *world, const char *answer, const char *path)
{
    json_t *json = json_loads(answer, 0, NULL);
    json_t *found = at_path(json, path);
    size_t count = json_array_size(found);

    (void)world;
    if (!json_is_array(found))
        fail_msg("no list %s in %s", path, answer);
    json_decref(json);
    return count;
}

bool world_has(struct world *world, const char *answer, const char *path)
{
    json_t *json = json_loads(answer, 0, NULL);
    bool has = at_path(json, path) != NULL;

    (void)world;
    json_decref(json);
    return has;
}

/* ---- ready-made things ---- */

void world_make_cluster(struct world *world, const char *name)
{
    world_ok(world, "CreateCluster", "{'clusterName': '%s'}", name);
}

const char *world_register_instance(struct world *world, const char *cluster)
{
    const char *answer =
        world_ok(world, "RegisterContainerInstance",
                 "{'cluster': '%s', 'totalResources': [{'name': 'CPU', 'type': 'INTEGER', "
                 "'integerValue': 2048}, {'name': 'MEMORY', "
                 "'type': 'INTEGER', 'integerValue': 4096}, {'name': 'PORTS', 'type': 'STRINGSET', "
                 "'stringSetValue': ['22', "
                 "'2375']}, {'name': 'PORTS_UDP', 'type': 'STRINGSET', 'stringSetValue': []}]}",
                 cluster);

    return world_text(world, answer, "containerInstance.containerInstanceArn");
}

static struct id id_of(const char *arn)
{
    struct id id;

    if (!id_parse(strrchr(arn, '/') + 1, &id))
        fail_msg("no id in %s", arn);
    return id;
}

static const char *cluster_of(struct world *world, const char *text)
{
    struct arn arn;

    if (!arn_parse(&world->arena, text, &arn))
        fail_msg("%s is no ARN", text);
    return arena_dup_n(&world->arena, arn.rest, strcspn(arn.rest, "/"));
}

static const struct scope *scope_of(struct world *world)
{
    return state_scope(world->state, world->region, world->account);
}

const char *world_make_task(struct world *world, const char *cluster, const char *instance_arn,
                            const char *container)
{
    struct txn *txn = txn_begin(world->state, scope_of(world));
    struct task *task = task_new();
    struct container *one;
    const char *arn;

    task->id = id_new(&world->rng, world->now_ms);
    task->instance = id_of(instance_arn);
    task_set_cluster(task, cluster);
    task_set_family(task, "f");
    task->revision = 1;
    task_set_group(task, "family:f");
    task->last_status = TASK_PENDING;
    task->desired_status = TASK_RUNNING;
    task->created_at_ms = world->now_ms;
    task->version = 1;
    one = task_append_containers(task);
    container_set_name(one, container);
    one->last_status = TASK_PENDING;
    one->is_essential = true;
    arn = arn_task(&world->arena, scope_of(world), cluster, &task->id);
    txn_insert_task(txn, task);
    txn_commit(txn);
    return arn;
}

const struct task *world_task(struct world *world, const char *arn)
{
    struct id id = id_of(arn);

    return state_task(world->state, scope_of(world), cluster_of(world, arn), &id);
}

const struct container_instance *world_instance(struct world *world, const char *arn)
{
    struct id id = id_of(arn);

    return state_instance(world->state, scope_of(world), cluster_of(world, arn), &id);
}

void world_become_account(struct world *world)
{
    world->principal = (struct principal){.access_key_id = "AKIAACCOUNT", .is_root = true};
}

void world_become_agent(struct world *world, const char *access_key_id, const char *cluster)
{
    const struct access_key *key = state_access_key(world->state, access_key_id);

    if (!key) {
        struct txn *txn = txn_begin(world->state, scope_of(world));
        struct access_key *made = access_key_new();

        access_key_set_access_key_id(made, access_key_id);
        access_key_set_secret(made, "secret");
        access_key_set_account(made, world->account);
        access_key_set_name(made, "host");
        access_key_set_agent_cluster(made, cluster);
        txn_put_access_key(txn, made);
        txn_commit(txn);
        key = state_access_key(world->state, access_key_id);
    }
    world->principal = (struct principal){
        .access_key_id = access_key_id,
        .agent_cluster = cluster,
        .agent_instance = key->agent_instance,
    };
}
