/* world.h - the surroundings of the agent's session in tests: a virtual clock and loop, calls and
 * sockets that the test answers itself, an engine that does what it is told. They stand in for
 * src/net and the engine at link time, so what is tested is the code as it is. */
#ifndef TEST_AGENT_WORLD_H
#define TEST_AGENT_WORLD_H

#include <jansson.h>

#include "agent/engine/engine.h"
#include "agent/session/acs.h"
#include "agent/session/register.h"
#include "agent/session/submit.h"
#include "agent/telemetry/tcs.h"
#include "net/loop.h"

#define WORLD_CLUSTER "arn:aws:ecs:us-east-1:123456789012:cluster/default"
#define WORLD_INSTANCE                                                                             \
    "arn:aws:ecs:us-east-1:123456789012:container-instance/default/"                               \
    "0123456789abcdef0123456789abcdef"
#define WORLD_START_MS 1795159149000 /* wall clock: 20261120T071909Z */

struct world {
    struct clock clock;
    struct rng rng;
    struct loop *loop;
    struct agent_config *config;
    struct config_keys *keys;
    struct agent_store *store;
    struct engine *engine;
};

struct world *world_new(const char *config_file); /* NULL: as the recordings were made */
void world_free(struct world *world);
void world_run(struct world *world);                 /* until nothing is due now */
void world_advance(struct world *world, int64_t ms); /* time passes */
int64_t world_now_ms(void);

/* HTTP: calls in the order they were made, the oldest unanswered first. */
size_t world_calls(void);
const char *world_call_operation(size_t i);
const char *world_call_header(size_t i, const char *name); /* NULL: none */
const char *world_call_url(size_t i);
const json_t *world_call_body(size_t i);
void world_answer(size_t i, int status, const char *body);
void world_break(size_t i); /* no answer */

/* WebSockets: newest last; index from 0. A closed one keeps its place. */
size_t world_sockets(void);
const char *world_socket_url(size_t i);
const char *world_socket_header(size_t i, const char *name);
void world_socket_open(size_t i);
void world_socket_refuse(size_t i, int status, const char *body);
void world_socket_receive(size_t i, const char *text);
void world_socket_end(size_t i, int close_code);                 /* 0: breaks off */
bool world_socket_is_closing(size_t i, const char **ret_reason); /* we said goodbye */
size_t world_frames(size_t i);
const char *world_frame(size_t i, size_t frame); /* text */
void world_forget_frames(size_t i);

/* Docker: questions for statistics and for the version, answered by the test. */
size_t world_stats_calls(void);
const char *world_stats_call(size_t i);              /* the container's id */
void world_stats_answer(size_t i, const char *json); /* NULL: no answer */
bool world_version_asked(void);
void world_version_answer(bool is_there);

/* The engine. */
struct engine_task_view *world_task(struct world *world,
                                    const char *arn); /* adds it; the test fills it in */
void world_forget_task(struct world *world, const char *arn);
void world_engine_refuses(struct world *world, const char *arn);
size_t world_wants(void);
const char *world_want(size_t i);         /* "RUNNING arn", "STOPPED arn" */
uint64_t world_reported(const char *arn); /* newest revision taken; 0: none */

#endif
