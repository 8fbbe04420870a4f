/* Credentials of tasks' roles: made, told, renewed, read, ended (AG-301 to AG-306, AG-314, AP-214,
 * AP-226, AP-231 to AP-233). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "control/role_session.h"
#include "core/task.h"
#include "gen/agent_types.h"
#include "sim.h"
#include "sim_world.h"

#define SECONDS   1000
#define ACCOUNT   "000000000000"
#define LASTS_MS  (60 * SECONDS)
#define RENEW_MS  (LASTS_MS / 2)
#define ROLE      "arn:aws:iam::" ACCOUNT ":role/web"
#define EXECUTION "arn:aws:iam::" ACCOUNT ":role/path/puller"

/* An agent that notes what it is told of credentials. */
struct peer {
    struct world *world;
    struct ws *ws;
    struct arena arena;
    struct acs_role_credentials application, execution; /* the newest */
    unsigned payloads, messages;
};

static void on_frame(const char *text, size_t len, void *data)
{
    struct peer *peer = data;
    struct acs_message message;
    const struct acs_task *task;

    assert_null(acs_decode_message(&peer->arena, text, len, &message));
    if (message.type == ACS_MESSAGE_PAYLOAD_MESSAGE) {
        task = &message.payload_message->tasks.items[0];
        peer->payloads++;
        if (task->role_credentials)
            peer->application = *task->role_credentials;
        if (task->execution_role_credentials)
            peer->execution = *task->execution_role_credentials;
    } else if (message.type == ACS_MESSAGE_IAM_ROLE_CREDENTIALS_MESSAGE) {
        peer->messages++;
        if (str_eq(message.iam_role_credentials_message->role_type, "TaskExecution"))
            peer->execution = *message.iam_role_credentials_message->role_credentials;
        else
            peer->application = *message.iam_role_credentials_message->role_credentials;
    }
}

static void on_closed(int code, void *data)
{
    struct peer *peer = data;

    (void)code;
    peer->ws = NULL;
}

static void join(struct peer *peer, const char *asks_all)
{
    const struct agent_identity identity = {.scope = peer->world->scope};
    const struct sim_peer sim_peer = {on_frame, on_closed, peer};
    struct http_exchange *ex = sim_exchange_new(peer->world->loop, &sim_peer);
    char hex[ID_HEX_SIZE], query[300];
    struct http_request req = {
        .method = "GET", .path = "/acs/ws", .query = query, .wants_websocket = true};

    id_format(&peer->world->agents[0].instance, hex);
    snprintf(query, sizeof(query),
             "clusterArn=default&containerInstanceArn=arn%%3Aaws%%3Aecs%%3Aus-east-1%%3A" ACCOUNT
             "%%3Acontainer-instance%%2Fdefault%%2F%s&protocolVersion=2&sendCredentials=%s",
             hex, asks_all);
    control_upgrade(peer->world->control, ex, &req, &identity);
    peer->ws = sim_exchange_socket(ex);
    assert_non_null(peer->ws);
    sim_exchange_free(ex);
    world_settle(peer->world);
}

static void leave(struct peer *peer)
{
    sim_ws_drop(peer->ws);
    peer->ws = NULL;
    world_settle(peer->world);
    peer->payloads = peer->messages = 0;
}

static void define(struct world *world, const char *family, const char *roles)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct task_definition *definition = task_definition_new();
    CLEANUP(str_freep)
    char *document = str_printf("{\"family\":\"%s\",\"containerDefinitions\":[{\"name\":\"app\","
                                "\"image\":\"busybox\",\"cpu\":1,\"memory\":16}]%s}",
                                family, roles);

    task_definition_set_family(definition, family);
    definition->status = DEFINITION_ACTIVE;
    definition->network_mode = NETWORK_MODE_BRIDGE;
    definition->cpu = 1;
    definition->memory = 16;
    task_definition_set_document(definition, document);
    txn_insert_task_definition(txn, definition);
    txn_commit(txn);
    world_settle(world);
}

