#include "agent/agent.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/agent_host.h"
#include "agent/aws/aws_fetch.h"
#include "agent/config/config_apply.h"
#include "agent/docker/docker.h"
#include "agent/endpoints/introspection.h"
#include "agent/endpoints/task_endpoint.h"
#include "agent/engine/engine.h"
#include "agent/engine/store.h"
#include "agent/session/acs.h"
#include "agent/session/drain.h"
#include "agent/session/register.h"
#include "agent/session/submit.h"
#include "agent/telemetry/tcs.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define STORE_FILE             "agent.db"
#define DESCRIPTORS_WANTED     16384
#define DOCKER_API_MINOR_LEAST 21 /* of Docker 1.9 */

/*   PROBE -> INFO -> RECOVER -> REGISTER -> WORK
 *     ^        |  Docker is not there: again after a while
 *     +--------+
 * A fatal error or a signal leads from anywhere to stop(). */
enum step { PROBE, INFO, RECOVER, REGISTER, WORK };

struct agent {
    struct agent_config *config;
    struct log_file *log_file; /* NULL: none */
    struct config_keys *keys;
    struct loop *loop;
    struct rng rng;
    struct arena arena; /* holds the strings of `host`, cluster and instance_arn */
    struct host_facts host;
    struct task_cgroups cgroups;
    const char *cluster, *instance_arn, *zone; /* zone NULL: unknown */

    struct agent_store *store;
    struct docker *docker;
    struct engine *engine;
    struct api_client *client;
    struct aws_fetcher *fetcher;
    struct submit *submit;
    struct acs_credentials *credentials;

    enum step next;
    struct docker_call *call; /* PROBE and INFO */
    struct backoff backoff;
    struct timer retry;
    struct registration *registration; /* REGISTER */
    struct discover *discover;         /* from here on: WORK */
    struct agent_acs *acs;
    struct agent_tcs *tcs;
    struct introspection *introspection;
    struct task_endpoint *task_endpoint; /* NULL: it is served nowhere */

    struct drain *drain; /* NULL: no notice came */
    bool is_stopping, is_leaving;
    unsigned to_close; /* parts that have not ended yet */
    struct error *fatal;
};

static const struct backoff docker_repeated = {
    .first_ms = 250, .most_ms = 10000, .growth_percent = 200, .jitter_percent = 20};

static void advance(struct agent *agent);

/* ---- ending ---- */

static void on_all_ended(void *data)
{
    struct agent *agent = data;

    loop_stop(agent->loop);
}

/* Completions of what is cancelled here run in the next turn; the one after that is the last. */
static void on_engine_closed(void *data)
{
    struct agent *agent = data;

    drain_free(agent->drain);
    agent->drain = NULL;
    submit_free(agent->submit);
    discover_free(agent->discover);
    api_client_free(agent->client);
    docker_free(agent->docker);
    aws_fetcher_free(agent->fetcher);
    agent->submit = NULL;
    agent->discover = NULL;
    agent->client = NULL;
    agent->fetcher = NULL;
    agent->docker = NULL;
    loop_defer(agent->loop, on_all_ended, agent);
}

static void on_part_closed(void *data)
{
    struct agent *agent = data;

    if (--agent->to_close)
        return;
    if (agent->engine)
        engine_close(agent->engine, on_engine_closed, agent);
    else
        on_engine_closed(agent);
}

static void close_work(struct agent *agent)
{
    agent->to_close += 3;
    agent_acs_close(agent->acs, on_part_closed, agent);
    agent_tcs_close(agent->tcs, on_part_closed, agent);
    introspection_close(agent->introspection, on_part_closed, agent);
    if (agent->task_endpoint) {
        agent->to_close++;
        task_endpoint_close(agent->task_endpoint, on_part_closed, agent);
    }
}

static void stop(struct agent *agent)
{
    if (agent->is_stopping)
        return;
    agent->is_stopping = true;
    agent->to_close = 1; /* this function */
    timer_stop(&agent->retry);
    if (agent->call)
        docker_cancel(agent->call);
    if (agent->registration)
        register_cancel(agent->registration);
    if (agent->acs)
        close_work(agent);
    loop_defer(agent->loop, on_part_closed, agent);
}

