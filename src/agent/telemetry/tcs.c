#include "agent/telemetry/tcs.h"

#include <jansson.h>
#include <sys/queue.h>

#include "agent/telemetry/tcs_publish.h"
#include "base/id.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/mem.h"

#define CHANGES_MAX 256 /* tasks of one turn; more are told with all others */

/* AP-502 */
static const struct backoff repeated = {
    .first_ms = 1000, .most_ms = 60000, .growth_percent = 200, .jitter_percent = 20};

struct agent_tcs {
    struct agent_tcs_options options;
    struct agent_session *session;
    struct tcs_sampler *sampler; /* NULL: ECS_DISABLE_METRICS */
    struct timer tick;
    unsigned kept_rounds; /* not delivered */

    char *changed[CHANGES_MAX]; /* tasks whose health is to be told this turn; owned */
    size_t changed_count;
    bool is_flush_asked, tells_all;

    struct docker_call *check; /* under way */
    struct tcs_runtime_status runtime;
    char *runtime_reason;
    bool has_checked; /* since the last round */

    unsigned to_close; /* parts that have not ended yet */
    loop_fn *closed;
    void *closed_data;
};

static int64_t now_ms(const struct agent_tcs *tcs)
{
    return clock_wall_ms(tcs->options.session.clock);
}

static const char *endpoint(const struct endpoints *endpoints)
{
    return endpoints->telemetry;
}

/* AP-501: the names differ from those of ACS. */
static char *query(struct arena *arena, void *data)
{
    const struct agent_tcs *tcs = data;
    const struct agent_session_param params[] = {
        {"agentHash", api_client_hash},
        {"agentVersion", api_client_version},
        {"cluster", tcs->options.cluster},
        {"containerInstance", tcs->options.instance_arn},
        {"dockerVersion", tcs->options.docker_version},
    };

    return agent_session_query(arena, params, ARRAY_LEN(params));
}

/* Signs a frame over the URL of the connection and sends it (AP-503). */
static void send_frame(const char *type, const struct buf *body, void *data)
{
    struct agent_tcs *tcs = data;
    const struct agent_session_options *options = &tcs->options.session;
    struct buf json = {0}, frame = {0};
    struct arena arena = {0};
    struct sigv4_keys keys;
    struct error *err = config_keys_get(options->keys, clock_mono_ms(options->clock), &keys);

    if (err) {
        log_warning("telemetry not sent", "type", type, "error", err->message);
        error_free(err); /* said above; the next round has it all */
        return;
    }
    buf_add_str(&json, "{\"type\":");
    json_text_add_string(&json, type);
    buf_add_str(&json, ",\"message\":");
    buf_add(&json, body->data, body->len);
    buf_add_char(&json, '}');
    sigv4_sign_frame(&arena, &keys, options->config->region, API_CLIENT_SERVICE,
                     agent_session_url(tcs->session), json.data, json.len, now_ms(tcs), &frame);
    agent_session_send(tcs->session, frame.data, frame.len);
    buf_done(&frame);
    buf_done(&json);
    arena_done(&arena);
}

static struct tcs_round round_of(struct agent_tcs *tcs, const char *message_id)
{
    return (struct tcs_round){.engine = tcs->options.engine,
                              .sampler = tcs->sampler,
                              .cluster = tcs->options.cluster,
                              .instance_arn = tcs->options.instance_arn,
                              .message_id = message_id,
                              .now_ms = now_ms(tcs),
                              .sink = send_frame,
                              .data = tcs};
}

typedef void publish_fn(struct agent_tcs *tcs, const struct tcs_round *round);

static void publish(struct agent_tcs *tcs, publish_fn *fn)
{
    char message_id[UUID_SIZE];
    struct tcs_round round;

    uuid_new(tcs->options.session.rng, message_id);
    round = round_of(tcs, message_id);
    fn(tcs, &round);
}

static void publish_metrics(struct agent_tcs *tcs, const struct tcs_round *round)
{
    tcs_publish_metrics(round);
    tcs_sampler_clear(tcs->sampler);
    tcs->kept_rounds = 0;
}

static void publish_all_health(struct agent_tcs *tcs, const struct tcs_round *round)
{
    (void)tcs;
    tcs_publish_health(round, NULL);
}

static void publish_changes(struct agent_tcs *tcs, const struct tcs_round *round)
{
    for (size_t i = 0; i < tcs->changed_count; i++)
        tcs_publish_health(round, tcs->changed[i]);
}

static void publish_status(struct agent_tcs *tcs, const struct tcs_round *round)
{
    tcs_publish_status(round, &tcs->runtime);
    tcs->has_checked = false;
}

/* Samples of a channel that is down add up, for five minutes at most (AP-512). */
static void keep_round(struct agent_tcs *tcs)
{
    if (!tcs->sampler || ++tcs->kept_rounds < TCS_KEPT_ROUNDS_MAX)
        return;
    tcs_sampler_clear(tcs->sampler);
    tcs->kept_rounds = 0;
}

static void publish_round(struct agent_tcs *tcs)
{
    if (!agent_session_is_open(tcs->session)) {
        keep_round(tcs);
        return;
    }
    if (tcs->sampler)
        publish(tcs, publish_metrics);
    publish(tcs, publish_all_health);
    if (tcs->has_checked)
        publish(tcs, publish_status);
}

static void on_tick(void *data)
{
    struct agent_tcs *tcs = data;

    timer_start(&tcs->tick, tcs->options.session.loop, TCS_PERIOD_MS, on_tick, tcs);
    publish_round(tcs);
}

