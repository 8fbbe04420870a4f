/* world.h - the operations over a memory store, with a clock of the test's own: call them in JSON.
 *
 * JSON is written with ' for ", so that it reads in C. What the reconcilers would do does not
 * happen here: the fleet is what a test puts into it, and agents' reports are applied by the real
 * control/report.h.
 */
#ifndef BERTH_TESTS_ECS_A_WORLD_H
#define BERTH_TESTS_ECS_A_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "ecs/ecs.h"
#include "gen/ecs_handlers.h"

#define REGION    "us-east-1"
#define ACCOUNT   "000000000000"
#define ARN(rest) "arn:aws:ecs:" REGION ":" ACCOUNT ":" rest

struct world {
    struct loop *loop;
    struct state *state;
    struct fleet *fleet; /* of every cluster */
    int64_t now_ms;
    struct clock clock;
    struct rng rng;
    struct ecs ecs;
    struct arena arena;         /* of what the helpers return; emptied with the world */
    struct principal principal; /* who calls; an account key unless a test changes it */
    const char *region, *account;
    const char *host;
    bool is_tls;
    int disconnects; /* calls of control_disconnect_instance() */
};

int world_setup(void **state); /* for cmocka: *state is a fresh struct world */
int world_teardown(void **state);

/* Calls an operation; the answer's JSON in `*ret_answer`, lent by the world. */
MUST_USE struct error *world_call(struct world *world, const char *operation, const char *json,
                                  const char **ret_answer);
/* The same with JSON as it is. */
MUST_USE struct error *world_call_text(struct world *world, const char *operation, const char *body,
                                       const char **ret_answer);
/* The answer, or the test fails. */
const char *world_ok(struct world *world, const char *operation, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The call is refused with this code, and the text has this in it. */
void world_refused(struct world *world, const char *operation, const char *json,
                   enum api_error code, const char *text);

/* Parts of answers, by path: "cluster.tags.0.key", lent by the world; NULL if it is not there. */
const char *world_text(struct world *world, const char *answer, const char *path);
int64_t world_number(struct world *world, const char *answer, const char *path);
size_t world_count(struct world *world, const char *answer, const char *path); /* of a list */
bool world_has(struct world *world, const char *answer, const char *path);

/* Ready-made things. */
void world_make_cluster(struct world *world, const char *name);
const char *world_register_instance(struct world *world, const char *cluster); /* its ARN */
/* A task on an instance (its ARN), straight into the state. Returns its ARN. */
const char *world_make_task(struct world *world, const char *cluster, const char *instance_arn,
                            const char *container);
const struct task *world_task(struct world *world, const char *arn);
const struct container_instance *world_instance(struct world *world, const char *arn);
/* Makes an agent's key and calls with it from now on. */
void world_become_agent(struct world *world, const char *access_key_id, const char *cluster);
void world_become_account(struct world *world);

#endif
