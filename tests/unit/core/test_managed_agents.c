/* What is told of the agents inside containers, kept and shown (AP-130, API-200). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "core/managed_agents.h"

static struct task *new_task(bool enables)
{
    struct task *task = task_new();
    struct container *containers = task_resize_containers(task, 2);

    container_set_name(&containers[0], "app");
    container_set_name(&containers[1], "side");
    containers[0].last_status = containers[1].last_status = TASK_RUNNING;
    task->enable_execute_command = enables;
    task_set_group(task, "family:web");
    return task;
}

/* True if it was news. */
static bool tell(struct task *task, const char *container, const char *status, const char *reason,
                 int64_t now_ms)
{
    struct ecs_managed_agent_state_change change = {
        .container_name = container,
        .managed_agent_name = ECS_MANAGED_AGENT_NAME_EXECUTE_COMMAND_AGENT,
        .status = status,
        .reason = reason,
    };
    struct ecs_managed_agent_state_changes changes = {true, 1, &change};
    struct arena arena = {0};
    const char *text;

    assert_null(managed_agents_apply(&arena, task, &changes, now_ms, &text));
    if (text)
        task_set_managed_agents(task, text);
    arena_done(&arena);
    return text != NULL;
}

static struct ecs_containers shown(struct arena *arena, const struct task *task)
{
    struct ecs_containers ret = {0};

    SET_LIST(arena, &ret, task->containers_count);
    assert_null(managed_agents_describe(arena, task, &ret));
    return ret;
}

static void each_word_is_news_or_is_not(void **state)
{
    static const struct {
        const char *why, *status, *reason;
        bool is_news;
        const char *shown, *shown_reason;
        int64_t started_ms;
    } steps[] = {
        {"it begins so", "PENDING", NULL, false, "PENDING", NULL, 0},
        {"a state without a name", "CREATED", NULL, false, "PENDING", NULL, 0},
        {"it runs", "RUNNING", "", true, "RUNNING", NULL, 2},
        {"told twice", "RUNNING", NULL, false, "RUNNING", NULL, 2},
        {"a late word", "PENDING", "x", false, "RUNNING", NULL, 2},
        {"a reason is news", "RUNNING", "restarted", true, "RUNNING", "restarted", 2},
        {"it ended", "STOPPED", "exited", true, "STOPPED", "exited", 2},
        {"it was started again", "RUNNING", NULL, true, "RUNNING", NULL, 7},
    };
    struct task *task = new_task(true);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct arena arena = {0};
        const struct ecs_managed_agent *agent;

        if (tell(task, "app", steps[i].status, steps[i].reason, (int64_t)i) != steps[i].is_news)
            fail_msg("%s: expected %s", steps[i].why, steps[i].is_news ? "news" : "none");
        agent = &shown(&arena, task).items[0].managed_agents.items[0];
        if (!str_eq(agent->last_status, steps[i].shown) ||
            !str_eq(agent->reason, steps[i].shown_reason) ||
            agent->last_started_at_ms != steps[i].started_ms)
            fail_msg("%s: shown as %s since %ld (%s)", steps[i].why, agent->last_status,
                     (long)agent->last_started_at_ms, agent->reason ? agent->reason : "");
        arena_done(&arena);
    }
    task_free(task);
}

static void each_container_has_its_own(void **state)
{
    struct task *task = new_task(true);
    struct arena arena = {0};
    struct ecs_containers containers;

    (void)state;
    assert_true(tell(task, "side", "RUNNING", NULL, 5));
    assert_true(tell(task, "app", "STOPPED", "never came up", 6));
    assert_false(tell(task, "~internal~pause", "RUNNING", NULL, 7));
    containers = shown(&arena, task);
    assert_string_equal(containers.items[0].managed_agents.items[0].last_status, "STOPPED");
    assert_string_equal(containers.items[1].managed_agents.items[0].last_status, "RUNNING");
    assert_int_equal(containers.items[1].managed_agents.items[0].last_started_at_ms, 5);
    arena_done(&arena);
    task_free(task);
}

static void a_stopped_container_has_none_that_runs(void **state)
{
    struct task *task = new_task(true);
    struct arena arena = {0};
    struct ecs_containers containers;

    (void)state;
    assert_true(tell(task, "app", "RUNNING", NULL, 5));
    task->containers[0].last_status = task->containers[1].last_status = TASK_STOPPED;
    assert_false(tell(task, "app", "RUNNING", "late", 6));
    containers = shown(&arena, task);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(containers.items[i].managed_agents.items[0].last_status, "STOPPED");
    arena_done(&arena);
    task_free(task);
}

static void a_task_without_them_shows_none(void **state)
{
    struct task *task = new_task(false);
    struct arena arena = {0};

    (void)state;
    assert_false(shown(&arena, task).items[0].managed_agents.is_set);
    arena_done(&arena);
    task_free(task);
}

/* Events show a task as it was when they were written. */
static void what_came_later_is_taken_back(void **state)
{
    static const struct {
        const char *now;
        int64_t started_ms;
        enum task_status then;
        const char *shown;
    } cases[] = {
        {"RUNNING", 5, TASK_RUNNING, "RUNNING"}, {"STOPPED", 5, TASK_STOPPED, "STOPPED"},
        {"STOPPED", 5, TASK_RUNNING, "RUNNING"}, {"STOPPED", 0, TASK_RUNNING, "PENDING"},
        {"RUNNING", 5, TASK_PENDING, "PENDING"}, {"STOPPED", 5, TASK_PENDING, "PENDING"},
        {"PENDING", 0, TASK_RUNNING, "PENDING"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ecs_managed_agent agent = {.last_status = cases[i].now,
                                          .has_last_started_at_ms = cases[i].started_ms != 0,
                                          .last_started_at_ms = cases[i].started_ms};
        struct ecs_managed_agents agents = {true, 1, &agent};

        managed_agents_take_back(cases[i].then, &agents);
        assert_string_equal(agent.last_status, cases[i].shown);
    }
}

static void a_damaged_record_is_said_to_be(void **state)
{
    struct task *task = new_task(true);
    struct ecs_containers containers = {0};
    struct arena arena = {0};
    struct error *err;

    (void)state;
    task_set_managed_agents(task, "[{\"name\":");
    SET_LIST(&arena, &containers, 2);
    err = managed_agents_describe(&arena, task, &containers);
    assert_non_null(err);
    assert_int_equal(err->code, API_SERVER);
    error_free(err);
    arena_done(&arena);
    task_free(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word_is_news_or_is_not),
        cmocka_unit_test(each_container_has_its_own),
        cmocka_unit_test(a_stopped_container_has_none_that_runs),
        cmocka_unit_test(a_task_without_them_shows_none),
        cmocka_unit_test(what_came_later_is_taken_back),
        cmocka_unit_test(a_damaged_record_is_said_to_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