/* Takes `err`. */
static void fail(struct agent *agent, struct error *err)
{
    if (agent->fatal)
        error_free(err); /* the first one is told */
    else
        agent->fatal = err;
    stop(agent);
}

static void on_signal(int signum, void *data)
{
    struct agent *agent = data;

    if (agent->is_stopping)
        _exit(AGENT_EXIT_DONE);
    log_info("agent stops, containers keep running", "signal",
             signum == SIGTERM ? "SIGTERM" : "SIGINT");
    stop(agent);
}

/* The notice that this host goes away (AG-149). */
static void start_drain(struct agent *agent)
{
    const struct drain_options options = {.loop = agent->loop,
                                          .rng = &agent->rng,
                                          .client = agent->client,
                                          .cluster = agent->cluster,
                                          .instance_arn = agent->instance_arn};

    drain_free(agent->drain); /* asked again */
    agent->drain = drain_start(&options);
}

static void on_notice(int signum, void *data)
{
    struct agent *agent = data;

    (void)signum;
    if (!agent->config->drains_on_spot_notice) {
        log_warning("notice that the host goes away ignored: ECS_ENABLE_SPOT_INSTANCE_DRAINING is "
                    "off");
        return;
    }
    if (agent->is_stopping)
        return;
    log_info("the host is about to go away, setting its instance to DRAINING");
    agent->is_leaving = true;
    if (agent->acs)
        start_drain(agent);
}

/* ---- Docker ---- */

static void on_retry(void *data)
{
    advance(data);
}

static void wait_for_docker(struct agent *agent, const char *why)
{
    if (!agent->backoff.next_ms) /* the first failure in a row */
        log_warning("Docker does not answer, waiting for it", "address", agent->config->docker_host,
                    "error", why);
    agent->next = PROBE;
    timer_start(&agent->retry, agent->loop, backoff_next_ms(&agent->backoff, &agent->rng), on_retry,
                agent);
}

/* AG-004: older ones lack what every task needs. */
static bool is_too_old(const struct docker_version *version)
{
    int major, minor;

    return sscanf(version->api_version, "%5d.%5d", &major, &minor) == 2 && major == 1 &&
           minor < DOCKER_API_MINOR_LEAST;
}

static void on_version(const struct docker_failure *failure, const struct docker_version *version,
                       void *data)
{
    struct agent *agent = data;

    agent->call = NULL;
    if (agent->is_stopping)
        return;
    if (failure) {
        wait_for_docker(agent, failure->message);
        return;
    }
    if (is_too_old(version)) {
        fail(agent, error_new(API_INVALID_PARAMETER,
                              "Docker %s is too old: 1.9.0 is the oldest that the agent works with",
                              version->version));
        return;
    }
    agent->host.docker_version = arena_dup(&agent->arena, version->version);
    agent->host.docker_api_version = arena_dup(&agent->arena, version->api_version);
    agent->host.docker_min_api_version = arena_dup(&agent->arena, version->min_api_version);
    agent->host.engine = version->engine;
    agent->next = INFO;
    advance(agent);
}

static struct error *look_at_host(struct agent *agent, const struct docker_info *info)
{
    agent_host_fill(&agent->arena, info, &agent->host);
    TRY(agent_host_open_cgroups(agent->config, info, &agent->cgroups));
    agent->host.limits_tasks = agent->cgroups.kind != TASK_CGROUP_OFF;
    return gpu_info_read(&agent->arena, agent->config, &agent->host.gpus);
}

static void on_info(const struct docker_failure *failure, const struct docker_info *info,
                    void *data)
{
    struct agent *agent = data;
    struct error *err;

    agent->call = NULL;
    if (agent->is_stopping)
        return;
    if (failure) {
        wait_for_docker(agent, failure->message);
        return;
    }
    backoff_reset(&agent->backoff);
    err = look_at_host(agent, info);
    if (err) {
        fail(agent, err);
        return;
    }
    agent->next = RECOVER;
    advance(agent);
}

