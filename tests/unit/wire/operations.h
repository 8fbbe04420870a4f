/* A small API for tests of dispatch: one handler of each kind, and one that is not built. */
#ifndef BERTH_TEST_OPERATIONS_H
#define BERTH_TEST_OPERATIONS_H

#include "gen/ecs_shapes.h"
#include "net/loop.h"
#include "wire/dispatch.h"

/* What the handlers and the host did, and what they shall do. */
struct test_service {
    struct loop *loop;
    int begun, finished, handled;
    enum api_error refuse_with; /* the `now` handler refuses; API_ERROR_COUNT: it does not */
    bool is_shut;               /* the host admits nobody */
    bool is_store_broken;       /* the host loses what was staged */
    bool is_held;               /* the host waits: test_release() lets go */
    void (*done)(const struct error *err, void *arg);
    void *done_arg;
    struct flow *flow; /* the one that runs */
    enum flow_cancel cancelled;
    int flows_freed;
    bool is_flow_stuck; /* it waits until test_flow_go() */
    char account[16];
};

extern const struct operation_table test_operations;
struct call_host test_host(struct test_service *service);
void test_release(struct test_service *service);
void test_flow_go(struct test_service *service);

#endif
