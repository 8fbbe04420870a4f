/* Dispatch: both kinds of handlers, answers that wait, deadlines, callers that leave, shutting
 * down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "operations.h"

struct world {
    struct loop *loop;
    struct rng rng;
    struct test_service service;
    struct dispatch *dispatch;
    int answers;
    int status;
    enum api_error code;
    struct buf body;
    char request_id[UUID_SIZE];
    bool is_closed;
};

static struct world *world_new(void)
{
    struct world *world = xcalloc(1, sizeof(*world));

    assert_null(loop_new(&world->loop));
    world->rng = rng_seeded(7);
    world->service.loop = world->loop;
    world->service.refuse_with = API_ERROR_COUNT;
    world->dispatch = dispatch_new(&(struct dispatch_options){
        .loop = world->loop,
        .table = &test_operations,
        .host = test_host(&world->service),
        .service = &world->service,
        .clock = &clock_system,
        .rng = &world->rng,
    });
    return world;
}

static void world_free(struct world *world)
{
    dispatch_free(world->dispatch);
    loop_free(world->loop);
    buf_done(&world->body);
    free(world);
}

static void on_stop(void *data)
{
    loop_stop(data);
}

/* Lets the loop turn until it has nothing to do but wait; a few turns are plenty here. */
static void settle(struct world *world)
{
    for (int i = 0; i < 8; i++) {
        loop_defer(world->loop, on_stop, world->loop);
        loop_run(world->loop);
    }
}

static void on_answer(const struct dispatch_answer *answer, void *data)
{
    struct world *world = data;

    world->answers++;
    world->status = answer->status;
    world->code = answer->code;
    strcpy(world->request_id, answer->request_id);
    buf_clear(&world->body);
    buf_add(&world->body, answer->body, answer->body_len);
}

static struct dispatch_call *call(struct world *world, const char *operation, const char *body)
{
    static const struct principal root = {.access_key_id = "AKID", .is_root = true};
    const struct dispatch_request request = {
        .operation = operation,
        .body = body,
        .body_len = strlen(body),
        .region = "us-east-1",
        .account = "123456789012",
        .principal = &root,
    };
    struct dispatch_call *begun = dispatch_call(world->dispatch, &request, on_answer, world);

    assert_int_equal(world->answers, 0); /* never from inside */
    return begun;
}

static void expect(struct world *world, int status, const char *body)
{
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->status, status);
    assert_string_equal(world->body.data, body);
    world->answers = 0;
}

static void a_now_handler_answers_when_durable(void **state)
{
    struct world *world = world_new();
    struct dispatch_stats stats;

    (void)state;
    world->service.is_held = true;
    call(world, "CreateCluster", "{\"clusterName\":\"c1\"}");
    settle(world);
    assert_int_equal(world->answers, 0);
    dispatch_stats(world->dispatch, &stats);
    assert_int_equal(stats.open, 1);
    test_release(&world->service);
    settle(world);
    expect(world, 200,
           "{\"cluster\":{\"clusterName\":\"c1\",\"registeredContainerInstancesCount\":0,"
           "\"runningTasksCount\":0,\"pendingTasksCount\":0,\"activeServicesCount\":0,"
           "\"statistics\":[],\"tags\":[]}}");
    assert_int_equal(strlen(world->request_id), 36);
    assert_string_equal(world->service.account, "123456789012");
    assert_int_equal(world->service.begun, 1);
    assert_int_equal(world->service.finished, 1);
    world_free(world);
}

/* API-002 */
static void an_empty_body_is_an_empty_object(void **state)
{
    struct world *world = world_new();

    (void)state;
    call(world, "CreateCluster", "");
    settle(world);
    assert_int_equal(world->status, 200);
    assert_non_null(strstr(world->body.data, "\"default\""));
    world_free(world);
}

