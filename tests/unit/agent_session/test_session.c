/* One WebSocket kept open: AP-112, AP-202, AP-212, AP-213, AP-216, AP-217, appendix A of the
 * protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "world.h"

#define MINUTE 60000
#define ENDPOINTS                                                                                  \
    "{\"endpoint\":\"http://127.0.0.1:18080/acs/\","                                               \
    "\"telemetryEndpoint\":\"http://127.0.0.1:18080/tcs\"}"

struct fixture {
    struct world *world;
    struct api_client *client;
    struct discover *discover;
    struct agent_session *session;
    int opened, closed, ended, inactive;
    bool pauses_in_close;
};

static const char *commands(const struct endpoints *endpoints)
{
    return endpoints->commands;
}

static char *query(struct arena *arena, void *data)
{
    static const struct agent_session_param params[] = {
        {"agentHash", "a8b3e7d3"},
        {"agentVersion", "1.105.1"},
        {"clusterArn", "default"},
        {"containerInstanceArn", WORLD_INSTANCE},
        {"dockerVersion", "DockerVersion: 20.10.24+dfsg1"},
        {"protocolVersion", "2"},
        {"sendCredentials", "true"},
        {"seqNum", "1"},
    };

    (void)data;
    return agent_session_query(arena, params, ARRAY_LEN(params));
}

static void on_open(void *data)
{
    ((struct fixture *)data)->opened++;
}

static bool on_message(const char *type, const struct json_t *message, void *data)
{
    (void)message;
    (void)data;
    return strcmp(type, "HeartbeatMessage") == 0;
}

static void on_close(void *data)
{
    ((struct fixture *)data)->closed++;
}

static void on_inactive(void *data)
{
    ((struct fixture *)data)->inactive++;
}

static void on_ended(void *data)
{
    ((struct fixture *)data)->ended++;
}

static struct fixture *start(void)
{
    static struct fixture fixture;
    struct api_client_options client;
    struct agent_session_options options;

    fixture = (struct fixture){.world = world_new(NULL)};
    client = (struct api_client_options){fixture.world->loop, &fixture.world->clock,
                                         fixture.world->config, fixture.world->keys};
    assert_null(api_client_new(&client, &fixture.client));
    fixture.discover = discover_new(fixture.client, fixture.world->loop, &fixture.world->clock,
                                    "default", WORLD_INSTANCE);
    options = (struct agent_session_options){
        .name = "acs",
        .loop = fixture.world->loop,
        .clock = &fixture.world->clock,
        .rng = &fixture.world->rng,
        .config = fixture.world->config,
        .keys = fixture.world->keys,
        .discover = fixture.discover,
        .backoff = {250, 120000, 150, 20, 0},
        .endpoint = commands,
        .query = query,
        .on_open = on_open,
        .on_message = on_message,
        .on_close = on_close,
        .on_inactive = on_inactive,
        .data = &fixture,
    };
    fixture.session = agent_session_new(&options);
    agent_session_start(fixture.session);
    world_run(fixture.world);
    return &fixture;
}

static struct fixture *start_open(void)
{
    struct fixture *f = start();

    world_answer(0, 200, ENDPOINTS);
    world_socket_open(0);
    assert_true(agent_session_is_open(f->session));
    return f;
}

static void finish(struct fixture *f)
{
    agent_session_close(f->session, on_ended, f);
    assert_int_equal(f->ended, 0); /* never from inside the asking call */
    world_run(f->world);
    assert_int_equal(f->ended, 1);
    discover_free(f->discover);
    api_client_free(f->client);
    world_free(f->world);
}

static void test_upgrade_is_signed_as_recorded(void **state)
{
    static const char body[] =
        "{\"containerInstance\":\"" WORLD_INSTANCE "\",\"cluster\":\"default\",\"zoneId\":\"\"}";
    json_t *expected = json_loads(body, 0, NULL);
    struct fixture *f = start();

    (void)state;
    assert_string_equal(world_call_operation(0), "DiscoverPollEndpoint");
    assert_string_equal(world_call_header(0, "x-amz-target"),
                        "AmazonEC2ContainerServiceV20141113.DiscoverPollEndpoint");
    assert_string_equal(world_call_url(0), "http://127.0.0.1:18080/");
    assert_true(json_equal(world_call_body(0), expected));
    world_answer(0, 200, ENDPOINTS);
    assert_int_equal(world_sockets(), 1);
    assert_string_equal(world_socket_url(0),
                        "http://127.0.0.1:18080/acs/ws?agentHash=a8b3e7d3&agentVersion=1.105.1"
                        "&clusterArn=default&containerInstanceArn=arn%3Aaws%3Aecs%3Aus-east-1%3A"
                        "123456789012%3Acontainer-instance%2Fdefault%2F"
                        "0123456789abcdef0123456789abcdef"
                        "&dockerVersion=DockerVersion%3A%2020.10.24%2Bdfsg1&protocolVersion=2"
                        "&sendCredentials=true&seqNum=1");
    /* Appendix A3: the official agent's own signature for this. */
    assert_string_equal(
        world_socket_header(0, "authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=a2420dfe866e7f406c8d94e955ac8ed3011cdf66b4eab3b8d7277fae269422fd");
    json_decref(expected);
    finish(f);
}

static void test_regular_end_connects_at_once(void **state) /* AP-216 */
{
    static const int codes[] = {1000, 1001, 1006, 1011, 0};
    struct fixture *f = start_open();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        world_advance(f->world, 2000);
        world_socket_end(i, codes[i]);
        assert_int_equal(f->closed, (int)i + 1);
        assert_int_equal(world_sockets(), i + 2); /* without asking for endpoints again: AP-112 */
        world_socket_open(i + 1);
    }
    assert_int_equal(world_calls(), 0);
    finish(f);
}

