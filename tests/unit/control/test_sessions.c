/* The server's side of the agent protocol, frame by frame (08-agent-protocol). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "control/report.h"
#include "core/task.h"
#include "gen/agent_types.h"
#include "sim.h"

#define SECONDS 1000

/* A peer that only writes down what it gets. */
struct peer {
    struct world *world;
    struct ws *ws;
    int status, close_code;
    char *refusal;
    char *frames[512];
    size_t count;
};

static void on_frame(const char *text, size_t len, void *data)
{
    struct peer *peer = data;

    assert_true(peer->count < ARRAY_LEN(peer->frames));
    peer->frames[peer->count++] = str_dup_n(text, len);
}

static void on_closed(int code, void *data)
{
    struct peer *peer = data;

    peer->close_code = code;
    peer->ws = NULL;
}

static struct peer *peer_new(struct world *world)
{
    struct peer *peer = xcalloc(1, sizeof(*peer));

    peer->world = world;
    return peer;
}

static void forget_frames(struct peer *peer)
{
    for (size_t i = 0; i < peer->count; i++)
        free(peer->frames[i]);
    peer->count = 0;
}

static void peer_free(struct peer *peer)
{
    if (peer->ws)
        sim_ws_drop(peer->ws);
    world_settle(peer->world);
    forget_frames(peer);
    free(peer->refusal);
    free(peer);
}

static void upgrade_as(struct peer *peer, const char *path, const char *query,
                       const struct agent_identity *identity)
{
    struct sim_peer sim_peer = {on_frame, on_closed, peer};
    struct http_request req = {
        .method = "GET", .path = path, .query = query, .wants_websocket = true};
    struct http_exchange *ex = sim_exchange_new(peer->world->loop, &sim_peer);

    control_upgrade(peer->world->control, ex, &req, identity);
    peer->status = sim_exchange_status(ex);
    peer->ws = sim_exchange_socket(ex);
    free(peer->refusal);
    peer->refusal = str_dup(sim_exchange_body(ex));
    sim_exchange_free(ex);
}

static void connect_as(struct peer *peer, const char *path, const char *query,
                       const struct agent_identity *identity)
{
    upgrade_as(peer, path, query, identity);
    world_settle(peer->world);
}

/* `credentials` is "true" at the start of a process. */
static void upgrade_acs(struct peer *peer, int agent, const char *credentials)
{
    struct agent_identity identity = {.scope = peer->world->scope};
    char hex[ID_HEX_SIZE], query[300];

    id_format(&peer->world->agents[agent].instance, hex);
    snprintf(query, sizeof(query),
             "agentHash=abc&agentVersion=1.105.1&clusterArn=default&containerInstanceArn="
             "arn%%3Aaws%%3Aecs%%3Aus-east-1%%3A000000000000%%3Acontainer-instance%%2Fdefault%%2F%s"
             "&dockerVersion=DockerVersion%%3A+20.10.24%%2Bdfsg1&protocolVersion=2"
             "&sendCredentials=%s&seqNum=1",
             hex, credentials);
    upgrade_as(peer, "/acs/ws", query, &identity);
}

static void connect_acs(struct peer *peer, int agent, const char *credentials)
{
    upgrade_acs(peer, agent, credentials);
    world_settle(peer->world);
}

/* How many frames of a type there are; the last of them in *ret_last. */
static size_t frames_of(const struct peer *peer, const char *type, const char **ret_last)
{
    char start[64];
    size_t count = 0;

    if (ret_last)
        *ret_last = NULL;
    snprintf(start, sizeof(start), "{\"type\":\"%s\",", type);
    for (size_t i = 0; i < peer->count; i++) {
        if (!str_starts_with(peer->frames[i], start))
            continue;
        count++;
        if (ret_last)
            *ret_last = peer->frames[i];
    }
    return count;
}

static void acknowledge(struct peer *peer, const char *frame)
{
    struct arena arena = {0};
    struct acs_message message;
    struct acs_ack_request ack = {0};
    struct buf out = {0};

    assert_null(acs_decode_message(&arena, frame, strlen(frame), &message));
    ack.message_id = message.payload_message->message_id;
    ack.cluster = message.payload_message->cluster_arn;
    ack.container_instance = message.payload_message->container_instance_arn;
    acs_frame_ack_request(&out, &ack);
    sim_ws_say(peer->ws, out.data, out.len);
    world_settle(peer->world);
    buf_done(&out);
    arena_done(&arena);
}

