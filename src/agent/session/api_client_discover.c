#include "agent/session/api_client_discover.h"

#include <assert.h>

#include "base/log.h"
#include "base/mem.h"
#include "gen/ecs_types.h"

struct waiter {
    discover_fn *fn; /* NULL: free */
    void *data;
};

struct discover {
    struct api_client *client;
    struct loop *loop;
    const struct clock *clock;
    char *cluster, *instance_arn;
    char *commands, *telemetry; /* NULL: never answered */
    int64_t fresh_until_ms;     /* monotonic */
    bool is_asking, is_freed;
    struct waiter waiters[DISCOVER_WAITERS_MAX];
};

struct discover *discover_new(struct api_client *client, struct loop *loop,
                              const struct clock *clock, const char *cluster,
                              const char *instance_arn)
{
    struct discover *discover = xcalloc(1, sizeof(*discover));

    discover->client = client;
    discover->loop = loop;
    discover->clock = clock;
    discover->cluster = str_dup(cluster);
    discover->instance_arn = str_dup(instance_arn);
    return discover;
}

static void release(struct discover *discover)
{
    free(discover->cluster);
    free(discover->instance_arn);
    free(discover->commands);
    free(discover->telemetry);
    free(discover);
}

void discover_free(struct discover *discover)
{
    if (!discover)
        return;
    if (!discover->is_asking) {
        release(discover);
        return;
    }
    discover->is_freed = true; /* the question under way completes first */
    for (size_t i = 0; i < DISCOVER_WAITERS_MAX; i++)
        discover->waiters[i].fn = NULL;
}

void discover_cancel(struct discover *discover, void *data)
{
    for (size_t i = 0; i < DISCOVER_WAITERS_MAX; i++)
        if (discover->waiters[i].data == data)
            discover->waiters[i] = (struct waiter){0};
}

/* Tells everyone who waits; what they ask from inside is a new question. Takes `err`. */
static void tell(struct discover *discover, struct error *err)
{
    struct endpoints endpoints = {discover->commands, discover->telemetry};
    struct waiter waiters[DISCOVER_WAITERS_MAX];

    for (size_t i = 0; i < DISCOVER_WAITERS_MAX; i++) {
        waiters[i] = discover->waiters[i];
        discover->waiters[i] = (struct waiter){0};
    }
    for (size_t i = 0; i < DISCOVER_WAITERS_MAX; i++)
        if (waiters[i].fn)
            waiters[i].fn(error_copy(err), err ? NULL : &endpoints, waiters[i].data);
    error_free(err); /* each waiter has its copy */
}

static struct error *take_answer(struct discover *discover, const struct json_t *json)
{
    struct ecs_discover_poll_endpoint_response answer = {0};
    struct arena arena = {0};
    struct error *err = ecs_decode_discover_poll_endpoint_response(&arena, json, &answer);

    if (!err && (!answer.endpoint || !answer.telemetry_endpoint))
        err = error_new(API_SERVER, "DiscoverPollEndpoint answered without an endpoint");
    if (!err) {
        free(discover->commands);
        free(discover->telemetry);
        discover->commands = str_dup(answer.endpoint);
        discover->telemetry = str_dup(answer.telemetry_endpoint);
        discover->fresh_until_ms = clock_mono_ms(discover->clock) + DISCOVER_KEPT_MS;
    }
    arena_done(&arena);
    return err;
}

static void on_answer(struct error *err, const struct json_t *json, void *data)
{
    struct discover *discover = data;

    discover->is_asking = false;
    if (discover->is_freed) {
        error_free(err); /* nobody is left to hear it */
        release(discover);
        return;
    }
    if (!err)
        err = take_answer(discover, json);
    if (err && discover->commands) {
        log_warning("endpoints not refreshed, the known ones are used", "error", err->message);
        error_free(err); /* AP-112: an expired answer is better than none */
        err = NULL;
    }
    tell(discover, err);
}

static void ask(struct discover *discover)
{
    struct ecs_discover_poll_endpoint_request request = {
        .container_instance = discover->instance_arn, .cluster = discover->cluster, .zone_id = ""};
    struct buf body = {0};

    discover->is_asking = true;
    ecs_encode_discover_poll_endpoint_request(&body, &request);
    api_client_call(discover->client, "DiscoverPollEndpoint", &body, on_answer, discover);
    buf_done(&body);
}

static void on_known(void *data)
{
    struct discover *discover = data;

    discover->is_asking = false;
    if (discover->is_freed)
        release(discover);
    else
        tell(discover, NULL);
}

void discover_get(struct discover *discover, discover_fn *fn, void *data)
{
    size_t i = 0;

    while (i < DISCOVER_WAITERS_MAX && discover->waiters[i].fn)
        i++;
    assert(i < DISCOVER_WAITERS_MAX);
    discover->waiters[i] = (struct waiter){fn, data};
    if (discover->is_asking)
        return;
    if (discover->commands && clock_mono_ms(discover->clock) < discover->fresh_until_ms) {
        discover->is_asking = true;
        loop_defer(discover->loop, on_known, discover);
    } else {
        ask(discover);
    }
}
