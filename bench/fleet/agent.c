#include "bench/fleet/agent.h"

#include <bsd/sys/tree.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/intern.h"
#include "base/mem.h"
#include "gen/agent_types.h"
#include "net/ws_frame.h"

#define TELEMETRY_MS       20000
#define TASKS_A_FRAME      10
#define RECONNECT_FIRST_MS 250
#define MESSAGE_MAX        (8 * 1024 * 1024)

enum task_state { STARTING, RUNNING, STOPPING, STOPPED };

struct sim_task {
    RB_ENTRY(sim_task) entry;
    struct due due;
    struct agent *agent;
    struct id id;
    char *arn;
    const char *family, *version, *container; /* interned; of containers the first is reported */
    enum task_state state;
    bool is_reporting; /* one report under way */
    bool has_run, wants_stop, is_in_manifest;
};

struct channel {
    struct conn conn;
    struct due reconnect;
    struct ws_reader reader;
    struct agent *agent;
    bool is_open; /* upgraded */
    bool is_waiting;
    void (*on_open)(struct agent *agent);
    void (*on_message)(struct agent *agent, const char *text, size_t len);
};

struct agent {
    int number;
    char *arn;
    struct channel acs, tcs;
    struct due telemetry;
    RB_HEAD(sim_task_tree, sim_task) tasks;
    int sequence;
    bool is_dead, was_connected, has_telemetry_due;
};

static struct agents_options options;
static struct api *reports;
static struct agent *agents;
static struct agents_figures figures;
static struct arena scratch;
static uint64_t seed = 88172645463325252u;

static uint64_t random_below(uint64_t bound)
{
    struct rng rng = rng_seeded(seed);
    uint64_t n = rng_next(&rng);

    seed = n ? n : 1;
    return n % bound;
}

static int sim_task_cmp(const struct sim_task *a, const struct sim_task *b)
{
    return id_cmp(&a->id, &b->id);
}
RB_GENERATE_STATIC(sim_task_tree, sim_task, entry, sim_task_cmp)

/* ---- channels ---- */

static void channel_send(struct channel *channel, const char *text, size_t len)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

    if (!channel->is_open)
        return;
    ws_frame_add(&channel->conn.out, WS_OP_TEXT, mask, text, len);
    conn_send(&channel->conn);
}

static void channel_dial(struct channel *channel);

static void on_reconnect(struct due *due)
{
    struct channel *channel = CONTAINER_OF(due, struct channel, reconnect);

    channel->is_waiting = false;
    if (!channel->agent->is_dead)
        channel_dial(channel);
}

static void channel_lost(struct channel *channel, int64_t wait_ms)
{
    conn_close(&channel->conn);
    if (channel->is_open && channel == &channel->agent->acs)
        figures.connected--;
    channel->is_open = false;
    ws_reader_done(&channel->reader);
    channel->reader = (struct ws_reader){.bytes_max = MESSAGE_MAX};
    if (channel->agent->is_dead || channel->is_waiting)
        return;
    channel->is_waiting = true;
    due_in(&channel->reconnect, wait_ms, on_reconnect);
}

static void on_channel_closed(struct conn *conn)
{
    channel_lost(CONTAINER_OF(conn, struct channel, conn),
                 RECONNECT_FIRST_MS + (int64_t)random_below(RECONNECT_FIRST_MS));
}

static void add_query_value(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == ':' || *text == '/' || *text == '+')
            buf_printf(out, "%%%02X", *text);
        else
            buf_add_char(out, *text);
    }
}

static void channel_dial(struct channel *channel)
{
    struct agent *agent = channel->agent;
    CLEANUP(buf_done) struct buf path = {0};

    if (!conn_dial(&channel->conn)) {
        channel_lost(channel, 1000);
        return;
    }
    if (channel == &agent->acs) {
        buf_printf(&path, "/acs/ws?agentHash=0&agentVersion=1.75.3&clusterArn=%s", options.cluster);
        buf_add_str(&path, "&containerInstanceArn=");
        add_query_value(&path, agent->arn);
        buf_printf(&path,
                   "&dockerVersion=DockerVersion%%3A%%2020.10.24&protocolVersion=2"
                   "&sendCredentials=%s&seqNum=%d",
                   agent->was_connected ? "false" : "true", ++agent->sequence);
    } else {
        buf_printf(&path, "/tcs/ws?agentHash=0&agentVersion=1.75.3&cluster=%s", options.cluster);
        buf_add_str(&path, "&containerInstance=");
        add_query_value(&path, agent->arn);
        buf_add_str(&path, "&dockerVersion=20.10.24");
    }
    api_add_request(&channel->conn.out, "GET", path.data, NULL, "", 0);
    conn_send(&channel->conn);
}

