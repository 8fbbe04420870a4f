/* The task engine (src/agent/engine/engine.h): what a task refers to is fetched before its containers
 * are created. */
#include "engine_world.h"

#include <string.h>

#include "agent/engine/engine_task.h"

#define ROLE ",\"executionRoleCredentials\":{\"credentialsId\":\"e\",\"roleArn\":\"arn:r\"}"
#define PARAMETER(name)                                                                            \
    "\"secrets\":[{\"name\":\"" name                                                               \
    "\",\"valueFrom\":\"/a\",\"region\":\"r\",\"provider\":\"ssm\","                               \
    "\"type\":\"ENVIRONMENT_VARIABLE\",\"target\":\"CONTAINER\"}]"
#define VALUE  "{\"Parameters\":[{\"Name\":\"/a\",\"Value\":\"hush-1\"}]}"
#define ASKED  "ssm r ROLE {\"Names\":[\"/a\"],\"WithDecryption\":true}; "
#define REASON "Fetching secret data from SSM Parameter Store in r: "

static void run(struct world *world, const char *name, const char *containers)
{
    assert_null(world_want(world, name, "RUNNING", containers, ROLE));
    fake_loop_settle(world->loop);
}

/* What was asked for since the last time. */
static void assert_asked(struct world *world, const char *expected)
{
    CLEANUP(str_freep) char *calls = fake_fetch_calls(world->fetcher);

    assert_string_equal(calls, expected);
}

static bool has_value(struct world *world, const char *container)
{
    const struct fake_container *found = fake_docker_find(world->docker, container);

    return found && strstr(found->body, "\"A=hush-1\"");
}

/* They are in memory for as long as a container may have to be created with them. */
static bool are_kept(struct world *world, const char *name)
{
    CLEANUP(str_freep) char *arn = str_printf(ARN "%s", name);

    return engine_task_find(world->engine, arn)->values != NULL;
}

/* TD-281: also for a container that is created much later, and not again. */
static void they_are_there_before_containers(void **state)
{
    struct world *world = *state;

    fake_fetch_answer(world->fetcher, "/a", VALUE, NULL);
    fake_fetch_hold(world->fetcher, true);
    run(world, "1",
        OPTIONAL("first", "") "," MORE("a", ON("first", "COMPLETE") "," PARAMETER("A")));
    fake_loop_pass(world->loop, 1000);
    assert_calls(world, "");
    assert_asked(world, ASKED);
    fake_fetch_hold(world->fetcher, false);
    fake_loop_settle(world->loop);
    assert_calls(world, "create -; start first");
    assert_true(are_kept(world, "1"));
    fake_loop_pass(world->loop, 3600 * 1000);
    fake_docker_exit(world->docker, "first", 0, false, true);
    fake_loop_settle(world->loop);
    assert_true(has_value(world, "a"));
    assert_asked(world, "");
    assert_false(are_kept(world, "1"));
}

static void a_stop_ends_the_waiting(void **state)
{
    struct world *world = *state;

    fake_fetch_hold(world->fetcher, true);
    run(world, "1", MORE("a", PARAMETER("A")));
    world_stop(world, "1");
    assert_told(world, "STOPPED 1 a=-; ");
    assert_string_equal(world_reason(world, "1"), "");
    assert_calls(world, "");
    assert_false(are_kept(world, "1"));
}

/* AP-472: an agent that starts anew asks again, with keys that it is told first. */
static void a_restart_meanwhile(void **state)
{
    struct world *world = *state;

    fake_fetch_answer(world->fetcher, "/a", VALUE, NULL);
    fake_fetch_hold(world->fetcher, true);
    run(world, "1", MORE("a", PARAMETER("A")));
    world->role_key = NULL;
    fake_fetch_hold(world->fetcher, false);
    world_restart(world);
    fake_loop_pass(world->loop, ENGINE_KEYS_WAIT_MS - 1000);
    assert_asked(world, ASKED);
    world->role_key = "NEW";
    engine_credentials_came(world->engine, ARN "1");
    fake_loop_settle(world->loop);
    assert_asked(world, "ssm r NEW {\"Names\":[\"/a\"],\"WithDecryption\":true}; ");
    assert_true(has_value(world, "a"));
    world_restart(world); /* nothing is to be created */
    assert_asked(world, "");
}

static void keys_that_never_come(void **state)
{
    struct world *world = *state;

    world->role_key = NULL;
    run(world, "1", MORE("a", PARAMETER("A"))); /* they come with the task, or not at all */
    assert_string_equal(world_reason(world, "1"),
                        "Ssm secret resource: unable to find execution role credentials");
    world->role_key = "ROLE";
    fake_fetch_hold(world->fetcher, true);
    run(world, "2", MORE("a", PARAMETER("A")));
    world->role_key = NULL;
    fake_fetch_hold(world->fetcher, false);
    world_restart(world);
    assert_string_equal(world_reason(world, "2"), "");
    fake_loop_pass(world->loop, ENGINE_KEYS_WAIT_MS + 1000);
    assert_string_equal(world_reason(world, "2"),
                        "Ssm secret resource: unable to find execution role credentials");
    assert_calls(world, "");
}

static void what_cannot_be_had(void **state)
{
    struct world *world = *state;

    fake_fetch_answer(world->fetcher, "/a", NULL, "AccessDeniedException: no");
    run(world, "1", MORE("a", PARAMETER("A")));
    assert_told(world, "STOPPED 1 a=-; ");
    assert_string_equal(world_reason(world, "1"), REASON "AccessDeniedException: no");
    assert_calls(world, "");
}

/* TD-233 */
static void docker_may_not_repeat_them(void **state)
{
    struct world *world = *state;

    fake_fetch_answer(world->fetcher, "/a", VALUE, NULL);
    fake_docker_refuse(world->docker, "create", "Error response from daemon: bad hush-1");
    run(world, "1", MORE("a", PARAMETER("A")));
    assert_string_equal(world_view(world, "1", "a")->reason,
                        "CannotCreateContainerError: Error response from daemon: bad ***");
    assert_false(are_kept(world, "1"));
}

#define ECR(more)                                                                                  \
    "\"registryAuthentication\":{\"type\":\"ecr\",\"ecrAuthData\":{\"registryId\":\"1\","          \
    "\"region\":"                                                                                  \
    "\"r\"" more "}}"
#define TOKEN                                                                                      \
    "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOmh1c2g=\",\"proxyEndpoint\":\"https:/" \
    "/"                                                                                            \
    "\",\"expiresAt\":4e9}]}"

/* AP-464: with the role's keys or the agent's, kept, and needed only for a pull. */
static void tokens(void **state)
{
    struct world *world = *state;

    fake_fetch_answer(world->fetcher, "registryIds", TOKEN, NULL);
    run(world, "1", MORE("a", ECR(",\"useExecutionRole\":true")));
    run(world, "2", MORE("b", ECR(",\"useExecutionRole\":true")));
    assert_asked(world, "ecr r ROLE {\"registryIds\":[\"1\"]}; ");
    assert_null(world_want(world, "3", "RUNNING", MORE("c", ECR("")), ""));
    fake_loop_settle(world->loop);
    assert_asked(world, "ecr r AGENT {\"registryIds\":[\"1\"]}; ");
    assert_told(world, "RUNNING 1 a; RUNNING 2 b; RUNNING 3 c; ");
}

int engine_values_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_are_there_before_containers),
        TEST(a_stop_ends_the_waiting),
        TEST(a_restart_meanwhile),
        TEST(keys_that_never_come),
        TEST(what_cannot_be_had),
        TEST(docker_may_not_repeat_them),
        TEST(tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
