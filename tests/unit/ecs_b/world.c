#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/intern.h"
#include "base/mem.h"
#include "gen/ecs_handlers.h"
#include "gen/ecs_shapes.h"

#define START_MS 1795159149000

static struct txn *open_txn;

/* ---- control, as far as the operations see it ---- */

static void put_host(struct fleet *fleet, const struct container_instance *instance)
{
    struct host_attribute *attributes =
        xcalloc(instance->attributes_count + 1, sizeof(*attributes));
    struct fleet_port *ports = xcalloc(instance->reserved_ports_count + 1, sizeof(*ports));

    for (uint32_t i = 0; i < instance->attributes_count; i++)
        attributes[i] =
            (struct host_attribute){instance->attributes[i].name, instance->attributes[i].value};
    for (uint32_t i = 0; i < instance->reserved_ports_count; i++)
        ports[i].number = (uint16_t)instance->reserved_ports[i].number;
    fleet_put_host(
        fleet, &(struct host_facts){
                   .id = instance->id,
                   .is_placeable =
                       instance->status == INSTANCE_ACTIVE && state_instance_connected(instance),
                   .unplaceable_reason = instance->status == INSTANCE_ACTIVE ? "AGENT" : "INACTIVE",
                   .cpu = instance->cpu,
                   .memory = instance->memory,
                   .attributes = attributes,
                   .attribute_count = instance->attributes_count,
                   .reserved_ports = ports,
                   .reserved_port_count = instance->reserved_ports_count,
               });
    free(attributes);
    free(ports);
}

static void hold_task(struct fleet *fleet, const struct task *task)
{
    struct fleet_port ports[16];

    if (task->last_status == TASK_STOPPED)
        return;
    assert_true(task->ports_count <= ARRAY_LEN(ports));
    for (uint32_t i = 0; i < task->ports_count; i++)
        ports[i] = (struct fleet_port){(uint16_t)task->ports[i].number,
                                       task->ports[i].protocol == PROTOCOL_UDP};
    fleet_hold(fleet, &task->instance,
               &(struct claim){
                   .cpu = task->cpu,
                   .memory = task->memory,
                   .ports = ports,
                   .port_count = task->ports_count,
                   .owner = task->group,
                   .family = task->family,
               });
}

struct fleet *control_fleet(struct control *control, const struct scope *scope, const char *cluster)
{
    struct state *state = control->state;
    const struct container_instance *instance = NULL;

    fleet_free(control->fleet);
    control->fleet = fleet_new();
    while (
        (instance = state_instance_after(state, scope, cluster, instance ? &instance->id : NULL)))
        if (instance->status != INSTANCE_INACTIVE)
            put_host(control->fleet, instance);
    for (int is_stopped = 0; is_stopped < 2; is_stopped++) {
        const struct task *task = NULL;

        while ((task = state_task_after(state, scope, cluster, TASKS_BY_CLUSTER, NULL, is_stopped,
                                        task ? &task->id : NULL)))
            hold_task(control->fleet, task);
    }
    return control->fleet;
}

void control_disconnect_instance(struct control *control, const struct container_instance *instance)
{
    state_set_instance_connected(control->state, instance, false);
}

size_t control_waiting_room(struct control *control, const struct scope *scope, const char *cluster)
{
    (void)control;
    (void)scope;
    (void)cluster;
    return 0; /* nobody waits: what finds no place is answered */
}

/* ---- the world ---- */

static int64_t read_clock(void *data)
{
    return ((struct world *)data)->now_ms;
}

struct world *world_new(void)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct store *store = NULL;

    world->now_ms = START_MS;
    world->clock = (struct clock){read_clock, read_clock, world};
    world->rng = rng_seeded(20261120);
    world->answers = json_array();
    assert_null(loop_new(&world->loop));
    assert_null(store_open_memory(&store));
    assert_null(state_open(world->loop, store, &world->clock, &world->rng, &world->state));
    world->control.state = world->state;
    world->ecs = (struct ecs){
        .loop = world->loop,
        .state = world->state,
        .control = &world->control,
    };
    world_do(world, "CreateCluster", "{}");
    /* The namespace n is there, and nobody's default (API-214, API-215). */
    world_do(world, "UpdateCluster",
             "{'cluster':'default','serviceConnectDefaults':{'namespace':'n'}}");
    world_do(world, "UpdateCluster",
             "{'cluster':'default','serviceConnectDefaults':{'namespace':''}}");
    return world;
}

