/* sim_agent.c - agents as the server sees them: slow, forgetful on the wire, never about their
 * tasks. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "control/report.h"
#include "gen/agent_types.h"

static bool chance(struct world *world, unsigned percent)
{
    return !world->is_calm && rng_below(&world->rng, 100) < percent;
}

static int64_t within(struct world *world, int64_t ms)
{
    return 1 + (int64_t)rng_below(&world->rng, (uint64_t)ms);
}

static void say(struct sim_agent *agent, struct buf *frame)
{
    if (agent->ws)
        sim_ws_say(agent->ws, frame->data, frame->len);
    buf_done(frame);
}

/* ---- reports ---- */

struct delivery {
    struct sim_task *task;
    struct world *world;
    struct id id;
    struct sim_agent *agent;
    int reported;
};

static void report_later(struct sim_task *task);

static void on_delivered(const struct error *err, void *data)
{
    struct delivery *delivery = data;
    struct sim_task *task = agent_task(delivery->agent, &delivery->id);

    /* The answer may be lost: then the same is told again. */
    if (!err && task && !chance(delivery->world, 15) && delivery->reported > task->reported)
        task->reported = delivery->reported;
    if (task)
        report_later(task);
    free(delivery);
}

static int to_report(const struct sim_task *task)
{
    if (task->phase == SIM_DOWN)
        return task->is_quiet ? 0 : 2;
    return task->phase == SIM_UP || (task->phase == SIM_GOING_DOWN && task->was_up) ? 1 : 0;
}

static void on_report(void *data)
{
    struct sim_task *task = data;
    struct world *world = task->agent->world;
    const struct task *record;
    struct report_binding binding = {"0.0.0.0", 80, 32768, NULL, NULL, "tcp"};
    struct container_report container = {.name = "app"};
    struct task_report report = {.reason = "", .containers = &container, .container_count = 1};
    struct delivery *delivery;
    int what = to_report(task);
    struct txn *txn;

    if (task->agent->is_dead || what <= task->reported)
        return;
    if (!world->control || chance(world, 15)) { /* lost on the way */
        report_later(task);
        return;
    }
    report.status = what == 2 ? REPORT_STOPPED : REPORT_RUNNING;
    container.status = report.status;
    container.runtime_id = task->was_up ? "0123" : NULL;
    if (what == 2 && task->was_up) {
        container.has_exit_code = true;
        container.exit_code = task->exit_code;
    } else if (what == 2 && task->fails_to_start) {
        container.reason = "CannotPullContainerError: not found";
    }
    if (what == 1) {
        container.has_bindings = true;
        container.bindings = &binding;
        container.binding_count = 1;
    }
    txn = txn_begin(world->state, world->scope);
    record = world_task(world, &task->id);
    if (record)
        WORLD_CHECK(world, !report_apply(txn, record, &report));
    txn_commit(txn);
    delivery = xcalloc(1, sizeof(*delivery));
    *delivery = (struct delivery){task, world, task->id, task->agent, what};
    state_when_durable(world->state, on_delivered, delivery);
}

static void report_later(struct sim_task *task)
{
    struct world *world = task->agent->world;

    if (to_report(task) > task->reported && !task->report.is_running)
        timer_start(&task->report, world->loop, within(world, world->is_calm ? 5 : 800), on_report,
                    task);
}

/* ---- tasks ---- */

struct sim_task *agent_task(struct sim_agent *agent, const struct id *id)
{
    for (struct sim_task *task = agent->tasks; task; task = task->next)
        if (id_cmp(&task->id, id) == 0)
            return task;
    return NULL;
}

int agent_running(const struct sim_agent *agent)
{
    int count = 0;

    for (const struct sim_task *task = agent->tasks; task; task = task->next)
        count += task->phase == SIM_UP || task->phase == SIM_GOING_DOWN;
    return count;
}

static void go_down(struct sim_task *task, int exit_code)
{
    timer_stop(&task->step);
    task->phase = SIM_DOWN;
    task->exit_code = exit_code;
    report_later(task);
}

static void on_step(void *data)
{
    struct sim_task *task = data;

    if (task->phase == SIM_GOING_DOWN) {
        go_down(task, 137);
        return;
    }
    if (task->fails_to_start) {
        go_down(task, 0);
        return;
    }
    task->phase = SIM_UP;
    task->was_up = true;
    WORLD_CHECK(task->agent->world, ++task->starts == 1); /* never twice */
    report_later(task);
}

static void want_stopped(struct sim_task *task)
{
    struct world *world = task->agent->world;

    task->is_wanted = false;
    if (task->phase >= SIM_GOING_DOWN)
        return;
    if (!task->was_up) {
        go_down(task, 0);
        return;
    }
    task->phase = SIM_GOING_DOWN;
    timer_start(&task->step, world->loop, within(world, 3000), on_step, task);
}

static struct sim_task *new_task(struct sim_agent *agent, const struct id *id)
{
    struct world *world = agent->world;
    struct sim_task *task = xcalloc(1, sizeof(*task));