static int64_t wait_for_socket(struct fixture *f, size_t count)
{
    int64_t since_ms = world_now_ms();

    while (world_sockets() < count && world_now_ms() - since_ms < 2 * 3600 * 1000)
        world_advance(f->world, 5);
    return world_now_ms() - since_ms;
}

static void test_refusals_back_off_and_the_delay_starts_over(void **state)
{
    struct fixture *f = start();
    int64_t wait_ms, least_ms = 250;

    (void)state;
    world_answer(0, 200, ENDPOINTS);
    for (size_t i = 0; i < 20; i++) {
        world_socket_refuse(i, 400, "{\"ServerException\":\"busy\"}");
        wait_ms = wait_for_socket(f, i + 2);
        assert_in_range(wait_ms, least_ms, least_ms * 12 / 10 + 10);
        least_ms = least_ms * 3 / 2 > 120000 ? 120000 : least_ms * 3 / 2;
    }
    world_socket_open(20);
    for (int i = 0; i < 5; i++) { /* two minutes and more settle it */
        world_advance(f->world, 30000);
        world_socket_receive(20, "{\"type\":\"HeartbeatMessage\",\"message\":{}}");
    }
    world_socket_end(20, 1008); /* not regular */
    wait_ms = wait_for_socket(f, 22);
    assert_in_range(wait_ms, 250, 310);
    finish(f);
}

static void test_connection_that_ends_at_once_is_not_hammered(void **state)
{
    struct fixture *f = start_open();

    (void)state;
    world_socket_end(0, 1000);
    assert_int_equal(world_sockets(), 1);
    assert_in_range(wait_for_socket(f, 2), 250, 310);
    world_socket_open(1);
    world_socket_end(1, 1000);
    assert_in_range(wait_for_socket(f, 3), 375, 460);
    finish(f);
}

static void test_silence_ends_the_connection(void **state) /* AP-212 */
{
    struct fixture *f = start_open();

    (void)state;
    for (int i = 0; i < 20; i++) { /* messages keep it */
        world_advance(f->world, 50000);
        world_socket_receive(0, "{\"type\":\"HeartbeatMessage\",\"message\":{}}");
    }
    assert_false(world_socket_is_closing(0, NULL));
    world_advance(f->world, 50000);
    world_socket_receive(0, "{\"type\":\"UnknownMessage\",\"message\":{}}"); /* does not count */
    world_socket_receive(0, "not json");
    world_socket_receive(0, "{\"message\":{}}");
    world_advance(f->world, 9000);
    assert_false(world_socket_is_closing(0, NULL));
    world_advance(f->world, 61500);
    assert_true(world_socket_is_closing(0, NULL));
    assert_int_equal(world_sockets(), 2);
    finish(f);
}

static void test_every_connection_expires(void **state) /* AP-213 */
{
    struct fixture *f = start_open();
    const char *reason;
    int minutes = 0;

    (void)state;
    while (!world_socket_is_closing(0, &reason) && minutes < 60) {
        world_advance(f->world, MINUTE / 2);
        if (!world_socket_is_closing(0, NULL))
            world_socket_receive(0, "{\"type\":\"HeartbeatMessage\",\"message\":{}}");
        world_advance(f->world, MINUTE / 2);
        if (!world_socket_is_closing(0, NULL))
            world_socket_receive(0, "{\"type\":\"HeartbeatMessage\",\"message\":{}}");
        minutes++;
    }
    assert_in_range(minutes, 30, 36);
    assert_string_equal(reason, "ConnectionExpired: Reconnect to continue");
    assert_int_equal(world_sockets(), 2);
    finish(f);
}

