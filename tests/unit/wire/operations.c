#include "operations.h"

#include <string.h>

#include "base/mem.h"

/* The host: a transaction is a mark in call->txn, durable in the next turn. */

static struct error *admit(struct call *call, void *data)
{
    struct test_service *service = data;

    (void)call;
    return service->is_shut ? error_new(API_ACCESS_DENIED, "nobody today") : NULL;
}

static void begin(struct call *call, void *data)
{
    struct test_service *service = data;

    service->begun++;
    call->txn = (struct txn *)service;
}

static void on_durable(void *data)
{
    struct test_service *service = data;
    struct error *err = service->is_store_broken ? error_new(API_SERVER, "disk full") : NULL;

    service->done(err, service->done_arg);
    error_free(err);
}

static void finish(struct call *call, void (*done)(const struct error *err, void *arg), void *arg,
                   void *data)
{
    struct test_service *service = data;

    (void)call;
    service->finished++;
    service->done = done;
    service->done_arg = arg;
    if (!service->is_held)
        loop_defer(service->loop, on_durable, service);
}

struct call_host test_host(struct test_service *service)
{
    return (struct call_host){.admit = admit, .begin = begin, .finish = finish, .data = service};
}

void test_release(struct test_service *service)
{
    loop_defer(service->loop, on_durable, service);
}

/* CreateCluster, `now`: echoes the name; what it lends is gone after it returned. */
static struct error *create_cluster(struct call *call, const void *request, void *response)
{
    struct test_service *service = call->service;
    const struct ecs_create_cluster_request *in = request;
    struct ecs_create_cluster_response *out = response;
    static char name[16];

    service->handled++;
    strncpy(service->account, call->account, sizeof(service->account) - 1);
    if (!call->txn)
        return error_new(API_SERVER, "no transaction is open");
    if (service->refuse_with != API_ERROR_COUNT)
        return error_new(service->refuse_with, "not today");
    strncpy(name, in->cluster_name ? in->cluster_name : "default", sizeof(name) - 1);
    out->cluster = ARENA_NEW(call->arena, struct ecs_cluster);
    out->cluster->cluster_name = name;
    return NULL;
}

/* StopTask, a flow of two steps: waits a turn, then answers. */
struct stop {
    struct flow flow;
    enum { WAIT, FINISH } next;
    struct test_service *service;
    struct ecs_stop_task_response *out;
};

static void on_waited(void *data)
{
    struct stop *stop = data;

    stop->flow.methods->advance(&stop->flow);
}

static void stop_advance(struct flow *flow)
{
    struct stop *stop = CONTAINER_OF(flow, struct stop, flow);

    switch (stop->next) {
    case WAIT:
        stop->next = FINISH;
        if (!stop->service->is_flow_stuck)
            loop_defer(stop->service->loop, on_waited, stop);
        return;
    case FINISH:
        stop->out->task = ARENA_NEW(flow->call->arena, struct ecs_task);
        stop->out->task->last_status = "STOPPED";
        flow_end(flow, NULL);
        return;
    }
}

static void stop_cancel(struct flow *flow)
{
    struct stop *stop = CONTAINER_OF(flow, struct stop, flow);

    stop->service->cancelled = flow->is_cancelled;
}

static void stop_free(struct flow *flow)
{
    struct stop *stop = CONTAINER_OF(flow, struct stop, flow);

    stop->service->flows_freed++;
    stop->service->flow = NULL;
    free(stop);
}

void test_flow_go(struct test_service *service)
{
    loop_defer(service->loop, on_waited, CONTAINER_OF(service->flow, struct stop, flow));
}

static struct error *stop_task(struct call *call, const void *request, void *response,
                               struct flow **ret_flow)
{
    static const struct flow_methods methods = {stop_advance, stop_cancel, stop_free};
    struct test_service *service = call->service;
    const struct ecs_stop_task_request *in = request;
    struct stop *stop;

    service->handled++;
    if (!strcmp(in->task, "unknown"))
        return error_new(API_INVALID_PARAMETER, "The referenced task was not found.");
    stop = xcalloc(1, sizeof(*stop));
    stop->flow.methods = &methods;
    stop->service = service;
    stop->out = response;
    service->flow = &stop->flow;
    *ret_flow = &stop->flow;
    return NULL;
}

static const enum api_error cluster_errors[] = {API_CLIENT, API_INVALID_PARAMETER,
                                                API_NAMESPACE_NOT_FOUND};
static const enum api_error other_errors[] = {API_CLIENT, API_INVALID_PARAMETER};
static const struct operation operations[] = {
    {
        .name = "CreateCluster",
        .in = &ecs_shapes[ECS_SHAPE_CREATE_CLUSTER_REQUEST],
        .out = &ecs_shapes[ECS_SHAPE_CREATE_CLUSTER_RESPONSE],
        .now = create_cluster,
        .errors = cluster_errors,
        .error_count = ARRAY_LEN(cluster_errors),
    },
    {
        .name = "RunTask",
        .in = &ecs_shapes[ECS_SHAPE_RUN_TASK_REQUEST],
        .out = &ecs_shapes[ECS_SHAPE_RUN_TASK_RESPONSE],
        .errors = other_errors,
        .error_count = ARRAY_LEN(other_errors),
    },
    {
        .name = "StopTask",
        .in = &ecs_shapes[ECS_SHAPE_STOP_TASK_REQUEST],
        .out = &ecs_shapes[ECS_SHAPE_STOP_TASK_RESPONSE],
        .flow = stop_task,
        .deadline_ms = 20,
        .errors = other_errors,
        .error_count = ARRAY_LEN(other_errors),
    },
};
const struct operation_table test_operations = {
    .target = "Test_20261120",
    .signing_name = "test",
    .operations = operations,
    .count = ARRAY_LEN(operations),
};
