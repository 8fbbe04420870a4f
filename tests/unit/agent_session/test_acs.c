/* What the agent answers on the command channel: the recorded traffic of the official agent, and
 * the cases it does not hold (AP-202, AP-214, AP-219 to AP-242, AP-261). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/store.h"
#include "base/log.h"
#include "world.h"

#define ENDPOINTS                                                                                  \
    "{\"endpoint\":\"http://127.0.0.1:18080/acs\",\"telemetryEndpoint\":\"http://127.0.0.1/tcs\"}"
#define TASK(digit)                                                                                \
    "arn:aws:ecs:us-east-1:123456789012:task/default/0000000000000000000000000000000" digit

struct fixture {
    struct world *world;
    struct api_client *client;
    struct discover *discover;
    struct submit *submit;
    struct acs_credentials *credentials;
    struct agent_acs *acs;
    int heartbeats, opened, ended;
};

static void on_heartbeat(void *data)
{
    ((struct fixture *)data)->heartbeats++;
}

static void on_open(void *data)
{
    ((struct fixture *)data)->opened++;
}

static void on_inactive(void *data)
{
    (void)data;
}

static void on_ended(void *data)
{
    ((struct fixture *)data)->ended++;
}

static void start_acs(struct fixture *f)
{
    struct agent_acs_options options = {
        .session = {.loop = f->world->loop,
                    .clock = &f->world->clock,
                    .rng = &f->world->rng,
                    .config = f->world->config,
                    .keys = f->world->keys,
                    .discover = f->discover},
        .engine = f->world->engine,
        .store = f->world->store,
        .submit = f->submit,
        .credentials = f->credentials,
        .cluster = "default",
        .instance_arn = WORLD_INSTANCE,
        .docker_version = "20.10.24+dfsg1",
        .on_open = on_open,
        .on_heartbeat = on_heartbeat,
        .on_inactive = on_inactive,
        .data = f,
    };

    assert_null(agent_acs_new(&options, &f->acs));
    agent_acs_start(f->acs);
    world_run(f->world);
}

static void close_acs(struct fixture *f)
{
    agent_acs_close(f->acs, on_ended, f);
    world_run(f->world);
    assert_int_equal(f->ended, 1);
    f->ended = 0;
}

static struct fixture *start(void)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct api_client_options client;
    struct submit_options submit;

    fixture = (struct fixture){.world = world_new(NULL)};
    client = (struct api_client_options){f->world->loop, &f->world->clock, f->world->config,
                                         f->world->keys};
    assert_null(api_client_new(&client, &f->client));
    f->discover =
        discover_new(f->client, f->world->loop, &f->world->clock, "default", WORLD_INSTANCE);
    submit = (struct submit_options){f->world->loop, &f->world->clock, &f->world->rng,
                                     f->world->config, f->client};
    f->submit = submit_new(&submit);
    submit_start(f->submit, f->world->engine, "default");
    f->credentials = acs_credentials_new();
    start_acs(f);
    world_answer(0, 200, ENDPOINTS);
    return f;
}

static void finish(struct fixture *f)
{
    close_acs(f);
    submit_free(f->submit);
    discover_free(f->discover);
    api_client_free(f->client);
    acs_credentials_free(f->credentials);
    world_free(f->world);
}

static void receive(size_t socket, const char *fmt, ...)
{
    char text[8192];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    world_socket_receive(socket, text);
}

/* Candidates of a verification come in any order. */
static int compare_candidates(const void *a, const void *b)
{
    return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "taskArn")),
                  json_string_value(json_object_get(*(json_t *const *)b, "taskArn")));
}

static json_t *normal(const char *text)
{
    json_t *frame = json_loads(text, 0, NULL);
    json_t *list = json_object_get(json_object_get(frame, "message"), "stopCandidates");
    size_t count = json_array_size(list);
    json_t **items = calloc(count + 1, sizeof(*items));
    json_t *sorted = json_array();

    assert_non_null(frame);
    for (size_t i = 0; i < count; i++)
        items[i] = json_array_get(list, i);
    qsort(items, count, sizeof(*items), compare_candidates);
    for (size_t i = 0; i < count; i++)
        json_array_append(sorted, items[i]);
    if (list)
        json_object_set(json_object_get(frame, "message"), "stopCandidates", sorted);
    json_decref(sorted);
    free(items);
    return frame;
}