/* A world whose simulated agents are out of the way. */
static struct world *quiet_world(int agents)
{
    struct world *world = world_new(3, agents);

    for (int i = 0; i < agents; i++)
        agent_kill(&world->agents[i]);
    world_define(world, "web", 1, false);
    world_settle(world);
    return world;
}

static const struct container_instance *instance_of(struct world *world, int agent)
{
    return state_instance(world->state, world->scope, SIM_CLUSTER, &world->agents[agent].instance);
}

static void refusals_are_in_the_agents_form(void **state)
{
    struct world *world = quiet_world(2);
    struct peer *peer = peer_new(world);
    char first[ID_HEX_SIZE], query[400];
    struct agent_identity account = {.scope = world->scope};
    struct agent_identity bound = {.scope = world->scope,
                                   .access_key_id = "AKID",
                                   .agent_cluster = SIM_CLUSTER,
                                   .agent_instance = world->agents[1].instance};
    struct agent_identity elsewhere = {.scope = world->scope,
                                       .access_key_id = "AKID",
                                       .agent_cluster = "other",
                                       .agent_instance = world->agents[0].instance};
    struct agent_identity unbound = {
        .scope = world->scope, .access_key_id = "AKID", .agent_cluster = SIM_CLUSTER};
    struct agent_identity stranger = {.scope =
                                          state_scope(world->state, "us-east-1", "999999999999")};
    const char *arn = "arn:aws:ecs:us-east-1:000000000000:container-instance/default/";
    struct {
        const char *why, *cluster, *instance_arn, *instance;
        const struct agent_identity *identity;
        const char *exception;
    } cases[] = {
        {"unknown instance", "default", arn, "00112233445566778899aabbccddeeff", &account,
         "InvalidInstanceException"},
        {"nonsense", "default", "", "nonsense", &account, "InvalidInstanceException"},
        {"nothing", "default", "", "", &account, "InvalidInstanceException"},
        {"unknown cluster", "nope", "", NULL, &account, "InvalidClusterException"},
        {"a cluster that is not the ARN's", "nope", arn, NULL, &account,
         "InvalidInstanceException"},
        {"another's key", "default", arn, NULL, &bound, "AccessDeniedException"},
        {"another cluster's key", "default", arn, NULL, &elsewhere, "AccessDeniedException"},
        {"a key without an instance", "default", arn, NULL, &unbound, "AccessDeniedException"},
        {"another account", "default", arn, NULL, &stranger, "InvalidInstanceException"},
    };

    (void)state;
    id_format(&world->agents[0].instance, first);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char want[64];

        snprintf(query, sizeof(query), "clusterArn=%s&containerInstanceArn=%s%s", cases[i].cluster,
                 cases[i].instance_arn, cases[i].instance ? cases[i].instance : first);
        connect_as(peer, "/acs/ws", query, cases[i].identity);
        snprintf(want, sizeof(want), "{\"%s\":\"", cases[i].exception);
        if (peer->status != 400 || !str_starts_with(peer->refusal, want))
            fail_msg("%s: %d %s", cases[i].why, peer->status, peer->refusal);
        snprintf(query, sizeof(query), "cluster=%s&containerInstance=%s%s", cases[i].cluster,
                 cases[i].instance_arn, cases[i].instance ? cases[i].instance : first);
        connect_as(peer, "/tcs/ws", query, cases[i].identity);
        assert_int_equal(peer->status, 400);
    }
    world_set_instance(world, 0, INSTANCE_INACTIVE);
    connect_acs(peer, 0, "true"); /* AP-217 */
    assert_string_equal(peer->refusal,
                        "{\"InactiveInstanceException\":\"Container instance is deregistered.\"}");
    peer_free(peer);
    world_free(world);
}