/* A world with an agent of ours, credentials that last a minute, and one task with two roles. */
static struct world *start(struct peer *peer)
{
    struct world *world = world_new(7, 1);

    world->agents[0].is_dead = true; /* the simulation's own agent stays away */
    world->options.role_session_ms = LASTS_MS;
    world_restart(world);
    world_settle(world);
    *peer = (struct peer){.world = world};
    define(world, "roles", ",\"taskRoleArn\":\"web\",\"executionRoleArn\":\"" EXECUTION "\"");
    define(world, "bare", "");
    join(peer, "true");
    assert_int_equal(world_run_task(world, "roles", 1, 1), 1);
    world_settle(world);
    assert_int_equal(peer->payloads, 1);
    return world;
}

static void finish(struct peer *peer)
{
    if (peer->ws)
        leave(peer);
    world_free(peer->world);
    arena_done(&peer->arena);
}

static struct error *check(struct world *world, const struct acs_role_credentials *given,
                           struct role_session *ret)
{
    struct arena arena = {0};
    struct role_keys keys;
    struct error *err = role_session_read(&arena, world->state, given->session_token, ret, &keys);

    if (!err) {
        assert_string_equal(keys.access_key_id, given->access_key_id);
        assert_string_equal(keys.secret_access_key, given->secret_access_key);
        assert_string_equal(keys.credentials_id, given->credentials_id);
        err = role_session_check(world->state, ret, world_wall_ms(world));
    }
    arena_done(&arena);
    return err;
}

static void expect(struct world *world, const struct acs_role_credentials *given,
                   enum api_error code)
{
    struct role_session session;
    struct error *err = check(world, given, &session);

    assert_non_null(err);
    assert_int_equal(err->code, code);
    error_free(err);
}

static void a_task_is_told_with_its_credentials(void **state)
{
    struct peer peer;
    struct world *world = start(&peer);
    struct role_session session;

    (void)state;
    assert_string_equal(peer.application.role_arn, ROLE); /* AG-314: a bare name */
    assert_string_equal(peer.execution.role_arn, EXECUTION);
    assert_true(str_starts_with(peer.application.access_key_id, "ASIA"));
    assert_int_equal(strlen(peer.application.access_key_id), 20);
    assert_int_equal(strlen(peer.application.secret_access_key), 40);
    assert_int_equal(strlen(peer.application.credentials_id), 36);
    assert_int_equal(strlen(peer.application.expiration), 20); /* whole seconds, UTC */
    assert_string_not_equal(peer.application.credentials_id, peer.execution.credentials_id);
    assert_string_not_equal(peer.application.access_key_id, peer.execution.access_key_id);
    assert_null(check(world, &peer.application, &session));
    assert_int_equal(session.kind, ROLE_APPLICATION);
    assert_true(session.expires_ms > world_wall_ms(world) + LASTS_MS * 4 / 6 &&
                session.expires_ms <= world_wall_ms(world) + LASTS_MS);
    assert_null(check(world, &peer.execution, &session));
    assert_int_equal(session.kind, ROLE_EXECUTION);
    peer.application = peer.execution = (struct acs_role_credentials){0};
    assert_int_equal(world_run_task(world, "bare", 1, 1), 1);
    world_settle(world);
    assert_int_equal(peer.payloads, 2);
    assert_null(peer.application.credentials_id);
    assert_null(peer.execution.credentials_id);
    finish(&peer);
}

static void what_was_not_made_here_is_refused(void **state)
{
    struct peer peer;
    struct world *world = start(&peer);
    struct acs_role_credentials other = peer.application;
    size_t len = strlen(peer.application.session_token);
    char *token = arena_dup(&peer.arena, peer.application.session_token);
    static const char *const rows[] = {"", "x", "xxxx", "====", "AAAAAAAA", "fA=="};

    (void)state;
    other.session_token = NULL;
    expect(world, &other, API_UNRECOGNIZED_CLIENT);
    other.session_token = token;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        other.session_token = rows[i];
        expect(world, &other, API_UNRECOGNIZED_CLIENT);
    }
    other.session_token = token;
    for (size_t i = 0; i < len; i++) { /* each letter counts */
        char was = token[i];

        token[i] = was == 'B' ? 'C' : 'B';
        expect(world, &other, API_UNRECOGNIZED_CLIENT);
        token[i] = was;
    }
    token[len / 8 * 4] = '\0'; /* cut short */
    expect(world, &other, API_UNRECOGNIZED_CLIENT);
    finish(&peer);
}