    for (int i = 0; i < world->agent_count; i++)
        WORLD_CHECK(world, !agent_task(&world->agents[i], id)); /* on no other host */
    task->agent = agent;
    task->id = *id;
    task->next = agent->tasks;
    agent->tasks = task;
    return task;
}

static bool is_of_bad_revision(struct world *world, const struct id *id)
{
    const struct task *task = world_task(world, id);

    return world->bad_revision && task && task->revision == world->bad_revision;
}

static void want(struct sim_agent *agent, const struct id *id, bool is_running)
{
    struct world *world = agent->world;
    struct sim_task *task = agent_task(agent, id);

    if (task) {
        if (!is_running)
            want_stopped(task);
        return;
    }
    task = new_task(agent, id);
    if (!is_running) {
        task->phase = SIM_DOWN;
        task->is_quiet = rng_below(&world->rng, 2); /* AP-222 */
        report_later(task);
        return;
    }
    task->is_wanted = true;
    task->fails_to_start = (int64_t)rng_below(&world->rng, 100) < world->start_fails_percent ||
                           is_of_bad_revision(world, &task->id);
    timer_start(&task->step, world->loop, within(world, 2000), on_step, task);
}

void agent_exit_task(struct sim_agent *agent, const struct id *id, int exit_code)
{
    struct sim_task *task = agent_task(agent, id);

    if (task && (task->phase == SIM_UP || task->phase == SIM_GOING_DOWN))
        go_down(task, exit_code);
}

/* ---- frames ---- */

static bool read_task_id(const char *arn, struct id *ret)
{
    const char *slash = strrchr(arn, '/');

    return slash && id_parse(slash + 1, ret);
}

static bool is_durable(const struct world *world, const struct id *id)
{
    for (size_t i = world->durable_count; i-- > 0;)
        if (id_cmp(&world->durable[i], id) == 0)
            return true;
    return false;
}

static void on_payload(struct sim_agent *agent, const struct acs_payload_message *message)
{
    const struct acs_task *told = &message->tasks.items[0];
    struct acs_ack_request ack = {message->cluster_arn, message->container_instance_arn,
                                  message->message_id};
    struct buf frame = {0};
    struct id id;

    agent->payloads++;
    WORLD_CHECK(agent->world, message->tasks.count == 1); /* AP-225 */
    WORLD_CHECK(agent->world, read_task_id(told->arn, &id));
    WORLD_CHECK(agent->world, is_durable(agent->world, &id)); /* told only once it is safe */
    want(agent, &id, str_eq(told->desired_status, "RUNNING"));
    if (chance(agent->world, 10))
        return;
    acs_frame_ack_request(&frame, &ack);
    say(agent, &frame);
}

/* AP-240, AP-241 */
static void on_manifest(struct sim_agent *agent, struct arena *arena,
                        const struct acs_task_manifest_message *message)
{
    struct acs_task_stop_verification_message answer = {.message_id = message->message_id};
    struct buf frame = {0};
    size_t count = 0;

    WORLD_CHECK(agent->world, message->timeline > agent->timeline);
    agent->timeline = message->timeline;
    agent->manifests++;
    snprintf(agent->manifest_id, sizeof(agent->manifest_id), "%s", message->message_id);
    for (struct sim_task *task = agent->tasks; task; task = task->next)
        count++;
    SET_LIST(arena, &answer.stop_candidates, count);
    answer.stop_candidates.count = 0;
    for (struct sim_task *task = agent->tasks; task; task = task->next) {
        bool is_listed = false;
        struct id id;

        for (size_t i = 0; i < message->tasks.count && !is_listed; i++)
            is_listed = read_task_id(message->tasks.items[i].task_arn, &id) &&
                        id_cmp(&id, &task->id) == 0 &&
                        str_eq(message->tasks.items[i].desired_status, "RUNNING");
        if (!task->is_wanted || is_listed)
            continue;
        answer.stop_candidates.items[answer.stop_candidates.count++] = (struct acs_task_identifier){
            arn_task(arena, agent->world->scope, SIM_CLUSTER, &task->id), "", "STOPPED"};
    }
    if (!answer.stop_candidates.count)
        return;
    acs_frame_task_stop_verification_message(&frame, &answer);
    say(agent, &frame);
}

static void on_verified(struct sim_agent *agent,
                        const struct acs_task_stop_verification_ack *message)
{
    if (!str_eq(message->message_id, agent->manifest_id))
        return;
    agent->manifest_id[0] = '\0';
    for (size_t i = 0; i < message->stop_tasks.count; i++) {
        struct sim_task *task;
        struct id id;

        WORLD_CHECK(agent->world, read_task_id(message->stop_tasks.items[i].task_arn, &id));
        task = agent_task(agent, &id);
        agent->stop_orders++;
        if (task)
            want_stopped(task);
    }
}

struct frame_due {
    struct timer timer;
    struct sim_agent *agent;
    unsigned connection; /* it came over */
    char *text;
};