static void connecting_makes_the_instance_connected(void **state)
{
    struct world *world = quiet_world(2);
    struct peer *peer = peer_new(world), *second = peer_new(world);
    int64_t timeline = instance_of(world, 0)->timeline;

    (void)state;
    assert_false(state_instance_connected(instance_of(world, 0)));
    connect_acs(peer, 0, "true");
    assert_int_equal(peer->status, 101);
    assert_true(state_instance_connected(instance_of(world, 0)));
    assert_string_equal(instance_of(world, 0)->agent_version, "1.105.1");
    assert_string_equal(instance_of(world, 0)->agent_hash, "abc");
    assert_string_equal(instance_of(world, 0)->docker_version, "20.10.24+dfsg1");
    assert_int_equal(frames_of(peer, "HeartbeatMessage", NULL), 1);
    assert_int_equal(frames_of(peer, "TaskManifestMessage", NULL), 1);
    /* AP-204: the newest is the one. */
    connect_acs(second, 0, "false");
    assert_int_equal(peer->close_code, 1000);
    world_pass(world, SECONDS);
    assert_true(state_instance_connected(instance_of(world, 0)));
    assert_int_equal(instance_of(world, 0)->timeline, timeline + 2); /* AP-240 */
    sim_ws_drop(second->ws);
    second->ws = NULL;
    world_settle(world);
    assert_false(state_instance_connected(instance_of(world, 0)));
    assert_true(instance_of(world, 0)->disconnected_at_ms > 0);
    peer_free(peer);
    peer_free(second);
    world_free(world);
}

static void heartbeats_come_and_want_answers(void **state)
{
    struct world *world = quiet_world(2);
    struct peer *peer = peer_new(world);
    const char *last;

    (void)state;
    connect_acs(peer, 0, "true");
    forget_frames(peer);
    for (int i = 0; i < 10; i++) {
        struct acs_heartbeat_ack_request ack = {.message_id = "x"};
        struct buf frame = {0};

        world_pass(world, 30 * SECONDS);
        assert_int_equal(frames_of(peer, "HeartbeatMessage", &last), i + 1);
        acs_frame_heartbeat_ack_request(&frame, &ack);
        sim_ws_say(peer->ws, frame.data, frame.len);
        buf_done(&frame);
    }
    world_pass(world, 119 * SECONDS); /* three go unanswered */
    assert_non_null(peer->ws);
    world_pass(world, 2 * SECONDS);
    assert_null(peer->ws);
    assert_false(state_instance_connected(instance_of(world, 0)));
    peer_free(peer);
    world_free(world);
}

static void tasks_are_told_one_by_one_until_acknowledged(void **state)
{
    struct world *world = quiet_world(1);
    struct peer *peer = peer_new(world);
    const char *last;

    (void)state;
    connect_acs(peer, 0, "true");
    assert_int_equal(world_run_task(world, "web", 1, 3), 3);
    assert_int_equal(frames_of(peer, "PayloadMessage", NULL), 0); /* not before it is durable */
    world_settle(world);
    assert_int_equal(frames_of(peer, "PayloadMessage", &last), 3);
    acknowledge(peer, last);
    /* A mere reconnect tells what was not reported; acknowledgements are not kept over it. */
    sim_ws_drop(peer->ws);
    world_settle(world);
    forget_frames(peer);
    connect_acs(peer, 0, "false");
    assert_int_equal(frames_of(peer, "PayloadMessage", NULL), 3);
    peer_free(peer);
    world_free(world);
}

/* A connection finds tasks in memory that are not in the store yet: they wait, and if the store
 * refuses them nobody ever hears of them. */
static void a_new_session_tells_nothing_that_may_be_lost(void **state)
{
    (void)state;
    for (int is_lost = 0; is_lost <= 1; is_lost++) {
        struct world *world = quiet_world(1);
        struct peer *first = peer_new(world), *second = peer_new(world);
        size_t told;

        connect_acs(first, 0, "true");
        if (is_lost)
            world_fail_store_write(world, 1);
        assert_int_equal(world_run_task(world, "web", 1, 2), 2);
        upgrade_acs(second, 0, "true");
        assert_int_equal(frames_of(second, "PayloadMessage", NULL), 0);
        assert_int_equal(frames_of(second, "TaskManifestMessage", NULL), 0);
        world_settle(world);
        told = frames_of(first, "PayloadMessage", NULL) + frames_of(second, "PayloadMessage", NULL);
        assert_int_equal(told, is_lost ? 0 : 2);
        assert_int_equal(frames_of(second, "TaskManifestMessage", NULL), is_lost ? 0 : 1);
        assert_int_equal(world->acked_count, is_lost ? 0 : 2);
        peer_free(first);
        peer_free(second);
        world_free(world);
    }
}