static void stop_loop(const struct error *err, void *data)
{
    assert_null(err);
    loop_stop(data);
}

void world_free(struct world *world)
{
    state_when_durable(world->state, stop_loop, world->loop);
    loop_run(world->loop);
    fleet_free(world->control.fleet);
    state_close(world->state);
    loop_free(world->loop);
    json_decref(world->answers);
    free(world);
}

const struct scope *world_scope(struct world *world)
{
    return state_scope(world->state, WORLD_REGION, WORLD_ACCOUNT);
}

/* ---- calls ---- */

static char *double_quotes(struct arena *arena, const char *text)
{
    char *copy = arena_dup(arena, text);

    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    return copy;
}

static json_t *encode(const struct shape *shape, const void *value)
{
    CLEANUP(buf_done) struct buf text = {0};
    json_error_t error;
    json_t *tree;

    shape_encode(shape, &text, value);
    tree = json_loadb(text.data, text.len, 0, &error);
    if (!tree)
        fail_msg("answer is no JSON: %s in %s", error.text, text.data);
    return tree;
}

static struct error *call_operation(struct world *world, const char *name, const char *request,
                                    bool *ret_is_staged, json_t **ret)
{
    const struct operation *operation = operation_find(&ecs_operations, name);
    const struct scope *scope = world_scope(world);
    struct arena arena = {0};
    struct error *err;
    struct call call = {
        .operation = operation,
        .region = scope->region,
        .account = scope->account,
        .principal = {.is_root = true},
        .arena = &arena,
        .rng = &world->rng,
        .now_ms = world->now_ms,
        .service = &world->ecs,
    };
    struct flow *flow = NULL;
    const char *text = double_quotes(&arena, request);
    void *in;
    void *out;

    assert_non_null(operation);
    assert_true(operation->now || operation->flow);
    in = arena_alloc(&arena, operation->in->size);
    out = arena_alloc(&arena, operation->out->size);
    *ret_is_staged = false;
    err = shape_decode_text(operation->in, 0, &arena, text, strlen(text), in);
    if (!err) {
        call.txn = txn_begin(world->state, scope);
        err = operation->now ? operation->now(&call, in, out)
                             : operation->flow(&call, in, out, &flow);
        assert_null(flow); /* there is nothing to wait for here */
        *ret_is_staged = !txn_is_empty(call.txn);
        txn_commit(call.txn);
    }
    if (err)
        assert_true(operation_may_fail(operation, err->code));
    else
        *ret = encode(operation->out, out);
    arena_done(&arena);
    return err;
}

const json_t *world_do(struct world *world, const char *operation, const char *request)
{
    json_t *answer = NULL;
    bool is_staged;
    struct error *err = call_operation(world, operation, request, &is_staged, &answer);

    if (err)
        fail_msg("%s %s: %s: %s", operation, request, api_error_name(err->code), err->message);
    json_array_append_new(world->answers, answer);
    return answer;
}

void world_refuse(struct world *world, const char *why, const char *operation, const char *request,
                  const char *code, const char *message)
{
    json_t *answer = NULL;
    bool is_staged;
    struct error *err = call_operation(world, operation, request, &is_staged, &answer);

    if (!err) {
        char *text = json_dumps(answer, JSON_COMPACT);

        fail_msg("%s: %s %s: was not refused: %s", why, operation, request, text);
    }
    if (strcmp(api_error_name(err->code), code) != 0 ||
        (message && strcmp(err->message, message) != 0))
        fail_msg("%s: %s %s:\n  got  %s: %s\n  want %s: %s", why, operation, request,
                 api_error_name(err->code), err->message, code, message ? message : "(any)");
    if (is_staged)
        fail_msg("%s: %s %s: refused after the first staged write", why, operation, request);
    error_free(err);
}

const json_t *world_try(struct world *world, const char *operation, const char *request)
{
    json_t *answer = NULL;
    bool is_staged;
    CLEANUP(error_freep)
    struct error *err = call_operation(world, operation, request, &is_staged, &answer);

    if (err && is_staged)
        fail_msg("%s %s: refused after the first staged write: %s", operation, request,
                 err->message);
    if (err && err->code == API_SERVER)
        fail_msg("%s %s: a fault of ours: %s", operation, request, err->message);
    if (answer)
        json_array_append_new(world->answers, answer);
    return answer;
}