/* API-003 and operations to come. */
static void unknown_and_unbuilt_operations_are_refused(void **state)
{
    struct world *world = world_new();

    (void)state;
    call(world, "FlyToMoon", "{}");
    settle(world);
    expect(world, 400,
           "{\"__type\":\"UnknownOperationException\",\"message\":\"There is no operation "
           "FlyToMoon.\"}");
    call(world, "RunTask", "{}");
    settle(world);
    expect(world, 400,
           "{\"__type\":\"UnsupportedFeatureException\",\"message\":\"berth does not have "
           "RunTask yet.\"}");
    call(world, "CreateCluster", "{");
    settle(world);
    assert_int_equal(world->code, API_SERIALIZATION);
    assert_int_equal(world->service.handled, 0);
    assert_int_equal(world->service.begun, 0);
    world_free(world);
}

static void a_refusal_waits_for_what_it_rests_on(void **state)
{
    struct world *world = world_new();

    (void)state;
    world->service.refuse_with = API_INVALID_PARAMETER;
    world->service.is_held = true;
    call(world, "CreateCluster", "{}");
    settle(world);
    assert_int_equal(world->answers, 0);
    test_release(&world->service);
    settle(world);
    expect(world, 400, "{\"__type\":\"InvalidParameterException\",\"message\":\"not today\"}");
    world_free(world);
}

static void a_lost_commit_is_our_fault(void **state)
{
    struct world *world = world_new();

    (void)state;
    world->service.is_store_broken = true;
    call(world, "CreateCluster", "{}");
    settle(world);
    assert_int_equal(world->status, 500);
    assert_int_equal(world->code, API_SERVER);
    assert_null(strstr(world->body.data, "disk")); /* the cause is for the log */
    world_free(world);
}

/* API-046: typed handlers of SDKs see only what the operation declares. */
static void undeclared_errors_are_mapped(void **state)
{
    static const struct {
        enum api_error said, seen;
    } cases[] = {
        {API_NAMESPACE_NOT_FOUND, API_NAMESPACE_NOT_FOUND}, /* declared */
        {API_ACCESS_DENIED, API_ACCESS_DENIED},             /* common */
        {API_SERVICE_NOT_FOUND, API_CLIENT},                /* somebody else's */
        {API_SERVER, API_SERVER},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = world_new();

        world->service.refuse_with = cases[i].said;
        call(world, "CreateCluster", "{}");
        settle(world);
        if (world->code != cases[i].seen)
            fail_msg("%s is seen as %s", api_error_name(cases[i].said),
                     api_error_name(world->code));
        world_free(world);
    }
}

static void a_flow_answers_when_it_ends(void **state)
{
    struct world *world = world_new();

    (void)state;
    call(world, "StopTask", "{\"task\":\"t\"}");
    assert_non_null(world->service.flow);
    settle(world);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->status, 200);
    assert_non_null(strstr(world->body.data, "\"lastStatus\":\"STOPPED\""));
    assert_int_equal(world->service.begun, 0); /* flows open their own transactions */
    assert_int_equal(world->service.finished, 1);
    assert_int_equal(world->service.flows_freed, 1);
    world_free(world);
}

static void a_flow_may_be_refused_at_once(void **state)
{
    struct world *world = world_new();

    (void)state;
    call(world, "StopTask", "{\"task\":\"unknown\"}");
    settle(world);
    expect(world, 400,
           "{\"__type\":\"InvalidParameterException\",\"message\":\"The referenced task was "
           "not found.\"}");
    world_free(world);
}

static void a_late_flow_is_answered_at_its_deadline(void **state)
{
    struct world *world = world_new();
    struct timer timer = {0};
    struct dispatch_stats stats;

    (void)state;
    world->service.is_flow_stuck = true;
    call(world, "StopTask", "{\"task\":\"t\"}");
    timer_start(&timer, world->loop, 21, on_stop, world->loop);
    loop_run(world->loop);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->code, API_SERVICE_UNAVAILABLE);
    assert_int_equal(world->service.cancelled, FLOW_LATE);
    assert_int_equal(world->service.flows_freed, 0); /* it ends when it can */
    test_flow_go(&world->service);
    settle(world);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->service.flows_freed, 1);
    dispatch_stats(world->dispatch, &stats);
    assert_int_equal(stats.open, 0);
    world_free(world);
}