/* True once the server has switched protocols. */
static bool is_upgraded(struct channel *channel)
{
    struct buf *in = &channel->conn.in;
    size_t len, body;
    int status;

    if (channel->is_open)
        return true;
    len = api_answer(in, &status, &body);
    if (!len)
        return false;
    if (status != 101) {
        fprintf(stderr, "fleet: an upgrade is refused with %d: %.*s\n", status, (int)(len - body),
                in->data + body);
        channel_lost(channel, 1000);
        return false;
    }
    buf_consume(in, len);
    channel->is_open = true;
    channel->on_open(channel->agent);
    return true;
}

static void on_channel_input(struct conn *conn)
{
    struct channel *channel = CONTAINER_OF(conn, struct channel, conn);
    enum ws_event event;

    if (!is_upgraded(channel))
        return;
    ws_reader_feed(&channel->reader, conn->in.data, conn->in.len);
    while ((event = ws_reader_next(&channel->reader)) != WS_EVENT_NONE) {
        if (event == WS_EVENT_MESSAGE) {
            channel->on_message(channel->agent, channel->reader.bytes, channel->reader.len);
        } else if (event == WS_EVENT_PING) {
            static const uint8_t mask[4] = {0};

            ws_frame_add(&conn->out, WS_OP_PONG, mask, channel->reader.bytes, channel->reader.len);
            conn_send(conn);
        } else if (event == WS_EVENT_CLOSE || event == WS_EVENT_ERROR) {
            channel_lost(channel, RECONNECT_FIRST_MS);
            return;
        }
    }
    buf_clear(&conn->in);
}

/* ---- reports ---- */

static void report(struct sim_task *task);

static void forget(struct sim_task *task)
{
    RB_REMOVE(sim_task_tree, &task->agent->tasks, task);
    intern_unref(task->family);
    intern_unref(task->version);
    intern_unref(task->container);
    free(task->arn);
    free(task);
}

static void on_stopped(struct due *due)
{
    struct sim_task *task = CONTAINER_OF(due, struct sim_task, due);

    task->state = STOPPED;
    report(task);
}

static void stop(struct sim_task *task)
{
    task->wants_stop = true;
    /* What starts is stopped once it has; a report under way goes first. */
    if (task->state != RUNNING || task->is_reporting)
        return;
    task->state = STOPPING;
    due_in(&task->due, options.stop_ms, on_stopped);
}

static void on_reported(int status, const char *body, void *data)
{
    struct sim_task *task = data;

    (void)body;
    task->is_reporting = false;
    if (task->agent->is_dead)
        return;
    if (status != 200) { /* said by api.c; the agent drops what is refused (AP-128) */
        if (task->state == STOPPED)
            forget(task);
        else if (task->wants_stop)
            stop(task);
        return;
    }
    if (task->state == STOPPED) {
        figures.ended++;
        figures.running_now -= task->has_run;
        forget(task);
        return;
    }
    task->has_run = true;
    figures.running++;
    figures.running_now++;
    if (task->wants_stop)
        stop(task);
}

static void report(struct sim_task *task)
{
    const char *status = task->state == STOPPED ? "STOPPED" : "RUNNING";
    int64_t now_ms = clock_wall_ms(&clock_system);
    struct buf body = {0};
    char hex[ID_HEX_SIZE];

    if (task->agent->is_dead)
        return;
    id_format(&task->id, hex);
    buf_printf(&body,
               "{\"cluster\":\"%s\",\"task\":\"%s\",\"status\":\"%s\",\"reason\":\"\","
               "\"pullStartedAt\":%" PRId64 ".%03d,\"pullStoppedAt\":%" PRId64 ".%03d,"
               "\"containers\":[",
               options.cluster, task->arn, status, now_ms / 1000, (int)(now_ms % 1000),
               now_ms / 1000, (int)(now_ms % 1000));
    if (*task->container) /* what was stopped before it was told has none */
        buf_printf(&body,
                   "{\"containerName\":\"%s\",\"runtimeId\":\"%s%s\",\"status\":\"%s\","
                   "%s\"networkBindings\":[]}",
                   task->container, hex, hex, status,
                   task->state != STOPPED ? ""
                   : task->wants_stop     ? "\"exitCode\":143,"
                                          : "\"exitCode\":1,");
    buf_add_str(&body, "]}");
    task->is_reporting = true;
    api_call(reports, "SubmitTaskStateChange", &body, on_reported, task);
}