/* ---- answers ---- */

static const json_t *find(const json_t *value, const char *path)
{
    while (value && *path) {
        size_t len = strcspn(path, ".");
        char name[128];

        assert_true(len < sizeof(name));
        memcpy(name, path, len);
        name[len] = '\0';
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(name))
                                     : json_object_get(value, name);
        path += len + (path[len] == '.');
    }
    return value;
}

const char *world_at(struct world *world, const json_t *answer, const char *path)
{
    const json_t *value = find(answer, path);
    char *text;
    json_t *kept;

    if (!value)
        return NULL;
    if (json_is_string(value))
        return json_string_value(value);
    text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    kept = json_string(text);
    free(text);
    json_array_append_new(world->answers, kept);
    return json_string_value(kept);
}

void world_expect(struct world *world, const json_t *answer, const char *path, const char *value)
{
    const char *got = world_at(world, answer, path);

    if (!got != !value || (got && strcmp(got, value) != 0)) {
        char *text = json_dumps(answer, JSON_INDENT(1));

        fail_msg("%s is %s, wanted %s, in %s", path, got ? got : "absent", value ? value : "absent",
                 text);
    }
}

/* ---- surroundings ---- */

const char *world_instance(struct world *world, int cpu, int memory)
{
    char *request = str_printf(
        "{'totalResources':[{'name':'CPU','type':'INTEGER','integerValue':%d},"
        "{'name':'MEMORY','type':'INTEGER','integerValue':%d},"
        "{'name':'PORTS','type':'STRINGSET','stringSetValue':['22','2375','2376','51678']}],"
        "'attributes':[{'name':'ecs.availability-zone','value':'rack-1'},"
        "{'name':'ecs.cpu-architecture','value':'x86_64'},{'name':'ecs.os-type','value':'linux'},"
        "{'name':'com.amazonaws.ecs.capability.docker-remote-api.1.18'},"
        "{'name':'com.amazonaws.ecs.capability.docker-remote-api.1.21'},"
        "{'name':'com.amazonaws.ecs.capability.task-iam-role'},"
        "{'name':'com.amazonaws.ecs.capability.task-iam-role-network-host'}],"
        "'versionInfo':{'agentVersion':'1.75.3','dockerVersion':'DockerVersion: 20.10'}}",
        cpu, memory);
    const json_t *answer = world_do(world, "RegisterContainerInstance", request);
    const char *id =
        strrchr(world_at(world, answer, "containerInstance.containerInstanceArn"), '/') + 1;

    free(request);
    world_set_connected(world, id, true);
    return id;
}

void world_set_connected(struct world *world, const char *instance, bool is_connected)
{
    struct id id;

    assert_true(id_parse(instance, &id));
    state_set_instance_connected(world->state,
                                 state_instance(world->state, world_scope(world), "default", &id),
                                 is_connected);
}

void world_definition(struct world *world, const char *family, const char *container_members,
                      const char *definition_members)
{
    bool has_memory = strstr(container_members, "'memory");
    bool has_cpu = strstr(container_members, "'cpu'");
    char *request = str_printf("{'family':'%s','containerDefinitions':[{'name':'main',"
                               "'image':'busybox'%s%s%s%s}]%s%s}",
                               family, has_cpu ? "" : ",'cpu':10", has_memory ? "" : ",'memory':64",
                               *container_members ? "," : "", container_members,
                               *definition_members ? "," : "", definition_members);

    world_do(world, "RegisterTaskDefinition", request);
    free(request);
}

struct task *world_edit_task(struct world *world, const char *arn)
{
    struct id id;

    assert_true(id_parse(strrchr(arn, '/') + 1, &id));
    open_txn = txn_begin(world->state, world_scope(world));
    return txn_edit_task(open_txn, state_task(world->state, world_scope(world), "default", &id));
}

struct service *world_edit_service(struct world *world, const char *name)
{
    open_txn = txn_begin(world->state, world_scope(world));
    return txn_edit_service(open_txn,
                            state_service(world->state, world_scope(world), "default", name));
}

void world_commit(struct world *world)
{
    (void)world;
    txn_commit(open_txn);
    open_txn = NULL;
}