static void a_flow_hears_that_its_caller_is_gone(void **state)
{
    struct world *world = world_new();
    struct dispatch_call *begun;

    (void)state;
    world->service.is_flow_stuck = true;
    begun = call(world, "StopTask", "{\"task\":\"t\"}");
    settle(world);
    dispatch_gone(begun);
    assert_int_equal(world->service.cancelled, FLOW_CALLER_GONE);
    test_flow_go(&world->service);
    settle(world);
    assert_int_equal(world->answers, 1); /* whoever waits for it is answered, gone or not */
    assert_int_equal(world->service.flows_freed, 1);
    world_free(world);
}

static void a_now_handlers_caller_may_leave_before_the_answer(void **state)
{
    struct world *world = world_new();

    (void)state;
    world->service.is_held = true;
    dispatch_gone(call(world, "CreateCluster", "{}"));
    test_release(&world->service);
    settle(world);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->service.finished, 1);
    world_free(world);
}

static void who_is_not_admitted_gets_to_no_handler(void **state)
{
    struct world *world = world_new();

    (void)state;
    world->service.is_shut = true;
    call(world, "CreateCluster", "{}");
    settle(world);
    assert_int_equal(world->answers, 1);
    assert_int_equal(world->code, API_ACCESS_DENIED);
    assert_int_equal(world->service.handled, 0);
    assert_int_equal(world->service.begun, 0);
    world_free(world);
}

static void on_closed(void *data)
{
    struct world *world = data;

    assert_false(world->is_closed);
    world->is_closed = true;
}

static void closing_waits_for_the_last_call(void **state)
{
    struct world *world = world_new();

    (void)state;
    world->service.is_flow_stuck = true;
    call(world, "StopTask", "{\"task\":\"t\"}");
    settle(world);
    dispatch_close(world->dispatch, on_closed, world);
    assert_int_equal(world->service.cancelled, FLOW_SHUTDOWN);
    call(world, "CreateCluster", "{}"); /* comes too late */
    settle(world);
    assert_int_equal(world->code, API_SERVICE_UNAVAILABLE);
    assert_false(world->is_closed);
    world->answers = 0;
    test_flow_go(&world->service);
    settle(world);
    assert_int_equal(world->answers, 1);
    assert_true(world->is_closed);
    world_free(world);
}

static void closing_an_idle_dispatcher_is_quick(void **state)
{
    struct world *world = world_new();

    (void)state;
    dispatch_close(world->dispatch, on_closed, world);
    assert_false(world->is_closed);
    settle(world);
    assert_true(world->is_closed);
    world_free(world);
}

static void large_bodies_are_refused(void **state)
{
    struct world *world = world_new();
    char *body = xmalloc(DISPATCH_BODY_BYTES_MAX + 2);

    (void)state;
    memset(body, ' ', DISPATCH_BODY_BYTES_MAX + 1);
    body[DISPATCH_BODY_BYTES_MAX + 1] = 0;
    call(world, "CreateCluster", body);
    settle(world);
    assert_int_equal(world->status, 413);
    free(body);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_now_handler_answers_when_durable),
        cmocka_unit_test(an_empty_body_is_an_empty_object),
        cmocka_unit_test(unknown_and_unbuilt_operations_are_refused),
        cmocka_unit_test(a_refusal_waits_for_what_it_rests_on),
        cmocka_unit_test(a_lost_commit_is_our_fault),
        cmocka_unit_test(undeclared_errors_are_mapped),
        cmocka_unit_test(a_flow_answers_when_it_ends),
        cmocka_unit_test(a_flow_may_be_refused_at_once),
        cmocka_unit_test(a_late_flow_is_answered_at_its_deadline),
        cmocka_unit_test(a_flow_hears_that_its_caller_is_gone),
        cmocka_unit_test(a_now_handlers_caller_may_leave_before_the_answer),
        cmocka_unit_test(who_is_not_admitted_gets_to_no_handler),
        cmocka_unit_test(closing_waits_for_the_last_call),
        cmocka_unit_test(closing_an_idle_dispatcher_is_quick),
        cmocka_unit_test(large_bodies_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