static void on_started(struct due *due)
{
    struct sim_task *task = CONTAINER_OF(due, struct sim_task, due);
    bool fails = (int)random_below(100) < options.fail_percent;

    task->state = fails ? STOPPED : RUNNING;
    report(task);
}

/* ---- commands ---- */

static struct sim_task *find(struct agent *agent, const char *arn)
{
    const char *slash = arn ? strrchr(arn, '/') : NULL;
    struct sim_task key;

    return slash && id_parse(slash + 1, &key.id) ? RB_FIND(sim_task_tree, &agent->tasks, &key)
                                                 : NULL;
}

static void take_task(struct agent *agent, const struct acs_task *told)
{
    struct sim_task *task = find(agent, told->arn);
    bool is_stop = str_eq(told->desired_status, "STOPPED");
    const char *slash = strrchr(told->arn, '/');

    if (task && is_stop) {
        stop(task);
        return;
    }
    if (task) {
        figures.repeated_payloads++;
        return;
    }
    task = xcalloc(1, sizeof(*task));
    if (!slash || !id_parse(slash + 1, &task->id)) {
        free(task);
        return;
    }
    task->agent = agent;
    task->arn = str_dup(told->arn);
    task->family = intern(told->family ? told->family : "");
    task->version = intern(told->version ? told->version : "");
    task->container = intern(told->containers.count ? told->containers.items[0].name : "");
    RB_INSERT(sim_task_tree, &agent->tasks, task);
    if (is_stop) {
        task->state = STOPPED;
        report(task);
        return;
    }
    due_in(&task->due,
           options.start_min_ms +
               (int64_t)random_below((uint64_t)(options.start_max_ms - options.start_min_ms + 1)),
           on_started);
}

static void acknowledge(struct agent *agent, const char *message_id)
{
    struct acs_ack_request ack = {
        .cluster = options.cluster, .container_instance = agent->arn, .message_id = message_id};
    CLEANUP(buf_done) struct buf frame = {0};

    acs_frame_ack_request(&frame, &ack);
    channel_send(&agent->acs, frame.data, frame.len);
}

/* AP-241, AP-242: what runs here and is not in the manifest is asked about. */
static void take_manifest(struct agent *agent, const struct acs_task_manifest_message *manifest)
{
    struct acs_task_stop_verification_message question = {.message_id = manifest->message_id};
    CLEANUP(buf_done) struct buf frame = {0};
    struct sim_task *task;
    size_t count = 0;

    figures.manifests++;
    for (size_t i = 0; i < manifest->tasks.count; i++) {
        task = find(agent, manifest->tasks.items[i].task_arn);
        if (task)
            task->is_in_manifest = true;
    }
    RB_FOREACH (task, sim_task_tree, &agent->tasks)
        count += !task->is_in_manifest;
    SET_LIST(&scratch, &question.stop_candidates, count);
    question.stop_candidates.count = 0;
    RB_FOREACH (task, sim_task_tree, &agent->tasks) {
        if (!task->is_in_manifest)
            question.stop_candidates.items[question.stop_candidates.count++] =
                (struct acs_task_identifier){.task_arn = task->arn,
                                             .task_cluster_arn = manifest->cluster_arn,
                                             .desired_status = "STOPPED"};
        task->is_in_manifest = false;
    }
    acknowledge(agent, manifest->message_id);
    if (!count)
        return;
    acs_frame_task_stop_verification_message(&frame, &question);
    channel_send(&agent->acs, frame.data, frame.len);
}

static void on_command(struct agent *agent, const char *text, size_t len)
{
    struct acs_message message;
    struct error *err = acs_decode_message(&scratch, text, len, &message);

    if (err) {
        fprintf(stderr, "fleet: a message cannot be read: %s\n", err->message);
        error_free(err);
        return;
    }
    switch (message.type) {
    case ACS_MESSAGE_HEARTBEAT_MESSAGE: {
        struct acs_heartbeat_ack_request ack = {.message_id =
                                                    message.heartbeat_message->message_id};
        CLEANUP(buf_done) struct buf frame = {0};

        acs_frame_heartbeat_ack_request(&frame, &ack);
        channel_send(&agent->acs, frame.data, frame.len);
        break;
    }
    case ACS_MESSAGE_PAYLOAD_MESSAGE:
        figures.payloads++;
        for (size_t i = 0; i < message.payload_message->tasks.count; i++)
            take_task(agent, &message.payload_message->tasks.items[i]);
        acknowledge(agent, message.payload_message->message_id);
        break;
    case ACS_MESSAGE_TASK_MANIFEST_MESSAGE:
        take_manifest(agent, message.task_manifest_message);
        break;
    case ACS_MESSAGE_TASK_STOP_VERIFICATION_ACK:
        for (size_t i = 0; i < message.task_stop_verification_ack->stop_tasks.count; i++) {
            struct sim_task *task =
                find(agent, message.task_stop_verification_ack->stop_tasks.items[i].task_arn);

            if (task)
                stop(task);
        }
        break;
    default:
        break;
    }
    arena_reset(&scratch);
}