static void on_open(void *data)
{
    on_tick(data);
}

static void on_close(void *data)
{
    (void)data; /* the ticks go on: they bound what is kept */
}

/* AP-504 */
static bool on_message(const char *type, const struct json_t *message, void *data)
{
    static const char *const acks[] = {"AckPublishMetric", "AckPublishHealth",
                                       "AckPublishInstanceStatus", "HeartbeatMessage"};
    static const char *const notices[] = {"StopTelemetrySessionMessage", "BadRequestException",
                                          "ResourceValidationException",
                                          "InvalidParameterException", "ServerException"};

    (void)data;
    for (size_t i = 0; i < ARRAY_LEN(acks); i++)
        if (str_eq(acks[i], type))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(notices); i++)
        if (str_eq(notices[i], type))
            log_warning("telemetry refused", "type", type, "message",
                        json_string_value(json_object_get(message, "message")));
    return false;
}

struct agent_tcs *agent_tcs_new(const struct agent_tcs_options *options)
{
    const struct agent_config *config = options->session.config;
    struct agent_session_options session = options->session;
    struct agent_tcs *tcs = xcalloc(1, sizeof(*tcs));

    tcs->options = *options;
    session.name = "tcs";
    session.backoff = repeated;
    session.endpoint = endpoint;
    session.query = query;
    session.on_open = on_open;
    session.on_message = on_message;
    session.on_close = on_close;
    session.data = tcs;
    tcs->session = agent_session_new(&session);
    if (!config->is_metrics_disabled)
        tcs->sampler =
            tcs_sampler_new(session.loop, options->docker, options->engine,
                            config->polls_metrics ? config->metrics_poll_ms : TCS_SAMPLE_MS);
    return tcs;
}

void agent_tcs_start(struct agent_tcs *tcs)
{
    agent_session_start(tcs->session);
    if (tcs->sampler)
        tcs_sampler_start(tcs->sampler);
    timer_start(&tcs->tick, tcs->options.session.loop, TCS_PERIOD_MS, on_tick, tcs);
}

static void forget_changes(struct agent_tcs *tcs)
{
    while (tcs->changed_count)
        free(tcs->changed[--tcs->changed_count]);
    tcs->tells_all = false;
}

static void on_part_closed(void *data)
{
    struct agent_tcs *tcs = data;
    loop_fn *closed = tcs->closed;
    void *closed_data = tcs->closed_data;

    if (--tcs->to_close)
        return;
    forget_changes(tcs);
    free(tcs->runtime_reason);
    free(tcs);
    closed(closed_data);
}

/* Its parts: the session, the sampler, a check under way, a flush asked for. */
void agent_tcs_close(struct agent_tcs *tcs, loop_fn *closed, void *data)
{
    timer_stop(&tcs->tick);
    tcs->closed = closed;
    tcs->closed_data = data;
    tcs->to_close = 1u + (tcs->sampler != NULL) + (tcs->check != NULL) + tcs->is_flush_asked;
    agent_session_close(tcs->session, on_part_closed, tcs);
    if (tcs->sampler)
        tcs_sampler_close(tcs->sampler, on_part_closed, tcs);
    if (tcs->check)
        docker_cancel(tcs->check);
}

static void on_flush(void *data)
{
    struct agent_tcs *tcs = data;

    tcs->is_flush_asked = false;
    if (tcs->closed) {
        on_part_closed(tcs);
        return;
    }
    if (agent_session_is_open(tcs->session))
        publish(tcs, tcs->tells_all ? publish_all_health : publish_changes);
    forget_changes(tcs); /* a channel that opens tells all */
}

void agent_tcs_health_changed(struct agent_tcs *tcs, const char *task_arn)
{
    if (tcs->closed)
        return;
    for (size_t i = 0; i < tcs->changed_count; i++)
        if (str_eq(tcs->changed[i], task_arn))
            return;
    if (tcs->changed_count < CHANGES_MAX)
        tcs->changed[tcs->changed_count++] = str_dup(task_arn);
    else
        tcs->tells_all = true;
    if (!tcs->is_flush_asked)
        loop_defer(tcs->options.session.loop, on_flush, tcs);
    tcs->is_flush_asked = true;
}

static void set_runtime(struct agent_tcs *tcs, const char *status, const char *reason)
{
    free(tcs->runtime_reason);
    tcs->runtime_reason = str_dup(reason);
    tcs->runtime.reason = tcs->runtime_reason;
    tcs->runtime.updated_ms = now_ms(tcs);
    if (!str_eq(tcs->runtime.status, status))
        tcs->runtime.changed_ms = tcs->runtime.updated_ms;
    tcs->runtime.status = status;
    tcs->has_checked = true;
}

static void on_checked(const struct docker_failure *failure, const struct docker_version *version,
                       void *data)
{
    struct agent_tcs *tcs = data;

    (void)version;
    tcs->check = NULL;
    if (tcs->closed) {
        on_part_closed(tcs);
        return;
    }
    set_runtime(tcs, failure ? "IMPAIRED" : "OK", failure ? failure->message : NULL);
}

void agent_tcs_check_runtime(struct agent_tcs *tcs)
{
    if (!tcs->check && !tcs->closed)
        tcs->check = docker_get_version(tcs->options.docker, on_checked, tcs);
}

void agent_tcs_hurry(struct agent_tcs *tcs)
{
    agent_session_hurry(tcs->session);
}

void agent_tcs_pause(struct agent_tcs *tcs, int64_t pause_ms)
{
    agent_session_pause(tcs->session, pause_ms);
}