static void a_report_acknowledges_and_a_new_process_is_told_all(void **state)
{
    struct world *world = quiet_world(1);
    struct peer *peer = peer_new(world);
    struct task_report report = {.status = REPORT_RUNNING};
    struct txn *txn;

    (void)state;
    connect_acs(peer, 0, "true");
    world_run_task(world, "web", 1, 2);
    world_settle(world);
    txn = txn_begin(world->state, world->scope);
    assert_null(report_apply(txn, world_task(world, &world->acked[0]), &report));
    txn_commit(txn);
    world_settle(world);
    forget_frames(peer);
    sim_ws_drop(peer->ws);
    world_settle(world);
    connect_acs(peer, 0, "false");
    assert_int_equal(frames_of(peer, "PayloadMessage", NULL), 1);
    sim_ws_drop(peer->ws);
    world_settle(world);
    forget_frames(peer);
    connect_acs(peer, 0, "true"); /* AP-214: it may have forgotten */
    assert_int_equal(frames_of(peer, "PayloadMessage", NULL), 2);
    peer_free(peer);
    world_free(world);
}

static void payloads_in_flight_are_limited(void **state)
{
    struct world *world = quiet_world(1);
    struct peer *peer = peer_new(world);
    size_t told = 0;

    (void)state;
    connect_acs(peer, 0, "true");
    for (int i = 0; i < 20; i++)
        world_run_task(world, "web", 1, 10);
    world_settle(world);
    assert_int_equal(frames_of(peer, "PayloadMessage", NULL), 64);
    for (size_t i = 0; i < peer->count; i++) {
        if (!str_starts_with(peer->frames[i], "{\"type\":\"PayloadMessage\""))
            continue;
        acknowledge(peer, peer->frames[i]);
        told++;
    }
    assert_int_equal(told, 200);
    peer_free(peer);
    world_free(world);
}

static void what_is_not_acknowledged_is_repeated(void **state)
{
    struct world *world = quiet_world(1);
    struct peer *peer = peer_new(world);

    (void)state;
    connect_acs(peer, 0, "true");
    world_run_task(world, "web", 1, 1);
    world_settle(world);
    for (int i = 0; i < 40; i++) {
        struct buf frame = {0};

        acs_frame_heartbeat_ack_request(&frame, &(struct acs_heartbeat_ack_request){"x"});
        sim_ws_say(peer->ws, frame.data, frame.len);
        buf_done(&frame);
        world_pass(world, 20 * SECONDS);
    }
    assert_int_equal(frames_of(peer, "PayloadMessage", NULL), 3);
    peer_free(peer);
    world_free(world);
}

static void a_stop_is_told_again_until_it_is_reported(void **state)
{
    struct world *world = quiet_world(1);
    struct peer *peer = peer_new(world);
    const char *last;

    (void)state;
    connect_acs(peer, 0, "true");
    world_run_task(world, "web", 1, 1);
    world_settle(world);
    frames_of(peer, "PayloadMessage", &last);
    acknowledge(peer, last);
    world_stop_task(world, &world->acked[0]);
    world_settle(world);
    assert_int_equal(world_task(world, &world->acked[0])->last_status, TASK_STOPPING); /* SC-100 */
    frames_of(peer, "PayloadMessage", &last);
    assert_non_null(strstr(last, "\"desiredStatus\":\"STOPPED\""));
    acknowledge(peer, last);
    sim_ws_drop(peer->ws);
    world_settle(world);
    forget_frames(peer);
    connect_acs(peer, 0, "false");
    assert_int_equal(frames_of(peer, "PayloadMessage", &last), 1);
    assert_non_null(strstr(last, "\"desiredStatus\":\"STOPPED\""));
    peer_free(peer);
    world_free(world);
}

