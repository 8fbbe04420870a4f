#include "agent/session/register.h"

#include <string.h>

#include "agent/session/register_request.h"
#include "agent/session/session_backoff.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "gen/ecs_types.h"

#define NO_CLUSTER_TEXT "Cluster not found."
#define INACTIVE_TEXT   " is inactive."

/* AP-107 asks first after 3 s; a server that starts beside its agent should not cost that. */
static const struct backoff repeated = {
    .first_ms = 250, .most_ms = 192000, .growth_percent = 200, .jitter_percent = 20};

struct registration {
    struct register_options options;
    enum { LOAD, REGISTER, CREATE_CLUSTER, SAVE } next;
    struct arena arena;
    struct register_request request;
    struct registered registered;
    struct backoff backoff;
    struct timer retry;
    int64_t give_up_ms; /* monotonic */
    bool has_created_cluster, is_cancelled, is_calling;
};

static void advance(struct registration *op);

static void registration_free(struct registration *op)
{
    timer_stop(&op->retry);
    arena_done(&op->arena);
    free(op);
}

/* Takes `err`. */
static void finish(struct registration *op, struct error *err)
{
    op->options.done(err, err ? NULL : &op->registered, op->options.data);
    registration_free(op);
}

/* The cluster of a configuration that names none is the one this host was in before. */
static struct error *load(struct registration *op)
{
    const struct agent_config *config = op->options.config;
    CLEANUP(str_freep) char *cluster = NULL;
    CLEANUP(str_freep) char *arn = NULL;

    TRY(agent_store_get(op->options.store, REGISTER_STORE_CLUSTER, &cluster));
    TRY(agent_store_get(op->options.store, REGISTER_STORE_INSTANCE, &arn));
    op->request.cluster = config->cluster;
    if (cluster && !config->is_cluster_explicit)
        op->request.cluster = arena_dup(&op->arena, cluster);
    else if (cluster && arn &&
             !str_eq(register_cluster_name(cluster), register_cluster_name(config->cluster)))
        return error_new(API_INVALID_PARAMETER,
                         "this host is registered with cluster %s, not %s: its data directory "
                         "has to be removed before it can change",
                         cluster, config->cluster);
    op->request.instance_arn = arena_dup(&op->arena, arn);
    return NULL;
}

static struct error *save(struct registration *op)
{
    struct agent_store *store = op->options.store;

    TRY(agent_store_set(store, REGISTER_STORE_CLUSTER, op->registered.cluster));
    TRY(agent_store_set(store, REGISTER_STORE_VERSION, api_client_version));
    TRY(agent_store_set(store, REGISTER_STORE_ZONE, op->registered.zone));
    return agent_store_set(store, REGISTER_STORE_INSTANCE, op->registered.instance_arn);
}

static bool is_cluster_missing(const struct error *err)
{
    return err->code == API_CLUSTER_NOT_FOUND || strstr(err->message, NO_CLUSTER_TEXT);
}

static void on_retry(void *data)
{
    advance(data);
}

/* Takes `err`. */
static void wait(struct registration *op, struct error *err)
{
    log_warning("not registered, trying again", "error", err->message);
    error_free(err); /* said above */
    op->next = REGISTER;
    timer_start(&op->retry, op->options.loop, backoff_next_ms(&op->backoff, op->options.rng),
                on_retry, op);
}

/* AP-108, AG-101: the default cluster is made when it is missing, also if it was asked for by name;
 * one of another name is not. */
static bool is_cluster_ours_to_make(const struct registration *op)
{
    return !op->options.config->is_cluster_explicit || str_eq(op->request.cluster, "default");
}

/* What an operator is told of a refusal for good. Takes `err`. */
static struct error *explain(const struct registration *op, struct error *err)
{
    if (is_cluster_missing(err))
        return error_wrap(err, "joining cluster %s", op->request.cluster);
    if (op->request.instance_arn && strstr(err->message, INACTIVE_TEXT))
        return error_wrap(err, "this host was deregistered; once %s is removed it joins anew",
                          op->options.config->data_dir);
    return err;
}

