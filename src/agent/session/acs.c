#include "agent/session/acs.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent/engine/store.h"
#include "agent/session/acs_message.h"
#include "base/log.h"
#include "base/mem.h"

/* AP-216 */
static const struct backoff repeated = {
    .first_ms = 250, .most_ms = 120000, .growth_percent = 150, .jitter_percent = 20};

static const char *endpoint(const struct endpoints *endpoints)
{
    return endpoints->commands;
}

/* AP-202 */
static char *query(struct arena *arena, void *data)
{
    const struct agent_acs *acs = data;
    const struct agent_session_param params[] = {
        {"agentHash", api_client_hash},
        {"agentVersion", api_client_version},
        {"clusterArn", acs->options.cluster},
        {"containerInstanceArn", acs->options.instance_arn},
        {"dockerVersion", arena_printf(arena, "DockerVersion: %s", acs->options.docker_version)},
        {"protocolVersion", ACS_PROTOCOL_VERSION},
        {"sendCredentials", acs->has_connected ? "false" : "true"},
        {"seqNum", "1"},
    };

    return agent_session_query(arena, params, ARRAY_LEN(params));
}

static bool is_task_alive(const char *task_arn, void *data)
{
    struct agent_acs *acs = data;
    struct engine_task_view task;

    return engine_view(acs->options.engine, task_arn, &task) && task.known != ENGINE_STOPPED;
}

static void on_open(void *data)
{
    struct agent_acs *acs = data;

    acs->has_connected = true; /* AP-214: no longer asks for all credentials */
    acs_credentials_sweep(acs->options.credentials, is_task_alive, acs);
    submit_hurry(acs->options.submit);
    acs->options.on_open(acs->options.data);
}

static void on_close(void *data)
{
    (void)data; /* what was not acknowledged comes again on the next connection (AP-220) */
}

static void on_inactive(void *data)
{
    struct agent_acs *acs = data;

    acs->options.on_inactive(acs->options.data);
}

static struct error *load_manifest_number(struct agent_acs *acs)
{
    CLEANUP(str_freep) char *text = NULL;

    TRY(agent_store_get(acs->options.store, ACS_STORE_MANIFEST, &text));
    if (text && !str_to_int64(text, &acs->manifest_number))
        log_warning("saved manifest number ignored", "value", text);
    return NULL;
}

struct error *agent_acs_new(const struct agent_acs_options *options, struct agent_acs **ret_acs)
{
    struct agent_acs *acs = xcalloc(1, sizeof(*acs));
    struct agent_session_options session = options->session;
    struct error *err;

    acs->options = *options;
    err = load_manifest_number(acs);
    if (err) {
        free(acs);
        return err;
    }
    session.name = "acs";
    session.backoff = repeated;
    session.endpoint = endpoint;
    session.query = query;
    session.on_open = on_open;
    session.on_message = agent_acs_on_message;
    session.on_close = on_close;
    session.on_inactive = on_inactive;
    session.data = acs;
    acs->session = agent_session_new(&session);
    acs->update = acs_update_new(session.loop, session.config, agent_acs_on_update_answer, acs);
    *ret_acs = acs;
    return NULL;
}

void agent_acs_start(struct agent_acs *acs)
{
    agent_session_start(acs->session);
}

static void on_session_closed(void *data)
{
    struct agent_acs *acs = data;
    loop_fn *closed = acs->closed;
    void *closed_data = acs->closed_data;

    acs_update_free(acs->update);
    free(acs->manifest_id);
    free(acs);
    closed(closed_data);
}

void agent_acs_close(struct agent_acs *acs, loop_fn *closed, void *data)
{
    acs->closed = closed;
    acs->closed_data = data;
    agent_session_close(acs->session, on_session_closed, acs);
}