static void manifests_are_answered_from_the_tables(void **state)
{
    struct world *world = quiet_world(2);
    struct peer *peer = peer_new(world);
    struct arena arena = {0};
    struct acs_task_identifier candidates[3];
    struct acs_task_stop_verification_message ask = {.stop_candidates = {true, 3, candidates}};
    struct acs_message message;
    struct buf frame = {0};
    const char *last = "";

    (void)state;
    connect_acs(peer, 0, "true");
    world_run_task(world, "web", 1, 2);
    world_settle(world);
    world_stop_task(world, &world->acked[1]);
    world_settle(world);
    sim_ws_drop(peer->ws);
    world_settle(world);
    forget_frames(peer);
    connect_acs(peer, 0, "false");
    assert_int_equal(frames_of(peer, "TaskManifestMessage", &last), 1);
    assert_null(acs_decode_message(&arena, last, strlen(last), &message));
    assert_int_equal(message.task_manifest_message->tasks.count, 2);
    ask.message_id = message.task_manifest_message->message_id;
    /* One that is wanted, one on its way out, one nobody knows. */
    candidates[0] = (struct acs_task_identifier){
        arn_task(&arena, world->scope, SIM_CLUSTER, &world->acked[0]), "c", "STOPPED"};
    candidates[1] = (struct acs_task_identifier){
        arn_task(&arena, world->scope, SIM_CLUSTER, &world->acked[1]), "c", "STOPPED"};
    candidates[2] = (struct acs_task_identifier){
        arn_task(&arena, world->scope, SIM_CLUSTER, &(struct id){{7}}), "c", "STOPPED"};
    acs_frame_task_stop_verification_message(&frame, &ask);
    sim_ws_say(peer->ws, frame.data, frame.len);
    world_settle(world);
    assert_int_equal(frames_of(peer, "TaskStopVerificationAck", &last), 1);
    assert_null(strstr(last, candidates[0].task_arn));
    assert_null(strstr(last, candidates[1].task_arn)); /* its payload tells the stop */
    assert_non_null(strstr(last, candidates[2].task_arn));
    sim_ws_say(peer->ws, frame.data, frame.len); /* AP-242: once */
    world_settle(world);
    assert_int_equal(frames_of(peer, "TaskStopVerificationAck", NULL), 1);
    buf_done(&frame);
    arena_done(&arena);
    peer_free(peer);
    world_free(world);
}

static void nonsense_is_borne_for_a_while(void **state)
{
    static const char *const frames[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"type\":1}",
        "{\"type\":\"AckRequest\"}",
        "{\"type\":\"AckRequest\",\"message\":{}}",
        "{\"type\":\"AckRequest\",\"message\":{\"messageId\":7}}",
        ("{\"type\":\"TaskStopVerificationMessage\",\"message\":{"
         "\"messageId\":\"x\",\"stopCandidates\":7}}"),
    };
    struct world *world = quiet_world(1);
    struct peer *peer = peer_new(world);
    int said = 0;

    (void)state;
    connect_acs(peer, 0, "true");
    const char *unheard = "{\"type\":\"Unheard\",\"message\":{}}";
    sim_ws_say(peer->ws, unheard, strlen(unheard)); /* AP-211: passed over */
    while (peer->ws && said < 100) {
        const char *frame = frames[said++ % ARRAY_LEN(frames)];

        sim_ws_say(peer->ws, frame, strlen(frame));
    }
    assert_in_range(said, 16, 40);
    assert_int_equal(peer->close_code, 1008);
    peer_free(peer);
    world_free(world);
}

static void a_session_ends_after_an_hour(void **state)
{
    struct world *world = world_new(3, 1); /* its agent answers heartbeats */
    unsigned connections;

    (void)state;
    world_pass(world, 10 * SECONDS);
    connections = world->agents[0].connection;
    world_pass(world, 50 * MINUTES);
    assert_int_equal(world->agents[0].connection, connections);
    world_pass(world, 20 * MINUTES);
    assert_int_equal(world->agents[0].connection, connections + 1);
    assert_true(state_instance_connected(instance_of(world, 0)));
    world_free(world);
}

/* ---- telemetry ---- */

/* A4 and A5 of the protocol's appendix: frames of the official agent, signature and all. */
#define GOLDEN_QUERY                                                                               \
    "agentHash=a8b3e7d3&agentVersion=1.105.1&cluster=default&containerInstance="                   \
    "arn%3Aaws%3Aecs%3Aus-east-1%3A123456789012%3Acontainer-instance%2Fdefault%2F"                 \
    "0123456789abcdef0123456789abcdef&dockerVersion=20.10.24%2Bdfsg1"
#define GOLDEN_AUTH(signature)                                                                     \
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/ecs/aws4_request, " \
    "SignedHeaders=host;x-amz-date, Signature=" signature "\r\nHost: 127.0.0.1:18080\r\n"
static const char golden_metrics[] =
    GOLDEN_AUTH("e6d3bd6601e58f646448dcf675da6fdca959c47ed1e9102af6717133107cdd9"
                "d") "X-Amz-Date: 20261120T071909Z\r\n\r\n"
                     "{\"type\":\"PublishMetricsRequest\",\"message\":{"
                     "\"metadata\":{\"cluster\":\"default\","
                     "\"containerInstance\":\"arn:aws:ecs:us-east-1:"
                     "123456789012:container-instance/default/"
                     "0123456789abcdef0123456789abcdef\",\"fin\":true,\"idle\":"
                     "true,\"messageId\":"
                     "\"a4a0306b-39a0-47f7-879b-9bd20457b3f2\"},\"timestamp\":"
                     "1795159149.994}}";
