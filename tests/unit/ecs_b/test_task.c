/* DescribeTasks, StopTask, ListTasks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/task.h"
#include "world.h"

#define INVALID "InvalidParameterException"
#define NO_TASK "00000000000000000000000000000000"

static int setup(void **state)
{
    struct world *world = world_new();

    world_instance(world, 4096, 8192);
    world_definition(world, "web", "'portMappings':[{'containerPort':80}]", "");
    world_definition(world, "db", "", "");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static const char *with(const char *fmt, const char *a, const char *b)
{
    static char text[8][2048];
    static unsigned next;
    char *to = text[next++ % ARRAY_LEN(text)];

    snprintf(to, sizeof(text[0]), fmt, a, b);
    return to;
}

static const char *run(struct world *world, const char *request)
{
    return world_at(world, world_do(world, "RunTask", request), "tasks.0.taskArn");
}

static const json_t *describe(struct world *world, const char *arn)
{
    return world_do(world, "DescribeTasks", with("{'tasks':['%s'],'include':['TAGS']}", arn, ""));
}

/* What an agent's reports leave in a record. */
static void make_running(struct world *world, const char *arn)
{
    struct task *task = world_edit_task(world, arn);
    struct network_binding *binding;

    world->now_ms += 1500;
    task->pull_started_at_ms = world->now_ms - 1000;
    task->pull_stopped_at_ms = world->now_ms - 250;
    task_set_status(task, TASK_RUNNING, world->now_ms);
    task->containers[0].last_status = TASK_RUNNING;
    task->containers[0].health = HEALTH_HEALTHY;
    container_set_runtime_id(&task->containers[0], "0123abcd");
    container_set_image_digest(&task->containers[0], "sha256:beef");
    binding = container_append_network_bindings(&task->containers[0]);
    network_binding_set_bind_ip(binding, "0.0.0.0");
    binding->container_port = 80;
    binding->host_port = 32768;
    world_commit(world);
}

static void make_stopped(struct world *world, const char *arn)
{
    struct task *task = world_edit_task(world, arn);

    world->now_ms += 1000;
    task_want_stopped(task, STOP_CODE_ESSENTIAL_CONTAINER_EXITED, STOPPED_ESSENTIAL_EXITED,
                      world->now_ms);
    task_set_status(task, TASK_STOPPED, world->now_ms);
    container_set_exit_code(&task->containers[0], 0);
    container_set_reason(&task->containers[0], "done");
    world_commit(world);
}

/* ---- DescribeTasks ---- */

/* API-195 to API-200, TD-091, TD-092. */
static void shows_a_running_task(void **state)
{
    struct world *world = *state;
    const char *arn = run(world, "{'taskDefinition':'web','startedBy':'me'}");
    static const struct {
        const char *path, *value;
    } rows[] = {
        {"failures", "[]"},
        {"tasks.0.lastStatus", "RUNNING"},
        {"tasks.0.pullStartedAt", "1795159149.5"},
        {"tasks.0.pullStoppedAt", "1795159150.25"},
        {"tasks.0.startedAt", "1795159150.5"},
        {"tasks.0.stoppingAt", NULL},
        {"tasks.0.startedBy", "me"},
        {"tasks.0.version", "2"},
        {"tasks.0.containers.0.lastStatus", "RUNNING"},
        {"tasks.0.containers.0.runtimeId", "0123abcd"},
        {"tasks.0.containers.0.imageDigest", "sha256:beef"},
        {"tasks.0.containers.0.healthStatus", "HEALTHY"},
        {"tasks.0.containers.0.networkBindings",
         "[{\"bindIP\":\"0.0.0.0\",\"containerPort\":80,\"hostPort\":32768,\"protocol\":\"tcp\"}]"},
        {"tasks.0.containers.0.exitCode", NULL},
    };
    const json_t *answer;

    make_running(world, arn);
    answer = describe(world, arn);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_expect(world, answer, rows[i].path, rows[i].value);
}

static void shows_a_stopped_task(void **state)
{
    struct world *world = *state;
    const char *arn = run(world, "{'taskDefinition':'web'}");
    static const struct {
        const char *path, *value;
    } rows[] = {
        {"tasks.0.lastStatus", "STOPPED"},
        {"tasks.0.desiredStatus", "STOPPED"},
        {"tasks.0.stopCode", "EssentialContainerExited"},
        {"tasks.0.stoppedReason", "Essential container in task exited"},
        {"tasks.0.stoppingAt", "1795159151.5"},
        {"tasks.0.stoppedAt", "1795159151.5"},
        {"tasks.0.connectivity", "CONNECTED"},
        {"tasks.0.containers.0.exitCode", "0"}, /* API-200: zero is a value */
        {"tasks.0.containers.0.reason", "done"},
        {"tasks.0.containers.0.lastStatus", "STOPPED"},
    };
    const json_t *answer;

    make_running(world, arn);
    make_stopped(world, arn);
    answer = describe(world, arn);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_expect(world, answer, rows[i].path, rows[i].value);
}