static void they_are_renewed_in_time(void **state)
{
    struct peer peer;
    struct world *world = start(&peer);
    const struct acs_role_credentials first = peer.application;
    struct role_session session;

    (void)state;
    for (int i = 1; i <= 2; i++) {
        world_pass(world, RENEW_MS);
        assert_int_equal(peer.messages, 2 * i); /* one for each role */
        assert_null(check(world, &peer.application, &session));
        assert_null(check(world, &peer.execution, &session));
    }
    assert_string_equal(peer.application.credentials_id, first.credentials_id); /* AP-233 */
    assert_string_not_equal(peer.application.access_key_id, first.access_key_id);
    assert_string_not_equal(peer.application.expiration, first.expiration);
    expect(world, &first, API_EXPIRED_TOKEN);
    finish(&peer);
}

static void who_was_away_gets_what_it_missed(void **state)
{
    struct peer peer;
    struct world *world = start(&peer);
    struct role_session session;

    (void)state;
    leave(&peer);
    join(&peer, "false"); /* at once: nothing was missed, and the payload comes again by itself */
    assert_int_equal(peer.messages, 0);
    leave(&peer);
    world_pass(world, RENEW_MS);
    join(&peer, "false");
    assert_int_equal(peer.messages, 2);
    assert_null(check(world, &peer.application, &session));
    leave(&peer);
    world_pass(world, RENEW_MS);
    join(&peer, "true"); /* AP-214: a new process is told all its tasks, with their credentials */
    assert_int_equal(peer.messages, 0);
    assert_int_equal(peer.payloads, 1);
    assert_null(check(world, &peer.application, &session));
    finish(&peer);
}

static void a_restart_changes_nothing(void **state)
{
    struct peer peer;
    struct world *world = start(&peer);
    const struct acs_role_credentials first = peer.application;
    struct role_session session;

    (void)state;
    world_restart(world);
    world_settle(world);
    assert_null(check(world, &first, &session));
    join(&peer, "true");
    assert_string_equal(peer.application.credentials_id, first.credentials_id);
    finish(&peer);
}

static void they_end_with_the_task(void **state)
{
    struct peer peer;
    struct world *world = start(&peer);
    struct txn *txn = txn_begin(world->state, world->scope);
    struct task *task =
        txn_edit_task(txn, state_task(world->state, world->scope, SIM_CLUSTER, &world->acked[0]));
    struct role_session session;

    (void)state;
    task_want_stopped(task, STOP_CODE_USER_INITIATED, "enough", world_wall_ms(world));
    txn_commit(txn);
    world_settle(world);
    assert_null(check(world, &peer.application, &session)); /* it goes down with them */
    txn = txn_begin(world->state, world->scope);
    task =
        txn_edit_task(txn, state_task(world->state, world->scope, SIM_CLUSTER, &world->acked[0]));
    task_set_status(task, TASK_STOPPED, world_wall_ms(world));
    txn_commit(txn);
    world_settle(world);
    expect(world, &peer.application, API_UNRECOGNIZED_CLIENT);
    expect(world, &peer.execution, API_UNRECOGNIZED_CLIENT);
    finish(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_is_told_with_its_credentials),
        cmocka_unit_test(what_was_not_made_here_is_refused),
        cmocka_unit_test(they_are_renewed_in_time),
        cmocka_unit_test(who_was_away_gets_what_it_missed),
        cmocka_unit_test(a_restart_changes_nothing),
        cmocka_unit_test(they_end_with_the_task),
    };

    return cmocka_run_group_tests_name("control_credentials", tests, NULL, NULL);
}