static const char golden_health[] =
    GOLDEN_AUTH("260b7db40c30b9f2f85b1a68cfe122294e563c5f6f76fca88f4a8777339aead"
                "b") "X-Amz-Date: 20261120T071929Z\r\n\r\n"
                     "{\"type\":\"PublishHealthRequest\",\"message\":{"
                     "\"metadata\":{\"cluster\":\"default\","
                     "\"containerInstance\":\"arn:aws:ecs:us-east-1:123456789012:"
                     "container-instance/default/"
                     "0123456789abcdef0123456789abcdef\",\"fin\":true,"
                     "\"messageId\":"
                     "\"dd7fb055-e949-4c12-a52a-5216498b5557\"},\"tasks\":[{"
                     "\"containers\":[{\"containerName\":"
                     "\"db\",\"healthStatus\":\"HEALTHY\",\"statusSince\":"
                     "1795159151.571}],\"taskArn\":"
                     "\"arn:aws:ecs:us-east-1:123456789012:task/default/"
                     "aaaaaaaabbbbccccddddeeeeeeeeeeee\","
                     "\"taskDefinitionFamily\":\"fam\",\"taskDefinitionVersion\":"
                     "\"3\"}],"
                     "\"timestamp\":1795159169.985}}";
#define GOLDEN_TIME_MS 1795159149000 /* 2026-11-20T07:19:09Z */

static int64_t golden_wall_ms(void *data)
{
    (void)data;
    return GOLDEN_TIME_MS;
}

/* The instance and the task of the recording. */
static const struct scope *add_golden_records(struct world *world)
{
    const struct scope *scope = state_scope(world->state, "us-east-1", "123456789012");
    struct txn *txn = txn_begin(world->state, scope);
    struct container_instance *instance = container_instance_new();
    struct cluster *cluster = cluster_new();
    struct task *task = task_new();
    struct container *container = task_resize_containers(task, 1);

    cluster_set_name(cluster, "default");
    txn_insert_cluster(txn, cluster);
    assert_true(id_parse("0123456789abcdef0123456789abcdef", &instance->id));
    container_instance_set_cluster(instance, "default");
    instance->status = INSTANCE_ACTIVE;
    task->instance = instance->id;
    txn_insert_instance(txn, instance);
    assert_true(id_parse("aaaaaaaabbbbccccddddeeeeeeeeeeee", &task->id));
    task_set_cluster(task, "default");
    task_set_family(task, "fam");
    task_set_group(task, "family:fam");
    task->revision = 3;
    task->last_status = TASK_RUNNING;
    task->desired_status = TASK_RUNNING;
    task->is_acknowledged = true;
    container_set_name(container, "db");
    container->is_essential = container->has_health_check = true;
    txn_insert_task(txn, task);
    txn_commit(txn);
    world_settle(world);
    return scope;
}

static const struct task *golden_task(struct world *world, const struct scope *scope)
{
    struct id id;

    assert_true(id_parse("aaaaaaaabbbbccccddddeeeeeeeeeeee", &id));
    return state_task(world->state, scope, "default", &id);
}

static enum health_status golden_health_status(struct world *world, const struct scope *scope)
{
    return golden_task(world, scope)->containers[0].health;
}

static void telemetry_of_the_official_agent_is_taken(void **state)
{
    struct world *world = quiet_world(1);
    struct peer *peer = peer_new(world);
    struct agent_identity identity = {.scope = add_golden_records(world),
                                      .access_key_id = "AKIDEXAMPLE",
                                      .secret_access_key = "secretexamplekey"};

    (void)state;
    world->clock.wall_ms = golden_wall_ms;
    connect_as(peer, "/tcs/ws", GOLDEN_QUERY, &identity);
    assert_int_equal(peer->status, 101);
    sim_ws_say(peer->ws, golden_metrics, strlen(golden_metrics));
    assert_int_equal(frames_of(peer, "AckPublishMetric", NULL), 1);
    sim_ws_say(peer->ws, golden_health, strlen(golden_health));
    assert_int_equal(frames_of(peer, "AckPublishHealth", NULL), 1);
    assert_int_equal(golden_health_status(world, identity.scope), HEALTH_HEALTHY); /* AP-510 */
    world_settle(world);
    forget_frames(peer);
    world_pass(world, 61 * SECONDS);
    assert_int_equal(frames_of(peer, "HeartbeatMessage", NULL), 2);
    peer_free(peer);
    world_free(world);
}