/* ---- the engine ---- */

static void on_report(const struct engine_task_view *task, void *data)
{
    struct agent *agent = data;

    if (task->known == ENGINE_STOPPED)
        acs_credentials_forget(agent->credentials, task->arn);
    if (agent->submit)
        submit_changed(agent->submit, task->arn);
}

static void on_health(const char *task_arn, void *data)
{
    struct agent *agent = data;

    if (agent->tcs)
        agent_tcs_health_changed(agent->tcs, task_arn);
}

static void on_recovered(struct error *err, void *data)
{
    struct agent *agent = data;

    if (agent->is_stopping) {
        error_free(err); /* it ends anyway */
        return;
    }
    if (err) {
        fail(agent, err);
        return;
    }
    agent->next = REGISTER;
    advance(agent);
}

/* Those of a role that the control plane told, or the agent's own. */
static bool get_keys(const char *credentials_id, struct sigv4_keys *ret, void *data)
{
    const struct agent *agent = data;
    struct role_credentials role;
    struct error *err;

    if (credentials_id) {
        if (!acs_credentials_find(agent->credentials, credentials_id, &role))
            return false;
        *ret = (struct sigv4_keys){role.access_key_id, role.secret_access_key,
                                   str_is_empty(role.session_token) ? NULL : role.session_token};
        return ret->access_key_id && ret->secret_access_key;
    }
    err = config_keys_get(agent->keys, clock_mono_ms(&clock_system), ret);
    if (err)
        log_warning("no keys", "error", err->message);
    error_free(err); /* said above */
    return !err;
}

static struct error *recover(struct agent *agent)
{
    TRY(engine_new(agent->loop, agent->config, agent->store, agent->docker, on_report, agent,
                   &agent->engine));
    engine_set_capacity(agent->engine, agent->host.cpus * 1024,
                        agent->host.memory_mib - agent->config->reserved_memory_mib);
    engine_set_cgroups(agent->engine, &agent->cgroups);
    engine_set_aws(agent->engine, agent->fetcher, get_keys, agent);
    engine_on_health(agent->engine, on_health, agent);
    engine_start(agent->engine, on_recovered, agent);
    return NULL;
}

/* ---- the control plane ---- */

static void on_registered(struct error *err, const struct registered *registered, void *data)
{
    struct agent *agent = data;

    agent->registration = NULL;
    if (err) {
        fail(agent, err);
        return;
    }
    agent->cluster = arena_dup(&agent->arena, registered->cluster);
    agent->instance_arn = arena_dup(&agent->arena, registered->instance_arn);
    agent->zone = arena_dup(&agent->arena, registered->zone);
    log_info("registered", "cluster", agent->cluster, "instance", agent->instance_arn);
    agent->next = WORK;
    advance(agent);
}

static void register_host(struct agent *agent)
{
    struct register_options options = {
        .loop = agent->loop,
        .clock = &clock_system,
        .rng = &agent->rng,
        .config = agent->config,
        .host = &agent->host,
        .client = agent->client,
        .store = agent->store,
        .done = on_registered,
        .data = agent,
    };

    agent->registration = register_start(&options);
}

static void on_acs_open(void *data)
{
    struct agent *agent = data;

    agent_tcs_hurry(agent->tcs);
    mem_give_back(); /* what starting, or connecting again, took */
}

static void on_heartbeat(void *data)
{
    struct agent *agent = data;

    agent_tcs_check_runtime(agent->tcs);
}

static void on_inactive(void *data)
{
    struct agent *agent = data;

    agent_tcs_pause(agent->tcs, SESSION_INACTIVE_MS);
}

/* AG-925 */
static void on_update(void *data)
{
    fail(data, error_new(API_UPDATE_IN_PROGRESS, "the agent ends to be replaced by a new version"));
}

static struct agent_session_options session_of(struct agent *agent)
{
    return (struct agent_session_options){
        .loop = agent->loop,
        .clock = &clock_system,
        .rng = &agent->rng,
        .config = agent->config,
        .keys = agent->keys,
        .discover = agent->discover,
    };
}

