/* world.h - the ECS operations over a memory store, without control's reconcilers: what a call
 * leaves behind stays as it is. A fleet is made anew from state for each placement; it stands in
 * for control's at link time.
 *
 * Requests are JSON with ' for ", so that tables read well. Answers belong to the world.
 */
#ifndef TEST_ECS_B_WORLD_H
#define TEST_ECS_B_WORLD_H

#include <jansson.h>

#include "ecs/ecs.h"
#include "scheduler/fleet.h"

#define WORLD_REGION  "us-east-1"
#define WORLD_ACCOUNT "123456789012"
#define WORLD_ARN     "arn:aws:ecs:us-east-1:123456789012:"

struct control {
    struct state *state;
    struct fleet *fleet; /* of the last placement */
};

struct world {
    struct loop *loop;
    struct state *state;
    struct clock clock;
    int64_t now_ms;
    struct rng rng;
    struct control control;
    struct ecs ecs;
    json_t *answers; /* an array that keeps them */
};

struct world *world_new(void); /* with an empty cluster "default" */
void world_free(struct world *world);
const struct scope *world_scope(struct world *world);

/* Fails the test unless the operation succeeds. */
const json_t *world_do(struct world *world, const char *operation, const char *request);
/* Fails the test unless it is refused so; `message` NULL: any. Nothing may have been staged. */
void world_refuse(struct world *world, const char *why, const char *operation, const char *request,
                  const char *code, const char *message);

/* Either; the answer, or NULL if it was refused, with an error the operation declares and nothing
 * staged. */
const json_t *world_try(struct world *world, const char *operation, const char *request);

/* A value as text: world_at(answer, "tasks.0.containers.1.cpu"); NULL if it is not there. Objects
 * and lists come as compact JSON. */
const char *world_at(struct world *world, const json_t *answer, const char *path);
void world_expect(struct world *world, const json_t *answer, const char *path, const char *value);

/* A connected instance of that size; its id in hex. */
const char *world_instance(struct world *world, int cpu, int memory);
void world_set_connected(struct world *world, const char *instance, bool is_connected);
/* Registers "NAME": one container "main" with the members given (JSON, may be ""), 10 CPU and 64
 * MiB unless they say otherwise, and the members of the definition. */
void world_definition(struct world *world, const char *family, const char *container_members,
                      const char *definition_members);
struct task *world_edit_task(struct world *world, const char *arn); /* until world_commit() */
struct service *world_edit_service(struct world *world, const char *name);
void world_commit(struct world *world);

#endif