static void test_deregistered_instance_leaves_the_server_in_peace(void **state) /* AP-217 */
{
    struct fixture *f = start();

    (void)state;
    world_answer(0, 200, ENDPOINTS);
    world_socket_refuse(0, 400,
                        "400: {\"InactiveInstanceException\":\"Container instance is "
                        "deregistered.\"}");
    assert_int_equal(f->inactive, 1);
    world_advance(f->world, 59 * MINUTE);
    assert_int_equal(world_sockets(), 1);
    world_advance(f->world, MINUTE);
    assert_int_equal(world_sockets(), 2);
    finish(f);
}

static void test_endpoints_are_kept_twelve_hours_and_beyond(void **state) /* AP-112 */
{
    struct fixture *f = start_open();

    (void)state;
    for (int i = 0; i < 12 * 60; i++) {
        world_advance(f->world, MINUTE / 2);
        if (f->world && !world_socket_is_closing(world_sockets() - 1, NULL))
            world_socket_receive(world_sockets() - 1,
                                 "{\"type\":\"HeartbeatMessage\",\"message\":{}}");
        world_advance(f->world, MINUTE / 2);
        if (world_calls())
            break;
        if (!agent_session_is_open(f->session))
            world_socket_open(world_sockets() - 1);
        world_socket_receive(world_sockets() - 1, "{\"type\":\"HeartbeatMessage\",\"message\":{}}");
    }
    if (!world_calls()) { /* the next connect after the twelve hours asks */
        world_advance(f->world, MINUTE);
        if (agent_session_is_open(f->session))
            world_socket_end(world_sockets() - 1, 1000);
    }
    assert_int_equal(world_calls(), 1);
    assert_true(world_now_ms() >= 12LL * 3600 * 1000);
    size_t before = world_sockets();
    world_break(0); /* no answer: the old ones are good enough */
    assert_int_equal(world_sockets(), before + 1);
    finish(f);
}

static void test_no_endpoints_at_first(void **state)
{
    struct fixture *f = start();

    (void)state;
    world_break(0);
    assert_int_equal(world_sockets(), 0);
    world_advance(f->world, 310);
    assert_int_equal(world_calls(), 1);
    world_answer(0, 200, "{}"); /* an answer without endpoints is none */
    world_advance(f->world, 500);
    world_answer(0, 500, "{\"__type\":\"ServerException\",\"message\":\"x\"}");
    world_advance(f->world, 800);
    world_answer(0, 200, ENDPOINTS);
    assert_int_equal(world_sockets(), 1);
    finish(f);
}

static void test_pause_in_every_state(void **state)
{
    struct fixture *f = start();

    (void)state;
    agent_session_pause(f->session, 10000); /* discovering */
    world_run(f->world);
    world_answer(0, 200, ENDPOINTS); /* too late to matter */
    assert_int_equal(world_sockets(), 0);
    world_advance(f->world, 10000);
    assert_int_equal(world_sockets(), 1);
    agent_session_pause(f->session, 10000); /* connecting */
    world_advance(f->world, 9000);
    agent_session_pause(f->session, 10000); /* waiting */
    world_advance(f->world, 9000);
    assert_int_equal(world_sockets(), 1);
    world_advance(f->world, 1000);
    assert_int_equal(world_sockets(), 2);
    world_socket_open(1);
    agent_session_pause(f->session, 10000); /* open */
    agent_session_pause(f->session, 20000); /* closing */
    world_advance(f->world, 19000);
    assert_int_equal(world_sockets(), 2);
    world_advance(f->world, 1000);
    assert_int_equal(world_sockets(), 3);
    finish(f); /* connecting */
}

static void test_close_in_every_state(void **state)
{
    struct fixture *f;

    (void)state;
    finish(start()); /* discovering */
    f = start();
    world_break(0);
    finish(f); /* waiting */
    finish(start_open());
    f = start_open();
    agent_session_pause(f->session, 1000);
    finish(f); /* closing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upgrade_is_signed_as_recorded),
        cmocka_unit_test(test_regular_end_connects_at_once),
        cmocka_unit_test(test_refusals_back_off_and_the_delay_starts_over),
        cmocka_unit_test(test_connection_that_ends_at_once_is_not_hammered),
        cmocka_unit_test(test_silence_ends_the_connection),
        cmocka_unit_test(test_every_connection_expires),
        cmocka_unit_test(test_deregistered_instance_leaves_the_server_in_peace),
        cmocka_unit_test(test_endpoints_are_kept_twelve_hours_and_beyond),
        cmocka_unit_test(test_no_endpoints_at_first),
        cmocka_unit_test(test_pause_in_every_state),
        cmocka_unit_test(test_close_in_every_state),
    };

    log_configure(LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests_name("agent_session", tests, NULL, NULL);
}