static struct error *new_acs(struct agent *agent)
{
    struct agent_acs_options options = {
        .session = session_of(agent),
        .engine = agent->engine,
        .store = agent->store,
        .submit = agent->submit,
        .credentials = agent->credentials,
        .cluster = agent->cluster,
        .instance_arn = agent->instance_arn,
        .docker_version = agent->host.docker_version,
        .on_open = on_acs_open,
        .on_heartbeat = on_heartbeat,
        .on_inactive = on_inactive,
        .on_update = on_update,
        .data = agent,
    };

    return agent_acs_new(&options, &agent->acs);
}

static void new_tcs(struct agent *agent)
{
    struct agent_tcs_options options = {
        .session = session_of(agent),
        .engine = agent->engine,
        .docker = agent->docker,
        .cluster = agent->cluster,
        .instance_arn = agent->instance_arn,
        .docker_version = agent->host.docker_version,
    };

    agent->tcs = agent_tcs_new(&options);
}

static void new_introspection(struct agent *agent)
{
    struct introspection_options options = {
        .loop = agent->loop,
        .listen = agent->config->introspection_listen,
        .cluster = agent->cluster,
        .instance_arn = agent->instance_arn,
        .engine = agent->engine,
    };

    agent->introspection = introspection_new(&options);
}

static void new_task_endpoint(struct agent *agent)
{
    struct task_endpoint_options options = {
        .loop = agent->loop,
        .clock = &clock_system,
        .config = agent->config,
        .engine = agent->engine,
        .docker = agent->docker,
        .client = agent->client,
        .credentials = agent->credentials,
        .cluster = agent->cluster,
        .instance_arn = agent->instance_arn,
        .zone = agent->zone,
    };

    agent->task_endpoint = task_endpoint_new(&options);
}

static struct error *work(struct agent *agent)
{
    agent->discover = discover_new(agent->client, agent->loop, &clock_system, agent->cluster,
                                   agent->instance_arn);
    TRY(new_acs(agent));
    new_tcs(agent);
    new_introspection(agent);
    new_task_endpoint(agent);
    submit_start(agent->submit, agent->engine, agent->cluster);
    agent_acs_start(agent->acs);
    agent_tcs_start(agent->tcs);
    if (agent->is_leaving) /* the notice came before there was an instance */
        start_drain(agent);
    return NULL;
}

static void advance(struct agent *agent)
{
    struct error *err = NULL;

    switch (agent->next) {
    case PROBE:
        agent->call = docker_get_version(agent->docker, on_version, agent);
        break;
    case INFO:
        agent->call = docker_get_info(agent->docker, on_info, agent);
        break;
    case RECOVER:
        err = recover(agent);
        break;
    case REGISTER:
        register_host(agent);
        break;
    case WORK:
        err = work(agent);
        break;
    }
    if (err)
        fail(agent, err);
}

/* ---- beginning ---- */

static struct error *load_config(const struct agent_options *options, struct agent *agent)
{
    const char *path = options->flags.config_file ? options->flags.config_file : CONFIG_FILE;
    const char *const *env = options->env ? options->env : (const char *const *)environ;
    CLEANUP(str_freep) char *settings = NULL;
    CLEANUP(str_freep) char *json_path = NULL;
    CLEANUP(str_freep) char *json = NULL;
    CLEANUP(str_freep) char *defaults = NULL;

    TRY(config_read_file(path, &settings));
    json_path = config_json_path(env, settings);
    TRY(config_read_file(json_path, &json));
    if (options->flags.defaults_file)
        TRY(config_read_file(options->flags.defaults_file, &defaults));
    return config_load(&options->flags, env, &(struct config_files){settings, json, defaults},
                       &agent->config);
}

static struct error *open_store(struct agent *agent)
{
    CLEANUP(str_freep) char *path = NULL;
    struct error *err;

