/* acs.h - the command channel: what the control plane sends and what the agent answers (AP-201 to
 * AP-262).
 *
 * Messages are handled one by one in the order they arrive. A task is handed to the engine, which
 * has it on disk before it returns; only then the payload is acknowledged (AP-227), and not at all
 * if any of its tasks was refused (AP-225).
 *
 * Ownership  Lends everything in its options.
 */
#ifndef BERTH_AGENT_ACS_H
#define BERTH_AGENT_ACS_H

#include "agent/engine/engine.h"
#include "agent/session/acs_credentials.h"
#include "agent/session/session.h"
#include "agent/session/submit.h"

#define ACS_PROTOCOL_VERSION "2"
#define ACS_TASKS_MAX        10000 /* of one message */
#define ACS_STORE_MANIFEST   "task-manifest-seq-num"

struct agent_acs;

struct agent_acs_options {
    struct agent_session_options session; /* what both sessions share; acs fills in the rest */
    struct engine *engine;
    struct agent_store *store;
    struct submit *submit;
    struct acs_credentials *credentials;
    const char *cluster, *instance_arn;
    const char *docker_version;       /* "20.10.24+dfsg1" */
    void (*on_open)(void *data);      /* connected, every time */
    void (*on_heartbeat)(void *data); /* the server asks for the instance's health (AP-511) */
    void (*on_inactive)(void *data);  /* AP-217 */
    void (*on_update)(void *data);    /* a new version is there: the agent is to end for it */
    void *data;
};

MUST_USE struct error *agent_acs_new(const struct agent_acs_options *options,
                                     struct agent_acs **ret_acs);
void agent_acs_start(struct agent_acs *acs);
void agent_acs_close(struct agent_acs *acs, loop_fn *closed, void *data);

#endif