static void telemetry_with_a_wrong_signature_changes_nothing(void **state)
{
    struct world *world = quiet_world(1);
    struct peer *peer = peer_new(world);
    struct agent_identity identity = {.scope = add_golden_records(world),
                                      .access_key_id = "AKIDEXAMPLE",
                                      .secret_access_key = "anothersecret"};

    (void)state;
    world->clock.wall_ms = golden_wall_ms;
    connect_as(peer, "/tcs/ws", GOLDEN_QUERY, &identity);
    sim_ws_say(peer->ws, golden_health, strlen(golden_health));
    assert_int_equal(frames_of(peer, "InvalidParameterException", NULL), 1);
    sim_ws_say(peer->ws, "{\"type\":\"PublishHealthRequest\"}", 31); /* no signature at all */
    assert_int_equal(frames_of(peer, "InvalidParameterException", NULL), 2);
    assert_int_equal(golden_health_status(world, identity.scope), HEALTH_UNKNOWN);
    peer_free(peer);
    world_free(world);
}

/* An agent tells of the tasks of its own instance only. */
static void telemetry_of_anothers_task_is_passed_over(void **state)
{
    struct world *world = quiet_world(1);
    struct peer *peer = peer_new(world);
    const struct scope *scope = add_golden_records(world);
    struct agent_identity identity = {.scope = scope};
    struct txn *txn = txn_begin(world->state, scope);
    struct container_instance *other = container_instance_new();
    struct id id;

    (void)state;
    other->id = (struct id){{9}};
    container_instance_set_cluster(other, "default");
    other->status = INSTANCE_ACTIVE;
    txn_insert_instance(txn, other);
    txn_commit(txn);
    world_settle(world);
    (void)id;
    connect_as(peer, "/tcs/ws",
               "cluster=default&containerInstance=09000000000000000000000000000000", &identity);
    assert_int_equal(peer->status, 101);
    sim_ws_say(peer->ws, golden_health, strlen(golden_health));
    assert_int_equal(frames_of(peer, "AckPublishHealth", NULL), 1);
    assert_int_equal(golden_health_status(world, scope), HEALTH_UNKNOWN);
    peer_free(peer);
    world_free(world);
}

/* What a task uses is kept from frames of its own instance, and of no other (AP-505, MS-001). */
static void metrics_of_own_tasks_are_kept(void **state)
{
    static const char frame[] =
        "\r\n\r\n{\"type\":\"PublishMetricsRequest\",\"message\":{\"metadata\":{\"fin\":true},"
        "\"taskMetrics\":[{\"taskArn\":\"arn:aws:ecs:us-east-1:123456789012:task/default/"
        "aaaaaaaabbbbccccddddeeeeeeeeeeee\",\"containerMetrics\":[{\"cpuStatsSet\":{"
        "\"sampleCount\":2,\"sum\":100}}]},{\"taskArn\":\"arn:aws:ecs:us-east-1:123456789012:task/"
        "default/00000000000000000000000000000001\",\"containerMetrics\":[{}]}],"
        "\"timestamp\":1795159169.985}}";
    struct world *world = quiet_world(1);
    struct peer *peer = peer_new(world);
    const struct scope *scope = add_golden_records(world);
    struct agent_identity identity = {.scope = scope};
    struct control_stats stats;

    (void)state;
    connect_as(peer, "/tcs/ws",
               "cluster=default&containerInstance=0123456789abcdef0123456789abcdef", &identity);
    assert_int_equal(peer->status, 101);
    control_stats(world->control, &stats);
    assert_int_equal(stats.tasks_measured, 0);
    sim_ws_say(peer->ws, frame, strlen(frame));
    assert_int_equal(frames_of(peer, "AckPublishMetric", NULL), 1);
    control_stats(world->control, &stats);
    assert_int_equal(stats.tasks_measured, 1);
    peer_free(peer);
    world_free(world);
}