static void on_frame_due(void *data)
{
    struct frame_due *due = data;
    struct sim_agent *agent = due->agent;
    struct acs_heartbeat_ack_request ack = {0};
    struct arena arena = {0};
    struct buf frame = {0};
    struct acs_message message;

    if (agent->connection == due->connection && agent->ws && !agent->is_dead) {
        struct error *err = acs_decode_message(&arena, due->text, strlen(due->text), &message);

        WORLD_CHECK(agent->world, !err);
        switch (message.type) {
        case ACS_MESSAGE_HEARTBEAT_MESSAGE:
            agent->heartbeats++;
            ack.message_id = message.heartbeat_message->message_id;
            acs_frame_heartbeat_ack_request(&frame, &ack);
            say(agent, &frame);
            break;
        case ACS_MESSAGE_PAYLOAD_MESSAGE:
            on_payload(agent, message.payload_message);
            break;
        case ACS_MESSAGE_TASK_MANIFEST_MESSAGE:
            on_manifest(agent, &arena, message.task_manifest_message);
            break;
        case ACS_MESSAGE_TASK_STOP_VERIFICATION_ACK:
            on_verified(agent, message.task_stop_verification_ack);
            break;
        default:
            fail_msg("seed %llu: %s", (unsigned long long)agent->world->seed, message.type_name);
        }
    }
    arena_done(&arena);
    free(due->text);
    free(due);
}

/* A connection keeps the order; how long a frame takes is all the same for each. */
static void on_frame(const char *text, size_t len, void *data)
{
    struct sim_agent *agent = data;
    struct frame_due *due = xcalloc(1, sizeof(*due));

    due->agent = agent;
    due->connection = agent->connection;
    due->text = str_dup_n(text, len);
    timer_start(&due->timer, agent->world->loop, agent->world->is_calm ? 1 : 20, on_frame_due, due);
}

/* ---- connections ---- */

static void on_reconnect(void *data);

static void reconnect_in(struct sim_agent *agent, int64_t ms)
{
    timer_start(&agent->reconnect, agent->world->loop, ms, on_reconnect, agent);
}

static void on_closed(int code, void *data)
{
    struct sim_agent *agent = data;

    (void)code;
    agent->ws = NULL;
    if (!agent->is_dead)
        reconnect_in(agent, within(agent->world, 1000));
}

static void on_reconnect(void *data)
{
    struct sim_agent *agent = data;
    struct world *world = agent->world;
    struct agent_identity identity = {.scope = world->scope};
    struct sim_peer peer = {on_frame, on_closed, agent};
    struct http_request req = {.method = "GET", .path = "/acs/ws", .wants_websocket = true};
    struct http_exchange *ex;
    char query[400], hex[ID_HEX_SIZE];

    if (agent->is_dead || agent->ws)
        return;
    if (!world->control) {
        reconnect_in(agent, within(world, 1000));
        return;
    }
    id_format(&agent->instance, hex);
    snprintf(query, sizeof(query),
             "agentHash=abc&agentVersion=1.2.3&clusterArn=" SIM_CLUSTER
             "&containerInstanceArn=arn%%3Aaws%%3Aecs%%3Aus-east-1%%3A000000000000%%3A"
             "container-instance%%2F" SIM_CLUSTER "%%2F%s&dockerVersion=DockerVersion%%3A+20.10.24"
             "%%2Bdfsg1&protocolVersion=2&sendCredentials=%s&seqNum=1",
             hex, agent->is_fresh ? "true" : "false");
    req.query = query;
    agent->connection++;
    ex = sim_exchange_new(world->loop, &peer);
    control_upgrade(world->control, ex, &req, &identity);
    agent->ws = sim_exchange_socket(ex);
    if (agent->ws)
        agent->is_fresh = false;
    else
        reconnect_in(agent, 5000);
    sim_exchange_free(ex);
}

void agent_start(struct sim_agent *agent)
{
    agent->is_fresh = true;
    reconnect_in(agent, within(agent->world, 200));
}

void agent_drop(struct sim_agent *agent, int64_t away_ms)
{
    if (agent->ws)
        sim_ws_drop(agent->ws);
    agent->ws = NULL;
    if (!agent->is_dead)
        reconnect_in(agent, away_ms);
}

void agent_restart(struct sim_agent *agent)
{
    agent_drop(agent, within(agent->world, 3000));
    agent->is_fresh = true;
}

void agent_kill(struct sim_agent *agent)
{
    agent_drop(agent, 1);
    agent->is_dead = true;
    timer_stop(&agent->reconnect);
    for (struct sim_task *task = agent->tasks; task; task = task->next) {
        timer_stop(&task->step);
        timer_stop(&task->report);
        if (task->phase == SIM_PULLING) /* taken, but not begun: it will be after the start */
            continue;
        task->phase = SIM_DOWN;
        task->exit_code = 137;
    }
}

void agent_revive(struct sim_agent *agent)
{
    if (!agent->is_dead)
        return;
    agent->is_dead = false;
    for (struct sim_task *task = agent->tasks; task; task = task->next) {
        if (task->phase == SIM_PULLING)
            timer_start(&task->step, agent->world->loop, within(agent->world, 2000), on_step, task);
        report_later(task);
    }
    agent_start(agent);
}