/* Takes the frame out of those expected. */
static void expect_one_of(json_t *expected, const char *text)
{
    json_t *frame = normal(text);

    for (size_t i = 0; i < json_array_size(expected); i++) {
        if (json_equal(json_array_get(expected, i), frame)) {
            json_array_remove(expected, i);
            json_decref(frame);
            return;
        }
    }
    fail_msg("the official agent did not say %s", text);
}

struct replay {
    struct fixture *f;
    size_t socket;
    json_t *expected;
    double time;
    bool is_open;
};

static void open_next(struct replay *replay, const json_t *line)
{
    const char *target = json_string_value(json_object_get(line, "target"));
    const char *url = world_socket_url(world_sockets() - 1);
    bool sends = strstr(target, "sendCredentials=true") != NULL;

    replay->socket = world_sockets() - 1;
    assert_true(strstr(url, sends ? "sendCredentials=true" : "sendCredentials=false") != NULL);
    world_socket_open(replay->socket);
    replay->is_open = true;
}

static void collect(struct replay *replay)
{
    for (size_t i = 0; i < world_frames(replay->socket); i++)
        expect_one_of(replay->expected, world_frame(replay->socket, i));
    world_forget_frames(replay->socket);
}

static void replay_line(struct replay *replay, const json_t *line)
{
    const char *kind = json_string_value(json_object_get(line, "kind"));
    double time = json_number_value(json_object_get(line, "t"));
    struct engine_task_view *task = NULL;

    if (replay->is_open && time > replay->time)
        world_advance(replay->f->world, (int64_t)((time - replay->time) * 1000));
    replay->time = time;
    if (str_eq(kind, "acs-connect")) {
        open_next(replay, line);
    } else if (str_eq(kind, "acs-send")) {
        json_t *envelope = json_pack("{s:O, s:O}", "type", json_object_get(line, "type"), "message",
                                     json_object_get(line, "message"));
        char *text = json_dumps(envelope, 0);

        world_socket_receive(replay->socket, text);
        free(text);
        json_decref(envelope);
    } else if (str_eq(kind, "acs-closed")) {
        collect(replay);
        replay->is_open = false;
        world_socket_end(replay->socket, 1000);
    } else if (str_eq(kind, "api") &&
               str_eq(json_string_value(json_object_get(json_object_get(line, "body"), "status")),
                      "STOPPED")) {
        struct {
            const char *arn;
        } key = {json_string_value(json_object_get(json_object_get(line, "body"), "task"))};
        struct engine_task_view view;

        if (engine_view(replay->f->world->engine, key.arn, &view)) {
            world_forget_task(replay->f->world, key.arn);
            task = world_task(replay->f->world, key.arn);
            task->known = task->desired = ENGINE_STOPPED;
        }
    }
}

static void replay(const char *name, const char *refused)
{
    char path[512], *line = NULL;
    struct replay replay = {.f = start(), .expected = json_array()};
    size_t room = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.jsonl", AGENT_WIRE, name);
    if (refused)
        world_engine_refuses(replay.f->world, refused);
    for (int round = 0; round < 2; round++) {
        file = fopen(path, "r");
        assert_non_null(file);
        while (getline(&line, &room, file) > 0) {
            json_t *item = json_loads(line, 0, NULL);
            const char *kind = json_string_value(json_object_get(item, "kind"));

            if (round == 0 && str_eq(kind, "acs-frame") &&
                json_integer_value(json_object_get(item, "op")) == 1)
                json_array_append_new(replay.expected,
                                      normal(json_string_value(json_object_get(item, "raw"))));
            else if (round == 1)
                replay_line(&replay, item);
            json_decref(item);
        }
        fclose(file);
    }
    collect(&replay);
    if (json_array_size(replay.expected))
        fail_msg("%s: not said: %s", name, json_dumps(replay.expected, 0));
    json_decref(replay.expected);
    free(line);
    finish(replay.f);
}

