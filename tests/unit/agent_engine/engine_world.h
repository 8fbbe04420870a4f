/* engine_world.h - an engine on a fake Docker and a virtual clock, for the tests of engine.h.
 *
 * Times are those of fake_loop.h, the agent's file and directory are real and go with the world.
 */
#ifndef BERTH_TEST_ENGINE_WORLD_H
#define BERTH_TEST_ENGINE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "agent/engine/engine.h"
#include "agent/engine/store.h"
#include "base/str.h"
#include "fake_docker.h"
#include "fake_fetch.h"
#include "fake_loop.h"

#define ARN    "arn:t/"
#define DAY_MS (24LL * 3600 * 1000)

struct world {
    struct loop *loop;
    struct docker *docker;
    struct aws_fetcher *fetcher;
    const char *role_key; /* what execution roles sign with; NULL: their keys are not there */
    struct agent_config config;
    struct agent_store *store;
    struct engine *engine;
    struct buf told; /* "RUNNING 1; STOPPED 1 [a=3]; " */
    bool takes_reports, is_ready, is_closed;
    char dir[64], file[96], root[96];
};

struct world *world_new(void); /* no engine yet */
void world_free(struct world *world);
void world_open(struct world *world);
void world_close(struct world *world);
/* A restart of the agent: everything but the file and Docker is forgotten. */
void world_restart(struct world *world);

/* With an engine that is ready, as the state of a test. */
int world_set_up(void **state);
int world_tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

/* Containers of a task. */
#define ONE(name)            "{\"name\":\"" name "\",\"image\":\"i\",\"essential\":true}"
#define MORE(name, more)     "{\"name\":\"" name "\",\"image\":\"i\",\"essential\":true," more "}"
#define OPTIONAL(name, more) "{\"name\":\"" name "\",\"image\":\"i\",\"essential\":false" more "}"
#define ON(target, condition)                                                                      \
    "\"dependsOn\":[{\"containerName\":\"" target "\",\"condition\":\"" condition "\"}]"
#define CHECKED(name)                                                                              \
    MORE(name, "\"healthCheckType\":\"docker\",\"dockerConfig\":{\"config\":"                      \
               "\"{\\\"Healthcheck\\\":{\\\"Test\\\":[\\\"CMD\\\"]}}\"}")

struct error *world_want(struct world *world, const char *name, const char *desired,
                         const char *containers, const char *more);
/* These two settle, and fail the test where the engine refuses. */
void world_run(struct world *world, const char *name, const char *containers);
void world_stop(struct world *world, const char *name);
void world_refuse(struct world *world, const char *name, const char *containers, const char *more);

/* What was reported since the last time. */
#define assert_told(world, expected)                                                               \
    do {                                                                                           \
        CLEANUP(str_freep) char *told_ = buf_take(&(world)->told);                                 \
        assert_string_equal(told_, expected);                                                      \
    } while (0)

/* What Docker was asked since the last time. */
#define assert_calls(world, expected)                                                              \
    do {                                                                                           \
        CLEANUP(str_freep) char *calls_ = fake_docker_calls((world)->docker);                      \
        assert_string_equal(calls_, expected);                                                     \
    } while (0)

const struct engine_container_view *world_view(struct world *world, const char *task,
                                               const char *container);
const char *world_reason(struct world *world, const char *task);
/* For engine_on_health(). */
void world_on_health(const char *task_arn, void *data);

/* The groups of tests; how many failed. */
int engine_admission_tests(void);
int engine_resources_tests(void);
int engine_time_tests(void);
int engine_values_tests(void);
int engine_faults_tests(void);

#endif