/* API-049, API-126: what is unknown is a failure with a full ARN, the rest is answered. */
static void tells_what_is_missing(void **state)
{
    struct world *world = *state;
    const char *arn = run(world, "{'taskDefinition':'web'}");
    const json_t *answer = world_do(world, "DescribeTasks",
                                    with("{'tasks':['%s','%s']}", NO_TASK, strrchr(arn, '/') + 1));

    world_expect(world, answer, "tasks.0.taskArn", arn);
    world_expect(world, answer, "tasks.1", NULL);
    world_expect(world, answer, "failures",
                 "[{\"arn\":\"" WORLD_ARN "task/default/" NO_TASK "\",\"reason\":\"MISSING\"}]");
}

static void shows_tags_on_request(void **state)
{
    struct world *world = *state;
    const char *arn = run(world, "{'taskDefinition':'web','tags':[{'key':'team','value':'blue'}]}");

    world_expect(world, describe(world, arn), "tasks.0.tags",
                 "[{\"key\":\"team\",\"value\":\"blue\"}]");
    world_expect(world, world_do(world, "DescribeTasks", with("{'tasks':['%s']}", arn, "")),
                 "tasks.0.tags", "[]"); /* API-045 */
}

/* API-247: a silent agent leaves what it reported last. */
static void shows_a_lost_connection(void **state)
{
    struct world *world = *state;
    const char *arn = run(world, "{'taskDefinition':'web'}");
    const json_t *answer = describe(world, arn);
    const char *instance =
        strrchr(world_at(world, answer, "tasks.0.containerInstanceArn"), '/') + 1;

    make_running(world, arn);
    world_set_connected(world, instance, false);
    answer = describe(world, arn);
    world_expect(world, answer, "tasks.0.connectivity", "DISCONNECTED");
    world_expect(world, answer, "tasks.0.containers.0.healthStatus", "HEALTHY");
}

/* ---- StopTask ---- */

static void stops_a_task(void **state)
{
    struct world *world = *state;
    const char *arn = run(world, "{'taskDefinition':'web','tags':[{'key':'team','value':'blue'}]}");
    const char *by_id = with("{'task':'%s','reason':'enough'}", strrchr(arn, '/') + 1, "");
    const json_t *answer;

    make_running(world, arn);
    answer = world_do(world, "StopTask", by_id);
    world_expect(world, answer, "task.desiredStatus", "STOPPED");
    world_expect(world, answer, "task.lastStatus", "RUNNING");
    world_expect(world, answer, "task.stopCode", "UserInitiated");
    world_expect(world, answer, "task.stoppedReason", "enough");
    world_expect(world, answer, "task.stoppingAt", "1795159150.5");
    world_expect(world, answer, "task.version", "3");
    world_expect(world, answer, "task.tags", "[]"); /* API-041 */

    /* API-125: again changes nothing, whatever the reason. */
    world->now_ms += 5000;
    answer = world_do(world, "StopTask", with("{'task':'%s'}", arn, ""));
    world_expect(world, answer, "task.stoppedReason", "enough");
    world_expect(world, answer, "task.version", "3");
    world_expect(world, answer, "task.stoppingAt", "1795159150.5");
}

static void stops_with_a_default_reason(void **state)
{
    struct world *world = *state;
    const char *arn = run(world, "{'taskDefinition':'web'}");

    world_expect(world, world_do(world, "StopTask", with("{'task':'%s'}", arn, "")),
                 "task.stoppedReason", "Task stopped by user"); /* AG-931 */
    make_stopped(world, run(world, "{'taskDefinition':'db'}"));
}

static void leaves_stopped_tasks_as_they_are(void **state)
{
    struct world *world = *state;
    const char *arn = run(world, "{'taskDefinition':'web'}");

    make_stopped(world, arn);
    world_expect(world, world_do(world, "StopTask", with("{'task':'%s'}", arn, "")),
                 "task.stopCode", "EssentialContainerExited");
}

/* ---- ListTasks ---- */