/* ---- telemetry ---- */

static const char stats[] = "{\"min\":0.1,\"max\":2.5,\"sampleCount\":20,\"sum\":21.5}";
static const char counters[] = "{\"min\":0,\"max\":4096,\"sampleCount\":20,\"sum\":40960}";

static void add_task_metrics(struct buf *out, const struct sim_task *task)
{
    static const char *const network[] = {"rxBytes",  "txBytes",  "rxPackets", "txPackets",
                                          "rxErrors", "txErrors", "rxDropped", "txDropped"};

    buf_printf(out,
               "{\"taskArn\":\"%s\",\"taskDefinitionFamily\":\"%s\",\"taskDefinitionVersion\":"
               "\"%s\",\"containerMetrics\":[{\"containerName\":\"%s\",\"cpuStatsSet\":%s,"
               "\"memoryStatsSet\":%s,\"networkStatsSet\":{",
               task->arn, task->family, task->version, task->container, stats, stats);
    for (size_t i = 0; i < ARRAY_LEN(network); i++)
        buf_printf(out, "\"%s\":%s,", network[i], counters);
    buf_printf(out,
               "\"rxBytesPerSecond\":%s,\"txBytesPerSecond\":%s},\"storageStatsSet\":{"
               "\"readSizeBytes\":%s,\"writeSizeBytes\":%s}}]}",
               stats, stats, counters, counters);
}

static void send_frame(struct agent *agent, const char *message_id, const struct buf *tasks,
                       bool is_last)
{
    int64_t now_ms = clock_wall_ms(&clock_system);
    CLEANUP(buf_done) struct buf json = {0};
    CLEANUP(buf_done) struct buf frame = {0};
    CLEANUP(buf_done) struct buf url = {0};

    buf_printf(&json,
               "{\"type\":\"PublishMetricsRequest\",\"message\":{\"metadata\":{\"cluster\":\"%s\","
               "\"containerInstance\":\"%s\",\"messageId\":\"%s\",\"idle\":%s,\"fin\":%s},"
               "\"taskMetrics\":[%s],\"timestamp\":%" PRId64 ".%03d}}",
               options.cluster, agent->arn, message_id, tasks->len ? "false" : "true",
               is_last ? "true" : "false", tasks->len ? tasks->data : "", now_ms / 1000,
               (int)(now_ms % 1000));
    buf_printf(&url, "%s/tcs/ws?agentHash=0&agentVersion=1.75.3&cluster=%s&containerInstance=",
               api_account.url, options.cluster);
    add_query_value(&url, agent->arn);
    buf_add_str(&url, "&dockerVersion=20.10.24");
    sigv4_sign_frame(&scratch, &api_account.keys, api_account.region, "ecs", url.data, json.data,
                     json.len, now_ms, &frame);
    channel_send(&agent->tcs, frame.data, frame.len);
    figures.telemetry_frames++;
    arena_reset(&scratch);
}

static void on_telemetry(struct due *due)
{
    struct agent *agent = CONTAINER_OF(due, struct agent, telemetry);
    CLEANUP(buf_done) struct buf tasks = {0};
    struct rng rng = rng_system();
    char message_id[UUID_SIZE];
    struct sim_task *task;
    int count = 0;

    agent->has_telemetry_due = !agent->is_dead;
    if (agent->is_dead)
        return;
    due_in(&agent->telemetry, TELEMETRY_MS, on_telemetry);
    if (!agent->tcs.is_open)
        return;
    uuid_new(&rng, message_id);
    RB_FOREACH (task, sim_task_tree, &agent->tasks) {
        if (task->state != RUNNING)
            continue;
        if (count == TASKS_A_FRAME) {
            send_frame(agent, message_id, &tasks, false);
            buf_clear(&tasks);
            count = 0;
        }
        if (count++)
            buf_add_char(&tasks, ',');
        add_task_metrics(&tasks, task);
    }
    send_frame(agent, message_id, &tasks, true);
}