/* Changes some bytes, cuts, doubles. */
static char *mangle(struct rng *rng, const char *frame, size_t *ret_len)
{
    size_t len = strlen(frame);
    char *mangled = xmalloc(2 * len + 1);

    memcpy(mangled, frame, len + 1);
    for (uint64_t n = rng_below(rng, 6); n-- > 0;)
        mangled[rng_below(rng, len)] = (char)rng_below(rng, 256);
    if (rng_below(rng, 4) == 0)
        len = rng_below(rng, len + 1);
    if (rng_below(rng, 8) == 0) {
        memmove(mangled + len, mangled, len);
        len *= 2;
    }
    mangled[len] = '\0';
    *ret_len = len;
    return mangled;
}

static void ten_thousand_mangled_frames_do_no_harm(void **state)
{
    static const char *const acs_frames[] = {
        "{\"type\":\"AckRequest\",\"message\":{\"cluster\":\"c\",\"containerInstance\":\"i\","
        "\"messageId\":\"00000000000000000000000000000000.1\"}}",
        "{\"type\":\"HeartbeatAckRequest\",\"message\":{\"messageId\":\"x\"}}",
        "{\"type\":\"TaskStopVerificationMessage\",\"message\":{\"messageId\":\"manifest-1\","
        "\"stopCandidates\":[{\"taskArn\":\"arn:aws:ecs:us-east-1:000000000000:task/default/"
        "00112233445566778899aabbccddeeff\",\"taskClusterArn\":\"c\",\"desiredStatus\":"
        "\"STOPPED\"}]}}",
        "{\"type\":\"IAMRoleCredentialsAckRequest\",\"message\":{\"messageId\":\"x\","
        "\"credentialsId\":\"y\",\"expiration\":\"2030-01-01T00:00:00Z\"}}",
    };
    static const char *const tcs_frames[] = {golden_metrics, golden_health};
    struct world *world = quiet_world(1);
    struct peer *acs = peer_new(world), *tcs = peer_new(world);
    struct agent_identity identity = {.scope = add_golden_records(world)};
    struct rng rng = rng_seeded(4);

    (void)state;
    for (int i = 0; i < 10000; i++) {
        bool is_acs = rng_below(&rng, 2);
        struct peer *peer = is_acs ? acs : tcs;
        CLEANUP(str_freep) char *frame = NULL;
        size_t len;

        if (!peer->ws) {
            forget_frames(peer);
            if (is_acs)
                connect_acs(peer, 0, "true");
            else
                connect_as(peer, "/tcs/ws", GOLDEN_QUERY, &identity);
            assert_int_equal(peer->status, 101);
        }
        frame = mangle(&rng,
                       is_acs ? acs_frames[rng_below(&rng, ARRAY_LEN(acs_frames))]
                              : tcs_frames[rng_below(&rng, ARRAY_LEN(tcs_frames))],
                       &len);
        sim_ws_say(peer->ws, frame, len);
        if (peer->count > ARRAY_LEN(peer->frames) / 2)
            forget_frames(peer);
    }
    assert_int_equal(golden_task(world, identity.scope)->last_status, TASK_RUNNING);
    assert_int_equal(golden_task(world, identity.scope)->desired_status, TASK_RUNNING);
    peer_free(acs);
    peer_free(tcs);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_are_in_the_agents_form),
        cmocka_unit_test(connecting_makes_the_instance_connected),
        cmocka_unit_test(heartbeats_come_and_want_answers),
        cmocka_unit_test(tasks_are_told_one_by_one_until_acknowledged),
        cmocka_unit_test(a_new_session_tells_nothing_that_may_be_lost),
        cmocka_unit_test(a_report_acknowledges_and_a_new_process_is_told_all),
        cmocka_unit_test(payloads_in_flight_are_limited),
        cmocka_unit_test(what_is_not_acknowledged_is_repeated),
        cmocka_unit_test(a_stop_is_told_again_until_it_is_reported),
        cmocka_unit_test(manifests_are_answered_from_the_tables),
        cmocka_unit_test(nonsense_is_borne_for_a_while),
        cmocka_unit_test(a_session_ends_after_an_hour),
        cmocka_unit_test(ten_thousand_mangled_frames_do_no_harm),
        cmocka_unit_test(telemetry_of_the_official_agent_is_taken),
        cmocka_unit_test(telemetry_with_a_wrong_signature_changes_nothing),
        cmocka_unit_test(telemetry_of_anothers_task_is_passed_over),
        cmocka_unit_test(metrics_of_own_tasks_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