static void test_recorded_session(void **state)
{
    (void)state;
    replay("wire", NULL);
}

static void test_recorded_session_of_the_older_agent(void **state)
{
    (void)state;
    replay("a175", NULL);
}

static void test_recorded_edges(void **state)
{
    (void)state;
    replay("edge2", TASK("1"));
}

static void test_recorded_restart(void **state)
{
    (void)state;
    replay("w2b", NULL);
}

#define PAYLOAD                                                                                    \
    "{\"type\":\"PayloadMessage\",\"message\":{\"messageId\":\"%s\",\"clusterArn\":\"c\","         \
    "\"containerInstanceArn\":\"i\",\"seqNum\":%d,\"tasks\":[%s]}}"
#define GOOD(digit, status)                                                                        \
    "{\"arn\":\"" TASK(digit) "\",\"desiredStatus\":\"" status "\",\"family\":\"f\","              \
                              "\"version\":\"1\",\"containers\":[]}"

static void test_one_bad_task_spoils_the_ack_and_nothing_else(void **state) /* AP-225 */
{
    struct fixture *f = start();

    (void)state;
    world_socket_open(0);
    receive(0, PAYLOAD, "p", 1,
            GOOD("1", "RUNNING") ",{\"arn\":\"" TASK("2") "\",\"desiredStatus\":7}," GOOD(
                "3", "RUNNING"));
    assert_int_equal(world_wants(), 3);
    assert_string_equal(world_want(0), "RUNNING " TASK("1"));
    assert_true(str_starts_with(world_want(1), "REFUSED " TASK("2") " UnrecogniedTaskError: "
                                                                    "Error loading task - "));
    assert_string_equal(world_want(2), "RUNNING " TASK("3"));
    assert_int_equal(world_frames(0), 0);
    /* The same for a task that runs: it is left alone. */
    receive(0, PAYLOAD, "p2", 2, "{\"arn\":\"" TASK("1") "\",\"desiredStatus\":7}");
    assert_int_equal(world_wants(), 3);
    assert_int_equal(world_frames(0), 0);
    finish(f);
}

static void test_stops_go_before_starts(void **state) /* AP-222 */
{
    struct fixture *f = start();

    (void)state;
    world_socket_open(0);
    receive(0, PAYLOAD, "p", 1, GOOD("1", "RUNNING") "," GOOD("2", "STOPPED"));
    assert_string_equal(world_want(0), "STOPPED " TASK("2"));
    assert_string_equal(world_want(1), "RUNNING " TASK("1"));
    assert_int_equal(world_frames(0), 1);
    finish(f);
}

static void test_credentials_are_kept_before_the_task_starts(void **state) /* AP-226, AP-231 */
{
    struct fixture *f = start();
    struct role_credentials found;
    struct engine_task_view *task;

    (void)state;
    world_socket_open(0);
    receive(0, PAYLOAD, "p", 1,
            "{\"arn\":\"" TASK(
                "1") "\",\"desiredStatus\":\"RUNNING\",\"roleCredentials\":"
                     "{\"credentialsId\":\"id-1\",\"roleArn\":\"r\",\"accessKeyId\":\"k\","
                     "\"secretAccessKey\":\"s\",\"sessionToken\":\"t\",\"expiration\":\"2030-01-"
                     "01T00:00:00Z\"}}");
    assert_int_equal(world_frames(0), 2);
    assert_string_equal(
        world_frame(0, 0),
        "{\"type\":\"IAMRoleCredentialsAckRequest\",\"message\":{\"messageId\":\"p\","
        "\"credentialsId\":\"id-1\",\"expiration\":\"2030-01-01T00:00:00Z\"}}");
    assert_true(acs_credentials_find(f->credentials, "id-1", &found));
    assert_string_equal(found.task_arn, TASK("1"));
    assert_string_equal(found.role_type, ROLE_APPLICATION);
    receive(0,
            "{\"type\":\"IAMRoleCredentialsMessage\",\"message\":{\"messageId\":\"m\",\"taskArn\":"
            "\"" TASK("1") "\",\"roleType\":\"TaskApplication\",\"roleCredentials\":"
                           "{\"credentialsId\":\"id-1\",\"secretAccessKey\":\"s2\"}}}");
    assert_true(acs_credentials_find(f->credentials, "id-1", &found));
    assert_string_equal(found.secret_access_key, "s2"); /* AP-232 */
    assert_int_equal(acs_credentials_count(f->credentials), 1);
    /* Those of tasks that ended go with the next connection. */
    world_forget_task(f->world, TASK("1"));
    task = world_task(f->world, TASK("1"));
    task->known = ENGINE_STOPPED;
    world_advance(f->world, 2000);
    world_socket_end(0, 1000);
    world_socket_open(1);
    assert_int_equal(acs_credentials_count(f->credentials), 0);
    finish(f);
}