/* Decides what a refusal leads to. Takes `err`. */
static void go_on_after_error(struct registration *op, struct error *err)
{
    if (is_cluster_missing(err) && is_cluster_ours_to_make(op) && !op->has_created_cluster) {
        error_free(err);
        op->next = CREATE_CLUSTER;
        advance(op);
        return;
    }
    if (!api_client_is_retriable(err) || clock_mono_ms(op->options.clock) >= op->give_up_ms) {
        finish(op, explain(op, err));
        return;
    }
    wait(op, err);
}

static struct error *take_answer(struct registration *op, const struct json_t *json)
{
    op->registered.cluster = op->request.cluster;
    return register_request_check(&op->request, &op->arena, json, &op->registered.instance_arn,
                                  &op->registered.zone);
}

static void on_registered(struct error *err, const struct json_t *json, void *data)
{
    struct registration *op = data;

    op->is_calling = false;
    if (op->is_cancelled) {
        error_free(err); /* nobody waits for it */
        registration_free(op);
        return;
    }
    if (!err)
        err = take_answer(op, json);
    if (err) {
        go_on_after_error(op, err);
        return;
    }
    op->next = SAVE;
    advance(op);
}

static void on_cluster_created(struct error *err, const struct json_t *json, void *data)
{
    struct registration *op = data;

    (void)json;
    op->is_calling = false;
    if (op->is_cancelled) {
        error_free(err); /* nobody waits for it */
        registration_free(op);
        return;
    }
    if (err && api_client_is_retriable(err)) {
        wait(op, err);
    } else if (err) {
        finish(op, err);
    } else {
        op->has_created_cluster = true;
        op->next = REGISTER;
        advance(op);
    }
}

static struct error *ask_register(struct registration *op)
{
    struct buf body = {0};
    struct error *err = register_request_write(&op->request, &body);

    if (!err) {
        op->is_calling = true;
        api_client_call(op->options.client, "RegisterContainerInstance", &body, on_registered, op);
    }
    buf_done(&body);
    return err;
}

static void ask_create_cluster(struct registration *op)
{
    struct ecs_create_cluster_request request = {.cluster_name = op->request.cluster};
    struct buf body = {0};

    log_info("the default cluster is missing, creating it");
    op->is_calling = true;
    ecs_encode_create_cluster_request(&body, &request);
    api_client_call(op->options.client, "CreateCluster", &body, on_cluster_created, op);
    buf_done(&body);
}

static void advance(struct registration *op)
{
    struct error *err = NULL;

    switch (op->next) {
    case LOAD:
        op->next = REGISTER;
        err = load(op);
        if (err)
            break;
        advance(op);
        return;
    case REGISTER:
        err = ask_register(op);
        if (err)
            break;
        return;
    case CREATE_CLUSTER:
        ask_create_cluster(op);
        return;
    case SAVE:
        err = save(op);
        break;
    }
    finish(op, err);
}

static void on_start(void *data)
{
    struct registration *op = data;

    op->is_calling = false;
    if (op->is_cancelled)
        registration_free(op);
    else
        advance(op);
}

struct registration *register_start(const struct register_options *options)
{
    struct registration *op = xcalloc(1, sizeof(*op));
    char token[UUID_SIZE];

    uuid_new(options->rng, token);
    op->options = *options;
    op->backoff = repeated;
    op->give_up_ms = clock_mono_ms(options->clock) + REGISTER_LIMIT_MS;
    op->request.config = options->config;
    op->request.host = options->host;
    op->request.client_token = arena_dup(&op->arena, token);
    op->is_calling = true; /* until on_start */
    loop_defer(options->loop, on_start, op);
    return op;
}

void register_cancel(struct registration *op)
{
    if (op->is_calling)
        op->is_cancelled = true; /* freed by the completion */
    else
        registration_free(op);
}