static void lists_by_filter(void **state)
{
    struct world *world = *state;
    const char *web = run(world, "{'taskDefinition':'web','startedBy':'me'}");
    const char *db = run(world, "{'taskDefinition':'db'}");
    const char *old = run(world, "{'taskDefinition':'web'}");
    const char *instance =
        strrchr(world_at(world, describe(world, web), "tasks.0.containerInstanceArn"), '/') + 1;
    const char *other = world_instance(world, 1024, 1024);
    const struct {
        const char *why, *request, *expected[3];
    } rows[] = {
        {"API-127: what is to run, by default", "{}", {web, db, NULL}},
        {"by desired status", "{'desiredStatus':'STOPPED'}", {old, NULL}},
        {"PENDING is no desired status", "{'desiredStatus':'PENDING'}", {NULL}},
        {"by family", "{'family':'web'}", {web, NULL}},
        {"by family and status", "{'family':'web','desiredStatus':'STOPPED'}", {old, NULL}},
        {"by startedBy", "{'startedBy':'me'}", {web, NULL}},
        {"startedBy of nobody", "{'startedBy':'you'}", {NULL}},
        {"startedBy and status", "{'startedBy':'me','desiredStatus':'STOPPED'}", {NULL}},
        {"by instance", with("{'containerInstance':'%s'}", instance, ""), {web, db, NULL}},
        {"by another instance", with("{'containerInstance':'%s'}", other, ""), {NULL}},
        {"by instance and family",
         with("{'containerInstance':'%s','family':'db'}", instance, ""),
         {db, NULL}},
        {"by launch type", "{'launchType':'EC2'}", {web, db, NULL}},
        {"by a launch type nothing has", "{'launchType':'EXTERNAL'}", {NULL}},
    };

    world_do(world, "StopTask", with("{'task':'%s'}", old, ""));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const json_t *answer = world_do(world, "ListTasks", rows[i].request);
        const json_t *arns = json_object_get(answer, "taskArns");
        size_t count = 0;

        print_message("  %s\n", rows[i].why);
        for (; rows[i].expected[count]; count++) {
            size_t k = 0;

            for (; k < json_array_size(arns); k++)
                if (!strcmp(json_string_value(json_array_get(arns, k)), rows[i].expected[count]))
                    break;
            assert_true(k < json_array_size(arns));
        }
        assert_int_equal(json_array_size(arns), count);
    }
}

/* API-057 to API-060: pages hold every task once. */
static void lists_in_pages(void **state)
{
    struct world *world = *state;
    const char *token = "";
    size_t seen = 0;
    int pages = 0;
    const json_t *last = NULL;

    world_do(world, "RunTask", "{'taskDefinition':'db','count':10}");
    world_do(world, "RunTask", "{'taskDefinition':'web','count':3}");
    do {
        const json_t *answer =
            world_do(world, "ListTasks",
                     *token ? with("{'family':'db','maxResults':4,'nextToken':'%s'}", token, "")
                            : "{'family':'db','maxResults':4}");

        seen += json_array_size(json_object_get(answer, "taskArns"));
        token = world_at(world, answer, "nextToken");
        last = answer;
        if (token && pages == 0)
            world_refuse(world, "API-059: other filters", "ListTasks",
                         with("{'family':'web','maxResults':4,'nextToken':'%s'}", token, ""),
                         INVALID, NULL);
        pages++;
    } while (token);
    assert_int_equal(pages, 3);
    assert_int_equal(seen, 10);
    assert_int_equal(json_array_size(json_object_get(last, "taskArns")), 2);
}

static void refuses(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *operation, *request, *code, *message;
    } rows[] = {
        {"API-063", "DescribeTasks", "{'tasks':[]}", INVALID, "Tasks cannot be empty."},
        {"API-050", "DescribeTasks", "{'tasks':['" NO_TASK "'],'cluster':'away'}",
         "ClusterNotFoundException", "Cluster not found."},
        {"API-037: no id", "DescribeTasks", "{'tasks':['web']}", INVALID,
         "task length should be one of [32,36]"},
        {"API-033: another account", "DescribeTasks",
         "{'tasks':['arn:aws:ecs:us-east-1:999999999999:task/default/" NO_TASK "']}", INVALID,
         "Identifier is for 999999999999. Your accountId is 123456789012"},
        {"API-045: an unknown include", "DescribeTasks",
         "{'tasks':['" NO_TASK "'],'include':['ALL']}", INVALID, NULL},
        {"API-125: an unknown task", "StopTask", "{'task':'" NO_TASK "'}", INVALID,
         "The referenced task was not found."},
        {"API-030: no task", "StopTask", "{}", INVALID, NULL},
        {"API-127: an unknown service", "ListTasks", "{'serviceName':'nothing'}",
         "ServiceNotFoundException", "Service not found."},
        {"API-127: startedBy is the only filter", "ListTasks", "{'startedBy':'me','family':'web'}",
         INVALID, NULL},
        {"API-127: startedBy is the only filter", "ListTasks",
         "{'startedBy':'me','launchType':'EC2'}", INVALID, NULL},
        {"F: a long startedBy", "ListTasks",
         "{'startedBy':'0123456789012345678901234567890123456'}", INVALID,
         "ownerId longer than 36."},
        {"API-061", "ListTasks", "{'maxResults':101}", INVALID, NULL},
        {"API-060: a token of nowhere", "ListTasks", "{'nextToken':'abc'}", INVALID, NULL},
        {"an unknown instance", "ListTasks", "{'containerInstance':'" NO_TASK "'}", INVALID,
         "The referenced container instance was not found."},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        world_refuse(world, rows[i].why, rows[i].operation, rows[i].request, rows[i].code,
                     rows[i].message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shows_a_running_task, setup, teardown),
        cmocka_unit_test_setup_teardown(shows_a_stopped_task, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_what_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(shows_tags_on_request, setup, teardown),
        cmocka_unit_test_setup_teardown(shows_a_lost_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(stops_a_task, setup, teardown),
        cmocka_unit_test_setup_teardown(stops_with_a_default_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_stopped_tasks_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_by_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_in_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
    };

    return cmocka_run_group_tests_name("DescribeTasks, StopTask, ListTasks", tests, NULL, NULL);
}