#define MANIFEST                                                                                   \
    "{\"type\":\"TaskManifestMessage\",\"message\":{\"messageId\":\"%s\",\"clusterArn\":\"c\","    \
    "\"containerInstanceArn\":\"i\",\"timeline\":%d,\"tasks\":[]}}"
#define VERIFIED                                                                                   \
    "{\"type\":\"TaskStopVerificationAck\",\"message\":{\"messageId\":\"%s\",\"stopTasks\":"       \
    "[{\"taskArn\":\"" TASK("1") "\",\"taskClusterArn\":\"c\",\"desiredStatus\":\"STOPPED\"}]}}"

static void test_a_manifest_alone_stops_nothing(void **state) /* AP-240 to AP-242 */
{
    struct fixture *f = start();

    (void)state;
    world_task(f->world, TASK("1"))->desired = ENGINE_RUNNING;
    world_socket_open(0);
    receive(0, VERIFIED, "m-1"); /* without a manifest */
    receive(0, MANIFEST, "m-1", 5);
    assert_int_equal(world_frames(0), 2);
    receive(0, MANIFEST, "m-0", 5); /* not newer: not even acknowledged */
    assert_int_equal(world_frames(0), 2);
    receive(0, VERIFIED, "m-0");
    assert_int_equal(world_wants(), 0);
    receive(0, VERIFIED, "m-1");
    assert_int_equal(world_wants(), 1);
    assert_string_equal(world_want(0), "STOPPED " TASK("1"));
    receive(0, VERIFIED, "m-1"); /* used once */
    assert_int_equal(world_wants(), 1);
    receive(0, PAYLOAD, "p", 9, GOOD("2", "RUNNING")); /* its seqNum counts too */
    world_forget_frames(0);
    receive(0, MANIFEST, "m-9", 9);
    assert_int_equal(world_frames(0), 0);
    receive(0, MANIFEST, "m-10", 10);
    assert_int_equal(world_frames(0), 2);
    finish(f);
}

static void test_manifest_number_survives_a_restart(void **state)
{
    struct fixture *f = start();

    (void)state;
    world_socket_open(0);
    receive(0, MANIFEST, "m-7", 7);
    close_acs(f);
    start_acs(f);
    world_socket_open(1);
    receive(1, MANIFEST, "m-7", 7);
    assert_int_equal(world_frames(1), 0);
    receive(1, MANIFEST, "m-8", 8);
    assert_int_equal(world_frames(1), 1);
    finish(f);
}