    if (!agent->config->is_checkpointed) {
        log_warning("ECS_CHECKPOINT is off: tasks are forgotten when the agent ends");
        return agent_store_open(NULL, &agent->store);
    }
    TRY(dir_make(agent->config->data_dir));
    path = str_printf("%s/" STORE_FILE, agent->config->data_dir);
    err = agent_store_open(path, &agent->store);
    return err ? error_wrap(err, "the agent's state cannot be opened; another agent may use it")
               : NULL;
}

static struct error *open_all(struct agent *agent, bool leaves_sigint)
{
    struct api_client_options client = {.clock = &clock_system, .config = agent->config};
    struct aws_fetcher_options fetcher = {.clock = &clock_system, .config = agent->config};
    struct submit_options submit = {
        .clock = &clock_system, .rng = &agent->rng, .config = agent->config};
    const char *home = getenv("HOME");

    TRY(open_store(agent));
    TRY(loop_new(&agent->loop));
    TRY(loop_on_signal(agent->loop, SIGTERM, on_signal, agent));
    TRY(loop_on_signal(agent->loop, SIGUSR1, on_notice, agent));
    if (!leaves_sigint)
        TRY(loop_on_signal(agent->loop, SIGINT, on_signal, agent));
    TRY(docker_new(agent->loop, agent->config->docker_host, &agent->docker));
    agent->keys = config_keys_new(agent->config, CONFIG_KEYS_ROTATING_FILE, home);
    client.loop = agent->loop;
    client.keys = agent->keys;
    TRY(api_client_new(&client, &agent->client));
    fetcher.loop = agent->loop;
    TRY(aws_fetcher_new(&fetcher, &agent->fetcher));
    submit.loop = agent->loop;
    submit.client = agent->client;
    agent->submit = submit_new(&submit);
    agent->credentials = acs_credentials_new();
    return NULL;
}

static void close_all(struct agent *agent)
{
    submit_free(agent->submit);
    api_client_free(agent->client);
    aws_fetcher_free(agent->fetcher);
    docker_free(agent->docker);
    acs_credentials_free(agent->credentials);
    config_keys_free(agent->keys);
    if (agent->loop)
        loop_free(agent->loop);
    agent_store_close(agent->store);
    config_free(agent->config);
    arena_done(&agent->arena);
    log_to_file(NULL, LOG_LEVEL_NONE);
    log_file_close(agent->log_file);
}

/* What containers open must not take what Docker and the control plane are asked with. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_WANTED) {
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

struct error *agent_run(const struct agent_options *options)
{
    struct agent agent = {.backoff = docker_repeated};
    struct error *err = load_config(options, &agent);

    mallopt(M_ARENA_MAX, 1); /* the thread pool allocates little: one arena keeps the agent small */
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    agent.rng = rng_system();
    if (!err) {
        config_apply_proxy(agent.config);
        err = config_apply_log(agent.config, &agent.log_file);
    }
    if (!err) {
        log_info("agent starts", "version", api_client_version, "server", agent.config->server_url,
                 "cluster", agent.config->cluster, "data", agent.config->data_dir);
        err = open_all(&agent, options->leaves_sigint);
    }
    if (!err) {
        advance(&agent);
        loop_run(agent.loop);
        err = TAKE(agent.fatal);
    }
    close_all(&agent);
    return err;
}

/* AP-107: what the server refused for good and what is configured wrongly stays so. */
int agent_exit_code(const struct error *err)
{
    if (!err)
        return AGENT_EXIT_DONE;
    switch (err->code) {
    case API_SERVER:
    case API_SERVICE_UNAVAILABLE:
    case API_THROTTLING:
    case API_LIMIT_EXCEEDED:
    case API_UNRECOGNIZED_CLIENT: /* keys may be written or rotated meanwhile */
    case API_EXPIRED_TOKEN:
    case API_INVALID_SIGNATURE:
    case API_MISSING_AUTHENTICATION_TOKEN:
        return AGENT_EXIT_AGAIN;
    case API_UPDATE_IN_PROGRESS:
        return AGENT_EXIT_UPDATE;
    default:
        return AGENT_EXIT_FINAL;
    }
}