static void on_tcs_open(struct agent *agent)
{
    if (agent->has_telemetry_due)
        return;
    agent->has_telemetry_due = true;
    /* The first of all fall over the whole period, as those of real hosts do. */
    due_in(&agent->telemetry, (int64_t)random_below(TELEMETRY_MS), on_telemetry);
}

static void on_tcs_message(struct agent *agent, const char *text, size_t len)
{
    (void)agent;
    (void)text;
    (void)len;
}

/* ---- life ---- */

static void on_acs_open(struct agent *agent)
{
    agent->was_connected = true;
    figures.connected++;
}

static void on_registered(int status, const char *body, void *data)
{
    static const char member[] = "\"containerInstanceArn\":\"";
    struct agent *agent = data;
    const char *arn = strstr(body, member);

    if (status != 200 || !arn) {
        fprintf(stderr, "fleet: a registration is refused: %s\n", body);
        exit(1);
    }
    arn += sizeof(member) - 1;
    agent->arn = str_dup_n(arn, strcspn(arn, "\""));
    channel_dial(&agent->acs);
    if (options.has_telemetry)
        channel_dial(&agent->tcs);
}

static void channel_init(struct channel *channel, struct agent *agent,
                         void (*on_open)(struct agent *),
                         void (*on_message)(struct agent *, const char *, size_t))
{
    channel->agent = agent;
    channel->conn =
        (struct conn){.fd = -1, .on_input = on_channel_input, .on_closed = on_channel_closed};
    channel->reader.bytes_max = MESSAGE_MAX;
    channel->on_open = on_open;
    channel->on_message = on_message;
}

static void begin(struct agent *agent)
{
    struct buf body = {0};

    RB_INIT(&agent->tasks);
    channel_init(&agent->acs, agent, on_acs_open, on_command);
    channel_init(&agent->tcs, agent, on_tcs_open, on_tcs_message);
    buf_printf(&body,
               "{\"cluster\":\"%s\",\"totalResources\":["
               "{\"name\":\"CPU\",\"type\":\"INTEGER\",\"integerValue\":%d},"
               "{\"name\":\"MEMORY\",\"type\":\"INTEGER\",\"integerValue\":%d},"
               "{\"name\":\"PORTS\",\"type\":\"STRINGSET\",\"stringSetValue\":[\"22\",\"2375\","
               "\"2376\",\"51678\",\"51679\"]},"
               "{\"name\":\"PORTS_UDP\",\"type\":\"STRINGSET\",\"stringSetValue\":[]}],"
               "\"attributes\":[{\"name\":\"ecs.os-type\",\"value\":\"linux\"},"
               "{\"name\":\"ecs.availability-zone\",\"value\":\"%s%c\"}]}",
               options.cluster, options.cpu, options.memory, api_account.region,
               'a' + agent->number % options.zones);
    api_call(reports, "RegisterContainerInstance", &body, on_registered, agent);
}

void agents_begin(const struct agents_options *asked, struct api *shared)
{
    options = *asked;
    reports = shared;
    agents = xcalloc((size_t)options.count, sizeof(*agents));
    for (int i = 0; i < options.count; i++) {
        agents[i].number = i;
        begin(&agents[i]);
    }
}

void agents_figures(struct agents_figures *ret)
{
    *ret = figures;
}

void agents_storm(int64_t spread_ms)
{
    for (int i = 0; i < options.count; i++)
        if (agents[i].acs.is_open)
            channel_lost(&agents[i].acs, (int64_t)random_below((uint64_t)spread_ms + 1));
}

void agents_kill(int count)
{
    for (int i = 0; i < count && i < options.count; i++) {
        struct sim_task *task;

        agents[i].is_dead = true;
        RB_FOREACH (task, sim_task_tree, &agents[i].tasks)
            figures.running_now -= task->has_run;
        if (agents[i].acs.is_open)
            channel_lost(&agents[i].acs, 0);
        if (agents[i].tcs.is_open)
            channel_lost(&agents[i].tcs, 0);
    }
}

bool agents_are_empty(int from, int to)
{
    for (int i = from; i < to; i++)
        if (!RB_EMPTY(&agents[i].tasks))
            return false;
    return true;
}

const char *agents_arn(int i)
{
    return agents[i].arn;
}