static void test_what_makes_no_sense_is_not_answered(void **state)
{
    static const char *const messages[] = {
        "{\"type\":\"PayloadMessage\"}",
        "{\"type\":\"PayloadMessage\",\"message\":[]}",
        "{\"type\":\"PayloadMessage\",\"message\":{\"messageId\":\"p\",\"clusterArn\":\"c\","
        "\"containerInstanceArn\":\"i\",\"tasks\":{}}}",
        "{\"type\":\"PayloadMessage\",\"message\":{\"messageId\":\"p\",\"clusterArn\":\"c\","
        "\"containerInstanceArn\":\"i\",\"tasks\":[7]}}",
        "{\"type\":\"TaskManifestMessage\",\"message\":{\"messageId\":\"m\",\"timeline\":\"x\"}}",
        "{\"type\":\"TaskManifestMessage\",\"message\":{\"messageId\":\"m\",\"timeline\":99}}",
        "{\"type\":\"TaskStopVerificationAck\",\"message\":{}}",
        "{\"type\":\"IAMRoleCredentialsMessage\",\"message\":{\"messageId\":\"m\"}}",
        "{\"type\":\"AttachTaskNetworkInterfacesMessage\",\"message\":{\"messageId\":\"m\","
        "\"taskArn\":\"t\",\"clusterArn\":\"c\",\"containerInstanceArn\":\"i\"}}",
        "{\"type\":\"StageUpdateMessage\",\"message\":null}",
        "{\"type\":7,\"message\":{}}",
        "[]",
        "",
        "{\"type\":\"ErrorMessage\",\"message\":{\"message\":\"err\"}}",
        "{\"type\":\"CloseMessage\"}",
    };
    struct fixture *f = start();

    (void)state;
    world_socket_open(0);
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        world_socket_receive(0, messages[i]);
        if (world_frames(0))
            fail_msg("%s was answered", messages[i]);
    }
    assert_int_equal(world_wants(), 0);
    finish(f);
}

/* AP-261: refused unless enabled; a message of ours reaches the engine (docs/images.md). */
static void test_updates_and_images(void **state)
{
    struct fixture *f = start();

    (void)state;
    world_socket_open(0);
    receive(0, "{\"type\":\"StageUpdateMessage\",\"message\":{\"messageId\":\"u1\",\"clusterArn\":"
               "\"c\",\"containerInstanceArn\":\"i\",\"updateInfo\":{\"location\":\"http://h/x\","
               "\"signature\":\"ab\"}}}");
    receive(0, "{\"type\":\"PerformUpdateMessage\",\"message\":{\"messageId\":\"u2\","
               "\"clusterArn\":\"c\",\"containerInstanceArn\":\"i\"}}");
    assert_int_equal(world_frames(0), 2);
    assert_string_equal(world_frame(0, 0),
                        "{\"type\":\"NackRequest\",\"message\":{\"cluster\":\"c\","
                        "\"containerInstance\":\"i\",\"messageId\":\"u1\","
                        "\"reason\":\"Updates are disabled\"}}");
    assert_non_null(strstr(world_frame(0, 1), "Updates are disabled"));
    receive(0, "{\"type\":\"PrefetchImagesMessage\",\"message\":{\"messageId\":\"m\","
               "\"images\":[\"a:1\",\"b\"]}}");
    assert_int_equal(world_wants(), 2);
    assert_string_equal(world_want(0), "PREFETCH a:1");
    assert_string_equal(world_want(1), "PREFETCH b");
    finish(f);
}

static void test_heartbeat_asks_for_the_health_of_the_instance(void **state)
{
    struct fixture *f = start();

    (void)state;
    world_socket_open(0);
    receive(0,
            "{\"type\":\"HeartbeatMessage\",\"message\":{\"messageId\":\"h\",\"healthy\":true}}");
    assert_string_equal(world_frame(0, 0),
                        "{\"type\":\"HeartbeatAckRequest\",\"message\":{\"messageId\":\"h\"}}");
    assert_int_equal(f->heartbeats, 1);
    assert_int_equal(f->opened, 1);
    finish(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_session),
        cmocka_unit_test(test_recorded_session_of_the_older_agent),
        cmocka_unit_test(test_recorded_edges),
        cmocka_unit_test(test_recorded_restart),
        cmocka_unit_test(test_one_bad_task_spoils_the_ack_and_nothing_else),
        cmocka_unit_test(test_stops_go_before_starts),
        cmocka_unit_test(test_credentials_are_kept_before_the_task_starts),
        cmocka_unit_test(test_a_manifest_alone_stops_nothing),
        cmocka_unit_test(test_manifest_number_survives_a_restart),
        cmocka_unit_test(test_what_makes_no_sense_is_not_answered),
        cmocka_unit_test(test_updates_and_images),
        cmocka_unit_test(test_heartbeat_asks_for_the_health_of_the_instance),
    };

    log_configure(LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests_name("agent_acs", tests, NULL, NULL);
}
